package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

const liveRulesToCheck = `
organisation: Acme
page: {url: "https://status.example.com"}
sources: {signoz: {dsn: "{dsn}", region: [deployment.environment]}}
store: {path: "{dir}/tocsin.db"}
regions: [{code: eu, name: Europe}]
services: [{names: [check-*], sample_rate: 10%}]
components: [{id: api, name: API}]
probes:
  - {id: nobody, type: http, every: 5s, timeout: 1s, targets: {eu: "http://127.0.0.1:1/"}}
rules:
  - id: alive
    component: api
    signal: error_rate
    where: {services: [check-api]}
    levels: {P1: {above: 5%, for: 5m}}
    public: {symptom: errors on the API, impact: failed requests}
  - id: dead
    component: api
    signal: p99
    where: {services: [check-api], routes: [/v2/*]}
    levels: {P2: {above: 1s, for: 5m}}
    public: {symptom: slow answers of the API, impact: slow answers}
  - id: unreachable
    component: api
    signal: error_rate
    where: {probes: [nobody]}
    levels: {P1: {above: 50%, for: 2m}}
    public: {symptom: the API cannot be reached, impact: failed requests}
`

// The commands that look at what is there tell of rules that never will say
// anything, and of probes that fail.
func TestCheckAndDoctorLookAtTheStore(t *testing.T) {
	front, conn := newSigNoz(t)
	now := time.Now().UTC().Truncate(time.Minute)
	traffic := sample.Traffic{Seed: 13, Service: "check-api", PerMinute: 60, Regions: []string{"eu"}}
	err := signoz.NewWriter(conn).Without("attributes").WriteAll(t.Context(), func(yield func(time.Time, ptrace.Traces) bool) {
		for at := now.Add(-3 * time.Minute); at.Before(now); at = at.Add(time.Minute) {
			if !yield(at, traffic.Minute(at)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir+"/tocsin.yaml", strings.NewReplacer("{dsn}", front.URL(), "{dir}", dir).Replace(liveRulesToCheck))

	for _, c := range []struct {
		args  string
		code  int
		says  []string
		never []string
	}{
		{"check", exitGood, []string{"good: 3 rules, 1 probe\n"}, []string{"warning"}},
		{"check --live", exitGood, []string{"tocsin.yaml:18:5: warning: rule dead: no span of the last day is chosen by its where:", "good: 3 rules, 1 probe, 1 warning\n"}, []string{"rule alive", "rule unreachable"}},
		{"check --live --strict", exitFound, []string{"rule dead"}, nil},
		{"check --live --format json", exitGood, []string{`"line": 18,`, `"severity": "warning"`}, nil},
		{"doctor", exitFound, []string{
			"tocsin.yaml:18:5: rule dead: no span", "service check-api: a span stands for 10 requests (sample_rate 10%)",
			`! probe nobody in region "eu": no answer: connection refused`,
		}, []string{"rule alive", "rule unreachable"}},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"--config", dir + "/tocsin.yaml"}, strings.Fields(c.args)...), &out, &errs, nil); code != c.code {
			t.Errorf("%s ends with %d, want %d: %s", c.args, code, c.code, &errs)
		}
		for _, s := range c.says {
			if !strings.Contains(out.String(), s) {
				t.Errorf("%s does not say %q:\n%s", c.args, s, &out)
			}
		}
		for _, s := range c.never {
			if strings.Contains(out.String(), s) {
				t.Errorf("%s says %q:\n%s", c.args, s, &out)
			}
		}
	}
}

func TestOnlySomeWarningsArePrintedForPeople(t *testing.T) {
	said := make([]remark, mostWarnings+3)
	for i := range said {
		said[i] = remarkOf(isWarning, rules.Pos{File: "t.yaml", Line: i + 1, Col: 1}, "hardly meant")
	}
	said = append(said, remarkOf(isError, rules.Pos{File: "t.yaml", Line: 99, Col: 1}, "wrong"))
	for _, c := range []struct {
		format, want string
		warnings     int
	}{{"text", "… and 3 more warnings: --format json prints all\n1 mistake, 53 warnings\n", mostWarnings}, {"json", "]\n", mostWarnings + 3}} {
		var out bytes.Buffer
		if err := (&checkCmd{Format: c.format}).print(&world{out: &out}, said, nil, 0); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if n := strings.Count(text, "hardly meant"); n != c.warnings || !strings.HasSuffix(text, c.want) || !strings.Contains(text, "wrong") {
			t.Errorf("%s has %d warnings, want %d:\n%s", c.format, n, c.warnings, text)
		}
	}
}
