package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
	"github.com/featuresignals/tocsin/templates"
)

const awayRules = `
organisation: FeatureSignals
sources: {signoz: {dsn: "http://unused:8123", region: [deployment.environment]}}
channels: {status: {type: page, folder: page}}
regions: [{code: us, name: United States}, {code: eu, name: Europe}]
components: [{id: api, name: Management API}]
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {routes: ["/v1/projects/*"]}
    window: 2m
    levels:
      P1: {above: 50%, for: 3m}
      P2: {above: 5%, for: 3m}
    recover: {below: 2%, for: 5m}
    public: {symptom: elevated errors on the management API}
`

// away runs an hour of ticks over the engine; from minute 12 to 22 the store's
// port is closed, if closed says so. It gives the events, and the first page as
// it was published while the store was away.
func away(t *testing.T, front *embedded.Server, config *rules.Config, begin time.Time, closed bool) (events []incident.Event, during string) {
	reader, err := signoz.New(signoz.Options{SigNoz: config.SigNoz, Regions: config.Regions, Rules: config.Rules, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.SetWatermark(t.Context(), rules.SourceSpans, begin); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	desk, err := incident.NewDesk(t.Context(), incident.Options{Config: config, Log: db, Logger: logger, Judged: map[string]time.Time{rules.SourceSpans: begin}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = desk.Run(ctx) })
	defer running.Wait()
	defer cancel()
	loop := &evaluator.Loop{
		Name: rules.SourceSpans, Source: reader, Rings: evaluator.New(config), Sink: desk.Judge, Log: logger,
		Lag: config.SigNoz.Lag, Settle: config.SigNoz.Settle, CatchUp: config.CatchUp,
	}
	loop.Resume(begin)
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for minute := 1; minute <= 60; minute++ {
		if closed && minute == 12 {
			front.Pause()
		}
		if closed && minute == 22 {
			if err := front.Resume(); err != nil {
				t.Fatal(err)
			}
		}
		if err := loop.Tick(ctx, begin.Add(time.Duration(minute)*time.Minute).Add(config.SigNoz.Lag)); err != nil {
			failed++
		}
		if minute == 20 {
			files, err := page.New("status", t.TempDir(), set).Render(publisher.Project(config, desk.Board(), desk.Judged(), begin))
			if err != nil {
				t.Fatal(err)
			}
			during = string(files["index.html"])
		}
	}
	if want := map[bool]int{true: 10}[closed]; failed != want {
		t.Errorf("%d ticks failed, want %d", failed, want)
	}
	for e, err := range db.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events, during
}

// Show 4, on the engine with its HTTP front closed for ten minutes in the
// middle of an outage that worsens and heals meanwhile.
//
// The ticks run through an hour that lies ahead, so that no promise of it is
// due by the wall clock.
func TestTheStoreIsAway(t *testing.T) {
	front, conn := newSigNoz(t)
	begin := time.Now().UTC().Truncate(time.Hour).Add(24 * time.Hour)
	api := []string{"/v1/projects/*"}
	traffic := sample.Traffic{Seed: 5, PerMinute: 80, Regions: []string{"us", "eu"}, Outages: []sample.Outage{
		{Kind: sample.HTTP500, Regions: []string{"eu"}, Routes: api, Share: 0.3, From: begin.Add(3 * time.Minute), To: begin.Add(14 * time.Minute)},
		{Kind: sample.HTTP500, Regions: []string{"eu"}, Routes: api, Share: 0.9, From: begin.Add(14 * time.Minute), To: begin.Add(19 * time.Minute)},
	}}
	err := signoz.NewWriter(conn).Without("attributes").WriteAll(t.Context(), func(yield func(time.Time, ptrace.Traces) bool) {
		for at := begin.Add(-20 * time.Minute); at.Before(begin.Add(time.Hour)); at = at.Add(time.Minute) {
			if !yield(at, traffic.Minute(at)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(awayRules)}})
	if err != nil {
		t.Fatal(err)
	}
	config.SigNoz.DSN = front.URL()

	calm, _ := away(t, front, config, begin, false)
	got, during := away(t, front, config, begin, true)

	gone, back := begin.Add(11*time.Minute), begin.Add(22*time.Minute)
	var blinded, sighted bool
	for _, e := range got {
		switch e.Kind {
		case incident.Blinded:
			blinded = e.Began.Equal(gone)
		case incident.Sighted:
			sighted = e.At.Equal(back)
		case incident.Updated:
			live := !e.Update.Late
			if said := e.Update.Said; live && said.After(gone.Add(config.SigNoz.Lag)) && said.Before(back.Add(config.SigNoz.Lag)) {
				t.Errorf("something was said while the store was away: %+v", *e.Update)
			}
		}
	}
	if !blinded || !sighted {
		t.Errorf("blinded since %s: %v, sighted at %s: %v", gone, blinded, back, sighted)
	}
	if want := "No data since " + gone.Format("15:04 UTC"); !strings.Contains(plainText(during), want) {
		t.Errorf("while the store is away the page does not say %q:\n%s", want, plainText(during))
	}
	if diff := cmp.Diff(facts(calm), facts(got)); diff != "" {
		t.Errorf("what happened differs from a run whose store was there (-there +away)\n%s", diff)
	}
	if n := len(facts(got)); n < 6 {
		t.Errorf("the story is too short: %v", facts(got))
	}
}

// facts is what happened, at the times of its data, without what was said.
func facts(events []incident.Event) []string {
	var out []string
	for _, e := range events {
		switch e.Kind {
		case incident.Opened, incident.Raised, incident.Eased, incident.Recovered, incident.Moved, incident.Resolved:
			out = append(out, strings.Join([]string{e.At.Format("15:04"), string(e.Kind), e.Region, e.Severity.String(), string(e.State)}, " "))
		}
	}
	return out
}

// plainText takes the tags out of a page.
func plainText(html string) string {
	var b strings.Builder
	in := false
	for _, r := range html {
		switch {
		case r == '<':
			in = true
		case r == '>':
			in = false
		case !in:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
