package report

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// A night is from 22:00 to 07:00 by the clock on the wall.
const (
	nightFalls = 22
	nightEnds  = 7
)

// wakes is the mildest severity that people are woken for.
const wakes = rules.P1

// night gives the date on which the night that at lies in began.
func night(at time.Time, zone *time.Location) (date time.Time, ok bool) {
	at = at.In(zone)
	y, m, d := at.Date()
	switch {
	case at.Hour() >= nightFalls:
	case at.Hour() < nightEnds:
		d--
	default:
		return time.Time{}, false
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC), true
}

// nights counts the nights of a time in which there was data, those in which somebody was woken, and
// how often. Who is woken twice in the same minute is woken once.
func nights(from, to time.Time, zone *time.Location, incidents []Incident, data *Data) Nights {
	n := Nights{Wakings: []time.Time{}}
	for _, i := range incidents {
		n.Wakings = append(n.Wakings, i.Wakings...)
	}
	slices.SortFunc(n.Wakings, time.Time.Compare)
	n.Wakings = slices.CompactFunc(n.Wakings, time.Time.Equal)

	all, woken := map[time.Time]bool{}, map[time.Time]bool{}
	for at := from; at.Before(to); at = at.Truncate(quarter).Add(quarter) {
		if d, ok := night(at, zone); ok && data.has(at) {
			all[d] = true
		}
	}
	for _, at := range n.Wakings {
		if d, ok := night(at, zone); ok {
			all[d], woken[d] = true, true
		}
	}
	n.All, n.Woken = len(all), len(woken)
	return n
}

// wakings gives the times at which the steps rose to what people are woken for,
// at night.
func wakings(steps []Step, zone *time.Location) []time.Time {
	var out []time.Time
	was := rules.SeverityNone
	for _, s := range steps {
		if _, dark := night(s.told, zone); dark && s.Severity >= wakes && s.Severity > was {
			out = append(out, s.told)
		}
		was = s.Severity
	}
	return out
}
