package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
)

// outboxCmd looks after deliveries through the API of a running service.
type outboxCmd struct {
	remote

	List    outboxListCmd    `cmd:"" help:"Print how each channel stands: what waits, since when, what was given up, whether it is halted."`
	Dead    outboxDeadCmd    `cmd:"" help:"Print the deliveries that were given up."`
	Retry   outboxRetryCmd   `cmd:"" help:"Have deliveries that were given up go out again."`
	Replay  outboxReplayCmd  `cmd:"" help:"Have all that was due to a channel since then go out again, also what it was told already."`
	Resume  outboxResumeCmd  `cmd:"" help:"Have deliveries go to a channel again that is halted."`
	Discard outboxDiscardCmd `cmd:"" help:"Put a channel's dead letters away: none of them goes out any more."`
}

// Help satisfies kong.
func (*outboxCmd) Help() string {
	return `A delivery that does not go out is tried again with growing waits. One that is given up is a dead
letter: it is kept until somebody has it tried again, or puts it away. A target that says that it wants
no more halts its channel.

  tocsin outbox list
  tocsin outbox dead --channel pager
  tocsin outbox retry 17                              this one
  tocsin outbox retry --channel pager                 all of the channel
  tocsin outbox retry --target ops@example.com        all to one target
  tocsin outbox resume pager                          what comes from now on goes out again

What is tried again has the key that it had: a target that knows the key does not show it twice. The
token is in TOCSIN_TOKEN, or in the file that --token-file names.`
}

type outboxListCmd struct{}

// Help satisfies kong.
func (*outboxListCmd) Help() string { return example(`tocsin outbox list`) }

// Run satisfies kong.
func (*outboxListCmd) Run(w *world, in *outboxCmd) error {
	return fetch(w, in, "/outbox", (*sheet).queues)
}

func (p *sheet) queues(v api.Queues) {
	t := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHANNEL\tTYPE\tWAITS\tSINCE\tDEAD\tLAST WENT OUT")
	for _, q := range v.Channels {
		since := "-"
		if !q.Oldest.IsZero() {
			since = p.since(q.Oldest)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%s\n", q.Channel, cmp.Or(q.Type, "-"), q.Waiting, since, q.Dead, p.at(q.Sent))
	}
	_ = t.Flush() // into memory
	for _, q := range v.Channels {
		switch {
		case !q.Configured:
			p.line("%s is not in the configuration any more: nothing of it goes out. Put it away: tocsin outbox discard %s", q.Channel, q.Channel)
			continue
		case q.Halted != "":
			p.line("%s is halted: %s. When that is mended: tocsin outbox resume %s", q.Channel, strings.TrimSuffix(q.Halted, "."), q.Channel)
		case q.Failing != "":
			p.line("%s fails: %s", q.Channel, q.Failing)
		}
		if q.Dead > 0 {
			p.line("%s has dead letters: tocsin outbox dead --channel %s", q.Channel, q.Channel)
		}
	}
}

type outboxDeadCmd struct {
	Channel string `placeholder:"NAME" help:"Only those of this channel."`
	After   int64  `placeholder:"ID" help:"Only those after this one."`
	Limit   int    `default:"100" help:"How many at most."`
}

// Help satisfies kong.
func (*outboxDeadCmd) Help() string {
	return "The newest comes first; the number in front is what retry takes.\n\n" + example(`tocsin outbox dead --channel mail`)
}

// Run satisfies kong.
func (c *outboxDeadCmd) Run(w *world, in *outboxCmd) error {
	query := url.Values{"limit": {fmt.Sprint(c.Limit)}}
	if c.Channel != "" {
		query.Set("channel", c.Channel)
	}
	if c.After > 0 {
		query.Set("after", fmt.Sprint(c.After))
	}
	return fetch(w, in, "/outbox/dead?"+query.Encode(), (*sheet).dead)
}

func (p *sheet) dead(v api.DeadLetters) {
	if len(v.Letters) == 0 {
		p.line("no delivery was given up")
		return
	}
	for _, l := range v.Letters {
		to := l.Channel
		if l.Target != "" {
			to += ", " + l.Target
		}
		p.line("%d  %s  %s  %s  to %s", l.ID, l.Severity, l.Incident, l.What, to)
		p.line("    given up %s after %s: %s", p.at(l.At), times(l.Attempts), l.Reason)
	}
	if v.After > 0 {
		p.line("there may be more: --after %d", v.After)
	}
}

func times(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

type outboxRetryCmd struct {
	ID       int64      `arg:"" optional:"" field:"id" help:"This one, as dead prints it."`
	Channel  string     `field:"channel" placeholder:"NAME" help:"Those of this channel; it is halted no longer."`
	Target   string     `field:"target" placeholder:"TARGET" help:"Those to this target, as an address of a list."`
	Incident incidentID `field:"incident" placeholder:"ID" help:"Those of this incident."`
	Why      string     `field:"why" help:"The reason; the audit log keeps it."`
}

// Help satisfies kong.
func (*outboxRetryCmd) Help() string {
	return "All that fits every flag.\n\n" +
		example(`tocsin outbox retry 17`, `tocsin outbox retry --channel mail --incident 4 --why "the relay is back"`)
}

// Run satisfies kong.
func (c *outboxRetryCmd) Run(w *world, in *outboxCmd) error {
	if c.ID == 0 && c.Channel == "" && c.Target == "" && c.Incident == "" {
		return errors.New("say which: an ID as tocsin outbox dead prints it, --channel, --target or --incident")
	}
	return in.sort(w, api.Again, c)
}

type outboxReplayCmd struct {
	Channel string `required:"" field:"channel" placeholder:"NAME" help:"Which channel."`
	Since   string `required:"" field:"sent_since" placeholder:"TIME" help:"Since when it was due: as 2026-05-20T10:00Z, or as 2h ago."`
	Target  string `field:"target" placeholder:"TARGET" help:"Only what was for this target."`
	Why     string `field:"why" help:"The reason; the audit log keeps it."`
}

// Help satisfies kong.
func (*outboxReplayCmd) Help() string {
	return "For a target that lost what it was told: people there read it twice, unless it knows the keys.\n\n" +
		example(`tocsin outbox replay --channel tracker --since 2026-05-20T10:00Z --why "restored from yesterday's backup"`, `tocsin outbox replay --channel tracker --since 2h`)
}

// Run satisfies kong.
func (c *outboxReplayCmd) Run(w *world, in *outboxCmd) error {
	if ago, err := time.ParseDuration(c.Since); err == nil {
		if ago <= 0 {
			return fmt.Errorf("--since %s lies in the future: want how long ago, as 2h", c.Since)
		}
		c.Since = time.Now().UTC().Add(-ago).Format(time.RFC3339)
	}
	since := c.Since
	if rest, ok := strings.CutSuffix(since, "Z"); ok && strings.Count(rest, ":") == 1 {
		since = rest + ":00Z" // the seconds may be left out
	}
	if _, err := time.Parse(time.RFC3339, since); err != nil {
		return fmt.Errorf("--since %q is no time: want one as 2026-05-20T10:00Z, or how long ago, as 2h", c.Since)
	}
	c.Since = since
	return in.sort(w, api.Again, c)
}

type outboxResumeCmd struct {
	Channel string `arg:"" field:"channel" help:"Which channel."`
	Why     string `field:"why" help:"The reason; the audit log keeps it."`
}

// Help satisfies kong.
func (*outboxResumeCmd) Help() string {
	return "What was given up meanwhile stays so: tocsin outbox retry --channel has it go out, and resumes the channel, too.\n\n" +
		example(`tocsin outbox resume pager --why "the integration is back"`)
}

// Run satisfies kong.
func (c *outboxResumeCmd) Run(w *world, in *outboxCmd) error { return in.sort(w, api.Resume, c) }

type outboxDiscardCmd struct {
	Channel string `arg:"" field:"channel" help:"Which channel."`
	Why     string `field:"why" help:"The reason; the audit log keeps it."`
}

// Help satisfies kong.
func (*outboxDiscardCmd) Help() string {
	return "Of a channel that is not in the configuration any more also what waits is put away.\n\n" +
		example(`tocsin outbox discard old-pager --why "replaced in March"`)
}

// Run satisfies kong.
func (c *outboxDiscardCmd) Run(w *world, in *outboxCmd) error { return in.sort(w, api.Discard, c) }

// sort does something with deliveries, with the values of a command's fields.
func (c *outboxCmd) sort(w *world, verb incident.Verb, command any) error {
	client, err := c.client(w)
	if err != nil {
		return err
	}
	values, err := valuesOf(command, stdin)
	if err != nil {
		return err
	}
	b, err := client.post("/outbox/"+string(verb), values)
	if err != nil {
		return err
	}
	return present(client, b, func(p *sheet, v api.Sorted) { p.sorted(verb, v.Deliveries) })
}

func (p *sheet) sorted(verb incident.Verb, n int) {
	switch {
	case verb == api.Resume && n > 0:
		p.line("deliveries go to it again")
	case verb == api.Resume:
		p.line("nothing to do: it was not halted")
	case n == 0:
		p.line("nothing to do: no delivery fits")
	default:
		what := map[incident.Verb]string{api.Again: "out again", api.Discard: "nowhere any more"}[verb]
		if n == 1 {
			p.line("1 delivery goes %s", what)
			return
		}
		p.line("%d deliveries go %s", n, what)
	}
}
