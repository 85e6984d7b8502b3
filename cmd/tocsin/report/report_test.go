package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/report"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/templates"
)

var update = flag.Bool("update", false, "rewrite the expected reports")

// begin is a Friday evening in Berlin.
var begin = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)

const newRules = `
organisation: Acme
components:
  - {id: api, name: Management API}
  - {id: auth, name: Authentication}
regions:
  - {code: eu, name: Europe}
  - {code: us, name: United States}
channels:
  status: {type: page, folder: page}
  ops: {type: webhook, url: "http://127.0.0.1:1/", secret_file: unread, severities: [P0, P1]}
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {services: [api], routes: ["*"]}
    window: 2m
    levels:
      P0: {above: 50%, for: 3m}
      P1: {above: 5%, for: 3m}
      P2: {above: 1%, for: 5m}
    recover: {below: 0.5%, for: 5m}
    public: {symptom: elevated errors on the management API, impact: failed requests}
  - id: auth-latency
    component: auth
    signal: p99
    where: {services: [auth], routes: ["*"]}
    window: 2m
    levels:
      P2: {above: 800ms, for: 3m}
    recover: {below: 500ms, for: 5m}
    public: {symptom: slow sign-in, impact: long waits when they sign in}
`

// oldRules were slower to see errors, and knew of a third rule.
var oldRules = strings.NewReplacer("P1: {above: 5%, for: 3m}", "P1: {above: 20%, for: 5m}", "      P2: {above: 1%, for: 5m}\n", "",
	"above: 800ms", "above: 2s", "recover: {below: 500ms", "recover: {below: 1s").Replace(newRules) + `
  - id: auth-errors
    component: auth
    signal: error_rate
    where: {services: [auth], routes: ["*"]}
    window: 2m
    levels: {P1: {above: 5%, for: 2m}}
`

// story is a night in minutes, from begin on: REQUESTS[/ERRORS][@DURATION][xMINUTES].
var story = map[string]string{
	"api/eu":  "100x60 100/8x25 100x180 100/30x20 100/70x15 100/10x12 100x200 _x30 100x60 100/2x40 100x100",
	"api/us":  "100x290 100/60x10 100x600",
	"auth/eu": "50@80msx400 50@1.2sx30 50@80msx60 50/10@80msx20 50@80msx300",
}

func parse(t testing.TB, text string) *rules.Config {
	t.Helper()
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// past is a source that holds what a story tells.
type past map[time.Time][]telemetry.Minute

var token = regexp.MustCompile(`^(?:_|(\d+)(?:/(\d+))?(?:@([0-9.]+m?s))?)(?:x(\d+))?$`)

func told(t testing.TB, story map[string]string, configs ...*rules.Config) past {
	t.Helper()
	return toldFrom(t, begin, story, configs...)
}

func toldFrom(t testing.TB, begin time.Time, story map[string]string, configs ...*rules.Config) past {
	t.Helper()
	streams := map[string]bool{}
	for _, c := range configs {
		for _, s := range evaluator.Streams(c.Rules) {
			streams[s.String()] = true
		}
	}
	p := past{}
	for name, values := range story {
		service, region, _ := strings.Cut(name, "/")
		minute := 0
		for word := range strings.FieldsSeq(values) {
			m := token.FindStringSubmatch(word)
			if m == nil {
				t.Fatalf("the story of %s has %q", name, word)
			}
			times, _ := strconv.Atoi(m[4])
			for range max(times, 1) {
				at := begin.Add(time.Duration(minute) * time.Minute)
				minute++
				if m[1] == "" {
					continue
				}
				for s := range streams {
					one := telemetry.Minute{Series: telemetry.Series{Service: service, Region: region, Stream: s}, Start: at}
					one.Requests, _ = strconv.ParseUint(m[1], 10, 64)
					one.Errors, _ = strconv.ParseUint(m[2], 10, 64)
					took := 10 * time.Millisecond
					if m[3] != "" {
						took, _ = time.ParseDuration(m[3])
					}
					for range one.Requests {
						one.Durations.Observe(took)
					}
					p[at] = append(p[at], one)
				}
			}
		}
	}
	return p
}

// Minutes satisfies evaluator.Source.
func (p past) Minutes(_ context.Context, from, to time.Time, _ ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			for _, m := range p[at] {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

func load(t testing.TB) *templates.Set {
	t.Helper()
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// walk replays a source with each of several configurations.
func walk(t testing.TB, source evaluator.Source, from, to time.Time, configs ...*rules.Config) []*report.Collector {
	t.Helper()
	set := load(t)
	var collectors []*report.Collector
	var walkers []evaluator.Walker
	for _, c := range configs {
		x := report.NewCollector(c, set, nil)
		collectors = append(collectors, x)
		walkers = append(walkers, evaluator.Walker{Rings: evaluator.New(c), Sink: x.Judge})
	}
	w := evaluator.Walk{Source: source, From: from, To: to, Lag: configs[0].SigNoz.Lag}
	if err := w.Run(t.Context(), walkers...); err != nil {
		t.Fatal(err)
	}
	return collectors
}

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// night is the report of the story, with the old rules beside the new ones.
func night(t testing.TB, zone *time.Location, compared bool) *report.Report {
	t.Helper()
	is, was := parse(t, newRules), parse(t, oldRules)
	from, to := begin, begin.Add(12*time.Hour)
	c := walk(t, told(t, story, is, was), from, to, is, was)
	r := report.New(from, to, zone)
	r.Add("tocsin.yaml", c[0])
	if compared {
		r.Compare("old.yaml", c[0], c[1])
	}
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (run with -update, then read the diff)\n%s", file, got)
	}
}

// style stands in the page for what every page has.
var style = regexp.MustCompile(`(?s)<style>.*</style>`)

func TestReplayReports(t *testing.T) {
	for name, r := range map[string]*report.Report{"night": night(t, berlin(t), false), "compared": night(t, berlin(t), true), "planned": planned(t)} {
		t.Run(name, func(t *testing.T) {
			r.Note("what a reader should know")
			golden(t, name+".txt", written(t, r.Text))
			body, err := json.MarshalIndent(r, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", append(body, '\n'))
			page := written(t, r.HTML)
			golden(t, name+".html", style.ReplaceAll(page, []byte("<style>…</style>")))
			selfContained(t, page)
		})
	}
}

func written(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// selfContained checks that a page asks for nothing, runs nothing and is whole,
// that its links lead somewhere, and that no name stands twice.
func selfContained(t *testing.T, page []byte) {
	t.Helper()
	for _, bad := range []string{`<script`, `javascript:`, `\ssrc=`, `@import`, `url\([^#]`, `https?://`, `\son[a-z]+=`, `ZgotmplZ`, `<no value>`, `%!`} {
		if bytes.Contains(page, []byte("NaN")) {
			t.Error("the page has a number that is none")
		}
		if found := regexp.MustCompile("(?i)" + bad).Find(page); found != nil {
			t.Errorf("the page has %s", found)
		}
	}
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	ids, links := map[string]bool{}, map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not whole: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			switch {
			case a.Name.Local == "id" && ids[a.Value]:
				t.Errorf("two elements are called %s", a.Value)
			case a.Name.Local == "id":
				ids[a.Value] = true
			case a.Name.Local == "href" && a.Value != "data:,":
				links[a.Value] = true
			}
		}
	}
	for l := range links {
		if !ids[strings.TrimPrefix(l, "#")] {
			t.Errorf("%s leads nowhere", l)
		}
	}
	if len(ids) < 2 {
		t.Errorf("the page has %d names: this looks at the wrong thing", len(ids))
	}
}

const plannedRules = `
organisation: Acme
zone: Asia/Kolkata
reopen_within: 20m
components:
  - {id: api, name: Management API, depends_on: [db]}
  - {id: db, name: Database}
  - {id: jobs, name: Jobs}
regions: [{code: eu, name: Europe}]
channels: {status: {type: page, folder: page}}
maintenance:
  - {id: upgrade, title: Upgrade of the jobs, components: [jobs], from: 2026-11-20 22:00, to: 2026-11-21 04:00}
silences:
  - {id: known, rules: [api-latency], until: 2027-01-01, reason: being worked on}
rules:
  - {id: api-errors, component: api, signal: error_rate, where: {services: [api], routes: ["*"]}, window: 1m, levels: {P1: {above: 5%, for: 2m}, P4: {above: 1%, for: 2m}}, recover: {below: 0.5%, for: 3m}}
  - {id: api-latency, component: api, signal: p99, where: {services: [api], routes: ["*"]}, window: 1m, levels: {P2: {above: 100ms, for: 2m}}}
  - {id: db-quiet, component: db, signal: request_rate, where: {services: [db], routes: ["*"]}, window: 1m, levels: {P1: {below: 10/min, for: 2m}}}
  - {id: jobs-errors, component: jobs, signal: error_rate, where: {services: [jobs], routes: ["*"]}, window: 1m, levels: {P2: {above: 5%, for: 2m}}}
`

// planned has what is seldom: an incident that was internal at first, one that
// another explains, one that comes back, one that does not end, and breaches
// that maintenance and a silence keep quiet.
func planned(t testing.TB) *report.Report {
	t.Helper()
	config := parse(t, plannedRules)
	from, to := begin, begin.Add(4*time.Hour)
	source := told(t, map[string]string{
		"api/eu":  "1000x40 1000/20x20 1000/200x20 1000x12 1000/200x15 1000x60 100@300msx20 1000x20 1000/300x60",
		"db/eu":   "100x65 4x12 100x200",
		"jobs/eu": "100x30 100/50x10 100x200",
	}, config)
	c := walk(t, source, from, to, config)
	r := report.New(from, to, config.Zone)
	r.Add("planned.yaml", c[0])
	return r
}

// What comes out of spans is shown, and does nothing.
func TestNamesOutOfSpansAreOnlyNames(t *testing.T) {
	const service, region = "<script>alert(1)</script>", "e\x1b[2Ju"
	config := parse(t, strings.ReplaceAll(newRules, "services: [api]", `services: ["*"]`))
	source := told(t, map[string]string{service + "/" + region: "100x60 100/60x30 100x60"}, config)
	if len(source) == 0 || source[begin][0].Series.Region != "script>/"+region {
		t.Fatalf("the story has %v", source[begin])
	}
	from, to := begin, begin.Add(2*time.Hour)
	c := walk(t, source, from, to, config)
	r := report.New(from, to, time.UTC)
	r.Add("tocsin.yaml", c[0])
	if len(r.Incidents) != 1 {
		t.Fatalf("there are %d incidents", len(r.Incidents))
	}
	text := written(t, r.Text)
	if bytes.ContainsRune(text, '\x1b') || !bytes.Contains(text, []byte(`\x1b[2Ju`)) {
		t.Errorf("a terminal would take this for an order:\n%q", text)
	}
	page := written(t, r.HTML)
	selfContained(t, page)
	if !bytes.Contains(page, []byte("&lt;script&gt;alert(1)")) {
		t.Error("the page does not show the service's name")
	}
	for _, i := range r.Incidents {
		for _, p := range i.Posts {
			if strings.Contains(p.Text+p.Title, "alert") || strings.Contains(p.Text+p.Title, "2Ju") {
				t.Errorf("customers would read %q", p.Text)
			}
		}
	}
}
