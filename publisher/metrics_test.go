package publisher_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/featuresignals/tocsin/publisher"
)

// scrape gives what Prometheus reads.
func scrape(reg *prometheus.Registry) string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestMetricsTellWhatWaitsAndWhatBecameOfTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var broken error
		reg := prometheus.NewRegistry()
		m := publisher.NewMetrics(reg, func(context.Context) ([]publisher.Queue, error) {
			return []publisher.Queue{
				{Channel: "hook", Waiting: 3, Oldest: began, Dead: 2, Halted: "410"},
				{Channel: "held", Waiting: 1, Oldest: began.Add(time.Hour)},
				{Channel: "status"},
			}, broken
		})
		m.Count("hook", "sent")
		m.Count("hook", "sent")
		m.Count("hook", "failed")
		m.Took("hook", 300*time.Millisecond)
		m.Delivered("hook", 2*time.Minute)
		time.Sleep(90 * time.Second)
		got := scrape(reg)
		for _, want := range []string{
			`tocsin_deliveries_total{channel="hook",result="sent"} 2`,
			`tocsin_deliveries_total{channel="hook",result="failed"} 1`,
			`tocsin_outbox_waiting{channel="hook"} 3`,
			`tocsin_outbox_halted{channel="hook"} 1`,
			`tocsin_outbox_halted{channel="status"} 0`,
			`tocsin_delivery_attempt_seconds_bucket{channel="hook",le="0.25"} 0`,
			`tocsin_delivery_attempt_seconds_bucket{channel="hook",le="0.5"} 1`,
			`tocsin_delivery_age_seconds_bucket{channel="hook",le="60"} 0`,
			`tocsin_delivery_age_seconds_bucket{channel="hook",le="300"} 1`,
			`tocsin_delivery_age_seconds_sum{channel="hook"} 120`,
			`tocsin_outbox_oldest_seconds{channel="hook"} 90`,
			`tocsin_outbox_dead_letters{channel="hook"} 2`,
			`tocsin_outbox_oldest_seconds{channel="held"} 0`, // its time has not come
			`tocsin_outbox_oldest_seconds{channel="status"} 0`,
			`tocsin_outbox_waiting{channel="status"} 0`,
		} {
			if !strings.Contains(got, want+"\n") {
				t.Errorf("%s is missing", want)
			}
		}
		if t.Failed() {
			t.Log(got)
		}
		broken = errors.New("the store is gone")
		if got := scrape(reg); !strings.Contains(got, "tocsin_deliveries_total") || strings.Contains(got, "tocsin_outbox") {
			t.Errorf("with a broken store the scrape is:\n%s", got)
		}
	})
}
