package email_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

var flood = flag.Int("flood", floodReaders, "how many addresses TestAFlood has; with 1000 or more its waits are those of the service")

// hasty is a channel that does not wait as long as the service does between
// attempts, so that a small flood is over in seconds.
type hasty struct{ *email.Channel }

func (h hasty) Manner() publisher.Manner {
	m := h.Channel.Manner()
	m.Waits, m.Attempts = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond}, 20
	return m
}

// deluge is three incidents at once, on a board that has a history.
type deluge struct {
	config *rules.Config
	board  atomic.Pointer[incident.Board]
	db     *store.DB
}

// floodOf are the incidents, the worst last: they are stored in this order.
var floodOf = []struct {
	id       incident.ID
	severity rules.Severity
}{{"INC-2026-0903", rules.P3}, {"INC-2026-0902", rules.P1}, {"INC-2026-0901", rules.P0}}

func newDeluge(t *testing.T) *deluge {
	t.Helper()
	c, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(`
organisation: FeatureSignals
page: {url: "https://status.example.com"}
regions: [{code: us, name: United States}, {code: eu, name: Europe}, {code: in, name: India}]
components: [{id: api, name: Management API}, {id: eval, name: Flag evaluations}, {id: dash, name: Dashboard}, {id: hooks, name: Webhooks}]
rules:
  - {id: api, component: api, signal: error_rate, levels: {P0: {above: 50%}}, public: {symptom: elevated errors on the management API}}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	d := &deluge{config: c}
	if d.db, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.db.Close() })
	var b incident.Board
	for _, comp := range c.Components {
		for _, r := range c.Regions {
			b = b.With(incident.Event{Kind: incident.Sensed, Component: comp.ID, Region: r.Code, Sense: incident.SenseSeen, At: began, Began: began})
		}
	}
	past := 20
	if *flood >= 1000 {
		past = 150
	}
	for n := range past { // that are over
		id := incident.ID(fmt.Sprintf("INC-2026-%04d", n+1))
		at := began.Add(-time.Duration(past-n) * 12 * time.Hour)
		b = b.With(incident.Event{Kind: incident.Opened, Incident: id, Component: "api", At: at, Began: at})
		for k := range 8 {
			b = b.With(updated(id, rules.P1, k+1, at.Add(time.Duration(k)*time.Hour)))
		}
		b = b.With(incident.Event{Kind: incident.Resolved, Incident: id, At: at.Add(9 * time.Hour)})
	}
	d.board.Store(&b)
	return d
}

func updated(id incident.ID, s rules.Severity, n int, at time.Time) incident.Event {
	return incident.Event{Kind: incident.Updated, Incident: id, Severity: s, At: at, Update: &incident.Update{
		Number: n, State: incident.Investigating, Severity: s, Said: at, Next: at.Add(30 * time.Minute), AsOf: at, Trend: incident.TrendUnchanged,
		Words:   rules.Words{Symptom: "elevated errors on the management API", Impact: "failed requests when they change flags"},
		Regions: []incident.RegionState{{Region: "eu", Severity: s}},
	}}
}

// say stores an update with its deliveries, and has the board believe it.
func (d *deluge) say(t *testing.T, id incident.ID, s rules.Severity, n int) {
	t.Helper()
	var events []incident.Event
	if n == 1 {
		events = append(events, incident.Event{Kind: incident.Opened, Incident: id, Component: []string{"api", "eval", "dash"}[id[12]-'1'], At: began, Began: began})
	}
	u := updated(id, s, n, began.Add(time.Duration(n)*10*time.Minute))
	u.Posts = []incident.Post{{Channel: "mail", Key: fmt.Sprintf("%s/%d", id, n), Due: time.Now()}}
	stored, err := d.db.Append(t.Context(), incident.Batch{Recorded: time.Now(), Events: append(events, u)})
	if err != nil {
		t.Fatal(err)
	}
	b := *d.board.Load()
	for _, e := range stored {
		b = b.With(e)
	}
	d.board.Store(&b)
}

// arrival is one mail that the server took.
type arrival struct {
	to, delivery string
	at           time.Time
}

// gauge measures the heap.
type gauge struct {
	peak uint64   // with what is garbage
	live []uint64 // without, now and then
}

func (g *gauge) run(ctx context.Context, every time.Duration) {
	var m runtime.MemStats
	for n := 0; ; n++ {
		if n%20 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			g.live = append(g.live, m.HeapAlloc)
		}
		runtime.ReadMemStats(&m)
		g.peak = max(g.peak, m.HeapAlloc)
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// TestAFlood has every address of a long list hear of three incidents at once,
// through the loop and the store of the service, over a server that is slow and
// that puts off a tenth of what it is given.
//
//	make flood
func TestAFlood(t *testing.T) {
	readers, full := *flood, *flood >= 1000
	arrived := make([]arrival, 0, readers*4)
	var mu sync.Mutex
	putOff := func(address string, n int) bool {
		h := fnv.New32a()
		fmt.Fprintf(h, "%s %d", address, n)
		return h.Sum32()%10 == 0
	}
	s := smtptest.New(t, smtptest.Options{
		Fault: func(at, a string, n int) *smtptest.Reply {
			if at == "data" {
				h := fnv.New32a()
				fmt.Fprint(h, a, n)
				time.Sleep(time.Duration(2+h.Sum32()%19) * time.Millisecond) // 2 to 20
			}
			twice := n > 2 && putOff(a, n-1) && putOff(a, n-2) // a third time in a row would only take longer
			if at == "rcpt" && putOff(a, n) && !twice {
				return &smtptest.Reply{Code: 451, Enhanced: [3]int{4, 3, 0}, Text: "not now"}
			}
			return nil
		},
		Got: func(m smtptest.Message) {
			_, after, _ := bytes.Cut(m.Data, []byte("Message-ID: <"))
			id, _, _ := bytes.Cut(after, []byte("@"))
			id = id[:bytes.LastIndexByte(id, '.')]
			mu.Lock()
			defer mu.Unlock()
			arrived = append(arrived, arrival{m.To, string(id), m.At})
		},
	})
	d := newDeluge(t)
	set, err := words()
	if err != nil {
		t.Fatal(err)
	}
	list := rules.List{Name: "customers"}
	for n := range readers {
		list.Addresses = append(list.Addresses, fmt.Sprintf("reader-%05d@example.net", n))
	}
	channel, err := email.New(email.Config{
		Name: "mail", Page: "https://status.example.com", Memory: d.db, Addresses: d.db, Roots: s.Roots(),
		Words: func(*time.Location) *templates.Set { return set }, Logger: slog.New(slog.DiscardHandler),
		Mail: rules.Mail{Server: s.Addr(), From: "status@example.com", Bounces: "bounces@example.com", Connections: 4, Lists: []rules.List{list}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var retries atomic.Int64
	var preparing atomic.Int64
	var preparer publisher.Preparer
	loop := &publisher.Loop{
		Outbox: d.db, Channels: []publisher.Channel{hasty{channel}}, Logger: slog.New(slog.DiscardHandler),
		Count: func(_, result string) {
			if result == "failed" {
				retries.Add(1)
			}
		},
		Prepare: func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
			begin := time.Now()
			defer func() { preparing.Add(int64(time.Since(begin))) }()
			return preparer.Prepare(publisher.Known{Config: d.config, Board: *d.board.Load(), Judged: began.Add(time.Hour)}, r, began.Add(time.Hour))
		},
	}
	if full {
		loop.Channels[0] = channel
	}
	for _, i := range floodOf {
		d.say(t, i.id, i.severity, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	start := time.Now()
	heap := &gauge{}
	var g sync.WaitGroup
	g.Go(func() { heap.run(ctx, 100*time.Millisecond) })
	g.Go(func() {
		if err := loop.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(arrived)
	}
	until := func(n int) {
		t.Helper()
		for count() < n {
			if time.Since(start) > 20*time.Minute {
				t.Fatalf("after %v %d of %d mails have arrived", time.Since(start), count(), n)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	until(readers / 2)
	d.say(t, "INC-2026-0901", rules.P0, 2) // while the first is still under way
	loop.Wake()
	total := readers * 4
	until(total)
	took := time.Since(start)
	time.Sleep(500 * time.Millisecond) // for what should not come
	cancel()
	g.Wait()

	seen := map[string]int{} // mails by address and delivery
	order := map[string]int{}
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for _, a := range arrived {
		seen[a.to+" "+a.delivery]++
		i, n, _ := strings.Cut(a.delivery, ".")
		if number := int(n[0] - '0'); order[a.to+" "+i] >= number {
			t.Errorf("%s was told %s after number %d", a.to, a.delivery, order[a.to+" "+i])
		} else {
			order[a.to+" "+i] = number
		}
		if first[i].IsZero() {
			first[i] = a.at
		}
		last[i] = a.at
	}
	if len(seen) != total || len(arrived) != total {
		t.Errorf("%d mails arrived, %d different ones, want %d", len(arrived), len(seen), total)
	}
	if queues, err := d.db.Queues(t.Context()); err != nil || queues[0].Waiting != 0 || queues[0].Dead != 0 {
		t.Errorf("left in the outbox: %+v (%v)", queues, err)
	}
	p0, p3 := "INC-2026-0901", "INC-2026-0903"
	ahead := 0 // of P0's first update, before the first of P3
	for _, a := range arrived {
		if a.delivery == p0+".1" && a.at.Before(first[p3]) {
			ahead++
		}
	}
	if ahead < readers*85/100 {
		t.Errorf("when P3 began, %d of %d had heard of P0", ahead, readers)
	}
	quarter := max(1, len(heap.live)/4)
	begin, end := slices.Max(heap.live[:quarter]), slices.Max(heap.live[len(heap.live)-quarter:])
	if end > begin+begin/2+8<<20 {
		t.Errorf("the heap grew from %d to %d kB", begin>>10, end>>10)
	}
	since := func(at time.Time) time.Duration { return at.Sub(start).Round(time.Millisecond) }
	t.Logf("%d mails to %d addresses in %v: %.0f a second, %d put off and sent again, over %d connections",
		total, readers, took.Round(time.Millisecond), float64(total)/took.Seconds(), retries.Load(), s.Connections())
	t.Logf("P0's first arrived after %v, its last after %v; P3's first after %v, when %d of %d had heard of P0 (the rest had been put off)",
		since(first[p0]), since(last[p0]), since(first[p3]), ahead, readers)
	t.Logf("heap: live at first %d kB, at last %d kB; with garbage at most %d kB", begin>>10, end>>10, heap.peak>>10)
	t.Logf("preparing took %v a delivery", (time.Duration(preparing.Load()) / time.Duration(total+int(retries.Load()))).Round(time.Microsecond))
}
