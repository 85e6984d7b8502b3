package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates, itself or one for a server.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

const day = 24 * time.Hour

// sign makes a certificate from a draft; signed by itself where by is nil.
func sign(t *testing.T, draft *x509.Certificate, by *authority) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	draft.SerialNumber = big.NewInt(time.Now().UnixNano())
	if draft.NotBefore.IsZero() {
		draft.NotBefore = time.Now().Add(-365 * day)
	}
	if by == nil {
		by = &authority{draft, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, draft, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// root is a new certificate authority.
func root(t *testing.T) authority {
	return sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "A root of this test"}, NotAfter: time.Now().Add(3650 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
}

// between is an authority that another one signs.
func (a authority) between(t *testing.T, lasts time.Duration) authority {
	return sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "One in between"}, NotAfter: time.Now().Add(lasts),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, &a)
}

// server is a draft for this machine's own address.
func server(lasts time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Now().Add(lasts),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// named is a draft for another machine.
func named(lasts time.Duration, names ...string) *x509.Certificate {
	c := server(lasts)
	c.DNSNames, c.IPAddresses = names, nil
	return c
}

// pair is what a server shows: its certificate, and those above it.
func (a authority) pair(above ...authority) tls.Certificate {
	p := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, x := range above {
		p.Certificate = append(p.Certificate, x.cert.Raw)
	}
	return p
}

// file writes the certificate as PEM and gives the file's name.
func (a authority) file(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	body := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// serve answers over TLS with a certificate, on 127.0.0.1.
func serve(t *testing.T, p tls.Certificate, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{p}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that break are what is tested
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}
