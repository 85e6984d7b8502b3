package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

func nobody(context.Context, []telemetry.Minute) error { return nil }

// ask checks one address once.
func ask(t *testing.T, p rules.Probe, address string) outcome {
	t.Helper()
	if p.Every == 0 {
		p.Every, p.Timeout = 15*time.Second, 5*time.Second
	}
	target, err := newTarget(p, rules.Target{Region: "eu", Address: address})
	if err != nil {
		t.Fatal(err)
	}
	return target.once(t.Context())
}

// says fails the test unless the check failed for that reason; "" is well.
func says(t *testing.T, o outcome, want string) {
	t.Helper()
	switch {
	case want == "" && o.failure != nil:
		t.Errorf("it failed: %v", o.failure)
	case want != "" && (o.failure == nil || !strings.HasPrefix(o.failure.Error(), want)):
		t.Errorf("it says %v, want %q", o.failure, want)
	}
}

// lasts fails the test unless the certificate lasts so many days; not a number
// is that none was seen.
func lasts(t *testing.T, o outcome, want float64) {
	t.Helper()
	got, ok := o.gauges[rules.GaugeCertificateDays]
	if ok == math.IsNaN(want) || ok && math.Abs(got-want) > 0.01 {
		t.Errorf("%s is %v (%t), want %v", rules.GaugeCertificateDays, got, ok, want)
	}
}

func TestWhatACertificateSays(t *testing.T) {
	ca, other := root(t), root(t)
	short := ca.between(t, 5*day)
	ended := ca.between(t, -day)
	self := sign(t, server(20*day), nil)
	future := server(90 * day)
	future.NotBefore = time.Now().Add(3 * day)
	client := server(14 * day)
	client.ExtKeyUsage = client.ExtKeyUsage[:0:0]
	client.ExtKeyUsage = append(client.ExtKeyUsage, 2) // client authentication
	trust := ca.file(t)
	tests := []struct {
		name   string
		shows  tls.Certificate
		trusts string // ca_file
		want   string
		days   float64
	}{
		{"two weeks are left", sign(t, server(14*day), &ca).pair(), trust, "", 14},
		{"a week is left", sign(t, server(7*day), &ca).pair(), trust, "", 7},
		{"two days are left", sign(t, server(2*day), &ca).pair(), trust, "", 2},
		{"an hour is left", sign(t, server(time.Hour), &ca).pair(), trust, "", 1.0 / 24},
		{"it ended", sign(t, server(-36*time.Hour), &ca).pair(), trust, "certificate expired (on ", -1.5},
		{"it ended, and nobody knows who signed it", sign(t, server(-day), &other).pair(), trust, "certificate expired (on ", -1},
		{"it is not valid yet", sign(t, future, &ca).pair(), trust, "certificate not valid yet (from ", 90},
		{"it is for others", sign(t, named(9*day, "a.example", "b.example"), &ca).pair(), trust, `wrong host name (the certificate is for "a.example", "b.example" and not for 127.0.0.1)`, 9},
		{"it is for many others", sign(t, named(9*day, "a.example", "b.example", "c.example", "d.example", "e.example"), &ca).pair(), trust, `wrong host name (the certificate is for "a.example", "b.example", "c.example", 2 more and not`, 9},
		{"it is for nobody", sign(t, named(9*day), &ca).pair(), trust, "wrong host name (the certificate is for no name at all and", 9},
		{"nobody knows who signed it", sign(t, server(30*day), &other).pair(), trust, `unknown authority (signed by "CN=A root of this test", which is not trusted`, 30},
		{"without a ca_file", sign(t, server(30*day), &ca).pair(), "", "unknown authority", 30},
		{"it signed itself", self.pair(), "", "unknown authority (signed by itself", 20},
		{"it signed itself, and that is what is trusted", self.pair(), self.file(t), "", 20},
		{"the one in between ends first", sign(t, server(60*day), &short).pair(short), trust, "", 5},
		{"the one in between ended", sign(t, server(60*day), &ended).pair(ended), trust, "certificate expired (on ", -1},
		{"the one in between is not shown", sign(t, server(60*day), &short).pair(), trust, "unknown authority", 60},
		{"it is no server's", sign(t, client, &ca).pair(), trust, "certificate not accepted (", 14},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.shows, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			for kind, address := range map[string]string{"tls": s.Listener.Addr().String(), "http": s.URL} {
				t.Run(kind, func(t *testing.T) {
					o := ask(t, rules.Probe{ID: "p", Type: kind, CAFile: tt.trusts}, address)
					says(t, o, tt.want)
					lasts(t, o, tt.days)
					took, ok := o.gauges[rules.GaugeHandshake]
					if shaken := tt.want == ""; ok != shaken || shaken && (took <= 0 || took > 5000) {
						t.Errorf("%s is %v (%t)", rules.GaugeHandshake, took, ok)
					}
					if o.answered != (tt.want == "") || o.latency <= 0 {
						t.Errorf("its latency is %v (%t)", o.latency, o.answered)
					}
				})
			}
		})
	}
}

func TestANameIsAskedForByName(t *testing.T) {
	ca := root(t)
	s := serve(t, sign(t, named(9*day, "localhost"), &ca).pair(), http.NotFoundHandler())
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, host := range []string{"localhost", "LOCALHOST"} {
		says(t, ask(t, rules.Probe{Type: "tls", CAFile: ca.file(t)}, net.JoinHostPort(host, port)), "")
		says(t, ask(t, rules.Probe{Type: "http", CAFile: ca.file(t), Expect: rules.Expect{Status: []rules.Codes{{From: 404, To: 404}}}},
			"https://"+net.JoinHostPort(host, port)), "")
	}
}

// conversation serves raw connections, one after the other.
func conversation(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				talk(c)
			}()
		}
	}()
	return l.Addr().String()
}

// silent takes connections and never says a word.
func silent(t *testing.T) string {
	return conversation(t, func(net.Conn) { <-t.Context().Done() })
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestWhyNobodyAnswers(t *testing.T) {
	cert := sign(t, server(day), nil).pair()
	reads := func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)) }
	old := conversation(t, func(c net.Conn) {
		_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS11}).Handshake()
	})
	tests := []struct {
		name    string
		address string
		kinds   string
		want    string
	}{
		{"nobody listens", closed(t), "tls http https", "no answer: connection refused (while connecting to 127.0.0.1)"},
		{"there is no such name", "nobody.invalid:443", "tls http https", "no answer: name not "},
		{"it says nothing", silent(t), "tls https", "no answer: timed out (300ms were over while shaking hands with 127.0.0.1)"},
		{"it says nothing", silent(t), "http", "no answer: timed out (300ms were over while waiting for the answer)"},
		{"it hangs up", conversation(t, reads), "tls http https", "no answer: connection closed (while "},
		{"it speaks plainly", conversation(t, func(c net.Conn) { reads(c); fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\nsecret") }), "tls https", "no TLS (what came is not a TLS handshake)"},
		{"it speaks something else", conversation(t, func(c net.Conn) { reads(c); fmt.Fprint(c, "220 secret ready\r\n") }), "http", "no answer: not understood (while "},
		{"it stops in the middle", conversation(t, func(c net.Conn) {
			reads(c)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret")
		}), "http", "no answer: connection closed (while reading the answer)"},
		{"it hangs in the middle", conversation(t, func(c net.Conn) {
			reads(c)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret")
			<-t.Context().Done()
		}), "http", "no answer: timed out (300ms were over while reading the answer)"},
		{"its header has no end", conversation(t, func(c net.Conn) {
			reads(c)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nX: secret")
			for c.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
				if _, err := fmt.Fprint(c, strings.Repeat("secret", 1000)); err != nil {
					return
				}
			}
		}), "http", "no answer: "},
		{"its TLS is too old", old, "tls https", "TLS refused ("},
	}
	for _, tt := range tests {
		for kind := range strings.FieldsSeq(tt.kinds) {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				t.Parallel()
				p, address := rules.Probe{Type: "tls", Every: 15 * time.Second, Timeout: 5 * time.Second}, tt.address
				if strings.Contains(tt.want, "300ms") {
					p.Timeout = 300 * time.Millisecond
				}
				if kind != "tls" {
					p.Type, address = "http", kind+"://"+tt.address
				}
				o := ask(t, p, address)
				says(t, o, tt.want)
				if o.failure != nil && strings.Contains(o.failure.Error(), "secret") {
					t.Errorf("it quotes what was sent: %v", o.failure)
				}
				if late := strings.Contains(o.failure.Error(), "timed out"); o.answered != late || late && o.latency < 300*time.Millisecond {
					t.Errorf("its latency is %v (%t)", o.latency, o.answered)
				}
			})
		}
	}
}

func TestMistakesShowAtTheStart(t *testing.T) {
	good := rules.Probe{ID: "api", Type: "http", Every: 15 * time.Second, Timeout: 5 * time.Second, Targets: []rules.Target{{Region: "eu", Address: "https://127.0.0.1/"}}}
	tests := []struct {
		name   string
		change func(*rules.Probe)
		want   string
	}{
		{"another type", func(p *rules.Probe) { p.Type = "icmp" }, `unknown type "icmp": want http or tls`},
		{"a file", func(p *rules.Probe) { p.Targets[0].Address = "file:///etc/passwd" }, "want one as in https://example.com/health"},
		{"an address with a password and a mistake", func(p *rules.Probe) { p.Targets[0].Address = "https://me:secret@exa mple/" }, "want one as in"},
		{"no port", func(p *rules.Probe) { p.Type, p.Targets[0].Address = "tls", "example.com" }, `"example.com" is no host:port`},
		{"no such ca_file", func(p *rules.Probe) { p.CAFile = "/nowhere/ca.pem" }, "read ca_file: open /nowhere/ca.pem"},
		{"an empty ca_file", func(p *rules.Probe) { p.CAFile = "/dev/null" }, "holds no certificate in PEM"},
		{"never", func(p *rules.Probe) { p.Every = 0 }, "the timeout must be at most as long as every"},
		{"longer than it may take", func(p *rules.Probe) { p.Timeout = 16 * time.Second }, "the timeout must be at most as long as every"},
	}
	p, err := New([]rules.Probe{good}, nobody, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		bad := good
		bad.Targets = append([]rules.Target(nil), good.Targets...)
		tt.change(&bad)
		for name, err := range map[string]error{"New": errOf(New([]rules.Probe{bad}, nobody, slog.Default())), "Reconfigure": p.Reconfigure([]rules.Probe{good, bad})} {
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `probe "api" in region "eu": `) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s, %s: got %v", tt.name, name, err)
			}
		}
	}
	if n := len(*p.wanted.Load()); n != 1 {
		t.Errorf("a mistake left %d targets", n)
	}
}

func errOf(_ *Prober, err error) error { return err }
