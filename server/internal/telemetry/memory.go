package telemetry

import (
	"log/slog"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// limitReached is the part of GOMEMLIMIT from which on the collector runs more often than
	// GOGC asks for, and takes CPU time from calls.
	limitReached = 0.95

	memoryInterval = 10 * time.Second
)

// WatchMemory measures the memory that the collector counts for its limit, until stop is
// called. It logs one record whenever the limit is reached, and registers a metric.
func WatchMemory(log *slog.Logger, r prometheus.Registerer) (stop func()) {
	return watchMemory(log, r, readMemory)
}

func watchMemory(log *slog.Logger, r prometheus.Registerer, read func() (used, limit uint64)) (stop func()) {
	reached := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "agentconf_memory_limit_reached",
		Help: "Whether memory is at GOMEMLIMIT, so that the garbage collector works harder.",
	})
	r.MustRegister(reached)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(memoryInterval)
		defer tick.Stop()
		for before := false; ; {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			used, limit := read()
			now := float64(used) >= limitReached*float64(limit)
			if now {
				reached.Set(1)
			} else {
				reached.Set(0)
			}
			if now && !before {
				log.Warn("memory is at GOMEMLIMIT, and the garbage collector takes CPU time from calls; "+
					"raise it and the memory of the container, or add replicas", "bytes", used, "limit", limit)
			}
			before = now
		}
	})
	return func() {
		close(ended)
		watching.Wait()
	}
}

// readMemory returns the bytes that count for the limit of the collector, and the limit,
// which is math.MaxInt64 if there is none.
func readMemory() (used, limit uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64(), samples[2].Value.Uint64()
}
