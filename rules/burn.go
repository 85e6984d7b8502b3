package rules

import (
	"fmt"
	"slices"
	"time"
)

var (
	burnShape = shape{
		example: "{spend: 2%, long: 1h, short: 5m}",
		keys:    []string{"spend", "factor", "long", "short"},
		hints:   map[string]string{"for": "belongs to the level: {burn: [{factor: 6, long: 6h}], for: 2m}"},
	}
	windowSets = []string{"google", "pyrra"}
	stageNames = []string{"page", "ticket"}

	longSpan  = span{2 * time.Minute, 7 * day, time.Minute, "1h"}
	shortSpan = span{time.Minute, day, time.Minute, "5m"}
)

// mostFactor is how fast a budget can burn at the strictest objective.
const mostFactor = 100_000

// stage is what burn: page or burn: ticket stands for.
type stage struct {
	pairs []Burn
	soak  time.Duration // the level's for, where it says nothing
	why   string        // it cannot be used
}

// readObjective reads what a burn rate is reckoned from.
func (r *ruleReader) readObjective() {
	s, o := &r.rule.Signal, r.o
	s.Objective, _ = o.need("objective", "objective: 99.9%").share(0.5, 0.99999, "99.9%")
	s.Period = 30 * day
	set(o.get("period"), periodSpan, &s.Period)
	set(o.get("slower_than"), limitSpan, &s.Slow)
	o.get("slower_than").later(func() string {
		if r.rule.Where.FromProbes {
			return ""
		}
		return r.d.tooSlow(float64(r.rule.Signal.Slow))
	})
	r.stages = google(s.Period)
	if name, ok := o.get("windows").oneOf(windowSets); ok && name == "pyrra" {
		r.stages = pyrra(s.Period)
	}
}

// google gives the pairs of Google's workbook on reliability: so much of the
// budget spent in the long window, whatever the period.
func google(period time.Duration) map[string]stage {
	pair := func(spend float64, long time.Duration) Burn {
		return Burn{Long: long, Short: long / 12, Factor: spend * float64(period) / float64(long)}
	}
	page := stage{soak: defaultFor, pairs: []Burn{pair(0.02, time.Hour), pair(0.05, 6*time.Hour)}}
	ticket := stage{soak: defaultFor, pairs: []Burn{pair(0.10, day), pair(0.10, 3*day)}}
	if least := 15 * day; period < least {
		why := fmt.Sprintf("these windows are made for a month: in %s, what they ask for is hardly faster than allowed; "+
			"want a period of at least %s, windows: pyrra, or pairs as in [%s]", spell(period), spell(least), burnShape.example)
		page.why, ticket.why = why, why
	}
	return map[string]stage{"page": page, "ticket": ticket}
}

// pyrra gives Pyrra's pairs: windows that are so much of the period.
func pyrra(period time.Duration) map[string]stage {
	scaled := func(d time.Duration) time.Duration {
		d = time.Duration(float64(d) * float64(period) / float64(28*day))
		if d = d.Round(time.Minute); d > time.Hour {
			d = d.Round(coarse)
		}
		return max(d, time.Minute)
	}
	pair := func(factor float64, long, short time.Duration) Burn { return Burn{scaled(long), scaled(short), factor} }
	page := stage{
		soak:  scaled(2 * time.Minute),
		pairs: []Burn{pair(14, time.Hour, 5*time.Minute), pair(7, 6*time.Hour, 30*time.Minute)},
	}
	ticket := stage{
		soak:  scaled(time.Hour),
		pairs: []Burn{pair(2, day, 2*time.Hour), pair(1, 4*day, 6*time.Hour)},
	}
	switch {
	case period < 7*day:
		page.why = "these windows shrink with the period, and in " + spell(period) + " to nothing: want a period of at least 7d, or pairs as in [" + burnShape.example + "]"
		ticket.why = page.why
	case ticket.pairs[1].Long > longSpan.most:
		ticket.why = fmt.Sprintf("its longest window would be %s, and at most %s are looked back on: want a period of at most 49d, windows: google, or pairs as in [%s]",
			spell(ticket.pairs[1].Long), spell(longSpan.most), burnShape.example)
	}
	return map[string]stage{"page": page, "ticket": ticket}
}

// readBurn gives a level's pairs, and how long it must last where it does not
// say.
func (r *ruleReader) readBurn(v value) (pairs []Burn, soak time.Duration, ok bool) {
	const example = "page, or [{spend: 2%, long: 1h, short: 5m}]"
	n, ok := v.read(example)
	if !ok {
		return nil, 0, false
	}
	switch found(n) {
	case "a list":
		pairs, ok = r.readPairs(v)
		return pairs, defaultFor, ok
	case "a mapping":
		v.mistake("want page, ticket, or a list of pairs, as in [%s]; found a mapping", burnShape.example)
		return nil, 0, false
	}
	name, ok := v.oneOf(stageNames)
	if !ok {
		return nil, 0, false
	}
	r.staged = true
	st := r.stages[name]
	if st.why == "" {
		st.why = r.unreachable(st.pairs)
	}
	if st.why != "" {
		v.mistake("%s", st.why)
	}
	return slices.Clone(st.pairs), st.soak, st.why == ""
}

func (r *ruleReader) readPairs(v value) ([]Burn, bool) {
	items, _ := v.list("[" + burnShape.example + "]")
	if len(items) == 0 {
		v.mistake("the list is empty: add a pair, as in [%s]", burnShape.example)
		return nil, false
	}
	var pairs []Burn
	for _, item := range items {
		item.name = "burn"
		if o, ok := item.object(burnShape); ok {
			if b, ok := r.readPair(o); ok {
				pairs = append(pairs, b)
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b Burn) int { return cmpOutwards(a.Factor, b.Factor, true) }) // the fastest first
	return pairs, len(pairs) == len(items)
}

func (r *ruleReader) readPair(o object) (b Burn, ok bool) {
	period, long, short := r.rule.Signal.Period, o.need("long", "long: 1h"), o.get("short")
	if b.Long, ok = long.window(longSpan); !ok {
		return b, false
	}
	if b.Long > period {
		long.mistake("this is longer than the period of %s: want at most that", spell(period))
		return b, false
	}
	b.Short = twelfth(b.Long)
	if short.given() {
		if b.Short, ok = short.window(shortSpan); !ok {
			return b, false
		}
		if b.Short >= b.Long {
			short.mistake("the short window tells that it is still going on: want less than %s, as in %s", spell(b.Long), spell(twelfth(b.Long)))
			return b, false
		}
	}
	spend, factor := o.get("spend"), o.get("factor")
	switch {
	case spend.given() == factor.given():
		o.mistake("want either spend, the share of the budget that is spent in %s, or factor, how many times faster than allowed, as in %s", spell(b.Long), burnShape.example)
		return b, false
	case spend.given():
		var share float64
		share, ok = spend.share(0.0001, 1, "2%")
		b.Factor = share * float64(period) / float64(b.Long)
	default:
		b.Factor, ok = factor.factor()
	}
	if ok {
		if why := r.unreachable([]Burn{b}); why != "" {
			o.mistake("%s", why)
			return b, false
		}
	}
	return b, ok
}

// factor reads a factor, with or without its x: the key says what it is.
func (v value) factor() (float64, bool) {
	s, ok := v.scalar("6")
	if !ok {
		return 0, false
	}
	f, ok := parseTimes(s)
	if !ok && numberPattern.MatchString(s) {
		f, ok = parseFigure(s)
	}
	if !ok || f < 0.1 || f > mostFactor {
		v.mistake("want how many times faster than allowed, from 0.1 to %d, as in 6; found %q", mostFactor, shorten(s))
		return 0, false
	}
	return f, true
}

// twelfth is the short window that goes with a long one.
func twelfth(long time.Duration) time.Duration {
	short := (long / 12).Round(time.Minute)
	if short > time.Hour {
		short = short.Round(coarse)
	}
	return max(short, time.Minute)
}

// unreachable says that not even an outage burns so fast.
func (r *ruleReader) unreachable(pairs []Burn) string {
	budget := 1 - r.rule.Signal.Objective
	if r.rule.Signal.Objective == 0 {
		return "" // it could not be read
	}
	for _, b := range pairs {
		if b.Factor*budget >= 1 {
			return fmt.Sprintf("with an objective of %s a budget burns at most %s as fast as allowed, never above the factor of %s: want pairs with a lower factor, or a stricter objective",
				spellShare(r.rule.Signal.Objective), spellTimes(1/budget), spellTimes(b.Factor))
		}
	}
	return ""
}

// slowest gives the least of the factors, at which a level begins to hold.
func slowest(pairs []Burn) float64 {
	if len(pairs) == 0 {
		return 0
	}
	return slices.MinFunc(pairs, func(a, b Burn) int { return cmpOutwards(a.Factor, b.Factor, false) }).Factor
}
