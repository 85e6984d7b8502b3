package console

import (
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

func TestTimesForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"0 s": short(-time.Second), "59 s": short(59 * time.Second), "1 min 1 s": short(61 * time.Second), "2 min": short(2*time.Minute + 5*time.Second),
		"59 min": short(time.Hour - 1), "1 h 0 min": short(time.Hour), "47 h 59 min": short(48*time.Hour - 1), "2 d 1 h": short(49 * time.Hour),
		"in 3 min": until(3 * time.Minute), "40 s late": until(-40 * time.Second),
		"12:00": clock(noon, noon), "19 May 12:00": clock(noon.Add(-24*time.Hour), noon), "20 May 2025 12:00": clock(noon.AddDate(-1, 0, 0), noon), "–": clock(time.Time{}, noon),
		"3 min after detection": after(noon.Add(3*time.Minute), noon, "detection"), "2 min before it began": after(noon, noon.Add(2*time.Minute), "it began"),
		"68.5\u00a0% in 5\u00a0min, 7 of 9": firm("68.5 % in 5 min, 7 of 9"), "Ärger": sentence("ärger"), "": sentence(""),
		"ab…": brief("abcd", 3), "Asha": first("Asha Rao"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// scene0 is a scene with nothing in it, at noon.
func scene0() scene {
	return scene{config: product(), judged: noon.Add(-time.Minute), at: noon, who: person{id: "asha", act: true, secret: true}}
}

// What a call rests on is kept with it, and is no reason why nobody was reached.
func TestACallThatReachedSomebody(t *testing.T) {
	board := incident.Board{}.With(incident.Event{Kind: incident.Opened, Incident: "INC-2026-0001", Component: "api"})
	for reached, posts := range map[bool][]incident.Post{true: {{Channel: "status"}, {Channel: "pager", Key: "INC-2026-0001/notice/1"}}, false: {{Channel: "status"}}} {
		i, _ := board.With(incident.Event{Kind: incident.Paged, Incident: "INC-2026-0001", To: []string{"ben"}, Step: 1, Why: "68.5 % of requests failed", Posts: posts}).Find("INC-2026-0001")
		if said := scene0().crew(i).Text.String(); strings.Contains(said, "reached nobody") == reached {
			t.Errorf("reached %v: %s", reached, said)
		}
	}
}

func TestHeadlines(t *testing.T) {
	open := func(id string, s rules.Severity, private bool) incident.Incident {
		return incident.Incident{
			ID: incident.ID(id), Component: "api", State: incident.Investigating, Private: private, Began: noon.Add(-time.Hour), Detected: noon.Add(-time.Hour),
			Causes: []incident.Cause{{Rule: "api-errors", Region: "eu", Severity: s, Peak: s}}, Peak: s,
		}
	}
	for name, c := range map[string]struct {
		change      func(*scene)
		class, text string
	}{
		"nothing was judged yet": {func(s *scene) { s.judged = time.Time{} }, "unknown", "Waiting for the first data"},
		"all is well":            {func(s *scene) { s.board.Since = noon.Add(-time.Hour) }, "well", "Nothing is wrong As of 11:59 UTC. There was no incident since 11:00 UTC"},
		"well since the last one ended": {func(s *scene) {
			s.board.Past = []incident.Incident{{ID: "INC-2026-0007", State: incident.StateResolved, Resolved: noon.Add(-90 * time.Minute)}}
		}, "well", "For 1 h 30 min, since INC-2026-0007 ended at 10:30."},
		"an old minute claims nothing": {func(s *scene) { s.judged = noon.Add(-10 * time.Minute) }, "unknown", "Nothing was judged since 11:50 UTC For 10 min."},
		"blind":                        {func(s *scene) { s.board.Blind = noon.Add(-5 * time.Minute) }, "unknown", "No data since 11:55 UTC"},
		"silence is not health": {func(s *scene) {
			s.board.Senses = map[incident.Cell]incident.Sensing{{Component: "api", Region: "eu"}: {Sense: incident.SenseNothing, Since: noon.Add(-time.Hour)}}
		}, "unknown", "Nothing is known to be wrong"},
		"one": {func(s *scene) { s.board.Open = []incident.Incident{open("INC-2026-0001", rules.P2, false)} }, "p2", "1 open, P2 As of 11:59 UTC."},
		"the worst is told": {func(s *scene) {
			s.board.Open = []incident.Incident{open("INC-2026-0001", rules.P2, false), open("INC-2026-0002", rules.P0, true)}
		}, "p0", "2 open, the worst P0"},
		"a viewer knows nothing of what is private": {func(s *scene) {
			s.who.secret = false
			s.board.Open = []incident.Incident{open("INC-2026-0001", rules.P2, false), open("INC-2026-0002", rules.P0, true)}
		}, "p2", "1 open, P2"},
		"open and blind": {func(s *scene) {
			s.board.Open, s.board.Blind = []incident.Incident{open("INC-2026-0001", rules.P1, false)}, noon.Add(-5*time.Minute)
		}, "p1", "No data since 11:55 UTC, for 5 min"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene0()
			c.change(&s)
			h := s.home().Headline
			if got := h.Title + " " + h.Text.String(); h.Class != c.class || !strings.Contains(got, c.text) {
				t.Errorf("%s: %q, want %s: %q", h.Class, got, c.class, c.text)
			}
		})
	}
}

// What a person closed by force may go on being bad, and opens nothing: the console
// does not call that well.
func TestWhatIsLeftBadByForceIsNotWell(t *testing.T) {
	s := scene0()
	for n, e := range []incident.Event{
		{Kind: incident.Opened, Component: "api", By: "rule:api-errors"},
		{Kind: incident.Raised, Component: "api", Region: "eu", Rule: "api-errors", Service: "management-api", Severity: rules.P1},
		{Kind: incident.Resolved, By: incident.Person("asha"), Forced: true, Why: "a broken probe"},
	} {
		e.Seq, e.Incident, e.At, e.Began = uint64(n+1), "INC-2026-0001", noon.Add(-time.Hour), noon.Add(-2*time.Hour)
		s.board = s.board.With(e)
	}
	h := s.home().Headline
	if want := "Left bad when a person closed its incident: P1 of api-errors, management-api in Europe."; h.Class != "unknown" || h.Title != "Nothing is open" || !strings.Contains(h.Text.String(), want) {
		t.Errorf("%s %s: %q, want %q", h.Class, h.Title, h.Text.String(), want)
	}
}

func TestWhoIsOnIt(t *testing.T) {
	base := incident.Incident{
		ID: "INC-2026-0001", State: incident.Investigating, Detected: noon.Add(-10 * time.Minute), Peak: rules.P1,
		Causes: []incident.Cause{{Rule: "api-errors", Severity: rules.P1, Peak: rules.P1}},
	}
	for name, c := range map[string]struct {
		change func(*incident.Incident, *rules.Config)
		want   string
		urgent bool
	}{
		"nobody, and nobody was paged": {func(*incident.Incident, *rules.Config) {}, "Nobody yet. Nobody was paged so far.", true},
		"paged": {func(i *incident.Incident, _ *rules.Config) {
			i.Pages, i.LastPage = 3, noon.Add(-5*time.Minute)
			i.Notices = []incident.Notice{{Kind: incident.Paged, To: []string{"asha", "ben"}}}
		}, "Nobody yet. Asha Rao and Ben Okafor paged 3 times, last at 11:55; again in 10 min.", true},
		"the call reached nobody": {func(i *incident.Incident, _ *rules.Config) {
			i.Pages, i.LastPage, i.Overdue = 1, noon, true
			i.Notices = []incident.Notice{{Kind: incident.Paged, Why: `nobody has the role "on-call"`}}
		}, `The last call reached nobody: nobody has the role "on-call". The time to acknowledge is over.`, true},
		"P3 pages nobody": {func(i *incident.Incident, _ *rules.Config) { i.Causes[0].Severity = rules.P3 }, "Nobody yet. P3 pages nobody.", false},
		"no people":       {func(_ *incident.Incident, c *rules.Config) { c.People = nil }, "Nobody yet. No people are configured, so nobody is called.", true},
		"acknowledged": {func(i *incident.Incident, _ *rules.Config) {
			i.Ack, i.Acked = &incident.Ack{By: "person:ben", At: noon.Add(-7 * time.Minute), Until: noon.Add(time.Hour)}, noon.Add(-7*time.Minute)
		}, "Ben Okafor is on it since 11:53 UTC, 3 min after detection, until 13:00.", false},
		"led":                  {func(i *incident.Incident, _ *rules.Config) { i.Lead = "chris" }, "Chris Lindqvist leads, and has not acknowledged.", true},
		"over, and nobody was": {func(i *incident.Incident, _ *rules.Config) { i.State = incident.StateResolved }, "Nobody acknowledged it.", false},
	} {
		t.Run(name, func(t *testing.T) {
			s, i := scene0(), base
			i.Causes = append([]incident.Cause{}, i.Causes...)
			c.change(&i, s.config)
			if got := s.crew(i); !strings.Contains(got.Text.String(), c.want) || got.Urgent != c.urgent {
				t.Errorf("%q, urgent %v", got.Text.String(), got.Urgent)
			}
		})
	}
}

func TestWhatCustomersWaitFor(t *testing.T) {
	base := incident.Incident{
		ID: "INC-2026-0001", State: incident.Investigating, Peak: rules.P1, Causes: []incident.Cause{{Rule: "api-errors", Severity: rules.P1, Peak: rules.P1}},
	}
	for name, c := range map[string]struct {
		change func(*incident.Incident)
		want   string
		urgent bool
	}{
		"private":      {func(i *incident.Incident) { i.Private = true }, "Private: customers read nothing of it.", false},
		"waiting":      {func(i *incident.Incident) { i.Draft = &incident.Draft{Due: noon.Add(100 * time.Second)} }, "Words wait: they go out in 1 min 40 s, at 12:01:40 UTC, unless", true},
		"waiting long": {func(i *incident.Incident) { i.Draft = &incident.Draft{Due: noon.Add(10 * time.Minute)} }, "Words wait", false},
		"for approval": {func(i *incident.Incident) { i.Draft = &incident.Draft{Limit: noon.Add(5 * time.Minute)} }, "Words wait for somebody’s approval. Customers are to read them by 12:05 UTC, in 5 min.", true},
		"vetoed":       {func(i *incident.Incident) { i.Withheld = true }, "Vetoed", false},
		"nothing yet":  {func(*incident.Incident) {}, "Customers have read nothing yet.", false},
		"not for them": {func(i *incident.Incident) { i.Causes = nil; i.Peak = rules.P4 }, "Customers read nothing of P4.", false},
		"told": {func(i *incident.Incident) {
			i.Updates, i.Promise = []incident.Update{{Number: 1, Said: noon.Add(-time.Hour)}, {Inside: true}}, noon.Add(12*time.Minute)
		}, "Customers read 1 update, the last at 11:00 UTC. The next is promised by 12:12 UTC, in 12 min.", false},
		"late": {func(i *incident.Incident) {
			i.Updates, i.Promise, i.Missed = []incident.Update{{Number: 1, Said: noon.Add(-time.Hour)}}, noon.Add(-time.Minute), []time.Time{noon}
		}, "1 min 0 s late. 1 promise missed.", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, i := scene0(), base
			c.change(&i)
			if got := s.words(i); !strings.Contains(got.Text.String(), c.want) || got.Urgent != c.urgent {
				t.Errorf("%q, urgent %v", got.Text.String(), got.Urgent)
			}
		})
	}
}

func TestWorstFirst(t *testing.T) {
	s := night(t)
	var got []string
	for _, c := range s.scene(access.Responder).home().Open {
		got = append(got, c.ID+" "+c.Severity)
	}
	if want := "INC-2026-0004 P0, INC-2026-0003 P1, INC-2026-0002 P1"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
	home := s.scene(access.Viewer).home()
	if len(home.Open) != 2 {
		t.Errorf("a viewer sees %d", len(home.Open))
	}
	for _, c := range home.Open {
		if c.CanAck || c.Private {
			t.Errorf("a viewer sees %+v", c)
		}
	}
	c := s.scene(access.Responder).home().Open[0]
	if !strings.Contains(c.Sure, "requests failed in 5\u00a0min") || !strings.HasPrefix(c.SureOf, "evaluation-errors, featuresignals-evaluator in Europe, at 03:11") {
		t.Errorf("what it rests on: %q of %q", c.Sure, c.SureOf)
	}
}

// Every kind of event is a sentence: none is told in the shorthand of logs.
func TestEveryEventIsASentence(t *testing.T) {
	s := scene0()
	kinds := []incident.Kind{
		incident.Opened, incident.Raised, incident.Eased, incident.Recovered, incident.Moved, incident.Updated, incident.Missed, incident.Resolved,
		incident.Reopened, incident.Surfaced, incident.Linked, incident.Muted, incident.Cleared, incident.Held, incident.Edited, incident.Approved,
		incident.Vetoed, incident.Withdrawn, incident.Disclosed, incident.Alarmed, incident.Paged, incident.Escalated, incident.Overdue, incident.Reminded,
		incident.Acknowledged, incident.Lapsed, incident.Noted, incident.Graded, incident.Corrected, incident.Assessed, incident.Advised, incident.Merged, incident.Absorbed,
		incident.Related, incident.Assigned, incident.Tasked, incident.Ticked, incident.Unticked,
	}
	for _, k := range kinds {
		if got := s.entry(incident.Event{Kind: k, At: noon}, incident.Incident{}); got.Text.String() == "" {
			t.Errorf("%s with nothing in it says nothing", k)
		}
		for _, e := range []incident.Event{
			{
				Kind: k, At: noon, Recorded: noon.Add(time.Hour), By: incident.Tocsin, Component: "api", Region: "eu", Rule: "api-errors", Severity: rules.P1, Private: true,
				Due: noon, Until: noon, Cause: "INC-2026-0009", Forced: true, To: []string{"asha"}, Task: "a/b", Tasks: []incident.Task{{Text: "do it"}}, Checklist: "rollback",
				Update: &incident.Update{Number: 2, Next: noon, Late: true}, State: incident.Monitoring, Began: noon, Role: "cto", Plan: "maintenance disks",
				Words: rules.Words{Workaround: "wait"},
			},
		} {
			got := s.entry(e, incident.Incident{Detected: noon})
			said := got.Text.String()
			if said == "" || strings.Contains(said, string(k)+" by") || !strings.HasSuffix(strings.TrimSpace(said), ".") && !strings.HasSuffix(said, ":") && !strings.HasSuffix(said, "”") {
				t.Errorf("%s: %q", k, said)
			}
			if strings.Contains(said, "  ") || strings.Contains(said, "%!") || strings.Contains(said, " .") {
				t.Errorf("%s: %q", k, said)
			}
			if got.Late == "" && e.Recorded.After(noon) {
				t.Errorf("%s was written down late, and does not say so", k)
			}
		}
	}
	e := incident.Event{Kind: incident.Raised, At: noon, Began: noon, By: "person:asha", Severity: rules.P1}
	if got := s.entry(e, incident.Incident{}).Text.String(); got != "P1, as Asha Rao says, since 12:00 UTC." {
		t.Errorf("what is about no component: %q", got)
	}
	if got := s.entry(incident.Event{Kind: "invented", Incident: "INC-2026-0001", At: noon}, incident.Incident{}); got.Text.String() != "Invented INC-2026-0001." {
		t.Errorf("an unknown kind: %q", got.Text.String())
	}
}

func TestTheTimelineIsFiltered(t *testing.T) {
	s := scene0()
	var events []incident.Event
	for n := range 400 {
		kind := []incident.Kind{incident.Noted, incident.Raised, incident.Held, incident.Moved}[n%4]
		events = append(events, incident.Event{Kind: kind, At: noon.Add(time.Duration(n) * time.Second), By: incident.Tocsin})
	}
	all, left := s.timeline(events, incident.Incident{}, showAll, false)
	if len(all) != mostEntries || left != 250 || all[0].At != events[399].At {
		t.Errorf("%d entries, %d left, first %s", len(all), left, all[0].At)
	}
	for show, want := range map[string]int{showPosts: 100, showPeople: 100, showSignals: 200, showAll: 400} {
		if got, _ := s.timeline(events, incident.Incident{}, show, true); len(got) != want {
			t.Errorf("%s: %d, want %d", show, len(got), want)
		}
	}
}

// What is private is named to nobody who may not see it.
func TestNoPrivateIncidentIsNamedToViewers(t *testing.T) {
	s := scene0()
	s.who.secret = false
	s.board.Open = []incident.Incident{{ID: "INC-2026-0003", Private: true, State: incident.Investigating}}
	got := s.entry(incident.Event{Kind: incident.Related, At: noon, By: "person:ben", Cause: "INC-2026-0003"}, incident.Incident{})
	if strings.Contains(got.Text.String(), "0003") {
		t.Errorf("%q", got.Text.String())
	}
	if all, _ := s.related(incident.Incident{ID: "INC-2026-0001", Related: []incident.ID{"INC-2026-0003"}}); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestLinksIntoSigNoz(t *testing.T) {
	config := rules.SigNoz{URL: "https://host.example/signoz", Region: []string{"cloud.region", "other"}}
	of := spans{
		service: `it's\odd/../x`, region: []string{"eu"}, signal: rules.Signal{Kind: rules.KindErrorRate},
		from: time.Unix(1700000000, 0), to: time.Unix(1700003600, 0),
	}
	expression := func(link string) string {
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		if u.Path != "/signoz/traces-explorer" || u.Query().Get("startTime") != "1700000000000000000" || u.Query().Get("endTime") != "1700003600000000000" {
			t.Errorf("%s", link)
		}
		once, err := url.QueryUnescape(u.Query().Get("compositeQuery")) // the page decodes it twice
		if err != nil {
			t.Fatal(err)
		}
		var q struct {
			Builder struct {
				QueryData []struct {
					DataSource string
					Filter     struct{ Expression string }
				}
			}
		}
		if err := json.Unmarshal([]byte(once), &q); err != nil || q.Builder.QueryData[0].DataSource != "traces" {
			t.Fatalf("%v: %s", err, once)
		}
		return q.Builder.QueryData[0].Filter.Expression
	}
	if got, want := expression(tracesLink(config, of)), `service.name = 'it\'s\\odd/../x' AND cloud.region = 'eu' AND has_error = true`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	of.region, of.signal, of.limit = []string{"eu", "local"}, rules.Signal{Kind: rules.KindQuantile}, 5e9
	if got, want := expression(tracesLink(config, of)), `service.name = 'it\'s\\odd/../x' AND cloud.region IN ('eu', 'local') AND duration_nano > 5000000000`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := tracesLink(config, of); !strings.HasPrefix(got, "https://host.example/signoz/traces-explorer?compositeQuery=%257B%2522builder%2522%253A%257B%2522queryData%2522%253A") {
		t.Errorf("%s", got)
	}
	if got, want := serviceLink(config, of), `https://host.example/signoz/services/it%27s%5Codd%2F..%2Fx?endTime=1700003600000&startTime=1700000000000`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	of.service, of.region = "", []string{""}
	if got := expression(tracesLink(config, of)); got != "duration_nano > 5000000000" {
		t.Errorf("%s", got)
	}
	for _, bad := range []string{"", "javascript:alert(1)", "://", "host.example"} {
		if got := tracesLink(rules.SigNoz{URL: bad}, of) + serviceLink(rules.SigNoz{URL: bad}, of); got != "" {
			t.Errorf("%q: %s", bad, got)
		}
	}
}

func TestLinksOfAnIncident(t *testing.T) {
	s := night(t)
	sc := s.scene(access.Responder)
	var titles []string
	for _, l := range sc.links(s.of("dashboard")) {
		titles = append(titles, strings.TrimSpace(l.Title+" "+l.Of))
	}
	want := "Runbook dashboard-slow; War room; Traces featuresignals-web in India; Traces featuresignals-web in United States; Service featuresignals-web; Public page; Ops portal: roll back; Hetzner console"
	if got := strings.Join(titles, "; "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestChartsOfTheWorst(t *testing.T) {
	s := night(t)
	sc := s.scene(access.Responder)
	h := s.console.history
	c := sc.charts(s.of("dashboard"), h.Points, h.Since())
	if c == nil || len(c.Charts) != 2 || c.Note != "" {
		t.Fatalf("%+v", c)
	}
	india := c.Charts[0]
	if india.Place != "featuresignals-web in India" || len(india.Bad) != 1 || len(india.Limits) != 2 || india.Line == "" || india.Dot == nil {
		t.Errorf("%+v", india)
	}
	for _, part := range []string{"newest 7.", "limit 5 s", "at most", "bad for 36 minutes"} {
		if !strings.Contains(india.Label, part) {
			t.Errorf("%q lacks %q", india.Label, part)
		}
	}
	if india.Rows[0].Clock != "03:11" || india.Rows[0].Verdict != "bad" || len(india.Rows) != 57 {
		t.Errorf("%+v, %d left", india.Rows[0], india.Left)
	}
	young := NewHistory()
	young.Note(round(sc.judged, slowAt("in", 7, rules.P1, noon)))
	if c := sc.charts(s.of("dashboard"), young.Points, young.Since()); c.Note != "Known from 03:11 UTC on, when Tocsin started." {
		t.Errorf("%q", c.Note)
	}
	if c := sc.charts(s.of("dashboard"), NewHistory().Points, time.Time{}); c.Note != "Nothing was judged since Tocsin started." || len(c.Charts) != 0 {
		t.Errorf("%+v", c)
	}
	gone, _ := s.desk.Board().Find("INC-2026-0003")
	if c := sc.charts(gone, h.Points, h.Since()); c != nil {
		t.Errorf("what nothing measures is drawn: %+v", c)
	}
}

// A chart is drawn of whatever there is.
func TestChartsOfOddFigures(t *testing.T) {
	s := scene0()
	for name, points := range map[string][]Point{
		"no values":  {{At: noon, Value: math.NaN(), Limit: math.NaN(), Known: true}},
		"a gap":      {{At: noon.Add(-time.Minute), Value: 1, Known: true}, {At: noon, Value: math.NaN(), Limit: math.NaN()}},
		"zero":       {{At: noon, Known: true}},
		"below zero": {{At: noon, Value: -3, Known: true}},
		"endless":    {{At: noon, Value: math.Inf(1), Limit: 1, Known: true, Verdict: evaluator.Bad}},
	} {
		t.Run(name, func(t *testing.T) {
			i := incident.Incident{Began: noon.Add(-time.Hour), Causes: []incident.Cause{{Rule: "api-errors", Service: "api", Region: "eu", Severity: rules.P2}}}
			c := s.charts(i, func(string, string, string, time.Time, time.Time) []Point { return points }, noon)
			b, err := json.Marshal(c.Charts[0].Limits)
			if err != nil || strings.Contains(c.Charts[0].Line, "NaN") {
				t.Errorf("%s %v %s", b, err, c.Charts[0].Line)
			}
		})
	}
}

func TestCommandsHaveTheRegionsValues(t *testing.T) {
	s := night(t)
	lists := s.scene(access.Responder).checklists(s.of("dashboard"))
	ssh, health, logs := lists[0].Steps[1], lists[0].Steps[2], lists[0].Steps[3]
	if len(ssh.Commands) != 2 || ssh.Commands[0].Region != "India" || !strings.HasPrefix(ssh.Commands[1].Plain, "ssh -i ~/.ssh/fs_ops deploy@us-1.example.net\n") {
		t.Errorf("%+v", ssh.Commands)
	}
	if !ssh.Done || ssh.By != "Asha Rao, 02:53 UTC" || len(health.Commands) != 2 || len(logs.Commands) != 1 || logs.Commands[0].Region != "" {
		t.Errorf("%+v\n%+v\n%+v", ssh, health, logs)
	}
	eu := s.scene(access.Responder).checklists(s.of("evaluations"))
	var missing Command
	for _, l := range eu {
		for _, st := range l.Steps {
			for _, c := range st.Commands {
				if c.Missing != "" {
					missing = c
				}
			}
		}
	}
	if missing.Missing != "api" || len(missing.Parts) != 3 || !missing.Parts[1].Missing || missing.Parts[1].Text != "<api>" {
		t.Errorf("%+v", missing)
	}
}

func TestFactsAreDurations(t *testing.T) {
	s := night(t)
	var all []string
	for _, f := range s.scene(access.Responder).facts(s.of("dashboard")) {
		all = append(all, f.Name+": "+f.Text.String())
	}
	got := strings.Join(all, "\n")
	for _, want := range []string{
		"Acknowledged: 02:44 UTC, 3 min after detection", "First words: 02:47 UTC, 6 min after detection", "Identified: 03:01 UTC, 20 min after detection",
		"Detected: 02:41 UTC, 6 min after it began", "Escalates: to vp-eng, which nobody is at", "Lead: Asha Rao",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

func TestTheArchiveGoesByMonths(t *testing.T) {
	s := scene0()
	for n, at := range []time.Time{noon.AddDate(0, -1, 0), noon, noon.AddDate(0, -1, 3)} {
		s.board.Past = append(s.board.Past, incident.Incident{ID: incident.ID(strings.Repeat("x", n+1)), State: incident.StateResolved, Resolved: at, Private: n == 2})
	}
	months, of := s.archive("2026-04")
	if len(months) != 2 || months[0].Name != "May 2026" || months[1].Count != 2 || !months[1].Here || len(of) != 2 || of[0].ID != "xxx" {
		t.Errorf("%+v %+v", months, of)
	}
	s.who.secret = false
	if months, of := s.archive("nonsense"); months[1].Count != 1 || !months[0].Here || len(of) != 1 {
		t.Errorf("%+v %+v", months, of)
	}
}

// Whoever edits rules at night looks here, not into the log.
func TestAConfigurationThatIsNotInForceIsTold(t *testing.T) {
	s := scene{config: product(), at: noon, wrong: []string{"tocsin.yaml:7:3: unknown key", "tocsin.yaml:9:3: unknown key"}}
	w := s.watching()
	if len(w) == 0 || w[0].What != "The configuration" || !strings.Contains(w[0].Text[0].Text, "2 mistakes, the first: tocsin.yaml:7:3") {
		t.Errorf("%+v", w)
	}
}
