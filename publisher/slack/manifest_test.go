package slack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/featuresignals/tocsin/publisher/slack/slacktest"
)

// methodOf is the method of Slack that each of the library's functions calls.
var methodOf = map[string]string{
	"AddBookmarkContext": "bookmarks.add", "AddPinContext": "pins.add", "AuthTestContext": "auth.test", "CreateConversationContext": "conversations.create",
	"EditBookmarkContext": "bookmarks.edit", "GetConversationHistoryContext": "conversations.history", "GetConversationInfoContext": "conversations.info",
	"GetConversationRepliesContext": "conversations.replies", "GetConversationsContext": "conversations.list",
	"InviteUsersToConversationContext": "conversations.invite", "JoinConversationContext": "conversations.join", "ListBookmarksContext": "bookmarks.list",
	"OpenConversationContext": "conversations.open", "OpenViewContext": "views.open", "PostEphemeralContext": "chat.postEphemeral",
	"PostMessageContext": "chat.postMessage", "SetPurposeOfConversationContext": "conversations.setPurpose", "SetTopicOfConversationContext": "conversations.setTopic",
	"UnArchiveConversationContext": "conversations.unarchive", "UpdateMessageContext": "chat.update",
}

// methods gives those that the code calls.
func methods(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, ok := f.X.(*ast.SelectorExpr)
			if !ok || of.Sel.Name != "api" {
				return true
			}
			method := methodOf[f.Sel.Name]
			if method == "" {
				t.Errorf("%s: it is not said which method %s calls", name, f.Sel.Name)
			}
			found[method] = true
			return true
		})
	}
	return slices.Sorted(maps.Keys(found))
}

// The app asks for what it uses, and for nothing else: the scopes of every method
// that the code calls, on each kind of channel that it is called on. What is called
// on which is seen in stories that come to all of them.
func TestTheManifestAsksForWhatIsUsed(t *testing.T) {
	used, came := map[string]bool{}, map[string]bool{}
	tell := func(kind string, private bool) {
		s := newStage(t)
		if private {
			s.AddChannel(slacktest.Channel{ID: "C0SECRET", Name: "secret", Private: true, Members: []string{slacktest.Self}})
			s.rules.Slack.Channel, s.rules.Slack.Rooms.Private = "C0SECRET", true
		} else {
			s.AddChannel(slacktest.Channel{ID: "C0OTHER", Name: "other"}) // to be entered
			s.rules.Slack.Channel = "C0OTHER"
		}
		at := begun()
		s.publish(s.channel(), said(at, "P1 investigating"))
		s.memory.clear()
		s.AddChannel(slacktest.Channel{ID: "C0EMPTY", Name: "incident-2026-0002"}) // whose it is has to be asked
		second := called(at, 1, "P0", s.config.People[0])
		second.Notice.ID, second.Key = "INC-2026-0002", "INC-2026-0002/notice/1"
		s.publish(s.channel(), second)
		s.config.Console.URL = "https://elsewhere.example.com" // a bookmark to be changed
		s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring"))
		r, _ := s.Channel(room)
		s.Archive(r.ID)
		s.publish(s.channel(), said(at, "P1 investigating", "P1 monitoring", "P1 resolved"))
		mild := called(at, 1, "P2", s.config.People[0])
		mild.Notice.ID, mild.Key = "INC-2026-0003", "INC-2026-0003/notice/1"
		s.publish(s.channel(), mild)
		for _, r := range s.Requests() {
			came[r.Method] = true
			if scope := slacktest.Scopes[r.Method].Of(r.Kind); scope != "" {
				used[scope] = true
			}
		}
		if len(s.Requests()) < 30 {
			t.Errorf("%s: the story has %d requests", kind, len(s.Requests()))
		}
	}
	tell("public", false)
	tell("private", true)
	b := newBooth(t)
	b.fill("U0ANN", pressResolve, nil)
	for _, r := range b.Requests() {
		came[r.Method] = true
	}
	if got, want := slices.Sorted(maps.Keys(came)), methods(t); !slices.Equal(got, want) {
		t.Fatalf("the stories come to %v\nand the code calls  %v", got, want)
	}

	body, err := os.ReadFile("../../deploy/slack-manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		OAuth struct {
			Scopes struct{ Bot []string }
		} `yaml:"oauth_config"`
		Settings struct {
			Interactivity struct {
				Enabled bool   `yaml:"is_enabled"`
				URL     string `yaml:"request_url"`
			}
		}
	}
	if err := yaml.Unmarshal(body, &manifest); err != nil {
		t.Fatal(err)
	}
	if got, want := manifest.OAuth.Scopes.Bot, slices.Sorted(maps.Keys(used)); !slices.Equal(got, want) {
		t.Errorf("it asks for %v\nused are    %v", got, want)
	}
	if i := manifest.Settings.Interactivity; !i.Enabled || !strings.HasSuffix(i.URL, "/slack/slack/interactions") {
		t.Errorf("buttons lead to %+v", i)
	}

	// And with just these, everything goes.
	s := newStage(t)
	s.Granted = manifest.OAuth.Scopes.Bot
	s.publish(s.channel(), said(begun(), "P1 investigating"))
	s.one(room, "update")
}
