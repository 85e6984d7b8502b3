package signoz

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Report is what the store is like and what is in it: what a person wants to
// know before trusting what is read from it.
type Report struct {
	Address  string // as it was tried, without user and password
	Protocol string // native or HTTP
	Version  string // of ClickHouse

	Shape     Shape
	Table     string
	Columns   []string // of the span table, those that are read
	Notes     []string // about the choice of the table
	Migration uint64   // SigNoz's own count of migrations; 0 where it cannot be read

	Settings map[string]string // sent with every query
	LeftOut  []string          // wanted, but not known to the server or not ours to change

	Span     time.Duration // how far back from now Newest looks
	Newest   []Newest      // by service and region, the quietest first
	Unlisted []string      // values of the region attribute that none of the declared regions knows

	Lag      time.Duration // from the end of a span until it is stored, 99 of 100 are faster
	LagSpans uint64        // of how many; 0 where the store does not say
}

// Newest is when a series was last heard of.
type Newest struct {
	Service, Region string // Region as the spans say it
	At              time.Time
	Spans           uint64
}

// How far back a report looks. The lag is that of the newest spans; one that is
// judged too early would leave out the slow ones.
const (
	reportSpan = 24 * time.Hour
	lagSpan    = 15 * time.Minute
)

// Report looks at the store as it was until at. Where something cannot be found
// out, the report lacks it and the error says so; the rest is filled in.
func (r *Reader) Report(ctx context.Context, at time.Time) (Report, error) {
	rep := Report{Address: r.client.address.shown, Protocol: r.client.address.protocol()}
	if err := r.client.one(ctx, "ask for the version", "SELECT version()", nil, &rep.Version); err != nil {
		return rep, err
	}
	w := window{from: at.Add(-reportSpan), to: at}
	l, err := r.ready(ctx, w)
	if err != nil {
		return rep, err
	}
	rep.Shape, rep.Table, rep.Notes, rep.Columns = l.shape, l.table, l.notes, slices.Concat(l.columns, l.reads(r.plans))
	s := r.client.settings.Load()
	rep.Settings, rep.LeftOut = maps.Clone(s.sent), slices.Clone(s.leftOut)
	rep.Migration = r.client.migration(ctx, *l)

	rep.Span = reportSpan
	rep.Newest, err = r.newest(ctx, *l, w)
	if err != nil {
		return rep, err
	}
	for _, n := range rep.Newest {
		if len(r.regions.declared) > 0 && !r.regions.lists(n.Region) && !slices.Contains(rep.Unlisted, n.Region) {
			rep.Unlisted = append(rep.Unlisted, n.Region)
		}
	}
	rep.Lag, rep.LagSpans, err = r.client.lag(ctx, *l, window{from: at.Add(-lagSpan), to: at})
	return rep, err
}

// Newest gives the start of the newest span until at, and the zero time if
// there is none in the last hour. Nothing new from any service means that the
// source is blind, not that all of them are silent.
func (r *Reader) Newest(ctx context.Context, at time.Time) (time.Time, error) {
	w := window{from: at.Add(-time.Hour), to: at}
	l, err := r.ready(ctx, w)
	if err != nil {
		return time.Time{}, err
	}
	b := newBinder()
	w.bind(b, *l)
	var newest time.Time
	var spans uint64
	sql := "SELECT max(" + l.start + "), count()::UInt64 FROM " + l.table + " WHERE " + w.where(*l)
	if err := r.client.one(ctx, "look for the newest span", sql, b.params, &newest, &spans); err != nil || spans == 0 {
		return time.Time{}, err
	}
	return newest.UTC(), nil
}

// newest asks for the newest span of every service and region.
func (r *Reader) newest(ctx context.Context, l layout, w window) ([]Newest, error) {
	b := newBinder()
	w.bind(b, l)
	both := r.upgrade.mayHold(ctx, r.olden(l, r.plans), window{from: w.to.Add(-time.Minute), to: w.to})
	sql := "SELECT " + l.service + " AS service, " + l.region(r.shape.Region, both) + " AS region, max(" + l.start + ") AS newest, count()::UInt64 AS spans\nFROM " +
		l.table + "\nWHERE " + w.where(l) + "\nGROUP BY service, region\nORDER BY newest, service, region"
	var all []Newest
	err := r.client.each(ctx, "look for the newest spans", sql, b.params, func(rows driver.Rows) error {
		var n Newest
		if err := rows.Scan(&n.Service, &n.Region, &n.At, &n.Spans); err != nil {
			return err
		}
		n.At = n.At.UTC()
		all = append(all, n)
		return nil
	})
	return all, err
}

// lag measures how late spans are stored, where the store says when they were.
func (c *client) lag(ctx context.Context, l layout, w window) (p99 time.Duration, spans uint64, err error) {
	if l.inserted == "" {
		return 0, 0, nil
	}
	b := newBinder()
	w.bind(b, l)
	sql := "SELECT ifNotFinite(quantileExact(0.99)(dateDiff('millisecond', " + l.start + " + toIntervalNanosecond(" + l.duration + "), " + l.inserted + ")), 0)::Int64, count()::UInt64\nFROM " +
		l.table + "\nWHERE " + w.where(l) + " AND " + l.believed()
	var ms int64
	err = c.one(ctx, "measure how late spans are stored", sql, b.params, &ms, &spans)
	return time.Duration(ms) * time.Millisecond, spans, err
}

// migration asks for the newest migration of SigNoz's tables, which says how
// new its collector is. Not everybody may read it, and nothing hangs on it.
func (c *client) migration(ctx context.Context, l layout) uint64 {
	if l.shape == ShapeContrib {
		return 0
	}
	var level uint64
	for _, table := range []string{"distributed_schema_migrations_v2", "schema_migrations_v2"} {
		sql := "SELECT max(migration_id)::UInt64 FROM " + spansDatabase + "." + table + " WHERE status = 'finished'"
		if err := c.one(ctx, "ask for the migration level", sql, nil, &level); err == nil {
			return level
		}
	}
	return 0
}
