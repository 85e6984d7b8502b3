package signoz

import (
	"maps"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/sample"
)

func TestMatchedTellsDeadRules(t *testing.T) {
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	traffic := sample.Traffic{Seed: 3, PerMinute: 60, Regions: []string{"eu", "us"}, Reported: map[string]string{"eu": "local"}}
	tr := ptrace.NewTraces()
	for _, minute := range []time.Time{at(-time.Minute), at(-2 * time.Minute), at(-40 * time.Minute)} {
		traffic.Minute(minute).ResourceSpans().MoveAndAppendTo(tr.ResourceSpans())
	}
	old := traces(request(0, "").with(func(s *testSpan) { // of a rare operation, and before the upgrade
		s.at, s.service, s.name, s.resource = at(-20*time.Hour), "featuresignals-api", "nightly", map[string]string{"deployment.environment": "us"}
		s.kind = ptrace.SpanKindInternal
	}))

	eu := some("eu")
	where := map[string]rules.Where{
		"all":               {},
		"one region":        {Regions: eu},
		"routes":            {Routes: some("/v1/evaluate")},
		"operations":        {Kinds: []string{"client"}, Operations: some("pool.acquire"), Regions: eu},
		"attributes":        {Attributes: []rules.Attribute{{Key: "http.status_code", Patterns: some("4??")}}},
		"once in the night": {Kinds: []string{"internal"}, Operations: some("nightly"), Regions: some("us")},

		"no such region":          {Regions: some("moon")},
		"not under that name":     {Regions: some("local")}, // its code is eu
		"no such service":         {Services: some("api")},
		"no such route":           {Routes: some("/v1/evaluat")},
		"a kind that it is not":   {Operations: some("pool.acquire")},
		"no such attribute":       {Attributes: []rules.Attribute{{Key: "http.statuscode", Patterns: some("4??")}}},
		"at night, and elsewhere": {Kinds: []string{"internal"}, Operations: some("nightly"), Regions: eu},
	}
	dead := map[string]bool{}
	var all []rules.Rule
	for id, w := range where {
		all = append(all, rules.Rule{ID: id, Where: w, HTTP5xx: true, Signal: rules.Signal{Codes: codes(599, 599)}}) // that none fails kills no rule
		dead[id] = strings.HasPrefix(id, "no") || strings.HasPrefix(id, "a kind") || strings.HasPrefix(id, "at night")
	}
	all = append(all, rules.Rule{ID: "probe", Where: rules.Where{FromProbes: true}})

	conn := freshStore(t, Schema(false))
	w := NewWriter(conn)
	if err := w.Write(t.Context(), tr, noon); err != nil {
		t.Fatal(err)
	}
	if err := w.Without("resource").Write(t.Context(), old, noon); err != nil {
		t.Fatal(err)
	}
	tap := openTap(t)
	r := openAt(t, tap.url, func(o *Options) {
		o.SigNoz.Region = []string{"deployment.environment"}
		o.Regions = []rules.Region{{Code: "eu", Aliases: []string{"local"}}, {Code: "us"}}
	})
	got, err := r.Matched(t.Context(), all, at(-24*time.Hour), noon)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for id, n := range got {
		told[id] = n == 0
	}
	if !maps.Equal(told, dead) {
		t.Errorf("dead are %v, want %v", told, dead)
	}
	if got["once in the night"] != 1 {
		t.Errorf("%d spans of the nightly operation, want 1", got["once in the night"])
	}
	if n := tap.count("count()::UInt64 AS requests"); n > 12 {
		t.Errorf("%d queries for a day", n)
	}

	// What is alive is found in the newest half hour.
	tap.forget()
	alive, err := r.Matched(t.Context(), []rules.Rule{{ID: "all"}, {ID: "eu", Where: rules.Where{Regions: eu}}}, at(-24*time.Hour), noon)
	if err != nil || alive["all"] <= alive["eu"] || alive["eu"] == 0 {
		t.Errorf("%v, %v", alive, err)
	}
	if n := tap.count("count()::UInt64 AS requests"); n != 1 {
		t.Errorf("%d queries for rules that are alive, want 1", n)
	}
	if none, err := r.Matched(t.Context(), all[len(all)-1:], at(-time.Hour), noon); err != nil || len(none) > 0 {
		t.Errorf("of a rule about probes it says %v, %v", none, err)
	}
}
