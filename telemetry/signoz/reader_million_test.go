package signoz

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/featuresignals/tocsin/telemetry"
)

// insertSpans stores 300 series (100 services in 3 regions) with so many spans
// each, spread over [from, to): durations are log-normal with one of a hundred
// twenty times as long, two of a hundred fail. salt makes other spans.
func insertSpans(t *testing.T, conn driver.Conn, from, to time.Time, perSeries, salt int) {
	t.Helper()
	sql := fmt.Sprintf(`INSERT INTO signoz_traces.signoz_index_v3
	(ts_bucket_start, resource_fingerprint, timestamp, name, kind, duration_nano, status_code, has_error, resources_string, resource)
SELECT intDiv(toUnixTimestamp(at), 1800) * 1800, fingerprint, at, '/a', 2, took, if(failed, 2, 0), failed, pairs, resource
FROM (
	SELECT fingerprint, pairs, resource, cityHash64(series, n, %[4]d) AS h1, cityHash64(h1, 1) AS h2, cityHash64(h1, 2) AS h3,
		fromUnixTimestamp64Nano(toInt64(%[1]d + h1 %% %[2]d)) AS at, h2 %% 50 = 0 AS failed,
		toUInt64(exp(16.5 + 1.2 * sqrt(-2 * log((h2 %% 1000003 + 1) / 1000004)) * cos(2 * pi() * (h3 %% 1000003) / 1000003)) * if(h3 %% 101 = 0, 20, 1)) AS took
	FROM (
		SELECT number AS series, concat('service-', toString(intDiv(number, 3))) AS service, ['eu', 'us', 'in'][number %% 3 + 1] AS region,
			concat('hash=', toString(number)) AS fingerprint, map('service.name', service, 'cloud.region', region) AS pairs, pairs::JSON(max_dynamic_paths = 100) AS resource
		FROM numbers(300)) AS all
	CROSS JOIN (SELECT number AS n FROM numbers(%[3]d)) AS spans)`,
		from.UnixNano(), to.Sub(from).Nanoseconds(), perSeries, salt)
	if err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// truth is what ClickHouse itself says of a series.
type truth struct{ requests, errors, p99 uint64 }

func ask(t *testing.T, conn driver.Conn, from, to time.Time) map[telemetry.Series]truth {
	t.Helper()
	rows, err := conn.Query(t.Context(), fmt.Sprintf("SELECT `resource_string_service$$name`::String, resource.`cloud.region`::String, count()::UInt64, countIf(has_error)::UInt64,"+
		" arraySort(groupArray(duration_nano))[intDiv(99 * count() + 99, 100)]"+
		" FROM signoz_traces.distributed_signoz_index_v3 WHERE timestamp >= fromUnixTimestamp64Nano(%d) AND timestamp < fromUnixTimestamp64Nano(%d) GROUP BY 1, 2", from.UnixNano(), to.UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[telemetry.Series]truth{}
	for rows.Next() {
		var s telemetry.Series
		var x truth
		if err := rows.Scan(&s.Service, &s.Region, &x.requests, &x.errors, &x.p99); err != nil {
			t.Fatal(err)
		}
		all[s] = x
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// agree compares minutes, added up, with the truth, and gives how far the
// farthest p99 is off.
func agree(t *testing.T, got map[telemetry.Series]telemetry.Minute, want map[telemetry.Series]truth) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d series, ClickHouse has %d", len(got), len(want))
	}
	worst := 0.0
	for s, w := range want {
		m := got[s]
		if m.Requests != w.requests || m.Errors != w.errors || m.Durations.Count() != w.requests {
			t.Errorf("%v: %d requests, %d errors, %d durations: ClickHouse has %d and %d", s, m.Requests, m.Errors, m.Durations.Count(), w.requests, w.errors)
			continue
		}
		p99, _ := m.Durations.Quantile(9900)
		off := math.Abs(float64(p99)-float64(w.p99)) / float64(w.p99)
		if worst = max(worst, off); off > 0.008 {
			t.Errorf("%v: p99 %v is %.2f %% from the exact %v", s, p99, 100*off, time.Duration(w.p99))
		}
	}
	return worst
}

func TestMillionSpansAgreeWithClickHouse(t *testing.T) {
	conn := freshStore(t, Schema(false))
	from, to := clock("23:20"), clock("23:20").Add(80*time.Minute) // over the hour, half hours and midnight
	insertSpans(t, conn, from, to, 3200, 1)
	r := openReader(t, nil)

	began := time.Now()
	early := collect(t, r.Minutes(t.Context(), from, to))
	t.Logf("read %d minutes of 960,000 spans in %v", len(early), time.Since(began))
	agree(t, bySeries(early), ask(t, conn, from, to))

	// What comes late counts when its minute is read again.
	insertSpans(t, conn, from, to, 134, 2)
	midnight := clock("00:00").Add(24 * time.Hour)
	for name, w := range map[string]struct{ from, to time.Time }{
		"all of it":        {from, to},
		"one minute":       {from.Add(7 * time.Minute), from.Add(8 * time.Minute)},
		"a half hour":      {midnight.Add(-35 * time.Minute), midnight.Add(-25 * time.Minute)},
		"around midnight":  {midnight.Add(-3 * time.Minute), midnight.Add(2 * time.Minute)},
		"up to midnight":   {midnight.Add(-time.Minute), midnight},
		"from midnight on": {midnight, midnight.Add(time.Minute)},
	} {
		worst := agree(t, bySeries(collect(t, r.Minutes(t.Context(), w.from, w.to))), ask(t, conn, w.from, w.to))
		t.Logf("%s: the farthest p99 is %.2f %% off", name, 100*worst)
	}

	// A tick reads the newest minute and the one that settles by one query.
	left := telemetry.Range{From: midnight.Add(-3 * time.Minute), To: midnight.Add(time.Minute)}
	around := append(collect(t, r.Minutes(t.Context(), left.From.Add(-time.Minute), left.From)),
		collect(t, r.Minutes(t.Context(), left.To, left.To.Add(time.Minute)))...)
	both := collect(t, r.Minutes(t.Context(), left.From.Add(-time.Minute), left.To.Add(time.Minute), left))
	for _, ms := range [][]telemetry.Minute{around, both} {
		slices.SortFunc(ms, func(a, b telemetry.Minute) int {
			return cmp.Or(a.Start.Compare(b.Start), a.Series.Compare(b.Series))
		})
	}
	if len(both) != 600 || figures(both) != figures(around) {
		t.Errorf("%d series-minutes around what is left out, one by one %d; want the same 600", len(both), len(around))
	}

	// What is read in small pieces adds up to the same.
	var pieces []telemetry.Minute
	for start := from; start.Before(to); start = start.Add(8 * time.Minute) {
		pieces = append(pieces, collect(t, r.Minutes(t.Context(), start, start.Add(8*time.Minute)))...)
	}
	agree(t, bySeries(pieces), ask(t, conn, from, to))
}
