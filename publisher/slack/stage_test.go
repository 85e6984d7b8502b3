package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// memory is a publisher.Memory that tests look into.
type memory struct {
	mu sync.Mutex
	m  map[string]string
}

func newMemory() *memory { return &memory{m: map[string]string{}} }

func (m *memory) Recall(_ context.Context, channel, name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m[channel+" "+name], nil
}

func (m *memory) Remember(_ context.Context, channel, name, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.m[channel+" "+name] = value; value == "" {
		delete(m.m, channel+" "+name)
	}
	return nil
}

func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.m)
}

var set = sync.OnceValue(func() *templates.Set {
	s, err := templates.Load(nil)
	if err != nil {
		panic(err)
	}
	return s
})

// people is the configuration that channels ask.
func people() *rules.Config {
	return &rules.Config{
		People: []rules.Person{
			{ID: "ann", Name: "Ann Lee", Roles: []string{rules.OnCall}, Slack: "U0ANN"},
			{ID: "bo", Name: "Bo Chen", Roles: []string{"cto"}, Slack: "U0BO"},
			{ID: "cy", Name: "Cy <!channel> Díaz", Roles: []string{rules.OnCall}},
		},
		Console: rules.Console{URL: "https://console.example.com", WarRoom: "https://meet.example.com/war"},
		SigNoz:  rules.SigNoz{URL: "https://signoz.example.com"},
		Page:    rules.Page{URL: "https://status.example.com"},
	}
}

// stage is a workspace and what a channel needs to speak there.
type stage struct {
	*slacktest.Server
	t      testing.TB
	memory *memory
	rules  rules.Channel
	log    *slog.Logger
	now    func(id string) (publisher.Standing, bool)
	config *rules.Config
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{Server: slacktest.New(t), t: t, memory: newMemory(), log: slog.New(slog.DiscardHandler), config: people()}
	s.AddUser("U0ANN", "")
	s.AddUser("U0BO", "")
	s.rules = rules.Channel{
		Name: "team", Type: "slack", URL: s.URL(), TokenFile: s.TokenFile, SecretFile: s.SecretFile,
		Slack: &rules.Slack{
			Channel: slacktest.Announcements,
			Rooms:   rules.Rooms{Severities: []rules.Severity{rules.P0, rules.P1}, Prefix: "incident-", Invite: []string{"cto"}},
		},
	}
	return s
}

func (s *stage) channel() *Channel {
	s.t.Helper()
	c, err := New(Config{
		Channel: s.rules, Templates: set(), Logger: s.log,
		Surroundings: Surroundings{Memory: s.memory, Config: func() *rules.Config { return s.config }, Now: s.now},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// publish brings a delivery out and fails the test where that fails.
func (s *stage) publish(c *Channel, d publisher.Delivery) string {
	s.t.Helper()
	receipt, err := c.Publish(s.t.Context(), d)
	if err != nil {
		s.t.Fatalf("%s: %v", d.Key, err)
	}
	return receipt
}

// begun is when the incidents of tests are found: now, since messages get their
// times from the clock.
func begun() time.Time { return time.Now().UTC().Truncate(time.Second).Add(-time.Minute) }

var (
	europe = templates.Region{Code: "eu", Name: "Europe"}
	india  = templates.Region{Code: "in", Name: "India"}
)

// said makes the delivery of an incident's n-th update, in these states and
// severities, "P1 investigating" each.
func said(at time.Time, story ...string) publisher.Delivery {
	i := templates.Incident{
		ID: "INC-2026-0001", Symptom: "elevated errors on the management API", Component: templates.Component{ID: "api", Name: "Management API"},
		Regions: []templates.Region{europe}, Integrity: "under review", Began: at.Add(-5 * time.Minute), Detected: at, Every: 30 * time.Minute,
		Impact: "major", Workaround: "use another region",
	}
	for n, one := range story {
		severity, state, _ := strings.Cut(one, " ")
		u := templates.Update{
			Number: n + 1, ID: fmt.Sprintf("INC-2026-0001-%d", n+1), State: state, Severity: severity, Status: "Partial service", Regions: i.Regions,
			Symptom: i.Symptom, Impact: "failed requests when they change flags", Measured: templates.Measured{Share: .15}, Integrity: "under review",
			Trend: "unchanged", Said: at.Add(time.Duration(n) * 10 * time.Second), AsOf: at, Every: 30 * time.Minute, Workaround: "use another region",
		}
		if n == 0 {
			u.Trend = "new"
		}
		if u.Next = u.Said.Add(u.Every); state == "resolved" {
			u.Next, u.Every, u.Trend, u.Status, i.Resolved = time.Time{}, 0, "back", "Operational", u.Said
		}
		i.Updates = append([]templates.Update{u}, i.Updates...)
		i.State, i.Severity, i.Status, i.Next = state, severity, u.Status, u.Next
	}
	d := publisher.Delivery{
		Channel: "team", Key: fmt.Sprintf("INC-2026-0001/%d", len(story)), Attempt: 1, At: at, Seq: uint64(len(story)),
		Public: templates.Public{Organisation: "FeatureSignals", URL: "https://status.example.com", Regions: []templates.Region{europe, india}},
	}
	d.Public.Incidents = []templates.Incident{i}
	d.Incident = &d.Public.Incidents[0]
	d.Update = &d.Incident.Updates[0]
	return d
}

// called makes the delivery of a call.
func called(at time.Time, n int, severity string, people ...rules.Person) publisher.Delivery {
	notice := templates.Notice{
		ID: "INC-2026-0001", Number: n, Kind: "paged", At: at.Add(time.Duration(n) * time.Second), State: "investigating", Severity: severity,
		Title: "elevated errors on the management API", Component: "Management API", Regions: []string{"Europe"}, Began: at.Add(-5 * time.Minute), Detected: at,
		Summary: "15 % of 1,204 requests failed, more than 5 %", Role: rules.OnCall, Step: n, AckBy: at.Add(5 * time.Minute),
		Console: "https://console.example.com/incidents/INC-2026-0001", WarRoom: "https://meet.example.com/war",
		Runbook: "https://runbooks.example.com/api", SigNoz: "https://signoz.example.com",
	}
	for _, p := range people {
		notice.To = append(notice.To, p.Name)
	}
	return publisher.Delivery{Channel: "team", Key: fmt.Sprintf("INC-2026-0001/notice/%d", n), Attempt: 1, At: at, Notice: &notice, People: people}
}

// parts counts the messages of a channel by what they are in it.
func parts(all []slacktest.Message) map[string]int {
	n := map[string]int{}
	for _, m := range all {
		n[m.Part()]++
	}
	return n
}

// one gives the only message of a part.
func (s *stage) one(channel, part string) slacktest.Message {
	s.t.Helper()
	var found []slacktest.Message
	for _, m := range s.Messages(channel) {
		if m.Part() == part {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("%d messages in %s are a %s, want one: there are %v", len(found), channel, part, parts(s.Messages(channel)))
	}
	return found[0]
}

const room = "incident-2026-0001"

// markup is all that Slack may ever be asked to read: labels, and mentions made of
// member IDs.
var markup = regexp.MustCompile(`^(\*[A-Za-z' ]+\*\n[\p{L}\p{N} .,:()/–-]+|<@[UW][A-Z0-9]+>( <@[UW][A-Z0-9]+>)*)$`)

// looked at is every message that the tests made: none may be refused by Slack, or
// hold anything that it would read as more than text.
func (s *stage) lookAt() {
	s.t.Helper()
	n := 0
	for _, r := range s.Requests() {
		if r.Method != "chat.postMessage" && r.Method != "chat.update" && r.Method != "chat.postEphemeral" {
			continue
		}
		n++
		if bad := slacktest.Check(r.Form.Get("text"), json.RawMessage(r.Form.Get("blocks"))); len(bad) > 0 {
			s.t.Errorf("%s: %v", r.Method, bad)
		}
		for name, want := range map[string]string{"parse": "none", "link_names": "false"} {
			if r.Form.Get(name) != want {
				s.t.Errorf("%s goes out with %s=%q", r.Method, name, r.Form.Get(name))
			}
		}
		text := regexp.MustCompile(`^(<@[UW][A-Z0-9]+> )*`).ReplaceAllString(r.Form.Get("text"), "")
		if strings.ContainsAny(text, "<>") || bare.MatchString(text) || emoji.MatchString(text) {
			s.t.Errorf("the text of %s could be read as markup: %.300q", r.Method, text)
		}
		var blocks any
		if err := json.Unmarshal([]byte(r.Form.Get("blocks")), &blocks); err != nil {
			s.t.Errorf("%s: %v", r.Method, err)
		}
		harmlessBlocks(s.t, blocks)
	}
	if n == 0 {
		s.t.Error("nothing was posted")
	}
}

// bare is an ampersand that begins no entity of Slack's.
var bare = regexp.MustCompile(`&(?:[^alg]|a[^m]|l[^t]|g[^t]|$)`)

func harmlessBlocks(t testing.TB, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			harmlessBlocks(t, x)
		}
	case map[string]any:
		text, _ := v["text"].(string)
		switch v["type"] {
		case "mrkdwn":
			if !markup.MatchString(text) || v["verbatim"] != true {
				t.Errorf("Slack is asked to read %.200q", text)
			}
		case "plain_text":
			if v["emoji"] != false || strings.ContainsAny(text, "<>") || bare.MatchString(text) {
				t.Errorf("plain text is not plain: emoji %v, %.200q", v["emoji"], text)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			harmlessBlocks(t, v[k])
		}
	}
}
