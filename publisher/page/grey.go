package page

import (
	"cmp"
	"encoding/json"
	"path"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// expiry is until when a file is valid, and up to when its data go.
type expiry struct {
	until, checked time.Time
	stale          string // the manifest's
}

func (e expiry) before(now time.Time) bool { return !e.until.IsZero() && now.After(e.until) }

// words say that it is over, in the language of the page.
func (e expiry) words() string {
	return strings.ReplaceAll(cmp.Or(e.stale, english), "{0}", cmp.Or(e.checked, e.until).UTC().Format("15:04"))
}

// english says it to programs, and where a manifest holds no words for it.
const english = "No fresh data since {0} UTC"

// greys reports whether a file says how things are now, and so has to say
// something else once nobody knows any more. Feeds, the calendar, the incidents
// and the components of the API tell what was said and known last, and have no
// place to say how old that is; our own document says until when it is valid.
func greys(name string) bool {
	switch path.Base(name) {
	case fileBadge, fileShield:
		return true
	}
	return name == fileSummary || name == fileStatus || strings.HasSuffix(name, ".html")
}

// Grey gives a file as it is to be read once its time is over. Files for which
// greys is false, and what is none of ours, come back as they are.
func grey(name string, content []byte, e expiry) []byte {
	switch base := path.Base(name); {
	case strings.HasSuffix(name, ".html"):
		return templates.Grey(content)
	case name == fileSummary, name == fileStatus:
		return greyStatus(content, e)
	case base == fileBadge:
		return greyBadge(content, e)
	case base == fileShield:
		return greyShield(content, e)
	default:
		return content
	}
}

// greyStatus leaves the statuses as they were known last, since the form has no
// word for what is not known, and says so in the description.
func greyStatus(content []byte, e expiry) []byte {
	var s struct { // the keys stay in their order
		Page         json.RawMessage `json:"page"`
		Components   json.RawMessage `json:"components,omitempty"`
		Incidents    json.RawMessage `json:"incidents,omitempty"`
		Maintenances json.RawMessage `json:"scheduled_maintenances,omitempty"`
		Status       apiStatus       `json:"status"`
	}
	if json.Unmarshal(content, &s) != nil || s.Page == nil {
		return content
	}
	e.stale = english
	s.Status.Description = e.words()
	b, err := encode(s)
	if err != nil {
		return content
	}
	return b
}
