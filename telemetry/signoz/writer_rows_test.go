package signoz

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var noon = time.Date(2026, time.May, 20, 12, 0, 0, 0, time.UTC)

// oneSpan makes traces of one server span of 20 ms in eu, and lets edit change it.
func oneSpan(edit func(ptrace.Span)) ptrace.Traces {
	tr := ptrace.NewTraces()
	rs := tr.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	rs.Resource().Attributes().PutStr("cloud.region", "eu-west-1")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{15: 0xab})
	s.SetSpanID(pcommon.SpanID{7: 0xcd})
	s.SetName("/pay")
	s.SetKind(ptrace.SpanKindServer)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(noon.Add(29*time.Minute + 59*time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(noon.Add(29*time.Minute + 59*time.Second + 20*time.Millisecond)))
	if edit != nil {
		edit(s)
	}
	return tr
}

func rowOf(edit func(ptrace.Span)) SpanRow { return RowsOf(oneSpan(edit), noon).Spans[0] }

func TestRowOfAnOrdinarySpan(t *testing.T) {
	got := rowOf(func(s ptrace.Span) {
		s.SetParentSpanID(pcommon.SpanID{7: 0xee})
		s.Attributes().PutStr("http.method", "POST")
		s.Attributes().PutInt("http.status_code", 200)
		s.Attributes().PutBool("cached", true)
	})
	want := SpanRow{
		Bucket:             uint64(noon.Unix()),
		Fingerprint:        got.Fingerprint,
		Start:              noon.Add(29*time.Minute + 59*time.Second),
		TraceID:            "000000000000000000000000000000ab",
		SpanID:             "00000000000000cd",
		ParentSpanID:       "00000000000000ee",
		Name:               "/pay",
		Kind:               ptrace.SpanKindServer,
		DurationNano:       20_000_000,
		Strings:            Pairs[string]{{"http.method", "POST"}},
		Numbers:            Pairs[float64]{{"http.status_code", 200}},
		Bools:              Pairs[bool]{{"cached", true}},
		Attributes:         `{"cached":true,"http.method":"POST","http.status_code":200}`,
		Resources:          Pairs[string]{{"cloud.region", "eu-west-1"}, {"service.name", "checkout"}},
		ResourceJSON:       `{"cloud.region":"eu-west-1","service.name":"checkout"}`,
		ScopeJSON:          `{"name":"","version":"","attributes":{}}`,
		Links:              `[{"traceId":"000000000000000000000000000000ab","spanId":"00000000000000ee","refType":"CHILD_OF"}]`,
		ResponseStatusCode: "200",
		HTTPMethod:         "POST",
		IsRemote:           "unknown",
		InsertedAt:         noon,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got.Fingerprint, "cloud.region=eu-west-1;service.name=checkout;hash=") {
		t.Errorf("fingerprint %q", got.Fingerprint)
	}
}

func TestErrorIsTheSpansStatusAndNothingElse(t *testing.T) {
	tests := map[string]struct {
		status ptrace.StatusCode
		code   int64
		want   bool
	}{
		"an error is one":                       {ptrace.StatusCodeError, 500, true},
		"a 500 whose status is unset is none":   {ptrace.StatusCodeUnset, 500, false},
		"an error that answered 200 is one":     {ptrace.StatusCodeError, 200, true},
		"a 401 whose status is unset is none":   {ptrace.StatusCodeUnset, 401, false},
		"a 503 that somebody called OK is none": {ptrace.StatusCodeOk, 503, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			row := rowOf(func(s ptrace.Span) {
				s.Status().SetCode(test.status)
				s.Attributes().PutInt("http.status_code", test.code)
			})
			if row.HasError != test.want {
				t.Errorf("has_error %v, want %v", row.HasError, test.want)
			}
		})
	}
}

func TestResponseStatusCodeIsReadFromAnySpelling(t *testing.T) {
	tests := map[string]func(pcommon.Map){
		"old HTTP":          func(a pcommon.Map) { a.PutInt("http.status_code", 14) },
		"new HTTP":          func(a pcommon.Map) { a.PutInt("http.response.status_code", 14) },
		"gRPC":              func(a pcommon.Map) { a.PutInt("rpc.grpc.status_code", 14) },
		"HTTP sent as text": func(a pcommon.Map) { a.PutStr("http.status_code", "14") },
	}
	for name, put := range tests {
		t.Run(name, func(t *testing.T) {
			row := rowOf(func(s ptrace.Span) { put(s.Attributes()) })
			if row.ResponseStatusCode != "14" {
				t.Errorf("response_status_code %q, want 14", row.ResponseStatusCode)
			}
		})
	}
}

func TestDurationWrapsWhenAClockSteppedBack(t *testing.T) {
	row := rowOf(func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 5) })
	if row.DurationNano != math.MaxUint64-4 {
		t.Errorf("duration %d, want 2^64 − 5", row.DurationNano)
	}
}

func TestBucketIsTheHalfHourOfTheStart(t *testing.T) {
	for _, at := range []time.Time{noon, noon.Add(30*time.Minute - 1), noon.Add(30 * time.Minute), noon.Add(12*time.Hour - 1), noon.Add(12 * time.Hour)} {
		row := rowOf(func(s ptrace.Span) {
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Hour)))
		})
		if want := at.Truncate(30 * time.Minute).Unix(); int64(row.Bucket) != want {
			t.Errorf("a span that starts at %s lies in bucket %d, want %d", at, row.Bucket, want)
		}
	}
}

func TestClientSpansTellWhomTheyCalled(t *testing.T) {
	row := rowOf(func(s ptrace.Span) {
		s.SetKind(ptrace.SpanKindClient)
		s.SetFlags(0x301)
		s.Attributes().PutStr("http.request.method", "GET")
		s.Attributes().PutStr("url.full", "https://pay.example.com:8443/v1?x=1")
		s.Attributes().PutStr("db.namespace", "shop")
		s.Attributes().PutStr("db.operation.name", "SELECT")
	})
	got := []string{row.ExternalHTTPMethod, row.ExternalHTTPURL, row.HTTPURL, row.DBName, row.DBOperation, row.IsRemote}
	want := []string{"GET", "pay.example.com", "https://pay.example.com:8443/v1?x=1", "shop", "SELECT", "yes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("picked columns (-want +got):\n%s", diff)
	}
}

func TestExceptionsGetRowsOfTheirOwn(t *testing.T) {
	tr := oneSpan(func(s ptrace.Span) {
		for _, name := range []string{"exception", "retry", "exception"} {
			e := s.Events().AppendEmpty()
			e.SetName(name)
			e.SetTimestamp(pcommon.NewTimestampFromTime(noon))
			e.Attributes().PutStr("exception.type", "Timeout")
			e.Attributes().PutStr("exception.message", "after 5s")
			e.Attributes().PutBool("exception.escaped", true)
		}
	})
	rows := RowsOf(tr, noon)
	if len(rows.Exceptions) != 2 {
		t.Fatalf("%d exceptions, want 2: the retry is none", len(rows.Exceptions))
	}
	a, b := rows.Exceptions[0], rows.Exceptions[1]
	if a.Service != "checkout" || a.Type != "Timeout" || a.Message != "after 5s" || !a.Escaped || !a.Time.Equal(noon) {
		t.Errorf("exception %+v", a)
	}
	if a.ErrorID == b.ErrorID || a.GroupID != b.GroupID || len(a.ErrorID) != 32 || len(a.GroupID) != 32 {
		t.Errorf("ids %s %s, groups %s %s: want two ids of 32 and one group", a.ErrorID, b.ErrorID, a.GroupID, b.GroupID)
	}
	if got := rows.Spans[0].Events; len(got) != 3 || !json.Valid([]byte(got[0])) || !strings.Contains(got[0], `"exception.type":"Timeout"`) {
		t.Errorf("events %q", got)
	}
}

func TestResourceIsSeenOnceAHalfHour(t *testing.T) {
	tr := oneSpan(nil) // starts at 12:29:59
	spans := tr.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range 3 {
		s := spans.AppendEmpty()
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(noon.Add(30*time.Minute + time.Duration(i))))
	}
	want := []int64{noon.Unix(), noon.Unix() + 1800}
	var got []int64
	for _, r := range RowsOf(tr, noon).Resources {
		got = append(got, r.Seen)
		if r.Labels != `{"cloud.region":"eu-west-1","service.name":"checkout"}` {
			t.Errorf("labels %s", r.Labels)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("half hours (-want +got):\n%s", diff)
	}
}

func TestFingerprintTellsResourcesApart(t *testing.T) {
	of := func(pairs ...string) string {
		m := pcommon.NewMap()
		for i := 0; i < len(pairs); i += 2 {
			m.PutStr(pairs[i], pairs[i+1])
		}
		return fingerprintOf(texts(m))
	}
	if a, b := of("service.name", "a", "host.name", "x"), of("host.name", "x", "service.name", "a"); a != b {
		t.Errorf("the order of attributes counts: %s and %s", a, b)
	}
	if a, b := of("service.name", "a", "host.name", "x"), of("service.name", "a", "host.name", "y"); a == b {
		t.Errorf("two hosts share %s", a)
	}
	if a, b := of("k", "xy"), of("kx", "y"); a == b {
		t.Errorf("a key's end and a value's beginning mix: %s", a)
	}
}

func TestJSONHoldsWhateverAnAttributeHolds(t *testing.T) {
	row := rowOf(func(s ptrace.Span) {
		a := s.Attributes()
		a.PutStr("quotes \" and \\", "line\nbreak \x00 \xff\xfe ☎")
		a.PutDouble("nan", math.NaN())
		a.PutDouble("small", 1e-300)
		a.PutInt("large", math.MaxInt64)
		a.PutEmptySlice("list").AppendEmpty().SetInt(7)
		a.PutEmptyBytes("bytes").FromRaw([]byte{1, 2})
		a.PutEmpty("nothing")
	})
	var got map[string]any
	if err := json.Unmarshal([]byte(row.Attributes), &got); err != nil {
		t.Fatalf("attributes are no JSON: %v\n%s", err, row.Attributes)
	}
	if len(got) != 7 || got["nan"] != "NaN" || got["list"] != "[7]" || got["quotes \" and \\"] != "line\nbreak \x00 \ufffd\ufffd ☎" {
		t.Errorf("attributes %#v", got)
	}
}

func TestTheLastOfTwoEqualKeysCounts(t *testing.T) {
	// Put never makes two, but what comes over the wire may hold them.
	tr, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(`{"resourceSpans":[{"resource":{"attributes":[
		{"key":"a","value":{"stringValue":"1"}},
		{"key":"b","value":{"stringValue":"x"}},
		{"key":"a","value":{"stringValue":"2"}}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Pairs[string]{{"a", "2"}, {"b", "x"}}
	if diff := cmp.Diff(want, texts(tr.ResourceSpans().At(0).Resource().Attributes())); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
}

func BenchmarkRowsOf(b *testing.B) {
	tr := oneSpan(func(s ptrace.Span) {
		s.Attributes().PutInt("http.status_code", 200)
		for _, k := range []string{"http.method", "http.scheme", "http.route", "net.host.name", "net.sock.peer.addr", "user_agent.original", "org_id", "user_id", "role"} {
			s.Attributes().PutStr(k, k+" of some length")
		}
	})
	spans := tr.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for spans.Len() < 1000 {
		spans.At(0).CopyTo(spans.AppendEmpty())
	}
	b.ReportAllocs()
	for b.Loop() {
		RowsOf(tr, noon)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/span")
}
