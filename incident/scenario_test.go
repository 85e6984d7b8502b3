package incident_test

import (
	"context"
	"flag"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/featuresignals/tocsin/cmd/tocsin/ruletest"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/script"
)

var update = flag.Bool("update", false, "rewrite the timelines of the scenarios")

const scenarios = "../testdata/scenarios"

// Scenarios are rules and minutes in, timeline out. The real loop and the real
// desk run over them in virtual time, a tick a minute; only the source and the
// log are stand-ins. What `tocsin test` would say of the same minutes must be
// the same, event by event. testdata/scenarios/README.md explains the notation.
func TestScenarios(t *testing.T) {
	for _, name := range scenarioFiles(t) {
		t.Run(strings.TrimSuffix(name, ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := readScenario(t, name)
			var live []incident.Event
			synctest.Test(t, func(t *testing.T) { live = playLive(t, s) })

			if len(s.people) == 0 { // nobody acts in a rehearsal
				played, err := ruletest.Play(t.Context(), s.config, s.test)
				if err != nil {
					t.Fatal(err)
				}
				// When an event is written is the log's business.
				if diff := cmp.Diff(live, played.Events, cmpopts.IgnoreFields(incident.Event{}, "Recorded"), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("the desk and its rehearsal disagree (- desk, + rehearsal):\n%s", diff)
				}
			}
			s.compare(t, "timeline", timeline(live, s.test.Start))
			for i := range s.ar.Files {
				if section := &s.ar.Files[i]; strings.HasPrefix(section.Name, "naive") {
					s.compare(t, section.Name, naiveTimeline(t, section, s.test))
				}
			}
			s.write(t)
		})
	}
}

func scenarioFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(scenarios + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// scenario is one file of testdata/scenarios.
type scenario struct {
	name    string
	ar      *txtar.Archive
	config  *rules.Config
	test    rules.Test
	people  []deed
	changed bool
}

func readScenario(t *testing.T, name string) *scenario {
	t.Helper()
	s := &scenario{name: name}
	var err error
	if s.ar, err = txtar.ParseFile(filepath.Join(scenarios, name)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(s.ar.Comment), "# ") {
		t.Error("a scenario opens with a line that says what is shown, after #")
	}
	s.config, err = rules.Parse([]rules.File{{Name: "rules.yaml", Body: s.section(t, "rules.yaml").Data}})
	if err != nil {
		t.Fatal(err)
	}
	if s.test, err = readValues(string(s.section(t, "values").Data)); err != nil {
		t.Fatal(err)
	}
	s.test.Name = name
	for _, f := range s.ar.Files {
		if f.Name == "people" {
			if s.people, err = readDeeds(string(f.Data), s.test.Start); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func (s *scenario) section(t *testing.T, name string) *txtar.File {
	t.Helper()
	for i := range s.ar.Files {
		if s.ar.Files[i].Name == name {
			return &s.ar.Files[i]
		}
	}
	t.Fatalf("%s has no section %s", s.name, name)
	return nil
}

// compare checks a section, or writes it anew with -update.
func (s *scenario) compare(t *testing.T, section string, got []string) {
	t.Helper()
	file := s.section(t, section)
	want := ruletest.Lines(string(file.Data))
	diff := ruletest.Diff(want, got)
	switch {
	case cmp.Equal(want, got, cmpopts.EquateEmpty()):
	case *update:
		var notes strings.Builder // what stands above the first line is by people
		for line := range strings.Lines(string(file.Data)) {
			if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
				break
			}
			notes.WriteString(line)
		}
		file.Data = []byte(notes.String() + strings.Join(got, "\n") + "\n")
		s.changed = true
	default:
		t.Errorf("%s differs (run with -update, then read the diff; - expected, + got):\n%s", section, strings.Join(diff, "\n"))
	}
}

func (s *scenario) write(t *testing.T) {
	t.Helper()
	if !s.changed {
		return
	}
	if err := os.WriteFile(filepath.Join(scenarios, s.name), txtar.Format(s.ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

func timeline(events []incident.Event, begin time.Time) []string {
	var lines []string
	for _, e := range events {
		lines = append(lines, e.Line(begin))
	}
	return lines
}

// memory is a log that forgets when the test ends.
type memory struct {
	mu     sync.Mutex
	events []incident.Event
	judged map[string][]time.Time // by source
}

func (m *memory) Append(_ context.Context, b incident.Batch) ([]incident.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Events {
		b.Events[i].Seq, b.Events[i].Recorded = uint64(len(m.events)+1), b.Recorded
		m.events = append(m.events, b.Events[i])
	}
	if !b.Judged.IsZero() {
		m.judged[b.Source] = append(m.judged[b.Source], b.Judged)
	}
	return b.Events, nil
}

func (m *memory) All(ctx context.Context) iter.Seq2[incident.Event, error] { return m.After(ctx, 0) }

func (m *memory) After(_ context.Context, seq uint64) iter.Seq2[incident.Event, error] {
	return func(yield func(incident.Event, error) bool) {
		m.mu.Lock()
		events := m.events // what is there stays as it is
		m.mu.Unlock()
		for _, e := range events {
			if e.Seq > seq && !yield(e, nil) {
				return
			}
		}
	}
}

// playLive runs a test to its end as the service would, in a bubble, and gives
// what happened.
func playLive(t *testing.T, s *scenario) []incident.Event {
	config, test := s.config, s.test
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source, err := script.New(config, test)
	if err != nil {
		t.Fatal(err)
	}
	source.Now = time.Now
	// A source that is told to be down says so every minute: nobody reads it.
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	log := &memory{judged: map[string][]time.Time{}}
	desk, err := incident.NewDesk(ctx, incident.Options{Config: config, Log: log, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	go desk.Run(ctx)
	go act(ctx, t, desk, s.people)
	loops := ruletest.Loops(config, source, desk.Judge, logger)
	for _, tick := range ruletest.Schedule(loops, source.Start(), source.End()) {
		time.Sleep(time.Until(tick.At))
		if err := tick.Loop.Tick(ctx, tick.At); err != nil && !source.Down(tick.At) {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	time.Sleep(10 * time.Second) // for what is due at the last tick
	synctest.Wait()
	cancel()
	synctest.Wait()

	var board incident.Board
	for _, e := range log.events {
		board = board.With(e)
	}
	if diff := cmp.Diff(board, desk.Board(), everything); diff != "" {
		t.Errorf("the log folds to another board:\n%s", diff)
	}
	for source, judged := range log.judged {
		for i, at := range judged {
			if want := judged[0].Add(time.Duration(i) * time.Minute); at != want {
				t.Fatalf("minute %d of the journal of %s is %s, want %s", i, source, at, want)
			}
		}
	}
	return log.events
}
