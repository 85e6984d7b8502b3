package templates

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares a text with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), -update rewrites it:\n%s", path, diff)
	}
}

func load(t testing.TB) *Set {
	t.Helper()
	s, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var loaded = sync.OnceValues(func() (*Set, error) { return Load(nil) })

// story is one update of one incident under the name of what is special in it.
type story struct {
	name string
	Post
}

// stories gives every state at every severity that is public, every trend in
// every state it can have, and each thing that can be missing.
func stories() []story {
	at := func(h, m int) time.Time { return time.Date(2026, 5, 20, h, m, 0, 0, time.UTC) }
	us, europe, india := Region{"us", "United States"}, Region{"eu", "Europe"}, Region{"in", "India"}
	every := map[string]time.Duration{"P0": 30 * time.Minute, "P1": time.Hour, "P2": 4 * time.Hour}
	status := map[string]string{"P0": "Partial service", "P1": "Partial service", "P2": "Degraded performance", "P3": "Degraded performance"}
	base := func(state, severity, trend string) Post {
		p := Post{
			Page: Public{Organisation: "FeatureSignals", Regions: []Region{us, europe, india}},
			Incident: Incident{
				ID: "INC-2026-0042", Component: Component{ID: "api", Name: "API"},
				Integrity: "under review", Began: at(10, 2), Detected: at(10, 7),
			},
			Update: Update{
				State: state, Severity: severity, Status: status[severity], Regions: []Region{europe},
				Symptom: "elevated errors on the management API", Impact: "failed requests when they change flags",
				Measured: Measured{Share: .15}, Trend: trend, Said: at(10, 32), AsOf: at(10, 31),
				Next: at(10, 32).Add(every[severity]), Every: every[severity],
			},
		}
		if p.Update.Every == 0 {
			p.Update.Next = time.Time{} // no promise
		}
		switch trend {
		case "calm":
			p.Update.Calm, p.Update.Watching, p.Update.Measured, p.Update.Status = 12*time.Minute, 10*time.Minute, Measured{}, "Operational"
		case "over", "gone", "forced":
			p.Update.Measured, p.Update.Status = Measured{}, "Operational"
			p.Incident.Resolved, p.Update.Next, p.Update.Every = at(10, 31), time.Time{}, 0
			if severity == "P0" || severity == "P1" {
				p.Update.PostMortem = at(10, 31).AddDate(0, 0, 2)
			}
		case "unknown":
			p.Update.Blind, p.Update.AsOf, p.Update.Measured = at(10, 21), at(10, 21), Measured{}
		}
		return p
	}
	// after puts an update before that of p, so that there is one to compare with.
	after := func(p Post, state string) Post {
		before := p.Update
		before.Number, before.State, before.Trend, before.Text, p.Update.Number = 1, state, "new", "", 2
		p.Incident.Updates = []Update{p.Update, before}
		return p
	}
	said := map[string]string{
		"investigating": "We see failing writes to one of our databases.",
		"identified":    "A database node ran out of disk space.\n\nWe are adding space, which takes about 20 minutes",
		"monitoring":    "We have added disk space, and writes go through again.",
		"resolved":      "A database node had run out of disk space. We added space, and checked that no change was lost.",
	}
	var list []story
	add := func(name string, p Post) { list = append(list, story{name, p}) }
	for _, severity := range []string{"P0", "P1", "P2", "P3"} {
		for _, s := range [][2]string{{"investigating", "new"}, {"identified", "unchanged"}, {"monitoring", "calm"}, {"resolved", "over"}} {
			p := base(s[0], severity, s[1])
			add(fmt.Sprintf("%s at %s", s[0], severity), p)
			p.Update.Text = said[s[0]]
			if s[0] == "resolved" {
				p.Update.Integrity = "not impacted"
			}
			add(fmt.Sprintf("%s at %s, with a person's words", s[0], severity), p)
		}
	}
	for _, trend := range []string{"worse", "unchanged", "better", "calm", "unknown", "back"} {
		add("investigating, "+trend, base("investigating", "P0", trend))
		add("monitoring, "+trend, base("monitoring", "P0", trend))
	}

	add("resolved, gone", base("resolved", "P0", "gone"))
	add("resolved, forced", base("resolved", "P0", "forced"))
	p := base("resolved", "P1", "forced")
	p.Update.Text = "We have replaced the database node. What our measurements still show comes from retries of our own."
	add("resolved, forced, with a person's words", p)

	told := func(state, severity string) Post {
		p := base(state, severity, "told")
		p.Update.Measured, p.Update.Symptom, p.Update.Impact = Measured{}, "wrong numbers on the usage page", "usage that is shown too low"
		return p
	}
	add("told, the first", told("investigating", "P2"))
	add("told, nothing new", after(told("investigating", "P2"), "investigating"))
	p = told("investigating", "P2")
	p.Update.Text = "The numbers of yesterday are affected, too."
	add("told, with a person's words", after(p, "investigating"))
	add("told, identified", after(told("identified", "P2"), "investigating"))
	add("told, monitoring", after(told("monitoring", "P2"), "identified"))
	p = told("resolved", "P2")
	p.Incident.Resolved, p.Update.Status, p.Update.Next, p.Update.Every = at(10, 31), "Operational", time.Time{}, 0
	add("told, resolved", after(p, "monitoring"))

	merged := func(severity string) Post {
		p := base("resolved", severity, "merged")
		p.Update.Measured, p.Update.Next, p.Update.Every, p.Update.Into = Measured{}, time.Time{}, 0, "INC-2026-0043"
		p.Incident.Into, p.Incident.Resolved = p.Update.Into, at(10, 31)
		return p
	}
	add("merged", after(merged("P0"), "investigating"))
	add("merged while identified", after(merged("P1"), "identified"))
	p = merged("P2")
	p.Update.Text = "Both have the same cause."
	add("merged, with a person's words", after(p, "monitoring"))
	p = merged("P1")
	p.Update.Into, p.Incident.Into = "", ""
	add("merged into one that customers cannot read of yet", after(p, "investigating"))
	p = base("investigating", "P0", "worse")
	p.Update.Also = []string{"Dashboard", "Webhooks"}
	add("others were merged into it", p)

	p = base("investigating", "P0", "new")
	p.Update.Late = true
	add("late", p)

	p = base("investigating", "P1", "unknown")
	p.Update.Blind, p.Update.Measured = at(23, 50).AddDate(0, 0, -1), Measured{Share: .15}
	p.Update.AsOf = p.Update.Blind
	add("blind since yesterday, with an old figure", p)

	p = base("investigating", "P0", "worse")
	p.Update.Regions, p.Update.AllRegions, p.Update.Status = []Region{us, europe, india}, true, "Major outage"
	add("all regions", p)

	p = base("investigating", "P2", "new")
	p.Update.Regions = []Region{europe, india}
	p.Update.Measured, p.Update.Workaround = Measured{Share: .01, Over: 2500 * time.Millisecond}, "retry after 10 seconds"
	p.Update.Symptom, p.Update.Impact = "slow responses", ""
	add("two regions, slow, a workaround and no impact", p)

	p = base("resolved", "P0", "over")
	p.Incident.Began, p.Incident.Integrity = at(22, 15).AddDate(0, 0, -1), "not impacted"
	add("resolved on the next day", p)

	p = base("investigating", "P0", "new")
	p.Update.Symptom = "a very long symptom that somebody wrote without thinking of those who read it on a telephone at night"
	add("a long symptom", p)

	p = base("investigating", "P3", "new")
	p.Page.Regions = []Region{europe}
	p.Update.AllRegions, p.Update.Status = true, "Degraded performance"
	add("one region, no clock", p)

	add("nothing known", Post{})
	return list
}

func TestUpdateTextsAreAsRunbookAHasThem(t *testing.T) {
	s := load(t)
	var b strings.Builder
	for _, c := range stories() {
		text, err := s.Update(c.Page, c.Incident, c.Update)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		fmt.Fprintf(&b, "==== %s ====\n%s\n", c.name, text)
	}
	golden(t, "update.golden", b.String())
}

func TestMessagesAreAsRunbookBHasThem(t *testing.T) {
	s := load(t)
	var b strings.Builder
	for _, c := range stories() {
		m, err := s.Message(c.Page, c.Incident, c.Update)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		fmt.Fprintf(&b, "==== %s ====\nSubject: %s\n%s\n", c.name, m.Subject, m.Body)
	}
	golden(t, "message.golden", b.String())
}

// TestInvestigatingIsWordForWord holds the text against the runbook's own, with
// its placeholders filled in. It is written out here so that an update of the
// golden files cannot move it.
func TestInvestigatingIsWordForWord(t *testing.T) {
	p := stories()[0].Post
	got, err := load(t).Update(p.Page, p.Incident, p.Update)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Title: Investigating – Elevated errors on the management API\n\nStatus: Partial service\n\nWhat happened:\n" +
			"We are investigating reports of elevated errors on the management API affecting API in Europe.\n\nImpact:\n" +
			"Customers may experience failed requests when they change flags. Data integrity is under review.\n\nWhat we are doing:\n" +
			"Our team is actively working on this incident. We will update this page every 30 minutes or when status changes.",
		"\n\nWorkaround (if any):\nNone\n\nUpdated: 2026-05-20T10:32:00Z\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it\n%s", got, want)
		}
	}
}

func TestEveryTextKeepsItsForm(t *testing.T) {
	s := load(t)
	updated := regexp.MustCompile(`(?m)^Updated: \d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$`)
	title := regexp.MustCompile(`^Title: (Investigating|Identified|Monitoring|Resolved) – \S`)
	subject := regexp.MustCompile(`^\[INCIDENT\] (FeatureSignals P[0-4] )?— .{1,80}$`)
	status := regexp.MustCompile(`(?m)^Status: (INVESTIGATING|MONITORING|RESOLVED)$`)
	for _, c := range stories() {
		t.Run(c.name, func(t *testing.T) {
			text, err := s.Update(c.Page, c.Incident, c.Update)
			if err != nil {
				t.Fatal(err)
			}
			if !title.MatchString(text) {
				t.Errorf("the title is not in the runbook's form:\n%s", text)
			}
			if !c.Update.Said.IsZero() && !updated.MatchString(text) {
				t.Errorf("Updated is not ISO 8601 in UTC to the second:\n%s", text)
			}
			m, err := s.Message(c.Page, c.Incident, c.Update)
			if err != nil {
				t.Fatal(err)
			}
			if !subject.MatchString(m.Subject) {
				t.Errorf("the subject is not in the runbook's form: %q", m.Subject)
			}
			if !status.MatchString(m.Body) {
				t.Errorf("the status is not one of the runbook's three:\n%s", m.Body)
			}
			if !strings.Contains(m.Body, "\nNext Update: ") {
				t.Errorf("there is no next update:\n%s", m.Body)
			}
			isOutage := c.Update.Status == "Major outage" || c.Update.Status == "Partial service"
			if both := text + m.Subject + m.Body; !isOutage && strings.Contains(strings.ToLower(both), "outage") {
				t.Errorf("the word outage stands where the status is %q:\n%s", c.Update.Status, both)
			}
		})
	}
}

// TestNoWordClaimsWhatIsNotKnown: what was closed without measurements, or goes
// on as another incident, is not said to be well again.
func TestNoWordClaimsWhatIsNotKnown(t *testing.T) {
	s := load(t)
	claims := []string{"recovery is full", "has recovered", "is resolved", "resolved –", "back within", "operational", "no more updates"}
	for _, c := range stories() {
		var not []string
		switch c.Update.Trend {
		case "merged":
			not = append(claims, "next update comes", "we will update", "we will close", "post-mortem")
		case "forced", "gone":
			not = claims[:3]
		}
		if c.Update.Trend == "gone" {
			not = slices.DeleteFunc(slices.Clone(not), func(w string) bool { return w == "has recovered" }) // "do not show whether it has"
		}
		p := c.Page
		p.Rendered, p.Checked = c.Update.Said, c.Update.Said
		i := c.Incident
		i.State, i.Status = "resolved", c.Update.Status
		if len(i.Updates) == 0 {
			i.Updates = []Update{c.Update}
		}
		page, err := s.IncidentPage(p, i)
		if err != nil {
			t.Fatal(err)
		}
		_, article, _ := strings.Cut(string(page), "<article")
		article, _, _ = strings.Cut(article, "</li>") // the newest update, and what stands above it
		text, err := s.Update(c.Page, c.Incident, c.Update)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Message(c.Page, c.Incident, c.Update)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range not {
			if all := strings.ToLower(text + m.Body + article); strings.Contains(all, w) {
				t.Errorf("%s: %q is said:\n%s", c.name, w, all)
			}
		}
	}
}

func TestAPersonsWordsAreOnEveryText(t *testing.T) {
	s := load(t)
	for _, c := range stories() {
		if c.Update.Text == "" {
			continue
		}
		i := c.Incident
		if len(i.Updates) == 0 {
			i.Updates = []Update{c.Update}
		}
		c.Page.Incidents = []Incident{i}
		update, err1 := s.Update(c.Page, i, c.Update)
		body, err2 := s.Body(c.Page, i, c.Update)
		m, err3 := s.Message(c.Page, i, c.Update)
		feed, err4 := s.FeedEntry(c.Page, i)
		page, err5 := s.IncidentPage(c.Page, i)
		index, err6 := s.Index(c.Page)
		if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
			t.Fatal(err)
		}
		for _, paragraph := range paragraphs(c.Update.Text) {
			for name, text := range map[string]string{
				"the form": update, "the body": body, "the message": m.Body, "the feed": feed, "its page": string(page), "the first page": string(index),
			} {
				if strings.Count(text, paragraph) != 1 {
					t.Errorf("%s: %s holds %q %d times:\n%s", c.name, name, paragraph, strings.Count(text, paragraph), text)
				}
			}
		}
		if strings.Contains(string(page), "<p></p>") {
			t.Errorf("%s: the page has an empty paragraph", c.name)
		}
	}
}

func TestHostileWordsAddNoLine(t *testing.T) {
	p := stories()[0].Post
	p.Update.Symptom = "errors\r\nBcc: everybody@example.com"
	p.Update.Workaround = "none\nStatus: Operational"
	m, err := load(t).Message(p.Page, p.Incident, p.Update)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		t.Errorf("the subject has more than one line: %q", m.Subject)
	}
	if strings.Contains(m.Body, "\nStatus: Operational") || strings.Contains(m.Body, "\nBcc:") {
		t.Errorf("words added a line of their own:\n%s", m.Body)
	}
}
