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
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	tick := s.newest.and("tick: both", s.settling)

	line("\nClickHouse %s in the process, %d cores. %d spans in three hours, %d series on 1,320 pods; 30 %% of the spans are", version, runtime.NumCPU(), benchSpans, benchSeries)
	line("entry spans, 10 %% of those health checks, 1 %% errors. The newest minute is the last of a merged half hour: none is")
	line("dearer to read. Medians of %d rounds, in which all take turns, after %d that do not count. ClickHouse time is the", benchRounds, benchWarmups)
	line("engine's own, until the answer is there. CPU is that of all threads, and says more while the machine has other work.\n")
	line("%s", measureHead)
	for _, m := range []*measure{s.newest, s.settling, tick, s.counts, s.byService, s.bare, s.ruler, s.rulerJSON, s.narrow} {
		line("%s", m)
	}
	line("")
	for _, m := range []*measure{s.one, s.twenty, s.eight, s.example, s.exampleAll} {
		line("%s", m)
	}

	line("\n%-48s %16s %16s   %s", "ratio of the medians", "newest minute", "both reads", "goal")
	ratio := func(name string, g goal, f func(*measure) float64) {
		line("%-48s %16s %16s   %s", name, g.judge(f(s.newest)), g.judge(f(tick)), g)
	}
	ratio("tick / its scan with counts only", goalCounts, func(m *measure) float64 { return m.over(s.counts) })
	ratio("tick / bare scan", goalBare, func(m *measure) float64 { return m.over(s.bare) })
	ratio("20 rules of SigNoz's ruler / tick", goalRuler, s.ruler.over)
	line("%-48s %9.2f %23.2f", "tick / counts without streams", s.newest.over(s.byService), tick.over(s.byService))
	line("%-48s %9.2f %23.2f", "20 rules, JSON alone / tick", s.rulerJSON.over(s.newest), s.rulerJSON.over(tick))
	line("%-48s %9.2f %23.2f", "20 rules, one service each / tick", s.narrow.over(s.newest), s.narrow.over(tick))
	line("%-48s %9.2f   (%s)", "20 rules of one stream / 1 rule", s.twenty.over(s.one), map[bool]string{true: "the same SQL", false: "ANOTHER SQL"}[s.sameSQL])
	line("%-48s %9.2f", "8 streams / 1 stream", s.eight.over(s.one))
	line("The tick's SQL has no window in it: longer windows do not change it.")

	line("\nWhat is assumed of SigNoz's ruler: threshold rules of the query builder for each service and region; a filter on the resource")
	line("(deployment.environment, or service.name) that becomes fingerprints out of traces_v3_resource; server spans; a window of five")
	line("minutes in points of 5 s; no cache. Each rule is one query: an error rate takes two aggregations, although a formula A/B")
	line("would be two queries. Resource attributes are read out of the JSON and, for rows from before it, out of the Map, as released")
	line("versions do; a store upgraded longer ago than it keeps spans may be asked for the JSON alone. The limits are not in the SQL.")

	for _, m := range s.all {
		line("\n-- %s", m.name)
		last := ""
		for i, q := range m.queries {
			if i > 1 && m != s.narrow || q.sql == last { // the rules take turns between two texts
				break
			}
			if i > 1 {
				line("-- and so on, for %d services", len(m.queries))
				break
			}
			last = q.sql
			line("%s;", q.sql)
			for _, name := range slices.Sorted(maps.Keys(q.params)) {
				line("--   %s = %s", name, q.params[name])
			}
			line("--   settings: %s", settingsLine(q.settings))
		}
	}
	line("")
	return b.String()
}

func settingsLine(settings map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		all = append(all, name+"="+settings[name])
	}
	return strings.Join(all, ", ")
}
