package incident_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// naive is an alert as many write it: an expression over a window, a threshold
// and a `for`, judged every minute as Prometheus does. What is pending fires
// when it has been true for the whole `for`; one look that is not true ends it,
// and so does a look that finds nothing, since an alert without data is no
// alert. There is no bound, no second limit on the way down, and no difference
// between "well" and "nothing to be seen".
type naive struct {
	signal string // errors, 5xx, p99 or requests of spans; probe (its failures) or gauge
	by     string // what is added up: service, service and region, or all
	spans  string // which: all, root (without a parent) or server
	above  float64
	below  float64 // instead of above, where it is not 0
	window int
	hold   int      // minutes
	region []string // none: all
	gauge  string   // name of the gauge, where that is the signal
	newest float64  // share of the newest minute that has arrived when it looks
}

// readNaive reads the header: `# signal=errors by=service window=5m above=5% for=5m`.
func readNaive(header string) (naive, error) {
	n := naive{by: "service", spans: "all", window: 5, newest: 1}
	for word := range strings.FieldsSeq(strings.TrimPrefix(header, "#")) {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "signal":
			n.signal = value
		case "by":
			n.by = value
		case "spans":
			n.spans = value
		case "regions":
			n.region = strings.Split(value, ",")
		case "gauge":
			n.gauge = value
		case "above":
			n.above, err = figure(value)
		case "below":
			n.below, err = figure(value)
		case "window":
			n.window, err = wholeMinutes(value)
		case "for":
			n.hold, err = wholeMinutes(value)
		case "arrived":
			n.newest, err = figure(value)
		default:
			err = fmt.Errorf("no such knob")
		}
		if err != nil {
			return n, fmt.Errorf("naive: %q: %w", word, err)
		}
	}
	return n, nil
}

// figure reads 5%, 2s or 10.
func figure(s string) (float64, error) {
	if share, ok := strings.CutSuffix(s, "%"); ok {
		f, err := strconv.ParseFloat(share, 64)
		return f / 100, err
	}
	if d, err := time.ParseDuration(s); err == nil {
		return float64(d), nil
	}
	return strconv.ParseFloat(s, 64)
}

func wholeMinutes(s string) (int, error) {
	d, err := time.ParseDuration(s)
	return int(d / time.Minute), err
}

// naiveTimeline says when the alert of a section fires and resolves.
func naiveTimeline(t *testing.T, section *txtar.File, test rules.Test) []string {
	t.Helper()
	header, _, _ := strings.Cut(string(section.Data), "\n")
	n, err := readNaive(header)
	if err != nil {
		t.Fatal(err)
	}
	length := 0
	for _, s := range test.Series {
		length = max(length, len(s.Minutes))
	}
	var lines []string
	since := map[string]int{} // when it became true
	firing := map[string]bool{}
	for at := 1; at <= length; at++ {
		values := n.values(test.Series, at)
		var groups []string
		for g := range values {
			groups = append(groups, g)
		}
		for g := range since {
			if _, ok := values[g]; !ok {
				groups = append(groups, g)
			}
		}
		slices.Sort(groups)
		for _, g := range groups {
			v, ok := values[g]
			if !ok || !n.matches(v) {
				if firing[g] {
					lines = append(lines, fmt.Sprintf("%02d:%02d resolves %s", at/60, at%60, g))
				}
				delete(since, g)
				delete(firing, g)
				continue
			}
			if _, pending := since[g]; !pending {
				since[g] = at
			}
			if !firing[g] && at-since[g] >= n.hold {
				firing[g] = true
				lines = append(lines, fmt.Sprintf("%02d:%02d fires %s", at/60, at%60, g))
			}
		}
	}
	if len(lines) == 0 {
		return []string{"never fires"}
	}
	return lines
}

func (n naive) matches(v float64) bool {
	if n.below != 0 {
		return v < n.below
	}
	return v > n.above
}

// values gives the expression's value for each group that has one, over the
// window that ends at minute at.
func (n naive) values(series []rules.TestSeries, at int) map[string]float64 {
	sums := map[string]telemetry.Minute{}
	for _, s := range series {
		if !n.chooses(s) {
			continue
		}
		for m := max(at-n.window, 0); m < min(at, len(s.Minutes)); m++ {
			sample := s.Minutes[m]
			if m == at-1 {
				sample.Requests = uint64(float64(sample.Requests) * n.newest)
			}
			n.add(sums, n.group(s), s, sample)
		}
	}
	out := map[string]float64{}
	for group, sum := range sums {
		switch {
		case n.signal == "gauge":
			out[group] = sum.Gauges[n.gauge]
		case sum.Requests == 0: // 0 ÷ 0 is no value
		case n.signal == "requests":
			out[group] = float64(sum.Requests) / float64(n.window)
		case n.signal == "p99":
			d, _ := sum.Durations.Quantile(9900)
			out[group] = float64(d)
		default:
			out[group] = float64(sum.Errors) / float64(sum.Requests)
		}
	}
	return out
}

func (n naive) group(s rules.TestSeries) string {
	switch n.by {
	case "all":
		return "all"
	case "service,region":
		return s.Service + "/" + s.Region
	}
	return s.Service
}

func (n naive) chooses(s rules.TestSeries) bool {
	if s.Probe != (n.signal == "probe" || n.signal == "gauge") {
		return false
	}
	if len(n.region) > 0 && !slices.Contains(n.region, s.Region) {
		return false
	}
	switch n.spans {
	case "server":
		return cmp.Or(s.Kind, "server") == "server"
	case "root":
		return s.Attributes["parent_span_id"] == ""
	}
	return true
}

func (n naive) add(sums map[string]telemetry.Minute, group string, s rules.TestSeries, sample rules.Sample) {
	sum := sums[group]
	requests := sample.Requests
	sum.Durations.Add(times(cmp.Or(sample.Duration, 10*time.Millisecond), sample.Requests))
	for _, slow := range sample.Slow {
		requests += slow.Requests
		sum.Durations.Add(times(slow.Duration, slow.Requests))
	}
	sum.Requests += requests
	switch {
	case n.signal != "5xx":
		sum.Errors += sample.Errors
	case s.Status >= 500:
		sum.Errors += requests
	}
	if sample.Gauges != nil {
		sum.Gauges = sample.Gauges
	}
	if sum.Requests > 0 || sum.Gauges != nil {
		sums[group] = sum
	}
}

func times(d time.Duration, n uint64) telemetry.Histogram {
	buckets := make([]uint16, n)
	for i := range buckets {
		buckets[i] = telemetry.Bucket(uint64(d))
	}
	return telemetry.HistogramOf(buckets)
}
