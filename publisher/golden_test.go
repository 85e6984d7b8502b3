package publisher_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

var update = flag.Bool("update", false, "write the golden files anew")

// told gives a board with one incident of a severity, of which all states up to
// one were told.
func told(severity rules.Severity, state int) (*rules.Config, incident.Board) {
	c := rules.Default()
	c.Organisation, c.Page = "FeatureSignals", rules.Page{Title: "FeatureSignals status", URL: "https://status.example.com", Weights: [5]float64{1, 0.3}}
	c.Components = []rules.Component{{ID: "api", Name: "Management API"}}
	c.Regions = []rules.Region{{Code: "eu", Name: "Europe"}, {Code: "us", Name: "United States"}}
	began := time.Date(2026, 5, 20, 10, 2, 0, 0, time.UTC)
	after := func(minutes int) time.Time { return began.Add(time.Duration(minutes) * time.Minute) }
	every := c.Policies[severity].Every(0)
	words := rules.Words{Symptom: "elevated errors on the management API", Impact: "failed requests when they change flags"}
	i := incident.Incident{
		ID: "INC-2026-0001", Component: "api", Began: began, Detected: after(5), Peak: severity, Words: words,
		Causes: []incident.Cause{{Region: "eu", Severity: severity, Peak: severity, Began: began}},
	}
	for n, said := range []incident.Update{
		{State: incident.Investigating, Trend: incident.TrendNew, Value: 0.15},
		{State: incident.Identified, Trend: incident.TrendUnchanged, Value: 0.13, Text: "A full disk keeps the database from writing.\nWe are moving it to a larger one."},
		{State: incident.Monitoring, Trend: incident.TrendCalm, Calm: 3 * time.Minute, Watching: 7 * time.Minute},
		{State: incident.StateResolved, Trend: incident.TrendOver, Integrity: incident.NotImpacted},
	}[:state+1] {
		said.Number, said.Severity, said.Words, said.Inside = n+1, severity, words, !c.Policies[severity].Public
		said.Said, said.AsOf = after(8+20*n), after(7+20*n)
		said.Regions = []incident.RegionState{{Region: "eu", Severity: severity}}
		if said.State != incident.StateResolved && every > 0 {
			said.Every, said.Next = every, said.Said.Add(every)
		}
		if said.State == incident.StateResolved {
			i.Resolved, i.Causes[0].Severity, i.Integrity = said.AsOf, rules.SeverityNone, said.Integrity
			said.Regions[0].Severity = rules.SeverityNone
			if due := c.Policies[severity].PostMortem; due > 0 {
				said.PostMortem = i.Resolved.Add(due)
			}
		}
		i.State, i.Promise = said.State, said.Next
		i.Updates = append(i.Updates, said)
	}
	b := incident.Board{Seq: 1, Since: began.AddDate(0, -1, 0)}
	if i.State == incident.StateResolved {
		b.Past = []incident.Incident{i}
	} else {
		b.Open = []incident.Incident{i}
	}
	return c, b
}

// What each channel says, in each state, at each severity that it can hear of.
func TestWhatEachChannelSays(t *testing.T) {
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range shown {
		t.Run(ch.name, func(t *testing.T) {
			var out strings.Builder
			for _, severity := range []rules.Severity{rules.P0, rules.P1, rules.P2, rules.P3} {
				for state := range 4 {
					c, b := told(severity, state)
					at := b.Since.AddDate(0, 1, 0).Add(2 * time.Hour)
					d, err := publisher.Prepare(c, b, publisher.Row{Channel: ch.name, Key: fmt.Sprintf("INC-2026-0001/%d", state+1)}, at, at)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&out, "======== %s %s\n", severity, d.Update.State)
					p, err := ch.make(set).Preview(d)
					if err != nil {
						fmt.Fprintf(&out, "not said: %v\n", err)
						continue
					}
					write(&out, p)
				}
			}
			golden(t, filepath.Join("testdata", "golden", ch.name+".txt"), out.String())
		})
	}
}

// write gives a preview but for its HTML, which has golden files of its own.
func write(out *strings.Builder, p publisher.Preview) {
	for _, h := range p.Headers {
		fmt.Fprintf(out, "%s: %s\n", h.Name, h.Value)
	}
	if p.JSON != nil {
		var b bytes.Buffer
		if err := json.Indent(&b, p.JSON, "", " "); err != nil {
			b.WriteString(err.Error())
		}
		fmt.Fprintf(out, "%s\n", b.String())
		return // its texts are in it
	}
	fmt.Fprintf(out, "\n%s\n", p.Text)
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs: go test ./publisher -run TestWhatEachChannelSays -update rewrites it; read the difference", file)
	}
}
