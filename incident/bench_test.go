package incident_test

import (
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// busy is a product with n components, each with a rule and an open incident,
// people to call and checklists, and the events that led there.
func busy(b *testing.B, n int) (*rules.Config, incident.Board, evaluator.Round, []incident.Event) {
	b.Helper()
	var yaml strings.Builder
	yaml.WriteString("regions: [{code: eu, name: Europe}, {code: us, name: US}, {code: in, name: India}]\npeople:\n  ana: {name: Ana, roles: [on-call]}\ncomponents:\n")
	for i := range n {
		fmt.Fprintf(&yaml, "  - {id: c%d, name: Component %d}\n", i, i)
	}
	yaml.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&yaml, "  - {id: r%d, component: c%d, signal: error_rate, where: {services: [s%d]}, levels: {P1: {above: 5%%}}}\n", i, i, i)
	}
	config, err := rules.Parse([]rules.File{{Name: "rules.yaml", Body: []byte(yaml.String())}})
	if err != nil {
		b.Fatal(err)
	}
	board, events := play(config, n, 20, 0, nil)
	if len(board.Open) != n {
		b.Fatalf("%d incidents are open", len(board.Open))
	}
	return config, board, minuteOf20(n), events
}

// minuteOf20 is the round after twenty minutes of nothing but trouble.
func minuteOf20(n int) evaluator.Round { return trouble(n, noon.Add(20*time.Minute), true) }

func trouble(n int, at time.Time, bad bool) evaluator.Round {
	r := evaluator.Round{Source: rules.SourceSpans, Lag: time.Minute, Live: true, At: at}
	for i := range n {
		for _, region := range []string{"eu", "us", "in"} {
			f := evaluator.Finding{
				Rule: fmt.Sprintf("r%d", i), Component: fmt.Sprintf("c%d", i), Series: telemetry.Series{Service: fmt.Sprintf("s%d", i), Region: region},
				At: at, Now: evaluator.Good, Recovered: true, Calm: 5 * time.Minute, Seen: true, Requests: 100, Value: 0.2, LastSeen: at,
			}
			if bad {
				f.Now, f.Recovered, f.Calm, f.Held, f.Floor, f.Began = evaluator.Bad, false, 0, rules.P1, rules.P1, at.Add(-time.Minute)
			}
			r.Findings = append(r.Findings, f)
		}
	}
	return r
}

// play has every component break for bad minutes and be well for good ones, again
// and again until there are enough events, or once if enough is nil.
func play(config *rules.Config, n, bad, good int, enough func(events int) bool) (incident.Board, []incident.Event) {
	var board incident.Board
	var events []incident.Event
	for minute := 1; ; minute++ {
		if enough == nil && minute > bad || enough != nil && enough(len(events)) {
			return board, events
		}
		at := noon.Add(time.Duration(minute) * time.Minute)
		r := trouble(n, at, (minute-1)%(bad+good) < bad)
		for _, e := range board.Decide(incident.Input{Config: config, Round: &r, Latest: r.Findings, AsOf: at, Known: true}, at.Add(r.Lag)) {
			e.Seq, e.Recorded = uint64(len(events)+1), at
			events = append(events, e)
			board = board.With(e)
		}
	}
}

// A start folds the whole log: here some six hundred incidents, ten open at a time.
func BenchmarkFold(b *testing.B) {
	config, _, _, _ := busy(b, 10)
	config.ReopenWithin = 0
	board, events := play(config, 10, 20, 40, func(n int) bool { return n >= 10_000 })
	b.Logf("%d events of %d incidents", len(events), len(board.Open)+len(board.Past))
	log := func(yield func(incident.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
	for b.Loop() {
		if _, err := incident.Fold(iter.Seq2[incident.Event, error](log)); err != nil {
			b.Fatal(err)
		}
	}
}

// Each minute's round is decided, with twenty incidents open: the worst minute of
// the year, in which nothing new happens.
func BenchmarkDecide(b *testing.B) {
	config, board, r, _ := busy(b, 20)
	in := incident.Input{Config: config, Round: &r, Latest: r.Findings, AsOf: r.At, Known: true}
	for b.Loop() {
		board.Decide(in, r.At.Add(r.Lag))
	}
}

// While something is due, the desk asks every two seconds when.
func BenchmarkNextDue(b *testing.B) {
	config, board, r, _ := busy(b, 200)
	for b.Loop() {
		board.NextDue(incident.Input{Config: config, Known: true}, r.At)
	}
}
