package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const day = 24 * time.Hour

// How long is kept what is not the timeline, which is kept for ever.
const (
	keepJournal = 30 * day  // judged minutes, and deliveries that went out
	keepMinutes = 35 * day  // a month that rules can be tried on, and what their windows look back on
	keepTurns   = 400 * day // a year's report is written after the year
	keepRead    = 8 * day   // a page shows the last day of what was measured
)

// Trim is house-keeping: it forgets what is older, at the given time, than it is
// kept. Events, which minutes are known, the audit log, tokens, dead letters, each page's row, the newest judged minute of each
// source and the verdicts that still hold stay.
func (db *DB) Trim(ctx context.Context, at time.Time) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, old := range []struct {
			what  string
			keep  time.Duration
			query string
		}{
			{"judged minutes", keepJournal, `DELETE FROM judged
				WHERE minute < ? AND minute < (SELECT max(minute) FROM judged AS newest WHERE newest.source = judged.source)`},
			{"deliveries", keepJournal, `DELETE FROM outbox WHERE state = 'done' AND key <> '' AND ended < ?`},
			{"minutes of probes", keepMinutes, `DELETE FROM minutes WHERE start < ?`},
			// The verdict at the oldest time that is kept may rest on a row before it.
			{"turns", keepTurns, `DELETE FROM turns WHERE minute < ?1 AND EXISTS (
				SELECT 1 FROM turns AS later
				WHERE later.rule = turns.rule AND later.service = turns.service AND later.region = turns.region
					AND later.minute > turns.minute AND later.minute < ?1)`},
			{"readings", keepRead, `DELETE FROM readings WHERE step < ?`},
			{"sessions", 0, `DELETE FROM sessions WHERE expires <= ?1
				OR token IN (SELECT id FROM tokens WHERE revoked <= ?1 OR expires <= ?1)`},
		} {
			if _, err := tx.ExecContext(ctx, old.query, nanos(at.Add(-old.keep))); err != nil {
				return fmt.Errorf("%s: %w", old.what, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("trim the store: %w", err)
	}
	return nil
}
