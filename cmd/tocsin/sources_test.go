package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

const sourcesRules = `
probes:
  - {id: api-health, type: http, every: 5s, timeout: 2s, targets: {eu: "{health}", us: "{health}"}}
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {services: [sources-api], routes: ["/v1/projects/*"]}
    window: 2m
    levels:
      P0: {above: 20%, for: 2m, confirm_with: [unreachable]}
      P2: {above: 10%, for: 2m}
    public: {symptom: elevated errors on the management API}
  - id: unreachable
    component: evaluation
    signal: error_rate
    where: {probes: [api-health]}
    window: 1m
    levels: {P1: {above: 50%, for: 2m}}
    public: {symptom: the API cannot be reached}
`

// Two regions fail in the same way, and only one of them cannot be reached from
// outside: there it is worse. Each source is judged by itself, and minute by
// minute.
func TestProbesAreASourceAndAWitness(t *testing.T) {
	t.Parallel()
	front, conn := newSigNoz(t)
	now := time.Now().UTC().Truncate(time.Minute)
	traffic := sample.Traffic{Seed: 12, Service: "sources-api", PerMinute: 200, Outages: []sample.Outage{{
		Kind: sample.HTTP500, Regions: []string{"eu", "us"}, Routes: []string{"/v1/projects/*"}, Share: 0.6, From: now.Add(-20 * time.Minute),
	}}}
	err := signoz.NewWriter(conn).Without("attributes").WriteAll(t.Context(), func(yield func(time.Time, ptrace.Traces) bool) {
		for at := now.Add(-15 * time.Minute); at.Before(now.Add(3 * time.Minute)); at = at.Add(time.Minute) {
			if !yield(at, traffic.Minute(at)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer outside.Close()

	r := reloading{T: t, dir: t.TempDir(), public: freePort(t), private: freePort(t), log: &journalOfLines{}}
	fill := strings.NewReplacer("{dsn}", front.URL(), "{dir}", r.dir, "{public}", r.public, "{private}", r.private, "{health}", outside.URL)
	write(t, r.dir+"/tocsin.yaml", fill.Replace(reloadMain))
	write(t, r.dir+"/rules/api.yaml", fill.Replace(sourcesRules))
	db, err := store.Open(t.Context(), r.dir+"/tocsin.db")
	if err != nil {
		t.Fatal(err)
	}
	var seen []telemetry.Minute // by the probes of an earlier life
	for at := now.Add(-15 * time.Minute); at.Before(now); at = at.Add(time.Minute) {
		for region, failed := range map[string]uint64{"eu": 12, "us": 0} {
			seen = append(seen, telemetry.Minute{
				Series: telemetry.Series{Service: "api-health", Region: region, Stream: rules.ProbeStream},
				Start:  at, Requests: 12, Errors: failed,
			})
		}
	}
	err = errors.Join(db.PutMinutes(t.Context(), seen), db.SetWatermark(t.Context(), rules.SourceSpans, now.Add(-5*time.Minute)),
		db.SetWatermark(t.Context(), rules.SourceProbes, now.Add(-5*time.Minute)), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = program(t, "serve", "--config", r.dir+"/tocsin.yaml")
	r.cmd.Stderr = r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); len(r.log.said(0, "serving")) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("it does not serve; the program says\n%s", r.log)
		}
	}
	r.eventually("both incidents", func() bool {
		return r.severity("api") == rules.P0 && r.severity("evaluation") == rules.P1
	})
	for component, want := range map[string]map[string]rules.Severity{
		"api":        {"eu": rules.P0, "us": rules.P2},
		"evaluation": {"eu": rules.P1, "us": rules.SeverityNone},
	} {
		inc, _ := r.board().On(component)
		for region, severity := range want {
			if got := inc.RegionSeverity(region); got != severity {
				t.Errorf("%s/%s is %s, want %s", component, region, got, severity)
			}
		}
	}
	_, health := r.get(r.private + "/healthz")
	for _, source := range []string{`"spans": {`, `"probes": {`} {
		if !strings.Contains(health, source) {
			t.Errorf("/healthz does not tell of %s\n%s", source, health)
		}
	}
	r.eventually("probed", func() bool {
		_, metrics := r.get(r.private + "/metrics")
		return strings.Contains(metrics, `tocsin_probe_up{probe="api-health",region="us"} 0`) &&
			strings.Contains(metrics, `tocsin_judged_age_seconds{source="probes"}`)
	})
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("a graceful stop ends with %v\n%s", err, r.log)
	}
	db, err = store.OpenToRead(t.Context(), r.dir+"/tocsin.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	kept := 0
	for m, err := range db.Minutes(t.Context(), now, now.Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Requests == 0 || m.Errors != m.Requests {
			t.Errorf("the probes found %+v, want only failures", m)
		}
		kept++
	}
	if kept == 0 {
		t.Error("the probes kept no minute")
	}
}
