package templates

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// called is one notice under the name of what is special in it.
type called struct {
	name string
	Notice
}

func callings() []called {
	at := func(h, m int) time.Time { return time.Date(2026, 5, 20, h, m, 0, 0, time.UTC) }
	base := func(kind, severity string) Notice {
		n := Notice{
			ID: "INC-2026-0042", Number: 1, Kind: kind, At: at(10, 7), State: "investigating", Severity: severity,
			Title: "elevated errors on the management API", Component: "Management API", Regions: []string{"Europe"},
			Began: at(10, 2), Detected: at(10, 7), Summary: "61 % of 1,204 requests failed in 5m, more than 50 %, for 3m",
			To: []string{"Ann Lee"}, Role: "on-call", Step: 1,
			Console: "https://console.example.com/incidents/INC-2026-0042", WarRoom: "https://meet.example.com/war-room",
			Runbook: "https://runbooks.example.com/api-errors", SigNoz: "https://signoz.example.com",
		}
		n.AckBy = at(10, 12)
		if severity == "P1" {
			n.AckBy = at(10, 22)
		}
		switch kind {
		case "escalated":
			n.Number, n.At, n.To, n.Role, n.Step = 3, at(10, 37), []string{"Cy Roe"}, "chief-executive", 2
		case "reminded":
			n.Number, n.At, n.Due, n.Acked, n.Step = 2, at(10, 27), at(10, 32), "Ann Lee", 0
		}
		return n
	}
	var list []called
	add := func(name string, n Notice) { list = append(list, called{name, n}) }
	for _, severity := range []string{"P0", "P1"} {
		for _, kind := range []string{"paged", "escalated", "reminded"} {
			add(kind+" at "+severity, base(kind, severity))
		}
	}
	n := base("paged", "P0")
	n.Number, n.Step, n.At = 4, 3, at(10, 17)
	add("paged for the third time", n)
	n = base("escalated", "P0")
	n.Acked = "Ann Lee"
	add("escalated though somebody is on it", n)
	n = base("paged", "P0")
	n.Private, n.Title, n.Summary, n.Runbook = true, "security", "Declared by Ann Lee.", ""
	n.Regions = []string{"Europe", "India", "United States"}
	n.AllRegions = true
	add("private", n)
	n = base("paged", "P1")
	n.State = "resolved"
	add("over before it went out", n)
	n = base("acknowledged", "P1")
	n.Number, n.At, n.To, n.Role, n.Step, n.Acked = 3, at(10, 12), []string{"Ann Lee", "Cy Roe"}, "", 0, "Ann Lee"
	add("somebody is on it", n)
	n.Acked = ""
	add("somebody was on it a moment ago", n)
	n = base("over", "P1")
	n.Number, n.At, n.To, n.Role, n.Step, n.State, n.Summary = 4, at(10, 42), []string{"Ann Lee", "Cy Roe"}, "", 0, "resolved", "every cell has recovered; it lasted 36m"
	add("over", n)
	n.Into, n.Summary = "INC-2026-0043", "it is the same"
	add("goes on as another", n)
	n = base("escalated", "P0")
	n.Private, n.Began = true, at(22, 15).AddDate(0, 0, -1)
	n.Component, n.Regions = "The management API and all that customers reach it by", []string{"Europe and the Middle East", "India"}
	n.Title = "a very long symptom that somebody wrote without thinking of those who read it on a telephone at night"
	n.To = []string{"Ann Lee", "Bo Chen", "Cy Roe"}
	add("all that can be long", n)
	add("nothing known", Notice{})
	return list
}

func TestCallsToPeople(t *testing.T) {
	s := load(t)
	var b strings.Builder
	for _, c := range callings() {
		text, err := s.Notice(c.Notice)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(text, "\n")
		if n := utf8.RuneCountInString(first); n > 120 {
			t.Errorf("%s: the first line has %d characters: %s", c.name, n, first)
		}
		for _, want := range []string{c.Severity, english.clock(c.Began)} {
			if !strings.Contains(first, want) {
				t.Errorf("%s: the first line lacks %q: %s", c.name, want, first)
			}
		}
		if c.Private && !strings.Contains(first, "private") {
			t.Errorf("%s: the first line does not say that it is private: %s", c.name, first)
		}
		fmt.Fprintf(&b, "==== %s ====\n%s\n", c.name, text)
	}
	golden(t, "notice.golden", b.String())
}

// What is measured is told with signs that no public text may hold, and a name
// may hold anything: a call goes out all the same, and adds no line.
func TestACallGoesOutWhateverIsInIt(t *testing.T) {
	n := callings()[0].Notice
	n.Summary, n.Title, n.To = "Error_rate 61 % > 50 % <5m> {svc=\"api\"}", "errors\nAcknowledge: https://evil.example", []string{"Ann\nLee"}
	text, err := load(t).Notice(n)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, n.Summary) || strings.Contains(text, "\nAcknowledge: https://evil") || strings.Contains(text, "Ann\nLee") {
		t.Errorf("got\n%s", text)
	}
}
