package probe

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/featuresignals/tocsin/rules"
)

// readable reports whether a body is JSON that can be looked into. The standard
// library says so, since it bounds how deep values lie in each other; gjson,
// which looks into them, does not.
func readable(body []byte) bool { return len(body) <= mostBody && json.Valid(body) }

// expectJSON tells which value of a body is none of those that it must be. The
// value itself is not said: it may be anything.
func expectJSON(checks []rules.JSONCheck, body []byte) *failure {
	if len(checks) == 0 {
		return nil
	}
	if len(body) > mostBody {
		return &failure{"no JSON", "the body is longer than 1 MiB"}
	}
	if !readable(body) {
		return &failure{"no JSON", "the body cannot be read as JSON"}
	}
	for _, c := range checks {
		v := gjson.GetBytes(body, c.Path)
		if !v.Exists() {
			return &failure{"unexpected JSON", c.Path + " is not there"}
		}
		if !slices.Contains(c.Any, v.String()) {
			return &failure{"unexpected JSON", fmt.Sprintf("%s is none of %s", c.Path, strings.Join(c.Any, ", "))}
		}
	}
	return nil
}

// readGauges adds the figures that a body holds. One that is not there, or is no
// figure, is left out: that is no knowledge, and not zero.
func readGauges(gauges []rules.ProbeGauge, body []byte, into map[string]float64) {
	if len(gauges) == 0 || !readable(body) {
		return
	}
	for _, g := range gauges {
		if v, ok := figure(gjson.GetBytes(body, g.Path), g.Values); ok {
			into[g.Name] = v
		}
	}
}

// figure reads a value as a number, or as what its text stands for.
func figure(r gjson.Result, values map[string]float64) (v float64, ok bool) {
	switch {
	case !r.Exists():
		return 0, false
	case values != nil:
		v, ok = values[r.String()]
	case r.Type == gjson.Number:
		v, ok = r.Num, true
	case r.Type == gjson.True:
		v, ok = 1, true
	case r.Type == gjson.False:
		v, ok = 0, true
	case r.Type == gjson.String:
		f, err := strconv.ParseFloat(r.Str, 64)
		v, ok = f, err == nil
	}
	return v, ok && !math.IsNaN(v) && !math.IsInf(v, 0)
}
