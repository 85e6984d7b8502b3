package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/featuresignals/tocsin/incident"
)

// Audited is an entry of the audit log with its place in it.
type Audited struct {
	Seq uint64 `json:"seq"`
	incident.AuditEntry
}

// Audit writes down what was refused, or what is about no incident: signing in,
// making a token. What a person did to an incident is written with the events
// that came of it, by Append.
func (db *DB) Audit(ctx context.Context, e incident.AuditEntry) error {
	return db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error { return audit(ctx, tx, e) })
}

func audit(ctx context.Context, tx *sql.Tx, e incident.AuditEntry) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO audit (at, who, role, via, origin, action, incident, why, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		nanos(e.At), clip(e.Who), clip(e.Role), clip(e.Via), clip(e.From), clip(e.Action), clip(string(e.Incident)), clip(e.Why), clip(e.Outcome))
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// clip makes text fit to be kept for ever: some of it is a stranger's.
func clip(s string) string {
	const most = 4000
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// AuditLog gives n entries that were written before the one with the given seq,
// newest first; 0 begins with the newest there is.
func (db *DB) AuditLog(ctx context.Context, before uint64, n int) ([]Audited, error) {
	if before == 0 || before > math.MaxInt64 {
		before = math.MaxInt64
	}
	rows, err := db.r.QueryContext(ctx, `
		SELECT seq, at, who, role, via, origin, action, incident, why, outcome
		FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?`, int64(before), max(n, 0))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", db.explain(err))
	}
	defer rows.Close()
	var all []Audited
	for rows.Next() {
		var a Audited
		var at int64
		if err := rows.Scan(&a.Seq, &at, &a.Who, &a.Role, &a.Via, &a.From, &a.Action, &a.Incident, &a.Why, &a.Outcome); err != nil {
			return nil, fmt.Errorf("read the audit log: %w", db.explain(err))
		}
		a.At = moment(at)
		all = append(all, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", db.explain(err))
	}
	return all, nil
}
