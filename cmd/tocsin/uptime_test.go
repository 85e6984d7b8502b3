package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry/signoz"
	"github.com/featuresignals/tocsin/templates"
)

var uptimeDays = flag.Int("uptime-days", 2, "how many days of seeded history uptime is counted over; `make simulate` counts ninety")

const uptimeRules = `
sources: {signoz: {dsn: %q, region: [cloud.region]}}
store: {path: %q}
channels: {status: {type: page, folder: %q}}
severities: {P0: {hold: 0s}, P1: {hold: 0s}, P2: {hold: 0s}}
regions: [{code: eu, name: Europe}, {code: us, name: United States}]
components:
  - {id: api, name: API}
  - {id: web, name: Web}
maintenance:
%s
rules:
  - id: api-errors
    component: api
    signal: error_rate
    where: {services: [uptime-api]}
    window: 5m
    levels: {P1: {above: 20%%, for: 3m}, P2: {above: 5%%, for: 5m}}
    recover: {below: 2%%, for: 5m}
    public: {symptom: elevated errors}
  - id: api-latency
    component: api
    signal: p99
    where: {services: [uptime-api]}
    window: 5m
    levels: {P2: {above: 1s, for: 5m}}
    recover: {below: 500ms, for: 5m}
    public: {symptom: slow answers}
  - id: web-errors
    component: web
    signal: error_rate
    where: {services: [uptime-web]}
    window: 5m
    levels: {P0: {above: 50%%, for: 2m}, P2: {above: 5%%, for: 10m}}
    recover: {below: 2%%, for: 3m}
    public: {symptom: pages that do not load}
`

// seeded is a history: what each service did in each region, minute by minute.
type seeded struct {
	begin   time.Time
	minutes int
	works   []seededWork
}

type seededWork struct {
	component, region string
	from, to          int // minutes since begin
}

var seededSeries = [][2]string{{"uptime-api", "eu"}, {"uptime-api", "us"}, {"uptime-web", "eu"}}

// newSeeded makes a history of so many days that ended yesterday. Every cell has
// maintenance about every other day, some of it in the middle of trouble.
func newSeeded(days int) *seeded {
	s := &seeded{begin: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days), minutes: days*1440 - 7} // today is not over
	r := rand.New(rand.NewPCG(6, 6))
	for day := range days {
		for _, cell := range [][2]string{{"api", "eu"}, {"api", "us"}, {"web", "eu"}} {
			if r.IntN(2) == 0 || day == 1 {
				from := day*1440 + 30 + r.IntN(1200)
				s.works = append(s.works, seededWork{cell[0], cell[1], from, from + 20 + r.IntN(180)})
			}
		}
	}
	return s
}

// yaml is the maintenance as people would write it.
func (s *seeded) yaml() string {
	var b strings.Builder
	for n, w := range s.works {
		at := func(minute int) string { return s.at(minute).Format("2006-01-02 15:04") }
		fmt.Fprintf(&b, "  - {id: work-%d, title: Work, components: [%s], regions: [%s], from: %s, to: %s}\n", n, w.component, w.region, at(w.from), at(w.to))
	}
	return b.String()
}

func (s *seeded) at(minute int) time.Time { return s.begin.Add(time.Duration(minute) * time.Minute) }

// spans yields the history. Trouble of one kind goes on while another begins:
// errors, slowness, silence, and so little traffic that it says nothing.
func (s *seeded) spans() iter.Seq2[time.Time, ptrace.Traces] {
	return func(yield func(time.Time, ptrace.Traces) bool) {
		r := rand.New(rand.NewPCG(90, 1))
		var left [3][4]int
		var how [3][4]float64
		for minute := range s.minutes {
			tr := ptrace.NewTraces()
			for n, series := range seededSeries {
				for kind := range left[n] {
					if left[n][kind]--; left[n][kind] >= 0 {
						continue
					}
					how[n][kind], left[n][kind] = 0, 60+r.IntN(400) // well
					if r.IntN(2) == 0 && minute > 0 {
						how[n][kind], left[n][kind] = []float64{0.06, 0.1, 0.3, 0.7, 1}[r.IntN(5)], 4+r.IntN(50)
					}
				}
				errors, slow, thin, silent := how[n][0], how[n][1], how[n][2] > 0.1, how[n][3] > 0.3
				requests := 5 + r.IntN(6)
				switch {
				case silent:
					continue
				case thin:
					requests = r.IntN(2)
				}
				rs := tr.ResourceSpans().AppendEmpty()
				rs.Resource().Attributes().PutStr("service.name", series[0])
				rs.Resource().Attributes().PutStr("cloud.region", series[1])
				to := rs.ScopeSpans().AppendEmpty().Spans()
				for range requests {
					took := 20 * time.Millisecond
					if r.Float64() < slow {
						took = []time.Duration{700 * time.Millisecond, 3 * time.Second}[r.IntN(2)]
					}
					at := s.at(minute).Add(time.Duration(r.Int64N(int64(time.Minute))))
					span := to.AppendEmpty()
					span.SetName("GET /v1/things")
					span.SetKind(ptrace.SpanKindServer)
					span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
					span.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(took)))
					span.SetTraceID(pcommon.TraceID{byte(n), byte(minute), byte(minute >> 8), byte(minute >> 16), byte(r.IntN(256)), byte(r.IntN(256)), 1})
					span.SetSpanID(pcommon.SpanID{byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256)), 1})
					if r.Float64() < errors+0.002 {
						span.Status().SetCode(ptrace.StatusCodeError)
					}
				}
			}
			if !yield(s.at(minute+1), tr) {
				return
			}
		}
	}
}

// TestUptimeEqualsWhatSQLCounts takes a history through all of Tocsin: spans,
// ClickHouse, the reader, the rules, the desk, the store and the page. What it
// counts is counted a second time by SQL over the raw spans, which shares nothing
// with it but the numbers of the rules. Every minute of every day has to agree.
func TestUptimeEqualsWhatSQLCounts(t *testing.T) {
	s := newSeeded(*uptimeDays)
	front, conn := newSigNozFor(t, *uptimeDays)
	began := time.Now()
	if err := signoz.NewWriter(conn).Without("attributes").WriteAll(t.Context(), s.spans()); err != nil {
		t.Fatal(err)
	}
	t.Logf("the spans are stored after %s", time.Since(began).Round(time.Millisecond))

	dir := t.TempDir()
	path, file := filepath.Join(dir, "tocsin.db"), filepath.Join(dir, "tocsin.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, uptimeRules, front.URL(), path, filepath.Join(dir, "by-service"), s.yaml()), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := rules.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	known := judgeSeeded(t, config, s, path)
	t.Logf("%d minutes are judged after %s: %d incidents", s.minutes, time.Since(began).Round(time.Millisecond), len(known.Board.Past)+len(known.Board.Open))
	for _, i := range slices.Concat(known.Board.Past, known.Board.Open) {
		if !i.Told() {
			t.Errorf("nobody was told of %s", i.ID)
		}
	}
	public := known.Project(known.Judged)
	got := countedDays(public)

	// What a new process makes of the store is the same.
	db, err := store.OpenToRead(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	again := known
	if again.Board, err = incident.Fold(db.All(t.Context())); err != nil {
		t.Fatal(err)
	}
	if again.History, err = db.History(t.Context(), known.Judged); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(public, again.Project(known.Judged)); diff != "" {
		t.Errorf("after a restart it is another page:\n%s", diff)
	}

	// And the command that only reads the store makes the page that the service does.
	set, err := openTemplates(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := page.New("status", config.Channels[0].Folder, set).Publish(t.Context(), publisher.Delivery{Channel: "status", Public: public}); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"page", "--config", file, "--out", filepath.Join(dir, "by-command")}, &out, &errs, nil); code != exitGood {
		t.Fatalf("tocsin page ended with %d: %s", code, errs.String())
	}
	files := 0
	for name, body := range filesBelow(t, filepath.Join(dir, "by-service", "current")) {
		files++
		other, err := os.ReadFile(filepath.Join(dir, "by-command", "current", name))
		if err != nil || !bytes.Equal(body, other) {
			t.Errorf("%s is another one when the command writes it (%v)", name, err)
		}
	}
	t.Logf("%d files of the page are the same from the service and the command", files)

	want := countedBySQL(t, conn, s)
	t.Logf("SQL has counted after %s", time.Since(began).Round(time.Millisecond))
	var table strings.Builder
	table.WriteString(fmt.Sprintf("by Tocsin and by SQL alike, in minutes:\n%-10s %-7s %5s %5s %5s %5s %7s %11s %11s\n", "day", "cell", "good", "P0", "P1", "P2", "unknown", "maintenance", "uptime"))
	for n := range max(len(got), len(want)) {
		var a, b dayCount
		if n < len(got) {
			a = got[n]
		}
		if n < len(want) {
			b = want[n]
		}
		if a != b {
			t.Errorf("\n  Tocsin: %v\n  SQL:    %v", a, b)
			continue
		}
		table.WriteString(a.String() + "\n")
	}
	t.Log(table.String())
	var all dayCount
	for _, c := range want {
		all.good, all.unknown, all.maintenance = all.good+c.good, all.unknown+c.unknown, all.maintenance+c.maintenance
		for s := range c.bad {
			all.bad[s] += c.bad[s]
		}
	}
	if all.good == 0 || all.unknown == 0 || all.maintenance == 0 || all.bad[0] == 0 || all.bad[1] == 0 || all.bad[2] == 0 {
		t.Errorf("the history lacks something: %v", all)
	}
}

// filesBelow reads all files of a folder.
func filesBelow(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		all[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// newSigNozFor is newSigNoz with tables that keep so many days.
func newSigNozFor(t *testing.T, days int) (interface{ URL() string }, driver.Conn) {
	front, conn := newSigNoz(t)
	if days > 10 {
		for _, table := range []string{"signoz_index_v3", "traces_v3_resource"} {
			if err := conn.Exec(t.Context(), "ALTER TABLE signoz_traces."+table+" REMOVE TTL"); err != nil {
				t.Fatal(err)
			}
		}
	}
	return front, conn
}

// judgeSeeded judges the whole history as the service does, minute by minute, with
// a clock that is always at the minute that has just closed.
func judgeSeeded(t *testing.T, config *rules.Config, s *seeded, path string) publisher.Known {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	reader, err := newSource(config, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.SetWatermark(t.Context(), rules.SourceSpans, s.begin); err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[time.Time]
	now.Store(&s.begin)
	desk, err := incident.NewDesk(t.Context(), incident.Options{
		Config: config, Log: db, Logger: logger, Judged: map[string]time.Time{rules.SourceSpans: s.begin}, Now: func() time.Time { return *now.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- desk.Run(ctx) }()
	defer func() { <-ended }()
	defer cancel()
	walk := evaluator.Walk{Source: reader, From: s.begin, To: s.at(s.minutes), Lag: config.SigNoz.Lag}
	err = walk.Run(ctx, evaluator.Walker{Rings: evaluator.New(config), Sink: func(ctx context.Context, r evaluator.Round) error {
		closed := r.At.Add(r.Lag)
		now.Store(&closed)
		return desk.Judge(ctx, r)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return publisher.Known{Config: config, Board: desk.Board(), History: desk.History(), Judged: desk.Judged()}
}

// dayCount is a day of a cell.
type dayCount struct {
	day, cell                  string
	good, unknown, maintenance int
	bad                        [3]int // P0 P1 P2
	uptime                     string // six digits
}

func (c dayCount) String() string {
	return fmt.Sprintf("%-10s %-7s %5d %5d %5d %5d %7d %11d %11s", c.day, c.cell, c.good, c.bad[0], c.bad[1], c.bad[2], c.unknown, c.maintenance, c.uptime)
}

func countedDays(p templates.Public) []dayCount {
	var all []dayCount
	for _, c := range p.Components {
		for _, cell := range c.Cells {
			for _, d := range cell.Record.Days {
				m := d.Minutes
				line := dayCount{
					day: d.Date.Format(time.DateOnly), cell: c.ID + "/" + cell.Region.Code,
					good: m.Good, unknown: m.Unknown, maintenance: m.Maintenance, bad: [3]int{m.Bad[0], m.Bad[1], m.Bad[2]}, uptime: "-",
				}
				if percent, ok := m.Uptime(p.Weights); ok {
					line.uptime = fmt.Sprintf("%.6f", percent)
				}
				all = append(all, line)
			}
		}
	}
	return all
}
