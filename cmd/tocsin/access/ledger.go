package access

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/incident"
)

// How many refusals are written down in a minute, each by itself. Of those whom
// nobody knows there may be a flood, which must not hide what is refused to
// people.
const (
	fewOfStrangers = 5
	fewOfPeople    = 30
)

// ledger tells which refusals are written down, and counts the others.
type ledger struct {
	few int

	mu      sync.Mutex
	began   time.Time // of the minute
	written int
	more    int // that were not written
	last    time.Time
}

// take counts a refusal. It reports whether it is to be written down, and gives
// what is to be written before it, if anything.
func (l *ledger) take(at time.Time) (write bool, before *incident.AuditEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before = l.turn(at)
	l.last = at
	if l.written >= l.few {
		l.more++
		return false, before
	}
	l.written++
	return true, before
}

// close ends the minute if it is over, or if that is asked for, and gives what is
// to be written of it.
func (l *ledger) close(at time.Time, now bool) *incident.AuditEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now {
		l.began = time.Time{}
	}
	return l.turn(at)
}

func (l *ledger) turn(at time.Time) *incident.AuditEntry {
	if since := at.Sub(l.began); since >= 0 && since < time.Minute {
		return nil
	}
	more, last := l.more, l.last
	l.began, l.written, l.more = at, 0, 0
	if more == 0 {
		return nil
	}
	return &incident.AuditEntry{
		At: last, Action: "many requests", Outcome: fmt.Sprintf("%d more were refused within a minute, and are not listed", more),
	}
}

// write writes down what was done, or refused.
func (g *Guard) write(r *http.Request, who Who, action, outcome string, at time.Time) {
	e := who.Entry(action, at)
	e.Outcome = outcome
	if outcome == "done" {
		g.audit(r.Context(), e)
		return
	}
	l := g.strangers
	if who.Person != "" {
		l = g.people
	}
	write, before := l.take(at)
	if before != nil {
		g.audit(r.Context(), *before)
	}
	if write {
		g.audit(r.Context(), e)
	}
}

// audit writes an entry even when whoever caused it has gone.
func (g *Guard) audit(ctx context.Context, e incident.AuditEntry) {
	if err := g.Store.Audit(context.WithoutCancel(ctx), e); err != nil {
		g.Logger.Error("the audit log lacks an entry", "action", e.Action, "who", e.Who, "from", e.From, "outcome", e.Outcome, "err", err)
	}
}

// Run writes down what was only counted, two minutes later at the most, until
// ctx ends.
func (g *Guard) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		over := false
		select {
		case <-tick.C:
		case <-ctx.Done():
			over = true
		}
		for _, l := range []*ledger{g.strangers, g.people} {
			if e := l.close(time.Now(), over); e != nil {
				g.audit(ctx, *e)
			}
		}
		if over {
			return nil
		}
	}
}
