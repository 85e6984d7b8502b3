package page

import (
	"strings"

	"github.com/featuresignals/tocsin/templates"
)

// fileHeaders is read by hosts that serve folders of files (Netlify, Cloudflare
// Pages and others): which headers go with which files. The built-in server sends
// the same.
const fileHeaders = "_headers"

// What every answer says. A cache may show a page for half a minute, and for a
// day while it cannot get a newer one: the page itself says until when it holds.
// What says how it is now and has no place for that, it may for no longer than
// that is true.
const (
	cacheControl      = "public, max-age=15, s-maxage=30, stale-while-revalidate=60, stale-if-error=86400"
	cacheControlOfNow = "public, max-age=15, s-maxage=30, stale-while-revalidate=60, stale-if-error=300"
	referrerPolicy    = "no-referrer"
	permissionsPolicy = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"
	transportSecurity = "max-age=31536000"
	// A page's own policy stands in its head, too; framing can be forbidden only here.
	framing = "frame-ancestors 'none'"
	// nothing is the policy of what is no page.
	nothing = "default-src 'none'; base-uri 'none'; " + framing
)

// isPage reports whether a file is for people, and for nobody else's site. The
// rest may be read and shown from anywhere.
func isPage(name string) bool { return strings.HasSuffix(name, ".html") }

// headers makes _headers. Values of several rules that fit a path are joined, and
// so each header is set by one of them only.
func (c *Channel) headers(_ templates.Public, files map[string][]byte) error {
	var b strings.Builder
	rule := func(pattern string, headers ...string) {
		b.WriteString(pattern + "\n")
		for n := 0; n < len(headers); n += 2 {
			b.WriteString("  " + headers[n] + ": " + headers[n+1] + "\n")
		}
	}
	rule("/*",
		"Cache-Control", cacheControl,
		"Content-Security-Policy", framing,
		"Permissions-Policy", permissionsPolicy,
		"Referrer-Policy", referrerPolicy,
		"Strict-Transport-Security", transportSecurity,
		"X-Content-Type-Options", "nosniff")
	for _, ext := range []string{".atom", ".ics", ".json", ".rss", ".svg"} {
		rule("/*"+ext,
			"Access-Control-Allow-Origin", "*",
			"Content-Type", types[ext],
			"Cross-Origin-Resource-Policy", "cross-origin")
	}
	files[fileHeaders] = []byte(b.String())
	return nil
}
