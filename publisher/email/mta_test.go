package email_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/rules"
)

// eximConfig is a mail server of its own: STARTTLS and a sign-in are asked for,
// readers at example.net have a Maildir, ghost@ is taken and cannot be
// delivered, and what comes back to example.com lands in the same Maildir.
const eximConfig = `
primary_hostname = mx.example.net
qualify_domain = example.net
spool_directory = %[1]s/spool
log_file_path = %[1]s/%%slog
exim_user = mail
exim_group = mail
never_users =
keep_environment =
disable_ipv6 = true
local_interfaces = 127.0.0.1
daemon_smtp_ports = %[2]d
tls_advertise_hosts = *
tls_certificate = %[1]s/cert.pem
tls_privatekey = %[1]s/key.pem
tls_dhparam = none
helo_lookup_domains =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
bounce_return_body = false

begin acl
rcpt:
  require message = 530 5.7.0 authentication required
          authenticated = *
  require encrypted = *
  deny    message = 550 5.1.1 no such user
          local_parts = nobody
  accept  domains = example.net : example.com
  deny    message = 550 5.7.1 relay not permitted

begin routers
ghost:
  driver = redirect
  local_parts = ghost
  allow_fail
  data = :fail: the mailbox is gone
all:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = %[1]s/mail
  create_directory
  user = mail
  group = mail
  delivery_date_add
  envelope_to_add
  return_path_add

begin retry
* * F,1h,5m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${if def:tls_in_cipher}
  server_condition = ${if and {{eq{$auth2}{tocsin}}{eq{$auth3}{s3cret}}}}
  server_set_id = $auth2
`

// exim starts Debian's Exim with a configuration of its own, and gives its address,
// the authority of its certificate, and its Maildir.
func exim(t *testing.T) (addr string, roots *x509.CertPool, maildir string) {
	t.Helper()
	skip := t.Skip
	if os.Getenv("TOCSIN_MTA_REQUIRED") != "" {
		skip = t.Fatal
	}
	const program = "/usr/sbin/exim4"
	if _, err := os.Stat(program); err != nil {
		skip("Exim is not installed: make conformance installs it and runs this test")
	}
	if os.Geteuid() != 0 {
		skip("Exim takes a configuration of our own only from root")
	}
	dir, err := os.MkdirTemp("", "tocsin-exim") // t.TempDir's parents are for us alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.net"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = free.Addr().String()
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	for name, body := range map[string][]byte{
		"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		"exim.conf": fmt.Appendf(nil, eximConfig, dir, port),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "chown", "-R", "mail:mail", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// Exim believes no configuration that others than root and itself may write.
	if err := os.Chown(filepath.Join(dir, "exim.conf"), 0, 0); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-C", filepath.Join(dir, "exim.conf"), "-bdf", "-q1m")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has a child for each connection
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "mainlog"))
			panics, _ := os.ReadFile(filepath.Join(dir, "paniclog"))
			t.Logf("Exim says:\n%s%s%s", &said, log, panics)
		}
	})
	for range 200 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = c.Close()
			return addr, roots, filepath.Join(dir, "mail", "new")
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("Exim does not listen")
	return "", nil, ""
}

// A real server takes our mail over STARTTLS with a sign-in, and what it delivers
// is read by a library that did not write it. What it cannot deliver comes back,
// and is understood.
func TestARealServerTakesAndReturnsMail(t *testing.T) {
	addr, roots, maildir := exim(t)
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "s3cret\n")
	p := mailTo(t, nil, func(c *email.Config) {
		c.Mail.Server, c.Roots, c.Mail.User, c.Mail.PasswordFile = addr, roots, "tocsin", file
		c.Mail.Lists = append(c.Mail.Lists, rules.List{Name: "more", Addresses: []string{"nobody@example.net", "ghost@example.net", "far@example.org"}})
	})
	want := map[string]letter{}
	send := func(d publisher.Delivery) {
		t.Helper()
		receipt := p.send(d)
		if !strings.HasPrefix(receipt, "250 OK id=") {
			t.Errorf("Exim's receipt is %q", receipt)
		}
	}
	send(update(1, "ada@example.net"))
	send(update(2, "ada@example.net"))
	send(call("sam@example.com"))
	if _, err := p.channel.Publish(t.Context(), update(1, "nobody@example.net")); !errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), "no such user") {
		t.Errorf("an address that is not there: %v", err)
	}
	if _, err := p.channel.Publish(t.Context(), update(1, "far@example.org")); err == nil || errors.Is(err, publisher.ErrPermanent) || !strings.Contains(err.Error(), "relay") {
		t.Errorf("an address that it does not relay to: %v", err)
	}
	send(update(1, "ghost@example.net")) // is taken, and comes back

	var returned []byte
	for range 400 {
		files, _ := filepath.Glob(filepath.Join(maildir, "*"))
		if len(files) == 4 {
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(b, []byte("multipart/report")) {
					returned = b
					continue
				}
				l := open(t, b)
				want[l.head(t, "Message-Id")] = l
			}
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if len(want) != 3 || returned == nil {
		t.Fatalf("%d mails arrived, and one came back: %v", len(want), returned != nil)
	}
	set, _ := words()
	for id, l := range want {
		switch {
		case strings.HasPrefix(id, "<INC-2026-0001.notice.2."):
			if l.Get("Importance") != "high" || !strings.HasPrefix(l.text, "P0 Management API in Europe: ") {
				t.Errorf("the call is %q", l.text)
			}
			continue
		case strings.HasPrefix(id, "<INC-2026-0001.1."), strings.HasPrefix(id, "<INC-2026-0001.2."):
		default:
			t.Fatalf("what is %s?", id)
		}
		d := update(int(id[len("<INC-2026-0001.")]-'0'), "")
		m, err := set.Message(d.Public, *d.Incident, *d.Update)
		if err != nil {
			t.Fatal(err)
		}
		if said, _, _ := strings.Cut(l.text, "\n-- \n"); said != m.Body || l.head(t, "Subject") != m.Subject {
			t.Errorf("%s has not runbook B's words:\n%s\n%s", id, l.head(t, "Subject"), l.text)
		}
		if !strings.Contains(l.html, "Incident ID:") || !strings.Contains(l.html, "INC-2026-0001") {
			t.Errorf("%s has not the HTML", id)
		}
		for _, name := range []string{"From", "To", "Reply-To", "Date", "Mime-Version", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Return-Path"} {
			if l.head(t, name) == "" {
				t.Errorf("%s lost its %s", id, name)
			}
		}
		if !strings.Contains(l.Get("Return-Path"), "bounces+b") || !strings.Contains(l.Get("Received"), "with esmtpsa") {
			t.Errorf("%s was returned to %s, received as %s", id, l.Get("Return-Path"), l.Get("Received"))
		}
	}
	v, err := email.Returned(t.Context(), bytes.NewReader(returned), "", p.channel)
	if err != nil || v.Address != "ghost@example.net" || v.State != publisher.Bounced {
		t.Errorf("what came back is taken as %+v (%v):\n%s", v, err, returned)
	}
	if v, err := email.Returned(t.Context(), io.NopCloser(bytes.NewReader(bytes.ReplaceAll(returned, []byte("bounces+b"), []byte("bounces+c")))), "", p.channel); err != nil || v.Address != "ghost@example.net" {
		t.Errorf("without the address that names its reader, it is taken as %+v (%v)", v, err)
	}
}
