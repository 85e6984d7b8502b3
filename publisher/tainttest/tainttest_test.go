package tainttest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
)

func TestAMarkIsFoundHoweverItIsWritten(t *testing.T) {
	const mark = "TAINT-7f3a"
	entities, percents, units := "", "", ""
	for _, r := range mark {
		entities += fmt.Sprintf("&#%d;", r)
		percents += fmt.Sprintf("%%%02X", r)
		units += fmt.Sprintf(`\u%04x`, r)
	}
	inJSON, _ := json.Marshal(map[string]string{"k": "<" + mark + ">"})
	forms := map[string]string{
		"as it is":           mark,
		"in capitals":        strings.ToUpper(mark),
		"in small letters":   strings.ToLower(mark),
		"in hex":             hex.EncodeToString([]byte("before " + mark + " after")),
		"in capital hex":     strings.ToUpper(hex.EncodeToString([]byte(mark))),
		"in HTML entities":   entities,
		"in hex entities":    strings.ReplaceAll(mark, "-", "&#x2d;"),
		"in percents":        percents,
		"in percents, twice": url.QueryEscape(percents),
		"in JSON's escapes":  units,
		"in JSON":            string(inJSON),
		"in a query":         url.Values{"q": {"a b/" + mark}}.Encode(),
		"in HTML":            html.EscapeString(`<a href="` + mark + `">`),
	}
	for n := range 6 {
		plain := strings.Repeat("x", n) + mark + strings.Repeat("y", 5-n)
		forms[fmt.Sprintf("in base64 after %d", n)] = base64.StdEncoding.EncodeToString([]byte(plain))
		forms[fmt.Sprintf("in base64 for addresses after %d", n)] = base64.RawURLEncoding.EncodeToString([]byte(plain))
	}
	for how, text := range forms {
		if Find([]byte("some words, "+text+" and more"), mark) == "" {
			t.Errorf("%s it is not found: %s", how, text)
		}
	}
	for _, text := range []string{"", "TAINT-7f3", "TAINT 7f3a", "%zz%", `\u12`, base64.StdEncoding.EncodeToString([]byte("nothing of the kind, however long it goes on"))} {
		if found := Find([]byte(text), mark); found != "" {
			t.Errorf("in %q it is found: %s", text, found)
		}
	}
	if found := Find([]byte("a "+mark+" b"), "other", mark); found != mark+" as it is: …a taint-7f3a b…" {
		t.Errorf("what is told of it is %q", found)
	}
}
