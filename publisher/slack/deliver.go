package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// update brings out an update: into the thread of announcements, and into the
// incident's own channel where there is one. What is wrong with the one is not
// in the way of the other.
func (s *session) update(ctx context.Context, d publisher.Delivery) (receipt string, err error) {
	body, err := s.body(d)
	if err != nil {
		return "", err
	}
	now := s.standing(d)
	if now.Private { // then no update is for others; nothing is announced even by mistake
		return "", fmt.Errorf("update %s is of a private incident: %w", d.Key, publisher.ErrPermanent)
	}
	announced, root, errOut := s.announce(ctx, d, now, body)
	inside, told, errRoom := s.inRoom(ctx, d, now, body)
	if isRoomless(errRoom) {
		// People have to mend it, and updates that are held up help nobody: it is
		// said where they look, and the next update tries again.
		why := errRoom.Error()
		s.logger.Warn("an incident has no channel of its own", "incident", d.Incident.ID, "err", errRoom)
		told, errRoom = append(told, why), nil
		if errOut == nil {
			m := s.toldOf(d, why)
			m.thread = root
			if _, err := s.once(ctx, s.rules.Slack.Channel, d.Incident.Detected, m); err != nil {
				errRoom = s.explain("say in the thread that there is no channel", err)
			}
		}
	}
	if err := errors.Join(errOut, errRoom); err != nil {
		return "", err
	}
	return strings.Join(append([]string{strings.TrimSpace(announced + " " + inside)}, told...), "; "), nil
}

// body gives the words of an update.
func (s *session) body(d publisher.Delivery) (string, error) {
	text, err := s.words.Elsewhere(d.Public, *d.Incident, *d.Update)
	if err != nil {
		return "", fmt.Errorf("slack %q: make the words: %w", s.name, err)
	}
	return text, nil
}

// notice gives the words of a call, without the addresses that it has buttons for.
func (s *session) notice(n templates.Notice) (string, error) {
	for _, address := range []*string{&n.Console, &n.WarRoom, &n.Runbook, &n.SigNoz} {
		if fitURL(*address) {
			*address = ""
		}
	}
	text, err := s.words.Notice(n)
	if err != nil {
		return "", fmt.Errorf("slack %q: make the words: %w", s.name, err)
	}
	return text, nil
}

// announce keeps the message of an incident up to date, and puts the update into
// its thread. The message comes first: an update has to be a reply to something.
func (s *session) announce(ctx context.Context, d publisher.Delivery, now publisher.Standing, body string) (receipt, root string, err error) {
	channel := s.rules.Slack.Channel
	err = s.inside(ctx, channel, func() error {
		var fresh bool
		if root, fresh, err = s.root(ctx, channel, s.rootOf(d, now), d.Incident); err != nil {
			return err
		}
		m := s.updateOf(d, body, "reply")
		m.thread, m.broadcast = root, d.Update.State == "resolved"
		var ts string
		if fresh {
			ts, err = s.post(ctx, channel, m) // there is nothing below it yet
		} else {
			ts, err = s.once(ctx, channel, d.Update.Said, m)
		}
		receipt = channel + " " + ts
		return err
	})
	return receipt, root, s.explain("announce "+d.Key+" in "+channel, err)
}

// root gives the message of an incident as it is to stand now, made if it is not
// there.
func (s *session) root(ctx context.Context, channel string, m message, i *templates.Incident) (ts string, fresh bool, err error) {
	name := "root/" + i.ID
	if known := s.recall(ctx, name); strings.HasPrefix(known, channel+" "+m.mark+" ") {
		ts = strings.TrimPrefix(known, channel+" "+m.mark+" ")
	} else if ts, err = s.find(ctx, channel, "", i.Detected, m.mark); err != nil {
		return "", false, err
	}
	if ts != "" {
		err = s.change(ctx, channel, ts, m)
		if err == nil {
			s.remember(ctx, name, channel+" "+m.mark+" "+ts)
			return ts, false, nil
		}
		if !is(err, noMessage) {
			return "", false, err
		}
		s.logger.Warn("somebody took away the message of an incident, or it cannot be changed any more; another one is posted", "incident", i.ID, "err", err)
	}
	if ts, err = s.post(ctx, channel, m); err != nil {
		return "", false, err
	}
	s.remember(ctx, name, channel+" "+m.mark+" "+ts)
	return ts, true, nil
}

// inside does something in a channel, and enters it first if that is what is in
// the way and everybody may.
func (s *session) inside(ctx context.Context, channel string, do func() error) error {
	err := do()
	if code(err) != "not_in_channel" {
		return err
	}
	if _, _, _, join := s.api.JoinConversationContext(ctx, channel); join != nil {
		if code(join) == "missing_scope" {
			return join
		}
		return err
	}
	s.logger.Info("the app entered a channel by itself", "in", channel)
	return do()
}

// call calls people: in the incident's own channel, else each by a direct message.
func (s *session) call(ctx context.Context, d publisher.Delivery) (receipt string, err error) {
	text, err := s.notice(*d.Notice)
	if err != nil {
		return "", err
	}
	now := s.standing(d)
	now.Private = now.Private || d.Notice.Private
	if s.has(ctx, now, d.Notice.Severity) {
		receipt, err = s.callInRoom(ctx, d, now, text)
		if !isRoomless(err) {
			return receipt, err
		}
		s.logger.Warn("an incident has no channel of its own; people are called by direct messages", "incident", d.Notice.ID, "err", err)
	}
	return s.callEach(ctx, d, now, text)
}

// mentions makes mentions of those who have a member ID, and gives the names of
// the others.
func mentions(people []rules.Person) (all, without []string) {
	for _, p := range people {
		if member.MatchString(p.Slack) {
			all = append(all, "<@"+p.Slack+">")
		} else {
			without = append(without, oneline(nameOf(p)))
		}
	}
	return all, without
}

func nameOf(p rules.Person) string { return shorten(cmp.Or(p.Name, p.ID), mostLine) }

// missing says who is called and cannot be mentioned.
func missing(without []string) string {
	if len(without) == 0 {
		return ""
	}
	return "\nNot mentioned, since the configuration has no member ID of theirs: " + strings.Join(without, ", ")
}

func (s *session) callInRoom(ctx context.Context, d publisher.Delivery, now publisher.Standing, text string) (receipt string, err error) {
	told, err := s.withRoom(ctx, now, func(room string) (told []string, err error) {
		told, err = s.invite(ctx, room, now, d.People)
		if err != nil {
			return told, err
		}
		all, without := mentions(d.People)
		ts, err := s.once(ctx, room, d.Notice.At, s.callOf(d, now, text+missing(without), all, ""))
		if err != nil {
			return told, s.explain("call people in "+room, err)
		}
		receipt = room + " " + ts
		more, err := s.furnish(ctx, room, now)
		return append(told, more...), err
	})
	if err != nil {
		return "", err
	}
	return strings.Join(append([]string{receipt}, told...), "; "), nil
}

// callEach writes to each person alone. One who cannot be reached is not in the
// way of the others; where nobody can be, the call has failed.
func (s *session) callEach(ctx context.Context, d publisher.Delivery, now publisher.Standing, text string) (string, error) {
	var receipts, told []string
	var errs []error
	for _, p := range d.People {
		if !member.MatchString(p.Slack) {
			told = append(told, nameOf(p)+": the configuration has no member ID of theirs")
			continue
		}
		where, err := s.direct(ctx, d, now, text, p.Slack)
		switch {
		case is(err, noPerson):
			told = append(told, fmt.Sprintf("%s: Slack says %s of %s", nameOf(p), code(err), p.Slack))
		case err != nil:
			errs = append(errs, s.explain("call "+nameOf(p), err))
		default:
			receipts = append(receipts, where)
		}
	}
	for _, what := range told {
		s.logger.Warn("somebody cannot be called in Slack", "key", d.Key, "who", what)
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	if len(receipts) == 0 {
		return "", fmt.Errorf("nobody who is called can be reached in Slack (%s): give them `slack: U…` under people: %w", strings.Join(told, "; "), publisher.ErrPermanent)
	}
	return strings.Join(append(receipts, told...), "; "), nil
}

func (s *session) direct(ctx context.Context, d publisher.Delivery, now publisher.Standing, text, who string) (string, error) {
	name := "direct/" + who
	channel := s.recall(ctx, name)
	if channel == "" {
		c, err := s.open(ctx, who)
		if err != nil {
			return "", err
		}
		channel = c
		s.remember(ctx, name, channel)
	}
	ts, err := s.once(ctx, channel, d.Notice.At, s.callOf(d, now, text, nil, who))
	if code(err) == "channel_not_found" {
		s.remember(ctx, name, "")
	}
	return channel + " " + ts, err
}
