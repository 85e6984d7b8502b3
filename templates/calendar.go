package templates

import (
	"slices"
	"time"
)

// Day is one of the past days.
type Day struct {
	Date      time.Time
	Today     bool
	Unwatched bool // before there were any data
	Blind     bool // data are missing for a part of it
	Incidents []Span
}

// Span is an incident in a list by day or month.
type Span struct {
	IncidentView
	Carried bool // it began on an earlier day
}

// Month is one month of the history.
type Month struct {
	Date      time.Time
	Unwatched bool
	Incidents []Span // newest first
}

const (
	pastDays   = 14
	pastMonths = 24   // that are shown though nothing happened
	listed     = 1000 // incidents on the page of the history
)

// now gives the time that a page speaks from.
func (p Public) now() time.Time {
	if p.Rendered.IsZero() {
		return p.Checked
	}
	return p.Rendered
}

// days gives the past days, today first, each with every incident that touched
// it. It gives none while nothing was ever measured: "no incidents" would be a
// claim.
func days(p Public) []Day {
	now, all := p.now(), newestFirst(p)
	if now.IsZero() || p.Checked.IsZero() && len(all) == 0 {
		return nil
	}
	var list []Day
	for n := range pastDays {
		date := midnight(now).AddDate(0, 0, -n)
		next := date.AddDate(0, 0, 1)
		d := Day{
			Date: date, Today: n == 0,
			Unwatched: !p.Since.IsZero() && !p.Since.Before(next),
			Blind:     !p.Blind.IsZero() && p.Blind.Before(next),
		}
		for _, i := range all {
			if began(i).Before(next) && (i.Resolved.IsZero() || !i.Resolved.Before(date)) {
				d.Incidents = append(d.Incidents, Span{viewOf(p, i, "", 1), began(i).Before(date)})
			}
		}
		list = append(list, d)
	}
	return list
}

// months gives the history, this month first, and how many of the oldest
// incidents are left out.
func months(p Public) (list []Month, older int) {
	all := newestFirst(p)
	if len(all) > listed {
		older = len(all) - listed
		all = all[:listed]
	}
	now := p.now()
	if now.IsZero() {
		if len(all) == 0 {
			return nil, 0
		}
		now = began(all[0])
	}
	first := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	for n := 0; ; n++ {
		date := first.AddDate(0, -n, 0)
		m := Month{Date: date, Unwatched: !p.Since.IsZero() && !p.Since.Before(date.AddDate(0, 1, 0))}
		for len(all) > 0 && (began(all[0]).IsZero() || !began(all[0]).Before(date)) {
			m.Incidents = append(m.Incidents, Span{IncidentView: viewOf(p, all[0], "../", 1)})
			all = all[1:]
		}
		done := len(all) == 0
		if n >= pastMonths && len(m.Incidents) == 0 {
			if done {
				return list, older
			}
			continue
		}
		list = append(list, m)
		if done && (p.Since.IsZero() || !p.Since.Before(date)) {
			return list, older
		}
	}
}

// newestFirst gives all incidents by their beginning.
func newestFirst(p Public) []Incident {
	all := slices.Concat(p.Incidents, p.Past)
	slices.SortStableFunc(all, func(a, b Incident) int { return began(b).Compare(began(a)) })
	return all
}

// began gives when an incident began, as far as it is known.
func began(i Incident) time.Time {
	switch {
	case !i.Began.IsZero():
		return i.Began
	case !i.Detected.IsZero():
		return i.Detected
	case len(i.Updates) > 0:
		return i.Updates[len(i.Updates)-1].Said
	default:
		return time.Time{}
	}
}
