package api

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/store"
)

// One night, as a program sees it.
func TestAnIncidentFromBeginToEnd(t *testing.T) {
	h := newHouse(t)
	h.breaks()
	all := into[Incidents](t, h.do("viewer", "GET", "/incidents", "", 200))
	if len(all.Incidents) != 1 || all.Incidents[0].Severity.String() != "P1" || all.Incidents[0].Draft == nil {
		t.Fatalf("the list is %+v", all)
	}
	inc := all.Incidents[0]
	if inc.Links.Console != "http://console.example.com/incidents/"+string(inc.ID) || inc.Links.SigNoz == "" || inc.Links.WarRoom == "" {
		t.Errorf("the links are %+v", inc.Links)
	}
	at := "/incidents/" + string(inc.ID)

	did := into[Done](t, h.do("responder", "POST", at+"/acknowledge", `{"for": "1h"}`, 200))
	if !did.Changed || did.Incident.Ack.By != "responder-1" || did.Events[0].Kind != "acknowledged" || did.Incident.Ack.Until.IsZero() {
		t.Errorf("acknowledged: %+v", did)
	}
	tasks := into[Tasks](t, h.do("viewer", "GET", at+"/tasks", "", 200))
	if len(tasks.Tasks) != 3 || !tasks.Tasks[2].Done || len(tasks.Tasks[0].In) != 1 {
		t.Fatalf("the tasks are %+v", tasks)
	}
	if in := tasks.Tasks[0].In[0]; in.Region != "eu" || in.Command != "ssh eu-1.internal systemctl restart api # <zone>" || in.Missing[0] != "zone" {
		t.Errorf("the command is %+v", in)
	}
	if in := tasks.Tasks[1].In; len(in) != 1 || in[0].Region != "" || in[0].Link == "" {
		t.Errorf("the link is %+v", in)
	}

	h.do("responder", "POST", at+"/hold", `{"for": "30m"}`, 200)
	h.do("responder", "POST", at+"/edit", `{"text": "We see errors.", "impact": "failed requests"}`, 200)
	preview := into[Preview](t, h.do("viewer", "GET", at+"/preview", "", 200))
	if !strings.Contains(preview.Page, "elevated errors on the management API") || preview.Message.Subject == "" || preview.Due.IsZero() {
		t.Errorf("the preview is %+v", preview)
	}
	if n := len(h.desk.Board().Open[0].Updates); n != 0 {
		t.Errorf("after the preview there are %d updates", n)
	}
	approved := into[Done](t, h.do("responder", "POST", at+"/approve", "", 200))
	if approved.Incident.Draft != nil || len(approved.Incident.Updates) != 1 || approved.Incident.FirstPost.IsZero() || approved.Incident.Promise.IsZero() {
		t.Errorf("approved: %+v", approved)
	}
	h.do("viewer", "GET", at+"/preview", "", 409)

	// What is so already adds nothing.
	h.do("responder", "POST", at+"/integrity", `{"integrity": "not impacted"}`, 200)
	again := into[Done](t, h.do("responder", "POST", at+"/integrity", `{"integrity": "not impacted"}`, 200))
	if again.Changed || len(again.Events) != 0 || again.Incident.Integrity != "not impacted" {
		t.Errorf("the second time: %+v", again)
	}

	refused := into[Problem](t, h.do("responder", "POST", at+"/resolve", "", 409))
	if !refused.Unfinished || !strings.Contains(refused.Error, "api-errors") {
		t.Errorf("resolve: %+v", refused)
	}
	h.do("responder", "POST", at+"/resolve", `{"force": true}`, 422)
	over := into[Done](t, h.do("responder", "POST", at+"/resolve", `{"force": true, "why": "a false alarm"}`, 200))
	if over.Incident.State != "resolved" || !over.Incident.Forced || over.Incident.Resolved.IsZero() {
		t.Errorf("resolved: %+v", over)
	}
	if p := into[Problem](t, h.do("responder", "POST", at+"/say", `{"text": "hello"}`, 409)); p.Unfinished {
		t.Errorf("say: %+v", p)
	}
	past := into[Incidents](t, h.do("viewer", "GET", "/incidents?state=past&limit=1", "", 200))
	if past.Total != 1 || past.Incidents[0].ID != inc.ID {
		t.Errorf("past: %+v", past)
	}
	timeline := into[Timeline](t, h.do("viewer", "GET", at+"/timeline", "", 200))
	if n := len(timeline.Events); n < 8 || timeline.Events[0].Kind != "opened" {
		t.Errorf("the timeline is %+v", timeline)
	}
	audit := into[Audit](t, h.do("admin", "GET", "/audit?limit=2", "", 200))
	if len(audit.Entries) != 2 || audit.Before == 0 || !strings.HasPrefix(audit.Entries[0].Outcome, string(inc.ID)) || audit.Entries[1].Outcome != "done" {
		t.Errorf("the audit log is %+v", audit)
	}
	for n := range 100 {
		if audit.Before == 0 {
			break
		} else if n == 99 {
			t.Error("the audit log has no end")
		}
		audit = into[Audit](t, h.do("admin", "GET", "/audit?limit=2&before="+itoa(audit.Before), "", 200))
	}
	h.folds()
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

// What is so already adds nothing, whoever says it again.
func TestSayingItAgainAddsNothing(t *testing.T) {
	h := newHouse(t)
	at := "/incidents/" + h.declares("api", "")
	other := h.declares("app", "")
	private := "/incidents/" + h.declares("docs", `, "private": true`)
	for _, test := range []struct{ path, body string }{
		{at + "/acknowledge", ""},
		{at + "/severity", `{"severity": "P0", "why": "worse"}`},
		{at + "/state", `{"state": "identified"}`},
		{at + "/integrity", `{"integrity": "not impacted"}`},
		{at + "/workaround", `{"workaround": "retry"}`},
		{at + "/edit", `{"text": "a", "impact": "b"}`},
		{at + "/hold", `{"until": "` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`},
		{at + "/assign", `{"to": "ada"}`},
		{at + "/assign", `{"to": "ada", "task": "api-down/restart"}`},
		{at + "/assign", ""},
		{at + "/checklist", `{"checklist": "security"}`},
		{at + "/tick", `{"task": "api-down/restart"}`},
		{at + "/untick", `{"task": "api-down/restart"}`},
		{at + "/link", `{"other": "` + other + `"}`},
		{private + "/disclose", `{"why": "mended"}`},
	} {
		if did := into[Done](t, h.do("responder", "POST", test.path, test.body, 200)); !did.Changed || len(did.Events) == 0 {
			t.Errorf("%s %s changes nothing", test.path, test.body)
		}
		if did := into[Done](t, h.do("admin", "POST", test.path, test.body, 200)); did.Changed && !strings.HasSuffix(test.path, "/acknowledge") {
			t.Errorf("%s %s, said again, adds %+v", test.path, test.body, did.Events)
		}
	}
	h.folds()
}

// What makes no sense is answered with how to mend it, and nothing is done.
func TestRequestsThatMakeNoSense(t *testing.T) {
	h := newHouse(t)
	at := "/incidents/" + h.declares("api", "")
	seq := h.desk.Board().Seq
	for _, test := range []struct {
		name, path, body string
		status           int
		says             string
	}{
		{"an unknown field", "/note", `{"text": "a", "txet": "b"}`, 400, `unknown field "txet": want some of text`},
		{"a number for a string", "/note", `{"text": 7}`, 400, "text: want a string, found a number"},
		{"null", "/note", `{"text": null}`, 400, "found null"},
		{"a string for a flag", "/resolve", `{"force": "true"}`, 400, "want true or false, found a string"},
		{"something after it", "/note", `{"text": "a"} {}`, 400, "something follows the object"},
		{"the same key twice", "/note", `{"text": "a", "text": "b"}`, 400, `"text" is there twice`},
		{"no object", "/note", `["text"]`, 400, "want a JSON object"},
		{"no JSON", "/note", `text=a`, 400, "this is not JSON"},
		{"an end in the middle", "/note", `{"text": "a"`, 400, "ends in the middle"},
		{"a comma too many", "/note", `{"text": "a",}`, 400, "this is not JSON"},
		{"bytes that are no text", "/note", "{\"text\": \"\xff\"}", 400, "not UTF-8"},
		{"too much", "/note", `{"text": "` + strings.Repeat("a", 64<<10) + `"}`, 413, "64 KiB"},
		{"deep", "/note", `{"text": ` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`, 400, "exceeded max depth"},
		{"nothing said", "/note", `{}`, 422, "text is missing"},
		{"an empty word", "/note", `{"text": "  "}`, 422, "text is missing"},
		{"no body", "/note", ``, 422, "text is missing"},
		{"a severity that is none", "/severity", `{"severity": "P9", "why": "a"}`, 422, "want one of P0 P1 P2 P3 P4"},
		{"a reason without an end", "/severity", `{"severity": "P0", "why": "` + strings.Repeat("a", 1001) + `"}`, 422, "at most 1000 fit"},
		{"a duration that is none", "/hold", `{"for": "soon"}`, 422, "want a duration"},
		{"words that give the inside away", "/say", `{"text": "eu-1.internal is down"}`, 422, "host name"},
		{"a task that is none", "/tick", `{"task": "api-down/jump"}`, 404, "no task"},
		{"merging into itself", "/merge", `{"other": "` + strings.TrimPrefix(at, "/incidents/") + `"}`, 422, "into itself"},
		{"a parameter", "/note?text=a", `{"text": "a"}`, 400, `unknown parameter "text"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := h.do("responder", "POST", at+test.path, test.body, test.status)
			if p := into[Problem](t, got); !strings.Contains(p.Error, test.says) {
				t.Errorf("the answer is %q", p.Error)
			}
		})
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/json;;"} {
		r := h.request("responder", "POST", "/api/v1"+at+"/note", `{"text": "a"}`)
		r.Header.Set("Content-Type", kind)
		if got := h.send(r); got.status != 415 {
			t.Errorf("%q: %s", kind, got)
		}
	}
	for _, query := range []string{"state=closed", "limit=0", "limit=-1", "limit=1001", "limit=x", "limit=1&limit=2", "limt=1", "%zz"} {
		h.do("viewer", "GET", "/incidents?"+query, "", 400)
	}
	if now := h.desk.Board().Seq; now != seq {
		t.Errorf("the board moved from %d to %d", seq, now)
	}
	h.do("responder", "POST", at+"/checklist", `{"checklist": "jump"}`, 404)
	h.do("responder", "POST", "/incidents", `{"component": "api", "severity": "P1", "symptom": "errors"}`, 409)
	h.do("responder", "POST", "/incidents", `{"component": "app", "severity": "P1", "symptom": "errors", "regions": ["eu", "eu,us"]}`, 400)
	did := into[Done](t, h.do("responder", "POST", "/incidents", `{"component": "app", "severity": "P1", "symptom": "errors", "regions": ["eu", "eu"]}`, 201))
	if len(did.Incident.Causes) != 1 {
		t.Errorf("declared twice in one region: %+v", did.Incident.Causes)
	}
}

// The same key from the same person gives the same answer, and is done once.
func TestAKeyIsActedOnOnce(t *testing.T) {
	h := newHouse(t)
	at := "/api/v1/incidents/" + h.declares("api", "")
	send := func(role, key, body string) reply {
		r := h.request(role, "POST", at+"/note", body)
		r.Header["Idempotency-Key"] = []string{key}
		return h.send(r)
	}
	before := h.desk.Board().Seq
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := send("responder", "k1", `{"text": "once"}`); got.status != 200 {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if n := h.desk.Board().Seq - before; n != 1 {
		t.Errorf("%d events came of one key", n)
	}
	first, again := send("responder", "k2", `{"text": "a"}`), send("responder", "k2", `{"text": "a"}`)
	if string(first.body) != string(again.body) || first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %s, again %s", first, again)
	}
	if got := send("responder", "k2", `{"text": "b"}`); got.status != 422 {
		t.Errorf("another body with the key: %s", got)
	}
	before = h.desk.Board().Seq
	if got := send("admin", "k2", `{"text": "b"}`); got.status != 200 || h.desk.Board().Seq == before {
		t.Errorf("another person with the key: %s", got)
	}
	for _, key := range []string{"", strings.Repeat("k", 256), "a\x01", "ключ"} {
		if got := send("admin", key, `{"text": "b"}`); got.status != 400 {
			t.Errorf("key %q: %s", key, got)
		}
	}
	h.folds()
}

func TestAnswersAreForgotten(t *testing.T) {
	var a answers
	at := time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)
	acted := 0
	once := func(k string, at time.Time, size int) {
		a.once(key{"ada", k}, [32]byte{}, at, func() answer { acted++; return answer{status: 200, body: make([]byte, size)} }, nil)
	}
	once("a", at, 1)
	once("a", at.Add(rememberFor-time.Second), 1)
	if acted != 1 {
		t.Errorf("acted %d times within a day", acted)
	}
	once("a", at.Add(rememberFor), 1)
	if acted != 2 {
		t.Errorf("acted %d times in two days", acted)
	}
	for i := range 2 * mostAnswers {
		once("b"+itoa(uint64(i)), at, 1)
	}
	for i := range 40 {
		once("c"+itoa(uint64(i)), at, 1<<20)
	}
	if len(a.by) > mostAnswers || len(a.by) != len(a.order) || a.size > mostSize {
		t.Errorf("%d answers, %d in order, %d bytes", len(a.by), len(a.order), a.size)
	}
	size := 0
	for _, g := range a.by {
		size += len(g.answer.body)
	}
	if size != a.size {
		t.Errorf("%d bytes, counted %d", size, a.size)
	}
}

// away is a desk and a log whose store does not answer.
type away struct{ Desk }

func (away) Act(context.Context, incident.Action) (incident.Done, error) {
	return incident.Done{}, errors.New("append to the timeline: disk full")
}

func (away) Timeline(context.Context, incident.ID) iter.Seq2[incident.Event, error] {
	return func(yield func(incident.Event, error) bool) { yield(incident.Event{}, errors.New("disk gone")) }
}

func (away) AuditLog(context.Context, uint64, int) ([]store.Audited, error) {
	return nil, errors.New("disk gone")
}

func TestAStoreThatIsAwaySaysTryAgain(t *testing.T) {
	h := newHouse(t)
	at := "/incidents/" + h.declares("api", "")
	h.serve(away{h.desk}, away{})
	for _, got := range []reply{
		h.do("admin", "GET", at+"/timeline", "", 503), h.do("admin", "GET", "/audit", "", 503), h.do("admin", "POST", at+"/note", `{"text": "a"}`, 503),
	} {
		if got.header.Get("Retry-After") == "" || strings.Contains(string(got.body), "disk") {
			t.Errorf("%s %v", got, got.header)
		}
	}
	// A key is not used up by what was not done.
	r := func() *http.Request {
		r := h.request("admin", "POST", "/api/v1"+at+"/note", `{"text": "a"}`)
		r.Header.Set("Idempotency-Key", "k")
		return r
	}
	if got := h.send(r()); got.status != 503 {
		t.Error(got)
	}
	h.api.Desk = h.desk
	if got := h.send(r()); got.status != 200 {
		t.Error(got)
	}
}
