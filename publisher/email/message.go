package email

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// message is a mail, ready to be sent.
type message struct {
	id       string
	from, to string // of the envelope
	data     []byte
}

// compose makes the mail of a delivery. list is whose it is, nil of a call to
// people. A repeat of the same delivery is the same to the last byte, unless the
// words changed meanwhile.
func (c *Channel) compose(key []byte, d publisher.Delivery, list *rules.List, to address) (message, error) {
	name := c.Config.Name
	from := address{}
	from.local, from.domain, _ = strings.Cut(c.from.Address, "@")
	m := message{id: messageID(key, name, d.Key, to.String(), from.domain), from: c.from.Address, to: to.String()}
	if c.bounces.local != "" {
		m.from = verp(key, c.bounces, 'b', name, m.to)
	}
	boundary := "tocsin-" + token(key, idBytes, "boundary", m.id)
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP), gomail.WithBoundary(boundary))
	msg.FromMailAddress(&c.from)
	if c.replyTo != nil {
		msg.ReplyToMailAddress(c.replyTo)
	}
	if err := msg.To(m.to); err != nil {
		return message{}, fmt.Errorf("write the mail: %w: %w", err, publisher.ErrPermanent)
	}
	msg.SetMessageIDWithValue(m.id)
	msg.SetDateWithValue(said(d).UTC())
	if first := messageID(key, name, root(d), m.to, from.domain); first != m.id {
		msg.SetGenHeader(gomail.HeaderInReplyTo, "<"+first+">")
		msg.SetGenHeader(gomail.HeaderReferences, "<"+first+">")
	}
	// No Precedence: what it was for is said by Auto-Submitted (RFC 3834), and
	// some servers put mail back that has one, which this must not be. NDR is
	// left out of what is not to be answered: bounces are to come back.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply")

	var zone *time.Location
	if list != nil {
		zone = list.Zone
	}
	words := c.Words(zone)
	if d.Notice != nil {
		text, err := words.Notice(*d.Notice)
		if err != nil {
			return message{}, fmt.Errorf("word the call: %w", err)
		}
		first, _, _ := strings.Cut(text, "\n")
		msg.SetImportance(gomail.ImportanceHigh)
		msg.Subject(oneline(first))
		msg.SetBodyString(gomail.TypeTextPlain, text)
	} else {
		foot := templates.MailFoot{Inside: d.Inside}
		if !list.Staff {
			foot.Unsubscribe = c.unsubscribe(msg, key, m.to)
			msg.SetGenHeader("List-Id", listID(*list, name, from.domain))
		}
		said, err := words.MailWith(d.Public, *d.Incident, *d.Update, foot)
		if err != nil {
			return message{}, fmt.Errorf("word the mail: %w", err)
		}
		msg.Subject(oneline(said.Subject))
		msg.SetBodyString(gomail.TypeTextPlain, said.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, said.HTML)
	}
	var out bytes.Buffer
	if _, err := msg.WriteTo(&out); err != nil {
		return message{}, fmt.Errorf("write the mail: %w", err)
	}
	m.data = out.Bytes()
	return m, nil
}

// unsubscribe writes the headers that let a program unsubscribe its reader (RFC
// 2369, and with one click RFC 8058), and gives the link for readers.
func (c *Channel) unsubscribe(msg *gomail.Msg, key []byte, to string) string {
	var ways []string
	page := ""
	if base := strings.TrimRight(c.Page, "/"); base != "" {
		page = base + unsubscribePath + link(key, c.Config.Name, to)
		ways = append(ways, "<"+page+">")
	}
	if c.bounces.local != "" {
		by := url.URL{Scheme: "mailto", Opaque: verp(key, c.bounces, 'u', c.Config.Name, to), RawQuery: "subject=unsubscribe"}
		ways = append(ways, "<"+by.String()+">")
	}
	if len(ways) > 0 {
		msg.SetGenHeader(gomail.HeaderListUnsubscribe, strings.Join(ways, ", "))
	}
	if strings.HasPrefix(page, "https://") {
		msg.SetGenHeader(gomail.HeaderListUnsubscribePost, oneClick)
	}
	return page
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// listID names a list as RFC 2919 has it: programs sort mail by it.
func listID(l rules.List, channel, domain string) string {
	id := strings.Trim(notInID.ReplaceAllString(strings.ToLower(l.Name), "-"), "-")
	if id == "" {
		id = "list"
	}
	return "<" + id + "." + strings.Trim(notInID.ReplaceAllString(strings.ToLower(channel), "-"), "-") + "." + domain + ">"
}
