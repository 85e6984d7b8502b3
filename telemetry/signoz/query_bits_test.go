package signoz

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// What rules about routes alone have always been asked by. Other rules may
// cost more; these may not.
const (
	plainJSON = "WITH if(`attribute_string_http$$route` = '', name, `attribute_string_http$$route`) AS route\n" +
		"SELECT `resource_string_service$$name` AS service,\n" +
		"    multiIf(resource.`cloud.region` IS NOT NULL, resource.`cloud.region`::String, '') AS region,\n" +
		"    (intDiv(toUnixTimestamp(timestamp), 60) * 60)::UInt32 AS minute,\n" +
		"    toUInt64(1 * (NOT (match(route, {p0:String}))) + 2 * (route IN {p1:Array(String)})) AS streams,\n" +
		"    count()::UInt64 AS requests, countIf(has_error)::UInt64 AS errors,\n" +
		"    arrayStringConcat(arrayMap(b -> char(b, bitShiftRight(b, 8)), groupArrayIf(bitShiftRight(reinterpretAsUInt32(toFloat32(duration_nano)), 17)::UInt16, duration_nano BETWEEN 0 AND 86400000000000))) AS buckets\n" +
		"FROM signoz_traces.distributed_signoz_index_v3\n" +
		"WHERE ts_bucket_start BETWEEN {b0:UInt64} AND {b1:UInt64} AND timestamp >= fromUnixTimestamp64Nano({t0:Int64} * 1000000000) AND timestamp < fromUnixTimestamp64Nano({t1:Int64} * 1000000000)\n" +
		"  AND kind IN (2, 5)\n" +
		"  AND ((`resource_string_service$$name` IN {p2:Array(String)}))\n" +
		"GROUP BY service, region, minute, streams\n" +
		"HAVING streams != 0"

	plainContrib = "WITH if(SpanAttributes['http.route'] = '', SpanName, SpanAttributes['http.route']) AS route\n" +
		"SELECT ServiceName AS service,\n" +
		"    multiIf(mapContains(ResourceAttributes, 'cloud.region'), ResourceAttributes['cloud.region'], '') AS region,\n" +
		"    (intDiv(toUnixTimestamp(Timestamp), 60) * 60)::UInt32 AS minute,\n" +
		"    toUInt64(1 * (NOT (match(route, {p0:String}))) + 2 * (route IN {p1:Array(String)})) AS streams,\n" +
		"    count()::UInt64 AS requests, countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR'))::UInt64 AS errors,\n" +
		"    arrayStringConcat(arrayMap(b -> char(b, bitShiftRight(b, 8)), groupArrayIf(bitShiftRight(reinterpretAsUInt32(toFloat32(Duration)), 17)::UInt16, Duration BETWEEN 0 AND 86400000000000))) AS buckets\n" +
		"FROM otel.otel_traces\n" +
		"WHERE Timestamp >= fromUnixTimestamp64Nano({t0:Int64} * 1000000000) AND Timestamp < fromUnixTimestamp64Nano({t1:Int64} * 1000000000)\n" +
		"  AND SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER')\n" +
		"  AND ((ServiceName IN {p2:Array(String)}))\n" +
		"GROUP BY service, region, minute, streams\n" +
		"HAVING streams != 0"
)

// known is a layout with all that SigNoz's newest table has.
func known() layout {
	l := v3Layout(ShapeJSON, "signoz_traces.distributed_signoz_index_v3")
	l.spanPairs, l.numbers, l.bools, l.response = "attributes_string", "attributes_number", "attributes_bool", "response_status_code"
	l.promoted = []string{"attribute_string_db$$system", "attribute_string_db$$system_exists"}
	return l
}

// sqlFor is what is asked for some streams in a minute, and its parameters.
func sqlFor(t *testing.T, l layout, streams ...rules.Stream) (string, map[string]string) {
	t.Helper()
	f := fused{layout: l, keys: []string{"cloud.region"}, services: []rules.Patterns{{Any: []string{"api"}}}, plan: planFor(t, streams...)}
	return f.sql(window{from: noon, to: noon.Add(time.Minute)})
}

func TestNobodyPaysForWhatNobodyAsks(t *testing.T) {
	routes := []rules.Stream{{Routes: rules.Patterns{Not: []string{"*/health", "*/stream/*"}}}, {Routes: rules.Patterns{Any: []string{"/v1/evaluate"}}}}
	for want, l := range map[string]layout{plainJSON: known(), plainContrib: contribLayout("otel.otel_traces")} {
		got, params := sqlFor(t, l, routes...)
		if got != want {
			t.Errorf("the query for rules about routes is another than ever:\n%s\nwas:\n%s", got, want)
		}
		values := maps.Clone(params)
		maps.DeleteFunc(values, func(name, _ string) bool { return !strings.HasPrefix(name, "p") })
		if want := map[string]string{"p0": "(?s)/health$|/stream/", "p1": "['/v1/evaluate']", "p2": "['api']"}; !maps.Equal(values, want) {
			t.Errorf("parameters %q, want %q", values, want)
		}
	}

	// Kinds that are those of every entry span ask for nothing, either.
	routes[0].Kinds = []string{"consumer", "server"}
	if got, _ := sqlFor(t, known(), routes...); got != plainJSON {
		t.Errorf("naming the kinds that are meant anyway changes the query:\n%s", got)
	}
}

func TestStreamsAskForWhatTheyNeed(t *testing.T) {
	patterns := func(any ...string) rules.Patterns { return rules.Patterns{Any: any} }
	attribute := func(key string, any ...string) rules.Stream {
		return rules.Stream{Attributes: []rules.Attribute{{Key: key, Patterns: patterns(any...)}}}
	}
	absent := []string{"attributes_string", "attributes_number", "attributes_bool", "response_status_code", "bitAnd", "kind IN (1"}
	for name, test := range map[string]struct {
		layout  layout
		streams []rules.Stream
		want    []string // parts of the SQL; of absent, all others are not there
	}{
		"operations": {
			known(),
			[]rules.Stream{{Operations: patterns("pool.acquire", "query*")}},
			[]string{"1 * (name IN {p0:Array(String)} OR match(name, {p1:String}))", "HAVING streams != 0"},
		},
		"a kind beside the usual ones": {
			known(),
			[]rules.Stream{{}, {Kinds: []string{"client"}, Operations: patterns("pool.acquire")}},
			[]string{"AND kind IN (2, 3, 5)\n", "1 * (kind IN (2, 5)) + 2 * ((kind IN (3)) AND (name IN {p0:Array(String)}))", "HAVING streams != 0"},
		},
		"a kind alone": {
			known(),
			[]rules.Stream{{Kinds: []string{"client", "producer"}}},
			[]string{"AND kind IN (3, 4)\n", "toUInt64(1) AS streams"},
		},
		"errors by response, with a stream of the same spans without them": {
			known(),
			[]rules.Stream{{Routes: patterns("/a")}, {Routes: patterns("/a"), HTTP5xx: true}},
			[]string{"toUInt32OrZero(response_status_code) AS code\n", "1 * (route IN {p0:Array(String)}) + 2 * (code BETWEEN 500 AND 599 AND NOT (has_error))", "HAVING bitAnd(streams, 1) != 0", "response_status_code", "bitAnd"},
		},
		"two sets of codes": {
			known(),
			[]rules.Stream{{Codes: []rules.Codes{{From: 401, To: 401}}}, {Codes: []rules.Codes{{From: 400, To: 499}, {From: 503, To: 503}}}},
			[]string{"toUInt64(1 + 2 * (code BETWEEN {p0:UInt16} AND {p0:UInt16}) + 4 * (code BETWEEN {p1:UInt16} AND {p2:UInt16} OR code BETWEEN {p3:UInt16} AND {p3:UInt16}))", "response_status_code"},
		},
		"a text": {
			known(),
			[]rules.Stream{attribute("http.method", "GET")},
			[]string{"multiIf(mapContains(attributes_string, {p1:String}), toString(attributes_string[{p1:String}]), resource.`http.method` IS NOT NULL, resource.`http.method`::String, '') AS attribute0", "attributes_string"},
		},
		"what may be a number": {
			known(),
			[]rules.Stream{attribute("http.status_code", "5*")},
			[]string{"mapContains(attributes_number, {p1:String})", "attributes_string", "attributes_number"},
		},
		"what may be true or false": {
			known(),
			[]rules.Stream{attribute("retry", "true")},
			[]string{"mapContains(attributes_bool, {p1:String})", "attributes_string", "attributes_bool"},
		},
		"whether it is there": {
			known(),
			[]rules.Stream{attribute("retry", "")},
			[]string{"attributes_string", "attributes_number", "attributes_bool"},
		},
		"an attribute with a column of its own": {
			known(),
			[]rules.Stream{attribute("db.system", "?*")},
			[]string{"multiIf(`attribute_string_db$$system_exists`, toString(`attribute_string_db$$system`), resource.`db.system` IS NOT NULL, "},
		},
		"contrib, codes": {
			contribLayout("t"),
			[]rules.Stream{{HTTP5xx: true}},
			[]string{
				"toUInt32OrZero(multiIf(mapContains(SpanAttributes, {p0:String}), toString(SpanAttributes[{p0:String}]), mapContains(SpanAttributes, {p1:String}), toString(SpanAttributes[{p1:String}]), '')) AS code",
				"AND NOT (StatusCode IN ('Error', 'STATUS_CODE_ERROR'))",
			},
		},
		"contrib, a kind": {
			contribLayout("t"),
			[]rules.Stream{{Kinds: []string{"client"}}},
			[]string{"SpanKind IN ('Client', 'SPAN_KIND_CLIENT')"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sql, params := sqlFor(t, test.layout, test.streams...)
			for _, want := range test.want {
				if !strings.Contains(sql, want) {
					t.Errorf("%s is not in\n%s\n%q", want, sql, params)
				}
			}
			for _, none := range absent {
				if !slices.Contains(test.want, none) && strings.Contains(sql, none) {
					t.Errorf("%s is in\n%s", none, sql)
				}
			}
		})
	}
}

func TestStreamsShareBits(t *testing.T) {
	a, b := rules.Patterns{Any: []string{"/a"}}, rules.Patterns{Any: []string{"/b"}}
	auth, any4xx := []rules.Codes{{From: 401, To: 401}}, []rules.Codes{{From: 400, To: 499}}
	p := planFor(
		t,
		rules.Stream{Routes: a},
		rules.Stream{Routes: b, HTTP5xx: true},
		rules.Stream{Routes: a, HTTP5xx: true},
		rules.Stream{Routes: a, Codes: auth},
		rules.Stream{Routes: b, Codes: auth},
		rules.Stream{Routes: a, Codes: any4xx, Kinds: entryKinds},
	)
	if len(p.groups) != 2 || len(p.groups[0].streams) != 4 || len(p.codes) != 2 || p.bits() != 5 {
		t.Errorf("%d filters, %d sets of codes, %d bits; want 2, 2 and with the one for 5xx 5", len(p.groups), len(p.codes), p.bits())
	}
}

func TestStreamsFillQueries(t *testing.T) {
	var streams []rules.Stream
	for i := range uint16(100) {
		one := rules.Patterns{Any: []string{strings.Repeat("x", int(i+1))}}
		streams = append(streams, rules.Stream{Routes: one}, rules.Stream{Routes: one, HTTP5xx: true, Codes: []rules.Codes{{From: 400 + i%3, To: 499}}})
	}
	plans := plansOf(streams)
	seen := map[int]bool{}
	for _, p := range plans {
		if p.bits() > maxBits {
			t.Errorf("a query has %d bits", p.bits())
		}
		for _, g := range p.groups {
			for _, s := range g.streams {
				if seen[s.number] || s.name != streams[s.number].String() {
					t.Errorf("stream %d, %s, is there twice or has another's name", s.number, s.name)
				}
				seen[s.number] = true
			}
		}
	}
	// 60 filters, one bit for 5xx and three for codes fill the first.
	if len(seen) != len(streams) || len(plans) != 2 {
		t.Errorf("%d of %d streams in %d queries, want all in 2", len(seen), len(streams), len(plans))
	}
}

func TestWhichValuesMayBeNumbers(t *testing.T) {
	for _, p := range []rules.Patterns{{Any: []string{"GET"}}, {Not: []string{"redis", "my*"}}, {Any: []string{"2xx"}}, {Any: []string{"pool-1"}, Not: []string{"x?"}}} {
		if mayTellNumbers(p) {
			t.Errorf("%v: numbers are looked up in vain", p)
		}
	}
	for _, p := range []rules.Patterns{{Any: []string{"200"}}, {Any: []string{"2*"}}, {Not: []string{"-1.5e3"}}, {Any: []string{""}}, {Not: []string{""}}, {Any: []string{"?*"}}, {Any: []string{"GET", "inf"}}} {
		if !mayTellNumbers(p) {
			t.Errorf("%v: a number would be taken for no value", p)
		}
	}
}

func TestRulesThatCannotBeAsked(t *testing.T) {
	at := rules.Pos{File: "rules.yaml", Line: 7, Col: 5}
	for want, w := range map[string]rules.Where{
		"where.attributes: \"a`b\" cannot be an attribute": {Attributes: []rules.Attribute{{Key: "a`b", Patterns: rules.Patterns{Any: []string{"x"}}}}},
		`where.kinds: "Server" is no kind of span`:         {Kinds: []string{"Server"}},
	} {
		_, err := New(Options{SigNoz: rules.SigNoz{DSN: "http://127.0.0.1:9"}, Rules: []rules.Rule{{ID: "a", Where: w, Pos: at}}})
		if err == nil || !strings.Contains(err.Error(), "rules.yaml:7:5: rule a: "+want) {
			t.Errorf("the error is %v, want the place of the rule and %s", err, want)
		}
	}
}
