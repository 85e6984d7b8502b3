// Package tracker files incidents as GitHub issues: one issue an incident, its
// first words as the issue and each later update as a comment.
//
// Nothing is written twice, whatever happens on the way. An issue and a comment
// hold a mark that says which update they are, and before the channel writes it
// looks whether the mark is there. Lists show what was written only after a
// while: so the channel notes down that it is about to write, and after an
// attempt whose end nobody knows it waits until a list can be believed.
//
// A comment is the last that is written of an update. Where it is there, so is
// all the rest.
package tracker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/keyfile"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

const (
	settle   = 20 * time.Second // after which lists show what was written
	before   = time.Hour        // how far the tracker's clock may be off
	earlier  = 30 * 24 * time.Hour
	mostBody = 65_536 // characters of an issue or a comment
	incident = "incident"
	triage   = "triage"
	backlog  = "backlog"
)

// Config says what a channel files and where.
type Config struct {
	Channel   rules.Channel
	Templates *templates.Set
	Memory    publisher.Memory
	Settle    time.Duration // after which lists show what was written; 0: 20 s
	Logger    *slog.Logger  // nil: slog.Default()
}

// Channel is one repository that hears of incidents.
type Channel struct {
	Config
	hub    hub
	labels []string // that each issue has

	mu    sync.Mutex
	token string          // as last read
	made  map[string]bool // labels that are there
}

var (
	_ publisher.Channel  = (*Channel)(nil)
	_ publisher.Mannered = (*Channel)(nil)
)

// hub is what the channel asks of a tracker. A list is the newest first.
type hub interface {
	Issue(ctx context.Context, number int) (issue, error) // errMissing where there is none any more
	Issues(ctx context.Context, label string, since time.Time) iter.Seq2[issue, error]
	Comments(ctx context.Context, number int, since time.Time) iter.Seq2[comment, error]
	File(ctx context.Context, title, body string, labels []string) (number int, err error)
	Change(ctx context.Context, number int, c change) error
	Comment(ctx context.Context, number int, body string) error
	MakeLabel(ctx context.Context, name, color, description string) error
	AddLabels(ctx context.Context, number int, names []string) error
	RemoveLabel(ctx context.Context, number int, name string) error
}

// issue is an issue as it stands.
type issue struct {
	Number  int
	Title   string
	Body    string
	Author  string
	Open    bool
	Labels  []string
	Created time.Time
}

// comment is a comment on an issue.
type comment struct{ Author, Body string }

// change is what is to become of an issue; what is empty stays.
type change struct{ Title, State, Reason string }

// New makes a channel. It reads the token once, so that a mistake shows at the
// start.
func New(c Config) (*Channel, error) {
	name := c.Channel.Name
	if c.Channel.Tracker == nil || !repository.MatchString(c.Channel.Tracker.Repository) {
		return nil, fmt.Errorf(`tracker %q: repository: want "owner/name", as in the repository's address`, name)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Settle == 0 {
		c.Settle = settle
	}
	token, err := keyfile.Token(c.Channel.TokenFile, tokenHelp)
	if err != nil {
		return nil, fmt.Errorf("tracker %q: %w", name, err)
	}
	keyfile.WarnOf(c.Logger, name, c.Channel.TokenFile)
	ch := &Channel{Config: c, token: token, made: map[string]bool{}}
	ch.labels = []string{incident}
	for _, l := range c.Channel.Tracker.Labels {
		if l = labelName(l); l != "" && !has(ch.labels, l) {
			ch.labels = append(ch.labels, l)
		}
	}
	ch.hub, err = newGitHub(c.Channel.URL, c.Channel.Tracker.Repository, c.Channel.TokenFile, ch.current)
	if err != nil {
		return nil, fmt.Errorf("tracker %q: %w", name, err)
	}
	return ch, nil
}

var repository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$`)

// Name gives the channel's name.
func (c *Channel) Name() string { return c.Channel.Name }

// Manner is one update at a time, those of an incident in order: a comment says
// what is new since the one above it.
func (c *Channel) Manner() publisher.Manner {
	return publisher.Manner{Lanes: 1, Ordered: true, Guarantee: publisher.ReadBack}
}

// Publish files the incident that d is about, or adds an update to its issue.
// The receipt is the issue's number, and says whether the words were there
// already.
func (c *Channel) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	switch {
	case d.Notice != nil:
		return "", fmt.Errorf("tracker %q: nobody is woken by an issue: take it out of everybody's reach: %w", c.Name(), publisher.ErrPermanent)
	case d.Key == "" || d.Incident == nil || d.Update == nil:
		return "", fmt.Errorf("tracker %q: the delivery is not about an update: %w", c.Name(), publisher.ErrPermanent)
	}
	m := marksOf(d)
	at, err := c.find(ctx, d, m)
	if err != nil {
		return "", err
	}
	if at == nil {
		return c.file(ctx, d, m)
	}
	there := strings.Contains(at.Body, m.update())
	if !there {
		if there, err = c.commented(ctx, *at, d, m); err != nil {
			return "", err
		}
	}
	if there {
		return fmt.Sprintf("#%d, found", at.Number), nil
	}
	body, err := c.Templates.Comment(d.Public, *d.Incident, *d.Update)
	if err != nil {
		return "", fmt.Errorf("word the comment: %w", err)
	}
	if isNewest(d) {
		if err := c.bring(ctx, *at, d, m); err != nil {
			return "", err
		}
	}
	err = c.write(ctx, m, func() error {
		return c.hub.Comment(ctx, at.Number, fit(body, m.update()))
	})
	if err != nil {
		return "", fmt.Errorf("comment on issue #%d: %w", at.Number, err)
	}
	return fmt.Sprintf("#%d", at.Number), nil
}

// find gives the incident's issue; nil if there is none. Where it cannot be
// known yet, the error says when it can.
func (c *Channel) find(ctx context.Context, d publisher.Delivery, m marks) (*issue, error) {
	known, err := c.Memory.Recall(ctx, c.Name(), m.issueName)
	if err != nil {
		return nil, err
	}
	if number, _ := strconv.Atoi(known); number > 0 {
		at, err := c.hub.Issue(ctx, number)
		if err == nil {
			return &at, nil
		}
		if !errors.Is(err, errMissing) {
			return nil, fmt.Errorf("read issue #%s: %w", known, err)
		}
	}
	// Those with our label are few, and are looked through far back. But somebody
	// may have taken the label off, or the token may not set labels.
	began := beganBy(d)
	for _, among := range []struct {
		label string
		since time.Time
	}{{incident, began.Add(-earlier)}, {"", began.Add(-before)}} {
		var found *issue
		for i, err := range c.hub.Issues(ctx, among.label, among.since) {
			if err != nil {
				return nil, fmt.Errorf("look for the issue of %s: %w", d.Incident.ID, err)
			}
			if i.Created.Before(among.since) {
				break
			}
			if strings.Contains(i.Body, m.begins()) {
				found = &i // an older one goes before its copies
			}
		}
		if found != nil {
			c.remember(ctx, m.issueName, strconv.Itoa(found.Number))
			return found, nil
		}
	}
	return nil, c.doubt(ctx, m, false)
}

// beganBy is before the incident can have been filed.
func beganBy(d publisher.Delivery) time.Time {
	t := d.Update.Said
	for _, o := range []time.Time{d.Incident.Began, d.Incident.Detected} {
		if !o.IsZero() && o.Before(t) {
			t = o
		}
	}
	for _, u := range d.Incident.Updates {
		if u.Said.Before(t) {
			t = u.Said
		}
	}
	return t
}

// file makes an issue of an update. One that is over by then stays open, since
// people read of it only now.
func (c *Channel) file(ctx context.Context, d publisher.Delivery, m marks) (string, error) {
	m.over = isOver(*d.Update)
	words, err := c.Templates.Issue(d.Public, *d.Incident, *d.Update)
	if err != nil {
		return "", fmt.Errorf("word the issue: %w", err)
	}
	labels := c.labelsOf(d, m.over)
	c.makeLabels(ctx, labels)
	var number int
	err = c.write(ctx, m, func() (err error) {
		number, err = c.hub.File(ctx, clip(words.Subject, 256), fit(words.Body, m.incident()+"\n"+m.update()), labels)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("file an issue for %s: %w", d.Incident.ID, err)
	}
	c.remember(ctx, m.issueName, strconv.Itoa(number))
	return fmt.Sprintf("#%d", number), nil
}

// commented reports whether an issue has the update's comment. It is by whoever
// wrote the issue: whoever else can comment could copy a mark, count it up, and
// so keep the next update from being written.
func (c *Channel) commented(ctx context.Context, at issue, d publisher.Delivery, m marks) (bool, error) {
	for said, err := range c.hub.Comments(ctx, at.Number, d.Update.Said.Add(-before)) {
		if err != nil {
			return false, fmt.Errorf("read the comments on issue #%d: %w", at.Number, err)
		}
		if said.Author == at.Author && strings.Contains(said.Body, m.update()) {
			return true, nil
		}
	}
	return false, c.doubt(ctx, m, true)
}

// bring has the issue say what the update does: title, severity, and whether it
// is open.
func (c *Channel) bring(ctx context.Context, at issue, d publisher.Delivery, m marks) error {
	words, err := c.Templates.Issue(d.Public, *d.Incident, *d.Update)
	if err != nil {
		return fmt.Errorf("word the issue: %w", err)
	}
	filedOver := strings.Contains(at.Body, m.filedOver())
	todo := changes(at, clip(words.Subject, 256), isOver(*d.Update), filedOver)
	if todo != (change{}) {
		if err := c.hub.Change(ctx, at.Number, todo); err != nil {
			return fmt.Errorf("change issue #%d: %w", at.Number, err)
		}
	}
	var add []string
	if l := severityLabel(d.Update.Severity); !has(at.Labels, l) {
		add = append(add, l)
	}
	if l := restLabel(d.Update.Severity); filedOver && todo.State == "open" && !has(at.Labels, l) {
		add = append(add, l)
	}
	if len(add) > 0 {
		c.makeLabels(ctx, add)
		if err := c.optional(c.hub.AddLabels(ctx, at.Number, add)); err != nil {
			return fmt.Errorf("label issue #%d: %w", at.Number, err)
		}
	}
	for _, l := range at.Labels {
		if severity.MatchString(l) && !strings.EqualFold(l, severityLabel(d.Update.Severity)) {
			if err := c.optional(c.hub.RemoveLabel(ctx, at.Number, l)); err != nil {
				return fmt.Errorf("take a label off issue #%d: %w", at.Number, err)
			}
		}
	}
	return nil
}

// changes says what an issue has to become. What was filed when it was over
// already is for people to close; if it came back meanwhile, and is over again,
// they are to look anew.
func changes(at issue, title string, over, filedOver bool) change {
	var c change
	if at.Title != title {
		c.Title = title
	}
	switch {
	case over && !filedOver && at.Open:
		c.State, c.Reason = "closed", "completed"
	case (!over || filedOver) && !at.Open:
		c.State, c.Reason = "open", "reopened"
	}
	return c
}

func isOver(u templates.Update) bool { return u.State == "resolved" }

// isNewest reports whether nothing was said of the incident since. Words that
// come late, since they had been given up, change nothing but the comments.
func isNewest(d publisher.Delivery) bool {
	return !slices.ContainsFunc(d.Incident.Updates, func(u templates.Update) bool { return u.Number > d.Update.Number })
}

// labelsOf gives the labels of a new issue.
func (c *Channel) labelsOf(d publisher.Delivery, over bool) []string {
	labels := append(slices.Clone(c.labels), severityLabel(d.Update.Severity))
	if id := labelName(d.Incident.Component.ID); id != "" {
		labels = append(labels, labelName("component:"+id))
	}
	if over {
		labels = append(labels, restLabel(d.Update.Severity))
	}
	return labels
}

var severity = regexp.MustCompile(`(?i)^severity:P[0-4]$`)

func severityLabel(s string) string { return "severity:" + s }

// restLabel says what people do with what was over when it was filed.
func restLabel(severity string) string {
	if severity == rules.P4.String() {
		return backlog
	}
	return triage
}

// looks gives a label's colour and what it means. Those that are not ours have
// none.
func looks(label string) (color, description string) {
	switch {
	case strings.EqualFold(label, incident):
		return "5319e7", "Filed by Tocsin, and found by this label"
	case strings.EqualFold(label, triage):
		return "fbca04", "It was over when it was filed: look into it, and close it"
	case strings.EqualFold(label, backlog):
		return "c5def5", "Nobody waits for it"
	case severity.MatchString(label):
		return map[string]string{"0": "b60205", "1": "d93f0b", "2": "fbca04", "3": "c2e0c6", "4": "ededed"}[label[len(label)-1:]], "How bad the incident is"
	default:
		return "bfd4f2", ""
	}
}

// makeLabels makes the labels that are missing. A token that may not is no
// reason to keep an incident from people.
func (c *Channel) makeLabels(ctx context.Context, labels []string) {
	for _, l := range labels {
		c.mu.Lock()
		made := c.made[l]
		c.mu.Unlock()
		if made {
			continue
		}
		color, description := looks(l)
		switch err := c.hub.MakeLabel(ctx, l, color, description); {
		case err == nil, errors.Is(err, errDenied):
			if err != nil {
				c.Logger.Warn("a label could not be made: make it by hand, or let the token write issues", "channel", c.Name(), "label", l, "err", err)
			}
			c.mu.Lock()
			c.made[l] = true
			c.mu.Unlock()
		default:
			c.Logger.Warn("a label could not be made and will be tried again with the next update", "channel", c.Name(), "label", l, "err", err)
		}
	}
}

// optional lets an update go on without its labels where the token may not set
// them.
func (c *Channel) optional(err error) error {
	if errors.Is(err, errDenied) || errors.Is(err, errMissing) {
		c.Logger.Warn("a label could not be changed", "channel", c.Name(), "err", err)
		return nil
	}
	return err
}

// write does what must not be done twice: before, it notes down that it is about
// to; where it is certain that nothing was written, it takes that back.
func (c *Channel) write(ctx context.Context, m marks, do func() error) error {
	if err := c.Memory.Remember(ctx, c.Name(), m.writing, noteOf(m.number)); err != nil {
		return err
	}
	err := do()
	switch {
	case errors.Is(err, errRefused):
		c.remember(ctx, m.writing, "")
	case err != nil: // it may be written still
		c.remember(context.WithoutCancel(ctx), m.writing, noteOf(m.number))
	}
	return err
}

// noteOf is what is noted down of an update that is being written.
func noteOf(number string) string { return fmt.Sprintf("%d %s", time.Now().UnixNano(), number) }

// doubt is an error while something that was written a moment ago could be
// missing in a list: the very update where same is set, any of the incident's
// otherwise.
func (c *Channel) doubt(ctx context.Context, m marks, same bool) error {
	note, err := c.Memory.Recall(ctx, c.Name(), m.writing)
	if err != nil || note == "" {
		return err
	}
	at, number, _ := strings.Cut(note, " ")
	nanos, err := strconv.ParseInt(at, 10, 64)
	if err != nil || same && number != m.number {
		return nil
	}
	wait := c.Settle - time.Since(time.Unix(0, nanos))
	if wait <= 0 {
		return nil
	}
	if wait > c.Settle { // the clock was put back
		wait = c.Settle
		c.remember(ctx, m.writing, noteOf(number))
	}
	return &publisher.RetryAfter{Wait: wait, Err: errors.New("whether the last attempt wrote it cannot be seen yet: it is looked for again before anything is written")}
}

// remember notes down what can be found out anew.
func (c *Channel) remember(ctx context.Context, name, value string) {
	if err := c.Memory.Remember(ctx, c.Name(), name, value); err != nil {
		c.Logger.Warn("a tracker's issue is not remembered and has to be looked for again", "channel", c.Name(), "err", err)
	}
}

// marks are how an incident and an update are found again. They hold nothing that
// a person wrote, and tell apart two installations that write to one repository,
// or a store that was begun anew: both count incidents from 1, but their first
// event is not of the same time.
type marks struct {
	id, number string // INC-2026-0001, 3
	sum        string
	over       bool // it was over when it was filed

	issueName, writing string // what is remembered under which names
}

func marksOf(d publisher.Delivery) marks {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", d.Channel, d.Incident.ID, d.Public.Since.UnixNano()))
	m := marks{id: d.Incident.ID, number: strconv.Itoa(d.Update.Number), sum: hex.EncodeToString(sum[:8])}
	m.issueName, m.writing = "issue "+m.id+" "+m.sum, "writing "+m.id+" "+m.sum
	return m
}

// begins is what the mark of an incident begins with.
func (m marks) begins() string { return "<!-- tocsin incident " + m.id + " " + m.sum + " " }

// filedOver is the mark of one that was over when it was filed.
func (m marks) filedOver() string { return m.begins() + "filed when it was over -->" }

func (m marks) incident() string {
	if m.over {
		return m.filedOver()
	}
	return m.begins() + "-->"
}

func (m marks) update() string {
	return "<!-- tocsin update " + m.id + "/" + m.number + " " + m.sum + " -->"
}

// fit gives a body with its marks, within what the tracker takes.
func fit(body, marks string) string {
	room := mostBody - len(marks) - 2
	if r := []rune(body); len(r) > room {
		body = string(r[:room-4])
		if n := strings.LastIndexAny(body, "\n "); n > 0 {
			body = body[:n] // not in the midst of something
		}
		body = strings.TrimRight(body, "\\ \n") + " …"
	}
	return strings.TrimRight(body, "\n") + "\n\n" + marks
}

// clip shortens s to at most n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// labelName gives a label as GitHub takes it: on one line, 50 characters, without
// the comma that parts labels in a question.
func labelName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == ',' {
			return ' '
		}
		return r
	}, s)
	return clip(strings.Join(strings.Fields(s), " "), 50)
}

func has(labels []string, label string) bool {
	return slices.ContainsFunc(labels, func(l string) bool { return strings.EqualFold(l, label) })
}

const tokenHelp = "make a fine-grained personal access token (or an app's) for the repository, with the permission Issues: read and write, and put it into that file"

// current reads the token again, so that it can be changed while Tocsin runs. A
// file that is just being replaced leaves the old one in force.
func (c *Channel) current() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	token, err := keyfile.Token(c.Channel.TokenFile, tokenHelp)
	if err != nil {
		c.Logger.Warn("a tracker's token could not be read again; the one from before stays in force", "channel", c.Channel.Name, "err", err)
		return c.token
	}
	c.token = token
	return token
}
