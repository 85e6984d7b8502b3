package main

import (
	"fmt"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/slack"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// openChannels makes the channels that the configuration declares.
func openChannels(config *rules.Config) ([]publisher.Channel, error) {
	set, err := templates.Load(nil)
	if err != nil {
		return nil, err
	}
	var out []publisher.Channel
	for _, c := range config.Channels {
		switch c.Type {
		case "page":
			out = append(out, page.New(c.Name, c.Folder, set))
		case "webhook":
			hook, err := webhook.New(webhook.Config{Name: c.Name, URL: c.URL, SecretFile: c.SecretFile, Templates: set})
			if err != nil {
				return nil, err
			}
			out = append(out, hook)
		case "slack":
			team, err := slack.New(slack.Config{Channel: c, Templates: set})
			if err != nil {
				return nil, err
			}
			out = append(out, team)
		default:
			panic(fmt.Sprintf("the parser let a channel of type %q pass", c.Type))
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
