package rules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Load reads the service's own file and the files that its include: names, as
// Parse does. What a pattern names is looked for in the folder of the service's
// file and below it; nothing outside is read, not even through a link.
func Load(path string) (*Config, error) {
	body, err := readMain(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	d := newDraft()
	main := File{Name: path, Body: body}
	d.read(main, true)
	for _, f := range d.included(main) {
		d.read(f, false)
	}
	return d.finish()
}

func readMain(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

// readAll reads at most one byte more than is allowed, for Parse to notice.
func readAll(f fs.File) ([]byte, error) { return io.ReadAll(io.LimitReader(f, maxBytes+1)) }

// included gives the files that the patterns of the service's file match, in
// the order of the patterns and then of names, each once.
func (d *draft) included(main File) []File {
	silent := newDraft() // the file was read already, its mistakes are known
	s := silent.source(main)
	node, ok := s.syntax(main.Body)
	if !ok {
		return nil
	}
	top, ok := value{src: s, name: "the file", node: node}.object(shape{keys: mainKeys})
	if !ok {
		return nil
	}
	patterns := readIncludes(top.get("include"))
	if len(patterns) == 0 {
		return nil
	}
	s.draft = d
	before := len(d.mistakes)
	defer func() { d.unread = d.unread || len(d.mistakes) > before }()
	folder := filepath.Dir(main.Name)
	root, err := os.OpenRoot(folder)
	if err != nil {
		patterns[0].mistake("open the folder %s: %v", folder, err)
		return nil
	}
	defer root.Close()
	return includedFrom(root.FS(), folder, filepath.Base(main.Name), patterns)
}

func includedFrom(folder fs.FS, name, main string, patterns []value) []File {
	var files []File
	seen := []string{main} // a pattern such as *.yaml matches it, too
	for _, p := range patterns {
		pattern, _ := p.text("")
		matches, err := fs.Glob(folder, pattern)
		if err != nil {
			p.mistake("look for %s: %v", pattern, err)
			continue
		}
		if matches = slices.DeleteFunc(matches, func(m string) bool { return m == main }); len(matches) == 0 {
			p.mistake("no file matches %s in %s: correct the pattern, or leave it out", pattern, name)
		}
		for _, m := range matches {
			if slices.Contains(seen, m) {
				continue
			}
			seen = append(seen, m)
			body, err := readIncluded(folder, m)
			if err != nil {
				p.mistake("read %s: %v", filepath.Join(name, m), err)
				continue
			}
			files = append(files, File{Name: filepath.Join(name, filepath.FromSlash(m)), Body: body})
		}
	}
	return files
}

func readIncluded(folder fs.FS, name string) ([]byte, error) {
	// Stat first: opening a pipe would wait for its writer.
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}
