package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// childEnv names the file that a child of these tests writes to.
const childEnv = "TOCSIN_TEST_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	if path := os.Getenv(migratorEnv); path != "" {
		migrator(path)
	}
	os.Exit(m.Run())
}

// child appends batches until it is killed, and prints the number of each when
// it is stored.
func child(path string) {
	ctx := context.Background()
	db, err := Open(ctx, path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	mark, err := db.Watermark(ctx, rules.SourceSpans)
	for ; err == nil; mark = mark.Add(time.Minute) {
		if mark.IsZero() {
			mark = noon
		}
		n := int(mark.Sub(noon)/time.Minute) + 1
		_, err = db.Append(ctx, incident.Batch{
			Events: []incident.Event{
				{Incident: "INC-2026-0001", Kind: incident.Raised, At: mark, Why: strings.Repeat("why ", 300)},
				said(mark, incident.Post{Channel: "status", Due: mark}, incident.Post{Channel: "hook", Key: strconv.Itoa(n), Due: mark}),
			},
			Judged: mark.Add(time.Minute), Recorded: mark,
			Turns:    []incident.Turn{{Minute: mark.Add(time.Minute), Rule: "api-errors", Service: "api", Region: "eu", Now: evaluator.Bad}},
			Marks:    []incident.Mark{{Cell: incident.Cell{Component: "api", Region: "eu"}, Minute: mark, Known: true, First: n == 1}},
			Readings: []incident.Reading{{Cell: incident.Cell{Component: "api", Region: "eu"}, Kind: "p99", Step: mark.Truncate(incident.Step), Value: float64(n)}},
		})
		if err == nil {
			fmt.Println(n)
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

// spawn starts a child and gives its lines.
func spawn(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	return spawnAs(t, childEnv, path)
}

func spawnAs(t *testing.T, env, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), env+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestAKilledWriterLeavesWholeBatchesAndAllItReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	rng := rand.New(rand.NewPCG(1, 2))
	reported := 0
	for round := range 8 {
		cmd, lines := spawn(t, path)
		// Killed after some batches, at whatever it is doing by then.
		for left := 1 + rng.IntN(20); left > 0 && lines.Scan(); left-- {
			n, err := strconv.Atoi(lines.Text())
			if err != nil || n != reported+1 && n != reported+2 {
				t.Fatalf("round %d: the child says %q after batch %d", round, lines.Text(), reported)
			}
			reported = n
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it reported before the signal came
			reported++
		}
		_ = cmd.Wait() // killed

		db, err := Open(t.Context(), path) // the lock is free again
		if err != nil {
			t.Fatal(err)
		}
		minutes := count(t, db, `SELECT count(*) FROM judged`)
		if minutes < reported || minutes > reported+1 {
			t.Fatalf("round %d: %d batches are there, %d were reported", round, minutes, reported)
		}
		for query, want := range map[string]int{
			`SELECT count(*) FROM events`:                                      2 * minutes,
			`SELECT count(*) FROM turns`:                                       minutes,
			`SELECT count(*) FROM outbox WHERE key <> ''`:                      minutes,
			`SELECT seq FROM outbox WHERE key = ''`:                            2 * minutes,
			`SELECT (max(minute) - min(minute)) / 60000000000 + 1 FROM judged`: minutes,
		} {
			if got := count(t, db, query); got != want {
				t.Errorf("round %d: %s is %d, want %d", round, query, got, want)
			}
		}
		known, read := 0, 0.0
		cell := incident.Cell{Component: "api", Region: "eu"}
		h, err := db.History(t.Context(), noon.Add(time.Duration(minutes)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range h.Days(cell, incident.DayOf(noon), incident.DayOf(noon)+1) {
			if day != nil {
				known += day.Good
			}
		}
		for _, r := range h.Line(cell, "p99") {
			read = r.Value
		}
		if known != minutes || read != float64(minutes) || !h.Since(cell).Equal(noon) {
			t.Errorf("round %d: %d minutes are known since %s, the newest reading is %v; want %d", round, known, h.Since(cell), read, minutes)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASecondProcessIsKeptOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	cmd, lines := spawn(t, path)
	if !lines.Scan() || lines.Text() != "1" {
		t.Fatalf("the child says %q", lines.Text())
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		db, err := Open(t.Context(), name)
		if err == nil {
			db.Close()
			t.Fatal("two processes have it open")
		}
		if want := fmt.Sprintf("another Tocsin (process %d)", cmd.Process.Pid); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", name, err, want)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	db := openAt(t, path)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, path)
}

func TestACancelledAppendWritesNothing(t *testing.T) {
	db := openNew(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.Append(ctx, incident.Batch{Events: []incident.Event{said(noon)}, Recorded: noon})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(all(t, db)) != 0 {
		t.Error("it was stored all the same")
	}
}

// A program that is being started holds copies of all that is open until it is
// itself; what was closed meanwhile is to be free all the same.
func TestAClosedStoreIsFreeThoughAProgramIsBeingStarted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	db := openAt(t, path)
	copied, err := syscall.Dup(int(db.lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(copied)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
