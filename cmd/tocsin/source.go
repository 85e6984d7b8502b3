package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// newSource makes the reader of SigNoz's ClickHouse; nil where no rule looks at
// spans.
func newSource(config *rules.Config, logger *slog.Logger) (*signoz.Reader, error) {
	if !config.FedBy(rules.SourceSpans) {
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
