package rules

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

func TestCadence(t *testing.T) {
	steps := Policy{Cadence: []Step{{For: time.Hour, Every: 15 * time.Minute}, {For: 2 * time.Hour, Every: 30 * time.Minute}, {Every: 4 * time.Hour}}}
	ends := Policy{Cadence: []Step{{For: time.Hour, Every: 15 * time.Minute}}}
	for _, test := range []struct {
		name   string
		policy Policy
		age    time.Duration
		want   time.Duration
	}{
		{"the first step begins at once", steps, 0, 15 * time.Minute},
		{"the first step lasts until just before its end", steps, time.Hour - 1, 15 * time.Minute},
		{"the second step begins when the first has ended", steps, time.Hour, 30 * time.Minute},
		{"steps are counted one after the other", steps, 3*time.Hour - 1, 30 * time.Minute},
		{"the last step has no end", steps, 1000 * time.Hour, 4 * time.Hour},
		{"after a last step with an end nothing is promised", ends, time.Hour, 0},
		{"no cadence promises nothing", Policy{}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.policy.Every(test.age); got != test.want {
				t.Errorf("Every(%v) = %v, want %v", test.age, got, test.want)
			}
		})
	}
}

// The table of the incident-response runbook (its duties B20 and B21), and who
// may read of it.
func TestBuiltInScale(t *testing.T) {
	policies := DefaultPolicies()
	for _, test := range []struct {
		severity Severity
		every    time.Duration
		channels []string
		public   bool
		hold     time.Duration
		ack      Within
		repeat   time.Duration
	}{
		{P0, 30 * time.Minute, []string{"status", "slack", "email"}, true, 2 * time.Minute, Within{Time: 5 * time.Minute}, 5 * time.Minute},
		{P1, time.Hour, []string{"status", "slack"}, true, 5 * time.Minute, Within{Time: 15 * time.Minute}, 15 * time.Minute},
		{P2, 4 * time.Hour, []string{"status"}, true, 15 * time.Minute, Within{Time: time.Hour}, 0},
		{P3, 0, []string{"tracker"}, false, 0, Within{Days: 1}, 0},
		{P4, 0, []string{"log"}, false, 0, Within{}, 0},
	} {
		p := policies[test.severity]
		for _, age := range []time.Duration{0, time.Minute, 100 * time.Hour} {
			if got := p.Every(age); got != test.every {
				t.Errorf("%s after %v: every %v, want %v", test.severity, age, got, test.every)
			}
		}
		if !slices.Equal(p.Channels, test.channels) || p.Public != test.public || p.Hold != test.hold || p.Ack != test.ack || p.Page.Repeat != test.repeat {
			t.Errorf("%s = %+v", test.severity, p)
		}
	}
	if len(policies) != len(Severities) {
		t.Errorf("%d policies for %d severities", len(policies), len(Severities))
	}
}

func TestSeverities(t *testing.T) {
	if max(P2, P0, P4) != P0 || min(P0, SeverityNone) != SeverityNone {
		t.Error("worse severities must compare greater")
	}
	if !slices.IsSortedFunc(Severities, func(a, b Severity) int { return int(b) - int(a) }) {
		t.Errorf("%v is not worst first", Severities)
	}
	for _, s := range append([]Severity{SeverityNone}, Severities...) {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Severity
		if err := json.Unmarshal(b, &back); err != nil || back != s {
			t.Errorf("%s became %s through %s (%v)", s, back, b, err)
		}
	}
	for _, wrong := range []string{"p0", "P5", "P9", "", "P00", "Sev1"} {
		if s, ok := ParseSeverity(wrong); ok || s != SeverityNone {
			t.Errorf("ParseSeverity(%q) = %v, %v", wrong, s, ok)
		}
	}
}

func TestHears(t *testing.T) {
	c := Config{
		Policies: DefaultPolicies(),
		Channels: []Channel{{Name: "status"}, {Name: "hooks", Severities: []Severity{P0, P4}}, {Name: "deaf"}},
	}
	for severity, want := range map[Severity][]string{
		P0: {"status", "hooks"}, P1: {"status"}, P2: {"status"}, P3: nil, P4: {"hooks"}, SeverityNone: nil,
	} {
		if got := c.Hears(severity); !slices.Equal(got, want) {
			t.Errorf("Hears(%s) = %v, want %v", severity, got, want)
		}
	}
}
