package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is an engine's HTTP interface on a port. It can go away for a while
// and come back on the same port, as a store does that is out of reach.
type Server struct {
	handler http.Handler
	addr    string

	mu    sync.Mutex
	front *http.Server // nil while paused
}

// Serve listens on an address such as 127.0.0.1:0 and answers until ctx ends
// or Close is called.
func (e *Engine) Serve(ctx context.Context, addr string, options ...Option) (*Server, error) {
	s := &Server{handler: e.Handler(options...), addr: addr}
	if err := s.Resume(); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, s.Close)
	return s, nil
}

// Addr is the address with the port that was taken, such as 127.0.0.1:40217.
func (s *Server) Addr() string { return s.addr }

// URL is what clickhouse-go takes as a DSN.
func (s *Server) URL() string { return "http://" + s.addr }

// Pause closes the port and every connection; what was running is cut off.
func (s *Server) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.front != nil {
		_ = s.front.Close()
		s.front = nil
	}
}

// Resume opens the port again after Pause.
func (s *Server) Resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.front != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("serve the ClickHouse engine: %w", err)
	}
	s.addr = l.Addr().String() // with the port, which Resume asks for again
	front := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
	s.front = front
	go func() {
		if err := front.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("the ClickHouse engine's port broke", "addr", l.Addr().String(), "err", err)
		}
	}()
	return nil
}

// Close is Pause for good. The engine stays open.
func (s *Server) Close() { s.Pause() }
