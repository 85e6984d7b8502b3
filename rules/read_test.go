package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// around is what the texts below stand in: things that can be named.
const around = "components: [{id: api}, {id: web}]\n" +
	"regions: [{code: eu, aliases: [local]}, {code: us}]\n" +
	"rules: [{id: api-errors, component: api, signal: error_rate, levels: {P1: {above: 5%}}}]\n"

const (
	someProbe = "probes: [{id: a, type: http, targets: {eu: \"https://a\"}}]\n"
	aTest     = "tests:\n  - name: a test\n    series: [{of: api/eu, minutes: 100/50x9}]\n    expect: [{at: \"00:05\", incident: api, state: open}]\n"
	aLine     = "    series: [{of: api/eu, minutes: 1}]\n"
	aWish     = "    expect: [{at: \"00:05\", incident: api, state: open}]\n"
)

var wrongProbes = []mistakeTest{
	{"probes as a mapping", "probes: «{a: b}»", "want a list"},
	{"a probe without an id", "probes: [«{»type: http, targets: {eu: \"https://a\"}}]", "id is missing"},
	{"an id with capitals", "probes: [{id: «API», type: http, targets: {eu: \"https://a\"}}]", "small letters"},
	{"a probe that stands twice", someProbe[:len(someProbe)-2] + ", {id: «a», type: tls, targets: {eu: \"a:443\"}}]", `"a" is used twice: first at t.yaml:4:15`},
	{"no type", "probes: [«{»id: a, targets: {eu: \"https://a\"}}]", "type is missing"},
	{"an unknown type", "probes: [{id: a, type: «htp», targets: {eu: \"https://a\"}}]", `did you mean "http"?`},
	{"an address where targets belong", "probes: [{id: a, type: http, «url»: \"https://a\", targets: {eu: \"https://a\"}}]", "belongs to targets"},
	{"an unknown key", "probes: [{id: a, type: http, «evry»: 15s, targets: {eu: \"https://a\"}}]", `did you mean "every"?`},
	{"a POST", "probes: [{id: a, type: http, «method»: POST, targets: {eu: \"https://a\"}}]", "probes ask with GET"},
	{"a pause too short", "probes: [{id: a, type: http, every: «1s», targets: {eu: \"https://a\"}}]", "from 5s to 1m"},
	{"a pause of milliseconds", "probes: [{id: a, type: http, every: «5500ms», targets: {eu: \"https://a\"}}]", "whole seconds from 5s"},
	{"a time-out too long", "probes: [{id: a, type: http, timeout: «11s», targets: {eu: \"https://a\"}}]", "from 1s to 10s"},
	{"a time-out longer than the pause", "probes: [{id: a, type: http, every: 5s, timeout: «6s», targets: {eu: \"https://a\"}}]", "still be waiting when it asks again: want at most every, which is 5s"},
	{"no targets", "probes: [«{»id: a, type: http}]", "targets is missing"},
	{"targets without one", "probes: [{id: a, type: http, targets: «{}»}]", "at least one address"},
	{"targets as a list", "probes: [{id: a, type: http, targets: «[\"https://a\"]»}]", "want a mapping, as in {eu:"},
	{"a region nobody declared", "probes: [{id: a, type: http, targets: {«ue»: \"https://a\"}}]", `unknown region "ue": want one of eu us`},
	{"a region by its alias", "probes: [{id: a, type: http, targets: {«local»: \"https://a\"}}]", "write eu"},
	{"a region that cannot be one", "probes: [{id: a, type: http, targets: {«\"e u\"»: \"https://a\"}}]", "want a region's code"},
	{"an address that is none", "probes: [{id: a, type: http, targets: {eu: «a.example.com/health»}}]", "begins with https://"},
	{"an address without a host", "probes: [{id: a, type: http, targets: {eu: «\"https:///health\"»}}]", "names no host"},
	{"an address with a port that is none", "probes: [{id: a, type: http, targets: {eu: «\"https://a:99999/\"»}}]", "a number from 1 to 65535"},
	{"an address with port 0", "probes: [{id: a, type: http, targets: {eu: «\"https://a:0/\"»}}]", "a number from 1 to 65535"},
	{"an address with a word for a port", "probes: [{id: a, type: http, targets: {eu: «\"https://a:https/\"»}}]", "a number from 1 to 65535"},
	{"an address with a blank", "probes: [{id: a, type: http, targets: {eu: «\"https://a/he alth\"»}}]", "a blank stands in it"},
	{"an address with half a bracket", "probes: [{id: a, type: http, targets: {eu: «\"https://[2001:db8::1/health\"»}}]", "brackets of its host do not match"},
	{"an address with a bracket of nothing", "probes: [{id: a, type: http, targets: {eu: «\"https://[x]/health\"»}}]", "no IPv6 address"},
	{"an address with an IPv6 address without brackets", "probes: [{id: a, type: http, targets: {eu: «\"https://2001:db8::1/health\"»}}]", "into brackets"},
	{"an address with half an escape", "probes: [{id: a, type: http, targets: {eu: «\"https://a/%zz\"»}}]", "begins no escape"},
	{"an address with half an escape behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=%z\"»}}]", "begins no escape"},
	{"an address of a hyphen", "probes: [{id: a, type: http, targets: {eu: «\"https://-/\"»}}]", "begins or ends with a hyphen"},
	{"an address with two dots", "probes: [{id: a, type: http, targets: {eu: «\"https://x..com/\"»}}]", "a dot stands too much"},
	{"an address with a sign in its host", "probes: [{id: a, type: http, targets: {eu: «\"https://a!b/\"»}}]", "no host has the sign '!'"},
	{"an address with a semicolon behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?a=1;b=2\"»}}]", "what follows ? cannot be read"},
	{"an address with key behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=1&key=hunter2\"»}}]", "a secret stands behind ?"},
	{"an address with access_key behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=1&access_key=hunter2\"»}}]", "a secret stands behind ?"},
	{"an address with sig behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=1&sig=hunter2\"»}}]", "a secret stands behind ?"},
	{"an address with signature behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=1&signature=hunter2\"»}}]", "a secret stands behind ?"},
	{"an address with auth behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=1&auth=hunter2\"»}}]", "a secret stands behind ?"},
	{"an address with x-api-key behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=1&x-api-key=hunter2\"»}}]", "a secret stands behind ?"},
	{"an address with X-Amz-Signature behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/?x=1&X-Amz-Signature=hunter2\"»}}]", "a secret stands behind ?"},
	{"a port that is none for tls", "probes: [{id: a, type: tls, targets: {eu: «\"a:99999\"»}}]", "a number from 1 to 65535"},
	{"a path for tls", "probes: [{id: a, type: tls, targets: {eu: «\"a:443/health\"»}}]", "no path belongs to it"},
	{"a broken bracket for tls", "probes: [{id: a, type: tls, targets: {eu: «\"[::1:443\"»}}]", "brackets of its host do not match"},
	{"a host with two dots for tls", "probes: [{id: a, type: tls, targets: {eu: «\"x..com:443\"»}}]", "a dot stands too much"},
	{"an address with a password", "probes: [{id: a, type: http, targets: {eu: «\"https://me:hunter2@a/health\"»}}]", "a user or password stands in it"},
	{"an address with a user", "probes: [{id: a, type: http, targets: {eu: «\"https://hunter2@a/health\"»}}]", "a user or password stands in it"},
	{"an address with a secret behind it", "probes: [{id: a, type: http, targets: {eu: «\"https://a/health?x=1&token=hunter2\"»}}]", "a secret stands behind ?"},
	{"an address with a fragment", "probes: [{id: a, type: http, targets: {eu: «\"https://a/#x\"»}}]", "never sent"},
	{"a web address for tls", "probes: [{id: a, type: tls, targets: {eu: «\"https://a\"»}}]", "want host:port, as in api.eu.example.com:443, without https://"},
	{"a host without a port", "probes: [{id: a, type: tls, targets: {eu: «a.example.com»}}]", "want host:port"},
	{"a port without a host", "probes: [{id: a, type: tls, targets: {eu: «\":443\"»}}]", "want host:port"},
	{"tls that expects", "probes: [{id: a, type: tls, targets: {eu: \"a:443\"}, expect: «{»status: [200]}}]", "only shakes hands"},
	{"no codes", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, expect: {status: «[]»}}]", "the list is empty"},
	{"one code that is no list", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, expect: {status: «200»}}]", `want a list, as in [200, 204, "3xx"]`},
	{"a code that is none", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, expect: {status: [200, «700»]}}]", "want a response code from 100 to 599"},
	{"a limit beyond the time-out", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, timeout: 2s, expect: {within: «3s»}}]", "want at most timeout, which is 2s; found 3s"},
	{"a body that may hold nothing", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, expect: {json: {status: «[]»}}}]", "the list is empty"},
	{"a body's value that is no list", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, expect: {json: {status: «ok»}}}]", "want a list, as in [ok, operational]"},
	{"a place in another notation", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, expect: {json: {«$.status»: [ok]}}}]", "without $"},
	{"a place with half a bracket", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, gauges: {g: {path: «\"a.#(b==1.c\"»}}}]", "brackets and quotes that match"},
	{"a gauge without a place", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, gauges: {g: «{»values: {ok: 1}}}}]", "path is missing"},
	{"a gauge with a hyphen", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, gauges: {«pool-use»: {path: a}}}]", "small letters, digits and underscores"},
	{"a gauge that is there already", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, gauges: {«certificate_days»: {path: a}}}]", "by itself"},
	{"values without one", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, gauges: {g: {path: a, values: «{}»}}}]", "at least one value"},
	{"a value that is no number", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, gauges: {g: {path: a, values: {ok: «good»}}}}]", "want a number"},
	{"a browser of two lines", "probes: [{id: a, type: http, targets: {eu: \"https://a\"}, user_agent: «\"a\\nb\"»}]", "one line of plain letters"},
}

var wrongPlans = []mistakeTest{
	{"maintenance without an id", "maintenance: [«{»title: Upgrade, from: 2026-12-01, to: 2026-12-02}]", "id is missing"},
	{"maintenance without a title", "maintenance: [«{»id: m, from: 2026-12-01, to: 2026-12-02}]", "title is missing"},
	{"maintenance that stands twice", "maintenance: [{id: m, title: U, from: 2026-12-01, to: 2026-12-02}, {id: «m», title: U, from: 2026-12-01, to: 2026-12-02}]", `"m" is used twice`},
	{"a title with a placeholder", "maintenance: [{id: m, title: «\"Upgrade of <name>\"», from: 2026-12-01, to: 2026-12-02}]", "the placeholder <name>"},
	{"maintenance of an unknown component", "maintenance: [{id: m, title: U, components: [«apo»], from: 2026-12-01, to: 2026-12-02}]", `unknown component "apo": did you mean "api"?`},
	{"maintenance of no component", "maintenance: [{id: m, title: U, components: «[]», from: 2026-12-01, to: 2026-12-02}]", "the list is empty"},
	{"maintenance of an unknown region", "maintenance: [{id: m, title: U, regions: [«ue»], from: 2026-12-01, to: 2026-12-02}]", "unknown region"},
	{"maintenance of services", "maintenance: [{id: m, title: U, «services»: [api], from: 2026-12-01, to: 2026-12-02}]", "or write a silence"},
	{"maintenance without a beginning", "maintenance: [«{»id: m, title: U, to: 2026-12-02}]", "from is missing"},
	{"maintenance without an end", "maintenance: [«{»id: m, title: U, from: 2026-12-01}]", "would hide outages from then on"},
	{"an end before the beginning", "maintenance: [{id: m, title: U, from: 2026-12-02, to: «2026-12-01»}]", "end before it begins: want a time after 2026-12-02 00:00"},
	{"maintenance of weeks", "maintenance: [{id: m, title: U, from: 2026-12-01, to: «2026-12-09»}]", "hide outages for 8d: want at most 7d"},
	{"a time that is none", "maintenance: [{id: m, title: U, from: «tomorrow», to: 2026-12-09}]", "want a time, as in 2026-12-01 22:00"},
	{"a time that is a number", "maintenance: [{id: m, title: U, from: «20261201», to: 2026-12-09}]", "want a time, as in 2026-12-01 22:00"},
	{"a time that is skipped", "zone: Europe/Berlin\nmaintenance: [{id: m, title: U, from: «2026-03-29 02:30», to: 2026-03-29 05:00}]", "write 2026-03-29 03:00"},
	{"a time that comes twice", "zone: Europe/Berlin\nmaintenance: [{id: m, title: U, from: 2026-10-25 01:00, to: «2026-10-25 02:30»}]", "2026-10-25T02:30:00+02:00 for the first time"},
	{"a length without a week", "maintenance: [{id: m, title: U, from: 2026-12-01, to: 2026-12-02, «for»: 1h}]", "belongs to weekly"},
	{"weekly work without days", "maintenance: [{id: m, title: U, weekly: «{»at: \"03:00\", for: 1h}}]", "days is missing"},
	{"weekly work without a time", "maintenance: [{id: m, title: U, weekly: «{»days: [sunday], for: 1h}}]", "at is missing"},
	{"weekly work without a length", "maintenance: [{id: m, title: U, weekly: «{»days: [sunday], at: \"03:00\"}}]", "for is missing"},
	{"an unknown day", "maintenance: [{id: m, title: U, weekly: {days: [«sonntag»], at: \"03:00\", for: 1h}}]", "unknown day"},
	{"no day", "maintenance: [{id: m, title: U, weekly: {days: «[]», at: \"03:00\", for: 1h}}]", "the list is empty"},
	{"a time of day that is none", "maintenance: [{id: m, title: U, weekly: {days: [sunday], at: «\"24:00\"», for: 1h}}]", "from 00:00 to 23:59"},
	{"work that never ends", "maintenance: [{id: m, title: U, weekly: {days: [sunday, tuesday, monday], at: \"03:00\", for: «24h»}}]", "run into the next"},
	{"work that never ends, over the week's end", "maintenance: [{id: m, title: U, weekly: {days: [sunday, saturday], at: \"03:00\", for: «24h»}}]", "want less than 24h"},
	{"work for four days", "maintenance: [{id: m, title: U, weekly: {days: [sunday], at: \"03:00\", for: «96h»}}]", "from 1m to 3d"},
	{"an unknown zone", "maintenance: [{id: m, title: U, weekly: {days: [sunday], at: \"03:00\", for: 1h, zone: «Berlin»}}]", "by its name in the IANA list"},
	{"weekly work that ends before it begins", "maintenance: [{id: m, title: U, weekly: {days: [sunday], at: \"03:00\", for: 1h}, from: 2027-01-01, to: «2026-01-01»}]", "end before it begins"},

	{"a silence without an id", "silences: [«{»rules: [api-errors], until: 2026-12-31, reason: known}]", "id is missing"},
	{"a silence that stands twice", "silences: [{id: s, rules: [api-errors], until: 2026-12-31, reason: known}, {id: «s», rules: [api-errors], until: 2026-12-31, reason: known}]", `"s" is used twice`},
	{"a silence of no rules", "silences: [«{»id: s, until: 2026-12-31, reason: known}]", `rules is missing: add rules: [stream-errors], or rules: ["*"] for all`},
	{"a silence of an unknown rule", "silences: [{id: s, rules: [«api-erors»], until: 2026-12-31, reason: known}]", `unknown rule "api-erors": did you mean "api-errors"?`},
	{"a silence of rules that no pattern matches", "silences: [{id: s, rules: [«web-*»], until: 2026-12-31, reason: known}]", `no rule matches "web-*": want one of api-errors`},
	{"a silence of an unknown region", "silences: [{id: s, rules: [api-errors], regions: [«ue»], until: 2026-12-31, reason: known}]", "unknown region"},
	{"a silence without an end", "silences: [«{»id: s, rules: [api-errors], reason: known}]", "what is silenced without an end is forgotten"},
	{"a silence with an end of another name", "silences: [{id: s, rules: [api-errors], until: 2026-12-31, «to»: 2026-12-31, reason: known}]", "is called until"},
	{"a silence that ends before it begins", "silences: [{id: s, rules: [api-errors], from: 2027-01-01, until: «2026-12-31», reason: known}]", "end before it begins"},
	{"a silence without a reason", "silences: [«{»id: s, rules: [api-errors], until: 2026-12-31}]", "reason is missing"},
	{"a silence with an empty reason", "silences: [{id: s, rules: [api-errors], until: 2026-12-31, reason: «\" \"»}]", "in a year"},
}

var wrongTests = []mistakeTest{
	{"a test without a name", "tests:\n  - «series»: [{of: api/eu, minutes: 1}]\n" + aWish, "name is missing"},
	{"a test that stands twice", aTest + strings.Replace(aTest[len("tests:\n"):], "a test", "«a test»", 1), `"a test" is used twice`},
	{"a name of two lines", "tests:\n  - name: «\"a\\nb\"»\n" + aLine + aWish, "one line of words"},
	{"a test without series", "tests:\n  - «name»: a\n" + aWish, "series is missing"},
	{"a test of nothing", "tests:\n  - name: a\n    series: «[]»\n" + aWish, "the list is empty"},
	{"a test that expects nothing", "tests:\n  - «name»: a\n" + aLine, "cannot fail"},
	{"a test with empty wishes", "tests:\n  - name: a\n" + aLine + "    expect: «[]»", "cannot fail"},
	{"a timeline without a value", "tests:\n  - name: a\n" + aLine + "    «timeline»:", "tocsin test --update"},
	{"a start within a minute", "tests:\n  - name: a\n    start: «2026-01-01T00:00:30Z»\n" + aLine + aWish, "want a whole minute"},
	{"values by another name", "tests:\n  - name: a\n    «values»: []\n" + aLine + aWish, "is called series"},

	{"a line of nobody", "tests:\n  - name: a\n    series: [«{»minutes: 1}]\n" + aWish, "of is missing"},
	{"a line of two", someProbe + "tests:\n  - name: a\n    series: [{of: api/eu, probe: «a/eu», minutes: 1}]\n" + aWish, "of spans or of a probe"},
	{"a service without a region", "tests:\n  - name: a\n    series: [{of: «api», minutes: 1}]\n" + aWish, "want service/region, as in api/eu"},
	{"a region nobody declared", "tests:\n  - name: a\n    series: [{of: «api/ue», minutes: 1}]\n" + aWish, "unknown region"},
	{"an unknown probe", someProbe + "tests:\n  - name: a\n    series: [{probe: «b-health/eu», minutes: 1}]\n" + aWish, `unknown probe "b-health": want one of a`},
	{"a probe without that target", someProbe + "tests:\n  - name: a\n    series: [{probe: «a/us», minutes: 1}]\n" + aWish, `the probe a has no target for "us": want one of eu`},
	{"a route of a probe", someProbe + "tests:\n  - name: a\n    series: [{probe: a/eu, route: «/v1», minutes: 1}]\n" + aWish, "only spans have one"},
	{"gauges of spans", "tests:\n  - name: a\n    series: [{of: api/eu, minutes: «\"1{pool=1}\"»}]\n" + aWish, "spans have no gauges"},
	{"an unknown gauge", someProbe + "tests:\n  - name: a\n    series: [{probe: a/eu, minutes: «\"1{certificat_days=1}\"»}]\n" + aWish, `did you mean "certificate_days"?`},
	{"an unknown kind", "tests:\n  - name: a\n    series: [{of: api/eu, kind: «sever», minutes: 1}]\n" + aWish, `did you mean "server"?`},
	{"a status that is none", "tests:\n  - name: a\n    series: [{of: api/eu, status: «4xx», minutes: 1}]\n" + aWish, "want a whole number from 100 to 599"},
	{"no minutes", "tests:\n  - name: a\n    series: [«{»of: api/eu}]\n" + aWish, "minutes is missing"},
	{"minutes that are none", "tests:\n  - name: a\n    series: [{of: api/eu, minutes: «\"\"»}]\n" + aWish, "at least one minute"},
	{"minutes as a list", "tests:\n  - name: a\n    series: [{of: api/eu, minutes: «[1, 2]»}]\n" + aWish, "want minutes, as in 100x5 100/60x10; found a list"},
	{"a mistake among minutes", "tests:\n  - name: a\n    series: [{of: api/eu, minutes: 100x5 100/«q»x5}]\n" + aWish, `minutes: "100/qx5": want how many of the requests fail`},
	{"a mistake among quoted minutes", "tests:\n  - name: a\n    series: [{of: api/eu, minutes: \"100x5 100/«q»x5\"}]\n" + aWish, `minutes: "100/qx5": want how many of the requests fail`},
	{"a mistake in a block of minutes", "tests:\n  - name: a\n    series:\n    - of: api/eu\n      minutes: «|»\n        100x5\n        100/qx5\n" + aWish, `minutes: "100/qx5": want how many of the requests fail`},

	{"an unknown source", "tests:\n  - name: a\n    down: [{source: «span», from: \"00:01\", to: \"00:02\"}]\n" + aLine + aWish, `did you mean "spans"?`},
	{"a source that is away for nothing", "tests:\n  - name: a\n    down: [{source: spans, from: \"00:02\", to: «\"00:02\"»}]\n" + aLine + aWish, "back before it is gone"},
	{"a time that is none", "tests:\n  - name: a\n    down: [{source: spans, from: «\"2\"», to: \"00:02\"}]\n" + aLine + aWish, "want hours and minutes since start"},
	{"a time beyond a month", "tests:\n  - name: a\n    down: [{source: spans, from: \"00:02\", to: «\"744:01\"»}]\n" + aLine + aWish, `at most "744:00"`},

	{"a wish without a time", "tests:\n  - name: a\n    expect: [«{»incident: api, state: open}]\n" + aLine, "at is missing"},
	{"a wish for nothing", "tests:\n  - name: a\n    expect: [«{»at: \"00:05\"}]\n" + aLine, "say what is expected: add incident: api, or rule: api-errors"},
	{"a wish for two things", "tests:\n  - name: a\n    expect: [{at: \"00:05\", rule: api-errors, incident: «api»}]\n" + aLine, "one thing a line"},
	{"a wish for a verdict on an incident", "tests:\n  - name: a\n    expect: [{at: \"00:05\", incident: api, state: open, now: «bad»}]\n" + aLine, "means nothing beside incident"},
	{"a wish for any incident", "tests:\n  - name: a\n    expect: [«{»at: \"00:05\", incident: api}]\n" + aLine, "add severity: P1, or state: none"},
	{"a wish for an unknown component", "tests:\n  - name: a\n    expect: [{at: \"00:05\", incident: «apo», state: open}]\n" + aLine, `did you mean "api"?`},
	{"a wish for an unknown state", "tests:\n  - name: a\n    expect: [{at: \"00:05\", incident: api, state: «closed»}]\n" + aLine, "want one of none open investigating"},
	{"a wish for no severity", "tests:\n  - name: a\n    expect: [{at: \"00:05\", incident: api, severity: «P9»}]\n" + aLine, "want one of P0 P1 P2 P3 P4"},
	{"a wish for a severity of nothing", "tests:\n  - name: a\n    expect: [{at: \"00:05\", incident: api, state: none, severity: «P1»}]\n" + aLine, "an incident that is not there has none"},
	{"a wish for an unknown rule", "tests:\n  - name: a\n" + aLine + "    expect: [{at: \"00:05\", rule: «api-eror», cell: api/eu, now: bad}]", `did you mean "api-errors"?`},
	{"a wish for a rule without a cell", "tests:\n  - name: a\n" + aLine + "    expect: [«{»at: \"00:05\", rule: api-errors, now: bad}]", "cell is missing"},
	{"a wish for a cell without a line", "tests:\n  - name: a\n" + aLine + "    expect: [{at: \"00:05\", rule: api-errors, cell: «api/us», now: bad}]", `no line of the test is of "api/us"`},
	{"a wish for a cell whose line is wrong", "tests:\n  - name: a\n    series: [{of: «api», minutes: 1}]\n    expect: [{at: \"00:05\", rule: api-errors, cell: api/us, now: bad}]", "want service/region"},
	{"a wish for any verdict", "tests:\n  - name: a\n" + aLine + "    expect: [«{»at: \"00:05\", rule: api-errors, cell: api/eu}]", "add now: bad or held: P1"},
	{"a wish for an unknown verdict", "tests:\n  - name: a\n" + aLine + "    expect: [{at: \"00:05\", rule: api-errors, cell: api/eu, now: «worse»}]", "want one of unsure good bad"},
	{"a wish for what held of an unknown severity", "tests:\n  - name: a\n" + aLine + "    expect: [{at: \"00:05\", rule: api-errors, cell: api/eu, held: «P9»}]", "want one of P0 P1 P2 P3 P4 none"},
	{"a verdict before the first minute's end", "tests:\n  - name: a\n" + aLine + "    expect: [{at: «\"00:00\"», rule: api-errors, cell: api/eu, now: bad}]", "nothing is judged before"},
	{"an incident before the first minute's end", "tests:\n  - name: a\n" + aLine + "    expect: [{at: «\"00:00\"», incident: api, state: none}]", "nothing is judged before"},
	{"a component where an incident is meant", "tests:\n  - name: a\n" + aLine + "    expect: [{at: \"00:05\", incident: api, state: open, «component»: api}]", "is called incident"},
}

func TestMistakesInProbesPlansAndTests(t *testing.T) {
	var golden strings.Builder
	for _, test := range slices.Concat(wrongProbes, wrongPlans, wrongTests) {
		t.Run(test.name, func(t *testing.T) {
			text, at := place(t, around+test.yaml)
			_, err := Parse([]File{{Name: "t.yaml", Body: []byte(text)}})
			all := Mistakes(err)
			if len(all) != 1 {
				t.Fatalf("want one mistake, got %d:\n%v", len(all), err)
			}
			fmt.Fprintf(&golden, "# %s\n%s\n", test.name, all[0].Msg)
			if !strings.Contains(all[0].Msg, test.want) || all[0].Pos != at {
				t.Errorf("want %q at %s, got:\n%v\n%s", test.want, at, err, text)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the mistake repeats a password: %v", err)
			}
		})
	}
	asGolden(t, "testdata/mistakes-in-parts.golden", golden.String())
}

func TestProbes(t *testing.T) {
	c := parse(t, around, `
probes:
  - id: api-health
    type: http
    every: 10s
    targets: {us: "https://api.us.example.com/health?full=1", eu: "http://localhost:8080/health"}
    expect:
      status: ["3xx", 204, 200-202]
      within: 1500ms
      json: {'services.#(name=="Database").status': [operational], healthy: [true, 1]}
    gauges:
      database: {path: 'services.#(name=="Database").status', values: {operational: 1, degraded: 50%, "down": 0, "true": -1.5}}
      pool: {path: pool.usage}
    user_agent: Mozilla/5.0 (Tocsin)
    ca_file: /etc/tocsin/ca.pem
  - {id: edge, type: tls, every: 5s, timeout: 5s, targets: {eu: "edge.example.com:443", us: "[2001:db8::1]:8443"}}
  - {id: plain, type: http, every: 5s, targets: {eu: "https://example.com"}}
rules:
  - {id: pool, component: api, signal: gauge, gauge: pool, where: {probes: [api-health]}, levels: {P4: {above: 90%}}}
`)
	want := []Probe{
		{
			ID: "api-health", Type: "http", Every: 10 * time.Second, Timeout: 5 * time.Second, UserAgent: "Mozilla/5.0 (Tocsin)", CAFile: "/etc/tocsin/ca.pem",
			Targets: []Target{
				{"us", "https://api.us.example.com/health?full=1", Pos{"b.yaml", 6, 15}},
				{"eu", "http://localhost:8080/health", Pos{"b.yaml", 6, 63}},
			},
			Expect: Expect{
				Status: []Codes{{300, 399}, {204, 204}, {200, 202}}, Within: 1500 * time.Millisecond,
				JSON: []JSONCheck{{`services.#(name=="Database").status`, []string{"operational"}}, {"healthy", []string{"true", "1"}}},
			},
			Gauges: []ProbeGauge{
				{"database", `services.#(name=="Database").status`, map[string]float64{"operational": 1, "degraded": 0.5, "down": 0, "true": -1.5}},
				{"pool", "pool.usage", nil},
			},
			Pos: Pos{"b.yaml", 3, 5},
		},
		{
			ID: "edge", Type: "tls", Every: 5 * time.Second, Timeout: 5 * time.Second, Pos: Pos{"b.yaml", 16, 5},
			Targets: []Target{{"eu", "edge.example.com:443", Pos{"b.yaml", 16, 61}}, {"us", "[2001:db8::1]:8443", Pos{"b.yaml", 16, 89}}},
		},
		{
			ID: "plain", Type: "http", Every: 5 * time.Second, Timeout: 5 * time.Second, UserAgent: "Tocsin", Pos: Pos{"b.yaml", 17, 5},
			Targets: []Target{{"eu", "https://example.com", Pos{"b.yaml", 17, 50}}},
			Expect:  Expect{Status: []Codes{{200, 399}}},
		},
	}
	if diff := cmp.Diff(want, c.Probes); diff != "" {
		t.Error(diff)
	}
}

func TestPlans(t *testing.T) {
	c := parse(t, "zone: Europe/Berlin\n"+around, `
maintenance:
  - {id: db-upgrade, title: Database upgrade, components: [api], regions: [eu], from: 2026-12-01 22:00, to: 2026-12-02T02:00:00Z}
  - {id: weekly, title: Weekly restart, weekly: {days: [tuesday, sunday, tuesday], at: 03:15, for: 1h, zone: Asia/Kolkata}, from: 2026-01-01, to: 2027-01-01}
  - {id: nightly, title: Nightly copy, weekly: {days: [monday], at: "00:00", for: 3d}}
silences:
  - {id: known-500, rules: [api-errors], services: [x], regions: {not: [eu]}, from: 2026-01-01, until: 2026-12-31, reason: "streaming: unsupported"}
  - {id: all, rules: ["*"], until: 2026-07-01 12:00, reason: why}
`)
	berlin, kolkata := zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")
	wantM := []Maintenance{
		{
			ID: "db-upgrade", Title: "Database upgrade", Components: []string{"api"}, Regions: []string{"eu"},
			From: moment(t, "2026-12-01T21:00:00Z"), To: moment(t, "2026-12-02T02:00:00Z"), Pos: Pos{"b.yaml", 3, 5},
		},
		{
			ID: "weekly", Title: "Weekly restart", From: moment(t, "2025-12-31T18:30:00Z"), To: moment(t, "2026-12-31T18:30:00Z"), Pos: Pos{"b.yaml", 4, 5},
			Weekly: Weekly{[]time.Weekday{time.Sunday, time.Tuesday}, 195 * time.Minute, time.Hour, kolkata},
		},
		{ID: "nightly", Title: "Nightly copy", Weekly: Weekly{[]time.Weekday{time.Monday}, 0, 72 * time.Hour, berlin}, Pos: Pos{"b.yaml", 5, 5}},
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(wantM, c.Maintenance, sameZone); diff != "" {
		t.Error(diff)
	}
	wantS := []Silence{
		{
			ID: "known-500", Rules: Patterns{Any: []string{"api-errors"}}, Services: Patterns{Any: []string{"x"}}, Regions: Patterns{Not: []string{"eu"}},
			From: moment(t, "2025-12-31T23:00:00Z"), Until: moment(t, "2026-12-30T23:00:00Z"), Reason: "streaming: unsupported", Pos: Pos{"b.yaml", 7, 5},
		},
		{ID: "all", Until: moment(t, "2026-07-01T10:00:00Z"), Reason: "why", Pos: Pos{"b.yaml", 8, 5}},
	}
	if diff := cmp.Diff(wantS, c.Silences); diff != "" {
		t.Error(diff)
	}
}

const someTests = `
tests:
  - name: a database outage is a P1 within three minutes
    start: 2026-06-01 00:00
    series:
      - {of: featuresignals-api/eu, route: /v1/evaluate, status: 401, minutes: "100x2 100/60 _"}
      - {of: a/b/, kind: client, operation: pool.acquire, attributes: {http.method: POST, retries: 3}, minutes: 100}
      - {probe: a/eu, minutes: "4 4{certificate_days=13}"}
    down: [{source: spans, from: "00:12", to: "26:00"}]
    expect:
      - {at: "00:08", rule: api-errors, cell: featuresignals-api/eu, now: bad, held: P1}
      - {at: "00:09", rule: api-errors, cell: /eu, held: none}
      - {at: "00:10", incident: api, severity: P1, state: investigating}
      - {at: "26:40", incident: api, state: none}
  - name: quiet
    series:
      - of: api/eu
        minutes: >-
          1
          2
    timeline: |
      00:08 opened
        00:10 resolved
`

func wantTests(t *testing.T, file string) []Test {
	const ms = time.Millisecond
	return []Test{
		{
			Name: "a database outage is a P1 within three minutes", Start: moment(t, "2026-05-31T22:00:00Z"), Pos: Pos{file, 3, 5},
			Series: []TestSeries{
				{
					Service: "featuresignals-api", Region: "eu", Route: "/v1/evaluate", Status: 401, Kind: "server", Pos: Pos{file, 6, 9},
					Minutes: []Sample{{Requests: 100, Duration: 10 * ms}, {Requests: 100, Duration: 10 * ms}, {Requests: 100, Errors: 60, Duration: 10 * ms}, {}},
				},
				{
					Service: "a/b", Operation: "pool.acquire", Kind: "client", Attributes: map[string]string{"http.method": "POST", "retries": "3"},
					Minutes: []Sample{{Requests: 100, Duration: 10 * ms}}, Pos: Pos{file, 7, 9},
				},
				{
					Service: "a", Region: "eu", Probe: true, Pos: Pos{file, 8, 9},
					Minutes: []Sample{{Requests: 4, Duration: 10 * ms}, {Requests: 4, Duration: 10 * ms, Gauges: map[string]float64{"certificate_days": 13}}},
				},
			},
			Down: []TestDown{{"spans", 12, 26 * 60}},
			Expect: []Expected{
				{
					At: 8 * time.Minute, Text: "00:08 rule api-errors for featuresignals-api/eu, now bad, held P1",
					Rule: "api-errors", Cell: "featuresignals-api/eu", Now: "bad", Held: P1, Pos: Pos{file, 11, 9},
				},
				{At: 9 * time.Minute, Text: "00:09 rule api-errors for /eu, held none", Rule: "api-errors", Cell: "/eu", Pos: Pos{file, 12, 9}},
				{
					At: 10 * time.Minute, Text: "00:10 incident api, state investigating, severity P1",
					Component: "api", State: "investigating", Severity: P1, AnyHeld: true, Pos: Pos{file, 13, 9},
				},
				{At: 26*time.Hour + 40*time.Minute, Text: "26:40 incident api, state none", Component: "api", State: "none", AnyHeld: true, Pos: Pos{file, 14, 9}},
			},
		},
		{
			Name: "quiet", Start: moment(t, "2025-12-31T23:00:00Z"), Timeline: "00:08 opened\n  00:10 resolved", Pos: Pos{file, 15, 5},
			Series: []TestSeries{{
				Service: "api", Region: "eu", Kind: "server", Pos: Pos{file, 17, 9},
				Minutes: []Sample{{Requests: 1, Duration: 10 * ms}, {Requests: 2, Duration: 10 * ms}},
			}},
		},
	}
}

func TestRuleTests(t *testing.T) {
	c := parse(t, "zone: Europe/Berlin\n"+around+someProbe, someTests)
	if diff := cmp.Diff(wantTests(t, "b.yaml"), c.Tests); diff != "" {
		t.Error(diff)
	}
}

// Tests in a file of their own know what the configuration declares.
func TestRuleTestsApart(t *testing.T) {
	c := parse(t, "zone: Europe/Berlin\n"+around+someProbe+aTest)
	got, err := c.ParseTests([]File{{Name: "x.yaml", Body: []byte(someTests)}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantTests(t, "x.yaml"), got); diff != "" {
		t.Error(diff)
	}
	if len(c.Tests) != 1 {
		t.Errorf("the configuration has %d tests now", len(c.Tests))
	}
	_, err = c.ParseTests([]File{
		{"z.yaml", []byte("tests: [{name: a, series: [{of: api/eu, minutes: 1x}], expect: [{at: \"00:05\", incident: wep, state: open}]}]")},
		{"a.yaml", []byte("rules: []\n" + strings.Replace(aTest, "a test", "my test", 1) + "  - {name: my test, series: [{probe: b/eu, minutes: 1}], expect: [{at: \"00:05\", rule: api-eror, cell: b/eu, held: P1}]}")},
		{"b.yaml", []byte("{}")},
		{"c.yaml", []byte(aTest)},
	})
	want := []string{
		`z.yaml:1:52: minutes: "1x": want minutes after x, as in 100x10`,
		`z.yaml:1:89: incident: unknown component "wep": did you mean "web"?`,
		`a.yaml:1:1: "rules" is not read from a file of tests: they run with the service's own files`,
		`a.yaml:6:12: name: "my test" is used twice: first at a.yaml:3:11; give one another name`,
		`a.yaml:6:38: probe: unknown probe "b": want one of a`,
		`a.yaml:6:87: rule: unknown rule "api-eror": did you mean "api-errors"?`,
		`b.yaml:1:1: the file: tests is missing: add tests: [{name: …}]`,
		`c.yaml:2:11: name: "a test" is used twice: first at a.yaml:7:5; give one another name`,
	}
	if err == nil {
		t.Fatal("no mistakes")
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), err.Error()); diff != "" {
		t.Error(diff)
	}
}

// A few lines of text must not fill the memory.
func TestTestsAreBounded(t *testing.T) {
	line := "      - {of: api/eu, minutes: 1x40000}\n"
	text := around + "tests:\n  - name: a\n    series:\n" + strings.Repeat(line, 30) + aWish
	_, err := Parse([]File{{Name: "t.yaml", Body: []byte(text)}})
	all := Mistakes(err)
	if len(all) != 1 || !strings.Contains(all[0].Msg, "more than 500000 minutes together") || all[0].Pos.Line != 6+13 {
		t.Errorf("%v", err)
	}
}

func TestNobodyIsBlamedForAPartThatCouldNotBeRead(t *testing.T) {
	for _, text := range []string{
		"probes: [{id: b, type: http, targets: {eu: \"https://b\"}, gauges: {X: {path: x}}}]\ntests:\n  - name: a\n    series: [{probe: b/eu, minutes: \"1{x=1}\"}]\n" + aWish,
		"probes: [{id: B, type: http, targets: {eu: \"https://b\"}}]\ntests:\n  - name: a\n    series: [{probe: b/eu, minutes: \"1{x=1}\"}]\n" + aWish,
		"rules: [{id: B, component: api, signal: error_rate, levels: {P1: {above: 5%}}}]\nsilences: [{id: s, rules: [b], until: 2026-12-31, reason: known}]",
	} {
		_, err := Parse([]File{{"a.yaml", []byte("components: [{id: api}]")}, {"b.yaml", []byte(text)}})
		if all := Mistakes(err); len(all) != 1 || !strings.Contains(all[0].Msg, "small letters") {
			t.Errorf("want one mistake, got:\n%v", err)
		}
	}
}
