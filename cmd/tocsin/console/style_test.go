package console

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var variable = regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6})`)

// scheme reads the colours of a block of the style.
func scheme(block string) map[string]string {
	m := map[string]string{}
	for _, v := range variable.FindAllStringSubmatch(block, -1) {
		m[v[1]] = v[2]
	}
	return m
}

func luminance(hex string) float64 {
	var l float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// All words can be read, and what bounds a control or draws a figure can be seen,
// in both schemes (WCAG 2.2: 1.4.3, 1.4.11).
func TestContrast(t *testing.T) {
	css := string(assets["console.css"].body)
	light, dark, _ := strings.Cut(css, "prefers-color-scheme: dark")
	dark, _, _ = strings.Cut(dark, ".p0 {")
	words := [][2]string{
		{"ink", "bg"},
		{"ink", "card"},
		{"ink", "soft"},
		{"dim", "bg"},
		{"dim", "card"},
		{"dim", "soft"},
		{"link", "bg"},
		{"link", "card"},
		{"on", "link"},
		{"bad", "card"},
		{"bad", "bg"},
		{"ink", "bad-t"},
		{"ink", "warn-t"},
		{"warn", "warn-t"},
		{"card", "warn"},
		{"ink", "well-t"},
		{"well", "well-t"},
		{"card", "ink"},
		{"well", "card"},
		{"link", "well-t"},
		{"link", "unknown-t"},
		{"ink", "unknown-t"},
		{"link", "warn-t"},
	}
	shapes := [][2]string{{"edge", "card"}, {"edge", "bg"}, {"link", "card"}, {"bad", "soft"}, {"ink", "soft"}}
	for _, p := range []string{"p0", "p1", "p2", "p3", "p4"} {
		words = append(words, [2]string{"on", p}, [2]string{p, "card"}, [2]string{"ink", p + "-t"})
		shapes = append(shapes, [2]string{p, "card"}, [2]string{p, p + "-t"}, [2]string{p, "soft"})
	}
	for name, colours := range map[string]map[string]string{"light": scheme(light), "dark": scheme(dark)} {
		check := func(pairs [][2]string, least float64) {
			for _, p := range pairs {
				a, b := colours[p[0]], colours[p[1]]
				if a == "" || b == "" {
					t.Errorf("%s: %v is not there", name, p)
					continue
				}
				if c := contrast(a, b); c < least {
					t.Errorf("%s: %s on %s has %.2f, want %.1f", name, p[0], p[1], c, least)
				}
			}
		}
		check(words, 4.5)
		check(shapes, 3)
	}
	if got := fmt.Sprintf("%.2f", contrast("#ffffff", "#777777")); got != "4.48" {
		t.Errorf("the reckoning is off: %s", got)
	}
}

func TestMovementIsAsked(t *testing.T) {
	css := string(assets["console.css"].body)
	for _, moving := range []string{"animation:", "transition:", "scroll-behavior:"} {
		for part := range strings.SplitSeq(css, "\n") {
			if strings.Contains(part, moving) && !strings.Contains(part, "prefers-reduced-motion: no-preference") {
				t.Errorf("%s moves unasked", part)
			}
		}
	}
}
