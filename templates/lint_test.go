package templates

import (
	"strings"
	"testing"
)

func TestWordsThatAreFitToBePublished(t *testing.T) {
	for _, text := range []string{
		"",
		"A database node ran out of disk space.\n\nWe are adding space, which takes about 20 minutes.",
		"Pasted from elsewhere,\r\nwith a\ttab.",
		"Requests fail at 14:02 UTC, e.g. those with more than 1,000 flags; version 2.4.1 is well.",
		"Write to support@example.com, or call your account manager. See our pages at docs.example.com.",
		"Wir prüfen das. 状況を確認しています。",
		strings.Repeat("wörter ", 285),
	} {
		if err := Fit(text); err != nil {
			t.Errorf("%.60q: %v", text, err)
		}
		if err := Lint(Plain(text)); err != nil {
			t.Errorf("%.60q is said to be fit, and no post can carry it: %v", text, err)
		}
	}
}

func TestWordsThatAreNotFitAreRefusedWithAReason(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a placeholder of a form", "We see <symptom> in Europe.", `"<symptom>", which marks a place to be filled in: use words instead`},
		{"a placeholder in braces", "Next at {TIME}.", `"{TIME}"`},
		{"a comparison", "Errors > 5 %", "use words instead"},
		{"a misprint", "About %!d(string=x) requests fail.", "write the value"},
		{"a link", "See https://wiki.acme.example/incident.", `a link, "https://wiki`},
		{"an address", "The node at 10.0.0.7:5432 is down.", `the IP address "10.0.0.7:5432"`},
		{"an address of the new kind", "The node (fd00::7) is down.", `the IP address "fd00::7"`},
		{"a host of the inside", "db-7.prod.internal is down.", "the name of a host"},
		{"a host with a port", "clickhouse:9000 does not answer.", "the name of a host"},
		{"a query", "SELECT count(*) FROM spans is slow.", "a database query"},
		{"a trace", "Trace 4bf92f3577b34da6a3ce929d0e0e4736 shows it.", "an id from the inside"},
		{"text that runs backwards", "harmless \u202etxt", "invisible character U+202E"},
		{"text within another direction", "harmless \u2066txt", "invisible character U+2066"},
		{"what is not UTF-8", "caf\xe9", "not UTF-8"},
		{"a novel", strings.Repeat("words ", 400), "at most 2000 are published: shorten it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Fit(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
