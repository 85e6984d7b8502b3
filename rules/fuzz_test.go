package rules

import (
	"math"
	"os"
	"path/filepath"
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
