package email_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
)

// always gives the same answer at one place.
func always(at string, r smtptest.Reply) func(string, string, int) *smtptest.Reply {
	return func(where, _ string, _ int) *smtptest.Reply {
		if where == at {
			return &r
		}
		return nil
	}
}

func TestWhatARefusalMeans(t *testing.T) {
	db := newStore(t)
	for _, c := range []struct {
		name      string
		at        string
		reply     smtptest.Reply
		permanent bool
		marked    bool // the address counts as refused
		wait      time.Duration
		says      string
	}{
		{"nobody has that address", "rcpt", smtptest.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}, true, true, 0, "550 5.1.1 no such user"},
		{"nobody, in the old way", "rcpt", smtptest.Reply{Code: 553, Text: "unknown mailbox"}, true, true, 0, "553"},
		{"a mailbox that is full for good", "rcpt", smtptest.Reply{Code: 552, Enhanced: [3]int{5, 2, 2}, Text: "mailbox full"}, true, true, 0, "552 5.2.2"},
		{"the server does not relay", "rcpt", smtptest.Reply{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "relaying denied"}, false, false, 0, "may we send to others (relay)"},
		{"the server does not relay, in the old way", "rcpt", smtptest.Reply{Code: 550, Text: "relay not permitted"}, false, false, 0, "relay"},
		{"the server wants a sign-in", "rcpt", smtptest.Reply{Code: 530, Text: "authentication required"}, false, false, 0, "are we signed in"},
		{"the sender is not liked", "rcpt", smtptest.Reply{Code: 550, Enhanced: [3]int{5, 1, 8}, Text: "bad sender domain"}, false, false, 0, "5.1.8"},
		{"greylisting", "rcpt", smtptest.Reply{Code: 451, Enhanced: [3]int{4, 7, 1}, Text: "greylisted, try again in 300 seconds"}, false, false, 5 * time.Minute, "451"},
		{"greylisting in minutes", "rcpt", smtptest.Reply{Code: 450, Text: "please come back in 2 minutes"}, false, false, 2 * time.Minute, "450"},
		{"a mailbox that is full for now", "rcpt", smtptest.Reply{Code: 452, Enhanced: [3]int{4, 2, 2}, Text: "mailbox full"}, false, false, 0, "452"},
		{"the sender is refused", "mail", smtptest.Reply{Code: 550, Text: "sender rejected"}, false, false, 0, "check from and bounces"},
		{"the server has no disk", "mail", smtptest.Reply{Code: 452, Text: "insufficient system storage"}, false, false, 0, "452"},
		{"what is said is refused", "data", smtptest.Reply{Code: 554, Enhanced: [3]int{5, 6, 0}, Text: "we do not like it"}, true, false, 0, "554"},
		{"what is said is put off", "data", smtptest.Reply{Code: 451, Text: "the scanner is away"}, false, false, 0, "451"},
		{"the server closes down", "data", smtptest.Reply{Code: 421, Text: "shutting down", Drop: true}, false, false, 0, "421"},
		{"the server turns us away", "connect", smtptest.Reply{Code: 421, Text: "too many connections"}, false, false, 0, "421"},
		{"the server never has us", "connect", smtptest.Reply{Code: 554, Text: "no service for you"}, false, false, 0, "554"},
		{"the connection ends at once", "connect", smtptest.Reply{}, false, false, 0, "greet at"},
		{"the connection ends in between", "rcpt", smtptest.Reply{}, false, false, 0, "name the reader at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := smtptest.New(t, smtptest.Options{Fault: always(c.at, c.reply)})
			p := mailOn(t, db, s, nil)
			if _, err := db.ForgetAddress(t.Context(), "", "ada@example.net"); err != nil {
				t.Fatal(err)
			}
			_, err := p.channel.Publish(t.Context(), update(1, "ada@example.net"))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q in it", err, c.says)
			}
			if errors.Is(err, publisher.ErrPermanent) != c.permanent || errors.Is(err, publisher.ErrGone) {
				t.Errorf("permanent: %v, want %v: %v", !c.permanent, c.permanent, err)
			}
			wait := time.Duration(0)
			if later, ok := errors.AsType[*publisher.RetryAfter](err); ok {
				wait = later.Wait
			}
			if wait != c.wait {
				t.Errorf("it is to wait %v, want %v", wait, c.wait)
			}
			a, err := p.db.Address(t.Context(), "mail", "ada@example.net")
			if err != nil || (a.State == publisher.Refused) != c.marked || c.marked && (a.Times != 1 || !strings.Contains(a.Reason, "55")) {
				t.Errorf("the address is %+v (%v)", a, err)
			}
			if len(s.Messages()) != 0 {
				t.Error("the server took it all the same")
			}
		})
	}
}

func TestAnAddressThatIsRefusedThriceIsLeftOut(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{Fault: always("rcpt", smtptest.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"})})
	p := mailTo(t, s, nil)
	for n := 1; n <= 3; n++ {
		if _, err := p.channel.Publish(t.Context(), update(n, "ada@example.net")); !errors.Is(err, publisher.ErrPermanent) {
			t.Fatalf("update %d: %v", n, err)
		}
	}
	if got := p.spared(update(3, "ada@example.net")); !strings.HasPrefix(got, "it was refused 3 times in a row") {
		t.Errorf("got %q", got)
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections: a refused address is no reason for a new one", n)
	}
}

// A message goes over TLS that is believed, or not at all.
func TestMailIsNeverSentInTheClear(t *testing.T) {
	db := newStore(t)
	for _, c := range []struct {
		name    string
		options smtptest.Options
		change  func(*email.Config)
		says    string
	}{
		{"no STARTTLS is offered", smtptest.Options{TLS: "none"}, nil, "does not offer STARTTLS"},
		{"the certificate is for another name", smtptest.Options{BadCertificate: true}, nil, "give the server a certificate for this name"},
		{"the certificate is from nobody", smtptest.Options{}, func(c *email.Config) { c.Roots = nil }, "from an authority that this machine believes"},
		{
			"TLS from the start, and the certificate is for another name",
			smtptest.Options{TLS: "tls", BadCertificate: true},
			func(c *email.Config) { c.Mail.TLS = "tls" }, "give the server a certificate for this name",
		},
		{"TLS from the start, where the server begins in the clear", smtptest.Options{}, func(c *email.Config) { c.Mail.TLS = "tls" }, "port 465"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := smtptest.New(t, c.options)
			p := mailOn(t, db, s, c.change)
			_, err := p.channel.Publish(t.Context(), update(1, "ada@example.net"))
			if err == nil || errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q in it", err, c.says)
			}
			if len(s.Messages()) != 0 {
				t.Error("it was sent")
			}
		})
	}
	for mode, want := range map[string]bool{"tls": true, "none": false} {
		s := smtptest.New(t, smtptest.Options{TLS: mode})
		p := mailOn(t, db, s, func(c *email.Config) { c.Mail.TLS = mode })
		p.send(update(1, "ada@example.net"))
		if got := s.Messages()[0].TLS; got != want {
			t.Errorf("with tls: %s, TLS is %v", mode, got)
		}
	}
}

func TestASignInThatFailsSaysWhatToMend(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{User: "tocsin", Password: "right"})
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "wrong")
	p := mailTo(t, s, func(c *email.Config) { c.Mail.User, c.Mail.PasswordFile = "tocsin", file })
	_, err := p.channel.Publish(t.Context(), update(1, "ada@example.net"))
	if err == nil || errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), "535") || !strings.Contains(err.Error(), "check user and password_file") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("it tells the password: %v", err)
	}
	// Others do not knock at once, but calls do; a new password needs no restart.
	_, err = p.channel.Publish(t.Context(), update(1, "grace@example.net"))
	if later, ok := errors.AsType[*publisher.RetryAfter](err); !ok || later.Wait <= 0 || !strings.Contains(err.Error(), "535") {
		t.Errorf("the next one: %v", err)
	}
	if s.Connections() != 1 {
		t.Errorf("%d connections", s.Connections())
	}
	write(t, file, "right\n")
	p.send(call("sam@example.com"))
	p.send(update(1, "ada@example.net"))
	none := smtptest.New(t, smtptest.Options{})
	p = mailTo(t, none, func(c *email.Config) { c.Mail.User, c.Mail.PasswordFile = "tocsin", file })
	if _, err := p.channel.Publish(t.Context(), update(1, "ada@example.net")); err == nil || !strings.Contains(err.Error(), "offers none of") {
		t.Errorf("where no sign-in is offered: %v", err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var connects atomic.Int32
	s := smtptest.New(t, smtptest.Options{Fault: func(at, a string, n int) *smtptest.Reply {
		switch {
		case at == "connect":
			connects.Add(1)
		case at == "rcpt" && strings.HasPrefix(a, "grace"):
			return &smtptest.Reply{Code: 451, Text: "later"}
		case at == "data" && strings.HasPrefix(a, "sam"):
			return &smtptest.Reply{} // the connection ends
		}
		return nil
	}})
	p := mailTo(t, s, nil)
	for range 5 {
		p.send(update(1, "ada@example.net"))
		if _, err := p.channel.Publish(t.Context(), update(1, "grace@example.net")); err == nil {
			t.Fatal("451 is no failure")
		}
	}
	if n := connects.Load(); n != 1 {
		t.Errorf("%d connections for ten messages, of which the server refused five", n)
	}
	if _, err := p.channel.Publish(t.Context(), update(1, "sam@example.com")); err == nil || errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("cut off: %v", err)
	}
	p.send(update(2, "ada@example.net"))
	if n := connects.Load(); n != 2 {
		t.Errorf("%d connections, after one was cut off", n)
	}
	for n := range 220 {
		p.send(update(n%3+1, "ada@example.net"))
	}
	if n := connects.Load(); n != 4 {
		t.Errorf("%d connections, with a hundred messages in each", n-2)
	}
}

// A session that the server ended while nobody used it costs no attempt.
func TestAServerThatRestartedIsNoFailure(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s := smtptest.New(t, smtptest.Options{})
	var conns atomic.Pointer[net.Conn] // the newest
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Store(&c)
			up, err := net.Dial("tcp", s.Addr())
			if err != nil {
				return
			}
			go pipe(c, up)
			go pipe(up, c)
		}
	}()
	p := mailTo(t, s, func(c *email.Config) { c.Mail.Server = listener.Addr().String() })
	p.send(update(1, "ada@example.net"))
	_ = (*conns.Load()).Close()
	p.send(update(2, "ada@example.net"))
	if len(s.Messages()) != 2 {
		t.Errorf("%d messages came", len(s.Messages()))
	}
}

func pipe(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// Before a message was taken, a cut loses nothing; after it, the repeat can be
// told by its Message-ID.
func TestACutBeforeTheAnswerIsTriedAgainWithTheSameMessageID(t *testing.T) {
	for stage, want := range map[string]int{"before": 1, "after": 2} {
		t.Run(stage, func(t *testing.T) {
			s := smtptest.New(t, smtptest.Options{Cut: func(n int, at string) bool { return n == 1 && at == stage }})
			p := mailTo(t, s, nil)
			_, err := p.channel.Publish(t.Context(), update(2, "ada@example.net"))
			if err == nil || errors.Is(err, publisher.ErrPermanent) {
				t.Fatalf("cut off: %v", err)
			}
			p.send(update(2, "ada@example.net"))
			ids := map[string]bool{}
			for _, m := range s.Messages() {
				ids[open(t, m.Data).head(t, "Message-Id")] = true
			}
			if len(s.Messages()) != want || len(ids) != 1 {
				t.Errorf("%d messages with the ids %v, want %d with one", len(s.Messages()), ids, want)
			}
		})
	}
}

func TestASilentServerIsGivenUpInTime(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := mailTo(t, nil, func(c *email.Config) { c.Mail.Server = listener.Addr().String() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := p.channel.Publish(ctx, update(1, "ada@example.net")); err == nil || errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestNoServerAtAll(t *testing.T) {
	p := mailTo(t, nil, nil)
	_, err := p.channel.Publish(t.Context(), update(1, "ada@example.net"))
	if err == nil || errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), "is the server of the configuration right") {
		t.Errorf("got %v", err)
	}
}

// A way to the server that is cut without a word, as by a firewall that forgot a
// connection, costs a call three seconds and not all of its time.
func TestASessionThatNobodyAnswersOnIsLeft(t *testing.T) {
	t.Parallel()
	s := smtptest.New(t, smtptest.Options{})
	var cut atomic.Bool
	front, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = front.Close() })
	go func() {
		for first := true; ; first = false {
			near, err := front.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).Dial("tcp", s.Addr())
			if err != nil {
				return
			}
			pass := func(to, from net.Conn, mayEnd bool) {
				defer to.Close()
				b := make([]byte, 4096)
				for {
					n, err := from.Read(b)
					if err != nil {
						return
					}
					if mayEnd && cut.Load() {
						continue
					}
					if _, err := to.Write(b[:n]); err != nil {
						return
					}
				}
			}
			go pass(near, far, first)
			go pass(far, near, first)
		}
	}()
	p := mailTo(t, s, func(c *email.Config) { c.Mail.Server = front.Addr().String() })
	p.send(call("ada@example.net"))
	cut.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if _, err := p.channel.Publish(ctx, call("sam@example.com")); err != nil || len(s.Messages()) != 2 {
		t.Errorf("%d messages came: %v", len(s.Messages()), err)
	}
}
