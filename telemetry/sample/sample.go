// Package sample makes the traffic of an example user, as the traces that its
// API server would send: three regions, routes with API keys and with logins,
// health checks, streams that last for minutes, database calls, evaluations
// that carry what nobody may publish, and outages to order.
//
// Everything is a function of a seed and of time. A minute is the same whenever
// and in whatever order it is asked for, and an outage changes only what it
// touches: the demo makes days of history and then lives on, tests make the ten
// minutes that they need, and both see the same spans.
package sample

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Traffic is the example user's traffic. Its spans are what head sampling at
// 10 % left over: rates are rates of sampled spans.
type Traffic struct {
	Seed    uint64
	Service string   // featuresignals-api if empty
	Regions []string // codes; us, eu and in if empty

	// PerMinute is how many requests a minute shows in each region, on
	// average. Health checks (a fifth of it) and streams (a fiftieth) come on
	// top.
	PerMinute float64
	// DayNight moves PerMinute with the region's time of day, by 70 % up in
	// the early afternoon and down at night.
	DayNight bool

	// Reported maps a region's code to what its servers write into
	// deployment.environment, where that is something else: {"eu": "local"}.
	Reported map[string]string
	// Version is service.version; empty, servers do not tell it.
	Version string
	// BrokenStreams makes every stream answer 500 "streaming unsupported" at
	// once: bad for as long as anybody remembers, and no news.
	BrokenStreams bool

	Outages []Outage
}

// Minute gives the spans that start in the minute of start, in all regions.
// Some of them end long after it: see Feed.
func (t Traffic) Minute(start time.Time) ptrace.Traces {
	start = start.UTC().Truncate(time.Minute)
	tr := ptrace.NewTraces()
	for _, region := range t.regions() {
		m := minute{Traffic: t, region: region, start: start, traces: tr, places: map[place]ptrace.SpanSlice{}}
		volume := t.PerMinute
		if t.DayNight {
			volume *= timeOfDay(region, start)
		}
		m.fill("requests", volume, m.request)
		m.fill("health", t.PerMinute/5, m.health)
		m.fill("streams", volume/50, m.stream)
	}
	return tr
}

func (t Traffic) regions() []string {
	if len(t.Regions) == 0 {
		return []string{"us", "eu", "in"}
	}
	return t.Regions
}

func (t Traffic) service() string { return cmp.Or(t.Service, "featuresignals-api") }

// timeOfDay gives the volume of a region at a time as a share of its mean.
func timeOfDay(region string, at time.Time) float64 {
	offset := map[string]float64{"us": -5, "eu": 1, "in": 5.5}[region]
	hour := at.Sub(at.Truncate(24*time.Hour)).Hours() + offset
	return 1 + 0.7*math.Cos(2*math.Pi*(hour-14)/24)
}

// minute is one region's minute in the making.
type minute struct {
	Traffic
	region string
	start  time.Time
	traces ptrace.Traces
	places map[place]ptrace.SpanSlice
}

// place is the process that a span came from.
type place struct{ host, version string }

// fill calls add at times that come independently of each other, perMinute of
// them on average. Each call draws from a source of its own, so that a request
// which an outage makes draw more leaves the others as they were.
func (m *minute) fill(what string, perMinute float64, add func(at time.Time, r *rand.Rand)) {
	if perMinute <= 0 {
		return
	}
	h := fnv.New64a()
	h.Write([]byte(m.service() + "\x00" + m.region + "\x00" + what))
	times := rand.New(rand.NewPCG(m.Seed^h.Sum64(), uint64(m.start.Unix())))
	source := rand.NewPCG(0, 0)
	own := rand.New(source)
	for after := 0.0; ; {
		after += times.ExpFloat64() / perMinute
		if after >= 1 {
			return
		}
		source.Seed(times.Uint64(), times.Uint64())
		add(m.start.Add(time.Duration(after*float64(time.Minute))), own)
	}
}

// spans gives the spans of the process that serves the region at a time.
func (m *minute) spans(at time.Time) ptrace.SpanSlice {
	p := m.placeAt(at)
	if s, ok := m.places[p]; ok {
		return s
	}
	rs := m.traces.ResourceSpans().AppendEmpty()
	resource(rs.Resource().Attributes(), m.service(), cmp.Or(m.Reported[m.region], m.region), p)
	s := scoped(rs)
	m.places[p] = s
	return s
}

// resource fills in what the user's servers say about themselves. The region
// is the deployment environment there.
func resource(a pcommon.Map, service, region string, p place) {
	a.PutStr("service.name", service)
	a.PutStr("deployment.environment", region)
	a.PutStr("host.name", p.host)
	if p.version != "" {
		a.PutStr("service.version", p.version)
	}
	a.PutStr("process.runtime.name", "go")
	a.PutStr("telemetry.sdk.language", "go")
	a.PutStr("telemetry.sdk.version", "1.43.0")
}

func scoped(rs ptrace.ResourceSpans) ptrace.SpanSlice {
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("featuresignals/server")
	return ss.Spans()
}
