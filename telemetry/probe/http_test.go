package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// health is what the example product answers.
const health = `{"status": "ok", "version": "1.2.3", "pool": {"usage": 0.25, "text": "0.5", "on": true, "off": false, "none": null, "huge": 1e999},
	"services": [{"name": "Database", "status": "degraded"}, {"name": "Redis", "status": "operational"}]}`

// plain answers everything with a status and a body.
func plain(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func codes(pairs ...uint16) (c []rules.Codes) {
	for i := 0; i < len(pairs); i += 2 {
		c = append(c, rules.Codes{From: pairs[i], To: pairs[i+1]})
	}
	return c
}

func TestWhatAnAnswerMustBe(t *testing.T) {
	is := func(path string, values ...string) rules.Expect {
		return rules.Expect{JSON: []rules.JSONCheck{{Path: path, Any: values}}}
	}
	const database = `services.#(name=="Database").status`
	tests := []struct {
		name   string
		status int
		body   string
		expect rules.Expect
		want   string
	}{
		{"nothing is asked", 204, "", rules.Expect{}, ""},
		{"399 is good", 399, "", rules.Expect{}, ""},
		{"400 is not", 400, "", rules.Expect{}, "unexpected status 400 (want 200–399)"},
		{"503 is not", 503, health, is("status", "ok"), "unexpected status 503 (want 200–399)"},
		{"503 is asked for", 503, health, rules.Expect{Status: codes(200, 299, 503, 503)}, ""},
		{"200 is not", 200, health, rules.Expect{Status: codes(401, 401, 500, 599)}, "unexpected status 200 (want 401, 500–599)"},
		{"a value is as it must be", 200, health, is("status", "operational", "ok"), ""},
		{"a value deep inside", 200, health, is(database, "degraded"), ""},
		{"a number is compared as it is written", 200, health, is("pool.usage", "0.25"), ""},
		{"a value is another", 200, health, is("version", "1.2.4", "1.2.5"), "unexpected JSON (version is none of 1.2.4, 1.2.5)"},
		{"one value deep inside is another", 200, health, is(database, "operational"), "unexpected JSON (" + database + " is none of operational)"},
		{"a value is not there", 200, health, is("state", "ok", ""), "unexpected JSON (state is not there)"},
		{"null is not nothing", 200, health, is("pool.none", ""), ""},
		{"it is a page", 200, "<html>secret</html>", is("status", "ok"), "no JSON (the body cannot be read as JSON)"},
		{"it is empty", 200, "", is("status", "ok"), "no JSON ("},
		{"it is cut off", 200, health[:40], is("status", "ok"), "no JSON ("},
		{"it is longer than anybody reads", 200, `{"status": "ok", "secret": "` + strings.Repeat("x", mostBody) + `"}`, is("status", "ok"), "no JSON (the body is longer than 1 MiB)"},
		{"it is just as long as is read", 200, `{"status": "ok", "pad": "` + strings.Repeat("x", mostBody-27) + `"}`, is("status", "ok"), ""},
		{"it is a hundred thousand brackets", 200, strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), is("0.0", "ok"), "no JSON ("},
		{"it may be long where nobody asks", 200, strings.Repeat("x", 2*mostBody), rules.Expect{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := ask(t, rules.Probe{Type: "http", Expect: tt.expect}, plain(t, tt.status, tt.body))
			says(t, o, tt.want)
			if !o.answered || o.latency <= 0 {
				t.Errorf("its latency is %v (%t)", o.latency, o.answered)
			}
			if len(o.gauges) != 0 {
				t.Errorf("over plain HTTP it has %v", o.gauges)
			}
		})
	}
}

func TestHowLongAnAnswerMayTake(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		time.Sleep(80 * time.Millisecond) // the whole answer counts, not its first byte
		fmt.Fprint(w, "{}")
	}))
	defer s.Close()
	says(t, ask(t, rules.Probe{Type: "http", Expect: rules.Expect{Within: 4 * time.Second}}, s.URL), "")
	o := ask(t, rules.Probe{Type: "http", Expect: rules.Expect{Within: 50 * time.Millisecond}}, s.URL)
	says(t, o, "too slow (answered after ")
	if !o.answered || o.latency < 80*time.Millisecond || !strings.HasSuffix(o.failure.Error(), "want 50ms at most)") {
		t.Errorf("got %v after %v", o.failure, o.latency)
	}
}

func TestGaugesAreReadOutOfTheBody(t *testing.T) {
	states := map[string]float64{"operational": 1, "degraded": 0.5, "down": 0}
	gauges := []rules.ProbeGauge{
		{Name: "database", Path: `services.#(name=="Database").status`, Values: states},
		{Name: "redis", Path: `services.#(name=="Redis").status`, Values: states},
		{Name: "queue", Path: `services.#(name=="Queue").status`, Values: states}, // not there
		{Name: "unknown", Path: "status", Values: states},                         // stands for nothing
		{Name: "pool", Path: "pool.usage"},
		{Name: "text", Path: "pool.text"},
		{Name: "on", Path: "pool.on"},
		{Name: "off", Path: "pool.off"},
		{Name: "none", Path: "pool.none"},
		{Name: "huge", Path: "pool.huge"},
		{Name: "word", Path: "status"},
		{Name: "list", Path: "services"},
		{Name: "count", Path: "services.#"},
	}
	want := "map[count:2 database:0.5 off:0 on:1 pool:0.25 redis:1 text:0.5]"
	for name, status := range map[string]int{"well": 200, "unwell": 503} { // just then one wants to know
		o := ask(t, rules.Probe{Type: "http", Gauges: gauges}, plain(t, status, health))
		if got := fmt.Sprint(o.gauges); got != want || (o.failure == nil) != (status == 200) {
			t.Errorf("%s: got %s (%v), want %s", name, got, o.failure, want)
		}
	}
	if o := ask(t, rules.Probe{Type: "http", Gauges: gauges}, plain(t, 200, "secret")); o.failure != nil || len(o.gauges) != 0 {
		t.Errorf("a body that is no JSON gives %v (%v)", o.gauges, o.failure)
	}
}

func TestWhatIsSent(t *testing.T) {
	var mu sync.Mutex
	var seen []*http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r)
	}))
	defer s.Close()
	says(t, ask(t, rules.Probe{Type: "http"}, s.URL+"/health?x=1"), "")
	says(t, ask(t, rules.Probe{Type: "http", UserAgent: "Mozilla/5.0 (Tocsin)"}, strings.Replace(s.URL, "http://", "http://me:pass@", 1)), "")
	if len(seen) != 2 || seen[0].Method != "GET" || seen[0].URL.String() != "/health?x=1" {
		t.Fatalf("got %v", seen)
	}
	for i, want := range []string{"Tocsin", "Mozilla/5.0 (Tocsin)"} {
		if got := seen[i].UserAgent(); got != want {
			t.Errorf("the user agent is %q, want %q", got, want)
		}
	}
	if user, pass, _ := seen[1].BasicAuth(); user != "me" || pass != "pass" {
		t.Errorf("the user is %q with %q", user, pass)
	}
	if seen[0].RemoteAddr == seen[1].RemoteAddr || !seen[0].Close {
		t.Error("a connection was used twice")
	}
}

func TestEachCheckShakesHandsAnew(t *testing.T) {
	ca := root(t)
	s := serve(t, sign(t, server(9*day), &ca).pair(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.DidResume)
	}))
	target, err := newTarget(rules.Probe{Type: "http", CAFile: ca.file(t), Every: time.Second, Timeout: time.Second}, rules.Target{Address: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		o := target.once(t.Context())
		says(t, o, "")
		lasts(t, o, 9)
		if o.gauges[rules.GaugeHandshake] == 0 {
			t.Error("there was no handshake")
		}
	}
}

func TestRedirects(t *testing.T) {
	ca := root(t)
	cert := sign(t, server(9*day), &ca).pair()
	short := sign(t, server(2*day), &ca).pair()
	wrong := sign(t, named(2*day, "other.example"), &ca).pair()
	hops := func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); err != nil || n == 0 {
			fmt.Fprint(w, `{"status": "ok"}`)
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
	}
	to := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, address, http.StatusMovedPermanently)
		}
	}
	open := httptest.NewServer(http.HandlerFunc(hops))
	defer open.Close()
	safe := serve(t, cert, http.HandlerFunc(hops))
	none := math.NaN()
	soon := serve(t, short, http.HandlerFunc(hops))
	names := serve(t, wrong, http.HandlerFunc(hops))
	ok := rules.Expect{JSON: []rules.JSONCheck{{Path: "status", Any: []string{"ok"}}}}
	tests := []struct {
		name    string
		address string
		expect  rules.Expect
		want    string
		days    float64
	}{
		{"three are followed", open.URL + "/3", ok, "", none},
		{"four are not", open.URL + "/4", ok, "too many redirects (more than 3)", none},
		{"over TLS three are followed", safe.URL + "/3", ok, "", 9},
		{"what is asked for by name is not followed", open.URL + "/9", rules.Expect{Status: codes(200, 200, 300, 399)}, "", none},
		{"another one than what is asked for is followed", open.URL + "/9", rules.Expect{Status: codes(301, 301)}, "too many redirects", none},
		{"to where there is no TLS", serve(t, cert, to(open.URL)).URL, ok, `redirect to another scheme (from https to "http"`, 9},
		{"from where there is no TLS", redirecting(t, to(safe.URL)), ok, `redirect to another scheme (from http to "https"`, none},
		{"to a file", redirecting(t, to("file:///etc/passwd")), ok, `redirect to another scheme (from http to "file"`, none},
		{"to nowhere", redirecting(t, to("http://"+closed(t)+"/secret")), ok, "no answer: connection refused", none},
		{"to whose certificate ends sooner", serve(t, cert, to(soon.URL)).URL, ok, "", 2},
		{"to whose certificate is for others", serve(t, cert, to(names.URL)).URL, ok, "wrong host name", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := ask(t, rules.Probe{Type: "http", CAFile: ca.file(t), Expect: tt.expect}, tt.address)
			says(t, o, tt.want)
			lasts(t, o, tt.days)
			if o.failure != nil && strings.Contains(o.failure.Error(), "secret") {
				t.Errorf("it says where it was sent: %v", o.failure)
			}
		})
	}
}

// redirecting answers over plain HTTP.
func redirecting(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAPackedBodyIsNotReadBeyondWhatIsRead(t *testing.T) {
	var member bytes.Buffer
	w := gzip.NewWriter(&member)
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	packed := bytes.Repeat(member.Bytes(), 200) // one after the other is a body, too
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed)
	}))
	defer s.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	says(t, ask(t, rules.Probe{Type: "http"}, s.URL), "")
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 8<<20 {
		t.Errorf("a body of 200 MiB cost %d MiB", spent>>20)
	}
}

func TestNothingOfAnAnswerIsLogged(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var probes []rules.Probe
	add := func(address string, e rules.Expect) {
		probes = append(probes, rules.Probe{
			ID: fmt.Sprint("p", len(probes)), Type: "http", Every: 500 * time.Millisecond, Timeout: 500 * time.Millisecond,
			Expect: e, Targets: []rules.Target{{Region: "eu", Address: address}},
		})
	}
	body := `{"status": "secret"}`
	add(plain(t, 200, body), rules.Expect{JSON: []rules.JSONCheck{{Path: "status", Any: []string{"ok"}}}})
	add(plain(t, 200, "secret"), rules.Expect{JSON: []rules.JSONCheck{{Path: "status", Any: []string{"ok"}}}})
	add(plain(t, 500, body), rules.Expect{})
	add("http://me:secret@"+conversation(t, func(c net.Conn) { fmt.Fprint(c, "secret\r\n") }), rules.Expect{})
	add(redirecting(t, http.RedirectHandler("https://secret.invalid/secret", http.StatusFound))+"/?token=secret", rules.Expect{})
	p, err := New(probes, nobody, logger)
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, p)
	waitFor(t, func() bool {
		for _, s := range p.Report() {
			if s.At.IsZero() {
				return false
			}
		}
		return true
	})
	stop()
	if n := strings.Count(log.String(), "probe fails"); n < len(probes) {
		t.Errorf("%d of %d are logged:\n%s", n, len(probes), log.String())
	}
	if strings.Contains(log.String(), "secret") || strings.Contains(fmt.Sprint(p.Report()), "secret") {
		t.Errorf("it says too much:\n%s\n%v", log.String(), p.Report())
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not come to pass within 5 s")
}

// ours gives the stacks of goroutines that a check can leave behind.
func ours() (stacks []string) {
	buf := make([]byte, 4<<20)
	for s := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(s, "probe.(*run)") || strings.Contains(s, "probe.(*target)") || strings.Contains(s, "probe.page") || strings.Contains(s, "probe.shake") ||
			strings.Contains(s, "http.(*Transport)") || strings.Contains(s, "http.(*persistConn)") {
			stacks = append(stacks, s)
		}
	}
	return stacks
}

// Whatever the other side does, nothing of a check is left when ctx ends.
func TestNothingIsLeftWhenItEnds(t *testing.T) {
	ca := root(t)
	good := serve(t, sign(t, server(9*day), &ca).pair(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	mute := silent(t)
	hangs := conversation(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
		<-t.Context().Done()
	})
	if stacks := ours(); len(stacks) > 0 {
		t.Fatalf("there is something before the test:\n%s", strings.Join(stacks, "\n\n"))
	}
	reached := make(chan struct{}, 100)
	long := conversation(t, func(net.Conn) { reached <- struct{}{}; <-t.Context().Done() })
	var probes []rules.Probe
	for i, address := range []string{good.URL, good.Listener.Addr().String(), "https://" + mute, "http://" + mute, "http://" + hangs, mute, "https://" + long} {
		p := rules.Probe{
			ID: fmt.Sprint("p", i), Type: "http", Every: 300 * time.Millisecond, Timeout: 300 * time.Millisecond, CAFile: ca.file(t),
			Targets: []rules.Target{{Region: "eu", Address: address}},
		}
		if !strings.Contains(address, "://") {
			p.Type = "tls"
		}
		if strings.HasSuffix(address, long) { // it is broken off by the stop, and not by its timeout
			p.Every, p.Timeout = time.Hour, time.Hour
		}
		probes = append(probes, p)
	}
	p, err := New(probes, nobody, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range *p.wanted.Load() {
		soon := time.Now().Add(100 * time.Millisecond)
		target.offset = soon.Sub(soon.Truncate(target.probe.Every))
	}
	stop := start(t, p)
	<-reached
	waitFor(t, func() bool {
		report := p.Report()
		well := report[0].OK && report[1].OK
		for _, s := range report[2:6] {
			well = well && strings.Contains(s.Reason, "timed out")
		}
		return well
	})
	began := time.Now()
	stop()
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v to end", took)
	}
	waitFor(t, func() bool { return len(ours()) == 0 })
}

func TestCheckingOnce(t *testing.T) {
	ca := root(t)
	s := serve(t, sign(t, server(7*day), &ca).pair(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	p, err := New([]rules.Probe{
		{ID: "web", Type: "http", Every: 15 * time.Second, Timeout: 5 * time.Second, CAFile: ca.file(t), Targets: []rules.Target{{Region: "eu", Address: s.URL}, {Region: "us", Address: "http://" + closed(t)}}},
		{ID: "edge", Type: "tls", Every: 15 * time.Second, Timeout: 5 * time.Second, Targets: []rules.Target{{Region: "eu", Address: s.Listener.Addr().String()}}},
	}, func(context.Context, []telemetry.Minute) error { t.Error("it handed something on"); return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, st := range p.Check(t.Context()) {
		days := "none"
		if st.CertificateDays != nil {
			days = fmt.Sprintf("%.0f", *st.CertificateDays)
		}
		cause, _, _ := strings.Cut(st.Reason, " (")
		lines = append(lines, fmt.Sprintf("%s/%s %t %q %s", st.Probe, st.Region, st.OK, cause, days))
	}
	same(t, lines, `web/eu true "" 7`, `web/us false "no answer: connection refused" none`, `edge/eu false "unknown authority" 7`)
}

func TestMetrics(t *testing.T) {
	days, statuses := 6.5, []Status{}
	reg := prometheus.NewPedanticRegistry()
	NewMetrics(reg, func() []Status { return statuses })
	statuses = []Status{
		{Probe: "web", Region: "eu", At: time.Now(), OK: true, Latency: 1500 * time.Millisecond, CertificateDays: &days},
		{Probe: "web", Region: "us", At: time.Now(), Reason: "no answer", Latency: time.Second},
		{Probe: "web", Region: "in"}, // not checked yet
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	same(t, lines,
		`tocsin_certificate_days{probe="web",region="eu"} 6.5`,
		`tocsin_probe_duration_seconds{probe="web",region="eu"} 1.5`,
		`tocsin_probe_duration_seconds{probe="web",region="us"} 1`,
		`tocsin_probe_up{probe="web",region="eu"} 1`,
		`tocsin_probe_up{probe="web",region="us"} 0`)
}

// FuzzBody: whatever a server sends, it is read or it is not, and that is all.
func FuzzBody(f *testing.F) {
	f.Add([]byte(health), `services.#(name=="Database").status`)
	f.Add([]byte(`[[[[`), "#.#.#")
	f.Add([]byte("\x00\xff"), "@this|@pretty")
	f.Add([]byte(`{"a": 1e999}`), "a")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		into := map[string]float64{}
		readGauges([]rules.ProbeGauge{{Name: "g", Path: path}}, body, into)
		if v, ok := into["g"]; ok && v != v {
			t.Error("a gauge is no number")
		}
		if f := expectJSON([]rules.JSONCheck{{Path: "status", Any: []string{"ok"}}}, body); f != nil && len(f.Error()) > 200 {
			t.Errorf("a reason holds what was sent: %s", f)
		}
	})
}
