package webhook

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

var update = flag.Bool("update", false, "rewrite the examples in docs/webhooks.md and testdata")

// bodyOf gives what would be posted, read back.
func bodyOf(t *testing.T, d publisher.Delivery) (doc map[string]any, size int) {
	t.Helper()
	b, err := open(t, "https://example.com", secretFile(t, secret('a', 32))).body(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc, len(b)
}

// at follows keys into a document.
func at(t *testing.T, doc any, keys ...string) any {
	t.Helper()
	for _, k := range keys {
		m, ok := doc.(map[string]any)
		if !ok {
			t.Fatalf("no object above %q", k)
		}
		if doc, ok = m[k]; !ok {
			t.Fatalf("no key %q", k)
		}
	}
	return doc
}

func TestTheDocumentTellsHowItStoodWhenItWasSaid(t *testing.T) {
	tests := []struct {
		number                      int
		kind, state, status, said   string
		next, resolved, newestState any
		updates                     int
	}{
		{1, "incident.created", "investigating", "Partial service", "2026-05-20T10:33:00Z", "2026-05-20T11:33:00Z", nil, "investigating", 1},
		{2, "incident.updated", "monitoring", "Partial service", "2026-05-20T10:52:00Z", "2026-05-20T11:52:00Z", nil, "monitoring", 2},
		{3, "incident.resolved", "resolved", "Operational", "2026-05-20T11:04:00Z", nil, "2026-05-20T11:04:00Z", "resolved", 3},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			doc, _ := bodyOf(t, delivery(tt.number))
			updates := at(t, doc, "data", "incident", "updates").([]any)
			for _, c := range []struct {
				what      string
				got, want any
			}{
				{"type", at(t, doc, "type"), tt.kind},
				{"timestamp", at(t, doc, "timestamp"), tt.said},
				{"state", at(t, doc, "data", "incident", "state"), tt.state},
				{"status", at(t, doc, "data", "incident", "status"), tt.status},
				{"next_update", at(t, doc, "data", "incident", "next_update"), tt.next},
				{"resolved", at(t, doc, "data", "incident", "resolved"), tt.resolved},
				{"newest update", at(t, updates[0], "state"), tt.newestState},
				{"number of updates", len(updates), tt.updates},
				{"link", at(t, doc, "data", "incident", "url"), "https://status.example.com/incidents/INC-2026-0001.html"},
			} {
				if c.got != c.want {
					t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
				}
			}
			if subject := at(t, doc, "data", "message", "subject").(string); !strings.Contains(subject, "FeatureSignals P1 — Elevated errors") {
				t.Errorf("the subject is %q", subject)
			}
		})
	}
}

func TestTheBodyStaysBelowTwentyKilobytes(t *testing.T) {
	long := strings.Repeat("wörter ", 10_000)
	tests := []struct {
		name   string
		change func(*publisher.Delivery)
	}{
		{"after a thousand updates", func(d *publisher.Delivery) {
			for n := range 1000 {
				u := *d.Update
				u.Number, u.ID = n+4, fmt.Sprintf("INC-2026-0001-%d", n+4)
				d.Incident.Updates = append([]templates.Update{u}, d.Incident.Updates...)
			}
			d.Update = &d.Incident.Updates[0]
		}},
		{"with endless words", func(d *publisher.Delivery) {
			d.Update.Symptom, d.Update.Impact, d.Update.Workaround, d.Incident.Component.Name = long, long, long, long
			d.Public.Organisation, d.Public.Title, d.Public.Description = long, long, long
		}},
		{"with a hundred regions", func(d *publisher.Delivery) {
			for n := range 100 {
				d.Update.Regions = append(d.Update.Regions, templates.Region{Code: fmt.Sprint("region-", n), Name: "Somewhere " + fmt.Sprint(n)})
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := delivery(3)
			tt.change(&d)
			doc, size := bodyOf(t, d)
			if size >= 20_000 {
				t.Errorf("%d bytes", size)
			}
			updates := at(t, doc, "data", "incident", "updates").([]any)
			if len(updates) == 0 || at(t, updates[0], "number") != float64(d.Update.Number) {
				t.Error("the update that it is about is missing")
			}
			if total := at(t, doc, "data", "incident", "updates_total"); total != float64(d.Update.Number) {
				t.Errorf("updates_total is %v", total)
			}
			if title := at(t, doc, "data", "incident", "title").(string); !utf8.ValidString(title) || len(title) > wordsLimit {
				t.Errorf("the title has %d bytes: %q", len(title), title)
			}
		})
	}
	d := delivery(3)
	for range 1000 {
		d.Update.Regions = append(d.Update.Regions, templates.Region{Code: "eu", Name: "Europe"})
	}
	if _, err := open(t, "https://example.com", secretFile(t, secret('a', 32))).body(d); !errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("what cannot be made short enough: got %v", err)
	}
}

func TestWithoutAMessageTheDocumentStillGoesOut(t *testing.T) {
	d := delivery(2)
	d.Public.Organisation = strings.Repeat("x", 1<<20) // more than a template may hold
	doc, _ := bodyOf(t, d)
	if _, ok := at(t, doc, "data").(map[string]any)["message"]; ok {
		t.Error("it has a message")
	}
}

func TestNothingKnownIsStillADocument(t *testing.T) {
	d := publisher.Delivery{Key: "a", Incident: &templates.Incident{}, Update: &templates.Update{}}
	d.Incident.Updates = []templates.Update{*d.Update}
	b, err := json.Marshal(newDocument(d, roomy))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if began := at(t, doc, "data", "incident", "began"); began != nil {
		t.Errorf("an unknown start is %v, want null", began)
	}
	if _, ok := at(t, doc, "data", "incident", "regions").([]any); !ok {
		t.Error("a list without entries is not a list")
	}
}

// TestTheExamplesInTheDocsAreReal compares them with what is posted, so that the
// two cannot drift apart.
func TestTheExamplesInTheDocsAreReal(t *testing.T) {
	c := open(t, "https://example.com", secretFile(t, secret('a', 32)))
	for _, k := range []struct {
		name, begin string
		delivery    publisher.Delivery
	}{
		{"an update", "```json\n", delivery(2)},
		{"a notice", "```json notice\n", notice()},
	} {
		t.Run(k.name, func(t *testing.T) {
			b, err := c.body(k.delivery)
			if err != nil {
				t.Fatal(err)
			}
			isInDocs(t, k.begin, b)
			isExplained(t, b)
		})
	}
	for format, d := range map[string]publisher.Delivery{"generic": delivery(1), "pagerduty": notice(), "opsgenie": notice(), "ntfy": notice()} {
		t.Run(format, func(t *testing.T) {
			m, err := openAs(t, format, "https://example.com").message(d)
			if err != nil {
				t.Fatal(err)
			}
			isInDocs(t, "```json "+format+"\n", m.body)
		})
	}
}

const docs = "../../docs/webhooks.md"

// isInDocs holds the block of docs/webhooks.md that begins so against what is
// posted.
func isInDocs(t *testing.T, begin string, posted json.RawMessage) {
	t.Helper()
	const end = "```\n"
	doc, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("it has no block that begins with %q", begin)
	}
	indented, err := json.MarshalIndent(posted, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := string(indented) + "\n"
	if *update {
		if err := os.WriteFile(docs, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if have != want {
		t.Errorf("it says\n%s\nbut posted is\n%s\n(go test ./publisher/webhook -update rewrites it)", have, want)
	}
}

// isExplained looks for every key of what is posted in the prose of
// docs/webhooks.md.
func isExplained(t *testing.T, posted json.RawMessage) {
	t.Helper()
	doc, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(posted, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(indented)) {
		if key, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && strings.HasPrefix(key, `"`) {
			if name := strings.Trim(key, `"`); !strings.Contains(string(doc), "`"+name+"`") {
				t.Errorf("the key %q is not explained", name)
			}
		}
	}
}
