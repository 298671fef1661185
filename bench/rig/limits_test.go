package rig

import (
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		files, maxFiles, ports uint64
		want                   []string
	}{
		{18_300, 20_000, 28_232, nil},
		{20_001, 20_000, 28_232, []string{"ulimit -Hn 20001"}},
		{30_000, 40_000, 28_232, []string{"ip_local_port_range"}},
		{50_000, 40_000, 28_232, []string{"ulimit -Hn 50000", "ip_local_port_range"}},
	} {
		err := missing(c.files, c.maxFiles, c.ports)
		if (err == nil) != (len(c.want) == 0) {
			t.Errorf("%+v: %v", c, err)
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: %v", c, err)
			}
		}
	}
}
