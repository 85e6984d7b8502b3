package rules

import (
	"fmt"
	"strings"
)

// unknown says that a word is none of those that are known, and which was
// probably meant: "sevices": did you mean "services"?
func unknown(word string, known []string) string {
	if near, ok := nearest(word, known); ok {
		return fmt.Sprintf("%q: did you mean %q?", shorten(word), near)
	}
	if len(known) == 0 {
		return fmt.Sprintf("%q: none are declared", shorten(word))
	}
	more := ""
	if len(known) > mostListed {
		known, more = known[:mostListed], fmt.Sprintf(" … (%d more)", len(known)-mostListed)
	}
	return fmt.Sprintf("%q: want one of %s%s", shorten(word), strings.Join(known, " "), more)
}

// A file that is nothing but mistakes must not cost more than a moment, nor
// should one mistake fill a screen.
const (
	mostListed   = 40
	mostCompared = 500
)

// nearest finds the one known word within a third of word's length, one letter
// at least. Words of two letters match but for their case only, and between
// equals none is chosen.
func nearest(word string, known []string) (string, bool) {
	w := []rune(strings.ToLower(word))
	if len(w) > 60 || len(known) > mostCompared {
		return "", false
	}
	limit := max(1, len(w)/3)
	if len(w) < 3 {
		limit = 0
	}
	best, found := limit+1, ""
	for _, k := range known {
		switch d := distance(w, []rune(strings.ToLower(k))); {
		case d < best:
			best, found = d, k
		case d == best:
			found = ""
		}
	}
	return found, found != ""
}

// distance is Levenshtein's: how many letters to add, drop or change.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := diagonal
			if x != y {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
