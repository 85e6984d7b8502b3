package tracker

import (
	"fmt"
	"log/slog"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

var _ publisher.Previewer = (*Channel)(nil)

// Shown makes a channel that can only show what it would file.
func Shown(ch rules.Channel, words *templates.Set) *Channel {
	return &Channel{Config: Config{Channel: ch, Templates: words, Logger: slog.Default()}}
}

// Preview gives the issue that the first update of an incident files, or the
// comment of a later one.
func (c *Channel) Preview(d publisher.Delivery) (publisher.Preview, error) {
	if d.Notice != nil || d.Incident == nil || d.Update == nil {
		return publisher.Preview{}, fmt.Errorf("tracker %q: only updates are filed, and nobody is called by an issue", c.Name())
	}
	m := marksOf(d)
	if d.Update.Number > 1 {
		body, err := c.Templates.Comment(d.Public, *d.Incident, *d.Update)
		return publisher.Preview{Text: fit(body, m.update())}, err
	}
	m.over = isOver(*d.Update)
	words, err := c.Templates.Issue(d.Public, *d.Incident, *d.Update)
	return publisher.Preview{
		Headers: []publisher.Header{{Name: "Title", Value: clip(words.Subject, 256)}},
		Text:    fit(words.Body, m.incident()+"\n"+m.update()),
	}, err
}
