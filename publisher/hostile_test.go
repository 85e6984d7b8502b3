package publisher_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	markdowntext "github.com/yuin/goldmark/text"
	"golang.org/x/net/html"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/hostiletest"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/slack"
	"github.com/featuresignals/tocsin/publisher/tracker"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// shown lists the channels that can show what they would bring out, and how their
// target reads the text of it. A channel is added with one line.
var shown = []struct {
	name string
	make func(words *templates.Set) publisher.Previewer
	text reading
	keys []string // of the deliveries that it takes
}{
	// A page shows an incident as a whole.
	{"page", func(words *templates.Set) publisher.Previewer { return page.New("status", "", words) }, asPlain, []string{string(hostiletest.Open) + "/2", string(hostiletest.Over) + "/2"}},
	{"webhook", webhookOf("standard"), asPlain, hostiletest.Keys},
	{"generic", webhookOf("generic"), asPlain, hostiletest.Keys},
	{"pagerduty", webhookOf("pagerduty"), asPlain, hostiletest.Keys},
	{"opsgenie", webhookOf("opsgenie"), asPlain, hostiletest.Keys},
	{"ntfy", webhookOf("ntfy"), asPlain, hostiletest.Keys},
	{"teams", webhookOf("teams"), asPlain, hostiletest.Keys},
	{"email", func(words *templates.Set) publisher.Previewer {
		return email.Shown(rules.Channel{Name: "mail"}, "https://status.example.com", words)
	}, asPlain, hostiletest.Keys},
	{"slack", func(words *templates.Set) publisher.Previewer { return slack.Shown(rules.Channel{Name: "team"}, words) }, asSlack, hostiletest.Keys},
	{"tracker", func(words *templates.Set) publisher.Previewer {
		return tracker.Shown(rules.Channel{Name: "issues"}, words)
	}, asMarkdown, hostiletest.Keys[:5]}, // it takes no calls
}

func webhookOf(format string) func(words *templates.Set) publisher.Previewer {
	return func(words *templates.Set) publisher.Previewer {
		c, err := webhook.Shown(webhook.Config{Name: "hooks", Format: format, Templates: words, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			panic(err) // the format is one of ours
		}
		return c
	}
}

// A reading complains of what a text does at its target that plain words in the
// same places do not do.
type reading func(got, plain string) []string

// complaints holds a preview against that of the same delivery in plain words.
func complaints(got, plain publisher.Preview, text reading) (all []string) {
	all = append(all, ofHeaders(got.Headers, plain.Headers)...)
	all = append(all, ofHTML(got.HTML, plain.HTML)...)
	all = append(all, ofJSON(got.JSON, plain.JSON)...)
	return append(all, text(got.Text, plain.Text)...)
}

// ofHeaders: a head has the lines that it has, whatever stands in them.
func ofHeaders(got, plain []publisher.Header) (all []string) {
	names := func(head []publisher.Header) (list []string) {
		for _, h := range head {
			list = append(list, h.Name)
		}
		return list
	}
	if g, w := names(got), names(plain); !slices.Equal(g, w) {
		all = append(all, fmt.Sprintf("the head has %q, and %q with plain words", g, w))
	}
	for _, h := range got {
		if strings.ContainsFunc(h.Name+h.Value, unicode.IsControl) {
			all = append(all, fmt.Sprintf("the header %s holds a control character: %q", h.Name, h.Value))
		}
	}
	return all
}

// ofHTML: the same elements with the same attributes, and links that lead to where
// links may.
func ofHTML(got, plain string) (all []string) {
	elements, links := elementsOf(got)
	want, _ := elementsOf(plain)
	if !slices.Equal(elements, want) {
		n := 0
		for n < min(len(elements), len(want)) && elements[n] == want[n] {
			n++
		}
		all = append(all, fmt.Sprintf("the HTML has other elements than with plain words, from %q on", append(elements, "its end")[n]))
	}
	for _, l := range links {
		if scheme, _, ok := strings.Cut(l, ":"); ok && !slices.Contains([]string{"http", "https", "mailto"}, scheme) && !strings.HasPrefix(l, "data:image/svg+xml") {
			all = append(all, fmt.Sprintf("the HTML has a link to %q", l))
		}
	}
	return all
}

func elementsOf(page string) (elements, links []string) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		panic(err) // a string can be read
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode && n.Type != html.CommentNode {
			continue
		}
		said := n.Data
		for _, a := range n.Attr {
			said += " " + a.Key
			if a.Key == "href" || a.Key == "src" {
				links = append(links, a.Val)
			}
		}
		for range n.Ancestors() {
			said = " " + said
		}
		elements = append(elements, said)
	}
	return elements, links
}

// ofJSON: valid, and words are leaves: no key is there that plain words have not,
// and none is of another kind.
func ofJSON(got, plain []byte) (all []string) {
	if len(got) == 0 && len(plain) == 0 {
		return nil
	}
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		return []string{"the JSON is none: " + err.Error()}
	}
	if err := json.Unmarshal(plain, &w); err != nil {
		return []string{"the JSON of plain words is none: " + err.Error()}
	}
	has, may := map[string]string{}, map[string]string{}
	keysOf("", g, has)
	keysOf("", w, may)
	for _, key := range slices.Sorted(maps.Keys(has)) {
		if may[key] != has[key] {
			all = append(all, fmt.Sprintf("the JSON has %s of type %s, and with plain words %q", key, has[key], may[key]))
		}
	}
	return all
}

func keysOf(path string, v any, into map[string]string) {
	into[path] = fmt.Sprintf("%T", v)
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			keysOf(path+"."+key, x, into)
		}
	case []any:
		for _, x := range v {
			keysOf(path+"[]", x, into)
		}
	}
}

// asPlain: as many lines, all of which can be seen.
func asPlain(got, plain string) (all []string) {
	if g, w := strings.Count(got, "\n"), strings.Count(plain, "\n"); g != w {
		all = append(all, fmt.Sprintf("the text has %d lines, and %d with plain words", g, w))
	}
	return append(all, unseen(got)...)
}

// unseen tells of the first character that nobody can see. Some that Unicode calls
// format are: the signs of a number that stand before its digits.
func unseen(text string) []string {
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
			return []string{fmt.Sprintf("the text holds %U", r)}
		}
	}
	return nil
}

// asSlack reads mrkdwn: what is between < and > is a link or calls somebody, and &
// begins one of three entities. A joiner of no width is what keeps :word: from being
// a picture.
func asSlack(got, plain string) (all []string) {
	count := func(text string) map[string]int {
		kinds := map[string]int{}
		for _, m := range controls.FindAllString(text, -1) {
			kinds[m[:2]]++
		}
		kinds["&"] = strings.Count(text, "&") - strings.Count(text, "&amp;") - strings.Count(text, "&lt;") - strings.Count(text, "&gt;")
		kinds["<"], kinds[">"] = strings.Count(text, "<"), strings.Count(text, ">")
		return kinds
	}
	if g, w := count(got), count(plain); !maps.Equal(g, w) {
		all = append(all, fmt.Sprintf("Slack reads the controls %v, and %v with plain words", g, w))
	}
	return append(all, unseen(strings.ReplaceAll(got, ":\u2060", ":"))...)
}

var controls = regexp.MustCompile(`<[!@#a-zA-Z]`)

// asMarkdown reads GitHub's dialect: the same blocks and spans. A space of no width
// is what keeps names from being called and numbers from being referred to, and a
// span what keeps a dollar sign from beginning a formula.
func asMarkdown(got, plain string) (all []string) {
	got = strings.ReplaceAll(got, "<span>$</span>", "$")
	g, w := spans(got), spans(plain)
	if !slices.Equal(g, w) {
		all = append(all, fmt.Sprintf("Markdown has %q, and %q with plain words", g, w))
	}
	return append(all, unseen(strings.ReplaceAll(got, "\u200b", ""))...)
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM))

// spans lists the kinds of what Markdown makes of a text, but for the pieces that
// words are cut into.
func spans(text string) (kinds []string) {
	root := gfm.Parser().Parse(markdowntext.NewReader([]byte(text)))
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering && n.Kind() != ast.KindText && n.Kind() != ast.KindString {
			kinds = append(kinds, n.Kind().String())
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		panic(err) // the function gives none
	}
	return kinds
}

// inPlain gives plain words in the place of a text: as many lines, and none where
// there is nothing to be seen.
func inPlain(text string) string {
	said := templates.Paragraphs(text)
	if said == "" {
		return ""
	}
	return strings.TrimSuffix(strings.Repeat("word\n", 1+strings.Count(said, "\n")), "\n")
}

// deliveries gives every delivery of a board on which each word is this one. An
// address that is configured becomes a link, as it should, and so a word that is
// an address stands only where no address is asked for.
func deliveries(t testing.TB, word string, addresses bool) map[string]publisher.Delivery {
	c, b := hostiletest.Make(word)
	if !addresses {
		c.Page.URL, c.Page.Support, c.SigNoz.URL, c.Console = "", "", "", rules.Console{}
		for n := range c.Rules {
			c.Rules[n].Runbook = ""
		}
	}
	out := map[string]publisher.Delivery{}
	for _, key := range hostiletest.Keys {
		d, err := publisher.Prepare(c, b, publisher.Row{Key: key}, hostiletest.At, hostiletest.At)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		out[key] = d
	}
	return out
}

// oracle is the channels with what they make of plain words, which is asked for
// again and again.
type oracle struct {
	words *templates.Set
	plain map[string]publisher.Preview // by channel, delivery and words
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &oracle{set, map[string]publisher.Preview{}}
}

// isAddress reports whether a word would be a link where the configuration has one.
func isAddress(word string) bool {
	for _, scheme := range []string{"https://", "http://", "mailto:"} {
		if strings.HasPrefix(word, scheme) {
			return true
		}
	}
	return strings.Contains(word, "@") && !strings.Contains(word, ":")
}

// isHarmless holds what every channel makes of a word against what it makes of
// plain ones. It gives how many deliveries of each were not refused.
func (tr *oracle) isHarmless(t *testing.T, word string) (went map[string]int) {
	t.Helper()
	addresses := !isAddress(templates.Line(500, word))
	plainly := inPlain(word)
	went = map[string]int{}
	var plain map[string]publisher.Delivery
	for key, d := range deliveries(t, word, addresses) {
		for _, ch := range shown {
			if !slices.Contains(ch.keys, key) {
				continue
			}
			got, err := ch.make(tr.words).Preview(d)
			if err != nil {
				continue // it was refused, and reaches nobody
			}
			went[ch.name]++
			known := ch.name + key + plainly + fmt.Sprint(addresses)
			want, ok := tr.plain[known]
			if !ok {
				if plain == nil {
					plain = deliveries(t, plainly, addresses)
				}
				if want, err = ch.make(tr.words).Preview(plain[key]); err != nil {
					t.Fatalf("%s refuses plain words: %v", ch.name, err)
				}
				tr.plain[known] = want
			}
			for _, c := range complaints(got, want, ch.text) {
				t.Errorf("%s, %s: %s", ch.name, key, c)
			}
		}
	}
	return went
}

// No word has an effect in any channel: it is refused, or shown as what it is.
func TestNoWordHasAnEffectInAnyChannel(t *testing.T) {
	tr, went := newOracle(t), map[string]int{}
	for _, h := range templates.HostileTexts() {
		t.Run(h.Name, func(t *testing.T) {
			for name, n := range tr.isHarmless(t, h.Text) {
				went[name] += n
			}
		})
	}
	for _, ch := range shown {
		all := len(templates.HostileTexts()) * len(ch.keys)
		t.Logf("%s: %d of %d deliveries were not refused", ch.name, went[ch.name], all)
		if went[ch.name] < all/4 {
			t.Errorf("%s refuses nearly everything, and proves nothing", ch.name)
		}
	}
}

// Plain words go everywhere: what is refused is refused for what it is.
func TestPlainWordsGoEverywhere(t *testing.T) {
	went := newOracle(t).isHarmless(t, "word")
	for _, ch := range shown {
		if went[ch.name] != len(ch.keys) {
			t.Errorf("%s shows %d deliveries, want %d", ch.name, went[ch.name], len(ch.keys))
		}
	}
}

// FuzzChannels does the same with words that nobody thought of.
func FuzzChannels(f *testing.F) {
	tr := newOracle(f)
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	for n, h := range templates.HostileTexts() {
		if n == 0 || fuzzing && n%6 == 0 { // to begin with: the test above has all
			f.Add(h.Text)
		}
	}
	for _, address := range []string{"https://", "https://evil.example/x", "http://a", "mailto:x", "https:///x", "a@b"} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, word string) { tr.isHarmless(t, word) })
}

// The readers see what they are there to see.
func TestTheReadersSeeWhatDoesHarm(t *testing.T) {
	header := func(name, value string) []publisher.Header { return []publisher.Header{{Name: name, Value: value}} }
	for _, c := range []struct {
		name       string
		got, plain publisher.Preview
		text       reading
	}{
		{"one more header", publisher.Preview{Headers: append(header("Subject", "x"), header("Bcc", "x")...)}, publisher.Preview{Headers: header("Subject", "x")}, asPlain},
		{"a line break in a header", publisher.Preview{Headers: header("Subject", "x\r\nBcc: y")}, publisher.Preview{Headers: header("Subject", "x")}, asPlain},
		{"one more element", publisher.Preview{HTML: "<p>a<b>b</b>"}, publisher.Preview{HTML: "<p>a"}, asPlain},
		{"a handler", publisher.Preview{HTML: "<p onclick=x>a"}, publisher.Preview{HTML: "<p>a"}, asPlain},
		{"a link that runs", publisher.Preview{HTML: "<a href=javascript:x>a"}, publisher.Preview{HTML: "<a href=y>a"}, asPlain},
		{"a comment", publisher.Preview{HTML: "<p>a<!--"}, publisher.Preview{HTML: "<p>a"}, asPlain},
		{"no JSON", publisher.Preview{JSON: []byte(`{"a":"b""}`)}, publisher.Preview{JSON: []byte(`{"a":"b"}`)}, asPlain},
		{"one more key", publisher.Preview{JSON: []byte(`{"a":"b","c":"d"}`)}, publisher.Preview{JSON: []byte(`{"a":"b"}`)}, asPlain},
		{"another type", publisher.Preview{JSON: []byte(`{"a":["b"]}`)}, publisher.Preview{JSON: []byte(`{"a":"b"}`)}, asPlain},
		{"one more line", publisher.Preview{Text: "a\nb"}, publisher.Preview{Text: "a"}, asPlain},
		{"a word that runs backwards", publisher.Preview{Text: "a\u202eb"}, publisher.Preview{Text: "a"}, asPlain},
		{"a character without width", publisher.Preview{Text: "a\u200bb"}, publisher.Preview{Text: "a"}, asPlain},
		{"a call to a Slack channel", publisher.Preview{Text: "<!channel>"}, publisher.Preview{Text: "a"}, asSlack},
		{"a call to one in Slack", publisher.Preview{Text: "<@U01>"}, publisher.Preview{Text: "a"}, asSlack},
		{"an ampersand in Slack", publisher.Preview{Text: "a & b"}, publisher.Preview{Text: "a"}, asSlack},
		{"a link in Markdown", publisher.Preview{Text: "[a](b)"}, publisher.Preview{Text: "a"}, asMarkdown},
		{"an address in Markdown", publisher.Preview{Text: "https://a.example"}, publisher.Preview{Text: "a"}, asMarkdown},
		{"a heading in Markdown", publisher.Preview{Text: "a\n\n# b"}, publisher.Preview{Text: "a\n\nb"}, asMarkdown},
		{"an element in Markdown", publisher.Preview{Text: "a <b>b</b>"}, publisher.Preview{Text: "a b"}, asMarkdown},
		{"a table in Markdown", publisher.Preview{Text: "| a |\n|---|"}, publisher.Preview{Text: "a\na"}, asMarkdown},
	} {
		if got := complaints(c.got, c.plain, c.text); len(got) == 0 {
			t.Errorf("nobody complains of %s", c.name)
		}
		if got := complaints(c.plain, c.plain, c.text); len(got) > 0 {
			t.Errorf("%s: plain words: %v", c.name, got)
		}
	}
	for name, read := range map[string]reading{"Slack": asSlack, "Markdown": asMarkdown} {
		escaped := map[string]string{"Slack": "&lt;!channel&gt; &amp; x", "Markdown": `\[a\](b) \# \<b\>`}[name]
		if got := read(escaped, "a"); len(got) > 0 {
			t.Errorf("%s complains of escaped words: %v", name, got)
		}
	}
}
