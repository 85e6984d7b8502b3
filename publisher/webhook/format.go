package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// format is how a kind of listener wants to be told.
type format struct {
	file   string // the template of what is posted; "" of what is built here
	signed bool   // a secret is a must; without it, messages are signed if there is one
	token  bool   // a token is a must
	scheme string // of the header Authorization that holds the token; "": no header does
	limit  int    // bytes that a body may have at most

	// pager says that the listener rings, and so hears only of what begins, is
	// acknowledged, or ends.
	pager bool

	never  []int         // answers that no repeat will mend
	slow   time.Duration // how long to wait after 429 where the answer does not say
	manner publisher.Manner

	// address gives where a message goes; nil: where the configuration says.
	address func(u url.URL, p templates.Payload) url.URL
}

// retries is the schedule that Standard Webhooks 1.0.0 gives as its example,
// "Delivery success and failure", "spanning multiple days, with an exponential
// backoff": at once, and after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and
// 24 hours. The last attempt comes 75 h 35 min after the first. The loop adds
// the jitter that the text asks for.
var retries = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

var (
	// standing is of those who listen with a program: it looks at ids, and wants
	// to hear everything, be it days later.
	standing = publisher.Manner{Lanes: 2, Waits: retries, Attempts: len(retries) + 1, Guarantee: publisher.Keyed}
	// ringing is of the services that call people. They know an incident by its
	// key; what happened comes in its order, and is news for no longer than a day.
	ringing = publisher.Manner{Lanes: 2, Ordered: true, Guarantee: publisher.Keyed}
	// reading is of those who show each message to people: one that is repeated
	// can be seen twice.
	reading = publisher.Manner{Lanes: 2, Ordered: true, Guarantee: publisher.Repeats}
)

// formats is by name, as rules.WebhookFormats lists them.
var formats = map[string]format{
	"standard":   {signed: true, limit: bodyLimit, manner: standing},
	"statuspage": {signed: true, limit: statuspageLimit, manner: standing},
	"generic":    {file: "generic.json", scheme: "Bearer", limit: bodyLimit, manner: standing},
	// https://developer.pagerduty.com/docs/events-api-v2-overview: 400 is not to
	// be repeated, 429 after "a few minutes", an event has at most 512 kB.
	"pagerduty": {
		file: "pagerduty.json", token: true, limit: 512_000, pager: true, manner: ringing,
		never: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, slow: 2 * time.Minute,
	},
	// https://docs.opsgenie.com/docs/alert-api and /docs/response: 400 is broken
	// JSON, 422 what cannot be carried out; limits count by the minute.
	"opsgenie": {
		file: "opsgenie.json", token: true, scheme: "GenieKey", limit: 100_000, pager: true, manner: ringing,
		never: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, slow: time.Minute,
		address: alertAddress,
	},
	// https://docs.ntfy.sh/publish/#publish-as-json and #limitations: a message
	// has 4,096 bytes, a visitor 60 requests and then one each 5 s.
	"ntfy": {
		file: "ntfy.json", scheme: "Bearer", limit: 16_000, manner: reading,
		never: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, slow: 10 * time.Second,
		address: func(u url.URL, _ templates.Payload) url.URL {
			u.Path, u.RawPath = "/", "" // the topic is in the document
			return u
		},
	},
	// The Teams workflow "Post to a channel when a webhook request is received":
	// it answers 202, and what it posts has at most 28 kB.
	"teams": {
		file: "teams.json", limit: 28_000, manner: reading,
		never: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, slow: time.Minute,
	},
}

// formatOf gives the format of a name, "" being the first.
func formatOf(name string) (format, error) {
	if name == "" {
		name = rules.WebhookFormats[0]
	}
	f, ok := formats[name]
	if !ok {
		return format{}, fmt.Errorf("format: there is no %q: want one of %s", name, strings.Join(rules.WebhookFormats, " "))
	}
	return f, nil
}

// alertAddress gives where in the Alert API a message goes: an alert is known
// there by its alias, the incident's ID.
func alertAddress(u url.URL, p templates.Payload) url.URL {
	at := u.JoinPath("alerts")
	if !strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/v2") {
		at = u.JoinPath("v2", "alerts")
	}
	if strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/alerts") {
		at = u.JoinPath()
	}
	verb := map[string]string{"acknowledge": "acknowledge", "resolve": "close"}[p.Action]
	if verb != "" {
		at = at.JoinPath(url.PathEscape(p.Incident), verb)
		at.RawQuery = "identifierType=alias"
	}
	return *at
}

var topics = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// topicOf gives the topic at the end of an ntfy address.
func topicOf(u *url.URL) (string, error) {
	topic := strings.Trim(u.Path, "/")
	if !topics.MatchString(topic) {
		return "", errors.New(`url: want the server and the topic, such as "https://ntfy.example.com/on-call-7d3f": letters, digits, - and _, at most 64`)
	}
	return topic, nil
}
