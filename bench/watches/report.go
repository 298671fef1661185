package watches

import (
	"fmt"
	"os"

	"agentconf/server/bench/plot"
	"agentconf/server/bench/rig"
)

const (
	maxDelayMs           = 10.0 // p99
	maxCollectionsMinute = 60.0 // more is a collector that runs for its limit's sake
)

// maxResidentMB has the bars of memory by the number of agents.
var maxResidentMB = map[int]float64{10_000: 450, 18_000: 800}

// printSteps prints the results of all steps.
func printSteps(steps []*step, o options) {
	title := fmt.Sprintf("An event of each agent every %v after %d at once, polls held for %v, measured for %v. "+
		"Resident MB at most 450 with 10,000 agents and 800 with 18,000, p99 at most %.0f ms, at most %.0f "+
		"collections a minute. No event was lost.", o.Every, o.Warm, o.Hold, o.duration, maxDelayMs, maxCollectionsMinute)
	header := "agents\tresident MB\tpeak\t\tlive KiB each\tCPU % of a core\thighest second\tcollections/min\t\t" +
		"open files\tevents\tp50 ms\tp99\tp99.9\thighest\t\tforeign\t"
	rig.PrintTable(os.Stdout, title, header, steps, (*step).cells)
}

func (x *step) cells() string {
	var cpu, highest float64
	for _, second := range x.seconds {
		cpu += 100 * second.cpu / float64(len(x.seconds))
		highest = max(highest, 100*second.cpu)
	}
	resident, bar := x.residentMB(), ""
	if limit, ok := maxResidentMB[x.agents]; ok {
		bar = rig.Verdict(resident, limit)
	}
	perMinute := x.collections * 60 / float64(len(x.seconds))
	p99 := rig.Quantile(x.delays, 0.99)
	return fmt.Sprintf("%d\t%.0f\t%.0f\t%s\t%.1f\t%.0f\t%.0f\t%.0f\t%s\t%.0f\t%d\t%.2f\t%.2f\t%.1f\t%.1f\t%s\t%.0f %%\t",
		x.agents, resident, x.peak/1e6, bar, (x.after.live-x.before.live)/1024/float64(x.agents),
		cpu, highest, perMinute, rig.Verdict(perMinute, maxCollectionsMinute), x.after.files, x.events,
		rig.Quantile(x.delays, 0.5), p99, rig.Quantile(x.delays, 0.999), rig.Quantile(x.delays, 1),
		rig.Verdict(p99, maxDelayMs), 100*x.foreign)
}

// residentMB returns the resident memory at the end of the measurement.
func (x *step) residentMB() float64 { return x.seconds[len(x.seconds)-1].resident / 1e6 }

// draw returns a plot of memory and delay by the number of agents.
func draw(steps []*step) []byte {
	memory, p50, p99 := plot.Line{Name: "resident memory"}, plot.Line{Name: "p50"}, plot.Line{Name: "p99"}
	for _, x := range steps {
		memory.Add(float64(x.agents), x.residentMB())
		p50.Add(float64(x.agents), rig.Quantile(x.delays, 0.5))
		p99.Add(float64(x.agents), rig.Quantile(x.delays, 0.99))
	}
	return plot.Lines(
		plot.Panel{Title: "resident memory of agentconf, MB", XAxis: "watched agents", Lines: []plot.Line{memory}},
		plot.Panel{Title: "event from the gateway's answer to the client, ms", XAxis: "watched agents",
			Limit: maxDelayMs, Lines: []plot.Line{p50, p99}})
}
