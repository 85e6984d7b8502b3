package rules

import (
	"regexp"
	"slices"
	"strings"
)

var componentShape = shape{
	example: "{id: api, name: Management API}",
	keys:    []string{"id", "name", "description", "group", "depends_on", "sla", "figures"},
	hints:   notYet("weight", "services"),
}

func (d *draft) readComponents(v value) {
	items, ok := v.list("[{id: api, name: Management API}]")
	d.unread = d.unread || v.given() && !ok
	for _, item := range items {
		item.name = "component"
		o, ok := item.object(componentShape)
		if !ok {
			d.unread = true
			continue
		}
		id := o.need("id", "id: api")
		c := Component{Pos: item.pos()}
		if c.ID, ok = id.id("api"); !ok || !id.once(d.components, c.ID) {
			d.unread = true
			continue
		}
		c.Name = o.get("name").words(80, "Management API", c.ID)
		c.Description = o.get("description").words(200, "Projects, flags and members", "")
		c.Group = o.get("group").words(80, "Core product", "")
		c.DependsOn = d.readDependsOn(o.get("depends_on"), c.ID)
		if share, ok := o.get("sla").share(0.5, 1, "99.9%"); ok {
			c.Target = 100 * share
		}
		c.Figures = readFigures(o.get("figures"))
		d.cfg.Components = append(d.cfg.Components, c)
	}
}

// readFigures reads which signals of a component customers may see as a line.
func readFigures(v value) []string {
	names, places, _ := v.texts("[error_rate, p99]")
	var fit []string
	for i, name := range names {
		switch s := readSignal(places[i]); {
		case slices.Contains(fit, s.String()):
			places[i].mistake("%s stands twice: keep one", shorten(name))
		case s.Kind == KindUnknown: // it was told
		case s.Kind != KindErrorRate && s.Kind != KindQuantile:
			places[i].mistake("customers can be shown error_rate and quantiles of durations such as p99; %s stays inside", name)
		default:
			fit = append(fit, s.String()) // as rules are asked for it: p99.0 is p99
		}
	}
	return fit
}

// readDependsOn reads which components' incidents explain those of id.
func (d *draft) readDependsOn(v value, id string) []string {
	names, places, ok := v.texts("[database]")
	if ok && len(names) == 0 && v.given() {
		v.mistake("the list is empty: name a component, or leave the key out")
	}
	twice := map[string]bool{}
	for i, name := range names {
		if twice[name] {
			places[i].mistake("%s stands twice: keep one", shorten(name))
			continue
		}
		twice[name] = true
		places[i].later(func() string {
			if _, declared := d.components[name]; !declared && !d.unread {
				return "unknown component " + unknown(name, sortedNames(&d.componentNames, d.components))
			}
			if circle := d.circles()[id]; slices.Contains(circle, name) && circle[1] == name {
				return "this leads in a circle, " + shorten(strings.Join(circle, " → ")) + ", and explains nothing: take one of them out"
			}
			return ""
		})
	}
	return names
}

// circles gives, for each component at which a circle of dependencies closes,
// the way round.
func (d *draft) circles() map[string][]string {
	if d.circular != nil {
		return d.circular
	}
	d.circular = map[string][]string{}
	needs, done := map[string][]string{}, map[string]bool{}
	for _, c := range d.cfg.Components {
		needs[c.ID] = c.DependsOn
	}
	var way []string
	at := map[string]int{} // in way
	var walk func(id string)
	walk = func(id string) {
		i, around := at[id]
		last := len(way) - 1
		switch {
		case around && d.circular[way[last]] == nil:
			d.circular[way[last]] = append([]string{way[last]}, way[i:]...)
			return
		case around, done[id]:
			return
		}
		at[id], way = len(way), append(way, id)
		for _, next := range needs[id] {
			walk(next)
		}
		delete(at, id)
		way, done[id] = way[:len(way)-1], true
	}
	for _, c := range d.cfg.Components {
		walk(c.ID)
	}
	return d.circular
}

var serviceShape = shape{
	example: "{names: [api], sample_rate: 10%}",
	keys:    []string{"names", "sample_rate"},
	hints:   notYet("public", "component", "owner"),
}

func (d *draft) readServices(v value) {
	items, _ := v.list("[" + serviceShape.example + "]")
	for _, item := range items {
		item.name = "service"
		o, ok := item.object(serviceShape)
		if !ok {
			continue
		}
		s := Service{Names: readPatterns(o.need("names", "names: [api]"), nil), SampleRate: 1, Pos: item.pos()}
		if f, ok := o.need("sample_rate", "sample_rate: 10%").share(0.000001, 1, "10%"); ok {
			s.SampleRate = f
		}
		d.cfg.Services = append(d.cfg.Services, s)
	}
}

var (
	regionShape = shape{
		example: "{code: eu, name: Europe}",
		keys:    []string{"code", "name", "aliases", "values"},
		hints: func() map[string]string {
			hints := notYet("probe", "timezone")
			for _, key := range []string{"host", "provider", "site", "domains"} {
				hints[key] = "belongs to values: values: {host: 203.0.113.7}"
			}
			return hints
		}(),
	}
	valueKey    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	codePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
)

// otherRegion is the page's own word for regions that nobody declared.
const otherRegion = "other"

func (d *draft) readRegions(v value) {
	items, ok := v.list("[{code: eu, name: Europe, aliases: [local]}]")
	d.unread = d.unread || v.given() && !ok
	for _, item := range items {
		item.name = "region"
		o, ok := item.object(regionShape)
		if !ok {
			d.unread = true
			continue
		}
		r, code := Region{Pos: item.pos()}, o.need("code", "code: eu")
		if r.Code, ok = code.scalar("eu"); !ok {
			d.unread = true
			continue
		}
		switch {
		case !codePattern.MatchString(r.Code):
			code.mistake("want letters, digits, hyphens, dots and underscores, at most 64, as in eu; found %q", shorten(r.Code))
			d.unread = true
			continue
		case r.Code == otherRegion:
			code.mistake("%q is what the page calls regions that are not declared: choose another code", otherRegion)
			continue
		case !code.once(d.regions, r.Code):
			continue
		}
		if i := slices.IndexFunc(d.cfg.Regions, func(o Region) bool { return strings.EqualFold(o.Code, r.Code) }); i >= 0 {
			code.mistake("%q and %q differ by small and large letters alone, and the addresses of their pages would not: choose another code, or make it one of the other's aliases", d.cfg.Regions[i].Code, r.Code)
			continue
		}
		r.Name = o.get("name").words(80, "Europe", r.Code)
		aliases, places, _ := o.get("aliases").texts("[local]")
		for i, a := range aliases {
			if places[i].once(d.regions, a) {
				r.Aliases = append(r.Aliases, a)
			}
		}
		r.Values = readRegionValues(o.get("values"))
		d.cfg.Regions = append(d.cfg.Regions, r)
	}
}

// readRegionValues reads what checklists' commands are rendered with in a region.
func readRegionValues(v value) map[string]string {
	entries, ok := v.entries("{host: 203.0.113.7, api: api.eu.example.com}")
	if !ok {
		return nil
	}
	values := map[string]string{}
	for _, e := range entries {
		switch {
		case !valueKey.MatchString(e.name):
			e.mistake("want a key of small letters, digits and underscores, as in host; found %q", shorten(e.name))
		case e.name == "region" || e.name == "region_name":
			e.mistake("{{%s}} is there already, from the region's own code and name: choose another key", e.name)
		case secretKey(e.name):
			e.mistake("%q: secrets never stand in this file: checklists say where to find them", e.name)
		default:
			if s, ok := e.val.scalar("203.0.113.7"); ok && e.val.private(s, 500, false) {
				values[e.name] = s
			}
		}
	}
	return values
}

// regionCodes lists what is declared, in the order of the page.
func (d *draft) regionCodes() []string {
	codes := make([]string, 0, len(d.cfg.Regions))
	for _, r := range d.cfg.Regions {
		codes = append(codes, r.Code)
	}
	return codes
}

// knownRegion says what is wrong with a region that a rule names in full. A
// value that no region declares is a region of its own; naming one is taken
// for a slip once any are declared, unless it is named to be left out.
func (d *draft) knownRegion(name string, leftOut bool) string {
	for _, r := range d.cfg.Regions {
		if slices.Contains(r.Aliases, name) {
			return "\"" + name + "\" is another name of region " + r.Code + ": write " + r.Code
		}
	}
	codes := d.regionCodes()
	if leftOut || d.unread || len(codes) == 0 || slices.Contains(codes, name) {
		return ""
	}
	return "unknown region " + unknown(name, codes)
}

// Component gives the component with that ID.
func (c *Config) Component(id string) (Component, bool) {
	for _, comp := range c.Components {
		if comp.ID == id {
			return comp, true
		}
	}
	return Component{}, false
}

// Region gives the region with that code.
func (c *Config) Region(code string) (Region, bool) {
	for _, r := range c.Regions {
		if r.Code == code {
			return r, true
		}
	}
	return Region{}, false
}
