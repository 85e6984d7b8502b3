package templates

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Everybody reads UTC; those of a zone read their own clocks beside it.
func TestTimesInAZone(t *testing.T) {
	s := load(t)
	var b strings.Builder
	for _, name := range []string{"Asia/Kolkata", "America/New_York", "America/Sao_Paulo", "Europe/London"} {
		in := s.In(zone(t, name))
		for _, x := range stories() {
			switch x.name {
			case "investigating at P0", "resolved at P0", "investigating, unknown":
				text, err := in.Update(x.Page, x.Incident, x.Update)
				if err != nil {
					t.Fatal(err)
				}
				m, err := in.Message(x.Page, x.Incident, x.Update)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "==== %s, %s ====\n%s---- %s\n%s\n", name, x.name, text, m.Subject, m.Body)
			}
		}
		text, err := in.Notice(callings()[0].Notice)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "==== %s, a call ====\n%s\n", name, text)
	}
	golden(t, "zone.golden", b.String())
}

func TestClocksOfAZone(t *testing.T) {
	at := time.Date(2026, 5, 20, 20, 2, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		zone *time.Location
		want string
	}{
		{"nobody said", nil, "20:02 UTC on 20 May 2026"},
		{"UTC itself", time.UTC, "20:02 UTC on 20 May 2026"},
		{"UTC by another name", zone(t, "Etc/UTC"), "20:02 UTC on 20 May 2026"},
		{"the next day already", zone(t, "Asia/Kolkata"), "20:02 UTC on 20 May 2026 (01:32 IST on 21 May 2026)"},
		{"the same day", zone(t, "America/New_York"), "20:02 UTC on 20 May 2026 (16:02 EDT)"},
		{"a zone without letters", zone(t, "Asia/Kathmandu"), "20:02 UTC on 20 May 2026 (01:47 UTC+05:45 on 21 May 2026)"},
		{"one that somebody made up", time.FixedZone("<b>\n", 3600), "20:02 UTC on 20 May 2026 (21:02 <b>)"},
	} {
		if got := (times{zone: c.zone}).moment(at.AddDate(0, 0, 1), at); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAZoneIsMadeOnce(t *testing.T) {
	s := load(t)
	india := s.In(zone(t, "Asia/Kolkata"))
	if s.In(zone(t, "Asia/Kolkata")) != india || india.In(zone(t, "Asia/Kolkata")) != india {
		t.Error("the zone is made anew")
	}
	if india.In(nil) != s || s.In(time.UTC) != s || s.In(nil) != s {
		t.Error("without a zone the templates are others")
	}
	if s.In(time.FixedZone("X", 3600)) == s.In(time.FixedZone("X", 7200)) {
		t.Error("two zones of one name are taken for one")
	}
	if india.Sum() != s.Sum() {
		t.Error("the sum is another one")
	}
}

// The pages say that all their times are in UTC, and machines read stamps.
func TestPagesAndStampsStayInUTC(t *testing.T) {
	s, p := load(t), full()
	in := s.In(zone(t, "Asia/Kolkata"))
	for name, render := range map[string]func(s *Set) ([]byte, error){
		"index":    func(s *Set) ([]byte, error) { return s.Index(p) },
		"incident": func(s *Set) ([]byte, error) { return s.IncidentPage(p, p.Incidents[0]) },
		"history":  func(s *Set) ([]byte, error) { return s.History(p) },
		"feed":     func(s *Set) ([]byte, error) { e, err := s.FeedEntry(p, p.Incidents[0]); return []byte(e), err },
	} {
		want, err := render(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := render(in)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs in a zone", name)
		}
	}
	text, err := in.Update(p, p.Incidents[0], p.Incidents[0].Updates[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "\nUpdated: 2026-05-20T12:20:00Z\n") {
		t.Errorf("the stamp moved:\n%s", text)
	}
}
