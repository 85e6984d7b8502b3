// Package access says who may do what on the private listener, over HTTP.
//
// Whoever comes shows a token: programs with each request, as a bearer; people
// once, at /signin, where they get the cookie of a session in exchange. A token
// stands for one person in one role, and Guard hands both to the handler that
// it protects. Whatever changes something must come from our own pages or from
// a program, never from somebody else's page in the same browser. Who signs in
// or out, and what was refused to whom, is written to the audit log; guesses
// are slowed down, and a flood of them leaves a count, not a row each. The
// package knows nothing of what it protects.
package access

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/store"
)

// Role is what somebody may do. Each may do what those before it may.
type Role uint8

const (
	Nobody    Role = iota // nothing
	Viewer                // see what is not private, change nothing
	Responder             // work on incidents
	Admin                 // everything
)

var roleNames = []string{Nobody: "", Viewer: "viewer", Responder: "responder", Admin: "admin"}

// String gives the role's name, as it is stored.
func (r Role) String() string { return roleNames[r] }

// ParseRole gives the role of a name, Nobody for one that is none.
func ParseRole(name string) Role {
	for r, n := range roleNames {
		if n == name {
			return Role(r)
		}
	}
	return Nobody
}

// Who is behind a request.
type Who struct {
	Person string // ID of the person, "" if nobody is signed in
	Role   Role
	Token  int64  // number of the token that was shown, or that the session stands for
	Via    string // "console" with a session, "cli" for tocsin's own commands, else "api"
	From   string // the address that it came from
}

// Sign says in an action who does it, for the desk and for the audit log.
func (w Who) Sign(a incident.Action) incident.Action {
	a.By, a.Via, a.Role, a.From = incident.Person(w.Person), w.Via, w.Role.String(), w.From
	return a
}

// Entry begins an entry of the audit log.
func (w Who) Entry(action string, at time.Time) incident.AuditEntry {
	return incident.AuditEntry{At: at, Who: w.Person, Role: w.Role.String(), Via: w.Via, From: w.From, Action: action, Outcome: "done"}
}

// Store is what Guard needs of the store. store.DB is one.
type Store interface {
	TokenOf(ctx context.Context, secret string, at time.Time) (store.Token, error)
	Tokens(ctx context.Context) ([]store.Token, error)
	MakeSession(ctx context.Context, token int64, at time.Time, lasts time.Duration) (string, error)
	SessionOf(ctx context.Context, secret string, at time.Time) (store.Token, error)
	EndSession(ctx context.Context, secret string) error
	Audit(ctx context.Context, e incident.AuditEntry) error
}

var _ Store = (*store.DB)(nil)

// Options is what a guard works with.
type Options struct {
	Store  Store
	Logger *slog.Logger

	// CSP is the Content-Security-Policy of whatever is guarded; DefaultCSP by
	// default.
	CSP string

	// Render writes the pages that are the guard's own: the form for signing in,
	// and what is in the way. A plain page by default.
	Render func(io.Writer, View) error

	// Proxies are the addresses whose X-Forwarded-For is believed: the last
	// address in it is whom a proxy heard from. By default those of this machine.
	Proxies []netip.Prefix
}

// Guard lets in whom it knows. It is ready for use by many at once.
type Guard struct {
	Options
	origins           *http.CrossOriginProtection
	bearers           *limiter // apart from signins, so that a program with a dead token keeps nobody from signing in
	signins           *limiter
	strangers, people *ledger
	someToken         atomic.Bool // there is a token; there is no way back, since none is ever deleted
}

const (
	// SessionLasts is how long a person stays signed in: a shift.
	SessionLasts = 12 * time.Hour

	// MostBody is the size of the largest request that is read: a post-mortem
	// fits, a flood does not.
	MostBody = 64 << 10
)

// New makes a guard. Its Run writes down what it counts.
func New(o Options) *Guard {
	o.CSP = cmp.Or(o.CSP, DefaultCSP)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Render == nil {
		o.Render = plain
	}
	if o.Proxies == nil {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return &Guard{
		Options: o, origins: http.NewCrossOriginProtection(),
		bearers: newLimiter(), signins: newLimiter(),
		strangers: &ledger{few: fewOfStrangers}, people: &ledger{few: fewOfPeople},
	}
}

// Handler is a handler that is told who asks.
type Handler func(http.ResponseWriter, *http.Request, Who)

// Require lets in whoever has at least that role, and turns others away: under
// /api/, and where a script asks, with JSON; elsewhere by leading to the form for
// signing in. What changes something is refused when it comes from another
// origin. All that it answers may be seen by whoever asked, and is kept by
// nobody.
func (g *Guard) Require(role Role, h Handler) http.Handler {
	return g.private(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		who, err := g.who(r, at)
		switch {
		case err != nil:
			g.turnAway(w, r, who, err, at)
		case who.Role < max(role, Viewer):
			g.refuse(w, r, who, at, http.StatusForbidden,
				fmt.Sprintf("this takes the role %s, and %s has %s: ask an admin for a token of that role", max(role, Viewer), who.Person, who.Role))
		default:
			h(w, r, who)
		}
	})
}

// private is what holds of every answer on the private side, and of every
// request before anything of it is believed.
func (g *Guard) private(h http.HandlerFunc) http.Handler {
	return Headers(g.CSP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.origins.Check(r); err != nil {
			g.refuse(w, r, g.stranger(r), time.Now(), http.StatusForbidden,
				"this came from another site's page: open Tocsin's own page and do it there")
			return
		}
		if r.ContentLength > MostBody {
			g.answer(w, r, http.StatusRequestEntityTooLarge, View{Problem: fmt.Sprintf("this is larger than %d KiB: send less", MostBody>>10)})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, MostBody)
		h(w, r)
	}))
}

// What is in the way of knowing who asks.
var (
	errAnonymous = errors.New("nobody is signed in")
	errDead      = errors.New("the session is over")
	errBadToken  = errors.New("the token is unknown, expired or revoked")
)

// errTooMany says how long a stranger has to wait.
type errTooMany time.Duration

func (e errTooMany) Error() string { return "too many attempts that failed" }

// who finds out who asks. A bearer token goes before a cookie, and one that is
// bad is not made good by a cookie.
func (g *Guard) who(r *http.Request, at time.Time) (Who, error) {
	who := g.stranger(r)
	if _, ok := r.Header["Authorization"]; ok {
		who.Via = "api"
		if strings.HasPrefix(r.UserAgent(), "tocsin/") {
			who.Via = "cli"
		}
		t, err := g.bearer(r, at)
		return who.as(t), err
	}
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return who, errAnonymous
	}
	// Not counted as a guess: a page that is left open asks again and again with
	// a cookie that has died, and must not shut its reader out of signing in.
	t, err := g.Store.SessionOf(r.Context(), c.Value, at)
	if errors.Is(err, store.ErrNoToken) {
		return who, errDead
	}
	return who.as(t), err
}

// stranger is somebody of whom nothing is known yet but the address.
func (g *Guard) stranger(r *http.Request) Who {
	w := Who{Via: "console"}
	if addr := g.from(r); addr.IsValid() {
		w.From = addr.String()
	}
	return w
}

func (w Who) as(t store.Token) Who {
	w.Person, w.Role, w.Token = t.Person, ParseRole(t.Role), t.ID
	return w
}

// bearer looks a request's token up.
func (g *Guard) bearer(r *http.Request, at time.Time) (store.Token, error) {
	secret := ""
	if values := r.Header["Authorization"]; len(values) == 1 {
		scheme, rest, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "bearer") {
			secret = strings.TrimSpace(rest)
		}
	}
	return g.token(r, secret, g.bearers, at)
}

// token looks a token up, if the address has not failed too often.
func (g *Guard) token(r *http.Request, secret string, l *limiter, at time.Time) (store.Token, error) {
	from := g.from(r)
	if wait := l.wait(from, at); wait > 0 {
		return store.Token{}, errTooMany(wait)
	}
	t, err := g.Store.TokenOf(r.Context(), secret, at)
	switch {
	case errors.Is(err, store.ErrNoToken):
		l.failed(from, at)
		return store.Token{}, errBadToken
	case err == nil:
		l.succeeded(from, at)
	}
	return t, err
}

// turnAway answers a request of which it is not known who asks.
func (g *Guard) turnAway(w http.ResponseWriter, r *http.Request, who Who, err error, at time.Time) {
	page := !scripted(r)
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	wait, tooMany := errors.AsType[errTooMany](err)
	switch {
	case tooMany:
		g.tooMany(w, r, who, time.Duration(wait), "/", at)
	case errors.Is(err, errAnonymous) || errors.Is(err, errDead):
		if page && reads {
			g.toSignIn(w, r)
			return
		}
		if !reads { // a browser that only comes by is no news
			g.write(r, who, action(r), err.Error(), at)
		}
		g.unauthorized(w, r, `Bearer realm="tocsin"`)
	case errors.Is(err, errBadToken):
		g.write(r, who, action(r), err.Error(), at)
		g.unauthorized(w, r, `Bearer realm="tocsin", error="invalid_token"`)
	default:
		g.broken(w, r, err)
	}
}

// action is what a request asks for, as the audit log names it: not yet decoded,
// so that nothing in it moves the terminal of whoever reads it.
func action(r *http.Request) string {
	const most = 200
	s := r.Method + " " + r.URL.EscapedPath()
	return s[:min(len(s), most)]
}

// unauthorized asks for a token.
func (g *Guard) unauthorized(w http.ResponseWriter, r *http.Request, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	v := View{Form: true, Next: referer(r), First: g.first(r)}
	switch {
	case !scripted(r):
		v.Problem = "You are signed out, and nothing was changed. Sign in, and do it again."
	case v.First:
		v.Problem = noTokenYet
	default:
		v.Problem = `no token that holds was sent: send one as "Authorization: Bearer tocsin_…"; tocsin token make NAME makes one`
	}
	g.answer(w, r, http.StatusUnauthorized, v)
}

// noTokenYet is what the very first visitor has to know.
const noTokenYet = "there is no token yet: on the machine that Tocsin runs on, tocsin token make NAME --role admin makes the first"

// first reports whether there has never been a token.
func (g *Guard) first(r *http.Request) bool {
	if g.someToken.Load() {
		return false
	}
	tokens, err := g.Store.Tokens(r.Context())
	if err != nil || len(tokens) > 0 {
		g.someToken.Store(err == nil)
		return false
	}
	return true
}

// tooMany slows a stranger down. What was sent has not been looked at.
func (g *Guard) tooMany(w http.ResponseWriter, r *http.Request, who Who, wait time.Duration, next string, at time.Time) {
	g.write(r, who, action(r), errTooMany(wait).Error(), at)
	seconds := int((wait + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	g.answer(w, r, http.StatusTooManyRequests, View{
		Form: true, Next: next, Problem: fmt.Sprintf("too many attempts failed: try again in %d seconds", seconds),
	})
}

// broken answers when the store does not. Why is for the log alone.
func (g *Guard) broken(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // whoever asked has gone
	}
	g.Logger.Error("it cannot be told who asks", "err", err)
	w.Header().Set("Retry-After", "5")
	g.answer(w, r, http.StatusServiceUnavailable, View{Problem: "the store does not answer: try again in a few seconds; the log says why"})
}

// refuse turns somebody away for good, and writes it down.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, who Who, at time.Time, status int, problem string) {
	g.write(r, who, action(r), problem, at)
	g.answer(w, r, status, View{Problem: problem, Who: who})
}

// answer says what is in the way: to programs as JSON, to people as a page.
func (g *Guard) answer(w http.ResponseWriter, r *http.Request, status int, v View) {
	var body bytes.Buffer
	kind := "application/json"
	if scripted(r) {
		_ = json.NewEncoder(&body).Encode(map[string]string{"error": v.Problem}) // a string can be written
	} else {
		kind = "text/html; charset=utf-8"
		if err := g.Render(&body, v); err != nil {
			g.Logger.Error("render a page of the guard", "err", err)
			body.Reset()
			_ = plain(&body, v)
		}
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // whoever asked has gone
}

// scripted reports whether a program reads the answer, or a script on a page,
// which could make nothing of a form.
func scripted(r *http.Request) bool {
	_, bearer := r.Header["Authorization"]
	mode := r.Header.Get("Sec-Fetch-Mode")
	return bearer || strings.HasPrefix(r.URL.Path, "/api/") || mode != "" && mode != "navigate"
}

// toSignIn leads a reader to the form. Browsers keep a strict cookie to
// themselves when a link on another site leads here, as one in a chat does: the
// page then asks once more for itself, with the cookie.
func (g *Guard) toSignIn(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.RequestURI())
	if elsewhere(r) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = again.Execute(w, next) // whoever asked has gone
		return
	}
	http.Redirect(w, r, "/signin?next="+url.QueryEscape(next), http.StatusSeeOther)
}

// elsewhere reports whether another site's page led here. Over plain HTTP only
// the referrer tells; once the page has asked for itself, that is ours.
func elsewhere(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "cross-site"
	}
	u, err := url.Parse(r.Referer())
	return err == nil && u.Host != "" && u.Host != r.Host
}

var again = template.Must(template.New("again").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tocsin</title><meta http-equiv="refresh" content="0; url={{.}}"></head>
<body><p><a href="{{.}}">Go on</a></p></body></html>
`))

// from is the address that a request came from.
func (g *Guard) from(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a test, or a socket that is none of the network's
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, p := range g.Proxies {
		if !p.Contains(addr) {
			continue
		}
		heard := r.Header["X-Forwarded-For"]
		if len(heard) == 0 {
			return addr
		}
		last := heard[len(heard)-1]
		last = last[strings.LastIndexByte(last, ',')+1:]
		if client, err := netip.ParseAddr(strings.TrimSpace(last)); err == nil {
			return client.Unmap().WithZone("")
		}
		return addr
	}
	return addr
}
