package webhook

import (
	"fmt"

	"github.com/featuresignals/tocsin/publisher"
)

var _ publisher.Previewer = (*Channel)(nil)

// Preview gives the document that would be posted, and the headers that are the
// same for every attempt. A Channel that was not made by New has it, too: it
// needs no secret.
func (c *Channel) Preview(d publisher.Delivery) (publisher.Preview, error) {
	if d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return publisher.Preview{}, fmt.Errorf("webhook %q: the delivery is about neither an update nor a notice: %w", c.Config.Name, publisher.ErrPermanent)
	}
	body, err := c.body(d)
	if err != nil {
		return publisher.Preview{}, err
	}
	return publisher.Preview{
		Headers: []publisher.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "Tocsin"}, {Name: "Webhook-Id", Value: messageID(d)}},
		JSON:    body,
	}, nil
}
