package incident_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// deed is what a person does in a scenario, and what they are answered.
type deed struct {
	at      time.Time
	action  incident.Action
	refused string // what the refusal must hold; "" if it is not to be refused
	line    string
}

// readDeeds reads the section people of a scenario: a line for each thing that
// somebody does,
//
//	HH:MM[:SS] PERSON VERB [NUMBER] [key=value …] [refused="…"]
//
// with the verbs and fields of incident.Action. Values with spaces stand in
// quotes.
func readDeeds(text string, begin time.Time) ([]deed, error) {
	var deeds []deed
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		d, err := readDeed(words(line), begin)
		if err != nil {
			return nil, fmt.Errorf("people: %q: %w", line, err)
		}
		d.line = line
		deeds = append(deeds, d)
	}
	return deeds, nil
}

// words splits at spaces that are not quoted.
func words(line string) []string {
	var out []string
	var b strings.Builder
	quoted := false
	for _, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteRune(r)
		}
	}
	return append(out, b.String())
}

func readDeed(f []string, begin time.Time) (deed, error) {
	if len(f) < 3 {
		return deed{}, errors.New("want a time, a person and what they do")
	}
	var d deed
	at, err := since(f[0], begin)
	if err != nil {
		return d, err
	}
	d.at = at
	a := &d.action
	a.By, a.Do = incident.Person(f[1]), incident.Verb(f[2])
	for _, w := range f[3:] {
		key, val, ok := strings.Cut(w, "=")
		switch {
		case w == "force":
			a.Force = true
		case w == "private":
			a.Private = true
		case !ok:
			a.Incident = number(w, begin)
		default:
			if err := d.field(key, val, begin); err != nil {
				return d, err
			}
		}
	}
	return d, nil
}

func number(s string, begin time.Time) incident.ID {
	return incident.ID(fmt.Sprintf("INC-%d-%s", begin.Year(), s))
}

func since(s string, begin time.Time) (time.Time, error) {
	var h, m, sec int
	n, err := fmt.Sscanf(s, "%d:%d:%d", &h, &m, &sec)
	if n < 2 {
		return time.Time{}, fmt.Errorf("want HH:MM: %w", err)
	}
	return begin.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second), nil
}

func (d *deed) field(key, val string, begin time.Time) (err error) {
	a := &d.action
	switch key {
	case "refused":
		d.refused = val
	case "why":
		a.Why = val
	case "text":
		a.Text = val
	case "symptom":
		a.Words.Symptom = val
	case "impact":
		a.Words.Impact = val
	case "workaround":
		a.Words.Workaround = val
	case "component":
		a.Component = val
	case "regions":
		a.Regions = strings.Split(val, ",")
	case "severity":
		a.Severity, _ = rules.ParseSeverity(val)
	case "state":
		a.State = incident.State(val)
	case "integrity":
		a.Integrity = incident.Integrity(val)
	case "topic":
		a.Topic = val
	case "for":
		a.For, err = time.ParseDuration(val)
	case "until":
		a.Until, err = since(val, begin)
	case "began":
		a.Began, err = since(val, begin)
	case "other":
		a.Other = number(val, begin)
	case "to":
		a.To = val
	case "task":
		a.Task = val
	case "checklist":
		a.Checklist = val
	default:
		err = fmt.Errorf("unknown field %s", key)
	}
	return err
}

// act does what people do, each at its time.
func act(ctx context.Context, t *testing.T, desk *incident.Desk, deeds []deed) {
	for _, d := range deeds {
		select {
		case <-time.After(time.Until(d.at)):
		case <-ctx.Done():
			t.Errorf("%s: the scenario ended before", d.line)
			return
		}
		_, err := desk.Act(ctx, d.action)
		refusal, refused := errors.AsType[*incident.Refusal](err)
		switch {
		case err != nil && !refused:
			t.Errorf("%s: %v", d.line, err)
		case refused && d.refused == "":
			t.Errorf("%s: refused: %v", d.line, err)
		case d.refused != "" && (!refused || !strings.Contains(refusal.Reason, d.refused)):
			t.Errorf("%s: the answer is %v", d.line, err)
		}
	}
}
