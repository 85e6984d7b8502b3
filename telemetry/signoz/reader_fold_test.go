package signoz

import (
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

func anyPair(pair) bool { return true }

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
	f := newFold(10, anyPair)
	minute := uint32(noon.Unix())
	for _, x := range []row{
		{"api", "eu", minute, 0b01, 2, 1, bucketText(time.Second, time.Minute)},
		{"api", "eu", minute, 0b11, 1, 0, bucketText(time.Second)},
		{"api", "eu", minute + 60, 0b10, 1, 1, ""},
	} {
		if err := f.add(x, []string{"all", "some"}); err != nil {
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

func TestFoldRefusesWhatItDidNotAskFor(t *testing.T) {
	f := newFold(10, anyPair)
	if err := f.add(row{streams: 0b10, requests: 1}, []string{"all"}); err == nil {
		t.Error("a stream that is not there is taken")
	}
	if err := f.add(row{streams: 1, requests: 1, buckets: "abc"}, []string{"all"}); err == nil {
		t.Error("one and a half buckets are taken")
	}
}

// takeMinute folds one minute of services, each with so many requests, and gives who
// has a place and what other has.
func takeMinute(t *testing.T, p *places, at time.Time, requests map[string]int) (services []string, rest uint64) {
	t.Helper()
	f := newFold(p.limit, anyPair)
	for service, n := range requests {
		buckets := bucketText(slices.Repeat([]time.Duration{time.Second}, n)...)
		if err := f.add(row{service, "eu", uint32(at.Unix()), 1, uint64(n), 0, buckets}, []string{""}); err != nil {
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
	f := newFold(p.limit, anyPair)
	const names = 50_000
	for i := range names {
		if err := f.add(row{service: fmt.Sprint("s", i), minute: 60, streams: 1, requests: 1}, []string{""}); err != nil {
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

func TestPiecesCoverTheTimeOnce(t *testing.T) {
	for _, test := range []struct {
		name      string
		perMinute float64
		from, to  string
		want      string
	}{
		{"a tick is one piece, over a border too", 1000, "11:58", "12:02", "11:58-12:02"},
		{"what is long is cut at the buckets", 1000, "11:20", "13:10", "11:20-11:30 11:30-12:00 12:00-12:30 12:30-13:00 13:00-13:10"},
		{"the first pieces are short", 0, "11:28", "11:40", "11:28-11:30 11:30-11:35 11:35-11:40"},
		{"much traffic makes short pieces", 1e6, "12:01", "12:09", "12:01-12:05 12:05-12:09"},
		{"a minute is the least", 1e9, "12:01", "12:03", "12:01-12:02 12:02-12:03"},
		{"nothing is no piece", 1000, "12:01", "12:01", ""},
	} {
		p := &pace{perMinute: test.perMinute}
		var got []string
		for w := range p.pieces(clock(test.from), clock(test.to)) {
			got = append(got, w.from.Format("15:04-")+w.to.Format("15:04"))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	p := &pace{}
	p.learn(window{from: clock("12:00"), to: clock("12:05")}, 10_000_000)
	if got := p.length(); got != 2*time.Minute {
		t.Errorf("after 2 million spans a minute a piece is %v, want 2m", got)
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
