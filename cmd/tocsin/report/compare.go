package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/incident"
)

// changes matches the incidents of two sides, those of one component that lie
// in the same time, each with one at the most: the one it has most time in
// common with. It gives what is not the same, in the order of time, and counts
// what is. mates maps those of was to those of is.
func changes(is, was []Incident, to time.Time) (out []Change, same int, mates map[incident.ID]incident.ID) {
	type pair struct {
		is, was int
		common  time.Duration
	}
	var pairs []pair
	for i, a := range is {
		for w, b := range was {
			if common := common(a, b, to); a.Component == b.Component && common > 0 {
				pairs = append(pairs, pair{i, w, common})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.common, a.common) })
	mate, taken := map[int]int{}, map[int]bool{}
	for _, p := range pairs {
		if _, ok := mate[p.is]; !ok && !taken[p.was] {
			mate[p.is], taken[p.was] = p.was, true
		}
	}

	type dated struct {
		Change
		began time.Time
	}
	var all []dated
	for i, a := range is {
		w, ok := mate[i]
		if !ok {
			c := Change{Kind: Appears, Component: a.Component, ID: a.ID}
			for _, p := range pairs {
				if p.is == i && c.Beside == "" {
					c.Beside = was[p.was].ID
				}
			}
			all = append(all, dated{c, a.Began})
			continue
		}
		fields := difference(a, was[w])
		if len(fields) == 0 {
			same++
			continue
		}
		all = append(all, dated{Change{Kind: Changes, Component: a.Component, ID: a.ID, Other: was[w].ID, Fields: fields}, a.Began})
	}
	for w, b := range was {
		if taken[w] {
			continue
		}
		c := Change{Kind: Vanishes, Component: b.Component, Other: b.ID}
		for _, p := range pairs {
			if p.was == w && c.Beside == "" {
				c.Beside = is[p.is].ID
			}
		}
		all = append(all, dated{c, b.Began})
	}
	slices.SortStableFunc(all, func(a, b dated) int { return a.began.Compare(b.began) })
	out = []Change{}
	for _, c := range all {
		out = append(out, c.Change)
	}
	mates = map[incident.ID]incident.ID{}
	for i, w := range mate {
		mates[was[w].ID] = is[i].ID
	}
	return out, same, mates
}

// common is how much time two incidents have in common.
func common(a, b Incident, to time.Time) time.Duration {
	from, until := a.Began, a.end(to)
	if b.Began.After(from) {
		from = b.Began
	}
	if e := b.end(to); e.Before(until) {
		until = e
	}
	return until.Sub(from)
}

// difference says what is not the same of two incidents, as those who are woken
// by them and those who read of them notice it.
func difference(is, was Incident) []Field {
	out := []Field{}
	field := func(what, was, is string) {
		if was != is {
			out = append(out, Field{what, was, is})
		}
	}
	field("severity", was.Peak.String(), is.Peak.String())
	field("began", stamp(was.Began), stamp(is.Began))
	field("detected", stamp(was.Detected), stamp(is.Detected))
	field("ended", stamp(was.Ended), stamp(is.Ended))
	field("regions", strings.Join(places(was.Regions), ", "), strings.Join(places(is.Regions), ", "))
	if before, after := path(was), path(is); before != after && was.Peak == is.Peak && was.Detected.Equal(is.Detected) && was.Ended.Equal(is.Ended) {
		out = append(out, Field{"course", before, after}) // else it says nothing that the others do not
	}
	if len(was.Posts) != len(is.Posts) {
		field("posts", fmt.Sprint(len(was.Posts)), fmt.Sprint(len(is.Posts)))
	} else if len(out) == 0 {
		for n := range is.Posts {
			if spoken(was.Posts[n]) != spoken(is.Posts[n]) {
				out = append(out, Field{"words", was.Posts[n].Title, is.Posts[n].Title})
				break
			}
		}
	}
	return out
}

func spoken(p Post) string {
	return fmt.Sprint(p.Said, p.State, p.Severity, p.Next, p.Channels, p.Title, p.Text)
}

// path is the severities and their times, on one line.
func path(i Incident) string {
	var parts []string
	for _, s := range i.Severities {
		parts = append(parts, s.Severity.String()+" "+stamp(s.At))
	}
	return strings.Join(parts, ", ")
}

// stamp writes a time for programs; "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// find gives the incident of a side.
func (s Side) find(id incident.ID) (Incident, bool) {
	n := slices.IndexFunc(s.Incidents, func(i Incident) bool { return i.ID == id })
	if n < 0 {
		return Incident{}, false
	}
	return s.Incidents[n], true
}
