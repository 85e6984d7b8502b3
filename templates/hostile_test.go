package templates

import (
	"errors"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// plainAs fills fields with plain words where the other value has text: as many
// paragraphs, and something where there is something, so that a template that
// takes words for what they are gives the same form of both.
func plainAs(text string) func(field, is string) string {
	return func(field, is string) string {
		switch {
		case fixed[field]:
			return is
		case field == "Text":
			return strings.TrimSuffix(strings.Repeat("word\n", len(paragraphs(text))), "\n")
		case field == "Support" && mail(text) != "":
			return "ask@example.com"
		case field == "Href" && linkable(text):
			return "https://example.com/"
		case text == "":
			return ""
		case oneline(text) == "":
			return " "
		default:
			return "word"
		}
	}
}

func with(text string) func(field, is string) string {
	return func(field, is string) string {
		if fixed[field] {
			return is
		}
		return text
	}
}

// skeleton gives the elements of a page and the names of their attributes, and
// where its links lead.
func skeleton(t testing.TB, page string) (elements, links []string) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			var said strings.Builder
			said.WriteString(fmt.Sprintf("%d %s", depth(n), n.Data))
			for _, a := range n.Attr {
				said.WriteString(" " + a.Key)
				if a.Key == "href" || a.Key == "src" {
					links = append(links, a.Val)
				}
			}
			elements = append(elements, said.String())
		case html.CommentNode, html.DoctypeNode:
			elements = append(elements, fmt.Sprint(depth(n), n.Type, n.Data))
		}
	}
	return elements, links
}

func depth(n *html.Node) (d int) {
	for range n.Ancestors() {
		d++
	}
	return d
}

// rendered executes every template. What a bound refused is not in it.
func rendered(t testing.TB, s *Set, p Public, n Notice) (texts, pages map[string]string) {
	texts, pages = map[string]string{}, map[string]string{}
	keep := func(to map[string]string, name, out string, err error) {
		switch {
		case err == nil:
			to[name] = out
		case !errors.Is(err, errTooLarge) && !strings.Contains(err.Error(), " gives more than "):
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, i := range slices.Concat(p.Incidents, p.Past) {
		if i.State != "resolved" || len(p.Incidents) == 0 {
			b, err := s.IncidentPage(p, i)
			keep(pages, "incident.html", string(b), err)
			entry, err := s.FeedEntry(p, i)
			keep(pages, "feed.html", entry, err)
		}
		for at, u := range i.Updates {
			for _, name := range []string{"update.txt", "message.txt", "body.txt"} {
				out, err := s.execute(name, postOf(p, i, u))
				keep(texts, fmt.Sprintf("%s of %s, %d", name, i.State, at), out, err)
			}
		}
	}
	b, err := s.Index(p)
	keep(pages, "index.html", string(b), err)
	b, err = s.History(p)
	keep(pages, "history.html", string(b), err)
	b, err = s.Month(p, p.now())
	keep(pages, "a month of history.html", string(b), err)
	b, err = s.Component(p, p.Components[0].ID)
	keep(pages, "component.html", string(b), err)
	b, err = s.Region(p, p.Regions[0].Code)
	keep(pages, "region.html", string(b), err)
	for name, make := range map[string]func(Public) ([]byte, error){"uptime.html": s.Uptime, "maintenance.html": s.Maintenance, "subscribe.html": s.Subscribe, "notfound.html": s.NotFound} {
		b, err = make(p)
		keep(pages, name, string(b), err)
	}
	out, err := s.Notice(n)
	keep(texts, "notice.txt", out, err)
	return texts, pages
}

// few leaves two updates of each incident, so that fuzzing is quick.
func few(p Public) Public {
	for _, list := range [][]Incident{p.Incidents, p.Past} {
		for n, i := range list {
			list[n].Updates = []Update{i.Updates[0], i.Updates[len(i.Updates)-1]}
		}
	}
	return p
}

// plainly gives what templates make of plain words, which is asked for again and
// again.
func plainly(t *testing.T, s *Set, text string) (texts, pages map[string]string) {
	word := plainAs(text)
	key := fmt.Sprintf("%q %q %q", word("Symptom", ""), word("Text", ""), word("Support", ""))
	plainMu.Lock()
	defer plainMu.Unlock()
	known, ok := plainKnown[key]
	if !ok {
		known[0], known[1] = rendered(t, s, few(filled(word)), filledNotice(word))
		plainKnown[key] = known
	}
	return known[0], known[1]
}

var (
	plainMu    sync.Mutex // guards plainKnown
	plainKnown = map[string][2]map[string]string{}
)

// harmlessOf holds what templates make of a text against what they make of plain
// words: the same lines, the same elements, the same places that links lead to.
func harmlessOf(t *testing.T, text string) {
	t.Helper()
	s := load(t)
	texts, pages := rendered(t, s, few(filled(with(text))), filledNotice(with(text)))
	plainTexts, plainPages := plainly(t, s, text)
	for name, out := range texts {
		if got, want := strings.Count(out, "\n"), strings.Count(plainTexts[name], "\n"); got != want {
			t.Errorf("%s has %d lines, and %d with plain words:\n%s", name, got, want, out)
		}
		for _, r := range out {
			if r != '\n' && unicode.IsControl(r) || invisible(r) {
				t.Errorf("%s holds %U", name, r)
				break
			}
		}
	}
	for name, out := range pages {
		elements, links := skeleton(t, out)
		want, wantLinks := skeleton(t, plainPages[name])
		if !slices.Equal(elements, want) {
			t.Errorf("%s has other elements than with plain words:\n%s", name, difference(want, elements))
		}
		for n, l := range links {
			scheme, _, _ := strings.Cut(l, ":")
			if n >= len(wantLinks) || l != wantLinks[n] && scheme != "mailto" && !strings.HasPrefix(l, "https://") && !strings.HasPrefix(l, "http://") {
				t.Errorf("%s has a link to %q", name, l)
			}
		}
	}
}

func difference(want, got []string) string {
	for n := range got {
		if n >= len(want) || got[n] != want[n] {
			return fmt.Sprintf("element %d is %q", n, got[n])
		}
	}
	return fmt.Sprintf("%d elements, want %d", len(got), len(want))
}

func TestHostileTextsChangeNoForm(t *testing.T) {
	for _, h := range HostileTexts() {
		if len(h.Text) < tooMuch {
			t.Run(h.Name, func(t *testing.T) { harmlessOf(t, h.Text) })
		}
	}
}

// tooMuch is more than any template gives.
const tooMuch = 1 << 19

// What is far too long is refused: it is cut before it becomes a Public.
func TestWhatIsFarTooLongIsRefused(t *testing.T) {
	s, p, n := load(t), full(), filledNotice(with(strings.Repeat("x ", tooMuch/8)))
	i := p.Incidents[0]
	u := i.Updates[0]
	fillIn("", reflect.ValueOf(&u).Elem(), with(n.Title))
	i.Updates, u.Text = []Update{u}, n.Title
	p.Incidents, p.Past = []Incident{i}, nil
	_, update := s.Update(p, i, u)
	_, message := s.Message(p, i, u)
	_, page := s.Index(p)
	_, notice := s.Notice(n)
	for name, err := range map[string]error{"update.txt": update, "message.txt": message, "index.html": page, "notice.txt": notice} {
		if err == nil || !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), "words.txt") {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
}

// FuzzTemplates fills every field that holds people's words with one text.
func FuzzTemplates(f *testing.F) {
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	for n, h := range HostileTexts() {
		if n == 0 || fuzzing && n%6 == 0 && len(h.Text) < tooMuch { // to begin with: TestHostileTextsChangeNoForm has all
			f.Add(h.Text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < tooMuch/10 {
			harmlessOf(t, text)
		}
	})
}

// What is tried has to be in every field that there is, or it proves nothing.
func TestEveryFieldIsFilled(t *testing.T) {
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			if !strings.Contains(v.String(), forgedElement) {
				t.Errorf("%s holds %q", path, v)
			}
		case reflect.Slice:
			if v.Len() == 0 {
				t.Errorf("%s is empty", path)
			}
			for n := range v.Len() {
				look(fmt.Sprintf("%s[%d]", path, n), v.Index(n))
			}
		case reflect.Struct:
			for n := range v.NumField() {
				f := v.Type().Field(n)
				// Those of an incident and of maintenance stand there for their names.
				bare := strings.Contains(path, "Incidents") || strings.Contains(path, "Works")
				if f.IsExported() && !(bare && (f.Name == "Cells" || f.Name == "Days")) {
					look(path+"."+f.Name, v.Field(n))
				}
			}
		}
	}
	look("Public", reflect.ValueOf(filled(asHostile)))
	look("Notice", reflect.ValueOf(filledNotice(asHostile)))
}

// The wall before the channels: whatever a store holds, a line is one, short and
// can be seen.
func TestALineIsALine(t *testing.T) {
	for _, h := range HostileTexts() {
		line := Line(200, h.Text)
		if n := utf8.RuneCountInString(line); n > 200 || strings.ContainsAny(line, "\r\n\u0085\u2028\u2029") || strings.ContainsFunc(line, invisible) || !utf8.ValidString(line) {
			t.Errorf("%s: %q", h.Name, line)
		}
		if n := utf8.RuneCountInString(Paragraphs(h.Text)); n > longest {
			t.Errorf("%s: %d characters", h.Name, n)
		}
	}
	if got := Line(200, "Überlastung  in\tEurope"); got != "Überlastung in Europe" {
		t.Errorf("plain words became %q", got)
	}
}
