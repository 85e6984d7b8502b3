package console

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/telemetry"
)

var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

func found(rule, service, region string, value float64, v evaluator.Verdict) evaluator.Finding {
	return evaluator.Finding{
		Rule: rule, Component: "api", Series: telemetry.Series{Service: service, Region: region}, Now: v, Seen: true,
		Value: value, Limit: 0.05, Requests: 1000, Errors: uint64(1000 * value), Why: "so it is",
	}
}

func round(at time.Time, f ...evaluator.Finding) evaluator.Round {
	for i := range f {
		f[i].At = at
	}
	return evaluator.Round{Source: "spans", At: at, Live: true, Findings: f}
}

func TestHistoryKeepsSixHours(t *testing.T) {
	h := NewHistory()
	for i := range 500 {
		h.Note(round(noon.Add(time.Duration(i)*time.Minute), found("r", "s", "eu", float64(i), evaluator.Bad)))
	}
	all := h.Points("r", "s", "eu", time.Time{}, noon.Add(1000*time.Minute))
	if len(all) != mostMinutes || all[0].Value != 140 || all[len(all)-1].Value != 499 || all[len(all)-1].At != noon.Add(499*time.Minute) {
		t.Fatalf("%d points, %+v … %+v", len(all), all[0], all[len(all)-1])
	}
	if part := h.Points("r", "s", "eu", noon.Add(490*time.Minute), noon.Add(494*time.Minute)); len(part) != 5 || part[0].Value != 490 {
		t.Errorf("a part of it: %+v", part)
	}
	if f, ok := h.Latest("r", "s", "eu"); !ok || f.Value != 499 {
		t.Errorf("the latest: %+v", f)
	}
}

func TestMinutesThatWereNotJudgedAreGaps(t *testing.T) {
	h := NewHistory()
	h.Note(round(noon, found("r", "s", "eu", 1, evaluator.Good)))
	h.Note(round(noon.Add(3*time.Minute), found("r", "s", "eu", 2, evaluator.Bad)))
	h.Note(evaluator.Round{Blind: true, At: noon.Add(4 * time.Minute)})
	h.Note(round(noon.Add(time.Minute), found("r", "s", "eu", 5, evaluator.Good))) // judged again
	h.Note(round(noon.Add(-time.Hour), found("r", "s", "eu", 6, evaluator.Good)))  // too old to be kept
	all := h.Points("r", "s", "eu", noon, noon.Add(time.Hour))
	if len(all) != 4 || !all[0].Known || all[1].Value != 5 || all[2].Known || all[3].Value != 2 {
		t.Errorf("%+v", all)
	}
	h.Note(round(noon.Add(24*time.Hour), found("r", "s", "eu", 7, evaluator.Good)))
	if all := h.Points("r", "s", "eu", noon, noon.Add(48*time.Hour)); len(all) != 1 || all[0].Value != 7 {
		t.Errorf("after a day of silence: %+v", all)
	}
}

func TestWhatIsBadFindsRoom(t *testing.T) {
	h := NewHistory()
	h.most = 3
	h.Note(round(noon, found("r", "a", "eu", 0, evaluator.Bad), found("r", "b", "eu", 0, evaluator.Good), found("r", "c", "eu", 0, evaluator.Good)))
	h.Note(round(noon.Add(time.Minute), found("r", "a", "eu", 0, evaluator.Good), found("r", "c", "eu", 0, evaluator.Good),
		found("r", "d", "eu", 0, evaluator.Good), found("r", "e", "eu", 0, evaluator.Bad)))
	for service, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false, "e": true} {
		if _, got := h.Latest("r", service, "eu"); got != want {
			t.Errorf("%s is kept: %v", service, got)
		}
	}
	var many []evaluator.Finding
	for i := range 10 {
		many = append(many, found("r", fmt.Sprint(i), "eu", 0, evaluator.Bad))
	}
	h.Note(round(noon.Add(2*time.Minute), many...))
	if len(h.series) != 3 {
		t.Errorf("%d series", len(h.series))
	}
}

// A full history takes no more than it says, however many series there are.
func TestHistoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills 29 MB")
	}
	h := NewHistory()
	var findings []evaluator.Finding
	for i := range 3 * mostSeries {
		findings = append(findings, found("r", fmt.Sprint(i), "eu", 0, evaluator.Good))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range mostMinutes + 10 {
		h.Note(round(noon.Add(time.Duration(i)*time.Minute), findings...))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(findings)
	if got := int64(after.HeapAlloc) - int64(before.HeapAlloc); got > 36<<20 {
		t.Errorf("it takes %d MB", got>>20)
	}
	if len(h.series) != mostSeries {
		t.Errorf("%d series", len(h.series))
	}
}

func TestHistoryIsReadWhileItIsWritten(t *testing.T) {
	h := NewHistory()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				h.Points("r", "s", "eu", noon, noon.Add(time.Hour))
				h.Latest("r", "s", "eu")
				h.Since()
				if i%2 == 0 {
					h.Note(round(noon.Add(time.Duration(i)*time.Minute), found("r", "s", "eu", 0, evaluator.Good)))
				}
			}
		})
	}
	wg.Wait()
}
