package incident

import (
	"context"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// Rehearsal is a desk without a clock and without a log: it decides what the
// desk would have decided, round by round, as fast as rounds are given. Replay
// and rule tests are made of it.
type Rehearsal struct {
	config *rules.Config
	board  Board
	events []Event
	latest latest
}

// NewRehearsal begins with an empty board.
func NewRehearsal(config *rules.Config) *Rehearsal { return &Rehearsal{config: config} }

// Judge takes the next round. Promises that came due before it are kept first,
// as the desk's clock would have.
func (r *Rehearsal) Judge(_ context.Context, round evaluator.Round) error {
	at := round.At.Add(round.Lag)
	if round.Blind {
		at = round.Now
	}
	r.Until(at)
	in := Input{Config: r.config, Round: &round, Latest: r.latest.findings(r.latest.due()), AsOf: r.latest.asOf(), Known: true}
	if !round.Blind {
		r.latest.take(round)
		in.Latest, in.AsOf = r.latest.findings(round.At.Add(round.Lag)), round.At
	}
	r.apply(in, at)
	return nil
}

// Until does what falls due before at.
func (r *Rehearsal) Until(at time.Time) {
	for {
		in := Input{Config: r.config, Latest: r.latest.findings(r.latest.due()), AsOf: r.latest.asOf(), Known: true}
		due := r.board.NextDue(in, at)
		if due.IsZero() || !due.Before(at) {
			return
		}
		before := len(r.events)
		r.apply(in, due)
		if len(r.events) == before {
			return // nothing to say of it; asking again would say the same
		}
	}
}

func (r *Rehearsal) apply(in Input, at time.Time) {
	for _, e := range r.board.Decide(in, at) {
		e.Seq, e.Recorded = uint64(len(r.events)+1), at
		r.events = append(r.events, e)
		r.board = r.board.With(e)
	}
}

// Events gives what has happened so far, in order.
func (r *Rehearsal) Events() []Event { return r.events }

// Board gives what is known now.
func (r *Rehearsal) Board() Board { return r.board }
