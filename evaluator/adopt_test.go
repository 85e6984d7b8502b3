package evaluator

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// edits are what people do to rules, and how many of the newest minutes have to
// be read again for it; -1: everything.
var edits = []struct {
	name string
	do   func(rs []rules.Rule) []rules.Rule
	back int
}{
	{"nothing", func(rs []rules.Rule) []rules.Rule { return rs }, 0},
	{"limits of shares, rates and gauges", func(rs []rules.Rule) []rules.Rule {
		for i := range rs {
			if k := rs[i].Signal.Kind; k == rules.KindQuantile || k == rules.KindBurnRate || k == rules.KindSilence {
				continue
			}
			for l := range rs[i].Levels {
				rs[i].Levels[l].Limit *= 0.7
			}
			rs[i].Recover.Limit *= 0.7
		}
		return rs
	}, 0},
	{"factors and soaks", func(rs []rules.Rule) []rules.Rule {
		for i := range rs {
			for l := range rs[i].Levels {
				rs[i].Levels[l].For += time.Minute
				for b := range rs[i].Levels[l].Burn {
					rs[i].Levels[l].Burn[b].Factor *= 0.5
				}
			}
		}
		return rs
	}, 0},
	{"a rule is taken out", func(rs []rules.Rule) []rules.Rule { return rs[1:] }, 0},
	{"all but one are", func(rs []rules.Rule) []rules.Rule { return rs[len(rs)-1:] }, 0},
	{"a rule of a known kind is added", func(rs []rules.Rule) []rules.Rule {
		more := rs[0]
		more.ID, more.Overrides = "more", nil
		return append(rs, more)
	}, 0},
	{"an override", func(rs []rules.Rule) []rules.Rule {
		rs[0].Overrides = append(rs[0].Overrides, rules.Override{Regions: rules.Patterns{Any: []string{"us"}}, Confidence: 0.6})
		return rs
	}, 0},
	{"a shorter window", func(rs []rules.Rule) []rules.Rule { rs[0].Window = 2 * time.Minute; return rs }, 0},
	{"the limit of a pNN", func(rs []rules.Rule) []rules.Rule {
		rs[1].Levels[0].Limit *= 1.5
		return rs
	}, 1},
	{"a much longer window", func(rs []rules.Rule) []rules.Rule { rs[2].Window = 7 * 24 * time.Hour; return rs }, -1},
	{"another place", func(rs []rules.Rule) []rules.Rule { rs[0].Where.Services.Any = []string{"web"}; return rs }, -1},
	{"other routes", func(rs []rules.Rule) []rules.Rule { rs[0].Where.Routes.Any = []string{"/v1/*"}; return rs }, -1},
	{"what is silent together", func(rs []rules.Rule) []rules.Rule { rs[10].Signal.Of = rules.OfService; return rs }, -1},
	{"how slow is too slow for a budget", func(rs []rules.Rule) []rules.Rule { rs[7].Signal.Slow = 3 * time.Second; return rs }, -1},
}

// copied gives rules that share nothing with others.
func copied() []rules.Rule {
	rs := every()
	for i := range rs {
		for l := range rs[i].Levels {
			rs[i].Levels[l].Burn = append([]rules.Burn(nil), rs[i].Levels[l].Burn...)
		}
	}
	return rs
}

// Rings that took over what others held say what rings do that saw it all.
func TestTakenOverIsAsGoodAsRead(t *testing.T) {
	const before, after = 1700, 40
	ms := random(5, before+after)
	byMinute := perMinute(ms)
	put := func(r *Rings, m int) time.Time {
		at := t0.Add(time.Duration(m) * time.Minute)
		r.Replace(at, at.Add(time.Minute), byMinute[at.Unix()])
		return at.Add(time.Minute)
	}
	old := New(config(copied()...))
	for m := range before {
		old.Judge(put(old, m), "")
	}
	now := t0.Add(before * time.Minute)
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			got, want := New(config(e.do(copied())...)), New(config(e.do(copied())...))
			back, ok := got.fits(old)
			if ok != (e.back >= 0) || ok && (back > 0) != (e.back > 0) {
				t.Fatalf("it fits: %v, and %d minutes are to be read; want %d", ok, back, e.back)
			}
			if !ok {
				return
			}
			got.adopt(old)
			from := now.Add(-time.Duration(back) * time.Minute)
			var again []telemetry.Minute
			for _, m := range ms {
				if !m.Start.Before(from) && m.Start.Before(now) {
					again = append(again, m)
				}
			}
			got.Replace(from, now, again)
			for m := range before {
				put(want, m)
			}
			for m := before; m <= before+after; m++ {
				at := t0.Add(time.Duration(m) * time.Minute)
				if diff := cmp.Diff(want.Judge(at, ""), got.Judge(at, "")); diff != "" {
					t.Fatalf("minute %d: (-read +taken over)\n%.3000s", m, diff)
				}
				if m < before+after {
					put(got, m)
					put(want, m)
				}
			}
		})
	}
}

// A loop that takes over reads nothing, and goes on without a gap.
func TestALoopTakesOver(t *testing.T) {
	s := &script{}
	out := &hold{}
	loop := func(limit float64) *Loop {
		r := errorRule()
		r.Levels[0].Limit = limit
		return &Loop{
			Name: rules.SourceSpans, Source: s, Rings: New(config(r)), Lag: time.Minute, Settle: 3 * time.Minute, CatchUp: 6 * time.Hour,
			Sink: out.sink, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		}
	}
	first, second := loop(0.5), loop(0.6)
	first.Resume(t0)
	if err := second.TakeOver(t.Context(), first); err != nil || second.filled {
		t.Errorf("it took over what was not read (%v)", err)
	}
	for m := 2; m <= 4; m++ {
		if err := first.Tick(t.Context(), t0.Add(time.Duration(m)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if !second.Fits(first) {
		t.Fatal("it does not fit")
	}
	reads, said := len(s.reads), len(out.rounds)
	ctx := context.Background()
	if err := second.TakeOver(ctx, first); err != nil {
		t.Fatal(err)
	}
	if len(s.reads) > reads {
		t.Errorf("it has read %v", s.reads[reads:])
	}
	if err := second.Rejudge(ctx, t0.Add(4*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := second.Tick(ctx, t0.Add(5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	rounds := out.rounds[said:]
	if len(rounds) != 2 || !rounds[0].Reloaded || !rounds[0].At.Equal(t0.Add(3*time.Minute)) || !rounds[0].Live ||
		rounds[1].Reloaded || !rounds[1].At.Equal(t0.Add(4*time.Minute)) {
		t.Errorf("it says %+v", rounds)
	}
	if f := rounds[0].Findings; len(f) != 1 || f[0].Requests == 0 {
		t.Errorf("of the minute that was judged last it says %+v", f)
	}
}
