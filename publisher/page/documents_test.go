package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/featuresignals/tocsin/templates"
)

// The types below are a strict reader of Statuspage's summary.json, written
// from its description and not from our writer: unknown keys, missing keys,
// unknown words and bad times are refused, as its pickiest clients do.
type (
	readSummary struct {
		Page         *readPage         `json:"page"`
		Components   []readComponent   `json:"components"`
		Incidents    []readIncident    `json:"incidents"`
		Maintenances []json.RawMessage `json:"scheduled_maintenances"`
		Status       *struct {
			Indicator   string `json:"indicator"`
			Description string `json:"description"`
		} `json:"status"`
	}
	readPage struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		URL       string `json:"url"`
		TimeZone  string `json:"time_zone"`
		UpdatedAt string `json:"updated_at"`
	}
	readComponent struct {
		ID          string   `json:"id"`
		Name        string   `json:"name"`
		Status      string   `json:"status"`
		CreatedAt   string   `json:"created_at"`
		UpdatedAt   string   `json:"updated_at"`
		Position    int      `json:"position"`
		Description *string  `json:"description"`
		Showcase    bool     `json:"showcase"`
		StartDate   *string  `json:"start_date"`
		GroupID     *string  `json:"group_id"`
		PageID      string   `json:"page_id"`
		Group       bool     `json:"group"`
		OnlyShow    bool     `json:"only_show_if_degraded"`
		Components  []string `json:"components"`
	}
	readIncident struct {
		ID           string          `json:"id"`
		Name         string          `json:"name"`
		PageID       string          `json:"page_id"`
		Shortlink    string          `json:"shortlink"`
		Status       string          `json:"status"`
		Impact       string          `json:"impact"`
		CreatedAt    string          `json:"created_at"`
		UpdatedAt    string          `json:"updated_at"`
		StartedAt    string          `json:"started_at"`
		MonitoringAt *string         `json:"monitoring_at"`
		ResolvedAt   *string         `json:"resolved_at"`
		Updates      []readUpdate    `json:"incident_updates"`
		Components   []readComponent `json:"components"`
		Reminder     *string         `json:"reminder_intervals"`
	}
	readUpdate struct {
		ID         string `json:"id"`
		IncidentID string `json:"incident_id"`
		Status     string `json:"status"`
		Body       string `json:"body"`
		CreatedAt  string `json:"created_at"`
		UpdatedAt  string `json:"updated_at"`
		DisplayAt  string `json:"display_at"`
		Affected   []struct {
			Code string `json:"code"`
			Name string `json:"name"`
			Old  string `json:"old_status"`
			New  string `json:"new_status"`
		} `json:"affected_components"`
		Deliver bool    `json:"deliver_notifications"`
		Tweet   *string `json:"custom_tweet"`
		TweetID *string `json:"tweet_id"`
	}
)

var (
	millis        = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	onIncident    = []string{"investigating", "identified", "monitoring", "resolved", "postmortem"}
	onImpact      = []string{"none", "minor", "major", "critical", "maintenance"}
	onComponent   = []string{"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}
	componentKeys = strings.Fields("id name status created_at updated_at position description showcase start_date group_id page_id group only_show_if_degraded")
	incidentKeys  = strings.Fields("id name status created_at updated_at monitoring_at resolved_at impact shortlink started_at page_id incident_updates components reminder_intervals")
	updateKeys    = strings.Fields("id status body incident_id created_at updated_at display_at affected_components deliver_notifications custom_tweet tweet_id")
)

// readStrictly reads a summary as a picky client does.
func readStrictly(b []byte) (*readSummary, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var s readSummary
	if err := d.Decode(&s); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one document")
	}
	var raw struct {
		Components []map[string]json.RawMessage `json:"components"`
		Incidents  []map[string]json.RawMessage `json:"incidents"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	has := func(what string, object map[string]json.RawMessage, keys []string) {
		for _, k := range keys {
			if _, ok := object[k]; !ok {
				bad("%s lacks %s", what, k)
			}
		}
	}
	if s.Page == nil || s.Status == nil || s.Components == nil || s.Incidents == nil || s.Maintenances == nil {
		return nil, errors.New("one of the five keys is missing or null")
	}
	when := func(what string, times ...string) {
		for _, t := range times {
			if !millis.MatchString(t) {
				bad("%s: time %q", what, t)
			}
		}
	}
	word := func(what, got string, allowed []string) {
		if !slices.Contains(allowed, got) {
			bad("%s: %q is none of %v", what, got, allowed)
		}
	}
	if len(s.Page.ID) != 12 || s.Page.Name == "" || s.Page.TimeZone != "Etc/UTC" {
		bad("page: %+v", s.Page)
	}
	when("page", s.Page.UpdatedAt)
	word("indicator", s.Status.Indicator, onImpact)
	components := func(list []readComponent) {
		ids := map[string]bool{}
		for _, c := range list {
			if ids[c.ID] || len(c.ID) != 12 || c.Name == "" || c.PageID != s.Page.ID {
				bad("component %+v", c)
			}
			ids[c.ID] = true
			when(c.Name, c.CreatedAt, c.UpdatedAt)
			word(c.Name, c.Status, onComponent)
			if c.StartDate != nil {
				if _, err := time.Parse(time.DateOnly, *c.StartDate); err != nil {
					bad("%s: %w", c.Name, err)
				}
			}
		}
		for _, c := range list {
			if c.GroupID != nil && !ids[*c.GroupID] {
				bad("%s: its group is not listed", c.Name)
			}
			for _, id := range c.Components {
				if !ids[id] {
					bad("%s: its member %s is not listed", c.Name, id)
				}
			}
			if c.Group != (c.Components != nil) {
				bad("%s: the key components is there for groups and only for them", c.Name)
			}
		}
	}
	components(s.Components)
	for _, c := range raw.Components {
		has("component", c, componentKeys)
	}
	for n, i := range s.Incidents {
		has("incident", raw.Incidents[n], incidentKeys)
		when(i.ID, i.CreatedAt, i.UpdatedAt, i.StartedAt)
		for _, t := range []*string{i.MonitoringAt, i.ResolvedAt} {
			if t != nil {
				when(i.ID, *t)
			}
		}
		word(i.ID, i.Status, onIncident[:3])
		word(i.ID, i.Impact, onImpact)
		components(i.Components)
		var updates []map[string]json.RawMessage
		if err := json.Unmarshal(raw.Incidents[n]["incident_updates"], &updates); err != nil || len(updates) == 0 {
			bad("%s: no updates", i.ID)
		}
		before := "9999"
		for m, u := range i.Updates {
			has("update", updates[m], updateKeys)
			when(u.ID, u.CreatedAt, u.UpdatedAt, u.DisplayAt)
			word(u.ID, u.Status, onIncident)
			if u.CreatedAt > before {
				bad("%s: the updates are not newest first", i.ID)
			}
			before = u.CreatedAt
			if u.Body == "" || u.IncidentID != i.ID || u.Affected != nil && len(u.Affected) == 0 {
				bad("update %+v", u)
			}
			for _, a := range u.Affected {
				word(a.Name, a.Old, onComponent)
				word(a.Name, a.New, onComponent)
			}
		}
	}
	return &s, errors.Join(errs...)
}

func TestSummaryIsReadByAStrictClient(t *testing.T) {
	for name := range samples() {
		s, err := readStrictly(rendered(t, name)["summary.json"])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Status.Description == "" {
			t.Errorf("%s: no description", name)
		}
	}
}

func TestSummaryTellsWhatHappens(t *testing.T) {
	s, err := readStrictly(render(t, p0())["summary.json"])
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
	if first := i.Updates[2]; len(first.Affected) != 1 || first.Affected[0].Old != "operational" || first.Affected[0].New != "partial_outage" {
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
	s, err := readStrictly(render(t, p)["summary.json"])
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
	if s, _ := readStrictly(render(t, p)["summary.json"]); s.Status.Description != "Partial System Outage, data delayed since 10:20 UTC" {
		t.Errorf("the description is %q", s.Status.Description)
	}
}

func TestWhatWasNeverHeardOfIsNotClaimed(t *testing.T) {
	s, err := readStrictly(render(t, quiet())["summary.json"])
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
	if err := json.Unmarshal(render(t, blind())["tocsin.json"], &d); err != nil {
		t.Fatal(err)
	}
	if !d.ValidUntil.Equal(today(10, 47)) || !d.NoDataSince.Equal(today(10, 20)) || !d.Incidents[0].NextUpdateBy.Equal(today(11, 2)) {
		t.Errorf("the times are %+v", d)
	}
	if cell := d.Components[0].Regions[0]; cell.Status != templates.NoData || !cell.Since.Equal(today(10, 20)) {
		t.Errorf("the cell is %+v", cell)
	}
	if b := render(t, fine())["tocsin.json"]; bytes.Contains(b, []byte("0001-01-01")) || bytes.Contains(b, []byte("no_data_since")) {
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
