package sample

import (
	"cmp"
	"encoding/hex"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Kind is what goes wrong.
type Kind uint8

// The kinds of outage.
const (
	Calm Kind = iota // nothing
	// HTTP500 makes a Share of the requests answer 500 after Latency.
	HTTP500
	// Slow makes the requests take longer: their p99 is Latency.
	Slow
	// DatabaseDown is a database out of connections. Routes with an API key
	// answer 401 at once (the key cannot be looked up, and no span is an
	// error); the others wait for a connection for Latency and answer 500.
	DatabaseDown
	// Silent sends no spans.
	Silent
	// Deploy replaces the region's host and version.
	Deploy
	// FlagErrors makes evaluations of one flag come to no result: their reason
	// is ERROR, and nothing else shows it. The request answers 200.
	FlagErrors
)

// Outage is something to go wrong, for a time.
type Outage struct {
	Kind    Kind
	Regions []string  // globs over codes; none means all
	Routes  []string  // globs over route patterns; none means all requests, health checks and streams apart (Silent: with them)
	From    time.Time // the first moment of it
	To      time.Time // the first moment after it; zero means that it lasts

	// Unmarked leaves the status of HTTP500's spans unset, as servers do whose
	// instrumentation was written by hand: the response alone tells.
	Unmarked bool

	Share   float64       // of the requests that it could touch; 0 means all
	Latency time.Duration // see the kinds; 0 leaves HTTP500 as quick as ever, and means 1.8 s else
	Host    string        // Deploy: host.name; derived from Version if empty
	Version string        // Deploy: service.version
}

// covers says whether the outage is under way in a region.
func (o Outage) covers(region string, at time.Time) bool {
	return !at.Before(o.From) && (o.To.IsZero() || at.Before(o.To)) && rules.Patterns{Any: o.Regions}.Match(region)
}

// touches says whether requests of a route are what the outage is about.
func (o Outage) touches(route string) bool {
	return rules.Patterns{Any: o.Routes}.Match(route)
}

// active gives the outages under way for a route of the region.
func (m *minute) active(at time.Time, route string) []Outage {
	var active []Outage
	for _, o := range m.Outages {
		if o.covers(m.region, at) && o.touches(route) {
			active = append(active, o)
		}
	}
	return active
}

// silent says whether spans of a route are not sent.
func silent(active []Outage) bool {
	return slices.ContainsFunc(active, func(o Outage) bool { return o.Kind == Silent })
}

// placeAt gives the process that serves the region at a time.
func (m *minute) placeAt(at time.Time) place {
	p := place{host: containerID(m.service(), m.region, m.Version), version: m.Version}
	for _, o := range m.Outages {
		if o.Kind == Deploy && o.covers(m.region, at) {
			p = place{host: cmp.Or(o.Host, containerID(m.service(), m.region, o.Version)), version: o.Version}
		}
	}
	return p
}

func containerID(parts ...string) string {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// happen lets the outages have their way with a request.
func (q *request) happen(active []Outage, r *rand.Rand) {
	for _, o := range active {
		struck := o.Share == 0 || r.Float64() < o.Share
		wait := cmp.Or(o.Latency, 1800*time.Millisecond)
		switch {
		case !struck:
		case o.Kind == HTTP500:
			q.code = 500
			q.unmarked = o.Unmarked
			q.took = cmp.Or(o.Latency, q.took)
		case o.Kind == Slow:
			q.took = lognormal(r, median(wait))
		case o.Kind == DatabaseDown:
			q.outOfConnections(wait, r)
		case o.Kind == FlagErrors:
			q.noResult = true
		}
	}
}

func (q *request) outOfConnections(wait time.Duration, r *rand.Rand) {
	switch {
	case q.route.access == apiKey:
		q.code = 401
		q.took = lognormal(r, 3*time.Millisecond)
		q.database = refusedAtOnce
	case q.route.database > 0:
		waited := time.Duration(float64(wait) * (0.9 + 0.2*r.Float64()))
		q.code = 500
		q.took += waited
		q.waited = waited
		q.database = refusedLate
	}
}

// spread is the σ of how long requests of one route take, in logarithms: p99
// is 2.85 times the median.
const spread = 0.45

// p99 of a normal distribution, in σ.
const z99 = 2.3263478740408408

// median gives the median of durations whose p99 is given.
func median(p99 time.Duration) time.Duration {
	return time.Duration(float64(p99) / math.Exp(z99*spread))
}

func lognormal(r *rand.Rand, median time.Duration) time.Duration {
	return time.Duration(float64(median) * math.Exp(spread*r.NormFloat64()))
}
