package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Two loops catch up, one much faster than the other, and with another lag: what
// they hand on is one history.
func TestOrderIsThatInWhichRoundsFellDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		o := newOrder("fast", "slow", "same")
		type loop struct {
			name       string
			read       time.Duration
			lag        time.Duration
			from, upto int
		}
		loops := []loop{{"fast", 0, 10 * time.Second, 0, 60}, {"slow", 7 * time.Second, 3 * time.Minute, 5, 40}, {"same", time.Second, 10 * time.Second, 20, 30}}
		var said []string // by one at a time
		var dues []time.Time
		for _, l := range loops {
			o.begin(l.name, begin.Add(time.Duration(l.from)*time.Minute+l.lag))
		}
		var wg sync.WaitGroup
		for _, l := range loops {
			wg.Go(func() {
				for m := l.from; m < l.upto; m++ {
					time.Sleep(l.read)
					due := begin.Add(time.Duration(m)*time.Minute + l.lag)
					if err := o.wait(t.Context(), l.name, due); err != nil {
						t.Error(err)
					}
					said, dues = append(said, l.name), append(dues, due)
					time.Sleep(time.Millisecond) // the desk is at work
					if !dues[len(dues)-1].Equal(due) {
						t.Error("two rounds at a time")
					}
					o.passed(l.name, due.Add(time.Minute))
				}
				o.end(l.name, nil)
			})
		}
		wg.Wait()
		if !slices.IsSortedFunc(dues, time.Time.Compare) || len(dues) != 105 {
			t.Errorf("%d rounds, as they fell due: %v", len(dues), dues)
		}
		for i := range len(dues) - 1 {
			if dues[i].Equal(dues[i+1]) && said[i] == "same" {
				t.Error("of two that are due together, the last goes first")
			}
		}
	})
}

// held reports whether a round has to wait, once all that can happen has. free
// gives what came of it, and ends the wait if nothing else has.
func held(t *testing.T, o *order, name string, due time.Time) (free func() error, is bool) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.wait(ctx, name, due) }()
	synctest.Wait()
	is = len(done) == 0
	return func() error {
		synctest.Wait() // what has been freed since comes back by itself
		cancel()
		return <-done
	}, is
}

func TestOrderHoldsNobodyForOneThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		o := newOrder("probes", "spans")
		o.begin("spans", time.Time{})
		o.begin("probes", now)
		free, is := held(t, o, "probes", now)
		if !is {
			t.Error("a loop does not wait for one that is about to say since when")
		}
		o.end("spans", errors.New("connection refused"))
		if err := free(); err != nil {
			t.Errorf("the other has failed, and it is still held: %v", err)
		}
		o.begin("spans", now.Add(-time.Hour))
		free, is = held(t, o, "probes", now)
		if err := free(); is || err != nil {
			t.Errorf("one that failed the last time holds others: %v, %v", is, err)
		}
		if err := o.wait(t.Context(), "spans", now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		free, is = held(t, o, "probes", now)
		if !is {
			t.Error("one that can be read again is not waited for")
		}
		o.passed("spans", now.Add(time.Second))
		if err := free(); err != nil {
			t.Error(err)
		}
	})
}

func TestOrderFreesAllAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrder("probes", "spans")
		o.begin("spans", time.Time{})
		free, is := held(t, o, "probes", time.Now())
		if err := free(); !is || !errors.Is(err, context.Canceled) {
			t.Errorf("held is %v, freed with %v", is, err)
		}
	})
}

const orderRules = `
components: [{id: api, name: API}, {id: edge, name: Edge}]
regions: [{code: eu, name: Europe}]
sources: {signoz: {lag: 3m}}
probes: [{id: health, type: http, targets: {eu: "https://api.example.com/health"}}]
rules:
  - {id: errors, component: api, signal: error_rate, where: {services: [api]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
  - {id: probe, component: api, signal: error_rate, where: {probes: [health]}, window: 1m, levels: {P1: {above: 50%, for: 2m}}, recover: {below: 5%, for: 3m}}
`

// scripted is a source that takes its time, and fails for some of its minutes.
type scripted struct {
	series   telemetry.Series
	begin    time.Time
	from, to int // the minutes in which all fails
	slow     time.Duration
}

func (s scripted) Minutes(_ context.Context, from, to time.Time, _ ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		time.Sleep(s.slow)
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			m := telemetry.Minute{Series: s.series, Start: at, Requests: 100}
			if n := int(at.Sub(s.begin) / time.Minute); n >= s.from && n < s.to {
				m.Errors = 100
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// An hour is caught up with, in which both sources saw the same outage, the
// spans for longer. It is one incident, as it would have been live, although
// probes are read in no time.
func TestOrderOfTwoSourcesCatchingUpGivesOneHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(orderRules)}})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC()
		begin := now.Add(-90 * time.Minute)
		desk := incident.NewRehearsal(config) // for one at a time: with -race, two would show
		k := &keeper{order: newOrder(rules.Sources...)}
		var taken []evaluator.Round
		loop := func(name string, lag time.Duration, s scripted) *evaluator.Loop {
			l := &evaluator.Loop{Name: name, Source: s, Rings: evaluator.New(config), Lag: lag, Settle: time.Minute, CatchUp: 6 * time.Hour}
			l.Sink = func(ctx context.Context, r evaluator.Round) error {
				return k.inTurn(ctx, r, func(ctx context.Context, r evaluator.Round) error {
					taken = append(taken, r)
					return desk.Judge(ctx, r)
				})
			}
			judged := begin.Add(-lag.Truncate(time.Minute)) // as it was live
			l.Resume(judged)
			k.order.begin(name, judged.Add(lag))
			return l
		}
		loops := []*evaluator.Loop{
			loop(rules.SourceProbes, 10*time.Second, scripted{telemetry.Series{Service: "health", Region: "eu", Stream: rules.ProbeStream}, begin, 20, 40, 0}),
			loop(rules.SourceSpans, 3*time.Minute, scripted{telemetry.Series{Service: "api", Region: "eu", Stream: config.Rules[0].Stream().String()}, begin, 10, 70, 20 * time.Second}),
		}
		var wg sync.WaitGroup
		for _, l := range loops {
			wg.Go(func() {
				err := l.Tick(t.Context(), now)
				k.order.end(l.Name, err)
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, r := range taken[:2] {
			if !r.Again {
				t.Errorf("round %d is a new one of %s, before it is known what the other source saw last", i, r.Source)
			}
		}
		var said []incident.Kind
		for _, e := range desk.Events() {
			switch e.Kind {
			case incident.Opened, incident.Reopened, incident.Resolved:
				said = append(said, e.Kind)
			}
		}
		if want := []incident.Kind{incident.Opened, incident.Resolved}; !slices.Equal(said, want) {
			t.Errorf("what happened: %v, want %v", said, want)
		}
	})
}
