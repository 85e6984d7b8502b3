package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

const plannedYAML = `
regions: [{code: eu, name: Europe}, {code: us, name: US}]
components: [{id: api, name: API}, {id: web, name: Web}]
maintenance: [%s]
rules: [{id: errors, component: api, signal: error_rate, levels: {P1: {above: 5%%}}}]
`

const onceAMonth = `{id: db, title: "Database", components: [api], regions: [us], from: 2026-06-10 22:00, to: 2026-06-11 01:00}`

// passing has a board see a round at each of some times, and gives what was said of
// maintenance.
func passing(c *rules.Config, b incident.Board, times ...time.Time) (incident.Board, []string) {
	var said []string
	for _, at := range times {
		r := evaluator.Round{Source: rules.SourceSpans, Lag: time.Minute, At: at.Add(-time.Minute), Live: true}
		for _, e := range b.Decide(incident.Input{Config: c, Round: &r, AsOf: r.At, Known: true}, at) {
			e.Seq, e.Recorded = b.Seq+1, at.Add(30*time.Second)
			b = b.With(e)
			switch e.Kind {
			case incident.Announced, incident.Entered, incident.Left:
				said = append(said, e.Line(time.Time{}))
			}
		}
	}
	return b, said
}

func TestMaintenanceIsToldOnceAStretch(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		at, err := time.Parse("2006-01-02 15:04", "2026-"+s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	weekly := func(extra string) string {
		return `{id: patches, title: Patches, weekly: {days: [tue], at: "03:00", for: 1h}` + extra + `}`
	}
	for _, tt := range []struct {
		name  string
		plans string
		times []string
		want  string
	}{
		{
			"two weeks before it begins, and not before", onceAMonth,
			[]string{"05-20 12:00", "05-27 21:59", "05-27 22:00", "05-27 22:01", "06-10 21:59", "06-10 22:00", "06-10 22:01", "06-11 01:00", "06-11 01:01"},
			`2026-05-27 22:00 announced maintenance db from 2026-06-10 22:00 until 2026-06-11 01:00
2026-06-10 22:00 entered maintenance db
2026-06-11 01:00 left maintenance db`,
		},
		{
			"what is under way when its lines are written is not to come", onceAMonth,
			[]string{"06-10 23:00", "06-11 01:00"},
			"2026-06-10 23:00 entered maintenance db\n2026-06-11 01:00 left maintenance db",
		},
		{
			"of what comes every week the next two", weekly(""),
			[]string{"05-20 12:00", "05-20 12:01", "05-26 03:00", "05-26 03:01", "05-26 04:00"},
			`2026-05-20 12:00 announced maintenance patches from 2026-05-26 03:00 until 2026-05-26 04:00
2026-05-20 12:00 announced maintenance patches from 2026-06-02 03:00 until 2026-06-02 04:00
2026-05-26 03:00 entered maintenance patches
2026-05-26 03:00 announced maintenance patches from 2026-06-09 03:00 until 2026-06-09 04:00
2026-05-26 04:00 left maintenance patches`,
		},
		{
			"and no more of them than there are", weekly(", to: 2026-05-27 00:00"),
			[]string{"05-20 12:00", "05-26 02:59"},
			`2026-05-20 12:00 announced maintenance patches from 2026-05-26 03:00 until 2026-05-26 04:00`,
		},
		{"what is over before anybody looks is not told", onceAMonth, []string{"07-01 12:00"}, ""},
		{
			"what was told, and lay in a stop, is over", onceAMonth,
			[]string{"05-28 12:00", "06-12 00:00", "06-12 00:01"},
			`2026-05-28 12:00 announced maintenance db from 2026-06-10 22:00 until 2026-06-11 01:00
2026-06-10 22:00 entered maintenance db
2026-06-11 01:00 left maintenance db`,
		},
		{
			"and is not the one that is under way after it", weekly(""),
			[]string{"05-20 12:00", "06-02 03:30", "06-02 04:00"},
			`2026-05-20 12:00 announced maintenance patches from 2026-05-26 03:00 until 2026-05-26 04:00
2026-05-20 12:00 announced maintenance patches from 2026-06-02 03:00 until 2026-06-02 04:00
2026-05-26 03:00 entered maintenance patches
2026-05-26 04:00 left maintenance patches
2026-06-02 03:30 entered maintenance patches
2026-06-02 03:30 announced maintenance patches from 2026-06-09 03:00 until 2026-06-09 04:00
2026-06-02 03:30 announced maintenance patches from 2026-06-16 03:00 until 2026-06-16 04:00
2026-06-02 04:00 left maintenance patches`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parsed(t, fmt.Sprintf(plannedYAML, tt.plans))
			var times []time.Time
			for _, s := range tt.times {
				times = append(times, at(s))
			}
			_, said := passing(c, incident.Board{}, times...)
			if got := strings.Join(said, "\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestAStretchOutlivesItsLines(t *testing.T) {
	day := func(n, hour int) time.Time { return time.Date(2026, 6, n, hour, 0, 0, 0, time.UTC) }
	with, without := parsed(t, fmt.Sprintf(plannedYAML, onceAMonth)), parsed(t, fmt.Sprintf(plannedYAML, ""))
	b, _ := passing(with, incident.Board{}, day(1, 0), day(10, 22))
	if len(b.Works) != 1 || !b.Works[0].UnderWay() || !b.Works[0].Announced.Equal(day(1, 0).Add(30*time.Second)) {
		t.Fatalf("it is %+v", b.Works)
	}
	b, said := passing(without, b, day(10, 23), day(12, 0))
	w := b.Works[0]
	if len(said) != 1 || !w.Left.Equal(day(10, 23)) || w.Title != "Database" || !w.To.Equal(day(11, 1)) || !w.Touches("api", "us") || w.Touches("api", "eu") || w.Touches("web", "us") {
		t.Errorf("its lines are gone, and it is %+v, after %v", w, said)
	}

	// Written again, it is under way again.
	b, _ = passing(with, b, day(11, 0))
	if !b.Works[0].UnderWay() || len(b.Works) != 1 {
		t.Errorf("its lines are back, and it is %+v", b.Works)
	}
	// A service that was away when it ended says when it was to end.
	b, _ = passing(with, b, day(14, 0))
	if w := b.Works[0]; !w.Left.Equal(day(11, 1)) {
		t.Errorf("it is over since %s", w.Left)
	}
	// Put off while it is under way, it ends later than was planned when it began.
	longer := parsed(t, fmt.Sprintf(plannedYAML, strings.Replace(onceAMonth, "to: 2026-06-11 01:00", "to: 2026-06-11 05:00", 1)))
	b, _ = passing(with, incident.Board{}, day(10, 22))
	b, _ = passing(longer, b, day(11, 2), day(11, 5))
	if w := b.Works[0]; !w.Left.Equal(day(11, 5)) || !w.To.Equal(day(11, 5)) {
		t.Errorf("it was put off, and is %+v", w)
	}
	// Moved while it is under way, the one is over when the other begins.
	moved := parsed(t, fmt.Sprintf(plannedYAML, strings.Replace(onceAMonth, "from: 2026-06-10 22:00", "from: 2026-06-10 23:00", 1)))
	b, _ = passing(with, incident.Board{}, day(10, 22))
	b, _ = passing(moved, b, day(10, 23))
	if len(b.Works) != 2 || b.Works[0].UnderWay() || !b.Works[1].UnderWay() {
		t.Errorf("it was moved, and is %+v", b.Works)
	}
	// A service that was away until the next one was under way says so, too.
	weekly := parsed(t, fmt.Sprintf(plannedYAML, `{id: patches, title: Patches, weekly: {days: [wed], at: "22:00", for: 3h}}`))
	again, _ := passing(weekly, incident.Board{}, day(10, 23), day(17, 23))
	if w := again.Works[0]; w.UnderWay() || !w.Left.Equal(day(11, 1)) {
		t.Errorf("the next one is under way, and the first is %+v", w)
	}
	// After a hundred days nobody asks any more.
	b, _ = passing(moved, b, day(12, 0))
	b, _ = passing(parsed(t, fmt.Sprintf(plannedYAML, `{id: x, title: X, from: 2026-12-01 00:00, to: 2026-12-01 01:00}`)), b, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	if len(b.Works) != 1 || b.Works[0].ID != "x" {
		t.Errorf("what is left is %+v", b.Works)
	}
}

// While the store does not answer, maintenance (of the store, perhaps) begins and ends
// all the same; the minutes that are caught up with afterwards say nothing of it.
func TestMaintenanceGoesByTheClock(t *testing.T) {
	c := parsed(t, fmt.Sprintf(plannedYAML, onceAMonth))
	begun := time.Date(2026, 6, 10, 22, 0, 0, 0, time.UTC)
	b, _ := passing(c, incident.Board{}, begun.Add(-time.Hour))
	for minute := range 240 {
		r := evaluator.Round{Source: rules.SourceSpans, Blind: true, At: begun.Add(-10 * time.Minute), Now: begun.Add(time.Duration(minute) * time.Minute)}
		for _, e := range b.Decide(incident.Input{Config: c, Round: &r}, r.Now) {
			e.Seq = b.Seq + 1
			b = b.With(e)
		}
	}
	w := b.Works[0]
	if !w.Entered.Equal(begun) || !w.Left.Equal(begun.Add(3*time.Hour)) {
		t.Fatalf("it is %+v", w)
	}
	if _, said := passing(c, b, begun.Add(-5*time.Minute), begun.Add(time.Minute), begun.Add(5*time.Hour)); len(said) > 0 {
		t.Errorf("what is caught up with says %v", said)
	}
}

// What an older Tocsin wrote down says only which maintenance it was.
func TestAnOldEntryIsNoMaintenanceOfEverything(t *testing.T) {
	begun := time.Date(2026, 6, 10, 22, 0, 0, 0, time.UTC)
	b := incident.Board{}.With(incident.Event{Kind: incident.Entered, At: begun, Plan: "maintenance db", Began: begun, Why: "Database"})
	if len(b.Works) != 1 || b.Works[0].Title != "" {
		t.Errorf("it is %+v", b.Works)
	}
	if b = b.With(incident.Event{Kind: incident.Left, At: begun, Plan: "silence x"}); len(b.Works) != 1 {
		t.Errorf("a silence is %+v", b.Works)
	}
}
