package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/incident"
)

// Every deed of incident has a place in the table, and the other way round.
func TestTheTableHasEveryVerb(t *testing.T) {
	verbs := []incident.Verb{Declare.Verb}
	for _, d := range Deeds {
		verbs = append(verbs, d.Verb)
	}
	slices.Sort(verbs)
	if !slices.Equal(verbs, incident.Verbs()) {
		t.Errorf("the table has %v, the desk %v", verbs, incident.Verbs())
	}
}

// Every field of the table is one that an action has.
func TestEveryFieldGoesSomewhere(t *testing.T) {
	for _, d := range append([]Deed{Declare}, Deeds...) {
		for _, f := range d.Fields {
			v, ok := examples[f.Name]
			if !ok {
				t.Errorf("%s: the field %s has no example", d.Verb, f.Name)
				continue
			}
			body, err := json.Marshal(map[string]any{f.Name: v})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Decode(body); err != nil {
				t.Errorf("%s: %s: %v", d.Verb, body, err)
			}
		}
	}
}

// The document is one of OpenAPI 3.1 as far as its schemas go: every schema
// compiles, every reference leads somewhere, every example is valid.
func TestEveryExampleOfTheDocumentIsValid(t *testing.T) {
	c := readContract(t)
	examples := 0
	var walk func(v any, at []string)
	walk = func(v any, at []string) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if m["schema"] != nil {
			schema := append(slices.Clone(at), "schema")
			s, err := c.schema(schema...)
			if err != nil {
				t.Errorf("%v: %v", at, err)
				return
			}
			if example, ok := m["example"]; ok {
				examples++
				if err := s.Validate(example); err != nil {
					t.Errorf("%v: %v", at, err)
				}
			}
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if list, ok := m[k].([]any); ok {
				for i, x := range list {
					walk(x, append(slices.Clone(at), k, string(rune('0'+i))))
				}
			}
			walk(m[k], append(slices.Clone(at), k))
		}
	}
	walk(c.doc, nil)
	if examples < 40 {
		t.Errorf("there are %d examples", examples)
	}
	for name := range c.at("components", "schemas") {
		if _, err := c.schema("components", "schemas", name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for p, item := range c.at("paths") {
		for method, op := range item.(map[string]any) {
			for status, r := range op.(map[string]any)["responses"].(map[string]any) {
				ref, ok := r.(map[string]any)["$ref"].(string)
				if ok && c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
					t.Errorf("%s %s %s: %s leads nowhere", method, p, status, ref)
				}
			}
		}
	}
}

// Each deed can be done with its example, as far as the decoder goes.
func TestEveryExampleIsAnAction(t *testing.T) {
	c := readContract(t)
	for _, d := range append([]Deed{Declare}, Deeds...) {
		path := prefix + "/incidents/{id}/" + string(d.Verb)
		if d.Verb == incident.Declare {
			path = prefix + "/incidents"
		}
		body, err := json.Marshal(c.at("paths", path, "post", "requestBody", "content", "application/json")["example"])
		if err != nil {
			t.Fatal(err)
		}
		values, err := d.Decode(body)
		if err != nil {
			t.Errorf("%s: %s: %v", d.Verb, body, err)
			continue
		}
		if _, err := d.Action(values); err != nil {
			t.Errorf("%s: %s: %v", d.Verb, body, err)
		}
	}
}

// Every route of the document answers, and none answers that is not in it.
func TestTheDocumentHasTheRoutesThatThereAre(t *testing.T) {
	h := newHouse(t)
	h.breaks()
	id := string(h.desk.Board().Open[0].ID)
	served := into[map[string]any](t, h.do("viewer", "GET", "/openapi.json", "", 200))
	if same, _ := json.Marshal(served); len(same) == 0 || len(served["paths"].(map[string]any)) != len(h.doc.at("paths")) {
		t.Error("what is served is not what is printed")
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}
	paths := slices.Sorted(maps.Keys(h.doc.at("paths")))
	paths = append(paths, prefix+"/", prefix+"/incident", prefix+"/incidents/{id}/explode", prefix+"/incidents/{id}/declare", prefix+"/incidents/", "/api/v2/incidents", "/")
	for _, path := range paths {
		for _, method := range methods {
			in := h.doc.at("paths", path, strings.ToLower(strings.Replace(method, "HEAD", "GET", 1))) != nil
			got := h.send(h.request("admin", method, strings.Replace(path, "{id}", id, 1), ""))
			out := got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed
			if in != out {
				t.Errorf("%s %s: in the document %v, the answer is %s", method, path, in, got)
			}
			if got.status == http.StatusMethodNotAllowed && got.header.Get("Allow") == "" {
				t.Errorf("%s %s: no Allow", method, path)
			}
		}
	}
	h.folds()
}
