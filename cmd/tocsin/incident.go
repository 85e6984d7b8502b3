package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// incidentCmd works on incidents through the API of a running service.
type incidentCmd struct {
	remote

	List       incidentListCmd       `cmd:"" help:"Print the incidents that are open."`
	Show       incidentShowCmd       `cmd:"" help:"Print all about an incident, with its tasks and their commands."`
	Timeline   incidentTimelineCmd   `cmd:"" help:"Print what happened, a line for each event."`
	Preview    incidentPreviewCmd    `cmd:"" help:"Print the first words that wait, as customers would read them."`
	Declare    incidentDeclareCmd    `cmd:"" help:"Begin an incident that no rule has found."`
	Ack        incidentAckCmd        `cmd:"" aliases:"acknowledge" help:"Be on it: the paging stops, the cadence of updates goes on."`
	Say        incidentSayCmd        `cmd:"" help:"Tell customers something, at once."`
	Note       incidentNoteCmd       `cmd:"" help:"Write something down; customers never read it."`
	Severity   incidentSeverityCmd   `cmd:"" help:"Say how bad it is, over what the rules say."`
	State      incidentStateCmd      `cmd:"" help:"Say where it stands."`
	Began      incidentBeganCmd      `cmd:"" help:"Say that it began earlier."`
	Integrity  incidentIntegrityCmd  `cmd:"" help:"Say what is known of customers' data."`
	Workaround incidentWorkaroundCmd `cmd:"" help:"Say what customers can do meanwhile."`
	Hold       incidentHoldCmd       `cmd:"" help:"Have the first words wait longer."`
	Approve    incidentApproveCmd    `cmd:"" help:"Let the first words go out now."`
	Edit       incidentEditCmd       `cmd:"" help:"Change the first words before they go out."`
	Veto       incidentVetoCmd       `cmd:"" help:"Keep the first words from going out."`
	Resolve    incidentResolveCmd    `cmd:"" help:"Close it."`
	Assign     incidentAssignCmd     `cmd:"" help:"Say who leads it, or who has one of its tasks."`
	Task       incidentTaskCmd       `cmd:"" help:"Put something to do on it."`
	Checklist  incidentChecklistCmd  `cmd:"" help:"Put a runbook's checklist on it."`
	Tick       incidentTickCmd       `cmd:"" help:"Say that a task is done."`
	Untick     incidentUntickCmd     `cmd:"" help:"Say that a task is not done after all."`
	Merge      incidentMergeCmd      `cmd:"" help:"Have it go on as another incident."`
	Link       incidentLinkCmd       `cmd:"" help:"Say that another incident has to do with it."`
	Disclose   incidentDiscloseCmd   `cmd:"" help:"Make a private incident one that customers read of."`
}

// remote is where the API is that a command asks, and with what.
type remote struct {
	Server    string `env:"TOCSIN_SERVER" placeholder:"URL" help:"Where the service's private address is, as https://tocsin.example.com; by default listen.private of the configuration, else http://127.0.0.1:8081."`
	TokenFile string `placeholder:"FILE" help:"File with the token to act with; by default the token in TOCSIN_TOKEN."`
	Format    string `enum:"text,json" default:"text" help:"text for people, json for programs: what the API answers."`
}

// Help satisfies kong.
func (*incidentCmd) Help() string {
	return `A night in six lines. A bare number is this year's incident of that number:

  tocsin incident list
  tocsin incident ack 4
  tocsin incident show 4
  tocsin incident say 4 "We have found the cause and are rolling back."
  tocsin incident state 4 monitoring
  tocsin incident resolve 4

The token is never on the command line, where others of the machine can read it: it is in
TOCSIN_TOKEN, or in the file that --token-file names. tocsin token make NAME makes one.

It ends with 0 when it is done (also when it was so already), with 1 when it was refused or nobody
answered, with 2 when the command line makes no sense.`
}

// incidentID is an incident as people name it.
type incidentID string

var idPattern = regexp.MustCompile(`^INC-[0-9]{4}-[0-9]{4,}$`)

// UnmarshalText satisfies kong.
func (i *incidentID) UnmarshalText(text []byte) error {
	s := strings.ToUpper(string(text))
	if n, err := strconv.ParseUint(s, 10, 32); err == nil && n > 0 {
		s = fmt.Sprintf("INC-%04d-%04d", time.Now().UTC().Year(), n)
	}
	if !idPattern.MatchString(s) {
		return fmt.Errorf("want an incident, as INC-2026-0004, or 4 for this year's; found %q", text)
	}
	*i = incidentID(s)
	return nil
}

// client asks the API.
type client struct {
	base   string
	token  string
	agent  string
	format string
	world  *world
	http   http.Client
}

// client makes the client that the flags ask for.
func (c *remote) client(w *world) (*client, error) {
	base, err := c.base(w)
	if err != nil {
		return nil, err
	}
	token := os.Getenv("TOCSIN_TOKEN")
	if c.TokenFile != "" {
		b, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("read the token: %w", err)
		}
		token = string(b)
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, errors.New("no token to act with: set TOCSIN_TOKEN, or name a file with --token-file. " +
			"On the machine that Tocsin runs on, tocsin token make NAME makes one")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token has characters that no token has: it is one word, tocsin_ and 43 letters, digits and signs")
	}
	return &client{
		base: base, token: token, agent: "tocsin/" + version(), format: c.Format, world: w,
		// A redirection would lead the token astray.
		http: http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// base gives the address of the service.
func (c *remote) base(w *world) (string, error) {
	if c.Server != "" {
		server := c.Server
		if !strings.Contains(server, "://") {
			server = "http://" + server
		}
		u, err := url.Parse(server)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return "", fmt.Errorf("the server %q is no address: want one as https://tocsin.example.com or http://127.0.0.1:8081; --server or TOCSIN_SERVER", c.Server)
		}
		return strings.TrimSuffix(u.String(), "/"), nil
	}
	listen := rules.Default().Listen.Private
	if w.path() != "" {
		config, err := w.whereabouts()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", err
		case err != nil:
			fmt.Fprintf(w.errs, "warning: %s cannot be read (see tocsin check): asking %s\n", w.path(), listen)
		default:
			listen = config.Listen.Private
		}
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("listen.private is %q: name the service's address with --server", listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere, here too
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// get asks for something.
func (c *client) get(path string) ([]byte, error) {
	return c.try(http.MethodGet, path, nil, "")
}

// post does something. It is tried again where it is not known whether it was
// done: the key keeps it from being done twice.
func (c *client) post(path string, values map[string]any) ([]byte, error) {
	body, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	key := rand.Text()
	answer, err := c.try(http.MethodPost, path, body, key)
	if away, ok := errors.AsType[*unreachable](err); ok && !away.dial && c.world.ctx.Err() == nil {
		answer, err = c.try(http.MethodPost, path, body, key)
	}
	return answer, err
}

// unreachable says that nobody answered.
type unreachable struct {
	base string
	dial bool // there was not even a connection
	err  error
}

func (u *unreachable) Error() string {
	return fmt.Sprintf("nobody answers at %s: %s. Is tocsin serve running there? Another address: --server or TOCSIN_SERVER", u.base, u.err)
}

func (c *client) try(method, path string, body []byte, key string) ([]byte, error) {
	r, err := http.NewRequestWithContext(c.world.ctx, method, c.base+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("User-Agent", c.agent)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		op, _ := errors.AsType[*net.OpError](err)
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // its text says the address again
		}
		return nil, &unreachable{base: c.base, dial: op != nil && op.Op == "dial", err: err}
	}
	defer resp.Body.Close()
	const most = 64 << 20
	b, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, &unreachable{base: c.base, err: err}
	}
	if resp.StatusCode/100 == 2 && json.Valid(b) {
		return b, nil
	}
	return nil, c.refused(resp, b)
}

// refused says what was refused, and what to do about it.
func (c *client) refused(resp *http.Response, body []byte) error {
	var p api.Problem
	if json.Unmarshal(body, &p) != nil || p.Error == "" {
		return fmt.Errorf("what answers at %s is not Tocsin's API (%s): name its private address with --server or TOCSIN_SERVER", c.base, resp.Status)
	}
	if c.format == "json" {
		_, _ = c.world.out.Write(body) // the error says the same
	}
	p.Error = legible(strings.Replace(p.Error, "GET /api/v1/incidents?state=all lists", "tocsin incident list --state all lists", 1))
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s does not know the token: it is unknown, expired or revoked. On the machine that Tocsin runs on, "+
			"tocsin token list shows those there are, and tocsin token make NAME makes one", c.base)
	case resp.Header.Get("Retry-After") != "":
		return fmt.Errorf("%s (after %s s)", p.Error, legible(resp.Header.Get("Retry-After")))
	case p.Unfinished:
		return fmt.Errorf("%s: add --force --why \"…\"", p.Error)
	default:
		return errors.New(p.Error)
	}
}

// asker makes the client that a command's flags ask for.
type asker interface{ client(*world) (*client, error) }

// fetch asks for something, and prints it: as it is for programs, else as show
// does.
func fetch[T any](w *world, in asker, path string, show func(*sheet, T)) error {
	c, err := in.client(w)
	if err != nil {
		return err
	}
	b, err := c.get(path)
	if err != nil {
		return err
	}
	return present(c, b, show)
}

// present prints an answer.
func present[T any](c *client, b []byte, show func(*sheet, T)) error {
	if c.format == "json" {
		_, err := c.world.out.Write(b)
		return err
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("what answers at %s is not this version's API: %w", c.base, err)
	}
	p := &sheet{now: time.Now().UTC()}
	show(p, v)
	return p.print(c.world.out)
}

// act does a deed with the values of a command's fields.
func (c *incidentCmd) act(w *world, verb incident.Verb, id incidentID, command any) error {
	client, err := c.client(w)
	if err != nil {
		return err
	}
	values, err := valuesOf(command, stdin)
	if err != nil {
		return err
	}
	path := "/incidents"
	if verb != incident.Declare {
		path += "/" + string(id) + "/" + string(verb)
	}
	b, err := client.post(path, values)
	if err != nil {
		return err
	}
	return present(client, b, (*sheet).done)
}

// stdin gives what is written to the program, for texts that are "-".
func stdin() (string, error) {
	b, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read the text: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
