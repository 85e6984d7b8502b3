package templates

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	html "html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	text "text/template"
	"time"
	"unicode/utf8"
)

//go:embed files
var embedded embed.FS

// Set is the templates of one program, ready to be executed. It is made by
// Load, never changes, and can be used by many goroutines at once.
type Set struct {
	text *text.Template
	html *html.Template
	json *text.Template // as payload.go has it

	style  html.CSS
	script html.JS
	policy string // Content-Security-Policy that allows just these two

	files      map[string]string
	catalogues map[string]*catalogue // of words, by language; English is always there
	patience   time.Duration         // how long one template may take

	times  times
	inUTC  *Set // in UTC and English; nil: this one
	others variants
}

// Bounds of one template: what it may give, how many steps it may take (a
// page of a thousand updates takes a sixth of them, and all are done in less than
// a second) and for how long, since a step can have much to do on a machine that
// is busy.
const (
	maxOutput = 512 << 10
	maxSteps  = 300_000
	maxTime   = 5 * time.Second
	maxFile   = 256 << 10 // of a file of one's own
)

var (
	errTooLarge = fmt.Errorf("the text is larger than %d kB", maxOutput>>10)
	errTooSlow  = errors.New("it takes too long: look for a range or a template that calls itself, without an end")
)

// Load reads the templates. Files of override, if it is not nil, take the place
// of the built-in ones of the same name. Every template is executed with an
// empty, a full, a long and a hostile value before Load returns, so that a
// mistake shows at start and with its file and line, not in the middle of an
// incident. What is wrong is a Mistakes. The built-in ones alone have been tried
// before they were built in.
func Load(override fs.FS) (*Set, error) { return loadWithin(override, maxTime) }

func loadWithin(override fs.FS, patience time.Duration) (*Set, error) {
	files, err := read(override)
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	words, err := catalogues(files)
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	s, err := compile(files, words, times{words: words[DefaultLanguage]})
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	if maps.Equal(files, builtIn()) {
		return s, nil
	}
	s.patience = patience
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	if err := s.tryPayloads(files); err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	s.patience, s.others.set = maxTime, nil
	return s, nil
}

// Sum is the same for Sets that were made from the same files.
func (s *Set) Sum() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		fmt.Fprintf(h, "%q %d\n%s", name, len(s.files[name]), s.files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// builtIn gives the content of every built-in file by its name.
func builtIn() map[string]string {
	files := map[string]string{}
	entries, err := embedded.ReadDir("files")
	if err != nil {
		panic(err) // the program was built without them
	}
	for _, e := range entries {
		b, err := embedded.ReadFile(path.Join("files", e.Name()))
		if err != nil {
			panic(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

// read gives the content of every file by its name.
func read(override fs.FS) (map[string]string, error) {
	files := builtIn()
	if override == nil {
		return files, nil
	}
	entries, err := fs.ReadDir(override, ".")
	if err != nil {
		return nil, fmt.Errorf("read your own templates: %w", err)
	}
	names := strings.Join(slices.Sorted(maps.Keys(files)), " ")
	var wrong Mistakes
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue // of an editor, or of Kubernetes
		}
		if _, ok := files[name]; !ok && !catalogueName.MatchString(name) || e.IsDir() {
			wrong = append(wrong, &Error{File: name, Msg: "there is no template of that name: want one of " + names + ", or strings.LANGUAGE.json for words in a language of yours"})
			continue
		}
		b, err := readBounded(override, name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read your own templates: %w", err)
		case len(b) > maxFile:
			wrong = append(wrong, &Error{File: name, Msg: fmt.Sprintf("the file is larger than %d kB", maxFile>>10)})
		case !utf8.Valid(b):
			wrong = append(wrong, &Error{File: name, Msg: "the file is not UTF-8: save it as UTF-8"})
		case len(bytes.TrimSpace(b)) == 0:
			wrong = append(wrong, &Error{File: name, Msg: "the file is empty: write it, or remove it to have the built-in one"})
		}
		files[name] = string(b)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return files, nil
}

// readBounded reads no more of a file than is needed to see that it is too large.
func readBounded(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name) // before it is opened: to open a pipe may wait for ever
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

func compile(files map[string]string, words map[string]*catalogue, z times) (*Set, error) {
	s := &Set{
		text:  text.New("").Funcs(functions(z)),
		html:  html.New("").Funcs(functions(z)).Funcs(htmlFunctions(z)),
		files: files, catalogues: words, times: z, patience: maxTime,
	}
	var wrong Mistakes
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
		case ".json":
			if catalogueName.MatchString(name) {
				continue
			}
			errText = s.parseJSON(name, files[name])
		}
		if err := cmpErr(errText, errHTML); err != nil {
			wrong = wrong.with(name, err)
		}
	}
	style, err := shrink("style.css", files["style.css"])
	if err != nil {
		wrong = wrong.with("style.css", err)
	}
	var script strings.Builder
	for _, name := range []string{"stale.js", "times.js"} {
		part, err := shrink(name, files[name])
		if err != nil {
			wrong = wrong.with(name, err)
		}
		script.WriteString(part)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	for _, t := range s.text.Templates() {
		pace(t.Tree)
	}
	for _, t := range s.html.Templates() {
		pace(t.Tree)
	}
	s.style, s.script = html.CSS(style), html.JS(script.String())
	s.policy = policy(style, script.String())
	return s, nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Update gives the status-page form of one update, as runbook A has it.
func (s *Set) Update(p Public, i Incident, u Update) (string, error) {
	s = s.speaking(p.Brand.Language)
	return s.words("update.txt", s.postOf(p, i, u))
}

// Body gives one update as plain text without a form around it.
func (s *Set) Body(p Public, i Incident, u Update) (string, error) {
	s = s.speaking(p.Brand.Language)
	return s.words("body.txt", s.postOf(p, i, u))
}

// Elsewhere is Body for readers who have another thing than the page before them.
func (s *Set) Elsewhere(p Public, i Incident, u Update) (string, error) {
	s = s.speaking(p.Brand.Language)
	post := s.postOf(p, i, u)
	post.Away = true
	return s.words("body.txt", post)
}

// Message is a text with a subject.
type Message struct {
	Subject string // one line
	Body    string
}

// Message gives the message about one update, as runbook B has it.
func (s *Set) Message(p Public, i Incident, u Update) (Message, error) {
	s = s.speaking(p.Brand.Language)
	out, err := s.words("message.txt", s.postOf(p, i, u))
	if err != nil {
		return Message{}, err
	}
	return messageOf(out)
}

// messageOf takes a message apart.
func messageOf(out string) (Message, error) {
	first, body, _ := strings.Cut(out, "\n")
	subject, ok := strings.CutPrefix(first, "Subject: ")
	if !ok {
		return Message{}, &Error{File: "message.txt", Line: 1, Msg: `the first line has to begin with "Subject: "`}
	}
	return Message{Subject: oneline(subject), Body: body}, nil
}

// Notice gives the text of a call to people. Its first line has at most 120
// characters. What is measured is told with signs that Lint would refuse, and a
// call that does not go out helps nobody: it is not asked here.
func (s *Set) Notice(n Notice) (string, error) {
	t, err := s.execute("notice.txt", call{n, s.times})
	if err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(t, "\n")
	return brief(noticeLine, first) + "\n" + rest, nil
}

func (s *Set) execute(name string, data any) (string, error) {
	out := s.limited()
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
	out := s.limited()
	if err := s.html.ExecuteTemplate(out, name, data); err != nil {
		return nil, named(name, err)
	}
	return together(out.Bytes()), nil
}

// together keeps numbers and their units on one line, in what people read of a
// page.
func together(page []byte) []byte {
	from, to := bytes.Index(page, []byte("<main>")), bytes.LastIndex(page, []byte("</main>"))
	if from < 0 || to < from {
		return page
	}
	kept := make([]byte, 0, len(page)+64)
	kept = append(kept, page[:from]...)
	for n := from; n < to; n++ {
		if page[n] == ' ' && isDigit(page[n-1]) && isUnit(page[n+1:to]) {
			kept = append(kept, "\u00a0"...)
			continue
		}
		kept = append(kept, page[n])
	}
	return append(kept, page[to:]...)
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// isUnit reports whether a text begins with a unit that a number may stand before.
func isUnit(text []byte) bool {
	if bytes.HasPrefix(text, []byte("%")) {
		return true
	}
	text = bytes.TrimPrefix(text, []byte("m"))
	return bytes.HasPrefix(text, []byte("s")) && len(text) > 1 && strings.IndexByte(" .,;<", text[1]) >= 0
}

// named adds the template's name to the errors that do not say it.
func named(name string, err error) error {
	if errors.Is(err, errTooLarge) || errors.Is(err, errTooSlow) {
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
