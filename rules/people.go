package rules

import "slices"

// Person is somebody who works on incidents. Nothing of it is ever public.
type Person struct {
	ID    string
	Name  string
	Roles []string // "on-call", "cto", …: who is meant by a role is whoever has it
	Reach []string // names of channels that calls to this person go to
	Email string   // for channels of mail; "" if nobody said
	Slack string   // member ID, for channels of Slack: "U0123ABCD"; "" if nobody said
	Pos   Pos
}

// Who gives the people that a role or a person's ID means, in the order of
// declaration.
func (c *Config) Who(to string) []Person {
	var who []Person
	for _, p := range c.People {
		if p.ID == to || slices.Contains(p.Roles, to) {
			who = append(who, p)
		}
	}
	return who
}

// Person gives the person with that ID.
func (c *Config) Person(id string) (Person, bool) {
	for _, p := range c.People {
		if p.ID == id {
			return p, true
		}
	}
	return Person{}, false
}

// WithoutPeople gives the configuration of a service that nobody works with, for
// asking what the rules would have said: nobody is called, and nothing is to do.
func (c *Config) WithoutPeople() *Config {
	alone := *c
	alone.People, alone.Checklists = nil, nil
	return &alone
}

// Console is what people on call see beside the incidents.
type Console struct {
	URL     string // where the console is reached, for links in calls; "" if nobody said
	WarRoom string // the address of the call that P0 and P1 are worked on in; "" if there is none
	Links   []Link // portals, reference files
}

// Link is an address with a title.
type Link struct {
	Title string
	URL   string
}
