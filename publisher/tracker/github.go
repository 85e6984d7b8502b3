package tracker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/guard"
)

// What an answer can mean to the channel.
var (
	errRefused = errors.New("nothing was written")
	errMissing = fmt.Errorf("%w: it is not there", errRefused)
	errDenied  = fmt.Errorf("%w: the token may not", errRefused)
	errExists  = fmt.Errorf("%w: it is there already", errRefused)
)

// verdict is an error with what it means, which people read in its words.
type verdict struct {
	error
	means error
}

// Unwrap gives the words and the meaning.
func (v verdict) Unwrap() []error { return []error{v.error, v.means} }

const (
	publicAPI  = "https://api.github.com"
	apiVersion = "2022-11-28"
	timeout    = 20 * time.Second // for one request
	mostAnswer = 32 << 20         // bytes: a page of the largest issues there can be
	mostPages  = 50
	hops       = 3               // redirects in a row
	pause      = time.Minute     // what GitHub asks for where it does not say how long
	reset      = 2 * time.Second // the clocks may differ by this when a limit ends
)

// gitHub is GitHub's REST API for one repository.
type gitHub struct {
	base      *url.URL
	repo      string // owner/name
	tokenFile string
	token     func() string
	client    *http.Client
}

var _ hub = (*gitHub)(nil)

func newGitHub(address, repo, tokenFile string, token func() string) (*gitHub, error) {
	if address == "" {
		address = publicAPI
	}
	u, err := url.Parse(strings.TrimRight(address, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("url: %w", guard.WithoutURL(err))
	case u.Host == "":
		return nil, errors.New(`url: no host: want an address such as "https://github.example.com/api/v3"`)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("url: want the address of the API alone, without a user, a question mark or a #")
	case u.Scheme != "https" && !(u.Scheme == "http" && guard.IsLoopback(u.Hostname())):
		return nil, fmt.Errorf("url: want https://%s…, since %q shows others the token; http is for this machine only", u.Host, u.Scheme)
	}
	return &gitHub{
		base: u, repo: repo, tokenFile: tokenFile, token: token,
		client: &http.Client{
			Timeout:   timeout,
			Transport: http.DefaultTransport.(*http.Transport).Clone(),
			// They are followed by hand: with the same method, and to the same host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Issue gives an issue.
func (g *gitHub) Issue(ctx context.Context, number int) (issue, error) {
	var out issueJSON
	_, err := g.call(ctx, http.MethodGet, g.issue(number), nil, &out)
	at := out.issue()
	at.Number = number // one that was moved to another repository is reached by its old number
	return at, err
}

func (g *gitHub) issue(number int, more ...string) *url.URL {
	return g.at(append([]string{"issues", strconv.Itoa(number)}, more...)...)
}

// at gives an address in the repository.
func (g *gitHub) at(path ...string) *url.URL {
	for n := range path {
		path[n] = url.PathEscape(path[n])
	}
	return g.base.JoinPath(append([]string{"repos", g.repo}, path...)...)
}

// Issues gives the issues with a label (all, if it is "") that were changed
// since a time, whether open or closed, those that were written last first.
func (g *gitHub) Issues(ctx context.Context, label string, since time.Time) iter.Seq2[issue, error] {
	u := g.at("issues")
	q := url.Values{"state": {"all"}, "sort": {"created"}, "direction": {"desc"}, "since": {stamp(since)}, "per_page": {"100"}}
	if label != "" {
		q.Set("labels", label)
	}
	u.RawQuery = q.Encode()
	return func(yield func(issue, error) bool) {
		for i, err := range list[issueJSON](ctx, g, u) {
			if i.PullRequest != nil {
				continue // GitHub counts them as issues, too
			}
			if !yield(i.issue(), err) {
				return
			}
		}
	}
}

// Comments gives the comments on an issue that were changed since a time.
func (g *gitHub) Comments(ctx context.Context, number int, since time.Time) iter.Seq2[comment, error] {
	u := g.issue(number, "comments")
	u.RawQuery = url.Values{"since": {stamp(since)}, "per_page": {"100"}}.Encode()
	return func(yield func(comment, error) bool) {
		for c, err := range list[commentJSON](ctx, g, u) {
			if !yield(comment{c.User.Login, c.Body}, err) {
				return
			}
		}
	}
}

// File makes an issue.
func (g *gitHub) File(ctx context.Context, title, body string, labels []string) (int, error) {
	var out issueJSON
	_, err := g.call(ctx, http.MethodPost, g.at("issues"), map[string]any{"title": title, "body": body, "labels": labels}, &out)
	if err == nil && out.Number <= 0 {
		err = errors.New("GitHub answered without the issue's number")
	}
	return out.Number, err
}

// Change changes an issue.
func (g *gitHub) Change(ctx context.Context, number int, c change) error {
	in := map[string]any{}
	for key, value := range map[string]string{"title": c.Title, "state": c.State, "state_reason": c.Reason} {
		if value != "" {
			in[key] = value
		}
	}
	_, err := g.call(ctx, http.MethodPatch, g.issue(number), in, nil)
	return err
}

// Comment adds a comment to an issue.
func (g *gitHub) Comment(ctx context.Context, number int, body string) error {
	_, err := g.call(ctx, http.MethodPost, g.issue(number, "comments"), map[string]any{"body": body}, nil)
	return err
}

// MakeLabel sees to it that there is a label.
func (g *gitHub) MakeLabel(ctx context.Context, name, color, description string) error {
	_, err := g.call(ctx, http.MethodPost, g.at("labels"), map[string]any{"name": name, "color": color, "description": description}, nil)
	switch {
	case errors.Is(err, errExists):
		return nil
	case errors.Is(err, errMissing):
		return fmt.Errorf("%w: %w", errDenied, err) // a token that sees a repository and may not write gets 404
	}
	return err
}

// AddLabels adds labels to an issue; it keeps those that it has.
func (g *gitHub) AddLabels(ctx context.Context, number int, names []string) error {
	_, err := g.call(ctx, http.MethodPost, g.issue(number, "labels"), map[string]any{"labels": names}, nil)
	return err
}

// RemoveLabel takes a label off an issue.
func (g *gitHub) RemoveLabel(ctx context.Context, number int, name string) error {
	_, err := g.call(ctx, http.MethodDelete, g.issue(number, "labels", name), nil, nil)
	return err
}

// issueJSON is what the channel reads of an issue.
type issueJSON struct {
	Number      int
	Title       string
	Body        string // null is ""
	User        userJSON
	State       string
	Labels      []labelJSON
	CreatedAt   time.Time `json:"created_at"`
	PullRequest *struct{} `json:"pull_request"`
}

func (i issueJSON) issue() issue {
	out := issue{Number: i.Number, Title: i.Title, Body: i.Body, Author: i.User.Login, Open: i.State != "closed", Created: i.CreatedAt}
	for _, l := range i.Labels {
		out.Labels = append(out.Labels, l.Name)
	}
	return out
}

// commentJSON is what it reads of a comment.
type commentJSON struct {
	Body string
	User userJSON
}

// userJSON is who wrote something; null is nobody who is known any more.
type userJSON struct{ Login string }

// labelJSON is a label: an object, or just its name.
type labelJSON struct{ Name string }

// UnmarshalJSON implements json.Unmarshaler.
func (l *labelJSON) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &l.Name) == nil {
		return nil
	}
	type object labelJSON
	return json.Unmarshal(b, (*object)(l))
}

func stamp(t time.Time) string {
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// list gives the entries of a list, page by page.
func list[T any](ctx context.Context, g *gitHub, u *url.URL) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for range mostPages {
			var page []T
			next, err := g.call(ctx, http.MethodGet, u, nil, &page)
			if err != nil {
				yield(none, err)
				return
			}
			for _, x := range page {
				if !yield(x, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			u = next
		}
		yield(none, fmt.Errorf("GitHub's list has more than %d pages", mostPages))
	}
}

// call asks for something and reads the answer into out. next is the page that
// follows, if the answer names one.
func (g *gitHub) call(ctx context.Context, method string, u *url.URL, in, out any) (next *url.URL, err error) {
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
	}
	for range hops {
		res, answer, err := g.once(ctx, method, u, body)
		if err != nil {
			return nil, err
		}
		switch code := res.StatusCode; {
		case code >= 200 && code < 300:
			if out != nil {
				if err := json.Unmarshal(answer, out); err != nil {
					return nil, fmt.Errorf("read GitHub's answer: %w", err)
				}
			}
			return g.next(u, res.Header.Get("Link"))
		case code == http.StatusMovedPermanently, code == http.StatusFound, code == http.StatusTemporaryRedirect, code == http.StatusPermanentRedirect:
			if u, err = g.same(u, res.Header.Get("Location")); err != nil {
				return nil, err
			}
		default:
			return nil, g.failure(res, answer, time.Now())
		}
	}
	return nil, fmt.Errorf("GitHub redirected more than %d times", hops)
}

// once makes one request and reads the answer.
func (g *gitHub) once(ctx context.Context, method string, u *url.URL, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("make the request to %s: %w", u.Host, guard.WithoutURL(err))
	}
	req.Header.Set("Authorization", "Bearer "+g.token())
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", apiVersion)
	req.Header.Set("User-Agent", "Tocsin")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := g.client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("ask %s: %w", u.Host, guard.WithoutURL(err))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read the answer of %s: %w", u.Host, err)
	case len(answer) > mostAnswer:
		return nil, nil, fmt.Errorf("the answer of %s is larger than %d MB", u.Host, mostAnswer>>20)
	}
	return res, answer, nil
}

// same resolves where a redirect or a link leads to: the token and the words go
// to no host that nobody wrote down.
func (g *gitHub) same(from *url.URL, to string) (*url.URL, error) {
	u, err := from.Parse(to)
	switch {
	case to == "" || err != nil:
		return nil, errors.New("GitHub redirects to nowhere")
	case u.Host != g.base.Host || u.Scheme != g.base.Scheme:
		return nil, fmt.Errorf("GitHub redirects to %s, which is not followed: write the new address into the channel's url", u.Host)
	}
	return u, nil
}

// next reads a Link header: the address of the page that follows, nil if this
// one is the last.
func (g *gitHub) next(from *url.URL, header string) (*url.URL, error) {
	for link := range strings.SplitSeq(header, ",") {
		address, params, ok := strings.Cut(strings.TrimSpace(link), ">")
		if !ok || !strings.HasPrefix(address, "<") || !strings.Contains(params, `rel="next"`) {
			continue
		}
		return g.same(from, address[1:])
	}
	return nil, nil
}

// failure makes the error of an answer that is not 2xx: what is wrong, and how
// to mend it.
func (g *gitHub) failure(res *http.Response, answer []byte, now time.Time) error {
	said, exists := explain(answer)
	err := fmt.Errorf("GitHub answered %s%s", res.Status, said)
	code := res.StatusCode
	if code == http.StatusForbidden || code == http.StatusTooManyRequests {
		if wait, ok := limited(res, said, now); ok {
			return &publisher.RetryAfter{Wait: wait, Err: verdict{err, errRefused}}
		}
	}
	switch {
	case code == http.StatusUnauthorized:
		return verdict{fmt.Errorf("%w: it does not know the token in %s, or the token has expired: %s", err, g.tokenFile, tokenHelp), errRefused}
	case code == http.StatusForbidden:
		return verdict{fmt.Errorf("%w: the token in %s may not do this: give it the permission Issues: read and write for %s", err, g.tokenFile, g.repo), errDenied}
	case code == http.StatusNotFound:
		return verdict{fmt.Errorf("%w: there is no repository %s (or no such issue in it), or the token in %s may not see it: mend the channel's repository, or give the token access to it with the permission Issues: read and write",
			err, g.repo, g.tokenFile), errMissing}
	case code == http.StatusGone && strings.Contains(said, "deleted"):
		return verdict{err, errMissing}
	case code == http.StatusGone:
		return verdict{fmt.Errorf("%w: issues are switched off in %s: switch them on in its settings, and have the channel go on: %w", err, g.repo, publisher.ErrGone), errRefused}
	case code == http.StatusUnprocessableEntity && exists:
		return verdict{err, errExists}
	case code == http.StatusUnprocessableEntity:
		return verdict{fmt.Errorf("%w: %w", err, publisher.ErrPermanent), errRefused}
	case code >= 400 && code < 500 && code != http.StatusRequestTimeout:
		return verdict{err, errRefused}
	default:
		return err // it may have been done all the same
	}
}

// limited reads when a limit of requests ends.
func limited(res *http.Response, said string, now time.Time) (time.Duration, bool) {
	h := res.Header
	if seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return max(0, at.Sub(now)), true
	}
	if h.Get("X-RateLimit-Remaining") == "0" {
		if at, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			return max(0, time.Unix(at, 0).Sub(now)) + reset, true
		}
	}
	if res.StatusCode == http.StatusTooManyRequests || strings.Contains(strings.ToLower(said), "rate limit") {
		return pause, true
	}
	return 0, false
}

// explain gives what GitHub says of an error, for people to read, and whether
// it is that something exists already.
func explain(answer []byte) (said string, exists bool) {
	var in struct {
		Message string
		Errors  json.RawMessage
	}
	if json.Unmarshal(answer, &in) != nil {
		return excerpt(string(answer)), false
	}
	said = in.Message
	var details []struct{ Resource, Field, Code, Message string }
	if json.Unmarshal(in.Errors, &details) == nil {
		for _, d := range details {
			exists = exists || d.Code == "already_exists"
			said += strings.TrimRight(fmt.Sprintf("; %s %s: %s %s", d.Resource, d.Field, d.Code, d.Message), " ")
		}
	}
	return excerpt(said), exists
}

// excerpt gives the beginning of an answer on one line.
func excerpt(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if s == "" {
		return ""
	}
	return ": " + clip(s, 300)
}
