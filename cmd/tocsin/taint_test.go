package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/tainttest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// taint marks every word that no customer may read.
const taint = "taint-7f3a9c"

// taintedConfig has the mark in every word that is nobody's business outside,
// paths of files and addresses among them.
const taintedConfig = `
organisation: Acme
sources:
  signoz: {dsn: "{dsn}", region: [deployment.environment], lag: 1s, settle: 1s, url: "https://signoz.taint-7f3a9c.example.com"}
store: {path: "{dir}/tocsin.db"}
channels:
  status: {type: page, folder: "{dir}/page"}
  hook-taint-7f3a9c: {type: webhook, url: "http://127.0.0.1:1/taint-7f3a9c", secret_file: "{dir}/secret", allow: ["127.0.0.0/8"], severities: [P0, P1, P2, P3]}
  mail-taint-7f3a9c:
    type: email
    server: "127.0.0.1:1"
    tls: none
    from: Acme status <status@taint-7f3a9c.example.com>
    severities: [P0, P1, P2]
    lists: [{name: list-taint-7f3a9c, audience: customers, addresses: [kim@taint-7f3a9c.example.com]}]
people:
  ann-taint-7f3a9c: {name: "Ann taint-7f3a9c", roles: [on-call], reach: [hook-taint-7f3a9c, mail-taint-7f3a9c], email: ann@taint-7f3a9c.example.com}
console:
  url: https://console.taint-7f3a9c.example.com
  war_room: https://meet.taint-7f3a9c.example.com/room
  links: [{title: taint-7f3a9c, url: "https://links.taint-7f3a9c.example.com"}]
page: {title: Acme status, url: "https://status.example.com", logo: "{dir}/logo.svg", css: "{dir}/own.css"}
maintenance: [{id: database-upgrade, title: Database upgrade, components: [evaluation], regions: [eu], from: "{from}", to: "{to}"}]
listen: {public: "{public}", private: "{private}"}
severities: {P1: {hold: 0s}, P2: {hold: 0s}, P3: {public: true, hold: 1h, channels: [status]}}
regions:
  - {code: us, name: United States, aliases: [us-taint-7f3a9c], values: {host: host.taint-7f3a9c.example.com}}
  - {code: eu, name: Europe, values: {host: eu.taint-7f3a9c.example.com}}
components:
  - {id: api, name: Management API}
  - {id: evaluation, name: Evaluation Engine}
  - {id: hooks, name: Webhooks}
silences:
  - {id: silence-taint-7f3a9c, rules: [rule-taint-7f3a9c], services: [nothing], from: 2026-01-01, until: 2099-12-31, reason: taint-7f3a9c}
checklists:
  - id: list-taint-7f3a9c
    title: taint-7f3a9c
    for: {components: [api]}
    steps: [{id: step-taint-7f3a9c, text: Restart taint-7f3a9c, command: "ssh {{host}} taint-7f3a9c"}]
rules:
  - id: rule-taint-7f3a9c
    component: api
    signal: error_rate
    where: {services: [service-taint-7f3a9c], routes: ["/v1/projects/*"]}
    window: 2m
    levels: {P2: {above: 10%, for: 2m}}
    public: {symptom: elevated errors on the management API}
    runbook: https://runbooks.taint-7f3a9c.example.com
`

// smear puts the mark into all that a span can carry besides what rules choose it
// by.
func smear(tr ptrace.Traces) ptrace.Traces {
	spoil := func(attributes pcommon.Map, keys ...string) {
		for _, key := range keys {
			attributes.PutStr(key, "x "+taint+" y")
		}
		attributes.PutStr("attribute."+taint, taint)
	}
	for _, resource := range tr.ResourceSpans().All() {
		spoil(resource.Resource().Attributes(), "host.name", "host.ip", "k8s.pod.name", "k8s.namespace.name", "service.instance.id", "service.version", "process.command_line", "cloud.account.id", "tenant")
		for _, scope := range resource.ScopeSpans().All() {
			scope.Scope().SetName(taint)
			for _, span := range scope.Spans().All() {
				spoil(span.Attributes(), "http.url", "url.full", "url.query", "user.id", "enduser.id", "user.email", "db.statement", "db.query.text", "http.request.header.authorization", "net.peer.ip", "client.address")
				span.TraceState().FromRaw("vendor=" + taint)
				span.Status().SetMessage("SELECT * FROM " + taint)
				event := span.Events().AppendEmpty()
				event.SetName("exception")
				event.SetTimestamp(span.EndTimestamp())
				spoil(event.Attributes(), "exception.message", "exception.type", "exception.stacktrace")
			}
		}
	}
	return tr
}

// TestNothingOfTheInsideGetsOut runs the service over a real store whose spans are
// full of marked secrets, with a configuration, people, notes, a private incident
// and a vetoed one that are, too, and reads every byte that it lets out to the
// public: each file of the folder, each answer of the public listener, each
// header. In the end a mark is said in public, and found: the test looks for
// something.
func TestNothingOfTheInsideGetsOut(t *testing.T) {
	t.Parallel()
	front, conn := newSigNoz(t)
	now := time.Now().UTC().Truncate(time.Minute)
	outage := sample.Outage{Kind: sample.HTTP500, Regions: []string{"eu", "us"}, Routes: []string{"/v1/projects/*"}, Share: 0.6, From: now.Add(-20 * time.Minute)}
	watched := sample.Traffic{Seed: 31, Service: "service-" + taint, PerMinute: 150, Outages: []sample.Outage{outage}}
	another := sample.Traffic{Seed: 32, Service: "another-" + taint, PerMinute: 20}
	err := signoz.NewWriter(conn).WriteAll(t.Context(), func(yield func(time.Time, ptrace.Traces) bool) {
		for at := now.Add(-15 * time.Minute); at.Before(now.Add(3 * time.Minute)); at = at.Add(time.Minute) {
			other := smear(another.Minute(at))
			for _, resource := range other.ResourceSpans().All() {
				resource.Resource().Attributes().PutStr("deployment.environment", "region-"+taint)
			}
			if !yield(at, smear(watched.Minute(at))) || !yield(at, other) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}

	r := reloading{T: t, dir: filepath.Join(t.TempDir(), taint), public: freePort(t), private: freePort(t), log: &journalOfLines{}}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{dsn}", front.URL(), "{dir}", r.dir, "{public}", r.public, "{private}", r.private,
		"{from}", now.Add(-time.Hour).Format(time.RFC3339), "{to}", now.Add(time.Hour).Format(time.RFC3339))
	write(t, r.dir+"/logo.svg", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8" width="8" height="8"><path d="M0 0h8v8z"/></svg>`)
	write(t, r.dir+"/own.css", "h1 {letter-spacing: 1px}")
	write(t, r.dir+"/tocsin.yaml", fill.Replace(taintedConfig))
	write(t, r.dir+"/secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	db, err := store.Open(t.Context(), r.dir+"/tocsin.db")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := db.MakeToken(t.Context(), "ann-"+taint, "responder", time.Time{}, time.Now())
	if err := errors.Join(err, db.SetWatermark(t.Context(), rules.SourceSpans, now.Add(-5*time.Minute)), db.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, r.dir+"/token", token)
	if out, err := program(t, "check", "--config", r.dir+"/tocsin.yaml").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.cmd = program(t, "serve", "--config", r.dir+"/tocsin.yaml")
	r.cmd.Stderr = r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.eventually("serving", func() bool { return len(r.log.said(0, "serving")) > 0 })
	r.eventually("an incident", func() bool { return r.severity("api") == rules.P2 })

	act := func(args ...string) {
		t.Helper()
		args = append([]string{"incident", "--server", "http://" + r.private, "--token-file", r.dir + "/token"}, args...)
		if out, err := program(t, args...).CombinedOutput(); err != nil {
			t.Fatalf("tocsin %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	found, _ := r.board().On("api")
	main := string(found.ID)
	act("note", main, "A note with "+taint)
	act("ack", main, "--for", "1h", "--why", taint)
	act("severity", main, "P1", "--why", taint)
	act("task", main, "Do "+taint, "--to", "ann-"+taint)
	act("declare", "P1", "--private", "--topic", "security", "--symptom", "a leak of "+taint, "--why", taint)
	act("declare", "P3", "--component", "hooks", "--symptom", "trouble with "+taint, "--why", taint)
	marks := []string{taint}
	var private, vetoed string
	for _, i := range r.board().Open {
		switch {
		case i.Private:
			private = string(i.ID)
		case i.Component == "hooks":
			vetoed = string(i.ID)
		}
	}
	if private == "" || vetoed == "" {
		t.Fatalf("there is no private or no vetoed incident: %+v", r.board().Open)
	}
	marks = append(marks, private, vetoed)
	act("note", private, "A private note with "+taint)
	act("veto", vetoed, "--why", taint)
	act("say", main, "We have found the cause.", "--state", "identified")
	shown := func(words string) func() bool {
		return func() bool {
			_, body := r.get(r.public + "/incidents/" + main)
			return strings.Contains(body, words)
		}
	}
	r.eventually("said", shown("We have found the cause."))
	r.eventually("an attempt to deliver to the inside", func() bool {
		_, metrics := r.get(r.private + "/metrics")
		return strings.Contains(metrics, "hook-"+taint)
	})

	clean := r.letOut(marks)
	for where, what := range clean.found {
		t.Errorf("%s holds %s", where, what)
	}
	if clean.files < 100 || clean.answers < 150 {
		t.Errorf("%d files and %d answers were looked at: the test proves less than it says", clean.files, clean.answers)
	}
	// Within, where people on duty are, the marks are: they were there to get out.
	if _, body := r.get(r.private + "/metrics"); tainttest.Find([]byte(body), taint) == "" {
		t.Error("/metrics of the private listener holds no mark")
	}
	if !strings.Contains(r.log.String(), taint) {
		t.Error("the log holds no mark")
	}

	act("say", main, "The disk of "+taint+" is full.", "--state", "identified")
	r.eventually("said", shown("is full."))
	spoilt := r.letOut(marks)
	for _, where := range []string{"GET /", "GET /incidents/" + main + ".html", "GET /updates.atom", "GET /history.rss", "GET /api/v2/summary.json", "the file current/index.html"} {
		if spoilt.found[where] == "" {
			t.Errorf("a mark was said in public, and %s is not found to hold it", where)
		}
	}
	t.Logf("%d files and %d answers with their headers hold no mark; after it was said in public %d do", clean.files, clean.answers, len(spoilt.found))
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("a graceful stop ends with %v\n%s", err, r.log)
	}
}

// outlet is all that the public can read of a service.
type outlet struct {
	files, answers int
	found          map[string]string // marks, by where they are
}

// letOut reads the folder and asks the public listener for all that it may have.
func (r reloading) letOut(marks []string) outlet {
	r.Helper()
	o := outlet{found: map[string]string{}}
	look := func(where string, content []byte) {
		if found := tainttest.Find(content, marks...); found != "" {
			o.found[where] = found
		}
	}
	folder := filepath.Join(r.dir, "page")
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // an old version that is removed meanwhile
		}
		name := strings.TrimPrefix(path, folder)
		look("the name "+name, []byte(name))
		switch d.Type() {
		case 0:
			o.files++
			b, err := os.ReadFile(path)
			look("the file "+name, b)
			return ignoreGone(err)
		case fs.ModeSymlink:
			to, err := os.Readlink(path)
			look("the link "+name, []byte(to))
			return ignoreGone(err)
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	current, err := filepath.EvalSymlinks(filepath.Join(folder, "current"))
	if err != nil {
		r.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(current, "index.html"))
	if err != nil {
		r.Fatal(err)
	}
	look("the file current/index.html", index)

	client := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	ask := func(method, path string) []byte {
		req, err := http.NewRequestWithContext(r.Context(), method, "http://"+r.public+path, nil)
		if err != nil {
			r.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := client.Do(req)
		if err != nil {
			r.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && resp.Header.Get("Content-Encoding") == "gzip" && len(body) > 0 {
			z, wrong := gzip.NewReader(bytes.NewReader(body))
			if wrong != nil {
				r.Fatal(wrong)
			}
			body, err = io.ReadAll(z)
		}
		if err != nil {
			r.Fatal(err)
		}
		o.answers++
		var headers bytes.Buffer
		fmt.Fprintln(&headers, resp.Status, resp.Trailer)
		_ = resp.Header.Write(&headers)
		look("the headers of "+method+" "+path, headers.Bytes())
		look(method+" "+path, body)
		return body
	}
	var m page.Manifest
	if err := json.Unmarshal(ask("GET", "/manifest.json"), &m); err != nil {
		r.Fatal(err)
	}
	for name := range m.Files {
		ask("GET", "/"+name)
		ask("HEAD", "/"+name)
	}
	for _, path := range []string{
		"/", "//", "/history", "/history/", "/components/api", "/incidents/", "/unsubscribe/x", "/unsubscribe/", "/metrics", "/healthz", "/readyz", "/signin", "/api/v1/incidents", "/api/v1/",
		"/slack/x/interactions", "/versions/", "/current/", "/.lock", "/tocsin.db", "/debug/pprof/", "/%2e%2e/tocsin.yaml", "/..%2ftocsin.db", "/?q=1",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
			ask(method, path)
		}
	}
	return o
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
