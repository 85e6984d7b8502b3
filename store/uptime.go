package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"

	"github.com/featuresignals/tocsin/incident"
)

// SQLite has no bitwise or for blobs. The function is part of a statement of ours
// and of nothing in the file, which any SQLite reads.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("tocsin_either", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		a, okA := args[0].([]byte)
		b, okB := args[1].([]byte)
		if !okA || !okB || len(a) != len(b) {
			return nil, errors.New("tocsin_either: want two blobs of one length")
		}
		out := make([]byte, len(a))
		for i := range a {
			out[i] = a[i] | b[i]
		}
		return out, nil
	})
}

// mark writes down what is known of a minute. Saying it twice changes nothing, and
// what several sources say adds up.
func mark(ctx context.Context, tx *sql.Tx, marks []incident.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	put, err := tx.PrepareContext(ctx, `
		INSERT INTO uptime (day, component, region, known, maintenance) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (day, component, region) DO UPDATE SET
			known       = tocsin_either(known, excluded.known),
			maintenance = tocsin_either(maintenance, excluded.maintenance)`)
	if err != nil {
		return err
	}
	defer put.Close()
	first, err := tx.PrepareContext(ctx, `
		INSERT INTO watched (component, region, since) VALUES (?, ?, ?)
		ON CONFLICT (component, region) DO UPDATE SET since = excluded.since WHERE excluded.since < since`)
	if err != nil {
		return err
	}
	defer first.Close()
	for _, m := range marks {
		var err error
		if m.First {
			_, err = first.ExecContext(ctx, m.Component, m.Region, nanos(m.Minute))
		}
		for day, minutes := range m.Days() {
			var known, maintenance incident.Minutes
			if m.Known {
				known = minutes
			}
			if m.Maintenance {
				maintenance = minutes
			}
			if err == nil && (m.Known || m.Maintenance) {
				_, err = put.ExecContext(ctx, day, m.Component, m.Region, known.Bytes(), maintenance.Bytes())
			}
		}
		if err != nil {
			return fmt.Errorf("the minute of %s in %q from %s on: %w", m.Component, m.Region, m.Minute.UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}

// read writes down what was measured: the worst of each step.
func read(ctx context.Context, tx *sql.Tx, readings []incident.Reading) error {
	if len(readings) == 0 {
		return nil
	}
	put, err := tx.PrepareContext(ctx, `
		INSERT INTO readings (step, component, region, kind, value) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (step, component, region, kind) DO UPDATE SET value = max(value, excluded.value)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, r := range readings {
		if _, err := put.ExecContext(ctx, nanos(r.Step), r.Component, r.Region, r.Kind, r.Value); err != nil {
			return fmt.Errorf("the %s of %s in %q from %s on: %w", r.Kind, r.Component, r.Region, r.Step.UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}

// History gives what is known of the minutes of the last days, when the newest that
// was judged ends at at.
func (db *DB) History(ctx context.Context, at time.Time) (*incident.History, error) {
	h, err := db.history(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("read which minutes are known: %w", db.explain(err))
	}
	return h, nil
}

func (db *DB) history(ctx context.Context, at time.Time) (*incident.History, error) {
	tx, err := db.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // all of it as it was at one time
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // nothing was written
	from, step := incident.HistoryFrom(at)

	since := map[incident.Cell]time.Time{}
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var cell incident.Cell
		var ns int64
		err := rows.Scan(&cell.Component, &cell.Region, &ns)
		since[cell] = moment(ns)
		return err
	}, `SELECT component, region, since FROM watched`)
	if err != nil {
		return nil, err
	}
	var days []incident.Stored
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var s incident.Stored
		var known, maintenance []byte
		err := rows.Scan(&s.Day, &s.Component, &s.Region, &known, &maintenance)
		if err == nil {
			s.Known, err = incident.ReadMinutes(known)
		}
		if err == nil {
			s.Maintenance, err = incident.ReadMinutes(maintenance)
		}
		days = append(days, s)
		return err
	}, `SELECT day, component, region, known, maintenance FROM uptime WHERE day >= ?`, from)
	if err != nil {
		return nil, err
	}
	var readings []incident.Reading
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var r incident.Reading
		var ns int64
		err := rows.Scan(&ns, &r.Component, &r.Region, &r.Kind, &r.Value)
		r.Step = moment(ns)
		readings = append(readings, r)
		return err
	}, `SELECT step, component, region, kind, value FROM readings WHERE step >= ? ORDER BY step`, nanos(step))
	if err != nil {
		return nil, err
	}
	return incident.NewHistory(since, days, readings), nil
}

// each calls f for each row of a query.
func each(ctx context.Context, tx *sql.Tx, f func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
