package incident_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

var update = flag.Bool("update", false, "rewrite the timelines of the scenarios")

// Scenarios are rules and values in, timeline out. The real loop and the real
// desk run over them in virtual time, a tick a minute; only the source and the
// log are stand-ins. testdata/scenarios/README.md explains the notation.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			section := map[string]*txtar.File{}
			for i := range ar.Files {
				section[ar.Files[i].Name] = &ar.Files[i]
			}
			config, err := rules.Parse([]rules.File{{Name: "rules.yaml", Body: section["rules.yaml"].Data}})
			if err != nil {
				t.Fatal(err)
			}
			s, err := parseValues(string(section["values"].Data), config)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			synctest.Test(t, func(t *testing.T) { got = play(t, config, s) })
			want := string(section["timeline"].Data)
			if got == want {
				return
			}
			if *update {
				section["timeline"].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("timeline differs (run with -update, then read the diff)\n--- got\n%s--- want\n%s", got, want)
		})
	}
}

// values is a source to order.
type values struct {
	minutes []telemetry.Minute // Start relative to the zero time
	down    map[int]bool       // minutes at whose tick the source does not answer
	length  int
	begin   time.Time
	now     func() time.Time
}

var token = regexp.MustCompile(`^(_|(\d+)(?:/(\d+))?(?:@([0-9.]+(?:ms|s)))?((?:\+\d+@[0-9.]+(?:ms|s))*))(?:x(\d+))?$`)

func parseValues(text string, config *rules.Config) (*values, error) {
	v := &values{down: map[int]bool{}}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		minute := 0
		for _, tok := range f[1:] {
			if f[0] == "down" {
				from, to, _ := strings.Cut(tok, "-")
				a, err1 := clock(from)
				b, err2 := clock(to)
				if err1 != nil || err2 != nil {
					return nil, fmt.Errorf("down %q: want 00:12-00:22", tok)
				}
				for m := a; m < b; m++ {
					v.down[m] = true
				}
				continue
			}
			p := token.FindStringSubmatch(tok)
			if p == nil {
				return nil, fmt.Errorf("value %q: want REQUESTS[/ERRORS][@DURATION][+N@DURATION][xMINUTES], or _ for none", tok)
			}
			times := 1
			if p[6] != "" {
				times, _ = strconv.Atoi(p[6])
			}
			for range times {
				if p[1] != "_" {
					service, region, _ := strings.Cut(f[0], "/")
					for _, routes := range evaluator.Streams(config.Rules) {
						v.minutes = append(v.minutes, one(telemetry.Series{Service: service, Region: region, Stream: routes.String()}, minute, p))
					}
				}
				minute++
			}
		}
		v.length = max(v.length, minute)
	}
	return v, nil
}

func clock(s string) (int, error) {
	var h, m int
	_, err := fmt.Sscanf(s, "%d:%d", &h, &m)
	return h*60 + m, err
}

func one(s telemetry.Series, minute int, p []string) telemetry.Minute {
	n, _ := strconv.ParseUint(p[2], 10, 64)
	e, _ := strconv.ParseUint(p[3], 10, 64)
	m := telemetry.Minute{Series: s, Start: time.Time{}.Add(time.Duration(minute) * time.Minute), Requests: n, Errors: e}
	d := 10 * time.Millisecond
	if p[4] != "" {
		d, _ = time.ParseDuration(p[4])
	}
	for range n {
		m.Durations.Observe(d)
	}
	for more := range strings.SplitSeq(strings.TrimPrefix(p[5], "+"), "+") {
		if count, dur, ok := strings.Cut(more, "@"); ok {
			k, _ := strconv.ParseUint(count, 10, 64)
			slow, _ := time.ParseDuration(dur)
			m.Requests += k
			for range k {
				m.Durations.Observe(slow)
			}
		}
	}
	return m
}

// Minutes satisfies evaluator.Source.
func (v *values) Minutes(_ context.Context, from, to time.Time, _ ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		if v.down[int(v.now().Sub(v.begin)/time.Minute)] {
			yield(telemetry.Minute{}, errors.New("connection refused"))
			return
		}
		for _, m := range v.minutes {
			m.Start = v.begin.Add(m.Start.Sub(time.Time{}))
			if !m.Start.Before(from) && m.Start.Before(to) && !yield(m, nil) {
				return
			}
		}
	}
}

// memory is a log that forgets when the test ends.
type memory struct {
	mu     sync.Mutex
	events []incident.Event
	judged []time.Time
}

func (m *memory) Append(_ context.Context, b incident.Batch) ([]incident.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Events {
		b.Events[i].Seq, b.Events[i].Recorded = uint64(len(m.events)+1), b.Recorded
		m.events = append(m.events, b.Events[i])
	}
	if !b.Judged.IsZero() {
		m.judged = append(m.judged, b.Judged)
	}
	return b.Events, nil
}

func (m *memory) All(context.Context) iter.Seq2[incident.Event, error] {
	return func(yield func(incident.Event, error) bool) {
		for _, e := range m.events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// play runs a scenario to its end and gives its timeline.
func play(t *testing.T, config *rules.Config, v *values) string {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	v.begin, v.now = time.Now().UTC(), time.Now
	log := &memory{}
	desk, err := incident.NewDesk(ctx, incident.Options{Config: config, Log: log, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	go desk.Run(ctx)
	loop := &evaluator.Loop{
		Source: v, Rings: evaluator.New(config.Rules), Lag: config.SigNoz.Lag, Settle: config.SigNoz.Settle,
		CatchUp: config.CatchUp, Sink: desk.Judge, Log: logger,
	}
	time.Sleep(config.SigNoz.Lag)
	for range v.length {
		time.Sleep(time.Minute) // the minute that begins here is closed a lag later
		if err := loop.Tick(ctx, time.Now()); err != nil {
			t.Log(err)
		}
		synctest.Wait()
	}
	time.Sleep(10 * time.Second) // for what is due at the last tick
	synctest.Wait()
	cancel()
	synctest.Wait()

	var out strings.Builder
	for _, e := range log.events {
		out.WriteString(line(e, v.begin))
	}
	var board incident.Board
	for _, e := range log.events {
		board = board.With(e)
	}
	if got, want := fmt.Sprint(board), fmt.Sprint(desk.Board()); got != want {
		t.Errorf("the log folds to another board:\n%s\n%s", got, want)
	}
	for i, at := range log.judged {
		if want := log.judged[0].Add(time.Duration(i) * time.Minute); at != want {
			t.Fatalf("minute %d of the journal is %s, want %s", i, at, want)
		}
	}
	return out.String()
}

// line writes an event as a person would say it.
func line(e incident.Event, begin time.Time) string {
	hm := func(t time.Time) string {
		d := t.Sub(begin)
		s := fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
		if sec := int(d.Seconds()) % 60; sec != 0 {
			s += fmt.Sprintf(":%02d", sec)
		}
		return s
	}
	s := hm(e.At) + " " + string(e.Kind)
	if e.Incident != "" {
		s += " " + strings.TrimPrefix(string(e.Incident), "INC-2000-")
	}
	cell := fmt.Sprintf(" %s/%s", e.Component, e.Region)
	switch e.Kind {
	case incident.Opened:
		s += " " + e.Component + " since " + hm(e.Began)
	case incident.Raised, incident.Eased, incident.Recovered:
		s += cell + " " + e.Severity.String() + " by " + e.Rule
		if e.Kind == incident.Raised {
			s += " since " + hm(e.Began)
		}
	case incident.Moved:
		s += " to " + string(e.State)
	case incident.Sensed:
		s += cell + " " + string(e.Sense)
		if e.Sense == incident.SenseNothing {
			s += " since " + hm(e.Began)
		}
	case incident.Blinded, incident.Sighted, incident.Skipped:
		s += " since " + hm(e.Began)
	case incident.Missed:
		s += " the update due " + hm(e.Due)
	case incident.Updated:
		u := e.Update
		s += fmt.Sprintf(" #%d said %s: %s, %s, %s", u.Number, hm(u.Said), u.State, u.Severity, u.Trend)
		if u.Calm > 0 {
			s += " for " + u.Calm.String()
		}
		if !u.Blind.IsZero() {
			s += " since " + hm(u.Blind)
		}
		if u.Late {
			s += ", entered late"
		}
		if !u.Next.IsZero() {
			s += ", next by " + hm(u.Next)
		}
	}
	return s + "\n"
}
