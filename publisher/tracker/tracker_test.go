package tracker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/tracker/githubtest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// memory is what a channel remembers, while a test lasts.
type memory struct {
	mu sync.Mutex
	m  map[string]string
}

func (m *memory) Recall(_ context.Context, channel, name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m[channel+" "+name], nil
}

func (m *memory) Remember(_ context.Context, channel, name, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m[channel+" "+name] = value
	return nil
}

var loadTemplates = sync.OnceValues(func() (*templates.Set, error) { return templates.Load(nil) })

// desk is a channel and the server that it files at.
type desk struct {
	*testing.T
	server *githubtest.Server
	memory *memory
	config Config
	ch     *Channel
	log    *strings.Builder
}

func open(t *testing.T, change ...func(*Config)) *desk {
	t.Helper()
	words, err := loadTemplates()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(githubtest.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &desk{T: t, server: githubtest.New(t), memory: &memory{m: map[string]string{}}, log: &strings.Builder{}}
	d.config = Config{
		Channel: rules.Channel{
			Name: "tracker", Type: "tracker", URL: d.server.URL(), TokenFile: file,
			Tracker: &rules.Tracker{Repository: githubtest.Repository, Labels: []string{"ops", "Incident"}},
		},
		Templates: words, Memory: d.memory, Settle: 150 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(d.log, nil)),
	}
	for _, f := range change {
		f(&d.config)
	}
	d.again()
	return d
}

// again makes a new channel of the same kind, as after a start.
func (d *desk) again() {
	d.Helper()
	ch, err := New(d.config)
	if err != nil {
		d.Fatal(err)
	}
	d.ch = ch
}

func (d *desk) publish(x publisher.Delivery) string {
	d.Helper()
	receipt, err := d.ch.Publish(d.Context(), x)
	if err != nil {
		d.Fatal(err)
	}
	return receipt
}

// fails gives the error of a delivery that does not go out.
func (d *desk) fails(x publisher.Delivery) error {
	d.Helper()
	receipt, err := d.ch.Publish(d.Context(), x)
	if err == nil {
		d.Fatalf("it went out: %s", receipt)
	}
	if strings.Contains(err.Error(), githubtest.Token) {
		d.Errorf("the error shows the token: %v", err)
	}
	return err
}

// only gives the one issue that there is.
func (d *desk) only() githubtest.Issue {
	d.Helper()
	all := d.server.Issues()
	if len(all) != 1 {
		d.Fatalf("there are %d issues, want 1", len(all))
	}
	return all[0]
}

// incidentOf is an incident of which the given updates were said, each
// "STATE SEVERITY".
func incidentOf(id string, said ...string) templates.Incident {
	began := time.Now().UTC().Add(-30 * time.Minute)
	inc := templates.Incident{
		ID: id, Symptom: "elevated errors", Component: templates.Component{ID: "api", Name: "Management API"},
		Regions: []templates.Region{{Code: "eu", Name: "Europe"}}, Began: began, Detected: began.Add(5 * time.Minute),
	}
	for n, s := range said {
		state, severity, _ := strings.Cut(s, " ")
		inc.State, inc.Severity = state, severity
		inc.Updates = slices.Insert(inc.Updates, 0, templates.Update{
			Number: n + 1, ID: fmt.Sprintf("%s-%d", id, n+1), State: state, Severity: severity, Status: "Degraded performance",
			Symptom: "elevated errors", Trend: "new", Regions: inc.Regions, Said: began.Add(time.Duration(6+n) * time.Minute), AsOf: began.Add(5 * time.Minute),
		})
	}
	return inc
}

var since = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// delivery is of the newest of the updates.
func delivery(said ...string) publisher.Delivery {
	return of(incidentOf("INC-2026-0001", said...), len(said))
}

// of is a delivery of an incident's n-th update.
func of(inc templates.Incident, n int) publisher.Delivery {
	at := slices.IndexFunc(inc.Updates, func(u templates.Update) bool { return u.Number == n })
	return publisher.Delivery{
		Channel: "tracker", Key: fmt.Sprintf("%s/%d", inc.ID, n), Attempt: 1, Incident: &inc, Update: &inc.Updates[at],
		Public: templates.Public{Since: since, URL: "https://status.example.com", Incidents: []templates.Incident{inc}},
	}
}

// inside is a delivery that customers do not read.
func inside(said ...string) publisher.Delivery {
	d := delivery(said...)
	d.Inside, d.Public.Incidents = true, nil
	return d
}

func TestAnIncidentIsOneIssue(t *testing.T) {
	d := open(t)
	d.publish(delivery("investigating P2"))
	i := d.only()
	if want := []string{"incident", "ops", "severity:P2", "component:api"}; !slices.Equal(i.Labels, want) {
		t.Errorf("its labels are %q, want %q", i.Labels, want)
	}
	if i.Title != "[INC-2026-0001] P2 – Elevated errors" || i.State != "open" || !strings.Contains(i.Body, "We are investigating reports of elevated errors affecting Management API in Europe.") ||
		!strings.Contains(i.Body, "<https://status.example.com/incidents/INC-2026-0001.html>") {
		t.Errorf("it is %+v", i)
	}
	d.publish(delivery("investigating P2", "identified P1"))
	i = d.only()
	if len(i.Comments) != 1 || !strings.Contains(i.Comments[0].Body, "**Identified** – P1") || !strings.HasPrefix(i.Title, "[INC-2026-0001] P1 – ") {
		t.Errorf("after an update it is %+v", i)
	}
	if want := []string{"incident", "ops", "component:api", "severity:P1"}; !slices.Equal(i.Labels, want) {
		t.Errorf("its labels are %q, want %q", i.Labels, want)
	}
	d.publish(delivery("investigating P2", "identified P1", "resolved P1"))
	if i = d.only(); i.State != "closed" || i.StateReason != "completed" || len(i.Comments) != 2 {
		t.Errorf("when it is over it is %+v", i)
	}
	d.publish(delivery("investigating P2", "identified P1", "resolved P1", "investigating P0"))
	if i = d.only(); i.State != "open" || i.StateReason != "reopened" || len(i.Comments) != 3 || !slices.Contains(i.Labels, "severity:P0") || slices.Contains(i.Labels, "severity:P1") {
		t.Errorf("when it comes back it is %+v", i)
	}
	for _, l := range d.server.Labels() {
		if l.Color == "ededed" && l.Name != "severity:P4" {
			t.Errorf("the label %q was not made before it was needed", l.Name)
		}
	}
}

func TestWhatIsOverWhenItIsFiledIsForPeopleToClose(t *testing.T) {
	for severity, label := range map[string]string{"P3": "triage", "P4": "backlog"} {
		d := open(t)
		d.publish(inside("resolved " + severity))
		i := d.only()
		if i.State != "open" || !slices.Contains(i.Labels, label) || !slices.Contains(i.Labels, "severity:"+severity) || strings.Contains(i.Body, "https://") {
			t.Errorf("a %s is filed as %+v", severity, i)
		}
		d.publish(inside("resolved " + severity)) // repeated
		if again := d.only(); len(again.Comments) > 0 || len(again.History) > 0 {
			t.Errorf("the same once more makes it %+v", again)
		}
		d.server.Change(1, func(i *githubtest.Issue) { i.State, i.Labels = "closed", []string{"incident"} })
		d.publish(inside("resolved "+severity, "resolved "+severity)) // it came back and is over again
		if i = d.only(); i.State != "open" || len(i.Comments) != 1 || !slices.Contains(i.Labels, label) {
			t.Errorf("a %s that came back is %+v", severity, i)
		}
		d.server.Change(1, func(i *githubtest.Issue) { i.State = "closed" })
		d.publish(inside("resolved "+severity, "resolved "+severity))
		if i = d.only(); i.State != "closed" || len(i.Comments) != 1 {
			t.Errorf("words that are there already open what people closed: %+v", i)
		}
	}
}

// What was given up and goes out late tells what was, and does not turn back
// what is.
func TestLateWordsChangeNothingButTheComments(t *testing.T) {
	d := open(t)
	inc := incidentOf("INC-2026-0001", "investigating P2", "identified P1", "resolved P1")
	d.publish(of(inc, 1))
	d.publish(of(inc, 3))
	d.publish(of(inc, 2))
	if i := d.only(); i.State != "closed" || len(i.Comments) != 2 || !strings.HasPrefix(i.Title, "[INC-2026-0001] P1") {
		t.Errorf("it is %+v", i)
	}
}

// Whoever reads an issue can read its marks, and where everybody can comment copy
// one and count it up.
func TestAStrangersMarkKeepsNothingBack(t *testing.T) {
	d := open(t)
	d.publish(delivery("investigating P2"))
	mark := strings.ReplaceAll(marksOf(delivery("investigating P2")).update(), "INC-2026-0001/1", "INC-2026-0001/2")
	if !strings.Contains(marksOf(delivery("investigating P2", "resolved P2")).update(), mark) {
		t.Fatalf("the mark of the next update is not %s", mark)
	}
	d.server.Change(1, func(i *githubtest.Issue) {
		i.Comments = append(i.Comments, githubtest.Comment{ID: 99, By: "mallory", Body: "me too " + mark, Created: time.Now().UTC()})
	})
	d.publish(delivery("investigating P2", "resolved P2"))
	if i := d.only(); i.State != "closed" || len(i.Comments) != 2 {
		t.Errorf("it is %+v", i)
	}
}

func TestNothingIsWrittenTwice(t *testing.T) {
	all := []string{"investigating P2", "identified P1", "resolved P1"}
	for _, k := range []struct {
		name   string
		change func(d *desk)
	}{
		{"with all that was remembered", func(*desk) {}},
		{"after a start", func(d *desk) { d.again() }},
		{"when nothing is remembered", func(d *desk) { d.memory.m = map[string]string{} }},
		{"when the label was taken off", func(d *desk) {
			d.memory.m = map[string]string{}
			d.server.Change(1, func(i *githubtest.Issue) { i.Labels = nil })
		}},
		{"when somebody took the mark out of the issue", func(d *desk) {
			d.server.Change(1, func(i *githubtest.Issue) { i.Body = "See the incident." })
		}},
		{"when somebody copied the issue", func(d *desk) {
			d.memory.m = map[string]string{}
			d.server.Add(githubtest.Issue{Title: "copy", Body: d.server.Issues()[0].Body, Labels: []string{"incident"}})
		}},
		{"among many others, over many pages", func(d *desk) {
			d.memory.m = map[string]string{}
			for n := range 25 {
				d.server.Add(githubtest.Issue{Title: fmt.Sprint(n), Labels: []string{"incident"}, PullRequest: n%2 == 0})
			}
			d.server.PerPage = 10
		}},
	} {
		t.Run(k.name, func(t *testing.T) {
			d := open(t)
			for n := range all {
				d.publish(delivery(all[:n+1]...))
				k.change(d)
				time.Sleep(d.config.Settle / 3)
			}
			// What the body said is gone where somebody wrote over it.
			from := 1
			if d.server.Issues()[0].Body == "See the incident." {
				from = 2
			}
			for n := from; n <= len(all); n++ {
				receipt := d.publish(of(incidentOf("INC-2026-0001", all...), n))
				if !strings.HasSuffix(receipt, "#1, found") {
					t.Errorf("update %d once more: %s", n, receipt)
				}
			}
			ours := 0
			for _, i := range d.server.Issues() {
				if strings.HasPrefix(i.Title, "[INC-2026-0001]") {
					ours++
				}
			}
			if i := d.server.Issues()[0]; ours != 1 || len(i.Comments) != 2 || i.State != "closed" {
				t.Errorf("there are %d issues, the first is %+v", ours, i)
			}
		})
	}
}

// The answer to what was written is lost, and lists do not show it yet.
func TestWhetherItWasWrittenIsFoundOutBeforeItIsWrittenAgain(t *testing.T) {
	for _, what := range []string{"/issues", "/comments"} {
		t.Run("POST "+what, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *Config) { c.Settle = 2 * time.Second }) // more than a busy machine takes
			d.server.Delay = time.Second
			first, second := delivery("investigating P2"), delivery("investigating P2", "resolved P2")
			x := first
			if what == "/comments" {
				d.publish(first)
				x = second
			}
			var cut atomic.Bool
			d.server.Cut = func(n int, stage string) bool {
				all := d.server.Requests()
				r := all[n-1]
				return stage == "after" && r.Method == http.MethodPost && strings.HasSuffix(r.Path, what) && cut.CompareAndSwap(false, true)
			}
			d.fails(x)
			d.again()
			err := d.fails(x)
			later, ok := errors.AsType[*publisher.RetryAfter](err)
			if !ok || later.Wait <= 0 || later.Wait > d.config.Settle {
				t.Fatalf("at once after that: %v, want a time to come back at", err)
			}
			time.Sleep(later.Wait)
			if receipt := d.publish(x); receipt != "#1, found" {
				t.Errorf("the receipt is %q", receipt)
			}
			if i := d.only(); what == "/comments" && (len(i.Comments) != 1 || i.State != "closed") || what == "/issues" && len(i.Comments) > 0 {
				t.Errorf("it is %+v", i)
			}
		})
	}
}

func TestTwoInstallationsShareARepository(t *testing.T) {
	d := open(t)
	d.publish(delivery("investigating P2"))
	other := delivery("investigating P2")
	other.Public.Since = since.Add(time.Minute)
	d.publish(other)
	if n := len(d.server.Issues()); n != 2 {
		t.Errorf("there are %d issues, want one of each", n)
	}
}

func TestAnIssueThatWasDeletedIsFiledAnew(t *testing.T) {
	d := open(t)
	d.publish(delivery("investigating P2"))
	time.Sleep(d.config.Settle)
	d.server.Change(1, func(i *githubtest.Issue) { i.Deleted = true })
	if receipt := d.publish(delivery("investigating P2", "identified P2")); receipt != "#2" {
		t.Errorf("the receipt is %s", receipt)
	}
}

func TestLabelsAreNoReasonToKeepAnIncidentFromPeople(t *testing.T) {
	d := open(t)
	d.server.NoLabels = true
	d.publish(delivery("investigating P2"))
	d.memory.m = map[string]string{}
	d.publish(delivery("investigating P2", "resolved P1"))
	if i := d.only(); i.State != "closed" || len(i.Comments) != 1 || len(i.Labels) > 0 {
		t.Errorf("it is %+v", i)
	}
	if !strings.Contains(d.log.String(), "a label could not be made") {
		t.Errorf("nobody is told:\n%s", d.log)
	}
}

func TestWhatGitHubAnswers(t *testing.T) {
	inAMinute := fmt.Sprint(time.Now().Add(time.Minute).Unix())
	for _, k := range []struct {
		name  string
		fault githubtest.Fault
		want  []string // words
		is    error
		wait  time.Duration // at least, and ten seconds more at most
	}{
		{"bad credentials", githubtest.Fault{Status: 401, Message: "Bad credentials"}, []string{"token", "Issues: read and write"}, nil, 0},
		{"a permission is missing", githubtest.Fault{Status: 403, Message: "Resource not accessible by personal access token"}, []string{"Issues: read and write", "acme/incidents"}, nil, 0},
		{"the primary limit", githubtest.Fault{Status: 403, Message: "API rate limit exceeded for user ID 1.", Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": inAMinute}}, []string{"rate limit"}, nil, 55 * time.Second},
		{"the primary limit, with 429", githubtest.Fault{Status: 429, Message: "API rate limit exceeded", Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": inAMinute}}, nil, nil, 55 * time.Second},
		{"the secondary limit", githubtest.Fault{Status: 403, Message: "You have exceeded a secondary rate limit", Header: map[string]string{"Retry-After": "30"}}, nil, nil, 30 * time.Second},
		{"the secondary limit, without a time", githubtest.Fault{Status: 403, Message: "You have exceeded a secondary rate limit"}, nil, nil, time.Minute},
		{"no such repository", githubtest.Fault{Status: 404, Message: "Not Found"}, []string{"there is no repository acme/incidents", "may not see it"}, nil, 0},
		{"issues are off", githubtest.Fault{Status: 410, Message: "Issues are disabled for this repo"}, []string{"switch them on"}, publisher.ErrGone, 0},
		{"validation", githubtest.Fault{Status: 422, Message: "Validation Failed"}, []string{"Validation Failed"}, publisher.ErrPermanent, 0},
		{"a bad gateway", githubtest.Fault{Status: 502, Message: "Server Error"}, []string{"502"}, nil, 0},
		{"unavailable", githubtest.Fault{Status: 503, Message: "Service unavailable"}, []string{"503"}, nil, 0},
		{"a redirect to another host", githubtest.Fault{Status: 307, Header: map[string]string{"Location": "https://evil.example/x"}}, []string{"evil.example", "not followed"}, nil, 0},
		{"a redirect to nowhere", githubtest.Fault{Status: 301}, []string{"nowhere"}, nil, 0},
		{"a redirect without end", githubtest.Fault{Status: 301, Header: map[string]string{"Location": "/x"}}, []string{"redirected"}, nil, 0},
		{"a list that is none", githubtest.Fault{Status: 200, Message: "hello"}, []string{"read GitHub's answer"}, nil, 0},
	} {
		t.Run(k.name, func(t *testing.T) {
			d := open(t)
			d.server.Fault = func(*http.Request) githubtest.Fault { return k.fault }
			err := d.fails(delivery("investigating P2"))
			for _, w := range k.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the error does not say %q: %v", w, err)
				}
			}
			if k.is != nil && !errors.Is(err, k.is) || k.is == nil && errors.Is(err, publisher.ErrPermanent) {
				t.Errorf("it is %v", err)
			}
			later, ok := errors.AsType[*publisher.RetryAfter](err)
			if ok != (k.wait > 0) || ok && (later.Wait < k.wait || later.Wait > k.wait+10*time.Second) {
				t.Errorf("it is tried again after %+v, want %v", later, k.wait)
			}
			d.server.Fault = nil
			d.publish(delivery("investigating P2"))
			d.only()
		})
	}
}

// A failure in the midst of an update is mended by the next attempt.
func TestEachCallCanFail(t *testing.T) {
	d := open(t)
	d.publish(delivery("investigating P2"))
	for _, status := range []int{403, 500} {
		for fail := 1; ; fail++ {
			d := open(t)
			d.publish(delivery("investigating P2"))
			asked := 0
			d.server.Fault = func(*http.Request) githubtest.Fault {
				if asked++; asked == fail {
					return githubtest.Fault{Status: status, Message: "no", Header: map[string]string{"Retry-After": "0"}}
				}
				return githubtest.Fault{}
			}
			x := delivery("investigating P2", "resolved P1")
			_, err := d.ch.Publish(t.Context(), x)
			done := asked < fail
			if done && err != nil {
				t.Fatal(err)
			}
			if err != nil {
				time.Sleep(d.config.Settle)
				d.publish(x)
			}
			i := d.only()
			slices.Sort(i.Labels)
			if i.State != "closed" || len(i.Comments) != 1 || !slices.Equal(i.Labels, []string{"component:api", "incident", "ops", "severity:P1"}) {
				t.Errorf("call %d fails with %d: %+v", fail, status, i)
			}
			if done {
				break
			}
		}
	}
}

func TestARenamedRepositoryIsFollowed(t *testing.T) {
	d := open(t, func(c *Config) { c.Channel.Tracker = &rules.Tracker{Repository: "acme/old"} })
	d.server.Fault = func(r *http.Request) githubtest.Fault {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/repos/acme/old/"); ok {
			status := 301
			if r.Method != http.MethodGet {
				status = 307
			}
			return githubtest.Fault{Status: status, Header: map[string]string{"Location": "/repos/" + githubtest.Repository + "/" + rest + "?" + r.URL.RawQuery}}
		}
		return githubtest.Fault{}
	}
	d.publish(delivery("investigating P2"))
	d.publish(delivery("investigating P2", "resolved P2"))
	if i := d.only(); i.State != "closed" || len(i.Comments) != 1 {
		t.Errorf("it is %+v", i)
	}
}

func TestACallToPeopleHasNoPlaceInATracker(t *testing.T) {
	d := open(t)
	err := d.fails(publisher.Delivery{Channel: "tracker", Key: "INC-2026-0001/notice/1", Notice: &templates.Notice{ID: "INC-2026-0001"}})
	if !errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), "reach") {
		t.Errorf("it is %v", err)
	}
	if err := d.fails(publisher.Delivery{Channel: "tracker"}); !errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("of nothing it is %v", err)
	}
	if n := len(d.server.Requests()); n > 0 {
		t.Errorf("GitHub was asked %d times", n)
	}
}

func TestLongWordsFit(t *testing.T) {
	d := open(t)
	inc := incidentOf("INC-2026-0001", "investigating P2", "identified P2")
	inc.Updates[0].Text = strings.Repeat(strings.Repeat("#", 200)+"\n", 150)
	inc.Updates[1].Text = inc.Updates[0].Text
	inc.Updates[0].Symptom, inc.Component.ID = strings.Repeat("é", 400), strings.Repeat("c,", 60)
	d.publish(of(inc, 1))
	d.publish(of(inc, 2))
	i := d.only()
	for _, body := range []string{i.Body, i.Comments[0].Body} {
		if n := len([]rune(body)); n > mostBody || n < mostBody-1000 || !strings.HasSuffix(body, "-->") {
			t.Errorf("a body has %d characters and ends in %q", n, body[len(body)-80:])
		}
	}
	if receipt := d.publish(of(inc, 2)); receipt != "#1, found" {
		t.Errorf("it is not found again: %s", receipt)
	}
}

func TestTheTokenIsReadAnew(t *testing.T) {
	d := open(t)
	write := func(s string) {
		if err := os.WriteFile(d.config.Channel.TokenFile, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("github_pat_other")
	if err := d.fails(delivery("investigating P2")); !strings.Contains(err.Error(), "401") {
		t.Errorf("it is %v", err)
	}
	write(githubtest.Token)
	d.publish(delivery("investigating P2"))
	write("") // just being replaced
	d.publish(delivery("investigating P2", "resolved P2"))
}

func TestMistakesShowAtTheStart(t *testing.T) {
	d := open(t)
	for name, k := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no repository":         {func(c *Config) { c.Channel.Tracker = nil }, "owner/name"},
		"an address":            {func(c *Config) { c.Channel.Tracker = &rules.Tracker{Repository: "https://github.com/acme/incidents"} }, "owner/name"},
		"no token":              {func(c *Config) { c.Channel.TokenFile = "" }, "Issues: read and write"},
		"no such file":          {func(c *Config) { c.Channel.TokenFile += ".x" }, "Issues: read and write"},
		"another file":          {func(c *Config) { c.Channel.TokenFile = "tracker.go" }, "more than a token"},
		"an address in clear":   {func(c *Config) { c.Channel.URL = "http://github.example.com/api/v3" }, "https://github.example.com"},
		"no address":            {func(c *Config) { c.Channel.URL = "github" }, "no host"},
		"a user in the address": {func(c *Config) { c.Channel.URL = "https://me@github.example.com" }, "without a user"},
	} {
		c := d.config
		k.change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %v, want %q", name, err, k.want)
		}
	}
	c := d.config
	c.Channel.URL = ""
	ch, err := New(c)
	if err != nil || ch.hub.(*gitHub).at("issues").String() != "https://api.github.com/repos/acme/incidents/issues" {
		t.Errorf("by default: %v", err)
	}
	if m := ch.Manner(); m.Lanes != 1 || !m.Ordered || m.Guarantee != publisher.ReadBack || ch.Name() != "tracker" {
		t.Errorf("its manner is %+v", m)
	}
}

// A target that answers half is as one that does not answer.
func TestATargetThatIsDown(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "[")
		},
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			d := open(t, func(c *Config) { c.Channel.URL = server.URL })
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := d.ch.Publish(ctx, delivery("investigating P2")); err == nil || errors.Is(err, publisher.ErrPermanent) {
				t.Errorf("it is %v", err)
			}
		})
	}
}

func TestLinkHeaders(t *testing.T) {
	g, err := newGitHub("https://github.example.com/api/v3", "a/b", "f", func() string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"": "",
		`<https://github.example.com/api/v3/x?page=2>; rel="next", <https://github.example.com/y>; rel="last"`: "https://github.example.com/api/v3/x?page=2",
		`<https://github.example.com/x?page=1>; rel="prev"`:                                                    "",
		`rel="next"`:                          "",
		`<https://evil.example/>; rel="next"`: "error",
	} {
		got := ""
		u, err := g.next(g.at("issues"), header)
		if err != nil {
			got = "error"
		} else if u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%s gives %q, want %q", header, got, want)
		}
	}
}
