package console

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Charts is the worst rule's figure, a chart for each series of it.
type Charts struct {
	Title  string // "error_rate of api-errors"
	Rule   string
	Note   string // from when on it is known
	Charts []Chart
	More   string // series for which there is no room
}

// Chart is one series drawn. All lengths are its own, which it is scaled by.
type Chart struct {
	Place  string // service and region
	Now    string // "62 % now, over the limit of 50 %"
	Label  string // all of it, for those who cannot see it
	W, H   float64
	Plot   plot.Box
	Bad    []plot.Box
	YTicks []plot.Label
	XTicks []plot.Label
	Limits []level
	Beyond string // limits above the picture
	Line   string
	Limit  string // where the limit moves: what it was
	Marks  []plot.Label
	Dot    *plot.Label
	Rows   []ChartRow
	Left   int // rows left out
	TickY  float64
	Ground float64 // the bottom of the plot
}

type level struct {
	plot.Label
	LineY float64
	Class string
}

// ChartRow is a minute as a row of the table.
type ChartRow struct {
	Clock, Value, Limit, Requests, Errors, Verdict string
	Bad                                            bool
}

const (
	mostCharts   = 4
	mostRows     = 60
	chartW       = 360.0
	chartPlot    = 120.0
	chartTop     = 20.0
	chartLeft    = 46.0
	chartRight   = 58.0
	before       = 20 * time.Minute // shown before the beginning
	leastShown   = 45 * time.Minute
	longestShown = mostMinutes * time.Minute
)

// Points gives the minutes of a series. History.Points is one.
type Points func(rule, service, region string, from, to time.Time) []Point

// charts draws the worst rule of an incident.
func (s scene) charts(i incident.Incident, points Points, known time.Time) *Charts {
	worst := s.worst(i)
	rule, ok := s.config.Rule(worst.Rule)
	if !ok || points == nil {
		return nil
	}
	to := s.judged
	if !i.Resolved.IsZero() && i.Resolved.Add(before).Before(to) {
		to = i.Resolved.Add(before)
	}
	from := i.Began.Add(-before)
	if to.Sub(from) < leastShown {
		from = to.Add(-leastShown)
	}
	if to.Sub(from) > longestShown {
		from = to.Add(-longestShown)
	}
	c := &Charts{Rule: rule.ID, Title: figures[rule.Signal.Kind]}
	if rule.Signal.Kind == rules.KindQuantile {
		c.Title = "The slowest requests: " + rule.Signal.String()
	}
	if rule.Signal.Kind == rules.KindGauge {
		c.Title = sentence(rule.Signal.Gauge)
	}
	causes := []incident.Cause{worst}
	for _, x := range i.Causes {
		if x.Rule == worst.Rule && x != worst {
			causes = append(causes, x)
		}
	}
	if n := len(causes) - mostCharts; n > 0 {
		c.More = "Not drawn: " + plot.Plural(n, "more series", "more series") + " of this rule."
		causes = causes[:mostCharts]
	}
	var drawn [][]Point
	kept := causes[:0:0]
	for _, x := range causes {
		if p := points(x.Rule, x.Service, x.Region, from, to); len(p) > 0 {
			drawn, kept = append(drawn, p), append(kept, x)
		}
	}
	switch {
	case len(kept) == 0 && known.IsZero():
		c.Note = "Nothing was judged since Tocsin started."
	case len(kept) == 0:
		c.Note = "No minute of it is known: Tocsin started at " + clock(known, s.at) + " UTC, and charts go back six hours at most."
	case known.After(from.Add(time.Minute)):
		c.Note = "Known from " + clock(known, s.at) + " UTC on, when Tocsin started."
	}
	for n, x := range kept {
		c.Charts = append(c.Charts, s.chart(i, rule.For(x.Service, x.Region), x, drawn[n], drawn, from, to))
	}
	return c
}

var figures = map[rules.Kind]string{
	rules.KindErrorRate: "Share of requests that fail", rules.KindRequestRate: "Requests a minute", rules.KindStatusShare: "Share of responses with these codes",
	rules.KindBurnRate: "How fast the error budget burns", rules.KindSilence: "Minutes without a request",
}

func (s scene) chart(i incident.Incident, rule rules.Rule, x incident.Cause, points []Point, all [][]Point, from, to time.Time) Chart {
	unit := plot.UnitOf(rule.Signal)
	f := plot.Frame{From: from, Span: to.Sub(from), Left: chartLeft, Right: chartW - chartRight, Top: chartTop, Bottom: chartTop + chartPlot}
	moving := moves(rule)
	f.Low, f.High = reach(rule, all, moving, unit)
	c := Chart{
		Place: strings.Join(nonempty(x.Service, s.region(x.Region)), " in "), W: chartW, H: f.Bottom + 22, Ground: f.Bottom, TickY: f.Bottom + 15,
		Plot:   plot.Box{X: f.Left, Y: f.Top, W: f.Right - f.Left, H: f.Bottom - f.Top},
		YTicks: f.Values(unit), XTicks: f.Times(time.UTC, 4),
	}
	at := func(n int) time.Time { return points[n].At }
	c.Line = f.Path(len(points), at, func(n int) (float64, bool) { return points[n].Value, !math.IsNaN(points[n].Value) })
	if moving {
		c.Limit = f.Path(len(points), at, func(n int) (float64, bool) {
			return points[n].Limit, !math.IsNaN(points[n].Limit) && points[n].Limit != 0
		})
	} else {
		c.Limits, c.Beyond = levels(f, rule, unit)
	}
	bad := map[int]bool{}
	for _, p := range points {
		if p.Verdict == evaluator.Bad {
			bad[int(p.At.Add(-time.Minute).Sub(from)/time.Minute)] = true
		}
	}
	c.Bad = f.Stretches(func(m int) bool { return bad[m] })
	c.Marks = marks(f, i, s.at)
	var last *Point
	var top Point
	for n := range points {
		if p := &points[n]; p.Known && !math.IsNaN(p.Value) {
			last = p
			if math.IsNaN(top.Value) || p.Value > top.Value || top.At.IsZero() {
				top = *p
			}
		}
	}
	var said []string
	if last != nil {
		c.Dot = &plot.Label{X: f.X(last.At), Y: f.Y(last.Value)}
		c.Now = unit.Spell(last.Value)
		if last.Limit != 0 && !math.IsNaN(last.Limit) {
			c.Now += ", limit " + unit.Spell(last.Limit)
		}
		if last.At.Before(points[len(points)-1].At) {
			c.Now += ", at " + clock(last.At, s.at)
		}
		said = append(said, "newest "+c.Now, "at most "+unit.Spell(top.Value)+" at "+clock(top.At, s.at))
	} else {
		c.Now = "no value"
		said = append(said, "no value in sight")
	}
	said = append(said, "bad for "+plot.Plural(len(bad), "minute", "minutes"))
	c.Label = fmt.Sprintf("%s, %s to %s UTC: %s.", c.Place, clock(from, s.at), clock(to, s.at), strings.Join(said, "; "))
	for _, p := range slices.Backward(points) {
		if !p.Known {
			continue
		}
		if len(c.Rows) >= mostRows {
			c.Left++
			continue
		}
		c.Rows = append(c.Rows, row(p, unit, s.at))
	}
	return c
}

func row(p Point, u plot.Unit, now time.Time) ChartRow {
	r := ChartRow{
		Clock: clock(p.At, now), Value: "–", Limit: "–", Requests: plot.Thousands(int(p.Requests)), Errors: plot.Thousands(int(p.Errors)),
		Verdict: p.Verdict.String(), Bad: p.Verdict == evaluator.Bad,
	}
	if !math.IsNaN(p.Value) {
		r.Value = u.Spell(p.Value)
	}
	if !math.IsNaN(p.Limit) && p.Limit != 0 {
		r.Limit = u.Spell(p.Limit)
	}
	return r
}

// moves reports whether the limit is no fixed value.
func moves(r rules.Rule) bool {
	return r.Signal.Kind == rules.KindBurnRate || r.Signal.Kind == rules.KindSilence ||
		slices.ContainsFunc(r.Levels, func(l rules.Level) bool { return l.Times > 0 })
}

// reach chooses what the plot shows: all values, the mildest level, and those
// levels that are not far above the values. All series of a rule get the same.
func reach(rule rules.Rule, all [][]Point, moving bool, unit plot.Unit) (low, high float64) {
	top := 0.0
	for _, points := range all {
		for _, p := range points {
			if !math.IsNaN(p.Value) {
				top, low = max(top, p.Value), min(low, p.Value)
			}
		}
	}
	high = top
	for n, l := range rule.Levels {
		if moving || math.IsInf(l.Limit, 0) {
			continue
		}
		if mildest := n == len(rule.Levels)-1; mildest || l.Limit <= 1.8*top {
			high = max(high, l.Limit)
		}
	}
	if moving {
		for _, points := range all {
			for _, p := range points {
				if p.Limit <= 1.8*top {
					high = max(high, p.Limit)
				}
			}
		}
	}
	if high == 0 {
		high = 1
	}
	low, high = low*1.1, high*1.08
	if unit == plot.Ratio {
		high = min(high, 1.04)
	}
	return low, high
}

// levels are the levels' lines, their labels moved apart.
func levels(f plot.Frame, rule rules.Rule, unit plot.Unit) (lines []level, beyond string) {
	var labels []plot.Label
	var above []string
	for _, l := range rule.Levels {
		text := l.Severity.String() + " " + unit.Spell(l.Limit)
		if l.Limit > f.High {
			above = append(above, text)
			continue
		}
		y := f.Y(l.Limit)
		lines = append(lines, level{LineY: y, Class: class(l.Severity)})
		labels = append(labels, plot.Label{X: f.Right + 5, Y: y, Text: text})
	}
	plot.Apart(labels, 11, f.Bottom)
	for n := range lines {
		lines[n].Label = labels[n]
	}
	if len(above) > 0 {
		beyond = "↑ " + strings.Join(above, ", ")
	}
	return lines, beyond
}

// marks says when it began and when somebody was on it, where both fit.
func marks(f plot.Frame, i incident.Incident, now time.Time) []plot.Label {
	var out []plot.Label
	add := func(t time.Time, what string) {
		if t.IsZero() || t.Before(f.From) || t.After(f.From.Add(f.Span)) {
			return
		}
		x := f.X(t)
		if n := len(out); n > 0 && x < out[n-1].X+6*float64(len(out[n-1].Text))+8 {
			return
		}
		out = append(out, plot.Label{X: x, Y: f.Top - 7, Text: what + " " + clock(t, now)})
	}
	add(i.Began, "began")
	add(i.Acked, "acknowledged")
	add(i.Resolved, "resolved")
	return out
}

// Flip reports whether a mark's words stand to its left.
func (c Chart) Flip(l plot.Label) bool { return l.X+6*float64(len(l.Text)) > c.W }
