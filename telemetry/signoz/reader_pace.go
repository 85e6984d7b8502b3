package signoz

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// pace cuts a long time into pieces, so that what is held of one answer stays
// little however much is read, and so that a quiet month is read by few
// queries: from what the last piece held, and how long it took, it foretells the
// next.
type pace struct {
	mu    sync.Mutex
	spans float64       // a minute; 0 before the first that held some
	cells float64       // a minute
	next  time.Duration // how long a piece may be; 0 before the first
	most  time.Duration // and ever, after one that was too much; 0: as long as any
}

const (
	pieceSpans = 4_000_000 // about 10 MB on the wire
	pieceCells = 150_000   // minutes of a series and filter: about 100 MB while they are added up
	pieceTime  = 4 * time.Second

	firstPiece = 5 * time.Minute
	lastPiece  = 24 * time.Hour
	bucketTime = bucketSeconds * time.Second
)

// piece gives the window to read next. What is short is not cut; what is long
// is cut where the buckets of the sort key are, so that none is scanned twice.
func (p *pace) piece(from, to time.Time, except []telemetry.Range) window {
	w := window{from, to, except}
	length := p.length()
	if w.minutes() <= length.Minutes() {
		return w
	}
	w.to = from.Add(length)
	if border := w.to.Truncate(bucketTime); border.After(from) {
		w.to = border
	}
	return w
}

// length is how much to read next, in whole minutes.
func (p *pace) length() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	length := max(p.next, firstPiece)
	if p.cells > 0 {
		length = min(length, max(firstPiece, minutes(pieceCells/p.cells)))
	}
	if p.spans > 0 {
		length = min(length, max(time.Minute, minutes(pieceSpans/p.spans)))
	}
	return length
}

// minutes is the whole minutes of n.
func minutes(n float64) time.Duration {
	return time.Duration(min(n, lastPiece.Minutes())) * time.Minute
}

// learn notes what a piece held and how long it took. The next may be twice as
// long. An empty one tells nothing about how much there is.
func (p *pace) learn(w window, spans uint64, cells int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := w.minutes()
	if spans > 0 {
		p.spans, p.cells = float64(spans)/n, float64(cells)/n
	}
	p.next = minutes(n * min(2, pieceTime.Seconds()/max(took.Seconds(), 1e-3)))
	if p.spans > 0 || n >= bucketTime.Minutes() {
		p.next = max(p.next, bucketTime) // what a shorter one costs the store is the bucket anyway
	}
	if p.most > 0 {
		p.next = min(p.next, p.most)
	}
}

// tooMuch are ClickHouse's codes for a query that it gave up: rows, time, speed,
// memory, bytes, the size of the answer.
var tooMuch = []int32{158, 159, 160, 241, 307, 396}

// shorten reports whether the piece may be read again in shorter ones, as it was
// too much at once. One that no shorter one would be cheaper than may not.
func (p *pace) shorten(w window, err error) bool {
	n := minutes(w.minutes())
	least := bucketTime
	if errors.Is(err, errNoRoom) {
		least = firstPiece
	} else if e, ok := errors.AsType[*Error](err); !ok || !slices.Contains(tooMuch, e.Code) {
		return false
	}
	if n <= least {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = max(least, (n / 4).Truncate(time.Minute))
	p.most = max(bucketTime, (n / 2).Truncate(time.Minute))
	return true
}

// roomFor is how many cells of a window are held at most; 0 for one that cannot
// be cut.
func roomFor(w window) int {
	if w.minutes() <= firstPiece.Minutes() {
		return 0
	}
	return 2 * pieceCells
}
