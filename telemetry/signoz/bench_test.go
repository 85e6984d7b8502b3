package signoz

import "testing"

func BenchmarkTick(b *testing.B) {
	benchStore(b)
}
