package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
)

// health watches the watcher: for each source when it was last tried and last
// judged, how old what waits in the outbox is, and whether the configuration in
// force is the one that is written.
type health struct {
	keeper *keeper
	began  time.Time
	failed *prometheus.CounterVec

	mu    sync.Mutex
	tries map[string]try // by source
}

// try is the newest attempt to judge a source's minutes.
type try struct {
	at  time.Time
	err error
}

const (
	stuckAfter = 3 * time.Minute // without a tick, the schedule is broken
	staleAfter = 3 * time.Minute // beyond the lag, the newest judged minute is old
)

func newHealth(k *keeper, reg prometheus.Registerer) *health {
	h := &health{keeper: k, began: time.Now(), tries: map[string]try{}, failed: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tocsin_ticks_failed_total", Help: "Ticks at which the source or the timeline gave an error.",
	}, []string{"source"})}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	total := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f)
	}
	reg.MustRegister(h.failed, collector(h.collect),
		gauge("tocsin_incidents_open", "Incidents that are open.", func() float64 { return float64(len(k.desk.Board().Open)) }),
		gauge("tocsin_worst_severity", "The worst severity that is open: 5 is P0, 1 is P4, 0 is none.", func() float64 {
			worst := rules.SeverityNone
			for _, i := range k.desk.Board().Open {
				worst = max(worst, i.Severity())
			}
			return float64(worst)
		}),
		total("tocsin_promises_missed_total", "Promised updates that were not made in time.", func() float64 {
			return float64(everyIncident(k, func(i incident.Incident) int { return len(i.Missed) }))
		}),
		total("tocsin_promises_kept_total", "Promised updates that were made in time.", func() float64 {
			return float64(everyIncident(k, func(i incident.Incident) int { return i.Kept }))
		}),
		total("tocsin_calls_total", "Calls to people: pages, escalations, reminders, and the words that they need not come.", func() float64 {
			return float64(everyIncident(k, func(i incident.Incident) int { return i.Called }))
		}),
		gauge("tocsin_incidents_unacknowledged", "Open incidents that people are called for and that nobody has acknowledged.", func() float64 {
			n := 0
			for _, i := range k.desk.Board().Open {
				if len(i.Alarms) > 0 && i.Ack == nil {
					n++
				}
			}
			return float64(n)
		}),
		gauge("tocsin_words_waiting", "Incidents whose first words for customers wait, by the clock or for a person.", func() float64 {
			n := 0
			for _, i := range k.desk.Board().Open {
				if i.Draft != nil {
					n++
				}
			}
			return float64(n)
		}),
		gauge("tocsin_series_beyond_limit", "Series beyond sources.signoz.max_series in what was read last; they are counted together as \"other\".", func() float64 {
			if spans := k.force.Load().spans; spans != nil {
				return float64(spans.Overflow())
			}
			return 0
		}),
		gauge("tocsin_config_bad", "1 while the configuration as it is written is not in force, since something is wrong with it; else 0.", func() float64 {
			if k.refused.Load() != nil {
				return 1
			}
			return 0
		}))
	return h
}

// everyIncident adds up what f says of each incident there ever was.
func everyIncident(k *keeper, f func(incident.Incident) int) int {
	n, board := 0, k.desk.Board()
	for _, list := range [][]incident.Incident{board.Open, board.Past} {
		for _, i := range list {
			n += f(i)
		}
	}
	return n
}

var (
	ageDesc = prometheus.NewDesc("tocsin_judged_age_seconds",
		"Age of the newest judged minute; the lag of the source is part of it.", []string{"source"}, nil)
	configDesc = prometheus.NewDesc("tocsin_config_loaded_timestamp_seconds",
		"Since when (unix time) the configuration is in force; sum is the beginning of the SHA-256 of its files.", []string{"sum"}, nil)
)

// collector is what is asked at each scrape, since its labels change with the
// configuration.
type collector func(chan<- prometheus.Metric)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- ageDesc
	ch <- configDesc
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) { c(ch) }

func (h *health) collect(ch chan<- prometheus.Metric) {
	now := h.keeper.force.Load()
	for _, l := range now.loops {
		ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, h.age(l.Name).Seconds(), l.Name)
	}
	ch <- prometheus.MustNewConstMetric(configDesc, prometheus.GaugeValue, float64(now.since.UnixMilli())/1000, short(now.sum))
}

// age is how old the newest judged minute of a source is; since the start if
// there is none.
func (h *health) age(source string) time.Duration {
	judged := h.keeper.desk.JudgedOf(source)
	if judged.IsZero() {
		judged = h.began
	}
	return time.Since(judged)
}

// progressed notes that a tick is at work: a long catch-up is no standstill.
func (h *health) progressed(source string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tries[source] = try{time.Now(), h.tries[source].err}
}

// ticked notes how a tick went.
func (h *health) ticked(source string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch was := h.tries[source].err; {
	case err != nil && was == nil:
		h.keeper.logger.Error("minutes cannot be judged", "source", source, "err", err)
	case err == nil && was != nil:
		h.keeper.logger.Info("minutes are judged again", "source", source, "up_to", h.keeper.desk.JudgedOf(source))
	}
	h.tries[source] = try{time.Now(), err}
	if err != nil {
		h.failed.WithLabelValues(source).Inc()
	}
}

// report is what /healthz and /readyz answer.
type report struct {
	Good    bool                    `json:"good"`
	Sources map[string]sourceReport `json:"sources"` // those that feed a rule
	Outbox  []publisher.Queue       `json:"outbox"`
	Config  configReport            `json:"config"`
	Wanting []string                `json:"wanting"` // what is not as it should be
}

type sourceReport struct {
	Judged time.Time `json:"judged"` // end of the newest judged minute
	Tried  time.Time `json:"tried"`  // the newest attempt to judge
	Answer string    `json:"answer"` // what it said
}

// configReport tells of the configuration in force, and of a newer one that is
// not. That is for people to mend: what is in force works, and so it makes
// nothing unready.
type configReport struct {
	Sum     string    `json:"sum"`
	Since   time.Time `json:"since"`
	Refused *refusal  `json:"refused,omitempty"`
}

func (h *health) report(ctx context.Context) report {
	now := h.keeper.force.Load()
	r := report{
		Sources: map[string]sourceReport{},
		Config:  configReport{short(now.sum), now.since.UTC(), h.keeper.refused.Load()},
	}
	for _, l := range now.loops {
		h.mu.Lock()
		last := h.tries[l.Name]
		h.mu.Unlock()
		s := sourceReport{Judged: h.keeper.desk.JudgedOf(l.Name), Tried: last.at.UTC(), Answer: "answers"}
		if last.err != nil {
			s.Answer = last.err.Error()
		}
		r.Sources[l.Name] = s
		if last.at.Before(now.since) {
			last.at = now.since // it has just been taken up
		}
		if age := time.Since(last.at); age > stuckAfter {
			r.Wanting = append(r.Wanting, "no minute of "+l.Name+" was judged or tried for "+age.Round(time.Second).String())
		}
	}
	queues, err := h.keeper.db.Queues(ctx)
	if err != nil {
		r.Wanting = append(r.Wanting, "the store: "+err.Error())
	}
	for n := range queues {
		if queues[n].Halted != "" { // what the target said can hold an address
			queues[n].Halted = "tocsin outbox list says why"
		}
	}
	r.Outbox = queues
	return r
}

// alive answers whether the process works; a store of telemetry that is away is
// not its fault, and starting it again would not help.
func (h *health) alive(w http.ResponseWriter, r *http.Request) {
	answer(w, h.report(r.Context()))
}

// ready answers whether what it says can be trusted: the newest judged minutes
// are fresh, the page that readers get is, and deliveries go out.
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	rep := h.report(r.Context())
	for _, l := range h.keeper.force.Load().loops {
		if age := h.age(l.Name); age > l.Lag+staleAfter {
			rep.Wanting = append(rep.Wanting, "the newest judged minute of "+l.Name+" is "+age.Round(time.Second).String()+" old")
		}
	}
	if until := h.keeper.force.Load().shown.ValidUntil(); !until.IsZero() && time.Now().After(until) {
		rep.Wanting = append(rep.Wanting, "the public page holds until "+until.UTC().Format(time.RFC3339)+" only, and is grey: the log says why it is not published")
	}
	channels := h.keeper.config().Channels
	for _, q := range rep.Outbox {
		at := slices.IndexFunc(channels, func(c rules.Channel) bool { return c.Name == q.Channel })
		if at < 0 {
			continue // what it left concerns nobody, and is put away on the console
		}
		isMail := channels[at].Type == "email"
		if q.Halted != "" {
			rep.Wanting = append(rep.Wanting, "channel "+q.Channel+" is halted: tocsin outbox list says why")
		}
		if q.Late(isMail, time.Now()) {
			rep.Wanting = append(rep.Wanting, "channel "+q.Channel+" has deliveries that wait since "+q.Oldest.UTC().Format(time.RFC3339))
		}
		if q.Dead > 0 && !isMail {
			rep.Wanting = append(rep.Wanting, "channel "+q.Channel+" has dead letters: see tocsin outbox dead")
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
