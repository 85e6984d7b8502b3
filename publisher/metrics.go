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
}

// NewMetrics registers the publisher's metrics. queues is asked on every
// scrape.
func NewMetrics(reg prometheus.Registerer, queues func(context.Context) ([]Queue, error)) *Metrics {
	m := &Metrics{deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tocsin_deliveries_total",
		Help: "Attempts to deliver, by channel and result: sent, failed (will be tried again), dead (given up).",
	}, []string{"channel", "result"})}
	reg.MustRegister(m.deliveries, &queueCollector{queues})
	return m
}

// Count adds one attempt; it is the loop's Count.
func (m *Metrics) Count(channel, result string) {
	m.deliveries.WithLabelValues(channel, result).Inc()
}

var (
	waitingDesc = prometheus.NewDesc("tocsin_outbox_waiting",
		"Deliveries that wait to go out.", []string{"channel"}, nil)
	oldestDesc = prometheus.NewDesc("tocsin_outbox_oldest_seconds",
		"How long the oldest waiting delivery has been due; 0 if none is.", []string{"channel"}, nil)
	deadDesc = prometheus.NewDesc("tocsin_outbox_dead_letters",
		"Deliveries that were given up.", []string{"channel"}, nil)
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
		ch <- prometheus.MustNewConstMetric(deadDesc, prometheus.GaugeValue, float64(q.Dead), q.Channel)
	}
}
