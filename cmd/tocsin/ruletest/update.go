package ruletest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/featuresignals/tocsin/rules"
)

// Edit is a timeline to be written into the file of its test.
type Edit struct {
	Test     rules.Test
	Timeline []string
}

// Update writes timelines where they stand. It changes those lines and no
// others, so that comments and layout stay as people made them.
func Update(edits []Edit) error {
	byFile := map[string][]Edit{}
	var names []string
	for _, e := range edits {
		if byFile[e.Test.Pos.File] == nil {
			names = append(names, e.Test.Pos.File)
		}
		byFile[e.Test.Pos.File] = append(byFile[e.Test.Pos.File], e)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("update the timelines: %w", err)
		}
		changed, err := rewrite(body, byFile[name])
		if err != nil {
			return fmt.Errorf("update the timelines of %s: %w", name, err)
		}
		if err := replace(name, changed); err != nil {
			return fmt.Errorf("update the timelines: %w", err)
		}
	}
	return nil
}

// replace writes a file beside its place and renames it.
func replace(name string, body []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(body)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// rewrite gives a file with other timelines in it.
func rewrite(body []byte, edits []Edit) ([]byte, error) {
	file, err := parser.ParseBytes(body, 0)
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(body, []byte("\n"))
	swaps := map[int]swap{}
	for _, e := range edits {
		node := timelineOf(file, e.Test.Pos)
		if node == nil {
			return nil, fmt.Errorf("the timeline of the test at %s stands somewhere else, such as behind an alias: change it by hand", e.Test.Pos)
		}
		s, err := swapFor(lines, node, e.Timeline)
		if err != nil {
			return nil, err
		}
		swaps[s.from] = s
	}
	var out bytes.Buffer
	for i := 0; i < len(lines); i++ {
		s, ok := swaps[i]
		if !ok {
			out.Write(lines[i])
			continue
		}
		out.WriteString(s.text)
		i = s.to - 1
	}
	return out.Bytes(), nil
}

// swap replaces the lines [from, to), counted from 0.
type swap struct {
	from, to int
	text     string
}

// timelineOf finds the timeline of the test that begins at at.
func timelineOf(file *ast.File, at rules.Pos) *ast.MappingValueNode {
	for _, doc := range file.Docs {
		for _, test := range itemsOf(valueOf(doc.Body, "tests")) {
			if first := firstToken(test); first.Line == at.Line && first.Col == at.Col {
				return pairOf(test, "timeline")
			}
		}
	}
	return nil
}

func pairOf(n ast.Node, key string) *ast.MappingValueNode {
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	}
	for _, p := range pairs {
		if p.Key.GetToken().Value == key {
			return p
		}
	}
	return nil
}

func valueOf(n ast.Node, key string) ast.Node {
	if p := pairOf(n, key); p != nil {
		return p.Value
	}
	return nil
}

func itemsOf(n ast.Node) []ast.Node {
	if s, ok := n.(*ast.SequenceNode); ok {
		return s.Values
	}
	return nil
}

// firstToken is where a test begins, as rules says it.
func firstToken(n ast.Node) rules.Pos {
	t := n.GetToken()
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			t = m.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		t = m.Key.GetToken()
	}
	return rules.Pos{Line: t.Position.Line, Col: t.Position.Column}
}

// swapFor says which lines hold a timeline, and what is to stand there.
func swapFor(lines [][]byte, pair *ast.MappingValueNode, timeline []string) (swap, error) {
	key := pair.Key.GetToken().Position
	from := key.Line - 1
	switch v := pair.Value.(type) {
	case *ast.LiteralNode:
		return swapBlock(lines, from, key.Column, timeline), nil
	case *ast.StringNode:
		written := strings.TrimSpace(v.GetToken().Origin)
		line := string(lines[from])
		if v.GetToken().Position.Line != key.Line || strings.Count(line, written) != 1 {
			break
		}
		text := strings.Join(timeline, "\n") + "\n"
		return swap{from, from + 1, strings.Replace(line, written, strconv.Quote(text), 1)}, nil
	}
	return swap{}, fmt.Errorf("line %d: the timeline is no block of text: write it below timeline: |", key.Line)
}

// swapBlock is for a block of text below its key, which begins in column.
func swapBlock(lines [][]byte, from, column int, timeline []string) swap {
	to, deeper := from+1, strings.Repeat(" ", column+1)
	var old []string
	for at := to; at < len(lines); at++ {
		text := strings.TrimRight(string(lines[at]), "\r\n")
		indent := len(text) - len(strings.TrimLeft(text, " "))
		if strings.TrimSpace(text) == "" {
			continue
		}
		if indent < column {
			break
		}
		if to == from+1 {
			deeper = text[:indent]
		}
		for to <= at {
			old = append(old, strings.TrimSpace(string(lines[to])))
			to++
		}
	}
	var b strings.Builder
	b.Write(lines[from])
	for _, line := range withNotes(old, timeline) {
		b.WriteString(strings.TrimRight(deeper+line, " ") + "\n")
	}
	return swap{from, to, b.String()}
}

// withNotes gives a timeline with the notes and empty lines that stood in the
// old one, before the lines that they stood before.
func withNotes(old, timeline []string) []string {
	var lines []string      // of the old timeline
	notes := [][]string{{}} // before each of those, and after the last
	for _, line := range old {
		if len(Lines(line)) == 0 {
			last := len(notes) - 1
			notes[last] = append(notes[last], line)
			continue
		}
		lines, notes = append(lines, line), append(notes, nil)
	}
	var out []string
	for _, line := range Diff(lines, timeline) {
		if line[0] != '+' {
			out, notes = append(out, notes[0]...), notes[1:]
		}
		if line[0] != '-' {
			out = append(out, line[2:])
		}
	}
	return append(out, notes[0]...)
}
