package page

import (
	"path"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
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

// TestTheHandlerKnowsEveryDocument: what is written is what can be asked for, and
// has a type.
func TestTheHandlerKnowsEveryDocument(t *testing.T) {
	for name, p := range pagetest.All() {
		p.Regions[0].Code = "US" // as configuration may spell it
		for n := range p.Components {
			p.Components[n].Cells[0].Region.Code = "US"
		}
		for file := range documents(t, p) {
			got, contentType := route("/" + file)
			if got != file || contentType == "" {
				t.Errorf("%s: %s is answered with %q of type %q", name, file, got, contentType)
			}
			if got, _ := route("/" + strings.Replace(file, "/", "//", 1)); got != file {
				t.Errorf("%s: with a slash more %s is answered with %q", name, file, got)
			}
			if got, _ := route("/" + file + "/"); got != "" {
				t.Errorf("%s: with a slash behind it %s is answered with %q", name, file, got)
			}
		}
		break
	}
	for _, file := range []string{"/components/badge.svg", "/components/api/other.svg", "/components/API/badge.svg", "/regions/a/b/badge.svg", "/api/v2/badge.svg", "/api", "/api/v2/subscribers.json"} {
		if got, _ := route(file); got != "" {
			t.Errorf("%s is answered with %s", file, got)
		}
	}
	if path.Ext(fileCalendar) != ".ics" || typeOf("_headers") != "" {
		t.Error("a file that readers do not get has a type")
	}
}
