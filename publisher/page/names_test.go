package page

import (
	"path"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
)

func TestASlugIsSafeAndNobodyElses(t *testing.T) {
	seen := map[string]string{}
	for _, key := range []string{
		"api", "sign-in", "us-east-1", "a.b", "a_b", "A", "a", "EU", "eu", "Eu", "", ".", "..", "../etc/passwd", "a/b", "a b", "a%2fb", "-a", "_a", ".a",
		"ü", "भारत", "CON", "con", strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("X", 300), "a\x00b", "a\nb", "eu-2b", "*", "?",
	} {
		slug := Slug(key)
		if !safeName.MatchString(slug) {
			t.Errorf("%q becomes %q, which is not safe", key, slug)
		}
		if other, twice := seen[slug]; twice {
			t.Errorf("%q and %q both become %q", key, other, slug)
		}
		seen[slug] = key
		if safeName.MatchString(key) && slug != key {
			t.Errorf("%q becomes %q, and was safe", key, slug)
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
