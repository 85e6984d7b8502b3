package signoz

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
)

// The data set of the benchmark: three hours of a shop with 200 services in
// three regions. Its newest minute is the last of a half hour, all of which lies
// merged in one part. No minute is dearer to read: the sort key finds the half
// hour, and the minute is scattered over all of it.
const (
	benchSpans  = 10_000_000
	benchSeries = 600
	benchChunks = 36 // five minutes each

	// benchVersion names what benchResources and benchInsert make. Change it
	// with them: a store that bears another name is made anew.
	benchVersion = "1: 10,000,000 spans, 600 series, three hours"
)

var (
	benchFrom = time.Date(2026, 5, 20, 11, 0, 0, 0, time.UTC)
	benchTo   = benchFrom.Add(3 * time.Hour)
)

// benchStore opens the engine on the data set, which is kept in .cache/bench of
// the repository; git ignores it.
func benchStore(b *testing.B) *embedded.Engine {
	b.Helper()
	return enginetest.Kept(b, filepath.Join("..", "..", ".cache", "bench"), benchVersion, func(e *embedded.Engine) error {
		return makeBenchData(b.Context(), e)
	})
}

// makeBenchData fills SigNoz's own tables. No part is merged until all are
// there, and then all into one, so that every run reads the same.
func makeBenchData(ctx context.Context, e *embedded.Engine) error {
	run := func(sql string, params map[string]string) error {
		_, err := e.Query(ctx, sql, "Null", params, nil)
		return err
	}
	for _, sql := range append(Schema(false), benchUnmerged, benchPlaces, benchResources, benchLabels) {
		if err := run(sql, nil); err != nil {
			return fmt.Errorf("make the benchmark's tables: %w", err)
		}
	}
	began := time.Now()
	const size = (benchSpans + benchChunks - 1) / benchChunks
	for i := range benchChunks {
		params := map[string]string{
			"begin":  strconv.FormatInt(benchFrom.UnixNano(), 10),
			"length": strconv.FormatInt(benchTo.Sub(benchFrom).Nanoseconds(), 10),
			"spans":  strconv.Itoa(benchSpans),
			"first":  strconv.Itoa(i * size),
			"count":  strconv.Itoa(min(size, benchSpans-i*size)),
		}
		if err := run(benchInsert, params); err != nil {
			return fmt.Errorf("make the benchmark's spans: %w", err)
		}
		took := time.Since(began)
		left := took / time.Duration(i+1) * time.Duration(benchChunks-i-1)
		fmt.Printf("making %d spans, once: %3d %% after %s, %s left, then the merge\n",
			benchSpans, 100*(i+1)/benchChunks, took.Round(time.Second), left.Round(time.Second))
	}
	defer watchMerge(ctx, e)()
	if err := run("OPTIMIZE TABLE signoz_traces.signoz_index_v3 FINAL SETTINGS optimize_throw_if_noop = 1", nil); err != nil {
		return fmt.Errorf("merge the benchmark's spans: %w", err)
	}
	return nil
}

// watchMerge says now and then how far the merge is, until it is told to stop.
func watchMerge(ctx context.Context, e *embedded.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	began := time.Now()
	var told sync.WaitGroup
	told.Go(func() {
		for tick := time.NewTicker(15 * time.Second); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			res, err := e.Query(ctx, "SELECT max(progress) FROM system.merges", "TSVRaw", nil, nil)
			if err != nil {
				continue // it is stopping
			}
			done, _ := strconv.ParseFloat(strings.TrimSpace(string(res.Body)), 64)
			took := time.Since(began)
			if done > 0 {
				left := time.Duration(float64(took) * (1 - done) / done)
				fmt.Printf("merging them, once: %3.0f %% after %s, %s left\n", 100*done, took.Round(time.Second), left.Round(time.Second))
			}
		}
	})
	return func() {
		cancel()
		told.Wait()
	}
}

const benchUnmerged = `ALTER TABLE signoz_traces.signoz_index_v3
MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1`

// benchService names a service as benchResources does.
func benchService(s int) string {
	if s == 0 {
		return "featuresignals-api"
	}
	names := []string{"cart", "billing", "search", "orders", "auth", "mailer", "ledger", "assets", "quota", "audit"}
	return fmt.Sprintf("%s-%d", names[s%len(names)], s/len(names))
}

// Resources are made first and joined to the spans: parsing their JSON ten
// million times over would take most of the time.
const benchPlaces = `CREATE TABLE IF NOT EXISTS default.bench_resources
(
    id UInt32, service LowCardinality(String), region LowCardinality(String), fingerprint String,
    pairs Map(LowCardinality(String), String), resource JSON(max_dynamic_paths = 100)
) ENGINE = MergeTree ORDER BY id`

// A service has two to eight pods in a region, the busy ones more.
const benchResources = `INSERT INTO default.bench_resources
WITH
    intDiv(number, 24) AS s, intDiv(number, 8) % 3 AS r, number % 8 AS pod,
    if(s = 0, 'featuresignals-api', concat(['cart', 'billing', 'search', 'orders', 'auth', 'mailer', 'ledger', 'assets', 'quota', 'audit'][1 + s % 10], '-', toString(intDiv(s, 10)))) AS service,
    ['eu-west-1', 'us-east-1', 'ap-south-1'][1 + r] AS region,
    lower(hex(sipHash64(service, region, pod))) AS h,
    map('cloud.provider', 'aws', 'cloud.region', region, 'deployment.environment', 'production', 'host.name', concat('ip-10-', toString(sipHash64(h) % 4), '-', toString(sipHash64(h, 1) % 250)),
        'k8s.cluster.name', concat('main-', region), 'k8s.namespace.name', 'shop', 'k8s.pod.name', concat(service, '-', substring(h, 1, 9), '-', substring(h, -5)),
        'service.name', service, 'service.version', concat('1.', toString(s % 30), '.2'), 'telemetry.sdk.language', ['go', 'java', 'nodejs', 'python'][1 + s % 4],
        'telemetry.sdk.name', 'opentelemetry', 'telemetry.sdk.version', '1.38.0') AS pairs,
    toJSONString(pairs) AS json
SELECT number, service, region, concat('cloud.region=', region, ';service.name=', service, ';deployment.environment=production;hash=', toString(sipHash64(json))), pairs, json
FROM numbers(200 * 24)
WHERE pod < 2 + intDiv(24, 4 + s)`

// SigNoz's exporter writes each resource once a half hour.
const benchLabels = `INSERT INTO signoz_traces.traces_v3_resource (labels, fingerprint, seen_at_ts_bucket_start)
SELECT toJSONString(pairs), fingerprint, toInt64(toUnixTimestamp('2026-05-20 11:00:00')) + 1800 * number
FROM default.bench_resources CROSS JOIN numbers(6) AS halves`

// Every column is a function of the span's number. Left empty are the JSON twin
// of the attributes, and the scope: no query here reads them.
const benchInsert = `INSERT INTO signoz_traces.signoz_index_v3
(
    ts_bucket_start, resource_fingerprint, timestamp, trace_id, span_id, parent_span_id, flags, name, kind, kind_string, duration_nano,
    status_code, status_message, status_code_string, has_error, attributes_string, attributes_number, resources_string, resource,
    events, links, response_status_code, http_method, db_name, db_operation, is_remote, inserted_at
)
WITH
    lower(hex(reinterpretAsFixedString(sipHash64(intDiv(number, 6), 20)))) AS trace,
    lower(hex(reinterpretAsFixedString(draw))) AS span,
    if(unit6 < 0.2, '', lower(hex(reinterpretAsFixedString(sipHash64(number - 1))))) AS parent,
    ['/v1/evaluate', '/v1/projects/{projectID}/flags', '/v1/orders/{id}', '/v1/auth/login', '/v1/orders', '/v1/client/{envKey}/flags', '/v1/search', '/v1/projects/{projectID}/segments',
     '/v1/track', '/v1/stream/{envKey}', '/v1/carts/{id}/items', '/v1/auth/refresh', '/v2/payments', '/v2/payments/{id}/refunds', '/v2/quotes', '/v2/assets/{key}'][1 + (op + 5 * s) % 16] AS path,
    kind = 2 AND unit4 < 0.1 AS health,
    if(kind = 2, if(health, '/health', path), '') AS route,
    ['GET', 'POST', 'GET', 'PUT'][1 + op % 4] AS method,
    ['orders', 'mails', 'events'][1 + op % 3] AS topic,
    ['SELECT shop.items', 'INSERT shop.orders', 'GET', 'POST', 'redis GET', 'redis SET', 'pool.acquire', 'UPDATE shop.stock'][1 + op % 8] AS call,
    ['validate', 'render', 'price.compute', 'cache.lookup', 'serialize', 'authorize', 'template.load', 'json.decode', 'rules.apply', 'retry', 'batch.flush', 'gc.wait'][1 + op] AS function,
    multiIf(kind = 2, if(s % 3 = 0, route, concat(method, ' ', route)), kind = 3, call, kind = 4, concat(topic, ' publish'), kind = 5, concat(topic, ' process'), function) AS operation,
    unit5 < if(health, 0.0005, 0.002 + 0.016 * (sipHash64(s, op) % 100) / 100) AS failed,
    exp(0.9 * sqrt(-2 * log(unit7)) * cos(2 * pi() * unit8)) AS lognormal,
    toUInt64(multiIf(health, 3e5, kind = 1, 8e5, kind = 3, 3e6, 9e6 + 2e6 * (sipHash64(s, op, 1) % 20)) * lognormal) AS duration,
    if(kind = 2, if(failed, 500, if(unit6 > 0.98, 404, 200)), 0) AS code,
    multiIf(
        kind = 2, map('client.address', concat('203.0.113.', toString(draw % 250)), 'http.method', method, 'http.route', route, 'http.scheme', 'https', 'net.host.name', concat(r.service, '.shop.svc'),
            'url.path', replaceOne(route, '{id}', toString(draw % 100000)), 'user_agent.original', if(health, 'kube-probe/1.31', ['okhttp/4.12', 'Mozilla/5.0 (X11; Linux x86_64)', 'python-requests/2.32'][1 + draw % 3])),
        kind = 3 AND op % 8 IN (2, 3), map('http.method', method, 'http.url', concat('https://search.shop.svc', path), 'net.peer.name', 'search.shop.svc'),
        kind = 3, map('db.name', 'shop', 'db.operation', call, 'db.statement', concat('SELECT * FROM items WHERE id = ', toString(draw % 1000000)), 'db.system', if(op % 8 IN (4, 5), 'redis', 'postgresql'), 'server.address', 'db.shop.svc'),
        kind IN (4, 5), map('messaging.destination.name', topic, 'messaging.operation', if(kind = 4, 'publish', 'process'), 'messaging.system', 'kafka', 'messaging.message.id', span),
        map('code.function', function, 'thread.name', concat('worker-', toString(draw % 16)))) AS attributes
SELECT
    intDiv(ns, 1800000000000) * 1800, r.fingerprint, fromUnixTimestamp64Nano(ns), concat(trace, trace), span, parent, 257,
    operation, kind, ['Internal', 'Server', 'Client', 'Producer', 'Consumer'][kind], duration,
    if(failed, 2, 0), if(failed, 'upstream timed out', ''), if(failed, 'Error', 'Unset'), failed,
    attributes, if(kind = 2, map('http.status_code', toFloat64(code), 'net.host.port', 8080.), CAST(map(), 'Map(LowCardinality(String), Float64)')), r.pairs, r.resource,
    if(failed, ['{"name":"exception","attributeMap":{"exception.type":"TimeoutError","exception.message":"upstream timed out"}}'], []),
    if(parent = '', '[]', concat('[{"traceId":"', trace, trace, '","spanId":"', parent, '","refType":"CHILD_OF"}]')),
    if(kind = 2, toString(code), ''), if(kind = 2, method, ''), if(kind = 3 AND op % 8 NOT IN (2, 3), 'shop', ''), if(kind = 3 AND op % 8 NOT IN (2, 3), call, ''), 'no',
    fromUnixTimestamp64Milli(intDiv(ns + duration, 1000000) + 6000)
FROM (
    WITH (salt -> (sipHash64(number, salt) + 1) / 18446744073709551616.) AS unit
    SELECT
        number, sipHash64(number) AS draw,
        {begin:Int64} + intDiv({length:Int64}, {spans:Int64}) * toInt64(number) + toInt64(draw % toUInt64(intDiv({length:Int64}, {spans:Int64}))) AS ns,
        toUInt32(floor(200 * pow(unit(1), 3))) AS s, multiIf(unit(2) < 0.5, 0, unit(2) < 0.8, 1, 2) AS region, draw % (2 + intDiv(24, 4 + s)) AS pod,
        toUInt32(s * 24 + region * 8 + pod) AS id,
        multiIf(unit(3) < 0.27, 2, unit(3) < 0.30, 5, unit(3) < 0.65, 1, unit(3) < 0.98, 3, 4) AS kind,
        toUInt32(floor(12 * pow(unit(9), 2))) AS op,
        unit(4) AS unit4, unit(5) AS unit5, unit(6) AS unit6, unit(7) AS unit7, unit(8) AS unit8
    FROM numbers({first:UInt64}, {count:UInt64})
) AS n
ANY LEFT JOIN default.bench_resources AS r ON r.id = n.id`
