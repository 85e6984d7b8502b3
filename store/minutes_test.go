package store

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// probed is the series of a probe.
func probed(region string) telemetry.Series {
	return telemetry.Series{Service: "api-health", Region: region, Stream: rules.ProbeStream}
}

func put(t *testing.T, db *DB, ms ...telemetry.Minute) {
	t.Helper()
	if err := db.PutMinutes(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
}

func minutes(t *testing.T, db *DB, from, to time.Time, except ...telemetry.Range) []telemetry.Minute {
	t.Helper()
	var ms []telemetry.Minute
	for m, err := range db.Minutes(t.Context(), from, to, except...) {
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return ms
}

// alike compares minutes with what is in their histograms.
var alike = cmp.Comparer(func(a, b telemetry.Histogram) bool {
	x, _ := a.MarshalBinary()
	y, _ := b.MarshalBinary()
	return string(x) == string(y)
})

func TestAMinuteIsReadAsItWasWritten(t *testing.T) {
	db := openNew(t)
	var durations telemetry.Histogram
	for _, d := range []time.Duration{0, 30 * time.Millisecond, 31 * time.Millisecond, 5 * time.Second} {
		durations.Observe(d)
	}
	full := telemetry.Minute{
		Series: probed("eu"), Start: noon, Requests: 1<<64 - 1, Errors: 2, Matches: 3, Durations: durations,
		Gauges: map[string]float64{rules.GaugeCertificateDays: -0.1 - 0.2, "pool <&>": 1e300},
	}
	if empty := emptyFields(full); len(empty) > 0 {
		t.Errorf("the test leaves out %v", empty)
	}
	want := []telemetry.Minute{
		full,
		{Series: telemetry.Series{Service: "not UTF-8: \xff"}, Start: after(1).In(time.FixedZone("CEST", 7200)), Requests: 1},
		{Series: probed("us"), Start: after(1), Requests: 1, Gauges: map[string]float64{"a": 1}},
	}
	odd := want[2]
	odd.Gauges = map[string]float64{"a": 1, "nan": math.NaN(), "inf": math.Inf(1)}
	put(t, db, want[0], want[1], odd)
	want[1].Start = after(1)
	reader, err := OpenToRead(t.Context(), db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if diff := cmp.Diff(want, sortedLast(minutes(t, reader, noon, after(9))), alike); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
	if err := reader.PutMinutes(t.Context(), want); err == nil {
		t.Error("what was opened to read wrote")
	}
}

// sortedLast moves the minute with the odd name behind the first.
func sortedLast(ms []telemetry.Minute) []telemetry.Minute {
	if len(ms) == 3 && ms[1].Series.Region == "us" {
		ms[1], ms[2] = ms[2], ms[1]
	}
	return ms
}

func TestALaterWriteReplacesAMinute(t *testing.T) {
	db := openNew(t)
	put(t, db, telemetry.Minute{Series: probed("eu"), Start: noon, Requests: 2, Errors: 2, Gauges: map[string]float64{"a": 1}},
		telemetry.Minute{Series: probed("us"), Start: noon, Requests: 4})
	put(t, db, telemetry.Minute{Series: probed("eu"), Start: noon, Requests: 4})
	want := []telemetry.Minute{{Series: probed("eu"), Start: noon, Requests: 4}, {Series: probed("us"), Start: noon, Requests: 4}}
	if diff := cmp.Diff(want, minutes(t, db, noon, after(1)), alike); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	put(t, db, telemetry.Minute{Series: probed("us"), Start: noon})
	if got := minutes(t, db, noon, after(1)); len(got) != 1 {
		t.Errorf("a minute without checks is yielded: %v", got)
	}
}

func TestMinutesAreReadAsASourceMust(t *testing.T) {
	db := openNew(t)
	for m := range 20 {
		put(t, db, telemetry.Minute{Series: probed("eu"), Start: after(m), Requests: 1})
	}
	span := func(from, to int) telemetry.Range { return telemetry.Range{From: after(from), To: after(to)} }
	tests := []struct {
		name     string
		from, to int
		except   []telemetry.Range
		want     []int
	}{
		{"from is in, to is not", 3, 6, nil, []int{3, 4, 5}},
		{"nothing", 6, 6, nil, nil},
		{"before the first and after the last", -5, 2, nil, []int{0, 1}},
		{"less a range in the middle", 2, 8, []telemetry.Range{span(3, 7)}, []int{2, 7}},
		{"less two that overlap and one outside", 2, 9, []telemetry.Range{span(0, 4), span(3, 6), span(30, 40)}, []int{6, 7, 8}},
		{"less an empty one", 2, 4, []telemetry.Range{span(3, 3)}, []int{2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []int
			for _, m := range minutes(t, db, after(tt.from), after(tt.to), tt.except...) {
				got = append(got, int(m.Start.Sub(noon)/time.Minute))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for range 9 { // more than there are connections
		for range db.Minutes(t.Context(), noon, after(20)) {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range db.Minutes(ctx, noon, after(20)) {
		if err == nil {
			t.Fatal("a cancelled read yielded a minute")
		}
	}
}

func TestMinutesAreKeptAllOrNone(t *testing.T) {
	db := openNew(t)
	for name, bad := range map[string]time.Time{"half a minute": noon.Add(30 * time.Second), "no time": {}} {
		err := db.PutMinutes(t.Context(), []telemetry.Minute{
			{Series: probed("eu"), Start: noon, Requests: 1}, {Series: probed("us"), Start: bad, Requests: 1},
		})
		if err == nil || !strings.Contains(err.Error(), `of "api-health" in "us"`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got := minutes(t, db, time.Time{}, after(9)); len(got) != 0 {
		t.Errorf("half of them were kept: %v", got)
	}
}

func TestADamagedMinuteEndsTheRead(t *testing.T) {
	for what, stmt := range map[string]string{
		"its histogram": `UPDATE minutes SET durations = x'02ff'`, "its gauges": `UPDATE minutes SET gauges = '[1]'`,
	} {
		db := openNew(t)
		put(t, db, telemetry.Minute{Series: probed("eu"), Start: noon, Requests: 1})
		if _, err := db.w.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range db.Minutes(t.Context(), noon, after(1)) {
			if n++; err == nil || !strings.Contains(err.Error(), `of "api-health" in "eu"`) {
				t.Errorf("%s: got %v", what, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d yields, want the error alone", what, n)
		}
	}
}
