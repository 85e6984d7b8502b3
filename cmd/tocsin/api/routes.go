package api

import (
	"math"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
)

// route is something that can be asked for. The table of them is what is
// served, and what the OpenAPI document is made from.
type route struct {
	method, path string
	role         access.Role // that it takes at least
	name         string      // in the document, unique
	help         string
	params       []param
	gives        any   // a value of the type of the answer
	status       int   // of the answer; 200 if 0
	alsoGives    []int // for a deed see acting

	get  func(*Handler, call) (any, error) // or
	deed *Deed

	sorts bool // the deed is one with deliveries
}

// param is a parameter behind the question mark.
type param struct {
	name string
	help string
	enum []string // or a number, from 1 to
	most int64
	text bool // or any text
}

// table gives all routes.
func table() []route {
	limit := func(what string) param {
		return param{name: "limit", help: "How many " + what + " at most.", most: 1000}
	}
	const one = prefix + "/incidents/{id}"
	all := []route{
		{
			method: "GET", path: prefix + "/incidents", role: access.Viewer, name: "listIncidents",
			help: "The incidents: those that are open, in the order of opening; then those that are over, the newest first.",
			params: []param{
				{name: "state", help: "Which; open if left out.", enum: []string{"open", "past", "all"}}, limit("incidents; 100 if left out"),
			},
			gives: Incidents{}, get: (*Handler).list,
		},
		{
			method: "GET", path: one, role: access.Viewer, name: "showIncident", help: "One incident, with all that is known of it.",
			gives: IncidentView{}, alsoGives: []int{404}, get: (*Handler).show,
		},
		{
			method: "GET", path: one + "/timeline", role: access.Viewer, name: "showTimeline",
			help:  "What happened, in order, with a line for each event.",
			gives: Timeline{}, alsoGives: []int{404}, get: (*Handler).timeline,
		},
		{
			method: "GET", path: one + "/tasks", role: access.Viewer, name: "showTasks",
			help:  "What is to be done, with commands and links as they are in each region that is affected.",
			gives: Tasks{}, alsoGives: []int{404}, get: (*Handler).tasks,
		},
		{
			method: "GET", path: one + "/preview", role: access.Viewer, name: "previewIncident",
			help:  "The first words that wait, as customers would read them if they went out now. Nothing goes out.",
			gives: Preview{}, alsoGives: []int{404, 409, 422}, get: (*Handler).preview,
		},
		{method: "GET", path: prefix + "/me", role: access.Viewer, name: "showMe", help: "Who asks, and what they may do.", gives: Me{}, get: (*Handler).me},
		{
			method: "GET", path: prefix + "/audit", role: access.Admin, name: "showAudit",
			help: "What people did and tried to do, the newest first.",
			params: []param{
				{name: "before", help: "Only entries before this one, by its seq.", most: math.MaxInt64}, limit("entries; 100 if left out"),
			},
			gives: Audit{}, get: (*Handler).audit,
		},
		{
			method: "GET", path: prefix + "/outbox", role: access.Viewer, name: "showOutbox", help: "How the channels stand: what waits, since when, what was given up, which are halted.",
			gives: Queues{}, get: (*Handler).outbox,
		},
		{
			method: "GET", path: prefix + "/outbox/dead", role: access.Responder, name: "listDeadLetters", help: "The deliveries that were given up, the newest first.",
			params: []param{
				{name: "channel", help: "Only those of this channel.", text: true},
				{name: "after", help: "Only those after this one, by its id.", most: math.MaxInt64},
				limit("deliveries; 100 if left out"),
			},
			gives: DeadLetters{}, get: (*Handler).dead,
		},
		{method: "GET", path: prefix + "/people", role: access.Viewer, name: "listPeople", help: "The people who work on incidents.", gives: People{}, get: (*Handler).people},
		{method: "GET", path: prefix + "/components", role: access.Viewer, name: "listComponents", help: "The components that customers know.", gives: Components{}, get: (*Handler).components},
		{method: "GET", path: prefix + "/regions", role: access.Viewer, name: "listRegions", help: "The regions.", gives: RegionList{}, get: (*Handler).regions},
		{method: "GET", path: prefix + "/checklists", role: access.Viewer, name: "listChecklists", help: "The checklists of the runbooks.", gives: Checklists{}, get: (*Handler).checklists},
		{method: "GET", path: prefix + "/openapi.json", role: access.Viewer, name: "showOpenAPI", help: "This document.", gives: document{}, get: (*Handler).openAPI},
		{
			method: "POST", path: prefix + "/incidents", role: access.Responder, name: string(Declare.Verb), help: Declare.Help,
			gives: Done{}, status: 201, deed: &Declare,
		},
	}
	for i := range Deeds {
		d := &Deeds[i]
		all = append(all, route{
			method: "POST", path: one + "/" + string(d.Verb), role: access.Responder, name: string(d.Verb), help: d.Help,
			gives: Done{}, deed: d,
		})
	}
	for i := range OutboxDeeds {
		d := &OutboxDeeds[i]
		all = append(all, route{
			method: "POST", path: prefix + "/outbox/" + string(d.Verb), role: access.Responder, name: string(d.Verb) + "Deliveries", help: d.Help,
			gives: Sorted{}, deed: d, sorts: true,
		})
	}
	return all
}
