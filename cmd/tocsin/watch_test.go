package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// write replaces a file's contents in place.
func write(t *testing.T, name, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

// settled asks until the watch has seen the same files twice, as follow does
// every second.
func settled(w *watch) bool {
	first := w.changed()
	return w.changed() || first
}

func TestAChangedFileIsHandedOnOnceNobodyIsAtWorkOnIt(t *testing.T) {
	main := filepath.Join(t.TempDir(), "tocsin.yaml")
	write(t, main, "organisation: Acme\n")
	w := newWatch(main)
	if settled(w) {
		t.Error("nothing changed, and it says so")
	}
	write(t, main, "")
	if w.changed() {
		t.Error("a file that has just been emptied is handed on")
	}
	write(t, main, "organisation: Acme Inc\n")
	if w.changed() {
		t.Error("a file that is still being written is handed on")
	}
	if !w.changed() {
		t.Error("a file that was written is not handed on")
	}
	if settled(w) {
		t.Error("a change is handed on twice")
	}
	if err := os.Chtimes(main, time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if settled(w) {
		t.Error("a file with another time and the same contents is handed on")
	}
	if err := os.Remove(main); err != nil {
		t.Fatal(err)
	}
	if !settled(w) {
		t.Error("a file that is gone is not handed on")
	}
}

// The time of a file is too coarse to tell two writes that follow each other.
func TestWatchLooksAtTheContentsTwice(t *testing.T) {
	main := filepath.Join(t.TempDir(), "tocsin.yaml")
	then := time.Now().Add(-time.Hour)
	put := func(body string) {
		t.Helper()
		write(t, main, body)
		if err := os.Chtimes(main, then, then); err != nil {
			t.Fatal(err)
		}
	}
	put("organisation: Acme")
	w := newWatch(main)
	put("organisation: Acme 1")
	w.changed()
	put("organisation: Acme 2")
	if w.changed() {
		t.Error("other contents of the same size and time are handed on at the first look")
	}
	if !w.changed() || string(w.read.files[0].Body) != "organisation: Acme 2" {
		t.Errorf("handed on is %q", w.read.files)
	}
	w.ask()
	if w.changed() || !w.changed() || w.changed() {
		t.Error("what is asked for is not handed on once, after two looks")
	}
}

func TestWhatIncludeMatchesIsWatched(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "tocsin.yaml")
	write(t, main, "include: [rules/*.yaml]\n")
	write(t, dir+"/rules/one.yaml", "rules: []\n")
	w := newWatch(main)
	for _, step := range []struct {
		what string
		do   func() error
		want bool
	}{
		{"a file that include matches is written", func() error { write(t, dir+"/rules/one.yaml", "rules: [1]\n"); return nil }, true},
		{"a new one comes", func() error { write(t, dir+"/rules/two.yaml", "rules: []\n"); return nil }, true},
		{"it is written", func() error { write(t, dir+"/rules/two.yaml", "rules: [2]\n"); return nil }, true},
		{"it is removed", func() error { return os.Remove(dir + "/rules/two.yaml") }, true},
		{"a file beside them is written", func() error { write(t, dir+"/rules/notes.txt", "hello"); return nil }, false},
		{"include names another folder, in a file with mistakes", func() error {
			write(t, main, "include: rules/more/*.yaml\nrulez: 7\n")
			return nil
		}, true},
		{"a file comes there", func() error { write(t, dir+"/rules/more/three.yaml", "rules: []\n"); return nil }, true},
		{"a file where it looked before is written", func() error { write(t, dir+"/rules/one.yaml", "rules: [3]\n"); return nil }, false},
		{"the main file is no YAML", func() error { write(t, main, "include: ["); return nil }, true},
		{"what it included is written", func() error { write(t, dir+"/rules/more/three.yaml", "rules: [1]\n"); return nil }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := settled(w); got != step.want {
			t.Errorf("%s: changed is %v, want %v", step.what, got, step.want)
		}
	}
}

// Kubernetes mounts a ConfigMap as links through ..data, and swaps that one.
func TestASwapOfLinksIsAChange(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/..2026_1/tocsin.yaml", "organisation: Acme\n")
	write(t, dir+"/..2026_2/tocsin.yaml", "organisation: Acne\n")
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	link("..2026_1", dir+"/..data")
	link("..data/tocsin.yaml", dir+"/tocsin.yaml")
	w := newWatch(dir + "/tocsin.yaml")
	link("..2026_2", dir+"/..data_tmp")
	if err := os.Rename(dir+"/..data_tmp", dir+"/..data"); err != nil {
		t.Fatal(err)
	}
	if !settled(w) {
		t.Error("the swap is not seen")
	}
}

// A configuration that comes through a pipe can be read once, and that is the
// start's to do.
func TestAPipeIsLeftAlone(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "tocsin.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if settled(newWatch(pipe)) {
		t.Error("a pipe has changed")
	}
}

func TestWhatThePageLooksLikeIsWatched(t *testing.T) {
	dir := t.TempDir()
	main, logo, css := filepath.Join(dir, "tocsin.yaml"), filepath.Join(dir, "logo.svg"), filepath.Join(dir, "own.css")
	write(t, logo, "<svg/>")
	write(t, main, "page: {logo: "+logo+", css: "+css+"}\n")
	w := newWatch(main)
	write(t, logo, "<svg></svg>")
	if !settled(w) {
		t.Error("a new logo is not taken up")
	}
	write(t, css, "a {}")
	if !settled(w) {
		t.Error("a style sheet that appears is not taken up")
	}
	write(t, main, "page: {logo: "+logo+"}\n")
	if !settled(w) {
		t.Error("a change of the file itself is not taken up")
	}
	write(t, css, "b {}")
	if settled(w) {
		t.Error("a style sheet that is not named any more is still watched")
	}
}
