package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/featuresignals/tocsin/publisher/browsertest"
)

var shots = flag.String("shots", "", "a folder that screenshots are written to")

// A person works on the demo's outages with nothing but a browser: signs in,
// acknowledges, says something, sets a severity, lets words go, resolves. The
// public page and the timeline follow; what is new comes without reloading.
func TestTheConsoleDrivesTheDemosOutage(t *testing.T) {
	b := openBrowser(t)
	d := startDemo(t)
	api := d.find(t, "errors on the management API")

	b.do("sign in",
		chromedp.Navigate(d.console+"/"),
		chromedp.WaitVisible(`input[name=token]`),
		chromedp.SendKeys(`input[name=token]`, d.token+kb.Enter),
		chromedp.WaitVisible(`#i-`+api))
	b.shoot("home")

	b.press("acknowledge from the first page", `#i-`+api+` form[data-ack] button`, `#i-`+api+` .crew`, "on it")
	b.do("open the incident", chromedp.Click(`#i-`+api+` h2 a`), chromedp.WaitVisible(`#timeline`))
	b.until("the timeline has it", `#timeline`, "acknowledge")
	b.shoot("incident")

	const words = "We are taking back a release of this morning."
	b.deed("say", chromedp.SendKeys(`#do-say-text`, words))
	b.until("the timeline has the words", `#timeline`, words)
	d.page(t, "/", words)

	b.deed("severity", chromedp.SetValue(`#do-severity-severity`, "P0"), chromedp.SendKeys(`#do-severity-why`, "the largest customers are hit"))
	b.until("it is worked on as P0", `#head .chip`, "P0")
	b.until("the timeline has the reason", `#timeline`, "the largest customers are hit")
	d.page(t, "/", "Partial outage")

	// Another outage appears on the first page by itself, with words that wait.
	b.do("back to the first page", chromedp.Navigate(d.console+"/"), chromedp.WaitVisible(`#i-`+api),
		script(`window.sameDocument = true`))
	b.until("the second incident comes without reloading", `main`, "evaluating flags")
	if same, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`window.sameDocument === true`)); !same {
		t.Errorf("the page was loaded anew (%v)", err)
	}
	second := d.find(t, "errors when evaluating flags")
	b.until("words wait", `#i-`+second+` .words`, "wait")
	b.do("read them", chromedp.Navigate(d.console+"/incidents/"+second), chromedp.WaitVisible(`#words .form`))
	b.shoot("words")
	if words := b.text(`#words .form`); !strings.Contains(words, "Investigating") {
		t.Errorf("the words that wait are\n%s", words)
	}
	d.pageLacks(t, "errors when evaluating flags")
	b.press("let them go", `#words form[action$="/approve"] button`, `#timeline`, "lets the words go out")
	d.page(t, "/", "rrors when evaluating flags")

	// What is not well is not closed, unless by force.
	b.do("open the first again", chromedp.Navigate(d.console+"/incidents/"+api), chromedp.WaitVisible(`#timeline`))
	b.deed("resolve", chromedp.SendKeys(`#do-resolve-text`, "The former release is back."))
	b.until("the gate says what is in the way", `main`, "not all is well")
	b.shoot("gate")
	b.do("resolve by force",
		chromedp.SendKeys(`form[action$="/resolve"] [name=why]`, "seen in our own logs"),
		script(`document.querySelector('form[action$="/resolve"] button').click()`))
	b.until("it is resolved", `#head .state`, "Resolved")
	b.until("the timeline has it", `#timeline`, "by force")
	b.shoot("resolved")
	d.page(t, "/incidents/"+api+".html", "The former release is back.")
	d.page(t, "/", "closed after")

	// The keyboard alone is enough.
	b.do("the keys", chromedp.Navigate(d.console+"/"), chromedp.WaitVisible(`#i-`+second), chromedp.KeyEvent("j"), chromedp.KeyEvent("a"))
	b.until("the second is acknowledged by a key", `#i-`+second+` .crew`, "on it")
}

// demo is the running program.
type demo struct{ console, public, token, dir string }

func startDemo(t *testing.T) *demo {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", dir+"/", "../tocsin", ".") // as make build does, which Go then has at hand
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d := &demo{dir: dir}
	public, private := freePort(t), freePort(t)
	d.public, d.console = "http://"+public, "http://"+private
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "tocsin-demo"), "--days", "0.05", "--public", public, "--private", private, "--dir", filepath.Join(dir, "data"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	token := regexp.MustCompile(`sign in with (tocsin_\S+)`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := token.FindStringSubmatch(lines.Text()); m != nil {
			d.token = m[1]
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return d
		}
	}
	t.Fatal("the demo ended before it was up")
	return nil
}

func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get asks for a page until it satisfies ok.
func (d *demo) get(t *testing.T, url, token string, within time.Duration, ok func(body string) bool) string {
	t.Helper()
	body := ""
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if body = string(b); ok(body) {
			return body
		}
	}
	return body
}

// find gives the number of the open incident that speaks of something.
func (d *demo) find(t *testing.T, symptom string) (id string) {
	t.Helper()
	body := d.get(t, d.console+"/api/v1/incidents?state=open", d.token, 2*time.Minute, func(body string) bool {
		var list struct {
			Incidents []struct{ ID, Symptom string }
		}
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			return false
		}
		for _, i := range list.Incidents {
			if strings.Contains(i.Symptom, symptom) {
				id = i.ID
			}
		}
		return id != ""
	})
	if id == "" {
		t.Fatalf("no incident speaks of %q:\n%s", symptom, body)
	}
	return id
}

// page waits until the public page says something. From a person's deed to the
// page it is to take two seconds; here other tests run beside it.
func (d *demo) page(t *testing.T, path, want string) {
	t.Helper()
	body := d.get(t, d.public+path, "", 20*time.Second, func(body string) bool { return strings.Contains(body, want) })
	if !strings.Contains(body, want) {
		_, main, _ := strings.Cut(body, "<main>")
		t.Fatalf("the public page %s does not say %q:\n%s", path, want, main)
	}
}

func (d *demo) pageLacks(t *testing.T, not string) {
	t.Helper()
	if body := d.get(t, d.public+"/", "", time.Second, func(string) bool { return true }); body == "" || strings.Contains(body, not) {
		t.Fatalf("the public page says %q already:\n%s", not, body)
	}
}

// step is something that a person does in a browser.
type step = chromedp.Action[chromedp.Void]

// script runs a line of JavaScript for what it does.
func script(line string) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[any](line)(ctx, t)
		return chromedp.Void{}, err
	}
}

// browser is a person's.
type browser struct {
	*testing.T
	ctx context.Context
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{t, browsertest.Open(t, chromedp.WindowSize(1280, 900))}
}

// do carries out a few steps, each of which must come to its end.
func (b *browser) do(what string, steps ...step) {
	b.Helper()
	ctx, cancel := context.WithTimeoutCause(b.ctx, 30*time.Second, fmt.Errorf("%s: it takes more than 30 s", what))
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Fatalf("%s: %v (%v)\n%s", what, err, context.Cause(ctx), b.text("body"))
	}
}

// text gives what an element says now, "" if there is none.
func (b *browser) text(selector string) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`(document.querySelector(%q) || {innerText: ""}).innerText`, selector)))
	if err != nil {
		return "" // between two pages there is none
	}
	return s
}

// until waits until an element says something.
func (b *browser) until(what, selector, want string) {
	b.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if strings.Contains(b.text(selector), want) {
			return
		}
	}
	b.Fatalf("%s: %s does not say %q:\n%s", what, selector, want, b.text("body"))
}

// press clicks a button until an element says what follows from it: the page is
// live, and what is about to be clicked may move.
func (b *browser) press(what, button, selector, want string) {
	b.Helper()
	for range 3 {
		b.do(what, script(fmt.Sprintf(`document.querySelector(%q)?.click()`, button)))
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if strings.Contains(b.text(selector), want) {
				return
			}
		}
	}
	b.Fatalf("%s: %s does not say %q:\n%s", what, selector, want, b.text("body"))
}

// deed opens one of the forms on an incident's page, fills it in and sends it.
func (b *browser) deed(verb string, fill ...step) {
	b.Helper()
	steps := []step{
		script(fmt.Sprintf(`document.querySelector(%q).open = true`, "#d-do-"+verb)),
		chromedp.WaitVisible("#do-" + verb + " button"),
	}
	steps = append(steps, fill...)
	b.do(verb, append(steps, script(fmt.Sprintf(`document.querySelector("#do-%s button").click()`, verb)), chromedp.WaitVisible("#timeline"))...)
}

// shoot takes pictures of the page as it is: at phone and desktop width, light and
// dark.
func (b *browser) shoot(name string) {
	b.Helper()
	if *shots == "" {
		return
	}
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
			if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
				b.Fatal(err)
			}
			b.do("picture", chromedp.EmulateViewport(width, 900), chromedp.Sleep(200*time.Millisecond))
			png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				b.Fatal(err)
			}
			file := filepath.Join(*shots, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
			if err := os.WriteFile(file, png, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.do("as it was", chromedp.EmulateViewport(1280, 900))
}
