package access

import (
	"net/netip"
	"sync"
	"time"
)

// How many attempts may fail. A token has 256 random bits and is not guessed:
// this keeps guessing from costing much, and from filling the log.
var (
	oneAddress = allowance{most: 10, every: 6 * time.Second}
	allOfThem  = allowance{most: 100, every: time.Second}
)

const (
	// mostAddresses is how many addresses are remembered. Failures alone cannot
	// make so many: an address is remembered for a minute after one, and all of
	// them together fail once a second.
	mostAddresses = 4096

	// knownFor is how long an address that showed a good token is let through
	// although others have used up what all may fail.
	knownFor = 24 * time.Hour
)

// allowance is how many failures are let pass at once, and how soon each is
// forgotten.
type allowance struct {
	most  int
	every time.Duration
}

// bucket counts failures that are not forgotten yet, as the time at which the
// last of them will be.
type bucket struct {
	until time.Time
	good  time.Time // when it last showed a good token
}

// wait is how long it takes until one more may fail.
func (b *bucket) wait(a allowance, at time.Time) time.Duration {
	return max(0, b.until.Add(-time.Duration(a.most-1)*a.every).Sub(at))
}

func (b *bucket) failed(a allowance, at time.Time) {
	if b.until.Before(at) {
		b.until = at
	}
	b.until = b.until.Add(a.every)
	if most := at.Add(time.Duration(a.most) * a.every); b.until.After(most) {
		b.until = most // attempts under way at once must not add up to a long wait
	}
}

// limiter slows down those who fail: each address by itself, and strangers all
// together. Attempts under way at once are all let in; there are never so many
// that it matters.
type limiter struct {
	mu  sync.Mutex
	all bucket
	by  map[netip.Prefix]*bucket
}

func newLimiter() *limiter { return &limiter{by: map[netip.Prefix]*bucket{}} }

// network is what one stranger can have all the addresses of.
func network(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // of no address: no prefix, which all those share
	return p
}

// wait is how long an address must wait before its next attempt, 0 if it need
// not.
func (l *limiter) wait(addr netip.Addr, at time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.by[network(addr)]
	if !ok {
		return l.all.wait(allOfThem, at)
	}
	if wait := b.wait(oneAddress, at); wait > 0 || at.Sub(b.good) < knownFor {
		return wait
	}
	return l.all.wait(allOfThem, at)
}

func (l *limiter) failed(addr netip.Addr, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.failed(allOfThem, at)
	l.bucket(addr, at).failed(oneAddress, at)
}

func (l *limiter) succeeded(addr netip.Addr, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(addr, at).good = at
}

// bucket gives an address's, and forgets others where there are too many.
func (l *limiter) bucket(addr netip.Addr, at time.Time) *bucket {
	key := network(addr)
	if b, ok := l.by[key]; ok {
		return b
	}
	if len(l.by) >= mostAddresses {
		l.forget(at)
	}
	b := &bucket{}
	l.by[key] = b
	return b
}

// forget makes room: what says nothing any more goes, and if that is not
// enough, everything: the limit on all together still holds.
func (l *limiter) forget(at time.Time) {
	for key, b := range l.by {
		if !b.until.After(at) && at.Sub(b.good) >= knownFor {
			delete(l.by, key)
		}
	}
	if len(l.by) >= mostAddresses {
		clear(l.by)
	}
}
