package templates

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"
)

// times tells times of day, in the words of a language: in UTC, and beside it as
// the clocks of a zone have it. The zero value tells UTC alone, in English.
type times struct {
	zone  *time.Location
	words *catalogue // of the pages
}

// page is the words of the pages.
func (z times) page() *catalogue {
	if z.words == nil {
		return english
	}
	return z.words
}

// text is the words of the sentences: the built-in ones are English.
func (z times) text() *catalogue {
	return cmp.Or(z.page().text, english)
}

// In gives the same templates for people of a zone: the times of day in them
// stand in UTC first, and beside it as clocks show them there. Stamps (iso) and
// the public pages stay in UTC. A nil zone is UTC alone.
//
// It is cheap: a zone is asked for once, and remembered.
func (s *Set) In(zone *time.Location) *Set { return s.variant(zone, s.times.page().lang) }

// speaking gives the same templates in a language that there are words of;
// otherwise English.
func (s *Set) speaking(lang string) *Set { return s.variant(s.times.zone, lang) }

// forPages gives the templates that pages are made by: they say that all their
// times are in UTC.
func (s *Set) forPages(lang string) *Set { return s.variant(nil, lang) }

func (s *Set) variant(zone *time.Location, lang string) *Set {
	if s.inUTC != nil {
		s = s.inUTC
	}
	if zone == time.UTC {
		zone = nil
	}
	words := s.catalogues[lang]
	if words == nil {
		words = s.catalogues[DefaultLanguage]
	}
	if zone == nil && words.lang == DefaultLanguage {
		return s
	}
	return s.others.get(zone, words.lang, func() *Set {
		in, err := compile(s.files, s.catalogues, times{zone, words})
		if err != nil {
			panic(err) // the same files were parsed before
		}
		in.patience, in.inUTC = s.patience, s
		return in
	})
}

// variants remembers a Set for each zone and language.
type variants struct {
	mu  sync.Mutex
	set map[string]*Set
}

func (v *variants) get(zone *time.Location, lang string, make func() *Set) *Set {
	key := lang
	if zone != nil {
		// The name tells zones apart, but for those that a program made up.
		_, winter := time.Date(2026, 1, 1, 0, 0, 0, 0, zone).Zone()
		_, summer := time.Date(2026, 7, 1, 0, 0, 0, 0, zone).Zone()
		key = fmt.Sprint(lang, " ", zone, winter, summer)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.set == nil {
		v.set = map[string]*Set{}
	}
	if v.set[key] == nil {
		v.set[key] = make()
	}
	return v.set[key]
}

// clock gives "14:02 UTC", or "14:02 UTC (19:32 IST)".
func (z times) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return z.text().clock(t) + z.beside(t)
}

// moment gives the time of day, and the day too where that is not the day of
// ref: "14:02 UTC", "14:02 UTC on 19 May 2026 (19:32 IST)".
func (z times) moment(ref, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return z.text().moment(ref, t) + z.beside(t)
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
