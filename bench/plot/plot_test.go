package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestAxis(t *testing.T) {
	for highest, want := range map[float64][]float64{
		18000: {0, 5000, 10000, 15000, 20000},
		450:   {0, 100, 200, 300, 400, 500},
		7:     {0, 2, 4, 6, 8},
		0:     {0, 0.5, 1},
	} {
		if got := axis(highest).ticks; !slices.Equal(got, want) {
			t.Errorf("ticks up to %v: %v, want %v", highest, got, want)
		}
	}
}

// Every value is at its place, and the image is valid XML with any name.
func TestImages(t *testing.T) {
	lines := Lines(Panel{Title: "CPU & memory", XAxis: "agents", Limit: 50, Lines: []Line{
		{"p<99>", []float64{0, 100, 200}, []float64{0, 50, 100}},
	}})
	bars := Bars("CPU", []Bar{{Name: "nginx", Value: 50, Low: 25, High: 100}, {Name: "other", Value: 100, High: 100}})
	for image, want := range map[string]string{
		string(lines): `points="60.0,186.0 310.0,110.0 560.0,34.0 "`,
		string(bars):  `<rect x="190" y="37.0" width="185.0" height="14" fill="#0072b2"/>`,
	} {
		if !strings.Contains(image, want) {
			t.Errorf("without %s:\n%s", want, image)
		}
		for d := xml.NewDecoder(strings.NewReader(image)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, image)
			}
		}
	}
}
