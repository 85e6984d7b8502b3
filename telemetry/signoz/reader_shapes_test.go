package signoz

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
)

// read gives the minutes of an hour from noon on, as text.
func read(t *testing.T, r *Reader) string {
	t.Helper()
	return figures(collect(t, r.Minutes(t.Context(), noon, noon.Add(time.Hour))))
}

func write(t *testing.T, w *Writer, spans ...testSpan) {
	t.Helper()
	if err := w.Write(t.Context(), traces(spans...), noon); err != nil {
		t.Fatal(err)
	}
}

// request is a good request of the API that takes 10 ms.
func request(minute int, region string) testSpan {
	return testSpan{at: noon.Add(time.Duration(minute) * time.Minute), service: "api", resource: in(region), name: "/v1/evaluate", took: 10 * time.Millisecond}
}

func (s testSpan) with(change func(*testSpan)) testSpan {
	change(&s)
	return s
}

func TestReaderCountsWhatCameIn(t *testing.T) {
	conn := freshStore(t, Schema(false))
	const day = 24 * time.Hour
	write(t, NewWriter(conn),
		request(0, "eu"),
		request(0, "eu").with(func(s *testSpan) { s.failed = true }),
		request(0, "eu").with(func(s *testSpan) { s.kind = ptrace.SpanKindConsumer }),
		request(0, "eu").with(func(s *testSpan) { s.kind = ptrace.SpanKindClient }),
		request(0, "eu").with(func(s *testSpan) { s.kind = ptrace.SpanKindInternal; s.failed = true }),
		request(1, "eu").with(func(s *testSpan) { s.took = -time.Second; s.failed = true }), // the clock stepped back
		request(1, "eu").with(func(s *testSpan) { s.took = day }),
		request(1, "eu").with(func(s *testSpan) { s.took = day + 1 }),
		request(2, "eu").with(func(s *testSpan) { s.took = 0 }),
		request(3, "eu").with(func(s *testSpan) { s.service = "" }),
		request(60, "eu"), // not in the hour
		request(-1, "eu").with(func(s *testSpan) { s.at = noon.Add(-time.Nanosecond) }),
		request(4, "eu").with(func(s *testSpan) { s.at = noon.Add(5*time.Minute - time.Nanosecond) }),
		request(0, "eu").with(func(s *testSpan) { s.at = noon.Add(5 * day) }), // a clock that is fast
	)
	want := `12:03 /eu o
12:00 api/eu oox
12:01 api/eu oox ~~
12:02 api/eu o
12:04 api/eu o
`
	r := openReader(t, nil)
	if got := read(t, r); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, err := range r.Minutes(t.Context(), noon.Add(time.Second), noon.Add(time.Minute)) {
		if err == nil {
			t.Error("half a minute is read")
		}
	}
}

func TestReaderTellsRegionsApart(t *testing.T) {
	conn := freshStore(t, Schema(false))
	resource := func(pairs ...string) testSpan {
		s := request(0, "")
		s.resource = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			s.resource[pairs[i]] = pairs[i+1]
		}
		return s
	}
	write(t, NewWriter(conn),
		resource("deployment.environment", "eu"),
		resource("deployment.environment", "local"), // an alias of eu
		resource("deployment.environment", "us", "cloud.region", "eu"),
		resource("deployment.environment.name", "in", "cloud.region", "eu"),
		resource("cloud.region", "in"),
		resource("deployment.environment", "", "cloud.region", "eu"), // present, and says nothing
		resource("deployment.environment", "default"),
		resource("region", "us"), // not among the attributes
		resource(),
	)
	log, said := logged()
	r := openReader(t, func(o *Options) {
		o.SigNoz.Region = []string{"deployment.environment", "deployment.environment.name", "cloud.region"}
		o.Regions = []rules.Region{{Code: "in"}, {Code: "us"}, {Code: "eu", Aliases: []string{"local"}}}
		o.Log = log
	})
	want := "12:00 api/ ooo\n12:00 api/default o\n12:00 api/eu oo\n12:00 api/in oo\n12:00 api/us o\n"
	for range 2 {
		if got := read(t, r); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
	if n := strings.Count(said.String(), "value=default"); n != 1 {
		t.Errorf("the unknown region is warned of %d times, want once: %s", n, said)
	}
}

func TestReaderKeepsStreamsApart(t *testing.T) {
	conn := freshStore(t, Schema(false))
	at := func(name, route string) testSpan {
		return request(0, "eu").with(func(s *testSpan) { s.name, s.route = name, route })
	}
	write(t, NewWriter(conn),
		at("/v1/evaluate", "/v1/evaluate"),
		at("/v1/evaluate", "").with(func(s *testSpan) { s.failed = true }), // no route: its name counts
		at("/health", "/v1/evaluate"),                                      // the route counts, not the name
		at("GET", "/health"),
		at("GET", "/v1/stream/{envKey}").with(func(s *testSpan) { s.took = time.Hour }),
		at("GET", "/v1/stream").with(func(s *testSpan) { s.failed = true }),
		at("/", ""),
		at("/", "").with(func(s *testSpan) { s.service = "api-dev" }),
		at("/", "").with(func(s *testSpan) { s.resource = in("dev") }),
	)
	some := rules.Patterns{Not: []string{"/health", "/v1/stream/*"}}
	evaluation := rules.Patterns{Any: []string{"/v1/eval*", "/nowhere"}}
	api := rules.Patterns{Any: []string{"api"}}
	r := openReader(t, func(o *Options) {
		o.Rules = ruled(
			rules.Where{Services: api, Regions: rules.Patterns{Not: []string{"dev"}}, Routes: some},
			rules.Where{Services: api, Regions: rules.Patterns{Any: []string{"eu"}}, Routes: evaluation},
			rules.Where{Services: api, Regions: rules.Patterns{Any: []string{"eu"}}, Routes: some}, // a stream that is there already
		)
	})
	want := `12:00 api/eu routes=+"/v1/eval*"+"/nowhere" oox
12:00 api/eu routes=-"/health"-"/v1/stream/*" oooxx
`
	if got := read(t, r); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	sums := bySeries(collect(t, r.Minutes(t.Context(), noon, noon.Add(time.Hour))))
	if p99, _ := sums[telemetry.Series{Service: "api", Region: "eu", Stream: routed(some)}].Durations.Quantile(9900); p99 > time.Second {
		t.Errorf("an hour-long stream that is left out makes p99 %v", p99)
	}

	all := openReader(t, func(o *Options) { o.Rules = ruled(rules.Where{Routes: some}, rules.Where{}) })
	if got := bySeries(collect(t, all.Minutes(t.Context(), noon, noon.Add(time.Hour)))); got[telemetry.Series{Service: "api", Region: "eu"}].Requests != 7 || len(got) != 6 {
		t.Errorf("with a rule about everything there are %d series, want 2 streams of 3; all of api in eu: %+v", len(got), got[telemetry.Series{Service: "api", Region: "eu"}])
	}
}

func TestReaderTakesMoreStreamsThanOneQueryHolds(t *testing.T) {
	conn := freshStore(t, Schema(false))
	var all []rules.Rule
	for i := range 130 {
		all = append(all, rules.Rule{HTTP5xx: i%2 == 1, Where: rules.Where{Routes: rules.Patterns{Any: []string{fmt.Sprint("/r", i), "/all"}}}})
	}
	write(t, NewWriter(conn), request(0, "eu").with(func(s *testSpan) { s.name = "/r63" }), request(0, "eu").with(func(s *testSpan) { s.name = "/r129" }),
		request(0, "eu").with(func(s *testSpan) { s.name, s.more = "/all", map[string]any{"http.status_code": int64(500)} }))
	r := openReader(t, func(o *Options) { o.Rules = all })
	minutes := collect(t, r.Minutes(t.Context(), noon, noon.Add(time.Minute)))
	two, failed := 0, 0
	for _, m := range minutes {
		if m.Requests == 2 {
			two++
		}
		if m.Errors == 1 {
			failed++
		}
	}
	if len(r.plans) != 3 || len(minutes) != 130 || two != 2 || failed != 65 {
		t.Errorf("%d queries, %d streams, %d of them with two requests, %d with an error; want 3, 130, 2 and 65", len(r.plans), len(minutes), two, failed)
	}
}

// The same traces, however they are stored, are the same minutes.
func TestReaderSeesTheSameInEveryShape(t *testing.T) {
	var spans []testSpan
	for i := range 300 {
		spans = append(spans, testSpan{
			at: noon.Add(time.Duration(i*7919%3600) * time.Second), service: []string{"api", "checkout"}[i%2],
			resource: map[string]string{[]string{"cloud.region", "aws.region", "other"}[i%3]: []string{"eu", "us", ""}[i/3%3]},
			name:     []string{"/a", "GET /b", "/health"}[i/9%3], route: []string{"", "/b", "/health"}[i/9%3],
			kind: []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindConsumer, ptrace.SpanKindClient}[i%7%3],
			took: time.Duration(i*i*int(time.Microsecond)) - 50*time.Microsecond, failed: i%11 == 0,
		})
	}
	tr := traces(spans...)
	plain := func(w *Writer, ctx context.Context) error { return w.Write(ctx, tr, noon) }
	in := func(s Spelling) func(*Writer, context.Context) error {
		return func(w *Writer, ctx context.Context) error { return w.WriteContrib(ctx, tr, s) }
	}
	var first []telemetry.Minute
	for _, test := range []struct {
		name   string
		schema []string
		write  func(*Writer, context.Context) error
		then   string // statements that make the install what it is
		want   Shape
		shape  Shape
	}{
		{"v3 with JSON", Schema(false), plain, "", "", ShapeJSON},
		{"v3 with JSON, told to use the Map", Schema(false), plain, "", ShapeMap, ShapeMap},
		{"v3 with Map only", SchemaMapOnly(false), plain, "", "", ShapeMap},
		{"v3 without the distributed twin", Schema(false), plain, "DROP TABLE signoz_traces.distributed_signoz_index_v3", "", ShapeJSON},
		{"v3 where the Map is no longer filled", Schema(false), func(w *Writer, ctx context.Context) error {
			return w.Without("resources_string").Write(ctx, tr, noon)
		}, "", "", ShapeJSON},
		{"v3 from before an upgrade", Schema(false), func(w *Writer, ctx context.Context) error {
			return w.Without("resource").Write(ctx, tr, noon)
		}, "", "", ShapeJSON},
		{"contrib", Schema(false), in(SpellingNow), "DROP DATABASE signoz_traces", "", ShapeContrib},
		{"contrib until 2024", Schema(false), in(SpellingTill2024), "DROP DATABASE signoz_traces", "", ShapeContrib},
		{"contrib with JSON", Schema(false), in(SpellingNow), contribAsJSON, "", ShapeContrib},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := freshStore(t, test.schema)
			if err := test.write(NewWriter(conn), t.Context()); err != nil {
				t.Fatal(err)
			}
			exec(t, conn, test.then)
			r := openReader(t, func(o *Options) {
				o.SigNoz.Shape = string(test.want)
				o.Rules = ruled(rules.Where{}, rules.Where{Routes: rules.Patterns{Not: []string{"/health"}}}, rules.Where{Routes: rules.Patterns{Any: []string{"/b*"}}})
			})
			if got := r.layout.Load().shape; got != test.shape {
				t.Errorf("the shape is %s, want %s", got, test.shape)
			}
			minutes := collect(t, r.Minutes(t.Context(), noon, noon.Add(time.Hour)))
			if first == nil {
				first = minutes
				if n := bySeries(minutes); len(n) < 10 {
					t.Fatalf("only %d series: the test says little", len(n))
				}
			}
			if !slices.EqualFunc(minutes, first, sameMinute) {
				t.Errorf("other minutes than in the first shape:\n%s\nfirst:\n%s", figures(minutes), figures(first))
			}
		})
	}
}

func sameMinute(a, b telemetry.Minute) bool {
	return a.Series == b.Series && a.Start.Equal(b.Start) && a.Requests == b.Requests && a.Errors == b.Errors && a.Matches == b.Matches && text(a.Durations) == text(b.Durations)
}

func text(h telemetry.Histogram) string {
	var b strings.Builder
	h.Each(func(bucket uint16, count uint32) { fmt.Fprintf(&b, "%d×%d ", count, bucket) })
	return b.String()
}

// exec runs statements.
func exec(t *testing.T, conn driver.Conn, script string) {
	t.Helper()
	for sql := range strings.SplitSeq(script, ";\n") {
		if sql == "" {
			continue
		}
		if err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// contribAsJSON turns the contrib table into that of installs which keep
// attributes as JSON and durations with a sign.
const contribAsJSON = `DROP DATABASE signoz_traces;
RENAME TABLE otel.otel_traces TO otel.pairs;
CREATE TABLE otel.otel_traces ENGINE = MergeTree ORDER BY (ServiceName, Timestamp) AS
SELECT Timestamp, SpanName, SpanKind, ServiceName, StatusCode, Duration::Int64 AS Duration,
	ResourceAttributes::Map(String, String)::JSON AS ResourceAttributes, SpanAttributes::Map(String, String)::JSON AS SpanAttributes FROM otel.pairs`

func TestReaderCountsSeriesBeyondTheLimitAsOther(t *testing.T) {
	conn := freshStore(t, Schema(false))
	var spans []testSpan
	for i := range 10 {
		for range i + 1 {
			spans = append(spans, request(0, fmt.Sprint("r", i)).with(func(s *testSpan) { s.failed = i == 0 }))
		}
	}
	write(t, NewWriter(conn), spans...)
	r := openReader(t, func(o *Options) { o.SigNoz.MaxSeries = 7 })
	for range 2 {
		sums := bySeries(collect(t, r.Minutes(t.Context(), noon, noon.Add(time.Minute))))
		rest := sums[telemetry.Series{Service: telemetry.Other}]
		if len(sums) != 8 || rest.Requests != 1+2+3 || rest.Errors != 1 || rest.Durations.Count() != 6 {
			t.Errorf("%d series, other has %d requests, %d errors; want 8, 6 and 1", len(sums), rest.Requests, rest.Errors)
		}
		if r.Overflow() != 3 {
			t.Errorf("%d are beyond the limit, want 3", r.Overflow())
		}
	}
}

func TestReaderIsSafeForConcurrentUse(t *testing.T) {
	conn := freshStore(t, Schema(false))
	write(t, NewWriter(conn), request(0, "eu"), request(1, "us"))
	_, server := enginetest.Serve(t)
	r, err := New(Options{ // finds out about the store with everybody asking at once
		SigNoz: rules.SigNoz{DSN: server.URL(), Region: []string{"cloud.region"}, MaxSeries: 1}, Log: quiet(),
		Rules: ruled(rules.Where{Services: rules.Patterns{Any: []string{"a*"}}}), Regions: []rules.Region{{Code: "eu"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				requests := uint64(0)
				for m, err := range r.Minutes(t.Context(), noon, noon.Add(time.Hour)) {
					if err != nil {
						t.Error(err)
					}
					requests += m.Requests
				}
				if requests != 2 {
					t.Errorf("%d requests, want 2", requests)
				}
				if _, err := r.Report(t.Context(), noon.Add(time.Hour)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
