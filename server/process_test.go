package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// The binary of the tests is the program itself for a test that starts it as a
// process of its own.
func init() {
	if os.Getenv("AGENTCONF_AS_PROCESS") != "" {
		main()
	}
}

// child is the service as a process.
type child struct {
	*exec.Cmd
	log *bufio.Reader
}

func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"serve", "--gateway", "http://127.0.0.1:1",
		"--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = []string{"AGENTCONF_AS_PROCESS=1"}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	c := &child{cmd, bufio.NewReader(log)}
	c.await(t, `"msg":"serving"`)
	return c
}

// await reads the log up to a line with part in it.
func (c *child) await(t *testing.T, part string) {
	t.Helper()
	for line := ""; !strings.Contains(line, part); {
		var err error
		if line, err = c.log.ReadString('\n'); err != nil {
			t.Fatalf("%v before %s", err, part)
		}
	}
}

func (c *child) terminate(t *testing.T) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// One signal ends the service in order, a second one at once.
func TestSignals(t *testing.T) {
	orderly := startChild(t, "--drain-delay", "10ms")
	orderly.terminate(t)
	orderly.await(t, `"msg":"stopping"`)
	orderly.await(t, `"msg":"stopped"`)
	if err := orderly.Wait(); err != nil {
		t.Errorf("after one signal: %v", err)
	}
	hurried := startChild(t, "--drain-delay", "1h")
	hurried.terminate(t)
	hurried.await(t, `"msg":"stopping"`)
	hurried.terminate(t)
	hurried.Wait()
	if end := hurried.ProcessState.Sys().(syscall.WaitStatus); !end.Signaled() || end.Signal() != syscall.SIGTERM {
		t.Errorf("after two signals: %v", hurried.ProcessState)
	}
}
