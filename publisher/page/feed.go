package page

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// feedEntries is how many incidents the feed holds.
const feedEntries = 25

type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang    string      `xml:"xml:lang,attr"`
	ID      string      `xml:"id"`
	Links   []atomLink  `xml:"link"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID        string      `xml:"id"`
	Published string      `xml:"published"`
	Updated   string      `xml:"updated"`
	Link      atomLink    `xml:"link"`
	Title     string      `xml:"title"`
	Content   atomContent `xml:"content"`
}

type atomContent struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// feed makes history.atom: an entry for each incident, newest first, whose id
// never changes and whose time moves only when something was said.
func (c *Channel) feed(p templates.Public) ([]byte, error) {
	all := slices.Concat(p.Incidents, p.Past)
	slices.SortStableFunc(all, func(a, b templates.Incident) int { return firstSaid(b).Compare(firstSaid(a)) })
	newest := p.Since
	for _, i := range all {
		if t := i.Updates[0].Said; t.After(newest) {
			newest = t
		}
	}
	all = all[:min(len(all), feedEntries)]

	base, name := strings.TrimSuffix(p.URL, "/"), cmp.Or(p.Organisation, p.Title, "Status")
	tag := "tag:" + host(p) + ",2005:"
	f := atomFeed{
		Lang: "en-US",
		ID:   tag + "/history",
		Links: []atomLink{
			{"alternate", "text/html", base + "/"},
			{"self", "application/atom+xml", base + "/history.atom"},
		},
		Title:   name + " Status - Incident History",
		Updated: atomTime(newest),
		Author:  name,
	}
	for _, i := range all {
		html, err := c.t.FeedEntry(p, i)
		if err != nil {
			return nil, err
		}
		f.Entries = append(f.Entries, atomEntry{
			ID:        tag + "Incident/" + i.ID,
			Published: atomTime(firstSaid(i)),
			Updated:   atomTime(i.Updates[0].Said),
			Link:      atomLink{"alternate", "text/html", link(p, i.ID)},
			Title:     templates.Post{Page: p, Incident: i, Update: i.Updates[0]}.Title(),
			Content:   atomContent{"html", html},
		})
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", " ")
	if err := e.Encode(f); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// host gives the name under which ids of the feed are made.
func host(p templates.Public) string {
	u, err := url.Parse(p.URL)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}

func firstSaid(i templates.Incident) time.Time { return i.Updates[len(i.Updates)-1].Said }

// atomTime writes a time; where nobody knows one, the form demands one still.
func atomTime(t time.Time) string {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return t.UTC().Format(time.RFC3339)
}
