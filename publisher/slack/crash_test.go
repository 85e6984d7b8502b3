package slack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
)

// Whichever request is cut off, before Slack carries it out or after, a new
// channel that delivers again says everything once: with what was remembered, and
// with nothing of it.
func TestWhereverTheLineIsCutEverythingIsSaidOnce(t *testing.T) {
	for _, test := range []struct {
		stage string
		loses bool
	}{{"before", false}, {"after", false}, {"after", true}} {
		t.Run(fmt.Sprintf("%s it is carried out, remembering %v", test.stage, !test.loses), func(t *testing.T) {
			t.Parallel()
			cuts := 0
			for n := 1; cutOff(t, n, test.stage, test.loses); n++ {
				cuts++
			}
			if cuts < 30 {
				t.Errorf("only %d requests were cut off", cuts)
			}
			t.Logf("%d requests were cut off, each in a story of its own", cuts)
		})
	}
}

// cutOff tells a story in which the n-th request is cut off; false when it has none of
// that number.
func cutOff(t *testing.T, n int, stage string, loses bool) (was bool) {
	t.Helper()
	s := newStage(t)
	defer s.Close()
	s.Cut = func(number int, at string) bool {
		if number == n && at == stage {
			was = true
			return true
		}
		return false
	}
	at := begun()
	story := []publisher.Delivery{
		called(at, 1, "P1", s.config.People[0]),
		said(at, "P1 investigating"),
		said(at, "P1 investigating", "P1 resolved"),
	}
	direct := called(at, 2, "P2", s.config.People[1])
	direct.Notice.ID, direct.Key = "INC-2026-0002", "INC-2026-0002/notice/1"
	for _, d := range append(story, direct) {
		for ; ; d.Attempt++ {
			_, err := s.channel().Publish(t.Context(), d)
			if err == nil {
				break
			}
			if d.Attempt > 3 {
				t.Fatalf("cut %s request %d: %s: %v", stage, n, d.Key, err)
			}
			if loses {
				s.memory.clear()
			}
		}
	}
	wrong := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			cut := s.Requests()[min(n, len(s.Requests()))-1]
			t.Errorf("cut %s request %d (%s): %s: %v, want %v", stage, n, cut.Method, what, got, want)
		}
	}
	wrong("announced", parts(s.Messages(slacktest.Announcements)), map[string]int{"root": 1, "reply": 2})
	wrong("in the channel", parts(s.Messages(room)), map[string]int{"call": 1, "summary": 1, "update": 2})
	wrong("written to Bo", parts(s.Messages("@U0BO")), map[string]int{"call": 1})
	wrong("channels", s.Channels(), []string{"@U0BO", "announcements", room})
	r, _ := s.Channel(room)
	wrong("pins", r.Pins, []string{s.one(room, "summary").TS})
	wrong("bookmarks", slices.Sorted(maps.Keys(r.Bookmarks)), []string{"Console", "Runbook", "SigNoz", "Status page", "War room"})
	wrong("members", r.Members, []string{slacktest.Self, "U0ANN", "U0BO"})
	wrong("topic", r.Topic, "INC-2026-0001 · P1 · resolved · nothing more is to come")
	wrong("purpose", strings.HasPrefix(r.Purpose, "INC-2026-0001. Made by Tocsin, "), true)
	wrong("how it stands", strings.Contains(s.one(slacktest.Announcements, "root").Text, "Resolved"), true)
	return was
}

// A late answer is as bad as none: what was carried out is found.
func TestAnAnswerThatComesTooLateIsNoReasonToSayItTwice(t *testing.T) {
	s := newStage(t)
	s.Fail(slacktest.Fault{Method: "chat.postMessage", Delay: 2 * time.Second})
	c, d := s.channel(), said(begun(), "P2 investigating")
	c.client.Timeout = 50 * time.Millisecond
	if _, err := c.Publish(t.Context(), d); err == nil {
		t.Fatal("it did not come late")
	}
	s.memory.clear()
	s.publish(s.channel(), d)
	if got := parts(s.Messages(slacktest.Announcements)); got["root"] != 1 || got["reply"] != 1 {
		t.Errorf("there are %v", got)
	}
}

// What stands between is read over: people talk in channels.
func TestOursIsFoundAmongWhatPeopleSay(t *testing.T) {
	s := newStage(t)
	at := begun()
	s.publish(s.channel(), said(at, "P1 investigating"))
	r, _ := s.Channel(room)
	for n := range 450 {
		s.Post(slacktest.Announcements, "U0ANN", fmt.Sprint("talk ", n))
		s.Post(r.ID, "U0ANN", fmt.Sprint("talk ", n))
	}
	s.memory.clear()
	s.publish(s.channel(), said(at, "P1 investigating"))
	s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
	if a, in := parts(s.Messages(slacktest.Announcements)), parts(s.Messages(room)); a["root"] != 1 || a["reply"] != 2 || in["summary"] != 1 || in["update"] != 2 {
		t.Errorf("announced %v, in the channel %v", a, in)
	}
}
