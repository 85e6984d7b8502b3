package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// PutMinutes keeps what probes found, all of it or nothing. A minute that is
// there already is replaced.
func (db *DB) PutMinutes(ctx context.Context, ms []telemetry.Minute) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, `
			INSERT OR REPLACE INTO minutes (start, service, region, stream, requests, errors, matches, durations, gauges)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer put.Close()
		for _, m := range ms {
			if err := putMinute(ctx, put, m); err != nil {
				return fmt.Errorf("the minute %s of %q in %q: %w", m.Start.UTC().Format(time.RFC3339), m.Series.Service, m.Series.Region, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the minutes of probes: %w", err)
	}
	return nil
}

func putMinute(ctx context.Context, put *sql.Stmt, m telemetry.Minute) error {
	durations, err := m.Durations.MarshalBinary()
	if err != nil {
		return err
	}
	gauges, err := json.Marshal(figures(m.Gauges))
	if err != nil {
		return err
	}
	_, err = put.ExecContext(ctx, nanos(m.Start), m.Series.Service, m.Series.Region, m.Series.Stream,
		int64(m.Requests), int64(m.Errors), int64(m.Matches), durations, string(gauges)) // bit by bit, as in turns
	return err
}

// figures leaves out what is no number: it says nothing, and JSON has no word
// for it.
func figures(gauges map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(gauges))
	for name, v := range gauges {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[name] = v
		}
	}
	return out
}

// Minutes satisfies evaluator.Source: it yields the minutes that PutMinutes was
// given and that start in [from, to), less those in except, oldest first.
func (db *DB) Minutes(ctx context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	var query strings.Builder
	query.WriteString(`SELECT start, service, region, stream, requests, errors, matches, durations, gauges
		FROM minutes WHERE requests <> 0 AND start >= ? AND start < ?`)
	args := []any{nanos(from), nanos(to)}
	for _, r := range except {
		query.WriteString(` AND NOT (start >= ? AND start < ?)`)
		args = append(args, nanos(r.From), nanos(r.To))
	}
	query.WriteString(` ORDER BY start, service, region, stream`)
	return func(yield func(telemetry.Minute, error) bool) {
		rows, err := db.r.QueryContext(ctx, query.String(), args...)
		if err != nil {
			yield(telemetry.Minute{}, fmt.Errorf("read the minutes of probes: %w", db.explain(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			m, err := minute(rows)
			if err != nil {
				yield(m, fmt.Errorf("read the minutes of probes: %w", db.explain(err)))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(telemetry.Minute{}, fmt.Errorf("read the minutes of probes: %w", db.explain(err)))
		}
	}
}

// minute makes the minute of a row.
func minute(rows *sql.Rows) (m telemetry.Minute, err error) {
	var start, requests, errs, matches int64
	var durations, gauges []byte
	err = rows.Scan(&start, &m.Series.Service, &m.Series.Region, &m.Series.Stream, &requests, &errs, &matches, &durations, &gauges)
	if err != nil {
		return m, err
	}
	m.Start, m.Requests, m.Errors, m.Matches = moment(start), uint64(requests), uint64(errs), uint64(matches)
	if err = m.Durations.UnmarshalBinary(durations); err == nil {
		err = json.Unmarshal(gauges, &m.Gauges)
	}
	if err != nil {
		return m, fmt.Errorf("%s of %q in %q: %w", m.Start.Format(time.RFC3339), m.Series.Service, m.Series.Region, err)
	}
	if len(m.Gauges) == 0 {
		m.Gauges = nil
	}
	return m, nil
}
