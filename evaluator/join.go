package evaluator

import (
	"context"
	"iter"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// Join makes one source of several: it has the minutes of all, and fails when
// one of them does.
func Join(sources ...Source) Source { return joined(sources) }

type joined []Source

// Minutes satisfies Source.
func (j joined) Minutes(ctx context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		for _, s := range j {
			for m, err := range s.Minutes(ctx, from, to, except...) {
				if !yield(m, err) || err != nil {
					return
				}
			}
		}
	}
}
