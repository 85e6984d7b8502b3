package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// served serves h as the public listener does, and gives its address.
func served(t *testing.T, h http.Handler, c keyPair) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := publicServer("127.0.0.1:0", h, c)
	l, err := listenPublic(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serveHTTP(ctx, s, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "hello by "+r.Proto)
})

// from is a dialer on an address of its own.
func from(ip string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 5 * time.Second}
}

// readFrom asks for the page from an address, over a new connection.
func readFrom(ip, addr string) (took time.Duration, err error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: from(ip).DialContext, DisableKeepAlives: true}}
	began := time.Now()
	resp, err := client.Get("http://" + addr + "/")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && string(body) != "hello by HTTP/1.1" {
		err = errors.New("the answer is " + string(body))
	}
	return time.Since(began), err
}

// TestSlowClientsKeepNobodyWaiting opens thousands of connections that begin a
// request and do not end it, first from one address, then from three, which take
// all the room that there is.
func TestSlowClientsKeepNobodyWaiting(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < 8*mostOfAnAddress {
		t.Skipf("it opens both ends of thousands of sockets, and a process may have %d files open here (%v)", files.Cur, err)
	}
	addr := served(t, hello, keyPair{})
	var mu sync.Mutex
	var slow []net.Conn
	defer func() {
		for _, c := range slow {
			c.Close()
		}
	}()
	hold := func(ip string, n int) {
		var wg sync.WaitGroup
		room := make(chan struct{}, 50)
		for range n {
			room <- struct{}{}
			wg.Go(func() {
				defer func() { <-room }()
				conn, err := from(ip).Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ") // it may have been shown the door
				mu.Lock()
				defer mu.Unlock()
				slow = append(slow, conn)
			})
		}
		wg.Wait()
	}
	began := time.Now()
	for _, ip := range []string{"127.0.0.1", "127.0.0.3", "127.0.0.4"} {
		hold(ip, mostOfAnAddress)
		worst := time.Duration(0)
		for range 20 {
			took, err := readFrom("127.0.0.2", addr)
			if err != nil {
				t.Fatalf("with %d slow connections, the last ones from %s: %v", len(slow), ip, err)
			}
			worst = max(worst, took)
		}
		t.Logf("with %d slow connections, the last ones from %s: 20 readers from elsewhere, the slowest waited %s", len(slow), ip, worst.Round(time.Microsecond))
		if worst > time.Second {
			t.Errorf("a reader waited %s", worst)
		}
	}
	if time.Since(began) > 4*time.Second {
		t.Logf("it took %s: the first slow ones were shown the door by their time", time.Since(began))
	}
}

func TestABoundHasRoomForThoseWhoHaveLess(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	b := newBound(inner, 6, 4)
	enter := func(ip string) (*boundConn, *boundConn, bool) {
		c := &boundConn{b: b, Conn: inert{}, from: origin(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1})}
		out, ok := b.enter(c)
		return c, out, ok
	}
	var first *boundConn
	for n := range 4 {
		c, out, ok := enter("192.0.2.1")
		if !ok || out != nil {
			t.Fatalf("the connection %d finds no room", n)
		}
		if n == 0 {
			first = c
		}
	}
	if _, _, ok := enter("::ffff:192.0.2.1"); ok {
		t.Error("an address has more than its share, by another spelling")
	}
	for _, ip := range []string{"2001:db8::1", "2001:db8::2"} {
		if _, out, ok := enter(ip); !ok || out != nil {
			t.Errorf("%s finds no room, or somebody made way for it", ip)
		}
	}
	c, out, ok := enter("2001:db8::3")
	if !ok || out != first {
		t.Errorf("where all is taken: %v, and %v made way, want the oldest of who has most", ok, out)
	}
	if b.count != 6 || len(b.of[c.from]) != 3 {
		t.Errorf("%d are counted, %d of the network", b.count, len(b.of[c.from]))
	}
	if _, _, ok := enter("2001:db8::4"); ok {
		t.Error("somebody made way for one who has as many")
	}
	_ = out.Close() // the server closes what was closed
	if b.count != 6 {
		t.Errorf("%d are counted after a second close", b.count)
	}
	for range 2 {
		_ = c.Close()
	}
	if b.count != 5 {
		t.Errorf("%d are counted after one has gone, want 5", b.count)
	}
	for _, list := range b.of {
		for _, c := range list {
			_ = c.Close()
		}
	}
	if b.count != 0 || len(b.of) != 0 {
		t.Errorf("%d are counted after all have gone, of %d addresses", b.count, len(b.of))
	}
}

type inert struct{ net.Conn }

func (inert) Close() error { return nil }

func TestThePublicListenerSpeaksBothVersionsOfHTTP(t *testing.T) {
	addr := served(t, hello, keyPair{})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	for want, transport := range map[string]*http.Transport{
		"hello by HTTP/2.0": {Protocols: protocols},
		"hello by HTTP/1.1": {},
	} {
		resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get("http://" + addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		transport.CloseIdleConnections()
		if string(body) != want {
			t.Errorf("got %q, want %q", body, want)
		}
	}
	resp, err := withLongHeader(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 40 kB: %s", resp.Status)
	}
}

func TestTheCertificateIsTakenUpWhenItIsRenewed(t *testing.T) {
	dir := t.TempDir()
	c := keyPair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	if _, err := listenPublic(t.Context(), publicServer("127.0.0.1:0", hello, c)); err == nil || !strings.Contains(err.Error(), "load the certificate of the public listener: ") || !strings.Contains(err.Error(), "in PEM, readable") {
		t.Errorf("without its files: %v", err)
	}
	writeCertificate(t, c, 1)
	addr := served(t, hello, c)
	serial := func() (int64, string) {
		t.Helper()
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // it is nobody's
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get("https://" + addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), string(body)
	}
	if n, body := serial(); n != 1 || body != "hello by HTTP/2.0" {
		t.Errorf("certificate %d, %q", n, body)
	}
	if err := os.WriteFile(c.file, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said journalOfLines
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&said, nil)))
	defer slog.SetDefault(was)
	for range 2 {
		time.Sleep(1100 * time.Millisecond)
		if n, _ := serial(); n != 1 {
			t.Errorf("while it is written: certificate %d", n)
		}
	}
	if n := strings.Count(said.String(), "load the certificate of the public listener: "); n != 1 {
		t.Errorf("that what was renewed cannot be used is said %d times, want once:\n%s", n, &said)
	}
	writeCertificate(t, c, 2)
	time.Sleep(1100 * time.Millisecond)
	if n, _ := serial(); n != 2 {
		t.Errorf("after it was renewed: certificate %d", n)
	}
	d := diagnosis{config: &rules.Config{Listen: rules.Listen{CertificateFile: c.file, KeyFile: c.key}}, at: time.Now()}
	if d.certificate(); len(d.Wanting) != 1 || !strings.Contains(d.Wanting[0], "listen.certificate_file: it ends at ") {
		t.Errorf("doctor says of a certificate that ends in an hour: %q", d.Wanting)
	}
	d = diagnosis{config: &rules.Config{Listen: rules.Listen{CertificateFile: c.file, KeyFile: c.file}}}
	if d.certificate(); len(d.Wanting) != 1 || !strings.Contains(d.Wanting[0], "load the certificate of the public listener") {
		t.Errorf("doctor says of a certificate without its key: %q", d.Wanting)
	}
	old := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}}
	if resp, err := (&http.Client{Transport: old}).Get("https://" + addr + "/"); err == nil {
		resp.Body.Close()
		t.Error("it speaks TLS 1.1")
	}
}

func writeCertificate(t *testing.T, c keyPair, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "status.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(c.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

func withLongHeader(t *testing.T, addr string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 40<<10))
	return (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
}
