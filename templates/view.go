package templates

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"
)

// View is what a page is executed with.
type View struct {
	Public

	Root   string // "" or "../": the way to the folder's top
	Until  string // ISO 8601; "" if the page never grows stale
	Style  template.CSS
	Script template.JS
	Policy string

	Branding Branding

	PageTitle, StaleTitle string
	Icon, StaleIcon       template.URL

	Head   Headline
	Rows   []Row          // components
	Open   []IncidentView // open incidents, newest first
	Days   []Day          // newest first
	Months []Month        // newest first
	Older  int            // incidents that no month lists
	One    *IncidentView  // of an incident's own page
}

// Look is a word with its shape and its colour. The shape differs wherever the
// word does, so that nothing rests on colour.
type Look struct {
	Word string
	Icon string // of the symbols in layout.html
	Tone string // ok minor partial major info unknown
}

// looks gives each status its look.
var looks = map[Status]Look{
	Operational: {"Operational", "ok", "ok"},
	Degraded:    {"Degraded performance", "minor", "minor"},
	Partial:     {"Partial outage", "partial", "partial"},
	Major:       {"Major outage", "major", "major"},
	Maintenance: {"Maintenance", "info", "info"},
	NoData:      {"No data", "unknown", "unknown"},
	LowTraffic:  {"Too little traffic", "thin", "unknown"},
	NotWatched:  {"Not watched yet", "none", "unknown"},
}

// rank orders statuses by how much customers feel of them.
var rank = []Status{Operational, Maintenance, Degraded, Partial, Major}

func lookOf(s Status) Look {
	if l, ok := looks[s]; ok {
		return l
	}
	return looks[NotWatched]
}

// phrases are the words of the runbook's Status line.
var phrases = map[string]Look{
	"Operational":          {"Operational", "ok", "ok"},
	"Degraded performance": {"Degraded performance", "minor", "minor"},
	"Partial service":      {"Partial service", "partial", "partial"},
	"Major outage":         {"Major outage", "major", "major"},
}

func lookOfPhrase(s string) Look {
	if l, ok := phrases[s]; ok {
		return l
	}
	return Look{cmp.Or(s, "Degraded performance"), "minor", "minor"}
}

// Row is a component with its cells.
type Row struct {
	Component
	Boxes []Box
}

// Box is one cell as it is shown.
type Box struct {
	Look
	Region string // its name; "" where the component is not split by region
	Since  time.Time
}

// rows lays out the components. While all data are missing, nothing that was
// well is shown as well.
func rows(p Public) []Row {
	list := make([]Row, 0, len(p.Components))
	for _, c := range p.Components {
		cells := c.Cells
		if len(cells) == 0 {
			cells = []Cell{{Status: c.Status}}
		}
		row := Row{Component: c}
		for _, cell := range cells {
			if !p.Blind.IsZero() && (cell.Status == Operational || cell.Status == LowTraffic) {
				cell.Status, cell.Since = NoData, p.Blind
			}
			box := Box{Look: lookOf(cell.Status), Region: cmp.Or(cell.Region.Name, cell.Region.Code)}
			if cell.Status != Operational && cell.Status != LowTraffic && cell.Status != NotWatched {
				box.Since = cell.Since
			}
			row.Boxes = append(row.Boxes, box)
		}
		list = append(list, row)
	}
	return list
}

// IncidentView is an incident as it is shown.
type IncidentView struct {
	Incident
	Look           // of its status now
	Worst   Look   // of its worst status so far
	State   string // "Investigating"
	Over    bool   // nothing more will be said of it
	URL     string
	IntoURL string // of the incident that it goes on as; "" if none
	Posts   []Post // newest first
	More    int    // updates that Posts leaves out
	Latest  Post
}

// onIndex is how many updates of an incident the first page shows.
const onIndex = 5

func viewOf(p Public, i Incident, root string, most int) IncidentView {
	v := IncidentView{
		Incident: i,
		Look:     lookOfPhrase(i.Status),
		URL:      root + "incidents/" + i.ID + ".html",
		Posts:    posts(p, i),
	}
	v.Latest = Post{Page: p, Incident: i}
	if len(v.Posts) > 0 {
		v.Latest = v.Posts[0]
	}
	v.State = v.Latest.Word()
	v.Over = v.State == "Resolved" || v.Latest.Merged()
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
	order := []string{"ok", "info", "minor", "partial", "major"}
	for _, u := range i.Updates {
		if l := lookOfPhrase(u.Status); slices.Index(order, l.Tone) > slices.Index(order, v.Worst.Tone) {
			v.Worst = l
		}
	}
	if most > 0 && len(v.Posts) > most {
		v.More = len(v.Posts) - most
		v.Posts = v.Posts[:most]
	}
	return v
}

// view gives what all pages share. watermark says whether the page's words
// hold only until p.ValidUntil.
func (s *Set) view(p Public, root string, watermark bool) View {
	v := View{
		Public: p, Root: root,
		Style: s.style, Script: s.script, Policy: s.policy, Branding: brandOf(p.Brand),
		StaleIcon:  icon(looks[NoData]),
		StaleTitle: "No fresh data – " + siteTitle(p),
	}
	if !p.Checked.IsZero() {
		v.StaleTitle = "No fresh data since " + clock(p.Checked) + " – " + siteTitle(p)
	}
	if own := v.Branding.css; own != "" {
		v.Style += template.CSS(own)
		v.Policy = policy(string(v.Style), string(v.Script))
	}
	if watermark {
		v.Until = iso(p.ValidUntil)
	}
	return v
}

func siteTitle(p Public) string {
	if p.Title != "" {
		return p.Title
	}
	return strings.TrimSpace(p.Organisation + " status")
}

// Index gives the first page.
func (s *Set) Index(p Public) ([]byte, error) {
	s = s.utc()
	v := s.view(p, "", true)
	v.Head = headline(p)
	v.Icon = icon(v.Head.Look)
	v.PageTitle = v.Head.Word + " – " + siteTitle(p)
	v.Rows = rows(p)
	for _, i := range p.Incidents {
		v.Open = append(v.Open, viewOf(p, i, "", onIndex))
	}
	v.Days = days(p)
	return s.page("index.html", v)
}

// IncidentPage gives the page of one incident. Once the incident is over the
// page holds nothing that moves with time, and so never grows stale.
func (s *Set) IncidentPage(p Public, i Incident) ([]byte, error) {
	s = s.utc()
	one := viewOf(p, i, "../", 0)
	v := s.view(p, "../", !one.Over)
	if one.Over {
		v.Checked, v.ValidUntil, v.Rendered = time.Time{}, time.Time{}, time.Time{}
		v.StaleTitle = one.State + " – " + siteTitle(p)
	}
	v.Icon = icon(one.Look)
	v.PageTitle = one.State + " – " + one.Latest.Title() + " – " + siteTitle(p)
	v.One = &one
	return s.page("incident.html", v)
}

// History gives the page of all incidents, month by month.
func (s *Set) History(p Public) ([]byte, error) {
	s = s.utc()
	v := s.view(p, "../", true)
	v.Icon = icon(headline(p).Look)
	v.PageTitle = "Incident history – " + siteTitle(p)
	v.Months, v.Older = months(p)
	return s.page("history.html", v)
}

// FeedEntry gives the updates of one incident as a fragment of HTML.
func (s *Set) FeedEntry(p Public, i Incident) (string, error) {
	b, err := s.utc().page("feed.html", posts(p, i))
	return string(b), err
}

// htmlFunctions are those that HTML has besides functions.
func htmlFunctions(z times) template.FuncMap {
	return template.FuncMap{
		"stamp": func(t time.Time) template.HTML { return stamp(t, day(t)+", "+z.clock(t)) },
		"at":    func(ref, t time.Time) template.HTML { return stamp(t, z.moment(ref, t)) },
		"date":  dateOnly,
		"mail":  mail,

		"symbols": symbols,
	}
}

// stamp marks a time up. What is shown is made of digits, fixed words and the
// name of a zone.
func stamp(t time.Time, shown string) template.HTML {
	if t.IsZero() {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, iso(t), template.HTMLEscapeString(shown)))
}

func dateOnly(t time.Time) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(time.DateOnly), day(t)))
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
