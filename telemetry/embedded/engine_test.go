package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
)

func TestQueryGivesTheAnswerAndItsCost(t *testing.T) {
	db := database(t)
	e := enginetest.ForTest(t)
	if err := e.Exec(t.Context(), "CREATE TABLE "+db+".x (a UInt64) ENGINE = MergeTree ORDER BY a;\nINSERT INTO "+db+".x SELECT number FROM numbers(100000);\n"); err != nil {
		t.Fatal(err)
	}
	res, err := e.Query(t.Context(), "SELECT {who:String}, sum(a) FROM "+db+".x", "TSV", map[string]string{"who": "all"}, map[string]string{"max_threads": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(res.Body), "all\t4999950000\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if res.RowsRead != 100000 || res.BytesRead != 800000 || res.Elapsed <= 0 || res.Elapsed > time.Minute {
		t.Errorf("cost %d rows, %d bytes, %s: want 100000 rows and 800000 bytes in some time", res.RowsRead, res.BytesRead, res.Elapsed)
	}
}

func TestQueryTellsMistakesByTheirCode(t *testing.T) {
	e := enginetest.ForTest(t)
	_, err := e.Query(t.Context(), "SELECT nobody", "TSV", nil, nil)
	wrong, ok := errors.AsType[*embedded.Error](err)
	if !ok || wrong.Code != 47 || !strings.HasPrefix(wrong.Msg, "Unknown expression identifier") {
		t.Errorf("got %v, want code 47 and ClickHouse's sentence", err)
	}
	_, err = e.Query(t.Context(), "SELECT 1", "TSV", nil, map[string]string{"max_nonsense": "1"})
	if wrong, ok := errors.AsType[*embedded.Error](err); !ok || wrong.Code != 115 {
		t.Errorf("an unknown setting: got %v, want code 115", err)
	}
}

func TestTheEngineRunsInUTC(t *testing.T) {
	res, err := enginetest.ForTest(t).Query(t.Context(), "SELECT timezone(), toDateTime(0)", "TSV", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(res.Body), "UTC\t1970-01-01 00:00:00\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAScriptIsRunStatementByStatement(t *testing.T) {
	db := database(t)
	e := enginetest.ForTest(t)
	script := `
-- a comment; with semicolons; inside
CREATE TABLE DB.x (a String) -- the table
ENGINE = MergeTree ORDER BY a;

SET max_threads = 1; ` + `
INSERT INTO DB.x VALUES ('one; two'), ('three
four');
-- the end`
	if err := e.Exec(t.Context(), strings.ReplaceAll(script, "DB", db)); err != nil {
		t.Fatal(err)
	}
	res, err := e.Query(t.Context(), "SELECT * FROM "+db+".x", "TSV", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(res.Body), "one; two\nthree\\nfour\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	err = e.Exec(t.Context(), "-- first\nSELECT 1;\n-- second\nSELECT nobody\nFROM system.one;\n")
	if err == nil || !strings.Contains(err.Error(), `"SELECT nobody"`) {
		t.Errorf("got %v, want the statement that went wrong", err)
	}
}

// endless runs for minutes unless somebody stops it.
const endless = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000) SETTINGS max_threads = 1"

// running counts the statements of this text that the engine is at.
func running(t *testing.T, e *embedded.Engine, sql string) int {
	t.Helper()
	res, err := e.Query(t.Context(), "SELECT count() FROM system.processes WHERE query = {sql:String}", "TSVRaw", map[string]string{"sql": sql}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(res.Body)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// until waits for a condition that other goroutines bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting until %s", what)
		}
	}
}

func TestAStatementEndsWithItsContext(t *testing.T) {
	e := enginetest.ForTest(t)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := e.Query(ctx, endless, "TSV", nil, nil); done <- err }()
	until(t, "the query runs", func() bool { return running(t, e, endless) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled query: got %v", err)
	}

	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := e.Query(ctx, endless, "TSV", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a query with a deadline: got %v", err)
	}
	if n := running(t, e, endless); n != 0 {
		t.Errorf("%d still running", n)
	}
}

func TestAStatementEndsWhenItsClientGoes(t *testing.T) {
	e := enginetest.ForTest(t)
	conn := dial(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- conn.Exec(ctx, endless) }()
	until(t, "the query runs", func() bool { return running(t, e, endless) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	until(t, "the engine has stopped it", func() bool { return running(t, e, endless) == 0 })
}

func TestOneEngineAProcess(t *testing.T) {
	e := enginetest.ForTest(t)
	_, err := embedded.Open(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), e.Dir()) {
		t.Errorf("got %v, want a sentence that names the open folder", err)
	}
}

func TestTheMemoryOfAnAnswerIsGivenBack(t *testing.T) {
	e := enginetest.ForTest(t)
	// Garbage that Go keeps, and the race detector's shadow of it, is not what
	// is asked for.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	const size = 20_200_000
	large := func() {
		res, err := e.Query(t.Context(), "SELECT repeat('x', 100) FROM numbers(200000)", "TSV", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Body) != size {
			t.Fatalf("%d bytes, want %d", len(res.Body), size)
		}
	}
	large()
	before := resident(t)
	const times = 20
	for range times {
		large()
	}
	// Both allocators may keep a few answers' worth.
	if grown := resident(t) - before; grown > times*size/2 {
		t.Errorf("the process has grown by %d MB over %d answers of %d MB", grown>>20, times, size>>20)
	}
}

// resident is how much memory the process has from the machine.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("this machine does not tell the size of a process in /proc")
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// childEnv says what a child of the test process does, and childDir where.
const childEnv, childDir = "TOCSIN_TEST_CHILD", "TOCSIN_TEST_DIR"

// child runs TestInAChild in a process of its own, and returns what it printed.
func child(t *testing.T, what, dir string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInAChild$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+what, childDir+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", what, err, out)
	}
	return string(out)
}

func TestTablesOutliveTheEngine(t *testing.T) {
	enginetest.ForTest(t) // skips without the library
	dir := filepath.Join(t.TempDir(), "made", "if need be")
	child(t, "write, close and open again", dir)
	child(t, "read", dir)
}

func TestAFolderBelongsToOneProcess(t *testing.T) {
	e := enginetest.ForTest(t)
	child(t, "be refused", e.Dir())
}

func TestWithoutTheLibraryTheErrorSaysWhatBringsIt(t *testing.T) {
	t.Setenv(embedded.LibraryEnv, filepath.Join(t.TempDir(), "libchdb.so"))
	_, err := embedded.Library()
	if !errors.Is(err, embedded.ErrNoLibrary) || !strings.Contains(err.Error(), "run 'make engine'") {
		t.Errorf("a path that is wrong: got %v", err)
	}

	t.Setenv(embedded.LibraryEnv, "")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	_, err = embedded.Library()
	if !errors.Is(err, embedded.ErrNoLibrary) || !strings.Contains(err.Error(), "run 'make engine'") {
		t.Errorf("a repository without it: got %v", err)
	}
}

// TestInAChild is the other half of tests that need a process of their own; it
// does nothing unless one of them calls it.
func TestInAChild(t *testing.T) {
	dir := os.Getenv(childDir)
	count := func(e *embedded.Engine) {
		t.Helper()
		res, err := e.Query(t.Context(), "SELECT count(), sum(a) FROM x", "TSV", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(res.Body), "1000\t499500\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	open := func() *embedded.Engine {
		t.Helper()
		e, err := embedded.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	shut := func(e *embedded.Engine) {
		t.Helper()
		if err := errors.Join(e.Close(), e.Close()); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		if _, err := e.Query(t.Context(), "SELECT 1", "TSV", nil, nil); !errors.Is(err, embedded.ErrClosed) {
			t.Errorf("a closed engine: got %v", err)
		}
	}
	switch os.Getenv(childEnv) {
	case "write, close and open again":
		e := open()
		if err := e.Exec(t.Context(), "CREATE TABLE x (a UInt64) ENGINE = MergeTree ORDER BY a;\nINSERT INTO x SELECT number FROM numbers(1000);\n"); err != nil {
			t.Fatal(err)
		}
		// Close ends what is running, and does not wait for clients that hang.
		done := make(chan error, 1)
		go func() { _, err := e.Query(context.Background(), endless, "TSV", nil, nil); done <- err }()
		until(t, "the query runs", func() bool { return running(t, e, endless) == 1 })
		hang(t, e)
		shut(e)
		if err := <-done; !errors.Is(err, embedded.ErrClosed) {
			t.Errorf("a query that was running at Close: got %v", err)
		}
		e = open()
		count(e)
		shut(e)
	case "read":
		e := open()
		count(e)
		shut(e)
	case "be refused":
		_, err := embedded.Open(dir)
		if err == nil || !strings.Contains(err.Error(), "another process") {
			t.Errorf("got %v", err)
		}
	}
}

// hang begins an INSERT over HTTP and neither goes on nor hangs up.
func hang(t *testing.T, e *embedded.Engine) {
	t.Helper()
	s, err := e.Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	rows, never := io.Pipe()
	t.Cleanup(func() { never.Close() })
	const sql = "INSERT INTO x FORMAT TSV"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/?query="+url.QueryEscape(sql), rows)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	until(t, "the insert waits for rows", func() bool { return running(t, e, sql) == 1 })
}

func TestTheFrontGoesAwayAndComesBack(t *testing.T) {
	_, s := enginetest.Serve(t)
	conn := dialAt(t, s.Addr(), nil)
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr()
	s.Pause()
	s.Pause()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the front is closed, and a ping got through")
	}
	if err := errors.Join(s.Resume(), s.Resume()); err != nil {
		t.Fatal(err)
	}
	if s.Addr() != addr {
		t.Errorf("it came back on %s, want %s", s.Addr(), addr)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("after the front came back: %v", err)
	}
}

func BenchmarkInsert(b *testing.B) {
	db := database(b)
	conn := dial(b, nil)
	if err := conn.Exec(b.Context(), fmt.Sprintf(mixedTable, db)); err != nil {
		b.Fatal(err)
	}
	const rows = 50_000
	row := span{
		At: time.Date(2026, 11, 20, 14, 2, 3, 0, time.UTC), Trace: strings.Repeat("0af7", 8), Service: "checkout", Kind: 2, Duration: 1234567,
		Labels: map[string]string{"service.name": "checkout", "cloud.region": "eu-west-1"}, Numbers: map[string]float64{"http.status": 200},
		Flags: map[string]bool{}, Resource: `{"cloud":{"region":"eu-west-1"},"service":{"name":"checkout"}}`, Events: []string{},
	}
	for b.Loop() {
		batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO "+db+".spans (at, trace, service, kind, duration, failed, labels, numbers, flags, resource, events)")
		if err != nil {
			b.Fatal(err)
		}
		for range rows {
			if err := batch.AppendStruct(&row); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
