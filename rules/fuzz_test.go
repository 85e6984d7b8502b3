package rules

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whatever the bytes are, Parse gives a configuration that is fit to run, or
// mistakes that point into the file. It never panics.
func FuzzParse(f *testing.F) {
	f.Add(starter)
	for _, pattern := range []string{"testdata/*.yaml", "../deploy/example/*.yaml", "../deploy/example/rules/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			body, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	for _, seed := range []string{"", "\ufeffrules:\r\n  - &a {id: *a}", "a: &x [*x]", "? [", "- - -", "!!binary |", "<<: {}", "%YAML 1.2\n---\n", "rules: *r", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := Parse([]File{{Name: "f.yaml", Body: body}})
		if err == nil {
			fitToRun(t, c)
			return
		}
		all := Mistakes(err)
		if c != nil || len(all) == 0 {
			t.Fatalf("neither a configuration nor a mistake: %+v, %v", c, err)
		}
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(body)), "\n") + 1
		for _, e := range all {
			if e.Pos.File != "f.yaml" || e.Pos.Line < 1 || e.Pos.Line > lines || e.Pos.Col < 1 || e.Msg == "" {
				t.Errorf("%q is placed outside of the file of %d lines", e.Error(), lines)
			}
		}
	})
}

// fitToRun asserts what the packages that use a configuration rely on.
func fitToRun(t *testing.T, c *Config) {
	t.Helper()
	whole := func(what string, d time.Duration) {
		if d < time.Minute || d%time.Minute != 0 {
			t.Errorf("%s is %v", what, d)
		}
	}
	if len(c.Rules) == 0 || len(c.Components) == 0 || len(c.Policies) != len(Severities) || c.Organisation == "" || c.Page.Title == "" {
		t.Errorf("something is missing in %+v", c)
	}
	for _, r := range c.Rules {
		whole(r.ID+" window", r.Window)
		whole(r.ID+" recover", r.Recover.For)
		if r.ID == "" || r.Component == "" || r.Signal.Kind == KindUnknown || len(r.Levels) == 0 || r.Public.Symptom == "" {
			t.Errorf("something is missing in %+v", r)
			continue
		}
		if r.Confidence < 0.5 || r.Confidence > 0.9999 || !(r.Recover.Below <= r.Levels[len(r.Levels)-1].Above) {
			t.Errorf("out of range: %+v", r)
		}
		for i, l := range r.Levels {
			whole(r.ID+" level", l.For)
			if math.IsNaN(l.Above) || math.IsInf(l.Above, 0) || l.Above < 0 || l.Severity == SeverityNone {
				t.Errorf("out of range: %+v", l)
			}
			if i > 0 && (r.Levels[i-1].Severity <= l.Severity || r.Levels[i-1].Above < l.Above) {
				t.Errorf("not worst first: %+v", r.Levels)
			}
		}
	}
	for _, ch := range c.Channels {
		if ch.Type == "page" && ch.Folder == "" || ch.Type == "webhook" && (ch.URL == "" || ch.SecretFile == "") {
			t.Errorf("something is missing in %+v", ch)
		}
	}
}

// Files that no person writes: deep ones would overflow the parser's stack,
// which nothing can recover from, and wide ones would keep it busy for minutes.
func TestHostileFilesAreRefused(t *testing.T) {
	deep := &strings.Builder{}
	for i := range 700 {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	var keys strings.Builder
	for i := range maxKeys + 1 {
		keys.WriteString("k" + strconv.Itoa(i) + ": 1\n")
	}
	manyGlobs := strings.Repeat("a,", 50_000)
	rule := "id: a, component: api, signal: p99, levels: {P1: {above: 5s}}"
	for _, test := range []struct{ name, body, want string }{
		{"brackets", strings.Repeat("[", maxBytes), "nested deeper"},
		{"braces", strings.Repeat("{a: ", maxBytes/4), "nested deeper"},
		{"dashes after a bracket too many", "]" + strings.Repeat("- ", 1000), "nested deeper"},
		{"dashes", strings.Repeat("- ", maxBytes/2), "nested deeper"},
		{"question marks", strings.Repeat("? ", maxBytes/2), "nested deeper"},
		{"indentation", deep.String(), "nested deeper"},
		{"anchors", strings.Repeat("&a\n", maxBytes/3), "anchors, aliases and tags"},
		{"tags", strings.Repeat("!a\n", maxBytes/3), "anchors, aliases and tags"},
		{"keys", keys.String(), "20000 keys"},
		{"size", strings.Repeat("# long\n", maxBytes/4), "split it"},
		{
			"aliases that multiply", "components: [{id: api}]\nrules:\n- {" + rule + ", where: {routes: &r [" + manyGlobs + "a]}}\n" +
				strings.Repeat("- {"+rule+", where: {routes: *r}}\n", 900), "multiply",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]File{{Name: "f.yaml", Body: []byte(test.body)}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want a mistake about %q, got %.200v", test.want, err)
			}
		})
	}
}
