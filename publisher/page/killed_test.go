package page

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

var (
	publications = flag.Int("publications", 60, "how often TestKilledWhilePublishing has the page published")
	killings     = flag.Int("killings", 14, "how often the one who publishes is killed")
)

// steps are the named points of a publication, in their order.
var steps = []string{"locked", "swept", "file begun", "file made", "files made", "synced", "compared", "named", "linked", "switched", "pruned"}

// TestMain is also the program that publishes until it is killed.
func TestMain(m *testing.M) {
	if folder := os.Getenv("TOCSIN_PUBLISH_INTO"); folder != "" {
		publishUntilKilled(folder, os.Getenv("TOCSIN_KILLED_AT"))
		return
	}
	os.Exit(m.Run())
}

// epoch is when the page number 0 is made; each is made a second after the last.
var epoch = time.Date(2026, 5, 20, 0, 0, 0, 0, time.UTC)

// numbered makes a page whose files all tell their number, some of them a new one
// with each page and some with every fifth, and that end with their own hash.
func numbered(n int) (map[string][]byte, Manifest) {
	files := map[string][]byte{}
	add := func(name string, n int) {
		r := rand.New(rand.NewPCG(uint64(n), uint64(len(name))))
		var b bytes.Buffer
		fmt.Fprintf(&b, "%d\n%s\n", n, strings.Repeat(strconv.Itoa(r.IntN(1e9)), 1+r.IntN(4000)))
		b.WriteString(sum(b.Bytes()))
		files[name] = b.Bytes()
	}
	for _, name := range []string{"index.html", "api/v2/summary.json", "api/v2/status.json", "components/api/index.html", "regions/eu/index.html", "uptime/index.html"} {
		add(name, n)
	}
	for _, name := range []string{"history.atom", "badge.svg", "components/api/badge.svg", "robots.txt"} {
		add(name, n-n%5)
	}
	add(fmt.Sprintf("incidents/INC-2026-%04d.html", n/10), n/10) // the older ones are carried over
	return files, manifestOf(templates.Public{Rendered: epoch.Add(time.Duration(n) * time.Second)}, files)
}

// numberOf gives the number that a file tells; an error if it is not whole.
func numberOf(content []byte) (int, error) {
	if len(content) < 65 || sum(content[:len(content)-64]) != string(content[len(content)-64:]) {
		return 0, fmt.Errorf("half a file of %d bytes", len(content))
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	return strconv.Atoi(string(line))
}

// fits reports whether a file belongs to the page number n.
func fits(name string, content []byte, n int) error {
	got, err := numberOf(content)
	want := n
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case strings.HasPrefix(name, "incidents/"):
		want = got // whichever it is, it is no other's
		if name != fmt.Sprintf("incidents/INC-2026-%04d.html", got) || got > n/10 {
			want = -1
		}
	case slices.Contains([]string{"history.atom", "badge.svg", "components/api/badge.svg", "robots.txt"}, name):
		want = n - n%5
	}
	if got != want {
		return fmt.Errorf("%s is of page %d, the manifest of page %d", name, got, n)
	}
	return nil
}

// publishUntilKilled publishes page after page, and says so after each. It kills
// itself at a named point, if one is given: the first time after a few pages.
func publishUntilKilled(folderPath, at string) {
	n := 0
	if b, err := os.ReadFile(filepath.Join(folderPath, currentLink, fileManifest)); err == nil {
		m, err := readManifest(b)
		if err != nil {
			panic(err)
		}
		n = int(m.GeneratedAt.Sub(epoch)/time.Second) + 1
	}
	begun := n
	f := folder{path: folderPath, point: func(step string) {
		if step == at && n >= begun+2 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}}
	for ; ; n++ {
		files, m := numbered(n)
		if _, err := f.publish(context.Background(), files, m); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// watchers are readers of all kinds, until they are told to stop.
type watchers struct {
	stop                    chan struct{}
	wg                      sync.WaitGroup
	mu                      sync.Mutex // guards wrong
	wrong                   []string
	versions, files, served atomic.Int64
	seen                    sync.Map // numbers of pages
}

func (w *watchers) watch(look func() error) {
	w.wg.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			if err := look(); err != nil {
				w.mu.Lock()
				w.wrong = append(w.wrong, err.Error())
				w.mu.Unlock()
				return
			}
			time.Sleep(4 * time.Millisecond)
		}
	})
}

// wholeVersion opens the version that is current and reads all of it.
func (w *watchers) wholeVersion(path string) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	to, err := root.Readlink(currentLink)
	if errors.Is(err, fs.ErrNotExist) && w.versions.Load() == 0 {
		return nil // nothing was published yet
	}
	if err != nil {
		return err
	}
	v, err := root.OpenRoot(to)
	if err != nil {
		return err
	}
	defer v.Close()
	b, err := v.ReadFile(fileManifest)
	if err != nil {
		return err
	}
	m, err := readManifest(b)
	if err != nil {
		return err
	}
	n := int(m.GeneratedAt.Sub(epoch) / time.Second)
	for name, e := range m.Files {
		content, err := v.ReadFile(name)
		if err != nil {
			return err
		}
		if sum(content) != e.SHA256 {
			return fmt.Errorf("%s of %s is not what the manifest says", name, to)
		}
		if err := fits(name, content, n); err != nil {
			return err
		}
	}
	w.versions.Add(1)
	w.seen.Store(n, true)
	return nil
}

// anyFile reads one file through the link, as a web server does for each request.
func (w *watchers) anyFile(path string, names []string) error {
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(path, currentLink, name))
		if errors.Is(err, fs.ErrNotExist) && w.versions.Load() == 0 {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := numberOf(content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		w.files.Add(1)
	}
	return nil
}

// server asks the built-in server for the manifest, for all files and for the
// manifest again: where that is the same, so is all between.
func (w *watchers) server(h http.Handler) error {
	get := func(name string) ([]byte, string, error) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/"+name, nil))
		body, tag := rec.Body.Bytes(), strings.Trim(rec.Header().Get("ETag"), `"`)
		if rec.Code == http.StatusServiceUnavailable && w.served.Load() == 0 {
			return nil, "", fs.ErrNotExist
		}
		if rec.Code != http.StatusOK || tag != sum(body)[:32] {
			return nil, "", fmt.Errorf("the server gives of %s %d, with the tag %s of %d bytes", name, rec.Code, tag, len(body))
		}
		return body, tag, nil
	}
	b, first, err := get(fileManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := readManifest(b)
	if err != nil {
		return err
	}
	n := int(m.GeneratedAt.Sub(epoch) / time.Second)
	var mixed error
	for name, e := range m.Files {
		content, tag, err := get(name)
		if err != nil {
			return err
		}
		if tag != e.SHA256[:32] || fits(name, content, n) != nil {
			mixed = fmt.Errorf("the server gives of %s another than its manifest says, of page %d: %v", name, n, fits(name, content, n))
		}
	}
	if _, last, err := get(fileManifest); err != nil || last != first {
		return err // another version came in between
	}
	if mixed == nil {
		w.served.Add(1)
	}
	return mixed
}

// TestKilledWhilePublishing has a program publish page after page and kills it,
// at each named point and at any moment; readers of the folder and of the built-in
// server see whole pages of one version only, and no page that the program said it
// has published is taken back.
func TestKilledWhilePublishing(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "tocsin-page-*")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "page")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w := &watchers{stop: make(chan struct{})}
	h := Handler(path)
	files, _ := numbered(0)
	names := slices.Sorted(maps.Keys(files))
	for range 2 {
		w.watch(func() error { return w.wholeVersion(path) })
		w.watch(func() error { return w.server(h) })
	}
	w.watch(func() error { return w.anyFile(path, names) })
	w.watch(func() error { h.Refresh(); return nil })

	random := rand.New(rand.NewPCG(1, 2))
	kills := map[string]int{}
	published, last := 0, -1
	for life := 0; published < *publications || life < *killings; life++ {
		at, pages := "", 0
		if life < len(steps) {
			at = steps[life]
		} else if life%2 == 0 {
			at = steps[random.IntN(len(steps))]
		} else {
			pages = 1 + random.IntN(2**publications / *killings) // and then at any moment
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TOCSIN_PUBLISH_INTO="+path, "TOCSIN_KILLED_AT="+at)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if at == "" {
			at = "any moment"
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.Atoi(lines.Text())
			if err != nil || n != last+1 && n != last+2 { // it may have been killed before it said so
				t.Errorf("after page %d it says %q", last, lines.Text())
			}
			last = n
			if published++; pages > 0 {
				if pages--; pages == 0 {
					time.AfterFunc(time.Duration(random.IntN(8000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
				}
			}
		}
		_, _ = io.Copy(io.Discard, out)
		err = cmd.Wait()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
			t.Fatalf("it was not killed at %q: %v", at, err)
		}
		kills[at]++
		before := w.versions.Load()
		if err := w.wholeVersion(path); err != nil || w.versions.Load() == before {
			t.Fatalf("after it was killed at %q: %v", at, err)
		}
		b, _ := os.ReadFile(filepath.Join(path, currentLink, fileManifest))
		m, err := readManifest(b)
		if n := int(m.GeneratedAt.Sub(epoch) / time.Second); err != nil || n < last || n > last+1 {
			t.Fatalf("after it was killed at %q page %d is shown, and it had published page %d (%v)", at, n, last, err)
		}
	}
	close(w.stop)
	w.wg.Wait()
	for _, wrong := range w.wrong {
		t.Error("a reader: " + wrong)
	}
	seen := 0
	w.seen.Range(func(any, any) bool { seen++; return true })
	if len(kills) < len(steps) || w.versions.Load() < int64(*killings) || w.files.Load() == 0 || w.served.Load() == 0 {
		t.Error("the test proves less than it says")
	}

	// What is left is cleaned by the next publication.
	files, m := numbered(last + 5)
	if _, err := (folder{path: path}).publish(t.Context(), files, m); err != nil {
		t.Fatal(err)
	}
	for _, name := range versionsIn(t, path) {
		if !versionDir.MatchString(name) {
			t.Errorf("%s lies about", name)
		}
	}
	t.Logf("%d pages published in %s, killed %v; readers read %d whole versions (%d different ones), %d files through the link and %d times all of the built-in server",
		published, time.Since(began).Round(time.Millisecond), kills, w.versions.Load(), seen, w.files.Load(), w.served.Load())
}
