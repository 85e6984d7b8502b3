package store

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
)

func auditLog(t *testing.T, db *DB, before uint64, n int) []Audited {
	t.Helper()
	all, err := db.AuditLog(t.Context(), before, n)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatPeopleDidIsWrittenWithWhatCameOfIt(t *testing.T) {
	db := openNew(t)
	entry := incident.AuditEntry{
		At: noon.Add(123456789), Who: "ada", Role: "responder", Via: "console", From: "192.0.2.1",
		Action: "resolve", Incident: "INC-2026-0001", Why: "rolled back", Outcome: "done",
	}
	if empty := emptyFields(entry); len(empty) > 0 {
		t.Fatalf("the entry has empty fields: %v", empty)
	}
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}, Audit: &entry})
	_, err := db.Append(t.Context(), incident.Batch{
		Events: []incident.Event{{Kind: incident.Opened, At: noon}}, Recorded: noon, Audit: &incident.AuditEntry{Action: "declare", Outcome: "done"},
	})
	if err == nil {
		t.Fatal("an event without its incident was stored")
	}
	_, err = db.Append(t.Context(), incident.Batch{
		Events: []incident.Event{said(noon)}, Recorded: noon, Audit: &incident.AuditEntry{Action: "declare"},
	})
	if err == nil || len(all(t, db)) != 1 {
		t.Fatalf("the events were stored although the entry was not (%v)", err)
	}
	appendTo(t, db, incident.Batch{Recorded: noon, Audit: &incident.AuditEntry{Action: "note", Outcome: "done"}})
	want := []Audited{
		{2, incident.AuditEntry{At: noon, Action: "note", Outcome: "done"}}, // when it was recorded, where it does not say
		{1, entry},
	}
	if diff := cmp.Diff(want, auditLog(t, db, 0, 10)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheAuditLogIsReadFromItsEnd(t *testing.T) {
	db := openNew(t)
	for i := range 5 {
		err := db.Audit(t.Context(), incident.AuditEntry{At: noon.Add(-time.Duration(i) * time.Hour), Action: fmt.Sprint(i + 1), Outcome: "done"})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		before uint64
		n      int
		want   string
	}{
		{0, 2, "5 4"}, {4, 2, "3 2"}, {2, 2, "1"}, {1, 2, ""}, {0, 99, "5 4 3 2 1"}, {1 << 63, 1, "5"}, {0, 0, ""}, {0, -1, ""},
	} {
		var got []string
		for _, a := range auditLog(t, db, tt.before, tt.n) {
			got = append(got, a.Action)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%d before %d: %q, want %q", tt.n, tt.before, s, tt.want)
		}
	}
	for _, stmt := range []string{`UPDATE audit SET who = 'grace'`, `DELETE FROM audit`} {
		if _, err := db.w.ExecContext(t.Context(), stmt); err == nil {
			t.Errorf("%s was allowed", stmt)
		}
	}
	if err := db.Trim(t.Context(), noon.AddDate(99, 0, 0)); err != nil || len(auditLog(t, db, 0, 99)) != 5 {
		t.Errorf("trimming touched it (%v)", err)
	}
}

func TestAStrangersWordsFitTheAuditLog(t *testing.T) {
	db := openNew(t)
	err := db.Audit(t.Context(), incident.AuditEntry{
		At: noon, Action: "sign in", Outcome: strings.Repeat("ü", 9000), Why: "\xff\x00'); DROP TABLE audit; --",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := auditLog(t, db, 0, 1)[0]
	if len(got.Outcome) > 4100 || !utf8.ValidString(got.Outcome) || !strings.HasSuffix(got.Outcome, "…") || !utf8.ValidString(got.Why) {
		t.Errorf("it reads %d bytes, %q", len(got.Outcome), got.Why)
	}
}

func TestATimelineIsOneIncidents(t *testing.T) {
	db := openNew(t)
	other := said(noon)
	other.Incident = "INC-2026-0002"
	stored := appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon), other, {Kind: incident.Blinded, At: noon}, said(noon.Add(-time.Hour))}})
	var got []incident.Event
	for e, err := range db.Timeline(t.Context(), "INC-2026-0001") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if diff := cmp.Diff([]incident.Event{stored[0], stored[3]}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for e := range db.Timeline(t.Context(), "INC-2026-0003") {
		t.Errorf("an incident that is none has %v", e)
	}
	plan := strings.Join(lines(t, db.r, `EXPLAIN QUERY PLAN `+strings.Replace(timelineQuery, "?", "'x'", 1)), "; ")
	if !strings.Contains(plan, "events_of_incident") || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("a long history is read for it: %s", plan)
	}
}

// A kind of event that nobody thought of here fails this test: it concerns an
// incident, or it is added to those that may concern none.
func TestEventsOfAnIncidentNameIt(t *testing.T) {
	db := openNew(t)
	may := []string{"sensed", "blinded", "sighted", "muted", "announced", "entered", "left", "skipped", "cleared"}
	for _, kind := range kinds(t) {
		err := func() error {
			_, err := db.Append(t.Context(), incident.Batch{Events: []incident.Event{{Kind: incident.Kind(kind), At: noon}}, Recorded: noon})
			return err
		}()
		if want := slices.Contains(may, kind); (err == nil) != want {
			t.Errorf("%q without an incident: %v", kind, err)
		}
		e := incident.Event{Incident: "INC-2026-0001", Kind: incident.Kind(kind), At: noon}
		if _, err := db.Append(t.Context(), incident.Batch{Events: []incident.Event{e}, Recorded: noon}); err != nil {
			t.Errorf("%q of an incident: %v", kind, err)
		}
	}
}

// kinds reads the kinds of events from where they are declared.
func kinds(t *testing.T) (all []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../incident/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Kind" {
			s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		return true
	})
	if len(all) < 40 {
		t.Fatalf("found only %v", all)
	}
	return all
}
