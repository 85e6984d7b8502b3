package templates

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// mails gives the stories of every state at every severity, with a mail's foot.
func mails(t *testing.T) map[string]Mail {
	t.Helper()
	s, all := load(t), map[string]Mail{}
	state := regexp.MustCompile(`^(investigating|identified|monitoring|resolved) at P[0-3]`)
	for _, c := range stories() {
		if !state.MatchString(c.name) {
			continue
		}
		c.Page.URL = "https://status.example.com"
		m, err := s.MailWith(c.Page, c.Incident, c.Update, MailFoot{Unsubscribe: "https://status.example.com/unsubscribe/abc"})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		all[c.name] = m
	}
	if len(all) != 32 {
		t.Fatalf("%d mails, want each of 4 states at 4 severities, with and without a person's words", len(all))
	}
	return all
}

func TestMailsInBothForms(t *testing.T) {
	all := mails(t)
	var text, html strings.Builder
	for _, c := range stories() {
		if m, ok := all[c.name]; ok {
			fmt.Fprintf(&text, "==== %s ====\nSubject: %s\n%s\n", c.name, m.Subject, m.Text)
			if strings.HasSuffix(c.name, "words") {
				fmt.Fprintf(&html, "<!-- %s -->\n%s\n", c.name, m.HTML)
			}
		}
	}
	golden(t, "mail.txt.golden", text.String())
	golden(t, "mail.html.golden", html.String())
}

// What mail programs show of HTML is words: they are runbook B's, as the text
// has them.
func TestTheHTMLSaysWhatTheTextSays(t *testing.T) {
	for name, m := range mails(t) {
		got := shown(m.HTML)
		for line := range strings.Lines(m.Text) {
			line = strings.TrimSpace(line)
			if line == "" || line == "--" {
				continue
			}
			label, value, ok := strings.Cut(line, ": ")
			switch {
			case ok && (label == "Status page" || label == "Unsubscribe"):
				if !strings.Contains(m.HTML, `href="`+value+`"`) {
					t.Errorf("%s: the HTML does not lead to %s", name, value)
				}
				continue
			case ok && len(label) < 20:
				if !strings.Contains(got, label) {
					t.Errorf("%s: the HTML has no %q", name, label)
				}
			default:
				value = line
			}
			for sentence := range strings.SplitSeq(value, ". ") {
				if !strings.Contains(got, strings.TrimSuffix(sentence, ".")) {
					t.Errorf("%s: the HTML does not say %q:\n%s", name, sentence, got)
				}
			}
		}
	}
}

var tags = regexp.MustCompile(`(?s)<style>.*?</style>|<title>.*?</title>|<!--.*?-->|<[^>]*>`)

// shown gives the words of an HTML text.
func shown(html string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("&#39;", "'", "&#43;", "+", "&amp;", "&").Replace(tags.ReplaceAllString(html, " "))), " ")
}

// A mail must not tell anybody that it was read, nor wait for what is not there.
func TestNothingInAMailIsFetched(t *testing.T) {
	fetches := regexp.MustCompile(`(?i)<(img|link|script|iframe|object|embed|video|audio|source|form|input|svg|base)\b|src\s*=|background\s*=|url\(|@import|http-equiv`)
	for name, m := range mails(t) {
		if found := fetches.FindString(m.HTML); found != "" {
			t.Errorf("%s: it holds %q", name, found)
		}
		if strings.Contains(m.HTML, "ZgotmplZ") {
			t.Errorf("%s: a value does not fit its place", name)
		}
		if n := len(m.HTML); n > 20_000 {
			t.Errorf("%s: %d bytes of HTML", name, n)
		}
	}
}

func TestWordsCannotBecomeHTML(t *testing.T) {
	c := stories()[0]
	c.Page.Organisation = `A & B "Söhne"`
	m, err := load(t).Mail(c.Page, c.Incident, c.Update)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.HTML, "A &amp; B &#34;Söhne&#34; Incident Response Team") || !strings.Contains(m.Text, `A & B "Söhne" Incident`) {
		t.Errorf("it is %s", shown(m.HTML))
	}
	if strings.Contains(m.Text, "\n-- \n") {
		t.Error("there is a foot without anything in it")
	}
	c.Update.Text = "<b>bold</b>"
	if _, err := load(t).Mail(c.Page, c.Incident, c.Update); err == nil {
		t.Error("words with tags went out")
	}
}

func TestAMailForOurOwnPeopleSaysSo(t *testing.T) {
	c := stories()[0]
	c.Page.URL = "https://status.example.com"
	m, err := load(t).MailWith(c.Page, c.Incident, c.Update, MailFoot{Inside: true})
	if err != nil {
		t.Fatal(err)
	}
	const note = "customers do not read this update"
	if !strings.HasPrefix(m.Text, "For our own people: "+note) || !strings.Contains(m.HTML, note) || strings.Contains(m.Text+m.HTML, "/incidents/") {
		t.Errorf("it is %q", m.Text)
	}
}
