package main

import (
	"encoding/json"
	"fmt"

	"github.com/featuresignals/tocsin/rules"
)

// checkCmd prints every mistake in the configuration and its rules.
type checkCmd struct {
	Files  []string `arg:"" optional:"" help:"Files to read instead of the configuration; each on its own."`
	Format string   `enum:"text,json" default:"text" help:"text for people, json for programs."`
}

type mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// Run satisfies kong.
func (c *checkCmd) Run(w *world) error {
	var found []*rules.Error
	paths := c.Files
	if len(paths) == 0 {
		paths = []string{w.config}
	}
	count := 0
	for _, path := range paths {
		w.config = path
		config, err := w.load()
		if err == nil {
			count += len(config.Rules)
			continue
		}
		ms := rules.Mistakes(err)
		if len(ms) == 0 {
			return err // the file cannot be read at all
		}
		found = append(found, ms...)
	}
	if c.Format == "json" {
		out := []mistake{}
		for _, m := range found {
			out = append(out, mistake{m.Pos.File, m.Pos.Line, m.Pos.Col, m.Msg})
		}
		enc := json.NewEncoder(w.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return err
		}
	} else {
		for _, m := range found {
			fmt.Fprintln(w.out, m)
		}
	}
	switch {
	case len(found) > 0 && c.Format == "text":
		fmt.Fprintf(w.out, "%d mistake%s\n", len(found), plural(len(found)))
		return errFound
	case len(found) > 0:
		return errFound
	case c.Format == "text":
		fmt.Fprintf(w.out, "good: %d rule%s\n", count, plural(count))
	}
	return nil
}
