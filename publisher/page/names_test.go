package page

import (
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// atTop are the documents that there is one of, scoped those that stand at the top
// and below each component and each region.
var (
	atTop = []string{
		fileSummary, fileStatus, fileComponents, fileIncidents, fileUnresolved, fileWorks, fileUpcoming, fileActive, fileFacts, fileCalendar, fileRobots,
	}
	scoped = []string{fileFeed, fileRSS, fileUpdates, fileUpdatesRSS, fileBadge, fileShield}
)

// TestNamesComeFromSafeKeysAlone: an ID or a code becomes a part of a name, or
// there is no file of it.
func TestNamesComeFromSafeKeysAlone(t *testing.T) {
	for key, want := range map[string]string{
		"api": "components/api", "us-east-1": "components/us-east-1", "a.b_c": "components/a.b_c", "EU": "components/eu",
		"": "", ".": "", "..": "", "../etc/passwd": "", "a/b": "", "a b": "", "a%2fb": "", "-a": "", ".a": "", "ü": "", "a\x00b": "", "a\nb": "", "a\\b": "",
		strings.Repeat("x", 65): "", "*": "",
	} {
		all := scopes(templates.Public{Components: []templates.Component{{ID: key, Name: "One"}, {ID: strings.ToUpper(key), Name: "Another"}}})
		if got := all[len(all)-1].folder; got != want || len(all) > 2 {
			t.Errorf("%q: %+v, want %q", key, all, want)
		}
	}
}

// TestEveryDocumentCanBeAskedFor: what is written is served, with its type and to
// any site, and with slashes doubled.
func TestEveryDocumentCanBeAskedFor(t *testing.T) {
	p := pagetest.Public("good")
	s := serve(t, p)
	for file := range documents(t, p) {
		for _, path := range []string{"/" + file, "//" + file, "/" + strings.ReplaceAll(file, "/", "//")} {
			r := s.get("GET", path)
			if want := contentType(file); r.StatusCode != 200 || r.Header.Get("Content-Type") != want || r.Header.Get("Access-Control-Allow-Origin") != "*" || body(t, r) == "" {
				t.Errorf("%s: %d %v, want 200 %s", path, r.StatusCode, r.Header, want)
			}
		}
	}
	for _, file := range []string{"/components/badge.svg", "/components/api/other.svg", "/regions/a/b/badge.svg", "/api/v2/badge.svg", "/api", "/api/v2/", "/api/v2/subscribers.json"} {
		if r := s.get("GET", file); r.StatusCode != 404 {
			t.Errorf("%s is answered with %d", file, r.StatusCode)
		}
	}
}
