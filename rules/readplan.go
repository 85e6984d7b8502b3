package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

var (
	maintenanceShape = shape{
		example: "{id: db-upgrade, title: Database upgrade, from: 2026-12-01 22:00, to: 2026-12-02 02:00}",
		keys:    []string{"id", "title", "components", "regions", "from", "to", "weekly"},
		hints: map[string]string{
			"until":    "is called to: to: 2026-12-02 02:00",
			"end":      "is called to: to: 2026-12-02 02:00",
			"start":    "is called from: from: 2026-12-01 22:00",
			"for":      "belongs to weekly: weekly: {days: [sunday], at: \"03:00\", for: 1h}; work that comes once has from and to",
			"days":     "belongs to weekly: weekly: {days: [sunday], at: \"03:00\", for: 1h}",
			"at":       "belongs to weekly: weekly: {days: [sunday], at: \"03:00\", for: 1h}",
			"zone":     "belongs to weekly: weekly: {days: [sunday], at: \"03:00\", for: 1h, zone: Asia/Kolkata}; for times, it stands at the top of the service's own file",
			"services": "is not what maintenance is of: name components: [api] and regions: [eu], or write a silence",
			"rules":    "is not what maintenance is of: name components: [api] and regions: [eu], or write a silence",
			"reason":   "is what customers read, and so called title: title: Database upgrade",
		},
	}
	weeklyShape = shape{
		example: `{days: [sunday], at: "03:00", for: 1h}`,
		keys:    []string{"days", "at", "for", "zone"},
		hints: map[string]string{
			"from": "belongs beside weekly: the work comes from then on",
			"to":   "belongs beside weekly: the work comes until then",
			"day":  "is a list: days: [sunday]",
		},
	}
	silenceShape = shape{
		example: "{id: known-500, rules: [stream-errors], until: 2026-12-31, reason: streaming is not used behind this proxy}",
		keys:    []string{"id", "rules", "services", "regions", "from", "until", "reason"},
		hints: map[string]string{
			"to":         "is called until: until: 2026-12-31",
			"end":        "is called until: until: 2026-12-31",
			"rule":       "is a list: rules: [stream-errors]",
			"service":    "is a list: services: [api]",
			"region":     "is a list: regions: [eu]",
			"components": "are silenced by their rules: rules: [api-*]",
			"comment":    "is called reason",
			"title":      "is called reason, and no customer reads it",
		},
	}

	weeklyForSpan = span{time.Minute, 72 * time.Hour, time.Minute, "1h"}
	dayNames      = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
)

// longestWork is how long maintenance may last that comes once: what is
// forgotten hides an outage.
const longestWork = 7 * 24 * time.Hour

// week is the time between two stretches of weekly work.
const week = 7 * 24 * time.Hour

func (d *draft) readMaintenance(v value) {
	items, _ := v.list("[{id: db-upgrade, …}]")
	for _, item := range items {
		item.name = "maintenance"
		o, ok := item.object(maintenanceShape)
		if !ok {
			continue
		}
		m := Maintenance{Pos: item.pos()}
		taken := map[string]Pos{}
		for _, other := range d.cfg.Maintenance {
			taken[other.ID] = other.Pos
		}
		id := o.need("id", "id: db-upgrade")
		if m.ID, ok = id.id("db-upgrade"); ok {
			id.once(taken, m.ID)
		}
		m.Title = o.need("title", "title: Database upgrade").words(80, "Database upgrade", "")
		m.Components = d.readComponentNames(o.get("components"))
		m.Regions = d.readRegionNames(o.get("regions"))
		if w := o.get("weekly"); w.given() {
			d.readWeekly(&m, o, w)
		} else {
			d.readOnce(&m, o)
		}
		d.cfg.Maintenance = append(d.cfg.Maintenance, m)
	}
}

// readOnce reads the bounds of work that comes once.
func (d *draft) readOnce(m *Maintenance, o object) {
	var begins, ends bool
	m.From, begins = o.need("from", "from: 2026-12-01 22:00").time(d.zone)
	to := o.need("to", "to: 2026-12-02 02:00; work without an end would hide outages from then on")
	if m.To, ends = to.time(d.zone); !begins || !ends {
		return
	}
	switch long := m.To.Sub(m.From); {
	case long <= 0:
		to.mistake("it would end before it begins: want a time after %s", m.From.In(d.zone).Format(wallLayout))
	case long > longestWork:
		to.mistake("it would hide outages for %s: want at most %s after from; for more, write several, or a silence for single rules",
			spell(long), spell(longestWork))
	}
}

// readWeekly reads work that comes again. Its bounds go by its own clocks.
func (d *draft) readWeekly(m *Maintenance, o object, v value) {
	m.Weekly = Weekly{Zone: d.zone}
	if w, ok := v.object(weeklyShape); ok {
		w.get("zone").zone(&m.Weekly.Zone)
		m.Weekly.Days = readDays(w.need("days", "days: [sunday]"))
		m.Weekly.At = w.need("at", `at: "03:00"`).clock(`"03:00"`)
		long := w.need("for", "for: 1h")
		set(long, weeklyForSpan, &m.Weekly.For)
		if gap := shortestGap(m.Weekly.Days); m.Weekly.For >= gap && len(m.Weekly.Days) > 0 {
			long.mistake("one stretch would run into the next, so that no outage would ever be seen: want less than %s; found %s", spell(gap), spell(m.Weekly.For))
		}
	}
	m.From, _ = o.get("from").time(m.Weekly.Zone)
	to := o.get("to")
	if m.To, _ = to.time(m.Weekly.Zone); !m.To.IsZero() && !m.To.After(m.From) {
		to.mistake("it would end before it begins: want a time after %s", m.From.In(m.Weekly.Zone).Format(wallLayout))
	}
}

func readDays(v value) []time.Weekday {
	names, places, ok := v.texts("[sunday]")
	if ok && v.given() && len(names) == 0 {
		v.mistake("the list is empty: want some of %s", strings.Join(dayNames, " "))
	}
	var days []time.Weekday
	for i, name := range names {
		day := slices.IndexFunc(dayNames, func(full string) bool { return name == full || name == full[:3] })
		if day < 0 {
			places[i].mistake("unknown day %s", unknown(name, dayNames))
			continue
		}
		days = append(days, time.Weekday(day))
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// shortestGap gives the time from one stretch's beginning to the next one's,
// where they are closest.
func shortestGap(days []time.Weekday) time.Duration {
	gap := week
	for i, day := range days[:max(0, len(days)-1)] {
		gap = min(gap, time.Duration(days[i+1]-day)*24*time.Hour)
	}
	if len(days) > 1 {
		gap = min(gap, week-time.Duration(days[len(days)-1]-days[0])*24*time.Hour)
	}
	return gap
}

// clock reads a time of day.
func (v value) clock(example string) time.Duration {
	s, ok := v.scalar(example)
	if !ok {
		return 0
	}
	m, ok := parseClock(s)
	if !ok {
		v.mistake("want a time of day from 00:00 to 23:59, as in %s; found %q", example, shorten(s))
	}
	return time.Duration(m) * time.Minute
}

func (d *draft) readSilences(v value) {
	items, _ := v.list("[{id: known-500, …}]")
	for _, item := range items {
		item.name = "silence"
		o, ok := item.object(silenceShape)
		if !ok {
			continue
		}
		s := Silence{Pos: item.pos()}
		taken := map[string]Pos{}
		for _, other := range d.cfg.Silences {
			taken[other.ID] = other.Pos
		}
		id := o.need("id", "id: known-500")
		if s.ID, ok = id.id("known-500"); ok {
			id.once(taken, s.ID)
		}
		s.Rules = readPatterns(o.need("rules", `rules: [stream-errors], or rules: ["*"] for all`), func(place value, name string, leftOut bool) {
			place.later(func() string { return d.knownRule(name, leftOut) })
		})
		s.Services = readPatterns(o.get("services"), nil)
		s.Regions = readPatterns(o.get("regions"), func(place value, name string, leftOut bool) {
			if literal(name) && name != "" {
				place.later(func() string { return d.knownRegion(name, leftOut) })
			}
		})
		s.From, _ = o.get("from").time(d.zone)
		until := o.need("until", "until: 2026-12-31; what is silenced without an end is forgotten")
		if s.Until, ok = until.time(d.zone); ok && !s.Until.After(s.From) {
			until.mistake("it would end before it begins: want a time after %s", s.From.In(d.zone).Format(wallLayout))
		}
		s.Reason = o.need("reason", "reason: why, for those who find it in a year").reason()
		d.cfg.Silences = append(d.cfg.Silences, s)
	}
}

// reason reads words for the people on call.
func (v value) reason() string {
	s, ok := v.text("streaming is not used behind this proxy")
	switch {
	case !ok:
	case strings.TrimSpace(s) == "":
		v.mistake("want words, for those who find it in a year")
	case len([]rune(s)) > 500:
		v.mistake("want at most 500 characters; found %d", len([]rune(s)))
	}
	return s
}

func (d *draft) readComponentNames(v value) []string {
	names, places, ok := v.texts("[api]")
	if ok && v.given() && len(names) == 0 {
		v.mistake("the list is empty: add a component, or leave the key out for all of them")
	}
	for i, name := range names {
		places[i].later(func() string { return d.knownComponent(name) })
	}
	return names
}

func (d *draft) readRegionNames(v value) []string {
	names, places, ok := v.texts("[eu]")
	if ok && v.given() && len(names) == 0 {
		v.mistake("the list is empty: add a region, or leave the key out for all of them")
	}
	for i, name := range names {
		places[i].later(func() string { return d.knownRegion(name, false) })
	}
	return names
}

// knownComponent says what is wrong with a component that something names.
func (d *draft) knownComponent(id string) string {
	if _, declared := d.components[id]; declared || d.unread {
		return ""
	}
	return "unknown component " + unknown(id, slices.Sorted(maps.Keys(d.components)))
}

// knownRule says what is wrong with a rule, or a pattern of rules, that
// something names.
func (d *draft) knownRule(glob string, leftOut bool) string {
	if leftOut || d.unread || d.rulesUnread {
		return ""
	}
	ids := make([]string, 0, len(d.cfg.Rules))
	for _, r := range d.cfg.Rules {
		if Glob(glob, r.ID) {
			return ""
		}
		ids = append(ids, r.ID)
	}
	if why := d.leftOut[glob]; why != "" {
		return why
	}
	if !literal(glob) {
		return fmt.Sprintf("no rule matches %q: want one of %s", shorten(glob), strings.Join(ids, " "))
	}
	return "unknown rule " + unknown(glob, ids)
}
