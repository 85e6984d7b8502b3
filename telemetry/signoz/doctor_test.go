package signoz

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/rules"
)

func TestReportSaysWhatIsThere(t *testing.T) {
	conn := freshStore(t, Schema(false))
	exec(t, conn, "INSERT INTO signoz_traces.schema_migrations_v2 VALUES (1006, 'finished', '', now(), now()), (1018, 'finished', '', now(), now()), (1019, 'in-progress', '', now(), now())")
	now := clock("13:00")
	for _, s := range []testSpan{request(1, "eu"), request(50, "eu"), request(58, "us").with(func(s *testSpan) { s.kind = ptrace.SpanKindInternal }), request(59, "mars")} {
		if err := NewWriter(conn).Write(t.Context(), traces(s), s.at.Add(s.took).Add(7*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, NewWriter(conn), request(70, "eu")) // a clock that is fast
	r := openReader(t, func(o *Options) { o.Regions = []rules.Region{{Code: "eu"}, {Code: "us"}} })

	rep, err := r.Report(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	want := []Newest{
		{"api", "eu", clock("12:50"), 2},
		{"api", "us", clock("12:58"), 1}, // any span is a sign of life
		{"api", "mars", clock("12:59"), 1},
	}
	if !slices.Equal(rep.Newest, want) {
		t.Errorf("newest are %v, want %v", rep.Newest, want)
	}
	if !slices.Equal(rep.Unlisted, []string{"mars"}) {
		t.Errorf("unlisted are %q, want mars", rep.Unlisted)
	}
	if rep.Lag != 7*time.Second || rep.LagSpans != 3 {
		t.Errorf("the lag is %v of %d spans, want 7s of 3", rep.Lag, rep.LagSpans)
	}
	if rep.Migration != 1018 || rep.Shape != ShapeJSON || rep.Protocol != "HTTP" || !strings.HasPrefix(rep.Address, "http://127.0.0.1:") || rep.Version == "" {
		t.Errorf("migration %d, shape %s, %s at %s, version %q", rep.Migration, rep.Shape, rep.Protocol, rep.Address, rep.Version)
	}
	for _, c := range []string{"resource", "resources_string", "inserted_at", "has_error"} {
		if !slices.Contains(rep.Columns, c) {
			t.Errorf("column %s is not among %q", c, rep.Columns)
		}
	}
	if newest, err := r.Newest(t.Context(), now); err != nil || !newest.Equal(clock("12:59")) {
		t.Errorf("the newest span is from %v, %v; want 12:59", newest, err)
	}
}

func TestReportOfAStoreWithoutSpans(t *testing.T) {
	for name, schema := range map[string][]string{"v3": Schema(false), "Map only": SchemaMapOnly(false)} {
		t.Run(name, func(t *testing.T) {
			_ = freshStore(t, schema)
			r := openReader(t, nil)
			rep, err := r.Report(t.Context(), noon)
			if err != nil || len(rep.Newest) != 0 || rep.LagSpans != 0 || rep.Migration != 0 {
				t.Errorf("%+v, %v", rep, err)
			}
			if newest, err := r.Newest(t.Context(), noon); err != nil || !newest.IsZero() {
				t.Errorf("the newest span is from %v, %v; want none", newest, err)
			}
		})
	}
}

func TestReportOfContrib(t *testing.T) {
	conn := freshStore(t, Schema(false))
	exec(t, conn, "DROP DATABASE signoz_traces")
	if err := NewWriter(conn).WriteContrib(t.Context(), traces(request(50, "eu")), SpellingNow); err != nil {
		t.Fatal(err)
	}
	rep, err := openReader(t, nil).Report(t.Context(), clock("13:00"))
	if err != nil || rep.Shape != ShapeContrib || len(rep.Newest) != 1 || rep.Newest[0].Region != "eu" {
		t.Errorf("%+v, %v", rep, err)
	}
}
