package incident_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
)

var (
	deskHistories = flag.Int("desk-histories", 24, "how many random histories the desk lives through on a log in memory")
	onSQLite      = flag.Int("on-sqlite", 2, "how many of them again on SQLite")
	oneHistory    = flag.Int64("history", -1, "the number of the one that is lived through alone")
)

// What the desk promises holds through whatever happens: the desk itself runs,
// in virtual time, through hours of findings, people who act, restarts, a log
// that fails, and a wall clock that is put forward and back. `make histories`
// plays ten thousand.
func TestHistories(t *testing.T) {
	var all tally
	t.Run("in memory", func(t *testing.T) { playHistories(t, *deskHistories, false, &all) })
	t.Run("on SQLite", func(t *testing.T) { playHistories(t, *onSQLite, true, &all) })
	all.report(t)
}

func playHistories(t *testing.T, n int, sqlite bool, all *tally) {
	var next atomic.Int64
	if *oneHistory >= 0 {
		next.Store(*oneHistory)
		n = min(n, 1) * int(*oneHistory+1)
	}
	for worker := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint(worker), func(t *testing.T) {
			t.Parallel()
			for !t.Failed() {
				seed := next.Add(1) - 1
				if seed >= int64(n) {
					return
				}
				synctest.Test(t, func(t *testing.T) {
					defer func() {
						if t.Failed() {
							t.Logf("this was history %d; -history %[1]d plays it alone", seed)
						}
					}()
					h := newHistory(t, uint64(seed), sqlite)
					h.live()
					h.check()
					all.add(h.tally)
				})
			}
		})
	}
}

// tally counts what histories were made of.
type tally struct {
	mu                                                                 sync.Mutex
	histories, incidents, promises, kept, missed, pages, acks, lapses  int
	restarts, refusedWrites, tornWrites, forward, back, deeds, refused int
	held, vetoed, private, eased, forced, merged                       int
	stoodDown, overAndOut, insideOpened                                int
}

func (a *tally) add(b *tally) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, p := range a.fields() {
		*p.n += *b.fields()[i].n
	}
}

type count struct {
	name string
	n    *int
	rare bool // a few histories may have none
}

func (a *tally) fields() []count {
	return []count{
		{"histories", &a.histories, false},
		{"incidents", &a.incidents, false},
		{"promises", &a.promises, false},
		{"kept", &a.kept, false},
		{"missed", &a.missed, false},
		{"pages", &a.pages, false},
		{"acknowledgements", &a.acks, false},
		{"lapses", &a.lapses, false},
		{"restarts", &a.restarts, false},
		{"writes refused", &a.refusedWrites, false},
		{"writes stored but answered with an error", &a.tornWrites, false},
		{"clock steps forward", &a.forward, false},
		{"clock steps back", &a.back, false},
		{"deeds of people", &a.deeds, false},
		{"refused deeds", &a.refused, false},
		{"held words", &a.held, false},
		{"stand-downs since somebody is on it", &a.stoodDown, false},
		{"stand-downs since it is over", &a.overAndOut, false},
		{"beginnings told inside", &a.insideOpened, false},
		{"vetoes", &a.vetoed, true},
		{"private incidents", &a.private, true},
		{"severities eased", &a.eased, false},
		{"closed by force", &a.forced, true},
		{"merged", &a.merged, true},
	}
}

func (a *tally) report(t *testing.T) {
	var parts []string
	for _, f := range a.fields() {
		parts = append(parts, fmt.Sprintf("%d %s", *f.n, f.name))
		if *f.n == 0 && (!f.rare || a.histories >= 500) {
			t.Errorf("there were no %s: the histories show too little", f.name)
		}
	}
	t.Log(strings.Join(parts, ", "))
}

// fickle is a log that fails when it is told to.
type fickle struct {
	incident.Log
	fault atomic.Int32 // the fault that the next writes meet
	hit   func(fault)
}

type fault = int32

const (
	none    fault = iota
	refuses       // nothing is stored
	tears         // it is stored, and the answer is an error all the same
)

var errFickle = errors.New("the log is not well")

func (f *fickle) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	switch f.fault.Load() {
	case refuses:
		f.hit(refuses)
		return nil, errFickle
	case tears:
		f.hit(tears)
		if _, err := f.Log.Append(ctx, b); err != nil {
			return nil, err
		}
		return nil, errFickle
	default:
		return f.Log.Append(ctx, b)
	}
}

// once is a log in memory that judges each minute once, as the store does.
type once struct{ memory }

func (o *once) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	o.mu.Lock()
	seen := o.judged[b.Source]
	o.mu.Unlock()
	if n := len(seen); !b.Judged.IsZero() && n > 0 && !b.Judged.After(seen[n-1]) {
		return nil, incident.ErrJudged
	}
	return o.memory.Append(ctx, b)
}

// history is one random story.
type history struct {
	*testing.T
	r      *rand.Rand
	config *rules.Config
	log    *fickle
	tally  *tally
	all    func(context.Context) iter.Seq2[incident.Event, error]

	offset atomic.Int64 // of the wall clock
	cells  []*cellStory
	judged time.Time // end of the newest minute that the desk has judged
	begin  time.Time
	steps  []step // of the clock

	desk   *incident.Desk
	stop   context.CancelFunc
	ended  chan struct{}
	errors atomic.Int64 // what the desk logged as its own mistake
}

type step struct{ at, from, to time.Time }

func (h *history) now() time.Time { return time.Now().Add(time.Duration(h.offset.Load())) }

const (
	holdsFor = 2 // minutes that a level must hold
	soak     = 4 // minutes of calm until recovered
	lag      = time.Minute
)

const historyYAML = `
components: [{id: db, name: Database}, {id: api, name: API, depends_on: [db]}, {id: app, name: App}]
regions: [{code: eu, name: Europe}, {code: us, name: United States}]
channels:
  status: {type: page, folder: /tmp/page}
  hook: {type: webhook, url: "https://hook.example.com", secret_file: /secret, severities: [P0, P1, P3, P4]}
  pager: {type: webhook, url: "https://pager.example.com", secret_file: /secret, severities: [P0]}
rules:
  - {id: db, component: db, signal: error_rate, where: {services: [db]}, window: 1m, levels: {P0: {above: 50%, for: 2m}, P2: {above: 5%, for: 2m}}, recover: {below: 1%, for: 4m}}
  - {id: api, component: api, signal: error_rate, where: {services: [api]}, window: 1m, levels: {P0: {above: 50%, for: 2m}, P1: {above: 20%, for: 2m}, P2: {above: 5%, for: 2m}}, recover: {below: 1%, for: 4m}}
  - {id: app, component: app, signal: p99, where: {services: [app]}, window: 1m, levels: {P1: {above: 5s, for: 2m}, P3: {above: 1s, for: 2m}, P4: {above: 800ms, for: 2m}}, recover: {below: 500ms, for: 4m}}
`

// historyConfig is the built-in scale with shorter cadences, now and then with
// approval and with acknowledgements that lapse.
func historyConfig(t *testing.T, r *rand.Rand) *rules.Config {
	c, err := rules.Parse([]rules.File{{Name: "rules.yaml", Body: []byte(historyYAML)}})
	if err != nil {
		t.Fatal(err)
	}
	every := map[rules.Severity][]rules.Step{
		rules.P0: {{For: 10 * time.Minute, Every: 3 * time.Minute}, {Every: 7 * time.Minute}},
		rules.P1: {{Every: 12 * time.Minute}}, rules.P2: {{Every: 25 * time.Minute}},
	}
	for s, p := range c.Policies {
		p.Cadence = every[s]
		if p.Remind > 0 {
			p.Remind = time.Minute
		}
		if r.IntN(3) == 0 {
			p.Hold = 0
		}
		p.Approve = p.Public && r.IntN(6) == 0
		if r.IntN(2) == 0 {
			p.AckLapse = pick(r, 5*time.Minute, 20*time.Minute)
		}
		c.Policies[s] = p
	}
	c.People = []rules.Person{
		{ID: "ana", Roles: []string{"on-call"}, Reach: []string{"pager"}},
		{ID: "ben", Roles: []string{"on-call", "eng-manager"}, Reach: []string{"pager", "hook"}},
		{ID: "cho", Roles: []string{"cto"}, Reach: []string{"hook"}},
	}
	c.Checklists = []rules.Checklist{
		{ID: "first", Title: "First response", For: rules.ChecklistFor{Severities: []rules.Severity{rules.P0, rules.P1}}, Steps: []rules.ChecklistStep{
			{ID: "ack", Text: "Acknowledge", Seen: rules.SeenAcknowledged}, {ID: "well", Text: "All is well", Seen: rules.SeenSignals},
		}},
		{ID: "by-hand", Title: "By hand", Steps: []rules.ChecklistStep{{ID: "one", Text: "Do it"}}},
	}
	return c
}

// cellStory is how one series fares: the severity that each minute demands.
type cellStory struct {
	rule    rules.Rule
	series  telemetry.Series
	minutes []rules.Severity // by the minute since the begin; demanded by that minute alone
	unseen  []bool
}

func newHistory(t *testing.T, seed uint64, sqlite bool) *history {
	r := rand.New(rand.NewPCG(seed, 4))
	h := &history{T: t, r: r, config: historyConfig(t, r), tally: &tally{histories: 1}}
	h.begin = time.Now().UTC().Truncate(time.Minute)
	var log incident.Log = &once{memory{judged: map[string][]time.Time{}}}
	if sqlite {
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		log = db
	}
	h.all = log.All
	h.log = &fickle{Log: log, hit: func(f fault) {
		if f == refuses {
			h.tally.refusedWrites++
		} else {
			h.tally.tornWrites++
		}
	}}
	for _, rule := range h.config.Rules {
		for _, region := range []string{"eu", "us"} {
			h.cells = append(h.cells, &cellStory{rule: rule, series: telemetry.Series{Service: rule.ID, Region: region}})
		}
	}
	return h
}

// until makes the story of a cell up to the n-th minute.
func (c *cellStory) until(r *rand.Rand, n int) {
	for len(c.minutes) <= n {
		s := rules.SeverityNone
		levels := c.rule.Levels
		if r.IntN(3) == 0 {
			s = levels[r.IntN(len(levels))].Severity
		}
		unseen := r.IntN(12) == 0
		for range pick(r, 1, 3, 6, 15, 30) {
			c.minutes, c.unseen = append(c.minutes, s), append(c.unseen, unseen)
		}
	}
}

// finding judges the n-th minute, in the plainest way there is.
func (c *cellStory) finding(n int, at time.Time) evaluator.Finding {
	f := evaluator.Finding{
		Rule: c.rule.ID, Component: c.rule.Component, Kind: c.rule.Signal.Kind, Series: c.series, At: at,
		Now: evaluator.Good, Seen: true, Requests: 100, LastSeen: at, Why: "as the story has it",
	}
	if c.unseen[n] {
		f.Now, f.Seen, f.Requests, f.LastSeen = evaluator.Unsure, false, 0, at.Add(-time.Hour)
		f.Floor = c.worst(n, soak)
		return f
	}
	held := rules.P0
	for i := max(0, n-holdsFor+1); i <= n; i++ {
		held = min(held, c.minutes[i])
	}
	if n >= holdsFor-1 {
		f.Held = held
	}
	if f.Held != rules.SeverityNone {
		f.Began = at.Add(-holdsFor * time.Minute)
	}
	if c.minutes[n] != rules.SeverityNone {
		f.Now, f.Value = evaluator.Bad, 0.3
	}
	f.Floor = c.worst(n, soak)
	for i := n; i >= 0 && c.minutes[i] == rules.SeverityNone && !c.unseen[i] && f.Calm < soak*time.Minute; i-- {
		f.Calm += time.Minute
	}
	f.Recovered = f.Calm == soak*time.Minute
	if !f.Recovered && f.Floor == rules.SeverityNone {
		f.Floor = c.rule.Levels[len(c.rule.Levels)-1].Severity
	}
	return f
}

// worst is the worst that the last k minutes demand.
func (c *cellStory) worst(n, k int) rules.Severity {
	worst := rules.SeverityNone
	for i := max(0, n-k+1); i <= n; i++ {
		worst = max(worst, c.minutes[i])
	}
	return worst
}

// countErrors is a logger's handler that counts what the desk says it cannot do.
type countErrors struct {
	slog.Handler
	n *atomic.Int64
}

func (c countErrors) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "cannot be done") {
		c.n.Add(1)
	}
	return nil
}

// start begins a desk on what the log holds.
func (h *history) start() {
	ctx, cancel := context.WithCancel(h.Context())
	judged := map[string]time.Time{}
	if !h.judged.IsZero() {
		judged[rules.SourceSpans] = h.judged
	}
	var known *incident.History
	if db, ok := h.log.Log.(remembers); ok {
		var err error
		if known, err = db.History(h.Context(), h.judged); err != nil {
			h.Fatal(err)
		}
	}
	quiet := countErrors{slog.NewTextHandler(io.Discard, nil), &h.errors}
	desk, err := incident.NewDesk(ctx, incident.Options{Config: h.config, Log: h.log, Logger: slog.New(quiet), Judged: judged, History: known, Now: h.now})
	if err != nil {
		h.Fatal(err)
	}
	h.desk, h.stop, h.ended = desk, cancel, make(chan struct{})
	go func() {
		defer close(h.ended)
		_ = desk.Run(ctx)
	}()
}

func (h *history) end() {
	h.stop()
	<-h.ended
}

// live plays two to four hours.
func (h *history) live() {
	h.start()
	down := 0 // minutes for which the service is stopped
	for range 120 + h.r.IntN(120) {
		time.Sleep(20*time.Second + time.Duration(h.r.IntN(20000))*time.Millisecond)
		if down > 0 {
			if down--; down == 0 {
				h.start()
			}
			h.sleepToTheMinute()
			continue
		}
		switch h.r.IntN(60) {
		case 0:
			h.log.fault.Store(refuses)
		case 1:
			h.log.fault.Store(tears)
		case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13:
			h.log.fault.Store(none)
		case 14:
			h.putClock(pick(h.r, time.Minute, 7*time.Minute, time.Hour))
		case 15:
			h.putClock(-pick(h.r, time.Minute, 7*time.Minute, 40*time.Minute))
		case 16:
			h.tally.restarts++
			h.end()
			h.log.fault.Store(none)
			if down = h.r.IntN(20); down == 0 {
				h.start()
			}
		}
		if down == 0 {
			h.someoneActs()
		}
		h.sleepToTheMinute()
		if down == 0 {
			h.tick(h.r.IntN(25) == 0)
		}
	}
	// What is due is done once all is well again.
	if down > 0 {
		h.start()
	}
	h.log.fault.Store(none)
	for range 3 {
		h.sleepToTheMinute()
		h.tick(false)
		time.Sleep(time.Second)
	}
	time.Sleep(20 * time.Second)
	synctest.Wait()
	h.equal()
	h.end()
}

func (h *history) sleepToTheMinute() {
	now := h.now()
	time.Sleep(now.Truncate(time.Minute).Add(time.Minute).Sub(now))
}

func (h *history) putClock(by time.Duration) {
	s := step{at: time.Now(), from: h.now()}
	h.offset.Add(int64(by))
	s.to = h.now()
	h.steps = append(h.steps, s)
	if by > 0 {
		h.tally.forward++
	} else {
		h.tally.back++
	}
}

// tick judges the minutes that are closed and were not judged, as the loop does.
func (h *history) tick(blind bool) {
	now := h.now().UTC().Round(0)
	if blind {
		_ = h.desk.Judge(h.Context(), evaluator.Round{Source: rules.SourceSpans, Lag: lag, Blind: true, At: h.judged, Now: now, Why: "no answer"})
		return
	}
	closed := now.Add(-lag).Truncate(time.Minute)
	if h.judged.IsZero() {
		h.judged = closed.Add(-time.Minute)
	}
	for at := h.judged.Add(time.Minute); !at.After(closed); at = at.Add(time.Minute) {
		n := int(at.Sub(h.begin)/time.Minute) + 120 // minutes before the begin are there, too
		r := evaluator.Round{Source: rules.SourceSpans, Lag: lag, At: at, Live: at.Equal(closed)}
		for _, c := range h.cells {
			c.until(h.r, n)
			r.Findings = append(r.Findings, c.finding(n, at))
		}
		if err := h.desk.Judge(h.Context(), r); err != nil {
			return
		}
		h.judged = at
	}
}

// someoneActs has a person do something, often enough something foolish.
func (h *history) someoneActs() {
	r := h.r
	board := h.desk.Board()
	for range pick(r, 0, 0, 0, 1, 1, 2) {
		a := incident.Action{
			By: incident.Person(pick(r, "ana", "ben", "cho")), Do: pick(r, incident.Verbs()...),
			Why: pick(r, "", "we know better"), Text: pick(r, "", "We have found the cause.", "See <host>."),
			Severity: pick(r, rules.SeverityNone, rules.P0, rules.P1, rules.P2, rules.P3),
			State:    pick(r, incident.Investigating, incident.Identified, incident.Monitoring, incident.StateResolved),
			For:      pick(r, 0, 0, 5*time.Minute, time.Hour, -time.Minute), Integrity: pick(r, "", incident.NotKnown, incident.NotImpacted, "fine"),
			Component: pick(r, "db", "api", "app", "nothing"), Regions: pick(r, nil, []string{"eu"}, []string{"eu", "us"}),
			Force: r.IntN(2) == 0, Private: r.IntN(3) == 0, Topic: pick(r, "", "security"),
			Words: rules.Words{Symptom: pick(r, "", "errors when saving"), Workaround: pick(r, "", "retry after a minute")},
			To:    pick(r, "", "ana", "nobody"), Checklist: pick(r, "by-hand", "none"), Task: pick(r, "first/ack", "by-hand/one", "x"),
		}
		if r.IntN(4) == 0 {
			a.Do = pick(r, incident.Acknowledge, incident.Acknowledge, incident.Approve, incident.Say)
		}
		for _, list := range [][]incident.Incident{board.Open, board.Past} {
			if len(list) > 0 && (a.Incident == "" || r.IntN(8) == 0) {
				a.Incident, a.Other = list[r.IntN(len(list))].ID, list[r.IntN(len(list))].ID
			}
		}
		h.tally.deeds++
		_, err := h.desk.Act(h.Context(), a)
		if _, refused := errors.AsType[*incident.Refusal](err); refused {
			h.tally.refused++
		} else if err != nil && !errors.Is(err, errFickle) {
			h.Errorf("%s: %v", a.Do, err)
		}
	}
}

// equal checks that the log folds to the desk's board.
func (h *history) equal() {
	folded, err := incident.Fold(h.all(h.Context()))
	if err != nil {
		h.Fatal(err)
	}
	if diff := cmp.Diff(folded, h.desk.Board(), everything); diff != "" {
		h.Errorf("the log folds to another board (- log, + desk):\n%s", diff)
	}
	for _, wrong := range soundBouts(folded) {
		h.Error(wrong)
	}
	db, ok := h.log.Log.(remembers)
	if !ok {
		return
	}
	if mark, err := db.Watermark(h.Context(), rules.SourceSpans); err != nil || !mark.Equal(h.desk.JudgedOf(rules.SourceSpans)) {
		return // the last minute was stored, and the desk has not heard of it yet
	}
	stored, err := db.History(h.Context(), h.judged)
	if err != nil {
		h.Fatal(err)
	}
	if diff := cmp.Diff(stored, h.desk.History(), everything); diff != "" {
		h.Errorf("the store knows of other minutes (- store, + desk):\n%s", diff)
	}
}

// remembers is a log that is asked which minutes are known: the store.
type remembers interface {
	History(ctx context.Context, at time.Time) (*incident.History, error)
	Watermark(ctx context.Context, source string) (time.Time, error)
}

// check reads the log from the beginning, and holds against it what the desk
// promises.
func (h *history) check() {
	var board incident.Board
	var lines []string
	var last time.Time
	keys := map[string]bool{}
	acked := map[incident.ID]incident.Event{}
	said := map[incident.ID]time.Time{}
	calls := callsMade{}
	began := map[incident.ID]int{} // how many updates there were when it was opened, or opened again
	wrong := func(e incident.Event, format string, args ...any) {
		h.Helper()
		h.Errorf("%s: %s", e.Line(time.Time{}), fmt.Sprintf(format, args...))
	}
	for e, err := range h.all(context.Background()) {
		if err != nil {
			h.Fatal(err)
		}
		lines = append(lines, e.Recorded.Format("15:04:05 ")+e.Line(time.Time{}))
		was, _ := board.Find(e.Incident)
		next := board.With(e)
		is, _ := next.Find(e.Incident)
		for _, p := range e.Posts {
			if k := p.Channel + " " + p.Key; p.Key != "" {
				if keys[k] {
					wrong(e, "the delivery %s is called for twice", k)
				}
				keys[k] = true
			}
		}
		h.checkSeverity(e, was, is, wrong)
		if why := calls.with(e); why != "" {
			wrong(e, "%s", why)
		}
		switch e.Kind {
		case incident.StoodDown:
			if e.Reason == incident.AllOver {
				h.tally.overAndOut++
			} else {
				h.tally.stoodDown++
			}
		case incident.Reopened:
			began[e.Incident] = len(was.Updates)
			delete(acked, e.Incident)
		case incident.Opened:
			h.tally.incidents++
			if e.Private {
				h.tally.private++
			}
		case incident.Acknowledged:
			h.tally.acks++
			acked[e.Incident] = e
		case incident.Lapsed:
			h.tally.lapses++
			worse := was.Ack != nil && was.Severity() > was.Ack.Severity // than it was acknowledged at
			if ack, ok := acked[e.Incident]; !ok || !worse && (ack.Until.IsZero() || e.Recorded.Before(ack.Until)) {
				wrong(e, "the acknowledgement %+v counts still", ack)
			}
			delete(acked, e.Incident)
		case incident.Resolved, incident.Merged:
			delete(acked, e.Incident)
			if e.Forced {
				h.tally.forced++
			}
			if e.Kind == incident.Merged {
				h.tally.merged++
			}
		case incident.Paged:
			h.tally.pages++
			if ack, ok := acked[e.Incident]; ok {
				wrong(e, "%s acknowledged at %s", ack.By, ack.At)
			}
		case incident.Held:
			h.tally.held++
		case incident.Vetoed:
			h.tally.vetoed++
		case incident.Missed:
			h.tally.missed++
			if e.Recorded.Before(e.Due.Add(5 * time.Second)) {
				wrong(e, "it is recorded as missed before it is")
			}
		case incident.Updated:
			u := e.Update
			if was.Private {
				wrong(e, "it is private")
			}
			if u.Inside && u.State != incident.StateResolved {
				h.tally.insideOpened++
				if len(was.Updates) != began[e.Incident] || h.config.Policies[was.Peak].Public {
					wrong(e, "its beginning was told before, or customers read of it")
				}
			}
			if was.Withheld && e.By.Person() == "" {
				wrong(e, "a person decided against it")
			}
			if d := was.Draft; d != nil && e.By.Person() == "" && !u.Inside && (d.Due.IsZero() || u.Said.Before(d.Due)) {
				wrong(e, "its words wait until %s", d.Due)
			}
			if u.Integrity != was.Integrity {
				wrong(e, "nobody said so of the data")
			}
			if !u.Late && !u.Inside {
				if !u.Said.After(said[e.Incident]) {
					wrong(e, "the update before it was said at %s", said[e.Incident])
				}
				said[e.Incident] = u.Said
				if !u.Next.IsZero() {
					h.tally.promises++
					if !u.Next.After(u.Said) {
						wrong(e, "the promise lies in the past")
					}
				}
			}
			h.tally.kept += is.Kept - was.Kept
			// A promise that is answered too late must have been recorded as missed.
			if due := was.Promise; !due.IsZero() && !u.Late && !u.Inside && e.Recorded.After(due.Add(5*time.Second)) {
				wrong(e, "the promise of %s was not kept, and is not recorded as missed", due)
			}
		case incident.Assessed:
			if e.By.Person() == "" {
				wrong(e, "only a person may say so")
			}
		}
		board, last = next, e.Recorded
	}
	for id, c := range calls {
		if c.owed != "" {
			h.Errorf("%s: it is %s, and nobody told %v", id, c.owed, c.ringing)
		}
	}
	for _, inc := range board.Open {
		if end := h.now(); !inc.Promise.IsZero() && end.After(inc.Promise.Add(5*time.Second)) {
			h.Errorf("%s: the promise of %s is open at %s", inc.ID, inc.Promise, end)
		}
	}
	if n := h.errors.Load(); n > 0 {
		h.Errorf("the desk could not do what is due %d times", n)
	}
	if h.Failed() {
		for _, s := range h.steps {
			h.Logf("the clock was put from %s to %s", s.from.Format("15:04:05"), s.to.Format("15:04:05"))
		}
		h.Logf("%s\nlast %s", strings.Join(lines, "\n"), last)
	}
}

// callsMade is, for each incident, where people were called since it was opened,
// and where they still think that they are needed.
type callsMade map[incident.ID]*called

type called struct {
	channels, ringing map[string]bool
	owed              incident.Reason // what the channels are to be told next
}

// with takes in an event, and says what is wrong with it: each channel that
// carried a call is told once that somebody is on it, once that it is over, and
// nothing else.
func (c callsMade) with(e incident.Event) string {
	if e.Incident == "" {
		return ""
	}
	i := c[e.Incident]
	if i == nil {
		i = &called{channels: map[string]bool{}, ringing: map[string]bool{}}
		c[e.Incident] = i
	}
	carries := map[string]bool{}
	for _, p := range e.Posts {
		if p.Call() {
			carries[p.Channel] = true
		}
	}
	if e.Kind != incident.StoodDown && i.owed != "" {
		return fmt.Sprintf("it is %s, and %v are not told", i.owed, i.ringing)
	}
	switch e.Kind {
	case incident.Paged, incident.Escalated:
		for name := range carries {
			i.channels[name], i.ringing[name] = true, true
		}
	case incident.Lapsed:
		i.ringing = maps.Clone(i.channels)
	case incident.Acknowledged:
		if len(i.ringing) > 0 {
			i.owed = incident.TakenOn
		}
	case incident.Resolved, incident.Merged:
		i.ringing = maps.Clone(i.channels)
		if len(i.ringing) > 0 {
			i.owed = incident.AllOver
		}
	case incident.Reopened:
		if len(i.channels) > 0 {
			return fmt.Sprintf("%v were never told that it was over", i.channels)
		}
	case incident.StoodDown:
		owed, ringing := i.owed, i.ringing
		i.owed, i.ringing = "", map[string]bool{}
		if owed == incident.AllOver {
			i.channels = map[string]bool{}
		}
		if e.Reason != owed || !maps.Equal(carries, ringing) {
			return fmt.Sprintf("owed was %q to %v", owed, ringing)
		}
	case incident.Reminded:
	default:
		if len(carries) > 0 {
			return "it calls people"
		}
	}
	return ""
}

// checkSeverity: the machine eases a severity only after its soak.
func (h *history) checkSeverity(e incident.Event, was, is incident.Incident, wrong func(incident.Event, string, ...any)) {
	h.Helper()
	if is.Severity() < was.Severity() && e.By.Person() == "" &&
		!slices.Contains([]incident.Kind{incident.Eased, incident.Recovered, incident.Reopened}, e.Kind) {
		wrong(e, "the severity fell from %s to %s", was.Severity(), is.Severity())
	}
	if e.Kind != incident.Eased && e.Kind != incident.Recovered {
		return
	}
	h.tally.eased++
	n := int(e.At.Sub(h.begin)/time.Minute) + 120
	for _, c := range h.cells {
		if c.rule.ID != e.Rule || c.series.Region != e.Region {
			continue
		}
		if worst := c.worst(n, soak); worst > e.Severity {
			wrong(e, "within its soak it was %s", worst)
		}
	}
}
