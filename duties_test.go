package tocsin

import (
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/rules"
)

const dutiesFile = "docs/duties.md"

var goList = flag.Bool("golist", false, "ask go test -list for the tests of each package, too, which builds them all; make lint does")

// facts are what docs/duties.md is held against.
type facts struct {
	tests map[string][]string // by package
	steps []string            // of the pack's checklists, as list/step
}

// Each line of the two runbooks has its row, and what the row names exists.
// Whether a test shows what the row says is for people to judge.
func TestTheDutiesOfTheRunbooks(t *testing.T) {
	body, err := os.ReadFile(dutiesFile)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(body)
	f := factsOf(t, doc)
	if *goList {
		f.listed(t)
	}
	for _, m := range dutyMistakes(doc, f) {
		t.Errorf("%s: %s", dutiesFile, m)
	}

	// The same, broken in one place, is refused for that.
	row := func(id string) string {
		return regexp.MustCompile(`(?m)^\| ` + id + ` .*\n`).FindString(doc)
	}
	in := func(id, old, new string) func() string {
		return func() string { return strings.Replace(doc, row(id), strings.Replace(row(id), old, new, 1), 1) }
	}
	count := regexp.MustCompile(`(?m)^(\| stays \|.*\| )(\d+)( \|)$`)
	waiting := regexp.MustCompile(`(?m)^(\| a resolver \|.*\| )(\d+)( \|)$`)
	for _, broken := range []struct {
		name string
		doc  func() string
		says string
	}{
		{"a row is missing", func() string { return strings.Replace(doc, row("A33"), "", 1) }, "A33 has no row"},
		{"the last row is missing", func() string { return strings.Replace(doc, row("B29"), "", 1) }, "B29 has no row"},
		{"a row stands twice", func() string { return strings.Replace(doc, row("A33"), row("A33")+row("A33"), 1) }, "A33 has two rows"},
		{"a row of another runbook", in("A33", "| A33", "| C33"), "C33 is no line of a runbook"},
		{"a row beyond the last", in("B29", "| B29", "| B30"), "B30 is no line of a runbook"},
		{"rows in another order", func() string { return strings.Replace(doc, row("A32")+row("A33"), row("A33")+row("A32"), 1) }, "A32 stands after A33"},
		{"a cell too few", in("A33", " Shows the step |", ""), "A33: want 4 cells"},
		{"no state", in("A33", "**stays** ", ""), "A33: want **done**, **in part**, **waits** or **stays**"},
		{"an unknown state", in("A33", "**stays**", "**half**"), "A33: want **done**"},
		{"done without a test", in("A11", "`TestScenarios/A11-partial-region`", ""), "A11 (done): no test shows it"},
		{"done in part without a test", in("A10", "`TestScenarios/A10-evaluation-errors`", ""), "A10 (in part): no test shows it"},
		{"done in part, and nothing is waited for", in("A10", "waits for", "needs"), "A10 (in part): it does not say what it waits for"},
		{"waits, and for nothing", in("A17", "waits for logs", "takes time"), "A17 (waits): it does not say what it waits for"},
		{"done, and waits", in("A11", "one by one", "one by one, waits for logs"), "A11 (done): it waits for logs"},
		{"waits for what nobody knows", in("A17", "waits for logs", "waits for Godot"), `A17 waits for "Godot", which the table above does not list`},
		{"stays, and no step shows it", in("A33", "`region-down/dashboard`", ""), "A33 (stays): neither a step nor a test shows it"},
		{"a count that is one too many", func() string { return count.ReplaceAllString(doc, "${1}1${2}${3}") }, `"stays" are `},
		{"a count that is no number", func() string { return count.ReplaceAllString(doc, "${1}many${3}") }, `the table has no count of "stays"`},
		{"a count of what is waited for", func() string { return waiting.ReplaceAllString(doc, "${1}1${2}${3}") }, "lines wait for a resolver, and the table says 1"},
		{"a count of all", func() string { return strings.Replace(doc, "| all | | 96 |", "| all | | 95 |", 1) }, "there are 96 lines, and the table says 95"},
		{"a test that does not exist", in("A06", "`TestScenarios/A06-auth-broken`", "`incident: TestAuthBroken`"), "A06: the package incident has no TestAuthBroken"},
		{"a test of another package", in("A65", "templates: Test", "publisher: Test"), "A65: the package publisher has no TestEveryTextKeepsItsForm"},
		{"a package that does not exist", in("A65", "templates: Test", "template: Test"), "A65: there is no package template"},
		{"a scenario that does not exist", in("A06", "A06-auth-broken", "A06-auth-brokn"), "A06: there is no testdata/scenarios/A06-auth-brokn.txtar"},
		{"a script that does not exist", in("B02", "TestScripts/incident", "TestScripts/incidents"), "B02: there is no cmd/tocsin/testdata/incidents.txtar"},
		{"a part of another test", in("A65", "KeepsItsForm", "KeepsItsForm/late"), "A65: nobody can tell whether templates: TestEveryTextKeepsItsForm has a part late"},
		{"a step that does not exist", in("A33", "region-down/dashboard", "region-down/dashbord"), "A33: region-down/dashbord is neither a step nor a path"},
		{"a list that does not exist", in("A33", "region-down/dashboard", "regions-down/dashboard"), "A33: regions-down/dashboard is neither a step nor a path"},
		{"a path that does not exist", in("A01", "deploy/example/tocsin.yaml", "deploy/examples/tocsin.yaml"), "A01: deploy/examples/tocsin.yaml is neither a step nor a path"},
		{"a command that does not exist", in("A22", "`tocsin doctor`", "`tocsin nurse`"), "A22: there is no command tocsin nurse"},
		{"a link that leads nowhere", in("A04", "(rules.md#", "(rule.md#"), "there is no docs/rule.md"},
		{"a section that does not exist", in("A04", "#what-a-severity-asks-and-promises", "#what-a-severity-asks"), "docs/rules.md has no section what-a-severity-asks"},
	} {
		t.Run(broken.name, func(t *testing.T) {
			text := broken.doc()
			if text == doc {
				t.Fatal("nothing is broken: the page no longer has what this case changes")
			}
			got := dutyMistakes(text, f)
			if !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, broken.says) }) {
				t.Errorf("it says %q, want %q", got, broken.says)
			}
		})
	}
}

var (
	dutyRow   = regexp.MustCompile(`(?m)^\| ([A-Z]\d\d) \|(.*)\|$`)
	dutyCount = regexp.MustCompile(`(?m)^\| ([a-zA-Z -]+) \|.*\| ([^|]*) \|$`)
	dutyState = regexp.MustCompile(`^\*\*(done|in part|waits|stays)\*\*`)
	waitsFor  = regexp.MustCompile(`\bwaits for ([^.:;()|]+)`)
	listed    = regexp.MustCompile(`, | and `)
	quoted    = regexp.MustCompile("`([^`]+)`")
	linked    = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	unlinked  = regexp.MustCompile(`[^a-z0-9 -]`)
	dutyTest  = regexp.MustCompile(`^(?:([a-z/]+): )?(Test\w+)(?:/(.+))?$`)
	slashed   = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+$`)
)

// dutyMistakes says what is wrong with the page. It is pure but for looking
// whether files are there.
func dutyMistakes(doc string, f facts) (mistakes []string) {
	wrong := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	counts, sources := countsOf(doc)
	states, waiting, seen := map[string]int{}, map[string]int{}, map[string]int{}
	last := ""
	for _, m := range dutyRow.FindAllStringSubmatch(doc, -1) {
		id, cells := m[1], strings.Split(m[2], "|")
		if seen[id]++; seen[id] > 1 {
			wrong("%s has two rows", id)
			continue
		}
		if id < last {
			wrong("%s stands after %s", id, last)
		}
		last = id
		if !slices.Contains(duties(), id) {
			wrong("%s is no line of a runbook", id)
		}
		if len(cells) != 3 || strings.TrimSpace(cells[0]) == "" || strings.TrimSpace(cells[1]) == "" {
			wrong("%s: want 4 cells", id)
			continue
		}
		names, tests, steps := quoted.FindAllStringSubmatch(m[2], -1), 0, 0
		for _, name := range names {
			isTest, isStep, problem := f.look(name[1])
			if problem != "" {
				wrong("%s: %s", id, problem)
			}
			if isTest {
				tests++
			}
			if isStep {
				steps++
			}
		}
		state := dutyState.FindStringSubmatch(strings.TrimSpace(cells[2]))
		if state == nil {
			wrong("%s: want **done**, **in part**, **waits** or **stays**, and what shows it", id)
			continue
		}
		var waits []string
		for _, w := range waitsFor.FindAllStringSubmatch(m[2], -1) {
			for _, s := range listed.Split(w[1], -1) {
				waits = append(waits, strings.TrimSpace(s))
			}
		}
		is := state[1]
		switch states[is]++; is {
		case "done", "in part":
			if tests == 0 {
				wrong("%s (%s): no test shows it", id, is)
			}
		case "stays":
			if tests+steps == 0 {
				wrong("%s (%s): neither a step nor a test shows it", id, is)
			}
		}
		switch {
		case (is == "in part" || is == "waits") && len(waits) == 0:
			wrong("%s (%s): it does not say what it waits for", id, is)
		case (is == "done" || is == "stays") && len(waits) > 0:
			wrong("%s (%s): it waits for %s", id, is, strings.Join(waits, ", "))
		}
		slices.Sort(waits)
		for _, w := range slices.Compact(waits) {
			if waiting[w]++; !slices.Contains(sources, w) {
				wrong("%s waits for %q, which the table above does not list", id, w)
			}
		}
	}
	for _, id := range duties() {
		if seen[id] == 0 {
			wrong("%s has no row", id)
		}
	}
	for _, is := range []string{"done", "in part", "waits", "stays"} {
		if n, ok := counts[is]; !ok {
			wrong("the table has no count of %q", is)
		} else if n != states[is] {
			wrong("%q are %d lines, and the table says %d", is, states[is], n)
		}
	}
	if n := len(seen); counts["all"] != n {
		wrong("there are %d lines, and the table says %d", n, counts["all"])
	}
	for _, s := range sources {
		if counts[s] != waiting[s] {
			wrong("%d lines wait for %s, and the table says %d", waiting[s], s, counts[s])
		}
	}
	for _, m := range linked.FindAllStringSubmatch(doc, -1) {
		name := path.Join("docs", m[1])
		body, err := os.ReadFile(name)
		if err != nil {
			wrong("there is no %s", name)
		} else if m[2] != "" && !slices.Contains(sections(string(body)), m[2]) {
			wrong("%s has no section %s", name, m[2])
		}
	}
	return mistakes
}

// duties are the lines of the two runbooks.
func duties() (ids []string) {
	for n := range 67 {
		ids = append(ids, fmt.Sprintf("A%02d", n+1))
	}
	for n := range 29 {
		ids = append(ids, fmt.Sprintf("B%02d", n+1))
	}
	return ids
}

// countsOf reads the tables at the top: how many lines are so, or wait for
// something, and what there is to wait for.
func countsOf(doc string) (counts map[string]int, sources []string) {
	counts = map[string]int{}
	top, _, _ := strings.Cut(doc, "\n## ")
	_, waiting, _ := strings.Cut(top, "| waits for | which is |")
	waiting, _, _ = strings.Cut(waiting, "\n\n")
	for _, m := range dutyCount.FindAllStringSubmatch(top, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		counts[m[1]] = n
		if strings.Contains(waiting, "\n| "+m[1]+" |") {
			sources = append(sources, m[1])
		}
	}
	return counts, sources
}

// sections are what links can lead to in a Markdown file.
func sections(body string) (names []string) {
	for line := range strings.Lines(body) {
		if title := strings.TrimLeft(line, "#"); title != line {
			plain := unlinked.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			names = append(names, strings.ReplaceAll(plain, " ", "-"))
		}
	}
	return names
}

// look says what a name in a row is: a test, a step, or something else, and what
// is wrong with it.
func (f facts) look(name string) (isTest, isStep bool, problem string) {
	there := func(name string) string {
		if _, err := os.Stat(name); err != nil {
			return "there is no " + name
		}
		return ""
	}
	if m := dutyTest.FindStringSubmatch(name); m != nil {
		pkg, test, part := m[1], m[2], m[3]
		if pkg == "" && test == "TestScenarios" {
			pkg = "incident"
		}
		if there(pkg) != "" {
			return true, false, "there is no package " + pkg
		}
		if !slices.Contains(f.tests[pkg], test) {
			return true, false, fmt.Sprintf("the package %s has no %s", pkg, test)
		}
		switch {
		case part == "":
			return true, false, ""
		case test == "TestScenarios" && pkg == "incident":
			return true, false, there("testdata/scenarios/" + part + ".txtar")
		case test == "TestScripts":
			return true, false, there(pkg + "/testdata/" + part + ".txtar")
		default:
			return true, false, fmt.Sprintf("nobody can tell whether %s: %s has a part %s", pkg, test, part)
		}
	}
	if command, ok := strings.CutPrefix(name, "tocsin "); ok {
		command, _, _ = strings.Cut(command, " ")
		if there("cmd/tocsin/"+command+".go") != "" {
			problem = "there is no command tocsin " + command
		}
		return false, false, problem
	}
	if slices.Contains(f.steps, name) {
		return false, true, ""
	}
	if slashed.MatchString(name) && there(name) != "" {
		problem = name + " is neither a step nor a path"
	}
	return false, false, problem
}

// factsOf gathers what there is: the tests are read from the sources of the
// packages that the page names.
func factsOf(t *testing.T, doc string) facts {
	t.Helper()
	f := facts{tests: map[string][]string{"incident": testsIn(t, "incident")}}
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte("packs: [runbooks]")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range config.Checklists {
		for _, step := range list.Steps {
			f.steps = append(f.steps, list.ID+"/"+step.ID)
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(doc, -1) {
		name := dutyTest.FindStringSubmatch(m[1])
		if name == nil || name[1] == "" || f.tests[name[1]] != nil {
			continue
		}
		if _, err := os.Stat(name[1]); err == nil { // else its row is refused
			f.tests[name[1]] = testsIn(t, name[1])
		}
	}
	return f
}

// listed takes the tests that go test -list gives in the place of those that were
// read from the sources, and says where they differ.
func (f facts) listed(t *testing.T) {
	t.Helper()
	for pkg, read := range f.tests {
		out, err := exec.CommandContext(t.Context(), "go", "test", "-list", "^Test", "./"+pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go test -list in %s: %v\n%s", pkg, err, out)
		}
		var names []string
		for line := range strings.Lines(string(out)) {
			if name := strings.TrimSpace(line); strings.HasPrefix(name, "Test") && name != "TestMain" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		want := slices.DeleteFunc(slices.Sorted(slices.Values(read)), func(name string) bool { return name == "TestMain" })
		if !slices.Equal(names, want) {
			t.Errorf("%s: go test -list gives other tests than its sources have:\n%q\n%q", pkg, names, want)
		}
		f.tests[pkg] = names
	}
}

// testsIn names the tests of a package, as go test would run them: of files that
// are built here, functions that take a *testing.T alone.
func testsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(pkg.TestGoFiles, pkg.XTestGoFiles) {
		file, err := parser.ParseFile(token.NewFileSet(), path.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Type.Params.NumFields() != 1 {
				continue
			}
			if star, ok := f.Type.Params.List[0].Type.(*ast.StarExpr); ok && types.ExprString(star.X) == "testing.T" {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}
