package rules

import "fmt"

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
