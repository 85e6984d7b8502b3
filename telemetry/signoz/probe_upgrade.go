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

// rememberedBuckets is a little more than the 15 days that SigNoz keeps.
const rememberedBuckets = 800

// mayHold reports whether the window may hold such rows. Each half hour is asked
// about once, together with the one before: while that one ran, or shortly
// after, the collectors may have been upgraded. What cannot be found out is
// answered with yes, which is slower and never wrong.
func (u *upgrade) mayHold(ctx context.Context, c *client, l layout, keys []string, w window) bool {
	if l.json == "" || l.pairs == "" || len(keys) == 0 {
		return false
	}
	holds := false
	for b := bucketOf(w.from.Unix()); b < w.to.Unix(); b += bucketSeconds {
		old, ok := u.recall(b)
		if !ok {
			to := min(b+bucketSeconds, w.to.Unix())
			asked := window{from: time.Unix(b-bucketSeconds, 0), to: time.Unix(to, 0)}
			var err error
			if old, err = c.holdsOlden(ctx, l, keys, asked); err != nil {
				return true
			}
			u.remember(b, old)
		}
		holds = holds || old
	}
	return holds
}

func (u *upgrade) recall(bucket int64) (old, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	old, ok = u.olden[bucket]
	return old, ok
}

func (u *upgrade) remember(bucket int64, old bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.olden == nil || len(u.olden) >= rememberedBuckets {
		u.olden = map[int64]bool{}
	}
	u.olden[bucket] = old
}

// holdsOlden asks whether a span in the window has a region in its Map and none
// in its JSON.
func (c *client) holdsOlden(ctx context.Context, l layout, keys []string, w window) (bool, error) {
	b := newBinder()
	w.bind(b, l)
	var sql strings.Builder
	sql.WriteString("SELECT (count() > 0)::Bool FROM (SELECT 1 FROM " + l.table + " WHERE " + w.where(l) + " AND " + l.entry)
	for _, k := range keys {
		sql.WriteString(" AND " + l.json + ".`" + k + "` IS NULL")
	}
	sql.WriteString(" AND hasAny(mapKeys(" + l.pairs + "), " + b.list(keys) + ") LIMIT 1)")
	var found bool
	err := c.one(ctx, "look for rows from before an upgrade", sql.String(), b.params, &found)
	return found, err
}
