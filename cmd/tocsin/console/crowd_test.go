package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// hostile is what nobody should be able to write anywhere, in every place where
// somebody can.
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

const (
	rightToLeft = "\u05e9\u05d2\u05d9\u05d0\u05d5\u05ea \u05d1\u05de\u05de\u05e9\u05e7 \u0645\u0631\u062d\u0628\u0627"
	longWord    = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsabrechnungsstelle"
)

// crowd is a board of very many incidents, with names that do not fit and words
// that are meant to break out.
func crowd(t *testing.T) *stage {
	c := product()
	c.Components = nil
	c.Rules = nil
	for n := range 14 {
		name := fmt.Sprintf("Component %d", n)
		switch n {
		case 0:
			name = hostile
		case 1:
			name = longWord
		case 2:
			name = rightToLeft
		}
		c.Components = append(c.Components, rules.Component{ID: fmt.Sprintf("c%d", n), Name: name})
		c.Rules = append(c.Rules, rules.Rule{
			ID: fmt.Sprintf("rule-%d-%s", n, strings.Repeat("long-", 8)), Component: fmt.Sprintf("c%d", n), Signal: rules.Signal{Kind: rules.KindErrorRate}, Window: 5 * time.Minute,
			Levels:  []rules.Level{{Severity: rules.P0, Limit: 0.5, For: time.Minute}, {Severity: rules.P2, Limit: 0.01, For: time.Minute}},
			Recover: rules.Recover{Limit: 0.005, For: time.Minute}, Public: rules.Words{Symptom: name},
			Runbook: "https://runbooks.example.com/?q=" + hostile,
		})
	}
	c.People[0].Name = "Asha " + hostile
	c.Regions[2].Name = "Europe " + longWord
	c.Checklists = append(c.Checklists, rules.Checklist{
		ID: "hostile", Title: hostile, For: rules.ChecklistFor{Severities: []rules.Severity{rules.P0}},
		Steps: []rules.ChecklistStep{{ID: "x", Text: hostile + " " + longWord, Command: "echo {{nothing}} " + hostile + "\n" + strings.Repeat(longWord, 3)}},
	})
	s := newStage(t, c, noon)
	for m := range 6 {
		at := noon.Add(time.Duration(m) * time.Minute)
		var f []evaluator.Finding
		for n := range 14 {
			held := rules.P2
			if n < 3 {
				held = rules.P0
			}
			region := []string{"in", "us", "eu", "ap-southeast-1-" + hostile}[n%4]
			if n == 0 {
				region = "eu"
			}
			if n >= 11 && m > 2 {
				f = append(f, errorsAt(c.Rules[n].ID, c.Components[n].ID, "svc", region, 0, rules.SeverityNone, noon))
				continue
			}
			x := errorsAt(c.Rules[n].ID, c.Components[n].ID, "service-"+hostile+longWord, region, 0.3+float64(m)/20, held, noon)
			x.Why = hostile + " " + x.Why
			x.LastSeen = at
			f = append(f, x)
		}
		s.judge(at, f...)
	}
	id := s.of("c0").ID
	s.act("asha", incident.Action{Do: incident.Write, Incident: id, Text: hostile + "\n" + longWord + "\n" + rightToLeft})
	s.act("asha", incident.Action{Do: incident.Acknowledge, Incident: id, Why: hostile})
	s.act("asha", incident.Action{Do: incident.AddTask, Incident: id, Text: hostile})
	return s
}

// blind tells that the source does not answer.
func (s *stage) blind(now time.Time) {
	s.t.Helper()
	s.clock.Store(now.UnixNano())
	r := evaluator.Round{Source: rules.SourceSpans, Lag: lag, At: noon, Blind: true, Now: now, Why: "dial tcp: connection refused"}
	if err := s.desk.Judge(s.t.Context(), r); err != nil {
		s.t.Fatal(err)
	}
	s.console.Note(r)
}

// signinPage serves the form for signing in, and the files that it refers to.
func signinPage() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/{name}", http.HandlerFunc(getAsset))
	mux.Handle("GET /{$}", access.Headers(access.DefaultCSP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := access.View{Form: true, Next: "/"}
		if r.URL.Query().Get("problem") != "" {
			v.Problem = "This token does not hold: it is unknown, expired or revoked."
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = Render(w, v)
	})))
	return mux
}
