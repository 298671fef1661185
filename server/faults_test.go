package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"

	"agentconf/internal/testca"
)

// One start reports every mistake in the settings, each in a line that names its flag or
// variable, with exit code 2.
func TestSettingFaults(t *testing.T) {
	pair := testca.New(t).Issue(t, "x")
	certificate, _ := pem.Decode([]byte(pair.Certificate))
	der := pemFile(t, string(certificate.Bytes))
	encrypted := pemFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})))
	env := []string{
		"AGENTCONF_GATEWAY_TIMOUT=3s", "AGENTCONF_XYZZY=1", "AGENTCONF_GATEWAY_NODE=Node1=http://a,Node1=http://b",
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=grpc://collector:4317", "HOME=/",
	}
	code, stdout, stderr := runCommand(t, env, "serve", "--gateway", "http://gw:70000", "--gateway-node", "Node.1=http://c",
		"--grpc-listen", ":9090", "--http-listen", "127.0.0.1:9090", "--admin-listen", "127.0.0.1:65536",
		"--gateway-cert", der, "--gateway-key", encrypted, "--log-peers", "perhaps")
	if code != 2 || stdout != "" {
		t.Errorf("got exit code %d, stdout %q, want 2 and none", code, stdout)
	}
	for _, want := range []string{
		`--gateway="http://gw:70000": must have a port from 1 to 65535, such as https://gateway.example:8043`,
		`--gateway-node="Node.1=http://c": no GUID ends in "Node.1"; set the part behind the last dot of a GUID`,
		`--admin-listen="127.0.0.1:65536": must be HOST:PORT or :PORT with a port from 0 to 65535, such as 127.0.0.1:9090`,
		`--log-peers="perhaps": must be true or false`,
		`AGENTCONF_GATEWAY_TIMOUT sets no flag (did you mean AGENTCONF_GATEWAY_TIMEOUT?); "agentconf serve --help" lists the variables`,
		`AGENTCONF_XYZZY sets no flag; "agentconf serve --help" lists the variables`,
		`--gateway-cert: only TLS has certificates; set --gateway to https://, or remove --gateway-cert`,
		`--gateway-key: only TLS has certificates; set --gateway to https://, or remove --gateway-key`,
		`--http-listen: 127.0.0.1:9090 is the port of --grpc-listen, too; set another port`,
		`--gateway-cert: ` + der + ` is a certificate in DER and not PEM; convert it with: openssl x509 -inform der -in ` + der + ` -out NEW_FILE`,
		`--gateway-key: the key in ` + encrypted + ` is encrypted, and agentconf takes no passphrase; decrypt it with: openssl pkey -in ` + encrypted + ` -out NEW_FILE`,
		`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="grpc://collector:4317": must be a URL with http:// or https://, such as http://127.0.0.1:4318`,
		`OTEL_EXPORTER_OTLP_ENDPOINT="collector:4317": must be a URL with http:// or https://, such as http://127.0.0.1:4318`,
	} {
		if line := "agentconf serve: " + want + "\n"; !strings.Contains(stderr, line) {
			t.Errorf("got no line\n%swant it in\n%s", line, stderr)
		}
	}
	if lines := strings.Count(stderr, "\n"); lines != 13 {
		t.Errorf("got %d lines, want 13:\n%s", lines, stderr)
	}
	_, _, stderr = runCommand(t, env, "serve", "--gateway", "https://gw")
	if want := `AGENTCONF_GATEWAY_NODE="Node1=http://a,Node1=http://b": node Node1 has two URLs; a node has one`; !strings.Contains(stderr, want) {
		t.Errorf("got no %s, want it in\n%s", want, stderr)
	}
}

// The certificate flags of the gateway are in use if one of its URLs has TLS, and ports
// differ if their hosts do.
func TestSettingsWithoutFaults(t *testing.T) {
	pair := testca.New(t).Issue(t, "x")
	code, _, stderr := runCommand(t, nil, "serve", "--print-config", "--gateway", "http://gw", "--gateway-node", "A=https://a",
		"--gateway-cert", pemFile(t, pair.Certificate), "--gateway-key", pemFile(t, pair.Key),
		"--grpc-listen", "127.0.0.1:9090", "--http-listen", "127.0.0.2:9090", "--admin-listen", "127.0.0.1:0")
	if code != 0 || stderr != "" {
		t.Errorf("got exit code %d, stderr %q, want 0 and none", code, stderr)
	}
}

// A command accepts the variables of the others, and those that Kubernetes sets for a
// Service with the name agentconf, but only in a pod.
func TestForeignVariables(t *testing.T) {
	links := []string{
		"AGENTCONF_PORT=tcp://10.0.0.1:9090", "AGENTCONF_SERVICE_HOST=10.0.0.1", "AGENTCONF_SERVICE_PORT=9090",
		"AGENTCONF_SERVICE_PORT_GRPC=9090", "AGENTCONF_PORT_9090_TCP=tcp://10.0.0.1:9090", "AGENTCONF_PORT_9090_TCP_ADDR=10.0.0.1",
		"AGENTCONF_HEADLESS_SERVICE_HOST=None",
	}
	for _, test := range []struct {
		env  []string
		code int
	}{
		{[]string{"AGENTCONF_STAY=true", "AGENTCONF_AUTH_MODE=1"}, 0},
		{append(links, "KUBERNETES_SERVICE_HOST=10.0.0.9"), 0},
		{links, 2},
		{[]string{"KUBERNETES_SERVICE_HOST=10.0.0.9", "AGENTCONF_GRPC_PORT=9090"}, 2},
	} {
		code, _, stderr := runCommand(t, test.env, "serve", "--gateway", "https://gw", "--print-config")
		if code != test.code {
			t.Errorf("%v: got exit code %d, want %d: %s", test.env, code, test.code, stderr)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"ab", "ba", 2},
	} {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("%q and %q: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
	if got := proposal(prefix, "AGENTCONF_NOTHING_LIKE_IT", []string{"AGENTCONF_GATEWAY"}); got != "" {
		t.Errorf("got the proposal %q for a name that is like no other, want none", got)
	}
}

// A port without the right to open it is a wrong setting; a port in use is not, because a
// restart may mend it.
func TestPortFaults(t *testing.T) {
	p := port{"--http-listen", ":443"}
	for cause, want := range map[error]struct {
		text  string
		usage bool
	}{
		syscall.EACCES: {"--http-listen: no right to open :443; set a port from 1024 on, or give the program the " +
			"capability CAP_NET_BIND_SERVICE", true},
		syscall.EADDRINUSE: {"--http-listen: :443 is in use; stop the program that listens there, or change the flag", false},
	} {
		err := p.fault(fmt.Errorf("listen: %w", cause))
		if _, usage := errors.AsType[usageError](err); err.Error() != want.text || usage != want.usage {
			t.Errorf("got %v, wrong setting %v, want %s, %v", err, usage, want.text, want.usage)
		}
	}
}

// A start reports every port that it cannot open, and keeps none open.
func TestListenAll(t *testing.T) {
	free := port{"--free", "127.0.0.1:0"}
	first, err := free.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := free.listen()
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	open := port{"--open", second.Addr().String()}
	taken := first.Addr().String()
	_, err = listenAll([]port{{"--a", taken}, open, {"--b", taken}})
	if err == nil || !strings.HasPrefix(err.Error(), "--a: ") || !strings.Contains(err.Error(), "\n--b: ") {
		t.Errorf("got %v, want the faults of both ports", err)
	}
	again, err := net.Listen("tcp", open.address)
	if err != nil {
		t.Fatalf("a port stays open: %v", err)
	}
	again.Close()
}

// The log has a warning if other hosts can reach the admin port.
func TestExposedAdminPort(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": true, "::": true, "192.0.2.1": true} {
		var log strings.Builder
		warnOfStrangers(slog.New(slog.NewTextHandler(&log, nil)), &net.TCPAddr{IP: net.ParseIP(address), Port: 9464})
		if got := strings.Contains(log.String(), "level=WARN msg=\"other hosts can reach the admin port"); got != want {
			t.Errorf("%s: got a warning %v, want %v: %s", address, got, want, log.String())
		}
	}
}
