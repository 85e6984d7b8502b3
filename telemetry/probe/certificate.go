package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// judge says until when the certificates that a server sent are good, and
// whether they are good for host at the given time. The first is known also
// where the second is not so.
func judge(sent []*x509.Certificate, host string, roots *x509.CertPool, at time.Time) (ends time.Time, f *failure) {
	if len(sent) == 0 {
		return ends, &failure{"no certificate", "the server sent none"}
	}
	leaf, between := sent[0], x509.NewCertPool()
	for _, c := range sent[1:] {
		between.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at})
	if err != nil {
		return distrust(leaf, err, at)
	}
	if leaf.VerifyHostname(host) != nil {
		return lasting(chains), &failure{"wrong host name", fmt.Sprintf("the certificate is for %s and not for %s", names(leaf), host)}
	}
	return lasting(chains), nil
}

// lasting gives when the first certificate of a chain ends; where there are
// several chains, of the one that lasts longest.
func lasting(chains [][]*x509.Certificate) (ends time.Time) {
	for _, chain := range chains {
		first := chain[0].NotAfter
		for _, c := range chain {
			if c.NotAfter.Before(first) {
				first = c.NotAfter
			}
		}
		if first.After(ends) {
			ends = first
		}
	}
	return ends
}

// distrust tells why there is no chain from the leaf to a root.
func distrust(leaf *x509.Certificate, err error, at time.Time) (ends time.Time, f *failure) {
	const layout = "2006-01-02 15:04 UTC"
	ends = leaf.NotAfter
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return ends, &failure{"unknown authority", fmt.Sprintf("signed by %s, which is not trusted: is it in ca_file, and are this machine's ca-certificates there?", issuer(leaf))}
	}
	e, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok || e.Reason != x509.Expired {
		return ends, &failure{"certificate not accepted", err.Error()}
	}
	if at.Before(e.Cert.NotBefore) {
		return ends, &failure{"certificate not valid yet", "from " + e.Cert.NotBefore.UTC().Format(layout) + " on"}
	}
	if e.Cert.NotAfter.Before(ends) {
		ends = e.Cert.NotAfter // one in between ended before the leaf
	}
	return ends, &failure{"certificate expired", "on " + ends.UTC().Format(layout)}
}

// names lists what a certificate is for, as far as a line of a log holds it.
func names(c *x509.Certificate) string {
	var all []string
	for _, n := range c.DNSNames {
		all = append(all, fmt.Sprintf("%.80q", n))
	}
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	switch {
	case len(all) == 0:
		return "no name at all"
	case len(all) > 3:
		all = append(all[:3], fmt.Sprintf("%d more", len(all)-3))
	}
	return strings.Join(all, ", ")
}

func issuer(c *x509.Certificate) string {
	if c.Issuer.String() == c.Subject.String() {
		return "itself"
	}
	return fmt.Sprintf("%.120q", c.Issuer.String())
}

// handshake watches the TLS handshakes of one check. A check that was given up
// may still be in one, so several goroutines touch it.
type handshake struct {
	roots *x509.CertPool
	at    time.Time // of the check

	mu    sync.Mutex
	stage string // what is under way
	host  string // who is asked
	began time.Time
	took  time.Duration // of the first one
	ends  time.Time     // of the certificate that ends first
}

func newHandshake(roots *x509.CertPool, at time.Time) *handshake {
	return &handshake{roots: roots, at: at, stage: "connecting"}
}

// config makes the client's side. The certificate is verified by hand, so that
// what one can know of a bad one is known.
func (h *handshake) config() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: h.verify}
}

// goes says what is under way from now on.
func (h *handshake) goes(stage string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stage = stage
}

func (h *handshake) doing() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stage
}

// asks says whose certificate is expected.
func (h *handshake) asks(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host, h.stage = host, "connecting to "+host
}

func (h *handshake) starts() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.began, h.stage = time.Now(), "shaking hands with "+h.host
}

// verify is called with what the server sent.
func (h *handshake) verify(s tls.ConnectionState) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Of an address that is a number the state does not know the name.
	ends, f := judge(s.PeerCertificates, cmp.Or(s.ServerName, h.host), h.roots, h.at)
	if !ends.IsZero() && (h.ends.IsZero() || ends.Before(h.ends)) {
		h.ends = ends
	}
	if f == nil {
		return nil // and not f: a nil pointer in an error is no nil
	}
	return f
}

// ended is called with how it went, well or not.
func (h *handshake) ended(_ tls.ConnectionState, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && h.took == 0 {
		h.took = time.Since(h.began)
	}
}

// gauges gives what was found out.
func (h *handshake) gauges() map[string]float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := map[string]float64{}
	if !h.ends.IsZero() {
		g[rules.GaugeCertificateDays] = round(h.ends.Sub(h.at).Hours()/24, 1e4)
	}
	if h.took > 0 {
		g[rules.GaugeHandshake] = round(h.took.Seconds()*1e3, 1e2)
	}
	return g
}

// round cuts off digits that nobody needs and a store would keep.
func round(v, digits float64) float64 { return math.Round(v*digits) / digits }
