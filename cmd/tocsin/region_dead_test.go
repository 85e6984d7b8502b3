package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/probe"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
	"github.com/featuresignals/tocsin/templates"
)

// ground is what lives outside of the bubbles, on the clock of this machine:
// the engine and its port, and the servers that are probed. A bubble's time
// stands still while one of its goroutines waits for a socket, so that what a
// check or a query takes is no time there. But a connection that is kept open
// would hold it up for ever, and no channel may lead out of it: what keeps
// connections or goroutines is done here.
type ground struct {
	ctx  context.Context
	todo chan func()
	done chan struct{}
}

func newGround(t *testing.T) *ground {
	g := &ground{t.Context(), make(chan func()), make(chan struct{})}
	go func() {
		for f := range g.todo {
			f()
			g.done <- struct{}{}
		}
	}()
	t.Cleanup(func() { close(g.todo) })
	return g
}

// do does something outside, for one caller at a time.
func (g *ground) do(f func()) {
	g.todo <- f
	<-g.done
}

// distant is a source that is asked outside.
type distant struct {
	*ground
	source evaluator.Source
}

// Minutes satisfies evaluator.Source.
func (d distant) Minutes(_ context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		var ms []telemetry.Minute
		var failed error
		d.do(func() {
			for m, err := range d.source.Minutes(d.ctx, from, to, except...) {
				if err != nil {
					failed = err
					return
				}
				ms = append(ms, m)
			}
		})
		for _, m := range ms {
			if !yield(m, nil) {
				return
			}
		}
		if failed != nil {
			yield(telemetry.Minute{}, failed)
		}
	}
}

// site is what a region's customers ask, on a port that it keeps.
type site struct {
	*ground
	addr   string
	server *httptest.Server
}

func newSite(t *testing.T, g *ground) *site {
	s := &site{ground: g, addr: "127.0.0.1:0"}
	s.open(t)
	t.Cleanup(func() { s.server.Close() })
	return s
}

// close is the region's end: nobody answers on its port.
func (s *site) close() { s.do(s.server.Close) }

func (s *site) open(t *testing.T) {
	s.do(func() {
		l, err := net.Listen("tcp", s.addr)
		if err != nil {
			t.Error(err)
			return
		}
		s.addr = l.Addr().String()
		s.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"status":"ok"}`)
		})}}
		s.server.Start()
	})
}

// life is all of Tocsin but its listeners and channels, in a bubble: the
// prober, a loop for each source, the desk and a store of their own, on the
// schedule of the service.
type life struct {
	*testing.T
	config *rules.Config
	begin  time.Time
	db     *store.DB
	desk   *incident.Desk
	set    *templates.Set
}

// lived runs a life in a bubble from begin on. story is what happens to it.
func lived(t *testing.T, config *rules.Config, begin time.Time, spans evaluator.Source, story func(*life)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(begin))
		l := start(t, config, begin, spans)
		defer l.db.Close()
		ctx, cancel := context.WithCancel(t.Context())
		ended := l.run(ctx, spans)
		defer ended.Wait()
		defer cancel()
		story(l)
	})
}

func start(t *testing.T, config *rules.Config, begin time.Time, spans evaluator.Source) *life {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	judged := map[string]time.Time{}
	for _, source := range rules.Sources {
		if !config.FedBy(source) {
			continue
		}
		judged[source] = begin
		if err := db.SetWatermark(t.Context(), source, begin); err != nil {
			t.Fatal(err)
		}
	}
	desk, err := incident.NewDesk(t.Context(), incident.Options{Config: config, Log: db, Logger: quiet(), Judged: judged})
	if err != nil {
		t.Fatal(err)
	}
	return &life{t, config, begin, db, desk, set}
}

// run starts what the service starts.
func (l *life) run(ctx context.Context, spans evaluator.Source) *sync.WaitGroup {
	var all sync.WaitGroup
	prober, err := probe.New(l.config.Probes, l.db.PutMinutes, quiet())
	if err != nil {
		l.Fatal(err)
	}
	all.Go(func() { _ = prober.Run(ctx) })
	all.Go(func() { _ = l.desk.Run(ctx) })
	for _, loop := range evaluator.Loops(l.config, map[string]evaluator.Feed{
		rules.SourceProbes: {Source: l.db, Lag: probe.Lag(l.config.Probes)},
		rules.SourceSpans:  {Source: spans, Lag: l.config.SigNoz.Lag, Settle: l.config.SigNoz.Settle},
	}, l.desk.Judge, quiet()) {
		loop.Resume(l.begin)
		all.Go(func() {
			_ = schedule(ctx, loop.Lag, func() { _ = loop.Tick(ctx, time.Now()) }) // the desk is told when a tick fails
		})
	}
	return &all
}

// until lets time pass up to so many minutes after the beginning.
func (l *life) until(minutes float64) {
	time.Sleep(time.Until(l.begin.Add(time.Duration(minutes * float64(time.Minute)))))
}

// public is what customers may know now.
func (l *life) public() templates.Public {
	return publisher.Project(l.config, l.desk.Board(), l.desk.Judged(), time.Now().UTC())
}

// says reports which words the first page wants.
func (l *life) says(words ...string) {
	l.Helper()
	files, err := page.New("status", l.TempDir(), l.set).Render(l.public())
	if err != nil {
		l.Fatal(err)
	}
	_, body, _ := strings.Cut(string(files["index.html"]), "<body")
	text := plainText("<body" + body)
	for _, w := range words {
		if !strings.Contains(text, w) {
			l.Errorf("the page does not say %q:\n%s", w, text)
		}
	}
}

// shows reports which cells of a component want the words that they begin with.
func (l *life) shows(component string, want ...string) {
	l.Helper()
	for _, c := range l.public().Components {
		if c.ID != component {
			continue
		}
		for i, cell := range c.Cells {
			got := strings.ReplaceAll(string(cell.Status), "_", " ")
			if !cell.Since.IsZero() {
				got += cell.Since.Format(" since 15:04 UTC")
			}
			if !strings.HasPrefix(got, want[i]) {
				l.Errorf("%s in %s is %q, want %q", component, cell.Region.Name, got, want[i])
			}
		}
	}
}

// events lists what has happened so far.
func (l *life) events() (all []incident.Event) {
	for e, err := range l.db.All(l.Context()) {
		if err != nil {
			l.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// happened compares the events so far, each after the time when it was decided,
// with what is wanted. That a cell was seen at the beginning goes without saying.
func (l *life) happened(want string) {
	l.Helper()
	var got []string
	for _, e := range l.events() {
		if e.Kind == incident.Sensed && e.Sense == incident.SenseSeen && e.At.Sub(l.begin) == time.Minute {
			continue
		}
		after := e.Recorded.Sub(l.begin).Round(time.Second)
		got = append(got, fmt.Sprintf("%02d:%02d %s", after/time.Minute, after%time.Minute/time.Second, e.Line(l.begin)))
	}
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if diff := cmp.Diff(strings.Join(lines, "\n"), strings.Join(got, "\n")); diff != "" {
		l.Errorf("what happened (-want +got)\n%s", diff)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

const regionRules = `
organisation: FeatureSignals
severities: {P0: {hold: 0s}, P1: {hold: 0s}, P2: {hold: 0s}} # words go out at once: what is judged is shown here
sources: {signoz: {dsn: "http://unused:8123", region: [deployment.environment]}}
channels: {status: {type: page, folder: page}}
regions: [{code: us, name: United States}, {code: eu, name: Europe}, {code: in, name: India}]
components:
  - {id: api, name: Management API}
  - {id: evaluation, name: Evaluation Engine}
probes:
  - {id: api-health, type: http, every: 15s, targets: {us: "http://{us}/health", eu: "http://{eu}/health", in: "http://{in}/health"}}
defaults:
  where: {services: ["{service}"]}
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {routes: ["/v1/projects/*"]}
    levels: {P1: {above: 5%, for: 5m}}
  - id: evaluation-errors
    component: evaluation
    signal: error_rate
    where: {routes: ["/v1/evaluate*"]}
    levels: {P1: {above: 5%, for: 5m}}
  - id: region-silent
    component: api
    signal: silence
    of: region
    window: 2m
    levels:
      P0: {for: 1m, confirm_with: [probe-fails]}
      P4: {for: 5m}
    recover: {for: 5m}
    public: {symptom: no answers, impact: requests that are not answered}
  - id: probe-fails
    component: api
    signal: error_rate
    where: {probes: [api-health]}
    window: 1m
    levels: {P1: {above: 50%, for: 2m}}
    recover: {below: 10%, for: 5m}
    spread: {all_regions: P0}
    public: {symptom: the management API cannot be reached, impact: requests that are not answered}
`

// earth is the store of spans, and the servers of all regions.
type earth struct {
	*ground
	front *embedded.Server
	begin time.Time
	sites map[string]*site
}

// read parses rules for the spans of a service.
func (e earth) read(t *testing.T, service, text string) (*rules.Config, evaluator.Source) {
	fill := []string{"{service}", service}
	for region, s := range e.sites {
		fill = append(fill, "{"+region+"}", s.addr)
	}
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(strings.NewReplacer(fill...).Replace(text))}})
	if err != nil {
		t.Fatal(err)
	}
	config.SigNoz.DSN = e.front.URL()
	reader, err := signoz.New(signoz.Options{SigNoz: config.SigNoz, Regions: config.Regions, Rules: config.Rules, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return config, distant{e.ground, reader}
}

// at is a time after the beginning.
func (e earth) at(minutes float64) time.Time {
	return e.begin.Add(time.Duration(minutes * float64(time.Minute)))
}

// since is what a cell shows that is so since then.
func (e earth) since(status string, minutes float64) string {
	return status + e.at(minutes).Format(" since 15:04 UTC")
}

// silent is an outage without spans; no regions: of all.
func (e earth) silent(from, to float64, regions ...string) []sample.Outage {
	return []sample.Outage{{Kind: sample.Silent, Regions: regions, From: e.at(from), To: e.at(to)}}
}

// TestSpansAndProbesTogether tells dead regions from dead telemetry. What is
// asked from outside and what the spans say come from real servers; the clock is
// the bubble's.
func TestSpansAndProbesTogether(t *testing.T) {
	front, conn := newSigNoz(t)
	// The hour lies ahead, since SigNoz's tables forget what is old.
	e := earth{newGround(t), front, time.Now().UTC().Truncate(time.Hour).Add(24 * time.Hour), map[string]*site{}}
	for _, region := range []string{"us", "eu", "in"} {
		e.sites[region] = newSite(t, e.ground)
	}
	all := []sample.Traffic{
		{Service: "dead", PerMinute: 60, Outages: e.silent(4.3, 11, "eu")}, // in the middle of a minute
		{Service: "away", PerMinute: 20},
		{Service: "gap", PerMinute: 20, Outages: e.silent(4, 11, "eu")},
		{Service: "nothing", PerMinute: 20, Outages: e.silent(4, 60)},
	}
	all = append(all, e.fortyTraffic()...)
	err := signoz.NewWriter(conn).Without("attributes").WriteAll(t.Context(), func(yield func(time.Time, ptrace.Traces) bool) {
		for at := e.at(-10); at.Before(e.at(26)); at = at.Add(time.Minute) {
			for _, traffic := range all {
				if !yield(at, traffic.Minute(at)) {
					return
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a region is dead", e.regionDead)
	t.Run("every region is dead", e.allDead)
	t.Run("the store of spans is dead", e.storeDead)
	t.Run("a region sends no spans", e.regionSilent)
	t.Run("nobody sends spans", e.allSilent)
	t.Run("the source lags", e.longLag)
}

// A region's spans stop, and nobody answers there: P0 for it, and for no other.
func (e earth) regionDead(t *testing.T) {
	config, spans := e.read(t, "dead", regionRules)
	eu := e.sites["eu"]
	lived(t, config, e.begin, spans, func(l *life) {
		l.until(4.3)
		eu.close()
		l.until(8.5)
		l.says("Partial outage", "Management API in Europe, since", "No answers")
		l.shows("api", "operational", e.since("major outage", 4), "operational")
		l.inTime(e.at(4))
		l.until(10.95)
		eu.open(t)
		l.until(17.5)
		l.says("All systems operational")
		l.shows("api", "operational", "operational", "operational")
		l.happened(`
			07:08 00:07 opened 0001 api since 00:04
			07:08 00:07 raised 0001 api/eu P1 by probe-fails since 00:04
			07:08 00:07:08 updated 0001 #1 said 00:07:08: investigating, P1, new, next by 01:07:08
			08:00 00:07 raised 0001 api/eu P0 by region-silent since 00:05
			08:00 00:08 updated 0001 #2 said 00:08: investigating, P0, worse, next by 00:38
			11:00 00:10 sensed evaluation/eu nothing since 00:05
			13:00 00:12 sensed evaluation/eu seen
			14:00 00:13 moved 0001 to monitoring
			14:00 00:14 updated 0001 #3 said 00:14: monitoring, P0, calm for 2m0s, next by 00:44
			16:08 00:16 recovered 0001 api/eu none by probe-fails
			17:00 00:16 recovered 0001 api/eu none by region-silent
			17:00 00:16 resolved 0001
			17:00 00:17 updated 0001 #4 said 00:17: resolved, P0, over`)
	})
}

// inTime reports a P0 that comes more than three minutes, and the lag of spans,
// after the first bad minute began.
func (l *life) inTime(bad time.Time) {
	l.Helper()
	for _, e := range l.events() {
		if e.Kind != incident.Raised || e.Severity != rules.P0 {
			continue
		}
		data, decided := e.At.Sub(bad), e.Recorded.Sub(bad).Round(time.Second)
		l.Logf("P0 in %q rests on data up to %v after the first bad minute began, and is there after %v", e.Region, data, decided)
		if data > 3*time.Minute || decided > 3*time.Minute+l.config.SigNoz.Lag {
			l.Error("which is too late")
		}
		return
	}
	l.Error("there is no P0")
}

// All regions at once: that no spans come could be the telemetry's fault, and is
// for the probes to tell.
func (e earth) allDead(t *testing.T) {
	config, spans := e.read(t, "nothing", regionRules)
	out := e.since("major outage", 4)
	lived(t, config, e.begin, spans, func(l *life) {
		l.until(3.95)
		for _, s := range e.sites {
			s.close()
		}
		l.until(6.5)
		l.says("Major outage", "Management API in all regions, since")
		l.shows("api", out, out, out)
		l.inTime(e.at(4))
		l.happened(`
			06:08 00:06 opened 0001 api since 00:04
			06:08 00:06 raised 0001 api/eu P0 by probe-fails since 00:04
			06:08 00:06 raised 0001 api/in P0 by probe-fails since 00:04
			06:08 00:06 raised 0001 api/us P0 by probe-fails since 00:04
			06:08 00:06:08 updated 0001 #1 said 00:06:08: investigating, P0, new, next by 00:36:08`)
		for _, s := range e.sites {
			s.open(t)
		}
	})
}

// The store of spans is away for long. That is nobody's outage. One that the
// probes see meanwhile is told, and is not over before the spans are known.
func (e earth) storeDead(t *testing.T) {
	t.Cleanup(func() { _ = e.front.Resume() })
	config, spans := e.read(t, "away", regionRules)
	eu := e.sites["eu"]
	blind := e.since("no data", 2)
	lived(t, config, e.begin, spans, func(l *life) {
		l.until(3.3)
		e.do(e.front.Pause)
		l.until(8.9)
		l.says("N" + blind[1:])
		l.shows("api", blind, blind, blind)
		l.shows("evaluation", blind, blind, blind)
		if probes, spans := l.desk.JudgedOf(rules.SourceProbes), l.desk.JudgedOf(rules.SourceSpans); !probes.Equal(e.at(8)) || !spans.Equal(e.at(2)) {
			l.Errorf("judged are probes up to %s and spans up to %s", probes, spans)
		}
		l.happened("05:00 00:02 blinded since 00:02")
		eu.close()
		l.until(11.9)
		l.says("The management API cannot be reached", "Management API in Europe")
		l.shows("api", blind, e.since("partial outage", 9), blind)
		eu.open(t)
		l.until(20.5)
		e.do(func() {
			if err := e.front.Resume(); err != nil {
				l.Error(err)
			}
		})
		l.until(21.5)
		l.says("All systems operational")
		l.happened(`
			05:00 00:02 blinded since 00:02
			11:08 00:11 opened 0001 api since 00:09
			11:08 00:11 raised 0001 api/eu P1 by probe-fails since 00:09
			11:08 00:11:08 updated 0001 #1 said 00:11:08: investigating, P1, new, next by 01:11:08
			14:08 00:14 moved 0001 to monitoring
			14:08 00:14:08 updated 0001 #2 said 00:14:08: monitoring, P1, calm for 2m0s, next by 01:14:08
			17:08 00:17 recovered 0001 api/eu none by probe-fails
			17:08 00:17:08 updated 0001 #3 said 00:17:08: monitoring, P1, unknown since 00:02, next by 01:17:08
			21:00 00:17 resolved 0001
			21:00 00:18 updated 0001 #4 said 00:18: resolved, P1, over, entered late
			21:00 00:20 sighted since 00:02`)
	})
}

// A region's spans stop and it answers all the same: a gap in the telemetry, and
// nobody's news.
func (e earth) regionSilent(t *testing.T) {
	config, spans := e.read(t, "gap", regionRules)
	lived(t, config, e.begin, spans, func(l *life) {
		l.until(11.5)
		if i, _ := l.desk.Board().On("api"); i.RegionSeverity("eu") != rules.P4 {
			l.Errorf("Europe is %s, want P4", i.RegionSeverity("eu"))
		}
		l.says("No known problems", "No incidents so far")
		l.shows("api", "operational", "operational", "operational")
		l.shows("evaluation", "operational", e.since("no data", 4), "operational")
		l.until(17.5)
		l.says("All systems operational", "No incidents so far")
		l.happened(`
			10:00 00:09 sensed evaluation/eu nothing since 00:04
			11:00 00:10 opened 0001 api since 00:04
			11:00 00:10 raised 0001 api/eu P4 by region-silent since 00:04
			13:00 00:12 sensed evaluation/eu seen
			14:00 00:13 moved 0001 to monitoring
			17:00 00:16 recovered 0001 api/eu none by region-silent
			17:00 00:16 resolved 0001`)
	})
}

// forty services send their spans through one collector.
const forty = 40

// fortyTraffic stops within half a minute and comes back as raggedly, since each
// process sends what it has when it has some.
func (e earth) fortyTraffic() (all []sample.Traffic) {
	for i := range forty {
		all = append(all, sample.Traffic{
			Service: fmt.Sprintf("forty-%02d", i), Regions: []string{[]string{"us", "eu"}[i%2]}, PerMinute: 10,
			Outages: e.silent(3.7+float64(i)*0.015, 13.5+float64(i)*0.01),
		})
	}
	return all
}

// fortyRules judge each of them on its own, eagerly.
func fortyRules() string {
	var components, judges strings.Builder
	for i := range forty {
		fmt.Fprintf(&components, "\n  - {id: c%02d}", i)
		fmt.Fprintf(&judges, `
  - {id: silent-%02[1]d, component: c%02[1]d, signal: silence, of: service, where: {services: [forty-%02[1]d]}, window: 2m, levels: {P1: {for: 1m}}}
  - {id: slack-%02[1]d, component: c%02[1]d, signal: request_rate, where: {services: [forty-%02[1]d]}, window: 10m, levels: {P2: {below: 4/min, for: 2m}}}`, i)
	}
	return strings.Replace(regionRules, "components:", "components:"+components.String(), 1) + judges.String()
}

// Everybody falls silent, and nobody can be reached any less: that is one
// collector, and not forty outages.
func (e earth) allSilent(t *testing.T) {
	config, spans := e.read(t, "forty-*", fortyRules())
	lived(t, config, e.begin, spans, func(l *life) {
		l.until(12.5)
		l.shows("api", "operational", "operational", "operational") // say the probes
		l.shows("evaluation", "no data since", "no data since", "not watched")
		l.until(25.5)
		var sensed, raised []incident.Event
		for _, ev := range l.events() {
			switch ev.Kind {
			case incident.Sensed:
				sensed = append(sensed, ev)
			case incident.Raised:
				raised = append(raised, ev)
			}
		}
		if len(raised) > 0 {
			first, last := raised[0], raised[len(raised)-1]
			l.Errorf("raised %d times, from\n%s: %s\nto\n%s: %s", len(raised), first.Line(l.begin), first.Why, last.Line(l.begin), last.Why)
		}
		if len(sensed) == 0 {
			l.Error("not even what is seen was noted")
		}
	})
}

// Spans that are judged minutes after what probes found are not missing.
func (e earth) longLag(t *testing.T) {
	config, spans := e.read(t, "away", strings.Replace(regionRules, "signoz: {", "signoz: {lag: 4m, ", 1))
	lived(t, config, e.begin, spans, func(l *life) {
		l.until(9.5)
		l.happened("")
	})
}

// authority signs the certificates of servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  time.Time
}

func newAuthority(t *testing.T, now time.Time) authority {
	a := authority{now: now}
	draft := &x509.Certificate{
		Subject: pkix.Name{CommonName: "An authority of this test"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(9, 0, 0),
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signed := a.sign(t, draft)
	a.cert, a.key = signed.Leaf, signed.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a authority) sign(t *testing.T, draft *x509.Certificate) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	by, signer := a.cert, a.key
	if by == nil {
		by, signer = draft, key
	}
	der, err := x509.CreateCertificate(rand.Reader, draft, by, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// lasts makes a certificate for a host that ends so many days from now.
func (a authority) lasts(t *testing.T, host string, days float64) *tls.Certificate {
	draft := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: a.now.AddDate(0, -2, 0), NotAfter: a.now.Add(time.Duration(days * 24 * float64(time.Hour))),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		draft.IPAddresses = []net.IP{ip}
	} else {
		draft.DNSNames = []string{host}
	}
	c := a.sign(t, draft)
	return &c
}

// door is a TLS server whose certificate can be changed.
type door struct {
	addr string
	cert atomic.Pointer[tls.Certificate]
}

func newDoor(t *testing.T, cert *tls.Certificate) *door {
	d := &door{}
	d.cert.Store(cert)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that break are what is tested
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*d.cert.Load()}}, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	d.addr = s.Listener.Addr().String()
	return d
}

// certificate is what one server shows, and what is to come of it.
type certificate struct {
	name string
	host string // that it is for
	days float64
	want []string // raised, and by which rule
}

var certificates = []certificate{
	{"fresh", "127.0.0.1", 90, nil},
	{"in-two-weeks", "127.0.0.1", 13.9, []string{"00:02 P4 by ends"}},
	{"in-a-week", "127.0.0.1", 6.9, []string{"00:02 P3 by ends"}},
	{"in-two-days", "127.0.0.1", 1.9, []string{"00:02 P1 by ends"}},
	{"ages", "127.0.0.1", 2 + 5.5/24/60, []string{"00:02 P3 by ends", "00:07 P1 by ends"}},
	{"about-to-end", "127.0.0.1", 5.5 / 24 / 60, []string{"00:02 P1 by ends", "00:08 P1 by fails"}},
	{"expired", "127.0.0.1", -0.1, []string{"00:02 P1 by ends", "00:02 P1 by fails"}},
	{"of-another", "other.example.com", 90, []string{"00:02 P1 by fails"}},
}

// certificateRules are the same for each: A50 of the runbook.
func certificateRules(doors map[string]*door, ca string) string {
	var components, probes, judges strings.Builder
	for _, c := range certificates {
		fmt.Fprintf(&components, "\n  - {id: %[1]s}", c.name)
		fmt.Fprintf(&probes, "\n  - {id: %[1]s, type: tls, targets: {eu: %[2]q}, ca_file: %[3]q}", c.name, doors[c.name].addr, ca)
		fmt.Fprintf(&judges, `
  - id: %[1]s-ends
    component: %[1]s
    signal: gauge
    gauge: certificate_days
    where: {probes: [%[1]s]}
    window: 1m
    levels: {P1: {below: 2, for: 2m}, P3: {below: 7, for: 2m}, P4: {below: 14, for: 2m}}
    recover: {above: 20, for: 2m}
  - id: %[1]s-fails
    component: %[1]s
    signal: error_rate
    where: {probes: [%[1]s]}
    window: 1m
    levels: {P1: {above: 50%%, for: 2m}}
    recover: {below: 10%%, for: 3m}`, c.name)
	}
	return "organisation: FeatureSignals\nseverities: {P1: {hold: 0s}}\nchannels: {status: {type: page, folder: page}}\nregions: [{code: eu, name: Europe}]" +
		"\ncomponents:" + components.String() + "\nprobes:" + probes.String() + "\nrules:" + judges.String()
}

// TestCertificatesThatEnd is A50 of the runbook, each check a TLS handshake with
// a server that has such a certificate: fewer than 14 days left is P4, 7 P3, 2
// or a handshake that fails P1.
func TestCertificatesThatEnd(t *testing.T) {
	begin := time.Now().UTC().Truncate(time.Hour).Add(24 * time.Hour)
	ca := newAuthority(t, begin)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	doors := map[string]*door{}
	for _, c := range certificates {
		doors[c.name] = newDoor(t, ca.lasts(t, c.host, c.days))
	}
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(certificateRules(doors, file))}})
	if err != nil {
		t.Fatal(err)
	}
	lived(t, config, begin, nil, func(l *life) {
		l.until(10.5)
		raised := map[string][]string{}
		for _, e := range l.events() {
			if e.Kind != incident.Raised {
				continue
			}
			line := e.Line(begin)
			what := strings.TrimPrefix(e.Rule, e.Component+"-")
			raised[e.Component] = append(raised[e.Component], line[:6]+e.Severity.String()+" by "+what)
			if i := slices.IndexFunc(certificates, func(c certificate) bool { return c.name == e.Component }); what == "ends" {
				left := certificates[i].days - e.At.Sub(begin).Hours()/24
				if e.Value < left-0.001 || e.Value > left+0.001 {
					l.Errorf("%s: rests on %g days, want about %g", line, e.Value, left)
				}
			}
		}
		told := map[string]bool{}
		for _, i := range l.public().Incidents {
			told[i.Component.ID] = true
		}
		for _, c := range certificates {
			if diff := cmp.Diff(c.want, raised[c.name]); diff != "" {
				l.Errorf("%s: raised (-want +got)\n%s", c.name, diff)
			}
			if public := len(c.want) > 0 && strings.Contains(c.want[len(c.want)-1], "P1"); told[c.name] != public {
				l.Errorf("%s: customers read of it: %v, want %v", c.name, told[c.name], public)
			}
			doors[c.name].cert.Store(ca.lasts(t, "127.0.0.1", 90)) // everybody renews
		}
		l.until(16.5)
		for _, i := range l.desk.Board().Open {
			l.Errorf("%s is %s still, with a new certificate", i.Component, i.Severity())
		}
	})
}
