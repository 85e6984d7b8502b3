package ruletest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Failure is one thing that is not as the test says.
type Failure struct {
	Pos  rules.Pos
	Want string   // what the test says
	Got  string   // what is so
	Why  string   // the numbers that it rests on; may be ""
	Diff []string // of a timeline: its lines after "  ", "- " (expected) or "+ " (happened)
}

// OfTimeline reports whether it is the timeline that differs.
func (f Failure) OfTimeline() bool { return f.Diff != nil }

// Check compares what happened with what the test expects.
func (p *Played) Check(test rules.Test) []Failure {
	var all []Failure
	for _, e := range test.Expect {
		var f *Failure
		if e.Component != "" {
			f = p.checkIncident(e)
		} else {
			f = p.checkFinding(e)
		}
		if f != nil {
			f.Pos, f.Want = e.Pos, e.Text
			all = append(all, *f)
		}
	}
	if want := Lines(test.Timeline); test.Timeline != "" && !slices.Equal(want, p.Timeline()) {
		all = append(all, Failure{Pos: test.Pos, Want: "timeline", Got: "something else happened", Diff: Diff(want, p.Timeline())})
	}
	return all
}

// Lines takes a timeline apart; empty lines and notes after # do not count.
func Lines(timeline string) []string {
	var out []string
	for line := range strings.Lines(timeline) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func (p *Played) checkFinding(e rules.Expected) *Failure {
	m := p.Moments[p.Begin.Add(e.At)]
	if m == nil || !m.Judged {
		return &Failure{Got: "that minute was not judged"}
	}
	var others []string
	for _, f := range m.Findings {
		if f.Rule != e.Rule {
			continue
		}
		cell := f.Series.Service + "/" + f.Series.Region
		if cell != e.Cell {
			others = append(others, cell)
			continue
		}
		if (e.Now == "" || e.Now == f.Now.String()) && (e.AnyHeld || e.Held == f.Held) {
			return nil
		}
		return &Failure{Got: saying(f), Why: p.clocked(f.Why, f.At)}
	}
	if e.Now == evaluator.Unsure.String() && (e.AnyHeld || e.Held == rules.SeverityNone) {
		return nil // of what was never seen nothing is known
	}
	got := "nothing was found: the rule saw no requests of " + e.Cell
	if len(others) > 0 {
		got += ", only of " + strings.Join(others, ", ")
	}
	return &Failure{Got: got}
}

func saying(f evaluator.Finding) string {
	held := "no level held"
	if f.Held != rules.SeverityNone {
		held = f.Held.String() + " held"
	}
	return fmt.Sprintf("%s, %s; %d of %d in the window", f.Now, held, f.Errors, f.Requests)
}

func (p *Played) checkIncident(e rules.Expected) *Failure {
	m := p.Moments[p.Begin.Add(e.At)]
	if m == nil || !m.Judged {
		return &Failure{Got: "that minute was not judged"}
	}
	inc, known := newest(m.Board, e.Component)
	open := known && inc.State != incident.StateResolved
	fits := false
	switch e.State {
	case "none":
		fits = !open
	case "open":
		fits = open
	case "":
		fits = known
	default:
		fits = known && string(inc.State) == e.State
	}
	severity := inc.Severity()
	if known && !open {
		severity = inc.Peak
	}
	if fits && (e.Severity == rules.SeverityNone || e.Severity == severity) {
		return nil
	}
	if !known {
		return &Failure{Got: "there was no incident yet"}
	}
	got := fmt.Sprintf("%s is %s at %s", inc.ID, inc.State, severity)
	if !open {
		got = fmt.Sprintf("%s is resolved; it was %s at its worst", inc.ID, severity)
	}
	return &Failure{Got: got, Why: strings.Join(p.holding(m, inc), "\n")}
}

// newest gives a component's open incident, or else its last one.
func newest(b incident.Board, component string) (incident.Incident, bool) {
	if inc, ok := b.On(component); ok {
		return inc, true
	}
	for _, inc := range slices.Backward(b.Past) {
		if inc.Component == component {
			return inc, true
		}
	}
	return incident.Incident{}, false
}

// holding says what keeps an incident open, a line a cause, or what did so last.
func (p *Played) holding(m *Moment, inc incident.Incident) []string {
	var lines []string
	for _, c := range inc.Causes {
		if c.Severity == rules.SeverityNone || !c.Ended.IsZero() {
			continue
		}
		var line strings.Builder
		line.WriteString(fmt.Sprintf("%s of %s/%s, %s since %s", c.Rule, c.Service, c.Region, c.Severity, p.clock(c.Began)))
		for _, f := range m.Findings {
			if f.Rule == c.Rule && f.Series.Service == c.Service && f.Series.Region == c.Region && f.Why != "" {
				line.WriteString(": " + p.clocked(f.Why, f.At))
			}
		}
		lines = append(lines, line.String())
	}
	if len(lines) > 0 || len(inc.Causes) == 0 {
		return lines
	}
	last := inc.Causes[0]
	for _, c := range inc.Causes {
		if c.Ended.After(last.Ended) {
			last = c
		}
	}
	return []string{fmt.Sprintf("no rule holds it open; the last, %s of %s/%s, recovered at %s", last.Rule, last.Service, last.Region, p.clock(last.Ended))}
}

// clock writes a time as tests do: hours and minutes since their beginning.
func (p *Played) clock(t time.Time) string {
	sign, d := "", t.Sub(p.Begin)
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%02d:%02d", sign, int(d.Hours()), int(d.Minutes())%60)
}

var clockTimes = regexp.MustCompile(`(?:(?:\d{4}-\d\d-\d\d )?(\d\d:\d\d)–)?(?:\d{4}-\d\d-\d\d )?(\d\d:\d\d) UTC`)

// clocked puts the test's own times beside those of the world in what is said of
// a minute, where they differ.
func (p *Played) clocked(why string, at time.Time) string {
	if at.UTC().Format("15:04") == p.clock(at) {
		return why
	}
	return clockTimes.ReplaceAllStringFunc(why, func(said string) string {
		if !strings.HasSuffix(said, at.UTC().Format("15:04 UTC")) {
			return said
		}
		own := p.clock(at)
		if m := clockTimes.FindStringSubmatch(said); m[1] != "" && !strings.Contains(said, "-") {
			from, _ := time.Parse("15:04", m[1]) // as the pattern has it
			to, _ := time.Parse("15:04", m[2])
			span := (to.Sub(from) + 24*time.Hour) % (24 * time.Hour)
			own = p.clock(at.Add(-span)) + "–" + own
		}
		return said + " (" + own + " of the test)"
	})
}
