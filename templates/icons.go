package templates

import (
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// shape is the drawing of an icon on 16 by 16 units: a filled body with a mark
// on it, or, if hollow, both as lines.
type shape struct {
	body, mark string
	hollow     bool
}

const circle = "M8 .9a7.1 7.1 0 1 1 0 14.2A7.1 7.1 0 0 1 8 .9z"

// shapes differ in their outline, so that they are told apart without colour.
var shapes = map[string]shape{
	"ok":      {circle, "M4.7 8.3 7 10.6l4.4-4.9", false},
	"minor":   {"M8 1.3 15.3 14.4H.7z", "M8 6.2v3.6M8 12v.1", false},
	"partial": {"M8 .4 15.6 8 8 15.6.4 8z", "M5 8h6", false},
	"major":   {"M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z", "M5.4 5.4l5.2 5.2m0-5.2-5.2 5.2", false},
	"info":    {"M3.5 1h9A2.5 2.5 0 0 1 15 3.5v9a2.5 2.5 0 0 1-2.5 2.5h-9A2.5 2.5 0 0 1 1 12.5v-9A2.5 2.5 0 0 1 3.5 1z", "M8 7.4v4M8 4.6v.1", false},
	"unknown": {circle, "M6.1 6.2a1.9 1.9 0 1 1 2.7 1.7c-.5.3-.8.7-.8 1.3M8 11.6v.1", true},
	"thin":    {circle, "M5 8h.1M8 8h.1M11 8h.1", true},
	"none":    {circle, "M5.5 8h5", true},
	"later":   {circle, "M8 4.5V8l2.4 1.6", true},
}

// tones are the colours of the icon in a browser's tab, which lies on a ground
// that we do not know.
var tones = map[string]string{
	"ok": "#1a7f43", "minor": "#a86200", "partial": "#c2410c", "major": "#c5221f", "info": "#1d64c8", "unknown": "#6b7280",
}

// symbols gives the icons to refer to from anywhere in the page. Each one that
// is filled can turn into the question mark: a stale page sets --f to 0 and --q
// to 1, and so shows no tick.
func symbols() template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="defs" width="0" height="0" aria-hidden="true">`)
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		s := shapes[name]
		fmt.Fprintf(&b, `<symbol id="i-%s" viewBox="0 0 16 16">`, name)
		if s.hollow {
			fmt.Fprintf(&b, `<path class="h" d="%s%s"/>`, s.body, s.mark)
		} else {
			fmt.Fprintf(&b, `<g class="f"><path d="%s" fill="currentColor"/><path class="m" d="%s"/></g><use class="q" href="#i-unknown"/>`, s.body, s.mark)
		}
		b.WriteString("</symbol>")
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// icon gives a look as an icon for the browser's tab.
func icon(l Look) template.URL {
	s, colour := shapes[l.Icon], tones[l.Tone]
	body := fmt.Sprintf(`<path fill="%s" d="%s"/><path d="%s" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/>`, colour, s.body, s.mark)
	if s.hollow {
		body = fmt.Sprintf(`<path d="%s%s" fill="#fff" stroke="%s" stroke-width="1.8" stroke-linecap="round"/>`, s.body, s.mark, colour)
	}
	svg := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">` + body + `</svg>`
	return template.URL("data:image/svg+xml," + url.PathEscape(svg))
}
