package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/featuresignals/tocsin/cmd/tocsin/console"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// Somebody signs in with a token, declares an incident and signs out: the console
// over the real desk, store and guard.
func TestConsoleFromSigningInToSigningOut(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	config := &rules.Config{
		Policies: rules.DefaultPolicies(), Components: []rules.Component{{ID: "api", Name: "Management API"}},
		Regions: []rules.Region{{Code: "eu", Name: "Europe"}}, People: []rules.Person{{ID: "asha", Name: "Asha Rao"}},
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	k := &keeper{db: db, logger: logger}
	k.force.Store(&standing{setup: &setup{config: config, shown: page.Handler(t.TempDir()), words: builtInWords(t)}})
	k.desk, err = incident.NewDesk(t.Context(), incident.Options{Config: config, Log: db, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- k.desk.Run(t.Context()) }()
	t.Cleanup(func() { <-done })

	registry := prometheus.NewRegistry()
	k.health = newHealth(k, registry)
	p, err := k.private(registry)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.mux)
	defer server.Close()
	secret, _, err := db.MakeToken(t.Context(), "asha", "responder", time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}

	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	get := func(path string) (string, *http.Response) {
		t.Helper()
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		return text(t, resp), resp
	}
	post := func(path string, form url.Values) (string, *http.Response) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), "POST", server.URL+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", server.URL)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return text(t, resp), resp
	}
	if page, resp := get("/past"); !strings.Contains(page, `action="/signin"`) || resp.Request.URL.RawQuery != "next=%2Fpast" {
		t.Fatalf("a stranger is led to %s", resp.Request.URL)
	}
	if page, _ := post("/signin", url.Values{"token": {"tocsin_wrong"}, "next": {"/past"}}); !strings.Contains(page, "This token does not hold") {
		t.Errorf("a wrong token: %s", page)
	}
	if page, resp := post("/signin", url.Values{"token": {secret}, "next": {"/past"}}); !strings.Contains(page, "No incident has ended yet.") || resp.Request.URL.Path != "/past" {
		t.Fatalf("signed in, it leads to %s", resp.Request.URL)
	}
	page, resp := post("/declare", url.Values{"severity": {"P2"}, "component": {"api"}, "symptom": {"failing requests"}})
	if resp.StatusCode != http.StatusOK || !strings.Contains(page, "declared.") || !strings.Contains(page, "Failing requests") || !strings.Contains(page, "Asha Rao</strong> declares the incident") {
		t.Fatalf("%d\n%s", resp.StatusCode, page)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); csp != console.CSP {
		t.Errorf("CSP: %s", csp)
	}
	if page, resp := get("/audit"); resp.StatusCode != http.StatusForbidden || !strings.Contains(page, "Not possible") {
		t.Errorf("the audit log is shown to a responder: %d", resp.StatusCode)
	}
	if page, _ := post("/signout", nil); !strings.Contains(page, `action="/signin"`) {
		t.Error("signed out")
	}
	if _, resp := get("/"); resp.Request.URL.Path != "/signin" {
		t.Errorf("signed out, %s is shown", resp.Request.URL)
	}
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
