// Package store keeps what must survive: the events, the deliveries that wait
// to go out, which minutes were judged and are known, where a verdict turned, the
// minutes that probes found, who may act and what people did. It is one SQLite file.
//
// An event, the deliveries it calls for and the minute that gave it are written
// in one transaction that is on the disk before Append comes back, so that a
// crash at any instruction leaves either all of them or none. DB is an
// incident.Log, a publisher.Outbox and, for the minutes of probes, an
// evaluator.Source. One process at a time may decide what is in the file: a
// lock beside it, which the kernel lets go when its holder dies, keeps a second
// one out. Others may read it meanwhile, make and revoke tokens, or note how mail
// addresses did.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite" // also registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
)

// DB is an open store.
type DB struct {
	path   string
	lock   *os.File
	w      *sql.DB // one connection: SQLite has one writer
	r      *sql.DB // readers, which in WAL mode neither wait nor are waited for
	beside bool    // only tokens, the audit log and addresses are ours to write
}

var (
	_ incident.Log     = (*DB)(nil)
	_ publisher.Outbox = (*DB)(nil)
	_ evaluator.Source = (*DB)(nil)
)

// busyTimeout is how long a statement waits for another program that holds
// the file, such as a person's sqlite3 shell.
const busyTimeout = 5 * time.Second

// Open opens the store at path, and makes it and its folder if need be. It
// checks that the file is whole, and brings an older one up to date.
func Open(ctx context.Context, path string) (*DB, error) {
	db, err := open(ctx, path)
	if err != nil {
		return nil, advise(path, err)
	}
	return db, nil
}

// OpenBeside opens the store, for its tokens, the audit log and what is known of
// mail addresses, beside a service
// that may be running with it: nothing else can be written. Where nobody has
// the store open it is made, checked and brought up to date as by Open; the
// lock is let go at once, so that a service can start meanwhile.
func OpenBeside(ctx context.Context, path string) (*DB, error) {
	db, err := open(ctx, path)
	if errors.Is(err, errHeld) {
		db, err = openBeside(ctx, path)
	}
	if err != nil {
		return nil, advise(path, err)
	}
	if db.lock != nil {
		_ = unlock(db.lock) // nothing was written to it that must last
		db.lock = nil
	}
	db.beside = true
	return db, nil
}

// advise adds to an error of opening which store it was, and what can be done.
func advise(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("open the store %s: %w: its folder must be writable for the user that Tocsin runs as; key store.path", path, err)
	}
	return fmt.Errorf("open the store %s: %w", path, err)
}

// OpenToRead opens a store that is there, beside a service that may be running
// with it: without the lock, and nothing can be written.
func OpenToRead(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the store: %w: has tocsin serve run with it?", err)
	}
	r, err := connect(path, 1, "query_only(1)")
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	db := &DB{path: path, r: r}
	steps := len(migrations())
	version, err := db.version(ctx, r, steps)
	if err == nil && version < steps {
		err = fmt.Errorf("an older Tocsin wrote it (schema %d, this one reads %d): start tocsin serve once, which brings it up to date", version, steps)
	}
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, errors.Join(err, r.Close()))
	}
	return db, nil
}

// What refuses to write through OpenToRead, and what is the service's own
// through OpenBeside.
var (
	errReadOnly = errors.New("the store was opened to read")
	errBeside   = errors.New("the store was opened beside a service, for tokens, addresses and the audit log alone")
)

func open(ctx context.Context, path string) (_ *DB, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, errors.New("it is a folder: name a file in it, as in /var/lib/tocsin/tocsin.db")
	}
	// The same file by another name has the same lock.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	db := &DB{path: path, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if db.w, err = connect(path, 1, writing...); err != nil {
		return nil, err
	}
	if err := db.check(ctx); err != nil {
		return nil, db.explain(err)
	}
	if err := db.migrate(ctx, migrations()); err != nil {
		return nil, err
	}
	if db.r, err = connect(path, 4, "query_only(1)"); err != nil {
		return nil, err
	}
	return db, nil
}

// openBeside connects to a store that a service has open.
func openBeside(ctx context.Context, path string) (_ *DB, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db := &DB{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if db.w, err = connect(path, 1, writing...); err != nil {
		return nil, err
	}
	steps := len(migrations())
	version, err := db.version(ctx, db.w, steps)
	if err != nil {
		return nil, err
	}
	if version < steps {
		return nil, fmt.Errorf("an older Tocsin runs with it (schema %d, this one writes %d): restart the service first, which brings it up to date", version, steps)
	}
	if db.r, err = connect(path, 1, "query_only(1)"); err != nil {
		return nil, err
	}
	return db, nil
}

// writing is what holds on a connection that writes.
var writing = []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}

// connect makes a pool of n connections that all begin with the same pragmas.
func connect(path string, n int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_txlock": {"immediate"}}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()))
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool, nil
}

// check reads the whole file and tells whether it can be trusted.
func (db *DB) check(ctx context.Context) error {
	var mode string
	if err := db.w.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("SQLite's write-ahead log does not work in this folder (journal mode %q): put the store on a local disk", mode)
	}
	rows, err := db.w.QueryContext(ctx, `PRAGMA integrity_check(3)`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		found = append(found, strings.ReplaceAll(line, "\n", ", "))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(found) != 1 || found[0] != "ok" {
		return db.damaged(errors.New(strings.Join(found, "; ")))
	}
	return nil
}

// Close ends all work with the store and lets its lock go.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.r, db.w} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if db.lock != nil {
		errs = append(errs, unlock(db.lock))
	}
	return errors.Join(errs...)
}

// write runs f in a transaction, if the store is this process's to write.
func (db *DB) write(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	if db.beside {
		return errBeside
	}
	return db.transact(ctx, f)
}

// transact runs f in a transaction. Once begun it is finished, whatever becomes
// of ctx: a caller must not be told that it was cancelled while the batch is on
// the disk.
func (db *DB) transact(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	if db.w == nil {
		return errReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := db.w.BeginTx(ctx, nil)
	if err != nil {
		return db.explain(err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := f(ctx, tx); err != nil {
		return db.explain(err)
	}
	return db.explain(tx.Commit())
}

// explain adds to an error of SQLite's what a person can do about it.
func (db *DB) explain(err error) error {
	switch code(err) & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk is full: free some space for %s; nothing that was stored is lost (%w)", db.path, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return db.damaged(err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("another program has held %s for more than %v: close it (%w)", db.path, busyTimeout, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%s and its folder must be writable for the user that Tocsin runs as (%w)", db.path, err)
	default:
		return err
	}
}

// damaged says what to do about a file that cannot be trusted.
func (db *DB) damaged(err error) error {
	return fmt.Errorf("the file is damaged or not a SQLite file (%w). Nothing was deleted. "+
		"Keep a copy of %[2]s, %[2]s-wal and %[2]s-shm; then put a backup in their place, "+
		"or what `sqlite3 %[2]s .recover` saves; with the files moved away, Tocsin begins an empty history", err, db.path)
}

// code gives SQLite's extended result code, 0 if err is not SQLite's.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// nanos is how a time is stored.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment is the time that nanos stored.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
