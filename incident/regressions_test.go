// Each of these was wrong once. What a comment tells is how it was.

package incident_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/ruletest"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

func parsed(t *testing.T, yaml string) *rules.Config {
	t.Helper()
	c, err := rules.Parse([]rules.File{{Name: "rules.yaml", Body: []byte(yaml)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func played(t *testing.T, yaml, values string) *ruletest.Played {
	t.Helper()
	test, err := readValues(values)
	if err != nil {
		t.Fatal(err)
	}
	test.Name = t.Name()
	played, err := ruletest.Play(t.Context(), parsed(t, yaml), test)
	if err != nil {
		t.Fatal(err)
	}
	return played
}

func foundBoard(p *ruletest.Played) (b incident.Board) {
	for _, e := range p.Events {
		b = b.With(e)
	}
	return b
}

const foundHead = "components: [{id: api, name: API}]\nregions: [{code: eu, name: Europe}, {code: us, name: US}]\n"

// A level that only compares with a baseline has no limit (+Inf). JSON cannot
// write that: the store refuses the batch, and no later minute is ever judged.
func TestEveryEventCanBeStored(t *testing.T) {
	played := played(t, foundHead+`
rules:
  - id: quiet
    component: api
    signal: request_rate
    window: 5m
    levels: {P1: {below: 10/min, for: 2m}, P3: {under_baseline: 0.5x, for: 2m}}
    recover: {above: 10/min, for: 5m}
`, "api/eu 100x30 1x20 100x20\napi/us 100x70")
	for _, e := range played.Events {
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("%s: %v", e.Line(played.Begin), err)
		}
	}
	t.Log("\n" + strings.Join(played.Timeline(), "\n"))
}

// A burn rate calls a cell seen whose last request came hours ago.
func TestBurnRateHidesThatNothingArrives(t *testing.T) {
	played := played(t, foundHead+`
rules:
  - {id: errors, component: api, signal: error_rate, levels: {P1: {above: 5%, for: 3m}}}
  - {id: budget, component: api, signal: burn_rate, objective: 99.9%, levels: {P1: {burn: page, for: 1m}, P3: {burn: ticket, for: 1m}}}
`, "api/eu 100x60 _x200\napi/us 100x260")
	for _, line := range played.Timeline() {
		if strings.Contains(line, "sensed api/eu nothing") {
			return
		}
	}
	t.Errorf("nothing has come from eu for three hours, and nobody is told:\n%s", strings.Join(played.Timeline(), "\n"))
}

// While the state is monitoring and a page-level burn begins again, the finding
// holds P1 and says "good", since the mildest pair is not over yet.
func TestHeldIsBad(t *testing.T) {
	config := parsed(t, foundHead+`
rules:
  - {id: budget, component: api, signal: burn_rate, objective: 99%, levels: {P1: {burn: page, for: 1m}, P3: {burn: ticket, for: 1m}}}
`)
	r := evaluator.New(config)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for m := range 24 * 60 {
		x := telemetry.Minute{Series: telemetry.Series{Service: "api", Region: "eu", Stream: config.Rules[0].Stream().String()}, Start: begin.Add(time.Duration(m) * time.Minute), Requests: 1000}
		if m >= 23*60+45 {
			x.Errors = 800
		}
		if m >= 23*60 && m < 23*60+45 {
			x.Requests = 100
		}
		r.Replace(x.Start, x.Start.Add(time.Minute), []telemetry.Minute{x})
		for _, f := range r.Judge(x.Start.Add(time.Minute), "") {
			if f.Held != rules.SeverityNone && f.Now != evaluator.Bad {
				t.Fatalf("minute %d: %s held, and now %s: %s", m, f.Held, f.Now, f.Why)
			}
		}
	}
}

const foundTwo = foundHead + `
rules:
  - {id: errors, component: api, signal: error_rate, where: {services: [api]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
  - {id: small, component: api, signal: error_rate, where: {services: [small]}, window: 1m, levels: {P4: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
`

// An internal breach of two hours ends; five minutes later customers are hit for
// the first time. They read that it began two hours ago.
func TestReopenedForCustomersBeganWithTheirTrouble(t *testing.T) {
	played := played(t, foundTwo, "small/eu 100x5 100/50x120 100x40\napi/eu 100x135 100/50x10 100x20")
	for _, inc := range append(foundBoard(played).Open, foundBoard(played).Past...) {
		if inc.Peak == rules.P1 && inc.Began.Sub(played.Begin) < 130*time.Minute {
			t.Errorf("%s, P1, began %s after the start; customers were hit after 2h15m\n%s", inc.ID, inc.Began.Sub(played.Begin), strings.Join(played.Timeline(), "\n"))
		}
	}
}

// What customers read of breaks again within reopen_within, but an internal one
// ended in between: the internal one is reopened instead.
func TestTheRightIncidentIsReopened(t *testing.T) {
	played := played(t, foundTwo, "api/eu 100x5 100/50x10 100x20 100/50x10 100x10\nsmall/eu 100x8 100/50x15 100x40")
	for _, e := range played.Events {
		if e.Kind == incident.Reopened && e.Incident != "INC-2026-0001" {
			t.Errorf("customers read of 0001; reopened is %s\n%s", e.Incident, strings.Join(played.Timeline(), "\n"))
		}
	}
}

// The database breaks, the engine that depends on it, and the API that depends
// on that. The update of the database's incident speaks for all three.
func TestAChainOfThreeIsSpokenFor(t *testing.T) {
	const yaml = `
components:
  - {id: db, name: Database}
  - {id: engine, name: Engine, depends_on: [db]}
  - {id: api, name: API, depends_on: [engine]}
regions: [{code: eu, name: Europe}]
rules:
  - {id: api-e, component: api, signal: error_rate, where: {services: [api]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
  - {id: engine-e, component: engine, signal: error_rate, where: {services: [engine]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
  - {id: db-e, component: db, signal: error_rate, where: {services: [db]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
`
	played := played(t, yaml, "api/eu 100x5 100/50x20\nengine/eu 100x5 100/50x20\ndb/eu 100x5 100/50x20")
	told := map[string]bool{}
	for _, e := range played.Events {
		if e.Kind == incident.Updated {
			told[e.Component] = true
			for _, c := range e.Update.Also {
				told[c] = true
			}
		}
	}
	for _, c := range []string{"db", "engine", "api"} {
		if !told[c] {
			t.Errorf("no update speaks of %s:\n%s", c, strings.Join(played.Timeline(), "\n"))
		}
	}
}

const foundSources = `
components: [{id: api, name: API}]
regions: [{code: eu, name: Europe}]
sources: {signoz: {lag: 3m}}
probes: [{id: health, type: http, targets: {eu: "https://api.example.com/health"}}]
rules:
  - {id: errors, component: api, signal: error_rate, where: {services: [api]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
  - {id: probe, component: api, signal: error_rate, where: {probes: [health]}, window: 1m, levels: {P1: {above: 50%, for: 2m}}, recover: {below: 5%, for: 3m}}
`

// Spans lag three minutes, probes a few seconds. Maintenance begins and ends
// once.
func TestMaintenanceBeginsOnce(t *testing.T) {
	played := played(t, foundSources+`
maintenance: [{id: work, title: Work, from: "2026-01-01 00:10", to: "2026-01-01 00:20"}]
`, "api/eu 100x40\nprobe health/eu 4x40")
	var said []string
	for _, e := range played.Events {
		if e.Kind == incident.Entered || e.Kind == incident.Left {
			said = append(said, e.Line(played.Begin))
		}
	}
	if len(said) != 2 {
		t.Errorf("want one entered and one left:\n%s", strings.Join(said, "\n"))
	}
}

func rounds(config *rules.Config, source string, begin time.Time, n int, feed func(m int) []telemetry.Minute, lag time.Duration) []evaluator.Round {
	r := evaluator.New(config)
	var all []evaluator.Round
	for m := range n {
		at := begin.Add(time.Duration(m+1) * time.Minute)
		r.Replace(at.Add(-time.Minute), at, feed(m))
		all = append(all, evaluator.Round{Source: source, Lag: lag, At: at, Findings: r.Judge(at, source), Live: m == n-1})
	}
	return all
}

// The rules stop to look at spans while the store is away: nothing is out of
// sight any more.
func TestBlindEndsWhenNoRuleLooksAtSpans(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	config := parsed(t, strings.Replace(foundSources, "  - {id: errors, component: api, signal: error_rate, where: {services: [api]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}\n", "", 1))
	board := incident.Board{}.With(incident.Event{Kind: incident.Blinded, At: begin, Began: begin})
	for _, x := range rounds(config, rules.SourceProbes, begin, 60, func(m int) []telemetry.Minute {
		return []telemetry.Minute{{Series: telemetry.Series{Service: "health", Region: "eu", Stream: rules.ProbeStream}, Start: begin.Add(time.Duration(m) * time.Minute), Requests: 4}}
	}, 10*time.Second) {
		x.Live = true
		for _, e := range board.Decide(incident.Input{Config: config, Round: &x, Latest: x.Findings, AsOf: x.At}, x.At.Add(x.Lag)) {
			board = board.With(e)
		}
	}
	if !board.Blind.IsZero() {
		t.Error("an hour of probes later it is still blind for spans that no rule looks at")
	}
}

const foundDepends = `
components:
  - {id: db, name: Database}
  - {id: api, name: API, depends_on: [db]}
regions: [{code: eu, name: Europe}, {code: us, name: US}]
rules:
  - {id: api-e, component: api, signal: error_rate, where: {services: [api]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
  - {id: db-e, component: db, signal: error_rate, where: {services: [db]}, window: 1m, levels: {P1: {above: 20%, for: 2m}}, recover: {below: 5%, for: 3m}}
`

// The database is broken in eu, and the API with it. Ten minutes later the API
// breaks in us, too, where the database is well: nobody speaks of that.
func TestAnotherRegionIsNotExplained(t *testing.T) {
	played := played(t, foundDepends, "db/eu 100x5 100/50x60\ndb/us 100x65\napi/eu 100x6 100/50x59\napi/us 100x16 100/50x49")
	for _, e := range played.Events {
		if e.Kind == incident.Updated && e.Component == "api" {
			return
		}
	}
	t.Errorf("the API is down in us for 49 minutes, and no update says so:\n%s", strings.Join(played.Timeline(), "\n"))
}

// A link is made when a cause joins; its time is that minute's, not the one at
// which the incidents were opened.
func TestALinkHasTheTimeOfItsMinute(t *testing.T) {
	played := played(t, foundDepends, "db/us 100x65\ndb/eu 100x5 100/50x60\napi/us 100x5 100/50x60\napi/eu 100x30 100/50x35")
	newest := played.Begin
	for _, e := range played.Events {
		if e.Kind == incident.Linked && e.At.Before(newest) {
			t.Errorf("%s, after an event of %s", e.Line(played.Begin), newest.Sub(played.Begin))
		}
		newest = e.At
	}
}

// The rule of an open incident is taken out of the configuration. Customers read
// that recovery was full, and all measurements back within their limits.
func TestWhatNoRuleLooksAtIsNotCalledWell(t *testing.T) {
	const yaml = `
components: [{id: api, name: API}]
rules:
  - {id: errors, component: api, signal: error_rate, window: 1m, levels: {P1: {above: 20%, for: 2m}}}
  - {id: slow, component: api, signal: p99, window: 1m, levels: {P1: {above: 2s, for: 2m}}}
`
	p := played(t, yaml, "api/eu 100x5 100/50x10")
	var b incident.Board
	for _, e := range p.Events {
		b = b.With(e)
	}
	without := parsed(t, strings.Replace(yaml, "  - {id: errors, component: api, signal: error_rate, window: 1m, levels: {P1: {above: 20%, for: 2m}}}\n", "", 1))
	at := p.Begin.Add(15 * time.Minute)
	events := b.Decide(incident.Input{
		Config: without, Round: &evaluator.Round{Source: rules.SourceSpans, At: at, Reloaded: true, Live: true}, AsOf: at,
	}, at.Add(time.Minute))
	last := events[len(events)-1]
	if last.Kind != incident.Updated || last.Update.State != incident.StateResolved || last.Update.Trend != incident.TrendGone {
		t.Errorf("the last word is %s", last.Line(p.Begin))
	}
}

// round is what a minute's findings call for, applied to the board.
func (p *acting) round(findings ...evaluator.Finding) []incident.Event {
	p.at = p.at.Truncate(time.Minute).Add(time.Minute)
	for i := range findings {
		findings[i].At, findings[i].LastSeen = p.at, p.at
	}
	r := evaluator.Round{At: p.at, Live: true, Source: rules.SourceSpans, Findings: findings}
	p.at = p.at.Add(time.Minute)
	events := p.board.Decide(incident.Input{Config: p.config, Round: &r, Latest: findings, AsOf: r.At, Known: true}, p.at)
	p.add(events)
	return events
}

func (p *acting) add(events []incident.Event) {
	for _, e := range events {
		e.Seq = p.board.Seq + 1
		p.board = p.board.With(e)
	}
}

// broken is a finding that a rule demands a severity.
func broken(rule, component string, s rules.Severity) evaluator.Finding {
	return evaluator.Finding{
		Rule: rule, Component: component, Series: telemetry.Series{Service: rule, Region: "eu"}, Kind: rules.KindErrorRate,
		Now: evaluator.Bad, Held: s, Floor: s, Seen: true, Requests: 100, Value: 0.5,
	}
}

const dependent = `
components: [{id: db, name: Database}, {id: api, name: API, depends_on: [db]}, {id: app, name: App}]
regions: [{code: eu, name: Europe}]
rules:
  - {id: app, component: app, signal: error_rate, levels: {P1: {above: 5%, for: 3m}}}
  - {id: db, component: db, signal: error_rate, levels: {P1: {above: 5%, for: 3m}}}
  - {id: api, component: api, signal: error_rate, levels: {P1: {above: 5%, for: 3m}}}
`

// The incident that explains a vetoed one said that its component is affected, too.
func TestWhatIsVetoedIsNotNamedByAnother(t *testing.T) {
	p := &acting{T: t, config: parsed(t, dependent), at: time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)}
	p.round(broken("db", "db", rules.P1), broken("api", "api", rules.P1))
	p.does(incident.Action{Do: incident.Veto, Incident: "INC-2026-0002", Why: "customers do not feel it"})
	_, events := p.does(incident.Action{Do: incident.Approve, Incident: "INC-2026-0001"})
	for _, e := range events {
		if e.Update != nil && len(e.Update.Also) > 0 {
			t.Errorf("%s names %q", e.Line(time.Time{}), e.Update.Also)
		}
	}
}

// A reload that turned a dependency round had two incidents explain each other:
// neither was spoken of, and whoever asked for whom they speak went round for ever.
func TestADependencyTurnedRoundExplainsNothing(t *testing.T) {
	p := &acting{T: t, config: parsed(t, dependent), at: time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)}
	p.round(broken("db", "db", rules.P1), broken("api", "api", rules.P1))
	p.config.Components[0].DependsOn, p.config.Components[1].DependsOn = []string{"api"}, nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10 {
			p.round(broken("db", "db", rules.P0), broken("api", "api", rules.P0), broken("app", "app", rules.P1))
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it goes round")
	}
	if a, b := p.board.Open[0], p.board.Open[1]; !a.Told() && !b.Told() {
		t.Error("neither was spoken of in ten minutes")
	}
}

// What was merged into an incident with a milder cause of the same kind, or with a
// severity that a person had set, fell to that.
func TestAMergedIncidentTakesTheHighestSeverity(t *testing.T) {
	declare := func(p *acting, s rules.Severity) incident.ID {
		id, _ := p.does(incident.Action{Do: incident.Declare, Component: "api", Severity: s, Topic: "security", Private: true})
		return id
	}
	t.Run("of the same cause", func(t *testing.T) {
		p := newActing(t)
		a, b := declare(p, rules.P0), declare(p, rules.P2)
		p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b})
		if inc, _ := p.board.Find(b); inc.Severity() != rules.P0 {
			t.Errorf("%s is %s, and the one that goes on as it was P0", b, inc.Severity())
		}
	})
	t.Run("that a person set", func(t *testing.T) {
		p := newActing(t)
		a, b := declare(p, rules.P2), declare(p, rules.P2)
		p.does(incident.Action{Do: incident.SetSeverity, Incident: a, Severity: rules.P0, Why: "data got out"})
		p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b})
		if inc, _ := p.board.Find(b); inc.Severity() != rules.P0 {
			t.Errorf("%s is %s, and a person said P0 of the one that goes on as it", b, inc.Severity())
		}
	})
	t.Run("and not more than that", func(t *testing.T) {
		p := newActing(t)
		a, b := declare(p, rules.P2), declare(p, rules.P1)
		p.does(incident.Action{Do: incident.SetSeverity, Incident: b, Severity: rules.P3, Why: "one test account"})
		p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b})
		if inc, _ := p.board.Find(b); inc.Severity() != rules.P2 {
			t.Errorf("%s is %s, and the two that are one now were P2 and P3", b, inc.Severity())
		}
	})
	t.Run("whatever a person said of the other", func(t *testing.T) {
		p := newActing(t)
		a, b := declare(p, rules.P1), declare(p, rules.P1)
		p.does(incident.Action{Do: incident.SetSeverity, Incident: b, Severity: rules.P3, Why: "one test account"})
		p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b})
		if inc, _ := p.board.Find(b); inc.Severity() != rules.P1 {
			t.Errorf("%s is %s, and the one that goes on as it was P1", b, inc.Severity())
		}
	})
}

// Within the first seconds after a start, or while minutes are caught up with,
// nobody was called for what a person declared; and with a source that is away
// nobody ever was.
func TestADeclaredIncidentCallsPeopleThoughNothingIsKnown(t *testing.T) {
	p := newActing(t)
	p.config.People = []rules.Person{{ID: "ada", Roles: []string{rules.OnCall}, Reach: []string{"pager"}}}
	a := incident.Action{Do: incident.Declare, By: incident.Person("ada"), Component: "api", Severity: rules.P0, Words: rules.Words{Symptom: "all is lost"}}
	events, _, err := p.board.Act(incident.Input{Config: p.config}, a, p.at)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == incident.Paged {
			return
		}
	}
	t.Error("nobody is called")
}

// A reload that made a severity nothing for customers let the words go that waited.
func TestWordsThatWaitStayWhenTheirSeverityIsNoLongerForCustomers(t *testing.T) {
	p := &acting{T: t, config: parsed(t, dependent), at: time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)}
	p.round(broken("db", "db", rules.P1))
	policy := p.config.Policies[rules.P1]
	policy.Public = false
	p.config.Policies[rules.P1] = policy
	in := incident.Input{Config: p.config, Known: true, AsOf: p.at}
	for range 10 {
		due := p.board.NextDue(in, p.at)
		if due.IsZero() {
			break
		}
		p.at = due
		p.add(p.board.Decide(in, p.at))
	}
	if p.board.Open[0].Told() {
		t.Errorf("customers read of %s", p.board.Open[0].ID)
	}
}
