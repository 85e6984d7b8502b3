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

// spell writes a duration as a person would: "5m", not "5m0s".
func spell(d time.Duration) string {
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
func spellShare(f float64) string { return strconv.FormatFloat(f*100, 'g', 10, 64) + "%" }

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

func (v value) duration(sp span) (time.Duration, bool) {
	s, ok := v.scalar(sp.example)
	if !ok {
		return 0, false
	}
	d, ok := parseDuration(s)
	if !ok || d < sp.least || d > sp.most || sp.unit > 0 && d%sp.unit != 0 {
		whole := map[time.Duration]string{time.Minute: "whole minutes ", time.Second: "whole seconds "}[sp.unit]
		v.mistake("want a duration, %sfrom %s to %s, as in %s; found %s", whole, spell(sp.least), spell(sp.most), sp.example, asFound(s))
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
