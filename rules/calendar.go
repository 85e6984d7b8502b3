package rules

import (
	"slices"
	"time"
)

// Within is a limit on time: so long, or so many business days.
type Within struct {
	Time time.Duration
	Days int // business days, written 1bd; Time is 0 then
}

// Calendar says when there is business: on Days from From until To by the clock
// on the wall of Zone, holidays excepted. The zero Calendar has no business at
// all; Config.Business never is one.
type Calendar struct {
	Zone     *time.Location
	Days     []time.Weekday // in the order of the week, from Sunday
	From, To time.Duration  // since midnight, whole minutes, From before To
	Holidays []string       // "2026-12-25", in their order
}

// DefaultCalendar is business from Monday to Friday, 9 to 18 o'clock.
func DefaultCalendar(zone *time.Location) Calendar {
	return Calendar{
		Zone: zone, From: 9 * time.Hour, To: 18 * time.Hour,
		Days: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
	}
}

// Open reports whether there is business at a time.
func (c Calendar) Open(at time.Time) bool {
	from, to, ok := c.on(at.In(c.zone()).Date())
	return ok && !at.Before(from) && at.Before(to)
}

// on gives the business hours of a day; ok is false on one without any. That is
// also one on which the clock jumps over all of them.
func (c Calendar) on(y int, m time.Month, d int) (from, to time.Time, ok bool) {
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC) // only its date is asked
	if c.Zone == nil || !slices.Contains(c.Days, day.Weekday()) || slices.Contains(c.Holidays, day.Format(time.DateOnly)) {
		return time.Time{}, time.Time{}, false
	}
	wall := func(since time.Duration) time.Time {
		return time.Date(y, m, d, int(since.Hours()), int(since.Minutes())%60, 0, 0, c.Zone)
	}
	from, to = wall(c.From), wall(c.To)
	return from, to, from.Before(to)
}

// farthest is for how many days on end business is looked for: a calendar whose
// holidays leave no day free for so long has none.
const farthest = 400

// Add gives the time at which so much business time has gone by since from. A
// calendar without any business counts all time.
func (c Calendar) Add(from time.Time, d time.Duration) time.Time {
	y, m, day := from.In(c.zone()).Date()
	left := d
	for i, idle := 0, 0; idle < farthest; i++ {
		idle++
		begin, end, ok := c.on(y, m, day+i)
		if begin.Before(from) {
			begin = from
		}
		if !ok || !begin.Before(end) {
			continue
		}
		room := end.Sub(begin)
		if left <= room {
			return begin.Add(left)
		}
		left, idle = left-room, 0
	}
	return from.Add(d)
}

// AddDays gives the time on the n-th business day after from: the same time of day
// if that lies within business hours, the begin of business if it is before,
// and the end if it is after. A calendar without any business counts all days.
func (c Calendar) AddDays(from time.Time, n int) time.Time {
	local := from.In(c.zone())
	y, m, day := local.Date()
	seen := 0
	for i, idle := 1, 0; idle < farthest; i++ {
		idle++
		begin, end, ok := c.on(y, m, day+i)
		if !ok {
			continue
		}
		if seen, idle = seen+1, 0; seen < n {
			continue
		}
		same := time.Date(y, m, day+i, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), c.zone())
		switch {
		case same.Before(begin):
			return begin
		case same.After(end):
			return end
		}
		return same
	}
	return from.AddDate(0, 0, n)
}

func (c Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}
