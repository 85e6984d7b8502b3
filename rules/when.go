package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the same file means the same times on a machine without time zones
)

// The years that a time may lie in: nobody plans beyond, and zones are whole
// minutes from UTC within.
const (
	firstYear = 2000
	lastYear  = 2199
)

// wall is a time as a clock on the wall shows it, without a zone.
type wall struct {
	year   int
	month  time.Month
	day    int
	minute int // since midnight, as on a day without a change of the clock
}

func (w wall) String() string {
	return time.Date(w.year, w.month, w.day, 0, w.minute, 0, 0, time.UTC).Format(wallLayout)
}

const wallLayout = "2006-01-02 15:04"

// times gives the moments at which clocks in a zone show w: one as a rule, none
// where they jump over it, two where they are put back.
func (w wall) times(zone *time.Location) []time.Time {
	utc := time.Date(w.year, w.month, w.day, 0, w.minute, 0, 0, time.UTC)
	var found []time.Time
	// Zones are at most 14 hours from UTC, and days have been skipped.
	for t, end := utc.Add(-48*time.Hour), utc.Add(48*time.Hour); t.Before(end); {
		_, offset := t.In(zone).Zone()
		_, until := t.In(zone).ZoneBounds()
		if until.IsZero() || until.After(end) {
			until = end
		}
		if m := utc.Add(-time.Duration(offset) * time.Second); !m.Before(t) && m.Before(until) {
			found = append(found, m)
		}
		t = until.UTC()
	}
	return found
}

// first gives the moment at which clocks in a zone first show w. Where they
// jump over it, that is the moment of the jump.
func (w wall) first(zone *time.Location) time.Time {
	if ts := w.times(zone); len(ts) > 0 {
		return ts[0]
	}
	return w.jump(zone)
}

// jump gives the moment at which clocks jump over w.
func (w wall) jump(zone *time.Location) time.Time {
	utc := time.Date(w.year, w.month, w.day, 0, w.minute, 0, 0, time.UTC)
	for t := utc.Add(-48 * time.Hour); ; {
		_, until := t.In(zone).ZoneBounds()
		if until.IsZero() {
			return utc // not to be reached: what does not exist was jumped over
		}
		if shown(until.In(zone)).After(utc) {
			return until.UTC()
		}
		t = until
	}
}

// shown gives what the clock shows at t, as if that were UTC.
func shown(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// parseTime reads "2026-12-01 22:00" by the clocks of a zone, "2026-12-01" for
// the midnight at which that day begins, or a time with a zone of its own
// ("2026-12-01T22:00:00Z"). It gives what is wrong with others.
func parseTime(s string, zone *time.Location) (t time.Time, why string) {
	const want = "want a time, as in 2026-12-01 22:00, 2026-12-01 or 2026-12-01T22:00:00+01:00"
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		if t, err = time.Parse(wallLayout, s); err != nil {
			t, err = time.Parse(time.DateOnly, s)
		}
		if err != nil {
			return time.Time{}, fmt.Sprintf("%s; found %q", want, shorten(s))
		}
		if t.Year() >= firstYear && t.Year() <= lastYear {
			w := wall{t.Year(), t.Month(), t.Day(), t.Hour()*60 + t.Minute()}
			ts := w.times(zone)
			if len(ts) != 1 {
				return time.Time{}, w.mistake(zone, ts)
			}
			t = ts[0]
		}
	}
	switch t = t.UTC(); {
	case t.Year() < firstYear || t.Year() > lastYear:
		return time.Time{}, fmt.Sprintf("want a year from %d to %d; found %q", firstYear, lastYear, shorten(s))
	case !t.Equal(t.Truncate(time.Minute)):
		return time.Time{}, fmt.Sprintf("want a whole minute; found %q", shorten(s))
	}
	return t, ""
}

// ParseTime reads a time as the configuration has it: by the clocks of a zone,
// unless it names its own. One that comes twice or never there is a mistake.
func ParseTime(s string, zone *time.Location) (time.Time, error) {
	t, why := parseTime(s, zone)
	if why != "" {
		return time.Time{}, errors.New(why)
	}
	return t, nil
}

// mistake says that the clocks of a zone show w never or twice, and what to
// write instead.
func (w wall) mistake(zone *time.Location, ts []time.Time) string {
	if len(ts) == 0 {
		at := w.jump(zone)
		_, old := at.Add(-time.Nanosecond).In(zone).Zone()
		return fmt.Sprintf("%s does not exist in %s, where the clock jumps from %s to %s: write %s",
			w, zone, at.Add(time.Duration(old)*time.Second).UTC().Format("15:04"), at.In(zone).Format("15:04"), at.In(zone).Format(wallLayout))
	}
	said := make([]string, len(ts))
	for i, t := range ts {
		said[i] = t.In(zone).Format(time.RFC3339)
	}
	return fmt.Sprintf("%s comes twice in %s, where the clock is put back: write %s for the first time or %s for the second",
		w, zone, said[0], said[len(said)-1])
}

// parseClock reads "03:00", a time of day, as minutes since midnight.
func parseClock(s string) (int, bool) {
	h, m, ok := parseHourMinute(s)
	return h*60 + m, ok && len(s) == len("03:00") && h < 24
}

// parseHourMinute reads "26:15".
func parseHourMinute(s string) (h, m int, ok bool) {
	hours, minutes, ok := strings.Cut(s, ":")
	if !ok || len(hours) < 2 || len(hours) > 4 || len(minutes) != 2 || strings.Trim(hours+minutes, "0123456789") != "" {
		return 0, 0, false
	}
	h, _ = strconv.Atoi(hours)
	m, _ = strconv.Atoi(minutes)
	return h, m, m < 60
}

// parseZone reads a name of the IANA list.
func parseZone(s string) (*time.Location, bool) {
	if s == "" || s == "Local" {
		return nil, false // these say nothing on another machine
	}
	z, err := time.LoadLocation(s)
	return z, err == nil
}

// time reads a moment; clocks are those of zone.
func (v value) time(zone *time.Location) (time.Time, bool) {
	s, ok := v.scalar("2026-12-01 22:00")
	if !ok {
		return time.Time{}, false
	}
	t, why := parseTime(s, zone)
	if why != "" {
		v.mistake("%s", why)
	}
	return t, why == ""
}

// zone reads a time zone.
func (v value) zone(to **time.Location) {
	s, ok := v.text("Europe/Berlin")
	if !ok {
		return
	}
	z, ok := parseZone(s)
	if !ok {
		v.mistake("want a time zone by its name in the IANA list, as in Europe/Berlin or UTC; found %q", shorten(s))
		return
	}
	*to = z
}
