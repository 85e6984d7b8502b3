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
// others, so that comments and layout stay as people made them. What cannot be
// written keeps nothing else from being so: it gives the edits that were made,
// and an error for each that was not.
func Update(edits []Edit) (made []Edit, wrong []error) {
	byFile := map[string][]Edit{}
	var names []string
	for _, e := range edits {
		if byFile[e.Test.Pos.File] == nil {
			names = append(names, e.Test.Pos.File)
		}
		byFile[e.Test.Pos.File] = append(byFile[e.Test.Pos.File], e)
	}
	for _, name := range names {
		done, left, err := updateFile(name, byFile[name])
		if err != nil {
			wrong = append(wrong, fmt.Errorf("update the timelines of %s: %w", name, err))
			continue
		}
		made, wrong = append(made, done...), append(wrong, left...)
	}
	return made, wrong
}

func updateFile(name string, edits []Edit) (made []Edit, wrong []error, err error) {
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	changed, made, wrong, err := rewrite(body, edits)
	if err != nil || len(made) == 0 {
		return nil, wrong, err
	}
	return made, wrong, replace(name, changed)
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
func rewrite(body []byte, edits []Edit) (changed []byte, made []Edit, wrong []error, err error) {
	file, err := parser.ParseBytes(body, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	lines := bytes.SplitAfter(body, []byte("\n"))
	swaps := map[int]swap{}
	for _, e := range edits {
		s, err := swapFor(lines, timelineOf(file, e.Test.Pos), e.Timeline)
		if _, taken := swaps[s.from]; taken && err == nil {
			err = errors.New("another test stands in the same line: give each test lines of its own")
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: the timeline of %q was not written: %w", e.Test.Pos, e.Test.Name, err))
			continue
		}
		swaps[s.from], made = s, append(made, e)
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
	return out.Bytes(), made, wrong, nil
}

// swap replaces the lines [from, to), counted from 0.
type swap struct {
	from, to int
	text     string
}

// place is where a timeline stands.
type place struct {
	pair   *ast.MappingValueNode // nil if it was not found
	braces bool                  // within { }, where no block of text can stand
}

// timelineOf finds the timeline of the test that begins at at.
func timelineOf(file *ast.File, at rules.Pos) place {
	for _, doc := range file.Docs {
		for _, test := range itemsOf(valueOf(doc.Body, "tests")) {
			if first := firstToken(test); first.Line == at.Line && first.Col == at.Col {
				m, ok := test.(*ast.MappingNode)
				return place{pairOf(test, "timeline"), ok && m.IsFlowStyle}
			}
		}
	}
	return place{}
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
func swapFor(lines [][]byte, at place, timeline []string) (swap, error) {
	if at.pair == nil {
		return swap{}, errors.New("it stands somewhere else, such as behind an alias: change it by hand")
	}
	key := at.pair.Key.GetToken().Position
	from := key.Line - 1
	switch v := at.pair.Value.(type) {
	case *ast.LiteralNode:
		return swapBlock(lines, from, key.Column, timeline), nil
	case *ast.StringNode:
		if v.GetToken().Position.Line == key.Line {
			return swapWord(string(lines[from]), at, timeline)
		}
	}
	return swap{}, fmt.Errorf("line %d holds no block of text: write timeline: | there, and any word below it", key.Line)
}

// swapWord is for a text behind its key, in the same line: it becomes a block of
// text, or within braces, where there is none, a text in quotes.
func swapWord(line string, at place, timeline []string) (swap, error) {
	key := at.pair.Key.GetToken().Position
	written := strings.TrimSpace(at.pair.Value.GetToken().Origin)
	// Columns count characters. The word is looked for behind the key: it may
	// stand before it, too.
	begin := len(string([]rune(line)[:min(key.Column-1, len([]rune(line)))]))
	after := strings.IndexByte(line[begin:], ':')
	blanks := line[begin+after+1:]
	word := len(line) - len(strings.TrimLeft(blanks, " \t"))
	if after < 0 || !strings.HasPrefix(line[word:], written) {
		return swap{}, fmt.Errorf("line %d cannot be taken apart: write timeline: | there, and any word below it", key.Line)
	}
	rest := line[word+len(written):]
	if at.braces {
		return swap{key.Line - 1, key.Line, line[:word] + strconv.Quote(strings.Join(timeline, "\n")+"\n") + rest}, nil
	}
	text := line[:word] + "|" + rest
	if !strings.HasSuffix(text, "\n") {
		text += "\n" // it was the file's last line
	}
	for _, l := range timeline {
		text += strings.Repeat(" ", key.Column+1) + l + "\n"
	}
	return swap{key.Line - 1, key.Line, text}, nil
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
	b.WriteString(strings.TrimSuffix(string(lines[from]), "\n") + "\n") // it may be the file's last line
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
