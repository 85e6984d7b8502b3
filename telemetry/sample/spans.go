package sample

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The flags of a span, as in OTLP.
const (
	sampled     = 0x001
	remoteKnown = 0x100
	remote      = 0x200
)

func newSpan(to ptrace.SpanSlice, name string, kind ptrace.SpanKind, at time.Time, took time.Duration) ptrace.Span {
	s := to.AppendEmpty()
	s.SetName(name)
	s.SetKind(kind)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(took)))
	s.SetFlags(sampled | remoteKnown)
	return s
}

// root makes a span the first of a trace.
func root(s ptrace.Span, r *rand.Rand) {
	var id pcommon.TraceID
	binary.BigEndian.PutUint64(id[:8], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	s.SetTraceID(id)
	s.SetSpanID(spanID(r))
}

func child(s, parent ptrace.Span, r *rand.Rand) {
	s.SetTraceID(parent.TraceID())
	s.SetParentSpanID(parent.SpanID())
	s.SetSpanID(spanID(r))
}

func spanID(r *rand.Rand) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], r.Uint64())
	return id
}

// serverAttributes are those of the semantic conventions 1.20, which the
// user's middleware sends, and who asked on routes with a token.
func serverAttributes(a pcommon.Map, q request, who caller) {
	a.EnsureCapacity(13)
	a.PutStr("http.method", q.route.method)
	a.PutStr("http.scheme", "http")
	a.PutStr("http.route", q.route.pattern)
	if q.code != 0 {
		a.PutInt("http.status_code", q.code)
	}
	a.PutStr("net.host.name", "featuresignals-api")
	a.PutInt("net.host.port", 8080)
	a.PutStr("net.sock.peer.addr", "203.0.113."+strconv.Itoa(who.address))
	a.PutInt("net.sock.peer.port", int64(1024+who.address*97))
	a.PutStr("user_agent.original", "featuresignals-go/1.4.2")
	a.PutStr("net.protocol.version", "1.1")
	if q.route.access == jwt {
		a.PutStr("org_id", "org"+strconv.Itoa(who.organisation))
		a.PutStr("user_id", "user"+strconv.Itoa(who.user))
		a.PutStr("role", who.role)
	}
}

// connection adds what a request asks of the database: the wait for a
// connection and the query, or the refusal.
func (m *minute) connection(q request, server ptrace.Span, r *rand.Rand) {
	spans := m.spans(q.at)
	began := q.at.Add(100 * time.Microsecond)
	switch q.database {
	case refusedAtOnce:
		refuse(newClient(spans, "connect", began, lognormal(r, 2*time.Millisecond)), server, r)
	case refusedLate:
		refuse(newClient(spans, "pool.acquire", began, q.waited), server, r)
	case used:
		child(newClient(spans, "pool.acquire", began, q.waited), server, r)
		asked := newClient(spans, "query", began.Add(q.waited), (q.took-q.waited)*6/10)
		child(asked, server, r)
		statement(asked.Attributes(), fmt.Sprintf("SELECT id, key, name FROM flags WHERE project_id = '%08x' ORDER BY key LIMIT 10", r.Uint32()))
	case unused:
	}
}

func newClient(to ptrace.SpanSlice, name string, at time.Time, took time.Duration) ptrace.Span {
	s := newSpan(to, name, ptrace.SpanKindClient, at, took)
	a := s.Attributes()
	a.PutStr("db.system.name", "postgresql")
	a.PutStr("db.namespace", "featuresignals")
	a.PutStr("server.address", "postgres")
	return s
}

func statement(a pcommon.Map, text string) {
	a.PutStr("db.operation.name", "SELECT")
	a.PutStr("db.query.text", text)
}

// refuse makes a span one that the database sent away.
func refuse(s, parent ptrace.Span, r *rand.Rand) {
	child(s, parent, r)
	s.Attributes().PutStr("pgx.sql_state", "53300")
	exception(s, s.EndTimestamp())
}

// exception marks a span as failed for want of a connection.
func exception(s ptrace.Span, at pcommon.Timestamp) {
	const message = "FATAL: sorry, too many clients already (SQLSTATE 53300)"
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage(message)
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(at)
	e.Attributes().PutStr("exception.type", "*pgconn.PgError")
	e.Attributes().PutStr("exception.message", message)
}

// evaluation adds the span of the evaluation itself. It is a trace of its own,
// says nothing about the request, is never an error, and holds the key of the
// end user: personal data.
func (m *minute) evaluation(q request, r *rand.Rand) {
	took := q.took / 4
	name := "eval.Evaluate"
	if q.route.flags > 1 {
		name = "eval.EvaluateAll"
	}
	s := newSpan(m.spans(q.at), name, ptrace.SpanKindInternal, q.at.Add(q.took/3), took)
	root(s, r)
	a := s.Attributes()
	a.PutStr("user_key", fmt.Sprintf("customer-%05d@example.com", r.IntN(90_000)))
	a.PutInt("duration_us", took.Microseconds())
	if q.route.flags > 1 {
		a.PutInt("flags_count", q.route.flags)
		return
	}
	a.PutStr("flag_key", "flag-"+strconv.Itoa(r.IntN(60)))
	reason := reasonAt(r.Float64())
	if q.noResult {
		reason = "ERROR"
	}
	a.PutStr("reason", reason)
}

// reasonAt gives why an evaluation came out as it did, at x, 0 … 1.
func reasonAt(x float64) string {
	switch {
	case x < 0.35:
		return "FALLTHROUGH"
	case x < 0.60:
		return "TARGETED"
	case x < 0.80:
		return "ROLLOUT"
	case x < 0.90:
		return "DEFAULT"
	case x < 0.97:
		return "DISABLED"
	case x < 0.9995:
		return "NOT_FOUND"
	default:
		return "ERROR"
	}
}
