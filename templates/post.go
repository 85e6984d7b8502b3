package templates

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Post is what a text template is executed with: one update of one incident.
// Its methods say what is to be said where a field is empty, so that every
// sentence is whole whatever people left out.
type Post struct {
	Page     Public
	Incident Incident
	Update   Update

	// Turn reports that this update tells more than a new measurement: it is
	// the first, or its state, status, symptom or regions are new.
	Turn bool

	// NewIntegrity and NewWorkaround report that this update says something else
	// of the data, or of what customers can do, than the one before it.
	NewIntegrity, NewWorkaround bool

	// Away reports that it is not read on the page.
	Away bool

	before string     // the state that was said before; "" if nothing was
	words  *catalogue // nil: English
}

// said is the words that a post's parts are put together with.
func (p Post) said() *catalogue {
	if p.words == nil {
		return english
	}
	return p.words
}

// in gives the same post in the words of a catalogue.
func (p Post) in(words *catalogue) Post {
	p.words = words
	return p
}

// postOf gives one update of an incident, in the language of the sentences.
func (s *Set) postOf(p Public, i Incident, u Update) Post { return postOf(p, i, u).in(s.times.text()) }

// posts gives the updates of an incident, newest first.
func posts(p Public, i Incident) []Post {
	list := make([]Post, len(i.Updates))
	for n, u := range i.Updates {
		list[n] = post(p, i, u, i.Updates[n+1:])
	}
	return list
}

// postOf gives one update of an incident.
func postOf(p Public, i Incident, u Update) Post {
	earlier := slices.DeleteFunc(slices.Clone(i.Updates), func(e Update) bool { return e.Number >= u.Number })
	return post(p, i, u, earlier)
}

// post makes a post of an update and what was said before it, newest first.
func post(p Public, i Incident, u Update, earlier []Update) Post {
	out := Post{Page: p, Incident: i, Update: u, Turn: true}
	if len(earlier) > 0 {
		before := earlier[0]
		out.Turn = u.State != before.State || u.Status != before.Status || u.Symptom != before.Symptom ||
			u.AllRegions != before.AllRegions || !slices.Equal(u.Regions, before.Regions)
		out.before = oneline(before.State)
		out.NewIntegrity = u.Integrity != before.Integrity
		out.NewWorkaround = oneline(u.Workaround) != oneline(before.Workaround)
	}
	return out
}

// State gives the state as a word that begins a title. It is English in any
// language, since sentences are chosen by it; Word is not. An incident that goes on
// as another one is closed for machines alone: people read the state that it was
// in.
func (p Post) State() string {
	if p.Merged() {
		if p.before == "" || p.before == "resolved" {
			return "Investigating"
		}
		return sentence(p.before)
	}
	return sentence(cmp.Or(oneline(p.Update.State), oneline(p.Incident.State), "investigating"))
}

// Word gives the state as pages show it, which have room for a word of its own
// where the incident goes on as another.
func (p Post) Word() string {
	if p.Merged() {
		return p.said().say("state.continued")
	}
	state := p.State()
	if said := p.said().word("state", strings.ToLower(state)); said != strings.ToLower(state) {
		return said
	}
	return state
}

// Resolved reports whether this update closes the incident.
func (p Post) Resolved() bool { return p.State() == "Resolved" }

// Merged reports whether the incident goes on as another one.
func (p Post) Merged() bool { return p.Update.Trend == "merged" }

// Closed reports whether the incident was closed without measurements that show
// it to be over.
func (p Post) Closed() bool {
	return p.Resolved() && (p.Update.Trend == "gone" || p.Update.Trend == "forced")
}

// Into gives the incident that this one goes on as, to follow "continued as".
func (p Post) Into() string { return cmp.Or(oneline(p.Update.Into), "another incident") }

// Text gives a person's own words as whole sentences, by paragraph.
func (p Post) Text() []string { return paragraphs(p.Update.Text) }

// Acting reports whether there is a fixed sentence on what is being done. Where
// the cause is known, a person's words say it.
func (p Post) Acting() bool { return p.State() != "Identified" || len(p.Text()) == 0 }

// Symptom gives what goes wrong, as it stands in the middle of a sentence.
func (p Post) Symptom() string {
	return strings.TrimRight(cmp.Or(oneline(p.Update.Symptom), oneline(p.Incident.Symptom), p.said().say("where.problems")), ".")
}

// Title gives the incident's title without the state: at most 80 characters,
// on one line.
func (p Post) Title() string {
	if oneline(p.Update.Symptom+p.Incident.Symptom) == "" {
		return brief(80, p.said().say("title.problems", p.component()))
	}
	return brief(80, sentence(p.Symptom()))
}

func (p Post) component() string {
	all := []string{cmp.Or(oneline(p.Incident.Component.Name), oneline(p.Incident.Component.ID), p.said().say("where.service"))}
	for _, name := range p.Update.Also {
		all = append(all, oneline(name))
	}
	return p.said().enumerate(all)
}

// Where gives the component, those that depend on it, and the regions that are touched: "Management API
// in Europe", "Management API in all regions". A product with one region has
// none to name.
func (p Post) Where() string {
	regions, all := p.Update.Regions, p.Update.AllRegions
	if len(regions) == 0 {
		regions, all = p.Incident.Regions, p.Incident.AllRegions
	}
	switch {
	case all && len(p.Page.Regions) > 1:
		return p.said().say("where.all", p.component())
	case all || len(regions) == 0:
		return p.component()
	default:
		return p.said().say("where.in", p.component(), p.said().enumerate(names(regions)))
	}
}

// Impact gives what customers may experience, to follow those words.
func (p Post) Impact() string {
	s := strings.TrimRight(cmp.Or(oneline(p.Update.Impact), p.Symptom()), ".")
	for _, verb := range []string{"see ", "experience "} {
		s = strings.TrimPrefix(s, verb) // "may experience see errors" is what people write first
	}
	return s
}

// Integrity gives what is known of the data: "under review" until a person
// says something else.
func (p Post) Integrity() string {
	return p.said().word("integrity", cmp.Or(oneline(p.Update.Integrity), oneline(p.Incident.Integrity), "under review"))
}

// Workaround gives what customers can do meanwhile.
func (p Post) Workaround() string {
	return sentence(cmp.Or(oneline(p.Update.Workaround), oneline(p.Incident.Workaround), p.said().say("facts.none")))
}

// Figure gives the measured value as a clause, without a full stop.
func (p Post) Figure() string { return p.said().measured(p.Update.Measured, "measured.affected") }

// Trending reports whether there is a sentence on the trend.
func (p Post) Trending() bool {
	switch p.Update.Trend {
	case "merged":
		return false
	case "told":
		return p.Resolved() || !p.Turn && len(p.Text()) == 0
	case "", "new":
		return !p.Update.AsOf.IsZero()
	default:
		return true
	}
}

// Telling reports whether the trend's sentence says something of its own.
func (p Post) Telling() bool {
	return p.Trending() && (p.Figure() != "" || !slices.Contains([]string{"", "new"}, p.Update.Trend))
}

// Calm reports whether customers should notice nothing any more.
func (p Post) Calm() bool { return p.State() == "Monitoring" && p.Update.Trend == "calm" }

// Until gives the time at which the incident is closed if the service stays
// well; zero where that cannot be said.
func (p Post) Until() time.Time {
	if p.Update.Watching <= 0 || p.Update.AsOf.IsZero() || p.Update.Trend == "unknown" {
		return time.Time{}
	}
	return p.Update.AsOf.Add(p.Update.Watching)
}

// Ended gives when a resolved incident ended.
func (p Post) Ended() time.Time {
	for _, end := range []time.Time{p.Update.Ended, p.Incident.Resolved} {
		if !end.IsZero() {
			return end
		}
	}
	return p.Update.Said
}

// Lasted gives how long a resolved incident lasted.
func (p Post) Lasted() time.Duration {
	if p.Incident.Began.IsZero() {
		return 0
	}
	return p.Ended().Sub(p.Incident.Began)
}

// PostMortem gives by when the post-mortem is due; zero where none is promised.
func (p Post) PostMortem() time.Time {
	if !p.Resolved() {
		return time.Time{}
	}
	return p.Update.PostMortem
}
