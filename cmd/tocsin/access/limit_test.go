package access

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

func TestGuessingIsSlowedDown(t *testing.T) {
	for name, try := range map[string]func(h *house, secret, addr string) (int, string){
		"signing in": func(h *house, secret, addr string) (int, string) {
			w := h.ask("POST", "/signin", form("token", secret), from(addr))
			return w.Code, w.Header().Get("Retry-After")
		},
		"bearer tokens": func(h *house, secret, addr string) (int, string) {
			w := h.ask("GET", "/api/v1/see", bearer(secret), from(addr))
			return w.Code, w.Header().Get("Retry-After")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				secret := h.token(Viewer)
				cookie := h.signIn(secret, from("192.0.2.9:1"))
				for i := range 10 {
					if code, _ := try(h, fmt.Sprint("tocsin_", i), "192.0.2.9:1"); code != http.StatusUnauthorized {
						t.Fatalf("guess %d: %d", i, code)
					}
				}
				code, wait := try(h, secret, "192.0.2.9:2")
				if code != http.StatusTooManyRequests || wait != "6" {
					t.Errorf("the right one after ten wrong ones: %d, to wait %q", code, wait)
				}
				if code, _ := try(h, "tocsin_x", "192.0.2.9:2"); code != http.StatusTooManyRequests {
					t.Errorf("a wrong one tells itself from the right one: %d", code)
				}
				if code, _ := try(h, secret, "192.0.2.10:1"); code >= 400 {
					t.Errorf("the neighbour: %d", code)
				}
				if w := h.ask("GET", "/see", with(cookie), from("192.0.2.9:1")); w.Code != http.StatusOK {
					t.Errorf("who is signed in there: %d", w.Code)
				}
				time.Sleep(6 * time.Second)
				if code, _ := try(h, secret, "192.0.2.9:2"); code >= 400 {
					t.Errorf("after the wait: %d", code)
				}
			})
		})
	}
}

func TestAProgramWithADeadTokenKeepsNobodyFromSigningIn(t *testing.T) {
	h := newHouse(t)
	secret := h.token(Viewer)
	for range 50 {
		h.ask("GET", "/api/v1/see", bearer("tocsin_old"))
		h.ask("GET", "/api/v1/see", with(&http.Cookie{Name: "tocsin", Value: "old"}))
	}
	h.signIn(secret)
}

func TestManyStrangersAreSlowedDownTogether(t *testing.T) {
	l := newLimiter()
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	known, strange := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	l.succeeded(known, noon)
	for i := range 100 {
		if wait := l.wait(addr(i), noon); wait > 0 {
			t.Fatalf("stranger %d waits %v", i, wait)
		}
		l.failed(addr(i), noon)
	}
	if wait := l.wait(strange, noon); wait != time.Second {
		t.Errorf("one more stranger waits %v", wait)
	}
	if wait := l.wait(known, noon); wait != 0 {
		t.Errorf("who showed a good token before waits %v", wait)
	}
	if wait := l.wait(strange, noon.Add(time.Second)); wait != 0 {
		t.Errorf("a second later a stranger waits %v", wait)
	}
	if l.failed(addr(1), noon.Add(-time.Hour)); l.wait(strange, noon.Add(time.Second)) > 2*time.Second {
		t.Error("a clock that went back keeps people out")
	}
}

func TestANeighbourhoodOfAddressesIsOneStranger(t *testing.T) {
	l := newLimiter()
	for i := range 10 {
		l.failed(netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i)), noon)
	}
	if l.wait(netip.MustParseAddr("2001:db8::ffff"), noon) == 0 {
		t.Error("a stranger with many addresses is not slowed down")
	}
	if l.wait(netip.MustParseAddr("2001:db8:0:1::1"), noon) != 0 {
		t.Error("another network is")
	}
	for range 10 {
		l.failed(netip.Addr{}, noon)
	}
	if l.wait(netip.Addr{}, noon) == 0 {
		t.Error("who has no address is not slowed down")
	}
}

func TestAFloodOfAddressesIsForgotten(t *testing.T) {
	l := newLimiter()
	for i := range 5 * mostAddresses {
		at := noon.Add(time.Duration(i) * time.Millisecond)
		l.failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), at)
		if len(l.by) > mostAddresses {
			t.Fatalf("%d addresses are remembered", len(l.by))
		}
	}
}

func TestAFloodOfRefusalsLeavesACount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		viewer := h.token(Viewer)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.guard.Run(ctx) }()
		flood := func(n int) {
			for i := range n {
				h.ask("GET", "/api/v1/see", bearer("guess"), from(fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)))
			}
		}
		h.ask("GET", "/see", bearer(viewer), from("192.0.2.77:1"))
		flood(500)
		for range 3 { // what is refused to people is not hidden by it
			h.ask("POST", "/rule", bearer(viewer), from("192.0.2.77:1"))
		}
		synctest.Wait()
		strangers := func() (n int) {
			for _, e := range h.audited() {
				if e.Who == "" {
					n++
				}
			}
			return n
		}
		if n := strangers(); n != fewOfStrangers {
			t.Errorf("%d refusals are written down", n)
		}
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if log := h.audited(); strangers() != fewOfStrangers+1 || log[0].Outcome != "495 more were refused within a minute, and are not listed" {
			t.Errorf("after a minute: %+v", log[0])
		}
		flood(7)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if log := h.audited(); !strings.HasPrefix(log[0].Outcome, "2 more were refused") {
			t.Errorf("at the end: %+v", log[0])
		}
	})
}

func TestWhatIsWrittenDown(t *testing.T) {
	h := newHouse(t)
	secret, viewer := h.token(Responder), h.token(Viewer)
	for range 3 { // nobody needs to read of those who only come by
		h.ask("GET", "/see")
		h.ask("GET", "/api/v1/see")
	}
	cookie := h.signIn(secret)
	h.ask("POST", "/signin", form("token", "tocsin_wrong"))
	h.ask("GET", "/api/v1/see", bearer("tocsin_wrong"))
	h.ask("POST", "/work")
	h.ask("PUT", "/api/v1/work", bearer(viewer))
	h.ask("POST", "/rule?x=%0a", with(cookie))
	h.ask("POST", "/signout", with(cookie))
	h.ask("POST", "/signout", with(cookie)) // nobody is signed in
	var got []string
	for _, e := range slices.Backward(h.audited()) {
		outcome, _, _ := strings.Cut(e.Outcome, ":")
		got = append(got, strings.Join([]string{e.Who, e.Role, e.Via, e.From, e.Action, strconv.Quote(outcome)}, " "))
	}
	want := []string{
		`responder responder console 192.0.2.1 sign in "done"`,
		`  console 192.0.2.1 sign in "the token is unknown, expired or revoked"`,
		`  api 192.0.2.1 GET /api/v1/see "the token is unknown, expired or revoked"`,
		`  console 192.0.2.1 POST /work "nobody is signed in"`,
		`viewer viewer api 192.0.2.1 PUT /api/v1/work "this takes the role responder, and viewer has viewer"`,
		`responder responder console 192.0.2.1 POST /rule "this takes the role admin, and responder has responder"`,
		`responder responder console 192.0.2.1 sign out "done"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
