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
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Channel is a place that deliveries go to.
type Channel interface {
	Name() string
	// Publish brings d out and gives a receipt: what the target says that
	// identifies it, or a hash of what was written. It may be called again
	// with the same d. An error that wraps ErrPermanent is not tried again;
	// one that wraps *RetryAfter is tried no sooner than it says, and one that
	// wraps ErrMoot says why nothing had to be brought out.
	Publish(ctx context.Context, d Delivery) (receipt string, err error)
}

// Manner is how a channel wants its deliveries handled. The zero value asks for
// one at a time, promises nothing about repeats, and waits between attempts as
// most targets like it.
type Manner struct {
	// Lanes is how many deliveries may be under way at once; 0 is one.
	Lanes int
	// Ordered keeps the updates of an incident in order for each target: one
	// that waits to be tried again holds up the later ones. Calls to people are
	// never held up.
	Ordered bool
	// Waits is the time between two attempts, the last one from then on;
	// Attempts is how many there are. Both or none.
	Waits    []time.Duration
	Attempts int
	// Guarantee is what a crash between sending and recording can do.
	Guarantee Guarantee
}

// Mannered is a channel that does not go with the zero Manner.
type Mannered interface{ Manner() Manner }

// Guarantee says what becomes of a delivery that is repeated, since nobody knows
// whether it went out: none is ever lost, and this is whether one can be seen
// twice.
type Guarantee uint8

const (
	Repeats  Guarantee = iota // the target can be told twice, with the same id
	Keyed                     // the target, or what listens there, knows the delivery's key and drops the second
	ReadBack                  // the channel looks at the target first, and finds what is there
)

// String gives the words of the documentation.
func (g Guarantee) String() string {
	switch g {
	case Keyed:
		return "idempotency key"
	case ReadBack:
		return "read-back"
	default:
		return "neither"
	}
}

// Spreader is a channel that brings a delivery to many targets, each on its own:
// a mail to every address of a list. Targets is asked once for each row that
// names none; from then on each target has a row of its own. No targets are
// fine: nobody is to be told.
type Spreader interface {
	Targets(ctx context.Context, d Delivery) ([]string, error)
}

// Delivery is one thing to bring out.
type Delivery struct {
	Channel string
	Key     string // idempotency key; "" for a page
	Target  string // whom it is for, of a channel that is a Spreader; else ""
	Seq     uint64 // of the event that called for it, or of the newest it stands for
	Attempt int    // from 1
	At      time.Time

	// Public is all that may be said. Incident is the place in
	// Public.Incidents or Public.Past of the incident that the delivery is
	// about, and Update of the update in it, nil for a page.
	Public   templates.Public
	Incident *templates.Incident
	Update   *templates.Update

	// Inside says that customers do not read the update: Incident is not the one in
	// Public then, and holds all that was said of it.
	Inside bool

	// Notice is what the delivery is about where it calls people; Public is
	// empty then, and so are Incident and Update. It is never shown to
	// customers. People are those who are called.
	Notice *templates.Notice
	People []rules.Person
}

// ErrPermanent marks a failure that no repeat will mend.
var ErrPermanent = errors.New("not tried again")

// ErrGone marks a failure after which the channel is not tried at all any more,
// until a person says otherwise: the target wants to hear nothing. It is
// permanent, too.
var ErrGone = fmt.Errorf("%w: the target wants no more deliveries", ErrPermanent)

// ErrMoot marks a delivery that need not go out: what is said by itself later makes
// it untrue, or the target is to hear nothing of it. It is as good as delivered.
var ErrMoot = errors.New("it need not go out")

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
	Target   string // of a row that a Spreader made; else ""
	Incident string // "" for a page
	Seq      uint64
	Severity rules.Severity // the worse, the sooner
	Call     bool           // it calls people
	Due      time.Time      // not before
	Queued   time.Time      // when it was first due
	Attempts int            // so far
	LastErr  string
}

// Ask is what a channel asks the outbox for.
type Ask struct {
	Channel string
	Now     time.Time
	N       int  // rows at most
	Ordered bool // as Manner.Ordered
}

// Outbox is where deliveries wait. The store implements it.
type Outbox interface {
	// Due gives rows that are due: calls to people first, of the same kind the worst
	// severity, of those the oldest event. next is when to look again for the
	// one after them (zero: none waits).
	Due(ctx context.Context, a Ask) (rows []Row, next time.Time, err error)
	// Spread puts a row for each target in the place of one that names none, all
	// or nothing.
	Spread(ctx context.Context, id int64, targets []string, at time.Time) error
	// Done records the receipt. A page row that a newer event has moved on
	// meanwhile stays due: seq is the one that was published.
	Done(ctx context.Context, id int64, seq uint64, receipt string, at time.Time) error
	// Again records a failure and when to try next.
	Again(ctx context.Context, id int64, reason string, next time.Time) error
	// Dead records that it will not be tried any more.
	Dead(ctx context.Context, id int64, reason string, at time.Time) error
	// Halt records that nothing goes to a channel any more until a person says
	// otherwise; Halted gives why not, "" if it is not so.
	Halt(ctx context.Context, channel, reason string, at time.Time) error
	Halted(ctx context.Context, channel string) (reason string, err error)
}

// Memory is what a channel remembers of its target, such as the ID that the
// target gave to what stands for an incident. It is a help and no proof: a crash
// can lose the newest entry. The store implements it.
type Memory interface {
	// Recall gives what was remembered under a name, "" if nothing was; to Remember
	// "" is to forget.
	Recall(ctx context.Context, channel, name string) (string, error)
	Remember(ctx context.Context, channel, name, value string) error
}
