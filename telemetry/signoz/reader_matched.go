package signoz

import (
	"context"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/featuresignals/tocsin/rules"
)

// Matched tells rules that look at something from those that never will: for
// each rule that looks at spans, by its ID, how many spans in [from, to) it
// chooses. It reads the newest time first and looks for a rule only until it has
// found spans for it. So 0 is the truth about all of the time, and what is more
// is true of the newest part of it; where every rule is alive that costs one
// half hour, counts only.
//
// The rules need not be those that the reader was made with.
func (r *Reader) Matched(ctx context.Context, all []rules.Rule, from, to time.Time) (map[string]uint64, error) {
	matched := map[string]uint64{}
	var missing []rules.Rule
	for _, rule := range all {
		if rule.Source() == rules.SourceSpans {
			matched[rule.ID] = 0
			missing = append(missing, rule)
		}
	}
	p, olden := pace{next: bucketTime}, new(upgrade) // what is remembered of other kinds of spans does not count
	for to.After(from) && len(missing) > 0 {
		w := window{from: to.Add(-p.length()).Truncate(bucketTime), to: to}
		if w.from.Before(from) {
			w.from = from
		}
		began := time.Now()
		err := r.ask(ctx, w, func(l *layout) error { return r.count(ctx, l, missing, w, olden, matched) })
		if err != nil && p.shorten(w, err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p.learn(w, 0, 0, time.Since(began))
		missing = slices.DeleteFunc(missing, func(rule rules.Rule) bool { return matched[rule.ID] > 0 })
		to = w.from
	}
	return matched, nil
}

// count counts the spans in a window that rules choose. Nothing is counted
// before all of the answer is there.
func (r *Reader) count(ctx context.Context, l *layout, all []rules.Rule, w window, olden *upgrade, matched map[string]uint64) error {
	looked, err := newChoice(all)
	if err != nil {
		return err
	}
	streams := slices.Clone(looked.streams)
	for i := range streams {
		streams[i].HTTP5xx, streams[i].Codes = false, nil
	}
	plans := plansOf(streams)
	if err := r.refuse(l.lacks(plans)); err != nil {
		return err
	}
	found := map[string]uint64{}
	q := fused{layout: *l, keys: r.shape.Region, services: looked.services()}
	q.both = olden.mayHold(ctx, r.olden(*l, plans), w)
	for _, p := range plans {
		q.plan = p
		sql, params := q.counts(w)
		of := make([]uint64, len(looked.rules))
		for i, stream := range looked.of {
			of[i] = p.filterBit(stream)
		}
		err := r.client.each(ctx, "look for what rules choose", sql, params, func(rows driver.Rows) error {
			var x row
			if err := rows.Scan(&x.service, &x.region, &x.streams, &x.requests); err != nil {
				return err
			}
			x.region = r.regions.of(x.region)
			for i, rule := range looked.rules {
				if x.streams&of[i] != 0 && rule.Where.Chooses(x.service, x.region) {
					found[rule.ID] += x.requests
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for id, n := range found {
		matched[id] += n
	}
	return nil
}
