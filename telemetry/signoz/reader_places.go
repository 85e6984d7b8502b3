package signoz

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// places are the series that are told apart: at most as many as max_series
// says. Who was known first keeps the place, until nothing was seen of it for a
// day and another needs it.
type places struct {
	limit    int
	log      *slog.Logger
	overflow atomic.Int64 // how many had no place in the last piece

	mu     sync.Mutex
	known  map[pair]uint32 // the newest minute it was seen in
	warned bool
}

// forgotten is how long nothing is seen of a series before its place is free.
const forgotten = 24 * time.Hour

// retire frees the places of series that were last seen long before from. It
// does so between reads only: within one, a series keeps its place.
func (p *places) retire(from time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) < p.limit {
		return
	}
	oldest := from.Add(-forgotten).Unix()
	for known, last := range p.known {
		if int64(last) < oldest {
			delete(p.known, known)
		}
	}
}

// take says which of the pairs have a place, by their number in seen. New ones
// get one in the order in which they appeared, those with the most requests
// first. beyond is how many more there were.
func (p *places) take(seen []sighting, beyond int) []bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[pair]uint32{}
	}
	taken := make([]bool, len(seen), len(seen)+1)
	var newcomers []int
	for i, s := range seen {
		if _, ok := p.known[s.pair]; ok || s.pair == other {
			taken[i] = true
			continue
		}
		newcomers = append(newcomers, i)
	}
	slices.SortFunc(newcomers, func(i, j int) int {
		a, b := seen[i], seen[j]
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.requests, a.requests), a.pair.compare(b.pair))
	})
	admitted := min(len(newcomers), max(0, p.limit-len(p.known)))
	for _, i := range newcomers[:admitted] {
		taken[i] = true
	}
	for i, s := range seen {
		if taken[i] && s.pair != other {
			p.known[s.pair] = max(p.known[s.pair], s.last)
		}
	}
	p.tell(len(newcomers) - admitted + beyond)
	return taken
}

// tell says once that there are more series than places.
func (p *places) tell(overflow int) {
	p.overflow.Store(int64(overflow))
	if overflow > 0 && !p.warned {
		p.warned = true
		p.log.Warn("more series than max_series: the rest is counted as other, and no rule sees it under its own name",
			"max_series", p.limit, "beyond", overflow, "mend", "raise sources.signoz.max_series, or let the rules' where name services")
	}
}
