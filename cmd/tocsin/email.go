package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// emailCmd is about the addresses that mail goes to. It works beside a service
// that is running, which knows of a change at once.
type emailCmd struct {
	Bounce    emailBounceCmd    `cmd:"" help:"Read a mail that came back from standard input, and note what became of its address."`
	Addresses emailAddressesCmd `cmd:"" help:"Print the addresses that were refused, bounced or unsubscribed."`
	Forget    emailForgetCmd    `cmd:"" help:"Forget what is known of an address, so that it hears of incidents again."`
}

// Help satisfies kong.
func (*emailCmd) Help() string {
	return `An address that was refused three times in a row, whose mail came back, or whose reader has
unsubscribed is left out of the lists of its channel until somebody forgets it. Calls to people
on duty are never left out.

Run it as the user that the service runs as, with the same configuration: both write to its store.`
}

type emailBounceCmd struct {
	Recipient string `placeholder:"ADDRESS" help:"Whom the mail came to, as the mail server knows it; without it the mail's own head is asked."`
}

// Help satisfies kong.
func (*emailBounceCmd) Help() string {
	return `For a mail server's pipe. Where bounces is bounces@example.com, all that comes to bounces@ and to
bounces+anything@ goes here. In Postfix' /etc/aliases, with recipient_delimiter = +:

  bounces: "|/usr/local/bin/tocsin --config /etc/tocsin/tocsin.yaml email bounce"

A report that nothing proves to be about a mail of ours changes nothing: anybody can write one.
What is no report is answered with exit code 0, too, since a mail server would send it back. Where
the store cannot be written the code is 75, and mail servers try again.`
}

// Run satisfies kong.
func (c *emailBounceCmd) Run(w *world) error {
	config, err := w.load()
	if err != nil {
		_ = w.mistakes(err) // they are printed
		return fmt.Errorf("the configuration has mistakes: %w", errLater)
	}
	if err := c.read(w, config, os.Stdin); err != nil {
		return fmt.Errorf("%w: %w", err, errLater)
	}
	return nil
}

func (c *emailBounceCmd) read(w *world, config *rules.Config, in io.Reader) error {
	db, err := store.OpenBeside(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	mails, err := openMails(config, db)
	if err != nil {
		return err
	}
	v, err := email.Returned(w.ctx, in, c.Recipient, mails...)
	if err != nil {
		return err
	}
	fmt.Fprintln(w.out, v)
	return nil
}

type emailAddressesCmd struct {
	Channel string `placeholder:"NAME" help:"Of this channel alone."`
	Format  string `enum:"text,json" default:"text" help:"text for people, json for programs."`
}

// Run satisfies kong.
func (c *emailAddressesCmd) Run(w *world) error {
	config, err := w.whereabouts()
	if err != nil {
		return w.mistakes(err)
	}
	db, err := store.OpenToRead(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Addresses(w.ctx, c.Channel)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		enc := json.NewEncoder(w.out)
		enc.SetIndent("", "  ")
		return enc.Encode(append([]publisher.Address{}, all...)) // a list, also where there is none
	}
	if len(all) == 0 {
		fmt.Fprintln(w.errs, c.none(config))
		return nil
	}
	table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "channel\taddress\tstate\ttimes\tlast\treason")
	for _, a := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", a.Channel, a.Address, a.State, a.Times, minute(a.At), a.Reason)
	}
	return table.Flush()
}

// none says that nothing is known, or that there is no such channel.
func (c *emailAddressesCmd) none(config *rules.Config) string {
	const nothing = "no address was ever refused, bounced or unsubscribed"
	if c.Channel == "" {
		return nothing
	}
	var names []string
	for _, ch := range config.Channels {
		if ch.Name == c.Channel && ch.Type == "email" {
			return nothing + " on channel " + c.Channel
		}
		if ch.Type == "email" {
			names = append(names, ch.Name)
		}
	}
	return fmt.Sprintf("%s on a channel %q; of type email the configuration has %s", nothing, c.Channel, cmp.Or(strings.Join(names, " "), "none"))
}

type emailForgetCmd struct {
	Address string `arg:"" help:"The address, as tocsin email addresses prints it."`
	Channel string `placeholder:"NAME" help:"On this channel alone; without it on all."`
}

// Run satisfies kong.
func (c *emailForgetCmd) Run(w *world) error {
	config, err := w.whereabouts()
	if err != nil {
		return w.mistakes(err)
	}
	db, err := store.OpenBeside(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	address := c.Address
	if at := strings.LastIndex(address, "@"); at >= 0 {
		address = address[:at] + strings.ToLower(address[at:])
	}
	n, err := db.ForgetAddress(w.ctx, c.Channel, address)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("nothing is known of %s: tocsin email addresses prints those that there are", address)
	}
	from := ""
	if u, err := user.Current(); err == nil {
		from = "user " + u.Username
	}
	// Whoever unsubscribed gets mail again by this: who did it is written down.
	if err := db.Audit(w.ctx, incident.AuditEntry{At: time.Now().UTC(), Via: "cli", From: from, Action: "email forget", Outcome: "done", Why: address}); err != nil {
		return fmt.Errorf("%s is forgotten, but: %w", address, err)
	}
	fmt.Fprintf(w.out, "%s is forgotten on %d channel%s: it hears of incidents again where a list names it\n", address, n, plural(n))
	return nil
}
