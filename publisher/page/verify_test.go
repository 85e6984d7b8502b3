package page

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAPublishedPageIsVerified(t *testing.T) {
	s := serve(t, p1())
	web := httptest.NewServer(s.h)
	defer web.Close()
	copied := filepath.Join(t.TempDir(), "copied") // as to a bucket
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(s.c.folder, currentLink))); err != nil {
		t.Fatal(err)
	}
	below := httptest.NewServer(http.StripPrefix("/deep/below", http.FileServer(http.Dir(copied))))
	defer below.Close()
	places := []string{s.c.folder, filepath.Join(s.c.folder, currentLink), copied, web.URL, web.URL + "/", below.URL + "/deep/below/"}
	verified := func(where string, now time.Time) string {
		t.Helper()
		v, err := Verify(t.Context(), where, now)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if len(v.Manifest.Files) < 50 {
			t.Errorf("%s: the manifest lists %d files", where, len(v.Manifest.Files))
		}
		return strings.Join(v.Wrong, "\n")
	}
	for _, where := range places {
		if wrong := verified(where, p1().ValidUntil); wrong != "" {
			t.Errorf("%s: %s", where, wrong)
		}
		wrong := verified(where, p1().ValidUntil.Add(90*time.Second))
		if wrong != "it was valid until 2026-05-20T10:47:00Z, and has had no fresh data for 1m30s" {
			t.Errorf("%s, past its time: %s", where, wrong)
		}
	}
	for name, do := range map[string]func() error{
		"api/v2/status.json: it is not there":            func() error { return os.Remove(filepath.Join(copied, "api/v2/status.json")) },
		"index.html: it has 1 bytes, the manifest says ": func() error { return os.WriteFile(filepath.Join(copied, "index.html"), []byte("x"), 0o644) },
		"robots.txt: its content is another than the manifest says": func() error {
			b, err := os.ReadFile(filepath.Join(copied, "robots.txt"))
			if err != nil {
				return err
			}
			b[0]++
			return os.WriteFile(filepath.Join(copied, "robots.txt"), b, 0o644)
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{copied, below.URL + "/deep/below"} {
			if wrong := verified(where, p1().Rendered); !strings.Contains(wrong, name) {
				t.Errorf("%s: want %q, found\n%s", where, name, wrong)
			}
		}
	}
	// A copy that nothing is ever deleted from keeps the badge of what is gone, as it was.
	left := filepath.Join(copied, "components/gone/badge.svg")
	if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o755), os.WriteFile(left, []byte("operational"), 0o644), os.WriteFile(filepath.Join(copied, ".nojekyll"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if wrong := verified(copied, p1().Rendered); !strings.Contains(wrong, "components/gone/badge.svg: the manifest does not list it") || strings.Contains(wrong, ".nojekyll") {
		t.Errorf("of a file that the manifest does not list: %s", wrong)
	}
	for where, want := range map[string]string{
		filepath.Join(copied, "nowhere"): "no such file",
		"status.example.com":             "name a folder, or an address that begins with https://",
		t.TempDir():                      "is this where a page is published?",
		web.URL + "/nowhere":             "is this where a page is published?",
		"http://127.0.0.1:1":             "is this where a page is published?",
	} {
		if _, err := Verify(t.Context(), where, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", where, err, want)
		}
	}
	spoilt := t.TempDir()
	for content, want := range map[string]string{
		"{": "manifest.json: unexpected end", `{"version":"1","files":{}}`: "its version is not that of the files it lists",
		`{"files":{"../../etc/passwd":{}}}`: `"../../etc/passwd" cannot be the name of a file of the page`,
	} {
		if err := os.WriteFile(filepath.Join(spoilt, fileManifest), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), spoilt, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
}
