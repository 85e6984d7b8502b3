package signoz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The oldest collectors whose tables are read, and the oldest that is
// recommended.
const (
	minimumCollector     = "0.111.9"
	recommendedCollector = "0.129.4"
)

const (
	spansDatabase    = "signoz_traces"
	spansLocal       = "signoz_index_v3"
	spansDistributed = "distributed_signoz_index_v3" // reads every shard
	spansBefore      = "signoz_index_v2"
	contribSpans     = "otel_traces"
)

// The columns without which there is nothing to ask for, and those that are
// read where they are.
var (
	needV3      = []string{"ts_bucket_start", "timestamp", "name", "kind", "duration_nano", "has_error", serviceColumn}
	mayV3       = []string{"resource", "resources_string", routeColumn, "inserted_at"}
	needContrib = []string{"Timestamp", "ServiceName", "SpanName", "SpanKind", "StatusCode", "Duration", "ResourceAttributes"}
	mayContrib  = []string{"SpanAttributes"}
)

const routeColumn = "attribute_string_http$$route"

// spanTables are the tables of the store that could hold spans, with the types
// of their columns.
type spanTables map[tableName]map[string]string

type tableName struct{ database, table string }

func (n tableName) String() string { return n.database + "." + n.table }

// quoted is the name as it stands in SQL.
func (n tableName) quoted() string {
	if attributeKey.MatchString(n.database) && !strings.ContainsAny(n.database, ".:/-") {
		return n.String()
	}
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(n.database) + "`." + n.table
}

// probe looks at the tables and chooses.
func (c *client) probe(ctx context.Context, want Shape, database string) (layout, error) {
	tables := spanTables{}
	const sql = `SELECT database, table, name, type FROM system.columns
WHERE (database = 'signoz_traces' AND table IN ('distributed_signoz_index_v3', 'signoz_index_v3', 'signoz_index_v2')) OR table = 'otel_traces'`
	err := c.each(ctx, "look for span tables", sql, nil, func(r driver.Rows) error {
		var name tableName
		var column, typ string
		if err := r.Scan(&name.database, &name.table, &column, &typ); err != nil {
			return err
		}
		if tables[name] == nil {
			tables[name] = map[string]string{}
		}
		tables[name][column] = typ
		return nil
	})
	if err != nil {
		return layout{}, err
	}
	l, err := tables.choose(want, database)
	if none, ok := errors.AsType[*noTableError](err); ok {
		none.seen, none.more, err = c.neighbours(ctx)
		if err == nil {
			err = none
		}
	}
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return layout{}, e
		}
		return layout{}, &Error{Trouble: Refuse, Doing: "look for span tables", Address: c.address.shown, Protocol: c.address.protocol(), Err: err}
	}
	return l, nil
}

// neighbours names some of the tables that are there instead of those that were
// looked for, and how many more there are.
func (c *client) neighbours(ctx context.Context) (seen []string, more uint64, err error) {
	const few = 12
	var all uint64
	sql := fmt.Sprintf(`SELECT arraySlice(arraySort(groupArray(concat(database, '.', name))), 1, %d), count()::UInt64 FROM system.tables
WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA')`, few)
	if err := c.one(ctx, "list tables", sql, nil, &seen, &all); err != nil {
		return nil, 0, err
	}
	return seen, all - uint64(len(seen)), nil
}

// choose takes SigNoz's own tables before the contrib exporter's, and JSON
// before Map, unless a shape is wanted.
func (t spanTables) choose(want Shape, database string) (layout, error) {
	var found []layout
	var lacking []error
	for _, try := range []func(string) ([]layout, error){t.v3, t.contrib} {
		ls, err := try(database)
		found = append(found, ls...)
		if err != nil {
			lacking = append(lacking, err)
		}
	}
	for _, l := range found {
		if want == "" || l.shape == want {
			return l, nil
		}
	}
	if len(found) > 0 {
		var shapes []string
		for _, l := range found {
			shapes = append(shapes, fmt.Sprintf("%s (%s)", l.shape, l.table))
		}
		lacking = append(lacking, fmt.Errorf("sources.signoz.shape is %s, and there is %s only: leave shape out, or write one of these", want, strings.Join(shapes, " and ")))
	}
	if len(lacking) > 0 {
		return layout{}, errors.Join(lacking...)
	}
	_, old := t[tableName{spansDatabase, spansBefore}]
	return layout{}, &noTableError{old: old}
}

// v3 gives the shapes that SigNoz's span table can be read in.
func (t spanTables) v3(string) ([]layout, error) {
	name := tableName{spansDatabase, spansDistributed}
	columns, ok := t[name]
	var notes []string
	if !ok {
		name.table = spansLocal
		if columns, ok = t[name]; !ok {
			return nil, nil
		}
		notes = append(notes, "reads "+name.String()+" of this server alone: there is no "+spansDistributed+", which would read every shard")
	}
	if missing := lacks(columns, needV3); len(missing) > 0 {
		return nil, fmt.Errorf("%s lacks %s: upgrade the SigNoz collector to %s or newer", name, strings.Join(missing, ", "), minimumCollector)
	}

	l := v3Layout(ShapeJSON, name.quoted())
	l.columns = has(columns, needV3, mayV3)
	if _, ok := columns[routeColumn]; !ok {
		l.route = ""
		notes = append(notes, "there is no column for http.route: routes are matched with the span's name")
	}
	if _, ok := columns["inserted_at"]; !ok {
		l.inserted = ""
	}
	_, hasMap := columns["resources_string"]
	if !hasMap {
		l.pairs = ""
	}
	l.attributesOf(columns)
	l.notes = notes

	var found []layout
	if strings.HasPrefix(columns["resource"], "JSON") {
		found = append(found, l)
	}
	if hasMap {
		l.shape, l.json = ShapeMap, ""
		l.notes = append(slices.Clone(notes), "the region is read from a Map, which costs three times as much as from JSON: SigNoz collectors since "+recommendedCollector+" write both")
		found = append(found, l)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has neither resource nor resources_string: upgrade the SigNoz collector to %s or newer", name, recommendedCollector)
	}
	return found, nil
}

// attributesOf notes where SigNoz's table has the attributes of spans.
func (l *layout) attributesOf(columns map[string]string) {
	has := func(name string) string {
		if _, ok := columns[name]; ok {
			return name
		}
		return ""
	}
	l.spanPairs, l.numbers, l.bools = has("attributes_string"), has("attributes_number"), has("attributes_bool")
	l.response = has("response_status_code")
	if l.spanPairs == "" && strings.HasPrefix(columns["attributes"], "JSON") {
		l.spanJSON = "attributes"
	}
	for name := range columns {
		if strings.HasPrefix(name, "attribute_") {
			l.promoted = append(l.promoted, name)
		}
	}
}

// contrib gives the shape that the contrib exporter's table is read in. The
// table may be in any database.
func (t spanTables) contrib(database string) ([]layout, error) {
	var names []tableName
	for name := range t {
		if name.table == contribSpans {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b tableName) int { return strings.Compare(a.database, b.database) })
	if i := slices.IndexFunc(names, func(n tableName) bool { return n.database == database }); i >= 0 {
		names = names[i : i+1]
	}
	switch {
	case len(names) == 0:
		return nil, nil
	case len(names) > 1:
		var all []string
		for _, n := range names {
			all = append(all, n.database)
		}
		return nil, fmt.Errorf("otel_traces is in the databases %s: name one at the end of the dsn (…:9000/%s)", strings.Join(all, ", "), all[0])
	}

	name, columns := names[0], t[names[0]]
	if missing := lacks(columns, needContrib); len(missing) > 0 {
		return nil, fmt.Errorf("%s lacks %s, which the OpenTelemetry exporter for ClickHouse writes", name, strings.Join(missing, ", "))
	}
	l := contribLayout(name.quoted())
	l.columns = has(columns, needContrib, mayContrib)
	if strings.HasPrefix(columns["ResourceAttributes"], "JSON") {
		l.json, l.pairs = l.pairs, ""
	}
	switch typ := columns["SpanAttributes"]; {
	case strings.HasPrefix(typ, "JSON"):
		l.route = "SpanAttributes.`http.route`::String"
		l.spanJSON, l.spanPairs = l.spanPairs, ""
	case typ == "":
		l.route, l.spanPairs = "", ""
		l.notes = append(l.notes, "there is no SpanAttributes: routes are matched with the span's name")
	}
	return []layout{l}, nil
}

// lacks lists the names that are not columns.
func lacks(columns map[string]string, names []string) []string {
	var missing []string
	for _, n := range names {
		if _, ok := columns[n]; !ok {
			missing = append(missing, n)
		}
	}
	return missing
}

// has lists those of some names that are columns.
func has(columns map[string]string, names ...[]string) []string {
	return slices.DeleteFunc(slices.Concat(names...), func(n string) bool { return columns[n] == "" })
}

// noTableError says that the store has no table that is read.
type noTableError struct {
	old  bool     // SigNoz's table of before v3 is there
	seen []string // other tables
	more uint64   // and how many besides
}

func (e *noTableError) Error() string {
	var b strings.Builder
	if e.old {
		fmt.Fprintf(&b, "the only span table is %s.%s, which SigNoz stopped writing: upgrade its collector to %s or newer (%s or newer is better)",
			spansDatabase, spansBefore, minimumCollector, recommendedCollector)
	} else {
		fmt.Fprintf(&b, "there is no span table: neither %s.%s (SigNoz collector %s or newer) nor %s (OpenTelemetry's exporter for ClickHouse). Is this SigNoz's ClickHouse, has it seen a span, and may the user read it (GRANT SELECT ON %s.*)?",
			spansDatabase, spansDistributed, minimumCollector, contribSpans, spansDatabase)
	}
	switch {
	case len(e.seen) == 0:
		b.WriteString(" It shows no tables at all")
	case e.more > 0:
		fmt.Fprintf(&b, " It shows %s and %d more", strings.Join(e.seen, ", "), e.more)
	default:
		fmt.Fprintf(&b, " It shows %s", strings.Join(e.seen, ", "))
	}
	return b.String()
}
