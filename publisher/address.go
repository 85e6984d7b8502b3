package publisher

import "time"

// Address is how a mail address did on a channel. One that is not known never
// failed, and nobody has asked to be left out.
type Address struct {
	Channel string    `json:"channel"`
	Address string    `json:"address"`
	State   string    `json:"state"` // Refused, Bounced or Unsubscribed
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`    // of the last time
	Times   int       `json:"times"` // how often in a row
}

// The states of an Address.
const (
	Refused      = "refused"      // the server did not take mail for it
	Bounced      = "bounced"      // mail was taken, and came back
	Unsubscribed = "unsubscribed" // whoever reads it wants no more
)
