package evaluator

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// history is a source of minutes, some of which only come late.
type history struct {
	ms    []telemetry.Minute
	late  map[int]telemetry.Minute // index of ms → what is there until it is complete
	now   time.Time
	delay time.Duration // from the end of a minute until it is complete
	reads map[time.Time]int
}

func (h *history) Minutes(_ context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		for at := from; at.Before(to) && h.reads != nil; at = at.Add(time.Minute) {
			h.reads[at]++
		}
		for i, m := range h.ms {
			if m.Start.Before(from) || !m.Start.Before(to) {
				continue
			}
			if early, late := h.late[i]; late && h.now.Before(m.Start.Add(time.Minute+h.delay)) {
				m = early
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// live judges n minutes as the loops of a running service do, a tick a minute.
func live(t *testing.T, h *history, n int) (rounds []Round) {
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	var loops []*Loop
	for _, source := range []string{rules.SourceProbes, rules.SourceSpans} {
		l := &Loop{
			Name: source, Source: h, Rings: New(config(every()...)), Lag: time.Minute, Settle: 3 * time.Minute, CatchUp: 6 * time.Hour, Log: logger,
			Sink: func(_ context.Context, r Round) error {
				if !r.Again {
					rounds = append(rounds, r)
				}
				return nil
			},
		}
		l.Resume(t0)
		loops = append(loops, l)
	}
	for m := range n {
		h.now = t0.Add(time.Duration(m+2) * time.Minute)
		for _, l := range loops {
			if err := l.Tick(t.Context(), h.now); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rounds
}

func walked(t *testing.T, h *history, n int) (rounds []Round) {
	w := Walk{Source: h, From: t0, To: t0.Add(time.Duration(n) * time.Minute), Lag: time.Minute}
	err := w.Run(t.Context(), Walker{New(config(every()...)), func(_ context.Context, r Round) error {
		rounds = append(rounds, r)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return rounds
}

// Without late spans, history walked through says what the service said.
func TestAWalkSaysWhatTheLoopSaid(t *testing.T) {
	for seed := range uint64(2) {
		h := &history{ms: random(seed, 150)}
		said := live(t, h, 150)
		h.reads = map[time.Time]int{}
		if diff := cmp.Diff(said, walked(t, h, 150)); diff != "" {
			t.Fatalf("seed %d: (-live +walked)\n%.3000s", seed, diff)
		}
		for at, n := range h.reads {
			if n != 1 {
				t.Fatalf("the minute %s was read %d times", at.Format("15:04"), n)
			}
		}
	}
}

// With late spans they differ in the minutes whose windows were judged before
// these came, and in no others.
func TestLateSpansChangeOnlyWhatWasJudgedBeforeThem(t *testing.T) {
	h := &history{ms: random(1, 300), late: map[int]telemetry.Minute{}, delay: 2 * time.Minute}
	incomplete := map[time.Time]bool{}
	for i, m := range h.ms {
		if m.Series.Stream == rules.ProbeStream || i%40 != 0 || m.Requests < 10 {
			continue
		}
		early := m
		early.Requests, early.Errors = m.Requests/2, 0
		h.late[i] = early
		// It is complete two minutes after its end, and judged from one minute
		// after it on: the verdicts of a minute or two rest on half of it.
		incomplete[m.Start.Add(time.Minute)] = true
	}
	differ := 0
	said, want := live(t, h, 300), walked(t, &history{ms: h.ms}, 300)
	for i := range said {
		same := cmp.Equal(said[i], want[i])
		near := false
		for back := range 4 { // until it is read again, when it settles
			near = near || incomplete[said[i].At.Add(-time.Duration(back)*time.Minute)]
		}
		if !same && !near {
			t.Fatalf("%s %s differs, and no late span is near", said[i].Source, said[i].At)
		}
		if !same {
			differ++
		}
	}
	if differ < 10 {
		t.Errorf("only %d rounds differ: the test saw too little", differ)
	}
}
