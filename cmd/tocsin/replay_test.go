package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	replayed "github.com/featuresignals/tocsin/cmd/tocsin/report"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

const replayRules = `
organisation: FeatureSignals
sources:
  signoz: {dsn: "{dsn}", region: [deployment.environment]}
store: {path: "{dir}/tocsin.db"}
channels: {status: {type: page, folder: "{dir}/page"}}
zone: Europe/Berlin
regions: [{code: us, name: United States}, {code: eu, name: Europe}, {code: in, name: India}]
components: [{id: api, name: Management API}]
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {services: [replayed-api], routes: ["/v1/projects/*"]}
    window: 5m
    levels:
      P1: {above: 20%, for: 3m}
      P2: {above: 3%, for: 5m}
    recover: {below: 2%, for: 5m}
    public: {symptom: elevated errors on the management API}
  - id: api-latency
    component: api
    signal: p99
    where: {services: [replayed-api], routes: ["/v1/projects/*"]}
    window: 5m
    levels:
      P2: {above: 1s, for: 5m}
    recover: {below: 500ms, for: 5m}
    public: {symptom: slow responses from the management API}
`

// The whole of it on the real engine: three hours of spans with two outages are
// judged live by the loop and the desk, into a real state file; replay finds the
// same incidents and no verdict that differs, and says what other rules would
// have made of them.
func TestReplayOnTheEngine(t *testing.T) {
	t.Parallel()
	front, conn := newSigNoz(t)
	const length = 3 * time.Hour
	from := time.Now().UTC().Truncate(24 * time.Hour).Add(-10 * time.Hour) // an hour of the day at which every region is busy
	at := func(minute int) time.Time { return from.Add(time.Duration(minute) * time.Minute) }
	traffic := sample.Traffic{Seed: 11, Service: "replayed-api", PerMinute: 40, Outages: []sample.Outage{
		{Kind: sample.HTTP500, Regions: []string{"eu"}, Routes: []string{"/v1/projects/*"}, Share: 0.6, From: at(40), To: at(60)},
		{Kind: sample.Slow, Regions: []string{"us"}, Latency: 2 * time.Second, From: at(110), To: at(135)},
	}}
	err := signoz.NewWriter(conn).Without("attributes").WriteAll(t.Context(), func(yield func(time.Time, ptrace.Traces) bool) {
		for now := from.Add(-15 * time.Minute); now.Before(from.Add(length)); now = now.Add(time.Minute) {
			if !yield(now, traffic.Minute(now)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	file := func(name, body string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.NewReplacer("{dsn}", front.URL(), "{dir}", dir).Replace(body)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := file("tocsin.yaml", replayRules)
	judgeLive(t, config, from, from.Add(length))

	replay := func(args ...string) (out, errs string, code int) {
		var o, e bytes.Buffer
		args = append([]string{"replay", "--config", config, "--from", from.Format(time.RFC3339), "--to", from.Add(length).Format(time.RFC3339)}, args...)
		code = run(t.Context(), args, &o, &e, nil)
		return o.String(), e.String(), code
	}
	body, errs, code := replay("--format", "json")
	var r replayed.Report
	if err := json.Unmarshal([]byte(body), &r); err != nil || code != exitGood {
		t.Fatalf("code %d, %v\n%s", code, err, errs)
	}
	if !strings.Contains(errs, "replayed in ") {
		t.Errorf("it says %q", errs)
	}
	if r.Record == nil || r.Record.Compared < 6*150 || r.Record.Differ != 0 {
		t.Errorf("the record: %+v", r.Record)
	}
	if len(r.Incidents) != 2 || r.Incidents[0].Peak != rules.P1 || r.Incidents[1].Peak != rules.P2 {
		t.Fatalf("the incidents: %+v", r.Incidents)
	}
	for n, began := range []time.Time{at(40), at(110)} {
		if i := r.Incidents[n]; i.Began.Sub(began).Abs() > 6*time.Minute || i.Ended.IsZero() || len(i.Posts) < 3 || len(i.Signals) == 0 {
			t.Errorf("incident %d is not that of %s: %+v", n, began, i)
		}
	}
	if diff := liveIncidents(t, filepath.Join(dir, "tocsin.db")); diff != replayedIncidents(r) {
		t.Errorf("live there were\n%s\nand in the replay\n%s", diff, replayedIncidents(r))
	}

	// Rules under review: the latency rule goes, the errors are seen later.
	proposed := file("old.yaml", strings.NewReplacer("{above: 20%, for: 3m}", "{above: 20%, for: 8m}", "      P2: {above: 3%, for: 5m}\n", "",
		"signal: p99", "signal: p50").Replace(replayRules))
	text, _, code := replay("--against", proposed, "--fail-on-diff")
	if code != exitFound || !strings.Contains(text, "1 incident appears, 0 incidents vanish, 1 incident changes") {
		t.Errorf("code %d\n%s", code, text)
	}
	if _, errs, code := replay("--against", config, "--fail-on-diff", "--out", filepath.Join(dir, "report.html")); code != exitGood {
		t.Errorf("a configuration against itself: code %d\n%s", code, errs)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !bytes.HasPrefix(page, []byte("<!DOCTYPE html>")) || !bytes.Contains(page, []byte("2 incidents are the same")) {
		t.Errorf("the page: %v\n%.2000s", err, page)
	}
	rest, err := filepath.Glob(filepath.Join(dir, ".report*"))
	if err != nil || len(rest) > 0 {
		t.Errorf("left behind: %v %v", rest, err)
	}

	stopped, stop := context.WithCancel(t.Context())
	stop()
	var o, e bytes.Buffer
	code = run(stopped, []string{"replay", "-c", config, "--from", "2d"}, &o, &e, nil)
	if code != exitFound || !strings.Contains(e.String(), "tocsin: stopped at ") || !strings.Contains(e.String(), "after 0 % of the way: nothing was written") || o.Len() > 0 {
		t.Errorf("stopped: code %d, %q, %q", code, o.String(), e.String())
	}
	e.Reset()

	nothing := file("nothing.yaml", strings.ReplaceAll(replayRules, "[replayed-api]", "[nobody]"))
	code = run(t.Context(), []string{"replay", "-c", nothing, "--from", from.Format(time.RFC3339), "--to", at(10).Format(time.RFC3339)}, &o, &e, nil)
	if code != exitFound || !strings.Contains(e.String(), "no rule saw a single request between ") || o.Len() > 0 {
		t.Errorf("without a request: code %d, %q, %q", code, o.String(), e.String())
	}
}

// judgeLive judges a time as serve does, into the state file.
func judgeLive(t *testing.T, file string, from, to time.Time) {
	t.Helper()
	config, err := rules.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	reader, err := newSource(config, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	db, err := store.Open(t.Context(), config.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.SetWatermark(t.Context(), rules.SourceSpans, from); err != nil {
		t.Fatal(err)
	}
	desk, err := incident.NewDesk(t.Context(), incident.Options{Config: config, Log: db, Logger: logger, Judged: map[string]time.Time{rules.SourceSpans: from}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- desk.Run(ctx) }()
	defer func() { <-ended }()
	defer cancel()
	loop := &evaluator.Loop{
		Name: rules.SourceSpans, Source: reader, Rings: evaluator.New(config), Log: logger,
		Sink: func(ctx context.Context, r evaluator.Round) error {
			if r.Again {
				return nil // nobody has judged before
			}
			return desk.Judge(ctx, r)
		},
		Lag: config.SigNoz.Lag, Settle: config.SigNoz.Settle, CatchUp: config.CatchUp,
	}
	loop.Resume(from)
	if err := loop.Tick(ctx, to.Add(config.SigNoz.Lag)); err != nil {
		t.Fatal(err)
	}
}

func liveIncidents(t *testing.T, path string) string {
	t.Helper()
	db, err := store.OpenToRead(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	board, err := incident.Fold(db.All(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range slices.Concat(board.Past, board.Open) {
		out = append(out, strings.Join([]string{
			string(i.ID), i.Component, i.Peak.String(), i.Began.Format(time.RFC3339), i.Detected.Format(time.RFC3339), i.Resolved.Format(time.RFC3339),
		}, " "))
	}
	return strings.Join(out, "\n")
}

func replayedIncidents(r replayed.Report) string {
	var out []string
	for _, i := range r.Incidents {
		out = append(out, strings.Join([]string{
			string(i.ID), i.Component, i.Peak.String(), i.Began.Format(time.RFC3339), i.Detected.Format(time.RFC3339), i.Ended.Format(time.RFC3339),
		}, " "))
	}
	return strings.Join(out, "\n")
}

const probeRules = `
store: {path: "{dir}/tocsin.db"}
channels: {status: {type: page, folder: "{dir}/page"}}
regions: [{code: eu, name: Europe}]
components: [{id: api, name: Management API}]
probes:
  - {id: health, type: http, targets: {eu: "https://api.eu.example.com/health"}}
rules:
  - {id: unwell, component: api, signal: error_rate, where: {probes: [health]}, window: 1m, levels: {P1: {above: 50%, for: 2m}}, recover: {below: 10%, for: 3m}}
`

// What probes saw is in the state file and nowhere else; a service that watches
// by probes alone has no ClickHouse to read.
func TestReplayOfProbes(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "tocsin.yaml")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(probeRules, "{dir}", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	from := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
	args := []string{"replay", "-c", config, "--from", from.Format(time.RFC3339), "--to", from.Add(2 * time.Hour).Format(time.RFC3339)}
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, &out, &errs, nil); code != exitFound || !strings.Contains(errs.String(), "There is no state file at "+dir) {
		t.Errorf("without a state file: code %d, %s", code, errs.String())
	}

	db, err := store.Open(t.Context(), filepath.Join(dir, "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	var all []telemetry.Minute
	for n := range 120 {
		m := telemetry.Minute{Series: telemetry.Series{Service: "health", Region: "eu", Stream: rules.ProbeStream}, Start: from.Add(time.Duration(n) * time.Minute), Requests: 4}
		if n >= 60 && n < 75 {
			m.Errors = 4
		}
		all = append(all, m)
	}
	if err := errors.Join(db.PutMinutes(t.Context(), all), db.Close()); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if code := run(t.Context(), args, &out, &errs, nil); code != exitGood {
		t.Fatalf("code %d, %s", code, errs.String())
	}
	for _, want := range []string{"Caused by unwell (health in eu, P1).", "ended at", "has no verdict of this time", "P1 Management API in Europe"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
			t.Errorf("it does not say %q\n%s", want, out.String())
		}
	}
}

// A replay of more than there is says where its data begins.
func TestReplayOfMoreThanThereIs(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "tocsin.yaml")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(probeRules, "{dir}", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), filepath.Join(dir, "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	to := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour).Add(12 * time.Hour) // a noon
	oldest := to.Add(-36 * time.Hour)                                                        // two nights before
	var all []telemetry.Minute
	for at := oldest; at.Before(to); at = at.Add(time.Minute) {
		all = append(all, telemetry.Minute{Series: telemetry.Series{Service: "health", Region: "eu", Stream: rules.ProbeStream}, Start: at, Requests: 4})
	}
	if err := errors.Join(db.PutMinutes(t.Context(), all), db.Close()); err != nil {
		t.Fatal(err)
	}
	note := "The oldest request is of " + oldest.Format("2 Jan 15:04") + "; before it nothing was judged."
	for _, format := range []string{"text", "json", "html"} {
		var out, errs bytes.Buffer
		args := []string{"replay", "-c", config, "--from", to.AddDate(0, 0, -10).Format(time.RFC3339), "--to", to.Format(time.RFC3339), "--format", format}
		if code := run(t.Context(), args, &out, &errs, nil); code != exitGood || !strings.Contains(out.String(), note) {
			t.Errorf("%s: code %d, without %q\n%s%.3000s", format, code, note, errs.String(), out.String())
		}
		if format != "json" {
			continue
		}
		var r replayed.Report
		if err := json.Unmarshal(out.Bytes(), &r); err != nil || !r.Oldest.Equal(oldest) || r.Summary.Nights.All != 2 {
			t.Errorf("%v: the oldest is %s, of %d nights; want %s and 2", err, r.Oldest, r.Summary.Nights.All, oldest)
		}
	}
}

func TestReplayPeriod(t *testing.T) {
	settled := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"", "", "2026-11-15T09:30:00Z 2026-11-22T09:30:00Z"},
		{"30d", "", "2026-10-23T09:30:00Z 2026-11-22T09:30:00Z"},
		{"12h", "90m", "2026-11-21T21:30:00Z 2026-11-22T08:00:00Z"},
		{"2w", "1d", "2026-11-08T09:30:00Z 2026-11-21T09:30:00Z"},
		{"", "2026-11-20", "2026-11-12T23:00:00Z 2026-11-19T23:00:00Z"},
		{"2026-11-20", "2026-11-21", "2026-11-19T23:00:00Z 2026-11-20T23:00:00Z"},
		{"2026-11-20 14:00", "2026-11-20T15:00", "2026-11-20T13:00:00Z 2026-11-20T14:00:00Z"},
		{"2026-11-20T14:00:30Z", "2026-11-20T17:00:00+01:00", "2026-11-20T14:00:00Z 2026-11-20T16:00:00Z"},
		{"2026-10-25 02:30", "", "--from: 2026-10-25 02:30 comes twice in Europe/Berlin, where the clock is put back: write 2026-10-25T02:30:00+02:00 for the first time or 2026-10-25T02:30:00+01:00 for the second"},
		{"2026-10-25T02:30:00+01:00", "", "2026-10-25T01:30:00Z 2026-11-22T09:30:00Z"},
		{"", "2026-03-29T02:30", "--to: 2026-03-29 02:30 does not exist in Europe/Berlin, where the clock jumps from 02:00 to 03:00: write 2026-03-29 03:00"},
		{"1999-12-31", "", "--from: want a year from 2000 to 2199"},
		{"", "2200-01-01T12:00:00Z", "--to: want a year from 2000 to 2199"},
		{"99999w", "", "--from: 99999w ago: want a year from 2000 to 2199"},
		{"99999d", "", "--from: 99999d ago: want a year from 2000 to 2199"},
		{"yesterday", "", "--from: want a time such as"},
		{"", "2026-13-01", "--to: want a time such as"},
		{"5d", "6d", "--from: 2026-11-17T10:30:00+01:00 is not before the end, 2026-11-16T10:30:00+01:00"},
		{"2026-11-23", "", "--from: 2026-11-23T00:00:00+01:00 is not before the end"},
		{"", "2026-11-22 10:31", "--to: 2026-11-22T10:31:00+01:00 is not over, or so new that late spans may change it: want 2026-11-22T10:30:00+01:00 or earlier"},
	} {
		given := func(s string) *string {
			if s == "" {
				return nil
			}
			return &s
		}
		from, to, err := period(given(c.from), given(c.to), settled, berlin)
		got := from.Format(time.RFC3339) + " " + to.Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("from %q to %q: %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func TestWithout(t *testing.T) {
	at := func(m int) time.Time { return time.Unix(int64(m)*60, 0) }
	span := func(a, b int) telemetry.Range { return telemetry.Range{From: at(a), To: at(b)} }
	got := without(span(10, 100), []telemetry.Range{span(0, 5), span(5, 12), span(20, 30), span(25, 40), span(90, 120), span(130, 140)})
	if want := []telemetry.Range{span(12, 20), span(40, 90)}; !slices.Equal(got, want) {
		t.Errorf("%v is left, want %v", got, want)
	}
}

// A walk says how far it has come: a line every ten seconds where nobody looks
// at a terminal.
func TestProgressInLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		p := newProgress(&out, begin, begin.Add(100*time.Hour))
		for n := range 100 {
			time.Sleep(300 * time.Millisecond)
			p.reached(begin.Add(time.Duration(n+1) * time.Hour))
		}
		p.end(true)
		want := "replayed up to 2026-11-21 10:00 UTC, 34 %, 20s left\nreplayed up to 2026-11-22 20:00 UTC, 68 %, 10s left\nreplayed in 30s\n"
		if got := out.String(); got != want {
			t.Errorf("it says\n%swant\n%s", got, want)
		}
	})
}

// Where somebody does, a bar.
func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		p := &progress{out: &out, terminal: true, from: begin, to: begin.Add(4 * time.Hour), at: begin, began: time.Now(), drawn: time.Now()}
		for range 2 {
			time.Sleep(time.Second)
			p.reached(p.at.Add(time.Hour))
		}
		p.end(false)
		want := "\r2026-11-20 01:00 UTC [#######.......................]  25 %, 3s left\x1b[K" +
			"\r2026-11-20 02:00 UTC [###############...............]  50 %, 2s left\x1b[K\r\x1b[K"
		if got := out.String(); got != want {
			t.Errorf("it draws\n%q want\n%q", got, want)
		}
	})
}
