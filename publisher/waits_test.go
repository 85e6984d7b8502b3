package publisher

import (
	"errors"
	"testing"
	"time"
)

func TestWaitsSpreadByATenth(t *testing.T) {
	seen := map[time.Duration]bool{}
	lowest, highest := time.Hour, time.Duration(0)
	for id := range int64(1000) {
		wait, ok := (Manner{}).again(Row{ID: id, Key: "a"}, errors.New("no answer"))
		if !ok || wait < 4500*time.Millisecond || wait > 5500*time.Millisecond {
			t.Fatalf("row %d waits %v (%v), want 5 s give or take a tenth", id, wait, ok)
		}
		if twice, _ := (Manner{}).again(Row{ID: id, Key: "a"}, errors.New("no answer")); twice != wait {
			t.Fatalf("row %d waits %v, then %v", id, wait, twice)
		}
		seen[wait] = true
		lowest, highest = min(lowest, wait), max(highest, wait)
	}
	if len(seen) < 500 || lowest > 4550*time.Millisecond || highest < 5450*time.Millisecond {
		t.Errorf("1000 rows have %d different waits from %v to %v", len(seen), lowest, highest)
	}
}
