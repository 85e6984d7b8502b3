package incident_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// However the minutes come, twice or out of order or from several sources, what is
// known of them is the same; and a history that was handed out never changes.
func TestAHistoryIsItsMarks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	newest := time.Date(2027, 1, 1, 0, 30, 0, 0, time.UTC) // a year ends in it
	for range 20 {
		var marks []incident.Mark
		for range 400 {
			back := r.IntN(120 * incident.PerDay)
			if r.IntN(2) == 0 {
				back = r.IntN(90)
			}
			marks = append(marks, incident.Mark{
				Cell:   incident.Cell{Component: fmt.Sprint("c", r.IntN(2)), Region: fmt.Sprint("r", r.IntN(2))},
				Minute: newest.Add(-time.Duration(back) * time.Minute), Known: r.IntN(3) > 0, Maintenance: r.IntN(4) == 0,
			})
		}
		for c := range 2 { // each has seen the newest minute, so that all forget alike
			for region := range 2 {
				marks = append(marks, incident.Mark{Cell: incident.Cell{Component: fmt.Sprint("c", c), Region: fmt.Sprint("r", region)}, Minute: newest})
			}
		}
		slices.SortStableFunc(marks, func(a, b incident.Mark) int { return a.Minute.Compare(b.Minute) })
		inOrder := (*incident.History)(nil).With(marks, nil)

		shuffled := slices.Concat(marks, marks[:len(marks)/2])
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		var other *incident.History
		var handedOut []*incident.History
		var then []string
		for part := range slices.Chunk(shuffled, 50) {
			other = other.With(part, nil)
			handedOut, then = append(handedOut, other), append(then, minutesOf(other, newest))
		}
		if a, b := minutesOf(inOrder, newest), minutesOf(other, newest); a != b {
			t.Fatalf("out of order it is another history:\n%s", cmp.Diff(a, b))
		}
		for n, h := range handedOut {
			if minutesOf(h, newest) != then[n] {
				t.Fatal("a history that was handed out has changed")
			}
		}
		model := map[incident.Cell]map[time.Time][2]bool{}
		for _, m := range marks {
			if model[m.Cell] == nil {
				model[m.Cell] = map[time.Time][2]bool{}
			}
			was := model[m.Cell][m.Minute]
			model[m.Cell][m.Minute] = [2]bool{was[0] || m.Known, was[1] || m.Maintenance}
		}
		for cell, minutes := range model {
			first := newest
			for at := range minutes {
				if at.Before(first) {
					first = at
				}
			}
			if !inOrder.Since(cell).Equal(first) {
				t.Errorf("%v is watched since %s, want %s", cell, inOrder.Since(cell), first)
			}
			for day := incident.DayOf(newest) - 89; day <= incident.DayOf(newest); day++ {
				d := inOrder.Day(cell, day)
				if d == nil {
					d = &incident.Day{}
				}
				good, maintained := 0, 0
				for minute := range incident.PerDay {
					want := minutes[incident.Midnight(day).Add(time.Duration(minute)*time.Minute)]
					if d.Known.Has(minute) != want[0] || d.Maintenance.Has(minute) != want[1] {
						t.Fatalf("%v, minute %d of %s: want %v", cell, minute, incident.Midnight(day), want)
					}
					if want[1] {
						maintained++
					} else if want[0] {
						good++
					}
				}
				if d.Good != good || d.Maintained != maintained {
					t.Fatalf("%v: %d good and %d maintained are counted, want %d and %d", cell, d.Good, d.Maintained, good, maintained)
				}
			}
		}
	}
}

// minutesOf writes down what a history says of the ninety days up to a time.
func minutesOf(h *incident.History, at time.Time) string {
	var s strings.Builder
	for _, cell := range h.Cells() {
		s.WriteString(fmt.Sprintln(cell, h.Since(cell)))
		for day := incident.DayOf(at) - 89; day <= incident.DayOf(at); day++ {
			if d := h.Day(cell, day); d != nil && *d != (incident.Day{}) {
				s.WriteString(fmt.Sprintf("%d %x %x %d %d\n", day, d.Known, d.Maintenance, d.Good, d.Maintained))
			}
		}
	}
	return s.String()
}

// keeping keeps what it is given.
type keeping struct {
	memory
	batches []incident.Batch
}

func (k *keeping) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	k.batches = append(k.batches, b)
	return k.memory.Append(ctx, b)
}

// What the desk writes with each minute that it judges.
func TestTheDeskMarksWhatIsKnown(t *testing.T) {
	config := parsed(t, `
regions: [{code: eu, name: Europe}, {code: us, name: US}]
components: [{id: api, name: API}, {id: web, name: Web}]
maintenance: [{id: db, title: Database, components: [api], regions: [us], from: 2026-05-20 12:01, to: 2026-05-20 12:03}]
rules:
  - {id: errors, component: api, signal: error_rate, where: {services: [api]}, window: 5m, levels: {P1: {above: 5%}}}
  - {id: errors-slowly, component: api, signal: error_rate, where: {services: [api]}, window: 30m, levels: {P1: {above: 5%}}}
  - {id: slow, component: api, signal: p99, where: {services: [api]}, levels: {P2: {above: 1s}}}
`)
	config.Components[0].Figures = []string{"error_rate", "p99", "p50"}
	finding := func(rule, component, region string, now evaluator.Verdict, value float64) evaluator.Finding {
		kind := rules.KindErrorRate
		if rule == "slow" {
			kind = rules.KindQuantile
		}
		return evaluator.Finding{
			Rule: rule, Component: component, Kind: kind, Series: telemetry.Series{Service: "api", Region: region}, Now: now, Seen: now != evaluator.Unsure, Value: value,
			LastSeen: noon, Recovered: now == evaluator.Good,
		}
	}
	desk, log := atWork(t, config)
	for minute, findings := range [][]evaluator.Finding{
		{
			finding("errors", "api", "eu", evaluator.Unsure, 0), finding("errors-slowly", "api", "eu", evaluator.Good, 0.5), finding("errors", "api", "us", evaluator.Unsure, 0.9),
			finding("slow", "api", "eu", evaluator.Good, 3e8), finding("slow", "api", "eu", evaluator.Good, 5e8), finding("gone", "gone", "eu", evaluator.Good, 0),
		},
		{finding("errors", "api", "eu", evaluator.Good, 0.01)}, // nothing is heard of us, which is under maintenance
		{finding("errors", "api", "eu", evaluator.Good, 0.02), finding("errors", "api", "us", evaluator.Good, 0.04)},
		{finding("errors", "api", "eu", evaluator.Good, 0.01)},
	} {
		r := evaluator.Round{Source: rules.SourceSpans, Lag: time.Minute, Live: true, At: noon.Add(time.Duration(minute+1) * time.Minute), Findings: findings}
		for n := range r.Findings {
			r.Findings[n].At, r.Findings[n].LastSeen = r.At, r.At
		}
		for range 2 { // the second time it was judged already
			if err := desk.Judge(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	mark := func(minute int, region string, known, maintenance bool) incident.Mark {
		return incident.Mark{Cell: incident.Cell{Component: "api", Region: region}, Minute: noon.Add(time.Duration(minute) * time.Minute), Known: known, Maintenance: maintenance, First: minute == 0}
	}
	want := []incident.Mark{
		mark(0, "eu", true, false), mark(0, "us", false, false),
		mark(1, "eu", true, false), mark(1, "us", false, true),
		mark(2, "eu", true, false), mark(2, "us", true, true),
		mark(3, "eu", true, false),
	}
	var got []incident.Mark
	var read []incident.Reading
	for _, b := range log.batches {
		got, read = append(got, b.Marks...), append(read, b.Readings...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the marks differ:\n%s", diff)
	}
	reading := func(region, kind string, value float64) incident.Reading {
		return incident.Reading{Cell: incident.Cell{Component: "api", Region: region}, Kind: kind, Step: noon, Value: value}
	}
	if diff := cmp.Diff([]incident.Reading{
		reading("eu", "p99", 0.5), reading("eu", "error_rate", 0.01), reading("eu", "error_rate", 0.02), reading("us", "error_rate", 0.04), reading("eu", "error_rate", 0.01),
	}, read); diff != "" {
		t.Errorf("what was measured differs:\n%s", diff)
	}
	if diff := cmp.Diff((*incident.History)(nil).With(want, read), desk.History(), everything); diff != "" {
		t.Errorf("the desk's history is another one:\n%s", diff)
	}
	if line := desk.History().Line(incident.Cell{Component: "api", Region: "eu"}, "error_rate"); len(line) != 1 || line[0].Value != 0.02 {
		t.Errorf("of a quarter of an hour the worst counts, got %v", line)
	}
}

// What nobody judged, since the stop was longer than catch_up, was maintenance where
// that was planned, and is not known elsewhere.
func TestMaintenanceInAStopIsMaintenance(t *testing.T) {
	config := parsed(t, `
regions: [{code: eu, name: Europe}, {code: us, name: US}]
components: [{id: api, name: API}, {id: web, name: Web}]
maintenance:
  - {id: db, title: Database, components: [api], regions: [us], from: 2026-05-20 23:30, to: 2026-05-21 00:30}
  - {id: patches, title: Patches, components: [api], weekly: {days: [thu, fri], at: "03:00", for: 1h}}
rules: [{id: errors, component: api, signal: error_rate, levels: {P1: {above: 5%}}}]
`)
	desk, _ := atWork(t, config)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 5, day, hour, minute, 0, 0, time.UTC) }
	for _, r := range []evaluator.Round{{At: at(20, 12, 1)}, {At: at(22, 3, 11), Skipped: at(22, 3, 10).Sub(at(20, 12, 1))}} {
		r.Source, r.Lag, r.Live = rules.SourceSpans, time.Minute, true
		for _, region := range []string{"eu", "us"} {
			r.Findings = append(r.Findings, evaluator.Finding{
				Rule: "errors", Component: "api", Kind: rules.KindErrorRate, Series: telemetry.Series{Service: "api", Region: region}, At: r.At, LastSeen: r.At,
				Now: evaluator.Good, Seen: true, Recovered: true,
			})
		}
		if err := desk.Judge(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	h := desk.History()
	for minute := at(20, 12, 0); minute.Before(at(22, 3, 11)); minute = minute.Add(time.Minute) {
		day, of := incident.DayOf(minute), minute.Hour()*60+minute.Minute()
		patches := !minute.Before(at(21, 3, 0)) && minute.Before(at(21, 4, 0)) || !minute.Before(at(22, 3, 0))
		database := !minute.Before(at(20, 23, 30)) && minute.Before(at(21, 0, 30))
		for region, want := range map[string]bool{"eu": patches, "us": patches || database} {
			d := h.Day(incident.Cell{Component: "api", Region: region}, day)
			if d == nil {
				d = &incident.Day{}
			}
			if d.Maintenance.Has(of) != want {
				t.Fatalf("%s in %s is maintenance: %v", minute.Format(time.DateTime), region, !want)
			}
			if judged := minute.Equal(at(20, 12, 0)) || minute.Equal(at(22, 3, 10)); d.Known.Has(of) != judged {
				t.Fatalf("%s in %s is known: %v", minute.Format(time.DateTime), region, !judged)
			}
		}
	}
	if cells := h.Cells(); len(cells) != 2 {
		t.Errorf("the history has %v", cells)
	}
}

// What is left in a window of days tells as little of a minute as of how things are
// now: where a cell says that there are no data, no minute is a good one.
func TestAMinuteLongAfterTheLastRequestIsNotKnown(t *testing.T) {
	config := parsed(t, `
regions: [{code: eu, name: Europe}]
components: [{id: api, name: API}]
rules: [{id: budget, component: api, signal: burn_rate, objective: 99.9%, period: 30d, levels: {P3: {burn: ticket}}}]
`)
	desk, _ := atWork(t, config)
	cell := incident.Cell{Component: "api", Region: "eu"}
	for minute := range 120 {
		at := noon.Add(time.Duration(minute+1) * time.Minute)
		f := evaluator.Finding{
			Rule: "budget", Component: "api", Kind: rules.KindBurnRate, Series: telemetry.Series{Service: "api", Region: "eu"}, At: at, Now: evaluator.Good, Seen: true,
			Recovered: true, LastSeen: noon,
		}
		if err := desk.Judge(t.Context(), evaluator.Round{Source: rules.SourceSpans, Lag: time.Minute, Live: true, At: at, Findings: []evaluator.Finding{f}}); err != nil {
			t.Fatal(err)
		}
		known := desk.History().Day(cell, incident.DayOf(noon)).Known.Has(12*60 + minute)
		if seen := desk.Board().Senses[cell].Sense == incident.SenseSeen; known != seen {
			t.Fatalf("%d minutes after the last request the cell is seen: %v, and the minute known: %v", minute+1, seen, known)
		}
	}
}

// atWork gives a desk that runs until the test ends, and the log that it keeps.
func atWork(t *testing.T, config *rules.Config) (*incident.Desk, *keeping) {
	t.Helper()
	log := &keeping{memory: memory{judged: map[string][]time.Time{}}}
	desk, err := incident.NewDesk(t.Context(), incident.Options{
		Config: config, Log: log, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	go desk.Run(t.Context())
	return desk, log
}
