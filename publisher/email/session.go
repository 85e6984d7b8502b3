package email

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/featuresignals/tocsin/publisher"
)

const (
	idle       = 30 * time.Second // how long a session is kept for the next message
	perSession = 100              // messages of one session: many servers allow no more
	dialWait   = 10 * time.Second
	probeWait  = 3 * time.Second // for the answer of one that was idle: its way may be cut without a word
)

// session is a connection that mail can be sent over.
type session struct {
	conn net.Conn // below TLS, for deadlines
	smtp *smtp.Client
	sent int
	stop *time.Timer // ends it when it was idle for too long
}

func (s *session) close() { _ = s.conn.Close() }

// quit takes leave, within reason.
func (s *session) quit() {
	_ = s.conn.SetDeadline(time.Now().Add(time.Second))
	_ = s.smtp.Quit()
	s.close()
}

// heed ends all reading and writing when ctx ends, and gives what undoes it.
func (s *session) heed(ctx context.Context) (undo func()) {
	deadline, _ := ctx.Deadline() // the zero time is none
	_ = s.conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		stop()
		_ = s.conn.SetDeadline(time.Time{})
	}
}

// open begins a session.
func (c *Channel) open(ctx context.Context) (_ *session, err error) {
	dial, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(dial, "tcp", c.Mail.Server)
	if err != nil {
		return nil, newRefusal(connecting, c.Mail.Server, err)
	}
	s := &session{conn: conn}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	defer s.heed(ctx)()
	settings := &tls.Config{ServerName: c.host, RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	over := conn
	if c.Mail.TLS == "tls" {
		secured := tls.Client(conn, settings)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, newRefusal(securing, c.Mail.Server, err)
		}
		over = secured
	}
	if s.smtp, err = smtp.NewClient(over, c.host); err != nil {
		return nil, newRefusal(connecting, c.Mail.Server, err)
	}
	// All that we send is ASCII, and a server that was asked for more may send it
	// back where the next one cannot do more.
	s.smtp.SkipSMTPUTF8(true)
	if err := s.smtp.Hello(c.hello()); err != nil {
		return nil, newRefusal(greeting, c.Mail.Server, err)
	}
	if cmp.Or(c.Mail.TLS, "starttls") == "starttls" {
		if ok, _ := s.smtp.Extension("STARTTLS"); !ok {
			return nil, newRefusal(securing, c.Mail.Server, errors.New("the server does not offer STARTTLS, or somebody on the way hides it"))
		}
		if err := s.smtp.StartTLS(settings); err != nil {
			return nil, newRefusal(securing, c.Mail.Server, err)
		}
	}
	if c.Mail.User != "" {
		if err := c.signIn(s.smtp); err != nil {
			return nil, newRefusal(signingIn, c.Mail.Server, err)
		}
	}
	return s, nil
}

// hello is the name that we greet with: a whole one, since servers do not believe
// in others.
func (c *Channel) hello() string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		return name
	}
	_, domain, _ := strings.Cut(c.from.Address, "@")
	return domain
}

func (c *Channel) signIn(client *smtp.Client) error {
	password, err := c.password()
	if err != nil {
		return err
	}
	_, offered := client.Extension("AUTH")
	offers := strings.Fields(strings.ToUpper(offered))
	clear := c.Mail.TLS == "none"
	switch user := c.Mail.User; {
	case slices.Contains(offers, "SCRAM-SHA-256"):
		return client.Auth(smtp.ScramSHA256Auth(user, password))
	case slices.Contains(offers, "PLAIN"):
		return client.Auth(smtp.PlainAuth("", user, password, c.host, clear))
	case slices.Contains(offers, "LOGIN"):
		return client.Auth(smtp.LoginAuth(user, password, c.host, clear))
	default:
		return fmt.Errorf("the server offers none of SCRAM-SHA-256, PLAIN and LOGIN (but %q)", offered)
	}
}

// password is read for each session, so that it can be changed meanwhile.
func (c *Channel) password() (string, error) {
	if c.Mail.PasswordFile == "" {
		return "", errors.New("password_file is missing beside user")
	}
	b, err := os.ReadFile(c.Mail.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", fmt.Errorf("password_file: %s is empty", c.Mail.PasswordFile)
	}
	return password, nil
}

// pool keeps sessions for the next message. How many there are is the loop's to
// bound: each delivery has one.
type pool struct {
	open func(context.Context) (*session, error)

	mu     sync.Mutex
	idle   []*session
	failed int       // sessions that could not be begun, in a row
	rest   time.Time // nobody knocks before it
	why    error
}

func newPool(open func(context.Context) (*session, error)) *pool { return &pool{open: open} }

// send hands a message over and gives the server's answer. urgent knocks also
// where the server has just turned us away.
func (p *pool) send(ctx context.Context, m message, urgent bool) (string, error) {
	s, err := p.take(ctx, urgent)
	if err != nil {
		return "", err
	}
	undo := s.heed(ctx)
	answer, err := s.send(m)
	undo()
	if r, ok := errors.AsType[*refusal](err); ok && r.broken() {
		s.close()
		if r.code == 421 {
			p.turnedAway(err)
		}
		return "", err
	}
	p.give(s)
	return answer, err
}

// send is one message's way through a session.
func (s *session) send(m message) (answer string, err error) {
	server := s.conn.RemoteAddr().String()
	if err := s.smtp.Mail(m.from); err != nil {
		return "", newRefusal(fromWhom, server, err)
	}
	if err := s.smtp.Rcpt(m.to); err != nil {
		return "", newRefusal(toWhom, server, err)
	}
	w, err := s.smtp.Data()
	if err != nil {
		return "", newRefusal(beginning, server, err)
	}
	if _, err := w.Write(m.data); err != nil {
		return "", newRefusal(ending, server, err)
	}
	if err := w.Close(); err != nil {
		return "", newRefusal(ending, server, err)
	}
	s.sent++
	if said, ok := w.(interface{ ServerResponse() string }); ok {
		answer = shorten("250 "+said.ServerResponse(), 200)
	}
	return answer, nil
}

// take gives a session that answers: one that is left of an earlier message, or
// a new one.
func (p *pool) take(ctx context.Context, urgent bool) (*session, error) {
	for {
		s := p.left()
		if s == nil {
			break
		}
		probe, cancel := context.WithTimeout(ctx, probeWait)
		undo := s.heed(probe)
		err := s.smtp.Reset() // what is left of the message before, and whether anybody is there
		undo()
		cancel()
		if err == nil {
			return s, nil
		}
		s.close()
		if ctx.Err() != nil {
			return nil, newRefusal(greeting, s.conn.RemoteAddr().String(), err)
		}
	}
	p.mu.Lock()
	wait, why := time.Until(p.rest), p.why
	p.mu.Unlock()
	if wait > 0 && !urgent {
		return nil, &publisher.RetryAfter{Wait: wait, Err: fmt.Errorf("not tried, since a moment ago it went wrong: %w", why)}
	}
	s, err := p.open(ctx)
	if err != nil {
		p.turnedAway(err)
		return nil, err
	}
	p.mu.Lock()
	p.failed, p.rest = 0, time.Time{}
	p.mu.Unlock()
	return s, nil
}

// turnedAway has everybody wait a little: thousands of messages that each knock
// at a server that has no room are what it has no room for.
func (p *pool) turnedAway(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.rest) {
		return // known already
	}
	p.failed++
	p.rest, p.why = time.Now().Add(min(time.Second<<min(p.failed, 6), time.Minute)), err
}

func (p *pool) left() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	s := p.idle[n-1]
	p.idle = p.idle[:n-1]
	s.stop.Stop()
	return s
}

// give keeps a session for the next message.
func (p *pool) give(s *session) {
	if s.sent >= perSession {
		go s.quit()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, s)
	s.stop = time.AfterFunc(idle, func() {
		p.mu.Lock()
		n := slices.Index(p.idle, s)
		if n >= 0 {
			p.idle = slices.Delete(p.idle, n, n+1)
		}
		p.mu.Unlock()
		if n >= 0 {
			s.quit()
		}
	})
}

// pace spaces messages out.
type pace struct {
	every time.Duration // 0: as fast as the server takes them

	mu   sync.Mutex
	next time.Time
}

func newPace(perMinute int) *pace {
	if perMinute <= 0 {
		return &pace{}
	}
	return &pace{every: time.Minute / time.Duration(perMinute)}
}

// wait comes back when it is a message's turn.
func (p *pace) wait(ctx context.Context) error {
	if p.every == 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	turn := now
	if p.next.After(now) {
		turn = p.next
	}
	if wait := turn.Sub(now); wait > most {
		p.mu.Unlock()
		return &publisher.RetryAfter{Wait: wait, Err: errors.New("others are before it under the pace of the channel")}
	}
	p.next = turn.Add(p.every)
	p.mu.Unlock()
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
