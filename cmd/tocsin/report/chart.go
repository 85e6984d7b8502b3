package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/rules"
)

// chart is an incident drawn: the worst rule's figure over time, the limits of
// its levels, and below it the severity that followed and what was said. All
// lengths are of its own, which the picture is scaled by.
type chart struct {
	Class    string // wide or narrow
	W, H     float64
	Label    string // for those who cannot see it
	Plot     box
	Bad      []box // minutes judged bad
	YTicks   []label
	XTicks   []label
	Limits   []limitLine
	Beyond   string // limits above the picture
	Others   []string
	Line     string
	Limit    string // where the limit is no fixed value: what it was
	Marks    []mark
	Band     []segment
	BandY    float64
	Posts    []label
	PostsY   float64
	TickTop  float64
	AxisText float64
}

type box struct{ plot.Box }

// Right is where a level is named.
func (b box) Right() float64 { return b.X + b.W + 6 }

// Middle is the middle from left to right.
func (b box) Middle() float64 { return plot.Round(b.X + b.W/2) }

// MarkTop is where a mark's line begins, beside its label.
func (c chart) MarkTop(m mark) float64 { return m.TextY - 9 }

// MarkEnd is where it ends.
func (c chart) MarkEnd() float64 { return c.Plot.Y + c.Plot.H }

// LabelX is where the rows below the plot are named.
func (c chart) LabelX() float64 { return c.Plot.X - 7 }

type label = plot.Label

type limitLine struct {
	Y, TextY float64
	Text     string
	Class    string
}

type mark struct {
	X, TextX, TextY float64
	Text, Anchor    string
}

type segment struct {
	box
	Text, Class string
}

// size is what a chart has room for.
type size struct {
	class                 string
	w, plot               float64
	left, right           float64
	xTicks                int
	char                  float64 // about how wide a letter is
	band, posts, rowOfTop float64
}

// A phone gets a chart of its own: one that is scaled down cannot be read.
var (
	wide   = size{class: "wide", w: 900, plot: 170, left: 56, right: 84, xTicks: 9, char: 6.3, band: 18, posts: 20, rowOfTop: 16}
	narrow = size{class: "narrow", w: 340, plot: 140, left: 44, right: 58, xTicks: 4, char: 6.3, band: 18, posts: 20, rowOfTop: 16}
)

// draw makes the chart of an incident; ok is false where there is nothing to
// draw.
func draw(i Incident, to time.Time, cal calendar, z size) (c chart, ok bool) {
	if len(i.Signals) == 0 || len(i.Signals[0].Values) == 0 {
		return chart{}, false
	}
	main := i.Signals[0]
	from, until := i.Began, i.end(to).Add(around)
	if len(i.Severities) > 0 && i.Severities[0].At.Before(from) {
		from = i.Severities[0].At // it was internal at first
	}
	from = from.Add(-around)
	first, last := main.From.Add(-time.Minute), main.From.Add(time.Duration((len(main.Values)-1)*main.Step)*time.Minute)
	if first.After(from) {
		from = first
	}
	if last.Before(until) {
		until = last
	}
	if !from.Before(until) {
		return chart{}, false
	}
	p := pen{size: z, Frame: plot.Frame{From: from, Span: until.Sub(from), Left: z.left, Right: z.w - z.right}}
	p.marks = p.place(i, cal)
	p.Top = p.rowOfTop*float64(p.rows) + 6
	p.Bottom = p.Top + z.plot
	p.scale(i.Signals)

	c = chart{
		Class: z.class, W: z.w, Plot: box{plot.Box{X: z.left, Y: p.Top, W: p.inner(), H: z.plot}},
		Label: p.describe(i, main, cal), Marks: p.marks, TickTop: p.Bottom, AxisText: p.Bottom + 15,
	}
	c.Line = p.path(main, func(n int) *float32 { return main.Values[n] })
	for _, s := range i.Signals[1:] {
		c.Others = append(c.Others, p.path(s, func(n int) *float32 { return s.Values[n] }))
	}
	c.Bad = p.bad(i.Signals)
	c.YTicks = p.Values(main.Unit)
	c.XTicks = p.Times(cal.zone, p.size.xTicks)
	c.Limits, c.Beyond = p.limits(main)
	if main.moving {
		c.Limit = p.path(main, func(n int) *float32 {
			if v := main.limits[n]; v == v && v != 0 {
				return &v
			}
			return nil
		})
	}
	c.BandY = p.Bottom + 24
	c.Band = p.band(i, to, c.BandY)
	c.PostsY = c.BandY + z.band + 12
	c.Posts = p.said(i, c.PostsY)
	c.H = c.PostsY + 10
	return c, true
}

// pen knows where things are in a chart.
type pen struct {
	size
	plot.Frame
	marks []mark
	rows  int // of labels above the plot
}

func (p pen) inner() float64 { return p.Right - p.Left }

// scale chooses what the plot reaches up to: all values, the mildest level, and
// those levels that are not far above the values.
func (p *pen) scale(signals []Signal) {
	s, top, low := signals[0], 0.0, 0.0
	for _, one := range signals {
		for _, v := range one.Values {
			if v != nil {
				top, low = max(top, float64(*v)), min(low, float64(*v))
			}
		}
	}
	reach := top
	for n, l := range s.Levels {
		if mildest := n == len(s.Levels)-1; mildest || l.Limit <= 1.8*top {
			reach = max(reach, l.Limit)
		}
	}
	if s.moving {
		for _, v := range s.limits {
			if v == v && float64(v) <= 1.8*top {
				reach = max(reach, float64(v))
			}
		}
	}
	if reach == 0 {
		reach = 1
	}
	p.Low, p.High = low*1.1, reach*1.08
	if s.Unit == plot.Ratio {
		p.High = min(p.High, 1.04)
	}
}

// place puts the marks' labels above the plot, in as many rows as they need.
func (p *pen) place(i Incident, cal calendar) []mark {
	type event struct {
		what string
		at   time.Time
	}
	events := []event{{"began", i.Began}, {"detected", i.Detected}}
	for n, s := range i.Severities {
		if s.Severity == rules.SeverityNone {
			events = append(events, event{"resolved", s.At})
		} else if n > 0 && i.Severities[n-1].Severity == rules.SeverityNone {
			events = append(events, event{"reopened", s.At})
		}
	}
	var out []mark
	var free []float64 // where each row is free from
	for _, e := range events {
		x := p.X(e.at)
		m := mark{X: x, TextX: x + 4, Text: e.what + " " + cal.clock(e.at), Anchor: "start"}
		length := float64(len(m.Text)) * p.char
		if x+4+length > p.w {
			m.TextX, m.Anchor = x-4, "end"
		}
		left := m.TextX
		if m.Anchor == "end" {
			left -= length
		}
		row := 0
		for row < len(free) && left < free[row] {
			row++
		}
		if row == len(free) {
			free = append(free, 0)
		}
		free[row] = left + length + 8
		m.TextY = float64(row)
		out = append(out, m)
	}
	p.rows = len(free)
	for n := range out {
		out[n].TextY = plot.Round(12 + out[n].TextY*p.rowOfTop)
	}
	return out
}

// path is a line through a signal's values, broken where there are none.
func (p pen) path(s Signal, value func(int) *float32) string {
	at := func(n int) time.Time { return s.From.Add(time.Duration(n*s.Step) * time.Minute) }
	return p.Path(len(s.Values), at, func(n int) (float64, bool) {
		v := value(n)
		if v == nil {
			return 0, false
		}
		return float64(*v), true
	})
}

// bad gives the stretches of minutes that were judged bad in any of the series.
func (p pen) bad(signals []Signal) []box {
	minutes := make([]bool, int(p.Span/time.Minute)+1)
	for _, s := range signals {
		for n := range s.Verdicts {
			if s.Verdicts[n] != 'b' {
				continue
			}
			first := s.From.Add(time.Duration(n*s.Step)*time.Minute - time.Minute)
			for m := range s.Step {
				if at := int(first.Sub(p.From)/time.Minute) + m; at >= 0 && at < len(minutes) {
					minutes[at] = true
				}
			}
		}
	}
	var out []box
	for _, b := range p.Stretches(func(n int) bool { return n < len(minutes) && minutes[n] }) {
		out = append(out, box{b})
	}
	return out
}

// limits are the levels' lines, their labels moved apart.
func (p pen) limits(s Signal) (lines []limitLine, beyond string) {
	var above []string
	for _, l := range s.Levels {
		if l.Limit > p.High {
			above = append(above, l.Severity.String()+" "+s.Unit.Spell(l.Limit))
			continue
		}
		y := p.Y(l.Limit)
		lines = append(lines, limitLine{Y: y, TextY: y, Text: l.Severity.String() + " " + s.Unit.Spell(l.Limit), Class: class(l.Severity)})
	}
	at := make([]plot.Label, len(lines))
	for n, l := range lines {
		at[n].Y = l.TextY
	}
	plot.Apart(at, 12, p.Bottom)
	for n := range lines {
		lines[n].TextY = at[n].Y
	}
	if len(above) > 0 {
		beyond = "↑ " + strings.Join(above, ", ")
	}
	return lines, beyond
}

// band is the severity over time.
func (p pen) band(i Incident, to time.Time, y float64) []segment {
	var out []segment
	for n, s := range i.Severities {
		until := to
		if n+1 < len(i.Severities) {
			until = i.Severities[n+1].At
		}
		if s.Severity == rules.SeverityNone {
			continue
		}
		x := p.X(s.At)
		seg := segment{box{plot.Box{X: x, Y: y, W: plot.Round(p.X(until) - x), H: p.size.band}}, "", class(s.Severity)}
		if seg.W >= 18 {
			seg.Text = s.Severity.String()
		}
		out = append(out, seg)
	}
	return out
}

// said are the updates, numbered. Close ones are moved apart; where that would
// take them too far away, some are left out.
func (p pen) said(i Incident, y float64) []label {
	const room, far = 15, 20
	var out []label
	next := 0.0
	for _, post := range i.Posts {
		x := p.X(post.Said)
		if at := max(x, next); at-x <= far {
			out = append(out, label{X: plot.Round(at), Y: y, Text: strconv.Itoa(post.Number)})
			next = at + room
		}
	}
	return out
}

// describe says the chart in words.
func (p pen) describe(i Incident, s Signal, cal calendar) string {
	var top *float32
	for _, v := range s.Values {
		if v != nil && (top == nil || *v > *top) {
			top = v
		}
	}
	text := fmt.Sprintf("%s of %s from %s", s.Signal, series(s.Service, s.Region), cal.stretch(p.From, p.From.Add(p.Span)))
	if top != nil {
		text += ", at most " + s.Unit.Spell(float64(*top))
	}
	return text + fmt.Sprintf("; worst severity %s", i.Peak)
}

// class is the style of a severity.
func class(s rules.Severity) string { return strings.ToLower(s.String()) }
