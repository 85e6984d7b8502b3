package incident_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// traps are the ways in which telemetry misleads, duties those of the two
// runbooks that ask to notice something. Each has a scenario of its name, or a
// row in the README that says where it is shown, or what it waits for.
var (
	traps  = 22 // T1 … T22
	duties = strings.Fields(`
		A05 A06 A07 A09 A10 A11 A13 A14 A15 A17 A20 A21 A22 A23 A24 A25 A28 A29 A30 A36 A41 A42 A46 A47 A48 A50 A53
		B03 B04 B05 B10 B12`)
)

func TestEveryTrapAndDutyIsShownOrWaits(t *testing.T) {
	files := scenarioFiles(t)
	table := readTable(t)
	check := func(id, prefix string) {
		own := slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, prefix+"-") })
		where, listed := table[id]
		delete(table, id)
		switch {
		case own && listed:
			t.Errorf("%s has a scenario, and a row in the README as well: take one away", id)
		case !own && !listed:
			t.Errorf("%s has neither a scenario %s-….txtar nor a row in the README", id, prefix)
		case listed:
			shown(t, id, where)
		}
	}
	for i := range traps {
		check(fmt.Sprintf("T%d", i+1), fmt.Sprintf("T%02d", i+1))
	}
	for _, id := range duties {
		check(id, id)
	}
	for id := range table {
		t.Errorf("the README has a row for %s, which nobody knows", id)
	}
}

// A trap is only shown beside what it does to somebody else. What people do has
// no such side: an alert knows of nobody.
func TestEveryTrapIsSetForANaiveAlertAsWell(t *testing.T) {
	named := regexp.MustCompile(`^[TAB]\d\d-`)
	for _, name := range scenarioFiles(t) {
		s := readScenario(t, name)
		has := func(prefix string) bool {
			return slices.ContainsFunc(s.ar.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, prefix) })
		}
		naive := has("naive")
		if named.MatchString(name) && !has("people") && (!naive || !strings.Contains(string(s.ar.Comment), "\n# Naive: ")) {
			t.Errorf("%s has no naive section, or does not say what is wrong with it", name)
		}
	}
}

var rowPattern = regexp.MustCompile(`(?m)^\| ([TAB]\d+) \| .* \| (.*) \|$`)

// readTable gives the README's rows: where each id is shown.
func readTable(t *testing.T) map[string]string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(scenarios, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for _, m := range rowPattern.FindAllStringSubmatch(string(body), -1) {
		table[m[1]] = m[2]
	}
	return table
}

var (
	namePattern = regexp.MustCompile("`([^` ]+\\.(?:txtar|go))`")
	waitPattern = regexp.MustCompile(`\bwaits? for (?:a |an )?(?:metrics|logs|evidence|uptime|probe|second reader)`)
)

// shown checks that what a row names exists, or that it says what it waits for.
func shown(t *testing.T, id, where string) {
	t.Helper()
	names := namePattern.FindAllStringSubmatch(where, -1)
	if len(names) == 0 && !waitPattern.MatchString(where) {
		t.Errorf("the row of %s names no file and nothing that it waits for: %s", id, where)
	}
	for _, m := range names {
		path := filepath.Join("..", m[1])
		if strings.HasSuffix(m[1], ".txtar") {
			path = filepath.Join(scenarios, m[1])
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the row of %s names %s: %v", id, m[1], err)
		}
	}
}
