package page

import (
	"testing"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

// BenchmarkRender makes the page once more, as happens every minute: of a year
// with 61 incidents, of ten components, and of a hundred.
func BenchmarkRender(b *testing.B) {
	for name, p := range map[string]templates.Public{"year": long(), "normal": pagetest.Public("incident"), "huge": pagetest.Public("huge")} {
		b.Run(name, func(b *testing.B) {
			c := New("status", "", load(b))
			for b.Loop() {
				if _, err := c.Render(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
