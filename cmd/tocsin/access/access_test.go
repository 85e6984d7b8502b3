package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/store"
)

// house is a guarded service with a store of its own.
type house struct {
	*testing.T
	db    *store.DB
	guard *Guard
	mux   *http.ServeMux
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := &house{T: t, db: db, mux: http.NewServeMux()}
	h.guard = New(Options{Store: db, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	h.mux.Handle("GET /signin", h.guard.SignIn())
	h.mux.Handle("POST /signin", h.guard.PostSignIn())
	h.mux.Handle("POST /signout", h.guard.SignOut())
	who := func(w http.ResponseWriter, r *http.Request, who Who) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		fmt.Fprintf(w, "%s %s via %s from %s", who.Person, who.Role, who.Via, who.From)
	}
	for _, root := range []string{"/", "/api/v1/"} {
		h.mux.Handle(root+"see", h.guard.Require(Viewer, who))
		h.mux.Handle(root+"work", h.guard.Require(Responder, who))
		h.mux.Handle(root+"rule", h.guard.Require(Admin, who))
		h.mux.Handle(root+"open", h.guard.Require(Nobody, who))
	}
	return h
}

// token makes one for a person who is called as the role is.
func (h *house) token(role Role) string {
	h.Helper()
	secret, _, err := h.db.MakeToken(h.Context(), role.String(), role.String(), time.Time{}, time.Now())
	if err != nil {
		h.Fatal(err)
	}
	return secret
}

// ask sends a request; of is what changes it.
func (h *house) ask(method, target string, of ...func(*http.Request)) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequestWithContext(h.Context(), method, target, nil)
	for _, f := range of {
		f(r)
	}
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func bearer(secret string) func(*http.Request) { return header("Authorization", "Bearer "+secret) }

func from(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }

func with(c *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
}

func form(pairs ...string) func(*http.Request) {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return body(values.Encode())
}

func body(s string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(s)), int64(len(s))
	}
}

// signIn gives the cookie that a browser has then.
func (h *house) signIn(secret string, of ...func(*http.Request)) *http.Cookie {
	h.Helper()
	w := h.ask("POST", "/signin", append(of, form("token", secret))...)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 {
		h.Fatalf("signing in: %d %s", w.Code, w.Body)
	}
	return cookies[0]
}

func (h *house) audited() []store.Audited {
	h.Helper()
	all, err := h.db.AuditLog(context.WithoutCancel(h.Context()), 0, 1000)
	if err != nil {
		h.Fatal(err)
	}
	return all
}

func TestWhoMayDoWhat(t *testing.T) {
	h := newHouse(t)
	secrets := map[Role]string{Viewer: h.token(Viewer), Responder: h.token(Responder), Admin: h.token(Admin)}
	cookies := map[Role]*http.Cookie{}
	for role, secret := range secrets {
		cookies[role] = h.signIn(secret)
	}
	rooms := map[string]Role{"open": Viewer, "see": Viewer, "work": Responder, "rule": Admin} // what they take
	for _, role := range []Role{Nobody, Viewer, Responder, Admin} {
		for room, takes := range rooms {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
				for _, root := range []string{"/", "/api/v1/"} {
					as := map[string]func(*http.Request){"nothing": func(*http.Request) {}}
					if role > Nobody {
						as = map[string]func(*http.Request){"a bearer token": bearer(secrets[role]), "a session": with(cookies[role])}
					}
					for what, of := range as {
						want := http.StatusOK
						switch {
						case role == Nobody && root == "/" && (method == "GET" || method == "HEAD"):
							want = http.StatusSeeOther
						case role == Nobody:
							want = http.StatusUnauthorized
						case role < takes:
							want = http.StatusForbidden
						}
						if w := h.ask(method, root+room, of); w.Code != want {
							t.Errorf("%s %s%s by %q with %s: %d, want %d", method, root, room, role, what, w.Code, want)
						}
					}
				}
			}
		}
	}
}

func TestAHandlerIsToldWhoAsks(t *testing.T) {
	h := newHouse(t)
	secret := h.token(Responder)
	cookie := h.signIn(secret)
	for _, tt := range []struct {
		name string
		of   []func(*http.Request)
		want string
	}{
		{"a program", []func(*http.Request){bearer(secret)}, "responder responder via api from 192.0.2.1"},
		{"our own commands", []func(*http.Request){bearer(secret), header("User-Agent", "tocsin/1.0")}, "responder responder via cli from 192.0.2.1"},
		{"a browser", []func(*http.Request){with(cookie), from("[::ffff:198.51.100.7]:99")}, "responder responder via console from 198.51.100.7"},
		{"in small letters", []func(*http.Request){header("Authorization", "bearer   "+secret+" ")}, "responder responder via api from 192.0.2.1"},
		{"a proxy of ours", []func(*http.Request){bearer(secret), from("127.0.0.1:9"), header("X-Forwarded-For", "203.0.113.9, 198.51.100.8")}, "responder responder via api from 198.51.100.8"},
		{"a proxy of ours that heard nonsense", []func(*http.Request){bearer(secret), from("[::1]:9"), header("X-Forwarded-For", "<script>")}, "responder responder via api from ::1"},
		{"somebody else's proxy", []func(*http.Request){bearer(secret), header("X-Forwarded-For", "198.51.100.8")}, "responder responder via api from 192.0.2.1"},
		{"a socket", []func(*http.Request){bearer(secret), from("@")}, "responder responder via api from "},
	} {
		if got := h.ask("GET", "/work", tt.of...).Body.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	who := Who{Person: "ada", Role: Admin, Via: "api", From: "192.0.2.1"}
	if a := who.Sign(incident.Action{Do: incident.Approve}); a.By != "person:ada" || a.Role != "admin" || a.Via != "api" || a.From != "192.0.2.1" || a.Do != incident.Approve {
		t.Errorf("signed: %+v", a)
	}
}

func TestProgramsAreAnsweredInJSON(t *testing.T) {
	h := newHouse(t)
	problem := func(w *httptest.ResponseRecorder) string {
		t.Helper()
		var got map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != 1 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("not JSON with an error: %s (%v)", w.Body, err)
		}
		return got["error"]
	}
	w := h.ask("GET", "/api/v1/see")
	if p := problem(w); !strings.Contains(p, "tocsin token make NAME --role admin") || w.Header().Get("WWW-Authenticate") != `Bearer realm="tocsin"` {
		t.Errorf("the first visitor: %q %v", p, w.Header())
	}
	secret := h.token(Viewer)
	if p := problem(h.ask("GET", "/api/v1/see")); !strings.Contains(p, "Authorization: Bearer") || strings.Contains(p, "no token yet") {
		t.Errorf("without a token: %q", p)
	}
	w = h.ask("GET", "/api/v1/see", bearer("tocsin_nonsense"))
	if problem(w); w.Code != http.StatusUnauthorized || !strings.Contains(w.Header().Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("a bad token: %d %v", w.Code, w.Header())
	}
	if p := problem(h.ask("POST", "/api/v1/rule", bearer(secret))); !strings.Contains(p, "takes the role admin, and viewer has viewer") {
		t.Errorf("too little: %q", p)
	}
	// A script on a page could make nothing of a form, nor a program on its way to a page.
	for _, of := range []func(*http.Request){header("Sec-Fetch-Mode", "cors"), bearer("x")} {
		if w := h.ask("GET", "/see", of); w.Code != http.StatusUnauthorized {
			t.Errorf("a script: %d", w.Code)
		} else {
			problem(w)
		}
	}
}

func TestReadersAreLedToTheFormAndBack(t *testing.T) {
	h := newHouse(t)
	w := h.ask("GET", "/signin")
	if !strings.Contains(w.Body.String(), "tocsin token make NAME --role admin") {
		t.Errorf("the first visitor reads\n%s", w.Body)
	}
	secret := h.token(Viewer)
	w = h.ask("GET", "/see?region=eu&x=%22%3E")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/signin?next=%2Fsee%3Fregion%3Deu%26x%3D%2522%253E" {
		t.Fatalf("%d to %s", w.Code, to)
	}
	w = h.ask("GET", w.Header().Get("Location"))
	for _, want := range []string{`<label for="token">`, `type="password"`, `name="next" value="/see?region=eu&amp;x=%22%3E"`, `lang="en"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the form lacks %s:\n%s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "no token yet") {
		t.Error("it says that there is no token")
	}
	w = h.ask("POST", "/signin", form("token", " "+secret+"\n", "next", "/see?region=eu"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/see?region=eu" {
		t.Fatalf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	cookie := w.Result().Cookies()[0]
	if w := h.ask("GET", "/signin?next=/see", with(cookie)); w.Header().Get("Location") != "/see" {
		t.Errorf("who is signed in already is led to %q", w.Header().Get("Location"))
	}
	// A link in a chat: the browser keeps the cookie to itself, and shows it
	// when the page asks again.
	for _, of := range []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Referer", "https://chat.example/")} {
		w = h.ask("GET", "/see?region=eu", of)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `content="0; url=/see?region=eu"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	for _, of := range []func(*http.Request){header("Sec-Fetch-Site", "same-origin"), header("Referer", "http://example.com/see"), header("Referer", "%zz")} {
		if w = h.ask("GET", "/see?region=eu", of); w.Code != http.StatusSeeOther {
			t.Errorf("it asks for itself for ever: %d", w.Code)
		}
	}
}

func TestWhatWasSentAfterTheSessionEndedIsNotLostInSilence(t *testing.T) {
	h := newHouse(t)
	h.token(Viewer)
	w := h.ask("POST", "/work", with(&http.Cookie{Name: "tocsin", Value: "gone"}), header("Referer", "http://example.com/incidents/1?x=y"), form("text", "x"))
	if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "nothing was changed") || !strings.Contains(w.Body.String(), `value="/incidents/1?x=y"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = h.ask("POST", "/work", header("Referer", "https://evil.example/incidents/1"))
	if !strings.Contains(w.Body.String(), `name="next" value="/"`) {
		t.Errorf("a stranger's page is gone back to: %s", w.Body)
	}
}

func TestTheCookie(t *testing.T) {
	h := newHouse(t)
	secret := h.token(Viewer)
	plain := h.signIn(secret)
	tls := h.signIn(secret, header("X-Forwarded-Proto", "https"))
	for _, tt := range []struct {
		name   string
		c      *http.Cookie
		want   string
		secure bool
	}{{"plain", plain, "tocsin", false}, {"over TLS", tls, "__Host-tocsin", true}} {
		c := tt.c
		if c.Name != tt.want || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 12*60*60 {
			t.Errorf("%s: %v", tt.name, c)
		}
		if strings.Contains(secret, c.Value) {
			t.Errorf("%s: the cookie is the token", tt.name)
		}
	}
	if w := h.ask("GET", "/see", with(tls)); w.Code != http.StatusSeeOther {
		t.Errorf("the cookie of TLS without it: %d", w.Code)
	}
	if w := h.ask("GET", "/see", with(tls), header("X-Forwarded-Proto", "https")); w.Code != http.StatusOK {
		t.Errorf("over TLS: %d", w.Code)
	}
}

func TestWhatHoldsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		begun := time.Now()
		short, _, err := h.db.MakeToken(t.Context(), "ada", "admin", begun.Add(time.Hour), begun)
		if err != nil {
			t.Fatal(err)
		}
		long, longToken, err := h.db.MakeToken(t.Context(), "ada", "admin", time.Time{}, begun)
		if err != nil {
			t.Fatal(err)
		}
		ofShort, ofLong, out := h.signIn(short), h.signIn(long), h.signIn(long)
		good := func(name string, want bool, of func(*http.Request)) {
			t.Helper()
			if w := h.ask("GET", "/api/v1/rule", of); (w.Code == http.StatusOK) != want || !want && w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		good("a session", true, with(ofShort))
		good("another house's cookie", false, with(newHouse(t).foreign()))
		if w := h.ask("POST", "/signout", with(out)); w.Code != http.StatusSeeOther || w.Result().Cookies()[0].MaxAge >= 0 {
			t.Errorf("signing out: %d %v", w.Code, w.Header())
		}
		good("a cookie that was kept after signing out", false, with(out))
		time.Sleep(time.Hour)
		good("an expired token", false, bearer(short))
		good("a session of an expired token", false, with(ofShort))
		good("a session", true, with(ofLong))
		time.Sleep(11 * time.Hour)
		good("a session after twelve hours", false, with(ofLong))
		ofLong = h.signIn(long)
		good("another", true, with(ofLong))
		again := h.signIn(long, with(ofLong))
		good("the session before, in the same browser", false, with(ofLong))
		if err := h.db.RevokeToken(t.Context(), longToken.ID, time.Now()); err != nil {
			t.Fatal(err)
		}
		good("a revoked token", false, bearer(long))
		good("a session of a revoked token", false, with(again))
		if w := h.ask("POST", "/signin", form("token", long)); w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) > 0 {
			t.Errorf("signing in with a revoked token: %d", w.Code)
		}
	})
}

// foreign is a good cookie of this house.
func (h *house) foreign() *http.Cookie { return h.signIn(h.token(Admin)) }

func TestOtherSitesChangeNothing(t *testing.T) {
	h := newHouse(t)
	secret := h.token(Admin)
	cookie := h.signIn(secret)
	before := len(h.audited())
	for _, tt := range []struct {
		name string
		of   []func(*http.Request)
		want int
	}{
		{"another site's page", []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}, 403},
		{"a neighbour's page", []func(*http.Request){header("Sec-Fetch-Site", "same-site")}, 403},
		{"another origin, in an old browser", []func(*http.Request){header("Origin", "https://evil.example")}, 403},
		{"an origin that is hidden", []func(*http.Request){header("Origin", "null")}, 403},
		{"our own page", []func(*http.Request){header("Sec-Fetch-Site", "same-origin"), header("Origin", "http://example.com")}, 200},
		{"our own page, in an old browser", []func(*http.Request){header("Origin", "http://example.com")}, 200},
		{"no browser at all", nil, 200},
	} {
		for _, path := range []string{"/rule", "/api/v1/rule"} {
			if w := h.ask("POST", path, append(tt.of, with(cookie))...); w.Code != tt.want {
				t.Errorf("%s to %s: %d, want %d", tt.name, path, w.Code, tt.want)
			}
		}
		if w := h.ask("POST", "/signin", append(tt.of, form("token", secret))...); (w.Code == http.StatusForbidden) != (tt.want == 403) {
			t.Errorf("%s signs in: %d", tt.name, w.Code)
		}
	}
	if w := h.ask("POST", "/signout", with(cookie), header("Sec-Fetch-Site", "cross-site")); w.Code != http.StatusForbidden {
		t.Errorf("another site signs people out: %d", w.Code)
	}
	if e := h.audited()[len(h.audited())-before-1]; e.Action != "POST /rule" || !strings.Contains(e.Outcome, "another site's page") {
		t.Errorf("written down is %+v", e)
	}
}

func TestALargeRequestIsNotRead(t *testing.T) {
	h := newHouse(t)
	cookie := h.signIn(h.token(Admin))
	huge := strings.Repeat("x", MostBody+1)
	if w := h.ask("POST", "/api/v1/rule", with(cookie), body(huge)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("with its length: %d", w.Code)
	}
	unsaid := func(r *http.Request) { r.ContentLength = -1 }
	if w := h.ask("POST", "/api/v1/rule", with(cookie), body(huge), unsaid); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("without: %d", w.Code)
	}
	if w := h.ask("POST", "/signin", body("token="+huge), unsaid); w.Code != http.StatusBadRequest {
		t.Errorf("signing in with it: %d", w.Code)
	}
	if w := h.ask("POST", "/api/v1/rule", with(cookie), body(huge[1:])); w.Code != http.StatusOK {
		t.Errorf("what just fits: %d", w.Code)
	}
}

func TestEveryAnswerIsPrivate(t *testing.T) {
	h := newHouse(t)
	secret := h.token(Viewer)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a page":       h.ask("GET", "/see", bearer(secret)),
		"the form":     h.ask("GET", "/signin"),
		"a redirect":   h.ask("GET", "/see"),
		"unauthorized": h.ask("GET", "/api/v1/see"),
		"forbidden":    h.ask("GET", "/rule", bearer(secret)),
		"cross-origin": h.ask("POST", "/see", header("Sec-Fetch-Site", "cross-site")),
		"signed in":    h.ask("POST", "/signin", form("token", secret)),
	} {
		for head, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := w.Header().Get(head); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q", name, head, got)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", name, csp)
		}
	}
}

func TestNextLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/":                        "/",
		"/incidents/INC-2026-0001": "/incidents/INC-2026-0001",
		"/a?b=c&d=%2F%2Fevil#e":    "/a?b=c&d=%2F%2Fevil#e",
		"/a?to=https://evil":       "/a?to=https://evil",
		"/ü":                       "/%C3%BC",
		"":                         "/",
		"incidents":                "/",
		"https://evil.example/":    "/",
		"//evil.example/":          "/",
		"///evil.example/":         "/",
		"/\\evil.example/":         "/",
		"\\\\evil.example/":        "/",
		"/\t/evil.example/":        "/",
		"/\n/evil.example/":        "/",
		"/\x00/evil.example":       "/",
		" //evil.example":          "/",
		"javascript:alert(1)":      "/",
		"/%2F/evil.example":        "/",
		"/%zz":                     "/",
		"http:/evil.example":       "/",
		"//user@evil.example":      "/",
		"/signin?next=/signin":     "/",
		"/x/../signout":            "/",
		strings.Repeat("/a", 2000): "/",
		"/a\r\nSet-Cookie: x=y":    "/",
		"data:text/html,<script>":  "/",
		"/\u2028/evil":             "/%E2%80%A8/evil",
	} {
		if got := local(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{"/", "//a", "/\\a", "/a?b#c", "/%2f/a", "/./\t/a"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://tocsin.example/signin")
	f.Fuzz(func(t *testing.T, next string) {
		got := local(next)
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != "https" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") {
			t.Errorf("%q leads to %q", next, got)
		}
		if again := local(got); again != got {
			t.Errorf("%q leads to %q, and that to %q", next, got, again)
		}
	})
}

func TestHostileHeadersAreStrangers(t *testing.T) {
	h := newHouse(t)
	secret := h.token(Admin)
	cookie := h.signIn(secret)
	for i, tt := range []struct{ name, value string }{
		{"Authorization", ""},
		{"Authorization", "Bearer"},
		{"Authorization", "Bearer "},
		{"Authorization", "Basic " + secret},
		{"Authorization", secret},
		{"Authorization", "Bearer" + secret},
		{"Authorization", "Bearer " + secret + " " + secret},
		{"Authorization", "Bearer " + secret + ", Bearer x"},
		{"Authorization", "Bearer " + strings.Repeat("A", 1<<20)},
		{"Authorization", "Bearer \xff\xfe\x00' OR '1'='1"},
		{"Authorization", "Bearer " + cookie.Value},
		{"Cookie", "tocsin=" + secret},
		{"Cookie", "tocsin="},
		{"Cookie", "tocsin=\"" + cookie.Value},
		{"Cookie", "tocsin;tocsin=;=" + cookie.Value},
		{"Cookie", "Tocsin=" + cookie.Value},
		{"Cookie", "__Host-tocsin=" + cookie.Value},
		{"Cookie", strings.Repeat("tocsin=x; ", 5000)},
	} {
		addr := fmt.Sprintf("198.51.100.%d:1", i+1) // so that none is slowed down
		of := []func(*http.Request){header(tt.name, tt.value), from(addr)}
		if w := h.ask("GET", "/api/v1/see", of...); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %.60q: %d", tt.name, tt.value, w.Code)
		}
	}
	two := []func(*http.Request){bearer(secret), bearer(secret), with(cookie), from("203.0.113.1:1")}
	if w := h.ask("GET", "/api/v1/see", two...); w.Code != http.StatusUnauthorized {
		t.Errorf("two tokens at once, and a good cookie: %d", w.Code)
	}
	if w := h.ask("GET", "/api/v1/see", bearer("bad"), with(cookie), from("203.0.113.2:1")); w.Code != http.StatusUnauthorized {
		t.Errorf("a good cookie made a bad token good: %d", w.Code)
	}
	for _, e := range h.audited() {
		if strings.Contains(fmt.Sprint(e), secret[10:]) || strings.Contains(fmt.Sprint(e), cookie.Value) {
			t.Errorf("a secret is in the audit log: %+v", e)
		}
	}
}

// broken is a store that does not answer.
type broken struct{ Store }

func (broken) TokenOf(context.Context, string, time.Time) (store.Token, error) {
	return store.Token{}, errors.New("disk on fire")
}

func (broken) SessionOf(context.Context, string, time.Time) (store.Token, error) {
	return store.Token{}, errors.New("disk on fire")
}

func (broken) Audit(context.Context, incident.AuditEntry) error { return errors.New("disk on fire") }

func TestAStoreThatIsAwayLetsNobodyIn(t *testing.T) {
	h := newHouse(t)
	var log bytes.Buffer
	cookie := h.signIn(h.token(Admin))
	h.guard.Store, h.guard.Logger = broken{h.db}, slog.New(slog.NewTextHandler(&log, nil))
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a token":    h.ask("GET", "/api/v1/see", bearer("x")),
		"a session":  h.ask("GET", "/see", with(cookie)),
		"signing in": h.ask("POST", "/signin", form("token", "x")),
	} {
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if !strings.Contains(log.String(), "disk on fire") {
		t.Errorf("the log says\n%s", &log)
	}
	h.ask("POST", "/rule", header("Sec-Fetch-Site", "cross-site"))
	if !strings.Contains(log.String(), `msg="the audit log lacks an entry" action="POST /rule"`) {
		t.Errorf("the log says\n%s", &log)
	}
}

func TestAPageOfTheConsolesOwn(t *testing.T) {
	h := newHouse(t)
	h.guard.Render = func(w io.Writer, v View) error {
		if !v.Form {
			return errors.New("no template")
		}
		_, err := fmt.Fprintf(w, "styled, to %s", v.Next)
		return err
	}
	if w := h.ask("GET", "/signin?next=/see"); w.Body.String() != "styled, to /see" {
		t.Errorf("got %s", w.Body)
	}
	// One that fails leaves the plain one.
	if w := h.ask("POST", "/see", header("Origin", "https://evil.example")); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "another site&#39;s page") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
