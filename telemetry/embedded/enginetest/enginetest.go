// Package enginetest gives tests the real ClickHouse engine: one for the whole
// test process, since libchdb holds no more, on a folder of its own. Tests that
// share it keep apart by the names of their databases.
package enginetest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/featuresignals/tocsin/telemetry/embedded"
)

// RequiredEnv names the environment variable that, set to 1, turns a missing
// engine from a reason to skip into a failure.
const RequiredEnv = "TOCSIN_ENGINE_REQUIRED"

// ForTest returns the process's engine, and starts it at the first call. Where
// the library is not installed the test is skipped with the command that brings
// it, or fails if TOCSIN_ENGINE_REQUIRED is 1.
//
// Nobody closes the engine: it ends with the process. Its folder is removed by
// the next process that calls ForTest.
func ForTest(t testing.TB) *embedded.Engine {
	t.Helper()
	e, err := open()
	if errors.Is(err, embedded.ErrNoLibrary) && os.Getenv(RequiredEnv) != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Serve is ForTest behind an HTTP port of the test's own, closed when the test
// ends. Its URL is a DSN for clickhouse-go.
func Serve(t testing.TB, options ...embedded.Option) (*embedded.Engine, *embedded.Server) {
	t.Helper()
	e := ForTest(t)
	s, err := e.Serve(t.Context(), "127.0.0.1:0", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return e, s
}

var open = sync.OnceValues(func() (*embedded.Engine, error) {
	if _, err := embedded.Library(); err != nil {
		return nil, err
	}
	sweep()
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	return embedded.Open(dir)
})

// A lock file beside each folder is held, by flock, as long as its process
// lives, however that ends: a folder whose lock is free is nobody's.
const pattern, lockSuffix = "tocsin-engine-*", ".lock"

var held []*os.File // kept open: closing the file gives the lock up

// folder makes a folder of this process's own.
func folder() (string, error) {
	for {
		f, err := os.CreateTemp("", pattern+lockSuffix)
		if err != nil {
			return "", err
		}
		if !lock(f) { // a sweep took it for a dead process's: take another name
			f.Close()
			continue
		}
		held = append(held, f)
		dir := strings.TrimSuffix(f.Name(), lockSuffix)
		return dir, os.Mkdir(dir, 0o700)
	}
}

// sweep removes the folders of processes that have ended.
func sweep() {
	names, err := filepath.Glob(filepath.Join(os.TempDir(), pattern+lockSuffix))
	if err != nil {
		return
	}
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if lock(f) {
			_ = os.RemoveAll(strings.TrimSuffix(name, lockSuffix))
			_ = os.Remove(name)
		}
		f.Close()
	}
}

func lock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
