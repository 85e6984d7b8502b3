package signoz

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shape is which of the known tables the spans are in.
type Shape string

// The shapes, best first.
const (
	ShapeJSON    Shape = "v3-json" // SigNoz since collector 0.129.4
	ShapeMap     Shape = "v3-map"  // SigNoz since collector 0.111.9
	ShapeContrib Shape = "contrib" // otel_traces of the OpenTelemetry contrib exporter
)

// layout is where the spans are and how each part of a span is written in SQL
// there. What the probe finds becomes one of these.
type layout struct {
	shape Shape
	table string // database.table, quoted where need be

	start    string // when the span began
	duration string // nanoseconds
	service  string
	name     string // the operation
	route    string // the HTTP route, '' for a span without one; "" where no column says
	kind     string // which kind of span it is; see ofKinds
	failed   string // condition: the span's status is Error
	inserted string // when the collector built the row; "" where no column says
	bucketed bool   // the sort key begins with ts_bucket_start

	json  string // the JSON column with the resource's attributes, or ""
	pairs string // the Map column with them, or ""

	spanJSON  string   // the JSON column with the span's attributes, or ""
	spanPairs string   // the Map column with them, or with those that are texts; or ""
	numbers   string   // the Map column with those that are numbers, or ""
	bools     string   // the Map column with those that are true or false, or ""
	promoted  []string // columns that hold one of the span's attributes each
	response  string   // the column with the response's code as text, or ""

	columns []string // of the table, those that are read
	notes   []string // what a person should know about the choice
}

// v3Layout is SigNoz's span table.
func v3Layout(shape Shape, table string) layout {
	return layout{
		shape: shape, table: table,
		start: "timestamp", duration: "duration_nano",
		service: "`resource_string_service$$name`",
		name:    "name", route: "`attribute_string_http$$route`",
		kind: "kind", failed: "has_error",
		inserted: "inserted_at", bucketed: true,
		json: "resource", pairs: "resources_string",
	}
}

// contribLayout is the contrib exporter's table. Its words for kinds and status
// codes changed in 2024; an install that was upgraded has both.
func contribLayout(table string) layout {
	return layout{
		shape: ShapeContrib, table: table,
		start: "Timestamp", duration: "Duration",
		service: "ServiceName",
		name:    "SpanName", route: "SpanAttributes['http.route']",
		kind: "SpanKind", failed: "StatusCode IN ('Error', 'STATUS_CODE_ERROR')",
		pairs: "ResourceAttributes", spanPairs: "SpanAttributes",
	}
}

// kinds are those that a span can have, in OTLP's order, of which the first is
// number 1.
var kinds = []string{"internal", "server", "client", "producer", "consumer"}

// ofKinds is the condition that a span is of one of some kinds.
func (l layout) ofKinds(names []string) string {
	var numbers, now, before []string
	for i, k := range kinds {
		if slices.Contains(names, k) {
			numbers = append(numbers, strconv.Itoa(i+1))
			now = append(now, "'"+strings.ToUpper(k[:1])+k[1:]+"'")
			before = append(before, "'SPAN_KIND_"+strings.ToUpper(k)+"'")
		}
	}
	if l.shape == ShapeContrib {
		return l.kind + " IN (" + strings.Join(append(now, before...), ", ") + ")"
	}
	return l.kind + " IN (" + strings.Join(numbers, ", ") + ")"
}

// usable is the longest duration that is believed. A clock that steps back
// makes end − start wrap to a huge number; such a span is a request, and an
// error if it says so, but has no duration.
const usable = 24 * time.Hour

// believed is the condition that a span's duration is usable.
func (l layout) believed() string {
	return fmt.Sprintf("%s BETWEEN 0 AND %d", l.duration, usable.Nanoseconds())
}

// routeOrName is what a rule's routes are matched with: the HTTP route, or the
// operation's name for a span without one.
func (l layout) routeOrName() string {
	if l.route == "" {
		return l.name
	}
	return fmt.Sprintf("if(%s = '', %s, %s)", l.route, l.name, l.route)
}

// region gives the expression for the region: the first of the keys that the
// span's resource has, or ”. With both, rows whose JSON lacks a key are looked
// up in the Map as well.
func (l layout) region(keys []string, both bool) string {
	var arms []string
	for _, k := range keys {
		arms = append(arms, l.ofResource(k, both)...)
	}
	return firstOf(arms)
}

// ofResource gives, in turns, conditions that the resource has an attribute and
// expressions for its value then.
func (l layout) ofResource(key string, both bool) (arms []string) {
	if l.json != "" {
		arms = append(arms, inJSON(l.json, key)...)
	}
	if l.pairs != "" && (l.json == "" || both) {
		arms = append(arms, "mapContains("+l.pairs+", '"+key+"')", l.pairs+"['"+key+"']")
	}
	return arms
}

func inJSON(column, key string) []string {
	path := column + ".`" + key + "`"
	return []string{path + " IS NOT NULL", path + "::String"}
}

// firstOf is the value behind the first condition that holds, or ”.
func firstOf(arms []string) string {
	if len(arms) == 0 {
		return "''"
	}
	return "multiIf(" + strings.Join(arms, ", ") + ", '')"
}

// attribute gives the expression for an attribute as text: the span's own, else
// its resource's, else ”. A number is written as short as it can be (200, 0.5),
// a truth as true or false.
func (l layout) attribute(b *binder, a look, both bool) string {
	return firstOf(append(l.ofSpan(b, a), l.ofResource(a.key, both)...))
}

// ofSpan is ofResource for the span's own attributes. One that SigNoz keeps in a
// column of its own is always of that column's type, and read at a tenth of what
// a Map costs.
func (l layout) ofSpan(b *binder, a look) (arms []string) {
	for _, typ := range []string{"string", "number", "bool"} {
		column := "attribute_" + typ + "_" + strings.ReplaceAll(a.key, ".", "$$")
		if slices.Contains(l.promoted, column) && slices.Contains(l.promoted, column+"_exists") {
			arms = append(arms, "`"+column+"_exists`", "toString(`"+column+"`)")
		}
	}
	if len(arms) > 0 {
		return arms
	}
	if l.spanJSON != "" {
		arms = append(arms, inJSON(l.spanJSON, a.key)...)
	}
	for _, m := range []struct {
		column string
		asked  bool
	}{{l.spanPairs, true}, {l.numbers, a.numbers}, {l.bools, a.bools}} {
		if m.column != "" && m.asked {
			key := b.text(a.key)
			arms = append(arms, "mapContains("+m.column+", "+key+")", "toString("+m.column+"["+key+"])")
		}
	}
	return arms
}

// codeKeys are the attributes that hold a response's code, the newer spelling
// first.
var codeKeys = []string{"http.response.status_code", "http.status_code"}

// code gives the expression for the response's code, 0 where there is none.
// SigNoz writes it into a column, out of the attributes; only where that is
// missing are they looked at.
func (l layout) code(b *binder) string {
	if l.response != "" {
		return "toUInt32OrZero(" + l.response + ")"
	}
	var arms []string
	for _, k := range codeKeys {
		arms = append(arms, l.ofSpan(b, look{key: k, numbers: true})...)
	}
	return "toUInt32OrZero(" + firstOf(arms) + ")"
}

// lacks says what of that which the plans ask for no column has. A rule that
// could never be anything but good must not stand there as if it watched.
func (l layout) lacks(plans []*plan) error {
	attributes := l.spanJSON != "" || l.spanPairs != ""
	switch {
	case attributes:
		return nil
	case slices.ContainsFunc(plans, (*plan).asksAttributes):
		return fmt.Errorf("%s has no column with attributes of spans, and a rule's where.attributes asks for them", l.table)
	case l.response == "" && slices.ContainsFunc(plans, (*plan).asksCodes):
		return fmt.Errorf("%s has no column with response codes, and a rule asks for them (http_5xx or codes)", l.table)
	default:
		return nil
	}
}

// reads lists the columns that are read beside those that always are.
func (l layout) reads(plans []*plan) (columns []string) {
	if slices.ContainsFunc(plans, (*plan).asksCodes) {
		columns = append(columns, l.response)
	}
	if slices.ContainsFunc(plans, (*plan).asksAttributes) {
		columns = append(columns, l.spanJSON, l.spanPairs, l.numbers, l.bools)
	}
	return slices.DeleteFunc(columns, func(c string) bool { return c == "" || slices.Contains(l.columns, c) })
}

// attributeKey is what may be the name of an attribute: where it is the path in
// a JSON column it stands between quotes in the SQL, and cannot be a parameter.
var attributeKey = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)

// checkKeys says which of the configured attributes cannot be one.
func checkKeys(keys []string) error {
	for _, k := range keys {
		if !attributeKey.MatchString(k) {
			return fmt.Errorf("%q cannot be an attribute: write letters, digits and _ . : / - only, at most 128 of them, such as cloud.region", k)
		}
	}
	return nil
}
