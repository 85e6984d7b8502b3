package email

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher"
)

const (
	unsubscribePath = "/unsubscribe/"

	// oneClick is what mail programs post (RFC 8058), and the page's own button.
	oneClick = "List-Unsubscribe=One-Click"
)

// Handler serves the pages to unsubscribe from the lists of channels, for the
// public listener, under /unsubscribe/.
//
// To look at a page changes nothing: what scans mail for harm follows every link
// in it. To post does, and asks for no cookie, no sign-in and no token against
// forged requests: the mail program that posts for its reader has none, and a
// page of a stranger that made a browser post here would have to know the link,
// which only the mail holds.
func Handler(channels ...*Channel) http.Handler {
	h := &handler{channels: channels}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+unsubscribePath+"{token}", h.ask)
	mux.HandleFunc("POST "+unsubscribePath+"{token}", h.unsubscribe)
	return mux
}

type handler struct{ channels []*Channel }

// whose gives the channel and the address that a link is for; no channel where
// it is for none.
func (h *handler) whose(r *http.Request) (*Channel, string, error) {
	token := r.PathValue("token")
	for _, c := range h.channels {
		x, err := c.find(r.Context(), func(x index) bool { return x.byLink[token] != "" })
		if err != nil {
			return nil, "", err
		}
		if a := x.byLink[token]; a != "" {
			return c, a, nil
		}
	}
	return nil, "", nil
}

func (h *handler) ask(w http.ResponseWriter, r *http.Request) {
	c, _, err := h.whose(r)
	switch {
	case err != nil:
		h.sorry(w, err)
	case c == nil:
		h.show(w, http.StatusNotFound, page{Head: "This link is not known", Text: "Perhaps a part of it is missing, or your address is on none of our lists any more."})
	default:
		h.show(w, http.StatusOK, page{Title: c.Title, Head: "Unsubscribe", Text: "Press the button, and no more mail about incidents comes to your address.", Ask: true})
	}
}

func (h *handler) unsubscribe(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	name, value, _ := strings.Cut(oneClick, "=")
	if r.PostFormValue(name) != value {
		h.show(w, http.StatusBadRequest, page{Head: "Nothing was changed", Text: "The request does not say " + oneClick + "."})
		return
	}
	c, a, err := h.whose(r)
	if err == nil && c != nil {
		err = c.Unsubscribe(r.Context(), a, "by the link in a mail")
	}
	switch {
	case err != nil:
		h.sorry(w, err)
	case c == nil:
		h.ask(w, r)
	default:
		h.show(w, http.StatusOK, page{Title: c.Title, Head: "You are unsubscribed", Text: "No more mail about incidents comes to your address. What was already under way may still arrive."})
	}
}

func (h *handler) sorry(w http.ResponseWriter, err error) {
	slog.Error("somebody could not unsubscribe", "err", err)
	w.Header().Set("Retry-After", "60")
	h.show(w, http.StatusServiceUnavailable, page{Head: "That did not work", Text: "It is our fault. Please try again in a minute."})
}

type page struct {
	Title, Head, Text string
	Ask               bool
}

const pageStyle = `:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#191c20;--line:#dde1e6;--on:#fff;--link:#0a55c4}
@media (prefers-color-scheme:dark){:root{--bg:#0f1216;--card:#171b21;--ink:#e9ecf0;--line:#2b323b;--on:#10141a;--link:#8ab6ff}}
body{margin:0;padding:1.5rem 1rem;background:var(--bg);color:var(--ink);font:1rem/1.55 -apple-system,"Segoe UI",Roboto,"Noto Sans",Helvetica,Arial,sans-serif}
main{margin:8vh auto 0;max-width:30rem;padding:1.5rem;background:var(--card);border:1px solid var(--line);border-radius:12px}
h1{margin:0 0 .6rem;font-size:1.4rem;line-height:1.3}p{margin:0}.of{margin-bottom:.4rem;font-weight:600}
button{margin-top:1.25rem;padding:.7rem 1.3rem;border:0;border-radius:8px;background:var(--link);color:var(--on);font:inherit;font-weight:600;cursor:pointer}
:focus-visible{outline:3px solid var(--link);outline-offset:3px}`

var pageTemplate = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>{{.Page.Head}}</title><style>{{.Style}}</style></head>
<body><main>
{{with .Page.Title}}<p class="of">{{.}}</p>
{{end}}<h1>{{.Page.Head}}</h1>
<p>{{.Page.Text}}</p>
{{if .Page.Ask}}<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form>
{{end}}</main></body>
</html>
`))

var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

func (h *handler) show(w http.ResponseWriter, status int, p page) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, map[string]any{"Page": p, "Style": template.CSS(pageStyle)}); err != nil {
		panic(err) // it holds nothing that could fail
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", pagePolicy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer") // the link is for its reader alone
	head.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever asked has gone
}

// Unsubscribe has an address hear of nothing any more, but what goes to our own
// people. Twice is as once.
func (c *Channel) Unsubscribe(ctx context.Context, a, how string) error {
	known, err := c.Addresses.Address(ctx, c.Config.Name, a)
	if err != nil || known.State == publisher.Unsubscribed {
		return err
	}
	err = c.Addresses.MarkAddress(ctx, publisher.Address{
		Channel: c.Config.Name, Address: a, State: publisher.Unsubscribed, Reason: how, At: time.Now().UTC(),
	})
	if err == nil {
		c.logger.Info("somebody unsubscribed", "address", a, "how", how)
	}
	return err
}
