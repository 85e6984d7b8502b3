package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
)

// view gives what whoever asks may see.
func (h *Handler) view(c call) viewer {
	return viewer{config: c.config, board: h.Desk.Board(), all: c.who.Role >= access.Responder}
}

// find gives the incident that a path names, if whoever asks may know of it.
func (v viewer) find(c call) (incident.Incident, error) {
	id := incident.ID(c.PathValue("id"))
	i, ok := v.board.Find(id)
	if !ok || !v.sees(id) {
		return incident.Incident{}, unknown(string(id))
	}
	return i, nil
}

func unknown(id string) error {
	return bad(http.StatusNotFound, "there is no incident %s: GET %s/incidents?state=all lists those there are", shown(id), prefix)
}

func (h *Handler) list(c call) (any, error) {
	v := h.view(c)
	all := Incidents{Incidents: []IncidentView{}}
	most := int(c.number("limit", 100))
	add := func(i incident.Incident) {
		if i.Private && !v.all {
			return
		}
		if all.Total++; len(all.Incidents) < most {
			all.Incidents = append(all.Incidents, v.incident(i))
		}
	}
	state := c.query["state"]
	if state != "past" {
		for _, i := range v.board.Open {
			add(i)
		}
	}
	if state == "past" || state == "all" {
		for _, i := range slices.Backward(v.board.Past) {
			add(i)
		}
	}
	return all, nil
}

func (h *Handler) show(c call) (any, error) {
	v := h.view(c)
	i, err := v.find(c)
	if err != nil {
		return nil, err
	}
	return v.incident(i), nil
}

func (h *Handler) timeline(c call) (any, error) {
	v := h.view(c)
	i, err := v.find(c)
	if err != nil {
		return nil, err
	}
	out := Timeline{Incident: i.ID, Events: []EventView{}}
	for e, err := range h.Log.Timeline(c.Context(), i.ID) {
		if err != nil {
			return nil, fmt.Errorf("read the timeline: %w", err)
		}
		if e, ok := v.event(e); ok {
			out.Events = append(out.Events, e)
		}
	}
	return out, nil
}

func (h *Handler) tasks(c call) (any, error) {
	v := h.view(c)
	i, err := v.find(c)
	if err != nil {
		return nil, err
	}
	out := Tasks{Incident: i.ID, Tasks: []RenderedTask{}}
	for _, t := range i.Tasks {
		out.Tasks = append(out.Tasks, v.rendered(t, i.Regions()))
	}
	return out, nil
}

// preview has the desk try the approval of the words that wait, and shows what
// customers would read then.
func (h *Handler) preview(c call) (any, error) {
	i, err := h.view(c).find(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	board, err := h.Desk.Preview(ctx, c.who.Sign(incident.Action{Do: incident.Approve, Incident: i.ID}))
	if err != nil {
		return nil, err
	}
	out := Preview{Incident: i.ID}
	if d := i.Draft; d != nil {
		out.Due, out.Limit, out.Approval = d.Due, d.Limit, d.Due.IsZero()
	}
	page := publisher.Project(c.config, board, h.Desk.Judged(), time.Now().UTC())
	for _, p := range slices.Concat(page.Incidents, page.Past) {
		if p.ID != string(i.ID) || len(p.Updates) == 0 {
			continue
		}
		a, err := h.Words().Update(page, p, p.Updates[0])
		if err != nil {
			return nil, bad(http.StatusConflict, "the words cannot be shown: %s", err)
		}
		b, err := h.Words().Message(page, p, p.Updates[0])
		if err != nil {
			return nil, bad(http.StatusConflict, "the words cannot be shown: %s", err)
		}
		out.Page, out.Message = a, MessageView{Subject: b.Subject, Body: b.Body}
		return out, nil
	}
	return nil, bad(http.StatusConflict, "customers would read nothing of %s", i.ID)
}

func (h *Handler) me(c call) (any, error) {
	return Me{Person: c.who.Person, Role: c.who.Role.String(), Via: c.who.Via}, nil
}

func (h *Handler) audit(c call) (any, error) {
	most := int(c.number("limit", 100))
	entries, err := h.Log.AuditLog(c.Context(), uint64(c.number("before", 0)), most)
	if err != nil {
		return nil, err
	}
	out := Audit{Entries: []EntryView{}}
	for _, e := range entries {
		out.Entries = append(out.Entries, audited(e))
	}
	if n := len(entries); n == most && entries[n-1].Seq > 1 {
		out.Before = entries[n-1].Seq
	}
	return out, nil
}

func (h *Handler) people(c call) (any, error) {
	out := People{People: []PersonView{}}
	for _, p := range c.config.People {
		out.People = append(out.People, PersonView{p.ID, p.Name, p.Roles})
	}
	return out, nil
}

func (h *Handler) components(c call) (any, error) {
	out := Components{Components: []ComponentView{}}
	for _, x := range c.config.Components {
		out.Components = append(out.Components, ComponentView{x.ID, x.Name})
	}
	return out, nil
}

func (h *Handler) regions(c call) (any, error) {
	out := RegionList{Regions: []RegionView{}}
	for _, r := range c.config.Regions {
		out.Regions = append(out.Regions, RegionView{r.Code, r.Name})
	}
	return out, nil
}

func (h *Handler) checklists(c call) (any, error) {
	out := Checklists{Checklists: []ChecklistView{}}
	for _, l := range c.config.Checklists {
		out.Checklists = append(out.Checklists, ChecklistView{l.ID, l.Title, len(l.Steps)})
	}
	return out, nil
}

func (h *Handler) openAPI(call) (any, error) { return h.document, nil }
