package signoz

import (
	"context"
	"strings"
	"sync"
	"time"
)

// For as long as the store keeps them, rows from before an upgrade of SigNoz
// have an empty `resource` and say their region in the Map alone. Reading both
// costs three times as much, so it is done only where such rows are.

// upgrade remembers, for each half hour, whether such rows were found.
type upgrade struct {
	mu    sync.Mutex
	olden map[int64]bool // by ts_bucket_start
}

// rememberedBuckets is two months: more than most stores keep, and than is
// ever replayed at once.
const rememberedBuckets = 2 * 31 * 48

// olden is a question about such rows: among which spans they are looked for.
type olden struct {
	client *client
	layout layout
	keys   []string // attributes that are looked for in the resource
	kinds  []string
}

// mayHold reports whether the window may hold such rows. Each half hour is asked
// about once, together with the one before: while that one ran, or shortly
// after, the collectors may have been upgraded. A long window is asked about as
// a whole, and its halves only if it holds some. What cannot be found out is
// answered with yes, which is slower and never wrong.
func (u *upgrade) mayHold(ctx context.Context, o olden, w window) bool {
	if o.layout.json == "" || o.layout.pairs == "" || len(o.keys) == 0 {
		return false
	}
	holds := false
	for b, end := bucketOf(w.from.Unix()), w.to.Unix(); b < end; b += bucketSeconds {
		old, known := u.recall(b)
		if !known {
			upTo := b + bucketSeconds
			for upTo < end && !u.knows(upTo) {
				upTo += bucketSeconds
			}
			var err error
			if old, err = u.look(ctx, o, b, upTo, end); err != nil {
				return true
			}
			b = upTo - bucketSeconds
		}
		holds = holds || old
	}
	return holds
}

// look asks about the half hours from the one of from to the one before to, of
// which the last may end early.
func (u *upgrade) look(ctx context.Context, o olden, from, to, end int64) (bool, error) {
	old, err := o.found(ctx, window{from: time.Unix(from-bucketSeconds, 0), to: time.Unix(min(to, end), 0)})
	if err != nil {
		return false, err
	}
	if n := (to - from) / bucketSeconds; !old || n == 1 {
		for b := from; b < to; b += bucketSeconds {
			u.remember(b, old)
		}
		return old, nil
	}
	middle := bucketOf((from + to) / 2)
	for _, half := range [][2]int64{{from, middle}, {middle, to}} {
		if _, err := u.look(ctx, o, half[0], half[1], end); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (u *upgrade) recall(bucket int64) (old, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	old, ok = u.olden[bucket]
	return old, ok
}

func (u *upgrade) knows(bucket int64) bool {
	_, ok := u.recall(bucket)
	return ok
}

func (u *upgrade) remember(bucket int64, old bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.olden == nil || len(u.olden) >= rememberedBuckets {
		u.olden = map[int64]bool{}
	}
	u.olden[bucket] = old
}

// found asks whether a span in the window has one of the attributes in its Map
// and none of them in its JSON.
func (o olden) found(ctx context.Context, w window) (bool, error) {
	l := o.layout
	b := newBinder()
	w.bind(b, l)
	var sql strings.Builder
	sql.WriteString("SELECT (count() > 0)::Bool FROM (SELECT 1 FROM " + l.table + " WHERE " + w.where(l) + " AND " + l.ofKinds(o.kinds))
	for _, k := range o.keys {
		sql.WriteString(" AND " + l.json + ".`" + k + "` IS NULL")
	}
	sql.WriteString(" AND hasAny(mapKeys(" + l.pairs + "), " + b.list(o.keys) + ") LIMIT 1)")
	var found bool
	err := o.client.one(ctx, "look for rows from before an upgrade", sql.String(), b.params, &found)
	return found, err
}
