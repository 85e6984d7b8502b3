package templates

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"
)

// A page carries all that is needed to grey it: until when it is valid, the
// words that tell that it is stale, hidden, and the title and the icon of that
// case. So whoever serves the file can grey it without knowing anything else,
// and the script in it does the same in a reader's browser. These are the
// places; Load refuses templates that lack one of them.
var (
	pageStart  = regexp.MustCompile(`\A<!doctype html>\n<html lang="[a-zA-Z0-9-]+" class="(fresh)"(?: data-until="([0-9TZ:-]+)")?>`)
	pageTitle  = regexp.MustCompile(`<title data-stale="([^"<>]*)">([^<>]*)</title>`)
	pageIcon   = regexp.MustCompile(`<link rel="icon" href="([^"<>]*)" data-stale="([^"<>]*)">`)
	staleWords = regexp.MustCompile(`class="[^"<>]*\bstale-only\b`)
	pagePolicy = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"<>]*)">`)
)

// checkPage reports which of the places a page lacks.
func checkPage(name string, page []byte) error {
	head, _, _ := bytes.Cut(page, []byte("</head>"))
	switch {
	case !pageStart.Match(page):
		return fmt.Errorf(`%s: a page has to begin as the built-in layout.html does, with <html … class="fresh" data-until="…">, or it could not be greyed when it is stale`, name)
	case !pageTitle.Match(head) || !pageIcon.Match(head):
		return fmt.Errorf(`%s: the head needs <title data-stale="…"> and <link rel="icon" href="…" data-stale="…">, for the time when the page is stale`, name)
	case !pagePolicy.Match(head):
		return fmt.Errorf(`%s: the head needs <meta http-equiv="Content-Security-Policy" content="…">`, name)
	case !Expires(page).IsZero() && !staleWords.Match(page):
		return fmt.Errorf(`%s: a page that can grow stale needs an element of class "stale-only" that says so`, name)
	}
	return nil
}

// Expires gives until when a page that Index, IncidentPage or History made is
// valid. It is zero for a page that never grows stale, and for what is not a
// page.
func Expires(page []byte) time.Time {
	m := pageStart.FindSubmatch(page)
	if m == nil || m[2] == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, string(m[2]))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Grey gives the page as it is to be shown once it has expired: it says since
// when there have been no fresh data, and nothing on it is green.
func Grey(page []byte) []byte {
	m := pageStart.FindSubmatchIndex(page)
	if m == nil {
		return page
	}
	var b bytes.Buffer
	b.Write(page[:m[2]])
	b.WriteString("stale")
	head, body, _ := bytes.Cut(page[m[3]:], []byte("</head>"))
	head = pageTitle.ReplaceAll(head, []byte("<title>$1</title>"))
	head = pageIcon.ReplaceAll(head, []byte(`<link rel="icon" href="$2">`))
	b.Write(head)
	b.WriteString("</head>")
	b.Write(body)
	return b.Bytes()
}

// Policy gives the Content-Security-Policy that a page asks for, "" if none.
func Policy(page []byte) string {
	head, _, _ := bytes.Cut(page, []byte("</head>"))
	m := pagePolicy.FindSubmatch(head)
	if m == nil {
		return ""
	}
	return html.UnescapeString(string(m[1]))
}

// policy allows the one style sheet and the one script that pages hold, and
// nothing else from anywhere.
func policy(style, script string) string {
	hash := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) +
		"; img-src 'self' data:; form-action 'self'; base-uri 'none'"
}

var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/`)
	spaces   = regexp.MustCompile(`\s+`)
	tight    = regexp.MustCompile(` ?([{};,]) ?`)
)

// shrink takes comments and needless spaces out of a style sheet or a script.
func shrink(name, s string) (string, error) {
	if n := strings.IndexByte(s, '<'); n >= 0 {
		return "", fmt.Errorf(`%s:%d: "<" is not allowed here, since the file becomes a part of a page`, name, 1+strings.Count(s[:n], "\n"))
	}
	s = comments.ReplaceAllString(s, "")
	s = spaces.ReplaceAllString(s, " ")
	s = tight.ReplaceAllString(s, "$1")
	return strings.TrimSpace(strings.ReplaceAll(s, ";}", "}")), nil
}
