package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Append writes a batch: its events, the deliveries they call for, the turns,
// the judged minute, what is known of it and who caused it, all or nothing. The events it gives back are those that
// All will yield. A delivery whose key its channel has seen before refuses the
// batch: keys are made from events, which are never decided twice.
func (db *DB) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	if b.Recorded.IsZero() {
		return nil, errors.New("the batch does not say when it is recorded")
	}
	if !b.Judged.Equal(b.Judged.Truncate(time.Minute)) {
		return nil, fmt.Errorf("the judged minute ends at %s, which is not a whole minute", b.Judged.Format(time.RFC3339Nano))
	}
	stored := make([]incident.Event, 0, len(b.Events))
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := judge(ctx, tx, b); err != nil {
			return err
		}
		if err := insertTurns(ctx, tx, b.Turns); err != nil {
			return err
		}
		if err := mark(ctx, tx, b.Marks); err != nil {
			return err
		}
		if err := read(ctx, tx, b.Readings); err != nil {
			return err
		}
		for _, e := range b.Events {
			s, err := insert(ctx, tx, e, b.Recorded)
			if err != nil {
				return fmt.Errorf("event %q of %q: %w", e.Kind, e.Incident, err)
			}
			for _, p := range s.Posts {
				if err := queue(ctx, tx, s, p); err != nil {
					return err
				}
			}
			stored = append(stored, s)
		}
		if b.Audit == nil {
			return nil
		}
		a := *b.Audit
		if a.At.IsZero() {
			a.At = b.Recorded
		}
		return audit(ctx, tx, a)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// judge writes the batch's minute into the journal of its source.
func judge(ctx context.Context, tx *sql.Tx, b incident.Batch) error {
	if b.Judged.IsZero() {
		return nil
	}
	source := sourceOf(b.Source)
	mark, err := watermark(ctx, tx, source)
	if err != nil {
		return err
	}
	if !b.Judged.After(mark) {
		return fmt.Errorf("the minute of %s until %s, with the watermark at %s: %w",
			source, b.Judged.UTC().Format(time.RFC3339), mark.Format(time.RFC3339), incident.ErrJudged)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO judged (source, minute, recorded) VALUES (?, ?, ?)`,
		source, nanos(b.Judged), nanos(b.Recorded))
	return err
}

// sourceOf gives the source that is meant: what names none comes from spans.
func sourceOf(name string) string { return cmp.Or(name, rules.SourceSpans) }

// insert writes an event and gives it back as it will be read.
func insert(ctx context.Context, tx *sql.Tx, e incident.Event, recorded time.Time) (incident.Event, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO events (incident, kind, at, recorded, body) VALUES (?, ?, ?, ?, ?)`,
		string(e.Incident), string(e.Kind), nanos(e.At), nanos(recorded), string(body))
	if err != nil {
		return e, err
	}
	seq, err := res.LastInsertId()
	if err != nil {
		return e, err
	}
	return event(seq, string(e.Incident), string(e.Kind), nanos(e.At), nanos(recorded), body)
}

// queue makes the outbox row that an event's post calls for.
func queue(ctx context.Context, tx *sql.Tx, e incident.Event, p incident.Post) error {
	if p.Due.IsZero() {
		p.Due = e.Recorded
	}
	if p.Key == "" {
		return queuePage(ctx, tx, e, p)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO outbox (channel, key, incident, seq, severity, call, queued, due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)`,
		p.Channel, p.Key, string(e.Incident), e.Seq, e.Severity.String(), p.Call(), nanos(p.Due))
	if code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return fmt.Errorf("the delivery %q to channel %q was queued before, by another event: nothing of the batch is stored", p.Key, p.Channel)
	}
	if err != nil {
		return fmt.Errorf("queue the delivery %q to channel %q: %w", p.Key, p.Channel, err)
	}
	return nil
}

// queuePage moves the page's one row on to e. A row that waits after failures
// is tried again at once, and one that was held is not held up further.
func queuePage(ctx context.Context, tx *sql.Tx, e incident.Event, p incident.Post) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO outbox (channel, key, incident, seq, queued, due) VALUES (?1, '', '', ?2, ?3, ?3)
		ON CONFLICT (channel, key, target) DO UPDATE SET
			seq      = excluded.seq,
			queued   = iif(state = 'waiting', min(queued, excluded.queued), excluded.queued),
			due      = iif(state = 'waiting', min(due, excluded.due), excluded.due),
			attempts = iif(state = 'waiting', attempts, 0),
			state    = 'waiting',
			ended    = NULL`,
		p.Channel, e.Seq, nanos(p.Due))
	if err == nil && p.Due.After(e.Recorded) {
		_, err = tx.ExecContext(ctx, `INSERT INTO page_later (channel, due) VALUES (?, ?) ON CONFLICT DO NOTHING`, p.Channel, nanos(p.Due))
	}
	if err != nil {
		return fmt.Errorf("queue the page of channel %q: %w", p.Channel, err)
	}
	return nil
}

// All yields every event, oldest first.
func (db *DB) All(ctx context.Context) iter.Seq2[incident.Event, error] { return db.After(ctx, 0) }

// After yields the events that came after the one with that Seq, oldest first.
func (db *DB) After(ctx context.Context, seq uint64) iter.Seq2[incident.Event, error] {
	return db.events(ctx, `SELECT seq, incident, kind, at, recorded, body FROM events WHERE seq > ? ORDER BY seq`, int64(seq))
}

// Timeline yields the events of one incident, oldest first.
func (db *DB) Timeline(ctx context.Context, id incident.ID) iter.Seq2[incident.Event, error] {
	return db.events(ctx, timelineQuery, string(id))
}

const timelineQuery = `SELECT seq, incident, kind, at, recorded, body FROM events WHERE incident = ? ORDER BY seq`

func (db *DB) events(ctx context.Context, query string, args ...any) iter.Seq2[incident.Event, error] {
	return func(yield func(incident.Event, error) bool) {
		rows, err := db.r.QueryContext(ctx, query, args...)
		if err != nil {
			yield(incident.Event{}, db.explain(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var seq, at, recorded int64
			var id, kind string
			var body []byte
			err := rows.Scan(&seq, &id, &kind, &at, &recorded, &body)
			var e incident.Event
			if err == nil {
				e, err = event(seq, id, kind, at, recorded, body)
			}
			if !yield(e, db.explain(err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(incident.Event{}, db.explain(err))
		}
	}
}

// event makes the event of a row.
func event(seq int64, id, kind string, at, recorded int64, body []byte) (incident.Event, error) {
	var e incident.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("event %d: %w", seq, err)
	}
	e.Seq, e.Incident, e.Kind = uint64(seq), incident.ID(id), incident.Kind(kind)
	e.At, e.Recorded = moment(at), moment(recorded)
	return e, nil
}

// Watermark gives the end of the newest judged minute of a source. Before the
// first it is what SetWatermark said, or zero.
func (db *DB) Watermark(ctx context.Context, source string) (time.Time, error) {
	mark, err := watermark(ctx, db.r, sourceOf(source))
	return mark, db.explain(err)
}

// SetWatermark says where a source's journal starts: the minute after this one
// will be the first to be judged. It is for a store that has judged nothing of
// the source yet.
func (db *DB) SetWatermark(ctx context.Context, source string, minute time.Time) error {
	source = sourceOf(source)
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM judged WHERE source = ? LIMIT 1)`, source).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return errors.New("minutes were judged already, and the journal only goes forward")
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO journal_start (source, minute) VALUES (?, ?)
			ON CONFLICT (source) DO UPDATE SET minute = excluded.minute`, source, nanos(minute))
		return err
	})
	if err != nil {
		return fmt.Errorf("start the journal of %s at %s: %w", source, minute.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// watermark reads through q, a pool or a transaction.
func watermark(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, source string,
) (time.Time, error) {
	var ns int64
	err := q.QueryRowContext(ctx, `SELECT max(
		coalesce((SELECT max(minute) FROM judged WHERE source = ?1), 0),
		coalesce((SELECT minute FROM journal_start WHERE source = ?1), 0))`, source).Scan(&ns)
	return moment(ns), err
}
