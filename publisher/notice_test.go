package publisher

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// calling makes a board with an incident that people were called for, and the
// configuration that says who they are.
func calling(t *testing.T) (*rules.Config, incident.Board) {
	c := projectConfig(t)
	c.People = []rules.Person{{ID: "ann", Name: "Ann Lee"}, {ID: "bo", Name: "Bo Chen"}}
	c.Console = rules.Console{URL: "https://console.example.com/", WarRoom: "https://meet.example.com/war"}
	c.SigNoz.URL = "https://signoz.example.com"
	c.Rules[0].Runbook, c.Rules[1].Runbook = "https://runbooks.example.com/errors", "https://runbooks.example.com/slow"
	b := broken(seen(), rules.P1, false, "eu", "lab-7")
	i := &b.Open[0]
	i.Causes = append(i.Causes, incident.Cause{Rule: "slow", Service: "svc", Region: "eu", Severity: rules.P2, Peak: rules.P2, Began: noon})
	i.Alarms = []incident.Alarm{{Severity: rules.P1, At: noon}}
	i.Notices = []incident.Notice{
		{Number: 1, At: noon, Kind: incident.Paged, To: []string{"ann"}, Role: rules.OnCall, Step: 1, Why: "9 % of 1,000 requests > 5 %"},
		{Number: 2, At: noon.Add(time.Hour), Kind: incident.Escalated, To: []string{"bo", "gone"}, Role: "eng-manager", Step: 1},
	}
	return c, b
}

func TestACallSaysWhatIsToBeKnown(t *testing.T) {
	c, b := calling(t)
	d, err := Prepare(c, b, Row{Channel: "pager", Key: "INC-2026-0007/notice/1"}, noon, noon)
	if err != nil {
		t.Fatal(err)
	}
	if d.Update != nil || d.Incident != nil || len(d.Public.Incidents)+len(d.Public.Components) > 0 {
		t.Errorf("it carries what is public: %+v", d)
	}
	want := templates.Notice{
		ID: "INC-2026-0007", Number: 1, Kind: "paged", At: noon, State: "investigating", Severity: "P1", Title: "elevated errors", Component: "API",
		Regions: []string{"Europe", "lab-7"}, Began: noon.Add(-4 * time.Minute), Detected: noon, Summary: "9 % of 1,000 requests > 5 %",
		To: []string{"Ann Lee"}, Role: "on-call", Step: 1, AckBy: noon.Add(15 * time.Minute),
		Console: "https://console.example.com/incidents/INC-2026-0007", WarRoom: "https://meet.example.com/war",
		Runbook: "https://runbooks.example.com/errors", SigNoz: "https://signoz.example.com",
	}
	if diff := cmp.Diff(want, *d.Notice); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	i := &b.Open[0]
	i.Private, i.Ack, i.Topic, i.Updates = true, &incident.Ack{By: incident.Person("ann"), At: noon}, "security", nil
	i.Causes = []incident.Cause{{Region: "eu", Severity: rules.P2, Peak: rules.P2}}
	d, err = Prepare(c, b, Row{Channel: "pager", Key: "INC-2026-0007/notice/2"}, noon, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	n := *d.Notice
	got := fmt.Sprintf("%v %s, %s, %v %v %v %v", n.Private, n.Title, n.Acked, n.AckBy.IsZero(), n.WarRoom == "", n.To, n.Regions)
	if want := "true security, Ann Lee, true true [Bo Chen gone] [Europe]"; got != want {
		t.Errorf("of a private one is told %s, want %s", got, want)
	}
}

// Who was called hears that somebody is on it, and that it is over.
func TestWhoWasCalledIsToldThatTheyNeedNotCome(t *testing.T) {
	c, b := calling(t)
	i := &b.Open[0]
	i.Ack = &incident.Ack{By: incident.Person("bo"), At: noon}
	i.Notices = append(i.Notices, incident.Notice{Number: 3, At: noon, Kind: incident.StoodDown, Reason: incident.TakenOn, To: []string{"ann", "bo"}})
	told := func(row string) (templates.Notice, error) {
		t.Helper()
		d, err := Prepare(c, b, Row{Channel: "pager", Key: "INC-2026-0007/notice/" + row}, noon, noon.Add(time.Minute))
		if err != nil {
			return templates.Notice{}, err
		}
		if len(d.People) != 2 {
			t.Errorf("it goes to %v", d.People)
		}
		return *d.Notice, nil
	}
	n, err := told("3")
	if err != nil || n.Kind != "acknowledged" || n.Head() != "P1 (acknowledged by Bo Chen) API in Europe and lab-7" {
		t.Errorf("%s %q %v", n.Kind, n.Head(), err)
	}
	b.Past, b.Open = b.Open, nil
	i = &b.Past[0]
	i.State, i.Into = incident.StateResolved, "INC-2026-0009"
	i.Notices = append(i.Notices, incident.Notice{Number: 4, At: noon, Kind: incident.StoodDown, Reason: incident.AllOver, To: []string{"ann", "bo"}})
	n, err = told("4")
	if err != nil || n.Kind != "over" || n.Head() != "P1 (over) API in Europe and lab-7" || n.Into != "INC-2026-0009" {
		t.Errorf("%s %q %q %v", n.Kind, n.Head(), n.Into, err)
	}
}

// What comes late does not undo what came meanwhile: a pager that was away for an
// hour rings for nothing that is over, and closes nothing that is open again.
func TestWhatIsNotSoAnyMoreIsNotTold(t *testing.T) {
	down := func(number int, why incident.Reason) incident.Notice {
		return incident.Notice{Number: number, Kind: incident.StoodDown, Reason: why}
	}
	page := func(number int) incident.Notice { return incident.Notice{Number: number, Kind: incident.Paged} }
	ack := &incident.Ack{By: incident.Person("ann")}
	for _, c := range []struct {
		name    string
		state   incident.State
		ack     *incident.Ack
		notices []incident.Notice
		want    string // numbers of the notices that go out
	}{
		{"a call goes out", incident.Investigating, nil, []incident.Notice{page(1)}, "1"},
		{"a call that somebody has taken on does not", incident.Investigating, ack, []incident.Notice{page(1), down(2, incident.TakenOn)}, "2"},
		{"a call that comes after it was taken on does", incident.Investigating, ack, []incident.Notice{page(1), down(2, incident.TakenOn), page(3)}, "2 3"},
		{"once that lapses, calls go out and the word does not", incident.Investigating, nil, []incident.Notice{page(1), down(2, incident.TakenOn), page(3)}, "1 3"},
		{"at the end there is one word", incident.StateResolved, ack, []incident.Notice{page(1), down(2, incident.TakenOn), down(3, incident.AllOver)}, "3"},
		{"what was over before there was such a word is told as it was", incident.StateResolved, ack, []incident.Notice{page(1)}, "1"},
		{"what is open again is not over", incident.Investigating, nil, []incident.Notice{page(1), down(2, incident.AllOver), page(3)}, "1 3"},
		{"a reminder goes out", incident.Identified, ack, []incident.Notice{down(1, incident.TakenOn), {Number: 2, Kind: incident.Reminded}}, "1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, b := calling(t)
			i := b.Open[0]
			i.State, i.Ack, i.Notices = c.state, c.ack, c.notices
			b.Open[0] = i
			var got []string
			for _, n := range c.notices {
				_, err := Prepare(config, b, Row{Key: fmt.Sprintf("INC-2026-0007/notice/%d", n.Number)}, noon, noon)
				if err == nil {
					got = append(got, fmt.Sprint(n.Number))
				} else if !errors.Is(err, ErrMoot) {
					t.Error(err)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s go out, want %s", got, c.want)
			}
		})
	}
}

// An acknowledgement that has lapsed counts no longer.
func TestACallSaysWhoIsOnItNow(t *testing.T) {
	c, b := calling(t)
	b.Open[0].Ack = &incident.Ack{By: incident.Person("ann"), At: noon, Until: noon.Add(time.Hour)}
	for at, want := range map[time.Time]string{noon.Add(59 * time.Minute): "Ann Lee", noon.Add(time.Hour): ""} {
		d, err := Prepare(c, b, Row{Channel: "pager", Key: "INC-2026-0007/notice/1"}, noon, at)
		if err != nil || d.Notice.Acked != want {
			t.Errorf("at %s: %q %v, want %q", at, d.Notice.Acked, err, want)
		}
	}
}

func TestWhatIsSaidInsideGoesOutAndIsNotPublic(t *testing.T) {
	c, b := projectConfig(t), broken(seen(), rules.P3, false, "eu")
	i := &b.Open[0]
	i.Updates[0].Inside = true
	i.Updates[0].Text = "For the tracker."
	d, err := Prepare(c, b, Row{Channel: "hook", Key: "INC-2026-0007/1"}, noon, noon)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Inside || d.Incident.ID != "INC-2026-0007" || d.Update.Text != "For the tracker." {
		t.Errorf("it is %+v", d)
	}
	if p := d.Public; len(p.Incidents)+len(p.Past) > 0 || p.Indicator != "none" || p.Components[0].Status != templates.Operational {
		t.Errorf("customers read of it: %+v", p)
	}
	// What goes out late tells of the incident as it stands, as what is public does.
	last := i.Updates[0]
	last.Number, last.State, last.Said = 2, incident.StateResolved, noon.Add(time.Hour)
	i.Updates, i.State = append(i.Updates, last), incident.StateResolved
	if d, err = Prepare(c, b, Row{Channel: "hook", Key: "INC-2026-0007/1"}, noon, noon); err != nil {
		t.Fatal(err)
	}
	if all := d.Incident.Updates; d.Update.Number != 1 || len(all) != 2 || all[0].Number != 2 {
		t.Errorf("late, it is update %d beside %+v", d.Update.Number, all)
	}
	i.Private = true
	if _, err := Prepare(c, b, Row{Channel: "hook", Key: "INC-2026-0007/1"}, noon, noon); !errors.Is(err, ErrPermanent) {
		t.Errorf("of a private one: %v, want a permanent error", err)
	}
}
