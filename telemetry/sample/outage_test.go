package sample

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// eu is a Traffic with an outage in eu, a minute long, and its minute.
func eu(o Outage) (Traffic, ptrace.Traces) {
	o.Regions, o.From, o.To = []string{"eu"}, noon, noon.Add(time.Minute)
	traffic := Traffic{Seed: 3, PerMinute: 2000, Outages: []Outage{o}}
	return traffic, traffic.Minute(noon)
}

func inEU(s spot) bool { return s.region() == "eu" }

func TestOutageChangesOnlyWhatItTouches(t *testing.T) {
	for _, kind := range []Kind{HTTP500, Slow, DatabaseDown, Silent, FlagErrors} {
		_, bad := eu(Outage{Kind: kind, Routes: []string{"/v1/projects/*"}})
		good := Traffic{Seed: 3, PerMinute: 2000}.Minute(noon)
		untouched := func(s spot) bool {
			return s.server() && (s.region() != "eu" || !(Outage{Routes: []string{"/v1/projects/*"}}).touches(s.route()))
		}
		type key struct {
			id    string
			start int64
			took  time.Duration
			code  int64
		}
		want := map[key]bool{}
		for s := range spots(good) {
			if untouched(s) {
				want[key{s.span.TraceID().String(), int64(s.span.StartTimestamp()), s.took(), s.code()}] = true
			}
		}
		for s := range spots(bad) {
			if untouched(s) {
				k := key{s.span.TraceID().String(), int64(s.span.StartTimestamp()), s.took(), s.code()}
				if !want[k] {
					t.Fatalf("kind %d: %s of %s is another", kind, s.span.Name(), s.region())
				}
				delete(want, k)
			}
		}
		if len(want) > 0 {
			t.Errorf("kind %d: %d spans are gone that it is not about", kind, len(want))
		}
	}
}

func TestHTTP500StrikesItsShare(t *testing.T) {
	_, tr := eu(Outage{Kind: HTTP500, Routes: []string{"/v1/evaluate*"}, Share: 0.15, Latency: 2500 * time.Millisecond})
	ours := func(s spot) bool {
		return s.server() && inEU(s) && (s.route() == "/v1/evaluate" || s.route() == "/v1/evaluate/bulk")
	}
	n := count(spots(tr), ours)
	bad := count(spots(tr), func(s spot) bool {
		return ours(s) && s.failed() && s.code() == 500 && s.took() == 2500*time.Millisecond
	})
	if !near(bad, 0.15*float64(n)) {
		t.Errorf("%d of %d evaluations fail, want about 15%%", bad, n)
	}
	others := count(spots(tr), func(s spot) bool { return s.server() && !ours(s) && s.failed() })
	if others > 5 {
		t.Errorf("%d other requests fail", others)
	}
}

func TestOutageWithoutRoutesSparesHealthChecksAndStreams(t *testing.T) {
	_, tr := eu(Outage{Kind: HTTP500})
	for s := range spots(tr) {
		if !s.server() || !inEU(s) {
			continue
		}
		if want := s.request() && s.route() != "/v1/status"; s.failed() != want {
			t.Fatalf("%s fails: %v, want %v", s.span.Name(), s.failed(), want)
		}
	}
}

func TestUnmarkedFailuresShowInTheResponseAlone(t *testing.T) {
	o := Outage{Kind: HTTP500, Routes: []string{"/v1/projects/*"}, Share: 0.5, Unmarked: true}
	_, tr := eu(o)
	ours := func(s spot) bool { return s.server() && inEU(s) && o.touches(s.route()) }
	n := count(spots(tr), ours)
	bad := count(spots(tr), func(s spot) bool {
		return ours(s) && s.code() == 500 && s.span.Status().Code() == ptrace.StatusCodeUnset
	})
	if !near(bad, 0.5*float64(n)) {
		t.Errorf("%d of %d requests answer 500 without a word, want about half", bad, n)
	}
}

func TestFlagErrorsHideBehind200s(t *testing.T) {
	_, tr := eu(Outage{Kind: FlagErrors, Share: 0.3})
	single := func(s spot) bool { return inEU(s) && s.span.Name() == "eval.Evaluate" }
	n := count(spots(tr), single)
	bad := count(spots(tr), func(s spot) bool { return single(s) && text(s.span.Attributes(), "reason") == "ERROR" && !s.failed() })
	if !near(bad, 0.3*float64(n)) {
		t.Errorf("%d of %d evaluations come to no result, want about 30%%", bad, n)
	}
	if n := count(spots(tr), func(s spot) bool { return s.request() && s.failed() }); n > 5 {
		t.Errorf("%d requests fail", n)
	}
}

func TestSlowHasTheP99AskedFor(t *testing.T) {
	_, tr := eu(Outage{Kind: Slow, Latency: 3 * time.Second})
	got := p99(spots(tr), func(s spot) bool { return inEU(s) && s.request() && s.route() != "/v1/status" })
	if got < 2600*time.Millisecond || got > 3400*time.Millisecond {
		t.Errorf("p99 %s, want about 3 s", got)
	}
	if got := p99(spots(tr), func(s spot) bool { return !inEU(s) && s.request() }); got > 300*time.Millisecond {
		t.Errorf("p99 elsewhere is %s", got)
	}
	if got := count(spots(tr), func(s spot) bool { return s.request() && s.failed() }); got > 5 {
		t.Errorf("%d requests fail", got)
	}
}

func TestDatabaseDownHidesBehind401s(t *testing.T) {
	_, tr := eu(Outage{Kind: DatabaseDown})
	here := func(which func(spot) bool) int {
		return count(spots(tr), func(s spot) bool { return inEU(s) && which(s) })
	}
	evaluations := func(s spot) bool { return s.route() == "/v1/evaluate" }
	projects := func(s spot) bool { return s.route() == "/v1/projects/{projectID}/flags" }
	acquire := func(s spot) bool { return s.span.Name() == "pool.acquire" }

	if n, refused := here(evaluations), here(func(s spot) bool { return evaluations(s) && s.code() == 401 && !s.failed() }); n == 0 || refused != n {
		t.Errorf("%d of %d evaluations answer 401 without being errors, want all", refused, n)
	}
	if n, failed := here(projects), here(func(s spot) bool {
		return projects(s) && s.code() == 500 && s.failed() && s.took() > 1500*time.Millisecond
	}); n == 0 || failed != n {
		t.Errorf("%d of %d requests with a token wait and answer 500, want all", failed, n)
	}
	if n, waited := here(acquire), here(func(s spot) bool { return acquire(s) && s.took() > 1500*time.Millisecond && s.span.Events().Len() == 1 }); n == 0 || waited != n {
		t.Errorf("%d of %d waits for a connection are long and end in an exception, want all", waited, n)
	}
	if n := here(func(s spot) bool { return s.span.Name() == "eval.Evaluate" }); n > 0 {
		t.Errorf("%d flags were evaluated without a key", n)
	}
	if n := here(func(s spot) bool { return s.route() == "/health" && s.code() != 200 }); n > 0 {
		t.Errorf("%d health checks are ill: they do not ask the database", n)
	}
}

func TestSilentSendsNothing(t *testing.T) {
	_, tr := eu(Outage{Kind: Silent})
	if n := count(spots(tr), inEU); n > 0 {
		t.Errorf("%d spans from a silent region", n)
	}
	if n := count(spots(tr), func(s spot) bool { return s.region() == "us" }); n == 0 {
		t.Error("the others are silent, too")
	}
}

func TestDeployChangesHostAndVersionAtItsTime(t *testing.T) {
	at := noon.Add(20 * time.Second)
	traffic := Traffic{PerMinute: 500, Version: "aaa111", Outages: []Outage{{Kind: Deploy, Regions: []string{"eu"}, From: at, Version: "bbb222"}}}
	hosts := map[string]string{}
	for s := range spots(traffic.Minute(noon)) {
		if !s.server() {
			continue
		}
		want := "aaa111"
		if inEU(s) && !s.span.StartTimestamp().AsTime().Before(at) {
			want = "bbb222"
		}
		if got := text(s.resource, "service.version"); got != want {
			t.Fatalf("%s at %s has version %s", s.region(), s.span.StartTimestamp().AsTime(), got)
		}
		hosts[text(s.resource, "host.name")] = want
	}
	if len(hosts) != 4 {
		t.Errorf("hosts %v, want one for each region and the new one", hosts)
	}
}

func TestOutageEndsWhenItEnds(t *testing.T) {
	traffic, _ := eu(Outage{Kind: HTTP500})
	after := traffic.Minute(noon.Add(time.Minute))
	if n := count(spots(after), func(s spot) bool { return s.request() && s.failed() }); n > 5 {
		t.Errorf("%d errors after the end", n)
	}
}
