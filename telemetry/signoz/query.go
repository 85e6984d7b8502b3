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
	plan     *plan
}

// sql gives the query for a window and its parameters. A row is what one
// series did in one minute with the spans that have the same bits of the plan:
// how many, how many failed, and two bytes for each usable duration, the number
// of its bucket (telemetry.Bucket), low byte first.
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
	bits, with, having := f.bits(b)
	where := f.where(b, w)
	bucket := "bitShiftRight(reinterpretAsUInt32(toFloat32(" + l.duration + ")), 17)::UInt16"

	var sql strings.Builder
	fmt.Fprintf(&sql, "%sSELECT %s AS service,\n", with, l.service)
	fmt.Fprintf(&sql, "    %s AS region,\n", l.region(f.keys, f.both))
	fmt.Fprintf(&sql, "    (intDiv(toUnixTimestamp(%s), 60) * 60)::UInt32 AS minute,\n", l.start)
	fmt.Fprintf(&sql, "    %s AS streams,\n", bits)
	fmt.Fprintf(&sql, "    count()::UInt64 AS requests, countIf(%s)::UInt64 AS errors,\n", l.failed)
	fmt.Fprintf(&sql, "    arrayStringConcat(arrayMap(b -> char(b, bitShiftRight(b, 8)), groupArrayIf(%s, %s))) AS buckets\n", bucket, l.believed())
	fmt.Fprintf(&sql, "FROM %s\n", l.table)
	fmt.Fprintf(&sql, "WHERE %s\n", where)
	sql.WriteString("GROUP BY service, region, minute, streams")
	sql.WriteString(having)
	return sql.String(), b.params
}

// counts is sql without minutes, errors and durations: how many spans with
// which bits each series had in all of the window.
func (f fused) counts(w window) (string, map[string]string) {
	b := newBinder()
	bits, with, having := f.bits(b)
	where := f.where(b, w)
	sql := fmt.Sprintf("%sSELECT %s AS service,\n    %s AS region,\n    %s AS streams,\n    count()::UInt64 AS requests\nFROM %s\nWHERE %s\nGROUP BY service, region, streams%s",
		with, f.layout.service, f.layout.region(f.keys, f.both), bits, f.layout.table, where, having)
	return sql, b.params
}

func (f fused) where(b *binder, w window) string {
	w.bind(b, f.layout)
	conditions := []string{w.where(f.layout), f.layout.ofKinds(f.plan.kinds())}
	if c := b.anyOf(f.layout.service, f.services); c != "" {
		conditions = append(conditions, c)
	}
	return strings.Join(conditions, "\n  AND ")
}
