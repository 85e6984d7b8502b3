package templates

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// No template holds the program up: what goes round without an end is cut off,
// whatever it does meanwhile, and the error names the file.
func TestEndlessTemplatesAreCutOff(t *testing.T) {
	list := `{{$l := list 1 2 3 4 5 6 7 8 9 10}}`
	deep := strings.Repeat(`{{range $l}}`, 12) + strings.Repeat(`{{end}}`, 12)
	long := `{{$l := list 1}}{{range 9}}{{$l = concat $l $l}}{{end}}`
	for _, c := range []struct{ name, file, text string }{
		{"a range over a number that says nothing", "update.txt", `{{range 1000000000000}}{{end}}x`},
		{"a range that counts", "body.txt", `{{$n := 0}}{{range 1000000000000}}{{$n = add1 $n}}{{end}}{{$n}}`},
		{"ranges in ranges over a short list", "update.txt", list + deep},
		{"templates that call each other", "message.txt", `Subject: x{{define "a"}}{{if .}}{{template "a" rest .}}{{template "a" rest .}}{{end}}{{end}}{{template "a" list 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40}}`},
		{"a template that calls itself for ever", "notice.txt", `{{define "b"}}{{template "b" .}}{{end}}{{template "b" .}}`},
		{"much to do in each step", "update.txt", long + `{{range 1000000}}{{$x := uniq $l}}{{end}}`},
		{"a page", "history.html", strings.Replace(builtin(t, "history.html"), `{{template "head" .}}`, `{{template "head" .}}{{range 1000000000000}}{{end}}`, 1)},
		{"a range that goes on", "update.txt", `{{range 1000000000000}}{{continue}}{{end}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			_, err := loadWithin(files(c.file, c.text), 200*time.Millisecond)
			if err == nil || !strings.Contains(err.Error(), c.file) {
				t.Fatalf("got %v, want an error that names %s", err, c.file)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A template that is sound when it is tried can still meet more than it can do
// with. The channel's delivery fails, and nothing else.
func TestAnIncidentCanBeTooMuch(t *testing.T) {
	s, err := Load(files("update.txt", `{{range .Incident.Updates}}{{range $.Incident.Updates}}{{range $.Incident.Updates}}{{end}}{{end}}{{end}}x`))
	if err != nil {
		t.Fatal(err)
	}
	p := full()
	i := p.Incidents[0]
	for range 1000 {
		i.Updates = append(i.Updates, Update{})
	}
	if _, err := s.Update(p, i, i.Updates[0]); !errors.Is(err, errTooSlow) || !strings.Contains(err.Error(), "update.txt") {
		t.Errorf("got %v", err)
	}
}

// The steps that write nothing change no text.
func TestPacingChangesNothing(t *testing.T) {
	p := full()
	for name, text := range map[string]string{
		"index.html":  strings.Replace(builtin(t, "index.html"), `<section class="banner`, `<a href={{.URL}} title="{{.Title}}" style="color:{{if .Open}}red{{else}}blue{{end}}" onclick="go({{range .Regions}}{{.Code}},{{end}}0)">x</a><section class="banner`, 1),
		"update.txt":  "{{- range $n, $u := .Incident.Updates}}{{if eq $n 3}}{{break}}{{end}}\n{{$u.Number}}{{else}}none{{end -}}\n",
		"message.txt": "Subject: {{with $x := .Title}}{{$x}}{{end}}\nBody{{/* nothing */}}\n",
	} {
		s, err := Load(files(name, text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		page, err := s.Index(p)
		if err != nil {
			t.Fatal(err)
		}
		up, err := s.Update(p, p.Incidents[0], p.Incidents[0].Updates[0])
		if err != nil {
			t.Fatal(err)
		}
		switch name {
		case "index.html":
			const want = `<a href=https://status.example.com title="FeatureSignals status" style="color:red" onclick="go(&#34;us&#34;,&#34;eu&#34;,&#34;in&#34;,0)">x</a>`
			if !strings.Contains(string(page), want) {
				t.Errorf("the page lacks %s", want)
			}
		case "update.txt":
			if up != "24\n23\n22\n" {
				t.Errorf("got %q", up)
			}
		}
	}
}
