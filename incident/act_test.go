package incident_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// acting is a board that people act on, from a minute on.
type acting struct {
	*testing.T
	config *rules.Config
	board  incident.Board
	at     time.Time
}

func newActing(t *testing.T) *acting {
	return &acting{T: t, config: parsed(t, foundHead+`
rules: [{id: errors, component: api, signal: error_rate, levels: {P1: {above: 5%, for: 3m}}}]
`), at: time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)}
}

func (p *acting) does(a incident.Action) (incident.ID, []incident.Event) {
	p.Helper()
	p.at = p.at.Add(time.Second)
	a.By = incident.Person("ada")
	events, id, err := p.board.Act(incident.Input{Config: p.config, Known: true, AsOf: p.at}, a, p.at)
	if err != nil {
		p.Fatalf("%s %s: %v", a.Do, a.Incident, err)
	}
	for _, e := range events {
		e.Seq = p.board.Seq + 1
		p.board = p.board.With(e)
	}
	return id, events
}

func (p *acting) declares(component string, private bool) incident.ID {
	id, _ := p.does(incident.Action{Do: incident.Declare, Component: component, Severity: rules.P1, Words: rules.Words{Symptom: "errors"}, Private: private, Topic: "security"})
	return id
}

func TestARegionNamedTwiceIsOne(t *testing.T) {
	p := newActing(t)
	_, events := p.does(incident.Action{Do: incident.Declare, Component: "api", Severity: rules.P1, Words: rules.Words{Symptom: "errors"}, Regions: []string{"eu", "eu", "eu"}})
	n := 0
	for _, e := range events {
		if e.Kind == incident.Raised {
			n++
		}
	}
	if n != 1 {
		t.Errorf("one region named three times gives %d causes' events", n)
	}
}

func TestWhatIsMergedKeepsNoWords(t *testing.T) {
	p := newActing(t)
	p.config.Components = append(p.config.Components, rules.Component{ID: "app", Name: "App"})
	a, b := p.declares("api", false), p.declares("app", false)
	p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b})
	inc, _ := p.board.Find(a)
	if inc.Draft != nil {
		t.Errorf("%s goes on as %s, and its first words still wait: %+v", a, b, inc.Draft)
	}
}

func TestWhatIsMergedWithoutAComponentAddsNone(t *testing.T) {
	p := newActing(t)
	a, b := p.declares("", true), p.declares("api", true)
	p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b})
	inc, _ := p.board.Find(b)
	if len(inc.Components) > 0 {
		t.Errorf("%s is also about %q", b, inc.Components)
	}
}

func TestWhatIsDisclosedTakesNoComponentThatIsTaken(t *testing.T) {
	p := newActing(t)
	p.config.Components = append(p.config.Components, rules.Component{ID: "app", Name: "App"})
	a, b := p.declares("app", true), p.declares("api", true)
	p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b}) // b is about api and app
	open := p.declares("app", false)
	_, _, err := p.board.Act(incident.Input{Config: p.config}, incident.Action{Do: incident.Disclose, Incident: b, By: incident.Person("ada"), Why: "so"}, p.at)
	if err == nil {
		t.Errorf("%s is open on app, and %s, which is about it, too, is disclosed all the same", open, b)
	}
}

func TestAReasonHasAnEnd(t *testing.T) {
	p := newActing(t)
	id := p.declares("api", false)
	for _, a := range []incident.Action{
		{Do: incident.Declare, Component: "api", Severity: rules.P1, Words: rules.Words{Symptom: "errors"}},
		{Do: incident.SetSeverity, Incident: id, Severity: rules.P2},
	} {
		a.By, a.Why = incident.Person("ada"), strings.Repeat("a", 60000)
		_, _, err := p.board.Act(incident.Input{Config: p.config}, a, p.at)
		if r, ok := errors.AsType[*incident.Refusal](err); !ok || !strings.Contains(r.Reason, "60000 characters") {
			t.Errorf("%s: a reason of 60,000 bytes is answered with %v", a.Do, err)
		}
	}
}

// Words that wait for approval are held by nobody: a time would let them go
// without it.
func TestWordsThatWaitForApprovalAreNotHeld(t *testing.T) {
	p := newActing(t)
	policy := p.config.Policies[rules.P1]
	policy.Approve = true
	p.config.Policies[rules.P1] = policy
	id := p.declares("api", false)
	hold := incident.Action{Do: incident.Hold, Incident: id, For: time.Hour, By: incident.Person("ada")}
	if _, _, err := p.board.Act(incident.Input{Config: p.config}, hold, p.at); err == nil || !strings.Contains(err.Error(), "approval") {
		t.Errorf("the answer is %v", err)
	}
}

// A begin is corrected backwards, and customers read it at once.
func TestTheBeginIsCorrectedBackwards(t *testing.T) {
	p := newActing(t)
	id := p.declares("api", false)
	p.does(incident.Action{Do: incident.Approve, Incident: id})
	began := p.board.Open[0].Began
	later := incident.Action{Do: incident.Correct, Incident: id, Began: began.Add(time.Second), By: incident.Person("ada")}
	if _, _, err := p.board.Act(incident.Input{Config: p.config}, later, p.at); err == nil {
		t.Error("a begin is put forward")
	}
	_, events := p.does(incident.Action{Do: incident.Correct, Incident: id, Began: began.Add(-10 * time.Minute), Why: "a customer's log"})
	if len(events) != 2 || events[1].Kind != incident.Updated || !p.board.Open[0].Began.Equal(began.Add(-10*time.Minute)) {
		t.Errorf("%d events, it began at %s", len(events), p.board.Open[0].Began)
	}
	if _, events := p.does(incident.Action{Do: incident.Correct, Incident: id, Began: began.Add(-10 * time.Minute)}); len(events) != 0 {
		t.Errorf("saying it twice gives %d events", len(events))
	}
}

// judges has the rule find that the API in eu is broken, or well.
func (p *acting) judges(broken bool) {
	p.at = p.at.Add(time.Minute).Truncate(time.Minute)
	f := evaluator.Finding{
		Rule: "errors", Component: "api", Kind: rules.KindErrorRate, Series: telemetry.Series{Service: "api", Region: "eu"}, At: p.at, Seen: true,
		Now: evaluator.Good, Recovered: true, Calm: 3 * time.Minute, Requests: 1000, Limit: 0.05, LastSeen: p.at,
	}
	if broken {
		f.Now, f.Held, f.Floor, f.Recovered, f.Calm, f.Value, f.Errors, f.Began = evaluator.Bad, rules.P1, rules.P1, false, 0, 0.2, 200, p.at.Add(-5*time.Minute)
	}
	r := evaluator.Round{Source: rules.SourceSpans, Lag: time.Minute, At: p.at, Live: true, Findings: []evaluator.Finding{f}}
	for _, e := range p.board.Decide(incident.Input{Config: p.config, Round: &r, Latest: r.Findings, AsOf: p.at, Known: true}, p.at.Add(time.Minute)) {
		e.Seq = p.board.Seq + 1
		p.board = p.board.With(e)
	}
	p.at = p.at.Add(time.Minute)
}

func TestNothingIsReopenedOverOneThatIsOpen(t *testing.T) {
	p := newActing(t)
	p.config.Components = append(p.config.Components, rules.Component{ID: "app", Name: "App"})
	p.judges(true)
	a, b := p.board.Open[0].ID, p.declares("app", false)
	p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b}) // b is about app and api
	p.judges(false)
	if inc, _ := p.board.Find(b); inc.State != incident.StateResolved {
		p.does(incident.Action{Do: incident.Resolve, Incident: b, Force: true, Why: "over"})
	}
	p.declares("app", false)
	p.judges(true)
	on := map[string]incident.ID{}
	for _, i := range p.board.Open {
		for _, c := range append([]string{i.Component}, i.Components...) {
			if on[c] != "" {
				t.Errorf("%s and %s are both open on %s", on[c], i.ID, c)
			}
			on[c] = i.ID
		}
	}
}

func TestAnUnknownRegionIsToldWhichThereAre(t *testing.T) {
	p := newActing(t)
	p.config.Regions = []rules.Region{{Code: "eu", Name: "Europe"}, {Code: "us", Name: "United States"}}
	_, _, err := p.board.Act(incident.Input{Config: p.config}, incident.Action{
		Do: incident.Declare, Component: "api", Regions: []string{"ue"}, Severity: rules.P2, Words: rules.Words{Symptom: "errors"}, By: incident.Person("ada"),
	}, p.at)
	if err == nil || err.Error() != `unknown region "ue": want one of eu us` {
		t.Errorf("%v", err)
	}
}

// Customers who have read of the one are to find the other, and a person keeps
// that from them: it was published all the same.
func TestWhatCustomersReadOfIsNotMergedIntoWhatIsVetoed(t *testing.T) {
	p := newActing(t)
	p.config.Components = append(p.config.Components, rules.Component{ID: "app", Name: "App"})
	a, b := p.declares("api", false), p.declares("app", false)
	p.does(incident.Action{Do: incident.Approve, Incident: a})
	p.does(incident.Action{Do: incident.Veto, Incident: b, Why: "customers do not feel it"})
	merge := incident.Action{Do: incident.Merge, Incident: a, Other: b, By: incident.Person("ada")}
	if _, _, err := p.board.Act(incident.Input{Config: p.config}, merge, p.at); err == nil || !strings.Contains(err.Error(), "veto") {
		t.Errorf("%s is vetoed, and the answer is %v", b, err)
	}
}

// A severity can be set to what it is: from then on it does not ease by itself.
func TestASeverityIsPinnedWhereItIs(t *testing.T) {
	p := newActing(t)
	p.judges(true)
	p.at = p.at.Add(time.Second)
	id := p.board.Open[0].ID
	_, events := p.does(incident.Action{Do: incident.SetSeverity, Incident: id, Severity: rules.P1, Why: "the largest customers"})
	if len(events) == 0 || events[0].Kind != incident.Graded {
		t.Fatalf("setting it to what it is gives %d events", len(events))
	}
	if _, events := p.does(incident.Action{Do: incident.SetSeverity, Incident: id, Severity: rules.P1, Why: "again"}); len(events) != 0 {
		t.Errorf("saying it twice gives %d events", len(events))
	}
}

// What was declared in a hurry, about nothing that customers know, can be told them
// when somebody says what it is about.
func TestADisclosureSaysWhatItIsAbout(t *testing.T) {
	p := newActing(t)
	id, _ := p.does(incident.Action{Do: incident.Declare, Severity: rules.P1, Private: true, Topic: "security"})
	disclose := incident.Action{Do: incident.Disclose, Incident: id, By: incident.Person("ada"), Why: "legal agrees"}
	for _, missing := range []string{"component", "symptom"} {
		_, _, err := p.board.Act(incident.Input{Config: p.config}, disclose, p.at)
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without a %s: %v", missing, err)
		}
		disclose.Component = "api"
	}
	disclose.Words.Symptom = "sign-ins that were not yours"
	p.does(disclose)
	inc := p.board.Open[0]
	if inc.Private || inc.Component != "api" || inc.Words.Symptom != disclose.Words.Symptom || inc.Draft == nil {
		t.Errorf("it is %+v", inc)
	}
	for _, r := range p.config.Regions {
		if inc.RegionSeverity(r.Code) != rules.P1 {
			t.Errorf("%s is %s", r.Code, inc.RegionSeverity(r.Code))
		}
	}
}

// Words that came with the end of an incident of which customers had read nothing
// were thrown away without a word.
func TestLastWordsThatNobodyWouldReadAreRefused(t *testing.T) {
	p := newActing(t)
	id := p.declares("api", false)
	end := incident.Action{Do: incident.Resolve, Incident: id, Text: "Sign-in works again.", By: incident.Person("ada")}
	if events, _, err := p.board.Act(incident.Input{Config: p.config}, end, p.at); err == nil {
		for _, e := range events {
			if e.Update != nil && e.Update.Text == end.Text {
				return
			}
		}
		t.Error("the words are gone")
	}
}

// People were called for what went on as another incident only by the next minute
// that was judged: never where the source is away.
func TestWhatIsMergedIntoCallsPeople(t *testing.T) {
	p := newActing(t)
	p.config.Components = append(p.config.Components, rules.Component{ID: "app", Name: "App"})
	p.config.People = []rules.Person{{ID: "ada", Roles: []string{rules.OnCall}, Reach: []string{"pager"}}}
	declare := incident.Action{Do: incident.Declare, Component: "api", Severity: rules.P0, Words: rules.Words{Symptom: "errors"}, Text: "Nothing works."}
	a, _ := p.does(declare)
	declare.Component, declare.Severity, declare.Text = "app", rules.P2, ""
	b, _ := p.does(declare)
	_, events := p.does(incident.Action{Do: incident.Merge, Incident: a, Other: b})
	for _, e := range events {
		if e.Kind == incident.Paged && e.Incident == b {
			return
		}
	}
	t.Errorf("%s is P0 now, and nobody is called", b)
}

// Whoever acknowledged and then makes it worse is on it still.
func TestWhoeverMakesItWorseIsOnIt(t *testing.T) {
	p := newActing(t)
	p.config.People = []rules.Person{{ID: "ada", Roles: []string{rules.OnCall}}}
	p.judges(true)
	id := p.board.Open[0].ID
	p.does(incident.Action{Do: incident.Acknowledge, Incident: id})
	_, events := p.does(incident.Action{Do: incident.SetSeverity, Incident: id, Severity: rules.P0, Why: "the largest customers"})
	for _, e := range events {
		if e.Kind == incident.Lapsed || e.Kind == incident.Paged {
			t.Errorf("%s", e.Line(time.Time{}))
		}
	}
	if p.board.Open[0].Ack == nil || p.board.Open[0].Severity() != rules.P0 {
		t.Errorf("%+v", p.board.Open[0])
	}
}
