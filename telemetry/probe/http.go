package probe

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

const (
	mostRedirects = 3
	mostBody      = 1 << 20
	mostHeader    = 256 << 10
)

// page is an address that is asked over HTTP.
type page struct {
	probe rules.Probe
	url   *url.URL
	roots *x509.CertPool
}

// newHTTP makes the check of whether an address answers as expected.
func newHTTP(p rules.Probe, address string, roots *x509.CertPool) (func(context.Context) outcome, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("its address is none: want one as in https://example.com/health") // which may hold a password
	}
	return page{p, u, roots}.check, nil
}

// check asks once, over a connection of its own: one that was kept would hide
// that no new one can be made.
func (p page) check(ctx context.Context) outcome {
	began := time.Now()
	h := newHandshake(p.roots, began)
	status, body, err := p.get(ctx, h)
	o := outcome{latency: time.Since(began), answered: true, gauges: h.gauges()}
	if err != nil {
		o.failure = explain(ctx, err, h.doing(), timeoutOf(ctx, began))
		o.answered = timedOut(ctx, err)
		return o
	}
	o.failure = expect(p.probe.Expect, status, body, o.latency)
	readGauges(p.probe.Gauges, body, o.gauges)
	return o
}

// get asks and reads the answer, as much of it as anybody needs.
func (p page) get(ctx context.Context, h *handshake) (status int, body []byte, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { h.goes("waiting for the answer") },
		TLSHandshakeStart:    h.starts,
		TLSHandshakeDone:     h.ended,
		GotFirstResponseByte: func() { h.goes("reading the answer") },
	})
	h.asks(p.url.Hostname())
	client := &http.Client{Transport: p.transport(ctx, h), CheckRedirect: func(req *http.Request, via []*http.Request) error {
		h.asks(req.URL.Hostname())
		return p.redirect(req, via)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("User-Agent", cmp.Or(p.probe.UserAgent, "Tocsin"))
	req.Header.Set("Cache-Control", "no-cache") // what a cache holds says nothing about who is behind it
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, mostBody+1))
	return res.StatusCode, body, err
}

// transport makes connections that end with ctx. The standard one lets a
// handshake that nobody waits for any more go on, for others to use.
func (p page) transport(ctx context.Context, h *handshake) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: mostHeader,
		TLSClientConfig:        h.config(),
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			return conn, nil
		},
	}
}

// redirect follows an answer that says where the page is, unless that answer
// is itself what is expected.
func (p page) redirect(req *http.Request, via []*http.Request) error {
	switch {
	case expectsRedirect(p.probe.Expect.Status, req.Response.StatusCode):
		return http.ErrUseLastResponse
	case len(via) > mostRedirects:
		return &failure{"too many redirects", fmt.Sprintf("more than %d", mostRedirects)}
	case req.URL.Scheme != p.url.Scheme:
		return &failure{"redirect to another scheme", fmt.Sprintf("from %s to %.10q: write the address that it leads to", p.url.Scheme, req.URL.Scheme)}
	}
	return nil
}

// expectsRedirect reports whether a redirect was asked for by name; a range such
// as 200–399 means that it is followed.
func expectsRedirect(codes []rules.Codes, status int) bool {
	for _, c := range codes {
		if c.From >= 300 && within(c, status) {
			return true
		}
	}
	return false
}

func within(c rules.Codes, status int) bool { return int(c.From) <= status && status <= int(c.To) }

// anyGood is what is expected where nothing is written.
var anyGood = []rules.Codes{{From: 200, To: 399}}

// expect tells in what an answer is not what it must be; nil if it is.
func expect(e rules.Expect, status int, body []byte, latency time.Duration) *failure {
	codes := e.Status
	if len(codes) == 0 {
		codes = anyGood
	}
	if !expected(codes, status) {
		return &failure{fmt.Sprintf("unexpected status %d", status), "want " + list(codes)}
	}
	if f := expectJSON(e.JSON, body); f != nil {
		return f
	}
	if e.Within > 0 && latency > e.Within {
		return &failure{"too slow", fmt.Sprintf("answered after %v, want %v at most", latency.Round(time.Millisecond), e.Within)}
	}
	return nil
}

func expected(codes []rules.Codes, status int) bool {
	for _, c := range codes {
		if within(c, status) {
			return true
		}
	}
	return false
}

// list spells out ranges of codes.
func list(codes []rules.Codes) string {
	var all []string
	for _, c := range codes {
		if c.From == c.To {
			all = append(all, fmt.Sprint(c.From))
		} else {
			all = append(all, fmt.Sprintf("%d–%d", c.From, c.To))
		}
	}
	return strings.Join(all, ", ")
}
