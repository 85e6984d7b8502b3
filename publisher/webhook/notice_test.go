package webhook

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// notice is the delivery of a call to people.
func notice() publisher.Delivery {
	at := func(hour, minute int) time.Time { return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC) }
	return publisher.Delivery{
		Channel: "pager", Key: "INC-2026-0001/notice/1", Seq: 9, Attempt: 1,
		Notice: &templates.Notice{
			ID: "INC-2026-0001", Number: 1, Kind: "paged", At: at(10, 32), State: "investigating", Severity: "P1",
			Title: "elevated errors on the management API", Component: "Management API", Regions: []string{"Europe"},
			Began: at(10, 27), Detected: at(10, 32), Summary: "15 % of 1,204 requests failed in 5m, more than 5 %",
			To: []string{"Ann Lee"}, Role: "on-call", Step: 1, AckBy: at(10, 47),
			Console: "https://console.example.com/incidents/INC-2026-0001", WarRoom: "https://meet.example.com/war-room",
			Runbook: "https://runbooks.example.com/api-errors", SigNoz: "https://signoz.example.com",
		},
	}
}

func TestACallToPeopleIsSignedAndHasItsOwnDocument(t *testing.T) {
	server, got := listener(t, http.StatusOK)
	key := secret('a', 32)
	c := open(t, server.URL, secretFile(t, key))
	again := notice()
	again.Attempt, again.Notice.Acked = 2, "Ann Lee" // meanwhile
	for _, d := range []publisher.Delivery{notice(), again} {
		if _, err := c.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	hook, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range *got {
		if err := hook.Verify(h.body, h.header); err != nil {
			t.Error(err)
		}
	}
	if a, b := (*got)[0].header.Get("webhook-id"), (*got)[1].header.Get("webhook-id"); a != b {
		t.Errorf("the same notice has the ids %s and %s", a, b)
	}
	var doc map[string]any
	if err := json.Unmarshal((*got)[0].body, &doc); err != nil {
		t.Fatal(err)
	}
	if kind := at(t, doc, "type"); kind != "incident.notice" {
		t.Errorf("the type is %v", kind)
	}
	data := at(t, doc, "data").(map[string]any)
	for _, key := range []string{"incident", "page", "message"} {
		if _, ok := data[key]; ok {
			t.Errorf("it has %q, as what customers read", key)
		}
	}
	if text := at(t, data, "text").(string); !strings.HasPrefix(text, "P1 Management API in Europe: elevated errors on the management API, since 10:27 UTC\n") {
		t.Errorf("the text is %q", text)
	}
	another := notice()
	another.Key, another.Notice.Number = "INC-2026-0001/notice/2", 2
	if messageID(another) == messageID(notice()) {
		t.Error("two notices have the same id")
	}
}

func TestACallStaysBelowTwentyKilobytes(t *testing.T) {
	d := notice()
	long := strings.Repeat("wörter < ", 10_000)
	n := d.Notice
	n.Title, n.Component, n.Summary, n.Role, n.Acked = long, long, long, long, long
	for range 1000 {
		n.Regions, n.To = append(n.Regions, long), append(n.To, long)
	}
	doc, size := bodyOf(t, d)
	if size >= bodyLimit {
		t.Errorf("%d bytes", size)
	}
	if at(t, doc, "data", "notice", "incident_id") != n.ID {
		t.Error("it does not say of which incident it is")
	}
}
