package publisher

// Previewer is a channel that can show what it would bring out, without bringing
// it out: it asks nobody, and needs no secret.
type Previewer interface {
	Preview(d Delivery) (Preview, error)
}

// Preview is what a delivery looks like. What a channel does not have is empty.
type Preview struct {
	Headers []Header // of a mail or a request, in their order; those that every sending makes anew are left out
	Text    string   // as people read it: plain text, or what the target marks up (mrkdwn, Markdown)
	HTML    string
	JSON    []byte // as programs read it
}

// Header is one line of a head.
type Header struct{ Name, Value string }
