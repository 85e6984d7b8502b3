package report

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestReplayNights(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	local := func(s string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for s, want := range map[string]string{
		"2026-11-20 21:59": "", "2026-11-20 22:00": "2026-11-20", "2026-11-21 00:00": "2026-11-20", "2026-11-21 06:59": "2026-11-20",
		"2026-11-21 07:00": "", "2026-03-01 03:00": "2026-02-28", "2026-10-25 02:30": "2026-10-24", "2027-01-01 01:00": "2026-12-31",
	} {
		date, ok := night(local(s), berlin)
		if got := date.Format(time.DateOnly); ok && got != want || !ok && want != "" {
			t.Errorf("%s lies in the night of %s (%v), want %q", s, got, ok, want)
		}
	}
	woken := func(at ...string) Incident {
		var i Incident
		for _, s := range at {
			i.Wakings = append(i.Wakings, local(s))
		}
		return i
	}
	n := nights(local("2026-11-16 00:00"), local("2026-11-23 00:00"), berlin, []Incident{
		woken("2026-11-17 23:30", "2026-11-18 02:00"), woken("2026-11-17 23:30"), woken("2026-11-20 05:00"),
	}, nil)
	if n.All != 8 || n.Woken != 2 || len(n.Wakings) != 3 {
		t.Errorf("%d of %d nights, %d wakings; want 2 of 8 (the first and the last are not whole), 3", n.Woken, n.All, len(n.Wakings))
	}

	var d Data
	for _, s := range []string{"2026-11-18 21:59", "2026-11-19 22:00", "2026-11-22 06:59", "2026-11-22 12:00"} {
		d.Saw(telemetry.Minute{Start: local(s).UTC(), Requests: 1})
	}
	if n := nights(local("2026-11-16 00:00"), local("2026-11-23 00:00"), berlin, nil, &d); n.All != 2 {
		t.Errorf("%d nights; want 2, those in which there was data", n.All)
	}
}

// What spans and probes know begins at times of their own.
func TestReplayRests(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	zone := time.FixedZone("half an hour off", 5*3600+1800)
	for _, c := range []struct {
		name          string
		spans, probes int // hours after the beginning; 0: none
		want          string
	}{
		{"spans alone, later", 30, 0, "The oldest request is of 2 Nov 11:30; before it nothing was judged."},
		{"probes alone, later", 0, 30, "The oldest request is of 2 Nov 11:30; before it nothing was judged."},
		{"both before", -1, -2, ""},
		{"spans before, probes later", -1, 30, "The oldest request of a probe is of 2 Nov 11:30; before it only spans were judged."},
		{"probes before, spans later", 30, -1, "The oldest span is of 2 Nov 11:30; before it only what probes saw was judged."},
		{"both later", 30, 6, "The oldest request is of 1 Nov 11:30; before it nothing was judged. The oldest span is of 2 Nov 11:30; before it only what probes saw was judged."},
	} {
		var d Data
		saw := func(hours int, stream string) {
			if hours != 0 {
				at := from.Add(time.Duration(hours) * time.Hour)
				d.Saw(telemetry.Minute{Series: telemetry.Series{Stream: stream}, Start: at.Add(time.Hour)})
				d.Saw(telemetry.Minute{Series: telemetry.Series{Stream: stream}, Start: at})
			}
		}
		saw(c.spans, "")
		saw(c.probes, rules.ProbeStream)
		r := New(from, from.AddDate(0, 0, 20), zone)
		r.Rests(&d)
		if got := strings.Join(r.Notes, " "); got != c.want || r.Oldest.IsZero() == strings.Contains(got, "nothing") {
			t.Errorf("%s: the oldest is %s, noted %q, want %q", c.name, r.Oldest, got, c.want)
		}
	}
}

func TestWhatWakes(t *testing.T) {
	at := func(m int) time.Time { return time.Date(2026, 11, 20, 23, m, 0, 0, time.UTC) }
	var tl tally
	for _, s := range []struct {
		minute int
		sev    rules.Severity
		over   bool
	}{
		{0, rules.P2, false},
		{3, rules.P2, false},
		{5, rules.P1, false},
		{6, rules.SeverityNone, false},
		{7, rules.P1, false},
		{9, rules.P2, false},
		{9, rules.P0, false},
		{12, rules.P1, false},
		{20, rules.SeverityNone, true},
		{25, rules.P1, false},
	} {
		tl.step(at(s.minute), at(s.minute+1), s.sev, s.over)
	}
	var steps []string
	for _, s := range tl.steps {
		steps = append(steps, fmt.Sprintf("%d %s", s.At.Minute(), s.Severity))
	}
	if got, want := strings.Join(steps, ", "), "0 P2, 5 P1, 9 P0, 12 P1, 20 none, 25 P1"; got != want {
		t.Errorf("severity over time: %s, want %s", got, want)
	}
	var when []int
	for _, w := range wakings(tl.steps, time.UTC) {
		when = append(when, w.Minute())
	}
	if want := []int{6, 10, 26}; !slices.Equal(when, want) {
		t.Errorf("people are woken at %v, want %v", when, want)
	}
	i := Incident{Severities: tl.steps}
	if got, want := fmt.Sprint(i.minutes(at(30))), "map[P2:5 P1:17 P0:3]"; got != want {
		t.Errorf("minutes: %s, want %s", got, want)
	}
}

// A recording of months keeps the worst of what it leaves out.
func TestALongRecordingKeepsTheWorst(t *testing.T) {
	tr := newTrack(seriesKey{"r", "s", "eu"}, rules.Rule{Levels: []rules.Level{{For: time.Minute}}, Window: time.Minute})
	rec := tr.record(nil, time.Time{})
	const minutes = 5000
	for m := 1; m <= minutes; m++ {
		f := evaluator.Finding{At: time.Unix(int64(m)*60, 0), Now: evaluator.Good, Value: 0.01, Seen: true}
		if m == 3001 {
			f.Now, f.Value = evaluator.Bad, 0.9
		}
		f.Seen = m < 4000
		tr.push(&f)
	}
	if n := len(rec.samples); n > mostRecorded || n < mostRecorded/2 {
		t.Errorf("%d samples are kept", n)
	}
	s := rec.signal(rules.Rule{ID: "r"})
	bad := strings.IndexByte(s.Verdicts, 'b')
	if bad < 0 || strings.Count(s.Verdicts, "b") != 1 || *s.Values[bad] != 0.9 {
		t.Fatalf("the bad minute is lost: %v", s.Verdicts)
	}
	if at := s.From.Add(time.Duration(bad*s.Step)*time.Minute).Unix() / 60; at > 3001 || at+int64(s.Step) <= 3001 {
		t.Errorf("the bad minute stands at %d, %d min a sample", at, s.Step)
	}
	if last := s.Values[len(s.Values)-1]; last != nil || len(s.Values) != len(s.Verdicts) {
		t.Errorf("what had no value has %v; %d values, %d verdicts", last, len(s.Values), len(s.Verdicts))
	}
}

// What a track remembers does not grow, and a recording ends a while after its
// incident.
func TestTracksAreBounded(t *testing.T) {
	tr := newTrack(seriesKey{"r", "s", "eu"}, rules.Rule{Window: 7 * 24 * time.Hour, Levels: []rules.Level{{For: time.Hour}}})
	if len(tr.ring) != mostTracked {
		t.Errorf("a track is %d long", len(tr.ring))
	}
	push := func(from, to int) {
		for m := from; m < to; m++ {
			tr.push(&evaluator.Finding{At: time.Unix(int64(m)*60, 0), Seen: true})
		}
	}
	push(0, 1000)
	tl := tally{recordings: map[seriesKey]*recording{}}
	tl.cause(tr, rules.P1, time.Unix(990*60, 0))
	push(1000, 1010)
	tl.over(time.Unix(1010*60, 0))
	push(1010, 1200)
	rec := tl.recordings[tr.key]
	if first, last := rec.samples[0].minute, rec.samples[len(rec.samples)-1].minute; first != 961 || last != 1040 || len(tr.recordings) != 0 {
		t.Errorf("recorded from %d to %d, %d still running; want 961 to 1040, none", first, last, len(tr.recordings))
	}
	tl.again() // within what the track remembers
	push(1200, 1210)
	if n := len(rec.samples); rec.samples[n-1].minute != 1209 || n != 1209-961+1 {
		t.Errorf("reopened, it has %d samples up to %d", n, rec.samples[n-1].minute)
	}
}

// Incidents are matched by component and by the time that they have in common.
func TestChanges(t *testing.T) {
	at := func(m int) time.Time {
		return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Add(time.Duration(m) * time.Minute)
	}
	inc := func(id, component string, sev rules.Severity, from, to int) Incident {
		i := Incident{ID: incident.ID(id), Component: component, Peak: sev, Began: at(from), Detected: at(from + 3)}
		if to > 0 {
			i.Ended = at(to)
		}
		i.Severities = []Step{{At: at(from + 3), Severity: sev}}
		return i
	}
	for _, c := range []struct {
		name    string
		is, was []Incident
		want    string
	}{
		{"the same", []Incident{inc("a", "api", rules.P1, 0, 20)}, []Incident{inc("x", "api", rules.P1, 0, 20)}, "1 same"},
		{"another component is another incident", []Incident{inc("a", "api", rules.P1, 0, 20)}, []Incident{inc("x", "auth", rules.P1, 0, 20)}, "appears a, vanishes x, 0 same"},
		{"so is another time", []Incident{inc("a", "api", rules.P1, 30, 50)}, []Incident{inc("x", "api", rules.P1, 0, 20)}, "vanishes x, appears a, 0 same"},
		{"worse and later", []Incident{inc("a", "api", rules.P0, 5, 20)}, []Incident{inc("x", "api", rules.P1, 0, 20)}, "changes a x [severity began detected], 0 same"},
		{"still open", []Incident{inc("a", "api", rules.P1, 0, 0)}, []Incident{inc("x", "api", rules.P1, 0, 20)}, "changes a x [ended], 0 same"},
		{
			"one becomes two",
			[]Incident{inc("a", "api", rules.P1, 0, 20), inc("b", "api", rules.P1, 30, 90)},
			[]Incident{inc("x", "api", rules.P1, 0, 90)},
			"appears a beside x, changes b x [began detected], 0 same",
		},
		{
			"two become one",
			[]Incident{inc("a", "api", rules.P1, 0, 90)},
			[]Incident{inc("x", "api", rules.P1, 0, 60), inc("y", "api", rules.P1, 70, 90)},
			"changes a x [ended], vanishes y beside a, 0 same",
		},
	} {
		list, same, _ := changes(c.is, c.was, at(100))
		var got []string
		for _, x := range list {
			s := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", x.Kind, x.ID, x.Other)), " ")
			if x.Beside != "" {
				s += " beside " + string(x.Beside)
			}
			var what []string
			for _, f := range x.Fields {
				what = append(what, f.What)
			}
			if what != nil {
				s += fmt.Sprint(" ", what)
			}
			got = append(got, s)
		}
		got = append(got, fmt.Sprintf("%d same", same))
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
}

// A course, posts and words that differ are differences, too.
func TestWhatElseChanges(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	base := Incident{
		Peak: rules.P1, Regions: []string{"eu"}, Severities: []Step{{At: at, Severity: rules.P1}},
		Posts: []Post{{Number: 1, Said: at, Title: "t", Text: "x"}},
	}
	for what, change := range map[string]func(*Incident){
		"course": func(i *Incident) {
			i.Severities = append(slices.Clone(i.Severities), Step{At: at.Add(time.Hour), Severity: rules.P2})
		},
		"regions": func(i *Incident) { i.Regions = []string{"eu", "us"} },
		"posts":   func(i *Incident) { i.Posts = nil },
		"words":   func(i *Incident) { i.Posts = []Post{{Number: 1, Said: at, Title: "t", Text: "y"}} },
	} {
		is := base
		change(&is)
		if f := difference(is, base); len(f) != 1 || f[0].What != what {
			t.Errorf("%s: %v", what, f)
		}
	}
	if f := difference(base, base); len(f) != 0 {
		t.Errorf("an incident differs from itself in %v", f)
	}
}

// Whatever part of a rule is changed, the difference says which.
func TestRuleChanges(t *testing.T) {
	base := rules.Rule{
		ID: "r", Component: "api", Signal: rules.Signal{Kind: rules.KindErrorRate}, Window: 5 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{{Severity: rules.P1, Limit: 0.05, For: 5 * time.Minute}}, Recover: rules.Recover{Limit: 0.01, For: 90 * time.Minute},
	}
	some := rules.Patterns{Any: []string{"a*"}, Not: []string{"ab", ""}}
	for want, change := range map[string]func(*rules.Rule){
		`component: api → web`:                    func(r *rules.Rule) { r.Component = "web" },
		`window: 5m → 1h30m`:                      func(r *rules.Rule) { r.Window = 90 * time.Minute },
		`P1: above 5%, for 5m → above 7%, for 5m`: func(r *rules.Rule) { r.Levels = []rules.Level{{Severity: rules.P1, Limit: 0.07, For: 5 * time.Minute}} },
		`P1: above 5%, for 5m → above 5%, over 3x the baseline, for 5m, confirmed by a or b`: func(r *rules.Rule) {
			r.Levels = []rules.Level{{Severity: rules.P1, Limit: 0.05, Times: 3, For: 5 * time.Minute, ConfirmWith: []string{"a", "b"}}}
		},
		`recover: below 1%, for 1h30m → below 0.5%, for 1h30m`: func(r *rules.Rule) { r.Recover.Limit = 0.005 },
		`confidence: 95% → 99%`:                                func(r *rules.Rule) { r.Confidence = 0.99 },
		`where.services:  → a*; not ab, ""`:                    func(r *rules.Rule) { r.Where.Services = some },
		`where.regions:  → a*; not ab, ""`:                     func(r *rules.Rule) { r.Where.Regions = some },
		`where.routes:  → a*; not ab, ""`:                      func(r *rules.Rule) { r.Where.Routes = some },
		`where.operations:  → a*; not ab, ""`:                  func(r *rules.Rule) { r.Where.Operations = some },
		`where.kinds:  → client`:                               func(r *rules.Rule) { r.Where.Kinds = []string{"client"} },
		`where.attributes.k:  → a*; not ab, ""`:                func(r *rules.Rule) { r.Where.Attributes = []rules.Attribute{{Key: "k", Patterns: some}} },
		`where.probes:  → all`:                                 func(r *rules.Rule) { r.Where.FromProbes = true },
		`errors:  → span, http_5xx`:                            func(r *rules.Rule) { r.HTTP5xx = true },
		`baseline:  → 1d ago, over 1h`:                         func(r *rules.Rule) { r.Baseline = rules.Baseline{Ago: 24 * time.Hour, Over: time.Hour} },
		`spread:  → all regions: P0, 2 regions: P1, more than 50% of the traffic: P0`: func(r *rules.Rule) {
			r.Spread = []rules.Spread{{Severity: rules.P0, AllRegions: true}, {Severity: rules.P1, Regions: 2}, {Severity: rules.P0, Share: 0.5}}
		},
		`override 1:  → services a*; not ab, ""; P1: above 10%, for 1m; recover: below 2%, for 2m; confidence: 99%`: func(r *rules.Rule) {
			r.Overrides = []rules.Override{{
				Services: some, Levels: []rules.Level{{Severity: rules.P1, Limit: 0.1, For: time.Minute}},
				Recover: rules.Recover{Limit: 0.02, For: 2 * time.Minute}, Confidence: 0.99,
			}}
		},
		`public.symptom:  → s`:  func(r *rules.Rule) { r.Public.Symptom = "s" },
		`runbook:  → https://x`: func(r *rules.Rule) { r.Runbook = "https://x" },
	} {
		is := base
		change(&is)
		got := ruleChanges([]rules.Rule{is}, []rules.Rule{base})
		if len(got) != 1 || len(got[0].Fields) != 1 {
			t.Errorf("%s: %+v", want, got)
			continue
		}
		if f := got[0].Fields[0]; fmt.Sprintf("%s: %s → %s", f.What, f.Was, f.Is) != want {
			t.Errorf("%s: %s → %s, want %s", f.What, f.Was, f.Is, want)
		}
	}
	if got := ruleChanges([]rules.Rule{base}, []rules.Rule{base}); len(got) != 0 {
		t.Errorf("a rule differs from itself: %+v", got)
	}
	two := ruleChanges([]rules.Rule{base}, []rules.Rule{{ID: "gone", Component: "x"}})
	if len(two) != 2 || two[0].Kind != "added" || two[1].Kind != "removed" || two[1].Fields[0].Was != "x" {
		t.Errorf("added and removed: %+v", two)
	}
}

// Other signals are spelled in their own units.
func TestLevelsAreSpelledAsWritten(t *testing.T) {
	minute := time.Minute
	for want, in := range map[string]struct {
		level  rules.Level
		signal rules.Signal
	}{
		"above 800ms, for 1m":             {rules.Level{Limit: 8e8, For: minute}, rules.Signal{Kind: rules.KindQuantile, Quantile: 9900}},
		"above 2s, for 1m":                {rules.Level{Limit: 2e9, For: minute}, rules.Signal{Kind: rules.KindQuantile, Quantile: 9900}},
		"below 10/min, for 1m":            {rules.Level{Limit: 10, Under: true, For: minute}, rules.Signal{Kind: rules.KindRequestRate}},
		"under 0.3x the baseline, for 1m": {rules.Level{Limit: math.Inf(1), Under: true, Times: 0.3, For: minute}, rules.Signal{Kind: rules.KindRequestRate}},
		"below 14, for 1m":                {rules.Level{Limit: 14, Under: true, For: minute}, rules.Signal{Kind: rules.KindGauge}},
		"for 5m":                          {rules.Level{For: 5 * minute}, rules.Signal{Kind: rules.KindSilence}},
		"burn 14.4x over 1h and 5m or 6x over 6h and 30m, for 1m": {rules.Level{
			Burn: []rules.Burn{{Long: time.Hour, Short: 5 * minute, Factor: 14.4}, {Long: 6 * time.Hour, Short: 30 * minute, Factor: 6}}, For: minute,
		}, rules.Signal{Kind: rules.KindBurnRate}},
	} {
		if got := spellLevel(in.level, in.signal); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Days have as many lanes as they need, and no bar covers another's name.
func TestLanes(t *testing.T) {
	got := lanes([]bar{{Left: 50, Width: 1}, {Left: 10, Width: 1}, {Left: 13, Width: 1}, {Left: 20, Width: 20, Inside: true}, {Left: 95, Width: 1, Flip: true}}, 2)
	var at []string
	for _, b := range got {
		at = append(at, fmt.Sprintf("%v:%d", b.Left, b.Lane))
	}
	if s, want := strings.Join(at, " "), "10:2 13:3 20:2 50:2 95:2"; s != want {
		t.Errorf("%s, want %s", s, want)
	}
}

// A day on which the clock changes is as wide as the others.
func TestStripOverTheEndOfSummerTime(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	r := New(time.Date(2026, 10, 23, 22, 0, 0, 0, time.UTC), time.Date(2026, 10, 26, 23, 0, 0, 0, time.UTC), berlin)
	r.Incidents = []Incident{{ID: "a", Began: time.Date(2026, 10, 25, 11, 0, 0, 0, time.UTC), Ended: time.Date(2026, 10, 25, 12, 0, 0, 0, time.UTC)}}
	s := r.strip(calendar{berlin})
	if len(s.Days) != 3 || s.Days[1].Name != "Sun 25 Oct" || len(s.Days[1].Bars) != 1 {
		t.Fatalf("the days: %+v", s.Days)
	}
	if b := s.Days[1].Bars[0]; b.Left != 52 || b.Width != 4 { // 13 of 25 hours
		t.Errorf("the bar stands at %v, %v wide", b.Left, b.Width)
	}
	if s.Days[0].Before != 0 || s.Days[2].After != 0 {
		t.Errorf("all three days were replayed: %+v", s.Days)
	}
}

// A ledger of several stretches forgets what the last one ended with.
func TestLedgerStretches(t *testing.T) {
	at := func(m int) time.Time { return time.Unix(int64(m)*60, 0).UTC() }
	l := NewLedger(&rules.Config{Rules: []rules.Rule{{ID: "r"}}}, nil, map[string][]telemetry.Range{"spans": {{From: at(0), To: at(5)}, {From: at(10), To: at(12)}}})
	c := l.cell("spans", seriesKey{"r", "s", "eu"})
	c.live = incident.Turn{Minute: at(4), Now: evaluator.Bad}
	var live []int
	for m := range 15 {
		if l.live("spans", at(m)) {
			live = append(live, m)
		}
		if m == 5 && c.live.Now != evaluator.Bad || m == 6 && c.live.Now != evaluator.Unsure {
			t.Errorf("at %d %s is known", m, c.live.Now)
		}
	}
	if want := []int{1, 2, 3, 4, 5, 11, 12}; !slices.Equal(live, want) {
		t.Errorf("judged live were %v, want %v", live, want)
	}
}

// Every pair of colours that stands together can be read: WCAG 2.2 AA.
func TestColoursCanBeRead(t *testing.T) {
	themes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(styleText, -1)
	if len(themes) != 2 {
		t.Fatalf("there are %d themes", len(themes))
	}
	for n, theme := range themes {
		colour := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+): (#[0-9a-f]{3,6});`).FindAllStringSubmatch(theme[1], -1) {
			colour[m[1]] = m[2]
		}
		pairs := []string{"ink/bg", "ink/card", "ink/soft", "dim/bg", "dim/card", "link/card", "bad/card", "good/card", "ink/night", "dim/soft"}
		for _, p := range []string{"p0", "p1", "p2", "p3", "p4"} {
			pairs = append(pairs, "on/"+p, p+"/card", p+"/night", p+"/off")
		}
		for _, pair := range pairs {
			a, b, _ := strings.Cut(pair, "/")
			x, y := luminance(t, colour[a]), luminance(t, colour[b])
			if c := (max(x, y) + 0.05) / (min(x, y) + 0.05); c < 4.5 {
				t.Errorf("theme %d: %s has a contrast of %.2f, want 4.5", n+1, pair, c)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 4 {
		hex = "#" + strings.Repeat(hex[1:2], 2) + strings.Repeat(hex[2:3], 2) + strings.Repeat(hex[3:4], 2)
	}
	var rgb [3]uint8
	if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("colour %q: %v", hex, err)
	}
	sum := 0.0
	for n, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(rgb[n]) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
