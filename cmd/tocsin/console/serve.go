package console

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// scene is what is known now, as whoever asks sees it.
func (c *Console) scene(who access.Who) scene {
	var wrong []string
	if c.Wrong != nil {
		wrong = c.Wrong()
	}
	return scene{
		wrong:  wrong,
		config: c.Config(), board: c.Desk.Board(), judged: c.Desk.Judged(), findings: c.history.Latest, at: c.Now().UTC(),
		who: person{id: who.Person, act: who.Role >= access.Responder, secret: who.Role >= access.Responder, admin: who.Role >= access.Admin},
	}
}

// screen begins a page.
func (s scene) screen(nav, tab, path string) Screen {
	return Screen{
		Nav: nav, Tab: tab, Path: path, Now: s.at, Seq: s.board.Seq, Judged: s.judged,
		Who:  Viewer{Name: first(s.person(s.who.id)), Act: s.who.act, Admin: s.who.admin},
		Icon: assetURL("icon-" + s.headline(len(s.watching())).Class + ".svg"),
	}
}

func (c *Console) send(w http.ResponseWriter, r *http.Request, status int, s Screen) {
	var b bytes.Buffer
	if err := render(&b, s); err != nil {
		c.Logger.Error("a page of the console cannot be made", "path", r.URL.Path, "err", err)
		http.Error(w, "this page cannot be made: the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever asked has gone
}

func (c *Console) nothing(w http.ResponseWriter, r *http.Request, s scene, problem string) {
	sc := s.screen("", "Not found", "/")
	sc.Refusal = &RefusalView{"Not found", problem}
	c.send(w, r, http.StatusNotFound, sc)
}

func (c *Console) getNothing(w http.ResponseWriter, r *http.Request, who access.Who) {
	c.nothing(w, r, c.scene(who), "There is no such page.")
}

func (c *Console) getHome(w http.ResponseWriter, r *http.Request, who access.Who) {
	s := c.scene(who)
	h := s.home()
	h.Deliveries = s.deliveries(c.standing(r.Context()))
	sc := s.screen("now", h.Headline.Tab, "/")
	sc.Home, sc.Live = &h, true
	sc.Notice = notice(r.URL.Query(), s)
	c.send(w, r, http.StatusOK, sc)
}

// find gives the incident that a request is about, if whoever asks may see it.
func (c *Console) find(w http.ResponseWriter, r *http.Request, s scene) (incident.Incident, bool) {
	id := incident.ID(strings.ToUpper(r.PathValue("id")))
	i, ok := s.board.Find(id)
	if !ok || !s.visible(i) {
		c.nothing(w, r, s, "There is no such incident.")
		return incident.Incident{}, false
	}
	return i, true
}

func (c *Console) getIncident(w http.ResponseWriter, r *http.Request, who access.Who) {
	s := c.scene(who)
	if i, ok := c.find(w, r, s); ok {
		c.sendIncident(w, r, who, s, i, http.StatusOK, nil)
	}
}

// getVerb leads back to the incident: it is where a page that showed a refusal is
// when it is loaded again.
func (c *Console) getVerb(w http.ResponseWriter, r *http.Request, _ access.Who) {
	http.Redirect(w, r, "/incidents/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
}

func (c *Console) sendIncident(w http.ResponseWriter, r *http.Request, who access.Who, s scene, i incident.Incident, status int, again *typed) {
	q := r.URL.Query()
	m := material{points: c.history.Points, known: c.history.Since(), again: again, show: q.Get("show"), whole: q.Get("whole") != ""}
	path := "/incidents/" + string(i.ID)
	if slices.Contains([]string{showPosts, showPeople, showSignals}, m.show) {
		path += "?show=" + m.show
	} else {
		m.show = showAll
	}
	if m.whole {
		path += map[bool]string{true: "?whole=1", false: "&whole=1"}[m.show == showAll]
	}
	for e, err := range c.Log.Timeline(r.Context(), i.ID) {
		if err != nil {
			c.Logger.Error("a timeline cannot be read", "incident", i.ID, "err", err)
			break
		}
		m.events = append(m.events, e)
	}
	m.rendered, m.problem = c.rendered(r.Context(), who, s, i)
	m.bodies = c.bodies(s, i)
	p := s.page(i, m)
	sc := s.screen("", standing(i).String()+" "+p.Title, path)
	if !p.Open {
		sc.Tab = "Resolved: " + p.Title
	}
	sc.Page, sc.Live, sc.Notice = &p, true, notice(q, s)
	c.send(w, r, status, sc)
}

// rendered gives the words that wait as customers will read them: those of the
// board on which they have been approved.
func (c *Console) rendered(ctx context.Context, who access.Who, s scene, i incident.Incident) (text, problem string) {
	if i.State == incident.StateResolved || i.Private || i.Draft == nil && !i.Withheld || c.Words == nil {
		return "", ""
	}
	const soon = 2 * time.Second // the page must come, with or without them
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	board, err := c.Desk.Preview(ctx, incident.Action{Do: incident.Approve, Incident: i.ID, By: incident.Person(cmp.Or(who.Person, "viewer"))})
	if err != nil {
		return "", sentence("the words cannot be shown now: " + err.Error())
	}
	p, in, ok := public(s.config, board, s.judged, s.at, i.ID)
	if !ok || len(in.Updates) == 0 {
		return "", "The words cannot be shown: customers would read nothing."
	}
	text, err = c.Words().Update(p, in, in.Updates[0])
	if err != nil {
		return "", sentence("these words cannot go out: " + err.Error())
	}
	return strings.TrimSpace(text), ""
}

func public(config *rules.Config, board incident.Board, judged, at time.Time, id incident.ID) (templates.Public, templates.Incident, bool) {
	p := publisher.Project(config, board, judged, at)
	for _, list := range [][]templates.Incident{p.Incidents, p.Past} {
		for _, in := range list {
			if in.ID == string(id) {
				return p, in, true
			}
		}
	}
	return p, templates.Incident{}, false
}

// bodies gives what customers read in each update.
func (c *Console) bodies(s scene, i incident.Incident) map[int]string {
	out := map[int]string{}
	if c.Words == nil || i.Private || len(i.Updates) == 0 {
		return out
	}
	p, in, _ := public(s.config, s.board, s.judged, s.at, i.ID)
	for _, u := range in.Updates {
		if text, err := c.Words().Body(p, in, u); err == nil {
			out[u.Number] = strings.TrimSpace(text)
		}
	}
	return out
}

// postVerb does something with an incident.
func (c *Console) postVerb(w http.ResponseWriter, r *http.Request, who access.Who) {
	s := c.scene(who)
	i, ok := c.find(w, r, s)
	if !ok {
		return
	}
	deed, ok := api.Find(incident.Verb(r.PathValue("verb")))
	if !ok || deed.Verb == incident.Declare {
		c.nothing(w, r, s, "There is nothing of that name to do.")
		return
	}
	values, back, err := c.form(w, r)
	if err != nil {
		c.refused(w, r, who, i.ID, &typed{verb: deed.Verb, problem: sentence(err.Error()) + "."}, http.StatusUnprocessableEntity)
		return
	}
	again := &typed{verb: deed.Verb, values: values, task: values["task"], force: values["force"] != ""}
	done, status, problem := c.act(r.Context(), who, deed, values, i.ID, again)
	if problem != "" {
		again.problem = problem
		c.refused(w, r, who, i.ID, again, status)
		return
	}
	to := "/incidents/" + string(i.ID)
	if back == "home" {
		to = "/"
	}
	q := url.Values{"did": {string(deed.Verb)}, "on": {string(i.ID)}}
	if len(done.Events) == 0 {
		q.Set("so", "1")
	}
	to += "?" + q.Encode()
	if deed.Verb == incident.Tick || deed.Verb == incident.Untick {
		to += "#" + anchor(values["task"])
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// form reads what was sent: the values by their names, those of several boxes with
// commas between.
func (c *Console) form(w http.ResponseWriter, r *http.Request) (values map[string]string, back string, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, access.MostBody)
	if err := r.ParseForm(); err != nil {
		return nil, "", errors.New("what came is no form that can be read, or too large: send less")
	}
	values = map[string]string{}
	for name, v := range r.PostForm {
		if v = slices.DeleteFunc(slices.Clone(v), func(s string) bool { return strings.TrimSpace(s) == "" }); len(v) > 0 {
			values[name] = strings.Join(v, ",")
		}
	}
	back = values["back"]
	delete(values, "back")
	return values, back, nil
}

// act does a deed. A problem says why it is not done, and status how the answer is
// to say so.
func (c *Console) act(ctx context.Context, who access.Who, deed api.Deed, values map[string]string, id incident.ID, again *typed) (done incident.Done, status int, problem string) {
	action, err := deed.Action(values)
	if err != nil {
		return done, http.StatusUnprocessableEntity, sentence(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	action = who.Sign(action)
	action.Via, action.Incident = "console", id
	done, err = c.Desk.Act(ctx, action)
	if refusal, ok := errors.AsType[*incident.Refusal](err); ok {
		status = http.StatusConflict
		if refusal.Kind == incident.Senseless || refusal.Kind == incident.Unknown {
			status = http.StatusUnprocessableEntity
		}
		again.force = again.force || refusal.Kind == incident.Unfinished
		return done, status, sentence(refusal.Reason) + "."
	}
	if err != nil {
		c.Logger.Error("what a person asked for is not done", "action", deed.Verb, "incident", id, "err", err)
		return done, http.StatusServiceUnavailable, "It is not stored, and so not done: try again. The log says why."
	}
	return done, http.StatusOK, ""
}

// refused shows the incident again, with why not beside the form.
func (c *Console) refused(w http.ResponseWriter, r *http.Request, who access.Who, id incident.ID, again *typed, status int) {
	s := c.scene(who)
	i, ok := s.board.Find(id)
	if !ok {
		c.nothing(w, r, s, again.problem)
		return
	}
	c.sendIncident(w, r, who, s, i, status, again)
}

// didWhat is what a notice says of each deed.
var didWhat = map[incident.Verb]string{
	incident.Declare: "Declared.", incident.Acknowledge: "Acknowledged: the paging stops, the updates go on.",
	incident.Say: "Said: it goes out now.", incident.Write: "Noted.", incident.SetSeverity: "The severity is set.", incident.SetState: "The state is set.",
	incident.Correct: "The begin is corrected.", incident.Assess: "Data integrity is set.", incident.Advise: "The workaround is set.", incident.Hold: "The words wait longer.",
	incident.Edit: "The words are changed; they still wait.", incident.Approve: "Approved: the words go out now.",
	incident.Veto: "Vetoed: customers read nothing until somebody says something.", incident.Resolve: "Resolved.", incident.Merge: "Merged.",
	incident.Relate: "Linked.", incident.Assign: "Assigned.", incident.AddTask: "The task is added.", incident.AddList: "The checklist is added.",
	incident.Tick: "Ticked.", incident.Untick: "No longer ticked.", incident.Disclose: "Disclosed: it is private no longer.",
}

// didTo is what the audit log says of each deed; the incident's name follows.
var didTo = map[incident.Verb]string{
	incident.Declare: "declared", incident.Acknowledge: "acknowledged", incident.Say: "told customers something of",
	incident.Write: "wrote a note on", incident.SetSeverity: "set the severity of", incident.SetState: "set the state of",
	incident.Correct: "corrected the begin of", incident.Assess: "set the data integrity of", incident.Advise: "set the workaround of", incident.Hold: "held the words of",
	incident.Edit: "changed the words of", incident.Approve: "approved the words of", incident.Veto: "vetoed the words of",
	incident.Resolve: "resolved", incident.Merge: "merged", incident.Relate: "linked another to", incident.Assign: "assigned somebody to",
	incident.AddTask: "added a task to", incident.AddList: "added a checklist to", incident.Tick: "ticked a task of",
	incident.Untick: "unticked a task of", incident.Disclose: "disclosed",
}

// notice says what was done, from the address that a form leads to. Nothing of
// the address itself is in it, but the name of an incident that there is.
func notice(q url.Values, s scene) string {
	did, ok := didWhat[incident.Verb(q.Get("did"))]
	if !ok {
		return ""
	}
	if q.Get("so") != "" {
		did = "Nothing to do: it was so already."
	}
	if i, ok := s.board.Find(incident.ID(q.Get("on"))); ok && s.visible(i) {
		return string(i.ID) + ": " + strings.ToLower(did[:1]) + did[1:]
	}
	return did
}

func (c *Console) getDeclare(w http.ResponseWriter, r *http.Request, who access.Who) {
	c.sendDeclare(w, r, who, http.StatusOK, nil)
}

func (c *Console) sendDeclare(w http.ResponseWriter, r *http.Request, who access.Who, status int, again *typed) {
	s := c.scene(who)
	v := DeclareView{Secret: s.secretForm(again), Form: s.declareForm(again)}
	for _, i := range s.open() {
		v.Open = append(v.Open, s.card(i))
	}
	sc := s.screen("declare", "Declare an incident", "/declare")
	sc.Declare = &v
	c.send(w, r, status, sc)
}

func (c *Console) postDeclare(w http.ResponseWriter, r *http.Request, who access.Who) {
	values, _, err := c.form(w, r)
	if err != nil {
		c.sendDeclare(w, r, who, http.StatusUnprocessableEntity, &typed{verb: incident.Declare, problem: sentence(err.Error()) + "."})
		return
	}
	again := &typed{verb: incident.Declare, values: values, task: values["form"]}
	delete(values, "form")
	done, status, problem := c.act(r.Context(), who, api.Declare, values, "", again)
	if problem != "" {
		again.problem = problem
		c.sendDeclare(w, r, who, status, again)
		return
	}
	http.Redirect(w, r, "/incidents/"+string(done.Incident)+"?did=declare&on="+string(done.Incident), http.StatusSeeOther)
}

// mostMonths is how many months are offered before the older ones are folded.
const mostMonths = 6

func (c *Console) getPast(w http.ResponseWriter, r *http.Request, who access.Who) {
	s := c.scene(who)
	v := ArchiveView{}
	v.Months, v.Past = s.archive(r.URL.Query().Get("month"))
	var path strings.Builder
	path.WriteString("/past")
	for _, m := range v.Months {
		if m.Here {
			path.WriteString("?month=" + m.Key)
		}
	}
	v.Older = v.Months[min(mostMonths, len(v.Months)):]
	v.Months = v.Months[:min(mostMonths, len(v.Months))]
	v.OlderHere = slices.ContainsFunc(v.Older, func(m Month) bool { return m.Here })
	sc := s.screen("past", "Past incidents", path.String())
	sc.Archive = &v
	c.send(w, r, http.StatusOK, sc)
}

// mostAudited is how many entries of the audit log a page shows.
const mostAudited = 100

func (c *Console) getAudit(w http.ResponseWriter, r *http.Request, who access.Who) {
	s := c.scene(who)
	before, _ := strconv.ParseUint(r.URL.Query().Get("before"), 10, 64) // what is none begins with the newest
	all, err := c.Log.AuditLog(r.Context(), before, mostAudited+1)
	if err != nil {
		c.Logger.Error("the audit log cannot be read", "err", err)
		sc := s.screen("audit", "Audit log", "/audit")
		sc.Refusal = &RefusalView{"Audit log", "The store does not answer: try again. The log says why."}
		c.send(w, r, http.StatusServiceUnavailable, sc)
		return
	}
	v := AuditView{Paged: before > 0}
	for n, a := range all {
		if n == mostAudited {
			v.Older = all[n-1].Seq
			break
		}
		v.Rows = append(v.Rows, s.audited(a.AuditEntry))
	}
	sc := s.screen("audit", "Audit log", "/audit")
	sc.Audit = &v
	c.send(w, r, http.StatusOK, sc)
}

// audited is an entry of the audit log for people.
func (s scene) audited(e incident.AuditEntry) AuditRow {
	row := AuditRow{AuditEntry: e, Clock: clock(e.At, s.at), Name: "Somebody unknown", What: e.Action, Done: e.Outcome == "done"}
	if e.Who != "" {
		row.Name = s.person(e.Who)
	}
	if what, ok := didTo[incident.Verb(e.Action)]; ok {
		row.What = what
	}
	row.How = strings.Join(nonempty(e.Role, e.Via), ", by ")
	if e.From != "" {
		row.How += ", from " + e.From
	}
	return row
}

func (c *Console) getMe(w http.ResponseWriter, r *http.Request, who access.Who) {
	s := c.scene(who)
	p, known := s.config.Person(who.Person)
	v := MeView{
		Name: s.person(who.Person), ID: who.Person, Role: who.Role.String(), Roles: strings.Join(p.Roles, ", "), Reach: strings.Join(p.Reach, ", "),
		Token: fmt.Sprintf("number %d, as tocsin token list has it", who.Token), From: cmp.Or(who.From, "unknown"), Known: known || len(s.config.People) == 0,
		May: map[access.Role]string{access.Viewer: "see, not act", access.Responder: "see and act", access.Admin: "see and act, and read the audit log"}[who.Role],
	}
	sc := s.screen("me", v.Name, "/me")
	sc.Me = &v
	c.send(w, r, http.StatusOK, sc)
}
