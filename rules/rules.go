// Package rules is what people write: which signals are watched, from which
// value on they are how bad, which component of the product they concern, in
// which words customers are told, and how often.
//
// It turns YAML into values and reports every mistake at once, each with its
// file, line, column and what to write instead. It reads the files that it is
// given and otherwise does no I/O, waits for nothing and never asks the time.
package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule says when one signal of one component is how bad. It is judged for each
// (service, region) on its own, never over their sum.
type Rule struct {
	ID         string
	Component  string // ID of a declared component
	Signal     Signal
	Where      Where
	Window     time.Duration // whole minutes
	Levels     []Level       // worst first, at least one
	Recover    Recover
	Confidence float64 // one-sided, 0.5 … 0.9999; 0.95 by default
	Public     Words
	Runbook    string // link for the people on call; never public
	Pos        Pos    // where the rule begins
}

// Signal is the figure that a rule looks at.
type Signal struct {
	Kind Kind
	// Quantile is the NN of pNN in hundredths of a percent (p99 is 9900, p99.9
	// is 9990), so that ranks are computed in integers. Zero for other kinds.
	Quantile uint64
}

// Kind is a kind of signal.
type Kind uint8

const (
	KindUnknown   Kind = iota
	KindErrorRate      // errors ÷ requests, 0 … 1
	KindQuantile       // pNN of durations, nanoseconds
)

// String gives the signal's name as written in YAML.
func (s Signal) String() string {
	switch s.Kind {
	case KindErrorRate:
		return "error_rate"
	case KindQuantile:
		if s.Quantile%100 == 0 {
			return fmt.Sprintf("p%d", s.Quantile/100)
		}
		return "p" + strings.TrimRight(fmt.Sprintf("%.2f", float64(s.Quantile)/100), "0")
	default:
		return "unknown"
	}
}

// Level is one severity's condition.
type Level struct {
	Severity Severity
	Above    float64       // a ratio (0 … 1) for error_rate, nanoseconds for pNN
	For      time.Duration // whole minutes, at least one
}

// Recover is the condition under which an incident's cell is well again.
type Recover struct {
	Below float64       // in the unit of Level.Above; at or below it is well
	For   time.Duration // whole minutes, at least one
}

// Where chooses spans. Services and Regions choose among series; Routes chooses
// among the spans of a series, and so makes a stream of its own.
type Where struct {
	Services Patterns
	Regions  Patterns
	Routes   Patterns
}

// Stream names the spans that w chooses within a service and region. Two rules
// with the same choice share a stream; "" is every entry span.
func (w Where) Stream() string { return w.Routes.String() }

// Patterns is a list of globs and of exceptions. Empty, it matches everything.
type Patterns struct {
	Any []string // one of them matches; empty: all do
	Not []string // none of them matches
}

// Match reports whether s is chosen.
func (p Patterns) Match(s string) bool {
	for _, g := range p.Not {
		if Glob(g, s) {
			return false
		}
	}
	for _, g := range p.Any {
		if Glob(g, s) {
			return true
		}
	}
	return len(p.Any) == 0
}

// String is the same for equal patterns and "" for those that match all.
func (p Patterns) String() string {
	var b strings.Builder
	for _, g := range p.Any {
		fmt.Fprintf(&b, "+%q", g)
	}
	for _, g := range p.Not {
		fmt.Fprintf(&b, "-%q", g)
	}
	return b.String()
}

// Glob reports whether s matches pattern, in which * stands for any run of
// characters, slashes included, and ? for any one character.
func Glob(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// Words are what customers read of a rule's breach. They are written by
// people and never hold anything that came out of a span.
type Words struct {
	Symptom    string `json:"symptom,omitzero"`    // short: "elevated errors on the management API"
	Impact     string `json:"impact,omitzero"`     // what customers may experience: "failed requests when they change flags"
	Workaround string `json:"workaround,omitzero"` // "" is "None"
}

// Component is a part of the product that customers know by name.
type Component struct {
	ID          string
	Name        string
	Description string
	Pos         Pos
}

// Region is a place that customers know by name.
type Region struct {
	Code    string
	Name    string
	Aliases []string // other values of the region attribute that mean this one
	Pos     Pos
}

// Config is everything that people wrote, with the defaults filled in.
type Config struct {
	Organisation string
	SigNoz       SigNoz
	Channels     []Channel
	Page         Page
	Store        Store
	Listen       Listen
	CatchUp      time.Duration // how much missed time is judged after a stop; 6 h by default

	Policies   map[Severity]Policy // all of P0 … P4
	Components []Component         // in the order of the page
	Regions    []Region            // in the order of the page
	Rules      []Rule
}

// SigNoz is where SigNoz's ClickHouse is and how its rows are read.
type SigNoz struct {
	DSN          string        // clickhouse://… or http://…; without a password
	PasswordFile string        // file that holds the password
	URL          string        // SigNoz's own address, for links; optional
	Region       []string      // resource attributes that may hold the region, the first that is present counts
	Lag          time.Duration // a minute is closed when older than this; 60 s by default
	Settle       time.Duration // and never read again when older than Lag+Settle; 3 min by default
	MaxSeries    int           // series beyond this are counted as "other"; 2000 by default
	Shape        string        // "", "v3-json", "v3-map" or "contrib": which tables, when several are found
}

// Channel is a place that updates go to.
type Channel struct {
	Name       string     // "status" is the page unless declared otherwise
	Type       string     // "page" or "webhook"
	Severities []Severity // that it hears of besides those whose policy names it
	Folder     string     // page: the folder of files
	URL        string     // webhook: https address
	SecretFile string     // webhook: file that holds whsec_…
}

// Page is the public page's own text.
type Page struct {
	Title   string // "FeatureSignals status"
	URL     string // where the page is reached, for feeds
	Support string // a mail or web address for customers; optional
}

// Store is where events and deliveries are kept.
type Store struct{ Path string }

// Listen holds the two listeners' addresses.
type Listen struct {
	Public  string // ":8080" by default
	Private string // "127.0.0.1:8081" by default
}

// Rule gives the rule with that ID.
func (c *Config) Rule(id string) (Rule, bool) {
	for _, r := range c.Rules {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}

// RegionOf maps a value of the region attribute to a region's code. A value
// that no region declares is a region of its own.
func (c *Config) RegionOf(value string) string {
	for _, r := range c.Regions {
		if r.Code == value {
			return r.Code
		}
		if slices.Contains(r.Aliases, value) {
			return r.Code
		}
	}
	return value
}

// Pages gives the channels that are public pages, in the order of declaration.
func (c *Config) Pages() []Channel {
	var pages []Channel
	for _, ch := range c.Channels {
		if ch.Type == "page" {
			pages = append(pages, ch)
		}
	}
	return pages
}

// Hears gives the names of the channels that hear of an incident at severity s.
func (c *Config) Hears(s Severity) []string {
	var names []string
	for _, ch := range c.Channels {
		heard := false
		for _, n := range c.Policies[s].Channels {
			heard = heard || n == ch.Name
		}
		for _, sev := range ch.Severities {
			heard = heard || sev == s
		}
		if heard {
			names = append(names, ch.Name)
		}
	}
	return names
}

// Pos is a place in a file, both counted from 1.
type Pos struct {
	File      string
	Line, Col int
}

// String gives "file:line:col".
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// Error is one mistake in a file.
type Error struct {
	Pos Pos
	Msg string // what is wrong, and what to write instead
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }
