// Package statuspage holds what all documents in Statuspage's form have in common,
// so that the page's summary.json and what webhooks post know a thing by the same
// name.
package statuspage

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// ID gives a thing a short name for ever: twelve characters, as Statuspage's are.
func ID(kind, key string) string {
	h := sha256.Sum256([]byte(kind + "\x00" + key))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h[:]))[:12]
}

// Stamp is a time as Statuspage writes it: RFC 3339 with milliseconds.
type Stamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (s Stamp) MarshalText() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		t = time.Unix(0, 0) // the form demands a time even where nobody knows it
	}
	return t.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// StatusOf turns the words of the Status line of an update into a component's
// status.
func StatusOf(phrase string) templates.Status {
	switch phrase {
	case "Major outage":
		return templates.Major
	case "Partial service":
		return templates.Partial
	case "Operational":
		return templates.Operational
	default:
		return templates.Degraded
	}
}

// Affected says how an update changed a component.
type Affected struct {
	Code      string `json:"code"`
	Name      string `json:"name"`
	OldStatus string `json:"old_status"`
	NewStatus string `json:"new_status"`
}
