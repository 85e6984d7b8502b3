package evaluator

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// googlePage is the page of Google's workbook for 99.9 % in 30 days, at P1.
func googlePage(confidence float64) rules.Rule {
	return rules.Rule{
		ID: "burn", Signal: rules.Signal{Kind: rules.KindBurnRate, Objective: 0.999, Period: 30 * 24 * time.Hour}, Confidence: confidence,
		Levels: []rules.Level{{Severity: rules.P1, For: time.Minute, Burn: []rules.Burn{
			{Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4}, {Long: 6 * time.Hour, Short: 30 * time.Minute, Factor: 6},
		}}},
		Recover: rules.Recover{Limit: 6, For: 5 * time.Minute},
	}
}

// quiet is a series with half a request a minute.
type quiet struct {
	rings *Rings
	r     *rand.Rand
	at    time.Time
}

const trickle = 0.5

func newQuiet(seed uint64, confidence float64) *quiet {
	return &quiet{rings: New(config(googlePage(confidence))), r: rand.New(rand.NewPCG(seed, 11)), at: t0}
}

// minute lets a minute pass in which each request fails by chance, and says
// whether one did.
func (q *quiet) minute(failing float64) bool {
	m := telemetry.Minute{Series: eu, Start: q.at}
	for n := poissonOf(q.r, trickle); n > 0; n-- {
		m.Requests++
		if q.r.Float64() < failing {
			m.Errors++
		}
	}
	q.at = q.at.Add(time.Minute)
	if m.Requests > 0 {
		q.rings.put(m)
	}
	return m.Errors > 0
}

func poissonOf(r *rand.Rand, mean float64) int {
	n, p := 0, r.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= r.Float64()
	}
	return n
}

func (q *quiet) pages() bool {
	fs := q.rings.Judge(q.at, "")
	return len(fs) > 0 && fs[0].Held == rules.P1
}

// falsePages counts the pages in a month of nothing worse than half of what the
// budget allows. A page is a minute that holds after one that did not. Minutes
// that lie further from a failure than the longest window cannot page; one in
// five hundred of them is asked nevertheless.
func falsePages(t *testing.T, seed uint64, confidence float64, days int) (pages int) {
	q := newQuiet(seed, confidence)
	paged, failed := false, -1<<30
	for m := range days * 24 * 60 {
		if q.minute(0.0005) {
			failed = m
		}
		near := m-failed <= 6*60+coarse
		if !near && m%500 != 0 {
			paged = false
			continue
		}
		now := q.pages()
		if now && !near {
			t.Fatalf("a page %d minutes after the last failure", m-failed)
		}
		if now && !paged {
			pages++
		}
		paged = now
	}
	return pages
}

// detection gives the minutes that a total outage takes until it pages, after
// seven hours without a failure.
func detection(seed uint64, confidence float64) int {
	q := newQuiet(seed, confidence)
	for range 7*60 + int(seed%5) {
		q.minute(0)
	}
	for m := 1; ; m++ {
		q.minute(1)
		if q.pages() {
			return m
		}
	}
}

var simulated = flag.Int("series", 30, "how many quiet series are simulated for a month; the promise is for 1000")

// With half a request a minute and half the budget spent, the bound keeps false
// pages to a few a year, where a bare ratio pages several times a month; a
// total outage is seen within minutes all the same.
func TestBurnRateOnQuietSeries(t *testing.T) {
	series, days, outages := *simulated, 30, max(60, *simulated*3/10)
	perMonth := map[float64]float64{}
	median := map[float64]int{}
	for _, confidence := range []float64{0.95, 0.5} {
		var mu sync.Mutex
		var wg sync.WaitGroup
		pages, times := 0, make([]int, outages)
		for w := range 2 {
			wg.Go(func() {
				sum := 0
				for s := w; s < series; s += 2 {
					sum += falsePages(t, uint64(s), confidence, days)
				}
				for s := w; s < outages; s += 2 {
					times[s] = detection(uint64(s), confidence)
				}
				mu.Lock()
				pages += sum
				mu.Unlock()
			})
		}
		wg.Wait()
		slices.Sort(times)
		perMonth[confidence], median[confidence] = float64(pages)/float64(series)*30/float64(days), times[outages/2]
		name := map[float64]string{0.95: "with the bound of 95 %", 0.5: "without a bound"}[confidence]
		t.Logf("%s: %.3f false pages per series and month (%d series, %d days); a total outage is detected after %d min (median), %d min (95 %%)",
			name, perMonth[confidence], series, days, times[outages/2], times[outages*95/100])
	}
	if perMonth[0.95] > 0.3 {
		t.Errorf("%.3f false pages per series and month with the bound, want at most 0.3", perMonth[0.95])
	}
	if perMonth[0.5] < 3*perMonth[0.95] {
		t.Errorf("without the bound there are %.3f, with it %.3f: the bound does nothing here", perMonth[0.5], perMonth[0.95])
	}
	if median[0.95] > 8 {
		t.Errorf("a total outage is detected after %d minutes", median[0.95])
	}
}
