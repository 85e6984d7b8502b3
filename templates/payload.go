package templates

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	text "text/template"
	syntax "text/template/parse"
	"time"
	"unicode"
	"unicode/utf8"
)

// Payload is what a JSON template is executed with: one thing that another
// service is told, an update or a call to people. Everything in it is short
// enough for any of them, and free of characters that nobody sees.
type Payload struct {
	Action string // what pagers do: "trigger", "acknowledge", "resolve"; "" of an update between: nothing
	Kind   string // "paged", "escalated", "reminded", "acknowledged", "over"; of an update "created", "updated", "resolved"
	Call   bool   // it calls people; else it is an update

	Private bool // customers read nothing of the incident: only where to look is said
	Inside  bool // customers do not read the update

	ID       string // of the message, the same whenever it is sent again
	Incident string // "INC-2026-0001"
	Number   int    // of the update or the notice
	Severity string // "P0" …
	State    string // of the incident, as Incident.State
	Status   string // as Incident.Status; "" of a call
	Line     string // one line for a small screen: how bad, where, what
	Title    string // one line: what is wrong
	Text     string // several lines, for people
	Summary  string // what was measured; "" of an update

	Organisation string
	Component    string
	Regions      []string // names
	AllRegions   bool
	To           []string // names of who is called
	Acked        string   // name of who has acknowledged

	At, Began, Detected, Next, AckBy time.Time

	URL   string // where to look: the console for a call, the page for an update; "" if neither is known
	Links []Link

	Topic string // ntfy: what subscribers listen to
	Token string // pagerduty: the integration's key
}

// Link is an address with what to call it.
type Link struct{ Text, Href string }

// The most that a payload's fields hold, in bytes.
const (
	payloadLine    = 400
	payloadName    = 100
	payloadText    = 6000
	payloadLines   = 60 // not bytes, and neither is the next
	payloadNames   = 20
	payloadAddress = 1000
)

// Payload executes a JSON template, "pagerduty.json". What it gives is JSON, an
// object without spaces.
func (s *Set) Payload(name string, p Payload) ([]byte, error) {
	out := s.limited()
	if err := s.json.ExecuteTemplate(out, name, p); err != nil {
		return nil, named(name, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, out.Bytes()); err != nil {
		return nil, fmt.Errorf("%s: what it gives is not JSON: %w%s", name, err, nearby(out.Bytes(), err))
	}
	if b := compact.Bytes(); len(b) == 0 || b[0] != '{' {
		return nil, fmt.Errorf("%s: what it gives is not a JSON object: begin it with { and end it with }", name)
	}
	return compact.Bytes(), nil
}

// nearby shows where JSON ceases to be JSON.
func nearby(doc []byte, err error) string {
	e, ok := errors.AsType[*json.SyntaxError](err)
	if !ok || e.Offset < 1 || int(e.Offset) > len(doc) {
		return ""
	}
	return fmt.Sprintf(", near %q", strings.ToValidUTF8(string(doc[max(0, e.Offset-30):min(len(doc), int(e.Offset)+10)]), ""))
}

// CallPayload tells of a call to people. Of a private incident the service
// learns that there is one, how bad, and where to look: neither what it is about
// nor who works on it.
func (s *Set) CallPayload(n Notice) (Payload, error) {
	action := n.action()
	if n.Private {
		n = Notice{
			ID: n.ID, Number: n.Number, Kind: n.Kind, At: n.At, Private: true, State: n.State, Severity: n.Severity,
			Component: "incident", Title: "see the console", To: []string{cmp.Or(oneline(n.Role), "those on duty")}, Step: n.Step,
			Due: n.Due, AckBy: n.AckBy, Acked: n.Acked, Console: n.Console,
		}
		if n.Acked != "" {
			n.Acked = "Somebody"
		}
	}
	n = n.tame()
	p := Payload{
		Action: action, Kind: n.Kind, Call: true, Private: n.Private,
		Incident: n.ID, Number: n.Number, Severity: n.Severity, State: n.State,
		Line: lineOf(n.First()), Title: cmp.Or(n.Title, "problems"), Summary: n.Summary,
		Component: n.Component, Regions: n.Regions, AllRegions: n.AllRegions, To: n.To, Acked: n.Acked,
		At: n.At, Began: n.Began, Detected: n.Detected, Next: n.Due, AckBy: n.AckBy, URL: address(n.Console),
	}
	p.link("Console", n.Console)
	p.link("War room", n.WarRoom)
	p.link("Runbook", n.Runbook)
	p.link("SigNoz", n.SigNoz)
	said, err := s.Notice(n)
	if err != nil {
		p.Text = p.Line
		return p, err
	}
	p.Text = prose(said)
	if _, rest, _ := strings.Cut(p.Text, "\n"); rest != "" {
		p.Text = strings.TrimSpace(rest) // what is above it is Line
	}
	return p, nil
}

// UpdatePayload tells of an update. inside says that customers do not read it.
func (s *Set) UpdatePayload(page Public, i Incident, u Update, inside bool) (Payload, error) {
	page.Organisation = nameOf(page.Organisation)
	i.Updates = slices.Clone(i.Updates)
	for n, e := range i.Updates {
		i.Updates[n] = e.tame()
	}
	i, u = i.tame(), u.tame()
	post := postOf(page, i, u)
	p := Payload{
		Action: post.action(), Kind: "updated", Inside: inside,
		Incident: lineOf(i.ID), Number: u.Number, Severity: u.Severity, State: u.State, Status: u.Status,
		Line:         lineOf(strings.TrimSpace(oneline(u.Severity) + " " + post.State() + ": " + post.Title())),
		Title:        lineOf(post.Title()),
		Organisation: page.Organisation, Component: nameOf(post.component()), Regions: namesOf(names(u.Regions)), AllRegions: u.AllRegions,
		At: u.Said, Began: i.Began, Detected: i.Detected, Next: u.Next,
	}
	switch {
	case u.State == "resolved":
		p.Kind = "resolved"
	case u.Number == 1:
		p.Kind = "created"
	}
	if page.URL != "" && !inside {
		p.URL = address(strings.TrimRight(page.URL, "/") + "/incidents/" + i.ID + ".html")
		p.link("Status page", p.URL)
	}
	said, err := s.Body(page, i, u)
	if err != nil {
		p.Text = p.Line
		return p, err
	}
	p.Text = prose(said)
	return p, nil
}

// tame gives a notice whose words are short and visible.
func (n Notice) tame() Notice {
	n.ID, n.Title, n.Summary = lineOf(n.ID), lineOf(n.Title), lineOf(n.Summary)
	n.Component, n.Role, n.Acked = nameOf(n.Component), nameOf(n.Role), nameOf(n.Acked)
	n.Regions, n.To = namesOf(n.Regions), namesOf(n.To)
	n.Console, n.WarRoom, n.Runbook, n.SigNoz = address(n.Console), address(n.WarRoom), address(n.Runbook), address(n.SigNoz)
	return n
}

// tame gives an incident, less its updates, whose words are short and visible.
func (i Incident) tame() Incident {
	i.ID, i.Symptom, i.Workaround, i.Integrity = lineOf(i.ID), lineOf(i.Symptom), lineOf(i.Workaround), lineOf(i.Integrity)
	i.Component.Name, i.Component.ID = nameOf(i.Component.Name), nameOf(i.Component.ID)
	i.Regions = tameRegions(i.Regions)
	return i
}

// tame gives an update whose words are short and visible.
func (u Update) tame() Update {
	u.Symptom, u.Impact = lineOf(u.Symptom), lineOf(u.Impact)
	u.Workaround, u.Integrity, u.Text = lineOf(u.Workaround), lineOf(u.Integrity), prose(u.Text)
	u.Regions, u.Also = tameRegions(u.Regions), namesOf(u.Also)
	return u
}

func tameRegions(regions []Region) []Region {
	var out []Region
	for _, r := range regions[:min(len(regions), payloadNames)] {
		out = append(out, Region{Code: nameOf(r.Code), Name: nameOf(r.Name)})
	}
	return out
}

// action says what a call is to a pager, as things stand when it goes out: one
// that was held up rings for nobody once somebody is on it, or it is over.
func (n Notice) action() string {
	switch {
	case n.Over() || n.Kind == "over":
		return "resolve"
	case n.Kind == "acknowledged" || n.Kind == "paged" && n.Acked != "":
		return "acknowledge"
	default:
		return "trigger"
	}
}

// action says what an update is to a pager. The first rings; of the later ones
// those that say that it is worse than ever, or there again after its end: a
// channel that hears of the worst alone hears of it then for the first time.
func (p Post) action() string {
	if p.Update.State == "resolved" {
		return "resolve"
	}
	earlier := slices.DeleteFunc(slices.Clone(p.Incident.Updates), func(e Update) bool { return e.Number >= p.Update.Number })
	if len(earlier) == 0 || p.before == "resolved" {
		return "trigger"
	}
	for _, e := range earlier {
		if e.Severity <= p.Update.Severity { // P0 is the worst
			return ""
		}
	}
	return "trigger"
}

func (p *Payload) link(text, href string) {
	if href = address(href); href != "" {
		p.Links = append(p.Links, Link{text, href})
	}
}

// lineOf gives words on one line.
func lineOf(s string) string { return clip(payloadLine, oneline(unhidden(clip(4*payloadLine, s)))) }

func nameOf(s string) string { return clip(payloadName, lineOf(s)) }

func namesOf(list []string) []string {
	out := []string{}
	for _, s := range list[:min(len(list), payloadNames)] {
		if s = nameOf(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// prose gives words of several lines.
func prose(s string) string {
	said := clip(payloadText, strings.TrimSpace(tidy(unhidden(clip(4*payloadText, s)))))
	if lines := strings.Split(said, "\n"); len(lines) > payloadLines {
		return strings.Join(append(lines[:payloadLines-1], "…"), "\n")
	}
	return said
}

// address gives an address that may be shown as a link; "" of anything else.
func address(s string) string {
	if len(s) > payloadAddress || s != unhidden(s) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}

// unhidden takes out what nobody sees: characters that turn the direction of the
// text or take no room, with which words can pass for others, and control
// characters but line breaks. What joins letters, as in Hindi or in emoji, stays.
func unhidden(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\u200c' || r == '\u200d':
			return r
		case r == '\t', r == '\r', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// clip shortens s to at most n bytes, at a whole character, and shows that it
// did.
func clip(n int, s string) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:max(0, n-len(mark))], "") + mark
}

// jsonFunctions gives what JSON templates may call: json, which alone may insert
// a value, and what the words have.
func jsonFunctions(z times) map[string]any {
	m := functions(z)
	maps.Copy(m, map[string]any{
		"json":  bounded("json", encode),
		"clip":  bounded("clip", clip),
		"plain": bounded("plain", plain),
	})
	return m
}

// plain takes the meaning out of markup, for services that render HTML.
func plain(s string) string {
	return strings.NewReplacer("<", "‹", ">", "›", "&", "+").Replace(s)
}

// encode writes a value as JSON. A time that is not known is null. Whole values
// are refused, since they would tell all that they hold.
func encode(v any) (string, error) {
	v, err := simple(v)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is never read as HTML, and lengths count
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func simple(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int, int64, float64, []string:
		return v, nil
	case string:
		return strings.ToValidUTF8(v, ""), nil
	case time.Time:
		if v.IsZero() {
			return nil, nil
		}
		return iso(v), nil
	case []any:
		out := []any{}
		for _, x := range v {
			x, err := simple(x)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			x, err := simple(x)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	default:
		return nil, fmt.Errorf("json of a %T: want a text, a number, a time, or a list of texts", v)
	}
}

// parseJSON adds a JSON template. A value that is inserted as it is, and could
// so become part of the document's form, is a mistake.
func (s *Set) parseJSON(name, content string) error {
	if s.json == nil {
		s.json = text.New("").Funcs(jsonFunctions(s.times))
	}
	t, err := s.json.New(name).Parse(content)
	if err != nil {
		return err
	}
	for _, t := range t.Templates() {
		if t.Tree == nil || t.ParseName != name {
			continue
		}
		if err := inserts(t.Tree, t.Root); err != nil {
			return err
		}
	}
	return nil
}

// inserts finds a value that does not go through json.
func inserts(tree *syntax.Tree, node syntax.Node) error {
	branch := func(b *syntax.BranchNode) error {
		if err := inserts(tree, b.List); err != nil || b.ElseList == nil {
			return err
		}
		return inserts(tree, b.ElseList)
	}
	switch n := node.(type) {
	case *syntax.ListNode:
		for _, x := range n.Nodes {
			if err := inserts(tree, x); err != nil {
				return err
			}
		}
	case *syntax.IfNode:
		return branch(&n.BranchNode)
	case *syntax.RangeNode:
		return branch(&n.BranchNode)
	case *syntax.WithNode:
		return branch(&n.BranchNode)
	case *syntax.ActionNode:
		last := n.Pipe.Cmds[len(n.Pipe.Cmds)-1]
		if f, ok := last.Args[0].(*syntax.IdentifierNode); len(n.Pipe.Decl) == 0 && (!ok || f.Ident != "json") {
			place, _ := tree.ErrorContext(n)
			return fmt.Errorf("template: %s: %s is inserted as it is, and can break the document: write {{json …}}", place, n)
		}
	}
	return nil
}

// tryPayloads executes every JSON template with nothing, with all there can be,
// and with values that try to break it.
func (s *Set) tryPayloads(files map[string]string) error {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(file) != ".json" || catalogueName.MatchString(file) {
			continue
		}
		for _, p := range s.trials() {
			if _, err := s.Payload(file, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// trials gives payloads of every action and kind, empty, full and hostile.
func (s *Set) trials() []Payload {
	at := time.Date(2026, 5, 20, 10, 32, 0, 0, time.UTC)
	hostile := `"},{"a":"\` + "\n\u0000\u202e{{.Token}}</script>'\xff"
	full := func(text string) Payload {
		return Payload{
			Private: true, Inside: true, ID: text, Incident: text, Number: 2, Severity: "P0", State: text, Status: text, Line: text,
			Title: text, Text: text, Summary: text, Organisation: text, Component: text, Regions: []string{text, text}, AllRegions: true,
			To: []string{text, text}, Acked: text, At: at, Began: at, Detected: at, Next: at, AckBy: at, URL: text,
			Links: []Link{{text, text}, {text, text}, {text, text}, {text, text}}, Topic: text, Token: text,
		}
	}
	var all []Payload
	for _, p := range []Payload{{}, full("some words"), full(hostile)} {
		for _, call := range []bool{true, false} {
			kinds := []string{"created", "updated", "resolved"}
			if call {
				kinds = []string{"paged", "escalated", "reminded", "acknowledged", "over"}
			}
			for _, kind := range kinds {
				for _, action := range []string{"trigger", "acknowledge", "resolve", ""} {
					p.Call, p.Kind, p.Action = call, kind, action
					all = append(all, p)
				}
				p.Private = !p.Private
			}
		}
	}
	return all
}
