package main

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

func TestWhatThePageLooksLikeIsReadFromFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	var raster bytes.Buffer
	if err := png.Encode(&raster, image.NewGray(image.Rect(0, 0, 120, 32))); err != nil {
		t.Fatal(err)
	}
	svg := `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 99.5 24"><path d="M0 0h9v9z"/></svg>`
	b, err := openBrand(&rules.Config{Page: rules.Page{
		Logo: file("logo.svg", svg), DarkLogo: file("logo.png", raster.String()), CSS: file("own.css", "h1 { letter-spacing: 0 }"),
		Accent: "#0a55c4", DarkAccent: "#8ab6ff", Header: "Flags", Links: []rules.Link{{Title: "Docs", URL: "https://docs.example.com"}}, Language: "en",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg)); b.Logo.Data != want || b.Logo.Width != 100 || b.Logo.Height != 24 {
		t.Errorf("the drawing is %+v", b.Logo)
	}
	large := file("large.svg", strings.Replace(svg, "0 0 99.5 24", "0 0 2048 512", 1))
	if b, err := openBrand(&rules.Config{Page: rules.Page{Logo: large}}); err != nil || b.Logo.Width != 1000 || b.Logo.Height != 250 {
		t.Errorf("a drawing of large numbers is %d × %d, %v: it can be shown in any size", b.Logo.Width, b.Logo.Height, err)
	}
	if !strings.HasPrefix(b.DarkLogo.Data, "data:image/png;base64,") || b.DarkLogo.Width != 120 || b.DarkLogo.Height != 32 {
		t.Errorf("the picture is %.40q, %d × %d", b.DarkLogo.Data, b.DarkLogo.Width, b.DarkLogo.Height)
	}
	if b.CSS != "h1 { letter-spacing: 0 }" || b.Header != "Flags" || len(b.Links) != 1 || b.Links[0] != (templates.Link{Text: "Docs", Href: "https://docs.example.com"}) {
		t.Errorf("the rest is %+v", b)
	}

	for _, c := range []struct {
		name string
		page rules.Page
		want string
	}{
		{"no such file", rules.Page{Logo: filepath.Join(dir, "none.svg")}, "correct the path"},
		{"a folder", rules.Page{Logo: dir}, "name a file"},
		{"no picture", rules.Page{Logo: file("logo.txt", "logo")}, "neither a PNG nor an SVG"},
		{"a drawing of no size", rules.Page{DarkLogo: file("bare.svg", `<svg xmlns="http://www.w3.org/2000/svg"/>`)}, "how large it is"},
		{"a picture that is too heavy", rules.Page{Logo: file("heavy.svg", strings.Replace(svg, "h9v9z", strings.Repeat("h9v9z", 9000), 1))}, "larger than"},
		{"a style sheet that loads from elsewhere", rules.Page{CSS: file("bad.css", "@import url(https://x.example/a.css);")}, "bad.css: line 1: @import"},
		{"a colour that cannot be read", rules.Page{Accent: "#cccccc"}, "contrast"},
		{"one that cannot be read in the dark", rules.Page{DarkAccent: "#222222"}, "contrast"},
	} {
		if _, err := openBrand(&rules.Config{Page: c.page}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
