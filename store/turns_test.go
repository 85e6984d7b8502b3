package store

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// after gives the whole minute m minutes after noon.
func after(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }

// turned is a turn of api-errors.
func turned(m int, region string, now evaluator.Verdict) incident.Turn {
	return incident.Turn{Minute: after(m), Rule: "api-errors", Service: "api", Region: region, Now: now}
}

func ledger(t *testing.T, db *DB, from, to time.Time) []incident.Turn {
	t.Helper()
	var turns []incident.Turn
	for turn, err := range db.Ledger(t.Context(), from, to) {
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, turn)
	}
	return turns
}

func TestATurnIsReadAsItWasWritten(t *testing.T) {
	db := openNew(t)
	full := incident.Turn{
		Minute: noon, Rule: "api-errors", Service: "api\xff\x00'", Region: "eu", Now: evaluator.Bad, Held: rules.P0, Recovered: true,
		Value: 0.1 + 0.2, Limit: 0.05, Requests: 1<<64 - 1, Errors: 1 << 63,
	}
	if empty := emptyFields(full); len(empty) > 0 {
		t.Errorf("the test leaves out %v", empty)
	}
	want := []incident.Turn{
		full,
		{Minute: after(1), Rule: "quiet", Value: math.NaN(), Limit: math.Inf(1)}, // all that may be empty is
		{Minute: after(2), Rule: "quiet", Now: evaluator.Good, Held: rules.P4, Value: math.Inf(-1)},
	}
	appendTo(t, db, incident.Batch{Judged: noon, Turns: want[:1]})
	appendTo(t, db, incident.Batch{Turns: want[1:]})
	reader, err := OpenToRead(t.Context(), db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if diff := cmp.Diff(want, ledger(t, reader, noon, after(3)), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
}

func TestTheLedgerBeginsWithWhatWasKnown(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Turns: []incident.Turn{
		turned(0, "eu", evaluator.Good), turned(0, "us", evaluator.Good), turned(3, "eu", evaluator.Bad),
		turned(5, "us", evaluator.Unsure), turned(5, "in", evaluator.Good), turned(5, "eu", evaluator.Good), turned(8, "in", evaluator.Bad),
	}})
	tests := []struct {
		from, to int
		want     string
	}{
		{0, 9, "0eu good, 0us good, 3eu bad, 5eu good, 5in good, 5us unsure, 8in bad"},
		{-9, 0, ""},
		{1, 5, "0eu good, 0us good, 3eu bad"},
		{4, 5, "0us good, 3eu bad"},
		{5, 6, "0us good, 3eu bad, 5eu good, 5in good, 5us unsure"},
		{6, 6, "5eu good, 5in good, 5us unsure"},
		{99, 100, "5eu good, 5us unsure, 8in bad"},
	}
	for _, tt := range tests {
		var got []string
		for _, turn := range ledger(t, db, after(tt.from), after(tt.to)) {
			got = append(got, fmt.Sprintf("%d%s %s", turn.Minute.Sub(noon)/time.Minute, turn.Region, turn.Now))
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("from %d to %d:\n got %s\nwant %s", tt.from, tt.to, s, tt.want)
		}
	}
}

func TestTheLaterVerdictOnAMinuteHolds(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Judged: noon, Turns: []incident.Turn{turned(0, "eu", evaluator.Bad)}})
	appendTo(t, db, incident.Batch{Judged: noon, Source: rules.SourceProbes, Turns: []incident.Turn{turned(0, "eu", evaluator.Good)}})
	if got := ledger(t, db, noon, after(1)); len(got) != 1 || got[0].Now != evaluator.Good {
		t.Errorf("got %v", got)
	}
}

func TestTurnsAreStoredWithTheirBatchOrNotAtAll(t *testing.T) {
	tests := map[string]incident.Batch{
		"an event is refused":       {Turns: []incident.Turn{turned(1, "eu", evaluator.Bad)}, Events: []incident.Event{{Kind: incident.Opened, At: noon}}},
		"the minute was judged":     {Turns: []incident.Turn{turned(1, "eu", evaluator.Bad)}, Judged: noon},
		"a turn has no whole time":  {Turns: []incident.Turn{turned(1, "eu", evaluator.Bad), {Rule: "x", Minute: noon.Add(1)}}, Judged: after(1)},
		"a turn has no time at all": {Turns: []incident.Turn{turned(1, "eu", evaluator.Bad), {Rule: "x"}}, Judged: after(1)},
		"a turn names no rule":      {Turns: []incident.Turn{turned(1, "eu", evaluator.Bad), {Minute: noon}}, Judged: after(1)},
	}
	for name, b := range tests {
		db := openNew(t)
		appendTo(t, db, incident.Batch{Judged: noon})
		b.Recorded = noon
		if _, err := db.Append(t.Context(), b); err == nil {
			t.Errorf("%s: it was stored", name)
		}
		if got := ledger(t, db, noon, after(9)); len(got) != 0 || count(t, db, `SELECT count(*) FROM judged`) != 1 {
			t.Errorf("%s: half of it was stored: %v", name, got)
		}
	}
}

func TestEachSourceIsJudgedAtItsOwnPace(t *testing.T) {
	db := openNew(t)
	mark := func(source string) time.Time {
		t.Helper()
		m, err := db.Watermark(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	appendTo(t, db, incident.Batch{Judged: after(10)}) // of spans, as it says nothing
	if err := db.SetWatermark(t.Context(), rules.SourceProbes, after(1)); err != nil {
		t.Fatal("probes were not judged yet:", err)
	}
	if !mark("").Equal(after(10)) || !mark(rules.SourceSpans).Equal(after(10)) || !mark(rules.SourceProbes).Equal(after(1)) {
		t.Errorf("the watermarks are %v, %v and %v", mark(""), mark(rules.SourceSpans), mark(rules.SourceProbes))
	}
	appendTo(t, db, incident.Batch{Judged: after(2), Source: rules.SourceProbes})
	appendTo(t, db, incident.Batch{Judged: after(11), Source: rules.SourceSpans})
	appendTo(t, db, incident.Batch{Judged: after(11), Source: rules.SourceProbes}) // the same minute of another source
	for _, source := range []string{"", rules.SourceSpans, rules.SourceProbes} {
		_, err := db.Append(t.Context(), incident.Batch{Judged: after(11), Source: source, Recorded: noon})
		if err == nil {
			t.Errorf("%q: a minute was judged twice", source)
		}
		if err := db.SetWatermark(t.Context(), source, after(99)); err == nil {
			t.Errorf("%q: the start moved after minutes were judged", source)
		}
	}
	if err := db.Trim(t.Context(), noon.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if !mark(rules.SourceSpans).Equal(after(11)) || !mark(rules.SourceProbes).Equal(after(11)) || count(t, db, `SELECT count(*) FROM judged`) != 2 {
		t.Error("trimming moved a watermark")
	}
}
