package rules

import (
	"regexp"
	"slices"
)

var componentShape = shape{
	example: "{id: api, name: Management API}",
	keys:    []string{"id", "name", "description"},
	hints:   notYet("group", "depends_on", "weight", "sla", "services"),
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
		d.cfg.Components = append(d.cfg.Components, c)
	}
}

var (
	regionShape = shape{
		example: "{code: eu, name: Europe}",
		keys:    []string{"code", "name", "aliases"},
		hints:   notYet("provider", "site", "domains", "probe", "timezone"),
	}
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
		r.Name = o.get("name").words(80, "Europe", r.Code)
		aliases, places, _ := o.get("aliases").texts("[local]")
		for i, a := range aliases {
			if places[i].once(d.regions, a) {
				r.Aliases = append(r.Aliases, a)
			}
		}
		d.cfg.Regions = append(d.cfg.Regions, r)
	}
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
