package rules

import (
	"slices"
	"strings"
)

// call is somebody whom a severity calls.
type call struct {
	to   string
	what string // "P0 pages"
	at   Pos    // where it is written; zero: it is built in
}

// calls lists whom severities call, the worst severity first.
func (l *linter) calls() []call {
	var all []call
	for _, s := range Severities {
		p := l.Policies[s]
		if p.Page.Repeat > 0 {
			all = append(all, call{p.Page.To, s.String() + " pages", p.Pos})
		}
		for _, e := range p.Escalate {
			when := " calls at once"
			if e.After > 0 {
				when = " calls after " + spell(e.After)
			}
			all = append(all, call{e.To, s.String() + when, p.Pos})
		}
	}
	return all
}

// people warns of calls that reach nobody.
func (l *linter) people() {
	if len(l.People) == 0 {
		l.nobody()
		return
	}
	said := map[string]bool{}
	for _, c := range l.calls() {
		at := c.at
		if at == (Pos{}) {
			at = l.People[0].Pos
		}
		who := l.Who(c.to)
		switch {
		case said[c.to]:
		case len(who) == 0:
			l.warn(at, "nobody has the role %s, whom %s: give it to somebody under people, or name somebody else in the severity", c.to, c.what)
		case !slices.ContainsFunc(who, func(p Person) bool { return len(p.Reach) > 0 }):
			l.warn(who[0].Pos, "no call reaches %s, whom %s: add reach: [pager], a channel of type webhook, slack or email", spellWho(who), c.what)
		}
		said[c.to] = true
	}
}

func spellWho(who []Person) string {
	ids := make([]string, len(who))
	for i, p := range who {
		ids[i] = p.ID
	}
	return strings.Join(ids, " and ")
}

// nobody warns of severities whose calls somebody wrote, and that call nobody.
// Those that are built in wait for people to be named; that they do is in the
// documentation, and no mistake of whoever wants a status page only.
func (l *linter) nobody() {
	for _, s := range Severities {
		if at := l.Policies[s].Pos; at != (Pos{}) {
			l.warn(at, "nobody is called: severities say who is called when, and no people are named; add people: {ana: {roles: [on-call], reach: [pager]}} to the service's own file")
			return
		}
	}
}

// rooms warns of people who cannot be invited into the rooms of Slack.
func (l *linter) rooms() {
	for _, c := range l.Channels {
		if c.Slack == nil {
			continue
		}
		for _, p := range l.People {
			for _, who := range c.Slack.Rooms.Invite {
				if p.Slack == "" && (who == p.ID || slices.Contains(p.Roles, who)) {
					l.warn(p.Pos, "%s is not invited into the rooms of %s, which asks for %s: nobody said who that is in Slack; add slack: U0123ABCD", p.ID, c.Name, who)
					break
				}
			}
		}
	}
}

// checklists warns of values that stand in commands and links, and that no
// region has.
func (l *linter) checklists() {
	if len(l.Regions) == 0 {
		return
	}
	known := map[string]bool{"region": true, "region_name": true}
	for _, r := range l.Regions {
		for key := range r.Values {
			known[key] = true
		}
	}
	for _, list := range l.Checklists {
		if builtInFile(list.Pos.File) {
			continue
		}
		for _, step := range list.Steps {
			for _, key := range placeholders(step.Command + "\n" + step.Link) {
				if !known[key] {
					l.warn(step.Pos, "the step %s of %s would show <%s>: no region has a value of that name; add values: {%s: …} to regions", step.ID, list.ID, key, key)
				}
			}
		}
	}
}
