package main

import (
	"context"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/slack"
	"github.com/featuresignals/tocsin/rules"
)

// attach gives the channels of Slack what they ask the service for.
func (k *keeper) attach(s *setup) {
	for _, c := range s.channels {
		if c, ok := c.(*slack.Channel); ok {
			c.Attach(slack.Surroundings{Memory: k.db, Config: k.config, Now: k.standing})
		}
	}
}

// standing gives how an incident stands for those who work on it.
func (k *keeper) standing(id string) (publisher.Standing, bool) {
	return publisher.Stand(k.config(), k.desk.Board(), id, time.Now().UTC())
}

// callbacks answers what people press in Slack, by the configuration in force. They
// act at the desk as they do from the console; whoever the configuration gives a
// member ID acts as a responder.
func (k *keeper) callbacks() *slack.Callbacks {
	return &slack.Callbacks{
		Desk: k.desk, Logger: k.logger,
		Channel: func(name string) *slack.Channel {
			out := k.out.Load()
			if out == nil {
				return nil // nothing runs yet
			}
			for _, c := range out.Channels {
				if c, ok := c.(*slack.Channel); ok && c.Name() == name {
					return c
				}
			}
			return nil
		},
		Person: func(member string) (rules.Person, bool) {
			for _, p := range k.config().People {
				if p.Slack != "" && p.Slack == member {
					return p, true
				}
			}
			return rules.Person{}, false
		},
		Refused: func(ctx context.Context, e incident.AuditEntry) {
			if err := k.db.Audit(ctx, e); err != nil {
				k.logger.Error("the audit log lacks an entry", "action", e.Action, "from", e.From, "outcome", e.Outcome, "err", err)
			}
		},
	}
}
