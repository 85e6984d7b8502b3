package rules

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// deskMistakes are those in what is written for people on call: what a severity
// asks of them, who they are, and what they do.
const (
	hook   = "channels: {h: {type: webhook, url: \"https://x\", secret_file: x}}\n"
	person = "people: {ana: {roles: [on-call], reach: [h]}}\n"
	list   = "checklists:\n  - id: a\n    title: A\n"
	steps  = "    steps: [{id: s, text: Look}]\n"
)

var deskMistakes = []mistakeTest{
	// severities
	{"a hold of days", "severities: {P0: {hold: «2d»}}", "whole seconds from 0s to 24h"},
	{"a hold longer than the first post may take", "severities: {P0: {hold: «6m»}}", "want at most first_post, which is 5m, or a longer first_post; found 6m"},
	{"a first post before the hold is over", "severities: {P0: {first_post: «1m»}}", "want at least the hold, which is 2m, or a shorter hold; found 1m"},
	{"a first post without a unit", "severities: {P0: {first_post: «5»}}", "or none, as in 5m; found 5 without a unit"},
	{"an approval that is a truth value", "severities: {P0: {approve: «true»}}", `want required or none; found "true"`},
	{"an acknowledgement in days of business and hours", "severities: {P2: {ack: «1bd2h»}}", "from 1m to 30d, business days (1bd to 30bd) or none, as in 5m"},
	{"an acknowledgement after months of business", "severities: {P2: {ack: «31bd»}}", "business days (1bd to 30bd)"},
	{"an acknowledgement that lapses at once", "severities: {P0: {ack_lapse: «0s»}}", "from 1m to 7d or none"},
	{"a page that is a word", "severities: {P0: {page: «often»}}", "as in {repeat: 5m, to: on-call} or none"},
	{"a page that says nothing", "severities: {P2: {page: «{»to: cto}}}", "nobody would be paged: say how often with repeat: 15m"},
	{"a page every second", "severities: {P0: {page: {repeat: «1s»}}}", "from 1m to 24h"},
	{"a page by another name", "severities: {P0: {page: {«every»: 5m}}}", "is called repeat"},
	{"a page to a name that is none", "severities: {P0: {page: {to: «The CTO»}}}", "small letters, digits and hyphens"},
	{"an escalation that is a mapping", "severities: {P0: {escalate: «{after: 30m, to: cto}»}}", "want a list, as in [{after: 30m, to: cto, unless: resolved}]"},
	{"an escalation to nobody", "severities: {P0: {escalate: [«{»after: 30m}]}}", "to is missing"},
	{"an escalation at no time", "severities: {P0: {escalate: [«{»to: cto}]}}", "after is missing"},
	{"an escalation unless something else", "severities: {P0: {escalate: [{after: 30m, to: cto, unless: «acked»}]}}", "want one of acknowledged resolved"},
	{"an escalation before the one above it", "severities: {P0: {escalate: [{after: 1h, to: cto}, {after: «30m», to: ceo}]}}", "before the one above it, after 1h"},
	{"a war room that is one", "severities: {P0: {war_room: «yes»}}", "as in 15m"},
	{"hours of business at P0", "severities: {P0: {hours: «business»}}", "P0 waits for no working hours"},
	{"hours of business at P1", "severities: {P1: {hours: «business»}}", "P1 waits for no working hours"},
	{"unknown hours", "severities: {P2: {hours: «busines»}}", `did you mean "business"?`},
	{"a reminder as soon as the promise is made", "severities: {P0: {cadence: [{every: 15m}], remind: «15m»}}", "want less than the time between two posts, which is 15m"},
	{"a post-mortem by a time alone", "severities: {P0: {postmortem: «48h»}}", "want a mapping, as in {due: 48h} or none"},
	{"a post-mortem that is never due", "severities: {P0: {postmortem: «{}»}}", "due is missing"},
	{"a goal that is none", "severities: {P0: {resolve_goal: «soon»}}", "from 1m to 90d, business days"},
	{"a cadence on something else", "severities: {P3: {cadence: [{on: «monitoring»}]}}", "want one of opened resolved"},
	{"a cadence by the clock and on resolution", "severities: {P3: {cadence: [«{»on: resolved}, {every: 1h}]}}", "write [{on: opened}, {on: resolved}] or one of them alone"},
	{"a cadence by the clock and on opening", "severities: {P3: {cadence: [«{»on: opened}, {every: 1h}]}}", "write [{on: opened}, {on: resolved}] or one of them alone"},
	{"a cadence on resolution twice", "severities: {P3: {cadence: [{on: resolved}, {on: «resolved»}]}}", "resolved stands twice"},
	{"a step on opening for a time", "severities: {P3: {cadence: [«{»on: opened, for: 1h}]}}", "their beginning and end are told anyway"},
	{"a step by the clock and on resolution", "severities: {P3: {cadence: [«{»on: resolved, every: 1h}]}}", "or one of them alone"},
	{"a step of neither", "severities: {P3: {cadence: [«{»for: 1h}, {every: 1h}]}}", "every is missing"},
	{"a witness of a severity", "severities: {P0: {«confirm_with»: [x]}}", "belongs to a rule's level"},
	{"an approval of a rule", rate + ok + "    «approve»: required", "belongs to public: public: {approve: required}"},
	{"a rule that takes an approval back", rate + ok + "    public: {approve: «none»}", `want required; found "none"`},

	// people
	{"people as a list", "people: «[ana]»", "want a mapping, as in {ana:"},
	{"a person with capitals", "people: {«Ana»: {name: Ana}}", "small letters, digits and hyphens, as in ana"},
	{"a person of two lines", "people: {ana: {name: «\"Ana\\nRuiz\"»}}", "want one line"},
	{"a person without letters", "people: {ana: {name: «\" \"»}}", "nothing stands here"},
	{"a person with a phone", "people: {ana: {«phone»: \"+49\"}}", "is a channel's matter"},
	{"a person with one role", "people: {ana: {roles: «on-call»}}", "want a list, as in [on-call]"},
	{"a person without roles", "people: {ana: {roles: «[]»}}", "the list is empty"},
	{"a role that stands twice", "people: {ana: {roles: [cto, «cto»]}}", "cto stands twice"},
	{"a role that is a person", "people: {ana: {roles: [«ben»]}, ben: {}}", "ben is a person, too"},
	{"a reach that customers read", "people: {ana: {reach: [«status»]}}", "status is a page, which customers read"},
	{"a reach that nobody declared", hook + "people: {ana: {reach: [h, «page»]}}", `unknown channel "page": want one of h; declare a channel of type webhook, slack or email under channels: in t.yaml`},
	{"a reach that is a tracker", track + "people: {ana: {reach: [«t»]}}", "t is a tracker, in which nobody is woken"},
	{"a reach that customers read, by webhook", "channels: {h: {type: webhook, format: statuspage, url: \"https://x\", secret_file: x, severities: [P0]}}\npeople: {ana: {reach: [«h»]}}", "posts what a status page says"},
	{"a reach by mail without an address", post + "people: {ana: {reach: [«e»]}}", "e sends mail, and nobody said where to: add email: ana@example.com to ana"},
	{"a reach by Slack without a name there", chat + "people: {ana: {reach: [«s»], email: a@x}}", "nobody said which: add slack: U0123ABCD to ana"},
	{"a reach by mail with an address that is none", post + "people: {ana: {reach: [e], email: «ana»}}", "want an address alone, as in ana@example.com"},
	{"a reach by Slack with a name", chat + "people: {ana: {reach: [s], slack: «\"@ana\"»}}", "want the person's ID in Slack, as in U0123ABCD"},
	{"a person with a name beside the address", "people: {ana: {email: «\"Ana <ana@example.com>\"»}}", "want an address alone"},
	{"a reach that stands twice", hook + "people: {ana: {reach: [h, «h»]}}", "h stands twice"},

	// business
	{"business on no day", "business: {days: «[]»}", "the list is empty"},
	{"business on a day that is none", "business: {days: [mon, «moon»]}", `unknown day "moon"`},
	{"business that ends before it begins", "business: {from: \"18:00\", to: «\"09:00\"»}", "it is from 18:00 to 09:00"},
	{"business that begins after its usual end", "business: {from: «\"19:00\"»}", "it is from 19:00 to 18:00"},
	{"business at no time", "business: {to: «noon»}", "want a time of day"},
	{"business in a zone that is none", "business: {zone: «Europe/Berln»}", "time zone"},
	{"a holiday that is none", "business: {holidays: [«2026-02-30»]}", "want days that the calendar has"},
	{"a holiday that stands twice", "business: {holidays: [2026-12-25, «2026-12-25»]}", "2026-12-25 stands twice"},
	{"business by another name", "«business_hours»: {}", "is called business"},

	// console
	{"a console that is no address", "console: {url: «tocsin»}", "begins with https://"},
	{"a war room that is no address", "console: {war_room: «\"#incidents\"»}", "begins with https://"},
	{"a link without a title", "console: {links: [«{»url: \"https://x\"}]}", "title is missing"},
	{"a link without an address", "console: {links: [«{»title: X}]}", "url is missing"},

	// values of regions
	{"a value with capitals", "regions: [{code: eu, values: {«Host»: x}}]", "small letters, digits and underscores"},
	{"a value that is there already", "regions: [{code: eu, values: {«region»: x}}]", "{{region}} is there already"},
	{"a value of two lines", "regions: [{code: eu, values: {host: «\"a\\nb\"»}}]", "want one line"},
	{"a value that is a secret", "regions: [{code: eu, values: {«password»: hunter2}}]", "secrets never stand in this file"},
	{"a value that is no value", "regions: [{code: eu, «host»: x}]", "belongs to values"},

	// checklists
	{"a checklist without an id", "checklists:\n  - «title»: A\n" + steps, "id is missing"},
	{"a checklist without a title", "checklists:\n  - «id»: a\n" + steps, "title is missing"},
	{"a checklist without steps", "checklists:\n  - «id»: a\n    title: A\n", "steps is missing"},
	{"a checklist with no step", list + "    steps: «[]»", "the list is empty: add a step"},
	{"a checklist that stands twice", list + steps + "  - id: «a»\n    title: A\n" + steps, `"a" is used twice: first at t.yaml:2:9`},
	{"a checklist with the name of what is made up", "checklists:\n  - id: «own»\n    title: A\n" + steps, "take another name"},
	{"a checklist for nothing", list + steps + "    for: «{}»", "want at least one condition"},
	{"a checklist for an unknown rule", list + steps + "    for: {rules: [«silent-regio»]}", `did you mean "silent-region"?`},
	{"a checklist for rules that there are not", list + steps + "    for: {rules: [«xyz-*»]}", `no rule matches "xyz-*"`},
	{"a checklist for an unknown component", api + list + steps + "    for: {components: [«apo»]}", `did you mean "api"?`},
	{"a checklist for an unknown signal", list + steps + "    for: {signals: [«errors»]}", "unknown signal"},
	{"a checklist for an unknown severity", list + steps + "    for: {severities: [«P9»]}", `unknown severity "P9"`},
	{"a checklist for a severity twice", list + steps + "    for: {severities: [P0, «P0»]}", "P0 stands twice"},
	{"a checklist for a topic that is none", list + steps + "    for: {topics: [«Data Base»]}", "small letters"},
	{"a checklist for regions", list + steps + "    for: {topics: [x], «regions»: [eu]}", "are not asked"},
	{"a condition beside for", list + steps + "    «topics»: [x]", "belongs to for"},
	{"a step without an id", list + "    steps: [«{»text: Look}]", "id is missing"},
	{"a step without a text", list + "    steps: [«{»id: s}]", "text is missing"},
	{"a step that stands twice", list + "    steps: [{id: s, text: Look}, {id: «s», text: Look}]", `"s" is used twice: first at t.yaml:4:18`},
	{"a step that is seen by nobody", list + "    steps: [{id: s, text: Look, seen: «probe_good»}]", `did you mean "probes_good"?`},
	{"a command with a control character", list + "    steps: [{id: s, text: Look, command: «\"a\\tb\"»}]", "a control character"},
	{"a command without end", list + "    steps: [{id: s, text: Look, command: «\"" + longText + "\"»}]", "want at most 4000 characters; found 4001"},
	{"a link that is none", list + "    steps: [{id: s, text: Look, link: «wiki/x»}]", "or a region's value, as in {{console}}"},
	{"a link with a placeholder that is none", list + "    steps: [{id: s, text: Look, link: «\"https://{{The Host}}/x\"»}]", "begins with https://"},
}

var longText = strings.Repeat("x", 4001)

func TestHowSeveritiesAreLaidOver(t *testing.T) {
	c := parse(t, "severities:\n  P0: {cadence: []}\n  P1: {cadence: [{for: 1h, every: 6m}, {every: 20m}], page: {to: ana}}\n"+
		"  P2: {cadence: [{on: resolved}], hours: always, approve: required}\n  P3: {cadence: [{every: 1h}]}\n")
	built := DefaultPolicies()
	if p := c.Policies[P0]; len(p.Cadence) != 0 || p.OnResolved || p.Remind != built[P0].Remind || p.Pos != (Pos{}) {
		t.Errorf("P0 is %+v", p)
	}
	if p := c.Policies[P1]; p.Page != (Paging{"ana", 15 * time.Minute}) || p.Remind != 2*time.Minute || p.Pos.Line != 3 {
		t.Errorf("P1 is %+v", p)
	}
	if p := c.Policies[P2]; len(p.Cadence) != 0 || !p.OnResolved || p.Business || !p.Approve || p.Hold != built[P2].Hold {
		t.Errorf("P2 is %+v", p)
	}
	if p := c.Policies[P3]; p.Every(0) != time.Hour || p.OnResolved || p.Ack != (Within{Days: 1}) {
		t.Errorf("P3 is %+v", p)
	}
	if diff := cmp.Diff(built[P4], c.Policies[P4]); diff != "" {
		t.Error(diff)
	}
}

func TestWhoIsCalled(t *testing.T) {
	c := parse(t, hook+"people:\n  ana: {roles: [on-call, cto], reach: [h]}\n  ben: {name: Ben, roles: [on-call]}\n")
	for to, want := range map[string][]string{"on-call": {"ana", "ben"}, "cto": {"ana"}, "ben": {"ben"}, "vp-eng": nil, "": nil} {
		var got []string
		for _, p := range c.Who(to) {
			got = append(got, p.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q means %v, want %v", to, got, want)
		}
	}
	if p, ok := c.Person("ben"); !ok || p.Name != "Ben" || len(p.Reach) > 0 {
		t.Errorf("ben is %+v", p)
	}
	if p, ok := c.Person("ana"); !ok || p.Name != "ana" {
		t.Errorf("ana is %+v", p)
	}
	if _, ok := c.Person("cto"); ok {
		t.Error("a role is no person")
	}
}

// Business is counted by the clocks of the file, if nobody says otherwise.
func TestTheCalendarOfAConfiguration(t *testing.T) {
	if c := Default(); c.Business.Zone != time.UTC || len(c.Business.Days) != 5 {
		t.Errorf("%+v", c.Business)
	}
	c := parse(t, "zone: Europe/Berlin")
	if c.Business.Zone.String() != "Europe/Berlin" || c.Business.From != 9*time.Hour || c.Business.To != 18*time.Hour {
		t.Errorf("%+v", c.Business)
	}
	c = parse(t, "business: {days: [sat], to: \"24:00\"}\nzone: Europe/Berlin")
	if c.Business.Zone.String() != "Europe/Berlin" || len(c.Business.Days) != 1 || c.Business.To != 24*time.Hour {
		t.Errorf("%+v", c.Business)
	}
	if c = parse(t, "business: {zone: Asia/Kolkata}\nzone: Europe/Berlin"); c.Business.Zone.String() != "Asia/Kolkata" {
		t.Errorf("%+v", c.Business)
	}
}

func TestFill(t *testing.T) {
	r := Region{Code: "eu", Name: "Europe", Values: map[string]string{"host": "203.0.113.7", "api": "api.{{host}}.example.com"}}
	for _, test := range []struct {
		name, text, want string
		missing          []string
	}{
		{"nothing to fill in", "docker compose ps", "docker compose ps", nil},
		{"a value", "ssh deploy@{{host}}", "ssh deploy@203.0.113.7", nil},
		{"with blanks", "ssh {{ host }}", "ssh 203.0.113.7", nil},
		{"the region itself", "{{region}} {{region_name}}", "eu Europe", nil},
		{"what there is no value for", "cd {{deploy}} && ls {{deploy}} {{x}}", "cd <deploy> && ls <deploy> <x>", []string{"deploy", "x"}},
		{"a value is not filled itself", "{{api}}", "api.{{host}}.example.com", nil},
		{"what docker means", "docker ps --format '{{.Names}} {{ Names }}'", "docker ps --format '{{.Names}} {{ Names }}'", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, missing := r.Fill(test.text)
			if got != test.want || !slices.Equal(missing, test.missing) {
				t.Errorf("%q, missing %v", got, missing)
			}
		})
	}
}

func TestOnWhichIncidentsAChecklistStands(t *testing.T) {
	pool := Rule{ID: "pool-wait", Component: "database", Signal: Signal{Kind: KindQuantile, Quantile: 9900}}
	said := Rule{Component: "database"} // by a person
	for _, test := range []struct {
		name  string
		f     string
		rule  Rule
		s     Severity
		topic string
		want  bool
	}{
		{"its rule", "{rules: [pool-wait]}", pool, P2, "", true},
		{"a glob of its rule", "{rules: [\"pool-*\"]}", pool, P2, "", true},
		{"another rule", "{rules: [silent-region]}", pool, P2, "", false},
		{"a rule, where a person said it", "{rules: [\"*\"]}", said, P2, "", false},
		{"any rule", "{rules: [\"*\"]}", pool, P2, "", true},
		{"all rules but its own", "{rules: {not: [pool-wait]}}", pool, P2, "", false},
		{"all rules but others", "{rules: {not: [silent-region]}}", pool, P2, "", true},
		{"its component", "{components: [database]}", pool, P2, "", true},
		{"its component, where a person said it", "{components: [database]}", said, P2, "", true},
		{"another component", "{components: [service]}", pool, P2, "", false},
		{"its signal, by another quantile", "{signals: [p50]}", pool, P2, "", true},
		{"another signal", "{signals: [error_rate, gauge]}", pool, P2, "", false},
		{"a signal, where a person said it", "{signals: [p99]}", said, P2, "", false},
		{"its severity", "{severities: [P1, P2]}", pool, P2, "", true},
		{"its severity, where a person said it", "{severities: [P2]}", said, P2, "security", true},
		{"another severity", "{severities: [P1]}", pool, P2, "", false},
		{"its rule at another severity", "{rules: [pool-wait], severities: [P1]}", pool, P2, "", false},
		{"its rule of another signal", "{rules: [pool-wait], signals: [gauge]}", pool, P2, "", false},
		{"its topic", "{topics: [security, database]}", said, P2, "database", true},
		{"another topic", "{topics: [security]}", said, P2, "database", false},
		{"a topic, where a rule opened it", "{topics: [database]}", pool, P2, "", false},
		{"its topic beside rules", "{rules: [silent-region], topics: [database]}", said, P2, "database", true},
		{"its rule beside topics", "{rules: [pool-wait], topics: [security]}", pool, P2, "", true},
		{"its topic at another severity", "{topics: [database], severities: [P1]}", said, P2, "database", false},
		{"its severity, of another topic", "{topics: [security], severities: [P2]}", said, P2, "database", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := parse(t, "packs: [runbooks, opentelemetry]\nprobes: [{id: x, type: tls, targets: {eu: \"x:443\"}}]\n"+list+steps+"    for: "+test.f)
			l, ok := c.Checklist("a")
			if !ok || !l.For.Asks() {
				t.Fatalf("%+v", l)
			}
			if got := l.For.Fits(test.rule, test.s, test.topic); got != test.want {
				t.Errorf("it fits: %v; %+v", got, l.For)
			}
		})
	}
	if (ChecklistFor{}).Fits(pool, P0, "") {
		t.Error("without a condition it stands nowhere by itself")
	}
}

// One's own checklist goes before a pack's, from whichever file.
func TestOnesOwnChecklists(t *testing.T) {
	const own = "checklists: [{id: latency, title: Ours, steps: [{id: look, text: Look}]}]"
	c := parse(t, "packs: [runbooks]", own)
	seen := map[string]int{}
	for _, l := range c.Checklists {
		seen[l.ID]++
		if seen[l.ID] > 1 {
			t.Errorf("%s stands twice", l.ID)
		}
	}
	if l, _ := c.Checklist("latency"); l.Title != "Ours" || c.Checklists[0].ID != "latency" || len(c.Checklists) < 10 {
		t.Errorf("%+v", c.Checklists)
	}
	if c := Default(); len(c.Checklists) > 0 {
		t.Errorf("the starter pack has checklists: %+v", c.Checklists)
	}
	_, err := Parse([]File{{"a.yaml", []byte(own)}, {"b.yaml", []byte(own)}})
	if all := Mistakes(err); len(all) != 1 || !strings.Contains(all[0].Msg, "first at a.yaml:1:19") {
		t.Errorf("%v", err)
	}
}

// A rule that a pack leaves out, for want of a probe, is no mistake of whoever
// names it.
func TestAChecklistForARuleThatIsLeftOut(t *testing.T) {
	parse(t, "packs: [runbooks]\n"+list+steps+"    for: {rules: [app-probe, \"app-*\", api-errors]}")
}

// What is written about people stands in the service's own file; checklists may
// stand in any.
func TestWherePeopleAreWritten(t *testing.T) {
	_, err := Parse([]File{{"a.yaml", nil}, {"b.yaml", []byte("people: {}\nbusiness: {}\nconsole: {}\n" + list + steps)}})
	all := Mistakes(err)
	if len(all) != 3 || !strings.Contains(all[0].Msg, `"people" belongs into the service's own file: move it to a.yaml`) {
		t.Errorf("%v", err)
	}
}

// The table in docs/rules.md is that of the built-in scale, and so are the values
// that the example puts there to be seen.
func TestTheBuiltInScaleIsShownAsItIs(t *testing.T) {
	body, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	built := DefaultPolicies()
	moments := func(p Policy) string {
		var all []string
		if p.OnOpened {
			all = append(all, "{on: opened}")
		}
		if p.OnResolved {
			all = append(all, "{on: resolved}")
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	row := func(key string, cell func(p Policy) string) {
		var line strings.Builder
		line.WriteString("| `" + key + "` |")
		for _, s := range Severities {
			line.WriteString(" `" + cell(built[s]) + "` |")
		}
		if !strings.Contains(string(body), line.String()+"\n") {
			t.Errorf("docs/rules.md has no row %s", line.String())
		}
	}
	orNone := func(d time.Duration) string {
		if d == 0 {
			return "none"
		}
		return spell(d)
	}
	within := func(w Within) string {
		if w.Days > 0 {
			return fmt.Sprintf("%dbd", w.Days)
		}
		return orNone(w.Time)
	}
	word := func(yes bool, is, isNot string) string {
		if yes {
			return is
		}
		return isNot
	}
	row("cadence", func(p Policy) string {
		if len(p.Cadence) == 0 {
			return moments(p)
		}
		return "[{every: " + spell(p.Every(0)) + "}]"
	})
	row("channels", func(p Policy) string { return "[" + strings.Join(p.Channels, ", ") + "]" })
	row("public", func(p Policy) string { return fmt.Sprint(p.Public) })
	row("hold", func(p Policy) string { return spell(p.Hold) })
	row("approve", func(p Policy) string { return word(p.Approve, "required", "none") })
	row("first_post", func(p Policy) string { return orNone(p.FirstPost) })
	row("ack", func(p Policy) string { return within(p.Ack) })
	row("ack_lapse", func(p Policy) string { return orNone(p.AckLapse) })
	row("page", func(p Policy) string {
		return word(p.Page.Repeat > 0, "{repeat: "+spell(p.Page.Repeat)+", to: "+p.Page.To+"}", "none")
	})
	row("war_room", func(p Policy) string { return orNone(p.WarRoom) })
	row("hours", func(p Policy) string { return word(p.Business, "business", "always") })
	row("remind", func(p Policy) string { return orNone(p.Remind) })
	row("postmortem", func(p Policy) string {
		return word(p.PostMortem > 0, fmt.Sprintf("{due: %.0fh}", p.PostMortem.Hours()), "none")
	})
	row("resolve_goal", func(p Policy) string { return within(p.ResolveGoal) })

	shown := example(t).Policies
	for s, p := range shown {
		p.Pos = Pos{}
		if s == P4 {
			p.Channels = built[s].Channels // the example has no log, and a tracker
		}
		shown[s] = p
	}
	if diff := cmp.Diff(built, shown); diff != "" {
		t.Errorf("the example shows other values than are built in: %s", diff)
	}
}

// Every duty that the runbooks give to people is a step of some list.
func TestThePacksChecklists(t *testing.T) {
	c := parse(t, "packs: [opentelemetry, runbooks]"+everyProbe)
	known := []string{"host", "deploy", "api", "app", "console"}
	for _, l := range c.Checklists {
		for _, glob := range append(slices.Clone(l.For.Rules.Any), l.For.Rules.Not...) {
			if !slices.ContainsFunc(c.Rules, func(r Rule) bool { return Glob(glob, r.ID) }) {
				t.Errorf("%s is for %s, which no pack has", l.ID, glob)
			}
		}
		if !l.For.Asks() {
			t.Errorf("%s stands on no incident by itself", l.ID)
		}
		for _, s := range l.Steps {
			if len(placeholders(s.Text)) > 0 {
				t.Errorf("%s/%s: values are put into commands and links only: %q", l.ID, s.ID, s.Text)
			}
			for _, key := range placeholders(s.Command + s.Link) {
				if !slices.Contains(known, key) {
					t.Errorf("%s/%s asks for the value %s, which the pack's first lines do not name", l.ID, s.ID, key)
				}
			}
		}
	}
	for _, s := range []Severity{P0, P1, P2, P3} {
		l, _ := c.Checklist("first-response")
		if got := l.For.Fits(Rule{Component: "x"}, s, ""); got != (s > P3) {
			t.Errorf("the first response stands on %s: %v", s, got)
		}
	}
	text := string(packFile("runbooks").Body)
	for duty := range strings.FieldsSeq("A03 A16 A17 A18 A19 A31 A32 A33 A34 A35 A37 A38 A39 A40 A41 A42 A43 A44 A45 A46 A49 A51 A52 A53 A54 A55 A56 A57 A58 B03 B08 B09 B11 B13 B14 B15 B24 B28 B29") {
		if !strings.Contains(text, duty) {
			t.Errorf("no step is %s", duty)
		}
	}
}

// The runbook's commands are shown as it has them, but for what differs by
// region.
func TestTheExamplesCommands(t *testing.T) {
	c := example(t)
	for _, r := range c.Regions {
		for _, l := range c.Checklists {
			for _, s := range l.Steps {
				for _, text := range []string{s.Command, s.Link} {
					if filled, missing := r.Fill(text); len(missing) > 0 || strings.Contains(filled, "{{") {
						t.Errorf("%s: %s/%s lacks %v", r.Code, l.ID, s.ID, missing)
					}
				}
			}
		}
	}
	eu, _ := c.Checklist("region-host")
	got, _ := c.Regions[2].Fill(eu.Steps[0].Command)
	if want := "ssh -i ~/.ssh/fs_ops deploy@203.0.113.13\ncd /opt/featuresignals"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
