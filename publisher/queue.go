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

// tooLong is how long a delivery may wait before that is worth a word.
const tooLong = 10 * time.Minute

// Late reports whether a channel does not deliver: what is oldest has waited for
// too long. Of thousands of addresses of mail some always fail, which is no matter
// of ours as long as others get their mail: there, nothing went out since, either.
func (q Queue) Late(isMail bool, at time.Time) bool {
	return !q.Oldest.IsZero() && at.Sub(q.Oldest) > tooLong && !(isMail && q.Sent.After(q.Oldest))
}
