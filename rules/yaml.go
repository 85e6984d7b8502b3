package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits that no file written by a person meets. They keep a hostile or a
// broken one from costing more than a moment: the parser recurses with depth
// and is quadratic in the keys of one mapping.
const (
	maxBytes   = 256 << 10
	maxDepth   = 64      // of [ and { within each other
	maxColumn  = 400     // of a block's "-" or ":", which bounds its depth
	maxKeys    = 20_000  // in one file
	maxAnchors = 1_000   // anchors, aliases and tags in one file
	maxVisits  = 200_000 // values read from one file, aliases followed
)

// source is one file while it is read.
type source struct {
	draft   *draft
	name    string
	anchors map[string]ast.Node
	visits  int
}

// syntax gives the file's only document, or false where there is none or where
// a mistake keeps it from being read.
func (s *source) syntax(body []byte) (root ast.Node, ok bool) {
	text, ok := s.clean(body)
	if !ok {
		return nil, false
	}
	defer func() {
		if p := recover(); p != nil { // the library's, on input that it did not foresee
			s.mistakeAt(Pos{Line: 1, Col: 1}, "this cannot be read as YAML: look for brackets, quotes or indentation that do not match")
			root, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(text)
	if !s.bounded(tokens) {
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		s.syntaxMistake(err)
		return nil, false
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case doc.Body.Type() == ast.DirectiveType:
			s.mistake(doc.Body, "YAML directives are not supported: leave the line out")
		case root != nil:
			s.mistake(doc.Body, "a second document begins here: write one document a file, without ---")
			return root, true
		default:
			root = doc.Body
		}
	}
	if root == nil {
		return nil, false
	}
	ast.Walk(anchorFinder{s}, root)
	return root, true
}

// clean gives the text with line ends made equal. Columns stay as they are.
func (s *source) clean(body []byte) (string, bool) {
	if len(body) > maxBytes {
		s.mistakeAt(Pos{Line: 1, Col: 1}, "the file has %d kB, more than the %d kB that are read: split it", len(body)>>10, maxBytes>>10)
		return "", false
	}
	text := strings.TrimPrefix(string(body), "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	at := Pos{Line: 1, Col: 1}
	for i, c := range text {
		switch {
		case c == '\n':
			at.Line, at.Col = at.Line+1, 1
			continue
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			s.mistakeAt(at, "this byte is not UTF-8: save the file as UTF-8")
			return "", false
		case c != '\t' && unicode.IsControl(c):
			s.mistakeAt(at, "a control character (%U) stands here: take it out", c)
			return "", false
		}
		at.Col++
	}
	return text, true
}

func (s *source) bounded(tokens token.Tokens) bool {
	depth, keys, anchors := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
			continue
		case token.MappingValueType:
			keys++
		case token.AnchorType, token.AliasType, token.TagType:
			anchors++
		case token.SequenceEntryType, token.MappingKeyType:
		default:
			continue
		}
		at := Pos{Line: t.Position.Line, Col: t.Position.Column}
		switch {
		case depth > maxDepth, depth <= 0 && t.Position.Column > maxColumn:
			s.mistakeAt(at, "this is nested deeper than any configuration: look for brackets that are not closed")
			return false
		case keys > maxKeys:
			s.mistakeAt(at, "the file has more than %d keys: split it", maxKeys)
			return false
		case anchors > maxAnchors:
			s.mistakeAt(at, "the file has more than %d anchors, aliases and tags: write the values out", maxAnchors)
			return false
		}
	}
	return true
}

func (s *source) syntaxMistake(err error) {
	at, msg := Pos{Line: 1, Col: 1}, err.Error()
	if e, ok := errors.AsType[yaml.Error](err); ok {
		msg = e.GetMessage()
		if t := e.GetToken(); t != nil && t.Position != nil {
			at = Pos{Line: t.Position.Line, Col: t.Position.Column}
		}
	}
	s.mistakeAt(at, "this is not YAML: %s", inOneLine.Replace(msg))
}

// inOneLine spells out what would break a line of mistakes.
var inOneLine = strings.NewReplacer("\t", `\t`, "\n", " ", "\r", " ")

// anchorFinder notes what each anchor stands for before anything is read.
type anchorFinder struct{ s *source }

func (f anchorFinder) Visit(n ast.Node) ast.Visitor {
	a, ok := n.(*ast.AnchorNode)
	if !ok {
		return f
	}
	name := a.Name.GetToken().Value
	if first, twice := f.s.anchors[name]; twice {
		f.s.mistake(a, "the anchor &%s stands twice: first at %s; give one another name", name, f.s.pos(first))
		return f
	}
	f.s.anchors[name] = a
	return f
}

// pos is where a person would put the finger: a mapping begins at its first
// key, not at that key's colon.
func (s *source) pos(n ast.Node) Pos {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return s.pos(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return s.pos(m.Key)
	}
	p := Pos{File: s.name, Line: 1, Col: 1}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Col = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

func (s *source) mistake(n ast.Node, format string, args ...any) {
	s.mistakeAt(s.pos(n), format, args...)
}

func (s *source) mistakeAt(at Pos, format string, args ...any) {
	at.File, at.Line, at.Col = s.name, max(1, at.Line), max(1, at.Col)
	// A mistake is one line, whatever of the file is quoted in it.
	msg := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	s.draft.mistakes = append(s.draft.mistakes, &Error{Pos: at, Msg: msg})
}

// plain follows aliases and takes anchors off; false means that a mistake was
// reported.
func (s *source) plain(n ast.Node) (ast.Node, bool) {
	if s.visits++; s.visits > maxVisits {
		if s.visits == maxVisits+1 {
			s.mistake(n, "the aliases of this file multiply into more than %d values: write fewer", maxVisits)
		}
		return nil, false
	}
	for range maxDepth {
		switch m := n.(type) {
		case *ast.AnchorNode:
			n = m.Value
		case *ast.AliasNode:
			name := m.Value.GetToken().Value
			a, ok := s.anchors[name]
			if !ok {
				name = shorten(name)
				s.mistake(m, "the alias *%s has no anchor: write &%s before the value that is meant", name, name)
				return nil, false
			}
			n = a
		case *ast.TagNode:
			s.mistake(m, "tags such as %s are not used here: leave it out", m.Start.Value)
			return nil, false
		case nil:
			return nil, false
		default:
			return n, true
		}
	}
	s.mistake(n, "this alias leads back to itself: write the value out")
	return nil, false
}
