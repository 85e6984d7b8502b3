package publisher

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the loop does and tells how long the queues are.
type Metrics struct {
	deliveries *prometheus.CounterVec
	took       *prometheus.HistogramVec
	delivered  *prometheus.HistogramVec
}

// NewMetrics registers the publisher's metrics. queues is asked on every
// scrape.
func NewMetrics(reg prometheus.Registerer, queues func(context.Context) ([]Queue, error)) *Metrics {
	m := &Metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_deliveries_total",
			Help: "Attempts to deliver, by channel and result: sent, failed (will be tried again), dead (given up), moot (it need not go out).",
		}, []string{"channel", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tocsin_delivery_attempt_seconds", Help: "How long an attempt to deliver took, whatever came of it.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"channel"}),
		delivered: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tocsin_delivery_age_seconds", Help: "How long after its event, or after it was asked for again, a delivery went out.",
			Buckets: []float64{1, 5, 15, 60, 300, 900, 3600, 21600, 86400},
		}, []string{"channel"}),
	}
	reg.MustRegister(m.deliveries, m.took, m.delivered, &queueCollector{queues})
	return m
}

// Count adds one attempt; it is the loop's Count.
func (m *Metrics) Count(channel, result string) {
	m.deliveries.WithLabelValues(channel, result).Inc()
}

// Took adds the time of one attempt; it is the loop's Took.
func (m *Metrics) Took(channel string, d time.Duration) {
	m.took.WithLabelValues(channel).Observe(d.Seconds())
}

// Delivered adds how old a delivery was when it went out; it is the loop's
// Delivered.
func (m *Metrics) Delivered(channel string, d time.Duration) {
	m.delivered.WithLabelValues(channel).Observe(d.Seconds())
}

var (
	waitingDesc = prometheus.NewDesc("tocsin_outbox_waiting",
		"Deliveries that wait to go out.", []string{"channel"}, nil)
	oldestDesc = prometheus.NewDesc("tocsin_outbox_oldest_seconds",
		"How long the oldest waiting delivery has been due; 0 if none is.", []string{"channel"}, nil)
	deadDesc = prometheus.NewDesc("tocsin_outbox_dead_letters",
		"Deliveries that were given up.", []string{"channel"}, nil)
	haltedDesc = prometheus.NewDesc("tocsin_outbox_halted",
		"1 while nothing goes to the channel until somebody resumes it; else 0.", []string{"channel"}, nil)
)

// queueCollector asks the outbox when it is scraped, so that the figures are
// true also while the loop hangs.
type queueCollector struct {
	queues func(context.Context) ([]Queue, error)
}

// Describe implements prometheus.Collector.
func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- waitingDesc
	ch <- oldestDesc
	ch <- deadDesc
	ch <- haltedDesc
}

// Collect implements prometheus.Collector. Where the outbox cannot be read the
// scrape goes on without these metrics: alarms on their absence work then, and
// the others are still there.
func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	queues, err := c.queues(ctx)
	if err != nil {
		slog.Warn("the outbox could not be counted", "err", err)
		return
	}
	for _, q := range queues {
		var age time.Duration
		if !q.Oldest.IsZero() {
			age = max(0, time.Since(q.Oldest))
		}
		ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(q.Waiting), q.Channel)
		ch <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age.Seconds(), q.Channel)
		halted := 0.0
		if q.Halted != "" {
			halted = 1
		}
		ch <- prometheus.MustNewConstMetric(haltedDesc, prometheus.GaugeValue, halted, q.Channel)
		ch <- prometheus.MustNewConstMetric(deadDesc, prometheus.GaugeValue, float64(q.Dead), q.Channel)
	}
}
