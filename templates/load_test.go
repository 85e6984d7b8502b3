package templates

import (
	"strings"
	"testing"
	"testing/fstest"
)

func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for n := 0; n < len(pairs); n += 2 {
		m[pairs[n]] = &fstest.MapFile{Data: []byte(pairs[n+1])}
	}
	return m
}

// builtin gives a built-in file.
func builtin(t *testing.T, name string) string {
	t.Helper()
	b, err := embedded.ReadFile("files/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOwnTemplatesTakeTheBuiltInOnesPlace(t *testing.T) {
	s, err := Load(files("update.txt", "{{.State}}: {{.Symptom}} since {{clock .Incident.Began}}\n", ".DS_Store", "\x00"))
	if err != nil {
		t.Fatal(err)
	}
	p := stories()[0].Post
	got, err := s.Update(p.Page, p.Incident, p.Update)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Investigating: elevated errors on the management API since 10:02 UTC\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	built := load(t)
	own, _ := s.Message(p.Page, p.Incident, p.Update)
	theirs, _ := built.Message(p.Page, p.Incident, p.Update)
	if own != theirs {
		t.Errorf("a file that was not overridden changed: %v", own)
	}
}

func TestOwnWordsChangeEveryText(t *testing.T) {
	s, err := Load(files("words.txt", strings.ReplaceAll(builtin(t, "words.txt"), "We are investigating reports of", "Wir untersuchen:")))
	if err != nil {
		t.Fatal(err)
	}
	p := stories()[0].Post
	p.Incident.Updates = []Update{p.Update}
	p.Page.Incidents = []Incident{p.Incident}
	text, err := s.Update(p.Page, p.Incident, p.Update)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Index(p.Page)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"the text": text, "the page": string(page)} {
		if !strings.Contains(got, "Wir untersuchen: elevated errors") {
			t.Errorf("%s does not have the words", name)
		}
	}
}

// The built-in templates bear what those of one's own are tried with.
func TestTheBuiltInTemplatesAreSound(t *testing.T) {
	if err := load(t).check(); err != nil {
		t.Error(err)
	}
}

// TestBrokenTemplatesAreFoundAtLoad: an incident is the wrong moment to learn
// of a mistake.
func TestBrokenTemplatesAreFoundAtLoad(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"broken syntax", "update.txt", "a\nb {{if}}\n", "update.txt:2"},
		{"an unknown field", "update.txt", "a\n\n{{.Update.Sympton}}\n", "update.txt:3"},
		{"an unknown field of a page", "index.html", "a\n{{.Nothing}}\n", "index.html:2"},
		{"an unknown function", "message.txt", "Subject: {{now}}\n", "message.txt:1"},
		{"the environment", "message.txt", "Subject: x\n\n{{env \"PATH\"}}\n", "message.txt:3"},
		{"a field that only a full value reaches", "update.txt", "{{with .Update.Symptom}}\n{{.Nothing}}{{end}}\n", "update.txt:2"},
		{"a field that only an empty value reaches", "update.txt", "{{if not .Update.Symptom}}\n{{.Nothing}}{{end}}\n", "update.txt:2"},
		{"a form not filled in", "update.txt", "reports of <symptom>\n", "update.txt"},
		{"no subject", "message.txt", "{{.Title}}\n", "message.txt:1"},
		{"an unknown file", "updates.txt", "x", "updates.txt: there is no template of that name: want one of body.txt"},
		{"a page that cannot be greyed", "layout.html", strings.Replace(builtin(t, "layout.html"), `class="fresh"`, "", 1), "begin as the built-in layout.html does"},
		{"a page that does not say that it is stale", "index.html", strings.NewReplacer(`{{template "stale" .}}`, "", "stale-only", "").Replace(builtin(t, "index.html")), `class "stale-only"`},
		{"endless output", "update.txt", "{{range 1000000}}\n0123456789{{end}}", "update.txt"},
		{"a style sheet that leaves its place", "style.css", "a{}\n</style><script>", "style.css:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(files(c.file, c.text))
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}
