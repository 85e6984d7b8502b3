package slack

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

var _ publisher.Previewer = (*Channel)(nil)

// Shown makes a channel that can only show what it would post.
func Shown(ch rules.Channel, words *templates.Set) *Channel {
	c := &Channel{name: ch.Name, rules: ch, words: words, logger: slog.Default()}
	if ch.Slack == nil {
		c.rules.Slack = &rules.Slack{}
	}
	return c
}

// Preview gives the message of an update or a call: as JSON for Slack's Block Kit
// Builder, and every text of it that Slack reads.
func (c *Channel) Preview(d publisher.Delivery) (publisher.Preview, error) {
	if d.Notice == nil && (d.Incident == nil || d.Update == nil) {
		return publisher.Preview{}, fmt.Errorf("slack %q: the delivery is about neither an update nor a notice: %w", c.name, publisher.ErrPermanent)
	}
	s := &session{Channel: c}
	d = shortened(d)
	var m message
	if d.Notice != nil {
		text, err := s.notice(*d.Notice)
		if err != nil {
			return publisher.Preview{}, err
		}
		names, _ := mentions(d.People)
		m = c.callOf(d, s.standing(d), text, names, "")
	} else {
		body, err := s.body(d)
		if err != nil {
			return publisher.Preview{}, err
		}
		m = c.updateOf(d, body, "reply")
	}
	blocks, err := json.MarshalIndent(struct {
		Text   string      `json:"text"`
		Blocks []api.Block `json:"blocks"`
	}{m.text, m.blocks}, "", "  ")
	if err != nil {
		return publisher.Preview{}, fmt.Errorf("write the blocks: %w", err)
	}
	all := texts(blocks)
	all = append(all[1:], "\nIn notifications:", all[0])
	return publisher.Preview{Text: strings.Join(all, "\n"), JSON: blocks}, nil
}

// texts gives every text of a message, the one for notifications first.
func texts(blocks []byte) (all []string) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"text", "blocks", "fields", "elements", "accessory", "label", "placeholder"} {
				if s, ok := v[key].(string); ok {
					all = append(all, s)
				} else {
					walk(v[key])
				}
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	var doc any
	if json.Unmarshal(blocks, &doc) == nil { // they were just written
		walk(doc)
	}
	return all
}
