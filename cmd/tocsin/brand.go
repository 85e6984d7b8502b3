package main

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// openBrand reads what the page looks like: pictures and the style sheet are files
// that the configuration names. What is wrong with any of it is told at once.
func openBrand(config *rules.Config) (templates.Brand, error) {
	page := config.Page
	b := templates.Brand{Accent: page.Accent, DarkAccent: page.DarkAccent, Header: page.Header, Language: page.Language}
	for _, l := range page.Links {
		b.Links = append(b.Links, templates.Link{Text: l.Title, Href: l.URL})
	}
	var wrong []error
	told := func(key, file string, err error) {
		if err != nil {
			wrong = append(wrong, lookMistakes(config, key, file, err)...)
		}
	}
	var err error
	b.Logo, err = readImage(page.Logo)
	told("logo", page.Logo, err)
	b.DarkLogo, err = readImage(page.DarkLogo)
	told("dark_logo", page.DarkLogo, err)
	if page.CSS != "" {
		css, err := readSmall(page.CSS)
		if err == nil {
			b.CSS, err = string(css), templates.CheckCSS(string(css))
		}
		told("css", page.CSS, err)
	}
	if page.Accent != "" {
		told("accent", "", templates.CheckAccent(page.Accent, false))
	}
	if page.DarkAccent != "" {
		told("dark_accent", "", templates.CheckAccent(page.DarkAccent, true))
	}
	for n, l := range b.Links {
		told(fmt.Sprintf("links/%d", n), "", templates.CheckLink(l))
	}
	return b, errors.Join(wrong...)
}

// lookMistakes gives what is wrong with what a key of the page says. What a file
// holds is a mistake of the file, and where the file is one of the configuration.
func lookMistakes(config *rules.Config, key, file string, err error) (all []error) {
	at, ok := config.Page.At[key]
	if !ok {
		at = rules.Pos{File: "page", Line: 1, Col: 1}
	}
	key, _, _ = strings.Cut(key, "/")
	if _, unread := errors.AsType[*unreadable](err); file != "" && !unread {
		at = rules.Pos{File: file, Line: 1, Col: 1}
	}
	parts := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts = joined.Unwrap()
	}
	for _, part := range parts {
		msg := part.Error()
		if e, ok := errors.AsType[*templates.StyleError](part); ok {
			at.Line, msg = e.Line, e.Msg
		}
		all = append(all, &rules.Error{Pos: at, Msg: "the page's " + key + ": " + msg})
	}
	return all
}

// looks gives what the pages among some channels look like. Files that are written
// anew change it, and not the configuration.
func looks(channels []publisher.Channel) (all []*templates.Brand) {
	for _, c := range channels {
		if c, ok := c.(*page.Channel); ok {
			all = append(all, c.Brand())
		}
	}
	return all
}

// mostOfBrand is more than any file of a brand may have.
const mostOfBrand = 64 << 10

// unreadable says why a file cannot be read at all.
type unreadable struct{ error }

// readSmall reads a file, and no more of it than is sensible.
func readSmall(name string) ([]byte, error) {
	info, err := os.Stat(name) // first: opening a pipe would wait for its writer
	if err != nil {
		from := ", which counts from the folder that tocsin was started in,"
		if filepath.IsAbs(name) {
			from = ""
		}
		return nil, &unreadable{fmt.Errorf("%w: correct the path%s or leave the key out", err, from)}
	}
	if !info.Mode().IsRegular() {
		return nil, &unreadable{fmt.Errorf("%s is no file: name a file", name)}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &unreadable{err}
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostOfBrand+1))
}

// readImage makes a picture a part of the page; none is made of "".
func readImage(name string) (templates.Image, error) {
	if name == "" {
		return templates.Image{}, nil
	}
	content, err := readSmall(name)
	if err != nil {
		return templates.Image{}, err
	}
	var i templates.Image
	if c, err := png.DecodeConfig(bytes.NewReader(content)); err == nil {
		i = templates.Image{Data: "data:image/png;base64,", Width: c.Width, Height: c.Height}
	} else if i, err = drawing(content); err != nil {
		return templates.Image{}, err
	}
	i.Data += base64.StdEncoding.EncodeToString(content)
	return i, templates.CheckImage(i)
}

// drawing gives the size of an SVG: what it says itself, or its view box.
func drawing(content []byte) (templates.Image, error) {
	var svg struct {
		XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		Width   string   `xml:"width,attr"`
		Height  string   `xml:"height,attr"`
		ViewBox string   `xml:"viewBox,attr"`
	}
	if err := xml.Unmarshal(content, &svg); err != nil {
		return templates.Image{}, errors.New("it is neither a PNG nor an SVG: an SVG begins with <svg xmlns=\"http://www.w3.org/2000/svg\" …>")
	}
	box := strings.FieldsFunc(svg.ViewBox, func(r rune) bool { return r == ' ' || r == ',' })
	if len(box) != 4 {
		box = make([]string, 4)
	}
	width, height := pixels(svg.Width, box[2]), pixels(svg.Height, box[3])
	if width == 0 || height == 0 {
		return templates.Image{}, errors.New("the SVG does not say how large it is: give it a width and a height, or a viewBox")
	}
	if shrink := max(float64(width)/templates.WidestImage, float64(height)/templates.HighestImage); shrink > 1 { // a drawing has no pixels of its own
		width, height = max(1, int(float64(width)/shrink)), max(1, int(float64(height)/shrink))
	}
	return templates.Image{Data: "data:image/svg+xml;base64,", Width: width, Height: height}, nil
}

// pixels gives the first of some lengths that is one in pixels.
func pixels(lengths ...string) int {
	for _, l := range lengths {
		f, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(l), "px"), 64)
		if err == nil && f > 0 && f < math.MaxInt32 {
			return int(math.Ceil(f))
		}
	}
	return 0
}
