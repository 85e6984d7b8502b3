package page

import "testing"

// BenchmarkRender makes the page of a year with 61 incidents once more, as
// happens every minute.
func BenchmarkRender(b *testing.B) {
	c, p := New("status", "", load(b)), long()
	for b.Loop() {
		if _, err := c.Render(p); err != nil {
			b.Fatal(err)
		}
	}
}
