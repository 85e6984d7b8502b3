package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// checkCmd prints every mistake in the configuration and its rules, and what is
// none and yet hardly meant.
type checkCmd struct {
	Files  []string `arg:"" optional:"" help:"Files to read instead of the configuration; each on its own."`
	Format string   `enum:"text,json" default:"text" help:"text for people, json for programs: file, line, column, severity (error or warning), message."`
	Live   bool     `help:"Also ask the store, and warn of rules that choose no span of the last day."`
	Strict bool     `help:"Warnings count as mistakes for the exit code."`
}

// Help satisfies kong.
func (*checkCmd) Help() string {
	return `Examples:

  tocsin check --config /etc/tocsin/tocsin.yaml --live
      the file and all that it includes; and which rules look at nothing in the store

  tocsin check --strict --format json rules/new.yaml
      for programs; the exit code is 1 for warnings, too

Editors show many mistakes while you write, if this is the first line (the file is from tocsin schema):

  # yaml-language-server: $schema=./schema.json`
}

// remark is something that check says of a place in a file. Its JSON is a
// promise to programs.
type remark struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
}

// The severities of remarks.
const (
	isError   = "error"
	isWarning = "warning"
)

func remarkOf(severity string, at rules.Pos, message string) remark {
	return remark{at.File, at.Line, at.Col, severity, message}
}

func (r remark) String() string {
	place := rules.Pos{File: r.File, Line: r.Line, Col: r.Column}.String()
	if r.Severity == isWarning {
		return place + ": warning: " + r.Message
	}
	return place + ": " + r.Message
}

// Run satisfies kong.
func (c *checkCmd) Run(w *world) error {
	paths := c.Files
	if len(paths) == 0 {
		paths = []string{w.config}
	}
	said := []remark{}
	var good []*rules.Config
	own := 0 // templates
	for _, path := range paths {
		w.config = path
		config, err := w.load()
		if err != nil {
			ms := rules.Mistakes(err)
			if len(ms) == 0 {
				return err // the file cannot be read at all
			}
			for _, m := range ms {
				said = append(said, remarkOf(isError, m.Pos, m.Msg))
			}
			continue
		}
		warnings := config.Lint(time.Now())
		set, err := openTemplates(config)
		_, looks := openBrand(config)
		ms := rules.Mistakes(errors.Join(err, looks))
		for _, m := range ms {
			said = append(said, remarkOf(isError, m.Pos, m.Msg))
		}
		if len(ms) == 0 && err != nil {
			return err
		}
		if set != nil {
			own += len(set.Own())
			for _, x := range set.Warnings(config.Page.Language) {
				warnings = append(warnings, rules.Warning{Pos: rules.Pos{File: filepath.Join(config.Templates, x.File), Line: 1, Col: 1}, Msg: x.Msg})
			}
		}
		good = append(good, config)
		if c.Live {
			dead, err := dead(w, config)
			if err != nil {
				return err
			}
			warnings = append(warnings, dead...)
		}
		for _, x := range warnings {
			said = append(said, remarkOf(isWarning, x.Pos, x.Msg))
		}
	}
	if err := c.print(w, said, good, own); err != nil {
		return err
	}
	if slices.ContainsFunc(said, func(r remark) bool { return c.Strict || r.Severity == isError }) {
		return errFound
	}
	return nil
}

// dead tells of rules that look at nothing in the store.
func dead(w *world, config *rules.Config) ([]rules.Warning, error) {
	reader, err := newSource(config, slog.New(slog.DiscardHandler))
	if err != nil || reader == nil {
		return nil, err
	}
	defer reader.Close()
	return deadRules(w.ctx, reader, config, time.Now())
}

// deadRules tells of rules that chose no span in a day.
func deadRules(ctx context.Context, reader *signoz.Reader, config *rules.Config, at time.Time) ([]rules.Warning, error) {
	to := at.UTC().Truncate(time.Minute)
	chosen, err := reader.Matched(ctx, config.Rules, to.Add(-24*time.Hour), to)
	if err != nil {
		return nil, fmt.Errorf("look for what the rules choose: %w", err)
	}
	var all []rules.Warning
	for _, r := range config.Rules {
		if n, asked := chosen[r.ID]; asked && n == 0 {
			all = append(all, rules.Warning{Pos: r.Pos, Msg: fmt.Sprintf("rule %s: no span of the last day is chosen by its where: the rule would never say anything; correct it, or leave it out", r.ID)})
		}
	}
	return all, nil
}

// mostWarnings is how many warnings are printed for people: one that holds for
// every rule would hide the others' end.
const mostWarnings = 50

func (c *checkCmd) print(w *world, said []remark, good []*rules.Config, own int) error {
	if c.Format == "json" {
		enc := json.NewEncoder(w.out)
		enc.SetIndent("", "  ")
		return enc.Encode(said)
	}
	mistakes, warnings := 0, 0
	for _, r := range said {
		if r.Severity == isError {
			mistakes++
		} else if warnings++; warnings > mostWarnings {
			continue
		}
		fmt.Fprintln(w.out, r)
	}
	if more := warnings - mostWarnings; more > 0 {
		fmt.Fprintf(w.out, "… and %d more warning%s: --format json prints all\n", more, plural(more))
	}
	var counts []string
	count := func(n int, what string) {
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s%s", n, what, plural(n)))
		}
	}
	if mistakes > 0 {
		count(mistakes, "mistake")
		count(len(said)-mistakes, "warning")
		fmt.Fprintln(w.out, strings.Join(counts, ", "))
		return nil
	}
	var sums struct{ rules, probes, tests int }
	for _, config := range good {
		sums.rules += len(config.Rules)
		sums.probes += len(config.Probes)
		sums.tests += len(config.Tests)
	}
	counts = []string{fmt.Sprintf("%d rule%s", sums.rules, plural(sums.rules))}
	count(sums.probes, "probe")
	count(sums.tests, "test")
	count(own, "template")
	count(len(said), "warning")
	fmt.Fprintln(w.out, "good:", strings.Join(counts, ", "))
	for _, config := range good {
		for _, line := range unwritten(config) {
			fmt.Fprintln(w.out, line)
		}
	}
	return nil
}

// unwritten says what holds without standing in any of the files: rules out of
// packs, what of them was left out, and the requests that rules leave out by
// default.
func unwritten(config *rules.Config) []string {
	var lines []string
	packs := map[string]int{}
	for _, r := range config.Rules {
		if name, ok := strings.CutSuffix(r.Pos.File, ".yaml (built in)"); ok {
			packs[name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(packs)) {
		lines = append(lines, fmt.Sprintf("pack %s: %d rule%s", name, packs[name], plural(packs[name])))
	}
	lines = append(lines, config.LeftOut...)
	routes, of := rules.Default().Rules[0].Where.Routes, 0 // which writes none
	usual := routes.String()
	for _, r := range config.Rules {
		if r.Source() == rules.SourceSpans && r.Where.Routes.String() == usual {
			of++
		}
	}
	if of > 0 {
		lines = append(lines, fmt.Sprintf("left out by default, in %d rule%s (routes: [\"*\"] would take all): %s", of, plural(of), strings.Join(routes.Not, " ")))
	}
	return lines
}
