package publisher

import (
	"strings"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Standing is how an incident stands for those who work on it: what a call to
// them would say if it came now, and a little more. Like a call it is private.
type Standing struct {
	templates.Notice        // of no number and no kind
	Worst            string // the worst severity that it had: "P0" …
	Next             time.Time
	Waits            bool   // the first words for customers wait
	Told             bool   // customers have read of it
	Page             string // the address of its public page; "" if there is none
}

// Stand gives how an incident stands; ok is false if there is no such incident.
func Stand(c *rules.Config, b incident.Board, id string, at time.Time) (s Standing, ok bool) {
	i, ok := b.Find(incident.ID(id))
	if !ok {
		return Standing{}, false
	}
	v := newView(c, b)
	last := incident.Notice{}
	if n := len(i.Notices); n > 0 {
		last.Why = i.Notices[n-1].Why
	}
	last.At = at
	s = Standing{
		Notice: v.notice(i, last, at), Worst: i.Peak.String(), Next: i.Promise, Waits: i.Draft != nil && isOpen(i), Told: isPublic(i),
	}
	if s.Told && c.Page.URL != "" {
		s.Page = PageOf(c.Page.URL, id)
	}
	return s, true
}

// PageOf gives the address of an incident's own page; "" where nobody said where
// the pages are reached.
func PageOf(url, id string) string {
	if url == "" {
		return ""
	}
	return strings.TrimRight(url, "/") + "/incidents/" + id + ".html"
}
