package templates

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// times tells times of day: in UTC, and beside it as the clocks of a zone have
// it. The zero value tells UTC alone.
type times struct{ zone *time.Location }

// In gives the same templates for people of a zone: the times of day in them
// stand in UTC first, and beside it as clocks show them there. Stamps (iso) and
// the public pages stay in UTC. A nil zone is UTC alone.
//
// It is cheap: a zone is asked for once, and remembered.
func (s *Set) In(zone *time.Location) *Set {
	if s.inUTC != nil {
		s = s.inUTC
	}
	if zone == nil || zone == time.UTC {
		return s
	}
	return s.inZone.get(zone, func() *Set {
		in, err := compile(s.files, times{zone})
		if err != nil {
			panic(err) // the same files were parsed before
		}
		in.inUTC = s
		return in
	})
}

// utc gives the templates that pages are made by: they say that all their times
// are in UTC.
func (s *Set) utc() *Set {
	if s.inUTC != nil {
		return s.inUTC
	}
	return s
}

// zones remembers a Set for each zone.
type zones struct {
	mu  sync.Mutex
	set map[string]*Set
}

func (z *zones) get(zone *time.Location, make func() *Set) *Set {
	// The name tells zones apart, but for those that a program made up.
	_, winter := time.Date(2026, 1, 1, 0, 0, 0, 0, zone).Zone()
	_, summer := time.Date(2026, 7, 1, 0, 0, 0, 0, zone).Zone()
	key := fmt.Sprint(zone, winter, summer)
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.set == nil {
		z.set = map[string]*Set{}
	}
	if z.set[key] == nil {
		z.set[key] = make()
	}
	return z.set[key]
}

// clock gives "14:02 UTC", or "14:02 UTC (19:32 IST)".
func (z times) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return clock(t) + z.beside(t)
}

// moment gives the time of day, and the day too where that is not the day of
// ref: "14:02 UTC", "14:02 UTC on 19 May 2026 (19:32 IST)".
func (z times) moment(ref, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return moment(ref, t) + z.beside(t)
}

// beside gives " (19:32 IST)", with the day where it is another one than in
// UTC; "" where the clocks of the zone show UTC.
func (z times) beside(t time.Time) string {
	if z.zone == nil {
		return ""
	}
	local := t.In(z.zone)
	name, offset := local.Zone()
	if offset == 0 {
		return ""
	}
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") || name == "" {
		name = "UTC" + local.Format("-07:00") // a zone whose people have no letters for it
	}
	said := local.Format("15:04 ") + oneline(name)
	if y, m, d := local.Date(); !midnight(t).Equal(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) {
		said += local.Format(" on 2 January 2006")
	}
	return " (" + said + ")"
}
