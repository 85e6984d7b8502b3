package email

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

var _ publisher.Previewer = (*Channel)(nil)

// Shown makes a channel that can only show what it would send, from an example's
// address where the configuration has none. page is the public page's address.
func Shown(ch rules.Channel, page string, words *templates.Set) *Channel {
	c := &Channel{Config: Config{Name: ch.Name, Page: page, Words: words.In}, logger: slog.Default()}
	if ch.Mail != nil {
		c.Mail = *ch.Mail
	}
	c.from = mail.Address{Name: "Status", Address: "status@example.com"}
	if from, err := mail.ParseAddress(c.Mail.From); err == nil {
		c.from = mail.Address{Name: oneline(from.Name), Address: from.Address}
	}
	if to, err := mail.ParseAddress(c.Mail.ReplyTo); err == nil {
		c.replyTo = &mail.Address{Name: oneline(to.Name), Address: to.Address}
	}
	if bounces, err := parse(c.Mail.Bounces); err == nil {
		c.bounces = bounces
	}
	return c
}

// Preview gives the mail as a reader of the first list would get it that hears of
// the update; where none does, as an example's reader would. Message-IDs and the
// links to unsubscribe are made with another key than those that are sent.
func (c *Channel) Preview(d publisher.Delivery) (publisher.Preview, error) {
	if d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return publisher.Preview{}, fmt.Errorf("email %q: the delivery is about neither an update nor a notice: %w", c.Config.Name, publisher.ErrPermanent)
	}
	list := &rules.List{Name: "readers", Staff: d.Inside}
	if n := slices.IndexFunc(c.Mail.Lists, func(l rules.List) bool { return d.Notice == nil && hears(l, d) }); n >= 0 {
		list = &c.Mail.Lists[n]
	}
	m, err := c.compose(make([]byte, 32), d, list, address{"reader", "example.com"})
	if err != nil {
		return publisher.Preview{}, err
	}
	p := publisher.Preview{Headers: head(m.data)}
	msg, err := mail.ReadMessage(bytes.NewReader(m.data))
	if err != nil {
		return p, fmt.Errorf("read the mail again: %w", err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return p, fmt.Errorf("read the mail again: %w", err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		b, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
		p.Text = lines(b)
		return p, err
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return p, fmt.Errorf("read the mail again: %w", err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return p, fmt.Errorf("read the mail again: %w", err)
		}
		if kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind == "text/html" {
			p.HTML = lines(b)
		} else {
			p.Text = lines(b)
		}
	}
}

// head gives the lines of a mail's head in their order, as programs show them.
func head(data []byte) (all []publisher.Header) {
	var decoder mime.WordDecoder
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, len(data)+1)
	for in.Scan() && in.Text() != "" {
		if line := in.Text(); line[0] == ' ' || line[0] == '\t' {
			all[len(all)-1].Value = strings.TrimSpace(all[len(all)-1].Value + " " + strings.TrimSpace(line))
		} else {
			name, value, _ := strings.Cut(line, ":")
			all = append(all, publisher.Header{Name: name, Value: strings.TrimSpace(value)})
		}
	}
	for n, h := range all {
		h.Value = strings.TrimSpace(h.Value) // a field may begin with its fold
		all[n] = h
		if decoded, err := decoder.DecodeHeader(h.Value); err == nil {
			all[n].Value = decoded
		}
	}
	return all
}

func lines(b []byte) string { return strings.ReplaceAll(string(b), "\r\n", "\n") }
