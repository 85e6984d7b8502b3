package templates

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// hostile is what a name would look like that somebody made to break out.
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(2)>&]]>`

func TestHostileWordsAreEscaped(t *testing.T) {
	p := full()
	p.Organisation, p.Title, p.Support = hostile, hostile, "javascript:alert(3)"
	p.Regions[0].Name, p.Components[0].Name, p.Components[0].Description = hostile, hostile, hostile
	p.Components[0].Cells[0].Region.Name = hostile
	i := &p.Incidents[0]
	i.Component.Name, i.Integrity, i.Workaround, i.Symptom = hostile, hostile, hostile, hostile
	for n := range i.Updates {
		u := &i.Updates[n]
		u.Symptom, u.Impact, u.Workaround, u.Status, u.State = hostile, hostile, hostile, hostile, hostile
		u.Text, u.Integrity, u.Into = hostile, hostile, hostile
	}
	i.Updates[0].Trend = "new"
	s := load(t)
	for name, render := range map[string]func() ([]byte, error){
		"the first page":   func() ([]byte, error) { return s.Index(p) },
		"an incident":      func() ([]byte, error) { return s.IncidentPage(p, *i) },
		"the history":      func() ([]byte, error) { return s.History(p) },
		"a feed's entry":   func() ([]byte, error) { e, err := s.FeedEntry(p, *i); return []byte(e), err },
		"the page, greyed": func() ([]byte, error) { b, err := s.Index(p); return Grey(b), err },
	} {
		t.Run(name, func(t *testing.T) {
			b, err := render()
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"<script>alert", "<img src=x", "javascript:", "onerror=alert(2)>"} {
				if bytes.Contains(b, []byte(bad)) {
					t.Errorf("it holds %s", bad)
				}
			}
			if !bytes.Contains(b, []byte("&lt;script&gt;alert(1)")) {
				t.Error("the words are not there at all")
			}
		})
	}
}

func TestGreyNeedsNothingButThePage(t *testing.T) {
	p := full()
	p.Blind = time.Time{}
	fresh, err := load(t).Index(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := Expires(fresh); !got.Equal(p.ValidUntil) {
		t.Errorf("it expires at %v, want %v", got, p.ValidUntil)
	}
	grey := Grey(fresh)
	for _, want := range []string{
		`class="stale"`,
		"<title>No fresh data since 14:30 UTC – FeatureSignals status</title>",
		`This page has had no fresh data since <time datetime="2026-05-20T14:30:00Z">20 May 2026, 14:30 UTC</time>`,
	} {
		if !bytes.Contains(grey, []byte(want)) {
			t.Errorf("the grey page lacks %s", want)
		}
	}
	icon := func(page []byte) string { return string(pageIcon.FindSubmatch(page)[1]) }
	if bytes.Contains(grey, []byte(icon(fresh))) {
		t.Error("the grey page keeps the icon of the fresh one")
	}
	if !Expires(grey).IsZero() || !bytes.Equal(Grey(grey), grey) {
		t.Error("greying twice is not the same as once")
	}
	if Policy(grey) != Policy(fresh) || Policy(fresh) == "" {
		t.Error("the policy is lost")
	}
	if other := []byte("<html>not ours</html>"); !bytes.Equal(Grey(other), other) || !Expires(other).IsZero() {
		t.Error("what is not a page of ours is changed")
	}
}

func TestAResolvedIncidentsPageNeverMoves(t *testing.T) {
	s, p := load(t), full()
	before, err := s.IncidentPage(p, p.Past[0])
	if err != nil {
		t.Fatal(err)
	}
	p.Rendered, p.Checked, p.ValidUntil = p.Rendered.Add(time.Hour), p.Checked.Add(time.Hour), p.ValidUntil.Add(time.Hour)
	after, err := s.IncidentPage(p, p.Past[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("it changed with the hour")
	}
	if !Expires(after).IsZero() {
		t.Error("it grows stale")
	}
}

func TestTheHeadlineIsTrue(t *testing.T) {
	at := time.Date(2026, 5, 20, 10, 2, 0, 0, time.UTC)
	cells := func(statuses ...Status) Component {
		c := Component{ID: "api", Name: "API", Status: statuses[0]}
		for n, s := range statuses[1:] {
			c.Cells = append(c.Cells, Cell{Region: Region{Code: strconv.Itoa(n)}, Status: s})
		}
		return c
	}
	incident := func(state, status string) []Incident {
		return []Incident{{State: state, Status: status, Began: at, Updates: []Update{{State: state, Status: status}}}}
	}
	for _, c := range []struct {
		name string
		p    Public
		want string
		tone string
	}{
		{"nothing measured is no data", Public{}, "No data yet", "unknown"},
		{"all well is said", Public{Checked: at, Components: []Component{cells(Operational, Operational, Operational)}}, "All systems operational", "ok"},
		{"a place not watched yet takes nothing from it", Public{Checked: at, Components: []Component{cells(Operational, Operational, NotWatched)}}, "All systems operational", "ok"},
		{"a place without data does", Public{Checked: at, Components: []Component{cells(NoData, Operational, NoData)}}, "No known problems", "unknown"},
		{"a place with little traffic does", Public{Checked: at, Components: []Component{cells(LowTraffic, Operational, LowTraffic)}}, "No known problems", "unknown"},
		{"only places without data are no fresh data", Public{Checked: at, Components: []Component{cells(NoData, NoData, LowTraffic)}}, "No fresh data", "unknown"},
		{"only places not watched are no data", Public{Checked: at, Components: []Component{cells(NotWatched, NotWatched)}}, "No data yet", "unknown"},
		{"blindness comes first", Public{Checked: at, Rendered: at, Blind: at, Indicator: "major", Components: []Component{cells(Partial, Major, Operational)}, Incidents: incident("investigating", "Partial service")}, "No data since 10:02 UTC", "unknown"},
		{"one region out is a partial outage", Public{Checked: at, Indicator: "major", Components: []Component{cells(Partial, Major, Operational)}}, "Partial outage", "partial"},
		{"all out is a major outage", Public{Checked: at, Indicator: "critical", Components: []Component{cells(Major, Major, Major)}}, "Major outage", "major"},
		{"slow is degraded, whatever the indicator", Public{Checked: at, Indicator: "major", Components: []Component{cells(Degraded, Degraded)}, Incidents: incident("investigating", "Degraded performance")}, "Degraded performance", "minor"},
		{"an outage without fresh data is still one", Public{Checked: at, Components: []Component{cells(NoData, NoData)}, Incidents: incident("investigating", "Partial service")}, "Partial outage", "partial"},
		{"well again and watched is recovering", Public{Checked: at, Components: []Component{cells(Operational, Operational)}, Incidents: incident("monitoring", "Operational")}, "Recovering", "info"},
		{"maintenance is said", Public{Checked: at, Components: []Component{cells(Maintenance, Maintenance)}}, "Maintenance under way", "info"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := english.headline(c.p)
			if got.Word != c.want || got.Tone != c.tone {
				t.Errorf("got %q in %s, want %q in %s", got.Word, got.Tone, c.want, c.tone)
			}
			page, err := load(t).Index(c.p)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(page, []byte(">"+c.want+" – ")) {
				t.Error("the title does not start with it")
			}
		})
	}
}

func TestARegionIsOutOnlyWhereAllOfItIs(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 5, 20, hour, 0, 0, 0, time.UTC) }
	cell := func(s Status, hour int) Cell { return Cell{Region: Region{Code: "eu"}, Status: s, Since: at(hour)} }
	for want, cells := range map[string][]Cell{
		`>Partial outage since <time datetime="2026-05-20T08:00:00Z">`: {cell(Operational, 7), cell(Major, 9), cell(Major, 8), cell(Degraded, 6)},
		`>Major outage since <time datetime="2026-05-20T08:00:00Z">`:   {cell(Major, 9), cell(Major, 8), cell(NotWatched, 0)},
	} {
		p := Public{Checked: at(10), Rendered: at(10), Regions: []Region{{Code: "eu"}}}
		for n, c := range cells {
			p.Components = append(p.Components, Component{ID: strconv.Itoa(n), Status: c.Status, Cells: []Cell{c}})
		}
		page, err := load(t).Region(p, "eu")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestNothingIsGreenWithoutData(t *testing.T) {
	p := full()
	for n := range p.Components {
		p.Components[n].Status = Operational
		for m := range p.Components[n].Cells {
			p.Components[n].Cells[m].Status = Operational
		}
	}
	p.Incidents, p.Past = nil, nil
	page, err := load(t).Index(p) // full is blind
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(page), "<body>")
	body = strings.ReplaceAll(body, `<path class="t-ok"`, "") // days of which it is on record
	if strings.Contains(body, "t-ok") || strings.Contains(body, `href="#i-ok"`) || strings.Contains(body, "Operational") {
		t.Error("something on the page is green while all data are missing")
	}
	if n := strings.Count(body, "No data <small>since"); n != 9 {
		t.Errorf("%d cells say since when there are no data, want 9", n)
	}
}

func TestEachDayIsSpokenFor(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }
	p := Public{
		Rendered: at(20, 10), Checked: at(20, 10), Since: at(9, 12), Blind: at(19, 12),
		Past: []Incident{{ID: "INC-2026-0001", State: "resolved", Began: at(17, 23), Resolved: at(18, 2), Updates: []Update{{State: "resolved"}}}},
		Components: []Component{{Record: Record{Days: []DayRecord{
			{Date: at(12, 0), Minutes: Minutes{Good: 1440}},
			{Date: at(13, 0), Minutes: Minutes{Good: 1000, Unknown: 440}},
			{Date: at(14, 0), Minutes: Minutes{Unknown: 1440}},
			{Date: at(15, 0), Minutes: Minutes{Maintenance: 1440}},
		}}}},
	}
	var got []string
	for _, d := range english.days(p) {
		switch {
		case len(d.Incidents) > 0:
			got = append(got, fmt.Sprintf("%d:%d carried=%v", d.Date.Day(), len(d.Incidents), d.Incidents[0].Carried))
		case d.Unwatched:
			got = append(got, fmt.Sprintf("%d:unwatched", d.Date.Day()))
		case d.Blind:
			got = append(got, fmt.Sprintf("%d:blind", d.Date.Day()))
		case d.Dark:
			got = append(got, fmt.Sprintf("%d:dark", d.Date.Day()))
		case d.Thin:
			got = append(got, fmt.Sprintf("%d:thin", d.Date.Day()))
		default:
			got = append(got, fmt.Sprintf("%d:none", d.Date.Day()))
		}
	}
	want := "20:blind 19:blind 18:1 carried=true 17:1 carried=false 16:none 15:none 14:dark 13:thin 12:none 11:none 10:none 9:none 8:unwatched 7:unwatched"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

// That nothing happened is not claimed of days that nothing was seen of.
func TestADayWithoutDataIsNotCalm(t *testing.T) {
	p := full()
	p.Incidents, p.Past, p.Blind = nil, nil, p.Rendered.AddDate(0, 0, -1) // at 14:31 of the day before
	page, err := load(t).Index(p)
	if err != nil {
		t.Fatal(err)
	}
	_, days, _ := strings.Cut(string(page), `<ol class="days card">`)
	days, _, _ = strings.Cut(days, "</ol>")
	var got []string
	for _, m := range regexp.MustCompile(`(?s)<li[^>]*>.*?</li>`).FindAllString(days, 3) {
		got = append(got, strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m, " ")), " "))
	}
	want := "20 May 2026 (today) No data since 14:31 UTC on 19 May 2026, 19 May 2026 No data since 14:31 UTC, 18 May 2026 No incidents"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

// A heading within a table is of the rows of its own group, and of no more.
func TestEachComponentsRegionsAreAGroupOfRows(t *testing.T) {
	page, err := load(t).Uptime(full())
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	heads := map[*html.Node]int{}
	for n := range root.Descendants() {
		if n.Data == "th" && slices.Contains(n.Attr, html.Attribute{Key: "scope", Val: "rowgroup"}) {
			heads[n.Parent.Parent]++
		}
	}
	if want := len(full().Components); len(heads) != want {
		t.Errorf("%d groups of rows, want %d", len(heads), want)
	}
}

func TestMonthsGoBackToTheFirstIncident(t *testing.T) {
	p := Public{Rendered: time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC)}
	for _, began := range []string{"2026-03-01", "2025-12-31", "2022-01-15"} {
		day, _ := time.Parse(time.DateOnly, began)
		p.Past = append(p.Past, Incident{Began: day, Resolved: day.Add(time.Hour), Updates: []Update{{State: "resolved"}}})
	}
	list := english.months(p)
	var got []string
	for _, m := range list {
		got = append(got, fmt.Sprintf("%s:%d", m.Date.Format("2006-01"), len(m.Incidents)))
	}
	if first := strings.Join(got[:4], " "); first != "2026-03:1 2026-02:0 2026-01:0 2025-12:1" {
		t.Errorf("the first months are %s", first)
	}
	if last := got[len(got)-1]; last != "2022-01:1" {
		t.Errorf("the last month is %s", last)
	}
	if len(got) > pastMonths+2 {
		t.Errorf("%d months are listed, though nothing happened in most", len(got))
	}
}

// TestColoursCanBeTold reads the colours from the style sheet and holds each
// pair that lies on one another against WCAG 2.2: 4.5:1 for words, 3:1 for
// shapes and lines that carry meaning.
func TestColoursCanBeTold(t *testing.T) {
	css := builtin(t, "style.css")
	variable := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	light, dark, _ := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	dark, _, _ = strings.Cut(dark, "@media")
	light, _, _ = strings.Cut(light, "@media")
	themes := map[string]map[string]string{"light": {}, "dark": {}}
	for theme, text := range map[string]string{"light": light, "dark": dark} {
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			themes[theme][m[1]] = m[2]
		}
	}
	type pair struct {
		ink, ground string
		least       float64
	}
	pairs := []pair{
		{"ink", "bg", 4.5}, {"ink", "card", 4.5}, {"dim", "bg", 4.5}, {"dim", "card", 4.5}, {"link", "bg", 4.5}, {"link", "card", 4.5},
	}
	for _, tone := range []string{"ok", "minor", "partial", "major", "info", "unknown"} {
		pairs = append(pairs,
			pair{tone, "card", 4.5},        // a cell's word
			pair{tone, "bg", 4.5},          // an incident page's first line
			pair{tone, tone + "-t", 4.5},   // a pill's word
			pair{"ink", tone + "-t", 4.5},  // the banner's words
			pair{"link", tone + "-t", 4.5}, // and a link in it
			pair{"on", tone, 3},            // the mark on a shape
		)
	}
	for dark, theme := range map[bool]string{false: "light", true: "dark"} {
		if want := [2]string{themes[theme]["bg"], themes[theme]["card"]}; grounds[dark] != want {
			t.Errorf("%s: CheckAccent asks for %v, and the page has %v", theme, grounds[dark], want)
		}
	}
	pairs = append(pairs, pair{"bar", "card", 3}, pair{"bar", "bg", 3}) // a good day
	for theme, colours := range themes {
		lowest := 21.0
		for _, p := range pairs {
			ink, ground := colours[p.ink], colours[p.ground]
			if ink == "" || ground == "" {
				t.Fatalf("%s: no colour for %s on %s", theme, p.ink, p.ground)
			}
			c := contrast(ink, ground)
			if p.least == 4.5 {
				lowest = min(lowest, c)
			}
			if c < p.least {
				t.Errorf("%s: %s %s on %s %s has %.2f:1, want %.1f:1", theme, p.ink, ink, p.ground, ground, c, p.least)
			}
		}
		t.Logf("%s: the lowest contrast of words is %.2f:1", theme, lowest)
	}
	if contrast("#000000", "#ffffff") != 21 {
		t.Error("black on white is not 21:1")
	}
}

func TestEveryIconDiffersInShape(t *testing.T) {
	seen := map[string]Status{}
	for status, look := range looks {
		s := shapes[look.Icon]
		if s.body == "" || tones[look.Tone] == "" {
			t.Errorf("%s has no shape or no colour", status)
		}
		if other, ok := seen[s.body+s.mark]; ok {
			t.Errorf("%s looks like %s", status, other)
		}
		seen[s.body+s.mark] = status
	}
}

// Of a month that only a part of is on record nobody can say whether the promise was
// kept in it: an hour is more of a day than of a month. One in which the record
// began is all there is of it.
func TestAPromiseIsJudgedByWholeMonths(t *testing.T) {
	s, p := load(t), full()
	p.Rendered = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	p.Components[0].Target = 99.9
	for name, tt := range map[string]struct {
		days int
		want string
	}{
		"the oldest month is cut off": {90, "Met so far, Met, Met, –"},
		"the record began in it":      {80, "Met so far, Met, Missed"},
	} {
		var days []DayRecord
		for n := range tt.days {
			d := DayRecord{Date: midnight(p.Rendered).AddDate(0, 0, n-tt.days+1), Minutes: Minutes{Good: 1440}}
			if n == 0 {
				d.Minutes = Minutes{Good: 1000, Bad: [5]int{440}}
			}
			days = append(days, d)
		}
		p.Components[0].Record.Days = days
		page, err := s.Component(p, p.Components[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		_, months, _ := strings.Cut(string(page), `id="months"`)
		months, _, _ = strings.Cut(months, "</table>")
		for _, m := range regexp.MustCompile(`<td>([^<]*)</td></tr>`).FindAllStringSubmatch(months, -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: the months say %q, want %q", name, strings.Join(got, ", "), tt.want)
		}
	}
}

// A quarter with more incidents than one page can hold takes the whole page down:
// what cannot be rendered is not published.
func TestTheHistoryListsNoMoreThanItCanHold(t *testing.T) {
	for _, c := range []struct {
		name      string
		incidents []int // by month, the newest first
		want      int   // months in full
	}{
		{"none", nil, 0},
		{"a few", []int{1, 0, 3, 4}, 3},
		{"two months", []int{1, 2}, 2},
		{"a bad month is in full, and is the only one", []int{900, 2, 3}, 1},
		{"a bad month before is on its own page", []int{3, 900, 2}, 1},
		{"as many as there may be", []int{200, 200, 100}, 3},
	} {
		var all []Month
		for _, n := range c.incidents {
			all = append(all, Month{Incidents: make([]Span, n)})
		}
		if got := len(inFull(all)); got != c.want {
			t.Errorf("%s: %d months are in full, want %d", c.name, got, c.want)
		}
	}
}
