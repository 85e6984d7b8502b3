package slacktest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scope is what a bot needs to call a method on each kind of conversation.
type Scope struct{ Public, Private, IM string }

// All gives a scope for whatever kind it is.
func all(scope string) Scope { return Scope{scope, scope, scope} }

// Scopes lists the methods there are, each with its bot scopes as its page at
// docs.slack.dev/reference/methods says.
var Scopes = map[string]Scope{
	"auth.test":                {},
	"bookmarks.add":            all("bookmarks:write"),
	"bookmarks.edit":           all("bookmarks:write"),
	"bookmarks.list":           all("bookmarks:read"),
	"chat.delete":              all("chat:write"),
	"chat.postEphemeral":       all("chat:write"),
	"chat.postMessage":         all("chat:write"),
	"chat.update":              all("chat:write"),
	"conversations.archive":    {"channels:manage", "groups:write", ""},
	"conversations.create":     {"channels:manage", "groups:write", ""},
	"conversations.history":    {"channels:history", "groups:history", "im:history"},
	"conversations.info":       {"channels:read", "groups:read", "im:read"},
	"conversations.invite":     {"channels:manage", "groups:write", ""},
	"conversations.join":       {"channels:join", "channels:join", ""},
	"conversations.list":       {"channels:read", "groups:read", "im:read"},
	"conversations.open":       all("im:write"),
	"conversations.replies":    {"channels:history", "groups:history", "im:history"},
	"conversations.setPurpose": {"channels:manage", "groups:write", "im:write"},
	"conversations.setTopic":   {"channels:manage", "groups:write", "im:write"},
	"conversations.unarchive":  {"channels:manage", "groups:write", ""},
	"pins.add":                 all("pins:write"),
	"pins.list":                all("pins:read"),
	"views.open":               {},
}

// Of gives the scope for a kind of conversation.
func (s Scope) Of(kind string) string {
	switch kind {
	case "private":
		return s.Private
	case "im":
		return s.IM
	default:
		return s.Public
	}
}

// call is one request being answered. The server's lock is held.
type call struct {
	*Server
	method, token, body string
	form                url.Values

	channel *channel
	kind    string
	result  string
	delay   time.Duration
}

type answer map[string]any

// answer gives what is sent back.
func (c *call) answer() (status int, head http.Header, body []byte) {
	head = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for i, f := range c.faults {
		if f.Method != "" && f.Method != c.method {
			continue
		}
		if f.Times--; f.Times == 0 {
			c.faults = slices.Delete(c.faults, i, i+1)
		}
		return c.fault(*f, head)
	}
	if l, ok := c.limits[c.method]; ok {
		now := time.Now()
		recent := slices.DeleteFunc(c.past[c.method], func(t time.Time) bool { return now.Sub(t) >= l.per })
		if len(recent) >= l.n {
			c.past[c.method] = recent
			return c.limited(head, int(math.Ceil(l.per.Seconds()-now.Sub(recent[0]).Seconds())))
		}
		c.past[c.method] = append(recent, now)
	}
	return c.write(head, c.do())
}

func (c *call) write(head http.Header, a answer) (int, http.Header, []byte) {
	if e, bad := a["error"]; bad {
		a["ok"], c.result = false, fmt.Sprint(e)
	} else {
		a["ok"], c.result = true, "ok"
	}
	b, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return http.StatusOK, head, b
}

func (c *call) limited(head http.Header, seconds int) (int, http.Header, []byte) {
	head.Set("Retry-After", strconv.Itoa(max(seconds, 1)))
	c.result = "ratelimited"
	return http.StatusTooManyRequests, head, []byte(`{"ok":false,"error":"ratelimited"}`)
}

func (c *call) fault(f Fault, head http.Header) (int, http.Header, []byte) {
	c.delay = f.Delay
	var done answer
	if f.After || f == (Fault{Method: f.Method, Times: f.Times, Delay: f.Delay}) {
		done = c.do()
	}
	switch {
	case f.Error != "":
		a := answer{"error": f.Error}
		if f.Needed != "" {
			a["needed"], a["provided"] = f.Needed, f.Provided
		}
		return c.write(head, a)
	case f.Status == http.StatusTooManyRequests:
		return c.limited(head, f.Retry)
	case f.Status != 0 || f.Body != "":
		if f.Type == "" {
			f.Type = "text/html; charset=utf-8"
		}
		head.Set("Content-Type", f.Type)
		c.result = fmt.Sprint("fault ", f.Status)
		return max(f.Status, http.StatusOK), head, []byte(f.Body)
	default:
		return c.write(head, done)
	}
}

func wrong(word string) answer { return answer{"error": word} }

// do carries the request out.
func (c *call) do() answer {
	scope, ok := Scopes[c.method]
	switch {
	case !ok:
		return wrong("unknown_method")
	case c.token == "":
		return wrong("not_authed")
	case c.token != c.Token:
		return wrong("invalid_auth")
	}
	id := c.form.Get("channel")
	if id == "" {
		id = c.form.Get("channel_id")
	}
	if c.channel = c.channels[id]; c.channel != nil {
		c.kind = c.channel.kind()
	}
	switch c.method {
	case "conversations.create":
		c.kind = map[bool]string{true: "private", false: "public"}[c.form.Get("is_private") == "true"]
	case "conversations.open":
		c.kind = "im"
	case "conversations.list":
		types := c.form.Get("types")
		c.kind = "public"
		if strings.Contains(types, "private_channel") {
			if missing := c.lacks(scope.Private); missing != nil {
				return missing
			}
		}
	}
	if missing := c.lacks(scope.Of(c.kind)); missing != nil {
		return missing
	}
	if id != "" && (c.channel == nil || c.channel.Private && !c.in()) {
		return wrong("channel_not_found")
	}
	return c.perform()
}

func (c *channel) kind() string {
	switch {
	case c.IM:
		return "im"
	case c.Private:
		return "private"
	default:
		return "public"
	}
}

func (c *call) lacks(scope string) answer {
	if scope == "" || c.Granted == nil || slices.Contains(c.Granted, scope) {
		return nil
	}
	return answer{"error": "missing_scope", "needed": scope, "provided": strings.Join(c.Granted, ",")}
}

// in reports whether the bot is in the channel.
func (c *call) in() bool { return c.channel.IM || slices.Contains(c.channel.Members, Self) }

// usable says why a channel cannot be written to.
func (c *call) usable() answer {
	switch {
	case c.channel == nil:
		return wrong("channel_not_found")
	case c.channel.Archived:
		return wrong("is_archived")
	case !c.in():
		return wrong("not_in_channel")
	default:
		return nil
	}
}

func (c *call) perform() answer {
	switch c.method {
	case "auth.test":
		return answer{"url": "https://team.slack.com/", "team": "Team", "user": "tocsin", "team_id": team, "user_id": Self, "bot_id": bot}
	case "conversations.create":
		return c.create()
	case "conversations.list":
		return c.list()
	case "conversations.info":
		if c.channel == nil {
			return wrong("channel_not_found")
		}
		return answer{"channel": c.show(c.channel)}
	case "conversations.history", "conversations.replies":
		return c.history(c.method == "conversations.replies")
	case "conversations.invite":
		return c.invite()
	case "conversations.join":
		switch {
		case c.channel == nil:
			return wrong("channel_not_found")
		case c.channel.Archived:
			return wrong("is_archived")
		case c.channel.Private || c.channel.IM:
			return wrong("method_not_supported_for_channel_type")
		case !c.in():
			c.channel.Members = append(c.channel.Members, Self)
		}
		return answer{"channel": c.show(c.channel)}
	case "conversations.open":
		return c.open()
	case "conversations.setTopic", "conversations.setPurpose":
		return c.set()
	case "conversations.archive":
		if bad := c.usable(); bad != nil {
			if c.channel != nil && c.channel.Archived {
				return wrong("already_archived")
			}
			return bad
		}
		c.channel.archive()
		return answer{}
	case "conversations.unarchive":
		switch {
		case c.channel == nil:
			return wrong("channel_not_found")
		case !c.channel.Archived:
			return wrong("not_archived")
		case !c.in() && !c.Unarchives:
			return wrong("not_in_channel") // github.com/slack-go/slack/issues/1066
		}
		c.channel.Archived = false
		if !c.in() {
			c.channel.Members = append(c.channel.Members, Self)
		}
		return answer{}
	case "chat.postMessage":
		return c.post()
	case "chat.update":
		return c.update()
	case "chat.delete":
		if bad := c.usable(); bad != nil {
			return bad
		}
		at := c.message(c.form.Get("ts"))
		switch {
		case at < 0:
			return wrong("message_not_found")
		case c.channel.messages[at].User != Self:
			return wrong("cant_delete_message")
		}
		c.channel.messages = slices.Delete(c.channel.messages, at, at+1)
		return answer{"channel": c.channel.ID, "ts": c.form.Get("ts")}
	case "chat.postEphemeral":
		return c.ephemeral()
	case "pins.add":
		return c.pin()
	case "pins.list":
		if c.channel == nil {
			return wrong("channel_not_found")
		}
		items := []any{}
		for _, ts := range c.channel.Pins {
			items = append(items, answer{"type": "message", "channel": c.channel.ID, "message": answer{"ts": ts}})
		}
		return answer{"items": items}
	case "bookmarks.list", "bookmarks.add", "bookmarks.edit":
		return c.bookmark()
	case "views.open":
		return c.view()
	default:
		return wrong("unknown_method")
	}
}

var nameLike = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]+$`)

func (c *call) create() answer {
	name := c.form.Get("name")
	switch {
	case name == "":
		return wrong("invalid_name_required")
	case len([]rune(name)) > 80:
		return wrong("invalid_name_maxlength")
	case !nameLike.MatchString(name):
		return wrong("invalid_name_specials")
	case strings.Trim(name, "-_") == "":
		return wrong("invalid_name_punctuation")
	}
	for _, other := range c.channels {
		if other.Name == name {
			return wrong("name_taken")
		}
	}
	made := &channel{Channel: Channel{ID: c.id("C"), Name: name, Private: c.kind == "private", Creator: Self, Members: []string{Self}}}
	c.channels[made.ID], c.channel = made, made
	return answer{"channel": c.show(made)}
}

// escaped is how Slack gives back what it was told.
var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (c *call) show(ch *channel) answer {
	return answer{
		"id": ch.ID, "name": ch.Name, "is_channel": !ch.Private && !ch.IM, "is_group": ch.Private, "is_im": ch.IM, "is_private": ch.Private || ch.IM,
		"is_archived": ch.Archived, "is_member": slices.Contains(ch.Members, Self), "creator": ch.Creator, "created": 1700000000,
		"topic": answer{"value": escaped.Replace(ch.Topic)}, "purpose": answer{"value": escaped.Replace(ch.Purpose)},
	}
}

// page gives the part of n things that a cursor and a limit ask for.
func (c *call) page(n, byDefault, most int) (from, to int, next string, bad answer) {
	size := byDefault
	if l := c.form.Get("limit"); l != "" {
		var err error
		if size, err = strconv.Atoi(l); err != nil || size < 1 || size > most {
			return 0, 0, "", wrong("invalid_limit")
		}
	}
	if cursor := c.form.Get("cursor"); cursor != "" {
		var err error
		if from, err = strconv.Atoi(strings.TrimPrefix(cursor, "next:")); err != nil || from > n || !strings.HasPrefix(cursor, "next:") {
			return 0, 0, "", wrong("invalid_cursor")
		}
	}
	if to = min(from+size, n); to < n {
		next = fmt.Sprint("next:", to)
	}
	return from, to, next, nil
}

func (c *call) list() answer {
	types := strings.Split(c.form.Get("types"), ",")
	if types[0] == "" {
		types = []string{"public_channel"}
	}
	var found []*channel
	for _, ch := range c.channels {
		kind := map[string]string{"public": "public_channel", "private": "private_channel", "im": "im"}[ch.kind()]
		hidden := ch.Private && !slices.Contains(ch.Members, Self)
		if slices.Contains(types, kind) && !hidden && (!ch.Archived || c.form.Get("exclude_archived") != "true") {
			found = append(found, ch)
		}
	}
	slices.SortFunc(found, func(a, b *channel) int { return strings.Compare(a.ID, b.ID) })
	from, to, next, bad := c.page(len(found), 100, 1000)
	if bad != nil {
		return bad
	}
	shown := []any{}
	for _, ch := range found[from:to] {
		shown = append(shown, c.show(ch))
	}
	return answer{"channels": shown, "response_metadata": answer{"next_cursor": next}}
}

func (c *call) history(replies bool) answer {
	switch {
	case c.channel == nil:
		return wrong("channel_not_found")
	case !c.in():
		return wrong("not_in_channel")
	}
	oldest, err1 := seconds(c.form.Get("oldest"), 0)
	latest, err2 := seconds(c.form.Get("latest"), math.MaxFloat64)
	if err1 != nil {
		return wrong("invalid_ts_oldest")
	}
	if err2 != nil {
		return wrong("invalid_ts_latest")
	}
	var found []*Message
	parent := c.form.Get("ts")
	if replies && c.message(parent) < 0 {
		return wrong("thread_not_found")
	}
	for _, m := range c.channel.messages {
		at, _ := seconds(m.TS, 0)
		switch {
		case replies && m.TS == parent: // it is always given
		case replies && m.Thread != parent, !replies && m.Thread != "" && !m.Broadcast, at <= oldest, at >= latest:
			continue
		}
		found = append(found, m)
	}
	if !replies {
		slices.Reverse(found) // the newest first
	}
	from, to, next, bad := c.page(len(found), 100, 999)
	if bad != nil {
		return bad
	}
	shown := []any{}
	for _, m := range found[from:to] {
		shown = append(shown, m.show(truth(c.form.Get("include_all_metadata"))))
	}
	return answer{"messages": shown, "has_more": next != "", "response_metadata": answer{"next_cursor": next}}
}

func truth(s string) bool { return s == "1" || s == "true" }

func seconds(s string, byDefault float64) (float64, error) {
	if s == "" {
		return byDefault, nil
	}
	return strconv.ParseFloat(s, 64)
}

func (m *Message) show(metadata bool) answer {
	a := answer{"type": "message", "ts": m.TS, "text": m.Text, "user": m.User}
	if m.User == Self {
		a["bot_id"], a["app_id"] = bot, app
	}
	if m.Thread != "" {
		a["thread_ts"] = m.Thread
	}
	if m.Broadcast {
		a["subtype"] = "thread_broadcast"
	}
	if len(m.Blocks) > 0 {
		a["blocks"] = m.Blocks
	}
	if metadata && m.EventType != "" {
		a["metadata"] = answer{"event_type": m.EventType, "event_payload": m.Payload}
	}
	return a
}

func (c *call) message(ts string) int {
	if c.channel == nil {
		return -1
	}
	return slices.IndexFunc(c.channel.messages, func(m *Message) bool { return m.TS == ts })
}

func (c *call) invite() answer {
	if bad := c.usable(); bad != nil {
		return bad
	}
	ids := strings.Split(c.form.Get("users"), ",")
	if ids[0] == "" {
		return wrong("no_user")
	}
	if len(ids) > 100 {
		return wrong("too_many_users")
	}
	var errs []any
	for _, id := range ids {
		fault, known := c.users[id]
		switch {
		case id == Self:
			fault = "cant_invite_self"
		case !known:
			fault = "user_not_found"
		case fault == "" && slices.Contains(c.channel.Members, id):
			fault = "already_in_channel"
		}
		if fault != "" {
			errs = append(errs, answer{"user": id, "ok": false, "error": fault})
		}
	}
	if len(errs) > 0 {
		return answer{"error": errs[0].(answer)["error"], "errors": errs}
	}
	c.channel.Members = append(c.channel.Members, ids...)
	return answer{"channel": c.show(c.channel)}
}

func (c *call) open() answer {
	id := c.form.Get("users")
	fault, known := c.users[id]
	switch {
	case id == "":
		return wrong("users_list_not_supplied")
	case !known:
		return wrong("user_not_found")
	case fault != "":
		return wrong(fault)
	}
	for _, ch := range c.channels {
		if ch.IM && ch.Name == "@"+id {
			c.channel = ch
			return answer{"channel": answer{"id": ch.ID}, "no_op": true, "already_open": true}
		}
	}
	made := &channel{Channel: Channel{ID: c.id("D"), Name: "@" + id, IM: true, Members: []string{Self, id}}}
	c.channels[made.ID], c.channel = made, made
	return answer{"channel": answer{"id": made.ID}}
}

func (c *call) set() answer {
	if bad := c.usable(); bad != nil {
		return bad
	}
	what, ok := strings.CutPrefix(c.method, "conversations.set")
	value := c.form.Get(strings.ToLower(what))
	if !ok || len([]rune(value)) > 250 {
		return wrong("too_long")
	}
	if what == "Topic" {
		c.channel.Topic = value
		c.channel.Topics++
	} else {
		c.channel.Purpose = value
	}
	return answer{"channel": c.show(c.channel)}
}

// said reads what chat.postMessage and chat.update have in common.
func (c *call) said(m *Message) answer {
	m.Text, m.Form = c.form.Get("text"), c.form
	if c.form.Has("blocks") {
		m.Blocks = json.RawMessage(c.form.Get("blocks"))
	}
	if bad := Check(m.Text, m.Blocks); len(bad) > 0 {
		word, _, _ := strings.Cut(bad[0], ":")
		return answer{"error": word, "response_metadata": answer{"messages": bad}}
	}
	if data := c.form.Get("metadata"); data != "" {
		var meta struct {
			EventType    string         `json:"event_type"`
			EventPayload map[string]any `json:"event_payload"`
		}
		if err := json.Unmarshal([]byte(data), &meta); err != nil || meta.EventType == "" {
			return wrong("invalid_metadata_format")
		}
		m.EventType, m.Payload = meta.EventType, meta.EventPayload
	}
	return nil
}

func (c *call) post() answer {
	if bad := c.usable(); bad != nil {
		return bad
	}
	m := &Message{User: Self}
	if bad := c.said(m); bad != nil {
		return bad
	}
	m.TS = c.stamp()
	if parent := c.form.Get("thread_ts"); parent != "" && c.message(parent) >= 0 {
		m.Thread = parent // a reply to what is gone stands by itself
		m.Broadcast = truth(c.form.Get("reply_broadcast"))
	}
	c.channel.messages = append(c.channel.messages, m)
	return answer{"channel": c.channel.ID, "ts": m.TS, "message": m.show(false)}
}

func (c *call) update() answer {
	if c.channel != nil && c.channel.Archived {
		return wrong("is_inactive")
	}
	if bad := c.usable(); bad != nil {
		return bad
	}
	at := c.message(c.form.Get("ts"))
	switch {
	case at < 0:
		return wrong("message_not_found")
	case c.channel.messages[at].User != Self:
		return wrong("cant_update_message")
	}
	next := *c.channel.messages[at]
	if bad := c.said(&next); bad != nil {
		return bad
	}
	next.Edited++
	c.channel.messages[at] = &next
	return answer{"channel": c.channel.ID, "ts": next.TS, "text": next.Text, "message": next.show(false)}
}

func (c *call) ephemeral() answer {
	if bad := c.usable(); bad != nil {
		return bad
	}
	m := &Message{}
	if bad := c.said(m); bad != nil {
		return bad
	}
	user := c.form.Get("user")
	if !slices.Contains(c.channel.Members, user) {
		return wrong("user_not_in_channel")
	}
	c.ephemerals = append(c.ephemerals, Ephemeral{c.channel.ID, user, m.Text})
	return answer{"message_ts": c.stamp()}
}

func (c *call) pin() answer {
	if bad := c.usable(); bad != nil {
		return bad
	}
	ts := c.form.Get("timestamp")
	switch {
	case ts == "":
		return wrong("no_item_specified")
	case c.message(ts) < 0:
		return wrong("message_not_found")
	case slices.Contains(c.channel.Pins, ts):
		return wrong("already_pinned")
	case len(c.channel.Pins) >= 100:
		return wrong("too_many_pins")
	}
	c.channel.Pins = append(c.channel.Pins, ts)
	return answer{}
}

func (c *call) bookmark() answer {
	if c.channel == nil {
		return wrong("channel_not_found")
	}
	show := func(b bookmark) answer {
		return answer{"id": b.ID, "channel_id": c.channel.ID, "title": b.Title, "link": b.Link, "type": b.Type}
	}
	if c.method == "bookmarks.list" {
		shown := []any{}
		for _, b := range c.channel.bookmarks {
			shown = append(shown, show(b))
		}
		return answer{"bookmarks": shown}
	}
	if bad := c.usable(); bad != nil {
		return bad
	}
	link := c.form.Get("link")
	if u, err := url.Parse(link); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return wrong("invalid_link")
	}
	if c.method == "bookmarks.edit" {
		at := slices.IndexFunc(c.channel.bookmarks, func(b bookmark) bool { return b.ID == c.form.Get("bookmark_id") })
		if at < 0 {
			return wrong("not_found")
		}
		c.channel.bookmarks[at].Link = link
		if c.form.Has("title") {
			c.channel.bookmarks[at].Title = c.form.Get("title")
		}
		return answer{"bookmark": show(c.channel.bookmarks[at])}
	}
	switch {
	case c.form.Get("title") == "" || c.form.Get("type") != "link":
		return wrong("invalid_bookmark_type")
	case len(c.channel.bookmarks) >= 100:
		return wrong("too_many_bookmarks")
	}
	b := bookmark{c.id("Bk"), c.form.Get("title"), link, "link"}
	c.channel.bookmarks = append(c.channel.bookmarks, b)
	return answer{"bookmark": show(b)}
}

func (c *call) view() answer {
	var asked struct {
		Trigger string          `json:"trigger_id"`
		View    json.RawMessage `json:"view"`
	}
	if err := json.Unmarshal([]byte(c.body), &asked); err != nil {
		return wrong("invalid_json")
	}
	until, known := c.triggers[asked.Trigger]
	switch {
	case !known:
		return wrong("invalid_trigger_id")
	case until.IsZero():
		return wrong("exchanged_trigger_id")
	case time.Now().After(until):
		return wrong("expired_trigger_id")
	}
	if bad := CheckView(asked.View); len(bad) > 0 {
		return answer{"error": "invalid_arguments", "response_metadata": answer{"messages": bad}}
	}
	c.triggers[asked.Trigger] = time.Time{}
	v := View{asked.Trigger, c.id("V"), asked.View}
	c.views = append(c.views, v)
	return answer{"view": answer{"id": v.ID, "type": "modal"}}
}
