package page

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// listing reads components.json as "Group - Name status", the way clients print
// it.
func listing(t *testing.T, p templates.Public) []string {
	t.Helper()
	files := documents(t, p)
	if err := readAll(files); err != nil {
		t.Fatal(err)
	}
	var d strictComponents
	if err := decode(files[fileComponents], &d); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	var out []string
	for _, c := range d.Components {
		names[c.ID] = c.Name
		line := c.Name + " " + c.Status
		switch {
		case c.Group:
			line = fmt.Sprintf("%s of %d", line, len(c.Components))
		case c.GroupID != nil:
			line = names[*c.GroupID] + " - " + line
		}
		out = append(out, line)
	}
	return out
}

func TestWhatClientsSeeAsComponentsAndGroups(t *testing.T) {
	component := func(id, name, group string, statuses ...templates.Status) templates.Component {
		c := templates.Component{ID: id, Name: name, Group: group, Status: statuses[0]}
		for n, s := range statuses {
			c.Cells = append(c.Cells, templates.Cell{Region: []templates.Region{us, europe, india}[n], Status: s})
		}
		return c
	}
	const ok, slow, out, none, gone = templates.Operational, templates.Degraded, templates.Major, templates.NotWatched, templates.NoData
	upkeep := templates.Work{ID: "w-1", Title: "Database", State: "in_progress", From: today(10, 0), To: today(11, 0), Announced: today(9, 0), AllComponents: true, Regions: []templates.Region{us}}
	for name, c := range map[string]struct {
		components []templates.Component
		works      []templates.Work
		want       []string
	}{
		"a component with regions is a group of them, whatever heading it has": {
			components: []templates.Component{component("api", "API", "Core", ok, slow)},
			want:       []string{"API operational of 2", "API - United States operational", "API - Europe degraded_performance"},
		},
		"with one region the headings are the groups, where they are first seen": {
			components: []templates.Component{component("a", "A", "Core", ok), component("b", "B", "", ok), component("c", "C", "Core", out)},
			want:       []string{"Core partial_outage of 2", "Core - A operational", "B operational", "Core - C major_outage"},
		},
		"a heading all of whose parts are out is out": {
			components: []templates.Component{component("a", "A", "Core", out), component("c", "C", "Core", out)},
			want:       []string{"Core major_outage of 2", "Core - A major_outage", "Core - C major_outage"},
		},
		"what was never heard of is left out": {
			components: []templates.Component{component("a", "A", "Core", none), component("b", "B", "", ok, none, none), component("c", "C", "", none, none)},
			want:       []string{"B operational of 1", "B - United States operational"},
		},
		"two of one name in one group are told apart, and those of two groups are not": {
			components: []templates.Component{component("a", "API", "Core", ok), component("b", "API", "Core", ok), component("c", "API", "Data", ok), component("d", "Core", "", ok)},
			want: []string{
				"Core (Core) operational of 2", "Core (Core) - API (a) operational", "Core (Core) - API (b) operational",
				"Data operational of 1", "Data - API operational", "Core (d) operational",
			},
		},
		"a name that looks as if it had been told apart": {
			components: []templates.Component{component("a", "API", "", ok), component("b", "API", "", ok), component("c", "API (a)", "", ok)},
			want:       []string{"API (a) (atczslaeaybo) operational", "API (b) operational", "API (a) (jwwqlw5nzkf3) operational"},
		},
		"without data it is as it was known last": {
			components: []templates.Component{component("a", "A", "", gone, gone)},
			want:       []string{"A operational of 2", "A - United States operational", "A - Europe operational"},
		},
		"without data during maintenance it is under maintenance": {
			components: []templates.Component{component("a", "A", "", gone, gone)},
			works:      []templates.Work{upkeep},
			want:       []string{"A under_maintenance of 2", "A - United States under_maintenance", "A - Europe operational"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := templates.Public{Organisation: "Acme", URL: "https://status.example.com", Components: c.components, Works: c.works}
			if got := listing(t, p); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestAnIncidentNamesWhatItTouches(t *testing.T) {
	files := documents(t, p1())
	var d strictIncidents
	if err := decode(files[fileIncidents], &d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range d.Incidents {
		var names []string
		for _, c := range i.Components {
			names = append(names, c.Name)
		}
		got = append(got, i.ID+" "+strings.Join(names, ", "))
	}
	want := []string{
		"INC-2026-0009 Flag evaluations, United States, India", "INC-2026-0008 Management API, Europe", "INC-2026-0007 Management API, Europe",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// On a page of one region the component has its heading's name before it.
	p := p0()
	p.Regions = p.Regions[1:2]
	for n := range p.Components {
		p.Components[n].Group, p.Components[n].Cells = "Flags", p.Components[n].Cells[1:2]
	}
	var one strictIncidents
	if err := decode(documents(t, p)[fileUnresolved], &one); err != nil {
		t.Fatal(err)
	}
	first := one.Incidents[0].Updates[2]
	if first.Affected == nil || (*first.Affected)[0].Name != "Flags - Management API" || (*first.Affected)[0].Code != one.Incidents[0].Components[0].ID {
		t.Errorf("the update affects %+v, the incident has %+v", first.Affected, one.Incidents[0].Components)
	}
}

// TestAnOldIncidentThatIsOpenIsNotLost: incidents.json has the newest fifty, and
// an open one that is older still stands where the open ones are.
func TestAnOldIncidentThatIsOpenIsNotLost(t *testing.T) {
	p := long()
	old := p0().Incidents[0]
	old.ID = "INC-2020-0001"
	for n := range old.Updates {
		old.Updates[n].ID = fmt.Sprintf("%s-%d", old.ID, old.Updates[n].Number)
		old.Updates[n].Said = ago(2000, 0, len(old.Updates)-n)
	}
	p.Incidents = []templates.Incident{old}
	files := documents(t, p)
	if err := readAll(files); err != nil {
		t.Fatal(err)
	}
	var all, unresolved strictIncidents
	if err := decode(files[fileIncidents], &all); err != nil {
		t.Fatal(err)
	}
	if err := decode(files[fileUnresolved], &unresolved); err != nil {
		t.Fatal(err)
	}
	if len(all.Incidents) != 50 || len(unresolved.Incidents) != 1 || unresolved.Incidents[0].ID != old.ID {
		t.Errorf("%d incidents, unresolved %+v", len(all.Incidents), unresolved.Incidents)
	}
}

// TestNothingProgramsPollMovesWithTheMinute: whoever asks every minute is told
// that nothing is new, and the disk is left alone.
func TestNothingProgramsPollMovesWithTheMinute(t *testing.T) {
	p := p1()
	before := documents(t, p)
	p.Rendered, p.Checked, p.ValidUntil = p.Rendered.Add(time.Hour), p.Checked.Add(time.Hour), p.ValidUntil.Add(time.Hour)
	for name, content := range documents(t, p) {
		if moved := string(content) != string(before[name]); moved != (name == fileFacts) {
			t.Errorf("%s moved with the hour: %v", name, moved)
		}
	}
}

// TestTheDocumentsAreSmallEnoughToPoll weighs them, as they go over the wire, on
// a page of a hundred components with ninety days of record.
func TestTheDocumentsAreSmallEnoughToPoll(t *testing.T) {
	files := documents(t, pagetest.Public("huge"))
	for name, most := range map[string]int{fileStatus: 1 << 10, fileSummary: 32 << 10, fileFacts: 64 << 10} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(files[name]); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d compressed", name, len(files[name]), b.Len())
		if b.Len() > most || !json.Valid(files[name]) {
			t.Errorf("%s has %d bytes compressed, want at most %d", name, b.Len(), most)
		}
	}
}
