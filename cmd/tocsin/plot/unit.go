// Package plot writes figures for people, and says where they stand in a
// drawing of figures over time. The replay report and the console draw with it.
package plot

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Unit is what a signal is counted in.
type Unit string

// The units.
const (
	Ratio     Unit = "ratio"       // 0 … 1
	Nanos     Unit = "nanoseconds" // a duration
	PerMinute Unit = "per_minute"
	Factor    Unit = "factor" // times what the budget allows
	Minutes   Unit = "minutes"
	Plain     Unit = "" // a gauge's own
)

// UnitOf gives what a rule's signal is counted in.
func UnitOf(s rules.Signal) Unit {
	switch s.Kind {
	case rules.KindErrorRate, rules.KindStatusShare:
		return Ratio
	case rules.KindQuantile:
		return Nanos
	case rules.KindRequestRate:
		return PerMinute
	case rules.KindBurnRate:
		return Factor
	case rules.KindSilence:
		return Minutes
	case rules.KindGauge, rules.KindUnknown:
	}
	return Plain
}

// Spell writes a value for people.
func (u Unit) Spell(v float64) string {
	switch {
	case math.IsNaN(v):
		return "no value"
	case math.IsInf(v, 0):
		return "∞"
	}
	switch u {
	case Ratio:
		return Digits(v*100) + " %"
	case Nanos:
		return took(v)
	case PerMinute:
		return Digits(v) + "/min"
	case Factor:
		return Digits(v) + "×"
	case Minutes:
		return Digits(v) + " min"
	case Plain:
	}
	return Digits(v)
}

func took(ns float64) string {
	switch {
	case ns == 0:
		return "0 s"
	case ns < 1e6:
		return Digits(ns/1e3) + " µs"
	case ns < 1e9:
		return Digits(ns/1e6) + " ms"
	case ns < 120e9:
		return Digits(ns/1e9) + " s"
	}
	return Digits(ns/60e9) + " min"
}

// Digits writes a number with three digits that count; whole numbers whole.
func Digits(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e7 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	after := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	s := strconv.FormatFloat(v, 'f', min(max(after, 0), 6), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Duration writes a duration as the rules do: 5m, 1h30m, 7d.
func Duration(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d < time.Second:
		return d.String()
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

// Lasting writes how long something took, for people: 38 min, 2 h 5 min, 30 d.
func Lasting(d time.Duration) string {
	m := int(d.Round(time.Minute) / time.Minute)
	part := func(n int, unit string) string {
		if n == 0 {
			return ""
		}
		return " " + strconv.Itoa(n) + " " + unit
	}
	switch {
	case m <= 0:
		return "0 min"
	case m < 60:
		return strconv.Itoa(m) + " min"
	case m < 72*60 && m%(24*60) != 0:
		return strconv.Itoa(m/60) + " h" + part(m%60, "min")
	}
	return strconv.Itoa(m/(24*60)) + " d" + part(m/60%24, "h")
}

// Plural gives a number with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + many
}

// Thousands writes a whole number in groups of three.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// Enumerate gives a list in words.
func Enumerate(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}
