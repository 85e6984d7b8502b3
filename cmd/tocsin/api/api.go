package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// Desk is what carries actions out. incident.Desk is one.
type Desk interface {
	Act(ctx context.Context, a incident.Action) (incident.Done, error)
	Preview(ctx context.Context, a incident.Action) (incident.Board, error)
	Board() incident.Board
	Judged() time.Time
}

// Log is what is read back of what happened. store.DB is one.
type Log interface {
	Timeline(ctx context.Context, id incident.ID) iter.Seq2[incident.Event, error]
	AuditLog(ctx context.Context, before uint64, n int) ([]store.Audited, error)
}

// Guard lets in whoever has a role. access.Guard is one.
type Guard interface {
	Require(role access.Role, h access.Handler) http.Handler
}

var (
	_ Desk  = (*incident.Desk)(nil)
	_ Log   = (*store.DB)(nil)
	_ Guard = (*access.Guard)(nil)
)

// Options is what the API works with.
type Options struct {
	Desk   Desk
	Log    Log
	Outbox Outbox
	Wake   func() // tells the channels that there is something to do; may be nil
	Guard  Guard
	Words  func() *templates.Set // in which waiting words are shown
	Config func() *rules.Config  // the configuration in force
	Logger *slog.Logger
}

// Handler serves everything under /api/v1/. It is ready for use by many at once.
type Handler struct {
	Options
	routes   []route
	document any
	mux      *http.ServeMux
	answers  answers
}

// prefix is where all routes are.
const prefix = "/api/v1"

// patience is how long the desk may take. A store that is away says so
// sooner: this is for a desk that does not answer, as at the end of the
// service.
const patience = 20 * time.Second

// New makes the API.
func New(o Options) *Handler {
	h := &Handler{Options: o, routes: table(), mux: http.NewServeMux()}
	h.document = openAPI(h.routes)
	for _, r := range h.routes {
		h.mux.Handle(r.method+" "+r.path, o.Guard.Require(r.role, func(w http.ResponseWriter, req *http.Request, who access.Who) {
			h.serve(w, req, who, r)
		}))
	}
	h.mux.Handle("/api/", o.Guard.Require(access.Viewer, h.missing))
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// call is a request, as the functions of the routes get it.
type call struct {
	*http.Request
	who    access.Who
	query  map[string]string
	config *rules.Config
}

// problem is an error that goes to whoever asked.
type problem struct {
	status int
	says   Problem
}

func (p *problem) Error() string { return p.says.Error }

// bad makes a problem.
func bad(status int, format string, args ...any) error {
	return &problem{status, Problem{Error: fmt.Sprintf(format, args...)}}
}

// serve answers a request for a route.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, who access.Who, to route) {
	c := call{Request: r, who: who, config: h.Config()}
	var err error
	if c.query, err = to.query(r); err != nil {
		h.write(w, h.wrong(r, err))
		return
	}
	if to.deed != nil {
		h.write(w, h.deed(c, to))
		return
	}
	v, err := to.get(h, c)
	if err != nil {
		h.write(w, h.wrong(r, err))
		return
	}
	h.write(w, h.right(r, http.StatusOK, v))
}

// query reads the parameters of a request, which a route has to know.
func (to route) query(r *http.Request) (map[string]string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, bad(http.StatusBadRequest, "what stands behind the question mark cannot be read: %s", err)
	}
	var known []string
	for _, p := range to.params {
		known = append(known, p.name)
	}
	got := map[string]string{}
	for name, v := range values {
		switch i := slices.Index(known, name); {
		case i < 0 && len(known) == 0:
			return nil, bad(http.StatusBadRequest, "unknown parameter %q: this takes none", name)
		case i < 0:
			return nil, bad(http.StatusBadRequest, "unknown parameter %q: want some of %s", name, strings.Join(known, " "))
		case len(v) > 1:
			return nil, bad(http.StatusBadRequest, "parameter %q is there %d times: send one", name, len(v))
		default:
			if err := to.params[i].fits(v[0]); err != nil {
				return nil, bad(http.StatusBadRequest, "parameter %q: %s", name, err)
			}
			got[name] = v[0]
		}
	}
	return got, nil
}

// fits checks the value of a parameter.
func (p param) fits(v string) error {
	if p.text {
		if v == "" || len(v) > 200 {
			return errors.New("want some letters, 200 at most")
		}
		return nil
	}
	if len(p.enum) > 0 {
		if !slices.Contains(p.enum, v) {
			return fmt.Errorf("want one of %s; found %q", strings.Join(p.enum, " "), v)
		}
		return nil
	}
	if n, err := strconv.ParseInt(v, 10, 64); err != nil || n < 1 || n > p.most {
		return fmt.Errorf("want a number from 1 to %d; found %q", p.most, v)
	}
	return nil
}

// number gives the value of a parameter that is a number.
func (c call) number(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(c.query[name], 10, 64)
	if err != nil {
		return otherwise // it is not there: what is there was checked
	}
	return n
}

// answer is what goes back.
type answer struct {
	status int
	body   []byte
	again  bool   // it was given before
	place  string // of what was made
	allow  string // the methods that there are
	passes bool   // another attempt may go better
}

// right makes the answer that things are well.
func (h *Handler) right(r *http.Request, status int, v any) answer {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil { // a time in the year 10000, which nothing lets in
		return h.wrong(r, fmt.Errorf("write the answer: %w", err))
	}
	return answer{status: status, body: b.Bytes()}
}

// wrong makes the answer that they are not.
func (h *Handler) wrong(r *http.Request, err error) answer {
	if p, ok := errors.AsType[*problem](err); ok {
		p.says.Error = brief(p.says.Error)
		return h.right(r, p.status, p.says)
	}
	if refusal, ok := errors.AsType[*incident.Refusal](err); ok {
		status := map[incident.RefusalKind]int{
			incident.Senseless: http.StatusUnprocessableEntity, incident.Unknown: http.StatusNotFound,
			incident.NotNow: http.StatusConflict, incident.Unfinished: http.StatusConflict,
		}[refusal.Kind]
		return h.right(r, status, Problem{Error: brief(refusal.Reason), Unfinished: refusal.Kind == incident.Unfinished})
	}
	if r.Context().Err() == nil {
		h.Logger.Error("the API could not answer", "method", r.Method, "path", r.URL.EscapedPath(), "err", err)
	}
	text := "the store does not answer, and nothing was done: try again in a few seconds; the log says why"
	if errors.Is(err, context.DeadlineExceeded) {
		text = "nothing was heard of it in time: look at the incident before you try again"
	}
	a := h.right(r, http.StatusServiceUnavailable, Problem{Error: text})
	a.passes = true
	return a
}

// brief cuts what repeats too much of a request.
func brief(text string) string {
	const most = 2000
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

func (h *Handler) write(w http.ResponseWriter, a answer) {
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.again {
		head.Set("Idempotency-Replayed", "true")
	}
	if a.passes {
		head.Set("Retry-After", "5")
	}
	if a.place != "" {
		head.Set("Location", a.place)
	}
	if a.allow != "" {
		head.Set("Allow", a.allow)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // whoever asked has gone
}

// missing answers where there is no route: with the methods that there are, or
// with how to find those there are.
func (h *Handler) missing(w http.ResponseWriter, r *http.Request, _ access.Who) {
	var allow []string
	for _, to := range h.routes {
		if matches(to.path, r.URL.EscapedPath()) && !slices.Contains(allow, to.method) {
			allow = append(allow, to.method)
		}
	}
	if len(allow) > 0 {
		a := h.wrong(r, bad(http.StatusMethodNotAllowed, "%s does not go here: want %s", r.Method, strings.Join(allow, " or ")))
		a.allow = strings.Join(allow, ", ")
		h.write(w, a)
		return
	}
	h.write(w, h.wrong(r, bad(http.StatusNotFound, "there is nothing here: %s/openapi.json lists what there is", prefix)))
}

// matches reports whether a path, escaped as it came, is one of a route's.
func matches(pattern, escaped string) bool {
	return slices.EqualFunc(strings.Split(pattern, "/"), strings.Split(escaped, "/"), func(want, got string) bool {
		got, err := url.PathUnescape(got)
		return err == nil && (got == want || strings.HasPrefix(want, "{") && got != "")
	})
}
