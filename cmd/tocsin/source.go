package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// newSource makes the reader of SigNoz's ClickHouse; nil where no rule looks at
// spans.
func newSource(config *rules.Config, logger *slog.Logger) (*signoz.Reader, error) {
	if !fedBy(config, rules.SourceSpans) {
		return nil, nil
	}
	if config.SigNoz.DSN == "" {
		return nil, errors.New("no ClickHouse to read from: set sources.signoz.dsn, --clickhouse or TOCSIN_CLICKHOUSE_DSN to clickhouse://host:9000 or http://host:8123")
	}
	secret, err := password(config.SigNoz)
	if err != nil {
		return nil, err
	}
	return signoz.New(signoz.Options{SigNoz: config.SigNoz, Password: secret, Rules: config.Rules, Regions: config.Regions, Log: logger})
}

// look asks the store what it has. What only a person can mend ends the
// program; a store that is away does not: the page says so, and what it missed
// is read when it is back.
func look(ctx context.Context, source *signoz.Reader, logger *slog.Logger) error {
	if source == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := source.Connect(ctx)
	if e, ok := errors.AsType[*signoz.Error](err); ok && e.Trouble != signoz.Unwell {
		return err
	}
	if err != nil {
		logger.Error("the source does not answer yet", "err", err)
	}
	return nil
}

// sources lists what minutes come from. Probes are first: what they see is known
// sooner.
var sources = []string{rules.SourceProbes, rules.SourceSpans}

// fedBy reports whether a source feeds any rule.
func fedBy(config *rules.Config, source string) bool {
	return slices.ContainsFunc(config.Rules, func(r rules.Rule) bool { return r.Source() == source })
}

// witness names the source whose rules are asked to confirm those that another
// one feeds; "" if none is.
func witness(config *rules.Config, source string) string {
	other := ""
	ask := func(levels []rules.Level) {
		for _, l := range levels {
			for _, id := range l.ConfirmWith {
				if w, _ := config.Rule(id); w.Source() != source {
					other = w.Source()
				}
			}
		}
	}
	for _, r := range config.Rules {
		if r.Source() != source {
			continue
		}
		ask(r.Levels)
		for _, o := range r.Overrides {
			ask(o.Levels)
		}
	}
	return other
}

// judgedAll gives the end of the newest minute that was judged for every source
// that feeds a rule; zero if there is none. of gives it for one source.
func judgedAll(config *rules.Config, of func(source string) time.Time) time.Time {
	var all time.Time
	for _, source := range sources {
		if at := of(source); fedBy(config, source) && !at.IsZero() && (all.IsZero() || at.Before(all)) {
			all = at
		}
	}
	return all
}
