//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// prove shows with an ordinary client that v does what is measured: the reply is
// the documented one, and the GUID reaches the stub, as another one is refused
// there. It notes the size of a good reply, which every slice then looks for.
func prove(ctx context.Context, v *variant) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var err error
	if v.kind == grpcH2 {
		v.reply, err = proveGRPC(ctx, v.address)
	} else {
		v.reply, err = proveJSON(ctx, v)
	}
	if err != nil {
		return fmt.Errorf("%s is not correct: %w", v.id(), err)
	}
	return nil
}

func proveGRPC(ctx context.Context, address string) (int, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	client := agentconfv1.NewConferenceServiceClient(conn)
	got, err := client.HoldParticipant(metadata.AppendToOutgoingContext(ctx, "guid", guid), holdRequest())
	if err != nil {
		return 0, err
	}
	if want := holdResponse(); !proto.Equal(got, want) {
		return 0, fmt.Errorf("reply %v, want %v", got, want)
	}
	_, err = client.HoldParticipant(metadata.AppendToOutgoingContext(ctx, "guid", "x"+guid), holdRequest())
	if status.Code(err) != codes.Unauthenticated {
		return 0, fmt.Errorf("with another GUID: %v, want %v", err, codes.Unauthenticated)
	}
	return len(grpcFrame(got)), nil
}

func proveJSON(ctx context.Context, v *variant) (int, error) {
	var protocols http.Protocols
	protocols.SetHTTP1(v.kind == jsonH1)
	protocols.SetUnencryptedHTTP2(v.kind == jsonH2)
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}}
	defer client.CloseIdleConnections()
	code, body, err := postHold(ctx, client, v, guid)
	if err != nil {
		return 0, err
	}
	var got, want any
	if json.Unmarshal([]byte(stubReply), &want) != nil {
		panic("the stub's reply is not JSON")
	}
	if err := json.Unmarshal(body, &got); err != nil || code != http.StatusOK || !reflect.DeepEqual(got, want) {
		return 0, fmt.Errorf("reply %d %s, want 200 %s", code, body, stubReply)
	}
	code, other, err := postHold(ctx, client, v, "x"+guid)
	if err != nil {
		return 0, err
	}
	if code != http.StatusUnauthorized && !bytes.Contains(other, []byte("100-006")) {
		return 0, fmt.Errorf("with another GUID: reply %d %s", code, other)
	}
	return len(body), nil
}

func postHold(ctx context.Context, client *http.Client, v *variant, guid string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+v.address+v.path, strings.NewReader(jsonBody))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Guid", guid)
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}
