package templates

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Lint refuses a text that is not fit to be sent: one that holds angle brackets
// or braces, since in the runbooks' forms they mark what is to be filled in
// ("<symptom>", "{BRIEF_TITLE}"), and one that holds the words that Go's
// templates and fmt print in place of a missing value.
func Lint(text string) error {
	if n := strings.IndexAny(text, "<>{}"); n >= 0 {
		return fmt.Errorf("the text holds %q, which marks a place to be filled in: use words instead", around(text, n))
	}
	if at := misprint.FindStringIndex(text); at != nil {
		return fmt.Errorf("the text holds %q, which is printed in place of a value: mend the template", around(text, at[0]))
	}
	for n, r := range text {
		if r != '\n' && unicode.IsControl(r) || reorders(r) {
			return fmt.Errorf("the text holds the invisible character %U after %q: remove it", r, around(text, max(0, n-1)))
		}
	}
	return nil
}

// misprint is how fmt shows a value that does not fit its verb.
var misprint = regexp.MustCompile(`%!([a-zA-Z]\(|\()`)

// reorders reports whether r changes the direction of the text around it: with
// such characters one sentence can look like another.
func reorders(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// around gives the word at n.
func around(text string, n int) string {
	isEnd := func(r rune) bool { return r == '\n' }
	from := strings.LastIndexFunc(text[:n], isEnd) + 1
	to := len(text)
	if i := strings.IndexFunc(text[n:], isEnd); i >= 0 {
		to = n + i
	}
	if open := text[n]; open == '<' || open == '{' {
		from = n
		if i := strings.IndexAny(text[n:to], ">}"); i >= 0 {
			to = n + i + 1
		}
	}
	return brief(60, text[from:to])
}

// Lint applies Lint to every text of p, so that words that no post could carry
// are known before they are needed. It names the field.
func (p Public) Lint() error { return lint("Public", reflect.ValueOf(p)) }

func lint(name string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if err := Lint(v.String()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case reflect.Slice:
		for n := range v.Len() {
			if err := lint(name+"["+strconv.Itoa(n)+"]", v.Index(n)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for n := range v.NumField() {
			f := v.Type().Field(n)
			if !f.IsExported() {
				continue
			}
			if err := lint(name+"."+f.Name, v.Field(n)); err != nil {
				return err
			}
		}
	}
	return nil
}
