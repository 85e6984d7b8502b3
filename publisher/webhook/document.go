package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// limits, in bytes: the standard asks for bodies under 20 kB.
const (
	bodyLimit    = 20_000
	wordsLimit   = 500   // one phrase
	textLimit    = 4_000 // what a person wrote
	messageLimit = 6_000 // the message for people
	addressLimit = 1_000 // an address that is longer is left out: half of one leads nowhere
)

// bounds is how much of words a document holds, in bytes.
type bounds struct{ words, text int }

// The document is made with tight bounds where it does not fit with roomy ones.
var (
	roomy = bounds{wordsLimit, textLimit}
	tight = bounds{100, 1_000}
)

// mostUpdates is more than fit into a body.
const mostUpdates = 60

// document is what is posted of an update; docs/webhooks.md explains it. All that
// it holds comes from the public types. Times that are not known are null.
type document struct {
	Type      string `json:"type"`
	Timestamp stamp  `json:"timestamp"`
	Data      data   `json:"data"`
}

type data struct {
	Incident incidentJSON `json:"incident"`
	Page     pageJSON     `json:"page"`
	Message  *messageJSON `json:"message,omitempty"`
}

type incidentJSON struct {
	ID           string       `json:"id"`
	URL          string       `json:"url,omitzero"`
	State        string       `json:"state"`
	Severity     string       `json:"severity,omitzero"`
	Impact       string       `json:"impact"`
	Status       string       `json:"status"`
	Title        string       `json:"title"`
	Component    namedJSON    `json:"component"`
	Regions      []namedJSON  `json:"regions"`
	AllRegions   bool         `json:"all_regions"`
	Workaround   string       `json:"workaround"`
	Integrity    string       `json:"data_integrity"`
	Began        stamp        `json:"began"`
	Detected     stamp        `json:"detected"`
	Resolved     stamp        `json:"resolved"`
	NextUpdate   stamp        `json:"next_update"`
	PostMortem   stamp        `json:"post_mortem"`
	ContinuedAs  string       `json:"continued_as,omitzero"`
	Inside       bool         `json:"inside,omitzero"`
	Updates      []updateJSON `json:"updates"` // newest first, the one this message is about
	UpdatesTotal int          `json:"updates_total"`
}

type updateJSON struct {
	ID         string      `json:"id"`
	Number     int         `json:"number"`
	State      string      `json:"state"`
	Severity   string      `json:"severity,omitzero"`
	Status     string      `json:"status"`
	Symptom    string      `json:"symptom"`
	Impact     string      `json:"impact"`
	Figure     string      `json:"figure"`
	Trend      string      `json:"trend"`
	Text       string      `json:"text"`
	Integrity  string      `json:"data_integrity"`
	Workaround string      `json:"workaround"`
	Regions    []namedJSON `json:"regions"`
	Late       bool        `json:"late"`
	Said       stamp       `json:"said"`
	AsOf       stamp       `json:"as_of"`
	NextUpdate stamp       `json:"next_update"`
}

type namedJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type pageJSON struct {
	Organisation string `json:"organisation"`
	Title        string `json:"title"`
	URL          string `json:"url"`
	Indicator    string `json:"indicator"`
	Description  string `json:"description"`
	Checked      stamp  `json:"checked"`
	DataMissing  stamp  `json:"data_missing_since"`
}

type messageJSON struct {
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// stamp is a time as RFC 3339 in UTC, or null.
type stamp time.Time

// MarshalJSON implements json.Marshaler.
func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(time.RFC3339))
}

// body renders the document of d.
func (c *Channel) body(d publisher.Delivery) ([]byte, error) {
	if d.Notice != nil {
		return c.noticeBody(*d.Notice)
	}
	return c.updateBody(d)
}

// updateBody renders the document of an update, with as many of the earlier ones
// as fit.
func (c *Channel) updateBody(d publisher.Delivery) ([]byte, error) {
	doc, isTight := newDocument(d, roomy), false
	if c.Templates != nil {
		m, err := c.Templates.Message(d.Public, *d.Incident, *d.Update)
		if err != nil {
			// Programs can do without it, and should not wait until somebody
			// has mended a template.
			c.Logger.Error("a message could not be worded and is left out", "channel", c.Config.Name, "update", d.Update.ID, "err", err)
		} else {
			doc.Data.Message = &messageJSON{clip(m.Subject, wordsLimit), clip(m.Body, messageLimit)}
		}
	}
	for {
		b, err := marshal(doc)
		if err != nil {
			return nil, fmt.Errorf("write the document: %w", err)
		}
		updates := &doc.Data.Incident.Updates
		switch {
		case len(b) < bodyLimit:
			return b, nil
		case len(*updates) > 1:
			*updates = (*updates)[:len(*updates)-1]
		case doc.Data.Message != nil:
			doc.Data.Message = nil
		case !isTight:
			doc, isTight = newDocument(d, tight), true
		default:
			return nil, fmt.Errorf("the document has %d bytes, want less than %d: too many regions are listed: %w",
				len(b), bodyLimit, publisher.ErrPermanent)
		}
	}
}

// newDocument tells how the incident stood when the update was said, whatever
// was said since: a repeated or late delivery must not tell a different story
// under the same id. Only the page, and Statuspage's word for the impact, are
// of the time of sending.
func newDocument(d publisher.Delivery, most bounds) document {
	i, u := d.Incident, d.Update
	inc := incidentJSON{
		ID: i.ID, URL: link(d.Public.URL, i.ID),
		State: u.State, Severity: u.Severity, Impact: i.Impact, Status: u.Status, Title: clip(u.Symptom, most.words),
		Component: namedJSON{i.Component.ID, clip(i.Component.Name, most.words)},
		Regions:   named(u.Regions, most), AllRegions: u.AllRegions,
		Workaround: clip(u.Workaround, most.words), Integrity: clip(cmp.Or(u.Integrity, i.Integrity), most.words),
		PostMortem: stamp(u.PostMortem), ContinuedAs: u.Into, Inside: d.Inside,
		Began: stamp(i.Began), Detected: stamp(i.Detected), NextUpdate: stamp(u.Next),
		UpdatesTotal: u.Number,
	}
	kind := "incident.updated"
	switch {
	case u.State == "resolved":
		kind, inc.Resolved = "incident.resolved", stamp(i.Resolved)
	case u.Number == 1:
		kind = "incident.created"
	}
	for _, e := range i.Updates {
		if e.Number <= u.Number {
			inc.Updates = append(inc.Updates, newUpdate(e, most))
		}
	}
	slices.SortStableFunc(inc.Updates, func(a, b updateJSON) int { return b.Number - a.Number })
	inc.Updates = inc.Updates[:min(len(inc.Updates), mostUpdates)]
	p := d.Public
	return document{Type: kind, Timestamp: stamp(u.Said), Data: data{Incident: inc, Page: pageJSON{
		Organisation: clip(p.Organisation, most.words), Title: clip(p.Title, most.words), URL: whole(p.URL),
		Indicator: p.Indicator, Description: clip(p.Description, most.words),
		Checked: stamp(p.Checked), DataMissing: stamp(p.Blind),
	}}}
}

func newUpdate(u templates.Update, most bounds) updateJSON {
	return updateJSON{
		ID: u.ID, Number: u.Number, State: u.State, Severity: u.Severity, Status: u.Status,
		Symptom: clip(u.Symptom, most.words), Impact: clip(u.Impact, most.words), Figure: u.Measured.String(),
		Trend: u.Trend, Text: clip(u.Text, most.text), Integrity: clip(u.Integrity, most.words), Workaround: clip(u.Workaround, most.words),
		Regions: named(u.Regions, most), Late: u.Late,
		Said: stamp(u.Said), AsOf: stamp(u.AsOf), NextUpdate: stamp(u.Next),
	}
}

// named never gives nil: a list in the document is a list.
func named(regions []templates.Region, most bounds) []namedJSON {
	out := []namedJSON{}
	for _, r := range regions {
		out = append(out, namedJSON{r.Code, clip(r.Name, most.words)})
	}
	return out
}

// link gives the address of an incident on the page; "" if the page has none.
func link(page, id string) string { return whole(publisher.PageOf(page, id)) }

// whole gives an address, or none where it is too long to be one.
func whole(address string) string {
	if len(address) > addressLimit {
		return ""
	}
	return address
}

// marshal writes a document. Nobody reads it as HTML, so what has a meaning there
// stands as it is, and lengths do not grow.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// clip shortens s to at most n bytes, at a whole character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	return strings.ToValidUTF8(s[:n-len(mark)], "") + mark
}
