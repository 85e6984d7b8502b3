package signoz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
	"github.com/featuresignals/tocsin/telemetry/sample"
)

// install is a store with some traces in it, in one of the shapes.
type install struct {
	name   string
	shape  Shape
	schema []string
	write  func(ctx context.Context, w *Writer, tr ptrace.Traces) error
	then   string // statements that make the install what it is
}

var installs = []install{
	{"v3-json", ShapeJSON, Schema(false), asSigNoz, ""},
	{"v3-map", ShapeMap, SchemaMapOnly(false), asSigNoz, ""},
	{"v3-json without columns for attributes", ShapeJSON, Schema(false), asSigNoz, attributesAsJSON},
	{"contrib", ShapeContrib, Schema(false), asContrib, "DROP DATABASE signoz_traces"},
	{"contrib as JSON", ShapeContrib, Schema(false), asContrib, contribAsJSON},
}

func asSigNoz(ctx context.Context, w *Writer, tr ptrace.Traces) error { return w.Write(ctx, tr, noon) }

func asContrib(ctx context.Context, w *Writer, tr ptrace.Traces) error {
	return w.WriteContrib(ctx, tr, SpellingNow)
}

// attributesAsJSON leaves what a SigNoz would that no longer fills the Maps: the
// span's attributes are in one JSON column, and the response's code in no other.
const attributesAsJSON = `RENAME TABLE signoz_traces.signoz_index_v3 TO signoz_traces.filled;
CREATE TABLE signoz_traces.signoz_index_v3 ENGINE = MergeTree ORDER BY (ts_bucket_start, timestamp) AS
SELECT ts_bucket_start, timestamp, name, kind, duration_nano, has_error, ` + "`resource_string_service$$name`" + `, resource, attributes FROM signoz_traces.filled;
DROP TABLE signoz_traces.distributed_signoz_index_v3`

// inEvery runs a test on the same traces in every shape.
func inEvery(t *testing.T, tr ptrace.Traces, all []rules.Rule, test func(t *testing.T, i install, conn driver.Conn, r *Reader)) {
	for _, i := range installs {
		t.Run(i.name, func(t *testing.T) {
			conn := freshStore(t, i.schema)
			if err := i.write(t.Context(), NewWriter(conn), tr); err != nil {
				t.Fatal(err)
			}
			exec(t, conn, i.then)
			r := openReader(t, func(o *Options) {
				o.Rules = all
				o.SigNoz.Region = []string{"deployment.environment", "cloud.region"}
			})
			if got := r.layout.Load().shape; got != i.shape {
				t.Fatalf("the shape is %s, want %s", got, i.shape)
			}
			test(t, i, conn, r)
		})
	}
}

// fact is a stream, and what is known of it in a minute.
type fact struct {
	name                      string
	minute                    int
	stream                    rules.Stream
	requests, errors, matches uint64
}

func some(globs ...string) rules.Patterns { return rules.Patterns{Any: globs} }
func none(globs ...string) rules.Patterns { return rules.Patterns{Not: globs} }

// rule is one that looks at the stream.
func (k fact) rule() rules.Rule {
	s := k.stream
	return rules.Rule{
		ID: k.name, HTTP5xx: s.HTTP5xx, Signal: rules.Signal{Codes: s.Codes},
		Where: rules.Where{Routes: s.Routes, Operations: s.Operations, Kinds: s.Kinds, Attributes: s.Attributes},
	}
}

func having(key string, p rules.Patterns, more ...rules.Attribute) rules.Stream {
	return rules.Stream{Attributes: append([]rules.Attribute{{Key: key, Patterns: p}}, more...)}
}

func codes(ranges ...uint16) []rules.Codes {
	var all []rules.Codes
	for i := 0; i < len(ranges); i += 2 {
		all = append(all, rules.Codes{From: ranges[i], To: ranges[i+1]})
	}
	return all
}

func TestReaderChoosesSpans(t *testing.T) {
	kind := func(k ptrace.SpanKind, name string) testSpan {
		return request(0, "eu").with(func(s *testSpan) { s.kind, s.name = k, name })
	}
	said := func(k string, v any) testSpan {
		return request(1, "eu").with(func(s *testSpan) { s.more = map[string]any{k: v} })
	}
	answered := func(k string, v any) testSpan {
		return request(2, "eu").with(func(s *testSpan) { s.more = map[string]any{k: v} })
	}
	of := func(k string, v string) testSpan {
		return request(3, "eu").with(func(s *testSpan) { s.resource = map[string]string{"cloud.region": "eu", k: v} })
	}
	failed := func(s *testSpan) { s.failed = true }
	tr := traces(
		kind(ptrace.SpanKindServer, "GET"), kind(ptrace.SpanKindConsumer, "take"), kind(ptrace.SpanKindClient, "pool.acquire"),
		kind(ptrace.SpanKindClient, "query").with(failed), kind(ptrace.SpanKindInternal, "query"), kind(ptrace.SpanKindProducer, "put"), kind(99, "none"),

		said("text", "GET"), said("text", "POST"), said("text", ""), said("text", int64(7)), said("text", true),
		said("number", int64(200)), said("number", 0.5), said("number", int64(-3)), said("number", "200"), said("number", 1e9), said("number", false),
		said("truth", true), said("truth", false), said("truth", "true"), said("truth", int64(1)),

		answered("http.status_code", int64(200)), answered("http.status_code", int64(401)), answered("http.status_code", int64(429)),
		answered("http.status_code", "500"), answered("http.status_code", int64(503)).with(failed), answered("http.response.status_code", int64(599)),
		answered("http.status_code", int64(600)), answered("http.status_code", int64(99)), answered("http.status_code", "").with(failed),
		answered("http.status_code", "5xx"), answered("http.status_code", int64(-500)),
		answered("http.status_code", int64(66036)), // 500 in 16 bits
		answered("rpc.grpc.status_code", int64(13)), answered("nothing", true),

		of("service.version", "1.2"), of("service.version", "2.0"), of("other", "1.2"),
		of("service.version", "1.2").with(func(s *testSpan) { s.more = map[string]any{"service.version": "9"} }), // the span's own counts
	)
	for _, rs := range tr.ResourceSpans().All() {
		if s := rs.ScopeSpans().At(0).Spans().At(0); s.Name() == "none" {
			s.SetKind(ptrace.SpanKindUnspecified)
		}
	}
	all := []fact{
		{"what came in", 0, rules.Stream{}, 2, 0, 0},
		{"two operations", 0, rules.Stream{Operations: some("GET", "query")}, 1, 0, 0},
		{"all operations but some", 0, rules.Stream{Operations: none("G?T")}, 1, 0, 0},
		{"what went out", 0, rules.Stream{Kinds: []string{"client"}}, 2, 1, 0},
		{"one operation of what went out", 0, rules.Stream{Kinds: []string{"client"}, Operations: some("pool.*")}, 1, 0, 0},
		{"kinds that nothing else asks for", 0, rules.Stream{Kinds: []string{"client", "internal"}, Operations: some("query")}, 2, 1, 0},
		{"half of what is usual and another", 0, rules.Stream{Kinds: []string{"producer", "server"}}, 2, 0, 0},
		{"all kinds", 0, rules.Stream{Kinds: []string{"client", "consumer", "internal", "producer", "server"}}, 6, 1, 0},
		{"a span without a route has its name", 0, rules.Stream{Kinds: []string{"client"}, Routes: some("pool.acquire")}, 1, 0, 0},

		{"a text", 1, having("text", some("GET")), 1, 0, 0},
		{"a text, a number, a truth", 1, having("text", some("GET", "7", "true")), 3, 0, 0},
		{"there, whatever its type", 1, having("text", some("?*")), 4, 0, 0},
		{"not empty", 1, having("text", none("")), 4, 0, 0},
		{"a number, and the same as text", 1, having("number", some("200")), 2, 0, 0},
		{"numbers that are not whole or less than nothing", 1, having("number", some("0.5", "-*")), 2, 0, 0},
		{"a large number, and a truth", 1, having("number", some("1000000000", "false")), 2, 0, 0},
		{"all but a number and those without", 1, having("number", none("", "200")), 4, 0, 0},
		{"all but a text, those without as well", 1, having("text", none("GET")), 14, 0, 0},
		{"a truth, and the same as text", 1, having("truth", some("true")), 2, 0, 0},
		{"a lie", 1, having("truth", some("false", "1")), 2, 0, 0},
		{"nothing has it", 1, having("text", some("GO")), 0, 0, 0},
		{"two attributes, one of them absent", 1, having("text", some("GET"), rules.Attribute{Key: "number", Patterns: some("")}), 1, 0, 0},
		{"two attributes that nothing has both of", 1, having("text", some("GET"), rules.Attribute{Key: "number", Patterns: none("")}), 0, 0, 0},

		{"errors that spans tell", 2, rules.Stream{}, 14, 2, 0},
		{"errors that responses tell", 2, rules.Stream{HTTP5xx: true}, 14, 4, 0},
		{"responses as an attribute", 2, having("http.status_code", some("5*")), 3, 1, 0},
		{"one code", 2, rules.Stream{Codes: codes(401, 401)}, 14, 2, 1},
		{"ranges of codes", 2, rules.Stream{Codes: codes(400, 499, 503, 503)}, 14, 2, 3},
		{"codes that are errors as well", 2, rules.Stream{Codes: codes(500, 599), HTTP5xx: true}, 14, 4, 3},
		{"codes of some spans", 2, rules.Stream{Codes: codes(500, 599), HTTP5xx: true, Attributes: []rules.Attribute{{Key: "http.status_code", Patterns: some("50?")}}}, 2, 2, 2},

		{"an attribute of the resource", 3, having("service.version", some("1.*")), 1, 0, 0},
		{"the span's own before the resource's", 3, having("service.version", some("9")), 1, 0, 0},
		{"neither has it", 3, having("service.version", some("")), 1, 0, 0},
	}
	var watched []rules.Rule
	for _, k := range all {
		watched = append(watched, k.rule())
	}
	inEvery(t, tr, watched, func(t *testing.T, _ install, _ driver.Conn, r *Reader) {
		if len(r.plans) != 1 {
			t.Errorf("%d queries for %d streams", len(r.plans), len(all))
		}
		minutes := collect(t, r.Minutes(t.Context(), noon, noon.Add(time.Hour)))
		for _, k := range all {
			var got telemetry.Minute
			for _, m := range minutes {
				if m.Series.Stream == k.stream.String() && m.Start.Equal(noon.Add(time.Duration(k.minute)*time.Minute)) {
					got = m
				}
			}
			if got.Requests != k.requests || got.Errors != k.errors || got.Matches != k.matches || got.Durations.Count() != k.requests {
				t.Errorf("%s: %d requests, %d durations, %d errors, %d matches; want %d, %d and %d", k.name,
					got.Requests, got.Durations.Count(), got.Errors, got.Matches, k.requests, k.errors, k.matches)
			}
		}
	})
}

// recount is a stream, and how ClickHouse counts it by itself: which spans, which
// of them are errors, and which have the codes. Of each, first for SigNoz's
// tables, then for the contrib exporter's.
type recount struct {
	stream                 rules.Stream
	spans, errors, matches [2]string
}

const (
	sigNoz = iota
	contribs
)

// Half an hour of the example user on a bad day: T3 (health checks), T4 (long
// streams), T6 (a database outage that answers 401), T7 (evaluations without
// a result), and failures that spans do not tell.
func TestStreamsAgreeWithClickHouse(t *testing.T) {
	const minutes = 12
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	traffic := sample.Traffic{Seed: 11, PerMinute: 120, Regions: []string{"eu", "in"}, Outages: []sample.Outage{
		{Kind: sample.DatabaseDown, Regions: []string{"eu"}, From: at(3), To: at(6)},
		{Kind: sample.HTTP500, Unmarked: true, Routes: []string{"/v1/projects/*"}, Share: 0.4, From: at(5), To: at(9)},
		{Kind: sample.FlagErrors, Regions: []string{"in"}, Share: 0.5, From: at(7)},
	}}
	tr := ptrace.NewTraces()
	for i := range minutes {
		traffic.Minute(at(i)).ResourceSpans().MoveAndAppendTo(tr.ResourceSpans())
	}

	entry := [2]string{"kind IN (2, 5)", "SpanKind IN ('Server', 'Consumer')"}
	client := [2]string{"kind = 3", "SpanKind = 'Client'"}
	internal := [2]string{"kind = 1", "SpanKind = 'Internal'"}
	failed := [2]string{"status_code = 2", "StatusCode = 'Error'"}
	code := [2]string{"attributes_number['http.status_code']", "toFloat64OrZero(SpanAttributes['http.status_code'])"}
	path := [2]string{"attributes_string['http.route']", "SpanAttributes['http.route']"}
	operation := [2]string{"name", "SpanName"}
	is := func(format string, of ...[2]string) (sql [2]string) {
		for i := range sql {
			var args []any
			for _, o := range of {
				args = append(args, o[i])
			}
			sql[i] = fmt.Sprintf(format, args...)
		}
		return sql
	}
	text := func(key string) [2]string {
		return [2]string{"attributes_string['" + key + "']", "SpanAttributes['" + key + "']"}
	}
	evaluation := some("/v1/evaluate*", "/v1/client/*")
	evaluates := is("%s AND (%s LIKE '/v1/evaluate%%' OR %[2]s LIKE '/v1/client/%%')", entry, path)
	quiet := none("/health", "/v1/stream/*", "/v1/console/live")
	noQuiet := is("%s AND %s NOT IN ('/health', '/v1/stream/{envKey}', '/v1/console/live')", entry, path)
	never := is("0")

	all := []recount{
		{rules.Stream{}, entry, failed, never},
		{rules.Stream{Routes: quiet, HTTP5xx: true}, noQuiet, is("(%s OR %s >= 500)", failed, code), never},
		{rules.Stream{Routes: quiet}, noQuiet, failed, never},
		{rules.Stream{Routes: evaluation, Codes: codes(401, 401)}, evaluates, failed, is("%s = 401", code)},
		{rules.Stream{Routes: evaluation, Codes: codes(400, 499)}, evaluates, failed, is("%s BETWEEN 400 AND 499", code)},
		{rules.Stream{Routes: some("/v1/stream/*"), HTTP5xx: true, Codes: codes(500, 599)}, is("%s AND %s = '/v1/stream/{envKey}'", entry, path), failed, never},
		{rules.Stream{Kinds: []string{"client"}, Operations: some("pool.acquire")}, is("%s AND %s = 'pool.acquire'", client, operation), failed, never},
		{
			rules.Stream{Kinds: []string{"client"}, Attributes: []rules.Attribute{{Key: "db.system.name", Patterns: none("redis")}, {Key: "pgx.sql_state", Patterns: some("53*")}}},
			is("%s AND %s = '53300'", client, text("pgx.sql_state")), failed, never,
		},
		{
			rules.Stream{Kinds: []string{"internal"}, Attributes: []rules.Attribute{{Key: "reason", Patterns: some("ERROR", "NOT_*")}}},
			is("%s AND %s IN ('ERROR', 'NOT_FOUND')", internal, text("reason")), failed, never,
		},
		{
			rules.Stream{Routes: quiet, Attributes: []rules.Attribute{{Key: "http.status_code", Patterns: none("2??", "401")}}, HTTP5xx: true},
			is("%s AND NOT (%s BETWEEN 200 AND 299) AND %[2]s != 401", noQuiet, code), is("(%s OR %s >= 500)", failed, code), never,
		},
	}
	var watched []rules.Rule
	for _, c := range all {
		watched = append(watched, fact{stream: c.stream}.rule())
	}

	var first []telemetry.Minute
	inEvery(t, tr, watched, func(t *testing.T, in install, conn driver.Conn, r *Reader) {
		got := collect(t, r.Minutes(t.Context(), noon, at(minutes)))
		if first == nil {
			first = got
		}
		if !slices.EqualFunc(got, first, sameMinute) {
			t.Error("other minutes than in the first shape")
		}
		if in.then != "" && in.shape == ShapeJSON || strings.HasSuffix(in.name, "JSON") {
			return // it has other columns: that it has the same minutes is enough
		}
		for _, c := range all {
			want := in.counts(t, conn, c)
			n := 0
			for _, m := range got {
				if m.Series.Stream != c.stream.String() {
					continue
				}
				n++
				key := fmt.Sprint(m.Series.Region, " ", m.Start.Unix())
				if is := [3]uint64{m.Requests, m.Errors, m.Matches}; is != want[key] {
					t.Errorf("%s at %s in %s: %d requests, errors, matches; ClickHouse counts %d", c.stream, m.Start.Format("15:04"), m.Series.Region, is, want[key])
				}
			}
			if n != len(want) || n == 0 {
				t.Errorf("%s: %d minutes, ClickHouse has %d", c.stream, n, len(want))
			}
		}
	})

	// The bad day shows where it should.
	sum := func(s rules.Stream, region string, from, to int) telemetry.Minute {
		var ms []telemetry.Minute
		for _, m := range first {
			if m.Series.Stream == s.String() && m.Series.Region == region && !m.Start.Before(at(from)) && m.Start.Before(at(to)) {
				ms = append(ms, m)
			}
		}
		return bySeries(ms)[telemetry.Series{Service: "featuresignals-api", Region: region, Stream: s.String()}]
	}
	if refused := sum(all[3].stream, "eu", 3, 6); refused.Matches*10 < refused.Requests*9 || refused.Errors > 1 {
		t.Errorf("while the database is down %d of %d evaluations answer 401, %d are errors", refused.Matches, refused.Requests, refused.Errors)
	}
	wide, narrow := sum(all[1].stream, "in", 5, 9), sum(all[2].stream, "in", 5, 9)
	if wide.Errors < narrow.Errors+20 || wide.Requests != narrow.Requests {
		t.Errorf("%d requests fail by their response, %d by their span", wide.Errors, narrow.Errors)
	}
	acquire := sum(all[6].stream, "eu", 3, 6)
	if p99, _ := acquire.Durations.Quantile(9900); p99 < 1500*time.Millisecond || acquire.Errors != acquire.Requests {
		t.Errorf("while the database is down pool.acquire takes %v, %d of %d fail", p99, acquire.Errors, acquire.Requests)
	}
	long, short := sum(all[0].stream, "in", 0, 3), sum(all[2].stream, "in", 0, 3)
	p99, _ := long.Durations.Quantile(9900)
	if without, _ := short.Durations.Quantile(9900); p99 < 30*time.Second || without > time.Second {
		t.Errorf("p99 is %v with streams and %v without", p99, without)
	}
}

// counts asks the store, by region and minute.
func (in install) counts(t *testing.T, conn driver.Conn, c recount) map[string][3]uint64 {
	t.Helper()
	i, table, start, region := sigNoz, "signoz_traces.signoz_index_v3", "timestamp", "resources_string['deployment.environment']"
	if in.shape == ShapeContrib {
		i, table, start, region = contribs, "otel.otel_traces", "Timestamp", "ResourceAttributes['deployment.environment']"
	}
	rows, err := conn.Query(t.Context(), fmt.Sprintf("SELECT concat(%s, ' ', toString(toUnixTimestamp(toStartOfMinute(%s)))), count()::UInt64, countIf(%s)::UInt64, countIf(%s)::UInt64 FROM %s WHERE %s GROUP BY 1",
		region, start, c.errors[i], c.matches[i], table, c.spans[i]))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string][3]uint64{}
	for rows.Next() {
		var key string
		var n [3]uint64
		if err := rows.Scan(&key, &n[0], &n[1], &n[2]); err != nil {
			t.Fatal(err)
		}
		all[key] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReaderReadsOfASeriesWhatRulesLookAtInIt(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"), request(0, "us"), request(0, "eu").with(func(s *testSpan) { s.service = "mailer" }),
		request(0, "eu").with(func(s *testSpan) { s.service = "cron" }))
	r := openReader(t, func(o *Options) {
		o.Rules = append(ruled(
			rules.Where{Services: some("api")},
			rules.Where{Services: some("mailer"), Routes: some("/v1/*")},
			rules.Where{Services: some("api"), Regions: some("us"), Operations: none("x")},
		), rules.Rule{ID: "probe", Where: rules.Where{FromProbes: true}})
	})
	want := `12:00 api/eu o
12:00 api/us o
12:00 api/us operations=-"x" o
12:00 mailer/eu routes=+"/v1/*" o
`
	if got := read(t, r); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestRulesAboutProbesAskTheStoreNothing(t *testing.T) {
	r, err := New(Options{SigNoz: rules.SigNoz{DSN: "http://127.0.0.1:9"}, Rules: []rules.Rule{{ID: "probe", Where: rules.Where{FromProbes: true}}}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for m, err := range r.Minutes(t.Context(), noon, noon.Add(time.Hour)) {
		t.Errorf("%v, %v", m, err)
	}
}

// A rule on what no column has would be good for ever.
func TestReaderRefusesRulesThatNoColumnAnswers(t *testing.T) {
	conn := freshStore(t, Schema(false))
	exec(t, conn, "DROP DATABASE signoz_traces;\nALTER TABLE otel.otel_traces DROP COLUMN SpanAttributes")
	r := openReader(t, nil)
	for _, test := range []struct {
		stream  rules.Stream
		want    string
		matched bool // what it chooses can be told all the same
	}{
		{rules.Stream{HTTP5xx: true}, "no column with response codes", true},
		{having("a", some("b")), "no column with attributes of spans", false},
	} {
		all := []rules.Rule{fact{stream: test.stream}.rule()}
		_, server := enginetest.Serve(t)
		_, err := tryOpen(t, server.URL(), func(o *Options) { o.Rules = all })
		if e, ok := errors.AsType[*Error](err); !ok || e.Trouble != Refuse || !strings.Contains(e.Error(), test.want) {
			t.Errorf("the error is %v, want %s", err, test.want)
		}
		_, err = r.Matched(t.Context(), all, noon, noon.Add(time.Hour))
		if (err == nil) != test.matched || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: looking for what it chooses: %v", test.stream, err)
		}
	}
}

func TestReportNamesTheColumnsThatRulesAskFor(t *testing.T) {
	_ = freshStore(t, Schema(false))
	for _, test := range []struct {
		stream rules.Stream
		want   []string
	}{
		{rules.Stream{}, nil},
		{rules.Stream{HTTP5xx: true}, []string{"response_status_code"}},
		{having("a", some("b")), []string{"attributes_string", "attributes_number", "attributes_bool"}},
	} {
		rep, err := openReader(t, func(o *Options) { o.Rules = []rules.Rule{fact{stream: test.stream}.rule()} }).Report(t.Context(), noon)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []string{"response_status_code", "attributes_string", "attributes_number", "attributes_bool"} {
			if slices.Contains(rep.Columns, c) != slices.Contains(test.want, c) {
				t.Errorf("%s: columns %q", test.stream, rep.Columns)
			}
		}
	}
}
