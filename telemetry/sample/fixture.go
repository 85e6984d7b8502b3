package sample

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The times of the fixture.
var (
	FixtureStart  = time.Date(2026, time.May, 20, 10, 0, 0, 0, time.UTC)
	FixtureBreach = FixtureStart.Add(20 * time.Minute)
	FixtureEnd    = FixtureStart.Add(30 * time.Minute)
)

// Fixture is half an hour of two regions in which nothing is left to chance, so
// that every figure can be worked out with a pencil. A second has, per region,
// one health check (0.2 ms), one evaluation and one request of a project's
// flags (8 to 12 ms), one wait for a database connection and one query; a
// minute has one stream of 15 minutes. From FixtureBreach on, in eu, a new
// version runs on a new host, three of ten requests of a project's flags
// answer 500 after 2.5 s, and the database takes 1.8 s. At 10:25 come 42
// exceptions there, one a second.
func Fixture() ptrace.Traces {
	tr := ptrace.NewTraces()
	f := fixture{}
	for _, region := range []string{"eu", "us"} {
		f.part(tr, region, place{"c0ffee01", "aaa111"}, FixtureStart, FixtureBreach)
		after := place{"c0ffee01", "aaa111"}
		if region == "eu" {
			after = place{"c0ffee02", "bbb222"}
		}
		f.part(tr, region, after, FixtureBreach, FixtureEnd)
	}
	return tr
}

// fixture numbers the spans.
type fixture struct{ last uint64 }

func (f *fixture) part(tr ptrace.Traces, region string, p place, from, to time.Time) {
	rs := tr.ResourceSpans().AppendEmpty()
	resource(rs.Resource().Attributes(), "featuresignals-api", region, p)
	spans := scoped(rs)
	for at := from; at.Before(to); at = at.Add(time.Second) {
		f.second(spans, at, region == "eu" && !at.Before(FixtureBreach))
	}
}

func (f *fixture) second(to ptrace.SpanSlice, at time.Time, bad bool) {
	second := int(at.Sub(FixtureStart) / time.Second)
	usual := time.Duration(8+second%5) * time.Millisecond

	f.server(to, request{route: health, at: at, took: 200 * time.Microsecond, code: 200}, second)
	f.server(to, request{route: routeOf("/v1/evaluate"), at: at, took: usual, code: 200}, second)
	flags := request{route: routeOf("/v1/projects/{projectID}/flags"), at: at, took: usual, code: 200}
	if bad && second%10 < 3 {
		flags.code, flags.took = 500, 2500*time.Millisecond
	}
	f.server(to, flags, second)
	if second%60 == 0 {
		f.server(to, request{route: stream, at: at, took: 15 * time.Minute, code: 200}, second)
	}

	wait := time.Millisecond
	if bad {
		wait = 1800 * time.Millisecond
	}
	acquire := f.client(to, "pool.acquire", at, wait)
	if n := second - 25*60; bad && 0 <= n && n < 42 {
		exception(acquire, pcommon.NewTimestampFromTime(at))
	}
	query := f.client(to, "query", at, wait)
	statement(query.Attributes(), fmt.Sprintf("SELECT id, key, name FROM flags WHERE project_id = 'p%d' AND version > %d LIMIT 10", second%89, second))
}

func (f *fixture) server(to ptrace.SpanSlice, q request, second int) {
	s := newSpan(to, q.route.name(), ptrace.SpanKindServer, q.at, q.took)
	f.number(s)
	serverAttributes(s.Attributes(), q, caller{organisation: second % 7, user: second % 50, role: "developer", address: 1 + second%200})
	if q.fails() {
		s.Status().SetCode(ptrace.StatusCodeError)
	}
}

func (f *fixture) client(to ptrace.SpanSlice, name string, at time.Time, took time.Duration) ptrace.Span {
	s := newClient(to, name, at, took)
	f.number(s)
	return s
}

// number makes a span a trace of its own.
func (f *fixture) number(s ptrace.Span) {
	f.last++
	var trace pcommon.TraceID
	var span pcommon.SpanID
	binary.BigEndian.PutUint64(trace[8:], f.last)
	binary.BigEndian.PutUint64(span[:], f.last)
	s.SetTraceID(trace)
	s.SetSpanID(span)
}

func routeOf(pattern string) route {
	for _, r := range routes {
		if r.pattern == pattern {
			return r
		}
	}
	panic("sample: no route " + strconv.Quote(pattern))
}
