package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/incident"
)

//go:embed report.html
var pageText string

//go:embed style.css
var styleText string

// The page is one file that asks for nothing else, and runs no script.
var page = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"class":     class,
	"lasting":   func(minutes int) string { return plot.Lasting(time.Duration(minutes) * time.Minute) },
	"thousands": plot.Thousands,
	"paragraph": func(s string) []string { return strings.Split(s, "\n\n") },
	"join":      plot.Enumerate,
	"places":    places,
}).Parse(pageText))

// mostShown bounds what would make a page that no browser likes to open.
const (
	mostCards = 150
	mostRows  = 400
)

// HTML writes the report as one page.
func (r *Report) HTML(w io.Writer) error {
	return page.Execute(w, r.view())
}

// view is what the page is made from.
type view struct {
	*Report
	Style    template.CSS
	Cal      calendar
	Period   string
	Length   string
	Cards    []figure
	Strip    strip
	Diff     *diffView
	Live     *liveView
	Shown    []card
	Rest     []card // for which there is no room
	Gone     []card // that only the other configuration has
	GoneRest []card
	Charted  bool
}

// figure is a card of the summary.
type figure struct {
	Name, Value, Unit string
	Was               string // the other configuration's
	Turn              string // better, worse, same
	Rows              []row
	Bar               []row // parts of a whole
}

type row struct {
	Name, Value, Was string
	Class            string
	Share            float64 // per cent
}

// card is one incident.
type card struct {
	Incident
	Anchor string
	When   string
	Lasted string
	Tags   []string
	Story  []string
	Charts []chart
	Main   Signal
	Title  string // what the chart shows
	Also   string // the other lines
	Posted []posted
}

type posted struct {
	Post
	At   string
	Next string
}

type diffView struct {
	*Against
	Sentence string
	Changes  []changeView
}

type changeView struct {
	Change
	Sign, Href, Name, When, Class, Peak, By string
	Fields                                  []Field
}

type liveView struct {
	*Record
	Sentences []string
	Rows      []liveRow
	More      int
}

type liveRow struct{ When, Rule, Series, Live, Replay string }

func (r *Report) view() view {
	cal := calendar{r.zone}
	v := view{
		Report: r, Style: template.CSS(styleText), Cal: cal, Strip: r.strip(cal),
		Period: cal.full(r.From) + " – " + cal.full(r.To), Length: plot.Lasting(r.To.Sub(r.From)),
	}
	v.Cards = r.figures(cal)
	tags := map[incident.ID]string{}
	if a := r.Against; a != nil {
		v.Diff = r.diffView(cal)
		var gone []Incident
		for _, c := range a.Changes {
			tags[c.ID] = map[string]string{Appears: "not with " + a.Config, Changes: "changes"}[c.Kind]
			if i, ok := a.find(c.Other); ok && c.Kind == Vanishes {
				gone = append(gone, i)
			}
		}
		v.Gone, v.GoneRest = r.cards(gone, cal, otherSide, func(Incident) string { return "only with " + a.Config })
	}
	if r.Record != nil {
		v.Live = r.Record.view(cal)
	}
	v.Shown, v.Rest = r.cards(r.Incidents, cal, "", func(i Incident) string { return tags[i.ID] })
	v.Charted = slices.ContainsFunc(slices.Concat(v.Shown, v.Gone), func(c card) bool { return len(c.Charts) > 0 })
	return v
}

// cards shows the worst incidents at length, and the rest in a table.
func (r *Report) cards(list []Incident, cal calendar, prefix string, tag func(Incident) string) (shown, rest []card) {
	chosen := worst(list, mostCards)
	for _, i := range list {
		if chosen[i.ID] {
			shown = append(shown, r.card(i, cal, prefix, tag(i)))
		} else {
			rest = append(rest, card{Incident: i, Anchor: prefix + string(i.ID), When: when(i, cal), Lasted: plot.Lasting(i.lasted(r.To))})
		}
	}
	return shown, rest
}

func when(i Incident, cal calendar) string {
	if i.Ended.IsZero() {
		return cal.moment(i.Began) + " – open at the end"
	}
	return cal.stretch(i.Began, i.Ended)
}

// worst chooses at most n incidents: the worst, of those the longest.
func worst(list []Incident, n int) map[incident.ID]bool {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Incident) int {
		return cmp.Or(cmp.Compare(b.Peak, a.Peak), cmp.Compare(b.Ended.Sub(b.Began), a.Ended.Sub(a.Began)))
	})
	out := map[incident.ID]bool{}
	for _, i := range sorted[:min(n, len(sorted))] {
		out[i.ID] = true
	}
	return out
}

func (r *Report) figures(cal calendar) []figure {
	s, was := r.Summary, (*Summary)(nil)
	if r.Against != nil {
		was = &r.Against.Summary
	}
	compare := func(f *figure, is, old int, spell func(int) string) {
		if was == nil {
			return
		}
		f.Was, f.Turn = spell(old), "same"
		if is != old {
			f.Turn = map[bool]string{true: "worse", false: "better"}[is > old]
		}
	}
	span := func(m int) string { return plot.Lasting(time.Duration(m) * time.Minute) }

	incidents := figure{Name: "Incidents", Value: plot.Thousands(s.Incidents)}
	force := figure{Name: "Time in force", Value: span(s.Minutes)}
	for n, c := range s.Severities {
		count := row{Name: c.Severity.String(), Value: plot.Thousands(c.Incidents), Class: class(c.Severity)}
		minutes := row{Name: c.Severity.String(), Value: span(c.Minutes), Class: class(c.Severity), Share: float64(c.Minutes) / float64(max(s.Minutes, 1)) * 100}
		old := SeverityCount{}
		if was != nil {
			old = was.Severities[n]
			count.Was, minutes.Was = plot.Thousands(old.Incidents), span(old.Minutes)
		}
		if c.Incidents > 0 || old.Incidents > 0 {
			incidents.Rows = append(incidents.Rows, count)
		}
		if c.Minutes > 0 || old.Minutes > 0 {
			force.Rows = append(force.Rows, minutes)
		}
		if c.Minutes > 0 {
			force.Bar = append(force.Bar, minutes)
		}
	}
	night := figure{Name: "Nights woken", Value: plot.Thousands(s.Nights.Woken), Unit: "of " + plot.Thousands(s.Nights.All)}
	wakings := row{Name: "wakings, 22:00–07:00", Value: plot.Thousands(len(s.Nights.Wakings))}
	if was != nil {
		wakings.Was = plot.Thousands(len(was.Nights.Wakings))
	}
	night.Rows = append(night.Rows, wakings)
	posts := figure{Name: "Posts"}
	total, before := 0, 0
	for _, c := range s.Channels {
		total += c.Posts
		one := row{Name: c.Channel, Value: plot.Thousands(c.Posts)}
		if was != nil {
			one.Was = plot.Thousands(was.posts(c.Channel))
		}
		posts.Rows = append(posts.Rows, one)
	}
	posts.Value = plot.Thousands(total)
	missed := row{Name: "promises missed", Value: plot.Thousands(s.Missed)}
	if was != nil {
		for _, c := range was.Channels {
			before += c.Posts
		}
		missed.Was = plot.Thousands(was.Missed)
		compare(&incidents, s.Incidents, was.Incidents, plot.Thousands)
		compare(&force, s.Minutes, was.Minutes, span)
		compare(&night, s.Nights.Woken, was.Nights.Woken, plot.Thousands)
		compare(&posts, total, before, plot.Thousands)
	}
	posts.Rows = append(posts.Rows, missed)
	return []figure{incidents, force, night, posts}
}

func (r *Report) card(i Incident, cal calendar, prefix, tag string) card {
	c := card{
		Incident: i, Anchor: prefix + string(i.ID), Lasted: plot.Lasting(i.lasted(r.To)), Story: i.story(cal, r.To)[1:],
		When: when(i, cal),
	}
	for _, t := range []struct {
		say  bool
		text string
	}{
		{tag != "", tag},
		{len(i.Wakings) > 0, "wakes people"},
		{len(i.Reopened) > 0, "reopened"},
		{i.UnderWay, "under way at the start"},
		{i.Ended.IsZero(), "open at the end"},
		{len(i.Missed) > 0, "promise missed"},
	} {
		if t.say {
			c.Tags = append(c.Tags, t.text)
		}
	}
	for _, z := range []size{wide, narrow} {
		if ch, ok := draw(i, r.To, cal, z); ok {
			c.Charts = append(c.Charts, ch)
		}
	}
	if len(c.Charts) > 0 {
		c.Main = i.Signals[0]
		c.Title = fmt.Sprintf("%s of %s, as %s sees it", spellSignal(c.Main.Signal), series(c.Main.Service, c.Main.Region), c.Main.Rule)
		var others []string
		for _, s := range i.Signals[1:] {
			others = append(others, series(s.Service, s.Region))
		}
		if len(others) > 0 {
			c.Also = "thin: " + plot.Enumerate(others)
		}
	}
	for _, p := range i.Posts {
		x := posted{Post: p, At: cal.since(i.Began, p.Said)}
		if !p.Next.IsZero() {
			x.Next = cal.since(p.Said, p.Next)
		}
		c.Posted = append(c.Posted, x)
	}
	return c
}

// spellSignal writes a signal in words.
func spellSignal(s string) string {
	return strings.ReplaceAll(s, "_", " ")
}

func (r *Report) diffView(cal calendar) *diffView {
	d := &diffView{Against: r.Against, Sentence: r.Against.sentence()}
	for _, c := range r.Against.Changes {
		v := changeView{Change: c, Sign: map[string]string{Appears: "+", Vanishes: "−", Changes: "~"}[c.Kind]}
		i, ok := r.find(c.ID)
		v.Href = (*Against)(nil).href(i)
		if !ok {
			i, _ = r.Against.find(c.Other)
			v.Href = r.Against.href(i)
		}
		v.Name, v.Class, v.Peak, v.By = i.Name, class(i.Peak), i.Peak.String(), plot.Enumerate(i.ruleIDs())
		v.When = when(i, cal)
		for _, f := range c.Fields {
			was, is := cal.change(f, i.Began)
			v.Fields = append(v.Fields, Field{f.What, was, is})
		}
		d.Changes = append(d.Changes, v)
	}
	return d
}

func (r *Record) view(cal calendar) *liveView {
	v := &liveView{Record: r, Sentences: r.sentences(cal)}
	for n, d := range r.Differences {
		if n == mostRows {
			v.More = len(r.Differences) - n
			break
		}
		v.Rows = append(v.Rows, liveRow{cal.stretch(d.From, d.To), d.Rule, series(d.Service, d.Region), d.Live.words(), d.Replay.words()})
	}
	return v
}

// QuietRows and QuietMore are what was kept quiet, as far as it is shown.
func (v view) QuietRows() []Quiet { return v.Quiet[:min(len(v.Quiet), mostRows)] }

// QuietMore is how many rows are not shown.
func (v view) QuietMore() int { return len(v.Quiet) - len(v.QuietRows()) }

// Series names what was judged.
func (q Quiet) Series() string { return series(q.Service, q.Region) }
