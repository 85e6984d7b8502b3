package page

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// readCalendar reads a calendar strictly: it gives the properties of each event
// as they are meant.
func readCalendar(b []byte) ([]map[string]string, error) {
	if !bytes.HasSuffix(b, []byte("\r\n")) || bytes.Count(b, []byte("\n")) != bytes.Count(b, []byte("\r\n")) || bytes.Count(b, []byte("\r")) != bytes.Count(b, []byte("\n")) {
		return nil, errors.New("lines do not end in CRLF alone")
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) || line == "" {
			return nil, fmt.Errorf("line %q: %d bytes", line, len(line))
		}
		if rest, ok := strings.CutPrefix(line, " "); ok {
			lines[len(lines)-1] += rest
			continue
		}
		lines = append(lines, line)
	}
	var events []map[string]string
	var open []string
	plain := strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n")
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("line %q has no name", line)
		}
		switch name {
		case "BEGIN":
			open = append(open, value)
			if value == "VEVENT" {
				events = append(events, map[string]string{})
			}
			continue
		case "END":
			if len(open) == 0 || open[len(open)-1] != value {
				return nil, fmt.Errorf("%s ends %v", value, open)
			}
			open = open[:len(open)-1]
			continue
		}
		if len(open) > 0 && open[len(open)-1] == "VEVENT" {
			e := events[len(events)-1]
			if _, twice := e[name]; twice {
				return nil, fmt.Errorf("%s is there twice", name)
			}
			e[name] = plain.Replace(value)
		}
	}
	if len(open) > 0 {
		return nil, fmt.Errorf("%v does not end", open)
	}
	ids := map[string]bool{}
	for _, e := range events {
		if ids[e["UID"]] || e["UID"] == "" {
			return nil, fmt.Errorf("UID %q", e["UID"])
		}
		ids[e["UID"]] = true
		for _, key := range []string{"DTSTAMP", "DTSTART"} {
			if _, err := time.Parse("20060102T150405Z", e[key]); err != nil {
				return nil, err
			}
		}
	}
	return events, nil
}

func TestTheCalendarTellsOfMaintenance(t *testing.T) {
	p, said := pagetest.Public("maintenance"), load(t).Words(templates.Public{})
	events, err := readCalendar(documents(t, p)["maintenance.ics"])
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != len(p.Works) || len(events) == 0 {
		t.Fatalf("%d events of %d", len(events), len(p.Works))
	}
	for n, e := range events {
		w := p.Works[n]
		if e["UID"] != w.ID+"@status.featuresignals.example" || e["DTSTART"] != w.From.UTC().Format("20060102T150405Z") ||
			e["SUMMARY"] != "FeatureSignals: "+w.Title || !strings.HasPrefix(e["DESCRIPTION"], "Maintenance of ") {
			t.Errorf("%s is %v", w.ID, e)
		}
	}
	// Nothing but what was said moves it.
	later := pagetest.Public("maintenance")
	later.Rendered, later.Checked, later.ValidUntil = later.Rendered.Add(time.Hour), later.Checked.Add(time.Hour), later.ValidUntil.Add(time.Hour)
	if !bytes.Equal(calendar(said, p), calendar(said, later)) {
		t.Error("the calendar moved with the hour")
	}
	if events, err := readCalendar(calendar(said, zero())); err != nil || len(events) != 0 {
		t.Errorf("without maintenance: %v, %v", events, err)
	}
}

func TestWhatIsSaidOfMaintenance(t *testing.T) {
	from, to := today(22, 0), today(23, 30)
	work := func(state string, announced, ended time.Time) templates.Work {
		return templates.Work{ID: "db-1", Title: "Database", State: state, From: from, To: to, Announced: announced, Ended: ended}
	}
	for name, c := range map[string]struct {
		w    templates.Work
		want string
	}{
		"it is announced":                                 {work("scheduled", today(9, 0), time.Time{}), "scheduled 09:00"},
		"it has begun":                                    {work("in_progress", today(9, 0), time.Time{}), "in_progress 22:00, scheduled 09:00"},
		"it is over as planned":                           {work("completed", today(9, 0), to), "completed 23:30, in_progress 22:00, scheduled 09:00"},
		"it is over early":                                {work("completed", today(9, 0), today(22, 40)), "completed 22:40, in_progress 22:00, scheduled 09:00"},
		"it was under way when it was told":               {work("in_progress", today(22, 10), time.Time{}), "in_progress 22:10"},
		"it was told when it was over":                    {work("completed", today(23, 40), to), "completed 23:40, in_progress 23:40"},
		"nobody knows since when it was told":             {work("in_progress", time.Time{}, time.Time{}), "in_progress 22:00"},
		"it is to come, and nobody knows since when":      {work("scheduled", time.Time{}, time.Time{}), "scheduled 22:00"},
		"it is over, and nobody wrote down when it ended": {work("completed", today(9, 0), time.Time{}), "completed 23:30, in_progress 22:00, scheduled 09:00"},
	} {
		var got []string
		for _, s := range stages(c.w) {
			got = append(got, s.state+" "+s.at.Format("15:04"))
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("%s: %s, want %s", name, g, c.want)
		}
		if err := readAll(documents(t, templates.Public{Organisation: "Acme", URL: "https://status.example.com", Works: []templates.Work{c.w}})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, said := pagetest.Public("good"), load(t).Words(templates.Public{})
	w := work("scheduled", today(9, 0), time.Time{})
	w.Components, w.Regions = p.Components[:2], p.Regions[1:]
	if got, want := stages(w)[0].words(said, p, w), "Maintenance of Management API and Flag evaluations in Europe and India is planned from 20 May 2026, 22:00 UTC to 23:30 UTC."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.AllComponents, w.AllRegions, w.To = true, true, to.AddDate(0, 0, 1)
	if got, want := stages(w)[0].words(said, p, w), "Maintenance of all components in all regions is planned from 20 May 2026, 22:00 UTC to 21 May 2026, 23:30 UTC."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
