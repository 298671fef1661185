package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"agentconf/server/internal/certificates"
	"agentconf/server/internal/gateway"
)

// setServerName sets a host name or an IP address. It rejects a URL and a port, which no
// certificate has.
func (s *settings) setServerName(name string) error {
	s.Gateway.ServerName = name
	if _, err := netip.ParseAddr(name); err != nil && strings.ContainsAny(name, ":/ ") {
		return errors.New("must be a host name without scheme and port, such as gateway.example")
	}
	return nil
}

// pins returns the pins as a list for addPins.
func (s *settings) pins() string {
	var pins []string
	for _, pin := range s.Gateway.Pins {
		pins = append(pins, string(pin))
	}
	return strings.Join(pins, ",")
}

// addPins adds a list of pins, so that the key of the gateway can be replaced.
func (s *settings) addPins(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		pin, err := gateway.ParsePin(text)
		if err != nil {
			return err
		}
		s.Gateway.Pins = append(s.Gateway.Pins, pin)
	}
	return nil
}

// hasPlainGateway reports whether the gateway or one of its nodes has no TLS.
func (s *settings) hasPlainGateway() bool {
	return slices.ContainsFunc(s.gatewayURLs(), func(url string) bool { return strings.HasPrefix(url, "http://") })
}

// unusedTLS returns a fault for each flag of TLS with the gateway if no URL uses TLS.
func (s *settings) unusedTLS() (faults []error) {
	if slices.ContainsFunc(s.gatewayURLs(), func(url string) bool { return !strings.HasPrefix(url, "http://") }) {
		return nil
	}
	for _, file := range []certificates.File{s.gatewayFiles.CAs, s.gatewayFiles.Certificate, s.gatewayFiles.Key} {
		if file.Name != "" {
			faults = append(faults, fmt.Errorf("%s: only TLS has certificates; set --gateway to https://, "+
				"or remove %[1]s", file.Flag))
		}
	}
	return faults
}
