package templates

import "strings"

// Mail is a message in the two forms that mail has.
type Mail struct {
	Subject string // one line
	Text    string
	HTML    string
}

// MailFoot is what stands around a mail, of the reader it is for.
type MailFoot struct {
	Unsubscribe string // the address of the page that takes the reader off the list; "" if there is none
	Inside      bool   // it is for our own people: customers do not read the update
}

// Mail gives a mail about one update: the text is the message as runbook B has
// it, and the HTML says the same.
func (s *Set) Mail(p Public, i Incident, u Update) (Mail, error) {
	return s.MailWith(p, i, u, MailFoot{})
}

// MailWith is Mail with a foot.
func (s *Set) MailWith(p Public, i Incident, u Update, foot MailFoot) (Mail, error) {
	m, err := s.Message(p, i, u)
	if err != nil {
		return Mail{}, err
	}
	s = s.speaking(p.Brand.Language)
	data := mailPost{Post: s.postOf(p, i, u), Subject: m.Subject, Foot: foot}
	below, err := s.words("mailfoot.txt", data)
	if err != nil {
		return Mail{}, err
	}
	page, err := s.page("mail.html", data)
	if err != nil {
		return Mail{}, err
	}
	text := m.Body
	if said := data.Inside(); said != "" {
		text = said + "\n\n" + text
	}
	if below = strings.TrimSpace(below); below != "" {
		text += "\n-- \n" + below + "\n" // what programs know to leave out of an answer
	}
	return Mail{Subject: m.Subject, Text: text, HTML: string(page)}, nil
}

// mailPost is what mail.html and mailfoot.txt are executed with.
type mailPost struct {
	Post
	Subject string
	Foot    MailFoot
}

// Inside gives what is said above a mail that is not for customers, "" above one
// that is: whoever passes it on is to see it first.
func (p mailPost) Inside() string {
	if !p.Foot.Inside {
		return ""
	}
	return "For our own people: customers do not read this update."
}

// Link gives the address of the incident on the page; "" where customers cannot
// read of it there.
func (p mailPost) Link() string {
	isWeb := strings.HasPrefix(p.Page.URL, "https://") || strings.HasPrefix(p.Page.URL, "http://")
	if !isWeb || p.Incident.ID == "" || p.Foot.Inside {
		return ""
	}
	return strings.TrimRight(oneline(p.Page.URL), "/") + "/incidents/" + oneline(p.Incident.ID) + ".html"
}

// Tone gives the word for the colour of a mail: how bad things are.
func (p mailPost) Tone() string {
	switch {
	case p.Merged():
		return "info"
	case p.Resolved():
		return "ok"
	case p.State() == "Monitoring":
		return "info"
	case p.Update.Severity == "P0":
		return "major"
	case p.Update.Severity == "P1":
		return "partial"
	default:
		return "minor"
	}
}
