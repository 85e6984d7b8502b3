package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
)

// read reads the body of a deed: a JSON object, or nothing at all, which is an
// empty one.
func read(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, access.MostBody+1))
	if _, over := errors.AsType[*http.MaxBytesError](err); over || len(b) > access.MostBody {
		return nil, bad(http.StatusRequestEntityTooLarge, "the body is larger than %d KiB: send less", access.MostBody>>10)
	}
	if err != nil {
		return nil, bad(http.StatusBadRequest, "the body did not come whole: send it again")
	}
	if len(b) == 0 {
		return nil, nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, bad(http.StatusUnsupportedMediaType, `the body is JSON: say so with "Content-Type: application/json"`)
	}
	return b, nil
}

// Decode takes a JSON object apart into values by the names of fields, as Action
// wants them. It is strict: what is unknown, there twice or of another type is a
// mistake, and all mistakes are reported.
func (d Deed) Decode(body []byte) (map[string]string, error) {
	values := map[string]string{}
	if len(body) == 0 {
		return values, nil
	}
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil {
		return nil, syntax(err)
	} else if t != json.Delim('{') {
		return nil, errors.New(`want a JSON object, as {"text": "…"}`)
	}
	var errs []error
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, syntax(err)
		}
		name := t.(string) // or Token would have given an error
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, syntax(err)
		}
		i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Name == name })
		switch {
		case seen[name]:
			errs = append(errs, fmt.Errorf("%s is there twice", shown(name)))
		case i < 0 && len(d.Fields) == 0:
			errs = append(errs, fmt.Errorf("unknown field %s: this takes none", shown(name)))
		case i < 0:
			errs = append(errs, fmt.Errorf("unknown field %s: want some of %s", shown(name), strings.Join(d.names(), " ")))
		default:
			if values[name], err = d.Fields[i].Type.decode(raw); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		seen[name] = true
	}
	if _, err := dec.Token(); err != nil {
		return nil, syntax(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the object: send one object and nothing else")
	}
	const most = 10
	if len(errs) > most {
		errs = append(errs[:most], fmt.Errorf("and %d more", len(errs)-most))
	}
	return values, errors.Join(errs...)
}

// shown makes a name that a stranger chose fit for a message.
func shown(name string) string {
	const most = 60
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return fmt.Sprintf("%q", name)
}

func syntax(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends in the middle")
	}
	return fmt.Errorf("this is not JSON: %w", err)
}

// decode gives a field's value as a form would have it.
func (t Type) decode(raw json.RawMessage) (string, error) {
	found := kindOf(raw)
	switch {
	case t == Flag && found == "a boolean":
		return string(raw), nil
	case t == Number && found == "a number":
		return string(raw), nil
	case t == Regions && found == "an array":
		return decodeList(raw)
	case t != Flag && t != Number && found == "a string":
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
	want := map[Type]string{Flag: "true or false", Number: "a number", Regions: "an array of strings, or a string with commas"}[t]
	if want == "" {
		want = "a string"
	}
	return "", fmt.Errorf("want %s, found %s", want, found)
}

// decodeList gives an array of strings with commas between.
func decodeList(raw json.RawMessage) (string, error) {
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return "", syntax(err)
	}
	var list []string
	for _, r := range all {
		if found := kindOf(r); found != "a string" {
			return "", fmt.Errorf("want strings in the array, found %s", found)
		}
		var s string
		if err := json.Unmarshal(r, &s); err != nil {
			return "", err
		}
		if s == "" || strings.Contains(s, ",") {
			return "", fmt.Errorf("want a code in each string of the array, found %s", shown(s))
		}
		list = append(list, s)
	}
	return strings.Join(list, ","), nil
}

// kindOf says in words what a JSON value is.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	case '[':
		return "an array"
	case '{':
		return "an object"
	default:
		return "a number"
	}
}
