package signoz

import (
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
	"github.com/featuresignals/tocsin/telemetry/sample"
)

// freshStore gives a connection to an engine that holds these tables, empty.
func freshStore(t testing.TB, statements []string) driver.Conn {
	t.Helper()
	_, server := enginetest.Serve(t)
	conn, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{server.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	for _, database := range []string{"signoz_traces", "signoz_logs", "signoz_metrics", "otel"} {
		if err := conn.Exec(t.Context(), "DROP DATABASE IF EXISTS "+database); err != nil {
			t.Fatal(err)
		}
	}
	if err := Create(t.Context(), conn, statements); err != nil {
		t.Fatal(err)
	}
	return conn
}

// wholeSpan has something for every column.
func wholeSpan() ptrace.Traces {
	return oneSpan(func(s ptrace.Span) {
		s.SetParentSpanID(pcommon.SpanID{7: 0xee})
		s.SetFlags(0x301)
		s.TraceState().FromRaw("a=b")
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("no luck")
		a := s.Attributes()
		a.PutStr("http.route", "/pay/{id}")
		a.PutStr("http.method", "POST")
		a.PutInt("http.status_code", 503)
		a.PutBool("cached", true)
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(s.EndTimestamp())
		e.Attributes().PutStr("exception.type", "Timeout")
		e.Attributes().PutStr("exception.message", "after 5s")
	})
}

func TestStoreHoldsTheSpanInEveryForm(t *testing.T) {
	conn := freshStore(t, Schema(false))
	if err := NewWriter(conn).Write(t.Context(), wholeSpan(), noon.Add(31*time.Minute)); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"toString(ts_bucket_start)":                                         "1779278400",
		"toString(toUnixTimestamp64Nano(timestamp))":                        "1779280199000000000",
		"toString(inserted_at)":                                             "2026-05-20 12:31:00.000",
		"concat(trace_id, ' ', span_id, ' ', parent_span_id)":               "000000000000000000000000000000ab 00000000000000cd 00000000000000ee",
		"concat(name, ' ', toString(kind), ' ', kind_string)":               "/pay 2 Server",
		"concat(toString(status_code), ' ', status_code_string)":            "2 Error",
		"concat(toString(has_error), ' ', status_message)":                  "true no luck",
		"toString(duration_nano)":                                           "20000000",
		"concat(trace_state, ' ', toString(flags), ' ', is_remote)":         "a=b 769 yes",
		"concat(response_status_code, ' ', http_method)":                    "503 POST",
		"concat(`resource_string_service$$name`, ' ', serviceName)":         "checkout checkout",
		"concat(`attribute_string_http$$route`, ' ', httpRoute)":            "/pay/{id} /pay/{id}",
		"resources_string['cloud.region']":                                  "eu-west-1",
		"resource.`cloud.region`::String":                                   "eu-west-1",
		"toString(resource.`cloud.zone` IS NULL)":                           "1",
		"toString(attributes_number['http.status_code'])":                   "503",
		"toString(attributes.`http.status_code`::Int64)":                    "503",
		"toString(attributes_bool['cached'])":                               "true",
		"toString(attributes.`cached`::Bool)":                               "true",
		"scope.name":                                                        "",
		"JSONExtractString(events[1], 'attributeMap', 'exception.message')": "after 5s",
		"JSONExtractString(links, 1, 'spanId')":                             "00000000000000ee",
	} {
		if got := one(t, conn, "SELECT "+sql+" FROM signoz_traces.distributed_signoz_index_v3"); got != want {
			t.Errorf("%s is %q, want %q", sql, got, want)
		}
	}

	const join = `SELECT concat(r.labels, ' ', toString(r.seen_at_ts_bucket_start)) FROM signoz_traces.distributed_traces_v3_resource AS r
		INNER JOIN signoz_traces.distributed_signoz_index_v3 AS s ON r.fingerprint = s.resource_fingerprint AND r.seen_at_ts_bucket_start = toInt64(s.ts_bucket_start)`
	if got, want := one(t, conn, join), `{"cloud.region":"eu-west-1","service.name":"checkout"} 1779278400`; got != want {
		t.Errorf("the resource row is %s, want %s", got, want)
	}
	const exception = `SELECT concat(serviceName, ' ', exceptionType, ' ', exceptionMessage, ' ', traceID, ' ', resourceTagsMap['cloud.region'])
		FROM signoz_traces.distributed_signoz_error_index_v2`
	if got, want := one(t, conn, exception), "checkout Timeout after 5s 000000000000000000000000000000ab eu-west-1"; got != want {
		t.Errorf("the exception row is %s, want %s", got, want)
	}
}

func TestWriterTakesTheStoreAsItIs(t *testing.T) {
	const service = "SELECT `resource_string_service$$name` FROM signoz_traces.distributed_signoz_index_v3"
	const fromMap = "SELECT resources_string['cloud.region'] FROM signoz_traces.distributed_signoz_index_v3"
	const fromJSON = "SELECT resource.`cloud.region`::String FROM signoz_traces.distributed_signoz_index_v3"
	tests := map[string]struct {
		schema  []string
		without []string
		want    map[string]string
	}{
		"an older store has Maps only":            {SchemaMapOnly(false), nil, map[string]string{service: "checkout", fromMap: "eu-west-1"}},
		"rows before an upgrade have Maps only":   {Schema(false), []string{"resource"}, map[string]string{service: "checkout", fromMap: "eu-west-1", fromJSON: ""}},
		"rows of a newer store may have no Maps":  {Schema(false), []string{"resources_string"}, map[string]string{service: "checkout", fromMap: "", fromJSON: "eu-west-1"}},
		"what nobody reads may be left to others": {Schema(false), []string{"attributes"}, map[string]string{service: "checkout", fromJSON: "eu-west-1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn := freshStore(t, test.schema)
			if err := NewWriter(conn).Without(test.without...).Write(t.Context(), wholeSpan(), noon); err != nil {
				t.Fatal(err)
			}
			for sql, want := range test.want {
				if got := one(t, conn, sql); got != want {
					t.Errorf("%s gives %q, want %q", sql, got, want)
				}
			}
		})
	}
}

func TestContribRowsHaveTheWordsOfTheirTime(t *testing.T) {
	for spelling, want := range map[Spelling]string{
		SpellingNow:      "checkout eu-west-1 Server Error 503 20000000",
		SpellingTill2024: "checkout eu-west-1 SPAN_KIND_SERVER STATUS_CODE_ERROR 503 20000000",
	} {
		conn := freshStore(t, Schema(false))
		if err := NewWriter(conn).WriteContrib(t.Context(), wholeSpan(), spelling); err != nil {
			t.Fatal(err)
		}
		const sql = `SELECT arrayStringConcat([ServiceName, ResourceAttributes['cloud.region'], SpanKind, StatusCode, SpanAttributes['http.status_code'], toString(Duration)], ' ') FROM otel.otel_traces`
		if got := one(t, conn, sql); got != want {
			t.Errorf("the row is %q, want %q", got, want)
		}
	}
}

func TestStoreTakesWhateverASpanHolds(t *testing.T) {
	conn := freshStore(t, Schema(false))
	tr := oneSpan(func(s ptrace.Span) {
		s.SetTraceID(pcommon.TraceID{})
		s.SetEndTimestamp(s.StartTimestamp() - 1)
		a := s.Attributes()
		a.PutStr("a", "a path and")
		a.PutStr("a.b", "one below it")
		a.PutStr("", "no key")
		a.PutStr("..", "dots")
		a.PutStr("quotes \" ' ` \\", "line\nbreak \x00 \xff\xfe ☎")
		a.PutDouble("nan", math.NaN())
		a.PutInt("large", math.MaxInt64)
		a.PutEmptySlice("list").AppendEmpty().SetInt(7)
	})
	tr.ResourceSpans().At(0).Resource().Attributes().PutStr("", "\xff")
	if err := NewWriter(conn).Write(t.Context(), tr, noon); err != nil {
		t.Fatal(err)
	}
	const sql = "SELECT concat(attributes.`a`::String, ' ', attributes.`a.b`::String, ' ', attributes_string['a.b'], ' ', toString(duration_nano)) FROM signoz_traces.distributed_signoz_index_v3"
	if got, want := one(t, conn, sql), "a path and one below it one below it 18446744073709551615"; got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
}

func TestWriteAllStoresEverySpanOnce(t *testing.T) {
	conn := freshStore(t, Schema(false))
	feed := sample.Traffic{Seed: 1, PerMinute: 80, Regions: []string{"eu", "us"}}.Feed(noon, 0)
	spans := 0
	// More than gatherRows, and across a border of half hours.
	err := NewWriter(conn).Without("attributes").WriteAll(t.Context(), counted(feed.Through(noon.Add(40*time.Minute)), &spans))
	if err != nil {
		t.Fatal(err)
	}
	if spans < gatherRows+1000 {
		t.Fatalf("%d spans are too few for two inserts", spans)
	}
	const distinct = "SELECT toString((count(), uniqExact(trace_id, span_id))) FROM signoz_traces.distributed_signoz_index_v3"
	if got, want := one(t, conn, distinct), fmt.Sprintf("(%d,%d)", spans, spans); got != want {
		t.Errorf("stored (rows, distinct) are %s, want %s", got, want)
	}
	const resources = "SELECT toString(count()) FROM (SELECT DISTINCT fingerprint, seen_at_ts_bucket_start FROM signoz_traces.distributed_traces_v3_resource)"
	if got := one(t, conn, resources); got != "4" {
		t.Errorf("%s resources, want 4: two regions in two half hours", got)
	}
}

func TestWriterSaysHowToMakeTheTables(t *testing.T) {
	conn := freshStore(t, nil)
	err := NewWriter(conn).Write(t.Context(), wholeSpan(), noon)
	if err == nil || !strings.Contains(err.Error(), "there is no table signoz_traces.signoz_index_v3: make it with") {
		t.Errorf("without tables the writer says %v", err)
	}
}

// one gives the answer of a query that has one row with one text.
func one(t testing.TB, conn driver.Conn, sql string) string {
	t.Helper()
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func BenchmarkWriteAll(b *testing.B) {
	conn := freshStore(b, Schema(false))
	traffic := sample.Traffic{Seed: 1, PerMinute: 500}
	feed := traffic.Feed(noon, 10*time.Second)
	w := NewWriter(conn)
	spans, end := 0, noon
	for b.Loop() {
		end = end.Add(20 * time.Minute)
		if err := w.WriteAll(b.Context(), counted(feed.Through(end), &spans)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
}

// counted passes batches on and counts their spans.
func counted(batches iter.Seq2[time.Time, ptrace.Traces], spans *int) iter.Seq2[time.Time, ptrace.Traces] {
	return func(yield func(time.Time, ptrace.Traces) bool) {
		for at, tr := range batches {
			*spans += tr.SpanCount()
			if !yield(at, tr) {
				return
			}
		}
	}
}
