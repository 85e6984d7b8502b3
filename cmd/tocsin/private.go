package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/cmd/tocsin/console"
	"github.com/featuresignals/tocsin/publisher/slack"
)

// private is what the private listener serves: the console and the API for
// whoever is signed in, health and metrics for whoever reaches it. Nothing of it
// is ever routed on the public one.
type private struct {
	guard   *access.Guard
	console *console.Console
	slack   *slack.Callbacks
	mux     *http.ServeMux
}

func (k *keeper) private(registry *prometheus.Registry) (*private, error) {
	p := &private{mux: http.NewServeMux()}
	p.guard = access.New(access.Options{Store: k.db, Logger: k.logger, CSP: console.CSP, Render: console.Render})
	letters := api.Letters{Outbox: k.db, Config: k.config, Wake: k.wake}
	p.console = console.New(console.Options{Desk: k.desk, Log: k.db, Letters: letters, Guard: p.guard, Config: k.config, Wrong: k.mistakes, Words: k.words, Logger: k.logger})
	p.mux.HandleFunc("GET /healthz", k.health.alive)
	p.mux.HandleFunc("GET /readyz", k.health.ready)
	p.mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	p.mux.Handle("GET /signin", p.guard.SignIn())
	p.mux.Handle("POST /signin", p.guard.PostSignIn())
	p.mux.Handle("POST /signout", p.guard.SignOut())
	p.mux.Handle("/api/", api.New(api.Options{Desk: k.desk, Log: k.db, Outbox: k.db, Wake: k.wake, Guard: p.guard, Words: k.words, Config: k.config, Logger: k.logger}))
	p.slack = k.callbacks()
	p.mux.Handle("POST /slack/{channel}/interactions", p.slack) // Slack signs; it has no token of ours
	p.mux.Handle("/", p.console)
	return p, nil
}
