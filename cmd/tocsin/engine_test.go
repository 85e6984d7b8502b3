package main

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// newSigNoz serves the engine with SigNoz's tables in it.
func newSigNoz(t *testing.T) (*embedded.Server, driver.Conn) {
	t.Helper()
	_, front := enginetest.Serve(t)
	conn, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{front.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := signoz.Create(t.Context(), conn, signoz.Schema(true)); err != nil {
		t.Fatal(err)
	}
	return front, conn
}
