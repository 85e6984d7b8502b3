package signoz

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
)

var _ evaluator.Source = (*Reader)(nil)

// openReader opens a reader on the engine, changed by what is given.
func openReader(t testing.TB, change func(*Options), serve ...embedded.Option) *Reader {
	t.Helper()
	_, server := enginetest.Serve(t, serve...)
	return openAt(t, server.URL(), change)
}

func openAt(t testing.TB, dsn string, change func(*Options)) *Reader {
	t.Helper()
	r, err := tryOpen(t, dsn, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func tryOpen(t testing.TB, dsn string, change func(*Options)) (*Reader, error) {
	t.Helper()
	o := Options{
		SigNoz: rules.SigNoz{DSN: dsn, Region: []string{"cloud.region", "aws.region"}, MaxSeries: 2000},
		Log:    slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&o)
	}
	return Open(t.Context(), o)
}

// ruled gives a rule for each where.
func ruled(all ...rules.Where) []rules.Rule {
	var made []rules.Rule
	for i, w := range all {
		made = append(made, rules.Rule{ID: fmt.Sprint("rule-", i), Where: w})
	}
	return made
}

// routed is the stream of entry spans with some routes.
func routed(p rules.Patterns) string { return rules.Stream{Routes: p}.String() }

// logged makes a logger and the text that it has written.
func logged() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

// collect gives all minutes in order, or fails.
func collect(t testing.TB, minutes iter.Seq2[telemetry.Minute, error]) []telemetry.Minute {
	t.Helper()
	var all []telemetry.Minute
	seen := map[telemetry.Series]map[time.Time]bool{}
	for m, err := range minutes {
		if err != nil {
			t.Fatal(err)
		}
		if seen[m.Series] == nil {
			seen[m.Series] = map[time.Time]bool{}
		}
		if seen[m.Series][m.Start] {
			t.Errorf("%v has its minute %v twice", m.Series, m.Start)
		}
		if m.Requests == 0 {
			t.Errorf("%v has a minute without requests", m.Series)
		}
		seen[m.Series][m.Start] = true
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b telemetry.Minute) int {
		return cmp.Or(a.Series.Compare(b.Series), a.Start.Compare(b.Start))
	})
	return all
}

// bySeries adds up minutes.
func bySeries(minutes []telemetry.Minute) map[telemetry.Series]telemetry.Minute {
	sums := map[telemetry.Series]telemetry.Minute{}
	for _, m := range minutes {
		s := sums[m.Series]
		s.Requests += m.Requests
		s.Errors += m.Errors
		s.Matches += m.Matches
		s.Durations.Add(m.Durations)
		sums[m.Series] = s
	}
	return sums
}

// testSpan is what a test wants to know of a span.
type testSpan struct {
	at       time.Time
	service  string
	resource map[string]string
	name     string
	route    string
	kind     ptrace.SpanKind // server if zero
	failed   bool
	took     time.Duration  // may be negative
	more     map[string]any // attributes of the span: text, int64, float64 or bool
}

func traces(spans ...testSpan) ptrace.Traces {
	tr := ptrace.NewTraces()
	for _, s := range spans {
		rs := tr.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", s.service)
		for k, v := range s.resource {
			rs.Resource().Attributes().PutStr(k, v)
		}
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetName(s.name)
		span.SetKind(cmp.Or(s.kind, ptrace.SpanKindServer))
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(s.at))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(s.at.Add(s.took)))
		if s.failed {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
		if s.route != "" {
			span.Attributes().PutStr("http.route", s.route)
		}
		for k, v := range s.more {
			if err := span.Attributes().PutEmpty(k).FromRaw(v); err != nil {
				panic(err)
			}
		}
	}
	return tr
}

func in(region string) map[string]string { return map[string]string{"cloud.region": region} }

// figures writes minutes as text: one line each.
func figures(minutes []telemetry.Minute) string {
	var b strings.Builder
	for _, m := range minutes {
		b.WriteString(m.Start.Format("15:04") + " " + m.Series.Service + "/" + m.Series.Region)
		if m.Series.Stream != "" {
			b.WriteString(" " + m.Series.Stream)
		}
		b.WriteString(" " + strings.Repeat("o", int(m.Requests-m.Errors)) + strings.Repeat("x", int(m.Errors)))
		if m.Matches > 0 {
			fmt.Fprintf(&b, " %d match", m.Matches)
		}
		if n := m.Durations.Count(); n != m.Requests {
			b.WriteString(" " + strings.Repeat("~", int(m.Requests-n)))
		}
		b.WriteString("\n")
	}
	return b.String()
}
