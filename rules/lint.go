package rules

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Warning is something in a configuration that can be run and yet was hardly
// meant.
type Warning struct {
	Pos Pos
	Msg string // what will happen, and what to write instead
}

// String gives "file:line:col: what will happen".
func (w Warning) String() string { return w.Pos.String() + ": " + w.Msg }

// Lint looks for what will not do what it seems to say: levels that can never
// hold, rules that judge the same twice, plans that are over at at. The warnings
// come in the order of files and places.
func (c *Config) Lint(at time.Time) []Warning {
	l := newLinter(c)
	for i, r := range c.Rules {
		l.overlaps(i)
		l.looksAtNothing(r)
		l.overrides(r)
		l.spread(r)
		l.words(r)
		for _, v := range r.variants() {
			l.levels(v)
		}
	}
	l.components()
	l.services()
	l.probes()
	l.maintenance(at)
	l.silences(at)
	l.people()
	l.rooms()
	l.checklists()
	return l.sorted()
}

// linter collects warnings about a configuration.
type linter struct {
	*Config
	warnings []Warning
	said     map[Warning]bool

	codes []string          // of the regions that are declared
	rules map[string]*Rule  // by id
	alike map[figure]*alike // the rules gone through so far
}

func newLinter(c *Config) *linter {
	l := &linter{Config: c, said: map[Warning]bool{}, rules: map[string]*Rule{}, alike: map[figure]*alike{}}
	for _, r := range c.Regions {
		l.codes = append(l.codes, r.Code)
	}
	for i := range c.Rules {
		l.rules[c.Rules[i].ID] = &c.Rules[i]
	}
	return l
}

func (l *linter) warn(at Pos, format string, args ...any) {
	msg := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '·' // a pattern may hold any character, and this is one line
		}
		return r
	}, fmt.Sprintf(format, args...))
	w := Warning{at, msg}
	if !l.said[w] {
		l.said[w] = true
		l.warnings = append(l.warnings, w)
	}
}

// sorted puts what is built in last: it is no file to look into.
func (l *linter) sorted() []Warning {
	place := make(map[string]int, len(l.Files))
	for i, name := range slices.Backward(l.Files) {
		place[name] = i
	}
	order := func(w Warning) int {
		if i, ok := place[w.Pos.File]; ok {
			return i
		}
		return len(l.Files)
	}
	slices.SortStableFunc(l.warnings, func(a, b Warning) int {
		return cmp.Or(
			cmp.Compare(order(a), order(b)),
			strings.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
			strings.Compare(a.Msg, b.Msg),
		)
	})
	return l.warnings
}

// variant is a rule as it is for some series: those that an override covers, or
// those that none does.
type variant struct {
	Rule
	all  []Override
	here int // which of them; -1 for none
	at   Pos
}

// variants gives the rule as it is without overrides, and as each of them makes
// it.
func (r Rule) variants() []variant {
	all := []variant{{r, r.Overrides, -1, r.Pos}}
	for i, o := range r.Overrides {
		if !o.hardens() {
			continue
		}
		v := variant{r, r.Overrides, i, o.Pos}
		if len(o.Levels) > 0 {
			v.Levels = o.Levels
		}
		v.Confidence = cmp.Or(o.Confidence, v.Confidence)
		all = append(all, v)
	}
	return all
}

// hardens reports whether an override changes when levels hold.
func (o Override) hardens() bool { return len(o.Levels) > 0 || o.Confidence != 0 }

// applies reports whether the rule is like this for a series.
func (v variant) applies(service, region string) bool {
	for i, o := range v.all {
		if o.Services.Match(service) && o.Regions.Match(region) {
			return i == v.here || v.here < 0 && !o.hardens()
		}
	}
	return v.here < 0
}

// figure is what rules must have in common to judge the same.
type figure struct {
	component string
	window    time.Duration
	probes    bool
	signal    string
}

func figureOf(r *Rule) figure {
	s := r.Signal
	return figure{r.Component, r.Window, r.Where.FromProbes, fmt.Sprintln(s.Kind, s.Quantile, s.Gauge, s.Of, s.Objective, s.Period, s.Slow, s.Codes)}
}

// alike are rules of one figure. Those that name what they look at in full are
// found by these names: thousands of rules, each for a service of its own, are
// not compared with each other.
type alike struct {
	all   []int
	wide  []int            // that choose by globs, or everything
	named map[string][]int // by each service or probe that they name
}

// near gives the rules that may meet one with such patterns, in their order.
func (a *alike) near(own Patterns) []int {
	if !named(own) {
		return a.all
	}
	near := slices.Clone(a.wide)
	for _, name := range own.Any {
		near = append(near, a.named[name]...)
	}
	slices.Sort(near)
	return slices.Compact(near)
}

func (a *alike) add(i int, own Patterns) {
	a.all = append(a.all, i)
	if !named(own) {
		a.wide = append(a.wide, i)
		return
	}
	for _, name := range own.Any {
		a.named[name] = append(a.named[name], i)
	}
}

// named reports whether patterns choose by full names only.
func named(p Patterns) bool { return len(p.Any) > 0 && !slices.ContainsFunc(p.Any, wild) }

// own is by what a rule's series are named: services, or probes.
func (w Where) own() Patterns {
	if w.FromProbes {
		return w.Probes
	}
	return w.Services
}

// overlaps warns of an earlier rule that makes the same severity of the same
// figure of the same requests.
func (l *linter) overlaps(i int) {
	r := &l.Rules[i]
	same := l.alike[figureOf(r)]
	if same == nil {
		same = &alike{named: map[string][]int{}}
		l.alike[figureOf(r)] = same
	}
	defer same.add(i, r.Where.own())
	for _, n := range same.near(r.Where.own()) {
		e := &l.Rules[n]
		if apart(&e.Where, &r.Where) {
			continue
		}
		severity := sharedSeverity(e, r)
		if severity == SeverityNone {
			continue
		}
		if service, region, both := l.meet(e.Where, r.Where); both {
			l.warn(r.Pos, "%s and %s at %s both make %s of the same %s, for instance of %s: leave what one of them looks at out of the other's where",
				r.ID, e.ID, e.Pos, severity, r.Signal, spellCell(service, region))
			return
		}
	}
}

// apart reports whether two rules differ in how all that they choose begins. It
// is a quick look before the thorough one.
func apart(a, b *Where) bool {
	return beginApart(a.Services, b.Services) || beginApart(a.Regions, b.Regions) || beginApart(a.Probes, b.Probes) ||
		beginApart(a.Routes, b.Routes) || beginApart(a.Operations, b.Operations)
}

func beginApart(a, b Patterns) bool {
	if len(a.Any) == 0 || len(b.Any) == 0 {
		return false
	}
	for _, g := range a.Any {
		for _, h := range b.Any {
			x, y := opening(g), opening(h)
			if x == g && y == h && x == y || (x != g || y != h) && strings.HasPrefix(x, y[:min(len(x), len(y))]) {
				return false
			}
		}
	}
	return true
}

// opening is what stands in a glob before its first wildcard.
func opening(glob string) string {
	if i := strings.IndexAny(glob, "*?"); i >= 0 {
		return glob[:i]
	}
	return glob
}

// sharedSeverity gives the worst severity that two rules make in the same way.
func sharedSeverity(a, b *Rule) Severity {
	for _, x := range a.Levels {
		for _, y := range b.Levels {
			if x.Severity == y.Severity && x.Under == y.Under && slices.Equal(x.ConfirmWith, y.ConfirmWith) {
				return x.Severity
			}
		}
	}
	return SeverityNone
}

// meet gives a service and region that both look at, if there can be one.
func (l *linter) meet(a, b Where) (service, region string, ok bool) {
	if a.FromProbes != b.FromProbes {
		return "", "", false
	}
	if a.FromProbes {
		for _, p := range l.Probes {
			for _, t := range p.Targets {
				if a.Chooses(p.ID, t.Region) && b.Chooses(p.ID, t.Region) {
					return p.ID, t.Region, true
				}
			}
		}
		return "", "", false
	}
	service, ok = common(a.Services, b.Services)
	if !ok || !commonKinds(a.Kinds, b.Kinds) || !commonAttributes(a.Attributes, b.Attributes) {
		return "", "", false
	}
	if region, ok = common(a.Regions, b.Regions, l.codes...); !ok {
		return "", "", false
	}
	_, routes := common(a.Routes, b.Routes)
	_, operations := common(a.Operations, b.Operations)
	return service, region, routes && operations
}

func commonKinds(a, b []string) bool {
	if len(a) == 0 {
		a = entryKinds
	}
	if len(b) == 0 {
		b = entryKinds
	}
	return slices.ContainsFunc(a, func(kind string) bool { return slices.Contains(b, kind) })
}

func commonAttributes(a, b []Attribute) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Key != y.Key {
				continue
			}
			if _, both := common(x.Patterns, y.Patterns); !both {
				return false
			}
		}
	}
	return true
}

// spellCell names a service in a region; a text that only stands for any is not
// shown.
func spellCell(service, region string) string {
	s := service
	if strings.HasSuffix(service, anything) {
		s = "any service"
	}
	switch {
	case strings.HasSuffix(region, anything):
		return s
	case region == "":
		return s + " in no region"
	}
	return s + " in " + region
}

// looksAtNothing warns of a rule that no request can reach.
func (l *linter) looksAtNothing(r Rule) {
	for _, part := range []struct {
		name string
		Patterns
	}{
		{"services", r.Where.Services},
		{"regions", r.Where.Regions},
		{"probes", r.Where.Probes},
		{"routes", r.Where.Routes},
		{"operations", r.Where.Operations},
	} {
		if hollow(part.Patterns) {
			l.warn(r.Pos, "%s looks at nothing: its where leaves out by not all the %s that it names", r.ID, part.name)
			return
		}
	}
	if r.Where.FromProbes {
		if _, _, some := l.meet(r.Where, r.Where); !some {
			l.warn(r.Pos, "%s looks at nothing: no probe that it chooses has a target in a region that it chooses", r.ID)
		}
		return
	}
	asked, codes := r.Where.Regions.Any, l.codes
	if len(asked) > 0 && len(codes) > 0 && !slices.ContainsFunc(asked, literal) && !slices.ContainsFunc(codes, r.Where.Regions.Match) {
		l.warn(r.Pos, "%s looks at none of the declared regions %s: its where asks for %s", r.ID, strings.Join(codes, " "), strings.Join(asked, " "))
	}
}

// overrides warns of those that no series meets.
func (l *linter) overrides(r Rule) {
	own := r.Where.own()
	for i, o := range r.Overrides {
		_, services := common(own, o.Services)
		_, regions := common(r.Where.Regions, o.Regions, l.codes...)
		if !services || !regions {
			l.warn(o.Pos, "the override changes nothing: %s looks at nothing that it covers", r.ID)
			continue
		}
		for _, e := range r.Overrides[:i] {
			if within(o.Services, e.Services) && within(o.Regions, e.Regions) {
				l.warn(o.Pos, "the override changes nothing: the one at %s covers all that it covers, and comes first; put the narrower one first", e.Pos)
				break
			}
		}
	}
}

// spread warns of conditions for which there are too few regions.
func (l *linter) spread(r Rule) {
	regions, all := l.regionsOf(r.Where)
	if !all {
		return
	}
	for _, s := range r.Spread {
		switch {
		case s.AllRegions && len(regions) < 2:
			l.warn(r.Pos, "%s is never raised to %s: all_regions asks for two regions at least, and it looks at %s", r.ID, s.Severity, spellRegions(regions))
		case s.Regions > len(regions):
			l.warn(r.Pos, "%s is never raised to %s: that asks for %d regions, and it looks at %s", r.ID, s.Severity, s.Regions, spellRegions(regions))
		}
	}
}

func spellRegions(codes []string) string {
	if len(codes) == 0 {
		return "none"
	}
	return strings.Join(codes, " ")
}

// regionsOf lists the regions that are looked at. all is false where there may
// be others: those that spans name and nobody declared.
func (l *linter) regionsOf(w Where) (codes []string, all bool) {
	if w.FromProbes {
		found := map[string]bool{}
		for _, p := range l.Probes {
			for _, t := range p.Targets {
				if w.Chooses(p.ID, t.Region) {
					found[t.Region] = true
				}
			}
		}
		return slices.Sorted(maps.Keys(found)), true
	}
	if len(w.Regions.Any) > 0 && !slices.ContainsFunc(w.Regions.Any, wild) {
		return slices.DeleteFunc(slices.Clone(w.Regions.Any), func(code string) bool { return !w.Regions.Match(code) }), true
	}
	for _, code := range l.codes {
		if w.Regions.Match(code) {
			codes = append(codes, code)
		}
	}
	return codes, false
}

// words warns of severities that customers read of in words that nobody wrote.
func (l *linter) words(r Rule) {
	if builtInFile(r.Pos.File) || r.Public != usualWords(r) {
		return
	}
	for _, s := range r.severities() {
		if l.Policies[s].Public {
			l.warn(r.Pos, "customers read of %s of %s in words that fit any product, “%s”: add public: {symptom: …, impact: …}", s, r.ID, r.Public.Symptom)
			return
		}
	}
}

// severities lists what the rule can make, the worst first.
func (r Rule) severities() []Severity {
	var all []Severity
	for _, v := range r.variants() {
		for _, level := range v.Levels {
			all = append(all, level.Severity)
		}
	}
	for _, s := range r.Spread {
		all = append(all, s.Severity)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all
}

func builtInFile(name string) bool { return strings.HasSuffix(name, " (built in)") }

// levels warns of levels that can never hold.
func (l *linter) levels(r variant) {
	for _, level := range r.Levels {
		l.tooFewChecks(r, level)
		l.beyondValues(r, level)
		l.sampledAway(r, level)
		l.unconfirmed(r, level)
		if level.Times > 0 && r.Baseline.Ago < r.Window+level.For {
			l.warn(r.at, "%s of %s compares with what is already going on: the baseline ends %s ago, and it takes %s of window and %s of for until the level holds; want ago: of at least %s",
				level.Severity, r.ID, spell(r.Baseline.Ago), spell(r.Window), spell(level.For), spell(r.Window+level.For))
		}
	}
}

// tooFewChecks warns of a share that even failures alone would not prove, since
// a probe asks so seldom.
func (l *linter) tooFewChecks(r variant, level Level) {
	if !r.Where.FromProbes {
		return
	}
	for _, p := range l.Probes {
		asked := func(t Target) bool { return r.Where.Chooses(p.ID, t.Region) && r.applies(p.ID, t.Region) }
		if !slices.ContainsFunc(p.Targets, asked) {
			continue
		}
		window, share, asks := provable(r.Rule, level, p.Every)
		if asks == 0 {
			continue
		}
		z := math.Sqrt2 * math.Erfinv(2*r.Confidence-1)
		if low := float64(asks) / (float64(asks) + z*z); low <= share {
			l.warn(r.at, "%s of %s can never hold: the probe %s asks %s in %s, and if all of that fails, it is at least %s with %s confidence, against %s; ask more often, widen the window, or lower the limit or the confidence",
				level.Severity, r.ID, p.ID, spellCount(asks), spell(window), spellPercent(low), spellShare(r.Confidence), spellPercent(share))
		}
	}
}

// provable gives the share that must be exceeded over a window, and how many
// checks that has; none where no bound is put on a share.
func provable(r Rule, level Level, every time.Duration) (window time.Duration, share float64, asks int) {
	switch r.Signal.Kind {
	case KindErrorRate:
		window, share = r.Window, level.Limit
	case KindQuantile:
		window, share = r.Window, float64(10000-r.Signal.Quantile)/10000
	case KindBurnRate:
		// The pair that is easiest to prove: one suffices.
		easiest := math.Inf(1)
		for _, b := range level.Burn {
			n := math.Ceil(float64(b.Long) / float64(every))
			if hard := b.Factor * (1 - r.Signal.Objective) * (1 + 1/n); hard < easiest {
				easiest, window, share = hard, b.Long, b.Factor*(1-r.Signal.Objective)
			}
		}
	default:
		return 0, 0, 0
	}
	return window, share, int(math.Ceil(float64(window) / float64(every)))
}

func spellCount(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func spellPercent(f float64) string { return spellShare(math.Round(f*1000) / 1000) }

// beyondValues warns of a limit that none of a gauge's values passes.
func (l *linter) beyondValues(r variant, level Level) {
	if r.Signal.Kind != KindGauge {
		return
	}
	var values []float64
	for _, p := range l.Probes {
		for _, g := range p.Gauges {
			if g.Name != r.Signal.Gauge || !r.Where.Probes.Match(p.ID) {
				continue
			}
			if g.Values == nil {
				return // any number
			}
			values = slices.AppendSeq(values, maps.Values(g.Values))
		}
	}
	if len(values) == 0 {
		return
	}
	least, most := slices.Min(values), slices.Max(values)
	if level.Under && level.Limit <= least || !level.Under && level.Limit >= most {
		l.warn(r.at, "%s of %s can never hold: the gauge %s is from %s to %s, and never %s %s",
			level.Severity, r.ID, r.Signal.Gauge, spellNumber(least), spellNumber(most), direction(level.Under), spellNumber(level.Limit))
	}
}

// sampledAway warns of a rate so low that of sampled requests a single span
// stands for more.
func (l *linter) sampledAway(r variant, level Level) {
	if r.Signal.Kind != KindRequestRate || !level.Under || math.IsInf(level.Limit, 1) {
		return
	}
	for _, s := range l.Services {
		name, both := common(r.Where.Services, s.Names)
		one := 1 / s.SampleRate / r.Window.Minutes()
		if s.SampleRate == 1 || !both || l.SampleRate(name) != s.SampleRate || level.Limit > one {
			continue
		}
		l.warn(r.at, "%s of %s holds only without any request: with a sample rate of %s, a single span in %s stands for %s; widen the window, or raise the limit",
			level.Severity, r.ID, spellShare(s.SampleRate), spell(r.Window), spellRate(one))
	}
}

// unconfirmed warns of a level that no rule confirms in some region.
func (l *linter) unconfirmed(r variant, level Level) {
	if len(level.ConfirmWith) == 0 {
		return
	}
	regions, _ := l.regionsOf(r.Where)
	regions = slices.DeleteFunc(regions, func(code string) bool { return !r.applies(anything, code) })
	var confirmed, alone []string
	elsewhere := false
	for _, name := range level.ConfirmWith {
		by := l.rules[name]
		if by == nil {
			return // a mistake, not a warning
		}
		for _, code := range regions {
			if l.looksAt(by.Where, code) {
				confirmed = append(confirmed, code)
			}
		}
		_, all := l.regionsOf(by.Where)
		elsewhere = elsewhere || !all
	}
	for _, code := range regions {
		if !slices.Contains(confirmed, code) {
			alone = append(alone, code)
		}
	}
	by := strings.Join(level.ConfirmWith, " or ")
	switch {
	case len(alone) == 0:
	case len(confirmed) == 0 && !elsewhere:
		l.warn(r.at, "%s of %s can never hold: %s, which must confirm it, looks at none of its regions", level.Severity, r.ID, by)
	default:
		l.warn(r.at, "%s of %s can never hold in %s: %s, which must confirm it, does not look there", level.Severity, r.ID, strings.Join(alone, " and "), by)
	}
}

// looksAt reports whether a rule can see a region.
func (l *linter) looksAt(w Where, region string) bool {
	if !w.FromProbes {
		return w.Regions.Match(region)
	}
	codes, _ := l.regionsOf(w)
	return slices.Contains(codes, region)
}

// components warns of those of which nothing is known.
func (l *linter) components() {
	about := map[string]bool{}
	for i := range l.Rules {
		about[l.Rules[i].Component] = true
	}
	for _, c := range l.Components {
		if !about[c.ID] {
			l.warn(c.Pos, "no rule is about the component %s: the page says “Not watched yet” of it until somebody declares an incident about it; add a rule, or take it out", c.ID)
			continue
		}
		for _, figure := range c.Figures {
			if !slices.ContainsFunc(l.Rules, func(r Rule) bool { return r.Component == c.ID && r.Signal.String() == figure }) {
				l.warn(c.Pos, "figures of %s are not measured of the component %s, since no rule of it has that signal: the page would not show them; add a rule, or take it out", figure, c.ID)
			}
		}
	}
}

// services warns of sampling rates that an earlier entry hides.
func (l *linter) services() {
	for i, s := range l.Services {
		for _, e := range l.Services[:i] {
			if within(s.Names, e.Names) {
				l.warn(s.Pos, "this sample rate is never used: the one at %s covers all its services, and comes first", e.Pos)
				break
			}
		}
	}
}

// probes warns of those that nobody listens to.
func (l *linter) probes() {
	var listen []*Rule
	for i := range l.Rules {
		if l.Rules[i].Where.FromProbes {
			listen = append(listen, &l.Rules[i])
		}
	}
	for _, p := range l.Probes {
		heard := func(r *Rule) bool {
			return slices.ContainsFunc(p.Targets, func(t Target) bool { return r.Where.Chooses(p.ID, t.Region) })
		}
		if !slices.ContainsFunc(listen, heard) {
			l.warn(p.Pos, "no rule looks at the probe %s: add one with where: {probes: [%s]}, or take the probe out", p.ID, p.ID)
		}
	}
}

func (l *linter) maintenance(at time.Time) {
	for _, m := range l.Maintenance {
		if _, _, ok := m.Next(at); !ok {
			l.warn(m.Pos, "the maintenance %s is over since %s: take it out", m.ID, l.clock(m.To))
		}
	}
}

func (l *linter) silences(at time.Time) {
	for _, s := range l.Silences {
		if !at.Before(s.Until) {
			l.warn(s.Pos, "the silence %s is over since %s: take it out", s.ID, l.clock(s.Until))
			continue
		}
		silenced := func(r Rule) bool { return s.Rules.Match(r.ID) && l.silenced(s, r) }
		if !slices.ContainsFunc(l.Rules, silenced) {
			l.warn(s.Pos, "the silence %s silences nothing: no rule that it names looks at a service and region that it names", s.ID)
		}
	}
}

// silenced reports whether a silence can cover a series of a rule. Where a
// group is silent, its finding has no service or no region.
func (l *linter) silenced(s Silence, r Rule) bool {
	_, services := common(r.Where.own(), s.Services)
	_, regions := common(r.Where.Regions, s.Regions, l.codes...)
	if r.Signal.Kind == KindSilence {
		services = services && (r.Signal.Of != OfRegion || s.Services.Match(""))
		regions = regions && (r.Signal.Of != OfService || s.Regions.Match(""))
	}
	return services && regions
}

// clock writes a time as the clocks of the configuration show it.
func (l *linter) clock(t time.Time) string {
	if l.Zone == nil {
		return t.UTC().Format(wallLayout)
	}
	return t.In(l.Zone).Format(wallLayout + " MST")
}
