package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/templates"
)

// A P1 from its first call to its end, worked on in Slack alone: the real desk,
// store, outbox loop and private listener, and a Slack that behaves as the
// documentation says.
func TestAnIncidentWorkedOnInSlack(t *testing.T) {
	team := slacktest.New(t)
	team.AddUser("U0ANN", "")
	team.AddUser("U0STRANGER", "")
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(`
organisation: Acme
regions: [{code: eu, name: Europe}, {code: us, name: United States}]
components: [{id: api, name: API}]
rules: [{id: errs, component: api, signal: error_rate, levels: {P1: {above: 5%}}, public: {symptom: elevated errors, impact: failed requests}}]
people: {ann: {name: Ann Lee, roles: [on-call]}}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	config.Channels = append(config.Channels, rules.Channel{
		Name: "team", Type: "slack", URL: team.URL(), TokenFile: team.TokenFile, SecretFile: team.SecretFile, Severities: []rules.Severity{rules.P0, rules.P1},
		Slack: &rules.Slack{Channel: slacktest.Announcements, Rooms: rules.Rooms{Severities: []rules.Severity{rules.P0, rules.P1}, Prefix: "incident-"}},
	})
	for i := range config.Channels {
		if config.Channels[i].Type == "page" {
			config.Channels[i].Folder = t.TempDir()
		}
	}
	config.People[0].Slack, config.People[0].Reach = "U0ANN", []string{"team"}

	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	k := &keeper{db: db, logger: logger, world: &world{}}
	words, err := openTemplates(config)
	if err != nil {
		t.Fatal(err)
	}
	channels, err := openChannels(config, words, db)
	if err != nil {
		t.Fatal(err)
	}
	up := &setup{config: config, page: page.Handler(t.TempDir()), channels: channels, words: words}
	k.force.Store(&standing{setup: up})
	if k.desk, err = incident.NewDesk(t.Context(), incident.Options{Config: config, Log: db, Logger: logger, Stored: k.wake, Fit: templates.Fit}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = k.desk.Run(ctx)
	}()
	registry := prometheus.NewRegistry()
	k.health = newHealth(k, registry)
	private, err := k.private(registry)
	if err != nil {
		t.Fatal(err)
	}
	k.console = private.console
	gone := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	k.ctx, k.group = ctx, g
	k.publish(up)
	go func() {
		defer close(gone)
		_ = private.slack.Run(ctx)
	}()
	defer func() {
		cancel()
		_ = g.Wait()
		<-gone
		<-ended
	}()

	send := func(body string) string {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/slack/team/interactions", strings.NewReader(body))
		r.Header = slacktest.Sign(team.Secret, time.Now(), body)
		w := httptest.NewRecorder()
		private.mux.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	until := func(what string, so func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: it never came; channels %v, told %v", what, team.Channels(), team.Ephemerals())
			}
		}
	}
	const room = "incident-2026-0001"
	find := func(channel, part string) (found slacktest.Message, n int) {
		for _, m := range team.Messages(channel) {
			if m.Part() == part {
				found, n = m, n+1
			}
		}
		return found, n
	}

	year := time.Now().UTC().Format("2006")
	at := time.Now().UTC().Truncate(time.Minute).Add(-time.Minute)
	if err := k.desk.Judge(t.Context(), evaluator.Round{Source: rules.SourceSpans, Lag: time.Minute, At: at, Live: true, Findings: []evaluator.Finding{{
		Rule: "errs", Component: "api", Series: telemetry.Series{Service: "svc", Region: "eu"}, At: at, Began: at.Add(-5 * time.Minute), LastSeen: at,
		Now: evaluator.Bad, Held: rules.P1, Floor: rules.P1, Seen: true, Value: 0.2, Limit: 0.05, Requests: 1000, Errors: 200,
	}}}); err != nil {
		t.Fatal(err)
	}
	if n := len(k.desk.Board().Open); n != 1 {
		t.Fatalf("%d incidents are open", n)
	}
	id := k.desk.Board().Open[0].ID
	channel := strings.ReplaceAll(room, "2026", year)
	until("the call", func() bool { _, n := find(channel, "call"); return n == 1 })
	call, _ := find(channel, "call")
	r, _ := team.Channel(channel)
	press := func(who, what string) string {
		t.Helper()
		return send(team.Press(who, r.ID, call.TS, what, string(id)))
	}
	open := func(what string) slacktest.View {
		t.Helper()
		before := len(team.Views())
		press("U0ANN", what)
		until("the form of "+what, func() bool { return len(team.Views()) > before })
		return team.Views()[before]
	}
	now := func() incident.Incident {
		i, _ := k.desk.Board().Find(id)
		return i
	}

	press("U0STRANGER", "tocsin.acknowledge")
	press("U0ANN", "tocsin.acknowledge")
	until("the acknowledgement", func() bool { return now().Ack != nil })
	if by := now().Ack.By; by != incident.Person("ann") {
		t.Errorf("%s acknowledged", by)
	}
	until("the summary", func() bool {
		m, _ := find(channel, "summary")
		return strings.Contains(string(m.Blocks), "Ann Lee")
	})

	if now().Draft == nil {
		t.Fatal("no words wait to be approved")
	}
	until("the button", func() bool {
		m, _ := find(channel, "summary")
		return strings.Contains(string(m.Blocks), "tocsin.approve")
	})
	press("U0ANN", "tocsin.approve")
	until("the first words", func() bool { _, n := find(channel, "update"); return n == 1 })
	until("no button", func() bool {
		m, _ := find(channel, "summary")
		return !strings.Contains(string(m.Blocks), "tocsin.approve")
	})
	if _, n := find(slacktest.Announcements, "reply"); n != 1 {
		t.Errorf("%d updates are announced", n)
	}

	send(team.Submit("U0ANN", open("tocsin.say"), map[string]any{"words": "We found the cause.", "note": "disk full on db-3"}))
	until("the words", func() bool { _, n := find(channel, "update"); return n == 2 })
	if said := now().Updates; said[len(said)-1].Text != "We found the cause." {
		t.Errorf("said %+v", said[len(said)-1])
	}
	for _, m := range append(team.Messages(channel), team.Messages(slacktest.Announcements)...) {
		if strings.Contains(string(m.Blocks)+m.Text, "db-3") {
			t.Errorf("a note of ours is posted: %s", m.Text)
		}
	}

	resolve := open("tocsin.resolve")
	refused := send(team.Submit("U0ANN", resolve, map[string]any{"why": ""}))
	if now().State == incident.StateResolved || !strings.Contains(refused, "Not all is well yet") {
		t.Fatalf("it is %s, and the form says %q", now().State, refused)
	}
	if again := send(team.Submit("U0ANN", resolve, map[string]any{"force": []string{"force"}, "why": "customers say it is over"})); again != "" {
		t.Fatalf("by force: %s", again)
	}
	if i := now(); i.State != incident.StateResolved || !i.Forced {
		t.Errorf("it is %s, forced %v", i.State, i.Forced)
	}
	until("the end", func() bool {
		r, _ := team.Channel(channel)
		m, _ := find(slacktest.Announcements, "root")
		return strings.Contains(r.Topic, "resolved") && strings.Contains(m.Text, "Resolved")
	})
	until("the end in the channel, besides the thread", func() bool {
		reply, _ := find(slacktest.Announcements, "reply")
		return reply.Broadcast
	})

	all, err := db.AuditLog(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, a := range all {
		if a.Via == "slack" {
			seen[a.Action+" by "+a.Who+" as "+a.Role+" from "+a.From] += a.Outcome + "; "
		}
	}
	for want, outcome := range map[string]string{
		"acknowledge by ann as responder from U0ANN": "done", "approve by ann as responder from U0ANN": "done", "say by ann as responder from U0ANN": "done",
		"note by ann as responder from U0ANN": "done", "resolve by ann as responder from U0ANN": "done",
		"acknowledge by  as  from U0STRANGER": "nobody under people has this member ID",
	} {
		if !strings.Contains(seen[want], outcome) {
			t.Errorf("the audit log lacks %s: %v", want, seen)
		}
	}
}
