package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// parseCatalogue reads one file. like is the texts that it may hold; nil: any.
func parseCatalogue(name, text string, like map[string]saying) (map[string]saying, error) {
	c := cataloguer{json.NewDecoder(strings.NewReader(text)), name, text, like}
	if t, err := c.token(); err != nil {
		return nil, err
	} else if t != json.Delim('{') {
		return nil, c.fail(`want an object of keys and texts: {"page.history": "History"}`)
	}
	texts := map[string]saying{}
	for c.d.More() {
		t, err := c.token()
		if err != nil {
			return nil, err
		}
		key := t.(string)
		switch _, twice := texts[key]; {
		case twice:
			return nil, c.fail("%q is there twice", key)
		case like != nil && like[key] == nil && key != about:
			return nil, c.fail("there is no text %q: want one of those in the built-in strings.en.json (tocsin templates show strings.en.json)%s", key, nearest(key, like))
		}
		if texts[key], err = c.saying(key); err != nil {
			return nil, err
		}
	}
	if _, err := c.token(); err != nil {
		return nil, err
	}
	if rest := bytes.TrimSpace([]byte(text[c.d.InputOffset():])); len(rest) > 0 {
		return nil, c.fail("something stands behind the end of the object")
	}
	delete(texts, about)
	return texts, nil
}

// cataloguer reads a file of words and knows where it is in it.
type cataloguer struct {
	d          *json.Decoder
	name, text string
	like       map[string]saying
}

func (c cataloguer) fail(format string, args ...any) error {
	return &Error{File: c.name, Line: 1 + strings.Count(c.text[:c.d.InputOffset()], "\n"), Msg: fmt.Sprintf(format, args...)}
}

func (c cataloguer) token() (json.Token, error) {
	t, err := c.d.Token()
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, &Error{File: c.name, Line: 1 + strings.Count(c.text[:min(int(s.Offset), len(c.text))], "\n"), Msg: s.Error()}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, c.fail("the file ends in the middle")
	}
	return t, err
}

// saying reads what stands behind a key: a text, or one for each form of a number.
func (c cataloguer) saying(key string) (saying, error) {
	t, err := c.token()
	if err != nil {
		return nil, err
	}
	if s, ok := t.(string); ok {
		if err := wellSaid(key, "", s, c.like); err != nil {
			return nil, c.fail("%v", err)
		}
		return saying{"other": s}, nil
	}
	if t != json.Delim('{') {
		return nil, c.fail("%q: want a text, or an object of a text for each form of the number", key)
	}
	said := saying{}
	for c.d.More() {
		t, err := c.token()
		if err != nil {
			return nil, err
		}
		form := t.(string)
		if t, err = c.token(); err != nil {
			return nil, err
		}
		s, isText := t.(string)
		if !isText || !slices.Contains(forms, form) {
			return nil, c.fail("%q: want texts for the forms of a number, which are %s", key, strings.Join(forms, " "))
		}
		if err := wellSaid(key, form, s, c.like); err != nil {
			return nil, c.fail("%v", err)
		}
		said[form] = s
	}
	if _, err := c.token(); err != nil {
		return nil, err
	}
	if said["other"] == "" {
		return nil, c.fail(`%q has no text for the form "other"`, key)
	}
	return said, nil
}

// wellSaid says what is wrong with a text: it may not be sent, or holds other
// places for values than the English one.
func wellSaid(key, form, text string, like map[string]saying) error {
	if key == about {
		return nil
	}
	if strings.TrimSpace(text) == "" && key != "number.thousands" {
		return fmt.Errorf("%q is empty: write it, or leave the key out to have the English text", key)
	}
	holes := placeholder.FindAllString(text, -1)
	for _, h := range holes {
		if !numbered.MatchString(h) {
			return fmt.Errorf("%q holds %s: want {0}, {1} … for values", key, h)
		}
	}
	if err := Lint(placeholder.ReplaceAllString(text, "")); err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	if like == nil {
		return nil
	}
	want := map[string]bool{}
	for _, s := range like[key] {
		for _, h := range placeholder.FindAllString(s, -1) {
			want[h] = true
		}
	}
	for _, h := range holes {
		if !want[h] {
			return fmt.Errorf("%q holds %s, for which there is no value: the English text is %q", key, h, like[key]["other"])
		}
	}
	for _, h := range slices.Sorted(maps.Keys(want)) {
		if !slices.Contains(holes, h) && (form == "" || form == "other") {
			return fmt.Errorf("%q lacks %s, so a value would be lost: the English text is %q", key, h, like[key]["other"])
		}
	}
	return nil
}

// nearest names a key that may have been meant.
func nearest(key string, like map[string]saying) string {
	area, _, _ := strings.Cut(key, ".")
	var near []string
	for k := range like {
		if strings.HasPrefix(k, area+".") {
			near = append(near, k)
		}
	}
	slices.Sort(near)
	if len(near) == 0 || len(near) > 12 {
		return ""
	}
	return "; of " + area + " there are " + strings.Join(near, " ")
}
