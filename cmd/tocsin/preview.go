package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/slack"
	"github.com/featuresignals/tocsin/publisher/tracker"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// previewCmd shows what an incident looks like in a channel. It only reads, so
// that it works beside a service that is running, and sends nothing.
type previewCmd struct {
	ID      incidentID `arg:"" optional:"" help:"Which incident."`
	Sample  bool       `help:"An example instead, with your components, regions and rules; it has four updates and three calls to people."`
	Update  int        `placeholder:"N" help:"Which of its updates; the newest by default."`
	Notice  int        `placeholder:"N" help:"Which of its calls to people, instead of an update."`
	Channel string     `placeholder:"NAME" help:"A channel of the configuration."`
	Type    string     `placeholder:"TYPE" help:"Or what kind: update, message, body and notice are the texts themselves; page, webhook, slack, email and tracker what a channel of that type makes of them."`
	Format  string     `enum:",text,html,json" default:"" placeholder:"FORMAT" help:"text, html or json, of what the channel has; the first that it has by default."`
	Zone    string     `placeholder:"ZONE" help:"Whose time of day stands beside UTC, as Asia/Kolkata."`
	Out     string     `short:"o" type:"path" placeholder:"FILE" help:"File to write instead of printing."`
}

// Help satisfies kong.
func (*previewCmd) Help() string {
	return `Nothing is sent. What you see is made of the templates as they are in your folder now, so it is
the way to try a change of them:

  tocsin preview --sample
      the text of an update, with an example

  tocsin preview --sample --update 2 --type message --zone Asia/Kolkata
      the second of the example's four updates, as the message that channels send; it has three notices, too

  tocsin preview INC-2026-0004 --channel status --format html -o /tmp/page.html
      the page of an incident, to open in a browser; a bare 4 is this year's incident of that number

  tocsin preview 4 --notice 1 --type webhook
      what a webhook gets for the first call to people

  tocsin preview --sample --type email --format html -o /tmp/mail.html
      a mail to customers; without --format its text, with the head

Without --channel it is the first channel of that type; where the configuration has none, one as it
would be by default. The formats of webhooks, as pagerduty, are shown of channels that have them.

What cannot be sent is said here as the channel would say it.`
}

// previewers makes, for each type of channel, one that shows what it would bring
// out. They reach nothing and need no secret.
var previewers = map[string]func(c *rules.Config, ch rules.Channel, words *templates.Set) (publisher.Previewer, error){
	"page": func(_ *rules.Config, ch rules.Channel, words *templates.Set) (publisher.Previewer, error) {
		return page.New(ch.Name, ch.Folder, words), nil
	},
	"webhook": func(_ *rules.Config, ch rules.Channel, words *templates.Set) (publisher.Previewer, error) {
		return webhook.Shown(webhook.Config{Name: ch.Name, URL: ch.URL, Format: ch.Format, Templates: words})
	},
	"email": func(c *rules.Config, ch rules.Channel, words *templates.Set) (publisher.Previewer, error) {
		return email.Shown(ch, c.Page.URL, words), nil
	},
	"slack": func(_ *rules.Config, ch rules.Channel, words *templates.Set) (publisher.Previewer, error) {
		return slack.Shown(ch, words), nil
	},
	"tracker": func(_ *rules.Config, ch rules.Channel, words *templates.Set) (publisher.Previewer, error) {
		return tracker.Shown(ch, words), nil
	},
}

// Run satisfies kong.
func (c *previewCmd) Run(w *world) error {
	if (c.ID == "") == !c.Sample {
		return errors.New("name an incident, as tocsin preview INC-2026-0004, or ask for an example with --sample")
	}
	config, err := w.load()
	if err != nil {
		return w.mistakes(err)
	}
	words, err := openTemplates(config)
	if err != nil {
		return w.mistakes(err)
	}
	if c.Zone != "" {
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			return fmt.Errorf("there is no time zone %q: want one as Asia/Kolkata or America/New_York", c.Zone)
		}
		words = words.In(zone)
	}
	if c.Type == "notice" && c.Notice == 0 && c.Update == 0 {
		c.Notice = 1 // there is no other text of this kind
	}
	channel, target, err := c.target(config, words)
	if err != nil {
		return err
	}
	d, err := c.delivery(w, config)
	if err != nil {
		return err
	}
	d.Channel = channel
	p, err := target.Preview(d)
	if err != nil {
		return err
	}
	return c.write(w, p)
}

// target gives what shows the delivery.
func (c *previewCmd) target(config *rules.Config, words *templates.Set) (name string, p publisher.Previewer, err error) {
	if c.Channel != "" {
		var names []string
		for _, ch := range config.Channels {
			if ch.Name == c.Channel && c.Type != "" && c.Type != ch.Type {
				return "", nil, fmt.Errorf("the channel %s is of type %s: leave --type out", ch.Name, ch.Type)
			}
			if ch.Name == c.Channel {
				make, ok := previewers[ch.Type]
				if !ok {
					return "", nil, fmt.Errorf("a channel of type %s cannot be shown", ch.Type)
				}
				shown, err := make(config, ch, words)
				return ch.Name, shown, err
			}
			names = append(names, ch.Name)
		}
		return "", nil, fmt.Errorf("the configuration has no channel %q: it has %s", c.Channel, cmp.Or(strings.Join(names, " "), "none"))
	}
	kind := c.Type
	if kind == "" {
		kind = "update"
		if c.Notice > 0 {
			kind = "notice"
		}
	}
	if slices.Contains(texts, kind) {
		return "", wording{kind, words}, nil
	}
	make, ok := previewers[kind]
	if !ok {
		return "", nil, fmt.Errorf("there is nothing of type %q to show: want one of %s", kind,
			strings.Join(slices.Concat(texts, slices.Sorted(maps.Keys(previewers))), " "))
	}
	ch := rules.Channel{Name: kind, Type: kind}
	if at := slices.IndexFunc(config.Channels, func(ch rules.Channel) bool { return ch.Type == kind }); at >= 0 {
		ch = config.Channels[at]
	}
	shown, err := make(config, ch, words)
	return ch.Name, shown, err
}

// delivery makes what would go out.
func (c *previewCmd) delivery(w *world, config *rules.Config) (publisher.Delivery, error) {
	now := time.Now().UTC()
	id, judged := incident.ID(c.ID), now.Truncate(time.Minute)
	var board incident.Board
	if c.Sample {
		newest := cmp.Or(c.Update, sampleUpdates)
		if c.Notice > 0 {
			newest = 1 // people are called while it lasts
		}
		config, board = sampleOf(config, judged, newest)
		id = sampleID
	} else {
		var err error
		if board, judged, err = readBoard(w, config); err != nil {
			return publisher.Delivery{}, err
		}
	}
	i, ok := board.Find(id)
	if !ok {
		return publisher.Delivery{}, fmt.Errorf("there is no incident %s in %s", id, config.Store.Path)
	}
	key, err := c.key(i)
	if err != nil {
		return publisher.Delivery{}, err
	}
	// No channel is named: whichever it is, what is asked for is this one thing.
	return publisher.Prepare(config, board, publisher.Row{Key: key}, judged, now)
}

// key names what is asked for, as the outbox would.
func (c *previewCmd) key(i incident.Incident) (string, error) {
	switch {
	case c.Notice > 0 && c.Update > 0:
		return "", errors.New("--update and --notice are two things: ask for one of them")
	case c.Notice > 0:
		if !slices.ContainsFunc(i.Notices, func(n incident.Notice) bool { return n.Number == c.Notice }) {
			return "", fmt.Errorf("%s has no notice %d%s", i.ID, c.Notice, has(i.Notices, func(n incident.Notice) int { return n.Number }))
		}
		return fmt.Sprintf("%s/notice/%d", i.ID, c.Notice), nil
	case len(i.Updates) == 0:
		return "", fmt.Errorf("nothing has been said of %s yet: tocsin incident preview %[1]s shows words that wait", i.ID)
	}
	n := cmp.Or(c.Update, i.Updates[len(i.Updates)-1].Number)
	if !slices.ContainsFunc(i.Updates, func(u incident.Update) bool { return u.Number == n }) {
		return "", fmt.Errorf("%s has no update %d%s", i.ID, n, has(i.Updates, func(u incident.Update) int { return u.Number }))
	}
	return fmt.Sprintf("%s/%d", i.ID, n), nil
}

// has says which numbers there are.
func has[T any](list []T, number func(T) int) string {
	if len(list) == 0 {
		return ": it has none"
	}
	return fmt.Sprintf(": it has %d to %d", number(list[0]), number(list[len(list)-1]))
}

// readBoard reads what is known from the store, and up to when it was judged.
func readBoard(w *world, config *rules.Config) (incident.Board, time.Time, error) {
	db, err := store.OpenToRead(w.ctx, config.Store.Path)
	if err != nil {
		return incident.Board{}, time.Time{}, err
	}
	defer db.Close()
	judged, err := watermarks(w.ctx, db)
	if err != nil {
		return incident.Board{}, time.Time{}, err
	}
	board, err := incident.Fold(db.All(w.ctx))
	return board, incident.JudgedAll(config, judged), err
}

// write prints a preview in the format that is asked for.
func (c *previewCmd) write(w *world, p publisher.Preview) error {
	forms := []struct{ format, content string }{{"text", headed(p)}, {"html", p.HTML}, {"json", indented(p.JSON)}}
	var there []string
	out := ""
	for _, f := range forms {
		if f.content == "" {
			continue
		}
		if there = append(there, f.format); out == "" && (c.Format == "" || c.Format == f.format) {
			out = f.content
		}
	}
	switch {
	case out == "":
		return fmt.Errorf("there is no %s of this: want --format %s", c.Format, strings.Join(there, " or "))
	case c.Out != "":
		if err := os.WriteFile(c.Out, []byte(out), 0o644); err != nil {
			return fmt.Errorf("write the preview: %w", err)
		}
		fmt.Fprintln(w.out, filepath.Clean(c.Out))
		return nil
	default:
		_, err := fmt.Fprintln(w.out, strings.TrimRight(out, "\n"))
		return err
	}
}

// headed gives the text with its head above it.
func headed(p publisher.Preview) string {
	if p.Text == "" {
		return ""
	}
	var b strings.Builder
	for _, h := range p.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
	}
	if len(p.Headers) > 0 {
		b.WriteByte('\n')
	}
	return b.String() + p.Text
}

func indented(doc []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, doc, "", "  ") != nil {
		return string(doc)
	}
	return b.String()
}

// texts are the words themselves, whichever channel brings them out.
var texts = []string{"update", "message", "body", "notice"}

// wording shows one of them.
type wording struct {
	kind  string
	words *templates.Set
}

// Preview satisfies publisher.Previewer.
func (t wording) Preview(d publisher.Delivery) (p publisher.Preview, err error) {
	if (t.kind == "notice") != (d.Notice != nil) {
		return p, fmt.Errorf("a call to people is a notice and nothing else: --notice 1, without --type %s", t.kind)
	}
	switch t.kind {
	case "notice":
		p.Text, err = t.words.Notice(*d.Notice)
	case "update":
		p.Text, err = t.words.Update(d.Public, *d.Incident, *d.Update)
	case "body":
		p.Text, err = t.words.Body(d.Public, *d.Incident, *d.Update)
	default:
		var m templates.Message
		m, err = t.words.Message(d.Public, *d.Incident, *d.Update)
		p.Headers, p.Text = []publisher.Header{{Name: "Subject", Value: m.Subject}}, m.Body
	}
	return p, err
}
