package publisher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/slack"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
	"github.com/featuresignals/tocsin/publisher/tracker"
	"github.com/featuresignals/tocsin/publisher/tracker/githubtest"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// targets is every kind of channel.
var targets = []target{
	{name: "page", page: true, open: openPage},
	{name: "webhook", calls: true, open: openWebhook},
	{name: "email", calls: true, open: openMail, to: mailed},
	{name: "slack", calls: true, open: openSlack, to: announced},
	{name: "tracker", open: openTracker},
}

// secretOf writes a secret into a file of its own.
func secretOf(t *testing.T, secret string) string {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// openPage is a folder, with readers who look at it all the time. The program can
// be killed before each file that it looks at.
func openPage(t *testing.T, cut func(int, string) bool) place {
	folder, err := os.MkdirTemp(shortLived(t), "page")
	if err != nil {
		t.Fatal(err)
	}
	words, err := conformanceWords()
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- readers(folder, stop) }()
	return place{
		channel: func(*store.DB, publisher.Memory) (publisher.Channel, error) {
			return &killable{page.New("status", folder, words), cut}, nil
		},
		shows: func() ([]sighting, error) {
			var all []sighting
			names, err := filepath.Glob(filepath.Join(folder, "current", "incidents", "*.html"))
			for _, name := range names {
				body, err := os.ReadFile(name)
				if err != nil {
					return nil, err
				}
				for _, m := range said.FindAllSubmatch(body, -1) {
					all = append(all, sighting{key: string(m[1]), id: filepath.Base(name)})
				}
			}
			slices.Reverse(all) // pages tell the newest first
			return all, err
		},
		wrong: func(b incident.Board) error {
			config, _ := plot(target{page: true})
			want, err := page.New("status", folder, words).Render(publisher.Project(config, b, judged, time.Now()))
			if err != nil {
				return err
			}
			for name, body := range want {
				got, err := os.ReadFile(filepath.Join(folder, "current", name))
				if err != nil || !bytes.Equal(got, body) {
					return fmt.Errorf("%s is not what the board gives (%v)", name, err)
				}
			}
			close(stop)
			stop = nil
			return <-stopped
		},
		close: func() {
			if stop != nil {
				close(stop)
				<-stopped
			}
		},
	}
}

var said = regexp.MustCompile(`Words of (INC-[0-9]+-[0-9]+/[0-9]+)\.`)

// readers looks at the files as people and programs do, and fails if one is not
// whole.
func readers(folder string, stop <-chan struct{}) error {
	for looked := 0; ; looked++ {
		select {
		case <-stop:
			if looked == 0 {
				return errors.New("nobody looked at the page")
			}
			return nil
		case <-time.After(4 * time.Millisecond):
		}
		for _, name := range []string{"index.html", "history/index.html", "api/v2/summary.json", "api/tocsin/v1/status.json", "history.atom", "incidents/INC-2026-0001.html"} {
			body, err := os.ReadFile(filepath.Join(folder, "current", name))
			if errors.Is(err, fs.ErrNotExist) {
				continue // it was not made yet
			}
			if err != nil {
				return err
			}
			end := map[string]string{".html": "</html>", ".atom": "</feed>"}[filepath.Ext(name)]
			if end == "" && !json.Valid(body) || !strings.HasSuffix(strings.TrimSpace(string(body)), end) {
				return fmt.Errorf("a reader sees half of %s: %q", name, body)
			}
		}
	}
}

// killable is a page whose program can be killed between two files.
type killable struct {
	*page.Channel
	cut func(int, string) bool
}

func (k *killable) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return k.Channel.Publish(&asking{ctx, cancel, k.cut}, d)
}

// asking is a context that ends when the program is killed; the page asks it
// before each file.
type asking struct {
	context.Context
	cancel context.CancelFunc
	cut    func(int, string) bool
}

func (a *asking) Err() error {
	if a.cut(0, "before") {
		a.cancel()
	}
	return a.Context.Err()
}

// openWebhook is a listener that takes what it gets. What it got is verified with
// the library for JavaScript when all is over.
func openWebhook(t *testing.T, cut func(int, string) bool) place {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	var mu sync.Mutex
	var got []request
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		n++
		number := n
		mu.Unlock()
		if err != nil || cut(number, "before") {
			panic(http.ErrAbortHandler)
		}
		h := map[string]string{}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			h[name] = r.Header.Get(name)
		}
		mu.Lock()
		got = append(got, request{h, string(body)})
		mu.Unlock()
		if cut(number, "after") {
			panic(http.ErrAbortHandler)
		}
	}))
	words, err := conformanceWords()
	if err != nil {
		t.Fatal(err)
	}
	file := secretOf(t, secret)
	return place{
		channel: func(*store.DB, publisher.Memory) (publisher.Channel, error) {
			return webhook.New(webhook.Config{Name: "webhook", URL: server.URL, SecretFile: file, Templates: words})
		},
		shows: func() ([]sighting, error) {
			mu.Lock()
			defer mu.Unlock()
			var all []sighting
			for _, r := range got {
				var body struct {
					Data struct {
						Incident struct{ Updates []struct{ ID string } }
						Notice   struct {
							ID     string `json:"incident_id"`
							Number int
						}
					}
				}
				if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
					return nil, err
				}
				key := fmt.Sprintf("%s/notice/%d", body.Data.Notice.ID, body.Data.Notice.Number)
				if u := body.Data.Incident.Updates; len(u) > 0 {
					at := strings.LastIndexByte(u[0].ID, '-')
					key = u[0].ID[:at] + "/" + u[0].ID[at+1:]
				}
				all = append(all, sighting{key: key, id: r.Headers["webhook-id"]})
			}
			received.add(secret, got)
			return all, nil
		},
		close: server.Close,
	}
}

// request is one as a listener gets it.
type request struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// received is what all listeners got.
var received recorder

type recorder struct {
	mu       sync.Mutex
	Secret   string    `json:"secret"`
	Requests []request `json:"requests"`
}

func (r *recorder) add(secret string, got []request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Secret = secret
	r.Requests = append(r.Requests, got...)
}

// verify has the library for JavaScript verify all that listeners got so far.
func verify(t *testing.T) {
	const folder = "testdata/verify"
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "standardwebhooks")); err != nil {
		if os.Getenv("TOCSIN_ENGINE_REQUIRED") != "" {
			t.Fatal("the Standard Webhooks library for JavaScript is not installed: make test installs it")
		}
		t.Skip("the Standard Webhooks library for JavaScript is not installed: run make test, which installs it")
	}
	received.mu.Lock()
	defer received.mu.Unlock()
	if len(received.Requests) < 10 {
		t.Fatalf("only %d requests came", len(received.Requests))
	}
	// One that somebody changed on the way shows that the verifier looks.
	changed := received.Requests[0]
	changed.Body += " "
	in, err := json.Marshal(map[string]any{"secret": received.Secret, "requests": append(slices.Clone(received.Requests), changed)})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "verify.mjs")
	cmd.Dir, cmd.Stdin = folder, bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	want := fmt.Sprintf("request %d: No matching signature found\n%d verified\n", len(received.Requests), len(received.Requests))
	if err != nil || string(out) != want {
		t.Errorf("the verifier says (%v)\n%s\nwant\n%s", err, out, want)
	}
	t.Logf("%d requests verified with the npm package standardwebhooks", len(received.Requests))
}

// openTracker is GitHub, whose lists show what was written only a while later.
func openTracker(t *testing.T, cut func(int, string) bool) place {
	server := githubtest.New(t)
	server.Cut, server.Delay = cut, 50*time.Millisecond
	words, err := conformanceWords()
	if err != nil {
		t.Fatal(err)
	}
	file := secretOf(t, githubtest.Token)
	return place{
		channel: func(_ *store.DB, memory publisher.Memory) (publisher.Channel, error) {
			return tracker.New(tracker.Config{
				Channel: rules.Channel{Name: "tracker", Type: "tracker", URL: server.URL(), TokenFile: file, Tracker: &rules.Tracker{Repository: githubtest.Repository}},
				Memory:  memory, Templates: words, Settle: 300 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
			})
		},
		shows: func() ([]sighting, error) {
			type written struct {
				id   int64
				body string
			}
			var all []written
			for _, i := range server.Issues() {
				all = append(all, written{i.ID, i.Body})
				for _, c := range i.Comments {
					all = append(all, written{c.ID, c.Body})
				}
			}
			slices.SortFunc(all, func(a, b written) int { return int(a.id - b.id) })
			var out []sighting
			for _, w := range all {
				for _, m := range marked.FindAllStringSubmatch(w.body, -1) {
					out = append(out, sighting{key: m[1], id: m[0]})
				}
			}
			return out, nil
		},
		wrong: func(incident.Board) error {
			var got strings.Builder
			all := server.Issues()
			slices.SortFunc(all, func(a, b githubtest.Issue) int { return strings.Compare(a.Title, b.Title) })
			for _, i := range all {
				slices.Sort(i.Labels)
				got.WriteString(fmt.Sprintf("%s: %s %s, %d comments, %v %v\n", i.Title, i.State, i.StateReason, len(i.Comments), i.History, i.Labels))
			}
			want := `[INC-2026-0001] P0 – Elevated errors: closed completed, 4 comments, [renamed closed renamed reopened renamed closed] [component:api incident severity:P0]
[INC-2026-0002] P2 – Elevated errors: closed completed, 2 comments, [closed] [component:eval incident severity:P2]
[INC-2026-0003] P3 – Elevated errors: open , 0 comments, [] [component:api incident severity:P3 triage]
`
			if got.String() != want {
				return fmt.Errorf("the issues are\n%swant\n%s", got.String(), want)
			}
			return nil
		},
		close: func() {},
	}
}

var marked = regexp.MustCompile(`<!-- tocsin update (INC-[0-9]+-[0-9]+/[0-9]+) [0-9a-f]{16} -->`)

// mailed is whom mail goes to: readers, our own people, and who is called.
func mailed(e incident.Event, call bool) []string {
	switch {
	case call:
		return []string{"ann@example.com"}
	case e.Update.Inside:
		return []string{"sam@example.com"}
	default:
		return []string{"ada@example.net", "sam@example.com"}
	}
}

// openMail is a mail server with a list of readers and one of our own people.
func openMail(t *testing.T, cut func(int, string) bool) place {
	server := smtptest.New(t, smtptest.Options{TLS: "none", Cut: cut})
	words, err := conformanceWords()
	if err != nil {
		t.Fatal(err)
	}
	return place{
		channel: func(db *store.DB, memory publisher.Memory) (publisher.Channel, error) {
			return email.New(email.Config{
				Name: "email", Page: "https://status.example.com", Memory: memory, Addresses: db, Logger: slog.New(slog.DiscardHandler),
				Words: func(*time.Location) *templates.Set { return words },
				Mail: rules.Mail{
					Server: server.Addr(), TLS: "none", From: "status@example.com", Connections: 2,
					Lists: []rules.List{{Name: "Customers", Addresses: []string{"ada@example.net"}}, {Name: "staff", Staff: true, Addresses: []string{"sam@example.com"}}},
				},
			})
		},
		shows: func() ([]sighting, error) {
			var all []sighting
			for _, m := range server.Messages() {
				e, err := message.Read(bytes.NewReader(m.Data))
				if err != nil {
					return nil, err
				}
				text := ""
				err = e.Walk(func(_ []int, part *message.Entity, err error) error {
					if err != nil {
						return err
					}
					if kind, _, _ := part.Header.ContentType(); kind == "text/plain" {
						b, err := io.ReadAll(part.Body)
						text += string(b)
						return err
					}
					return nil
				})
				if err != nil {
					return nil, err
				}
				key := "nothing known: " + text
				if k := said.FindStringSubmatch(text); k != nil {
					key = k[1]
				} else if k := noticed.FindStringSubmatch(text); k != nil {
					key = k[1] + "/notice/" + k[2]
				}
				all = append(all, sighting{key: key, to: m.To, id: e.Header.Get("Message-Id")})
			}
			return all, nil
		},
		close: server.Close,
	}
}

var noticed = regexp.MustCompile(`(INC-[0-9]+-[0-9]+), notice ([0-9]+)`)

// openSlack is a workspace with a channel of announcements; the first incident
// has a channel of its own.
func openSlack(t *testing.T, cut func(int, string) bool) place {
	server := slacktest.New(t)
	server.Cut = cut
	server.AddUser("U0ANN", "")
	words, err := conformanceWords()
	if err != nil {
		t.Fatal(err)
	}
	return place{
		channel: func(_ *store.DB, memory publisher.Memory) (publisher.Channel, error) {
			return slack.New(slack.Config{
				Channel: rules.Channel{
					Name: "slack", Type: "slack", URL: server.URL(), TokenFile: server.TokenFile, SecretFile: server.SecretFile,
					Slack: &rules.Slack{Channel: slacktest.Announcements, Rooms: rules.Rooms{Severities: []rules.Severity{rules.P0, rules.P1}, Prefix: "incident-"}},
				},
				Templates: words, Logger: slog.New(slog.DiscardHandler), Surroundings: slack.Surroundings{Memory: memory},
			})
		},
		shows: func() ([]sighting, error) {
			var all []sighting
			for _, channel := range server.Channels() {
				for _, m := range server.Messages(channel) {
					if strings.Contains(m.Key(), "/") { // else it stands for the incident
						all = append(all, sighting{key: m.Key(), to: m.Part() + " in " + channel, id: m.TS})
					}
				}
			}
			return all, nil
		},
		wrong: func(incident.Board) error {
			var got []string
			for _, channel := range server.Channels() {
				for _, m := range server.Messages(channel) {
					if !strings.Contains(m.Key(), "/") {
						got = append(got, m.Part()+" of "+m.Key()+" in "+channel)
					}
				}
			}
			slices.Sort(got)
			want := []string{
				"root of INC-2026-0001 in announcements", "root of INC-2026-0002 in announcements", "root of INC-2026-0003 in announcements",
				"summary of INC-2026-0001 in incident-2026-0001",
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("what stands for incidents is %q, want %q", got, want)
			}
			return nil
		},
		close: server.Close,
	}
}

// announced is where the messages about an event stand in Slack.
func announced(e incident.Event, call bool) []string {
	const own = "incident-2026-0001"
	switch {
	case call:
		return []string{"call in " + own}
	case e.Incident == "INC-2026-0001":
		return []string{"reply in announcements", "update in " + own}
	default:
		return []string{"reply in announcements"}
	}
}
