package rules

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema gives the JSON Schema (draft 2020-12) of the files, for editors: what
// it refuses, Parse refuses. It knows one file at a time, and no names that are
// declared; those only Parse knows.
func Schema() []byte { return slices.Clone(schema) }
