package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// The data set of BenchmarkReplayMonth: 33 days of twelve services in three
// regions, 20 requests a minute each, which is 34 million spans. Every series
// has an outage of twenty minutes about every other day.
const (
	monthDays    = 33
	monthRate    = 20
	monthVersion = "1: 33 days, 36 series, 20 a minute"
)

var monthBegin = time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)

const monthInsert = `INSERT INTO signoz_traces.signoz_index_v3
    (ts_bucket_start, resource_fingerprint, timestamp, trace_id, span_id, name, kind, kind_string, duration_nano,
     status_code, has_error, attributes_string, resources_string, resource, response_status_code)
WITH
    number % 36 AS n, concat('service-', toString(intDiv(n, 3))) AS service, ['eu', 'us', 'in'][1 + n % 3] AS region,
    {begin:Int64} + intDiv(number, 36 * {rate:Int64}) * 60 AS minute,
    sipHash64(number) AS draw, (draw % 1000000) / 1000000 AS unit,
    intDiv(minute, 60) % 2880 BETWEEN n * 75 AND n * 75 + 19 AS outage,
    unit < if(outage, 0.4, 0.0005) AS failed,
    map('service.name', service, 'cloud.region', region) AS pairs,
    minute * 1000000000 + sipHash64(number, 1) % 60000000000 AS ns
SELECT
    intDiv(minute, 1800) * 1800, concat('cloud.region=', region, ';service.name=', service, ';hash=', toString(n)), fromUnixTimestamp64Nano(ns),
    lower(hex(sipHash128(number))), lower(hex(draw)), '/v1/things', 2, 'Server',
    toUInt64(8000000 * exp(0.6 * sqrt(-2 * log((sipHash64(number, 2) + 1) / 18446744073709551616.)) * cos(2 * pi() * unit))) * if(outage, 50, 1),
    if(failed, 2, 0), failed, map('http.route', '/v1/things'), pairs, toJSONString(pairs), if(failed, '500', '200')
FROM numbers({first:UInt64}, {count:UInt64})`

// monthStore opens the engine on the data set, which is kept in .cache/month of
// the repository.
func monthStore(b *testing.B) *embedded.Engine {
	b.Helper()
	return enginetest.Kept(b, filepath.Join("..", "..", ".cache", "month"), monthVersion, func(e *embedded.Engine) error {
		for _, sql := range signoz.Schema(false) {
			if _, err := e.Query(b.Context(), sql, "Null", nil, nil); err != nil {
				return fmt.Errorf("make the tables: %w", err)
			}
		}
		const day = 36 * monthRate * 1440
		began := time.Now()
		for d := range monthDays {
			params := map[string]string{
				"begin": strconv.FormatInt(monthBegin.Unix(), 10), "rate": strconv.Itoa(monthRate),
				"first": strconv.Itoa(d * day), "count": strconv.Itoa(day),
			}
			if _, err := e.Query(b.Context(), monthInsert, "Null", params, nil); err != nil {
				return fmt.Errorf("make the spans of a day: %w", err)
			}
			fmt.Fprintf(os.Stderr, "making %d spans, once: day %d of %d after %s\n", day*monthDays, d+1, monthDays, time.Since(began).Round(time.Second))
		}
		return nil
	})
}

// monthRules are 50 rules, four for each of twelve services and two for all:
// errors, p99, a burn rate with windows of up to three days, and a share of
// codes against the day before; silence of a region and of a service.
func monthRules(dsn, dir string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "sources: {signoz: {dsn: %q}}\nstore: {path: %q}\n", dsn, filepath.Join(dir, "tocsin.db"))
	s.WriteString("regions: [{code: eu, name: Europe}, {code: us, name: United States}, {code: in, name: India}]\ncomponents:\n")
	for n := range 12 {
		fmt.Fprintf(&s, "  - {id: c%d, name: Component %d}\n", n, n)
	}
	s.WriteString("rules:\n")
	rule := func(n int, id, rest string) {
		fmt.Fprintf(&s, "  - {id: %s-%d, component: c%d, where: {services: [service-%d]}, %s}\n", id, n, n, n, rest)
	}
	for n := range 12 {
		rule(n, "errors", "signal: error_rate, levels: {P0: {above: 50%, for: 3m}, P1: {above: 5%, for: 5m}, P2: {above: 2%, for: 10m}}, recover: {below: 1%, for: 10m}")
		rule(n, "latency", "signal: p99, levels: {P2: {above: 1s, for: 5m}}, recover: {below: 500ms, for: 5m}")
		rule(n, "budget", "signal: burn_rate, objective: 99.9%, windows: google, levels: {P1: {burn: page}, P3: {burn: ticket}}")
		rule(n, "codes", "signal: status_share, codes: [5xx], levels: {P2: {above: 5%, over_baseline: 3x, for: 5m}}")
	}
	s.WriteString("  - {id: region-silent, component: c0, signal: silence, of: region, window: 2m, levels: {P4: {for: 5m}}}\n")
	s.WriteString("  - {id: service-silent, component: c0, signal: silence, of: series, window: 5m, levels: {P4: {for: 5m}}}\n")
	return s.String()
}

// BenchmarkReplayMonth replays 30 days from the real engine, as `tocsin replay`
// does, and tells what it read. Beside it is the bare reading of the same
// minutes, as one query that counts them.
func BenchmarkReplayMonth(b *testing.B) {
	e := monthStore(b)
	var rows, queries atomic.Uint64
	inner := e.Handler()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		var summary struct {
			Rows string `json:"read_rows"`
		}
		if json.Unmarshal([]byte(w.Header().Get("X-ClickHouse-Summary")), &summary) == nil {
			n, _ := strconv.ParseUint(summary.Rows, 10, 64)
			rows.Add(n)
			queries.Add(1)
		}
	}))
	defer front.Close()
	dir := b.TempDir()
	config := filepath.Join(dir, "tocsin.yaml")
	if err := os.WriteFile(config, []byte(monthRules(front.URL, dir)), 0o600); err != nil {
		b.Fatal(err)
	}
	from := monthBegin.AddDate(0, 0, 3)
	to := from.AddDate(0, 0, 30)
	b.Run("replay", func(b *testing.B) {
		for b.Loop() {
			rows.Store(0)
			queries.Store(0)
			code := run(b.Context(), []string{
				"replay", "--config", config, "--from", from.Format(time.RFC3339), "--to", to.Format(time.RFC3339), "--out", filepath.Join(dir, "out.json"),
			}, os.Stdout, os.Stderr, nil)
			if code != exitGood {
				b.Fatalf("replay ended with %d", code)
			}
		}
		body, err := os.ReadFile(filepath.Join(dir, "out.json"))
		if err != nil {
			b.Fatal(err)
		}
		var report struct {
			Incidents []json.RawMessage `json:"incidents"`
		}
		if err := json.Unmarshal(body, &report); err != nil || len(report.Incidents) < 100 {
			b.Fatalf("%d incidents, %v: want those of every other day", len(report.Incidents), err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(rows.Load()), "rows-read")
		b.ReportMetric(float64(queries.Load()), "queries")
		b.ReportMetric(float64(len(report.Incidents)), "incidents")
		b.ReportMetric(float64(m.Sys)/1e6, "MB-at-most")
	})
	b.Run("bare count", func(b *testing.B) {
		for b.Loop() {
			_, err := e.Query(b.Context(), `SELECT count(), countIf(has_error), sum(duration_nano) FROM signoz_traces.signoz_index_v3
				WHERE ts_bucket_start >= {from:Int64} - 1800 AND ts_bucket_start < {to:Int64} AND kind IN (2, 5)`, "JSON",
				map[string]string{"from": strconv.FormatInt(from.Unix(), 10), "to": strconv.FormatInt(to.Unix(), 10)}, nil)
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
