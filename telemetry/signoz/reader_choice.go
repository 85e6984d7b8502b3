package signoz

import (
	"fmt"
	"slices"
	"sync"

	"github.com/featuresignals/tocsin/rules"
)

// choice is what the rules look at.
type choice struct {
	rules   []rules.Rule // those that look at spans
	streams []rules.Stream
	of      []int // for each rule, its stream
	all     bool  // there are no rules: everything is looked at

	mu    sync.Mutex
	known map[pair]chosen // remembered, since every tick asks for the same series
}

// chosen says of each stream whether a rule looks at it in one series. It is
// empty where none looks at the series at all.
type chosen []bool

// rememberedPairs bounds what is remembered under a flood of names.
const rememberedPairs = 100_000

// newChoice leaves out the rules that look at probes.
func newChoice(all []rules.Rule) (*choice, error) {
	if len(all) == 0 {
		return &choice{streams: []rules.Stream{{}}, all: true}, nil
	}
	c := &choice{}
	for _, r := range all {
		if r.Source() != rules.SourceSpans {
			continue
		}
		s := r.Stream()
		if err := checkStream(s); err != nil {
			return nil, fmt.Errorf("%s: rule %s: %w", r.Pos, r.ID, err)
		}
		i := slices.IndexFunc(c.streams, func(t rules.Stream) bool { return s.String() == t.String() })
		if i < 0 {
			i = len(c.streams)
			c.streams = append(c.streams, s)
		}
		c.rules, c.of = append(c.rules, r), append(c.of, i)
	}
	return c, nil
}

// checkStream says what of a stream cannot be asked for.
func checkStream(s rules.Stream) error {
	for _, a := range s.Attributes {
		if err := checkKeys([]string{a.Key}); err != nil {
			return fmt.Errorf("where.attributes: %w", err)
		}
	}
	for _, k := range s.Kinds {
		if !slices.Contains(kinds, k) {
			return fmt.Errorf("where.kinds: %q is no kind of span: want some of client, consumer, internal, producer, server", k)
		}
	}
	return nil
}

// takes gives the streams that rules look at in a series.
func (c *choice) takes(p pair) chosen {
	if c.all {
		return chosen{true}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	taken, ok := c.known[p]
	if ok {
		return taken
	}
	for i, r := range c.rules {
		if !r.Where.Chooses(p.service, p.region) {
			continue
		}
		if taken == nil {
			taken = make(chosen, len(c.streams))
		}
		taken[c.of[i]] = true
	}
	if c.known == nil || len(c.known) >= rememberedPairs {
		c.known = map[pair]chosen{}
	}
	c.known[p] = taken
	return taken
}

// services gives what the rules choose services by; empty where one of them
// chooses all.
func (c *choice) services() []rules.Patterns {
	var all []rules.Patterns
	seen := map[string]bool{}
	for _, r := range c.rules {
		key := r.Where.Services.String()
		if key == "" {
			return nil
		}
		if !seen[key] {
			seen[key] = true
			all = append(all, r.Where.Services)
		}
	}
	return all
}
