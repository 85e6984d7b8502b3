package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// secret makes a secret of n bytes, each of them b.
func secret(b byte, n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n))
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// heard is one request as a listener got it.
type heard struct {
	header http.Header
	body   []byte
}

// listener answers with the given status and remembers what it heard.
func listener(t *testing.T, status int, header ...string) (*httptest.Server, *[]heard) {
	t.Helper()
	got := new([]heard)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*got = append(*got, heard{r.Header, body})
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, "thanks,\n\tand good bye")
	}))
	t.Cleanup(server.Close)
	return server, got
}

var loadTemplates = sync.OnceValues(func() (*templates.Set, error) { return templates.Load(nil) })

func open(t *testing.T, url, file string) *Channel {
	t.Helper()
	words, err := loadTemplates()
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{
		Name: "hook", URL: url, SecretFile: file, Templates: words,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// delivery is of the number-th of an incident's three updates.
func delivery(number int) publisher.Delivery {
	at := func(hour, minute int) time.Time { return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC) }
	europe := templates.Region{Code: "eu", Name: "Europe"}
	update := func(number int, state, severity, status, trend string, share float64, said, next time.Time) templates.Update {
		return templates.Update{
			Number: number, ID: "INC-2026-0001-" + string(rune('0'+number)), State: state, Severity: severity, Status: status,
			Regions: []templates.Region{europe}, Symptom: "elevated errors on the management API",
			Impact: "failed requests when they change flags", Measured: templates.Measured{Share: share}, Trend: trend, Integrity: "under review",
			Said: said, AsOf: said.Add(-time.Minute), Next: next,
		}
	}
	inc := templates.Incident{
		ID: "INC-2026-0001", State: "resolved", Severity: "P1", Impact: "major", Status: "Operational",
		Symptom:   "elevated errors on the management API",
		Component: templates.Component{ID: "api", Name: "Management API", Status: templates.Operational},
		Regions:   []templates.Region{europe}, Integrity: "under review",
		Began: at(10, 27), Detected: at(10, 32), Resolved: at(11, 4),
		Updates: []templates.Update{
			update(3, "resolved", "P1", "Operational", "over", 0, at(11, 4), time.Time{}),
			update(2, "monitoring", "P1", "Partial service", "calm", 0, at(10, 52), at(11, 52)),
			update(1, "investigating", "P1", "Partial service", "new", .15, at(10, 33), at(11, 33)),
		},
	}
	inc.Updates[1].Calm, inc.Updates[1].Text = 2*time.Minute, "We have added disk space to a database."
	return publisher.Delivery{
		Channel: "hook", Key: "INC-2026-0001/" + string(rune('0'+number)), Seq: 9, Attempt: 1,
		Public: templates.Public{
			Organisation: "FeatureSignals", Title: "FeatureSignals status", URL: "https://status.example.com",
			Indicator: "none", Description: "All Systems Operational", Checked: at(11, 4), Past: []templates.Incident{inc},
		},
		Incident: &inc, Update: &inc.Updates[3-number],
	}
}

func TestAListenerCanVerifyWhatItHears(t *testing.T) {
	server, got := listener(t, http.StatusNoContent)
	older, newer := secret('o', 24), secret('n', 64)
	c := open(t, server.URL, secretFile(t, newer+"\n"+older+"\n"))
	receipt, err := c.Publish(t.Context(), delivery(1))
	if err != nil {
		t.Fatal(err)
	}
	if len(*got) != 1 {
		t.Fatalf("it was heard %d times", len(*got))
	}
	h := (*got)[0]
	if want := "204 " + h.header.Get("webhook-id"); receipt != want {
		t.Errorf("the receipt is %q, want %q", receipt, want)
	}
	if h.header.Get("Content-Type") != "application/json" || !json.Valid(h.body) {
		t.Errorf("not JSON: %v %s", h.header, h.body)
	}
	verify := func(secret string, body []byte) error {
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return hook.Verify(body, h.header)
	}
	for name, s := range map[string]string{"older": older, "newer": newer} {
		if err := verify(s, h.body); err != nil {
			t.Errorf("with the %s secret: %v", name, err)
		}
	}
	if verify(secret('x', 32), h.body) == nil {
		t.Error("a secret of somebody else's verifies it")
	}
	if verify(older, append(h.body, ' ')) == nil {
		t.Error("changed words are verified")
	}
}

func TestARepeatedDeliveryHasTheSameIDAndTellsTheSame(t *testing.T) {
	server, got := listener(t, http.StatusOK)
	c := open(t, server.URL, secretFile(t, secret('a', 32)))
	first := delivery(1)
	// As it is while nothing else was said yet.
	first.Incident.State, first.Incident.Resolved, first.Incident.Updates = "investigating", time.Time{}, first.Incident.Updates[2:]
	again := delivery(1)
	again.Attempt, again.Seq = 2, 12
	for _, d := range []publisher.Delivery{first, again} {
		if _, err := c.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	a, b := (*got)[0], (*got)[1]
	if a.header.Get("webhook-id") != b.header.Get("webhook-id") || !bytes.Equal(a.body, b.body) {
		t.Errorf("%v\n%s\nthen\n%v\n%s", a.header, a.body, b.header, b.body)
	}
}

func TestDifferentDeliveriesHaveDifferentIDs(t *testing.T) {
	d := delivery(1)
	otherChannel, otherUpdate, otherLife := delivery(1), delivery(2), delivery(1)
	otherChannel.Channel = "hook2"
	otherLife.Update.Said = otherLife.Update.Said.Add(time.Hour) // the store was lost, and numbers began anew
	seen := map[string]bool{}
	for _, d := range []publisher.Delivery{d, otherChannel, otherUpdate, otherLife} {
		seen[messageID(d)] = true
	}
	if len(seen) != 4 {
		t.Errorf("4 deliveries have %d ids", len(seen))
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	soon := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	long := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	tests := []struct {
		name      string
		status    int
		retry     string
		ok        bool
		permanent bool
		min, max  time.Duration // of RetryAfter; both -1: none
	}{
		{"200 is success", 200, "", true, false, -1, -1},
		{"202 is success", 202, "", true, false, -1, -1},
		{"301 is a failure", 301, "", false, false, -1, -1},
		{"304 is a failure", 304, "", false, false, -1, -1},
		{"400 is tried again", 400, "", false, false, -1, -1},
		{"401 is tried again", 401, "", false, false, -1, -1},
		{"404 is tried again, and Retry-After means nothing there", 404, "9", false, false, -1, -1},
		{"410 is permanent", 410, "9", false, true, -1, -1},
		{"429 says when", 429, "120", false, false, 2 * time.Minute, 2 * time.Minute},
		{"429 need not say when", 429, "", false, false, -1, -1},
		{"500 is tried again", 500, "", false, false, -1, -1},
		{"502 says when", 502, "0", false, false, 0, 0},
		{"503 says when by date", 503, soon, false, false, 80 * time.Second, 90 * time.Second},
		{"504 may name a time that is over", 504, long, false, false, 0, 0},
		{"503 may say nonsense", 503, "soon", false, false, -1, -1},
		{"503 may not say when backwards", 503, "-5", false, false, -1, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := []string{"Location", "https://example.com/elsewhere"}
			if tt.retry != "" {
				header = append(header, "Retry-After", tt.retry)
			}
			server, got := listener(t, tt.status, header...)
			_, err := open(t, server.URL+"/hook/s3cret", secretFile(t, secret('a', 32))).Publish(t.Context(), delivery(1))
			if len(*got) != 1 {
				t.Errorf("it was asked %d times", len(*got))
			}
			if (err == nil) != tt.ok {
				t.Fatalf("got %v", err)
			}
			if errors.Is(err, publisher.ErrPermanent) != tt.permanent {
				t.Errorf("permanent is wrong: %v", err)
			}
			later, says := errors.AsType[*publisher.RetryAfter](err)
			if says != (tt.min >= 0) || says && (later.Wait < tt.min || later.Wait > tt.max) {
				t.Errorf("RetryAfter is wrong: %v, %+v", err, later)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds the address: %v", err)
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere, got := listener(t, http.StatusOK)
	for _, status := range []int{301, 302, 303, 307, 308} {
		server, _ := listener(t, status, "Location", elsewhere.URL)
		_, err := open(t, server.URL, secretFile(t, secret('a', 32))).Publish(t.Context(), delivery(1))
		if err == nil || !strings.Contains(err.Error(), "redirects are not followed") {
			t.Errorf("%d: got %v", status, err)
		}
	}
	if len(*got) != 0 {
		t.Error("words were carried elsewhere")
	}
}

func TestAListenerThatHangsOrIsAwayFailsTheDelivery(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-hang
	}))
	defer server.Close()
	defer close(hang)
	file := secretFile(t, secret('a', 32))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := open(t, server.URL, file).Publish(ctx, delivery(1))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: got %v", err)
	}

	away := httptest.NewServer(nil)
	away.Close()
	_, err = open(t, away.URL+"/hook/s3cret", file).Publish(t.Context(), delivery(1))
	if err == nil || errors.Is(err, publisher.ErrPermanent) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("away: got %v", err)
	}
}

func TestSecretsChangeWhileItRuns(t *testing.T) {
	server, got := listener(t, http.StatusOK)
	older, newer := secret('o', 32), secret('n', 32)
	file := secretFile(t, older)
	c := open(t, server.URL, file)
	for _, content := range []string{older, older + "\n" + newer, newer, ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Publish(t.Context(), delivery(1)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []struct{ older, newer bool }{{true, false}, {true, true}, {false, true}, {false, true}} {
		for s, want := range map[string]bool{older: want.older, newer: want.newer} {
			hook, err := standardwebhooks.NewWebhook(s)
			if err != nil {
				t.Fatal(err)
			}
			if ok := hook.Verify((*got)[i].body, (*got)[i].header) == nil; ok != want {
				t.Errorf("message %d: verified is %v, want %v", i, ok, want)
			}
		}
	}
}

func TestABadSecretIsRefusedAtTheStart(t *testing.T) {
	tests := []struct {
		name, content, want string
	}{
		{"nothing", "\n", "is empty"},
		{"one without the prefix", base64.StdEncoding.EncodeToString(make([]byte, 32)), "begins with neither whsec_ nor whsk_"},
		{"one that is not base64", "whsec_!!!!", "not base64"},
		{"one that is too short", secret('a', 23), "has 23 bytes, want 24 to 64"},
		{"one that is too long", secret('a', 65), "has 65 bytes, want 24 to 64"},
		{"a second one that is bad", secret('a', 32) + "\n" + secret('a', 5), "secret 2: it has 5 bytes"},
		{"three", secret('a', 32) + "\n" + secret('b', 32) + "\n" + secret('c', 32), "holds 3 secrets of one kind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Config{Name: "hook", URL: "https://example.com", SecretFile: secretFile(t, tt.content)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if s := strings.TrimSpace(tt.content); s != "" && strings.Contains(err.Error(), strings.Fields(s)[0]) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
	for _, file := range []string{"", filepath.Join(t.TempDir(), "missing")} {
		if _, err := New(Config{Name: "hook", URL: "https://example.com", SecretFile: file}); err == nil || !strings.Contains(err.Error(), "openssl rand") {
			t.Errorf("file %q: got %v", file, err)
		}
	}
}

func TestASecretThatEverybodyCanReadIsWarnedOf(t *testing.T) {
	file := secretFile(t, secret('a', 32))
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		_, err := New(Config{Name: "hook", URL: "https://example.com", SecretFile: file, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil || strings.Contains(log.String(), "chmod") != want {
			t.Errorf("mode %o: %v, log %q", mode, err, log.String())
		}
	}
}

func TestWhereItMayPost(t *testing.T) {
	tests := []struct {
		url  string
		want string // "" is accepted
	}{
		{"https://hooks.example.com/tocsin?room=7", ""},
		{"https://10.0.0.7:8443/", "allow: [10.0.0.7/32]"},
		{"https://[fd00::7]/", "allow: [fd00::7/128]"},
		{"https://169.254.169.254/latest/", "link-local"},
		{"http://localhost:8080/hook", ""},
		{"http://127.0.0.1/hook", ""},
		{"http://[::1]:9/hook", ""},
		{"http://hooks.example.com/", "want https://hooks.example.com"},
		{"http://localhost.example.com/", "want https://"},
		{"http://10.0.0.7/", "want https://"},
		{"ftp://example.com/", "want https://"},
		{"https://user:pass@example.com/", "user name or password"},
		{"/hook", "no host"},
		{"hooks.example.com", "no host"},
		{"", "no host"},
		{"https://exa mple.com/", "url:"},
	}
	file := secretFile(t, secret('a', 32))
	for _, tt := range tests {
		_, err := New(Config{Name: "hook", URL: tt.url, SecretFile: file})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: got %v, want %q", tt.url, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "pass@") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestADeliveryAboutNothingIsPermanent(t *testing.T) {
	server, got := listener(t, http.StatusOK)
	c := open(t, server.URL, secretFile(t, secret('a', 32)))
	page := delivery(1)
	page.Key, page.Incident, page.Update = "", nil, nil
	if _, err := c.Publish(t.Context(), page); !errors.Is(err, publisher.ErrPermanent) || len(*got) != 0 {
		t.Errorf("got %v, heard %d", err, len(*got))
	}
}
