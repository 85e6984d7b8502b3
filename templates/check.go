package templates

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// check executes every template with values of all kinds. It gives Mistakes.
func (s *Set) check() error {
	c := &checking{set: s}
	for _, p := range []Public{{}, full()} {
		c.texts(p)
		c.pages(p)
	}
	c.notice(Notice{})
	c.notice(fullNotice())
	if len(c.wrong) > 0 { // they come first, and much of what follows would follow from them
		return c.wrong
	}

	c.long = true
	c.texts(filled(asLong))
	c.pages(filled(asLong))
	c.notice(filledNotice(asLong))

	c.long, c.hostile = false, true
	for _, fill := range []func(string, string) string{asHostile, asHostileWords} {
		c.texts(filled(fill))
		c.pages(filled(fill))
		c.notice(filledNotice(fill))
	}
	if len(c.wrong) > 0 {
		return c.wrong
	}
	return nil
}

// checking is what check found so far.
type checking struct {
	set     *Set
	long    bool // the values are as long as they can be
	hostile bool // no value means well: what it does to the output is asked, and not whether it may be sent
	wrong   Mistakes
	stop    bool // one template takes too long, and others may stand on it
}

// try executes one template and looks at what it gives.
func (c *checking) try(name string, execute func() (string, error), look func(string) error) {
	if c.stop || slices.ContainsFunc(c.wrong, func(e *Error) bool { return e.File == name }) {
		return
	}
	out, err := execute()
	if err == nil && look != nil {
		err = look(out)
	}
	if err == nil && c.hostile {
		err = harmless(name, out)
	}
	if err != nil {
		c.stop = errors.Is(err, errTooSlow)
		if c.long && (errors.Is(err, errTooLarge) || strings.Contains(err.Error(), " gives more than ")) {
			err = fmt.Errorf("where people write as much as they may: %w", err)
		}
		c.wrong = c.wrong.with(name, c.set.place(name, err))
	}
}

// texts executes the text templates of every update.
func (c *checking) texts(p Public) {
	render := func(name string, x Post) func() (string, error) {
		if c.hostile { // those who ask for the words would be refused what is in them
			return func() (string, error) { return c.set.execute(name, x) }
		}
		return func() (string, error) { return c.set.words(name, x) }
	}
	for _, i := range orEmpty(p) {
		for _, u := range i.Updates {
			x := postOf(p, i, u)
			c.try("update.txt", render("update.txt", x), nil)
			c.try("body.txt", render("body.txt", x), nil)
			c.try("message.txt", render("message.txt", x), func(out string) error {
				_, err := messageOf(out)
				return err
			})
			data := mailPost{Post: x, Subject: x.Title(), Foot: MailFoot{Unsubscribe: p.URL, Inside: u.Late}}
			c.try("mail.html", func() (string, error) { b, err := c.set.page("mail.html", data); return string(b), err }, nil)
			c.try("mailfoot.txt", func() (string, error) { return c.set.execute("mailfoot.txt", data) }, nil)
			if c.hostile {
				continue // what Markdown is made from was made harmless before
			}
			c.try("issue.md", func() (string, error) { m, err := c.set.Issue(p, i, u); return m.Body, err }, nil)
			c.try("comment.md", func() (string, error) { return c.set.Comment(p, i, u) }, nil)
		}
	}
}

// pages executes the HTML templates.
func (c *checking) pages(p Public) {
	page := func(name string, make func() ([]byte, error)) {
		c.try(name, func() (string, error) { b, err := make(); return string(b), err }, func(out string) error { return checkPage(name, []byte(out)) })
	}
	for _, i := range orEmpty(p) {
		c.try("feed.html", func() (string, error) { return c.set.FeedEntry(p, i) }, nil)
		page("incident.html", func() ([]byte, error) { return c.set.IncidentPage(p, i) })
	}
	page("index.html", func() ([]byte, error) { return c.set.Index(p) })
	page("history.html", func() ([]byte, error) { return c.set.History(p) })
	page("history.html", func() ([]byte, error) { return c.set.Month(p, p.now()) })
	for _, x := range p.Components[:min(1, len(p.Components))] {
		page("component.html", func() ([]byte, error) { return c.set.Component(p, x.ID) })
	}
	for _, r := range p.Regions[:min(1, len(p.Regions))] {
		page("region.html", func() ([]byte, error) { return c.set.Region(p, r.Code) })
	}
	page("uptime.html", func() ([]byte, error) { return c.set.Uptime(p) })
	page("maintenance.html", func() ([]byte, error) { return c.set.Maintenance(p) })
	page("subscribe.html", func() ([]byte, error) { return c.set.Subscribe(p) })
	page("notfound.html", func() ([]byte, error) { return c.set.NotFound(p) })
}

func (c *checking) notice(n Notice) {
	c.try("notice.txt", func() (string, error) { return c.set.Notice(n) }, nil)
}

// orEmpty gives the incidents of p, or one about which nothing is known.
func orEmpty(p Public) []Incident {
	if all := slices.Concat(p.Incidents, p.Past); len(all) > 0 {
		return all
	}
	return []Incident{{Updates: []Update{{}}}}
}

// place finds the line of a template that a text came from which may not be sent,
// where it stands in the template itself.
func (s *Set) place(name string, err error) error {
	u, ok := errors.AsType[*unfit](err)
	if !ok {
		return err
	}
	for _, file := range []string{name, "words.txt"} {
		if at := strings.Index(s.files[file], u.words); at >= 0 {
			return &Error{File: file, Line: 1 + strings.Count(s.files[file][:at], "\n"), Msg: u.Error()}
		}
	}
	return &Error{File: name, Msg: u.Error()}
}

// Marks of hostile values, by which check knows them again.
const (
	forgedLine    = "Tocsin-Forged-Line"
	forgedElement = "tocsin-forged-element"
)

// harmless says why a template lets hostile values do something: a value begins a
// line of its own, which in a form or a mail's head says what nobody said, or
// becomes an element of a page.
func harmless(name, out string) error {
	for line := range strings.Lines(out) {
		if strings.HasSuffix(name, ".txt") && strings.HasPrefix(strings.TrimSpace(line), forgedLine) {
			return errors.New("a value with a line break in it begins a line of its own here: write {{oneline …}} around it, or take what the Post gives (.Symptom and not .Update.Symptom)")
		}
	}
	if strings.HasSuffix(name, ".html") && strings.Contains(strings.ToLower(out), "<"+forgedElement) {
		return errors.New("a value becomes an element of the page here: let the template's own escaping do its work")
	}
	return nil
}
