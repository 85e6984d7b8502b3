package signoz

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// anyPair is for folds in which a rule looks at every stream of every series.
func anyPair(pair) chosen { return slices.Repeat(chosen{true}, maxBits) }

// streamsNamed is a plan with a filter for each of some routes.
func streamsNamed(t testing.TB, names ...string) *plan {
	t.Helper()
	var streams []rules.Stream
	for _, n := range names {
		streams = append(streams, rules.Stream{Routes: rules.Patterns{Any: []string{n}}})
	}
	p := planFor(t, streams...)
	for i, g := range p.groups {
		g.streams[0].name = names[i]
	}
	return p
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// bucketText is the buckets column for durations.
func bucketText(durations ...time.Duration) string {
	var b []byte
	for _, d := range durations {
		n := telemetry.Bucket(uint64(d))
		b = append(b, byte(n), byte(n>>8))
	}
	return string(b)
}

func TestFoldAddsRowsOfOneMinute(t *testing.T) {
	f, plan := newFold(10, anyPair), streamsNamed(t, "all", "some")
	minute := uint32(noon.Unix())
	for _, x := range []row{
		{"api", "eu", minute, 0b01, 2, 1, bucketText(time.Second, time.Minute)},
		{"api", "eu", minute, 0b11, 1, 0, bucketText(time.Second)},
		{"api", "eu", minute + 60, 0b10, 1, 1, ""},
	} {
		if err := f.add(x, plan); err != nil {
			t.Fatal(err)
		}
	}
	minutes := f.minutes(&places{limit: 10, log: quiet()})
	slices.SortFunc(minutes, func(a, b telemetry.Minute) int {
		return strings.Compare(a.Series.Stream+a.Start.String(), b.Series.Stream+b.Start.String())
	})
	if got, want := figures(minutes), "12:00 api/eu all oox\n12:00 api/eu some o\n12:01 api/eu some x ~\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if n := minutes[0].Durations.Slower(2 * time.Second); n != 1 {
		t.Errorf("%d are slower than 2 s, want 1", n)
	}
	// What one stream does with its minute is no business of the other's.
	minutes[0].Durations.Observe(time.Hour)
	if n := minutes[1].Durations.Count(); n != 1 {
		t.Errorf("streams share their histograms: %d durations, want 1", n)
	}
}

func TestStreamsOfOneFilterCountDifferently(t *testing.T) {
	plan := planFor(t, rules.Stream{}, rules.Stream{HTTP5xx: true}, rules.Stream{Codes: codes(401, 401)}, rules.Stream{Codes: codes(400, 499), HTTP5xx: true})
	f := newFold(1, anyPair)
	for i, x := range []row{
		{streams: 0b00001, requests: 5, errors: 2, buckets: bucketText(time.Second)}, // of two regions, of which one has no place
		{streams: 0b00011, requests: 3},                                              // answered 5xx, and no errors
		{streams: 0b01100 | 1, requests: 2, buckets: bucketText(time.Second)},        // answered 401
		{streams: 0b01000 | 1, requests: 1, errors: 1},
	} {
		x.service, x.region, x.minute = "api", fmt.Sprint("r", i/2), uint32(noon.Unix())
		if err := f.add(x, plan); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"": "8 2 0", "errors=http_5xx": "8 5 0", "code=401-401": "8 2 0", "errors=http_5xx code=400-499": "8 5 0",
		"other ": "3 1 0", "other errors=http_5xx": "3 1 0", "other code=401-401": "3 1 2", "other errors=http_5xx code=400-499": "3 1 3",
	}
	minutes := f.minutes(&places{limit: 1, log: quiet()})
	for _, m := range minutes {
		if n := m.Durations.Count(); n != 1 {
			t.Errorf("%v has %d durations, want 1: streams share them", m.Series, n)
		}
		m.Durations.Observe(time.Second)
		key := m.Series.Stream
		if m.Series.Service == telemetry.Other {
			key = "other " + key
		}
		if got := fmt.Sprint(m.Requests, m.Errors, m.Matches); got != want[key] {
			t.Errorf("%q: %s requests, errors and matches, want %s", key, got, want[key])
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("there are no minutes of %v", want)
	}
}

func TestFoldHoldsNoMoreThanItHasRoomFor(t *testing.T) {
	f, plan := newFold(10, anyPair), planFor(t, rules.Stream{})
	f.room = 100
	var err error
	n := uint32(0)
	for ; err == nil && n < 1000; n++ {
		err = f.add(row{minute: n, streams: 1, requests: 1}, plan)
	}
	if !errors.Is(err, errNoRoom) || n < 100 || n > 110 {
		t.Errorf("after %d minutes: %v", n, err)
	}
}

func TestFoldRefusesWhatItDidNotAskFor(t *testing.T) {
	f, plan := newFold(10, anyPair), streamsNamed(t, "all")
	if err := f.add(row{streams: 0b10, requests: 1}, plan); err == nil {
		t.Error("a stream that is not there is taken")
	}
	if err := f.add(row{streams: 1, requests: 1, buckets: "abc"}, plan); err == nil {
		t.Error("one and a half buckets are taken")
	}
}

// takeMinute folds one minute of services, each with so many requests, and gives who
// has a place and what other has.
func takeMinute(t *testing.T, p *places, at time.Time, requests map[string]int) (services []string, rest uint64) {
	t.Helper()
	f, plan := newFold(p.limit, anyPair), planFor(t, rules.Stream{})
	for service, n := range requests {
		buckets := bucketText(slices.Repeat([]time.Duration{time.Second}, n)...)
		if err := f.add(row{service, "eu", uint32(at.Unix()), 1, uint64(n), 0, buckets}, plan); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range f.minutes(p) {
		if m.Durations.Count() != m.Requests {
			t.Errorf("%v has %d durations for %d requests", m.Series, m.Durations.Count(), m.Requests)
		}
		if m.Series == (telemetry.Series{Service: telemetry.Other}) {
			rest = m.Requests
			continue
		}
		services = append(services, m.Series.Service)
	}
	slices.Sort(services)
	return services, rest
}

func TestSeriesBeyondTheLimitAreOther(t *testing.T) {
	log, said := logged()
	p := &places{limit: 2, log: log}
	for _, step := range []struct {
		name     string
		after    time.Duration
		requests map[string]int
		services string
		rest     uint64
		overflow int64
	}{
		{"all fit", 0, map[string]int{"a": 1}, "[a]", 0, 0},
		{"the busiest of the new get the last places", time.Minute, map[string]int{"b": 1, "c": 9, "d": 2}, "[c]", 3, 2},
		{"who was first stays, however little it does", 2 * time.Minute, map[string]int{"a": 1, "b": 99, "c": 1}, "[a c]", 99, 1},
		{"a series that was away for an hour keeps its place", time.Hour, map[string]int{"b": 99}, "[]", 99, 1},
		{"one that was away for more than a day does not", 25 * time.Hour, map[string]int{"b": 99, "d": 1}, "[b d]", 0, 0},
		{"and is other when it comes back", 26 * time.Hour, map[string]int{"a": 7, "b": 1}, "[b]", 7, 1},
	} {
		at := noon.Add(step.after)
		p.retire(at)
		services, rest := takeMinute(t, p, at, step.requests)
		if fmt.Sprint(services) != step.services || rest != step.rest || p.overflow.Load() != step.overflow {
			t.Errorf("%s: %v, %d requests of %d others; want %s, %d of %d", step.name, services, rest, p.overflow.Load(), step.services, step.rest, step.overflow)
		}
	}
	if n := strings.Count(said.String(), "max_series"); n < 1 || strings.Count(said.String(), "WARN") != 1 {
		t.Errorf("it is said not once: %s", said)
	}
}

func TestFloodOfNamesCostsBoundedMemory(t *testing.T) {
	p := &places{limit: 10, log: quiet()}
	f, plan := newFold(p.limit, anyPair), planFor(t, rules.Stream{})
	const names = 50_000
	for i := range names {
		if err := f.add(row{service: fmt.Sprint("s", i), minute: 60, streams: 1, requests: 1}, plan); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(f.cells) + len(f.ids) + len(f.beyond); n > 10_000 {
		t.Errorf("%d entries for a limit of 10", n)
	}
	total := uint64(0)
	minutes := f.minutes(p)
	for _, m := range minutes {
		total += m.Requests
	}
	if len(minutes) != 11 || total != names {
		t.Errorf("%d series with %d requests, want 10 and other, with %d", len(minutes), total, names)
	}
}

func TestRegionValues(t *testing.T) {
	log, said := logged()
	r := regions{log: log, declared: []rules.Region{
		{Code: "in"}, {Code: "eu", Aliases: []string{"local", "eu-central"}}, {Code: "us", Aliases: []string{"local", "us-east"}},
	}}
	for value, want := range map[string]string{"in": "in", "local": "eu", "eu-central": "eu", "us-east": "us", "": "", "mars": "mars", "EU": "EU"} {
		if got := r.of(value); got != want {
			t.Errorf("%q is region %q, want %q", value, got, want)
		}
	}
	for range 3 {
		r.of("mars")
	}
	if n := strings.Count(said.String(), "mars"); n != 1 {
		t.Errorf("an unknown region is warned of %d times, want once: %s", n, said)
	}
	for i := range 500 {
		r.of(fmt.Sprint("planet", i))
	}
	if n := strings.Count(said.String(), "WARN"); n > rememberedValues {
		t.Errorf("a flood of values gives %d warnings", n)
	}

	none := regions{log: log}
	said.Reset()
	if none.of("mars") != "mars" || said.Len() > 0 {
		t.Errorf("where no regions are declared, a value is warned of: %s", said)
	}
}
