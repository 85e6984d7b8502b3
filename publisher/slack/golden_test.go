package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
)

var rewrite = flag.Bool("update", false, "write the golden messages anew")

// show is all that is posted of an incident in a state, at a severity.
type show struct {
	Root, Reply, Update, Summary, Call *posted
	Topic                              string
}

type posted struct {
	Text   string
	Blocks []api.Block
}

func pieces(t *testing.T, severity, state string) show {
	t.Helper()
	s := newStage(t)
	c := s.channel()
	at := time.Date(2026, 5, 20, 10, 7, 0, 0, time.UTC)
	story := []string{severity + " investigating", severity + " identified", severity + " monitoring", severity + " resolved"}
	for n, one := range story {
		if strings.HasSuffix(one, state) {
			story = story[:n+1]
			break
		}
	}
	d := said(at, story...)
	for n := range d.Incident.Updates {
		u := &d.Incident.Updates[n]
		u.Said = at.Add(time.Duration(u.Number-1) * 25 * time.Minute)
		if u.AsOf = u.Said.Add(-time.Minute); u.State != "resolved" {
			u.Next = u.Said.Add(u.Every)
		}
		switch u.State {
		case "identified":
			u.Text = "A full disk keeps the management API from writing. We are moving it to a larger one."
		case "monitoring":
			u.Trend, u.Calm, u.Watching = "calm", 4*time.Minute, 10*time.Minute
		}
	}
	d.Update = &d.Incident.Updates[0]
	d.Incident.Next, d.At = d.Update.Next, d.Update.Said
	if state == "resolved" {
		d.Incident.Resolved = d.Update.Said
	}
	call := called(at, 1, severity, s.config.People[0], s.config.People[1])
	call.Notice.State, call.Notice.At = state, d.Update.Said
	now := c.standing(d)
	now.Summary, now.Runbook = call.Notice.Summary, call.Notice.Runbook
	now.AckBy, now.Waits = call.Notice.AckBy, state == "investigating"
	if state != "investigating" {
		now.Acked, call.Notice.Acked = "Ann Lee", "Ann Lee"
	}
	body, err := c.session().body(d)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.session().notice(*call.Notice)
	if err != nil {
		t.Fatal(err)
	}
	all, without := mentions(call.People)
	of := func(m message) *posted { return &posted{m.text, m.blocks} }
	return show{
		Root: of(c.rootOf(d, now)), Reply: of(c.updateOf(d, body, "reply")), Update: of(c.updateOf(d, body, "update")),
		Summary: of(c.summaryOf(now)), Call: of(c.callOf(call, now, text+missing(without), all, "")), Topic: topicOf(now),
	}
}

var (
	states     = []string{"investigating", "identified", "monitoring", "resolved"}
	severities = []string{"P0", "P1", "P2", "P3"}
)

func TestWhatIsPosted(t *testing.T) {
	for _, severity := range severities {
		for _, state := range states {
			p := pieces(t, severity, state)
			for name, m := range map[string]*posted{"root": p.Root, "reply": p.Reply, "summary": p.Summary, "call": p.Call} {
				blocks, err := json.Marshal(m.Blocks)
				if err != nil {
					t.Fatal(err)
				}
				if bad := slacktest.Check(m.Text, blocks); len(bad) > 0 {
					t.Errorf("%s %s, the %s: %v", severity, state, name, bad)
				}
			}
			got := pretty(t, p)
			file := filepath.Join("testdata", "messages", severity+"-"+state+".json")
			if *rewrite {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what is posted: go test ./publisher/slack -run WhatIsPosted -update, and read the difference", file)
			}
		}
	}
}

func pretty(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLook draws the messages as Slack does, roughly, so that people can look at
// them: TOCSIN_LOOK=FOLDER go test ./publisher/slack -run TestLook.
func TestLook(t *testing.T) {
	folder := os.Getenv("TOCSIN_LOOK")
	write := func(name, body string) {
		t.Helper()
		if !strings.Contains(body, "class='message") {
			t.Errorf("%s shows nothing", name)
		}
		if folder == "" {
			return // that it can be drawn is what is tested
		}
		if err := os.WriteFile(filepath.Join(folder, name+".html"), []byte(style+body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range []string{"P0 investigating", "P1 identified", "P1 monitoring", "P0 resolved", "P2 investigating"} {
		severity, state, _ := strings.Cut(one, " ")
		p := pieces(t, severity, state)
		write(severity+"-"+state, "<h2>#announcements</h2>"+draw(t, p.Root)+"<div class=thread>"+draw(t, p.Reply)+"</div>"+
			"<h2>#incident-2026-0001</h2><p class=topic>"+html.EscapeString(p.Topic)+"</p>"+draw(t, p.Summary)+draw(t, p.Call)+draw(t, p.Update))
	}
	s := newStage(t)
	long := called(begun(), 1, "P0", s.config.People...)
	long.Notice.Private = true
	long.Notice.Title = strings.Repeat("elevated errors on the management API and everything that depends on it, ", 5)
	long.Notice.Component = "Management API, Flag evaluations, Dashboard, Webhooks and everything else"
	text, err := s.channel().session().notice(*long.Notice)
	if err != nil {
		t.Fatal(err)
	}
	all, without := mentions(long.People)
	now := publisher.Standing{Notice: *long.Notice}
	m, sum := s.channel().callOf(long, now, text+missing(without), all, ""), s.channel().summaryOf(now)
	inside := said(begun(), "P3 resolved")
	inside.Inside = true
	root := s.channel().rootOf(inside, s.channel().standing(inside))
	write("odd", draw(t, &posted{sum.text, sum.blocks})+draw(t, &posted{m.text, m.blocks})+draw(t, &posted{root.text, root.blocks}))
	forms := ""
	for _, press := range []string{pressSay, pressSeverity, pressResolve} {
		v := form(press, carried{Incident: "INC-2026-0001", Channel: "C1"})
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if bad := slacktest.CheckView(body); len(bad) > 0 {
			t.Errorf("%s: %v", press, bad)
		}
		forms += "<div class='message form'><h3>" + v.Title.Text + "</h3>" + drawn(t, v.Blocks.BlockSet) + "<p class=right><button>" + v.Close.Text + "</button><button class=primary>" + v.Submit.Text + "</button></p></div>"
	}
	write("forms", forms)
}

func draw(t *testing.T, m *posted) string {
	return "<div class='message'><b>tocsin</b> <small>APP 10:07</small>" + drawn(t, m.Blocks) + "</div>"
}

func drawn(t *testing.T, blocks []api.Block) string {
	t.Helper()
	body, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, x := range list {
		switch x["type"] {
		case "header":
			fmt.Fprintf(&b, "<h3>%s</h3>", textOf(x["text"]))
		case "section":
			if x["text"] != nil {
				fmt.Fprintf(&b, "<p>%s</p>", textOf(x["text"]))
			}
			if fields, ok := x["fields"].([]any); ok {
				b.WriteString("<div class=fields>")
				for _, f := range fields {
					fmt.Fprintf(&b, "<p>%s</p>", textOf(f))
				}
				b.WriteString("</div>")
			}
		case "context":
			b.WriteString("<p class=context>")
			for _, e := range x["elements"].([]any) {
				b.WriteString(textOf(e) + " ")
			}
			b.WriteString("</p>")
		case "actions":
			b.WriteString("<p>")
			for _, e := range x["elements"].([]any) {
				e := e.(map[string]any)
				fmt.Fprintf(&b, "<button class='%v'>%s</button>", e["style"], textOf(e["text"]))
			}
			b.WriteString("</p>")
		case "input":
			e := x["element"].(map[string]any)
			optional := ""
			if x["optional"] == true {
				optional = " <small>(optional)</small>"
			}
			fmt.Fprintf(&b, "<p><b>%s</b>%s</p>", textOf(x["label"]), optional)
			switch e["type"] {
			case "plain_text_input":
				b.WriteString("<textarea></textarea>")
			case "static_select":
				fmt.Fprintf(&b, "<p><button>%s ▾</button></p>", textOf(e["placeholder"]))
			case "checkboxes":
				for _, o := range e["options"].([]any) {
					fmt.Fprintf(&b, "<p><input type=checkbox> %s</p>", textOf(o.(map[string]any)["text"]))
				}
			}
			if x["hint"] != nil {
				fmt.Fprintf(&b, "<p class=context>%s</p>", textOf(x["hint"]))
			}
		}
	}
	return b.String()
}

// textOf draws a text object: what is escaped stays so, which a browser reads as
// Slack does.
func textOf(v any) string {
	o := v.(map[string]any)
	s := fmt.Sprint(o["text"])
	if o["type"] == "mrkdwn" {
		s = regexp.MustCompile(`<@([A-Z0-9]+)>`).ReplaceAllString(s, "<a>@$1</a>")
		s = regexp.MustCompile(`\*([^*\n]+)\*`).ReplaceAllString(s, "<b>$1</b>")
	}
	for sign, colour := range map[string]string{"🔴": "#d33", "🟠": "#e80", "🟡": "#ec0", "🔵": "#36c", "✅": "#2a2"} {
		s = strings.ReplaceAll(s, sign, "<i style='background:"+colour+"'></i>") // not every machine has a font for them
	}
	return strings.ReplaceAll(s, "\n", "<br>")
}

const style = `<!doctype html><meta charset=utf-8><style>
body{font:15px/1.46 Lato,"DejaVu Sans",sans-serif;color:#1d1c1d;max-width:640px;margin:12px}
h2{font-size:15px;margin:14px 0 4px}h3{font-size:18px;margin:4px 0}p{margin:4px 0}small{color:#616061}
.topic,.context{color:#616061;font-size:12px}.message{padding:8px 12px;border-top:1px solid #ddd}
.thread{margin-left:28px;border-left:3px solid #ddd}.fields{display:grid;grid-template-columns:1fr 1fr;gap:4px 16px}
button{font:bold 13px Lato,"DejaVu Sans",sans-serif;padding:4px 10px;margin:2px 8px 2px 0;border:1px solid #bbb;border-radius:4px;background:#fff}
.primary{background:#007a5a;color:#fff}.danger{background:#e01e5a;color:#fff}i{display:inline-block;width:.8em;height:.8em;border-radius:50%}a{color:#1264a3;background:#e8f5fa}
.form{border:1px solid #bbb;border-radius:8px;margin:8px 0;max-width:480px}textarea{width:95%;height:48px}.right{text-align:right}
</style>`
