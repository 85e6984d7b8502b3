package rules

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// The packs are rules that are built in. A configuration names those that it
// wants; without a name and without rules it has the first of packNames.
//
//go:embed packs/*.yaml
var packs embed.FS

// starterPack is what holds for any service that speaks OpenTelemetry.
const starterPack = "opentelemetry"

var packNames = func() []string {
	files, err := packs.ReadDir("packs")
	if err != nil {
		panic(err) // they are part of the program
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f.Name(), ".yaml")
	}
	return names
}()

// packFile gives a pack as a file whose name says that nobody need look for it.
func packFile(name string) File {
	body, err := packs.ReadFile(path.Join("packs", name+".yaml"))
	if err != nil {
		panic(err) // only names out of packNames come here
	}
	return File{Name: name + ".yaml (built in)", Body: body}
}

func (d *draft) readPackNames(v value) {
	names, places, ok := v.texts("[" + starterPack + "]")
	if ok && len(names) == 0 && v.given() {
		v.mistake("the list is empty: name some of %s, or leave the key out", strings.Join(packNames, " "))
	}
	for i, name := range names {
		switch {
		case !slices.Contains(packNames, name):
			places[i].mistake("unknown pack %s", unknown(name, packNames))
		case slices.Contains(d.packs, name):
			places[i].mistake("%s stands twice: keep one", name)
		default:
			d.packs = append(d.packs, name)
		}
	}
	d.unread = d.unread || v.given() && len(d.packs) < max(1, len(names))
}

// addPacks adds the rules and checklists of packs that no file replaces by one
// with the same id, and the components that they are about.
func (d *draft) addPacks() {
	if len(d.packs) == 0 && !d.hasRules {
		d.packs = []string{starterPack}
	}
	for _, name := range d.packs {
		d.addPack(name)
	}
	d.dropUnconfirmed()
	d.dropUnusedComponents()
}

func (d *draft) addPack(name string) {
	p := newDraft()
	p.pack, p.defaults = true, d.defaults
	p.read(packFile(name), false)
	for _, check := range p.checks {
		check()
	}
	d.mistakes = append(d.mistakes, p.mistakes...) // a test asserts that there are none
	for _, c := range p.cfg.Components {
		if _, declared := d.components[c.ID]; !declared {
			d.components[c.ID] = c.Pos
			d.builtIn[c.ID] = true
			d.cfg.Components = append(d.cfg.Components, c)
		}
	}
	for _, l := range p.cfg.Checklists {
		if _, replaced := d.checklists[l.ID]; !replaced {
			d.checklists[l.ID] = l.Pos
			d.cfg.Checklists = append(d.cfg.Checklists, l)
		}
	}
	for _, r := range p.cfg.Rules {
		if _, replaced := d.rules[r.ID]; replaced {
			continue
		}
		if why := d.unfed(r); why != "" {
			d.leaveOut(r.ID, fmt.Sprintf("the rule %s of the pack %s is left out: %s", r.ID, name, why))
			continue
		}
		d.rules[r.ID] = r.Pos
		d.cfg.Rules = append(d.cfg.Rules, r)
		d.packRules[r.ID] = name
		d.tooSlowFor(r, name)
	}
}

func (d *draft) leaveOut(rule, why string) {
	d.leftOut[rule] = why
	d.cfg.LeftOut = append(d.cfg.LeftOut, why)
}

// unfed says what a pack's rule lacks: its probes are declared by whoever knows
// where to ask.
func (d *draft) unfed(r Rule) string {
	if !r.Where.FromProbes || d.unread {
		return ""
	}
	wanted := strings.Join(r.Where.Probes.Any, " or ")
	var chosen []string
	for id := range d.probes {
		if r.Where.Probes.Match(id) {
			chosen = append(chosen, id)
		}
	}
	if len(chosen) == 0 {
		return "no probe " + wanted + " is declared"
	}
	measures := func(p Probe) bool { return r.Where.Probes.Match(p.ID) && slices.Contains(p.gauges(), r.Signal.Gauge) }
	if r.Signal.Kind == KindGauge && !slices.ContainsFunc(d.cfg.Probes, measures) {
		slices.Sort(chosen)
		return "the probe " + strings.Join(chosen, " ") + " has no gauge " + r.Signal.Gauge
	}
	return ""
}

// tooSlowFor says where the lag is too short for a pack's rule: in the file
// that wrote the lag, since nobody can edit the pack.
func (d *draft) tooSlowFor(r Rule, pack string) {
	if r.Signal.Kind != KindQuantile || r.Where.FromProbes || !d.lag.given() {
		return
	}
	if most := r.Levels[0].Limit; d.tooSlow(most) != "" {
		d.lag.mistake("the rule %s of the pack %s asks for requests slower than %s, which end after their minute was judged: want at least that, or a rule of that id of your own",
			r.ID, pack, spellLimit(r.Signal, most))
	}
}

// dropUnconfirmed takes out levels of packs that wait for rules that were left
// out, or replaced by some that wait themselves: nobody would confirm them.
func (d *draft) dropUnconfirmed() {
	confirms := map[string]bool{}
	for _, r := range d.cfg.Rules {
		confirms[r.ID] = !r.waits()
	}
	useless := func(name string) bool { return !confirms[name] }
	for i := range d.cfg.Rules {
		r := &d.cfg.Rules[i]
		if pack := d.packRules[r.ID]; pack != "" {
			d.dropLevels(r, pack, useless)
		}
	}
	d.cfg.Rules = slices.DeleteFunc(d.cfg.Rules, func(r Rule) bool { return d.leftOut[r.ID] != "" })
}

func (d *draft) dropLevels(r *Rule, pack string, useless func(rule string) bool) {
	var kept []Level
	for _, l := range r.Levels {
		asked := l.ConfirmWith
		l.ConfirmWith = slices.DeleteFunc(slices.Clone(asked), useless)
		if len(asked) == 0 || len(l.ConfirmWith) > 0 {
			kept = append(kept, l)
			continue
		}
		d.cfg.LeftOut = append(d.cfg.LeftOut,
			fmt.Sprintf("%s of the rule %s of the pack %s is left out: it is confirmed by %s, which is left out or waits itself", l.Severity, r.ID, pack, strings.Join(asked, " or ")))
	}
	if r.Levels = kept; len(kept) == 0 {
		d.leftOut[r.ID] = fmt.Sprintf("the rule %s of the pack %s is left out: nothing confirms its levels", r.ID, pack)
		delete(d.rules, r.ID)
	}
}

// dropUnusedComponents takes out the components of packs that no rule is about:
// the page would show them without ever knowing anything of them.
func (d *draft) dropUnusedComponents() {
	used := map[string]bool{}
	for _, r := range d.cfg.Rules {
		used[r.Component] = true
	}
	for _, c := range d.cfg.Components {
		if !d.builtIn[c.ID] {
			for _, id := range c.DependsOn {
				used[id] = true
			}
		}
	}
	d.cfg.Components = slices.DeleteFunc(d.cfg.Components, func(c Component) bool { return d.builtIn[c.ID] && !used[c.ID] })
	for i, c := range d.cfg.Components {
		if d.builtIn[c.ID] {
			d.cfg.Components[i].DependsOn = slices.DeleteFunc(slices.Clone(c.DependsOn), func(id string) bool { return d.builtIn[id] && !used[id] })
		}
	}
	maps.DeleteFunc(d.builtIn, func(id string, _ bool) bool { return !used[id] })
}
