package page

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

func TestTheAPIIsReadByAStrictClient(t *testing.T) {
	for name := range samples() {
		if err := readAll(rendered(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range pagetest.All() {
		if name == "huge" {
			continue // a megabyte more of the same
		}
		if err := readAll(documents(t, p)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// documents makes the files that are not pages for people.
func documents(t testing.TB, p templates.Public) map[string][]byte {
	t.Helper()
	files, err := New("status", "", load(t)).documents(p)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSummaryTellsWhatHappens(t *testing.T) {
	s, err := readSummary(render(t, p0())["api/v2/summary.json"])
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	group := ""
	for _, c := range s.Components {
		if c.GroupID == nil {
			group = c.Name
			status[c.Name] = c.Status
			continue
		}
		status[group+" - "+c.Name] = c.Status
	}
	for name, want := range map[string]string{
		"Management API": "partial_outage", "Management API - Europe": "major_outage", "Management API - India": "operational", "Dashboard": "operational",
	} {
		if status[name] != want {
			t.Errorf("%s is %q, want %q", name, status[name], want)
		}
	}
	i := s.Incidents[0]
	if i.Status != "investigating" || i.Impact != "major" || i.StartedAt != "2026-05-20T09:58:00.000Z" || i.ResolvedAt != nil || len(i.Updates) != 3 {
		t.Errorf("the incident is %+v", i)
	}
	if first := i.Updates[2]; first.Affected == nil || (*first.Affected)[0].Old != "operational" || (*first.Affected)[0].New != "partial_outage" {
		t.Errorf("the first update affects %+v", first.Affected)
	}
	if i.Updates[0].Affected != nil {
		t.Error("an update without a change affects something")
	}
	if !strings.Contains(i.Updates[0].Body, "It is unchanged since our last update.") {
		t.Errorf("the body is %q", i.Updates[0].Body)
	}
}

// TestMissingDataIsNotHealth: there is no word for missing data in the form, and
// so the statuses have to stay as they were known last.
func TestMissingDataIsNotHealth(t *testing.T) {
	p := blind()
	s, err := readSummary(render(t, p)["api/v2/summary.json"])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Status.Description, "since 10:20 UTC") {
		t.Errorf("the description is %q", s.Status.Description)
	}
	if s.Status.Indicator != "major" {
		t.Errorf("the indicator is %q", s.Status.Indicator)
	}
	got := map[string]string{}
	for _, c := range s.Components[:4] {
		got[c.Name] = c.Status
	}
	if got["Management API"] != "partial_outage" || got["Europe"] != "major_outage" || got["India"] != "operational" {
		t.Errorf("the statuses known last are lost: %v", got)
	}

	p.Description = "Partial System Outage"
	if s, _ := readSummary(render(t, p)["api/v2/summary.json"]); s.Status.Description != "Partial System Outage, data delayed since 10:20 UTC" {
		t.Errorf("the description is %q", s.Status.Description)
	}
}

func TestWhatWasNeverHeardOfIsNotClaimed(t *testing.T) {
	s, err := readSummary(render(t, quiet())["api/v2/summary.json"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Components {
		if c.Name == "Webhooks" {
			t.Errorf("%s was never heard of and is called %s", c.Name, c.Status)
		}
	}
}

func TestOwnDocumentHasTheFactsThatSummaryCannotHold(t *testing.T) {
	var d struct {
		ValidUntil  time.Time `json:"valid_until"`
		NoDataSince time.Time `json:"no_data_since"`
		Components  []struct {
			Regions []struct {
				Status templates.Status `json:"status"`
				Since  time.Time        `json:"since"`
			} `json:"regions"`
		} `json:"components"`
		Incidents []struct {
			NextUpdateBy time.Time `json:"next_update_by"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal(render(t, blind())["api/tocsin/v1/status.json"], &d); err != nil {
		t.Fatal(err)
	}
	if !d.ValidUntil.Equal(today(10, 47)) || !d.NoDataSince.Equal(today(10, 20)) || !d.Incidents[0].NextUpdateBy.Equal(today(11, 2)) {
		t.Errorf("the times are %+v", d)
	}
	if cell := d.Components[0].Regions[0]; cell.Status != templates.NoData || !cell.Since.Equal(today(10, 20)) {
		t.Errorf("the cell is %+v", cell)
	}
	if b := render(t, fine())["api/tocsin/v1/status.json"]; bytes.Contains(b, []byte("0001-01-01")) || bytes.Contains(b, []byte("no_data_since")) {
		t.Errorf("times that nobody knows are printed:\n%s", b)
	}
}

func TestFeedIsReadByAForeignReader(t *testing.T) {
	read := func(p templates.Public) *gofeed.Feed {
		t.Helper()
		f, err := gofeed.NewParser().Parse(bytes.NewReader(render(t, p)["history.atom"]))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := read(p1())
	if f.FeedType != "atom" || f.Title != "FeatureSignals Status - Incident History" || f.Language != "en-US" ||
		f.Link != "https://status.featuresignals.example/" || f.FeedLink != "https://status.featuresignals.example/history.atom" ||
		f.Authors[0].Name != "FeatureSignals" || !f.UpdatedParsed.Equal(today(10, 40)) {
		t.Errorf("the feed is %+v", f)
	}
	if len(f.Items) != 3 {
		t.Fatalf("%d entries, want 3", len(f.Items))
	}
	e := f.Items[1]
	if e.GUID != "tag:status.featuresignals.example,2005:Incident/INC-2026-0008" || e.Title != "Failing requests to the Management API" ||
		e.Link != "https://status.featuresignals.example/incidents/INC-2026-0008.html" ||
		!e.PublishedParsed.Equal(today(10, 2)) || !e.UpdatedParsed.Equal(today(10, 40)) {
		t.Errorf("the entry is %+v", e)
	}
	const newest = "<p><small>May <var data-var='date'>20</var>, <var data-var='time'>10:40</var> UTC</small><br><strong>Monitoring</strong> - We are watching the recovery"
	if !strings.HasPrefix(e.Content, newest) || strings.Count(e.Content, "<p>") != 4 {
		t.Errorf("the content is %q", e.Content)
	}

	// Nothing but words moves the feed.
	later := p1()
	later.Rendered, later.Checked, later.ValidUntil = later.Rendered.Add(time.Hour), later.Checked.Add(time.Hour), later.ValidUntil.Add(time.Hour)
	if !bytes.Equal(render(t, p1())["history.atom"], render(t, later)["history.atom"]) {
		t.Error("the feed moved with the hour")
	}
	if n := len(read(long()).Items); n != feedEntries {
		t.Errorf("%d entries, want %d", n, feedEntries)
	}
	if f := read(zero()); len(f.Items) != 0 || f.Title != "Acme Status - Incident History" {
		t.Errorf("the empty feed is %+v", f)
	}
	odd := p1()
	odd.Organisation = `R&D "quoted" ]]`
	if f := read(odd); f.Authors[0].Name != odd.Organisation {
		t.Errorf("the author is %q", f.Authors[0].Name)
	}
}
