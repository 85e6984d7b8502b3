// Package slack tells a team's Slack of incidents: in the channel of
// announcements one message for each, which always shows how it stands, with
// the updates in its thread; and, for the worst, a channel of its own, where
// people are called, read everything and press buttons. docs/slack.md is for
// those who set it up.
//
// Slack has no key by which it would know a message that is sent twice. So each
// message carries ours as metadata, and before one is posted the channel is read
// back: what is there is not posted again. What is remembered of Slack's IDs only
// saves questions; all of it is found again where it was lost.
//
// Nothing that people wrote, or that came from outside, is ever read as markup:
// it stands in plain_text objects, escaped. Mentions are made here, from member
// IDs of the configuration, and stand apart.
package slack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/guard"
	"github.com/featuresignals/tocsin/publisher/keyfile"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Config says where a channel of Slack is and what it works with.
type Config struct {
	Channel   rules.Channel
	Templates *templates.Set
	Logger    *slog.Logger // nil: slog.Default()

	// What of the running service is asked; Attach sets it later.
	Surroundings
}

// Surroundings is what a channel asks the running service for.
type Surroundings struct {
	// Memory keeps Slack's IDs; nil: each is looked for every time.
	Memory publisher.Memory
	// Config is the configuration in force, for the people who are invited and the
	// addresses that are linked; nil: there are none.
	Config func() *rules.Config
	// Now gives how an incident stands, for its own channel; nil: as the delivery
	// says.
	Now func(id string) (publisher.Standing, bool)
}

// Channel is a workspace's channel of announcements, and the channels of
// incidents.
type Channel struct {
	name   string
	rules  rules.Channel
	rooms  rules.Rooms
	words  *templates.Set
	logger *slog.Logger
	around Surroundings
	url    string
	host   string
	client *http.Client
	turns  chan struct{} // holds one: nobody talks to Slack about incidents now

	mu     sync.Mutex
	token  string
	self   string // our own member ID, as long as the token is this one
	secret []string
}

var (
	_ publisher.Channel  = (*Channel)(nil)
	_ publisher.Mannered = (*Channel)(nil)
)

// New makes a channel. It reads the token and the secret once, so that a mistake
// shows at the start.
func New(c Config) (*Channel, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	name := c.Channel.Name
	if c.Channel.Slack == nil || !channelID.MatchString(c.Channel.Slack.Channel) {
		return nil, fmt.Errorf(`slack %q: channel: want the ID of the channel of announcements, as "C0123ABCD"; Slack shows it at the end of the channel's details`, name)
	}
	u, err := parseURL(cmp.Or(c.Channel.URL, api.APIURL))
	if err != nil {
		return nil, fmt.Errorf("slack %q: %w", name, err)
	}
	token, err := readToken(c.Channel.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("slack %q: %w", name, err)
	}
	secret, err := readSecret(c.Channel.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("slack %q: %w", name, err)
	}
	if c.Channel.SecretFile == "" {
		c.Logger.Warn("the buttons in Slack do nothing: write secret_file, the file with the app's signing secret; "+secretHelp, "channel", name)
	}
	keyfile.WarnOf(c.Logger, name, c.Channel.TokenFile, c.Channel.SecretFile)
	rooms := c.Channel.Slack.Rooms
	rooms.Prefix = cmp.Or(rooms.Prefix, "incident-")
	return &Channel{
		name: name, rules: c.Channel, rooms: rooms, words: c.Templates, logger: c.Logger.With("channel", name), around: c.Surroundings,
		url: u.String(), host: u.Host, token: token, secret: secret, turns: make(chan struct{}, 1),
		client: &http.Client{
			Timeout:       timeout,
			Transport:     &answers{http.DefaultTransport.(*http.Transport).Clone()},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it would carry the token along
		},
	}, nil
}

// Attach gives the channel what it asks the running service for. It is called
// before the first delivery.
func (c *Channel) Attach(s Surroundings) { c.around = s }

// Name gives the channel's name.
func (c *Channel) Name() string { return c.name }

// Manner keeps an incident's updates in order, since a thread is read from above.
func (c *Channel) Manner() publisher.Manner {
	return publisher.Manner{Lanes: 1, Ordered: true, Guarantee: publisher.ReadBack}
}

// Publish brings out an update, or calls people. The receipt is where the message
// stands, and what was not as it should be without being in the way.
func (c *Channel) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	if d.Key == "" || d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return "", fmt.Errorf("slack %q: the delivery is about neither an update nor a notice: %w", c.name, publisher.ErrPermanent)
	}
	done, err := c.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	s, d := c.session(), shortened(d)
	if d.Notice != nil {
		return s.call(ctx, d)
	}
	return s.update(ctx, d)
}

// turn waits until nobody else changes what stands in Slack.
func (c *Channel) turn(ctx context.Context) (done func(), err error) {
	select {
	case c.turns <- struct{}{}:
		return func() { <-c.turns }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// config gives the configuration in force.
func (c *Channel) config() *rules.Config {
	if c.around.Config != nil {
		if config := c.around.Config(); config != nil {
			return config
		}
	}
	return &rules.Config{}
}

// standing gives how the incident of a delivery stands.
func (c *Channel) standing(d publisher.Delivery) publisher.Standing {
	if d.Notice != nil {
		if s, ok := c.now(d.Notice.ID); ok {
			return s
		}
		return publisher.Standing{Notice: *d.Notice, Worst: d.Notice.Severity}
	}
	if s, ok := c.now(d.Incident.ID); ok {
		return s
	}
	i, config := d.Incident, c.config()
	s := publisher.Standing{
		Notice: templates.Notice{
			ID: i.ID, State: i.State, Severity: i.Severity, Title: i.Symptom, Component: cmp.Or(i.Component.Name, i.Component.ID),
			AllRegions: i.AllRegions && len(d.Public.Regions) > 1, Began: i.Began, Detected: i.Detected, At: d.At, SigNoz: config.SigNoz.URL,
		},
		Worst: i.Severity, Next: i.Next, Told: !d.Inside,
	}
	if !d.Inside {
		s.Page = publisher.PageOf(cmp.Or(d.Public.URL, config.Page.URL), i.ID)
	}
	for _, r := range i.Regions {
		s.Regions = append(s.Regions, r.Name)
	}
	for _, u := range i.Updates {
		if severity(u.Severity) > severity(s.Worst) {
			s.Worst = u.Severity
		}
	}
	if config.Console.URL != "" {
		s.Console = strings.TrimRight(config.Console.URL, "/") + "/incidents/" + i.ID
	}
	if severity(s.Worst) >= rules.P1 {
		s.WarRoom = config.Console.WarRoom
	}
	return s
}

func (c *Channel) now(id string) (publisher.Standing, bool) {
	if c.around.Now == nil {
		return publisher.Standing{}, false
	}
	s, ok := c.around.Now(id)
	s.Notice = shortenedNotice(s.Notice)
	return s, ok
}

func severity(name string) rules.Severity {
	s, _ := rules.ParseSeverity(name)
	return s
}

// recall gives what was remembered, "" if nothing was; that it cannot be read is
// no reason not to deliver.
func (c *Channel) recall(ctx context.Context, name string) string {
	if c.around.Memory == nil {
		return ""
	}
	value, err := c.around.Memory.Recall(ctx, c.name, name)
	if err != nil {
		c.logger.Warn("what was remembered of Slack cannot be read; it is looked for there", "name", name, "err", err)
	}
	return value
}

// remember notes something down; "" forgets it.
func (c *Channel) remember(ctx context.Context, name, value string) {
	if c.around.Memory == nil {
		return
	}
	if err := c.around.Memory.Remember(ctx, c.name, name, value); err != nil {
		c.logger.Warn("what Slack said cannot be remembered; it is looked for there next time", "name", name, "err", err)
	}
}

// mark is the same for every attempt at one message and for no other. The time
// tells apart two installations, or a store that was begun anew, whose incidents
// have the same numbers.
func (c *Channel) mark(what string, at time.Time) string {
	var nanos int64
	if !at.IsZero() {
		nanos = at.UnixNano()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", c.name, what, nanos))
	return hex.EncodeToString(sum[:12])
}

const tokenHelp = "Slack shows it under OAuth & Permissions as Bot User OAuth Token"

// readToken gives the bot's token of a file.
func readToken(file string) (string, error) {
	token, err := keyfile.Token(file, tokenHelp)
	if err == nil && !strings.HasPrefix(token, "xoxb-") && !strings.HasPrefix(token, "xoxe.xoxb-") {
		return "", fmt.Errorf("%s does not hold a bot's token, which begins with xoxb-; %s", file, tokenHelp)
	}
	return token, err
}

const secretHelp = "Slack shows it under Basic Information as Signing Secret"

// readSecret gives the signing secrets of a file: one, or two while it is
// changed. Without a file there are none, and nobody is believed to be Slack.
func readSecret(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the signing secret: %w; %s", err, secretHelp)
	}
	secrets := strings.Fields(string(b))
	if n := len(secrets); n == 0 || n > 2 {
		return nil, fmt.Errorf("%s holds %d words: want the signing secret, or two during a change, each on its own line; %s", file, n, secretHelp)
	}
	for _, s := range secrets {
		if len(s) < 16 {
			return nil, fmt.Errorf("%s: %d characters are too few for a signing secret; %s", file, len(s), secretHelp)
		}
	}
	return secrets, nil
}

// session reads the token again, so that it can be changed while Tocsin runs. A
// file that is just being replaced leaves the old one in force.
func (c *Channel) session() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	token, err := readToken(c.rules.TokenFile)
	if err != nil {
		c.logger.Warn("the bot's token could not be read again; that from before stays in force", "err", err)
		token = c.token
	}
	if token != c.token {
		c.token, c.self = token, ""
	}
	return &session{Channel: c, api: api.New(token, api.OptionHTTPClient(c.client), api.OptionAPIURL(c.url))}
}

// secrets gives the signing secrets, read again likewise.
func (c *Channel) secrets() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	secret, err := readSecret(c.rules.SecretFile)
	if err != nil {
		c.logger.Warn("the signing secret could not be read again; that from before stays in force", "err", err)
		return c.secret
	}
	c.secret = secret
	return secret
}

// parseURL accepts where a token may be sent.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("url: %w", guard.WithoutURL(err))
	}
	switch {
	case u.Host == "":
		return nil, errors.New("url: no host: leave it out for Slack's own address")
	case u.User != nil || u.RawQuery != "":
		return nil, errors.New("url: it holds a user name, a password or a query: leave them out, the token says who asks")
	case u.Scheme == "https", u.Scheme == "http" && guard.IsLoopback(u.Hostname()):
		if !strings.HasSuffix(u.Path, "/") {
			u.Path += "/"
		}
		return u, nil
	default:
		return nil, fmt.Errorf("url: want https://%s…, since %q lets others read the token; http is for this machine only", u.Host, u.Scheme)
	}
}
