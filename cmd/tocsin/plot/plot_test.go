package plot

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestValuesForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"0.123 %": Ratio.Spell(0.00123), "15 %": Ratio.Spell(0.15), "100 %": Ratio.Spell(1), "0 %": Ratio.Spell(0),
		"800 ms": Nanos.Spell(8e8), "1.25 s": Nanos.Spell(1.25e9), "5 min": Nanos.Spell(300e9), "950 µs": Nanos.Spell(950e3),
		"12.5/min": PerMinute.Spell(12.5), "14.4×": Factor.Spell(14.4), "3 min": Minutes.Spell(3), "no value": Plain.Spell(math.NaN()),
		"0 min": Lasting(0), "59 min": Lasting(59 * time.Minute), "2 h 5 min": Lasting(125 * time.Minute), "24 h 25 min": Lasting(1465 * time.Minute),
		"7 d": Lasting(7 * 24 * time.Hour), "3 d 4 h": Lasting(76*time.Hour + 10*time.Minute),
		"a, b and c": Enumerate([]string{"a", "b", "c"}), "1 234 567": strings.ReplaceAll(Thousands(1234567), "\u202f", " "),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What lies beyond a frame stands at its edge; a line is broken where there is
// nothing, and a lone minute is a dot.
func TestFrame(t *testing.T) {
	noon := time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)
	f := Frame{From: noon, Span: 10 * time.Minute, Left: 0, Right: 100, Top: 0, Bottom: 50, High: 1}
	for want, got := range map[float64]float64{0: f.X(noon.Add(-time.Hour)), 50: f.X(noon.Add(5 * time.Minute)), 100: f.X(noon.Add(time.Hour)), 25: f.Y(0.5)} {
		if got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	values := []float64{0, 1, math.NaN(), 1, 0}
	line := f.Path(len(values), func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }, func(n int) (float64, bool) {
		return values[n], !math.IsNaN(values[n])
	})
	if want := "M0 50h.1L10 0M30 0h.1L40 50"; line != want {
		t.Errorf("%s, want %s", line, want)
	}
	boxes := f.Stretches(func(m int) bool { return m == 2 || m == 3 || m == 9 })
	if len(boxes) != 2 || boxes[0] != (Box{20, 0, 20, 50}) || boxes[1] != (Box{90, 0, 10, 50}) {
		t.Errorf("%+v", boxes)
	}
	labels := []Label{{Y: 10}, {Y: 12}, {Y: 48}}
	if Apart(labels, 12, 50); labels[0].Y != 10 || labels[1].Y != 22 || labels[2].Y != 48 {
		t.Errorf("%+v", labels)
	}
	var texts []string
	for _, l := range f.Values(Ratio) {
		texts = append(texts, l.Text)
	}
	if got := strings.Join(texts, ", "); got != "0 %, 25 %, 50 %, 75 %, 100 %" {
		t.Errorf("%s", got)
	}
	if times := f.Times(time.UTC, 4); len(times) != 3 || times[1].Text != "12:05" || times[1].X != 50 {
		t.Errorf("%+v", times)
	}
}
