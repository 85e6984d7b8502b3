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
	Blind     bool // data are missing since it, or since before it
	Dark      bool // nothing was measured
	Thin      bool // too little was measured to say that nothing happened
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
	URL       string    // of its own page
	Earlier   time.Time // the month listed before it; zero: none is
	Later     time.Time // the month listed after it
	Unwatched bool
	Incidents []Span // newest first
}

const (
	pastDays   = 14
	pastMonths = 24 // that are listed though nothing happened
	newMonths  = 3  // in full on the first page of the history
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
func (w *catalogue) days(p Public) []Day {
	now, all := p.now(), newestFirst(p)
	if now.IsZero() || p.Checked.IsZero() && len(all) == 0 {
		return nil
	}
	var list []Day
	measures := measuresByDay(p)
	for n := range pastDays {
		date := midnight(now).AddDate(0, 0, -n)
		next := date.AddDate(0, 0, 1)
		d := Day{
			Date: date, Today: n == 0,
			Unwatched: !p.Since.IsZero() && !p.Since.Before(next),
			Blind:     !p.Blind.IsZero() && p.Blind.Before(next),
		}
		if sum, ok := measures[date]; ok && sum.Unknown > 0 {
			cover, some := sum.Coverage()
			d.Dark = !some || cover == 0
			d.Thin = cover < measured
		}
		for _, i := range all {
			if began(i).Before(next) && (i.Resolved.IsZero() || !i.Resolved.Before(date)) {
				d.Incidents = append(d.Incidents, Span{w.viewOf(p, i, "", 1), began(i).Before(date)})
			}
		}
		list = append(list, d)
	}
	return list
}

// measuresByDay gives the minutes of all components together for each day that
// is on record.
func measuresByDay(p Public) map[time.Time]Minutes {
	all := map[time.Time]Minutes{}
	for _, c := range p.Components {
		for _, d := range c.Record.Days {
			date := midnight(d.Date)
			all[date] = all[date].And(d.Minutes)
		}
	}
	return all
}

// byDay puts incidents under the days that they began on, in the order given.
func byDay(spans []Span) []Day {
	var list []Day
	for _, x := range spans {
		date := x.Began
		if !date.IsZero() {
			date = midnight(date)
		}
		if n := len(list); n == 0 || !list[n-1].Date.Equal(date) {
			list = append(list, Day{Date: date})
		}
		last := &list[len(list)-1]
		last.Incidents = append(last.Incidents, x)
	}
	return list
}

// ByDay gives the incidents of a month by the days that they began on.
func (m Month) ByDay() []Day { return byDay(m.Incidents) }

// ByDay gives the past incidents of a part by the days that they began on.
func (v PartView) ByDay() []Day { return byDay(v.Past) }

// EarlierURL gives where the month before is.
func (m Month) EarlierURL() string { return "../" + MonthFile(m.Earlier) }

// LaterURL gives where the month after is.
func (m Month) LaterURL() string { return "../" + MonthFile(m.Later) }

// months gives the history, this month first. Each incident is in the month that
// it began in.
func (w *catalogue) months(p Public) (list []Month) {
	all := newestFirst(p)
	now := p.now()
	if now.IsZero() {
		if len(all) == 0 {
			return nil
		}
		now = began(all[0])
	}
	first, never := monthOf(now), p.Checked.IsZero() && len(all) == 0
	for n := 0; ; n++ {
		date := first.AddDate(0, -n, 0)
		m := Month{Date: date, Unwatched: never || !p.Since.IsZero() && !p.Since.Before(date.AddDate(0, 1, 0)), URL: "../" + MonthFile(date)}
		for len(all) > 0 && (began(all[0]).IsZero() || !began(all[0]).Before(date)) {
			m.Incidents = append(m.Incidents, Span{IncidentView: w.viewOf(p, all[0], "../", 1)})
			all = all[1:]
		}
		done := len(all) == 0
		if n >= pastMonths && len(m.Incidents) == 0 {
			if done {
				return list
			}
			continue
		}
		list = append(list, m)
		if done && (p.Since.IsZero() || !p.Since.Before(date)) {
			return list
		}
	}
}

// monthOf gives the first moment of a month.
func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// MonthFile gives the name of the page of a month: "history/2026-05.html".
func MonthFile(month time.Time) string { return "history/" + month.UTC().Format("2006-01") + ".html" }

// Months lists the months that have a page of their own, newest first.
func Months(p Public) []time.Time {
	var list []time.Time
	for _, m := range english.months(p) {
		list = append(list, m.Date)
	}
	return list
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
