package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
)

// A list of thousands is asked for a few at a time: each question must not look
// at all of them.
func TestDueIsQuickWhateverWaits(t *testing.T) {
	db := openOne(t)
	now := time.Now()
	took := func(rows int) time.Duration {
		e := incident.Event{Incident: "INC-2026-0001", At: now, Kind: incident.Updated, Posts: []incident.Post{{Channel: fmt.Sprint(rows), Key: "a", Due: now}}}
		if _, err := db.Append(t.Context(), incident.Batch{Recorded: now, Events: []incident.Event{e}}); err != nil {
			t.Fatal(err)
		}
		targets := make([]string, rows)
		for n := range targets {
			targets[n] = fmt.Sprintf("%d@example.net", n)
		}
		due, _, err := db.Due(t.Context(), publisher.Ask{Channel: fmt.Sprint(rows), Now: now, N: 1})
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		if err := db.Spread(t.Context(), due[0].ID, targets, now); err != nil {
			t.Fatal(err)
		}
		best := time.Hour // of several: others run on this machine, too
		for range 15 {
			begin := time.Now()
			due, _, err := db.Due(t.Context(), publisher.Ask{Channel: fmt.Sprint(rows), Now: now, N: 4, Ordered: true})
			if err != nil || len(due) != 4 {
				t.Fatal(due, err)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	few, many := took(20), took(5000)
	if many > 10*few {
		t.Errorf("with 5,000 rows it takes %v, with 20 %v", many, few)
	}
}

// What went out is kept for a month, and how the channels stand is asked for all
// the time: it must not look at what is kept.
func TestHowTheChannelsStandIsQuickWhateverIsKept(t *testing.T) {
	took := func(rows int) time.Duration {
		db := openOne(t)
		now := time.Now()
		e := incident.Event{Incident: "INC-2026-0001", At: now, Kind: incident.Updated, Posts: []incident.Post{{Channel: "mail", Key: "a", Due: now}}}
		if _, err := db.Append(t.Context(), incident.Batch{Recorded: now, Events: []incident.Event{e}}); err != nil {
			t.Fatal(err)
		}
		if _, err := db.w.ExecContext(t.Context(), `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
			INSERT INTO outbox (channel, key, target, incident, seq, queued, due, state, receipt, ended)
			SELECT channel, key, n, incident, seq, queued, due, 'done', '250 Ok', queued + n FROM outbox, n`, rows); err != nil {
			t.Fatal(err)
		}
		best := time.Hour // of several: others run on this machine, too
		for range 15 {
			begin := time.Now()
			if q, err := db.Queues(t.Context()); err != nil || len(q) != 1 || q[0].Waiting != 1 || q[0].Sent.Sub(now) != time.Duration(rows) {
				t.Fatal(q, err)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	few, many := took(20), took(20_000)
	if many > 10*few {
		t.Errorf("with 20,000 rows it takes %v, with 20 %v", many, few)
	}
}
