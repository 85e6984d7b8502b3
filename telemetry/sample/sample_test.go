package sample

import (
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/telemetry"
)

var noon = time.Date(2026, time.May, 20, 12, 0, 0, 0, time.UTC)

// spot is a span and where it came from.
type spot struct {
	resource pcommon.Map
	span     ptrace.Span
}

func (s spot) region() string { return text(s.resource, "deployment.environment") }
func (s spot) route() string  { return text(s.span.Attributes(), "http.route") }
func (s spot) server() bool   { return s.span.Kind() == ptrace.SpanKindServer }
func (s spot) failed() bool   { return s.span.Status().Code() == ptrace.StatusCodeError }
func (s spot) code() int64 {
	v, ok := s.span.Attributes().Get("http.status_code")
	if !ok {
		return 0
	}
	return v.Int()
}

func (s spot) took() time.Duration {
	return time.Duration(s.span.EndTimestamp() - s.span.StartTimestamp())
}

// request says whether the span is a server's and neither health check nor stream.
func (s spot) request() bool {
	return s.server() && !slices.Contains([]string{health.pattern, stream.pattern, console.pattern}, s.route())
}

func text(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

func spots(all ...ptrace.Traces) iter.Seq[spot] {
	return func(yield func(spot) bool) {
		for _, tr := range all {
			for _, rs := range tr.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, s := range ss.Spans().All() {
						if !yield(spot{rs.Resource().Attributes(), s}) {
							return
						}
					}
				}
			}
		}
	}
}

// minutes gives n minutes from noon.
func (t Traffic) minutes(n int) []ptrace.Traces {
	var all []ptrace.Traces
	for i := range n {
		all = append(all, t.Minute(noon.Add(time.Duration(i)*time.Minute)))
	}
	return all
}

func count(all iter.Seq[spot], which func(spot) bool) int {
	n := 0
	for s := range all {
		if which(s) {
			n++
		}
	}
	return n
}

// near says whether a count fits its expectation, of which only one run in a
// million would stray; the seed is fixed, so none does twice.
func near(got int, want float64) bool { return math.Abs(float64(got)-want) <= 5*math.Sqrt(want) }

// bytesOf gives traces in the form in which they go over the wire.
func bytesOf(t *testing.T, tr ptrace.Traces) string {
	t.Helper()
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(tr)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMinuteIsTheSameWheneverItIsAskedFor(t *testing.T) {
	traffic := Traffic{Seed: 7, PerMinute: 100, DayNight: true}
	first := bytesOf(t, traffic.Minute(noon))
	traffic.Minute(noon.Add(-time.Minute))
	if bytesOf(t, traffic.Minute(noon.Add(59*time.Second))) != first {
		t.Error("asked again, the minute is another")
	}
	if bytesOf(t, traffic.Minute(noon.Add(time.Minute))) == first {
		t.Error("two minutes are the same")
	}
	traffic.Seed++
	if bytesOf(t, traffic.Minute(noon)) == first {
		t.Error("the seed does not matter")
	}
}

func TestSpansStartInTheirMinute(t *testing.T) {
	for s := range spots(Traffic{PerMinute: 300}.Minute(noon)) {
		if s.server() && !s.span.StartTimestamp().AsTime().Truncate(time.Minute).Equal(noon) {
			t.Fatalf("%s starts at %s", s.span.Name(), s.span.StartTimestamp().AsTime())
		}
		if s.took() < 0 {
			t.Fatalf("%s ends before it starts", s.span.Name())
		}
	}
}

func TestRates(t *testing.T) {
	all := Traffic{PerMinute: 200}.minutes(30)
	for _, region := range []string{"us", "eu", "in"} {
		here := func(which func(spot) bool) int {
			return count(spots(all...), func(s spot) bool { return s.region() == region && which(s) })
		}
		for name, test := range map[string]struct {
			which func(spot) bool
			want  float64
		}{
			"requests":      {spot.request, 30 * 200},
			"health checks": {func(s spot) bool { return s.route() == "/health" }, 30 * 200 / 5},
			"streams":       {func(s spot) bool { return s.server() && !s.request() && s.route() != "/health" }, 30 * 200 / 50},
			"evaluations":   {func(s spot) bool { return s.route() == "/v1/evaluate" }, 30 * 200 * 46 / sumOfWeights},
		} {
			if got := here(test.which); !near(got, test.want) {
				t.Errorf("%s: %d %s, want about %.0f", region, got, name, test.want)
			}
		}
		if got := here(func(s spot) bool { return s.request() && s.failed() }); got > 10 {
			t.Errorf("%s: %d errors on a good day", region, got)
		}
	}
}

func TestDayAndNight(t *testing.T) {
	traffic := Traffic{PerMinute: 400, DayNight: true, Regions: []string{"in"}}
	afternoon := traffic.Minute(time.Date(2026, time.May, 20, 8, 30, 0, 0, time.UTC)) // 14:00 in India
	night := traffic.Minute(time.Date(2026, time.May, 20, 20, 30, 0, 0, time.UTC))
	if got := count(spots(afternoon), spot.request); !near(got, 400*1.7) {
		t.Errorf("in the afternoon %d requests, want about %.0f", got, 400*1.7)
	}
	if got := count(spots(night), spot.request); !near(got, 400*0.3) {
		t.Errorf("at night %d requests, want about %.0f", got, 400*0.3)
	}
}

func TestLittleTrafficIsLittle(t *testing.T) {
	if got := count(spots(Traffic{PerMinute: 3, Regions: []string{"eu"}}.minutes(100)...), spot.request); !near(got, 300) {
		t.Errorf("%d requests in 100 minutes, want about 300", got)
	}
}

func TestRegionsReportWhatTheirServersWereTold(t *testing.T) {
	got := map[string]bool{}
	for s := range spots(Traffic{PerMinute: 50, Reported: map[string]string{"eu": "local"}}.Minute(noon)) {
		got[s.region()] = true
	}
	if len(got) != 3 || !got["us"] || !got["local"] || !got["in"] {
		t.Errorf("regions %v, want us, local and in", got)
	}
}

func TestAttributesAreWhereTheExampleUserHasThem(t *testing.T) {
	all := Traffic{PerMinute: 500, Version: "v1"}.minutes(5)
	for s := range spots(all...) {
		_, hasOrg := s.span.Attributes().Get("org_id")
		_, hasUser := s.span.Attributes().Get("user_key")
		withToken := strings.HasPrefix(s.route(), "/v1/projects/") || s.route() == console.pattern
		if hasOrg != withToken {
			t.Fatalf("%s: org_id there: %v, want %v", s.span.Name(), hasOrg, withToken)
		}
		if hasUser != strings.HasPrefix(s.span.Name(), "eval.") {
			t.Fatalf("%s: user_key there: %v", s.span.Name(), hasUser)
		}
		if s.server() && s.failed() != (s.code() >= 500) {
			t.Fatalf("%s answered %d and its status is %s", s.span.Name(), s.code(), s.span.Status().Code())
		}
		if (s.code() == 0) != (!s.server() || s.route() == console.pattern) {
			t.Fatalf("%s has the status code %d", s.span.Name(), s.code())
		}
		if text(s.resource, "service.version") != "v1" || text(s.resource, "host.name") == "" {
			t.Fatalf("resource %v", s.resource.AsRaw())
		}
	}
	for name, which := range map[string]func(spot) bool{
		"a request of a traced caller": func(s spot) bool { return s.server() && !s.span.ParentSpanID().IsEmpty() },
		"an evaluation of its own":     func(s spot) bool { return s.span.Name() == "eval.Evaluate" && s.span.ParentSpanID().IsEmpty() },
		"a wait for a connection":      func(s spot) bool { return s.span.Name() == "pool.acquire" && !s.span.ParentSpanID().IsEmpty() },
		"a query":                      func(s spot) bool { return strings.HasPrefix(text(s.span.Attributes(), "db.query.text"), "SELECT") },
		"an unmatched route":           func(s spot) bool { return s.span.Name() == "/" && s.route() == "" && s.code() == 404 },
		"a refused key":                func(s spot) bool { return s.code() == 401 },
		"a stream of minutes":          func(s spot) bool { return s.route() == stream.pattern && s.took() > 5*time.Minute },
	} {
		if count(spots(all...), which) == 0 {
			t.Errorf("there is not one case of %s", name)
		}
	}
}

func TestBrokenStreamsAnswer500AtOnce(t *testing.T) {
	all := Traffic{PerMinute: 500, BrokenStreams: true}.minutes(5)
	ours := func(s spot) bool { return s.route() == stream.pattern }
	n := count(spots(all...), ours)
	broken := count(spots(all...), func(s spot) bool {
		return ours(s) && s.code() == 500 && s.failed() && s.took() < time.Second
	})
	if n == 0 || broken != n {
		t.Errorf("%d of %d streams answer 500 at once, want all", broken, n)
	}
}

// p99 gives the 99th percentile of how long spans took, as Tocsin reckons it.
func p99(all iter.Seq[spot], which func(spot) bool) time.Duration {
	var h telemetry.Histogram
	for s := range all {
		if which(s) {
			h.Observe(s.took())
		}
	}
	d, _ := h.Quantile(9900)
	return d
}
