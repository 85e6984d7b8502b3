package templates

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The most that a brand may bring along: the first page is to arrive in one
// round trip.
const (
	maxImage = 32 << 10
	maxCSS   = 32 << 10
)

// An image has at most so many pixels. It is shown much smaller.
const (
	WidestImage  = 1000
	HighestImage = 400
)

// imageData is what an image of a page may be: drawn or painted, and as a part of
// the page. An SVG in an <img> runs no script and fetches nothing.
var imageData = regexp.MustCompile(`^data:image/(?:svg\+xml|png|webp);base64,([A-Za-z0-9+/]+={0,2})$`)

// CheckImage says why an image cannot be shown on the pages, and nil if it can.
func CheckImage(i Image) error {
	m := imageData.FindStringSubmatch(i.Data)
	switch {
	case i.Data == "":
		return errors.New("the image is empty")
	case m == nil:
		return errors.New("the image is no data: address of an SVG, PNG or WebP in base64: only those are shown")
	case len(m[1]) > base64.StdEncoding.EncodedLen(maxImage):
		return fmt.Errorf("the image is larger than %d kB: the page is to arrive at once on a bad connection, so make it smaller", maxImage>>10)
	case i.Width < 0 || i.Height < 0 || i.Width > WidestImage || i.Height > HighestImage:
		return fmt.Errorf("the image is %d × %d pixels: want at most %d × %d", i.Width, i.Height, WidestImage, HighestImage)
	}
	if _, err := base64.StdEncoding.DecodeString(m[1]); err != nil {
		return fmt.Errorf("the image is not base64: %w", err)
	}
	return nil
}

// grounds are what words lie on, in the light and in the dark: the page and a
// card on it. style.css has the same, and a test compares them.
var grounds = map[bool][2]string{false: {"#f6f7f9", "#ffffff"}, true: {"#0f1216", "#171b21"}}

var hexColour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// CheckAccent says why a colour cannot be that of links, in the light or in the
// dark.
func CheckAccent(colour string, dark bool) error {
	if !hexColour.MatchString(colour) {
		return fmt.Errorf(`%q is no colour: want one like "#0a55c4"`, Line(20, colour))
	}
	for _, ground := range grounds[dark] {
		if c := contrast(colour, ground); c < 4.5 {
			theme, mend := "light", "darker"
			if dark {
				theme, mend = "dark", "lighter"
			}
			return fmt.Errorf("%s has a contrast of %.2f:1 on the %s ground %s, and words need 4.5:1 to be read by everybody: take a %s one", colour, math.Floor(c*100)/100, theme, ground, mend)
		}
	}
	return nil
}

// contrast gives the contrast ratio of two colours as WCAG 2.2 defines it.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(colour string) float64 {
	sum := 0.0
	for n, weight := range []float64{.2126, .7152, .0722} {
		v, _ := strconv.ParseUint(colour[1+2*n:3+2*n], 16, 8)
		c := float64(v) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// CheckLink says why a link cannot stand at the top of the pages.
func CheckLink(l Link) error {
	if oneline(l.Text) == "" {
		return errors.New("the link has no text")
	}
	if !linkable(l.Href) {
		return fmt.Errorf("%q is no address of the web or of mail: want one that begins as https://example.com or mailto:help@example.com do", Line(60, l.Href))
	}
	return nil
}

// linkable reports whether a link may lead there.
func linkable(href string) bool {
	if strings.ContainsFunc(href, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("<>\"'`\\{}", r) || invisible(r)
	}) || !utf8.ValidString(href) {
		return false
	}
	u, err := url.Parse(href)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != "" && u.User == nil
	case "mailto":
		return strings.Contains(u.Opaque, "@")
	default:
		return false
	}
}

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?(?:\*/|\z)`)
	cssEscape  = regexp.MustCompile(`\\(?:([0-9a-fA-F]{1,6})\s*|([^\r\n\f]))`) // one space belongs to it, and brandOf makes one of many
	cssFetches = regexp.MustCompile(`(?i)@import|@namespace|@charset|image-set\(|image\(|\bsrc\(|url\(\s*["']?\s*`)
	cssInline  = regexp.MustCompile(`(?i)^data:(?:image/(?:svg\+xml|png|webp|gif|jpeg)|font/woff2?)[;,]`)
)

// StyleError is a mistake in a line of a style sheet.
type StyleError struct {
	Line int
	Msg  string
}

func (e *StyleError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// CheckCSS says why a style sheet cannot become a part of the pages: they fetch
// nothing from anywhere, and a style sheet stays one. It gives one mistake of each
// line, as a StyleError, or what is wrong with all of it.
func CheckCSS(css string) error {
	switch {
	case len(css) > maxCSS:
		return fmt.Errorf("the style sheet is larger than %d kB: every reader loads it with every page, so make it smaller", maxCSS>>10)
	case !utf8.ValidString(css):
		return errors.New("the style sheet is not UTF-8: save it as UTF-8")
	}
	var wrong []error
	last := 0
	mistake := func(line int, format string, args ...any) {
		if line != last {
			wrong, last = append(wrong, &StyleError{line, fmt.Sprintf(format, args...)}), line
		}
	}
	for n, line := range strings.Split(css, "\n") {
		for _, r := range line {
			switch {
			case r == '<':
				mistake(n+1, `"<" is not allowed in a style sheet, since it becomes a part of a page`)
			case r < ' ' && !strings.ContainsRune("\t\r\f", r), r == 0x7f, invisible(r):
				mistake(n+1, "the style sheet holds the invisible character %U: remove it", r)
			}
		}
	}
	if wrong != nil {
		return errors.Join(wrong...)
	}
	// What a browser reads: without comments, and with escapes for what they stand for.
	keepLines := func(s string) string { return " " + strings.Repeat("\n", strings.Count(s, "\n")) }
	plain := cssEscape.ReplaceAllStringFunc(cssComment.ReplaceAllStringFunc(css, keepLines), func(s string) string {
		m := cssEscape.FindStringSubmatch(s)
		if m[1] == "" {
			return m[2]
		}
		v, _ := strconv.ParseInt(m[1], 16, 32)
		return string(rune(v)) // and no space behind it: it parts nothing
	})
	for _, m := range cssFetches.FindAllStringIndex(plain, -1) {
		what, line := strings.ToLower(plain[m[0]:m[1]]), 1+strings.Count(plain[:m[0]], "\n")
		name, isURL := strings.CutSuffix(strings.TrimRight(what, "\"' \t\r\n\f"), "url(")
		switch {
		case !isURL:
			mistake(line, "%s is not allowed, since pages fetch nothing: write what it brings into this file", name)
		case !cssInline.MatchString(plain[m[1]:]):
			mistake(line, "url() of anything but data: is not allowed, since pages fetch nothing: put the image into the file as data:image/svg+xml;base64,…")
		}
	}
	if strings.Contains(plain, "<") {
		return errors.New(`no "<" may be in a style sheet, however written, since it becomes a part of a page`)
	}
	return errors.Join(wrong...)
}

// check says what of a brand cannot be shown.
func (b Brand) check() error {
	for _, x := range []struct {
		name, value string
		check       func() error
	}{
		{"logo", b.Logo.Data, func() error { return CheckImage(b.Logo) }},
		{"dark logo", b.DarkLogo.Data, func() error { return CheckImage(b.DarkLogo) }},
		{"accent", b.Accent, func() error { return CheckAccent(b.Accent, false) }},
		{"dark accent", b.DarkAccent, func() error { return CheckAccent(b.DarkAccent, true) }},
		{"style sheet", b.CSS, func() error { return CheckCSS(b.CSS) }},
	} {
		if x.value == "" {
			continue
		}
		if err := x.check(); err != nil {
			return fmt.Errorf("brand: %s: %w", x.name, err)
		}
	}
	for n, l := range b.Links {
		if err := CheckLink(l); err != nil {
			return fmt.Errorf("brand: link %d: %w", n+1, err)
		}
	}
	return nil
}

// Branding is a brand as pages take it in: what check refuses is not in it,
// whoever forgot to ask.
type Branding struct {
	Logo, DarkLogo template.URL
	DarkSet        template.Srcset
	Width, Height  int
	Links          []Link
	css            string // after the built-in style sheet
}

func brandOf(b Brand) Branding {
	var v Branding
	if CheckImage(b.Logo) == nil {
		v.Logo, v.Width, v.Height = template.URL(b.Logo.Data), b.Logo.Width, b.Logo.Height
		if CheckImage(b.DarkLogo) == nil {
			v.DarkLogo, v.DarkSet = template.URL(b.DarkLogo.Data), template.Srcset(b.DarkLogo.Data)
		}
	}
	for _, l := range b.Links {
		if CheckLink(l) == nil {
			v.Links = append(v.Links, Link{Line(60, l.Text), l.Href})
		}
	}
	if CheckAccent(b.Accent, false) == nil {
		v.css += ":root{--link:" + b.Accent + "}"
	}
	if b.Accent != "" || b.DarkAccent != "" {
		dark := b.DarkAccent
		if CheckAccent(dark, true) != nil {
			dark = "#8ab6ff" // as built in: that of the light would be too dark
		}
		v.css += "@media (prefers-color-scheme:dark){:root{--link:" + dark + "}}"
	}
	if b.CSS != "" && CheckCSS(b.CSS) == nil {
		v.css += strings.TrimSpace(spaces.ReplaceAllString(cssComment.ReplaceAllString(b.CSS, " "), " ")) // no comment joins what it parted
	}
	return v
}
