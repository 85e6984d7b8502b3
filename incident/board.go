package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Board is everything that is known, folded from the events. It is a value: a
// board that was handed out never changes.
type Board struct {
	Seq    uint64     // of the newest event in it
	Since  time.Time  // of the data of the first event: nothing is known of what was before
	Open   []Incident // in the order of opening; of those that are not private, one a component at the most
	Past   []Incident // in the order of resolution
	Senses map[Cell]Sensing
	Blind  time.Time // since when the source does not answer; zero: it does

	// Plans holds the maintenance that is under way, and since when.
	Plans map[string]time.Time

	// Works holds the maintenance that customers were told of, each stretch of it,
	// in the order of the telling: what is to come, under way and not long over.
	Works []Work

	planned time.Time // of the newest event about maintenance

	muted map[Cause]mute // by rule, service and region: what was last said to be kept quiet

	waived  map[Cause]rules.Severity // what was still bad when a person closed its incident: it opens nothing until it is worse, or was well
	numbers map[int]int              // the highest number given in each year

	// own says that nobody else has seen the lists of this board, which may be
	// written over: so while a log is folded, which would copy them for each event.
	own bool
}

// LeftBad lists what was bad when a person closed its incident and has neither been
// well nor got worse since: nothing is open by it, and it is not known to be well.
func (b Board) LeftBad() []Cause {
	all := make([]Cause, 0, len(b.waived))
	for k, severity := range b.waived {
		k.Severity = severity
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Region, b.Region))
	})
	return all
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

// On gives the open incident that what is found of a component belongs to. A
// private one is none: what customers feel has an incident of its own.
func (b Board) On(component string) (Incident, bool) {
	i := slices.IndexFunc(b.Open, func(i Incident) bool { return !i.Private && i.Covers(component) })
	if i < 0 {
		return Incident{}, false
	}
	return b.Open[i], true
}

// Find gives an incident, open or past.
func (b Board) Find(id ID) (Incident, bool) {
	if id == "" {
		return Incident{}, false // few are explained or merged by another, and there may be years of them
	}
	for _, list := range [][]Incident{b.Open, b.Past} {
		for i := range list {
			if list[i].ID == id {
				return list[i], true
			}
		}
	}
	return Incident{}, false
}

// next gives the number of the next incident of a year.
func (b Board) next(year int) ID { return ID(fmt.Sprintf("INC-%04d-%04d", year, b.numbers[year]+1)) }
