package rules

import (
	"slices"
	"testing"
)

func TestCodes(t *testing.T) {
	for s, want := range map[string]Codes{
		"401": {401, 401}, "4xx": {400, 499}, "5XX": {500, 599}, "500-503": {500, 503}, "100-599": {100, 599}, "200-200": {200, 200},
	} {
		if got, ok := parseCodes(s); !ok || got != want {
			t.Errorf("parseCodes(%q) = %v, %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "0", "99", "600", "6xx", "0xx", "4x", "4xxx", "503-500", "500-600", "099-200", "500-", "-500", " 401", "4xx-5xx", "1e2", "４０１"} {
		if got, ok := parseCodes(s); ok {
			t.Errorf("parseCodes(%q) = %v", s, got)
		}
	}
	some := Codes{500, 503}
	for code, want := range map[int]bool{499: false, 500: true, 503: true, 504: false, 0: false, -1: false, 66036: false} {
		if some.Has(code) != want {
			t.Errorf("%v.Has(%d) = %v", some, code, !want)
		}
	}
}

func TestCodesThatTouchAreOne(t *testing.T) {
	for _, test := range []struct {
		name      string
		all, want []Codes
	}{
		{"none", nil, nil},
		{"apart", []Codes{{500, 599}, {401, 401}}, []Codes{{401, 401}, {500, 599}}},
		{"side by side", []Codes{{402, 402}, {400, 401}}, []Codes{{400, 402}}},
		{"one within another", []Codes{{400, 499}, {401, 403}}, []Codes{{400, 499}}},
		{"twice the same", []Codes{{401, 401}, {401, 401}}, []Codes{{401, 401}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := merged(slices.Clone(test.all)); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// What is read is written back as something that reads the same.
func FuzzCodes(f *testing.F) {
	for _, seed := range []string{"401", "4xx", "500-503", "5XX", "100-599", "200-299", "0", "4x4", "400-300"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := parseCodes(s)
		if !ok {
			return
		}
		if c.From < leastCode || c.To > mostCode || c.From > c.To || !c.Has(int(c.From)) || c.Has(int(c.To)+1) {
			t.Errorf("%q gives %v", s, c)
		}
		if again, ok := parseCodes(c.String()); !ok || again != c {
			t.Errorf("%q is written %q, which reads as %v, %v", s, c, again, ok)
		}
	})
}
