// Package signoz reads minutes from the ClickHouse store behind SigNoz, and is
// the only place that knows its tables. A Reader finds out at the start which
// tables there are, and asks for all streams of all series in one scan of the
// newest minutes: counts, errors and bucketed durations, from which every
// window of every rule is made elsewhere.
//
// A Reader never writes. The Writer beside it stores traces as SigNoz's own
// exporter does, for the demo, tests and benchmarks.
package signoz

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// defaultSeries is how many series are told apart unless max_series says.
const defaultSeries = 2000

// Options say where the store is and what is read from it.
type Options struct {
	SigNoz   rules.SigNoz
	Password string // of the user in SigNoz.DSN; not part of any message

	// Rules are those of the configuration; the ones that look at probes are
	// left out. The distinct streams of the rest are read, of each series those
	// that a rule looks at. Empty reads every series, as one stream of all entry
	// spans.
	Rules []rules.Rule

	// Regions have the aliases of regions. A value that none of them knows is
	// a region of its own, and is warned of once if there are any.
	Regions []rules.Region

	Log *slog.Logger // slog.Default() if nil
}

// Reader reads minutes. It is safe for concurrent use.
type Reader struct {
	client  *client
	shape   rules.SigNoz // the configuration
	base    string       // database named in the DSN
	choice  *choice
	plans   []*plan // one query each
	regions regions
	log     *slog.Logger

	connecting sync.Mutex // held while probing, so that it is done once
	layout     atomic.Pointer[layout]
	probedFor  atomic.Int64 // end of the window that the tables were last probed for

	upgrade upgrade
	places  places
	pace    pace
}

// New makes a reader from its configuration, and asks the store nothing yet.
func New(o Options) (*Reader, error) {
	if err := checkKeys(o.SigNoz.Region); err != nil {
		return nil, fmt.Errorf("sources.signoz.region: %w", err)
	}
	switch Shape(o.SigNoz.Shape) {
	case "", ShapeJSON, ShapeMap, ShapeContrib:
	default:
		return nil, fmt.Errorf("sources.signoz.shape is %q: want %s, %s or %s, or leave it out", o.SigNoz.Shape, ShapeJSON, ShapeMap, ShapeContrib)
	}
	looked, err := newChoice(o.Rules)
	if err != nil {
		return nil, err
	}
	c, database, err := newClient(o.SigNoz.DSN, o.Password)
	if err != nil {
		return nil, err
	}
	r := &Reader{
		client: c, shape: o.SigNoz, base: database,
		choice: looked, plans: plansOf(looked.streams),
		log: cmp.Or(o.Log, slog.Default()),
	}
	r.regions = regions{declared: o.Regions, log: r.log}
	r.places = places{limit: cmp.Or(o.SigNoz.MaxSeries, defaultSeries), log: r.log}
	return r, nil
}

// Open is New, followed by Connect.
func Open(ctx context.Context, o Options) (*Reader, error) {
	r, err := New(o)
	if err != nil {
		return nil, err
	}
	if err := r.Connect(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close gives the connections back.
func (r *Reader) Close() error { return r.client.conn.Close() }

// Connect asks the store what it knows and which tables it has, and chooses
// what to read. Minutes does it as well if it has not been done.
func (r *Reader) Connect(ctx context.Context) error {
	_, err := r.connect(ctx, r.layout.Load())
	return err
}

// connect probes the store, unless somebody else has just done so: unless, that
// is, the layout is another one than the caller has.
func (r *Reader) connect(ctx context.Context, stale *layout) (*layout, error) {
	r.connecting.Lock()
	defer r.connecting.Unlock()
	if l := r.layout.Load(); l != stale {
		return l, nil
	}
	if err := r.client.learnSettings(ctx); err != nil {
		return nil, err
	}
	l, err := r.client.probe(ctx, Shape(r.shape.Shape), r.base)
	if err != nil {
		return nil, err
	}
	if err := r.refuse(l.lacks(r.plans)); err != nil {
		return nil, err
	}
	if stale == nil || stale.table != l.table || stale.shape != l.shape {
		r.log.Info("reading spans", "from", r.client.address.shown, "table", l.table, "shape", string(l.shape))
		for _, n := range l.notes {
			r.log.Warn("about the span table", "note", n)
		}
	}
	r.layout.Store(&l)
	return &l, nil
}

// ready gives the layout, probing if need be. A Map may stop being filled after
// an upgrade that brings JSON, without any error: so it is looked at again
// every hour.
func (r *Reader) ready(ctx context.Context, w window) (*layout, error) {
	l := r.layout.Load()
	fresh := l != nil && (l.shape != ShapeMap || r.shape.Shape != "" || w.to.Unix()-r.probedFor.Load() < 3600)
	if fresh {
		return l, nil
	}
	l, err := r.connect(ctx, l)
	if err == nil {
		r.probedFor.Store(w.to.Unix())
	}
	return l, err
}

// Minutes yields every series' minutes that start in [from, to), both whole
// minutes, each at most once and none without requests. A long time is read in
// pieces, the oldest first, and a piece is yielded when all of it has been read:
// ask for all of it at once, and a quiet month is some forty queries. It ends at
// the first error, which is an *Error unless the store was never asked.
//
// The minutes in except are left out. What is around them is still read by one
// query, which costs the store hardly more than its newest minute alone.
func (r *Reader) Minutes(ctx context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		if !from.Equal(from.Truncate(time.Minute)) || !to.Equal(to.Truncate(time.Minute)) {
			yield(telemetry.Minute{}, fmt.Errorf("read minutes from %s to %s: these are not whole minutes", from, to))
			return
		}
		r.places.retire(from)
		for from.Before(to) {
			w := r.pace.piece(from, to, except)
			minutes, err := r.read(ctx, w)
			if err != nil && r.pace.shorten(w, err) {
				r.log.Info("too much at once: reading it in shorter pieces", "from", w.from, "to", w.to, "err", err)
				continue
			}
			if err != nil {
				yield(telemetry.Minute{}, err)
				return
			}
			for _, m := range minutes {
				if !yield(m, nil) {
					return
				}
			}
			from = w.to
		}
	}
}

// read reads one piece.
func (r *Reader) read(ctx context.Context, w window) (ms []telemetry.Minute, err error) {
	if w.empty() || len(r.plans) == 0 {
		return nil, nil
	}
	err = r.ask(ctx, w, func(l *layout) error {
		ms, err = r.readFrom(ctx, l, w)
		return err
	})
	return ms, err
}

// ask lets a question be put to the tables, and once more if they turn out to
// be others than those that were probed.
func (r *Reader) ask(ctx context.Context, w window, question func(*layout) error) error {
	l, err := r.ready(ctx, w)
	if err != nil {
		return err
	}
	if err = question(l); err == nil || !outdated(err) {
		return err
	}
	if l, err = r.connect(ctx, l); err != nil {
		return err
	}
	return question(l)
}

func (r *Reader) readFrom(ctx context.Context, l *layout, w window) ([]telemetry.Minute, error) {
	began := time.Now()
	f := newFold(r.places.limit, r.choice.takes)
	f.room = roomFor(w)
	q := r.fused(ctx, l, w)
	for _, p := range r.plans {
		q.plan = p
		sql, params := q.sql(w)
		err := r.client.each(ctx, "read minutes", sql, params, func(rows driver.Rows) error {
			var x row
			if err := rows.Scan(&x.service, &x.region, &x.minute, &x.streams, &x.requests, &x.errors, &x.buckets); err != nil {
				return err
			}
			x.region = r.regions.of(x.region)
			return f.add(x, p)
		})
		if err != nil {
			return nil, err
		}
	}
	took := time.Since(began)
	r.pace.learn(w, f.spans, len(f.cells), took)
	minutes := f.minutes(&r.places)
	r.log.Debug("read minutes", "from", w.from, "to", w.to, "spans", f.spans, "minutes", len(minutes), "took", took)
	return minutes, nil
}

// fused is the query for a window, but for its plan.
func (r *Reader) fused(ctx context.Context, l *layout, w window) fused {
	return fused{
		layout: *l, keys: r.shape.Region, services: r.choice.services(),
		both: r.upgrade.mayHold(ctx, r.olden(*l, r.plans), w),
	}
}

func (r *Reader) olden(l layout, plans []*plan) olden {
	keys := slices.Clone(r.shape.Region)
	for _, p := range plans {
		for _, a := range p.looks() {
			keys = append(keys, a.key)
		}
	}
	return olden{client: r.client, layout: l, keys: keys, kinds: kindsOf(plans...)}
}

// refuse gives what only a person can mend its kind. Nil stays nil.
func (r *Reader) refuse(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Trouble: Refuse, Doing: "look for columns", Address: r.client.address.shown, Protocol: r.client.address.protocol(), Err: err}
}

// Query gives the SQL that Minutes sends for a window and its parameters, for
// benchmarks and for those who want to see it. Where that is several, it is the
// first.
func (r *Reader) Query(ctx context.Context, from, to time.Time, except ...telemetry.Range) (sql string, params map[string]string, err error) {
	w := window{from, to, except}
	l, err := r.ready(ctx, w)
	if err != nil {
		return "", nil, err
	}
	if len(r.plans) == 0 {
		return "", nil, errors.New("no rule looks at spans: nothing is asked for")
	}
	q := r.fused(ctx, l, w)
	q.plan = r.plans[0]
	sql, params = q.sql(w)
	return sql, params, nil
}

// Overflow gives how many series lay beyond max_series in what was read last,
// and were counted as telemetry.Other.
func (r *Reader) Overflow() int { return int(r.places.overflow.Load()) }
