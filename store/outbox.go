package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/publisher"
)

// Due gives the channel's deliveries that are due at now, oldest event first,
// at most n, and when the next one after them is due; zero if none waits.
func (db *DB) Due(ctx context.Context, channel string, now time.Time, n int) ([]publisher.Row, time.Time, error) {
	// One more than asked for tells whether there is more at once.
	rows, err := db.rows(ctx, `SELECT id, channel, key, incident, seq, due, attempts, reason, ended FROM outbox
		WHERE state = 'waiting' AND channel = ? AND due <= ? ORDER BY seq, id LIMIT ?`, channel, nanos(now), n+1)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("look for what is due on channel %q: %w", channel, db.explain(err))
	}
	var due []publisher.Row
	for _, r := range rows {
		due = append(due, r.Row)
	}
	if len(due) > n {
		return due[:n], due[n].Due, nil
	}
	var next sql.NullInt64
	err = db.r.QueryRowContext(ctx, `SELECT min(due) FROM outbox
		WHERE state = 'waiting' AND channel = ? AND due > ?`, channel, nanos(now)).Scan(&next)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("look for what is next on channel %q: %w", channel, db.explain(err))
	}
	return due, moment(next.Int64), nil
}

// Done records the receipt. A page that a newer event than seq waits for, or
// one whose time has yet to come, stays due. A delivery that is not there any
// more is none to record.
func (db *DB) Done(ctx context.Context, id int64, seq uint64, receipt string, at time.Time) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var channel, key string
		var newest uint64
		err := tx.QueryRowContext(ctx, `SELECT channel, key, seq FROM outbox WHERE id = ?`, id).Scan(&channel, &key, &newest)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		next, err := later(ctx, tx, channel, key, at)
		if err != nil {
			return err
		}
		switch {
		case key == "" && newest > seq:
			_, err = tx.ExecContext(ctx, `UPDATE outbox SET queued = ?, attempts = 0, receipt = ?, reason = ''
				WHERE id = ?`, nanos(at), receipt, id)
		case next.Valid:
			_, err = tx.ExecContext(ctx, `UPDATE outbox SET queued = ?1, due = ?1, attempts = 0, receipt = ?2, reason = ''
				WHERE id = ?3`, next.Int64, receipt, id)
		default:
			_, err = tx.ExecContext(ctx, `UPDATE outbox SET state = 'done', ended = ?, receipt = ?, reason = ''
				WHERE id = ?`, nanos(at), receipt, id)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("record the receipt of delivery %d: %w", id, err)
	}
	return nil
}

// later forgets the times at which a page has now been rendered and gives the
// next one, if any.
func later(ctx context.Context, tx *sql.Tx, channel, key string, at time.Time) (next sql.NullInt64, err error) {
	if key != "" {
		return next, nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM page_later WHERE channel = ? AND due <= ?`, channel, nanos(at)); err != nil {
		return next, err
	}
	err = tx.QueryRowContext(ctx, `SELECT min(due) FROM page_later WHERE channel = ?`, channel).Scan(&next)
	return next, err
}

// Again records a failure and when to try next.
func (db *DB) Again(ctx context.Context, id int64, reason string, next time.Time) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET attempts = attempts + 1, reason = ?, due = ?
			WHERE id = ? AND state = 'waiting'`, reason, nanos(next), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the failure of delivery %d: %w", id, err)
	}
	return nil
}

// Dead records that a delivery will not be tried any more.
func (db *DB) Dead(ctx context.Context, id int64, reason string, at time.Time) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET state = 'dead', attempts = attempts + 1, reason = ?, ended = ?
			WHERE id = ? AND state = 'waiting'`, cmp.Or(reason, "nobody said why"), nanos(at), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("record that delivery %d is given up: %w", id, err)
	}
	return nil
}

// DeadLetter is a delivery that was given up. Row.LastErr says why.
type DeadLetter struct {
	publisher.Row
	At time.Time // when it was given up
}

// DeadLetters gives every delivery that was given up, oldest event first.
func (db *DB) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	dead, err := db.rows(ctx, `SELECT id, channel, key, incident, seq, due, attempts, reason, ended FROM outbox
		WHERE state = 'dead' ORDER BY seq, id`)
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", db.explain(err))
	}
	return dead, nil
}

// Queues tells for every channel that ever had a delivery how many wait, since
// when, and how many were given up.
func (db *DB) Queues(ctx context.Context) ([]publisher.Queue, error) {
	rows, err := db.r.QueryContext(ctx, `SELECT channel,
			count(*) FILTER (WHERE state = 'waiting'),
			coalesce(min(queued) FILTER (WHERE state = 'waiting'), 0),
			count(*) FILTER (WHERE state = 'dead')
		FROM outbox GROUP BY channel ORDER BY channel`)
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", db.explain(err))
	}
	defer rows.Close()
	var queues []publisher.Queue
	for rows.Next() {
		var q publisher.Queue
		var oldest int64
		if err := rows.Scan(&q.Channel, &q.Waiting, &oldest, &q.Dead); err != nil {
			return nil, fmt.Errorf("count what waits: %w", err)
		}
		q.Oldest = moment(oldest)
		queues = append(queues, q)
	}
	return queues, rows.Err()
}

func (db *DB) rows(ctx context.Context, query string, args ...any) ([]DeadLetter, error) {
	rows, err := db.r.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DeadLetter
	for rows.Next() {
		var l DeadLetter
		var due int64
		var ended sql.NullInt64
		if err := rows.Scan(&l.ID, &l.Channel, &l.Key, &l.Incident, &l.Seq, &due, &l.Attempts, &l.LastErr, &ended); err != nil {
			return nil, err
		}
		l.Due, l.At = moment(due), moment(ended.Int64)
		out = append(out, l)
	}
	return out, rows.Err()
}
