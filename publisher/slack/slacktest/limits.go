package slacktest

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Check says what Slack would refuse of a message, each beginning with its word
// for it: docs.slack.dev/reference/block-kit/blocks and /block-elements, each block
// and element on a page of its own, and /methods/chat.postMessage.
func Check(text string, blocks json.RawMessage) []string {
	l := &limits{ids: map[string]bool{}, word: "invalid_blocks"}
	var list []map[string]any
	if len(blocks) > 0 {
		if err := json.Unmarshal(blocks, &list); err != nil {
			return []string{"invalid_blocks_format: " + err.Error()}
		}
	}
	if text == "" && len(list) == 0 {
		return []string{"no_text: there is nothing to post"}
	}
	if n := length(text); n > 40000 {
		return []string{fmt.Sprintf("msg_too_long: %d characters, at most 40000", n)}
	}
	l.blocks(list, 50, false)
	if l.total > 13000 {
		l.found = append(l.found, fmt.Sprintf("msg_blocks_too_long: %d characters in all blocks", l.total))
	}
	return l.found
}

// CheckView says the same of a form: docs.slack.dev/reference/views/modal-views.
func CheckView(view json.RawMessage) []string {
	l := &limits{ids: map[string]bool{}, word: "invalid_arguments"}
	var v map[string]any
	if err := json.Unmarshal(view, &v); err != nil {
		return []string{"invalid_arguments: " + err.Error()}
	}
	if v["type"] != "modal" {
		l.bad("view", "its type is %v", v["type"])
	}
	for _, name := range []string{"title", "submit", "close"} {
		if v[name] != nil || name == "title" {
			l.text("view."+name, v[name], 24, true)
		}
	}
	l.most("view.private_metadata", str(v["private_metadata"]), 3000)
	l.most("view.callback_id", str(v["callback_id"]), 255)
	list, ok := dicts(v["blocks"])
	if !ok || len(list) == 0 {
		l.bad("view.blocks", "there are none")
	}
	l.blocks(list, 100, true)
	return l.found
}

type limits struct {
	word  string
	found []string
	ids   map[string]bool // of blocks
	total int
}

func (l *limits) bad(where, format string, args ...any) {
	l.found = append(l.found, fmt.Sprintf("%s: %s: %s", l.word, where, fmt.Sprintf(format, args...)))
}

// length counts as JavaScript does.
func length(s string) int { return len(utf16.Encode([]rune(s))) }

func (l *limits) most(where, s string, n int) {
	if length(s) > n {
		l.bad(where, "%d characters, at most %d", length(s), n)
	}
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

func dicts(v any) (all []map[string]any, ok bool) {
	list, ok := v.([]any)
	for _, x := range list {
		m, isMap := x.(map[string]any)
		if !isMap {
			return nil, false
		}
		all = append(all, m)
	}
	return all, ok
}

// text looks at a text object.
func (l *limits) text(where string, v any, most int, plain bool) {
	t, ok := v.(map[string]any)
	if !ok {
		l.bad(where, "no text object")
		return
	}
	s := str(t["text"])
	switch kind := str(t["type"]); {
	case kind != "plain_text" && kind != "mrkdwn":
		l.bad(where, "its type is %q", kind)
	case plain && kind != "plain_text":
		l.bad(where, "it has to be plain_text")
	case kind == "mrkdwn" && t["emoji"] != nil:
		l.bad(where, "emoji is for plain_text")
	case kind == "plain_text" && t["verbatim"] != nil && t["verbatim"] != false:
		l.bad(where, "verbatim is for mrkdwn")
	}
	if s == "" {
		l.bad(where, "it is empty")
	}
	l.total += length(s)
	l.most(where, s, most)
}

func (l *limits) blocks(list []map[string]any, most int, modal bool) {
	if len(list) > most {
		l.bad("blocks", "%d of them, at most %d", len(list), most)
	}
	for n, b := range list {
		where := fmt.Sprintf("blocks[%d]", n)
		if id := str(b["block_id"]); id != "" {
			l.most(where+".block_id", id, 255)
			if l.ids[id] {
				l.bad(where, "there is another block_id %q", id)
			}
			l.ids[id] = true
		}
		switch kind := str(b["type"]); kind {
		case "header":
			l.text(where+".text", b["text"], 150, true)
		case "divider":
		case "section":
			l.section(where, b)
		case "context":
			l.context(where, b)
		case "actions":
			elements, ok := dicts(b["elements"])
			if !ok || len(elements) == 0 || len(elements) > 25 {
				l.bad(where, "%d elements, want 1 to 25", len(elements))
			}
			ids := map[string]bool{}
			for i, e := range elements {
				l.element(fmt.Sprintf("%s.elements[%d]", where, i), e)
				if id := str(e["action_id"]); ids[id] {
					l.bad(where, "there is another action_id %q", id)
				} else {
					ids[id] = true
				}
			}
		case "input":
			if !modal {
				l.bad(where, "input is for forms")
			}
			l.text(where+".label", b["label"], 2000, true)
			if b["hint"] != nil {
				l.text(where+".hint", b["hint"], 2000, true)
			}
			if e, ok := b["element"].(map[string]any); ok {
				l.element(where+".element", e)
			} else {
				l.bad(where, "no element")
			}
		default:
			l.bad(where, "unsupported type %q", kind)
		}
	}
}

func (l *limits) section(where string, b map[string]any) {
	if b["text"] == nil && b["fields"] == nil {
		l.bad(where, "neither text nor fields")
	}
	if b["text"] != nil {
		l.text(where+".text", b["text"], 3000, false)
	}
	if b["fields"] == nil {
		return
	}
	fields, ok := dicts(b["fields"])
	if !ok || len(fields) == 0 || len(fields) > 10 {
		l.bad(where, "%d fields, want 1 to 10", len(fields))
	}
	for i, f := range fields {
		l.text(fmt.Sprintf("%s.fields[%d]", where, i), f, 2000, false)
	}
}

func (l *limits) context(where string, b map[string]any) {
	elements, ok := dicts(b["elements"])
	if !ok || len(elements) == 0 || len(elements) > 10 {
		l.bad(where, "%d elements, want 1 to 10", len(elements))
	}
	for i, e := range elements {
		if str(e["type"]) != "image" {
			l.text(fmt.Sprintf("%s.elements[%d]", where, i), e, 2000, false)
		}
	}
}

func (l *limits) element(where string, e map[string]any) {
	l.most(where+".action_id", str(e["action_id"]), 255)
	if e["placeholder"] != nil {
		l.text(where+".placeholder", e["placeholder"], 150, true)
	}
	switch kind := str(e["type"]); kind {
	case "button":
		l.text(where+".text", e["text"], 75, true)
		l.most(where+".value", str(e["value"]), 2000)
		l.most(where+".url", str(e["url"]), 3000)
		if u := str(e["url"]); u != "" && !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			l.bad(where+".url", "no address of the web: %q", u)
		}
		if s := str(e["style"]); s != "" && s != "primary" && s != "danger" {
			l.bad(where+".style", "%q", s)
		}
	case "static_select", "checkboxes":
		most := map[string]int{"static_select": 100, "checkboxes": 10}[kind]
		options, ok := dicts(e["options"])
		if !ok || len(options) == 0 || len(options) > most {
			l.bad(where, "%d options, want 1 to %d", len(options), most)
		}
		for i, o := range options {
			at := fmt.Sprintf("%s.options[%d]", where, i)
			l.text(at+".text", o["text"], 75, kind == "static_select")
			if v := str(o["value"]); v == "" {
				l.bad(at, "no value")
			} else {
				l.most(at+".value", v, 150)
			}
		}
	case "plain_text_input":
		if n, ok := e["max_length"].(float64); ok && (n < 1 || n > 3000) {
			l.bad(where, "max_length %v, want 1 to 3000", n)
		}
	default:
		l.bad(where, "unsupported type %q", kind)
	}
}
