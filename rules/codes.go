package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// The response codes that HTTP knows.
const (
	leastCode = 100
	mostCode  = 599
)

var codesPattern = regexp.MustCompile(`^(?:([1-5])[xX][xX]|([0-9]{3})(?:-([0-9]{3}))?)$`)

// parseCodes reads "401", "4xx" or "500-503".
func parseCodes(s string) (Codes, bool) {
	m := codesPattern.FindStringSubmatch(s)
	if m == nil {
		return Codes{}, false
	}
	code := func(digits string) uint16 {
		n, _ := strconv.ParseUint(digits, 10, 16) // the pattern lets nothing else through
		return uint16(n)
	}
	if m[1] != "" {
		hundred := code(m[1]) * 100
		return Codes{hundred, hundred + 99}, true
	}
	c := Codes{code(m[2]), code(m[2])}
	if m[3] != "" {
		c.To = code(m[3])
	}
	return c, leastCode <= c.From && c.From <= c.To && c.To <= mostCode
}

// String writes the codes as people do: "401", "4xx", "500-503".
func (c Codes) String() string {
	switch {
	case c.From == c.To:
		return strconv.Itoa(int(c.From))
	case c.From%100 == 0 && c.To == c.From+99:
		return strconv.Itoa(int(c.From/100)) + "xx"
	}
	return fmt.Sprintf("%d-%d", c.From, c.To)
}

// Has reports whether a code is in the range.
func (c Codes) Has(code int) bool { return int(c.From) <= code && code <= int(c.To) }

// codes reads a list of response codes. They are sorted, and ranges that touch
// become one: rules that ask for the same codes in other words share a stream.
func (v value) codes(example string) ([]Codes, bool) {
	all, ok := v.writtenCodes(example)
	return merged(all), ok
}

// writtenCodes reads a list of response codes and leaves it as it is written.
func (v value) writtenCodes(example string) ([]Codes, bool) {
	items, ok := v.list(example)
	if !ok {
		return nil, false
	}
	if len(items) == 0 {
		v.mistake("the list is empty: add a code, as in %s", example)
		return nil, false
	}
	var all []Codes
	for _, item := range items {
		s, fine := item.scalar(example)
		if !fine {
			continue
		}
		c, fine := parseCodes(s)
		if !fine {
			item.mistake("want a response code from %d to %d, a range or a hundred, as in 401, 500-503 or 4xx; found %q", leastCode, mostCode, shorten(s))
			continue
		}
		all = append(all, c)
	}
	return all, len(all) == len(items)
}

func merged(all []Codes) []Codes {
	slices.SortFunc(all, func(a, b Codes) int { return int(a.From) - int(b.From) })
	var out []Codes
	for _, c := range all {
		if n := len(out); n > 0 && c.From <= out[n-1].To+1 {
			out[n-1].To = max(out[n-1].To, c.To)
			continue
		}
		out = append(out, c)
	}
	return out
}
