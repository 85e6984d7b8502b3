package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

func builtInWords(t *testing.T) *templates.Set {
	t.Helper()
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTheFolderOfTemplatesIsWatched(t *testing.T) {
	dir := t.TempDir()
	main, words := filepath.Join(dir, "tocsin.yaml"), filepath.Join(dir, "words")
	write(t, main, "organisation: Acme\n")
	write(t, words+"/update.txt", "a")
	w := newWatch(main)
	for _, step := range []struct {
		what string
		do   func() error
		want bool
	}{
		{"a folder that nobody named is written to", func() error { write(t, words+"/update.txt", "b"); return nil }, false},
		{"it is named", func() error { write(t, main, "templates: "+words+"\n"); return nil }, true},
		{"a template is written", func() error { write(t, words+"/update.txt", "cc"); return nil }, true},
		{"another one comes", func() error { write(t, words+"/body.txt", "x"); return nil }, true},
		{"an editor leaves files", func() error { write(t, words+"/.body.txt.swp", "x"); write(t, words+"/body.txt~", "x"); return nil }, false},
		{"one is removed", func() error { return os.Remove(words + "/body.txt") }, true},
		{"the folder goes", func() error { return os.RemoveAll(words) }, true},
		{"the folder comes back", func() error { write(t, words+"/update.txt", "cc"); return nil }, true},
		{"the main file has a mistake elsewhere", func() error { write(t, main, "rulez: 7\ntemplates: "+words+"\n"); return nil }, true},
		{"a template is written then", func() error { write(t, words+"/update.txt", "ddd"); return nil }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := settled(w); got != step.want {
			t.Errorf("%s: changed is %v, want %v", step.what, got, step.want)
		}
	}
}

// A link out of the folder leads nowhere: what a template shows is public.
func TestTemplatesStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/secret", "the secret\n")
	words := filepath.Join(dir, "words")
	if err := os.Mkdir(words, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret", words+"/body.txt"); err != nil {
		t.Fatal(err)
	}
	if _, err := openTemplates(&rules.Config{Templates: words}); err == nil || strings.Contains(err.Error(), "the secret") {
		t.Errorf("got %v, want an error that the link leads out of the folder", err)
	}
	// Links within it are how Kubernetes mounts a ConfigMap.
	if err := os.Remove(words + "/body.txt"); err != nil {
		t.Fatal(err)
	}
	write(t, words+"/..2026_1/body.txt", "{{.State}}\n")
	for name, target := range map[string]string{"..data": "..2026_1", "body.txt": "..data/body.txt"} {
		if err := os.Symlink(target, filepath.Join(words, name)); err != nil {
			t.Fatal(err)
		}
	}
	set, err := openTemplates(&rules.Config{Templates: words})
	if err != nil {
		t.Fatal(err)
	}
	if own := set.Own(); len(own) != 1 || own[0] != "body.txt" {
		t.Errorf("its own are %q", own)
	}
}

// The example of preview goes through every channel, whatever the configuration
// lacks.
func TestTheExampleIsShownInEveryForm(t *testing.T) {
	set := builtInWords(t)
	for name, config := range map[string]*rules.Config{"nothing": {}, "the default": rules.Default()} {
		for kind := range previewers {
			for n := range 4 {
				c := previewCmd{Sample: true, Update: n + 1, Type: kind}
				_, p, err := c.target(config, set)
				if err != nil {
					t.Fatal(err)
				}
				d, err := c.delivery(&world{ctx: t.Context()}, config)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := p.Preview(d); err != nil {
					t.Errorf("%s, update %d as %s: %v", name, n+1, kind, err)
				}
			}
		}
	}
}

const reloadWords = `
organisation: Acme
store: {path: "{dir}/tocsin.db"}
templates: "{dir}/words"
channels: {status: {type: page, folder: "{dir}/page"}}
listen: {public: "127.0.0.1:0", private: "127.0.0.1:0"}
components: [{id: api, name: API}]
regions: [{code: eu, name: Europe}]
probes: [{id: api, type: http, every: 1m, targets: {eu: "{target}"}}]
rules:
  - id: api-down
    component: api
    signal: error_rate
    where: {probes: [api]}
    window: 1m
    levels: {P1: {above: 50%, for: 2m}}
    public: {symptom: errors on the API}
`

// A running service takes a change of a template up, and refuses one with a
// mistake as it refuses one of the rules: it says where, and goes on with the old.
func TestTemplatesAreReloaded(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	dir := t.TempDir()
	write(t, dir+"/tocsin.yaml", strings.NewReplacer("{dir}", dir, "{target}", target.URL).Replace(reloadWords))
	layout, err := builtInTemplate("layout.html")
	if err != nil {
		t.Fatal(err)
	}
	says := func(words string) string { return strings.Replace(layout.Text, `{{t "foot.utc"}}`, words, 1) }
	write(t, dir+"/words/layout.html", says("The first words."))

	log := &journalOfLines{}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve", "--config", dir+"/tocsin.yaml")
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"=1"), log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for began := time.Now(); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Since(began) > patience {
				t.Fatalf("after %s: not %s; the program says\n%s", patience, what, log)
			}
		}
	}
	page := func(words string) func() bool {
		return func() bool {
			body, _ := os.ReadFile(dir + "/page/current/index.html")
			return strings.Contains(string(body), words)
		}
	}
	eventually("the first words on the page", page("The first words."))
	write(t, dir+"/words/layout.html", says("Other words."))
	eventually("the other words on the page", page("Other words."))
	if said := log.said(0, "configuration reloaded"); len(said) != 1 || !strings.Contains(said[0], `"other_keys":["templates"]`) {
		t.Errorf("the log says %q", said)
	}

	write(t, dir+"/words/layout.html", says("Wrong words {{.Nothing}}."))
	eventually("a mistake in the log", func() bool { return len(log.said(0, "a mistake in the configuration")) > 0 })
	if said := log.said(0, "a mistake in the configuration")[0]; !strings.Contains(said, dir+"/words/layout.html:") || !strings.Contains(said, "Nothing") {
		t.Errorf("the log says %s", said)
	}
	if !page("Other words.")() {
		t.Error("the page has not kept the old words")
	}
	write(t, dir+"/words/layout.html", says("Right again."))
	eventually("the mended words on the page", page("Right again."))
}
