package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The numbers of a rule, as the SQL that counts by itself needs them. Severities are
// 1 for P2, 2 for P1 and 3 for P0.
type ruleInSQL struct {
	id, component, service, regions string
	bad, badAtRecover               string // columns: what counts as bad, by the levels' limit and by that of recover
	levels                          []levelInSQL
	recover                         float64 // a share
	recoverFor                      int
	single                          float64 // share from which a single minute was part of the trouble
}

type levelInSQL struct {
	severity, soak int
	limit          float64
}

const windowInSQL = 5

var rulesInSQL = []ruleInSQL{
	{"api-errors", "api", "uptime-api", "'eu','us'", "failed", "failed", []levelInSQL{{2, 3, 0.2}, {1, 5, 0.05}}, 0.02, 5, 0.02},
	// A p99 is above a limit exactly when more than 1 % are slower.
	{"api-latency", "api", "uptime-api", "'eu','us'", "slower_1s", "slower_500ms", []levelInSQL{{1, 5, 0.01}}, 0.01, 5, 0.01},
	{"web-errors", "web", "uptime-web", "'eu'", "failed", "failed", []levelInSQL{{3, 2, 0.5}, {1, 10, 0.05}}, 0.02, 3, 0.02},
}

// judgedSQL says of each minute what one rule says: whether anything is known, which
// level holds, below which severity it may not fall, whether it has recovered, and
// since when it was bad.
func (r ruleInSQL) judgedSQL(first, minutes int) string {
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f+"\n", a...) }
	p("WITH counted AS (")
	p("  SELECT resources_string['cloud.region'] AS region, toInt64(intDiv(toUnixTimestamp(timestamp), 60)) AS minute,")
	p("    count() AS n, countIf(has_error) AS failed, countIf(duration_nano > 1000000000) AS slower_1s, countIf(duration_nano > 500000000) AS slower_500ms")
	p("  FROM signoz_traces.signoz_index_v3 WHERE resources_string['service.name'] = '%s' GROUP BY region, minute),", r.service)
	p("grid AS (SELECT region, toInt64(%d + number) AS minute FROM numbers(%d) AS numbers CROSS JOIN (SELECT arrayJoin([%s]) AS region) AS regions),", first-200, minutes+200, r.regions)
	p("filled AS (SELECT grid.region AS region, grid.minute AS minute, counted.n AS n, counted.%s AS k, counted.%s AS kr", r.bad, r.badAtRecover)
	p("  FROM grid LEFT JOIN counted ON grid.region = counted.region AND grid.minute = counted.minute),")
	p("windowed AS (SELECT *, sum(n) OVER w AS wn, sum(k) OVER w AS wk, sum(kr) OVER w AS wkr FROM filled")
	p("  WINDOW w AS (PARTITION BY region ORDER BY minute ROWS BETWEEN %d PRECEDING AND CURRENT ROW)),", windowInSQL-1)
	// Wilson's lower bound, at 95 % on one side.
	p("bounded AS (SELECT *, wk / wn AS share, 1.6448536269514722 AS z,")
	p("  (share + z * z / (2 * wn) - z * sqrt(share * (1 - share) / wn + z * z / (4 * wn * wn))) / (1 + z * z / wn) AS bound FROM windowed),")
	p("said AS (SELECT *, multiIf(wn = 0, 0, wkr / wn > %v, 2, 1) AS recovering, multiIf(n = 0, 0, k / n > %v, 2, 1) AS alone", r.recover, r.single)
	for i, l := range r.levels { // 0 nothing can be said, 1 good, 2 bad; and the same without the bound
		p("  , multiIf(wn = 0, 0, share <= %v, 1, bound > %v, 2, 0) AS v%d, multiIf(wn = 0, 0, share > %v, 2, 1) AS c%d", l.limit, l.limit, i, l.limit, i)
	}
	p("  FROM bounded),")
	back := func(column string, n int) string {
		return fmt.Sprintf("arrayReverse(groupArray(%s) OVER (PARTITION BY region ORDER BY minute ROWS BETWEEN %d PRECEDING AND CURRENT ROW))", column, n-1)
	}
	longest := 0
	p("past AS (SELECT region, minute, n, %s AS recovering_back, %s AS recovering_hour, %s AS n_hour",
		back("toUInt8(recovering)", windowInSQL+r.recoverFor), back("toUInt8(recovering)", 60), back("toUInt32(n)", 60))
	for i, l := range r.levels {
		longest = max(longest, l.soak)
		p("  , %s AS v%d_back, %s AS c%d_back", back(fmt.Sprintf("toUInt8(v%d)", i), windowInSQL+l.soak), i, back(fmt.Sprintf("toUInt8(c%d)", i), windowInSQL+r.recoverFor), i)
	}
	p("  , %s AS alone_back FROM said),", back("toUInt8(alone)", windowInSQL+longest))
	// A level holds if it is bad now and was so often before, and never good in between.
	p("held AS (SELECT *, multiIf(")
	for i, l := range r.levels {
		p("  v%d_back[1] = 2 AND arrayCount(x -> x = 2, arraySlice(v%d_back, 1, if(indexOf(v%d_back, 1) = 0, %d, indexOf(v%d_back, 1) - 1))) >= %d, %d,",
			i, i, i, windowInSQL+l.soak, i, l.soak, l.severity)
	}
	p("  0) AS held,")
	calm := func(column string) string { // windows within the limit, back to the first that was not
		return fmt.Sprintf("(%s[1] = 1 AND arrayCount(x -> x = 1, arraySlice(%s, 1, if(indexOf(%s, 2) = 0, 1000, indexOf(%s, 2) - 1))) >= %d)", column, column, column, column, r.recoverFor)
	}
	// What is calm rests on ten requests, before which nothing was over, or on an hour.
	p("  indexOf(arraySlice(recovering_hour, 2), 2) AS over_before, arrayFirstIndex(x -> x >= 10, arrayCumSum(n_hour)) AS enough_at,")
	p("  %s AND (if(over_before = 0, 1, enough_at > 0 AND enough_at - 1 < over_before)) AS recovered,", calm("recovering_back"))
	p("  v%d_back[1] AS mildest,", len(r.levels)-1)
	p("  multiIf(")
	for i, l := range r.levels {
		p("    NOT %s, %d,", calm(fmt.Sprintf("c%d_back", i)), l.severity)
	}
	p("    0) AS floor_of_levels FROM past),")
	// It began with the first bad minute of those that were bad without a good one in between, as far back as window and soak.
	p("began AS (SELECT *, transform(held, [%s], [%s], 0) AS reach, arraySlice(alone_back, 1, reach) AS looked, indexOf(looked, 2) AS newest_bad,",
		join(r.levels, func(l levelInSQL) int { return l.severity }), join(r.levels, func(l levelInSQL) int { return windowInSQL + l.soak }))
	p("  indexOf(arraySlice(looked, newest_bad + 1), 1) AS good_after,")
	p("  arrayLastIndex(x -> x = 2, if(good_after = 0, looked, arraySlice(looked, 1, newest_bad + good_after - 1))) AS oldest_bad,")
	p("  if(newest_bad = 0, minute, minute - oldest_bad + 1) AS began FROM held)")
	p("SELECT region, minute, toUInt8(mildest <> 0 OR held > 0) AS known, toUInt8(held) AS held, toUInt8(recovered) AS recovered, toInt64(began) AS began,")
	p("  toUInt8(if(recovered AND mildest = 1, 0, greatest(floor_of_levels, held, if(recovered, 0, %d)))) AS floor", r.levels[len(r.levels)-1].severity)
	p("FROM began WHERE minute >= %d", first)
	return b.String()
}

func join(levels []levelInSQL, f func(levelInSQL) int) string {
	var out []string
	for _, l := range levels {
		out = append(out, fmt.Sprint(f(l)))
	}
	return strings.Join(out, ",")
}

// transitionsSQL goes through the minutes of a rule in order: a level that holds and
// is worse than what was opens or raises, unless maintenance keeps it quiet; what
// recovered is over; what is no longer that bad is eased.
const transitionsSQL = `
INSERT INTO uptime_check.transitions
WITH marked AS (
  SELECT *, recovered = 1 AND held = 0 AS well, lagInFrame(well, 1, 0) OVER (PARTITION BY region ORDER BY minute ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS was_well
  FROM uptime_check.judged WHERE rule = '%[1]s'),
asked AS ( -- once it is well it stays so, until something else is said
  SELECT region, minute, held, recovered, floor, began,
    exists_in AS muted
  FROM (SELECT m.*, toUInt8(arrayExists(w -> w.1 = '%[2]s' AND w.2 = m.region AND m.minute + 1 >= w.3 AND m.minute + 1 < w.4, [%[3]s])) AS exists_in FROM marked AS m WHERE NOT (well AND was_well))),
folded AS (
  SELECT region, arrayFold((acc, x) -> (
      multiIf(x.2 > acc.1, if(x.6 = 1, acc.1, x.2), acc.1 > 0 AND x.3 = 1, toUInt8(0), acc.1 > 0 AND x.4 > 0 AND x.4 < acc.1, x.4, acc.1),
      if(multiIf(x.2 > acc.1, if(x.6 = 1, acc.1, x.2), acc.1 > 0 AND x.3 = 1, toUInt8(0), acc.1 > 0 AND x.4 > 0 AND x.4 < acc.1, x.4, acc.1) = acc.1, acc.2,
        arrayPushBack(acc.2, (x.1, acc.1, multiIf(x.2 > acc.1, if(x.6 = 1, acc.1, x.2), acc.1 > 0 AND x.3 = 1, toUInt8(0), acc.1 > 0 AND x.4 > 0 AND x.4 < acc.1, x.4, acc.1), x.5)))),
    arraySort(x -> x.1, groupArray((minute, held, recovered, floor, began, muted))),
    (toUInt8(0), CAST([] AS Array(Tuple(Int64, UInt8, UInt8, Int64))))) AS result
  FROM asked GROUP BY region)
SELECT '%[1]s', '%[2]s', region, t.1, t.2, t.3, t.4 FROM folded ARRAY JOIN result.2 AS t`

// daysSQL counts. What was worse counts, once; maintenance is apart.
const daysSQL = `
WITH stretches AS (
  SELECT rule, component, region, minute, was, now, began,
    sum(was = 0) OVER w AS stretch,
    leadInFrame(minute, 1, %[2]d - 1) OVER (PARTITION BY rule, region ORDER BY minute ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) + 1 AS until
  FROM uptime_check.transitions
  WINDOW w AS (PARTITION BY rule, region ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)),
first AS (SELECT rule, region, stretch, min(began) AS began FROM stretches WHERE now > was GROUP BY rule, region, stretch),
bad AS (
  SELECT component, region, m, max(now) AS severity FROM (
    SELECT s.component, s.region AS region, s.now AS now, arrayJoin(range(if(s.was = 0, f.began, s.minute + 1), s.until)) AS m
    FROM stretches AS s JOIN first AS f ON s.rule = f.rule AND s.region = f.region AND s.stretch = f.stretch WHERE s.now > 0)
  GROUP BY component, region, m),
known AS (SELECT component, region, minute AS m, max(known) AS known FROM uptime_check.judged GROUP BY component, region, m),
minutes AS (
  SELECT known.component AS component, known.region AS region, known.m AS m, known.known AS known, bad.severity AS severity,
    arrayExists(w -> w.1 = known.component AND w.2 = known.region AND known.m >= w.3 AND known.m < w.4, [%[1]s]) AS maintenance
  FROM known LEFT JOIN bad ON known.component = bad.component AND known.region = bad.region AND known.m = bad.m)
SELECT toString(toDate(m * 60, 'UTC')) AS day, concat(component, '/', region) AS cell,
  countIf(NOT maintenance AND severity = 0 AND known = 1) AS good,
  countIf(NOT maintenance AND severity = 3) AS p0, countIf(NOT maintenance AND severity = 2) AS p1, countIf(NOT maintenance AND severity = 1) AS p2,
  countIf(NOT maintenance AND severity = 0 AND known = 0) AS unknown, countIf(maintenance) AS maintenance_minutes,
  100 * (1 - (p0 + 0.3 * p1) / (good + p0 + p1 + p2)) AS uptime
FROM minutes GROUP BY day, cell ORDER BY cell, day`

// countedBySQL counts by SQL over the raw spans.
func countedBySQL(t *testing.T, conn driver.Conn, s *seeded) []dayCount {
	t.Helper()
	first := int(s.begin.Unix() / 60)
	var works []string
	for _, w := range s.works {
		works = append(works, fmt.Sprintf("('%s','%s',%d,%d)", w.component, w.region, first+w.from, first+w.to))
	}
	exec := func(sql string) {
		t.Helper()
		if err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%v\n%s", err, sql)
		}
	}
	exec("CREATE DATABASE IF NOT EXISTS uptime_check")
	for name, columns := range map[string]string{
		"judged":      "rule String, component String, region String, minute Int64, known UInt8, held UInt8, recovered UInt8, began Int64, floor UInt8",
		"transitions": "rule String, component String, region String, minute Int64, was UInt8, now UInt8, began Int64",
	} {
		exec("CREATE OR REPLACE TABLE uptime_check." + name + " (" + columns + ") ENGINE = MergeTree ORDER BY (rule, region, minute)")
	}
	for _, r := range rulesInSQL {
		exec(fmt.Sprintf("INSERT INTO uptime_check.judged SELECT '%s', '%s', region, minute, known, held, recovered, began, floor FROM (%s)", r.id, r.component, r.judgedSQL(first, s.minutes)))
		exec(fmt.Sprintf(transitionsSQL, r.id, r.component, strings.Join(works, ",")))
	}
	rows, err := conn.Query(t.Context(), fmt.Sprintf(daysSQL, strings.Join(works, ","), first+s.minutes))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []dayCount
	for rows.Next() {
		var c dayCount
		var good, p0, p1, p2, unknown, maintenance uint64
		var uptime float64
		if err := rows.Scan(&c.day, &c.cell, &good, &p0, &p1, &p2, &unknown, &maintenance, &uptime); err != nil {
			t.Fatal(err)
		}
		c.good, c.bad, c.unknown, c.maintenance = int(good), [3]int{int(p0), int(p1), int(p2)}, int(unknown), int(maintenance)
		if c.uptime = "-"; good+p0+p1+p2 > 0 {
			c.uptime = fmt.Sprintf("%.6f", uptime)
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
