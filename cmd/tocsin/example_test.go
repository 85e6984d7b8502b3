package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/rules"
)

// The example names files of secrets, which check does not open: it is checked
// where none of them are.
func TestTheExampleIsCheckedWithoutItsSecrets(t *testing.T) {
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"--config", "../../deploy/example/tocsin.yaml", "check"}, &out, &errs, nil); code != exitGood {
		t.Errorf("exit code %d:\n%s%s", code, out.String(), errs.String())
	}
}

// A type that the parser reads and nothing delivers to is said so, by the
// channel's name.
func TestAChannelThatNothingDeliversTo(t *testing.T) {
	_, err := openChannels(&rules.Config{Channels: []rules.Channel{{Name: "loft", Type: "pigeon"}}}, words(t), nil)
	if err == nil || !strings.Contains(err.Error(), "open the channel loft: this program has nothing that delivers to channels of type pigeon") {
		t.Errorf("%v", err)
	}
}

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
