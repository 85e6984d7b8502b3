package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// site is a page that was published, behind a handler whose clock is ours.
type site struct {
	t *testing.T
	c *Channel
	h *Server
}

func serve(t *testing.T, p templates.Public) *site {
	t.Helper()
	folder := t.TempDir()
	s := newSite(t, folder)
	s.clock(p.Rendered)
	s.publish(p)
	return s
}

// newSite is a channel and a server that hears of what it publishes.
func newSite(t *testing.T, folder string) *site {
	s := &site{t, New("status", folder, load(t)), Handler(folder)}
	s.c.Tell(s.h.Refresh)
	return s
}

func (s *site) clock(now time.Time) { s.h.now = func() time.Time { return now } }

func (s *site) publish(p templates.Public) {
	s.t.Helper()
	if _, err := s.c.Publish(s.t.Context(), publisher.Delivery{Public: p}); err != nil {
		s.t.Fatal(err)
	}
}

// get asks for a path with pairs of header names and values.
func (s *site) get(method, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://status.example.com/", nil)
	r.URL.Path = path
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandlerServesItsFilesAndNothingElse(t *testing.T) {
	s := serve(t, p1())
	if err := os.WriteFile(filepath.Join(s.c.folder, "current", "secret.html"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/":                             "text/html",
		"/index.html":                   "text/html",
		"/history/":                     "text/html",
		"/history/index.html":           "text/html",
		"/incidents/INC-2026-0008":      "text/html",
		"/incidents/INC-2026-0008.html": "text/html",
		"/history.atom":                 "application/atom+xml",
		"/history.rss":                  "application/rss+xml",
		"/components/api/updates.atom":  "application/atom+xml",
		"/regions/eu/updates.rss":       "application/rss+xml",
		"/regions/eu/badge.svg":         "image/svg+xml",
		"/badge.json":                   "application/json",
		"/maintenance.ics":              "text/calendar",
		"/robots.txt":                   "text/plain",
		"/api/tocsin/v1/status.json":    "application/json",
		"/api/v2/summary.json":          "application/json",
		"//api/v2/summary.json":         "application/json",
		"/api//v2/incidents.json":       "application/json",
	} {
		r := s.get("GET", path)
		if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), want) {
			t.Errorf("%s: %d %s, want 200 %s", path, r.StatusCode, r.Header.Get("Content-Type"), want)
		}
		if body(t, r) == "" {
			t.Errorf("%s is empty", path)
		}
		cors := r.Header.Get("Access-Control-Allow-Origin")
		if isPage := want == "text/html"; isPage != (cors == "") {
			t.Errorf("%s: other sites may read it: %q", path, cors)
		}
	}
	for _, path := range []string{
		"/secret.html", "/incidents", "/incidents/", "/incidents/INC-2026-0099", "/incidents/../secret.html", "/../../etc/passwd", "/.index.html.tmp",
		"/incidents/INC-2026-0008.html/", "/incidents/..%2fsecret.html", "/index.htm", "/history/..", "/api/v2/", "/metrics",
	} {
		if r := s.get("GET", path); r.StatusCode != 404 {
			t.Errorf("%s: %d, want 404", path, r.StatusCode)
		}
	}
	if r := s.get("POST", "/"); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", r.StatusCode)
	}
}

func TestHandlerLetsReadersKeepWhatTheyHave(t *testing.T) {
	s := serve(t, p1())
	for _, path := range []string{"/", "/api/v2/summary.json", "/history.atom"} {
		full := s.get("GET", path)
		var err error
		content, etag := body(t, full), full.Header.Get("ETag")
		if !regexp.MustCompile(`^"[0-9a-f]{32}"$`).MatchString(etag) {
			t.Errorf("%s: the tag %s is not a strong one", path, etag)
		}
		if full.Header.Get("Vary") != "Accept-Encoding" || !strings.Contains(full.Header.Get("Cache-Control"), "max-age=15") {
			t.Errorf("%s: headers %v", path, full.Header)
		}
		if again := s.get("GET", path).Header.Get("ETag"); again != etag {
			t.Errorf("%s: the tag moved from %s to %s", path, etag, again)
		}
		for _, have := range []string{etag, `"other", ` + etag, "*", "W/" + etag, `W/"a",W/` + etag + `, "b"`} {
			r := s.get("GET", path, "If-None-Match", have)
			if r.StatusCode != 304 || body(t, r) != "" {
				t.Errorf("%s: %d for a reader that has %s, want 304 without a body", path, r.StatusCode, have)
			}
		}
		if r := s.get("GET", path, "If-None-Match", `"other"`); r.StatusCode != 200 {
			t.Errorf("%s: %d for a reader that has something else", path, r.StatusCode)
		}
		if r := s.get("HEAD", path); r.StatusCode != 200 || body(t, r) != "" || r.Header.Get("ETag") != etag {
			t.Errorf("%s: HEAD gives %d with tag %s", path, r.StatusCode, r.Header.Get("ETag"))
		}
		if r := s.get("GET", path, "Range", "bytes=0-9"); r.StatusCode != 200 || body(t, r) != content {
			t.Errorf("%s: a part was sent", path)
		}

		tags := map[string]bool{etag: true}
		for header, want := range map[string]string{
			"gzip, deflate, br, zstd": "br", "br": "br", "BR;q=0.1, gzip": "br", "gzip": "gzip", "gzip;q=0.8, br;q=0": "gzip", "GZIP ; q=1.0": "gzip",
		} {
			packed := s.get("GET", path, "Accept-Encoding", header)
			if packed.Header.Get("Content-Encoding") != want || packed.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: for a reader that takes %q: %v, want %s", path, header, packed.Header, want)
			}
			tags[packed.Header.Get("ETag")] = true
			var z io.Reader = brotli.NewReader(packed.Body)
			if want == "gzip" {
				if z, err = gzip.NewReader(packed.Body); err != nil {
					t.Fatal(err)
				}
			}
			if b, err := io.ReadAll(z); err != nil || string(b) != content {
				t.Errorf("%s: the compressed content differs: %v", path, err)
			}
			if r := s.get("GET", path, "Accept-Encoding", header, "If-None-Match", packed.Header.Get("ETag")); r.StatusCode != 304 || r.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: %d for a reader that has it compressed", path, r.StatusCode)
			}
		}
		if len(tags) != 3 {
			t.Errorf("%s: the tags of three forms are %v", path, tags)
		}
		for _, header := range []string{"", "deflate, zstd", "gzip;q=0", "br;q=0.000, gzip; q=0", "identity", "gzipped", "*;q=0"} {
			if r := s.get("GET", path, "Accept-Encoding", header); r.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: compressed for a reader that takes %q", path, header)
			}
		}
	}

	s.clock(time.Now().Add(time.Minute))
	modified := s.get("GET", "/").Header.Get("Last-Modified")
	if r := s.get("GET", "/", "If-Modified-Since", modified); modified == "" || r.StatusCode != 304 {
		t.Errorf("%d for a reader that has it since %q", r.StatusCode, modified)
	}
}

// TestHandlerAllowsJustTheStyleAndScriptOfThePage computes the hashes anew, as
// a browser does.
func TestHandlerAllowsJustTheStyleAndScriptOfThePage(t *testing.T) {
	s := serve(t, p1())
	for _, now := range []time.Time{today(10, 43), today(12, 0)} {
		s.clock(now)
		for _, path := range []string{"/", "/history/", "/incidents/INC-2026-0008", "/incidents/INC-2026-0007"} {
			r := s.get("GET", path)
			policy, page := r.Header.Get("Content-Security-Policy"), body(t, r)
			for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
				if !strings.Contains(policy, want) {
					t.Errorf("%s: the policy %q lacks %s", path, policy, want)
				}
			}
			for _, element := range []string{"style", "script"} {
				m := regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllStringSubmatch(page, -1)
				if len(m) != 1 {
					t.Fatalf("%s has %d elements %s, want 1", path, len(m), element)
				}
				sum := sha256.Sum256([]byte(m[0][1]))
				if want := element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
					t.Errorf("%s: the policy %q does not allow %s", path, policy, want)
				}
			}
		}
	}
	for _, path := range []string{"/", "/api/v2/summary.json", "/nowhere"} {
		h := s.get("GET", path).Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
}

// TestHandlerGreysAStalePage is for the night in which nothing writes the
// folder any more.
func TestHandlerGreysAStalePage(t *testing.T) {
	p := fine()
	s := serve(t, p)
	fresh := s.get("GET", "/")
	if b := body(t, fresh); !strings.Contains(b, `class="fresh"`) || !strings.Contains(b, ">All systems operational – ") {
		t.Fatal("the page is not fresh to begin with")
	}
	freshSummary := s.get("GET", "/api/v2/summary.json")

	s.clock(p.ValidUntil)
	if r := s.get("GET", "/", "If-None-Match", fresh.Header.Get("ETag")); r.StatusCode != 304 {
		t.Error("the page changed within its time")
	}
	s.clock(p.ValidUntil.Add(time.Second))
	stale := s.get("GET", "/", "If-None-Match", fresh.Header.Get("ETag"), "If-Modified-Since", fresh.Header.Get("Last-Modified"))
	if stale.StatusCode != 200 {
		t.Fatalf("%d: a reader keeps the green page", stale.StatusCode)
	}
	b := body(t, stale)
	for _, want := range []string{`class="stale"`, "<title>No fresh data since 10:42 UTC – ", "This page has had no fresh data since "} {
		if !strings.Contains(b, want) {
			t.Errorf("the stale page lacks %s", want)
		}
	}
	if got := stale.Header.Get("Last-Modified"); got != p.ValidUntil.Format(http.TimeFormat) {
		t.Errorf("it was last modified at %s, want when it grew stale", got)
	}
	if b := body(t, s.get("GET", "/history/")); !strings.Contains(b, `class="stale"`) {
		t.Error("the history is not grey")
	}
	if b := body(t, s.get("GET", "/incidents/INC-2026-0007")); !strings.Contains(b, `class="fresh"`) {
		t.Error("the page of a resolved incident is grey, though nothing in it can change")
	}

	r := s.get("GET", "/api/v2/summary.json", "If-None-Match", freshSummary.Header.Get("ETag"))
	if r.StatusCode != 200 {
		t.Fatalf("%d: a program keeps the fresh summary", r.StatusCode)
	}
	summary, err := readSummary([]byte(body(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	if got := summary.Status.Description; got != "No fresh data since 10:42 UTC" {
		t.Errorf("the summary says %q", got)
	}

	// The writer is back. The summary's file is the same as before.
	later := p
	later.Rendered, later.Checked, later.ValidUntil = p.Rendered.Add(time.Hour), p.Checked.Add(time.Hour), p.ValidUntil.Add(time.Hour)
	s.clock(later.Rendered)
	s.publish(later)
	if b := body(t, s.get("GET", "/")); !strings.Contains(b, `class="fresh"`) {
		t.Error("the page stays grey")
	}
	if b := body(t, s.get("GET", "/api/v2/summary.json")); !strings.Contains(b, "All Systems Operational") {
		t.Error("the summary stays grey")
	}
}

func TestHandlerShowsWhatIsPublished(t *testing.T) {
	s := serve(t, fine())
	if b := body(t, s.get("GET", "/")); !strings.Contains(b, "All systems operational") {
		t.Fatal("the first page is not there")
	}
	s.publish(p0())
	if b := body(t, s.get("GET", "/")); !strings.Contains(b, "Partial outage") {
		t.Error("the old page is served from memory")
	}
	if r := s.get("GET", "/incidents/INC-2026-0008"); r.StatusCode != 200 {
		t.Errorf("the new incident: %d", r.StatusCode)
	}
}

func TestHandlerWaitsForTheFirstPage(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "not", "yet")
	s := newSite(t, folder)
	r := s.get("GET", "/")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("before the first page: %d %v", r.StatusCode, r.Header)
	}
	s.publish(fine())
	s.clock(fine().Rendered)
	if r := s.get("GET", "/"); r.StatusCode != 200 {
		t.Errorf("after it: %d", r.StatusCode)
	}
}

func TestHandlerServesManyReadersAtOnce(t *testing.T) {
	s := serve(t, long())
	done := make(chan string)
	for n := range 4 {
		go func() {
			var all bytes.Buffer
			for path := range s.c.over {
				r := s.get("GET", "/incidents/"+path)
				_, _ = io.Copy(&all, r.Body)
			}
			if n%2 == 0 {
				_, _ = io.Copy(&all, s.get("GET", "/").Body)
			}
			done <- map[bool]string{true: "", false: "nothing came"}[all.Len() > 100_000]
		}()
	}
	for range 4 {
		if problem := <-done; problem != "" {
			t.Error(problem)
		}
	}
}

// TestWhatWasGreyIsFreshForAll: the file is the same as before, and as old, and a
// reader who goes by times has the grey one, which is younger.
func TestWhatWasGreyIsFreshForAll(t *testing.T) {
	p := fine()
	s := newSite(t, t.TempDir())
	pub(t, New("status", s.c.folder, load(t)), p)
	if err := os.Chtimes(filepath.Join(s.c.folder, currentLink, fileSummary), p.Rendered, p.Rendered); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		s.clock(p.ValidUntil.Add(time.Hour))
		grey := s.get("GET", "/api/v2/summary.json").Header.Get("Last-Modified")
		p = minutesOn(p, 120)
		s.clock(p.Rendered)
		s.publish(p)
		s.clock(p.Rendered.Add(time.Minute))
		r := s.get("GET", "/api/v2/summary.json", "If-Modified-Since", grey)
		if r.StatusCode != 200 {
			t.Fatalf("%d for a reader with the grey one of %s, time %d", r.StatusCode, grey, n+1)
		}
		if r := s.get("GET", "/api/v2/summary.json", "If-Modified-Since", r.Header.Get("Last-Modified")); r.StatusCode != 304 {
			t.Errorf("%d for a reader with the fresh one of %s", r.StatusCode, r.Header.Get("Last-Modified"))
		}
	}
}
