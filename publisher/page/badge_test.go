package page

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// drawn is a badge as a reader of pictures has it.
type drawn struct {
	Width string `xml:"width,attr"`
	Role  string `xml:"role,attr"`
	Named string `xml:"aria-labelledby,attr"`
	Title struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",chardata"`
	} `xml:"title"`
	Paths []struct {
		Fill string `xml:"fill,attr"`
	} `xml:"path"`
	Texts []string `xml:"g>text"`
}

func badgeIn(t *testing.T, files map[string][]byte, folder string) (label, message, colour string) {
	t.Helper()
	var s shield
	if err := decode(files[folder+"badge.json"], &s); err != nil {
		t.Fatal(err)
	}
	var d drawn
	if err := xml.Unmarshal(files[folder+"badge.svg"], &d); err != nil {
		t.Fatal(err)
	}
	if s.Version != 1 || d.Title.Text != s.Label+": "+s.Message || d.Role != "img" || d.Named != d.Title.ID || len(d.Paths) != 2 || d.Paths[1].Fill != "#"+s.Colour {
		t.Errorf("%s: the picture %+v and the endpoint %+v do not agree", folder, d, s)
	}
	if strings.Join(d.Texts, ": ") != s.Label+": "+s.Message {
		t.Errorf("%s: the picture says %q, want %s: %s", folder, d.Texts, s.Label, s.Message)
	}
	return s.Label, s.Message, s.Colour
}

func TestBadgesSayHowItIsInWords(t *testing.T) {
	for _, c := range []struct {
		name, folder, label, message, tone string
		p                                  templates.Public
	}{
		{"all is well", "", "FeatureSignals", "All systems operational", "ok", fine()},
		{"one region is out", "", "FeatureSignals", "Partial outage", "partial", p0()},
		{"a component in trouble", "components/api/", "Management API", "Partial outage", "partial", p0()},
		{"a component that is well beside it", "components/dashboard/", "Dashboard", "Operational", "ok", p0()},
		{"the region of the trouble", "regions/eu/", "Europe", "Partial outage", "partial", p0()},
		{"another region", "regions/in/", "India", "Operational", "ok", p0()},
		{"a slow component", "components/evaluations/", "Flag evaluations", "Degraded performance", "minor", p1()},
		{"all data are missing", "", "FeatureSignals", "No data since 10:20 UTC", "unknown", blind()},
		{"a component's data are missing", "components/dashboard/", "Dashboard", "No data since 10:20 UTC", "unknown", blind()},
		{"part of a component's data are missing", "components/evaluations/", "Flag evaluations", "No data from some parts", "unknown", partly()},
		{"a component that was never heard of", "components/webhooks/", "Webhooks", "Not watched yet", "unknown", quiet()},
		{"all that was ever heard of is well", "", "FeatureSignals", "All systems operational", "ok", newcomer()},
		{"nothing was measured yet", "", "Acme", "No data yet", "unknown", zero()},
	} {
		t.Run(c.name, func(t *testing.T) {
			label, message, colour := badgeIn(t, documents(t, c.p), c.folder)
			if label != c.label || message != c.message || colour != colours[c.tone] {
				t.Errorf("%q %q %s, want %q %q %s", label, message, colour, c.label, c.message, colours[c.tone])
			}
		})
	}
}

// A badge and the page beside it say the same, whatever the situation.
func TestABadgeSaysWhatItsPageSays(t *testing.T) {
	kicker := regexp.MustCompile(`(?:<p class="kicker t-[a-z]+">|<span class="fresh-only">)(?:<svg[^>]*>.*?</svg>)?(?:<span>)?([^<]*)`)
	for _, state := range []string{"incident", "maintenance", "quiet", "first"} {
		p := pagetest.Public(state)
		p.Components, p.Past = p.Components[:3], nil // more of the same
		files, err := New("status", "", load(t)).Render(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scopes(p) {
			var b shield
			if err := decode(files[s.file(fileShield)], &b); err != nil {
				t.Fatal(err)
			}
			page := strings.TrimSuffix(strings.TrimSpace(string(kicker.FindSubmatch(files[s.file(fileIndex)])[1])), " since")
			if !strings.HasPrefix(b.Message, page) {
				t.Errorf("%s: %s: the page says %q, its badge %q", state, s.folder, page, b.Message)
			}
		}
	}
}

// newcomer has a component that nothing was heard of yet.
func newcomer() templates.Public {
	p := fine()
	c := &p.Components[len(p.Components)-1]
	c.Status = templates.NotWatched
	for n := range c.Cells {
		c.Cells[n] = templates.Cell{Region: c.Cells[n].Region, Status: templates.NotWatched}
	}
	return p
}

func partly() templates.Public {
	p := fine()
	p.Components[1].Status = templates.NoData
	p.Components[1].Cells[1] = templates.Cell{Region: europe, Status: templates.NoData, Since: today(10, 2)}
	return p
}

// TestBadgesGreyWithThePage: whoever serves them greys them.
func TestBadgesGreyWithThePage(t *testing.T) {
	e := expiry{until: today(10, 47), checked: today(10, 42)}
	for name, p := range pagetest.All() {
		if name == "huge" {
			continue // more of the same
		}
		files := documents(t, p)
		for _, s := range scopes(p) {
			greyed := map[string][]byte{}
			for _, name := range []string{"badge.svg", "badge.json"} {
				greyed[s.file(name)] = grey(s.file(name), files[s.file(name)], e)
			}
			before, _, _ := badgeIn(t, files, s.file("")+strings.Repeat("/", min(1, len(s.folder))))
			label, message, colour := badgeIn(t, greyed, s.file("")+strings.Repeat("/", min(1, len(s.folder))))
			if label != before || message != "No fresh data since 10:42 UTC" || colour != colours["unknown"] {
				t.Errorf("%s: %s: greyed: %q %q %s", name, s.folder, label, message, colour)
			}
		}
		for file, content := range files {
			if !greys(file) && string(grey(file, content, e)) != string(content) {
				t.Errorf("%s: %s was greyed, and is said not to be", name, file)
			}
		}
	}
}

func TestGreyLeavesAloneWhatItDoesNotKnow(t *testing.T) {
	e := expiry{until: today(10, 47)}
	for _, name := range []string{"badge.svg", "badge.json", "api/v2/summary.json", "api/v2/status.json", "index.html", "other"} {
		for _, content := range []string{"", "{}", "<svg/>", "<svg", "null", "[1]"} {
			if got := string(grey(name, []byte(content), e)); got != content {
				t.Errorf("%s: %q became %q", name, content, got)
			}
		}
	}
}

func TestBadgeColoursHoldWhiteWords(t *testing.T) {
	for _, colour := range append(slices.Collect(maps.Values(colours)), "3b3f46") {
		n, err := strconv.ParseUint(colour, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		light := 0.0
		for shift, weight := range map[int]float64{16: 0.2126, 8: 0.7152, 0: 0.0722} {
			c := float64(n>>shift&255) / 255
			if c <= 0.03928 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			light += weight * c
		}
		if contrast := 1.05 / (light + 0.05); contrast < 4.5 {
			t.Errorf("#%s: %.2f to 1", colour, contrast)
		}
	}
}

func TestABadgeIsAsWideAsItsWords(t *testing.T) {
	width := func(label string) float64 {
		b, err := badge{label, "Operational", colours["ok"]}.asSVG()
		if err != nil {
			t.Fatal(err)
		}
		w, err := strconv.ParseFloat(string(regexp.MustCompile(`width="([0-9.]+)"`).FindSubmatch(b)[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	if i, w := width("iiii"), width("WWWW"); w-i < 25 {
		t.Errorf("narrow letters take %.1f, wide ones %.1f", i, w)
	}
	if w := width(strings.Repeat("W", 5000)); w > 1000 {
		t.Errorf("a long name takes %.0f", w)
	}
	if w := width(""); w <= 0 {
		t.Errorf("no name takes %.0f", w)
	}
}

// TestOwnDocumentTellsOfUptime reads the figures as a program does, and computes
// them anew.
func TestOwnDocumentTellsOfUptime(t *testing.T) {
	type told struct {
		From, To string
		Percent  float64
		Coverage float64            `json:"coverage_percent"`
		Lost     float64            `json:"lost_minutes"`
		Minutes  map[string]float64 `json:"minutes"`
		Days     map[string]any     `json:"days"`
	}
	var d struct {
		Weights    map[string]float64
		Uptime     told
		Components []struct {
			ID      string
			Group   string
			Target  float64 `json:"target_percent"`
			Uptime  told
			Month   *told `json:"this_month"`
			Regions []struct {
				Code    string
				Uptime  told
				Figures []struct {
					Kind   string
					Step   int `json:"step_seconds"`
					Points []*float64
				}
			}
		}
		Works []map[string]any `json:"maintenances"`
	}
	p := pagetest.Public("many")
	if err := json.Unmarshal(documents(t, p)[fileFacts], &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Works) != len(p.Works) || len(d.Components) != len(p.Components) {
		t.Fatalf("%d maintenances, %d components", len(d.Works), len(d.Components))
	}
	figures := 0
	for n, c := range d.Components {
		of := p.Components[n]
		m := of.Record.Sum()
		percent, _ := m.Uptime(p.Weights)
		if math.Abs(percent-c.Uptime.Percent) > 1e-4 || c.Uptime.Percent > percent+1e-9 || c.Group != of.Group || c.Target != of.Target || (c.Month != nil) != (of.Target > 0) {
			t.Errorf("%s: %+v, want %v %%", c.ID, c, percent)
		}
		known := c.Uptime.Minutes["good"] + c.Uptime.Minutes["outage"] + c.Uptime.Minutes["major_degradation"] + c.Uptime.Minutes["minor_degradation"]
		if again := 100 * (1 - c.Uptime.Lost/known); math.Abs(again-percent) > 1e-6 {
			t.Errorf("%s: from the minutes %v %%, want %v", c.ID, again, percent)
		}
		if coverage := 100 * known / (known + c.Uptime.Minutes["unknown"]); math.Abs(coverage-c.Uptime.Coverage) > 1e-4 {
			t.Errorf("%s: coverage %v, want %v", c.ID, c.Uptime.Coverage, coverage)
		}
		sum := 0.0
		good, _ := c.Uptime.Days["good"].([]any)
		for _, v := range good {
			sum += v.(float64)
		}
		if sum != c.Uptime.Minutes["good"] || len(good) != pagetest.RecordDays {
			t.Errorf("%s: its days have %v good minutes on %d days, want %v", c.ID, sum, len(good), c.Uptime.Minutes["good"])
		}
		for _, r := range c.Regions {
			if r.Uptime.From == "" {
				t.Errorf("%s/%s has no record", c.ID, r.Code)
			}
			for _, f := range r.Figures {
				figures++
				if f.Step < 60 || len(f.Points) == 0 {
					t.Errorf("%s/%s: figure %+v", c.ID, r.Code, f)
				}
			}
		}
	}
	if figures == 0 {
		t.Error("no figures")
	}
	if got := d.Weights["outage"]; got != p.Weights[0] {
		t.Errorf("an outage weighs %v", got)
	}
	for _, c := range []struct {
		in   float64
		want string
	}{{99.99999, "99.9999"}, {100, "100"}, {99.95, "99.95"}, {0, "0"}} {
		if got := fmt.Sprint(floor(c.in)); got != c.want {
			t.Errorf("%v is told as %s, want %s", c.in, got, c.want)
		}
	}
	b := documents(t, zero())[fileFacts]
	if strings.Contains(string(b), "uptime") || strings.Contains(string(b), "0001-01-01") {
		t.Errorf("a fresh install claims an uptime: %s", b)
	}
	gone := templates.Record{Days: []templates.DayRecord{{Date: today(0, 0)}}}
	if u := uptime(gone, templates.Weights{1}, true); u.Percent != nil || u.Coverage != nil {
		t.Errorf("a day of which nothing is known has %+v", u)
	}
}
