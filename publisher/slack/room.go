package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
)

// mostRooms is how many names are tried for an incident's channel.
const mostRooms = 9

// has reports whether an incident has a channel of its own, or is to have one.
// One that was made stays, however mild the incident becomes.
func (s *session) has(ctx context.Context, now publisher.Standing, more ...string) bool {
	if len(s.rooms.Severities) == 0 {
		return false
	}
	return s.wanted(append(more, now.Severity, now.Worst)...) || s.recall(ctx, "room/"+now.ID) != ""
}

// inRoom posts an update into the incident's own channel, and brings up to date
// what stands there.
func (s *session) inRoom(ctx context.Context, d publisher.Delivery, now publisher.Standing, body string) (receipt string, told []string, err error) {
	if !s.has(ctx, now, d.Update.Severity) {
		return "", nil, nil
	}
	told, err = s.withRoom(ctx, now, func(room string) (told []string, err error) {
		told, err = s.invite(ctx, room, now, nil)
		if err != nil {
			return told, err
		}
		more, err := s.furnish(ctx, room, now)
		if told = append(told, more...); err != nil {
			return told, err
		}
		ts, err := s.once(ctx, room, d.Update.Said, s.updateOf(d, body, "update"))
		receipt = room + " " + ts
		return told, s.explain("post "+d.Key+" in "+room, err)
	})
	return receipt, told, err
}

// withRoom does something in the incident's own channel. One that was archived, or
// is not there any more, is looked for anew, once.
func (s *session) withRoom(ctx context.Context, now publisher.Standing, do func(room string) ([]string, error)) (told []string, err error) {
	for n := range 2 {
		room, more, err := s.room(ctx, now)
		if told = append(told, more...); err != nil {
			return told, err
		}
		more, err = do(room)
		if is(err, noRoom) && n == 0 {
			s.logger.Warn("an incident's channel is archived or gone; it is opened again, or another one is made", "room", room, "err", err)
			told = append(told, fmt.Sprintf("%s was not to be used any more (%s)", room, code(err)))
			s.forget(ctx, now.ID)
			continue
		}
		return append(told, more...), err
	}
	panic("not reached")
}

// forget forgets all that is known of an incident's channel.
func (s *session) forget(ctx context.Context, id string) {
	for _, what := range []string{"room", "topic", "invited", "summary", "shown", "pinned", "bookmarks"} {
		s.remember(ctx, what+"/"+id, "")
	}
}

// room gives the incident's own channel, made if there is none.
func (s *session) room(ctx context.Context, now publisher.Standing) (id string, told []string, err error) {
	if known := s.recall(ctx, "room/"+now.ID); known != "" {
		return known, nil, nil
	}
	private := s.rooms.Private || now.Private
	var taken map[string]api.Channel
	for n := 1; n <= mostRooms; n++ {
		name := s.roomName(now.ID, n)
		c, err := s.api.CreateConversationContext(ctx, api.CreateConversationParams{ChannelName: name, IsPrivate: private})
		switch {
		case err == nil:
			if _, err := s.api.SetPurposeOfConversationContext(ctx, c.ID, s.purpose(now)); err != nil {
				return "", told, s.explain("say what #"+name+" is for", err)
			}
			id = c.ID
		case code(err) == "name_taken":
			if taken == nil {
				if taken, err = s.channels(ctx); err != nil {
					return "", told, err
				}
			}
			var why string
			if id, why, err = s.adopt(ctx, taken[name], now); err != nil {
				return "", told, err
			}
			if id == "" {
				told = append(told, fmt.Sprintf("#%s is taken (%s)", name, why))
				s.logger.Warn("the name of an incident's channel is taken; the next one is tried", "incident", now.ID, "room", name, "why", why)
				continue
			}
		default:
			return "", told, s.explain("make #"+name, err)
		}
		s.remember(ctx, "room/"+now.ID, id)
		return id, told, nil
	}
	return "", told, fmt.Errorf("make a channel for %s: %d %w, from #%s on: archive and rename what is not used any more", now.ID, mostRooms, errTaken, s.roomName(now.ID, 1))
}

var errTaken = errors.New("names are taken")

// isRoomless reports whether an incident has no channel of its own until a person
// mends something: nothing is to wait for that.
func isRoomless(err error) bool { return is(err, forbidden) || errors.Is(err, errTaken) }

// roomName gives the n-th name for an incident's channel. Slack takes lower case,
// digits, hyphens and underscores, 80 of them: conversations.create.
func (s *session) roomName(id string, n int) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(s.rooms.Prefix+strings.TrimPrefix(id, "INC-")))
	name = name[:min(len(name), 76)]
	if n > 1 {
		return fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// purpose holds the mark by which a channel is known to be ours.
func (s *session) purpose(now publisher.Standing) string {
	return fmt.Sprintf("%s. Made by Tocsin, %s", now.ID, s.mark("room "+now.ID, now.Detected))
}

// adopt gives the ID of a channel that was there, if it is this incident's and can
// be used; else why not.
func (s *session) adopt(ctx context.Context, c api.Channel, now publisher.Standing) (id, why string, err error) {
	if c.ID == "" {
		return "", "by a private channel that the app is not in", nil
	}
	// Slack gives what it was told escaped.
	ours := strings.Contains(c.Purpose.Value, s.mark("room "+now.ID, now.Detected))
	if !ours && c.Purpose.Value == "" {
		// It may be ours from a moment before the mark was set.
		me, err := s.me(ctx)
		if err != nil {
			return "", "", err
		}
		ours = c.Creator == me
	}
	switch {
	case !ours:
		return "", "by a channel that somebody else made", nil
	case now.Private && !c.IsPrivate:
		return "", "by a public channel, and the incident is private", nil
	}
	if c.IsArchived {
		// A bot is no member of what is archived any more, and only members may open
		// it again: this works where the app was given more leave.
		if err := s.api.UnArchiveConversationContext(ctx, c.ID); err != nil && code(err) != "not_archived" {
			if code(err) == "" || code(err) == "ratelimited" {
				return "", "", s.explain("open #"+c.Name+" again", err)
			}
			return "", "it is archived, and Slack does not let apps open it again: " + code(err), nil
		}
	}
	if !c.IsMember && !c.IsPrivate {
		if _, _, _, err := s.api.JoinConversationContext(ctx, c.ID); err != nil {
			return "", "", s.explain("enter #"+c.Name, err)
		}
	}
	if !strings.Contains(c.Purpose.Value, s.mark("room "+now.ID, now.Detected)) {
		if _, err := s.api.SetPurposeOfConversationContext(ctx, c.ID, s.purpose(now)); err != nil {
			return "", "", s.explain("say what #"+c.Name+" is for", err)
		}
	}
	return c.ID, "", nil
}

// mostListed is how many channels Slack gives at once. It takes some twenty such
// questions a minute, and whoever is turned away begins anew.
const mostListed = 999

// channels gives all channels by name, those that are archived, too.
func (s *session) channels(ctx context.Context) (map[string]api.Channel, error) {
	all, cursor := map[string]api.Channel{}, ""
	for {
		page, next, err := s.api.GetConversationsContext(ctx, &api.GetConversationsParameters{
			Cursor: cursor, Limit: mostListed, Types: []string{"public_channel", "private_channel"},
		})
		if err != nil {
			return nil, s.explain("look which channels there are", err)
		}
		for _, c := range page {
			all[c.Name] = c
		}
		if cursor = next; cursor == "" {
			return all, nil
		}
	}
}

// invite brings people into the incident's own channel: those whom the
// configuration names, and those who are called. Nobody is brought back who was
// there and went.
func (s *session) invite(ctx context.Context, room string, now publisher.Standing, called []rules.Person) (told []string, err error) {
	people := slices.Clone(called)
	for _, to := range s.rooms.Invite {
		people = append(people, s.config().Who(to)...)
	}
	name := "invited/" + now.ID
	known := strings.Fields(s.recall(ctx, name))
	if len(known) == 0 || known[0] != room {
		known = []string{room}
	}
	var who []string
	for _, p := range people {
		if member.MatchString(p.Slack) && !slices.Contains(known, p.Slack) && !slices.Contains(who, p.Slack) {
			who = append(who, p.Slack)
		}
	}
	if len(who) == 0 {
		return nil, nil
	}
	const most = 100 // conversations.invite
	for some := range slices.Chunk(who, most) {
		_, err := s.api.InviteUsersToConversationContext(ctx, room, some...)
		if is(err, noPerson) && len(some) > 1 {
			// One of them is in the way of all; who is found out one by one.
			for _, id := range some {
				_, err := s.api.InviteUsersToConversationContext(ctx, room, id)
				more, err := s.invited(room, id, err)
				if told = append(told, more...); err != nil {
					return told, err
				}
			}
			continue
		}
		more, err := s.invited(room, some[0], err)
		if told = append(told, more...); err != nil {
			return told, err
		}
	}
	s.remember(ctx, name, strings.Join(append(known, who...), " "))
	return told, nil
}

// invited says what came of an invitation.
func (s *session) invited(room, id string, err error) (told []string, _ error) {
	switch {
	case err == nil, code(err) == "already_in_channel", code(err) == "cant_invite_self":
		return nil, nil
	case is(err, noPerson), is(err, forbidden):
		s.logger.Warn("somebody cannot be invited", "room", room, "who", id, "err", s.explain("invite", err))
		return []string{fmt.Sprintf("%s is not invited: %s", id, code(err))}, nil
	default:
		return nil, s.explain("invite people into "+room, err)
	}
}

// furnish brings up to date what stands in the incident's own channel: the pinned
// summary, the topic, the bookmarks. What Slack forbids is left out, and told.
func (s *session) furnish(ctx context.Context, room string, now publisher.Standing) (told []string, err error) {
	for _, do := range []func(context.Context, string, publisher.Standing) error{s.summary, s.topic, s.bookmarks} {
		err := do(ctx, room, now)
		if is(err, forbidden) {
			s.logger.Warn("an incident's channel lacks something", "room", room, "err", err)
			told = append(told, err.Error())
			continue
		}
		if err != nil {
			return told, err
		}
	}
	return told, nil
}

// summary keeps the pinned message.
func (s *session) summary(ctx context.Context, room string, now publisher.Standing) error {
	name, m := "summary/"+now.ID, s.summaryOf(now)
	ts, ok := strings.CutPrefix(s.recall(ctx, name), room+" ")
	if !ok {
		var err error
		if ts, err = s.find(ctx, room, "", now.Detected, m.mark); err != nil {
			return s.explain("look for the summary in "+room, err)
		}
	}
	shown := s.mark(fmt.Sprint(room, ts, m.text, sum(m.blocks)), now.Detected)
	if ts != "" && s.recall(ctx, "shown/"+now.ID) != shown {
		err := s.change(ctx, room, ts, m)
		if is(err, noMessage) {
			ts = ""
		} else if err != nil {
			return s.explain("bring the summary in "+room+" up to date", err)
		}
	}
	if ts == "" {
		var err error
		if ts, err = s.post(ctx, room, m); err != nil {
			return s.explain("post the summary in "+room, err)
		}
		shown = s.mark(fmt.Sprint(room, ts, m.text, sum(m.blocks)), now.Detected)
	}
	s.remember(ctx, name, room+" "+ts)
	s.remember(ctx, "shown/"+now.ID, shown)
	if pinned := room + " " + ts; s.recall(ctx, "pinned/"+now.ID) != pinned {
		err := s.api.AddPinContext(ctx, room, api.NewRefToMessage(room, ts))
		if err != nil && code(err) != "already_pinned" {
			return s.explain("pin the summary in "+room, err)
		}
		s.remember(ctx, "pinned/"+now.ID, pinned)
	}
	return nil
}

// topic keeps the topic: each change of it is a line in the channel, so it is set
// only where it is another.
func (s *session) topic(ctx context.Context, room string, now publisher.Standing) error {
	name, want := "topic/"+now.ID, topicOf(now)
	if s.recall(ctx, name) == room+" "+want {
		return nil
	}
	c, err := s.api.GetConversationInfoContext(ctx, &api.GetConversationInfoInput{ChannelID: room})
	if err != nil {
		return s.explain("look at the topic of "+room, err)
	}
	if c.Topic.Value != escape.Replace(want) {
		if _, err := s.api.SetTopicOfConversationContext(ctx, room, want); err != nil {
			return s.explain("set the topic of "+room, err)
		}
	}
	s.remember(ctx, name, room+" "+want)
	return nil
}

// bookmarks keeps the addresses at the top of the channel.
func (s *session) bookmarks(ctx context.Context, room string, now publisher.Standing) error {
	want := links(now)
	name, all := "bookmarks/"+now.ID, s.mark(room+fmt.Sprint(want), now.Detected)
	if s.recall(ctx, name) == all || len(want) == 0 {
		return nil
	}
	there, err := s.api.ListBookmarksContext(ctx, room)
	if err != nil {
		return s.explain("look at the bookmarks of "+room, err)
	}
	for _, l := range want {
		at := slices.IndexFunc(there, func(b api.Bookmark) bool { return b.Title == l.title })
		switch {
		case at < 0:
			_, err = s.api.AddBookmarkContext(ctx, room, api.AddBookmarkParameters{Title: l.title, Type: "link", Link: l.url})
		case there[at].Link != l.url && there[at].Link != escape.Replace(l.url):
			_, err = s.api.EditBookmarkContext(ctx, room, there[at].ID, api.EditBookmarkParameters{Title: &l.title, Link: l.url})
		}
		if err != nil {
			return s.explain("set the bookmarks of "+room, err)
		}
	}
	s.remember(ctx, name, all)
	return nil
}

// open gives the channel of direct messages to somebody.
func (s *session) open(ctx context.Context, who string) (string, error) {
	c, _, _, err := s.api.OpenConversationContext(ctx, &api.OpenConversationParameters{Users: []string{who}})
	if err != nil {
		return "", err
	}
	return c.ID, nil
}
