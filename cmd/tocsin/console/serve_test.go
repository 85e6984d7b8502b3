package console

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// ask asks for a page, or sends a form, as somebody.
func (s *stage) ask(who, method, path string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set(whoHeader, who)
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	return w
}

func (s *stage) get(who, path string) string {
	s.t.Helper()
	w := s.ask(who, "GET", path, nil)
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s as %s: %d\n%s", path, who, w.Code, w.Body)
	}
	return w.Body.String()
}

const (
	asha = "asha responder"
	vic  = "vic viewer"
	root = "root admin"
)

func TestEveryPageIsWellFormed(t *testing.T) {
	empty := newStage(t, &rules.Config{Policies: rules.DefaultPolicies()}, noon)
	calm := newStage(t, product(), noon)
	calm.judge(noon, errorsAt("api-errors", "api", "s", "eu", 0.0001, rules.SeverityNone, noon))
	blind := newStage(t, product(), noon)
	blind.judge(noon)
	blind.blind(noon.Add(time.Hour))
	for name, s := range map[string]*stage{"empty": empty, "calm": calm, "night": night(t), "crowd": crowd(t), "blind": blind} {
		paths := []string{"/", "/past", "/past?month=1999-01", "/me", "/declare", "/audit", "/audit?before=1"}
		board := s.desk.Board()
		for _, i := range slices.Concat(board.Open, board.Past) {
			id := "/incidents/" + string(i.ID)
			paths = append(paths, id)
			if name != "crowd" { // many incidents, and nothing else that the others have not
				paths = append(paths, id+"?show=posts", id+"?show=people", id+"?show=signals&whole=1", id+"?show=%3Cscript%3E&did=say&on=%3Cb%3E")
			}
		}
		for _, path := range paths {
			for _, who := range []string{vic, asha, root} {
				w := s.ask(who, "GET", path, nil)
				switch w.Code {
				case http.StatusOK, http.StatusNotFound:
					for _, wrong := range faults(w.Body.String()) {
						t.Errorf("%s %s as %s: %s", name, path, who, wrong)
					}
				case http.StatusForbidden:
				default:
					t.Errorf("%s %s as %s: %d", name, path, who, w.Code)
				}
			}
		}
	}
	for _, v := range []access.View{{}, {Form: true}, {Form: true, Problem: hostile, Next: hostile, First: true}, {Problem: hostile}} {
		var b bytes.Buffer
		if err := Render(&b, v); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range faults(b.String()) {
			t.Errorf("sign in %+v: %s", v, wrong)
		}
	}
}

var (
	tags       = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z:-]+(?:="[^"]*")?)*)\s*(/?)>`)
	attributes = regexp.MustCompile(`([a-zA-Z:-]+)(?:="([^"]*)")?`)
	voids      = []string{"meta", "link", "input", "br", "img", "hr"}
)

// faults checks markup as browsers and readers of screens need it: elements are
// nested, ids are there once and are found by those who name them, nothing is
// styled or scripted in place, and addresses lead where they may.
func faults(page string) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !strings.HasPrefix(page, "<!doctype html>\n<html lang=\"en\">") {
		say("it does not begin as a page does")
	}
	rest := strings.TrimPrefix(page, "<!doctype html>")
	ids, refs := map[string]int{}, []string{}
	var open []string
	at := 0
	for _, m := range tags.FindAllStringSubmatchIndex(rest, -1) {
		if between := rest[at:m[0]]; strings.ContainsAny(between, "<>") {
			say("a stray < or > in %q", brief(strings.TrimSpace(between), 80))
		}
		at = m[1]
		closing, name, attrs, empty := rest[m[2]:m[3]] == "/", strings.ToLower(rest[m[4]:m[5]]), rest[m[6]:m[7]], rest[m[8]:m[9]] == "/"
		if closing {
			if len(open) == 0 || open[len(open)-1] != name {
				say("</%s> closes %v", name, open)
				return wrong
			}
			open = open[:len(open)-1]
			continue
		}
		if !slices.Contains(voids, name) && !empty {
			open = append(open, name)
		}
		has := map[string]string{}
		for _, a := range attributes.FindAllStringSubmatch(attrs, -1) {
			if _, twice := has[a[1]]; twice {
				say("<%s> has %s twice", name, a[1])
			}
			has[a[1]] = a[2]
			switch {
			case a[1] == "style" || strings.HasPrefix(a[1], "on"):
				say("<%s %s>", name, a[1])
			case a[1] == "id":
				ids[a[2]]++
			case a[1] == "for" || a[1] == "aria-labelledby" || a[1] == "aria-describedby":
				refs = append(refs, a[2])
			case a[1] == "href" || a[1] == "src" || a[1] == "action":
				if !strings.HasPrefix(a[2], "/") && !strings.HasPrefix(a[2], "https://") && !strings.HasPrefix(a[2], "http://") && !strings.HasPrefix(a[2], "#") {
					say("<%s> leads to %q", name, a[2])
				}
			}
		}
		switch _, src := has["src"]; {
		case name == "script" && !src, name == "style":
			say("<%s> in place", name)
		case name == "input" && has["type"] != "hidden" && has["type"] != "checkbox" && has["id"] == "":
			say("an input without an id")
		case name == "svg" && has["role"] == "" && has["aria-hidden"] != "true":
			say("a picture that says nothing")
		}
	}
	if len(open) > 0 || strings.ContainsAny(rest[at:], "<>") {
		say("left open: %v", open)
	}
	for id, n := range ids {
		if n > 1 || id == "" {
			say("id %q stands %d times", id, n)
		}
	}
	for _, r := range refs {
		if ids[r] == 0 {
			say("nothing has the id %q", r)
		}
	}
	if n := strings.Count(page, "<h1"); n != 1 {
		say("%d h1", n)
	}
	return wrong
}

func TestTheCheckerFindsFaults(t *testing.T) {
	begin := "<!doctype html>\n<html lang=\"en\"><body><h1>x</h1>"
	for _, bad := range []string{
		"<p><b></p></b>", "<p style=\"x\"></p>", "<a onclick=\"x\"></a>", "<i id=\"a\"></i><i id=\"a\"></i>", "<label for=\"b\"></label>",
		"<script>x</script>", "<a href=\"javascript:x\"></a>", "a < b", "<p>",
	} {
		if len(faults(begin+bad+"</body></html>")) == 0 {
			t.Errorf("it finds nothing in %s", bad)
		}
	}
	if f := faults(begin + "</body></html>"); len(f) > 0 {
		t.Errorf("%v", f)
	}
}

// Who may see and do what.
func TestRoles(t *testing.T) {
	s := night(t)
	const nobody = "nobody none"
	for _, c := range []struct {
		method, path string
		least        string
	}{
		{"GET", "/", "viewer"},
		{"GET", "/past", "viewer"},
		{"GET", "/me", "viewer"},
		{"GET", "/incidents/INC-2026-0002", "viewer"},
		{"GET", "/nowhere", "viewer"},
		{"GET", "/declare", "responder"},
		{"POST", "/declare", "responder"},
		{"POST", "/incidents/INC-2026-0002/note", "responder"},
		{"GET", "/audit", "admin"},
		{"GET", "/outbox", "responder"},
		{"GET", "/outbox/letters", "responder"},
		{"POST", "/outbox/retry", "responder"},
		{"POST", "/outbox/resume", "responder"},
		{"POST", "/outbox/discard", "responder"},
	} {
		for n, who := range []string{nobody, vic, asha, root} {
			want := n >= slices.Index([]string{"none", "viewer", "responder", "admin"}, c.least)
			got := s.ask(who, c.method, c.path, url.Values{"text": {"x"}}).Code != http.StatusForbidden
			if got != want {
				t.Errorf("%s %s as %s is let in: %v", c.method, c.path, who, got)
			}
		}
	}
	live := s.ask(nobody, "GET", "/live", nil)
	if live.Code != http.StatusForbidden {
		t.Errorf("the stream, to nobody: %d", live.Code)
	}
}

func TestViewersSeeNoFormsAndNothingPrivate(t *testing.T) {
	s := night(t)
	for _, path := range []string{"/", "/incidents/INC-2026-0004", "/incidents/INC-2026-0002", "/past"} {
		page := s.get(vic, path)
		for _, no := range []string{"INC-2026-0003", "Security", "deploy key", `action="/incidents`, "Acknowledge<", "do-say\" method"} {
			if strings.Contains(page, no) {
				t.Errorf("%s shows a viewer %q", path, no)
			}
		}
	}
	for _, path := range []string{"/incidents/INC-2026-0003", "/incidents/INC-2026-0003?show=people"} {
		if w := s.ask(vic, "GET", path, nil); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "ecurity") {
			t.Errorf("%s: %d", path, w.Code)
		}
		if !strings.Contains(s.get(asha, path), ">private<") {
			t.Errorf("%s does not say that it is private", path)
		}
	}
	a, b := s.ask(vic, "GET", "/incidents/INC-2026-0003", nil), s.ask(vic, "GET", "/incidents/INC-2026-0999", nil)
	if a.Body.String() != b.Body.String() {
		t.Error("what is private differs from what is not there")
	}
}

func TestHeadersOfPages(t *testing.T) {
	s := night(t)
	w := s.ask(asha, "GET", "/", nil)
	csp := w.Header().Get("Content-Security-Policy")
	if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "script-src 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("CSP: %s", csp)
	}
	for _, want := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(w.Body.String(), -1) {
		got := s.ask("nobody none", "GET", strings.ReplaceAll(want, "&amp;", "&"), nil)
		if got.Code != http.StatusOK || got.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || got.Header().Get("ETag") == "" {
			t.Errorf("%s: %d %v", want, got.Code, got.Header())
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/assets/console.css", nil)
	r.Header.Set("If-None-Match", `"`+assets["console.css"].tag+`"`)
	again := httptest.NewRecorder()
	s.console.ServeHTTP(again, r)
	if again.Code != http.StatusNotModified {
		t.Errorf("asked again: %d", again.Code)
	}
	if w := s.ask(asha, "GET", "/assets/../console.go", nil); w.Code == http.StatusOK {
		t.Error("the console shows its source")
	}
}

func TestTheScriptIsSmall(t *testing.T) {
	if n := len(assets["console.js"].body); n >= 6<<10 {
		t.Errorf("the script has %d bytes", n)
	}
	for _, no := range []string{"innerHTML", "eval(", "document.write", "insertAdjacent"} {
		if strings.Contains(string(assets["console.js"].body), no) {
			t.Errorf("the script has %s", no)
		}
	}
}

func to(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d, want 303\n%s", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

func TestAcknowledging(t *testing.T) {
	s := night(t)
	id := string(s.of("evaluations").ID)
	w := s.ask(asha, "POST", "/incidents/"+id+"/acknowledge", url.Values{"back": {"home"}})
	if got := to(t, w); got != "/?did=acknowledge&on="+id {
		t.Errorf("it leads to %s", got)
	}
	i := s.of("evaluations")
	if i.Ack == nil || i.Ack.By != "person:asha" {
		t.Fatalf("%+v", i.Ack)
	}
	if e := s.log.audit[len(s.log.audit)-1]; e.Who != "asha" || e.Role != "responder" || e.Via != "console" || e.From != "192.0.2.7" || e.Outcome != "done" {
		t.Errorf("%+v", e)
	}
	home := s.get(asha, "/?did=acknowledge&on="+id)
	if !strings.Contains(home, id+": acknowledged: the paging stops") || !strings.Contains(home, "Asha Rao</strong> is on it") {
		t.Error("the page does not say so")
	}
	w = s.ask(asha, "POST", "/incidents/"+id+"/acknowledge", url.Values{})
	if got := to(t, w); got != "/incidents/"+id+"?did=acknowledge&on="+id+"&so=1" {
		t.Errorf("once more: %s", got)
	}
	if !strings.Contains(s.get(asha, "/incidents/"+id+"?did=acknowledge&so=1"), "Nothing to do: it was so already.") {
		t.Error("it does not say that nothing was to be done")
	}
}

func TestTheWordsThatWait(t *testing.T) {
	s := night(t)
	id := string(s.of("evaluations").ID)
	page := s.get(asha, "/incidents/"+id)
	for _, want := range []string{
		"Title: Investigating – Failing flag evaluations", "Status: Partial service", "reports of failing flag evaluations affecting Flag evaluations in Europe",
		"SDKs go on with the values that they hold", "Approve: send now", "Hold 10 more minutes", `name="until" value="2026-05-20T03:23:00Z"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the card lacks %q", want)
		}
	}
	to(t, s.ask(asha, "POST", "/incidents/"+id+"/hold", url.Values{"until": {"2026-05-20T03:23:00Z"}}))
	if d := s.of("evaluations").Draft; !d.Due.Equal(time.Date(2026, 5, 20, 3, 23, 0, 0, time.UTC)) {
		t.Errorf("held until %s", d.Due)
	}
	w := s.ask(asha, "POST", "/incidents/"+id+"/veto", url.Values{})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Why is missing: The reason") {
		t.Errorf("a veto without a reason: %d", w.Code)
	}
	to(t, s.ask(asha, "POST", "/incidents/"+id+"/edit", url.Values{"symptom": {"flags that fall back"}, "text": {"We are on it."}}))
	page = s.get(asha, "/incidents/"+id)
	if !strings.Contains(page, "Investigating – Flags that fall back") || !strings.Contains(page, "We are on it.") || !strings.Contains(page, `value="flags that fall back"`) {
		t.Error("the words are not as they were changed")
	}
	to(t, s.ask(asha, "POST", "/incidents/"+id+"/veto", url.Values{"why": {"it is a test"}}))
	page = s.get(asha, "/incidents/"+id)
	if !strings.Contains(page, "Vetoed") || !strings.Contains(page, "Send them after all") || strings.Contains(page, "Hold 10") {
		t.Error("the card of what was vetoed is another")
	}
	to(t, s.ask(asha, "POST", "/incidents/"+id+"/approve", url.Values{}))
	if !s.of("evaluations").Told() {
		t.Error("customers read nothing")
	}
}

// Words that wait for a person are not given a time to go out by themselves.
func TestWordsForApprovalAreNotHeld(t *testing.T) {
	c := product()
	p := c.Policies[rules.P0]
	p.Approve = true
	c.Policies[rules.P0] = p
	s := newStage(t, c, noon)
	s.judge(noon, errorsAt("evaluation-errors", "evaluations", "e", "eu", 0.7, rules.P0, noon))
	page := s.get(asha, "/incidents/INC-2026-0001")
	if !strings.Contains(page, "Words wait for somebody’s approval.") || !strings.Contains(page, "Approve: send now") || strings.Contains(page, "Hold 10") {
		t.Error("the card is another")
	}
}

// What is refused is told beside its form, and what was typed stays.
func TestRefusalsKeepWhatWasTyped(t *testing.T) {
	s := night(t)
	id := string(s.of("dashboard").ID)
	w := s.ask(asha, "POST", "/incidents/"+id+"/say", url.Values{"text": {"see https://internal.example/x <b>"}, "impact": {"slow pages"}, "state": {"monitoring"}})
	page := w.Body.String()
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(page, "customers would read the placeholder &lt;b&gt;") {
		t.Fatalf("%d", w.Code)
	}
	for _, want := range []string{
		`<details class="deed" id="d-do-say" open>`, "see https://internal.example/x &lt;b&gt;</textarea>", `value="slow pages"`,
		`<option value="monitoring" selected>`, `data-keep`, `data-page="/incidents/` + id + `"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, wrong := range faults(page) {
		t.Error(wrong)
	}
	w = s.ask(asha, "POST", "/incidents/"+id+"/severity", url.Values{"severity": {"P9"}, "why": {"because"}, "nonsense": {"x"}})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "unknown field") && !strings.Contains(w.Body.String(), "Unknown field") {
		t.Errorf("%d", w.Code)
	}
	w = s.ask(asha, "POST", "/incidents/"+id+"/approve", url.Values{})
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Customers have read of "+id+" already") {
		t.Errorf("what has no form here: %d", w.Code)
	}
	if w := s.ask(asha, "GET", "/incidents/"+id+"/say", nil); to(t, w) != "/incidents/"+id {
		t.Error("a page that is loaded again does not lead back")
	}
	for _, path := range []string{"/incidents/" + id + "/invented", "/incidents/" + id + "/declare", "/incidents/INC-2026-0999/note"} {
		if w := s.ask(asha, "POST", path, url.Values{}); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w = s.ask(asha, "POST", "/incidents/"+id+"/note", url.Values{"text": {strings.Repeat("x", access.MostBody)}})
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a flood: %d", w.Code)
	}
}

func TestResolvingWhatIsNotWell(t *testing.T) {
	s := night(t)
	id := string(s.of("dashboard").ID)
	if page := s.get(asha, "/incidents/"+id); strings.Contains(page, `name="force"`) {
		t.Error("force is offered before anything stands in the way")
	}
	w := s.ask(asha, "POST", "/incidents/"+id+"/resolve", url.Values{"text": {"All is well."}})
	page := w.Body.String()
	if w.Code != http.StatusConflict || !strings.Contains(page, "Not all is well: dashboard-slow is over its limit for featuresignals-web in ") {
		t.Fatalf("%d\n%s", w.Code, page)
	}
	for _, want := range []string{`<input type="hidden" name="force" value="true">`, "Resolve by force", `name="why" type="text" value="" required`, "All is well.</textarea>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	w = s.ask(asha, "POST", "/incidents/"+id+"/resolve", url.Values{"text": {"All is well."}, "force": {"true"}})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `name="force"`) {
		t.Errorf("force without a reason: %d", w.Code)
	}
	to(t, s.ask(asha, "POST", "/incidents/"+id+"/resolve", url.Values{"text": {"All is well."}, "force": {"true"}, "why": {"it is the probe that errs"}}))
	page = s.get(asha, "/incidents/"+id)
	if !strings.Contains(page, "Resolved by force") || !strings.Contains(page, "it is the probe that errs") || strings.Contains(page, `id="do-resolve"`) || !strings.Contains(page, `id="do-note"`) {
		t.Error("what is over looks otherwise")
	}
}

func TestTicking(t *testing.T) {
	s := night(t)
	id := string(s.of("dashboard").ID)
	w := s.ask(asha, "POST", "/incidents/"+id+"/tick", url.Values{"task": {"first-response/logs"}})
	if got := to(t, w); got != "/incidents/"+id+"?did=tick&on="+id+"#t-first-response-logs" {
		t.Errorf("%s", got)
	}
	if page := s.get(asha, "/incidents/"+id); !strings.Contains(page, `id="t-first-response-logs" class="done"`) || !strings.Contains(page, "Asha Rao, 03:12 UTC") {
		t.Error("the page does not say who ticked it, and when")
	}
	to(t, s.ask(asha, "POST", "/incidents/"+id+"/untick", url.Values{"task": {"first-response/logs"}}))
}

func TestDeclaring(t *testing.T) {
	s := night(t)
	page := s.get(asha, "/declare")
	if strings.Index(page, `id="do-secret"`) > strings.Index(page, `id="do-declare"`) {
		t.Error("the private form is not the first")
	}
	w := s.ask(asha, "POST", "/declare", url.Values{"form": {"secret"}, "private": {"true"}, "topic": {"security"}, "severity": {"P1"}})
	if got := to(t, w); got != "/incidents/INC-2026-0005?did=declare&on=INC-2026-0005" {
		t.Errorf("%s", got)
	}
	i, _ := s.desk.Board().Find("INC-2026-0005")
	if !i.Private || i.Topic != "security" || i.Severity() != rules.P1 {
		t.Errorf("%+v", i)
	}
	if page := s.get(asha, "/incidents/INC-2026-0005"); !strings.Contains(page, `id="do-disclose-component"`) {
		t.Error("the form for disclosing does not ask what customers see it in")
	}
	w = s.ask(asha, "POST", "/declare", url.Values{"severity": {"P2"}, "component": {"webhooks"}, "regions": {"in", "eu"}, "symptom": {"late webhooks"}})
	to(t, w)
	if got := s.of("webhooks"); strings.Join(got.Regions(), " ") != "in eu" {
		t.Errorf("regions %v", got.Regions())
	}
	w = s.ask(asha, "POST", "/declare", url.Values{"severity": {"P2"}, "component": {"dashboard"}, "symptom": {"a slow <i>dashboard"}, "regions": {"us"}, "why": {"a call"}})
	page = w.Body.String()
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(page, "customers would read the placeholder") {
		t.Errorf("%d", w.Code)
	}
	for _, want := range []string{`value="a slow &lt;i&gt;dashboard"`, `<option value="dashboard" selected>`, `value="us" checked`, `id="do-declare-rare" open`, `value="a call"`} {
		if !strings.Contains(page, want) {
			t.Errorf("what was typed is lost: %q", want)
		}
	}
	w = s.ask(asha, "POST", "/declare", url.Values{"severity": {"P2"}, "component": {"dashboard"}, "symptom": {"slow pages"}})
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "INC-2026-0002 is open on dashboard already") {
		t.Errorf("%d", w.Code)
	}
	w = s.ask(asha, "POST", "/declare", url.Values{"form": {"secret"}, "private": {"true"}, "topic": {"security"}, "severity": {""}})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `id="do-secret-problem"`) {
		t.Errorf("the private form again: %d", w.Code)
	}
}

// Each deed has a place on the page of an incident that it makes sense for.
func TestEveryDeedHasAPlace(t *testing.T) {
	s := night(t)
	id := string(s.act("asha", incident.Action{Do: incident.Declare, Severity: rules.P3, Private: true, Component: "webhooks", Topic: "security"}))
	pages := s.get(asha, "/incidents/"+id) + s.get(asha, "/incidents/"+string(s.of("evaluations").ID)) + s.get(asha, "/incidents/"+string(s.of("dashboard").ID)) + s.get(asha, "/incidents/INC-2026-0003")
	for _, d := range api.Deeds {
		if !strings.Contains(pages, "/"+string(d.Verb)+`"`) {
			t.Errorf("there is no form for %s", d.Verb)
		}
		if didWhat[d.Verb] == "" || didTo[d.Verb] == "" {
			t.Errorf("it is not said what %s did", d.Verb)
		}
	}
	private := s.get(asha, "/incidents/"+id)
	for verb, want := range map[incident.Verb]bool{incident.Say: false, incident.Disclose: true, incident.Approve: false, incident.Write: true} {
		if got := strings.Contains(private, "/"+id+"/"+string(verb)+`"`); got != want {
			t.Errorf("a private incident has a form for %s: %v", verb, got)
		}
	}
}

func TestTheAuditLogIsPaged(t *testing.T) {
	s := newStage(t, product(), noon)
	id := s.act("asha", incident.Action{Do: incident.Declare, Severity: rules.P3, Private: true, Topic: "security"})
	for n := range mostAudited + 20 {
		s.act("asha", incident.Action{Do: incident.Write, Incident: id, Text: fmt.Sprint(n)})
	}
	_, _ = s.desk.Act(t.Context(), incident.Action{Do: incident.Veto, Incident: id, By: "person:ben", Role: "responder", Via: "api"})
	page := s.get(root, "/audit")
	if n := strings.Count(page, "<li>"); n != mostAudited || !strings.Contains(page, "Ben Okafor</strong> was not let: vetoed the words of") || !strings.Contains(page, "/audit?before=") {
		t.Errorf("%d entries", n)
	}
	older := regexp.MustCompile(`/audit\?before=\d+`).FindString(page)
	if n := strings.Count(s.get(root, older), "<li>"); n != 22 {
		t.Errorf("%d older entries", n)
	}
}

func TestWhoAmI(t *testing.T) {
	s := night(t)
	if page := s.get(asha, "/me"); !strings.Contains(page, "responder: see and act") || !strings.Contains(page, `action="/signout"`) {
		t.Error("asha")
	}
	if page := s.get(vic, "/me"); !strings.Contains(page, "no call reaches you") {
		t.Error("vic is nobody that the configuration knows, and is not told")
	}
}
