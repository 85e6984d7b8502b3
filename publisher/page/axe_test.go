package page

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// lookWithAxe looks at every page of every situation with axe-core at
// WCAG 2.2 AA, in light and in dark, with all that can be opened open. Pages that
// are the same to the byte are looked at once.
func lookWithAxe(t *testing.T, all []target) {
	ctx := openBrowser(t)
	axe, err := os.ReadFile(filepath.Join(clientsFolder, "node_modules/axe-core/axe.min.js"))
	needs(t, "axe-core", func() error { return err })

	// What a scheme can change is colours: in dark the rules about them run once more.
	const run = `(async () => {
		for (const d of document.querySelectorAll('details')) { d.open = true; }
		const dark = matchMedia('(prefers-color-scheme: dark)').matches;
		const rules = dark ? {type: 'rule', values: ['color-contrast', 'link-in-text-block']} : {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']};
		const r = await axe.run(document, {runOnly: rules, resultTypes: ['violations'], preload: false});
		return JSON.stringify({passes: r.passes.length, dark,
			violations: r.violations.map(v => ({id: v.id, nodes: v.nodes.map(n => n.html.slice(0, 200) + ' ' + (n.any[0]?.message ?? n.failureSummary))}))});
	})()`
	type result struct {
		Passes     int
		Dark       bool
		Violations []struct {
			ID    string
			Nodes []string
		}
	}
	seen, looked := map[string]bool{}, 0
	faults := map[string][]string{}
	for _, at := range all {
		if !at.built {
			continue // the same bytes, but for what is stale, which only the built-in server greys
		}
		pages := slices.DeleteFunc(slices.Sorted(maps.Keys(at.files)), func(name string) bool { return !isPage(name) })
		for _, name := range pages {
			content := string(at.get(t, "/"+name))
			if seen[content] {
				continue
			}
			seen[content] = true
			if err := chromedp.Do(ctx, chromedp.Navigate(at.base+"/"+name)); err != nil {
				t.Fatalf("%s %s: %v", at.name, name, err)
			}
			for _, scheme := range []string{"light", "dark"} {
				media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
				if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
					t.Fatal(err)
				}
				script := run
				if scheme == "light" {
					script = string(axe) + ";\n" + run
				}
				out, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatalf("%s %s: %v", at.name, name, err)
				}
				var r result
				if err := json.Unmarshal([]byte(out), &r); err != nil {
					t.Fatal(err)
				}
				if r.Passes < 1 || scheme == "light" && r.Passes < 5 || r.Dark != (scheme == "dark") {
					t.Errorf("%s %s: axe looked at little: %d passes, dark %v", at.name, name, r.Passes, r.Dark)
				}
				looked++
				for _, v := range r.Violations {
					faults[v.ID] = append(faults[v.ID], fmt.Sprintf("%s %s %s: %s", at.name, name, scheme, strings.Join(v.Nodes, "\n    ")))
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(faults)) {
		t.Errorf("%s: %d times, as in %s", id, len(faults[id]), faults[id][0])
	}
	if looked != 2*len(seen) || len(seen) < 20 {
		t.Errorf("%d looks at %d pages", looked, len(seen))
	}
	t.Logf("%d distinct pages, each in light and dark", len(seen))
}

// TestAxeFindsWhatIsWrong shows that axe looks: a page with faults has them found.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	if os.Getenv("TOCSIN_CLIENTS_REQUIRED") == "" {
		t.Skip("run by make conformance, which installs axe-core")
	}
	ctx := openBrowser(t)
	axe, err := os.ReadFile(filepath.Join(clientsFolder, "node_modules/axe-core/axe.min.js"))
	needs(t, "axe-core", func() error { return err })
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><html><head><title></title></head><body style="background:#fff"><p style="color:#ccc">Hardly to be read</p><img src="x.png"></body></html>`)
	})
	if err := chromedp.Do(ctx, chromedp.Navigate(server)); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](string(axe)+`;axe.run(document, {runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa']}}).then(r => r.violations.map(v => v.id).sort().join(' '))`, chromedp.EvalAwaitPromise))
	if err != nil || got != "color-contrast document-title html-has-lang image-alt" {
		t.Errorf("axe finds %q, %v", got, err)
	}
}
