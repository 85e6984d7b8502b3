package signoz

import (
	"fmt"
	"regexp"
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
	entry    string // condition: a request or message came in
	failed   string // condition: the span's status is Error
	inserted string // when the collector built the row; "" where no column says
	bucketed bool   // the sort key begins with ts_bucket_start

	json  string // the JSON column with the resource's attributes, or ""
	pairs string // the Map column with them, or ""

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
		entry: "kind IN (2, 5)", failed: "has_error",
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
		entry:  "SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER')",
		failed: "StatusCode IN ('Error', 'STATUS_CODE_ERROR')",
		pairs:  "ResourceAttributes",
	}
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
		if l.json != "" {
			path := l.json + ".`" + k + "`"
			arms = append(arms, path+" IS NOT NULL", path+"::String")
		}
		if l.pairs != "" && (l.json == "" || both) {
			arms = append(arms, "mapContains("+l.pairs+", '"+k+"')", l.pairs+"['"+k+"']")
		}
	}
	if len(arms) == 0 {
		return "''"
	}
	return "multiIf(" + strings.Join(arms, ", ") + ", '')"
}

// attributeKey is what may be the name of a resource attribute: it stands
// between quotes in the SQL, and cannot be a parameter.
var attributeKey = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)

// checkKeys says which of the configured attributes cannot be one.
func checkKeys(keys []string) error {
	for _, k := range keys {
		if !attributeKey.MatchString(k) {
			return fmt.Errorf("%q cannot be a resource attribute: write letters, digits and _ . : / - only, at most 128 of them, such as cloud.region", k)
		}
	}
	return nil
}
