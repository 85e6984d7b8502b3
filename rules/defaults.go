package rules

import (
	"slices"
	"time"
)

// ruleDefaults is what a rule has where it says nothing. The layers lie on each
// other: what is built in, what the service's own file says, and what the
// rule's own file says.
type ruleDefaults struct {
	window     time.Duration
	confidence float64
	http5xx    bool
	where      Where
}

// builtIn are the defaults where no file has any.
//
// Left out are requests that no customer sends (health checks, metrics), which
// would thin the errors of the others, and streams, which last for as long as
// somebody listens and would make every p99 look bad.
func builtIn() ruleDefaults {
	return ruleDefaults{
		window:     5 * time.Minute,
		confidence: 0.95,
		where: Where{Routes: Patterns{Not: []string{
			"*/health",
			"*/health/live",
			"*/health/ready",
			"*/healthcheck",
			"*/healthz",
			"*/live",
			"*/livez",
			"*/metrics",
			"*/ping",
			"*/ready",
			"*/readyz",
			"*/socket.io/*",
			"*/sse",
			"*/sse/*",
			"*/stream",
			"*/stream/*",
			"*/ws",
			"*/ws/*",
			"*grpc.health.v1.Health/*",
		}}},
	}
}

var defaultsShape = shape{
	example: "{window: 5m, confidence: 95%, where: {regions: {not: [dev]}}}",
	keys:    []string{"window", "confidence", "errors", "where"},
	hints: map[string]string{
		"levels":    "differ from rule to rule: write them there, or use an alias (*name) for the whole value",
		"recover":   "differs from rule to rule: write it there, or use an alias (*name) for the whole value",
		"component": "differs from rule to rule: write it there",
		"for":       "belongs to a level: levels: {P1: {above: 5%, for: 5m}}",
	},
}

// readFileDefaults reads what holds in a file. People's own words count before
// a pack's, and a file's before those that hold for all.
func (d *draft) readFileDefaults(v value, main bool) {
	if main {
		d.defaults, v = v, value{}
	}
	layers := []value{d.defaults, v}
	if d.pack {
		slices.Reverse(layers)
	}
	d.own = builtIn()
	for _, layer := range layers {
		d.own = d.readDefaults(layer, d.own)
	}
}

// readDefaults lays what a file says over what holds without it.
func (d *draft) readDefaults(v value, base ruleDefaults) ruleDefaults {
	o, ok := v.object(defaultsShape)
	if !ok {
		return base
	}
	set(o.get("window"), windowSpan, &base.window) // at most what every signal can have
	if f, ok := o.get("confidence").confidence(); ok {
		base.confidence = f
	}
	if yes, ok := o.get("errors").errorKinds(); ok {
		base.http5xx = yes
	}
	if w, ok := o.get("where").object(whereShape); ok {
		if probes := w.get("probes"); probes.given() {
			probes.mistake("a default that chooses probes would turn every rule into one that looks at probes: write it in the rules that do")
			delete(w.fields, "probes")
		}
		base.where = d.readWhere(w, base.where)
	}
	return base
}
