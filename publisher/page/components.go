package page

import (
	"cmp"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/publisher/statuspage"
	"github.com/featuresignals/tocsin/templates"
)

// apiParts is the components as the form has them.
type apiParts struct {
	all []apiComponent
	of  map[string][]apiComponent // what stands for a component of ours: itself, then its regions
}

// componentsOf lists the components. The form has one level of groups, and
// clients print a part's name beside its group's. Where the page has several
// regions, a component is a group whose parts are its regions: which region is
// hit is what a client cannot know from anywhere else. Where it has one, the
// headings are the groups, and each component is one part.
//
// A part that was never heard of is left out, since every status that there is
// would be a claim.
func componentsOf(p templates.Public) apiParts {
	out := apiParts{all: []apiComponent{}, of: map[string][]apiComponent{}}
	headings, position := map[string]int{}, 0 // where a heading stands in out.all
	for _, c := range p.Components {
		list := componentOf(p, c)
		if len(list) == 0 {
			continue
		}
		heading := c.Group
		if list[0].Group {
			heading = ""
		}
		if heading == "" {
			position++
			list[0].Position = position
			out.of[c.ID] = list
			out.all = append(out.all, list...)
			continue
		}
		at, there := headings[heading]
		if !there {
			position++
			group := blank(p, "group", heading, heading)
			group.Position, group.Group, group.Status = position, true, templates.Operational
			at = len(out.all)
			headings[heading] = at
			out.all = append(out.all, group)
		}
		group := &out.all[at]
		list[0].GroupID = new(group.ID)
		group.Components = append(group.Components, list[0].ID)
		list[0].Position = len(group.Components)
		out.of[c.ID] = list
		out.all = append(out.all, list...)
	}
	for _, at := range headings {
		group := &out.all[at]
		var all []templates.Cell
		for _, c := range out.all {
			if slices.Contains(group.Components, c.ID) {
				all = append(all, templates.Cell{Status: c.Status})
				group.UpdatedAt = newer(group.UpdatedAt, c.UpdatedAt)
			}
		}
		group.Status = templates.Together(all)
	}
	out.tellApart()
	return out
}

// componentOf gives one component, and after it its regions where it has several.
func componentOf(p templates.Public, c templates.Component) []apiComponent {
	var regions []apiComponent
	var all []templates.Cell
	top := blank(p, "component", c.ID, nameOf(c))
	if c.Description != "" {
		top.Description = &c.Description
	}
	for n, cell := range c.Cells {
		now, known := lastKnown(p, c, cell.Region.Code, cell.Status)
		if !known {
			continue
		}
		all = append(all, templates.Cell{Status: now})
		part := blank(p, "component", c.ID+"/"+cell.Region.Code, nameOfRegion(cell.Region))
		part.key, part.Position, part.Status, part.GroupID = cell.Region.Code, n+1, now, &top.ID
		if statuspage.Knows(cell.Status) && !cell.Since.IsZero() {
			part.UpdatedAt = statuspage.Stamp(cell.Since)
			top.UpdatedAt = newer(top.UpdatedAt, part.UpdatedAt)
		}
		regions = append(regions, part)
	}
	var known bool
	switch top.Status, known = lastKnown(p, c, "", c.Status); {
	case len(regions) == 0 && !known:
		return nil
	case !statuspage.Knows(c.Status) && len(regions) > 0:
		top.Status = templates.Together(all)
	}
	if len(c.Cells) < 2 || len(regions) == 0 {
		return []apiComponent{top}
	}
	top.Group = true
	for _, part := range regions {
		top.Components = append(top.Components, part.ID)
	}
	return append([]apiComponent{top}, regions...)
}

func blank(p templates.Public, kind, key, name string) apiComponent {
	c := apiComponent{
		ID: statuspage.ID(kind, key), Name: name, Showcase: true, PageID: statuspage.ID("page", p.Organisation),
		CreatedAt: statuspage.Stamp(p.Since), UpdatedAt: statuspage.Stamp(p.Since), key: key,
	}
	if !p.Since.IsZero() {
		c.StartDate = new(p.Since.UTC().Format(time.DateOnly))
	}
	return c
}

// tellApart gives components of one name in one group names of their own, since
// clients know them by it.
func (ps apiParts) tellApart() {
	type place struct{ group, name string }
	at := func(c apiComponent) place { return place{*cmp.Or(c.GroupID, new("")), c.Name} }
	for _, mark := range []func(apiComponent) string{
		func(c apiComponent) string { return c.key },
		func(c apiComponent) string { return c.ID }, // somebody called one as another has become
	} {
		count := map[place]int{}
		for _, c := range ps.all {
			count[at(c)]++
		}
		for n, c := range ps.all {
			if count[at(c)] > 1 {
				ps.all[n].Name += " (" + mark(c) + ")"
			}
		}
	}
	names := map[string]string{}
	for _, c := range ps.all {
		names[c.ID] = c.Name
	}
	for _, list := range ps.of {
		for n := range list {
			list[n].Name = names[list[n].ID]
		}
	}
}

// touched gives what stands for a component in some of the regions: itself, and
// the parts for those regions, so that no name stands without its group's.
func (ps apiParts) touched(id string, regions []templates.Region, all bool) []apiComponent {
	var out []apiComponent
	for n, c := range ps.of[id] {
		if n == 0 || all || slices.ContainsFunc(regions, func(r templates.Region) bool { return r.Code == c.key }) {
			out = append(out, c)
		}
	}
	return out
}

// name gives the name of a component with its group's.
func (ps apiParts) name(id, otherwise string) string {
	list := ps.of[id]
	if len(list) == 0 {
		return otherwise
	}
	if list[0].GroupID == nil {
		return list[0].Name
	}
	for _, c := range ps.all {
		if c.ID == *list[0].GroupID {
			return c.Name + " - " + list[0].Name
		}
	}
	return list[0].Name
}

// newer gives the later of two times.
func newer(a, b statuspage.Stamp) statuspage.Stamp {
	if time.Time(b).After(time.Time(a)) {
		return b
	}
	return a
}

func nameOf(c templates.Component) string { return cmp.Or(c.Name, c.ID) }

func nameOfRegion(r templates.Region) string { return cmp.Or(r.Name, r.Code) }

// lastKnown gives the status of a component, in a region if one is named, that
// was known last. Missing data neither open nor resolve an incident, so what
// was in trouble when data ceased has an open incident still, and what has
// none was well, or is being worked on.
func lastKnown(p templates.Public, c templates.Component, region string, now templates.Status) (s templates.Status, known bool) {
	if statuspage.Knows(now) {
		return now, true
	}
	s = templates.Operational
	for _, w := range p.Works {
		if w.State == "in_progress" && isWorkedOn(w, c.ID, region) {
			s = templates.Maintenance
		}
	}
	for _, i := range p.Incidents {
		if !isAbout(i, c.ID) || region != "" && !isIn(i, region) {
			continue
		}
		said := statuspage.OfPhrase(i.Status)
		if region != "" && i.Severity == "P0" && said == templates.Partial {
			said = templates.Major // the region is out, the component is not
		}
		if rankOf(said) > rankOf(s) {
			s = said
		}
	}
	return s, now != templates.NotWatched && now != "" || s != templates.Operational
}

// isAbout reports whether an incident is about a component, by itself or since
// one of that component was merged into it.
func isAbout(i templates.Incident, component string) bool {
	return i.Component.ID == component || slices.Contains(i.Also, component)
}

// isIn reports whether an incident touches a region.
func isIn(i templates.Incident, region string) bool {
	return i.AllRegions || slices.ContainsFunc(i.Regions, func(r templates.Region) bool { return r.Code == region })
}

// isWorkedOn reports whether maintenance is of a component, in a region if one
// is named; without one it has to be all of them.
func isWorkedOn(w templates.Work, component, region string) bool {
	return (w.AllComponents || slices.ContainsFunc(w.Components, func(c templates.Component) bool { return c.ID == component })) &&
		(w.AllRegions || region != "" && slices.ContainsFunc(w.Regions, func(r templates.Region) bool { return r.Code == region }))
}

func rankOf(s templates.Status) int {
	return slices.Index([]templates.Status{templates.Operational, templates.Maintenance, templates.Degraded, templates.Partial, templates.Major}, s)
}
