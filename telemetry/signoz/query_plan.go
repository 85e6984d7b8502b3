package signoz

import (
	"slices"

	"github.com/featuresignals/tocsin/rules"
)

// maxBits is how much one query tells apart: the bits of a UInt64.
const maxBits = 64

// plan is what one query tells apart. A span has a bit for each filter that it
// passes; one more if its response was 500 … 599 and the span itself is no
// error; and one for each set of codes that its response is among. The last two
// are asked for only where a stream wants them, and whatever filters there are:
// so streams of the same spans that call different things an error share a bit.
type plan struct {
	groups  []*group
	http5xx bool
	codes   [][]rules.Codes
}

// group is the streams that are made of the spans of one filter.
type group struct {
	filter  filter
	streams []planned
}

// planned is a stream and where a plan has it.
type planned struct {
	number  int    // among all streams
	name    string // rules.Stream.String
	http5xx bool
	codes   int // which of the plan's sets; none if negative
}

// plansOf spreads streams over as few queries as they need: one, as a rule.
func plansOf(streams []rules.Stream) []*plan {
	var plans []*plan
	p := new(plan)
	for _, number := range byFilter(streams) {
		if !p.take(number, streams[number]) {
			plans = append(plans, p)
			p = new(plan)
			p.take(number, streams[number]) // needs three bits at most
		}
	}
	if len(p.groups) > 0 {
		plans = append(plans, p)
	}
	return plans
}

// byFilter gives the numbers of the streams, those with equal filters one after
// the other.
func byFilter(streams []rules.Stream) []int {
	first := map[string]int{}
	numbers := make([]int, len(streams))
	for i, s := range streams {
		numbers[i] = i
		if key := filterOf(s).key(); first[key] == 0 {
			first[key] = i + 1
		}
	}
	slices.SortStableFunc(numbers, func(a, b int) int {
		return first[filterOf(streams[a]).key()] - first[filterOf(streams[b]).key()]
	})
	return numbers
}

// take adds a stream, unless there are no bits left for it.
func (p *plan) take(number int, s rules.Stream) bool {
	f := filterOf(s)
	at := slices.IndexFunc(p.groups, func(g *group) bool { return g.filter.key() == f.key() })
	set := -1
	if len(s.Codes) > 0 {
		set = slices.IndexFunc(p.codes, func(c []rules.Codes) bool { return slices.Equal(c, s.Codes) })
	}
	more := 0
	if at < 0 {
		more++
	}
	if s.HTTP5xx && !p.http5xx {
		more++
	}
	if len(s.Codes) > 0 && set < 0 {
		more++
	}
	if p.bits()+more > maxBits {
		return false
	}
	if at < 0 {
		at = len(p.groups)
		p.groups = append(p.groups, &group{filter: f})
	}
	if len(s.Codes) > 0 && set < 0 {
		set = len(p.codes)
		p.codes = append(p.codes, s.Codes)
	}
	p.http5xx = p.http5xx || s.HTTP5xx
	p.groups[at].streams = append(p.groups[at].streams, planned{number, s.String(), s.HTTP5xx, set})
	return true
}

// bits is how many bits a span can have.
func (p *plan) bits() int { return p.firstCodes() + len(p.codes) }

// firstCodes is the bit of the first set of codes; that of http5xx, if there is
// one, is the bit before.
func (p *plan) firstCodes() int {
	if p.http5xx {
		return len(p.groups) + 1
	}
	return len(p.groups)
}

// mask is the bits of the filters.
func (p *plan) mask() uint64 { return 1<<len(p.groups) - 1 }

// unmarked reports whether spans with these bits answered 500 … 599 and are no
// errors by themselves.
func (p *plan) unmarked(bits uint64) bool { return p.http5xx && bits>>len(p.groups)&1 != 0 }

// among reports whether spans with these bits have a code of the set.
func (p *plan) among(bits uint64, set int) bool { return bits>>(p.firstCodes()+set)&1 != 0 }

// filterBit gives the bit that the spans of a stream have, by its number; 0 if
// the stream is another plan's.
func (p *plan) filterBit(stream int) uint64 {
	for i, g := range p.groups {
		if slices.ContainsFunc(g.streams, func(s planned) bool { return s.number == stream }) {
			return 1 << i
		}
	}
	return 0
}

// kinds are those of the spans that a filter could pass.
func (p *plan) kinds() []string { return kindsOf(p) }

// kindsOf are the kinds of spans that plans ask for; the usual ones if there are
// no plans.
func kindsOf(plans ...*plan) []string {
	if len(plans) == 0 {
		return entryKinds
	}
	var all []string
	for _, p := range plans {
		for _, g := range p.groups {
			all = append(all, g.filter.kinds...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// asksCodes reports whether a response's code is asked for.
func (p *plan) asksCodes() bool { return p.http5xx || len(p.codes) > 0 }

// asksAttributes reports whether a filter looks at attributes.
func (p *plan) asksAttributes() bool {
	return slices.ContainsFunc(p.groups, func(g *group) bool { return len(g.filter.attributes) > 0 })
}

// filter chooses spans by themselves: what is left of a stream without what it
// counts.
type filter struct {
	routes, operations rules.Patterns
	kinds              []string // sorted, at least one
	attributes         []rules.Attribute
}

// entryKinds are the kinds of spans by which requests and messages come in:
// what is counted unless a rule names kinds.
var entryKinds = []string{"consumer", "server"}

func filterOf(s rules.Stream) filter {
	f := filter{routes: s.Routes, operations: s.Operations, kinds: s.Kinds, attributes: s.Attributes}
	if len(f.kinds) == 0 {
		f.kinds = entryKinds
	}
	return f
}

// key is the same for filters that pass the same spans.
func (f filter) key() string {
	return rules.Stream{Routes: f.routes, Operations: f.operations, Kinds: f.kinds, Attributes: f.attributes}.String()
}
