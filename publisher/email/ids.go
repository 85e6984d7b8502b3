package email

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher"
)

// A channel has one key, made when it is first needed and kept in the store. All
// that others could otherwise guess is made with it: what unsubscribes an
// address, what names it in a bounce, and Message-IDs. It also tells two
// installations apart, whose incidents have the same numbers.

const keyName = "key"

// secret gives the key, and makes it if there is none.
func (c *Channel) secret(ctx context.Context) ([]byte, error) {
	key, err := c.known(ctx)
	if key != nil || err != nil {
		return key, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key != nil {
		return c.key, nil // somebody was quicker
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if err := c.Memory.Remember(ctx, c.Config.Name, keyName, hex.EncodeToString(key)); err != nil {
		return nil, err
	}
	c.key = key
	return key, nil
}

// known gives the key, nil if there is none yet.
func (c *Channel) known(ctx context.Context) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key != nil {
		return c.key, nil
	}
	text, err := c.Memory.Recall(ctx, c.Config.Name, keyName)
	if err != nil || text == "" {
		return nil, err
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("email %q: what the store keeps as the channel's key is none", c.Config.Name)
	}
	c.key = key
	return key, nil
}

// letters are what tokens are written in: mail servers may change capitals.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// token is n bytes of what only the holder of the key can make.
func token(key []byte, n int, parts ...string) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%q", parts)
	return letters.EncodeToString(h.Sum(nil)[:n])
}

const (
	linkBytes = 20 // of a link to unsubscribe: 32 letters
	verpBytes = 10 // 16 letters: what stands before the @ has little room
	idBytes   = 15 // 24 letters

	verpLength = len("+b") + 16
)

// link gives the token that unsubscribes an address.
func link(key []byte, channel, address string) string {
	return token(key, linkBytes, "unsubscribe", channel, address)
}

// verp gives the address that stands for another one in an envelope, so that
// what comes back names it (variable envelope return path). kind is 'b' of
// bounces, 'u' of mail that unsubscribes.
func verp(key []byte, bounces address, kind byte, channel, to string) string {
	return fmt.Sprintf("%s+%c%s@%s", bounces.local, kind, token(key, verpBytes, "verp", channel, to), bounces.domain)
}

// messageID gives the Message-ID of a delivery, without the angle brackets: the
// same for each attempt, and for no other delivery. What it is about can be read
// from it, which a bounce is known again by.
func messageID(key []byte, channel, delivery, to, domain string) string {
	if !plainKey.MatchString(delivery) {
		delivery = token(key, idBytes, "key", delivery)
	}
	return strings.ReplaceAll(delivery, "/", ".") + "." + token(key, idBytes, "message", channel, delivery, to) + "@" + domain
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9/-]{1,60}$`)

var idPattern = regexp.MustCompile(`<?([A-Za-z0-9.-]+)\.([a-z2-7]{24})@[A-Za-z0-9.-]+>?`)

// about takes apart a Message-ID that messageID may have made.
func about(id string) (delivery, token string, ok bool) {
	m := idPattern.FindStringSubmatch(id)
	if m == nil {
		return "", "", false
	}
	return strings.ReplaceAll(m[1], ".", "/"), m[2], true
}

// root gives the key of the delivery that a thread begins with: that of an
// incident's first update, whether or not it went to the address.
func root(d publisher.Delivery) string {
	if d.Notice != nil {
		return d.Notice.ID + "/1"
	}
	return d.Incident.ID + "/1"
}

// said is when a delivery was decided: a repeat is of the same time.
func said(d publisher.Delivery) time.Time {
	if d.Notice != nil {
		return d.Notice.At
	}
	return d.Update.Said
}

// index finds addresses by what is made of them. It holds all that are on a list
// or among the people, and those that the store knows.
type index struct {
	at     time.Time
	byLink map[string]string
	byVerp map[string]string
	all    []string
}

// young is how long an index holds: a stranger who tries links must not have us
// make it again each time.
const young = 10 * time.Second

// find gives the index; one that knows, or that is young, is good enough.
func (c *Channel) find(ctx context.Context, knows func(index) bool) (index, error) {
	key, err := c.known(ctx)
	if err != nil || key == nil {
		return index{}, err
	}
	c.indexing.Lock() // one reads for all who ask at once
	defer c.indexing.Unlock()
	if x := c.index; knows(x) || !x.at.IsZero() && time.Since(x.at) < young {
		return x, nil
	}
	x := index{at: time.Now(), byLink: map[string]string{}, byVerp: map[string]string{}}
	add := func(a string) {
		l := link(key, c.Config.Name, a)
		if x.byLink[l] == "" {
			x.byLink[l], x.byVerp[token(key, verpBytes, "verp", c.Config.Name, a)] = a, a
			x.all = append(x.all, a)
		}
	}
	for _, l := range c.Mail.Lists {
		r, err := c.read(l, false)
		if err != nil {
			// Those of the other lists can still be found.
			c.logger.Error("a list cannot be read", "err", err)
		}
		for _, a := range r.addresses {
			add(a)
		}
	}
	for _, p := range c.People {
		if a, err := parse(p.Email); err == nil {
			add(a.String())
		}
	}
	known, err := c.Addresses.Addresses(ctx, c.Config.Name)
	if err != nil {
		return index{}, err
	}
	for _, a := range known {
		add(a.Address)
	}
	c.index = x
	return x, nil
}
