package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Collector runs the incidents of one configuration over the rounds that it is
// given, and writes down what a report needs of them.
type Collector struct {
	config    *rules.Config
	words     *templates.Set
	rehearsal *incident.Rehearsal
	ledger    *Ledger

	seen    int            // events taken so far
	board   incident.Board // on which they have happened
	tracks  map[seriesKey]*track
	rows    map[string][]*track // by source: of the newest round's findings, in their order
	spare   []*track
	tallies map[incident.ID]*tally
	order   []*tally
	posts   map[string]int
	missed  int
	quiet   []Quiet
	newest  time.Time // end of the newest judged minute
	lag     time.Duration
}

// NewCollector begins with nothing. words are those that customers would have
// read. ledger, which may be nil, is what was judged live.
func NewCollector(config *rules.Config, words *templates.Set, ledger *Ledger) *Collector {
	return &Collector{
		config: config, words: words, rehearsal: incident.NewRehearsal(config.WithoutPeople()), ledger: ledger,
		tracks: map[seriesKey]*track{}, rows: map[string][]*track{},
		tallies: map[incident.ID]*tally{}, posts: map[string]int{},
	}
}

// Judge takes the next round: it is the sink of an evaluator.Walker.
func (c *Collector) Judge(ctx context.Context, r evaluator.Round) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.newest, c.lag = r.At, r.Lag
	row := c.watch(r)
	if c.ledger != nil {
		c.ledger.compare(r, row)
	}
	if err := c.rehearsal.Judge(ctx, r); err != nil {
		return err
	}
	c.take()
	return nil
}

// Newest is the end of the newest judged minute.
func (c *Collector) Newest() time.Time { return c.newest }

// watch gives each finding to its track. Findings come in the same order every
// minute, but for series that come and go, so that most are found by place.
func (c *Collector) watch(r evaluator.Round) []*track {
	was, row := c.rows[r.Source], c.spare[:0]
	next := 0
	for i := range r.Findings {
		f := &r.Findings[i]
		key := seriesKey{f.Rule, f.Series.Service, f.Series.Region}
		var t *track
		if next < len(was) && was[next].key == key {
			t = was[next]
			next++
		} else {
			t = c.track(key)
			if t.place < len(was) && was[t.place] == t {
				next = t.place + 1
			}
		}
		t.place = i
		t.push(f)
		row = append(row, t)
	}
	c.rows[r.Source], c.spare = row, was
	return row
}

func (c *Collector) track(key seriesKey) *track {
	t := c.tracks[key]
	if t == nil {
		rule, _ := c.config.Rule(key.rule)
		t = newTrack(key, rule)
		c.tracks[key] = t
	}
	return t
}

// take writes down the events that are new.
func (c *Collector) take() {
	events := c.rehearsal.Events()
	for _, e := range events[c.seen:] {
		before, _ := c.board.Find(e.Incident)
		c.board = c.board.With(e)
		if e.Kind == incident.Muted {
			c.quiet = append(c.quiet, Quiet{e.At, e.Plan, e.Rule, e.Service, e.Region, e.Severity})
		}
		if e.Incident != "" {
			now, _ := c.board.Find(e.Incident)
			c.happened(e, before, now)
		}
	}
	c.seen = len(events)
}

// happened writes down one event of an incident.
func (c *Collector) happened(e incident.Event, before, now incident.Incident) {
	t := c.tallies[e.Incident]
	if t == nil {
		t = &tally{id: e.Incident, recordings: map[seriesKey]*recording{}}
		c.tallies[e.Incident] = t
		c.order = append(c.order, t)
	}
	over := now.State == incident.StateResolved
	if before.State == incident.StateResolved && !over {
		t.reopened = append(t.reopened, e.At)
		t.again()
	}
	switch e.Kind {
	case incident.Raised:
		t.cause(c.tracks[seriesKey{e.Rule, e.Service, e.Region}], e.Severity, now.Began)
	case incident.Updated:
		t.posts = append(t.posts, c.post(e, now))
	case incident.Missed:
		c.missed++
	case incident.Surfaced:
		t.internal = cmp.Or(t.internal, before.Detected)
	case incident.Linked:
		t.explained = e.Cause
	default:
	}
	if t.step(e.At, e.Recorded, now.Severity(), over); over && before.State != incident.StateResolved {
		t.over(e.At)
	}
}

// post makes an update what customers would have read, and counts it.
func (c *Collector) post(e incident.Event, now incident.Incident) Post {
	u := *e.Update
	p := Post{Number: u.Number, Said: u.Said, State: u.State, Severity: u.Severity, Trend: u.Trend, Next: u.Next, Channels: []string{}}
	for _, ch := range c.config.Pages() {
		p.Channels = append(p.Channels, ch.Name)
	}
	for _, post := range e.Posts {
		if post.Key != "" {
			p.Channels = append(p.Channels, post.Channel)
		}
	}
	for _, name := range p.Channels {
		c.posts[name]++
	}
	var err error
	if p.Title, p.Text, err = c.say(now, u); err != nil {
		p.Text = fmt.Sprintf("There would have been no words: %v.", err)
	}
	return p
}

// say gives the words of the newest update of an incident, as they would have
// been rendered when it was said.
func (c *Collector) say(now incident.Incident, u incident.Update) (title, text string, err error) {
	board := incident.Board{Since: now.Began, Open: []incident.Incident{now}}
	if now.State == incident.StateResolved {
		board.Open, board.Past = nil, board.Open
	}
	row := publisher.Row{Key: fmt.Sprintf("%s/%d", now.ID, u.Number)}
	d, err := publisher.Prepare(c.config, board, row, u.AsOf, u.Said)
	if err != nil {
		return "", "", err
	}
	form, err := c.words.Update(d.Public, *d.Incident, *d.Update)
	if err != nil {
		return "", "", err
	}
	if text, err = c.words.Body(d.Public, *d.Incident, *d.Update); err != nil {
		return "", "", err
	}
	first, _, _ := strings.Cut(form, "\n")
	return strings.TrimPrefix(first, "Title: "), strings.TrimSpace(text), nil
}

// side sums up, once all rounds were given.
func (c *Collector) side(file string, r *Report) Side {
	if !c.newest.IsZero() {
		c.rehearsal.Until(c.newest.Add(c.lag))
		c.take()
	}
	s := Side{Config: file, Incidents: []Incident{}, Quiet: slices.Concat([]Quiet{}, c.quiet), Rules: c.ruleUse()}
	for _, t := range c.order {
		s.Incidents = append(s.Incidents, c.incident(t, r.From, r.zone))
	}
	for _, i := range s.Incidents {
		for _, id := range i.ruleIDs() {
			if n := slices.IndexFunc(s.Rules, func(r RuleUse) bool { return r.Rule == id }); n >= 0 {
				s.Rules[n].Incidents++
				for _, cause := range i.Causes {
					if cause.Rule == id {
						s.Rules[n].Peak = max(s.Rules[n].Peak, cause.Peak)
					}
				}
			}
		}
	}
	s.Summary = c.summary(s.Incidents, r)
	return s
}

func (c *Collector) summary(incidents []Incident, r *Report) Summary {
	out := Summary{
		Incidents: len(incidents), Channels: []ChannelCount{}, Missed: c.missed,
		Nights: nights(r.From, r.To, r.zone, incidents, r.data),
	}
	minutes, peaks := map[rules.Severity]int{}, map[rules.Severity]int{}
	for _, i := range incidents {
		peaks[i.Peak]++
		for sev, n := range i.minutes(r.To) {
			minutes[sev] += n
			out.Minutes += n
		}
	}
	for _, sev := range rules.Severities {
		out.Severities = append(out.Severities, SeverityCount{sev, peaks[sev], minutes[sev]})
	}
	for _, ch := range c.config.Channels {
		out.Channels = append(out.Channels, ChannelCount{ch.Name, c.posts[ch.Name]})
	}
	return out
}

func (c *Collector) ruleUse() []RuleUse {
	out := []RuleUse{}
	at := map[string]int{}
	for i, r := range c.config.Rules {
		at[r.ID] = i
		out = append(out, RuleUse{Rule: r.ID, Component: r.Component, Signal: r.Signal.String()})
	}
	for key, t := range c.tracks {
		if i, ok := at[key.rule]; ok {
			out[i].Series++
			out[i].Judged += t.judged
			out[i].Bad += t.bad
			out[i].Unsure += t.unsure
		}
	}
	return out
}

func (c *Collector) incident(t *tally, from time.Time, zone *time.Location) Incident {
	now, _ := c.board.Find(t.id)
	out := Incident{
		ID: t.id, Component: now.Component, Name: now.Component, Regions: now.Regions(), State: now.State,
		Began: now.Began, Detected: now.Detected, Ended: now.Resolved, Peak: now.Peak,
		Severities: slices.Clone(t.steps), Causes: []Cause{}, Posts: t.posts, Reopened: t.reopened, Missed: now.Missed,
		Wakings: wakings(t.steps, zone), Signals: []Signal{},
		UnderWay: !now.Began.After(from), Internal: t.internal, Explained: t.explained,
	}
	if out.Posts == nil {
		out.Posts = []Post{}
	}
	for _, comp := range c.config.Components {
		if comp.ID == now.Component {
			out.Name = cmp.Or(comp.Name, comp.ID)
		}
	}
	for _, code := range out.Regions {
		name := code
		if n := slices.IndexFunc(c.config.Regions, func(r rules.Region) bool { return r.Code == code }); n >= 0 {
			name = cmp.Or(c.config.Regions[n].Name, code)
		}
		out.named = append(out.named, name)
	}
	for _, cause := range now.Causes {
		out.Causes = append(out.Causes, Cause{cause.Rule, cause.Service, cause.Region, cause.Peak, cause.Began, cause.Ended})
	}
	out.Signals = c.signals(t, now)
	return out
}

// mostSignals is how many series a chart shows.
const mostSignals = 4

// signals gives the worst rule's figures: the worst series, then the others
// that it was a cause by.
func (c *Collector) signals(t *tally, now incident.Incident) []Signal {
	out := []Signal{}
	rule, ok := c.config.Rule(t.worst.rule)
	if !ok {
		return out
	}
	keys := []seriesKey{t.worst}
	for _, cause := range now.Causes {
		if key := (seriesKey{cause.Rule, cause.Service, cause.Region}); cause.Rule == rule.ID && key != t.worst {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if r := t.recordings[key]; r != nil && len(out) < mostSignals {
			out = append(out, r.signal(rule))
		}
	}
	return out
}
