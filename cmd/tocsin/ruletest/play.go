// Package ruletest plays rule tests: the minutes that a test writes down go
// through the loop that runs live, at times of their own and as fast as they
// can be judged, and a rehearsal of the desk decides what would have happened.
// What the test expects is then compared with that.
package ruletest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/probe"
	"github.com/featuresignals/tocsin/telemetry/script"
)

// Played is all that happened in a test.
type Played struct {
	Begin   time.Time
	Events  []incident.Event
	Moments map[time.Time]*Moment // those that the test asks about, by the end of the minute
	Held    map[LevelID]bool      // levels that held at some time
}

// Moment is what was known when a minute had been judged.
type Moment struct {
	Judged   bool
	Findings []evaluator.Finding
	Board    incident.Board
}

// LevelID names one level of one rule.
type LevelID struct {
	Rule     string
	Severity rules.Severity
}

// afterwards is how long after its last minute a test goes on: what is promised
// for that very moment is said a little later.
const afterwards = 10 * time.Second

// Play runs a test to its end.
func Play(ctx context.Context, config *rules.Config, test rules.Test) (*Played, error) {
	source, err := script.New(config, test)
	if err != nil {
		return nil, err
	}
	now := source.Start()
	source.Now = func() time.Time { return now }
	desk := incident.NewRehearsal(config)
	p := &Played{Begin: source.Start(), Moments: map[time.Time]*Moment{}, Held: map[LevelID]bool{}}
	for _, e := range test.Expect {
		p.Moments[p.Begin.Add(e.At)] = &Moment{}
	}
	loops := Loops(config, source, func(ctx context.Context, r evaluator.Round) error {
		if err := desk.Judge(ctx, r); err != nil {
			return err
		}
		p.note(r, desk.Board())
		return nil
	}, slog.New(slog.DiscardHandler))

	for _, tick := range Schedule(loops, source.Start(), last(source, test)) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		now = tick.At
		// The test may say that a source does not answer; the round that comes
		// of it was handed on, and the error says nothing more.
		if err := tick.Loop.Tick(ctx, now); err != nil && !source.Down(now) {
			return nil, fmt.Errorf("play the test %q: %w", test.Name, err)
		}
	}
	desk.Until(now.Add(afterwards))
	p.Events = desk.Events()
	return p, nil
}

// Tick is when a loop is to look.
type Tick struct {
	At   time.Time
	Loop *evaluator.Loop
}

// Schedule gives the ticks at which the loops judge the minutes from from to
// to, as they come: a source that knows late is asked late.
func Schedule(loops []*evaluator.Loop, from, to time.Time) []Tick {
	var ticks []Tick
	for end := from.Add(time.Minute); !end.After(to); end = end.Add(time.Minute) {
		for _, l := range loops {
			ticks = append(ticks, Tick{end.Add(l.Lag), l})
		}
	}
	slices.SortStableFunc(ticks, func(a, b Tick) int { return a.At.Compare(b.At) })
	return ticks
}

// Loops makes a loop for each source that feeds a rule, as the service does.
func Loops(config *rules.Config, source *script.Source, sink func(context.Context, evaluator.Round) error, log *slog.Logger) []*evaluator.Loop {
	return evaluator.Loops(config, map[string]evaluator.Feed{
		rules.SourceSpans:  {Source: source.From(rules.SourceSpans), Lag: config.SigNoz.Lag, Settle: config.SigNoz.Settle},
		rules.SourceProbes: {Source: source.From(rules.SourceProbes), Lag: probe.Lag(config.Probes)},
	}, sink, log)
}

// last is the end of the last minute that is judged: until then the test says
// what happens, or asks what is so.
func last(source *script.Source, test rules.Test) time.Time {
	end := source.End()
	for _, e := range test.Expect {
		if at := source.Start().Add(e.At); at.After(end) {
			end = at
		}
	}
	return end
}

func (p *Played) note(r evaluator.Round, board incident.Board) {
	if r.Blind {
		return
	}
	if m := p.Moments[r.At]; m != nil {
		m.Judged, m.Board = true, board
		m.Findings = append(m.Findings, r.Findings...)
	}
	for _, f := range r.Findings {
		if f.Held != rules.SeverityNone {
			p.Held[LevelID{f.Rule, f.Held}] = true
		}
	}
}

// Timeline writes down what happened, a line an event.
func (p *Played) Timeline() []string {
	lines := make([]string, 0, len(p.Events))
	for _, e := range p.Events {
		lines = append(lines, e.Line(p.Begin))
	}
	return lines
}
