package email

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher"
)

// What comes back is read as it is published: delivery status notifications (RFC
// 3464 in RFC 6522), complaints (RFC 5965), and mail to the address that
// unsubscribes. All of it may be forged by anybody who can send mail to us. So an
// address is believed only where something proves that the sender has seen a mail
// that we sent to it: the envelope's address (VERP) or the Message-ID, both of
// which are made with our key. A Final-Recipient alone proves nothing.

// Verdict is what was learned from a mail that came back.
type Verdict struct {
	Channel string
	Address string // "" where it is about none of ours
	State   string // publisher.Bounced, Refused or Unsubscribed; "" where nothing is to be done
	Why     string
}

// String says it in one line.
func (v Verdict) String() string {
	switch {
	case v.Address == "":
		return "nothing is noted: " + v.Why
	case v.State == "":
		return fmt.Sprintf("nothing is noted of %s: %s", v.Address, v.Why)
	default:
		return fmt.Sprintf("%s on channel %q is %s: %s", v.Address, v.Channel, v.State, v.Why)
	}
}

// mailLimit is the most of a mail that is read: what counts stands at its
// beginning.
const mailLimit = 10 << 20

// mostIDs is how many Message-IDs of a mail are looked at: each is compared with
// that of every address, and whoever forges a mail could put thousands into it.
const mostIDs = 4

// Returned reads a mail that came to the address for bounces, finds whom of the
// channels' readers it is about, and notes what became of the address. recipient
// is whom it came to, where the mail server says; "" leaves it to the mail's
// head.
func Returned(ctx context.Context, r io.Reader, recipient string, channels ...*Channel) (Verdict, error) {
	report, err := readReport(io.LimitReader(r, mailLimit))
	if err != nil {
		return Verdict{Why: "it cannot be read as mail: " + err.Error()}, nil
	}
	if recipient != "" {
		report.to = append([]string{recipient}, report.to...)
	}
	why := "it is about no address of ours"
	for _, c := range channels {
		a, kind, err := c.proven(ctx, report)
		if err != nil {
			return Verdict{}, err
		}
		if a == "" {
			continue
		}
		v := report.verdict(kind)
		v.Channel, v.Address = c.Config.Name, a
		switch v.State {
		case "":
		case publisher.Unsubscribed:
			err = c.Unsubscribe(ctx, a, v.Why)
		default:
			err = c.Addresses.MarkAddress(ctx, publisher.Address{Channel: v.Channel, Address: a, State: v.State, Reason: v.Why, At: time.Now().UTC()})
		}
		return v, err
	}
	if report.final != "" {
		why = fmt.Sprintf("it speaks of %s, but nothing in it shows that we sent a mail there", shorten(report.final, 200))
	}
	return Verdict{Why: why}, nil
}

// proven finds the address that a report is about, and what kind of address it
// came to: 'b' for bounces, 'u' to unsubscribe, 0 where the Message-ID proves
// it.
func (c *Channel) proven(ctx context.Context, r report) (a string, kind byte, err error) {
	key, err := c.known(ctx)
	if err != nil || key == nil {
		return "", 0, err
	}
	x, err := c.find(ctx, func(x index) bool { return false })
	if err != nil {
		return "", 0, err
	}
	if c.bounces.local != "" {
		for _, to := range slices.Concat(r.to, r.from) {
			local, _, _ := strings.Cut(strings.ToLower(to), "@")
			rest, ok := strings.CutPrefix(local, strings.ToLower(c.bounces.local)+"+")
			if !ok || len(rest) < 2 || rest[0] != 'b' && rest[0] != 'u' {
				continue
			}
			if a := x.byVerp[rest[1:]]; a != "" {
				return a, rest[0], nil
			}
		}
	}
	for _, id := range r.ids[:min(len(r.ids), mostIDs)] {
		delivery, mac, ok := about(id)
		if !ok {
			continue
		}
		for _, a := range x.all {
			if token(key, idBytes, "message", c.Config.Name, delivery, a) == mac {
				return a, 0, nil
			}
		}
	}
	return "", 0, nil
}

// report is what of a mail counts.
type report struct {
	kind   string   // the report-type: "delivery-status", "feedback-report"; "" of other mail
	to     []string // whom it came to
	from   []string // whom the mail that it is about says that it is from, in its envelope
	ids    []string // Message-IDs of the mail that it is about
	final  string   // whom it says it is about; for people
	action string   // of RFC 3464: "failed", "delayed", …
	status string   // "5.1.1"
	why    string
	abuse  string // of RFC 5965: "abuse", "not-spam", …
}

// verdict says what is to be noted.
func (r report) verdict(kind byte) Verdict {
	why := shorten(strings.TrimSpace(r.status+" "+r.why), 300)
	switch {
	case r.kind == "feedback-report" && r.abuse == "not-spam":
		return Verdict{Why: "its reader says that it is no spam"}
	case r.kind == "feedback-report":
		return Verdict{State: publisher.Unsubscribed, Why: "its reader complained: " + cmp.Or(r.abuse, "abuse")}
	case r.kind == "delivery-status" && r.action == "failed" && strings.HasPrefix(r.status, "4."):
		return Verdict{State: publisher.Refused, Why: why} // they tried for days; perhaps next time
	case r.kind == "delivery-status" && r.action == "failed":
		return Verdict{State: publisher.Bounced, Why: cmp.Or(why, "it came back")}
	case r.kind == "delivery-status":
		return Verdict{Why: "the report says " + cmp.Or(r.action, "nothing") + ", not failed"}
	case kind == 'u':
		return Verdict{State: publisher.Unsubscribed, Why: "by mail"}
	default:
		return Verdict{Why: "it is no delivery report; perhaps a person or an automatic answer wrote it"}
	}
}

// readReport reads a mail.
func readReport(in io.Reader) (report, error) {
	m, err := mail.ReadMessage(in)
	if err != nil {
		return report{}, err
	}
	var r report
	for _, name := range []string{"X-Original-To", "Delivered-To", "Envelope-To", "To", "Cc"} {
		for _, v := range m.Header[textproto.CanonicalMIMEHeaderKey(name)] {
			r.to = append(r.to, addressesIn(v)...)
		}
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || media != "multipart/report" || params["boundary"] == "" {
		return r, nil // a person's, or what is no report
	}
	r.kind = strings.ToLower(params["report-type"])
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, nil // cut short; what was read counts
		}
		b, err := io.ReadAll(decoded(p))
		if err != nil && len(b) == 0 {
			continue
		}
		r.part(p.Header.Get("Content-Type"), b)
	}
}

func decoded(p *multipart.Part) io.Reader {
	switch strings.ToLower(p.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		return quotedprintable.NewReader(p)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, p)
	default:
		return p
	}
}

// part reads one part of a report.
func (r *report) part(contentType string, b []byte) {
	media, _, _ := mime.ParseMediaType(contentType)
	switch media {
	case "message/delivery-status", "message/global-delivery-status":
		for _, fields := range blocks(b) {
			action := strings.ToLower(strings.TrimSpace(fields.Get("Action")))
			if action == "" || r.action == "failed" {
				continue
			}
			r.action = action
			r.status = strings.TrimSpace(fields.Get("Status"))
			r.status, _, _ = strings.Cut(r.status, " ")
			r.final = untyped(cmp.Or(fields.Get("Final-Recipient"), fields.Get("Original-Recipient")))
			r.why = untyped(fields.Get("Diagnostic-Code"))
		}
	case "message/feedback-report":
		for _, fields := range blocks(b) {
			if kind := fields.Get("Feedback-Type"); kind != "" {
				r.abuse = strings.ToLower(strings.TrimSpace(kind))
			}
			for _, v := range fields.Values("Original-Mail-From") {
				r.from = append(r.from, addressesIn(v)...)
			}
			r.final = cmp.Or(untyped(fields.Get("Original-Rcpt-To")), r.final)
		}
	case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
		for _, fields := range blocks(b)[:min(1, len(blocks(b)))] {
			r.ids = append(r.ids, fields.Get("Message-Id"))
			for _, v := range fields.Values("Return-Path") {
				r.from = append(r.from, addressesIn(v)...)
			}
		}
	}
}

// blocks reads groups of fields that empty lines part.
func blocks(b []byte) []textproto.MIMEHeader {
	in := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(bytes.TrimLeft(b, "\r\n"), "\r\n\r\n"...))))
	var all []textproto.MIMEHeader
	for len(all) < 100 {
		fields, err := in.ReadMIMEHeader()
		if len(fields) > 0 {
			all = append(all, fields)
		}
		if err != nil {
			break
		}
	}
	return all
}

// untyped gives what follows the type in a field of a report: "rfc822;
// ada@example.com", "smtp; 550 no such user".
func untyped(s string) string {
	if _, rest, ok := strings.Cut(s, ";"); ok {
		s = rest
	}
	return oneline(s)
}

var anyAddress = regexp.MustCompile("[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")

func addressesIn(s string) []string { return anyAddress.FindAllString(s, 20) }
