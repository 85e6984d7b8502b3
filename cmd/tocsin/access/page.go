package access

import (
	"html/template"
	"io"
	"net/http"
)

// DefaultCSP lets a page show itself and send its own forms, and nothing else.
const DefaultCSP = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Headers adds to all answers what browsers are to know of private pages: keep
// no copy, guess no type, tell no other site where a reader came from, load
// only what csp allows, and show it in nobody's frame.
//
// The policy on referrers is not "no-referrer": with it browsers send our own
// forms with "Origin: null", and over plain HTTP, where they do not say
// "same-origin" either, nothing would tell them from forged ones.
func Headers(csp string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", csp)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("X-Frame-Options", "DENY")
		head.Set("Referrer-Policy", "same-origin")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// View is what a page of the guard's says.
type View struct {
	Form    bool   // ask for a token: POST /signin with the fields token and next
	Next    string // where to go once signed in: an address within this service
	Problem string // what is in the way; "" if nothing is
	First   bool   // there is no token yet: say how to make the first
	Who     Who    // who is signed in; the zero value if nobody is
}

// plain renders a page without any style.
func plain(w io.Writer, v View) error { return plainPage.Execute(w, v) }

var plainPage = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{if .Form}}Sign in{{else}}Not possible{{end}} · Tocsin</title></head>
<body><main>
<h1>{{if .Form}}Sign in{{else}}Not possible{{end}}</h1>
{{- with .Problem}}
<p role="alert" id="problem">{{.}}</p>
{{- end}}
{{- if .First}}
<p>There is no token yet. On the machine that Tocsin runs on, <code>tocsin token make NAME --role admin</code> makes the first.</p>
{{- end}}
{{- if .Form}}
<form method="post" action="/signin">
<input type="hidden" name="next" value="{{.Next}}">
<p><label for="token">Token</label><br>
<input id="token" name="token" type="password" required autofocus autocomplete="current-password" spellcheck="false" size="50"{{if .Problem}} aria-invalid="true" aria-describedby="problem"{{end}}></p>
<p><button type="submit">Sign in</button></p>
</form>
{{- else}}
<p><a href="/">Go back to the start</a></p>
{{- end}}
</main></body>
</html>
`))
