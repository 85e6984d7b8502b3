package rules

import (
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	mailListShape = shape{
		example: "{name: customers, addresses: [ana@example.com]}",
		keys:    []string{"name", "audience", "addresses", "file", "components", "regions", "zone"},
		hints: map[string]string{
			"to":          "is called addresses: addresses: [ana@example.com]",
			"emails":      "is called addresses: addresses: [ana@example.com]",
			"subscribers": "is called addresses: addresses: [ana@example.com]",
			"staff":       "is an audience: audience: staff",
			"timezone":    "is called zone: zone: Europe/Berlin",
			"severities":  "belongs to the channel, for all its lists: make a second channel of type email for the others",
		},
	}
	audiences   = []string{"customers", "staff"}
	tlsNames    = []string{"starttls", "tls", "none"}
	pacePattern = regexp.MustCompile(`^([1-9][0-9]{0,5}) ?/ ?(?:1?(s|m|h)|(min))$`)
)

// What a mail server is asked for where nobody says otherwise, and at most.
const (
	usualConnections = 4
	mostConnections  = 50
	leastPace        = 3 // messages a minute: with less, one would wait longer for the one before than a delivery may take
	mostPace         = 60_000
)

func (d *draft) readMail(c *Channel, o object) {
	m := &Mail{TLS: tlsNames[0], Connections: usualConnections}
	c.Mail = m
	readServer(m, o)
	readSignIn(m, o)
	o.need("from", "from: Example status <status@example.com>").sender(&m.From)
	o.get("reply_to").mailbox(&m.ReplyTo, "support@example.com")
	o.get("bounces").mailbox(&m.Bounces, "bounces@example.com")
	if n, ok := o.get("connections").number(1, mostConnections, "4"); ok {
		m.Connections = n
	}
	o.get("pace").pace(&m.Pace)
	d.readLists(m, o.get("lists"))
}

// readServer reads where mail is handed in, and how the line is kept private.
func readServer(m *Mail, o object) {
	server, tls := o.need("server", "server: smtp.example.com:587"), o.get("tls")
	if s, ok := tls.oneOf(tlsNames); ok {
		m.TLS = s
	}
	s, ok := server.scalar("smtp.example.com:587")
	if !ok {
		return
	}
	host, port, ok := hostPort(s)
	switch {
	case strings.Contains(s, "@"): // what stands before it may be a password
		server.mistake("want host:port alone, as in smtp.example.com:587: who signs in stands in user and password_file")
		return
	case !ok:
		server.mistake("want host:port, as in smtp.example.com:587; found %q", shorten(s))
		return
	case m.TLS == "none" && !loopback(host):
		tls.mistake("mail and password would travel in the clear: want starttls or tls (none is for a server on this machine only)")
	case m.TLS == "starttls" && port == 465:
		at := tls
		if !at.given() {
			at = server
		}
		at.mistake("a server on port 465 speaks TLS from the first byte: add tls: tls, or name port 587")
	}
	m.Server = s
}

func readSignIn(m *Mail, o object) {
	user, password := o.get("user"), o.get("password_file")
	if s, ok := user.line(200, "tocsin"); ok {
		m.User = s
	}
	password.secretFile(&m.PasswordFile, "/etc/tocsin/smtp-password")
	switch {
	case user.given() && !password.given():
		user.mistake("nobody signs in without a password: add password_file: /path/to/it")
	case password.given() && !user.given():
		password.mistake("nobody signs in without a name: add user: tocsin")
	}
}

func (d *draft) readLists(m *Mail, v value) {
	items, ok := v.list("[" + mailListShape.example + "]")
	if ok && len(items) == 0 {
		v.mistake("the list is empty: add one, as in [%s], or leave the key out", mailListShape.example)
	}
	taken, customers := map[string]Pos{}, false
	for _, item := range items {
		item.name = "list"
		o, ok := item.object(mailListShape)
		if !ok {
			continue
		}
		l := d.readList(o, taken)
		if !l.Staff && !customers {
			customers = true
			item.later(d.noUnsubscribing)
		}
		m.Lists = append(m.Lists, l)
	}
}

func (d *draft) readList(o object, taken map[string]Pos) List {
	var l List
	name, ok := o.need("name", "name: customers"), false
	if l.Name, ok = name.id("customers"); ok {
		name.once(taken, l.Name)
	}
	if a, ok := o.get("audience").oneOf(audiences); ok {
		l.Staff = a == "staff"
	}
	l.Addresses = readMailboxes(o.get("addresses"))
	o.get("file").path(&l.File, "/etc/tocsin/customers")
	if !o.get("addresses").given() && !o.get("file").given() {
		o.mistake("addresses is missing: add addresses: [ana@example.com], or file: /path/to/them, one a line")
	}
	l.Components = d.readComponentNames(o.get("components"))
	l.Regions = d.readRegionNames(o.get("regions"))
	o.get("zone").zone(&l.Zone)
	return l
}

// noUnsubscribing says that customers could not end what they are sent. The link
// that does is one of https (RFC 8058).
func (d *draft) noUnsubscribing() string {
	const why = "customers stop these mails by a link to the page, which mail services ask for (RFC 8058)"
	u, err := url.Parse(d.cfg.Page.URL)
	switch {
	case d.noPage:
	case d.cfg.Page.URL == "":
		return why + ", and nobody said where that is: add page: {url: https://status.example.com}, or audience: staff if they are your own people"
	case err == nil && u.Scheme != "https" && !loopback(u.Hostname()):
		return why + ", and only over https: write page: {url: https://…}"
	}
	return ""
}

func readMailboxes(v value) []string {
	const example = "[ana@example.com]"
	texts, places, ok := v.texts(example)
	if ok && v.given() && len(texts) == 0 {
		v.mistake("the list is empty: add an address, as in %s, or leave the key out", example)
	}
	var all []string
	taken := map[string]bool{}
	for i, s := range texts {
		switch key := strings.ToLower(s); {
		case !isMailbox(s):
			places[i].mistake("want addresses alone, as in %s; found %q", example, shorten(s))
		case taken[key]:
			places[i].mistake("%s stands twice: keep one", shorten(s))
		default:
			taken[key] = true
			all = append(all, s)
		}
	}
	return all
}

// isMailbox reports whether a text is an address of mail and nothing else. Those
// with letters beyond ASCII are not taken: many servers refuse them.
func isMailbox(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// mailbox reads an address of mail.
func (v value) mailbox(to *string, example string) {
	s, ok := v.text(example)
	switch {
	case !ok:
	case !isMailbox(s):
		v.mistake("want an address alone, as in %s; found %q", example, shorten(s))
	default:
		*to = s
	}
}

// sender reads whom mail is from: a name, which customers read, and an address.
func (v value) sender(to *string) {
	const example = "Example status <status@example.com>"
	s, ok := v.text(example)
	if !ok {
		return
	}
	a, err := mail.ParseAddress(s)
	if err != nil || !isMailbox(a.Address) {
		v.mistake("want a name and an address, as in %s; found %q", example, shorten(s))
		return
	}
	if why := unfit(a.Name, 80); a.Name != "" && why != "" {
		v.mistake("%s", why)
		return
	}
	*to = s
}

// pace reads how many messages are sent in a time, as so many a minute.
func (v value) pace(to *int) {
	s, ok := v.scalar("600/1m")
	if !ok {
		return
	}
	n := 0
	if m := pacePattern.FindStringSubmatch(s); m != nil {
		n, _ = strconv.Atoi(m[1])
		switch m[2] {
		case "s":
			n *= 60
		case "h":
			n /= 60
		}
	}
	if n < leastPace || n > mostPace {
		v.mistake("want so many messages in a time, as in 600/1m, from %d to %d a minute; found %s", leastPace, mostPace, asFound(s))
		return
	}
	*to = n
}
