package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
)

// bounces has five updates to ops given up, and one to a channel that is gone
// from the configuration, of which another waits.
func (h *house) bounces() {
	h.t.Helper()
	at := h.now().UTC()
	e := func(n int, channel string) incident.Event {
		return incident.Event{
			Kind: incident.Updated, Incident: "INC-2026-0901", At: at, By: incident.Clock, Update: &incident.Update{Number: n},
			Posts: []incident.Post{{Channel: channel, Key: fmt.Sprintf("INC-2026-0901/%d", n), Due: at}},
		}
	}
	b := incident.Batch{Recorded: at}
	for n := 1; n <= 5; n++ {
		b.Events = append(b.Events, e(n, "ops"))
	}
	b.Events = append(b.Events, e(6, "left"), e(7, "left"))
	if _, err := h.db.Append(h.t.Context(), b); err != nil {
		h.t.Fatal(err)
	}
	for id := int64(1); id <= 6; id++ {
		if err := h.db.Dead(h.t.Context(), id, "404 from https://hooks.example.com/secret", at); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestDeadLettersAreReadTriedAgainAndPutAway(t *testing.T) {
	h := newHouse(t)
	h.bounces()
	woken := 0
	h.api.Wake = func() { woken++ }
	state := func(role string) string {
		var s []string
		for _, q := range into[Queues](t, h.do(role, "GET", "/outbox", "", 200)).Channels {
			s = append(s, fmt.Sprintf("%s %v %d %d %s", q.Channel, q.Configured, q.Waiting, q.Dead, q.Halted))
		}
		return strings.Join(s, "; ")
	}
	if got, want := state("viewer"), "status true 0 0 ; ops true 0 5 ; left false 1 1 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := h.do("viewer", "GET", "/outbox", "", 200); strings.Contains(string(got.body), "secret") {
		t.Errorf("a viewer reads %s", got)
	}
	page := into[DeadLetters](t, h.do("responder", "GET", "/outbox/dead?channel=ops&limit=3", "", 200))
	if len(page.Letters) != 3 || page.Letters[0].What != "update 5" || page.After != page.Letters[2].ID {
		t.Fatalf("the first page is %+v", page)
	}
	rest := into[DeadLetters](t, h.do("responder", "GET", fmt.Sprintf("/outbox/dead?channel=ops&limit=3&after=%d", page.After), "", 200))
	if len(rest.Letters) != 2 || rest.After != 0 || rest.Letters[1].What != "update 1" || rest.Letters[1].Attempts != 1 {
		t.Errorf("the second is %+v", rest)
	}
	for body, status := range map[string]int{
		`{}`: 422, `{"why": "all of it"}`: 422, `{"id": 0}`: 422, `{"id": "4"}`: 400, `{"channel": "nobody"}`: 404, `{"channel": "left"}`: 404,
		`{"sent_since": "2026-05-20T10:00:00Z"}`: 422, `{"incident": "INC-2026-0901", "sent_since": "2026-05-20T10:00:00Z"}`: 422,
		`{"channel": "ops", "sent_since": "yesterday"}`: 422, `{"channel": "status", "sent_since": "2026-05-20T10:00:00Z"}`: 422,
		`{"everything": true}`: 400,
	} {
		h.do("responder", "POST", "/outbox/retry", body, status)
	}
	if woken != 0 {
		t.Errorf("the channels were woken %d times for nothing", woken)
	}
	again := func(body string, want int) {
		t.Helper()
		if got := into[Sorted](t, h.do("responder", "POST", "/outbox/retry", body, 200)); got.Deliveries != want {
			t.Errorf("%s: %d deliveries, want %d", body, got.Deliveries, want)
		}
	}
	again(fmt.Sprintf(`{"id": %d, "why": "the firewall is open"}`, rest.Letters[1].ID), 1)
	again(`{"id": 4711}`, 0)
	again(`{"channel": "ops", "incident": "inc-2026-0901"}`, 4)
	if woken != 3 {
		t.Errorf("the channels were woken %d times", woken)
	}
	if err := h.db.Done(t.Context(), 1, 1, "ok", h.now()); err != nil {
		t.Fatal(err)
	}
	again(`{"channel": "ops"}`, 0)
	again(fmt.Sprintf(`{"channel": "ops", "sent_since": %q}`, h.now().Add(-time.Hour).UTC().Format(time.RFC3339)), 1)

	// A channel that is halted, and one that is not there any more.
	if err := h.db.Halt(t.Context(), "ops", "410: gone", h.now()); err != nil {
		t.Fatal(err)
	}
	if got := state("viewer"); !strings.Contains(got, "ops true 5 0 halted;") || strings.Contains(got, "410") {
		t.Error(got)
	}
	if got := into[Sorted](t, h.do("responder", "POST", "/outbox/resume", `{"channel": "ops"}`, 200)); got.Deliveries != 1 {
		t.Errorf("resumed: %+v", got)
	}
	h.do("responder", "POST", "/outbox/resume", `{"channel": "left"}`, 404)
	h.do("responder", "POST", "/outbox/discard", `{"channel": "left", "why": "they have another"}`, 200)
	if got, want := state("responder"), "status true 0 0 ; ops true 5 0 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var log []string
	for _, e := range into[Audit](t, h.do("admin", "GET", "/audit", "", 200)).Entries {
		if e.Action != "" && e.Outcome == "done" {
			log = append(log, e.Who+" "+e.Action+" "+e.Why)
		}
	}
	if got := strings.Join(log, "\n"); !strings.Contains(got, "responder-1 put away the deliveries of the channel left they have another") ||
		!strings.Contains(got, "responder-1 had deliveries go out again: id 1 the firewall is open") || !strings.Contains(got, "responder-1 resumed the channel ops") {
		t.Errorf("the audit log has\n%s", got)
	}
}
