package incident

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Board is everything that is known, folded from the events. It is a value: a
// board that was handed out never changes.
type Board struct {
	Seq    uint64     // of the newest event in it
	Since  time.Time  // of the data of the first event: nothing is known of what was before
	Open   []Incident // in the order of opening; one a component at the most
	Past   []Incident // in the order of resolution
	Senses map[Cell]Sensing
	Blind  time.Time // since when the source does not answer; zero: it does

	// Plans holds the maintenance that is under way, and since when.
	Plans map[string]time.Time
	muted map[Cause]mute // by rule, service and region: what was last said to be kept quiet

	numbers map[int]int // the highest number given in each year
}

// Cell is a component in a region.
type Cell struct{ Component, Region string }

// mute is what kept a cause from being raised, in which stretch of it.
type mute struct {
	plan  string
	since time.Time
}

// Sensing is what can be seen of a cell, and since when.
type Sensing struct {
	Sense Sense
	Since time.Time
}

// Incident is one incident.
type Incident struct {
	ID        ID
	Component string
	State     State
	Began     time.Time // the first bad minute
	Detected  time.Time // when the first level had held
	Resolved  time.Time // zero while open
	Peak      rules.Severity
	Causes    []Cause // in the order in which they came
	Updates   []Update

	// ExplainedBy is the incident of a component that this one's depends on,
	// which broke in the same region; "" if there was none.
	ExplainedBy ID

	// Promise is the time by which the next update was promised; zero while
	// nothing is promised. Missed promises are kept in Missed.
	Promise time.Time
	Missed  []time.Time
}

// Cause is one rule's breach in one region of one service.
type Cause struct {
	Rule     string
	Service  string
	Region   string
	Severity rules.Severity // none once recovered
	Peak     rules.Severity
	Began    time.Time
	Ended    time.Time // when it recovered; zero while it lasts
	Gone     bool      // it did not recover: no rule looks at it any more
}

// Severity is the worst that any cause demands now.
func (i Incident) Severity() rules.Severity {
	worst := rules.SeverityNone
	for _, c := range i.Causes {
		worst = max(worst, c.Severity)
	}
	return worst
}

// standing is the severity at which the incident is spoken of: what its causes
// demand, or what was said last while they demand nothing and it is not over.
func (i Incident) standing() rules.Severity {
	s := i.Severity()
	if s == rules.SeverityNone && i.State != StateResolved && len(i.Updates) > 0 {
		s = i.Updates[len(i.Updates)-1].Severity
	}
	return s
}

// Regions lists the regions touched so far, in the order in which they were.
func (i Incident) Regions() []string {
	var out []string
	for _, c := range i.Causes {
		if !slices.Contains(out, c.Region) {
			out = append(out, c.Region)
		}
	}
	return out
}

// RegionSeverity is the worst that any cause demands in a region now.
func (i Incident) RegionSeverity(region string) rules.Severity {
	worst := rules.SeverityNone
	for _, c := range i.Causes {
		if c.Region == region {
			worst = max(worst, c.Severity)
		}
	}
	return worst
}

// cause finds a cause, -1 if the incident has none like it.
func (i Incident) cause(rule, service, region string) int {
	return slices.IndexFunc(i.Causes, func(c Cause) bool {
		return c.Rule == rule && c.Service == service && c.Region == region
	})
}

// On gives the open incident of a component.
func (b Board) On(component string) (Incident, bool) {
	i := slices.IndexFunc(b.Open, func(i Incident) bool { return i.Component == component })
	if i < 0 {
		return Incident{}, false
	}
	return b.Open[i], true
}

// Find gives an incident, open or past.
func (b Board) Find(id ID) (Incident, bool) {
	for _, list := range [][]Incident{b.Open, b.Past} {
		if i := slices.IndexFunc(list, func(i Incident) bool { return i.ID == id }); i >= 0 {
			return list[i], true
		}
	}
	return Incident{}, false
}

// earliest gives the earliest promise.
func (b Board) earliest() (due time.Time, ok bool) {
	for _, i := range b.Open {
		if !i.Promise.IsZero() && (!ok || i.Promise.Before(due)) {
			due, ok = i.Promise, true
		}
	}
	return due, ok
}

// next gives the number of the next incident of a year.
func (b Board) next(year int) ID { return ID(fmt.Sprintf("INC-%04d-%04d", year, b.numbers[year]+1)) }

// With gives the board on which e has happened. It is the only place where
// state changes. An event that makes no sense here (an incident that is not
// open) changes nothing: the log is believed, never argued with.
func (b Board) With(e Event) Board {
	b.Seq = max(b.Seq, e.Seq)
	if b.Since.IsZero() {
		b.Since = e.At
	}
	switch e.Kind {
	case Opened:
		return b.open(e)
	case Sensed:
		b.Senses = with(b.Senses, Cell{e.Component, e.Region}, Sensing{e.Sense, e.Began})
	case Blinded:
		b.Blind = e.Began
	case Sighted:
		b.Blind = time.Time{}
	case Muted:
		b.muted = with(b.muted, Cause{Rule: e.Rule, Service: e.Service, Region: e.Region}, mute{e.Plan, e.Began})
	case Entered:
		b.Plans = with(b.Plans, e.Plan, e.Began)
	case Left:
		b.Plans = maps.Clone(b.Plans)
		delete(b.Plans, e.Plan)
	case Reopened:
		return b.reopen(e)
	case Skipped:
		// minutes that were never judged change nothing; the timeline has them
	default:
		if i := slices.IndexFunc(b.Open, func(i Incident) bool { return i.ID == e.Incident }); i >= 0 {
			return b.change(i, e)
		}
		// The last words about an incident follow its resolution.
		if i := slices.IndexFunc(b.Past, func(i Incident) bool { return i.ID == e.Incident }); i >= 0 && e.Kind == Updated {
			b.Past = slices.Clone(b.Past)
			b.Past[i] = b.Past[i].with(e)
		}
	}
	return b
}

// Fold gives the board on which all events of a log have happened.
func Fold(events iter.Seq2[Event, error]) (Board, error) {
	var b Board
	for e, err := range events {
		if err != nil {
			return Board{}, fmt.Errorf("read the timeline: %w", err)
		}
		b = b.With(e)
	}
	return b, nil
}

func (b Board) open(e Event) Board {
	var year, number int
	if _, err := fmt.Sscanf(string(e.Incident), "INC-%d-%d", &year, &number); err == nil {
		b.numbers = with(b.numbers, year, max(number, b.numbers[year]))
	}
	b.Open = append(slices.Clip(b.Open), Incident{
		ID: e.Incident, Component: e.Component, State: Investigating, Began: e.Began, Detected: e.At,
	})
	return b
}

// reopen puts a past incident back among the open ones.
func (b Board) reopen(e Event) Board {
	i := slices.IndexFunc(b.Past, func(i Incident) bool { return i.ID == e.Incident })
	if i < 0 {
		return b
	}
	in := b.Past[i]
	in.State, in.Resolved = Investigating, time.Time{}
	b.Past = slices.Delete(slices.Clone(b.Past), i, i+1)
	b.Open = append(slices.Clip(b.Open), in)
	return b
}

// change applies e to the i-th open incident, in a copy.
func (b Board) change(i int, e Event) Board {
	b.Open = slices.Clone(b.Open)
	in := b.Open[i].with(e)
	if in.State != StateResolved {
		b.Open[i] = in
		return b
	}
	b.Open = slices.Delete(b.Open, i, i+1)
	b.Past = append(slices.Clip(b.Past), in)
	return b
}

func (i Incident) with(e Event) Incident {
	switch e.Kind {
	case Raised, Eased, Recovered:
		i.Causes = slices.Clone(i.Causes)
		at := i.cause(e.Rule, e.Service, e.Region)
		if at < 0 {
			i.Causes = append(i.Causes, Cause{Rule: e.Rule, Service: e.Service, Region: e.Region, Began: e.Began})
			at = len(i.Causes) - 1
		}
		c := &i.Causes[at]
		if e.Kind == Raised && c.Severity == rules.SeverityNone {
			c.Began = e.Began // it came back: what was before it recovered is another breach
		}
		c.Severity, c.Ended, c.Gone = e.Severity, time.Time{}, false
		if e.Kind == Recovered {
			c.Severity, c.Ended, c.Gone = rules.SeverityNone, e.At, e.By == Tocsin
		}
		c.Peak = max(c.Peak, c.Severity)
		i.Peak = max(i.Peak, c.Severity)
		if e.Kind == Raised && !e.Began.IsZero() && e.Began.Before(i.Began) {
			i.Began = e.Began // a cause that came later may have begun earlier
		}
	case Surfaced:
		i.Began, i.Detected = e.Began, e.At
	case Linked:
		i.ExplainedBy = e.Cause
	case Moved:
		i.State = e.State
	case Updated:
		i.Updates = append(slices.Clip(i.Updates), *e.Update)
		if !e.Update.Late { // what nobody could read keeps no promise
			i.Promise = e.Update.Next
		}
	case Missed:
		i.Missed = append(slices.Clip(i.Missed), e.Due)
		i.Promise = time.Time{}
	case Resolved:
		i.State, i.Resolved = StateResolved, e.At
		i.Promise = time.Time{}
	}
	return i
}

// with gives a copy of m in which k is v.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	m = maps.Clone(m)
	if m == nil {
		m = make(map[K]V, 1)
	}
	m[k] = v
	return m
}
