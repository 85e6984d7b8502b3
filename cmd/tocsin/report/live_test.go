package report_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/cmd/tocsin/report"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// stream is a source some of whose spans come late: what lies in late is in the
// store only from then on.
type stream struct {
	whole past
	late  map[telemetry.Series]map[time.Time]lateness
}

type lateness struct {
	requests, errors uint64 // that come late
	by               time.Duration
}

// Minutes satisfies evaluator.Source.
func (s stream) Minutes(ctx context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		for m, err := range s.whole.Minutes(ctx, from, to, except...) {
			l, ok := s.late[m.Series][m.Start]
			if ok && time.Now().Before(m.Start.Add(time.Minute+l.by)) {
				m.Requests, m.Errors = m.Requests-l.requests, m.Errors-l.errors
				if m.Requests == 0 {
					continue
				}
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// journal is a log in memory.
type journal struct {
	mu     sync.Mutex
	events []incident.Event
	turns  []incident.Turn
	judged []time.Time
}

func (j *journal) Append(_ context.Context, b incident.Batch) ([]incident.Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range b.Events {
		b.Events[i].Seq, b.Events[i].Recorded = uint64(len(j.events)+1), b.Recorded
		j.events = append(j.events, b.Events[i])
	}
	j.turns = append(j.turns, b.Turns...)
	if !b.Judged.IsZero() {
		j.judged = append(j.judged, b.Judged)
	}
	return b.Events, nil
}

func (j *journal) All(ctx context.Context) iter.Seq2[incident.Event, error] { return j.After(ctx, 0) }

func (j *journal) After(_ context.Context, seq uint64) iter.Seq2[incident.Event, error] {
	return func(yield func(incident.Event, error) bool) {
		for _, e := range j.events {
			if e.Seq > seq && !yield(e, nil) {
				return
			}
		}
	}
}

// rounds keeps what is handed on.
type rounds struct{ all []evaluator.Round }

func (r *rounds) then(sink func(context.Context, evaluator.Round) error) func(context.Context, evaluator.Round) error {
	return func(ctx context.Context, x evaluator.Round) error {
		r.all = append(r.all, x)
		return sink(ctx, x)
	}
}

// restless is six hours in which three series wander about their limits.
func restless(seed uint64) map[string]string {
	r := rand.New(rand.NewPCG(seed, 1))
	out := map[string]string{}
	for _, name := range []string{"api/eu", "api/us", "auth/eu"} {
		var b bytes.Buffer
		for minute := 0; minute < 6*60; {
			n, errors, took := 5+r.IntN(40), r.IntN(5), "20ms"
			switch r.IntN(4) {
			case 0:
				errors = r.IntN(80)
			case 1:
				took = "1.2s"
			}
			fmt.Fprintf(&b, "100/%d@%sx%d ", errors, took, n)
			if r.IntN(6) == 0 {
				fmt.Fprintf(&b, "_x%d ", 1+r.IntN(12))
			}
			minute += n
		}
		out[name] = b.String()
	}
	return out
}

// live runs the loop and the desk over a source, a tick a minute in virtual
// time, from begin on.
func live(t *testing.T, config *rules.Config, source evaluator.Source, begin time.Time, length time.Duration) (*rounds, *journal, incident.Board) {
	t.Helper()
	time.Sleep(time.Until(begin.Add(config.SigNoz.Lag)))
	logger, log, heard := slog.New(slog.DiscardHandler), &journal{}, &rounds{}
	desk, err := incident.NewDesk(t.Context(), incident.Options{Config: config, Log: log, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go desk.Run(ctx)
	loop := &evaluator.Loop{
		Name: rules.SourceSpans, Source: source, Rings: evaluator.New(config), Lag: config.SigNoz.Lag, Settle: config.SigNoz.Settle,
		CatchUp: config.CatchUp, Sink: heard.then(desk.Judge), Log: logger,
	}
	for range int(length / time.Minute) {
		time.Sleep(time.Minute)
		if err := loop.Tick(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	cancel()
	synctest.Wait()
	return heard, log, desk.Board()
}

// verdict is what a minute is compared by.
type verdict struct {
	minute                time.Time
	rule, service, region string
	now                   string
	held                  rules.Severity
}

// verdicts lists what is known of each minute, rule and series; what is Unsure
// and held nothing is as if it had not been judged.
func verdicts(all []evaluator.Round) map[verdict]bool {
	out := map[verdict]bool{}
	for _, r := range all {
		for _, f := range r.Findings {
			if f.Now != evaluator.Unsure || f.Held != rules.SeverityNone {
				out[verdict{f.At, f.Rule, f.Series.Service, f.Series.Region, f.Now.String(), f.Held}] = true
			}
		}
	}
	return out
}

// unlike lists the minutes of which two runs do not know the same.
func unlike(a, b []evaluator.Round) []string {
	x, y := verdicts(a), verdicts(b)
	differ := map[string]bool{}
	note := func(v verdict) {
		differ[fmt.Sprintf("%s %s %s/%s", v.minute.UTC().Format(time.RFC3339), v.rule, v.service, v.region)] = true
	}
	for v := range x {
		if !y[v] {
			note(v)
		}
	}
	for v := range y {
		if !x[v] {
			note(v)
		}
	}
	var out []string
	for s := range differ {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// spelled lists the minutes of a report's differences in the same way.
func spelled(r *report.Record) []string {
	var out []string
	for _, d := range r.Differences {
		for at := d.From.Add(time.Minute); !at.After(d.To); at = at.Add(time.Minute) {
			out = append(out, fmt.Sprintf("%s %s %s/%s", at.UTC().Format(time.RFC3339), d.Rule, d.Service, d.Region))
		}
	}
	slices.Sort(out)
	return out
}

// The replay says of every minute what was said live, to the last byte, and
// lists exactly those of which it does not: where spans came late.
func TestReplayBesideWhatWasJudgedLive(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(map[bool]string{false: "no span is late", true: "some spans are late"}[late], func(t *testing.T) {
			total, found := 0, 0
			for seed := range uint64(4) {
				synctest.Test(t, func(t *testing.T) {
					differ, n := beside(t, seed, late)
					total, found = total+differ, found+n
				})
			}
			if found < 12 {
				t.Errorf("there are %d incidents over all seeds: the stories are too quiet", found)
			}
			if late && total < 20 {
				t.Errorf("only %d minutes differ over all seeds: the test proves less than it says", total)
			}
		})
	}
}

// beside plays one seed and gives how many minutes differ, and how many
// incidents there are.
func beside(t *testing.T, seed uint64, late bool) (differ, found int) {
	config := parse(t, newRules)
	from := time.Now().UTC().Truncate(time.Minute).Add(time.Hour)
	const length = 6 * time.Hour
	s := stream{whole: toldFrom(t, from, restless(seed), config), late: map[telemetry.Series]map[time.Time]lateness{}}
	if late {
		delay(s, seed, config)
	}
	heard, log, board := live(t, config, s, from, length)
	to := from.Add(length)

	again := &rounds{}
	ledger := report.NewLedger(config, log.turns, map[string][]telemetry.Range{rules.SourceSpans: {{From: from, To: to}}})
	c := report.NewCollector(config, load(t), ledger)
	walk := evaluator.Walk{Source: s.whole, From: from, To: to, Lag: config.SigNoz.Lag}
	if err := walk.Run(t.Context(), evaluator.Walker{Rings: evaluator.New(config), Sink: again.then(c.Judge)}); err != nil {
		t.Fatal(err)
	}
	r := report.New(from, to, time.UTC)
	r.Add("tocsin.yaml", c)

	if len(log.judged) != int(length/time.Minute) {
		t.Fatalf("%d minutes were judged live, want %d", len(log.judged), int(length/time.Minute))
	}
	want := unlike(heard.all, again.all)
	if diff := gocmp.Diff(want, spelled(r.Record)); diff != "" {
		t.Errorf("seed %d: other minutes are listed than differ (-differ +listed)\n%s", seed, diff)
	}
	if r.Record.Differ != len(want) || r.Record.Compared < int(length/time.Minute) {
		t.Errorf("seed %d: %d of %d differ, want %d", seed, r.Record.Differ, r.Record.Compared, len(want))
	}
	if late {
		return len(want), len(r.Incidents)
	}
	if a, b := findings(t, heard.all), findings(t, again.all); !bytes.Equal(a, b) {
		t.Errorf("seed %d: the findings differ\n%s", seed, gocmp.Diff(string(a), string(b)))
	}
	if diff := gocmp.Diff(incidents(board), replayed(r)); diff != "" {
		t.Errorf("seed %d: the incidents differ (-live +replay)\n%s", seed, diff)
	}
	return len(want), len(r.Incidents)
}

// delay makes some spans come late: after their minute was judged, some of them
// even after it settled.
func delay(s stream, seed uint64, config *rules.Config) {
	r := rand.New(rand.NewPCG(seed, 2))
	var all []telemetry.Minute
	for _, ms := range s.whole {
		all = append(all, ms...)
	}
	slices.SortFunc(all, func(a, b telemetry.Minute) int { return cmp.Or(a.Start.Compare(b.Start), a.Series.Compare(b.Series)) })
	for _, m := range all {
		if r.IntN(12) > 0 {
			continue
		}
		if s.late[m.Series] == nil {
			s.late[m.Series] = map[time.Time]lateness{}
		}
		l := lateness{requests: m.Errors, errors: m.Errors, by: config.SigNoz.Lag + time.Duration(r.IntN(360))*time.Second}
		if r.IntN(3) == 0 {
			l.requests = m.Requests
		}
		s.late[m.Series][m.Start] = l
	}
}

// findings writes down all that was said, for a comparison byte by byte.
func findings(t *testing.T, all []evaluator.Round) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, r := range all {
		for _, f := range r.Findings {
			if err := enc.Encode(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Bytes()
}

// incidents sums up what was live.
func incidents(b incident.Board) []string {
	var out []string
	for _, i := range slices.Concat(b.Past, b.Open) {
		var s strings.Builder
		s.WriteString(fmt.Sprintln(i.ID, i.Component, i.State, i.Peak, i.Began, i.Detected, i.Resolved))
		for _, u := range i.Updates {
			s.WriteString(fmt.Sprintln(u.Number, u.Said, u.State, u.Severity, u.Trend, u.Next))
		}
		out = append(out, s.String())
	}
	slices.Sort(out)
	return out
}

func replayed(r *report.Report) []string {
	var out []string
	for _, i := range r.Incidents {
		var s strings.Builder
		s.WriteString(fmt.Sprintln(i.ID, i.Component, i.State, i.Peak, i.Began, i.Detected, i.Ended))
		for _, p := range i.Posts {
			s.WriteString(fmt.Sprintln(p.Number, p.Said, p.State, p.Severity, p.Trend, p.Next))
		}
		out = append(out, s.String())
	}
	slices.Sort(out)
	return out
}

// A service that was stopped for so long that minutes were skipped knows
// nothing of them, nor of what was before, unless it sees it again.
func TestWhatWasSkippedIsNotCompared(t *testing.T) {
	config := parse(t, newRules)
	from := begin
	source := told(t, map[string]string{"api/eu": "100/30x60", "api/us": "100x20"}, config)
	at := func(minute int) time.Time { return from.Add(time.Duration(minute) * time.Minute) }
	turn := func(minute int, region string, now evaluator.Verdict, held rules.Severity) incident.Turn {
		return incident.Turn{Minute: at(minute), Rule: "api-errors", Service: "api", Region: region, Now: now, Held: held}
	}
	ledger := report.NewLedger(config, []incident.Turn{
		turn(1, "eu", evaluator.Bad, rules.SeverityNone), turn(1, "us", evaluator.Good, rules.SeverityNone),
		turn(3, "eu", evaluator.Bad, rules.P1),
		turn(41, "eu", evaluator.Bad, rules.P1), // and nothing of us, which it does not see any more
		{Minute: at(41), Rule: "of-old", Service: "api", Region: "eu", Now: evaluator.Good},
	}, map[string][]telemetry.Range{rules.SourceSpans: {{From: from, To: at(15)}, {From: at(40), To: at(60)}}})
	c := report.NewCollector(config, load(t), ledger)
	walk := evaluator.Walk{Source: source, From: from, To: at(60), Lag: config.SigNoz.Lag}
	if err := walk.Run(t.Context(), evaluator.Walker{Rings: evaluator.New(config), Sink: c.Judge}); err != nil {
		t.Fatal(err)
	}
	r := report.New(from, at(60), time.UTC)
	r.Add("tocsin.yaml", c)
	if len(r.Record.Differences) != 0 || !slices.Equal(r.Record.Unrecorded, []string{"auth-latency"}) || !slices.Equal(r.Record.Gone, []string{"of-old"}) {
		t.Errorf("the record: %+v", r.Record)
	}
	if want := 15*2 + 20; r.Record.Compared < want || r.Record.Compared > want+20 {
		t.Errorf("%d verdicts were compared, want about %d", r.Record.Compared, want)
	}
}
