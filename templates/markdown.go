package templates

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// Issue is what issue.md and comment.md are executed with: one update of one
// incident, for the issue tracker. Every text of it is Markdown already, in
// which names and people's words have no effect, so that no template can forget
// to see to that. A text with nothing to say is "".
type Issue struct {
	ID        string
	Severity  string
	State     string // "Investigating"
	Status    string // "Partial service"
	Title     string
	Component string
	Where     string   // the component, and the regions that are touched
	What      string   // a sentence
	Impact    string   // sentences: what customers may experience, and how their data are
	Words     []string // a person's own, by paragraph
	Trend     string   // sentences
	Late      string   // a sentence
	News      string   // sentences: what is new of the data and of the workaround
	Into      string   // the incident that it goes on as

	Workaround string
	Began      string // times, ISO 8601
	Detected   string
	Ended      string
	Next       string
	PostMortem string
	Lasted     string // "2 hours 5 minutes"
	Page       string // a link to the incident on the public page
	Resolved   bool
}

// Issue gives the title and the Markdown of an issue that begins with one update.
func (s *Set) Issue(p Public, i Incident, u Update) (Message, error) {
	body, err := s.issue("issue.md", p, i, u)
	if err != nil {
		return Message{}, err
	}
	post := postOf(p, i, u)
	title := fmt.Sprintf("[%s] %s – %s", strings.TrimSpace(i.ID), u.Severity, post.Title())
	return Message{Subject: strings.ReplaceAll(visible(title), "`", "'"), Body: body}, nil
}

// Comment gives the Markdown of a comment that tells one update.
func (s *Set) Comment(p Public, i Incident, u Update) (string, error) {
	return s.issue("comment.md", p, i, u)
}

func (s *Set) issue(name string, p Public, i Incident, u Update) (string, error) {
	// The marks that Lint looks for mean something in Markdown. They are looked
	// for in what the text is made from: other updates had it done when they were
	// told.
	post := postOf(p, i, u)
	i.Updates = nil
	for _, v := range []any{i, u, post.before} {
		if err := lint(name, reflect.ValueOf(v)); err != nil {
			return "", err
		}
	}
	out := Issue{
		ID: markdown(i.ID), Severity: markdown(u.Severity), State: markdown(post.State()), Status: markdown(u.Status),
		Title: markdown(post.Title()), Component: markdown(post.component()), Where: markdown(post.Where()),
		Workaround: markdown(post.Workaround()), Into: markdown(u.Into),
		Began: iso(i.Began), Detected: iso(i.Detected), Next: iso(u.Next), PostMortem: iso(post.PostMortem()),
		Resolved: post.Resolved(),
	}
	for _, w := range post.Text() {
		out.Words = append(out.Words, markdown(w))
	}
	if out.Resolved {
		out.Ended = iso(post.Ended())
		if post.Lasted() > 0 {
			out.Lasted = english.duration(post.Lasted())
		}
	}
	for _, part := range []struct {
		to        *string
		sentences []string
	}{
		{&out.What, []string{"what"}},
		{&out.Impact, []string{"experience", "integrity"}},
		{&out.Trend, []string{"trend"}},
		{&out.Late, []string{"late"}},
		{&out.News, []string{"news"}},
	} {
		var all []string
		for _, name := range part.sentences {
			text, err := s.execute(name, post)
			if err != nil {
				return "", err
			}
			all = append(all, text)
		}
		*part.to = markdown(strings.Join(all, " "))
	}
	if isPublished(p, i.ID) {
		out.Page = link(p.URL, i.ID)
	}
	return s.execute(name, out)
}

// isPublished reports whether customers can read of an incident.
func isPublished(p Public, id string) bool {
	is := func(i Incident) bool { return i.ID == id }
	return slices.ContainsFunc(p.Incidents, is) || slices.ContainsFunc(p.Past, is)
}

// link gives the address of an incident on the page as Markdown has links; ""
// if there is none to give.
func link(page, id string) string {
	u, err := url.Parse(strings.TrimRight(page, "/") + "/incidents/" + url.PathEscape(id) + ".html")
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(u.String(), " <>\\|`") {
		return ""
	}
	return "<" + u.String() + ">"
}

// gap parts what GitHub would take for one word with a meaning, and is not seen.
const gap = "\u200b"

// markdown gives words as Markdown that renders as just these words, on one
// line: no HTML, no link, no emphasis, no list, no mention of anybody, no
// reference to an issue or a commit, no emoji and no formula, wherever in a line
// it stands.
//
// A backslash takes the effect from what Markdown reads. What GitHub looks for
// in the finished text (@name, #1, owner/name#1, GH-1, commits, addresses,
// :smile:) it finds in spite of one, and so a gap stands in its midst. A dollar
// sign is kept from being a formula in the way that GitHub documents.
func markdown(words string) string {
	s := visible(words)
	var b strings.Builder
	b.Grow(2 * len(s))
	hex := 0 // how many digits of what could be a commit were written since the last gap
	for n, r := range s {
		if isHex(r) {
			if hex == 6 {
				b.WriteString(gap)
				hex = 0
			}
			hex++
		} else {
			hex = 0
		}
		before, rest := s[:n], s[n+len(string(r)):]
		switch {
		case r == '$':
			b.WriteString("<span>$</span>")
		case r == '|':
			b.WriteString("&#124;") // in a table, a backslash would not do everywhere
		case strings.ContainsRune("\\`*_[]<>!~&@#", r), n == 0 && isASCIIPunct(r), (r == '.' || r == ')') && isNumber(before):
			b.WriteString("\\" + string(r))
		default:
			b.WriteRune(r)
		}
		switch {
		case r == '@', r == '#',
			r == ':' && (strings.HasPrefix(rest, "//") || isShortcode(rest)),
			r == '-' && hasSuffixFold(before, "gh"),
			(r == 'w' || r == 'W') && hasSuffixFold(before, "ww") && strings.HasPrefix(rest, "."):
			b.WriteString(gap)
		}
	}
	return b.String()
}

// visible puts words on one line and takes out what cannot be seen: marks that
// reorder the text or join and part words, tags, and letters without a shape.
func visible(words string) string {
	return oneline(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || slices.Contains(shapeless, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(words, "\ufffd")))
}

var shapeless = []rune{'\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u3164', '\uffa0'}

func isHex(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}

func isASCIIPunct(r rune) bool {
	return r > ' ' && r < 0x7f && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// isNumber reports whether s is digits alone: with a point it would begin a list.
func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isShortcode reports whether what follows a colon ends in another, as :smile:
// does.
func isShortcode(rest string) bool {
	end := strings.IndexFunc(rest, func(r rune) bool {
		return r != '_' && r != '+' && r != '-' && !(r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)))
	})
	return end > 0 && rest[end] == ':'
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
