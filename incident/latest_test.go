package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

func round(source string, at time.Time, fs ...evaluator.Finding) evaluator.Round {
	return evaluator.Round{Source: source, At: at, Findings: fs}
}

func found(rule string, now evaluator.Verdict, held rules.Severity) evaluator.Finding {
	return evaluator.Finding{Rule: rule, Series: telemetry.Series{Service: "s", Region: "eu"}, Now: now, Held: held}
}

// A turn is where a verdict differs from the minute before; what stays the same
// is not written down again, and what is gone is written down once.
func TestTurns(t *testing.T) {
	var l latest
	bad, good := found("a", evaluator.Bad, rules.P1), found("b", evaluator.Good, rules.SeverityNone)
	at := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	turn := func(m int, f evaluator.Finding) Turn {
		return Turn{Minute: at(m), Rule: f.Rule, Service: "s", Region: "eu", Now: f.Now, Held: f.Held, Value: f.Value}
	}
	worse := bad
	worse.Held, worse.Value = rules.P0, 3
	for i, step := range []struct {
		name string
		fs   []evaluator.Finding
		want []Turn
	}{
		{"after a start everything is news", []evaluator.Finding{good, bad}, []Turn{turn(0, bad), turn(0, good)}},
		{"the same again is none", []evaluator.Finding{good, bad}, nil},
		{"a level more is", []evaluator.Finding{good, worse}, []Turn{turn(2, worse)}},
		{"what is gone is unsure", []evaluator.Finding{good}, []Turn{{Minute: at(3), Rule: "a", Service: "s", Region: "eu"}}},
		{"once", []evaluator.Finding{good}, nil},
	} {
		r := round(rules.SourceSpans, at(i), step.fs...)
		if diff := cmp.Diff(step.want, l.turns(r)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", step.name, diff)
		}
		l = l.with(r)
	}
	if got := l.turns(round(rules.SourceProbes, at(4), bad)); len(got) != 1 {
		t.Errorf("another source's first round has %d turns, want 1: it is compared with its own", len(got))
	}
}

// Words rest on all sources that are fresh: while one is away the others go on,
// and what it said long ago is not repeated as if it were so now.
func TestWhatIsTooOldSaysNothing(t *testing.T) {
	var l latest
	l = l.with(round(rules.SourceSpans, noon, found("a", evaluator.Bad, rules.P1)))
	l = l.with(round(rules.SourceProbes, noon.Add(time.Minute), found("b", evaluator.Bad, rules.P1)))
	if got := len(l.findings(noon.Add(2 * time.Minute))); got != 2 {
		t.Errorf("%d findings, want those of both sources", got)
	}
	l = l.with(round(rules.SourceProbes, noon.Add(10*time.Minute), found("b", evaluator.Bad, rules.P1)))
	if got := l.findings(l.asOf()); len(got) != 1 || got[0].Rule != "b" {
		t.Errorf("%v, want what the probes say alone", got)
	}
}
