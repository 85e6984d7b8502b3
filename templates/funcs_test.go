package templates

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"
)

// TestFunctionsAreTheAllowList holds the functions against a list that a
// person has to change with their own hands.
func TestFunctionsAreTheAllowList(t *testing.T) {
	golden(t, "functions.golden", strings.Join(slices.Sorted(maps.Keys(functions(times{}))), "\n")+"\n")
	for _, name := range []string{
		"now", "ago", "date", "toDate", "env", "expandenv", "getHostByName", "randInt", "randBytes", "randAlpha", "shuffle", "uuidv4",
		"genPrivateKey", "bcrypt", "htpasswd", "derivePassword", "encryptAES", "repeat", "until", "untilStep", "seq", "replace", "indent",
		"nindent", "wrap", "regexMatch", "regexReplaceAll", "toJson", "toPrettyJson", "fromJson", "keys", "values", "fail", "osBase",
	} {
		if _, ok := functions(times{})[name]; ok {
			t.Errorf("templates can call %s", name)
		}
	}
	for name, f := range functions(times{}) {
		if f == nil {
			t.Errorf("%s is on the list, and sprig has no such function", name)
		}
	}
}

// TestOutputIsBounded tries to make much out of little.
func TestOutputIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"by printf":     `{{$x := "0123456789"}}{{range 40}}{{$x = printf "%s%s" $x $x}}{{end}}{{len $x}}`,
		"by width":      `{{printf "%900000d" 1}}`,
		"by join":       `{{$l := list "abc"}}{{range 40}}{{$l = concat $l $l}}{{end}}{{join "," $l}}`,
		"by writing":    `{{range 1000000}}0123456789{{end}}`,
		"by cat":        `{{$x := "0123456789"}}{{range 40}}{{$x = cat $x $x}}{{end}}{{len $x}}`,
		"by divison":    `{{div 1 0}}`,
		"by unknown":    `{{dict "a" 1 | get "a"}}`,
		"by print":      `{{$x := "0123456789"}}{{range 40}}{{$x = print $x $x}}{{end}}{{len $x}}`,
		"by long words": `{{$x := "0123456789"}}{{range 40}}{{$x = join $x (list $x $x)}}{{end}}{{len $x}}`,
	} {
		t.Run(name, func(t *testing.T) {
			out := &limited{}
			err := template.Must(template.New(name).Funcs(functions(times{})).Parse(text)).Execute(out, nil)
			if err == nil {
				t.Errorf("it gave %d bytes and no error", out.Len())
			}
			if out.Len() > maxOutput {
				t.Errorf("it gave %d bytes, more than the %d allowed", out.Len(), maxOutput)
			}
		})
	}
}

func TestWordsForValues(t *testing.T) {
	noon := time.Date(2026, 5, 20, 12, 0, 30, 999, time.FixedZone("", 2*3600))
	for _, c := range []struct{ name, got, want string }{
		{"time in UTC", iso(noon), "2026-05-20T10:00:30Z"},
		{"no time", iso(time.Time{}), ""},
		{"time of day", english.clock(noon), "10:00 UTC"},
		{"day", english.day(noon), "20 May 2026"},
		{"no day at all", english.day(time.Time{}), ""},
		{"month", english.month(noon), "May 2026"},
		{"the same day", english.moment(noon, noon.Add(time.Hour)), "11:00 UTC"},
		{"another day", english.moment(noon, noon.Add(-24*time.Hour)), "10:00 UTC on 19 May 2026"},
		{"half an hour", english.duration(30 * time.Minute), "30 minutes"},
		{"an hour", english.duration(time.Hour), "1 hour"},
		{"an hour and a half", english.duration(90 * time.Minute), "1 hour 30 minutes"},
		{"a minute and a bit", english.duration(119 * time.Second), "1 minute"},
		{"seconds", english.duration(45 * time.Second), "45 seconds"},
		{"days", english.duration(51*time.Hour + 20*time.Minute), "2 days 3 hours"},
		{"whole days", english.duration(48*time.Hour + 20*time.Minute), "2 days"},
		{"no time at all", english.duration(0), "0 minutes"},
		{"time gone backwards", english.duration(-time.Minute), "0 minutes"},
		{"half a percent", percent(0.005), "0.5 %"},
		{"nearly ten percent", percent(0.0996), "10 %"},
		{"fifteen percent", percent(0.1512), "15 %"},
		{"nearly all is not all", percent(0.9999), "99 %"},
		{"all", percent(1), "100 %"},
		{"nearly none is not none", percent(0.0001), "less than 0.1 %"},
		{"none", percent(0), "0 %"},
		{"one", count(1, "incident", "incidents"), "1 incident"},
		{"many", count(3, "incident", "incidents"), "3 incidents"},
		{"two regions", english.enumerate([]string{"Europe", "India"}), "Europe and India"},
		{"three regions", english.enumerate([]string{"Europe", "India", "Japan"}), "Europe, India and Japan"},
		{"a region without a name", english.enumerate(names([]Region{{Code: "eu"}})), "eu"},
		{"a sentence", sentence("élan"), "Élan"},
		{"short words", brief(5, "abcde"), "abcde"},
		{"long words", brief(5, "äbcdéf"), "äbcd…"},
		{"lines", oneline(" a\r\n\tb\u2028c "), "a b c"},
		{"what nobody can see", oneline("ad\u200bmin \ufeffa\u202eb\u061c \u0600"), "admin ab \u0600"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestLintRefusesWhatIsNotFilledIn(t *testing.T) {
	for name, text := range map[string]string{
		"an angle bracket":            "reports of <symptom> affecting the API",
		"a brace":                     "Subject: [INCIDENT] {SEVERITY}",
		"a template's missing value":  "since <no value>",
		"a comparison":                "p99 > 5 s",
		"a misprint":                  "about %!d(string=x) requests",
		"a missing argument":          "about %!(EXTRA int=1)",
		"a misprint after loud words": "up by 50%! (%!%!v(PANIC=x)",
		"an escape":                   "red \x1b[31m",
		"a reversed word":             "all \u202eenif\u202c",
		"a character without width":   "ad\u200bmin",
		"a mark of direction":         "a\u200fb",
		"a tag":                       "<script>alert(1)</script>",
		"a template's action in text": "{{.Symptom}}",
	} {
		if err := Lint(text); err == nil {
			t.Errorf("%s passes: %q", name, text)
		}
	}
	for name, text := range map[string]string{
		"plain words":     "We are investigating reports of errors (about 15 % of requests).\nNone",
		"other languages": "Überlastung – помилки, エラー, خطأ",
		"brackets":        "[INCIDENT] P0 — “x” & 'y'",
		"a loud percent":  "up by 50%!",
		"loud percents":   "50%! (of 100%!) and 20%!é( or 3%!",
	} {
		if err := Lint(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := Lint("reports of <symptom> affecting")
	if err == nil || !strings.Contains(err.Error(), `"<symptom>"`) {
		t.Errorf("the error does not name what is unfilled: %v", err)
	}
}

func TestLintOfPublicNamesTheField(t *testing.T) {
	p := full()
	if err := p.Lint(); err != nil {
		t.Fatal(err)
	}
	p.Incidents[0].Updates[3].Symptom = "errors <3"
	err := p.Lint()
	if err == nil || !strings.Contains(err.Error(), "Public.Incidents[0].Updates[3].Symptom") {
		t.Errorf("got %v, want an error that names the field", err)
	}
}
