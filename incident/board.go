package incident

import (
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
	muted map[Cause]mute // by rule, service and region: what was last said to be kept quiet

	waived  map[Cause]rules.Severity // what was still bad when a person closed its incident: it opens nothing until it is worse, or was well
	numbers map[int]int              // the highest number given in each year
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
