package signoz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// maxStreams is how many streams one query tells apart: the bits of a UInt64.
const maxStreams = 64

// window is the time that a query reads: [from, to), whole seconds, less what
// is excepted.
type window struct {
	from, to time.Time
	except   []telemetry.Range
}

// empty reports whether all of the window is excepted.
func (w window) empty() bool {
	return slices.ContainsFunc(w.except, func(r telemetry.Range) bool { return !r.From.After(w.from) && !r.To.Before(w.to) })
}

// minutes is how much time the window reads.
func (w window) minutes() float64 {
	d := w.to.Sub(w.from)
	for _, r := range w.except {
		from, to := r.From, r.To
		if from.Before(w.from) {
			from = w.from
		}
		if to.After(w.to) {
			to = w.to
		}
		d -= max(0, to.Sub(from))
	}
	return d.Minutes()
}

// bind adds the window's parameters.
func (w window) bind(b *binder, l layout) {
	from, to := w.from.Unix(), w.to.Unix()
	b.params["t0"] = strconv.FormatInt(from, 10)
	b.params["t1"] = strconv.FormatInt(to, 10)
	for i, r := range w.except {
		b.params[fmt.Sprintf("x%d", 2*i)] = strconv.FormatInt(r.From.Unix(), 10)
		b.params[fmt.Sprintf("x%d", 2*i+1)] = strconv.FormatInt(r.To.Unix(), 10)
	}
	if l.bucketed {
		b.params["b0"] = strconv.FormatInt(bucketOf(from), 10)
		b.params["b1"] = strconv.FormatInt(bucketOf(to-1), 10)
	}
}

// bucketSeconds is the width of ts_bucket_start, which the span table's sort
// key begins with.
const bucketSeconds = 1800

func bucketOf(unix int64) int64 { return unix - unix%bucketSeconds }

// where is the condition for the window. The bucket prunes by the sort key; the
// exact time holds on both sides, because skewed clocks date spans into the
// future.
func (w window) where(l layout) string {
	var exact strings.Builder
	exact.WriteString(l.start + " >= fromUnixTimestamp64Nano({t0:Int64} * 1000000000) AND " + l.start + " < fromUnixTimestamp64Nano({t1:Int64} * 1000000000)")
	for i := range w.except {
		fmt.Fprintf(&exact, " AND NOT (%[1]s >= fromUnixTimestamp64Nano({x%[2]d:Int64} * 1000000000) AND %[1]s < fromUnixTimestamp64Nano({x%[3]d:Int64} * 1000000000))",
			l.start, 2*i, 2*i+1)
	}
	if !l.bucketed {
		return exact.String()
	}
	return "ts_bucket_start BETWEEN {b0:UInt64} AND {b1:UInt64} AND " + exact.String()
}

// fused is what the query for minutes asks for: every stream of every series
// in one scan.
type fused struct {
	layout   layout
	keys     []string         // resource attributes that may hold the region
	both     bool             // some rows have their resource in the Map alone
	services []rules.Patterns // one of them chooses the service; empty: all do
	streams  []rules.Patterns // routes, at most maxStreams of them
}

// sql gives the query for a window and its parameters. A row is what one
// series did in one minute with the spans that belong to the same streams: how
// many, how many failed, and two bytes for each usable duration, the number of
// its bucket (telemetry.Bucket), low byte first.
//
// Among the forms this one costs ClickHouse least. CPU time for one minute of a
// full bucket (12 million spans in three hours, 600 series on 1,200 hosts, three
// streams; median of 21): counts alone 98 ms, this 121, a row for each bucket
// 145, by resource_fingerprint 129 without labels and 176 with them, since a
// fingerprint is the longest text of all. For half an hour of the same, on a
// busier machine: 485, 550, 1,463, 643 and 881. What costs most is reading the
// region, about a third. And clickhouse-go takes a string in one piece, but an
// array element by element.
func (f fused) sql(w window) (string, map[string]string) {
	l := f.layout
	b := newBinder()
	w.bind(b, l)

	streams, with, having := f.bits(b)
	conditions := []string{w.where(l), l.entry}
	if c := b.anyOf(l.service, f.services); c != "" {
		conditions = append(conditions, c)
	}
	bucket := "bitShiftRight(reinterpretAsUInt32(toFloat32(" + l.duration + ")), 17)::UInt16"

	var sql strings.Builder
	fmt.Fprintf(&sql, "%sSELECT %s AS service,\n", with, l.service)
	fmt.Fprintf(&sql, "    %s AS region,\n", l.region(f.keys, f.both))
	fmt.Fprintf(&sql, "    (intDiv(toUnixTimestamp(%s), 60) * 60)::UInt32 AS minute,\n", l.start)
	fmt.Fprintf(&sql, "    %s AS streams,\n", streams)
	fmt.Fprintf(&sql, "    count()::UInt64 AS requests, countIf(%s)::UInt64 AS errors,\n", l.failed)
	fmt.Fprintf(&sql, "    arrayStringConcat(arrayMap(b -> char(b, bitShiftRight(b, 8)), groupArrayIf(%s, %s))) AS buckets\n", bucket, l.believed())
	fmt.Fprintf(&sql, "FROM %s\n", l.table)
	fmt.Fprintf(&sql, "WHERE %s\n", strings.Join(conditions, "\n  AND "))
	sql.WriteString("GROUP BY service, region, minute, streams")
	sql.WriteString(having)
	return sql.String(), b.params
}

// bits gives the expression for the set of streams that a span belongs to, bit
// i for the i-th; the WITH that names the route, if one asks for it; and the
// HAVING that leaves out spans of none. Filtering after grouping is cheaper than
// before it, where the route would be looked at for spans that the time rules
// out.
func (f fused) bits(b *binder) (expr, with, having string) {
	terms := make([]string, len(f.streams))
	having = "\nHAVING streams != 0"
	for i, routes := range f.streams {
		terms[i] = strconv.FormatUint(1<<i, 10)
		if c := b.matches("route", routes); c != "" {
			terms[i] += " * (" + c + ")"
			with = "WITH " + f.layout.routeOrName() + " AS route\n"
		} else {
			having = "" // every span is in this one
		}
	}
	return "toUInt64(" + strings.Join(terms, " + ") + ")", with, having
}
