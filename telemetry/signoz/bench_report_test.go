package signoz

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// report is what make bench prints.
func (s *benchStudy) report(version string) string {
	var b strings.Builder

	fmt.Fprintf(&b, `
ClickHouse %s in the process, %d cores; %d spans in three hours, %d series on 1,320 pods. Of the spans 30 %% are entry
spans, of these 9 %% health checks and 1 %% errors. The newest minute is the last of a merged half hour: none is dearer to read.
Medians of %d rounds, in which all take turns, after %d that do not count. ClickHouse time is the engine's own, until the answer
is there. CPU is that of all threads: while the machine has other work, it is the steadier figure.

%s
`, version, runtime.NumCPU(), benchSpans, benchSeries, benchRounds, benchWarmups, measureHead)
	for _, m := range []*measure{s.tick, s.newest, s.counts, s.byService, s.bare, s.ruler, s.rulerJSON, s.narrow, nil, s.one, s.twenty, s.eight, s.codes, s.kinds, s.attribute, s.example, s.exampleAll} {
		if m == nil {
			b.WriteByte('\n')
			continue
		}
		fmt.Fprintln(&b, m)
	}

	s.ratios(&b)
	b.WriteString(benchAssumed)
	for _, m := range s.all {
		m.text(&b)
	}
	return b.String()
}

func (s *benchStudy) ratios(b *strings.Builder) {
	fmt.Fprintf(b, "\n%-44s %17s %29s\n", "", "tick", "its newest minute alone")
	fmt.Fprintf(b, "%-44s %8s %15s %9s %15s   %s\n", "ratio", "time", "CPU", "time", "CPU", "goal (of the time)")
	line := func(name string, g *goal, over func(*measure) ratio) {
		tick, newest := over(s.tick), over(s.newest)
		var first, second, asked string
		if g != nil {
			first, second, asked = g.judge(tick.time), g.judge(newest.time), g.String()
		}
		fmt.Fprintf(b, "%-44s %8.2f %-7s %7.2f %9.2f %-7s %7.2f   %s\n", name, tick.time, first, tick.cpu, newest.time, second, newest.cpu, asked)
	}
	beside := func(other *measure) func(*measure) ratio {
		return func(m *measure) ratio { return m.over(other) }
	}
	line("tick / scan with counts only", &goalCounts, beside(s.counts))
	line("tick / bare scan", &goalBare, beside(s.bare))
	line("20 rules of SigNoz's ruler / tick", &goalRuler, s.ruler.over)
	line("tick / counts without streams", nil, beside(s.byService))
	line("20 rules of the ruler, JSON alone / tick", nil, s.rulerJSON.over)
	line("20 rules of the ruler, one service each / tick", nil, s.narrow.over)

	same := "the same SQL"
	if !s.sameSQL {
		same = "NOT the same SQL"
	}
	b.WriteByte('\n')
	for _, c := range []struct {
		name string
		m    *measure
		note string
	}{
		{"20 rules of one stream / 1 rule", s.twenty, same},
		{"8 rules of 8 streams / 1 rule", s.eight, ""},
		{"errors and shares by code as well / 1 rule", s.codes, ""},
		{"spans of another kind as well / 1 rule", s.kinds, ""},
		{"an attribute out of the Map as well / 1 rule", s.attribute, ""},
	} {
		over := c.m.over(s.one)
		fmt.Fprintf(b, "%-44s %8.2f %15.2f   %s\n", c.name, over.time, over.cpu, c.note)
	}
	fmt.Fprintf(b, "A tick's SQL knows no windows: those of rules do not change it.\n")
}

const benchAssumed = `
What is assumed of SigNoz's ruler: threshold rules of the query builder, for each service and region; a filter on the resource
(deployment.environment, or service.name), which becomes fingerprints out of traces_v3_resource; server spans; a window of five
minutes in points of 5 s; no cache. Each rule is one query: an error rate takes two aggregations, although a formula A/B would be
two queries. Resource attributes are read out of the JSON and, for rows from before there was one, out of the Map, as in released
versions; a store that was upgraded longer ago than it keeps spans may be asked for the JSON alone. Limits are not in the SQL.
Rules that choose one service each are cheap: the fingerprints prune. Ours judge every service in every region.
`

// text writes the SQL of a measure. Of many texts it writes two.
func (m *measure) text(b *strings.Builder) {
	fmt.Fprintf(b, "\n-- %s\n", strings.TrimSpace(m.name))
	var seen []string
	for _, q := range m.queries {
		if slices.Contains(seen, q.sql) {
			continue
		}
		if seen = append(seen, q.sql); len(seen) > 2 {
			continue
		}
		fmt.Fprintf(b, "%s;\n", q.sql)
		for _, name := range slices.Sorted(maps.Keys(q.params)) {
			if strings.Contains(q.sql, "{"+name+":") {
				fmt.Fprintf(b, "--   %s = %s\n", name, q.params[name])
			}
		}
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(q.settings)) {
			settings = append(settings, name+"="+q.settings[name])
		}
		fmt.Fprintf(b, "--   settings: %s\n", strings.Join(settings, ", "))
	}
	switch n, texts := len(m.queries), len(seen); {
	case texts > 2:
		fmt.Fprintf(b, "-- and %d more like these\n", n-2)
	case n > texts:
		fmt.Fprintf(b, "-- in turns, %d in all\n", n)
	}
}
