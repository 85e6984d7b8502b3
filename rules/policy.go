package rules

import "time"

// Policy is what a severity asks of the people on call, and what it promises to
// those who wait for words. The zero Policy asks and promises nothing.
type Policy struct {
	Cadence    []Step // how often an open incident is spoken of; empty: never by the clock
	OnOpened   bool   // its beginning is told on its channels though customers read nothing of it
	OnResolved bool   // and its end
	Channels   []string
	Public     bool // whether customers read of it

	Hold      time.Duration // between confirmation and the first public post, for people to change it or to veto
	Approve   bool          // the first public post waits for a person, however long
	FirstPost time.Duration // the first public post is late when it comes later than this after confirmation

	Ack      Within        // by when somebody is to have acknowledged
	AckLapse time.Duration // an acknowledgement counts for so long; 0: to the incident's end
	Page     Paging
	Escalate []Escalation  // in the order of After
	WarRoom  time.Duration // by when the war room is open; 0: there is none
	Business bool          // Ack, Page and Escalate count hours of business only

	Remind      time.Duration // so long before a promise is due, whoever is on it is reminded; 0: never
	PostMortem  time.Duration // after the end, by when the post-mortem is due; 0: none is asked for
	ResolveGoal Within        // by when it should be over

	Pos Pos // where page, escalate or ack is written; zero: they are built in
}

// Paging says who is called when an incident needs somebody, and how often as
// long as nobody has acknowledged. The zero Paging calls nobody.
type Paging struct {
	To     string        // a role or a person's ID; "on-call" by default
	Repeat time.Duration // 0: nobody is paged
}

// Escalation calls somebody else when an incident goes on for so long.
type Escalation struct {
	After  time.Duration
	To     string // a role or a person's ID
	Unless string // "acknowledged" (the default) or "resolved": what makes it unnecessary
}

// What makes an escalation unnecessary.
const (
	UnlessAcknowledged = "acknowledged"
	UnlessResolved     = "resolved"
)

// OnCall is the role that is paged where nobody says otherwise.
const OnCall = "on-call"

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

// By gives the time that lies w after from: for a policy that counts hours of
// business, only those are counted. Business days are always those of c.
func (p Policy) By(c Calendar, from time.Time, w Within) time.Time {
	switch {
	case w.Days > 0:
		return c.AddDays(from, w.Days)
	case p.Business:
		return c.Add(from, w.Time)
	default:
		return from.Add(w.Time)
	}
}

// DefaultPolicies is the built-in scale, that of the two runbooks.
func DefaultPolicies() map[Severity]Policy {
	every := func(d time.Duration) []Step { return []Step{{Every: d}} }
	const day = 24 * time.Hour
	return map[Severity]Policy{
		P0: {
			Cadence: every(30 * time.Minute), Channels: []string{"status", "slack", "email"}, Public: true,
			Hold: 2 * time.Minute, FirstPost: 5 * time.Minute,
			Ack: Within{Time: 5 * time.Minute}, Page: Paging{OnCall, 5 * time.Minute}, WarRoom: 15 * time.Minute,
			Escalate: []Escalation{{0, "cto", UnlessAcknowledged}, {30 * time.Minute, "chief-executive", UnlessResolved}},
			Remind:   5 * time.Minute, PostMortem: 2 * day, ResolveGoal: Within{Time: 4 * time.Hour},
		},
		P1: {
			Cadence: every(time.Hour), Channels: []string{"status", "slack"}, Public: true,
			Hold: 5 * time.Minute, FirstPost: 15 * time.Minute,
			Ack: Within{Time: 15 * time.Minute}, Page: Paging{OnCall, 15 * time.Minute},
			Escalate: []Escalation{{time.Hour, "eng-manager", UnlessAcknowledged}, {4 * time.Hour, "vp-eng", UnlessResolved}},
			Remind:   10 * time.Minute, PostMortem: 2 * day, ResolveGoal: Within{Time: day},
		},
		P2: {
			Cadence: every(4 * time.Hour), Channels: []string{"status"}, Public: true,
			Hold: 15 * time.Minute, FirstPost: time.Hour,
			Ack: Within{Time: time.Hour}, Business: true, Escalate: []Escalation{{4 * time.Hour, "eng-manager", UnlessAcknowledged}},
			Remind: 15 * time.Minute, ResolveGoal: Within{Days: 1},
		},
		P3: {Channels: []string{"tracker"}, OnResolved: true, Ack: Within{Days: 1}, Business: true},
		P4: {Channels: []string{"log"}, OnOpened: true, OnResolved: true},
	}
}
