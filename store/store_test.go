package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

// openAt opens a store and closes it when the test ends.
func openAt(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openNew(t *testing.T) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "tocsin.db"))
}

// said is an update of the first incident that posts what it is given.
func said(at time.Time, posts ...incident.Post) incident.Event {
	return incident.Event{Incident: "INC-2026-0001", Kind: incident.Updated, At: at, By: incident.Clock, Posts: posts}
}

func appendTo(t *testing.T, db *DB, b incident.Batch) []incident.Event {
	t.Helper()
	if b.Recorded.IsZero() {
		b.Recorded = noon
	}
	stored, err := db.Append(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func all(t *testing.T, db *DB) []incident.Event {
	t.Helper()
	var events []incident.Event
	for e, err := range db.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func count(t *testing.T, db *DB, query string) (n int) {
	t.Helper()
	if err := db.r.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// full has every field set.
func full() incident.Event {
	at := func(m int) time.Time { return noon.Add(time.Duration(m)*time.Minute + 123456789) }
	return incident.Event{
		Incident: "INC-2026-0007", Kind: incident.Updated, At: at(1),
		By: "rule:api-errors", Component: "api", Region: "eu", Rule: "api-errors", Service: "featuresignals-api",
		Severity: rules.P1, State: incident.Monitoring, Sense: incident.SenseThin, Began: at(-5),
		Value: 0.1 + 0.2, Limit: 0.05, Requests: 1<<64 - 1, Errors: 3, Why: "15 % of 1,000 requests > 5 %, \"quoted\" <&> \u2028",
		Cause: "INC-2026-0006", Plan: "maintenance db-upgrade", Title: "Database upgrade", Components: []string{"db"}, Regions: []string{"eu"}, Due: at(2),
		Update: &incident.Update{
			Number: 3, State: incident.Monitoring, Severity: rules.P0, Trend: incident.TrendCalm,
			Said: at(3), AsOf: at(4), Late: true, Calm: 7 * time.Minute, Watching: 3 * time.Minute, Blind: at(5),
			Next: at(6), Every: 30 * time.Minute,
			Words:    rules.Words{Symptom: "elevated errors", Impact: "see failed requests", Workaround: "retry"},
			Quantile: 9990, Value: 2.5e9,
			Regions: []incident.RegionState{{Region: "eu", Severity: rules.P1, Slow: true}, {Region: "us"}},
			Also:    []string{"web"},
			Text:    "we moved traffic", Integrity: incident.NotImpacted, Inside: true, PostMortem: at(9), Into: "INC-2026-0005",
		},
		Private: true, Topic: "security", Words: rules.Words{Symptom: "a person's"}, Text: "looks like the cache", Integrity: incident.NotKnown,
		Role: "cto", To: []string{"ada", "grace"}, Reason: incident.AllOver, Step: 2, Forced: true, Until: at(10), Task: "p0/call", Checklist: "p0",
		Tasks: []incident.Task{{ID: "p0/call", Text: "call the provider", Command: "dig {{host}}", Link: "https://status.example.com", Seen: "well"}},
		Posts: []incident.Post{{Channel: "status", Due: at(7)}, {Channel: "hook", Key: "INC-2026-0007/3", Due: at(8)}},
	}
}

func TestEventsAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder", "of its own?%41#", "tocsin.db")
	db := openAt(t, path)
	berlin := time.FixedZone("CEST", 2*60*60)
	events := []incident.Event{
		full(),
		{Kind: incident.Blinded, At: noon.In(berlin), By: incident.Tocsin}, // all that may be empty is
		{Kind: incident.Sensed, At: noon.Add(time.Minute), By: incident.Tocsin, Why: "not UTF-8: \xff"},
	}
	recorded := noon.Add(1500 * time.Millisecond)
	stored := appendTo(t, db, incident.Batch{Events: events, Recorded: recorded})

	want := []incident.Event{events[0], events[1], events[2]}
	want[2].Why = "not UTF-8: \ufffd" // nothing that a span carries can make a batch fail
	for i := range want {
		want[i].Seq, want[i].Recorded = uint64(i+1), recorded
	}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("Append gave back something else (-want +got):\n%s", diff)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// Not only equal but the same: a board folded from what Append gave back
	// is the board folded after a restart.
	if diff := cmp.Diff(stored, all(t, openAt(t, path)), cmp.Comparer(func(a, b time.Time) bool { return a == b })); diff != "" {
		t.Errorf("All differs from what Append gave back (-appended +read):\n%s", diff)
	}
}

func TestEveryFieldOfTheFullEventIsSet(t *testing.T) {
	// The round trip above proves as much as full() fills in.
	e := full()
	e.Seq, e.Recorded = 1, noon
	for _, v := range []any{e, *e.Update, e.Update.Regions[0], e.Posts[1]} {
		if empty := emptyFields(v); len(empty) > 0 {
			t.Errorf("%T has empty fields: %v", v, empty)
		}
	}
}

func TestEventsComeInTheOrderOfTheirSeq(t *testing.T) {
	db := openNew(t)
	for i := range 30 {
		// Later batches tell of earlier times, as after a stop.
		appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon.Add(-time.Duration(i) * time.Minute)), said(noon)}})
	}
	events := all(t, db)
	if len(events) != 60 {
		t.Fatalf("%d events, want 60", len(events))
	}
	for i, e := range events {
		if e.Seq != uint64(i+1) {
			t.Fatalf("event %d has seq %d", i, e.Seq)
		}
	}
}

func TestAllStopsWhenAsked(t *testing.T) {
	db := openNew(t)
	for range 9 { // more than there are connections
		appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon), said(noon)}})
		for _, err := range db.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range db.All(ctx) {
		if err == nil {
			t.Fatal("a cancelled read yielded an event")
		}
	}
}

func TestEventsAreNeverChangedOrDeleted(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}})
	for _, stmt := range []string{`UPDATE events SET at = at + 1`, `DELETE FROM events`} {
		if _, err := db.w.ExecContext(t.Context(), stmt); err == nil {
			t.Errorf("%s was allowed", stmt)
		}
	}
}

func TestADamagedFileIsRefusedAndLeftAlone(t *testing.T) {
	tests := []struct {
		name   string
		damage func([]byte) []byte
	}{
		{"no SQLite file at all", func([]byte) []byte { return bytes.Repeat([]byte("not a database\n"), 1000) }},
		{"its head is overwritten", func(b []byte) []byte { copy(b, "garbage"); return b }},
		{"a page in the middle is zeroed", func(b []byte) []byte { clear(b[3*4096 : 4*4096]); return b }},
		{"its end is missing", func(b []byte) []byte { return b[:len(b)/2] }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tocsin.db")
			db := openAt(t, path)
			for range 100 {
				appendTo(t, db, incident.Batch{Events: []incident.Event{full2()}})
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := tt.damage(good)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err = Open(t.Context(), path)
			if err == nil {
				db.Close()
				t.Fatal("it was opened")
			}
			for _, want := range []string{path, "damaged", "Nothing was deleted", "Keep a copy", "backup"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, bad) {
				t.Errorf("the file was touched (%v)", err)
			}
		})
	}
}

// full2 is full without posts, whose keys may come only once.
func full2() incident.Event {
	e := full()
	e.Posts = nil
	return e
}

func TestAnotherSchemaIsRefused(t *testing.T) {
	tests := []struct {
		name, sql, want string
	}{
		{"of a newer version", `PRAGMA user_version = 99`, "a newer Tocsin wrote it (schema 99"},
		{"of another program", `PRAGMA application_id = 7`, "another program's SQLite file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tocsin.db")
			db := openAt(t, path)
			if _, err := db.w.ExecContext(t.Context(), tt.sql); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			for name, open := range map[string]func(context.Context, string) (*DB, error){"to write": Open, "to read": OpenToRead} {
				if _, err := open(t.Context(), path); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: got %v, want an error that says %q", name, err, tt.want)
				}
			}
		})
	}
}

func TestItCanBeReadBesideARunningService(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}, Judged: noon})
	reader, err := OpenToRead(t.Context(), db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}})
	if n := len(all(t, reader)); n != 2 {
		t.Errorf("it reads %d events, want 2", n)
	}
	if mark, err := reader.Watermark(t.Context(), ""); err != nil || !mark.Equal(noon) {
		t.Errorf("the watermark is %v (%v)", mark, err)
	}
	if _, err := reader.Append(t.Context(), incident.Batch{Events: []incident.Event{said(noon)}, Recorded: noon}); err == nil {
		t.Error("it wrote")
	}
	missing := filepath.Join(t.TempDir(), "missing.db")
	if _, err := OpenToRead(t.Context(), missing); err == nil || !strings.Contains(err.Error(), "has tocsin serve run") {
		t.Errorf("where there is none: %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("reading made a store")
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenToRead(t.Context(), empty); err == nil || !strings.Contains(err.Error(), "an older Tocsin wrote it (schema 0") {
		t.Errorf("an empty file: %v", err)
	}
}

func TestAMigrationThatFailsLeavesTheFileAsItWas(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}})
	steps := append(migrations(), `CREATE TABLE more (a INTEGER) STRICT;`, `CREATE TABLE lost (a INTEGER) STRICT; SELECT nothing FROM nowhere;`)
	good := len(migrations()) + 1
	err := db.migrate(t.Context(), steps)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("bring it to schema %d", good+1)) {
		t.Fatalf("got %v", err)
	}
	if n := count(t, db, `SELECT user_version FROM pragma_user_version`); n != good {
		t.Errorf("schema %d, want %d: the step that worked stays, the one that failed does not", n, good)
	}
	if n := count(t, db, `SELECT count(*) FROM sqlite_schema WHERE name = 'lost'`); n != 0 {
		t.Error("half of the failed step was kept")
	}
	if err := db.migrate(t.Context(), steps[:good]); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestTheFileIsWrittenThrough(t *testing.T) {
	db := openNew(t)
	// What holds on the writing connection: 2 is FULL.
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		if err := db.w.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", pragma, got, err, want)
		}
	}
	if _, err := db.r.ExecContext(t.Context(), `DELETE FROM judged`); err == nil {
		t.Error("a reading connection can write")
	}
}

func TestItWorksInVirtualTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		time.Sleep(time.Hour)
		at := time.Now()
		stored, err := db.Append(t.Context(), incident.Batch{Events: []incident.Event{said(at)}, Recorded: at})
		if err != nil || !stored[0].At.Equal(at) {
			t.Errorf("got %v, %v", stored, err)
		}
	})
}

func TestAHeldFileSaysWhoHoldsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the busy time-out")
	}
	db := openNew(t)
	shell, err := sql.Open("sqlite", db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer shell.Close()
	if _, err := shell.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	_, err = db.w.ExecContext(t.Context(), `PRAGMA busy_timeout = 10`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Append(t.Context(), incident.Batch{Events: []incident.Event{said(noon)}, Recorded: noon})
	if err == nil || !strings.Contains(err.Error(), "another program has held") {
		t.Errorf("got %v", err)
	}
}
