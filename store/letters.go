package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/featuresignals/tocsin/incident"
)

// DeadAsk says which dead letters are asked for: those that fit every field that
// is not empty, the newest first.
type DeadAsk struct {
	Channel string
	Key     string
	After   int64 // only those that come after the letter of this ID; 0: from the newest on
	N       int   // at most
}

// DeadPage gives some of the dead letters.
func (db *DB) DeadPage(ctx context.Context, a DeadAsk) ([]DeadLetter, error) {
	dead, err := db.letters(ctx, `WHERE state = 'dead' AND (?1 = '' OR channel = ?1) AND (?2 = '' OR key = ?2) AND id < ?3
		ORDER BY id DESC LIMIT ?4`, a.Channel, a.Key, before(a.After), max(a.N, 0))
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", db.explain(err))
	}
	return dead, nil
}

// DeadGroup is all dead letters of one delivery of a channel: one for each
// target that it did not reach.
type DeadGroup struct {
	DeadLetter     // the newest of them
	Count      int // how many there are
}

// DeadGroups gives the dead letters by delivery, as DeadPage does: a list of
// mail that bounced whole is one line.
func (db *DB) DeadGroups(ctx context.Context, a DeadAsk) ([]DeadGroup, error) {
	rows, err := db.r.QueryContext(ctx, `SELECT max(id), count(*) FROM outbox
		WHERE state = 'dead' AND (?1 = '' OR channel = ?1) AND (?2 = '' OR key = ?2)
		GROUP BY channel, key HAVING max(id) < ?3 ORDER BY max(id) DESC LIMIT ?4`, a.Channel, a.Key, before(a.After), max(a.N, 0))
	if err != nil {
		return nil, fmt.Errorf("count the dead letters: %w", db.explain(err))
	}
	defer rows.Close()
	var groups []DeadGroup
	for rows.Next() {
		var g DeadGroup
		if err := rows.Scan(&g.ID, &g.Count); err != nil {
			return nil, fmt.Errorf("count the dead letters: %w", err)
		}
		groups = append(groups, g)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count the dead letters: %w", db.explain(err))
	}
	var out []DeadGroup
	for _, g := range groups {
		newest, err := db.letters(ctx, `WHERE id = ? AND state = 'dead'`, g.ID)
		if err != nil {
			return nil, fmt.Errorf("read the dead letters: %w", db.explain(err))
		}
		if len(newest) == 1 { // else it went out again meanwhile
			out = append(out, DeadGroup{newest[0], g.Count})
		}
	}
	return out, nil
}

func before(id int64) int64 {
	if id <= 0 {
		return math.MaxInt64
	}
	return id
}

// Discard puts a channel's dead letters away, and with waiting also what waits:
// they count as done, are kept as long as what went out, and nobody is told. a
// goes into the audit log. It gives how many there were.
func (db *DB) Discard(ctx context.Context, channel string, waiting bool, at time.Time, a *incident.AuditEntry) (int, error) {
	var n int64
	err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE outbox SET state = 'done', ended = ?3, receipt = 'put away: ' || reason
			WHERE channel = ?1 AND (state = 'dead' OR ?2 AND state = 'waiting')`, channel, waiting, nanos(at))
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		if waiting {
			if _, err := tx.ExecContext(ctx, `DELETE FROM halted WHERE channel = ?`, channel); err != nil {
				return err
			}
		}
		return auditAny(ctx, tx, a)
	})
	if err != nil {
		return 0, fmt.Errorf("put the deliveries of channel %q away: %w", channel, err)
	}
	return int(n), nil
}

// auditAny writes an entry, if there is one.
func auditAny(ctx context.Context, tx *sql.Tx, a *incident.AuditEntry) error {
	if a == nil {
		return nil
	}
	return audit(ctx, tx, *a)
}
