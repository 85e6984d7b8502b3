package publisher

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Valid is how long a rendered page may be believed after the newest minute
// that it rests on was judged.
const Valid = 5 * time.Minute

// otherRegion stands for every region that the configuration does not list. A
// region's raw value comes from spans, and nothing a span carries is public.
var otherRegion = templates.Region{Code: "other", Name: "Other regions"}

// Known is all that is known when something goes out.
type Known struct {
	Config  *rules.Config
	Board   incident.Board
	History *incident.History // of the minutes that were judged; nil: there are no records
	Judged  time.Time         // end of the newest judged minute
}

// Project gives what customers may know of a board, without records of days and
// figures. judged is the end of the newest judged minute, at the time of asking.
func Project(c *rules.Config, b incident.Board, judged, at time.Time) templates.Public {
	return Known{Config: c, Board: b, Judged: judged}.Project(at)
}

// Project gives what customers may know: names come from the configuration, words
// from the rules, everything else is times and numbers. at is the time of asking.
//
// The same board at the same minute gives the same value, whenever it is
// asked: a page that says nothing new is the same page, to the last byte.
func (k Known) Project(at time.Time) templates.Public {
	c, b, judged := k.Config, k.Board, k.Judged
	v := newView(c, b)
	p := templates.Public{
		Organisation: line(c.Organisation), Title: line(c.Page.Title), URL: line(c.Page.URL), Support: line(c.Page.Support),
		Rendered: at, Checked: judged, Since: b.Since, Blind: b.Blind, Brand: templates.Brand{Language: c.Page.Language},
	}
	if !judged.IsZero() {
		p.ValidUntil = judged.Add(c.SigNoz.Lag + Valid)
		p.Rendered = judged.Add(c.SigNoz.Lag)
		for _, i := range v.open() {
			if said := newest(i).Said; said.After(p.Rendered) {
				p.Rendered = said
			}
		}
	}
	p.Weights = templates.Weights(c.Page.Weights)
	p.Regions = v.regions()
	past := v.past(k.History, judged)
	for _, comp := range c.Components {
		p.Components = append(p.Components, v.component(comp, p.Regions, past))
	}
	now := judged
	if judged.IsZero() {
		now = at
	}
	p.Works = v.works(now)
	for _, i := range slices.Backward(slices.Concat(b.Past, b.Open)) {
		switch {
		case !isPublic(i):
		case isOpen(i):
			p.Incidents = append(p.Incidents, v.incident(i, public(i)))
		default:
			p.Past = append(p.Past, v.incident(i, public(i)))
		}
	}
	p.Indicator, p.Description = rollUp(p)
	return p
}

type view struct {
	config *rules.Config
	board  incident.Board
	joined map[incident.ID][]incident.Incident // what was merged, by the incident that it goes on as
	heard  map[string][]string                 // regions, by component, of which anything was ever heard
}

func newView(c *rules.Config, b incident.Board) view {
	v := view{config: c, board: b, joined: map[incident.ID][]incident.Incident{}, heard: map[string][]string{}}
	for cell := range b.Senses {
		v.heard[cell.Component] = append(v.heard[cell.Component], cell.Region)
	}
	for n := range b.Past {
		if past := &b.Past[n]; past.Into != "" && !past.Private {
			v.joined[past.Into] = append(v.joined[past.Into], *past)
		}
	}
	return v
}

// public gives what customers may read of an incident.
func public(i incident.Incident) []incident.Update {
	if i.Private {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(i.Updates), func(u incident.Update) bool { return u.Inside })
}

// isPublic reports whether customers have read of an incident.
func isPublic(i incident.Incident) bool { return !i.Private && i.Told() }

// newest gives the last that customers read of an incident.
func newest(i incident.Incident) incident.Update {
	all := public(i)
	return all[len(all)-1]
}

// isOpen reports whether an incident is one that is still going on by itself.
func isOpen(i incident.Incident) bool { return i.State != incident.StateResolved && i.Into == "" }

// open gives the incidents that are open for customers.
func (v view) open() []incident.Incident {
	return slices.DeleteFunc(slices.Clone(v.board.Open), func(i incident.Incident) bool { return !isPublic(i) || !isOpen(i) })
}

// region gives the public face of a region's code, which may be an alias by now.
func (v view) region(code string) templates.Region {
	if r, ok := v.config.Region(v.config.RegionOf(code)); ok {
		return templates.Region{Code: line(r.Code), Name: line(r.Name)}
	}
	return otherRegion
}

// regions is the columns of the page: those that are configured, and one for
// the rest when something was heard from there.
func (v view) regions() []templates.Region {
	var out []templates.Region
	for _, r := range v.config.Regions {
		out = append(out, v.region(r.Code))
	}
	for cell, s := range v.board.Senses {
		if s.Sense != incident.SenseNone && v.region(cell.Region) == otherRegion {
			return append(out, v.rest())
		}
	}
	for _, i := range v.open() {
		if slices.ContainsFunc(i.Regions(), func(r string) bool { return v.region(r) == otherRegion }) {
			return append(out, v.rest())
		}
	}
	return out
}

// rest is otherRegion by the name that fits: where none is configured, it is
// all there is.
func (v view) rest() templates.Region {
	if len(v.config.Regions) == 0 {
		return templates.Region{Code: otherRegion.Code, Name: "All regions"}
	}
	return otherRegion
}

// name gives a region's public face as regions lists it.
func (v view) name(code string) templates.Region {
	if r := v.region(code); r != otherRegion {
		return r
	}
	return v.rest()
}

// title gives a component's name, or its ID once it is no longer configured.
func (v view) title(id string) string {
	if c, ok := v.config.Component(id); ok {
		return line(c.Name)
	}
	return line(id)
}

// mostOfLine is more characters than configuration and forms let a name or a
// sentence have.
const mostOfLine = 500

// line gives words as they stand in what is published. Whoever writes them is told
// what is not fit; this is the wall behind it, so that no store and no
// configuration, however it came to hold them, brings a line break, what nobody
// can see, or a megabyte into any channel.
func line(words string) string { return templates.Line(mostOfLine, words) }
