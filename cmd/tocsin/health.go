package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// health watches the watcher: when it last tried, when it last succeeded, and
// how old what waits in the outbox is.
type health struct {
	config *rules.Config
	desk   *incident.Desk
	db     *store.DB
	began  time.Time
	failed prometheus.Counter
	logger *slog.Logger

	mu    sync.Mutex
	tried time.Time
	err   error // of the newest tick
}

const (
	stuckAfter = 3 * time.Minute // without a tick, the schedule is broken
	staleAfter = 3 * time.Minute // beyond the lag, the newest judged minute is old
	oldAfter   = 5 * time.Minute // a delivery that waits longer is late
)

func newHealth(config *rules.Config, desk *incident.Desk, db *store.DB, reg prometheus.Registerer, logger *slog.Logger) *health {
	h := &health{config: config, desk: desk, db: db, logger: logger, began: time.Now(), failed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tocsin_ticks_failed_total", Help: "Ticks at which the source or the timeline gave an error.",
	})}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	reg.MustRegister(h.failed,
		gauge("tocsin_judged_age_seconds", "Age of the newest judged minute; the lag of the source is part of it.", func() float64 {
			return h.age().Seconds()
		}),
		gauge("tocsin_incidents_open", "Incidents that are open.", func() float64 { return float64(len(desk.Board().Open)) }),
		gauge("tocsin_worst_severity", "The worst severity that is open: 5 is P0, 1 is P4, 0 is none.", func() float64 {
			worst := rules.SeverityNone
			for _, i := range desk.Board().Open {
				worst = max(worst, i.Severity())
			}
			return float64(worst)
		}),
		gauge("tocsin_promises_missed", "Promised updates of open incidents that were not made in time.", func() float64 {
			n := 0
			for _, i := range desk.Board().Open {
				n += len(i.Missed)
			}
			return float64(n)
		}))
	return h
}

// age is how old the newest judged minute is; since the start if there is none.
func (h *health) age() time.Duration {
	judged := h.desk.Judged()
	if judged.IsZero() {
		judged = h.began
	}
	return time.Since(judged)
}

// progressed notes that a tick is at work: a long catch-up is no standstill.
func (h *health) progressed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tried = time.Now()
}

// ticked notes how a tick went.
func (h *health) ticked(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil && h.err == nil:
		h.logger.Error("minutes cannot be judged", "err", err)
	case err == nil && h.err != nil:
		h.logger.Info("minutes are judged again", "up_to", h.desk.Judged())
	}
	h.tried, h.err = time.Now(), err
	if err != nil {
		h.failed.Inc()
	}
}

// report is what /healthz and /readyz answer.
type report struct {
	Good    bool              `json:"good"`
	Judged  time.Time         `json:"judged"` // end of the newest judged minute
	Tried   time.Time         `json:"tried"`  // the newest attempt to judge
	Source  string            `json:"source"` // what it said
	Outbox  []publisher.Queue `json:"outbox"`
	Wanting []string          `json:"wanting"` // what is not as it should be
}

func (h *health) report(ctx context.Context) report {
	h.mu.Lock()
	r := report{Judged: h.desk.Judged(), Tried: h.tried, Source: "answers"}
	if h.err != nil {
		r.Source = h.err.Error()
	}
	h.mu.Unlock()
	last := r.Tried
	if last.IsZero() {
		last = h.began
	}
	if time.Since(last) > stuckAfter {
		r.Wanting = append(r.Wanting, "no minute was judged or tried for "+time.Since(last).Round(time.Second).String())
	}
	queues, err := h.db.Queues(ctx)
	if err != nil {
		r.Wanting = append(r.Wanting, "the store: "+err.Error())
	}
	r.Outbox = queues
	return r
}

// alive answers whether the process works; a store of telemetry that is away is
// not its fault, and starting it again would not help.
func (h *health) alive(w http.ResponseWriter, r *http.Request) {
	answer(w, h.report(r.Context()))
}

// ready answers whether what it says can be trusted: the newest judged minute
// is fresh and deliveries go out.
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	rep := h.report(r.Context())
	if age := h.age(); age > h.config.SigNoz.Lag+staleAfter {
		rep.Wanting = append(rep.Wanting, "the newest judged minute is "+age.Round(time.Second).String()+" old")
	}
	for _, q := range rep.Outbox {
		if !q.Oldest.IsZero() && time.Since(q.Oldest) > oldAfter {
			rep.Wanting = append(rep.Wanting, "channel "+q.Channel+" has deliveries that wait since "+q.Oldest.UTC().Format(time.RFC3339))
		}
		if q.Dead > 0 {
			rep.Wanting = append(rep.Wanting, "channel "+q.Channel+" has dead letters: see tocsin_outbox_dead_letters and the log")
		}
	}
	answer(w, rep)
}

func answer(w http.ResponseWriter, r report) {
	r.Good = len(r.Wanting) == 0
	w.Header().Set("Content-Type", "application/json")
	if !r.Good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(r) // whoever asked has gone
}
