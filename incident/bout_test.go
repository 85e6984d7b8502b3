package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// bouts tells an incident's bouts as lines.
func bouts(i incident.Incident) string {
	clock := func(t time.Time) string {
		if t.IsZero() {
			return "…"
		}
		return t.Format("15:04")
	}
	var b strings.Builder
	for _, x := range i.Bouts {
		set := ""
		if x.Set {
			set = " set"
		}
		fmt.Fprintf(&b, "%s/%s %s %s–%s%s\n", x.Component, x.Region, x.Severity, clock(x.From), clock(x.To), set)
	}
	return b.String()
}

// A cell's history is what its causes were, minute by minute, as people read it.
func TestBoutsSayWhatWasHowBadWhen(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	const id = incident.ID("INC-2026-0001")
	event := func(kind incident.Kind, minute int, edit func(*incident.Event)) incident.Event {
		e := incident.Event{Kind: kind, Incident: id, At: at(minute), Component: "api", Rule: "errs", Service: "svc", Region: "eu"}
		if edit != nil {
			edit(&e)
		}
		return e
	}
	raised := func(minute, began int, s rules.Severity, rule, region string) incident.Event {
		return event(incident.Raised, minute, func(e *incident.Event) { e.Began, e.Severity, e.Rule, e.Region = at(began), s, rule, region })
	}
	eased := func(minute int, s rules.Severity) incident.Event {
		return event(incident.Eased, minute, func(e *incident.Event) { e.Severity = s })
	}
	recovered := func(minute int, rule, region string) incident.Event {
		return event(incident.Recovered, minute, func(e *incident.Event) { e.Rule, e.Region = rule, region })
	}
	opened := event(incident.Opened, 5, func(e *incident.Event) { e.Began = at(0) })
	graded := func(minute int, s rules.Severity) incident.Event {
		return event(incident.Graded, minute, func(e *incident.Event) { e.Severity, e.By = s, incident.Person("ana") })
	}
	for _, tt := range []struct {
		name   string
		events []incident.Event
		want   string
	}{
		{
			"a breach lasts from its first bad minute until it recovered",
			[]incident.Event{opened, raised(5, 0, rules.P1, "errs", "eu"), recovered(20, "errs", "eu")},
			"api/eu P1 12:00–12:20\n",
		},
		{
			"what lasts has no end",
			[]incident.Event{opened, raised(5, 0, rules.P1, "errs", "eu")},
			"api/eu P1 12:00–…\n",
		},
		{
			"a severity holds from when it was found until another was",
			[]incident.Event{opened, raised(5, 0, rules.P2, "errs", "eu"), raised(8, 0, rules.P0, "errs", "eu"), eased(12, rules.P1), recovered(20, "errs", "eu")},
			"api/eu P2 12:00–12:08\napi/eu P0 12:08–12:12\napi/eu P1 12:12–12:20\n",
		},
		{
			"a worse level that looks further back moves the beginning, not when it got worse",
			[]incident.Event{opened, raised(5, 2, rules.P2, "errs", "eu"), eased(7, rules.P3), raised(9, -3, rules.P0, "errs", "eu")},
			"api/eu P2 11:57–12:07\napi/eu P3 12:07–12:09\napi/eu P0 12:09–…\n",
		},
		{
			"each cause has its own",
			[]incident.Event{opened, raised(5, 0, rules.P2, "errs", "eu"), raised(6, 1, rules.P1, "slow", "eu"), raised(7, 4, rules.P2, "errs", "us"), recovered(9, "errs", "eu"), recovered(11, "slow", "eu")},
			"api/eu P2 12:00–12:09\napi/eu P1 12:01–12:11\napi/us P2 12:04–…\n",
		},
		{
			"what comes back is another bout",
			[]incident.Event{opened, raised(5, 0, rules.P2, "errs", "eu"), recovered(9, "errs", "eu"), raised(15, 13, rules.P2, "errs", "eu")},
			"api/eu P2 12:00–12:09\napi/eu P2 12:13–…\n",
		},
		{
			"a person's word on the severity counts from when it was given",
			[]incident.Event{opened, raised(5, 0, rules.P2, "errs", "eu"), graded(7, rules.P0), raised(8, 6, rules.P2, "slow", "us"), graded(9, rules.P3)},
			"api/eu P2 12:00–12:07\napi/eu P0 12:07–12:09 set\napi/us P0 12:06–12:09 set\napi/eu P3 12:09–… set\napi/us P3 12:09–… set\n",
		},
		{
			"and until it is worse than they spoke of",
			[]incident.Event{opened, raised(5, 0, rules.P2, "errs", "eu"), graded(7, rules.P3), raised(9, 0, rules.P0, "errs", "eu")},
			"api/eu P2 12:00–12:07\napi/eu P3 12:07–12:09 set\napi/eu P0 12:09–…\n",
		},
		{
			"a person corrects the beginning of what began first",
			[]incident.Event{opened, raised(5, 0, rules.P2, "errs", "eu"), raised(6, 3, rules.P2, "errs", "us"), event(incident.Corrected, 9, func(e *incident.Event) { e.Began = at(-30) })},
			"api/eu P2 11:30–…\napi/us P2 12:03–…\n",
		},
		{
			"a person closes it although not all is well",
			[]incident.Event{opened, raised(5, 0, rules.P2, "errs", "eu"), event(incident.Resolved, 9, func(e *incident.Event) { e.By, e.Forced = incident.Person("ana"), true })},
			"api/eu P2 12:00–12:09\n",
		},
		{
			"what goes on as another incident goes on there",
			[]incident.Event{
				event(incident.Opened, 1, func(e *incident.Event) { e.Incident, e.Component, e.Began = "INC-2026-0002", "web", at(1) }),
				event(incident.Raised, 1, func(e *incident.Event) {
					e.Incident, e.Component, e.Rule, e.Severity, e.Began = "INC-2026-0002", "web", "web", rules.P1, at(1)
				}),
				opened, raised(5, 0, rules.P2, "errs", "eu"),
				event(incident.Merged, 9, func(e *incident.Event) { e.Incident, e.Cause = "INC-2026-0002", id }),
				event(incident.Absorbed, 9, func(e *incident.Event) { e.Cause = "INC-2026-0002" }),
				event(incident.Recovered, 12, func(e *incident.Event) { e.Component, e.Rule = "web", "web" }),
			},
			"api/eu P2 12:00–…\nweb/eu P1 12:01–12:09\nweb/eu P1 12:09–12:12\n",
		},
		{
			"what was kept from customers stays so when it goes on as another",
			[]incident.Event{
				event(incident.Opened, 1, func(e *incident.Event) { e.Incident, e.Component, e.Began = "INC-2026-0002", "web", at(1) }),
				event(incident.Raised, 1, func(e *incident.Event) {
					e.Incident, e.Component, e.Rule, e.Severity, e.Began = "INC-2026-0002", "web", "web", rules.P1, at(1)
				}),
				event(incident.Vetoed, 2, func(e *incident.Event) { e.Incident = "INC-2026-0002" }),
				opened, raised(5, 0, rules.P2, "errs", "eu"),
				event(incident.Merged, 9, func(e *incident.Event) { e.Incident, e.Cause = "INC-2026-0002", id }),
				event(incident.Absorbed, 9, func(e *incident.Event) { e.Cause = "INC-2026-0002" }),
			},
			"api/eu P2 12:00–…\nweb/eu P1 12:09–…\n",
		},
		{
			"what was private and of no component ends as the one it was disclosed as",
			[]incident.Event{
				event(incident.Opened, 5, func(e *incident.Event) { e.Component, e.Private, e.Began = "", true, at(0) }),
				event(incident.Raised, 5, func(e *incident.Event) {
					e.Component, e.Rule, e.Service, e.Severity, e.Began = "", "", "", rules.P1, at(0)
				}),
				event(incident.Disclosed, 7, nil),
				event(incident.Recovered, 9, func(e *incident.Event) { e.Rule, e.Service = "", "" }),
			},
			"/eu P1 12:00–12:09\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b incident.Board
			for n, e := range tt.events {
				e.Seq = uint64(n + 1)
				b = b.With(e)
			}
			i, _ := b.Find(id)
			if got := bouts(i); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

// soundBouts says what is wrong with the bouts of a board: those that last are the
// causes that last, as bad as they are.
func soundBouts(b incident.Board) (wrong []string) {
	for _, i := range append(append([]incident.Incident{}, b.Past...), b.Open...) {
		lasting := map[string]rules.Severity{}
		for _, x := range i.Bouts {
			switch {
			case x.Severity == rules.SeverityNone || x.From.IsZero():
				wrong = append(wrong, fmt.Sprintf("%s has an empty bout %+v", i.ID, x))
			case !x.To.IsZero() && x.To.Before(x.From):
				wrong = append(wrong, fmt.Sprintf("%s has a bout that ends before it begins: %+v", i.ID, x))
			case x.To.IsZero():
				cell := x.Component + "/" + x.Region
				lasting[cell] = max(lasting[cell], x.Severity)
			}
		}
		if i.State == incident.StateResolved {
			if len(lasting) > 0 {
				wrong = append(wrong, fmt.Sprintf("%s is over, and has bouts that last: %v", i.ID, lasting))
			}
			continue
		}
		for _, c := range i.Causes {
			component := c.Component
			if component == "" {
				component = i.Component
			}
			if got, want := lasting[component+"/"+c.Region], i.CellSeverity(component, c.Region); got != want {
				wrong = append(wrong, fmt.Sprintf("%s: %s/%s is %s, its bouts say %s", i.ID, component, c.Region, want, got))
			}
		}
	}
	return wrong
}
