package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output of the scripts")

// The commands, as people type them.
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	// The test binary is the program when childEnv is set: the scripts run it
	// by the program's name.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, bin+"/tocsin"); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, Cmds: map[string]func(*testscript.TestScript, bool, []string){"service": serviceCmd},
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			e.Setenv(childEnv, "1")
			name, value, _ := strings.Cut(quick, "=")
			e.Setenv(name, value)
			return nil
		},
	})
}
