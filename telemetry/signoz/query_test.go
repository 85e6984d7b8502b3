package signoz

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/featuresignals/tocsin/rules"
)

// randomText makes short strings of what could be mistaken for something else.
func randomText(rnd *rand.Rand, alphabet []rune) string {
	var b strings.Builder
	for range rnd.IntN(7) {
		b.WriteRune(alphabet[rnd.IntN(len(alphabet))])
	}
	return b.String()
}

func TestClickHouseMatchesPatternsAsWeDo(t *testing.T) {
	_ = freshStore(t, Schema(false))
	r := openReader(t, nil)
	rnd := rand.New(rand.NewPCG(1, 2))

	plain := []rune("ab/%_\\'\"`{}.\n\t\r\x00é世 ")
	globs := slices.Concat(plain, []rune("***???"))
	var routes []string
	for range 300 {
		routes = append(routes, randomText(rnd, globs))
	}
	some := func() []string {
		var all []string
		for range rnd.IntN(4) {
			switch rnd.IntN(3) {
			case 0:
				all = append(all, routes[rnd.IntN(len(routes))]) // matches at least itself
			case 1:
				all = append(all, randomText(rnd, plain))
			default:
				all = append(all, randomText(rnd, globs))
			}
		}
		return all
	}

	tried := 0
	for range 120 {
		p := rules.Patterns{Any: some(), Not: some()}
		b := newBinder()
		condition := b.matches("route", p)
		if condition == "" {
			if len(p.Any)+len(p.Not) > 0 {
				t.Fatalf("%q has no condition", p)
			}
			continue
		}
		var got, want []string
		sql := "SELECT route FROM (SELECT arrayJoin(" + b.list(routes) + ") AS route) WHERE " + condition
		err := r.client.each(t.Context(), "match", sql, b.params, func(rows driver.Rows) error {
			var s string
			err := rows.Scan(&s)
			got = append(got, s)
			return err
		})
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		for _, s := range routes {
			if p.Match(s) {
				want = append(want, s)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v, as %s %q: ClickHouse has %q, Go has %q", p, condition, b.params, got, want)
		}
		tried += len(want)
	}
	if tried < 1000 {
		t.Errorf("only %d routes matched: the test says little", tried)
	}
}

func TestGlobsAsRegularExpressions(t *testing.T) {
	for glob, want := range map[string]string{
		"/v1/stream/*": `^/v1/stream/`,
		"*/health":     `/health$`,
		"*/sse/*":      `/sse/`,
		"/v?/x":        `^/v./x$`,
		"/a/*/b":       `^/a/.*/b$`,
		"/v1.0/{id}*":  `^/v1\.0/\{id\}`,
		"*":            `$`, // everything has an end
		`a\*b`:         `^a\\.*b$`,
	} {
		if got := expression(glob); got != want {
			t.Errorf("expression(%q) = %q, want %q", glob, got, want)
		}
	}
}

// planFor is the plan of the one query for some streams.
func planFor(t testing.TB, streams ...rules.Stream) *plan {
	t.Helper()
	plans := plansOf(streams)
	if len(plans) != 1 {
		t.Fatalf("%d queries for %d streams, want one", len(plans), len(streams))
	}
	return plans[0]
}

func TestNothingThatPeopleWroteBecomesSQL(t *testing.T) {
	evil := "'; DROP TABLE x --\\"
	f := fused{
		layout:   v3Layout(ShapeJSON, "t"),
		keys:     []string{"cloud.region"},
		services: []rules.Patterns{{Any: []string{evil, evil + "*"}}},
		plan:     planFor(t, rules.Stream{Routes: rules.Patterns{Not: []string{evil}}}, rules.Stream{Routes: rules.Patterns{Any: []string{evil + "?"}}}),
	}
	sql, params := f.sql(window{from: noon, to: noon.Add(time.Minute)})
	if strings.Contains(sql, "DROP") {
		t.Errorf("the SQL holds a value: %s", sql)
	}
	if n := len(params); n != 4+3 {
		t.Errorf("%d parameters, want the window's 4 and 3 values, each once: %q", n, params)
	}
}

func TestRouteIsReadOnlyWhereAStreamAsksForIt(t *testing.T) {
	all := fused{layout: v3Layout(ShapeJSON, "t"), plan: planFor(t, rules.Stream{})}
	if sql, _ := all.sql(window{from: noon, to: noon.Add(time.Minute)}); strings.Contains(sql, "route") || strings.Contains(sql, "HAVING") {
		t.Errorf("one stream of all spans reads the route, or leaves spans out:\n%s", sql)
	}
	some := fused{layout: v3Layout(ShapeJSON, "t"), plan: planFor(t, rules.Stream{Routes: rules.Patterns{Any: []string{"/a"}}}, rules.Stream{Routes: rules.Patterns{Not: []string{"/b"}}})}
	if sql, _ := some.sql(window{from: noon, to: noon.Add(time.Minute)}); !strings.Contains(sql, "AS route") || !strings.Contains(sql, "HAVING streams != 0") {
		t.Errorf("two streams of some spans do not read the route, or fetch the rest:\n%s", sql)
	}
}

func TestWindowPrunesByWholeBuckets(t *testing.T) {
	for _, test := range []struct{ from, to, first, last string }{
		{"12:00", "12:01", "12:00", "12:00"},
		{"12:29", "12:30", "12:00", "12:00"}, // 12:30 itself is not read
		{"12:29", "12:31", "12:00", "12:30"},
		{"12:30", "13:30", "12:30", "13:00"},
	} {
		b := newBinder()
		window{from: clock(test.from), to: clock(test.to)}.bind(b, layout{bucketed: true})
		if b.params["b0"] != unix(test.first) || b.params["b1"] != unix(test.last) || b.params["t0"] != unix(test.from) || b.params["t1"] != unix(test.to) {
			t.Errorf("%s to %s: %v", test.from, test.to, b.params)
		}
	}
}

func clock(s string) time.Time {
	at, err := time.Parse("15:04", s)
	if err != nil {
		panic(err)
	}
	return noon.Truncate(24 * time.Hour).Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute)
}

func unix(s string) string { return fmt.Sprint(clock(s).Unix()) }

func TestRegionExpression(t *testing.T) {
	keys := []string{"a.b", "c"}
	asJSON, asMap := layout{json: "j"}, layout{pairs: "m"}
	mixed := layout{json: "j", pairs: "m"}
	for name, test := range map[string]struct{ got, want string }{
		"JSON":             {asJSON.region(keys, false), "multiIf(j.`a.b` IS NOT NULL, j.`a.b`::String, j.`c` IS NOT NULL, j.`c`::String, '')"},
		"Map":              {asMap.region(keys, false), "multiIf(mapContains(m, 'a.b'), m['a.b'], mapContains(m, 'c'), m['c'], '')"},
		"JSON before Map":  {mixed.region(keys[1:], true), "multiIf(j.`c` IS NOT NULL, j.`c`::String, mapContains(m, 'c'), m['c'], '')"},
		"Map is not asked": {mixed.region(keys[1:], false), "multiIf(j.`c` IS NOT NULL, j.`c`::String, '')"},
		"no keys":          {mixed.region(nil, true), "''"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %s, want %s", name, test.got, test.want)
		}
	}
}

func TestKeysThatCannotBeAttributes(t *testing.T) {
	for _, bad := range []string{"", "a`b", "a b", "é", "a'b", strings.Repeat("x", 129), "a\n"} {
		if err := checkKeys([]string{"cloud.region", bad}); err == nil {
			t.Errorf("%q is taken for a resource attribute", bad)
		}
	}
	if err := checkKeys([]string{"deployment.environment.name", "k8s.cluster-name", "x/y:z_1"}); err != nil {
		t.Error(err)
	}
}
