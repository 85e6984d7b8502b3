package probe

import "github.com/prometheus/client_golang/prometheus"

// Metrics tells what the newest checks found.
type Metrics struct{ report func() []Status }

// NewMetrics registers the probes' metrics. report, as a rule a Prober's Report,
// is asked on every scrape, so that a target that is not checked any more has
// none.
func NewMetrics(reg prometheus.Registerer, report func() []Status) *Metrics {
	m := &Metrics{report}
	reg.MustRegister(m)
	return m
}

var (
	upDesc = prometheus.NewDesc("tocsin_probe_up",
		"Whether the newest check of the probe was well (1) or failed (0).", []string{"probe", "region"}, nil)
	durationDesc = prometheus.NewDesc("tocsin_probe_duration_seconds",
		"How long the newest check of the probe took.", []string{"probe", "region"}, nil)
	certificateDesc = prometheus.NewDesc("tocsin_certificate_days",
		"Days until the certificate that the probe saw ends; below zero once it has.", []string{"probe", "region"}, nil)
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- upDesc
	ch <- durationDesc
	ch <- certificateDesc
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, s := range m.report() {
		if s.At.IsZero() {
			continue // not checked yet, which is not the same as down
		}
		up := 0.0
		if s.OK {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, up, s.Probe, s.Region)
		ch <- prometheus.MustNewConstMetric(durationDesc, prometheus.GaugeValue, s.Latency.Seconds(), s.Probe, s.Region)
		if s.CertificateDays != nil {
			ch <- prometheus.MustNewConstMetric(certificateDesc, prometheus.GaugeValue, *s.CertificateDays, s.Probe, s.Region)
		}
	}
}
