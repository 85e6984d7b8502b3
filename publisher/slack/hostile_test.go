package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Words that would mean something to Slack, if it read them.
var hostile = []string{
	"<!channel> <!here> <@U0BO> <#C0ANNOUNCE> <!subteam^S1|x> <!date^1392734382^{date}|x>", "@channel @here @everyone @ann #announcements",
	"<https://evil.example.com|https://status.example.com>", "https://evil.example.com evil.example.com mailto:a@b.example", "*bold* _italic_ ~gone~ `code` ```block``` > quote\n> quote",
	":rotating_light: :+1: :a::b:c: ::smile::", "a &amp; b &lt;!channel&gt; &#60;!here&#62; & < >", "\u202eevil\u202c\u2066x\u2069", "line\nline\r\nline\u2028line\tx\x00\x07\x1b[31m",
	"\xff\xfe broken \xc3", "👩‍👩‍👧‍👦🏴‍☠️", `"}]},{"type":"section"`, "– … ′", strings.Repeat("&", 1<<20), strings.Repeat("<!channel>", 1<<17), strings.Repeat("👩‍👧 ", 1<<17),
	strings.Repeat("a", 1<<20), strings.Repeat("line\n", 1<<18), strings.Repeat(":smile:", 1<<17), "", " \n ",
}

func TestNothingThatPeopleWriteIsReadAsMarkup(t *testing.T) {
	for n, evil := range hostile {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.config.People[0].Name = evil
			at := begun()
			call := called(at, 1, "P1", s.config.People[0], rules.Person{ID: evil, Name: evil, Slack: evil})
			x := call.Notice
			x.Title, x.Component, x.Summary, x.Role, x.Regions, x.To, x.Acked = evil, evil, evil, evil, []string{evil, evil}, []string{evil}, evil
			s.publish(s.channel(), call)
			s.now = func(string) (publisher.Standing, bool) {
				return publisher.Standing{Notice: *x, Worst: "P1", Next: at.Add(time.Hour)}, true
			}
			s.publish(s.channel(), called(at, 2, "P1", s.config.People[0]))
			s.now = nil

			d := said(at, "P1 investigating")
			d.Incident.Symptom, d.Incident.Status, d.Incident.Integrity, d.Incident.Impact = evil, evil, evil, evil
			d.Incident.Regions = []templates.Region{{Code: evil, Name: evil}}
			d.Update.Regions = []templates.Region{europe}
			if templates.Lint(evil) == nil && utf8.ValidString(evil) {
				// What customers cannot be told is refused where it is typed; this can.
				d.Update.Text, d.Update.Impact, d.Update.Workaround, d.Update.Symptom = evil, evil, evil, evil
				d.Incident.Component.Name, d.Update.Regions = evil, d.Incident.Regions
			}
			s.publish(s.channel(), d)
			s.lookAt()
			for _, m := range s.Messages(room) {
				if len(evil) > 100_000 && m.Part() == "call" && m.Key() == "INC-2026-0001/notice/1" && !strings.Contains(string(m.Blocks), strings.TrimSpace(cut)) {
					t.Errorf("it does not say that it is shortened: %.300s", m.Blocks)
				}
			}
		})
	}
}

func TestLongTextsAreCutBetweenCharactersAndSayThatTheyAre(t *testing.T) {
	for _, one := range []string{"a", "é", "👍", "&", "<", "a&", "👍&"} {
		for _, most := range []int{20, 75, 150, 3000} {
			got := clip(strings.Repeat(one, 4000), most)
			if n := utf16Len(got); n > most || n < most-6 || !strings.HasSuffix(got, cut) || !utf8.ValidString(got) || bare.MatchString(got) {
				t.Errorf("%q in %d: %d characters, %q", one, most, n, got[max(0, len(got)-40):])
			}
			if got := clip(one, most); got != escape.Replace(one) {
				t.Errorf("%q becomes %q", one, got)
			}
		}
		all := words(strings.Repeat(one, 1<<20))
		if len(all) < 2 || len(all) > 3 {
			t.Errorf("%q: %d sections", one, len(all))
		}
		blocks, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		if bad := slacktest.Check("x", blocks); len(bad) > 0 {
			t.Errorf("%q: %v", one, bad)
		}
	}
	// A person's longest text is never cut.
	if all := words(strings.Repeat("é", 2000) + "\n" + strings.Repeat("b", 3000)); len(all) != 2 || strings.Contains(sum(all), strings.TrimSpace(cut)) {
		t.Errorf("%d sections: %.100s", len(all), sum(all))
	}
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

func TestMentionsAreMadeOfMemberIDsAlone(t *testing.T) {
	all, without := mentions([]rules.Person{
		{ID: "a", Name: "Ann", Slack: "U0ANN"},
		{ID: "w", Slack: "W012A3CDE"},
		{ID: "b", Name: "Bo", Slack: "<!channel>"},
		{ID: "c", Slack: "U0ANN><!here"},
		{ID: "d", Slack: "S0TEAM"},
		{ID: "e", Slack: "here"},
		{ID: "f", Slack: "u0ann"},
	})
	if want := []string{"<@U0ANN>", "<@W012A3CDE>"}; !slices.Equal(all, want) {
		t.Errorf("%v", all)
	}
	if want := []string{"Bo", "c", "d", "e", "f"}; !slices.Equal(without, want) {
		t.Errorf("%v", without)
	}
}

func TestTheLimitsAreSlacks(t *testing.T) {
	text := func(n int) string {
		return fmt.Sprintf(`{"type":"plain_text","text":%q}`, strings.Repeat("a", n))
	}
	many := func(n int, one string) string {
		return strings.TrimSuffix(strings.Repeat(one+",", n), ",")
	}
	for name, test := range map[string]struct{ good, bad string }{
		"50 blocks":       {`[` + many(50, `{"type":"divider"}`) + `]`, `[` + many(51, `{"type":"divider"}`) + `]`},
		"a header's text": {`[{"type":"header","text":` + text(150) + `}]`, `[{"type":"header","text":` + text(151) + `}]`},
		"a header is plain": {
			`[{"type":"header","text":` + text(1) + `}]`, `[{"type":"header","text":{"type":"mrkdwn","text":"a"}}]`,
		},
		"a section's text":   {`[{"type":"section","text":` + text(3000) + `}]`, `[{"type":"section","text":` + text(3001) + `}]`},
		"no empty text":      {`[{"type":"section","text":` + text(1) + `}]`, `[{"type":"section","text":` + text(0) + `}]`},
		"ten fields":         {`[{"type":"section","fields":[` + many(10, text(1)) + `]}]`, `[{"type":"section","fields":[` + many(11, text(1)) + `]}]`},
		"a field":            {`[{"type":"section","fields":[` + text(2000) + `]}]`, `[{"type":"section","fields":[` + text(2001) + `]}]`},
		"a section of what?": {`[{"type":"section","text":` + text(1) + `}]`, `[{"type":"section"}]`},
		"a button's text":    {`[{"type":"actions","elements":[{"type":"button","text":` + text(75) + `}]}]`, `[{"type":"actions","elements":[{"type":"button","text":` + text(76) + `}]}]`},
		"a button's value": {
			`[{"type":"actions","elements":[{"type":"button","text":` + text(1) + `,"value":"` + strings.Repeat("v", 2000) + `"}]}]`,
			`[{"type":"actions","elements":[{"type":"button","text":` + text(1) + `,"value":"` + strings.Repeat("v", 2001) + `"}]}]`,
		},
		"an action_id": {
			`[{"type":"actions","elements":[{"type":"button","text":` + text(1) + `,"action_id":"` + strings.Repeat("v", 255) + `"}]}]`,
			`[{"type":"actions","elements":[{"type":"button","text":` + text(1) + `,"action_id":"` + strings.Repeat("v", 256) + `"}]}]`,
		},
		"a block_id":    {`[{"type":"divider","block_id":"` + strings.Repeat("v", 255) + `"}]`, `[{"type":"divider","block_id":"` + strings.Repeat("v", 256) + `"}]`},
		"25 elements":   {`[{"type":"actions","elements":[` + numbered(25) + `]}]`, `[{"type":"actions","elements":[` + numbered(26) + `]}]`},
		"ids once":      {`[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"b"}]`, `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`},
		"all together":  {`[` + many(4, `{"type":"section","text":`+text(3000)+`}`) + `]`, `[` + many(5, `{"type":"section","text":`+text(3000)+`}`) + `]`},
		"no inputs":     {`[{"type":"divider"}]`, `[{"type":"input","label":` + text(1) + `,"element":{"type":"plain_text_input"}}]`},
		"known types":   {`[{"type":"divider"}]`, `[{"type":"shout"}]`},
		"JSON":          {`[]`, `{`},
		"astral twice":  {`[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("👍", 75) + `"}}]`, `[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("👍", 76) + `"}}]`},
		"ten in a line": {`[{"type":"context","elements":[` + many(10, text(1)) + `]}]`, `[{"type":"context","elements":[` + many(11, text(1)) + `]}]`},
	} {
		if bad := slacktest.Check("x", json.RawMessage(test.good)); len(bad) > 0 {
			t.Errorf("%s: refused is %v", name, bad)
		}
		if bad := slacktest.Check("x", json.RawMessage(test.bad)); len(bad) == 0 {
			t.Errorf("%s: too much is taken", name)
		}
	}
	if len(slacktest.Check(strings.Repeat("a", 40000), nil)) > 0 || len(slacktest.Check(strings.Repeat("a", 40001), nil)) == 0 || len(slacktest.Check("", nil)) == 0 {
		t.Error("the text's own limits")
	}
}

func numbered(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"type":"button","text":{"type":"plain_text","text":"a"},"action_id":"%d"}`, i))
	}
	return strings.Join(all, ",")
}
