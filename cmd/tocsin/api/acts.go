package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/incident"
)

// deed answers a request to do something: once for each idempotency key, if it
// has one.
func (h *Handler) deed(c call, to route) answer {
	k, err := keyOf(c.Request)
	if err != nil {
		return h.wrong(c.Request, err)
	}
	body, err := read(c.Request)
	if err != nil {
		return h.wrong(c.Request, err)
	}
	act := func() answer { return h.act(c, to, body) }
	if to.sorts {
		act = func() answer { return h.sort(c, to, body) }
	}
	if k == "" {
		return act()
	}
	asked := sha256.Sum256([]byte(c.URL.EscapedPath() + "\n" + string(body)))
	return h.answers.once(key{c.who.Person, k}, asked, time.Now(), act, func() answer {
		return h.wrong(c.Request, bad(http.StatusUnprocessableEntity, "this Idempotency-Key came before, with something else: take a new one for each thing that is to be done"))
	})
}

func (h *Handler) act(c call, to route, body []byte) answer {
	values, err := to.deed.Decode(body)
	if err != nil {
		return h.wrong(c.Request, bad(http.StatusBadRequest, "%s", lines(err)))
	}
	a, err := to.deed.Action(values)
	if err != nil {
		return h.wrong(c.Request, bad(http.StatusUnprocessableEntity, "%s", lines(err)))
	}
	if to.deed.Verb != incident.Declare {
		if a.Incident = incident.ID(c.PathValue("id")); !h.view(c).sees(a.Incident) {
			return h.wrong(c.Request, unknown(string(a.Incident)))
		}
	}
	// Whoever asks may go away meanwhile: it is done all the same, and the next
	// request with the same key is to hear of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), patience)
	defer cancel()
	did, err := h.Desk.Act(ctx, c.who.Sign(a))
	if err != nil {
		return h.wrong(c.Request, err)
	}
	v := h.view(c)
	i, _ := v.board.Find(did.Incident)
	out := Done{Incident: v.incident(i), Events: []EventView{}, Changed: len(did.Events) > 0}
	for _, e := range did.Events {
		e, _ := v.event(e) // who acts sees private ones
		out.Events = append(out.Events, e)
	}
	status := http.StatusOK
	if to.status != 0 {
		status = to.status
	}
	answer := h.right(c.Request, status, out)
	if to.deed.Verb == incident.Declare {
		answer.place = prefix + "/incidents/" + string(i.ID)
	}
	return answer
}

// lines puts joined errors into one line.
func lines(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
