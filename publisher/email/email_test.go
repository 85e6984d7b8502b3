package email_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

var words = sync.OnceValues(func() (*templates.Set, error) { return templates.Load(nil) })

// post is a channel with a real store, before a mail server.
type post struct {
	testing.TB
	db      *store.DB
	config  email.Config
	channel *email.Channel
	log     *bytes.Buffer
}

// mailTo makes a channel for a server; change may say something else of it.
func mailTo(t testing.TB, s *smtptest.Server, change func(*email.Config)) *post {
	t.Helper()
	return mailOn(t, newStore(t), s, change)
}

func newStore(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// mailOn is mailTo with a store that is there.
func mailOn(t testing.TB, db *store.DB, s *smtptest.Server, change func(*email.Config)) *post {
	t.Helper()
	set, err := words()
	if err != nil {
		t.Fatal(err)
	}
	p := &post{TB: t, db: db, log: &bytes.Buffer{}}
	p.config = email.Config{
		Name: "mail", Page: "https://status.example.com", Title: "FeatureSignals status", Memory: db, Addresses: db,
		Words:  func(*time.Location) *templates.Set { return set },
		Logger: slog.New(slog.NewTextHandler(p.log, nil)),
		Mail: rules.Mail{
			Server: "127.0.0.1:1", From: "FeatureSignals status <status@example.com>", ReplyTo: "help@example.com",
			Bounces: "bounces@example.com", Connections: 2,
			Lists: []rules.List{{Name: "Customers", Addresses: []string{"ada@Example.NET", "grace@example.net"}}, {Name: "staff", Staff: true, Addresses: []string{"sam@example.com"}}},
		},
	}
	if s != nil {
		p.config.Mail.Server, p.config.Roots = s.Addr(), s.Roots()
	}
	if change != nil {
		change(&p.config)
	}
	if p.channel, err = email.New(p.config); err != nil {
		t.Fatal(err)
	}
	return p
}

var began = time.Date(2026, 5, 20, 10, 2, 0, 0, time.UTC)

// update gives the n-th update of an incident to a target: investigating,
// monitoring, resolved.
func update(n int, target string) publisher.Delivery {
	europe := templates.Region{Code: "eu", Name: "Europe"}
	states := []string{"investigating", "monitoring", "resolved"}
	i := templates.Incident{
		ID: "INC-2026-0001", State: states[n-1], Severity: "P0", Component: templates.Component{ID: "api", Name: "Management API"},
		Began: began, Detected: began.Add(5 * time.Minute), Regions: []templates.Region{europe},
	}
	for k := n; k >= 1; k-- {
		said := began.Add(time.Duration(k*10) * time.Minute)
		u := templates.Update{
			Number: k, ID: fmt.Sprintf("INC-2026-0001-%d", k), State: states[k-1], Severity: "P0", Status: "Partial service",
			Regions: []templates.Region{europe}, Symptom: "elevated errors on the management API", Impact: "failed requests when they change flags",
			Measured: templates.Measured{Share: .15}, Trend: "new", Said: said, AsOf: said.Add(-time.Minute), Next: said.Add(30 * time.Minute), Every: 30 * time.Minute,
		}
		if states[k-1] == "resolved" {
			u.Trend, u.Measured, i.Resolved = "over", templates.Measured{}, said
		}
		i.Updates = append(i.Updates, u)
	}
	p := templates.Public{
		Organisation: "FeatureSignals", Title: "FeatureSignals status", URL: "https://status.example.com",
		Regions:    []templates.Region{europe, {Code: "us", Name: "United States"}},
		Components: []templates.Component{{ID: "api", Name: "Management API"}, {ID: "dashboard", Name: "Dashboard"}},
		Incidents:  []templates.Incident{i},
	}
	return publisher.Delivery{
		Channel: "mail", Key: fmt.Sprintf("INC-2026-0001/%d", n), Target: target, Seq: uint64(n), Attempt: 1,
		Public: p, Incident: &p.Incidents[0], Update: &p.Incidents[0].Updates[0],
	}
}

// call is a call to people.
func call(target string) publisher.Delivery {
	return publisher.Delivery{
		Channel: "mail", Key: "INC-2026-0001/notice/2", Target: target, Attempt: 1,
		Notice: &templates.Notice{
			ID: "INC-2026-0001", Number: 2, Kind: "paged", At: began.Add(6 * time.Minute), State: "investigating", Severity: "P0",
			Title: "elevated errors on the management API", Component: "Management API", Regions: []string{"Europe"},
			Began: began, Detected: began.Add(5 * time.Minute), Summary: "15 % of 1,204 requests failed", To: []string{"Sam"}, Step: 1,
		},
		People: []rules.Person{{ID: "sam", Name: "Sam", Email: "sam@example.com"}, {ID: "kim", Name: "Kim"}, {ID: "sue", Email: "sam@Example.com"}},
	}
}

// send publishes, and is sure that it goes out.
func (p *post) send(d publisher.Delivery) string {
	p.Helper()
	receipt, err := p.channel.Publish(p.Context(), d)
	if err != nil {
		p.Fatalf("%s to %s: %v", d.Key, d.Target, err)
	}
	return receipt
}

// spared gives why nothing was sent.
func (p *post) spared(d publisher.Delivery) string {
	p.Helper()
	receipt, err := p.channel.Publish(p.Context(), d)
	if !errors.Is(err, publisher.ErrMoot) {
		p.Fatalf("%s to %s: %q, %v", d.Key, d.Target, receipt, err)
	}
	return strings.TrimPrefix(err.Error(), publisher.ErrMoot.Error()+": ")
}

// letter is a mail as it arrived, read by another library than the one that wrote
// it.
type letter struct {
	message.Header
	text, html string
}

func open(t testing.TB, b []byte) letter {
	t.Helper()
	e, err := message.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	l := letter{Header: e.Header}
	err = e.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil {
			return err
		}
		kind, params, err := part.Header.ContentType()
		if err != nil {
			return err
		}
		if strings.HasPrefix(kind, "multipart/") {
			return nil
		}
		if strings.HasPrefix(kind, "text/") && !strings.EqualFold(params["charset"], "utf-8") {
			t.Errorf("a part of type %s has the charset %q", kind, params["charset"])
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return err
		}
		said := strings.ReplaceAll(string(body), "\r\n", "\n")
		switch kind {
		case "text/plain":
			l.text = said
		case "text/html":
			l.html = said
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// head gives a header's decoded value, which must be there once.
func (l letter) head(t testing.TB, name string) string {
	t.Helper()
	fields := l.FieldsByKey(name)
	n, value := 0, ""
	for fields.Next() {
		n++
		v, err := fields.Text()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		value = v
	}
	if n != 1 {
		t.Errorf("it has %d headers %s", n, name)
	}
	return value
}

func TestAMailToACustomer(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{User: "tocsin", Password: "s3cret words"})
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "s3cret words\n")
	p := mailTo(t, s, func(c *email.Config) { c.Mail.User, c.Mail.PasswordFile = "tocsin", file })
	receipt := p.send(update(1, "ada@example.net"))
	if len(s.Messages()) != 1 {
		t.Fatalf("%d messages came", len(s.Messages()))
	}
	m := s.Messages()[0]
	if !m.TLS || m.User != "tocsin" || m.To != "ada@example.net" {
		t.Errorf("it came with TLS %v by %q to %s", m.TLS, m.User, m.To)
	}
	if !regexp.MustCompile(`^bounces\+b[a-z2-7]{16}@example\.com$`).MatchString(m.From) {
		t.Errorf("the envelope is from %s", m.From)
	}
	l := open(t, m.Data)
	id := l.head(t, "Message-Id")
	for name, want := range map[string]string{
		"From":                     `^"?FeatureSignals status"? <status@example\.com>$`,
		"To":                       `^<?ada@example\.net>?$`,
		"Reply-To":                 `^<?help@example\.com>?$`,
		"Subject":                  `^\[INCIDENT\] FeatureSignals P0 — Elevated errors on the management API$`,
		"Date":                     `^Wed, 20 May 2026 10:12:00 \+0000$`,
		"Message-Id":               `^<INC-2026-0001\.1\.[a-z2-7]{24}@example\.com>$`,
		"Mime-Version":             `^1\.0$`,
		"Auto-Submitted":           `^auto-generated$`,
		"X-Auto-Response-Suppress": `^DR, RN, NRN, OOF, AutoReply$`,
		"List-Id":                  `^<customers\.mail\.example\.com>$`,
		"List-Unsubscribe":         `^<https://status\.example\.com/unsubscribe/[a-z2-7]{32}>, <mailto:bounces\+u[a-z2-7]{16}@example\.com\?subject=unsubscribe>$`,
		"List-Unsubscribe-Post":    `^List-Unsubscribe=One-Click$`,
		"Content-Type":             `^multipart/alternative;`,
	} {
		if got := l.head(t, name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	for _, none := range []string{"In-Reply-To", "References", "Precedence", "User-Agent", "X-Mailer", "Importance", "Bcc"} {
		if l.Has(none) {
			t.Errorf("it has a header %s: %q", none, l.Get(none))
		}
	}
	if !strings.Contains(receipt, strings.Trim(id, "<>")) || !strings.HasPrefix(receipt, "250 ") {
		t.Errorf("the receipt is %q", receipt)
	}
	set, _ := words()
	d := update(1, "")
	want, err := set.Message(d.Public, *d.Incident, *d.Update)
	if err != nil {
		t.Fatal(err)
	}
	said, foot, _ := strings.Cut(l.text, "\n-- \n")
	if said != want.Body {
		t.Errorf("the text is\n%s\nwant runbook B's\n%s", said, want.Body)
	}
	link := regexp.MustCompile(`https://status\.example\.com/unsubscribe/[a-z2-7]{32}`).FindString(l.head(t, "List-Unsubscribe"))
	for form, words := range map[string]string{"text": foot, "HTML": l.html} {
		if !strings.Contains(words, link) || !strings.Contains(words, "https://status.example.com/incidents/INC-2026-0001.html") {
			t.Errorf("the %s lacks a link: %s", form, words)
		}
	}
	if !strings.Contains(l.html, "Customers may experience failed requests when they change flags.") {
		t.Error("the HTML lacks the impact")
	}
	// The standard library reads it as well, and lines are short enough for SMTP.
	std, err := netmail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(std.Header.Get("Subject"))
	if err != nil || subject != want.Subject {
		t.Errorf("the subject is %q (%v)", subject, err)
	}
	for line := range bytes.Lines(m.Data) {
		if len(line) > 998 || slices.ContainsFunc(line, func(b byte) bool { return b >= 0x80 }) {
			t.Errorf("a line is long, or not ASCII: %q", line)
		}
	}
}

func TestAllMailOfAnIncidentIsOneThreadForItsReader(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	for _, d := range []publisher.Delivery{
		update(1, "ada@example.net"), update(2, "ada@example.net"), update(3, "ada@example.net"),
		update(3, "grace@example.net"), // who did not hear of the first
		call("sam@example.com"),
	} {
		p.send(d)
	}
	var ids, refs []string
	for _, m := range s.Messages() {
		l := open(t, m.Data)
		ids = append(ids, l.head(t, "Message-Id"))
		refs = append(refs, l.Get("References"))
		if l.Get("References") != l.Get("In-Reply-To") {
			t.Errorf("References and In-Reply-To differ: %q, %q", l.Get("References"), l.Get("In-Reply-To"))
		}
	}
	if refs[0] != "" || refs[1] != ids[0] || refs[2] != ids[0] {
		t.Errorf("the updates refer to %q, want the first, %q", refs, ids[0])
	}
	if refs[3] == "" || refs[3] == ids[0] || refs[4] == "" || refs[4] == refs[3] {
		t.Errorf("each reader has a thread of their own: %q", refs)
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 5 {
		t.Errorf("two mails have the same Message-ID: %q", ids)
	}
}

func TestARepeatIsTheSameToTheLastByte(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	p.send(update(2, "ada@example.net"))
	again, err := email.New(p.config) // as after a restart
	if err != nil {
		t.Fatal(err)
	}
	d := update(2, "ada@example.net")
	d.Attempt = 7
	if _, err := again.Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	m := s.Messages()
	if !bytes.Equal(m[0].Data, m[1].Data) || m[0].From != m[1].From {
		t.Errorf("they differ:\n%s\n%s", m[0].Data, m[1].Data)
	}
	other := mailTo(t, s, nil) // another installation, with the same numbers
	other.send(update(2, "ada@example.net"))
	a, b := open(t, m[0].Data), open(t, s.Messages()[2].Data)
	for _, name := range []string{"Message-Id", "References", "List-Unsubscribe"} {
		if a.head(t, name) == b.head(t, name) {
			t.Errorf("two installations have the same %s", name)
		}
	}
}

func TestACallIsForPeopleAndUrgent(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	targets, err := p.channel.Targets(t.Context(), call(""))
	if err != nil || !slices.Equal(targets, []string{"sam@example.com"}) {
		t.Fatalf("it is for %q (%v)", targets, err)
	}
	if !strings.Contains(p.log.String(), "person=kim") {
		t.Errorf("nobody is told that Kim has no address:\n%s", p.log)
	}
	p.send(call(targets[0]))
	l := open(t, s.Messages()[0].Data)
	if got := l.head(t, "Subject"); !strings.HasPrefix(got, "P0 Management API in Europe: elevated errors") {
		t.Errorf("the subject is %q", got)
	}
	if l.head(t, "Importance") != "high" || l.Has("List-Unsubscribe") || l.Has("List-Id") || l.html != "" {
		t.Error("it does not look like a call")
	}
	if !strings.Contains(l.text, "15 % of 1,204 requests failed") {
		t.Errorf("the text is %q", l.text)
	}
	// A call is tried whatever became of the address, and with the store away.
	mark(t, p.db, "sam@example.com", publisher.Bounced)
	p.send(call(targets[0]))
	if _ = p.db.Close(); len(s.Messages()) != 2 {
		t.Error("a call was held back")
	}
	p.send(call(targets[0]))
}

// Words, names and addresses come from people; none of them may end a line.
func TestNothingCanWriteAHeader(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	const evil = "x\r\nBcc: eve@example.org\r\n\r\nbody"
	p := mailTo(t, s, func(c *email.Config) {
		c.Mail.From = "\"Status\tBcc: eve@example.org\" <status@example.com>"
		c.Mail.Lists[0].Name = evil
	})
	d := update(1, "ada@example.net")
	d.Public.Organisation, d.Update.Symptom, d.Incident.Component.Name = evil, "errors\r\nBcc: eve@example.org", evil
	p.send(d)
	n := call("sam@example.com")
	n.Notice.Title, n.Notice.Component = evil, evil
	p.send(n)
	for _, m := range s.Messages() {
		l := open(t, m.Data)
		if l.Has("Bcc") || l.head(t, "Subject") == "" || l.text == "" {
			t.Errorf("it was written into:\n%s", m.Data)
		}
	}
	for _, target := range []string{"", "eve", "a@b\r\nRCPT TO:<eve@example.org>", "<ada@example.net>", "ada@example.net>", "a b@example.net", "\"a b\"@example.net", "ada@example.net ", "ada@-x"} {
		if _, err := p.channel.Publish(t.Context(), update(1, target)); !errors.Is(err, publisher.ErrPermanent) {
			t.Errorf("a mail to %q: %v", target, err)
		}
	}
	if len(s.Messages()) != 2 {
		t.Errorf("%d mails went out", len(s.Messages()))
	}
}

func TestWhoHearsOfWhat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.txt")
	write(t, file, "\ufeff# our customers\nada@EXAMPLE.net # twice\r\n  file@example.net  \n\nno address\na#b@example.net\nmoved@example.net")
	lists := []rules.List{
		{Name: "customers", Addresses: []string{"ada@example.net"}, File: file},
		{Name: "api", Addresses: []string{"api@example.net", "ada@example.net"}, Components: []string{"api"}},
		{Name: "dashboard", Addresses: []string{"dash@example.net"}, Components: []string{"dashboard"}},
		{Name: "europe", Addresses: []string{"eu@example.net"}, Regions: []string{"eu"}},
		{Name: "america", Addresses: []string{"us@example.net"}, Regions: []string{"us"}},
		{Name: "staff", Addresses: []string{"sam@example.com"}, Staff: true},
		{Name: "nobody"},
	}
	p := mailTo(t, nil, func(c *email.Config) { c.Mail.Lists = lists })
	everybody := []string{"ada@example.net", "file@example.net", "a#b@example.net", "moved@example.net"}
	for _, c := range []struct {
		name   string
		change func(*publisher.Delivery)
		want   []string
	}{
		{"of an update on the API in Europe", func(*publisher.Delivery) {}, slices.Concat(everybody, []string{"api@example.net", "eu@example.net", "sam@example.com"})},
		{"of what customers do not read: our own people", func(d *publisher.Delivery) { d.Inside = true }, []string{"sam@example.com"}},
		{
			"of what speaks for another component, too", func(d *publisher.Delivery) { d.Update.Also = []string{"Dashboard"} },
			slices.Concat(everybody, []string{"api@example.net", "dash@example.net", "eu@example.net", "sam@example.com"}),
		},
		{
			"of an incident that others were merged into", func(d *publisher.Delivery) { d.Incident.Also = []string{"dashboard"} },
			slices.Concat(everybody, []string{"api@example.net", "dash@example.net", "eu@example.net", "sam@example.com"}),
		},
		{"of what says nothing of regions: all", func(d *publisher.Delivery) {
			d.Update.Regions = nil
			d.Incident.Updates[1].Regions = nil
		}, slices.Concat(everybody, []string{"api@example.net", "eu@example.net", "us@example.net", "sam@example.com"})},
		{
			"of what has moved on: those who heard of it before, too", func(d *publisher.Delivery) { d.Update.Regions = []templates.Region{{Code: "us"}} },
			slices.Concat(everybody, []string{"api@example.net", "eu@example.net", "us@example.net", "sam@example.com"}),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := update(2, "")
			c.change(&d)
			got, err := p.channel.Targets(t.Context(), d)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got  %q (%v)\nwant %q", got, err, c.want)
			}
		})
	}
	if !strings.Contains(p.log.String(), "list.txt:5") {
		t.Errorf("nobody is told of the line that is no address:\n%s", p.log)
	}
	write(t, file, "new@example.net\n")
	if earlier := time.Now().Add(-time.Minute); os.Chtimes(file, earlier, earlier) != nil {
		t.Fatal("the file's time cannot be set")
	}
	if got, err := p.channel.Targets(t.Context(), update(1, "")); err != nil || !slices.Contains(got, "new@example.net") || slices.Contains(got, "file@example.net") {
		t.Errorf("after the file was written anew: %q (%v)", got, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := p.channel.Targets(t.Context(), update(1, "")); err == nil || errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), `list "customers"`) {
		t.Errorf("without the file: %v", err)
	}
}

func TestWhoIsLeftOut(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, func(c *email.Config) {
		c.Mail.Lists = append(c.Mail.Lists, rules.List{Name: "more", Addresses: []string{"bob@example.net"}})
		c.Mail.Lists[1].Addresses = append(c.Mail.Lists[1].Addresses, "grace@example.net") // who is a colleague, too
	})
	targets := func() []string {
		t.Helper()
		all, err := p.channel.Targets(t.Context(), update(1, ""))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got := targets(); len(got) != 4 {
		t.Fatalf("they are %q", got)
	}
	mark(t, p.db, "ada@example.net", publisher.Unsubscribed)
	mark(t, p.db, "grace@example.net", publisher.Unsubscribed)
	mark(t, p.db, "bob@example.net", publisher.Bounced)
	for range 2 {
		mark(t, p.db, "sam@example.com", publisher.Refused)
	}
	if got := targets(); !slices.Equal(got, []string{"sam@example.com", "grace@example.net"}) {
		t.Errorf("left are %q", got)
	}
	// A row that was made before is not sent either, and is no failure.
	for target, why := range map[string]string{
		"ada@example.net": "it unsubscribed at ", "bob@example.net": "mail to it came back at ", "moved@example.net": "no list",
	} {
		if got := p.spared(update(1, target)); !strings.HasPrefix(got, why) {
			t.Errorf("%s: %q", target, got)
		}
	}
	if len(s.Messages()) != 0 {
		t.Error("mail went out")
	}
	p.send(update(1, "grace@example.net"))
	if l := open(t, s.Messages()[0].Data); l.Has("List-Unsubscribe") {
		t.Error("a colleague is shown how to unsubscribe")
	}
	p.send(update(1, "sam@example.com")) // is taken: what was before is forgotten
	if a, err := p.db.Address(t.Context(), "mail", "sam@example.com"); err != nil || a.State != "" {
		t.Errorf("an address that takes mail is %+v (%v)", a, err)
	}
	for range 3 {
		mark(t, p.db, "sam@example.com", publisher.Refused)
	}
	if got := targets(); slices.Contains(got, "sam@example.com") {
		t.Errorf("refused three times, and still among %q", got)
	}
	if _, err := p.db.ForgetAddress(t.Context(), "mail", "sam@example.com"); err != nil || !slices.Contains(targets(), "sam@example.com") {
		t.Errorf("forgotten (%v), and not among %q", err, targets())
	}
}

// meanwhile is a store in which something happens to an address as soon as a
// delivery has looked at it.
type meanwhile struct {
	*store.DB
	happens func()
}

func (m meanwhile) Address(ctx context.Context, channel, address string) (publisher.Address, error) {
	defer m.happens()
	return m.DB.Address(ctx, channel, address)
}

func TestWhoUnsubscribesWhileAMailGoesOutStaysSo(t *testing.T) {
	db := newStore(t)
	mark(t, db, "ada@example.net", publisher.Refused)
	p := mailOn(t, db, smtptest.New(t, smtptest.Options{}), func(c *email.Config) {
		c.Addresses = meanwhile{db, func() { mark(t, db, "ada@example.net", publisher.Unsubscribed) }}
	})
	p.send(update(1, "ada@example.net"))
	if a, err := db.Address(t.Context(), "mail", "ada@example.net"); err != nil || a.State != publisher.Unsubscribed {
		t.Errorf("it is %+v (%v)", a, err)
	}
}

func TestMistakesShowAtTheStart(t *testing.T) {
	db := newStore(t)
	for name, c := range map[string]struct {
		change func(*email.Config)
		want   string
	}{
		"no port":              {func(c *email.Config) { c.Mail.Server = "mail.example.com" }, "server: "},
		"no TLS to elsewhere":  {func(c *email.Config) { c.Mail.Server, c.Mail.TLS = "mail.example.com:25", "none" }, "tls: none would let others read along"},
		"a kind of TLS":        {func(c *email.Config) { c.Mail.TLS = "ssl" }, "want starttls, tls or none"},
		"no sender":            {func(c *email.Config) { c.Mail.From = "status" }, "from: "},
		"a sender with a line": {func(c *email.Config) { c.Mail.From = "a\r\nBcc: x@example.com <a@example.com>" }, "from: "},
		"an odd answer":        {func(c *email.Config) { c.Mail.ReplyTo = "help" }, "reply_to: "},
		"an odd bounce":        {func(c *email.Config) { c.Mail.Bounces = "Bounces <b@example.com>" }, "bounces: "},
		"a long bounce":        {func(c *email.Config) { c.Mail.Bounces = strings.Repeat("b", 50) + "@example.com" }, "take a shorter one"},
		"a pace like a snail":  {func(c *email.Config) { c.Mail.Pace = 1 }, "at least 3 messages a minute"},
		"no password":          {func(c *email.Config) { c.Mail.User = "tocsin" }, "password_file is missing"},
		"no list":              {func(c *email.Config) { c.Mail.Lists[0].File = "/nowhere/list" }, `list "Customers": `},
	} {
		t.Run(name, func(t *testing.T) {
			p := mailOn(t, db, nil, nil)
			c.change(&p.config)
			if _, err := email.New(p.config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "s3cret words\n")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	shared := mailTo(t, nil, func(c *email.Config) { c.Mail.User, c.Mail.PasswordFile = "tocsin", file })
	if got := shared.log.String(); !strings.Contains(got, "chmod o-r it") || strings.Contains(got, "s3cret") {
		t.Errorf("nobody is told that everybody can read the password:\n%s", got)
	}
	p := mailTo(t, nil, func(c *email.Config) { c.Page, c.Mail.Bounces = "", "" })
	if !strings.Contains(p.log.String(), "no way to unsubscribe") {
		t.Errorf("nobody is told that readers cannot unsubscribe:\n%s", p.log)
	}
}

func TestTheMannerOfMail(t *testing.T) {
	db := newStore(t)
	for _, c := range []struct{ connections, pace, lanes int }{{0, 0, 4}, {8, 0, 8}, {4, 600, 4}, {4, 6, 2}, {4, 3, 1}} {
		p := mailOn(t, db, nil, func(m *email.Config) { m.Mail.Connections, m.Mail.Pace = c.connections, c.pace })
		if m := p.channel.Manner(); m.Lanes != c.lanes || !m.Ordered || m.Guarantee != publisher.Repeats {
			t.Errorf("with %d connections and %d a minute it is %+v, want %d lanes", c.connections, c.pace, m, c.lanes)
		}
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mark(t testing.TB, db *store.DB, a, state string) {
	t.Helper()
	err := db.MarkAddress(context.WithoutCancel(t.Context()), publisher.Address{Channel: "mail", Address: a, State: state, Reason: "550 why", At: began})
	if err != nil {
		t.Fatal(err)
	}
}
