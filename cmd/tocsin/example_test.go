package main

import (
	"bytes"
	"strings"
	"testing"
)

// The example's rule tests play the rules of the pack themselves, on minutes of
// outages that the runbooks tell of.
func TestTheExamplesRuleTests(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--config", "../../deploy/example/tocsin.yaml", "test"}, &out, &errs, nil); code != exitGood {
		t.Fatalf("it ends with %d:\n%s%s", code, &out, &errs)
	}
	for _, name := range []string{
		"a database that is away answers evaluations with 401",
		"a region that is silent and cannot be reached is an outage",
		"a region that is silent and answers is a gap in the telemetry",
	} {
		if !strings.Contains(out.String(), "ok    "+name) {
			t.Errorf("it does not play %q:\n%s", name, &out)
		}
	}
}
