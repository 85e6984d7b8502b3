package main

import (
	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/rules"
)

// schemaCmd prints the JSON Schema of the configuration, for editors, or the
// OpenAPI document of the API, for programs.
type schemaCmd struct {
	OpenAPI bool `name:"openapi" help:"Print the OpenAPI document of the API instead."`
}

// Help satisfies kong.
func (*schemaCmd) Help() string {
	return `Examples:

  tocsin schema > schema.json
      beside the files that it is for; make it anew with every new version

  tocsin schema | jq '."$defs".rule.properties | keys'
      the keys of a rule

  tocsin schema --openapi > openapi.json
      what programs can ask of a running service, as OpenAPI 3.1

Put this line first into each file. Editors with the YAML language server then complete keys and
show mistakes; below a folder such as rules/ it is ../schema.json:

  # yaml-language-server: $schema=./schema.json`
}

// Run satisfies kong.
func (c *schemaCmd) Run(w *world) error {
	if c.OpenAPI {
		_, err := w.out.Write(api.OpenAPI())
		return err
	}
	_, err := w.out.Write(rules.Schema())
	return err
}
