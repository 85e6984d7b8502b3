package rules

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	sharePattern  = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?%$`)
	numberPattern = regexp.MustCompile(`^[0-9]{1,20}(?:\.[0-9]{1,20})?$`)
	daysPattern   = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)d(.*)$`)
	timesPattern  = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,9})?) ?x$`)
	ratePattern   = regexp.MustCompile(`^([0-9]{1,12}(?:\.[0-9]{1,9})?) ?/ ?(s|min|h)$`)
	figurePattern = regexp.MustCompile(`^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$`)
)

// parseShare reads "5%" or "0.5 %" as a ratio.
func parseShare(s string) (float64, bool) {
	m := sharePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(m[1]+"e-2", 64) // dividing by 100 would make 99.99 % something less
	if err != nil || math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// parseDuration reads Go's durations, and days: "800ms", "1h30m", "2d", "1d12h".
// It takes no sign and no number without a unit.
func parseDuration(s string) (time.Duration, bool) {
	if s == "" || strings.ContainsAny(s, "+-") || strings.Trim(s, "0.") == "" {
		return 0, false
	}
	days := time.Duration(0)
	if m := daysPattern.FindStringSubmatch(s); m != nil {
		f, err := strconv.ParseFloat(m[1], 64)
		if err != nil || f > 36500 {
			return 0, false
		}
		days, s = time.Duration(math.Round(f*24*float64(time.Hour))), m[2]
		if s == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d > math.MaxInt64-days {
		return 0, false
	}
	return days + d, true
}

// parseTimes reads "3x" or "0.5 x".
func parseTimes(s string) (float64, bool) {
	m := timesPattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(m[1], 64)
	return f, err == nil
}

// parseRate reads "10/s", "10/min" or "10/h" as requests a minute.
func parseRate(s string) (float64, bool) {
	m := ratePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(m[1], 64)
	switch m[2] {
	case "s":
		f *= 60
	case "h":
		f /= 60
	}
	return f, err == nil
}

// parseFigure reads a plain number, or a percentage as a ratio.
func parseFigure(s string) (float64, bool) {
	if f, ok := parseShare(s); ok {
		return f, true
	}
	if !figurePattern.MatchString(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

const day = 24 * time.Hour

// spell writes a duration as a person would: "5m", not "5m0s", and "7d".
func spell(d time.Duration) string {
	if d > day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// spellShare writes a ratio as a person would: "0.5%".
func spellShare(f float64) string { return digits(f*100, 10) + "%" }

// digits writes a number with so many digits that count and no exponent.
func digits(f float64, n int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', n, 64), 64)
	if err != nil {
		rounded = f // nearly the greatest number that there is
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// spellNumber writes a number as a person would.
func spellNumber(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if whole, part, _ := strings.Cut(s, "."); len(part) > 15 { // more than is read
		return whole + "." + part[:15]
	}
	return s
}

// spellTimes writes a factor as a person would: "3x".
func spellTimes(f float64) string { return digits(f, 4) + "x" }

// spellRate writes requests a minute as a person would: "10/min".
func spellRate(f float64) string {
	if f < 1 {
		return digits(f*60, 10) + "/h"
	}
	return digits(f, 10) + "/min"
}

// asFound shows what stands where a value with a unit was expected.
func asFound(s string) string {
	if numberPattern.MatchString(s) {
		return s + " without a unit"
	}
	return strconv.Quote(shorten(s))
}

// span is what a duration may be.
type span struct {
	least, most time.Duration
	unit        time.Duration // it is a whole number of these; 0: anything
	example     string
}

func (sp span) has(d time.Duration) bool {
	return d >= sp.least && d <= sp.most && (sp.unit == 0 || d%sp.unit == 0)
}

func (v value) duration(sp span) (time.Duration, bool) {
	return v.stretch(sp, "", sp.has)
}

// coarse is what windows longer than an hour are made of: the minutes of long
// ago are kept together.
const coarse = 5 * time.Minute

func inCells(d time.Duration) bool { return d <= time.Hour || d%coarse == 0 }

// window reads a duration over which minutes are added up.
func (v value) window(sp span) (time.Duration, bool) {
	note := ""
	if sp.most > time.Hour {
		note = " (above 1h whole 5 minutes)"
	}
	return v.stretch(sp, note, func(d time.Duration) bool { return sp.has(d) && inCells(d) })
}

func (v value) stretch(sp span, note string, fits func(time.Duration) bool) (time.Duration, bool) {
	s, ok := v.scalar(sp.example)
	if !ok {
		return 0, false
	}
	d, ok := parseDuration(s)
	if !ok || !fits(d) {
		whole := map[time.Duration]string{day: "whole days ", time.Minute: "whole minutes ", time.Second: "whole seconds "}[sp.unit]
		v.mistake("want a duration, %sfrom %s to %s%s, as in %s; found %s", whole, spell(sp.least), spell(sp.most), note, sp.example, asFound(s))
		return 0, false
	}
	return d, true
}

// share reads a percentage from least to most, ratios both.
func (v value) share(least, most float64, example string) (float64, bool) {
	s, ok := v.scalar(example)
	if !ok {
		return 0, false
	}
	f, ok := parseShare(s)
	if !ok || f < least || f > most {
		v.mistake("want a percentage from %s to %s, as in %s; found %s", spellShare(least), spellShare(most), example, asFound(s))
		return 0, false
	}
	return f, true
}

// times reads a factor from least to most.
func (v value) times(least, most float64, example string) (float64, bool) {
	s, ok := v.scalar(example)
	if !ok {
		return 0, false
	}
	f, ok := parseTimes(s)
	if !ok || f < least || f > most {
		found := asFound(s)
		if numberPattern.MatchString(s) {
			found = s + " without the x"
		}
		v.mistake("want a factor from %s to %s, as in %s; found %s", spellTimes(least), spellTimes(most), example, found)
		return 0, false
	}
	return f, true
}

// rate reads requests a minute; zero is none.
func (v value) rate(least float64, example string) (float64, bool) {
	s, ok := v.scalar(example)
	if !ok {
		return 0, false
	}
	f, ok := parseRate(s)
	if !ok || f < least {
		v.mistake("want so many requests in a time, as in 10/s, 10/min or 10/h; found %s", asFound(s))
		return 0, false
	}
	return f, true
}

// figure reads a gauge's value.
func (v value) figure(example string) (float64, bool) {
	s, ok := v.scalar(example)
	if !ok {
		return 0, false
	}
	f, ok := parseFigure(s)
	if !ok {
		v.mistake("want a number, in the gauge's own unit, or a percentage, as in %s; found %q", example, shorten(s))
		return 0, false
	}
	return f, true
}
