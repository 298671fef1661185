package deploy

import (
	"context"
	"net"
	"net/http"
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
)

// balance runs nginx with the file that operators get, which is changed in nothing but
// the addresses, in front of two replicas.
func balance(t *testing.T, one, two replica) (grpcAddress, httpURL string) {
	t.Helper()
	dir := t.TempDir()
	grpcPort, grpcFile := listen(t)
	httpPort, httpFile := listen(t)
	text := strings.NewReplacer(
		"agentconf-1.example:9090", one.GRPC, "agentconf-1.example:8080", one.HTTP,
		"agentconf-2.example:9090", two.GRPC, "agentconf-2.example:8080", two.HTTP,
		"listen 9090", "listen "+grpcPort, "listen 8080", "listen "+httpPort,
	).Replace(read(t, "nginx.conf"))
	around := strings.ReplaceAll(read(t, "../bench/conf/balancer.conf"), "{{.Dir}}", dir)
	for name, content := range map[string]string{"deploy.conf": text, "nginx.conf": around} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nginx := exec.Command("nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	nginx.ExtraFiles = []*os.File{grpcFile, httpFile}
	nginx.Env = append(os.Environ(), "NGINX=3;4;") // it listens already, so nobody has to wait for it
	nginx.Stderr = t.Output()
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = nginx.Process.Signal(os.Interrupt) // its workers end with it
		_ = nginx.Wait()
	})
	for _, file := range nginx.ExtraFiles { // which were made to block, and a worker with them
		if err := syscall.SetNonblock(int(file.Fd()), true); err != nil {
			t.Fatal(err)
		}
	}
	return grpcPort, "http://" + httpPort
}

// listen opens a port for another process.
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

// unconfirmed is why a hold that is to be confirmed was not, when there is no
// conference: NO_CONFERENCE if it met the watch of the agent, and so came to be sent.
func unconfirmed(t *testing.T, client agentconfv1.ConferenceServiceClient, agent, guid string, md ...string) string {
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

func unconfirmedJSON(t *testing.T, url, agent, guid string) string {
	t.Helper()
	_, _, body := ask(t, "POST", url+"/v1/agents/"+agent+"/conference:holdParticipant", guid, holdJSON)
	return regexp.MustCompile(`"reason":"(\w+)"`).FindStringSubmatch(body + `"reason":"OK"`)[1]
}

// unconfirmedDialect returns the retcode, which stands for the reason on that path.
func unconfirmedDialect(t *testing.T, url, agent, guid string) string {
	t.Helper()
	_, _, body := ask(t, "POST", url+"/agentgateway/resource/agentconf/"+agent+"/holdparticipant", guid, holdJSON)
	return regexp.MustCompile(`"retcode":"([^"]+)"`).FindStringSubmatch(body + `"retcode":"none"`)[1]
}

// watchGRPC begins to watch an agent, and returns when the stream has started.
func watchGRPC(t *testing.T, conn *grpc.ClientConn, agent, guid string) {
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
}

// Behind nginx everything of an agent meets at one of two replicas, over gRPC and over
// JSON, if the ID is in metadata. Without that it does not, and agents are spread.
func TestAffinity(t *testing.T) {
	gateway := emulate(t)
	replicas := []replica{serve(t, gateway), serve(t, gateway)}
	address, url := balance(t, replicas[0], replicas[1])
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client := agentconfv1.NewConferenceServiceClient(conn)
	astray := 0
	for n := range 16 {
		agent := strconv.Itoa(1287 + n)
		guid := signIn(t, url, agent)
		if n%2 == 0 {
			watch(t, url, agent, guid)
		} else {
			watchGRPC(t, conn, agent, guid)
		}
		for range 3 {
			if got := unconfirmed(t, client, agent, guid, "x-agent-id", agent); got != "NO_CONFERENCE" {
				t.Errorf("agent %s over gRPC: %s", agent, got)
			}
			if got := unconfirmedJSON(t, url, agent, guid); got != "NO_CONFERENCE" {
				t.Errorf("agent %s over JSON: %s", agent, got)
			}
			if got := unconfirmedDialect(t, url, agent, guid); got != "101-001" {
				t.Errorf("agent %s by the CC-Gateway's own path: retcode %s", agent, got)
			}
			if unconfirmed(t, client, agent, guid) == "NO_EVENT_SOURCE" {
				astray++
			}
		}
	}
	if astray == 0 {
		t.Error("calls over gRPC without the ID meet the watch, too: this proves nothing")
	}
	for _, r := range replicas {
		_, metrics := mustAsk(t, http.MethodGet, "http://"+r.Admin+"/metrics", "", "")
		watchers := regexp.MustCompile(`(?m)^agentconf_watchers \d+$`).FindString(metrics)
		if watchers == "agentconf_watchers 0" {
			t.Error("a replica has no watchers")
		}
	}
}
