package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// value is one value of a file, with what mistakes call it. The zero value is
// one that was not given: reading it gives nothing and is no mistake.
type value struct {
	src  *source
	name string // "for", "services"
	node ast.Node
	key  ast.Node // what it is the value of; nil in lists
}

func (v value) given() bool { return v.node != nil }

func (v value) pos() Pos { return v.src.pos(v.node) }

// mistake reports what is wrong with the value; the name stands before it.
func (v value) mistake(format string, args ...any) {
	v.src.mistake(v.node, "%s: %s", v.name, fmt.Sprintf(format, args...))
}

// later reports like mistake, once everything is read, if check says why.
func (v value) later(check func() string) {
	if !v.given() {
		return
	}
	v.src.draft.checks = append(v.src.draft.checks, func() {
		if why := check(); why != "" {
			v.mistake("%s", why)
		}
	})
}

// read gives the node without anchor and alias. Nothing written after a key
// counts as a mistake, since what was meant cannot be known.
func (v value) read(example string) (ast.Node, bool) {
	if !v.given() {
		return nil, false
	}
	n, ok := v.src.plain(v.node)
	if !ok {
		return nil, false
	}
	if n.Type() == ast.NullType {
		if v.key != nil {
			v.node = v.key // there is nothing else to point at
		}
		v.mistake("has no value: write one, as in %s, or leave it out", example)
		return nil, false
	}
	return n, true
}

// found names what stands where something else was expected.
func found(n ast.Node) string {
	switch m := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.StringNode:
		return strconv.Quote(shorten(m.Value))
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return shorten(m.GetToken().Value)
	}
	return "something else"
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// text gives a text as written.
func (v value) text(example string) (string, bool) {
	n, ok := v.read(example)
	if !ok {
		return "", false
	}
	switch m := n.(type) {
	case *ast.StringNode:
		return m.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(m.Value.Value, "\n"), true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		v.mistake("want text, as in %s; found %s: put it into quotes if it is meant", example, found(n))
	default:
		v.mistake("want text, as in %s; found %s", example, found(n))
	}
	return "", false
}

// scalar gives a text or a number as written, for values that have their own
// grammar and say what they want.
func (v value) scalar(example string) (string, bool) {
	n, ok := v.read(example)
	if !ok {
		return "", false
	}
	switch m := n.(type) {
	case *ast.StringNode:
		return m.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return m.GetToken().Value, true
	}
	v.mistake("want one value, as in %s; found %s", example, found(n))
	return "", false
}

func (v value) truth() (yes, ok bool) {
	n, ok := v.read("true")
	if !ok {
		return false, false
	}
	b, ok := n.(*ast.BoolNode)
	if !ok {
		v.mistake("want true or false; found %s", found(n))
		return false, false
	}
	return b.Value, true
}

func (v value) number(least, most int, example string) (int, bool) {
	s, ok := v.scalar(example)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < least || i > most {
		v.mistake("want a whole number from %d to %d, as in %s; found %s", least, most, example, shorten(s))
		return 0, false
	}
	return i, true
}

// oneOf gives one of a few words.
func (v value) oneOf(words []string) (string, bool) {
	s, ok := v.text(words[0])
	if !ok {
		return "", false
	}
	if !slices.Contains(words, s) {
		v.mistake("%s", unknown(s, words))
		return "", false
	}
	return s, true
}

// list gives a list's items, each under the list's name.
func (v value) list(example string) ([]value, bool) {
	n, ok := v.read(example)
	if !ok {
		return nil, false
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		v.mistake("want a list, as in %s; found %s", example, found(n))
		return nil, false
	}
	items := make([]value, 0, len(seq.Values))
	for _, item := range seq.Values {
		items = append(items, value{src: v.src, name: v.name, node: item})
	}
	return items, true
}

// texts gives a list of texts. A single text is not taken for a list of one:
// the next person would not know how to add a second.
func (v value) texts(example string) ([]string, []value, bool) {
	items, ok := v.list(example)
	if !ok {
		return nil, nil, false
	}
	var texts []string
	var kept []value
	for _, item := range items {
		if s, fine := item.text(example); fine {
			texts, kept = append(texts, s), append(kept, item)
		}
	}
	return texts, kept, len(kept) == len(items)
}

// entry is one key of a mapping, and its value.
type entry struct {
	name string
	key  value
	val  value
}

// mistake reports what is wrong with the key.
func (e entry) mistake(format string, args ...any) { e.key.src.mistake(e.key.node, format, args...) }

// entries gives a mapping's keys in their order, each once; a key that stands
// twice is a mistake and its first value counts.
func (v value) entries(example string) ([]entry, bool) {
	n, ok := v.read(example)
	if !ok {
		return nil, false
	}
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		v.mistake("want a mapping, as in %s; found %s", example, found(n))
		return nil, false
	}
	entries, first := make([]entry, 0, len(pairs)), map[string]Pos{}
	for _, p := range pairs {
		e := entry{name: p.Key.GetToken().Value, key: value{src: v.src, name: v.name, node: p.Key}}
		switch p.Key.(type) {
		case *ast.MergeKeyNode:
			e.mistake("merging with << is not supported: write the keys out, or use an alias for the whole value")
			continue
		case *ast.StringNode, *ast.IntegerNode, *ast.BoolNode, *ast.FloatNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		default:
			e.mistake("want plain keys, as in %s", example)
			continue
		}
		if at, twice := first[e.name]; twice {
			e.mistake("the key %q stands twice: first at %s; keep one", shorten(e.name), at)
			continue
		}
		first[e.name] = e.key.pos()
		e.val = value{v.src, e.name, p.Value, p.Key}
		entries = append(entries, e)
	}
	return entries, true
}

// shape is a mapping with known keys.
type shape struct {
	example string
	keys    []string
	hints   map[string]string // what to say of other keys that people may try
	fit     []string          // those of keys that can be meant here; empty: all
}

// like gives the shape with another example.
func (sh shape) like(example string) shape {
	sh.example = example
	return sh
}

// notYet makes hints for keys of later versions.
func notYet(keys ...string) map[string]string {
	hints := map[string]string{}
	for _, k := range keys {
		hints[k] = "is not yet supported in this version: leave it out"
	}
	return hints
}

// object is a mapping that was read; keys that were not given are zero values.
type object struct {
	value
	fields map[string]value
}

func (o object) get(key string) value { return o.fields[key] }

// object reads a mapping with known keys and reports the others.
func (v value) object(sh shape) (object, bool) {
	entries, ok := v.entries(sh.example)
	if !ok {
		return object{}, false
	}
	o := object{v, map[string]value{}}
	for _, e := range entries {
		if slices.Contains(sh.keys, e.name) {
			o.fields[e.name] = e.val
			continue
		}
		hint, ok := sh.hints[e.name]
		switch {
		case ok:
			e.mistake("%q %s", e.name, hint)
		case secretKey(e.name):
			e.mistake("%q: secrets never stand in this file: put it into a file of its own and name that", e.name)
		default:
			fit := sh.keys
			if len(sh.fit) > 0 {
				fit = sh.fit
			}
			e.mistake("unknown key in %s: %s", v.name, unknown(e.name, fit))
		}
	}
	return o, true
}

// peek gives what stands behind a key, before the mapping is read.
func (v value) peek(key string) (ast.Node, bool) {
	n, _ := v.src.plain(v.node)
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	}
	for _, p := range pairs {
		if p.Key.GetToken().Value == key {
			return p.Value, true
		}
	}
	return nil, false
}

func secretKey(key string) bool {
	key = strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(key))
	return slices.Contains([]string{"password", "passwd", "secret", "token", "apikey", "credentials"}, key)
}
