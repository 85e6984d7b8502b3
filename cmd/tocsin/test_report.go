package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/ruletest"
	"github.com/featuresignals/tocsin/rules"
)

// coverage is which levels of the rules some test reaches.
type coverage struct {
	Levels    int         `json:"levels"`
	Reached   int         `json:"reached"`
	Unreached []unreached `json:"unreached"`
}

type unreached struct {
	Rule  string `json:"rule"`
	Level string `json:"level"`
	File  string `json:"file,omitzero"`
	Line  int    `json:"line,omitzero"`
}

func coverageOf(config *rules.Config, all []testRun) coverage {
	held := map[ruletest.LevelID]bool{}
	for _, o := range all {
		if o.played == nil {
			continue
		}
		for id := range o.played.Held {
			held[id] = true
		}
	}
	c := coverage{Unreached: []unreached{}}
	for _, rule := range config.Rules {
		for _, s := range severitiesOf(rule) {
			c.Levels++
			if held[ruletest.LevelID{Rule: rule.ID, Severity: s}] {
				c.Reached++
				continue
			}
			c.Unreached = append(c.Unreached, unreached{rule.ID, s.String(), rule.Pos.File, rule.Pos.Line})
		}
	}
	return c
}

// severitiesOf lists the levels of a rule and its overrides, worst first.
func severitiesOf(rule rules.Rule) []rules.Severity {
	var out []rules.Severity
	add := func(levels []rules.Level) {
		for _, l := range levels {
			if !slices.Contains(out, l.Severity) {
				out = append(out, l.Severity)
			}
		}
	}
	add(rule.Levels)
	for _, o := range rule.Overrides {
		add(o.Levels)
	}
	slices.SortFunc(out, func(a, b rules.Severity) int { return int(b) - int(a) })
	return out
}

// testJSON is what programs read of one test.
type testJSON struct {
	Name     string        `json:"name"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	OK       bool          `json:"ok"`
	Seconds  float64       `json:"seconds"`
	Error    string        `json:"error,omitzero"`
	Failures []failureJSON `json:"failures,omitzero"`
	Timeline []string      `json:"timeline"`
}

type failureJSON struct {
	File string   `json:"file"`
	Line int      `json:"line"`
	Want string   `json:"want"`
	Got  string   `json:"got"`
	Why  string   `json:"why,omitzero"`
	Diff []string `json:"diff,omitzero"`
}

func (o testRun) json() testJSON {
	j := testJSON{
		Name: o.test.Name, File: o.test.Pos.File, Line: o.test.Pos.Line, OK: o.good(), Seconds: o.took.Seconds(), Timeline: []string{},
	}
	if o.err != nil {
		j.Error = o.err.Error()
		return j
	}
	j.Timeline = append(j.Timeline, o.played.Timeline()...)
	for _, f := range o.failures {
		j.Failures = append(j.Failures, failureJSON{f.Pos.File, f.Pos.Line, f.Want, f.Got, f.Why, f.Diff})
	}
	return j
}

// testReport writes for people as tests end, or for programs at the end.
type testReport struct {
	w     *world
	json  bool
	total int
	only  string // what names had to match, where some did not
	done  int
	drawn time.Time
	tty   bool
	doc   struct {
		OK       bool       `json:"ok"`
		Tests    []testJSON `json:"tests"`
		Seconds  float64    `json:"seconds"`
		Coverage *coverage  `json:"coverage,omitzero"`
		Updated  []string   `json:"updated,omitzero"`
		Left     []string   `json:"not_updated,omitzero"` // why timelines could not be written
	}
}

func newTestReport(w *world, format string, total int) *testReport {
	r := &testReport{w: w, json: format == "json", total: total}
	if f, ok := w.errs.(*os.File); ok {
		info, err := f.Stat()
		r.tty = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	r.doc.OK, r.doc.Tests = true, []testJSON{}
	return r
}

// over tells of one test.
func (r *testReport) over(o testRun) {
	r.done++
	r.doc.OK = r.doc.OK && o.good()
	if r.json {
		r.doc.Tests = append(r.doc.Tests, o.json())
		r.progress()
		return
	}
	word := "ok  "
	if !o.good() {
		word = "FAIL"
	}
	fmt.Fprintf(r.w.out, "%s  %-50s %s\n", word, o.test.Name, seconds(o.took))
	if o.err != nil {
		fmt.Fprintf(r.w.out, "      %v\n", o.err)
	}
	for _, f := range o.failures {
		r.failure(f)
	}
}

func (r *testReport) failure(f ruletest.Failure) {
	if f.OfTimeline() {
		fmt.Fprintf(r.w.out, "      %s: the timeline differs (- expected, + what happened)\n", f.Pos)
		for _, line := range f.Diff {
			fmt.Fprintf(r.w.out, "          %s\n", line)
		}
		return
	}
	fmt.Fprintf(r.w.out, "      %s: expected %s\n          got: %s\n", f.Pos, f.Want, f.Got)
	if f.Why != "" {
		fmt.Fprintf(r.w.out, "          why: %s\n", strings.ReplaceAll(f.Why, "\n", "\n               "))
	}
}

// progress shows how far the tests are to a person who waits for JSON.
func (r *testReport) progress() {
	if !r.tty || r.done < r.total && time.Since(r.drawn) < 200*time.Millisecond {
		return
	}
	r.drawn = time.Now()
	fmt.Fprintf(r.w.errs, "\r%d of %d tests", r.done, r.total)
	if r.done == r.total {
		fmt.Fprintln(r.w.errs)
	}
}

// end sums up.
func (r *testReport) end(all []testRun, took time.Duration) {
	r.doc.Seconds = took.Seconds()
	if r.json {
		return
	}
	failed := 0
	for _, o := range all {
		if !o.good() {
			failed++
		}
	}
	switch {
	case len(all) == 0 && r.only != "":
		fmt.Fprintf(r.w.out, "no test's name matches %s: --run takes a part of a name, or a regular expression\n", r.only)
	case len(all) == 0:
		fmt.Fprintln(r.w.out, "no tests: write some under tests:, or name a file that has some")
	case failed > 0:
		fmt.Fprintf(r.w.out, "FAIL  %d of %d test%s in %s\n", failed, len(all), plural(len(all)), seconds(took))
	default:
		fmt.Fprintf(r.w.out, "ok    %d test%s in %s\n", len(all), plural(len(all)), seconds(took))
	}
}

func (r *testReport) coverage(c coverage) {
	r.doc.Coverage = &c
	if r.json {
		return
	}
	fmt.Fprintf(r.w.out, "coverage: %d of %d levels are reached by a test\n", c.Reached, c.Levels)
	for _, u := range c.Unreached {
		fmt.Fprintf(r.w.out, "      %s:%d: %s: no test reaches %s\n", u.File, u.Line, u.Rule, u.Level)
	}
}

func (r *testReport) updated(edits []ruletest.Edit, wrong []error) {
	for _, e := range edits {
		r.doc.Updated = append(r.doc.Updated, e.Test.Name)
		if !r.json {
			fmt.Fprintf(r.w.out, "%s: wrote what happened into %q\n", e.Test.Pos, e.Test.Name)
		}
	}
	for _, err := range wrong {
		r.doc.Left = append(r.doc.Left, err.Error())
		if !r.json {
			fmt.Fprintln(r.w.out, err)
		}
	}
}

func (r *testReport) flush() error {
	if !r.json {
		return nil
	}
	enc := json.NewEncoder(r.w.out)
	enc.SetIndent("", "  ")
	return enc.Encode(r.doc)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }
