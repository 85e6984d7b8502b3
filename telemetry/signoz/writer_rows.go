package signoz

import (
	"encoding/hex"
	"hash/fnv"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// halfHour is the width, in seconds, of the buckets by which SigNoz prunes.
const halfHour = 1800

// Rows is what a batch of traces becomes in SigNoz's tables.
type Rows struct {
	Spans      []SpanRow      // signoz_index_v3
	Resources  []ResourceRow  // traces_v3_resource: one a resource and half hour
	Exceptions []ExceptionRow // signoz_error_index_v2: one an event named "exception"
}

// SpanRow is a row of signoz_index_v3.
type SpanRow struct {
	Bucket        uint64 // unix seconds of the start, rounded down to the half hour
	Fingerprint   string
	Start         time.Time
	TraceID       string
	SpanID        string
	TraceState    string
	ParentSpanID  string
	Flags         uint32
	Name          string
	Kind          ptrace.SpanKind
	DurationNano  uint64 // end − start; wraps to a huge number when a clock stepped back, as in SigNoz
	Status        ptrace.StatusCode
	StatusMessage string
	HasError      bool // exactly Status == Error, whatever the response said

	Strings      Pairs[string]
	Numbers      Pairs[float64]
	Bools        Pairs[bool]
	Attributes   string // the same pairs as one JSON text
	Resources    Pairs[string]
	ResourceJSON string
	ScopeJSON    string
	Events       []string // one JSON text each
	Links        string   // one JSON text: the parent first

	ResponseStatusCode string
	ExternalHTTPURL    string
	ExternalHTTPMethod string
	HTTPURL            string
	HTTPMethod         string
	HTTPHost           string
	DBName             string
	DBOperation        string
	IsRemote           string // yes, no or unknown
	InsertedAt         time.Time
}

// Service is the service.name of the row's resource.
func (r *SpanRow) Service() string { return r.Resources.Get("service.name") }

// ResourceRow is a row of traces_v3_resource.
type ResourceRow struct {
	Labels      string // JSON object of all resource attributes, values as text, keys sorted
	Fingerprint string
	Seen        int64 // unix seconds, rounded down to the half hour
}

// ExceptionRow is a row of signoz_error_index_v2.
type ExceptionRow struct {
	Time       time.Time
	ErrorID    string
	GroupID    string // the same for every exception of one service and type
	TraceID    string
	SpanID     string
	Service    string
	Type       string
	Message    string
	Stacktrace string
	Escaped    bool
	Resources  Pairs[string]
}

// RowsOf turns traces into rows as SigNoz's exporter stores them. insertedAt
// is the collector's clock when it built the batch.
func RowsOf(tr ptrace.Traces, insertedAt time.Time) Rows {
	rows := Rows{Spans: make([]SpanRow, 0, tr.SpanCount())}
	seen := map[ResourceRow]bool{}
	for _, rs := range tr.ResourceSpans().All() {
		resource := texts(rs.Resource().Attributes())
		labels := string(jsonObject(nil, resource))
		fingerprint := fingerprintOf(resource)
		for _, ss := range rs.ScopeSpans().All() {
			scope := scopeJSON(ss.Scope())
			for _, span := range ss.Spans().All() {
				rows.Spans = append(rows.Spans, SpanRow{
					Fingerprint: fingerprint, Resources: resource, ResourceJSON: labels, ScopeJSON: scope, InsertedAt: insertedAt,
				})
				row := &rows.Spans[len(rows.Spans)-1] // filled where it lies: a row is large
				row.take(span)
				rows.Exceptions = append(rows.Exceptions, exceptionRows(span, row)...)
				r := ResourceRow{Labels: labels, Fingerprint: fingerprint, Seen: int64(row.Bucket)}
				if !seen[r] {
					seen[r] = true
					rows.Resources = append(rows.Resources, r)
				}
			}
		}
	}
	return rows
}

// take fills in what the span itself says.
func (r *SpanRow) take(span ptrace.Span) {
	start := uint64(span.StartTimestamp())
	seconds := start / uint64(time.Second)
	r.Bucket = seconds - seconds%halfHour
	r.Start = span.StartTimestamp().AsTime()
	r.TraceID = traceHex(span.TraceID())
	r.SpanID = spanHex(span.SpanID())
	r.TraceState = span.TraceState().AsRaw()
	r.ParentSpanID = spanHex(span.ParentSpanID())
	r.Flags = span.Flags()
	r.Name = span.Name()
	r.Kind = span.Kind()
	r.DurationNano = uint64(span.EndTimestamp()) - start
	r.Status = span.Status().Code()
	r.StatusMessage = span.Status().Message()
	r.HasError = r.Status == ptrace.StatusCodeError
	r.Links = linksJSON(span)
	r.IsRemote = isRemote(r.Flags)
	for _, e := range span.Events().All() {
		r.Events = append(r.Events, eventJSON(e))
	}
	r.takeAttributes(span.Attributes())
	r.pick()
}

// takeAttributes sorts attributes into the maps by type. What is no string,
// number or bool is stored as its text.
func (r *SpanRow) takeAttributes(attributes pcommon.Map) {
	distinct := sorted(attributes)
	text := append(make([]byte, 0, 48*len(distinct)+2), '{')
	r.Strings = make(Pairs[string], 0, len(distinct))
	for _, p := range distinct {
		text = jsonKey(text, p.Key)
		switch v := p.Value; v.Type() {
		case pcommon.ValueTypeInt:
			r.Numbers = append(r.Numbers, Pair[float64]{p.Key, float64(v.Int())})
			text = strconv.AppendInt(text, v.Int(), 10)
		case pcommon.ValueTypeDouble:
			r.Numbers = append(r.Numbers, Pair[float64]{p.Key, v.Double()})
			text = jsonNumber(text, v.Double())
		case pcommon.ValueTypeBool:
			r.Bools = append(r.Bools, Pair[bool]{p.Key, v.Bool()})
			text = strconv.AppendBool(text, v.Bool())
		default:
			r.Strings = append(r.Strings, Pair[string]{p.Key, v.AsString()})
			text = jsonString(text, v.AsString())
		}
	}
	r.Attributes = string(append(text, '}'))
}

// pick fills the columns that the exporter picks out of the attributes, the
// older spelling of the semantic conventions first.
func (r *SpanRow) pick() {
	r.ResponseStatusCode = r.first("http.status_code", "http.response.status_code", "rpc.grpc.status_code", "rpc.jsonrpc.error_code")
	r.HTTPMethod = r.first("http.method", "http.request.method")
	r.HTTPURL = r.first("http.url", "url.full")
	r.HTTPHost = r.first("http.host", "server.address", "client.address")
	r.DBName = r.first("db.name", "db.namespace")
	r.DBOperation = r.first("db.operation", "db.operation.name")
	if r.Kind == ptrace.SpanKindClient {
		r.ExternalHTTPMethod = r.HTTPMethod
		r.ExternalHTTPURL = hostOf(r.HTTPURL)
	}
}

// first gives the first of the attributes that is there, as text.
func (r *SpanRow) first(keys ...string) string {
	for _, key := range keys {
		if i, ok := r.Strings.find(key); ok {
			return r.Strings[i].Value
		}
		if i, ok := r.Numbers.find(key); ok {
			return strconv.FormatFloat(r.Numbers[i].Value, 'f', -1, 64)
		}
	}
	return ""
}

func exceptionRows(span ptrace.Span, row *SpanRow) []ExceptionRow {
	var rows []ExceptionRow
	for i, e := range span.Events().All() {
		if e.Name() != "exception" {
			continue
		}
		a := texts(e.Attributes())
		escaped, _ := strconv.ParseBool(a.Get("exception.escaped"))
		rows = append(rows, ExceptionRow{
			Time:       e.Timestamp().AsTime(),
			ErrorID:    hash128(row.TraceID, row.SpanID, strconv.Itoa(i)),
			GroupID:    hash128(row.Service(), a.Get("exception.type")),
			TraceID:    row.TraceID,
			SpanID:     row.SpanID,
			Service:    row.Service(),
			Type:       a.Get("exception.type"),
			Message:    a.Get("exception.message"),
			Stacktrace: a.Get("exception.stacktrace"),
			Escaped:    escaped,
			Resources:  row.Resources,
		})
	}
	return rows
}

// levels is the hierarchy by which rows of one place lie together: of each
// level the first attribute found begins the fingerprint.
var levels = [][]string{
	{"cloud.region", "aws.region"},
	{"k8s.cluster.name"},
	{"k8s.namespace.name", "service.namespace"},
	{"service.name"},
	{"deployment.environment.name", "deployment.environment"},
}

// fingerprintOf names a resource: the first label of each level, then a hash
// of all of them.
func fingerprintOf(resource Pairs[string]) string {
	text := make([]byte, 0, 128)
	for _, level := range levels {
		for _, key := range level {
			if i, ok := resource.find(key); ok {
				text = append(text, key+"="+resource[i].Value+";"...)
				break
			}
		}
	}
	h := fnv.New64a()
	for _, p := range resource {
		h.Write([]byte(p.Key + "\x00" + p.Value + "\x00"))
	}
	return string(strconv.AppendUint(append(text, "hash="...), h.Sum64(), 10))
}

// hash128 gives 32 hex digits for a list of texts.
func hash128(parts ...string) string {
	h := fnv.New128a()
	for _, p := range parts {
		h.Write([]byte(p + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func traceHex(id pcommon.TraceID) string {
	if id.IsEmpty() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

func spanHex(id pcommon.SpanID) string {
	if id.IsEmpty() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// isRemote reads the two flag bits by which OTLP says whether the parent was
// in another process.
func isRemote(flags uint32) string {
	const known, remote = 0x100, 0x200
	switch {
	case flags&known == 0:
		return "unknown"
	case flags&remote == 0:
		return "no"
	default:
		return "yes"
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
