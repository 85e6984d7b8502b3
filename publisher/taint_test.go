package publisher_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/tainttest"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// taint marks every word that no customer may read.
const taint = "s3cr3t"

// tainted makes a configuration and a board in which everything that is private
// holds the mark, beside incidents that customers read of.
func tainted(t *testing.T) (*rules.Config, incident.Board) {
	t.Helper()
	c, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(`
organisation: Acme
regions: [{code: us, name: United States}, {code: eu, name: Europe}]
components: [{id: api, name: API}, {id: eval, name: Evaluations}, {id: hooks, name: Webhooks}, {id: app, name: Dashboard}]
rules:
  - {id: errs, component: api, signal: error_rate, levels: {P0: {above: 50%}, P1: {above: 5%}}, public: {symptom: elevated errors}}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	c.Rules[0].ID, c.Rules[0].Runbook = "errs-"+taint, "https://"+taint+".example.com/runbook"
	c.Regions[1].Values = map[string]string{"host": taint}
	c.Regions[1].Aliases = []string{"eu-" + taint}
	c.People = []rules.Person{{ID: "ann-" + taint, Name: "Ann " + taint, Roles: []string{taint}, Reach: []string{"hook"}}}
	c.Console = rules.Console{URL: "https://" + taint + ".example.com", WarRoom: "https://" + taint + ".example.com/war", Links: []rules.Link{{Title: taint, URL: taint}}}
	c.Checklists = []rules.Checklist{{ID: taint, Title: taint, Steps: []rules.ChecklistStep{{ID: taint, Text: taint, Command: taint, Link: taint}}}}
	c.SigNoz = rules.SigNoz{DSN: taint, PasswordFile: taint, URL: "https://" + taint + ".example.com", Region: []string{taint}}
	c.Store.Path = taint

	at := time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)
	by := incident.Person("ann-" + taint)
	cause := func(region string, s rules.Severity) incident.Cause {
		return incident.Cause{Rule: "errs-" + taint, Service: "svc-" + taint, Region: region, Severity: s, Peak: s, Began: at}
	}
	said := func(n int, state incident.State, s rules.Severity, text string) incident.Update {
		return incident.Update{
			Number: n, State: state, Severity: s, Said: at.Add(time.Duration(n) * time.Minute), AsOf: at, Value: 0.1, Text: text,
			Words: rules.Words{Symptom: "elevated errors"}, Regions: []incident.RegionState{{Region: "eu", Severity: s}, {Region: "db-" + taint, Severity: s}},
		}
	}
	// dirty gives an incident all the private things that it can have.
	dirty := func(id incident.ID, component string) incident.Incident {
		return incident.Incident{
			ID: id, Component: component, State: incident.Investigating, Began: at, Detected: at, Peak: rules.P1,
			Causes: []incident.Cause{cause("eu", rules.P1), cause("db-"+taint, rules.P1)},
			Topic:  taint, Lead: "ann-" + taint,
			Grade:   &incident.Grade{Severity: rules.P1, Demanded: rules.P1, By: by, Why: taint, At: at},
			Draft:   &incident.Draft{Since: at, Text: taint, By: by},
			Alarms:  []incident.Alarm{{Severity: rules.P1, At: at}},
			Ack:     &incident.Ack{By: by, At: at},
			Notices: []incident.Notice{{Number: 1, At: at, Kind: incident.Paged, To: []string{"ann-" + taint}, Role: taint, Why: taint}},
			Tasks:   []incident.Todo{{Task: incident.Task{ID: taint, Text: taint, Command: taint, Link: taint}, Checklist: taint, To: "ann-" + taint, By: by}},
		}
	}
	open := dirty("INC-2026-0001", "api")
	open.Updates = []incident.Update{said(1, incident.Investigating, rules.P1, "We are on it."), said(2, incident.Identified, rules.P1, "It is the disk.")}
	inside := said(3, incident.Identified, rules.P1, taint)
	inside.Inside, inside.Words = true, rules.Words{Symptom: taint, Impact: taint, Workaround: taint}
	open.Updates = append(open.Updates, inside)

	words := rules.Words{Symptom: taint, Impact: taint, Workaround: taint}
	private := dirty("INC-2026-0666", "eval")
	private.Private, private.Words, private.ExplainedBy = true, words, open.ID
	private.Updates = []incident.Update{said(1, incident.Investigating, rules.P0, taint)}
	private.Updates[0].Words = words

	held := dirty("INC-2026-0667", "hooks")
	held.Words, held.Withheld, held.ExplainedBy = words, true, open.ID

	over := dirty("INC-2026-0002", "app")
	over.State, over.Resolved, over.Into = incident.StateResolved, at.Add(time.Hour), private.ID
	over.Updates = []incident.Update{said(1, incident.Investigating, rules.P1, "We are on it."), said(2, incident.StateResolved, rules.P1, "")}
	over.Updates[1].Trend, over.Updates[1].Into = incident.TrendMerged, private.ID
	secret := dirty("INC-2026-0668", "api")
	secret.Private, secret.State, secret.Resolved, secret.Into = true, incident.StateResolved, at, open.ID
	secret.Component = "component-" + taint
	secret.Updates = private.Updates

	b := incident.Board{Seq: 9, Since: at, Open: []incident.Incident{private, open, held}, Past: []incident.Incident{over, secret}, Senses: map[incident.Cell]incident.Sensing{}}
	for _, comp := range c.Components {
		for _, region := range []string{"us", "eu", "db-" + taint} {
			b.Senses[incident.Cell{Component: comp.ID, Region: region}] = incident.Sensing{Sense: incident.SenseSeen, Since: at}
		}
	}
	return c, b
}

// everyName is a file of each kind that the page has.
var everyName = []string{
	"index.html", "404.html", "history/index.html", "history/2026-05.html", "incidents/INC-2026-0001.html", "incidents/INC-2026-0002.html",
	"components/api/index.html", "regions/eu/index.html", "uptime/index.html", "maintenance/index.html", "subscribe/index.html",
	"history.atom", "history.rss", "updates.atom", "updates.rss", "badge.svg", "badge.json",
	"components/api/history.atom", "components/api/history.rss", "components/api/updates.atom", "components/api/updates.rss", "components/api/badge.svg", "components/api/badge.json",
	"regions/eu/history.atom", "regions/eu/history.rss", "regions/eu/updates.atom", "regions/eu/updates.rss", "regions/eu/badge.svg", "regions/eu/badge.json",
	"maintenance.ics", "robots.txt", "_headers", "manifest.json", "api/tocsin/v1/status.json",
	"api/v2/summary.json", "api/v2/status.json", "api/v2/components.json", "api/v2/incidents.json", "api/v2/incidents/unresolved.json",
	"api/v2/scheduled-maintenances.json", "api/v2/scheduled-maintenances/upcoming.json", "api/v2/scheduled-maintenances/active.json",
}

// lookAtTheServer looks at every answer of the built-in server, at its headers,
// and at what it says to those who ask for what is not there. The page is stale by
// now: what it is greyed to is looked at, too.
func lookAtTheServer(t *testing.T, folder, shown string, files int, look func(string, []byte)) {
	t.Helper()
	h := page.Handler(folder)
	ask := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://status.example.com/", nil)
		r.URL.Path = path
		for n := 0; n < len(headers); n += 2 {
			r.Header.Set(headers[n], headers[n+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var b strings.Builder
		_ = w.Header().Write(&b)
		look("the headers of "+method+" "+path, []byte(b.String()))
		body := w.Body.Bytes()
		if w.Header().Get("Content-Encoding") == "gzip" && len(body) > 0 {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		look("the answer to "+method+" "+path, body)
		return w
	}
	var manifest page.Manifest
	if err := json.Unmarshal(ask("GET", "/manifest.json").Body.Bytes(), &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Files) != files-1 {
		t.Errorf("the manifest lists %d files, the folder %s has %d", len(manifest.Files), shown, files)
	}
	for _, name := range everyName {
		if _, ok := manifest.Files[name]; !ok && name != "manifest.json" {
			t.Errorf("there is no %s to look at", name)
		}
	}
	for name := range manifest.Files {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST"} {
			w := ask(method, "/"+name, "Accept-Encoding", "gzip")
			if method == "GET" && w.Code != http.StatusOK {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
	}
	for _, path := range []string{"/incidents/INC-2026-0666", "/incidents/INC-2026-0667.html", "/components/" + "nothing/", "/metrics", "/api/v1/incidents", "/healthz", "/history", "/.lock", "/current/index.html", "/versions/"} {
		// The path itself is the reader's own words, which no answer repeats.
		if w := ask("GET", path); w.Code != http.StatusNotFound && path != "/history" {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestNothingPrivateIsPublic looks for the mark, and for the numbers of private
// incidents, in every byte that customers or their programs can get.
func TestNothingPrivateIsPublic(t *testing.T) {
	c, b := tainted(t)
	now := time.Date(2026, 5, 20, 13, 30, 0, 0, time.UTC)
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	look := func(name string, content []byte) {
		t.Helper()
		if found := tainttest.Find(content, taint, "INC-2026-0666", "INC-2026-0667", "INC-2026-0668"); found != "" {
			t.Errorf("%s holds %s", name, found)
		}
	}

	p := publisher.Project(c, b, now, now)
	if len(p.Incidents) != 1 || len(p.Past) != 1 || len(p.Incidents[0].Updates) != 2 {
		t.Fatalf("customers read of %d open and %d past", len(p.Incidents), len(p.Past))
	}
	if p.Components[1].Status != templates.Operational || p.Components[2].Status != templates.Operational {
		t.Errorf("the page tells that something is wrong with %+v", p.Components[1:3])
	}
	whole, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	look("the value", whole)

	folder := filepath.Join(t.TempDir(), "page")
	d, err := publisher.Prepare(c, b, publisher.Row{Channel: "status"}, now, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := page.New("status", folder, set).Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	files := 0
	shown, err := filepath.EvalSymlinks(filepath.Join(folder, "current"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(shown, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		body, err := os.ReadFile(path)
		look("the file "+strings.TrimPrefix(path, shown), append([]byte(path[len(shown):]), body...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lookAtTheServer(t, folder, shown, files, look)

	for _, i := range append(p.Incidents, p.Past...) {
		for _, u := range i.Updates {
			update, err := set.Update(p, i, u)
			if err != nil {
				t.Fatal(err)
			}
			m, err := set.Message(p, i, u)
			if err != nil {
				t.Fatal(err)
			}
			look("the form of "+u.ID, []byte(update))
			look("the message of "+u.ID, []byte(m.Subject+m.Body))
		}
	}

	var posted [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		posted = append(posted, body)
	}))
	defer server.Close()
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="), 0o600); err != nil {
		t.Fatal(err)
	}
	hook, err := webhook.New(webhook.Config{Name: "hook", URL: server.URL, SecretFile: secretFile, Templates: set})
	if err != nil {
		t.Fatal(err)
	}
	for key, public := range map[string]bool{
		"INC-2026-0001/1": true, "INC-2026-0001/2": true, "INC-2026-0002/1": true, "INC-2026-0002/2": true,
		"INC-2026-0666/1": false, "INC-2026-0667/1": false, "INC-2026-0668/1": false,
	} {
		d, err := publisher.Prepare(c, b, publisher.Row{Channel: "hook", Key: key}, now, now)
		if (err == nil) != public {
			t.Errorf("%s: %v", key, err)
		}
		if err != nil {
			continue
		}
		if d.Notice != nil || d.Inside {
			t.Errorf("%s is not public: %+v", key, d)
		}
		if _, err := hook.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if len(posted) != 4 {
		t.Errorf("%d documents were posted, want 4", len(posted))
	}
	for _, body := range posted {
		look("a webhook's document", body)
	}

	// A mark in a word for customers is found in the page and in what programs read.
	p.Incidents[0].Updates[0].Text = "Words with a " + taint + " in them."
	spoilt, err := page.New("status", "", set).Render(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.html", "incidents/INC-2026-0001.html", "history.atom", "updates.rss", "api/v2/summary.json"} {
		if tainttest.Find(spoilt[name], taint) == "" {
			t.Errorf("a mark in the words for customers is not found in %s: the test looks for nothing", name)
		}
	}

	// The marks are where people on duty see them: the test looks for something.
	d, err = publisher.Prepare(c, b, publisher.Row{Channel: "hook", Key: "INC-2026-0666/notice/1"}, now, now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := set.Notice(*d.Notice)
	if err != nil || !strings.Contains(text, taint) || !strings.Contains(text, "private") {
		t.Errorf("the call to people is %v\n%s", err, text)
	}
	if _, err := page.New("status", folder, set).Publish(t.Context(), d); err == nil {
		t.Error("the page took a call to people")
	}
}
