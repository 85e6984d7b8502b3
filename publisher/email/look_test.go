package email_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/browsertest"
	"github.com/featuresignals/tocsin/templates"
)

// looks are the mails that pictures are taken of.
func looks(t *testing.T) map[string]string {
	t.Helper()
	set, err := words()
	if err != nil {
		t.Fatal(err)
	}
	long := update(1, "")
	long.Update.Symptom = "elevated errors and much slower responses than usual on the management API for some customers"
	long.Update.Text = "We see failing writes to one of our databases, and have moved half of the traffic away from it.\nhelp@customer-success-and-incident-response.featuresignals.example.com answers questions meanwhile."
	long.Update.Also = []string{"Dashboard", "Webhooks", "Flag evaluations"}
	long.Update.Severity = "P1"
	minor := update(1, "")
	minor.Update.Severity, minor.Update.Next, minor.Update.Every = "P3", time.Time{}, 0
	resolved := update(3, "")
	resolved.Update.PostMortem = resolved.Update.Said.Add(48 * time.Hour)
	out := map[string]string{}
	for name, c := range map[string]struct {
		d    publisher.Delivery
		foot templates.MailFoot
	}{
		"investigating": {update(1, ""), templates.MailFoot{Unsubscribe: "https://status.example.com/unsubscribe/ykybx2kad5va7pgh7mmudzy3xhrznqxm"}},
		"monitoring":    {update(2, ""), templates.MailFoot{Unsubscribe: "https://status.example.com/unsubscribe/ykybx2kad5va7pgh7mmudzy3xhrznqxm"}},
		"resolved":      {resolved, templates.MailFoot{Unsubscribe: "https://status.example.com/unsubscribe/ykybx2kad5va7pgh7mmudzy3xhrznqxm"}},
		"long":          {long, templates.MailFoot{Unsubscribe: "https://status.example.com/unsubscribe/ykybx2kad5va7pgh7mmudzy3xhrznqxm"}},
		"inside":        {minor, templates.MailFoot{Inside: true}},
	} {
		m, err := set.MailWith(c.d.Public, *c.d.Incident, *c.d.Update, c.foot)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = m.HTML
	}
	return out
}

// TestLook shows mails in a browser, which must not scroll sideways, and takes
// pictures for somebody to look at:
//
//	TOCSIN_LOOK="$PWD/look" go test -run TestLook ./publisher/email
func TestLook(t *testing.T) {
	out := os.Getenv("TOCSIN_LOOK")
	if out == "" {
		t.Skip("set TOCSIN_LOOK to a folder, to look at the pictures")
	}
	pages := looks(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, pages[strings.TrimPrefix(r.URL.Path, "/")])
	}))
	defer server.Close()
	ctx := browsertest.Open(t)
	for name := range pages {
		for _, width := range []int64{390, 700} {
			for _, scheme := range []string{"light", "dark"} {
				media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
				if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
					t.Fatal(err)
				}
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 600), chromedp.Navigate(server.URL+"/"+name)); err != nil {
					t.Fatal(err)
				}
				wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
				if err != nil {
					t.Fatal(err)
				}
				if wide > width {
					t.Errorf("%s at %d is %d wide", name, width, wide)
				}
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(out, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
