// Package console is what the people on call see and do, on the private listener:
// what is wrong now, how sure that is, who is on it, what was promised to
// customers, and forms for all that can be done. It is made for a phone at three
// in the morning: pages are whole without a script, which only keeps them live.
//
// Every page is made from a view, a value that pure functions make of the board,
// the configuration, the newest findings, the time and whoever looks. What is
// private is not in the views of those who may not see it.
package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// Desk is where people act. incident.Desk is one.
type Desk interface {
	Board() incident.Board
	Judged() time.Time
	Act(context.Context, incident.Action) (incident.Done, error)
	Preview(context.Context, incident.Action) (incident.Board, error)
}

// Log is what is read of the store. store.DB is one.
type Log interface {
	Timeline(context.Context, incident.ID) iter.Seq2[incident.Event, error]
	AuditLog(ctx context.Context, before uint64, n int) ([]store.Audited, error)
}

// Guard lets in whoever has a role. access.Guard is one.
type Guard interface {
	Require(access.Role, access.Handler) http.Handler
}

var (
	_ Desk  = (*incident.Desk)(nil)
	_ Log   = (*store.DB)(nil)
	_ Guard = (*access.Guard)(nil)
)

// Options is what a console works with.
type Options struct {
	Desk    Desk
	Log     Log
	Letters api.Letters // what waits and what was given up; the zero value: nothing is shown of it
	Guard   Guard
	Config  func() *rules.Config  // the one in force
	Wrong   func() []string       // why the configuration as it is written is not in force; nil, and none: it is
	Words   func() *templates.Set // to show what customers will read
	Logger  *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Console serves the pages. It is ready for use by many at once.
type Console struct {
	Options
	history *History
	mux     *http.ServeMux
	hub     hub
}

// CSP is the Content-Security-Policy of the console's pages: its own files, its
// own stream, its own forms.
const CSP = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// New makes a console. It is fed by Note and Wake, and its streams end with Run.
func New(o Options) *Console {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	c := &Console{Options: o, history: NewHistory(), mux: http.NewServeMux(), hub: hub{most: mostStreams, end: make(chan struct{})}}
	for _, r := range c.Routes() {
		c.mux.Handle(r.Pattern, r.Handler)
	}
	return c
}

// Note takes a round that was judged.
func (c *Console) Note(r evaluator.Round) {
	c.history.Note(r)
	c.Wake()
}

// Wake tells whoever looks that something has changed.
func (c *Console) Wake() { c.hub.wake() }

// Run ends the streams when ctx ends: a server that shuts down waits for them.
func (c *Console) Run(ctx context.Context) error {
	<-ctx.Done()
	c.hub.close()
	return nil
}

// Route is one pattern of the console's and what serves it.
type Route struct {
	Pattern string
	Handler http.Handler
}

// Routes lists all patterns that the console serves. POST /signin, GET /signin and
// POST /signout are the guard's.
func (c *Console) Routes() []Route {
	to := func(role access.Role, h access.Handler) http.Handler {
		return c.Guard.Require(role, func(w http.ResponseWriter, r *http.Request, who access.Who) {
			w.Header().Set("Content-Security-Policy", CSP)
			h(w, r, who)
		})
	}
	return []Route{
		{"GET /{$}", to(access.Viewer, c.getHome)},
		{"GET /incidents/{id}", to(access.Viewer, c.getIncident)},
		{"GET /incidents/{id}/{verb}", to(access.Viewer, c.getVerb)},
		{"POST /incidents/{id}/{verb}", to(access.Responder, c.postVerb)},
		{"GET /declare", to(access.Responder, c.getDeclare)},
		{"POST /declare", to(access.Responder, c.postDeclare)},
		{"GET /outbox", to(access.Responder, c.getOutbox)},
		{"GET /outbox/letters", to(access.Responder, c.getLetters)},
		{"GET /outbox/{verb}", to(access.Responder, c.getOutbox)}, // where a page that showed a refusal is
		{"POST /outbox/{verb}", to(access.Responder, c.postOutbox)},
		{"GET /past", to(access.Viewer, c.getPast)},
		{"GET /audit", to(access.Admin, c.getAudit)},
		{"GET /me", to(access.Viewer, c.getMe)},
		{"GET /live", to(access.Viewer, c.getLive)},
		{"GET /assets/{name}", http.HandlerFunc(getAsset)},
		{"GET /", to(access.Viewer, c.getNothing)},
	}
}

// ServeHTTP serves all routes.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

//go:embed files
var files embed.FS

// asset is a file that pages refer to.
type asset struct {
	kind string
	body []byte
	tag  string
}

var assets = func() map[string]asset {
	all := map[string]asset{}
	add := func(name, kind, body string) {
		sum := sha256.Sum256([]byte(body))
		all[name] = asset{kind, []byte(body), hex.EncodeToString(sum[:8])}
	}
	read := func(name string) string {
		b, err := files.ReadFile("files/" + name)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	add("console.css", "text/css; charset=utf-8", shrink(read("console.css")))
	add("console.js", "text/javascript; charset=utf-8", shrink(read("console.js")))
	for state, icon := range icons {
		add("icon-"+state+".svg", "image/svg+xml", icon)
	}
	return all
}()

// build tells pages of one build of the program from those of another.
var build = assets["console.css"].tag[:6] + assets["console.js"].tag[:6]

// shrink leaves out what browsers have no use for: indentation and lines that are
// comments.
func shrink(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// icons are for the browser's tab: a shape and a colour for each state.
var icons = func() map[string]string {
	draw := func(colour, shape, mark string) string {
		return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="%s" d="%s"/><path d="%s" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>`, colour, shape, mark)
	}
	const octagon, triangle, circle = "M8 2h8l6 6v8l-6 6H8l-6-6V8z", "M12 2l10.5 19h-21z", "M12 2a10 10 0 1 1 0 20a10 10 0 0 1 0-20z"
	const bang, low = "M12 6.5v7M12 17.2v.1", "M12 9v6M12 17.8v.1"
	return map[string]string{
		"p0": draw("#b0124f", octagon, bang), "p1": draw("#c2410c", octagon, bang), "p2": draw("#9a6200", triangle, low),
		"p3": draw("#1d64c8", triangle, low), "p4": draw("#5a636e", triangle, low),
		"well": draw("#1a7f43", circle, "M7 12.4l3.4 3.4L17 8.8"), "unknown": draw("#6b7280", circle, "M9.2 9.4a2.8 2.8 0 1 1 4 2.5c-.8.4-1.2 1-1.2 1.9M12 16.8v.1"),
	}
}()

// getAsset serves a file. What pages refer to names its content, and may be kept
// for ever.
func getAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := assets[r.PathValue("name")]
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.Set("Content-Type", a.kind)
	h.Set("ETag", `"`+a.tag+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // for an icon that is opened by itself
	h.Set("Cache-Control", "no-cache")
	if r.URL.RawQuery == "v="+a.tag {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

func assetURL(name string) string { return path.Join("/assets", name) + "?v=" + assets[name].tag }

// pages are the console's templates. Most commands show no page, and do not wait
// for them to be read.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"asset": assetURL,
		"build": func() string { return build },
		"iso": func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return t.UTC().Format(time.RFC3339)
		},
	}).ParseFS(files, "files/*.html"))
})

// Screen is what a page is executed with: one of the pointers is set.
type Screen struct {
	Tab    string // the tab's title
	Path   string // the page's own address
	Nav    string
	Icon   string
	Who    Viewer
	Now    time.Time
	Seq    uint64
	Judged time.Time
	Notice string
	Live   bool

	Problem string // why what was asked for is not done, where no form says so

	Home    *Home
	Page    *Page
	Declare *DeclareView
	Archive *ArchiveView
	Audit   *AuditView
	Outbox  *OutboxView
	Me      *MeView
	SignIn  *access.View
	Refusal *RefusalView
}

// Viewer is whoever looks.
type Viewer struct {
	Name       string
	Act, Admin bool
}

// DeclareView is the page for declaring.
type DeclareView struct {
	Secret, Form Form
	Open         []Card
}

// ArchiveView is the page of past incidents.
type ArchiveView struct {
	Months, Older []Month
	OlderHere     bool
	Past          []Past
}

// AuditView is a page of the audit log.
type AuditView struct {
	Rows  []AuditRow
	Older uint64 // 0: there is no more
	Paged bool
}

// AuditRow is one entry of the audit log.
type AuditRow struct {
	incident.AuditEntry
	Clock, Name, What, How string
	Done                   bool
}

// MeView is the page of whoever is signed in.
type MeView struct {
	Name, ID, Role, May, Roles, Reach, Token, From string
	Known                                          bool
}

// RefusalView says that something is not to be had.
type RefusalView struct{ Title, Problem string }

// render writes a page, or nothing of it.
func render(w io.Writer, s Screen) error {
	var b bytes.Buffer
	if s.Icon == "" {
		s.Icon = assetURL("icon-unknown.svg")
	}
	if err := pages().ExecuteTemplate(&b, "layout", s); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Render writes the guard's own pages, the form for signing in among them: it is
// for access.Options.Render.
func Render(w io.Writer, v access.View) error {
	if v.Form {
		v.Problem = sentence(v.Problem)
		return render(w, Screen{Tab: "Sign in", SignIn: &v, Path: "/signin"})
	}
	return render(w, Screen{Tab: "Not possible", Refusal: &RefusalView{"Not possible", sentence(v.Problem) + "."}, Path: "/"})
}

// hub tells streams that something changed.
type hub struct {
	most int
	end  chan struct{}

	mu      sync.Mutex
	streams map[chan struct{}]bool
	closed  bool
}

// join gives a channel on which it is told that something changed; ok is false
// where there are too many, or the console ends.
func (h *hub) join() (ch chan struct{}, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.streams) >= h.most {
		return nil, false
	}
	if h.streams == nil {
		h.streams = map[chan struct{}]bool{}
	}
	ch = make(chan struct{}, 1)
	h.streams[ch] = true
	return ch, true
}

func (h *hub) leave(ch chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, ch)
}

func (h *hub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.streams {
		select {
		case ch <- struct{}{}:
		default: // it is told already
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.end)
	}
}
