package signoz

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
)

// tap is a store whose requests are seen, and may be changed, on the way to
// the engine.
type tap struct {
	url    string
	change func(sql string) string

	mu   sync.Mutex
	sqls []string
	urls []url.Values
}

func openTap(t *testing.T, options ...embedded.Option) *tap {
	t.Helper()
	p := &tap{}
	engine := enginetest.ForTest(t).Handler(options...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sql := string(body)
		p.mu.Lock()
		p.sqls, p.urls = append(p.sqls, sql), append(p.urls, r.URL.Query())
		if p.change != nil {
			sql = p.change(sql)
		}
		p.mu.Unlock()
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(sql)), int64(len(sql))
		engine.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// count is how many queries with a part were seen.
func (p *tap) count(part string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, sql := range p.sqls {
		if strings.Contains(sql, part) {
			n++
		}
	}
	return n
}

func (p *tap) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sqls, p.urls = nil, nil
}

// trouble is the *Error that a reading ends with.
func trouble(t *testing.T, r *Reader) *Error {
	t.Helper()
	for m, err := range r.Minutes(t.Context(), noon, noon.Add(5*time.Minute)) {
		if err == nil {
			t.Fatalf("a minute is yielded before the error: %v", m)
		}
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("not an *Error: %v", err)
		}
		return e
	}
	t.Fatal("no error")
	return nil
}

func TestReaderOnlyEverSelects(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"))
	p := openTap(t)
	r := openAt(t, p.url, func(o *Options) {
		o.Rules = ruled(rules.Where{Routes: rules.Patterns{Not: []string{"/health"}}})
	})
	read(t, r)
	if _, err := r.Report(t.Context(), noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Newest(t.Context(), noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Matched(t.Context(), ruled(rules.Where{Routes: rules.Patterns{Any: []string{"/none"}}}), noon, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	comments := 0
	for i, sql := range p.sqls {
		if !strings.HasPrefix(sql, "SELECT ") && !strings.HasPrefix(sql, "WITH ") {
			t.Errorf("not a SELECT: %s", sql)
		}
		if strings.Contains(p.urls[i].Get("log_comment"), `"app":"tocsin"`) {
			comments++
		}
	}
	if comments < 5 || comments < len(p.sqls)-2 { // the client's hello and our question for settings have none
		t.Errorf("%d of %d queries say that they are Tocsin's", comments, len(p.sqls))
	}
}

func TestReaderSendsOnlySettingsThatTheServerLists(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"))
	p := openTap(t)
	p.change = func(sql string) string { // a server that is too old for two of them
		return strings.ReplaceAll(sql, "FROM system.settings WHERE", "FROM system.settings WHERE name NOT IN ('use_query_cache', 'log_comment') AND")
	}
	r := openAt(t, p.url, nil)
	if got, want := read(t, r), "12:00 api/eu o\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	last := p.urls[len(p.urls)-1]
	if last.Has("use_query_cache") || last.Has("log_comment") {
		t.Errorf("settings are sent that the server does not list: %v", last)
	}
	for name, want := range map[string]string{
		"timeout_overflow_mode": "throw", "group_by_overflow_mode": "throw", "skip_unavailable_shards": "0",
		"max_execution_time": "20", "max_threads": "4", "wait_end_of_query": "1",
	} {
		if got := last.Get(name); got != want {
			t.Errorf("%s is sent as %q, want %q", name, got, want)
		}
	}
	rep, err := r.Report(t.Context(), noon)
	if err != nil || !slices.Equal(rep.LeftOut, []string{"log_comment", "use_query_cache"}) {
		t.Errorf("left out are %q, %v", rep.LeftOut, err)
	}
}

func TestReaderMayBeAReadonlyUser(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"))
	r := openReader(t, nil, embedded.ReadOnly(2))
	if got, want := read(t, r), "12:00 api/eu o\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := r.client.conn.Exec(t.Context(), "TRUNCATE TABLE signoz_traces.signoz_index_v3"); err == nil {
		t.Error("the user of this test may write: it proves nothing")
	}
}

// A user at level 1 may change no setting. Over HTTP the client's greeting
// already does; over the native protocol one can go on without.
func TestUserWhoMayChangeNoSetting(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"))
	r := openReader(t, nil, embedded.ReadOnly(1)) // this engine answers the greeting whatever its settings
	if got, want := read(t, r), "12:00 api/eu o\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if sent := r.client.settings.Load().sent; len(sent) > 0 {
		t.Errorf("settings are sent: %v", sent)
	}

	err := r.client.address.wrap("ask for settings", &clickhouse.Exception{Code: codeReadonly, Message: "Cannot modify 'max_execution_time' setting in readonly mode"})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Trouble != Refuse || e.Code != codeReadonly || !strings.Contains(err.Error(), "readonly = 2") {
		t.Errorf("got %v", err)
	}

	p := openTap(t)
	p.change = func(sql string) string { // as if the profile said so
		return strings.ReplaceAll(sql, "name, value, ifNull(max, '') AS max, (readonly != 0)::Bool", "name, if(name = 'timeout_overflow_mode', 'break', value) AS value, '' AS max, true")
	}
	_, err = tryOpen(t, p.url, nil)
	if e, ok := errors.AsType[*Error](err); !ok || e.Trouble != Refuse || !strings.Contains(err.Error(), "timeout_overflow_mode") {
		t.Errorf("a user who gets half answers and cannot help it is accepted: %v", err)
	}
}

// A store that stops in the middle must not look like one with less traffic.
func TestPartOfAnAnswerIsAnError(t *testing.T) {
	conn := freshStore(t, Schema(false))
	insertSpans(t, conn, noon, noon.Add(5*time.Minute), 25, 1)
	slowly := func(sql string) string {
		return strings.ReplaceAll(sql, "kind IN (2, 5)", "kind IN (2, 5) AND sleepEachRow(0.0003) = 0")
	}
	for name, test := range map[string]struct {
		limits string // of the user, who would be content with a part
		code   int32
		change func(string) string
	}{
		"too many rows":   {"max_rows_to_read=5000&read_overflow_mode=break", 158, nil},
		"too many groups": {"max_rows_to_group_by=100&group_by_overflow_mode=break", 158, nil},
		"too much result": {"max_result_rows=1000&result_overflow_mode=break", 396, nil},
		"too much time":   {"max_execution_time=1&timeout_overflow_mode=break", 159, slowly},
	} {
		t.Run(name, func(t *testing.T) {
			p := openTap(t)
			r := openAt(t, p.url+"?"+test.limits, nil)
			p.mu.Lock()
			p.change = test.change
			p.mu.Unlock()
			if e := trouble(t, r); e.Code != test.code || e.Trouble != Unwell {
				t.Errorf("code %d, %s: %v", e.Code, e.Trouble, e)
			}
		})
	}
}

func TestStoreOutOfReach(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"))
	_, server := enginetest.Serve(t)
	server.Pause()
	if _, err := tryOpen(t, server.URL(), nil); err == nil {
		t.Fatal("a store is opened that is not there")
	}
	// A reader may be made while the store is away, and finds it later.
	r, err := New(Options{SigNoz: rules.SigNoz{DSN: server.URL(), Region: []string{"cloud.region"}}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e := trouble(t, r)
	if e.Trouble != Unwell || !strings.Contains(e.Error(), "from "+server.URL()+" (HTTP protocol)") || !strings.Contains(e.Error(), "8123 for http://") {
		t.Errorf("%s: %v", e.Trouble, e)
	}
	for range 2 {
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		if got, want := read(t, r), "12:00 api/eu o\n"; got != want {
			t.Errorf("after the store came back: got %q, want %q", got, want)
		}
		server.Pause()
		if e := trouble(t, r); e.Trouble != Unwell {
			t.Errorf("%s: %v", e.Trouble, e)
		}
	}
}

func TestWrongProtocolForThePort(t *testing.T) {
	// ClickHouse's own answers, as far as a client sees them.
	asHTTP := serveText(t, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
	asNative := serveText(t, "HTTP/1.0 400 Bad Request\r\n\r\nPort 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.\r\n")
	silent := serveText(t, "")
	for dsn, want := range map[string]string{
		"clickhouse://" + asHTTP:                         "(native protocol): [handshake] unexpected packet [72] from server: that port speaks HTTP: write http://",
		"http://" + asNative:                             "that port speaks the native protocol: write clickhouse://",
		"clickhouse://" + silent + "?dial_timeout=100ms": "if it speaks HTTP, write http://",
	} {
		_, err := tryOpen(t, dsn, nil)
		if e, ok := errors.AsType[*Error](err); !ok || e.Trouble != Unwell || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// serveText answers every connection with the same bytes once it has said
// something, or with nothing at all if there are none.
func serveText(t *testing.T, text string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if text == "" {
				t.Cleanup(func() { c.Close() })
				continue
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}()
	return l.Addr().String()
}

func TestReaderEndsWithItsContext(t *testing.T) {
	_ = freshStore(t, Schema(false))
	r := openReader(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range r.Minutes(ctx, noon, noon.Add(time.Hour)) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel = context.WithTimeoutCause(t.Context(), -1, errors.New("the tick is over"))
	defer cancel()
	for _, err := range r.Minutes(ctx, noon, noon.Add(time.Hour)) {
		if err == nil || !strings.Contains(err.Error(), "the tick is over") {
			t.Errorf("got %v", err)
		}
	}
}

func TestEmptyStoreIsRefused(t *testing.T) {
	conn := freshStore(t, []string{"CREATE DATABASE signoz_traces", "CREATE DATABASE otel"})
	_, server := enginetest.Serve(t)
	says := func(parts ...string) {
		t.Helper()
		_, err := tryOpen(t, server.URL(), nil)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Trouble != Refuse {
			t.Fatalf("got %v", err)
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v does not say %q", err, part)
			}
		}
	}
	says("there is no span table", "0.111.9", "GRANT SELECT", server.URL())
	exec(t, conn, "CREATE TABLE signoz_traces.signoz_index_v2 (serviceName String) ENGINE = Memory;\nCREATE TABLE otel.otel_logs (Body String) ENGINE = Memory")
	says("signoz_traces.signoz_index_v2", "upgrade", "0.129.4", "otel.otel_logs")
}

func TestReaderFollowsAnUpgrade(t *testing.T) {
	conn := freshStore(t, SchemaMapOnly(false))
	write(t, NewWriter(conn), request(0, "eu"))
	r := openReader(t, nil)
	if got, want := read(t, r), "12:00 api/eu o\n"; got != want {
		t.Errorf("before: got %q, want %q", got, want)
	}
	exec(t, conn, `DROP TABLE signoz_traces.distributed_signoz_index_v3;
DROP TABLE signoz_traces.signoz_index_v3;
CREATE TABLE signoz_traces.signoz_index_v3 (ts_bucket_start UInt64, timestamp DateTime64(9), name String, kind Int8, duration_nano UInt64, has_error Bool,
	`+"`resource_string_service$$name`"+` String, resource JSON) ENGINE = MergeTree ORDER BY ts_bucket_start AS
SELECT 1779280200 AS ts_bucket_start, fromUnixTimestamp64Nano(1779280260000000000) AS timestamp, '/a' AS name, 2 AS kind, 1 AS duration_nano, false AS has_error,
	'api' AS `+"`resource_string_service$$name`"+`, '{"cloud.region":"us"}' AS resource;
CREATE TABLE signoz_traces.distributed_signoz_index_v3 ENGINE = Merge('signoz_traces', '^signoz_index_v3$')`)
	if got, want := read(t, r), "12:31 api/us o\n"; got != want {
		t.Errorf("after: got %q, want %q", got, want)
	}
	if r.layout.Load().shape != ShapeJSON {
		t.Error("the Map is still read")
	}
}

func TestMapIsReadOnlyWhereRowsAreFromBeforeAnUpgrade(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn).Without("resource"), request(0, "eu"), request(10, "eu"))
	write(t, NewWriter(conn), request(10, "us"), request(65, "us"), request(95, "us"))
	r := openReader(t, nil)
	if got, want := read(t, r), "12:00 api/eu o\n12:10 api/eu o\n12:10 api/us o\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for at, want := range map[string]bool{"12:00": true, "12:30": true, "13:00": false, "13:30": false} {
		sql, _, err := r.Query(t.Context(), clock(at), clock(at).Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(sql, "resources_string"); got != want {
			t.Errorf("at %s the Map is read: %v, want %v", at, got, want)
		}
	}
}

func TestReaderReadsInShorterPiecesWhatIsTooMuchAtOnce(t *testing.T) {
	conn := freshStore(t, Schema(false))
	var spans []testSpan
	for minute := range 12 * 60 {
		spans = append(spans, request(minute, "eu"))
	}
	write(t, NewWriter(conn), spans...)
	p := openTap(t)
	atMost := func(minutes int) func(string) string { // a store that is poor
		return func(sql string) string {
			if strings.Contains(sql, "AS buckets") {
				sql += fmt.Sprint(" SETTINGS max_rows_to_group_by = ", minutes)
			}
			return sql
		}
	}
	p.change = atMost(100)
	log, said := logged()
	r := openAt(t, p.url, func(o *Options) { o.Log = log })
	got := collect(t, r.Minutes(t.Context(), noon, noon.Add(12*time.Hour)))
	if len(got) != len(spans) {
		t.Errorf("%d minutes, want %d", len(got), len(spans))
	}
	if n := strings.Count(said.String(), "in shorter pieces"); n == 0 || n > 2 {
		t.Errorf("%d pieces were too much: want one, and then shorter ones: %s", n, said)
	}

	// Where a half hour is too much, there is nothing to be done.
	p.change = atMost(10)
	for _, err := range r.Minutes(t.Context(), noon, noon.Add(time.Hour)) {
		if e, ok := errors.AsType[*Error](err); !ok || e.Trouble != Unwell || e.Code != 158 {
			t.Errorf("%v, want that the source is unwell", err)
		}
	}
}

// A long time is asked about as a whole, and in halves only where such rows are.
func TestLongTimeBeforeAnUpgradeIsFoundByFewQuestions(t *testing.T) {
	conn := freshStore(t, Schema(false))
	day := 24 * time.Hour
	write(t, NewWriter(conn).Without("resource"), request(0, "eu").with(func(s *testSpan) { s.at = noon.Add(9*day + 7*time.Hour) }))
	write(t, NewWriter(conn), request(0, "us"))
	p := openTap(t)
	r := openAt(t, p.url, nil)
	u, l := &r.upgrade, r.layout.Load()
	asked := func(from, to time.Time) (holds bool, questions int) {
		p.forget()
		return u.mayHold(t.Context(), r.olden(*l, r.plans), window{from: from, to: to}), p.count("hasAny")
	}
	if holds, n := asked(noon, noon.Add(9*day)); holds || n != 1 {
		t.Errorf("nine days without: %v, by %d questions, want 1", holds, n)
	}
	if holds, n := asked(noon, noon.Add(20*day)); !holds || n < 2 || n > 2*12 {
		t.Errorf("twenty days, the first nine known: %v, by %d questions, want a few", holds, n)
	}
	at := noon.Add(9*day + 7*time.Hour)
	for b := noon; b.Before(noon.Add(20 * day)); b = b.Add(bucketTime) {
		holds, n := asked(b, b.Add(bucketTime))
		if want := b.Equal(at) || b.Equal(at.Add(bucketTime)); holds != want || n > 0 { // that half hour, and the next, for the one before
			t.Fatalf("the half hour of %v: %v, want %v; %d questions more", b, holds, want, n)
		}
	}
}

func TestQueryIsWhatMinutesSends(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"))
	p := openTap(t)
	r := openAt(t, p.url, func(o *Options) {
		o.Rules = ruled(rules.Where{Routes: rules.Patterns{Not: []string{"/a", "/b*"}}})
	})
	read(t, r)
	sql, params, err := r.Query(t.Context(), noon, noon.Add(5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(p.sqls, sql)
	if i < 0 {
		t.Fatalf("Minutes did not send\n%s\nbut\n%s", sql, strings.Join(p.sqls, "\n"))
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if got := p.urls[i].Get("param_" + name); got != params[name] {
			t.Errorf("%s is sent as %q, Query says %q", name, got, params[name])
		}
	}
}
