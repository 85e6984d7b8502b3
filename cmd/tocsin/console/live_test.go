package console

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
)

// listen opens the stream and gives its lines.
func listen(t *testing.T, ctx context.Context, url string) (lines <-chan string, status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	ch := make(chan string, 100)
	go func() {
		defer close(ch)
		defer resp.Body.Close()
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			if in.Text() != "" {
				ch <- in.Text()
			}
		}
	}()
	return ch, resp.StatusCode
}

func next(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	select {
	case got, ok := <-lines:
		if !ok || !strings.HasPrefix(got, want) {
			t.Fatalf("the stream says %q (%v), want %q", got, ok, want)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("the stream says nothing, want %q", want)
	}
}

// The stream outlives the timeouts of the server, which are for requests that end.
func TestTheStream(t *testing.T) {
	s := night(t)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.console, ReadTimeout: 200 * time.Millisecond, WriteTimeout: 200 * time.Millisecond, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	url := "http://" + l.Addr().String()
	lines, status := listen(t, t.Context(), url)
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	next(t, lines, "retry: 1000")
	next(t, lines, "event: state")
	next(t, lines, fmt.Sprintf(`data: {"seq":"%d","judged":"2026-05-20T03:11:00Z"}`, s.desk.Board().Seq))
	time.Sleep(500 * time.Millisecond)
	s.act("asha", incident.Action{Do: incident.Acknowledge, Incident: s.of("evaluations").ID})
	next(t, lines, "event: state")
	next(t, lines, fmt.Sprintf(`data: {"seq":"%d"`, s.desk.Board().Seq))
	s.judge(s.now().Truncate(time.Minute))
	next(t, lines, "event: state")
	next(t, lines, `data: {"seq":`)
	s.console.Wake() // nothing has changed
	select {
	case got := <-lines:
		t.Errorf("nothing changed, and the stream says %q", got)
	case <-time.After(500 * time.Millisecond):
	}

	// The service ends: the streams end, and the server need not wait for them.
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.console.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	down, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	if err := server.Shutdown(down); err != nil {
		t.Errorf("the server waits for a stream: %v", err)
	}
	<-served
	if _, open := <-lines; open {
		t.Error("the stream goes on")
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := night(t)
	s.console.hub.most = 2
	url := s.serve(t, "asha responder")
	ctx, leave := context.WithCancel(t.Context())
	first, _ := listen(t, ctx, url)
	next(t, first, "retry")
	second, _ := listen(t, t.Context(), url)
	next(t, second, "retry")
	if _, status := listen(t, t.Context(), url); status != http.StatusServiceUnavailable {
		t.Errorf("a third one: %d", status)
	}
	leave()
	deadline := time.Now().Add(5 * time.Second)
	for {
		if _, status := listen(t, t.Context(), url); status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of one that left is not given away")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := s.console.Run(cancelled(t)); err != nil {
		t.Fatal(err)
	}
	if _, status := listen(t, t.Context(), url); status != http.StatusServiceUnavailable {
		t.Errorf("after the end: %d", status)
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
