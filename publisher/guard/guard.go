// Package guard keeps what Tocsin posts from reaching into the network that it
// runs in. Whoever may write an address, or answer for its name, could otherwise
// have Tocsin post to the metadata service of a cloud, to a database's HTTP port
// or to the router ("server side request forgery").
//
// The address is judged when the connection is made, after the name was
// resolved: a name that meant something harmless a moment ago (DNS rebinding)
// gains nothing.
package guard

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// Guard says which addresses may be connected to. The zero Guard is the
// strictest that is of use: public addresses alone.
type Guard struct {
	// Allow lists networks that are not public and may be reached all the same.
	Allow []netip.Prefix

	// Loopback says that this machine is meant, and nothing else: of an address
	// whose own host is localhost, 127.0.0.1 or [::1], which nobody can make
	// mean something else. People try a channel out in that way.
	Loopback bool
}

// Refused is why an address is not connected to.
type Refused struct {
	Addr netip.Addr
	Why  string // "is a private address"
}

func (e *Refused) Error() string {
	return fmt.Sprintf("%s %s, and only public addresses are connected to: if it is meant, write `allow: [%s]` into the channel, or the network that it is in",
		e.Addr, e.Why, netip.PrefixFrom(e.Addr, e.Addr.BitLen()))
}

// For gives the guard of an address's host.
func For(host string, allow []netip.Prefix) Guard {
	return Guard{Allow: allow, Loopback: IsLoopback(host)}
}

// IsLoopback reports whether a host is this machine by its own spelling,
// whatever a resolver says.
func IsLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// WithoutURL takes the address out of an error of a request: it may hold a secret,
// and people know it.
func WithoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// CheckURL judges an address as far as it can be before any name is resolved: it
// is for telling of a mistake at the start.
func (g Guard) CheckURL(u *url.URL) error {
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil // a name: it is judged when it is resolved
	}
	return g.Check(a)
}

// Check says why an address may not be connected to; nil if it may.
func (g Guard) Check(a netip.Addr) error {
	a = a.WithZone("").Unmap()
	if g.Loopback {
		if a.IsLoopback() {
			return nil
		}
		return &Refused{a, "is not this machine, which the channel's address names"}
	}
	if slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	if why := unfit(a); why != "" {
		return &Refused{a, why}
	}
	for _, inner := range embedded(a) {
		if slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(inner) }) {
			continue
		}
		if why := unfit(inner); why != "" {
			return &Refused{a, fmt.Sprintf("leads to %s, which %s", inner, why)}
		}
	}
	return nil
}

// special lists what is not public, by IANA's registries of special-purpose
// addresses, and what clouds keep for themselves.
var special = []struct {
	net netip.Prefix
	why string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "is an address of this network itself"},
	{netip.MustParsePrefix("10.0.0.0/8"), "is a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "is shared behind a provider's NAT"},
	{netip.MustParsePrefix("127.0.0.0/8"), "is this machine"},
	{netip.MustParsePrefix("168.63.129.16/32"), "is a cloud's own service"},
	{netip.MustParsePrefix("169.254.0.0/16"), "is link-local, as the metadata service of clouds is"},
	{netip.MustParsePrefix("172.16.0.0/12"), "is a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "is reserved for protocols"},
	{netip.MustParsePrefix("192.0.2.0/24"), "is for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "is a relay's"},
	{netip.MustParsePrefix("192.168.0.0/16"), "is a private address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "is for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "is for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "is for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "is multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "is reserved"},

	{netip.MustParsePrefix("::/128"), "is no address"},
	{netip.MustParsePrefix("::1/128"), "is this machine"},
	{netip.MustParsePrefix("2001:2::/48"), "is for benchmarks"},
	{netip.MustParsePrefix("2001:10::/28"), "is not routed"},
	{netip.MustParsePrefix("2001:20::/28"), "is not routed"},
	{netip.MustParsePrefix("2001:db8::/32"), "is for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "is for documentation"},
	{netip.MustParsePrefix("fc00::/7"), "is a private address"},
	{netip.MustParsePrefix("fe80::/10"), "is link-local"},
	{netip.MustParsePrefix("fec0::/10"), "is a private address"},
	{netip.MustParsePrefix("ff00::/8"), "is multicast"},
}

var (
	global = netip.MustParsePrefix("2000::/3")
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	six    = netip.MustParsePrefix("2002::/16")
	teredo = netip.MustParsePrefix("2001::/32")
)

// unfit says what an address is that is not public; "" of one that is. Of IPv6
// only what is handed out at all is public: a network that is reserved tomorrow
// is refused today.
func unfit(a netip.Addr) string {
	if !a.IsValid() {
		return "is no address"
	}
	for _, s := range special {
		if s.net.Contains(a) {
			return s.why
		}
	}
	if a.Is6() && !global.Contains(a) && !nat64.Contains(a) {
		return "is not a public address"
	}
	return ""
}

// embedded gives the IPv4 addresses that an IPv6 address leads to: by a
// translator (RFC 6052), 6to4 (RFC 3056) or Teredo (RFC 4380: the server, and the
// client with its bits turned).
func embedded(a netip.Addr) []netip.Addr {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	v4 := func(n uint32) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
	}
	at := func(n int) uint32 { return binary.BigEndian.Uint32(b[n:]) }
	switch {
	case nat64.Contains(a):
		return []netip.Addr{v4(at(12))}
	case six.Contains(a):
		return []netip.Addr{v4(at(2))}
	case teredo.Contains(a):
		return []netip.Addr{v4(at(4)), v4(^at(12))}
	default:
		return nil
	}
}

// Control judges the address that a connection is about to be made to. It is for
// net.Dialer, which calls it for each address that a name means.
func (g Guard) Control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("a connection by %s was asked for, want TCP", network)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %q, which is no address: %w", address, err)
	}
	return g.Check(at.Addr())
}

// How long each step of a request may take.
const (
	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	headerTimeout = 20 * time.Second
)

// Dialer makes connections to what g lets pass.
func (g Guard) Dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: g.Control}
}

// Client makes requests of what g lets pass, within timeout each.
//
// It knows no proxy, not even that of the environment: the proxy would resolve
// the name and make the connection, and what it connects to could not be judged
// here. A redirect is not followed: it would carry words to an address that
// nobody wrote down.
func (g Guard) Client(timeout time.Duration) *http.Client { return g.client(g.Dialer(), timeout) }

func (g Guard) client(d *net.Dialer, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            d.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    tlsTimeout,
			ResponseHeaderTimeout:  headerTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        90 * time.Second,
			MaxIdleConnsPerHost:    2,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
