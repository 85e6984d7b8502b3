package templates

import (
	"time"
)

// Words is the words of a page, for those who make of it what is no page: feeds,
// badges, the calendar. They are of the catalogue that the pages have theirs from.
type Words struct{ said *catalogue }

// Words gives the words of the page's language.
func (s *Set) Words(p Public) Words { return Words{s.forPages(p.Brand.Language).times.page()} }

// Language gives the language that the words are in, which is English where there
// are none of the page's.
func (w Words) Language() string { return w.said.lang }

// Say gives the text of a key, with its values.
func (w Words) Say(key string, args ...any) string { return w.said.say(key, args...) }

// Stamp gives a time with its day: "20 May 2026, 14:02 UTC".
func (w Words) Stamp(t time.Time) string {
	return w.said.say("time.stamp", w.said.day(t), w.said.clock(t))
}

// Clock gives a time of day: "14:02 UTC".
func (w Words) Clock(t time.Time) string { return w.said.clock(t) }

// Moment gives the time of day, and the day too where that is not the day of ref.
func (w Words) Moment(ref, t time.Time) string { return w.said.moment(ref, t) }

// Post gives one update of an incident, whose parts are in these words.
func (w Words) Post(p Public, i Incident, u Update) Post { return postOf(p, i, u).in(w.said) }

// Where gives what maintenance is of, as it stands within a sentence: "Management
// API and Dashboard in Europe".
func (w Words) Where(p Public, x Work) string { return w.said.whereOf(p, x) }

// Now gives how the whole page is, in the words of its banner.
func (w Words) Now(p Public) Look { return w.said.headline(p).Look }

// Look gives a status in words.
func (w Words) Look(s Status) Look { return w.said.lookOf(s) }
