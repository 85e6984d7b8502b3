// Package tainttest looks for marked secrets in what strangers can read, also
// where they hide: in base64, in hexadecimal, and behind the escapes of
// addresses, HTML and JSON.
package tainttest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"regexp"
	"strconv"
	"strings"
)

// Find gives the first of the marks that content holds in any form, with what
// stands around it, and "" if it holds none. Letters of either case are the same.
// A mark has at least five letters, or anything would hold it.
func Find(content []byte, marks ...string) string {
	for _, text := range readings(string(content)) {
		lower := strings.ToLower(text)
		for _, mark := range marks {
			if len(mark) < 5 {
				panic("tainttest: the mark " + mark + " is too short")
			}
			for form, written := range forms(mark) {
				in := lower
				if form == "base64" {
					in = text // there case means something
				}
				for _, w := range written {
					if n := strings.Index(in, w); n >= 0 {
						return mark + " as " + form + ": …" + in[max(0, n-60):min(len(in), n+len(w)+60)] + "…"
					}
				}
			}
		}
	}
	return ""
}

// forms gives how a mark can be written.
func forms(mark string) map[string][]string {
	all := map[string][]string{
		"it is": {strings.ToLower(mark)},
		"hex":   {hex.EncodeToString([]byte(mark)), hex.EncodeToString([]byte(strings.ToLower(mark))), hex.EncodeToString([]byte(strings.ToUpper(mark)))},
	}
	// Where a mark begins within base64 depends on what stands before it: it has
	// three forms, of which the letters that depend on its neighbours are cut off.
	for _, spelt := range []string{mark, strings.ToLower(mark), strings.ToUpper(mark)} {
		for before := range 3 {
			raw := base64.RawStdEncoding.EncodeToString(append(bytes.Repeat([]byte{0}, before), spelt...))
			from := (before*8 + 5) / 6
			to := (before + len(spelt)) * 8 / 6
			inner := raw[from:to]
			all["base64"] = append(all["base64"], inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner))
		}
	}
	return all
}

var (
	percent = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	unicode = regexp.MustCompile(`\\u[0-9a-fA-F]{4}`)
)

// readings gives a text as it is and as programs read it that take escapes back,
// twice over.
func readings(text string) []string {
	all := []string{text}
	for _, t := range []string{text, unescape(text), unescape(unescape(text))} {
		if t != all[len(all)-1] {
			all = append(all, t)
		}
	}
	return all
}

func unescape(text string) string {
	text = percent.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.ParseUint(s[1:], 16, 8) // two digits
		return string([]byte{byte(n)})
	})
	text = unicode.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.ParseUint(s[2:], 16, 32) // four digits
		return string(rune(n))
	})
	return html.UnescapeString(text)
}
