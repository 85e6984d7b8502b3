package email_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
	"github.com/featuresignals/tocsin/rules"
)

// An editor, or cp, empties a file before it writes it: readers who are told just
// then must not be taken for readers who were taken out.
func TestAListThatIsJustBeingWrittenIsWaitedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "customers.txt")
	write := func(body string, age time.Duration) {
		t.Helper()
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(file, []byte(body), 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	write("ada@example.net\ngrace@example.net\n", time.Hour)
	p := mailTo(t, smtptest.New(t, smtptest.Options{}), func(c *email.Config) {
		c.Mail.Lists = []rules.List{{Name: "customers", File: file}}
	})
	waits := func(err error) bool {
		_, ok := errors.AsType[*publisher.RetryAfter](err)
		return ok
	}
	for _, half := range []string{"", "ada@exam"} {
		write(half, 0)
		if targets, err := p.channel.Targets(t.Context(), update(1, "")); !waits(err) {
			t.Errorf("while the file holds %q the targets are %q (%v)", half, targets, err)
		}
		if receipt, err := p.channel.Publish(t.Context(), update(1, "grace@example.net")); !waits(err) {
			t.Errorf("while the file holds %q: %q (%v)", half, receipt, err)
		}
	}
	write("ada@example.net\nmary@example.net\n", time.Minute)
	if targets, err := p.channel.Targets(t.Context(), update(1, "")); err != nil || !slices.Equal(targets, []string{"ada@example.net", "mary@example.net"}) {
		t.Errorf("when it is written, the targets are %q (%v)", targets, err)
	}
	write("ada@example.net\nmary@example.net\njoan@example.net\n", 0)
	if targets, err := p.channel.Targets(t.Context(), update(1, "")); err != nil || len(targets) != 3 {
		t.Errorf("with one more, the targets are %q (%v)", targets, err)
	}
}
