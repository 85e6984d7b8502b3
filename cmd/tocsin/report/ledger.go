package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Ledger is what was judged live, to lay a replay beside. Of a series that has
// no turn yet, and of one that is not looked at any more, nothing is known:
// that is Unsure, live as in the replay.
type Ledger struct {
	config *rules.Config
	judged map[string][]telemetry.Range
	turns  map[string][]incident.Turn // by source, those still to come
	cells  map[string][]*cell         // by source, in the order in which they were met
	byKey  map[seriesKey]*cell
	known  map[string]bool // rules of which there is a turn
	gone   map[string]bool // rules that only the record knows

	round    int32 // counts rounds, so that a cell knows whether it was in this one
	compared int
	from, to time.Time
}

// NewLedger takes the turns, oldest first, and for each source the stretches of
// time, oldest first, of which every minute was judged live.
func NewLedger(config *rules.Config, turns []incident.Turn, judged map[string][]telemetry.Range) *Ledger {
	l := &Ledger{
		config: config, judged: maps.Clone(judged), turns: map[string][]incident.Turn{}, cells: map[string][]*cell{},
		byKey: map[seriesKey]*cell{}, known: map[string]bool{}, gone: map[string]bool{},
	}
	for _, t := range turns {
		rule, ok := config.Rule(t.Rule)
		if !ok {
			l.gone[t.Rule] = true
			continue
		}
		l.known[t.Rule] = true
		l.turns[rule.Source()] = append(l.turns[rule.Source()], t)
	}
	return l
}

// cell is one rule and series on both sides.
type cell struct {
	key    seriesKey
	unit   plot.Unit
	ledger *Ledger
	live   incident.Turn // that holds now
	round  int32         // in which it was judged last
	runs   []Difference
}

func (l *Ledger) cell(source string, key seriesKey) *cell {
	c := l.byKey[key]
	if c == nil {
		rule, _ := l.config.Rule(key.rule)
		c = &cell{key: key, ledger: l, unit: plot.UnitOf(rule.Signal)}
		l.byKey[key] = c
		l.cells[source] = append(l.cells[source], c)
	}
	return c
}

// compare lays a round beside what was judged live. row holds the tracks of its
// findings.
func (l *Ledger) compare(r evaluator.Round, row []*track) {
	turns := l.turns[r.Source]
	for len(turns) > 0 && !turns[0].Minute.After(r.At) {
		t := turns[0]
		l.cell(r.Source, seriesKey{t.Rule, t.Service, t.Region}).live = t
		turns = turns[1:]
	}
	l.turns[r.Source] = turns
	if !l.live(r.Source, r.At) {
		return
	}
	if l.from.IsZero() {
		l.from = r.At.Add(-time.Minute)
	}
	l.to = r.At
	l.round++
	for i, t := range row {
		if !l.known[t.key.rule] {
			continue
		}
		if t.cell == nil {
			t.cell = l.cell(r.Source, t.key)
		}
		t.cell.round = l.round
		l.compared++
		if f := &r.Findings[i]; f.Now != t.cell.live.Now || f.Held != t.cell.live.Held {
			t.cell.differs(r.At, f)
		}
	}
	for _, c := range l.cells[r.Source] {
		if c.round == l.round {
			continue
		}
		if c.live.Now != evaluator.Unsure || c.live.Held != rules.SeverityNone {
			l.compared++
			c.differs(r.At, nil)
		}
	}
}

// live reports whether the minute that ends at at was judged. When a stretch
// begins, nothing is known any more from before the last one ended: a service
// that begins anew writes down everything that it sees.
func (l *Ledger) live(source string, at time.Time) bool {
	list := l.judged[source]
	for len(list) > 0 && at.After(list[0].To) {
		last := list[0].To
		list = list[1:]
		for _, c := range l.cells[source] {
			if !c.live.Minute.After(last) {
				c.live = incident.Turn{}
			}
		}
	}
	l.judged[source] = list
	return len(list) > 0 && at.After(list[0].From)
}

// differs notes a minute; f is nil where the replay judged nothing.
func (c *cell) differs(at time.Time, f *evaluator.Finding) {
	d := Difference{
		Rule: c.key.rule, Service: c.key.service, Region: c.key.region, From: at.Add(-time.Minute), To: at, Minutes: 1,
		Live: Verdict{
			At: c.live.Minute, Now: c.live.Now.String(), Held: c.live.Held, Value: number(c.live.Value), Limit: number(c.live.Limit),
			Requests: c.live.Requests, Errors: c.live.Errors, Unit: c.unit,
		},
		Replay: Verdict{Now: evaluator.Unsure.String(), Unit: c.unit},
	}
	if c.live.Minute.IsZero() {
		d.Live = Verdict{Now: evaluator.Unsure.String(), Unit: c.unit}
	}
	if f != nil {
		d.Replay = Verdict{
			At: f.At, Now: f.Now.String(), Held: f.Held, Value: number(f.Value), Limit: number(f.Limit),
			Requests: f.Requests, Errors: f.Errors, Unit: c.unit,
		}
	}
	if n := len(c.runs); n > 0 {
		last := &c.runs[n-1]
		if last.To.Equal(d.From) && last.Live.same(d.Live) && last.Replay.same(d.Replay) {
			last.To = at
			last.Minutes++
			return
		}
	}
	c.runs = append(c.runs, d)
}

// record sums up, in the order of time.
func (l *Ledger) record() *Record {
	r := &Record{Compared: l.compared, From: l.from, To: l.to, Differences: []Difference{}, Gone: slices.Sorted(maps.Keys(l.gone))}
	for _, rule := range l.config.Rules {
		if !l.known[rule.ID] {
			r.Unrecorded = append(r.Unrecorded, rule.ID)
		}
	}
	for _, c := range l.byKey {
		r.Differences = append(r.Differences, c.runs...)
		for _, d := range c.runs {
			r.Differ += d.Minutes
		}
	}
	slices.SortFunc(r.Differences, func(a, b Difference) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Region, b.Region), a.To.Compare(b.To))
	})
	return r
}

// number is v, or nil where it is none.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
