package console

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
)

// Text is a sentence or two, in pieces: some of them count on, or lead somewhere.
type Text []Piece

// Piece is one part of a Text.
type Piece struct {
	Text   string
	At     time.Time // if not zero, Text is about this time, and counts on as Kind says
	Kind   string    // for: how long since At; in: how long until At
	Href   string    // if not "", Text leads there
	Strong bool
	Quiet  bool
}

// text puts a Text together from strings, pieces and texts.
func text(parts ...any) Text {
	var t Text
	for _, p := range parts {
		switch p := p.(type) {
		case Piece:
			t = append(t, p)
		case Text:
			t = append(t, p...)
		case string:
			if p != "" {
				t = append(t, Piece{Text: p})
			}
		default:
			panic(fmt.Sprintf("a text has no %T in it", p))
		}
	}
	return t
}

// String is the text without what its pieces do.
func (t Text) String() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.Text)
	}
	return b.String()
}

func strong(s string) Piece { return Piece{Text: s, Strong: true} }

// lasted is how long something goes on, counting.
func lasted(since, now time.Time) Piece {
	return Piece{Text: short(now.Sub(since)), At: since, Kind: "for"}
}

// due is how long it is until something, counting: "in 3 min", "4 min late".
func due(at, now time.Time) Piece {
	return Piece{Text: until(at.Sub(now)), At: at, Kind: "in"}
}

func until(d time.Duration) string {
	if d < 0 {
		return short(-d) + " late"
	}
	return "in " + short(d)
}

// short writes a duration for somebody who waits: seconds count below two
// minutes. The script does the same.
func short(d time.Duration) string {
	d = max(d, 0)
	s := int(d / time.Second)
	m := s / 60
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 120:
		return fmt.Sprintf("1 min %d s", s-60)
	case m < 60:
		return fmt.Sprintf("%d min", m)
	case m < 48*60:
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	default:
		return fmt.Sprintf("%d d %d h", m/60/24, m/60%24)
	}
}

// clock writes a time of day; with the day where it is not now's.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	switch {
	case t.IsZero():
		return "–"
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	default:
		return t.Format("2 Jan 2006 15:04")
	}
}

// after writes how much later one thing came than another: "3 min after".
func after(t, from time.Time, what string) string {
	d := t.Sub(from)
	if d < 0 {
		return short(-d) + " before " + what
	}
	return short(d) + " after " + what
}

// sentence begins a text with a capital letter.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// brief cuts a text off.
func brief(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return strings.TrimRight(string(r[:most-1]), " ") + "…"
}

// first gives the first of somebody's names, to greet with.
func first(name string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(name), " ")
	return brief(word, 12)
}

// firm keeps a number and its unit on one line.
func firm(s string) string { return units.ReplaceAllString(s, "$1\u00a0$2") }

var units = regexp.MustCompile(`(\d) (%|(?:ms|s|min|h|d|UTC)\b)`)

func list(s []string) string { return plot.Enumerate(s) }
