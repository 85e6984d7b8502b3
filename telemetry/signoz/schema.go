package signoz

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed schema.sql
var schemaSQL string

// Schema gives the statements that make SigNoz's tables, in order; they may be
// run again. With ttl false the tables keep everything: rows older than a
// table's TTL vanish within seconds of their INSERT, without an error, which
// eats whatever has fixed dates.
func Schema(ttl bool) []string {
	return statements(func(_, line string) bool { return ttl || !isTTL(line) })
}

// SchemaMapOnly is Schema as collectors before 0.129.4 left it: resources and
// attributes are Maps alone, without their JSON twins, and the span table does
// not say when a row was inserted.
func SchemaMapOnly(ttl bool) []string {
	return statements(func(table, line string) bool {
		switch column := strings.Fields(line); {
		case isTTL(line):
			return ttl
		case len(column) < 2:
			return true
		case table == spanTable && (column[0] == "`inserted_at`" || column[0] == "`created_at`"):
			return false
		default:
			return !strings.HasPrefix(column[1], "JSON")
		}
	})
}

// Create runs the statements of a schema.
func Create(ctx context.Context, conn driver.Conn, statements []string) error {
	for _, s := range statements {
		if err := conn.Exec(ctx, s); err != nil {
			first, _, _ := strings.Cut(s, "\n")
			return fmt.Errorf("run %q: %w", first, err)
		}
	}
	return nil
}

// statements splits the schema at semicolons that end a line, without comment
// lines and without the lines that keep refuses. keep is told the table that
// the statement makes.
func statements(keep func(table, line string) bool) []string {
	var all []string
	var now strings.Builder
	table := ""
	for line := range strings.Lines(schemaSQL) {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "--") {
			continue
		}
		if name, ok := strings.CutPrefix(text, "CREATE TABLE IF NOT EXISTS "); ok {
			table = name
		}
		body, ends := strings.CutSuffix(text, ";")
		if keep(table, text) {
			now.WriteString(body + "\n")
		}
		if ends {
			all = append(all, strings.TrimSuffix(now.String(), "\n"))
			now.Reset()
			table = ""
		}
	}
	return all
}

func isTTL(line string) bool { return strings.HasPrefix(line, "TTL ") }
