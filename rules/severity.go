package rules

import (
	"fmt"
	"time"
)

// Severity is the level of an incident. Worse levels compare greater, so that
// the worst of several is their max. The zero value demands nothing.
type Severity uint8

const (
	SeverityNone Severity = iota // nothing is demanded
	P4                           // no customer effect: early warning, monitoring gap
	P3                           // minor, cosmetic, non-production
	P2                           // partial: some endpoints or users, below the objective
	P1                           // major degradation, one surface down
	P0                           // unavailable, for everyone or for everyone in one region
)

// Severities lists the scale, worst first.
var Severities = []Severity{P0, P1, P2, P3, P4}

// String gives "P0" … "P4", and "none" for the zero value.
func (s Severity) String() string {
	if s == SeverityNone {
		return "none"
	}
	return fmt.Sprintf("P%d", int(P0)-int(s))
}

// MarshalText writes what String gives.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(b []byte) error {
	v, ok := ParseSeverity(string(b))
	if !ok && string(b) != "none" {
		return fmt.Errorf("unknown severity %q: want one of P0 P1 P2 P3 P4", b)
	}
	*s = v
	return nil
}

// ParseSeverity reads "P0" … "P4".
func ParseSeverity(s string) (Severity, bool) {
	for _, v := range Severities {
		if v.String() == s {
			return v, true
		}
	}
	return SeverityNone, false
}

// Policy is what a severity promises to those who wait for words.
type Policy struct {
	Cadence  []Step        // how often an open incident is spoken of; empty: never by the clock
	Hold     time.Duration // between confirmation and the first public post
	Channels []string      // names of channels that hear of it
	Public   bool          // whether customers read of it
}

// Step is one stretch of a cadence.
type Step struct {
	For   time.Duration // how long the step is in force, counted from the incident's detection; 0: until the end
	Every time.Duration // the interval between two posts
}

// Every gives the interval in force once an incident has been known for age;
// 0 means that no post is promised.
func (p Policy) Every(age time.Duration) time.Duration {
	for _, s := range p.Cadence {
		if s.For == 0 || age < s.For {
			return s.Every
		}
		age -= s.For
	}
	return 0
}

// DefaultPolicies is the built-in scale.
//
// The hold before the first public post is 0 at every level: approving,
// changing and vetoing a post need the people's side of the desk, and a hold
// that nobody can use would only make the first words late.
func DefaultPolicies() map[Severity]Policy {
	every := func(d time.Duration) []Step { return []Step{{Every: d}} }
	return map[Severity]Policy{
		P0: {Cadence: every(30 * time.Minute), Channels: []string{"status", "slack", "email"}, Public: true},
		P1: {Cadence: every(time.Hour), Channels: []string{"status", "slack"}, Public: true},
		P2: {Cadence: every(4 * time.Hour), Channels: []string{"status"}, Public: true},
		P3: {Channels: []string{"tracker"}},
		P4: {Channels: []string{"log"}},
	}
}
