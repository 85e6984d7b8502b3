package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
)

// Page is all about one incident.
type Page struct {
	Card
	Facts     []Fact
	Waiting   *Waiting
	First     []Form
	Rest      []Form
	CanSay    bool
	Ack       *Form
	Problem   string // a refusal that has no form of its own here
	Charts    *Charts
	Tasks     []Checklist
	AddTask   *Form
	Show      string
	Filters   []Filter
	Timeline  []Entry
	Left      int
	Told      []Told
	Links     []Link
	Related   []Ref
	MergedTo  *Ref
	AnyForced bool // More is to be open
}

// Fact is one line of an incident's particulars.
type Fact struct {
	Name string
	Text Text
}

// Waiting is the first words while they wait, or what became of them.
type Waiting struct {
	Line     Line
	Rendered string // as customers will read them
	Problem  string // why they cannot be shown
	Besides  string // what a person wrote, where the form above does not hold it
	By       string
	Approve  *Form
	Hold     *Form
	Edit     *Form
	Veto     *Form
}

// Filter is a choice of events.
type Filter struct {
	Title, Href string
	Here        bool
}

// Told is an update that customers could read.
type Told struct {
	Number int
	State  string
	Clock  string
	Said   time.Time
	By     string
	Body   string
	Note   string
}

// Ref is another incident, and what it has to do with this one.
type Ref struct {
	What, ID, Href, Title, State string
}

// material is what a page needs besides the scene.
type material struct {
	events   []incident.Event
	points   Points
	known    time.Time // since when findings are kept
	rendered string    // the waiting words
	problem  string
	bodies   map[int]string // of updates, by number
	again    *typed
	show     string
	whole    bool
}

func (s scene) page(i incident.Incident, m material) Page {
	p := Page{Card: s.card(i), Show: m.show}
	p.Facts = s.facts(i)
	p.Waiting = s.waiting(i, m)
	p.First, p.Rest = s.deskForms(i, m.again)
	p.CanSay = slices.ContainsFunc(p.First, func(f Form) bool { return f.Verb == incident.Say })
	if m.again != nil {
		p.AnyForced = slices.ContainsFunc(p.Rest, func(f Form) bool { return f.Open })
		if !p.shows(m.again.verb) {
			p.Problem = m.again.problem
		}
	}
	if p.CanAck {
		f := Form{ID: "do-ack", Action: p.Href + "/acknowledge", Verb: incident.Acknowledge, Title: "Acknowledge", Button: "Acknowledge", Plain: true}
		p.Ack = &f
	}
	p.Charts = s.charts(i, m.points, m.known)
	p.Tasks = s.checklists(i)
	for _, f := range []Filter{{"All", showAll, false}, {"Posts", showPosts, false}, {"People", showPeople, false}, {"Signals", showSignals, false}} {
		f.Here = f.Href == m.show
		f.Href = p.Href + "?show=" + f.Href + "#timeline"
		p.Filters = append(p.Filters, f)
	}
	p.Timeline, p.Left = s.timeline(m.events, i, m.show, m.whole)
	p.Told = s.told(i, m.bodies)
	p.Links = s.links(i)
	p.Related, p.MergedTo = s.related(i)
	return p
}

// shows reports whether the page has a form for a verb, to show a refusal beside.
func (p Page) shows(v incident.Verb) bool {
	has := func(f Form) bool { return f.Verb == v }
	if slices.ContainsFunc(p.First, has) || slices.ContainsFunc(p.Rest, has) {
		return true
	}
	if w := p.Waiting; w != nil {
		for _, f := range []*Form{w.Approve, w.Edit, w.Hold, w.Veto} {
			if f != nil && f.Verb == v {
				return true
			}
		}
	}
	return false
}

// facts are the particulars: what came when, as how long after what.
func (s scene) facts(i incident.Incident) []Fact {
	var out []Fact
	add := func(name string, t Text) { out = append(out, Fact{name, t}) }
	stamp := func(t time.Time) string { return clock(t, s.at) + " UTC" }
	sev := text(strong(standing(i).String()), " – "+meaning[standing(i)])
	if g := i.Grade; g != nil && i.State != incident.StateResolved {
		sev = append(sev, text("; set by "+s.actor(g.By)+", the rules say "+g.Demanded.String())...)
	}
	if i.Peak != standing(i) {
		sev = append(sev, text("; at its worst "+i.Peak.String())...)
	}
	add("Severity", sev)
	for _, r := range i.Regions() {
		if len(i.Regions()) > 1 {
			if now := i.RegionSeverity(r); now == rules.SeverityNone {
				add(s.region(r), text("well again"))
			} else {
				add(s.region(r), text(now.String()))
			}
		}
	}
	if i.Lead != "" {
		add("Lead", text(s.person(i.Lead)))
	}
	add("Began", text(stamp(i.Began)))
	if d := i.Detected.Sub(i.Began); d >= time.Minute {
		add("Detected", text(stamp(i.Detected)+", "+after(i.Detected, i.Began, "it began")))
	} else {
		add("Detected", text(stamp(i.Detected)))
	}
	policy := s.config.Policies[i.Peak]
	switch {
	case !i.Acked.IsZero():
		add("Acknowledged", text(stamp(i.Acked)+", "+after(i.Acked, i.Detected, "detection")))
	case i.State != incident.StateResolved:
		if by, ok := i.AckBy(s.config); ok {
			add("To acknowledge", text("by "+stamp(by)+", ", due(by, s.at)))
		}
	}
	if !i.Posted.IsZero() {
		add("First words", text(stamp(i.Posted)+", "+after(i.Posted, i.Detected, "detection")))
	}
	if !i.Identified.IsZero() {
		add("Identified", text(stamp(i.Identified)+", "+after(i.Identified, i.Detected, "detection")))
	}
	if !i.Mitigated.IsZero() {
		add("Mitigated", text(stamp(i.Mitigated)+", "+after(i.Mitigated, i.Detected, "detection")))
	}
	if !i.Resolved.IsZero() {
		add("Resolved", text(stamp(i.Resolved)+", after "+plot.Lasting(i.Resolved.Sub(i.Began))))
	}
	if i.State != incident.StateResolved {
		if n := len(i.Alarms); n > 0 && policy.WarRoom > 0 && i.Acked.IsZero() {
			by := i.Alarms[n-1].At.Add(policy.WarRoom)
			add("War room", text("to be open by "+stamp(by)+", ", due(by, s.at)))
		}
		if policy.ResolveGoal != (rules.Within{}) {
			by := policy.By(s.config.Business, i.Detected, policy.ResolveGoal)
			add("To be over", text("by "+stamp(by)+", ", due(by, s.at)))
		}
		for _, e := range s.steps(i) {
			add("Escalates", e)
		}
	}
	if !i.Private {
		add("Data integrity", text(i.Integrity.String()))
	}
	if n := i.Kept + len(i.Missed); n > 0 {
		add("Promises", text(plot.Plural(i.Kept, "kept", "kept")+", "+plot.Plural(len(i.Missed), "missed", "missed")))
	}
	return out
}

// steps are the escalations that lie ahead.
func (s scene) steps(i incident.Incident) []Text {
	sev := i.Severity()
	policy := s.config.Policies[sev]
	from, called := i.CalledSince(sev)
	if !called || len(s.config.People) == 0 {
		return nil
	}
	var out []Text
	for n, step := range policy.Escalate {
		if slices.Contains(i.Escalated, incident.Rung{Severity: sev, Step: n + 1}) || step.Unless != rules.UnlessResolved && i.Ack != nil {
			continue
		}
		at := policy.By(s.config.Business, from, rules.Within{Time: step.After})
		var who []string
		for _, p := range s.config.Who(step.To) {
			who = append(who, s.person(p.ID))
		}
		unless := "acknowledged"
		if step.Unless == rules.UnlessResolved {
			unless = "resolved"
		}
		out = append(out, text("to "+cmp.Or(list(who), step.To+", which nobody is")+" at "+clock(at, s.at)+" UTC, ", due(at, s.at), ", unless "+unless))
	}
	return out
}

// waiting is the card of the first words; nil where there is nothing to decide.
func (s scene) waiting(i incident.Incident, m material) *Waiting {
	if i.State == incident.StateResolved || i.Private || i.Draft == nil && !i.Withheld {
		return nil
	}
	w := &Waiting{Line: s.words(i), Rendered: m.rendered, Problem: m.problem}
	form := func(v incident.Verb) *Form {
		d, _ := api.Find(v)
		f := s.form(i, d, m.again)
		return &f
	}
	if d := i.Draft; d != nil && d.Text != "" {
		w.By = s.actor(d.By)
		if !strings.Contains(m.rendered, d.Text) {
			w.Besides = d.Text
		}
	}
	if !s.who.act {
		return w
	}
	approve := form(incident.Approve)
	approve.Fields, approve.Plain, approve.Button = nil, true, "Approve: send now"
	w.Approve = approve
	if i.Draft == nil {
		approve.Button = "Send them after all"
		return w
	}
	w.Edit = form(incident.Edit)
	w.Edit.Button = "Save the words"
	w.Veto = form(incident.Veto)
	if !i.Draft.Due.IsZero() {
		until := i.Draft.Due.Add(10 * time.Minute).UTC()
		hold := form(incident.Hold)
		hold.Fields, hold.Plain, hold.Hidden = nil, true, []Value{{"until", until.Format(time.RFC3339)}}
		hold.Button = "Hold 10 more minutes"
		hold.Help = "Then to " + until.Format("15:04") + " UTC"
		w.Hold = hold
	}
	return w
}

func (s scene) told(i incident.Incident, bodies map[int]string) []Told {
	var out []Told
	for _, u := range slices.Backward(i.Updates) {
		if u.Inside {
			continue
		}
		t := Told{Number: u.Number, State: sentence(string(u.State)), Clock: clock(u.Said, s.at), Said: u.Said, Body: bodies[u.Number]}
		if t.Body == "" {
			t.Body = cmp.Or(u.Text, "These words could not be rendered, and did not go out.")
		} else if u.Text != "" && !strings.Contains(t.Body, u.Text) {
			t.Body = u.Text + "\n\n" + t.Body
		}
		if u.Late {
			t.Note = "entered afterwards"
		}
		out = append(out, t)
	}
	return out
}

// links lead out: to the runbook and the spans first.
func (s scene) links(i incident.Incident) []Link {
	var out []Link
	seen := map[string]bool{}
	add := func(title, of, address string) {
		if address != "" && web(address) && !seen[address] {
			seen[address] = true
			out = append(out, Link{title, of, address})
		}
	}
	causes := s.causes(i)
	for _, c := range causes {
		if rule, ok := s.config.Rule(c.Rule); ok {
			add("Runbook", rule.ID, rule.Runbook)
		}
	}
	if i.State != incident.StateResolved && standing(i) >= rules.P1 {
		add("War room", "", s.config.Console.WarRoom)
	}
	to := s.at
	if !i.Resolved.IsZero() {
		to = i.Resolved.Add(10 * time.Minute)
	}
	var traces, services []spans
	for _, c := range causes {
		rule, ok := s.config.Rule(c.Rule)
		if !ok || rule.Source() != rules.SourceSpans {
			continue
		}
		of := spans{service: c.Service, region: s.regionValues(c.Region), signal: rule.Signal, from: i.Began.Add(-10 * time.Minute), to: to}
		if f, ok := s.finding(c); ok {
			of.limit = f.Limit
		} else if n := len(rule.Levels); n > 0 {
			of.limit = rule.Levels[n-1].Limit
		}
		traces = append(traces, of)
		if !slices.ContainsFunc(services, func(o spans) bool { return o.service == of.service }) {
			services = append(services, of)
		}
	}
	for _, of := range traces[:min(mostSpans, len(traces))] {
		add("Traces", strings.Join(nonempty(of.service, s.region(of.region[0])), " in "), tracesLink(s.config.SigNoz, of))
	}
	for _, of := range services[:min(mostSpans, len(services))] {
		add("Service", of.service, serviceLink(s.config.SigNoz, of))
	}
	if !i.Private && i.Told() && s.config.Page.URL != "" {
		add("Public page", "", publisher.PageOf(s.config.Page.URL, string(i.ID)))
	}
	for _, l := range s.config.Console.Links {
		add(l.Title, "", l.URL)
	}
	return out
}

// mostSpans is how many links of a kind lead to SigNoz.
const mostSpans = 4

// causes are an incident's, worst first.
func (s scene) causes(i incident.Incident) []incident.Cause {
	causes := slices.Clone(i.Causes)
	slices.SortStableFunc(causes, func(a, b incident.Cause) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Peak, a.Peak))
	})
	return causes
}

// regionValues are the values of the region attribute that mean a region.
func (s scene) regionValues(code string) []string {
	r, _ := s.config.Region(code)
	return append([]string{code}, r.Aliases...)
}

// related are the incidents that this one has to do with.
func (s scene) related(i incident.Incident) (all []Ref, into *Ref) {
	ref := func(what string, id incident.ID) (Ref, bool) {
		o, ok := s.board.Find(id)
		if !ok || !s.visible(o) {
			return Ref{}, false
		}
		return Ref{what, string(o.ID), "/incidents/" + string(o.ID), s.title(o), string(o.State)}, true
	}
	if r, ok := ref("Goes on as", i.Into); ok {
		into = &r
	}
	if r, ok := ref("Explained by", i.ExplainedBy); ok {
		all = append(all, r)
	}
	for _, list := range [][]incident.Incident{s.board.Open, s.board.Past} {
		for _, o := range list {
			what := ""
			switch i.ID {
			case o.ExplainedBy:
				what = "Explains"
			case o.Into:
				what = "Took over"
			default:
				continue
			}
			if r, ok := ref(what, o.ID); ok {
				all = append(all, r)
			}
		}
	}
	for _, id := range i.Related {
		if r, ok := ref("Linked", id); ok {
			all = append(all, r)
		}
	}
	return all, into
}
