package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
)

// due gives what is due on a channel some minutes past noon, and when to look
// again.
func due(t *testing.T, db *DB, channel string, minutes int) ([]publisher.Row, time.Time) {
	t.Helper()
	rows, next, err := db.Due(t.Context(), publisher.Ask{Channel: channel, Now: noon.Add(time.Duration(minutes) * time.Minute), N: 10})
	if err != nil {
		t.Fatal(err)
	}
	return rows, next
}

func post(channel, key string, minutes int) incident.Post {
	return incident.Post{Channel: channel, Key: key, Due: noon.Add(time.Duration(minutes) * time.Minute)}
}

func TestWhatIsDueComesOldestEventFirst(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{
		said(noon, post("hook", "1", 3), post("other", "1", 0)),
		said(noon, post("hook", "2", 1)),
		said(noon, post("hook", "3", 9)),
	}})

	rows, next := due(t, db, "hook", 0)
	if len(rows) != 0 || !next.Equal(noon.Add(time.Minute)) {
		t.Errorf("at noon %d rows are due, the next at %v", len(rows), next)
	}
	rows, next = due(t, db, "hook", 5)
	want := []publisher.Row{
		{ID: 1, Channel: "hook", Key: "1", Incident: "INC-2026-0001", Seq: 1, Due: noon.Add(3 * time.Minute), Queued: noon.Add(3 * time.Minute)},
		{ID: 3, Channel: "hook", Key: "2", Incident: "INC-2026-0001", Seq: 2, Due: noon.Add(time.Minute), Queued: noon.Add(time.Minute)},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("due five minutes later (-want +got):\n%s", diff)
	}
	if !next.Equal(noon.Add(9 * time.Minute)) {
		t.Errorf("the next is due at %v", next)
	}
	// With more than asked for, the next one is due already.
	rows, next, err := db.Due(t.Context(), publisher.Ask{Channel: "hook", Now: noon.Add(5 * time.Minute), N: 1})
	if err != nil || len(rows) != 1 || rows[0].Key != "1" || !next.Equal(noon.Add(time.Minute)) {
		t.Errorf("got %v, next %v, %v", rows, next, err)
	}
	if rows, next := due(t, db, "nobody", 5); len(rows) != 0 || !next.IsZero() {
		t.Errorf("a channel without deliveries has %v, next %v", rows, next)
	}
}

func TestADeliveryEndsDoneOrDead(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("hook", "a", 0), post("hook", "b", 0))}})
	if err := db.Again(ctx, 1, "no answer", noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	rows, next := due(t, db, "hook", 0)
	if len(rows) != 1 || rows[0].Key != "b" || !next.Equal(noon.Add(time.Minute)) {
		t.Fatalf("after a failure %v are due, the next at %v", rows, next)
	}
	rows, _ = due(t, db, "hook", 1)
	if len(rows) != 2 || rows[0].Attempts != 1 || rows[0].LastErr != "no answer" {
		t.Fatalf("a minute later %v are due", rows)
	}

	if err := db.Done(ctx, 1, 1, "200 msg_x", noon.Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := db.Dead(ctx, 2, "410 Gone", noon.Add(3*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if rows, next := due(t, db, "hook", 60); len(rows) != 0 || !next.IsZero() {
		t.Errorf("%v are due, the next at %v", rows, next)
	}
	dead, err := db.DeadLetters(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []DeadLetter{{
		Row: publisher.Row{ID: 2, Channel: "hook", Key: "b", Incident: "INC-2026-0001", Seq: 1, Due: noon, Queued: noon, Attempts: 1, LastErr: "410 Gone"},
		At:  noon.Add(3 * time.Minute),
	}}
	if diff := cmp.Diff(want, dead); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	// What comes late changes nothing.
	for _, err := range []error{
		db.Again(ctx, 1, "late", noon), db.Dead(ctx, 1, "late", noon), db.Again(ctx, 2, "late", noon), db.Done(ctx, 99, 1, "", noon),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if n := count(t, db, `SELECT count(*) FROM outbox WHERE state = 'done' AND receipt = '200 msg_x' OR state = 'dead' AND reason = '410 Gone'`); n != 2 {
		t.Errorf("%d rows are as they were left, want 2", n)
	}
}

func TestAPageSwallowsOlderOnes(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	event := func(minutes int) {
		t.Helper()
		at := noon.Add(time.Duration(minutes) * time.Minute)
		appendTo(t, db, incident.Batch{Events: []incident.Event{said(at, incident.Post{Channel: "status", Due: at})}, Recorded: at})
	}
	page := func(minutes int) publisher.Row {
		t.Helper()
		rows, _ := due(t, db, "status", minutes)
		if len(rows) != 1 {
			t.Fatalf("after %d minutes %d pages are due, want 1", minutes, len(rows))
		}
		return rows[0]
	}
	for i := range 5 {
		event(i)
	}
	if r := page(4); r.Seq != 5 || r.Key != "" || r.Incident != "" || !r.Due.Equal(noon) {
		t.Fatalf("five events made %+v", r)
	}

	// It fails; the next event has it tried at once.
	id := page(4).ID
	if err := db.Again(ctx, id, "disk full", noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if rows, next := due(t, db, "status", 5); len(rows) != 0 || !next.Equal(noon.Add(time.Hour)) {
		t.Fatalf("%v are due, the next at %v", rows, next)
	}
	event(5)
	if r := page(5); r.Seq != 6 || r.Attempts != 1 {
		t.Fatalf("after a failure and an event: %+v", r)
	}

	// Event 7 comes while the page is rendered up to event 6.
	event(6)
	if err := db.Done(ctx, id, 6, "hash 6", noon.Add(6*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if r := page(6); r.Seq != 7 || r.Attempts != 0 || r.LastErr != "" {
		t.Fatalf("a newer event is lost: %+v", r)
	}
	if err := db.Done(ctx, id, 7, "hash 7", noon.Add(6*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if rows, next := due(t, db, "status", 600); len(rows) != 0 || !next.IsZero() {
		t.Fatalf("a page that is out is due again: %v, next %v", rows, next)
	}
	event(7)
	if r := page(7); r.Seq != 8 || !r.Due.Equal(noon.Add(7*time.Minute)) {
		t.Fatalf("the next event after a rest: %+v", r)
	}
	if n := count(t, db, `SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("the page has %d rows, want one in all", n)
	}
}

func TestAPageIsRenderedAgainWhenAHoldEnds(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("status", "", 5))}})
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("status", "", 2))}})
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("status", "", 0))}})
	for _, minutes := range []int{0, 2, 5} {
		rows, _ := due(t, db, "status", minutes)
		if len(rows) != 1 {
			t.Fatalf("after %d minutes %d pages are due, want 1", minutes, len(rows))
		}
		if err := db.Done(t.Context(), rows[0].ID, 3, "hash", noon.Add(time.Duration(minutes)*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if rows, _ := due(t, db, "status", minutes); len(rows) != 0 {
			t.Fatalf("after %d minutes it is due twice", minutes)
		}
	}
	if rows, next := due(t, db, "status", 600); len(rows) != 0 || !next.IsZero() {
		t.Errorf("%v are due, next %v", rows, next)
	}
}

func TestQueuesTellSinceWhenTheyWait(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	appendTo(t, db, incident.Batch{Events: []incident.Event{
		said(noon, post("hook", "a", 1), post("hook", "b", 2), post("hook", "c", 0), post("status", "", 0), post("mail", "a", 0), post("mail", "b", 0)),
	}})
	for _, err := range []error{
		db.Again(ctx, 1, "no answer", noon.Add(time.Hour)), // does not make it younger
		db.Dead(ctx, 3, "gone", noon),
		db.Done(ctx, 4, 1, "hash", noon),
		db.Done(ctx, 6, 1, publisher.ErrMoot.Error()+": it unsubscribed", noon), // went nowhere
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := db.Queues(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []publisher.Queue{
		{Channel: "hook", Waiting: 2, Oldest: noon.Add(time.Minute), Dead: 1, Failing: "no answer"},
		{Channel: "mail", Waiting: 1, Oldest: noon},
		{Channel: "status", Sent: noon},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTwoChannelsMayShareAKey(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("hook", "a", 0), post("mail", "a", 0))}})
	for _, channel := range []string{"hook", "mail"} {
		if rows, _ := due(t, db, channel, 0); len(rows) != 1 {
			t.Error(fmt.Sprint(channel, " has ", len(rows), " rows, want 1"))
		}
	}
}
