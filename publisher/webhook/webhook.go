// Package webhook posts what is said of an incident to an address, signed as
// Standard Webhooks v1 has it, so that whoever listens can check that it is
// Tocsin who speaks.
//
// A delivery that is repeated has the same webhook-id: a listener that
// remembers the ids it has seen hears everything once. docs/webhooks.md is for
// those who write one.
package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// timeout is what a listener has to answer.
const timeout = 20 * time.Second

// Config says where a channel posts and how.
type Config struct {
	Name       string
	URL        string         // https, or http on this machine
	SecretFile string         // holds one whsec_… secret, or two during a rotation
	Templates  *templates.Set // makes the message for people; nil: there is none
	Logger     *slog.Logger   // nil: slog.Default()
}

// Channel is one address that hears of incidents.
type Channel struct {
	Config
	host   string // for messages: the rest of the address may be a secret
	client *http.Client

	mu      sync.Mutex
	secrets [][]byte // as last read, the first first
}

var _ publisher.Channel = (*Channel)(nil)

// New makes a channel. It reads the secrets once, so that a mistake shows at
// the start.
func New(c Config) (*Channel, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	u, err := parseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("webhook %q: %w", c.Name, err)
	}
	secrets, err := readSecrets(c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("webhook %q: %w", c.Name, err)
	}
	if readable(c.SecretFile) {
		c.Logger.Warn("everybody on this machine can read a webhook's secret: chmod o-r it", "channel", c.Name, "file", c.SecretFile)
	}
	return &Channel{
		Config: c, host: u.Host, secrets: secrets,
		client: &http.Client{
			Timeout:   timeout,
			Transport: http.DefaultTransport.(*http.Transport).Clone(),
			// A redirect would carry words to an address nobody wrote down.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Name gives the channel's name.
func (c *Channel) Name() string { return c.Config.Name }

// Manner says that what is repeated has the same webhook-id.
func (c *Channel) Manner() publisher.Manner {
	return publisher.Manner{Guarantee: publisher.Keyed}
}

// Publish posts the update or the notice that d is about. The receipt is the status of the
// answer and the message's id.
//
// Only 2xx is success. 410 Gone is permanent. Everything else is tried again,
// other 4xx too: a listener that is being deployed or has its secret changed
// answers 401 or 404 for a while, and giving up is the loop's to decide.
func (c *Channel) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	if d.Key == "" || d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return "", fmt.Errorf("webhook %q: the delivery is about neither an update nor a notice: %w", c.Config.Name, publisher.ErrPermanent)
	}
	body, err := c.body(d)
	if err != nil {
		return "", err
	}
	id := messageID(d)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("make the request to %s: %w", c.host, inner(err))
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Tocsin")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", signatures(c.current(), id, now, body))

	res, err := c.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("post to %s: %w", c.host, inner(err))
	}
	defer res.Body.Close()
	// Read on, within reason, so that the connection can be used again.
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return fmt.Sprintf("%d %s", res.StatusCode, id), nil
	}
	return "", failure(c.host, res, answer, now)
}

// failure makes the error of an answer that is not 2xx.
func failure(host string, res *http.Response, answer []byte, now time.Time) error {
	err := fmt.Errorf("%s answered %s%s", host, res.Status, excerpt(answer))
	switch code := res.StatusCode; {
	case code == http.StatusGone:
		return fmt.Errorf("%w: it wants no more of them (%w)", err, publisher.ErrPermanent)
	case code >= 300 && code < 400:
		return fmt.Errorf("%w: redirects are not followed; write the new address into the configuration", err)
	case code == http.StatusTooManyRequests, code == http.StatusBadGateway,
		code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		if wait, ok := retryAfter(res.Header.Get("Retry-After"), now); ok {
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

// current reads the secrets again, so that they can be changed while Tocsin
// runs. A file that is just being replaced leaves the old ones in force.
func (c *Channel) current() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	secrets, err := readSecrets(c.SecretFile)
	if err != nil {
		c.Logger.Warn("a webhook's secrets could not be read again; those from before stay in force", "channel", c.Config.Name, "err", err)
		return c.secrets
	}
	c.secrets = secrets
	return secrets
}

// parseURL accepts what a signed message may be sent to.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("url: %w", inner(err))
	}
	switch {
	case u.Host == "":
		return nil, errors.New(`url: no host: want an address such as "https://hooks.example.com/tocsin"`)
	case u.User != nil:
		return nil, errors.New("url: it holds a user name or password: leave them out, the signature says who speaks")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	default:
		return nil, fmt.Errorf("url: want https://%s…, since %q lets others read along and change what is said; http is for this machine only", u.Host, u.Scheme)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// inner takes the address out of an error, since it may hold a token.
func inner(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// excerpt gives the beginning of an answer for people to read.
func excerpt(answer []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer), "")), " ")
	if s == "" {
		return ""
	}
	return ": " + clip(s, 200)
}
