package api

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// The answers. The OpenAPI document is made from these types: doc says what a
// field is, enum which values there are. All times are UTC; what is zero is
// left out.

// Problem says why something was not done, and how to mend it.
type Problem struct {
	Error      string `json:"error" doc:"What is in the way, and what to do about it."`
	Unfinished bool   `json:"unfinished,omitzero" doc:"The incident is not to be resolved yet, as not all is well: only with force and a reason."`
}

// Incidents is a list of them.
type Incidents struct {
	Incidents []IncidentView `json:"incidents"`
	Total     int            `json:"total" doc:"How many there are, with those that the limit leaves out."`
}

// IncidentView is one incident.
type IncidentView struct {
	ID           incident.ID      `json:"id" doc:"INC-YEAR-NUMBER."`
	Component    string           `json:"component,omitzero" doc:"What customers see go bad, by its ID."`
	Components   []string         `json:"components,omitzero" doc:"What it is about besides, since other incidents were merged into it."`
	State        string           `json:"state" enum:"investigating|identified|monitoring|resolved" doc:"Where it stands."`
	Severity     rules.Severity   `json:"severity" doc:"What it is worked on as; none once all has recovered."`
	Peak         rules.Severity   `json:"peak" doc:"The worst that it was."`
	Private      bool             `json:"private" doc:"Customers read nothing of it, and viewers do not see it."`
	Topic        string           `json:"topic,omitzero" doc:"What it is about, one word."`
	Began        time.Time        `json:"began,omitzero" doc:"The first bad minute."`
	Detected     time.Time        `json:"detected,omitzero" doc:"When it was found, or declared."`
	Acknowledged time.Time        `json:"acknowledged,omitzero" doc:"When somebody was on it for the first time."`
	FirstPost    time.Time        `json:"first_post,omitzero" doc:"When customers could read of it for the first time."`
	Identified   time.Time        `json:"identified,omitzero" doc:"When the cause was named for the first time."`
	Mitigated    time.Time        `json:"mitigated,omitzero" doc:"When it was mitigated for the first time."`
	Resolved     time.Time        `json:"resolved,omitzero" doc:"When it was over."`
	Forced       bool             `json:"forced,omitzero" doc:"A person closed it although not all was well."`
	Regions      []RegionSeverity `json:"regions" doc:"The regions that were touched so far."`
	Causes       []CauseView      `json:"causes" doc:"What was found or declared, in the order of coming."`
	Ack          *AckView         `json:"ack,omitzero" doc:"Who is on it now."`
	Lead         string           `json:"lead,omitzero" doc:"The person who leads it, by ID."`
	Draft        *DraftView       `json:"draft,omitzero" doc:"The first words for customers, while they wait."`
	Withheld     bool             `json:"withheld" doc:"A person decided that customers do not read of it."`
	Integrity    string           `json:"integrity" enum:"under review|not known|not impacted" doc:"What is known of customers' data."`
	Symptom      string           `json:"symptom,omitzero" doc:"What goes wrong, in customers' words."`
	Impact       string           `json:"impact,omitzero" doc:"What customers may experience."`
	Workaround   string           `json:"workaround,omitzero" doc:"What customers can do meanwhile."`
	Promise      time.Time        `json:"promise,omitzero" doc:"By when the next update was promised."`
	Missed       []time.Time      `json:"missed,omitzero" doc:"Promises that were not kept."`
	Kept         int              `json:"kept" doc:"How many promises were kept."`
	Updates      []UpdateView     `json:"updates" doc:"What was said, the oldest first."`
	Tasks        []TaskView       `json:"tasks" doc:"What is to be done."`
	Notices      []NoticeView     `json:"notices" doc:"Calls to people, and what they were told after, the oldest first."`
	Related      []incident.ID    `json:"related,omitzero" doc:"Incidents that have to do with it."`
	Into         incident.ID      `json:"into,omitzero" doc:"The incident that it goes on as."`
	ExplainedBy  incident.ID      `json:"explained_by,omitzero" doc:"The incident of a component that this one depends on."`
	Links        LinksView        `json:"links" doc:"Where to look."`
}

// RegionSeverity is how bad it is in a region.
type RegionSeverity struct {
	Code     string         `json:"code"`
	Severity rules.Severity `json:"severity" doc:"None once it is well again."`
}

// CauseView is a rule's breach in a region of a service, or what a person
// declared.
type CauseView struct {
	Rule     string         `json:"rule,omitzero" doc:"The rule that found it; none if a person declared it."`
	Service  string         `json:"service,omitzero"`
	Region   string         `json:"region"`
	Severity rules.Severity `json:"severity" doc:"None once it is over."`
	Peak     rules.Severity `json:"peak"`
	Began    time.Time      `json:"began,omitzero"`
	Ended    time.Time      `json:"ended,omitzero"`
	Declared bool           `json:"declared" doc:"A person said so."`
}

// AckView is somebody's word to be on it.
type AckView struct {
	By    string    `json:"by" doc:"The person, by ID."`
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero" doc:"When it counts no longer; to the incident's end if left out."`
}

// DraftView is the first words while they wait.
type DraftView struct {
	Since    time.Time `json:"since,omitzero"`
	Due      time.Time `json:"due,omitzero" doc:"When they go out if nobody says anything."`
	Limit    time.Time `json:"limit,omitzero" doc:"By when customers are to have read something."`
	Text     string    `json:"text,omitzero" doc:"What a person wrote so far."`
	By       string    `json:"by,omitzero" doc:"Who did."`
	Approval bool      `json:"approval" doc:"They wait for a person's approval, however long."`
}

// UpdateView is one thing that was said.
type UpdateView struct {
	Number     int            `json:"number"`
	State      string         `json:"state"`
	Severity   rules.Severity `json:"severity"`
	Trend      string         `json:"trend,omitzero" doc:"How it did, compared with what was said before."`
	Said       time.Time      `json:"said,omitzero"`
	AsOf       time.Time      `json:"as_of,omitzero" doc:"End of the newest minute that it rests on."`
	Next       time.Time      `json:"next,omitzero" doc:"By when it promised the next one."`
	Late       bool           `json:"late,omitzero" doc:"It was entered after the fact: nobody could read it then."`
	Inside     bool           `json:"inside,omitzero" doc:"Customers do not read it."`
	Text       string         `json:"text,omitzero" doc:"A person's own words."`
	Symptom    string         `json:"symptom,omitzero"`
	Impact     string         `json:"impact,omitzero"`
	Workaround string         `json:"workaround,omitzero"`
	Integrity  string         `json:"integrity"`
}

// TaskView is something to do.
type TaskView struct {
	ID        string    `json:"id" doc:"CHECKLIST/STEP, or own/NUMBER."`
	Checklist string    `json:"checklist,omitzero"`
	Text      string    `json:"text"`
	Command   string    `json:"command,omitzero" doc:"As the runbook has it, with {{key}} for a region's values."`
	Link      string    `json:"link,omitzero" doc:"Likewise."`
	Seen      string    `json:"seen,omitzero" doc:"Tocsin ticks it by itself when it has seen this."`
	To        string    `json:"to,omitzero" doc:"The person who has it."`
	Done      bool      `json:"done"`
	By        string    `json:"by,omitzero" doc:"Who ticked it: a person, or tocsin."`
	At        time.Time `json:"at,omitzero"`
}

// NoticeView is a call to people.
type NoticeView struct {
	Number   int            `json:"number"`
	At       time.Time      `json:"at"`
	Kind     string         `json:"kind" enum:"paged|escalated|reminded|acknowledged|over" doc:"The last two say that people need not come: somebody is on it, or it is over."`
	Severity rules.Severity `json:"severity"`
	To       []string       `json:"to,omitzero" doc:"People, by ID."`
	Role     string         `json:"role,omitzero"`
	Due      time.Time      `json:"due,omitzero" doc:"Of the promise that they were reminded of."`
}

// LinksView is where else an incident can be seen.
type LinksView struct {
	Console string `json:"console,omitzero"`
	SigNoz  string `json:"signoz,omitzero"`
	WarRoom string `json:"war_room,omitzero" doc:"The call that P0 and P1 are worked on in."`
}

// EventView is one thing that happened.
type EventView struct {
	Seq  uint64    `json:"seq" doc:"Its place in the log."`
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`
	By   string    `json:"by" doc:"person:ID, rule:ID, clock or tocsin."`
	Line string    `json:"line" doc:"It in one line."`
	Why  string    `json:"why,omitzero"`
}

// Timeline is what happened with an incident.
type Timeline struct {
	Incident incident.ID `json:"incident"`
	Events   []EventView `json:"events"`
}

// Done is what became of a deed.
type Done struct {
	Incident IncidentView `json:"incident" doc:"As it is afterwards."`
	Events   []EventView  `json:"events" doc:"What was added to the timeline."`
	Changed  bool         `json:"changed" doc:"False if what was said was so already."`
}

// Tasks is what is to be done on an incident, rendered.
type Tasks struct {
	Incident incident.ID    `json:"incident"`
	Tasks    []RenderedTask `json:"tasks"`
}

// RenderedTask is a task with its command and link as they are in each region.
type RenderedTask struct {
	TaskView
	In []Rendering `json:"in,omitzero" doc:"The command and the link in each region that is affected; once where they are the same everywhere."`
}

// Rendering is a task's command and link in one region.
type Rendering struct {
	Region  string   `json:"region,omitzero" doc:"Its code; none where the region makes no difference."`
	Command string   `json:"command,omitzero"`
	Link    string   `json:"link,omitzero"`
	Missing []string `json:"missing,omitzero" doc:"Values that the region does not have: they stand as <key>, to be filled in."`
}

// Preview is the first words, as customers would read them.
type Preview struct {
	Incident incident.ID `json:"incident"`
	Due      time.Time   `json:"due,omitzero" doc:"When they go out if nobody says anything."`
	Limit    time.Time   `json:"limit,omitzero"`
	Approval bool        `json:"approval" doc:"They wait for a person."`
	Page     string      `json:"page" doc:"Template A: the status page."`
	Message  MessageView `json:"message" doc:"Template B: what goes to people by mail."`
}

// MessageView is a text with a subject.
type MessageView struct {
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// Me is who asks.
type Me struct {
	Person string `json:"person"`
	Role   string `json:"role" enum:"viewer|responder|admin"`
	Via    string `json:"via" doc:"console, cli or api."`
}

// Audit is a part of the audit log.
type Audit struct {
	Entries []EntryView `json:"entries"`
	Before  uint64      `json:"before,omitzero" doc:"The parameter before that continues the list; none at its end."`
}

// EntryView is one thing that somebody did, or tried to.
type EntryView struct {
	Seq      uint64      `json:"seq"`
	At       time.Time   `json:"at"`
	Who      string      `json:"who" doc:"The person; empty if nobody was signed in."`
	Role     string      `json:"role,omitzero"`
	Via      string      `json:"via,omitzero"`
	From     string      `json:"from,omitzero" doc:"The address that it came from."`
	Action   string      `json:"action"`
	Incident incident.ID `json:"incident,omitzero"`
	Why      string      `json:"why,omitzero"`
	Outcome  string      `json:"outcome" doc:"done, or why not."`
}

// People is those who work on incidents.
type People struct {
	People []PersonView `json:"people"`
}

// PersonView is one of them.
type PersonView struct {
	ID    string   `json:"id"`
	Name  string   `json:"name,omitzero"`
	Roles []string `json:"roles,omitzero"`
}

// Components is what customers know by name.
type Components struct {
	Components []ComponentView `json:"components"`
}

// ComponentView is one component.
type ComponentView struct {
	ID   string `json:"id"`
	Name string `json:"name,omitzero"`
}

// RegionList is the regions.
type RegionList struct {
	Regions []RegionView `json:"regions"`
}

// RegionView is one region.
type RegionView struct {
	Code string `json:"code"`
	Name string `json:"name,omitzero"`
}

// Checklists is the runbooks' checklists.
type Checklists struct {
	Checklists []ChecklistView `json:"checklists"`
}

// ChecklistView is one checklist.
type ChecklistView struct {
	ID    string `json:"id"`
	Title string `json:"title,omitzero"`
	Steps int    `json:"steps" doc:"How many it has."`
}

// viewer makes views for somebody: what is private has no place in what others
// read.
type viewer struct {
	config *rules.Config
	board  incident.Board
	all    bool // private ones, too
}

// sees reports whether an incident may be known of.
func (v viewer) sees(id incident.ID) bool {
	i, ok := v.board.Find(id)
	return ok && (v.all || !i.Private)
}

func (v viewer) id(id incident.ID) incident.ID {
	if !v.sees(id) {
		return ""
	}
	return id
}

func (v viewer) incident(i incident.Incident) IncidentView {
	words := v.words(i)
	out := IncidentView{
		ID: i.ID, Component: i.Component, Components: i.Components, State: string(i.State), Severity: i.Severity(), Peak: i.Peak,
		Private: i.Private, Topic: i.Topic, Began: i.Began, Detected: i.Detected, Acknowledged: i.Acked, FirstPost: i.Posted,
		Identified: i.Identified, Mitigated: i.Mitigated, Resolved: i.Resolved, Forced: i.Forced, Lead: i.Lead, Withheld: i.Withheld,
		Integrity: i.Integrity.String(), Symptom: words.Symptom, Impact: words.Impact, Workaround: words.Workaround,
		Promise: i.Promise, Missed: i.Missed, Kept: i.Kept, Into: v.id(i.Into), ExplainedBy: v.id(i.ExplainedBy), Links: v.links(i),
		Regions: []RegionSeverity{}, Causes: []CauseView{}, Updates: []UpdateView{}, Tasks: []TaskView{}, Notices: []NoticeView{},
	}
	for _, r := range i.Regions() {
		out.Regions = append(out.Regions, RegionSeverity{r, i.RegionSeverity(r)})
	}
	for _, c := range i.Causes {
		out.Causes = append(out.Causes, CauseView{
			Rule: c.Rule, Service: c.Service, Region: c.Region, Severity: c.Severity, Peak: c.Peak, Began: c.Began, Ended: c.Ended, Declared: c.Rule == "",
		})
	}
	if a := i.Ack; a != nil {
		out.Ack = &AckView{By: who(a.By), At: a.At, Until: a.Until}
	}
	if d := i.Draft; d != nil {
		out.Draft = &DraftView{Since: d.Since, Due: d.Due, Limit: d.Limit, Text: d.Text, By: who(d.By), Approval: d.Due.IsZero()}
	}
	for _, u := range i.Updates {
		out.Updates = append(out.Updates, UpdateView{
			Number: u.Number, State: string(u.State), Severity: u.Severity, Trend: string(u.Trend), Said: u.Said, AsOf: u.AsOf, Next: u.Next,
			Late: u.Late, Inside: u.Inside, Text: u.Text, Symptom: u.Words.Symptom, Impact: u.Words.Impact, Workaround: u.Words.Workaround,
			Integrity: u.Integrity.String(),
		})
	}
	for _, t := range i.Tasks {
		out.Tasks = append(out.Tasks, task(t))
	}
	for _, n := range i.Notices {
		kind := string(n.Kind)
		if n.Kind == incident.StoodDown {
			kind = string(n.Reason)
		}
		out.Notices = append(out.Notices, NoticeView{
			Number: n.Number, At: n.At, Kind: kind, Severity: n.Severity, To: n.To, Role: n.Role, Due: n.Due,
		})
	}
	for _, id := range i.Related {
		if v.sees(id) {
			out.Related = append(out.Related, id)
		}
	}
	return out
}

// words is what customers read of an incident, or would: a person's words before
// those of the rule of its worst cause.
func (v viewer) words(i incident.Incident) rules.Words {
	if n := len(i.Updates); n > 0 {
		return i.Words.Over(i.Updates[n-1].Words)
	}
	worst := incident.Cause{}
	for _, c := range i.Causes {
		if c.Rule != "" && (worst.Rule == "" || c.Severity > worst.Severity) {
			worst = c
		}
	}
	rule, _ := v.config.Rule(worst.Rule)
	return i.Words.Over(rule.Public)
}

func (v viewer) links(i incident.Incident) LinksView {
	l := LinksView{SigNoz: v.config.SigNoz.URL}
	if base := v.config.Console.URL; base != "" {
		l.Console = strings.TrimSuffix(base, "/") + "/incidents/" + string(i.ID)
	}
	if i.State != incident.StateResolved && i.Severity() >= rules.P1 {
		l.WarRoom = v.config.Console.WarRoom
	}
	return l
}

func task(t incident.Todo) TaskView {
	return TaskView{
		ID: t.ID, Checklist: t.Checklist, Text: t.Text, Command: t.Command, Link: t.Link, Seen: t.Seen, To: t.To, Done: t.Done, By: who(t.By), At: t.At,
	}
}

// rendered gives a task with its command and link as they are in each of the
// regions.
func (v viewer) rendered(t incident.Todo, regions []string) RenderedTask {
	out := RenderedTask{TaskView: task(t)}
	if t.Command == "" && t.Link == "" {
		return out
	}
	fill := func(r rules.Region) Rendering {
		command, missing := r.Fill(t.Command)
		link, more := r.Fill(t.Link)
		for _, m := range more {
			if !slices.Contains(missing, m) {
				missing = append(missing, m)
			}
		}
		return Rendering{Region: r.Code, Command: command, Link: link, Missing: missing}
	}
	for _, code := range regions {
		out.In = append(out.In, fill(v.region(code)))
	}
	plain := fill(rules.Region{})
	if len(out.In) == 0 || plain.Command == t.Command && plain.Link == t.Link {
		out.In = []Rendering{plain}
	}
	return out
}

// region gives the region of a code; one that is not declared has no values.
func (v viewer) region(code string) rules.Region {
	if r, ok := v.config.Region(code); ok {
		return r
	}
	return rules.Region{Code: code, Name: code}
}

// event gives what may be known of an event, and whether it may be known at all:
// one that names a private incident may not.
func (v viewer) event(e incident.Event) (EventView, bool) {
	return EventView{
		Seq: e.Seq, Kind: string(e.Kind), At: e.At, By: string(e.By), Line: e.Line(time.Time{}), Why: e.Why,
	}, e.Cause == "" || v.sees(e.Cause)
}

// who gives the ID of a person, or what else acted.
func who(a incident.Actor) string { return cmp.Or(a.Person(), string(a)) }

func audited(a store.Audited) EntryView {
	return EntryView{
		Seq: a.Seq, At: a.At, Who: a.Who, Role: a.Role, Via: a.Via, From: a.From, Action: a.Action, Incident: a.Incident, Why: a.Why, Outcome: a.Outcome,
	}
}
