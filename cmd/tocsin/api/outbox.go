package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// Outbox is where deliveries wait, and where they are kept when they are given
// up. store.DB is one.
type Outbox interface {
	Queues(ctx context.Context) ([]publisher.Queue, error)
	DeadPage(ctx context.Context, a store.DeadAsk) ([]store.DeadLetter, error)
	DeadGroups(ctx context.Context, a store.DeadAsk) ([]store.DeadGroup, error)
	Retry(ctx context.Context, p store.Pick, at time.Time, a *incident.AuditEntry) (int, error)
	Resume(ctx context.Context, channel string, a *incident.AuditEntry) (bool, error)
	Discard(ctx context.Context, channel string, waiting bool, at time.Time, a *incident.AuditEntry) (int, error)
}

var _ Outbox = (*store.DB)(nil)

// Letters does what people can do with deliveries, for the API and the console.
type Letters struct {
	Outbox Outbox
	Config func() *rules.Config // the configuration in force
	Wake   func()               // tells the channels to look; nil: they look when their time comes
}

// What can be done with deliveries. Their verbs are no verbs of incidents.
const (
	Again   incident.Verb = "retry"
	Resume  incident.Verb = "resume"
	Discard incident.Verb = "discard"
)

// OutboxDeeds is what can be done with deliveries: POST /api/v1/outbox/VERB.
var OutboxDeeds = []Deed{
	{Again, "Try again", "Have deliveries that were given up go out again, all that fit every field; their channel is halted no longer.", []Field{
		{"id", Number, false, "The delivery of this number."},
		{"channel", Channel, false, "Those of this channel."},
		{"key", Line, false, "Those of this update or call, as INC-2026-0004/3."},
		{"target", Line, false, "Those to this target."},
		{"incident", Incident, false, "Those of this incident."},
		{"sent_since", Time, false, "Also those that went out, of what was due since then; takes a channel. What they carry is told twice."},
		why,
	}},
	{Resume, "Resume", "Have deliveries go to a channel again that is halted. What was given up stays so: try that again.", []Field{
		{"channel", Channel, true, "Which."}, why,
	}},
	{Discard, "Put away", "Put a channel's dead letters away; of one that is not in the configuration any more, also what waits. None of it goes out.", []Field{
		{"channel", Channel, true, "Which."}, why,
	}},
}

// FindOutbox gives the deed of a verb.
func FindOutbox(v incident.Verb) (Deed, bool) {
	i := slices.IndexFunc(OutboxDeeds, func(d Deed) bool { return d.Verb == v })
	if i < 0 {
		return Deed{}, false
	}
	return OutboxDeeds[i], true
}

// Configured reports whether a channel is in the configuration.
func (l Letters) Configured(channel string) bool {
	return slices.ContainsFunc(l.Config().Channels, func(c rules.Channel) bool { return c.Name == channel })
}

// Do does it, and says with how many deliveries. A *incident.Refusal says why not.
func (l Letters) Do(ctx context.Context, who access.Who, d Deed, values map[string]string) (int, error) {
	if err := d.fits(values); err != nil {
		return 0, err
	}
	at := time.Now().UTC()
	channel := values["channel"]
	entry := who.Entry("", at)
	entry.Why = values["why"]
	var n int
	var err error
	switch d.Verb {
	case Again:
		n, err = l.again(ctx, values, at, entry)
	case Resume:
		if !l.Configured(channel) {
			return 0, l.unknown(channel)
		}
		entry.Action = "resumed the channel " + channel
		var was bool
		if was, err = l.Outbox.Resume(ctx, channel, &entry); was {
			n = 1
		}
	case Discard:
		entry.Action = "put away the deliveries of the channel " + channel
		n, err = l.Outbox.Discard(ctx, channel, !l.Configured(channel), at, &entry)
	default:
		panic("nothing is done by the verb " + d.Verb)
	}
	if err == nil && l.Wake != nil {
		l.Wake()
	}
	return n, err
}

func (l Letters) again(ctx context.Context, values map[string]string, at time.Time, entry incident.AuditEntry) (int, error) {
	id, _ := strconv.ParseInt(values["id"], 10, 64) // it was checked
	p := store.Pick{ID: id, Channel: values["channel"], Key: values["key"], Target: values["target"], Incident: strings.ToUpper(values["incident"])}
	if values["sent_since"] != "" {
		p.Since, _ = moment(values["sent_since"]) // it was checked
		p.Sent = true
	}
	switch {
	case p.ID == 0 && p.Channel == "" && p.Target == "" && p.Incident == "":
		return 0, refused(incident.Senseless, "say which: an id, a channel, a target or an incident")
	case p.Sent && p.Channel == "":
		return 0, refused(incident.Senseless, "say to which channel what went out is to go again: everybody would be told everything twice")
	case p.Channel != "" && !l.Configured(p.Channel):
		return 0, l.unknown(p.Channel)
	case p.Sent && slices.ContainsFunc(l.Config().Pages(), func(c rules.Channel) bool { return c.Name == p.Channel }):
		return 0, refused(incident.Senseless, "%s is a page: it is made anew each minute, and nothing of it is replayed", p.Channel)
	}
	var about []string
	for _, name := range []string{"id", "channel", "key", "target", "incident", "sent_since"} {
		if values[name] != "" {
			about = append(about, strings.ReplaceAll(name, "_", " ")+" "+values[name])
		}
	}
	entry.Action, entry.Incident = "had deliveries go out again: "+strings.Join(about, ", "), incident.ID(p.Incident)
	return l.Outbox.Retry(ctx, p, at, &entry)
}

func (l Letters) unknown(channel string) error {
	var names []string
	for _, c := range l.Config().Channels {
		names = append(names, c.Name)
	}
	return refused(incident.Unknown, "there is no channel %s in the configuration: want one of %s", shown(channel), strings.Join(names, " "))
}

func refused(kind incident.RefusalKind, format string, args ...any) error {
	return &incident.Refusal{Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

// fits checks the values of a deed that is none with an incident.
func (d Deed) fits(values map[string]string) error {
	var errs []error
	for _, f := range d.Fields {
		v := values[f.Name]
		switch {
		case v == "" && f.Required:
			errs = append(errs, fmt.Errorf("%s is missing: %s", f.Name, f.Help))
		case v == "":
		case len(v) > 2000:
			errs = append(errs, fmt.Errorf("%s: it is too long", f.Name))
		case f.Name == "why" && len([]rune(v)) > incident.MostWhy:
			errs = append(errs, fmt.Errorf("why: at most %d characters fit", incident.MostWhy))
		case f.Type == Number:
			if n, err := strconv.ParseInt(v, 10, 64); err != nil || n < 1 {
				errs = append(errs, fmt.Errorf("%s: want a number from 1 on; found %q", f.Name, brief(v)))
			}
		case f.Type == Time:
			if _, err := moment(v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
			}
		}
	}
	for name := range values {
		if !slices.Contains(d.names(), name) {
			errs = append(errs, fmt.Errorf("unknown field %q: want some of %s", name, strings.Join(d.names(), " ")))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return refused(incident.Senseless, "%s", lines(err))
	}
	return nil
}

// Queues is how the channels stand: those of the configuration, in its order, and
// those that only have something left.
type Queues struct {
	Channels []QueueView `json:"channels"`
}

// QueueView is how one channel stands.
type QueueView struct {
	Channel    string    `json:"channel"`
	Type       string    `json:"type,omitzero"`
	Configured bool      `json:"configured" doc:"It is in the configuration that is in force."`
	Waiting    int       `json:"waiting" doc:"How many deliveries wait."`
	Oldest     time.Time `json:"oldest,omitzero" doc:"When the oldest of them was first due."`
	Sent       time.Time `json:"sent,omitzero" doc:"When the newest went out."`
	Failing    string    `json:"failing,omitzero" doc:"What went wrong last with what waits. For responders."`
	Dead       int       `json:"dead" doc:"How many were given up."`
	Halted     string    `json:"halted,omitzero" doc:"Why nothing goes to it any more until it is resumed."`
}

// Late reports whether the channel does not deliver.
func (q QueueView) Late(at time.Time) bool {
	return publisher.Queue{Oldest: q.Oldest, Sent: q.Sent}.Late(q.Type == "email", at)
}

// DeadLetters is some of the deliveries that were given up, the newest first.
type DeadLetters struct {
	Letters []LetterView `json:"letters"`
	After   int64        `json:"after,omitzero" doc:"There may be more: ask again with after."`
}

// LetterView is a delivery that was given up.
type LetterView struct {
	ID       int64          `json:"id"`
	Channel  string         `json:"channel"`
	Incident string         `json:"incident"`
	What     string         `json:"what" doc:"As update 3, or call 2."`
	Key      string         `json:"key"`
	Target   string         `json:"target,omitzero" doc:"Whom it was for, of a channel that brings it to many."`
	Severity rules.Severity `json:"severity"`
	Attempts int            `json:"attempts"`
	Reason   string         `json:"reason" doc:"Of the last failure."`
	At       time.Time      `json:"at" doc:"When it was given up."`
}

// Sorted is with how many deliveries something was done.
type Sorted struct {
	Deliveries int `json:"deliveries" doc:"With how many deliveries it was done; 0: there was nothing to do. Of resume: 1 if the channel was halted."`
}

// What says what a key of the outbox is, for people: "update 3", "call 2".
func What(key string) string {
	_, n, _ := strings.Cut(key, "/")
	if call, ok := strings.CutPrefix(n, "notice/"); ok {
		return "call " + call
	}
	if n == "" {
		return "the page"
	}
	return "update " + n
}

// Standing gives how the channels stand.
func (l Letters) Standing(ctx context.Context) ([]QueueView, error) {
	queues, err := l.Outbox.Queues(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]publisher.Queue{}
	for _, q := range queues {
		by[q.Channel] = q
	}
	out := []QueueView{}
	add := func(name, kind string, configured bool) {
		q := by[name]
		delete(by, name)
		out = append(out, QueueView{name, kind, configured, q.Waiting, q.Oldest, q.Sent, q.Failing, q.Dead, q.Halted})
	}
	for _, c := range l.Config().Channels {
		add(c.Name, c.Type, true)
	}
	for _, q := range queues {
		if _, left := by[q.Channel]; left && q.Waiting+q.Dead > 0 {
			add(q.Channel, "", false)
		}
	}
	return out, nil
}

func (h *Handler) outbox(c call) (any, error) {
	all, err := h.letters().Standing(c.Context())
	if err != nil {
		return nil, err
	}
	if c.who.Role < access.Responder {
		for i := range all {
			all[i].Failing, all[i].Halted = "", strings.Repeat("halted", min(len(all[i].Halted), 1)) // an error can hold an address
		}
	}
	return Queues{all}, nil
}

func (h *Handler) dead(c call) (any, error) {
	most := int(c.number("limit", 100))
	dead, err := h.Outbox.DeadPage(c.Context(), store.DeadAsk{Channel: c.query["channel"], After: c.number("after", 0), N: most})
	if err != nil {
		return nil, err
	}
	out := DeadLetters{Letters: []LetterView{}}
	for _, l := range dead {
		out.Letters = append(out.Letters, LetterView{l.ID, l.Channel, l.Incident, What(l.Key), l.Key, l.Target, l.Severity, l.Attempts, l.LastErr, l.At})
	}
	if n := len(dead); n == most {
		out.After = dead[n-1].ID
	}
	return out, nil
}

func (h *Handler) letters() Letters { return Letters{h.Outbox, h.Config, h.Wake} }

// sort does something with deliveries.
func (h *Handler) sort(c call, to route, body []byte) answer {
	values, err := to.deed.Decode(body)
	if err != nil {
		return h.wrong(c.Request, bad(http.StatusBadRequest, "%s", lines(err)))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), patience)
	defer cancel()
	n, err := h.letters().Do(ctx, c.who, *to.deed, values)
	if err != nil {
		return h.wrong(c.Request, err)
	}
	return h.right(c.Request, http.StatusOK, Sorted{n})
}
