package publisher

import "time"

// Queue is how one channel's deliveries stand.
type Queue struct {
	Channel string    `json:"channel"`
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"` // when the oldest that waits was first due; zero: none waits
	Dead    int       `json:"dead"`            // given up
	Sent    time.Time `json:"sent,omitzero"`   // when the newest that is known went out; zero: none did
	Failing string    `json:"-"`               // what went wrong last with what waits; "": nothing. An error can hold an address: not for whoever asks for health
	Halted  string    `json:"halted,omitzero"` // why nothing goes to it any more; "": it is not so
}
