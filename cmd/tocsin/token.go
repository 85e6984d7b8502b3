package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// tokenCmd makes, lists and revokes what people and programs sign in with. It
// works beside a service that is running, which knows of a change at once.
type tokenCmd struct {
	Make   tokenMakeCmd   `cmd:"" help:"Make a token for a person or a program, and print it this once."`
	List   tokenListCmd   `cmd:"" help:"Print whose tokens there are, what they may do and when they were used last."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token and all who are signed in with it, at once."`
}

// Help satisfies kong.
func (*tokenCmd) Help() string {
	return `A token is how a person signs in to the console, and how a program or tocsin incident is known to
the API. It is for one person: what is done with it is done in that name. The service keeps only
its hash, so one that is lost cannot be shown again: revoke it and make another.

Roles: a viewer sees everything but private incidents and changes nothing; a responder works on
incidents (acknowledge, say, resolve …); an admin may do everything.

Run it as the user that the service runs as, with the same configuration: both write to its store.`
}

type tokenMakeCmd struct {
	Person  string   `arg:"" help:"ID of the person, as under people: in the configuration; for a program a name of its own."`
	Role    string   `enum:"viewer,responder,admin" default:"responder" help:"viewer, responder or admin."`
	Expires validity `placeholder:"90d" help:"How long it is good, as in 90d, 12w or 24h; without it until it is revoked."`
}

// Help satisfies kong.
func (*tokenMakeCmd) Help() string {
	return `Examples:

  tocsin token make ada --role admin
      the first one: Ada signs in to the console with it

  tocsin token make grace --expires 90d
      for an engineer on call

  tocsin token make ci --role viewer --expires 52w > /run/secrets/tocsin_token
      for a program; only the token goes to standard output`
}

// validity is how long a token is good, 0 for ever.
type validity time.Duration

var validityPattern = regexp.MustCompile(`^([1-9][0-9]{0,4})([hdw])$`)

const maxValidity = 3660 * 24 * time.Hour

// UnmarshalText satisfies kong.
func (l *validity) UnmarshalText(text []byte) error {
	m := validityPattern.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("want hours, days or weeks, as in 24h, 90d or 12w; found %q", text)
	}
	n, _ := strconv.Atoi(string(m[1])) // the pattern lets only digits through
	unit := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[string(m[2])]
	*l = validity(time.Duration(n) * unit)
	if time.Duration(*l) > maxValidity {
		return fmt.Errorf("want ten years at the most, or leave it out for a token without an end; found %q", text)
	}
	return nil
}

// Run satisfies kong.
func (c *tokenMakeCmd) Run(w *world) error {
	config, err := w.load()
	if err != nil {
		return w.mistakes(err)
	}
	warning, err := checkPerson(config, c.Person)
	if err != nil {
		return err
	}
	if warning != "" {
		fmt.Fprintln(w.errs, "warning:", warning)
	}
	db, err := store.OpenBeside(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	at, expires := time.Now().UTC(), time.Time{}
	if c.Expires > 0 {
		expires = at.Add(time.Duration(c.Expires))
	}
	secret, t, err := db.MakeToken(w.ctx, c.Person, c.Role, expires, at)
	if err != nil {
		return err
	}
	if err := auditToken(w, db, "token make", t, at); err != nil {
		// Nobody has seen it yet, and what is not written down is not done.
		return errors.Join(err, db.RevokeToken(w.ctx, t.ID, at))
	}
	fmt.Fprintf(w.errs, "token %d for %s, %s, good %s. This is the only time that it is shown:\n\n", t.ID, t.Person, t.Role, until(t.Expires))
	fmt.Fprintln(w.out, secret)
	fmt.Fprintf(w.errs, "\nIn the console, sign in with it at %s/signin\n"+
		"For tocsin incident and other programs: export TOCSIN_TOKEN=…, or send \"Authorization: Bearer …\"\n"+
		"To end it: tocsin token revoke %d\n", consoleURL(config), t.ID)
	return nil
}

var personPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// checkPerson looks at the ID that a token is to be for. A person whom the
// configuration does not know is nobody that Tocsin can call, but may be a
// program.
func checkPerson(config *rules.Config, id string) (warning string, err error) {
	if !personPattern.MatchString(id) {
		return "", fmt.Errorf("want the ID of a person: small letters, digits and hyphens, at most 64, as in ada; found %q", id)
	}
	if _, ok := config.Person(id); !ok && len(config.People) > 0 {
		return id + " is not under people: in the configuration: right for a program, else check the ID", nil
	}
	return "", nil
}

// consoleURL is where people reach the console.
func consoleURL(config *rules.Config) string {
	return strings.TrimSuffix(cmp.Or(config.Console.URL, "http://"+config.Listen.Private), "/")
}

// auditToken writes down what was done with a token from the command line, where
// nobody signs in: all that is known is the user of the machine.
func auditToken(w *world, db *store.DB, action string, t store.Token, at time.Time) error {
	from := ""
	if u, err := user.Current(); err == nil {
		from = "user " + u.Username
	}
	return db.Audit(w.ctx, incident.AuditEntry{
		At: at, Via: "cli", From: from, Action: action, Outcome: "done",
		Why: fmt.Sprintf("token %d (%s…) of %s, %s, good %s", t.ID, t.Hint, t.Person, t.Role, until(t.Expires)),
	})
}

// until says how long a token is good.
func until(expires time.Time) string {
	if expires.IsZero() {
		return "until it is revoked"
	}
	return "until " + expires.UTC().Format("2006-01-02 15:04 UTC")
}

type tokenListCmd struct {
	Format string `enum:"text,json" default:"text" help:"text for people, json for programs."`
}

// tokenLine is a token as it is listed.
type tokenLine struct {
	store.Token
	State string `json:"state"` // "good", "expired" or "revoked"
}

// Run satisfies kong.
func (c *tokenListCmd) Run(w *world) error {
	config, err := w.whereabouts()
	if err != nil {
		return w.mistakes(err)
	}
	db, err := store.OpenToRead(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	tokens, err := db.Tokens(w.ctx)
	if err != nil {
		return err
	}
	at, lines := time.Now(), make([]tokenLine, 0, len(tokens))
	for _, t := range tokens {
		state := "good"
		switch {
		case !t.Revoked.IsZero():
			state = "revoked"
		case !t.Holds(at):
			state = "expired"
		}
		lines = append(lines, tokenLine{t, state})
	}
	if c.Format == "json" {
		enc := json.NewEncoder(w.out)
		enc.SetIndent("", "  ")
		return enc.Encode(lines)
	}
	if len(lines) == 0 {
		fmt.Fprintln(w.errs, "no tokens yet: make the first with tocsin token make NAME --role admin")
		return nil
	}
	table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "id\tperson\trole\ttoken\tmade\texpires\tlast used\tstate")
	for _, l := range lines {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s…\t%s\t%s\t%s\t%s\n", l.ID, l.Person, l.Role, l.Hint,
			minute(l.Created), minute(l.Expires), minute(l.Used), l.State)
	}
	return table.Flush()
}

// minute writes a time for a table, and "never" where there is none.
func minute(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

type tokenRevokeCmd struct {
	ID int64 `arg:"" name:"id" help:"Number of the token, as tocsin token list prints it."`
}

// Run satisfies kong.
func (c *tokenRevokeCmd) Run(w *world) error {
	config, err := w.whereabouts()
	if err != nil {
		return w.mistakes(err)
	}
	db, err := store.OpenBeside(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	tokens, err := db.Tokens(w.ctx)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.ID == c.ID {
			return c.revoke(w, db, t)
		}
	}
	return fmt.Errorf("there is no token %d: tocsin token list prints those that there are", c.ID)
}

func (c *tokenRevokeCmd) revoke(w *world, db *store.DB, t store.Token) error {
	if !t.Revoked.IsZero() {
		fmt.Fprintf(w.out, "token %d of %s was revoked before, at %s\n", t.ID, t.Person, minute(t.Revoked))
		return nil
	}
	at := time.Now().UTC()
	if err := db.RevokeToken(w.ctx, t.ID, at); err != nil {
		return err
	}
	// A token that may have leaked is revoked even where the log cannot tell.
	if err := auditToken(w, db, "token revoke", t, at); err != nil {
		return fmt.Errorf("the token is revoked, but: %w", err)
	}
	fmt.Fprintf(w.out, "token %d of %s is revoked: it opens nothing any more, and who was signed in with it is signed out\n", t.ID, t.Person)
	return nil
}
