// Package statuspage is what Tocsin says in Statuspage's words, in one place for
// all who do: the page's API (its version 2) and the webhooks in Statuspage's
// form. Its names, times and statuses are the same in both, so that whoever reads
// one can put it together with the other.
//
// Of the form it holds what all that is said in it shares; the documents of the
// API and the messages of webhooks differ in their keys, and are with those who
// make them.
package statuspage

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// The words that there are. A client refuses others, or takes a component of an
// unknown status for one that is out: nothing else may be written.
var (
	Indicators = []string{"none", "minor", "major", "critical", "maintenance"}
	States     = []string{"investigating", "identified", "monitoring", "resolved", "postmortem"}
	WorkStates = []string{"scheduled", "in_progress", "verifying", "completed"}
	Statuses   = []templates.Status{
		templates.Operational, templates.Degraded, templates.Partial, templates.Major, templates.Maintenance,
	}
)

// Knows reports whether a status has a word in the form. What is not known has
// none: there the status that was known last is told.
func Knows(s templates.Status) bool { return slices.Contains(Statuses, s) }

// OfPhrase turns the words of an update's status into a component's status.
func OfPhrase(phrase string) templates.Status {
	switch phrase {
	case "Major outage":
		return templates.Major
	case "Partial service":
		return templates.Partial
	case "Operational":
		return templates.Operational
	default:
		return templates.Degraded
	}
}

// ID gives a thing a short name for ever: twelve characters, as Statuspage's are.
func ID(kind, key string) string {
	h := sha256.Sum256([]byte(kind + "\x00" + key))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h[:]))[:12]
}

// Stamp is a time as Statuspage writes it: RFC 3339 with milliseconds.
type Stamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (s Stamp) MarshalText() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		t = time.Unix(0, 0) // the form demands a time even where nobody knows it
	}
	return t.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// Affected says how an update changed a component.
type Affected struct {
	Code      string `json:"code"` // the component's ID
	Name      string `json:"name"`
	OldStatus string `json:"old_status"`
	NewStatus string `json:"new_status"`
}

// Indicator gives the one word for how the page is. Where nothing is worse than
// that something is under maintenance, it is that.
func Indicator(p templates.Public) string {
	if p.Indicator != "" && p.Indicator != "none" {
		return p.Indicator
	}
	if slices.ContainsFunc(p.Components, func(c templates.Component) bool { return c.Status == templates.Maintenance }) {
		return "maintenance"
	}
	return "none"
}

// Description gives the one sentence for programs to show. The form has no word
// for missing data, and so the sentence says since when they are; and that all is
// well is said only where all is known to be.
func Description(p templates.Public) string {
	d := p.Description
	switch {
	case Indicator(p) == "maintenance" && (d == "" || d == "All Systems Operational"):
		d = "Service Under Maintenance"
	case d == "" && IsClear(p):
		d = "All Systems Operational"
	case d == "":
		d = "Waiting for the first data"
	}
	if at := p.Blind.UTC().Format("15:04 UTC"); !p.Blind.IsZero() && !strings.Contains(d, at) {
		d += ", data delayed since " + at
	}
	return d
}

// IsClear reports whether every component that is watched is known to be well: a
// page that cannot see all of them is not green.
func IsClear(p templates.Public) bool {
	well := false
	for _, c := range p.Components {
		if c.Status != templates.Operational && c.Status != templates.NotWatched {
			return false
		}
		well = well || c.Status == templates.Operational
	}
	return well && p.Blind.IsZero() && !p.Checked.IsZero()
}
