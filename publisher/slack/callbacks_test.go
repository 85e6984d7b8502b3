package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// desk writes down what it is asked for. cmd/tocsin has the test with a real one.
type desk struct {
	mu    sync.Mutex
	acted []incident.Action
	gives func(incident.Action) error
	slow  time.Duration
}

func (d *desk) Act(_ context.Context, a incident.Action) (incident.Done, error) {
	time.Sleep(d.slow)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acted = append(d.acted, a)
	if d.gives != nil {
		if err := d.gives(a); err != nil {
			return incident.Done{}, err
		}
	}
	return incident.Done{Incident: a.Incident}, nil
}

func (d *desk) all() []incident.Action {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.acted)
}

// booth is a stage with somebody to press buttons.
type booth struct {
	*stage
	desk    *desk
	back    *Callbacks
	front   *httptest.Server
	refused []incident.AuditEntry
	room    string
	at      time.Time // when the incident was found
	call    slacktest.Message
}

func newBooth(t *testing.T) *booth {
	t.Helper()
	b := &booth{stage: newStage(t), desk: &desk{}, at: begun()}
	c := b.channel()
	b.publish(c, called(b.at, 1, "P1", b.config.People[0]))
	b.call = b.one(room, "call")
	r, _ := b.Channel(room)
	b.room = r.ID
	b.back = &Callbacks{
		Channel: func(name string) *Channel {
			if name == c.Name() {
				return c
			}
			return nil
		},
		Desk: b.desk, Logger: b.log,
		Person: func(member string) (rules.Person, bool) {
			for _, p := range b.config.People {
				if p.Slack == member {
					return p, true
				}
			}
			return rules.Person{}, false
		},
		Refused: func(_ context.Context, e incident.AuditEntry) { b.refused = append(b.refused, e) },
	}
	mux := http.NewServeMux()
	mux.Handle("POST /slack/{channel}/interactions", b.back)
	b.front = httptest.NewServer(mux)
	t.Cleanup(b.front.Close)
	return b
}

// post sends a request as Slack does.
func (b *booth) post(body string, head http.Header) (status int, answer string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.front.URL+"/slack/team/interactions", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header = head
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(all)
}

func (b *booth) send(body string) (status int, answer string) {
	b.t.Helper()
	defer b.back.work.Wait()
	return b.post(body, slacktest.Sign(b.Secret, time.Now(), body))
}

// press presses a button, and waits until all that follows is done.
func (b *booth) press(user, action string) {
	b.t.Helper()
	if status, answer := b.send(b.Press(user, b.room, b.call.TS, action, "INC-2026-0001")); status != http.StatusOK || answer != "" {
		b.t.Errorf("%s is answered with %d %q", action, status, answer)
	}
}

// fill opens a form and sends it, and gives what stands below its fields then.
func (b *booth) fill(user, action string, values map[string]any) map[string]string {
	b.t.Helper()
	before := len(b.Views())
	b.press(user, action)
	views := b.Views()
	if len(views) != before+1 {
		b.t.Fatalf("%s opened no form; told: %v", action, b.Ephemerals())
	}
	status, answer := b.send(b.Submit(user, views[before], values))
	if status != http.StatusOK {
		b.t.Fatalf("the form is answered with %d %s", status, answer)
	}
	if answer == "" {
		return nil
	}
	var out struct {
		Action string `json:"response_action"`
		Errors map[string]string
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil || out.Action != "errors" {
		b.t.Fatalf("%v: %s", err, answer)
	}
	for field := range out.Errors {
		if !strings.Contains(string(views[before].JSON), `"block_id":"`+field+`"`) {
			b.t.Errorf("an error stands below %q, which is no field of the form", field)
		}
	}
	return out.Errors
}

// told gives what was last said to somebody alone.
func (b *booth) told(user string) string {
	all := b.Ephemerals()
	if len(all) == 0 || all[len(all)-1].User != user {
		return ""
	}
	return all[len(all)-1].Text
}

func TestAButtonActsInThePersonsName(t *testing.T) {
	b := newBooth(t)
	b.press("U0ANN", pressAck)
	want := incident.Action{Do: incident.Acknowledge, By: incident.Person("ann"), Via: "slack", Role: "responder", From: "U0ANN", Incident: "INC-2026-0001"}
	if got := b.desk.all(); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("asked for %+v, want %+v", got, want)
	}
	if got := b.told("U0ANN"); got != "You acknowledged INC-2026-0001." {
		t.Errorf("told %q", got)
	}
	b.lookAt()
}

func TestTheSummaryShowsWhatAButtonDid(t *testing.T) {
	b := newBooth(t)
	acked := ""
	b.now = func(id string) (publisher.Standing, bool) {
		return publisher.Standing{Notice: templates.Notice{
			ID: id, State: "investigating", Severity: "P1", Acked: acked, Detected: b.at,
		}}, true
	}
	b.back.Channel("team").around.Now = b.now
	acked = "Ann Lee"
	b.press("U0ANN", pressAck)
	if summary := b.one(room, "summary"); !strings.Contains(string(summary.Blocks), "Acknowledged by*\\nAnn Lee") || strings.Contains(string(summary.Blocks), pressAck) {
		t.Errorf("the summary: %s", summary.Blocks)
	}
	b.lookAt()
}

func TestWhoIsNotKnownDoesNothing(t *testing.T) {
	b := newBooth(t)
	b.AddUser("U0STRANGER", "")
	for _, press := range []string{pressAck, pressSay, pressApprove, pressSeverity, pressResolve} {
		b.press("U0STRANGER", press)
	}
	if got := b.desk.all(); len(got) != 0 {
		t.Errorf("the desk was asked for %v", got)
	}
	if n := len(b.Views()); n != 0 {
		t.Errorf("%d forms were opened", n)
	}
	if len(b.refused) != 5 || b.refused[0].From != "U0STRANGER" || b.refused[0].Via != "slack" || b.refused[0].Incident != "INC-2026-0001" {
		t.Errorf("written down: %+v", b.refused)
	}
	// In the channel they are told, if Slack shows them anything there.
	b.press("U0BO", pressSay)
	status, answer := b.send(b.Submit("U0STRANGER", b.Views()[0], map[string]any{fieldWords: "all is lost"}))
	if status != http.StatusOK || !strings.Contains(answer, "writes `slack: U0STRANGER` under one of its people") || len(b.desk.all()) != 0 {
		t.Errorf("a form that somebody else sends: %d %s, %v", status, answer, b.desk.all())
	}
	// One who is called for one thing and is none of ours.
	b.config.People[0].Slack = ""
	b.press("U0ANN", pressAck)
	if got := b.told("U0ANN"); !strings.Contains(got, "Tocsin does not know who U0ANN is") {
		t.Errorf("told %q", got)
	}
}

func TestForms(t *testing.T) {
	why := strings.Repeat("w", 100)
	for name, test := range map[string]struct {
		press  string
		values map[string]any
		want   []incident.Action
		wrong  string // the field below which something stands
		told   string
	}{
		"words for customers": {
			pressSay,
			map[string]any{fieldWords: " We found it. "},
			[]incident.Action{{Do: incident.Say, Text: "We found it."}},
			"", "Customers are told about INC-2026-0001.",
		},
		"a note alone": {pressSay, map[string]any{fieldNote: "disk full"}, []incident.Action{{Do: incident.Write, Text: "disk full"}}, "", "The note about INC-2026-0001 is kept."},
		"words and a note, the words first": {
			pressSay,
			map[string]any{fieldWords: "We found it.", fieldNote: "disk full"},
			[]incident.Action{{Do: incident.Say, Text: "We found it."}, {Do: incident.Write, Text: "disk full"}},
			"", "The note about INC-2026-0001 is kept.",
		},
		"nothing said":              {pressSay, map[string]any{}, nil, fieldWords, ""},
		"a severity":                {pressSeverity, map[string]any{fieldSeverity: "P0", fieldWhy: why}, []incident.Action{{Do: incident.SetSeverity, Severity: rules.P0, Why: why}}, "", "The severity of INC-2026-0001 is set."},
		"a severity without reason": {pressSeverity, map[string]any{fieldSeverity: "P0", fieldWhy: " "}, nil, fieldWhy, ""},
		"no severity":               {pressSeverity, map[string]any{fieldWhy: why}, nil, fieldSeverity, ""},
		"over":                      {pressResolve, map[string]any{fieldWords: "It is over."}, []incident.Action{{Do: incident.Resolve, Text: "It is over."}}, "", "INC-2026-0001 is resolved."},
		"over, all the same":        {pressResolve, map[string]any{fieldForce: []string{"force"}, fieldWhy: why}, []incident.Action{{Do: incident.Resolve, Force: true, Why: why}}, "", "INC-2026-0001 is resolved."},
		"forced without a reason":   {pressResolve, map[string]any{fieldForce: []string{"force"}}, nil, fieldWhy, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBooth(t)
			wrong := b.fill("U0BO", test.press, test.values)
			if (test.wrong == "") != (wrong == nil) || test.wrong != "" && wrong[test.wrong] == "" {
				t.Errorf("below the fields stands %v, want something below %q", wrong, test.wrong)
			}
			for i := range test.want {
				w := &test.want[i]
				w.By, w.Via, w.Role, w.From, w.Incident = incident.Person("bo"), "slack", "responder", "U0BO", "INC-2026-0001"
			}
			if got := b.desk.all(); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", test.want) {
				t.Errorf("asked for %+v\nwant %+v", got, test.want)
			}
			if got := b.told("U0BO"); got != test.told {
				t.Errorf("told %q, want %q", got, test.told)
			}
		})
	}
}

func TestARefusalStandsInTheForm(t *testing.T) {
	b := newBooth(t)
	b.desk.gives = func(incident.Action) error {
		return &incident.Refusal{Kind: incident.Unfinished, Reason: "Europe is still bad <b>."}
	}
	wrong := b.fill("U0ANN", pressResolve, map[string]any{})
	if got := wrong[fieldForce]; !strings.Contains(got, "Not all is well yet: Europe is still bad") || !strings.Contains(got, "tick the box and say why") {
		t.Errorf("it says %v", wrong)
	}
	b.desk.gives = func(incident.Action) error {
		return &incident.Refusal{Kind: incident.NotNow, Reason: "INC-2026-0001 is resolved <!channel>"}
	}
	b.press("U0ANN", pressAck)
	if got := b.told("U0ANN"); got != "Refused: INC-2026-0001 is resolved &lt;!channel&gt;" {
		t.Errorf("told %q", got)
	}
	// The second of two deeds: the first is done, and must not be done again.
	b.desk.gives = func(a incident.Action) error {
		if a.Do == incident.Write {
			return errors.New("disk full")
		}
		return nil
	}
	if wrong := b.fill("U0ANN", pressSay, map[string]any{fieldWords: "We found it.", fieldNote: "x"}); wrong != nil {
		t.Errorf("the form stays open: %v", wrong)
	}
	if got := b.told("U0ANN"); !strings.HasPrefix(got, "Customers are told about INC-2026-0001. But not the rest: It was not done") {
		t.Errorf("told %q", got)
	}
	b.lookAt()
}

func TestWhatTakesLongerThanSlackWaitsIsToldAfterwards(t *testing.T) {
	b := newBooth(t)
	b.press("U0ANN", pressResolve)
	b.desk.slow = answerBy + 300*time.Millisecond
	b.desk.gives = func(incident.Action) error { return &incident.Refusal{Reason: "too late"} }
	began := time.Now()
	body := b.Submit("U0ANN", b.Views()[0], map[string]any{})
	status, answer := b.post(body, slacktest.Sign(b.Secret, time.Now(), body))
	if took := time.Since(began); status != http.StatusOK || answer != "" || took > 3*time.Second {
		t.Errorf("%d %q after %v", status, answer, took)
	}
	b.back.work.Wait()
	if got := b.told("U0ANN"); got != "Refused: too late" {
		t.Errorf("told %q", got)
	}
}

// What comes of a form in the very moment in which Slack is answered without it is
// told one way or the other.
func TestWhatComesAtTheLastMomentIsTold(t *testing.T) {
	s := newStage(t)
	refusal := func(incident.Action) error { return &incident.Refusal{Reason: "no"} }
	synctest.Test(t, func(t *testing.T) {
		c := s.channel()
		var told atomic.Int32
		c.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			told.Add(1)
			return &http.Response{
				StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"ok":true}`)),
			}, nil
		})
		h := &Callbacks{
			Channel: func(string) *Channel { return c }, Desk: &desk{slow: answerBy, gives: refusal}, Logger: s.log,
			Person: func(string) (rules.Person, bool) { return rules.Person{ID: "ann"}, true },
		}
		for n := range 200 {
			body := "payload=" + url.QueryEscape(fmt.Sprintf(`{"type":"view_submission","trigger_id":"%d","user":{"id":"U0ANN"},
				"view":{"callback_id":%q,"private_metadata":"{\"incident\":\"INC-2026-0001\",\"channel\":\"C0ROOM\"}"}}`, n, pressResolve))
			r := httptest.NewRequest("POST", "/", strings.NewReader(body))
			r.Header = slacktest.Sign(s.Secret, time.Now(), body)
			w := httptest.NewRecorder()
			before := told.Load()
			h.ServeHTTP(w, r)
			h.work.Wait()
			if inForm := strings.Contains(w.Body.String(), "Refused: no"); w.Code != http.StatusOK || inForm == (told.Load() > before) {
				t.Fatalf("form %d: answered with %d %q, and told %d times besides", n, w.Code, w.Body, told.Load()-before)
			}
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOnlySlackIsBelieved(t *testing.T) {
	b := newBooth(t)
	now := time.Now()
	body := func() string { return b.Press("U0ANN", b.room, b.call.TS, pressAck, "INC-2026-0001") }
	one := body()
	good := slacktest.Sign(b.Secret, now, one)
	with := func(h http.Header, name, value string) http.Header {
		h = h.Clone()
		h.Set(name, value)
		return h
	}
	for name, test := range map[string]struct {
		body string
		head http.Header
		want int
	}{
		"no signature":             {one, http.Header{}, 401},
		"another secret":           {one, slacktest.Sign("another secret", now, one), 401},
		"another body":             {body(), good, 401},
		"a byte more":              {one + "&", good, 401},
		"signed six minutes ago":   {one, slacktest.Sign(b.Secret, now.Add(-6*time.Minute), one), 401},
		"signed in six minutes":    {one, slacktest.Sign(b.Secret, now.Add(6*time.Minute), one), 401},
		"another time than signed": {one, with(good, "X-Slack-Request-Timestamp", fmt.Sprint(now.Unix()+1)), 401},
		"a time that is none":      {one, with(good, "X-Slack-Request-Timestamp", "now"), 401},
		"another version":          {one, with(good, "X-Slack-Signature", strings.Replace(good.Get("X-Slack-Signature"), "v0=", "v1=", 1)), 401},
		"half a signature":         {one, with(good, "X-Slack-Signature", good.Get("X-Slack-Signature")[:20]), 401},
		"too large":                {strings.Repeat("a", mostBody+1), slacktest.Sign(b.Secret, now, strings.Repeat("a", mostBody+1)), 413},
		"no payload":               {"a=b", slacktest.Sign(b.Secret, now, "a=b"), 400},
		"a payload that is none":   {"payload=%7B", slacktest.Sign(b.Secret, now, "payload=%7B"), 400},
	} {
		if status, answer := b.post(test.body, test.head); status != test.want {
			t.Errorf("%s: %d %s, want %d", name, status, answer, test.want)
		}
	}
	b.back.work.Wait()
	if got := b.desk.all(); len(got) != 0 {
		t.Fatalf("the desk was asked for %v", got)
	}
	if status, _ := b.send(one); status != http.StatusOK {
		t.Fatalf("the right one: %d", status)
	}
	if status, answer := b.post(one, good); status != 401 || !strings.Contains(answer, "came before") {
		t.Errorf("the same again: %d %s", status, answer)
	}
	if n := len(b.desk.all()); n != 1 {
		t.Errorf("it was done %d times", n)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/slack/other/interactions", strings.NewReader(one))
	r.Header = slacktest.Sign(b.Secret, now, one)
	r.SetPathValue("channel", "other")
	w := httptest.NewRecorder()
	b.back.ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("for a channel that is not there: %d", w.Code)
	}
}

func TestSignaturesAreRememberedAsLongAsTheyWouldBeTaken(t *testing.T) {
	h := &Callbacks{}
	h.setUp()
	at := time.Unix(1_800_000_000, 0)
	h.Now = func() time.Time { return at }
	secrets := []string{"0123456789abcdef"}
	for n := range 100 {
		body := fmt.Sprint(n)
		if err := h.verify(slacktest.Sign(secrets[0], at.Add(window), body), []byte(body), secrets); err != nil {
			t.Fatal(err)
		}
	}
	early := slacktest.Sign(secrets[0], at.Add(window), "0")
	at = at.Add(2 * window)
	if err := h.verify(early, []byte("0"), secrets); err == nil || !strings.Contains(err.Error(), "came before") {
		t.Errorf("at the very end of its time: %v", err)
	}
	at = at.Add(2 * time.Second)
	if err := h.verify(slacktest.Sign(secrets[0], at, "new"), []byte("new"), secrets); err != nil || len(h.seen) != 1 {
		t.Errorf("%v, %d are remembered", err, len(h.seen))
	}
}

// The example of docs.slack.dev/authentication/verifying-requests-from-slack.
func TestTheSignatureIsSlacks(t *testing.T) {
	const body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	h := &Callbacks{}
	h.setUp()
	h.Now = func() time.Time { return time.Unix(1531420618, 0) }
	head := http.Header{
		"X-Slack-Request-Timestamp": {"1531420618"},
		"X-Slack-Signature":         {"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
	}
	if err := h.verify(head, []byte(body), []string{"an old secret, kept", "8f742231b10e8888abcd99yyyzzz85a5"}); err != nil {
		t.Error(err)
	}
}
