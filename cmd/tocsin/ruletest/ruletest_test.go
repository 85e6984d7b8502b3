package ruletest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/cmd/tocsin/ruletest"
	"github.com/featuresignals/tocsin/rules"
)

const head = `
components:
  - {id: api, name: Management API}
regions:
  - {code: eu, name: Europe}
  - {code: us, name: United States}
probes:
  - {id: api-health, type: http, targets: {eu: "https://api.eu.example.com/health"}}
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {services: [api]}
    window: 1m
    levels:
      P1: {above: 50%, for: 3m}
      P2: {above: 10%, for: 3m}
    recover: {below: 5%, for: 5m}
  - id: probe-fails
    component: api
    signal: error_rate
    where: {probes: [api-health]}
    window: 1m
    levels:
      P1: {above: 50%, for: 2m}
  - id: region-silent
    component: api
    signal: silence
    of: region
    window: 2m
    levels:
      P0: {for: 1m, confirm_with: [probe-fails]}
      P4: {for: 5m}
tests:
`

func parse(t *testing.T, tests string) *rules.Config {
	t.Helper()
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(head + tests)}})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// outcome plays the only test and gives what is not as it says.
func outcome(t *testing.T, tests string) (*ruletest.Played, []ruletest.Failure) {
	t.Helper()
	config := parse(t, tests)
	played, err := ruletest.Play(t.Context(), config, config.Tests[0])
	if err != nil {
		t.Fatal(err)
	}
	return played, played.Check(config.Tests[0])
}

func TestExpectations(t *testing.T) {
	const outage = "  - name: an outage\n    series: [{of: api/eu, minutes: 100x5 100/60x10 100x10}, {of: api/us, minutes: 100x25}]\n    expect:\n      - "
	for _, c := range []struct {
		expect string
		got    string // "" where it is so
	}{
		{`{at: "00:05", incident: api, state: none}`, ""},
		{`{at: "00:08", incident: api, state: none}`, "INC-2026-0001 is investigating at P1"},
		{`{at: "00:08", incident: api, state: open}`, ""},
		{`{at: "00:08", incident: api, severity: P1}`, ""},
		{`{at: "00:08", incident: api, severity: P2}`, "INC-2026-0001 is investigating at P1"},
		{`{at: "00:07", incident: api, severity: P1}`, "there was no incident yet"},
		{`{at: "00:07", incident: api, state: resolved}`, "there was no incident yet"},
		{`{at: "00:18", incident: api, state: monitoring}`, ""},
		{`{at: "00:20", incident: api, state: resolved, severity: P1}`, ""},
		{`{at: "00:25", incident: api, state: resolved, severity: P2}`, "INC-2026-0001 is resolved; it was P1 at its worst"},
		{`{at: "00:25", incident: api, state: open}`, "INC-2026-0001 is resolved; it was P1 at its worst"},
		{`{at: "00:25", incident: api, state: none}`, ""},
		{`{at: "00:08", rule: api-errors, cell: api/eu, now: bad}`, ""},
		{`{at: "00:08", rule: api-errors, cell: api/eu, now: bad, held: P1}`, ""},
		{`{at: "00:08", rule: api-errors, cell: api/us, now: good, held: none}`, ""},
		{`{at: "00:07", rule: api-errors, cell: api/eu, held: P1}`, "bad, no level held; 60 of 100 in the window"},
		{`{at: "00:08", rule: api-errors, cell: api/eu, now: good}`, "bad, P1 held; 60 of 100 in the window"},
		{`{at: "00:08", rule: probe-fails, cell: api/eu, now: bad}`, "nothing was found: the rule saw no requests of api/eu"},
		{`{at: "01:30", rule: api-errors, cell: api/eu, now: unsure}`, ""},
	} {
		_, failures := outcome(t, outage+c.expect)
		got := ""
		if len(failures) > 0 {
			got = failures[0].Got
		}
		if got != c.got {
			t.Errorf("%s: got %q, want %q", c.expect, got, c.got)
		}
	}
}

func TestAFailureHasTheNumbers(t *testing.T) {
	_, failures := outcome(t, `
  - name: an outage
    series: [{of: api/eu, minutes: 100x5 100/60x10}]
    expect:
      - {at: "00:08", incident: api, severity: P2}
`)
	if len(failures) != 1 {
		t.Fatalf("got %d failures, want 1", len(failures))
	}
	f := failures[0]
	if want := "60 of 100 requests failed in 00:07–00:08 UTC"; !strings.Contains(f.Why, want) {
		t.Errorf("why is %q, want the numbers: %s", f.Why, want)
	}
	if f.Want != "00:08 incident api, severity P2" || f.Pos.Line == 0 || f.OfTimeline() {
		t.Errorf("the failure is %+v", f)
	}
}

// Why an incident is open is what holds it open then, not what happened last.
func TestAFailureNamesWhatHoldsTheIncidentOpen(t *testing.T) {
	_, failures := outcome(t, `
  - name: one of two recovers
    start: 2026-01-01T05:00:00+05:30
    series:
      - {of: api/eu, minutes: 100x5 100/60x10 100x10}
      - {of: api/us, minutes: 100x5 100/20x20}
    expect:
      - {at: "00:22", incident: api, state: none}
`)
	if len(failures) != 1 {
		t.Fatalf("got %d failures, want 1", len(failures))
	}
	const want = "api-errors of api/us, P2 since 00:05: 20 of 100 requests failed in 23:51–23:52 UTC (00:21–00:22 of the test): 20 %"
	if why := failures[0].Why; !strings.HasPrefix(why, want) || strings.Contains(why, "api/eu") {
		t.Errorf("why is %q, want %q", why, want)
	}
}

func TestAFailureSaysThatNothingHoldsTheIncidentOpen(t *testing.T) {
	_, failures := outcome(t, `
  - name: an outage
    series: [{of: api/eu, minutes: 100x5 100/60x10 100x10}]
    expect: [{at: "00:25", incident: api, state: open}]
`)
	if want := "no rule holds it open; the last, api-errors of api/eu, recovered at 00:20"; len(failures) != 1 || failures[0].Why != want {
		t.Errorf("got %+v, want why %q", failures, want)
	}
}

// A level that waits for a probe is judged with the probe's minutes, although
// they come from another source.
func TestAProbeConfirmsWhatSpansSay(t *testing.T) {
	for _, c := range []struct{ probe, want string }{{"4x10 4/4x10", "P0"}, {"4x20", "P4"}} {
		_, failures := outcome(t, `
  - name: silence
    series:
      - {of: api/us, minutes: 100x20}
      - {of: api/eu, minutes: 100x10 _x10}
      - {probe: api-health/eu, minutes: `+c.probe+`}
    expect: [{at: "00:17", incident: api, severity: `+c.want+`}]
`)
		for _, f := range failures {
			t.Errorf("with a probe that says %s: %s; got %s", c.probe, f.Want, f.Got)
		}
	}
}

func TestASourceThatIsDownIsNotJudgedUntilItIsBack(t *testing.T) {
	played, failures := outcome(t, `
  - name: the store is away
    series: [{of: api/eu, minutes: 100x5 100/60x30}]
    down: [{source: spans, from: "00:07", to: "00:20"}]
    expect: [{at: "00:08", incident: api, severity: P1}]
`)
	for _, f := range failures {
		t.Errorf("%s; got %s", f.Want, f.Got)
	}
	lines := strings.Join(played.Timeline(), "\n")
	for _, want := range []string{"00:05 blinded", "00:08 opened", "entered late", "00:19 sighted"} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in\n%s", want, lines)
		}
	}
}

func TestLevelsThatHeldAreNoted(t *testing.T) {
	played, _ := outcome(t, `
  - name: an outage
    series: [{of: api/eu, minutes: 100x5 100/20x10}]
    expect: [{at: "00:08", incident: api, state: open}]
`)
	want := map[ruletest.LevelID]bool{{Rule: "api-errors", Severity: rules.P2}: true}
	if diff := cmp.Diff(want, played.Held); diff != "" {
		t.Error(diff)
	}
}

func TestATimelineIsComparedLineByLine(t *testing.T) {
	_, failures := outcome(t, `
  - name: nothing happens
    series: [{of: api/eu, minutes: 100x5}]
    timeline: |
      # a note, and then an empty line

      00:01 sensed api/eu seen
      00:02 opened 0001 api since 00:01
`)
	if len(failures) != 1 {
		t.Fatalf("got %d failures, want 1", len(failures))
	}
	want := []string{"  00:01 sensed api/eu seen", "- 00:02 opened 0001 api since 00:01"}
	if diff := cmp.Diff(want, failures[0].Diff); diff != "" {
		t.Error(diff)
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ want, got, diff string }{
		{"", "", ""},
		{"a b c", "a b c", " a| b| c"},
		{"a b c", "a c", " a|-b| c"},
		{"a c", "a b c", " a|+b| c"},
		{"a b", "c d", "-a|-b|+c|+d"},
		{"", "a", "+a"},
		{"a", "", "-a"},
	} {
		var got []string
		for _, line := range ruletest.Diff(strings.Fields(c.want), strings.Fields(c.got)) {
			got = append(got, line[:1]+line[2:])
		}
		if s := strings.Join(got, "|"); s != c.diff {
			t.Errorf("%q against %q: %s, want %s", c.want, c.got, s, c.diff)
		}
	}
}

func TestUpdateChangesTimelinesAndNothingElse(t *testing.T) {
	const before = `
  # what is known
  - name: one   # the first
    series: [{of: api/eu, minutes: 100x5}]
    timeline: |   # all of it
      # it is seen
      00:01 wrong

      00:02 wrong, too
      # the end

  - {name: wrong, series: [{of: api/eu, minutes: 100x5}], timeline: wrong}   # in one line
  - {name: aliased, series: [{of: api/eu, minutes: 100x5}], timeline: &a "wrong"}
  - name: a word
    series: [{of: api/eu, minutes: 100x5}]
    timeline: "?"   # to come
  - name: empty
    timeline: |
    series: [{of: api/eu, minutes: 100x5}]
  - name: three
    timeline: |-
            deeper
    series: [{of: api/eu, minutes: 100x5}]
`
	const after = `
  # what is known
  - name: one   # the first
    series: [{of: api/eu, minutes: 100x5}]
    timeline: |   # all of it
      # it is seen

      00:01 sensed api/eu seen
      # the end

  - {name: wrong, series: [{of: api/eu, minutes: 100x5}], timeline: "00:01 sensed api/eu seen\n"}   # in one line
  - {name: aliased, series: [{of: api/eu, minutes: 100x5}], timeline: &a "wrong"}
  - name: a word
    series: [{of: api/eu, minutes: 100x5}]
    timeline: |   # to come
      00:01 sensed api/eu seen
  - name: empty
    timeline: |
      00:01 sensed api/eu seen
    series: [{of: api/eu, minutes: 100x5}]
  - name: three
    timeline: |-
            00:01 sensed api/eu seen
    series: [{of: api/eu, minutes: 100x5}]
`
	name := filepath.Join(t.TempDir(), "tocsin.yaml")
	play := func() (edits []ruletest.Edit) {
		t.Helper()
		config, err := rules.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range config.Tests {
			played, err := ruletest.Play(t.Context(), config, test)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(played.Check(test), ruletest.Failure.OfTimeline) {
				edits = append(edits, ruletest.Edit{Test: test, Timeline: played.Timeline()})
			}
		}
		return edits
	}
	if err := os.WriteFile(name, []byte(head+before), 0o640); err != nil {
		t.Fatal(err)
	}
	edits := play()
	if len(edits) != 6 {
		t.Fatalf("%d timelines differ, want 6", len(edits))
	}
	made, wrong := ruletest.Update(edits)
	if len(made) != 5 || len(wrong) != 1 || !strings.Contains(wrong[0].Error(), `the timeline of "aliased" was not written`) {
		t.Errorf("%d were written; %v", len(made), wrong)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(head+after, string(body)); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode is %v (%v), want 0640", info.Mode(), err)
	}
	if again := play(); len(again) != 1 {
		t.Errorf("%d timelines still differ, want that of aliased", len(again))
	}
	if left, _ := filepath.Glob(filepath.Dir(name) + "/.*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUpdateLeavesAloneWhatItCannotPlace(t *testing.T) {
	const body = "tests:\n  - name: one\n    timeline: &same |\n      x\n"
	name := filepath.Join(t.TempDir(), "tests.yaml")
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	made, wrong := ruletest.Update([]ruletest.Edit{{Test: rules.Test{Pos: rules.Pos{File: name, Line: 2, Col: 5}}, Timeline: []string{"y"}}})
	if len(made) > 0 || len(wrong) != 1 || !strings.Contains(wrong[0].Error(), "line 3") {
		t.Errorf("got %v", wrong)
	}
	if now, _ := os.ReadFile(name); string(now) != body {
		t.Errorf("the file is\n%s", now)
	}
}
