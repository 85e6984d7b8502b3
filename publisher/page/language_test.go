package page

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// TestEveryFileSpeaksTheLanguageOfThePage: the words of the program, and those of
// the page, are written in a script that no English word is in. So whatever is
// left in Latin letters where people read is a word that no catalogue holds.
func TestEveryFileSpeaksTheLanguageOfThePage(t *testing.T) {
	set := inAnotherScript(t)
	for _, state := range []string{"many", "blind", "quiet", "first"} {
		p := pagetest.Public(state)
		p.Components, p.Past = p.Components[:3], p.Past[:min(len(p.Past), 2)] // more of the same
		rewrite("", reflect.ValueOf(&p).Elem())
		p.Brand.Language = "qaa"
		c := New("status", "", set)
		files, err := c.Render(p)
		if err != nil {
			t.Fatal(err)
		}
		read, m := map[string]int{}, c.manifest(p, files)
		for name, content := range files {
			for what, content := range map[string][]byte{"": content, ", greyed": grey(name, content, expires(name, content, m))} {
				for _, text := range said(t, name, content) {
					read[path.Ext(name)]++
					if left := latin(text); left != "" {
						t.Errorf("%s: %s%s says %q, in %q", state, name, what, left, text)
					}
				}
			}
		}
		for _, kind := range []string{".html", ".atom", ".rss", ".svg", ".json", ".ics"} {
			if read[kind] == 0 {
				t.Errorf("%s: nothing was read of %s", state, kind)
			}
		}
	}
}

// Readers keep IDs for ever, also where the page gets another language.
func TestIDsAreTheSameInEveryLanguage(t *testing.T) {
	id := regexp.MustCompile(`<id>[^<]+|<guid[^<]+|\nUID:[^\r]+`)
	p := pagetest.Public("many")
	p.Components = p.Components[:2]
	c := New("status", "", inGerman(t))
	before, err := c.documents(p)
	if err != nil {
		t.Fatal(err)
	}
	p.Brand.Language = "de"
	after, err := c.documents(p)
	if err != nil {
		t.Fatal(err)
	}
	for name := range before {
		if diff := cmp.Diff(id.FindAllString(string(before[name]), -1), id.FindAllString(string(after[name]), -1)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, want := range map[string]string{
		"history.atom":               "<title>Status von FeatureSignals - Verlauf der Störungen</title>",
		"components/api/updates.rss": "<title>Status von FeatureSignals - Management API - Meldungen</title>",
		"maintenance.ics":            "X-WR-CALNAME:Wartung von FeatureSignals\r\n",
		"components/api/badge.json":  `"Teilausfall"`,
		"api/v2/status.json":         `"Partial System Outage"`, // programs compare it
		"api/tocsin/v1/status.json":  `"data_integrity":"under review","workaround":"Keine"`,
		"api/v2/incidents.json":      `"status": "investigating"`,
		"regions/eu/history.atom":    `xml:lang="de"`,
		"api/v2/components.json":     `"status": "partial_outage"`,
	} {
		if !strings.Contains(string(after[name]), want) {
			t.Errorf("%s lacks %s", name, want)
		}
	}
	p.Brand.Language = "xx"
	if other, err := c.documents(p); err != nil || !cmp.Equal(before, other) {
		t.Errorf("a language that there are no words of is not English: %v", err)
	}
}

func inGerman(t *testing.T) *templates.Set {
	t.Helper()
	words, err := os.ReadFile("../../templates/testdata/strings.de.json")
	if err != nil {
		t.Fatal(err)
	}
	set, err := templates.Load(fstest.MapFS{"strings.de.json": &fstest.MapFile{Data: words}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// inAnotherScript gives templates with a language of which each word, and each
// sentence, is English in letters that are not Latin.
func inAnotherScript(t *testing.T) *templates.Set {
	t.Helper()
	own := fstest.MapFS{}
	for _, f := range templates.Files() {
		switch f.Name {
		case "words.txt":
			sentences := regexp.MustCompile(`(?s)\{\{.*?\}\}|[^{]+`).ReplaceAllStringFunc(f.Text, func(part string) string {
				if strings.HasPrefix(part, "{{") {
					return part
				}
				return otherLetters(part)
			})
			own[f.Name] = &fstest.MapFile{Data: []byte(sentences)}
		case "body.txt":
			own[f.Name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(f.Text, "\nWorkaround: ", "\n"))}
		case "strings.en.json":
			var texts map[string]any
			if err := json.Unmarshal([]byte(f.Text), &texts); err != nil {
				t.Fatal(err)
			}
			for key, text := range texts {
				switch text := text.(type) {
				case string:
					texts[key] = otherLetters(text)
				case map[string]any:
					for form := range text {
						text[form] = otherLetters(text[form].(string))
					}
				}
			}
			b, err := json.Marshal(texts)
			if err != nil {
				t.Fatal(err)
			}
			own["strings.qaa.json"] = &fstest.MapFile{Data: b}
		}
	}
	set, err := templates.Load(own)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// otherLetters writes words in Cyrillic letters.
func otherLetters(words string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'а'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'А'
		default:
			return r
		}
	}, words)
}

// rewrite puts every word that people wrote into other letters. What the program
// chooses from fixed lists stays, and so do names and addresses.
func rewrite(field string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(otherLetters(v.String()))
	case reflect.Slice:
		for n := range v.Len() {
			rewrite(field, v.Index(n))
		}
	case reflect.Struct:
		for n := range v.NumField() {
			switch f := v.Type().Field(n); f.Name {
			case "ID", "Code", "State", "Severity", "Status", "Trend", "Integrity", "Indicator", "Description", "URL", "Support", "Into", "Worst", "Kind", "Data", "Accent", "DarkAccent", "Href":
				if f.Name == "Description" && v.Type() == reflect.TypeFor[templates.Component]() {
					rewrite(f.Name, v.Field(n))
				}
			case "Incidents":
				if v.Type() != reflect.TypeFor[templates.DayRecord]() {
					rewrite(f.Name, v.Field(n))
				}
			case "Impact":
				if v.Type() != reflect.TypeFor[templates.Incident]() {
					rewrite(f.Name, v.Field(n))
				}
			default:
				if f.IsExported() {
					rewrite(f.Name, v.Field(n))
				}
			}
		}
	}
}

// names are what is called the same in every language.
var names = regexp.MustCompile(`INC-[0-9]{4}-[0-9]+|\bUTC\b|\b(?:Atom|RSS|SVG|JSON|API|p[0-9]+|m?s)\b|[a-z-]+\.(?:atom|rss|ics|svg|json)`)

// latin gives the first word in Latin letters; "" if there is none.
func latin(text string) string {
	for word := range strings.FieldsFuncSeq(names.ReplaceAllString(text, " "), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) }) {
			return word
		}
	}
	return ""
}

// said gives what people read of a file. Of the API it is what stands for words
// of people: its descriptions are Statuspage's own.
func said(t *testing.T, name string, content []byte) (texts []string) {
	t.Helper()
	switch path.Ext(name) {
	case ".html":
		return saidInHTML(t, string(content))
	case ".atom", ".rss", ".svg":
		d := xml.NewDecoder(bytes.NewReader(content))
		within := ""
		for {
			token, err := d.Token()
			if err == io.EOF {
				return texts
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				within = token.Name.Local
			case xml.EndElement:
				within = ""
			case xml.CharData:
				switch within {
				case "content", "description":
					texts = append(texts, saidInHTML(t, string(token))...)
				case "title", "text", "name", "creator":
					texts = append(texts, string(token))
				}
			}
		}
	case ".ics":
		for line := range strings.SplitSeq(strings.ReplaceAll(string(content), "\r\n ", ""), "\r\n") {
			switch property, value, _ := strings.Cut(line, ":"); property {
			case "SUMMARY", "DESCRIPTION", "X-WR-CALNAME", "CATEGORIES":
				texts = append(texts, strings.ReplaceAll(value, `\n`, " "))
			}
		}
	case ".json":
		var v any
		if err := json.Unmarshal(content, &v); err != nil {
			return nil // of a host
		}
		saidInJSON(v, path.Base(name) == fileShield, &texts)
	}
	return texts
}

func saidInJSON(v any, shield bool, texts *[]string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			saidInJSON(x, shield, texts)
		}
	case map[string]any:
		for key, x := range v {
			text, isText := x.(string)
			switch {
			case !isText:
				saidInJSON(x, shield, texts)
			case key == "name", key == "title", key == "body", key == "workaround", key == "group", shield && key == "label", shield && key == "message":
				*texts = append(*texts, text)
			}
		}
	}
}

func saidInHTML(t *testing.T, page string) (texts []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" && n.Parent.Data != "code" {
			texts = append(texts, n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "aria-label" || a.Key == "title" || a.Key == "alt" || a.Key == "data-stale" && n.Data == "title" {
				texts = append(texts, a.Val)
			}
		}
	}
	return texts
}
