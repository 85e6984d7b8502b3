package page

import (
	"path"
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

// TestTheHandlerKnowsEveryDocument: what is written is what can be asked for, and
// has a type.
func TestTheHandlerKnowsEveryDocument(t *testing.T) {
	p := pagetest.Public("many")
	p.Regions[0].Code = "US" // as configuration may spell it
	for n := range p.Components {
		p.Components[n].Cells[0].Region.Code = "US"
	}
	s := serve(t, p)
	snap := s.h.current()
	for file := range documents(t, p) {
		got, _ := snap.find("/" + file)
		if got == nil || got.name != file || typeOf(file) == "" || got.mime != typeOf(file) {
			t.Errorf("%s is answered with %+v", file, got)
		}
		if got, _ := snap.find("/" + strings.Replace(file, "/", "//", 1)); got == nil || got.name != file {
			t.Errorf("with a slash more %s is answered with %+v", file, got)
		}
		if got, elsewhere := snap.find("/" + file + "/"); got != nil || elsewhere != "" {
			t.Errorf("with a slash behind it %s is answered with %+v, %q", file, got, elsewhere)
		}
	}
	for _, file := range []string{"/components/badge.svg", "/components/api/other.svg", "/components/API/badge.svg", "/regions/a/b/badge.svg", "/api/v2/badge.svg", "/api", "/api/v2/subscribers.json"} {
		if got, elsewhere := snap.find(file); got != nil || elsewhere != "" {
			t.Errorf("%s is answered with %+v, %q", file, got, elsewhere)
		}
	}
	if path.Ext(fileCalendar) != ".ics" || typeOf("_headers") != "" {
		t.Error("a file that readers do not get has a type")
	}
}
