package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

var (
	probeTypes = []string{"http", "tls"}
	probeShape = shape{
		example: `{id: api-health, type: http, targets: {eu: "https://api.eu.example.com/health"}}`,
		keys:    []string{"id", "type", "every", "timeout", "targets", "expect", "gauges", "user_agent", "ca_file"},
		hints: map[string]string{
			"url":      `belongs to targets: targets: {eu: "https://api.eu.example.com/health"}`,
			"address":  `belongs to targets: targets: {eu: "https://api.eu.example.com/health"}`,
			"regions":  `belongs to targets: targets: {eu: "https://api.eu.example.com/health"}`,
			"interval": "is called every: every: 15s",
			"status":   "belongs to expect: expect: {status: [200]}",
			"within":   "belongs to expect: expect: {within: 2s}",
			"json":     "belongs to expect: expect: {json: {status: [ok]}}",
			"method":   "is not supported: probes ask with GET, which changes nothing",
			"body":     "is not supported: probes ask with GET, which changes nothing",
			"headers":  "is not yet supported in this version: leave it out",
		},
	}
	expectShape = shape{example: "{status: [200], within: 2s, json: {status: [ok]}}", keys: []string{"status", "within", "json"}}
	gaugeShape  = shape{example: "{path: pool.usage}", keys: []string{"path", "values"}}

	probeEverySpan   = span{5 * time.Second, time.Minute, time.Second, "15s"}
	probeTimeoutSpan = span{time.Second, 10 * time.Second, time.Second, "5s"}

	gaugePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	agentPattern = regexp.MustCompile(`^[!-~](?:[ -~]{0,198}[!-~])?$`)
)

// What a probe does where it says nothing.
const (
	defaultEvery   = 15 * time.Second
	defaultTimeout = 5 * time.Second
	defaultAgent   = "Tocsin"
)

func (d *draft) readProbes(v value) {
	items, ok := v.list(`[{id: api-health, type: http, targets: {…}}]`)
	d.unread = d.unread || v.given() && !ok
	for _, item := range items {
		item.name = "probe"
		o, ok := item.object(probeShape)
		if !ok {
			d.unread = true
			continue
		}
		id := o.need("id", "id: api-health")
		p := Probe{Every: defaultEvery, Timeout: defaultTimeout, Pos: item.pos()}
		if p.ID, ok = id.id("api-health"); !ok || !id.once(d.probes, p.ID) {
			d.unread = true
			continue
		}
		before := len(d.mistakes)
		d.readProbe(&p, o)
		d.unread = d.unread || len(d.mistakes) > before // a target or gauge of it may be named elsewhere
		d.cfg.Probes = append(d.cfg.Probes, p)
	}
}

func (d *draft) readProbe(p *Probe, o object) {
	p.Type, _ = o.need("type", "type: http").oneOf(probeTypes)
	set(o.get("every"), probeEverySpan, &p.Every)
	timeout := o.get("timeout")
	set(timeout, probeTimeoutSpan, &p.Timeout)
	switch {
	case p.Timeout <= p.Every:
	case timeout.given():
		timeout.mistake("it would still be waiting when it asks again: want at most every, which is %s; found %s", spell(p.Every), spell(p.Timeout))
	default:
		p.Timeout = p.Every
	}
	d.readTargets(p, o.need("targets", `targets: {eu: "https://api.eu.example.com/health"}`))
	o.get("ca_file").path(&p.CAFile, "/etc/tocsin/ca.pem")
	if p.Type == "tls" {
		for _, key := range []string{"expect", "gauges", "user_agent"} {
			if v := o.get(key); v.given() {
				v.mistake("a probe of type tls has none, for it only shakes hands: leave it out, or write type: http")
			}
		}
		return
	}
	p.UserAgent = defaultAgent
	p.Expect = readExpect(o.get("expect"), p.Timeout)
	p.Gauges = readGauges(o.get("gauges"))
	agent := o.get("user_agent")
	if s, ok := agent.text(defaultAgent); ok {
		if p.UserAgent = s; !agentPattern.MatchString(s) {
			agent.mistake("want one line of plain letters, digits and signs, at most 200, as in %s; found %q", defaultAgent, shorten(s))
		}
	}
}

// readTargets reads the addresses in the order in which they stand.
func (d *draft) readTargets(p *Probe, v value) {
	entries, ok := v.entries(`{eu: "https://api.eu.example.com/health"}`)
	if ok && len(entries) == 0 {
		v.mistake(`want at least one address, as in {eu: "https://api.eu.example.com/health"}`)
	}
	for _, e := range entries {
		if e.name == "" || !codePattern.MatchString(e.name) {
			e.mistake("targets: want a region's code, as in eu; found %q", shorten(e.name))
			continue
		}
		e.key.later(func() string { return d.knownRegion(e.name, false) })
		s, ok := e.val.text("https://api.eu.example.com/health")
		if !ok {
			continue
		}
		if why := wrongAddress(p.Type, s); why != "" {
			e.val.mistake("%s", why)
		}
		p.Targets = append(p.Targets, Target{Region: e.name, Address: s, Pos: e.key.pos()})
	}
}

// wrongAddress says what is wrong with what a probe is to ask. It never repeats
// the address, since that may hold a password.
func wrongAddress(kind, s string) string {
	switch kind {
	case "http":
		return wrongURL(s)
	case "tls":
		return wrongHostPort(s)
	}
	return "" // the type's own mistake is reported already
}

func wrongURL(s string) string {
	const want = "want an address that begins with https:// or http://, as in https://api.eu.example.com/health"
	scheme, rest, ok := strings.Cut(s, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "https" && scheme != "http" {
		return want
	}
	if strings.ContainsAny(s, " \t\n") {
		return "a blank stands in it: take it out, or write %20 in its place"
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#\\"); end >= 0 {
		authority = rest[:end]
	}
	if strings.Contains(authority, "@") {
		return "a user or password stands in it, and this file is shared: take it out, and let the address answer without"
	}
	host, port, why := splitHost(authority)
	switch {
	case why != "":
		return why
	case host == "":
		return "it names no host: " + want
	case port != "" && !validPort(port):
		return wrongPort
	}
	u, err := url.Parse(s)
	if err != nil {
		if _, ok := errors.AsType[url.EscapeError](err); ok {
			return wrongEscape
		}
		return "it cannot be read as an address: " + want
	}
	if u.Fragment != "" {
		return "what follows # is never sent: leave it out"
	}
	params, err := url.ParseQuery(u.RawQuery)
	if _, ok := errors.AsType[url.EscapeError](err); ok {
		return wrongEscape
	}
	if err != nil {
		return "what follows ? cannot be read: write ?name=value&other=value"
	}
	for name := range params {
		if secretParameter(name) {
			return "a secret stands behind ?, and this file is shared: take it out, and let the address answer without"
		}
	}
	return ""
}

const (
	wrongPort   = "its port is none: want a number from 1 to 65535 after the colon, as in api.eu.example.com:443"
	wrongEscape = "a % stands in it that begins no escape: want two digits of 0-9 and A-F behind it, as in %20, or %25 for the sign itself"
)

// secretParameter reports whether what an address has behind ? is likely to be a
// secret.
func secretParameter(name string) bool {
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
	if secretKey(plain) || slices.Contains([]string{"key", "sig", "auth", "authorization", "pwd", "pass", "jwt"}, plain) {
		return true
	}
	return slices.ContainsFunc([]string{"apikey", "accesskey", "secretkey", "signature", "token", "secret", "password"}, func(end string) bool {
		return strings.HasSuffix(plain, end)
	})
}

// splitHost takes host and port apart, or says why they are none. Neither may be
// there at all.
func splitHost(s string) (host, port, why string) {
	if !strings.ContainsAny(s, "[]") {
		host, port, _ = strings.Cut(s, ":")
		if strings.Contains(port, ":") {
			return "", "", "more than one colon stands in its host: put an IPv6 address into brackets, as in [2001:db8::1]:443, or leave one out"
		}
		return host, port, wrongHost(host)
	}
	const like = "want an IPv6 address in brackets, as in [2001:db8::1]:443"
	inner, ok := strings.CutPrefix(s, "[")
	inner, after, closed := strings.Cut(inner, "]")
	port, colon := strings.CutPrefix(after, ":")
	if !ok || !closed || after != "" && !colon {
		return "", "", "the brackets of its host do not match: " + like
	}
	if ip, err := netip.ParseAddr(inner); err != nil || !ip.Is6() {
		return "", "", "what its brackets hold is no IPv6 address: " + like
	}
	return inner, port, ""
}

// wrongHost says why a host can have no address; "" if there is none at all.
// Letters of other alphabets are taken, as the resolver does.
func wrongHost(host string) string {
	if host == "" {
		return ""
	}
	const like = ": want a name or an IP address, as in api.eu.example.com"
	if len(host) > 253 {
		return "its host is longer than any name" + like
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		switch {
		case label == "":
			return "a part of its host is empty, where a dot stands too much" + like
		case len(label) > 63:
			return "a part of its host is longer than 63 characters" + like
		case label[0] == '-' || label[len(label)-1] == '-':
			return "a part of its host begins or ends with a hyphen" + like
		}
		for _, c := range label {
			if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c) && c != '-' && c != '_' {
				return fmt.Sprintf("no host has the sign %q%s", c, like)
			}
		}
	}
	return ""
}

func wrongHostPort(s string) string {
	const want = "want host:port, as in api.eu.example.com:443"
	switch {
	case strings.Contains(s, "://"):
		return want + ", without https://"
	case strings.ContainsAny(s, " \t\n"):
		return "a blank stands in it: take it out"
	case strings.Contains(s, "@"):
		return "a user or password stands in it, and this file is shared: " + want
	case strings.ContainsAny(s, "/?#"):
		return "no path belongs to it: " + want
	}
	host, port, why := splitHost(s)
	switch {
	case why != "":
		return why
	case host == "" || port == "":
		return want
	case !validPort(port):
		return wrongPort
	}
	return ""
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func readExpect(v value, timeout time.Duration) Expect {
	e := Expect{Status: []Codes{{200, 399}}}
	o, ok := v.object(expectShape)
	if !ok {
		return e
	}
	if status := o.get("status"); status.given() {
		// As written: a redirect that is asked for by name is not followed.
		e.Status, _ = status.writtenCodes(`[200, 204, "3xx"]`)
	}
	within := o.get("within")
	if set(within, span{time.Millisecond, probeTimeoutSpan.most, 0, "2s"}, &e.Within); e.Within > timeout {
		within.mistake("it gives up before: want at most timeout, which is %s; found %s", spell(timeout), spell(e.Within))
	}
	entries, _ := o.get("json").entries("{status: [ok]}")
	for _, entry := range entries {
		if why := wrongPath(entry.name); why != "" {
			entry.mistake("json: %s", why)
			continue
		}
		entry.val.name = "json"
		if allowed := readAllowed(entry.val); len(allowed) > 0 {
			e.JSON = append(e.JSON, JSONCheck{Path: entry.name, Any: allowed})
		}
	}
	return e
}

// readAllowed reads the texts, numbers and truth values that a place in a body
// may hold, as JSON writes them.
func readAllowed(v value) []string {
	items, ok := v.list("[ok, operational]")
	if ok && len(items) == 0 {
		v.mistake("the list is empty: add a value that is good, as in [ok, operational]")
	}
	var allowed []string
	for _, item := range items {
		if s, ok := item.scalar("[ok, operational]"); ok {
			allowed = append(allowed, s)
		}
	}
	return allowed
}

// wrongPath says why a place in a JSON body cannot be one. What the path finds
// is known only once there is a body.
func wrongPath(s string) string {
	const like = `as in status or services.#(name=="Database").status`
	switch {
	case strings.TrimSpace(s) == "" || s != strings.TrimSpace(s):
		return fmt.Sprintf("want a place in the body, %s; found %q", like, shorten(s))
	case len(s) > 200:
		return fmt.Sprintf("want a place in the body of at most 200 characters, %s", like)
	case strings.HasPrefix(s, "$"):
		return fmt.Sprintf("want a place in the body without $, %s; found %q", like, shorten(s))
	case strings.Count(s, "(") != strings.Count(s, ")") || strings.Count(s, `"`)%2 != 0:
		return fmt.Sprintf("want brackets and quotes that match, %s; found %q", like, shorten(s))
	}
	return ""
}

func readGauges(v value) []ProbeGauge {
	entries, _ := v.entries("{pool: {path: pool.usage}}")
	var gauges []ProbeGauge
	for _, e := range entries {
		switch {
		case !gaugePattern.MatchString(e.name):
			e.mistake("gauges: want a name of small letters, digits and underscores, at most 64, as in pool; found %q", shorten(e.name))
			continue
		case slices.Contains(builtInGauges, e.name):
			e.mistake("gauges: every check of an https address gives %s by itself: choose another name", e.name)
			continue
		}
		o, ok := e.val.object(gaugeShape)
		if !ok {
			continue
		}
		g := ProbeGauge{Name: e.name}
		path := o.need("path", "path: pool.usage")
		if g.Path, ok = path.text("pool.usage"); ok {
			if why := wrongPath(g.Path); why != "" {
				path.mistake("%s", why)
			}
		}
		g.Values = readValues(o.get("values"))
		gauges = append(gauges, g)
	}
	return gauges
}

// readValues reads what texts stand for.
func readValues(v value) map[string]float64 {
	const example = "{operational: 1, degraded: 0.5, down: 0}"
	entries, ok := v.entries(example)
	if !ok {
		return nil
	}
	if len(entries) == 0 {
		v.mistake("want at least one value, as in %s; without values: the number itself is the gauge", example)
	}
	values := map[string]float64{}
	for _, e := range entries {
		e.val.name = "values"
		if f, ok := e.val.figure(example); ok {
			values[e.name] = f
		}
	}
	return values
}

// knownGauge says what is wrong with a gauge that a rule names.
func (d *draft) knownGauge(w Where, name string) string {
	var names []string
	for _, p := range d.cfg.Probes {
		if w.Probes.Match(p.ID) {
			names = append(names, p.gauges()...)
		}
	}
	if slices.Contains(names, name) || d.unread {
		return ""
	}
	slices.Sort(names)
	return "no probe that the rule chooses gives the gauge " + unknown(name, slices.Compact(names))
}
