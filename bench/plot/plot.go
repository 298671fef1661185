// Package plot draws measurements as SVG.
package plot

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

const (
	width  = 760
	names  = 190 // width of the names of bars
	left   = 60  // of a panel
	right  = 560
	panel  = 230 // height of a panel of lines
	top    = 34  // of the plot in a panel
	bottom = 186
	row    = 20 // height of a bar with its distance
)

// palette is the one of Okabe and Ito, which the colour-blind can tell apart.
var palette = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// colour returns the colour of series i.
func colour(i int) string { return palette[i%len(palette)] }

// Line is one line of a panel. X and Y have the same length.
type Line struct {
	Name string
	X, Y []float64
}

// Add adds a point.
func (l *Line) Add(x, y float64) { l.X, l.Y = append(l.X, x), append(l.Y, y) }

// Panel has lines with common axes, both of which begin at zero. Limit is drawn as a
// dashed line, unless it is zero.
type Panel struct {
	Title, XAxis string
	Limit        float64
	Lines        []Line
}

// Bar is one bar. Its whisker goes from Low to High. Group selects the colour.
type Bar struct {
	Name             string
	Value, Low, High float64
	Group            int
}

// drawing collects the elements of an image.
type drawing struct{ strings.Builder }

// Lines returns an image with panels below each other.
func Lines(panels ...Panel) []byte {
	var d drawing
	for i, p := range panels {
		d.add(`<g transform="translate(0,%d)">`, i*panel)
		d.panel(p)
		d.add(`</g>`)
	}
	return d.image(len(panels) * panel)
}

// Bars returns an image with horizontal bars below a title.
func Bars(title string, bars []Bar) []byte {
	var d drawing
	d.text(names, 20, "start", title)
	scale := axis(slices.MaxFunc(bars, func(a, b Bar) int { return cmp.Compare(a.High, b.High) }).High)
	bottom := top + row*len(bars)
	for _, tick := range scale.ticks {
		x := scale.at(tick, names, right)
		d.rule(x, top, x, float64(bottom))
		d.text(x, float64(bottom)+14, "middle", number(tick))
	}
	for i, b := range bars {
		y := float64(top + row*i)
		end, low, high := scale.at(b.Value, names, right), scale.at(b.Low, names, right), scale.at(b.High, names, right)
		d.text(names-6, y+14, "end", b.Name)
		d.add(`<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`, names, y+3, end-names, row-6, colour(b.Group))
		d.add(`<path d="M%.1f %.1fH%.1f" stroke="#000"/>`, low, y+row/2, high)
		d.text(max(end, high)+6, y+14, "start", number(b.Value))
	}
	return d.image(bottom + 24)
}

// panel draws a panel at the origin.
func (d *drawing) panel(p Panel) {
	d.text(left, 20, "start", p.Title)
	d.text(right+24, bottom+14, "start", p.XAxis)
	highestX, highestY := 0.0, p.Limit
	for _, l := range p.Lines {
		highestX, highestY = max(highestX, slices.Max(l.X)), max(highestY, slices.Max(l.Y))
	}
	x, y := axis(highestX), axis(highestY)
	for _, tick := range y.ticks {
		at := y.at(tick, bottom, top)
		d.rule(left, at, right, at)
		d.text(left-6, at+4, "end", number(tick))
	}
	for _, tick := range x.ticks {
		d.text(x.at(tick, left, right), bottom+14, "middle", number(tick))
	}
	if p.Limit > 0 {
		at := y.at(p.Limit, bottom, top)
		d.add(`<path d="M%d %.1fH%d" stroke="#000" stroke-dasharray="4 3"/>`, left, at, right)
	}
	for i, l := range p.Lines {
		var points strings.Builder
		for j := range l.X {
			fmt.Fprintf(&points, "%.1f,%.1f ", x.at(l.X[j], left, right), y.at(l.Y[j], bottom, top))
		}
		d.add(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`, points.String(), colour(i))
		d.add(`<rect x="%d" y="%d" width="12" height="4" fill="%s"/>`, right+10, top+18*i-4, colour(i))
		d.text(right+28, float64(top+18*i+2), "start", l.Name)
	}
}

// scale is an axis from zero to the last of its ticks.
type scale struct{ ticks []float64 }

// axis returns an axis with three to six ticks that reaches the highest value.
func axis(highest float64) scale {
	if !(highest > 0) {
		highest = 1
	}
	power := math.Pow(10, math.Floor(math.Log10(highest)))
	step := power * 2
	switch {
	case highest <= 2*power:
		step = power / 2
	case highest <= 5*power:
		step = power
	}
	s := scale{[]float64{0}}
	for i := 1; s.ticks[len(s.ticks)-1] < highest; i++ {
		s.ticks = append(s.ticks, float64(i)*step)
	}
	return s
}

// at returns the place of a value between the places of both ends.
func (s scale) at(value, from, to float64) float64 {
	return from + (to-from)*value/s.ticks[len(s.ticks)-1]
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drawing) rule(x1, y1, x2, y2 float64) {
	d.add(`<path d="M%.1f %.1fL%.1f %.1f" stroke="#ddd"/>`, x1, y1, x2, y2)
}

func (d *drawing) text(x, y float64, anchor, text string) {
	d.add(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(text))
}

// image returns the elements as a file.
func (d *drawing) image(height int) []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="#fff"/>
%s</svg>
`, width, height, d.String())
}

// number formats a value with the digits that a reader needs.
func number(v float64) string {
	if v < 1 {
		return fmt.Sprintf("%.3g", v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}
