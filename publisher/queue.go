package publisher

import "time"

// Queue is how one channel's deliveries stand.
type Queue struct {
	Channel string
	Waiting int
	Oldest  time.Time // when the oldest that waits was first due; zero: none waits
	Dead    int       // given up
}
