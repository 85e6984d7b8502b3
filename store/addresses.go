package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/featuresignals/tocsin/publisher"
)

// What is known of mail addresses is written beside a running service, too: by
// a bounce that the mail server hands to a command, and by people.

// MarkAddress notes how an address did: a.Times is not looked at, since the
// store counts how often the same happened in a row. Whoever unsubscribed stays
// so, whatever else happens to the address, and one that bounced is not called
// merely refused.
func (db *DB) MarkAddress(ctx context.Context, a publisher.Address) error {
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO addresses (channel, address, state, reason, at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (channel, address) DO UPDATE SET
				times = CASE state WHEN excluded.state THEN times + 1 ELSE 1 END,
				state = excluded.state, reason = excluded.reason, at = excluded.at
			WHERE excluded.state = 'unsubscribed' OR state = excluded.state OR state = 'refused'`,
			a.Channel, a.Address, a.State, clip(cmp.Or(a.Reason, "nobody said why")), nanos(a.At))
		return err
	})
	if err != nil {
		return fmt.Errorf("note that %s is %s on channel %q: %w", a.Address, a.State, a.Channel, err)
	}
	return nil
}

// ForgetAddress has an address that was left out hear of things again, on one
// channel or, where none is named, on all; it gives on how many it was known.
func (db *DB) ForgetAddress(ctx context.Context, channel, address string) (int, error) {
	var n int64
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM addresses WHERE (?1 = '' OR channel = ?1) AND address = ?2`, channel, address)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget what is known of %s: %w", address, err)
	}
	return int(n), nil
}

// ForgiveAddress forgets that an address was refused, since it takes mail again.
// What became of it meanwhile otherwise stays.
func (db *DB) ForgiveAddress(ctx context.Context, channel, address string) error {
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM addresses WHERE channel = ? AND address = ? AND state = 'refused'`, channel, address)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget that %s was refused on channel %q: %w", address, channel, err)
	}
	return nil
}

// Address gives what is known of an address, the zero Address if nothing is.
func (db *DB) Address(ctx context.Context, channel, address string) (publisher.Address, error) {
	a := publisher.Address{Channel: channel, Address: address}
	var at int64
	err := db.r.QueryRowContext(ctx, `SELECT state, reason, at, times FROM addresses WHERE channel = ? AND address = ?`,
		channel, address).Scan(&a.State, &a.Reason, &at, &a.Times)
	if errors.Is(err, sql.ErrNoRows) {
		return publisher.Address{}, nil
	}
	if err != nil {
		return publisher.Address{}, fmt.Errorf("look how %s did on channel %q: %w", address, channel, db.explain(err))
	}
	a.At = moment(at)
	return a, nil
}

// Addresses lists what is known of addresses, of one channel or, where none is
// named, of all.
func (db *DB) Addresses(ctx context.Context, channel string) ([]publisher.Address, error) {
	rows, err := db.r.QueryContext(ctx, `SELECT channel, address, state, reason, at, times FROM addresses
		WHERE ?1 = '' OR channel = ?1 ORDER BY channel, address`, channel)
	if err != nil {
		return nil, fmt.Errorf("list what is known of addresses: %w", db.explain(err))
	}
	defer rows.Close()
	var all []publisher.Address
	for rows.Next() {
		var a publisher.Address
		var at int64
		if err := rows.Scan(&a.Channel, &a.Address, &a.State, &a.Reason, &at, &a.Times); err != nil {
			return nil, fmt.Errorf("list what is known of addresses: %w", err)
		}
		a.At = moment(at)
		all = append(all, a)
	}
	return all, rows.Err()
}
