package page

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

func TestAPathLeadsToItsPage(t *testing.T) {
	s := serve(t, p1())
	for path, want := range map[string]string{ // a status, and where to
		"/history/":                     "200",
		"//history/":                    "200",
		"/history/index.html":           "200",
		"/components/api/":              "200",
		"/incidents/INC-2026-0008":      "200",
		"//incidents//INC-2026-0008":    "200",
		"/history":                      "301 history/",
		"//history":                     "301 history/",
		"/components/api":               "301 api/",
		"/uptime":                       "301 uptime/",
		"/incidents/INC-2026-0008/":     "301 ../INC-2026-0008.html",
		"/api":                          "404",
		"/api/v2/":                      "404",
		"/api/v2/summary.json/":         "404",
		"/components/":                  "404",
		"/INDEX.HTML":                   "404",
		"/index.html/x":                 "404",
		"":                              "404",
		"history":                       "404",
		"/./index.html":                 "404",
		"/history/../index.html":        "404",
		"/components/api/../../x":       "404",
		"/index.html\x00":               "404",
		"/history.atom?x":               "404",
		"/" + strings.Repeat("/", 4000): "200",
	} {
		r := s.get("GET", path)
		got := strings.TrimSpace(strings.TrimSuffix(r.Status, http.StatusText(r.StatusCode)) + r.Header.Get("Location"))
		if got != want {
			t.Errorf("%.60q: %s, want %s", path, got, want)
		}
	}
	r := s.get("GET", "/nowhere/at/all")
	if b := body(t, r); b != string(rendered(t, "p1")[fileMissing]) || r.Header.Get("Content-Type") != types[".html"] || r.Header.Get("ETag") != "" {
		t.Errorf("what is not there is answered with %v and %.80s", r.Header, b)
	}
	if r := s.get("GET", "/nowhere", "If-None-Match", "*"); r.StatusCode != 404 {
		t.Errorf("to who has what is not there: %d", r.StatusCode)
	}
}

func TestEveryFileHasTheHeadersOfItsKind(t *testing.T) {
	s := serve(t, p1())
	for name, f := range s.h.current().files {
		r := s.get("GET", "/"+name)
		h := r.Header
		want := map[string]string{
			"Content-Type": f.mime, "Cache-Control": cacheControl, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Permissions-Policy": permissionsPolicy, "Strict-Transport-Security": "",
		}
		if isPage(name) {
			want["Access-Control-Allow-Origin"], want["Cross-Origin-Resource-Policy"], want["Cross-Origin-Opener-Policy"] = "", "same-origin", "same-origin"
			if !regexp.MustCompile(`^default-src 'none'; style-src 'sha256-.*; base-uri 'none'; frame-ancestors 'none'$`).MatchString(h.Get("Content-Security-Policy")) {
				t.Errorf("%s: the policy is %q", name, h.Get("Content-Security-Policy"))
			}
		} else {
			want["Access-Control-Allow-Origin"], want["Cross-Origin-Resource-Policy"], want["Content-Security-Policy"] = "*", "cross-origin", nothing
		}
		if slices.Contains([]string{"summary.json", "status.json", "badge.svg", "badge.json"}, path.Base(name)) && name != fileFacts {
			// These have no place to say until when they hold: no cache may go on with a green one when we are gone.
			want["Cache-Control"] = "public, max-age=15, s-maxage=30, stale-while-revalidate=60, stale-if-error=300"
		}
		for key, value := range want {
			if h.Get(key) != value {
				t.Errorf("%s: %s is %q, want %q", name, key, h.Get(key), value)
			}
		}
		if r.StatusCode != 200 || h.Get("ETag") != `"`+f.hash[:32]+`"` || r.ContentLength != int64(len(f.fresh.plain)) && r.ContentLength != -1 {
			t.Errorf("%s: %d, tag %s, length %d", name, r.StatusCode, h.Get("ETag"), r.ContentLength)
		}
		o := s.get("OPTIONS", "/"+name, "Origin", "https://elsewhere.example", "Access-Control-Request-Headers", "if-none-match")
		if asked := o.StatusCode == 204 && o.Header.Get("Access-Control-Allow-Origin") == "*" && strings.Contains(o.Header.Get("Access-Control-Allow-Headers"), "If-None-Match"); asked == isPage(name) {
			t.Errorf("%s: a browser that asks for another site is told %d %v", name, o.StatusCode, o.Header)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "TRACE", "PROPFIND"} {
			if r := s.get(method, "/"+name); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d", method, name, r.StatusCode)
			}
		}
	}
}

// TestHostsAreToldTheSameHeaders reads _headers as hosts do and holds it against
// what the built-in server says.
func TestHostsAreToldTheSameHeaders(t *testing.T) {
	s := serve(t, p1())
	type rule struct {
		fits    *regexp.Regexp
		headers [][2]string
	}
	var rules []rule
	for line := range strings.Lines(string(rendered(t, "p1")[fileHeaders])) {
		line = strings.TrimSuffix(line, "\n")
		key, value, ok := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "/"):
			if strings.Count(line, "*") != 1 || len(line) > 100 {
				t.Errorf("hosts take one * in a rule: %s", line)
			}
			rules = append(rules, rule{fits: regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), `\*`, ".*") + "$")})
		case ok && strings.HasPrefix(key, "  ") && len(line) < 2000:
			last := &rules[len(rules)-1]
			last.headers = append(last.headers, [2]string{strings.TrimSpace(key), value})
		default:
			t.Errorf("no host knows the line %q", line)
		}
	}
	if len(rules) > 100 {
		t.Errorf("%d rules are more than hosts take", len(rules))
	}
	for name := range s.h.current().files {
		if name == fileHeaders || name == fileRobots {
			continue // the one is not served, and the other is for everybody
		}
		h := s.get("GET", "/"+name).Header
		said := map[string]string{}
		for _, r := range rules {
			if !r.fits.MatchString("/" + name) {
				continue
			}
			for _, kv := range r.headers {
				if said[kv[0]] != "" {
					t.Errorf("%s: hosts would join two values of %s", name, kv[0])
				}
				said[kv[0]] = kv[1]
			}
		}
		for key, value := range said {
			switch got := h.Get(key); {
			case key == "Strict-Transport-Security":
			case key == "Cache-Control" && greys(name) && !isPage(name): // they serve it themselves, and know nothing of time
			case key == "Content-Security-Policy":
				if !strings.Contains(got, value) {
					t.Errorf("%s: hosts say %q, we %q", name, value, got)
				}
			case got != value:
				t.Errorf("%s: hosts say %s: %q, we %q", name, key, value, got)
			}
		}
		if said["Access-Control-Allow-Origin"] != h.Get("Access-Control-Allow-Origin") || said["Cache-Control"] == "" {
			t.Errorf("%s: hosts say %v", name, said)
		}
	}
}

// TestReadersKeepAWholeVersion: whatever is wrong with the folder, what was loaded
// goes on, and what is no whole version is never shown.
func TestReadersKeepAWholeVersion(t *testing.T) {
	folder := t.TempDir()
	c, h := New("status", folder, load(t)), Handler(folder)
	s := &site{t, c, h}
	s.clock(p1().Rendered)
	pub(t, c, p1())
	was := s.get("GET", "/").Header.Get("ETag")
	link := filepath.Join(folder, currentLink)
	first, err := os.Readlink(link)
	if err != nil {
		t.Fatal(err)
	}
	pub(t, c, minutesOn(p1(), 1))
	second, err := os.Readlink(link)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(folder, second, fileIndex))
	if err != nil {
		t.Fatal(err)
	}
	relink := func(to string) error {
		_ = os.Remove(link)
		return os.Symlink(to, link)
	}
	for name, do := range map[string]func() error{
		"a file of the new version is spoilt": func() error { return os.WriteFile(filepath.Join(folder, second, fileIndex), []byte("defaced"), 0o644) },
		"a file of it is gone":                func() error { return os.Remove(filepath.Join(folder, second, fileIndex)) },
		"the link leads nowhere":              func() error { return relink("versions/9-0123456789abcdef") },
		"the link leads out":                  func() error { return relink("/etc") },
		"the link is gone":                    func() error { return os.Remove(link) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			h.Refresh()
			if got := s.get("GET", "/").Header.Get("ETag"); got != was {
				t.Errorf("%s, and another page is shown", name)
			}
		}
		if fresh := (&site{t, c, Handler(folder)}).get("GET", "/"); fresh.StatusCode != 503 {
			t.Errorf("%s, and a new server says %d", name, fresh.StatusCode)
		}
		if err := relink(second); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Remove(filepath.Join(folder, second, fileIndex))
	if err := os.WriteFile(filepath.Join(folder, second, fileIndex), good, 0o644); err != nil {
		t.Fatal(err)
	}
	time.Sleep(lookEvery) // a version that could not be loaded is tried again after a while
	if got := s.get("GET", "/").Header.Get("ETag"); got == was {
		t.Error("nobody said that there is a new version, and it is not found")
	}
	if err := relink(first); err != nil { // somebody goes back by hand
		t.Fatal(err)
	}
	h.Refresh()
	if got := s.get("GET", "/").Header.Get("ETag"); got != was {
		t.Error("the version before is not shown")
	}
}

// TestWhatIsAskedForIsCompressedOnce, and before the next version is shown.
func TestWhatIsAskedForIsCompressedOnce(t *testing.T) {
	s := serve(t, p1())
	file := func(name string) *content { return s.h.current().files[name].fresh }
	asked := func(name string, how coding) bool { return file(name).packed[how].asked.Load() }
	s.get("GET", "/", "Accept-Encoding", "br")
	s.get("GET", "/badge.svg", "Accept-Encoding", "gzip")
	if !asked(fileIndex, brotlied) || asked(fileIndex, gzipped) || !asked(fileBadge, gzipped) || asked(fileFeed, gzipped) {
		t.Error("something else is compressed than what was asked for")
	}
	index, badge := file(fileIndex), file(fileBadge)
	s.publish(minutesOn(p1(), 1))
	if file(fileIndex) == index || !asked(fileIndex, brotlied) || asked(fileIndex, gzipped) {
		t.Error("the new first page is not ready as it was asked for before")
	}
	if file(fileBadge) != badge {
		t.Error("the badge did not change, and is another content")
	}
}

// TestTwoContentsNeverHaveOneTime: programs that know nothing of tags see each
// change, also of pages that are published within one second.
func TestTwoContentsNeverHaveOneTime(t *testing.T) {
	s := serve(t, p1())
	seen := map[time.Time]bool{}
	for n := range 4 {
		s.publish(minutesOn(p1(), n+1))
		at := s.h.current().files[fileIndex].shown
		if seen[at] {
			t.Errorf("page %d is as old as another", n)
		}
		seen[at] = true
		s.clock(at.Add(-time.Second))
		if got := s.get("GET", "/history.atom").Header.Get("Last-Modified"); got != "" && n == 0 && s.h.current().files[fileFeed].shown.After(at.Add(-time.Second)) {
			t.Errorf("the feed was modified in the future: %s", got)
		}
	}
}

// TestAllThatGreysIsGreyAtOnce: past its time no page says that all is well, and
// no badge and no document does.
func TestAllThatGreysIsGreyAtOnce(t *testing.T) {
	p := fine()
	s := serve(t, p)
	s.clock(p.ValidUntil.Add(time.Second))
	grey := 0
	for name, f := range s.h.current().files {
		r := s.get("GET", "/"+name)
		b := body(t, r)
		if isPage(name) && !templates.Expires(f.fresh.plain).IsZero() && !strings.Contains(b, `class="stale"`) {
			t.Errorf("%s is not grey", name)
		}
		if b != string(f.fresh.plain) {
			grey++
			if r.Header.Get("ETag") == `"`+f.fresh.etag+`"` {
				t.Errorf("%s is grey under the tag of the fresh one", name)
			}
		}
	}
	for _, name := range []string{fileSummary, fileStatus, fileBadge, fileShield, "components/api/badge.svg", "regions/eu/badge.json"} {
		if b := body(t, s.get("GET", "/"+name)); b == string(s.h.current().files[name].fresh.plain) {
			t.Errorf("%s says that all is well", name)
		}
	}
	if grey < 20 {
		t.Errorf("%d files are grey", grey)
	}
}
