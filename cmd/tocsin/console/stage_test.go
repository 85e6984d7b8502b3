package console

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/templates"
)

// memory is a log that forgets when the test ends.
type memory struct {
	mu     sync.Mutex
	events []incident.Event
	audit  []store.Audited
}

func (m *memory) Append(_ context.Context, b incident.Batch) ([]incident.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Events {
		b.Events[i].Seq, b.Events[i].Recorded = uint64(len(m.events)+1), b.Recorded
		m.events = append(m.events, b.Events[i])
	}
	if b.Audit != nil {
		m.audit = append(m.audit, store.Audited{Seq: uint64(len(m.audit) + 1), AuditEntry: *b.Audit})
	}
	return b.Events, nil
}

func (m *memory) All(context.Context) iter.Seq2[incident.Event, error] {
	return m.of(func(incident.Event) bool { return true })
}

func (m *memory) After(_ context.Context, seq uint64) iter.Seq2[incident.Event, error] {
	return m.of(func(e incident.Event) bool { return e.Seq > seq })
}

func (m *memory) Timeline(_ context.Context, id incident.ID) iter.Seq2[incident.Event, error] {
	return m.of(func(e incident.Event) bool { return e.Incident == id })
}

func (m *memory) of(want func(incident.Event) bool) iter.Seq2[incident.Event, error] {
	m.mu.Lock()
	all := slices.Clone(m.events)
	m.mu.Unlock()
	return func(yield func(incident.Event, error) bool) {
		for _, e := range all {
			if want(e) && !yield(e, nil) {
				return
			}
		}
	}
}

func (m *memory) AuditLog(_ context.Context, before uint64, n int) ([]store.Audited, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Audited
	for _, a := range slices.Backward(m.audit) {
		if (before == 0 || a.Seq < before) && len(out) < n {
			out = append(out, a)
		}
	}
	return out, nil
}

// door lets everybody in as whom a header says, and turns away as the guard does.
type door struct{ who access.Who }

const whoHeader = "X-Test-Who"

func (d door) Require(role access.Role, h access.Handler) http.Handler {
	return access.Headers(access.DefaultCSP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := d.who
		if name, as, ok := strings.Cut(r.Header.Get(whoHeader), " "); ok {
			who = access.Who{Person: name, Role: access.ParseRole(as), Via: "console", From: "192.0.2.7", Token: 3}
		}
		if who.Role < role || who.Role == access.Nobody {
			http.Error(w, "not for you", http.StatusForbidden)
			return
		}
		h(w, r, who)
	}))
}

// stage is a console over a desk that is real, with a clock of its own.
type stage struct {
	t       *testing.T
	config  *rules.Config
	desk    *incident.Desk
	log     *memory
	console *Console
	clock   atomic.Int64
}

const lag = time.Minute

var responder = access.Who{Person: "asha", Role: access.Responder, Via: "console", From: "192.0.2.7", Token: 3}

func newStage(t *testing.T, config *rules.Config, at time.Time) *stage {
	t.Helper()
	s := &stage{t: t, config: config, log: &memory{}}
	s.clock.Store(at.UnixNano())
	now := func() time.Time { return time.Unix(0, s.clock.Load()).UTC() }
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	words, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.desk, err = incident.NewDesk(t.Context(), incident.Options{
		Config: config, Log: s.log, Logger: logger, Now: now, Fit: templates.Lint,
		Stored: func() {
			if s.console != nil {
				s.console.Wake()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.console = New(Options{
		Desk: s.desk, Log: s.log, Guard: door{responder}, Config: func() *rules.Config { return s.config }, Words: func() *templates.Set { return words }, Logger: logger, Now: now,
	})
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(done); _ = s.desk.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

func (s *stage) now() time.Time { return time.Unix(0, s.clock.Load()).UTC() }

// judge judges the minute that closes at at+lag.
func (s *stage) judge(at time.Time, f ...evaluator.Finding) {
	s.t.Helper()
	s.clock.Store(at.Add(lag).UnixNano())
	for i := range f {
		f[i].At = at
		if f[i].Seen && f[i].LastSeen.IsZero() {
			f[i].LastSeen = at
		}
	}
	r := evaluator.Round{Source: rules.SourceSpans, Lag: lag, At: at, Live: true, Findings: f}
	if err := s.desk.Judge(s.t.Context(), r); err != nil {
		s.t.Fatal(err)
	}
	s.console.Note(r)
}

func (s *stage) act(who string, a incident.Action) incident.ID {
	s.t.Helper()
	a.By = incident.Person(who)
	done, err := s.desk.Act(s.t.Context(), a)
	if err != nil {
		s.t.Fatalf("%s: %v", a.Do, err)
	}
	return done.Incident
}

func (s *stage) scene(role access.Role) scene {
	return s.console.scene(access.Who{Person: "asha", Role: role, Via: "console"})
}

func (s *stage) of(component string) incident.Incident {
	s.t.Helper()
	for _, i := range s.desk.Board().Open {
		if i.Component == component && !i.Private {
			return i
		}
	}
	s.t.Fatalf("nothing is open on %s: %+v", component, s.desk.Board().Open)
	return incident.Incident{}
}

// product is a configuration like the example user's.
func product() *rules.Config {
	c := &rules.Config{
		Organisation: "FeatureSignals",
		SigNoz: rules.SigNoz{
			URL: "https://signoz.example.com/signoz", Region: []string{"deployment.environment", "cloud.region"}, Lag: lag,
		},
		Page:         rules.Page{Title: "FeatureSignals status", URL: "https://status.example.com"},
		Channels:     []rules.Channel{{Name: "status", Type: "page"}, {Name: "ops", Type: "webhook", Severities: []rules.Severity{rules.P0, rules.P1}}},
		ReopenWithin: 30 * time.Minute, Policies: rules.DefaultPolicies(),
		People: []rules.Person{
			{ID: "asha", Name: "Asha Rao", Roles: []string{rules.OnCall}, Reach: []string{"ops"}},
			{ID: "ben", Name: "Ben Okafor", Roles: []string{"cto"}, Reach: []string{"ops"}},
			{ID: "chris", Name: "Chris Lindqvist", Roles: []string{"eng-manager", "chief-executive"}, Reach: []string{"ops"}},
		},
		Console: rules.Console{
			URL: "https://tocsin.example.com", WarRoom: "https://meet.example.com/war-room",
			Links: []rules.Link{{Title: "Ops portal: roll back", URL: "https://ops.example.com/deployments"}, {Title: "Hetzner console", URL: "https://console.example.com"}},
		},
		Components: []rules.Component{
			{ID: "evaluations", Name: "Flag evaluations"},
			{ID: "api", Name: "Management API"},
			{ID: "dashboard", Name: "Dashboard", DependsOn: []string{"api"}},
			{ID: "auth", Name: "Sign-in"},
			{ID: "webhooks", Name: "Webhooks"},
		},
		Regions: []rules.Region{
			{Code: "in", Name: "India", Values: map[string]string{"host": "in-1.example.net", "api": "api.in.example.com"}},
			{Code: "us", Name: "United States", Values: map[string]string{"host": "us-1.example.net", "api": "api.us.example.com"}},
			{Code: "eu", Name: "Europe", Aliases: []string{"local"}, Values: map[string]string{"host": "eu-1.example.net"}},
		},
		Maintenance: []rules.Maintenance{{
			ID: "webhook-queue", Title: "Webhook queue is moved to new disks", Components: []string{"webhooks"}, Regions: []string{"us"},
			From: noon.Add(-10*time.Hour + 30*time.Minute), To: noon.Add(-8 * time.Hour),
		}},
		Rules: []rules.Rule{
			{
				ID: "evaluation-errors", Component: "evaluations", Signal: rules.Signal{Kind: rules.KindErrorRate}, Window: 5 * time.Minute, Confidence: 0.95,
				Levels:  []rules.Level{{Severity: rules.P0, Limit: 0.5, For: 3 * time.Minute}, {Severity: rules.P1, Limit: 0.05, For: 5 * time.Minute}, {Severity: rules.P2, Limit: 0.01, For: 10 * time.Minute}},
				Recover: rules.Recover{Limit: 0.005, For: 10 * time.Minute},
				Public:  rules.Words{Symptom: "failing flag evaluations", Impact: "default values in place of their flags’ values", Workaround: "SDKs go on with the values that they hold"},
				Runbook: "https://runbooks.example.com/region-down",
			},
			{
				ID: "dashboard-slow", Component: "dashboard", Signal: rules.Signal{Kind: rules.KindQuantile, Quantile: 9900}, Window: 5 * time.Minute, Confidence: 0.95,
				Levels:  []rules.Level{{Severity: rules.P1, Limit: 5e9, For: 5 * time.Minute}, {Severity: rules.P2, Limit: 1e9, For: 10 * time.Minute}},
				Recover: rules.Recover{Limit: 1e9, For: 10 * time.Minute},
				Public:  rules.Words{Symptom: "a slow dashboard", Impact: "long waits on most pages"},
				Runbook: "https://runbooks.example.com/latency",
			},
			{
				ID: "api-errors", Component: "api", Signal: rules.Signal{Kind: rules.KindErrorRate}, Window: 5 * time.Minute, Confidence: 0.95,
				Levels:  []rules.Level{{Severity: rules.P2, Limit: 0.01, For: 5 * time.Minute}},
				Recover: rules.Recover{Limit: 0.005, For: 5 * time.Minute},
				Public:  rules.Words{Symptom: "elevated errors on the management API", Impact: "failed requests when they change flags"},
			},
			{ID: "auth-errors", Component: "auth", Signal: rules.Signal{Kind: rules.KindErrorRate}, Window: 5 * time.Minute, Confidence: 0.95, Levels: []rules.Level{{Severity: rules.P0, Limit: 0.5, For: 3 * time.Minute}}, Recover: rules.Recover{Limit: 0.5, For: 3 * time.Minute}},
		},
		Checklists: []rules.Checklist{
			{
				ID: "first-response", Title: "First response", For: rules.ChecklistFor{Severities: []rules.Severity{rules.P0, rules.P1}},
				Steps: []rules.ChecklistStep{
					{ID: "ack", Text: "Acknowledge the alert.", Seen: rules.SeenAcknowledged},
					{ID: "ssh", Text: "Log in to the affected region’s host and look at the containers.", Command: "ssh -i ~/.ssh/fs_ops deploy@{{host}}\ncd /opt/featuresignals\ndocker compose -f deploy/docker-compose.region.yml ps -a"},
					{ID: "health", Text: "Ask the API from outside.", Command: `curl -sfS https://{{api}}/health`},
					{ID: "logs", Text: "Read the newest log lines of server, proxy and database.", Command: "docker compose -f deploy/docker-compose.region.yml logs --tail=200 server\ndocker compose -f deploy/docker-compose.region.yml logs --tail=200 caddy\ndocker compose -f deploy/docker-compose.region.yml logs --tail=100 postgres"},
					{ID: "told", Text: "Customers have read the first words.", Seen: rules.SeenPosted},
				},
			},
			{
				ID: "region-down", Title: "One region is down", For: rules.ChecklistFor{Rules: rules.Patterns{Any: []string{"evaluation-*"}}, Severities: []rules.Severity{rules.P0}},
				Steps: []rules.ChecklistStep{
					{ID: "scope", Text: "Confirm that only this region is affected."},
					{ID: "dns", Text: "Point the region’s names elsewhere only if law and latency allow it; else leave DNS as it is.", Link: "https://dns.example.com/{{region}}"},
					{ID: "back", Text: "Bring the region back.", Command: "$COMPOSE pull\n$COMPOSE up -d --force-recreate caddy server dashboard postgres"},
					{ID: "verify", Text: "All signals are well again.", Seen: rules.SeenSignals},
				},
			},
			{
				ID: "security", Title: "Security: contain first", For: rules.ChecklistFor{Topics: []string{incident.Security}},
				Steps: []rules.ChecklistStep{{ID: "rotate", Text: "Rotate the credentials that are known first.", Command: "openssl rand -base64 48"}, {ID: "logs", Text: "Copy logs to secure storage before anything is restarted."}},
			},
			{ID: "rollback", Title: "Roll back a deployment", Steps: []rules.ChecklistStep{{ID: "good", Text: "Find the last good deployment."}, {ID: "back", Text: "Deploy it again."}}},
		},
	}
	return c
}

func errorsAt(rule, component, service, region string, share float64, held rules.Severity, began time.Time) evaluator.Finding {
	f := evaluator.Finding{
		Rule: rule, Component: component, Kind: rules.KindErrorRate, Series: telemetry.Series{Service: service, Region: region},
		Now: evaluator.Good, Seen: true, Value: share, Limit: 0.01, Requests: 4200, Errors: uint64(4200 * share), Recovered: true, Calm: 10 * time.Minute,
	}
	if share > 0.005 {
		f.Recovered, f.Calm, f.Now, f.Held, f.Floor, f.Began = false, 0, evaluator.Bad, held, held, began
		if held == rules.P0 {
			f.Limit = 0.5
		}
	}
	f.Why = fmt.Sprintf("%d of %d requests failed in 5 min: %.1f %%, at least %.1f %% with 95 %% confidence, against %.0f %%", f.Errors, f.Requests, 100*share, 97*share, 100*f.Limit)
	return f
}

func slowAt(region string, seconds float64, held rules.Severity, began time.Time) evaluator.Finding {
	f := evaluator.Finding{
		Rule: "dashboard-slow", Component: "dashboard", Kind: rules.KindQuantile, Series: telemetry.Series{Service: "featuresignals-web", Region: region},
		Now: evaluator.Good, Seen: true, Value: seconds * 1e9, Limit: 1e9, Requests: 1830, Errors: 4, Recovered: true, Calm: 10 * time.Minute,
	}
	if seconds > 1 {
		f.Recovered, f.Calm, f.Now, f.Held, f.Floor, f.Began, f.Errors = false, 0, evaluator.Bad, held, held, began, 190
		if held == rules.P1 {
			f.Limit = 5e9
		}
	}
	f.LastSeen = noon
	f.Why = fmt.Sprintf("%d of 1830 requests took longer than %v in 5 min; p99 is %.1f s, against %v", f.Errors, time.Duration(f.Limit), seconds, time.Duration(f.Limit))
	return f
}

// night plays the rich board: it is 03:12 and much is wrong.
func night(t *testing.T) *stage {
	base := noon.Add(-10 * time.Hour) // 02:00
	s := newStage(t, product(), base)
	at := func(m int) time.Time { return base.Add(time.Duration(m) * time.Minute) }
	var private, slow incident.ID
	for m := 1; m <= 71; m++ {
		wave := math.Sin(float64(m)/3) * 0.1
		var f []evaluator.Finding
		for _, region := range []string{"in", "us", "eu"} {
			share, held, began := 0.001, rules.SeverityNone, time.Time{}
			if region == "eu" && m > 64 {
				share, began = min(0.12*float64(m-64), 0.71)+wave/4, at(64)
				if m >= 70 {
					held = rules.P0
				}
			}
			f = append(f, errorsAt("evaluation-errors", "evaluations", "featuresignals-evaluator", region, max(share, 0.0002), held, began))
			sec, held, began := 0.42+wave, rules.SeverityNone, time.Time{}
			if region != "eu" && m > 35 {
				sec, began = 6.2+6*wave, at(35)
				if region == "in" {
					sec += 2.2
				}
				if m >= 41 {
					held = rules.P1
				}
			}
			f = append(f, slowAt(region, sec, held, began))
			share, held, began = 0.001, rules.SeverityNone, time.Time{}
			if region == "us" && m > 5 && m <= 20 {
				share, began = 0.031, at(5)
				if m > 10 {
					held = rules.P2
				}
			}
			f = append(f, errorsAt("api-errors", "api", "featuresignals-api", region, share, held, began))
			auth := errorsAt("auth-errors", "auth", "featuresignals-api", region, 0.0001, rules.SeverityNone, time.Time{})
			switch {
			case region == "in" && m > 50:
				auth = evaluator.Finding{Rule: "auth-errors", Component: "auth", Kind: rules.KindErrorRate, Series: auth.Series, LastSeen: at(50), Why: "no requests in 5 min"}
			case region == "us":
				auth.Now, auth.Requests, auth.Errors = evaluator.Unsure, 2, 1
			}
			f = append(f, auth)
		}
		for i := range f {
			if f[i].LastSeen.IsZero() || f[i].LastSeen == noon {
				f[i].LastSeen = at(m)
			}
		}
		s.judge(at(m), f...)
		switch m {
		case 43:
			slow = s.of("dashboard").ID
			s.act("asha", incident.Action{Do: incident.Acknowledge, Incident: slow})
		case 45:
			s.act("asha", incident.Action{Do: incident.Assign, Incident: slow, To: "asha"})
			s.act("asha", incident.Action{Do: incident.Write, Incident: slow, Text: "The web servers of India and the United States wait for the session cache. The deployment of 02:31 changed its pool.\nEurope is still on the old version."})
		case 52:
			s.act("asha", incident.Action{Do: incident.Tick, Incident: slow, Task: "first-response/ssh"})
			s.act("asha", incident.Action{Do: incident.AddList, Incident: slow, Checklist: "rollback"})
			s.act("asha", incident.Action{Do: incident.AddTask, Incident: slow, Text: "Ask the support desk how many tickets mention it.", To: "chris"})
		case 56:
			private = s.act("ben", incident.Action{
				Do: incident.Declare, Severity: rules.P1, Private: true, Topic: incident.Security, Why: "a deploy key was pasted into a public issue",
			})
		case 58:
			s.act("ben", incident.Action{Do: incident.Write, Incident: private, Text: "Key revoked at 02:57. Reading the access log."})
		case 60:
			s.act("asha", incident.Action{
				Do: incident.Say, Incident: slow, State: incident.Identified,
				Text: "A change to our servers tonight makes most pages wait. We are taking it back.",
			})
			s.act("ben", incident.Action{Do: incident.Relate, Incident: slow, Other: "INC-2026-0001"})
		}
	}
	s.clock.Store(at(72).Add(20 * time.Second).UnixNano())
	return s
}
