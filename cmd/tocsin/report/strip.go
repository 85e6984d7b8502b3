package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
)

// strip is the time that was replayed, a row a day, so that nights stand below
// each other.
type strip struct {
	Days   []day
	Sparse bool // only days on which something happened
	Lanes  bool // the other configuration's incidents stand below, outlined
}

type day struct {
	Name, Date string
	Weekend    bool
	Lanes      int
	Before     float64 // how much of the day was not replayed, per cent
	After      float64
	Bars       []bar
}

// bar is an incident, or the part of it that lies in a day. Left and Width are
// per cent of the day.
type bar struct {
	Left, Width float64
	Lane        int
	Text, Name  string // the name where there is room for it
	Class       string
	Href        string
	Title       string
	Inside      bool // there is room for the text
	Flip        bool // it stands to the left
	Other       bool
}

// mostDays is how many days are shown though nothing happened on them.
const mostDays = 100

func (r *Report) strip(cal calendar) strip {
	s := strip{Lanes: r.Against != nil}
	local := r.From.In(cal.zone)
	var days []day
	for n := 0; ; n++ {
		from := time.Date(local.Year(), local.Month(), local.Day()+n, 0, 0, 0, 0, cal.zone)
		to := time.Date(local.Year(), local.Month(), local.Day()+n+1, 0, 0, 0, 0, cal.zone)
		if !from.Before(r.To) {
			break
		}
		share := func(t time.Time) float64 {
			return min(max(float64(t.Sub(from))/float64(to.Sub(from)), 0), 1) * 100
		}
		d := day{
			Name: from.Format("Mon 2 Jan"), Date: from.Format(time.DateOnly), Weekend: from.Weekday() == time.Saturday || from.Weekday() == time.Sunday,
			Before: plot.Round(share(r.From)), After: plot.Round(100 - share(r.To)),
		}
		d.Bars = lanes(bars(r.Incidents, from, to, r.To, share, cal, nil), 0)
		d.Lanes = height(d.Bars, 1)
		if r.Against != nil {
			below := lanes(bars(r.Against.Incidents, from, to, r.To, share, cal, r.Against), d.Lanes)
			d.Bars = append(d.Bars, below...)
			d.Lanes = height(d.Bars, d.Lanes+1)
		}
		days = append(days, d)
	}
	s.Days = days
	if len(days) > mostDays {
		s.Sparse = true
		s.Days = slices.DeleteFunc(days, func(d day) bool { return len(d.Bars) == 0 })
	}
	return s
}

func height(bars []bar, n int) int {
	for _, b := range bars {
		n = max(n, b.Lane+1)
	}
	return n
}

// otherSide begins the anchors of the other configuration's incidents.
const otherSide = "other-"

// href leads to where an incident stands on the page: the other configuration's
// stands there only if the first one has none like it.
func (a *Against) href(i Incident) string {
	if a == nil {
		return "#" + string(i.ID)
	}
	if mate, ok := a.mates[i.ID]; ok {
		return "#" + string(mate)
	}
	return "#" + otherSide + string(i.ID)
}

// bars are the incidents that touch a day; of is nil for those of the first
// configuration.
func bars(list []Incident, from, to, end time.Time, share func(time.Time) float64, cal calendar, of *Against) []bar {
	var out []bar
	for _, i := range list {
		if !i.Began.Before(to) || !i.end(end).After(from) {
			continue
		}
		left := share(i.Began)
		b := bar{
			Left: plot.Round(left), Width: plot.Round(max(share(i.end(end))-left, 0.5)), Class: class(i.Peak), Other: of != nil,
			Text: i.Peak.String(), Href: of.href(i),
			Title: fmt.Sprintf("%s %s %s, %s, %s", i.ID, i.Peak, i.Name, cal.stretch(i.Began, i.end(end)), plot.Lasting(i.lasted(end))),
		}
		b.Inside = b.Width >= 8
		if b.Inside {
			b.Name = i.Name
		}
		b.Flip = !b.Inside && b.Left+b.Width > 92
		out = append(out, b)
	}
	return out
}

// lanes puts bars that would touch below each other, from a lane on.
func lanes(bars []bar, first int) []bar {
	slices.SortStableFunc(bars, func(a, b bar) int { return cmp.Compare(a.Left, b.Left) })
	var free []float64
	for n := range bars {
		b := &bars[n]
		left, right := b.Left, b.Left+b.Width+0.4
		if b.Flip {
			left -= 6
		} else if !b.Inside {
			right += 6 // its text stands beside it
		}
		lane := 0
		for lane < len(free) && free[lane] > left {
			lane++
		}
		if lane == len(free) {
			free = append(free, 0)
		}
		free[lane] = right
		b.Lane = first + lane
	}
	return bars
}
