package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Load reads the service's own file and the files that its include: names, as
// Parse does. What a pattern names is looked for in the folder of the service's
// file and below it; nothing outside is read, not even through a link.
func Load(path string) (*Config, error) {
	main, err := ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	d := newDraft()
	d.read(main, true)
	for _, f := range d.included(main) {
		d.read(f, false)
	}
	return d.finish()
}

// Whereabouts reads where the store and the listeners of a service are out of a
// configuration that may have mistakes anywhere else: they must not be in the way
// of an incident, or of the end of a token that is in wrong hands.
func Whereabouts(path string) (Store, Listen, error) {
	f, err := ReadFile(path)
	if err != nil {
		return Store{}, Listen{}, err
	}
	if len(f.Body) > maxBytes {
		return Store{}, Listen{}, fmt.Errorf("%s is larger than a configuration can be", path)
	}
	var file struct {
		Store  struct{ Path string }
		Listen struct{ Public, Private string }
	}
	if err := yaml.Unmarshal(f.Body, &file); err != nil {
		return Store{}, Listen{}, fmt.Errorf("%s is not YAML", path)
	}
	usual := Default()
	return Store{Path: cmp.Or(file.Store.Path, usual.Store.Path)}, Listen{
		Public: cmp.Or(file.Listen.Public, usual.Listen.Public), Private: cmp.Or(file.Listen.Private, usual.Listen.Private),
	}, nil
}

// ReadFile reads a file for Parse or ParseTests, and hardly more of it than they
// take.
func ReadFile(path string) (File, error) {
	// Stat first: opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	if err := regular(info); err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	body, err := readAll(f)
	return File{Name: path, Body: body}, err
}

// regular refuses what cannot be read to its end, or would be something else the
// next time.
func regular(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("it is not a file but a folder: name a file in it")
	default:
		return errors.New("it is not a file but a pipe, a socket or a device: write what comes out of it into a file, and name that")
	}
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
	seen := map[string]bool{main: true} // a pattern such as *.yaml matches it, too
	for _, p := range patterns {
		pattern, _ := p.text("")
		matches, err := fs.Glob(folder, pattern)
		if err != nil {
			p.mistake("look for %s: %v", pattern, err)
			continue
		}
		if matches = slices.DeleteFunc(matches, func(m string) bool { return m == main }); len(matches) == 0 {
			if dir := linkedAway(folder, pattern); dir != "" {
				p.mistake("read %s: it is a link %s", filepath.Join(name, dir), outside)
				continue
			}
			p.mistake("no file matches %s in %s: correct the pattern, or leave it out", pattern, name)
		}
		for _, m := range matches {
			if seen[m] {
				continue
			}
			seen[m] = true
			body, err := readIncluded(folder, m)
			if escapes(err) {
				p.mistake("read %s: it is a link %s", filepath.Join(name, m), outside)
				continue
			}
			if err != nil {
				p.mistake("read %s: %v", filepath.Join(name, m), err)
				continue
			}
			files = append(files, File{Name: filepath.Join(name, filepath.FromSlash(m)), Body: body})
		}
	}
	return files
}

// outside says what to do about a link that is not followed.
const outside = "that leads out of the folder of the service's file, and nothing outside is read: put the file itself into the folder, or a link that stays within it"

// escapes reports whether a folder refused to follow a link. The standard
// library has no name for that error.
func escapes(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && e.Err.Error() == "path escapes from parent"
}

// linkedAway gives the folder on a pattern's way that leads outside; "" if none
// does. A pattern matches nothing behind it.
func linkedAway(folder fs.FS, pattern string) string {
	parts := strings.Split(pattern, "/")
	for i := 1; i < len(parts) && !strings.ContainsAny(parts[i-1], `*?[\`); i++ {
		dir := strings.Join(parts[:i], "/")
		if _, err := fs.Stat(folder, dir); escapes(err) {
			return dir
		}
	}
	return ""
}

func readIncluded(folder fs.FS, name string) ([]byte, error) {
	// Stat first: opening a pipe would wait for its writer.
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}
