package store

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
)

var everything = cmp.Exporter(func(reflect.Type) bool { return true })

func markAt(component, region string, minute time.Time, known, maintenance bool) incident.Mark {
	return incident.Mark{Cell: incident.Cell{Component: component, Region: region}, Minute: minute, Known: known, Maintenance: maintenance, First: true}
}

// What is read is what the desk has in memory, after each minute, a restart, and a
// year's end; what several sources say of a minute adds up, whichever comes first.
func TestWhatIsKnownIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	db := openAt(t, path)
	begin := time.Date(2026, 12, 31, 23, 50, 0, 0, time.UTC)
	var h *incident.History
	for n := range 20 {
		minute := begin.Add(time.Duration(n) * time.Minute)
		spans := incident.Batch{
			Source: "spans", Judged: minute.Add(time.Minute), Recorded: minute,
			Marks:    []incident.Mark{markAt("api", "eu", minute, n%3 == 0, n > 10), markAt("web", "", minute, false, false)},
			Readings: []incident.Reading{{Cell: incident.Cell{Component: "api", Region: "eu"}, Kind: "p99", Step: minute.Truncate(incident.Step), Value: float64(n % 7)}},
		}
		earlier := minute.Add(-5 * time.Minute) // they lag, and saw more of it
		probes := incident.Batch{Source: "probes", Judged: earlier.Add(time.Minute), Recorded: minute, Marks: []incident.Mark{markAt("api", "eu", earlier, n%2 == 0, false)}}
		for _, b := range []incident.Batch{spans, probes} {
			if n == 15 { // a stop in which there was maintenance, over the year's end
				long := markAt("api", "eu", begin.Add(2*time.Minute), false, true)
				long.Until, long.First = begin.Add(15*time.Minute), false
				b.Marks = append(b.Marks, long)
			}
			appendTo(t, db, b)
			h = h.With(b.Marks, b.Readings)
		}
		got, err := db.History(t.Context(), minute)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h, got, everything); diff != "" {
			t.Fatalf("after %d minutes it differs (- desk, + store):\n%s", n+1, diff)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (*DB, error){
		"again":   func() (*DB, error) { return Open(t.Context(), path) },
		"to read": func() (*DB, error) { return OpenToRead(t.Context(), path) },
	} {
		db, err := open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := db.History(t.Context(), begin.Add(20*time.Minute))
		if err != nil {
			t.Fatalf("opened %s: %v", name, err)
		}
		if diff := cmp.Diff(h, got, everything); diff != "" {
			t.Errorf("opened %s it differs:\n%s", name, diff)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if since := h.Since(incident.Cell{Component: "api", Region: "eu"}); !since.Equal(begin.Add(-5 * time.Minute)) {
		t.Errorf("it is watched since %s", since)
	}
}

func TestARefusedBatchMarksNothing(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Judged: noon, Marks: []incident.Mark{markAt("api", "eu", noon.Add(-time.Minute), true, false)}})
	for name, b := range map[string]incident.Batch{
		"its minute was judged before": {Judged: noon, Marks: []incident.Mark{markAt("api", "us", noon, true, false)}},
		"an event is none":             {Events: []incident.Event{{Kind: incident.Opened, At: noon}}, Judged: noon.Add(time.Minute), Marks: []incident.Mark{markAt("api", "us", noon, true, false)}},
		"a mark names no component":    {Judged: noon.Add(time.Minute), Marks: []incident.Mark{markAt("api", "us", noon, true, false), markAt("", "us", noon, true, false)}},
		"a reading has no step": {
			Judged: noon.Add(time.Minute), Marks: []incident.Mark{markAt("api", "us", noon, true, false)},
			Readings: []incident.Reading{{Cell: incident.Cell{Component: "api"}, Kind: "p99", Step: noon.Add(time.Minute)}},
		},
	} {
		b.Recorded = noon
		if _, err := db.Append(t.Context(), b); err == nil {
			t.Errorf("%s: it is stored", name)
		}
		if n := count(t, db, `SELECT (SELECT count(*) FROM uptime) + (SELECT count(*) FROM watched) + (SELECT count(*) FROM readings)`); n != 2 {
			t.Errorf("%s: there are %d rows", name, n)
		}
	}
}

// Which minutes are known is kept for ever, what was measured for a week.
func TestTrimKeepsWhichMinutesAreKnown(t *testing.T) {
	db := openNew(t)
	old := noon.AddDate(-3, 0, 0)
	reading := func(step time.Time) incident.Reading {
		return incident.Reading{Cell: incident.Cell{Component: "api", Region: "eu"}, Kind: "p99", Step: step, Value: 1}
	}
	appendTo(t, db, incident.Batch{Judged: old.Add(time.Minute), Marks: []incident.Mark{markAt("api", "eu", old, true, false)}, Readings: []incident.Reading{reading(old)}})
	appendTo(t, db, incident.Batch{Judged: noon.Add(time.Minute), Marks: []incident.Mark{markAt("api", "eu", noon, true, false)}, Readings: []incident.Reading{reading(noon), reading(noon.Add(-9 * day)), reading(noon.Add(-7 * day))}})
	if err := db.Trim(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{`SELECT count(*) FROM uptime`: 2, `SELECT count(*) FROM readings`: 2} {
		if got := count(t, db, query); got != want {
			t.Errorf("%s is %d, want %d", query, got, want)
		}
	}
	h, err := db.History(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	cell := incident.Cell{Component: "api", Region: "eu"}
	if !h.Since(cell).Equal(old) || h.Day(cell, incident.DayOf(noon)).Good != 1 || len(h.Line(cell, "p99")) != 1 {
		t.Errorf("it is watched since %s, %v", h.Since(cell), h.Line(cell, "p99"))
	}
}

func TestAMinuteThatCannotBeReadIsSaid(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Judged: noon, Marks: []incident.Mark{markAt("api", "eu", noon, true, false)}})
	if _, err := db.w.ExecContext(t.Context(), `UPDATE uptime SET known = x'00'`); err == nil || !strings.Contains(err.Error(), "CHECK") {
		t.Errorf("half a day is stored: %v", err)
	}
	if _, err := db.w.ExecContext(t.Context(), `PRAGMA ignore_check_constraints = 1; UPDATE uptime SET known = x'00'`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.History(t.Context(), noon); err == nil || !strings.Contains(err.Error(), "180 bytes") {
		t.Errorf("got %v", err)
	}
}
