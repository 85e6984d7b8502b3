package page

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"

	"github.com/featuresignals/tocsin/publisher/browsertest"
	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

const clientsFolder = "testdata/clients"

// clientStates are the situations in which the clients are run. A hundred
// components are more of the same for them.
var clientStates = []string{"good", "incident", "many", "maintenance", "stale", "blind", "quiet", "first"}

var onlyState = flag.String("state", "", "the one situation to run the clients in, while one looks for a fault")

// target is a place at which a page is read: behind the built-in server, or
// behind one that knows nothing but files.
type target struct {
	name, state string
	base        string
	folder      string // what the file server serves
	p           templates.Public
	files       map[string][]byte
	built       bool // the built-in server, which greys
}

// needs skips a test, or fails it where all clients have to be there.
func needs(t *testing.T, what string, there func() error) {
	t.Helper()
	if err := there(); err != nil {
		if os.Getenv("TOCSIN_CLIENTS_REQUIRED") != "" {
			t.Fatalf("%s: %v: make conformance installs it", what, err)
		}
		t.Skipf("%s: %v: run make conformance, which installs it", what, err)
	}
}

func program(name string) func() error {
	return func() error {
		_, err := exec.LookPath(name)
		return err
	}
}

// targets publishes every situation, and serves it in both ways.
func targets(t *testing.T) []target {
	t.Helper()
	var all []target
	for _, state := range clientStates {
		p := pagetest.Public(state)
		s := serve(t, p)
		if state == "stale" {
			s.clock(p.ValidUntil.Add(time.Minute))
		}
		files, err := s.c.Render(p)
		if err != nil {
			t.Fatal(err)
		}
		for kind, h := range map[string]http.Handler{
			"built-in": s.h,
			"folder":   http.FileServer(http.Dir(filepath.Join(s.c.folder, currentLink))),
		} {
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			all = append(all, target{state + " " + kind, state, server.URL, filepath.Join(s.c.folder, currentLink), p, files, kind == "built-in"})
		}
	}
	return all
}

// line is what a client read, or why it could not.
type line struct {
	Target, Client, What string
	Data                 json.RawMessage
	Error                string
}

// node runs the clients that are written in JavaScript.
func node(t *testing.T, in any) map[[3]string]line {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "clients.mjs")
	var problems bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stderr = clientsFolder, bytes.NewReader(b), &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := map[[3]string]line{}
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Errorf("a line that is none: %q", scanner.Text())
			continue
		}
		key := [3]string{l.Target, l.Client, l.What}
		if _, twice := lines[key]; twice {
			t.Errorf("%v is there twice", key)
		}
		lines[key] = l
	}
	if err := cmd.Wait(); err != nil || scanner.Err() != nil {
		t.Fatalf("the clients ended with %v, %v\n%s", err, scanner.Err(), problems.String())
	}
	return lines
}

// TestClientsThatOthersWrote has programs of others read the page in every
// situation, from the built-in server and from the bare folder. Each thing that
// each of them has to read is counted: one that says nothing has not passed.
func TestClientsThatOthersWrote(t *testing.T) {
	if os.Getenv("TOCSIN_CLIENTS_REQUIRED") == "" {
		t.Skip("run by make conformance, which installs the clients")
	}
	if *onlyState != "" {
		all := clientStates
		clientStates = []string{*onlyState}
		t.Cleanup(func() { clientStates = all })
	}
	all := targets(t)
	t.Run("a strict reader", func(t *testing.T) { readOverHTTP(t, all) })
	t.Run("in JavaScript", func(t *testing.T) { readByNode(t, all) })
	t.Run("newsboat", func(t *testing.T) { readByNewsboat(t, all) })
	t.Run("xmllint", func(t *testing.T) { readByXMLLint(t, all) })
	t.Run("the widget", func(t *testing.T) { showWidget(t, all) })
	t.Run("axe", func(t *testing.T) { lookWithAxe(t, all) })
}

// readByNode runs the clients for Node.js.
func readByNode(t *testing.T, all []target) {
	needs(t, "the clients for Node.js", func() error {
		_, err := os.Stat(filepath.Join(clientsFolder, "node_modules", "statuspage.io"))
		return err
	})
	type asked struct {
		Name     string   `json:"name"`
		Base     string   `json:"base"`
		Feeds    []string `json:"feeds"`
		Calendar string   `json:"calendar"`
	}
	type html struct {
		Name string `json:"name"`
		HTML string `json:"html"`
	}
	in := struct {
		Targets []asked `json:"targets"`
		Pages   []html  `json:"pages"`
	}{}
	seen := map[string]bool{}
	for _, at := range all {
		in.Targets = append(in.Targets, asked{at.name, at.base, feedsOf(at.files), fileCalendar})
		for _, name := range slices.Sorted(maps.Keys(at.files)) {
			if !isPage(name) {
				continue
			}
			content := at.files[name]
			if at.built {
				content = at.get(t, "/"+name)
			}
			if !seen[string(content)] {
				seen[string(content)] = true
				in.Pages = append(in.Pages, html{at.name + " " + name, string(content)})
			}
		}
	}
	lines := node(t, in)
	read, empty := 0, map[string]bool{}
	take := func(target, client, what string) (json.RawMessage, bool) {
		key := [3]string{target, client, what}
		l, ok := lines[key]
		delete(lines, key)
		switch {
		case ok && client == "@extractus/feed-extractor" && l.Error == "Unrecognized feed format" && empty[what]:
			read++ // it takes no Atom without entries, which is one
		case !ok:
			t.Errorf("%s: %s read nothing of %s", target, client, what)
		case l.Error != "":
			t.Errorf("%s: %s: %s: %s", target, client, what, l.Error)
		default:
			read++
			return l.Data, true
		}
		return nil, false
	}
	for _, at := range all {
		for call, file := range statuspageCalls {
			got, ok := take(at.name, "statuspage.io", call)
			if ok && !sameJSON(got, at.get(t, "/"+file)) {
				t.Errorf("%s: statuspage.io: %s read something else than %s", at.name, call, file)
			}
		}
		for _, name := range feedsOf(at.files) {
			want := parseFeed(t, at.files[name])
			empty[name] = len(want.Items) == 0 && path.Ext(name) == ".atom"
			for _, client := range []string{"rss-parser", "feedparser", "@rowanmanning/feed-parser", "@extractus/feed-extractor", "feedsmith"} {
				got, ok := take(at.name, client, name)
				if !ok {
					continue
				}
				var f struct {
					Title   string
					Entries []struct {
						ID          *string
						Title, Link string
						At          time.Time
						Words       bool
					}
				}
				if err := json.Unmarshal(got, &f); err != nil || f.Title != want.Title || len(f.Entries) != len(want.Items) {
					t.Errorf("%s: %s: %s: %q with %d entries, want %q with %d (%v)", at.name, client, name, f.Title, len(f.Entries), want.Title, len(want.Items), err)
					continue
				}
				for n, e := range f.Entries {
					w := want.Items[n]
					if e.ID != nil && *e.ID != w.GUID || e.Title != w.Title || e.Link != w.Link || !e.Words || !e.At.Equal(*orPublished(w)) && !e.At.Equal(*w.PublishedParsed) {
						t.Errorf("%s: %s: %s: entry %d is %+v, want %s %q %s %v", at.name, client, name, n, e, w.GUID, w.Title, w.Link, orPublished(w))
						break
					}
				}
			}
		}
		if got, ok := take(at.name, "ical.js", fileCalendar); ok {
			var events []struct {
				ID, Title string
				From, To  time.Time
			}
			if err := json.Unmarshal(got, &events); err != nil || len(events) != len(at.p.Works) {
				t.Errorf("%s: ical.js: %d events, want %d (%v)", at.name, len(events), len(at.p.Works), err)
				continue
			}
			for n, e := range events {
				if w := at.p.Works[n]; e.ID != w.ID+"@status.featuresignals.example" || !e.From.Equal(w.From) || e.Title != at.p.Organisation+": "+w.Title {
					t.Errorf("%s: ical.js: event %+v, want %+v", at.name, e, w)
				}
			}
		}
	}
	faults := map[string][]string{}
	for _, page := range in.Pages {
		got, ok := take("", "html-validate", page.Name)
		var messages []string
		if ok && json.Unmarshal(got, &messages) != nil {
			t.Errorf("html-validate says %s", got)
		}
		for _, m := range messages {
			_, rule, _ := strings.Cut(m, " ")
			faults[rule] = append(faults[rule], page.Name+":"+m[:strings.Index(m, " ")])
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(faults)) {
		t.Errorf("html-validate: %s: on %d pages, as %s", rule, len(faults[rule]), faults[rule][0])
	}
	for key := range lines {
		t.Errorf("%v was not asked for", key)
	}
	perTarget := len(statuspageCalls) + 5*4*14 + 1
	if want := len(all)*perTarget + len(in.Pages); read != want || len(all) != 2*len(clientStates) || len(in.Pages) < 20 {
		t.Errorf("%d readings of %d, at %d places and of %d pages", read, want, len(all), len(in.Pages))
	}
	t.Logf("%d readings at %d places; %d distinct pages validated", read, len(all), len(in.Pages))
}

// statuspageCalls are the calls of the npm package statuspage.io and the file
// that each of them reads. Its three calls for maintenance all read the same.
var statuspageCalls = map[string]string{
	"getSummary": "api/v2/summary.json", "getStatus": "api/v2/status.json", "getComponents": "api/v2/components.json",
	"incidents.getAll": "api/v2/incidents.json", "incidents.getUnresolved": "api/v2/incidents/unresolved.json",
	"scheduledMaintenances.getAll": "api/v2/scheduled-maintenances/upcoming.json", "scheduledMaintenances.getUpcoming": "api/v2/scheduled-maintenances/upcoming.json",
	"scheduledMaintenances.getActive": "api/v2/scheduled-maintenances/upcoming.json",
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// feedsOf lists the feeds among files.
func feedsOf(files map[string][]byte) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return path.Ext(name) != ".atom" && path.Ext(name) != ".rss" })
}

func (at target) get(t testing.TB, path string) []byte {
	t.Helper()
	r, err := http.Get(at.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readOverHTTP reads every situation as the strictest clients do.
func readOverHTTP(t *testing.T, all []target) {
	for _, at := range all {
		got := map[string][]byte{}
		for _, name := range apiFiles {
			got[name] = at.get(t, "/"+name)
		}
		if err := readAll(got); err != nil {
			t.Errorf("%s: %v", at.name, err)
		}
	}
}

// readByNewsboat has Debian's newsboat fetch the feeds, and looks into its cache.
// It has a cache for each feed, since it keeps an entry that is in several for
// the first.
func readByNewsboat(t *testing.T, all []target) {
	needs(t, "newsboat", program("newsboat"))
	var group errgroup.Group
	group.SetLimit(4)
	var read atomic.Int64
	want := 0
	for _, at := range all {
		if at.state != "many" && (at.state != "first" || !at.built) {
			continue // it reads the same things
		}
		for _, name := range feedsOf(at.files) {
			want++
			items := len(parseFeed(t, at.files[name]).Items)
			folder := t.TempDir()
			group.Go(func() error {
				if err := newsboat(t.Context(), folder, at.base+"/"+name, items); err != nil {
					return fmt.Errorf("%s: %s: %w", at.name, name, err)
				}
				read.Add(1)
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if read.Load() != int64(want) || *onlyState == "" && want != 3*4*14 {
		t.Errorf("%d feeds of %d", read.Load(), want)
	}
}

func newsboat(ctx context.Context, folder, url string, items int) error {
	urls, config, cache := filepath.Join(folder, "urls"), filepath.Join(folder, "config"), filepath.Join(folder, "cache.db")
	if err := errors.Join(os.WriteFile(urls, []byte(url+"\n"), 0o600), os.WriteFile(config, []byte("max-items 0\n"), 0o600)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "newsboat", "-u", urls, "-C", config, "-c", cache, "-x", "reload")
	cmd.Env = append(os.Environ(), "HOME="+folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	db, err := sql.Open("sqlite", cache)
	if err != nil {
		return err
	}
	defer db.Close()
	var title string
	var got, ids, whole int
	err = db.QueryRowContext(ctx, `SELECT f.title, count(i.guid), count(DISTINCT i.guid), count(CASE WHEN i.title <> '' AND i.content <> '' AND i.url <> '' AND i.pubDate > 0 THEN 1 END)
		FROM rss_feed f LEFT JOIN rss_item i ON i.feedurl = f.rssurl WHERE f.rssurl = ? GROUP BY 1`, url).Scan(&title, &got, &ids, &whole)
	if err != nil {
		return err
	}
	if got != items || ids != items || whole != items || title == "" {
		return fmt.Errorf("%q with %d entries, %d ids, %d of them whole, want %d", title, got, ids, whole, items)
	}
	return nil
}

// readByXMLLint asks libxml2 whether feeds and badges are well-formed.
func readByXMLLint(t *testing.T, all []target) {
	needs(t, "xmllint", program("xmllint"))
	args := []string{"--noout", "--nonet"}
	for _, at := range all {
		if at.built {
			continue // it has the same
		}
		for _, name := range slices.Sorted(maps.Keys(at.files)) {
			if ext := path.Ext(name); ext == ".atom" || ext == ".rss" || ext == ".svg" {
				args = append(args, filepath.Join(at.folder, name))
			}
		}
	}
	if want := 2 + len(clientStates)*5*14; len(args) != want {
		t.Errorf("%d arguments, want %d", len(args), want)
	}
	if out, err := exec.CommandContext(t.Context(), "xmllint", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	bad := filepath.Join(t.TempDir(), "bad.atom")
	if err := os.WriteFile(bad, []byte("<feed>]]></feed>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "xmllint", "--noout", bad).Run(); err == nil {
		t.Error("xmllint takes what is not XML: it does not look")
	}
}

// openBrowser begins a real one.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	needs(t, "chromium", program("chromium"))
	return browsertest.Open(t)
}

// showWidget puts Statuspage's own widget, and the badge, on a page of another
// origin.
func showWidget(t *testing.T, all []target) {
	ctx := openBrowser(t)
	script, err := os.ReadFile(filepath.Join(clientsFolder, "node_modules/@statuspage/status-widget/dist/index.js"))
	needs(t, "Statuspage's widget", func() error { return err })
	var base string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/index.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>x</title><statuspage-widget src="%[1]s"></statuspage-widget><img src="%[1]s/badge.svg"><script src="/index.js"></script>`, base)
	}))
	t.Cleanup(elsewhere.Close)
	shown := 0
	for _, at := range all {
		if !at.built {
			// A host that serves files has to be told, as _headers does, that others may read them.
			h := http.FileServer(http.Dir(at.folder))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Access-Control-Allow-Origin", "*")
				h.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			at.base = server.URL
		}
		base = at.base
		var want struct{ Status apiStatus }
		if err := json.Unmarshal(at.get(t, "/api/v2/summary.json"), &want); err != nil {
			t.Fatal(err)
		}
		const look = `new Promise((done, fail) => { let n = 0; const look = () => {
			const root = document.querySelector('statuspage-widget').shadowRoot, img = document.querySelector('img');
			const text = root ? root.textContent.replace(/\s+/g, ' ').trim() : '', html = root ? root.innerHTML : '';
			if (text.includes(%q) && img.naturalWidth > 0) { done(html + '|' + img.naturalWidth); } else if (n++ > 200) { fail(new Error(html + '|' + img.naturalWidth)); } else { setTimeout(look, 25); }
		}; look(); })`
		if err := chromedp.Do(ctx, chromedp.Navigate(elsewhere.URL+"/?"+strings.ReplaceAll(at.name, " ", "-"))); err != nil {
			t.Fatal(err)
		}
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(look, want.Status.Description), chromedp.EvalAwaitPromise))
		if err != nil || !strings.Contains(got, want.Status.Indicator) {
			t.Errorf("%s: the widget shows %q, want %+v (%v)", at.name, got, want.Status, err)
			continue
		}
		shown++
	}
	if shown != 2*len(clientStates) {
		t.Errorf("the widget was shown %d times", shown)
	}
}

func newServer(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
