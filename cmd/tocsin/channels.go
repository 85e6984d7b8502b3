package main

import (
	"fmt"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// openChannels makes the channels that the configuration declares, with the words
// of set.
func openChannels(config *rules.Config, set *templates.Set) ([]publisher.Channel, error) {
	var out []publisher.Channel
	for _, c := range config.Channels {
		switch c.Type {
		case "page":
			out = append(out, page.New(c.Name, c.Folder, set))
		case "webhook":
			hook, err := webhook.New(webhook.Config{
				Name: c.Name, URL: c.URL, Format: c.Format, SecretFile: c.SecretFile, TokenFile: c.TokenFile, Allow: c.Allow, Templates: set,
			})
			if err != nil {
				return nil, err
			}
			out = append(out, hook)
		default:
			return nil, fmt.Errorf("open the channel %s: this program has nothing that delivers to channels of type %s; take it out of the configuration until one has", c.Name, c.Type)
		}
	}
	return out, nil
}

// pageFolder is the folder that the public listener serves: the first page's.
func pageFolder(config *rules.Config) string {
	for _, c := range config.Pages() {
		return c.Folder
	}
	return ""
}
