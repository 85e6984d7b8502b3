package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

func TestTrimForgetsOnlyWhatIsOver(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	for i := range 4 {
		at := noon.Add(time.Duration(i) * time.Hour)
		appendTo(t, db, incident.Batch{Judged: at, Recorded: at, Events: []incident.Event{
			said(at, incident.Post{Channel: "hook", Key: fmt.Sprint("k", i), Due: at}, incident.Post{Channel: "status", Due: at}),
		}})
	}
	rows, _, err := db.Due(ctx, publisher.Ask{Channel: "hook", Now: noon.Add(4 * time.Hour), N: 10})
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows are due (%v), want 4", len(rows), err)
	}
	page, _, err := db.Due(ctx, publisher.Ask{Channel: "status", Now: noon.Add(4 * time.Hour), N: 10})
	if err != nil || len(page) != 1 {
		t.Fatalf("%d pages are due (%v), want 1", len(page), err)
	}
	for _, err := range []error{
		db.Done(ctx, rows[0].ID, rows[0].Seq, "r", noon),
		db.Done(ctx, rows[1].ID, rows[1].Seq, "r", noon.Add(48*time.Hour)),
		db.Dead(ctx, rows[2].ID, "gone", noon),
		db.Done(ctx, page[0].ID, page[0].Seq, "hash", noon),
		db.Trim(ctx, noon.Add(2*time.Hour+keepJournal)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int{
		`SELECT count(*) FROM events`:                  4, // none is ever removed
		`SELECT count(*) FROM judged`:                  2,
		`SELECT count(*) FROM outbox`:                  4, // less k0
		`SELECT count(*) FROM outbox WHERE key = 'k0'`: 0,
	} {
		if got := count(t, db, query); got != want {
			t.Errorf("%s is %d, want %d", query, got, want)
		}
	}
	if err := db.Trim(ctx, noon.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if mark, err := db.Watermark(ctx, rules.SourceSpans); err != nil || !mark.Equal(noon.Add(3*time.Hour)) {
		t.Errorf("the watermark is %v (%v): trimming must not move it", mark, err)
	}
}

func TestTrimKeepsTheVerdictsThatHold(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Turns: []incident.Turn{
		turned(0, "eu", evaluator.Good), turned(1, "eu", evaluator.Bad), turned(2, "eu", evaluator.Good), turned(9, "eu", evaluator.Bad),
		turned(0, "us", evaluator.Good), turned(5, "us", evaluator.Bad),
		turned(0, "in", evaluator.Unsure), turned(1, "in", evaluator.Good),
	}})
	want := ledger(t, db, after(5), after(99))
	for _, at := range []time.Time{after(0), after(5), after(5)} {
		if err := db.Trim(t.Context(), at.Add(keepTurns)); err != nil {
			t.Fatal(err)
		}
	}
	if got := ledger(t, db, after(5), after(99)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("what is known from then on:\n got %v\nwant %v", got, want)
	}
	if n := count(t, db, `SELECT count(*) FROM turns`); n != 5 { // 2eu 9eu, 0us 5us, 1in
		t.Errorf("%d turns are left, want 5", n)
	}
	if err := db.Trim(t.Context(), after(5).AddDate(50, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, `SELECT count(*) FROM turns`); n != 3 {
		t.Errorf("%d turns are left for ever, want the newest of each series", n)
	}
}

func TestTrimForgetsOldMinutesOfProbes(t *testing.T) {
	db := openNew(t)
	var ms []telemetry.Minute
	for m := range 5 {
		ms = append(ms, telemetry.Minute{Series: probed("eu"), Start: after(m), Requests: 4})
	}
	put(t, db, ms...)
	if err := db.Trim(t.Context(), after(3).Add(35*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := minutes(t, db, noon, after(9)); len(got) != 2 || !got[0].Start.Equal(after(3)) {
		t.Errorf("left are %v", got)
	}
}
