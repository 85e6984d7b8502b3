package rules

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// folder writes files, each "name\nbody", and gives the path of tocsin.yaml.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "tocsin.yaml")
}

func TestIncludedFilesAreReadByNameAndOnce(t *testing.T) {
	path := folder(t, map[string]string{
		"tocsin.yaml":       `include: ["*.yaml", "rules/b.yaml", "rules/*.yaml"]`,
		"more.yaml":         "components: [{id: one}]",
		"rules/c.yaml":      "components: [{id: four}]",
		"rules/a.yaml":      "components: [{id: three}]",
		"rules/b.yaml":      "components: [{id: two}]",
		"rules/notes.txt":   "«not YAML",
		"rules/sub/d.yaml":  "components: [{id: deep}]",
		"elsewhere/x.yaml":  "«not YAML",
		"rules/.#lock.yml~": "",
	})
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range c.Components {
		got = append(got, c.ID)
	}
	if s := strings.Join(got, " "); s != "one two three four service" {
		t.Errorf("components %s", s)
	}
	if got, want := c.Components[1].Pos.File, filepath.Join(filepath.Dir(path), "rules", "b.yaml"); got != want {
		t.Errorf("a mistake would be shown in %s, want %s", got, want)
	}
}

func TestMistakesOfIncluding(t *testing.T) {
	path := folder(t, map[string]string{
		"tocsin.yaml":     "organisation: [x]\ninclude: [\"nothing/*.yaml\", \"rules/*\", \"../*.yaml\"]",
		"rules/a.yaml":    "rulez: []",
		"rules/dir/x":     "",
		"rules/zero.yaml": "include: [x]",
	})
	outside := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(outside, []byte("hunter2: x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(filepath.Dir(path), "rules", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	var got []string
	for _, e := range Mistakes(err) {
		got = append(got, strings.ReplaceAll(e.Error(), filepath.Dir(path)+string(filepath.Separator), ""))
	}
	for i, want := range []string{
		"tocsin.yaml:1:15: organisation: want text",
		"tocsin.yaml:2:11: include: no file matches nothing/*.yaml",
		"tocsin.yaml:2:29: include: read rules/dir: it is not a file",
		"tocsin.yaml:2:29: include: read rules/link.yaml: it is a link that leads out of the folder of the service's file",
		"tocsin.yaml:2:40: include: want a pattern within the folder",
		"rules/a.yaml:1:1: unknown key in the file: \"rulez\": did you mean \"rules\"?",
		"rules/zero.yaml:1:1: \"include\" belongs into the service's own file: move it to tocsin.yaml",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("mistake %d is not %q:\n%s", i, want, strings.Join(got, "\n"))
		}
	}
	if len(got) != 7 || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("want 7 mistakes:\n%v", err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "tocsin.yaml")
	if _, err := Load(missing); !errors.Is(err, fs.ErrNotExist) || len(Mistakes(err)) != 0 {
		t.Errorf("a missing file gave %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder was read as a file")
	}
	big := folder(t, map[string]string{"tocsin.yaml": "# " + strings.Repeat("x", 2*maxBytes)})
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "split it") {
		t.Errorf("a file of 512 kB gave %v", err)
	}
	broken := folder(t, map[string]string{"tocsin.yaml": "include: [x.yaml]\nstore: {", "x.yaml": "zzz: 1"})
	if _, err := Load(broken); len(Mistakes(err)) != 1 {
		t.Errorf("a broken main file gave %v", err)
	}
}

func TestAFolderThatIsALinkOutsideIsNotRead(t *testing.T) {
	path := folder(t, map[string]string{"tocsin.yaml": `include: ["away/*.yaml"]`})
	if err := os.Symlink(t.TempDir(), filepath.Join(filepath.Dir(path), "away")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "away: it is a link that leads out of the folder") {
		t.Errorf("got %v", err)
	}
}

// Opening a pipe waits for its writer, who may never come.
func TestAPipeIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "a pipe, a socket or a device") {
		t.Errorf("got %v", err)
	}
}
