// Package probe asks, from outside, whether what customers use answers: over
// HTTP and, for what speaks TLS without it, by a handshake.
//
// Each check is a request of the series that has the probe's ID as its service,
// and a failed one is an error, so that rules look at probes as they look at
// spans. A check belongs to the minute in which it began; when the last check of
// a minute is done, the minute is handed on, once. Why checks fail is kept for
// people, in words that hold nothing of what a server sent as a body.
package probe

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Prober checks every target of its probes, each at its own pace.
type Prober struct {
	keep   func(context.Context, []telemetry.Minute) error
	logger *slog.Logger

	wanted  atomic.Pointer[[]*target] // what is to be checked
	changed chan struct{}             // told when wanted is another
	report  atomic.Pointer[[]Status]
}

// Status is what the newest check of a target found.
type Status struct {
	Probe  string
	Region string
	At     time.Time // when the check began; zero: there was none yet
	OK     bool
	Reason string // why it failed, for people; "" if it did not

	Latency         time.Duration // until the whole answer was there, or until the check was given up
	CertificateDays *float64      // until the certificate ends; nil: there was none to be seen
}

// patience is how long a check is waited for beyond its timeout. None should
// need it.
const patience = time.Second

// Lag is how long after its end a minute of these probes is handed on at the
// latest, with a moment to write it down: the lag to judge them with.
func Lag(probes []rules.Probe) time.Duration {
	longest := time.Duration(0)
	for _, p := range probes {
		longest = max(longest, p.Timeout)
	}
	return (longest + patience + 2*time.Second).Truncate(time.Second)
}

// New makes a prober. keep is given the minutes that are over, all targets' of a
// minute at a time, oldest first and from one goroutine; what it refuses is
// offered again.
func New(probes []rules.Probe, keep func(context.Context, []telemetry.Minute) error, logger *slog.Logger) (*Prober, error) {
	targets, err := newTargets(probes)
	if err != nil {
		return nil, err
	}
	return newProber(targets, keep, logger), nil
}

func newProber(targets []*target, keep func(context.Context, []telemetry.Minute) error, logger *slog.Logger) *Prober {
	p := &Prober{keep: keep, logger: cmp.Or(logger, slog.Default()), changed: make(chan struct{}, 1)}
	p.wanted.Store(&targets)
	p.tell(targets, nil)
	return p
}

// Reconfigure changes what is checked, also while Run is at work. Targets that
// stay the same go on undisturbed, and the minute under way loses none of its
// checks but those that are broken off with their target. After an error all is
// as it was.
func (p *Prober) Reconfigure(probes []rules.Probe) error {
	targets, err := newTargets(probes)
	if err != nil {
		return err
	}
	p.want(targets)
	return nil
}

func (p *Prober) want(targets []*target) {
	p.wanted.Store(&targets)
	select {
	case p.changed <- struct{}{}:
	default: // it is told already
	}
}

// Report gives the newest status of every target, in the order of the probes.
func (p *Prober) Report() []Status { return slices.Clone(*p.report.Load()) }

// tell makes the report anew, with what is known of the targets.
func (p *Prober) tell(targets []*target, known map[*target]Status) {
	report := make([]Status, 0, len(targets))
	for _, t := range targets {
		s, ok := known[t]
		if !ok {
			s = Status{Probe: t.probe.ID, Region: t.address.Region}
		}
		report = append(report, s)
	}
	p.report.Store(&report)
}

// Check checks every target once, now and all at the same time, and gives what
// it found. It hands nothing on.
func (p *Prober) Check(ctx context.Context) []Status {
	targets := *p.wanted.Load()
	found := make([]Status, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() {
			began := time.Now()
			found[i] = t.status(began, t.once(ctx))
		})
	}
	all.Wait()
	return found
}

// newTargets lays out the targets of all probes and reports every mistake.
func newTargets(probes []rules.Probe) ([]*target, error) {
	var targets []*target
	for _, p := range probes {
		for _, a := range p.Targets {
			t, err := newTarget(p, a)
			if err != nil {
				return nil, fmt.Errorf("probe %q in region %q: %w", p.ID, a.Region, err)
			}
			targets = append(targets, t)
		}
	}
	spread(targets)
	return targets, nil
}
