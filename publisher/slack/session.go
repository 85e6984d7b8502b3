package slack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/guard"
)

const (
	timeout     = 15 * time.Second // for one answer of Slack
	mostAnswer  = 8 << 20          // of it that is read
	askAgain    = 30 * time.Second // after a refusal for too many questions that does not say for how long
	pageSize    = 200              // Slack recommends no more
	mostPages   = 25               // that a channel is read back by
	clockMargin = 10 * time.Minute // between Slack's clock and ours, and a little more
)

// session is one visit to Slack, with the token of now.
type session struct {
	*Channel
	api *api.Client
}

// answers looks at what Slack, or something on the way to it, answers, before it
// is believed to be Slack's.
type answers struct{ next http.RoundTripper }

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "Tocsin")
	res, err := a.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") == "" {
		res.Header.Set("Retry-After", fmt.Sprint(int(askAgain.Seconds())))
	}
	if res.StatusCode != http.StatusOK {
		return res, nil
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind != "application/json" {
		head, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		res.Body.Close()
		return nil, fmt.Errorf("something that is not Slack's interface answered, with %s (%q): is a proxy in between, or the url wrong?", cmp.Or(kind, "no type"), excerpt(head))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	if len(body) > mostAnswer {
		return nil, fmt.Errorf("the answer is larger than %d MB", mostAnswer>>20)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

func excerpt(b []byte) string {
	s := []rune(oneline(string(b)))
	return string(s[:min(len(s), 100)])
}

// code gives Slack's word for what went wrong, "" if it is not Slack that says so.
func code(err error) string {
	e, _ := errors.AsType[api.SlackErrorResponse](err)
	return e.Err
}

// The words that say the same of the target, not of the request.
var (
	badToken = []string{"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "no_permission", "not_allowed_token_type", "team_access_not_granted", "org_login_required"}
	// forbidden is what only a person can mend, by giving the app more leave or by
	// changing a preference of the workspace.
	forbidden = []string{
		"missing_scope", "restricted_action", "cannot_create_channel", "access_denied", "ekm_access_denied", "team_access_not_granted",
		"no_permission", "not_allowed_token_type", "method_not_supported_for_channel_type", "user_is_restricted", "enterprise_is_restricted",
	}
	// noMessage is said of a message that is to be changed and cannot be.
	noMessage = []string{"message_not_found", "cant_update_message", "edit_window_closed"}
	// noPerson is said of people who cannot be reached, whoever they are.
	noPerson = []string{
		"user_not_found", "user_not_visible", "user_disabled", "cannot_dm_bot", "users_not_found", "cant_invite", "cant_invite_self", "already_in_channel",
		"users_list_not_supplied", "invalid_users", "ura_max_channels", "invitee_cant_see_channel", "user_team_not_in_channel", "no_external_invite_permission",
		"user_is_restricted", "user_is_ultra_restricted", "is_bot", "not_enough_users",
	}
	// noRoom is said of a channel that was archived, or that the app is not in any
	// more; is_inactive where a message in it is to be changed.
	noRoom    = []string{"is_archived", "is_inactive", "channel_not_found", "not_in_channel"}
	badBlocks = []string{"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "block_mismatch", "too_many_blocks"}
)

// is reports whether Slack said one of the words.
func is(err error, words []string) bool { return err != nil && slices.Contains(words, code(err)) }

// explain says of an error what was being done, and how to mend it.
func (s *session) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if limited, ok := errors.AsType[*api.RateLimitedError](err); ok {
		return &publisher.RetryAfter{
			Wait: limited.RetryAfter,
			Err:  fmt.Errorf("%s: Slack has had too many requests and wants the next one in %v", doing, limited.RetryAfter),
		}
	}
	if status, ok := errors.AsType[api.StatusCodeError](err); ok {
		return fmt.Errorf("%s: %s answered %d %s", doing, s.host, status.Code, http.StatusText(status.Code))
	}
	e, ok := errors.AsType[api.SlackErrorResponse](err)
	if !ok {
		return fmt.Errorf("%s: %w", doing, guard.WithoutURL(err))
	}
	help := ""
	switch {
	case e.Err == "missing_scope":
		help = fmt.Sprintf("the app needs the scope %s and has %s: add it under OAuth & Permissions and install the app again; deploy/slack-manifest.yaml has them all",
			cmp.Or(e.Needed, "that Slack does not name"), cmp.Or(e.Provided, "what Slack does not say"))
	case slices.Contains(badToken, e.Err):
		help = "the bot's token does not hold any more: install the app again and write the new token into " + s.rules.TokenFile + ", which is read anew"
	case e.Err == "channel_not_found":
		help = "there is no such channel, or it is private and the app is not in it: check the ID, and /invite the app there"
	case e.Err == "not_in_channel":
		help = "the app is not in the channel: /invite it there"
	case e.Err == "is_archived":
		help = "the channel is archived: unarchive it, or name another one"
	case e.Err == "restricted_action", e.Err == "cannot_create_channel":
		help = "the workspace does not let apps do this: an admin changes it under Settings & Permissions"
	}
	if more := oneline(strings.Join(e.ResponseMetadata.Messages, "; ")); more != "" {
		help = strings.TrimPrefix(help+"; "+excerpt([]byte(more)), "; ")
	}
	if help != "" {
		return fmt.Errorf("%s: Slack says %w: %s", doing, err, help)
	}
	return fmt.Errorf("%s: Slack says %w", doing, err)
}

// me gives our own member ID.
func (s *session) me(ctx context.Context) (string, error) {
	s.mu.Lock()
	self := s.self
	s.mu.Unlock()
	if self != "" {
		return self, nil
	}
	who, err := s.api.AuthTestContext(ctx)
	if err != nil {
		return "", s.explain("ask who we are", err)
	}
	s.mu.Lock()
	s.self = who.UserID
	s.mu.Unlock()
	return who.UserID, nil
}

// message is what is posted.
type message struct {
	mark   string // by which it is found again
	key    string // of the delivery, for people who look
	part   string // "root", "reply", "update", "call", "summary", "told"
	text   string // made by fallback, and perhaps by mentions
	blocks []api.Block

	thread    string
	broadcast bool
}

// eventType is what our metadata is known by: docs.slack.dev/messaging/message-metadata.
const eventType = "tocsin"

func (m message) options(blocks bool) []api.MsgOption {
	o := []api.MsgOption{
		api.MsgOptionText(m.text, false), api.MsgOptionParse(false), api.MsgOptionLinkNames(false), api.MsgOptionDisableMarkdown(),
		api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
		api.MsgOptionMetadata(api.SlackMetadata{EventType: eventType, EventPayload: map[string]any{"id": m.mark, "key": m.key, "part": m.part}}),
	}
	if blocks {
		o = append(o, api.MsgOptionBlocks(m.blocks...))
	} else {
		o = append(o, api.MsgOptionBlocks())
	}
	if m.thread != "" {
		o = append(o, api.MsgOptionTS(m.thread))
	}
	if m.broadcast {
		o = append(o, api.MsgOptionBroadcast())
	}
	return o
}

// post posts a message. Slack may know of a limit that we do not: then its text
// goes out alone, which is better than nothing.
func (s *session) post(ctx context.Context, channel string, m message) (ts string, err error) {
	_, ts, err = s.api.PostMessageContext(ctx, channel, m.options(true)...)
	if is(err, badBlocks) {
		s.logger.Error("Slack refuses the form of a message, and it goes out as text alone: please report this", "part", m.part, "key", m.key, "err", s.explain("post", err))
		_, ts, err = s.api.PostMessageContext(ctx, channel, m.options(false)...)
	}
	return ts, err
}

// change changes a message.
func (s *session) change(ctx context.Context, channel, ts string, m message) error {
	_, _, _, err := s.api.UpdateMessageContext(ctx, channel, ts, m.options(true)...)
	if is(err, badBlocks) {
		s.logger.Error("Slack refuses the form of a message, and it goes out as text alone: please report this", "part", m.part, "key", m.key, "err", s.explain("change", err))
		_, _, _, err = s.api.UpdateMessageContext(ctx, channel, ts, m.options(false)...)
	}
	return err
}

// find reads a channel, or a thread in it, back to a time, and gives where a
// message of ours stands; "" if it is not there.
func (s *session) find(ctx context.Context, channel, thread string, since time.Time, mark string) (ts string, err error) {
	oldest, cursor := "0", ""
	if !since.IsZero() {
		oldest = fmt.Sprintf("%d.000000", max(0, since.Add(-clockMargin).Unix()))
	}
	for range mostPages {
		var page []api.Message
		if thread == "" {
			res, err := s.api.GetConversationHistoryContext(ctx, &api.GetConversationHistoryParameters{
				ChannelID: channel, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true,
			})
			if err != nil {
				return "", err
			}
			page, cursor = res.Messages, res.ResponseMetaData.NextCursor
		} else {
			page, _, cursor, err = s.api.GetConversationRepliesContext(ctx, &api.GetConversationRepliesParameters{
				ChannelID: channel, Timestamp: thread, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true,
			})
			if err != nil {
				return "", err
			}
		}
		for _, m := range page {
			if m.Metadata.EventType == eventType && m.Metadata.EventPayload["id"] == mark {
				return m.Timestamp, nil
			}
		}
		if cursor == "" {
			return "", nil
		}
	}
	s.logger.Warn("a channel has too many messages to be read back whole; a repeat is possible", "in", channel, "since", oldest)
	return "", nil
}

// once posts a message unless it is there.
func (s *session) once(ctx context.Context, channel string, since time.Time, m message) (ts string, err error) {
	if ts, err = s.find(ctx, channel, m.thread, since, m.mark); err != nil || ts != "" {
		return ts, err
	}
	return s.post(ctx, channel, m)
}
