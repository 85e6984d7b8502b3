package signoz

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/embedded"
)

// What DESIGN.md, section 6, asks of a tick.
var (
	goalCounts = goal{limit: 1.25}
	goalBare   = goal{limit: 1.5}
	goalRuler  = goal{limit: 100, atLeast: true}
)

// BenchmarkTick asks what a tick costs ClickHouse: beside scans that do less,
// beside rules asked one by one, and with more rules. It runs on ten million
// spans in a real engine, and never fails on time.
//
//	make bench
func BenchmarkTick(b *testing.B) {
	e := benchStore(b)
	s, err := newBenchStudy(b, e)
	if err != nil {
		b.Fatal(err)
	}
	if err := takeTurns(b.Context(), e, s.all); err != nil {
		b.Fatal(err)
	}
	fmt.Print(s.report(e.Version()))

	b.ReportMetric(0, "ns/op") // of setting up as well: tells nothing
	for unit, m := range map[string]*measure{"newest-ms": s.newest, "tick-ms": s.tick, "counts-ms": s.counts, "bare-ms": s.bare, "ruler-ms": s.ruler} {
		b.ReportMetric(ms(median(m.took)), unit)
	}
	b.ReportMetric(s.tick.over(s.counts).time, "tick/counts")
	b.ReportMetric(s.tick.over(s.bare).time, "tick/bare")
	b.ReportMetric(s.ruler.over(s.tick).time, "ruler/tick")
}

// benchStudy is what is measured.
type benchStudy struct {
	all []*measure

	tick, newest             *measure // with the starter rules; newest is less than a tick reads
	counts, byService, bare  *measure
	ruler, rulerJSON, narrow *measure
	example, exampleAll      *measure
	one, twenty, eight       *measure
	codes, kinds, attribute  *measure
	sameSQL                  bool
}

func (s *benchStudy) add(name string, queries ...asked) *measure {
	m := &measure{name: name, queries: queries}
	s.all = append(s.all, m)
	return m
}

func newBenchStudy(b *testing.B, e *embedded.Engine) (*benchStudy, error) {
	ctx := b.Context()
	server, err := e.Serve(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.Cleanup(server.Close)
	starter, err := rules.Parse(nil)
	if err != nil {
		return nil, err
	}
	example, err := rules.Load("../../deploy/example/tocsin.yaml")
	if err != nil {
		return nil, err
	}
	shop := starter.SigNoz
	shop.DSN = server.URL()
	reads := func(all []rules.Rule) (*benchReader, error) { return openBenchReader(b, shop, all) }

	s := new(benchStudy)
	r, err := reads(starter.Rules)
	if err != nil {
		return nil, err
	}
	// A tick reads the newest minute and the one that settles: evaluator.Loop.
	minute := telemetry.Range{From: benchTo.Add(-time.Minute), To: benchTo}
	settling := telemetry.Range{From: minute.From.Add(-shop.Settle), To: minute.To.Add(-shop.Settle)}
	s.tick = s.add("tick: the newest minute, and the one that settles", r.query(ctx, settling.From, minute.To, telemetry.Range{From: settling.To, To: minute.From}))
	newest := r.query(ctx, minute.From, minute.To)
	s.newest = s.add("  of these the newest minute alone", newest)
	s.counts = s.add("scan of the newest by series and minute, counts only", r.baseline(newest, true))
	s.byService = s.add("  the same without telling streams apart", r.baseline(newest, false))
	s.bare = s.add("bare scan of the newest minute", r.bare(newest))

	s.addRuler(ctx, e)

	for _, c := range []struct {
		into  **measure
		name  string
		rules []rules.Rule
	}{
		{&s.one, "newest minute, 1 rule", starter.Rules[:1]},
		{&s.twenty, "newest minute, 20 rules of the same stream", slices.Repeat(starter.Rules[:1], 20)},
		{&s.eight, "newest minute, 8 rules of 8 streams", distinctStreams()},
		{&s.codes, "newest minute, and errors and shares by response code", slices.Concat(starter.Rules[:1], byCode(starter.Rules[0]))},
		{&s.kinds, "newest minute, and client spans of one operation", slices.Concat(starter.Rules[:1], ruled(rules.Where{Kinds: []string{"client"}, Operations: some("pool.acquire")}))},
		{&s.attribute, "newest minute, and an attribute out of the Map", slices.Concat(starter.Rules[:1], ruled(rules.Where{Attributes: []rules.Attribute{{Key: "http.method", Patterns: some("POST")}}}))},
		{&s.example, "newest minute, example rules (one service, 3 streams)", example.Rules},
		{&s.exampleAll, "newest minute, their streams for all services", everyService(example.Rules)},
	} {
		r, err := reads(c.rules)
		if err != nil {
			return nil, err
		}
		*c.into = s.add(c.name, r.query(ctx, minute.From, minute.To))
		if r.err != nil {
			return nil, r.err
		}
	}
	s.sameSQL = s.one.queries[0].sql == s.twenty.queries[0].sql && maps.Equal(s.one.queries[0].params, s.twenty.queries[0].params)
	return s, r.err
}

// addRuler adds twenty rules, in three ways. The services are taken from all
// over the list, the busiest among them.
func (s *benchStudy) addRuler(ctx context.Context, e *embedded.Engine) {
	services := make([]string, 20)
	for i := range services {
		services[i] = benchService(10 * i)
	}
	everything := rulerRule{resource: "deployment.environment", like: "production"}
	for _, c := range []struct {
		into **measure
		name string
		rule func(i int) rulerRule
	}{
		{&s.ruler, "20 rules as SigNoz's ruler asks, all series each", func(int) rulerRule { return everything }},
		{&s.rulerJSON, "  the same, on a store upgraded long ago (JSON alone)", func(int) rulerRule { r := everything; r.jsonOnly = true; return r }},
		{&s.narrow, "  the same, each rule for one service", func(i int) rulerRule { return rulerRule{resource: "service.name", like: services[i]} }},
	} {
		var queries []asked
		for _, r := range rulerRules(c.rule) {
			queries = append(queries, asked{sql: r.sql(benchTo), settings: uncached(nil)})
		}
		*c.into = s.add(c.name, queries...)
	}
}

// benchReader is a reader whose queries are taken from it and not sent. err is
// why one could not be had.
type benchReader struct {
	*Reader
	err error
}

func openBenchReader(b *testing.B, store rules.SigNoz, all []rules.Rule) (*benchReader, error) {
	r, err := Open(b.Context(), Options{SigNoz: store, Rules: all, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	b.Cleanup(func() { r.Close() })
	return &benchReader{Reader: r}, nil
}

// query is what the reader sends for a window, settings included.
func (r *benchReader) query(ctx context.Context, from, to time.Time, except ...telemetry.Range) asked {
	sql, params, err := r.Query(ctx, from, to, except...)
	if err != nil {
		r.err = err
	}
	settings := map[string]string{}
	for name, value := range r.client.settings.Load().of("read minutes") {
		settings[name] = fmt.Sprint(value)
	}
	return asked{sql, params, uncached(settings)}
}

// uncached keeps ClickHouse from remembering which granules an earlier round
// found empty: a tick asks for another minute each time.
func uncached(settings map[string]string) map[string]string {
	all := map[string]string{"use_query_condition_cache": "0"}
	maps.Copy(all, settings)
	return all
}

// baseline is the reader's own query without the durations; without streams, it
// does not look at routes either.
func (r *benchReader) baseline(tick asked, streams bool) asked {
	l := r.layout.Load()
	f := fused{layout: *l, keys: r.shape.Region, plan: r.plans[0]}
	b := newBinder()
	expr, with, having := f.bits(b)
	params := maps.Clone(tick.params)
	maps.Copy(params, b.params)
	keys := "service, region, minute, streams"
	if !streams {
		expr, with, having, keys = "1", "", "", "service, region, minute"
	}
	sql := fmt.Sprintf(`%sSELECT %s AS service,
    %s AS region,
    (intDiv(toUnixTimestamp(%s), 60) * 60)::UInt32 AS minute,
    %s AS streams,
    count() AS requests, countIf(%s) AS errors
FROM %s
WHERE %s
GROUP BY %s%s`, with, l.service, l.region(f.keys, f.both), l.start, expr, l.failed, l.table, whereOf(tick.sql), keys, having)
	return asked{sql, params, tick.settings}
}

// bare is the same scan for three numbers.
func (r *benchReader) bare(tick asked) asked {
	l := r.layout.Load()
	sql := fmt.Sprintf("SELECT count(), countIf(%s), sum(%s)\nFROM %s\nWHERE %s", l.failed, l.duration, l.table, whereOf(tick.sql))
	return asked{sql, tick.params, tick.settings}
}

func whereOf(sql string) string {
	_, rest, _ := strings.Cut(sql, "\nWHERE ")
	where, _, _ := strings.Cut(rest, "\nGROUP BY ")
	return where
}

// everyService lets rules look at all services.
func everyService(all []rules.Rule) []rules.Rule {
	all = slices.Clone(all)
	for i := range all {
		all[i].Where.Services = rules.Patterns{}
	}
	return all
}

// byCode makes two rules of one: errors are those that responses tell, and the
// share of a code.
func byCode(r rules.Rule) []rules.Rule {
	told, refused := r, r
	told.HTTP5xx = true
	refused.Signal.Codes = codes(401, 401)
	return []rules.Rule{told, refused}
}

// distinctStreams are eight choices of routes.
func distinctStreams() []rules.Rule {
	var all []rules.Rule
	for _, p := range []rules.Patterns{
		{Not: []string{"*/health"}},
		{Not: []string{"*/health", "*/stream/*"}},
		{Any: []string{"*/v1/evaluate*", "*/v1/client/*", "*/v1/track"}},
		{Any: []string{"*/v1/auth/*"}},
		{Any: []string{"*/v1/orders*"}},
		{Any: []string{"*/v2/payments*"}},
		{Any: []string{"*/v1/projects/*"}, Not: []string{"*/segments"}},
		{Any: []string{"* process"}},
	} {
		all = append(all, rules.Rule{Where: rules.Where{Routes: p}})
	}
	return all
}
