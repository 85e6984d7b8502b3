package email_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
)

// dsn is a report as Postfix writes it, after the example in RFC 3464.
const dsn = `Return-Path: <>
Date: Wed, 20 May 2026 10:20:00 +0000
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: %[1]s
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="AAA.1/mx.example.net"
Message-Id: <20260520102000.AAA@mx.example.net>

This is a MIME-encapsulated message.

--AAA.1/mx.example.net
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--AAA.1/mx.example.net
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Wed, 20 May 2026 10:12:00 +0000

Final-Recipient: rfc822; %[2]s
Original-Recipient: rfc822;%[2]s
Action: %[3]s
Status: %[4]s
Diagnostic-Code: smtp; 550 no such user

--AAA.1/mx.example.net
Content-Description: Undelivered Message
Content-Type: %[5]s

%[6]s

--AAA.1/mx.example.net--
`

// arf is a complaint as in RFC 5965.
const arf = `From: <abusedesk@example.net>
Subject: FW: [INCIDENT]
To: <abuse@example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1"

--part1
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.

--part1
Content-Type: message/feedback-report

Feedback-Type: %[3]s
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <%[1]s>
Original-Rcpt-To: <ada@example.net>

--part1
Content-Type: message/rfc822

%[2]s
--part1--
`

func TestWhatComesBack(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	p.send(update(1, "ada@example.net"))
	p.send(update(1, "grace@example.net"))
	ada, grace := s.Messages()[0], s.Messages()[1]
	head, _, _ := strings.Cut(string(ada.Data), "\r\n\r\n")
	unsub := regexp.MustCompile(`mailto:([^?]+)\?`).FindStringSubmatch(open(t, ada.Data).head(t, "List-Unsubscribe"))[1]
	plain := "bounces@example.com"
	report := func(to, final, action, status, kind, original string) string {
		return fmt.Sprintf(dsn, to, final, action, status, kind, original)
	}
	const headers, whole = "text/rfc822-headers", "message/rfc822"
	forged := strings.Replace(head, open(t, ada.Data).head(t, "Message-Id"), "<INC-2026-0001.1.aaaaaaaaaaaaaaaaaaaaaaaa@example.com>", 1)
	for _, c := range []struct {
		name, mail, recipient string
		address, state        string
		why                   string
	}{
		{"a bounce to the address that names its reader", report(ada.From, "whoever@elsewhere.example", "failed", "5.1.1", whole, ""), "", "ada@example.net", publisher.Bounced, "5.1.1 550 no such user"},
		{"in capitals", report(strings.ToUpper(ada.From), "x@y.example", "failed", "5.1.1", whole, ""), "", "ada@example.net", publisher.Bounced, ""},
		{"as the mail server says whom it came to", report(plain, "x@y.example", "failed", "5.1.1", whole, ""), grace.From, "grace@example.net", publisher.Bounced, ""},
		{"with our mail in it", report(plain, "ada@example.net", "failed", "5.0.0", whole, string(ada.Data)), "", "ada@example.net", publisher.Bounced, ""},
		{"with the head of our mail in it, from where it was forwarded to", report(plain, "ada@home.example", "failed", "5.0.0", headers, head), "", "ada@example.net", publisher.Bounced, ""},
		{"with our envelope in it", report(plain, "x@y.example", "failed", "5.1.1", whole, "Return-Path: <"+grace.From+">\nSubject: x\n"), "", "grace@example.net", publisher.Bounced, ""},
		{"what they gave up after days of trying", report(ada.From, "ada@example.net", "failed", "4.4.7", whole, ""), "", "ada@example.net", publisher.Refused, "4.4.7"},
		{"what is only late", report(ada.From, "ada@example.net", "delayed", "4.4.1", whole, ""), "", "ada@example.net", "", "delayed"},
		{"what was delivered", report(ada.From, "ada@example.net", "delivered", "2.0.0", whole, ""), "", "ada@example.net", "", "delivered"},
		{"a report that only names an address", report(plain, "ada@example.net", "failed", "5.1.1", whole, "Subject: x\n"), "", "", "", "nothing in it shows that we sent a mail there"},
		{"a report with a Message-ID that is not ours", report(plain, "ada@example.net", "failed", "5.1.1", headers, forged), "", "", "", "nothing in it shows"},
		{"a report to an address that names nobody", report("bounces+baaaaaaaaaaaaaaaa@example.com", "ada@example.net", "failed", "5.1.1", whole, ""), "", "", "", ""},
		{"an automatic answer", "To: " + ada.From + "\nSubject: Out of office\nContent-Type: text/plain\n\nI am away.\n", "", "ada@example.net", "", "automatic answer"},
		{"a mail that unsubscribes", "To: " + unsub + "\nSubject: unsubscribe\n\n\n", "", "ada@example.net", publisher.Unsubscribed, "by mail"},
		{"a bounce of an answer is no unsubscribing", report(unsub, "x@y.example", "delayed", "4.0.0", whole, ""), "", "ada@example.net", "", "delayed"},
		{"a complaint", fmt.Sprintf(arf, plain, ada.Data, "abuse"), "", "ada@example.net", publisher.Unsubscribed, "complained: abuse"},
		{"a complaint that only names our envelope", fmt.Sprintf(arf, ada.From, "Subject: x\n", "abuse"), "", "ada@example.net", publisher.Unsubscribed, ""},
		{"the opposite of a complaint", fmt.Sprintf(arf, ada.From, ada.Data, "not-spam"), "", "ada@example.net", "", "no spam"},
		{"a forged complaint", fmt.Sprintf(arf, plain, forged+"\n\n", "abuse"), "", "", "", ""},
		{"somebody's letter", "To: " + plain + "\nSubject: hello\n\nHi there.\n", "", "", "", "about no address of ours"},
		{"no mail at all", "\x00\x01\x02", "", "", "", "cannot be read as mail"},
		{"nothing", "", "", "", "", "cannot be read as mail"},
		{"a report that is cut short", report(ada.From, "x@y.example", "failed", "5.1.1", whole, "")[:1050], "", "ada@example.net", publisher.Bounced, ""},
		{"a report without parts", "To: " + ada.From + "\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n", "", "ada@example.net", "", "the report says nothing"},
	} {
		for _, eol := range []string{"\n", "\r\n"} {
			t.Run(c.name+strings.Map(func(r rune) rune {
				if r == '\r' {
					return '+'
				}
				return -1
			}, eol), func(t *testing.T) {
				for _, a := range []string{"ada@example.net", "grace@example.net"} {
					if _, err := p.db.ForgetAddress(t.Context(), "", a); err != nil {
						t.Fatal(err)
					}
				}
				text := strings.ReplaceAll(strings.ReplaceAll(c.mail, "\r\n", "\n"), "\n", eol)
				v, err := email.Returned(t.Context(), strings.NewReader(text), c.recipient, p.channel)
				if err != nil {
					t.Fatal(err)
				}
				if v.Address != c.address || v.State != c.state || !strings.Contains(v.Why, c.why) {
					t.Fatalf("got %+v", v)
				}
				all, err := p.db.Addresses(t.Context(), "")
				if err != nil || c.state == "" && len(all) != 0 || c.state != "" && (len(all) != 1 || all[0].Address != c.address || all[0].State != c.state || all[0].Channel != "mail") {
					t.Errorf("noted is %+v (%v)", all, err)
				}
			})
		}
	}
}

func TestBouncesOfSeveralChannels(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	config := p.config
	config.Name = "other"
	other, err := email.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Publish(t.Context(), update(1, "ada@example.net")); err != nil {
		t.Fatal(err)
	}
	mail := fmt.Sprintf(dsn, s.Messages()[0].From, "ada@example.net", "failed", "5.1.1", "message/rfc822", "")
	v, err := email.Returned(t.Context(), strings.NewReader(mail), "", p.channel, other)
	if err != nil || v.Channel != "other" || v.State != publisher.Bounced {
		t.Errorf("got %+v (%v)", v, err)
	}
}

func FuzzReturned(f *testing.F) {
	s := smtptest.New(f, smtptest.Options{})
	p := mailTo(f, s, nil)
	p.send(update(1, "ada@example.net"))
	m := s.Messages()[0]
	f.Add(fmt.Sprintf(dsn, m.From, "ada@example.net", "failed", "5.1.1", "message/rfc822", m.Data))
	f.Add(fmt.Sprintf(arf, m.From, m.Data, "abuse"))
	f.Add("To: " + m.From + "\n\n")
	f.Fuzz(func(t *testing.T, mail string) {
		v, err := email.Returned(t.Context(), strings.NewReader(mail), "", p.channel)
		if err != nil {
			t.Fatal(err)
		}
		if v.State != "" && v.Address != "ada@example.net" {
			t.Errorf("noted is %+v", v)
		}
	})
}
