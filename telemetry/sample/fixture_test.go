package sample

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// The window in which the fixture's figures are known.
var windowStart, windowEnd = FixtureStart.Add(25 * time.Minute), FixtureEnd

var (
	everything []string
	noise      = []string{"/health", "/v1/stream/{envKey}"}
)

// figures are the evidence "error rate and p99 per region".
type figures struct {
	Requests, Errors uint64
	Rate             float64 // to four digits
	P99              float64 // milliseconds, to one digit
}

var figuresOfTheFixture = map[string]struct {
	skip []string
	want map[string]figures
}{
	"without health checks and streams": {noise, map[string]figures{"eu": {600, 90, 0.15, 2500}, "us": {600, 0, 0, 12}}},
	"health checks and streams dilute":  {everything, map[string]figures{"eu": {905, 90, 0.0994, 2500}, "us": {905, 0, 0, 12}}},
}

func TestFixtureHasItsFigures(t *testing.T) {
	tr := Fixture()
	for name, test := range figuresOfTheFixture {
		t.Run(name, func(t *testing.T) {
			for region, want := range test.want {
				ours := func(s spot) bool {
					at := s.span.StartTimestamp().AsTime()
					return s.server() && s.region() == region && !at.Before(windowStart) && at.Before(windowEnd) && !slices.Contains(test.skip, s.span.Name())
				}
				n, errors := count(spots(tr), ours), count(spots(tr), func(s spot) bool { return ours(s) && s.failed() })
				got := figures{uint64(n), uint64(errors), math.Round(float64(errors)/float64(n)*1e4) / 1e4, want.P99}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", region, diff)
				}
				if got := p99(spots(tr), ours).Seconds() * 1000; math.Abs(got-want.P99) > want.P99/128 {
					t.Errorf("%s: p99 %.1f ms, want %.1f", region, got, want.P99)
				}
			}
		})
	}
}

func TestFixtureOnTheEngine(t *testing.T) {
	conn := storeOfTheFixture(t)
	t.Run("has its figures", func(t *testing.T) { testFigures(t, conn) })
	t.Run("has its evidence", func(t *testing.T) { testEvidence(t, conn) })
}

func testFigures(t *testing.T, conn driver.Conn) {
	for name, test := range figuresOfTheFixture {
		t.Run(name, func(t *testing.T) {
			rows, err := conn.Query(with(t, test.skip), `
				SELECT resource.`+"`deployment.environment`"+`::String AS region, count() AS requests, countIf(has_error) AS errors,
					round(errors / requests, 4) AS rate, round(quantileTDigest(0.99)(duration_nano) / 1e6, 1)::Float64 AS p99
				FROM signoz_traces.distributed_signoz_index_v3
				WHERE `+window+` AND kind IN (2, 5) AND name NOT IN {skip:Array(String)} GROUP BY region`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			got := map[string]figures{}
			for rows.Next() {
				var region string
				var f figures
				if err := rows.Scan(&region, &f.Requests, &f.Errors, &f.Rate, &f.P99); err != nil {
					t.Fatal(err)
				}
				got[region] = f
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
		})
	}
}

func testEvidence(t *testing.T, conn driver.Conn) {
	const spans = "signoz_traces.distributed_signoz_index_v3"
	const here = "resource.`deployment.environment`::String = 'eu' AND timestamp >= '2026-05-20 10:20:00'"
	for name, test := range map[string]struct{ sql, want string }{
		"rows": {
			"SELECT toString(count()) FROM " + spans, "18060",
		},
		"errors of the one route that fails, and their code": {
			"SELECT concat(name, ' ', toString(count()), ' ', any(response_status_code)) FROM " + spans + " WHERE has_error AND kind = 2 GROUP BY name",
			"/v1/projects/{projectID}/flags 180 500",
		},
		"exceptions": {
			"SELECT concat(exceptionType, ' ', toString(count()), ' ', toString(min(timestamp)), ' ', any(resourceTagsMap['deployment.environment'])) FROM signoz_traces.distributed_signoz_error_index_v2 WHERE exceptionMessage LIKE '%(SQLSTATE 53300)' GROUP BY exceptionType",
			"*pgconn.PgError 42 2026-05-20 10:25:00.000000000 eu",
		},
		"statements, masked": {
			`SELECT toString(uniqExact(replaceRegexpAll(replaceRegexpAll(attributes_string['db.query.text'], '\'[^\']*\'', '?'), '\\b\\d+\\b', '?'))) FROM ` + spans + " WHERE attributes_string['db.query.text'] != ''",
			"1",
		},
		"waits for the pool before and after": {
			"SELECT toString((minIf(duration_nano, timestamp < '2026-05-20 10:20:00') / 1e6, minIf(duration_nano, timestamp >= '2026-05-20 10:20:00') / 1e6)) FROM " + spans + " WHERE name = 'pool.acquire' AND resource.`deployment.environment`::String = 'eu'", "(1,1800)",
		},
		"the deploy": {
			"SELECT concat(resources_string['service.version'], ' ', resources_string['host.name'], ' ', toString(min(timestamp)), ' ', any(resources_string['deployment.environment'])) FROM " + spans + " WHERE resources_string['service.version'] != 'aaa111' GROUP BY resources_string['service.version'], resources_string['host.name']",
			"bbb222 c0ffee02 2026-05-20 10:20:00.000000000 eu",
		},
		"organisations seen, hit, and coverage": {
			"SELECT toString((uniqExactIf(org, org != ''), uniqExactIf(org, org != '' AND has_error), countIf(org != '') / count())) FROM (SELECT attributes_string['org_id'] AS org, has_error FROM " + spans + " WHERE kind = 2 AND name NOT IN ('/health', '/v1/stream/{envKey}') AND " + here + ")",
			"(7,7,0.5)",
		},
		"bad and unknown minutes up to 10:35": {
			"SELECT toString((countIf(n > 0 AND err / n >= 0.05), countIf(n = 0), count())) FROM (SELECT toStartOfMinute(timestamp) AS minute, count() AS n, countIf(has_error) AS err FROM " + spans + " WHERE kind = 2 AND resource.`deployment.environment`::String = 'eu' AND name NOT IN ('/health', '/v1/stream/{envKey}') GROUP BY minute ORDER BY minute WITH FILL FROM toDateTime('2026-05-20 10:00:00') TO toDateTime('2026-05-20 10:35:00') STEP 60)",
			"(10,5,35)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			if err := conn.QueryRow(t.Context(), test.sql).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// window is the condition that every query of the span table carries: the half
// hours first, then the exact time.
const window = `ts_bucket_start BETWEEN toUInt64({t0:Int64} - 1800) AND toUInt64({t1:Int64})
	AND timestamp >= fromUnixTimestamp64Nano({t0:Int64} * 1000000000) AND timestamp < fromUnixTimestamp64Nano({t1:Int64} * 1000000000)`

// with binds the window's ends and the names to leave out.
func with(t *testing.T, skip []string) context.Context {
	quoted := make([]string, len(skip))
	for i, s := range skip {
		quoted[i] = "'" + s + "'"
	}
	return clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{
		"t0":   fmt.Sprint(windowStart.Unix()),
		"t1":   fmt.Sprint(windowEnd.Unix()),
		"skip": "[" + strings.Join(quoted, ",") + "]",
	}))
}

// storeOfTheFixture gives an engine that holds the fixture.
func storeOfTheFixture(t *testing.T) driver.Conn {
	t.Helper()
	_, server := enginetest.Serve(t)
	conn, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{server.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.Exec(t.Context(), "DROP DATABASE IF EXISTS signoz_traces"); err != nil {
		t.Fatal(err)
	}
	if err := signoz.Create(t.Context(), conn, signoz.Schema(false)); err != nil {
		t.Fatal(err)
	}
	if err := signoz.NewWriter(conn).Write(t.Context(), Fixture(), FixtureEnd); err != nil {
		t.Fatal(err)
	}
	return conn
}
