package templates

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// barDays is how many days the bars show, and barDaysNarrow on a phone.
const (
	barDays       = 90
	barDaysNarrow = 45
)

// measured is the share of a day, in percent, that has to be known before the
// day is called a good one.
const measured = 90

// Bars is how something did on the past days: a bar for each, and the figures of
// all together.
type Bars struct {
	Paths  []Path // one for each look there is
	Label  string // all of it in words: "99.982 % over 90 days; 2 incidents"
	Uptime string // "99.98 %"; "" where nothing is known
	Over   string // "31 days", where there are fewer than bars
	Cover  string // share of the minutes that were measured: "99.1 %"
	Target string // "99.9 %"; "" if none is promised
	Days   int    // that anything is on record of
}

// Path draws all the bars of one look.
type Path struct{ Kind, D string }

// The looks of days, with the middle of the bar. The worse a day was the taller is
// its bar, so that nothing rests on colour; what is not
// known is hollow.
var dayLooks = []struct {
	kind string
	look Look
	y    int // middle of the line that is drawn as wide as the bar is tall; 0: hollow
}{
	{"ok", Look{"day.good", "ok", "ok"}, 20},
	{"minor", Look{"day.minor", "minor", "minor"}, 18},
	{"partial", Look{"day.major", "partial", "partial"}, 16},
	{"major", Look{"day.outage", "major", "major"}, 14},
	{"info", Look{"day.maintenance", "info", "info"}, 24},
	{"unknown", Look{"day.unknown", "unknown", "unknown"}, 0},
	{"none", Look{"day.none", "none", "unknown"}, 0},
}

// kindOf gives the look of a day. What was bad is told whatever else is not
// known; nothing is good that was not measured.
func kindOf(d DayRecord) string {
	m := d.Minutes
	switch {
	case m.Bad[0] > 0 || d.Worst == Major:
		return "major"
	case m.Bad[1] > 0 || d.Worst == Partial:
		return "partial"
	case m.Bad[2]+m.Bad[3]+m.Bad[4] > 0 || d.Worst == Degraded:
		return "minor"
	}
	cover, ok := m.Coverage()
	switch {
	case !ok && m.Maintenance > 0:
		return "info"
	case !ok:
		return "none"
	case cover < measured:
		return "unknown"
	default:
		return "ok"
	}
}

func lookOfKind(kind string) Look {
	for _, l := range dayLooks {
		if l.kind == kind {
			return l.look
		}
	}
	return dayLooks[len(dayLooks)-1].look
}

// newest gives the days of a record that bars are drawn of, oldest first: as many
// as there are bars, with empty ones where nothing is on record.
func newest(r Record, today time.Time) []DayRecord {
	days := make([]DayRecord, barDays)
	first := midnight(today).AddDate(0, 0, 1-barDays)
	for n := range days {
		days[n] = DayRecord{Date: first.AddDate(0, 0, n), Worst: NotWatched}
	}
	for _, d := range r.Days {
		if n := int(midnight(d.Date).Sub(first) / (24 * time.Hour)); n >= 0 && n < barDays {
			days[n] = d
		}
	}
	return days
}

// bars draws a record. Where nothing is on record there are no bars, and no
// figure that would claim anything.
func (w *catalogue) bars(r Record, target float64, weights Weights, today time.Time) Bars {
	if today.IsZero() && len(r.Days) > 0 {
		today = r.Days[len(r.Days)-1].Date
	}
	var b Bars
	if target > 0 {
		b.Target = w.promise(target)
	}
	days := newest(r, today)
	var sum Minutes
	seen := map[string]bool{}
	paths := map[string]*strings.Builder{}
	for n := 0; n < len(days); {
		kind := kindOf(days[n])
		run := n
		for ; run < len(days) && kindOf(days[run]) == kind; run++ {
			sum = sum.And(days[run].Minutes)
			for _, id := range days[run].Incidents {
				seen[id] = true
			}
			if kind != "none" {
				b.Days++
			}
		}
		if paths[kind] == nil {
			paths[kind] = new(strings.Builder)
		}
		draw(paths[kind], kind, n, run)
		n = run
	}
	if b.Days == 0 {
		return Bars{Target: b.Target}
	}
	for _, l := range dayLooks {
		if p := paths[l.kind]; p != nil {
			b.Paths = append(b.Paths, Path{l.kind, p.String()})
		}
	}
	incidents := w.say("bars.incidents", len(seen))
	over := w.say("time.days", b.Days)
	if b.Days < barDays {
		b.Over = over
	}
	if up, cover, ok := w.uptime(sum, weights, 3); ok {
		b.Uptime, _, _ = w.uptime(sum, weights, 2)
		b.Cover = cover
		b.Label = w.say("bars.label", up, over, incidents)
	} else {
		b.Label = w.say("bars.unknown", over, incidents)
	}
	return b
}

// draw adds the bars of the days from … to to a path: a line as wide as the bars
// are tall and dashed day by day, or an outline for each.
func draw(b *strings.Builder, kind string, from, to int) {
	for _, l := range dayLooks {
		if l.kind != kind || l.y == 0 {
			continue
		}
		fmt.Fprintf(b, "M%d.1 %dh%s", from, l.y, trimmed(float64(to-from)-.2))
		return
	}
	top, height := 13, 14
	if kind == "none" {
		top, height = 21, 6
	}
	fmt.Fprintf(b, "M%d.2 %d", from, top)
	for n := from; n < to; n++ {
		if n > from {
			b.WriteString("m1 0")
		}
		fmt.Fprintf(b, "v%dh.6v-%dz", height, height)
	}
}

func trimmed(x float64) string {
	return strings.TrimPrefix(strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.1f", x), "0"), "."), "0")
}

// percentage gives a share in percent that is never better than it is: "99.98 %",
// and "100 %" only of all.
func (w *catalogue) percentage(x float64, digits int) string {
	scale := math.Pow10(digits)
	floor := math.Floor(x*scale+1e-7) / scale
	switch {
	case floor >= 100:
		return w.say("number.percent", "100")
	case floor < 0 || math.IsNaN(x):
		floor = 0
	}
	said := w.decimal(floor, digits)
	if digits > 2 && strings.HasSuffix(said, "0") {
		said = w.decimal(floor, 2)
	}
	return w.say("number.percent", said)
}

// promise gives a target as it was written: "99.9 %".
func (w *catalogue) promise(x float64) string {
	said := strconv.FormatFloat(math.Round(x*1e4)/1e4, 'f', -1, 64)
	return w.say("number.percent", strings.Replace(said, ".", w.say("number.decimal"), 1))
}

// uptime gives the figures of some minutes, with a number of digits; ok is false
// where nothing is known of them.
func (w *catalogue) uptime(m Minutes, weights Weights, digits int) (up, cover string, ok bool) {
	x, ok := m.Uptime(weights)
	if !ok {
		return "", "", false
	}
	c, _ := m.Coverage()
	return w.percentage(x, digits), w.percentage(c, 1), true
}

// Tally is some minutes as a row of figures.
type Tally struct {
	Heads     string // a heading above it; "" if none
	Name, URL string
	Uptime    string // "" where nothing is known
	Cover     string
	Good      string
	Outage    string
	Major     string
	Minor     string
	Unknown   string
	Apart     string // maintenance
	Target    string // "" if none is promised
	Verdict   string // "met", "missed", "so far" …; "" without a target
}

func (w *catalogue) tally(name, url string, m Minutes, weights Weights) Tally {
	t := Tally{Name: name, URL: url}
	t.Uptime, t.Cover, _ = w.uptime(m, weights, 3)
	for n, to := range []*string{&t.Good, &t.Outage, &t.Major, &t.Minor, &t.Unknown, &t.Apart} {
		*to = w.number([]int{m.Good, m.Bad[0], m.Bad[1], m.Bad[2] + m.Bad[3] + m.Bad[4], m.Unknown, m.Maintenance}[n])
	}
	return t
}

// incidentID is what the ID of an incident looks like that has a page.
var incidentID = regexp.MustCompile(`^INC-[0-9]{4}-[0-9]{4,9}$`)

// DayRow is a day of a record in a table, or several in a row that were alike.
type DayRow struct {
	From, To time.Time // the same for one day
	Count    int
	Look
	Tally
	Incidents []Link
}

// table gives the days of a record newest first, so that those with nothing to
// tell take one row together.
func (w *catalogue) table(r Record, weights Weights, today time.Time, root string) []DayRow {
	if len(r.Days) == 0 {
		return nil
	}
	if today.IsZero() {
		today = r.Days[len(r.Days)-1].Date
	}
	days := newest(r, today)
	slices.Reverse(days)
	var rows []DayRow
	for n := 0; n < len(days); {
		kind := kindOf(days[n])
		row := DayRow{To: days[n].Date, Look: w.look(lookOfKind(kind))}
		var sum Minutes
		for run := n; run < len(days) && kindOf(days[run]) == kind; run++ {
			d := days[run]
			quiet := len(d.Incidents) == 0 && (kind == "ok" || kind == "none" || kind == "unknown") && d.Minutes.Maintenance == 0
			if row.Count > 0 && !quiet {
				break
			}
			sum, row.From, row.Count = sum.And(d.Minutes), d.Date, row.Count+1
			if !quiet {
				for _, id := range d.Incidents {
					if incidentID.MatchString(id) { // else no file is named by it
						row.Incidents = append(row.Incidents, Link{id, root + "incidents/" + id + ".html"})
					}
				}
				break
			}
		}
		row.Tally = w.tally("", "", sum, weights)
		rows = append(rows, row)
		n += row.Count
	}
	return rows
}

// ofMonths gives a record by calendar month, newest first, beside what is
// promised of one. Of the oldest, which a record of so many days cuts off, nobody
// can tell whether the promise was kept.
func (w *catalogue) ofMonths(r Record, weights Weights, target float64, today time.Time) []Tally {
	var rows []Tally
	var sum Minutes
	for n := len(r.Days) - 1; n >= 0; n-- {
		d := r.Days[n]
		sum = sum.And(d.Minutes)
		begins := n == 0 || !sameMonth(d.Date, r.Days[n-1].Date)
		if !begins {
			continue
		}
		t := w.tally(w.month(d.Date), "", sum, weights)
		part := d.Date.UTC().Day() != 1
		if part {
			t.Name = w.say("uptime.from", w.day(d.Date))
		}
		if x, ok := sum.Uptime(weights); ok && target > 0 {
			t.Target = w.promise(target)
			switch {
			case part && n == 0 && len(r.Days) >= barDays:
			case sameMonth(d.Date, today) && x >= target:
				t.Verdict = w.say("target.sofar")
			case x >= target:
				t.Verdict = w.say("target.met")
			case sameMonth(d.Date, today):
				t.Verdict = w.say("target.missing")
			default:
				t.Verdict = w.say("target.missed")
			}
		}
		if sum != (Minutes{}) {
			rows = append(rows, t)
		}
		sum = Minutes{}
	}
	return rows
}

func sameMonth(a, b time.Time) bool {
	a, b = a.UTC(), b.UTC()
	return a.Year() == b.Year() && a.Month() == b.Month()
}

// Weight is how minutes of one kind count against uptime.
type Weight struct {
	Look
	Share string
}

func (w *catalogue) weights(weights Weights) []Weight {
	share := func(x float64) string { return w.promise(x * 100) }
	least, most := slices.Min(weights[2:]), slices.Max(weights[2:])
	minor := share(most)
	if least != most {
		minor = w.say("uptime.range", share(least), minor)
	}
	return []Weight{
		{w.look(lookOfKind("major")), share(weights[0])},
		{w.look(lookOfKind("partial")), share(weights[1])},
		{w.look(lookOfKind("minor")), minor},
	}
}

// Spark is something measured as a line, with its ends in words.
type Spark struct {
	Title   string // "Error rate"
	Span    string // "24 hours"
	D       string // of a path on 100 by 30 units
	Low     string // "0.1 %"
	High    string
	Last    string // "" where the newest was not measured
	Label   string
	Missing string // how much of the time nothing was measured; "" if none
}

// spark draws a figure; ok is false where nothing was measured.
func (w *catalogue) spark(f Figure) (s Spark, ok bool) {
	isKnown := func(n int) bool { return n < len(f.Points) && f.Points[n] >= 0 && !math.IsInf(f.Points[n], 0) }
	low, high, missing := math.Inf(1), math.Inf(-1), 0
	for n, x := range f.Points {
		if !isKnown(n) {
			missing++
			continue
		}
		low, high = min(low, x), max(high, x)
	}
	if missing == len(f.Points) || f.Step <= 0 {
		return Spark{}, false
	}
	const wide, tall = 100.0, 28.0
	var b strings.Builder
	pen := false
	for n, x := range f.Points {
		if !isKnown(n) {
			pen = false
			continue
		}
		at, up := wide, tall+1
		if len(f.Points) > 1 {
			at = wide * float64(n) / float64(len(f.Points)-1)
		}
		if high > 0 {
			up = 1 + tall*(1-x/high) // from nought, so that a small wave is not a storm
		}
		letter := "L"
		if !pen {
			letter = "M"
		}
		fmt.Fprintf(&b, "%s%s %s", letter, cmp.Or(trimmed(at), "0"), cmp.Or(trimmed(up), "0"))
		if !pen && !isKnown(n+1) {
			b.WriteString("h.1") // a point by itself is one
		}
		pen = true
	}
	s = Spark{Title: w.say("figure.latency", f.Kind), D: b.String(), Span: w.span(f.Step * time.Duration(len(f.Points)))}
	value := w.seconds
	if f.Kind == "error_rate" {
		s.Title = w.say("figure.errors")
		value = w.ratio
	}
	s.Low, s.High = value(low), value(high)
	if last := len(f.Points) - 1; isKnown(last) {
		s.Last = value(f.Points[last])
	}
	if missing > 0 {
		s.Missing = w.duration(f.Step * time.Duration(missing))
	}
	s.Label = w.say("figure.label", s.Title, s.Span, s.Low, s.High)
	return s, true
}

// span gives how far a line goes: "24 hours".
func (w *catalogue) span(d time.Duration) string {
	if d > time.Hour && d < 72*time.Hour {
		return w.say("time.hours", int(math.Round(d.Hours())))
	}
	return w.duration(d)
}

// ratio gives a share in percent: "0.08 %".
func (w *catalogue) ratio(x float64) string {
	digits := 0
	switch p := x * 100; {
	case p == 0:
	case p < 0.095:
		digits = 2
	case p < 9.95:
		digits = 1
	}
	return w.say("number.percent", w.decimal(x*100, digits))
}

// seconds gives a length of time as it is measured: "280 ms", "2.5 s".
func (w *catalogue) seconds(x float64) string {
	switch {
	case x < 0.9995:
		return w.say("number.ms", w.decimal(x*1000, 0))
	case x < 9.95:
		return w.say("number.s", w.decimal(x, 1))
	default:
		return w.say("number.s", w.decimal(x, 0))
	}
}
