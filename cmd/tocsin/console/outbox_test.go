package console

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// stuck is the night with channels that do not deliver: a pager that is halted, a
// mail of which so many addresses bounced, a hook that waits for an hour, and one
// that is not in the configuration any more.
func stuck(t *testing.T, bounced int) (*stage, *store.DB) {
	t.Helper()
	s := night(t)
	s.config.Channels = append(s.config.Channels, rules.Channel{Name: "mail", Type: "email"}, rules.Channel{Name: "pager", Type: "pagerduty"})
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.console.Letters = api.Letters{Outbox: db, Config: func() *rules.Config { return s.config }}
	at := s.now().Add(-time.Hour)
	e := func(id incident.ID, key, channel string, severity rules.Severity) incident.Event {
		return incident.Event{
			Kind: incident.Updated, Incident: id, At: at, By: incident.Clock, Severity: severity, Update: &incident.Update{Number: 1},
			Posts: []incident.Post{{Channel: channel, Key: string(id) + "/" + key, Due: at}},
		}
	}
	_, err = db.Append(t.Context(), incident.Batch{Recorded: at, Events: []incident.Event{
		e("INC-2026-0004", "1", "mail", rules.P0), e("INC-2026-0004", "notice/1", "pager", rules.P0), e("INC-2026-0003", "notice/2", "pager", rules.P1),
		e("INC-2026-0002", "2", "ops", rules.P1), e("INC-2025-0400", "3", "old-tracker", rules.P3),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for n := range bounced {
		targets = append(targets, fmt.Sprintf("somebody-with-a-long-name.%d@customer-%d.example.com", n, n%17))
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(db.Spread(t.Context(), 1, targets, at))
	due, _, err := db.Due(t.Context(), publisher.Ask{Channel: "mail", Now: at, N: bounced})
	ok(err)
	for _, r := range due {
		ok(db.Dead(t.Context(), r.ID, "550 5.1.1 <"+r.Target+">: Recipient address rejected: User unknown in virtual mailbox table", at.Add(time.Minute)))
	}
	ok(db.Dead(t.Context(), 2, "410 Gone: the integration was deleted", at))
	ok(db.Dead(t.Context(), 3, hostile, at))
	ok(db.Halt(t.Context(), "pager", "410 Gone: the integration was deleted", at))
	ok(db.Again(t.Context(), 4, "Post \"https://ops.example.com/hook\": dial tcp 192.0.2.7:443: connect: connection refused", s.now().Add(time.Minute)))
	return s, db
}

func TestThePagesOfDeliveriesAreWellFormed(t *testing.T) {
	s, _ := stuck(t, 60)
	letters := "/outbox/letters?" + url.Values{"channel": {"mail"}, "key": {"INC-2026-0004/1"}}.Encode()
	for _, path := range []string{"/", "/outbox", "/outbox?after=1", "/outbox?did=retry&n=3", letters, letters + "&after=20", "/outbox/letters?channel=x&key=y"} {
		page := s.get(asha, path)
		for _, wrong := range faults(page) {
			t.Errorf("%s: %s", path, wrong)
		}
	}
	if code := s.ask(asha, "GET", "/outbox/letters", nil).Code; code != http.StatusNotFound {
		t.Errorf("letters of nothing: %d", code)
	}
}

func TestWhatDoesNotDeliverIsOnTheFirstPage(t *testing.T) {
	s, _ := stuck(t, 60)
	for _, who := range []string{vic, asha} {
		page := s.get(who, "/")
		for _, want := range []string{"<strong>pager is halted</strong>", "<strong>ops does not deliver</strong>: what is oldest waits for"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s does not read %q", who, want)
			}
		}
		if has := strings.Contains(page, `href="/outbox"`); has != (who == asha) {
			t.Errorf("%s is led to the deliveries: %v", who, has)
		}
		if strings.Contains(page, "old-tracker does not") || strings.Contains(page, "410") {
			t.Errorf("%s reads of what concerns nobody, or of a reason", who)
		}
	}
	if page := s.get(asha, "/"); !strings.Contains(page, "<strong>62 deliveries</strong> were given up.") {
		t.Error("it does not say how many were given up")
	}
}

// As /readyz has it: of thousands of addresses some always fail.
func TestMailThatSomeAddressesPutOffDelivers(t *testing.T) {
	s, db := stuck(t, 2)
	_, err := db.Retry(t.Context(), store.Pick{Channel: "mail"}, s.now().Add(-time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	due, _, err := db.Due(t.Context(), publisher.Ask{Channel: "mail", Now: s.now(), N: 2})
	if err != nil || len(due) != 2 {
		t.Fatalf("%v (%v)", due, err)
	}
	const urgent = "<strong>mail does not deliver</strong>"
	if page := s.get(asha, "/"); !strings.Contains(page, urgent) {
		t.Errorf("nothing went out for an hour, and the first page does not say so:\n%s", page)
	}
	if err := db.Done(t.Context(), due[0].ID, 1, "250 ok", s.now()); err != nil {
		t.Fatal(err)
	}
	if page := s.get(asha, "/"); strings.Contains(page, urgent) {
		t.Errorf("another address has got its mail since, and the first page says:\n%s", page)
	}
}

func TestDeadLettersAreGroupedPagedAndTriedAgain(t *testing.T) {
	s, db := stuck(t, 120)
	page := s.get(asha, "/outbox")
	for _, want := range []string{
		"mail <span class=\"dim small\">email", "Halted:</strong> 410 Gone", "not configured any more", "Update 1</strong>", "Call 1</strong>",
		"To mail, 120 targets", "Try all 120 again", "connection refused", `<a href="/incidents/INC-2026-0004">INC-2026-0004</a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if n := strings.Count(page, `<li id="l`); n != 3 {
		t.Errorf("%d lines of dead letters, want one a delivery", n)
	}
	key := url.Values{"channel": {"mail"}, "key": {"INC-2026-0004/1"}}
	letters := s.get(asha, "/outbox/letters?"+key.Encode())
	if n := strings.Count(letters, `<li id="l`); n != mostLetters || !strings.Contains(letters, ">Older</a>") || !strings.Contains(letters, "@customer-") {
		t.Errorf("%d letters on the first page", n)
	}
	post := func(verb string, form url.Values, want string) {
		t.Helper()
		w := s.ask(asha, "POST", "/outbox/"+verb, form)
		if w.Code != http.StatusSeeOther {
			t.Fatalf("%s: %d", verb, w.Code)
		}
		if page := s.get(asha, w.Header().Get("Location")); !strings.Contains(page, want) {
			t.Errorf("%s %v does not say %q", verb, form, want)
		}
	}
	dead, err := db.DeadPage(t.Context(), store.DeadAsk{Channel: "mail", N: 1})
	if err != nil {
		t.Fatal(err)
	}
	post("retry", url.Values{"channel": {"mail"}, "key": {"INC-2026-0004/1"}, "id": {fmt.Sprint(dead[0].ID)}, "back": {"letters"}}, "1 delivery goes out again.")
	post("retry", url.Values{"channel": {"mail"}, "key": {"INC-2026-0004/1"}, "why": {"the relay is back"}}, "119 deliveries go out again.")
	post("resume", url.Values{"channel": {"pager"}}, "Resumed: deliveries go to it again.")
	post("discard", url.Values{"channel": {"old-tracker"}}, "1 delivery is put away.")
	if page := s.get(asha, "/outbox"); strings.Contains(page, "old-tracker") || strings.Contains(page, "Halted") {
		t.Error("what was mended is there still")
	}
	for form, verb := range map[string]string{"": "retry", "channel=nobody": "resume", "channel=mail&everything=1": "retry"} {
		values, _ := url.ParseQuery(form)
		w := s.ask(asha, "POST", "/outbox/"+verb, values)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `<p class="problem" role="alert">`) {
			t.Errorf("%s %q: %d", verb, form, w.Code)
		}
	}
	if code := s.ask(asha, "POST", "/outbox/explode", url.Values{"channel": {"mail"}}).Code; code != http.StatusNotFound {
		t.Errorf("a verb that is none: %d", code)
	}
	entries, err := db.AuditLog(t.Context(), 0, 10)
	if err != nil || len(entries) != 4 || entries[2].Who != "asha" || entries[2].Via != "console" || entries[2].Why != "the relay is back" {
		t.Errorf("the audit log has %+v, %v", entries, err)
	}
}
