package embedded

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Result is an answer and what it cost.
type Result struct {
	Body        []byte        // in the format that was asked for
	RowsRead    uint64        // rows that ClickHouse read from its tables, not rows answered
	BytesRead   uint64        // the same in bytes, uncompressed
	RowsWritten uint64        // of an INSERT
	Elapsed     time.Duration // ClickHouse's own time
}

// Query runs one statement and returns its answer in a format such as "TSV",
// "JSONEachRow" or "Native" (a FORMAT clause in the statement has the last
// word). Parameters fill the statement's {name:Type} places. Settings hold for
// this statement alone; an unknown one is an *Error with code 115. When ctx
// ends, the statement is killed.
func (e *Engine) Query(ctx context.Context, sql, format string, params, settings map[string]string) (Result, error) {
	var res Result
	err := e.with(ctx, func(s *session) error {
		if err := s.set(settings); err != nil {
			return err
		}
		var err error
		res, err = s.query(sql, format, params)
		return err
	})
	return res, err
}

// Exec runs a script: statements that each end at a semicolon at the end of a
// line. They share a session, so a SET holds for those that follow. It stops
// at the first mistake.
func (e *Engine) Exec(ctx context.Context, script string) error {
	return e.with(ctx, func(s *session) error {
		for _, sql := range split(script) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := s.query(sql, "Null", nil); err != nil {
				return fmt.Errorf("run %q: %w", opening(sql), err)
			}
		}
		return nil
	})
}

// marks number the sessions. A mark is written into a setting that means
// nothing inside one process, where system.processes shows it: that is how the
// statement to kill is found, since libchdb lets nobody choose a query's id.
var marks atomic.Uint64

const (
	markSetting = "idle_connection_timeout"
	markBase    = 1_000_000_000
)

// with runs work in a fresh session, on one thread, and kills what the session
// runs when ctx ends or the engine closes.
func (e *Engine) with(ctx context.Context, work func(*session) error) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// libchdb keeps the state of a running statement with the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	s, err := e.session()
	if err != nil {
		return err
	}
	defer s.close()
	mark := markBase + marks.Add(1)
	if err := s.set(map[string]string{markSetting: strconv.FormatUint(mark, 10)}); err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.closing, func() { cancel(ErrClosed) })()
	done, killed := make(chan struct{}), make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() { e.kill(mark, done); close(killed) })
	err = work(s)
	close(done)
	if unwatch() {
		return err
	}
	<-killed // its session must be gone before ours lets go of the engine
	if err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// session opens a connection to the engine.
func (e *Engine) session() (*session, error) {
	conn := e.lib.open(e.dir)
	if conn == nil {
		return nil, fmt.Errorf("open a session on the ClickHouse engine in %s: libchdb refused", e.dir)
	}
	return &session{lib: e.lib, conn: conn}, nil
}

// kill stops the statement that carries the mark. It asks until the statement
// has ended, because one that has only just begun is not in the list yet.
func (e *Engine) kill(mark uint64, done <-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := e.session()
	if err != nil {
		return
	}
	defer s.close()
	sql := fmt.Sprintf("KILL QUERY WHERE Settings['%s'] = '%d' ASYNC", markSetting, mark)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		default:
		}
		// What KILL answers does not matter: done alone says that it worked.
		_, _ = s.query(sql, "Null", nil)
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

// split takes a script apart at each semicolon that ends a line, and leaves
// out pieces without a statement.
func split(script string) []string {
	var statements []string
	var piece strings.Builder
	add := func() {
		if opening(piece.String()) != "" {
			statements = append(statements, strings.TrimSpace(piece.String()))
		}
		piece.Reset()
	}
	for line := range strings.Lines(script) {
		trimmed := strings.TrimRight(line, " \t\r\n")
		end := strings.HasSuffix(trimmed, ";")
		piece.WriteString(strings.TrimSuffix(trimmed, ";"))
		piece.WriteByte('\n')
		if end {
			add()
		}
	}
	add()
	return statements
}

// opening is the first line of a statement that is not a comment.
func opening(sql string) string {
	for line := range strings.Lines(sql) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--") {
			return line
		}
	}
	return ""
}

func trimNewline(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }
