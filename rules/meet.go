package rules

import (
	"slices"
	"strings"
)

// anything stands for a text that no pattern names.
const anything = "anything"

// common gives a text that both patterns match, one of tries if possible. It is
// false where there is none, or none that is found without exceptions in the
// way.
func common(a, b Patterns, tries ...string) (string, bool) {
	tries = slices.Concat(a.Any, b.Any, tries)
	tries = slices.DeleteFunc(tries, wild)
	if len(a.Any) == 0 && len(b.Any) == 0 {
		tries = append(tries, anything, "/"+anything)
	}
	for _, g := range orAll(a.Any) {
		for _, h := range orAll(b.Any) {
			if s, ok := meeting([]rune(g), []rune(h)); ok {
				tries = append(tries, s)
			}
		}
	}
	for _, s := range tries {
		if a.Match(s) && b.Match(s) {
			return s, true
		}
	}
	return "", false
}

func orAll(globs []string) []string {
	if len(globs) == 0 {
		return []string{"*"}
	}
	return globs
}

// meeting gives a text that two globs match.
func meeting(g, h []rune) (string, bool) {
	type state struct{ i, j int }
	dead := map[state]bool{}
	var text []rune
	var walk func(i, j int) bool
	// step goes on, and writes what is matched on the way there.
	step := func(c rune, i, j int) bool {
		text = append(text, c)
		if walk(i, j) {
			return true
		}
		text = text[:len(text)-1]
		return false
	}
	walk = func(i, j int) bool {
		at := state{i, j}
		switch {
		case i == len(g) && j == len(h):
			return true
		case dead[at]:
			return false
		case i < len(g) && g[i] == '*':
			if walk(i+1, j) || j < len(h) && h[j] != '*' && step(plain(h[j]), i, j+1) || j < len(h) && h[j] == '*' && walk(i, j+1) {
				return true
			}
		case j < len(h) && h[j] == '*':
			if walk(i, j+1) || i < len(g) && step(plain(g[i]), i+1, j) {
				return true
			}
		case i < len(g) && j < len(h) && (g[i] == h[j] || g[i] == '?' || h[j] == '?'):
			c := g[i]
			if c == '?' {
				c = plain(h[j])
			}
			if step(c, i+1, j+1) {
				return true
			}
		}
		dead[at] = true
		return false
	}
	ok := walk(0, 0)
	return string(text), ok
}

// plain gives a character that matches one of a glob.
func plain(c rune) rune {
	if c == '?' {
		return 'x'
	}
	return c
}

// within reports whether everything that a matches is matched by b, as far as
// that can be told from the patterns alone.
func within(a, b Patterns) bool {
	for _, not := range b.Not {
		out := slices.ContainsFunc(a.Not, func(g string) bool { return covers(g, not) })
		for _, g := range orAll(a.Any) {
			_, meets := meeting([]rune(g), []rune(not))
			if meets && !out {
				return false
			}
		}
	}
	for _, g := range orAll(a.Any) {
		if !slices.ContainsFunc(orAll(b.Any), func(h string) bool { return covers(h, g) }) {
			return false
		}
	}
	return true
}

// hollow reports whether patterns match nothing: all that is chosen is left out
// again.
func hollow(p Patterns) bool {
	left := func(g string) bool {
		return slices.ContainsFunc(p.Not, func(not string) bool { return covers(not, g) })
	}
	return len(p.Any) > 0 && !slices.ContainsFunc(p.Any, func(g string) bool { return !left(g) })
}

// covers reports whether glob matches all that g matches.
func covers(glob, g string) bool {
	// A * in g becomes a character that only a * matches: it stands for more
	// than one. A ? becomes one that only * and ? match.
	const many, one = '\x00', '\x01'
	p, t := []rune(glob), []rune(strings.NewReplacer("*", string(many), "?", string(one)).Replace(g))
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' && t[j] != many || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}
