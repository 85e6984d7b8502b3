package rules

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Channels without mistakes, and their beginnings.
const (
	hears  = "severities: [P0]"
	signed = "channels: {h: {type: webhook, url: \"https://x\", secret_file: x, " + hears + ", "
	sends  = "channels: {e: {type: email, server: \"x:587\", from: a@x, "
	chats  = "channels: {s: {type: slack, token_file: x, " + hears + ", "
	tracks = "channels: {t: {type: tracker, token_file: x, " + hears + ", "
	listed = "page: {url: \"https://x\"}\n" + sends + hears + ", "
	post   = sends + "}}\n"
	chat   = chats + "channel: C0123ABCD}}\n"
	track  = tracks + "repository: a/b}}\n"
	staff  = "audience: staff, addresses: [a@x]"
	hexKey = "0123456789abcdef0123456789abcdef"
)

// paged begins a webhook of another format.
func paged(format string) string {
	return "channels: {h: {type: webhook, format: " + format + ", " + hears + ", url: \"https://x\""
}

var channelMistakes = []mistakeTest{
	// all types
	{"a channel with a key of none", signed + "«colour»: red}}", `unknown key in h: "colour": want one of severities url format secret_file token_file allow`},
	{"a channel with a key nearly of its own", sends + hears + ", «conections»: 4, lists: [{name: a, " + staff + "}]}}", `did you mean "connections"?`},
	{"a channel with another type's key", signed + "folder: «x»}}", "a webhook channel has none (those of type page do): leave it out"},
	{"a tracker that signs", tracks + "repository: a/b, secret_file: «x»}}", "a tracker channel has none (those of type webhook, slack do)"},
	{"mail to an address", sends + hears + ", url: «\"https://x\"», lists: [{name: a, " + staff + "}]}}", "an email channel has none"},

	// secrets
	{"a secret in a channel", "channels: {h: {type: webhook, url: \"https://x\", secret_file: x, " + hears + ", «secret»: hunter2}}", "write secret_file: /path/to/it"},
	{"a token in a channel", chats + "channel: C0123ABCD, «token»: hunter2}}", "write token_file: /path/to/it"},
	{"a password in a channel", sends + hears + ", lists: [{name: a, " + staff + "}], «password»: hunter2}}", "write password_file: /path/to/it"},
	{"a key in a channel", paged("pagerduty") + ", token_file: x, «routing_key»: hunter2}}", "write token_file: /path/to/it"},
	{"a secret where its file is named", "channels: {h: {type: webhook, url: \"https://x\", secret_file: «whsec_hunter2», " + hears + "}}", "the secret itself stands here, and this file is shared"},
	{"a token where its file is named", "channels: {s: {type: slack, channel: C0123ABCD, token_file: «xoxb-hunter2», " + hears + "}}", "name that, as in /etc/tocsin/slack-token"},
	{"a key where its file is named", paged("pagerduty") + ", token_file: «" + hexKey + "»}}", "the secret itself stands here"},
	{"a token of an issue tracker", "channels: {t: {type: tracker, repository: a/b, token_file: «ghp_hunter2», " + hears + "}}", "the secret itself stands here"},
	{"a file without a name", "channels: {t: {type: tracker, repository: a/b, token_file: «\"\"», " + hears + "}}", "want a path"},
	{"an address with a token", "channels: {h: {type: webhook, secret_file: x, " + hears + ", url: «\"https://x/?token=hunter2\"»}}", "a secret stands in it: take it out; what is posted is signed with secret_file"},
	{"an address of ntfy with a token", "channels: {h: {type: webhook, format: ntfy, " + hears + ", url: «\"https://x/?api_key=hunter2\"»}}", "take it out; write token_file: /path/to/it"},

	// webhook
	{"a webhook of an unknown format", "channels: {h: {type: webhook, url: \"https://x\", secret_file: x, " + hears + ", format: «pagerdty»}}", `did you mean "pagerduty"?`},
	{"a webhook at no port", "channels: {h: {type: webhook, secret_file: x, " + hears + ", url: «\"https://x:70000\"»}}", "want a port from 1 to 65535"},
	{"a signed format without a secret", "channels: {h: «{»type: webhook, format: statuspage, url: \"https://x\", " + hears + "}}", "secret_file is missing: add secret_file: /path/to/it"},
	{"a signed format with a token", signed + "format: generic, token_file: «x»}}", "a webhook of format generic has none: it is signed with secret_file"},
	{"a pager without a key", "channels: {h: «{»type: webhook, format: pagerduty, url: \"https://x\", " + hears + "}}", "token_file is missing: add token_file: /path/to/it, a file with the key of the integration"},
	{"a pager with a secret", paged("opsgenie") + ", token_file: x, secret_file: «x»}}", "nobody would check a signature in format opsgenie"},
	{"a pager without an address", "channels: {h: «{»type: webhook, format: pagerduty, token_file: x, " + hears + "}}", "url is missing: add url: https://events.pagerduty.com/v2/enqueue"},
	{"a channel of Teams with a token", paged("teams") + ", token_file: «x»}}", "its address is all that it knows us by"},
	{"an address that may be posted to", signed + "allow: [«10.0.0.7»]}}", "write 10.0.0.7/32 for this address alone"},
	{"a network that is none", signed + "allow: [\"10.0.0.0/8\", «intranet»]}}", `as in ["10.0.0.0/8"]; found "intranet"`},
	{"a network with an address in it", signed + "allow: [«10.0.0.7/8»]}}", "the network of 10.0.0.7/8 is written 10.0.0.0/8"},
	{"a network that is all", signed + "allow: [«0.0.0.0/0»]}}", "every address that there is"},
	{"a network that stands twice", signed + "allow: [10.0.0.0/8, «10.0.0.0/8»]}}", "10.0.0.0/8 stands twice"},
	{"no network", signed + "allow: «[]»}}", "the list is empty: name a network"},

	// slack
	{"Slack without a token", "channels: {s: «{»type: slack, channel: C0123ABCD, " + hears + "}}", "token_file is missing"},
	{"Slack without a channel", chats[:len(chats)-len(hears)-2-len("{type: slack, token_file: x, ")] + "«{»type: slack, token_file: x, " + hears + "}}", "channel is missing: add channel: C0123ABCD"},
	{"a channel of Slack by its name", chats + "channel: «\"#status\"»}}", `want the channel's ID, as in C0123ABCD`},
	{"Slack in the clear", chats + "channel: C0123ABCD, url: «\"http://x\"»}}", "in the clear"},
	{"Slack twice in one channel", "channels: {s: {type: slack, token_file: x, channel: C0123ABCD, " + hears + "}, «s2»: {type: slack, token_file: x, channel: C0123ABCD, " + hears + "}}", "s and s2 would say everything twice in C0123ABCD"},
	{"rooms for nothing", chats + "channel: C0123ABCD, rooms: {severities: «[]»}}}", "or leave rooms out to have none"},
	{"rooms for an unknown severity", chats + "channel: C0123ABCD, rooms: {severities: [«P9»]}}}", `unknown severity "P9"`},
	{"rooms with capitals", chats + "channel: C0123ABCD, rooms: {prefix: «Incident-»}}}", "small letters, digits, hyphens and underscores"},
	{"rooms for whom nobody knows", chats + "channel: C0123ABCD, rooms: {invite: [ana, «on-cal»]}}}\npeople: {ana: {roles: [on-call]}}", `unknown person or role "on-cal": did you mean "on-call"?`},
	{"rooms that are public", chats + "channel: C0123ABCD, rooms: {«public»: true}}}", "is called private"},

	// email
	{"mail without a server", "channels: {e: «{»type: email, from: a@x, " + hears + ", lists: [{name: a, " + staff + "}]}}", "server is missing: add server: smtp.example.com:587"},
	{"mail from nobody", "channels: {e: «{»type: email, server: \"x:587\", " + hears + ", lists: [{name: a, " + staff + "}]}}", "from is missing"},
	{"a server without a port", mailOf("server: «smtp.example.com», from: a@x"), "want host:port, as in smtp.example.com:587"},
	{"a server that is an address", mailOf("server: «\"smtp://smtp.example.com:587\"», from: a@x"), "want host:port"},
	{"a server with a password", mailOf("server: «\"a:hunter2@smtp.example.com:587\"», from: a@x"), "who signs in stands in user and password_file"},
	{"a server at no port", mailOf("server: «\"x:99999\"», from: a@x"), "want host:port"},
	{"mail in the clear", mailOf("server: \"x:25\", tls: «none», from: a@x"), "mail and password would travel in the clear"},
	{"mail by an unknown TLS", mailOf("server: \"x:25\", tls: «start-tls», from: a@x"), `did you mean "starttls"?`},
	{"mail that waits for a greeting in the clear", mailOf("server: «\"x:465\"», from: a@x"), "speaks TLS from the first byte: add tls: tls"},
	{"a user without a password", mailOf("server: \"x:587\", from: a@x, user: «a»"), "add password_file: /path/to/it"},
	{"a password without a user", mailOf("server: \"x:587\", from: a@x, password_file: «a»"), "add user: tocsin"},
	{"a sender that is none", mailOf("server: \"x:587\", from: «status»"), "want a name and an address"},
	{"a sender that is a placeholder", mailOf("server: \"x:587\", from: «\"{organisation} <a@x>\"»"), "the placeholder {organisation}"},
	{"a sender that customers cannot read", mailOf("server: \"x:587\", from: «'\"a {b}\" <a@x>'»"), "the placeholder {b}"},
	{"answers to a name", mailOf("server: \"x:587\", from: a@x, reply_to: «\"A <a@x>\"»"), "want an address alone, as in support@example.com"},
	{"bounces to nobody", mailOf("server: \"x:587\", from: a@x, bounces: «\"\"»"), "want an address alone"},
	{"no connection", mailOf("server: \"x:587\", from: a@x, connections: «0»"), "want a whole number from 1 to 50"},
	{"a pace without a time", mailOf("server: \"x:587\", from: a@x, pace: «600»"), "as in 600/1m, from 3 to 60000 a minute; found 600 without a unit"},
	{"a pace of nothing", mailOf("server: \"x:587\", from: a@x, pace: «10/h»"), "from 3 to 60000 a minute"},
	{"a pace that no channel keeps", mailOf("server: \"x:587\", from: a@x, pace: «2/m»"), "from 3 to 60000 a minute"},
	{"mail that nobody reads", "channels: {«e»: {type: email, server: \"x:587\", from: a@x, " + hears + "}}", "the channel e hears of P0 and has no lists"},
	{"mail of nothing", "channels: {«e»: {type: email, server: \"x:587\", from: a@x, lists: [{name: a, " + staff + "}]}}\npeople: {ana: {reach: [e], email: a@x}}", "the lists of e hear of no severity"},
	{"no list", listed + "lists: «[]»}}", "the list is empty: add one"},
	{"a list without a name", listed + "lists: [«{»" + staff + "}]}}", "name is missing"},
	{"a list that stands twice", listed + "lists: [{name: a, " + staff + "}, {name: «a», " + staff + "}]}}", `"a" is used twice: first at t.yaml:2:`},
	{"a list of nobody", listed + "lists: [«{»name: a}]}}", "addresses is missing: add addresses: [ana@example.com], or file: /path/to/them"},
	{"a list of no address", listed + "lists: [{name: a, addresses: «[]»}]}}", "the list is empty: add an address"},
	{"a list of one that is none", listed + "lists: [{name: a, addresses: [a@x, «kim»]}]}}", "want addresses alone"},
	{"a list of one with letters beyond ASCII", listed + "lists: [{name: a, addresses: [«kim@exämple.com»]}]}}", "want addresses alone"},
	{"a list of one twice", listed + "lists: [{name: a, addresses: [a@x, «A@X»]}]}}", "A@X stands twice"},
	{"a list of an unknown audience", listed + "lists: [{name: a, addresses: [a@x], audience: «costumers»}]}}", `did you mean "customers"?`},
	{"a list for an unknown component", api + listed + "lists: [{name: a, addresses: [a@x], components: [«apo»]}]}}", `did you mean "api"?`},
	{"a list for an unknown region", "regions: [{code: eu}]\n" + listed + "lists: [{name: a, addresses: [a@x], regions: [«ue»]}]}}", `unknown region "ue": want one of eu`},
	{"a list for a region by its alias", "regions: [{code: eu, aliases: [local]}]\n" + listed + "lists: [{name: a, addresses: [a@x], regions: [«local»]}]}}", "write eu"},
	{"a list in a zone that is none", listed + "lists: [{name: a, addresses: [a@x], zone: «Berlin»}]}}", "want a time zone"},
	{"a list by other names", listed + "lists: [{name: a, file: x, «to»: [a@x]}]}}", "is called addresses"},
	{"customers without a page", sends + hears + ", lists: [{name: s, " + staff + "}, «{»name: a, addresses: [a@x]}, {name: b, file: x}]}}", "nobody said where that is: add page: {url: https://status.example.com}"},
	{"customers of a page in the clear", "page: {url: \"http://x\"}\n" + sends + hears + ", lists: [«{»name: a, addresses: [a@x]}]}}", "only over https"},

	// tracker
	{"a tracker without a token", "channels: {t: «{»type: tracker, repository: a/b, " + hears + "}}", "token_file is missing"},
	{"a tracker without a repository", "channels: {t: «{»type: tracker, token_file: x, " + hears + "}}", "repository is missing: add repository: acme/operations"},
	{"a repository by its address", tracks + "repository: «\"https://github.com/a/b\"»}}", "want owner/name, as in acme/operations"},
	{"a repository above the others", tracks + "repository: «a/..»}}", "want owner/name"},
	{"a tracker in the clear", tracks + "repository: a/b, url: «\"http://x\"»}}", "in the clear"},
	{"a label with a comma", tracks + "repository: a/b, labels: [«\"a, b\"»]}}", "a label holds no comma"},
	{"a label that is too long", tracks + "repository: a/b, labels: [«" + strings.Repeat("x", 51) + "»]}}", "want at most 50 characters"},
	{"a label that stands twice", tracks + "repository: a/b, labels: [a, «A»]}}", "A stands twice"},
	{"no label", tracks + "repository: a/b, labels: «[]»}}", "the list is empty: add a label"},
	{"two trackers in one repository", "channels: {t: {type: tracker, token_file: x, repository: a/b, " + hears + "}, «u»: {type: tracker, token_file: x, repository: A/B, " + hears + "}}", "t and u would write into each other's issues"},
	{"a tracker that hears of nothing", "channels: {«t»: {type: tracker, token_file: x, repository: a/b}}", "or name it under a severity's channels"},

	// templates
	{"a picture on the web", "page: {logo: «\"https://cdn.example.com/logo.svg\"»}", "want a file on this machine, as in /etc/tocsin/logo.svg"},
	{"templates that are nowhere", "templates: «\" \"»", "want a path, as in /etc/tocsin/templates"},
}

// mailOf is mail to a list, of what is written.
func mailOf(keys string) string {
	return "channels: {e: {type: email, " + hears + ", lists: [{name: a, " + staff + "}], " + keys + "}}"
}

// A channel that says only what it must has what is built in.
func TestChannelsThatSayLittle(t *testing.T) {
	c := parse(t, "page: {url: \"https://x\"}\npeople: {ana: {roles: [on-call]}}\nchannels:\n"+
		"  s: {type: slack, token_file: t, channel: C0123ABCD, severities: [P0], rooms: {}}\n"+
		"  quiet: {type: slack, token_file: t, channel: C0123ABCE, severities: [P0]}\n"+
		"  e: {type: email, server: \"localhost:25\", tls: none, from: a@x, severities: [P0], lists: [{name: a, addresses: [a@x]}]}\n"+
		"  t: {type: tracker, repository: a/b, token_file: t, severities: [P4], labels: [incident, Ops]}\n"+
		"  n: {type: webhook, format: ntfy, url: \"https://ntfy.example.com/t\", severities: [P0]}\n"+
		"  m: {type: webhook, format: teams, url: \"https://teams.example.com/t?sig=x&token=y\", severities: [P0]}\n")
	want := []Channel{
		{Name: "status", Type: "page", Folder: "page"},
		{Name: "s", Type: "slack", TokenFile: "t", Severities: []Severity{P0}, Slack: &Slack{Channel: "C0123ABCD", Rooms: Rooms{Severities: []Severity{P0, P1}, Prefix: "incident-"}}},
		{Name: "quiet", Type: "slack", TokenFile: "t", Severities: []Severity{P0}, Slack: &Slack{Channel: "C0123ABCE"}},
		{Name: "e", Type: "email", Severities: []Severity{P0}, Mail: &Mail{
			Server: "localhost:25", TLS: "none", From: "a@x", Connections: 4, Lists: []List{{Name: "a", Addresses: []string{"a@x"}}},
		}},
		{Name: "t", Type: "tracker", TokenFile: "t", Severities: []Severity{P4}, Tracker: &Tracker{Repository: "a/b", Labels: []string{"Ops"}}},
		{Name: "n", Type: "webhook", Format: "ntfy", URL: "https://ntfy.example.com/t", Severities: []Severity{P0}},
		{Name: "m", Type: "webhook", Format: "teams", URL: "https://teams.example.com/t?sig=x&token=y", Severities: []Severity{P0}},
	}
	if diff := cmp.Diff(want, c.Channels, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), byName); diff != "" {
		t.Error(diff)
	}
}

func TestPace(t *testing.T) {
	for text, want := range map[string]int{"600/1m": 600, "600/m": 600, "600 / min": 600, "10/s": 600, "10/1s": 600, "600/h": 10, "180/1h": 3} {
		c := parse(t, mailOf("server: \"x:587\", from: a@x, pace: "+text))
		if got := c.Channels[1].Mail.Pace; got != want {
			t.Errorf("%s is %d messages a minute, want %d", text, got, want)
		}
	}
}

// The built-in scale names channels, which hear of it as soon as they are
// declared under those names.
func TestTheBuiltInScaleReachesWhatIsDeclared(t *testing.T) {
	c := parse(t, "page: {url: \"https://x\"}\nchannels:\n"+
		"  slack: {type: slack, token_file: t, channel: C0123ABCD}\n"+
		"  email: {type: email, server: \"x:587\", from: a@x, lists: [{name: a, addresses: [a@x]}]}\n"+
		"  tracker: {type: tracker, repository: a/b, token_file: t, severities: [P4]}\n")
	for s, want := range map[Severity][]string{
		P0: {"status", "slack", "email"}, P1: {"status", "slack"}, P2: {"status"}, P3: {"tracker"}, P4: {"tracker"},
	} {
		if got := c.Hears(s); !slices.Equal(got, want) {
			t.Errorf("%s is heard by %v, want %v", s, got, want)
		}
	}
	if p := c.Policies[P4]; !p.OnOpened || !p.OnResolved || p.Public {
		t.Errorf("P4, the backlog, is told neither at its beginning nor at its end, or to customers: %+v", p)
	}
}

func TestWhatIsToldWithoutAClock(t *testing.T) {
	for text, want := range map[string][2]bool{
		"[]": {}, "[{on: opened}]": {true, false}, "[{on: resolved}]": {false, true}, "[{on: resolved}, {on: opened}]": {true, true}, "[{every: 1h}]": {},
	} {
		p := parse(t, "severities: {P4: {cadence: "+text+"}}").Policies[P4]
		if got := [2]bool{p.OnOpened, p.OnResolved}; got != want {
			t.Errorf("%s tells the beginning and the end: %v, want %v", text, got, want)
		}
		if p.Every(0) != 0 && p.Every(0) != time.Hour {
			t.Errorf("%s speaks every %v", text, p.Every(0))
		}
	}
}

// Whoever could not be read is not blamed on those who name them, nor is a page.
func TestNobodyIsBlamedForPeopleWhoCouldNotBeRead(t *testing.T) {
	_, err := Parse([]File{{"t.yaml", []byte("people: {Ana: {roles: [on-call]}}\npage: {url: nowhere}\n" +
		chats + "channel: C0123ABCD, rooms: {invite: [on-call]}}, e: {type: email, server: \"x:587\", from: a@x, " + hears + ", lists: [{name: a, addresses: [a@x]}]}}")}})
	if all := Mistakes(err); len(all) != 2 || all[0].Pos.Line != 1 || all[1].Pos.Line != 2 {
		t.Errorf("want the mistakes of lines 1 and 2 only, got:\n%v", err)
	}
}

// All mistakes of a channel are told at once.
func TestOneMistakeOfAChannelHidesNoOther(t *testing.T) {
	_, err := Parse([]File{{"t.yaml", []byte(`channels:
  e:
    type: email
    server: smtp.example.com
    tls: ssl
    user: tocsin
    from: us
    pace: fast
    severities: [P7]
    lists:
      - {name: A, addresses: [x]}
      - {name: b}
  s: {type: slack, channel: general, rooms: {prefix: " "}}
  t: {type: tracker, repository: ops, labels: [""]}
`)}})
	var got []int
	for _, e := range Mistakes(err) {
		got = append(got, e.Pos.Line)
	}
	if want := []int{4, 5, 6, 7, 8, 9, 11, 11, 11, 12, 13, 13, 13, 13, 14, 14, 14, 14}; !slices.Equal(got, want) {
		t.Errorf("mistakes at lines %v, want %v:\n%v", got, want, err)
	}
}
