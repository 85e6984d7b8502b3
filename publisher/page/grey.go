package page

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// expiry is until when a file may be shown as it is, and up to when its data go.
type expiry struct{ until, checked time.Time }

func (e expiry) before(now time.Time) bool { return !e.until.IsZero() && now.After(e.until) }

// expires gives until when a file is valid. A page says so itself, if it can grow
// stale at all; of the rest the manifest beside it does.
func expires(name string, content []byte, m Manifest) expiry {
	switch {
	case isPage(name):
		return expiry{templates.Expires(content), m.CheckedAt}
	case name == fileSummary:
		return expiry{m.ValidUntil, m.CheckedAt}
	}
	return expiry{}
}

// grey gives a file as it is to be read once its time is over.
func grey(name string, content []byte, e expiry) []byte {
	if isPage(name) {
		return templates.Grey(content)
	}
	return greySummary(content, e)
}

// greySummary gives the summary as it is to be read once its time is over: the
// statuses that were known last, and a description that says so.
func greySummary(content []byte, e expiry) []byte {
	var s map[string]json.RawMessage
	var status summaryStatus
	if json.Unmarshal(content, &s) != nil || json.Unmarshal(s["status"], &status) != nil {
		return content
	}
	status.Description = "No fresh data since " + cmp.Or(e.checked, e.until).UTC().Format("15:04 UTC")
	var err error
	if s["status"], err = json.Marshal(status); err != nil {
		return content
	}
	b, err := encode(s)
	if err != nil {
		return content
	}
	return b
}
