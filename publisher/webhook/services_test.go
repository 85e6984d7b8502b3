package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// The services below answer as their documentation says, as far as it matters to
// who posts: they check what they are sent, they keep the state that they would
// show to people, and they refuse in their own words. limited lets them refuse
// the next requests with 429.
type service struct {
	t       *testing.T
	mu      sync.Mutex
	limited int
	alerts  map[string]string // PagerDuty's and Opsgenie's: state by key
	rang    int               // how often somebody was called
	shown   []string          // ntfy's and Teams': what people read
}

func (s *service) serve(h func(w http.ResponseWriter, r *http.Request, body []byte)) string {
	s.alerts = map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.t.Error(err)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		h(w, r, body)
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// throttled reports whether the request is to be refused for coming too soon.
func (s *service) throttled() bool {
	s.limited--
	return s.limited >= 0
}

func (s *service) act(key, action string) {
	switch {
	case action == "trigger" && s.alerts[key] == "triggered", action == "trigger" && s.alerts[key] == "acknowledged":
		// Put to the alert that there is: nobody is called anew.
	case action == "trigger":
		s.alerts[key] = "triggered"
		s.rang++
	case s.alerts[key] == "" || s.alerts[key] == "resolved":
		// Dropped.
	case action == "acknowledge":
		s.alerts[key] = "acknowledged"
	case action == "resolve":
		s.alerts[key] = "resolved"
	}
}

// pagerDuty is the Events API v2 (PagerDuty's developer documentation, "Send an
// Alert Event" and "Events API v2 Overview").
func pagerDuty(t *testing.T) (*service, string) {
	s := &service{t: t}
	return s, s.serve(func(w http.ResponseWriter, r *http.Request, body []byte) {
		invalid := func(why string) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"status":"invalid event","message":"Event object is invalid","errors":[%q]}`, why)
		}
		var e struct {
			RoutingKey  string `json:"routing_key"`
			EventAction string `json:"event_action"`
			DedupKey    string `json:"dedup_key"`
			Payload     *struct{ Summary, Source, Severity string }
		}
		err := json.Unmarshal(body, &e)
		switch {
		case r.URL.Path != "/v2/enqueue":
			w.WriteHeader(http.StatusNotFound)
		case s.throttled():
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"status":"throttle exceeded","message":"Requests for this service are arriving too quickly.  Please retry later."}`)
		case err != nil:
			invalid("JSON")
		case len(e.RoutingKey) != 32:
			invalid(fmt.Sprintf("'routing_key' %s is invalid", e.RoutingKey))
		case len(e.DedupKey) > 255:
			invalid("'dedup_key' exceeds 255 characters")
		case !slices.Contains([]string{"trigger", "acknowledge", "resolve"}, e.EventAction):
			invalid("'event_action' is missing or invalid")
		case e.EventAction == "trigger" && (e.Payload == nil || e.Payload.Summary == "" || e.Payload.Source == "" ||
			utf8.RuneCountInString(e.Payload.Summary) > 1024 || !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity)):
			invalid("'payload' is missing or invalid")
		default:
			s.act(e.DedupKey, e.EventAction)
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `{"status":"success","message":"Event processed","dedup_key":%q}`, e.DedupKey)
		}
	})
}

// opsgenie is the Alert API (Opsgenie's documentation, "Alert API", "Response"
// and "API Rate Limiting"). What it accepts it carries out later, and says
// nothing of.
func opsgenie(t *testing.T) (*service, string) {
	s := &service{t: t}
	path := regexp.MustCompile(`^/v2/alerts(?:/([^/]+)/(acknowledge|close))?$`)
	return s, s.serve(func(w http.ResponseWriter, r *http.Request, body []byte) {
		var a struct{ Message, Alias, Description, Priority, Note string }
		at := path.FindStringSubmatch(r.URL.Path)
		err := json.Unmarshal(body, &a)
		answer := func(status int, say string) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{%s,"took":0.004,"requestId":"9ae63dd7-ed00-4c81-86f0-c4ffd33142c9"}`, say)
		}
		switch {
		case at == nil:
			w.WriteHeader(http.StatusNotFound)
		case s.throttled():
			w.Header().Set("X-RateLimit-State", "THROTTLED")
			w.Header().Set("X-RateLimit-Reason", "INTEGRATION")
			w.Header().Set("X-RateLimit-Period-In-Sec", "60")
			answer(http.StatusTooManyRequests, `"message":"You are making too many requests!"`)
		case r.Header.Get("Authorization") != "GenieKey "+routingKey:
			answer(http.StatusUnauthorized, `"message":"Could not authenticate"`)
		case err != nil:
			answer(http.StatusBadRequest, `"message":"Could not parse request body"`)
		case at[1] == "" && (a.Message == "" || utf8.RuneCountInString(a.Message) > 130 || len(a.Description) > 15_000 || len(a.Alias) > 512):
			answer(http.StatusUnprocessableEntity, `"message":"Request body is not processable. Please check the errors.","errors":{"message":"Message can not be empty."}`)
		case at[1] != "" && r.URL.Query().Get("identifierType") != "alias":
			answer(http.StatusUnprocessableEntity, `"message":"Identifier should be a valid id"`)
		default:
			key, action := at[1], map[string]string{"": "trigger", "acknowledge": "acknowledge", "close": "resolve"}[at[2]]
			if key == "" {
				key = a.Alias
			}
			s.act(key, action)
			answer(http.StatusAccepted, `"result":"Request will be processed"`)
		}
	})
}

// ntfy is a server of that name (its documentation, "Publish as JSON" and
// "Limitations", and the errors of its source).
func ntfy(t *testing.T) (*service, string) {
	s := &service{t: t}
	return s, s.serve(func(w http.ResponseWriter, r *http.Request, body []byte) {
		refuse := func(status, code int, why string) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"code":%d,"http":%d,"error":%q,"link":"https://ntfy.sh/docs/publish/#limitations"}`, code, status, why)
		}
		var m struct {
			Topic, Title, Message string
			Priority              int
			Actions               []any
		}
		err := json.Unmarshal(body, &m)
		switch {
		case s.throttled():
			refuse(http.StatusTooManyRequests, 42901, "limit reached: too many requests, please be nice")
		case r.Header.Get("Authorization") != "Bearer "+routingKey:
			refuse(http.StatusForbidden, 40301, "forbidden")
		case r.URL.Path != "/":
			s.shown = append(s.shown, string(body)) // posted to a topic, it would be shown as it is
			w.WriteHeader(http.StatusOK)
		case len(body) > 2*4096*2:
			refuse(http.StatusRequestEntityTooLarge, 41303, "JSON body too large")
		case err != nil || m.Topic == "":
			refuse(http.StatusBadRequest, 40017, "invalid request: request body must be message JSON")
		case !topics.MatchString(m.Topic):
			refuse(http.StatusBadRequest, 40009, "invalid request: topic invalid")
		case m.Priority < 0 || m.Priority > 5:
			refuse(http.StatusBadRequest, 40007, "invalid priority parameter")
		case len(m.Actions) > 3:
			refuse(http.StatusBadRequest, 40018, "invalid request: actions invalid")
		default:
			s.shown = append(s.shown, m.Title)
			fmt.Fprintf(w, `{"id":"sPs71M8A2T","time":1643935928,"event":"message","topic":%q}`, m.Topic)
		}
	})
}

// teams is the workflow "Post to a channel when a webhook request is received"
// (Microsoft's documentation of workflows in Teams and of the Teams connector's
// limits).
func teams(t *testing.T) (*service, string) {
	s := &service{t: t}
	return s, s.serve(func(w http.ResponseWriter, r *http.Request, body []byte) {
		var m struct {
			Type        string
			Attachments []struct {
				ContentType string
				Content     struct{ Type, Version, FallbackText string }
			}
		}
		err := json.Unmarshal(body, &m)
		switch {
		case r.URL.Query().Get("sig") != "s3cret":
			w.WriteHeader(http.StatusUnauthorized)
		case s.throttled():
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"error":{"code":"WorkflowTriggerRequestsThrottled","message":"too many requests"}}`)
		case len(body) > 28<<10:
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case err != nil || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" || m.Attachments[0].Content.Type != "AdaptiveCard":
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":{"code":"TriggerInputSchemaMismatch","message":"the input does not match the schema"}}`)
		default:
			s.shown = append(s.shown, m.Attachments[0].Content.FallbackText)
			w.WriteHeader(http.StatusAccepted)
		}
	})
}

func TestAPagerIsCalledOnceAndCalledOff(t *testing.T) {
	for name, start := range map[string]func(*testing.T) (*service, string){"pagerduty": pagerDuty, "opsgenie": opsgenie} {
		t.Run(name, func(t *testing.T) {
			s, base := start(t)
			c := openAs(t, name, base)
			all := told()
			late, overdue := notice(), notice()
			late.Notice.Acked = "Ann Lee"
			overdue.Notice.State = "resolved"
			back := all["first update"]
			for _, step := range []struct {
				what  string
				d     publisher.Delivery
				state string
				rang  int
			}{
				{"a call", all["paged"], "triggered", 1},
				{"the same again, after a crash", all["paged"], "triggered", 1},
				{"the update that says so", all["first update"], "triggered", 1},
				{"an escalation", all["escalated"], "triggered", 1},
				{"somebody is on it", all["acknowledged"], "acknowledged", 1},
				{"a call that was held up meanwhile", late, "acknowledged", 1},
				{"an update between", all["middle"], "acknowledged", 1},
				{"it is over", all["over"], "resolved", 1},
				{"the update that says so, too", all["resolved"], "resolved", 1},
				{"a call that was held up until then", overdue, "resolved", 1},
				{"an acknowledgement that was held up", all["acknowledged"], "resolved", 1},
				{"it is back", back, "triggered", 2},
			} {
				if _, err := c.Publish(t.Context(), step.d); err != nil && !errors.Is(err, publisher.ErrMoot) {
					t.Fatalf("%s: %v", step.what, err)
				}
				if got := s.alerts["INC-2026-0001"]; got != step.state || s.rang != step.rang {
					t.Errorf("after %s it is %q and rang %d times, want %q and %d", step.what, got, s.rang, step.state, step.rang)
				}
			}
		})
	}
}

func TestPeopleReadEverythingInNtfyAndTeams(t *testing.T) {
	for name, start := range map[string]func(*testing.T) (*service, string){"ntfy": ntfy, "teams": teams} {
		t.Run(name, func(t *testing.T) {
			s, base := start(t)
			c := openAs(t, name, base)
			for _, what := range []string{"paged", "first update", "acknowledged", "middle", "resolved", "over", "private"} {
				if _, err := c.Publish(t.Context(), told()[what]); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
			if len(s.shown) != 7 || !strings.HasPrefix(s.shown[0], "P1 Management API in Europe:") || s.shown[1] != "P1 Investigating: Elevated errors on the management API" ||
				s.shown[6] != "P1 private incident: see the console" {
				t.Errorf("people read\n%s", strings.Join(s.shown, "\n"))
			}
		})
	}
}

func TestWhatAServiceRefuses(t *testing.T) {
	tests := []struct {
		format string
		start  func(*testing.T) (*service, string)
		wait   time.Duration // after 429
	}{
		{"pagerduty", pagerDuty, 2 * time.Minute}, // it does not say when
		{"opsgenie", opsgenie, time.Minute},       // it says so in a header of its own
		{"ntfy", ntfy, 10 * time.Second},          // it does not say when
		{"teams", teams, 17 * time.Second},        // it says Retry-After
	}
	broken := fstest.MapFS{}
	for _, tt := range tests {
		broken[tt.format+".json"] = &fstest.MapFile{Data: []byte(`{"message": "", "routing_key": {{json .Token}}}`)}
	}
	wrong, err := templates.Load(broken)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.format+", too many", func(t *testing.T) {
			s, base := tt.start(t)
			s.limited = 1
			c := openAs(t, tt.format, base)
			_, err := c.Publish(t.Context(), notice())
			later, ok := errors.AsType[*publisher.RetryAfter](err)
			if !ok || later.Wait != tt.wait || errors.Is(err, publisher.ErrPermanent) {
				t.Fatalf("got %v, %+v", err, later)
			}
			if _, err := c.Publish(t.Context(), notice()); err != nil {
				t.Errorf("then: %v", err)
			}
		})
		t.Run(tt.format+", not a message", func(t *testing.T) {
			_, base := tt.start(t)
			c := openAs(t, tt.format, base)
			c.Templates = wrong
			_, err := c.Publish(t.Context(), notice())
			if !errors.Is(err, publisher.ErrPermanent) || errors.Is(err, publisher.ErrGone) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), routingKey) {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
	for _, status := range []int{401, 403, 404, 408, 500} {
		server, _ := listener(t, status)
		for _, format := range []string{"pagerduty", "opsgenie", "ntfy", "teams", "generic"} {
			_, err := openAs(t, format, server.URL).Publish(t.Context(), notice())
			if err == nil || errors.Is(err, publisher.ErrPermanent) {
				t.Errorf("%s, %d: got %v", format, status, err)
			}
		}
	}
}

// A service that repeats what it was sent must not bring the token into the log
// or onto the console.
func TestATokenIsNotToldOn(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "bad: %s %s", r.Header.Get("Authorization"), body[:min(len(body), 100)])
	}))
	defer echo.Close()
	for _, format := range []string{"pagerduty", "opsgenie", "ntfy", "generic"} {
		_, err := openAs(t, format, echo.URL).Publish(t.Context(), notice())
		if err == nil || strings.Contains(err.Error(), routingKey) || !strings.Contains(err.Error(), "bad:") {
			t.Errorf("%s: got %v", format, err)
		}
	}
}

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	var sent int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		for range 1000 {
			n, err := w.Write(bytes.Repeat([]byte("x"), 64<<10))
			if sent += n; err != nil {
				return
			}
		}
	}))
	defer server.Close()
	_, err := openAs(t, "generic", server.URL).Publish(t.Context(), notice())
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
	server.Close()
	if sent > 32<<20 {
		t.Errorf("%d bytes were taken", sent)
	}
}

func TestATokenChangesWhileItRuns(t *testing.T) {
	server, got := listener(t, http.StatusOK)
	c := openAs(t, "generic", server.URL)
	for _, token := range []string{"first", "second", "", "not\nthis"} {
		rewrite(t, c.TokenFile, token)
		if _, err := c.Publish(t.Context(), notice()); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"first", "second", "second", "second"} {
		if h := (*got)[i].header.Get("Authorization"); h != "Bearer "+want {
			t.Errorf("message %d: %q", i, h)
		}
	}
}
