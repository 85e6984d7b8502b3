package probe

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// target is one address that a probe asks.
type target struct {
	probe   rules.Probe
	address rules.Target
	series  telemetry.Series
	roots   string        // what the probe's CAFile held, as PEM
	offset  time.Duration // of its checks within every
	check   func(ctx context.Context) outcome
}

// outcome is what a check found.
type outcome struct {
	failure  *failure // nil: all is well
	latency  time.Duration
	answered bool               // or given up after the whole timeout: latency says something
	gauges   map[string]float64 // may hold some also where it failed
}

func newTarget(p rules.Probe, a rules.Target) (*target, error) {
	p.Targets, p.Pos, a.Pos = nil, rules.Pos{}, rules.Pos{} // where it is written makes no other target
	if p.Every <= 0 || p.Timeout <= 0 || p.Timeout > p.Every {
		return nil, fmt.Errorf("a check every %v that may take %v: the timeout must be at most as long as every", p.Every, p.Timeout)
	}
	t := &target{
		probe: p, address: a,
		series: telemetry.Series{Service: p.ID, Region: a.Region, Stream: rules.ProbeStream},
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read this machine's certificate authorities: %w", err)
	}
	if p.CAFile != "" {
		pem, err := os.ReadFile(p.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %s holds no certificate in PEM", p.CAFile)
		}
		t.roots = string(pem)
	}
	switch p.Type {
	case "http":
		t.check, err = newHTTP(p, a.Address, pool)
	case "tls":
		t.check, err = newTLS(a.Address, pool)
	default:
		err = fmt.Errorf("unknown type %q: want http or tls", p.Type)
	}
	return t, err
}

// same reports whether u asks just what t asks, so that t can go on.
func (t *target) same(u *target) bool {
	return t.address == u.address && t.roots == u.roots && reflect.DeepEqual(t.probe, u.probe)
}

// spread gives each target an offset of its own, so that they do not all ask at
// the same moment.
func spread(targets []*target) {
	for i, t := range targets {
		t.offset = t.probe.Every * time.Duration(i) / time.Duration(len(targets))
	}
}

// slot is the first time at or after now at which the target is to be checked.
// Slots lie fixed on the clock, so that every minute has equally many.
func (t *target) slot(now time.Time) time.Time {
	first := now.Add(-t.offset).Truncate(t.probe.Every).Add(t.offset)
	if first.Before(now) {
		first = first.Add(t.probe.Every)
	}
	return first
}

// next is the slot after due. Those that passed meanwhile are left out, and a
// clock that was set is followed.
func (t *target) next(due, now time.Time) time.Time {
	next := due.Add(t.probe.Every)
	if next.Before(now) || next.Sub(now) > 2*t.probe.Every {
		return t.slot(now)
	}
	return next
}

// event tells the book of a check: that one begins, or what one found.
type event struct {
	target *target
	due    time.Time // set: it begins
	found  outcome
}

// watch checks the target at its slots until ctx ends.
func (t *target) watch(ctx context.Context, events chan<- event) {
	tell := func(e event) bool {
		select {
		case events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	due := t.slot(time.Now())
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if !tell(event{target: t, due: due}) {
			return
		}
		found := t.once(ctx)
		if ctx.Err() != nil || !tell(event{target: t, found: found}) {
			return // broken off: that says nothing about who was asked
		}
		now := time.Now()
		due = t.next(due, now)
		timer.Reset(due.Sub(now))
	}
}

// once makes one check within its timeout.
func (t *target) once(ctx context.Context) outcome {
	ctx, cancel := context.WithTimeout(ctx, t.probe.Timeout)
	defer cancel()
	return t.check(ctx)
}

// status puts what was found into words.
func (t *target) status(began time.Time, o outcome) Status {
	s := Status{Probe: t.probe.ID, Region: t.address.Region, At: began.UTC(), OK: o.failure == nil, Latency: o.latency}
	if o.failure != nil {
		s.Reason = o.failure.Error()
	}
	if days, ok := o.gauges[rules.GaugeCertificateDays]; ok {
		s.CertificateDays = &days
	}
	return s
}
