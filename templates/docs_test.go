package templates

import (
	"html/template"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	text "text/template"
)

// row is a function in docs/templates.md: its call, its meaning, an example and
// what that gives.
var row = regexp.MustCompile("(?m)^\\| (`[a-z][^|]*`) \\| ([^|]+) \\| `((?:[^|`]|\\\\\\|)*\\{\\{(?:[^|`]|\\\\\\|)*)` \\| `([^`]*)` \\|$")

var called1st = regexp.MustCompile("`([a-zA-Z0-9]+)[^`]*`")

// The document has every function, with an example that gives what it says.
func TestTheFunctionsInTheDocsAreReal(t *testing.T) {
	body, err := os.ReadFile("../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	plain, inHTML, ok := strings.Cut(string(body), "In HTML there are besides:")
	if !ok {
		t.Fatal("it has no functions of HTML")
	}
	inHTML, inJSON, ok := strings.Cut(inHTML, "In JSON there are besides:")
	if !ok {
		t.Fatal("it has no functions of JSON")
	}
	ofJSON := jsonFunctions(times{})
	for name := range functions(times{}) {
		delete(ofJSON, name)
	}
	p := full()
	i := p.Past[0]
	post := postOf(p, i, i.Updates[5])
	for _, part := range []struct {
		name, doc string
		functions map[string]any
		execute   func(example string) (string, error)
	}{
		{"text", plain, functions(times{}), func(example string) (string, error) {
			var out strings.Builder
			x, err := text.New("").Funcs(functions(times{})).Parse(example)
			if err == nil {
				err = x.Execute(&out, post)
			}
			return out.String(), err
		}},
		{"HTML", inHTML, htmlFunctions(times{}), func(example string) (string, error) {
			var out strings.Builder
			x, err := template.New("").Funcs(functions(times{})).Funcs(htmlFunctions(times{})).Parse(example)
			if err == nil {
				err = x.Execute(&out, post)
			}
			return out.String(), err
		}},
		{"JSON", inJSON, ofJSON, func(example string) (string, error) {
			var out strings.Builder
			x, err := text.New("").Funcs(jsonFunctions(times{})).Parse(example)
			if err == nil {
				err = x.Execute(&out, post)
			}
			return out.String(), err
		}},
	} {
		t.Run(part.name, func(t *testing.T) {
			explained := map[string]bool{}
			for _, m := range row.FindAllStringSubmatch(part.doc, -1) {
				for _, call := range called1st.FindAllStringSubmatch(m[1], -1) {
					explained[call[1]] = true
				}
				example := strings.ReplaceAll(m[3], `\|`, "|")
				got, err := part.execute(example)
				if err != nil || got != m[4] {
					t.Errorf("%s gives %q (%v), and the document says %q", example, got, err, m[4])
				}
			}
			if want, got := slices.Sorted(maps.Keys(part.functions)), slices.Sorted(maps.Keys(explained)); !slices.Equal(want, got) {
				for _, f := range want {
					if !explained[f] {
						t.Errorf("%s is not explained", f)
					}
				}
				for _, f := range got {
					if part.functions[f] == nil {
						t.Errorf("%s is explained, and there is none", f)
					}
				}
			}
		})
	}
}

// The document has every file, and says of what it is executed with what the file
// says itself.
func TestTheFilesInTheDocsAreReal(t *testing.T) {
	body, err := os.ReadFile("../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Files() {
		if !strings.Contains(string(body), "`"+f.Name+"`") {
			t.Errorf("%s is not in it", f.Name)
		}
		if f.About == "" {
			t.Errorf("%s does not begin with a comment that says what it is for", f.Name)
		}
	}
	words := builtIn()["words.txt"]
	for _, m := range regexp.MustCompile(`\{\{define "([a-z]+)"`).FindAllStringSubmatch(words, -1) {
		if !strings.Contains(string(body), "`"+m[1]+"`") {
			t.Errorf("the sentence %s of words.txt is not in it", m[1])
		}
	}
	for _, name := range []string{"512 kB", "300,000 steps", "5 seconds", "16 kB", "1,000 values", "256 kB"} {
		if !strings.Contains(strings.Join(strings.Fields(string(body)), " "), name) {
			t.Errorf("the bound of %s is not in it", name)
		}
	}
	if maxOutput != 512<<10 || maxSteps != 300_000 || maxTime.Seconds() != 5 || maxString != 16<<10 || maxList != 1000 || maxFile != 256<<10 {
		t.Error("the bounds are others than it says")
	}
}
