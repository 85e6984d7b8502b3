package incident

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrJudged refuses a batch whose minute was judged before.
var ErrJudged = errors.New("judged before")

// Batch is what one decision writes, all of it or nothing.
type Batch struct {
	Events []Event

	// Judged is the end of the minute whose findings gave the events; zero
	// when they came from elsewhere. It moves the watermark, and it is
	// recorded once: a batch whose minute is not newer than the watermark is
	// refused with ErrJudged.
	Judged time.Time

	Recorded time.Time // when the batch is written
}

// Log keeps events. It stores a batch's events, their posts and the watermark
// in one transaction.
type Log interface {
	// Append writes the batch and gives its events back with their Seq and
	// Recorded filled in.
	Append(ctx context.Context, b Batch) ([]Event, error)
	// All yields every event, oldest first.
	All(ctx context.Context) iter.Seq2[Event, error]
}
