// Package smtptest is a mail server for tests: a real one (RFC 5321 with
// STARTTLS, RFC 3207, and AUTH PLAIN, RFC 4954, all by go-smtp) that keeps what
// it is given, and that can be told to be slow, to refuse, to break off before
// or after it took a message, and to have a certificate that nobody should
// believe.
package smtptest

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Options says how a server behaves. The zero value offers STARTTLS and takes
// everything.
type Options struct {
	TLS            string // "starttls" by default, "tls", or "none"
	User, Password string // "": no sign-in is offered, else mail is taken only after it
	BadCertificate bool   // one for another name
	Delay          time.Duration

	// Fault gives the answer to a command of the n-th message (of that address,
	// from 1): at is "connect" (without an address), "mail", "rcpt" or "data".
	// nil takes it.
	Fault func(at, address string, n int) *Reply

	// Cut is asked before and after the n-th message that came in (from 1) is
	// taken ("before", "after"); where it is true the connection ends without an
	// answer.
	Cut func(n int, stage string) bool

	// Got, if it is not nil, is given each message that is taken, and none is
	// kept.
	Got func(Message)
}

// Reply is a server's answer.
type Reply struct {
	Code     int
	Enhanced [3]int // zero: none
	Text     string
	Drop     bool // and it hangs up
}

// Message is one that was taken.
type Message struct {
	From, To string // of the envelope
	Data     []byte
	User     string // who signed in; "" if nobody did
	TLS      bool
	At       time.Time
}

// Server is a running mail server.
type Server struct {
	options Options
	addr    string
	roots   *x509.CertPool
	server  *smtp.Server

	mu       sync.Mutex
	messages []Message
	datas    int
	tries    map[string]int // by address
	connects int
}

// New starts a server on a free port of this machine. It ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{options: o, tries: map[string]int{}}
	cert, roots, err := certificate(o.BadCertificate)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = roots
	s.server = smtp.NewServer(smtp.BackendFunc(s.session))
	s.server.Domain = "mx.example.net"
	s.server.AllowInsecureAuth = o.TLS == "none"
	s.server.ReadTimeout, s.server.WriteTimeout = time.Minute, time.Minute
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	settings := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	switch cmp.Or(o.TLS, "starttls") {
	case "starttls":
		s.server.TLSConfig = settings
	case "tls":
		listener = tls.NewListener(listener, settings)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = s.server.Close()
		<-done
	})
	return s
}

// Addr gives host and port.
func (s *Server) Addr() string { return s.addr }

// Roots gives the authority that the server's certificate is from.
func (s *Server) Roots() *x509.CertPool { return s.roots }

// Messages gives those that were taken, in that order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Connections tells how many there were.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connects
}

// Close ends the server before the test does: whoever is connected is cut off.
func (s *Server) Close() { _ = s.server.Close() }

// Shutdown waits for what is under way.
func (s *Server) Shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }

func (s *Server) fault(at, address string, n int) *Reply {
	if s.options.Fault == nil {
		return nil
	}
	return s.options.Fault(at, address, n)
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	one := &session{server: s, conn: c}
	if _, secure := c.TLSConnectionState(); secure && s.server.TLSConfig != nil {
		return one, nil // it greets anew after STARTTLS
	}
	s.mu.Lock()
	s.connects++
	n := s.connects
	s.mu.Unlock()
	if err := one.answer(s.fault("connect", "", n)); err != nil {
		return nil, err
	}
	return one, nil
}

// session is one connection's way through the server.
type session struct {
	server   *Server
	conn     *smtp.Conn
	user     string
	from, to string
	try      int // of the address
}

var (
	_ smtp.AuthSession = (*session)(nil)

	errCut = errors.New("cut off")
)

// answer makes an error of a reply, nil of nil.
func (s *session) answer(r *Reply) error {
	if r == nil {
		return nil
	}
	if r.Code == 0 {
		_ = s.conn.Conn().Close()
		return errCut
	}
	if r.Drop {
		conn := s.conn.Conn()
		time.AfterFunc(20*time.Millisecond, func() { _ = conn.Close() })
	}
	enhanced := smtp.NoEnhancedCode
	if r.Enhanced != [3]int{} {
		enhanced = smtp.EnhancedCode(r.Enhanced)
	}
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: enhanced, Message: r.Text}
}

func (s *session) Reset()        { s.from, s.to, s.try = "", "", 0 }
func (s *session) Logout() error { return nil }

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.options.User || password != s.server.options.Password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Authentication credentials invalid"}
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.User != "" && s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.from = from
	return s.answer(s.server.fault("mail", from, 0))
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	s.server.tries[to]++
	s.to, s.try = to, s.server.tries[to]
	s.server.mu.Unlock()
	return s.answer(s.server.fault("rcpt", to, s.try))
}

func (s *session) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	s.server.datas++
	n := s.server.datas
	s.server.mu.Unlock()
	if s.cut(n, "before") {
		return errCut
	}
	time.Sleep(s.server.options.Delay)
	if err := s.answer(s.server.fault("data", s.to, s.try)); err != nil {
		return err
	}
	_, secure := s.conn.TLSConnectionState()
	m := Message{From: s.from, To: s.to, Data: body, User: s.user, TLS: secure, At: time.Now()}
	if s.server.options.Got != nil {
		s.server.options.Got(m)
	} else {
		s.server.mu.Lock()
		s.server.messages = append(s.server.messages, m)
		s.server.mu.Unlock()
	}
	if s.cut(n, "after") {
		return errCut
	}
	return nil
}

// cut ends the connection if it is to end here.
func (s *session) cut(n int, stage string) bool {
	if s.server.options.Cut == nil || !s.server.options.Cut(n, stage) {
		return false
	}
	_ = s.conn.Conn().Close()
	return true
}

// certificate makes an authority of its own and a certificate from it, for this
// machine or for another one.
func certificate(bad bool) (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.net"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if bad {
		about.DNSNames, about.IPAddresses = []string{"mx.example.org"}, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots, nil
}
