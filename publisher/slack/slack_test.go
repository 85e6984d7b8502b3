package slack

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
	"github.com/featuresignals/tocsin/rules"
)

func TestAnIncidentIsOneMessageThatShowsHowItStandsWithTheUpdatesInItsThread(t *testing.T) {
	s := newStage(t)
	c, at := s.channel(), begun()
	s.publish(c, said(at, "P2 investigating"))
	s.publish(c, said(at, "P2 investigating", "P2 monitoring"))
	s.publish(c, said(at, "P2 investigating", "P2 monitoring", "P2 resolved"))

	root := s.one(slacktest.Announcements, "root")
	if root.Edited != 2 || !strings.Contains(string(root.Blocks), "Resolved") || root.Thread != "" {
		t.Errorf("the message does not show how it stands now: edited %d times, %s", root.Edited, root.Blocks)
	}
	var replies []slacktest.Message
	for _, m := range s.Messages(slacktest.Announcements) {
		if m.Part() == "reply" {
			replies = append(replies, m)
		}
	}
	if len(replies) != 3 {
		t.Fatalf("%d replies, want 3", len(replies))
	}
	for n, m := range replies {
		if m.Thread != root.TS || m.Broadcast != (n == 2) || m.Key() != fmt.Sprintf("INC-2026-0001/%d", n+1) {
			t.Errorf("reply %d: thread %s of %s, broadcast %v, key %s", n, m.Thread, root.TS, m.Broadcast, m.Key())
		}
	}
	if _, ok := s.Channel(room); ok {
		t.Error("a P2 has a channel of its own")
	}
	s.lookAt()
}

func TestTheWorstHaveAChannelOfTheirOwn(t *testing.T) {
	s := newStage(t)
	c, at := s.channel(), begun()
	s.publish(c, called(at, 1, "P1", s.config.People[0], s.config.People[2]))
	s.publish(c, said(at, "P1 investigating"))
	r, ok := s.Channel(room)
	if !ok {
		t.Fatalf("there is no channel: %v", s.Channels())
	}
	if want := []string{slacktest.Self, "U0ANN", "U0BO"}; !slices.Equal(r.Members, want) {
		t.Errorf("in it are %v, want %v", r.Members, want)
	}
	if r.Private || !strings.Contains(r.Topic, "INC-2026-0001 · P1 · investigating · next update by ") {
		t.Errorf("private %v, topic %q", r.Private, r.Topic)
	}
	want := map[string]string{
		"Console": "https://console.example.com/incidents/INC-2026-0001", "SigNoz": "https://signoz.example.com",
		"War room": "https://meet.example.com/war", "Status page": "https://status.example.com/incidents/INC-2026-0001.html", "Runbook": "https://runbooks.example.com/api",
	}
	if fmt.Sprint(r.Bookmarks) != fmt.Sprint(want) {
		t.Errorf("bookmarks %v, want %v", r.Bookmarks, want)
	}
	if summary := s.one(room, "summary"); !summary.Pinned {
		t.Error("the summary is not pinned")
	}
	call := s.one(room, "call")
	if !strings.HasPrefix(call.Text, "<@U0ANN> 🟠 P1") || strings.Contains(string(call.Blocks), "<@U0BO>") {
		t.Errorf("the call mentions somebody else: %s %s", call.Text, call.Blocks)
	}
	if !strings.Contains(string(call.Blocks), `Cy \u0026lt;!channel\u0026gt; Díaz`) {
		t.Errorf("it does not say who could not be mentioned: %s", call.Blocks)
	}

	s.publish(c, said(at, "P1 investigating", "P1 resolved"))
	r, _ = s.Channel(room)
	if r.Archived || !strings.Contains(r.Topic, "resolved") {
		t.Errorf("archived %v, topic %q", r.Archived, r.Topic)
	}
	if summary := s.one(room, "summary"); strings.Contains(string(summary.Blocks), pressAck) || !strings.Contains(string(summary.Blocks), "✅") {
		t.Errorf("the summary is not that of what is over: %s", summary.Blocks)
	}
	if n := parts(s.Messages(room))["update"]; n != 2 {
		t.Errorf("%d updates are in it, want 2", n)
	}
	s.lookAt()
}

func TestAChannelStaysWhenTheIncidentBecomesMilder(t *testing.T) {
	s := newStage(t)
	at := begun()
	s.publish(s.channel(), said(at, "P1 investigating"))
	s.publish(s.channel(), said(at, "P1 investigating", "P3 monitoring"))
	if n := parts(s.Messages(room))["update"]; n != 2 {
		t.Errorf("%d updates are in it, want 2", n)
	}
}

func TestWhatIsPrivateIsInAPrivateChannelAndNowhereElse(t *testing.T) {
	s := newStage(t)
	d := called(begun(), 1, "P1", s.config.People[0])
	d.Notice.Private = true
	s.publish(s.channel(), d)
	if r, _ := s.Channel(room); !r.Private {
		t.Errorf("it is public: %+v", r)
	}
	if n := len(s.Messages(slacktest.Announcements)); n != 0 {
		t.Errorf("%d messages are announced", n)
	}
	update := said(begun(), "P1 investigating")
	s.now = func(string) (publisher.Standing, bool) {
		return publisher.Standing{Notice: *d.Notice}, true
	}
	if _, err := s.channel().Publish(t.Context(), update); !errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("an update of a private incident: %v", err)
	}
	s.lookAt()
}

func TestAPrivateIncidentNeverTakesOverAPublicChannel(t *testing.T) {
	s := newStage(t)
	at := begun()
	s.publish(s.channel(), called(at, 1, "P1", s.config.People[0]))
	s.memory.clear()
	d := called(at, 2, "P1", s.config.People[0])
	d.Notice.Private = true
	s.publish(s.channel(), d)
	if r, ok := s.Channel(room + "-2"); !ok || !r.Private {
		t.Errorf("channels: %v", s.Channels())
	}
}

func TestInsideUpdatesAreAnnouncedAsSuch(t *testing.T) {
	s := newStage(t)
	d := said(begun(), "P3 resolved")
	d.Inside, d.Public.Incidents = true, nil
	s.publish(s.channel(), d)
	if reply := s.one(slacktest.Announcements, "reply"); !strings.Contains(string(reply.Blocks), "Inside: customers do not read this update") {
		t.Errorf("it does not say so: %s", reply.Blocks)
	}
	if root := s.one(slacktest.Announcements, "root"); strings.Contains(string(root.Blocks), "status.example.com") {
		t.Errorf("it links a page that is not there: %s", root.Blocks)
	}
	s.lookAt()
}

func TestACallWithoutAChannelGoesToEachAlone(t *testing.T) {
	s := newStage(t)
	s.AddUser("U0GONE", "user_disabled")
	gone := rules.Person{ID: "di", Name: "Di", Slack: "U0GONE"}
	receipt := s.publish(s.channel(), called(begun(), 1, "P2", s.config.People[0], gone, s.config.People[1]))
	for _, who := range []string{"@U0ANN", "@U0BO"} {
		if call := s.one(who, "call"); strings.Contains(call.Text, "<@") {
			t.Errorf("%s: a direct message mentions somebody: %s", who, call.Text)
		}
	}
	if !strings.Contains(receipt, "Di: Slack says user_disabled of U0GONE") {
		t.Errorf("the receipt does not tell of who was not reached: %s", receipt)
	}
	s.publish(s.channel(), called(begun(), 1, "P2", s.config.People[0]))
	s.lookAt()
}

func TestACallThatReachesNobodyIsGivenUp(t *testing.T) {
	s := newStage(t)
	_, err := s.channel().Publish(t.Context(), called(begun(), 1, "P2", s.config.People[2]))
	if !errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), "give them `slack: U…` under people") {
		t.Errorf("%v", err)
	}
}

func TestNoRoomIsMadeWhereNobodyAskedForAny(t *testing.T) {
	s := newStage(t)
	s.rules.Slack.Rooms = rules.Rooms{}
	s.publish(s.channel(), called(begun(), 1, "P0", s.config.People[0]))
	s.publish(s.channel(), said(begun(), "P0 investigating"))
	if got := s.Channels(); !slices.Equal(got, []string{"@U0ANN", "announcements"}) {
		t.Errorf("channels: %v", got)
	}
}

// What goes wrong, what is said of it, and what comes of the next attempt.
func TestFaultsSayWhatToDo(t *testing.T) {
	scopes := []string{"chat:write", "channels:history"}
	for name, test := range map[string]struct {
		fault slacktest.Fault
		want  string
		wait  time.Duration
	}{
		"too many requests":                        {slacktest.Fault{Method: "chat.postMessage", Status: 429, Retry: 17}, "wants the next one in 17s", 17 * time.Second},
		"too many requests, not said for how long": {slacktest.Fault{Status: 429, Body: "slow down", Type: "text/plain"}, "wants the next one in", time.Second},
		"a scope is missing": {
			slacktest.Fault{Method: "chat.postMessage", Error: "missing_scope", Needed: "chat:write", Provided: strings.Join(scopes, ",")},
			"the app needs the scope chat:write and has chat:write,channels:history", 0,
		},
		"the token was revoked":  {slacktest.Fault{Error: "token_revoked"}, "install the app again and write the new token into", 0},
		"the bot was removed":    {slacktest.Fault{Error: "account_inactive"}, "the bot's token does not hold any more", 0},
		"Slack is broken":        {slacktest.Fault{Status: 503, Body: "<html>"}, "answered 503 Service Unavailable", 0},
		"a proxy answers":        {slacktest.Fault{Status: 200, Body: "<html><title>Sign in to the network</title>"}, `is a proxy in between`, 0},
		"Slack has an error":     {slacktest.Fault{Error: "internal_error"}, "Slack says internal_error", 0},
		"the channel is gone":    {slacktest.Fault{Error: "channel_not_found"}, "check the ID, and /invite the app there", 0},
		"the answer comes never": {slacktest.Fault{Method: "chat.postMessage", Delay: time.Minute}, "exceeded", 0}, // net/http has two words for it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.Fail(test.fault)
			c, d := s.channel(), said(begun(), "P2 investigating")
			if test.fault.Delay > 0 {
				c.client.Timeout = 50 * time.Millisecond
			}
			_, err := c.Publish(t.Context(), d)
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, publisher.ErrPermanent) {
				t.Fatalf("error %v\nwant one that holds %q and is not permanent", err, test.want)
			}
			if strings.Contains(err.Error(), s.Token) {
				t.Errorf("the error holds the token: %v", err)
			}
			later, ok := errors.AsType[*publisher.RetryAfter](err)
			if ok != (test.wait > 0) || ok && later.Wait < test.wait {
				t.Errorf("to wait %+v, want %v", later, test.wait)
			}
			c.client.Timeout = timeout
			d.Attempt++
			s.publish(c, d)
			if got := parts(s.Messages(slacktest.Announcements)); got["root"] != 1 || got["reply"] != 1 {
				t.Errorf("after the second attempt there are %v", got)
			}
		})
	}
}

func TestALimitOfPostsIsWaitedOutAndNothingIsPostedTwice(t *testing.T) {
	s := newStage(t)
	s.Limit("chat.postMessage", 2, 1100*time.Millisecond)
	d, tries := said(begun(), "P1 investigating"), 0
	for ; ; tries++ {
		_, err := s.channel().Publish(t.Context(), d)
		if err == nil {
			break
		}
		later, ok := errors.AsType[*publisher.RetryAfter](err)
		if !ok || tries > 5 {
			t.Fatal(err)
		}
		time.Sleep(later.Wait)
		d.Attempt++
	}
	if a, r := parts(s.Messages(slacktest.Announcements)), parts(s.Messages(room)); a["root"] != 1 || a["reply"] != 1 || r["summary"] != 1 || r["update"] != 1 {
		t.Errorf("announced %v, in the channel %v", a, r)
	}
	if tries == 0 {
		t.Error("the limit was never met")
	}
}

func TestTheAppEntersAPublicChannelByItself(t *testing.T) {
	s := newStage(t)
	s.AddChannel(slacktest.Channel{ID: "C0OTHER", Name: "other"})
	s.rules.Slack.Channel = "C0OTHER"
	s.publish(s.channel(), said(begun(), "P2 investigating"))
	s.one("C0OTHER", "root")

	s.Granted = []string{"chat:write", "channels:history"}
	s.AddChannel(slacktest.Channel{ID: "C0THIRD", Name: "third"})
	s.rules.Slack.Channel = "C0THIRD"
	_, err := s.channel().Publish(t.Context(), said(begun(), "P2 investigating"))
	if err == nil || !strings.Contains(err.Error(), "needs the scope channels:join and has chat:write,channels:history") {
		t.Errorf("without the scope: %v", err)
	}
}

func TestOnlyPeopleLetTheAppIntoAPrivateChannel(t *testing.T) {
	s := newStage(t)
	s.AddChannel(slacktest.Channel{ID: "C0SECRET", Name: "secret", Private: true})
	s.rules.Slack.Channel = "C0SECRET"
	_, err := s.channel().Publish(t.Context(), said(begun(), "P2 investigating"))
	if err == nil || !strings.Contains(err.Error(), "/invite the app there") {
		t.Errorf("%v", err)
	}
}

func TestUpdatesAreNotHeldUpByAChannelThatSlackForbids(t *testing.T) {
	s := newStage(t)
	s.Granted = []string{"chat:write", "channels:history", "im:write", "im:history"}
	at := begun()
	receipt := s.publish(s.channel(), said(at, "P1 investigating"))
	s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
	if got := parts(s.Messages(slacktest.Announcements)); got["root"] != 1 || got["reply"] != 2 || got["told"] != 1 {
		t.Errorf("announced: %v", got)
	}
	told := s.one(slacktest.Announcements, "told")
	for what, text := range map[string]string{"receipt": receipt, "thread": told.Text} {
		if !strings.Contains(text, "needs the scope channels:manage and has chat:write,channels:history") {
			t.Errorf("the %s does not say what is missing: %s", what, text)
		}
	}
	s.publish(s.channel(), called(at, 1, "P1", s.config.People[0]))
	s.one("@U0ANN", "call")
	s.lookAt()
}

func TestANameThatIsTaken(t *testing.T) {
	t.Run("by somebody else's channel: the next is taken", func(t *testing.T) {
		s := newStage(t)
		s.AddChannel(slacktest.Channel{ID: "C0THEIRS", Name: room, Creator: "U0ANN", Purpose: "lunch"})
		receipt := s.publish(s.channel(), said(begun(), "P1 investigating"))
		s.one(room+"-2", "update")
		if !strings.Contains(receipt, "#incident-2026-0001 is taken (by a channel that somebody else made)") {
			t.Errorf("it is not told: %s", receipt)
		}
		if n := len(s.Messages(room)); n != 0 {
			t.Errorf("%d messages are in somebody else's channel", n)
		}
		s.memory.clear()
		s.publish(s.channel(), said(begun(), "P1 investigating", "P1 monitoring"))
	})
	t.Run("by a private channel that the app cannot see: the next is taken", func(t *testing.T) {
		s := newStage(t)
		s.AddChannel(slacktest.Channel{ID: "C0THEIRS", Name: room, Private: true, Creator: "U0ANN"})
		s.publish(s.channel(), said(begun(), "P1 investigating"))
		s.one(room+"-2", "update")
	})
	t.Run("by ours, among many others, although nothing is remembered: it is found", func(t *testing.T) {
		s := newStage(t)
		for n := range 450 {
			s.AddChannel(slacktest.Channel{ID: fmt.Sprintf("C9%04d", n), Name: fmt.Sprintf("room-%d", n)})
			s.AddChannel(slacktest.Channel{ID: fmt.Sprintf("A9%04d", n), Name: fmt.Sprintf("place-%d", n), Archived: n%2 == 0})
		}
		at := begun()
		s.publish(s.channel(), said(at, "P1 investigating"))
		s.memory.clear()
		s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
		if n := parts(s.Messages(room)); n["update"] != 2 || n["summary"] != 1 {
			t.Errorf("in it: %v; channels %d", n, len(s.Channels()))
		}
		// Slack takes some 20 such questions a minute, and one that is turned away
		// begins anew.
		n := 0
		for _, r := range s.Requests() {
			if r.Method == "conversations.list" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d questions for 900 channels", n)
		}
	})
	t.Run("by another store's incident of the same number: the next is taken", func(t *testing.T) {
		s := newStage(t)
		s.publish(s.channel(), said(begun(), "P1 investigating"))
		s.memory.clear()
		s.publish(s.channel(), said(begun().Add(-time.Hour), "P1 investigating"))
		s.one(room+"-2", "update")
		s.one(room, "update")
	})
	t.Run("nine times over: it says so, and neither updates nor calls wait for it", func(t *testing.T) {
		s := newStage(t)
		for n := range 9 {
			name := fmt.Sprintf("%s-%d", room, n+1)
			if n == 0 {
				name = room
			}
			s.AddChannel(slacktest.Channel{ID: fmt.Sprintf("C0THEIRS%d", n), Name: name, Purpose: "lunch"})
		}
		if receipt := s.publish(s.channel(), said(begun(), "P1 investigating")); !strings.Contains(receipt, "9 names are taken") {
			t.Errorf("the receipt: %s", receipt)
		}
		s.one(slacktest.Announcements, "reply")
		if told := s.one(slacktest.Announcements, "told"); !strings.Contains(told.Text, "9 names are taken") {
			t.Errorf("the thread: %s", told.Text)
		}
		s.publish(s.channel(), called(begun(), 1, "P1", s.config.People[0]))
		s.one("@U0ANN", "call")
	})
}

func TestAChannelThatSomebodyArchives(t *testing.T) {
	t.Run("cannot be opened again by an app: another one is made, and it is told", func(t *testing.T) {
		s := newStage(t)
		at := begun()
		s.publish(s.channel(), said(at, "P1 investigating"))
		r, _ := s.Channel(room)
		s.Archive(r.ID)
		receipt := s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
		s.one(room+"-2", "update")
		if !strings.Contains(receipt, "Slack does not let apps open it again: not_in_channel") {
			t.Errorf("it is not told: %s", receipt)
		}
	})
	t.Run("is opened again where the app may", func(t *testing.T) {
		s := newStage(t)
		s.Unarchives = true
		at := begun()
		s.publish(s.channel(), said(at, "P1 investigating"))
		r, _ := s.Channel(room)
		s.Archive(r.ID)
		s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
		if got := parts(s.Messages(room)); got["update"] != 2 || got["summary"] != 1 {
			t.Errorf("in it: %v, channels %v", got, s.Channels())
		}
	})
	t.Run("of announcements: it says what to do", func(t *testing.T) {
		s := newStage(t)
		s.Fail(slacktest.Fault{Error: "is_archived"})
		_, err := s.channel().Publish(t.Context(), said(begun(), "P2 investigating"))
		if err == nil || !strings.Contains(err.Error(), "unarchive it, or name another one") {
			t.Errorf("%v", err)
		}
	})
}

func TestAMessageThatSomebodyTakesAwayIsPostedAnew(t *testing.T) {
	s := newStage(t)
	at := begun()
	s.publish(s.channel(), said(at, "P1 investigating"))
	s.Delete(slacktest.Announcements, s.one(slacktest.Announcements, "root").TS)
	r, _ := s.Channel(room)
	s.Delete(r.ID, s.one(room, "summary").TS)
	s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
	s.one(slacktest.Announcements, "root")
	if !s.one(room, "summary").Pinned {
		t.Error("the new summary is not pinned")
	}
}

func TestPeopleWhoCannotBeInvitedAreNotInTheWay(t *testing.T) {
	s := newStage(t)
	s.AddUser("U0GUEST", "cant_invite")
	s.config.People = append(s.config.People,
		rules.Person{ID: "x", Slack: "U0NOBODY", Roles: []string{"cto"}}, rules.Person{ID: "y", Slack: "U0GUEST", Roles: []string{"cto"}},
		rules.Person{ID: "z", Slack: slacktest.Self, Roles: []string{"cto"}}, rules.Person{ID: "bad", Slack: "<!channel>", Roles: []string{"cto"}})
	receipt := s.publish(s.channel(), called(begun(), 1, "P1", s.config.People[0]))
	r, _ := s.Channel(room)
	if want := []string{slacktest.Self, "U0ANN", "U0BO"}; !slices.Equal(r.Members, want) {
		t.Errorf("in it are %v, want %v", r.Members, want)
	}
	for _, want := range []string{"U0NOBODY is not invited: user_not_found", "U0GUEST is not invited: cant_invite"} {
		if !strings.Contains(receipt, want) {
			t.Errorf("it is not told: %s", receipt)
		}
	}
}

func TestNobodyIsBroughtBackWhoWent(t *testing.T) {
	s := newStage(t)
	at := begun()
	s.publish(s.channel(), said(at, "P1 investigating"))
	before := len(s.Requests())
	s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
	for _, r := range s.Requests()[before:] {
		if r.Method == "conversations.invite" {
			t.Errorf("invited again: %v", r.Form)
		}
	}
}

func TestAFormThatSlackRefusesGoesOutAsText(t *testing.T) {
	s := newStage(t)
	s.Fail(slacktest.Fault{Method: "chat.postMessage", Error: "invalid_blocks", Times: 2})
	s.Fail(slacktest.Fault{Method: "chat.postMessage", Error: "invalid_blocks"})
	_, err := s.channel().Publish(t.Context(), said(begun(), "P2 investigating"))
	if err == nil {
		t.Error("two refusals in a row went through")
	}
	s.publish(s.channel(), said(begun(), "P2 investigating"))
	if root := s.one(slacktest.Announcements, "root"); string(root.Blocks) != "[]" || !strings.Contains(root.Text, "Elevated errors") {
		t.Errorf("text %q, blocks %s", root.Text, root.Blocks)
	}
}

func TestATokenThatIsChangedIsReadAgain(t *testing.T) {
	s := newStage(t)
	c, at := s.channel(), begun()
	s.publish(c, said(at, "P2 investigating"))
	s.Token = "xoxb-0001-new"
	d := said(at, "P2 investigating", "P2 monitoring")
	if _, err := c.Publish(t.Context(), d); err == nil || !strings.Contains(err.Error(), s.TokenFile) {
		t.Errorf("with the old token: %v", err)
	}
	if err := os.WriteFile(s.TokenFile, []byte("half a tok"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), d); err == nil {
		t.Error("half a token was used")
	}
	if err := os.WriteFile(s.TokenFile, []byte(s.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	s.publish(c, d)
}

func TestMistakesInTheConfigurationShowAtTheStart(t *testing.T) {
	s := newStage(t)
	file := func(body string) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, test := range map[string]struct {
		change func(*rules.Channel)
		want   string
	}{
		"no channel":                     {func(c *rules.Channel) { c.Slack = nil }, `want the ID of the channel of announcements, as "C0123ABCD"`},
		"a name in the place of an ID":   {func(c *rules.Channel) { c.Slack = &rules.Slack{Channel: "#incidents"} }, "channel: want the ID"},
		"no token":                       {func(c *rules.Channel) { c.TokenFile = "" }, "token_file is missing"},
		"a person's token":               {func(c *rules.Channel) { c.TokenFile = file("xoxp-1") }, "which begins with xoxb-"},
		"an empty secret":                {func(c *rules.Channel) { c.SecretFile = file("\n") }, "holds 0 words"},
		"a short secret":                 {func(c *rules.Channel) { c.SecretFile = file("abc") }, "3 characters are too few"},
		"an address that is read along":  {func(c *rules.Channel) { c.URL = "http://slack.example.com/api/" }, "lets others read the token"},
		"an address with a name in it":   {func(c *rules.Channel) { c.URL = "https://me:x@slack.example.com/" }, "holds a user name"},
		"an address that is none at all": {func(c *rules.Channel) { c.URL = "slack.com" }, "no host"},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.rules
			test.change(&c)
			_, err := New(Config{Channel: c, Templates: set(), Logger: s.log})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	c := s.rules
	c.URL = strings.TrimSuffix(c.URL, "/")
	if got, err := New(Config{Channel: c, Templates: set(), Logger: s.log}); err != nil || got.url != s.URL() {
		t.Errorf("without the last stroke: %v", err)
	}
}

// As docs/slack.md says: then the buttons do nothing.
func TestWithoutASecretThereIsStillEverythingButButtons(t *testing.T) {
	s := newStage(t)
	s.rules.SecretFile = ""
	var log strings.Builder
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	c := s.channel()
	s.publish(c, said(begun(), "P2 investigating"))
	h := &Callbacks{Channel: func(string) *Channel { return c }, Desk: &desk{}, Logger: slog.New(slog.DiscardHandler)}
	for _, secret := range []string{"", s.Secret} {
		body, stamp := "payload={}", fmt.Sprint(time.Now().Unix())
		r := httptest.NewRequest("POST", "/slack/team/interactions", strings.NewReader(body))
		r.Header.Set("X-Slack-Request-Timestamp", stamp)
		r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(signature(secret, stamp, []byte(body))))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("signed with %q: %d", secret, w.Code)
		}
	}
	if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "secret_file") {
		t.Errorf("the log says\n%s", got)
	}
}

func TestWhatIsNeitherAnUpdateNorACallIsGivenUp(t *testing.T) {
	s := newStage(t)
	if _, err := s.channel().Publish(t.Context(), publisher.Delivery{Channel: "team"}); !errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("%v", err)
	}
	if m := s.channel().Manner(); m.Lanes != 1 || !m.Ordered || m.Guarantee != publisher.ReadBack {
		t.Errorf("%+v", m)
	}
}

func TestARedirectDoesNotCarryTheTokenAway(t *testing.T) {
	s := newStage(t)
	s.Fail(slacktest.Fault{Status: http.StatusFound, Body: "elsewhere"})
	if _, err := s.channel().Publish(t.Context(), said(begun(), "P2 investigating")); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("%v", err)
	}
}
