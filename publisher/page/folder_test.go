package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// pub publishes p, which has to work.
func pub(t testing.TB, c *Channel, p templates.Public) (receipt string) {
	t.Helper()
	receipt, err := c.Publish(context.Background(), publisher.Delivery{Public: p})
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// minutesOn is p so many minutes on: only its times moved.
func minutesOn(p templates.Public, minutes int) templates.Public {
	d := time.Duration(minutes) * time.Minute
	p.Rendered, p.Checked, p.ValidUntil = p.Rendered.Add(d), p.Checked.Add(d), p.ValidUntil.Add(d)
	return p
}

// tree reads all files below dir. Links are told by where they lead.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if d.Type() == fs.ModeSymlink {
			all[name], err = os.Readlink(filepath.Join(dir, name))
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// visible reads all files of the version that is current.
func visible(t testing.TB, folder string) map[string]string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(folder, currentLink))
	if err != nil {
		t.Fatal(err)
	}
	return tree(t, dir)
}

// checkVisible holds the current version against what p gives, and against its
// manifest.
func checkVisible(t *testing.T, folder string, p templates.Public) {
	t.Helper()
	got := visible(t, folder)
	for name, want := range render(t, p) {
		if got[name] != string(want) {
			t.Errorf("%s is not as it should be", name)
		}
	}
	m, err := readManifest([]byte(got[fileManifest]))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != len(got)-1 {
		t.Errorf("the manifest lists %d files, and there are %d besides it", len(m.Files), len(got)-1)
	}
	for name, e := range m.Files {
		if b := []byte(got[name]); e.SHA256 != sum(b) || e.Size != len(b) || e.Type != contentType(name) {
			t.Errorf("the manifest says of %s %+v", name, e)
		}
	}
	if !m.ValidUntil.Equal(p.ValidUntil) || !m.CheckedAt.Equal(p.Checked) || !m.GeneratedAt.Equal(p.Rendered) {
		t.Errorf("the manifest's times are %+v", m)
	}
}

// put publishes the page number n of killed_test.go, which is cheap to make.
func put(t testing.TB, path string, n int) {
	t.Helper()
	files, m := numbered(n)
	if _, err := (folder{path: path}).publish(context.Background(), files, m); err != nil {
		t.Fatal(err)
	}
}

// checkNumbered holds the current version against the page number n.
func checkNumbered(t *testing.T, path string, n int) {
	t.Helper()
	got := visible(t, path)
	want, _ := numbered(n)
	for name, b := range want {
		if got[name] != string(b) {
			t.Errorf("%s is not as it should be", name)
		}
	}
	v, err := Verify(t.Context(), path, epoch)
	if err != nil || len(v.Wrong) > 0 || len(v.Manifest.Files) != len(got)-1 {
		t.Errorf("%v, %q, of %d files", err, v.Wrong, len(got))
	}
}

// versionsIn lists the names in the folder of versions.
func versionsIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(folder, versionsName))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func inode(t *testing.T, name string) uint64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestPublishWritesOnlyWhatDiffers(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a parent that is missing", "page")
	c := New("status", folder, load(t))
	first := pub(t, c, p1())
	checkVisible(t, folder, p1())
	names := slices.Sorted(maps.Keys(visible(t, folder)))
	want := []string{
		"_headers", "404.html", "history/2026-02.html", "history/2026-03.html", "history/2026-04.html", "history/2026-05.html", "history/index.html",
		"incidents/INC-2026-0007.html", "incidents/INC-2026-0008.html", "incidents/INC-2026-0009.html", "index.html", "maintenance/index.html", "manifest.json",
		"subscribe/index.html", "uptime/index.html",
	}
	want = append(want, atTop...)
	want = append(want, scoped...)
	for _, folder := range []string{"components/api", "components/evaluations", "components/dashboard", "components/webhooks", "regions/us", "regions/eu", "regions/in"} {
		for _, name := range append([]string{fileIndex}, scoped...) {
			want = append(want, filepath.Join(folder, name))
		}
	}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the folder holds %v, want %v", names, want)
	}

	before := tree(t, folder)
	if again := pub(t, c, p1()); again != first {
		t.Errorf("the receipt moved from %s to %s", first, again)
	}
	if got := tree(t, folder); !maps.Equal(got, before) {
		t.Errorf("the same again changed the folder to %v", slices.Sorted(maps.Keys(got)))
	}

	old, _ := filepath.EvalSymlinks(filepath.Join(folder, currentLink))
	if r := pub(t, c, minutesOn(p1(), 1)); r == first {
		t.Error("other content has the same receipt")
	}
	checkVisible(t, folder, minutesOn(p1(), 1))
	var written []string
	for _, name := range names {
		if inode(t, filepath.Join(old, name)) != inode(t, filepath.Join(folder, currentLink, name)) {
			written = append(written, name)
		}
	}
	still := []string{"404.html", "history/2026-02.html", "history/2026-03.html", "history/2026-04.html", "incidents/INC-2026-0007.html", "subscribe/index.html"}
	for _, name := range names {
		moves := strings.HasSuffix(name, ".html") && !slices.Contains(still, name) || name == fileFacts || name == fileManifest
		if moves != slices.Contains(written, name) {
			t.Errorf("a minute later %s was written: %v, want %v: what programs poll and what is over stays as it is", name, !moves, moves)
		}
	}
}

func TestEqualStateGivesEqualTrees(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	one, another := New("status", a, load(t)), New("another", b, load(t))
	for _, p := range []templates.Public{p1(), minutesOn(p1(), 1), fine()} {
		first, second := pub(t, one, p), pub(t, another, p)
		if first != second {
			t.Errorf("the receipts are %s and %s", first, second)
		}
		if one, other := tree(t, a), tree(t, b); !maps.Equal(one, other) {
			t.Errorf("the folders differ: %v and %v", slices.Sorted(maps.Keys(one)), slices.Sorted(maps.Keys(other)))
		}
	}
}

func TestPublishMendsTheFolder(t *testing.T) {
	folder := t.TempDir()
	put(t, folder, 0)
	current := func(name ...string) string {
		return filepath.Join(append([]string{folder, currentLink}, name...)...)
	}
	minutes := 0
	for name, do := range map[string]func() error{
		"nothing happened":          func() error { return nil },
		"a file was spoilt":         func() error { return os.WriteFile(current("index.html"), []byte("x"), 0o644) },
		"a file that stays, too":    func() error { return os.WriteFile(current("incidents/INC-2026-0000.html"), []byte("x"), 0o644) },
		"the manifest was spoilt":   func() error { return os.WriteFile(current("manifest.json"), []byte("{}"), 0o644) },
		"a file was deleted":        func() error { return os.Remove(current("api/v2/summary.json")) },
		"a folder was deleted":      func() error { return os.RemoveAll(current("components")) },
		"the link was deleted":      func() error { return os.Remove(current()) },
		"the versions were deleted": func() error { return os.RemoveAll(filepath.Join(folder, versionsName)) },
		"all was deleted":           func() error { return os.RemoveAll(folder) },
		"a crash left half a version": func() error {
			return errors.Join(os.MkdirAll(filepath.Join(folder, building, "incidents"), 0o755), os.WriteFile(filepath.Join(folder, building, "index.html"), []byte("<!doc"), 0o644))
		},
		"a crash left a version that was half removed": func() error { return os.MkdirAll(filepath.Join(folder, leaving+"1-0123456789abcdef", "x"), 0o755) },
		"a crash left a link":                          func() error { return os.Symlink("versions/77-0123456789abcdef", filepath.Join(folder, linkBeside)) },
		"somebody put a file among the versions":       func() error { return os.WriteFile(filepath.Join(folder, versionsName, "README"), nil, 0o644) },
	} {
		for _, moved := range []int{0, 1} {
			t.Run(fmt.Sprintf("after %s, %d minutes on", name, moved), func(t *testing.T) {
				if err := do(); err != nil {
					t.Fatal(err)
				}
				minutes += moved
				put(t, folder, minutes%8)
				checkNumbered(t, folder, minutes%8)
				left, _ := filepath.Glob(filepath.Join(folder, ".*"))
				for _, name := range versionsIn(t, folder) {
					if !versionDir.MatchString(name) && name != "README" {
						left = append(left, name)
					}
				}
				if !slices.Equal(left, []string{filepath.Join(folder, lockName)}) {
					t.Errorf("%v is left", left)
				}
			})
		}
	}
}

func TestWhatIsSpoiltInOneVersionIsMadeAnewInTheNext(t *testing.T) {
	folder := t.TempDir()
	c := New("status", folder, load(t))
	pub(t, c, p0())
	spoilt, _ := filepath.EvalSymlinks(filepath.Join(folder, currentLink, "api/v2/summary.json")) // it stays the same from minute to minute
	if err := os.WriteFile(spoilt, []byte("defaced"), 0o644); err != nil {
		t.Fatal(err)
	}
	pub(t, c, minutesOn(p0(), 1))
	checkVisible(t, folder, minutesOn(p0(), 1))
	if b, _ := os.ReadFile(spoilt); string(b) != "defaced" {
		t.Error("a version that was published before was written to")
	}
}

func TestPagesOfIncidentsAndMonthsStay(t *testing.T) {
	folder := t.TempDir()
	c := New("status", folder, load(t))
	pub(t, c, p0())
	was := visible(t, folder)["incidents/INC-2026-0007.html"]
	p := minutesOn(p0(), 1)
	p.Past = nil
	for n := range 2 {
		pub(t, c, minutesOn(p, n))
		if got := visible(t, folder)["incidents/INC-2026-0007.html"]; got != was || was == "" {
			t.Fatal("the page of an incident that is not listed any more is gone")
		}
		checkVisible(t, folder, minutesOn(p, n))
	}
	if err := os.WriteFile(filepath.Join(folder, currentLink, "incidents/INC-2026-0007.html"), []byte("defaced"), 0o644); err != nil {
		t.Fatal(err)
	}
	pub(t, c, minutesOn(p, 9))
	if got, there := visible(t, folder)["incidents/INC-2026-0007.html"]; there {
		t.Errorf("%q was published: nobody knows whose words these are", got)
	}

	for name, want := range map[string]bool{
		"incidents/INC-2026-0007.html": true, "history/2026-05.html": true,
		"history/index.html": false, "components/api/index.html": false, "regions/eu/history.atom": false, "index.html": false,
	} {
		if permanent(name) != want {
			t.Errorf("%s stays when nothing lists it: %v, want %v", name, !want, want)
		}
	}
}

func TestOldVersionsAreKeptForReadersAndThenGo(t *testing.T) {
	folder := t.TempDir()
	publish := func(minutes int) string {
		put(t, folder, minutes)
		name, err := os.Readlink(filepath.Join(folder, currentLink))
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Base(name)
	}
	age := func(name string, by time.Duration) {
		then := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(folder, versionsName, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for n := range 6 {
		names = append(names, publish(n))
	}
	if got := versionsIn(t, folder); len(got) != 6 {
		t.Fatalf("a moment after six publications there are %v", got)
	}
	// The second was current until 3 minutes ago, when the third came; the third
	// until a minute ago; the first until 4 minutes ago.
	for n, by := range []time.Duration{9, 4, 3, 1, 1, 1} {
		age(names[n], by*time.Minute)
	}
	publish(6)
	if got := versionsIn(t, folder); len(got) != 5 || slices.Contains(got, names[0]) || slices.Contains(got, names[1]) || !slices.Contains(got, names[2]) {
		t.Errorf("there are %v, want all but %v", got, names[:2])
	}
	for _, name := range versionsIn(t, folder) {
		age(name, time.Hour)
	}
	publish(6) // nothing changed, and what is old goes still
	if got := versionsIn(t, folder); len(got) != keptVersions {
		t.Errorf("an hour later there are %v, want %d", got, keptVersions)
	}
	for _, name := range versionsIn(t, folder) {
		age(name, -24*time.Hour) // by a clock that was wrong
	}
	publish(7)
	publish(8)
	if got := versionsIn(t, folder); len(got) > keptVersions+1 {
		t.Errorf("versions of tomorrow stay: %v", got)
	}
}

func TestWhatIsNotOursIsLeftAloneAndSaid(t *testing.T) {
	for _, folder := range []string{t.TempDir(), filepath.Join(t.TempDir(), "nothing yet")} {
		if err := Check(folder); err != nil {
			t.Errorf("looked at beforehand: %v", err)
		}
	}
	for name, c := range map[string]struct {
		make func(folder string) error
		want string
	}{
		"a real folder is called current": {func(f string) error { return os.MkdirAll(filepath.Join(f, "current"), 0o755) }, "current: this is none of our links, but a file or a folder of somebody else's: move it away, or name another folder"},
		"a file is called current":        {func(f string) error { return os.WriteFile(filepath.Join(f, "current"), nil, 0o644) }, "move it away, or name another folder"},
		"current leads elsewhere":         {func(f string) error { return os.Symlink("/srv/www", filepath.Join(f, "current")) }, "the link leads to /srv/www, which is none of our versions: remove the link, or name another folder"},
		"current leads out of versions":   {func(f string) error { return os.Symlink("versions/../../etc", filepath.Join(f, "current")) }, "none of our versions"},
		"versions leads elsewhere":        {func(f string) error { return os.Symlink(os.TempDir(), filepath.Join(f, "versions")) }, "it has to be a folder that nothing but Tocsin uses"},
		"versions is a file":              {func(f string) error { return os.WriteFile(filepath.Join(f, "versions"), nil, 0o644) }, "versions: "},
		"the folder is a file":            {func(f string) error { return errors.Join(os.Remove(f), os.WriteFile(f, nil, 0o644)) }, "has to be a folder, and so do those above it"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "page")
			if err := errors.Join(os.Mkdir(folder, 0o755), c.make(folder)); err != nil {
				t.Fatal(err)
			}
			_, err := New("status", folder, load(t)).Publish(t.Context(), publisher.Delivery{Public: p0()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if errors.Is(err, publisher.ErrPermanent) {
				t.Error("it would not be tried again when somebody has mended it")
			}
			if !strings.Contains(name, "current") {
				return
			}
			if before := Check(folder); before == nil || !strings.Contains(err.Error(), before.Error()) {
				t.Errorf("looked at beforehand: %v", before)
			}
		})
	}
}

func TestPublishStaysInItsFolder(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(folder, "versions")); err != nil {
		t.Fatal(err)
	}
	if _, err := New("status", folder, load(t)).Publish(t.Context(), publisher.Delivery{Public: p0()}); err == nil {
		t.Error("it followed a link out of its folder")
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("it wrote %v outside", left)
	}
	f := folderAt(t.TempDir())
	for _, name := range []string{"../x.html", "/etc/x.html", "incidents/../../x.html", ".hidden", "a/.hidden", "", "a\\b.html", "manifest.json"} {
		if _, err := f.publish(t.Context(), map[string][]byte{name: nil}, Manifest{Files: map[string]Entry{}}); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
}

func folderAt(path string) folder { return folder{path: path} }

// TestAnOldFolderIsTakenOver: releases before there were versions wrote into the
// folder itself.
func TestAnOldFolderIsTakenOver(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"index.html", "history/index.html", "history.atom", "summary.json", "tocsin.json", "incidents/INC-2020-0001.html", "favicon.ico", "incidents/note.txt"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755), os.WriteFile(filepath.Join(folder, name), []byte("old "+name), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	c := New("status", folder, load(t))
	for n := range 2 {
		pub(t, c, minutesOn(p0(), n))
		checkVisible(t, folder, minutesOn(p0(), n))
		if got := visible(t, folder)["incidents/INC-2020-0001.html"]; got != "old incidents/INC-2020-0001.html" {
			t.Errorf("the page of an old incident is %q", got)
		}
	}
	var left []string
	for name := range tree(t, folder) {
		if !strings.HasPrefix(name, versionsName) {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	if want := []string{".lock", "current", "favicon.ico", "incidents/note.txt"}; !slices.Equal(left, want) {
		t.Errorf("beside the versions there are %v, want %v: what Tocsin wrote is gone, and what it did not is not", left, want)
	}
}

// Somebody names the folder of a site that they have, such as /var/www/html: it
// is not Tocsin that wrote its first page.
func TestWhatOthersPutIntoTheFolderStays(t *testing.T) {
	folder := t.TempDir()
	theirs := []string{"history.atom", "history/index.html", "index.html", "summary.json"}
	for _, name := range theirs {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755), os.WriteFile(filepath.Join(folder, name), []byte("theirs"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	pub(t, New("status", folder, load(t)), minutesOn(p0(), 0))
	for _, name := range theirs {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != "theirs" {
			t.Errorf("%s holds %q, %v: it is not Tocsin's to remove", name, got, err)
		}
	}
}

func TestTwoWritersTakeTurns(t *testing.T) {
	folder := t.TempDir()
	done := make(chan error)
	for w := range 4 {
		go func() {
			for n := range 5 {
				files, m := numbered(w*10 + n)
				if _, err := folderAt(folder).publish(context.Background(), files, m); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got := visible(t, folder)
	m, err := readManifest([]byte(got[fileManifest]))
	if err != nil {
		t.Fatal(err)
	}
	checkNumbered(t, folder, int(m.GeneratedAt.Sub(epoch)/time.Second))

	f, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lock(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = New("status", folder, load(t)).Publish(ctx, publisher.Delivery{Public: p0()})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for another process that writes it") {
		t.Errorf("while another writes: %v", err)
	}
}

func TestADiskWithoutSecondNamesGetsCopies(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	// The new version is on another disk than the one before: nothing can be linked.
	v, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	const name = "badge.svg"
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	before := filepath.Join(versionsName, "1-0123456789abcdef")
	err = errors.Join(root.MkdirAll(before, 0o755), root.WriteFile(filepath.Join(before, name), []byte("old"), 0o644), root.Chtimes(filepath.Join(before, name), old, old))
	if err != nil {
		t.Fatal(err)
	}
	p := &publishing{root: root, base: "1-0123456789abcdef", files: map[string][]byte{name: []byte("old")}}
	e := Entry{SHA256: sum([]byte("old")), Size: 3, Type: contentType(name)}
	p.has.Files, p.m.Files = map[string]Entry{name: e}, map[string]Entry{name: e}
	linked, err := p.put(v, name)
	if err != nil || linked {
		t.Fatalf("linked %v, %v", linked, err)
	}
	info, err := v.Stat(name)
	if err != nil || !info.ModTime().Equal(old) {
		t.Errorf("the copy is of %v, %v: want it as old as what it is a copy of", info.ModTime(), err)
	}
	if got, err := v.ReadFile(name); err != nil || string(got) != "old" {
		t.Errorf("the copy holds %q, %v", got, err)
	}
}

// TestAFullDisk and the others that need a disk of their own run again in a name
// space of their own, where they may mount one.
func TestAFullDisk(t *testing.T) {
	if os.Getenv("TOCSIN_OWN_DISK") == "" {
		inOwnNamespace(t)
		return
	}
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=1536k"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Unmount(folder, 0) }()
	c := New("status", folder, load(t))
	put(t, folder, 0)
	// Versions pile up until there is no room: then the old ones go before their time.
	n := 0
	for ; n < 40; n++ {
		put(t, folder, n)
	}
	checkNumbered(t, folder, n-1)
	if all := versionsIn(t, folder); len(all) >= 38 {
		t.Fatalf("the disk was not full: %d versions", len(all))
	}
	// And where that is not enough, readers keep what they have.
	free := filepath.Join(folder, "something else")
	f, err := os.Create(free)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	before := visible(t, folder)
	_, err = c.Publish(t.Context(), publisher.Delivery{Public: p1()})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room on the disk of "+folder) || errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("on a full disk: %v", err)
	}
	if !maps.Equal(visible(t, folder), before) {
		t.Error("a full disk changed what readers see")
	}
	for _, name := range versionsIn(t, folder) {
		if !versionDir.MatchString(name) {
			t.Errorf("%s lies about", name)
		}
	}
	if err := os.Remove(free); err != nil {
		t.Fatal(err)
	}
	put(t, folder, 99)
	checkNumbered(t, folder, 99)

	if err := syscall.Mount("", folder, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, err = c.Publish(t.Context(), publisher.Delivery{Public: p0()})
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "must be writable for the user that Tocsin runs as") || errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("in a folder that cannot be written: %v", err)
	}
	checkNumbered(t, folder, 99)
}

// inOwnNamespace runs a test again where mounts are its own.
func inOwnNamespace(t *testing.T) {
	if err := exec.Command("unshare", "-rm", "true").Run(); err != nil {
		t.Skipf("this machine lets nobody mount a disk of his own (unshare -rm: %v), and a full one cannot be had otherwise", err)
	}
	cmd := exec.Command("unshare", "-rm", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TOCSIN_OWN_DISK=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, out)
	}
}
