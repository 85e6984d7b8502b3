package templates

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	text "text/template"
)

//go:embed files
var embedded embed.FS

// Set is the templates of one program, ready to be executed. It is made by
// Load, never changes, and can be used by many goroutines at once.
type Set struct {
	text *text.Template
	html *html.Template

	style  html.CSS
	script html.JS
	policy string // Content-Security-Policy that allows just these two
}

// maxOutput is the most that one template may give.
const maxOutput = 512 << 10

var errTooLarge = fmt.Errorf("the text is larger than %d kB", maxOutput>>10)

// Load reads the templates. Files of override, if it is not nil, take the place
// of the built-in ones of the same name. Every template is executed with an
// empty and a full value before Load returns, so that a mistake shows at start
// and with its file and line, not in the middle of an incident.
func Load(override fs.FS) (*Set, error) {
	files, err := read(override)
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	s, err := parse(files)
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	for _, p := range []Public{{}, full()} {
		if err := s.try(p); err != nil {
			return nil, fmt.Errorf("load templates: %w", err)
		}
	}
	for _, n := range []Notice{{}, fullNotice()} {
		if _, err := s.Notice(n); err != nil {
			return nil, fmt.Errorf("load templates: %w", err)
		}
	}
	return s, nil
}

// read gives the content of every file by its name.
func read(override fs.FS) (map[string]string, error) {
	files := map[string]string{}
	entries, err := embedded.ReadDir("files")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		b, err := embedded.ReadFile(path.Join("files", e.Name()))
		if err != nil {
			return nil, err
		}
		files[e.Name()] = string(b)
	}
	if override == nil {
		return files, nil
	}
	entries, err = fs.ReadDir(override, ".")
	if err != nil {
		return nil, fmt.Errorf("read your own templates: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if _, ok := files[name]; !ok || e.IsDir() {
			return nil, fmt.Errorf("%s: there is no template of that name: want one of %s", name, strings.Join(slices.Sorted(maps.Keys(files)), " "))
		}
		b, err := fs.ReadFile(override, name)
		if err != nil {
			return nil, fmt.Errorf("read your own templates: %w", err)
		}
		files[name] = string(b)
	}
	return files, nil
}

func parse(files map[string]string) (*Set, error) {
	s := &Set{
		text: text.New("").Funcs(functions()),
		html: html.New("").Funcs(functions()).Funcs(htmlFunctions()),
	}
	// words.txt first: the other files stand on it, in words and in HTML.
	for _, name := range append([]string{"words.txt"}, slices.Sorted(maps.Keys(files))...) {
		var errText, errHTML error
		switch path.Ext(name) {
		case ".txt", ".md":
			_, errText = s.text.New(name).Parse(files[name])
			if name == "words.txt" {
				_, errHTML = s.html.New(name).Parse(files[name])
			}
		case ".html":
			_, errHTML = s.html.New(name).Parse(files[name])
		}
		if err := cmpErr(errText, errHTML); err != nil {
			return nil, err
		}
	}
	style, err := shrink("style.css", files["style.css"])
	if err != nil {
		return nil, err
	}
	script, err := shrink("stale.js", files["stale.js"])
	if err != nil {
		return nil, err
	}
	s.style, s.script = html.CSS(style), html.JS(script)
	s.policy = policy(style, script)
	return s, nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// try executes every template with p.
func (s *Set) try(p Public) error {
	incidents := slices.Concat(p.Incidents, p.Past)
	if len(incidents) == 0 {
		incidents = []Incident{{Updates: []Update{{}}}}
	}
	for _, i := range incidents {
		for _, u := range i.Updates {
			if _, err := s.Update(p, i, u); err != nil {
				return err
			}
			if _, err := s.MailWith(p, i, u, MailFoot{Unsubscribe: p.URL, Inside: u.Late}); err != nil { // with its message
				return err
			}
			if _, err := s.Body(p, i, u); err != nil {
				return err
			}
			if _, err := s.Issue(p, i, u); err != nil {
				return err
			}
			if _, err := s.Comment(p, i, u); err != nil {
				return err
			}
		}
		if _, err := s.FeedEntry(p, i); err != nil {
			return err
		}
		page, err := s.IncidentPage(p, i)
		if err != nil {
			return err
		}
		if err := checkPage("incident.html", page); err != nil {
			return err
		}
	}
	for name, render := range map[string]func(Public) ([]byte, error){"index.html": s.Index, "history.html": s.History} {
		page, err := render(p)
		if err != nil {
			return err
		}
		if err := checkPage(name, page); err != nil {
			return err
		}
	}
	return nil
}

// Update gives the status-page form of one update, as runbook A has it.
func (s *Set) Update(p Public, i Incident, u Update) (string, error) {
	return s.words("update.txt", postOf(p, i, u))
}

// Body gives one update as plain text without a form around it.
func (s *Set) Body(p Public, i Incident, u Update) (string, error) {
	return s.words("body.txt", postOf(p, i, u))
}

// Message is a text with a subject.
type Message struct {
	Subject string // one line
	Body    string
}

// Message gives the message about one update, as runbook B has it.
func (s *Set) Message(p Public, i Incident, u Update) (Message, error) {
	out, err := s.words("message.txt", postOf(p, i, u))
	if err != nil {
		return Message{}, err
	}
	first, body, _ := strings.Cut(out, "\n")
	subject, ok := strings.CutPrefix(first, "Subject: ")
	if !ok {
		return Message{}, errors.New(`message.txt:1: the first line has to begin with "Subject: "`)
	}
	return Message{Subject: oneline(subject), Body: body}, nil
}

// Notice gives the text of a call to people. Its first line has at most 120
// characters. What is measured is told with signs that Lint would refuse, and a
// call that does not go out helps nobody: it is not asked here.
func (s *Set) Notice(n Notice) (string, error) {
	t, err := s.execute("notice.txt", n)
	if err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(t, "\n")
	return brief(noticeLine, first) + "\n" + rest, nil
}

func (s *Set) execute(name string, data any) (string, error) {
	out := &limited{}
	if err := s.text.ExecuteTemplate(out, name, data); err != nil {
		return "", named(name, err)
	}
	return tidy(out.String()), nil
}

// words executes a text template and refuses to let placeholders out.
func (s *Set) words(name string, data any) (string, error) {
	t, err := s.execute(name, data)
	if err != nil {
		return "", err
	}
	if err := Lint(t); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// page executes an HTML template.
func (s *Set) page(name string, data any) ([]byte, error) {
	out := &limited{}
	if err := s.html.ExecuteTemplate(out, name, data); err != nil {
		return nil, named(name, err)
	}
	return out.Bytes(), nil
}

// named adds the template's name to the one error that does not say it.
func named(name string, err error) error {
	if errors.Is(err, errTooLarge) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// tidy removes spaces at the ends of lines, and all but one of several empty
// lines: they are where a sentence had nothing to say.
func tidy(s string) string {
	var b strings.Builder
	empty := true
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" && empty {
			continue
		}
		empty = line == ""
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// limited is a buffer that refuses to grow without end.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxOutput {
		return 0, errTooLarge
	}
	return l.Buffer.Write(p)
}
