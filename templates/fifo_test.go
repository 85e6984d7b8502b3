//go:build unix

package templates

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// To open a pipe waits until somebody writes into it.
func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "update.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	refused := make(chan error, 1)
	go func() {
		_, err := Load(root.FS())
		refused <- err
	}()
	select {
	case err := <-refused:
		if err == nil || !strings.Contains(err.Error(), "update.txt") {
			t.Errorf("got %v, want that update.txt is no file", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits")
	}
}
