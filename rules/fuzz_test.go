package rules

import (
	"fmt"
	"math"
	"net/mail"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Whatever the bytes are, Parse gives a configuration that is fit to run, or
// mistakes that point into the file. It never panics.
func FuzzParse(f *testing.F) {
	for _, name := range packNames {
		f.Add(packFile(name).Body)
	}
	for _, pattern := range []string{"testdata/*.yaml", "../deploy/example/*.yaml", "../deploy/example/rules/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			body, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	for _, test := range slices.Concat(fileMistakes, ruleMistakes, deskMistakes, channelMistakes) {
		f.Add([]byte(unmarked.Replace(test.yaml)))
	}
	for _, seed := range []string{"", "\ufeffrules:\r\n  - &a {id: *a}", "a: &x [*x]", "? [", "- - -", "!!binary |", "<<: {}", "%YAML 1.2\n---\n", "rules: *r", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := Parse([]File{{Name: "f.yaml", Body: body}})
		again, errAgain := Parse([]File{{Name: "f.yaml", Body: body}})
		if err == nil {
			fitToRun(t, c)
			if !reflect.DeepEqual(c, again) || !slices.Equal(c.Files, []string{"f.yaml"}) {
				t.Errorf("read again it says something else: %+v, %+v", c, again)
			}
			return
		}
		if errAgain == nil || err.Error() != errAgain.Error() {
			t.Errorf("read again it has other mistakes:\n%v\n%v", err, errAgain)
		}
		all := Mistakes(err)
		if c != nil || len(all) == 0 {
			t.Fatalf("neither a configuration nor a mistake: %+v, %v", c, err)
		}
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(body)), "\n") + 1
		for _, e := range all {
			if e.Pos.File != "f.yaml" || e.Pos.Line < 1 || e.Pos.Line > lines || e.Pos.Col < 1 || e.Msg == "" {
				t.Errorf("%q is placed outside of the file of %d lines", e.Error(), lines)
			}
			if strings.ContainsFunc(e.Msg, unicode.IsControl) || len(e.Msg) > 20_000 {
				t.Errorf("%q is not a line to read", e.Msg)
			}
		}
	})
}

// unmarked takes off the marks of mistakes.
var unmarked = strings.NewReplacer("«", "", "»", "")

// What is read as a duration is written so that it is read as the same.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"5m", "1h30m", "2d", "1d12h", "0.5d", "800ms", "1.5s", "250us", "250µs", "0s", "", "d", "-5m", "36500d", "106751d", "9223372036854775807ns", "1e3s", "0.0000000001d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := parseDuration(s)
		if !ok {
			return
		}
		if d < 0 || strings.ContainsAny(s, "+-") {
			t.Errorf("%q is read as %v", s, d)
		}
		if back, ok := parseDuration(spell(d)); !ok || back != d {
			t.Errorf("%q is %v, written as %q and read as %v", s, d, spell(d), back)
		}
	})
}

// Shares, factors, rates and figures are numbers, and are written so that they
// are read as about the same. No text is two of them but a percentage, which is
// a figure, too.
func FuzzShare(f *testing.F) {
	for _, seed := range []string{"5%", "0.5 %", "99.99%", "100%", "0%", "%", "-5%", "1e1%", "3x", "0.3 x", "x", "10/s", "10/min", "0.5 / h", "14", "-1.5", "007", "1.", "NaN%", "Inf", "9999999999999999999999%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		readers := []struct {
			name  string
			read  func(string) (float64, bool)
			write func(float64) string
		}{{"share", parseShare, spellShare}, {"factor", parseTimes, spellTimes}, {"rate", parseRate, spellRate}, {"figure", parseFigure, spellNumber}}
		kinds := 0
		for _, r := range readers {
			v, ok := r.read(s)
			if !ok {
				continue
			}
			kinds++
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 && r.name != "figure" {
				t.Errorf("the %s %q is read as %v", r.name, s, v)
			}
			back, ok := r.read(r.write(v))
			if big := math.Abs(v) > 1e8 || v != 0 && math.Abs(v) < 1e-6; !big && (!ok || math.Abs(back-v) > 1e-3*math.Abs(v)) {
				t.Errorf("the %s %q is %v, written as %q and read as %v", r.name, s, v, r.write(v), back)
			}
		}
		if _, share := parseShare(s); kinds > 1 && !share {
			t.Errorf("%q is read in %d ways", s, kinds)
		}
	})
}

// fitToRun asserts what the packages that use a configuration rely on.
func fitToRun(t *testing.T, c *Config) {
	t.Helper()
	if len(c.Rules) == 0 || len(c.Components) == 0 || len(c.Policies) != len(Severities) || c.Organisation == "" || c.Page.Title == "" ||
		c.Zone == nil || c.ReopenWithin < 0 || c.Business.Zone == nil || c.Business.From >= c.Business.To || len(c.Business.Days) == 0 {
		t.Errorf("something is missing in %+v", c)
	}
	fitDesk(t, c)
	known := map[string]bool{}
	for _, comp := range c.Components {
		known[comp.ID] = true
	}
	ids := map[string]bool{}
	for _, r := range c.Rules {
		if ids[r.ID] || !known[r.Component] {
			t.Errorf("the id is taken, or the component is unknown: %+v", r)
		}
		ids[r.ID] = true
		fitRule(t, r)
		for _, o := range r.Overrides {
			own := r
			own.Overrides = nil
			own.Levels, own.Recover = r.Levels, r.Recover
			if len(o.Levels) > 0 {
				own.Levels = o.Levels
			}
			if o.Recover != (Recover{}) {
				own.Recover = o.Recover
			}
			fitRule(t, own)
			if o.Confidence != 0 && (o.Confidence < 0.5 || o.Confidence > 0.9999) {
				t.Errorf("out of range: %+v", o)
			}
		}
	}
	for _, r := range c.Rules {
		for _, l := range r.Levels {
			for _, id := range l.ConfirmWith {
				if by, ok := c.Rule(id); !ok || by.waits() || id == r.ID {
					t.Errorf("%s cannot confirm %s", id, r.ID)
				}
			}
		}
	}
	for _, s := range c.Services {
		if s.SampleRate <= 0 || s.SampleRate > 1 {
			t.Errorf("out of range: %+v", s)
		}
	}
	for _, ch := range c.Channels {
		fitChannel(t, c, ch)
	}
	for _, p := range c.People {
		for _, name := range p.Reach {
			i := slices.IndexFunc(c.Channels, func(ch Channel) bool { return ch.Name == name })
			if i < 0 || cannotCall(c.Channels[i]) != "" || c.Channels[i].Type == "email" && !isMailbox(p.Email) || c.Channels[i].Type == "slack" && p.Slack == "" {
				t.Errorf("%s is not reached by %s: %+v", p.ID, name, p)
			}
		}
	}
}

// fitChannel asserts what the channels rely on.
func fitChannel(t *testing.T, c *Config, ch Channel) {
	t.Helper()
	fit := false
	switch ch.Type {
	case "page":
		fit = ch.Folder != ""
	case "webhook":
		signed := ch.Format == "" || slices.Contains(signedFormats, ch.Format)
		fit = ch.URL != "" && signed == (ch.SecretFile != "") && (ch.TokenFile != "" || !slices.Contains(needTokens, ch.Format)) &&
			(ch.TokenFile == "" || slices.Contains(tokenFormats, ch.Format))
		for _, p := range ch.Allow {
			fit = fit && p.IsValid() && p.Bits() > 0 && p == p.Masked()
		}
	case "slack":
		s := ch.Slack
		fit = s != nil && ch.TokenFile != "" && s.Channel != "" && (len(s.Rooms.Severities) > 0) == (s.Rooms.Prefix != "")
		for _, who := range s.Rooms.Invite {
			fit = fit && len(c.Who(who)) > 0
		}
	case "email":
		m := ch.Mail
		_, port, ok := hostPort(m.Server)
		_, err := mail.ParseAddress(m.From)
		fit = ok && port > 0 && err == nil && !strings.ContainsAny(m.From, "\r\n") && (m.User == "") == (m.PasswordFile == "") && slices.Contains(tlsNames, m.TLS) &&
			m.Connections > 0 && m.Pace >= 0 && (m.ReplyTo == "" || isMailbox(m.ReplyTo)) && (m.Bounces == "" || isMailbox(m.Bounces))
		names := map[string]bool{}
		for _, l := range m.Lists {
			fit = fit && !names[l.Name] && l.Name != "" && (len(l.Addresses) > 0 || l.File != "") && (l.Staff || c.Page.URL != "")
			names[l.Name] = true
			for _, a := range l.Addresses {
				fit = fit && isMailbox(a) && !strings.ContainsAny(a, "\r\n ,")
			}
		}
	case "tracker":
		fit = ch.TokenFile != "" && strings.Count(ch.Tracker.Repository, "/") == 1
	}
	if !fit || ch.Type != "page" && len(ch.Severities) == 0 && !isNamed(c, ch.Name) {
		t.Errorf("a %s channel that is not fit: %+v", ch.Type, ch)
	}
}

// isNamed reports whether a severity or a person names a channel.
func isNamed(c *Config, name string) bool {
	for _, p := range c.Policies {
		if slices.Contains(p.Channels, name) {
			return true
		}
	}
	return slices.ContainsFunc(c.People, func(p Person) bool { return slices.Contains(p.Reach, name) })
}

// fitDesk asserts what those rely on who ask people for something.
func fitDesk(t *testing.T, c *Config) {
	t.Helper()
	for s, p := range c.Policies {
		if p.Hold < 0 || p.FirstPost > 0 && p.Hold > p.FirstPost || p.Ack.Days > 0 && p.Ack.Time > 0 || p.Business && s >= P1 ||
			(p.Page.Repeat > 0) != (p.Page.To != "") || p.Page.Repeat < 0 {
			t.Errorf("%s is %+v", s, p)
		}
		after := time.Duration(0)
		for _, e := range p.Escalate {
			if e.After < after || e.To == "" || e.Unless != UnlessAcknowledged && e.Unless != UnlessResolved {
				t.Errorf("%s: %+v", s, p.Escalate)
			}
			after = e.After
		}
		for _, step := range p.Cadence {
			if step.Every <= 0 || p.Remind >= step.Every || p.OnOpened || p.OnResolved {
				t.Errorf("%s is %+v", s, p)
			}
		}
	}
	for _, p := range c.People {
		if who, ok := c.Person(p.ID); !ok || !idPattern.MatchString(p.ID) || p.Name == "" || who.Pos != p.Pos {
			t.Errorf("%+v", p)
		}
	}
	for _, l := range c.Checklists {
		if first, ok := c.Checklist(l.ID); !ok || first.Pos != l.Pos || l.Title == "" || len(l.Steps) == 0 {
			t.Errorf("%+v", l)
		}
		for _, s := range l.Steps {
			if s.ID == "" || s.Text == "" || s.Seen != "" && !slices.Contains(SeenConditions, s.Seen) ||
				strings.ContainsFunc(s.Command+s.Text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
				t.Errorf("%s: %+v", l.ID, s)
			}
		}
	}
}

func fitRule(t *testing.T, r Rule) {
	t.Helper()
	whole := func(what string, d time.Duration) {
		if d < time.Minute || d%time.Minute != 0 || !inCells(d) && what == "window" {
			t.Errorf("%s: %s is %v", r.ID, what, d)
		}
	}
	if r.ID == "" || r.Component == "" || r.Signal.Kind == KindUnknown || len(r.Levels) == 0 || r.Public.Symptom == "" || r.Public.Impact == "" {
		t.Errorf("something is missing in %+v", r)
		return
	}
	s := r.Signal
	if s.Kind != KindBurnRate {
		whole("window", r.Window)
	}
	whole("recover", r.Recover.For)
	if r.Confidence < 0.5 || r.Confidence > 0.9999 || s.Kind == KindBurnRate && (s.Objective < 0.5 || s.Objective >= 1 || s.Period < day) ||
		s.Kind == KindStatusShare && len(s.Codes) == 0 || s.Kind == KindGauge && (s.Gauge == "" || !r.Where.FromProbes) {
		t.Errorf("out of range: %+v", r)
	}
	times := false
	for i, l := range r.Levels {
		whole("level", l.For)
		times = times || l.Times != 0
		below := s.Kind != KindGauge && l.Limit < 0
		endless := math.IsInf(l.Limit, 1) && !(l.Under && l.Times > 0)
		if math.IsNaN(l.Limit) || math.IsInf(l.Limit, -1) || below || endless || l.Severity == SeverityNone || l.Under != r.Levels[0].Under ||
			(s.Kind == KindBurnRate) != (len(l.Burn) > 0) || l.Times < 0 || l.Under && l.Times >= 1 || !l.Under && l.Times != 0 && l.Times <= 1 {
			t.Errorf("%s: out of range: %+v", r.ID, l)
		}
		if i > 0 && (r.Levels[i-1].Severity <= l.Severity || outOfOrder(r.Levels[i-1], l, s) != "") {
			t.Errorf("%s: not worst first: %+v", r.ID, r.Levels)
		}
		for _, b := range l.Burn {
			whole("window", b.Long)
			whole("window", b.Short)
			if b.Short >= b.Long || b.Long > 7*day || b.Factor <= 0 || b.Factor*(1-s.Objective) >= 1 {
				t.Errorf("%s: out of range: %+v", r.ID, b)
			}
		}
	}
	if nearest, limited := nearestLimit(r.Levels, s); limited && r.Levels[len(r.Levels)-1].limited() && cmpOutwards(r.Recover.Limit, nearest, r.Levels[0].Under) > 0 {
		t.Errorf("%s would be well while it is bad: %+v", r.ID, r)
	}
	if b := r.Baseline; times && (b.Ago < r.Window || b.Over < 10*time.Minute || !inCells(b.Ago) || !inCells(b.Over)) {
		t.Errorf("%s: baseline %+v", r.ID, b)
	}
	for _, sp := range r.Spread {
		conditions := 0
		for _, set := range []bool{sp.AllRegions, sp.Regions >= 2, sp.Share > 0 && sp.Share < 1} {
			if set {
				conditions++
			}
		}
		if conditions != 1 || sp.Severity == SeverityNone {
			t.Errorf("%s: spread %+v", r.ID, sp)
		}
	}
}

// Files that no person writes: deep ones would overflow the parser's stack,
// which nothing can recover from, and wide ones would keep it busy for minutes.
func TestHostileFilesAreRefused(t *testing.T) {
	deep := &strings.Builder{}
	for i := range 700 {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	var keys strings.Builder
	for i := range maxKeys + 1 {
		keys.WriteString("k" + strconv.Itoa(i) + ": 1\n")
	}
	manyGlobs := strings.Repeat("a,", 50_000)
	rule := "id: a, component: api, signal: p99, levels: {P1: {above: 5s}}"
	for _, test := range []struct{ name, body, want string }{
		{"brackets", strings.Repeat("[", maxBytes), "nested deeper"},
		{"braces", strings.Repeat("{a: ", maxBytes/4), "nested deeper"},
		{"dashes after a bracket too many", "]" + strings.Repeat("- ", 1000), "nested deeper"},
		{"dashes", strings.Repeat("- ", maxBytes/2), "nested deeper"},
		{"question marks", strings.Repeat("? ", maxBytes/2), "nested deeper"},
		{"indentation", deep.String(), "nested deeper"},
		{"anchors", strings.Repeat("&a\n", maxBytes/3), "anchors, aliases and tags"},
		{"tags", strings.Repeat("!a\n", maxBytes/3), "anchors, aliases and tags"},
		{"keys", keys.String(), "20000 keys"},
		{"size", strings.Repeat("# long\n", maxBytes/4), "split it"},
		{
			"aliases that multiply", "components: [{id: api}]\nrules:\n- {" + rule + ", where: {routes: &r [" + manyGlobs + "a]}}\n" +
				strings.Repeat("- {"+rule+", where: {routes: *r}}\n", 900), "multiply",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]File{{Name: "f.yaml", Body: []byte(test.body)}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want a mistake about %q, got %.200v", test.want, err)
			}
		})
	}
}

// A file that is nothing but mistakes is told of in full, in lines that can be
// read.
func TestManyMistakesAreTold(t *testing.T) {
	var b strings.Builder
	b.WriteString("components: [{id: api}]\nrules:\n")
	const n = 2000
	for i := range n {
		fmt.Fprintf(&b, "- {id: r%d, component: apis%d, signal: p99, levels: {P1: {above: 5s, confirm_with: [x%d]}}}\n", i, i, i)
	}
	_, err := Parse([]File{{Name: "f.yaml", Body: []byte(b.String())}})
	all := Mistakes(err)
	if len(all) != 2*n {
		t.Errorf("%d mistakes, want %d", len(all), 2*n)
	}
	for _, e := range all {
		if len(e.Msg) > 500 {
			t.Fatalf("a mistake of %d characters: %.100s", len(e.Msg), e.Msg)
		}
	}
}
