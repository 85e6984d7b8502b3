package rules

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSamples(t *testing.T) {
	const d = defaultDuration
	plain := func(n, e uint64) Sample { return Sample{Requests: n, Errors: e, Duration: d} }
	for _, test := range []struct {
		name, text string
		want       []Sample
	}{
		{"nothing", "", nil},
		{"a minute without requests", "_", []Sample{{}}},
		{"requests", "100", []Sample{plain(100, 0)}},
		{"no requests", "0", []Sample{plain(0, 0)}},
		{"errors", "100/15", []Sample{plain(100, 15)}},
		{"only errors", "3/3", []Sample{plain(3, 3)}},
		{"a duration", "7@800ms", []Sample{{Requests: 7, Duration: 800 * time.Millisecond}}},
		{"a duration in parts", "7@1m30s", []Sample{{Requests: 7, Duration: 90 * time.Second}}},
		{"slow ones", "95/2@20ms+4@3s+1@1.5m", []Sample{{
			Requests: 95, Errors: 2, Duration: 20 * time.Millisecond,
			Slow: []SlowPart{{4, 3 * time.Second}, {1, 90 * time.Second}},
		}}},
		{"errors among the slow ones", "0/5+5@3s", []Sample{{Errors: 5, Duration: d, Slow: []SlowPart{{5, 3 * time.Second}}}}},
		{"gauges", "4{certificate_days=-2,pool=0.95}", []Sample{{Requests: 4, Duration: d, Gauges: map[string]float64{"certificate_days": -2, "pool": 0.95}}}},
		{"gauges with spaces", "4{ a=1 , b=2 } 5", []Sample{{Requests: 4, Duration: d, Gauges: map[string]float64{"a": 1, "b": 2}}, plain(5, 0)}},
		{"all of it", "9/1@2s+1@3s{a=1}x2", slices.Repeat([]Sample{{
			Requests: 9, Errors: 1, Duration: 2 * time.Second, Slow: []SlowPart{{1, 3 * time.Second}}, Gauges: map[string]float64{"a": 1},
		}}, 2)},
		{"minutes", "1x2 _x2 2/1@20msx1", []Sample{plain(1, 0), plain(1, 0), {}, {}, {Requests: 2, Errors: 1, Duration: 20 * time.Millisecond}}},
		{"lines", "1\n\t2\r\n 3 ", []Sample{plain(1, 0), plain(2, 0), plain(3, 0)}},
		{"a ramp", "0..100x5", []Sample{plain(0, 0), plain(25, 0), plain(50, 0), plain(75, 0), plain(100, 0)}},
		{"a ramp downwards, rounded", "100/50..100/0x4", []Sample{plain(100, 50), plain(100, 33), plain(100, 17), plain(100, 0)}},
		{"a ramp of all that there is", "10@1s{a=1}..20/20@2s{a=-1}x3", []Sample{
			{Requests: 10, Duration: time.Second, Gauges: map[string]float64{"a": 1}},
			{Requests: 15, Errors: 10, Duration: 1500 * time.Millisecond, Gauges: map[string]float64{"a": 0}},
			{Requests: 20, Errors: 20, Duration: 2 * time.Second, Gauges: map[string]float64{"a": -1}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseSamples(test.text)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestAMonthOfSamples(t *testing.T) {
	got, err := ParseSamples("1x44639 2")
	if err != nil || len(got) != MostMinutes || got[0].Requests != 1 || got[MostMinutes-2].Requests != 1 || got[MostMinutes-1].Requests != 2 {
		t.Errorf("%d minutes, %v", len(got), err)
	}
}

// The place of each mistake is marked.
func TestMistakesInSamples(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a word", "«many", "want REQUESTS"},
		{"a negative number", "100 «-5", "want REQUESTS"},
		{"something behind", "100«q", "want REQUESTS"},
		{"something behind nothing", "_«5", "want REQUESTS"},
		{"a fraction", "1«.5", "want REQUESTS"},
		{"no errors", "100/«", "how many of the requests fail"},
		{"errors in percent", "100/5«%", "want REQUESTS"},
		{"more errors than requests", "1 «3/4", "4 of 3 requests cannot fail: want at most 3"},
		{"a duration without a unit", "3@«5", "want a duration with its unit"},
		{"a duration of nothing", "3@«0s", "want a duration with its unit"},
		{"a duration of days", "3@«2d", "up to 24h"},
		{"slow ones without a duration", "3+4«", "want how long the further requests take"},
		{"slow ones without a number", "3+«@3s", "further requests after +"},
		{"gauges without an end", "4{a=1«", "or } at the end"},
		{"a gauge without a name", "4{«=1}", "want a gauge's name"},
		{"a gauge without a number", "4{a=«x}", "want a number after ="},
		{"a gauge without =", "4{a«}", "want = and a number after a"},
		{"a gauge twice", "4{a=1,«a=2}", "the gauge a stands twice"},
		{"no gauge", "4{«}", "want a gauge's name"},
		{"no minutes", "100x«", "minutes after x"},
		{"zero minutes", "100«x0", "at least one minute"},
		{"more minutes than a month", "100x«44641", "at most 44640"},
		{"more minutes than a month, together", "100x44640 «1", "longer than the 44640 minutes"},
		{"minutes beyond counting", "100x«99999999999999999999", "at most 44640"},
		{"requests beyond counting", "«10000001", "at most 10000000"},
		{"slow requests beyond counting", "«9999999+2@3s", "at most 10000000 requests"},
		{"a ramp without minutes", "1..2«", "how many minutes it takes"},
		{"a ramp of a minute", "1..2«x1", "at least two minutes"},
		{"a ramp to nowhere", "1..«x5", "want REQUESTS"},
		{"a ramp from nothing", "_«..5x5", "want REQUESTS"},
		{"a ramp of slow ones", "1+1@2s..«2x5", "no place in a value with .."},
		{"a ramp of unlike gauges", "1{a=1}..«2{b=1}x5", "want the same gauges"},
		{"a blank before x", "100@200ms «x40", "no blank may stand before x"},
		{"a blank before a duration", "100 «@200ms", "no blank may stand before @"},
		{"a number beyond counting", "100{a=«1e400}", "the number is too large"},
		{"a number of many digits", "100{a=«-1234567890123456}", "the number is too large"},
		{"a number with an exponent", "100{a=«1e3}", "with all its digits"},
		{"a mistake behind wide characters", "1 @«é", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after, _ := strings.Cut(test.text, "«")
			if test.want == "" {
				before, after = "1 ", "@é"
			}
			got, err := ParseSamples(before + after)
			e, ok := errors.AsType[*SampleError](err)
			if !ok || got != nil {
				t.Fatalf("%v, %v", got, err)
			}
			if e.At != len([]rune(before)) || !strings.Contains(e.Msg, test.want) {
				t.Errorf("%v, want %q at character %d", err, test.want, len([]rune(before))+1)
			}
		})
	}
}

// Whatever the text is, it gives minutes that can be, or a mistake within it;
// and a line written twice is the same minutes twice.
func FuzzSamples(f *testing.F) {
	for _, seed := range []string{"100/15x10 _x5", "95@20ms+5@3s", "4{certificate_days=14,pool=0.9}", "0..100x11", "1{a=1}..2{a=-2}x3", "1@1m30sx2", "é", "1x", "{", "1+", "9/1@2s+1@3s{a=1}x2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseSamples(text)
		if err != nil {
			e, ok := errors.AsType[*SampleError](err)
			if !ok || e.At < 0 || e.At > len([]rune(text)) || e.Msg == "" || !strings.Contains(text, e.Word) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if len(got) > MostMinutes {
			t.Fatalf("%d minutes", len(got))
		}
		for _, s := range got {
			all := s.Requests
			for _, slow := range s.Slow {
				all += slow.Requests
				if slow.Duration <= 0 || slow.Duration > longest {
					t.Errorf("%q gives %+v", text, s)
				}
			}
			if s.Errors > all || all > mostRequests || s.Duration < 0 || s.Duration > longest || s.Requests > 0 && s.Duration == 0 {
				t.Errorf("%q gives %+v", text, s)
			}
			for name, g := range s.Gauges {
				if name == "" || math.IsNaN(g) || math.IsInf(g, 0) {
					t.Errorf("%q gives %+v", text, s)
				}
			}
		}
		if len(got) > 1000 {
			return
		}
		twice, err := ParseSamples(text + " " + text)
		if diff := cmp.Diff(slices.Concat(got, got), twice); diff != "" || err != nil {
			t.Errorf("%q twice: %v %s", text, err, diff)
		}
	})
}
