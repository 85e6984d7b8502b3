package templates

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lint refuses a text that is not fit to be sent: one that holds angle brackets
// or braces, since in the runbooks' forms they mark what is to be filled in
// ("<symptom>", "{BRIEF_TITLE}"), and one that holds the words that Go's
// templates and fmt print in place of a missing value.
func Lint(text string) error {
	if n := strings.IndexAny(text, "<>{}"); n >= 0 {
		return &unfit{around(text, n), "which marks a place to be filled in: use words instead"}
	}
	if at := misprinted(text); at >= 0 {
		return &unfit{around(text, at), "which is printed in place of a value: mend the template"}
	}
	for n, r := range text {
		if r >= ' ' && r < 0x7f {
			continue
		}
		if r != '\n' && unicode.IsControl(r) || invisible(r) {
			return fmt.Errorf("the text holds the invisible character %U after %q: remove it", r, around(text, max(0, n-1)))
		}
	}
	return nil
}

// unfit says what of a text may not be sent.
type unfit struct{ words, why string }

func (u *unfit) Error() string { return fmt.Sprintf("the text holds %q, %s", u.words, u.why) }

// longest is how many characters a person's text may have: what is longer is not
// read at the worst moment, and has no room in a message.
const longest = 2000

// Fit says why words that a person wrote cannot be published, and what to do
// about it; nil if they can. It is asked before they are stored, so that nothing
// is promised that no post could carry. No words are fit: whether there have to
// be any is for others to say.
func Fit(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("the text is not UTF-8: type it anew, or save it as UTF-8")
	}
	plain := Plain(text)
	if n := utf8.RuneCountInString(plain); n > longest {
		return fmt.Errorf("the text has %d characters, and at most %d are published: shorten it, or say the rest in a later update", n, longest)
	}
	if at := misprinted(plain); at >= 0 {
		return fmt.Errorf("the text holds %q, which a program prints in place of a value: write the value", around(plain, at))
	}
	if err := Lint(plain); err != nil {
		return err
	}
	for n, r := range text {
		if r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' { // it would be left out, and what is left was not meant so
			return fmt.Errorf("the text holds the invisible character %U after %q, which turns the direction: remove it", r, around(text, max(0, n-1)))
		}
	}
	for _, p := range insides {
		if m := p.like.FindString(plain); m != "" {
			return fmt.Errorf("customers would read %s, %q: say it in words", p.what, brief(60, m))
		}
	}
	for word := range strings.FieldsSeq(plain) {
		bare := strings.Trim(word, ".,;!?()[]'\"")
		host, _, _ := strings.Cut(bare, "/")
		_, isAddr := netip.ParseAddr(host)
		_, isPort := netip.ParseAddrPort(host)
		if isAddr == nil || isPort == nil {
			return fmt.Errorf("customers would read the IP address %q: say it in words", bare)
		}
	}
	return nil
}

// insides is what slips in from the inside when people paste. A product's own
// domain or a mail address is not among it: customers are told where to ask.
var insides = []struct {
	what string
	like *regexp.Regexp
}{
	{"a link", regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://\S*`)},
	{"the name of a host", regexp.MustCompile(`(?i)\b(?:[a-z0-9_-]+\.)+(?:internal|intranet|local|localdomain|lan|svc|corp)\b|\blocalhost\b|\b[a-z][a-z0-9.-]*:[0-9]{2,5}\b`)},
	{"a database query", regexp.MustCompile(`\b(?:SELECT|INSERT|UPDATE|DELETE)\b.*\b(?:FROM|INTO|SET)\b`)},
	{"an id from the inside", regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b`)},
}

// misprinted tells where fmt shows a value that does not fit its verb, as in
// "%!d(" or "%!("; -1 if nowhere.
func misprinted(text string) int {
	for n := 0; ; n += len("%!") {
		at := strings.Index(text[n:], "%!")
		if at < 0 {
			return -1
		}
		n += at
		rest := text[n+len("%!"):]
		if rest != "" && unicode.IsLetter(rune(rest[0])) && rest[0] < utf8.RuneSelf {
			rest = rest[1:]
		}
		if strings.HasPrefix(rest, "(") {
			return n
		}
	}
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
		if b, ok := v.Interface().(Brand); ok {
			if err := b.check(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			b.CSS = "" // which has braces of its own
			v = reflect.ValueOf(b)
		}
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
