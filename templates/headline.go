package templates

import (
	"slices"
	"time"
)

// Headline is the one sentence at the top: how it is, since when, what it
// rests on.
type Headline struct {
	Look
	Since    time.Time // zero: nobody knows, or it does not matter
	Affected string    // "Management API in Europe", where it is one thing
	Note     string    // one sentence more; "" if there is none
}

// seenSince reports whether something was found out about an open incident
// although data are missing: by probes, which need none of them.
func seenSince(p Public, blind time.Time) bool {
	return slices.ContainsFunc(p.Incidents, func(i Incident) bool {
		u := i.Updates[0]
		return u.Said.After(blind) && u.Trend != "unknown" && i.State != "monitoring"
	})
}

// headline says in a few words how it is. Data that are missing come before
// all else, since they take the ground from under every other word; "all
// systems operational" is said only when each cell that is watched is.
func (w *catalogue) headline(p Public) Headline {
	h := w.finding(p)
	if h.Word == "head.blind" {
		h.Word = w.say(h.Word, w.moment(p.Rendered, p.Blind))
		return h
	}
	h.Look = w.look(h.Look)
	return h
}

func (w *catalogue) finding(p Public) Headline {
	open, since := w.worstOpen(p)
	worst := worstStatus(p)
	affected := ""
	switch n := len(p.Incidents); {
	case n == 1:
		affected = w.viewOf(p, p.Incidents[0], "", 1).Where
	case n > 1:
		affected = w.say("head.open", n)
	}
	unsure, known := 0, 0
	for _, row := range w.rows(p, "") {
		for _, b := range row.Boxes {
			switch b.Icon {
			case "unknown", "thin":
				unsure++
			case "none":
			default:
				known++
			}
		}
	}
	switch {
	case !p.Blind.IsZero() && !seenSince(p, p.Blind):
		return Headline{
			Look: Look{"head.blind", "unknown", "unknown"},
			Note: w.say("head.blind.note"),
		}
	case worst == Major || worst == Partial || open == "major" || open == "partial":
		l := looks[Partial]
		if p.Indicator == "critical" {
			l = looks[Major]
		}
		return Headline{Look: l, Since: since, Affected: affected}
	case worst == Degraded || open == "minor":
		return Headline{Look: looks[Degraded], Since: since, Affected: affected}
	case open == "info":
		return Headline{Look: Look{"head.recovering", "info", "info"}, Note: w.say("head.recovering.note")}
	case worst == Maintenance:
		h := Headline{Look: Look{"head.maintenance", "info", "info"}, Since: since}
		ahead, _ := w.worksOf(p)
		now := slices.DeleteFunc(ahead, func(x WorkView) bool { return x.State != "in_progress" })
		if len(now) == 1 {
			h.Since, h.Affected, h.Note = now[0].From, now[0].Where, w.say("head.maintenance.until", w.moment(p.now(), now[0].To))
		}
		return h
	case p.Checked.IsZero() || known+unsure == 0:
		return Headline{
			Look: Look{"head.none", "none", "unknown"},
			Note: w.say("head.none.note"),
		}
	case known == 0:
		return Headline{Look: Look{"head.unknown", "unknown", "unknown"}, Note: w.say("head.unknown.note")}
	case unsure > 0:
		return Headline{
			Look: Look{"head.unsure", "thin", "unknown"},
			Note: w.say("head.unsure.note", unsure, unsure+known),
		}
	default:
		return Headline{Look: Look{"head.ok", "ok", "ok"}}
	}
}

// worstStatus gives the worst status of the components.
func worstStatus(p Public) Status {
	worst := 0
	for _, c := range p.Components {
		worst = max(worst, slices.Index(rank, c.Status))
		for _, cell := range c.Cells {
			status := cell.Status
			if status == Major {
				status = Partial // of one region; the component says if it is all
			}
			worst = max(worst, slices.Index(rank, status))
		}
	}
	return rank[worst]
}

// worstOpen gives the worst tone of the open incidents, and since when there
// is one of that tone.
func (w *catalogue) worstOpen(p Public) (tone string, since time.Time) {
	for _, i := range p.Incidents {
		t := w.viewOf(p, i, "", 0).Tone
		switch a, b := slices.Index(incidentTones, t), slices.Index(incidentTones, tone); {
		case a > b:
			tone, since = t, i.Began
		case a == b && i.Began.Before(since):
			since = i.Began
		}
	}
	return tone, since
}
