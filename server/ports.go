package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"agentconf/server/internal/lifecycle"
)

// port is the address of a listener, HOST:PORT, and the flag that sets it. Without a host
// it is on all interfaces, and port 0 is any free one.
type port struct{ flag, address string }

// address defines a flag for the address of a port. Its default is *to.
func (fs *flags) address(to *string, name, usage string) {
	fs.value(name, usage, func() string { return *to }, func(text string) error {
		*to = text
		return checkAddress(text)
	})
}

// checkAddress returns an error unless address is HOST:PORT. A port may have a name, such
// as https.
func checkAddress(address string) error {
	_, number, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", number)
	}
	if err != nil || number == "" {
		return errors.New("must be HOST:PORT or :PORT with a port from 0 to 65535, such as 127.0.0.1:9090")
	}
	return nil
}

// overlaps reports whether p and q cannot both be opened. Port 0 is any free one.
func (p port) overlaps(q port) bool {
	host, number := p.split()
	otherHost, otherNumber := q.split()
	if number == 0 || number != otherNumber {
		return false
	}
	return host == "" || otherHost == "" || strings.EqualFold(host, otherHost)
}

// split returns the host, which is empty for all interfaces, and the number of the port,
// which is 0 if the address is invalid.
func (p port) split() (host string, number int) {
	host, text, err := net.SplitHostPort(p.address)
	if err != nil {
		return "", 0
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = ""
	}
	number, err = net.LookupPort("tcp", text)
	if err != nil {
		return "", 0
	}
	return host, number
}

// overlapping returns a fault for each port that an earlier one has taken.
func overlapping(ports []port) (faults []error) {
	for i, p := range ports {
		for _, q := range ports[:i] {
			if p.overlaps(q) {
				faults = append(faults, fmt.Errorf("%s: %s is the port of %s, too; set another port",
					p.flag, p.address, q.flag))
				break
			}
		}
	}
	return faults
}

// forbiddenPorts returns a fault for each port that the process has no right to open. Only
// systems that reserve low ports have such a right, so that no other port is tried.
func (s *settings) forbiddenPorts() (faults []error) {
	for _, p := range s.ports() {
		if _, number := p.split(); number == 0 || number >= 1024 {
			continue
		}
		l, err := p.listen()
		if err == nil {
			l.Close()
		} else if _, forbidden := errors.AsType[usageError](err); forbidden {
			faults = append(faults, err)
		}
	}
	return faults
}

// listenAll opens a listener for every port, in their order. It returns the faults of all
// that it cannot open, and closes the others then. The error is a usageError if a restart
// cannot mend one of the faults.
func listenAll(ports []port) (open []net.Listener, err error) {
	var faults []error
	for _, p := range ports {
		l, err := p.listen()
		if err != nil {
			faults = append(faults, err)
			continue
		}
		open = append(open, l)
	}
	if len(faults) == 0 {
		return open, nil
	}
	for _, l := range open {
		l.Close()
	}
	return nil, errors.Join(faults...)
}

// listen opens the listener.
func (p port) listen() (net.Listener, error) {
	l, err := lifecycle.Listen(p.address)
	if err != nil {
		return nil, p.fault(err)
	}
	return l, nil
}

// fault returns the error of a listener that cannot be opened. It names the flag and the
// remedy; the system's text names neither.
func (p port) fault(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %s is in use; stop the program that listens there, or change the flag",
			p.flag, p.address)
	case errors.Is(err, syscall.EACCES):
		return usageError{fmt.Errorf("%s: no right to open %s; set a port from 1024 on, "+
			"or give the program the capability CAP_NET_BIND_SERVICE", p.flag, p.address)}
	}
	return fmt.Errorf("%s: %w; set an address of this machine and a port, such as 127.0.0.1:9090", p.flag, err)
}
