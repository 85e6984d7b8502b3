package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// A running service has the store locked, and knows of each change at once.
func TestTokensAreMadeWhileTheServiceRuns(t *testing.T) {
	dir := t.TempDir()
	config, path := filepath.Join(dir, "tocsin.yaml"), filepath.Join(dir, "tocsin.db")
	if err := os.WriteFile(config, fmt.Appendf(nil, "store: {path: %q}\n", path), 0o600); err != nil {
		t.Fatal(err)
	}
	service, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	tocsin := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"--config", config, "token"}, args...), &out, &errs, nil); code != exitGood {
			t.Fatalf("%v ends with %d: %s", args, code, &errs)
		}
		return strings.TrimSpace(out.String())
	}

	secret := tocsin("make", "ada", "--role", "admin", "--expires", "24h")
	token, err := service.TokenOf(t.Context(), secret, time.Now())
	if err != nil || token.Person != "ada" || token.Role != "admin" {
		t.Fatalf("the service finds %+v (%v)", token, err)
	}
	if list := tocsin("list"); !strings.Contains(list, token.Hint) || strings.Contains(list, secret) {
		t.Errorf("the list is\n%s", list)
	}
	tocsin("revoke", "1")
	if _, err := service.TokenOf(t.Context(), secret, time.Now()); err == nil {
		t.Error("the service takes a token that was revoked")
	}

	log, err := service.AuditLog(t.Context(), 0, 10)
	if err != nil || len(log) != 2 {
		t.Fatalf("the audit log has %d entries (%v)", len(log), err)
	}
	for i, action := range []string{"token revoke", "token make"} {
		e := log[i]
		if e.Action != action || e.Who != "" || e.Via != "cli" || e.Outcome != "done" ||
			!strings.HasPrefix(e.Why, "token 1 ("+token.Hint+"…) of ada, admin, good until 2") {
			t.Errorf("entry %d: %+v", i, e)
		}
		if strings.Contains(fmt.Sprint(e), secret) {
			t.Error("the audit log has the token")
		}
	}
}

func TestATokenIsForAPersonOfTheConfiguration(t *testing.T) {
	people := &rules.Config{People: []rules.Person{{ID: "ada"}}}
	tests := []struct {
		name    string
		config  *rules.Config
		id      string
		warning bool
		wrong   bool
	}{
		{"one whom it knows", people, "ada", false, false},
		{"one whom it does not know", people, "ci", true, false},
		{"anybody, where it knows nobody", &rules.Config{}, "ci-2", false, false},
		{"no name of a file", people, "../ada", false, true},
		{"no mail address", people, "ada@example.com", false, true},
		{"nobody", people, "", false, true},
		{"no novel", people, strings.Repeat("a", 65), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			warning, err := checkPerson(tt.config, tt.id)
			if (warning != "") != tt.warning || (err != nil) != tt.wrong {
				t.Errorf("got %q, %v", warning, err)
			}
		})
	}
}
