package slack

import (
	"regexp"
	"strings"
	"unicode"

	api "github.com/slack-go/slack"
)

// What Slack takes at most, in characters. docs.slack.dev/reference/block-kit has
// a page for each block and each element; the text is that of chat.postMessage,
// the topic that of conversations.setTopic, the bookmark's title is kept short
// for the bar that it stands in.
const (
	mostHeader  = 150
	mostSection = 3000
	mostField   = 2000
	mostButton  = 75
	mostURL     = 3000
	mostTopic   = 250
	mostText    = 4000 // 40,000 would be taken; clients are asked to stay below this
	mostError   = 1000 // in a form; longer reasons are not read
	mostTitle   = 24   // of a form

	// mostWords is how much of people's words a message has. All blocks together
	// may have some 13,000 characters (Slack answers msg_blocks_too_long), and a
	// person's text for customers has 2,000 at most before its forms are filled.
	mostWords = 6000
)

// cut says that something was left out.
const cut = " … (shortened)"

// escape writes the three characters that Slack reads in every text object as
// what they are: docs.slack.dev/messaging/formatting-message-text, "Escaping
// text". Nothing else is an entity to it.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// harmless takes out of a text what nobody sees and what makes one sentence look
// like another: control characters besides line breaks, and what turns the
// direction of writing.
func harmless(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "\ufffd")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return -1
		default:
			return r
		}
	}, s)
}

func oneline(s string) string { return strings.Join(strings.Fields(harmless(s)), " ") }

// clip gives a text escaped, in most characters at the most. It is cut between
// characters, never in the middle of an escaped one, and says that it was.
func clip(s string, most int) string {
	whole, _ := piece(s, most)
	if whole == s {
		return escape.Replace(s)
	}
	head, _ := piece(s, most-len([]rune(cut)))
	return escape.Replace(strings.TrimRight(head, " \n")) + cut
}

// piece gives as much of the beginning of a text as has room in most characters
// once it is escaped, and the rest.
func piece(s string, most int) (head, rest string) {
	room := most
	for at, r := range s {
		switch r {
		case '&':
			room -= len("&amp;")
		case '<', '>':
			room -= len("&lt;")
		default:
			// Slack counts as JavaScript does: what lies beyond the first plane
			// takes two places.
			room--
			if r > 0xffff {
				room--
			}
		}
		if room < 0 {
			return s[:at], s[at:]
		}
	}
	return s, ""
}

// plain makes a text object in which nothing means anything: no mention, no
// link, no emoji code, no bold.
func plain(s string, most int) *api.TextBlockObject {
	s = clip(s, most)
	if s == "" {
		s = "–" // an empty text object is refused
	}
	return &api.TextBlockObject{Type: api.PlainTextType, Text: s, Emoji: new(false)}
}

// ours is what may stand in a text object that Slack reads markup in: words of
// fixed lists, IDs, numbers and times, all of our own making.
var ours = regexp.MustCompile(`^[\p{L}\p{N} .,:()/–-]*$`)

// field makes one of a section's fields: a label and, below it, a value. Labels are
// bold where the value is one that nobody outside of Tocsin wrote.
func field(label, value string) *api.TextBlockObject {
	value = oneline(shorten(value, mostLine))
	if !ours.MatchString(value) || value == "" {
		return plain(label+"\n"+value, mostField)
	}
	return &api.TextBlockObject{Type: api.MarkdownType, Text: "*" + label + "*\n" + value, Verbatim: true}
}

// words makes sections of people's words, as many as they need.
func words(s string) []api.Block {
	s = strings.TrimSpace(harmless(s))
	head, rest := piece(s, mostWords-len([]rune(cut)))
	if rest != "" {
		head = strings.TrimRight(head, " \n") + cut
	}
	var blocks []api.Block
	for head != "" {
		part, more := piece(head, mostSection)
		if more != "" { // rather between two lines
			if at := strings.LastIndexByte(part, '\n'); at > 0 {
				part, more = head[:at], head[at+1:]
			}
		}
		blocks = append(blocks, api.NewSectionBlock(plain(part, mostSection), nil, nil))
		head = strings.TrimLeft(more, "\n")
	}
	return blocks
}

// emoji is how codes of emoji are written, which Slack shows as pictures wherever
// it is not told otherwise.
var emoji = regexp.MustCompile(`:([a-zA-Z0-9_+'-]+):`)

// fallback makes the text of a message that stands where its blocks do not: in
// notifications, and for those who are read to.
func fallback(s string) string {
	// A character without width keeps the code from being one. Each match is
	// looked at again, since the end of one may be the beginning of the next.
	s, _ = piece(s, 2*mostText)
	s = harmless(s)
	for range 2 {
		s = emoji.ReplaceAllString(s, ":\u2060$1:")
	}
	return clip(strings.TrimSpace(s), mostText)
}

// member is how Slack writes the ID of a person: docs.slack.dev has U and W.
var member = regexp.MustCompile(`^[UW][A-Z0-9]{2,31}$`)

// channelID is how it writes the ID of a channel: C, and G for older private ones.
var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,31}$`)
