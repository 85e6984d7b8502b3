// Package email brings what is said of an incident to the addresses of lists,
// and calls to the people who are on duty, over one mail server (SMTP, RFC
// 5321). Each address has a delivery of its own, so that one that fails holds up
// no other.
//
// SMTP has no idempotency: a server that took a message and is cut off before
// it said so is given it again, since mail that is lost is worse. All repeats
// have the same Message-ID, by which programs that read mail tell them. What was
// acknowledged is never sent again. docs/email.md is for those who set it up.
package email

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/guard"
	"github.com/featuresignals/tocsin/publisher/keyfile"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Addresses is what is known of addresses that mail was sent to. The store
// implements it.
type Addresses interface {
	Address(ctx context.Context, channel, address string) (publisher.Address, error)
	Addresses(ctx context.Context, channel string) ([]publisher.Address, error)
	MarkAddress(ctx context.Context, a publisher.Address) error
	// ForgiveAddress forgets that an address was refused, and nothing else of it.
	ForgiveAddress(ctx context.Context, channel, address string) error
}

// Config says how mail leaves and what it is made from.
type Config struct {
	Name      string
	Mail      rules.Mail
	People    []rules.Person // whom calls go to: those whose bounces are known again
	Page      string         // where the public listener is reached, for links to unsubscribe; "" if nobody said
	Title     string         // of the page, for what readers see who unsubscribe
	Words     func(zone *time.Location) *templates.Set
	Memory    publisher.Memory
	Addresses Addresses
	Logger    *slog.Logger   // nil: slog.Default()
	Roots     *x509.CertPool // whom the server's certificate may be from; nil: whom the system believes
}

// enough is how often in a row an address is refused before it is left out.
const enough = 3

// most is how long a message waits for its turn under a pace, well within what
// the loop gives a delivery.
const most = 20 * time.Second

// slowest is the fewest messages a minute that a pace can ask for: with less, one
// message would wait longer than most for the one before.
const slowest = int(time.Minute / most)

// Channel is one mail server with its lists.
type Channel struct {
	Config
	from    mail.Address
	replyTo *mail.Address
	bounces address // zero: Mail.Bounces is ""
	host    string  // of the server
	logger  *slog.Logger
	pool    *pool
	pace    *pace

	mu    sync.Mutex
	key   []byte // nil: not read yet
	files map[string]listFile

	indexing sync.Mutex // taken before mu
	index    index
}

var (
	_ publisher.Channel  = (*Channel)(nil)
	_ publisher.Mannered = (*Channel)(nil)
	_ publisher.Spreader = (*Channel)(nil)
)

// New makes a channel. It reads the lists and the password once, so that a
// mistake shows at the start, and sends nothing.
func New(c Config) (*Channel, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	ch := &Channel{Config: c, logger: c.Logger.With("channel", c.Name), files: map[string]listFile{}, pace: newPace(c.Mail.Pace)}
	if err := ch.check(); err != nil {
		return nil, fmt.Errorf("email %q: %w", c.Name, err)
	}
	ch.pool = newPool(ch.open)
	return ch, nil
}

func (c *Channel) check() error {
	if c.Memory == nil || c.Addresses == nil || c.Words == nil {
		return errors.New("it was made without a memory, addresses or words")
	}
	host, _, err := net.SplitHostPort(c.Mail.Server)
	if err != nil {
		return fmt.Errorf("server: %w: want host:port, as in mail.example.com:587", err)
	}
	c.host = host
	switch c.Mail.TLS {
	case "", "starttls", "tls":
	case "none":
		if !guard.IsLoopback(host) {
			return fmt.Errorf("tls: none would let others read along and write in between: it is for a server on this machine, and %s is not: want starttls or tls", host)
		}
	default:
		return fmt.Errorf("tls: want starttls, tls or none; found %q", c.Mail.TLS)
	}
	from, err := mail.ParseAddress(c.Mail.From)
	if err != nil {
		return fmt.Errorf("from: %w: want an address such as \"Example status <status@example.com>\"", err)
	}
	sender, err := parse(from.Address)
	if err != nil {
		return fmt.Errorf("from: %w", err)
	}
	c.from = mail.Address{Name: oneline(from.Name), Address: sender.String()}
	if c.Mail.ReplyTo != "" {
		to, err := mail.ParseAddress(c.Mail.ReplyTo)
		if err != nil {
			return fmt.Errorf("reply_to: %w", err)
		}
		c.replyTo = &mail.Address{Name: oneline(to.Name), Address: to.Address}
	}
	if c.Mail.Bounces != "" {
		if c.bounces, err = parse(c.Mail.Bounces); err != nil {
			return fmt.Errorf("bounces: %w", err)
		}
		if n := len(c.bounces.local) + verpLength; n > 64 {
			return fmt.Errorf("bounces: what stands before the @ of %s has %d characters with what names the reader, and 64 are allowed: take a shorter one", c.Mail.Bounces, n)
		}
	}
	if c.Mail.Pace > 0 && c.Mail.Pace < slowest {
		return fmt.Errorf("pace: want at least %d messages a minute; found %d", slowest, c.Mail.Pace)
	}
	if c.Mail.User != "" {
		if _, err := c.password(); err != nil {
			return err
		}
		keyfile.WarnOf(c.Logger, c.Config.Name, c.Mail.PasswordFile)
	}
	for _, l := range c.Mail.Lists {
		if _, err := c.read(l, true); err != nil {
			return err
		}
		if !l.Staff && c.Page == "" && c.Mail.Bounces == "" {
			c.logger.Warn("readers of a list have no way to unsubscribe: write down page.url, or bounces of the channel", "list", l.Name)
		}
	}
	return nil
}

// Name gives the channel's name.
func (c *Channel) Name() string { return c.Config.Name }

// Manner asks for as many deliveries at once as there may be connections. Under
// a slow pace there are fewer, so that none waits for its turn beyond its time.
func (c *Channel) Manner() publisher.Manner {
	lanes := c.Mail.Connections
	if lanes <= 0 {
		lanes = 4
	}
	if c.Mail.Pace > 0 {
		lanes = max(1, min(lanes, c.Mail.Pace/slowest))
	}
	return publisher.Manner{Lanes: lanes, Ordered: true, Guarantee: publisher.Repeats}
}

// Targets gives the addresses that a delivery is for.
func (c *Channel) Targets(ctx context.Context, d publisher.Delivery) ([]string, error) {
	if d.Notice != nil {
		return c.called(d.People), nil
	}
	if d.Incident == nil || d.Update == nil {
		return nil, fmt.Errorf("email %q: the delivery is about neither an update nor a notice: %w", c.Config.Name, publisher.ErrPermanent)
	}
	readers, err := c.readers(d, true)
	if err != nil {
		return nil, fmt.Errorf("email %q: %w", c.Config.Name, err)
	}
	known, err := c.Addresses.Addresses(ctx, c.Config.Name)
	if err != nil {
		return nil, err
	}
	out := map[string]publisher.Address{}
	for _, a := range known {
		out[a.Address] = a
	}
	var targets []string
	seen := map[string]bool{}
	for _, r := range readers {
		for _, a := range r.addresses {
			if seen[a] || withheld(out[a], r.list) != "" {
				continue // of one list; another may still name the address
			}
			seen[a] = true
			targets = append(targets, a)
		}
	}
	return targets, nil
}

// called gives the addresses of people. Calls go out whatever became of mail
// before: it is better to try in vain than not to call.
func (c *Channel) called(people []rules.Person) []string {
	var targets []string
	seen := map[string]bool{}
	for _, p := range people {
		if p.Email == "" {
			c.logger.Warn("somebody is to be called by mail and has no address: write it under people", "person", p.ID)
			continue
		}
		a, err := parse(p.Email)
		if err != nil {
			c.logger.Error("somebody is to be called by mail and cannot be", "person", p.ID, "err", err)
			continue
		}
		if s := a.String(); !seen[s] {
			seen[s] = true
			targets = append(targets, s)
		}
	}
	return targets
}

// withheld says why a list's mail does not go to an address; "" if it does. Our
// own people cannot unsubscribe.
func withheld(a publisher.Address, l rules.List) string {
	since := a.At.UTC().Format("2006-01-02 15:04 UTC")
	switch {
	case a.State == publisher.Unsubscribed && !l.Staff:
		return "it unsubscribed at " + since
	case a.State == publisher.Bounced:
		return "mail to it came back at " + since + ": " + a.Reason
	case a.State == publisher.Refused && a.Times >= enough:
		return fmt.Sprintf("it was refused %d times in a row, at last at %s: %s", a.Times, since, a.Reason)
	default:
		return ""
	}
}

// Publish sends one mail to d.Target. The receipt is what the server answered.
func (c *Channel) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	to, err := parse(d.Target)
	if err != nil {
		return "", fmt.Errorf("email %q: %w: %w", c.Config.Name, err, publisher.ErrPermanent)
	}
	if d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return "", fmt.Errorf("email %q: the delivery is about neither an update nor a notice: %w", c.Config.Name, publisher.ErrPermanent)
	}
	known, err := c.Addresses.Address(ctx, c.Config.Name, to.String())
	if err != nil && d.Notice == nil {
		return "", err // it may have unsubscribed meanwhile
	}
	var list *rules.List
	if d.Notice == nil {
		var why string
		if list, why, err = c.listOf(d, to, known); err != nil {
			return "", fmt.Errorf("email %q: %w", c.Config.Name, err)
		}
		if list == nil {
			return "", fmt.Errorf("%w: %s", publisher.ErrMoot, why) // since the delivery was queued
		}
	}
	key, err := c.secret(ctx)
	if err != nil {
		return "", err
	}
	m, err := c.compose(key, d, list, to)
	if err != nil {
		return "", err
	}
	if d.Notice == nil {
		if err := c.pace.wait(ctx); err != nil {
			return "", err
		}
	}
	answer, err := c.pool.send(ctx, m, d.Notice != nil)
	if err != nil {
		return "", c.failed(ctx, to, err)
	}
	if known.State == publisher.Refused {
		if err := c.Addresses.ForgiveAddress(ctx, c.Config.Name, to.String()); err != nil {
			c.logger.Warn("an address that takes mail again is still counted as refused", "address", to.String(), "err", err)
		}
	}
	return answer + " " + m.id, nil
}

// failed makes the loop's error of what went wrong, and notes an address that
// was refused.
func (c *Channel) failed(ctx context.Context, to address, err error) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	switch r.blame {
	case theAddress:
		mark := publisher.Address{Channel: c.Config.Name, Address: to.String(), State: publisher.Refused, Reason: r.answer(), At: time.Now().UTC()}
		// It is dead all the same: what is not noted is refused once more.
		if err := c.Addresses.MarkAddress(context.WithoutCancel(ctx), mark); err != nil {
			c.logger.Error("an address was refused, and that is not noted", "address", to.String(), "err", err)
		}
		return fmt.Errorf("%w: %w", err, publisher.ErrPermanent)
	case theMessage:
		return fmt.Errorf("%w: %w", err, publisher.ErrPermanent)
	}
	if wait := r.wait(); wait > 0 {
		return &publisher.RetryAfter{Wait: wait, Err: err}
	}
	return err
}

// listOf gives the first list that names an address and hears of d, or why none
// does any more.
func (c *Channel) listOf(d publisher.Delivery, to address, known publisher.Address) (*rules.List, string, error) {
	readers, err := c.readers(d, false)
	if err != nil {
		return nil, "", err
	}
	why := "no list that hears of it names the address any more"
	for _, r := range readers {
		if !r.has[to.String()] {
			continue
		}
		w := withheld(known, r.list)
		if w == "" {
			return &r.list, "", nil
		}
		why = w
	}
	return nil, why, nil
}
