package signoz

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/featuresignals/tocsin/rules"
)

// regions turns values of the region attribute into regions' codes. A value
// that no region declares stays a region of its own: it is never dropped and
// never counted among the others'.
type regions struct {
	declared []rules.Region
	log      *slog.Logger

	mu       sync.Mutex
	unlisted map[string]bool
}

// rememberedValues bounds how many unknown values are remembered and warned of.
const rememberedValues = 100

func (r *regions) of(value string) string {
	if i := r.find(value); i >= 0 {
		return r.declared[i].Code
	}
	if len(r.declared) > 0 {
		r.note(value)
	}
	return value
}

// lists reports whether a region declares the value.
func (r *regions) lists(value string) bool { return r.find(value) >= 0 }

func (r *regions) find(value string) int {
	return slices.IndexFunc(r.declared, func(d rules.Region) bool {
		return d.Code == value || slices.Contains(d.Aliases, value)
	})
}

// note warns of a value the first time it is seen.
func (r *regions) note(value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unlisted[value] || len(r.unlisted) >= rememberedValues {
		return
	}
	if r.unlisted == nil {
		r.unlisted = map[string]bool{}
	}
	r.unlisted[value] = true
	if value == "" {
		r.log.Warn("spans without a region: they are counted in a region without a name", "mend", "add the resource attribute that has it to sources.signoz.region")
		return
	}
	r.log.Warn("a region that no region declares: it is counted on its own", "value", value, "mend", "add it to regions, or to the aliases of one")
}
