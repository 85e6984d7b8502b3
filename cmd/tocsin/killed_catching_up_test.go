package main

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
	"github.com/featuresignals/tocsin/templates"
)

var kills = flag.Int("kills", 10, "how often the program is killed while it catches up; `make simulate` kills it fifty times")

const catchUpRules = `
organisation: FeatureSignals
sources:
  signoz: {dsn: "%s", region: [deployment.environment], lag: 60s, settle: 3m}
store: {path: "%s"}
channels:
  status: {type: page, folder: "%s"}
listen: {public: "%s", private: "%s"}
regions:
  - {code: us, name: United States}
  - {code: eu, name: Europe}
  - {code: in, name: India}
components:
  - {id: api, name: Management API}
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {routes: ["/v1/projects/*"]}
    window: 5m
    levels:
      P1: {above: 20%%, for: 3m}
      P2: {above: 3%%, for: 5m}
    recover: {below: 2%%, for: 5m}
    public: {symptom: elevated errors on the management API}
  - id: api-latency
    component: api
    signal: p99
    where: {routes: ["/v1/projects/*"]}
    window: 5m
    levels:
      P2: {above: 1s, for: 5m}
    recover: {below: 500ms, for: 5m}
    public: {symptom: slow responses from the management API}
`

// lifetime is one store, and the configuration that serves from it.
type lifetime struct {
	dir    string
	config string
}

func newLifetime(t *testing.T, dsn string, watermark time.Time) lifetime {
	t.Helper()
	l := lifetime{dir: t.TempDir()}
	l.config = filepath.Join(l.dir, "tocsin.yaml")
	body := fmt.Sprintf(catchUpRules, dsn, l.db(), filepath.Join(l.dir, "page"), freePort(t), freePort(t))
	if err := os.WriteFile(l.config, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), l.db())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.SetWatermark(t.Context(), rules.SourceSpans, watermark), db.Close()); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l lifetime) db() string { return filepath.Join(l.dir, "tocsin.db") }

func freePort(t *testing.T) string {
	t.Helper()
	s, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Addr().String()
}

// life starts the program on l. kill is a point for killEnv, or "".
func (l lifetime) life(t *testing.T, kill string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := program(t, "serve", "--config", l.config)
	cmd.Env = append(cmd.Env, killEnv+"="+kill)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &log
}

// judgedUpTo waits until the journal has reached a minute.
func (l lifetime) judgedUpTo(t *testing.T, minute time.Time, log *bytes.Buffer) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		j := journal(t, l.db())
		if len(j) > 0 && !j[len(j)-1].Before(minute) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the journal has %d minutes and has not reached %s; the program says\n%s", len(j), minute, log)
		}
	}
}

// delivered waits until nothing waits in the outbox: what was decided last is
// published a moment later, and a stop in between leaves it to the next start.
func (l lifetime) delivered(t *testing.T, log *bytes.Buffer) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+l.db()+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		waiting := 0
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM outbox WHERE state = 'waiting'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries wait in the outbox; the program says\n%s", waiting, log)
		}
	}
}

// answers waits until the program answers on its private listener.
func (l lifetime) answers(t *testing.T) {
	t.Helper()
	config, err := rules.Load(l.config)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + config.Listen.Private + "/healthz")
		if err == nil {
			resp.Body.Close()
			return
		}
	}
	t.Fatal("the program does not answer on its private listener")
}

// events reads what was written about minutes up to the last one of the story.
func (l lifetime) events(t *testing.T, last time.Time) []incident.Event {
	t.Helper()
	db, err := store.Open(t.Context(), l.db())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out []incident.Event
	for e, err := range db.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.At.After(last) {
			continue // what the wall clock added, in a run that took longer
		}
		e.Recorded, e.Seq = time.Time{}, 0
		out = append(out, e)
	}
	return out
}

// Show 3: the program, started six hours back over an outage, killed fifty
// times at random moments and at named points, ends with each minute judged
// once and in order, and with the events and the page of an undisturbed run.
func TestKilledWhileCatchingUp(t *testing.T) {
	front, conn := newSigNoz(t)
	last := time.Now().UTC().Truncate(time.Minute).Add(-time.Minute) // closed when the first life begins
	begin := last.Add(-6*time.Hour + 5*time.Minute)                  // so that catch_up still reaches it when the last one does
	traffic := sample.Traffic{Seed: 7, PerMinute: 30}
	for at := 10 * time.Minute; at < 5*time.Hour; at += 25 * time.Minute {
		o := sample.Outage{
			Kind: sample.HTTP500, Regions: []string{"eu"}, Routes: []string{"/v1/projects/*"}, Share: 0.5,
			From: begin.Add(at), To: begin.Add(at + 9*time.Minute),
		}
		switch len(traffic.Outages) % 3 {
		case 1:
			o.Kind, o.Regions, o.Latency, o.Share = sample.Slow, []string{"us"}, 3*time.Second, 0
			o.To = o.From.Add(15 * time.Minute)
		case 2:
			o = sample.Outage{Kind: sample.DatabaseDown, From: o.From, To: o.To}
		}
		traffic.Outages = append(traffic.Outages, o)
	}
	writer := signoz.NewWriter(conn).Without("attributes")
	err := writer.WriteAll(t.Context(), func(yield func(time.Time, ptrace.Traces) bool) {
		for at := begin.Add(-time.Hour); at.Before(last); at = at.Add(time.Minute) {
			if !yield(at, traffic.Minute(at)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}

	calm := newLifetime(t, front.URL(), begin)
	cmd, log := calm.life(t, "")
	calm.judgedUpTo(t, last, log)
	calm.delivered(t, log)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a graceful stop ends with %v\n%s", err, log)
	}
	want := calm.events(t, last)
	if len(want) < 20 {
		t.Fatalf("the story is too short: %d events", len(want))
	}

	// Most lives are short, so that all of fifty end within the catch-up.
	r := rand.New(rand.NewPCG(3, 3))
	ends := []string{
		"before append", "after append", "any moment", "after send", "before append",
		"any moment", "after append", "before send", "any moment", "after receipt",
	}
	killed := newLifetime(t, front.URL(), begin)
	count := map[string]int{}
	for n := range *kills {
		name := ends[n%len(ends)]
		kill := name + ":1"
		switch {
		case name == "any moment":
			kill = fmt.Sprintf("%s:%d:%s", name, 1+r.IntN(3), time.Duration(r.IntN(8_000))*time.Microsecond)
		case strings.HasSuffix(name, "append"):
			kill = fmt.Sprintf("%s:%d", name, 1+r.IntN(3))
		case name != "after receipt": // the page is rendered once at the start, without a row
			kill = fmt.Sprintf("%s:%d", name, 1+r.IntN(2))
		}
		cmd, log := killed.life(t, kill)
		stop := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		if !stop.Stop() {
			t.Fatalf("the program did not come to %q\n%s", kill, log)
		}
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the program ended by itself\n%s", log)
		}
		count[name]++
	}
	judgedWhenKilled := len(journal(t, killed.db()))
	cmd, log = killed.life(t, "")
	killed.judgedUpTo(t, last, log)
	killed.answers(t)
	killed.delivered(t, log)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a graceful stop ends with %v\n%s", err, log)
	}

	t.Logf("%d events; killed %v; %d of %d minutes were judged in lives that were killed", len(want), count, judgedWhenKilled, int(last.Sub(begin)/time.Minute))
	if total := int(last.Sub(begin) / time.Minute); judgedWhenKilled >= total {
		t.Errorf("all %d minutes were judged before the last life was killed: the later kills prove nothing", total)
	}
	minutes := journal(t, killed.db())
	contiguous(t, minutes)
	if !minutes[0].Equal(begin.Add(time.Minute)) {
		t.Errorf("the first judged minute is %s, want the one after %s", minutes[0], begin)
	}
	got := killed.events(t, last)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the events differ (-undisturbed +killed)\n%s", diff)
	}
	if diff := cmp.Diff(rendered(t, calm, want, last), rendered(t, killed, got, last)); diff != "" {
		t.Errorf("the page differs (-undisturbed +killed)\n%s", diff)
	}
	if diff := cmp.Diff(incidentPages(t, calm), incidentPages(t, killed)); diff != "" {
		t.Errorf("the published incident pages differ (-undisturbed +killed)\n%s", diff)
	}
}

// rendered is the page that events make, as of the last minute of the story:
// the pages that the two runs published were rendered at different times.
func rendered(t *testing.T, l lifetime, events []incident.Event, last time.Time) map[string]string {
	t.Helper()
	config, err := rules.Load(l.config)
	if err != nil {
		t.Fatal(err)
	}
	var b incident.Board
	for _, e := range events {
		b = b.With(e)
	}
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenToRead(t.Context(), l.db())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	history, err := db.History(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	public := publisher.Known{Config: config, Board: b, History: history, Judged: last}.Project(last)
	files, err := page.New("status", l.dir, set).Render(public)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range public.Components { // whatever the page makes of them
		if len(c.Record.Days) == 0 {
			t.Errorf("%s has no record", c.ID)
		}
		for _, cell := range c.Cells {
			out["record of "+c.ID+"/"+cell.Region.Code] = fmt.Sprint(cell.Record)
		}
	}
	for name, body := range files {
		out[name] = string(body)
	}
	return out
}

// incidentPages reads the incidents' pages as they were published.
func incidentPages(t *testing.T, l lifetime) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "page", "current", "incidents", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no incident pages: %v", err)
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(b)
	}
	return out
}
