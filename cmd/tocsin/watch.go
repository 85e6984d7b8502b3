package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/featuresignals/tocsin/rules"
)

// watch tells when the configuration's files have changed: the main file, all that
// its include: matches, the folder of templates, and what the page looks like. It looks at them by name every time, so that
// a file that is replaced, or a link that points elsewhere now (as Kubernetes
// swaps a ConfigMap), is seen as well as one that is written over.
//
// It belongs to one goroutine.
type watch struct {
	main     string
	patterns []string // of the main file's include:, as last legible
	beside   []string // its templates: and the files of its page:, as last legible

	seen      map[string]stamp
	unsettled bool
	asked     bool    // to hand the files on even if they say the same
	looked    string  // the sum at the last look, while unsettled
	read      reading // as it was last handed on
}

// reading is what the files held at one look.
type reading struct {
	main     string
	patterns []string
	beside   []string     // the folder of templates, and the files of the page
	files    []rules.File // those that can be read
	sum      string
}

// stamp is what tells that a file is another one without reading it. The zero
// stamp is a file that cannot be found.
type stamp struct {
	size     int64
	modified time.Time
	mode     fs.FileMode // one that could not be read may be legible now
}

// newWatch begins with the files as they are.
func newWatch(path string) *watch {
	w := &watch{main: path}
	w.read = w.readAll()
	w.seen = w.look()
	return w
}

// changed reports whether the files say something else than when it was last
// asked. It is asked again and again: files that change between one time and
// the next are still being written, and half of a configuration must not come
// into force.
func (w *watch) changed() bool {
	now := w.look()
	same := maps.Equal(now, w.seen)
	if same && !w.unsettled {
		return false
	}
	w.seen = now
	read := w.readAll()
	if !same || read.sum != w.looked {
		w.unsettled, w.looked = true, read.sum
		return false
	}
	differs := w.asked || read.sum != w.read.sum
	w.unsettled, w.asked, w.read = false, false, read
	return differs
}

// ask has the files handed on once they are settled, whether they changed or not.
func (w *watch) ask() { w.asked, w.seen = true, nil }

// look finds the files and their stamps.
func (w *watch) look() map[string]stamp {
	stamps := map[string]stamp{}
	for _, name := range slices.Concat(filesOf(w.main, w.patterns), besideOf(w.beside)) {
		stamps[name] = stamp{}
		if info, err := os.Stat(name); err == nil {
			stamps[name] = stamp{info.Size(), info.ModTime(), info.Mode()}
		}
	}
	return stamps
}

// filesOf lists the main file and what its include: matches now, each once.
func filesOf(main string, patterns []string) []string {
	files := []string{main}
	folder := filepath.Dir(main)
	for _, p := range patterns {
		matches, err := fs.Glob(os.DirFS(folder), p)
		if err != nil {
			continue // the rules' parser has said so
		}
		for _, m := range matches {
			files = append(files, filepath.Join(folder, m))
		}
	}
	slices.Sort(files[1:])
	return slices.Compact(files)
}

// besideOf lists the files that names are, or that lie in the folders that they
// are: those that count.
func besideOf(names []string) []string {
	var files []string
	for _, name := range names {
		entries, err := os.ReadDir(name)
		if err != nil {
			files = append(files, name) // whoever opens it says if it is not there
			continue
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") && !strings.HasSuffix(e.Name(), "~") {
				files = append(files, filepath.Join(name, e.Name()))
			}
		}
	}
	return files
}

// ownBeside reads the folder of templates and the files of the page out of a main
// file, however wrong the rest of it is: ok is false where it is no YAML at all.
func ownBeside(body []byte) (names []string, ok bool) {
	var main struct {
		Templates any
		Page      any
	}
	if yaml.Unmarshal(body, &main) != nil {
		return nil, false
	}
	page, _ := main.Page.(map[string]any)
	for _, v := range []any{main.Templates, page["logo"], page["dark_logo"], page["css"]} {
		if name, _ := v.(string); name != "" {
			names = append(names, name)
		}
	}
	return names, true
}

// readAll reads all files. What the main one includes may have changed with it.
func (w *watch) readAll() reading {
	if body, err := contents(w.main); err == nil {
		if patterns, ok := includes(body); ok && !slices.Equal(patterns, w.patterns) {
			w.patterns = patterns
			w.seen = w.look()
		}
		if beside, ok := ownBeside(body); ok && !slices.Equal(beside, w.beside) {
			w.beside = beside
			w.seen = w.look()
		}
	}
	return reading{main: w.main, patterns: w.patterns, beside: w.beside}.again()
}

// again reads the same files once more.
func (r reading) again() reading {
	h := sha256.New()
	r.files = nil
	for _, name := range filesOf(r.main, r.patterns) {
		body, err := contents(name)
		fmt.Fprintf(h, "%q %d %v\n", name, len(body), err)
		h.Write(body)
		if err == nil {
			r.files = append(r.files, rules.File{Name: name, Body: body})
		}
	}
	for _, name := range besideOf(r.beside) {
		body, err := contents(name)
		fmt.Fprintf(h, "%q %d %v\n", name, len(body), err)
		h.Write(body)
	}
	r.sum = hex.EncodeToString(h.Sum(nil))
	return r
}

// blank gives a mistake for each file that holds nothing: an editor, or a copy
// that is not through yet, empties a file before it writes it.
func (r reading) blank() error {
	var mistakes []error
	for _, f := range r.files {
		if len(bytes.TrimSpace(f.Body)) > 0 {
			continue
		}
		mend := "write it, or remove it"
		if f.Name == r.main {
			mend = "write it, or stop Tocsin to start it without"
		}
		mistakes = append(mistakes, mistakeIn(f.Name, "the file is empty: "+mend))
	}
	return errors.Join(mistakes...)
}

// own reports whether the files themselves say what is judged, by rules or by
// naming packs. One that is no YAML may: its mistakes are the parser's to tell.
func (r reading) own() bool {
	return slices.ContainsFunc(r.files, func(f rules.File) bool {
		var top struct{ Rules, Packs any }
		return yaml.Unmarshal(f.Body, &top) != nil || top.Rules != nil || top.Packs != nil && f.Name == r.main
	})
}

// contents reads a file, but no pipe: what was read out of one is gone for whoever
// asks next, and opening one may wait for ever.
func contents(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file that can be read twice", name)
	}
	return os.ReadFile(name)
}

// includes reads the patterns of a main file, however wrong the rest of it is:
// ok is false where it is no YAML at all.
func includes(body []byte) (patterns []string, ok bool) {
	var main struct{ Include any }
	if yaml.Unmarshal(body, &main) != nil {
		return nil, false
	}
	switch v := main.Include.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, p := range v {
			if s, ok := p.(string); ok {
				patterns = append(patterns, s)
			}
		}
	}
	return patterns, true
}
