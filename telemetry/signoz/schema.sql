-- The ClickHouse tables of SigNoz that Tocsin reads, for one node: what tests, benchmarks and the demo run on.
--
-- Written by hand from names, types, keys and defaults, so that our SQL meets the real shape.
-- Every statement runs on ClickHouse 26.5 and 26.7, twice, in this order.
-- Level: SigNoz collector 0.144.15. What our queries do not touch is left out: codecs, 26 gen_ai columns, 15 of 28 ALIAS
-- names, most skip indexes, the materialized views, replication, and the Distributed engine.
--
-- Split it at a semicolon that ends a line (no other semicolon ends a line) and send each statement on its own.
-- The distributed_ names are Merge tables here: they read the local table, keep ALIAS columns and JSON subcolumns, and
-- refuse INSERT (code 48). Insert into the local table, read from the distributed_ name, as Tocsin does.
-- On a server that has a cluster, use ENGINE = Distributed('cluster', 'db', 'table', cityHash64(...)) instead.
--
-- TTL: each clause stands on a line that begins with TTL. Fixed dates need tables without these lines, because rows that
-- are older than the TTL disappear within seconds of their INSERT, without an error.
--
-- Columns marked "writer" must be filled by whoever inserts. DEFAULT columns fill themselves.

CREATE DATABASE IF NOT EXISTS signoz_traces;
CREATE DATABASE IF NOT EXISTS signoz_logs;
CREATE DATABASE IF NOT EXISTS signoz_metrics;
CREATE DATABASE IF NOT EXISTS otel;

-- ---------------------------------------------------------------------------------------------------- traces: spans

CREATE TABLE IF NOT EXISTS signoz_traces.signoz_index_v3
(
    -- writer: what the primary key prunes by
    `ts_bucket_start`      UInt64,                  -- unix seconds of the span's start, rounded down to 1800
    `resource_fingerprint` String,                  -- any text that is stable per resource, e.g. 'cloud.region=eu;service.name=cart;hash=1'
    -- writer: the span
    `timestamp`            DateTime64(9),           -- start of the span, not its end
    `trace_id`             FixedString(32),         -- lower-case hex
    `span_id`              String,
    `trace_state`          String,
    `parent_span_id`       String,                  -- '' when the span has no parent
    `flags`                UInt32,
    `name`                 LowCardinality(String),
    `kind`                 Int8,                    -- 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer
    `kind_string`          String,                  -- 'Server', 'Client', ...
    `duration_nano`        UInt64,                  -- end minus start; wraps to a huge number when end is before start
    `status_code`          Int16,                   -- 0 unset, 1 ok, 2 error
    `status_message`       String,
    `status_code_string`   String,                  -- 'Unset', 'Ok', 'Error'
    `has_error`            Bool,                    -- true exactly when status_code = 2
    -- writer: attributes, kept twice (Map and JSON hold the same pairs)
    `attributes_string`    Map(LowCardinality(String), String),
    `attributes_number`    Map(LowCardinality(String), Float64),
    `attributes_bool`      Map(LowCardinality(String), Bool),
    `attributes`           JSON(max_dynamic_paths = 0),
    `attributes_promoted`  JSON,
    `resources_string`     Map(LowCardinality(String), String),
    `resource`             JSON(max_dynamic_paths = 100),
    `scope`                JSON(max_dynamic_paths = 0, name String, version String, attributes JSON(max_dynamic_paths = 0)),
    `events`               Array(String),           -- one JSON text per event
    `links`                String,                  -- one JSON text
    -- writer: picked out of the attributes by the exporter
    `response_status_code` LowCardinality(String),
    `external_http_url`    LowCardinality(String),
    `external_http_method` LowCardinality(String),
    `http_url`             LowCardinality(String),
    `http_method`          LowCardinality(String),
    `http_host`            LowCardinality(String),
    `db_name`              LowCardinality(String),
    `db_operation`         LowCardinality(String),
    `is_remote`            LowCardinality(String),
    -- clocks
    `inserted_at`          DateTime64(3),                  -- writer: the collector's clock when it built the batch
    `created_at`           DateTime64(3) DEFAULT now64(3), -- the server's clock at INSERT

    -- filled by the server from the maps
    `resource_string_service$$name`         LowCardinality(String) DEFAULT resources_string['service.name'],
    `attribute_string_http$$route`          LowCardinality(String) DEFAULT attributes_string['http.route'],
    `attribute_string_messaging$$system`    LowCardinality(String) DEFAULT attributes_string['messaging.system'],
    `attribute_string_messaging$$operation` LowCardinality(String) DEFAULT attributes_string['messaging.operation'],
    `attribute_string_db$$system`           LowCardinality(String) DEFAULT attributes_string['db.system'],
    `attribute_string_rpc$$system`          LowCardinality(String) DEFAULT attributes_string['rpc.system'],
    `attribute_string_rpc$$service`         LowCardinality(String) DEFAULT attributes_string['rpc.service'],
    `attribute_string_rpc$$method`          LowCardinality(String) DEFAULT attributes_string['rpc.method'],
    `attribute_string_peer$$service`        LowCardinality(String) DEFAULT attributes_string['peer.service'],
    `resource_string_service$$name_exists`         Bool DEFAULT mapContains(resources_string, 'service.name'),
    `attribute_string_http$$route_exists`          Bool DEFAULT mapContains(attributes_string, 'http.route'),
    `attribute_string_messaging$$system_exists`    Bool DEFAULT mapContains(attributes_string, 'messaging.system'),
    `attribute_string_messaging$$operation_exists` Bool DEFAULT mapContains(attributes_string, 'messaging.operation'),
    `attribute_string_db$$system_exists`           Bool DEFAULT mapContains(attributes_string, 'db.system'),
    `attribute_string_rpc$$system_exists`          Bool DEFAULT mapContains(attributes_string, 'rpc.system'),
    `attribute_string_rpc$$service_exists`         Bool DEFAULT mapContains(attributes_string, 'rpc.service'),
    `attribute_string_rpc$$method_exists`          Bool DEFAULT mapContains(attributes_string, 'rpc.method'),
    `attribute_string_peer$$service_exists`        Bool DEFAULT mapContains(attributes_string, 'peer.service'),

    -- old names kept by SigNoz as aliases; Tocsin must not use them
    `traceID` FixedString(32) ALIAS trace_id,          `spanID` String ALIAS span_id,
    `parentSpanID` String ALIAS parent_span_id,        `spanKind` String ALIAS kind_string,
    `durationNano` UInt64 ALIAS duration_nano,         `hasError` Bool ALIAS has_error,
    `statusCode` Int16 ALIAS status_code,              `statusMessage` String ALIAS status_message,
    `statusCodeString` String ALIAS status_code_string, `references` String ALIAS links,
    `serviceName` LowCardinality(String) ALIAS `resource_string_service$$name`,
    `httpRoute` LowCardinality(String) ALIAS `attribute_string_http$$route`,
    `responseStatusCode` LowCardinality(String) ALIAS response_status_code,

    -- the skip indexes that our filters can meet
    INDEX idx_timestamp  timestamp     TYPE minmax GRANULARITY 1,
    INDEX idx_duration   duration_nano TYPE minmax GRANULARITY 1,
    INDEX idx_kind       kind          TYPE minmax GRANULARITY 4,
    INDEX idx_name       name          TYPE ngrambf_v1(4, 5000, 2, 0) GRANULARITY 1,
    INDEX idx_trace_id   trace_id      TYPE tokenbf_v1(10000, 5, 0) GRANULARITY 1,
    INDEX idx_http_route `attribute_string_http$$route` TYPE bloom_filter GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toDate(timestamp)
ORDER BY (ts_bucket_start, resource_fingerprint, has_error, name, timestamp)
TTL toDateTime(timestamp) + toIntervalSecond(1296000)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signoz_traces.distributed_signoz_index_v3
ENGINE = Merge('signoz_traces', '^signoz_index_v3$');

-- ------------------------------------------------------------------------------------------- traces: resources seen

CREATE TABLE IF NOT EXISTS signoz_traces.traces_v3_resource
(
    `labels`                  String,   -- writer: JSON object of all resource attributes, values as text, keys sorted
    `fingerprint`             String,   -- writer: equals signoz_index_v3.resource_fingerprint
    `seen_at_ts_bucket_start` Int64     -- writer: unix seconds, rounded down to 1800 (signed, unlike the span table)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(seen_at_ts_bucket_start)
ORDER BY (labels, fingerprint, seen_at_ts_bucket_start)
TTL toDateTime(seen_at_ts_bucket_start) + toIntervalSecond(1296000) + toIntervalSecond(1800)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signoz_traces.distributed_traces_v3_resource
ENGINE = Merge('signoz_traces', '^traces_v3_resource$');

-- ------------------------------------------------------------------------------------------------ traces: exceptions

CREATE TABLE IF NOT EXISTS signoz_traces.signoz_error_index_v2
(
    `timestamp`           DateTime64(9),
    `errorID`             FixedString(32),
    `groupID`             FixedString(32),          -- hash of service and type (and message, if the collector says so)
    `traceID`             FixedString(32),
    `spanID`              String,
    `serviceName`         LowCardinality(String),
    `exceptionType`       LowCardinality(String),
    `exceptionMessage`    String,
    `exceptionStacktrace` String,
    `exceptionEscaped`    Bool,
    `resourceTagsMap`     Map(LowCardinality(String), String)
)
ENGINE = MergeTree
PARTITION BY toDate(timestamp)
ORDER BY (timestamp, groupID)
TTL toDateTime(timestamp) + toIntervalSecond(1296000)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signoz_traces.distributed_signoz_error_index_v2
ENGINE = Merge('signoz_traces', '^signoz_error_index_v2$');

-- ----------------------------------------------------------------------------- traces: entry points (for apm mode only)
-- A real install feeds this table by materialized views; whoever needs the pairs inserts them.

CREATE TABLE IF NOT EXISTS signoz_traces.top_level_operations
(
    `name`        LowCardinality(String),
    `serviceName` LowCardinality(String),
    `time`        DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY (serviceName, name)
TTL time + toIntervalMonth(1)
SETTINGS index_granularity = 8192;

CREATE TABLE IF NOT EXISTS signoz_traces.distributed_top_level_operations
ENGINE = Merge('signoz_traces', '^top_level_operations$');

-- ------------------------------------------------------------------------------------------- traces: migration level

CREATE TABLE IF NOT EXISTS signoz_traces.schema_migrations_v2
(
    `migration_id` UInt64,
    `status`       String,                          -- 'in-progress', 'finished', 'failed'
    `error`        String,
    `created_at`   DateTime64(9),
    `updated_at`   DateTime64(9)
)
ENGINE = ReplacingMergeTree
ORDER BY migration_id;

CREATE TABLE IF NOT EXISTS signoz_traces.distributed_schema_migrations_v2
ENGINE = Merge('signoz_traces', '^schema_migrations_v2$');

-- --------------------------------------------------------------------------------------------------------------- logs

CREATE TABLE IF NOT EXISTS signoz_logs.logs_v2
(
    `ts_bucket_start`      UInt64,                  -- writer: as in traces
    `resource_fingerprint` String,                  -- writer
    `timestamp`            UInt64,                  -- writer: unix NANOSECONDS as an integer (traces have DateTime64)
    `observed_timestamp`   UInt64,
    `id`                   String,
    `trace_id`             String,
    `span_id`              String,
    `trace_flags`          UInt32,
    `severity_text`        LowCardinality(String),
    `severity_number`      UInt8,                   -- 17 and above is error
    `body`                 String,
    `body_v2`              JSON(max_dynamic_paths = 0, message String),
    `body_promoted`        JSON,
    `attributes_string`    Map(LowCardinality(String), String),
    `attributes_number`    Map(LowCardinality(String), Float64),
    `attributes_bool`      Map(LowCardinality(String), Bool),
    `resources_string`     Map(LowCardinality(String), String),
    `resource`             JSON(max_dynamic_paths = 100),
    `scope_name`           String,
    `scope_version`        String,
    `scope_string`         Map(LowCardinality(String), String),
    `_retention_days`      UInt16 DEFAULT 15,
    `_retention_days_cold` UInt16 DEFAULT 0,
    `inserted_at`          DateTime64(3),
    `created_at`           DateTime64(3) DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY (toDate(timestamp / 1000000000), _retention_days, _retention_days_cold)
ORDER BY (ts_bucket_start, resource_fingerprint, severity_text, timestamp, id)
TTL toDateTime(timestamp / 1000000000) + toIntervalDay(_retention_days)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signoz_logs.distributed_logs_v2
ENGINE = Merge('signoz_logs', '^logs_v2$');

CREATE TABLE IF NOT EXISTS signoz_logs.logs_v2_resource
(
    `labels`                  String,
    `fingerprint`             String,
    `seen_at_ts_bucket_start` Int64,
    `_retention_days`         UInt16 DEFAULT 15,
    `_retention_days_cold`    UInt16 DEFAULT 0
)
ENGINE = ReplacingMergeTree
PARTITION BY (toDate(seen_at_ts_bucket_start), _retention_days, _retention_days_cold)
ORDER BY (labels, fingerprint, seen_at_ts_bucket_start)
TTL toDateTime(seen_at_ts_bucket_start) + toIntervalDay(_retention_days) + toIntervalSecond(1800)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signoz_logs.distributed_logs_v2_resource
ENGINE = Merge('signoz_logs', '^logs_v2_resource$');

-- ------------------------------------------------------------------------------------------------------------ metrics

CREATE TABLE IF NOT EXISTS signoz_metrics.time_series_v4
(
    `env`                    LowCardinality(String) DEFAULT 'default',
    `temporality`            LowCardinality(String) DEFAULT 'Unspecified',  -- 'Delta', 'Cumulative', 'Unspecified'
    `metric_name`            LowCardinality(String),
    `description`            LowCardinality(String) DEFAULT '',
    `unit`                   LowCardinality(String) DEFAULT '',
    `type`                   LowCardinality(String) DEFAULT '',             -- 'Sum', 'Gauge', 'Histogram', ...
    `is_monotonic`           Bool DEFAULT false,
    `fingerprint`            UInt64,
    `unix_milli`             Int64,                                         -- rounded down to the hour
    `labels`                 String,                                        -- JSON of point, scope and resource attributes
    `attrs`                  Map(LowCardinality(String), String) DEFAULT map(),
    `scope_attrs`            Map(LowCardinality(String), String) DEFAULT map(),
    `resource_attrs`         Map(LowCardinality(String), String) DEFAULT map(),
    `__normalized`           Bool DEFAULT true,                             -- the newer exporter writes false and keeps dots
    `inserted_at_unix_milli` Int64
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(unix_milli / 1000)
ORDER BY (env, temporality, metric_name, fingerprint, unix_milli)
TTL toDateTime(unix_milli / 1000) + toIntervalSecond(2592000)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signoz_metrics.distributed_time_series_v4
ENGINE = Merge('signoz_metrics', '^time_series_v4$');

CREATE TABLE IF NOT EXISTS signoz_metrics.samples_v4
(
    `env`                    LowCardinality(String) DEFAULT 'default',
    `temporality`            LowCardinality(String) DEFAULT 'Unspecified',
    `metric_name`            LowCardinality(String),
    `fingerprint`            UInt64,
    `unix_milli`             Int64,
    `value`                  Float64,
    `flags`                  UInt32 DEFAULT 0,
    `inserted_at_unix_milli` Int64
)
ENGINE = MergeTree
PARTITION BY toDate(unix_milli / 1000)
ORDER BY (env, temporality, metric_name, fingerprint, unix_milli)
TTL toDateTime(unix_milli / 1000) + toIntervalSecond(2592000)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signoz_metrics.distributed_samples_v4
ENGINE = Merge('signoz_metrics', '^samples_v4$');

-- ------------------------------------------------------- not SigNoz: the contrib exporter's span table, for the fall-back
-- Only the columns that our fall-back query reads. ResourceAttributes is JSON instead of Map in some installs.

CREATE TABLE IF NOT EXISTS otel.otel_traces
(
    `Timestamp`          DateTime64(9),             -- start of the span
    `TraceId`            String,
    `SpanId`             String,
    `ParentSpanId`       String,
    `SpanName`           LowCardinality(String),
    `SpanKind`           LowCardinality(String),    -- 'Server'; 'SPAN_KIND_SERVER' before the exporter's change of 2024
    `ServiceName`        LowCardinality(String),
    `ResourceAttributes` Map(LowCardinality(String), String),
    `SpanAttributes`     Map(LowCardinality(String), String),
    `Duration`           UInt64,                    -- nanoseconds; Int64 in old versions
    `StatusCode`         LowCardinality(String),    -- 'Error'; 'STATUS_CODE_ERROR' before that change
    `StatusMessage`      String                     -- an install's own table has more columns (scope, events, links)
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp))
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;
