package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/rules"
)

type incidentListCmd struct {
	State string `enum:"open,past,all" default:"open" help:"open, past or all."`
	Limit int    `default:"100" help:"How many at most."`
}

// Help satisfies kong.
func (*incidentListCmd) Help() string {
	return example(`tocsin incident list`, `tocsin incident list --state past --limit 20`)
}

// Run satisfies kong.
func (c *incidentListCmd) Run(w *world, in *incidentCmd) error {
	query := url.Values{"state": {c.State}, "limit": {fmt.Sprint(c.Limit)}}
	return fetch(w, in, "/incidents?"+query.Encode(), func(p *sheet, v api.Incidents) { p.list(v, c.State) })
}

type incidentShowCmd struct {
	ID incidentID `arg:"" help:"Which incident."`
}

// Help satisfies kong.
func (*incidentShowCmd) Help() string { return example(`tocsin incident show 4`) }

// Run satisfies kong.
func (c *incidentShowCmd) Run(w *world, in *incidentCmd) error {
	return fetch(w, in, "/incidents/"+string(c.ID), func(p *sheet, i api.IncidentView) {
		var tasks api.Tasks
		if len(i.Tasks) > 0 {
			p.err = p.also(w, in, "/incidents/"+string(c.ID)+"/tasks", &tasks)
		}
		p.show(i, tasks.Tasks)
	})
}

type incidentTimelineCmd struct {
	ID incidentID `arg:"" help:"Which incident."`
}

// Help satisfies kong.
func (*incidentTimelineCmd) Help() string { return example(`tocsin incident timeline 4`) }

// Run satisfies kong.
func (c *incidentTimelineCmd) Run(w *world, in *incidentCmd) error {
	return fetch(w, in, "/incidents/"+string(c.ID)+"/timeline", func(p *sheet, v api.Timeline) {
		for _, e := range v.Events {
			p.event(e)
		}
	})
}

type incidentPreviewCmd struct {
	ID incidentID `arg:"" help:"Which incident."`
}

// Help satisfies kong.
func (*incidentPreviewCmd) Help() string {
	return "Nothing goes out by it.\n\n" + example(`tocsin incident preview 4`)
}

// Run satisfies kong.
func (c *incidentPreviewCmd) Run(w *world, in *incidentCmd) error {
	return fetch(w, in, "/incidents/"+string(c.ID)+"/preview", (*sheet).preview)
}

// sheet is a text for people, in the making.
type sheet struct {
	strings.Builder
	now time.Time
	err error
}

func (p *sheet) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// print writes it out. What people and services wrote must not move the
// terminal of whoever reads it.
func (p *sheet) print(out io.Writer) error {
	if p.err != nil {
		return p.err
	}
	_, err := io.WriteString(out, legible(p.String()))
	return err
}

// legible replaces what a terminal does not show as it is.
func legible(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// at writes a time: the hour today, else the day too.
func (p *sheet) at(t time.Time) string {
	switch t = t.UTC(); {
	case t.IsZero():
		return "never"
	case t.Format(time.DateOnly) == p.now.Format(time.DateOnly):
		return t.Format("15:04Z")
	default:
		return t.Format("2006-01-02 15:04Z")
	}
}

// since writes a time with how long ago it is.
func (p *sheet) since(t time.Time) string {
	return fmt.Sprintf("%s (%s)", p.at(t), agoOf(p.now.Sub(t)))
}

// began writes when an incident began, and how long it is open or how long it was.
func (p *sheet) began(i api.IncidentView) string {
	if i.Resolved.IsZero() {
		return p.since(i.Began)
	}
	return fmt.Sprintf("%s (lasted %s)", p.at(i.Began), strings.Replace(agoOf(i.Resolved.Sub(i.Began)), "now", "under 1m", 1))
}

// agoOf writes how long something has lasted.
func agoOf(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	}
}

func (p *sheet) list(v api.Incidents, state string) {
	if len(v.Incidents) == 0 {
		p.line("%s", map[string]string{"open": "no incident is open", "past": "no incident is over yet", "all": "there are no incidents"}[state])
		return
	}
	if state == "open" {
		slices.SortStableFunc(v.Incidents, func(a, b api.IncidentView) int { return cmp.Compare(b.Severity, a.Severity) })
	}
	table := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "incident\tseverity\tstate\tcomponent\tsince\ton it\tnext update")
	for _, i := range v.Incidents {
		severity := i.Severity
		if i.State == "resolved" {
			severity = i.Peak
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, severity, i.State, componentOf(i), p.began(i), p.onIt(i), p.next(i))
	}
	_ = table.Flush() // a builder takes everything
	if n := v.Total - len(v.Incidents); n > 0 {
		p.line("and %d more: --limit", n)
	}
}

func componentOf(i api.IncidentView) string {
	name := strings.Join(append([]string{cmp.Or(i.Component, "-")}, i.Components...), "+")
	if i.Private {
		name += " (private)"
	}
	return name
}

// onIt says who is on an incident.
func (p *sheet) onIt(i api.IncidentView) string {
	switch {
	case i.Ack == nil && i.State == "resolved":
		return "-"
	case i.Ack == nil:
		return "nobody"
	case i.Ack.Until.IsZero():
		return i.Ack.By
	default:
		return i.Ack.By + " until " + p.at(i.Ack.Until)
	}
}

// next says when customers read something.
func (p *sheet) next(i api.IncidentView) string {
	switch {
	case i.State == "resolved", i.Private:
		return "-"
	case i.Draft != nil && i.Draft.Approval:
		return "first words wait for approval"
	case i.Draft != nil:
		return "first words " + p.at(i.Draft.Due)
	case i.Withheld:
		return "withheld"
	case i.Promise.IsZero():
		return "-"
	case i.Promise.Before(p.now):
		return p.at(i.Promise) + " overdue"
	default:
		return p.at(i.Promise)
	}
}

// also asks for something that belongs to the same page.
func (p *sheet) also(w *world, in asker, path string, v any) error {
	c, err := in.client(w)
	if err != nil {
		return err
	}
	b, err := c.get(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (p *sheet) show(i api.IncidentView, tasks []api.RenderedTask) {
	p.line("%s  %s  %s  %s", i.ID, severityOf(i), i.State, componentOf(i))
	if i.Symptom != "" {
		p.line("%s", i.Symptom)
	}
	p.line("")
	p.facts(i)
	if len(i.Causes) > 0 {
		p.line("\nCauses")
		for _, c := range i.Causes {
			p.line("  %s", p.cause(c))
		}
	}
	if len(i.Updates) > 0 {
		p.line("\nSaid")
		for _, u := range i.Updates {
			p.line("  %s #%d %s %s%s", p.at(u.Said), u.Number, u.State, u.Severity, map[bool]string{true: ", inside"}[u.Inside])
			p.block("    ", u.Text)
		}
	}
	if len(tasks) > 0 {
		p.line("\nTasks")
		for _, t := range tasks {
			p.task(t)
		}
	}
}

func severityOf(i api.IncidentView) string {
	if i.Severity == rules.SeverityNone || i.Severity == i.Peak {
		return i.Peak.String()
	}
	return fmt.Sprintf("%s (was %s)", i.Severity, i.Peak)
}

// facts lists what is known, a line for each thing.
func (p *sheet) facts(i api.IncidentView) {
	fact := func(name, value string) {
		if value != "" {
			p.line("  %-12s %s", name, value)
		}
	}
	fact("began", p.began(i))
	fact("detected", p.at(i.Detected))
	if !i.Resolved.IsZero() {
		fact("resolved", p.at(i.Resolved)+map[bool]string{true: ", by force"}[i.Forced])
	}
	var regions []string
	for _, r := range i.Regions {
		word := r.Severity.String()
		if r.Severity == rules.SeverityNone {
			word = "well"
		}
		regions = append(regions, cmp.Or(r.Code, "everywhere")+" "+word)
	}
	fact("regions", strings.Join(regions, ", "))
	fact("on it", p.onIt(i))
	fact("lead", cmp.Or(i.Lead, "nobody"))
	fact("topic", i.Topic)
	fact("customers", p.customers(i))
	fact("impact", i.Impact)
	fact("workaround", i.Workaround)
	fact("data", i.Integrity)
	if i.Kept+len(i.Missed) > 0 {
		fact("promises", fmt.Sprintf("%d kept, %d missed", i.Kept, len(i.Missed)))
	}
	var related []string
	for _, id := range i.Related {
		related = append(related, string(id))
	}
	fact("related", strings.Join(related, ", "))
	fact("goes on as", string(i.Into))
	fact("explained by", string(i.ExplainedBy))
	fact("console", i.Links.Console)
	fact("signoz", i.Links.SigNoz)
	fact("war room", i.Links.WarRoom)
}

// customers says what customers know.
func (p *sheet) customers(i api.IncidentView) string {
	switch d := i.Draft; {
	case i.Private:
		return "read nothing: it is private"
	case d != nil && d.Approval:
		return fmt.Sprintf("read nothing until somebody approves: tocsin incident preview %s", i.ID)
	case d != nil:
		return fmt.Sprintf("read the first words at %s: tocsin incident preview %s", p.at(d.Due), i.ID)
	case i.Withheld:
		return "read nothing: the first words were vetoed"
	case i.FirstPost.IsZero():
		return "have read nothing"
	case i.Promise.IsZero():
		return fmt.Sprintf("read of it since %s", p.at(i.FirstPost))
	default:
		return fmt.Sprintf("read of it since %s; the next update by %s", p.at(i.FirstPost), p.next(i))
	}
}

func (p *sheet) cause(c api.CauseView) string {
	what := c.Rule
	if c.Declared {
		what = "declared"
	}
	place := strings.TrimSpace(c.Service + " in " + cmp.Or(c.Region, "all regions"))
	if c.Severity == rules.SeverityNone {
		return fmt.Sprintf("%s %s, %s: %s to %s, well", c.Peak, what, place, p.at(c.Began), p.at(c.Ended))
	}
	return fmt.Sprintf("%s %s, %s: since %s", c.Severity, what, place, p.at(c.Began))
}

func (p *sheet) task(t api.RenderedTask) {
	box := "[ ]"
	if t.Done {
		box = "[x]"
	}
	s := fmt.Sprintf("  %s %s  %s", box, t.ID, t.Text)
	switch {
	case t.Done:
		s += fmt.Sprintf(" (%s, %s)", t.By, p.at(t.At))
	case t.To != "":
		s += " (" + t.To + ")"
	}
	p.line("%s", s)
	if t.Done {
		return
	}
	for _, in := range t.In {
		if in.Region != "" {
			p.line("        in %s:", in.Region)
		}
		p.block("        ", in.Command)
		p.block("        ", in.Link)
	}
}

// block writes a text of several lines, indented.
func (p *sheet) block(indent, text string) {
	for line := range strings.Lines(text) {
		p.line("%s%s", indent, strings.TrimRight(line, "\n"))
	}
}

func (p *sheet) event(e api.EventView) {
	p.line("%s", e.Line)
	if e.Why != "" {
		p.block("    ", e.Why)
	}
}

func (p *sheet) preview(v api.Preview) {
	switch {
	case v.Approval:
		p.line("%s: these words wait for somebody to approve them.", v.Incident)
	case !v.Due.IsZero():
		p.line("%s: these words go out at %s, unless somebody holds, edits or vetoes them.", v.Incident, p.at(v.Due))
	default:
		p.line("%s: these words would go out.", v.Incident)
	}
	p.line("\n--- the status page ---\n%s", strings.TrimRight(v.Page, "\n"))
	p.line("\n--- the message ---\nSubject: %s\n%s", v.Message.Subject, strings.TrimRight(v.Message.Body, "\n"))
}

// done says what became of a deed, and what comes next.
func (p *sheet) done(v api.Done) {
	i := v.Incident
	if !v.Changed {
		p.line("%s: it is so already, nothing was changed", i.ID)
		return
	}
	p.line("%s  %s  %s  %s", i.ID, severityOf(i), i.State, componentOf(i))
	for _, e := range v.Events {
		p.line("  %s", e.Line)
	}
	if i.Draft != nil {
		p.line("customers %s", p.customers(i))
	}
}
