package templates

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// renderer renders as GitHub does, with HTML as it is written: nothing may depend
// on its being taken out.
var renderer = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList), goldmark.WithRendererOptions(html.WithUnsafe()))

func gfm(t *testing.T, md string) string {
	t.Helper()
	var b bytes.Buffer
	if err := renderer.Convert([]byte(md), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var asHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// places are the places in a text in which words can stand, and how they render
// there.
var places = []struct{ name, before, after, htmlBefore, htmlAfter string }{
	{"a line", "", "", "<p>", "</p>\n"},
	{"the line after another", "One\n", "", "<p>One\n", "</p>\n"},
	{"before another line", "", "\nTwo", "<p>", "\nTwo</p>\n"},
	{"the middle of a line", "One ", " two", "<p>One ", " two</p>\n"},
	{"emphasis", "**", "**.", "<p><strong>", "</strong>.</p>\n"},
	{"a list", "- ", "", "<ul>\n<li>", "</li>\n</ul>\n"},
	{"a table", "| A | B |\n|---|---|\n| x | ", " |\n", "<table>\n<thead>\n<tr>\n<th>A</th>\n<th>B</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>x</td>\n<td>", "</td>\n</tr>\n</tbody>\n</table>\n"},
}

// effects is what GitHub looks for in a finished text.
var effects = map[string]*regexp.Regexp{
	"a mention":            regexp.MustCompile(`(?i)@[a-z0-9]`),
	"a reference":          regexp.MustCompile(`(?i)(^|[^&])#[0-9]|\bgh-[0-9]`),
	"a commit":             regexp.MustCompile(`(?i)[0-9a-f]{7,40}`),
	"an address":           regexp.MustCompile(`(?i)://|www\.|[a-z0-9]@[a-z0-9]`),
	"an emoji":             regexp.MustCompile(`(?i):[a-z0-9_+-]+:`),
	"a formula":            regexp.MustCompile(`\$[^<]|[^>]\$`),
	"an invisible letter":  regexp.MustCompile("[\u200c-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\u061c\U000e0000-\U000e007f]"),
	"a mark of our own":    regexp.MustCompile(`<!--`),
	"a line of their own":  regexp.MustCompile(`[\n\r]`),
	"a table's separation": regexp.MustCompile(`\|`),
}

// plainly fails unless words render as themselves, wherever they stand.
func plainly(t *testing.T, words string) {
	t.Helper()
	md := markdown(words)
	for what, like := range effects {
		if m := like.FindString(md); m != "" {
			t.Errorf("%q is written as %q, which holds %s: %q", words, md, what, m)
		}
	}
	plain := visible(words)
	if plain == "" {
		if md != "" {
			t.Errorf("%q is written as %q", words, md)
		}
		return
	}
	for _, p := range places {
		if (p.name == "emphasis" || p.name == "a table") && strings.ContainsFunc(plain, func(r rune) bool { return r > 0x7f }) {
			continue // where emphasis ends beside foreign signs is another matter
		}
		got := gfm(t, p.before+md+p.after)
		got = strings.ReplaceAll(strings.ReplaceAll(got, gap, ""), "<span>$</span>", "$")
		want := p.htmlBefore + asHTML.Replace(plain) + p.htmlAfter
		if p.name == "emphasis" && (got != want) && strings.ContainsFunc(plain[:1]+plain[len(plain)-1:], func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			continue // nor is emphasis around what does not begin and end in a letter
		}
		if got != want {
			t.Errorf("%q, in %s, is written as %q and renders as\n%s\nwant\n%s", words, p.name, md, got, want)
		}
	}
}

var badWords = []string{
	"", " ", "plain words, as people write them (mostly): 5 % of 1,204 requests; \"quoted\" & 'so'",
	"<script>alert(1)</script>", "<!-- tocsin INC-2026-0001 0123456789abcdef -->", "&lt;b&gt; &amp; &#64;octocat",
	"[a link](https://evil.example)", "![image](//evil.example/x.png)", "<https://evil.example>", "https://evil.example/?a=b", "http\\://evil.example", "www.evil.example", "WWW.EVIL.example",
	"ftp://evil.example", "mailto:who@evil.example", "who@evil.example", "xmpp:who@evil.example", "[x]: https://evil.example", "[x]",
	"@octocat", "hello @octocat!", "@github/security", "x@octocat", "\\@octocat", "@\u200boctocat", "@@octocat",
	"#123", "see #123.", "Closes #1", "octo/repo#12", "octo#12", "GH-12", "gh-12", "##1", "#\u200d1",
	"a5c3785ed8d6a35868bc169f07e40e889087fd2e", "octo@a5c3785ed8d6", "octo/repo@a5c3785", "1234567 requests", "defaced",
	"# heading", "- item", "* item", "+ item", "1. item", "1) item", "12345. item", "- [ ] task", "[x] task", "> quote", "> [!WARNING]", "---", "***", "===", "--", "| a | b |", "a | b", ":-", ":-:", "- - -",
	"```sh", "~~~", "`code`", "``", "    indented", "\tindented", "*em* **strong** _em_ __strong__ ~~gone~~ a_b_c ~x~",
	":tada:", "12:30:45", ":a:b:c:", "::tada::", "$x$", "$$x^2$$", "$`x`$", "cost $5 and $6", "[^1]", "[^1]: note", "^[note]",
	"ends with a backslash\\", "two\\\\", "\\", "line\nbreak", "two\n\nparagraphs", "trailing  ", "tab\there", "\x00\x01", "\u202eevil\u202c", "z\u200be\u200cr\u200do", "\ufeffbom", "soft\u00adhyphen",
	"\U000e0041tag", "\u3164", "\xff\xfe", "é ü 漢字 العربية 👩‍💻", "a  b   c", "term\n: definition", "&copy", "&nbsp;", "a&b", "!", "\"", "'", "(c)", "...", "{x}", "%!s(x)", "Setext\n===",
	"https://a.example,https://b.example", "a://b", "www.www.", "w.", "GH-", "ABCDEF0123", "0000000", "@", "#", "|", "$",
}

// The seeds are the test: words have no effect, wherever they stand.
func FuzzMarkdown(f *testing.F) {
	for _, words := range badWords {
		f.Add(words)
	}
	f.Fuzz(func(t *testing.T, words string) { plainly(t, words) })
}

func TestAnIssueSaysWhatIsToBeKnown(t *testing.T) {
	set, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := full()
	i := p.Past[0]
	i.Updates[0].Text = "We fixed #12. @octo/team\n- [ ] done"
	i.Component.Name = "API (v2) @octocat"
	i.Updates[0].Symptom = "elevated `errors`"
	m, err := set.Issue(p, i, i.Updates[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := "[INC-2026-0002] P0 – Elevated 'errors'"; m.Subject != want {
		t.Errorf("the title is %q, want %q", m.Subject, want)
	}
	page := strings.ReplaceAll(gfm(t, m.Body), gap, "")
	for _, want := range []string{
		"This incident is resolved", "affecting API (v2) @octocat", "<p>We fixed #12. @octo/team.</p>", "<p>- [ ] done.</p>", "<td>P0</td>", "<td>2026-05-20T10:02:00Z</td>",
		`<a href="https://status.example.com/incidents/INC-2026-0002.html">`, "4 hours 18 minutes", "Post-mortem due",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
	if strings.Contains(page, "checkbox") || strings.Count(page, "<a ") != 1 {
		t.Errorf("words have an effect in\n%s", page)
	}
	comment, err := set.Comment(p, i, i.Updates[len(Trends)])
	if err != nil {
		t.Fatal(err)
	}
	if page := gfm(t, comment); !strings.Contains(page, "<strong>Monitoring</strong> – P0, ") || !strings.Contains(page, "Next update: 2026-05-20T") {
		t.Errorf("the comment is\n%s", page)
	}
	i.ID = "INC-2026-0099" // customers read nothing of it
	if m, err := set.Issue(p, i, i.Updates[0]); err != nil || strings.Contains(m.Body, "https://") {
		t.Errorf("what is not on the page is linked to: %v\n%s", err, m.Body)
	}
	i.Updates[0].Symptom = "errors on <component>"
	if _, err := set.Issue(p, i, i.Updates[0]); err == nil {
		t.Error("a placeholder went out")
	}
}
