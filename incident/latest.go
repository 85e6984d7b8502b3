package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// latest holds the newest round of each source, to compose words from. It is a
// value: what was handed out never changes.
type latest struct{ rounds []evaluator.Round } // one a source, in the order in which they first came

// stale is how far a source's findings may lie behind those of another before
// they say nothing any more.
const stale = 3 * time.Minute

// with gives what is known once r has come.
func (l latest) with(r evaluator.Round) latest {
	l.rounds = slices.Clone(l.rounds)
	l.take(r)
	return l
}

func (l *latest) take(r evaluator.Round) {
	if i := l.index(r.Source); i >= 0 {
		l.rounds[i] = r
		return
	}
	l.rounds = append(l.rounds, r)
}

func (l latest) index(source string) int {
	return slices.IndexFunc(l.rounds, func(r evaluator.Round) bool { return r.Source == source })
}

// due is when the newest of the rounds closed.
func (l latest) due() time.Time {
	var at time.Time
	for _, r := range l.rounds {
		if closed := r.At.Add(r.Lag); closed.After(at) {
			at = closed
		}
	}
	return at
}

// asOf is the newest minute that anything is known of.
func (l latest) asOf() time.Time {
	var at time.Time
	for _, r := range l.rounds {
		if r.At.After(at) {
			at = r.At
		}
	}
	return at
}

// findings gives what is known at at, the time of a decision: what is not too
// old. A source that lags is not behind; its rounds come when they are due.
func (l latest) findings(at time.Time) []evaluator.Finding {
	if len(l.rounds) == 1 {
		return l.rounds[0].Findings
	}
	var all []evaluator.Finding
	for _, r := range l.rounds {
		if at.Sub(r.At.Add(r.Lag)) <= stale {
			all = append(all, r.Findings...)
		}
	}
	return all
}

// turns says where a round's verdicts are others than those of the round
// before it. After a start everything is a turn: what an earlier process wrote
// down may have been by other rules.
func (l latest) turns(r evaluator.Round) []Turn {
	type seriesOf struct{ rule, service, region string }
	key := func(f evaluator.Finding) seriesOf { return seriesOf{f.Rule, f.Series.Service, f.Series.Region} }
	was := map[seriesOf]evaluator.Finding{}
	if i := l.index(r.Source); i >= 0 && !l.rounds[i].Again {
		for _, f := range l.rounds[i].Findings {
			was[key(f)] = f
		}
	}
	var turns []Turn
	for _, f := range r.Findings {
		k := key(f)
		before, known := was[k]
		delete(was, k)
		if known && before.Now == f.Now && before.Held == f.Held && before.Recovered == f.Recovered {
			continue
		}
		turns = append(turns, Turn{
			Minute: r.At, Rule: k.rule, Service: k.service, Region: k.region, Now: f.Now, Held: f.Held, Recovered: f.Recovered,
			Value: f.Value, Limit: f.Limit, Requests: f.Requests, Errors: f.Errors,
		})
	}
	for k, f := range was { // nothing is left of the series, or no rule looks at it any more
		if f.Now != evaluator.Unsure || f.Held != rules.SeverityNone || f.Recovered {
			turns = append(turns, Turn{Minute: r.At, Rule: k.rule, Service: k.service, Region: k.region})
		}
	}
	slices.SortFunc(turns, func(a, b Turn) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Region, b.Region))
	})
	return turns
}
