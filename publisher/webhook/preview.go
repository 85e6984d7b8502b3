package webhook

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/guard"
)

var _ publisher.Previewer = (*Channel)(nil)

// Shown makes a channel that can only show what it would post: it needs no secret
// and no address.
func Shown(c Config) (*Channel, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	f, err := formatOf(c.Format)
	if err != nil {
		return nil, fmt.Errorf("webhook %q: %w", c.Name, err)
	}
	u, err := url.Parse(cmp.Or(c.URL, "https://hooks.example.com/tocsin"))
	if err != nil {
		return nil, fmt.Errorf("webhook %q: url: %w", c.Name, guard.WithoutURL(err))
	}
	out := &Channel{Config: c, format: f, url: u, token: "your-key"}
	out.topic, _ = topicOf(u) // of ntfy alone
	return out, nil
}

// Preview gives the document that would be posted, and the headers that are the
// same for every attempt.
func (c *Channel) Preview(d publisher.Delivery) (publisher.Preview, error) {
	if d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return publisher.Preview{}, fmt.Errorf("webhook %q: the delivery is about neither an update nor a notice: %w", c.Config.Name, publisher.ErrPermanent)
	}
	m, err := c.message(d)
	if err != nil {
		return publisher.Preview{}, err
	}
	if m.nothing != "" {
		return publisher.Preview{Text: "nothing is posted: " + m.nothing}, nil
	}
	return publisher.Preview{
		Headers: []publisher.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "Tocsin"}, {Name: "Webhook-Id", Value: messageID(d)}},
		JSON:    m.body,
	}, nil
}
