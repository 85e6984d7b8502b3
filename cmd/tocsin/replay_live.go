package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	replayed "github.com/featuresignals/tocsin/cmd/tocsin/report"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
)

// ledger reads what was judged live, to lay the replay beside; nil where nobody
// can know, or where two configurations are compared with each other.
func (r *replay) ledger(w *world) (*replayed.Ledger, error) {
	if r.db == nil || r.other != nil {
		return nil, nil
	}
	var turns []incident.Turn
	for t, err := range r.db.Ledger(w.ctx, r.from.Add(time.Minute), r.to.Add(time.Minute)) { // it names minutes by their end
		if err != nil {
			return nil, err
		}
		turns = append(turns, t)
	}
	if len(turns) == 0 {
		r.report.Note(fmt.Sprintf("The state file %s has no verdict of this time: nothing to compare with was judged live.", r.config.Store.Path))
		return nil, nil
	}
	judged, err := judgedLive(w.ctx, r.db, r.config, turns)
	if err != nil {
		return nil, err
	}
	return replayed.NewLedger(r.config, turns, judged), nil
}

// judgedLive gives, for each source, the stretches of time of which every minute
// was judged: from the first verdict to the watermark, less what the timeline
// says was skipped.
func judgedLive(ctx context.Context, db *store.DB, config *rules.Config, turns []incident.Turn) (map[string][]telemetry.Range, error) {
	var skipped []telemetry.Range
	for e, err := range db.All(ctx) {
		if err != nil {
			return nil, err
		}
		if e.Kind == incident.Skipped {
			skipped = append(skipped, telemetry.Range{From: e.Began, To: e.At})
		}
	}
	slices.SortFunc(skipped, func(a, b telemetry.Range) int { return a.From.Compare(b.From) })
	out := map[string][]telemetry.Range{}
	for _, t := range turns {
		rule, ok := config.Rule(t.Rule)
		if !ok || len(out[rule.Source()]) > 0 {
			continue
		}
		to, err := db.Watermark(ctx, rule.Source())
		if err != nil {
			return nil, err
		}
		out[rule.Source()] = without(telemetry.Range{From: t.Minute.Add(-time.Minute), To: to}, skipped)
	}
	return out, nil
}

// without gives what is left of a stretch of time, gaps being in order.
func without(all telemetry.Range, gaps []telemetry.Range) []telemetry.Range {
	var out []telemetry.Range
	for _, g := range gaps {
		if !g.To.After(all.From) || !g.From.Before(all.To) {
			continue
		}
		if g.From.After(all.From) {
			out = append(out, telemetry.Range{From: all.From, To: g.From})
		}
		all.From = g.To
	}
	if all.From.Before(all.To) {
		out = append(out, all)
	}
	return out
}
