package page

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// BenchmarkRender makes the page once more, as happens every minute: of a year
// with 61 incidents, of ten components, and of a hundred.
func BenchmarkRender(b *testing.B) {
	for name, p := range map[string]templates.Public{"year": long(), "normal": pagetest.Public("incident"), "huge": pagetest.Public("huge")} {
		b.Run(name, func(b *testing.B) {
			c := New("status", "", load(b))
			for b.Loop() {
				if _, err := c.Render(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// manyFiles are those of a page with n resolved incidents behind it.
func manyFiles(t testing.TB, n int) map[string][]byte {
	files := maps.Clone(rendered(t, "p1"))
	page := files["incidents/INC-2026-0007.html"]
	for i := range n {
		id := fmt.Sprintf("INC-2025-%04d", i)
		files["incidents/"+id+".html"] = bytes.ReplaceAll(page, []byte("INC-2026-0007"), []byte(id))
	}
	return files
}

// aMinuteOn changes the files that change with each minute.
func aMinuteOn(files map[string][]byte, n int) (map[string][]byte, Manifest) {
	files = maps.Clone(files)
	for name, b := range files {
		if !templates.Expires(b).IsZero() {
			files[name] = append(bytes.Clone(b), fmt.Sprintf("<!-- %d -->", n)...)
		}
	}
	return files, manifestOf(minutesOn(p1(), n), files)
}

// inMemory gives a folder that needs no disk, where there is one.
func inMemory(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "tocsin-page-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// BenchmarkPublish publishes the page of a product with 2,000 incidents behind it
// a minute later: all of its files are compared, and few are written.
func BenchmarkPublish(b *testing.B) {
	f, files, n := folder{path: inMemory(b)}, manyFiles(b, 2000), 0
	for b.Loop() {
		n++
		next, m := aMinuteOn(files, n)
		if _, err := f.publish(b.Context(), next, m); err != nil {
			b.Fatal(err)
		}
	}
}

// lookingHandler is how the page was served before it was served from whole
// versions in memory: each request opens the folder and the file, and what was
// compressed before is sent if that is as old and as large as it was.
type lookingHandler struct {
	folder string
	mu     sync.Mutex // guards cache
	cache  map[string]*asFiled
}

type asFiled struct {
	size         int64
	modified     time.Time
	zipped       []byte
	etag, policy string
}

func (l *lookingHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	a, err := l.answer(fileIndex)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	h.Set("Content-Type", contentType(fileIndex))
	h.Set("Cache-Control", cacheControl)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Security-Policy", a.policy)
	h.Set("Content-Encoding", "gzip")
	h.Set("ETag", `"`+a.etag+`-gz"`)
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	http.ServeContent(w, r, "", a.modified, bytes.NewReader(a.zipped))
}

func (l *lookingHandler) answer(name string) (*asFiled, error) {
	root, err := os.OpenRoot(l.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	a := l.cache[name]
	l.mu.Unlock()
	if a != nil && a.size == info.Size() && a.modified.Equal(info.ModTime()) {
		return a, nil
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	a = &asFiled{info.Size(), info.ModTime(), compress(content, gzipped), sum(content)[:32], templates.Policy(content)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cache[name] = a
	return a, nil
}

// BenchmarkServe asks for the first page: as a browser does, as one that has it
// already, and of a handler that looks at the file each time.
func BenchmarkServe(b *testing.B) {
	folder := b.TempDir()
	pub(b, New("status", folder, load(b)), p1())
	h := Handler(folder)
	tag := answer(h, "/", "gzip, br").Header().Get("ETag")
	for name, c := range map[string]struct {
		h       http.Handler
		headers map[string]string
	}{
		"gzip":            {h, map[string]string{"Accept-Encoding": "gzip"}},
		"brotli":          {h, map[string]string{"Accept-Encoding": "gzip, deflate, br, zstd"}},
		"plain":           {h, nil},
		"not modified":    {h, map[string]string{"Accept-Encoding": "gzip, br", "If-None-Match": tag}},
		"as before, gzip": {&lookingHandler{folder: filepath.Join(folder, currentLink), cache: map[string]*asFiled{}}, map[string]string{"Accept-Encoding": "gzip"}},
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for k, v := range c.headers {
				r.Header.Set(k, v)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.h.ServeHTTP(&sink{header: http.Header{}}, r)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// sink is an answer that nobody reads.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

func answer(h http.Handler, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestTheServerFitsInMemory measures what the server holds of a page with 2,000
// incidents: as it is read, after somebody asked for each page in each form, and
// after another version came, which shares what did not change.
func TestTheServerFitsInMemory(t *testing.T) {
	incidents := 2000
	if raceDetector {
		incidents = 200 // it has a memory of its own, and takes its time
	}
	f, files := folder{path: inMemory(t)}, manyFiles(t, incidents)
	publish := func(n int) {
		t.Helper()
		next, m := aMinuteOn(files, n)
		if _, err := f.publish(t.Context(), next, m); err != nil {
			t.Fatal(err)
		}
	}
	publish(1)
	held := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	before := held()
	h := Handler(f.path)
	began := time.Now()
	h.Refresh()
	took := time.Since(began)
	read := held() - before
	size, asked := 0, 0
	for name, file := range h.current().files {
		size += len(file.fresh.plain)
		if asked++; asked%20 > 0 {
			continue // some of them are enough, and compressing takes its time
		}
		for _, accept := range []string{"", "gzip", "br"} {
			if w := answer(h, "/"+name, accept); w.Code != http.StatusOK {
				t.Fatalf("%s: %d", name, w.Code)
			}
		}
	}
	packed := 20 * (held() - before - read)
	shared := h.current().files["404.html"].fresh
	publish(2)
	began = time.Now()
	h.Refresh()
	again := time.Since(began)
	if h.current().files["404.html"].fresh != shared || h.current().files[fileIndex].fresh.plain == nil {
		t.Error("what did not change was read again")
	}
	last := held() - before
	whole := float64(size) / (1 << 20)
	t.Logf("%d files of %.1f MB: %.1f MB in memory, read in %s; if somebody asks for each in each form, %.1f MB more; after another version, read in %s, %.1f MB",
		asked, whole, read, took.Round(time.Millisecond), packed, again.Round(time.Millisecond), last)
	if read > 1.1*whole+4 || packed > whole || last > 1.5*whole+8 {
		t.Errorf("the server holds more than it should of %.1f MB", whole)
	}
	runtime.KeepAlive(files)
	runtime.KeepAlive(h)
}
