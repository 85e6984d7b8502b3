package page

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheServersOfTheDocumentationServeThePage runs nginx and Caddy as
// docs/hosting.md says, on a published folder, and reads it back from them.
func TestTheServersOfTheDocumentationServeThePage(t *testing.T) {
	text, err := os.ReadFile("../../docs/hosting.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := func(language string) (all []string) {
		for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
		return all
	}
	dir, err := os.MkdirTemp("/var/tmp", "tocsin-hosts-*") // nginx's own user has to get in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := p1()
	pub(t, New("status", filepath.Join(dir, "page"), load(t)), p)
	replace := func(s string, pairs ...string) string {
		for n := 0; n < len(pairs); n += 2 {
			if !strings.Contains(s, pairs[n]) {
				t.Fatalf("docs/hosting.md does not say %q any more", pairs[n])
			}
		}
		return strings.NewReplacer(pairs...).Replace(s)
	}
	const published = "/var/lib/tocsin/page"
	for name, c := range map[string]struct {
		args func(config string) []string
		text func(addr, behind string) string
	}{
		"nginx": {
			args: func(config string) []string { return []string{"-c", config, "-p", dir, "-e", "stderr"} },
			text: func(addr, behind string) string {
				folder := replace(blocks("nginx")[1], "listen 80;", "listen "+behind+";", published, dir+"/page")
				proxy := replace(blocks("nginx")[0], "listen 443 ssl;", "listen "+addr+";", "http2 on;", "", "  ssl_certificate /etc/ssl/status.example.com.pem;\n", "", "  ssl_certificate_key /etc/ssl/status.example.com.key;\n", "", "/var/cache/nginx/status", dir+"/cache", "127.0.0.1:8080", behind)
				return fmt.Sprintf("daemon off; master_process off; pid %s/pid; error_log stderr; events {}\nhttp { access_log off;\n%s%s}\n", dir, folder, proxy)
			},
		},
		"caddy": {
			args: func(config string) []string { return []string{"run", "--adapter", "caddyfile", "--config", config} },
			text: func(addr, _ string) string {
				return "{\n\tadmin off\n}\n" + replace(blocks("caddy")[0], "status.example.com {", "http://"+addr+" {", published, dir+"/page")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			program, err := exec.LookPath(name)
			if err != nil {
				if os.Getenv("TOCSIN_HOSTS_REQUIRED") != "" {
					t.Fatal(err)
				}
				t.Skipf("%s is not installed here; make conformance installs it", name)
			}
			addr, behind := unused(t), unused(t)
			config := filepath.Join(dir, name+".conf")
			if err := os.WriteFile(config, []byte(c.text(addr, behind)), 0o644); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			cmd := exec.Command(program, c.args(config)...)
			cmd.Env = append(os.Environ(), "HOME="+dir)
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				if t.Failed() {
					t.Log(said.String())
				}
			}()
			for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
				conn, err := net.Dial("tcp", addr)
				if err == nil {
					conn.Close()
					break
				}
				if time.Since(began) > 20*time.Second {
					t.Fatal(err)
				}
			}
			v, err := Verify(t.Context(), "http://"+addr, p.Rendered)
			if err != nil || len(v.Wrong) > 0 || len(v.Manifest.Files) < 50 {
				t.Fatalf("%v: %q", err, v.Wrong)
			}
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			defer client.CloseIdleConnections()
			for path, want := range map[string]string{
				"/": "200 text/html", "/history/": "200 text/html", "/incidents/INC-2026-0008": "200 text/html", "/nowhere/at/all": "404 text/html",
				"/history.atom": "200 application/atom+xml", "/updates.rss": "200 application/rss+xml", "/maintenance.ics": "200 text/calendar",
				"/badge.svg": "200 image/svg+xml", "/api/v2/summary.json": "200 application/json",
			} {
				resp, err := client.Get("http://" + addr + path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				h := resp.Header
				kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
				if got := fmt.Sprint(resp.StatusCode, " ", kind); err != nil || got != want {
					t.Errorf("%s: %s, %v, want %s", path, got, err, want)
				}
				if resp.StatusCode == 404 && string(body) != string(rendered(t, "p1")[fileMissing]) {
					t.Errorf("what is not there is answered with %.80s", body)
				}
				cors := map[bool]string{true: "", false: "*"}[kind == "text/html"]
				if h.Get("Cache-Control") != cacheControl || h.Get("Content-Security-Policy") != framing || h.Get("X-Content-Type-Options") != "nosniff" ||
					h.Get("Referrer-Policy") != referrerPolicy || h.Get("Access-Control-Allow-Origin") != cors {
					t.Errorf("%s: the headers are %v", path, h)
				}
			}
		})
	}
}

// unused gives an address that nobody listens on.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
