package templates

import (
	"bytes"
	"text/template/parse"
	"time"
)

// limited is a buffer that refuses to grow without end, and to be written to
// for ever.
type limited struct {
	bytes.Buffer
	until time.Time // zero: for ever
	steps int       // so far
}

func (s *Set) limited() *limited { return &limited{until: time.Now().Add(s.patience)} }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxOutput {
		return 0, errTooLarge
	}
	if l.steps++; l.steps > maxSteps || !l.until.IsZero() && time.Now().After(l.until) {
		return 0, errTooSlow
	}
	return l.Buffer.Write(p)
}

// pace has a template write nothing before each of its steps. Nobody can
// interrupt a template that goes round and round without a word, but it gives
// itself up when its writer fails, and the writer knows the time.
func pace(t *parse.Tree) {
	if t != nil {
		paceList(t.Root)
	}
}

func paceList(list *parse.ListNode) {
	if list == nil {
		return
	}
	nothing := func(at parse.Pos) parse.Node { return &parse.TextNode{NodeType: parse.NodeText, Pos: at} }
	nodes := make([]parse.Node, 0, 2*len(list.Nodes)+1)
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode: // writes by itself
			nodes = append(nodes, n)
			continue
		case *parse.IfNode:
			paceBranch(&n.BranchNode)
		case *parse.RangeNode:
			paceBranch(&n.BranchNode)
		case *parse.WithNode:
			paceBranch(&n.BranchNode)
		}
		nodes = append(nodes, nothing(n.Position()), n)
	}
	if len(nodes) == 0 {
		nodes = append(nodes, nothing(list.Pos))
	}
	list.Nodes = nodes
}

func paceBranch(b *parse.BranchNode) {
	paceList(b.List)
	paceList(b.ElseList)
}
