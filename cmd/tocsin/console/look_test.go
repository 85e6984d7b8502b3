package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher/browsertest"
	"github.com/featuresignals/tocsin/rules"
)

// serve serves a stage to somebody.
func (s *stage) serve(t *testing.T, who string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set(whoHeader, who)
		s.console.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func look(t *testing.T, ctx context.Context, w, h int64, scheme string) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(w, h)); err != nil {
		t.Fatal(err)
	}
}

// TestLook takes pictures of all pages, for somebody to look at:
//
//	TOCSIN_LOOK="$PWD/look" go test -run TestLook ./cmd/tocsin/console
func TestLook(t *testing.T) {
	out := os.Getenv("TOCSIN_LOOK")
	if out == "" {
		t.Skip("set TOCSIN_LOOK to a folder, to look at the pictures")
	}
	ctx := browsertest.Open(t)
	only := os.Getenv("TOCSIN_LOOK_ONLY")
	full := night(t)
	calm := newStage(t, product(), noon)
	calm.judge(noon, errorsAt("api-errors", "api", "s", "eu", 0.0001, rules.SeverityNone, noon))
	many := crowd(t)
	blind := newStage(t, product(), noon)
	blind.judge(noon, errorsAt("api-errors", "api", "s", "eu", 0.0001, rules.SeverityNone, noon))
	blind.blind(noon.Add(10 * time.Minute))
	bounced, _ := stuck(t, 60)
	stages := map[string]*stage{"stuck": bounced, "night": full, "calm": calm, "many": many, "blind": blind}
	signin := httptest.NewServer(signinPage())
	t.Cleanup(signin.Close)
	for _, p := range []struct{ name, site, path, who string }{
		{"home", "night", "/", "asha responder"},
		{"home-viewer", "night", "/", "vic viewer"},
		{"calm", "calm", "/", "asha responder"},
		{"blind", "blind", "/", "asha responder"},
		{"many", "many", "/", "asha admin"},
		{"p0", "night", "/incidents/INC-2026-0004", "asha responder"},
		{"p1", "night", "/incidents/INC-2026-0002", "asha responder"},
		{"private", "night", "/incidents/INC-2026-0003", "asha responder"},
		{"past-one", "night", "/incidents/INC-2026-0001", "asha responder"},
		{"viewer", "night", "/incidents/INC-2026-0004", "vic viewer"},
		{"hostile", "many", "/incidents/INC-2026-0001", "asha responder"},
		{"declare", "night", "/declare", "asha responder"},
		{"past", "night", "/past", "asha admin"},
		{"stuck", "stuck", "/", "asha responder"},
		{"outbox", "stuck", "/outbox", "asha responder"},
		{"letters", "stuck", "/outbox/letters?channel=mail&key=INC-2026-0004/1", "asha responder"},
		{"audit", "night", "/audit", "asha admin"},
		{"me", "night", "/me", "asha responder"},
		{"signin", "signin", "/?problem=1", ""},
	} {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		for _, z := range []struct {
			name   string
			w, h   int64
			scheme string
		}{{"phone-light", 390, 844, "light"}, {"phone-dark", 390, 844, "dark"}, {"desk-light", 1280, 900, "light"}, {"desk-dark", 1280, 900, "dark"}} {
			site := signin.URL
			if s := stages[p.site]; s != nil {
				site = s.serve(t, p.who)
			}
			look(t, ctx, z.w, z.h, z.scheme)
			if err := chromedp.Do(ctx, chromedp.Navigate(site+p.path), chromedp.Sleep(300*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
			if err != nil {
				t.Fatal(err)
			}
			if wide > z.w {
				t.Errorf("%s at %s is %d wide", p.name, z.name, wide)
			}
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(out, p.name+"-"+z.name+".png"), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// script runs something in the page, and gives what comes of it.
func script[T any](t *testing.T, ctx context.Context, source string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](source, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return v
}

// eventually waits until something is so in the page.
func eventually(t *testing.T, ctx context.Context, what, source string) {
	t.Helper()
	for range 80 {
		if script[bool](t, ctx, "(() => { try { return !!("+source+") } catch { return false } })()") { // the page may just be loading
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s: %s is not so at %s, where %s has the focus", what, source, script[string](t, ctx, "location.href"), script[string](t, ctx, "document.activeElement.outerHTML.slice(0, 200)"))
}

// TestLiveInABrowser has somebody read, type and press keys while the board changes.
func TestLiveInABrowser(t *testing.T) {
	ctx := browsertest.Open(t)
	s := night(t)
	url := s.serve(t, asha)
	look(t, ctx, 1280, 900, "light")
	id := s.of("dashboard").ID
	if err := chromedp.Do(ctx, chromedp.Navigate(url+"/incidents/"+string(id))); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "it is live", `document.querySelector("#live").textContent.startsWith("Live. Judged up to 03:11 UTC.")`)
	script[bool](t, ctx, `(() => {
		document.querySelector("#d-do-note").open = true;
		const a = document.querySelector("#do-note textarea");
		a.focus(); a.value = "half a sentence"; a.dispatchEvent(new Event("input", {bubbles: true})); a.setSelectionRange(4, 6);
		document.querySelector("#list-rollback").open = true;
		scrollTo(0, 400);
		return true;
	})()`)
	y := script[float64](t, ctx, `document.querySelector("#timeline").getBoundingClientRect().top`)
	s.act("ben", incident.Action{Do: incident.Write, Incident: id, Text: "Ben is writing, too."})
	eventually(t, ctx, "what others do appears", `document.querySelector("#timeline").textContent.includes("Ben is writing, too.")`)
	for what, source := range map[string]string{
		"what was typed stays":    `document.querySelector("#do-note textarea").value === "half a sentence"`,
		"the focus stays":         `document.activeElement === document.querySelector("#do-note textarea")`,
		"so does the cursor":      `document.activeElement.selectionStart === 4 && document.activeElement.selectionEnd === 6`,
		"what was open stays so":  `document.querySelector("#d-do-note").open && document.querySelector("#list-rollback").open`,
		"nothing stands twice":    `document.querySelectorAll("#timeline").length === 1 && document.querySelectorAll("#do-note").length === 1`,
		"keys are for the typist": `!document.querySelector("#keys").open`,
	} {
		if !script[bool](t, ctx, source) {
			t.Errorf("%s: %s", what, source)
		}
	}
	if now := script[float64](t, ctx, `document.querySelector("#timeline").getBoundingClientRect().top`); now-y > 2 || y-now > 2 {
		t.Errorf("the page jumps by %v", now-y)
	}
	s.act("asha", incident.Action{Do: incident.SetSeverity, Incident: id, Severity: rules.P0, Why: "it is worse than the rules say"})
	eventually(t, ctx, "the headline changes", `document.querySelector("#head .chip").textContent === "P0"`)
	eventually(t, ctx, "and what was typed stays even so", `document.querySelector("#do-note textarea").value === "half a sentence" && document.activeElement.name === "text"`)

	// Keys.
	if err := chromedp.Do(ctx, chromedp.Navigate(url+"/")); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "the script runs", `document.querySelector("#live").textContent.startsWith("Live")`)
	press := func(keys string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	press("?")
	eventually(t, ctx, "the keys are shown", `document.querySelector("#keys").open`)
	press("\u001b")
	eventually(t, ctx, "and go", `!document.querySelector("#keys").open`)
	press("j")
	press("j")
	press("k")
	eventually(t, ctx, "j and k move", `document.activeElement.closest("[data-incident]") === document.querySelectorAll("[data-incident]")[0]`)
	press("a")
	eventually(t, ctx, "a acknowledges", `document.querySelector("#notice").textContent.includes("acknowledged") && !location.search`)
	if s.of("evaluations").Ack == nil && s.of("dashboard").Ack == nil {
		t.Error("nobody is on it")
	}
	press("j")
	eventually(t, ctx, "j goes on after a page was loaded", `document.activeElement.closest("[data-incident]")`)
	press("s")
	eventually(t, ctx, "s says", `location.hash === "#do-say" && document.activeElement?.tagName === "TEXTAREA"`)

	// The service goes away.
	s.console.hub.close()
	eventually(t, ctx, "it says that it is not live", `document.querySelector("#live").textContent.startsWith("Not live since ") && document.querySelector("#live").matches(".off")`)
}
