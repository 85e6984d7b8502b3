package publisher

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// Prepare makes the delivery that a row asks for out of what is known now, without
// records of days and figures: judged is the end of the newest judged minute, at
// the time of asking. A row that asks for what is not there, or is not for others
// to read, is a mistake of ours, and permanent.
func Prepare(c *rules.Config, b incident.Board, r Row, judged, at time.Time) (Delivery, error) {
	return prepare(c, b, r, at, func() templates.Public { return Project(c, b, judged, at) })
}

// Preparer prepares deliveries as Prepare does, and projects each board once: an
// update that goes to thousands of addresses would do so for each of them. What
// it gives as Public is shared, and not to be changed.
type Preparer struct {
	mu     sync.Mutex
	of     projected
	public templates.Public
}

// projected is all that a projection follows from.
type projected struct {
	config  *rules.Config
	seq     uint64 // of the board: what is believed is the fold of the log up to it
	history *incident.History
	judged  time.Time
	at      time.Time // zero where it does not matter
}

// Prepare makes the delivery that a row asks for. A board is known again by its
// Seq, and a history by its address.
func (p *Preparer) Prepare(k Known, r Row, at time.Time) (Delivery, error) {
	return prepare(k.Config, k.Board, r, at, func() templates.Public {
		of := projected{config: k.Config, seq: k.Board.Seq, history: k.History, judged: k.Judged}
		if k.Judged.IsZero() {
			of.at = at
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.of != of {
			p.of, p.public = of, k.Project(at)
		}
		return p.public
	})
}

func prepare(c *rules.Config, b incident.Board, r Row, at time.Time, project func() templates.Public) (Delivery, error) {
	d := Delivery{Channel: r.Channel, Key: r.Key, Target: r.Target, Seq: b.Seq, Attempt: r.Attempts + 1, At: at}
	if r.Key == "" {
		d.Public = project()
		return d, nil
	}
	if slices.ContainsFunc(c.Pages(), func(ch rules.Channel) bool { return ch.Name == r.Channel }) {
		return d, fmt.Errorf("a page shows the whole board, and %s was to bring it there alone: %w", r.Key, ErrPermanent)
	}
	id, what, _ := strings.Cut(r.Key, "/")
	number, isNotice := strings.CutPrefix(what, "notice/")
	n, err := strconv.Atoi(number)
	if err != nil {
		return d, fmt.Errorf("the outbox has a key %q that names neither an update nor a notice: %w", r.Key, ErrPermanent)
	}
	i, ok := b.Find(incident.ID(id))
	if !ok {
		return d, fmt.Errorf("there is no incident for %s: %w", r.Key, ErrPermanent)
	}
	v := newView(c, b)
	if isNotice {
		at := slices.IndexFunc(i.Notices, func(x incident.Notice) bool { return x.Number == n })
		if at < 0 {
			return d, fmt.Errorf("there is no notice %s: %w", r.Key, ErrPermanent)
		}
		if why := moot(i, i.Notices[at]); why != "" {
			return d, fmt.Errorf("%w: %s", ErrMoot, why)
		}
		d.Notice = new(v.notice(i, i.Notices[at], d.At))
		for _, id := range i.Notices[at].To {
			if p, ok := c.Person(id); ok {
				d.People = append(d.People, p)
			}
		}
		return d, nil
	}
	d.Public = project()
	if d.Incident, d.Update = find(d.Public, id, n); d.Update != nil {
		return d, nil
	}
	said := slices.IndexFunc(i.Updates, func(u incident.Update) bool { return u.Number == n })
	if said < 0 || i.Private || !i.Updates[said].Inside {
		return d, fmt.Errorf("update %s is not for others to read: %w", r.Key, ErrPermanent)
	}
	inside := v.incident(i, i.Updates) // which puts the newest first
	d.Inside, d.Incident, d.Update = true, &inside, &inside.Updates[len(i.Updates)-1-said]
	return d, nil
}

// find gives the place of an update in p.
func find(p templates.Public, id string, number int) (*templates.Incident, *templates.Update) {
	for _, list := range [][]templates.Incident{p.Incidents, p.Past} {
		for i := range list {
			if list[i].ID != id {
				continue
			}
			for u := range list[i].Updates {
				if list[i].Updates[u].Number == number {
					return &list[i], &list[i].Updates[u]
				}
			}
		}
	}
	return nil, nil
}
