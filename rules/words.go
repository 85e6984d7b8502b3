package rules

import (
	"fmt"
	"html"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// words reads a text that customers read as it stands: a name, a title.
func (v value) words(most int, example, otherwise string) string {
	s, ok := v.text(example)
	if !ok {
		return otherwise
	}
	if why := unfit(s, most); why != "" {
		v.mistake("%s", why)
	}
	return s
}

// sentence reads a text that stands within a sentence of a public post.
func (v value) sentence(most int, example, otherwise string) string {
	s := v.words(most, example, otherwise)
	if !v.given() || s == otherwise {
		return s
	}
	if why := inside(s); why != "" {
		v.mistake("%s", why)
	} else if strings.HasSuffix(s, ".") {
		v.mistake("customers would read a full stop in the middle of a sentence: leave it out at the end of %q", shorten(s))
	}
	return s
}

// unfit says why a text may not be shown to customers, "" if it may.
func unfit(s string, most int) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "customers would read nothing: write the words, or leave the key out"
	case strings.ContainsAny(s, "\n\r\u0085\u2028\u2029"):
		return "customers would read a title with a line break in it: write one line (>- joins lines)"
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return "customers would read invisible characters: take them out"
	case html.UnescapeString(s) != s:
		return "these are characters as HTML spells them, and customers would not read what is meant: write " + html.UnescapeString(s)
	case len([]rune(s)) > most:
		return fmt.Sprintf("customers would read a text too long for its place: it has %d characters, at most %d fit", len([]rune(s)), most)
	}
	if m := placeholder.FindString(s); m != "" {
		return "customers would read the placeholder " + m + ": write the words that it stands for"
	}
	return ""
}

var (
	placeholder = regexp.MustCompile(`<[^<>]*>|\{[^{}]*\}|\$\{?[A-Za-z_]\w*`)
	link        = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://\S*|\bwww\.\S+|\S+@\S+\.\S+`)
	host        = regexp.MustCompile(`(?i)\b(?:[a-z0-9_-]+\.)+(?:com|net|org|io|dev|app|cloud|ai|co|eu|us|in|de|uk|info|internal|intranet|local|localdomain|lan|svc|corp|home|test|example)\b|\b[a-z0-9_-]+(?:\.[a-z0-9_-]*[a-z][a-z0-9_-]*){2,}\b|\blocalhost\b|\b[a-z][a-z0-9-]*:[0-9]{2,5}\b`)
	query       = regexp.MustCompile(`\b(?:SELECT|INSERT|UPDATE|DELETE)\b.*\b(?:FROM|INTO|SET)\b`)
	hexID       = regexp.MustCompile(`(?i)\b[0-9a-f]*(?:[0-9][a-f]|[a-f][0-9])[0-9a-f]*\b`)
)

// inside says what of the inside a text gives away, "" if nothing: customers
// read no addresses, hosts, queries and ids.
func inside(s string) string {
	if m := link.FindString(s); m != "" {
		return "customers would read the address " + m + ": say it in words"
	}
	for word := range strings.FieldsSeq(s) {
		if a, ok := address(word); ok {
			return "customers would read the IP address " + a + ": say it in words"
		}
	}
	if m := host.FindString(s); m != "" {
		return "customers would read the host name " + m + ": say it in words"
	}
	if query.MatchString(s) {
		return "customers would read a database query: say it in words"
	}
	for _, m := range hexID.FindAllString(s, -1) {
		if len(m) >= 12 {
			return "customers would read the id " + m + ": say it in words"
		}
	}
	return ""
}

// noService reports a service's name among public words. Names that look like
// plain words ("checkout") may be what customers call it, too.
func (v value) noService(services Patterns) {
	for _, name := range services.Any {
		if strings.ContainsAny(name, "*?") || !strings.ContainsAny(name, "-_.") {
			continue
		}
		if n, ok := v.node.(*ast.StringNode); ok && strings.Contains(n.Value, name) {
			v.mistake("customers would read the name of the service %s: say it in words", name)
		}
	}
}

// address finds an IP address, with or without a port or a prefix length.
func address(word string) (string, bool) {
	word = strings.Trim(word, ".,;!?()'\"")
	bare, _, _ := strings.Cut(word, "/")
	if a, err := netip.ParseAddr(strings.Trim(bare, "[]")); err == nil {
		return a.String(), true
	}
	if a, err := netip.ParseAddrPort(bare); err == nil {
		return a.String(), true
	}
	return "", false
}

// Unfit says why customers may not read what a person wrote in an incident, ""
// if they may. It may have several lines, most characters in all.
func Unfit(text string, most int) string {
	if n := len([]rune(text)); n > most {
		return fmt.Sprintf("it has %d characters, at most %d fit", n, most)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if why := unfit(line, most); why != "" {
			return why
		}
		if why := inside(line); why != "" {
			return why
		}
		if i := strings.IndexAny(line, "<>{}"); i >= 0 {
			return fmt.Sprintf("customers would read %q, which marks a place to be filled in: use words", line[i:i+1])
		}
	}
	return ""
}
