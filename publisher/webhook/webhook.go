// Package webhook posts what is said of an incident to an address: as documents
// of Tocsin's own or in Statuspage's form, signed as Standard Webhooks 1.0.0 has
// it, so that whoever listens can check that it is Tocsin who speaks; and as the
// services want it that call people (PagerDuty, Opsgenie, ntfy) or show messages
// to them (Teams).
//
// A delivery that is repeated has the same webhook-id: a listener that
// remembers the ids it has seen hears everything once. docs/webhooks.md is for
// those who write one.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/guard"
	"github.com/featuresignals/tocsin/publisher/keyfile"
	"github.com/featuresignals/tocsin/templates"
)

// timeout is what a listener has to answer.
const timeout = 20 * time.Second

// Config says where a channel posts and how.
type Config struct {
	Name       string
	URL        string         // https, or http on this machine
	Format     string         // one of rules.WebhookFormats; "" is the first
	SecretFile string         // holds what messages are signed with: one secret, or two during a rotation
	TokenFile  string         // holds what the format's service knows us by
	Allow      []netip.Prefix // networks that are not public and may be posted into
	Templates  *templates.Set // makes the message for people; nil: there is none, and only standard is posted
	Logger     *slog.Logger   // nil: slog.Default()
}

// Channel is one address that hears of incidents.
type Channel struct {
	Config
	format format
	url    *url.URL
	topic  string // ntfy
	host   string // for messages: the rest of the address may be a secret
	client *http.Client

	mu      sync.Mutex
	secrets []signer // as last read, the first first
	token   string   // as last read
}

var (
	_ publisher.Channel  = (*Channel)(nil)
	_ publisher.Mannered = (*Channel)(nil)
)

// New makes a channel. It reads the secrets once, so that a mistake shows at
// the start.
func New(c Config) (*Channel, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	out, err := build(c)
	if err != nil {
		return nil, fmt.Errorf("webhook %q: %w", c.Name, err)
	}
	return out, nil
}

func build(c Config) (*Channel, error) {
	f, err := formatOf(c.Format)
	if err != nil {
		return nil, err
	}
	u, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	g := guard.For(u.Hostname(), c.Allow)
	if err := g.CheckURL(u); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	out := &Channel{Config: c, format: f, url: u, host: u.Host, client: g.Client(timeout)}
	if c.Format == "ntfy" {
		if out.topic, err = topicOf(u); err != nil {
			return nil, err
		}
	}
	if c.Templates == nil && f.file != "" {
		return nil, fmt.Errorf("format %q is made of templates, and there are none", c.Format)
	}
	if f.signed || c.SecretFile != "" {
		if out.secrets, err = readSecrets(c.SecretFile); err != nil {
			return nil, err
		}
	}
	if f.token && c.TokenFile == "" {
		return nil, fmt.Errorf("token_file is missing: %s has to know whom the message is from", c.Format)
	}
	if c.TokenFile != "" {
		if out.token, err = keyfile.Token(c.TokenFile, tokenHelp); err != nil {
			return nil, err
		}
	}
	keyfile.WarnOf(c.Logger, c.Name, c.SecretFile, c.TokenFile)
	for _, s := range out.secrets {
		if key := s.public(); key != "" {
			c.Logger.Info("messages are signed with a private key; listeners verify them with its public one", "channel", c.Name, "public", key)
		}
	}
	return out, nil
}

// Name gives the channel's name.
func (c *Channel) Name() string { return c.Config.Name }

// Manner says how often messages are tried again. Calls to people have the
// loop's own, quicker waits.
func (c *Channel) Manner() publisher.Manner { return c.format.manner }

// Publish posts the update or the notice that d is about. The receipt is the
// status of the answer and the message's id.
//
// Only 2xx is success. 410 Gone halts the channel. Everything else is tried
// again, other 4xx too unless the service documents that it is no use: a listener
// that is being deployed or has its secret changed answers 401 or 404 for a
// while, and giving up is the loop's to decide.
func (c *Channel) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	if d.Key == "" || d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return "", fmt.Errorf("webhook %q: the delivery is about neither an update nor a notice: %w", c.Config.Name, publisher.ErrPermanent)
	}
	c.refresh()
	m, err := c.message(d)
	if err != nil {
		return "", fmt.Errorf("webhook %q: %w", c.Config.Name, err)
	}
	if m.nothing != "" {
		return "", fmt.Errorf("%w: %s", publisher.ErrMoot, m.nothing)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.body))
	if err != nil {
		return "", fmt.Errorf("make the request to %s: %w", c.host, guard.WithoutURL(err))
	}
	id, now := messageID(d), time.Now()
	c.sign(req.Header, id, now, m.body)

	res, err := c.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("post to %s: %w", c.host, guard.WithoutURL(err))
	}
	defer res.Body.Close()
	// Read on, within reason, so that the connection can be used again.
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return fmt.Sprintf("%d %s", res.StatusCode, id), nil
	}
	return "", c.format.failure(c.host, res, c.hush(answer), now)
}

// message is one request.
type message struct {
	url     string
	body    []byte
	nothing string // why there is no request to make; "" if there is
}

// message makes the request that tells of d.
func (c *Channel) message(d publisher.Delivery) (message, error) {
	m := message{url: c.url.String()}
	var err error
	switch {
	case c.Format == "statuspage":
		if d.Inside {
			return message{nothing: "customers do not read this update"}, nil
		}
		m.body, err = c.statuspageBody(d)
	case c.format.file == "":
		m.body, err = c.body(d)
	default:
		p := c.payload(d)
		if c.format.pager && p.Action == "" {
			return message{nothing: "it rings for what begins or ends"}, nil
		}
		if c.format.address != nil {
			at := c.format.address(*c.url, p)
			m.url = at.String()
		}
		m.body, err = c.Templates.Payload(c.format.file, p)
		if err != nil {
			err = fmt.Errorf("write the document: %w", err)
		}
	}
	if err == nil && len(m.body) >= c.format.limit {
		err = fmt.Errorf("the document has %d bytes, want less than %d: shorten what the template makes: %w", len(m.body), c.format.limit, publisher.ErrPermanent)
	}
	return m, err
}

// payload gives what templates are executed with.
func (c *Channel) payload(d publisher.Delivery) templates.Payload {
	var p templates.Payload
	var err error
	if d.Notice != nil {
		p, err = c.Templates.CallPayload(*d.Notice)
	} else {
		p, err = c.Templates.UpdatePayload(d.Public, *d.Incident, *d.Update, d.Inside)
	}
	if err != nil {
		// Its one line says enough to wake people.
		c.Logger.Error("a message could not be worded and goes out with its first line alone", "channel", c.Config.Name, "key", d.Key, "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p.ID, p.Topic = messageID(d), c.topic
	if c.format.scheme == "" {
		p.Token = c.token
	}
	return p
}

// sign fills in the headers.
func (c *Channel) sign(h http.Header, id string, now time.Time, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Tocsin")
	if c.token != "" && c.format.scheme != "" {
		h.Set("Authorization", c.format.scheme+" "+c.token)
	}
	if len(c.secrets) > 0 {
		h.Set("Webhook-Id", id)
		h.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
		h.Set("Webhook-Signature", signatures(c.secrets, id, now, body))
	}
}

// hush takes the token out of an answer, which may repeat what was posted:
// errors are logged and shown.
func (c *Channel) hush(answer []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == "" {
		return answer
	}
	return bytes.ReplaceAll(answer, []byte(c.token), []byte("…"))
}

// failure makes the error of an answer that is not 2xx.
func (f format) failure(host string, res *http.Response, answer []byte, now time.Time) error {
	err := fmt.Errorf("%s answered %s%s", host, res.Status, excerpt(answer))
	switch code := res.StatusCode; {
	case code == http.StatusGone:
		return fmt.Errorf("%w (%w)", err, publisher.ErrGone)
	case code >= 300 && code < 400:
		return fmt.Errorf("%w: redirects are not followed; write the new address into the configuration", err)
	case slices.Contains(f.never, code):
		return fmt.Errorf("%w: it would say so again (%w)", err, publisher.ErrPermanent)
	case code == http.StatusTooManyRequests, code == http.StatusBadGateway,
		code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		// The second header is Opsgenie's.
		wait, ok := retryAfter(cmp.Or(res.Header.Get("Retry-After"), res.Header.Get("X-RateLimit-Period-In-Sec")), now)
		if !ok && code == http.StatusTooManyRequests && f.slow > 0 {
			wait, ok = f.slow, true
		}
		if ok {
			return &publisher.RetryAfter{Wait: wait, Err: err}
		}
	}
	return err
}

// retryAfter reads a Retry-After header: seconds, or a date.
func retryAfter(h string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(h, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(h); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// messageID is the same for every attempt of a delivery and for no other. The
// time of the update or notice tells apart two installations, or a store that
// was begun anew, whose incidents have the same numbers.
func messageID(d publisher.Delivery) string {
	var at time.Time
	if d.Notice != nil {
		at = d.Notice.At
	} else {
		at = d.Update.Said
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", d.Channel, d.Key, at.UnixNano()))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// refresh reads the secrets again, so that they can be changed while Tocsin runs.
// A file that is just being replaced leaves the old ones in force.
func (c *Channel) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.secrets) > 0 {
		secrets, err := readSecrets(c.SecretFile)
		if err != nil {
			c.Logger.Warn("a webhook's secrets could not be read again; those from before stay in force", "channel", c.Config.Name, "err", err)
		} else {
			c.secrets = secrets
		}
	}
	if c.token != "" {
		token, err := keyfile.Token(c.TokenFile, tokenHelp)
		if err != nil {
			c.Logger.Warn("a webhook's token could not be read again; the one from before stays in force", "channel", c.Config.Name, "err", err)
		} else {
			c.token = token
		}
	}
}

// parseURL accepts what a signed message may be sent to.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("url: %w", guard.WithoutURL(err))
	}
	switch {
	case u.Host == "":
		return nil, errors.New(`url: no host: want an address such as "https://hooks.example.com/tocsin"`)
	case u.User != nil:
		return nil, errors.New("url: it holds a user name or password: leave them out, the signature says who speaks")
	case u.Scheme == "https", u.Scheme == "http" && guard.IsLoopback(u.Hostname()):
		return u, nil
	default:
		return nil, fmt.Errorf("url: want https://%s…, since %q lets others read along and change what is said; http is for this machine only", u.Host, u.Scheme)
	}
}

// excerpt gives the beginning of an answer for people to read.
func excerpt(answer []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer), "")), " ")
	if s == "" {
		return ""
	}
	return ": " + clip(s, 200)
}
