package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// service is the API on a real desk and a real store.
type service struct {
	*httptest.Server
	keeper *keeper
	tokens map[string]string // by role
}

// serviceFor starts one that ends with the test.
func serviceFor(t *testing.T) *service {
	t.Helper()
	s, stop, err := startService(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// startService starts one whose store is in a folder; stop ends it.
func startService(dir string) (s *service, stop func() error, err error) {
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(`
components: [{id: api, name: Management API}, {id: app, name: App}]
regions: [{code: eu, name: Europe}, {code: us, name: United States}]
rules: [{id: api-errors, component: api, signal: error_rate, levels: {P1: {above: 5%, for: 3m}}}]
`)}})
	if err != nil {
		return nil, nil, err
	}
	config.Regions[0].Values = map[string]string{"host": "eu-1.internal"}
	config.Regions[1].Values = map[string]string{"host": "us-1.internal"}
	config.People = []rules.Person{{ID: "ada", Name: "Ada", Roles: []string{"on-call"}}}
	config.Checklists = []rules.Checklist{{
		ID: "api-down", Title: "The API is down", For: rules.ChecklistFor{Components: rules.Patterns{Any: []string{"api"}}},
		Steps: []rules.ChecklistStep{
			{ID: "restart", Text: "Restart the service", Command: "ssh {{host}} systemctl restart api"},
			{ID: "ack", Text: "Acknowledge", Seen: rules.SeenAcknowledged},
		},
	}}
	ctx, cancel := context.WithCancel(context.Background())
	db, err := store.Open(ctx, filepath.Join(dir, "service.db"))
	if err != nil {
		cancel()
		return nil, nil, err
	}
	logger := slog.New(slog.DiscardHandler)
	s = &service{keeper: &keeper{db: db, logger: logger}, tokens: map[string]string{}}
	words, err := templates.Load(nil)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	s.keeper.force.Store(&standing{setup: &setup{config: config, shown: page.Handler(dir), words: words}})
	if s.keeper.desk, err = incident.NewDesk(ctx, incident.Options{Config: config, Log: db, Logger: logger}); err != nil {
		cancel()
		return nil, nil, err
	}
	for role, person := range map[string]string{"viewer": "vic", "responder": "ada"} {
		if s.tokens[role], _, err = db.MakeToken(ctx, person, role, time.Time{}, time.Now()); err != nil {
			cancel()
			return nil, nil, err
		}
	}
	registry := prometheus.NewRegistry()
	s.keeper.health = newHealth(s.keeper, registry)
	p, err := s.keeper.private(registry)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	s.Server = httptest.NewServer(p.mux)
	ended := make(chan error, 1)
	go func() { ended <- s.keeper.desk.Run(ctx) }()
	return s, func() error {
		s.Close()
		cancel()
		if err := <-ended; err != nil {
			return err
		}
		return db.Close()
	}, nil
}

// serviceCmd is the script command "service": it starts one, and sets what the
// program needs to reach it. With a role, it only sets the token.
func serviceCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 {
		ts.Setenv("TOCSIN_TOKEN", ts.Getenv("TOKEN_"+args[0]))
		return
	}
	s, stop, err := startService(ts.Getenv("WORK"))
	ts.Check(err)
	ts.Defer(func() { ts.Check(stop()) })
	ts.Setenv("TOCSIN_SERVER", s.URL)
	for role, token := range s.tokens {
		ts.Setenv("TOKEN_"+role, token)
		ts.Check(os.WriteFile(ts.MkAbs(role+".token"), []byte(token+"\n"), 0o600))
	}
	ts.Setenv("TOCSIN_TOKEN", s.tokens["responder"])
	ts.Setenv("YEAR", time.Now().UTC().Format("2006"))
}

// From the command line to the store: what is done is in the timeline and in the
// audit log, and the board is the fold of the log.
func TestIncidentFromTheCommandLineToTheStore(t *testing.T) {
	s := serviceFor(t)
	t.Setenv("TOCSIN_SERVER", s.URL)
	t.Setenv("TOCSIN_TOKEN", s.tokens["responder"])
	t.Chdir(t.TempDir())
	tocsin := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"incident"}, args...), &out, &errs, nil); code != want {
			t.Fatalf("%q ends with %d:\n%s%s", args, code, &out, &errs)
		}
		return out.String() + errs.String()
	}
	for _, args := range [][]string{
		{"declare", "P1", "--component", "api", "--regions", "eu,us", "--symptom", "elevated errors on the management API"},
		{"declare", "p2", "--component", "app", "--symptom", "slow pages", "--began", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)},
		{"ack", "1", "--for", "1h"},
		{"acknowledge", "2"},
		{"note", "1", "look at the load balancer"},
		{"hold", "1", "--for", "30m", "--why", "not sure"},
		{"edit", "1", "Some requests fail.", "--impact", "failed requests"},
		{"preview", "1"},
		{"approve", "1"},
		{"say", "1", "We have found the cause."},
		{"severity", "1", "P0", "--why", "it is everyone"},
		{"state", "1", "identified", "--text", "It was a change of ours."},
		{"began", "1", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)},
		{"integrity", "1", "not impacted"},
		{"workaround", "1", "retry after a minute"},
		{"assign", "1", "ada"},
		{"assign", "1", "ada", "--task", "api-down/restart"},
		{"task", "1", "call them", "--to", "ada"},
		{"checklist", "2", "api-down"},
		{"tick", "1", "api-down/restart"},
		{"untick", "1", "api-down/restart"},
		{"link", "1", "2"},
		{"veto", "2", "--why", "a test"},
		{"list"},
		{"show", "1"},
		{"timeline", "1"},
		{"merge", "2", "1", "--why", "the same"},
		{"resolve", "1", "--text", "All is well again."},
		{"declare", "P1", "--private", "--topic", "security", "--component", "app", "--symptom", "a leak"},
		{"disclose", "3", "--why", "mended"},
		{"list", "--state", "all"},
	} {
		if got := tocsin(exitGood, args...); strings.TrimSpace(got) == "" {
			t.Errorf("%q says nothing", args)
		} else {
			t.Logf("tocsin incident %q\n%s", args, got)
		}
	}
	want, err := incident.Fold(s.keeper.db.All(t.Context()))
	if err != nil || !reflect.DeepEqual(want, s.keeper.desk.Board()) {
		t.Errorf("the board is not the fold of the log (%v)", err)
	}
	var kinds []incident.Kind
	id := want.Past[0].ID
	for _, i := range want.Past {
		id = min(id, i.ID)
	}
	for e, err := range s.keeper.db.Timeline(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, e.Kind)
	}
	for _, kind := range []incident.Kind{
		incident.Opened, incident.Acknowledged, incident.Noted, incident.Held, incident.Edited, incident.Approved, incident.Updated, incident.Graded,
		incident.Moved, incident.Assessed, incident.Advised, incident.Assigned, incident.Tasked, incident.Ticked, incident.Unticked, incident.Related, incident.Absorbed, incident.Resolved,
	} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("the timeline has no %s", kind)
		}
	}
	log, err := s.keeper.db.AuditLog(t.Context(), 0, 100)
	if err != nil || len(log) < 20 {
		t.Fatalf("the audit log has %d entries (%v)", len(log), err)
	}
	for _, e := range log {
		if e.Who != "ada" || e.Via != "cli" || e.Role != "responder" || e.Outcome != "done" {
			t.Errorf("%+v", e)
		}
	}
	var all api.Incidents
	if err := json.Unmarshal([]byte(tocsin(exitGood, "list", "--state", "all", "--format", "json")), &all); err != nil || all.Total != 3 {
		t.Errorf("%+v (%v)", all, err)
	}
	tocsin(exitFound, "say", "1", "more")
	tocsin(exitUsage, "ack", "zero")
}

// Every field of a deed is a flag or an argument of its command, and the other
// way round; what the deed needs, the command line asks for.
func TestCommandsHaveTheFieldsOfTheirDeeds(t *testing.T) {
	var c cli
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]*kong.Node{}
	for _, n := range parser.Model.Children {
		if n.Name == "incident" {
			for _, n := range n.Children {
				commands[n.Name] = n
			}
		}
	}
	for _, d := range append([]api.Deed{api.Declare}, api.Deeds...) {
		name := string(d.Verb)
		if d.Verb == incident.Acknowledge {
			name = "ack"
		}
		command, ok := commands[name]
		if !ok {
			t.Errorf("there is no command for %s", d.Verb)
			continue
		}
		delete(commands, name)
		required := map[string]bool{}
		values := slices.Clone(command.Positional)
		for _, f := range command.Flags {
			values = append(values, f.Value)
		}
		tags := map[string]string{}
		typ := command.Target.Type()
		for i := range typ.NumField() {
			if field := typ.Field(i).Tag.Get("field"); field != "" {
				tags[field] = typ.Field(i).Name
			}
		}
		for _, v := range values {
			for field := range tags {
				if v.Target.Addr().Interface() == command.Target.FieldByName(tags[field]).Addr().Interface() {
					required[field] = v.Required
				}
			}
		}
		for _, f := range d.Fields {
			if _, ok := tags[f.Name]; !ok {
				t.Errorf("%s cannot say %s", name, f.Name)
			}
			if f.Required != required[f.Name] {
				t.Errorf("%s: %s is required in the table: %v, in the command: %v", name, f.Name, f.Required, required[f.Name])
			}
			delete(tags, f.Name)
		}
		if len(tags) > 0 {
			t.Errorf("%s says what the deed has not: %v", name, tags)
		}
	}
	for _, name := range []string{"list", "show", "timeline", "preview"} {
		delete(commands, name)
	}
	if len(commands) > 0 {
		t.Errorf("commands without a deed: %v", commands)
	}
}

// What is done once is done once, also where the answer was lost on the way.
func TestAnAnswerThatIsLostIsAskedForAgain(t *testing.T) {
	s := serviceFor(t)
	var asked atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			s.Config.Handler.ServeHTTP(w, r)
			return
		}
		s.Config.Handler.ServeHTTP(httptest.NewRecorder(), r) // done, and nobody hears of it
		panic(http.ErrAbortHandler)
	}))
	defer front.Close()
	t.Setenv("TOCSIN_SERVER", front.URL)
	t.Setenv("TOCSIN_TOKEN", s.tokens["responder"])
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"incident", "declare", "P1", "--component", "api", "--symptom", "errors"}, &out, &errs, nil); code != exitGood || asked.Load() != 2 {
		t.Errorf("after %d attempts it ends with %d: %s%s", asked.Load(), code, &out, &errs)
	}
	if n := len(s.keeper.desk.Board().Open); n != 1 {
		t.Errorf("%d incidents are open", n)
	}
}

// What people and services wrote does not move the terminal of whoever reads it.
func TestTextForPeopleIsLegible(t *testing.T) {
	for in, want := range map[string]string{"\x1b[2J\u202eno\nyes": "\ufffd[2J\ufffdno\nyes", "a\rb\x00": "a\ufffdb\ufffd"} {
		if got := legible(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
}

func TestWhatIsOverSaysHowLongItLasted(t *testing.T) {
	now := time.Date(2026, 5, 20, 22, 0, 0, 0, time.UTC)
	i := api.IncidentView{Began: now.Add(-11 * time.Hour)}
	p := sheet{now: now}
	if got := p.began(i); got != "11:00Z (11h00m)" {
		t.Errorf("open: %s", got)
	}
	i.Resolved = i.Began.Add(34 * time.Minute)
	if got := p.began(i); got != "11:00Z (lasted 34m)" {
		t.Errorf("over: %s", got)
	}
}
