package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

var (
	personShape = shape{
		example: "{name: Ana, roles: [on-call], reach: [pager]}",
		keys:    []string{"name", "roles", "reach", "email", "slack"},
		hints: map[string]string{
			"role":    "is a list: roles: [on-call]",
			"id":      "stands before it: people: {ana: {name: Ana}}",
			"mail":    "is called email: email: ana@example.com",
			"phone":   "is a channel's matter: reach: [pager], a channel that is declared under channels",
			"channel": "is a list: reach: [pager]",
		},
	}
	consoleShape = shape{
		example: "{url: https://tocsin.example.com, war_room: https://meet.example.com/incident}",
		keys:    []string{"url", "war_room", "links"},
	}
	linkShape     = shape{example: "{title: Deployments, url: https://ops.example.com/deployments}", keys: []string{"title", "url"}}
	calendarShape = shape{
		example: `{days: [mon, tue, wed, thu, fri], from: "09:00", to: "18:00"}`,
		keys:    []string{"zone", "days", "from", "to", "holidays"},
		hints: map[string]string{
			"timezone": "is called zone: zone: Asia/Kolkata",
			"hours":    `are from and to: from: "09:00", to: "18:00"`,
		},
	}
)

// readPeople reads who works on incidents.
func (d *draft) readPeople(v value) {
	entries, _ := v.entries("{ana: " + personShape.example + "}")
	for _, e := range entries {
		if !idPattern.MatchString(e.name) {
			d.noPeople = true
			e.mistake("want a name of small letters, digits and hyphens, as in ana; found %q", shorten(e.name))
			continue
		}
		o, ok := e.val.object(personShape)
		if !ok {
			d.noPeople = true
			continue
		}
		p := Person{ID: e.name, Name: e.name, Pos: e.key.pos()}
		if s, ok := o.get("name").line(80, "Ana"); ok {
			p.Name = s
		}
		var places []value
		p.Roles, places = readIDs(o.get("roles"), "[on-call]")
		for i, role := range p.Roles {
			places[i].later(func() string { return d.roleOfPerson(role) })
		}
		o.get("email").mailbox(&p.Email, "ana@example.com")
		o.get("slack").member(&p.Slack)
		p.Reach = d.readReach(o, p)
		d.cfg.People = append(d.cfg.People, p)
	}
}

// roleOfPerson says that a role and a person could be taken for each other.
func (d *draft) roleOfPerson(role string) string {
	if _, ok := d.cfg.Person(role); ok {
		return fmt.Sprintf("%s is a person, too, and a call to one would go to both: give the role another name", role)
	}
	return ""
}

// member reads somebody's ID in Slack.
func (v value) member(to *string) {
	s, ok := v.text("U0123ABCD")
	switch {
	case !ok:
	case !slackMember.MatchString(s):
		v.mistake("want the person's ID in Slack, as in U0123ABCD (their profile's menu shows it: names change, it does not); found %q", shorten(s))
	default:
		*to = s
	}
}

func (d *draft) readReach(o object, p Person) []string {
	v := o.get("reach")
	names, places, ok := v.texts("[pager]")
	if ok && v.given() && len(names) == 0 {
		v.mistake("the list is empty: name a channel, or leave the key out")
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			places[i].mistake("%s stands twice: keep one", shorten(name))
			continue
		}
		places[i].later(func() string { return d.unreachable(name, o, p) })
	}
	return names
}

// unreachable says why a person cannot be called by a channel.
func (d *draft) unreachable(name string, o object, p Person) string {
	var others []string
	for _, c := range d.cfg.Channels {
		why := cannotCall(c)
		switch {
		case c.Name == name && why != "":
			return fmt.Sprintf("%s %s: name a channel of type webhook, slack or email", name, why)
		case c.Name == name && c.Type == "email" && !o.get("email").given():
			return fmt.Sprintf("%s sends mail, and nobody said where to: add email: %s@example.com to %s", name, p.ID, p.ID)
		case c.Name == name && c.Type == "slack" && !o.get("slack").given():
			return fmt.Sprintf("%s writes to people by their ID in Slack, and nobody said which: add slack: U0123ABCD to %s (their profile's menu shows it)", name, p.ID)
		case c.Name == name:
			return ""
		case why == "":
			others = append(others, c.Name)
		}
	}
	if d.unread || slices.ContainsFunc(d.cfg.Channels, func(c Channel) bool { return c.Name == name }) {
		return ""
	}
	return fmt.Sprintf("unknown channel %s; declare a channel of type webhook, slack or email under channels: in %s", unknown(name, others), d.files[0])
}

// readIDs reads a list of names that programs use, each once.
func readIDs(v value, example string) ([]string, []value) {
	items, ok := v.list(example)
	if ok && len(items) == 0 {
		v.mistake("the list is empty: add one, as in %s, or leave the key out", example)
	}
	var ids []string
	var places []value
	for _, item := range items {
		id, ok := item.id(strings.Trim(example, "[]"))
		switch {
		case !ok:
		case slices.Contains(ids, id):
			item.mistake("%s stands twice: keep one", id)
		default:
			ids, places = append(ids, id), append(places, item)
		}
	}
	return ids, places
}

func (d *draft) readConsole(v value) {
	o, ok := v.object(consoleShape)
	if !ok {
		return
	}
	o.get("url").web(&d.cfg.Console.URL, "https://tocsin.example.com")
	o.get("war_room").web(&d.cfg.Console.WarRoom, "https://meet.example.com/incident")
	items, _ := o.get("links").list("[" + linkShape.example + "]")
	for _, item := range items {
		item.name = "link"
		o, ok := item.object(linkShape)
		if !ok {
			continue
		}
		var l Link
		l.Title, _ = o.need("title", "title: Deployments").line(80, "Deployments")
		o.need("url", "url: https://…").web(&l.URL, "https://ops.example.com/deployments")
		d.cfg.Console.Links = append(d.cfg.Console.Links, l)
	}
}

// readBusiness reads which hours are counted where not all are.
func (d *draft) readBusiness(v value) {
	o, ok := v.object(calendarShape)
	if !ok {
		return
	}
	before := len(d.mistakes)
	c := DefaultCalendar(d.zone)
	o.get("zone").zone(&c.Zone)
	if days := o.get("days"); days.given() {
		c.Days = readDays(days)
	}
	from, to := o.get("from"), o.get("to")
	if from.given() {
		c.From = from.clock(`"09:00"`)
	}
	switch {
	case to.says("24:00"):
		c.To = day
	case to.given():
		c.To = to.clock(`"18:00"`)
	}
	if c.From >= c.To && len(d.mistakes) == before {
		if !to.given() {
			to = from
		}
		to.mistake("business would end before it begins: it is from %s to %s", spellClock(c.From), spellClock(c.To))
	}
	c.Holidays = readHolidays(o.get("holidays"))
	d.cfg.Business = c
}

func spellClock(since time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(since.Hours()), int(since.Minutes())%60)
}

func readHolidays(v value) []string {
	const example = "[2026-12-25]"
	texts, places, _ := scalars(v, example)
	var all []string
	for i, s := range texts {
		_, err := time.Parse(time.DateOnly, s)
		switch {
		case err != nil || s < "2000" || s >= "2200":
			places[i].mistake("want days that the calendar has, of this century or the next, as in %s; found %q", example, shorten(s))
		case slices.Contains(all, s):
			places[i].mistake("%s stands twice: keep one", s)
		default:
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all
}

// line reads a line for the people on call.
func (v value) line(most int, example string) (string, bool) {
	s, ok := v.text(example)
	return s, ok && v.private(s, most, false)
}

// block reads a text for the people on call, which may have several lines.
func (v value) block(most int, example string) (string, bool) {
	s, ok := v.text(example)
	return s, ok && v.private(s, most, true)
}

// private reports what is wrong with a text that only people on call read: it
// may hold hosts, queries and whatever else helps them.
func (v value) private(s string, most int, lines bool) bool {
	control := strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
	switch n := len([]rune(s)); {
	case strings.TrimSpace(s) == "":
		v.mistake("nothing stands here: write the words, or leave the key out")
	case !lines && strings.Contains(s, "\n"):
		v.mistake("want one line (>- joins lines)")
	case control:
		v.mistake("a control character stands in it: take it out")
	case n > most:
		v.mistake("want at most %d characters; found %d", most, n)
	default:
		return true
	}
	return false
}
