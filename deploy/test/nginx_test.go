package test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/program"
)

// startNginx starts nginx with deploy/nginx.conf in front of two replicas. It changes nothing but
// the addresses, and what changes has: pairs of old and new texts.
func startNginx(t *testing.T, one, two *program.Process, changes ...string) (grpcAddress, httpURL string) {
	t.Helper()
	dir := t.TempDir()
	grpcPort, grpcFile := listen(t)
	httpPort, httpFile := listen(t)
	text := strings.NewReplacer(append(changes,
		"agentconf-1.example:9090", one.GRPC, "agentconf-1.example:8080", one.HTTP,
		"agentconf-2.example:9090", two.GRPC, "agentconf-2.example:8080", two.HTTP,
		"listen 9090", "listen "+grpcPort, "listen 8080", "listen "+httpPort,
	)...).Replace(read(t, "deploy/nginx.conf"))
	around := strings.ReplaceAll(read(t, "bench/conf/balancer.conf"), "{{.Dir}}", dir)
	for name, content := range map[string]string{"deploy.conf": text, "nginx.conf": around} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nginx := exec.Command("nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	nginx.ExtraFiles = []*os.File{grpcFile, httpFile}
	nginx.Env = append(os.Environ(), "NGINX=3;4;") // nginx inherits both listeners, so the test need not wait
	nginx.Stderr = t.Output()
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = nginx.Process.Signal(os.Interrupt) // which ends its workers, too
		_ = nginx.Wait()
	})
	for _, file := range nginx.ExtraFiles { // File made them blocking, which would block a worker
		if err := syscall.SetNonblock(int(file.Fd()), true); err != nil {
			t.Fatal(err)
		}
	}
	return grpcPort, "http://" + httpPort
}

// listen opens a port for another process, which inherits file.
func listen(t *testing.T) (address string, file *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err = l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return l.Addr().String(), file
}

// holdReason sends a confirmed hold of an agent without a conference and returns the reason of the
// error. NO_CONFERENCE shows that the replica of the agent's watch got the call and sent it.
func holdReason(t *testing.T, client agentconfv1.ConferenceServiceClient, agent, guid string, md ...string) string {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), append(md, "guid", guid)...)
	_, err := client.HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
		AgentId: agent, AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3", ConfirmWithin: durationpb.New(10 * time.Second),
	})
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return err.Error()
}

const holdJSON = `{"addressType":"6","address":"88887946","voicePath":"y:/conf/120/1136287.V3","confirmWithin":"10s"}`

// holdReasonREST is holdReason over REST.
func holdReasonREST(t *testing.T, url, agent, guid string) string {
	t.Helper()
	_, _, body := request(t, "POST", url+"/v1/agents/"+agent+"/conference:holdParticipant", guid, holdJSON)
	return regexp.MustCompile(`"reason":"(\w+)"`).FindStringSubmatch(body + `"reason":"OK"`)[1]
}

// holdRetcode is holdReason over the gateway dialect, where a retcode stands for the reason.
func holdRetcode(t *testing.T, url, agent, guid string) string {
	t.Helper()
	_, _, body := request(t, "POST", url+"/agentgateway/resource/agentconf/"+agent+"/holdparticipant", guid, holdJSON)
	return regexp.MustCompile(`"retcode":"([^"]+)"`).FindStringSubmatch(body + `"retcode":"none"`)[1]
}

// watchGRPC starts a watch of an agent over gRPC and returns it after its first message.
func watchGRPC(t *testing.T, conn *grpc.ClientConn, agent, guid string) agentconfv1.EventService_WatchAgentEventsClient {
	t.Helper()
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(), "guid", guid, "x-agent-id", agent))
	t.Cleanup(cancel)
	stream, err := agentconfv1.NewEventServiceClient(conn).WatchAgentEvents(ctx, &agentconfv1.WatchAgentEventsRequest{AgentId: agent})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := stream.Recv(); first.GetStarted() == nil {
		t.Fatalf("the watch of agent %s begins with %v, %v", agent, first, err)
	}
	return stream
}

// Behind nginx with its default of 60 s, a watch of a quiet agent lives for three minutes, over gRPC
// and as server-sent events. Times are 15 times shorter: 12 heartbeats take three minutes. Without
// heartbeats nginx ends the watch.
func TestQuietWatch(t *testing.T) {
	for _, beats := range []bool{true, false} {
		t.Run(fmt.Sprintf("gRPC, heartbeats %v", beats), func(t *testing.T) {
			t.Parallel()
			address, url := quietNginx(t, beats)
			conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			stream := watchGRPC(t, conn, "1287", login(t, url, "1287"))
			checkBeats(t, beats, func() (bool, error) {
				message, err := stream.Recv()
				return message.GetHeartbeat() != nil, err
			})
		})
		t.Run(fmt.Sprintf("server-sent, heartbeats %v", beats), func(t *testing.T) {
			t.Parallel()
			_, url := quietNginx(t, beats)
			lines := watchLines(t, url, "1287", login(t, url, "1287"))
			checkBeats(t, beats, func() (bool, error) {
				line, err := lines.ReadString('\n')
				return strings.HasPrefix(line, ":"), err
			})
		})
	}
}

// quietNginx starts a service, with heartbeats each second or none, behind nginx with time-outs of 4 s.
func quietNginx(t *testing.T, beats bool) (grpcAddress, httpURL string) {
	t.Helper()
	interval := map[bool]string{true: "1s", false: "1h"}[beats]
	service := startService(t, startEmulator(t), "--watch-heartbeat", interval)
	return startNginx(t, service, service, "grpc_read_timeout 1d", "grpc_read_timeout 4s",
		"proxy_read_timeout 75s", "proxy_read_timeout 4s")
}

// checkBeats checks that a stream has 12 heartbeats, or that it ends without one. next reads a message.
func checkBeats(t *testing.T, beats bool, next func() (beat bool, err error)) {
	t.Helper()
	for n := 0; n < 12; {
		beat, err := next()
		if err != nil && (beats || n > 0) {
			t.Fatalf("the stream ended after %d heartbeats: %v", n, err)
		}
		if err != nil {
			return
		}
		if beat {
			n++
		}
	}
	if !beats {
		t.Error("got heartbeats, want none")
	}
}

// nginx sends the calls and watches of one agent to the same replica, over gRPC and JSON, if gRPC
// calls carry the agent ID in metadata, and it spreads the agents. Without the ID in metadata some
// calls reach the other replica.
func TestAffinity(t *testing.T) {
	gateway := startEmulator(t)
	replicas := []*program.Process{startService(t, gateway), startService(t, gateway)}
	address, url := startNginx(t, replicas[0], replicas[1])
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client := agentconfv1.NewConferenceServiceClient(conn)
	misrouted := 0
	for n := range 16 {
		agent := strconv.Itoa(1287 + n)
		guid := login(t, url, agent)
		if n%2 == 0 {
			watch(t, url, agent, guid)
		} else {
			watchGRPC(t, conn, agent, guid)
		}
		for range 3 {
			if got := holdReason(t, client, agent, guid, "x-agent-id", agent); got != "NO_CONFERENCE" {
				t.Errorf("agent %s over gRPC: %s", agent, got)
			}
			if got := holdReasonREST(t, url, agent, guid); got != "NO_CONFERENCE" {
				t.Errorf("agent %s over REST: %s", agent, got)
			}
			if got := holdRetcode(t, url, agent, guid); got != "101-001" {
				t.Errorf("agent %s over the dialect: retcode %s", agent, got)
			}
			if holdReason(t, client, agent, guid) == "NO_EVENT_SOURCE" {
				misrouted++
			}
		}
	}
	if misrouted == 0 {
		t.Error("calls over gRPC without the ID in metadata reach the replica of the watch, too: the test proves nothing")
	}
	for _, r := range replicas {
		watchers := regexp.MustCompile(`(?m)^agentconf_watchers \d+$`).FindString(scrape(t, r.Admin))
		if watchers == "agentconf_watchers 0" {
			t.Error("a replica has no watchers")
		}
	}
}
