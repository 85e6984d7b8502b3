package enginetest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/featuresignals/tocsin/telemetry/embedded"
)

// Kept opens an engine of its own on a data set that takes minutes to make: it
// is made once, by fill, and kept in dir for the next run, until version is
// another one. Without the engine the caller is skipped, with the reason.
func Kept(b testing.TB, dir, version string, fill func(*embedded.Engine) error) *embedded.Engine {
	b.Helper()
	if _, err := embedded.Library(); errors.Is(err, embedded.ErrNoLibrary) && os.Getenv(RequiredEnv) != "1" {
		b.Skip(err)
	}
	marker := filepath.Join(dir, "version")
	made, err := os.ReadFile(marker)
	whole := err == nil && string(made) == version
	if !whole {
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
	e, err := embedded.Open(filepath.Join(dir, "engine"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	if whole {
		return e
	}
	if err := fill(e); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(marker, []byte(version), 0o600); err != nil {
		b.Fatal(err)
	}
	return e
}
