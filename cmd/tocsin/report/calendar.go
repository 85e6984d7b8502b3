package report

import "time"

// calendar writes times for people, in one zone.
type calendar struct{ zone *time.Location }

func (c calendar) clock(t time.Time) string { return t.In(c.zone).Format("15:04") }
func (c calendar) day(t time.Time) string   { return t.In(c.zone).Format("Mon 2 Jan") }
func (c calendar) moment(t time.Time) string {
	return c.day(t) + " " + c.clock(t)
}
func (c calendar) full(t time.Time) string { return t.In(c.zone).Format("Mon 2 Jan 2006 15:04") }

// Moment and Full are for templates.
func (c calendar) Moment(t time.Time) string { return c.moment(t) }
func (c calendar) Full(t time.Time) string   { return c.full(t) }

// since writes t, with the day only where it is not ref's.
func (c calendar) since(ref, t time.Time) string {
	if c.day(ref) == c.day(t) && t.Sub(ref).Abs() < 48*time.Hour {
		return c.clock(t)
	}
	return c.moment(t)
}

// stretch writes from … to.
func (c calendar) stretch(from, to time.Time) string {
	if until := c.since(from, to); len(until) == len("15:04") {
		return c.moment(from) + "–" + until
	}
	return c.moment(from) + " – " + c.moment(to)
}
