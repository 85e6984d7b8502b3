package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/featuresignals/tocsin/cmd/tocsin/ruletest"
	"github.com/featuresignals/tocsin/rules"
)

// testCmd plays the rule tests of a configuration.
type testCmd struct {
	Files    []string `arg:"" optional:"" help:"Files with tests for the configuration's rules, besides those that it includes itself."`
	Only     string   `name:"run" placeholder:"REGEXP" help:"Play only the tests whose names match."`
	Format   string   `enum:"text,json" default:"text" help:"text for people, json for programs."`
	Coverage bool     `help:"Say which levels of which rules no test reaches."`
	Update   bool     `help:"Write what happened into the tests that have a timeline; read the diff."`
}

// Help satisfies kong.
func (*testCmd) Help() string {
	return `Examples:

  tocsin test --coverage rules/tests.yaml
      the configuration's tests and those of another file, and which levels none of them reaches

  tocsin test --run outage --update
      write what happens into the timelines of the tests that match; a test begins with "timeline: |"
      and nothing below it

Put this line first into a file of tests, for your editor (the file is from tocsin schema):

  # yaml-language-server: $schema=./schema.json`
}

// Validate satisfies kong.
func (c *testCmd) Validate() error {
	if _, err := regexp.Compile(c.Only); err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	return nil
}

// testRun is what became of one test.
type testRun struct {
	test     rules.Test
	played   *ruletest.Played
	failures []ruletest.Failure
	err      error // it could not be played at all
	took     time.Duration
}

func (o testRun) good() bool { return o.err == nil && len(o.failures) == 0 }

// Run satisfies kong.
func (c *testCmd) Run(w *world) error {
	config, tests, err := w.testsOf(c.Files)
	if err != nil {
		return w.mistakes(err)
	}
	written := len(tests)
	if only := regexp.MustCompile(c.Only); c.Only != "" {
		tests = slices.DeleteFunc(slices.Clone(tests), func(t rules.Test) bool { return !only.MatchString(t.Name) })
	}
	report := newTestReport(w, c.Format, len(tests))
	if len(tests) < written {
		report.only = c.Only
	}
	var all []testRun
	began := time.Now()
	err = playAll(w.ctx, config, tests, func(o testRun) {
		all = append(all, o)
		report.over(o)
	})
	if err != nil {
		return err
	}
	report.end(all, time.Since(began))
	if c.Coverage {
		report.coverage(coverageOf(config, all))
	}
	var unwritten []error
	if c.Update {
		var edits []ruletest.Edit
		for _, o := range all {
			if o.err == nil && slices.ContainsFunc(o.failures, ruletest.Failure.OfTimeline) {
				edits = append(edits, ruletest.Edit{Test: o.test, Timeline: o.played.Timeline()})
			}
		}
		var made []ruletest.Edit
		made, unwritten = ruletest.Update(edits)
		report.updated(made, unwritten)
	}
	if err := report.flush(); err != nil {
		return err
	}
	if len(unwritten) > 0 || slices.ContainsFunc(all, func(o testRun) bool { return !o.good() && !(c.Update && o.timelineOnly()) }) {
		return errFound
	}
	return nil
}

// timelineOnly reports whether nothing but the timeline differs.
func (o testRun) timelineOnly() bool {
	return o.err == nil && !slices.ContainsFunc(o.failures, func(f ruletest.Failure) bool { return !f.OfTimeline() })
}

// testsOf gives the configuration's tests and those of more files. Where there
// is no configuration, the first of the files stands for it.
func (w *world) testsOf(files []string) (*rules.Config, []rules.Test, error) {
	if w.path() == "" && len(files) > 0 {
		w.config, files = files[0], files[1:]
	}
	config, err := w.load()
	if err != nil {
		return nil, nil, err
	}
	var more []rules.File
	for _, name := range files {
		if slices.ContainsFunc(config.Files, func(known string) bool { return sameFile(known, name) }) {
			continue // the configuration includes it
		}
		file, err := rules.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("read the tests: %w", err)
		}
		more = append(more, file)
	}
	if len(more) == 0 {
		return config, config.Tests, nil
	}
	tests, err := config.ParseTests(more)
	return config, slices.Concat(config.Tests, tests), err
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// playAll plays tests side by side and tells of each in their order, as soon as
// it and those before it are over.
func playAll(ctx context.Context, config *rules.Config, tests []rules.Test, tell func(testRun)) error {
	over := make([]chan testRun, len(tests))
	for i := range over {
		over[i] = make(chan testRun, 1)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0) + 1)
	g.Go(func() error {
		for _, c := range over {
			select {
			case o := <-c:
				tell(o)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for i, t := range tests {
		g.Go(func() error {
			over[i] <- play(ctx, config, t)
			return nil
		})
	}
	return g.Wait()
}

func play(ctx context.Context, config *rules.Config, t rules.Test) testRun {
	o := testRun{test: t}
	began := time.Now()
	if o.played, o.err = ruletest.Play(ctx, config.WithoutPeople(), t); o.err == nil {
		o.failures = o.played.Check(t)
	}
	o.took = time.Since(began)
	return o
}
