package incident_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/cmd/tocsin/ruletest"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

var (
	histories = flag.Int("histories", 24, "how many random histories are played")
	firstSeed = flag.Int("seed", 0, "the seed of the first random history")
)

// everything has values compared with their unexported fields.
var everything = cmp.Exporter(func(reflect.Type) bool { return true })

func pick[T any](r *rand.Rand, xs ...T) T { return xs[r.IntN(len(xs))] }

func randomYAML(r *rand.Rand) string {
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f+"\n", a...) }
	p("components:\n  - {id: db, name: Database}\n  - {id: engine, name: Engine, depends_on: [db]}\n  - {id: api, name: API, depends_on: [engine]}")
	p("regions: [{code: eu, name: Europe}, {code: us, name: US}]")
	p("sources: {signoz: {lag: %s}}", pick(r, "60s", "60s", "3m"))
	p("reopen_within: %s", pick(r, "0s", "5m", "30m"))
	p("severities:\n  P0: {cadence: [{for: 10m, every: 3m}, {every: 7m}]}\n  P1: {cadence: [{every: %s}]}\n  P2: {cadence: %s}", pick(r, "10m", "5m", "1h"), pick(r, "[]", "[{every: 20m}]"))
	p("probes: [{id: health, type: http, targets: {eu: \"https://a.example.com\", us: \"https://b.example.com\"}}]")
	p("rules:")
	n := 0
	for _, c := range []string{"db", "engine", "api"} {
		lv := pick(r, "{P1: {above: 20%, for: 2m}}", "{P0: {above: 50%, for: 2m}, P2: {above: 5%, for: 3m}}", "{P2: {above: 5%, for: 1m}, P4: {above: 1%, for: 2m}}", "{P1: {above: 30%, for: 2m, confirm_with: [probe]}, P3: {above: 2%, for: 2m}}")
		sp := pick(r, "", "", ", spread: {all_regions: P0}", ", spread: {regions: 2, severity: P1}")
		if sp != "" && strings.Contains(lv, "P0") {
			sp = ""
		}
		if strings.Contains(sp, "severity: P1") && strings.HasPrefix(lv, "{P1: {above: 20") {
			sp = ""
		}
		p("  - {id: r%d, component: %s, signal: error_rate, where: {services: [%s]}, window: %s, levels: %s, recover: {below: 0.5%%, for: %s}%s}", n, c, c, pick(r, "1m", "3m", "5m"), lv, pick(r, "2m", "5m"), sp)
		n++
		if r.IntN(2) == 0 {
			p("  - {id: r%d, component: %s, signal: p99, where: {services: [%s]}, window: 3m, levels: {P2: {above: 1s, for: 2m}}}", n, c, c)
			n++
		}
		if r.IntN(3) == 0 {
			p("  - {id: r%d, component: %s, signal: request_rate, where: {services: [%s]}, window: 3m, levels: {P3: {below: 5/min, for: 2m}}}", n, c, c)
			n++
		}
	}
	p("  - {id: probe, component: %s, signal: error_rate, where: {probes: [health]}, window: 1m, levels: {P1: {above: 50%%, for: 2m}}}", pick(r, "api", "db"))
	if r.IntN(2) == 0 {
		p("  - {id: silent, component: api, signal: silence, of: %s, window: 2m, levels: {P0: {for: 1m, confirm_with: [probe]}, P4: {for: 3m}}}", pick(r, "region", "series"))
	}
	if r.IntN(3) == 0 {
		p("maintenance:\n  - {id: a, title: A, components: [%s], from: 2026-01-01 00:%02d, to: 2026-01-01 01:%02d}\n  - {id: b, title: B, from: 2026-01-01 00:50, to: 2026-01-01 01:20}", pick(r, "api", "db"), r.IntN(60), 1+r.IntN(59))
	}
	if r.IntN(4) == 0 {
		p("silences: [{id: s, rules: [\"r*\"], regions: [eu], from: 2026-01-01 00:30, until: 2026-01-01 00:%d, reason: x}]", 40+r.IntN(20))
	}
	return b.String()
}

func randomTest(r *rand.Rand, n int) rules.Test {
	test := rules.Test{Name: "random", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, sv := range []string{"db", "engine", "api", "health"} {
		for _, region := range []string{"eu", "us"} {
			s := rules.TestSeries{Service: sv, Region: region, Probe: sv == "health"}
			left, rate, bad, slow := 0, 0.0, 0.0, 0
			for range n {
				if left--; left < 0 {
					left = pick(r, 1, 3, 8, 25, 40)
					rate, bad, slow = pick(r, 0., 3, 100, 100, 100), pick(r, 0., 0, 0, .02, .1, .9), pick(r, 0, 0, 0, 20)
					if s.Probe {
						rate, bad = pick(r, 4., 4, 4, 4, 0), pick(r, 0., 0, 0, 1)
					}
				}
				x := rules.Sample{Requests: uint64(rate), Errors: uint64(rate*bad + r.Float64()*.99)}
				x.Errors = min(x.Errors, x.Requests)
				if bad == 0 {
					x.Errors = 0
				}
				if slow > 0 && rate > 0 && !s.Probe {
					x.Slow = []rules.SlowPart{{Requests: uint64(slow), Duration: 3 * time.Second}}
				}
				s.Minutes = append(s.Minutes, x)
			}
			test.Series = append(test.Series, s)
		}
	}
	if r.IntN(3) == 0 {
		f := r.IntN(n)
		test.Down = append(test.Down, rules.TestDown{Source: pick(r, rules.SourceSpans, rules.SourceSpans, rules.SourceProbes), From: f, To: f + r.IntN(30)})
	}
	return test
}

// Whatever rules and minutes there are: the log folds to the board, a component
// has one open incident, nothing is said after the last word, no promise lies in
// the past or goes by in silence, no cause flaps.
func TestRandomHistories(t *testing.T) {
	s0, n := *firstSeed, *histories
	kinds := map[incident.Kind]int{}
	problems := map[string]int{}
	for seed := s0; seed < s0+n; seed++ {
		r := rand.New(rand.NewPCG(uint64(seed), 99))
		yaml := randomYAML(r)
		config, err := rules.Parse([]rules.File{{Name: "rules.yaml", Body: []byte(yaml)}})
		if err != nil {
			t.Fatalf("%v\n%s", err, yaml)
		}
		test := randomTest(r, 150)
		played, err := ruletest.Play(t.Context(), config, test)
		if err != nil {
			t.Fatal(err)
		}
		say := func(kind, f string, a ...any) {
			problems[kind]++
			if problems[kind] <= 2 {
				t.Errorf("seed %d %s: %s", seed, kind, fmt.Sprintf(f, a...))
				t.Logf("%s\n%s", yaml, strings.Join(played.Timeline(), "\n"))
			}
		}
		var b incident.Board
		resolved := map[incident.ID]int{}
		keys := map[string]bool{}
		flips := map[string][]time.Time{}
		for i, e := range played.Events {
			kinds[e.Kind]++
			raw, err := json.Marshal(e)
			if err != nil {
				say("json", "%v", err)
			}
			var back incident.Event
			if err := json.Unmarshal(raw, &back); err != nil {
				say("json", "%v", err)
			}
			back.Seq, back.Incident, back.Kind, back.At, back.Recorded = e.Seq, e.Incident, e.Kind, e.At, e.Recorded
			b = b.With(back)
			for _, p := range e.Posts {
				if p.Key != "" {
					if keys[p.Channel+p.Key] {
						say("key twice", "%s", p.Key)
					}
					keys[p.Channel+p.Key] = true
				}
			}
			comps := map[string]bool{}
			for _, inc := range b.Open {
				if comps[inc.Component] {
					say("two open", "%s", inc.Component)
				}
				comps[inc.Component] = true
				if inc.Peak < inc.Severity() {
					say("peak", "%s", inc.ID)
				}
			}
			switch e.Kind {
			case incident.Resolved:
				resolved[e.Incident] = 1
			case incident.Reopened:
				delete(resolved, e.Incident)
				if inc, ok := b.Find(e.Incident); ok && inc.State == incident.StateResolved {
					say("reopen", "not open")
				}
			case incident.Updated:
				if resolved[e.Incident] > 0 {
					resolved[e.Incident]++
					if resolved[e.Incident] > 2 || e.Update.State != incident.StateResolved {
						say("update after resolve", "%s", e.Line(played.Begin))
					}
				}
				if !e.Update.Next.IsZero() && !e.Update.Next.After(e.Update.Said) {
					say("promise in the past", "%s", e.Line(played.Begin))
				}
			case incident.Raised, incident.Eased, incident.Recovered:
				k := string(e.Incident) + e.Rule + e.Service + e.Region
				flips[k] = append(flips[k], e.At)
				if fs := flips[k]; len(fs) >= 5 && fs[len(fs)-1].Sub(fs[len(fs)-5]) <= 4*time.Minute {
					say("flap", "%s", e.Line(played.Begin))
				}
			case incident.Missed:
				if len(test.Down) == 0 {
					say("missed", "%s", e.Line(played.Begin))
				}
			}
			// promises: nothing may be recorded later than 5 s after an open promise
			for _, inc := range b.Open {
				if !inc.Promise.IsZero() && i+1 < len(played.Events) && played.Events[i+1].Recorded.After(inc.Promise.Add(5*time.Second)) {
					nx := played.Events[i+1]
					if nx.Kind != incident.Missed {
						say("promise overdue", "%s: %s then %s", inc.ID, inc.Promise.Sub(played.Begin), nx.Line(played.Begin))
					}
				}
			}
			if e.Kind == incident.Reopened && strings.Contains(e.Why, " -") {
				say("negative reopen", "%s", e.Why)
			}
			if e.Incident != "" && (e.Kind == incident.Raised || e.Kind == incident.Opened) && e.Began.After(e.At) {
				say("began after", "%s", e.Line(played.Begin))
			}
			if inc, ok := b.Find(e.Incident); ok && e.Kind != incident.Opened {
				if inc.Began.After(inc.Detected) {
					say("began after detected", "%s", e.Line(played.Begin))
				}
				if e.Kind == incident.Resolved && inc.Resolved.Before(inc.Detected) {
					say("resolved before detected", "%s", e.Line(played.Begin))
				}
			}
		}
		var plain incident.Board
		for _, e := range played.Events {
			plain = plain.With(e)
		}
		if diff := cmp.Diff(plain, b, everything); diff != "" {
			say("fold", "%s", diff)
		}
		for _, wrong := range soundBouts(plain) {
			say("bouts", "%s", wrong)
		}
		for _, inc := range append(plain.Open, plain.Past...) {
			for i := 1; i < len(inc.Updates); i++ {
				if inc.Updates[i].Number != i+1 {
					say("numbers", "%s", inc.ID)
				}
				if !inc.Updates[i].Late && inc.Updates[i].Said.Before(inc.Updates[i-1].Said) {
					say("said backwards", "%s %v %v", inc.ID, inc.Updates[i-1].Said, inc.Updates[i].Said)
				}
			}
		}
	}
	t.Log(kinds)
	for _, k := range []incident.Kind{
		incident.Opened, incident.Raised, incident.Eased, incident.Recovered, incident.Reopened, incident.Surfaced, incident.Linked,
		incident.Muted, incident.Entered, incident.Left, incident.Updated, incident.Resolved,
	} {
		if kinds[k] == 0 {
			t.Errorf("nothing was %s in %d histories: they show too little", k, n)
		}
	}
}
