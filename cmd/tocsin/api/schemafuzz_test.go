package api

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
)

var (
	fuzzFor  = flag.Duration("fuzzfor", 2*time.Second, "how long TestSchemaFuzz makes requests")
	fuzzSeed = flag.Uint64("fuzzseed", 0, "what its requests are drawn from; 0: 1 for a short run, the clock for a long one")
)

// Requests drawn from the document alone: good ones, spoilt ones and hostile
// ones. Nothing makes the service answer 5xx or panic, every answer is one that
// the document has, a viewer hears of nothing private, and after each burst the
// log folds to the board.
func TestSchemaFuzz(t *testing.T) {
	seed := *fuzzSeed
	switch {
	case seed == 0 && *fuzzFor < 10*time.Second:
		seed = 1
	case seed == 0:
		seed = uint64(time.Now().UnixNano())
	}
	tally := tally{}
	end := time.Now().Add(*fuzzFor)
	houses := 0
	for ; time.Now().Before(end) && !t.Failed(); houses++ {
		// A subtest each, so that the desk and the store are put away.
		t.Run(fmt.Sprint("seed ", seed+uint64(houses)), func(t *testing.T) { fuzzHouse(t, seed+uint64(houses), end, &tally) })
	}
	t.Logf("%d requests to %d houses from seed %d\n%s", tally.requests, houses, seed, tally.String())
}

// fuzzHouse sends bursts until its log is long, or the time is over.
func fuzzHouse(t *testing.T, seed uint64, end time.Time, all *tally) {
	h := newHouse(t)
	for burst := uint64(0); burst < 60 && time.Now().Before(end) && !t.Failed(); burst++ {
		var wg sync.WaitGroup
		for half := range uint64(2) {
			g := &generator{h: h, Rand: rand.New(rand.NewPCG(seed, burst*2+half))}
			wg.Go(func() {
				for range 60 {
					if t.Failed() {
						return
					}
					g.shoot(all)
				}
			})
		}
		wg.Wait()
		r := rand.New(rand.NewPCG(seed, 1<<40+burst))
		if r.IntN(3) == 0 {
			h.ahead.Add(int64(time.Duration(1+r.IntN(20)) * time.Minute))
		}
		if r.IntN(2) == 0 {
			h.round(r.IntN(3) > 0)
		}
		h.folds()
		h.sane()
	}
}

// sane checks what holds of every board, and that customers can be shown it.
func (h *house) sane() {
	b := h.desk.Board()
	page := publisher.Project(h.config, b, h.desk.Judged(), h.now())
	public := map[string]bool{}
	if err := page.Lint(); err != nil {
		h.t.Errorf("the page: %v", err)
	}
	for _, i := range slices.Concat(page.Incidents, page.Past) {
		public[i.ID] = true
		for _, u := range i.Updates {
			if _, err := h.api.Words().Update(page, i, u); err != nil {
				h.t.Errorf("%s: %v", u.ID, err)
			}
			if _, err := h.api.Words().Message(page, i, u); err != nil {
				h.t.Errorf("%s: %v", u.ID, err)
			}
		}
	}
	on := map[string]incident.ID{}
	for n, i := range slices.Concat(b.Open, b.Past) {
		wrong := func(format string, args ...any) { h.t.Errorf("%s: %s", i.ID, fmt.Sprintf(format, args...)) }
		open := n < len(b.Open)
		if open != (i.State != incident.StateResolved) {
			wrong("among the wrong ones, as it is %s", i.State)
		}
		if !open && (i.Draft != nil || !i.Promise.IsZero()) {
			wrong("it is over, and waits: %+v, promise %s", i.Draft, i.Promise)
		}
		if i.Private && (i.Told() || i.Draft != nil || public[string(i.ID)]) {
			wrong("it is private, and customers are to read of it: told %v, first words %+v, on the page %v", i.Told(), i.Draft, public[string(i.ID)])
		}
		if i.Told() && i.Draft != nil {
			wrong("customers have read of it, and its first words wait")
		}
		for _, component := range append([]string{i.Component}, i.Components...) {
			if other, taken := on[component]; taken && open && !i.Private {
				wrong("%s is open on %s, too", other, component)
			}
			if open && !i.Private {
				on[component] = i.ID
			}
		}
		for n, u := range i.Updates {
			if u.Number != n+1 || n > 0 && !u.Said.After(i.Updates[n-1].Said) && !u.Late {
				wrong("update %d comes at %s as number %d", n+1, u.Said, u.Number)
			}
		}
		for n, c := range i.Causes {
			if slices.ContainsFunc(i.Causes[:n], func(o incident.Cause) bool {
				return o.Rule == c.Rule && o.Service == c.Service && o.Region == c.Region && o.Component == c.Component
			}) {
				wrong("twice the cause %+v", c)
			}
		}
	}
}

// tally counts answers.
type tally struct {
	mu       sync.Mutex
	requests int
	unread   int
	by       map[string]map[int]int // by operation, by status
}

func (c *tally) add(op string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]map[int]int{}
	}
	if c.by[op] == nil {
		c.by[op] = map[int]int{}
	}
	c.by[op][status]++
	c.requests++
}

func (c *tally) String() string {
	var b strings.Builder
	total := map[int]int{}
	for _, op := range slices.Sorted(maps.Keys(c.by)) {
		fmt.Fprintf(&b, "%-40s", op)
		for _, status := range slices.Sorted(maps.Keys(c.by[op])) {
			fmt.Fprintf(&b, " %d×%d", status, c.by[op][status])
			total[status] += c.by[op][status]
		}
		b.WriteByte('\n')
	}
	b.WriteString("all:")
	for _, status := range slices.Sorted(maps.Keys(total)) {
		fmt.Fprintf(&b, " %d×%d", status, total[status])
	}
	fmt.Fprintf(&b, "; %d more were no HTTP", c.unread)
	return b.String()
}

// generator draws requests from the document.
type generator struct {
	*rand.Rand
	h *house
}

func one[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// maybe is so once in n times.
func (g *generator) maybe(n int) bool { return g.IntN(n) == 0 }

var strangers atomic.Uint32

// shoot sends one request and looks at the answer.
func (g *generator) shoot(all *tally) {
	c := g.h.doc
	paths := slices.Sorted(maps.Keys(c.at("paths")))
	path := one(g, paths...)
	if g.maybe(8) {
		path = prefix + "/incidents"
	}
	method := strings.ToUpper(one(g, slices.Sorted(maps.Keys(c.at("paths", path)))...))
	op := c.at("paths", path, strings.ToLower(method))
	name, _ := op["operationId"].(string)
	target := strings.Replace(path, "{id}", g.id(), 1) + g.parameters(op)
	if g.maybe(40) {
		target = one(g, "/", "//", "/api/v1", "/api/v1/", "/api/v1/../v1/me", "/api/v1/incidents/%2e%2e/me", "/api/v1/%69ncidents", "/api/v1/incidents//timeline",
			"/api/v1/incidents/"+g.id()+"/"+g.segment(), "/api/v1/"+g.segment(), "/metrics", "http://elsewhere.example.com/api/v1/me", "/api/v1/me?"+g.segment())
		name = "odd path"
	}
	if g.maybe(60) {
		method = one(g, "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "GET", "POST", "post", "BREW")
		name = "odd method"
	}
	role := one(g, "responder", "responder", "responder", "responder", "responder", "admin", "admin", "admin", "viewer")
	if g.maybe(15) {
		role = one(g, "", "bad", "expired")
	}
	body := ""
	if schema, ok := c.at("paths", path, "post", "requestBody", "content", "application/json")["schema"].(map[string]any); ok && method != "GET" {
		body = g.body(schema)
	} else if g.maybe(20) {
		body = one(g, "{}", "x", g.hostile())
	}
	raw := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: tocsin.example.com\r\n%s", method, target, g.headers(role, body))
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw + body)))
	if err != nil {
		all.mu.Lock()
		all.unread++
		all.mu.Unlock()
		return
	}
	r.RemoteAddr = "192.0.2.1:1234"
	if role == "expired" || len(r.Header["Authorization"]) > 0 && !slices.Equal(r.Header["Authorization"], []string{"Bearer " + g.h.tokens[role]}) {
		n := strangers.Add(1)
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
	}
	private := g.private()
	asked := r.URL.EscapedPath()
	w := httptest.NewRecorder()
	g.h.api.ServeHTTP(w, r)
	got := reply{w.Code, w.Header(), w.Body.Bytes()}
	all.add(name, got.status)
	wrong := g.h.doc.check(method, asked, got)
	switch {
	case got.status >= 500:
		wrong = fmt.Errorf("5xx")
	case role == "viewer" && wrong == nil && !strings.HasSuffix(asked, "/openapi.json"): // its examples may have the same IDs
		still := g.private()
		for _, id := range private {
			if slices.Contains(still, id) && strings.Contains(string(got.body), id) && !strings.Contains(asked, id) {
				wrong = fmt.Errorf("a viewer reads of %s, which is private", id)
			}
		}
	}
	if wrong != nil && !g.h.t.Failed() {
		g.h.t.Errorf("%v\nasked by %q: %.3000q\nanswer: %.600s", wrong, role, raw+body, got)
	}
}

func (g *generator) private() (ids []string) {
	b := g.h.desk.Board()
	for _, i := range slices.Concat(b.Open, b.Past) {
		if i.Private {
			ids = append(ids, string(i.ID))
		}
	}
	return ids
}

// id draws an incident: mostly one that is open.
func (g *generator) id() string {
	b := g.h.desk.Board()
	switch {
	case g.maybe(30):
		return g.segment()
	case g.maybe(30):
		return one(g, "INC-2026-9999", "inc-2026-0001", "4", "INC-0000-0000", "INC-99999999999999999999-1")
	case len(b.Open) > 0 && !g.maybe(6):
		return string(one(g, b.Open...).ID)
	case len(b.Past) > 0:
		return string(one(g, b.Past...).ID)
	default:
		return "INC-2026-0001"
	}
}

// segment draws a part of a path that is escaped, or is not.
func (g *generator) segment() string {
	return one(g, "%00", "%ff", "%E2%80%AE", "..", "%2e%2e", "a%2Fb", "%25", "{id}", "a b", "é", strings.Repeat("a", 5000), "%0d%0aX:1", "'--", "acknowledge/", "openapi.json", "🐘", "-1", "%zz", ";", "?", "#")
}

func (g *generator) parameters(op map[string]any) string {
	list, _ := op["parameters"].([]any)
	var parts []string
	for _, p := range list {
		p := p.(map[string]any)
		if p["in"] != "query" || g.maybe(2) {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s=%v", p["name"], g.scalar(p["schema"].(map[string]any))))
	}
	if g.maybe(20) {
		parts = append(parts, one(g, "state="+g.segment(), "limit=99999999999999999999", "limit=-1", "limit=0", "before=9223372036854775807", "before=9223372036854775808", "x", "=", "&&", "%", "a=b;c=d", "limit=1&limit=2"))
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

func (g *generator) scalar(schema map[string]any) any {
	if enum, ok := schema["enum"].([]any); ok {
		return one(g, enum...)
	}
	return 1 + g.IntN(50)
}

func (g *generator) headers(role, body string) string {
	var b strings.Builder
	line := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	switch token := g.h.tokens[role]; {
	case role == "bad":
		line("Authorization", one(g, "Bearer tocsin_"+strings.Repeat("x", g.IntN(200)), "Basic YTpi", "Bearer", "", "Bearer "+g.hostileLine()))
	case token != "":
		line("Authorization", "Bearer "+token)
	}
	if body != "" || g.maybe(2) {
		line("Content-Length", fmt.Sprint(len(body)))
	}
	kind := "application/json"
	if g.maybe(30) {
		kind = one(g, "", "text/plain", "application/json; charset=utf-8", "application/json; charset=utf-16", "multipart/form-data; boundary=x", g.hostileLine())
	}
	line("Content-Type", kind)
	if g.maybe(8) {
		line("Idempotency-Key", one(g, "a", "b", "c", fmt.Sprint(g.IntN(100)), strings.Repeat("k", 254+g.IntN(4)), g.hostileLine()))
	}
	if g.maybe(15) {
		line(one(g, "Origin", "Sec-Fetch-Site", "Referer", "Cookie", "X-Forwarded-For", "X-HTTP-Method-Override", "Accept", "Content-Encoding", "Range", "If-None-Match", "Expect", "Forwarded", "User-Agent", "Upgrade", "Idempotency-Key", "Authorization"),
			one(g, "null", "https://elsewhere.example.com", "cross-site", "tocsin=x", "DELETE", "gzip", "bytes=0-1", "*", "100-continue", "tocsin/1", "websocket", g.hostileLine()))
	}
	b.WriteString("\r\n")
	return b.String()
}

// body draws a body from its schema, and spoils some.
func (g *generator) body(schema map[string]any) string {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		wanted := slices.Contains(required, any(name)) || name == "component" || name == "symptom" && properties["component"] != nil
		if wanted && !g.maybe(40) || g.maybe(4) {
			values[name] = g.value(name, properties[name].(map[string]any))
		}
	}
	if g.maybe(25) {
		values[one(g, "extra", "", "Text", "__proto__", g.hostile())] = "x"
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	s := string(b)
	if !g.maybe(12) {
		return s
	}
	at := g.IntN(len(s) + 1)
	switch g.IntN(12) {
	case 0:
		return s[:at]
	case 1:
		return s + one(g, "{}", "x", "\x00", " ", "\n\n", "]")
	case 2:
		return s[:at] + string([]byte{byte(g.IntN(256))}) + s[at:]
	case 3:
		return strings.Replace(s, "{", `{"text":"a","text":"b",`, 1)
	case 4:
		return "\xef\xbb\xbf" + s
	case 5:
		return strings.Repeat("[", 1+g.IntN(20000))
	case 6:
		return `{"text":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + "}"
	case 7:
		return s + strings.Repeat(" ", 70000)
	case 8:
		return one(g, "null", "true", "[]", `""`, "0", "1e999", "{", "}", "", " ", `{"text":"\ud800"}`, `{"text":"\u0000"}`, `{"\u0074ext":"a","text":"b"}`)
	case 9:
		b := []byte(s)
		slices.Reverse(b)
		return string(b)
	case 10:
		return strings.ReplaceAll(s, `"`, `'`)
	default:
		return g.hostile()
	}
}

// value draws the value of a property: a good one, one of another type, or a
// hostile one.
func (g *generator) value(name string, schema map[string]any) any {
	if g.maybe(40) {
		return one[any](g, nil, 7, 1.5e300, true, []any{}, []any{"eu", 1}, map[string]any{"a": map[string]any{}}, "", " ")
	}
	if g.maybe(15) {
		return g.hostile()
	}
	if enum, ok := schema["enum"].([]any); ok {
		return one(g, enum...)
	}
	b := g.h.desk.Board()
	now := g.h.now()
	switch name {
	case "component":
		return one(g, "api", "app", "docs", "docs", "unknown")
	case "regions":
		return one[any](g, []string{"eu"}, []string{"eu", "us"}, "eu,us", "us", []string{}, "eu, eu", []string{"mars"})
	case "private", "force":
		return g.maybe(2)
	case "for":
		return one(g, "30m", "1h30m", "10m", "1ns", "0s", "-1h", "168h", "9999999h", "24h", "1.5h", "1e3h")
	case "until", "began":
		at := now.Add(time.Duration(g.IntN(7200)-3600) * time.Second)
		return one(g, at.UTC().Format(time.RFC3339), at.Format("2006-01-02T15:04"), at.In(time.FixedZone("", 5*3600)).Format(time.RFC3339), "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", at.Format(time.RFC3339Nano))
	case "other":
		return g.id()
	case "to":
		return one(g, "ada", "grace", "nobody", "")
	case "task":
		ids := []string{"own/1", "api-down/restart", "security/keys", "nothing/1"}
		for _, i := range b.Open {
			for _, t := range i.Tasks {
				ids = append(ids, t.ID)
			}
		}
		return one(g, ids...)
	case "checklist":
		return one(g, "api-down", "security", "unknown")
	case "topic":
		return one(g, "security", "rollback", "two words", strings.Repeat("a", 60))
	default:
		return one(g, "We have found the cause.", "elevated errors", "retry after a minute", "none", "é à 日本語 🐘", "line one\nline two", "ends with a dot.", string(one(g, incident.Investigating, incident.StateResolved)))
	}
}

// hostile draws text that somebody means ill with.
func (g *generator) hostile() string {
	return one(g,
		strings.Repeat("A", 1+g.IntN(60000)), strings.Repeat("é", 4000), strings.Repeat("\n", 1000), strings.Repeat("a,", 20000),
		"\u202eevil\u202c", "zero\u200bwidth\u200d\ufeff", "{{.Incident}} {{template \"x\"}} ${HOME} {{range .}}", "<script>alert(1)</script>", "<host>",
		"\x00", "a\x00b", "\x1b[31mred\x1b[0m", "\r\nX-Header: 1", "\u2028\u2029\u0085", "'; DROP TABLE events; --", "../../etc/passwd", "%s%n%d", "http://10.0.0.1:8123/",
		"SELECT * FROM users", "e\u0301"+strings.Repeat("\u0301", 300), "\ufffd", "\U0010ffff", "\ufdd0", "NaN", "-0", "1e400", "P1\x00", "INC-1999-0001\n", "person:ada", "clock",
	)
}

// hostileLine is what of it fits a header.
func (g *generator) hostileLine() string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, g.hostile())
	return s[:min(len(s), 3000)]
}

// What any bytes are made of: values by the fields of the deed, or an error. What
// was taken is taken again when it is written as JSON.
func FuzzAction(f *testing.F) {
	for _, d := range append([]Deed{Declare}, Deeds...) {
		for _, s := range []string{
			`{}`, `{"text": "a", "why": "b"}`, `{"text": "a"} x`, `{"regions": ["eu", "us"], "severity": "P0", "private": true}`, `{"regions": "eu,us"}`,
			`{"force": true}`, `{"for": "1h"}`, `{"until": "2026-05-20T10:32:00Z"}`, `{"text": "\ud800"}`, `{"text": [[[]]]}`, "{\"text\": \"\xff\"}", `{"a":1,"a":1}`, `null`, ``,
		} {
			f.Add(string(d.Verb), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, verb string, body []byte) {
		d, ok := Find(incident.Verb(verb))
		if !ok {
			return
		}
		values, err := d.Decode(body)
		if err != nil {
			if err.Error() == "" {
				t.Error("a mistake without a word")
			}
			return
		}
		a, err := d.Action(values)
		again := map[string]any{}
		for name, v := range values {
			again[name] = v
			if i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Name == name }); d.Fields[i].Type == Flag {
				again[name] = v == "true"
			}
		}
		b, failed := json.Marshal(again)
		if failed != nil {
			t.Fatal(failed)
		}
		same, failed := d.Decode(b)
		if failed != nil || !maps.Equal(values, same) {
			t.Fatalf("%q gives %v, and that gives %v (%v)", body, values, same, failed)
		}
		if b, failed := d.Action(same); fmt.Sprint(a, err) != fmt.Sprint(b, failed) {
			t.Errorf("%v gives %+v (%v) and %+v (%v)", values, a, err, b, failed)
		}
		if err == nil && a.Do != d.Verb {
			t.Errorf("the action is %+v", a)
		}
	})
}
