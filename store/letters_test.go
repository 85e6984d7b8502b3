package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
)

// bounced has a mail to many addresses bounce whole, and a hook fail twice.
func bounced(t *testing.T, addresses int) *DB {
	t.Helper()
	db := openNew(t)
	ctx := t.Context()
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("mail", "INC-2026-0001/1", 0), post("hook", "INC-2026-0001/1", 0), post("hook", "INC-2026-0001/2", 0))}})
	var targets []string
	for n := range addresses {
		targets = append(targets, fmt.Sprintf("a%d@example.com", n))
	}
	if err := db.Spread(ctx, 1, targets, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := db.w.ExecContext(ctx, `UPDATE outbox SET state = 'dead', reason = '550 no such user', ended = ? WHERE state = 'waiting'`, nanos(noon.Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	return db
}

func queueOf(t *testing.T, db *DB, channel string) publisher.Queue {
	t.Helper()
	all, err := db.Queues(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if q.Channel == channel {
			return q
		}
	}
	return publisher.Queue{}
}

func TestDeadLettersComeInPagesAndInGroups(t *testing.T) {
	db := bounced(t, 250)
	seen := map[int64]bool{}
	after, pages := int64(0), 0
	for {
		page, err := db.DeadPage(t.Context(), DeadAsk{Channel: "mail", After: after, N: 100})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		pages++
		for _, l := range page {
			if seen[l.ID] || after > 0 && l.ID >= after || l.Channel != "mail" || l.LastErr != "550 no such user" || l.Target == "" || l.At.IsZero() {
				t.Fatalf("out of place: %+v", l)
			}
			seen[l.ID], after = true, l.ID
		}
	}
	if len(seen) != 250 || pages != 3 {
		t.Errorf("%d letters on %d pages", len(seen), pages)
	}
	groups, err := db.DeadGroups(t.Context(), DeadAsk{N: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range groups {
		got = append(got, fmt.Sprintf("%s %s %d", g.Channel, g.Key, g.Count))
	}
	if want := "[mail INC-2026-0001/1 250 hook INC-2026-0001/2 1 hook INC-2026-0001/1 1]"; fmt.Sprint(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if next, err := db.DeadGroups(t.Context(), DeadAsk{N: 10, After: groups[1].ID}); err != nil || len(next) != 1 || next[0].ID != groups[2].ID {
		t.Errorf("the next page has %v, %v", next, err)
	}
}

func TestOneDeliveryIsTriedAgainToAllItDidNotReach(t *testing.T) {
	db := bounced(t, 20)
	by := incident.AuditEntry{At: noon, Who: "ana", Action: "retry", Outcome: "done"}
	if n, err := db.Retry(t.Context(), Pick{Channel: "mail", Key: "INC-2026-0001/1"}, noon.Add(time.Hour), &by); n != 20 || err != nil {
		t.Errorf("%d go out again, %v", n, err)
	}
	if q := queueOf(t, db, "mail"); q.Waiting != 20 || q.Dead != 0 || !q.Oldest.Equal(noon.Add(time.Hour)) {
		t.Errorf("mail: %+v", q)
	}
	if q := queueOf(t, db, "hook"); q.Waiting != 0 || q.Dead != 2 {
		t.Errorf("hook: %+v", q)
	}
	if log := auditLog(t, db, 0, 9); len(log) != 1 || log[0].Who != "ana" {
		t.Errorf("the audit log has %+v", log)
	}
}

func TestWhatIsPutAwayGoesOutNoMore(t *testing.T) {
	db := bounced(t, 3)
	ctx := t.Context()
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("hook", "INC-2026-0001/3", 0))}})
	if err := db.Halt(ctx, "hook", "410", noon); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Discard(ctx, "hook", false, noon, nil); n != 2 || err != nil {
		t.Errorf("%d are put away, %v", n, err)
	}
	if q := queueOf(t, db, "hook"); q.Waiting != 1 || q.Dead != 0 || q.Halted != "410" || !q.Sent.IsZero() {
		t.Errorf("hook: %+v", q)
	}
	if n, err := db.Discard(ctx, "hook", true, noon, nil); n != 1 || err != nil {
		t.Errorf("%d are put away, %v", n, err)
	}
	if q := queueOf(t, db, "hook"); q.Waiting+q.Dead != 0 || q.Halted != "" {
		t.Errorf("hook: %+v", q)
	}
	if n, err := db.Retry(ctx, Pick{Channel: "hook", Sent: true}, noon, nil); n != 0 || err != nil {
		t.Errorf("%d come back, %v", n, err)
	}
}

func TestAChannelSaysWhenItLastDeliveredAndWhatIsWrong(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("hook", "a", 0), post("hook", "b", 0))}})
	if err := db.Done(ctx, 1, 1, "ok", noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := db.Again(ctx, 2, "no answer", noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if q := queueOf(t, db, "hook"); q.Failing != "no answer" || !q.Sent.Equal(noon.Add(time.Second)) {
		t.Errorf("%+v", q)
	}
	if was, err := db.Resume(ctx, "hook", nil); was || err != nil {
		t.Errorf("it was halted: %v, %v", was, err)
	}
}
