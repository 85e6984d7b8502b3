// Package tocsin holds no code: it is where the tests about the repository
// itself stand.
package tocsin

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/featuresignals/tocsin/"

// mayImport says which rooms each room may name besides its own. What is
// missing here (rules, templates) may name none.
var mayImport = map[string]string{
	"telemetry": "rules",
	"evaluator": "rules telemetry",
	"incident":  "rules telemetry evaluator",
	"publisher": "rules incident templates",
	"store":     "rules telemetry evaluator incident publisher",
	"cmd":       "rules telemetry evaluator incident publisher store templates",
}

// goFiles calls f for every Go file that is not a test.
func goFiles(t *testing.T, f func(name string)) {
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			f(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsPointInwards(t *testing.T) {
	goFiles(t, func(name string) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		room, _, _ := strings.Cut(name, "/")
		for _, imp := range file.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			ours, ok := strings.CutPrefix(p, module)
			if !ok {
				continue
			}
			other, _, folder := strings.Cut(ours, "/") // telemetry/signoz, publisher/page: named by cmd and their own room
			if other != room && (folder && room != "cmd" || !slices.Contains(strings.Fields(mayImport[room]), other)) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
	})
}

// What is pure does no I/O, waits for nothing and never asks for the time.
func TestDecidingNeverAsksForTheTime(t *testing.T) {
	doing := []string{"evaluator/loop.go", "incident/desk.go"}
	asks := regexp.MustCompile(`\btime\.(Now|Sleep|After|NewTimer|NewTicker|Since|Until)\(`)
	goFiles(t, func(name string) {
		room := path.Dir(name)
		if room != "rules" && room != "evaluator" && room != "incident" && room != "telemetry" || slices.Contains(doing, name) {
			return
		}
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if m := asks.Find(body); m != nil {
			t.Errorf("%s calls %s", name, m)
		}
	})
}

func TestEveryPackageOpensWithOneParagraph(t *testing.T) {
	docs := map[string]int{}
	goFiles(t, func(name string) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		docs[path.Dir(name)] += 0
		if file.Doc != nil {
			docs[path.Dir(name)]++
		}
	})
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

// The engine is for demo, tests and benchmarks: nothing that loads it, and
// nothing that only tests need, is linked into the program people run. Go writes
// the modules of the packages that it links into a binary: these are they.
func TestTheReleaseHasNoTestModules(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/tocsin")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is built
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "github.com/ClickHouse/clickhouse-go/v2") {
		t.Fatalf("this does not look like the program's modules:\n%s", out)
	}
	for _, bad := range []string{
		"ebitengine/purego", "rogpeppe/go-internal", "google/go-cmp", "mmcdole/gofeed", "standard-webhooks", "chromedp", "yuin/goldmark",
		"honnef.co/go/tools", "mvdan.cc/gofumpt", "emersion/go-smtp", "emersion/go-sasl", "emersion/go-message",
	} {
		if strings.Contains(string(out), bad) {
			t.Errorf("the release links %s", bad)
		}
	}
}
