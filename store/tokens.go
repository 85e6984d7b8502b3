package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// ErrNoToken is the answer to a token, or a session, that does not hold: never
// heard of, expired or revoked. It does not say which.
var ErrNoToken = errors.New("no such token, or it holds no longer")

// Token says for whom a token stands. The token itself is not kept.
type Token struct {
	ID      int64     `json:"id"`
	Person  string    `json:"person"`
	Role    string    `json:"role"` // "viewer", "responder" or "admin"
	Hint    string    `json:"hint"` // how it begins, to recognise it by
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Revoked time.Time `json:"revoked,omitzero"`
	Used    time.Time `json:"used,omitzero"` // last, to the hour
}

// Holds reports whether the token is good at the given time.
func (t Token) Holds(at time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || at.Before(t.Expires))
}

const (
	tokenPrefix = "tocsin_" // by which scanners of repositories find one that leaked
	hintLength  = len(tokenPrefix) + 4
	usedEvery   = time.Hour
	// Each browser of a person takes one of the sessions of a token; the oldest
	// makes room.
	mostSessions = 50
)

// secret makes 256 random bits in letters that fit a header and a cookie.
func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: it would rather end the process
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hash is what is kept of a secret. A plain hash is enough for 256 random bits,
// and a look-up by it tells nothing about them by the time it takes. No secret
// is longer than the most that is looked at.
func hash(secret string) []byte {
	const most = 128
	sum := sha256.Sum256([]byte(secret[:min(len(secret), most)]))
	return sum[:]
}

// MakeToken makes a token for a person, good until expires, or until it is
// revoked if that is zero. The secret is given this once.
func (db *DB) MakeToken(ctx context.Context, person, role string, expires, at time.Time) (string, Token, error) {
	s := tokenPrefix + secret()
	t := Token{Person: person, Role: role, Hint: s[:hintLength], Created: moment(nanos(at)), Expires: moment(nanos(expires))}
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO tokens (person, role, hash, hint, created, expires) VALUES (?, ?, ?, ?, ?, nullif(?, 0))`,
			t.Person, t.Role, hash(s), t.Hint, nanos(t.Created), nanos(t.Expires))
		if err != nil {
			return err
		}
		t.ID, err = res.LastInsertId()
		return err
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("make a token for %q: %w", person, err)
	}
	return s, t, nil
}

const tokenColumns = `tokens.id, tokens.person, tokens.role, tokens.hint, tokens.created, tokens.expires, tokens.revoked, tokens.used`

func scanToken(scan func(...any) error) (Token, error) {
	var t Token
	var created int64
	var expires, revoked, used sql.NullInt64
	if err := scan(&t.ID, &t.Person, &t.Role, &t.Hint, &created, &expires, &revoked, &used); err != nil {
		return Token{}, err
	}
	t.Created, t.Expires, t.Revoked, t.Used = moment(created), moment(expires.Int64), moment(revoked.Int64), moment(used.Int64)
	return t, nil
}

// Tokens gives every token that was ever made, in that order.
func (db *DB) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := db.r.QueryContext(ctx, `SELECT `+tokenColumns+` FROM tokens ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list the tokens: %w", db.explain(err))
	}
	defer rows.Close()
	var all []Token
	for rows.Next() {
		t, err := scanToken(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list the tokens: %w", db.explain(err))
		}
		all = append(all, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the tokens: %w", db.explain(err))
	}
	return all, nil
}

// RevokeToken ends a token and its sessions at once. One that was revoked before
// stays as it is.
func (db *DB) RevokeToken(ctx context.Context, id int64, at time.Time) error {
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE id = ?`, nanos(at), id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNoToken)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE token = ?`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke token %d: %w", id, err)
	}
	return nil
}

// TokenOf gives the token that a secret is, or ErrNoToken.
func (db *DB) TokenOf(ctx context.Context, secret string, at time.Time) (Token, error) {
	t, err := scanToken(db.r.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE hash = ?`, hash(secret)).Scan)
	return db.holding(ctx, t, err, at)
}

// MakeSession begins a session of a token, for a browser. It lasts as long as it
// is told to and no longer than its token. The secret is given this once.
func (db *DB) MakeSession(ctx context.Context, token int64, at time.Time, lasts time.Duration) (string, error) {
	s := secret()
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		t, err := scanToken(tx.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE id = ?`, token).Scan)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !t.Holds(at) {
			return ErrNoToken
		}
		if err != nil {
			return err
		}
		expires := at.Add(lasts)
		if !t.Expires.IsZero() && t.Expires.Before(expires) {
			expires = t.Expires
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE token = ?1 AND hash NOT IN (
			SELECT hash FROM sessions WHERE token = ?1 ORDER BY created DESC LIMIT ?2)`, token, mostSessions-1)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO sessions (hash, token, created, expires) VALUES (?, ?, ?, ?)`,
			hash(s), token, nanos(at), nanos(expires))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("begin a session of token %d: %w", token, err)
	}
	return s, nil
}

// SessionOf gives the token that a session stands for, or ErrNoToken where the
// session or its token holds no longer.
func (db *DB) SessionOf(ctx context.Context, secret string, at time.Time) (Token, error) {
	t, err := scanToken(db.r.QueryRowContext(ctx, `
		SELECT `+tokenColumns+` FROM sessions JOIN tokens ON tokens.id = sessions.token
		WHERE sessions.hash = ? AND sessions.expires > ?`, hash(secret), nanos(at)).Scan)
	return db.holding(ctx, t, err, at)
}

// holding gives a token that was looked up, if it holds, and notes that it was
// used.
func (db *DB) holding(ctx context.Context, t Token, err error, at time.Time) (Token, error) {
	if errors.Is(err, sql.ErrNoRows) || err == nil && !t.Holds(at) {
		return Token{}, ErrNoToken
	}
	if err != nil {
		return Token{}, fmt.Errorf("look a token up: %w", db.explain(err))
	}
	if t.Used.IsZero() || at.Sub(t.Used) >= usedEvery {
		// A full disk must not keep people out: it is them who mend it.
		_ = db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE tokens SET used = max(coalesce(used, 0), ?) WHERE id = ?`, nanos(at), t.ID)
			return err
		})
		t.Used = moment(nanos(at))
	}
	return t, nil
}

// EndSession ends a session; one that is not there has ended.
func (db *DB) EndSession(ctx context.Context, secret string) error {
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE hash = ?`, hash(secret))
		return err
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}
