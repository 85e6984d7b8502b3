package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
)

// insertTurns writes where verdicts changed. A rule whose source changed can
// turn a second time at the same minute, and then the later verdict holds.
func insertTurns(ctx context.Context, tx *sql.Tx, turns []incident.Turn) error {
	if len(turns) == 0 {
		return nil
	}
	put, err := tx.PrepareContext(ctx, `
		INSERT OR REPLACE INTO turns (rule, service, region, minute, now, held, recovered, value, "limit", requests, errors)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, t := range turns {
		_, err := put.ExecContext(ctx,
			t.Rule, t.Service, t.Region, nanos(t.Minute), t.Now.String(), t.Held.String(), t.Recovered,
			t.Value, t.Limit, int64(t.Requests), int64(t.Errors)) // bit by bit: SQLite's integers have a sign
		if err != nil {
			return fmt.Errorf("the turn of rule %q for %q in %q: %w", t.Rule, t.Service, t.Region, err)
		}
	}
	return nil
}

// Ledger yields the turns of the minutes that end in [from, to), in the order of
// minute, rule, service and region. Before them come, in the same order, the
// last turns before from, one a series: what was known when the time began.
func (db *DB) Ledger(ctx context.Context, from, to time.Time) iter.Seq2[incident.Turn, error] {
	return func(yield func(incident.Turn, error) bool) {
		// Of a group, SQLite gives the columns of the row with the greatest minute.
		rows, err := db.r.QueryContext(ctx, `
			SELECT max(minute) AS minute, rule, service, region, now, held, recovered, value, "limit", requests, errors
				FROM turns WHERE minute < ?1 GROUP BY rule, service, region
			UNION ALL
			SELECT minute, rule, service, region, now, held, recovered, value, "limit", requests, errors
				FROM turns WHERE minute >= ?1 AND minute < ?2
			ORDER BY minute, rule, service, region`, nanos(from), nanos(to))
		if err != nil {
			yield(incident.Turn{}, fmt.Errorf("read the turns: %w", db.explain(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			t, err := turn(rows)
			if err != nil {
				yield(t, fmt.Errorf("read the turns: %w", db.explain(err)))
				return
			}
			if !yield(t, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(incident.Turn{}, fmt.Errorf("read the turns: %w", db.explain(err)))
		}
	}
}

// turn makes the turn of a row.
func turn(rows *sql.Rows) (t incident.Turn, err error) {
	var minute, requests, errs int64
	var now, held string
	var value, limit sql.NullFloat64
	err = rows.Scan(&minute, &t.Rule, &t.Service, &t.Region, &now, &held, &t.Recovered, &value, &limit, &requests, &errs)
	if err != nil {
		return t, err
	}
	t.Minute, t.Requests, t.Errors = moment(minute), uint64(requests), uint64(errs)
	t.Value, t.Limit = figure(value), figure(limit)
	if t.Now, err = verdict(now); err != nil {
		return t, err
	}
	return t, t.Held.UnmarshalText([]byte(held))
}

// figure gives what was stored; SQLite has NULL for what is no number.
func figure(f sql.NullFloat64) float64 {
	if !f.Valid {
		return math.NaN()
	}
	return f.Float64
}

// verdict reads what Verdict.String wrote.
func verdict(s string) (evaluator.Verdict, error) {
	for _, v := range []evaluator.Verdict{evaluator.Unsure, evaluator.Good, evaluator.Bad} {
		if s == v.String() {
			return v, nil
		}
	}
	return evaluator.Unsure, fmt.Errorf("unknown verdict %q", s)
}
