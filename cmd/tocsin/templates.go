package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// openTemplates makes the templates that a configuration asks for: the built-in
// ones, and those of its own folder in their place. What is wrong with them are
// mistakes with their places, as in the configuration's own files.
func openTemplates(config *rules.Config) (*templates.Set, error) {
	if config.Templates == "" {
		return templates.Load(nil)
	}
	root, err := os.OpenRoot(config.Templates)
	if err != nil {
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err
		}
		return nil, mistakeIn(config.Templates, fmt.Sprintf("the folder of templates cannot be read: %v: make it (tocsin templates copy), or leave the key templates out", err))
	}
	defer root.Close()
	set, err := templates.Load(root.FS())
	wrong, ok := errors.AsType[templates.Mistakes](err)
	if !ok {
		return set, err
	}
	var all []error
	for _, e := range wrong {
		at := rules.Pos{File: filepath.Join(config.Templates, e.File), Line: max(e.Line, 1), Col: max(e.Col, 1)}
		all = append(all, &rules.Error{Pos: at, Msg: e.Msg})
	}
	return nil, errors.Join(all...)
}

// templatesCmd helps people to begin with templates of their own.
type templatesCmd struct {
	List templatesListCmd `cmd:"" help:"Print the names of the built-in templates, and what each is for."`
	Show templatesShowCmd `cmd:"" help:"Print a built-in template."`
	Copy templatesCopyCmd `cmd:"" help:"Copy built-in templates into a folder, to be changed there."`
}

// Help satisfies kong.
func (*templatesCmd) Help() string {
	return `Words of your own, in four steps:

  tocsin templates copy /etc/tocsin/templates update.txt
  (edit it, and write templates: /etc/tocsin/templates into the configuration)
  tocsin check
  tocsin preview --sample --type update

Copy only what you want to change: a file that is not in the folder is the built-in one, and changes
with new versions. docs/templates.md has every file, every function and what is checked.`
}

type templatesListCmd struct{}

// Run satisfies kong.
func (*templatesListCmd) Run(w *world) error {
	for _, f := range templates.Files() {
		fmt.Fprintf(w.out, "%-14s %s\n", f.Name, f.About)
	}
	return nil
}

type templatesShowCmd struct {
	Name string `arg:"" help:"Of the template, as list prints it."`
}

// Run satisfies kong.
func (c *templatesShowCmd) Run(w *world) error {
	f, err := builtInTemplate(c.Name)
	if err != nil {
		return err
	}
	_, err = w.out.Write([]byte(f.Text))
	return err
}

type templatesCopyCmd struct {
	Folder string   `arg:"" type:"path" help:"Folder to copy into; it is made if it is not there."`
	Names  []string `arg:"" optional:"" help:"Of the templates; all of them if none is named."`
}

// Run satisfies kong.
func (c *templatesCopyCmd) Run(w *world) error {
	files := templates.Files()
	if len(c.Names) > 0 {
		files = nil
		for _, name := range c.Names {
			f, err := builtInTemplate(name)
			if err != nil {
				return err
			}
			files = append(files, f)
		}
	}
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of templates: %w", err)
	}
	for _, f := range files {
		name := filepath.Join(c.Folder, f.Name)
		out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already, and is left as it is: remove it, or name the templates to copy", name)
		}
		if err != nil {
			return fmt.Errorf("copy a template: %w", err)
		}
		_, err = out.WriteString(f.Text)
		if err := errors.Join(err, out.Close()); err != nil {
			return fmt.Errorf("copy a template: %w", err)
		}
		fmt.Fprintln(w.out, name)
	}
	return nil
}

func builtInTemplate(name string) (templates.File, error) {
	var names []string
	for _, f := range templates.Files() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return templates.File{}, fmt.Errorf("there is no template %q: want one of %s", name, strings.Join(names, " "))
}
