package page

import (
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

func render(t testing.TB, p templates.Public) map[string][]byte {
	t.Helper()
	files, err := New("status", "", load(t)).Render(p)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// rendered gives the files of a sample, made once for all tests that only read
// them.
func rendered(t testing.TB, name string) map[string][]byte {
	t.Helper()
	once, _ := renderings.LoadOrStore(name, sync.OnceValue(func() map[string][]byte { return render(t, samples()[name]) }))
	return once.(func() map[string][]byte)()
}

var renderings sync.Map

func TestRenderGivesTheSameForTheSame(t *testing.T) {
	for name, p := range samples() {
		if !maps.EqualFunc(rendered(t, name), render(t, p), bytes.Equal) {
			t.Errorf("%s: two renderings differ", name)
		}
	}
}

// TestAFinishedPageIsMadeAnewWhenItHasTo: pages of resolved incidents are kept
// between renderings, and must not outlive what they were made from.
func TestAFinishedPageIsMadeAnewWhenItHasTo(t *testing.T) {
	c := New("status", "", load(t))
	for name, change := range map[string]func(*templates.Public){
		"nothing":                   func(*templates.Public) {},
		"the time":                  func(p *templates.Public) { p.Checked = p.Checked.Add(time.Hour) },
		"the title":                 func(p *templates.Public) { p.Title = "Another" },
		"the regions":               func(p *templates.Public) { p.Regions = p.Regions[:1] },
		"a word of an old update":   func(p *templates.Public) { p.Past[0].Updates[2].Symptom = "slow answers" },
		"the data integrity":        func(p *templates.Public) { p.Past[0].Integrity = "not impacted" },
		"one update more":           func(p *templates.Public) { p.Past[0].Updates = append(p.Past[0].Updates, p.Past[0].Updates[2]) },
		"that it is open once more": func(p *templates.Public) { p.Past[0].State = "monitoring" },
	} {
		p := fine()
		change(&p)
		files, err := c.Render(p)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(files, render(t, p), bytes.Equal) {
			t.Errorf("%s changed, and the page did not follow", name)
		}
	}
}

func TestRenderRefusesNamesThatAreNotIncidents(t *testing.T) {
	for _, id := range []string{"", "../../etc/passwd", "INC-2026-1", "INC-2026-0001.html", "inc-2026-0001", "INC-2026-0001/x", "INC-2026-00011111111"} {
		p := p0()
		p.Incidents[0].ID = id
		_, err := New("status", t.TempDir(), load(t)).Publish(t.Context(), publisher.Delivery{Public: p})
		if err == nil || !errors.Is(err, publisher.ErrPermanent) {
			t.Errorf("%q: got %v, want a permanent error", id, err)
		}
	}
}

func TestRenderRefusesWhatIsNotFitToBeSent(t *testing.T) {
	for name, spoil := range map[string]func(*templates.Public){
		"words with tags":         func(p *templates.Public) { p.Incidents[0].Symptom = "<b>errors</b>" },
		"words not filled in":     func(p *templates.Public) { p.Incidents[0].Updates[0].Workaround = "use region {X}" },
		"an unknown indicator":    func(p *templates.Public) { p.Indicator = "no_data" },
		"an unknown state":        func(p *templates.Public) { p.Incidents[0].State = "mitigated" },
		"an unknown impact":       func(p *templates.Public) { p.Incidents[0].Impact = "P0" },
		"an incident twice":       func(p *templates.Public) { p.Past = append(p.Past, p.Incidents[0]) },
		"an incident said naught": func(p *templates.Public) { p.Incidents[0].Updates = nil },
	} {
		p := p0()
		spoil(&p)
		if _, err := New("status", "", load(t)).Render(p); err == nil {
			t.Errorf("%s: it was rendered", name)
		}
	}
}

// TestThePageArrivesInOneRoundTrip holds the weight of the busiest sample
// against the first flight of a connection.
func TestThePageArrivesInOneRoundTrip(t *testing.T) {
	for name := range samples() {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		page := rendered(t, name)["index.html"]
		if _, err := z.Write(page); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d compressed", name, len(page), b.Len())
		if b.Len() > 14<<10 {
			t.Errorf("%s: %d bytes compressed, more than 14 kB", name, b.Len())
		}
	}
	script := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindSubmatch(render(t, fine())["index.html"])
	if script == nil || len(script[1]) >= 1000 {
		t.Errorf("the script has %d bytes, want less than 1000", len(script[1]))
	}
}

var (
	tag       = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z:-]+(?:="[^"]*")?)*)\s*(/?)>`)
	attribute = regexp.MustCompile(`([a-zA-Z:-]+)="([^"]*)"`)
	inlined   = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`)
)

// TestPagesAreSound looks at the markup of every page of every sample.
func TestPagesAreSound(t *testing.T) {
	for sample := range samples() {
		files := rendered(t, sample)
		for name, b := range files {
			if !strings.HasSuffix(name, ".html") {
				continue
			}
			t.Run(sample+"/"+name, func(t *testing.T) { checkMarkup(t, name, string(b), files) })
		}
	}
}

func checkMarkup(t *testing.T, name, page string, files map[string][]byte) {
	page = inlined.ReplaceAllString(page, "")
	var open []string
	ids, refs, headings := map[string]bool{}, []string{}, []int{}
	for _, m := range tag.FindAllStringSubmatch(page, -1) {
		closing, element, attributes, selfClosing := m[1] != "", m[2], m[3], m[4] != ""
		if closing {
			if len(open) == 0 || open[len(open)-1] != element {
				t.Fatalf("</%s> closes %v", element, open)
			}
			open = open[:len(open)-1]
			continue
		}
		if !selfClosing && !slices.Contains([]string{"meta", "link", "br", "img", "source"}, element) {
			open = append(open, element)
		}
		if len(element) == 2 && element[0] == 'h' && element[1] >= '1' && element[1] <= '6' {
			headings = append(headings, int(element[1]-'0'))
		}
		for _, a := range attribute.FindAllStringSubmatch(attributes, -1) {
			switch key, value := a[1], a[2]; {
			case key == "id":
				if ids[value] {
					t.Errorf("the id %q is there twice", value)
				}
				ids[value] = true
			case key == "aria-labelledby":
				refs = append(refs, value)
			case key == "style" || strings.HasPrefix(key, "on"):
				t.Errorf("%s has the attribute %s, which the policy forbids", element, key)
			case key == "href" && strings.HasPrefix(value, "#"):
				refs = append(refs, value[1:])
			case key == "href" && element == "a" && value != "" && !strings.HasPrefix(value, "mailto:") && !strings.HasPrefix(value, "https://docs."):
				target := filepath.Join(filepath.Dir(name), value)
				if name == "404.html" { // it is served at any depth
					target = strings.TrimLeft(strings.TrimPrefix(value, "https://status.featuresignals.example"), "/")
				}
				if files[target] == nil {
					t.Errorf("a link leads to %s, which is no file", target)
				}
			case key == "src" || key == "href" && strings.Contains(value, "//"):
				if !strings.HasPrefix(value, "data:") && !(element == "link" && name == "404.html") && !strings.HasPrefix(value, "https://docs.") && !(name == "subscribe/index.html" && value == "../badge.svg") {
					t.Errorf("%s asks for %s from elsewhere", element, value)
				}
			}
		}
	}
	if len(open) > 0 {
		t.Errorf("%v are never closed", open)
	}
	if rest := strings.ReplaceAll(tag.ReplaceAllString(page, ""), "<!doctype html>", ""); strings.ContainsAny(rest, "<>") {
		t.Errorf("angle brackets outside tags: %q", rest)
	}
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("nothing has the id %q that is referred to", ref)
		}
	}
	if len(headings) == 0 || headings[0] != 1 || slices.Index(headings[1:], 1) >= 0 {
		t.Errorf("the headings are %v, want one h1, first", headings)
	}
	for n := 1; n < len(headings); n++ {
		if headings[n] > headings[n-1]+1 {
			t.Errorf("the headings %v leave a level out", headings)
		}
	}
	if strings.Contains(page, "P0") || strings.Contains(page, "P1") {
		t.Error("a severity stands on the page")
	}
}

func TestThePageTellsWhatItMust(t *testing.T) {
	for name, c := range map[string]struct {
		page string
		want []string
	}{
		"an open incident": {string(render(t, p0())["index.html"]), []string{
			"<title data-stale=\"No fresh data since 10:42 UTC – FeatureSignals status\">Partial outage – FeatureSignals status</title>",
			"Failing requests to the Management API", "Investigating", "Partial service", "Management API in Europe", "Under review",
			`By <time class="l" datetime="2026-05-20T11:02:00Z">11:02 UTC</time>`, "It is unchanged since our last update. Measured at 10:31 UTC: about 62\u00a0% of requests are affected.",
			`Major outage <small>since <time datetime="2026-05-20T09:58:00Z">09:58 UTC</time>`, "No incidents",
			`Checked <time datetime="2026-05-20T10:42:00Z">20 May 2026, 10:42 UTC</time>, valid until <time datetime="2026-05-20T10:47:00Z">10:47 UTC</time>`,
			"All times are in UTC.", `<a href="">Refresh</a>`, "mailto:support@featuresignals.example",
		}},
		"missing data": {string(render(t, blind())["index.html"]), []string{
			">No data since 10:20 UTC – ", "No data <small>since", "We have had no fresh data since 10:20 UTC, so we cannot say whether it is better or worse.",
		}},
		"maintenance": {string(rendered(t, "full maintenance")["index.html"]), []string{`Management API and Flag evaluations in India, since <time datetime="2026-05-20T10:00:00Z">10:00 UTC</time>. Planned until 12:00 UTC.`}},
		"maintenance of one component": {string(rendered(t, "full maintenance")["components/api/index.html"]), []string{
			"New storage for flags", "Upgrade of the database", `<a href="../../maintenance/index.html">All maintenance</a>`,
		}},
		"a region of which a part is out":      {string(rendered(t, "full incident")["regions/eu/index.html"]), []string{"<span>Partial outage since "}},
		"a region of which a part has no data": {string(rendered(t, "full quiet")["regions/eu/index.html"]), []string{"<span>No data from some parts</span>"}},
		"what cannot be judged": {string(render(t, quiet())["index.html"]), []string{
			"No known problems", "2 of 9 parts cannot be judged at the moment.", "Too little traffic", "Not watched yet",
		}},
		"a fresh install": {string(render(t, zero())["index.html"]), []string{"No data yet", "No components are listed yet."}},
		"the history":     {string(render(t, long())["history/index.html"]), []string{`<h2><a href="../history/2026-05.html">May 2026</a></h2>`, `<a href="../history/2025-05.html">May</a>`, "resolved after 20 minutes"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.page, want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
	}
	if page := string(render(t, zero())["index.html"]); strings.Contains(page, "No incidents") {
		t.Error("a page that has measured nothing claims that there were no incidents")
	}
}

// Where nothing was ever measured, "no incidents" would be a claim.
func TestNothingIsClaimedOfWhatWasNeverWatched(t *testing.T) {
	files := render(t, pagetest.Public("first"))
	for name, content := range files {
		if strings.HasSuffix(name, ".html") && bytes.Contains(content, []byte("No incidents")) {
			t.Errorf("%s says that there were no incidents", name)
		}
	}
	if !bytes.Contains(files["history/index.html"], []byte("Not watched yet")) {
		t.Error("the history does not say that nothing was watched")
	}
}

// What is worst comes first, since few read further, and a day is named once.
func TestListsAreInTheOrderThatReadersNeed(t *testing.T) {
	files := rendered(t, "full many")
	open, _, _ := strings.Cut(string(files["index.html"]), `<section aria-labelledby="works">`)
	var at []int
	for _, title := range []string{"Delayed webhooks", "Failing requests to the Management API", "Slow flag evaluations", "A slow dashboard", "Failing sign-ins"} {
		at = append(at, strings.Index(open, ">"+title+"</a>"))
	}
	if at[0] < 0 || !slices.IsSorted(at) {
		t.Errorf("the open incidents stand at %v, want the worst first", at)
	}
	for name, want := range map[string]int{"history/index.html": 1, "history/2026-05.html": 1} {
		if n := strings.Count(string(files[name]), `<time datetime="2026-05-20">`); n != want {
			t.Errorf("%s names a day of five incidents %d times", name, n)
		}
	}
	if page := string(files["components/webhooks/index.html"]); strings.Contains(page, "New storage for flags") {
		t.Error("the page of a component lists maintenance that does not concern it")
	}
}
