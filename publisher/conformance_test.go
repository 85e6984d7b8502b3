package publisher_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// TestConformance tells every channel the same story over and over, and each time
// the program is killed at another point of it: before and after the loop sends,
// after it stores a receipt, and before and after each request that the target
// handles. A second life goes on over the same store. In the end the target shows
// everything; what it shows twice is what the channel's guarantee allows, and its
// receipt was not stored when the program died.
func TestConformance(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "channel\tguarantee\tdeliveries\tcrash points\tlost\tseen twice\trepeated with the same id")
	var repeats []string
	for _, target := range targets {
		t.Run(target.name, func(t *testing.T) {
			o := conform(t, target)
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", target.name, o.guarantee, o.deliveries, o.points, o.lost, o.twice, len(o.repeats))
			for _, r := range o.repeats {
				repeats = append(repeats, target.name+": "+r)
			}
		})
	}
	w.Flush()
	t.Run("verified", verify)
	t.Log("\n" + table.String())
	if len(repeats) > 0 {
		t.Log("what was sent again, since it was sent and its receipt not stored:\n  " + strings.Join(repeats, "\n  "))
	}
}

// target is a kind of channel, and a real or faithful server that it delivers to.
type target struct {
	name  string
	page  bool // it shows the whole board, and hears of all events
	calls bool // it takes calls to people
	// to is whom a delivery goes to, of a channel with many targets; nil: it is one.
	to   func(e incident.Event, call bool) []string
	open func(t *testing.T, cut func(n int, stage string) bool) place
}

// place is one server, which outlives the program.
type place struct {
	// channel makes a new channel object, as a start of the program does.
	channel func(db *store.DB, memory publisher.Memory) (publisher.Channel, error)
	// shows is what people see there, in the order in which it came.
	shows func() ([]sighting, error)
	// wrong says what else is not as it should be, when all is over; nil: nothing.
	wrong func(board incident.Board) error
	close func()
}

// sighting is one thing that a target shows.
type sighting struct {
	key string // of the delivery
	to  string // of a channel with many targets
	id  string // by which whoever sees it twice can tell
}

func (s sighting) delivery() string { return strings.TrimSuffix(s.key+" to "+s.to, " to ") }

// The parts of the crash points' names.
const (
	beforeRequest = "before request"
	afterRequest  = "after request"
)

// point is where the program is killed: the n-th time that it comes there, from 1.
type point struct {
	where string
	n     int
}

func (p point) String() string { return fmt.Sprintf("%s %d", p.where, p.n) }

var everyPoint = flag.Bool("every-point", false, "kill at every point, and not only at some of each kind")

// mostPoints bounds how many crash points of a kind are tried: of more, some
// evenly chosen ones. The race detector makes each many times as dear, and what
// it looks for shows at the first.
func mostPoints(where string) int {
	switch {
	case *everyPoint:
		return math.MaxInt
	case raceDetector && (where == "before send" || where == "after receipt"):
		return 0
	case raceDetector:
		return 1
	default:
		return 8
	}
}

// shortLived gives a folder that ends with the test, in memory where there is
// one: the program is killed here, and not the machine, so that what a disk
// takes to write is of no use.
func shortLived(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "tocsin-conformance-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// outcome is what came of all the crashes of a channel.
type outcomeOf struct {
	guarantee                       publisher.Guarantee
	deliveries, points, lost, twice int
	repeats                         []string
}

func conform(t *testing.T, target target) outcomeOf {
	fresh := filepath.Join(shortLived(t), "fresh.db")
	db, err := store.Open(t.Context(), fresh)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole := newTrial(t, target, fresh, point{})
	if err := whole.run(); err != nil {
		t.Fatalf("without a crash: %v", err)
	}
	out := outcomeOf{guarantee: whole.manner.Guarantee, deliveries: len(whole.want())}
	if len(whole.repeats)+len(whole.lost)+len(whole.twice) > 0 {
		t.Errorf("without a crash: lost %q, twice %q, repeated %q", whole.lost, whole.twice, whole.repeats)
	}
	points := whole.points()
	for _, where := range []string{"before send", "after send", "after receipt", beforeRequest} {
		if whole.seen[where] < len(whole.steps) {
			t.Errorf("it came by %q only %d times", where, whole.seen[where])
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	room := make(chan struct{}, 4) // most of a trial is waiting
	for _, p := range points {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			tr := newTrial(t, target, fresh, p)
			err := tr.run()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Errorf("killed %s: %v", p, err)
			case !tr.died:
				t.Errorf("killed %s: it was not", p)
			}
			if len(tr.lost)+len(tr.twice) > 0 {
				t.Errorf("killed %s: lost %q, twice %q", p, tr.lost, tr.twice)
			}
			out.points++
			out.lost += len(tr.lost)
			out.twice += len(tr.twice)
			for _, r := range tr.repeats {
				out.repeats = append(out.repeats, fmt.Sprintf("killed %s: %s", p, r))
			}
		})
	}
	wg.Wait()
	slices.Sort(out.repeats)
	return out
}

// trial is one story with one crash: two lives over one store, and a target that
// outlives both.
type trial struct {
	target target
	place  place
	path   string
	kill   point // zero: never
	config *rules.Config
	steps  [][]incident.Event

	dead  atomic.Bool // nothing that this life does counts any more
	stop  func()      // ends this life's loop
	stir  chan struct{}
	board atomic.Pointer[incident.Board]

	mu       sync.Mutex
	lives    int
	seen     map[string]int  // how often which point was come by
	receipts map[string]bool // stored before the crash

	manner               publisher.Manner
	died                 bool
	lost, twice, repeats []string
}

var conformanceWords = sync.OnceValues(func() (*templates.Set, error) { return templates.Load(nil) })

func newTrial(t *testing.T, target target, fresh string, kill point) *trial {
	tr := &trial{target: target, kill: kill, stir: make(chan struct{}, 1), seen: map[string]int{}, receipts: map[string]bool{}, stop: func() {}}
	dir, err := os.MkdirTemp(filepath.Dir(fresh), "trial")
	if err != nil {
		panic(err)
	}
	tr.path = filepath.Join(dir, "tocsin.db")
	content, err := os.ReadFile(fresh)
	if err == nil {
		err = os.WriteFile(tr.path, content, 0o600)
	}
	if err != nil {
		panic(err)
	}
	tr.config, tr.steps = plot(target)
	tr.place = target.open(t, tr.cut)
	return tr
}

// points lists the points that a whole story came by.
func (tr *trial) points() []point {
	var all []point
	for _, where := range slices.Sorted(maps.Keys(tr.seen)) {
		n := tr.seen[where]
		some := min(n, mostPoints(where))
		for i := range some {
			all = append(all, point{where, n - (some-1-i)*n/some})
		}
	}
	return all
}

// come reports whether the program is dead, or is killed right here.
func (tr *trial) come(where string) bool {
	if tr.dead.Load() {
		return true
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.lives > 1 {
		return false
	}
	tr.seen[where]++
	if tr.kill != (point{where, tr.seen[where]}) {
		return false
	}
	tr.died = true
	tr.dead.Store(true)
	tr.stop()
	tr.nudge()
	return true
}

// cut is asked by the target about each request. A dead program asks for nothing.
func (tr *trial) cut(_ int, stage string) bool {
	return tr.come(map[string]string{"before": beforeRequest, "after": afterRequest}[stage])
}

func (tr *trial) nudge() {
	select {
	case tr.stir <- struct{}{}:
	default:
	}
}

// run tells the whole story, in as many lives as it takes, and looks what the
// target shows.
func (tr *trial) run() error {
	defer tr.place.close()
	defer os.RemoveAll(filepath.Dir(tr.path))
	for over := false; !over; {
		if tr.lives++; tr.lives > 2 {
			return errors.New("two lives are not enough")
		}
		tr.dead.Store(false)
		var err error
		if over, err = tr.live(); err != nil {
			return fmt.Errorf("life %d: %w", tr.lives, err)
		}
	}
	shows, err := tr.place.shows()
	if err != nil {
		return err
	}
	if err := tr.judge(shows); err != nil {
		return fmt.Errorf("%w: it shows %v", err, shows)
	}
	if tr.place.wrong != nil {
		return tr.place.wrong(*tr.board.Load())
	}
	return nil
}

// live is one life of the program: a loop and a desk, from what is stored. over
// is that the story is told to its end and nothing waits.
func (tr *trial) live() (over bool, err error) {
	background := context.Background()
	db, err := store.Open(background, tr.path)
	if err != nil {
		return false, err
	}
	defer db.Close()
	box := &outbox{DB: db, trial: tr, rows: map[int64]string{}}
	channel, err := tr.place.channel(db, memory{db, tr})
	if err != nil {
		return false, err
	}
	if m, ok := channel.(publisher.Mannered); ok {
		tr.manner = m.Manner()
	}
	board, err := incident.Fold(db.All(background))
	if err != nil {
		return false, err
	}
	tr.board.Store(&board)
	loop := &publisher.Loop{
		Outbox: box, Channels: []publisher.Channel{channel},
		Logger: slog.New(slog.DiscardHandler),
		Prepare: func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
			return publisher.Prepare(tr.config, *tr.board.Load(), r, judged, time.Now().UTC())
		},
		Point: func(name string) {
			if tr.come(name) && (name == "before send" || name == "after send") {
				runtime.Goexit() // the dead do nothing more
			}
		},
	}
	ctx, cancel := context.WithCancel(background)
	tr.mu.Lock()
	tr.stop = cancel
	tr.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	err = tr.tell(db, loop)
	cancel()
	err = errors.Join(err, <-ended)
	return !tr.dead.Load() && err == nil, err
}

// tell appends what is still to happen, step by step, each when what the one
// before called for is delivered.
func (tr *trial) tell(db *store.DB, loop *publisher.Loop) error {
	background := context.Background()
	deadline := time.After(time.Minute)
	done := uint64(0)
	for n := 0; n <= len(tr.steps); n++ {
		if n > 0 {
			done += uint64(len(tr.steps[n-1]))
		}
		if board := *tr.board.Load(); n > 0 && board.Seq < done {
			events, err := db.Append(background, incident.Batch{Events: tr.steps[n-1], Recorded: time.Now()})
			if err != nil {
				return err
			}
			for _, e := range events {
				board = board.With(e)
			}
			tr.board.Store(&board)
			loop.Wake()
		}
		for {
			queues, err := db.Queues(background)
			if err != nil {
				return err
			}
			waiting := 0
			for _, q := range queues {
				if q.Dead > 0 {
					dead, _ := db.DeadLetters(background)
					return fmt.Errorf("given up: %+v", dead)
				}
				waiting += q.Waiting
			}
			if waiting == 0 {
				break
			}
			select {
			case <-tr.stir:
			case <-deadline:
				return fmt.Errorf("after a minute %d deliveries still wait", waiting)
			}
			if tr.dead.Load() {
				return nil
			}
		}
		if tr.dead.Load() {
			return nil
		}
	}
	return nil
}

// want is every delivery that the target is to show.
func (tr *trial) want() []string {
	var all []string
	for _, step := range tr.steps {
		for _, e := range step {
			switch {
			case e.Kind == incident.Updated && tr.target.page && !e.Update.Inside:
				all = append(all, fmt.Sprintf("%s/%d", e.Incident, e.Update.Number))
			case tr.target.page:
			default:
				for _, p := range e.Posts {
					for _, to := range tr.receivers(e, p) {
						all = append(all, sighting{key: p.Key, to: to}.delivery())
					}
				}
			}
		}
	}
	return all
}

// receivers is whom a post goes to.
func (tr *trial) receivers(e incident.Event, p incident.Post) []string {
	if tr.target.to == nil {
		return []string{""}
	}
	return tr.target.to(e, p.Call())
}

// judge compares what the target shows with what it is to show.
func (tr *trial) judge(shows []sighting) error {
	count, ids := map[string]int{}, map[string]map[string]bool{}
	var order []string
	for _, s := range shows {
		k := s.delivery()
		if count[k]++; count[k] == 1 {
			order = append(order, k)
			ids[k] = map[string]bool{}
		}
		ids[k][s.id] = true
	}
	want := tr.want()
	for _, k := range want {
		if count[k] == 0 {
			tr.lost = append(tr.lost, k)
		}
	}
	for _, k := range order {
		switch {
		case !slices.Contains(want, k):
			return fmt.Errorf("nobody asked for %s", k)
		case count[k] == 1:
			continue
		case len(ids[k]) != 1 || ids[k][""]:
			return fmt.Errorf("%s came %d times, with the ids %v: want one", k, count[k], slices.Sorted(maps.Keys(ids[k])))
		case tr.receipts[k]:
			return fmt.Errorf("%s came %d times although its receipt was stored", k, count[k])
		case tr.manner.Guarantee == publisher.ReadBack:
			tr.twice = append(tr.twice, k)
			continue
		}
		for id := range ids[k] {
			tr.repeats = append(tr.repeats, fmt.Sprintf("%s %d times, each as %s", k, count[k], id))
		}
	}
	if !tr.manner.Ordered {
		return nil
	}
	last := map[string]string{}
	for _, k := range order {
		if strings.Contains(k, "/notice/") {
			continue
		}
		key, to, _ := strings.Cut(k, " to ")
		id, number, _ := strings.Cut(key, "/")
		if number < last[id+to] {
			return fmt.Errorf("%s came after %s", k, last[id+to])
		}
		last[id+to] = number
	}
	return nil
}

// outbox is the store's until the program dies: from then on nothing is written.
// What failed is tried again soon, since nobody can wait in a test.
type outbox struct {
	*store.DB
	trial *trial

	mu   sync.Mutex
	rows map[int64]string // deliveries by their row
}

var errDead = errors.New("the program was killed")

func (o *outbox) Due(ctx context.Context, a publisher.Ask) ([]publisher.Row, time.Time, error) {
	rows, next, err := o.DB.Due(ctx, a)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range rows {
		o.rows[r.ID] = sighting{key: r.Key, to: r.Target}.delivery()
	}
	return rows, next, err
}

// write does what writes, unless the program is dead.
func (o *outbox) write(f func() error) error {
	defer o.trial.nudge()
	if o.trial.dead.Load() {
		return errDead
	}
	return f()
}

func (o *outbox) Spread(ctx context.Context, id int64, targets []string, at time.Time) error {
	return o.write(func() error { return o.DB.Spread(ctx, id, targets, at) })
}

func (o *outbox) Done(ctx context.Context, id int64, seq uint64, receipt string, at time.Time) error {
	return o.write(func() error {
		err := o.DB.Done(ctx, id, seq, receipt, at)
		o.mu.Lock()
		key := o.rows[id]
		o.mu.Unlock()
		o.trial.mu.Lock()
		defer o.trial.mu.Unlock()
		if err == nil && o.trial.lives == 1 {
			o.trial.receipts[key] = true
		}
		return err
	})
}

func (o *outbox) Again(ctx context.Context, id int64, reason string, next time.Time) error {
	if soon := time.Now().Add(20 * time.Millisecond); next.After(soon) {
		next = soon
	}
	return o.write(func() error { return o.DB.Again(ctx, id, reason, next) })
}

func (o *outbox) Dead(ctx context.Context, id int64, reason string, at time.Time) error {
	return o.write(func() error { return o.DB.Dead(ctx, id, reason, at) })
}

func (o *outbox) Halt(ctx context.Context, channel, reason string, at time.Time) error {
	return o.write(func() error { return o.DB.Halt(ctx, channel, reason, at) })
}

// memory is the store's, until the program dies.
type memory struct {
	*store.DB
	trial *trial
}

func (m memory) Remember(ctx context.Context, channel, name, value string) error {
	if m.trial.dead.Load() {
		return errDead
	}
	return m.DB.Remember(ctx, channel, name, value)
}

// The story is of now, since servers compare its times with their clocks.
var (
	began  = time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute)
	judged = began.Add(9 * time.Minute)
)

// plot is the story: two incidents that become worse and better, one of which
// comes back, and a third that customers never read of.
func plot(target target) (*rules.Config, [][]incident.Event) {
	channel := "status"
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(`
organisation: Acme
page: {url: "https://status.example.com"}
regions: [{code: us, name: United States}, {code: eu, name: Europe}]
components: [{id: api, name: Management API}, {id: eval, name: Evaluations}]
rules:
  - {id: errs, component: api, signal: error_rate, levels: {P0: {above: 50%}, P1: {above: 5%}, P2: {above: 1%}}, public: {symptom: elevated errors}}
`)}})
	if err != nil {
		panic(err)
	}
	if !target.page {
		channel = target.name
		config.Channels = append(config.Channels, rules.Channel{Name: channel, Type: target.name, Severities: rules.Severities})
	}
	config.People = []rules.Person{{ID: "ann", Name: "Ann Lee", Roles: []string{"on-call"}, Reach: []string{channel}, Email: "ann@example.com", Slack: "U0ANN"}}

	const a, b, c = incident.ID("INC-2026-0001"), incident.ID("INC-2026-0002"), incident.ID("INC-2026-0003")
	component := map[incident.ID]string{a: "api", b: "eval", c: "api"}
	numbers := map[incident.ID]int{}
	minute := 0
	happens := func(id incident.ID, kind incident.Kind, s rules.Severity, change ...func(*incident.Event)) incident.Event {
		e := incident.Event{Kind: kind, Incident: id, At: began.Add(time.Duration(minute) * time.Minute), By: incident.Tocsin, Component: component[id], Severity: s, Region: "eu", Rule: "errs", Service: "svc", Began: began}
		if kind == incident.Opened || kind == incident.Reopened || kind == incident.Resolved {
			e.Region, e.Rule, e.Service = "", "", ""
		}
		for _, f := range change {
			f(&e)
		}
		if target.page {
			e.Posts = []incident.Post{{Channel: channel, Due: e.At}}
		}
		return e
	}
	says := func(id incident.ID, state incident.State, s rules.Severity, change ...func(*incident.Update)) incident.Event {
		numbers[id]++
		return happens(id, incident.Updated, s, func(e *incident.Event) {
			u := incident.Update{
				Number: numbers[id], State: state, Severity: s, Trend: incident.TrendUnchanged, Said: e.At, AsOf: e.At,
				Words: rules.Words{Symptom: "elevated errors", Impact: "failed requests"}, Text: fmt.Sprintf("Words of %s/%d.", id, numbers[id]),
				Regions: []incident.RegionState{{Region: "eu", Severity: s}},
			}
			if state == incident.StateResolved {
				u.Trend = incident.TrendOver
			} else {
				u.Every, u.Next = time.Hour, e.At.Add(time.Hour)
			}
			for _, f := range change {
				f(&u)
			}
			e.State, e.Update = state, &u
			e.Posts = []incident.Post{{Channel: channel, Key: fmt.Sprintf("%s/%d", id, u.Number), Due: e.At}}
		})
	}
	moves := func(id incident.ID, to incident.State) incident.Event {
		return happens(id, incident.Moved, rules.SeverityNone, func(e *incident.Event) { e.State = to })
	}
	calls := happens(a, incident.Paged, rules.P1, func(e *incident.Event) {
		e.To, e.Role, e.Step, e.Why = []string{"ann"}, "on-call", 1, "9 % of 1,000 requests failed"
		if target.calls {
			e.Posts = []incident.Post{{Channel: channel, Key: string(a) + "/notice/1", Due: e.At}}
		}
	})
	var steps [][]incident.Event
	step := func(events ...incident.Event) { steps = append(steps, events) }

	step(happens(a, incident.Opened, 0), happens(a, incident.Raised, rules.P1), calls, says(a, incident.Investigating, rules.P1),
		happens(b, incident.Opened, 0), happens(b, incident.Raised, rules.P2), says(b, incident.Investigating, rules.P2))
	minute++
	step(happens(a, incident.Raised, rules.P0), says(a, incident.Investigating, rules.P0), moves(b, incident.Identified), says(b, incident.Identified, rules.P2))
	minute++
	step(happens(a, incident.Recovered, 0), happens(a, incident.Resolved, 0), says(a, incident.StateResolved, rules.P0),
		happens(c, incident.Opened, 0), happens(c, incident.Raised, rules.P3), happens(c, incident.Recovered, 0), happens(c, incident.Resolved, 0),
		says(c, incident.StateResolved, rules.P3, func(u *incident.Update) { u.Inside = true }))
	minute++
	step(happens(a, incident.Reopened, 0), happens(a, incident.Raised, rules.P1), says(a, incident.Investigating, rules.P1),
		happens(b, incident.Recovered, 0), happens(b, incident.Resolved, 0), says(b, incident.StateResolved, rules.P2))
	minute++
	step(happens(a, incident.Recovered, 0), happens(a, incident.Resolved, 0), says(a, incident.StateResolved, rules.P0))
	return config, steps
}

// The table of docs/channels.md says of each channel what its Manner says.
func TestTheDocumentationTellsWhatChannelsGuarantee(t *testing.T) {
	text, err := os.ReadFile("../docs/channels.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| ([a-z -]+?) *\\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = row[2]
	}
	for _, kind := range []string{"page", "webhook", "email", "slack", "tracker"} {
		if documented[kind] == "" {
			t.Errorf("docs/channels.md has no row for %s: it has %v", kind, documented)
		}
	}
	for _, target := range targets {
		p := target.open(t, func(int, string) bool { return false })
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
		if err != nil {
			t.Fatal(err)
		}
		channel, err := p.channel(db, db)
		if err != nil {
			t.Fatal(err)
		}
		guarantee := publisher.Repeats
		if m, ok := channel.(publisher.Mannered); ok {
			guarantee = m.Manner().Guarantee
		}
		if documented[target.name] != guarantee.String() {
			t.Errorf("docs/channels.md says of %s %q, and it declares %q", target.name, documented[target.name], guarantee)
		}
		p.close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
