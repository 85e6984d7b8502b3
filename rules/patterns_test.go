package rules

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		name, pattern, s string
		want             bool
	}{
		{"a plain pattern matches itself", "/health", "/health", true},
		{"a plain pattern matches nothing longer", "/health", "/healthz", false},
		{"a plain pattern matches nothing shorter", "/health", "/healt", false},
		{"a star crosses slashes", "/v1/stream/*", "/v1/stream/env/flags", true},
		{"a star matches nothing at all", "/v1/status*", "/v1/status", true},
		{"what stands before a star must be there", "/v1/stream/*", "/v1/stream", false},
		{"a star in the middle gives back what it took", "a*bc", "abbcbc", true},
		{"two stars work together", "*/health/*", "/v1/health/live", true},
		{"a question mark is one character, not a byte", "caf?", "café", true},
		{"a question mark is not nothing", "api?", "api", false},
		{"the empty pattern matches only the empty text", "", "", true},
		{"the empty pattern does not match a text", "", "/", false},
		{"braces of routes are plain", "/v1/projects/{projectID}", "/v1/projects/{projectID}", true},
		{"regular expressions are plain", "a.c", "abc", false},
		{"case counts", "/Health", "/health", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Glob(test.pattern, test.s); got != test.want {
				t.Errorf("Glob(%q, %q) = %v", test.pattern, test.s, got)
			}
		})
	}
}

// A regular expression says the same, more slowly.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{{"/v1/*", "/v1/a/b"}, {"*a*b?", "aabbc"}, {"", ""}, {"é*?", "éé"}, {"**", ""}, {"*?*?*", "ab"}, {"a\n*", "a\nb"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 100 || len(s) > 1000 || !utf8.ValidString(pattern) || !utf8.ValidString(s) {
			return
		}
		quoted := regexp.QuoteMeta(pattern)
		quoted = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(quoted)
		want := regexp.MustCompile(`(?s)^(?:` + quoted + `)$`).MatchString(s)
		if strings.Contains(pattern, `\`) {
			return // quoting doubles them, and then the replacer cannot tell
		}
		if got := Glob(pattern, s); got != want {
			t.Errorf("Glob(%q, %q) = %v, a regular expression says %v", pattern, s, got, want)
		}
	})
}

func TestPatterns(t *testing.T) {
	some := Patterns{Any: []string{"/v1/*"}, Not: []string{"/v1/stream/*"}}
	for _, test := range []struct {
		name     string
		patterns Patterns
		s        string
		want     bool
	}{
		{"no patterns choose everything", Patterns{}, "anything", true},
		{"no patterns choose the empty text", Patterns{}, "", true},
		{"one of any must match", some, "/v2/flags", false},
		{"one of any suffices", some, "/v1/flags", true},
		{"an exception wins over any", some, "/v1/stream/env", false},
		{"exceptions alone choose the rest", Patterns{Not: []string{"", "/"}}, "/v1", true},
		{"an empty exception is the empty text", Patterns{Not: []string{""}}, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.patterns.Match(test.s); got != test.want {
				t.Errorf("%v.Match(%q) = %v", test.patterns, test.s, got)
			}
		})
	}
	if a, b := (Patterns{Any: []string{"a-b"}}), (Patterns{Any: []string{"a"}, Not: []string{"b"}}); a.String() == b.String() {
		t.Errorf("different patterns share the name %s", a)
	}
}
