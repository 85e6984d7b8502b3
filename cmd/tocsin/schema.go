package main

import "github.com/featuresignals/tocsin/rules"

// schemaCmd prints the JSON Schema of the configuration, for editors.
type schemaCmd struct{}

// Run satisfies kong.
func (*schemaCmd) Run(w *world) error {
	_, err := w.out.Write(rules.Schema())
	return err
}
