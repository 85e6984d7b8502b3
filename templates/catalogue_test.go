package templates

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
)

func german(t *testing.T, more ...string) *Set {
	t.Helper()
	b, err := os.ReadFile("testdata/strings.de.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(files(append([]string{"strings.de.json", string(b)}, more...)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every text that the pages ask for is there, and none is that they do not.
func TestTheCatalogueHasWhatThePagesSay(t *testing.T) {
	asked := map[string]bool{}
	var source strings.Builder
	for name, text := range builtIn() {
		if strings.HasSuffix(name, ".html") {
			for _, m := range regexp.MustCompile(`[{( ]t "([^"]+)"`).FindAllStringSubmatch(text, -1) {
				asked[m[1]] = true
			}
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob("../publisher/page/*.go") // feeds, badges, the calendar
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(sources, others...) {
		if !strings.HasSuffix(name, "_test.go") {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(b)
		}
	}
	for key := range asked {
		if english.texts[key] == nil {
			t.Errorf("a page asks for %q, and there is no such text", key)
		}
	}
	lists := []string{"month.", "state.", "phrase.", "integrity.", "work."} // asked for by a word of a fixed list
	for key := range english.texts {
		ofList := slices.ContainsFunc(lists, func(l string) bool { return strings.HasPrefix(key, l) })
		if !asked[key] && !ofList && !strings.Contains(source.String(), `"`+key+`"`) {
			t.Errorf("nothing asks for %q", key)
		}
	}
}

// What a person reads of a page in another language is in that language, but for
// names, and for sentences that people wrote or that are in words.txt.
func TestAPageSpeaksOneLanguage(t *testing.T) {
	s := german(t)
	if w := s.Warnings("de"); len(w) != 1 || !strings.Contains(w[0].Msg, "words.txt") {
		t.Errorf("the warnings are %v, want that words.txt is English", w)
	}
	p := full()
	p.Brand.Language = "de"
	english := map[string]bool{}
	for _, text := range foreign(t) {
		english[text] = strings.ContainsFunc(text, unicode.IsLetter)
	}
	for name, page := range allPages(t, s, p) {
		if !strings.Contains(page, `<html lang="de" `) {
			t.Errorf("%s does not say that it is German", name)
		}
		for _, text := range readable(t, page) {
			if english[text] {
				t.Errorf("%s says %q", name, text)
			}
		}
	}
	index := allPages(t, s, p)["index.html"]
	for _, want := range []string{"Geprüft am <time", "20. Mai 2026, 14:30 UTC", "Keine Daten seit 14:02 UTC", "verfügbar", "Ziel 99,9\u00a0%"} {
		if !strings.Contains(index, want) {
			t.Errorf("the first page lacks %q", want)
		}
	}
	one := allPages(t, s, p)[p.Incidents[0].ID]
	for _, want := range []string{"<dd>Management API und Dashboard in Europe und India</dd>", "affecting Management API and Dashboard in Europe and India."} {
		if !strings.Contains(one, want) {
			t.Errorf("the page of an incident lacks %q", want)
		}
	}
	if strings.Contains(one, "since 20. Mai") || strings.Contains(one, "for 12 Minuten") {
		t.Error("the sentences of words.txt are not wholly English")
	}
	p.Brand.Language = "xx"
	if other := allPages(t, s, p)["index.html"]; !strings.Contains(other, `<html lang="en" `) || !strings.Contains(other, "Checked <time") {
		t.Error("a language that there are no words of is not English")
	}
}

// A page can be greyed in every language that there can be a catalogue of.
func TestAPageOfEveryLanguageGrowsStale(t *testing.T) {
	languages := []string{"de", "pt-BR", "es-419", "sl-1994", "zh-Hant-HK"}
	var own []string
	for _, lang := range languages {
		own = append(own, "strings."+lang+".json", `{"page.history": "x"}`)
	}
	s, err := Load(files(own...))
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range languages {
		p := full()
		p.Brand.Language = lang
		page, err := s.Index(p)
		if err != nil {
			t.Fatal(err)
		}
		if !Expires(page).Equal(p.ValidUntil) || bytes.Equal(Grey(page), page) {
			t.Errorf("the page in %s never grows stale", lang)
		}
	}
}

// Whoever reads a page aloud has to know that the sentences of words.txt are in
// another language than the page, where they are.
func TestSentencesInAnotherLanguageAreMarked(t *testing.T) {
	p := full()
	p.Brand.Language = "de"
	own := german(t, "words.txt", strings.ReplaceAll(builtin(t, "words.txt"), "The next update", "Die nächste Meldung"))
	for name, page := range allPages(t, german(t), p) {
		root, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type != html.TextNode || n.Parent.Data == "script" || n.Parent.Data == "style" {
				continue
			}
			english := regexp.MustCompile(`\b(?:We|Customers|Our team|Data integrity|This incident|Measured at|Our data)\b`).MatchString(n.Data)
			if of := languageOf(n); of == "" || english && of != "en" {
				t.Errorf("%s: %q is said to be in %s", name, n.Data, of)
			}
		}
	}
	for name, page := range allPages(t, own, p) {
		if strings.Count(page, ` lang="`) != 1 {
			t.Errorf("%s: something is said to be in another language, and all is in one", name)
		}
	}
	p.Brand.Language = ""
	for name, page := range allPages(t, own, p) {
		if strings.Count(page, ` lang="`) != 1 {
			t.Errorf("%s: something is said to be in another language than English", name)
		}
	}
}

// languageOf gives the language that a text is in.
func languageOf(n *html.Node) string {
	for up := range n.Ancestors() {
		for _, a := range up.Attr {
			if a.Key == "lang" {
				return a.Val
			}
		}
	}
	return ""
}

// foreign gives the English texts that differ in German, without their values.
func foreign(t *testing.T) []string {
	t.Helper()
	de := german(t).catalogues["de"]
	var list []string
	for key, said := range english.texts {
		for f, text := range said {
			if de.texts[key][f] != text && !strings.Contains(text, "{") {
				list = append(list, text)
			}
		}
	}
	return list
}

// allPages makes every page there is.
func allPages(t testing.TB, s *Set, p Public) map[string]string {
	t.Helper()
	pages := map[string]string{}
	keep := func(name string, b []byte, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		pages[name] = string(b)
	}
	for name, make := range map[string]func(Public) ([]byte, error){
		"index.html": s.Index, "history.html": s.History, "uptime.html": s.Uptime, "maintenance.html": s.Maintenance, "subscribe.html": s.Subscribe, "notfound.html": s.NotFound,
	} {
		b, err := make(p)
		keep(name, b, err)
	}
	for _, month := range Months(p) {
		b, err := s.Month(p, month)
		keep(MonthFile(month), b, err)
	}
	for _, c := range p.Components {
		b, err := s.Component(p, c.ID)
		keep("component "+c.ID, b, err)
	}
	for _, r := range p.Regions {
		b, err := s.Region(p, r.Code)
		keep("region "+r.Code, b, err)
	}
	for _, i := range append(slices.Clone(p.Incidents), p.Past...) {
		b, err := s.IncidentPage(p, i)
		keep(i.ID, b, err)
	}
	return pages
}

// readable gives the texts of a page, and those of its labels.
func readable(t *testing.T, page string) (texts []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			texts = append(texts, strings.TrimSpace(n.Data))
		}
		for _, a := range n.Attr {
			if a.Key == "aria-label" || a.Key == "title" || a.Key == "alt" {
				texts = append(texts, a.Val)
			}
		}
	}
	return texts
}

// With words.txt in a language of one's own, dates within sentences are in it too.
func TestOwnSentencesAreInTheirLanguage(t *testing.T) {
	words := strings.ReplaceAll(builtin(t, "words.txt"), "The next update comes by", "Die nächste Meldung kommt bis")
	s := german(t, "words.txt", words)
	if w := s.Warnings("de"); len(w) != 0 {
		t.Errorf("there are warnings: %v", w)
	}
	p := full()
	p.Brand.Language = "de"
	i := p.Incidents[0]
	u := i.Updates[0]
	u.Trend, u.Next = "new", u.Said.AddDate(0, 0, 1)
	i.Updates = []Update{u}
	for name, s := range map[string]*Set{"in UTC": s, "in a zone": s.In(zone(t, "Asia/Kolkata"))} {
		said, err := s.Update(p, i, u)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(said, "kommt bis 12:20 UTC am 21. Mai 2026") || !strings.Contains(said, "Europe und India") {
			t.Errorf("%s:\n%s", name, said)
		}
	}
	p.Brand.Language = ""
	if said, err := s.Update(p, i, u); err != nil || !strings.Contains(said, "12:20 UTC on 21 May 2026") {
		t.Errorf("without a language: %v\n%s", err, said)
	}
}

func TestMistakesInACatalogueHaveTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"a key that there is none of", "strings.de.json", "{\n\"page.histroy\": \"x\"}", `strings.de.json:2: there is no text "page.histroy"`},
		{"a value that there is none of", "strings.de.json", "{\n\n\"since\": \"seit {0} bis {1}\"}", `strings.de.json:3: "since" holds {1}, for which there is no value`},
		{"a value that is lost", "strings.de.json", "{\"since\": \"seit\"}", `strings.de.json:1: "since" lacks {0}`},
		{"a value by a name", "strings.de.json", "{\"since\": \"seit {time}\"}", "holds {time}: want {0}"},
		{"markup", "strings.de.json", "{\"since\": \"<b>{0}</b>\"}", `strings.de.json:1: "since": the text holds`},
		{"no text", "strings.de.json", "{\"since\": \" \"}", `"since" is empty`},
		{"a number for a text", "strings.de.json", "{\"since\": 1}", "want a text"},
		{"a form that there is none of", "strings.de.json", "{\"time.days\": {\"single\": \"x\"}}", "zero one two few many other"},
		{"no form for the rest", "strings.de.json", "{\"time.days\": {\"one\": \"ein Tag\"}}", `no text for the form "other"`},
		{"a key twice", "strings.de.json", "{\"since\": \"{0}\",\n\"since\": \"{0}\"}", `strings.de.json:2: "since" is there twice`},
		{"no JSON", "strings.de.json", "{\"since\"\n: \"x\",,}", "strings.de.json:2"},
		{"half a file", "strings.de.json", "{\"since\": \"{0}\"", "strings.de.json:1"},
		{"a list", "strings.de.json", "[]", "want an object of keys and texts"},
		{"two objects", "strings.de.json", "{}{}", "behind the end"},
		{"an invisible character", "strings.de.json", "{\"since\": \"{0}\u202e\"}", "invisible character U+202E"},
		{"a name that is none of a language", "strings.german!.json", "{}", "there is no template of that name"},
		{"a mistake in English", "strings.en.json", "{\"since\": \"{9}\"}", `strings.en.json:1: "since" holds {9}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(files(c.file, c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestEnglishLendsWhatALanguageLacks(t *testing.T) {
	s, err := Load(files("strings.de.json", `{"page.history": "Verlauf"}`, "strings.en.json", `{"page.history": "What was"}`))
	if err != nil {
		t.Fatal(err)
	}
	w := s.Warnings("de")
	if len(w) != 2 || w[0].File != "strings.de.json" || !strings.Contains(w[0].Msg, "texts are not there, and shown in English: bars.cover bars.from") {
		t.Errorf("the warnings are %v", w)
	}
	if w := s.Warnings("fr"); len(w) != 1 || w[0].File != "strings.fr.json" {
		t.Errorf("the warnings of a language without a file are %v", w)
	}
	for _, lang := range []string{"", "en"} {
		if w := s.Warnings(lang); len(w) != 0 {
			t.Errorf("English has warnings: %v", w)
		}
	}
	p := full()
	for lang, want := range map[string]string{"": "What was", "en": "What was", "de": "Verlauf", "fr": "What was"} {
		p.Brand.Language = lang
		if page := allPages(t, s, p)["index.html"]; !strings.Contains(page, ">"+want+"<") || !strings.Contains(page, ">Maintenance<") {
			t.Errorf("%q: the page lacks %q, or what English lends", lang, want)
		}
	}
}

func TestNumbersHaveTheFormOfTheirLanguage(t *testing.T) {
	for lang, want := range map[string]string{
		"en": "other one other other other other", "fr": "one one other other other other", "ja": "other other other other other other",
		"pl": "many one few many many many", "ru": "many one few many many one", "cs": "other one few other other other", "ar": "zero one two few many many",
	} {
		var got []string
		for _, n := range []int{0, 1, 2, 5, 11, 21} {
			got = append(got, form(lang, n))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", lang, got, want)
		}
	}
}

func TestNumbersHaveTheirThousandsParted(t *testing.T) {
	for n, want := range map[int]string{1234567: "1,234,567", -1234: "-1,234", 999: "999", 0: "0"} {
		if got := english.number(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
