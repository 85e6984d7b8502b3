package main

import "github.com/featuresignals/tocsin/rules"

// schemaCmd prints the JSON Schema of the configuration, for editors.
type schemaCmd struct{}

// Help satisfies kong.
func (*schemaCmd) Help() string {
	return `Examples:

  tocsin schema > schema.json
      beside the files that it is for; make it anew with every new version

  tocsin schema | jq '."$defs".rule.properties | keys'
      the keys of a rule

Put this line first into each file. Editors with the YAML language server then complete keys and
show mistakes; below a folder such as rules/ it is ../schema.json:

  # yaml-language-server: $schema=./schema.json`
}

// Run satisfies kong.
func (*schemaCmd) Run(w *world) error {
	_, err := w.out.Write(rules.Schema())
	return err
}
