package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// prove checks v with an ordinary client (grpc-go, net/http): the reply is the documented
// one, and the GUID reaches the stub, which rejects any other GUID. It records the size of
// the reply, with which every slice is compared.
func prove(ctx context.Context, v *variant) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if v.kind == grpcH2 {
		v.replySize, err = proveGRPC(ctx, v.address)
	} else {
		v.replySize, err = proveJSON(ctx, v)
	}
	if err != nil {
		return fmt.Errorf("%s is not correct: %w", v.name, err)
	}
	return nil
}

func proveGRPC(ctx context.Context, address string) (size int, err error) {
	front, err := newFront(false, endpoint{grpc: address})
	if err != nil {
		return 0, err
	}
	defer front.close()
	var got agentconfv1.HoldParticipantResponse
	if err := front.call(ctx, grpcPath, guid, holdRequest(), &got); err != nil {
		return 0, err
	}
	if want := holdResponse(); !proto.Equal(&got, want) {
		return 0, fmt.Errorf("reply %v, want %v", &got, want)
	}
	err = front.call(ctx, grpcPath, "x"+guid, holdRequest(), &agentconfv1.HoldParticipantResponse{})
	if status.Code(err) != codes.Unauthenticated {
		return 0, fmt.Errorf("with another GUID: %v, want %v", err, codes.Unauthenticated)
	}
	return len(grpcFrame(&got)), nil
}

func proveJSON(ctx context.Context, v *variant) (size int, err error) {
	front := jsonFront{"http://" + v.address, &http.Client{Transport: newTransport(v.kind)}}
	defer front.close()
	body, err := front.post(ctx, v.path, guid, []byte(jsonBody))
	if err != nil {
		return 0, err
	}
	var got, want any
	if err := errors.Join(json.Unmarshal(body, &got), json.Unmarshal([]byte(stubReply), &want)); err != nil {
		return 0, err
	}
	if !reflect.DeepEqual(got, want) {
		return 0, fmt.Errorf("reply %s, want %s", body, stubReply)
	}
	other, err := front.post(ctx, v.path, "x"+guid, []byte(jsonBody))
	if status.Code(err) != codes.Unauthenticated && !bytes.Contains(other, []byte("100-006")) {
		return 0, fmt.Errorf("with another GUID: reply %s, %v", other, err)
	}
	return len(body), nil
}
