// Package evaluator turns minutes into findings. It keeps rings of minutes and
// judges every rule over every window from them, so that the cost of a tick is
// the newest minutes, whatever the windows and however many the rules.
//
// Judging has no memory: whether something was bad for five minutes is read
// from the minutes and never from a pending state. A finding states facts about
// one rule, one series and one minute; who remembers what is open is the
// incident's board. Everything but loop.go is pure: it does no I/O, waits for
// nothing and never asks for the time.
package evaluator

import (
	"context"
	"iter"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Source is what the loop reads minutes from.
type Source interface {
	// Minutes yields every series' minutes that start in [from, to), both
	// whole minutes, in any order, each at most once. A minute without
	// requests is not yielded. It ends at the first error, after which the
	// minutes yielded before must not be believed. What lies in except is not
	// asked for, and need not be read.
	Minutes(ctx context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error]
}

// Verdict is what a window says. The zero value opens nothing and resolves
// nothing.
type Verdict uint8

const (
	Unsure Verdict = iota // no requests, or too few to call it bad while over the limit
	Good                  // there were requests and the value is within the limit
	Bad                   // over the limit, with its confidence bound
)

func (v Verdict) String() string { return [...]string{"unsure", "good", "bad"}[v] }

// Finding is the facts about one rule, one series and one minute.
type Finding struct {
	Rule      string
	Component string
	Kind      rules.Kind
	Series    telemetry.Series // a region's silence has no service
	At        time.Time        // end of the judged minute; the window is [At−window, At)

	Now  Verdict        // the window against the mildest level
	Held rules.Severity // the worst level that has held for its `for`

	// Floor is the severity below which an incident that is open may not fall:
	// the worst level whose limit the windows have not stayed within for
	// recover.for, and the mildest until it has recovered. It means nothing
	// where none is open.
	Floor     rules.Severity
	Recovered bool          // `recover` has held for its `for`
	Calm      time.Duration // how long `recover` has held, at most its `for`

	// Seen says that there was something to go by; without it Value means
	// nothing.
	Seen bool

	// Value and Limit are in the unit of the rule's levels; for a burn rate
	// the factor, for silence minutes. The limit is that of the level in Held,
	// else of the mildest, or what its baseline allows where that is more.
	Value    float64
	Limit    float64
	Requests uint64 // in the window, as stored; for pNN those with a usable duration; 1 for a gauge
	Errors   uint64 // of those, the ones that count: failed, with the codes, slower than Limit
	Began    time.Time
	LastSeen time.Time // end of the newest minute with requests that is still known; zero if none
	Why      string    // one sentence a person can check; private
}

// Round is what the loop hands on: the findings of one minute, or that there
// are none to be had.
type Round struct {
	Source   string        // whose rules were judged: rules.SourceSpans or rules.SourceProbes
	Lag      time.Duration // of the source: the minute was closed at At+Lag
	At       time.Time     // end of the judged minute
	Findings []Finding     // in the order of rules, then of series

	// Live says that the minute was judged when it was due. A minute judged
	// later (after a stop, after the store was away) tells what was, and
	// promises nothing.
	Live bool

	// Again says that the minute was judged before, by an earlier process:
	// its findings are facts to compose words from, and change nothing.
	Again bool

	// Reloaded says that the rules have changed: the minute was judged before,
	// and these are the findings of the new ones; Now is when.
	Reloaded bool

	// Blind says that no minute could be judged, since the source did not
	// answer; At is then the end of the last judged minute, Now the time of
	// the tick, and Why what the source said.
	Blind bool
	Now   time.Time
	Why   string

	// Skipped is how much time before this minute was never judged, because
	// the stop was longer than catch_up.
	Skipped time.Duration
}
