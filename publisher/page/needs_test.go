package page

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
)

// TestWhatClientsRelyOn restates, one by one, what clients of Statuspage are
// known to need, in words of our own, against what the built-in server answers
// in every situation.
func TestWhatClientsRelyOn(t *testing.T) {
	for _, state := range pagetest.States {
		if state == "huge" {
			continue // more of the same
		}
		p := pagetest.Public(state)
		s := serve(t, p)
		if state == "stale" {
			s.clock(p.ValidUntil.Add(time.Hour))
		}
		get := func(path string, v any) *http.Response {
			t.Helper()
			r := s.get("GET", path, "Origin", "https://elsewhere.example")
			if b := body(t, r); r.StatusCode != 200 || json.Unmarshal([]byte(b), v) != nil {
				t.Errorf("%s: %s: %d", state, path, r.StatusCode)
			}
			return r
		}
		type component struct {
			ID, Name, Status string
			Group            bool
			GroupID          *string `json:"group_id"`
			Components       []string
		}
		type update struct{ Body, Status string }
		type incident struct {
			ID, Name, Status, Impact string
			Updates                  []update    `json:"incident_updates"`
			Components               []component `json:"components"`
			CreatedAt                time.Time   `json:"created_at"`
			ResolvedAt               *time.Time  `json:"resolved_at"`
		}
		var components struct {
			Page       struct{ Name string }
			Components []component
		}
		var all, summary struct {
			Incidents    []incident
			Maintenances []incident `json:"scheduled_maintenances"`
			Status       struct{ Indicator, Description string }
		}
		needs := map[string]func() bool{
			"an exporter asks with HEAD whether components.json is there": func() bool {
				r := s.get("HEAD", "/api/v2/components.json")
				return r.StatusCode/100 == 2 && body(t, r) == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
			},
			"an exporter labels its figures with names": func() bool {
				get("/api/v2/components.json", &components)
				return components.Page.Name != "" && !slices.ContainsFunc(components.Components, func(c component) bool { return c.ID == "" || c.Name == "" })
			},
			"an exporter takes a status that it does not know for an outage": func() bool {
				return !slices.ContainsFunc(components.Components, func(c component) bool { return !slices.Contains(onComponent, c.Status) })
			},
			"a command line client gives up at a group that is not listed": func() bool {
				ids := map[string]bool{}
				for _, c := range components.Components {
					ids[c.ID] = c.Group
				}
				return !slices.ContainsFunc(components.Components, func(c component) bool { return c.GroupID != nil && !ids[*c.GroupID] })
			},
			"a command line client doubles the first slash": func() bool {
				get("//api/v2/incidents.json", &all)
				return !slices.ContainsFunc(all.Incidents, func(i incident) bool { return i.ID == "" || i.Name == "" || len(i.Updates) == 0 })
			},
			"a watcher refuses what is there twice": func() bool {
				seen := map[string]bool{}
				for _, c := range components.Components {
					if seen[c.ID] {
						return false
					}
					seen[c.ID] = true
				}
				for _, i := range all.Incidents {
					if seen[i.ID] {
						return false
					}
					seen[i.ID] = true
				}
				return true
			},
			"a widget reads the summary from another origin, and takes the indicator for a class": func() bool {
				r := get("/api/v2/summary.json", &summary)
				return r.Header.Get("Access-Control-Allow-Origin") == "*" && slices.Contains(onImpact, summary.Status.Indicator) && summary.Status.Description != ""
			},
			"a chat integration reads the newest words of each incident": func() bool {
				return !slices.ContainsFunc(slices.Concat(summary.Incidents, summary.Maintenances), func(i incident) bool {
					return len(i.Updates) == 0 || i.Updates[0].Body == "" || i.Updates[0].Status != i.Status
				})
			},
			"an exporter counts how long an incident lasted": func() bool {
				return !slices.ContainsFunc(all.Incidents, func(i incident) bool {
					return i.CreatedAt.IsZero() || (i.Status == "resolved") != (i.ResolvedAt != nil)
				})
			},
			"a library asks upcoming.json for every kind of maintenance": func() bool {
				var d struct {
					Maintenances []incident `json:"scheduled_maintenances"`
				}
				get("/api/v2/scheduled-maintenances/upcoming.json", &d)
				return d.Maintenances != nil
			},
			"a browser asks first whether it may": func() bool {
				r := s.get("OPTIONS", "/api/v2/summary.json", "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "GET")
				return r.StatusCode/100 == 2 || r.StatusCode == http.StatusMethodNotAllowed // a plain GET never asks
			},
			"nobody is told that all is well when nobody knows": func() bool {
				unknown := state == "stale" || state == "blind" || state == "first"
				return !unknown || summary.Status.Description != "All Systems Operational"
			},
		}
		for _, need := range []string{
			"an exporter asks with HEAD whether components.json is there", "an exporter labels its figures with names",
			"an exporter takes a status that it does not know for an outage", "a command line client gives up at a group that is not listed",
			"a command line client doubles the first slash", "a watcher refuses what is there twice",
			"a widget reads the summary from another origin, and takes the indicator for a class", "a chat integration reads the newest words of each incident",
			"an exporter counts how long an incident lasted", "a library asks upcoming.json for every kind of maintenance",
			"a browser asks first whether it may", "nobody is told that all is well when nobody knows",
		} {
			if !needs[need]() {
				t.Errorf("%s: %s: it is not so", state, need)
			}
		}
		if len(needs) != 12 {
			t.Errorf("%d needs are asked", len(needs))
		}
	}
}
