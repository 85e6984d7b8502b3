package templates

import (
	"strings"
	"testing"
)

func TestAStyleSheetOfOnesOwnFetchesNothing(t *testing.T) {
	for _, c := range []struct{ name, css, want string }{
		{"plain rules", ".brand { color: red }\n@media print { a { color: #000 } }", ""},
		{"an image in the file", `header { background: url("data:image/png;base64,AAAA") }`, ""},
		{"a font in the file", `@font-face { font-family: x; src: url(data:font/woff2;base64,AAAA) }`, ""},
		{"the end of the style", "a {}\n</style><script>", `line 2: "<"`},
		{"an import", "\n@import 'x.css';", "line 2: @import"},
		{"an import in capitals", "@IMPORT url(x.css);", "line 1: @import"},
		{"an image from elsewhere", "a{}\nb { background: url(https://evil.example/x.png) }", "line 2: url()"},
		{"an image from beside", "a { background: url( 'x.png' ) }", "line 1: url()"},
		{"a page as data", "a { background: url(data:text/html;base64,AAAA) }", "url()"},
		{"url in escapes", `a { background: \75\72\6c(https://evil.example) }`, "url()"},
		{"url in escapes with spaces", `a { background: \000075 \72 l(https://evil.example) }`, "url()"},
		{"url in escapes that lines end", "a { background: \\75\nrl(https://evil.example) }", "url()"},
		{"url in escapes that lines of Windows end", "a { background: u\\72\r\nl(https://evil.example) }", "url()"},
		{"url in escapes with more spaces than one", `a { background: \75  rl(https://evil.example) }`, "url()"},
		{"url in escapes with a comment behind", `a { background: \75 /**/rl(https://evil.example) }`, "url()"},
		{"an import in escapes", `@\69mport "x";`, "@import"},
		{"the end of the style in escapes", `a { content: "\3c/style>" }`, `"<"`},
		{"a set of images", `a { background: image-set("https://evil.example/x.png" 1x) }`, "image-set("},
		{"a url parted by a comment is none", "a { background: u/**/rl(x) }", ""},
		{"a comment without an end", "a{} /* url(https://evil.example)", ""},
		{"what cannot be seen", "a{}\u202e", "U+202E"},
		{"a control character", "a{}\x00", "U+0000"},
		{"what is not UTF-8", "a{}\xff", "UTF-8"},
		{"a megabyte", strings.Repeat("a{}", 1<<18), "larger than 32 kB"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, CheckCSS(c.css), c.want) })
	}
}

// refused wants an error with some words in it, or none.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestAnAccentCanBeRead(t *testing.T) {
	for _, c := range []struct {
		colour string
		dark   bool
		want   string
	}{
		{"#0a55c4", false, ""},
		{"#8AB6FF", true, ""},
		{"#8ab6ff", false, "take a darker one"},
		{"#0a55c4", true, "take a lighter one"},
		{"#767676", false, "4.23:1"}, // it would do on white
		{"red", false, "is no colour"},
		{"#fff;}</style>", false, "is no colour"},
	} {
		t.Run(c.colour, func(t *testing.T) { refused(t, CheckAccent(c.colour, c.dark), c.want) })
	}
}

func TestAnImageIsAPartOfThePage(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"an SVG", "data:image/svg+xml;base64,PHN2Zy8+", ""},
		{"a PNG", "data:image/png;base64,AAAA", ""},
		{"a WebP", "data:image/webp;base64,AAAA", ""},
		{"none", "", "empty"},
		{"an address", "https://evil.example/x.png", "no data: address"},
		{"a page", "data:text/html;base64,AAAA", "no data: address"},
		{"markup", "data:image/svg+xml,<svg onload=alert(1)>", "no data: address"},
		{"the end of the attribute", `data:image/png;base64,AA"onerror="x`, "no data: address"},
		{"half a letter", "data:image/png;base64,AAAAA", "not base64"},
		{"a large one", "data:image/png;base64," + strings.Repeat("AAAA", 16<<10), "larger than 32 kB"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, CheckImage(Image{Data: c.data}), c.want) })
	}
	refused(t, CheckImage(Image{"data:image/png;base64,AAAA", 5000, 20}), "1000 × 400")
}

func TestALinkLeadsToTheWebOrToMail(t *testing.T) {
	for href, want := range map[string]string{
		"https://example.com/a?b=c#d":   "",
		"http://example.com":            "",
		"mailto:help@example.com":       "",
		"javascript:alert(1)":           "no address",
		"data:text/html,x":              "no address",
		"//example.com":                 "no address",
		"https://":                      "no address",
		"https://user:pw@example.com":   "no address",
		"https://example.com/ onload=x": "no address",
		"java\nscript:alert(1)":         "no address",
	} {
		t.Run(href, func(t *testing.T) { refused(t, CheckLink(Link{"x", href}), want) })
	}
	refused(t, CheckLink(Link{" ", "https://example.com"}), "no text")
}

func TestAFontOfOnesOwnIsShown(t *testing.T) {
	const font = `@font-face { font-family: x; src: url(data:font/woff2;base64,AAAA) }`
	for css, want := range map[string]bool{"": false, font: true} {
		p := full()
		p.Brand = Brand{CSS: css}
		page, err := load(t).Index(p)
		if err != nil {
			t.Fatal(err)
		}
		if policy := Policy(page); strings.Contains(policy, "; font-src data:") != want {
			t.Errorf("with the style sheet %q the policy is %s: fonts allowed is not %v", css, policy, want)
		}
	}
}
