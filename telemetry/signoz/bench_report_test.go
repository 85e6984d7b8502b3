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
	tick := s.newest.and("tick: both", s.settling)

	fmt.Fprintf(&b, `
ClickHouse %s in the process, %d cores; %d spans in three hours, %d series on 1,320 pods. Of the spans 30 %% are entry
spans, of these 9 %% health checks and 1 %% errors. The newest minute is the last of a merged half hour: none is dearer to read.
Medians of %d rounds, in which all take turns, after %d that do not count. ClickHouse time is the engine's own, until the answer
is there. CPU is that of all threads: while the machine has other work, it is the steadier figure.

%s
`, version, runtime.NumCPU(), benchSpans, benchSeries, benchRounds, benchWarmups, measureHead)
	for _, m := range []*measure{s.newest, s.settling, tick, s.counts, s.byService, s.bare, s.ruler, s.rulerJSON, s.narrow, nil, s.one, s.twenty, s.eight, s.example, s.exampleAll} {
		if m == nil {
			b.WriteByte('\n')
			continue
		}
		fmt.Fprintln(&b, m)
	}

	s.ratios(&b, tick)
	b.WriteString(benchAssumed)
	for _, m := range s.all {
		m.text(&b)
	}
	return b.String()
}

func (s *benchStudy) ratios(b *strings.Builder, tick *measure) {
	fmt.Fprintf(b, "\n%-44s %24s %25s\n", "", "the newest minute", "both reads of a tick")
	fmt.Fprintf(b, "%-44s %8s %15s %9s %15s   %s\n", "ratio", "time", "CPU", "time", "CPU", "goal (of the time)")
	line := func(name string, g *goal, newest, both ratio) {
		var first, second, asked string
		if g != nil {
			first, second, asked = g.judge(newest.time), g.judge(both.time), g.String()
		}
		fmt.Fprintf(b, "%-44s %8.2f %-7s %7.2f %9.2f %-7s %7.2f   %s\n", name, newest.time, first, newest.cpu, both.time, second, both.cpu, asked)
	}
	line("tick / its scan with counts only", &goalCounts, s.newest.over(s.counts), tick.over(s.counts))
	line("tick / bare scan", &goalBare, s.newest.over(s.bare), tick.over(s.bare))
	line("20 rules of SigNoz's ruler / tick", &goalRuler, s.ruler.over(s.newest), s.ruler.over(tick))
	line("tick / counts without streams", nil, s.newest.over(s.byService), tick.over(s.byService))
	line("20 rules of the ruler, JSON alone / tick", nil, s.rulerJSON.over(s.newest), s.rulerJSON.over(tick))
	line("20 rules of the ruler, one service each / tick", nil, s.narrow.over(s.newest), s.narrow.over(tick))

	same := "the same SQL"
	if !s.sameSQL {
		same = "NOT the same SQL"
	}
	twenty, eight := s.twenty.over(s.one), s.eight.over(s.one)
	fmt.Fprintf(b, "\n%-44s %8.2f %15.2f   %s\n", "20 rules of one stream / 1 rule", twenty.time, twenty.cpu, same)
	fmt.Fprintf(b, "%-44s %8.2f %15.2f\n", "8 rules of 8 streams / 1 rule", eight.time, eight.cpu)
	fmt.Fprintf(b, "A tick's SQL knows no window but its minute: the windows of rules do not change it.\n")
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
			fmt.Fprintf(b, "--   %s = %s\n", name, q.params[name])
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
