package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
)

// Due gives deliveries that are due: calls to people first, of the same kind the
// worst severity, of those the oldest event. next is when to look for another;
// zero if none waits.
func (db *DB) Due(ctx context.Context, a publisher.Ask) (due []publisher.Row, next time.Time, err error) {
	// One more than asked for tells whether there is more at once. The plus keeps
	// SQLite from the index by due: with it, it would sort all that are due for
	// each few that are asked for, and a long list has thousands.
	rows, err := db.letters(ctx, `WHERE state = 'waiting' AND channel = ?1 AND +due <= ?2
		AND (NOT ?3 OR call = 1 OR NOT EXISTS (
			SELECT 1 FROM outbox AS earlier
			WHERE earlier.state = 'waiting' AND earlier.channel = ?1 AND earlier.target = letter.target
				AND earlier.incident = letter.incident AND earlier.call = 0 AND earlier.seq < letter.seq))
		ORDER BY call DESC, severity, seq, id LIMIT ?4`, a.Channel, nanos(a.Now), a.Ordered, a.N+1)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("look for what is due on channel %q: %w", a.Channel, db.explain(err))
	}
	for _, r := range rows {
		due = append(due, r.Row)
	}
	if len(due) > a.N {
		return due[:a.N], due[a.N].Due, nil
	}
	var soonest sql.NullInt64
	err = db.r.QueryRowContext(ctx, `SELECT min(due) FROM outbox
		WHERE state = 'waiting' AND channel = ? AND due > ?`, a.Channel, nanos(a.Now)).Scan(&soonest)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("look for what is next on channel %q: %w", a.Channel, db.explain(err))
	}
	return due, moment(soonest.Int64), nil
}

// Spread puts a delivery to each target, due at once, in the place of one that
// names none. A target that stands twice is told once.
func (db *DB) Spread(ctx context.Context, id int64, targets []string, at time.Time) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE outbox SET state = 'done', ended = ?, receipt = ?, reason = ''
			WHERE id = ? AND state = 'waiting' AND target = ''`, nanos(at), fmt.Sprintf("to %d targets", len(targets)), id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); n == 0 || err != nil {
			return err // somebody was quicker
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO outbox (channel, key, target, incident, seq, severity, call, queued, due)
			SELECT channel, key, ?2, incident, seq, severity, call, ?3, ?3 FROM outbox WHERE id = ?1
			ON CONFLICT (channel, key, target) DO NOTHING`)
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, target := range targets {
			if target == "" {
				return errors.New("a target without a name")
			}
			if _, err := insert.ExecContext(ctx, id, target, nanos(at)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("spread delivery %d over %d targets: %w", id, len(targets), err)
	}
	return nil
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

// Halt records that nothing goes to a channel until Resume.
func (db *DB) Halt(ctx context.Context, channel, reason string, at time.Time) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO halted (channel, reason, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			channel, cmp.Or(reason, "nobody said why"), nanos(at))
		return err
	})
	if err != nil {
		return fmt.Errorf("halt the channel %q: %w", channel, err)
	}
	return nil
}

// Halted gives why nothing goes to a channel; "" where it is not so.
func (db *DB) Halted(ctx context.Context, channel string) (string, error) {
	var reason string
	var at int64
	err := db.r.QueryRowContext(ctx, `SELECT reason, at FROM halted WHERE channel = ?`, channel).Scan(&reason, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look whether the channel %q is halted: %w", channel, db.explain(err))
	}
	return fmt.Sprintf("the channel is halted since %s: %s", moment(at).Format("2006-01-02 15:04 UTC"), reason), nil
}

// Recall gives what a channel remembers under a name; "" if nothing.
func (db *DB) Recall(ctx context.Context, channel, name string) (string, error) {
	var value string
	err := db.r.QueryRowContext(ctx, `SELECT value FROM remembered WHERE channel = ? AND name = ?`, channel, name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("recall %q of channel %q: %w", name, channel, db.explain(err))
	}
	return value, nil
}

// Remember notes something for a channel; "" forgets it.
func (db *DB) Remember(ctx context.Context, channel, name, value string) error {
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		query := `INSERT INTO remembered (channel, name, value) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value`
		if value == "" {
			query = `DELETE FROM remembered WHERE channel = ?1 AND name = ?2`
		}
		_, err := tx.ExecContext(ctx, query, channel, name, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember %q of channel %q: %w", name, channel, err)
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
	dead, err := db.letters(ctx, `WHERE state = 'dead' ORDER BY seq, id`)
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", db.explain(err))
	}
	return dead, nil
}

// Pick says which deliveries are meant: all that fit every field that is not
// zero.
type Pick struct {
	ID       int64
	Channel  string
	Key      string
	Target   string
	Incident string
	Since    time.Time // of their first being due
	Sent     bool      // those that went out, too
}

// Retry has deliveries that ended go out again, with their keys: those that were
// given up, and if asked for those that went out. Their channel is not halted
// any more. a, if not nil, goes into the audit log. It gives how many there are.
func (db *DB) Retry(ctx context.Context, p Pick, at time.Time, a *incident.AuditEntry) (int, error) {
	var n int64
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		const picked = ` (state = 'dead' OR ?5 AND state = 'done' AND receipt NOT LIKE 'to % targets' AND receipt NOT LIKE 'put away: %') AND key <> ''
			AND (?1 = 0 OR id = ?1) AND (?2 = '' OR channel = ?2) AND (?3 = '' OR target = ?3)
			AND (?4 = '' OR incident = ?4) AND queued >= ?6 AND (?7 = '' OR key = ?7)`
		args := []any{p.ID, p.Channel, p.Target, p.Incident, p.Sent, nanos(p.Since), p.Key}
		if _, err := tx.ExecContext(ctx, `DELETE FROM halted WHERE channel IN (SELECT channel FROM outbox WHERE `+picked+`)`, args...); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE outbox SET state = 'waiting', ended = NULL, attempts = 0, due = ?8, queued = ?8 WHERE `+picked, append(args, nanos(at))...)
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		return auditAny(ctx, tx, a)
	})
	if err != nil {
		return 0, fmt.Errorf("have deliveries go out again: %w", err)
	}
	return int(n), nil
}

// Resume has deliveries go to a channel again. What was given up meanwhile stays
// so: Retry has it go out. a, if not nil, goes into the audit log. It says whether
// the channel was halted.
func (db *DB) Resume(ctx context.Context, channel string, a *incident.AuditEntry) (bool, error) {
	var n int64
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM halted WHERE channel = ?`, channel)
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		return auditAny(ctx, tx, a)
	})
	if err != nil {
		return false, fmt.Errorf("resume the channel %q: %w", channel, err)
	}
	return n > 0, nil
}

// Queues tells for every channel that ever had a delivery how many wait, since
// when, and how many were given up.
func (db *DB) Queues(ctx context.Context) ([]publisher.Queue, error) {
	// A month of mail is a million rows, and this is asked for again and again: each
	// part is read from an index that has just what it asks for.
	rows, err := db.r.QueryContext(ctx, `WITH RECURSIVE known (channel) AS (
			SELECT min(channel) FROM outbox
			UNION ALL SELECT (SELECT min(outbox.channel) FROM outbox WHERE outbox.channel > known.channel) FROM known WHERE channel IS NOT NULL)
		SELECT channel,
			(SELECT count(*) FROM outbox WHERE outbox.channel = known.channel AND state = 'waiting'),
			coalesce((SELECT min(queued) FROM outbox WHERE outbox.channel = known.channel AND state = 'waiting'), 0),
			(SELECT count(*) FROM outbox WHERE outbox.channel = known.channel AND state = 'dead'),
			coalesce((SELECT reason FROM halted WHERE halted.channel = known.channel), ''),
			coalesce((SELECT ended FROM outbox WHERE outbox.channel = known.channel AND state = 'done'
				AND receipt NOT LIKE 'to % targets' AND receipt NOT LIKE 'put away: %' AND receipt NOT LIKE 'it need not go out%'
				ORDER BY ended DESC LIMIT 1), 0),
			coalesce((SELECT reason FROM outbox
				WHERE outbox.channel = known.channel AND state = 'waiting' AND reason <> '' ORDER BY due DESC LIMIT 1), '')
		FROM known WHERE channel IS NOT NULL ORDER BY channel`)
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", db.explain(err))
	}
	defer rows.Close()
	var queues []publisher.Queue
	for rows.Next() {
		var q publisher.Queue
		var oldest, sent int64
		if err := rows.Scan(&q.Channel, &q.Waiting, &oldest, &q.Dead, &q.Halted, &sent, &q.Failing); err != nil {
			return nil, fmt.Errorf("count what waits: %w", err)
		}
		q.Oldest, q.Sent = moment(oldest), moment(sent)
		queues = append(queues, q)
	}
	return queues, rows.Err()
}

// letters reads deliveries; where follows the table, which is called letter.
func (db *DB) letters(ctx context.Context, where string, args ...any) ([]DeadLetter, error) {
	rows, err := db.r.QueryContext(ctx, `SELECT id, channel, key, target, incident, seq, severity, call, due, queued, attempts, reason, ended
		FROM outbox AS letter `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DeadLetter
	for rows.Next() {
		var l DeadLetter
		var severity string
		var due, queued int64
		var ended sql.NullInt64
		if err := rows.Scan(&l.ID, &l.Channel, &l.Key, &l.Target, &l.Incident, &l.Seq, &severity, &l.Call, &due, &queued, &l.Attempts, &l.LastErr, &ended); err != nil {
			return nil, err
		}
		l.Severity, _ = rules.ParseSeverity(severity)
		l.Due, l.Queued, l.At = moment(due), moment(queued), moment(ended.Int64)
		out = append(out, l)
	}
	return out, rows.Err()
}
