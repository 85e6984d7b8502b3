package templates

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
	"time"
)

// maker makes one page: the words of its language, and what it is made from.
type maker struct {
	*catalogue
	set *Set
	p   Public
}

func (s *Set) maker(p Public) maker {
	s = s.forPages(p.Brand.Language)
	return maker{s.times.page(), s, p}
}

// view gives what all pages share. watermark says whether the page's words
// hold only until p.ValidUntil.
func (m maker) view(root string, watermark bool) View {
	p := m.p
	v := View{
		Public: p, Root: root, Lang: m.lang, Dir: direction(m.lang),
		Style: m.set.style, Script: m.set.script, Policy: m.set.policy, Branding: brandOf(p.Brand),
		StaleIcon:  icon(looks[NoData]),
		StaleTitle: m.title(m.say("stale.title")),
		Icon:       icon(looks[NotWatched]),
	}
	if !p.Checked.IsZero() {
		v.StaleTitle = m.title(m.say("stale.since", m.clock(p.Checked)))
	}
	if own := v.Branding.css; own != "" {
		v.Style += template.CSS(own)
		v.Policy = policy(string(v.Style), string(v.Script)) + "; font-src data:" // as CheckCSS has it
	}
	if watermark {
		v.Until = iso(p.ValidUntil)
	}
	return v
}

// direction gives "rtl" for languages that are written from the right.
func direction(lang string) string {
	base, _, _ := strings.Cut(lang, "-")
	if slices.Contains([]string{"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}, base) {
		return "rtl"
	}
	return ""
}

// title gives a page's title, which begins with what matters most.
func (m maker) title(parts ...string) string {
	site := m.p.Title
	if site == "" {
		site = strings.TrimSpace(m.say("page.title", m.p.Organisation))
	}
	return strings.Join(append(parts, site), " – ")
}

// keys are the looks of the bars that the page shows.
func keys(w *catalogue, all ...Bars) []Key {
	var list []Key
	for _, l := range dayLooks {
		if slices.ContainsFunc(all, func(b Bars) bool {
			return slices.ContainsFunc(b.Paths, func(p Path) bool { return p.Kind == l.kind })
		}) {
			var d strings.Builder
			draw(&d, l.kind, 0, 1)
			list = append(list, Key{Path{l.kind, d.String()}, w.say(l.look.Word)})
		}
	}
	return list
}

// Index gives the first page.
func (s *Set) Index(p Public) ([]byte, error) {
	m := s.maker(p)
	v := m.view("", true)
	v.Head = m.headline(p)
	v.Icon = icon(v.Head.Look)
	v.PageTitle = m.title(v.Head.Word)
	rows := m.rows(p, "")
	var drawn []Bars
	for n := range rows {
		rows[n].Bars = m.bars(rows[n].Record, rows[n].Target, p.Weights, p.now())
		drawn = append(drawn, rows[n].Bars)
	}
	v.Keys = keys(m.catalogue, drawn...)
	v.Groups = m.groups(rows)
	v.Folded = len(v.Groups) > 1 && len(rows) > fewParts
	watched := slices.ContainsFunc(rows, func(r Row) bool {
		return slices.ContainsFunc(r.Boxes, func(b Box) bool { return b.Icon != "none" })
	})
	if len(p.Regions) > 1 && watched {
		for _, r := range rows {
			if len(rows) > 2*fewParts && r.Calm {
				v.Calm++
				continue
			}
			v.Rows = append(v.Rows, r)
		}
	}
	for _, i := range p.Incidents {
		one := m.viewOf(p, i, "", onIndex(len(p.Incidents)))
		one.Short = len(p.Incidents) > 1
		v.Open = append(v.Open, one)
	}
	worstFirst(v.Open)
	v.Works, _ = m.worksOf(p)
	v.Days = m.days(p)
	return m.set.page("index.html", v)
}

// IncidentPage gives the page of one incident. Once the incident is over the
// page holds nothing that moves with time, and so never grows stale.
func (s *Set) IncidentPage(p Public, i Incident) ([]byte, error) {
	m := s.maker(p)
	one := m.viewOf(p, i, "../", 0)
	v := m.view("../", !one.Over)
	if one.Over {
		v.Checked, v.ValidUntil, v.Rendered = time.Time{}, time.Time{}, time.Time{}
		v.StaleTitle = m.title(one.State)
	}
	v.Icon = icon(one.Look)
	v.PageTitle = m.title(one.State, one.Title)
	v.One = &one
	return m.set.page("incident.html", v)
}

// History gives the incidents of the newest months, and where the others are.
func (s *Set) History(p Public) ([]byte, error) {
	m := s.maker(p)
	v := m.view("../", true)
	v.Icon = icon(m.headline(p).Look)
	v.PageTitle = m.title(m.say("history.title"))
	all := m.months(p)
	v.Months = inFull(all)
	v.Years = years(all)
	return m.set.page("history.html", v)
}

// inFull gives the months that the history begins with, as far as there is room.
func inFull(all []Month) []Month {
	n, incidents := 0, 0
	for n < min(newMonths, len(all)) {
		if incidents += len(all[n].Incidents); n > 0 && incidents > mostInFull {
			break
		}
		n++
	}
	return all[:n]
}

// years puts the months under their years.
func years(months []Month) []Year {
	var list []Year
	for _, m := range months {
		year := m.Date.Format("2006")
		if n := len(list); n == 0 || list[n-1].Year != year {
			list = append(list, Year{Year: year})
		}
		last := &list[len(list)-1]
		last.Months = append(last.Months, m)
	}
	return list
}

// Month gives the page of one month of the history. Once the month is over and
// all its incidents are, it never moves again.
func (s *Set) Month(p Public, month time.Time) ([]byte, error) {
	m := s.maker(p)
	first := monthOf(month)
	one := Month{Date: first, Unwatched: true}
	all := m.months(p)
	for n, x := range all {
		if x.Date.Equal(first) {
			one = x
			if n > 0 {
				one.Later = all[n-1].Date
			}
			if n+1 < len(all) {
				one.Earlier = all[n+1].Date
			}
		}
	}
	over := !p.now().Before(first.AddDate(0, 1, 0)) && !slices.ContainsFunc(one.Incidents, func(i Span) bool { return !i.Over })
	v := m.view("../", !over)
	v.PageTitle = m.title(m.say("history.month", m.month(first)))
	if over {
		v.Checked, v.ValidUntil, v.Rendered = time.Time{}, time.Time{}, time.Time{}
		v.StaleTitle = v.PageTitle
	}
	v.Month = &one
	return m.set.page("history.html", v)
}

// pastOfPart is how many past incidents the page of a component or a region lists.
const pastOfPart = 20

// part fills in what the pages of components and regions share.
func (m maker) part(part *PartView, touches func(Incident) bool, concerns func(Work) bool) {
	ahead, _ := m.worksOf(m.p)
	for _, work := range ahead {
		if concerns(work.Work) {
			part.Works = append(part.Works, work)
		}
	}
	for _, i := range m.p.Incidents {
		if touches(i) {
			part.Open = append(part.Open, m.viewOf(m.p, i, "../../", 1))
		}
	}
	worstFirst(part.Open)
	for _, i := range m.p.Past {
		if touches(i) && len(part.Past) < pastOfPart {
			part.Past = append(part.Past, Span{IncidentView: m.viewOf(m.p, i, "../../", 1)})
		}
	}
}

// Component gives the page of a component.
func (s *Set) Component(p Public, id string) ([]byte, error) {
	m := s.maker(p)
	n := slices.IndexFunc(p.Components, func(c Component) bool { return c.ID == id })
	if n < 0 {
		return s.NotFound(p)
	}
	c := p.Components[n]
	part := &PartView{Row: m.row(p, c, "../../")}
	part.Bars = m.bars(c.Record, c.Target, p.Weights, p.now())
	part.Table = m.table(c.Record, p.Weights, p.now(), "../../")
	part.ByMonth = m.ofMonths(c.Record, p.Weights, c.Target, p.now())
	for _, cell := range c.Cells {
		if len(c.Cells) == 1 && len(cell.Figures) == 0 {
			break // it is the component itself
		}
		v := CellView{
			Box: m.boxOf(p, cell), Name: cmp.Or(cell.Region.Name, cell.Region.Code), URL: pageOf("../../", "regions", cell.Region.Code),
			Bars: m.bars(cell.Record, 0, p.Weights, p.now()), Table: m.table(cell.Record, p.Weights, p.now(), "../../"),
		}
		for _, f := range cell.Figures {
			if spark, ok := m.spark(f); ok {
				v.Sparks = append(v.Sparks, spark)
			}
		}
		part.Cells = append(part.Cells, v)
	}
	m.part(part, func(i Incident) bool { return i.Component.ID == id || slices.Contains(i.Also, id) },
		func(work Work) bool {
			return work.AllComponents || slices.ContainsFunc(work.Components, func(c Component) bool { return c.ID == id })
		})
	return m.partPage("component.html", part)
}

// Region gives the page of a region.
func (s *Set) Region(p Public, code string) ([]byte, error) {
	m := s.maker(p)
	n := slices.IndexFunc(p.Regions, func(r Region) bool { return r.Code == code })
	if n < 0 {
		return s.NotFound(p)
	}
	r := p.Regions[n]
	whole := m.boxOf(p, Cell{Status: Together(p.In(code))})
	part := &PartView{Row: Row{Title: cmp.Or(r.Name, r.Code), Look: whole.Look}}
	worst := m.lookOf(NotWatched) // of the components
	for _, c := range p.Components {
		at := slices.IndexFunc(c.Cells, func(cell Cell) bool { return cell.Region.Code == code })
		if at < 0 {
			continue
		}
		v := CellView{
			Box: m.boxOf(p, c.Cells[at]), Name: cmp.Or(c.Name, c.ID), Description: c.Description, URL: pageOf("../../", "components", c.ID),
			Bars: m.bars(c.Cells[at].Record, 0, p.Weights, p.now()),
		}
		if worse(v.Icon, worst.Icon) || v.Look == worst && v.Since.Before(part.Since) {
			worst, part.Since = v.Look, v.Since
		}
		part.Cells = append(part.Cells, v)
	}
	partly := func(v CellView) bool { return v.Look != whole.Look && v.Icon != "none" }
	if whole.Look == m.lookOf(NoData) && slices.ContainsFunc(part.Cells, partly) {
		part.Look.Word, part.Since = m.say("status.no_data.partly"), time.Time{}
	}
	in := func(all bool, regions []Region) bool {
		return all || slices.ContainsFunc(regions, func(x Region) bool { return x.Code == code })
	}
	m.part(part, func(i Incident) bool { return in(i.AllRegions, i.Regions) }, func(work Work) bool { return in(work.AllRegions, work.Regions) })
	return m.partPage("region.html", part)
}

func (m maker) partPage(name string, part *PartView) ([]byte, error) {
	v := m.view("../../", true)
	v.Part = part
	v.Icon = icon(part.Look)
	v.PageTitle = m.title(part.Look.Word, part.Title)
	drawn := []Bars{part.Bars}
	for _, c := range part.Cells {
		drawn = append(drawn, c.Bars)
	}
	v.Keys = keys(m.catalogue, drawn...)
	return m.set.page(name, v)
}

// Uptime gives the page that says how uptime is computed, with all figures.
func (s *Set) Uptime(p Public) ([]byte, error) {
	m := s.maker(p)
	v := m.view("../", true)
	v.Icon = icon(m.headline(p).Look)
	v.PageTitle = m.title(m.say("uptime.title"))
	v.Counts = m.weights(p.Weights)
	whole := Table{Title: m.say("uptime.components")}
	sum := func(r Record) Minutes { return Record{newest(r, p.now())}.Sum() }
	cells := Table{Title: m.say("uptime.cells")}
	for _, c := range p.Components {
		name, url := cmp.Or(c.Name, c.ID), pageOf("../", "components", c.ID)
		all := sum(c.Record)
		t := m.tally(name, url, all, p.Weights)
		if c.Target > 0 {
			t.Target = m.promise(c.Target)
		}
		whole.Rows = append(whole.Rows, t)
		for n, cell := range c.Cells {
			if len(c.Cells) > 1 {
				region := cmp.Or(cell.Region.Name, cell.Region.Code)
				t := m.tally(region, "", sum(cell.Record), p.Weights)
				if n == 0 {
					t.Heads = name
				}
				cells.Rows = append(cells.Rows, t)
			}
		}
	}
	for _, t := range []Table{whole, cells} {
		if len(t.Rows) > 0 {
			v.Tables = append(v.Tables, t)
		}
	}
	return m.set.page("uptime.html", v)
}

// Maintenance gives the page of maintenance: under way, to come, and over.
func (s *Set) Maintenance(p Public) ([]byte, error) {
	m := s.maker(p)
	v := m.view("../", true)
	v.Icon = icon(m.headline(p).Look)
	v.PageTitle = m.title(m.say("work.title"))
	v.Works, v.Done = m.worksOf(p)
	return m.set.page("maintenance.html", v)
}

// Subscribe gives the page that says how to follow this one. Nothing on it moves
// with time.
func (s *Set) Subscribe(p Public) ([]byte, error) {
	m := s.maker(p)
	v := m.still("../")
	v.PageTitle = m.title(m.say("follow.title"))
	if linkable(p.URL) {
		url := strings.TrimRight(p.URL, "/") + "/"
		v.Snippet = "[![" + m.say("page.status") + "](" + url + "badge.svg)](" + url + ")"
	}
	for _, c := range p.Components {
		if name := FileName(c.ID); name != "" {
			v.Feeds = append(v.Feeds, Feed{cmp.Or(c.Name, c.ID), "components/" + name + "/"})
		}
	}
	if len(p.Regions) > 1 {
		for _, r := range p.Regions {
			if name := FileName(r.Code); name != "" {
				v.Feeds = append(v.Feeds, Feed{cmp.Or(r.Name, r.Code), "regions/" + name + "/"})
			}
		}
	}
	return m.set.page("subscribe.html", v)
}

// still gives the view of a page that holds nothing of how things are.
func (m maker) still(root string) View {
	v := m.view(root, false)
	v.Checked, v.ValidUntil, v.Rendered, v.Blind = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	v.StaleTitle, v.Timeless = m.title(), true
	return v
}

// NotFound gives the page for addresses that there are none of. It is served at
// any depth, so its links are whole where the page's own address is known.
func (s *Set) NotFound(p Public) ([]byte, error) {
	m := s.maker(p)
	root := "/"
	if linkable(p.URL) {
		root = strings.TrimRight(p.URL, "/") + "/"
	}
	v := m.still(root)
	v.PageTitle = m.title(m.say("lost.title"))
	return m.set.page("notfound.html", v)
}

// FeedEntry gives the updates of one incident as a fragment of HTML.
func (s *Set) FeedEntry(p Public, i Incident) (string, error) {
	m := s.maker(p)
	all := posts(p, i)
	for n := range all {
		all[n] = all[n].in(m.set.times.text())
	}
	b, err := m.set.page("feed.html", all)
	return string(b), err
}
