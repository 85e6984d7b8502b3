package signoz

import (
	"errors"
	"strings"
	"testing"
)

func columns(names []string, more ...string) map[string]string {
	all := map[string]string{}
	for _, n := range names {
		all[n] = "String"
	}
	for _, m := range more {
		name, typ, _ := strings.Cut(m, " ")
		all[name] = typ
	}
	return all
}

func TestProbeChooses(t *testing.T) {
	distributed, local := tableName{spansDatabase, spansDistributed}, tableName{spansDatabase, spansLocal}
	both := columns(needV3, "resources_string Map", "resource JSON(max_dynamic_paths=100)", routeColumn+" String", "inserted_at DateTime64(3)")
	onlyMap := columns(needV3, "resources_string Map")
	otel := columns(needContrib, "ResourceAttributes Map(String, String)", "SpanAttributes Map(String, String)")
	for _, test := range []struct {
		name   string
		tables spanTables
		want   Shape
		base   string
		shape  Shape
		table  string
		note   string // part of one
	}{
		{name: "JSON before Map", tables: spanTables{distributed: both, local: both}, shape: ShapeJSON, table: "signoz_traces.distributed_signoz_index_v3"},
		{name: "Map where there is no JSON", tables: spanTables{distributed: onlyMap}, shape: ShapeMap, table: "signoz_traces.distributed_signoz_index_v3", note: "costs"},
		{name: "Map if asked for", tables: spanTables{distributed: both}, want: ShapeMap, shape: ShapeMap, table: "signoz_traces.distributed_signoz_index_v3"},
		{name: "the local table without its twin, and says so", tables: spanTables{local: both}, shape: ShapeJSON, table: "signoz_traces.signoz_index_v3", note: "every shard"},
		{name: "names where there is no route, and says so", tables: spanTables{distributed: onlyMap}, shape: ShapeMap, table: "signoz_traces.distributed_signoz_index_v3", note: "span's name"},
		{name: "contrib in any database", tables: spanTables{{"telemetry", contribSpans}: otel}, shape: ShapeContrib, table: "telemetry.otel_traces"},
		{name: "contrib in a database with an odd name", tables: spanTables{{"my-otel", contribSpans}: otel}, shape: ShapeContrib, table: "`my-otel`.otel_traces"},
		{name: "contrib in the database of the dsn", tables: spanTables{{"a", contribSpans}: otel, {"b", contribSpans}: otel}, base: "b", shape: ShapeContrib, table: "b.otel_traces"},
		{name: "SigNoz before contrib", tables: spanTables{{"a", contribSpans}: otel, distributed: both}, shape: ShapeJSON, table: "signoz_traces.distributed_signoz_index_v3"},
		{name: "contrib if asked for", tables: spanTables{{"a", contribSpans}: otel, distributed: both}, want: ShapeContrib, shape: ShapeContrib, table: "a.otel_traces"},
	} {
		l, err := test.tables.choose(test.want, test.base)
		if err != nil || l.shape != test.shape || l.table != test.table || !strings.Contains(strings.Join(l.notes, "\n"), test.note) {
			t.Errorf("%s: %s in %s, notes %q, error %v", test.name, l.shape, l.table, l.notes, err)
		}
	}
}

func TestProbeRefusesWithASentenceThatHelps(t *testing.T) {
	otel := columns(needContrib)
	v3 := tableName{spansDatabase, spansDistributed}
	for _, test := range []struct {
		name   string
		tables spanTables
		want   Shape
		says   []string
	}{
		{"an empty store", spanTables{}, "", []string{"there is no span table", "0.111.9", "otel_traces", "GRANT SELECT"}},
		{"tables of before v3", spanTables{{spansDatabase, spansBefore}: {}}, "", []string{"signoz_index_v2", "upgrade", "0.111.9", "0.129.4"}},
		{"a column that is missing", spanTables{v3: columns(needV3[1:], "resource JSON")}, "", []string{"lacks ts_bucket_start", "0.111.9"}},
		{"no resource in any form", spanTables{v3: columns(needV3)}, "", []string{"neither resource nor resources_string", "0.129.4"}},
		{"a shape that is not there", spanTables{v3: columns(needV3, "resources_string Map")}, ShapeJSON, []string{"sources.signoz.shape is v3-json", "v3-map (signoz_traces.distributed_signoz_index_v3)"}},
		{"contrib in two databases", spanTables{{"b", contribSpans}: otel, {"a", contribSpans}: otel}, "", []string{"databases a, b", "end of the dsn", "/a"}},
		{"contrib with a column missing", spanTables{{"a", contribSpans}: columns(needContrib[1:])}, "", []string{"a.otel_traces lacks Timestamp"}},
	} {
		_, err := test.tables.choose(test.want, "")
		for _, part := range test.says {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not say %q", test.name, err, part)
			}
		}
	}
	seen := &noTableError{seen: []string{"shop.orders", "shop.users"}, more: 7}
	if got := seen.Error(); !strings.Contains(got, "shop.orders, shop.users and 7 more") {
		t.Errorf("%s: does not name the tables that are there", got)
	}
}

func TestSettingsThatAreSent(t *testing.T) {
	all := map[string]serverSetting{}
	for name := range wanted {
		all[name] = serverSetting{value: "0"}
	}
	all["max_execution_time"] = serverSetting{value: "7"}
	all["max_memory_usage"] = serverSetting{value: "0", max: "1000000"}
	all["max_threads"] = serverSetting{value: "auto(16)"}
	all["read_overflow_mode"] = serverSetting{value: "break"}
	all["use_query_cache"] = serverSetting{locked: true}
	delete(all, "skip_unavailable_shards")

	s := settle(all, true)
	for name, want := range map[string]string{
		"max_execution_time": "7", // the server is stricter than we are
		"max_memory_usage":   "1000000",
		"max_threads":        "4",
		"read_overflow_mode": "throw",
		cancelWhenGone:       "1",
	} {
		if s.sent[name] != want {
			t.Errorf("%s is sent as %q, want %q", name, s.sent[name], want)
		}
	}
	for _, name := range []string{"use_query_cache", "skip_unavailable_shards"} {
		if _, ok := s.sent[name]; ok {
			t.Errorf("%s is sent", name)
		}
	}
	if len(s.leftOut) != 2 {
		t.Errorf("left out are %q, want two", s.leftOut)
	}
	if _, ok := settle(all, false).sent[cancelWhenGone]; ok {
		t.Error("a setting of HTTP is sent over the native protocol")
	}
	if got := s.of("read minutes")[logComment]; got != `{"app":"tocsin","query":"read minutes"}` {
		t.Errorf("log_comment is %v", got)
	}
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct{ dsn, shown, protocol string }{
		{"clickhouse://tocsin:secret@db:9000", "clickhouse://db:9000", "native"},
		{"tcp://db:9000/otel?secure=true", "tcp://db:9000", "native"},
		{"clickhouse://tocsin:secret@a:9000,b:9000", "clickhouse://a:9000,b:9000", "native"},
		{"http://tocsin:secret@db:8123", "http://db:8123", "HTTP"},
		{"https://db", "https://db", "HTTP"},
		{"https://db:8443/?compress=lz4", "https://db:8443", "HTTP"},
	} {
		o, a, err := parseDSN(test.dsn, "from the file")
		if err != nil || a.shown != test.shown || a.protocol() != test.protocol || o.Auth.Password != "from the file" {
			t.Errorf("%s: %+v as %s, %v", test.dsn, a, a.protocol(), err)
		}
	}
	for _, dsn := range []string{"", "db:9000", "db", "postgres://db", "http://"} {
		if _, _, err := parseDSN(dsn, ""); err == nil || !strings.Contains(err.Error(), "sources.signoz.dsn") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
	if _, _, err := parseDSN("clickhouse://tocsin:se%cret@db", ""); err == nil || strings.Contains(err.Error(), "cret") {
		t.Errorf("a message holds the password: %v", err)
	}
}

func TestHints(t *testing.T) {
	a := address{shown: "clickhouse://db:8123"}
	for said, want := range map[string]string{
		"[handshake] unexpected packet [72] from server":                              "write http://",
		`[HTTP 400] response body: "Port 9000 is for clickhouse-client program\r\n…"`: "write clickhouse://",
		"tls: first record does not look like a TLS handshake":                        "without TLS",
		"dial tcp 127.0.0.1:9: connect: connection refused":                           "8123 for http://",
		"read: EOF": "other protocol",
	} {
		err := a.wrap("read minutes", errors.New(said))
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "clickhouse://db:8123 (native protocol)") {
			t.Errorf("%s: %v", said, err)
		}
	}
}
