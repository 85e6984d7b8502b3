package sample

import (
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// databaseUse is what a request does with the database.
type databaseUse uint8

const (
	unused        databaseUse = iota
	used                      // waits a little for a connection, then asks
	refusedAtOnce             // the database has no connection left, and says so
	refusedLate               // no connection comes free for a long time
)

// request is one request before it becomes spans.
type request struct {
	route    route
	at       time.Time
	took     time.Duration
	waited   time.Duration // for a connection
	code     int64         // 0: none was sent, as after an upgrade to a WebSocket
	database databaseUse
	remote   bool // the caller sent its own trace along
	unmarked bool // the span says nothing of a failure
	noResult bool // the evaluation's reason is ERROR
}

// fails says whether the span is an error: from 500 up only, by the semantic
// conventions for servers.
func (q request) fails() bool { return q.code >= 500 && !q.unmarked }

// serverError is the share of requests that answer 500 on the best of days.
const serverError = 0.0002

// request adds one request with all that belongs to it.
func (m *minute) request(at time.Time, r *rand.Rand) {
	kind := pick(r.Float64())
	q := request{route: kind, at: at, code: 200, took: lognormal(r, kind.median)}
	if r.Float64() < kind.database {
		q.database = used
		q.waited = lognormal(r, 150*time.Microsecond)
		q.took += q.waited
	}
	switch x := r.Float64(); {
	case x < kind.refused:
		q.code = kind.refusal
	case x > 1-serverError:
		q.code = 500
	}
	q.remote = kind.access == apiKey && r.Float64() < 0.08
	who := callerOf(r)

	active := m.active(at, kind.pattern)
	if silent(active) {
		return
	}
	if kind.pattern == "/v1/status" { // it answers 200 whatever happens, and tells in its body
		active = named(active)
	}
	q.happen(active, r)
	server := m.server(q, who, r)
	if q.database != unused {
		m.connection(q, server, r)
	}
	if kind.flags > 0 && q.code == 200 {
		m.evaluation(q, r)
	}
}

// health adds one health check. It asks nothing of the database and is well
// while the process lives.
func (m *minute) health(at time.Time, r *rand.Rand) {
	active := m.active(at, health.pattern)
	if silent(active) {
		return
	}
	q := request{route: health, at: at, code: 200, took: lognormal(r, health.median)}
	q.happen(named(active), r)
	m.server(q, callerOf(r), r)
}

// stream adds one stream: server-sent events or, one in ten, a WebSocket. It
// ends, and is told of, minutes later.
func (m *minute) stream(at time.Time, r *rand.Rand) {
	q := request{route: stream, at: at, code: 200}
	q.took = min(30*time.Second+time.Duration(r.ExpFloat64()*float64(6*time.Minute)), time.Hour)
	if r.Float64() < 0.1 {
		q.route, q.code = console, 0
	}
	who := callerOf(r)
	active := m.active(at, q.route.pattern)
	if silent(active) {
		return
	}
	if m.BrokenStreams && q.code != 0 {
		q.code, q.took = 500, lognormal(r, 300*time.Microsecond)
	}
	q.happen(named(active), r)
	m.server(q, who, r)
}

// named leaves the outages that name routes: the others are not about health
// checks and streams.
func named(active []Outage) []Outage {
	var left []Outage
	for _, o := range active {
		if len(o.Routes) > 0 {
			left = append(left, o)
		}
	}
	return left
}

// caller is who asks.
type caller struct {
	organisation, user int
	role               string
	address            int
}

func callerOf(r *rand.Rand) caller {
	return caller{
		organisation: int(40 * r.Float64() * r.Float64()), // the first few ask most
		user:         r.IntN(400),
		role:         []string{"admin", "developer", "developer", "viewer"}[r.IntN(4)],
		address:      1 + r.IntN(254),
	}
}

// server adds the server's own span.
func (m *minute) server(q request, who caller, r *rand.Rand) ptrace.Span {
	s := newSpan(m.spans(q.at), q.route.name(), ptrace.SpanKindServer, q.at, q.took)
	root(s, r)
	if q.remote {
		s.SetParentSpanID(spanID(r))
		s.SetFlags(sampled | remoteKnown | remote)
	}
	serverAttributes(s.Attributes(), q, who)
	if q.fails() {
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	return s
}
