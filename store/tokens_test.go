package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
)

func makeToken(t *testing.T, db *DB, person, role string, expires time.Time) (string, Token) {
	t.Helper()
	secret, token, err := db.MakeToken(t.Context(), person, role, expires, noon)
	if err != nil {
		t.Fatal(err)
	}
	return secret, token
}

func session(t *testing.T, db *DB, token int64, at time.Time, lasts time.Duration) string {
	t.Helper()
	secret, err := db.MakeSession(t.Context(), token, at, lasts)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestATokenIsKnownByItsHashAlone(t *testing.T) {
	db := openNew(t)
	secret, token := makeToken(t, db, "ada", "responder", noon.Add(24*time.Hour))
	if !regexp.MustCompile(`^tocsin_[A-Za-z0-9_-]{43}$`).MatchString(secret) || !strings.HasPrefix(secret, token.Hint) || len(token.Hint) > 12 {
		t.Errorf("the secret is %q, its hint %q", secret, token.Hint)
	}
	cookie := session(t, db, token.ID, noon, time.Hour)
	got, err := db.TokenOf(t.Context(), secret, noon)
	if err != nil {
		t.Fatal(err)
	}
	token.Used = noon
	if diff := cmp.Diff(token, got); diff != "" {
		t.Errorf("-made +found:\n%s", diff)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"", "-wal"} {
		body, err := os.ReadFile(db.path + more)
		if err != nil && more == "" {
			t.Fatal(err)
		}
		if strings.Contains(string(body), secret[len(token.Hint):]) || strings.Contains(string(body), cookie) {
			t.Error("a secret can be read from the file")
		}
	}
}

func TestATokenHoldsUntilItDoesNot(t *testing.T) {
	db := openNew(t)
	hour := noon.Add(time.Hour)
	short, shortToken := makeToken(t, db, "ada", "viewer", hour)
	long, longToken := makeToken(t, db, "ada", "admin", time.Time{})
	gone, goneToken := makeToken(t, db, "grace", "admin", time.Time{})
	sessions := map[string]string{
		short: session(t, db, shortToken.ID, noon, 12*time.Hour), // no longer than its token
		long:  session(t, db, longToken.ID, noon, 2*time.Hour),
		gone:  session(t, db, goneToken.ID, noon, 12*time.Hour),
	}
	if err := db.RevokeToken(t.Context(), goneToken.ID, hour); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name           string
		secret         string
		at             time.Time
		token, session bool
	}{
		{"within its time", short, hour.Add(-1), true, true},
		{"when it expires", short, hour, false, false},
		{"without an end", long, hour, true, true},
		{"when the session is over", long, noon.Add(2 * time.Hour), true, false},
		{"when it was revoked", gone, hour.Add(time.Second), false, false},
		{"when it was revoked, by a clock that is behind", gone, noon, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := db.TokenOf(t.Context(), tt.secret, tt.at); (err == nil) != tt.token || err != nil && !errors.Is(err, ErrNoToken) {
				t.Errorf("the token: %v", err)
			}
			if _, err := db.SessionOf(t.Context(), sessions[tt.secret], tt.at); (err == nil) != tt.session || err != nil && !errors.Is(err, ErrNoToken) {
				t.Errorf("the session: %v", err)
			}
		})
	}
	if _, err := db.MakeSession(t.Context(), goneToken.ID, hour, time.Hour); !errors.Is(err, ErrNoToken) {
		t.Errorf("a session of a revoked token: %v", err)
	}
	if _, err := db.MakeSession(t.Context(), 99, hour, time.Hour); !errors.Is(err, ErrNoToken) {
		t.Errorf("a session of no token: %v", err)
	}
	if err := db.EndSession(t.Context(), sessions[long]); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SessionOf(t.Context(), sessions[long], noon); !errors.Is(err, ErrNoToken) {
		t.Errorf("a session that was ended: %v", err)
	}
}

func TestWhatIsNoTokenIsNone(t *testing.T) {
	db := openNew(t)
	secret, token := makeToken(t, db, "ada", "viewer", time.Time{})
	cookie := session(t, db, token.ID, noon, time.Hour)
	for _, s := range []string{
		"", "tocsin_", secret[:len(secret)-1], secret + "A", " " + secret, strings.ToUpper(secret), strings.TrimPrefix(secret, "tocsin_"),
		cookie + "0", "\x00", "' OR 1=1 --", strings.Repeat("tocsin_", 1<<16), string(hash(secret)),
	} {
		if _, err := db.TokenOf(t.Context(), s, noon); !errors.Is(err, ErrNoToken) {
			t.Errorf("token %.40q: %v", s, err)
		}
		if _, err := db.SessionOf(t.Context(), s, noon); !errors.Is(err, ErrNoToken) {
			t.Errorf("session %.40q: %v", s, err)
		}
	}
	if _, err := db.TokenOf(t.Context(), cookie, noon); !errors.Is(err, ErrNoToken) {
		t.Errorf("a session as a token: %v", err)
	}
	if _, err := db.SessionOf(t.Context(), secret, noon); !errors.Is(err, ErrNoToken) {
		t.Errorf("a token as a session: %v", err)
	}
}

func TestATokensUseIsNotedOnceAnHour(t *testing.T) {
	db := openNew(t)
	secret, token := makeToken(t, db, "ada", "viewer", time.Time{})
	cookie := session(t, db, token.ID, noon, 24*time.Hour)
	for _, step := range []struct{ use, want time.Duration }{
		{time.Minute, time.Minute},
		{time.Hour, time.Minute},
		{time.Hour + time.Minute, time.Hour + time.Minute},
		{0, time.Hour + time.Minute}, // a clock that went back
	} {
		if _, err := db.TokenOf(t.Context(), secret, noon.Add(step.use)); err != nil {
			t.Fatal(err)
		}
		all, err := db.Tokens(t.Context())
		if err != nil || len(all) != 1 || !all[0].Used.Equal(noon.Add(step.want)) {
			t.Errorf("used after %v: %v (%v)", step.use, all, err)
		}
	}
	if used, err := db.SessionOf(t.Context(), cookie, noon.Add(9*time.Hour)); err != nil || !used.Used.Equal(noon.Add(9*time.Hour)) {
		t.Errorf("a session uses its token, too: %v (%v)", used, err)
	}
	// People get in where nothing can be written any more.
	reader, err := OpenToRead(t.Context(), db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.TokenOf(t.Context(), secret, noon.Add(99*time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestTheSchemaRefusesTokensThatMakeNoSense(t *testing.T) {
	db := openNew(t)
	for name, err := range map[string]error{
		"a role that is none":   third(db.MakeToken(t.Context(), "ada", "root", time.Time{}, noon)),
		"nobody's":              third(db.MakeToken(t.Context(), "", "admin", time.Time{}, noon)),
		"expired when it began": third(db.MakeToken(t.Context(), "ada", "admin", noon, noon)),
		"revoked, never made":   db.RevokeToken(t.Context(), 7, noon),
	} {
		if err == nil {
			t.Errorf("%s: it was allowed", name)
		}
	}
	makeToken(t, db, "ada", "admin", time.Time{})
	for _, stmt := range []string{`DELETE FROM tokens`, `INSERT INTO sessions (hash, token, created, expires) VALUES (randomblob(32), 9, 1, 2)`} {
		if _, err := db.w.ExecContext(t.Context(), stmt); err == nil {
			t.Errorf("%s was allowed", stmt)
		}
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

func TestRevokingTwiceKeepsTheFirstTime(t *testing.T) {
	db := openNew(t)
	_, token := makeToken(t, db, "ada", "admin", time.Time{})
	for _, at := range []time.Time{noon, noon.Add(time.Hour)} {
		if err := db.RevokeToken(t.Context(), token.ID, at); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := db.Tokens(t.Context()); err != nil || !all[0].Revoked.Equal(noon) {
		t.Errorf("got %v (%v)", all, err)
	}
	if n := count(t, db, `SELECT count(*) FROM sessions`); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	db := openNew(t)
	_, token := makeToken(t, db, "ada", "viewer", time.Time{})
	_, other := makeToken(t, db, "ada", "viewer", noon.Add(3*time.Hour))
	first := session(t, db, token.ID, noon, 12*time.Hour)
	theirs := session(t, db, other.ID, noon, 12*time.Hour)
	for i := range mostSessions {
		session(t, db, token.ID, noon.Add(time.Duration(i+1)*time.Second), time.Hour)
	}
	if n := count(t, db, `SELECT count(*) FROM sessions`); n != mostSessions+1 {
		t.Errorf("%d sessions", n)
	}
	if _, err := db.SessionOf(t.Context(), first, noon.Add(time.Minute)); !errors.Is(err, ErrNoToken) {
		t.Errorf("the oldest session: %v", err)
	}
	if err := db.Trim(t.Context(), noon.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SessionOf(t.Context(), theirs, noon.Add(2*time.Hour)); err != nil {
		t.Error("trimming ended a session that holds:", err)
	}
	if err := db.Trim(t.Context(), noon.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, `SELECT count(*) FROM sessions`); n != 0 {
		t.Errorf("%d sessions are left after their end", n)
	}
	if all, err := db.Tokens(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("trimming forgot a token: %v (%v)", all, err)
	}
}

func TestTokensCanBeMadeBesideARunningService(t *testing.T) {
	db := openNew(t)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}, Judged: noon})
	beside, err := OpenBeside(t.Context(), db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	secret, token := makeToken(t, beside, "ada", "responder", time.Time{})
	if err := beside.Audit(t.Context(), incident.AuditEntry{At: noon, Action: "token make", Outcome: "done"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.TokenOf(t.Context(), secret, noon); err != nil {
		t.Error("the service does not know the token:", err)
	}
	if err := beside.RevokeToken(t.Context(), token.ID, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := db.TokenOf(t.Context(), secret, noon); !errors.Is(err, ErrNoToken) {
		t.Error("the service does not know that it was revoked:", err)
	}
	nothingElseIsWritten(t, beside)
	appendTo(t, db, incident.Batch{Events: []incident.Event{said(noon)}}) // the service goes on
	if _, err := Open(t.Context(), db.path); !errors.Is(err, errHeld) {
		t.Errorf("the lock is not the service's any more: %v", err)
	}
}

// nothingElseIsWritten tries all that a service writes.
func nothingElseIsWritten(t *testing.T, beside *DB) {
	t.Helper()
	ctx := t.Context()
	_, err := beside.Append(ctx, incident.Batch{Events: []incident.Event{said(noon)}, Recorded: noon})
	for what, err := range map[string]error{
		"events":          err,
		"the watermark":   beside.SetWatermark(ctx, "probes", noon),
		"minutes":         beside.PutMinutes(ctx, nil),
		"house-keeping":   beside.Trim(ctx, noon),
		"what went out":   beside.Done(ctx, 1, 1, "r", noon),
		"what did not":    beside.Dead(ctx, 1, "why", noon),
		"a later attempt": beside.Again(ctx, 1, "why", noon),
	} {
		if !errors.Is(err, errBeside) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOpeningBesideNobodyLetsAServiceStart(t *testing.T) {
	path := oldFile(t)
	beside, err := OpenBeside(t.Context(), path) // brings it up to date
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	nothingElseIsWritten(t, beside)
	db := openAt(t, path)
	secret, _ := makeToken(t, beside, "ada", "responder", time.Time{})
	if _, err := db.TokenOf(t.Context(), secret, noon); err != nil {
		t.Error(err)
	}
	fresh, err := OpenBeside(t.Context(), filepath.Join(t.TempDir(), "new", "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	makeToken(t, fresh, "ada", "admin", time.Time{})
}

func TestOpeningBesideAnOlderServiceSaysWhatToDo(t *testing.T) {
	path := oldFile(t)
	lock, err := lockFile(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	_, err = OpenBeside(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "restart the service first") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenBeside(ctx, path); err == nil {
		t.Error("it was opened after all")
	}
}
