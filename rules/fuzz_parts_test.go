package rules

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Whatever is written of probes, plans and tests, it is fit to run, or each
// mistake is a line that points into the file. Lint says its part of it without
// panic.
func FuzzParts(f *testing.F) {
	for _, test := range slices.Concat(wrongProbes, wrongPlans, wrongTests) {
		f.Add(unmarked.Replace(test.yaml))
	}
	f.Add(someTests)
	f.Add(someProbe + aTest)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]File{{Name: "f.yaml", Body: []byte(around + text)}})
		for _, e := range Mistakes(err) {
			if e.Pos.File != "f.yaml" || e.Pos.Line < 1 || e.Pos.Col < 1 || e.Msg == "" || strings.ContainsFunc(e.Msg, unicode.IsControl) {
				t.Errorf("%q is not a line to read", e.Error())
			}
		}
		if err != nil {
			return
		}
		for _, p := range c.Probes {
			probeFit(t, p)
		}
		plansFit(t, c)
		for _, test := range c.Tests {
			testFit(t, test)
		}
		for _, w := range c.Lint(time.Unix(1_800_000_000, 0)) {
			if w.Pos.Line < 1 || w.Msg == "" || strings.ContainsFunc(w.Msg, unicode.IsControl) {
				t.Errorf("%q is not a line to read", w)
			}
		}
	})
}

func probeFit(t *testing.T, p Probe) {
	t.Helper()
	if p.ID == "" || !slices.Contains(probeTypes, p.Type) || len(p.Targets) == 0 || p.Every < 5*time.Second || p.Every > time.Minute ||
		p.Timeout < time.Second || p.Timeout > p.Every || p.Expect.Within > p.Timeout {
		t.Errorf("%+v", p)
	}
	if p.Type == "http" && (p.UserAgent == "" || len(p.Expect.Status) == 0) {
		t.Errorf("%+v", p)
	}
	for _, target := range p.Targets {
		if target.Region == "" || target.Address == "" || wrongAddress(p.Type, target.Address) != "" {
			t.Errorf("%+v", target)
		}
	}
	for _, c := range p.Expect.JSON {
		if c.Path == "" || len(c.Any) == 0 {
			t.Errorf("%+v", c)
		}
	}
	for _, g := range p.Gauges {
		for text, f := range g.Values {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				t.Errorf("%q stands for %v", text, f)
			}
		}
		if !gaugePattern.MatchString(g.Name) || g.Path == "" || g.Values != nil && len(g.Values) == 0 {
			t.Errorf("%+v", g)
		}
	}
}

func plansFit(t *testing.T, c *Config) {
	t.Helper()
	for _, m := range c.Maintenance {
		w := m.Weekly
		switch {
		case m.ID == "" || m.Title == "":
			t.Errorf("%+v", m)
		case len(w.Days) == 0 && (m.From.IsZero() || !m.To.After(m.From) || m.To.Sub(m.From) > longestWork):
			t.Errorf("%+v", m)
		case len(w.Days) > 0 && (w.Zone == nil || w.At < 0 || w.At >= 24*time.Hour || w.For < time.Minute || w.For >= shortestGap(w.Days)):
			t.Errorf("%+v", m)
		}
		if from, to, ok := m.Next(m.From); ok && !from.Before(to) {
			t.Errorf("%+v is next from %s to %s", m, from, to)
		}
	}
	for _, s := range c.Silences {
		if s.ID == "" || !s.Until.After(s.From) || strings.TrimSpace(s.Reason) == "" {
			t.Errorf("%+v", s)
		}
	}
}

func testFit(t *testing.T, test Test) {
	t.Helper()
	if test.Name == "" || test.Start.IsZero() || !test.Start.Equal(test.Start.Truncate(time.Minute)) || len(test.Series) == 0 ||
		len(test.Expect) == 0 && test.Timeline == "" {
		t.Errorf("%+v", test)
	}
	for _, s := range test.Series {
		if len(s.Minutes) == 0 || len(s.Minutes) > MostMinutes || s.Service == "" && s.Region == "" || !s.Probe && s.Kind == "" {
			t.Errorf("%+v", s)
		}
	}
	for _, d := range test.Down {
		if !slices.Contains(sourceNames, d.Source) || d.From < 0 || d.To <= d.From || d.To > MostMinutes {
			t.Errorf("%+v", d)
		}
	}
	for _, e := range test.Expect {
		if e.At < time.Minute || (e.Rule == "") == (e.Component == "") || e.Text == "" ||
			e.Rule != "" && (e.Cell == "" || e.Now == "" && e.AnyHeld) || e.Component != "" && e.State == "" && e.Severity == SeverityNone {
			t.Errorf("%+v", e)
		}
	}
}
