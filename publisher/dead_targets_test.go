package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/tracker"
	"github.com/featuresignals/tocsin/publisher/tracker/githubtest"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

// Nine targets are dead, each in a way of its own, and the tenth hears of an
// event within five seconds: of one that comes when all is new, and of one that
// comes when the nine are stuck.
func TestNineDeadTargetsHoldUpNoOther(t *testing.T) {
	heard := make(chan string, 10)
	well := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Get("webhook-id") }))
	defer well.Close()
	words, err := conformanceWords()
	if err != nil {
		t.Fatal(err)
	}
	secret, token := secretOf(t, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="), secretOf(t, githubtest.Token)
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), filepath.Join(shortLived(t), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	var channels []publisher.Channel
	hook := func(name, url string) {
		ch, err := webhook.New(webhook.Config{Name: name, URL: url, SecretFile: secret, Templates: words, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	dead := func(talk func(net.Conn)) string { return "http://" + listening(t, talk) }
	hang := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); <-t.Context().Done() }
	hook("refuses", "http://"+refusing(t))
	hook("hangs", dead(hang))
	hook("drips its answer", dead(func(c net.Conn) { drip(t.Context(), c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }))
	hook("never ends its header", dead(func(c net.Conn) { drip(t.Context(), c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 20)) }))
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }))
	defer failing.Close()
	hook("answers 500", failing.URL)
	hook("speaks no TLS", "https://"+listening(t, func(c net.Conn) { _, _ = c.Write([]byte("garbage\r\n\r\n")) }))
	hook("resets", dead(func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }))
	hook("is a black hole", "http://"+blackHole(t))
	ch, err := tracker.New(tracker.Config{
		Channel: rules.Channel{Name: "tracker that hangs", URL: dead(hang), TokenFile: token, Tracker: &rules.Tracker{Repository: githubtest.Repository}},
		Memory:  db, Templates: words, Logger: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	channels = append(channels, ch)
	hook("well", well.URL)

	config, steps := plot(target{name: "well"})
	var board incident.Board
	failed := make(chan string, 1000)
	loop := &publisher.Loop{
		Outbox: db, Channels: channels, Logger: quiet,
		Prepare: func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
			return publisher.Prepare(config, board, r, judged, time.Now())
		},
		Count: func(channel, result string) {
			if channel != "well" || result != "sent" {
				failed <- channel + ": " + result
			}
		},
	}
	// Both events are known before they are stored, so that the loop need not wait
	// for the desk.
	first, second := publishing(steps[0], channels), publishing(steps[1], channels)
	for n, e := range append(append([]incident.Event{}, first...), second...) {
		e.Seq = uint64(n + 1)
		board = board.With(e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	for n, events := range [][]incident.Event{first, second} {
		if n > 0 {
			time.Sleep(300 * time.Millisecond) // until the nine are where they are stuck
		}
		began := time.Now()
		if _, err := db.Append(t.Context(), incident.Batch{Events: events, Recorded: began}); err != nil {
			t.Fatal(err)
		}
		loop.Wake()
		select {
		case <-heard:
			d, most := time.Since(began), 5*time.Second
			if raceDetector {
				most *= 3 // it makes everything slower
			}
			t.Logf("event %d: the tenth target heard of it after %v", n+1, d.Round(time.Millisecond))
			if d > most {
				t.Errorf("that is more than %v", most)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the tenth target hears nothing")
		}
	}
	stopping := time.Now()
	cancel()
	select {
	case err := <-ended:
		t.Logf("the loop ended %v after it was told to (%v)", time.Since(stopping).Round(time.Millisecond), err)
	case <-time.After(20 * time.Second):
		t.Fatal("the loop does not end")
	}
	queues, err := db.Queues(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queues {
		if want := 2; q.Channel != "well" && (q.Waiting != want || q.Dead > 0) {
			t.Errorf("of %q %d wait and %d are given up, want %d and none", q.Channel, q.Waiting, q.Dead, want)
		}
	}
	close(failed)
	for f := range failed {
		t.Log(f)
	}
}

// publishing has one update of a step go to all channels.
func publishing(events []incident.Event, channels []publisher.Channel) []incident.Event {
	var out []incident.Event
	done := false
	for _, e := range events {
		key := ""
		if e.Kind == incident.Updated {
			key = fmt.Sprintf("%s/%d", e.Incident, e.Update.Number)
		}
		e.Posts = nil
		for _, c := range channels {
			if key != "" && !done {
				e.Posts = append(e.Posts, incident.Post{Channel: c.Name(), Key: key})
			}
		}
		done = done || key != ""
		out = append(out, e)
	}
	return out
}

// listening gives the address of a server that talks as it is told to.
func listening(t *testing.T, talk func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				talk(c)
			}()
		}
	}()
	return l.Addr().String()
}

// refusing gives an address at which nobody listens.
func refusing(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// drip writes a letter a second.
func drip(ctx context.Context, c net.Conn, text string) {
	for _, b := range []byte(text) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
	}
}

// blackHole gives an address that answers nothing at all: its queue of
// connections is full, and nobody takes any.
func blackHole(t *testing.T) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			return address
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the address takes connections without end")
	return ""
}
