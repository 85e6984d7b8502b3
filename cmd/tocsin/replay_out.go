package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/featuresignals/tocsin/rules"
)

// endings are the formats that the endings of --out ask for.
var endings = map[string]string{"": "", ".txt": "text", ".json": "json", ".html": "html", ".htm": "html"}

// Validate satisfies kong.
func (c *replayCmd) Validate() error {
	if c.FailOnDiff && c.Against == "" {
		return errors.New("--fail-on-diff: nothing to differ from: name the other configuration with --against")
	}
	for _, f := range []struct {
		flag  string
		value *string
	}{{"--from", c.From}, {"--to", c.To}} {
		if f.value != nil && strings.TrimSpace(*f.value) == "" {
			return fmt.Errorf("%s: %s, or leave the flag out; found %q", f.flag, wantMoment, *f.value)
		}
	}
	if info, err := os.Stat(c.Out); err == nil && info.IsDir() {
		return fmt.Errorf("--out: %s is a folder: name a file", c.Out)
	}
	ext := strings.ToLower(filepath.Ext(c.Out))
	switch format, known := endings[ext]; {
	case !known:
		return fmt.Errorf("--out: unknown ending %q: want .html, .htm, .json, .txt or none", ext)
	case c.Format != "auto" && format != "" && format != c.Format:
		return fmt.Errorf("--out: the ending %q contradicts --format %s: leave one of them out", ext, c.Format)
	}
	return nil
}

// format is the one that was asked for, or that the file's name asks for.
func (c *replayCmd) format() string {
	if c.Format != "auto" {
		return c.Format
	}
	if format := endings[strings.ToLower(filepath.Ext(c.Out))]; format != "" {
		return format
	}
	return "text"
}

// place looks, before anything is read, whether the report can be written where
// it is to go, and whether that is a file that the replay itself rests on.
func (c *replayCmd) place(w *world, configs ...*rules.Config) error {
	if c.Out == "" {
		return nil
	}
	folder := filepath.Dir(c.Out)
	switch info, err := os.Stat(folder); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--out: the folder %s does not exist", folder)
	case err != nil:
		return fmt.Errorf("--out: the folder %s: %w", folder, plain(err))
	case !info.IsDir():
		return fmt.Errorf("--out: %s is no folder", folder)
	}
	switch info, err := os.Stat(c.Out); {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("--out: %s is no ordinary file: leave --out away and redirect standard output", c.Out)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--out: %s: %w", c.Out, plain(err))
	}
	if what := c.overwrites(w, configs); what != "" {
		return fmt.Errorf("--out: %s is %s: name another file", c.Out, what)
	}
	f, err := beside(c.Out)
	if err != nil {
		return fmt.Errorf("--out: the folder %s cannot be written to: %w", folder, plain(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// overwrites says what of the replay's own the report would take the place of;
// "" if nothing.
func (c *replayCmd) overwrites(w *world, configs []*rules.Config) string {
	if p := w.path(); p != "" && sameName(c.Out, p) {
		return "the configuration"
	}
	if c.Against != "" && sameName(c.Out, c.Against) {
		return "the configuration to compare with"
	}
	for _, config := range configs {
		if config == nil {
			continue
		}
		for _, name := range config.Files {
			if sameName(c.Out, name) {
				return "a file of the configuration"
			}
		}
		for _, tail := range []string{"", "-wal", "-shm"} { // SQLite keeps two files beside its own
			if sameName(c.Out, config.Store.Path+tail) {
				return "the state file"
			}
		}
	}
	return ""
}

// sameName reports whether two names stand for one file, also for one that is
// not there yet.
func sameName(a, b string) bool {
	return sameFile(a, b) || filepath.Base(a) == filepath.Base(b) && sameFile(filepath.Dir(a), filepath.Dir(b))
}

// beside makes a hidden file in the folder of another, to take its name when it
// is whole.
func beside(name string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
}

// plain leaves out the names of files that nobody asked for.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
