package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// The buttons, by the action_id that Slack gives back when one is pressed.
const (
	pressAck      = "tocsin.acknowledge"
	pressSay      = "tocsin.say"
	pressApprove  = "tocsin.approve"
	pressSeverity = "tocsin.severity"
	pressResolve  = "tocsin.resolve"
	pressLink     = "tocsin.link." // and what it leads to: the browser follows it, and nothing is to be done
)

// link is an address that people go to from a message.
type link struct{ id, title, url string }

// links gives the addresses that there are.
func links(s publisher.Standing) []link {
	var all []link
	for _, l := range []link{
		{"console", "Console", s.Console},
		{"page", "Status page", s.Page},
		{"signoz", "SigNoz", s.SigNoz},
		{"runbook", "Runbook", s.Runbook},
		{"room", "War room", s.WarRoom},
	} {
		if fitURL(l.url) {
			all = append(all, l)
		}
	}
	return all
}

// fitURL reports whether Slack would take an address for a button.
func fitURL(s string) bool {
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && len(s) <= mostURL && !strings.ContainsAny(s, " \n\t|<>")
}

func button(id, value, title string) *api.ButtonBlockElement {
	return api.NewButtonBlockElement(id, value, plain(title, mostButton))
}

// actions are the buttons that do something.
func actions(s publisher.Standing) []api.Block {
	if s.Over() {
		return nil
	}
	row := []api.BlockElement{}
	if s.Acked == "" {
		row = append(row, button(pressAck, s.ID, "Acknowledge").WithStyle(api.StylePrimary))
	}
	if s.Waits {
		row = append(row, button(pressApprove, s.ID, "Approve"))
	}
	row = append(row, button(pressSay, s.ID, "Say…"), button(pressSeverity, s.ID, "Set severity…"), button(pressResolve, s.ID, "Resolve…"))
	return []api.Block{api.NewActionBlock("tocsin.do", row...)}
}

// linked are the buttons that lead somewhere.
func linked(all []link) []api.Block {
	if len(all) == 0 {
		return nil
	}
	var row []api.BlockElement
	for _, l := range all {
		row = append(row, button(pressLink+l.id, "", l.title).WithURL(l.url))
	}
	return []api.Block{api.NewActionBlock("tocsin.links", row...)}
}

func header(s string) api.Block { return api.NewHeaderBlock(plain(oneline(s), mostHeader)) }

func footnote(parts ...string) api.Block {
	return api.NewContextBlock("", plain(strings.Join(parts, " · "), mostField))
}

// glance is the sign that stands before a severity: notifications are read from
// afar. It is ours, and a character, not a code.
func glance(severity, state string) string {
	switch {
	case state == "resolved":
		return "✅"
	case severity == "P0":
		return "🔴"
	case severity == "P1":
		return "🟠"
	case severity == "P2":
		return "🟡"
	default:
		return "🔵"
	}
}

// title is the headline of an incident.
func title(severity, state, symptom string) string {
	return fmt.Sprintf("%s %s %s: %s", glance(severity, state), cmp.Or(severity, "–"), capital(state), cmp.Or(first(symptom), "problems"))
}

// first gives a symptom as a sentence begins.
func first(s string) string {
	s = strings.TrimRight(oneline(s), ".")
	for _, r := range s {
		return strings.ToUpper(string(r)) + s[len(string(r)):]
	}
	return s
}

func capital(s string) string { return cmp.Or(first(s), "Investigating") }

// rootOf is the message of an incident in the channel of announcements: how it
// stands now.
func (c *Channel) rootOf(d publisher.Delivery, s publisher.Standing) message {
	i := d.Incident
	head := title(i.Severity, i.State, i.Symptom)
	where := placeOf(i.Component, names(i.Regions), i.AllRegions && len(d.Public.Regions) > 1)
	fields := []*api.TextBlockObject{
		field("Status", cmp.Or(i.Status, "Not known yet")), field("Severity", i.Severity),
		field("Impact", first(cmp.Or(i.Impact, "none"))), field("Customers' data", first(cmp.Or(i.Integrity, "under review"))),
		field("Began", moment(i.Began)), nextField(i.State, i.Next, i.Resolved),
	}
	blocks := []api.Block{header(head), api.NewSectionBlock(plain(where, mostSection), nil, nil), api.NewSectionBlock(nil, fields, nil)}
	foot := i.ID
	switch {
	case i.Into != "":
		foot += " · goes on as " + i.Into
	case !s.Told:
		foot += " · customers have read nothing of it"
	}
	foot += fmt.Sprintf(" · %d %s in the thread", len(i.Updates), plural(len(i.Updates), "update"))
	blocks = append(blocks, footnote(foot))
	blocks = append(blocks, linked(announced(links(s)))...)
	return message{
		mark: c.mark("root "+i.ID, i.Detected), key: i.ID, part: "root", text: fallback(head + " (" + where + ")"), blocks: blocks,
	}
}

// announced leaves out what only those who work on it need.
func announced(all []link) []link {
	var some []link
	for _, l := range all {
		if l.id == "console" || l.id == "page" {
			some = append(some, l)
		}
	}
	return some
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func names(regions []templates.Region) []string {
	var all []string
	for _, r := range regions {
		all = append(all, cmp.Or(r.Name, r.Code))
	}
	return all
}

func placeOf(component templates.Component, regions []string, all bool) string {
	return place(cmp.Or(component.Name, component.ID), regions, all)
}

// place says where.
func place(component string, regions []string, all bool) string {
	where := cmp.Or(oneline(component), "Our service")
	switch {
	case all:
		return where + " in all regions"
	case len(regions) == 0:
		return where
	default:
		return where + " in " + oneline(strings.Join(regions, ", "))
	}
}

// moment writes a time as all of Tocsin does, in UTC.
func moment(t time.Time) string {
	if t.IsZero() {
		return "Not known yet"
	}
	return t.UTC().Format("15:04 UTC, 2 January")
}

func nextField(state string, next, resolved time.Time) *api.TextBlockObject {
	switch {
	case state == "resolved" && !resolved.IsZero():
		return field("Resolved", moment(resolved))
	case state == "resolved":
		return field("Next update", "None, it is resolved")
	case next.IsZero():
		return field("Next update", "When the status changes")
	default:
		return field("Next update by", moment(next))
	}
}

// updateOf is an update: as a reply in the thread, or in the incident's own
// channel. What it is about stands above it in both, so that its headline is short;
// notifications have it whole.
func (c *Channel) updateOf(d publisher.Delivery, body, part string) message {
	i, u := d.Incident, d.Update
	severity, state := cmp.Or(u.Severity, i.Severity), cmp.Or(u.State, i.State)
	whole := title(severity, state, cmp.Or(u.Symptom, i.Symptom))
	head := fmt.Sprintf("%s %s, update %d", glance(severity, state), capital(state), u.Number)
	if state == "resolved" {
		head = whole // it stands in the channel, too, with nothing above it
	}
	blocks := []api.Block{header(head)}
	if d.Inside {
		blocks = append(blocks, footnote("Inside: customers do not read this update"))
	}
	blocks = append(blocks, words(body)...)
	foot := []string{i.ID, cmp.Or(severity, "no severity"), moment(u.Said)}
	if !u.Next.IsZero() && u.State != "resolved" {
		foot = append(foot, "next update by "+u.Next.UTC().Format("15:04 UTC"))
	}
	blocks = append(blocks, footnote(foot...))
	return message{
		mark: c.mark(part+" "+d.Key, u.Said), key: d.Key, part: part, blocks: blocks,
		text: fallback(whole + "\n" + body),
	}
}

// summaryOf is the pinned message of an incident's own channel.
func (c *Channel) summaryOf(s publisher.Standing) message {
	head := title(s.Severity, s.State, s.Title)
	acked := cmp.Or(s.Acked, "Nobody")
	if s.Acked == "" && !s.AckBy.IsZero() && !s.Over() {
		acked = "Nobody, due by " + s.AckBy.UTC().Format("15:04 UTC")
	}
	customers := "Have read nothing yet"
	switch {
	case s.Private:
		customers = "Read nothing: it is private"
	case s.Told:
		customers = "Read of it"
	case s.Waits:
		customers = "The first words wait"
	}
	where := place(s.Component, s.Regions, s.AllRegions)
	blocks := []api.Block{
		header(head), api.NewSectionBlock(plain(where, mostSection), nil, nil),
		api.NewSectionBlock(nil, []*api.TextBlockObject{
			field("Acknowledged by", acked), nextField(s.State, s.Next, time.Time{}), field("Began", moment(s.Began)), field("Customers", customers),
		}, nil),
	}
	if sum := oneline(s.Summary); sum != "" && !s.Over() {
		blocks = append(blocks, api.NewSectionBlock(plain(sum, mostSection), nil, nil))
	}
	blocks = append(blocks, footnote(s.ID, "kept up to date by Tocsin"))
	blocks = append(blocks, actions(s)...)
	blocks = append(blocks, linked(links(s))...)
	return message{
		mark: c.mark("summary "+s.ID, s.Detected), key: s.ID, part: "summary", text: fallback(head + " (" + where + ")"), blocks: blocks,
	}
}

// callOf is a call to people. mentions are made of member IDs alone, and are the
// one thing in it that Slack is to read.
func (c *Channel) callOf(d publisher.Delivery, s publisher.Standing, text string, mentions []string, to string) message {
	top, rest, _ := strings.Cut(text, "\n")
	sign := glance(d.Notice.Severity, d.Notice.State)
	blocks := []api.Block{header(sign + " " + top)}
	m := message{
		mark: c.mark("call "+d.Key+" "+to, d.Notice.At), key: d.Key, part: "call", text: fallback(sign + " " + top),
	}
	if len(mentions) > 0 {
		all := strings.Join(mentions, " ")
		blocks = append(blocks, api.NewSectionBlock(&api.TextBlockObject{Type: api.MarkdownType, Text: all, Verbatim: true}, nil, nil))
		m.text = all + " " + m.text
	}
	blocks = append(blocks, words(rest)...)
	s.Notice.State = cmp.Or(s.Notice.State, d.Notice.State)
	blocks = append(blocks, actions(s)...)
	blocks = append(blocks, linked(links(s))...)
	m.blocks = blocks
	return m
}

// toldOf says once, in the thread of an incident, what is not as it should be.
func (c *Channel) toldOf(d publisher.Delivery, what string) message {
	text := "This incident has no channel of its own: " + what
	return message{
		mark: c.mark("told "+d.Incident.ID, d.Incident.Detected), key: d.Incident.ID, part: "told", text: fallback(text), blocks: words(text),
	}
}

// topicOf is the topic of an incident's own channel.
func topicOf(s publisher.Standing) string {
	what := "no update is promised"
	switch {
	case s.Over():
		what = "nothing more is to come"
	case !s.Next.IsZero():
		what = "next update by " + moment(s.Next)
	}
	topic := []rune(strings.Join([]string{s.ID, cmp.Or(s.Severity, "no severity"), cmp.Or(s.State, "investigating"), what}, " · "))
	return string(topic[:min(len(topic), mostTopic)])
}

// wanted reports whether an incident of some severities has a channel of its own.
func (c *Channel) wanted(severities ...string) bool {
	for _, name := range severities {
		for _, s := range c.rooms.Severities {
			if s != rules.SeverityNone && s == severity(name) {
				return true
			}
		}
	}
	return false
}

// sum tells one form of a message from another.
func sum(blocks []api.Block) string {
	b, err := json.Marshal(blocks)
	if err != nil {
		return "" // then it counts as changed
	}
	return string(b)
}
