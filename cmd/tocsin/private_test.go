package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// Every route of the private listener, and the least role that it asks for;
// "anybody" asks for none.
var leastRole = map[string]string{
	"GET /healthz":  "anybody",
	"GET /readyz":   "anybody",
	"GET /metrics":  "anybody",
	"GET /signin":   "anybody",
	"POST /signin":  "anybody",
	"POST /signout": "anybody",

	"POST /slack/{channel}/interactions": "Slack", // whose signature no token stands for
	"GET /assets/{name}":                 "anybody",

	"GET /{$}":                   "viewer",
	"GET /":                      "viewer",
	"GET /past":                  "viewer",
	"GET /me":                    "viewer",
	"GET /live":                  "viewer",
	"GET /incidents/{id}":        "viewer",
	"GET /incidents/{id}/{verb}": "viewer",

	"GET /declare":                "responder",
	"POST /declare":               "responder",
	"POST /incidents/{id}/{verb}": "responder",
	"GET /outbox":                 "responder",
	"GET /outbox/letters":         "responder",
	"GET /outbox/{verb}":          "responder",
	"POST /outbox/{verb}":         "responder",
	"GET /api/v1/outbox/dead":     "responder", // targets are people's addresses, and some incidents are private

	"GET /audit":        "admin",
	"GET /api/v1/audit": "admin",
}

// What the public listener serves besides the page's files, where there are lists
// of mail. Whoever has the link may use it: mail programs sign in nowhere.
var publicRoutes = []string{"GET /unsubscribe/{token}", "POST /unsubscribe/{token}"}

// The API's own routes are read by viewers and acted on by responders, the audit
// log apart; cmd/tocsin/api has a table of what each answers. They are added in
// the test: the program that other tests start is this binary too.
func addRoutesOfTheAPI(t *testing.T) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			route := strings.ToUpper(method) + " " + path
			if !strings.HasPrefix(path, "/api/") {
				route = strings.ToUpper(method) + " /api/v1" + path
			}
			if _, ok := leastRole[route]; ok {
				continue
			}
			leastRole[route] = map[bool]string{true: "viewer", false: "responder"}[method == "get"]
		}
	}
}

// Nobody gets what the role does not allow, and nothing of it is on the public
// listener.
func TestEveryRouteAndWhoMayUseIt(t *testing.T) {
	addRoutesOfTheAPI(t)
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	config := rules.Default()
	logger := slog.New(slog.DiscardHandler)
	k := &keeper{db: db, logger: logger}
	mailing := *config
	mailing.Channels = append(slices.Clone(config.Channels), mailChannel("127.0.0.1:1"))
	channels, err := openChannels(&mailing, builtInWords(t), db)
	if err != nil {
		t.Fatal(err)
	}
	shown := page.Handler(t.TempDir())
	k.force.Store(&standing{setup: &setup{config: config, shown: shown, page: public(shown, channels), words: builtInWords(t)}})
	if k.desk, err = incident.NewDesk(t.Context(), incident.Options{Config: config, Log: db, Logger: logger}); err != nil {
		t.Fatal(err)
	}
	go func() { _ = k.desk.Run(t.Context()) }()
	registry := prometheus.NewRegistry()
	k.health = newHealth(k, registry)
	p, err := k.private(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.console.Routes() {
		if _, ok := leastRole[r.Pattern]; !ok {
			t.Errorf("the console's %s is not in the table", r.Pattern)
		}
	}
	tokens := map[string]string{"anybody": ""}
	for _, role := range []string{"viewer", "responder", "admin"} {
		if tokens[role], _, err = db.MakeToken(t.Context(), role, role, time.Time{}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	revoked, token, err := db.MakeToken(t.Context(), "gone", "admin", time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.RevokeToken(t.Context(), token.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	tokens["revoked"] = revoked

	ranks := []string{"anybody", "viewer", "responder", "admin"}
	seen := 0
	for route, least := range leastRole {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{$}", "", "{id}", "INC-2026-0001", "{verb}", "note", "{name}", "console.css", "{channel}", "team").Replace(path)
		if path == "/" && route == "GET /" {
			path = "/nowhere"
		}
		for who, secret := range tokens {
			if route == "GET /live" && slices.Index(ranks, who) > 0 {
				continue // it would be listened to for ever
			}
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("{"))
			r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:1000", seen/250, seen%250) // or the limit on failures would answer
			if secret != "" {
				r.Header.Set("Authorization", "Bearer "+secret)
			}
			w := httptest.NewRecorder()
			p.mux.ServeHTTP(w, r)
			seen++
			in := least != "Slack" && max(slices.Index(ranks, who), 0) >= slices.Index(ranks, least) // what is revoked is nobody's
			kept := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden || w.Code == http.StatusTooManyRequests ||
				w.Code == http.StatusSeeOther && strings.HasPrefix(w.Header().Get("Location"), "/signin")
			if signsIn := path == "/signin" || path == "/signout"; in == kept && !signsIn {
				t.Errorf("%s as %s: %d", route, who, w.Code)
			}
			if w.Code >= 500 && path != "/readyz" && path != "/healthz" {
				t.Errorf("%s as %s: %d", route, who, w.Code)
			}
			if path == "/" {
				continue // it is the page
			}
			w = httptest.NewRecorder()
			k.ServeHTTP(w, r.Clone(t.Context()))
			if w.Code < 400 {
				t.Errorf("%s is on the public listener: %d", route, w.Code)
			}
		}
	}
	link := unsubscribeLink(t, channels, db)
	for _, route := range publicRoutes {
		method, path, _ := strings.Cut(route, " ")
		path = strings.Replace(path, "{token}", link, 1)
		ask := func(h http.Handler, secret string) int {
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("List-Unsubscribe=One-Click"))
			r.RemoteAddr = "198.51.100.7:1000"
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if secret != "" {
				r.Header.Set("Authorization", "Bearer "+secret)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		if code := ask(k, ""); code != http.StatusOK {
			t.Errorf("%s on the public listener: %d", route, code)
		}
		if code := ask(p.mux, tokens["admin"]); code < 400 {
			t.Errorf("%s is on the private listener: %d", route, code)
		}
		if code := ask(public(page.Handler(t.TempDir()), nil), ""); code < 400 {
			t.Errorf("%s is there without any mail: %d", route, code)
		}
	}
	if seen < 200 {
		t.Errorf("only %d requests were made", seen)
	}
}
