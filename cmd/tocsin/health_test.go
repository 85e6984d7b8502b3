package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Whoever asks whether the service is ready hears of channels that do not deliver,
// and nothing of one that is not in the configuration any more.
func TestReadyTellsOfChannelsThatDoNotDeliver(t *testing.T) {
	s := serviceFor(t)
	config := s.keeper.force.Load().config
	config.Channels = append(config.Channels, rules.Channel{Name: "pager", Type: "webhook"}, rules.Channel{Name: "young", Type: "webhook"})
	ask := func() string {
		w := httptest.NewRecorder()
		s.keeper.health.ready(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Body.String()
	}
	if got := ask(); !strings.Contains(got, `"good": true`) {
		t.Errorf("at first: %s", got)
	}
	now := time.Now().UTC()
	e := incident.Event{Kind: incident.Paged, Incident: "INC-2026-0901", At: now, By: incident.Clock}
	for channel, age := range map[string]time.Duration{"pager": 11 * time.Minute, "young": 9 * time.Minute, "left": time.Hour} {
		e.Posts = append(e.Posts, incident.Post{Channel: channel, Key: "INC-2026-0901/notice/1", Due: now.Add(-age)})
	}
	if _, err := s.keeper.db.Append(t.Context(), incident.Batch{Events: []incident.Event{e}, Recorded: now}); err != nil {
		t.Fatal(err)
	}
	got := ask()
	if !strings.Contains(got, "channel pager has deliveries that wait since") || strings.Contains(got, "channel young") || strings.Contains(got, "channel left") || !strings.Contains(got, `"good": false`) {
		t.Errorf("with a delivery that is old: %s", got)
	}
	if err := s.keeper.db.Halt(t.Context(), "pager", "410 Gone", now); err != nil {
		t.Fatal(err)
	}
	if got := ask(); !strings.Contains(got, "channel pager is halted: tocsin outbox list says why") {
		t.Errorf("with a channel that is halted: %s", got)
	} else if strings.Contains(got, "410 Gone") {
		t.Errorf("whoever asks reads what the target said: %s", got)
	}
}

// One address of a list that fails takes nobody out of service, as long as the
// others get their mail; mail that does not go out at all does.
func TestOneAddressThatFailsLeavesTheServiceReady(t *testing.T) {
	s := serviceFor(t)
	config := s.keeper.force.Load().config
	config.Channels = append(config.Channels, rules.Channel{Name: "mail", Type: "email"})
	ready := func() bool {
		w := httptest.NewRecorder()
		s.keeper.health.ready(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code == http.StatusOK
	}
	now, db := time.Now().UTC(), s.keeper.db
	old := now.Add(-time.Hour)
	if _, err := db.Append(t.Context(), incident.Batch{Recorded: old, Events: []incident.Event{{
		Kind: incident.Updated, Incident: "INC-2026-0901", At: old, By: incident.Clock, Posts: []incident.Post{{Channel: "mail", Key: "INC-2026-0901/1", Due: old}},
	}}}); err != nil {
		t.Fatal(err)
	}
	rows := func() []publisher.Row {
		due, _, err := db.Due(t.Context(), publisher.Ask{Channel: "mail", Now: now, N: 10})
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	if err := db.Spread(t.Context(), rows()[0].ID, []string{"a@example.net", "b@example.net", "c@example.net"}, old); err != nil {
		t.Fatal(err)
	}
	if ready() {
		t.Error("nobody has got mail for an hour, and it is ready")
	}
	all := rows()
	if err := db.Done(t.Context(), all[0].ID, all[0].Seq, "250", now); err != nil {
		t.Fatal(err)
	}
	if err := db.Dead(t.Context(), all[1].ID, "550 no such user", now); err != nil {
		t.Fatal(err)
	}
	if !ready() {
		t.Error("one address was refused and one waits, others get their mail, and it is not ready")
	}
}

// A folder that cannot be written stops no minute from being judged, and readers
// of the page are told that nobody knows: whoever asks is to hear of it.
func TestReadyTellsOfAPageThatIsPastItsTime(t *testing.T) {
	s := serviceFor(t)
	folder, now := t.TempDir(), time.Now()
	up := *s.keeper.force.Load().setup
	up.shown = page.Handler(folder)
	s.keeper.force.Store(&standing{setup: &up})
	ask := func() string {
		w := httptest.NewRecorder()
		s.keeper.health.ready(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Body.String()
	}
	if got := ask(); !strings.Contains(got, `"good": true`) {
		t.Errorf("before there is a page: %s", got)
	}
	for until, want := range map[time.Duration]string{
		time.Minute:  `"good": true`,
		-time.Minute: "the public page holds until " + now.Add(-time.Minute).UTC().Format(time.RFC3339) + " only, and is grey: the log says why it is not published",
	} {
		p := templates.Public{Organisation: "Acme", Rendered: now.Add(-10 * time.Minute), Checked: now.Add(-10 * time.Minute), ValidUntil: now.Add(until)}
		if _, err := page.New("status", folder, builtInWords(t)).Publish(t.Context(), publisher.Delivery{Public: p}); err != nil {
			t.Fatal(err)
		}
		up.shown.Refresh()
		if got := ask(); !strings.Contains(got, want) {
			t.Errorf("with a page until %s: %s", until, got)
		}
	}
}
