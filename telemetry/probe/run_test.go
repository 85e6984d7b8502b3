package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// fake is a target whose check is a func.
func fake(id, region string, every, timeout time.Duration, check func(context.Context) outcome) *target {
	return &target{
		probe:   rules.Probe{ID: id, Type: "http", Every: every, Timeout: timeout},
		address: rules.Target{Region: region},
		series:  telemetry.Series{Service: id, Region: region, Stream: rules.ProbeStream},
		check:   check,
	}
}

// takes is a check that ends well after so long.
func takes(d time.Duration) func(context.Context) outcome {
	return func(ctx context.Context) outcome {
		select {
		case <-ctx.Done():
			return outcome{failure: &failure{cause: "no answer: timed out"}, latency: d, answered: true}
		case <-time.After(d):
			return outcome{latency: d, answered: true}
		}
	}
}

func breaks(cause, detail string) func(context.Context) outcome {
	return func(context.Context) outcome { return outcome{failure: &failure{cause, detail}} }
}

// shelf keeps minutes, and when it was given them.
type shelf struct {
	mu      sync.Mutex
	began   time.Time
	refuses func() error
	lines   []string
}

func (s *shelf) keep(_ context.Context, ms []telemetry.Minute) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses != nil {
		if err := s.refuses(); err != nil {
			return err
		}
	}
	words := []string{time.Since(s.began).String() + ":"}
	for _, m := range ms {
		words = append(words, fmt.Sprintf("%d %s/%s %d/%d", int(m.Start.Sub(s.began)/time.Minute), m.Series.Service, m.Series.Region, m.Errors, m.Requests))
	}
	s.lines = append(s.lines, strings.Join(words, " "))
	return nil
}

// told gives what it was told so far.
func (s *shelf) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// begin runs a prober of the targets until the test ends or stop is called.
func begin(t *testing.T, s *shelf, targets ...*target) (p *Prober, stop func()) {
	t.Helper()
	s.began = time.Now()
	p = newProber(targets, s.keep, slog.New(slog.NewTextHandler(t.Output(), nil)))
	return p, start(t, p)
}

func start(t *testing.T, p *Prober) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAMinuteIsHandedOnWhenItsLastCheckIsDone(t *testing.T) {
	tests := []struct {
		name   string
		offset time.Duration
		every  time.Duration
		check  func(context.Context) outcome
		want   []string
	}{
		{
			"at once where none is under way", 0, 15 * time.Second, takes(time.Second),
			[]string{"1m0s: 0 api/eu 0/4", "2m0s: 1 api/eu 0/4"},
		},
		{
			"a check that began in it is part of it", 58 * time.Second, time.Minute, takes(4 * time.Second),
			[]string{"1m2s: 0 api/eu 0/1", "2m2s: 1 api/eu 0/1"},
		},
		{
			"one that times out, too", 58 * time.Second, time.Minute, takes(time.Hour),
			[]string{"1m3s: 0 api/eu 1/1", "2m3s: 1 api/eu 1/1"},
		},
		{
			"one that does not even end is a failed one", 58 * time.Second, time.Minute,
			func(context.Context) outcome { time.Sleep(10 * time.Second); return outcome{answered: true} },
			[]string{"1m4s: 0 api/eu 1/1", "2m4s: 1 api/eu 1/1"},
		},
		{
			"slots do not depend on the start", 20 * time.Second, 30 * time.Second, breaks("no answer", ""),
			[]string{"1m0s: 0 api/eu 2/2", "2m0s: 1 api/eu 2/2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s shelf
				target := fake("api", "eu", tt.every, 5*time.Second, tt.check)
				target.offset = tt.offset
				_, stop := begin(t, &s, target)
				defer stop()
				time.Sleep(2*time.Minute + 15*time.Second)
				synctest.Wait()
				same(t, s.told(), tt.want...)
			})
		})
	}
}

func TestAllTargetsOfAMinuteAreHandedOnTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shelf
		slow := fake("api", "us", time.Minute, 10*time.Second, takes(8*time.Second))
		slow.offset = 55 * time.Second
		_, stop := begin(t, &s, slow, fake("web", "eu", 30*time.Second, time.Second, takes(0)), fake("api", "eu", 15*time.Second, time.Second, breaks("x", "")))
		defer stop()
		time.Sleep(90 * time.Second)
		synctest.Wait()
		same(t, s.told(), "1m3s: 0 api/eu 4/4 0 api/us 0/1 0 web/eu 0/2")
	})
}

func TestWhatAStopBreaksOffDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shelf
		_, stop := begin(t, &s, fake("api", "eu", 15*time.Second, 5*time.Second, takes(4*time.Second)))
		time.Sleep(32 * time.Second) // in the middle of the third check
		stop()
		same(t, s.told(), "32s: 0 api/eu 0/2") // all has ended: the bubble would not
	})
}

func TestWhatIsRefusedIsOfferedAgainInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shelf
		full := true
		s.refuses = func() error {
			if full {
				return errors.New("the disk is full")
			}
			return nil
		}
		_, stop := begin(t, &s, fake("api", "eu", 30*time.Second, 5*time.Second, takes(0)))
		defer stop()
		time.Sleep(3*time.Minute + 10*time.Second)
		s.mu.Lock()
		full = false
		s.mu.Unlock()
		time.Sleep(40 * time.Second)
		synctest.Wait()
		var minutes []string
		for _, line := range s.told() {
			_, m, _ := strings.Cut(line, ": ")
			minutes = append(minutes, m)
		}
		same(t, minutes, "0 api/eu 0/2", "1 api/eu 0/2", "2 api/eu 0/2")
	})
}

func TestMemoryIsBoundedWhenNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shelf
		full := true
		s.refuses = func() error {
			if full {
				return errors.New("the disk is full")
			}
			return nil
		}
		_, stop := begin(t, &s, fake("api", "eu", 30*time.Second, 5*time.Second, takes(0)))
		time.Sleep(3*time.Hour + time.Second)
		s.mu.Lock()
		full = false
		s.mu.Unlock()
		stop()
		told := s.told()
		if len(told) != most+2 { // those that wait, one that is being offered and the one under way
			t.Fatalf("%d minutes were kept, want %d", len(told), most+2)
		}
		for i, line := range told[1:] {
			want := fmt.Sprintf(" %d api/eu 0/2", 120+i)
			if i == most {
				want = " 180 api/eu 0/1"
			}
			if !strings.HasSuffix(line, want) {
				t.Errorf("number %d is %q, want %q", i+1, line, want)
			}
		}
	})
}

func TestAMinuteThatIsNeverTakenDoesNotHoldUpTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shelf
		offered := map[int64]int{}
		began := time.Now()
		p := newProber([]*target{fake("api", "eu", 30*time.Second, 5*time.Second, takes(0))},
			func(ctx context.Context, ms []telemetry.Minute) error {
				if offered[ms[0].Start.Unix()]++; ms[0].Start.Equal(began) {
					return errors.New("not that one")
				}
				return s.keep(ctx, ms)
			}, slog.New(slog.DiscardHandler))
		stop := start(t, p)
		time.Sleep(70 * time.Minute)
		stop()
		bad, good := offered[began.Unix()], offered[began.Add(50*time.Minute).Unix()]
		if n := len(s.told()); n < 60 || bad < 100 || good != 1 {
			t.Errorf("%d minutes were kept, the bad one was offered %d times and a good one %d times", n, bad, good)
		}
	})
}

func TestAStopDoesNotWaitForAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber([]*target{fake("api", "eu", 30*time.Second, 5*time.Second, takes(0))},
			func(ctx context.Context, _ []telemetry.Minute) error { <-ctx.Done(); return ctx.Err() }, slog.New(slog.DiscardHandler))
		stop := start(t, p)
		time.Sleep(3 * time.Minute)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestReconfiguringDisturbsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shelf
		stays := fake("api", "eu", 15*time.Second, 5*time.Second, takes(4*time.Second))
		goes := fake("api", "us", 15*time.Second, 5*time.Second, takes(4*time.Second))
		changes := fake("web", "eu", 15*time.Second, 5*time.Second, breaks("no answer", ""))
		p, stop := begin(t, &s, stays, goes, changes)
		defer stop()
		time.Sleep(32 * time.Second) // the third checks of two are under way
		again := fake("api", "eu", 15*time.Second, 5*time.Second, takes(4*time.Second))
		other := fake("web", "eu", 10*time.Second, 5*time.Second, takes(0))
		fresh := fake("new", "in", 15*time.Second, 5*time.Second, takes(0))
		p.want([]*target{again, other, fresh})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		// web: 0, 15 and 30 failed, 40 and 50 are well. new: 45.
		same(t, s.told(), "1m0s: 0 api/eu 0/4 0 api/us 0/2 0 new/in 0/1 0 web/eu 3/5")
		var names []string
		for _, st := range p.Report() {
			names = append(names, fmt.Sprintf("%s/%s %t", st.Probe, st.Region, st.OK))
		}
		same(t, names, "api/eu true", "web/eu true", "new/in true")
	})
}

func TestTargetsDoNotAskAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		at := map[time.Duration]int{}
		begun := time.Now()
		check := func(context.Context) outcome {
			mu.Lock()
			defer mu.Unlock()
			at[time.Since(begun)]++
			return outcome{}
		}
		var targets []*target
		for i := range 12 {
			targets = append(targets, fake(fmt.Sprint("p", i), "eu", 15*time.Second, 5*time.Second, check))
		}
		spread(targets)
		var s shelf
		_, stop := begin(t, &s, targets...)
		time.Sleep(time.Minute - 1)
		stop()
		if len(at) != 12*4 {
			t.Errorf("48 checks began at %d moments", len(at))
		}
		same(t, s.told(), "59.999999999s: "+kept(12))
	})
}

// kept is how a minute of n probes with four checks each is told.
func kept(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("0 p%d/eu 0/4", i))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestOnlyChangesAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := 0
		story := []*failure{
			nil, nil, {"too slow", "2.1s"}, {"too slow", "2.2s"}, {"too slow", "2.3s"}, {"no answer", ""}, {"too slow", "2.4s"}, nil, nil,
		}
		flaps := fake("api", "eu", 5*time.Second, time.Second, func(context.Context) outcome {
			n++
			return outcome{failure: story[min(n, len(story))-1]}
		})
		var s shelf
		s.began = time.Now()
		p := newProber([]*target{flaps}, s.keep, slog.New(slog.NewTextHandler(&log, nil)))
		stop := start(t, p)
		time.Sleep(5 * time.Minute)
		stop()
		var got []string
		for line := range strings.Lines(log.String()) {
			_, rest, _ := strings.Cut(line, "level=")
			got = append(got, strings.TrimSpace(rest))
		}
		same(t, got,
			`WARN msg="probe fails" probe=api region=eu reason="too slow (2.1s)"`,
			`WARN msg="probe fails" probe=api region=eu reason="no answer"`,
			`WARN msg="probe fails" probe=api region=eu reason="too slow (2.4s)"`,
			`INFO msg="probe is well again" probe=api region=eu`)
	})
}

func TestTheReportIsAboutTheNewestChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shelf
		bad := fake("web", "eu", 15*time.Second, 5*time.Second, func(context.Context) outcome {
			return outcome{failure: &failure{"certificate expired", "on …"}, latency: time.Second, gauges: map[string]float64{rules.GaugeCertificateDays: -3}}
		})
		later := fake("api", "us", time.Minute, 5*time.Second, takes(0))
		later.offset = 50 * time.Second
		p, stop := begin(t, &s, fake("api", "eu", 15*time.Second, 5*time.Second, takes(2*time.Second)), later, bad)
		defer stop()
		show := func() (lines []string) {
			for _, st := range p.Report() {
				days := "none"
				if st.CertificateDays != nil {
					days = fmt.Sprint(*st.CertificateDays)
				}
				at := "never"
				if !st.At.IsZero() {
					at = st.At.Sub(s.began).String()
				}
				lines = append(lines, fmt.Sprintf("%s/%s %s %t %q %v %s", st.Probe, st.Region, at, st.OK, st.Reason, st.Latency, days))
			}
			return lines
		}
		same(t, show(), `api/eu never false "" 0s none`, `api/us never false "" 0s none`, `web/eu never false "" 0s none`)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		same(t, show(), `api/eu 15s true "" 2s none`, `api/us never false "" 0s none`, `web/eu 15s false "certificate expired (on …)" 1s -3`)
		p.Report()[0].Reason = "somebody else's"
		time.Sleep(time.Second)
		if r := p.Report()[0].Reason; r != "" {
			t.Errorf("a reader changed the report: %q", r)
		}
	})
}

func TestTheNewestGaugeOfAMinuteCounts(t *testing.T) {
	b := newBook()
	target := fake("api", "eu", 15*time.Second, 5*time.Second, nil)
	at := time.Date(2026, 5, 20, 12, 0, 3, 0, time.UTC)
	for i, g := range []map[string]float64{{"a": 1, "b": 1}, nil, {"a": 2}} {
		due := at.Add(time.Duration(i) * 15 * time.Second)
		b.begin(target, due, due)
		b.done(target, outcome{gauges: g, latency: time.Second, answered: i > 0})
	}
	got := b.close(at.Add(time.Minute))
	if len(got) != 1 || len(got[0]) != 1 {
		t.Fatalf("got %v", got)
	}
	m := got[0][0]
	if fmt.Sprint(m.Gauges) != "map[a:2 b:1]" || m.Requests != 3 || m.Durations.Count() != 2 || !m.Start.Equal(at.Truncate(time.Minute)) {
		t.Errorf("got %+v", m)
	}
}

func TestAClosedMinuteIsNeverOpenedAgain(t *testing.T) {
	b := newBook()
	target := fake("api", "eu", 15*time.Second, 5*time.Second, nil)
	at := time.Date(2026, 5, 20, 12, 0, 50, 0, time.UTC)
	check := func(now time.Time) time.Time {
		began := b.begin(target, now, now)
		b.done(target, outcome{})
		return began
	}
	check(at)
	if n := len(b.close(at.Add(10 * time.Second))); n != 1 {
		t.Fatalf("%d minutes were closed", n)
	}
	// The clock was set back by half a minute.
	if began := check(at.Add(-20 * time.Second)); !began.Equal(at.Add(10 * time.Second)) {
		t.Errorf("a check began at %v, in a minute that was handed on", began)
	}
	// A timer was a hair early.
	due := at.Add(70 * time.Second)
	if began := b.begin(target, due, due.Add(-time.Millisecond)); !began.Equal(due) {
		t.Errorf("a check that was due at %v began at %v", due, began)
	}
}

func TestSlotsFollowTheClock(t *testing.T) {
	target := fake("api", "eu", 15*time.Second, 5*time.Second, nil)
	target.offset = 4 * time.Second
	noon := time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	for now, want := range map[float64]float64{0: 4, 4: 4, 4.1: 19, 18.9: 19, 59.5: 64} {
		if got := target.slot(at(now)); !got.Equal(at(want)) {
			t.Errorf("at %v the next slot is %v, want %v", now, got, at(want))
		}
	}
	for _, tt := range []struct {
		name           string
		due, now, want float64
	}{
		{"the one after", 4, 5, 19},
		{"also if the timer was early", 4, 3.999, 19},
		{"those that passed are left out", 4, 70, 79},
		{"a clock that was set back is followed", 3604, 10, 19},
	} {
		if got := target.next(at(tt.due), at(tt.now)); !got.Equal(at(tt.want)) {
			t.Errorf("%s: got %v, want %v", tt.name, got, at(tt.want))
		}
	}
}

func TestWhatMakesAnotherTarget(t *testing.T) {
	ca := root(t).file(t)
	probe := func(change func(*rules.Probe)) *target {
		t.Helper()
		p := rules.Probe{
			ID: "api", Type: "http", Every: 15 * time.Second, Timeout: 5 * time.Second, CAFile: ca, Pos: rules.Pos{Line: 1},
			Expect:  rules.Expect{Status: codes(200, 299)},
			Gauges:  []rules.ProbeGauge{{Name: "db", Path: "db", Values: map[string]float64{"up": 1}}},
			Targets: []rules.Target{{Region: "eu", Address: "https://127.0.0.1/", Pos: rules.Pos{Line: 2}}},
		}
		change(&p)
		all, err := newTargets([]rules.Probe{p})
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	before := probe(func(*rules.Probe) {})
	for name, change := range map[string]func(*rules.Probe){
		"nothing":             func(*rules.Probe) {},
		"where it is written": func(p *rules.Probe) { p.Pos.Line, p.Targets[0].Pos.Line = 8, 9 },
		"a target besides it": func(p *rules.Probe) {
			p.Targets = append(p.Targets, rules.Target{Region: "us", Address: "https://127.0.0.2/"})
		},
		"its place among them": func(p *rules.Probe) { p.Targets = append(p.Targets, p.Targets[0]) },
	} {
		if !before.same(probe(change)) {
			t.Errorf("%s makes it another one", name)
		}
	}
	for name, change := range map[string]func(*rules.Probe){
		"its address": func(p *rules.Probe) { p.Targets[0].Address += "x" },
		"its region":  func(p *rules.Probe) { p.Targets[0].Region = "us" },
		"its pace":    func(p *rules.Probe) { p.Every *= 2 },
		"a status":    func(p *rules.Probe) { p.Expect.Status[0].To = 399 },
		"a gauge":     func(p *rules.Probe) { p.Gauges[0].Values["up"] = 2 },
		"its ca_file": func(p *rules.Probe) { p.CAFile = root(t).file(t) },
		"no ca_file":  func(p *rules.Probe) { p.CAFile = "" },
	} {
		if before.same(probe(change)) {
			t.Errorf("%s makes no other one", name)
		}
	}
	if err := os.Rename(root(t).file(t), ca); err != nil {
		t.Fatal(err)
	}
	if before.same(probe(func(*rules.Probe) {})) {
		t.Error("another authority in its ca_file makes no other one")
	}
}

func TestTheLagCoversTheSlowestCheck(t *testing.T) {
	if got := Lag([]rules.Probe{{Timeout: time.Second}, {Timeout: 5500 * time.Millisecond}, {}}); got != 8*time.Second {
		t.Errorf("got %v", got)
	}
}
