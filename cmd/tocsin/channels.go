package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/publisher/slack"
	"github.com/featuresignals/tocsin/publisher/tracker"
	"github.com/featuresignals/tocsin/publisher/webhook"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// openChannels makes the channels that the configuration declares, with the words
// of set. db is what they remember things in; who only looks whether they can be
// made has none. What is in the way of any of them is told at once.
func openChannels(config *rules.Config, set *templates.Set, db *store.DB) ([]publisher.Channel, error) {
	var out []publisher.Channel
	var wrong []error
	for _, c := range config.Channels {
		ch, err := openChannel(config, c, set, db)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		out = append(out, ch)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return out, nil
}

func openChannel(config *rules.Config, c rules.Channel, set *templates.Set, db *store.DB) (publisher.Channel, error) {
	switch c.Type {
	case "page":
		brand, err := openBrand(config)
		if err != nil {
			return nil, err
		}
		return page.New(c.Name, c.Folder, set).Branded(brand), nil
	case "webhook":
		return webhook.New(webhook.Config{
			Name: c.Name, URL: c.URL, Format: c.Format, SecretFile: c.SecretFile, TokenFile: c.TokenFile, Allow: c.Allow, Templates: set,
		})
	case "email":
		return openMail(config, c, set, db, slog.Default())
	case "slack":
		return slack.New(slack.Config{Channel: c, Templates: set})
	case "tracker":
		return tracker.New(tracker.Config{Channel: c, Templates: set, Memory: db})
	}
	return nil, fmt.Errorf("open the channel %s: this program has nothing that delivers to channels of type %s; take it out of the configuration until one has", c.Name, c.Type)
}

// pageFolder is the folder that the public listener serves: the first page's.
func pageFolder(config *rules.Config) string {
	for _, c := range config.Pages() {
		return c.Folder
	}
	return ""
}

// openMail makes a channel of mail.
func openMail(config *rules.Config, c rules.Channel, set *templates.Set, db *store.DB, logger *slog.Logger) (*email.Channel, error) {
	return email.New(email.Config{
		Name: c.Name, Mail: *c.Mail, People: config.People, Page: config.Page.URL, Title: config.Page.Title,
		Words:  set.In,
		Memory: db, Addresses: db, Logger: logger,
	})
}

// openMails makes the channels of mail alone: a command that reads what came back
// has no business with the secrets of the others.
func openMails(config *rules.Config, db *store.DB) ([]*email.Channel, error) {
	set, err := templates.Load(nil) // none of them words a mail
	if err != nil {
		return nil, err
	}
	var all []*email.Channel
	for _, c := range config.Channels {
		if c.Type != "email" {
			continue
		}
		m, err := openMail(config, c, set, db, slog.Default())
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// public is what the public listener serves: the page, and where there are lists
// of mail the pages to unsubscribe from them.
func public(folder *page.Server, channels []publisher.Channel) http.Handler {
	folder.Refresh() // what was published before is read before anybody asks for it
	var mails []*email.Channel
	for _, c := range channels {
		switch c := c.(type) {
		case *email.Channel:
			mails = append(mails, c)
		case *page.Channel:
			c.Tell(folder.Refresh)
		}
	}
	if len(mails) == 0 {
		return folder
	}
	unsubscribe := email.Handler(mails...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // no mux: it would redirect doubled slashes
		if strings.HasPrefix(r.URL.Path, "/unsubscribe/") {
			unsubscribe.ServeHTTP(w, r)
			return
		}
		folder.ServeHTTP(w, r)
	})
}
