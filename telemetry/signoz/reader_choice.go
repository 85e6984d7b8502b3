package signoz

import (
	"slices"
	"sync"

	"github.com/featuresignals/tocsin/rules"
)

// choice is what the rules look at.
type choice struct {
	where []rules.Where

	mu    sync.Mutex
	known map[pair]bool // remembered, since every tick asks for the same series
}

// rememberedPairs bounds what is remembered under a flood of names.
const rememberedPairs = 100_000

// takes reports whether a rule looks at the series, whatever its stream.
func (c *choice) takes(p pair) bool {
	if len(c.where) == 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	taken, ok := c.known[p]
	if ok {
		return taken
	}
	taken = slices.ContainsFunc(c.where, func(w rules.Where) bool {
		return w.Services.Match(p.service) && w.Regions.Match(p.region)
	})
	if c.known == nil || len(c.known) >= rememberedPairs {
		c.known = map[pair]bool{}
	}
	c.known[p] = taken
	return taken
}

// distinctRoutes gives the streams that the rules look at.
func distinctRoutes(where []rules.Where) []rules.Patterns {
	if len(where) == 0 {
		return []rules.Patterns{{}}
	}
	var all []rules.Patterns
	seen := map[string]bool{}
	for _, w := range where {
		if !seen[w.Stream()] {
			seen[w.Stream()] = true
			all = append(all, w.Routes)
		}
	}
	return all
}

// distinctServices gives what the rules choose services by; empty where one of
// them chooses all.
func distinctServices(where []rules.Where) []rules.Patterns {
	var all []rules.Patterns
	seen := map[string]bool{}
	for _, w := range where {
		key := w.Services.String()
		if key == "" {
			return nil
		}
		if !seen[key] {
			seen[key] = true
			all = append(all, w.Services)
		}
	}
	return all
}
