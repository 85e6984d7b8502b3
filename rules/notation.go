package rules

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MostMinutes is how long a rule test may last: a month, which holds the
// longest window before the longest baseline.
const MostMinutes = 31 * 24 * 60

// mostRequests keeps a test's minute from costing more than a moment.
const mostRequests = 10_000_000

// defaultDuration is how long a request takes where nobody says.
const defaultDuration = 10 * time.Millisecond

// mostFigure is what a gauge may be, either way: between two such the steps of a
// ramp can still be reckoned.
const mostFigure = 1e15

const sampleForm = "REQUESTS[/ERRORS][@DURATION][+N@DURATION][{gauge=number}][..the same at the end][xMINUTES], or _ for none"

// SampleError is a mistake in a line of minutes.
type SampleError struct {
	At   int    // characters before it
	Word string // that it is found in
	Msg  string
}

func (e *SampleError) Error() string {
	return fmt.Sprintf("character %d, in %q: %s", e.At+1, shorten(e.Word), e.Msg)
}

// ParseSamples reads a line of minutes, one value after the other:
//
//	100          100 requests of 10 ms, none of which fails
//	100/15       of which 15 fail
//	95@20ms+5@3s 95 requests of 20 ms and 5 of 3 s
//	4{pool=0.9}  4 checks of a probe, and what they measured
//	_            nothing at all
//	100x10       ten such minutes
//	0..100x11    eleven minutes, from 0 to 100 by equal steps
//
// The error is a *SampleError. Equal minutes share their slices and maps.
func ParseSamples(text string) ([]Sample, error) {
	var out []Sample
	r := sampleReader{text: text}
	for r.next() {
		minutes := r.value(MostMinutes - len(out))
		if r.err != nil {
			return nil, r.err
		}
		out = append(out, minutes...)
	}
	return out, nil
}

// sampleReader goes through a line from left to right. After its first mistake
// it reads nothing more.
type sampleReader struct {
	text string
	at   int // bytes read
	word int // where the value begins
	err  *SampleError
}

// next finds the next value.
func (r *sampleReader) next() bool {
	r.skip()
	r.word = r.at
	return r.at < len(r.text)
}

func (r *sampleReader) skip() {
	r.at += len(r.text[r.at:]) - len(strings.TrimLeft(r.text[r.at:], " \t\r\n"))
}

// wrong notes a mistake at from.
func (r *sampleReader) wrong(from int, format string, args ...any) {
	if r.err != nil {
		return
	}
	word := r.text[r.word:]
	if end := strings.IndexAny(word[min(from-r.word, len(word)):], " \t\r\n"); end >= 0 {
		word = word[:from-r.word+end]
	}
	r.err = &SampleError{At: utf8.RuneCountInString(r.text[:from]), Word: word, Msg: fmt.Sprintf(format, args...)}
}

// takes reports whether s stands next, and goes past it.
func (r *sampleReader) takes(s string) bool {
	if r.err != nil || !strings.HasPrefix(r.text[r.at:], s) {
		return false
	}
	r.at += len(s)
	return true
}

func (r *sampleReader) match(p *regexp.Regexp) string {
	s := p.FindString(r.text[r.at:])
	r.at += len(s)
	return s
}

var (
	partWord     = regexp.MustCompile(`^(?:x|/|@|\+|\{|\.\.)`) // what only stands behind something
	countWord    = regexp.MustCompile(`^[0-9]+`)
	durationWord = regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]+)?[a-zµ]+)+`)
	gaugeWord    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}`)
	figureWord   = regexp.MustCompile(`^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?`)
)

// value reads one value and its minutes, at most so many.
func (r *sampleReader) value(most int) []Sample {
	var from, to Sample
	ramp := false
	if part := partWord.FindString(r.text[r.at:]); part != "" && r.word > 0 {
		r.wrong(r.at, "no blank may stand before %s: write a value in one, as in 100/15@200msx40", part)
	}
	if !r.takes("_") {
		from = r.sample()
		if ramp = r.takes(".."); ramp {
			begin := r.at
			to = r.sample()
			r.alike(begin, from, to)
		}
	}
	n, begin := 1, r.at
	if r.takes("x") {
		n = r.count("minutes after x, as in 100x10", MostMinutes)
	} else if ramp {
		r.wrong(r.at, "want how many minutes it takes from the first value to the last, as in 0..100x10")
	}
	switch rest := r.text[r.at:]; {
	case r.err != nil:
		return nil
	case rest != "" && strings.IndexAny(rest, " \t\r\n") != 0:
		r.wrong(r.at, "want %s", sampleForm)
	case n == 0:
		r.wrong(begin, "want at least one minute after x")
	case n > most:
		r.wrong(r.word, "the line would be longer than the %d minutes (31 days) that a test may last", MostMinutes)
	case ramp && n < 2:
		r.wrong(begin, "want at least two minutes: one that begins with the first value, and one that ends with the last")
	case r.err == nil:
		return spreadOut(from, to, ramp, n)
	}
	return nil
}

// sample reads what happens in one minute.
func (r *sampleReader) sample() Sample {
	s, begin := Sample{Duration: defaultDuration}, r.at
	s.Requests = uint64(r.count(sampleForm, mostRequests))
	if r.takes("/") {
		s.Errors = uint64(r.count("how many of the requests fail after /, as in 100/15", mostRequests))
	}
	if r.takes("@") {
		s.Duration = r.duration()
	}
	all := s.Requests
	for r.takes("+") {
		part := SlowPart{Requests: uint64(r.count("further requests after +, as in 95@20ms+5@3s", mostRequests))}
		if !r.takes("@") {
			r.wrong(r.at, "want how long the further requests take, as in 95@20ms+5@3s")
		}
		part.Duration = r.duration()
		s.Slow = append(s.Slow, part)
		all += part.Requests
	}
	switch {
	case all > mostRequests:
		r.wrong(begin, "want at most %d requests a minute", mostRequests)
	case s.Errors > all:
		r.wrong(begin, "%d of %d requests cannot fail: want at most %d errors", s.Errors, all, all)
	}
	if r.takes("{") {
		s.Gauges = r.gauges()
	}
	return s
}

func (r *sampleReader) count(want string, most int) int {
	if r.err != nil {
		return 0
	}
	begin := r.at
	digits := r.match(countWord)
	if digits == "" {
		r.wrong(begin, "want %s", want)
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > most {
		r.wrong(begin, "want at most %d", most)
		return 0
	}
	return n
}

func (r *sampleReader) duration() time.Duration {
	if r.err != nil {
		return 0
	}
	begin := r.at
	word := r.match(durationWord)
	// The unit's letters run into those that say how many minutes: 20msx10.
	if cut := strings.IndexByte(word, 'x'); cut >= 0 {
		r.at -= len(word) - cut
		word = word[:cut]
	}
	d, ok := parseDuration(word)
	if !ok || d <= 0 || d > longest {
		r.wrong(begin, "want a duration with its unit, up to %s, as in @20ms or @1.5s", spell(longest))
	}
	return d
}

func (r *sampleReader) gauges() map[string]float64 {
	all := map[string]float64{}
	for r.err == nil {
		r.skip()
		begin := r.at
		name := r.match(gaugeWord)
		if name == "" {
			r.wrong(begin, "want a gauge's name, as in {certificate_days=14,pool=0.9}")
			break
		}
		if _, twice := all[name]; twice {
			r.wrong(begin, "the gauge %s stands twice", name)
		}
		if !r.takes("=") {
			r.wrong(r.at, "want = and a number after %s, as in {certificate_days=14,pool=0.9}", name)
		}
		begin = r.at
		word := r.match(figureWord)
		f, err := strconv.ParseFloat(word, 64)
		switch {
		case errors.Is(err, strconv.ErrRange) || math.Abs(f) > mostFigure:
			r.wrong(begin, "the number is too large: want at most %.0f", mostFigure)
		case err != nil:
			r.wrong(begin, "want a number after =, as in {certificate_days=14,pool=0.9}")
		case strings.ContainsAny(word, "eE"):
			r.wrong(begin, "want the number with all its digits, as in {certificate_days=14,pool=0.9}")
		}
		all[name] = f
		r.skip()
		if r.takes("}") {
			break
		}
		if !r.takes(",") {
			r.wrong(r.at, "want , and another gauge, or } at the end")
		}
	}
	return all
}

// alike reports ends of a ramp between which nothing can be reckoned.
func (r *sampleReader) alike(begin int, from, to Sample) {
	same := len(from.Gauges) == len(to.Gauges)
	for name := range from.Gauges {
		_, both := to.Gauges[name]
		same = same && both
	}
	switch {
	case len(from.Slow) > 0 || len(to.Slow) > 0:
		r.wrong(begin, "requests after + have no place in a value with ..: write a line of their own for the same service and region")
	case !same:
		r.wrong(begin, "want the same gauges at the beginning and at the end of ..")
	}
}

// spreadOut gives n minutes: n times from or, for a ramp, from the one to the
// other by equal steps.
func spreadOut(from, to Sample, ramp bool, n int) []Sample {
	out := make([]Sample, n)
	for i := range out {
		out[i] = from
		if ramp {
			out[i] = between(from, to, float64(i)/float64(n-1))
		}
	}
	return out
}

func between(from, to Sample, share float64) Sample {
	mix := func(a, b float64) float64 { return a + (b-a)*share }
	whole := func(a, b uint64) uint64 { return uint64(math.Round(mix(float64(a), float64(b)))) }
	s := Sample{
		Requests: whole(from.Requests, to.Requests),
		Duration: time.Duration(math.Round(mix(float64(from.Duration), float64(to.Duration)))),
		Gauges:   maps.Clone(from.Gauges),
	}
	s.Errors = min(whole(from.Errors, to.Errors), s.Requests) // each is rounded by itself
	for name := range s.Gauges {
		s.Gauges[name] = mix(from.Gauges[name], to.Gauges[name])
	}
	return s
}
