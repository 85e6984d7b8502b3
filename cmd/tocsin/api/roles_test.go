package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// whoMay is the status of the answer for nobody, a viewer, a responder, an
// admin, and somebody whose token has expired.
var whoMay = map[string][5]int{
	"GET /incidents":                {401, 200, 200, 200, 401},
	"GET /incidents/{id}":           {401, 200, 200, 200, 401},
	"GET /incidents/{id}/timeline":  {401, 200, 200, 200, 401},
	"GET /incidents/{id}/tasks":     {401, 200, 200, 200, 401},
	"GET /incidents/{id}/preview":   {401, 200, 200, 200, 401},
	"GET /me":                       {401, 200, 200, 200, 401},
	"GET /audit":                    {401, 403, 403, 200, 401},
	"GET /outbox":                   {401, 200, 200, 200, 401},
	"GET /outbox/dead":              {401, 403, 200, 200, 401},
	"POST /outbox/retry":            {401, 403, 200, 200, 401},
	"POST /outbox/resume":           {401, 403, 200, 200, 401},
	"POST /outbox/discard":          {401, 403, 200, 200, 401},
	"GET /people":                   {401, 200, 200, 200, 401},
	"GET /components":               {401, 200, 200, 200, 401},
	"GET /regions":                  {401, 200, 200, 200, 401},
	"GET /checklists":               {401, 200, 200, 200, 401},
	"GET /openapi.json":             {401, 200, 200, 200, 401},
	"POST /incidents":               {401, 403, 201, 201, 401},
	"POST /incidents/{id}/say":      {401, 403, 200, 200, 401},
	"POST /incidents/{id}/note":     {401, 403, 200, 200, 401},
	"POST /incidents/{id}/severity": {401, 403, 200, 200, 401},
	"POST /incidents/{id}/state":    {401, 403, 200, 200, 401},
}

func init() {
	for verb := range strings.FieldsSeq("acknowledge began integrity workaround approve edit hold veto resolve assign task checklist tick untick merge link disclose") {
		whoMay["POST /incidents/{id}/"+verb] = [5]int{401, 403, 200, 200, 401}
	}
}

// bodies is what each deed is done with here.
var bodies = map[string]string{
	"say":        `{"text": "We are looking into it."}`,
	"note":       `{"text": "look at the load balancer"}`,
	"severity":   `{"severity": "P0", "why": "it is everyone"}`,
	"state":      `{"state": "identified"}`,
	"began":      fmt.Sprintf(`{"began": %q}`, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)),
	"integrity":  `{"integrity": "not impacted"}`,
	"workaround": `{"workaround": "retry after a minute"}`,
	"edit":       `{"text": "We are looking into it."}`,
	"hold":       `{"for": "20m"}`,
	"veto":       `{"why": "a test"}`,
	"assign":     `{"to": "ada"}`,
	"task":       `{"text": "call them"}`,
	"checklist":  `{"checklist": "security"}`,
	"tick":       `{"task": "api-down/restart"}`,
	"untick":     `{"task": "api-down/restart"}`,
	"disclose":   `{"why": "customers are to know"}`,
	"retry":      `{"channel": "ops"}`,
	"resume":     `{"channel": "ops"}`,
	"discard":    `{"channel": "ops", "why": "they have left"}`,
}

func TestWhoMayDoWhat(t *testing.T) {
	h := newHouse(t)
	roles := []string{"", "viewer", "responder", "admin", "expired"}
	known := map[string]bool{}
	for _, r := range table() {
		known[r.method+" "+strings.TrimPrefix(r.path, prefix)] = true
	}
	for name := range whoMay {
		if !known[name] {
			t.Errorf("%s is no route", name)
		}
	}
	for name := range known {
		want, ok := whoMay[name]
		if !ok {
			t.Errorf("%s is not in the table", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			for n, role := range roles {
				method, path, _ := strings.Cut(name, " ")
				id, other := h.declares("api", ""), h.declares("app", "")
				verb := path[strings.LastIndex(path, "/")+1:]
				body := bodies[verb]
				switch {
				case name == "POST /incidents":
					body = `{"component": "docs", "severity": "P2", "symptom": "missing pages"}`
				case verb == "merge" || verb == "link":
					body = fmt.Sprintf(`{"other": %q}`, other)
				case verb == "disclose":
					id = h.declares("docs", `, "private": true`)
				}
				h.do(role, method, strings.Replace(path, "{id}", id, 1), body, want[n])
				for _, open := range h.desk.Board().Open { // so that nobody's deed is in another's way
					h.do("admin", "POST", "/incidents/"+string(open.ID)+"/resolve", "", 200)
				}
			}
		})
	}
	h.folds()
}

// declares has an admin declare an incident, and gives its ID.
func (h *house) declares(component, more string) string {
	h.t.Helper()
	got := h.do("admin", "POST", "/incidents", fmt.Sprintf(`{"component": %q, "severity": "P1", "symptom": "elevated errors"%s}`, component, more), 201)
	if got.status != 201 {
		h.t.FailNow()
	}
	return string(into[Done](h.t, got).Incident.ID)
}

// What is private is not there for viewers: not by its ID, not in lists, and
// not in what others have to do with it.
func TestViewersSeeNothingPrivate(t *testing.T) {
	h := newHouse(t)
	public := h.declares("api", "")
	private := h.declares("app", `, "private": true, "topic": "security"`)
	h.do("responder", "POST", "/incidents/"+public+"/link", fmt.Sprintf(`{"other": %q}`, private), 200)
	for _, path := range []string{"", "/timeline", "/tasks", "/preview"} {
		missing := h.do("viewer", "GET", "/incidents/INC-2026-9999"+path, "", 404)
		got := h.do("viewer", "GET", "/incidents/"+private+path, "", 404)
		if a, b := strings.ReplaceAll(string(missing.body), "INC-2026-9999", ""), strings.ReplaceAll(string(got.body), private, ""); a != b {
			t.Errorf("%s: one that is private is answered %s, one that is missing %s", path, got, missing)
		}
		if path != "/preview" {
			h.do("responder", "GET", "/incidents/"+private+path, "", 200)
		}
	}
	h.do("responder", "GET", "/incidents/"+private+"/preview", "", 409)
	for _, path := range []string{"/incidents?state=all", "/incidents", "/incidents/" + public, "/incidents/" + public + "/timeline", "/incidents/" + public + "/preview"} {
		if got := h.do("viewer", "GET", path, "", 200); strings.Contains(string(got.body), private) {
			t.Errorf("%s tells of %s: %s", path, private, got)
		}
		if got := h.do("responder", "GET", path, "", 200); path != "/incidents/"+public+"/preview" && !strings.Contains(string(got.body), private) {
			t.Errorf("%s does not tell a responder of %s: %s", path, private, got)
		}
	}
	if all := into[Incidents](t, h.do("viewer", "GET", "/incidents", "", 200)); all.Total != 1 {
		t.Errorf("a viewer counts %d", all.Total)
	}
	h.do("responder", "POST", "/incidents/"+private+"/disclose", `{"why": "mended"}`, 200)
	h.do("viewer", "GET", "/incidents/"+private, "", 200)
}
