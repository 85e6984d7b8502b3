package incident_test

import (
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

func TestLinesSayTimesSinceABeginOrUTC(t *testing.T) {
	begin := time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC)
	raised := incident.Event{
		Kind: incident.Raised, Incident: "INC-2026-0007", At: begin.Add(26*time.Hour + 8*time.Minute), Began: begin.Add(-5 * time.Minute),
		Component: "api", Region: "eu", Rule: "api-errors", Severity: rules.P1,
	}
	private := incident.Event{Kind: incident.Opened, Incident: "INC-2026-0008", At: begin, Began: begin, Private: true}
	missed := incident.Event{Kind: incident.Missed, Incident: "INC-2027-0001", At: begin.Add(62 * time.Second), Due: begin.Add(62 * time.Second)}
	for _, c := range []struct {
		event incident.Event
		begin time.Time
		want  string
	}{
		{raised, begin, "26:08 raised 0007 api/eu P1 by api-errors since -00:05"},
		{raised, time.Time{}, "2027-01-01 12:08 raised INC-2026-0007 api/eu P1 by api-errors since 2026-12-31 09:55"},
		{private, begin, "00:00 opened 0008 since 00:00, private"},      // about no component
		{missed, begin, "00:01:02 missed 0001 the update due 00:01:02"}, // of another year than the story's
		{missed, time.Time{}, "2026-12-31 10:01:02 missed INC-2027-0001 the update due 2026-12-31 10:01:02"},
	} {
		if got := c.event.Line(c.begin); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// What a timeline holds is trimmed before it is compared.
func TestNoLineBeginsOrEndsWithABlank(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, k := range []incident.Kind{
		incident.Opened, incident.Raised, incident.Eased, incident.Recovered, incident.Moved, incident.Updated, incident.Missed,
		incident.Resolved, incident.Sensed, incident.Blinded, incident.Sighted, incident.Reopened, incident.Surfaced, incident.Linked,
		incident.Muted, incident.Announced, incident.Entered, incident.Left, incident.Skipped,
	} {
		e := incident.Event{
			Kind: k, Incident: "INC-2026-0001", At: begin, Began: begin, Due: begin, Component: "api", Region: "eu", Rule: "r", Service: "api",
			State: incident.Monitoring, Cause: "INC-2026-0002", Plan: "silence known", Update: &incident.Update{Said: begin, State: incident.Monitoring, Trend: incident.TrendNew},
		}
		if s := e.Line(begin); s[0] == ' ' || s[len(s)-1] == ' ' {
			t.Errorf("%s: %q", k, s)
		}
	}
}
