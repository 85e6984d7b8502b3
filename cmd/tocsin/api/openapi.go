package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// document is a piece of JSON.
type document map[string]any

// openAPI gives the OpenAPI 3.1 document of the API, made from the table of
// routes, the table of deeds and the types of the answers.
func openAPI(routes []route) document {
	s := schemas{}
	paths := document{}
	for _, r := range routes {
		item, ok := paths[r.path].(document)
		if !ok {
			item = document{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = s.operation(r)
	}
	s.of(reflect.TypeFor[Problem]())
	return document{
		"openapi": "3.1.0",
		"info": document{
			"title": "Tocsin", "version": "1",
			"description": "What people and programs do with incidents. Whoever asks shows a token, as \"Authorization: Bearer tocsin_…\"; " +
				"tocsin token make NAME makes one. A viewer reads, a responder acts and sees private incidents, an admin also reads the audit log. " +
				"An answer below 400 is what was asked for; any other holds an error that says how to mend it.",
		},
		"security":   []any{document{"token": []any{}}, document{"session": []any{}}},
		"paths":      paths,
		"components": document{"schemas": document(s), "securitySchemes": securitySchemes(), "responses": responses()},
	}
}

func securitySchemes() document {
	return document{
		"token":   document{"type": "http", "scheme": "bearer", "description": "For programs."},
		"session": document{"type": "apiKey", "in": "cookie", "name": "tocsin", "description": "Of a person who signed in to the console; over TLS its name is __Host-tocsin."},
	}
}

// What any route may answer, and what is meant by it.
var (
	always = []int{400, 401, 403, 405, 413, 429, 503}
	acting = []int{404, 409, 415, 422}
)

var meanings = map[int]string{
	400: "The request makes no sense: not JSON, an unknown field or parameter, a value of the wrong type.",
	401: "No token that holds was sent.",
	403: "The token's role is not enough, or the request came from another site's page.",
	404: "There is no such thing: incident, person, task. Private incidents are not there for viewers.",
	405: "The method does not go with this path; Allow names those that do.",
	409: "Not as things stand; the error says what would have to be otherwise. With unfinished, force and a reason would do it.",
	413: "The body is larger than 64 KiB.",
	415: "The body is not said to be JSON.",
	422: "A value makes no sense, or one is missing; or the idempotency key was used for something else.",
	429: "Too many tokens that do not hold came from there; Retry-After says how long to wait.",
	503: "The store does not answer, and nothing was done; try again after Retry-After seconds.",
}

func responses() document {
	all := document{}
	for status, meaning := range meanings {
		r := document{
			"description": meaning,
			"content":     document{"application/json": document{"schema": ref("Problem"), "example": document{"error": strings.TrimSuffix(meaning, ".")}}},
		}
		if status == 429 || status == 503 {
			r["headers"] = document{"Retry-After": document{"description": "Seconds.", "schema": document{"type": "integer"}}}
		}
		all[fmt.Sprint(status)] = r
	}
	return all
}

func ref(name string) document { return document{"$ref": "#/components/schemas/" + name} }

// operation describes one route.
func (s schemas) operation(r route) document {
	status := 200
	if r.status != 0 {
		status = r.status
	}
	content := document{"schema": s.of(reflect.TypeOf(r.gives))}
	if example := exampleOf(r.gives); example != nil {
		content["example"] = example
	}
	answers := document{fmt.Sprint(status): document{"description": "Done.", "content": document{"application/json": content}}}
	other := slices.Concat(always, r.alsoGives)
	if r.deed != nil {
		other = slices.Concat(always, acting)
	}
	for _, status := range other {
		answers[fmt.Sprint(status)] = document{"$ref": fmt.Sprintf("#/components/responses/%d", status)}
	}
	op := document{
		"operationId": r.name, "summary": r.help, "responses": answers,
		"description": fmt.Sprintf("Takes the role %s.", r.role), "x-role": r.role.String(),
	}
	if params := parameters(r); len(params) > 0 {
		op["parameters"] = params
	}
	if r.deed != nil {
		op["summary"], op["description"] = r.deed.Title, r.help+" "+op["description"].(string)
		op["requestBody"] = body(*r.deed)
	}
	return op
}

func parameters(r route) []any {
	var all []any
	if strings.Contains(r.path, "{id}") {
		all = append(all, document{
			"name": "id", "in": "path", "required": true, "description": "The incident.",
			"schema": document{"type": "string"}, "example": exampleID,
		})
	}
	for _, p := range r.params {
		s := document{"type": "integer", "minimum": 1, "maximum": p.most}
		if p.text {
			s = document{"type": "string", "minLength": 1, "maxLength": 200}
		}
		if len(p.enum) > 0 {
			s = document{"type": "string", "enum": p.enum}
		}
		all = append(all, document{"name": p.name, "in": "query", "description": p.help, "schema": s})
	}
	if r.deed != nil {
		all = append(all, document{
			"name": "Idempotency-Key", "in": "header",
			"description": "One of your own for each thing that is to be done, as a UUID. The same key from the same person within 24 hours gives the same answer " +
				"without acting again. It is forgotten at a restart.",
			"schema": document{"type": "string", "minLength": 1, "maxLength": mostKey},
		})
	}
	return all
}

// body describes what a deed takes.
func body(d Deed) document {
	properties, required, example := document{}, []string{}, document{}
	for _, f := range d.Fields {
		p := f.Type.schema()
		p["description"] = f.Help
		if f.Name == "why" {
			p["maxLength"] = incident.MostWhy
		}
		properties[f.Name] = p
		if f.Required {
			required = append(required, f.Name)
		}
		if v, ok := examples[f.Name]; ok && (f.Required || f.Name != "force" && f.Name != "private") {
			example[f.Name] = v
		}
	}
	if d.Verb == Again {
		example = document{"channel": examples["channel"], "why": "the firewall is open again"}
	}
	delete(example, map[incident.Verb]string{incident.Hold: "until", incident.Declare: "topic"}[d.Verb])
	schema := document{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return document{
		"required": len(required) > 0,
		"content":  document{"application/json": document{"schema": schema, "example": example}},
	}
}

// schema describes the values of a field.
func (t Type) schema() document {
	text := document{"type": "string"}
	switch t {
	case Severity:
		text["enum"] = []string{"P0", "P1", "P2", "P3", "P4"}
	case State:
		text["enum"] = []incident.State{incident.Investigating, incident.Identified, incident.Monitoring}
	case Integrity:
		text["enum"] = integrities()
	case Duration:
		text["pattern"] = `^([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))+$`
	case Time:
		text["format"] = "date-time"
	case Flag:
		return document{"type": "boolean"}
	case Number:
		return document{"type": "integer", "minimum": 1}
	case Regions:
		code := document{"type": "string", "minLength": 1, "pattern": "^[^,]*$"}
		return document{"oneOf": []any{document{"type": "array", "items": code}, document{"type": "string", "description": "Codes with commas between."}}}
	}
	return text
}

func integrities() (words []string) {
	for _, i := range incident.Integrities {
		words = append(words, i.String())
	}
	return words
}

const exampleID = "INC-2026-0004"

// examples is what each field may be.
var examples = document{
	"severity": "P1", "component": "api", "regions": []string{"eu"}, "symptom": "elevated errors on the management API",
	"impact": "failed requests when they change flags", "workaround": "retry after a minute",
	"text": "We have found the cause and are rolling back.", "private": false, "topic": "rollback", "integrity": "not impacted",
	"began": "2026-05-20T10:32:00Z", "why": "seen on the graphs of the load balancer", "for": "1h", "state": "identified", "until": "2026-05-20T11:00:00Z",
	"id": 17, "channel": "ops", "key": "INC-2026-0004/3", "target": "ops@example.com", "incident": exampleID, "sent_since": "2026-05-20T10:00:00Z",
	"force": true, "to": "ada", "task": "api-down/restart", "checklist": "api-down", "other": "INC-2026-0003",
}

// exampleOf gives an answer as it may be, nil where none is told.
func exampleOf(v any) any {
	at := time.Date(2026, 5, 20, 10, 40, 0, 0, time.UTC)
	inc := IncidentView{
		ID: exampleID, Component: "api", State: "identified", Severity: rules.P1, Peak: rules.P1, Began: at.Add(-8 * time.Minute), Detected: at.Add(-3 * time.Minute),
		Acknowledged: at, Regions: []RegionSeverity{{"eu", rules.P1}}, Integrity: "under review", Symptom: "elevated errors on the management API",
		Causes: []CauseView{{Rule: "api-errors", Service: "management-api", Region: "eu", Severity: rules.P1, Peak: rules.P1, Began: at.Add(-8 * time.Minute)}},
		Ack:    &AckView{By: "ada", At: at}, Draft: &DraftView{Since: at.Add(-3 * time.Minute), Due: at.Add(2 * time.Minute), Limit: at.Add(12 * time.Minute)},
		Updates: []UpdateView{}, Tasks: []TaskView{}, Notices: []NoticeView{},
	}
	event := EventView{Seq: 17, Kind: "acknowledged", At: at, By: "person:ada", Line: "2026-05-20 10:40 acknowledged INC-2026-0004 by ada"}
	switch v.(type) {
	case Incidents:
		return Incidents{Incidents: []IncidentView{inc}, Total: 1}
	case IncidentView:
		return inc
	case Done:
		return Done{Incident: inc, Events: []EventView{event}, Changed: true}
	case Timeline:
		return Timeline{Incident: inc.ID, Events: []EventView{event}}
	case Queues:
		return Queues{[]QueueView{{Channel: "ops", Type: "webhook", Configured: true, Waiting: 2, Oldest: at, Sent: at.Add(-time.Hour), Dead: 1}}}
	case DeadLetters:
		return DeadLetters{Letters: []LetterView{{
			ID: 17, Channel: "ops", Incident: exampleID, What: "update 3", Key: exampleID + "/3", Severity: rules.P1, Attempts: 29, Reason: "dial tcp: connection refused", At: at,
		}}}
	case Sorted:
		return Sorted{1}
	case Me:
		return Me{Person: "ada", Role: access.Responder.String(), Via: "api"}
	default:
		return nil
	}
}

// schemas are those of the answers' types, by their names.
type schemas document

// of describes a Go type. A struct is described once, by its name.
func (s schemas) of(t reflect.Type) document {
	switch t {
	case reflect.TypeFor[time.Time]():
		return document{"type": "string", "format": "date-time"}
	case reflect.TypeFor[rules.Severity]():
		return document{"type": "string", "enum": []string{"P0", "P1", "P2", "P3", "P4", "none"}}
	case reflect.TypeFor[document]():
		return document{"type": "object"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice:
		return document{"type": "array", "items": s.of(t.Elem())}
	case reflect.String:
		return document{"type": "string"}
	case reflect.Bool:
		return document{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return document{"type": "integer", "minimum": 0}
	case reflect.Struct:
		name := strings.TrimSuffix(t.Name(), "View")
		if _, known := s[name]; !known {
			s[name] = nil // it may be within itself
			s[name] = s.object(t)
		}
		return ref(name)
	default:
		panic("an answer has a type that is not described: " + t.String())
	}
}

func (s schemas) object(t reflect.Type) document {
	properties, required := document{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		tag := f.Tag.Get("json")
		if f.Anonymous || tag == "" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		p := maps.Clone(s.of(f.Type))
		if doc := f.Tag.Get("doc"); doc != "" {
			p["description"] = doc
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			p["enum"] = strings.Split(enum, "|")
		}
		properties[name] = p
		if options == "" {
			required = append(required, name)
		}
	}
	return document{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
}

// OpenAPI gives the OpenAPI 3.1 document of the API as text.
func OpenAPI() []byte {
	b, err := json.MarshalIndent(openAPI(table()), "", "  ")
	if err != nil {
		panic(err) // it holds nothing that cannot be written
	}
	return append(b, '\n')
}
