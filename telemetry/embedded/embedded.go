// Package embedded is a real ClickHouse engine inside the process, behind
// ClickHouse's own HTTP interface. The demo, the tests and the benchmarks read
// and write through it exactly as the service does through a server, so the
// SQL they try is the SQL that runs at the customer's.
//
// The engine is libchdb, a shared library of some 540 MiB that is never
// committed: `make engine` brings it, and Library says where it is looked for.
// It is called through purego, without cgo. The service itself does not import
// this package.
//
// Every statement runs in a session of its own, as every HTTP request to a
// server does: what one query SETs or USEs is gone with the next, and several
// queries run at once.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// ErrClosed is what a query gets whose engine has been closed.
var ErrClosed = errors.New("the engine is closed")

// Engine is the one ClickHouse engine of this process, on one folder. It may be
// used by many goroutines at once.
type Engine struct {
	lib     *library
	dir     string
	keep    *uintptr // a connection held open: libchdb shuts down with its last one
	version string
	zone    string

	closing context.Context // ends when Close begins, and running statements with it
	stop    context.CancelFunc

	mu     sync.RWMutex // held for reading by every statement, for writing by Close
	closed bool
}

// libchdb keeps one folder per process.
var (
	openMu   sync.Mutex
	openedIn string // the folder of the engine that is open, "" when none is
)

// Open starts the engine on a folder, which is made if need be and keeps the
// tables after Close. A process holds one engine at a time, and a folder
// belongs to one process at a time.
func Open(dir string) (*Engine, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the ClickHouse engine: %w", err)
	}

	openMu.Lock()
	defer openMu.Unlock()
	if openedIn != "" {
		return nil, fmt.Errorf("open the ClickHouse engine in %s: this process has it open in %s, and libchdb holds one folder a process: close that engine first", dir, openedIn)
	}
	lib, err := load()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the ClickHouse engine: %w", err)
	}

	e := &Engine{lib: lib, dir: dir}
	e.closing, e.stop = context.WithCancel(context.Background())
	if e.keep = lib.open(dir); e.keep == nil {
		return nil, fmt.Errorf("open the ClickHouse engine in %s: libchdb refused the folder: another process may be using it, or a newer version wrote it", dir)
	}
	if err := e.learn(); err != nil {
		lib.closeConn(e.keep)
		return nil, fmt.Errorf("open the ClickHouse engine in %s: %w", dir, err)
	}
	leaveAtOnce()
	openedIn = dir
	return e, nil
}

// learn asks for what the front tells its clients about the server.
func (e *Engine) learn() error {
	for sql, into := range map[string]*string{"SELECT version()": &e.version, "SELECT timezone()": &e.zone} {
		res, err := e.Query(e.closing, sql, "TSVRaw", nil, nil)
		if err != nil {
			return err
		}
		*into = string(trimNewline(res.Body))
	}
	return nil
}

// Dir is the folder the engine keeps its tables in.
func (e *Engine) Dir() string { return e.dir }

// Version is ClickHouse's own version, such as 26.7.2.1.
func (e *Engine) Version() string { return e.version }

// Close ends the statements that are running and shuts the engine down. The
// folder may then be opened again, here or by another process.
func (e *Engine) Close() error {
	openMu.Lock()
	defer openMu.Unlock()

	e.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	e.lib.closeConn(e.keep)
	openedIn = ""
	return nil
}
