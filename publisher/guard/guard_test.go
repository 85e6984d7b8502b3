package guard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func TestOnlyPublicAddressesAreConnectedTo(t *testing.T) {
	refused := map[string][]string{
		"loopback":                           {"127.0.0.1", "127.255.255.254", "::1"},
		"private (RFC 1918)":                 {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"},
		"unique local":                       {"fc00::1", "fd00:ec2::254", "fdff:ffff::1"},
		"link-local and metadata":            {"169.254.0.1", "169.254.169.254", "fe80::1", "febf::1", "fe80::1%eth0"},
		"site-local":                         {"fec0::1"},
		"a cloud's own":                      {"168.63.129.16", "100.100.100.200", "192.0.0.192"},
		"carrier NAT":                        {"100.64.0.1", "100.127.255.255"},
		"multicast":                          {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
		"unspecified":                        {"0.0.0.0", "::"},
		"this network":                       {"0.1.2.3"},
		"benchmarks":                         {"198.18.0.1", "198.19.255.255", "2001:2::1"},
		"documentation":                      {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"},
		"reserved":                           {"240.0.0.1", "255.255.255.255", "192.0.0.1", "192.88.99.1", "100::1", "4000::1", "5f00::1", "e000::1"},
		"mapped":                             {"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"},
		"compatible":                         {"::10.0.0.1", "::127.0.0.1"},
		"through a translator":               {"64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"},
		"through 6to4":                       {"2002:a00:1::", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:c0a8:101::1"},
		"through Teredo, to a client":        {"2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:0:4136:e378:8000:63bf:5601:5601"},
		"through Teredo, by a server":        {"2001:0:a00:1:8000:63bf:3fff:fdd2"},
		"not routed":                         {"2001:10::1", "2001:20::1"},
		"no address at all (the zero value)": {""},
	}
	for name, list := range refused {
		t.Run(name, func(t *testing.T) {
			for _, s := range list {
				var a netip.Addr
				if s != "" {
					a = netip.MustParseAddr(s)
				}
				err := Guard{}.Check(a)
				r, ok := errors.AsType[*Refused](err)
				if !ok || r.Why == "" {
					t.Errorf("%s: got %v", s, err)
				}
			}
		})
	}
	for _, s := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1",
		"192.167.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.254", "168.63.129.17", "::ffff:1.1.1.1",
		"2606:4700:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:808:808:8000:63bf:f7f7:f7f7",
	} {
		if err := (Guard{}).Check(netip.MustParseAddr(s)); err != nil {
			t.Errorf("public: %v", err)
		}
	}
}

func TestWhatIsAllowedPassesAndNothingBeside(t *testing.T) {
	g := Guard{Allow: prefixes("10.1.0.0/16", "fd00::/8")}
	for s, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true, "fd12::1": true, "1.1.1.1": true,
		"10.2.0.1": false, "127.0.0.1": false, "fc12::1": false, "64:ff9b::10.2.2.3": false, "169.254.169.254": false,
	} {
		if err := g.Check(netip.MustParseAddr(s)); (err == nil) != want {
			t.Errorf("%s: got %v, want %v", s, err, want)
		}
	}
}

func TestThisMachineIsReachedOnlyByItsOwnName(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.8.9.1": true, "::1": true,
		"localhost.example.com": false, "LOCALHOST.": false, "10.0.0.1": false, "example.com": false, "": false, "0.0.0.0": false,
	} {
		g := For(host, nil)
		if g.Loopback != want {
			t.Errorf("%q: loopback is %v", host, g.Loopback)
		}
		if err := g.Check(netip.MustParseAddr("127.0.0.1")); (err == nil) != want {
			t.Errorf("%q: got %v", host, err)
		}
	}
	// http is taken for this machine: such words may not leave it.
	if err := For("localhost", prefixes("10.0.0.0/8")).Check(netip.MustParseAddr("10.0.0.1")); err == nil {
		t.Error("localhost led elsewhere")
	}
	if err := For("localhost", nil).Check(netip.MustParseAddr("1.1.1.1")); err == nil {
		t.Error("localhost led to the internet")
	}
}

func TestARefusalSaysWhichAddressAndHowToAllowIt(t *testing.T) {
	err := Guard{}.Check(netip.MustParseAddr("10.0.0.7"))
	for _, want := range []string{"10.0.0.7 is a private address", "allow: [10.0.0.7/32]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	err = Guard{}.Check(netip.MustParseAddr("64:ff9b::a00:7"))
	if want := "64:ff9b::a00:7 leads to 10.0.0.7, which is a private address"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, want %q in it", err, want)
	}
	u, _ := url.Parse("https://10.0.0.7:8443/hook")
	if err := (Guard{}).CheckURL(u); err == nil {
		t.Error("the mistake is not seen before a connection is made")
	}
	u, _ = url.Parse("https://hooks.example.com/")
	if err := (Guard{}).CheckURL(u); err != nil {
		t.Errorf("a name: %v", err)
	}
}

// fickle is a name server that answers each question for an A record with the
// next of its addresses, and from then on with the last; the names have no other
// records. It speaks what RFC 1035 has, as far as a resolver needs.
func fickle(t *testing.T, addrs ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for end < n && buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			end += 5 // the root's zero, the type, the class
			if end > n {
				continue
			}
			answer := append([]byte{}, buf[:end]...)
			copy(answer[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // an answer, no error, one question
			if binary.BigEndian.Uint16(buf[end-4:]) == 1 {
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the name above, A, IN, no time to live
				answer = append(answer, netip.MustParseAddr(addrs[0]).AsSlice()...)
				if len(addrs) > 1 {
					addrs = addrs[1:]
				}
			}
			conn.WriteTo(answer, from)
		}
	}()
	server := conn.LocalAddr().String()
	d := new(net.Dialer)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "udp", server)
	}}
}

func TestANameThatChangesItsMeaningIsOfNoUse(t *testing.T) {
	var heard atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer inside.Close()
	port := inside.Listener.Addr().(*net.TCPAddr).Port
	address := (&url.URL{Scheme: "http", Host: net.JoinHostPort("rebind.example.com", strconv.Itoa(port)), Path: "/"}).String()

	resolver := fickle(t, "1.1.1.1", "127.0.0.1")
	// What a check before the connection would see: all is well.
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example.com")
	if err != nil || len(first) != 1 || (Guard{}).Check(first[0]) != nil {
		t.Fatalf("got %v, %v", first, err)
	}
	// And what the name means when the connection is made.
	g := Guard{}
	d := g.Dialer()
	d.Resolver = resolver
	client := g.client(d, 5*time.Second)
	_, err = client.Post(address, "application/json", strings.NewReader("{}"))
	r, ok := errors.AsType[*Refused](err)
	if !ok || r.Addr != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got %v", err)
	}
	if heard.Load() != 0 {
		t.Error("the inside was reached")
	}

	// The same way goes through where it is allowed: the test reaches what it thinks it reaches.
	g = Guard{Allow: prefixes("127.0.0.1/32")}
	d = g.Dialer()
	d.Resolver = resolver
	res, err := g.client(d, 5*time.Second).Post(address, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if heard.Load() != 1 {
		t.Errorf("it was heard %d times", heard.Load())
	}
}

func TestAProxyOfTheEnvironmentIsNotAWayAround(t *testing.T) {
	var heard atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	transport := Guard{}.Client(time.Second).Transport.(*http.Transport)
	if transport.Proxy != nil {
		t.Error("the client asks for a proxy")
	}
	_, err := Guard{}.Client(time.Second).Get("http://10.255.255.1/")
	if _, ok := errors.AsType[*Refused](err); !ok || heard.Load() != 0 {
		t.Errorf("got %v, the proxy was asked %d times", err, heard.Load())
	}
}

func TestACertificateOfNobodysIsRefused(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.StartTLS()
	defer server.Close()
	_, err := For("127.0.0.1", nil).Client(5 * time.Second).Get(server.URL)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		server.Config.ErrorLog = log.New(t.Output(), "", 0)
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		server.StartTLS()
		client := For("127.0.0.1", nil).Client(5 * time.Second)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		client.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
		res, err := client.Get(server.URL)
		if (err == nil) != want {
			t.Errorf("%s: got %v", tls.VersionName(version), err)
		}
		if err == nil {
			res.Body.Close()
		}
		server.Close()
	}
}
