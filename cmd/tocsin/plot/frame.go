package plot

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Frame is where things are in a drawing of a figure over time. All lengths are
// the drawing's own, which it is scaled by.
type Frame struct {
	From time.Time // at the left edge
	Span time.Duration

	Left, Right, Top, Bottom float64 // the edges of the plot
	Low, High                float64 // the values at its bottom and top
}

// Box is a rectangle.
type Box struct{ X, Y, W, H float64 }

// Label is a text and where it stands.
type Label struct {
	X, Y float64
	Text string
}

// X is where a time is, at the edge if it lies beyond.
func (f Frame) X(t time.Time) float64 {
	share := float64(t.Sub(f.From)) / float64(f.Span)
	return Round(f.Left + min(max(share, 0), 1)*(f.Right-f.Left))
}

// Y is where a value is, at the edge if it lies beyond.
func (f Frame) Y(v float64) float64 {
	share := (v - f.Low) / (f.High - f.Low)
	return Round(f.Bottom - min(max(share, 0), 1)*(f.Bottom-f.Top))
}

// Round gives a length with as many digits as a drawing needs.
func Round(v float64) float64 { return math.Round(v*10) / 10 }

// Path is a line through n values, broken where there are none and where their
// time lies beyond the frame.
func (f Frame) Path(n int, at func(int) time.Time, value func(int) (float64, bool)) string {
	var b strings.Builder
	open, end := false, f.From.Add(f.Span)
	for i := range n {
		t := at(i)
		v, ok := value(i)
		if !ok || t.Before(f.From) || t.After(end) {
			open = false
			continue
		}
		word := "L"
		if !open {
			word = "M"
		}
		fmt.Fprintf(&b, "%s%s %s", word, num(f.X(t)), num(f.Y(v)))
		if !open {
			b.WriteString("h.1") // a lone minute is a dot
		}
		open = true
	}
	return b.String()
}

func num(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Stretches marks whole minutes of the frame, joining those that touch: bad says
// whether the minute with that number from the left edge is to be marked.
func (f Frame) Stretches(bad func(minute int) bool) []Box {
	var out []Box
	minutes := int(f.Span/time.Minute) + 1
	for n := 0; n < minutes; n++ {
		first := n
		for n < minutes && bad(n) {
			n++
		}
		from, until := f.X(f.From.Add(time.Duration(first)*time.Minute)), f.X(f.From.Add(time.Duration(n)*time.Minute))
		if until > from {
			out = append(out, Box{from, f.Top, Round(until - from), f.Bottom - f.Top})
		}
	}
	return out
}

// Values are round values for the vertical axis, about four, written in u.
func (f Frame) Values(u Unit) []Label {
	factor := 1.0 // ticks are round in the unit that they are written in
	if u == Ratio {
		factor = 0.01
	}
	step := nice((f.High-f.Low)/factor/4) * factor
	var out []Label
	for v := math.Ceil(f.Low/step) * step; v <= f.High; v += step {
		text := u.Spell(math.Round(v/step) * step)
		if u == Nanos || u == Ratio {
			text = u.Spell(roundTo(v, step))
		}
		out = append(out, Label{X: f.Left - 7, Y: f.Y(v), Text: text})
	}
	return out
}

func roundTo(v, step float64) float64 {
	n := math.Round(v / step)
	return math.Round(n*step*1e9) / 1e9
}

// nice is the next number up that people count in.
func nice(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 2.5, 5} {
		if n*p >= v {
			return n * p
		}
	}
	return 10 * p
}

// Times are whole times of the zone for the horizontal axis, about n.
func (f Frame) Times(zone *time.Location, n int) []Label {
	minutes := f.Span.Minutes() / float64(n)
	step := 5
	for _, n := range []int{5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440, 2880, 7 * 1440, 14 * 1440} {
		if step = n; float64(n) >= minutes {
			break
		}
	}
	local := f.From.In(zone)
	at := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	end := f.From.Add(f.Span)
	var out []Label
	for ; !at.After(end); at = at.Add(time.Duration(step) * time.Minute) {
		if at.Before(f.From) {
			continue
		}
		text := at.Format("15:04")
		if step >= 1440 || at.Hour() == 0 && at.Minute() == 0 {
			text = at.Format("2 Jan")
		}
		out = append(out, Label{X: f.X(at), Text: text})
	}
	return out
}

// Apart moves labels that stand below each other, from the top down, so far
// apart that all can be read, and keeps them above bottom.
func Apart(labels []Label, least, bottom float64) {
	for n := 1; n < len(labels); n++ {
		labels[n].Y = max(labels[n].Y, labels[n-1].Y+least)
	}
	for n := len(labels) - 1; n >= 0; n-- {
		limit := bottom
		if n+1 < len(labels) {
			limit = labels[n+1].Y - least
		}
		labels[n].Y = min(labels[n].Y, limit)
	}
}
