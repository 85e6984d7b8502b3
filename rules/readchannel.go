package rules

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var (
	// channelTypes says which keys each type of channel has; all have type and
	// severities, too.
	channelTypes = map[string][]string{
		"page":    {"folder"},
		"webhook": {"url", "format", "secret_file", "token_file", "allow"},
		"slack":   {"channel", "token_file", "secret_file", "rooms", "url"},
		"email":   {"server", "tls", "user", "password_file", "from", "reply_to", "bounces", "connections", "pace", "lists"},
		"tracker": {"repository", "token_file", "labels", "url"},
	}
	typeNames    = []string{"page", "webhook", "slack", "email", "tracker"}
	laterTypes   = []string{"log"}
	channelKeys  = channelKeysOf(typeNames)
	channelShape = shape{
		example: "{type: webhook, url: …, secret_file: …, severities: [P0, P1]}",
		keys:    channelKeys,
		hints: map[string]string{
			"secret":          "stands in no file that is shared: write secret_file: /path/to/it",
			"signing_secret":  "stands in no file that is shared: write secret_file: /path/to/it",
			"token":           "stands in no file that is shared: write token_file: /path/to/it",
			"bot_token":       "stands in no file that is shared: write token_file: /path/to/it",
			"api_key":         "stands in no file that is shared: write token_file: /path/to/it",
			"routing_key":     "stands in no file that is shared: write token_file: /path/to/it",
			"integration_key": "stands in no file that is shared: write token_file: /path/to/it",
			"password":        "stands in no file that is shared: write password_file: /path/to/it",
			"username":        "is called user",
			"host":            "is called server: server: smtp.example.com:587",
			"smtp":            "is called server: server: smtp.example.com:587",
			"port":            "belongs to server: server: smtp.example.com:587",
			"to":              "belongs to lists: lists: [{name: customers, addresses: [ana@example.com]}]",
			"addresses":       "belongs to lists: lists: [{name: customers, addresses: [ana@example.com]}]",
			"rate":            "is called pace: pace: 600/1m",
			"repo":            "is called repository: repository: acme/operations",
			"bucket":          "is not yet supported in this version: copy the folder to it",
		},
	}
	roomsShape = shape{
		example: "{severities: [P0, P1], prefix: incident-, invite: [on-call]}",
		keys:    []string{"severities", "prefix", "private", "invite"},
		hints: map[string]string{
			"channel": "belongs beside rooms: it is where every update is announced",
			"people":  "is called invite: invite: [on-call]",
			"public":  "is called private, the other way round: private: true",
		},
	}

	webhookURLs = map[string]string{
		"pagerduty": "https://events.pagerduty.com/v2/enqueue",
		"opsgenie":  "https://api.opsgenie.com/v2/alerts",
		"ntfy":      "https://ntfy.example.com/incidents",
	}
	signedFormats   = []string{"standard", "statuspage", "generic"} // the receiver checks a signature
	tokenFormats    = []string{"pagerduty", "opsgenie", "ntfy"}     // the receiver knows us by a token
	needTokens      = []string{"pagerduty", "opsgenie"}             // and takes nothing without it
	slackChannel    = regexp.MustCompile(`^[CG][A-Z0-9]{7,20}$`)
	slackMember     = regexp.MustCompile(`^[UW][A-Z0-9]{7,20}$`)
	roomPrefix      = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,39}$`)
	repositoryName  = regexp.MustCompile(`^[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}$`)
	secretItself    = regexp.MustCompile(`^(?:whsec_|xox[a-z]-|xapp-|gh[a-z]_|github_pat_|tk_[A-Za-z0-9]{20}|-----BEGIN )|^[0-9A-Za-z]{32}$|^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	longestLabel    = 50 // characters; more is refused by GitHub
	trackersOwnMark = "incident"
)

func channelKeysOf(types []string) []string {
	keys := []string{"type", "severities"}
	for _, t := range types {
		for _, key := range channelTypes[t] {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (d *draft) readChannels(v value) {
	entries, _ := v.entries("{hooks: {type: webhook, url: …, secret_file: …, severities: [P0, P1]}}")
	for _, e := range entries {
		if !idPattern.MatchString(e.name) {
			d.unread = true
			e.mistake("want a name of small letters, digits and hyphens, as in hooks; found %q", shorten(e.name))
			continue
		}
		o, ok := e.val.object(channelShapeOf(e.val))
		if !ok {
			d.unread = true
			continue
		}
		c := Channel{Name: e.name}
		if c.Type, ok = o.channelType(); !ok {
			d.unread = true
			continue
		}
		before := len(d.mistakes)
		c.Severities = readSeverityNames(o.get("severities"))
		if len(d.mistakes) == before {
			e.key.later(func() string { return d.unheard(c.Name, o.get("lists").given()) })
		}
		d.readChannel(&c, o)
		d.cfg.Channels = append(d.cfg.Channels, c)
		e.key.later(func() string { return d.shared(c.Name) })
	}
}

// channelShapeOf gives the shape of a channel, with the keys of its type as those
// that can be meant by one that nobody knows.
func channelShapeOf(v value) shape {
	sh := channelShape
	n, _ := v.peek("type")
	if s, ok := n.(*ast.StringNode); ok && slices.Contains(typeNames, s.Value) {
		sh.fit = slices.Concat([]string{"severities"}, channelTypes[s.Value])
	}
	return sh
}

func (o object) channelType() (string, bool) {
	t := o.need("type", "type: webhook")
	s, ok := t.text("webhook")
	switch {
	case !ok:
		return "", false
	case slices.Contains(typeNames, s):
		return s, true
	case slices.Contains(laterTypes, s):
		t.mistake("%s is not yet supported in this version: want one of %s", s, strings.Join(typeNames, " "))
	case slices.Contains(WebhookFormats, s):
		t.mistake("%s is what a webhook posts: write type: webhook, format: %s", s, s)
	default:
		t.mistake("%s", unknown(s, typeNames))
	}
	return "", false
}

func (d *draft) readChannel(c *Channel, o object) {
	o.onlyKeysOf(c.Type)
	switch c.Type {
	case "page":
		o.get("folder").path(&c.Folder, "/var/lib/tocsin/page")
	case "webhook":
		readWebhook(c, o)
	case "slack":
		d.readSlack(c, o)
	case "email":
		d.readMail(c, o)
	case "tracker":
		readTracker(c, o)
	}
}

// onlyKeysOf reports keys that channels of another type have.
func (o object) onlyKeysOf(typ string) {
	for _, key := range channelKeys[2:] {
		v := o.get(key)
		if !v.given() || slices.Contains(channelTypes[typ], key) {
			continue
		}
		var others []string
		for _, t := range typeNames {
			if slices.Contains(channelTypes[t], key) {
				others = append(others, t)
			}
		}
		article := "a"
		if typ == "email" {
			article = "an"
		}
		v.mistake("%s %s channel has none (those of type %s do): leave it out", article, typ, strings.Join(others, ", "))
	}
}

func readWebhook(c *Channel, o object) {
	format := WebhookFormats[0]
	if f, ok := o.get("format").oneOf(WebhookFormats); ok {
		c.Format, format = f, f
	} else if o.get("format").given() {
		format = "" // what else it wants cannot be known
	}
	readAddress(c, o, format)
	readWebhookSecrets(c, o, format)
	c.Allow = readNetworks(o.get("allow"))
}

// readAddress reads where a webhook posts to.
func readAddress(c *Channel, o object, format string) {
	example := webhookURLs[format]
	missing := "url: " + example
	if example == "" {
		example, missing = "https://hooks.example.com/tocsin", "url: https://…"
	}
	u := o.need("url", missing)
	// The address of a workflow of Teams is all that there is, signature included.
	if u.endpoint(&c.URL, example) && format != "teams" && secretInQuery(c.URL) {
		how := "what is posted is signed with secret_file"
		if slices.Contains(tokenFormats, format) {
			how = "write token_file: /path/to/it"
		}
		u.mistake("a secret stands in it: take it out; %s", how)
		c.URL = ""
	}
}

func readWebhookSecrets(c *Channel, o object, format string) {
	secret, token := o.get("secret_file"), o.get("token_file")
	switch {
	case format == "":
		return
	case slices.Contains(signedFormats, format):
		secret = o.need("secret_file", "secret_file: /path/to/it, a file with the secret (whsec_…) that the receiver checks")
		secret.secretFile(&c.SecretFile, "/etc/tocsin/hooks-secret")
		if token.given() {
			token.mistake("a webhook of format %s has none: it is signed with secret_file; leave it out", format)
		}
		return
	case secret.given():
		secret.mistake("nobody would check a signature in format %s: leave it out", format)
	}
	switch {
	case slices.Contains(needTokens, format):
		token = o.need("token_file", "token_file: /path/to/it, a file with the key of the integration")
		token.secretFile(&c.TokenFile, "/etc/tocsin/"+format+"-key")
	case slices.Contains(tokenFormats, format):
		token.secretFile(&c.TokenFile, "/etc/tocsin/"+format+"-token")
	case token.given():
		token.mistake("a webhook of format %s has none: its address is all that it knows us by; leave it out", format)
	}
}

// readNetworks reads networks that are not public and may be posted into.
func readNetworks(v value) []netip.Prefix {
	const example = `["10.0.0.0/8"]`
	texts, places, ok := v.texts(example)
	if ok && v.given() && len(texts) == 0 {
		v.mistake("the list is empty: name a network, or leave the key out")
	}
	var all []netip.Prefix
	for i, s := range texts {
		p, err := netip.ParsePrefix(s)
		addr, bare := netip.ParseAddr(s)
		switch {
		case bare == nil && addr.Zone() == "":
			places[i].mistake("want networks with their length: write %s/%d for this address alone", addr, addr.BitLen())
		case err != nil || p.Addr().Is4In6():
			places[i].mistake("want networks, as in %s; found %q", example, shorten(s))
		case p != p.Masked():
			places[i].mistake("the network of %s is written %s", p, p.Masked())
		case p.Bits() == 0:
			places[i].mistake("this is every address that there is: name the networks that are meant, as in %s", example)
		case slices.Contains(all, p):
			places[i].mistake("%s stands twice: keep one", p)
		default:
			all = append(all, p)
		}
	}
	return all
}

func (d *draft) readSlack(c *Channel, o object) {
	c.Slack = &Slack{}
	o.get("url").endpoint(&c.URL, "https://slack-gov.com/api/")
	o.need("token_file", "token_file: /path/to/it, a file with the app's token (xoxb-…)").secretFile(&c.TokenFile, "/etc/tocsin/slack-token")
	o.get("secret_file").secretFile(&c.SecretFile, "/etc/tocsin/slack-signing-secret")
	ch := o.need("channel", "channel: C0123ABCD, the ID of the channel that updates are announced in")
	if s, ok := ch.text("C0123ABCD"); ok {
		if !slackChannel.MatchString(s) {
			ch.mistake("want the channel's ID, as in C0123ABCD (Slack shows it below the channel's details: names change, it does not); found %q", shorten(s))
		}
		c.Slack.Channel = s
	}
	d.readRooms(o.get("rooms"), &c.Slack.Rooms)
}

func (d *draft) readRooms(v value, to *Rooms) {
	o, ok := v.object(roomsShape)
	if !ok {
		return
	}
	*to = Rooms{Severities: []Severity{P0, P1}, Prefix: "incident-"}
	if sev := o.get("severities"); sev.given() {
		before := len(v.src.mistakes())
		to.Severities = readSeverityNames(sev)
		if len(to.Severities) == 0 && len(v.src.mistakes()) == before {
			sev.mistake("the list is empty: name severities, or leave rooms out to have none")
		}
	}
	if s, ok := o.get("prefix").text("incident-"); ok {
		if !roomPrefix.MatchString(s) {
			o.get("prefix").mistake("want small letters, digits, hyphens and underscores, at most 40, as in incident-; found %q", shorten(s))
		}
		to.Prefix = s
	}
	if p := o.get("private"); p.given() {
		to.Private, _ = p.truth()
	}
	var places []value
	to.Invite, places = readIDs(o.get("invite"), "[on-call]")
	for i, who := range to.Invite {
		places[i].later(func() string { return d.nobodyToInvite(who) })
	}
}

// nobodyToInvite says that a name is neither a role nor a person.
func (d *draft) nobodyToInvite(name string) string {
	if len(d.cfg.Who(name)) > 0 || d.noPeople {
		return ""
	}
	known := map[string]bool{}
	for _, p := range d.cfg.People {
		known[p.ID] = true
		for _, role := range p.Roles {
			known[role] = true
		}
	}
	return "unknown person or role " + unknown(name, slices.Sorted(maps.Keys(known)))
}

func readTracker(c *Channel, o object) {
	c.Tracker = &Tracker{}
	o.get("url").endpoint(&c.URL, "https://github.example.com/api/v3")
	o.need("token_file", "token_file: /path/to/it, a file with a token that may write issues").secretFile(&c.TokenFile, "/etc/tocsin/tracker-token")
	repo := o.need("repository", "repository: acme/operations")
	if s, ok := repo.text("acme/operations"); ok {
		if !repositoryName.MatchString(s) || strings.HasSuffix(s, "/.") || strings.HasSuffix(s, "/..") {
			repo.mistake("want owner/name, as in acme/operations; found %q", shorten(s))
		}
		c.Tracker.Repository = s
	}
	labels, places, ok := o.get("labels").texts("[incident]")
	if ok && o.get("labels").given() && len(labels) == 0 {
		o.get("labels").mistake("the list is empty: add a label, or leave the key out")
	}
	for i, label := range labels {
		same := func(other string) bool { return strings.EqualFold(other, label) }
		switch {
		case strings.ContainsRune(label, ','):
			places[i].mistake("a label holds no comma: write [a, b] for two")
		case !places[i].private(label, longestLabel, false):
		case slices.ContainsFunc(labels[:i], same):
			places[i].mistake("%s stands twice: keep one", shorten(label))
		case !same(trackersOwnMark): // which every issue has
			c.Tracker.Labels = append(c.Tracker.Labels, label)
		}
	}
}

// endpoint reads an address that is posted to, and reports whether it could.
func (v value) endpoint(to *string, example string) bool {
	before := len(v.src.mistakes())
	v.web(to, example)
	if len(v.src.mistakes()) > before || *to == "" {
		return false
	}
	u, err := url.Parse(*to)
	port, bad := strconv.Atoi(u.Port())
	switch {
	case err != nil:
		return false
	case u.Scheme == "http" && !loopback(u.Hostname()):
		v.mistake("want https://: what is posted would travel in the clear (http:// is for this machine only)")
	case u.Port() != "" && (bad != nil || port < 1 || port > 65535):
		v.mistake("want a port from 1 to 65535, as in https://hooks.example.com:8443; found %s", shorten(u.Port()))
	default:
		return true
	}
	return false
}

// mistakes are those that were found so far; none for what was not given.
func (s *source) mistakes() []*Error {
	if s == nil {
		return nil
	}
	return s.draft.mistakes
}

// secretInQuery reports whether an address holds what it is known by.
func secretInQuery(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	for name := range u.Query() {
		if secretKey(name) {
			return true
		}
	}
	return false
}

// secretFile reads the path of a file that holds a secret. The mistake of
// somebody who wrote the secret itself does not repeat it.
func (v value) secretFile(to *string, example string) {
	s, ok := v.text(example)
	if ok && secretItself.MatchString(strings.TrimSpace(s)) {
		v.mistake("the secret itself stands here, and this file is shared: take it out, put it into a file that nobody else can read, and name that, as in %s", example)
		return
	}
	if ok {
		v.path(to, example)
	}
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// hostPort takes host:port apart, if it is that.
func hostPort(s string) (host string, port int, ok bool) {
	host, p, err := net.SplitHostPort(s)
	port, bad := strconv.Atoi(p)
	if err != nil || bad != nil || port < 1 || port > 65535 || p != strconv.Itoa(port) {
		return "", 0, false
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostName.MatchString(host) {
		return "", 0, false
	}
	return host, port, true
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$`)

// channel gives the channel of that name, which is there.
func (d *draft) channel(name string) Channel {
	i := slices.IndexFunc(d.cfg.Channels, func(c Channel) bool { return c.Name == name })
	return d.cfg.Channels[i]
}

// unheard says that a channel would never hear of anything, or that nobody would
// hear of it through the channel.
func (d *draft) unheard(name string, lists bool) string {
	c := d.channel(name)
	first, heard := SeverityNone, false
	for _, s := range Severities {
		if slices.Contains(d.cfg.Hears(s), name) {
			first, heard = s, true
			break
		}
	}
	reaches := slices.ContainsFunc(d.cfg.People, func(p Person) bool { return slices.Contains(p.Reach, name) })
	switch {
	case c.Mail != nil && heard && !lists:
		return fmt.Sprintf("the channel %s hears of %s and has no lists, so that nobody reads it: add lists: [{name: customers, addresses: [ana@example.com]}], "+
			"or, if it is to call people only, a name that no severity's channels have", name, first)
	case c.Mail != nil && !heard && lists && reaches:
		return fmt.Sprintf("the lists of %s hear of no severity: add severities: [P0, P1], or name it under a severity's channels", name)
	case heard, reaches:
		return ""
	}
	return fmt.Sprintf("the channel %s hears of no severity: add severities: [P0, P1], or name it under a severity's channels%s", name, orReach(c))
}

// orReach is said of channels that could reach people.
func orReach(c Channel) string {
	if cannotCall(c) != "" {
		return ""
	}
	return " or a person's reach"
}

// shared says that two channels would be in each other's way.
func (d *draft) shared(name string) string {
	c := d.channel(name)
	for _, other := range d.cfg.Channels {
		switch {
		case other.Name == name:
			return ""
		case other.Type != c.Type:
		case c.Type == "page" && path.Clean(other.Folder) == path.Clean(c.Folder):
			return fmt.Sprintf("the pages %s and %s would overwrite each other in %s: give each a folder of its own", other.Name, name, other.Folder)
		case c.Type == "slack" && c.Slack.Channel != "" && other.URL == c.URL && other.Slack.Channel == c.Slack.Channel:
			return fmt.Sprintf("%s and %s would say everything twice in %s: give each a channel of its own, or leave one out", other.Name, name, c.Slack.Channel)
		case c.Type == "tracker" && c.Tracker.Repository != "" && other.URL == c.URL && strings.EqualFold(other.Tracker.Repository, c.Tracker.Repository):
			return fmt.Sprintf("%s and %s would write into each other's issues in %s: give each a repository of its own, or leave one out", other.Name, name, c.Tracker.Repository)
		}
	}
	return ""
}

// cannotCall says why people cannot be called by a channel, "" if they can.
func cannotCall(c Channel) string {
	switch {
	case c.Type == "page":
		return "is a page, which customers read"
	case c.Type == "tracker":
		return "is a tracker, in which nobody is woken"
	case c.Format == "statuspage":
		return "posts what a status page says, which customers read"
	}
	return ""
}
