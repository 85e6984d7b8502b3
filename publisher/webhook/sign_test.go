package webhook

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/guard"
)

func rewrite(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// privateKey gives a whsk_… key of a seed, and its public half.
func privateKey(b byte) (string, ed25519.PublicKey) {
	seed := bytes.Repeat([]byte{b}, ed25519.SeedSize)
	return "whsk_" + base64.StdEncoding.EncodeToString(seed), ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

// TestSignaturesAreThoseOfTheStandard computes them anew from the text of
// Standard Webhooks 1.0.0, "Signature scheme": msg_id.timestamp.payload.
func TestSignaturesAreThoseOfTheStandard(t *testing.T) {
	server, got := listener(t, http.StatusOK)
	private, public := privateKey(7)
	newer, newPublic := privateKey(8)
	file := secretFile(t, secret('a', 24)+"\n"+private+"\n"+secret('b', 64)+"\n"+newer+"\n")
	var log bytes.Buffer
	words, err := loadTemplates()
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Name: "hook", URL: server.URL, SecretFile: file, Templates: words, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if want := "whpk_" + base64.StdEncoding.EncodeToString(public); !strings.Contains(log.String(), want) || strings.Contains(log.String(), "whsk_") {
		t.Errorf("what listeners verify with is not told: %s", log.String())
	}
	if _, err := c.Publish(t.Context(), delivery(1)); err != nil {
		t.Fatal(err)
	}
	h := (*got)[0]
	id, at := h.header.Get("webhook-id"), h.header.Get("webhook-timestamp")
	if strings.Contains(id+at, ".") || id == "" {
		t.Errorf("id %q, timestamp %q", id, at)
	}
	if seconds, err := strconv.ParseInt(at, 10, 64); err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Second {
		t.Errorf("timestamp %q", at)
	}
	signed := []byte(id + "." + at + "." + string(h.body))
	shared := func(b byte, n int) string {
		mac := hmac.New(sha256.New, bytes.Repeat([]byte{b}, n))
		mac.Write(signed)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	sigs := strings.Split(h.header.Get("webhook-signature"), " ")
	if len(sigs) != 4 || sigs[0] != shared('a', 24) || sigs[2] != shared('b', 64) {
		t.Fatalf("the signatures are %q", sigs)
	}
	for n, key := range map[int]ed25519.PublicKey{1: public, 3: newPublic} {
		enc, ok := strings.CutPrefix(sigs[n], "v1a,")
		sig, err := base64.StdEncoding.DecodeString(enc)
		if !ok || err != nil || !ed25519.Verify(key, signed, sig) {
			t.Errorf("signature %d is %q", n, sigs[n])
		}
	}
	// A listener that knows only shared secrets passes over what it does not know.
	hook, err := standardwebhooks.NewWebhook(secret('b', 64))
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Verify(h.body, h.header); err != nil {
		t.Error(err)
	}
}

func TestAPrivateKeyIsReadInBothOfItsForms(t *testing.T) {
	short, _ := privateKey(7)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	a, errA := parseSecret(short)
	b, errB := parseSecret("whsk_" + base64.StdEncoding.EncodeToString(key))
	if errA != nil || errB != nil || !a.private.Equal(b.private) || a.public() != b.public() {
		t.Errorf("%v, %v", errA, errB)
	}
	wrong := bytes.Clone(key)
	wrong[63] ^= 1
	for enc, want := range map[string]string{
		"whsk_!!!": "not base64",
		"whsk_" + base64.StdEncoding.EncodeToString(make([]byte, 31)): "has 31 bytes, want 32 or 64",
		"whsk_" + base64.StdEncoding.EncodeToString(wrong):            "not the public key",
		strings.Join([]string{short, short, short}, "\n"):             "3 secrets of one kind",
	} {
		if _, err := readSecrets(secretFile(t, enc)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), enc) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// roundTrip answers requests without a network, so that days can pass.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestADeadLetterThatIsSentAgainIsTheSameMessage: a listener knows it by its id,
// and takes it, since it is signed anew.
func TestADeadLetterThatIsSentAgainIsTheSameMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := secret('a', 32)
		c := open(t, "https://hooks.example.com/", secretFile(t, key))
		var got []heard
		c.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, heard{r.Header, body})
			return &http.Response{StatusCode: 500, Status: "500 Internal Server Error", Body: io.NopCloser(strings.NewReader(""))}, nil
		})
		hook, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			t.Fatal(err)
		}
		d := delivery(3)
		for attempt := range c.Manner().Attempts + 1 { // the last by a person
			d.Attempt, d.At, d.Seq = attempt+1, time.Now(), d.Seq+1
			if _, err := c.Publish(t.Context(), d); err == nil {
				t.Fatal("it went out")
			}
			last := got[attempt]
			if err := hook.Verify(last.body, last.header); err != nil { // refuses what is more than five minutes old
				t.Errorf("attempt %d: %v", attempt+1, err)
			}
			if at := last.header.Get("webhook-timestamp"); at != strconv.FormatInt(time.Now().Unix(), 10) {
				t.Errorf("attempt %d: the timestamp is %s at %d", attempt+1, at, time.Now().Unix())
			}
			if last.header.Get("webhook-id") != got[0].header.Get("webhook-id") || !bytes.Equal(last.body, got[0].body) {
				t.Errorf("attempt %d is another message", attempt+1)
			}
			if attempt < len(retries) {
				time.Sleep(retries[attempt])
			} else {
				time.Sleep(7 * 24 * time.Hour) // until somebody looks
			}
		}
	})
}

func TestTheScheduleIsTheStandards(t *testing.T) {
	want := []string{"0s", "5s", "5m5s", "35m5s", "2h35m5s", "7h35m5s", "17h35m5s", "31h35m5s", "51h35m5s", "75h35m5s"} // its table
	m := open(t, "https://example.com", secretFile(t, secret('a', 32))).Manner()
	if m.Attempts != len(want) || len(m.Waits) != len(want)-1 || m.Guarantee != publisher.Keyed || m.Lanes < 1 {
		t.Fatalf("got %+v", m)
	}
	var since time.Duration
	for n, w := range want {
		if n > 0 {
			since += m.Waits[n-1]
		}
		if d, err := time.ParseDuration(w); err != nil || since != d {
			t.Errorf("attempt %d comes after %v, want %v", n+1, since, w)
		}
	}
	for _, format := range []string{"pagerduty", "opsgenie", "ntfy", "teams"} {
		if m := openAs(t, format, "https://example.com").Manner(); !m.Ordered || len(m.Waits) != 0 || m.Attempts != 0 {
			t.Errorf("%s: %+v", format, m)
		}
	}
}

func TestAListenerThatIsGoneHaltsTheChannel(t *testing.T) {
	server, _ := listener(t, http.StatusGone)
	_, err := open(t, server.URL, secretFile(t, secret('a', 32))).Publish(t.Context(), delivery(1))
	if !errors.Is(err, publisher.ErrGone) || !errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), "410") {
		t.Errorf("got %v", err)
	}
}

// TestANameThatLeadsInsideIsRefusedWhenItIsConnectedTo: the configuration names a
// public host, and somebody's name server makes it this network.
func TestANameThatLeadsInsideIsRefusedWhenItIsConnectedTo(t *testing.T) {
	inside, got := listener(t, http.StatusOK)
	port := netip.MustParseAddrPort(inside.Listener.Addr().String()).Port()
	answersWith(t, "127.0.0.1")
	address := "https://hooks.example.com:" + strconv.Itoa(int(port)) + "/"
	c := open(t, address, secretFile(t, secret('a', 32)))
	_, err := c.Publish(t.Context(), delivery(1))
	r, ok := errors.AsType[*guard.Refused](err)
	if !ok || r.Addr != netip.MustParseAddr("127.0.0.1") || errors.Is(err, publisher.ErrPermanent) {
		t.Errorf("got %v", err)
	}
	if err != nil && !strings.Contains(err.Error(), "allow: [127.0.0.1/32]") {
		t.Errorf("it does not say how to mend it: %v", err)
	}
	if len(*got) != 0 {
		t.Error("the inside was reached")
	}
	config := c.Config
	config.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if c, err = New(config); err != nil {
		t.Fatal(err)
	}
	if _, err = c.Publish(t.Context(), delivery(1)); err == nil || !strings.Contains(err.Error(), "tls:") && !strings.Contains(err.Error(), "HTTPS") {
		t.Errorf("allowed, it comes as far as the listener, which has no TLS: got %v", err)
	}
}

// answersWith has every name resolve to addr.
func answersWith(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for end < n && buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			if end += 5; end > n {
				continue
			}
			a := append([]byte{}, buf[:end]...)
			copy(a[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
			if buf[end-3] == 1 { // the type A
				a[7] = 1
				a = append(append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), netip.MustParseAddr(addr).AsSlice()...)
			}
			conn.WriteTo(a, from)
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		conn.Close()
		<-done
	})
}
