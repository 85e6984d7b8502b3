package enginetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
)

// childEnv marks a process that runs a test of somebody's in a place without
// the library.
const childEnv = "TOCSIN_TEST_CHILD"

func TestOfSomebodys(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		enginetest.ForTest(t)
	}
}

func TestWithoutTheLibrary(t *testing.T) {
	for name, c := range map[string]struct {
		required string
		want     string
		fails    bool
	}{
		"a test is skipped":           {"", "--- SKIP", false},
		"a test fails if it must run": {"1", "--- FAIL", true},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOfSomebodys$", "-test.v")
			cmd.Env = append(os.Environ(), childEnv+"=1", enginetest.RequiredEnv+"="+c.required, embedded.LibraryEnv+"="+filepath.Join(t.TempDir(), "libchdb.so"))
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails || !strings.Contains(string(out), c.want) || !strings.Contains(string(out), "run 'make engine'") {
				t.Errorf("%v:\n%s\nwant %s with the command that brings the library", err, out, c.want)
			}
		})
	}
}

func TestAProcessHasOneEngine(t *testing.T) {
	first, second := enginetest.ForTest(t), enginetest.ForTest(t)
	if first != second {
		t.Error("two calls, two engines")
	}
}
