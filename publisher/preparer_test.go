package publisher

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// What is kept of one board must never be told of another.
func TestAPreparerSaysWhatPrepareSays(t *testing.T) {
	c, other := projectConfig(t), projectConfig(t)
	other.Organisation = "Another"
	b := broken(seen(), rules.P0, false, "eu")
	b.Seq = 7
	later := b.With(incident.Event{Seq: 8, Kind: incident.Resolved, Incident: "INC-2026-0007", At: noon.Add(time.Hour)})
	var p Preparer
	for _, k := range []struct {
		name       string
		config     *rules.Config
		board      incident.Board
		key        string
		judged, at time.Time
	}{
		{"the first", c, b, "INC-2026-0007/1", noon, noon},
		{"again, a moment later", c, b, "INC-2026-0007/1", noon, noon.Add(time.Second)},
		{"after another minute was judged", c, b, "INC-2026-0007/1", noon.Add(time.Minute), noon.Add(time.Minute)},
		{"after another event", c, later, "INC-2026-0007/1", noon.Add(time.Minute), noon.Add(time.Minute)},
		{"after a reload", other, later, "INC-2026-0007/1", noon.Add(time.Minute), noon.Add(time.Minute)},
		{"before anything was judged", other, later, "INC-2026-0007/1", time.Time{}, noon},
		{"before anything was judged, a moment later", other, later, "INC-2026-0007/1", time.Time{}, noon.Add(time.Second)},
		{"a page", c, b, "", noon, noon},
		{"what is not there", c, b, "INC-2026-0007/9", noon, noon},
	} {
		t.Run(k.name, func(t *testing.T) {
			r := Row{Channel: "mail", Key: k.key}
			got, err := p.Prepare(Known{Config: k.config, Board: k.board, Judged: k.judged}, r, k.at)
			want, wrong := Prepare(k.config, k.board, r, k.judged, k.at)
			if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wrong == nil) {
				t.Errorf("%v, want %v; it differs:\n%s", err, wrong, diff)
			}
		})
	}
}
