package console

import (
	"fmt"
	"net/http"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/access"
)

const (
	mostStreams = 64
	heartbeat   = 15 * time.Second
	together    = 200 * time.Millisecond // changes so close to each other are told once
	shift       = 15 * time.Minute       // then the browser comes again, and is asked again who it is
	patience    = 10 * time.Second       // of a write that nobody reads
)

// getLive tells a page when something has changed, for as long as it listens. It
// tells no more than that: what has changed is in the pages, for those who may
// see it.
func (c *Console) getLive(w http.ResponseWriter, r *http.Request, _ access.Who) {
	changed, ok := c.hub.join()
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many pages listen: reload instead", http.StatusServiceUnavailable)
		return
	}
	defer c.hub.leave(changed)
	out := http.NewResponseController(w)
	// The server's timeouts are for requests that end.
	_ = out.SetReadDeadline(time.Time{}) // one that cannot has none
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	say := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(patience))
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	state := func() string {
		board, judged := c.Desk.Board(), ""
		if at := c.Desk.Judged(); !at.IsZero() {
			judged = at.UTC().Format(time.RFC3339)
		}
		return fmt.Sprintf("event: state\ndata: {\"seq\":\"%d\",\"judged\":%q}\n\n", board.Seq, judged)
	}
	told := state()
	if !say("retry: 1000\n\n" + told) {
		return
	}
	beat, over := time.NewTicker(heartbeat), time.NewTimer(shift)
	defer beat.Stop()
	defer over.Stop()
	for {
		text := ""
		select {
		case <-r.Context().Done():
			return
		case <-c.hub.end:
			return
		case <-over.C:
			return
		case <-beat.C:
			text = ": here\n\n"
		case <-changed:
			select {
			case <-time.After(together):
			case <-r.Context().Done():
				return
			}
			select {
			case <-changed:
			default:
			}
		}
		if now := state(); now != told {
			text, told = now, now
		}
		if text != "" && !say(text) {
			return
		}
	}
}
