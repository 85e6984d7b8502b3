package publisher

import (
	"errors"
	"time"
)

// How long a failed delivery waits before it is tried again: the n-th entry
// after the n-th attempt, the last one from then on.
var (
	waits     = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}
	pageWaits = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}
	callWaits = []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
)

const (
	// maxAttempts is how often a delivery is tried before it is given up: with
	// the waits above, the last attempt comes almost a day after the first.
	maxAttempts = 29

	// callAttempts is how often a call to people is: for an hour. Those who do
	// not acknowledge are called anew meanwhile, and whoever hears of it a day
	// later is not helped.
	callAttempts = 34

	// longest is the most that a target can put a delivery off by.
	longest = 24 * time.Hour
)

// again gives the time until the next attempt of a row that has now failed
// with err, and whether there is one. A page is never given up: the next
// rendering tells all that the lost one would have.
func (m Manner) again(r Row, err error) (wait time.Duration, ok bool) {
	attempts := r.Attempts + 1
	list, most := waits, maxAttempts
	switch {
	case r.Key == "":
		return jitter(r.ID, attempts, step(pageWaits, attempts)), true
	case r.Call:
		list, most = callWaits, callAttempts
	case m.Attempts > 0:
		list, most = m.Waits, m.Attempts
	}
	if errors.Is(err, ErrPermanent) || attempts >= most {
		return 0, false
	}
	wait = jitter(r.ID, attempts, step(list, attempts))
	if later, ok := errors.AsType[*RetryAfter](err); ok {
		wait = max(wait, min(later.Wait, longest))
	}
	return wait, true
}

func step(waits []time.Duration, attempts int) time.Duration {
	return waits[min(attempts, len(waits))-1]
}

// jitter changes d by up to 10 % either way, so that deliveries that failed
// together do not come back together. It follows from the row and the attempt:
// the same story gives the same times.
func jitter(id int64, attempt int, d time.Duration) time.Duration {
	x := uint64(id)<<16 + uint64(attempt) // splitmix64's finish
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return d + time.Duration(int64(d)/10*int64(x%2001)/1000) - d/10
}
