package slack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// mostTyped is how much of a text that a person typed goes into a message: more than
// twice of what the desk takes.
const mostTyped = 4500

// mostLine is how much of a name, or of what is one line, goes into a message.
const mostLine = 500

// shortened gives a delivery without what no message has room for. It is done
// first: what is too long for Slack is too long for a template, too.
func shortened(d publisher.Delivery) publisher.Delivery {
	if d.Notice != nil {
		d.Notice = new(shortenedNotice(*d.Notice))
	}
	if d.Incident == nil || d.Update == nil {
		return d
	}
	i, u := *d.Incident, *d.Update
	u.Text = shorten(u.Text, mostTyped)
	lines(&u.Symptom, &u.Impact, &u.Workaround, &u.Status, &u.Integrity, &u.State, &u.Severity)
	lines(&i.Symptom, &i.Impact, &i.Workaround, &i.Status, &i.Integrity, &i.State, &i.Severity, &i.Component.Name, &i.Component.ID, &i.Into)
	u.Also, u.Regions, i.Regions = shortenAll(u.Also), regions(u.Regions), regions(i.Regions)
	d.Incident, d.Update = &i, &u
	return d
}

func shortenedNotice(n templates.Notice) templates.Notice {
	lines(&n.Title, &n.Component, &n.Summary, &n.Role, &n.Acked, &n.State, &n.Severity)
	n.Regions, n.To = shortenAll(n.Regions), shortenAll(n.To)
	return n
}

func lines(all ...*string) {
	for _, s := range all {
		*s = shorten(*s, mostLine)
	}
}

func regions(all []templates.Region) []templates.Region {
	all = slices.Clone(all)
	for n := range all {
		lines(&all[n].Code, &all[n].Name)
	}
	return all
}

// shorten gives the beginning of a text that is too long, and says so.
func shorten(s string, most int) string {
	head, rest := piece(s, most)
	if rest == "" {
		return s
	}
	return strings.TrimRight(head, " \n") + cut
}

// shortenAll does that with each of a list, and with the list.
func shortenAll(list []string) []string {
	const most = 50
	var all []string
	for n, s := range list {
		if n == most {
			return append(all, fmt.Sprintf("%d more", len(list)-most))
		}
		all = append(all, shorten(s, mostLine))
	}
	return all
}
