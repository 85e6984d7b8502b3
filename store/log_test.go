package store

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// emptyFields names the fields of a struct that have their zero value.
func emptyFields(v any) (names []string) {
	for f, value := range reflect.ValueOf(v).Fields() {
		if value.IsZero() && f.Tag.Get("json") != "-" { // what is not kept is worked out anew
			names = append(names, f.Name)
		}
	}
	return names
}

func TestABatchIsStoredWholeOrNotAtAll(t *testing.T) {
	post := func(channel, key string) incident.Post { return incident.Post{Channel: channel, Key: key, Due: noon} }
	tests := []struct {
		name   string
		events []incident.Event
		want   string
	}{
		{
			"its last event breaks a rule of the schema",
			[]incident.Event{said(noon, post("hook", "b")), {Kind: incident.Opened, At: noon}},
			"CHECK constraint failed",
		},
		{
			"an event has no time",
			[]incident.Event{said(noon, post("hook", "b")), said(time.Time{})},
			"CHECK constraint failed",
		},
		{
			"its last delivery names no channel",
			[]incident.Event{said(noon, post("hook", "b"), post("", "c"))},
			"CHECK constraint failed",
		},
		{
			"a delivery was queued before",
			[]incident.Event{said(noon, post("status", ""), post("hook", "b")), said(noon, post("hook", "a"))},
			`the delivery "a" to channel "hook" was queued before`,
		},
		{
			"a delivery comes twice in it",
			[]incident.Event{said(noon, post("hook", "b"), post("hook", "b"))},
			`the delivery "b" to channel "hook" was queued before`,
		},
		{
			"a value cannot be written",
			[]incident.Event{said(noon, post("hook", "b")), {Kind: incident.Sensed, At: noon, Value: math.NaN()}},
			"NaN",
		},
	}
	for _, tt := range tests {
		t.Run("when "+tt.name, func(t *testing.T) {
			db := openNew(t)
			appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("hook", "a"), post("status", ""))}, Judged: noon})
			_, err := db.Append(t.Context(), incident.Batch{Events: tt.events, Judged: noon.Add(time.Minute), Recorded: noon})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error that says %q", err, tt.want)
			}
			for query, want := range map[string]int{
				`SELECT count(*) FROM events`:                           1,
				`SELECT count(*) FROM outbox`:                           2,
				`SELECT count(*) FROM judged`:                           1,
				`SELECT max(seq) FROM outbox`:                           1,
				`SELECT seq FROM sqlite_sequence WHERE name = 'events'`: 1,
			} {
				if got := count(t, db, query); got != want {
					t.Errorf("%s is %d, want %d", query, got, want)
				}
			}
			// And the same minute can be tried again.
			appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon, post("hook", "b"))}, Judged: noon.Add(time.Minute)})
		})
	}
}

func TestAMinuteIsJudgedOnce(t *testing.T) {
	db := openNew(t)
	mark := func() time.Time {
		t.Helper()
		m, err := db.Watermark(t.Context(), rules.SourceSpans)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if !mark().IsZero() {
		t.Errorf("a new store has the watermark %v", mark())
	}
	if err := db.SetWatermark(t.Context(), rules.SourceSpans, noon.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := db.SetWatermark(t.Context(), rules.SourceSpans, noon); err != nil {
		t.Fatal("before the first judged minute the start may move:", err)
	}
	if !mark().Equal(noon) || count(t, db, `SELECT count(*) FROM judged`) != 0 {
		t.Error("the start is the watermark, and no judged minute")
	}

	judge := func(minute time.Time) error {
		_, err := db.Append(t.Context(), incident.Batch{Judged: minute, Recorded: noon})
		return err
	}
	if err := judge(noon); !errors.Is(err, incident.ErrJudged) {
		t.Errorf("the start itself: got %v, want ErrJudged", err)
	}
	if err := judge(noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := judge(noon.Add(5 * time.Minute)); err != nil {
		t.Fatal("a gap is the caller's to explain:", err)
	}
	for _, m := range []int{5, 4, 1, -9} {
		_, err := db.Append(t.Context(), incident.Batch{
			Events: []incident.Event{said(noon)}, Judged: noon.Add(time.Duration(m) * time.Minute), Recorded: noon,
		})
		if !errors.Is(err, incident.ErrJudged) {
			t.Errorf("minute %d: got %v, want ErrJudged", m, err)
		}
	}
	if len(all(t, db)) != 0 {
		t.Error("events of a refused minute were stored")
	}
	if err := judge(noon.Add(6*time.Minute + time.Second)); err == nil {
		t.Error("half a minute was judged")
	}
	if _, err := db.Append(t.Context(), incident.Batch{Events: []incident.Event{said(noon)}, Recorded: noon}); err != nil {
		t.Errorf("a batch that comes from no minute: %v", err)
	}
	if !mark().Equal(noon.Add(5 * time.Minute)) {
		t.Errorf("the watermark is %v", mark())
	}
	if err := db.SetWatermark(t.Context(), rules.SourceSpans, noon.Add(time.Hour)); err == nil {
		t.Error("the start moved after minutes were judged")
	}
	// The schema itself refuses what the code would not do.
	if _, err := db.w.ExecContext(t.Context(), `INSERT INTO judged (source, minute, recorded) VALUES ('spans', ?, 1)`, nanos(noon.Add(2*time.Minute))); err == nil {
		t.Error("a minute was put in out of order")
	}
}

func TestAFullDiskLosesNothing(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}, Judged: noon})
	if _, err := db.w.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, count(t, db, `SELECT page_count FROM pragma_page_count`)+2)); err != nil {
		t.Fatal(err)
	}
	stored := 1
	var err error
	for err == nil {
		e := full2()
		e.Why = strings.Repeat("why ", 200)
		_, err = db.Append(t.Context(), incident.Batch{
			Events: []incident.Event{e, e, e}, Judged: noon.Add(time.Duration(stored) * time.Minute), Recorded: noon,
		})
		if err == nil {
			stored += 3
		}
	}
	for _, want := range []string{"the disk is full", "free some space", db.path, "nothing that was stored is lost"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	if got := len(all(t, db)); got != stored {
		t.Errorf("%d events are there, want the %d that were stored", got, stored)
	}
	if _, err := db.w.ExecContext(t.Context(), `PRAGMA max_page_count = 100000`); err != nil {
		t.Fatal(err)
	}
	appendTo(t, db, incident.Batch{Events: []incident.Event{full2()}, Judged: noon.Add(time.Duration(stored) * time.Minute)})
}

// BenchmarkAppend stores a round that says something about an incident.
func BenchmarkAppend(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "tocsin.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	n := 0
	for b.Loop() {
		n++
		batch := incident.Batch{Events: []incident.Event{full2(), full2()}, Judged: noon.Add(time.Duration(n) * time.Minute), Recorded: noon}
		batch.Events[1].Posts = []incident.Post{{Channel: "status", Due: noon}, {Channel: "hook", Key: fmt.Sprint(n), Due: noon}}
		if _, err := db.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendMarks stores a round in which nothing happened, of 100 components in
// three regions, and what is known of them.
func BenchmarkAppendMarks(b *testing.B) {
	for _, cells := range []int{0, 30, 300} {
		b.Run(fmt.Sprintf("cells=%d", cells), func(b *testing.B) {
			db, err := Open(b.Context(), filepath.Join(b.TempDir(), "tocsin.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			n := 0
			for b.Loop() {
				minute := noon.Add(time.Duration(n) * time.Minute)
				n++
				batch := incident.Batch{Judged: minute.Add(time.Minute), Recorded: noon}
				for i := range cells {
					batch.Marks = append(batch.Marks, incident.Mark{Cell: incident.Cell{Component: fmt.Sprint("c", i/3), Region: fmt.Sprint("r", i%3)}, Minute: minute, Known: true})
				}
				if _, err := db.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStart opens a store with 10,000 events and folds them, as every
// start does.
func BenchmarkStart(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tocsin.db")
	db, err := Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	events := make([]incident.Event, 10_000)
	for i := range events {
		events[i] = full2()
	}
	if _, err := db.Append(b.Context(), incident.Batch{Events: events, Recorded: noon}); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		db, err := Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, err := range db.All(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != len(events) {
			b.Fatalf("%d events", n)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
