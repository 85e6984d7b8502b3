package access

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// SignIn serves GET /signin, the form.
func (g *Guard) SignIn() http.Handler {
	return g.private(func(w http.ResponseWriter, r *http.Request) {
		next := local(r.URL.Query().Get("next"))
		if who, err := g.who(r, time.Now()); err == nil && who.Via == "console" {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return
		}
		g.answer(w, r, http.StatusOK, View{Form: true, Next: next, First: g.first(r)})
	})
}

// PostSignIn serves POST /signin: a token for a session.
func (g *Guard) PostSignIn() http.Handler {
	return g.private(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		who := g.stranger(r)
		if err := r.ParseForm(); err != nil {
			g.answer(w, r, http.StatusBadRequest, View{Form: true, Next: "/", Problem: "What came is not this form: send this one."})
			return
		}
		next := local(r.PostForm.Get("next"))
		t, err := g.token(r, strings.TrimSpace(r.PostForm.Get("token")), g.signins, at)
		if wait, ok := errors.AsType[errTooMany](err); ok {
			g.tooMany(w, r, who, time.Duration(wait), next, at)
			return
		}
		if errors.Is(err, errBadToken) {
			g.write(r, who, "sign in", err.Error(), at)
			w.Header().Set("WWW-Authenticate", `Bearer realm="tocsin"`)
			g.answer(w, r, http.StatusUnauthorized, View{
				Form: true, Next: next, First: g.first(r),
				Problem: "This token does not hold: it is unknown, expired or revoked.",
			})
			return
		}
		if err != nil {
			g.broken(w, r, err)
			return
		}
		secret, err := g.Store.MakeSession(r.Context(), t.ID, at, SessionLasts)
		if err != nil {
			g.broken(w, r, err)
			return
		}
		g.endSession(r) // the one before, so that none is left behind
		g.write(r, who.as(t), "sign in", "done", at)
		http.SetCookie(w, cookie(r, secret, int(SessionLasts/time.Second)))
		http.Redirect(w, r, next, http.StatusSeeOther)
	})
}

// SignOut serves POST /signout.
func (g *Guard) SignOut() http.Handler {
	return g.private(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		who, err := g.who(r, at)
		if g.endSession(r) && err == nil {
			g.write(r, who, "sign out", "done", at)
		}
		http.SetCookie(w, cookie(r, "", -1))
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
	})
}

// endSession ends the session whose cookie a request has, and reports whether
// there was one.
func (g *Guard) endSession(r *http.Request) bool {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return false
	}
	if err := g.Store.EndSession(r.Context(), c.Value); err != nil {
		g.Logger.Error("a session stays open until it expires", "err", err)
		return false
	}
	return true
}

// secure reports whether the browser reached us over TLS.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// cookieName is the name of the session's cookie. Browsers take one that begins
// with __Host- over TLS only, and from this very host: no neighbour can plant it.
func cookieName(r *http.Request) string {
	if secure(r) {
		return "__Host-tocsin"
	}
	return "tocsin"
}

func cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteStrictMode,
	}
}

// local gives an address within this service, and "/" for everything else: an
// address that a stranger chose must not lead elsewhere after the sign-in.
func local(next string) string {
	const most = 2000
	if len(next) > most || strings.ContainsFunc(next, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
		return "/" // browsers drop some of these, and read the others as slashes
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.Host != "" || u.User != nil {
		return "/"
	}
	to := u.String()
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(u.Path, "//") || len(to) > most {
		return "/"
	}
	if clean := path.Clean(u.Path); clean == "/signin" || clean == "/signout" {
		return "/"
	}
	return to
}

// referer is the page that a request came from, if it is ours.
func referer(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "/"
	}
	return local(u.RequestURI())
}
