// Package githubtest is a server that answers as GitHub's REST API is documented
// to, for the calls that the tracker makes: issues, their comments and labels.
//
// The documentation that it follows is at docs.github.com, version 2022-11-28:
// rest/issues/issues (create, get, update, list), rest/issues/comments,
// rest/issues/labels, rest/using-the-rest-api/using-pagination-in-the-rest-api
// (Link headers), rest/using-the-rest-api/rate-limits-for-the-rest-api and
// best-practices-for-using-the-rest-api (403 and 429, Retry-After,
// X-RateLimit-*, redirects), rest/using-the-rest-api/getting-started-with-the-rest-api
// (User-Agent, Accept). What is written can be read by its number at once; in lists
// it appears after a delay that can be set, since GitHub promises nothing else.
package githubtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The repository that there is, and the token that may write to it.
const (
	Repository = "acme/incidents"
	Token      = "github_pat_0123456789"
)

// Server is GitHub, with one repository. What is exported may be set before the
// first request, and in a call of Cut or Fault.
type Server struct {
	// Delay is how long it takes until lists show what was written.
	Delay time.Duration
	// PerPage is the most entries on a page of a list; 100 by default, as at GitHub.
	PerPage int
	// NoLabels is a token that may not set labels: they are dropped without a
	// word from new issues, and refused otherwise.
	NoLabels bool
	// Fault, if set, is asked about each request that is well signed. A status
	// other than 0 is answered in place of what was asked for.
	Fault func(r *http.Request) Fault
	// Cut, if set, is asked before and after a request is handled, with its
	// number from 1 and "before" or "after". If it says so, the connection is
	// dropped without an answer.
	Cut func(n int, stage string) bool

	server *httptest.Server

	mu       sync.Mutex
	requests []Request
	issues   []*Issue
	labels   []Label
	number   int
	id       int64
}

// Fault is an answer that is not what was asked for.
type Fault struct {
	Status  int
	Message string
	Header  map[string]string
}

// Request is one request as it came.
type Request struct {
	Method, Path string
	Query        url.Values
	Body         string
}

// Issue is an issue as it stands.
type Issue struct {
	ID          int64 // in the order of writing, with those of comments
	Number      int
	Title, Body string
	State       string // open, closed
	StateReason string // "", completed, not_planned, reopened
	Labels      []string
	Comments    []Comment
	History     []string // "closed", "reopened", "renamed", in their order
	Created     time.Time
	Updated     time.Time
	PullRequest bool
	Deleted     bool

	since time.Time // when it was written, exactly
}

// Comment is a comment.
type Comment struct {
	ID      int64
	Body    string
	By      string // "": whoever has the token
	Created time.Time

	since time.Time
}

// Label is a label of the repository.
type Label struct{ Name, Color, Description string }

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

// URL is the address of the API.
func (s *Server) URL() string { return s.server.URL }

// Issues gives all issues, the oldest first.
func (s *Server) Issues() []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Issue
	for _, i := range s.issues {
		c := *i
		c.Labels, c.Comments, c.History = slices.Clone(i.Labels), slices.Clone(i.Comments), slices.Clone(i.History)
		out = append(out, c)
	}
	return out
}

// Labels gives the labels of the repository.
func (s *Server) Labels() []Label {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.labels)
}

// Requests gives all requests so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Change lets somebody else change an issue, as people do.
func (s *Server) Change(number int, f func(i *Issue)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(number); i != nil {
		f(i)
		i.Updated = now()
	}
}

// Add lets somebody else write an issue.
func (s *Server) Add(i Issue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(&i)
}

func (s *Server) add(i *Issue) {
	s.number++
	s.id++
	i.ID, i.Number, i.State = s.id, s.number, cmp.Or(i.State, "open")
	if i.Created.IsZero() {
		i.Created = now()
	}
	i.Updated = cmp.Or(i.Updated, i.Created)
	i.since = time.Now()
	s.issues = append(s.issues, i)
}

// now is the time as GitHub writes it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func (s *Server) find(number int) *Issue {
	for _, i := range s.issues {
		if i.Number == number {
			return i
		}
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.URL.Query(), string(body)})
	n := len(s.requests)
	s.mu.Unlock()
	if s.Cut != nil && s.Cut(n, "before") {
		panic(http.ErrAbortHandler)
	}
	a := s.handle(r, body)
	if s.Cut != nil && s.Cut(n, "after") {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-GitHub-Request-Id", fmt.Sprintf("%04X:%d", n, n))
	h.Set("X-RateLimit-Limit", "5000")
	h.Set("X-RateLimit-Remaining", "4999")
	h.Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
	for k, v := range a.header {
		h.Set(k, v)
	}
	w.WriteHeader(a.status)
	if a.body != nil {
		_ = json.NewEncoder(w).Encode(a.body) // whoever asked has gone away
	}
}

type answer struct {
	status int
	header map[string]string
	body   any
}

// refuse makes an answer in the form of GitHub's errors.
func refuse(status int, message string, details ...map[string]string) answer {
	body := map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)}
	if len(details) > 0 {
		body["errors"] = details
	}
	return answer{status: status, body: body}
}

func (s *Server) handle(r *http.Request, body []byte) answer {
	switch {
	case r.UserAgent() == "" || strings.HasPrefix(r.UserAgent(), "Go-http-client"):
		return refuse(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header")
	case r.Header.Get("Authorization") != "Bearer "+Token:
		return refuse(http.StatusUnauthorized, "Bad credentials")
	}
	if s.Fault != nil {
		if f := s.Fault(r); f.Status != 0 {
			a := refuse(f.Status, f.Message)
			a.header = f.Header
			return a
		}
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/repos/"+Repository+"/")
	if !ok {
		return refuse(http.StatusNotFound, "Not Found")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.Split(rest, "/")
	switch {
	case rest == "labels" && r.Method == http.MethodPost:
		return s.postLabel(body)
	case rest == "issues" && r.Method == http.MethodGet:
		return s.list(r)
	case rest == "issues" && r.Method == http.MethodPost:
		return s.postIssue(body)
	case parts[0] != "issues" || len(parts) < 2:
		return refuse(http.StatusNotFound, "Not Found")
	}
	number, err := strconv.Atoi(parts[1])
	i := s.find(number)
	switch {
	case err != nil || i == nil:
		return refuse(http.StatusNotFound, "Not Found")
	case i.Deleted:
		return refuse(http.StatusGone, "This issue was deleted")
	}
	switch what := r.Method + " " + strings.Join(parts[2:min(len(parts), 3)], ""); {
	case what == "GET " && len(parts) == 2:
		return answer{status: http.StatusOK, body: show(i)}
	case what == "PATCH " && len(parts) == 2:
		return s.patchIssue(i, body)
	case what == "GET comments" && len(parts) == 3:
		return s.comments(i, r)
	case what == "POST comments" && len(parts) == 3:
		return s.postComment(i, body)
	case what == "POST labels" && len(parts) == 3:
		return s.addLabels(i, body)
	case what == "DELETE labels" && len(parts) == 4:
		return s.removeLabel(i, parts[3])
	default:
		return refuse(http.StatusNotFound, "Not Found")
	}
}

// What GitHub allows, in characters.
const (
	mostTitle = 256
	mostBody  = 65536
	mostLabel = 50
)

// decode reads a body into v, which is a pointer to a struct.
func decode(body []byte, v any) (answer, bool) {
	if err := json.Unmarshal(body, v); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON"), false
	}
	return answer{}, true
}

func (s *Server) postIssue(body []byte) answer {
	var in struct {
		Title, Body string
		Labels      []string
	}
	if a, ok := decode(body, &in); !ok {
		return a
	}
	if a := check("Issue", in.Title, in.Body); a.status != 0 {
		return a
	}
	i := &Issue{Title: in.Title, Body: in.Body}
	if !s.NoLabels {
		for _, l := range in.Labels {
			if a := s.need(l); a.status != 0 {
				return a
			}
			i.label(l)
		}
	}
	s.add(i)
	return answer{status: http.StatusCreated, header: map[string]string{"Location": fmt.Sprintf("%s/repos/%s/issues/%d", s.server.URL, Repository, i.Number)}, body: show(i)}
}

func check(resource, title, body string) answer {
	switch {
	case resource == "Issue" && strings.TrimSpace(title) == "":
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": resource, "field": "title", "code": "missing_field"})
	case len([]rune(title)) > mostTitle:
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": resource, "field": "title", "code": "custom", "message": "title is too long (maximum is 256 characters)"})
	case len([]rune(body)) > mostBody:
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": resource, "field": "body", "code": "custom", "message": "body is too long (maximum is 65536 characters)"})
	}
	return answer{}
}

func (s *Server) patchIssue(i *Issue, body []byte) answer {
	var in struct {
		Title, Body, State *string
		StateReason        *string `json:"state_reason"`
	}
	if a, ok := decode(body, &in); !ok {
		return a
	}
	if in.Title != nil {
		if a := check("Issue", *in.Title, ""); a.status != 0 {
			return a
		}
		if i.Title != *in.Title {
			i.History = append(i.History, "renamed")
		}
		i.Title = *in.Title
	}
	if in.Body != nil {
		i.Body = *in.Body
	}
	if in.State != nil && *in.State != i.State {
		switch *in.State {
		case "open":
			i.StateReason = "reopened"
			i.History = append(i.History, "reopened")
		case "closed":
			i.StateReason = "completed"
			i.History = append(i.History, "closed")
		default:
			return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Issue", "field": "state", "code": "invalid"})
		}
		if in.StateReason != nil {
			i.StateReason = *in.StateReason
		}
		i.State = *in.State
	}
	i.Updated = now()
	return answer{status: http.StatusOK, body: show(i)}
}

func (s *Server) postComment(i *Issue, body []byte) answer {
	var in struct{ Body string }
	if a, ok := decode(body, &in); !ok {
		return a
	}
	if strings.TrimSpace(in.Body) == "" {
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "IssueComment", "field": "body", "code": "missing_field"})
	}
	if a := check("IssueComment", "", in.Body); a.status != 0 {
		return a
	}
	s.id++
	c := Comment{ID: s.id, Body: in.Body, Created: now(), since: time.Now()}
	i.Comments = append(i.Comments, c)
	i.Updated = now()
	return answer{status: http.StatusCreated, body: showComment(c)}
}

func (s *Server) postLabel(body []byte) answer {
	var in Label
	if a, ok := decode(body, &in); !ok {
		return a
	}
	switch {
	case s.NoLabels:
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	case in.Name == "" || len([]rune(in.Name)) > mostLabel:
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Label", "field": "name", "code": "invalid"})
	case len([]rune(in.Description)) > 100:
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Label", "field": "description", "code": "invalid"})
	case s.has(in.Name):
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Label", "field": "name", "code": "already_exists"})
	}
	s.labels = append(s.labels, in)
	return answer{status: http.StatusCreated, body: in}
}

func (s *Server) has(label string) bool {
	return slices.ContainsFunc(s.labels, func(l Label) bool { return strings.EqualFold(l.Name, label) })
}

// need makes a label that an issue is to have, as GitHub does.
func (s *Server) need(label string) answer {
	if label == "" || len([]rune(label)) > mostLabel {
		return refuse(http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Label", "field": "name", "code": "invalid"})
	}
	if !s.has(label) {
		s.labels = append(s.labels, Label{Name: label, Color: "ededed"})
	}
	return answer{}
}

func (i *Issue) label(name string) {
	if !slices.ContainsFunc(i.Labels, func(l string) bool { return strings.EqualFold(l, name) }) {
		i.Labels = append(i.Labels, name)
	}
}

func (s *Server) addLabels(i *Issue, body []byte) answer {
	var in struct{ Labels []string }
	if a, ok := decode(body, &in); !ok {
		return a
	}
	if s.NoLabels {
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	for _, l := range in.Labels {
		if a := s.need(l); a.status != 0 {
			return a
		}
		i.label(l)
	}
	i.Updated = now()
	return answer{status: http.StatusOK, body: showLabels(i)}
}

func (s *Server) removeLabel(i *Issue, name string) answer {
	if s.NoLabels {
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	n := slices.IndexFunc(i.Labels, func(l string) bool { return strings.EqualFold(l, name) })
	if n < 0 {
		return refuse(http.StatusNotFound, "Label does not exist")
	}
	i.Labels = slices.Delete(i.Labels, n, n+1)
	i.Updated = now()
	return answer{status: http.StatusOK, body: showLabels(i)}
}

// list gives the issues that are asked for: by default the open ones, the newest
// first.
func (s *Server) list(r *http.Request) answer {
	q := r.URL.Query()
	since, err := sinceOf(q)
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, "Validation Failed")
	}
	var out []*Issue
	for _, i := range s.issues {
		wanted := !i.Deleted && time.Since(i.since) >= s.Delay && !i.Updated.Before(since)
		if state := cmp.Or(q.Get("state"), "open"); state != "all" {
			wanted = wanted && i.State == state
		}
		for l := range strings.SplitSeq(q.Get("labels"), ",") {
			wanted = wanted && (l == "" || slices.ContainsFunc(i.Labels, func(has string) bool { return strings.EqualFold(has, l) }))
		}
		if wanted {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b *Issue) int {
		c := cmp.Compare(a.Number, b.Number)
		if q.Get("sort") == "updated" {
			c = cmp.Or(a.Updated.Compare(b.Updated), c)
		}
		if q.Get("direction") != "asc" {
			c = -c
		}
		return c
	})
	return page(s, r, out, func(i *Issue) any { return show(i) })
}

// comments gives an issue's comments, the oldest first.
func (s *Server) comments(i *Issue, r *http.Request) answer {
	since, err := sinceOf(r.URL.Query())
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, "Validation Failed")
	}
	var out []Comment
	for _, c := range i.Comments {
		if time.Since(c.since) >= s.Delay && !c.Created.Before(since) {
			out = append(out, c)
		}
	}
	return page(s, r, out, func(c Comment) any { return showComment(c) })
}

func sinceOf(q url.Values) (time.Time, error) {
	if q.Get("since") == "" {
		return time.Time{}, nil
	}
	return time.Parse("2006-01-02T15:04:05Z", q.Get("since"))
}

// page gives one page of a list, and where the next one is.
func page[T any](s *Server, r *http.Request, all []T, show func(T) any) answer {
	q := r.URL.Query()
	per, _ := strconv.Atoi(cmp.Or(q.Get("per_page"), "30"))
	per = min(max(per, 1), cmp.Or(s.PerPage, 100))
	number, _ := strconv.Atoi(cmp.Or(q.Get("page"), "1"))
	from := min((max(number, 1)-1)*per, len(all))
	to := min(from+per, len(all))
	out := []any{}
	for _, x := range all[from:to] {
		out = append(out, show(x))
	}
	a := answer{status: http.StatusOK, header: map[string]string{}, body: out}
	if to < len(all) {
		q.Set("page", strconv.Itoa(max(number, 1)+1))
		last := url.Values{}
		maps.Copy(last, q)
		next := s.server.URL + r.URL.Path + "?" + q.Encode()
		last.Set("page", strconv.Itoa((len(all)+per-1)/per))
		a.header["Link"] = fmt.Sprintf(`<%s>; rel="next", <%s>; rel="last"`, next, s.server.URL+r.URL.Path+"?"+last.Encode())
	}
	return a
}

func show(i *Issue) map[string]any {
	out := map[string]any{
		"id": i.ID, "number": i.Number, "title": i.Title, "body": i.Body, "state": i.State, "labels": showLabels(i), "comments": len(i.Comments),
		"created_at": i.Created.Format(time.RFC3339), "updated_at": i.Updated.Format(time.RFC3339), "state_reason": nil, "user": map[string]any{"login": "tocsin"},
	}
	if i.Body == "" {
		out["body"] = nil
	}
	if i.StateReason != "" {
		out["state_reason"] = i.StateReason
	}
	if i.PullRequest {
		out["pull_request"] = map[string]any{"url": "https://example.com"}
	}
	return out
}

func showLabels(i *Issue) []any {
	out := []any{}
	for _, l := range i.Labels {
		out = append(out, map[string]any{"name": l, "color": "ededed", "description": nil})
	}
	return out
}

func showComment(c Comment) map[string]any {
	return map[string]any{"id": c.ID, "body": c.Body, "user": map[string]any{"login": cmp.Or(c.By, "tocsin")}, "created_at": c.Created.Format(time.RFC3339), "updated_at": c.Created.Format(time.RFC3339)}
}

// Sent gives the bodies of the requests of a method and a path, as they came.
func (s *Server) Sent(method, path string) []map[string]any {
	var out []map[string]any
	for _, r := range s.Requests() {
		if r.Method != method || !strings.HasSuffix(r.Path, path) {
			continue
		}
		var body map[string]any
		_ = json.NewDecoder(bytes.NewReader([]byte(r.Body))).Decode(&body) // of none there is none
		out = append(out, body)
	}
	return out
}
