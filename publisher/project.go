package publisher

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Valid is how long a rendered page may be believed after the newest minute
// that it rests on was judged.
const Valid = 5 * time.Minute

// otherRegion stands for every region that the configuration does not list. A
// region's raw value comes from spans, and nothing a span carries is public.
var otherRegion = templates.Region{Code: "other", Name: "Other regions"}

// Known is all that is known when something goes out.
type Known struct {
	Config  *rules.Config
	Board   incident.Board
	History *incident.History // of the minutes that were judged; nil: there are no records
	Judged  time.Time         // end of the newest judged minute
}

// Project gives what customers may know of a board, without records of days and
// figures. judged is the end of the newest judged minute, at the time of asking.
func Project(c *rules.Config, b incident.Board, judged, at time.Time) templates.Public {
	return Known{Config: c, Board: b, Judged: judged}.Project(at)
}

// Project gives what customers may know: names come from the configuration, words
// from the rules, everything else is times and numbers. at is the time of asking.
//
// The same board at the same minute gives the same value, whenever it is
// asked: a page that says nothing new is the same page, to the last byte.
func (k Known) Project(at time.Time) templates.Public {
	c, b, judged := k.Config, k.Board, k.Judged
	v := newView(c, b)
	p := templates.Public{
		Organisation: line(c.Organisation), Title: line(c.Page.Title), URL: line(c.Page.URL), Support: line(c.Page.Support),
		Rendered: at, Checked: judged, Since: b.Since, Blind: b.Blind, Brand: templates.Brand{Language: c.Page.Language},
	}
	if !judged.IsZero() {
		p.ValidUntil = judged.Add(c.SigNoz.Lag + Valid)
		p.Rendered = judged.Add(c.SigNoz.Lag)
		for _, i := range v.open() {
			if said := newest(i).Said; said.After(p.Rendered) {
				p.Rendered = said
			}
		}
	}
	p.Weights = templates.Weights(c.Page.Weights)
	p.Regions = v.regions()
	past := v.past(k.History, judged)
	for _, comp := range c.Components {
		p.Components = append(p.Components, v.component(comp, p.Regions, past))
	}
	now := judged
	if judged.IsZero() {
		now = at
	}
	p.Works = v.works(now)
	for _, i := range slices.Backward(slices.Concat(b.Past, b.Open)) {
		switch {
		case !isPublic(i):
		case isOpen(i):
			p.Incidents = append(p.Incidents, v.incident(i, public(i)))
		default:
			p.Past = append(p.Past, v.incident(i, public(i)))
		}
	}
	p.Indicator, p.Description = rollUp(p)
	return p
}

type view struct {
	config *rules.Config
	board  incident.Board
	joined map[incident.ID][]incident.Incident // what was merged, by the incident that it goes on as
	heard  map[string][]string                 // regions, by component, of which anything was ever heard
}

func newView(c *rules.Config, b incident.Board) view {
	v := view{config: c, board: b, joined: map[incident.ID][]incident.Incident{}, heard: map[string][]string{}}
	for cell := range b.Senses {
		v.heard[cell.Component] = append(v.heard[cell.Component], cell.Region)
	}
	for n := range b.Past {
		if past := &b.Past[n]; past.Into != "" && !past.Private {
			v.joined[past.Into] = append(v.joined[past.Into], *past)
		}
	}
	return v
}

// public gives what customers may read of an incident.
func public(i incident.Incident) []incident.Update {
	if i.Private {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(i.Updates), func(u incident.Update) bool { return u.Inside })
}

// isPublic reports whether customers have read of an incident.
func isPublic(i incident.Incident) bool { return !i.Private && i.Told() }

// newest gives the last that customers read of an incident.
func newest(i incident.Incident) incident.Update {
	all := public(i)
	return all[len(all)-1]
}

// isOpen reports whether an incident is one that is still going on by itself.
func isOpen(i incident.Incident) bool { return i.State != incident.StateResolved && i.Into == "" }

// open gives the incidents that are open for customers.
func (v view) open() []incident.Incident {
	return slices.DeleteFunc(slices.Clone(v.board.Open), func(i incident.Incident) bool { return !isPublic(i) || !isOpen(i) })
}

// region gives the public face of a region's code.
func (v view) region(code string) templates.Region {
	if r, ok := v.config.Region(code); ok {
		return templates.Region{Code: line(r.Code), Name: line(r.Name)}
	}
	return otherRegion
}

// regions is the columns of the page: those that are configured, and one for
// the rest when something was heard from there.
func (v view) regions() []templates.Region {
	var out []templates.Region
	for _, r := range v.config.Regions {
		out = append(out, v.region(r.Code))
	}
	for cell, s := range v.board.Senses {
		if s.Sense != incident.SenseNone && v.region(cell.Region) == otherRegion {
			return append(out, v.rest())
		}
	}
	for _, i := range v.open() {
		if slices.ContainsFunc(i.Regions(), func(r string) bool { return v.region(r) == otherRegion }) {
			return append(out, v.rest())
		}
	}
	return out
}

// rest is otherRegion by the name that fits: where none is configured, it is
// all there is.
func (v view) rest() templates.Region {
	if len(v.config.Regions) == 0 {
		return templates.Region{Code: otherRegion.Code, Name: "All regions"}
	}
	return otherRegion
}

// name gives a region's public face as regions lists it.
func (v view) name(code string) templates.Region {
	if r := v.region(code); r != otherRegion {
		return r
	}
	return v.rest()
}

func (v view) component(c rules.Component, regions []templates.Region, past *past) templates.Component {
	out := templates.Component{ID: line(c.ID), Name: line(c.Name), Description: line(c.Description), Group: line(c.Group), Target: c.Target}
	for _, r := range regions {
		out.Cells = append(out.Cells, v.cell(c.ID, r))
	}
	out.Status = worstOf(out.Cells)
	if past == nil {
		return out
	}
	past.records(c.ID, &out)
	for n, r := range regions {
		out.Cells[n].Figures = past.figures(place{c.ID, r}, c.Figures)
	}
	return out
}

// cell gives the word of one component in one column. Several raw regions may
// stand in the column of the rest; it shows the worst of them.
func (v view) cell(component string, column templates.Region) templates.Cell {
	best := templates.Cell{Region: column, Status: templates.NotWatched}
	codes := map[string]bool{}
	for _, code := range v.heard[component] {
		if v.name(code) == column {
			codes[code] = true
		}
	}
	for _, inc := range v.on(component) {
		for _, r := range inc.Regions() {
			if v.name(r) == column && inc.CellSeverity(component, r) != rules.SeverityNone {
				codes[r] = true
			}
		}
	}
	for code := range codes {
		c := v.one(component, code)
		c.Region = column
		if rank(c.Status) > rank(best.Status) || rank(c.Status) == rank(best.Status) && c.Since.Before(best.Since) {
			best = c
		}
	}
	return best
}

// on gives the open incidents of a component that customers have heard of.
func (v view) on(component string) []incident.Incident {
	var all []incident.Incident
	for _, i := range v.board.Open {
		if i.Covers(component) && isOpen(i) && v.told(i) {
			all = append(all, i)
		}
	}
	return all
}

// told reports whether customers have heard of an incident, by itself or as part
// of one that spoke for it; nothing explains away that a person wanted it kept
// from them.
func (v view) told(inc incident.Incident) bool {
	if isPublic(inc) || inc.Private || inc.Withheld || inc.ExplainedBy == "" {
		return isPublic(inc)
	}
	return slices.ContainsFunc(v.open(), func(by incident.Incident) bool {
		return slices.ContainsFunc(public(by), func(u incident.Update) bool {
			return slices.Contains(u.Also, inc.Component) && !u.Said.Before(inc.Detected)
		})
	})
}

func (v view) one(component, code string) templates.Cell {
	worst := templates.Cell{Status: templates.Operational}
	for _, inc := range v.on(component) {
		s := inc.CellSeverity(component, code)
		c := templates.Cell{Status: statusOf(s, v.slow(inc, code), v.shown(inc, s)), Since: since(inc, code)}
		if rank(c.Status) > rank(worst.Status) {
			worst = c
		}
	}
	if worst.Status != templates.Operational {
		return worst
	}
	sense := v.board.Senses[incident.Cell{Component: component, Region: code}]
	begun, maintained := v.maintained(component, code)
	switch {
	case sense.Sense == incident.SenseNone:
		return templates.Cell{Status: templates.NotWatched}
	case maintained:
		return templates.Cell{Status: templates.Maintenance, Since: begun}
	case sense.Sense == incident.SenseNothing:
		return templates.Cell{Status: templates.NoData, Since: sense.Since}
	case !v.board.Blind.IsZero():
		return templates.Cell{Status: templates.NoData, Since: v.board.Blind}
	case sense.Sense == incident.SenseThin:
		return templates.Cell{Status: templates.LowTraffic, Since: sense.Since}
	default:
		return templates.Cell{Status: templates.Operational}
	}
}

// since gives the first bad minute of what lasts in a region.
func since(inc incident.Incident, code string) time.Time {
	var t time.Time
	for _, c := range inc.Causes {
		if c.Region == code && c.Severity != rules.SeverityNone && (t.IsZero() || c.Began.Before(t)) {
			t = c.Began
		}
	}
	return t
}

// slow reports whether only latency rules demand a region's severity.
func (v view) slow(inc incident.Incident, code string) bool {
	if !isPublic(inc) {
		return false // another incident speaks for it
	}
	for _, r := range newest(inc).Regions {
		if r.Region == code {
			return r.Slow
		}
	}
	return false
}

// shown reports whether customers are shown a severity that an incident has now.
// What is left of an incident when all that they should read of is over is not;
// an incident that never was worse, or that a person set so low, is, since they
// read of it.
func (v view) shown(i incident.Incident, s rules.Severity) bool {
	return v.config.Policies[s].Public || isPublic(i) && (s >= i.Peak || i.Grade != nil && i.Grade.Severity == s)
}

// statusOf maps a cell's severity onto its status. shown is said of those below
// P2, which customers read of only where somebody decided so.
func statusOf(s rules.Severity, slow, shown bool) templates.Status {
	switch {
	case s == rules.P0:
		return templates.Major
	case s == rules.P1 && !slow:
		return templates.Partial
	case s == rules.P1, s == rules.P2, s != rules.SeverityNone && shown:
		return templates.Degraded
	default:
		return templates.Operational
	}
}

// rank orders statuses by how much they take a component's word; unknown is
// worse than well and better than broken.
func rank(s templates.Status) int {
	return slices.Index([]templates.Status{
		templates.NotWatched, templates.Operational, templates.LowTraffic, templates.NoData,
		templates.Maintenance, templates.Degraded, templates.Partial, templates.Major,
	}, s)
}

// worstOf rolls cells up into a component: major only if all of them are.
func worstOf(cells []templates.Cell) templates.Status {
	worst, major, watched := templates.NotWatched, 0, 0
	for _, c := range cells {
		if rank(c.Status) > rank(worst) {
			worst = c.Status
		}
		if c.Status != templates.NotWatched {
			watched++
		}
		if c.Status == templates.Major {
			major++
		}
	}
	if worst == templates.Major && major < watched {
		return templates.Partial
	}
	return worst
}

// incident gives what updates, oldest first and at least one, tell of an
// incident.
func (v view) incident(i incident.Incident, updates []incident.Update) templates.Incident {
	out := templates.Incident{
		ID: string(i.ID), State: string(i.State), Integrity: integrity(i.Integrity), Into: v.into(i.Into),
		Began: i.Began, Detected: i.Detected, Resolved: i.Resolved,
	}
	if !isOpen(i) {
		out.State = string(incident.StateResolved)
	}
	about, _ := v.config.Component(i.Component)
	out.Component = templates.Component{ID: line(i.Component), Name: v.title(i.Component), Description: line(about.Description)}
	for n, u := range updates {
		said := v.update(i, u)
		switch {
		case n == 0 && slices.Contains(comparing, u.Trend):
			said.Trend = string(incident.TrendNew) // there is nothing that readers could compare with
		case n > 0 && u.Trend == incident.TrendMerged:
			said.Status = out.Updates[n-1].Status // how bad it was; nothing was measured for this
		}
		out.Updates = append(out.Updates, said)
	}
	slices.Reverse(out.Updates)
	last := updates[len(updates)-1]
	newest := out.Updates[0]
	for _, id := range v.merged(i, last.Said) {
		out.Also = append(out.Also, line(id))
	}
	out.Severity, out.Status, out.Regions, out.AllRegions = newest.Severity, newest.Status, newest.Regions, newest.AllRegions
	out.Symptom, out.Workaround, out.Next, out.Every = newest.Symptom, newest.Workaround, newest.Next, newest.Every
	if isOpen(i) {
		out.Next = i.Promise
	}
	out.Impact = impact(last.Severity, v.all(worst(last)))
	if !isOpen(i) {
		var peaks []string
		for _, c := range i.Causes {
			if c.Peak == i.Peak {
				peaks = append(peaks, c.Region)
			}
		}
		out.Impact = impact(i.Peak, v.all(peaks))
	}
	return out
}

// comparing lists the trends that say how it does compared with the update
// before.
var comparing = []incident.Trend{incident.TrendWorse, incident.TrendUnchanged, incident.TrendBetter, incident.TrendBack}

// integrity gives one of the three words that there are.
func integrity(i incident.Integrity) string {
	if i != incident.NotKnown && i != incident.NotImpacted {
		return incident.UnderReview.String()
	}
	return i.String()
}

// into gives the ID of the incident that another one goes on as, "" if there is
// none that customers can read of.
func (v view) into(id incident.ID) string {
	by, ok := v.board.Find(id)
	if !ok || !isPublic(by) {
		return ""
	}
	return string(id)
}

// merged lists the components whose incidents had been merged into i at a time:
// what was said before that does not name them.
func (v view) merged(i incident.Incident, at time.Time) []string {
	var all []string
	into := []incident.ID{i.ID} // what was merged into one of these belongs to i
	for n := 0; n < len(into); n++ {
		for _, past := range v.joined[into[n]] {
			if past.Resolved.After(at) || slices.Contains(into, past.ID) {
				continue
			}
			into = append(into, past.ID)
			if past.Component != i.Component && !slices.Contains(all, past.Component) {
				all = append(all, past.Component)
			}
		}
	}
	return all
}

// title gives a component's name, or its ID once it is no longer configured.
func (v view) title(id string) string {
	if c, ok := v.config.Component(id); ok {
		return line(c.Name)
	}
	return line(id)
}

// mostOfLine is more characters than configuration and forms let a name or a
// sentence have.
const mostOfLine = 500

// line gives words as they stand in what is published. Whoever writes them is told
// what is not fit; this is the wall behind it, so that no store and no
// configuration, however it came to hold them, brings a line break, what nobody
// can see, or a megabyte into any channel.
func line(words string) string { return templates.Line(mostOfLine, words) }

// worst lists the regions that demand an update's severity. How far an outage
// reaches is said of them: a milder trouble elsewhere does not widen it.
func worst(u incident.Update) []string {
	var codes []string
	for _, r := range u.Regions {
		if r.Severity == u.Severity {
			codes = append(codes, r.Region)
		}
	}
	return codes
}

// all reports whether codes hold every region that is configured; where none
// is, there is one column, and any region fills it.
func (v view) all(codes []string) bool {
	for _, r := range v.config.Regions {
		if !slices.Contains(codes, r.Code) {
			return false
		}
	}
	return len(codes) > 0
}

func (v view) update(i incident.Incident, u incident.Update) templates.Update {
	out := templates.Update{
		Number: u.Number, ID: fmt.Sprintf("%s-%d", i.ID, u.Number), State: string(u.State), Severity: u.Severity.String(),
		Symptom: line(u.Words.Symptom), Impact: line(u.Words.Impact), Workaround: line(u.Words.Workaround),
		Integrity: integrity(u.Integrity), Text: templates.Paragraphs(u.Text),
		Figure: figure(u), Trend: string(u.Trend), Calm: u.Calm, Watching: u.Watching,
		Said: u.Said, AsOf: u.AsOf, Blind: u.Blind, Late: u.Late, Next: u.Next, Every: u.Every,
		Ended: u.Ended, PostMortem: u.PostMortem, Into: v.into(u.Into),
	}
	for _, id := range slices.Concat(u.Also, v.merged(i, u.Said)) {
		if name := v.title(id); !slices.Contains(out.Also, name) {
			out.Also = append(out.Also, name)
		}
	}
	slow := len(u.Regions) > 0
	var touched []string
	for _, r := range u.Regions {
		touched = append(touched, r.Region)
		face := v.name(r.Region)
		if !slices.Contains(out.Regions, face) {
			out.Regions = append(out.Regions, face)
		}
		if r.Severity == u.Severity {
			slow = slow && r.Slow
		}
	}
	out.AllRegions = v.all(touched)
	out.Status = phrase(u, statusOf(u.Severity, slow, v.shown(i, u.Severity)), v.all(worst(u)))
	return out
}

// phrase gives Runbook A's words for a status.
func phrase(u incident.Update, s templates.Status, all bool) string {
	switch {
	case u.State == incident.StateResolved && u.Trend != incident.TrendMerged, s == templates.Operational:
		return "Operational"
	case s == templates.Major && all:
		return "Major outage"
	case s == templates.Major || s == templates.Partial:
		return "Partial service"
	default:
		return "Degraded performance"
	}
}

// impact gives Statuspage's word for a severity and its scope.
func impact(s rules.Severity, all bool) string {
	switch {
	case s == rules.P0 && all:
		return "critical"
	case s == rules.P0 || s == rules.P1:
		return "major"
	case s == rules.P2:
		return "minor"
	default:
		return "none"
	}
}

// figure gives an update's value in round words, "" when there is none to give.
func figure(u incident.Update) string {
	switch {
	case u.Value <= 0 || slices.Contains(unmeasured, u.Trend):
		return ""
	case u.Quantile == 0:
		return "about " + roundPercent(u.Value) + " of requests"
	default:
		slowest := 1 - float64(u.Quantile)/10000
		return fmt.Sprintf("the slowest %s of requests take more than %s", roundPercent(slowest), roundDuration(time.Duration(u.Value)))
	}
}

// unmeasured lists the trends that no value goes with.
var unmeasured = []incident.Trend{
	incident.TrendUnknown, incident.TrendOver, incident.TrendGone, incident.TrendCalm, incident.TrendTold, incident.TrendForced, incident.TrendMerged,
}

// roundPercent writes a ratio with two digits that count.
func roundPercent(v float64) string {
	v *= 100
	if v >= 10 {
		return fmt.Sprintf("%.0f %%", v)
	}
	digits := 1 - int(math.Floor(math.Log10(v)))
	s := fmt.Sprintf("%.*f", min(max(digits, 0), 4), v)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + " %"
}

// roundDuration writes a duration with two digits that count.
func roundDuration(d time.Duration) string {
	unit, name := time.Second, "s"
	if d < time.Second {
		unit, name = time.Millisecond, "ms"
	}
	v := float64(d) / float64(unit)
	if v >= 10 {
		return fmt.Sprintf("%.0f %s", v, name)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + name
}

// rollUp gives the page's indicator and one-line description.
func rollUp(p templates.Public) (indicator, description string) {
	if !p.Blind.IsZero() && len(p.Incidents) == 0 {
		return "none", "No data since " + p.Blind.UTC().Format("15:04 UTC")
	}
	major, watched := 0, 0
	worst := templates.NotWatched
	for _, c := range p.Components {
		if c.Status != templates.NotWatched {
			watched++
		}
		if c.Status == templates.Major {
			major++
		}
		if rank(c.Status) > rank(worst) {
			worst = c.Status
		}
	}
	impacts := []string{"none", "minor", "major", "critical"}
	level := 0
	for _, i := range p.Incidents {
		level = max(level, slices.Index(impacts, i.Impact))
	}
	switch worst {
	case templates.Major:
		if level = max(level, 2); major*2 > watched {
			return "critical", "Major Service Outage"
		}
		return impacts[level], "Partial System Outage"
	case templates.Partial:
		return impacts[max(level, 2)], "Partial System Outage"
	case templates.Degraded:
		return impacts[max(level, 1)], "Partially Degraded Service"
	case templates.NoData:
		return impacts[level], "No data from some components"
	case templates.LowTraffic:
		return impacts[level], "Too little traffic to judge some components"
	case templates.Maintenance:
		return impacts[level], "Service Under Maintenance"
	case templates.NotWatched:
		return impacts[level], "Waiting for the first data"
	default:
		return impacts[level], "All Systems Operational"
	}
}
