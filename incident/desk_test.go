package incident_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// full is a log that refuses batches while its disk is full.
type full struct {
	memory
	full bool
}

var errFull = errors.New("disk full")

func (f *full) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	if f.full {
		return nil, errFull
	}
	return f.memory.Append(ctx, b)
}

// The publisher is woken when a batch is stored and believed, and not before.
func TestWhatIsNotStoredIsNeitherBelievedNorPublished(t *testing.T) {
	log, woken := &full{memory: memory{judged: map[string][]time.Time{}}, full: true}, 0
	desk, err := incident.NewDesk(t.Context(), incident.Options{
		Config: rules.Default(), Log: log, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Stored: func() { woken++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go desk.Run(ctx)

	minute := evaluator.Round{Source: rules.SourceSpans, At: time.Date(2026, 5, 20, 10, 1, 0, 0, time.UTC), Live: true}
	if err := desk.Judge(ctx, minute); !errors.Is(err, errFull) || woken != 0 || !desk.Judged().IsZero() {
		t.Errorf("the desk says %v, woke %d times, believes in %s", err, woken, desk.Judged())
	}
	log.full = false
	if err := desk.Judge(ctx, minute); err != nil || woken != 1 || !desk.Judged().Equal(minute.At) {
		t.Errorf("the desk says %v, woke %d times, believes in %s", err, woken, desk.Judged())
	}
}
