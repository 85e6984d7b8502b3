package page

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"html"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// How many entries a feed holds: of history one for each incident, as
// Statuspage's, and of updates one for each thing that was said.
const (
	feedEntries   = 25
	updateEntries = 50
)

// entry is one entry of a feed, whatever its form.
type entry struct {
	id        string // after the tag: unique for ever
	link      string
	permanent bool // the link is of this entry alone
	title     string
	html      string
	published time.Time
	updated   time.Time

	of   templates.Incident // what it is about: one of the two
	work templates.Work
}

// feeds makes the feeds of the page, of each component and of each region, by
// the names of their files.
func (c *Channel) feeds(p templates.Public) (map[string][]byte, error) {
	said := c.t.Words(p)
	history, err := c.historyEntries(said, p)
	if err != nil {
		return nil, err
	}
	updates, err := c.updateEntries(said, p)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, s := range scopes(p) {
		for _, f := range []feed{
			{fileFeed, fileRSS, said.Say("feed.incidents"), "history", pick(history, s, feedEntries)},
			{fileUpdates, fileUpdatesRSS, said.Say("incident.updates"), "updates", pick(updates, s, updateEntries)},
		} {
			if files[s.file(f.atom)], err = f.asAtom(said, p, s); err != nil {
				return nil, err
			}
			if files[s.file(f.rss)], err = f.asRSS(said, p, s); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// feed is one list of entries, newest first, and the two files that it makes.
type feed struct {
	atom, rss, title, id string
	entries              []entry
}

// historyEntries gives an entry for each incident, newest first, whose id never
// changes and whose time moves only when something was said.
func (c *Channel) historyEntries(said templates.Words, p templates.Public) ([]entry, error) {
	var all []entry
	for _, i := range newestFirst(p) {
		worded, err := c.wording(p, i)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{
			id: "Incident/" + i.ID, link: link(p, i.ID), permanent: p.URL != "", html: worded.entry,
			title:     said.Post(p, i, i.Updates[0]).Title(),
			published: firstSaid(i), updated: i.Updates[0].Said, of: i,
		})
	}
	return all, nil
}

// updateEntries gives an entry for each thing that was said about incidents and
// maintenance, newest first. No two have the same time, since there are readers
// that take only one of such: what was said in the same second is a second
// apart here. The times are given out once for the whole page, oldest first, so
// that what is added later moves none of them and each feed agrees.
func (c *Channel) updateEntries(said templates.Words, p templates.Public) ([]entry, error) {
	var all []entry
	for _, i := range newestFirst(p) {
		worded, err := c.wording(p, i)
		if err != nil {
			return nil, err
		}
		for n, u := range i.Updates {
			post := said.Post(p, i, u)
			all = append(all, entry{
				id: "Update/" + u.ID, link: link(p, i.ID), title: post.Word() + " - " + post.Title(), html: paragraphs(worded.bodies[n]),
				updated: u.Said.UTC().Truncate(time.Second), of: i,
			})
		}
	}
	for _, w := range p.Works {
		for _, s := range stages(w) {
			all = append(all, entry{
				id: "Maintenance/" + s.id, link: workLink(p), title: said.Say("work."+s.state) + " - " + w.Title, html: paragraphs(s.words(said, p, w)),
				updated: s.at.UTC().Truncate(time.Second), work: w,
			})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(a.updated.Compare(b.updated), strings.Compare(a.id, b.id)) })
	for n := range all {
		if n > 0 && !all[n].updated.After(all[n-1].updated) {
			all[n].updated = all[n-1].updated.Add(time.Second)
		}
		all[n].published = all[n].updated
	}
	slices.Reverse(all)
	return all, nil
}

// pick gives the newest entries that are about what s is.
func pick(all []entry, s scope, most int) []entry {
	var out []entry
	for _, e := range all {
		if len(out) == most {
			break
		}
		if e.isOf(s) {
			out = append(out, e)
		}
	}
	return out
}

func (e entry) isOf(s scope) bool {
	switch {
	case s.component != "" && e.of.ID != "":
		return isAbout(e.of, s.component)
	case s.component != "":
		return e.work.AllComponents || slices.ContainsFunc(e.work.Components, func(c templates.Component) bool { return c.ID == s.component })
	case s.region != "" && e.of.ID != "":
		return isIn(e.of, s.region)
	case s.region != "":
		return e.work.AllRegions || slices.ContainsFunc(e.work.Regions, func(r templates.Region) bool { return r.Code == s.region })
	default:
		return true
	}
}

// paragraphs gives plain text as HTML.
func paragraphs(text string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(part), "\n", "<br>") + "</p>")
	}
	return b.String()
}

// changed gives when the feed last changed: never now, or every reader would
// fetch it anew every time.
func (f feed) changed(p templates.Public) time.Time {
	newest := p.Since
	for _, e := range f.entries {
		if e.updated.After(newest) {
			newest = e.updated
		}
	}
	return newest
}

// called gives the feed's title.
func (f feed) called(said templates.Words, p templates.Public, s scope) string {
	title := f.title
	if s.name != "" {
		title = s.name + " - " + title
	}
	return said.Say("feed.title", p.Organisation, title)
}

// language gives the language of a feed. The English one is called as
// Statuspage's is.
func language(said templates.Words) string {
	if said.Language() == templates.DefaultLanguage {
		return "en-US"
	}
	return said.Language()
}

// home gives the address of the page that a feed is of.
func (s scope) home(p templates.Public) string {
	if s.folder == "" {
		return address(p, "")
	}
	return address(p, s.folder+"/")
}

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

// asAtom writes the feed as Atom, RFC 4287.
func (f feed) asAtom(said templates.Words, p templates.Public, s scope) ([]byte, error) {
	tag := "tag:" + host(p) + ",2005:"
	out := atomFeed{
		Lang: language(said),
		ID:   tag + "/" + s.file(f.id),
		Links: []atomLink{
			{"alternate", "text/html", s.home(p)},
			{"self", "application/atom+xml", address(p, s.file(f.atom))},
		},
		Title: f.called(said, p, s), Updated: atomTime(f.changed(p)), Author: p.Organisation,
	}
	for _, e := range f.entries {
		out.Entries = append(out.Entries, atomEntry{
			ID: tag + e.id, Published: atomTime(e.published), Updated: atomTime(e.updated),
			Link: atomLink{"alternate", "text/html", e.link}, Title: e.title, Content: atomContent{"html", e.html},
		})
	}
	return markup(out)
}

type rssFeed struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Atom    string     `xml:"xmlns:atom,attr"`
	DC      string     `xml:"xmlns:dc,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       string    `xml:"title"`
	Link        string    `xml:"link"`
	Self        atomLink  `xml:"atom:link"`
	Description string    `xml:"description"`
	Language    string    `xml:"language"`
	Published   string    `xml:"pubDate"`
	Built       string    `xml:"lastBuildDate"`
	Items       []rssItem `xml:"item"`
}

type rssItem struct {
	Title       string  `xml:"title"`
	Link        string  `xml:"link"`
	Description string  `xml:"description"`
	GUID        rssGUID `xml:"guid"`
	Published   string  `xml:"pubDate"`
	Creator     string  `xml:"dc:creator"`
}

type rssGUID struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	Text      string `xml:",chardata"`
}

// asRSS writes the feed as RSS 2.0.
func (f feed) asRSS(said templates.Words, p templates.Public, s scope) ([]byte, error) {
	tag := "tag:" + host(p) + ",2005:"
	out := rssFeed{
		Version: "2.0", Atom: "http://www.w3.org/2005/Atom", DC: "http://purl.org/dc/elements/1.1/",
		Channel: rssChannel{
			Title: f.called(said, p, s), Link: s.home(p), Self: atomLink{"self", "application/rss+xml", address(p, s.file(f.rss))},
			Description: f.called(said, p, s), Language: strings.ToLower(language(said)), Published: rssTime(f.changed(p)), Built: rssTime(f.changed(p)),
		},
	}
	for _, e := range f.entries {
		id := rssGUID{false, tag + e.id}
		if e.permanent {
			id = rssGUID{true, e.link}
		}
		out.Channel.Items = append(out.Channel.Items, rssItem{
			Title: e.title, Link: e.link, Description: e.html, GUID: id, Published: rssTime(e.updated), Creator: p.Organisation,
		})
	}
	return markup(out)
}

// markup writes XML. The encoder escapes whatever stands in it.
func markup(v any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// host gives the name under which ids of the feeds are made.
func host(p templates.Public) string {
	u, err := url.Parse(p.URL)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}

func firstSaid(i templates.Incident) time.Time { return i.Updates[len(i.Updates)-1].Said }

// known gives a time that a form demands even where nobody knows one.
func known(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}

func atomTime(t time.Time) string { return known(t).Format(time.RFC3339) }

func rssTime(t time.Time) string { return known(t).Format("Mon, 02 Jan 2006 15:04:05 +0000") }
