package store

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// oldFile lays out a store that the first release wrote: events, deliveries
// that wait, went out and were given up, and a journal that was trimmed.
func oldFile(t *testing.T) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "schema1.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tocsin.db")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// byHand opens a file without any of our own code.
func byHand(t *testing.T, path string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// lines gives the rows of a query, each as one line.
func lines(t *testing.T, pool *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// contents is all that a file of the first schema holds, the same before and
// after it was brought up to date.
var contents = []string{
	`SELECT seq, incident, kind, at, recorded, body FROM events ORDER BY seq`,
	`SELECT id, channel, key, incident, seq, queued, due, attempts, state, receipt, reason, ended FROM outbox ORDER BY id`,
	`SELECT * FROM page_later ORDER BY channel, due`,
	`SELECT seq, minute, recorded FROM judged ORDER BY seq`,
	`SELECT minute FROM journal_start`,
	`SELECT name, seq FROM sqlite_sequence ORDER BY name`,
}

func TestAFileOfTheFirstReleaseKeepsAllThatItHolds(t *testing.T) {
	path := oldFile(t)
	if _, err := OpenToRead(t.Context(), path); err == nil || !strings.Contains(err.Error(), "an older Tocsin wrote it (schema 1") {
		t.Errorf("to read: %v", err)
	}
	pool := byHand(t, path)
	before := map[string][]string{}
	for _, query := range contents {
		if before[query] = lines(t, pool, query); len(before[query]) == 0 {
			t.Fatalf("the old file has nothing for %s", query)
		}
	}

	for range 2 { // the second time there is nothing left to do
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range contents {
			if diff := cmp.Diff(before[query], lines(t, db.r, query)); diff != "" {
				t.Errorf("%s (-before +after):\n%s", query, diff)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}

	db := openAt(t, path)
	for source, want := range map[string]time.Time{"": noon.Add(40 * time.Minute), rules.SourceSpans: noon.Add(40 * time.Minute), rules.SourceProbes: {}} {
		if mark, err := db.Watermark(t.Context(), source); err != nil || !mark.Equal(want) {
			t.Errorf("the watermark of %q is %v (%v), want %v", source, mark, err, want)
		}
	}
	if _, err := db.Append(t.Context(), incident.Batch{Judged: noon.Add(40 * time.Minute), Recorded: noon}); err == nil {
		t.Error("a minute that the old program judged was judged again")
	}
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}, Judged: noon.Add(41 * time.Minute)})
	events := all(t, db)
	if last := events[len(events)-1]; last.Seq != uint64(len(events)) {
		t.Errorf("the first new event has seq %d of %d", last.Seq, len(events))
	}
	if _, err := db.w.ExecContext(t.Context(), `DELETE FROM events`); err == nil {
		t.Error("events can be deleted now")
	}
}

// migratorEnv names the file that a child brings up to date.
const migratorEnv = "TOCSIN_TEST_MIGRATE"

// migrator says when it begins, and when it is done.
func migrator(path string) {
	fmt.Println("begin")
	db, err := Open(context.Background(), path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("done")
	db.Close()
	os.Exit(0)
}

// manyMinutes fills an old journal, so that bringing it up to date takes long
// enough to be killed in the middle.
func manyMinutes(t *testing.T, path string) {
	t.Helper()
	pool := byHand(t, path)
	_, err := pool.ExecContext(t.Context(), `
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
		INSERT INTO judged (minute, recorded) SELECT (SELECT max(minute) FROM judged) + i * 60000000000, 1 FROM n`)
	if err := errors.Join(err, pool.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAMigrationThatIsKilledLosesNothing(t *testing.T) {
	full := oldFile(t)
	manyMinutes(t, full)
	pool := byHand(t, full)
	before := map[string][]string{}
	for _, query := range contents {
		before[query] = lines(t, pool, query)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(full)
	if err != nil {
		t.Fatal(err)
	}

	rng := rand.New(rand.NewPCG(9, 9))
	path := filepath.Join(t.TempDir(), "tocsin.db")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	took := 300 * time.Millisecond // of a migration that nobody kills, at most
	killed := 0
	for range 5 {
		cmd, out := spawnAs(t, migratorEnv, path)
		begun := time.Now()
		if !out.Scan() || out.Text() != "begin" {
			t.Fatalf("the child says %q", out.Text())
		}
		time.AfterFunc(time.Duration(rng.Int64N(int64(took))), func() { _ = cmd.Process.Kill() })
		done := finished(t, out)
		_ = cmd.Wait()
		if done {
			took = min(took, time.Since(begun))
		} else {
			killed++
		}
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range contents {
			if got := lines(t, db.r, query); !slices.Equal(got, before[query]) {
				t.Fatalf("%s gives other rows: %d, where there were %d", query, len(got), len(before[query]))
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, more := range []string{"-wal", "-shm"} {
			_ = os.Remove(path + more)
		}
		if err := os.WriteFile(path, body, 0o600); err != nil { // old again
			t.Fatal(err)
		}
	}
	t.Logf("killed in the middle %d times of 5; the whole takes about %v", killed, took.Round(time.Millisecond))
}

// finished tells whether the child came to its end, and fails if it came to
// another one.
func finished(t *testing.T, out *bufio.Scanner) bool {
	t.Helper()
	if !out.Scan() {
		return false
	}
	if out.Text() != "done" {
		t.Fatalf("the child says %q", out.Text())
	}
	return true
}
