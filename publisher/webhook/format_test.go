package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

const routingKey = "0123456789abcdef0123456789abcdef"

// address gives an address that a format is happy with, below base.
func address(format, base string) string {
	return base + map[string]string{"pagerduty": "/v2/enqueue", "ntfy": "/on-call-7d3f", "teams": "/workflows/1?sig=s3cret"}[format]
}

// openAs makes a channel of a format that posts to base.
func openAs(t testing.TB, format, base string) *Channel {
	t.Helper()
	words, err := loadTemplates()
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Name: "hook", URL: address(format, base), Format: format, Templates: words}
	file := func(content string) string {
		name := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if format == "standard" || format == "statuspage" {
		config.SecretFile = file(secret('a', 32))
	} else {
		config.TokenFile = file(routingKey + "\n")
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// told lists what can be told, by name.
func told() map[string]publisher.Delivery {
	as := func(kind string, change func(n *templates.Notice)) publisher.Delivery {
		d := notice()
		d.Notice.Kind = kind
		change(d.Notice)
		d.Key = fmt.Sprintf("INC-2026-0001/notice/%d", d.Notice.Number)
		return d
	}
	clock := func(hour, minute int) time.Time { return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC) }
	return map[string]publisher.Delivery{
		"paged": notice(),
		"escalated": as("escalated", func(n *templates.Notice) {
			n.Number, n.At, n.To, n.Role, n.Severity = 2, clock(10, 47), []string{"Cy Roe"}, "cto", "P0"
		}),
		"acknowledged": as("acknowledged", func(n *templates.Notice) { n.Number, n.At, n.Acked, n.AckBy = 3, clock(10, 50), "Ann Lee", time.Time{} }),
		"over":         as("over", func(n *templates.Notice) { n.Number, n.At, n.State, n.Acked = 4, clock(11, 4), "resolved", "Ann Lee" }),
		"private":      as("paged", func(n *templates.Notice) { n.Private = true }),
		"first update": delivery(1),
		"middle":       delivery(2),
		"resolved":     delivery(3),
	}
}

var silent = slog.New(slog.DiscardHandler)

func schema(t testing.TB, format string) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile("testdata/schema/" + format + ".json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, body []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// TestWhatIsPosted holds every format of everything that can be told against
// testdata, where a person can read it, and against what the service documents.
func TestWhatIsPosted(t *testing.T) {
	for _, format := range rules.WebhookFormats {
		c := openAs(t, format, "https://hooks.example.com")
		var valid *jsonschema.Schema
		if format != "standard" { // its own tests and docs/webhooks.md have it
			valid = schema(t, format)
		}
		for name, d := range told() {
			t.Run(format+"/"+name, func(t *testing.T) {
				m, err := c.message(d)
				got := ""
				switch {
				case errors.Is(err, publisher.ErrPermanent):
					got = "refused: " + err.Error() + "\n"
				case err != nil:
					t.Fatal(err)
				case m.nothing != "":
					got = "nothing: " + m.nothing + "\n"
				default:
					if valid != nil {
						if err := validate(valid, m.body); err != nil {
							t.Errorf("%v\n%s", err, m.body)
						}
					}
					var indented bytes.Buffer
					if err := json.Indent(&indented, m.body, "", "  "); err != nil {
						t.Fatal(err)
					}
					got = "POST " + m.url + "\n" + indented.String() + "\n"
				}
				file := filepath.Join("testdata", format, strings.ReplaceAll(name, " ", "-")+".txt")
				if *update {
					if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s has\n%s\nbut it is\n%s\n(go test ./publisher/webhook -update rewrites it)", file, want, got)
				}
			})
		}
	}
}

func TestEveryFormatIsKnown(t *testing.T) {
	have := slices.Sorted(maps.Keys(formats))
	want := slices.Sorted(slices.Values(rules.WebhookFormats))
	if !slices.Equal(have, want) {
		t.Errorf("got %v, want %v", have, want)
	}
	if f, err := formatOf(""); err != nil || !f.signed {
		t.Errorf("no format: %v, %v", f, err)
	}
	if _, err := formatOf("carrier-pigeon"); err == nil || !strings.Contains(err.Error(), "want one of standard") {
		t.Errorf("got %v", err)
	}
}

func TestAServiceOutsideLearnsNothingOfAPrivateIncident(t *testing.T) {
	d := told()["private"]
	n := d.Notice
	secrets := []string{n.Title, n.Component, n.Regions[0], n.Summary, n.To[0], n.WarRoom, n.Runbook, n.SigNoz, "10:27"}
	for _, acked := range []string{"", "Ann Lee"} {
		n.Acked = acked
		for _, format := range []string{"generic", "pagerduty", "opsgenie", "ntfy", "teams"} {
			m, err := openAs(t, format, "https://hooks.example.com").message(d)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range secrets {
				if bytes.Contains(m.body, []byte(s)) {
					t.Errorf("%s tells %q:\n%s", format, s, m.body)
				}
			}
			if !bytes.Contains(m.body, []byte("INC-2026-0001")) {
				t.Errorf("%s does not say which incident it is:\n%s", format, m.body)
			}
		}
	}
}

func TestWhatIsMissingIsToldAtTheStart(t *testing.T) {
	words, err := loadTemplates()
	if err != nil {
		t.Fatal(err)
	}
	token := secretFile(t, routingKey)
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"a format that is none", Config{URL: "https://example.com", Format: "sms"}, `no "sms": want one of`},
		{"PagerDuty without a key", Config{URL: "https://example.com", Format: "pagerduty"}, "token_file is missing"},
		{"Opsgenie without a key", Config{URL: "https://example.com", Format: "opsgenie"}, "token_file is missing"},
		{"Statuspage's form without a secret", Config{URL: "https://example.com", Format: "statuspage"}, "secret_file is missing"},
		{"a key of two lines", Config{URL: "https://example.com", Format: "pagerduty", TokenFile: secretFile(t, "abc\r\nX-Evil: 1")}, "holds more than a token"},
		{"a key with a space", Config{URL: "https://example.com", Format: "opsgenie", TokenFile: secretFile(t, "abc def")}, "holds more than a token"},
		{"a key of other letters", Config{URL: "https://example.com", Format: "opsgenie", TokenFile: secretFile(t, "ключ")}, "holds more than a token"},
		{"no key in the file", Config{URL: "https://example.com", Format: "opsgenie", TokenFile: secretFile(t, "\n")}, "is empty"},
		{"an endless key", Config{URL: "https://example.com", Format: "opsgenie", TokenFile: secretFile(t, strings.Repeat("k", 2001))}, "holds more than a token"},
		{"ntfy without a topic", Config{URL: "https://ntfy.example.com/", Format: "ntfy"}, "the server and the topic"},
		{"ntfy with two topics", Config{URL: "https://ntfy.example.com/a,b", Format: "ntfy"}, "the server and the topic"},
		{"a bad secret where none is asked for", Config{URL: "https://example.com", Format: "generic", SecretFile: secretFile(t, "x")}, "begins with neither"},
		{"PagerDuty, well", Config{URL: "https://example.com", Format: "pagerduty", TokenFile: token}, ""},
		{"ntfy without a token", Config{URL: "https://ntfy.example.com/on-call", Format: "ntfy"}, ""},
		{"teams without a token", Config{URL: "https://example.com/workflows", Format: "teams"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Name, tt.config.Templates = "hook", words
			_, err := New(tt.config)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "Evil") {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}

func TestAnAlertIsFoundByItsAlias(t *testing.T) {
	for _, tt := range []struct{ base, action, incident, want string }{
		{"https://api.opsgenie.com", "trigger", "INC-1", "https://api.opsgenie.com/v2/alerts"},
		{"https://api.opsgenie.com/", "acknowledge", "INC-1", "https://api.opsgenie.com/v2/alerts/INC-1/acknowledge?identifierType=alias"},
		{"https://api.eu.opsgenie.com/v2/alerts", "resolve", "INC-1", "https://api.eu.opsgenie.com/v2/alerts/INC-1/close?identifierType=alias"},
		{"https://api.atlassian.com/jsm/ops/integration/v2/", "trigger", "INC-1", "https://api.atlassian.com/jsm/ops/integration/v2/alerts"},
		{"https://api.opsgenie.com", "resolve", "../heartbeats?x=1#y", "https://api.opsgenie.com/v2/alerts/..%2Fheartbeats%3Fx=1%23y/close?identifierType=alias"},
	} {
		u, err := parseURL(tt.base)
		if err != nil {
			t.Fatal(err)
		}
		at := alertAddress(*u, templates.Payload{Action: tt.action, Incident: tt.incident})
		if got := at.String(); got != tt.want {
			t.Errorf("%s of %s at %s: got %s, want %s", tt.action, tt.incident, tt.base, got, tt.want)
		}
	}
}

// TestTheSameThingHasTheSameIDInEveryForm: who reads summary.json, too, can put
// the two together.
func TestTheSameThingHasTheSameIDInEveryForm(t *testing.T) {
	words, err := loadTemplates()
	if err != nil {
		t.Fatal(err)
	}
	d := delivery(2)
	d.Incident.State, d.Incident.Resolved, d.Incident.Updates = "monitoring", time.Time{}, d.Incident.Updates[1:]
	comp := d.Incident.Component
	comp.Status, comp.Cells = templates.Partial, []templates.Cell{{Region: d.Incident.Regions[0], Status: templates.Partial}}
	d.Public.Components, d.Public.Incidents, d.Public.Past = []templates.Component{comp}, []templates.Incident{*d.Incident}, nil
	d.Public.Since = d.Incident.Began
	folder := t.TempDir()
	if _, err := page.New("status", folder, words).Publish(t.Context(), publisher.Delivery{Public: d.Public}); err != nil {
		t.Fatal(err)
	}
	summary, err := os.ReadFile(filepath.Join(folder, "current", "api/v2/summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := openAs(t, "statuspage", "https://hooks.example.com").message(d)
	if err != nil {
		t.Fatal(err)
	}
	var listed, posted map[string]any
	if err := errors.Join(json.Unmarshal(summary, &listed), json.Unmarshal(m.body, &posted)); err != nil {
		t.Fatal(err)
	}
	first := func(doc any, keys ...string) any { return at(t, doc, keys...).([]any)[0] }
	mine, theirs := posted["incident"], first(listed, "incidents")
	for _, key := range []string{"id", "name", "status", "impact", "created_at", "updated_at", "started_at", "monitoring_at", "resolved_at", "shortlink", "page_id"} {
		if a, b := at(t, mine, key), at(t, theirs, key); a != b {
			t.Errorf("%s: posted %v, listed %v", key, a, b)
		}
	}
	for _, key := range []string{"id", "status", "body", "incident_id", "created_at", "display_at"} {
		if a, b := at(t, first(mine, "incident_updates"), key), at(t, first(theirs, "incident_updates"), key); a != b {
			t.Errorf("update's %s: posted %v, listed %v", key, a, b)
		}
	}
	for _, key := range []string{"id", "name", "status", "page_id", "position"} {
		if a, b := at(t, first(mine, "components"), key), at(t, first(listed, "components"), key); a != b {
			t.Errorf("component's %s: posted %v, listed %v", key, a, b)
		}
	}
	if a, b := at(t, posted, "page", "id"), at(t, listed, "page", "id"); a != b {
		t.Errorf("page: posted %v, listed %v", a, b)
	}
}

// hostiles are words that somebody could have put into a name, a route or a text.
var hostiles = []string{
	`"},"injected":{"a":"`, `\`, "\r\nX-Injected: 1\r\n\r\n{}", "{{.Token}} {{json .Token}}",
	"<script>alert(1)</script>&amp; [click](https://evil.example) **bold** \u202eevil\u2066 zero\u200bwidth\ufeff \x00\x1b[31m\x7f \xff\xfe\xc3 \u2028\u2029 🔔 हिन्दी \\\"",
	strings.Repeat(`"\`, 1<<12), strings.Repeat("\n a", 1<<12), strings.Repeat("\u2028", 1<<12),
	strings.Repeat("🔔", 1<<12), strings.Repeat("<", 1<<13),
}

// hostile puts words into every place of a delivery that words can come into.
func hostile(words string) []publisher.Delivery {
	call, up := notice(), delivery(3)
	n := call.Notice
	n.Title, n.Component, n.Summary, n.Role, n.Acked, n.Runbook, n.WarRoom, n.SigNoz = words, words, words, words, words, words, "https://a.example/"+words, "javascript:"+words
	n.Regions, n.To, n.Console = slices.Repeat([]string{words}, 30), slices.Repeat([]string{words}, 30), words
	n.Kind = "escalated"
	secret := call
	secret.Notice = new(*n)
	secret.Notice.Private = true

	i := up.Incident
	i.Symptom, i.Component.Name, i.Component.Description, i.Workaround = words, words, words, words
	up.Public.Organisation, up.Public.Title, up.Public.Description, up.Public.URL = words, words, words, "https://a.example/"+words
	for k := range i.Updates {
		e := &i.Updates[k]
		e.Symptom, e.Impact, e.Workaround, e.Text, e.Integrity = words, words, words, words, words
		e.Regions, e.Also = slices.Repeat([]templates.Region{{Code: "eu", Name: words}}, 3), []string{words}
	}
	first := delivery(1)
	first.Public, first.Incident = up.Public, i
	first.Update = &i.Updates[2]
	first.Key = "INC-2026-0001/1"
	return []publisher.Delivery{call, secret, up, first}
}

// holds says what is wrong with a posted document.
func holds(t testing.TB, format string, valid *jsonschema.Schema, m message) {
	t.Helper()
	show := m.body[:min(len(m.body), 2000)]
	if !json.Valid(m.body) || !utf8.Valid(m.body) {
		t.Fatalf("%s: not JSON:\n%s", format, show)
	}
	if valid != nil {
		if err := validate(valid, m.body); err != nil {
			t.Errorf("%s: %v\n%s", format, err, show)
		}
	}
	if len(m.body) >= formats[format].limit {
		t.Errorf("%s: %d bytes", format, len(m.body))
	}
	if strings.Count(string(m.body), routingKey) != map[string]int{"pagerduty": 1}[format] {
		t.Errorf("%s: the token stands in the document:\n%s", format, show)
	}
	if bytes.Contains(m.body, []byte(`"injected":`)) {
		t.Errorf("%s: words became part of the form:\n%s", format, show)
	}
	if format == "standard" || format == "statuspage" {
		return
	}
	for _, bad := range []string{"\u202e", "\u2066", "\u200b", "\ufeff", "\\u0000", "\\u001b"} {
		if bytes.Contains(m.body, []byte(bad)) {
			t.Errorf("%s: %q got through:\n%s", format, bad, show)
		}
	}
	if format == "ntfy" {
		var doc struct{ Message, Title string }
		if err := json.Unmarshal(m.body, &doc); err != nil || len(doc.Message) > 4096 || len(doc.Title) > 250 {
			t.Errorf("ntfy: %v, a message of %d bytes, a title of %d", err, len(doc.Message), len(doc.Title))
		}
	}
	if format == "opsgenie" && bytes.ContainsAny(m.body, "<>") {
		t.Errorf("opsgenie: markup got through:\n%s", show)
	}
}

func TestHostileWordsStayWords(t *testing.T) {
	for _, format := range rules.WebhookFormats {
		t.Run(format, func(t *testing.T) {
			c := openAs(t, format, "https://hooks.example.com")
			c.Logger = silent
			var valid *jsonschema.Schema
			if format != "standard" {
				valid = schema(t, format)
			}
			posted := 0
			for _, words := range append(slices.Clone(hostiles), strings.Repeat("a word, ", 1<<20/8)) {
				for n, d := range hostile(words) {
					if len(words) == 1<<20 && n%2 == 1 {
						continue // one of each kind is enough of a megabyte
					}
					m, err := c.message(d)
					if format == "statuspage" && d.Notice != nil {
						continue // it has none
					}
					if err != nil {
						t.Errorf("%.40q: %v", words, err)
						continue
					}
					if m.nothing == "" {
						posted++
						holds(t, format, valid, m)
					}
				}
			}
			if posted < len(hostiles)*2 {
				t.Errorf("only %d were posted", posted)
			}
		})
	}
}

func FuzzPayload(f *testing.F) {
	for _, words := range hostiles[:5] {
		f.Add(words, "INC-2026-0001")
	}
	f.Add("words", "../x?\r\n")
	channels := map[string]*Channel{}
	valid := map[string]*jsonschema.Schema{}
	for _, format := range []string{"generic", "pagerduty", "opsgenie", "ntfy", "teams", "statuspage"} {
		channels[format], valid[format] = openAs(f, format, "https://hooks.example.com"), schema(f, format)
		channels[format].Logger = silent
	}
	f.Fuzz(func(t *testing.T, words, id string) {
		for format, c := range channels {
			for _, d := range hostile(words) {
				if d.Notice != nil {
					d.Notice.ID = id
				}
				m, err := c.message(d)
				if err != nil || m.nothing != "" {
					if err != nil && !errors.Is(err, publisher.ErrPermanent) {
						t.Fatal(err)
					}
					continue
				}
				if strings.ContainsAny(m.url, "\r\n ") || !strings.HasPrefix(m.url, "https://hooks.example.com") {
					t.Errorf("%s: it would go to %q", format, m.url)
				}
				v := valid[format]
				if id == "" {
					v = nil // no incident is without one
				}
				holds(t, format, v, m)
			}
		}
	})
}
