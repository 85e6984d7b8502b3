package evaluator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// script is a source whose every read is written down.
type script struct {
	reads []string
	fail  error
	names []string         // of services; "api" if there are none
	late  map[int64]uint64 // unix minute → requests that came late, once `later` has passed
	later time.Time
}

func (s *script) Minutes(_ context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	var read strings.Builder
	read.WriteString(from.Format("15:04") + "-" + to.Format("15:04"))
	for _, r := range except {
		read.WriteString("\\" + r.From.Format("15:04") + "-" + r.To.Format("15:04"))
	}
	s.reads = append(s.reads, read.String())
	return func(yield func(telemetry.Minute, error) bool) {
		if s.fail != nil {
			yield(telemetry.Minute{}, s.fail)
			return
		}
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			m := telemetry.Minute{Series: telemetry.Series{Service: "api", Region: "eu"}, Start: at, Requests: 10}
			if !time.Now().Before(s.later) {
				m.Requests += s.late[at.Unix()/60]
			}
			for i := range max(1, len(s.names)) {
				if s.names != nil {
					m.Series.Service, m.Series.Region = s.names[i], s.names[i]
				}
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// hold is a sink that writes rounds down.
type hold struct {
	rounds []Round
	fail   error
}

func (h *hold) sink(_ context.Context, r Round) error {
	if h.fail != nil {
		return h.fail
	}
	h.rounds = append(h.rounds, r)
	return nil
}

func (h *hold) String() string {
	var b strings.Builder
	for _, r := range h.rounds {
		switch {
		case r.Blind:
			fmt.Fprintf(&b, "blind@%s ", r.At.Format("15:04"))
		case r.Again:
			fmt.Fprintf(&b, "again@%s ", r.At.Format("15:04"))
		case r.Live:
			fmt.Fprintf(&b, "%s! ", r.At.Format("15:04"))
		default:
			fmt.Fprintf(&b, "%s ", r.At.Format("15:04"))
		}
	}
	return strings.TrimSpace(b.String())
}

func newLoop(t *testing.T, s *script, h *hold) *Loop {
	return &Loop{
		Source: s, Rings: New(config(errorRule())), Lag: time.Minute, Settle: 3 * time.Minute, CatchUp: 6 * time.Hour,
		Sink: h.sink, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// Bubbles begin at midnight, 2000-01-01.
func at(s string) time.Time {
	v, err := time.Parse("2006-01-02 15:04", "2000-01-01 "+s)
	if err != nil {
		panic(err)
	}
	return v
}

func until(s string) { time.Sleep(time.Until(at(s))) }

func tick(t *testing.T, l *Loop) {
	t.Helper()
	if err := l.Tick(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestEachMinuteIsReadWhenItClosesAndOnceMoreWhenItSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{}, &hold{}
		l := newLoop(t, s, h)
		l.Resume(at("07:00"))
		until("07:02")
		tick(t, l)
		s.reads = nil
		for range 6 {
			time.Sleep(time.Minute)
			tick(t, l)
		}
		want := `06:58-07:02\06:59-07:01 06:59-07:03\07:00-07:02 07:00-07:04\07:01-07:03 ` +
			`07:01-07:05\07:02-07:04 07:02-07:06\07:03-07:05 07:03-07:07\07:04-07:06`
		if got := strings.Join(s.reads, " "); got != want {
			t.Errorf("read %s\nwant %s", got, want)
		}
		if got, want := h.String(), "again@07:00 07:01! 07:02! 07:03! 07:04! 07:05! 07:06! 07:07!"; got != want {
			t.Errorf("judged %s\nwant   %s", got, want)
		}
	})
}

func TestLateSpansCountInLaterWindowsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{late: map[int64]uint64{at("07:01").Unix() / 60: 90}}, &hold{}
		s.later = at("07:04")
		l := newLoop(t, s, h)
		l.Resume(at("07:00"))
		until("07:02")
		for range 6 {
			tick(t, l)
			time.Sleep(time.Minute)
		}
		got := map[string]uint64{}
		for _, r := range h.rounds {
			if !r.Again {
				got[r.At.Format("15:04")] = r.Findings[0].Requests
			}
		}
		// The window is five minutes. 07:01 settles at 07:06, together with 07:05's first look.
		want := map[string]uint64{"07:01": 50, "07:02": 50, "07:03": 50, "07:04": 50, "07:05": 140, "07:06": 140}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("requests in the windows: %v, want %v", got, want)
		}
	})
}

func TestAStopIsCaughtUpWithInOrderAndReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{}, &hold{}
		l := newLoop(t, s, h)
		l.Resume(at("04:00"))
		until("07:30")
		tick(t, l)
		if want := "02:45-03:45 03:45-04:00 04:00-05:00 05:00-06:00 06:00-07:00 07:00-07:29"; strings.Join(s.reads, " ") != want {
			t.Errorf("read %v, want %s", s.reads, want)
		}
		if n := len(h.rounds); n != 1+209 {
			t.Fatalf("%d rounds, want 210", n)
		}
		for i, r := range h.rounds {
			if want := at("04:00").Add(time.Duration(i) * time.Minute); !r.At.Equal(want) || r.Live != (i == 209) || r.Again != (i == 0) {
				t.Fatalf("round %d is %s live %v again %v", i, r.At, r.Live, r.Again)
			}
		}
	})
}

func TestAStopLongerThanCatchUpSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{}, &hold{}
		l := newLoop(t, s, h)
		l.CatchUp = time.Hour
		l.Resume(at("04:00"))
		until("07:30")
		tick(t, l)
		if r := h.rounds[0]; r.Again || !r.At.Equal(at("06:30")) || r.Skipped != 2*time.Hour+29*time.Minute {
			t.Errorf("the first round is %s, skipped %s", r.At.Format("15:04"), r.Skipped)
		}
		if h.rounds[1].Skipped != 0 {
			t.Error("the gap is told twice")
		}
	})
}

func TestABlindSourceJudgesNothingAndIsCaughtUpWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{}, &hold{}
		l := newLoop(t, s, h)
		l.Resume(at("06:59"))
		until("07:01")
		tick(t, l)
		s.fail = errors.New("connection refused")
		for range 3 {
			time.Sleep(time.Minute)
			if err := l.Tick(t.Context(), time.Now()); !errors.Is(err, s.fail) {
				t.Fatalf("the tick says %v", err)
			}
		}
		s.fail = nil
		time.Sleep(time.Minute)
		tick(t, l)
		if got, want := h.String(), "again@06:59 07:00! blind@07:00 blind@07:00 blind@07:00 07:01 07:02 07:03 07:04!"; got != want {
			t.Errorf("judged %s\nwant   %s", got, want)
		}
	})
}

func TestWhatWasCaughtUpWithIsNotAllReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{}, &hold{}
		l := newLoop(t, s, h)
		l.Resume(at("01:00"))
		until("01:02")
		tick(t, l)
		s.fail = errors.New("connection refused")
		until("06:30")
		if err := l.Tick(t.Context(), time.Now()); !errors.Is(err, s.fail) {
			t.Fatalf("the tick says %v", err)
		}
		s.fail, s.reads = nil, nil
		tick(t, l)
		// The rule looks back 21 minutes.
		if want := "01:01-02:01 02:01-03:01 03:01-04:01 04:01-05:01 05:01-06:01 06:01-06:29 05:11-06:26"; strings.Join(s.reads, " ") != want {
			t.Errorf("read %v, want %s", s.reads, want)
		}
	})
}

// The log keeps text. What it gave back as another name would be raised anew
// every minute, in public.
func TestNamesThatAreNotTextAreSpelledOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{names: []string{"caf\xc3", "caf\xe9", "café"}}, &hold{}
		l := newLoop(t, s, h)
		until("07:02")
		tick(t, l)
		var got []string
		for _, f := range h.rounds[0].Findings {
			got = append(got, f.Series.Service+" "+f.Series.Region)
		}
		if want := `caf\xc3 caf\xc3, caf\xe9 caf\xe9, café café`; strings.Join(got, ", ") != want {
			t.Errorf("found %s, want %s", strings.Join(got, ", "), want)
		}
	})
}

func TestWhatTheSinkRefusesIsOfferedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := &script{}, &hold{}
		l := newLoop(t, s, h)
		l.Resume(at("06:59"))
		until("07:01")
		tick(t, l)
		h.fail = errors.New("disk full")
		time.Sleep(time.Minute)
		if err := l.Tick(t.Context(), time.Now()); !errors.Is(err, h.fail) {
			t.Fatalf("the tick says %v", err)
		}
		h.fail = nil
		tick(t, l)
		if got, want := h.String(), "again@06:59 07:00! 07:01!"; got != want {
			t.Errorf("judged %s, want %s", got, want)
		}
	})
}
