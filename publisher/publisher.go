// Package publisher brings out what is due: it takes deliveries from the
// outbox, hands each to its channel, and records the receipt. A delivery that
// does not go out is tried again with growing waits, and one that never will is
// kept as a dead letter that people see.
//
// What is public is a type: every channel renders from templates.Public, an
// allow-list of fields that Project fills. The folders below are the channels.
package publisher

import (
	"context"
	"errors"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// Channel is a place that deliveries go to.
type Channel interface {
	Name() string
	// Publish brings d out and gives a receipt: what the target says that
	// identifies it, or a hash of what was written. It may be called again
	// with the same d. An error that wraps ErrPermanent is not tried again;
	// one that wraps *RetryAfter is tried no sooner than it says.
	Publish(ctx context.Context, d Delivery) (receipt string, err error)
}

// Delivery is one thing to bring out.
type Delivery struct {
	Channel string
	Key     string // idempotency key; "" for a page
	Seq     uint64 // of the event that called for it, or of the newest it stands for
	Attempt int    // from 1
	At      time.Time

	// Public is all that may be said. Incident is the place in
	// Public.Incidents or Public.Past of the incident that the delivery is
	// about, and Update of the update in it, nil for a page.
	Public   templates.Public
	Incident *templates.Incident
	Update   *templates.Update

	// Inside says that customers do not read the update: Incident is not in
	// Public then, and holds besides the update what was said before it.
	Inside bool

	// Notice is what the delivery is about where it calls people; Public is
	// empty then, and so are Incident and Update. It is never shown to
	// customers.
	Notice *templates.Notice
}

// ErrPermanent marks a failure that no repeat will mend.
var ErrPermanent = errors.New("permanent")

// RetryAfter is a failure whose target said when to come back.
type RetryAfter struct {
	Wait time.Duration
	Err  error
}

func (e *RetryAfter) Error() string { return e.Err.Error() }

// Unwrap gives what went wrong.
func (e *RetryAfter) Unwrap() error { return e.Err }

// Row is a delivery as the outbox keeps it.
type Row struct {
	ID       int64
	Channel  string
	Key      string
	Incident string // "" for a page
	Seq      uint64
	Due      time.Time // not before
	Attempts int       // so far
	LastErr  string
}

// Outbox is where deliveries wait. The store implements it.
type Outbox interface {
	// Due gives the channel's rows that are due at now, oldest event first,
	// at most n, and when the next one after them will be (zero: none waits).
	Due(ctx context.Context, channel string, now time.Time, n int) (rows []Row, next time.Time, err error)
	// Done records the receipt. A page row that a newer event has moved on
	// meanwhile stays due: seq is the one that was published.
	Done(ctx context.Context, id int64, seq uint64, receipt string, at time.Time) error
	// Again records a failure and when to try next.
	Again(ctx context.Context, id int64, reason string, next time.Time) error
	// Dead records that it will not be tried any more.
	Dead(ctx context.Context, id int64, reason string, at time.Time) error
}
