package signoz

import (
	"strings"
	"testing"
)

func TestSchemaIsOneStatementEach(t *testing.T) {
	for name, all := range map[string][]string{"with TTL": Schema(true), "without TTL": Schema(false), "Map only": SchemaMapOnly(true)} {
		if got, want := len(all), 23; got != want {
			t.Errorf("%s: %d statements, want %d", name, got, want)
		}
		for _, s := range all {
			if !strings.HasPrefix(s, "CREATE ") || strings.Count(s, "CREATE ") != 1 || strings.HasSuffix(s, ";") {
				t.Errorf("%s: not one CREATE: %q", name, s)
			}
		}
	}
}

func TestSchemaKeepsFixedDatesOnlyWithoutTTL(t *testing.T) {
	if n := countLines(Schema(true), "TTL "); n != 8 {
		t.Errorf("with ttl %d lines begin with TTL, want 8", n)
	}
	if n := countLines(Schema(false), "TTL "); n != 0 {
		t.Errorf("without ttl %d lines begin with TTL, want none", n)
	}
}

func TestSchemaMapOnlyHasNoJSON(t *testing.T) {
	all := strings.Join(SchemaMapOnly(false), "\n")
	for _, gone := range []string{"JSON(", "`resource` ", "`scope` ", "`attributes` "} {
		if strings.Contains(all, gone) {
			t.Errorf("the Map-only schema has %q", gone)
		}
	}
	for _, there := range []string{"`resources_string`", "`attributes_string`", "`resource_string_service$$name`"} {
		if !strings.Contains(all, there) {
			t.Errorf("the Map-only schema lacks %q", there)
		}
	}
}

func countLines(statements []string, prefix string) int {
	n := 0
	for _, s := range statements {
		for line := range strings.Lines(s) {
			if strings.HasPrefix(strings.TrimSpace(line), prefix) {
				n++
			}
		}
	}
	return n
}
