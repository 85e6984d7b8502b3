package templates

import (
	"cmp"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"time"
)

// View is what a page is executed with.
type View struct {
	Public

	Root     string // "" or "../": the way to the folder's top
	Lang     string // of the words: "en"
	Dir      string // "rtl" where the language is written so
	Timeless bool   // no time stands on it
	Until    string // ISO 8601; "" if the page never grows stale
	Style    template.CSS
	Script   template.JS
	Policy   string

	Branding Branding

	PageTitle, StaleTitle string
	Icon, StaleIcon       template.URL

	Head   Headline
	Groups []Group        // components, by the headings that they stand under
	Rows   []Row          // components that the table by region lists
	Calm   int            // components that it leaves out, since all is well with them
	Folded bool           // groups where all is well are closed
	Open   []IncidentView // open incidents, the worst first, of equals the newest
	Works  []WorkView     // maintenance under way, then to come
	Done   []WorkView     // maintenance that is over, newest first
	Days   []Day          // newest first
	Months []Month        // newest first, in full
	Years  []Year         // every month with a page of its own, newest first
	Month  *Month         // of the page of a month
	One    *IncidentView  // of an incident's own page
	Part   *PartView      // of a component's or a region's page
	Counts []Weight       // what a bad minute counts
	Tables []Table        // of figures
	Feeds  []Feed         // to follow, besides those of all

	Snippet string // Markdown that shows the badge elsewhere; "" where the page's address is not known

	Keys []Key // what bars look like
}

// Key is a bar by itself, to say what it means.
type Key struct {
	Path
	Word string
}

// Group is components under one heading.
type Group struct {
	Name string // "" where they have none
	Look        // the worst of it
	Open bool   // something is not well
	Rows []Row
}

// WorkView is maintenance as it is shown.
type WorkView struct {
	Work
	Look
	Where string // "Management API and Dashboard in Europe"
	ID    string
}

// Year is the months of the history that have pages of their own.
type Year struct {
	Year   string
	Months []Month
}

// PartView is a component, with how it does in each region, or a region, with
// how each component does in it.
type PartView struct {
	Row
	Cells   []CellView
	Table   []DayRow
	ByMonth []Tally
	Open    []IncidentView // as on the first page
	Works   []WorkView     // maintenance under way and to come
	Past    []Span
}

// CellView is a part of a part: how it does, and what is on record.
type CellView struct {
	Box
	Name, Description string
	URL               string
	Bars              Bars
	Table             []DayRow
	Sparks            []Spark
}

// Table is figures of several things.
type Table struct {
	Title string
	Rows  []Tally
}

// Feed is what can be followed of one component or region.
type Feed struct{ Name, Path string }

// Look is a word with its shape and its colour. The shape differs wherever the
// word does, so that nothing rests on colour.
type Look struct {
	Word string // or, before it is in a language, its key
	Icon string // of the symbols in layout.html
	Tone string // ok minor partial major info unknown
}

// looks gives each status its look.
var looks = map[Status]Look{
	Operational: {"status.operational", "ok", "ok"},
	Degraded:    {"status.degraded_performance", "minor", "minor"},
	Partial:     {"status.partial_outage", "partial", "partial"},
	Major:       {"status.major_outage", "major", "major"},
	Maintenance: {"status.under_maintenance", "info", "info"},
	NoData:      {"status.no_data", "unknown", "unknown"},
	LowTraffic:  {"status.low_traffic", "thin", "unknown"},
	NotWatched:  {"status.not_watched", "none", "unknown"},
}

// rank orders statuses by how much customers feel of them.
var rank = []Status{Operational, Maintenance, Degraded, Partial, Major}

// look puts a look's word into the language.
func (w *catalogue) look(l Look) Look {
	l.Word = w.say(l.Word)
	return l
}

func (w *catalogue) lookOf(s Status) Look {
	if l, ok := looks[s]; ok {
		return w.look(l)
	}
	return w.look(looks[NotWatched])
}

// phrases are the words of the runbook's Status line.
var phrases = map[string]Look{
	"Operational":          {"Operational", "ok", "ok"},
	"Degraded performance": {"Degraded performance", "minor", "minor"},
	"Partial service":      {"Partial service", "partial", "partial"},
	"Major outage":         {"Major outage", "major", "major"},
}

func (w *catalogue) lookOfPhrase(s string) Look {
	l, ok := phrases[s]
	if !ok {
		return Look{cmp.Or(s, w.say("phrase.Degraded performance")), "minor", "minor"}
	}
	l.Word = w.word("phrase", l.Word)
	return l
}

// Row is a component with its cells.
type Row struct {
	Component
	Title string // its name, or its ID where it has none
	URL   string // of its page; "" if it has none
	Look  Look
	Since time.Time
	Boxes []Box
	Bars  Bars
	Calm  bool // all is well, or nothing is claimed
	Same  bool // all boxes say the same
}

// Box is one cell as it is shown.
type Box struct {
	Look
	Region string // its name; "" where the component is not split by region
	Since  time.Time
}

// fileName is what the ID of a component or the code of a region may look like
// that becomes a part of a file's name.
var fileName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// FileName gives the part of a file's name that stands for a component's ID or a
// region's code; "" for one that no file may be named by. It has no page.
func FileName(id string) string {
	name := strings.ToLower(id)
	if !fileName.MatchString(name) {
		return ""
	}
	return name
}

func pageOf(root, folder, id string) string {
	name := FileName(id)
	if name == "" {
		return ""
	}
	return root + folder + "/" + name + "/index.html"
}

// boxOf is a cell as it is shown. While all data are missing, nothing that was
// well is shown as well.
func (w *catalogue) boxOf(p Public, cell Cell) Box {
	if !p.Blind.IsZero() && (cell.Status == Operational || cell.Status == LowTraffic) {
		cell.Status, cell.Since = NoData, p.Blind
	}
	box := Box{Look: w.lookOf(cell.Status), Region: cmp.Or(cell.Region.Name, cell.Region.Code)}
	if cell.Status != Operational && cell.Status != LowTraffic && cell.Status != NotWatched {
		box.Since = cell.Since
	}
	return box
}

// rows lays out the components.
func (w *catalogue) rows(p Public, root string) []Row {
	list := make([]Row, 0, len(p.Components))
	for _, c := range p.Components {
		list = append(list, w.row(p, c, root))
	}
	return list
}

func (w *catalogue) row(p Public, c Component, root string) Row {
	cells := c.Cells
	if len(cells) == 0 {
		cells = []Cell{{Status: c.Status}}
	}
	row := Row{Component: c, Title: cmp.Or(c.Name, c.ID), URL: pageOf(root, "components", c.ID), Calm: true}
	whole := w.boxOf(p, Cell{Status: c.Status})
	row.Look = whole.Look
	for _, cell := range cells {
		box := w.boxOf(p, cell)
		if box.Icon != "ok" && box.Icon != "thin" && box.Icon != "none" {
			row.Calm = false
			if !box.Since.IsZero() && (row.Since.IsZero() || box.Since.Before(row.Since)) && box.Icon == row.Look.Icon {
				row.Since = box.Since
			}
		}
		row.Boxes = append(row.Boxes, box)
	}
	row.Same = !slices.ContainsFunc(row.Boxes, func(b Box) bool { return b.Look != row.Boxes[0].Look || !b.Since.Equal(row.Boxes[0].Since) })
	return row
}

// fewParts is how many components can be looked over at once: more are folded up
// where all is well.
const fewParts = 12

// groups puts rows under their headings, in the order in which these come first.
func (w *catalogue) groups(rows []Row) []Group {
	var list []Group
	for _, r := range rows {
		n := slices.IndexFunc(list, func(g Group) bool { return g.Name == r.Group })
		if n < 0 {
			n = len(list)
			list = append(list, Group{Name: r.Group, Look: r.Look})
		}
		g := &list[n]
		g.Rows = append(g.Rows, r)
		g.Open = g.Open || !r.Calm
		if worse(r.Look.Icon, g.Icon) {
			g.Look = r.Look
		}
	}
	return list
}

// In gives the cells of a region, in the order of their components.
func (p Public) In(region string) []Cell {
	var cells []Cell
	for _, c := range p.Components {
		for _, cell := range c.Cells {
			if cell.Region.Code == region {
				cells = append(cells, cell)
			}
		}
	}
	return cells
}

// Together rolls cells up into one status: what is not known is worse than well
// and better than broken, and an outage is a partial one while not all are out.
func Together(cells []Cell) Status {
	order := []Status{NotWatched, Operational, LowTraffic, NoData, Maintenance, Degraded, Partial, Major}
	worst, partly := NotWatched, false
	for _, c := range cells {
		if slices.Index(order, c.Status) > slices.Index(order, worst) {
			worst = c.Status
		}
		partly = partly || c.Status != Major && c.Status != NotWatched
	}
	if worst == Major && partly {
		return Partial
	}
	return worst
}

// worse reports whether one icon stands for something worse than another.
func worse(a, b string) bool {
	order := []string{"none", "ok", "thin", "unknown", "info", "minor", "partial", "major"}
	return slices.Index(order, a) > slices.Index(order, b)
}

// incidentTones are the tones that incidents have, the worst last.
var incidentTones = []string{"ok", "info", "minor", "partial", "major"}

// worstFirst puts the worst before the others, since few read further. Of equals
// the order stays.
func worstFirst(list []IncidentView) {
	slices.SortStableFunc(list, func(a, b IncidentView) int {
		return slices.Index(incidentTones, b.Tone) - slices.Index(incidentTones, a.Tone)
	})
}

// IncidentView is an incident as it is shown.
type IncidentView struct {
	Incident
	Look           // of its status now
	Worst   Look   // of its worst status so far
	Title   string // without the state
	State   string // "Investigating"
	Where   string // "Management API in Europe"
	Data    string // of data integrity: "Under review"
	Way     string // round it: "None"
	HasWay  bool   // there is one
	Over    bool   // nothing more will be said of it
	Short   bool   // others stand beside it, so only what matters most is told
	URL     string
	IntoURL string // of the incident that it goes on as; "" if none
	Posts   []Post // newest first
	More    int    // updates that Posts leaves out
	Latest  Post
}

// onIndex is how many updates of an incident the first page shows: fewer the
// more of them are open.
func onIndex(open int) int {
	switch {
	case open <= 1:
		return 5
	case open <= 3:
		return 2
	default:
		return 1
	}
}

// viewOf gives an incident as it is shown, with at most most updates; 0 is all.
func (w *catalogue) viewOf(p Public, i Incident, root string, most int) IncidentView {
	v := IncidentView{
		Incident: i,
		Look:     w.lookOfPhrase(i.Status),
		URL:      root + "incidents/" + i.ID + ".html",
		Posts:    posts(p, i),
	}
	for n := range v.Posts {
		v.Posts[n] = v.Posts[n].in(w.text)
	}
	v.Latest = Post{Page: p, Incident: i}.in(w.text)
	if len(v.Posts) > 0 {
		v.Latest = v.Posts[0]
	}
	here := v.Latest.in(w)
	v.Title, v.State, v.Where, v.Data, v.Way = here.Title(), here.Word(), here.Where(), sentence(here.Integrity()), here.Workaround()
	v.HasWay = oneline(here.Update.Workaround) != "" || oneline(i.Workaround) != ""
	v.Over = v.Latest.Resolved() || v.Latest.Merged()
	if v.Tone == "ok" && !v.Over {
		v.Icon, v.Tone = "info", "info" // well again, and still watched
	}
	v.Worst = v.Look
	if v.Latest.Merged() {
		v.Icon, v.Tone = "info", "info" // how it is now is told elsewhere
	}
	if i.Into != "" {
		v.IntoURL = root + "incidents/" + i.Into + ".html"
	}
	for _, u := range i.Updates {
		if l := w.lookOfPhrase(u.Status); slices.Index(incidentTones, l.Tone) > slices.Index(incidentTones, v.Worst.Tone) {
			v.Worst = l
		}
	}
	if most > 0 && len(v.Posts) > most {
		v.More = len(v.Posts) - most
		v.Posts = v.Posts[:most]
	}
	return v
}

// worksOf gives the maintenance under way and to come, and what is over.
func (w *catalogue) worksOf(p Public) (ahead, done []WorkView) {
	for _, x := range p.Works {
		v := WorkView{Work: x, Look: Look{"work." + x.State, "info", "info"}, ID: x.ID}
		switch x.State {
		case "in_progress":
		case "scheduled":
			v.Icon = "later"
		case "completed":
			v.Icon, v.Tone = "ok", "ok"
		default:
			v.Word = "work.scheduled"
		}
		v.Look = w.look(v.Look)
		v.Where = w.whereOf(p, x)
		if isOfAll(p, x) {
			v.Where = sentence(v.Where)
		}
		if x.State == "completed" {
			done = append(done, v)
		} else {
			ahead = append(ahead, v)
		}
	}
	return ahead, done
}

// isOfAll reports whether maintenance is of so many components that they are not
// named.
func isOfAll(p Public, x Work) bool { return x.AllComponents && len(p.Components) > 2 }

// whereOf gives what maintenance is of, as it stands within a sentence.
func (w *catalogue) whereOf(p Public, x Work) string {
	var parts []string
	for _, c := range x.Components {
		parts = append(parts, cmp.Or(oneline(c.Name), oneline(c.ID)))
	}
	what := w.enumerate(parts)
	if isOfAll(p, x) {
		what = w.say("where.everything")
	}
	switch {
	case x.AllRegions && len(p.Regions) > 1:
		return w.say("where.all", what)
	case x.AllRegions || len(x.Regions) == 0:
		return what
	default:
		return w.say("where.in", what, w.enumerate(names(x.Regions)))
	}
}

// htmlFunctions are those that HTML has besides functions. They speak the
// language of the page.
func htmlFunctions(z times) template.FuncMap {
	w := z.page()
	moment := func(ref, t time.Time) string { return w.moment(ref, t) + z.beside(t) }
	var spoken template.HTMLAttr
	if lang := z.text().lang; lang != w.lang {
		spoken = template.HTMLAttr(` lang="` + lang + `"`)
	}
	return template.FuncMap{
		"t": w.html,
		"stamp": func(t time.Time) template.HTML {
			return stamp("", t, w.say("time.stamp", w.day(t), w.clock(t)+z.beside(t)))
		},
		"at":      func(ref, t time.Time) template.HTML { return stamp("", t, moment(ref, t)) },
		"here":    func(ref, t time.Time) template.HTML { return stamp(` class="l"`, t, moment(ref, t)) },
		"date":    func(t time.Time) template.HTML { return dateOnly(t, w.day(t)) },
		"monthof": w.month,
		"hour":    w.clock,
		"length":  w.duration,
		"mail":    mail,
		"state":   func(p Post) string { return p.in(w).Word() },
		"said":    w.saidAt,
		"spoken":  func() template.HTMLAttr { return spoken },

		"symbols": symbols,
	}
}

// stamp marks a time up. What is shown is made of digits, fixed words and the
// name of a zone.
func stamp(class string, t time.Time, shown string) template.HTML {
	if t.IsZero() {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<time%s datetime="%s">%s</time>`, class, iso(t), template.HTMLEscapeString(shown)))
}

// saidAt gives when something was said as feeds have it, in the form of
// Statuspage's: programs find the day and the time of day in it.
func (w *catalogue) saidAt(t time.Time) template.HTML {
	t = t.UTC()
	part := func(name, layout string) template.HTML {
		return template.HTML(fmt.Sprintf("<var data-var='%s'>%s</var>", name, t.Format(layout)))
	}
	said, err := w.html("feed.when", w.say(fmt.Sprintf("month.short.%d", t.Month())), part("date", "2"), part("time", "15:04"))
	if err != nil {
		panic(err) // files were looked through when they were read
	}
	return said.(template.HTML)
}

func dateOnly(t time.Time, shown string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(time.DateOnly), template.HTMLEscapeString(shown)))
}

// mail turns a mail or web address into a link's target. What is neither gives
// none.
func mail(support string) string {
	for _, scheme := range []string{"https://", "http://", "mailto:"} {
		if strings.HasPrefix(support, scheme) {
			return support
		}
	}
	if strings.Contains(support, "@") && !strings.Contains(support, ":") {
		return "mailto:" + support
	}
	return ""
}
