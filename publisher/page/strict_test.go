package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is below is a strict reader of Statuspage's API, version 2, written from
// its description and not from our writer: unknown keys, missing keys, null where
// there may be none, unknown words, bad times, ids that are there twice or lead
// nowhere are refused, as its pickiest clients do. A pointer may be null; a field
// marked optional may be absent.
type (
	strictPage struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		URL       string `json:"url"`
		TimeZone  string `json:"time_zone"`
		UpdatedAt string `json:"updated_at"`
	}
	strictStatus struct {
		Indicator   string `json:"indicator"`
		Description string `json:"description"`
	}
	strictComponent struct {
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
		Components  []string `json:"components" strict:"optional"`
	}
	strictEvent struct {
		ID           string            `json:"id"`
		Name         string            `json:"name"`
		PageID       string            `json:"page_id"`
		Shortlink    string            `json:"shortlink"`
		Status       string            `json:"status"`
		Impact       string            `json:"impact"`
		CreatedAt    string            `json:"created_at"`
		UpdatedAt    string            `json:"updated_at"`
		StartedAt    string            `json:"started_at"`
		MonitoringAt *string           `json:"monitoring_at"`
		ResolvedAt   *string           `json:"resolved_at"`
		Updates      []strictUpdate    `json:"incident_updates"`
		Components   []strictComponent `json:"components"`
	}
	strictIncident struct {
		strictEvent
		Reminder *string `json:"reminder_intervals"`
	}
	strictWork struct {
		strictEvent
		For   string `json:"scheduled_for"`
		Until string `json:"scheduled_until"`
	}
	strictUpdate struct {
		ID         string            `json:"id"`
		IncidentID string            `json:"incident_id"`
		Status     string            `json:"status"`
		Body       string            `json:"body"`
		CreatedAt  string            `json:"created_at"`
		UpdatedAt  string            `json:"updated_at"`
		DisplayAt  string            `json:"display_at"`
		Affected   *[]strictAffected `json:"affected_components"`
		Deliver    bool              `json:"deliver_notifications"`
		Tweet      *string           `json:"custom_tweet"`
		TweetID    *string           `json:"tweet_id"`
	}
	strictAffected struct {
		Code string `json:"code"`
		Name string `json:"name"`
		Old  string `json:"old_status"`
		New  string `json:"new_status"`
	}

	strictSummary struct {
		Page       strictPage        `json:"page"`
		Components []strictComponent `json:"components"`
		Incidents  []strictIncident  `json:"incidents"`
		Works      []strictWork      `json:"scheduled_maintenances"`
		Status     strictStatus      `json:"status"`
	}
	strictStatusOnly struct {
		Page   strictPage   `json:"page"`
		Status strictStatus `json:"status"`
	}
	strictComponents struct {
		Page       strictPage        `json:"page"`
		Components []strictComponent `json:"components"`
	}
	strictIncidents struct {
		Page      strictPage       `json:"page"`
		Incidents []strictIncident `json:"incidents"`
	}
	strictWorks struct {
		Page  strictPage   `json:"page"`
		Works []strictWork `json:"scheduled_maintenances"`
	}
)

// decode fills v, and refuses what v has no place for and what it lacks.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more than one document")
	}
	return lacks("document", b, reflect.TypeOf(v).Elem())
}

// lacks looks for what is missing, or null and may not be.
func lacks(where string, b json.RawMessage, t reflect.Type) error {
	isNull := string(bytes.TrimSpace(b)) == "null"
	switch t.Kind() {
	case reflect.Pointer:
		if isNull {
			return nil
		}
		return lacks(where, b, t.Elem())
	case reflect.Slice:
		var all []json.RawMessage
		if isNull || json.Unmarshal(b, &all) != nil {
			return fmt.Errorf("%s is null, or no list", where)
		}
		var errs []error
		for n, one := range all {
			errs = append(errs, lacks(fmt.Sprintf("%s[%d]", where, n), one, t.Elem()))
		}
		return errors.Join(errs...)
	case reflect.Struct:
		var all map[string]json.RawMessage
		if isNull || json.Unmarshal(b, &all) != nil {
			return fmt.Errorf("%s is null, or no object", where)
		}
		var errs []error
		for _, f := range reflect.VisibleFields(t) {
			key := f.Tag.Get("json")
			if f.Anonymous {
				continue
			}
			one, ok := all[key]
			if !ok && f.Tag.Get("strict") == "optional" {
				continue
			}
			if !ok {
				errs = append(errs, fmt.Errorf("%s lacks %s", where, key))
				continue
			}
			errs = append(errs, lacks(where+"."+key, one, f.Type))
		}
		return errors.Join(errs...)
	default:
		if isNull {
			return fmt.Errorf("%s is null", where)
		}
		return nil
	}
}

var (
	millis      = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	onIncident  = []string{"investigating", "identified", "monitoring", "resolved", "postmortem"}
	onWork      = []string{"scheduled", "in_progress", "verifying", "completed"}
	onImpact    = []string{"none", "minor", "major", "critical", "maintenance"}
	onComponent = []string{"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}
)

// strictly collects what is wrong.
type strictly struct{ errs []error }

func (s *strictly) bad(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

func (s *strictly) word(what, got string, allowed []string) {
	if !slices.Contains(allowed, got) {
		s.bad("%s: %q is none of %v", what, got, allowed)
	}
}

func (s *strictly) times(what string, all ...string) {
	for _, t := range all {
		if _, err := time.Parse(time.RFC3339, t); err != nil || !millis.MatchString(t) {
			s.bad("%s: time %q", what, t)
		}
	}
}

func (s *strictly) page(p strictPage) {
	if len(p.ID) != 12 || p.Name == "" || p.TimeZone != "Etc/UTC" {
		s.bad("page: %+v", p)
	}
	s.times("page", p.UpdatedAt)
}

func (s *strictly) status(st strictStatus) {
	s.word("indicator", st.Indicator, onImpact)
	if st.Description == "" {
		s.bad("there is no description")
	}
}

// components looks at a list; all is the whole one, in which groups resolve.
func (s *strictly) components(page strictPage, list, all []strictComponent) {
	ids, known, names := map[string]bool{}, map[string]strictComponent{}, map[[2]string]bool{}
	for _, c := range all {
		known[c.ID] = c
	}
	for _, c := range list {
		if ids[c.ID] || len(c.ID) != 12 || c.Name == "" || c.PageID != page.ID || c.Position < 1 || known[c.ID].ID == "" {
			s.bad("component %+v", c)
		}
		ids[c.ID] = true
		s.times(c.Name, c.CreatedAt, c.UpdatedAt)
		s.word(c.Name, c.Status, onComponent)
		if c.StartDate != nil {
			if _, err := time.Parse(time.DateOnly, *c.StartDate); err != nil {
				s.bad("%s: %w", c.Name, err)
			}
		}
		group := ""
		if c.GroupID != nil {
			group = *c.GroupID
			if g := known[group]; !g.Group || !slices.Contains(g.Components, c.ID) {
				s.bad("%s: its group %s is not listed, or does not list it", c.Name, group)
			}
		}
		if names[[2]string{group, c.Name}] {
			s.bad("%s is there twice in the group %q", c.Name, group)
		}
		names[[2]string{group, c.Name}] = true
		for _, id := range c.Components {
			if g := known[id].GroupID; g == nil || *g != c.ID {
				s.bad("%s: its part %s is not listed, or is another's", c.Name, id)
			}
		}
		if c.Group != (c.Components != nil) || c.Group && (len(c.Components) == 0 || c.GroupID != nil) {
			s.bad("%s: the key components is there for groups and only for them, and no group is in another", c.Name)
		}
	}
}

func (s *strictly) event(page strictPage, e strictEvent, words, said []string, all []strictComponent) {
	if e.ID == "" || e.Name == "" || e.Shortlink == "" || e.PageID != page.ID {
		s.bad("incident %+v", e)
	}
	s.times(e.ID, e.CreatedAt, e.UpdatedAt, e.StartedAt)
	for _, t := range []*string{e.MonitoringAt, e.ResolvedAt} {
		if t != nil {
			s.times(e.ID, *t)
		}
	}
	s.word(e.ID, e.Status, words)
	s.word(e.ID, e.Impact, onImpact)
	s.components(page, e.Components, all)
	if over := e.Status == "resolved" || e.Status == "completed"; over != (e.ResolvedAt != nil) {
		s.bad("%s is %s, and resolved_at is %v", e.ID, e.Status, e.ResolvedAt)
	}
	if len(e.Updates) == 0 {
		s.bad("%s has no update", e.ID)
		return
	}
	if e.Updates[0].Status != e.Status || e.UpdatedAt != e.Updates[0].CreatedAt || e.CreatedAt != e.Updates[len(e.Updates)-1].CreatedAt {
		s.bad("%s is not what its updates say", e.ID)
	}
	before, ids := "9999", map[string]bool{}
	for _, u := range e.Updates {
		s.times(u.ID, u.CreatedAt, u.UpdatedAt, u.DisplayAt)
		s.word(u.ID, u.Status, said)
		if u.CreatedAt > before {
			s.bad("%s: the updates are not newest first", e.ID)
		}
		before = u.CreatedAt
		if u.ID == "" || ids[u.ID] || strings.TrimSpace(u.Body) == "" || u.IncidentID != e.ID {
			s.bad("update %+v", u)
		}
		ids[u.ID] = true
		if u.Affected == nil {
			continue
		}
		if len(*u.Affected) == 0 {
			s.bad("%s: affected_components is an empty list and not null", u.ID)
		}
		for _, a := range *u.Affected {
			s.word(a.Name, a.Old, onComponent)
			s.word(a.Name, a.New, onComponent)
			if len(a.Code) != 12 || a.Name == "" || a.Old == a.New {
				s.bad("%s: affected %+v", u.ID, a)
			}
		}
	}
}

func (s *strictly) incidents(page strictPage, list []strictIncident, all []strictComponent, words []string) {
	ids := map[string]bool{}
	for _, i := range list {
		if ids[i.ID] {
			s.bad("%s is there twice", i.ID)
		}
		ids[i.ID] = true
		s.event(page, i.strictEvent, words, onIncident, all)
	}
}

func (s *strictly) works(page strictPage, list []strictWork, all []strictComponent, words []string) {
	ids := map[string]bool{}
	for _, w := range list {
		if ids[w.ID] || w.Impact != "maintenance" {
			s.bad("maintenance %+v", w)
		}
		ids[w.ID] = true
		s.times(w.ID, w.For, w.Until)
		s.event(page, w.strictEvent, words, onWork, all)
	}
}

// readSummary reads summary.json as a picky client does.
func readSummary(b []byte) (*strictSummary, error) {
	var d strictSummary
	if err := decode(b, &d); err != nil {
		return nil, err
	}
	var s strictly
	s.page(d.Page)
	s.status(d.Status)
	s.components(d.Page, d.Components, d.Components)
	s.incidents(d.Page, d.Incidents, d.Components, onIncident[:3])
	s.works(d.Page, d.Works, d.Components, onWork[:3])
	return &d, errors.Join(s.errs...)
}

// apiFiles are the documents of the API.
var apiFiles = []string{
	"api/v2/summary.json", "api/v2/status.json", "api/v2/components.json", "api/v2/incidents.json", "api/v2/incidents/unresolved.json",
	"api/v2/scheduled-maintenances.json", "api/v2/scheduled-maintenances/upcoming.json", "api/v2/scheduled-maintenances/active.json",
}

// readAll reads all documents of the API, and holds them against each other.
func readAll(files map[string][]byte) error {
	for _, name := range apiFiles {
		if files[name] == nil {
			return fmt.Errorf("%s is not there", name)
		}
	}
	summary, err := readSummary(files[apiFiles[0]])
	if err != nil {
		return fmt.Errorf("summary.json: %w", err)
	}
	var (
		status                  strictStatusOnly
		components              strictComponents
		incidents, unresolved   strictIncidents
		works, upcoming, active strictWorks
		s                       strictly
		page                    = summary.Page
	)
	for n, v := range []any{&status, &components, &incidents, &unresolved, &works, &upcoming, &active} {
		if err := decode(files[apiFiles[n+1]], v); err != nil {
			return fmt.Errorf("%s: %w", apiFiles[n+1], err)
		}
	}
	for name, p := range map[string]strictPage{
		"status": status.Page, "components": components.Page, "incidents": incidents.Page, "unresolved": unresolved.Page,
		"maintenances": works.Page, "upcoming": upcoming.Page, "active": active.Page,
	} {
		if p != page {
			s.bad("%s is of another page: %+v", name, p)
		}
	}
	if status.Status != summary.Status || !reflect.DeepEqual(components.Components, summary.Components) || !reflect.DeepEqual(unresolved.Incidents, summary.Incidents) {
		s.bad("the documents do not say the same")
	}
	if !reflect.DeepEqual(append(slices.Clone(active.Works), upcoming.Works...), append([]strictWork{}, summary.Works...)) {
		s.bad("the maintenance of the summary is not what is active and upcoming")
	}
	all := components.Components
	s.incidents(page, incidents.Incidents, all, onIncident)
	s.works(page, works.Works, all, onWork)
	s.works(page, upcoming.Works, all, onWork[:1])
	s.works(page, active.Works, all, onWork[1:3])
	if len(incidents.Incidents) > 50 || len(works.Works) > 50 {
		s.bad("%d incidents and %d maintenances are listed", len(incidents.Incidents), len(works.Works))
	}
	for n, i := range incidents.Incidents {
		if n > 0 && i.CreatedAt > incidents.Incidents[n-1].CreatedAt {
			s.bad("the incidents are not newest first")
		}
	}
	return errors.Join(s.errs...)
}

// TestTheStrictReaderIsStrict spoils a good answer in each way that it is to
// find.
func TestTheStrictReaderIsStrict(t *testing.T) {
	good := rendered(t, "p1")
	if err := readAll(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"a key more":                  {`"showcase": true`, `"showcase": true, "unknown": 1`},
		"a key less":                  {`"showcase": true,`, ``},
		"null for a list":             {`"scheduled_maintenances": []`, `"scheduled_maintenances": null`},
		"null for a word":             {`"impact": "major"`, `"impact": null`},
		"a word of its own":           {`"degraded_performance"`, `"no_data"`},
		"a time without milliseconds": {`.000Z"`, `Z"`},
		"a day that does not exist":   {`"2026-05-20T`, `"2026-05-40T`},
		"an id that leads nowhere":    {`"group_id": "`, `"group_id": "x`},
		"an empty list for null":      {`"affected_components": null`, `"affected_components": []`},
		"no updates":                  {`"incident_updates": [`, `"incident_updates": [], "x": [`},
		"two documents":               {`{`, `{}{`},
		"parts of what is no group":   {`"group": false,`, `"group": false, "components": [],`},
	} {
		spoilt := map[string][]byte{}
		changed := false
		for _, file := range apiFiles {
			spoilt[file] = bytes.Replace(good[file], []byte(change[0]), []byte(change[1]), 1)
			changed = changed || !bytes.Equal(spoilt[file], good[file])
		}
		if !changed {
			t.Errorf("%s: nothing was changed", name)
		}
		if err := readAll(spoilt); err == nil {
			t.Errorf("%s is not found", name)
		}
	}
}
