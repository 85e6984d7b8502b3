package signoz

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

const contribTable = "otel.otel_traces"

// Spelling is how the contrib exporter writes kinds and status codes.
type Spelling uint8

// The contrib exporter changed its words in 2024.
const (
	SpellingNow      Spelling = iota // Server, Error
	SpellingTill2024                 // SPAN_KIND_SERVER, STATUS_CODE_ERROR
)

// contribRow is a row of the contrib exporter's otel_traces.
type contribRow struct {
	SpanRow
	spelling Spelling
}

// WriteContrib stores traces as the OpenTelemetry contrib exporter does, in
// the one table that an install without SigNoz has.
func (w *Writer) WriteContrib(ctx context.Context, tr ptrace.Traces, spelling Spelling) error {
	spans := make([]contribRow, 0, tr.SpanCount())
	for _, rs := range tr.ResourceSpans().All() {
		resource := texts(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				row := contribRow{spelling: spelling}
				row.take(span)
				row.Resources, row.Strings = resource, texts(span.Attributes()) // it keeps every value as text
				spans = append(spans, row)
			}
		}
	}
	return insert(ctx, w, contribTable, contribColumns, spans)
}

var contribColumns = []tableColumn[contribRow]{
	{"Timestamp", func(r *contribRow) any { return r.Start }},
	{"TraceId", func(r *contribRow) any { return r.TraceID }},
	{"SpanId", func(r *contribRow) any { return r.SpanID }},
	{"ParentSpanId", func(r *contribRow) any { return r.ParentSpanID }},
	{"SpanName", func(r *contribRow) any { return r.Name }},
	{"SpanKind", func(r *contribRow) any { return r.spelling.word("SPAN_KIND_", r.Kind.String()) }},
	{"ServiceName", func(r *contribRow) any { return r.Service() }},
	{"ResourceAttributes", func(r *contribRow) any { return &r.Resources }},
	{"SpanAttributes", func(r *contribRow) any { return &r.Strings }},
	{"Duration", func(r *contribRow) any { return r.DurationNano }},
	{"StatusCode", func(r *contribRow) any { return r.spelling.word("STATUS_CODE_", r.Status.String()) }},
	{"StatusMessage", func(r *contribRow) any { return r.StatusMessage }},
}

func (s Spelling) word(prefix, word string) string {
	if s == SpellingTill2024 {
		return prefix + strings.ToUpper(word)
	}
	return word
}
