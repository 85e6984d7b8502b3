// Package slacktest is a Slack for tests: an HTTP server that behaves as Slack's
// Web API is documented to, for the methods that Tocsin calls.
//
// It follows, as of November 2026, the pages docs.slack.dev/reference/methods/NAME
// for arguments and errors, docs.slack.dev/apis/web-api/rate-limits for HTTP 429
// with Retry-After, docs.slack.dev/reference/block-kit for the limits of blocks,
// docs.slack.dev/messaging/message-metadata for what a message carries unseen, and
// docs.slack.dev/authentication/verifying-requests-from-slack for signatures. Where
// the pages are silent it does what people report of the real one, as said there:
// a bot is no member of an archived channel and cannot open it again, and all
// blocks together have some 13,000 characters.
package slacktest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who we are in the workspace.
const (
	Self = "U0TOCSIN"
	bot  = "B0TOCSIN"
	app  = "A0TOCSIN"
	team = "T0TEAM"
)

// Announcements is the public channel that every new server has, with the bot in
// it.
const Announcements = "C0ANNOUNCE"

// Server is one workspace. Its exported fields are set before the first request.
type Server struct {
	// Cut is called before and after each request is carried out, with a number
	// that runs from 1 and "before" or "after"; true drops the connection without
	// an answer.
	Cut func(n int, stage string) bool

	// Token is the bot's; Secret the app's, for signatures.
	Token, Secret string
	// TokenFile and SecretFile hold them.
	TokenFile, SecretFile string

	// Granted are the scopes that the bot has; nil: all that there are.
	Granted []string
	// Unarchives lets bots open archived channels again, as Slack does not.
	Unarchives bool

	http *httptest.Server

	mu         sync.Mutex
	n          int
	ids        int
	clock      int64
	channels   map[string]*channel
	users      map[string]string // ID → "" or the error that is given of it
	faults     []*Fault
	limits     map[string]limit
	past       map[string][]time.Time
	requests   []Request
	views      []View
	ephemerals []Ephemeral
	triggers   map[string]time.Time
}

// Request is one that came.
type Request struct {
	N      int
	Method string // "chat.postMessage"
	Kind   string // of the channel that it names: "public", "private", "im"; "" if none
	Form   url.Values
	Body   string // of one that is JSON
	Answer string // "ok", an error, or what kept it from being carried out
}

// Message is one in a channel.
type Message struct {
	TS, Thread string // Thread is "" for one that is no reply
	Text       string
	Blocks     json.RawMessage
	Broadcast  bool // it stands in the channel, too
	Edited     int  // how often
	Pinned     bool
	User       string
	EventType  string         // of the metadata
	Payload    map[string]any // likewise
	Form       url.Values     // as it was posted
}

// Key is Tocsin's key in the metadata, and Part what the message is in it.
func (m Message) Key() string  { return fmt.Sprint(m.Payload["key"]) }
func (m Message) Part() string { return fmt.Sprint(m.Payload["part"]) }

// Ephemeral is a message that one person sees.
type Ephemeral struct{ Channel, User, Text string }

// View is a form that was opened.
type View struct {
	Trigger string
	ID      string
	JSON    json.RawMessage
}

// Channel is a channel as tests look at it.
type Channel struct {
	ID, Name, Topic, Purpose, Creator string
	Private, Archived, IM             bool
	Members                           []string
	Bookmarks                         map[string]string // title → link
	Pins                              []string
	Topics                            int // how often the topic was set
}

type channel struct {
	Channel
	messages  []*Message
	bookmarks []bookmark
}

type bookmark struct{ ID, Title, Link, Type string }

// Fault is something that goes wrong with the next requests of a method.
type Fault struct {
	Method string // "" for all
	Times  int    // 0 is once

	Error    string // Slack's word for it
	Needed   string // with missing_scope
	Provided string
	Status   int    // of HTTP
	Body     string // besides
	Type     string // of Body
	Retry    int    // seconds, with 429
	Delay    time.Duration
	After    bool // it is carried out all the same
}

type limit struct {
	n   int
	per time.Duration
}

// New starts a server that lasts as long as the test.
func New(t testing.TB) *Server {
	s := &Server{
		Token: "xoxb-0000-slacktest", Secret: "8f742231b10e8888abcd99yyyzzz85a5",
		channels: map[string]*channel{}, users: map[string]string{Self: ""}, limits: map[string]limit{}, past: map[string][]time.Time{}, triggers: map[string]time.Time{},
	}
	folder := t.TempDir()
	s.TokenFile, s.SecretFile = filepath.Join(folder, "token"), filepath.Join(folder, "secret")
	for file, what := range map[string]string{s.TokenFile: s.Token, s.SecretFile: s.Secret} {
		if err := os.WriteFile(file, []byte(what+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.AddChannel(Channel{ID: Announcements, Name: "announcements", Members: []string{Self}})
	s.http = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// URL is the address of the API.
func (s *Server) URL() string { return s.http.URL + "/api/" }

// AddChannel adds a channel that was there before.
func (s *Server) AddChannel(c Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Bookmarks = nil
	s.channels[c.ID] = &channel{Channel: c}
}

// AddUser adds somebody; fault is what Slack says of them whenever they are to be
// invited or written to, "" if nothing.
func (s *Server) AddUser(id, fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[id] = fault
}

// Post is a message of somebody else.
func (s *Server) Post(channel, user, text string) (ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ts = s.stamp()
	c := s.channels[channel]
	c.messages = append(c.messages, &Message{TS: ts, Text: text, User: user})
	return ts
}

// Delete takes a message away, as a person would.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channel]
	c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.TS == ts })
}

// Archive archives a channel, as a person would: bots are no members any more.
func (s *Server) Archive(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[id].archive()
}

func (c *channel) archive() {
	c.Archived = true
	c.Members = slices.DeleteFunc(c.Members, func(m string) bool { return m == Self })
}

// Fail has the next requests go wrong.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Times = max(f.Times, 1)
	s.faults = append(s.faults, &f)
}

// Limit lets a method be called n times in a while.
func (s *Server) Limit(method string, n int, per time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[method] = limit{n, per}
}

// Messages gives what stands in a channel, by its ID or name, replies in threads
// too, oldest first.
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.named(channel)
	if c == nil {
		return nil
	}
	var all []Message
	for _, m := range c.messages {
		one := *m
		one.Pinned = slices.Contains(c.Pins, m.TS)
		all = append(all, one)
	}
	return all
}

func (s *Server) named(channel string) *channel {
	if c := s.channels[channel]; c != nil {
		return c
	}
	for _, c := range s.channels {
		if c.Name == channel {
			return c
		}
	}
	return nil
}

// Channel gives a channel by its ID or name; ok is false if there is none.
func (s *Server) Channel(channel string) (c Channel, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.named(channel)
	if found == nil {
		return Channel{}, false
	}
	c = found.Channel
	c.Members, c.Pins, c.Bookmarks = slices.Clone(c.Members), slices.Clone(c.Pins), map[string]string{}
	for _, b := range found.bookmarks {
		if _, twice := c.Bookmarks[b.Title]; twice {
			b.Title += " (twice)"
		}
		c.Bookmarks[b.Title] = b.Link
	}
	return c, true
}

// Channels gives the names of all channels, in order; those of direct messages by
// their person.
func (s *Server) Channels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, c := range s.channels {
		all = append(all, c.Name)
	}
	slices.Sort(all)
	return all
}

// Requests gives what came, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Views gives the forms that were opened.
func (s *Server) Views() []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.views)
}

// Ephemerals gives what was said to one person alone.
func (s *Server) Ephemerals() []Ephemeral {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ephemerals)
}

// Sign signs a request as Slack does, and gives its headers.
func Sign(secret string, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("v0:" + stamp + ":" + body))
	return http.Header{
		"Content-Type":              {"application/x-www-form-urlencoded"},
		"X-Slack-Request-Timestamp": {stamp},
		"X-Slack-Signature":         {"v0=" + hex.EncodeToString(m.Sum(nil))},
	}
}

// Press gives the body of the request that Slack makes when somebody presses a
// button on a message.
func (s *Server) Press(user, channel, ts, action, value string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	trigger := fmt.Sprintf("%d.%s", s.ids, user)
	s.triggers[trigger] = time.Now().Add(3 * time.Second)
	return payload(map[string]any{
		"type": "block_actions", "team": map[string]any{"id": team}, "user": map[string]any{"id": user, "username": strings.ToLower(user)},
		"api_app_id": app, "token": "old", "trigger_id": trigger, "response_url": s.http.URL + "/response",
		"container": map[string]any{"type": "message", "message_ts": ts, "channel_id": channel}, "channel": map[string]any{"id": channel, "name": "x"},
		"message": map[string]any{"type": "message", "ts": ts, "text": "x"},
		"actions": []any{map[string]any{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": fmt.Sprint(s.ids)}},
	})
}

// Submit gives the body of the request that Slack makes when somebody sends a
// form. values are by block_id; one of several choices is given as []string.
func (s *Server) Submit(user string, v View, values map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	var view map[string]any
	if err := json.Unmarshal(v.JSON, &view); err != nil {
		panic(err)
	}
	state := map[string]any{}
	for _, b := range view["blocks"].([]any) {
		b := b.(map[string]any)
		element, ok := b["element"].(map[string]any)
		if !ok {
			continue
		}
		id, kind := fmt.Sprint(b["block_id"]), fmt.Sprint(element["type"])
		one := map[string]any{"type": kind}
		switch kind {
		case "plain_text_input":
			one["value"] = values[id]
		case "static_select":
			one["selected_option"] = nil
			if values[id] != nil {
				one["selected_option"] = map[string]any{"value": values[id], "text": map[string]any{"type": "plain_text", "text": fmt.Sprint(values[id])}}
			}
		case "checkboxes":
			chosen := []any{}
			if all, ok := values[id].([]string); ok {
				for _, v := range all {
					chosen = append(chosen, map[string]any{"value": v, "text": map[string]any{"type": "plain_text", "text": v}})
				}
			}
			one["selected_options"] = chosen
		}
		state[id] = map[string]any{fmt.Sprint(element["action_id"]): one}
	}
	view["id"], view["team_id"], view["hash"], view["state"] = v.ID, team, fmt.Sprint(s.ids), map[string]any{"values": state}
	return payload(map[string]any{
		"type": "view_submission", "team": map[string]any{"id": team}, "user": map[string]any{"id": user}, "api_app_id": app, "token": "old",
		"trigger_id": fmt.Sprint(s.ids, ".submit"), "view": view, "response_urls": []any{},
	})
}

func payload(v map[string]any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return url.Values{"payload": {string(b)}}.Encode()
}

// stamp gives a time that no other message has.
func (s *Server) stamp() string {
	now := time.Now().UnixMicro()
	s.clock = max(now, s.clock+1)
	return fmt.Sprintf("%d.%06d", s.clock/1e6, s.clock%1e6)
}

func (s *Server) id(prefix string) string {
	s.ids++
	return fmt.Sprintf("%s%08X", prefix, s.ids)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	if s.Cut != nil && s.Cut(n, "before") {
		panic(http.ErrAbortHandler)
	}
	method, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return // whoever asked has gone
	}
	c := &call{Server: s, method: method, form: url.Values{}}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		c.body = string(body)
	} else if c.form, err = url.ParseQuery(string(body)); err != nil {
		c.form = url.Values{}
	}
	c.token = cmp.Or(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), c.form.Get("token"))
	c.form.Del("token")

	s.mu.Lock()
	status, head, answer := c.answer()
	s.requests = append(s.requests, Request{N: n, Method: method, Kind: c.kind, Form: c.form, Body: c.body, Answer: c.result})
	wait := c.delay
	s.mu.Unlock()
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
		}
	}
	if s.Cut != nil && s.Cut(n, "after") {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), head)
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// Close ends the server before the test does.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}
