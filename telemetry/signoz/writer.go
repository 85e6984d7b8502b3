package signoz

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sync/errgroup"
)

// The tables that a Writer fills.
const (
	spanTable      = "signoz_traces.signoz_index_v3"
	resourceTable  = "signoz_traces.traces_v3_resource"
	exceptionTable = "signoz_traces.signoz_error_index_v2"
)

// How WriteAll goes about it: an INSERT of fewer spans costs more than it
// saves in memory, and the engine stores each with one thread.
const (
	gatherRows = 10_000
	maxRows    = 50_000 // in one INSERT, whoever asks
	senders    = 2
)

// Writer stores traces in SigNoz's local tables as SigNoz's exporter does. It
// is there for the demo, tests and benchmarks: Tocsin itself only reads. It may
// be used by several goroutines at once.
type Writer struct {
	conn    driver.Conn
	without []string

	mu     sync.Mutex
	tables map[string]inserter // by table, made on first use
}

// NewWriter makes a writer on a connection.
func NewWriter(conn driver.Conn) *Writer {
	return &Writer{conn: conn, tables: map[string]inserter{}}
}

// Without makes a writer that leaves columns of the span table empty: rows
// from before an upgrade have no `resource`, and newer collectors may stop to
// fill `resources_string`. Leaving out `attributes`, which Tocsin does not read
// where the Maps with the same pairs are, halves the engine's work.
func (w *Writer) Without(columns ...string) *Writer {
	made := NewWriter(w.conn)
	made.without = append(slices.Clone(w.without), columns...)
	return made
}

// Write stores traces, and says that the collector had them at insertedAt.
func (w *Writer) Write(ctx context.Context, tr ptrace.Traces, insertedAt time.Time) error {
	return w.WriteRows(ctx, RowsOf(tr, insertedAt))
}

// WriteAll stores what a sequence yields, each with the time at which the
// collector had it. It gathers small batches into large ones and makes the next
// rows while the engine stores the last: the way to write history.
func (w *Writer) WriteAll(ctx context.Context, batches iter.Seq2[time.Time, ptrace.Traces]) error {
	g, ctx := errgroup.WithContext(ctx)
	gathered := make(chan Rows)
	g.Go(func() error {
		defer close(gathered)
		for rows := range gather(batches) {
			select {
			case gathered <- rows:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range senders {
		g.Go(func() error {
			for rows := range gathered {
				if err := w.WriteRows(ctx, rows); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// gather makes rows of batches, many of them at a time.
func gather(batches iter.Seq2[time.Time, ptrace.Traces]) iter.Seq[Rows] {
	return func(yield func(Rows) bool) {
		var rows Rows
		for insertedAt, tr := range batches {
			rows.add(RowsOf(tr, insertedAt))
			if len(rows.Spans) < gatherRows {
				continue
			}
			if !yield(rows) {
				return
			}
			rows = Rows{}
		}
		yield(rows)
	}
}

// WriteRows stores rows as they are: for those who want to see to every column
// themselves.
func (w *Writer) WriteRows(ctx context.Context, rows Rows) error {
	for part := range slices.Chunk(rows.Spans, maxRows) {
		if err := insert(ctx, w, spanTable, spanColumns, part); err != nil {
			return err
		}
	}
	if err := insert(ctx, w, exceptionTable, exceptionColumns, rows.Exceptions); err != nil {
		return err
	}
	return insert(ctx, w, resourceTable, resourceColumns, rows.Resources) // last, as the exporter does
}

// add takes rows in; each resource once a half hour.
func (r *Rows) add(more Rows) {
	r.Spans = append(r.Spans, more.Spans...)
	r.Exceptions = append(r.Exceptions, more.Exceptions...)
	for _, resource := range more.Resources {
		if !slices.Contains(r.Resources, resource) {
			r.Resources = append(r.Resources, resource)
		}
	}
}

// tableColumn is a column of a table and how a row's value for it is found.
type tableColumn[Row any] struct {
	name  string
	value func(*Row) any
}

// inserter is what was found out about a table: our columns that it has.
type inserter struct {
	query string
	use   []bool
}

func insert[Row any](ctx context.Context, w *Writer, table string, columns []tableColumn[Row], rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	in, err := inserterOf(ctx, w, table, columns)
	if err != nil {
		return err
	}
	batch, err := w.conn.PrepareBatch(ctx, in.query)
	if err != nil {
		return fmt.Errorf("prepare rows for %s: %w", table, err)
	}
	defer batch.Close()
	at := 0
	for i, c := range columns {
		if !in.use[i] {
			continue
		}
		column := batch.Column(at)
		at++
		for j := range rows {
			if err := column.AppendRow(c.value(&rows[j])); err != nil {
				return fmt.Errorf("put a row of %s into column %s: %w", table, c.name, err)
			}
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", len(rows), table, err)
	}
	return nil
}

// inserterOf asks once which of our columns a table has: older schemas lack
// the JSON ones.
func inserterOf[Row any](ctx context.Context, w *Writer, table string, columns []tableColumn[Row]) (inserter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if in, ok := w.tables[table]; ok {
		return in, nil
	}
	database, name, _ := strings.Cut(table, ".")
	var found []string
	err := w.conn.QueryRow(ctx, "SELECT groupArray(name) FROM system.columns WHERE database = $1 AND table = $2", database, name).Scan(&found)
	if err != nil {
		return inserter{}, fmt.Errorf("ask for the columns of %s: %w", table, err)
	}
	if len(found) == 0 {
		return inserter{}, fmt.Errorf("there is no table %s: make it with Create(ctx, conn, Schema(true))", table)
	}
	in := inserter{use: make([]bool, len(columns))}
	var names []string
	for i, c := range columns {
		in.use[i] = slices.Contains(found, c.name) && !slices.Contains(w.without, c.name)
		// The server derives the service from the Map; without it, we say it.
		if c.name == serviceColumn && !slices.Contains(w.without, "resources_string") {
			in.use[i] = false
		}
		if in.use[i] {
			names = append(names, "`"+c.name+"`")
		}
	}
	in.query = "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ")"
	w.tables[table] = in
	return in, nil
}
