package incident

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// ErrJudged refuses a batch whose minute was judged before.
var ErrJudged = errors.New("judged before")

// Batch is what one decision writes, all of it or nothing.
type Batch struct {
	Events []Event

	// Judged is the end of the minute whose findings gave the events; zero
	// when they came from elsewhere. It moves the watermark, and it is
	// recorded once: a batch whose minute is not newer than the watermark is
	// refused with ErrJudged. Each source has a watermark of its own.
	Judged time.Time
	Source string

	// Turns is where the judged minute's verdicts differ from those of the
	// minute before.
	Turns []Turn

	// Marks say what is known of the judged minute, Readings what was measured in it of
	// what customers may see.
	Marks    []Mark
	Readings []Reading

	Recorded time.Time // when the batch is written

	Audit *AuditEntry // what a person did to cause it; nil if nobody did
}

// AuditEntry is one thing that somebody did, or tried to.
type AuditEntry struct {
	At       time.Time `json:"at"`
	Who      string    `json:"who"` // ID of the person; "" if nobody was signed in
	Role     string    `json:"role,omitzero"`
	Via      string    `json:"via,omitzero"` // "cli", "api", "console", "slack"
	From     string    `json:"from,omitzero"`
	Action   string    `json:"action"`
	Incident ID        `json:"incident,omitzero"`
	Why      string    `json:"why,omitzero"`
	Outcome  string    `json:"outcome"` // "done", or why not
}

// Turn is a change of what is known of one rule and series, with the numbers
// that it rests on: from it one can tell, months later, why. The verdict holds
// until the series' next turn.
type Turn struct {
	Minute    time.Time // end of the judged minute
	Rule      string
	Service   string
	Region    string
	Now       evaluator.Verdict // Unsure, too, once a series is not looked at any more
	Held      rules.Severity
	Recovered bool
	Value     float64
	Limit     float64
	Requests  uint64
	Errors    uint64
}

// Log keeps events. It stores a batch's events, their posts and the watermark
// in one transaction.
type Log interface {
	// Append writes the batch and gives its events back with their Seq and
	// Recorded filled in.
	Append(ctx context.Context, b Batch) ([]Event, error)
	// All yields every event, oldest first.
	All(ctx context.Context) iter.Seq2[Event, error]
	// After yields those that came after the one with that Seq, oldest first.
	After(ctx context.Context, seq uint64) iter.Seq2[Event, error]
}
