package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

var (
	policyShape = shape{
		example: "{cadence: [{every: 30m}], channels: [status], public: true}",
		keys: []string{
			"cadence", "channels", "public", "hold", "approve", "first_post", "ack", "ack_lapse", "page", "escalate",
			"war_room", "hours", "remind", "postmortem", "resolve_goal",
		},
		hints: func() map[string]string {
			hints := notYet("start", "wording", "impact")
			hints["confirm_with"] = "belongs to a rule's level: levels: {P0: {above: 50%, confirm_with: [api-probe]}}"
			return hints
		}(),
	}
	pagingShape = shape{
		example: "{repeat: 5m, to: on-call} or none",
		keys:    []string{"repeat", "to"},
		hints: map[string]string{
			"every":    "is called repeat: page: {repeat: 5m}",
			"channels": "stand at people: people: {ana: {roles: [on-call], reach: [pager]}}",
		},
	}
	escalationShape = shape{example: "{after: 30m, to: cto, unless: resolved}", keys: []string{"after", "to", "unless"}}
	postMortemShape = shape{example: "{due: 48h} or none", keys: []string{"due"}}

	holdSpan      = span{0, 24 * time.Hour, time.Second, "2m"}
	firstPostSpan = span{10 * time.Second, 24 * time.Hour, time.Second, "5m"}
	ackSpan       = span{time.Minute, 30 * day, time.Second, "5m"}
	lapseSpan     = span{time.Minute, 7 * day, time.Second, "1h"}
	repeatSpan    = span{time.Minute, 24 * time.Hour, time.Second, "5m"}
	escalateSpan  = span{0, 7 * day, time.Second, "30m"}
	warRoomSpan   = span{time.Minute, 24 * time.Hour, time.Second, "15m"}
	remindSpan    = span{10 * time.Second, 24 * time.Hour, time.Second, "5m"}
	dueSpan       = span{time.Hour, 90 * day, time.Minute, "48h"}
	goalSpan      = span{time.Minute, 90 * day, time.Second, "4h"}

	businessDays = regexp.MustCompile(`^([1-9]|[12][0-9]|30)bd$`)
)

// readPolicy lays what is written of a severity over what is built in.
func (d *draft) readPolicy(s Severity, p Policy, o object) Policy {
	readCadence(o.get("cadence"), &p)
	if c := o.get("channels"); c.given() {
		p.Channels = d.readChannelNames(c)
	}
	if c := o.get("public"); c.given() {
		p.Public, _ = c.truth()
	}
	readFirstPost(o, &p)
	readCalls(s, o, &p)
	o.get("war_room").orNone(warRoomSpan, &p.WarRoom)
	readRemind(o.get("remind"), &p)
	readPostMortem(o.get("postmortem"), &p.PostMortem)
	o.get("resolve_goal").within(goalSpan, &p.ResolveGoal)
	return p
}

// readFirstPost reads what comes between confirmation and the first words that
// customers read.
func readFirstPost(o object, p *Policy) {
	hold, late := o.get("hold"), o.get("first_post")
	set(hold, holdSpan, &p.Hold)
	late.orNone(firstPostSpan, &p.FirstPost)
	o.get("approve").approve(&p.Approve, "required", "none")
	switch {
	case p.FirstPost == 0 || p.Hold <= p.FirstPost:
	case hold.given():
		hold.mistake("the first post would be late before it may go out: want at most first_post, which is %s, or a longer first_post; found %s", spell(p.FirstPost), spell(p.Hold))
	case late.given():
		late.mistake("the first post would be late before it may go out: want at least the hold, which is %s, or a shorter hold; found %s", spell(p.Hold), spell(p.FirstPost))
	}
}

// readCalls reads who is called when, and what stops it.
func readCalls(s Severity, o object, p *Policy) {
	o.get("ack").within(ackSpan, &p.Ack)
	o.get("ack_lapse").orNone(lapseSpan, &p.AckLapse)
	readPaging(o.get("page"), &p.Page)
	if v := o.get("escalate"); v.given() {
		p.Escalate = readEscalations(v)
	}
	if hours, ok := o.get("hours").oneOf([]string{"always", "business"}); ok {
		p.Business = hours == "business"
		if p.Business && s >= P1 {
			o.get("hours").mistake("%s waits for no working hours: it is down at night, too; want always, or leave it out", s)
		}
	}
	for _, key := range []string{"page", "escalate", "ack"} {
		if v := o.get(key); v.given() && p.Pos == (Pos{}) {
			p.Pos = v.pos()
		}
	}
}

func readPaging(v value, p *Paging) {
	if v.says("none") {
		*p = Paging{}
		return
	}
	o, ok := v.object(pagingShape)
	if !ok {
		return
	}
	set(o.get("repeat"), repeatSpan, &p.Repeat)
	if to, ok := o.get("to").id(OnCall); ok {
		p.To = to
	}
	switch {
	case p.Repeat == 0 && !o.get("repeat").given():
		o.mistake("nobody would be paged: say how often with repeat: 15m, or write page: none")
	case p.To == "":
		p.To = OnCall
	}
}

func readEscalations(v value) []Escalation {
	items, _ := v.list("[" + escalationShape.example + "]")
	var all []Escalation
	for _, item := range items {
		item.name = "escalation"
		o, ok := item.object(escalationShape)
		if !ok {
			continue
		}
		e := Escalation{Unless: UnlessAcknowledged}
		after := o.need("after", "after: 30m")
		e.After, ok = after.duration(escalateSpan)
		if last := len(all) - 1; ok && last >= 0 && e.After < all[last].After {
			after.mistake("this is called before the one above it, after %s: put them in the order in which they are called", spell(all[last].After))
		}
		e.To, _ = o.need("to", "to: cto").id("cto")
		if unless, ok := o.get("unless").oneOf([]string{UnlessAcknowledged, UnlessResolved}); ok {
			e.Unless = unless
		}
		all = append(all, e)
	}
	return all
}

// readRemind reads how long before a promise is due somebody is reminded of it.
// What nobody wrote fits a cadence that somebody made faster.
func readRemind(v value, p *Policy) {
	v.orNone(remindSpan, &p.Remind)
	for _, s := range p.Cadence {
		switch {
		case s.Every == 0 || p.Remind < s.Every:
		case v.given():
			v.mistake("it would be given as soon as the promise is made: want less than the time between two posts, which is %s; found %s", spell(s.Every), spell(p.Remind))
			return
		default:
			p.Remind = (s.Every / 3).Truncate(time.Second)
		}
	}
}

func readPostMortem(v value, to *time.Duration) {
	if v.says("none") {
		*to = 0
		return
	}
	if o, ok := v.object(postMortemShape); ok {
		set(o.need("due", "due: 48h, or write postmortem: none"), dueSpan, to)
	}
}

// approve reads whether posts wait for a person.
func (v value) approve(to *bool, words ...string) {
	s, ok := v.scalar("required")
	switch {
	case !ok:
	case !slices.Contains(words, s):
		v.mistake("want %s; found %q", strings.Join(words, " or "), shorten(s))
	default:
		*to = s == "required"
	}
}

// says reports whether a value is that word.
func (v value) says(word string) bool {
	if !v.given() {
		return false
	}
	n, _ := v.src.plain(v.node)
	s, ok := n.(*ast.StringNode)
	return ok && s.Value == word
}

// orNone overrides a duration, which the word none switches off.
func (v value) orNone(sp span, to *time.Duration) {
	if v.says("none") {
		*to = 0
	} else if t, ok := v.stretch(sp, " or none", sp.has); ok {
		*to = t
	}
}

// within overrides a limit on time.
func (v value) within(sp span, to *Within) {
	if v.says("none") {
		*to = Within{}
		return
	}
	s, ok := v.scalar(sp.example)
	if !ok {
		return
	}
	if m := businessDays.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1])
		*to = Within{Days: n}
	} else if t, ok := v.stretch(sp, ", business days (1bd to 30bd) or none", sp.has); ok {
		*to = Within{Time: t}
	}
}
