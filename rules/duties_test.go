package rules

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checklistsAsShown writes the checklists down as people of a region see them.
func checklistsAsShown(c *Config, r Region) (text string, missing []string) {
	var b strings.Builder
	fill := func(s string) string {
		filled, lacks := r.Fill(s)
		missing = append(missing, lacks...)
		return filled
	}
	for _, l := range c.Checklists {
		fmt.Fprintf(&b, "== %s: %s ==\n", l.ID, l.Title)
		for _, s := range l.Steps {
			fmt.Fprintf(&b, "[ ] %s: %s\n", s.ID, s.Text)
			if s.Seen != "" {
				fmt.Fprintf(&b, "    ticked by Tocsin: %s\n", s.Seen)
			}
			if s.Link != "" {
				fmt.Fprintf(&b, "    %s\n", fill(s.Link))
			}
			for line := range strings.Lines(fill(s.Command)) {
				fmt.Fprintf(&b, "    | %s\n", strings.TrimSuffix(line, "\n"))
			}
		}
		b.WriteString("\n")
	}
	slices.Sort(missing)
	return b.String(), slices.Compact(missing)
}

// What the runbook leaves with people is shown to them with the values of the
// region they work in, and with nothing left to be filled in but the commit that
// they choose.
func TestTheRunbooksCommandsWithARegionsValues(t *testing.T) {
	c := example(t)
	blank := regexp.MustCompile(`<[A-Za-z_]+>|\{\{`)
	for _, r := range c.Regions {
		text, missing := checklistsAsShown(c, r)
		if len(missing) > 0 {
			t.Errorf("%s lacks the values %v", r.Code, missing)
		}
		for line := range strings.Lines(text) {
			if m := blank.FindString(line); m != "" && m != "<GOOD_COMMIT_SHA>" {
				t.Errorf("%s: %s is not filled in: %s", r.Code, m, line)
			}
		}
		for key, value := range r.Values {
			if !strings.Contains(text, value) {
				t.Errorf("%s: no step shows its %s, %s", r.Code, key, value)
			}
		}
		for _, other := range c.Regions {
			if host := other.Values["host"]; other.Code != r.Code && strings.Contains(text, host) {
				t.Errorf("%s: the host of %s is shown, %s", r.Code, other.Code, host)
			}
		}
		if r.Code != "eu" {
			continue
		}
		const name = "testdata/checklists-eu.golden"
		if *update {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text); diff != "" {
			t.Errorf("%s differs (-want +got), -update rewrites it:\n%s", name, diff)
		}
	}

	// Without values it says which are missing, and where.
	text, missing := checklistsAsShown(c, Region{Code: "eu"})
	if want := []string{"api", "app", "console", "deploy", "host"}; !slices.Equal(missing, want) {
		t.Errorf("missing are %v, want %v", missing, want)
	}
	if !strings.Contains(text, "| ssh -i ~/.ssh/fs_ops deploy@<host>\n    | cd <deploy>\n") {
		t.Errorf("the command does not show what is missing:\n%.1500s", text)
	}
}

// Runbook A, section 5 and others: which of its chapters is opened depends on
// what is wrong.
func TestWhichChecklistsAnIncidentIsGiven(t *testing.T) {
	c := parse(t, "packs: [runbooks]"+everyProbe)
	host := []string{"first-response", "region-host"}
	for _, test := range []struct {
		rule  string // that is bad; "": a person declares
		s     Severity
		topic string
		want  []string // besides first-response and region-host
	}{
		{"api-errors", P1, "", []string{"post-incident"}},
		{"api-errors", P2, "", nil},
		{"api-latency", P2, "", []string{"slow-queries", "latency"}},
		{"evaluation-latency", P1, "", []string{"slow-queries", "latency", "post-incident"}},
		{"pool-wait", P2, "", []string{"database-pool", "slow-queries", "latency"}},
		{"pool-use", P2, "", []string{"database-pool"}},
		{"database-errors", P0, "", []string{"database-pool", "post-incident"}},
		{"database-status", P0, "", []string{"database-pool", "post-incident"}},
		{"region-silent", P0, "", []string{"region-down", "post-incident"}},
		{"api-probe", P1, "", []string{"region-down", "post-incident"}},
		{"certificate-days", P1, "", []string{"certificate", "post-incident"}},
		{"handshake", P2, "", []string{"certificate"}},
		{"", P2, "region", []string{"region-down"}},
		{"", P2, "database", []string{"database-pool", "slow-queries", "replication-lag", "disk-full"}},
		{"", P2, "replication", []string{"replication-lag"}},
		{"", P2, "disk", []string{"disk-full"}},
		{"", P0, "data-loss", []string{"restore", "post-incident"}},
		{"", P2, "restore", []string{"restore"}},
		{"", P2, "latency", []string{"slow-queries", "latency"}},
		{"", P2, "certificate", []string{"certificate"}},
		{"", P2, "rollback", []string{"rollback"}},
		{"", P1, "security", []string{"security", "post-incident"}},
		{"", P2, "scaling", []string{"scaling"}},
	} {
		t.Run(test.rule+test.topic+" at "+test.s.String(), func(t *testing.T) {
			about, known := Rule{Component: "api"}, true // what a person declares is about no rule
			if test.rule != "" {
				about, known = c.Rule(test.rule)
			}
			if !known {
				t.Fatal("the pack has no such rule")
			}
			var got []string
			for _, l := range c.Checklists {
				if l.For.Fits(about, test.s, test.topic) {
					got = append(got, l.ID)
				}
			}
			if want := slices.Concat(host, test.want); !slices.Equal(got, want) {
				t.Errorf("it is given %v, want %v", got, want)
			}
		})
	}
	for _, s := range []Severity{P3, P4} {
		for _, l := range c.Checklists {
			if l.For.Fits(Rule{ID: "docs-probe", Component: "docs", Signal: Signal{Kind: KindErrorRate}}, s, "") {
				t.Errorf("%s stands on a %s of the documentation", l.ID, s)
			}
		}
	}
}

// What people look for at night stands in the example: the room, the runbook and
// the portal that rolls back. Each rule that can wake somebody has its runbook.
func TestTheExamplesLinks(t *testing.T) {
	c := example(t)
	if c.Console.WarRoom == "" || c.Console.URL == "" || c.SigNoz.URL == "" {
		t.Errorf("console %+v, SigNoz %q", c.Console, c.SigNoz.URL)
	}
	var urls []string
	for _, l := range c.Console.Links {
		urls = append(urls, l.URL)
	}
	portal := "https://ops.featuresignals.com/deployments"
	if want := []string{portal, "https://featuresignals.com/docs/operations/incident-runbook"}; !slices.Equal(urls, want) {
		t.Errorf("links %v, want %v", urls, want)
	}
	rollback, _ := c.Checklist("rollback")
	if i := slices.IndexFunc(rollback.Steps, func(s ChecklistStep) bool { return s.Link == portal }); i < 0 {
		t.Error("no step of the rollback leads to the portal")
	}
}
