package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// The dead letters of a pager that was away, from the command line to the store.
func TestOutboxFromTheCommandLineToTheStore(t *testing.T) {
	s := serviceFor(t)
	config := s.keeper.force.Load().config
	config.Channels = append(config.Channels, rules.Channel{Name: "pager", Type: "webhook"})
	at := time.Now().UTC()
	b := incident.Batch{Recorded: at}
	for n := 1; n <= 3; n++ {
		b.Events = append(b.Events, incident.Event{
			Kind: incident.Paged, Incident: "INC-2026-0901", At: at, By: incident.Clock, Severity: rules.P1,
			Posts: []incident.Post{{Channel: map[bool]string{true: "pager", false: "old"}[n < 3], Key: fmt.Sprintf("INC-2026-0901/notice/%d", n), Due: at}},
		})
	}
	if _, err := s.keeper.db.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		s.keeper.db.Dead(t.Context(), 1, "410 Gone", at), s.keeper.db.Dead(t.Context(), 2, "410 Gone\x1b[2J", at),
		s.keeper.db.Halt(t.Context(), "pager", "410 Gone", at),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TOCSIN_SERVER", s.URL)
	t.Setenv("TOCSIN_TOKEN", s.tokens["responder"])
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"list", exitGood, `(?s)pager +webhook +0 +- +2 +never.*old +- +1 .*pager is halted: .*410 Gone\. When that is mended: tocsin outbox resume pager` + "\n" +
			`pager has dead letters: tocsin outbox dead --channel pager` + "\n" + `old is not in the configuration any more: .*tocsin outbox discard old`},
		{"dead", exitGood, `(?s)^2  P1  INC-2026-0901  call 2  to pager\n    given up \d\d:\d\dZ after 1 attempt: 410 Gone\x{FFFD}\[2J\n1  P1  `},
		{"dead --channel old", exitGood, `^no delivery was given up\n`},
		{"dead --limit 1", exitGood, `there may be more: --after 2\n`},
		{"retry", exitFound, `say which: an ID as tocsin outbox dead prints it, --channel, --target or --incident`},
		{"retry --channel nobody", exitFound, `there is no channel "nobody" in the configuration: want one of status pager`},
		{"retry 2 --why mended", exitGood, `^1 delivery goes out again\n`},
		{"retry 2", exitGood, `^nothing to do: no delivery fits\n`},
		{"resume pager", exitGood, `^nothing to do: it was not halted\n`}, // since one was tried again
		{"retry --channel pager --incident INC-2026-0901", exitGood, `^1 delivery goes out again\n`},
		{"replay --since 1h", exitUsage, `--channel`},
		{"replay --channel pager --since=-1h", exitFound, `lies in the future`},
		{"replay --channel pager --since soon", exitFound, `--since "soon" is no time: want one as 2026-05-20T10:00Z, or how long ago, as 2h`},
		{"replay --channel pager --since 2h", exitGood, `^nothing to do: no delivery fits\n`},
		{"discard old --why replaced", exitGood, `^1 delivery goes nowhere any more\n`},
		{"list --format json", exitGood, `"waiting": 2`},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"outbox"}, strings.Fields(c.args)...), &out, &errs, nil)
		if got := out.String() + errs.String(); code != c.code || !regexp.MustCompile(c.says).MatchString(got) {
			t.Errorf("tocsin outbox %s ends with %d:\n%s\nwant %s", c.args, code, got, c.says)
		}
	}
	if err := s.keeper.db.Done(t.Context(), 1, 1, "202", at); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	since := at.Add(-time.Hour).Format("2006-01-02T15:04Z")
	if code := run(t.Context(), []string{"outbox", "replay", "--channel", "pager", "--since", since}, &out, &out, nil); code != exitGood || out.String() != "1 delivery goes out again\n" {
		t.Errorf("replayed since %s: %d %s", since, code, &out)
	}
	// A viewer sees how the channels stand, and no target.
	t.Setenv("TOCSIN_TOKEN", s.tokens["viewer"])
	for args, want := range map[string]int{"list": exitGood, "dead": exitFound, "retry 1": exitFound, "resume pager": exitFound, "discard pager": exitFound} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"outbox"}, strings.Fields(args)...), &out, &out, nil); code != want {
			t.Errorf("tocsin outbox %s of a viewer ends with %d: %s", args, code, &out)
		}
	}
}
