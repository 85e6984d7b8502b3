// Package rules is what people write: which signals are watched, from which
// value on they are how bad, which component of the product they concern, in
// which words customers are told, and how often.
//
// It turns YAML into values and reports every mistake at once, each with its
// file, line, column and what to write instead. It reads the files that it is
// given and otherwise does no I/O, waits for nothing and never asks the time.
package rules

import (
	"cmp"
	"fmt"
	"net/netip"
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
	HTTP5xx    bool          // errors: [span, http_5xx]: a response of 500 … 599 is an error, whatever the span's status
	Window     time.Duration // whole minutes; zero for burn_rate, whose levels have windows of their own
	Levels     []Level       // worst first, at least one
	Recover    Recover
	Confidence float64    // one-sided, 0.5 … 0.9999; 0.95 by default
	Baseline   Baseline   // what the levels' Times are times of; zero: none
	Spread     []Spread   // worst first
	Overrides  []Override // the first that covers a series counts
	Public     Words
	Approve    bool   // the first public post of what it opens waits for a person
	Runbook    string // link for the people on call; never public
	Pos        Pos    // where the rule begins
}

// Signal is the figure that a rule looks at.
type Signal struct {
	Kind Kind
	// Quantile is the NN of pNN in hundredths of a percent (p99 is 9900, p99.9
	// is 9990), so that ranks are computed in integers. Zero for other kinds.
	Quantile uint64

	Codes []Codes // status_share: the response codes whose share it is

	// burn_rate: the budget is 1 − Objective of all requests in Period. A
	// request spends of it by failing or, with Slow set, by taking longer.
	Objective float64
	Period    time.Duration
	Slow      time.Duration

	Gauge string // gauge: the name that a probe gives it

	Of Group // silence: whose silence
}

// Kind is a kind of signal.
type Kind uint8

const (
	KindUnknown     Kind = iota
	KindErrorRate        // errors ÷ requests, 0 … 1
	KindQuantile         // pNN of durations, nanoseconds
	KindRequestRate      // requests a minute, of real requests where spans are sampled
	KindStatusShare      // responses with certain codes ÷ requests, 0 … 1
	KindBurnRate         // how many times faster than allowed the error budget is spent
	KindGauge            // a probe's figure
	KindSilence          // minutes without a request, while others go on
)

// Group says what is silent together.
type Group uint8

const (
	OfSeries  Group = iota // each (service, region) by itself
	OfService              // a service, in all its regions
	OfRegion               // a region, with all its services
)

// Codes is a range of response codes, both ends included: 401 … 401, 500 … 599.
type Codes struct{ From, To uint16 }

// Ratio reports whether the signal is a share of requests, on which a bound can
// be put.
func (s Signal) Ratio() bool {
	return s.Kind == KindErrorRate || s.Kind == KindStatusShare || s.Kind == KindBurnRate
}

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
	case KindRequestRate:
		return "request_rate"
	case KindStatusShare:
		return "status_share"
	case KindBurnRate:
		return "burn_rate"
	case KindGauge:
		return "gauge"
	case KindSilence:
		return "silence"
	default:
		return "unknown"
	}
}

// Level is one severity's condition.
type Level struct {
	Severity Severity

	// Limit may not be exceeded: a ratio (0 … 1) for error_rate and
	// status_share, nanoseconds for pNN, requests a minute for request_rate,
	// the gauge's own unit for gauge. With Under set, the value may not be
	// below it. It is 0 (with Under: +Inf) where only Times is written, and
	// means nothing for burn_rate and silence.
	Limit float64
	Under bool

	// Times, unless 0, is how many times its baseline the value must exceed,
	// too (with Under: fall below). For pNN it is the share of requests slower
	// than Limit that is compared.
	Times float64

	// Burn holds pairs of windows, one of which must burn too fast; for
	// burn_rate alone.
	Burn []Burn

	For time.Duration // whole minutes, at least one

	// ConfirmWith names rules, one of which must be bad in the same region for
	// this level to hold.
	ConfirmWith []string
}

// Burn is a pair of windows, both of which must burn the budget faster than
// Factor times what is allowed.
type Burn struct {
	Long, Short time.Duration // whole minutes; above an hour whole 5 minutes
	Factor      float64
}

// Recover is the condition under which an incident's cell is well again.
type Recover struct {
	// Limit is in the unit of Level.Limit; at or below it (for a rule whose
	// levels are Under: at or above it) it is well. For burn_rate it is a
	// factor, asked of every short window.
	Limit float64
	For   time.Duration // whole minutes, at least one
}

// Baseline is an earlier window that the newest is compared with: it is Over
// long, and ends Ago before the newest one does.
type Baseline struct{ Ago, Over time.Duration }

// Spread raises the severity when the rule holds widely. One of its
// conditions is set.
type Spread struct {
	Severity   Severity
	AllRegions bool    // in every region that the rule looks at and that has traffic, two at least
	Regions    int     // in so many regions
	Share      float64 // in regions with more than this share of the requests
}

// Override is what differs for some services and regions. What it leaves out
// is the rule's.
type Override struct {
	Services, Regions Patterns
	Levels            []Level
	Recover           Recover // zero: the rule's
	Confidence        float64 // 0: the rule's
	Pos               Pos
}

// For gives the rule as it is for one series.
func (r Rule) For(service, region string) Rule {
	for _, o := range r.Overrides {
		if !o.Services.Match(service) || !o.Regions.Match(region) {
			continue
		}
		if len(o.Levels) > 0 {
			r.Levels = o.Levels
		}
		if o.Recover != (Recover{}) {
			r.Recover = o.Recover
		}
		if o.Confidence != 0 {
			r.Confidence = o.Confidence
		}
		break
	}
	r.Overrides = nil
	return r
}

// Source says what feeds the rule: "spans" or "probes".
func (r Rule) Source() string {
	if r.Where.FromProbes {
		return SourceProbes
	}
	return SourceSpans
}

// The sources of minutes.
const (
	SourceSpans  = "spans"
	SourceProbes = "probes"
)

// Sources lists them. Probes are first: what they see is known sooner.
var Sources = []string{SourceProbes, SourceSpans}

// Where chooses what a rule looks at. Services, Regions and Probes choose among
// series; the rest chooses among the spans of a series, and so makes a stream
// of its own.
type Where struct {
	Services Patterns
	Regions  Patterns

	// FromProbes says that the rule looks at probes and not at spans: at those
	// that Probes chooses. A probe's series has its ID as the service.
	FromProbes bool
	Probes     Patterns

	Routes     Patterns
	Operations Patterns // names of spans
	Kinds      []string // sorted: client, consumer, internal, producer, server; empty: consumer and server
	Attributes []Attribute
}

// Attribute chooses spans by an attribute of theirs. A span without it has "".
type Attribute struct {
	Key string
	Patterns
}

// Chooses reports whether a series is looked at.
func (w Where) Chooses(service, region string) bool {
	if w.FromProbes {
		return w.Probes.Match(service) && w.Regions.Match(region)
	}
	return w.Services.Match(service) && w.Regions.Match(region)
}

// Stream is which spans of a service and region are counted, and what of them.
// Rules with equal streams share their minutes.
type Stream struct {
	Probes     bool // not spans: the checks of a probe
	Routes     Patterns
	Operations Patterns
	Kinds      []string
	Attributes []Attribute
	HTTP5xx    bool
	Codes      []Codes
}

// Stream gives the stream that the rule looks at.
func (r Rule) Stream() Stream {
	if r.Where.FromProbes {
		return Stream{Probes: true}
	}
	return Stream{
		Routes: r.Where.Routes, Operations: r.Where.Operations, Kinds: r.Where.Kinds, Attributes: r.Where.Attributes,
		HTTP5xx: r.HTTP5xx, Codes: r.Signal.Codes,
	}
}

// ProbeStream is the name of the stream that all probes share.
const ProbeStream = "probes"

// String names the stream, the same for equal ones; "" is every entry span,
// with the errors that spans say.
func (s Stream) String() string {
	if s.Probes {
		return ProbeStream
	}
	var b strings.Builder
	part := func(name, value string) {
		if value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(name + "=" + value)
	}
	part("routes", s.Routes.String())
	part("operations", s.Operations.String())
	part("kinds", strings.Join(s.Kinds, ","))
	for _, a := range s.Attributes {
		part(fmt.Sprintf("%q", a.Key), a.Patterns.String())
	}
	if s.HTTP5xx {
		part("errors", "http_5xx")
	}
	for _, c := range s.Codes {
		part("code", fmt.Sprintf("%d-%d", c.From, c.To))
	}
	return b.String()
}

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

// Over lays words over others: what w leaves empty is that of the others.
func (w Words) Over(o Words) Words {
	return Words{cmp.Or(w.Symptom, o.Symptom), cmp.Or(w.Impact, o.Impact), cmp.Or(w.Workaround, o.Workaround)}
}

// Component is a part of the product that customers know by name.
type Component struct {
	ID          string
	Name        string
	Description string
	Group       string   // heading that customers find it under; "" is none
	DependsOn   []string // IDs of components whose incidents explain this one's
	Target      float64  // uptime promised for a calendar month, in percent; 0: none is
	Figures     []string // what customers may see as a line: "error_rate", "p99" …
	Pos         Pos
}

// Region is a place that customers know by name.
type Region struct {
	Code    string
	Name    string
	Aliases []string // other values of the region attribute that mean this one

	// Values are what commands and links of checklists are rendered with:
	// host, api, console. They are private.
	Values map[string]string
	Pos    Pos
}

// Config is everything that people wrote, with the defaults filled in.
type Config struct {
	Organisation string
	SigNoz       SigNoz
	Channels     []Channel
	Page         Page
	Store        Store
	Listen       Listen
	Templates    string        // folder with templates of one's own; "": none
	CatchUp      time.Duration // how much missed time is judged after a stop; 6 h by default

	ReopenWithin time.Duration // an incident that breaks again so soon after its end is the same one; 30 min by default

	Policies    map[Severity]Policy // all of P0 … P4
	Business    Calendar            // the hours that policies with `hours: business` count
	People      []Person
	Console     Console
	Checklists  []Checklist
	Components  []Component // in the order of the page
	Regions     []Region    // in the order of the page
	Services    []Service
	Probes      []Probe
	Maintenance []Maintenance
	Silences    []Silence
	Rules       []Rule
	Tests       []Test
	Zone        *time.Location // for times without a zone, and for what is night; UTC by default

	Files   []string // every file that was read, in order: what to watch for changes
	LeftOut []string // what of the packs does not apply here and why, a sentence each
}

// Service says what is known of some services.
type Service struct {
	Names      Patterns
	SampleRate float64 // share of requests whose spans are stored, 0 … 1; 1 by default
	Pos        Pos
}

// SampleRate gives the share of a service's requests that its spans stand for.
func (c *Config) SampleRate(service string) float64 {
	for _, s := range c.Services {
		if s.Names.Match(service) {
			return s.SampleRate
		}
	}
	return 1
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

// Channel is a place that updates and calls to people go to.
type Channel struct {
	Name       string     // "status" is the page unless declared otherwise
	Type       string     // "page", "webhook", "email", "slack" or "tracker"
	Severities []Severity // that it hears of besides those whose policy names it

	Folder     string         // page: the folder of files
	URL        string         // webhook: where to, https; slack, tracker: the API, "" for the public one
	SecretFile string         // webhook: file that holds whsec_…; slack: the signing secret
	TokenFile  string         // slack, tracker: file with the token; webhook: with what the format's service knows us by
	Format     string         // webhook: one of WebhookFormats; "" is the first
	Allow      []netip.Prefix // webhook: networks that are not public and may be posted into all the same

	Mail    *Mail    // email
	Slack   *Slack   // slack
	Tracker *Tracker // tracker
}

// WebhookFormats lists what a webhook can post: Tocsin's own document, signed;
// Statuspage's, signed; Tocsin's texts as a flat document; and what the services
// want that call people.
var WebhookFormats = []string{"standard", "statuspage", "generic", "pagerduty", "opsgenie", "ntfy", "teams"}

// Mail is how mail leaves, and to whom.
type Mail struct {
	Server       string // host:port
	TLS          string // "starttls" by default, "tls", or "none", on this machine alone
	User         string // "": no sign-in
	PasswordFile string
	From         string // "FeatureSignals status <status@example.com>"
	ReplyTo      string // ""; else an address
	Bounces      string // the address that mail comes back to which cannot be delivered; "" is From's
	Connections  int    // at once; 4 by default
	Pace         int    // messages a minute at most; 0: as fast as the server takes them
	Lists        []List
}

// List is addresses with what they hear of. The zero List hears of nothing.
type List struct {
	Name       string
	Staff      bool           // they are our own people, who hear also what customers do not read; no unsubscribing
	Addresses  []string       // and those of File
	File       string         // one address a line, # begins a comment; read again for each update
	Components []string       // that they hear of; none: all
	Regions    []string       // codes, as Components
	Zone       *time.Location // whose time of day stands beside UTC; nil: UTC alone
}

// Slack is where in Slack, and for whom.
type Slack struct {
	Channel string // ID of the channel of announcements: "C0123ABCD"
	Rooms   Rooms
}

// Rooms is the channels that are made for incidents, one each. The zero Rooms
// makes none.
type Rooms struct {
	Severities []Severity // that have one; P0 and P1 by default
	Prefix     string     // "incident-" by default: #incident-2026-0001
	Private    bool       // whoever is not invited does not see it; that of a private incident always is
	Invite     []string   // people and roles, besides whoever is called
}

// Tracker is where issues are filed.
type Tracker struct {
	Repository string   // "owner/name"
	Labels     []string // besides "incident", which issues are found by
}

// Page is the public page's own text.
type Page struct {
	Title   string // "FeatureSignals status"
	URL     string // where the page is reached, for feeds
	Support string // a mail or web address for customers; optional

	Logo, DarkLogo     string // files, for a light ground and for a dark one; "" is none
	Accent, DarkAccent string // colours of links, "#0a55c4"; "" is the built-in
	Header             string // one line beside the title
	Links              []Link // at the top of each page
	CSS                string // a file: a style sheet of one's own
	Language           string // of the catalogue of words; "en" by default

	// Weights says which share of a minute counts against uptime, by the severity
	// of the incident in it: P0 … P4. 1 is all of it.
	Weights [5]float64

	// At says where logo, dark_logo, css, accent, dark_accent and each of the links
	// (links/0 …) stand: whether they will do shows when they are opened.
	At map[string]Pos
}

// Store is where events and deliveries are kept.
type Store struct{ Path string }

// Listen holds the two listeners' addresses.
type Listen struct {
	Public  string // ":8080" by default
	Private string // "127.0.0.1:8081" by default

	CertificateFile, KeyFile string // of the public one, PEM; "": it speaks plain HTTP
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

// DependsOn reports whether a component depends on another, at once or through
// others.
func (c *Config) DependsOn(component, on string) bool {
	seen := map[string]bool{}
	var reaches func(id string) bool
	reaches = func(id string) bool {
		if seen[id] {
			return false
		}
		seen[id] = true
		for _, x := range c.Components {
			if x.ID == id && slices.ContainsFunc(x.DependsOn, func(d string) bool { return d == on || reaches(d) }) {
				return true
			}
		}
		return false
	}
	return reaches(component)
}

// FedBy reports whether a source feeds any rule.
func (c *Config) FedBy(source string) bool {
	return slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.Source() == source })
}

// Witness names the source whose rules are asked to confirm those that another
// one feeds; "" if none is.
func (c *Config) Witness(source string) string {
	for _, r := range c.Rules {
		if r.Source() != source {
			continue
		}
		levels := r.Levels
		for _, o := range r.Overrides {
			levels = append(slices.Clip(levels), o.Levels...)
		}
		for _, l := range levels {
			for _, id := range l.ConfirmWith {
				if by, ok := c.Rule(id); ok && by.Source() != source {
					return by.Source()
				}
			}
		}
	}
	return ""
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
