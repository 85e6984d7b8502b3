package rules

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
)

var (
	pageShape = shape{
		example: "{title: …, url: …}",
		keys:    []string{"title", "url", "support", "logo", "dark_logo", "accent", "dark_accent", "header", "links", "css", "language", "uptime"},
		hints: map[string]string{
			"theme":   "is the reader's: the page is light and dark by itself; accent and dark_accent are the colours of its links, css is a style sheet of one's own",
			"groups":  "stand with the components: components: [{id: api, group: Core product}]",
			"weights": "are called uptime: uptime: {P0: 100%, P1: 30%, P2: 0%}",
		},
	}
	pageLinkShape = shape{example: "{title: Documentation, url: https://docs.example.com}", keys: []string{"title", "url"}}

	colour       = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	languageName = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

// mostLinks is how many links fit beside the title.
const mostLinks = 6

func (d *draft) readPage(v value) {
	o, ok := v.object(pageShape)
	if !ok {
		return
	}
	to := &d.cfg.Page
	if title := o.get("title"); title.given() {
		d.titled = true
		to.Title = title.words(80, "FeatureSignals status", "")
	}
	o.get("url").web(&to.URL, "https://status.example.com")
	d.noPage = o.get("url").given() && to.URL == ""
	o.get("support").support(&to.Support)
	o.get("logo").path(&to.Logo, "/etc/tocsin/logo.svg")
	o.get("dark_logo").path(&to.DarkLogo, "/etc/tocsin/logo-dark.svg")
	o.get("css").path(&to.CSS, "/etc/tocsin/page.css")
	o.get("accent").colour(&to.Accent, "#0a55c4")
	o.get("dark_accent").colour(&to.DarkAccent, "#8ab6ff")
	to.Header = o.get("header").words(120, "Feature flags in three regions", "")
	to.At = map[string]Pos{}
	for _, key := range []string{"logo", "dark_logo", "css", "accent", "dark_accent"} {
		if v := o.get(key); v.given() {
			to.At[key] = v.pos()
		}
	}
	to.Links = readPageLinks(o.get("links"), to.At)
	if language := o.get("language"); language.given() {
		if s, ok := language.text("de"); ok && !languageName.MatchString(s) {
			language.mistake("want the code of a language, as in de or pt-BR; found %q", shorten(s))
		} else if ok {
			to.Language = s
		}
	}
	readWeights(o.get("uptime"), &to.Weights)
}

// support reads where customers may turn to.
func (v value) support(to *string) {
	s, ok := v.text("support@example.com")
	if !ok {
		return
	}
	a, err := mail.ParseAddress(s)
	u, wrong := url.Parse(s)
	if err == nil && a.Address == s ||
		wrong == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil {
		*to = s
		return
	}
	v.mistake("want a mail or web address that customers may use, as in support@example.com; found %q", shorten(s))
}

// colour reads a colour as style sheets write it.
func (v value) colour(to *string, example string) {
	s, ok := v.text(`"` + example + `"`)
	if !ok {
		return
	}
	if !colour.MatchString(s) {
		v.mistake("want a colour of six hexadecimal digits in quotes, as in %q; found %q", example, shorten(s))
		return
	}
	*to = strings.ToLower(s)
}

func readPageLinks(v value, at map[string]Pos) []Link {
	items, _ := v.list("[" + pageLinkShape.example + "]")
	if len(items) > mostLinks {
		v.mistake("at most %d links fit beside the title; found %d", mostLinks, len(items))
	}
	var all []Link
	for _, item := range items {
		item.name = "link"
		o, ok := item.object(pageLinkShape)
		if !ok {
			continue
		}
		var l Link
		l.Title = o.need("title", "title: Documentation").words(40, "Documentation", "")
		address := o.need("url", "url: https://…")
		address.web(&l.URL, "https://docs.example.com")
		if address.given() {
			at[fmt.Sprintf("links/%d", len(all))] = address.pos()
		}
		all = append(all, l)
	}
	return all
}

// readWeights reads which share of a minute counts against uptime; what is not
// named keeps its own.
func readWeights(v value, to *[5]float64) {
	const example = "{P0: 100%, P1: 30%, P2: 0%}"
	entries, _ := v.entries(example)
	for _, e := range entries {
		s, ok := ParseSeverity(e.name)
		if !ok || s == SeverityNone {
			e.mistake("unknown severity %s", unknown(e.name, severityNames))
			continue
		}
		if share, ok := e.val.share(0, 1, "30%"); ok {
			to[P0-s] = share
		}
	}
}
