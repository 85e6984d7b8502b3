package page

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// feedNames are the feeds that stand at the top and below each component and
// region.
var feedNames = []string{"history.atom", "history.rss", "updates.atom", "updates.rss"}

func parseFeed(t testing.TB, content []byte) *gofeed.Feed {
	t.Helper()
	f, err := gofeed.NewParser().Parse(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	return f
}

func TestEveryFeedIsReadByAForeignReader(t *testing.T) {
	for _, state := range []string{"good", "many", "maintenance", "first"} {
		p := pagetest.Public(state)
		files := documents(t, p)
		read := 0
		for _, s := range scopes(p) {
			for _, name := range feedNames {
				f := parseFeed(t, files[s.file(name)])
				read++
				checkFeed(t, state+"/"+s.file(name), p, s, f)
			}
		}
		if want := 4 * (1 + len(p.Components) + len(p.Regions)); read != want {
			t.Errorf("%s: %d feeds, want %d", state, read, want)
		}
	}
}

func checkFeed(t *testing.T, name string, p templates.Public, s scope, f *gofeed.Feed) {
	t.Helper()
	if !strings.HasPrefix(f.Title, p.Organisation+" Status - "+s.name) || f.FeedLink != p.URL+"/"+name[strings.Index(name, "/")+1:] {
		t.Errorf("%s: %q at %s", name, f.Title, f.FeedLink)
	}
	changed, ids := known(p.Since), map[string]bool{}
	for n, e := range f.Items {
		at := e.UpdatedParsed
		if at == nil {
			at = e.PublishedParsed
		}
		if e.GUID == "" || ids[e.GUID] || e.Title == "" || e.Link == "" || at == nil || e.Content+e.Description == "" {
			t.Errorf("%s: entry %+v", name, e)
			continue
		}
		ids[e.GUID] = true
		if at.After(changed) {
			changed = *at
		}
		if n > 0 && strings.Contains(name, "updates.") && !at.Before(*orPublished(f.Items[n-1])) {
			t.Errorf("%s: the times of entries %d and %d do not increase", name, n, n-1)
		}
	}
	if at := f.UpdatedParsed; at == nil || !at.Equal(changed) {
		t.Errorf("%s: it says that it changed at %v, and did at %v", name, at, changed)
	}
}

func orPublished(e *gofeed.Item) *time.Time {
	if e.UpdatedParsed != nil {
		return e.UpdatedParsed
	}
	return e.PublishedParsed
}

func TestUpdatesFeedTellsEachUpdateOnce(t *testing.T) {
	p := p1()
	p.Works = pagetest.Public("maintenance").Works
	files := documents(t, p)
	for _, name := range []string{"updates.atom", "updates.rss"} {
		f := parseFeed(t, files[name])
		want := 0
		for _, i := range slices.Concat(p.Incidents, p.Past) {
			want += len(i.Updates)
		}
		for _, w := range p.Works {
			want += len(stages(w))
		}
		if len(f.Items) != min(want, updateEntries) {
			t.Errorf("%s: %d entries, want %d", name, len(f.Items), want)
		}
		byID := map[string]*gofeed.Item{}
		for _, e := range f.Items {
			byID[e.GUID] = e
		}
		e := byID["tag:status.featuresignals.example,2005:Update/INC-2026-0009-2"]
		if e == nil || e.Title != "Identified - Slow flag evaluations" || e.Link != "https://status.featuresignals.example/incidents/INC-2026-0009.html" ||
			!strings.Contains(e.Content+e.Description, "A cache was sized too small") {
			t.Errorf("%s: the update is %+v", name, e)
		}
		w := p.Works[0]
		e = byID["tag:status.featuresignals.example,2005:Maintenance/"+stages(w)[0].id]
		if e == nil || !strings.Contains(e.Title, w.Title) || !strings.Contains(e.Content+e.Description, "Maintenance of ") {
			t.Errorf("%s: the maintenance is %+v", name, e)
		}
	}
	// What is of one component or region is not told of another.
	for file, want := range map[string]int{"components/evaluations/history.atom": 1, "components/api/history.rss": 2, "components/webhooks/history.atom": 0, "regions/eu/history.atom": 2, "regions/in/history.rss": 1} {
		if n := len(parseFeed(t, documents(t, p1())[file]).Items); n != want {
			t.Errorf("%s has %d entries, want %d", file, n, want)
		}
	}
}

// TestTwoThingsSaidAtOnceHaveTwoTimes: Slack's reader takes only one of two
// entries with the same time. What comes later moves none of them.
func TestTwoThingsSaidAtOnceHaveTwoTimes(t *testing.T) {
	p := p1()
	for n := range p.Incidents {
		for m := range p.Incidents[n].Updates {
			p.Incidents[n].Updates[m].Said = today(10, 30)
		}
	}
	times := func(p templates.Public) map[string]time.Time {
		out := map[string]time.Time{}
		seen := map[time.Time]string{}
		for _, e := range parseFeed(t, documents(t, p)["updates.atom"]).Items {
			if other := seen[*e.UpdatedParsed]; other != "" {
				t.Errorf("%s and %s have the same time", e.GUID, other)
			}
			seen[*e.UpdatedParsed] = e.GUID
			out[e.GUID] = *e.UpdatedParsed
		}
		return out
	}
	before := times(p)
	u := p.Incidents[0].Updates[0]
	u.Number, u.ID, u.Said = u.Number+1, "INC-2026-0009-3", today(10, 45)
	p.Incidents[0].Updates = append([]templates.Update{u}, p.Incidents[0].Updates...)
	after := times(p)
	if len(after) != len(before)+1 {
		t.Errorf("%d entries after %d", len(after), len(before))
	}
	for id, at := range before {
		if !after[id].Equal(at) {
			t.Errorf("%s moved from %v to %v", id, at, after[id])
		}
	}
}

// hostiles are words that people may write and that Lint lets through, or that
// are cut into feeds before it.
var hostiles = []string{`]]>`, `a & b &amp; &lt;script&gt;`, `"quoted" 'twice'`, "]]&gt; \u2028 end", "emoji 🔔 and हिन्दी, עברית", strings.Repeat("long ", 200), `%s %d`, `\ back, comma; semicolon: colon`}

// TestDocumentsHoldWhateverWordsThereAre puts hostile words into every name that
// a document takes from Public, and reads all documents.
func TestDocumentsHoldWhateverWordsThereAre(t *testing.T) {
	for _, words := range hostiles {
		p := pagetest.Public("many")
		p.Components = p.Components[:3] // each has all the documents of its own
		p.Organisation, p.Title, p.Brand.Header = words, words, words
		for n := range p.Components {
			p.Components[n].Name, p.Components[n].Description, p.Components[n].Group = words, words, words
		}
		for n := range p.Regions {
			p.Regions[n].Name = words
		}
		for n := range p.Incidents {
			i := &p.Incidents[n]
			i.Component.Name = words
			if templates.Fit(words) != nil {
				i.Component.Name = "Flags"
				continue // such words are in no text: the templates refuse them
			}
			i.Symptom, i.Workaround = words, words
			for m := range i.Updates {
				i.Updates[m].Symptom, i.Updates[m].Text = words, words
			}
		}
		for n := range p.Works {
			p.Works[n].Title = words
		}
		files, err := New("status", "", load(t)).documents(p)
		if err != nil {
			t.Errorf("%q: %v", words, err)
			continue
		}
		if err := readAll(files); err != nil {
			t.Errorf("%q: %v", words, err)
		}
		for name, content := range files {
			if strings.HasSuffix(name, ".atom") || strings.HasSuffix(name, ".rss") || strings.HasSuffix(name, ".svg") {
				if err := wellFormed(content); err != nil {
					t.Errorf("%q: %s: %v", words, name, err)
				}
			}
		}
		f := parseFeed(t, files["updates.rss"])
		if got := fmt.Sprint(f.Items[0].Title, f.Title); !strings.Contains(got, strings.TrimSpace(words)[:2]) {
			t.Errorf("%q: the feed says %q", words, got)
		}
		if _, err := readCalendar(files["maintenance.ics"]); err != nil {
			t.Errorf("%q: %v", words, err)
		}
	}
}

func wellFormed(content []byte) error {
	d := xml.NewDecoder(bytes.NewReader(content))
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
