package signoz

import (
	"iter"
	"sync"
	"time"
)

// pace cuts a long time into pieces, so that the rows of one answer stay few
// however much is read: from what the last piece held it foretells the next.
type pace struct {
	mu        sync.Mutex
	perMinute float64 // spans; 0 before the first piece
}

const (
	pieceSpans = 4_000_000 // about 10 MB on the wire
	firstPiece = 5 * time.Minute
	bucketTime = bucketSeconds * time.Second
)

// pieces yields the windows to read one after the other. What is short is not
// cut; what is long is cut where the buckets of the sort key are, so that none
// is scanned twice.
func (p *pace) pieces(from, to time.Time) iter.Seq[window] {
	return func(yield func(window) bool) {
		for from.Before(to) {
			end := from.Add(p.length())
			if border := from.Truncate(bucketTime).Add(bucketTime); border.Before(end) && end.Before(to) {
				end = border
			}
			if end.After(to) {
				end = to
			}
			if !yield(window{from: from, to: end}) {
				return
			}
			from = end
		}
	}
}

// length is how much to read next: whole minutes, at most one bucket.
func (p *pace) length() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perMinute == 0 {
		return firstPiece
	}
	return min(max(1, time.Duration(pieceSpans/p.perMinute)), bucketTime/time.Minute) * time.Minute
}

// learn notes what a piece held. An empty one tells nothing.
func (p *pace) learn(w window, spans uint64) {
	if spans == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.perMinute = float64(spans) / w.minutes()
}
