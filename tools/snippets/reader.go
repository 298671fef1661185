package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long a command may take; the first builds the program.
const patience = 2 * time.Minute

// reader is somebody who types what a document says.
type reader struct {
	pasted []string // NAME=value, of lines with export
	kept   []*kept
}

// kept is a command that goes on running, in a terminal of its own.
type kept struct {
	command        *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// output is what a command has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// shell is a command with all that was pasted, in a process group of its own.
func (r *reader) shell(ctx context.Context, commands string) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", "-euc", commands)
	c.Env = append(os.Environ(), r.pasted...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	return c
}

func (r *reader) try(s snippet) error {
	if s.keeps {
		return r.keep(s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := r.shell(ctx, s.commands)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	printed, err := c.Output()
	if ctx.Err() != nil {
		return fmt.Errorf("it has not ended after %v; should it keep running, or not be run?", patience)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s%s", err, printed, &stderr)
	}
	fmt.Printf("-- %s\n", strings.TrimSpace(string(printed)))
	if got := strings.TrimSpace(string(printed)) + "\n"; !pattern(s.prints, true).MatchString(got) {
		return fmt.Errorf("prints\n%s\nand the document says\n%s", got, s.prints)
	}
	return nil
}

// keep starts a command that goes on running, and waits for what it prints first.
func (r *reader) keep(s snippet) error {
	if strings.HasPrefix(s.commands, "go run ./server ") {
		if err := r.stop(); err != nil {
			return err
		}
	}
	k := &kept{command: r.shell(context.Background(), s.commands), ended: make(chan struct{})}
	k.command.WaitDelay = 0 // "go run" is gone before the program that it runs, which prints until it ends
	k.command.Stdout, k.command.Stderr = &k.stdout, &k.stderr
	if err := k.command.Start(); err != nil {
		return err
	}
	r.kept = append(r.kept, k)
	go func() {
		defer close(k.ended)
		k.command.Wait()
	}()
	if err := k.await(s.prints); err != nil {
		return err
	}
	fmt.Printf("-- %s\n-- goes on\n", strings.TrimSpace(k.stdout.String()+k.stderr.String()))
	for line := range strings.Lines(k.stdout.String()) {
		if variable, found := strings.CutPrefix(strings.TrimSpace(line), "export "); found {
			r.pasted = append(r.pasted, variable)
		}
	}
	return nil
}

// await waits until text is on either output.
func (k *kept) await(text string) error {
	if text == "" {
		return errors.New("it keeps running, and the document does not say what it prints first")
	}
	want := pattern(text, false)
	late := time.After(patience)
	for !want.MatchString(k.stdout.String()) && !want.MatchString(k.stderr.String()) {
		select {
		case <-k.ended:
			return fmt.Errorf("it ended: %s%s", &k.stdout, &k.stderr)
		case <-late:
			return fmt.Errorf("after %v it has printed\n%s%s\nand the document says\n%s", patience, &k.stdout, &k.stderr, text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// stop ends what goes on running, the last first. It has ended when nothing is left that
// could print, such as the program below "go run".
func (r *reader) stop() (err error) {
	for i := len(r.kept) - 1; i >= 0; i-- {
		err = errors.Join(err, r.kept[i].stop())
	}
	r.kept = nil
	return err
}

func (k *kept) stop() error {
	_ = syscall.Kill(-k.command.Process.Pid, syscall.SIGTERM) // fails if it has ended
	select {
	case <-k.ended:
		return nil
	case <-time.After(time.Minute):
		_ = syscall.Kill(-k.command.Process.Pid, syscall.SIGKILL)
		return fmt.Errorf("%v does not end", k.command.Args)
	}
}
