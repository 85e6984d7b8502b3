package page

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/templates"
)

// calendar makes maintenance.ics: maintenance as a calendar that people can
// follow, RFC 5545. An event keeps its UID for ever, and its DTSTAMP moves only
// when something was said about it.
func calendar(said templates.Words, p templates.Public) []byte {
	var b ics
	b.line("BEGIN", "VCALENDAR")
	b.line("VERSION", "2.0")
	b.line("PRODID", "-//Tocsin//Status page//EN")
	b.line("CALSCALE", "GREGORIAN")
	b.line("X-WR-CALNAME", escape(said.Say("calendar.title", p.Organisation)))
	b.line("REFRESH-INTERVAL;VALUE=DURATION", "PT1H")
	// A calendar has to hold something, and there are times without maintenance.
	b.line("BEGIN", "VTIMEZONE")
	b.line("TZID", "Etc/UTC")
	b.line("BEGIN", "STANDARD")
	b.line("DTSTART", "19700101T000000")
	b.line("TZOFFSETFROM", "+0000")
	b.line("TZOFFSETTO", "+0000")
	b.line("TZNAME", "UTC")
	b.line("END", "STANDARD")
	b.line("END", "VTIMEZONE")
	for _, w := range p.Works {
		told := stages(w)
		to := w.To
		if !w.Ended.IsZero() && w.Ended.After(w.From) {
			to = w.Ended
		}
		b.line("BEGIN", "VEVENT")
		b.line("UID", escape(w.ID+"@"+host(p)))
		b.line("DTSTAMP", icsTime(told[0].at))
		b.line("CREATED", icsTime(told[len(told)-1].at))
		b.line("LAST-MODIFIED", icsTime(told[0].at))
		b.line("SEQUENCE", fmt.Sprint(len(told)-1))
		b.line("DTSTART", icsTime(w.From))
		if to.After(w.From) {
			b.line("DTEND", icsTime(to))
		}
		b.line("SUMMARY", escape(p.Organisation+": "+w.Title))
		b.line("DESCRIPTION", escape(told[0].words(said, p, w)))
		if p.URL != "" {
			b.line("URL", workLink(p))
		}
		b.line("CATEGORIES", escape(said.Say("work.title")))
		b.line("STATUS", "CONFIRMED")
		b.line("TRANSP", "TRANSPARENT") // it takes nobody's time
		b.line("END", "VEVENT")
	}
	b.line("END", "VCALENDAR")
	return []byte(b.String())
}

type ics struct{ strings.Builder }

// icsLine is how many bytes a line may have.
const icsLine = 75

// line writes one line, folded where it is long, and never within a character.
func (b *ics) line(name, value string) {
	rest, room := name+":"+value, icsLine
	for len(rest) > room {
		cut := room
		for cut > 0 && !utf8.RuneStart(rest[cut]) {
			cut--
		}
		b.WriteString(rest[:cut] + "\r\n ")
		rest, room = rest[cut:], icsLine-1
	}
	b.WriteString(rest + "\r\n")
}

// escape makes text of words: what the form would take for its own is marked,
// and what it has no place for is left out.
func escape(words string) string {
	words = strings.Map(func(r rune) rune {
		if r != '\n' && (r < ' ' || r == 0x7f) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(words, "\ufffd"))
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(words)
}

func icsTime(t time.Time) string { return known(t).Format("20060102T150405Z") }

// robots makes robots.txt: whoever looks for the status page shall find it.
func robots() []byte { return []byte("User-agent: *\nAllow: /\n") }
