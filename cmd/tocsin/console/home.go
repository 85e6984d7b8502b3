package console

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/incident"
)

// Home is the first page: what is wrong now, worst first.
type Home struct {
	Headline Headline
	Open     []Card
	Watching []Watch
	Plans    []Plan
	Past     []Past

	Deliveries *Deliveries // nil: nothing is to be said of them
}

// Headline is the state of all of it in one sentence.
type Headline struct {
	Class string // p0 … p4, unknown, well
	Title string
	Text  Text
	Tab   string // short, for the tab
}

// Watch is what cannot be seen.
type Watch struct {
	What string
	Text Text
}

// Plan is maintenance that is under way.
type Plan struct {
	Title string
	Text  Text
}

// Past is an incident that is over, in a line.
type Past struct {
	ID, Href, Severity, Class, Title, Where, When, Lasted string
	Private                                               bool
	Ended                                                 time.Time
}

// stale is how much later than due the newest judged minute may be before
// nothing is claimed from it any more.
const stale = 3 * time.Minute

// mostWhole is how many open incidents the first page shows with all there is to say.
const mostWhole = 5

// mostRecent is how many past incidents the first page shows.
const mostRecent = 5

func (s scene) home() Home {
	var h Home
	for _, i := range s.open() {
		c := s.card(i)
		c.Short = len(h.Open) >= mostWhole
		h.Open = append(h.Open, c)
	}
	h.Watching, h.Plans = s.watching(), s.plans()
	for i := range s.past() {
		if len(h.Past) == mostRecent {
			break
		}
		h.Past = append(h.Past, s.ended(i))
	}
	h.Headline = s.headline(len(h.Watching))
	return h
}

// open gives the open incidents that are to be seen, worst first; of equal ones
// those that nobody is on, then the newest.
func (s scene) open() []incident.Incident {
	var open []incident.Incident
	for _, i := range s.board.Open {
		if s.visible(i) {
			open = append(open, i)
		}
	}
	slices.SortStableFunc(open, func(a, b incident.Incident) int {
		return cmp.Or(
			cmp.Compare(standing(b), standing(a)), truth(a.Ack != nil)-truth(b.Ack != nil), b.Detected.Compare(a.Detected),
			cmp.Compare(b.ID, a.ID),
		)
	})
	return open
}

// past gives the past ones that are to be seen, newest first.
func (s scene) past() iter.Seq[incident.Incident] {
	return func(yield func(incident.Incident) bool) {
		for _, i := range slices.Backward(s.board.Past) {
			if s.visible(i) && !yield(i) {
				return
			}
		}
	}
}

func (s scene) ended(i incident.Incident) Past {
	p := Past{
		ID: string(i.ID), Href: "/incidents/" + string(i.ID), Severity: standing(i).String(), Class: class(standing(i)), Title: s.title(i),
		Where: strings.Join(nonempty(s.about(i), s.where(i)), " · "), When: clock(i.Resolved, s.at),
		Lasted: plot.Lasting(i.Resolved.Sub(i.Began)), Private: i.Private, Ended: i.Resolved,
	}
	return p
}

// fresh reports whether the newest judged minute tells how things are.
func (s scene) fresh() bool {
	return !s.judged.IsZero() && s.at.Sub(s.judged) <= s.config.SigNoz.Lag+stale
}

func (s scene) headline(unseen int) Headline {
	open := s.open()
	asOf := text("As of " + clock(s.judged, s.at) + " UTC.")
	switch {
	case s.judged.IsZero():
		asOf = text("Nothing was judged yet.")
	case !s.board.Blind.IsZero():
		asOf = text(strong("No data since "+clock(s.board.Blind, s.at)+" UTC"), ", for ", lasted(s.board.Blind, s.at), ": this is what was known last.")
	case !s.fresh():
		asOf = text(strong("Nothing was judged since "+clock(s.judged, s.at)+" UTC"), ", for ", lasted(s.judged, s.at), ": this is what was known last.")
	}
	if n := len(open); n > 0 {
		worst := standing(open[0])
		title := fmt.Sprintf("%d open, the worst %s", n, worst)
		if n == 1 {
			title = fmt.Sprintf("1 open, %s", worst)
		}
		tab := worst.String() + " " + s.title(open[0])
		if n > 1 {
			tab = fmt.Sprintf("(%d) %s", n, tab)
		}
		return Headline{Class: class(worst), Title: title, Text: asOf, Tab: tab}
	}
	switch {
	case s.judged.IsZero():
		return Headline{Class: "unknown", Title: "Waiting for the first data", Text: text("Whether anything is wrong is not known yet."), Tab: "Waiting for data"}
	case !s.board.Blind.IsZero():
		return Headline{
			Class: "unknown", Title: "No data since " + clock(s.board.Blind, s.at) + " UTC", Tab: "No data",
			Text: text("The source of spans does not answer, for ", lasted(s.board.Blind, s.at), ". Nothing opens and nothing resolves by it meanwhile; what is shown is what was known last."),
		}
	case !s.fresh():
		return Headline{
			Class: "unknown", Title: "Nothing was judged since " + clock(s.judged, s.at) + " UTC", Tab: "Not judged",
			Text: text("For ", lasted(s.judged, s.at), ". What is shown is what was known last; /readyz and the log say why."),
		}
	}
	since := asOf
	var last incident.Incident
	for p := range s.past() {
		if last.ID == "" || p.Resolved.After(last.Resolved) {
			last = p
		}
	}
	if last.ID != "" {
		since = append(since, text(" For ", lasted(last.Resolved, s.at), ", since ", Piece{Text: string(last.ID), Href: "/incidents/" + string(last.ID)}, " ended at "+clock(last.Resolved, s.at)+".")...)
	} else if !s.board.Since.IsZero() {
		since = append(since, text(" There was no incident since "+clock(s.board.Since, s.at)+" UTC, when there was first anything to tell.")...)
	}
	if left := s.board.LeftBad(); len(left) > 0 {
		var what []string
		for _, c := range left {
			what = append(what, c.Severity.String()+" of "+c.Rule+", "+strings.Join(nonempty(c.Service, s.region(c.Region)), " in "))
		}
		return Headline{
			Class: "unknown", Title: "Nothing is open", Tab: "Left bad",
			Text: append(since, text(" Left bad when a person closed its incident: "+strings.Join(what, "; ")+".")...),
		}
	}
	if unseen > 0 {
		return Headline{Class: "unknown", Title: "Nothing is known to be wrong", Text: append(since, text(" Not all of it can be seen: see below.")...), Tab: "Not all is seen"}
	}
	return Headline{Class: "well", Title: "Nothing is wrong", Text: since, Tab: "All well"}
}

// watching lists what cannot be seen.
func (s scene) watching() []Watch {
	var out []Watch
	if n := len(s.wrong); n > 0 {
		t := "as written is not in force, since it has a mistake: " + s.wrong[0] + "."
		if n > 1 {
			t = fmt.Sprintf("as written is not in force, since it has %d mistakes, the first: %s.", n, s.wrong[0])
		}
		out = append(out, Watch{"The configuration", text(t)})
	}
	if !s.board.Blind.IsZero() && len(s.open()) > 0 {
		out = append(out, Watch{"The source of spans", text("does not answer since "+clock(s.board.Blind, s.at)+" UTC, for ", lasted(s.board.Blind, s.at), ". Nothing opens and nothing resolves by it meanwhile.")})
	}
	var cells []incident.Cell
	for c, x := range s.board.Senses {
		if x.Sense == incident.SenseNothing || x.Sense == incident.SenseThin {
			cells = append(cells, c)
		}
	}
	slices.SortFunc(cells, func(a, b incident.Cell) int {
		x, y := s.board.Senses[a], s.board.Senses[b]
		return cmp.Or(truth(x.Sense == incident.SenseThin)-truth(y.Sense == incident.SenseThin),
			cmp.Compare(a.Component, b.Component), cmp.Compare(a.Region, b.Region))
	})
	for n, c := range cells {
		if n == mostWatched {
			out = append(out, Watch{plot.Plural(len(cells)-n, "more cell", "more cells"), text("cannot be judged either.")})
			break
		}
		x := s.board.Senses[c]
		what := s.component(c.Component)
		if c.Region != "" {
			what += " in " + s.region(c.Region)
		}
		t := text("has too little traffic to judge, since " + clock(x.Since, s.at) + " UTC.")
		if x.Sense == incident.SenseNothing {
			t = text("sends nothing: no request since "+clock(x.Since, s.at)+" UTC, for ", lasted(x.Since, s.at), ".")
			if x.Since.IsZero() {
				t = text("sends nothing, and did not when it was first looked at.")
			}
		}
		out = append(out, Watch{what, t})
	}
	return out
}

// mostWatched bounds a list that a flood of new names could make long.
const mostWatched = 20

// plans lists maintenance that is under way.
func (s scene) plans() []Plan {
	var out []Plan
	for _, m := range s.config.Maintenance {
		since, on := s.board.Plans["maintenance "+m.ID]
		if !on {
			continue
		}
		p := Plan{Title: cmp.Or(m.Title, m.ID), Text: text("since " + clock(since, s.at) + " UTC")}
		if _, to, ok := m.Span(s.at); ok {
			p.Text = append(p.Text, text(" until "+clock(to, s.at)+" UTC, ", due(to, s.at))...)
		}
		var about []string
		for _, c := range m.Components {
			about = append(about, s.component(c))
		}
		where := cmp.Or(list(about), "everything")
		if len(m.Regions) > 0 {
			where += " in " + s.regions(m.Regions)
		}
		p.Text = append(p.Text, text(". What breaks in "+where+" opens nothing meanwhile.")...)
		out = append(out, p)
	}
	return out
}

// Month is a month's past incidents, newest first.
type Month struct {
	Key   string // 2026-05
	Name  string // May 2026
	Here  bool
	Count int
}

// archive gives the months there are, and the incidents of one of them: the
// newest if key names none.
func (s scene) archive(key string) (months []Month, of []Past) {
	past := slices.Collect(s.past())
	slices.SortStableFunc(past, func(a, b incident.Incident) int { return b.Resolved.Compare(a.Resolved) })
	for _, i := range past {
		k := i.Resolved.UTC().Format("2006-01")
		if n := len(months); n == 0 || months[n-1].Key != k {
			months = append(months, Month{Key: k, Name: i.Resolved.UTC().Format("January 2006")})
		}
		months[len(months)-1].Count++
	}
	if !slices.ContainsFunc(months, func(m Month) bool { return m.Key == key }) && len(months) > 0 {
		key = months[0].Key
	}
	for n := range months {
		months[n].Here = months[n].Key == key
	}
	for _, i := range past {
		if i.Resolved.UTC().Format("2006-01") == key {
			p := s.ended(i)
			p.When = i.Resolved.UTC().Format("2\u00a0Jan 15:04")
			of = append(of, p)
		}
	}
	return months, of
}
