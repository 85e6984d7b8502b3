package email_test

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
	"github.com/featuresignals/tocsin/store"
)

// linkOf sends a mail and gives the path of its link to unsubscribe.
func linkOf(t *testing.T, p *post, s *smtptest.Server, to string) string {
	t.Helper()
	p.send(update(1, to))
	all := s.Messages()
	l := open(t, all[len(all)-1].Data)
	m := regexp.MustCompile(`<https://status\.example\.com(/unsubscribe/[a-z2-7]+)>`).FindStringSubmatch(l.head(t, "List-Unsubscribe"))
	if m == nil {
		t.Fatalf("no link in %q", l.head(t, "List-Unsubscribe"))
	}
	return m[1]
}

const oneClick = "List-Unsubscribe=One-Click"

func ask(h http.Handler, method, path, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const form = "application/x-www-form-urlencoded"

func TestUnsubscribing(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	h := email.Handler(p.channel)
	link := linkOf(t, p, s, "ada@example.net")
	state := func(a string) string {
		t.Helper()
		known, err := p.db.Address(t.Context(), "mail", a)
		if err != nil {
			t.Fatal(err)
		}
		return known.State
	}

	first := ask(h, "GET", link, "", "")
	if first.Code != 200 || !strings.Contains(first.Body.String(), `<form method="post">`) || !strings.Contains(first.Body.String(), "FeatureSignals status") {
		t.Errorf("the page is %d: %s", first.Code, first.Body)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": `^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$`,
		"Cache-Control":           `^no-store$`, "Referrer-Policy": `^no-referrer$`, "X-Content-Type-Options": `^nosniff$`, "Content-Type": `^text/html; charset=utf-8$`,
	} {
		if got := first.Header().Get(name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s is %q", name, got)
		}
	}
	if strings.Contains(first.Body.String(), "ada") || strings.Contains(first.Body.String(), "<script") {
		t.Error("the page tells the address, or has a script")
	}
	ask(h, "HEAD", link, "", "")
	if got := state("ada@example.net"); got != "" {
		t.Fatalf("to look unsubscribes: %s", got)
	}
	for name, body := range map[string]string{"nothing": "", "something else": "List-Unsubscribe=No", "too much": "a=" + strings.Repeat("x", 10_000)} {
		if w := ask(h, "POST", link, form, body); w.Code != 400 || state("ada@example.net") != "" {
			t.Errorf("posting %s: %d, %s", name, w.Code, state("ada@example.net"))
		}
	}
	once := ask(h, "POST", link, form, oneClick)
	if once.Code != 200 || state("ada@example.net") != publisher.Unsubscribed {
		t.Fatalf("one click: %d, %q", once.Code, state("ada@example.net"))
	}
	twice := ask(h, "POST", link, form, oneClick)
	if twice.Code != once.Code || twice.Body.String() != once.Body.String() {
		t.Errorf("twice is not as once: %d %s", twice.Code, twice.Body)
	}
	if again := ask(h, "GET", link, "", ""); again.Code != 200 || again.Body.String() != first.Body.String() {
		t.Errorf("the page tells that it was used: %d", again.Code)
	}
	if targets, err := p.channel.Targets(t.Context(), update(2, "")); err != nil || strings.Contains(strings.Join(targets, " "), "ada") {
		t.Errorf("the next update is for %q (%v)", targets, err)
	}

	// RFC 8058 allows multipart, too.
	other := linkOf(t, p, s, "grace@example.net")
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("List-Unsubscribe", "One-Click")
	_ = w.Close()
	if got := ask(h, "POST", other, w.FormDataContentType(), b.String()); got.Code != 200 || state("grace@example.net") != publisher.Unsubscribed {
		t.Errorf("as multipart: %d %s", got.Code, got.Body)
	}
}

func TestAnUnknownLinkChangesNothing(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	h := email.Handler(p.channel)
	never := mailTo(t, s, nil)
	if w := ask(email.Handler(never.channel), "GET", "/unsubscribe/abc", "", ""); w.Code != 404 {
		t.Errorf("before any mail was sent: %d", w.Code)
	}
	link := linkOf(t, p, s, "ada@example.net")
	for _, path := range []string{link[:len(link)-1], link + "a", "/unsubscribe/" + strings.Repeat("a", 32), "/unsubscribe/%00", "/unsubscribe/" + strings.Repeat("x", 5000), link + "/more", "/unsubscribe/"} {
		for _, method := range []string{"GET", "POST"} {
			if w := ask(h, method, path, form, oneClick); w.Code != 404 {
				t.Errorf("%s %.60s: %d", method, path, w.Code)
			}
		}
	}
	for _, method := range []string{"PUT", "DELETE", "OPTIONS"} {
		if w := ask(h, method, link, form, oneClick); w.Code != 405 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if all, err := p.db.Addresses(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("noted is %+v (%v)", all, err)
	}
	if w := ask(h, "POST", link, form, oneClick); w.Code != 200 {
		t.Errorf("after all that, the link answers %d", w.Code)
	}
}

// slowly is a store that takes its time, and counts how often it is asked for all
// addresses.
type slowly struct {
	*store.DB
	asked *atomic.Int32
}

func (s slowly) Addresses(ctx context.Context, channel string) ([]publisher.Address, error) {
	s.asked.Add(1)
	time.Sleep(50 * time.Millisecond)
	return s.DB.Addresses(ctx, channel)
}

func TestStrangersWhoTryLinksAtOnceHaveTheAddressesReadOnce(t *testing.T) {
	db, s := newStore(t), smtptest.New(t, smtptest.Options{})
	var asked atomic.Int32
	p := mailOn(t, db, s, func(c *email.Config) { c.Addresses = slowly{db, &asked} })
	linkOf(t, p, s, "ada@example.net")
	h := email.Handler(p.channel)
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			if w := ask(h, "GET", fmt.Sprintf("/unsubscribe/%032d", n), "", ""); w.Code != 404 {
				t.Errorf("an unknown link: %d", w.Code)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("they were read %d times", n)
	}
}

func TestALinkOutlivesTheListAndTheStoreMayBeAway(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	p := mailTo(t, s, nil)
	link := linkOf(t, p, s, "ada@example.net")
	mark(t, p.db, "ada@example.net", publisher.Refused)
	p.config.Mail.Lists = p.config.Mail.Lists[1:]
	moved, err := email.New(p.config) // after a reload
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(email.Handler(moved), "POST", link, form, oneClick); w.Code != 200 {
		t.Errorf("an address that the store knows: %d", w.Code)
	}
	if _ = p.db.Close(); ask(email.Handler(p.channel), "POST", link, form, oneClick).Code != 503 {
		t.Error("without the store it does not say that it did not work")
	}
}
