package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/store"
)

// Deliveries is what the first page says of them.
type Deliveries struct {
	Urgent []Text // what keeps people from hearing of it
	Text   Text
	Dead   int
	Href   string // "" where whoever looks may not
}

// OutboxView is the page of what waits and of what was given up.
type OutboxView struct {
	Channels []ChannelRow
	Groups   []LetterRow
	Of       string // the letters of one delivery: which
	Letters  []LetterRow
	Older    string // address of the next page; "" if there is none
	Paged    bool
}

// ChannelRow is how one channel stands.
type ChannelRow struct {
	ID, Name, Kind  string
	Gone, Bad       bool
	Facts           Text
	Halted, Failing string
	Dead            int
	CanAway         bool // there is something to put away
}

// LetterRow is a dead letter, or those of one delivery.
type LetterRow struct {
	ID                      int64
	Channel, Key            string
	Severity, Class         string
	Incident, Href          string // "" where there is no page of it
	What, To, Reason, Facts string
	Many                    int // of how many this is the newest; 0 or 1: it is one
	All                     string
	Gone                    bool // its channel is not in the configuration
	Retry                   string
	Alone                   bool // on the page of one delivery
}

// mostLetters is how many lines of letters a page has.
const mostLetters = 50

// standing gives how the channels stand; soon, or not at all.
func (c *Console) standing(ctx context.Context) ([]api.QueueView, error) {
	if c.Letters.Outbox == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return c.Letters.Standing(ctx)
}

// deliveries says in a few words how the channels stand; nil where nothing is to
// be said to whoever looks.
func (s scene) deliveries(all []api.QueueView, err error) *Deliveries {
	d := Deliveries{}
	if err != nil {
		d.Urgent = append(d.Urgent, text("What waits to go out cannot be read: the log says why."))
	}
	waiting := 0
	for _, q := range all {
		d.Dead += q.Dead
		waiting += q.Waiting
		switch {
		case !q.Configured:
		case q.Halted != "":
			d.Urgent = append(d.Urgent, text(strong(q.Channel+" is halted"), ": nothing goes to it until somebody resumes it."))
		case q.Late(s.at):
			d.Urgent = append(d.Urgent, text(strong(q.Channel+" does not deliver"), ": what is oldest waits for ", lasted(q.Oldest, s.at), "."))
		}
	}
	if s.who.act && len(all) > 0 {
		d.Href = "/outbox"
		switch {
		case d.Dead > 0:
			d.Text = text(strong(plot.Plural(d.Dead, "delivery", "deliveries")), map[bool]string{true: " was", false: " were"}[d.Dead == 1]+" given up.")
		case waiting > 0:
			d.Text = text(plot.Plural(waiting, "delivery waits", "deliveries wait") + ", none was given up.")
		default:
			d.Text = text("Nothing waits, nothing was given up.")
		}
	}
	if len(d.Urgent) == 0 && d.Href == "" {
		return nil
	}
	return &d
}

// channels are the lines of the channels.
func (s scene) channels(all []api.QueueView) []ChannelRow {
	var rows []ChannelRow
	for n, q := range all {
		row := ChannelRow{
			ID: fmt.Sprintf("c%d", n+1), Name: q.Channel, Kind: q.Type, Gone: !q.Configured, Halted: q.Halted, Failing: q.Failing, Dead: q.Dead,
			CanAway: q.Dead > 0 || !q.Configured && q.Waiting > 0,
		}
		f := text("Nothing waits")
		if q.Waiting > 0 {
			f = text(plot.Plural(q.Waiting, "delivery waits", "deliveries wait"))
			if !q.Oldest.IsZero() && q.Oldest.Before(s.at) {
				f = append(f, text(", the oldest for ", lasted(q.Oldest, s.at))...)
				row.Bad = q.Configured && q.Late(s.at)
			}
		}
		switch {
		case q.Sent.IsZero():
			f = append(f, text("; nothing went out yet")...)
		default:
			f = append(f, text("; last went out "+clock(q.Sent, s.at)+" UTC")...)
		}
		if q.Dead > 0 {
			f = append(f, text("; ", strong(fmt.Sprintf("%d given up", q.Dead)))...)
		}
		row.Facts = append(f, text(".")...)
		row.Bad = row.Bad || q.Halted != "" && q.Configured
		rows = append(rows, row)
	}
	rank := func(r ChannelRow) int { // what is to be mended comes first
		switch {
		case r.Gone:
			return 4
		case r.Halted != "":
			return 0
		case r.Bad:
			return 1
		case r.Dead > 0:
			return 2
		default:
			return 3
		}
	}
	slices.SortStableFunc(rows, func(a, b ChannelRow) int { return rank(a) - rank(b) })
	return rows
}

// letter is the line of a dead letter, or of count of them.
func (s scene) letter(l store.DeadLetter, count int, configured func(string) bool) LetterRow {
	row := LetterRow{
		ID: l.ID, Channel: l.Channel, Key: l.Key, Severity: l.Severity.String(), Class: class(l.Severity), Incident: l.Incident, What: sentence(api.What(l.Key)),
		To: l.Channel, Reason: firm(brief(l.LastErr, 300)), Many: count, Gone: !configured(l.Channel),
		Facts: fmt.Sprintf("Given up %s UTC, after %s.", clock(l.At, s.at), plot.Plural(l.Attempts, "attempt", "attempts")),
	}
	if i, ok := s.board.Find(incident.ID(l.Incident)); ok && s.visible(i) {
		row.Href = "/incidents/" + l.Incident
	}
	switch {
	case count > 1:
		row.To += ", " + plot.Plural(count, "target", "targets")
		row.All = "/outbox/letters?" + url.Values{"channel": {l.Channel}, "key": {l.Key}}.Encode()
		row.Facts = "The newest: g" + row.Facts[1:]
	case l.Target != "":
		row.To += ", " + l.Target
	}
	return row
}

func (c *Console) getOutbox(w http.ResponseWriter, r *http.Request, who access.Who) {
	c.sendOutbox(w, r, who, http.StatusOK, "")
}

func (c *Console) sendOutbox(w http.ResponseWriter, r *http.Request, who access.Who, status int, problem string) {
	s := c.scene(who)
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64) // what is none begins with the newest
	all, err := c.standing(r.Context())
	var groups []store.DeadGroup
	if err == nil && c.Letters.Outbox != nil {
		groups, err = c.Letters.Outbox.DeadGroups(r.Context(), store.DeadAsk{After: after, N: mostLetters + 1})
	}
	if err != nil {
		c.away(w, s, r, err)
		return
	}
	v := OutboxView{Channels: s.channels(all), Paged: after > 0}
	path := "/outbox"
	if after > 0 {
		path += fmt.Sprintf("?after=%d", after)
	}
	for n, g := range groups {
		if n == mostLetters {
			v.Older = fmt.Sprintf("/outbox?after=%d#letters", groups[n-1].ID)
			break
		}
		v.Groups = append(v.Groups, s.letter(g.DeadLetter, g.Count, c.Letters.Configured))
	}
	sc := s.screen("", "Deliveries", path)
	sc.Outbox, sc.Live, sc.Notice, sc.Problem = &v, problem == "", sortedNotice(r.URL.Query()), problem
	c.send(w, r, status, sc)
}

// getLetters shows the dead letters of one delivery, each by itself.
func (c *Console) getLetters(w http.ResponseWriter, r *http.Request, who access.Who) {
	s := c.scene(who)
	q := r.URL.Query()
	ask := store.DeadAsk{Channel: q.Get("channel"), Key: q.Get("key"), N: mostLetters + 1}
	ask.After, _ = strconv.ParseInt(q.Get("after"), 10, 64) // what is none begins with the newest
	if c.Letters.Outbox == nil || ask.Channel == "" || ask.Key == "" {
		c.nothing(w, r, s, "There is no such delivery.")
		return
	}
	letters, err := c.Letters.Outbox.DeadPage(r.Context(), ask)
	if err != nil {
		c.away(w, s, r, err)
		return
	}
	here := url.Values{"channel": {ask.Channel}, "key": {ask.Key}}
	id, _, _ := strings.Cut(ask.Key, "/")
	v := OutboxView{Of: sentence(api.What(ask.Key)) + " of " + id + " to " + ask.Channel, Paged: ask.After > 0}
	for n, l := range letters {
		if n == mostLetters {
			here.Set("after", fmt.Sprint(letters[n-1].ID))
			v.Older = "/outbox/letters?" + here.Encode()
			break
		}
		row := s.letter(l, 1, c.Letters.Configured)
		row.Alone = true
		v.Letters = append(v.Letters, row)
	}
	sc := s.screen("", v.Of, r.URL.RequestURI())
	sc.Outbox, sc.Notice = &v, sortedNotice(q)
	c.send(w, r, http.StatusOK, sc)
}

func (c *Console) away(w http.ResponseWriter, s scene, r *http.Request, err error) {
	c.Logger.Error("the outbox cannot be read", "err", err)
	sc := s.screen("", "Deliveries", "/outbox")
	sc.Refusal = &RefusalView{"Deliveries", "The store does not answer: try again. The log says why."}
	c.send(w, r, http.StatusServiceUnavailable, sc)
}

// postOutbox does something with deliveries.
func (c *Console) postOutbox(w http.ResponseWriter, r *http.Request, who access.Who) {
	deed, ok := api.FindOutbox(incident.Verb(r.PathValue("verb")))
	if !ok || c.Letters.Outbox == nil {
		c.nothing(w, r, c.scene(who), "There is nothing of that name to do.")
		return
	}
	values, back, err := c.form(w, r)
	if err != nil {
		c.sendOutbox(w, r, who, http.StatusUnprocessableEntity, sentence(err.Error())+".")
		return
	}
	who.Via = "console"
	n, err := c.Letters.Do(r.Context(), who, deed, values)
	if refusal, ok := errors.AsType[*incident.Refusal](err); ok {
		c.sendOutbox(w, r, who, http.StatusUnprocessableEntity, sentence(refusal.Reason)+".")
		return
	}
	if err != nil {
		c.Logger.Error("what a person asked for is not done", "action", deed.Verb, "err", err)
		c.sendOutbox(w, r, who, http.StatusServiceUnavailable, "It is not stored, and so not done: try again. The log says why.")
		return
	}
	q := url.Values{"did": {string(deed.Verb)}, "n": {fmt.Sprint(n)}}
	to := "/outbox"
	if back == "letters" {
		to += "/letters"
		q.Set("channel", values["channel"])
		q.Set("key", values["key"])
	}
	http.Redirect(w, r, to+"?"+q.Encode(), http.StatusSeeOther)
}

// sortedNotice says what was done with deliveries, from the address that a form
// leads to.
func sortedNotice(q url.Values) string {
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil || n < 0 {
		return ""
	}
	switch did := incident.Verb(q.Get("did")); {
	case did == api.Resume && n > 0:
		return "Resumed: deliveries go to it again."
	case did == api.Resume:
		return "Nothing to do: it was not halted."
	case did != api.Again && did != api.Discard:
		return ""
	case n == 0:
		return "Nothing to do: no delivery fits any more."
	case did == api.Again:
		return sentence(plot.Plural(n, "delivery goes", "deliveries go")) + " out again."
	default:
		return sentence(plot.Plural(n, "delivery is", "deliveries are")) + " put away."
	}
}
