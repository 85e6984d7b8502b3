package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/templates"
)

// house is a real desk on a real store, behind the API and a real guard.
type house struct {
	t      testing.TB
	config *rules.Config
	db     *store.DB
	desk   *incident.Desk
	api    *Handler
	guard  *access.Guard
	tokens map[string]string // by role; "expired" is one that was an admin's
	doc    *contract

	strangers int
	ahead     atomic.Int64 // of the clock
}

// now is the desk's clock.
func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

const houseRules = `
components: [{id: api, name: Management API}, {id: app, name: App}, {id: docs, name: Documentation}]
regions: [{code: eu, name: Europe}, {code: us, name: United States}]
rules:
  - {id: api-errors, component: api, signal: error_rate, levels: {P1: {above: 5%, for: 3m}}, public: {symptom: "elevated errors on the management API"}}
`

func houseConfig(t testing.TB) *rules.Config {
	t.Helper()
	c, err := rules.Parse([]rules.File{{Name: "rules.yaml", Body: []byte(houseRules)}})
	if err != nil {
		t.Fatal(err)
	}
	c.Regions[0].Values = map[string]string{"host": "eu-1.internal"}
	c.Regions[1].Values = map[string]string{"host": "us-1.internal"}
	c.People = []rules.Person{{ID: "ada", Name: "Ada", Roles: []string{"on-call"}}, {ID: "grace", Name: "Grace", Roles: []string{"cto"}}}
	c.Console = rules.Console{URL: "http://console.example.com/", WarRoom: "https://call.example.com/war"}
	c.SigNoz.URL = "https://signoz.example.com"
	c.Channels = append(c.Channels, rules.Channel{Name: "ops", Type: "webhook"})
	c.Checklists = []rules.Checklist{
		{
			ID: "api-down", Title: "The API is down", For: rules.ChecklistFor{Components: rules.Patterns{Any: []string{"api"}}},
			Steps: []rules.ChecklistStep{
				{ID: "restart", Text: "Restart the service", Command: "ssh {{host}} systemctl restart api # {{zone}}"},
				{ID: "look", Text: "Look at the dashboard", Link: "https://signoz.example.com/api"},
				{ID: "ack", Text: "Acknowledge", Seen: rules.SeenAcknowledged},
			},
		},
		{ID: "security", Title: "Security", Steps: []rules.ChecklistStep{{ID: "keys", Text: "Rotate the keys"}}},
	}
	return c
}

var setOfWords = sync.OnceValues(func() (*templates.Set, error) { return templates.Load(nil) })

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, config: houseConfig(t), tokens: map[string]string{}, doc: readContract(t)}
	var err error
	if h.db, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db")); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for role, expires := range map[string]time.Time{"viewer": {}, "responder": {}, "admin": {}, "expired": now.Add(-time.Minute)} {
		real := role
		if role == "expired" {
			real = "admin"
		}
		secret, _, err := h.db.MakeToken(t.Context(), real+"-1", real, expires, now.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		h.tokens[role] = secret
	}
	logger := slog.New(&loud{h})
	if h.desk, err = incident.NewDesk(t.Context(), incident.Options{Config: h.config, Log: h.db, Logger: logger, Now: h.now}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.desk.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := h.db.Close(); err != nil {
			t.Error(err)
		}
	})
	h.serve(h.desk, h.db)
	return h
}

// loud is a log in which no error may stand: what the desk cannot do when it is
// due, it says there.
type loud struct{ h *house }

func (*loud) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

func (l *loud) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool { b.WriteString(" " + a.String()); return true })
	l.h.t.Errorf("the desk: %s%s", r.Message, &b)
	return nil
}

func (l *loud) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *loud) WithGroup(string) slog.Handler      { return l }

// serve makes the API on a desk and a log, which may be ones that fail.
func (h *house) serve(desk Desk, log Log) {
	words, err := setOfWords()
	if err != nil {
		h.t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	h.guard = access.New(access.Options{Store: h.db, Logger: logger})
	h.api = New(Options{Desk: desk, Log: log, Outbox: h.db, Guard: h.guard, Words: func() *templates.Set { return words }, Config: func() *rules.Config { return h.config }, Logger: logger})
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// request makes a request of somebody with a role.
func (h *house) request(role, method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if role == "expired" { // the guard slows down each address that fails too often
		h.strangers++
		r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", h.strangers/256, h.strangers%256)
	}
	if token := h.tokens[role]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// send sends a request, and holds the answer against the document.
func (h *house) send(r *http.Request) reply {
	h.t.Helper()
	w := httptest.NewRecorder()
	method, path := r.Method, r.URL.EscapedPath()
	h.api.ServeHTTP(w, r)
	got := reply{w.Code, w.Header(), w.Body.Bytes()}
	if err := h.doc.check(method, path, got); err != nil {
		h.t.Errorf("%s %.200s: %.300s: %v", method, path, got, err)
	}
	return got
}

// do sends a request that is to be answered with a status.
func (h *house) do(role, method, path, body string, status int) reply {
	h.t.Helper()
	got := h.send(h.request(role, method, "/api/v1"+path, body))
	if got.status != status {
		h.t.Errorf("%s %s %s as %s: %s; want %d", method, path, body, role, got, status)
	}
	return got
}

// into reads an answer strictly.
func into[T any](t testing.TB, r reply) T {
	t.Helper()
	var v T
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", r, err)
	}
	return v
}

// breaks has the rule find that the API is broken in eu.
func (h *house) breaks() { h.round(true) }

// round has the rule find that the API is broken in eu, or that it is well.
func (h *house) round(broken bool) {
	h.t.Helper()
	at := h.now().UTC().Truncate(time.Minute)
	f := evaluator.Finding{
		Rule: "api-errors", Component: "api", Kind: rules.KindErrorRate, Series: telemetry.Series{Service: "api", Region: "eu"}, At: at,
		Now: evaluator.Bad, Held: rules.P1, Floor: rules.P1, Seen: true, Value: 0.2, Limit: 0.05, Requests: 1000, Errors: 200,
		Began: at.Add(-5 * time.Minute), LastSeen: at, Why: "20 % > 5 %",
	}
	if !broken {
		f.Now, f.Held, f.Floor, f.Recovered, f.Calm, f.Value, f.Errors = evaluator.Good, rules.SeverityNone, rules.SeverityNone, true, 3*time.Minute, 0, 0
	}
	err := h.desk.Judge(context.Background(), evaluator.Round{
		Source: rules.SourceSpans, Lag: time.Minute, At: at, Live: true, Findings: []evaluator.Finding{f},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// folds checks that the board is the fold of the log.
func (h *house) folds() {
	h.t.Helper()
	// What fell due meanwhile may have moved the board on.
	for range 10 {
		want, err := incident.Fold(h.db.All(context.Background()))
		if err != nil {
			h.t.Fatal(err)
		}
		if reflect.DeepEqual(h.desk.Board(), want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Error("the board is not the fold of the log")
}

// contract is the OpenAPI document, as somebody reads it who has nothing else.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema
}

func readContract(t testing.TB) *contract {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// at follows a pointer into the document.
func (c *contract) at(parts ...string) map[string]any {
	v := c.doc
	for _, p := range parts {
		next, ok := v[p].(map[string]any)
		if !ok {
			return nil
		}
		v = next
	}
	return v
}

// schema compiles the schema at a pointer.
func (c *contract) schema(parts ...string) (*jsonschema.Schema, error) {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	pointer := []string{"openapi.json#"}
	for _, p := range parts {
		pointer = append(pointer, escape.Replace(p))
	}
	at := strings.Join(pointer, "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.compiled[at]; ok {
		return s, nil
	}
	s, err := c.compiler.Compile(at)
	if err == nil {
		c.compiled[at] = s
	}
	return s, err
}

// path finds the path of the document that a request's is, and "" if there is
// none.
func (c *contract) path(escaped string) string {
	for p := range c.at("paths") {
		if matches(p, escaped) {
			return p
		}
	}
	return ""
}

// check holds an answer against the document.
func (c *contract) check(method, path string, got reply) error {
	if got.status/100 == 3 {
		return nil // to the same path, written properly
	}
	if !strings.HasPrefix(path, "/api/") && got.status == http.StatusNotFound {
		return nil // it is none of the API's
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	problem := []string{"components", "schemas", "Problem"}
	p := c.path(path)
	op := c.at("paths", p, strings.ToLower(method))
	switch {
	case op == nil && got.status < 400:
		return fmt.Errorf("this is not in the document")
	case op == nil:
		return c.valid(problem, got.body)
	}
	answer, ok := op["responses"].(map[string]any)[fmt.Sprint(got.status)].(map[string]any)
	if !ok {
		return fmt.Errorf("the document has no answer %d for it", got.status)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		return fmt.Errorf("the answer is %q", kind)
	}
	if answer["$ref"] != nil {
		return c.valid(problem, got.body)
	}
	return c.valid([]string{"paths", p, strings.ToLower(method), "responses", fmt.Sprint(got.status), "content", "application/json", "schema"}, got.body)
}

func (c *contract) valid(schema []string, body []byte) error {
	s, err := c.schema(schema...)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.Validate(v)
}
