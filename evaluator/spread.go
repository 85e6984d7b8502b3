package evaluator

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// wide is one condition on how widely a rule holds.
type wide struct{ rules.Spread }

// extent is how widely the findings of a rule have something in common.
type extent struct {
	regions, of     int // regions, and how many of them count
	requests, among uint64
}

// idle is how long a region must have sent nothing to be left out of what "all
// regions" means.
const idle = time.Hour

// extentOf measures the findings that match. A region counts if it has traffic,
// had some within the hour, or matches: an idle one is no evidence of health,
// and none of trouble, but one that wakes now and then must not turn the
// severity each time.
func extentOf(fs []Finding, matches func(Finding) bool) extent {
	type region struct{ any, bad bool }
	all := map[string]region{}
	var e extent
	for _, f := range fs {
		r := all[f.Series.Region]
		r.bad = r.bad || matches(f)
		r.any = r.any || f.Seen || r.bad || f.At.Sub(f.LastSeen) <= idle
		all[f.Series.Region] = r
	}
	for _, r := range all {
		if r.any {
			e.of++
		}
		if r.bad {
			e.regions++
		}
	}
	for _, f := range fs {
		e.among += f.Requests
		if all[f.Series.Region].bad {
			e.requests += f.Requests
		}
	}
	return e
}

func (w wide) met(e extent) bool {
	switch {
	case w.AllRegions:
		return e.regions >= 2 && e.regions == e.of
	case w.Regions > 0:
		return e.regions >= w.Regions
	default:
		return e.among > 0 && float64(e.requests)/float64(e.among) > w.Share
	}
}

func (w wide) words(e extent) string {
	if w.AllRegions || w.Regions > 0 {
		return fmt.Sprintf("%d of %d regions", e.regions, e.of)
	}
	return fmt.Sprintf("regions with %s of the requests", percent(float64(e.requests)/float64(e.among)))
}

// stays is the part of a share of traffic down to which what was raised by it
// stays up.
const stays = 0.8

// spread raises the findings of a rule that holds widely. What keeps the
// severity up is measured by the regions that have not recovered yet: so it
// eases only after the soak of one of them.
func spread(rule *rules.Rule, fs []Finding) {
	if len(rule.Spread) == 0 {
		return
	}
	held := extentOf(fs, func(f Finding) bool { return f.Held != rules.SeverityNone })
	open := extentOf(fs, func(f Finding) bool { return f.Floor != rules.SeverityNone })
	conditions := slices.SortedFunc(slices.Values(rule.Spread), func(a, b rules.Spread) int { return cmp.Compare(b.Severity, a.Severity) })
	for i := range fs {
		f := &fs[i]
		for _, s := range conditions {
			w := wide{s}
			if f.Held != rules.SeverityNone && f.Held < s.Severity && w.met(held) {
				f.Held = s.Severity
				f.Why += fmt.Sprintf("; %s, since it holds in %s", s.Severity, w.words(held))
			}
			s.Share *= stays
			if f.Floor != rules.SeverityNone && (wide{s}).met(open) {
				f.Floor = max(f.Floor, s.Severity)
			}
		}
		f.Floor = max(f.Floor, f.Held)
	}
}
