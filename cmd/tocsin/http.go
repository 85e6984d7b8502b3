package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

func server(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
}

// publicServer is a server for whoever is out there: it speaks HTTP/2 besides, to
// proxies in front of it also without TLS, and gives a client that is slow, or
// sends what no browser does, little to hold on to.
func publicServer(addr string, h http.Handler, c keyPair) *http.Server {
	s := server(addr, h)
	s.MaxHeaderBytes = 16 << 10
	s.IdleTimeout = time.Minute
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100, SendPingTimeout: 30 * time.Second, PingTimeout: 10 * time.Second, WriteByteTimeout: 10 * time.Second}
	s.ErrorLog = log.New(faults{}, "", 0)
	if c.given() {
		s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: (&renewed{keyPair: c}).get}
	}
	return s
}

// faults logs what is our fault. A line for each client that hangs up or speaks
// something else would be for strangers to write.
type faults struct{}

func (faults) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("panic")) {
		slog.Error("serve the public page", "err", string(b))
	}
	return len(b), nil
}

// listen takes the address that s is to serve on.
func listen(ctx context.Context, s *http.Server) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, fmt.Errorf("%w: choose another address under the key listen", err)
	}
	return l, nil
}

// listenPublic takes the address of the public server.
func listenPublic(ctx context.Context, s *http.Server) (net.Listener, error) {
	if s.TLSConfig != nil {
		if _, err := s.TLSConfig.GetCertificate(nil); err != nil {
			return nil, err // it shows at the start, and not to the first reader
		}
	}
	l, err := listen(ctx, s)
	if err != nil {
		return nil, err
	}
	return newBound(l, mostConnections, mostOfAnAddress), nil
}

// serveHTTP serves until ctx ends, then lets requests under way finish.
func serveHTTP(ctx context.Context, s *http.Server, l net.Listener) error {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx) // what did not finish by then is cut off
	})
	defer stop()
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", s.Addr, err)
	}
	<-done
	return nil
}

// keyPair names the files, in PEM, that a listener proves with who it is.
type keyPair struct{ file, key string }

// certificateOf is the public listener's, if the configuration names one.
func certificateOf(config *rules.Config) keyPair {
	return keyPair{config.Listen.CertificateFile, config.Listen.KeyFile}
}

func (c keyPair) given() bool { return c.file != "" || c.key != "" }

// renewed gives the certificate as the files hold it: whoever renews it
// writes them anew, and nothing has to be restarted.
type renewed struct {
	keyPair

	mu     sync.Mutex // guards what follows
	loaded *tls.Certificate
	of     [2]time.Time // when the files that it is of were written
	looked time.Time
	wrong  string // with the files, as it was said last
}

// get satisfies tls.Config. While the files are not of one piece, as when one of
// them is written, the certificate that was there before goes on.
func (c *renewed) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && time.Since(c.looked) < time.Second {
		return c.loaded, nil
	}
	c.looked = time.Now()
	written, err := c.written()
	if err == nil && c.loaded != nil && written == c.of {
		return c.loaded, nil
	}
	var now tls.Certificate
	if err == nil {
		now, err = tls.LoadX509KeyPair(c.file, c.key)
	}
	if err != nil {
		err = fmt.Errorf("load the certificate of the public listener: %w: write the certificate with its chain, and its key, in PEM, readable for the user that Tocsin runs as", err)
		if c.loaded == nil {
			return nil, err
		}
		if err.Error() != c.wrong {
			c.wrong = err.Error()
			slog.Warn("the public listener goes on with the certificate that it has", "ends", c.loaded.Leaf.NotAfter, "err", err)
		}
		return c.loaded, nil
	}
	c.loaded, c.of, c.wrong = &now, written, ""
	return c.loaded, nil
}

func (c *renewed) written() (at [2]time.Time, err error) {
	for n, name := range []string{c.file, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return at, err
		}
		at[n] = info.ModTime()
	}
	return at, nil
}
