package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

// watch tells when the configuration's files have changed: the main file, and
// all that its include: matches. It looks at them by name every time, so that
// a file that is replaced, or a link that points elsewhere now (as Kubernetes
// swaps a ConfigMap), is seen as well as one that is written over.
//
// It belongs to one goroutine.
type watch struct {
	main     string
	patterns []string // of the main file's include:, as last legible

	seen      map[string]stamp
	unsettled bool
	sum       string // of the contents as they were last handed on
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
	w.take()
	return w
}

// changed reports whether the files say something else than when it was last
// asked. It is asked again and again: files that change between one time and
// the next are still being written, and half of a configuration must not come
// into force.
func (w *watch) changed() bool {
	now := w.look()
	if !maps.Equal(now, w.seen) {
		w.seen, w.unsettled = now, true
		return false
	}
	if !w.unsettled {
		return false
	}
	w.unsettled = false
	was := w.sum
	w.sum = w.hash()
	return w.sum != was
}

// take hands the files on as they are, settled or not.
func (w *watch) take() {
	w.seen, w.unsettled = w.look(), false
	w.sum = w.hash()
}

// look finds the files and their stamps.
func (w *watch) look() map[string]stamp {
	stamps := map[string]stamp{}
	for _, name := range w.files() {
		stamps[name] = stamp{}
		if info, err := os.Stat(name); err == nil {
			stamps[name] = stamp{info.Size(), info.ModTime(), info.Mode()}
		}
	}
	return stamps
}

// files lists the main file and what its include: matches now, each once.
func (w *watch) files() []string {
	files := []string{w.main}
	folder := filepath.Dir(w.main)
	for _, p := range w.patterns {
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

// hash reads all files. What the main one includes may have changed with it.
func (w *watch) hash() string {
	if body, err := contents(w.main); err == nil {
		if patterns, ok := includes(body); ok && !slices.Equal(patterns, w.patterns) {
			w.patterns = patterns
			w.seen = w.look()
		}
	}
	h := sha256.New()
	for _, name := range w.files() {
		body, err := contents(name)
		fmt.Fprintf(h, "%q %d %v\n", name, len(body), err)
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil))
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
