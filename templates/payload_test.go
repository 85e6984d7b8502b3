package templates

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var payloadFiles = []string{"generic.json", "ntfy.json", "opsgenie.json", "pagerduty.json", "teams.json"}

// TestBrokenJSONTemplatesAreFoundAtLoad: the first that would notice otherwise
// is a pager that does not ring.
func TestBrokenJSONTemplatesAreFoundAtLoad(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a value as it is", `{"a": "{{.Title}}"}`, "generic.json:1:9: {{.Title}} is inserted as it is"},
		{"a value as it is, deep inside", "{{range .Regions}}{{if .}}\n{\"a\": {{.}}}{{end}}{{end}}", "write {{json …}}"},
		{"a value as it is, in a template of its own", `{{define "x"}}{{.Line}}{{end}}{"a": "{{template "x" .}}"}`, "is inserted as it is"},
		{"a value that json is not the last of", `{"a": {{json .Title | print}}}`, "is inserted as it is"},
		{"quotes around what has its own", `{"a": "{{json .Title}}"}`, "generic.json: what it gives is not JSON"},
		{"a comma too many", `{"a": {{json .Title}},}`, "not JSON"},
		{"a comma too many, of one kind of message", `{"a": 1{{if eq .Kind "over"}},{{end}}}`, "not JSON"},
		{"nothing for one action", `{{if ne .Action "resolve"}}{"a": 1}{{end}}`, "not JSON"},
		{"a list", `[{{json .Title}}]`, "not a JSON object"},
		{"two documents", `{"a": 1} {"b": 2}`, "not JSON"},
		{"a whole value", `{"a": {{json .}}}`, "json of a templates.Payload"},
		{"an unknown field", "{\n\"a\": {{json .Titel}}}", "generic.json:2"},
		{"the clock", `{"a": {{json now}}}`, "generic.json:1"},
		{"endless output", `{"a": [{{range 1000000}}0,{{end}}0]}`, "generic.json"},
		{"an unknown file", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := "generic.json"
			if c.text == "" {
				file, c.text, c.want = "sms.json", "{}", "there is no template of that name"
			}
			// What Load does besides has nothing to do with it, and takes longer.
			all, err := read(files(file, c.text))
			if err == nil {
				var s *Set
				if s, err = compile(all, nil, times{}); err == nil {
					err = s.tryPayloads(all)
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestLoadTriesJSONTemplates(t *testing.T) {
	if _, err := Load(files("teams.json", `{"a": {{json .Title}},}`)); err == nil || !strings.Contains(err.Error(), "load templates: teams.json: what it gives is not JSON") {
		t.Errorf("got %v", err)
	}
}

func TestAnOwnJSONTemplateTakesTheBuiltInOnesPlace(t *testing.T) {
	own := `{"what": {{json (upper .Title)}}, "at": {{json .At}}, "who": {{json .To}}, "n": {{json .Number}},
		"more": {{json (dict "a" (list .Severity true))}} {{- /* and so on */ -}} }`
	s, err := Load(files("generic.json", own))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.CallPayload(fullNotice())
	if err != nil {
		t.Fatal(err)
	}
	p.Title = `say "no" to <b>`
	got, err := s.Payload("generic.json", p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"what":"SAY \"NO\" TO <B>","at":"2026-05-20T10:37:00Z","who":["on-call people"],"n":4,"more":{"a":["P0",true]}}`; string(got) != strings.Replace(want, "on-call people", "cto", 1) {
		t.Errorf("got %s", got)
	}
	other, err := s.Payload("ntfy.json", p)
	if err != nil || !json.Valid(other) {
		t.Errorf("a file that was not overridden: %v", err)
	}
}

func TestWhatACallIsToAPager(t *testing.T) {
	for _, c := range []struct {
		name        string
		kind, state string
		acked       string
		want        string
	}{
		{"a call rings", "paged", "investigating", "", "trigger"},
		{"a call that somebody answered meanwhile does not", "paged", "investigating", "Ann Lee", "acknowledge"},
		{"an escalation rings though somebody is on it", "escalated", "investigating", "Ann Lee", "trigger"},
		{"a reminder rings", "reminded", "monitoring", "Ann Lee", "trigger"},
		{"an acknowledgement is one", "acknowledged", "investigating", "Ann Lee", "acknowledge"},
		{"an acknowledgement that comes after the end ends it", "acknowledged", "resolved", "Ann Lee", "resolve"},
		{"the end ends it", "over", "resolved", "", "resolve"},
		{"nobody need come any more, though it goes on", "over", "monitoring", "", "resolve"},
		{"a call that comes after the end ends it", "paged", "resolved", "", "resolve"},
		{"a kind that nobody knows yet rings", "shouted", "investigating", "", "trigger"},
	} {
		if got := (Notice{Kind: c.kind, State: c.state, Acked: c.acked}).action(); got != c.want {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}

func TestWhatAnUpdateIsToAPager(t *testing.T) {
	said := func(states ...string) Incident { // "P1 investigating", oldest first
		var i Incident
		for n, s := range states {
			severity, state, _ := strings.Cut(s, " ")
			i.Updates = append([]Update{{Number: n + 1, State: state, Severity: severity}}, i.Updates...)
		}
		return i
	}
	for _, c := range []struct {
		name string
		i    Incident
		want string
	}{
		{"the first rings", said("P2 investigating"), "trigger"},
		{"the next does not", said("P2 investigating", "P2 monitoring"), ""},
		{"one that is worse than ever does", said("P2 investigating", "P1 investigating"), "trigger"},
		{"one that is milder does not", said("P1 investigating", "P2 investigating"), ""},
		{"one that is as bad again does not", said("P1 investigating", "P2 investigating", "P1 investigating"), ""},
		{"the end ends it", said("P1 investigating", "P1 resolved"), "resolve"},
		{"what is back rings", said("P1 investigating", "P1 resolved", "P2 investigating"), "trigger"},
		{"what was over from the start never rang", said("P1 resolved"), "resolve"},
	} {
		if got := postOf(Public{}, c.i, c.i.Updates[0]).action(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	// A late delivery is of how it stood when it was said.
	i := said("P2 investigating", "P1 investigating", "P1 resolved")
	if got := postOf(Public{}, i, i.Updates[2]).action(); got != "trigger" {
		t.Errorf("the first, late: got %q", got)
	}
}

func TestWordsOfAPayloadAreShortAndVisible(t *testing.T) {
	n := fullNotice()
	n.Private = false
	long := strings.Repeat("ab\u202e\u200b\x00 <\"\\\n", 100_000)
	n.Title, n.Component, n.Summary, n.Role, n.Acked, n.Console, n.Runbook = long, long, long, long, long, "javascript:alert(1)", "https://runbooks.example.com/"+long
	n.To, n.Regions = []string{"\u200b", "Ann\nLee"}, []string{long, long}
	s := load(t)
	p, err := s.CallPayload(n)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		text string
		most int
	}{
		"line": {p.Line, payloadLine}, "title": {p.Title, payloadLine}, "component": {p.Component, payloadName}, "text": {p.Text, payloadText},
		"summary": {p.Summary, payloadLine}, "acked": {p.Acked, payloadName}, "region": {p.Regions[0], payloadName},
	} {
		if len(f.text) > f.most || f.text == "" || !utf8.ValidString(f.text) || strings.ContainsAny(f.text, "\u202e\u200b\x00") {
			t.Errorf("%s has %d bytes: %.80q", name, len(f.text), f.text)
		}
	}
	if len(p.To) != 1 || p.To[0] != "Ann Lee" {
		t.Errorf("called are %q", p.To)
	}
	if p.URL != "" || len(p.Links) != 2 { // war room and SigNoz
		t.Errorf("links are %v, %q", p.Links, p.URL)
	}
	if got := unhidden("हिन्दी\u200d 👩\u200d💻\u200cx"); got != "हिन्दी\u200d 👩\u200d💻\u200cx" {
		t.Errorf("what joins letters was taken out: %q", got)
	}
}

// TestAWordingThatFailsStillCalls: a call that does not go out helps nobody.
func TestAWordingThatFailsStillCalls(t *testing.T) {
	s := load(t)
	p := full()
	i := p.Past[0]
	u := i.Updates[0]
	u.Text = "<what>" // no text may hold that
	got, err := s.UpdatePayload(p, i, u, false)
	if err == nil || got.Text == "" || got.Text != got.Line || got.Action != "resolve" || got.Incident != i.ID {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, file := range payloadFiles {
		if _, err := s.Payload(file, got); err != nil {
			t.Error(err)
		}
	}
}

func TestJSONWritesWhatItIsGiven(t *testing.T) {
	at := time.Date(2026, 5, 20, 12, 32, 1, 5, time.FixedZone("", 7200))
	for _, c := range []struct {
		v    any
		want string // "" is refused
	}{
		{"a\"b\\c\n\u2028</script>", `"a\"b\\c\n\u2028</script>"`},
		{"\xff", `""`},
		{7, "7"},
		{1.5, "1.5"},
		{true, "true"},
		{nil, "null"},
		{at, `"2026-05-20T10:32:01Z"`},
		{time.Time{}, "null"},
		{[]string{"a", "b"}, `["a","b"]`},
		{map[string]any{"a": []any{1, at}}, `{"a":[1,"2026-05-20T10:32:01Z"]}`},
		{Notice{}, ""},
		{&at, ""},
		{[]any{Public{}}, ""},
		{map[string]any{"a": Incident{}}, ""},
		{func() {}, ""},
	} {
		got, err := encode(c.v)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%T: got %q, %v", c.v, got, err)
		}
	}
}
