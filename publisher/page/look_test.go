package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/featuresignals/tocsin/publisher/browsertest"
	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

var (
	shots    = flag.String("shots", "", "a folder that pictures of all pages in all states are written to")
	shotOf   = flag.String("shot-of", "", "only these, as state/page, parted by commas")
	throttle = flag.Bool("throttle", false, "measure the first paint on a slow connection")
)

// hosting serves files as they are, compressed, and counts what is asked for.
type hosting struct {
	files map[string][]byte
	asked []string
}

func (s *hosting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	s.asked = append(s.asked, name)
	b, ok := s.files[name]
	if !ok {
		b = s.files["404.html"]
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Content-Encoding", "gzip")
	if policy := templates.Policy(b); policy != "" {
		w.Header().Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
	}
	if !ok {
		w.WriteHeader(http.StatusNotFound)
	}
	z := gzip.NewWriter(w)
	_, _ = z.Write(b)
	_ = z.Close()
}

// hosted serves the page of a situation, whose validity ends after the test.
func hosted(t *testing.T, state string) (*hosting, string) {
	t.Helper()
	p := pagetest.Public(state)
	if state != "first" {
		p.ValidUntil = time.Now().Add(time.Hour) // or the script would grey what is to be looked at
	}
	files := render(t, p)
	if state == "stale" {
		for name, b := range render(t, pagetest.Public(state)) {
			if !templates.Expires(b).IsZero() {
				files[name] = templates.Grey(b)
			}
		}
	}
	s := &hosting{files: files}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return s, server.URL
}

// looked is what there is of each page to look at.
var looked = []struct{ name, path string }{
	{"index", "index.html"},
	{"incident", "incidents/INC-2026-0011.html"},
	{"resolved", "incidents/INC-2026-0010.html"},
	{"history", "history/index.html"},
	{"month", "history/2026-05.html"},
	{"component", "components/api/index.html"},
	{"days", "components/api/index.html"}, // with its tables open
	{"region", "regions/eu/index.html"},
	{"uptime", "uptime/index.html"},
	{"maintenance", "maintenance/index.html"},
	{"subscribe", "subscribe/index.html"},
	{"404", "404.html"},
}

// see looks at what follows as a screen of a size and a scheme does, which is
// light, dark, print (on paper) or forced (the colours of the system's own).
func see(t *testing.T, ctx context.Context, width, height int64, scheme string) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "forced-colors", Value: "none"}}}
	switch scheme {
	case "print":
		media.Media, media.Features[0].Value = "print", "light"
	case "forced":
		media.Features[0].Value, media.Features[1].Value = "dark", "active"
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatal(err)
	}
}

func wideness(t *testing.T, ctx context.Context) int64 {
	t.Helper()
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
	if err != nil {
		t.Fatal(err)
	}
	return wide
}

// TestLook takes pictures of all pages, for somebody to look at:
//
//	go test -count=1 -run TestLook ./publisher/page -args -shots "$PWD/shots"
func TestLook(t *testing.T) {
	if *shots == "" {
		t.Skip("-shots names a folder for the pictures")
	}
	ctx := browsertest.Open(t)
	for _, state := range []string{"good", "incident", "many", "stale", "first", "maintenance", "blind", "quiet", "huge"} {
		s, url := hosted(t, state)
		for _, page := range looked {
			if *shotOf != "" && !strings.Contains(","+*shotOf+",", ","+state+"/"+page.name+",") || s.files[page.path] == nil {
				continue
			}
			for _, z := range []struct {
				name   string
				w, h   int64
				scheme string
			}{
				{"390-light", 390, 844, "light"},
				{"390-dark", 390, 844, "dark"},
				{"1280-light", 1280, 900, "light"},
				{"1280-dark", 1280, 900, "dark"},
				{"794-print", 794, 1123, "print"},
				{"390-forced", 390, 844, "forced"},
				{"390-rtl", 390, 844, "light"},
				{"1280-rtl", 1280, 900, "light"},
			} {
				see(t, ctx, z.w, z.h, z.scheme)
				if err := chromedp.Do(ctx, chromedp.Navigate(url+"/"+page.path), chromedp.Sleep(50*time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(z.name, "rtl") {
					if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](`document.body.dir = "rtl"`)); err != nil {
						t.Fatal(err)
					}
				}
				if page.name == "days" {
					if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](`document.querySelectorAll("details").forEach(d => d.open = true)`)); err != nil {
						t.Fatal(err)
					}
				}
				if state != "first" { // as it was when it was made
					if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](`document.querySelector("footer").innerHTML = document.querySelector("footer").innerHTML.replace(/valid until .*?<\/time>/, "valid until 10:47 UTC")`)); err != nil {
						t.Fatal(err)
					}
				}
				if wide := wideness(t, ctx); wide > z.w {
					t.Errorf("%s of %s at %s is %d wide", page.name, state, z.name, wide)
				}
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(*shots, state+"-"+page.name+"-"+z.name+".png"), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// light is how many bytes the first page may have, compressed.
const light = 14_000

// TestTheFirstPageIsLight measures the first page as it goes over the wire.
func TestTheFirstPageIsLight(t *testing.T) {
	for _, state := range pagetest.States {
		page := render(t, pagetest.Public(state))["index.html"]
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if _, err := z.Write(page); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%-12s %6d bytes, %5d compressed", state, len(page), b.Len())
		if b.Len() > light && state != "huge" {
			t.Errorf("%s: %d bytes compressed, more than %d", state, b.Len(), light)
		}
	}
}

// TestFirstPaint measures how long a reader on a bad connection waits for
// something to read, and that nothing but the page is asked for:
//
//	go test -count=1 -v -run TestFirstPaint ./publisher/page -args -throttle
func TestFirstPaint(t *testing.T) {
	if !*throttle {
		t.Skip("-throttle takes the time for it")
	}
	ctx := browsertest.Open(t)
	// The command that every version of the browser knows; the package has only the one that takes its place.
	slower := cdp.Command[map[string]any, struct{}]{Method: "Network.emulateNetworkConditions"}
	slow := map[string]any{"offline": false, "latency": 400, "downloadThroughput": 400_000 / 8, "uploadThroughput": 400_000 / 8}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, slower, slow); err != nil {
		t.Fatal(err)
	}
	see(t, ctx, 390, 844, "light")
	for _, state := range []string{"good", "incident", "many", "huge"} {
		s, url := hosted(t, state)
		if err := chromedp.Do(ctx, chromedp.Navigate(url+"/index.html"), chromedp.Sleep(time.Second)); err != nil {
			t.Fatal(err)
		}
		paint, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-9s first words after %4.0f ms at 400 kbit/s with 400 ms latency", state, paint)
		if paint < 400 || paint > 2000 && state != "huge" {
			t.Errorf("%s: %v ms: that is not the connection that was asked for, or too slow", state, paint)
		}
		if len(s.asked) != 1 {
			t.Errorf("%s: the browser asked for %v, want the page alone", state, s.asked)
		}
	}
}

// TestInABrowser sees that a browser does with a page what is meant: under its
// policy the own style sheet holds, the logo is there and the script runs; it
// tells the reader's time, greys what has expired, and no page is too wide for a
// small phone.
func TestInABrowser(t *testing.T) {
	ctx := browsertest.Open(t)
	if _, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"}); err != nil {
		t.Fatal(err)
	}
	see(t, ctx, 320, 640, "light")
	ask := func(question string) string {
		t.Helper()
		answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](`String(`+question+`)`))
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	p := pagetest.Public("many")
	p.Brand.CSS = ".brand { letter-spacing: 3px; background: url(data:image/png;base64,iVBORw0KGgo=) }"
	expired := render(t, p)["index.html"]
	p.ValidUntil = time.Now().Add(time.Hour)
	s := &hosting{files: render(t, p)}
	s.files["expired.html"] = expired
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})

	open := func(name string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	open("index.html")
	for question, want := range map[string]string{
		`document.documentElement.className`:                                     "fresh",
		`getComputedStyle(document.querySelector(".brand")).letterSpacing`:       "3px",
		`document.querySelector(".brand img").naturalWidth > 0`:                  "true",
		`document.querySelector("time:not(.l)").title.includes("GMT+5:30")`:      "true",
		`document.querySelector(".banner time.l").textContent.includes("16:12")`: "true",
		`document.title.startsWith("Partial outage")`:                            "true",
		`document.querySelectorAll("h1").length`:                                 "1",
	} {
		if got := ask(question); got != want {
			t.Errorf("%s is %s, want %s", question, got, want)
		}
	}
	if len(s.asked) != 1 {
		t.Errorf("the browser asked for %v, want the page alone", s.asked)
	}
	open("expired.html")
	for question, want := range map[string]string{
		`document.documentElement.className`:                                "stale",
		`document.title.startsWith("No fresh data since 10:42")`:            "true",
		`document.querySelector("h1 .stale-only").checkVisibility()`:        "true",
		`document.querySelector("h1 .fresh-only").checkVisibility()`:        "false",
		`document.querySelector("h1").innerText`:                            "No fresh data since 10:42 UTC",
		`getComputedStyle(document.querySelector(".bars .t-ok")).stroke`:    ask(`getComputedStyle(document.querySelector(".bars .t-major")).stroke`),
		`getComputedStyle(document.querySelector(".box.t-ok")).color`:       ask(`getComputedStyle(document.querySelector(".box.t-unknown")).color`),
		`getComputedStyle(document.querySelector("#i-ok .f")).opacity`:      "0",
		`getComputedStyle(document.querySelector("#i-ok use.q")).opacity`:   "1",
		`document.querySelector("link[rel=icon]").href.startsWith("data:")`: "true",
	} {
		if got := ask(question); got != want {
			t.Errorf("expired: %s is %s, want %s", question, got, want)
		}
	}
	for _, page := range looked {
		open(page.path)
		if wide := wideness(t, ctx); wide > 320 {
			t.Errorf("%s is %d wide on a small phone", page.name, wide)
		}
	}
	see(t, ctx, 375, 667, "light")
	open("index.html")
	longest := `document.querySelectorAll("dd time:not(.l)").forEach(t => t.textContent = "28 September 2026, 13:12 UTC")`
	if got := ask(`(` + longest + `, [...document.querySelectorAll("dl")].filter(l => l.scrollWidth > l.clientWidth).map(l => l.innerText))`); got != "" {
		t.Errorf("on a usual phone words leave their card: %s", got)
	}
}
