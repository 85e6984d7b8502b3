package webhook

import (
	"fmt"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// call is what is posted of a notice: a document of its own, for those who are
// on duty. It holds what no customer may read, and shares no type with what
// they may.
type call struct {
	Type      string   `json:"type"`
	Timestamp stamp    `json:"timestamp"`
	Data      callData `json:"data"`
}

type callData struct {
	Notice noticeJSON `json:"notice"`
	Text   string     `json:"text,omitzero"` // the same for people
}

type noticeJSON struct {
	Incident     string   `json:"incident_id"`
	Number       int      `json:"number"`
	Kind         string   `json:"kind"`
	Private      bool     `json:"private"`
	State        string   `json:"state"`
	Severity     string   `json:"severity"`
	Title        string   `json:"title"`
	Component    string   `json:"component"`
	Regions      []string `json:"regions"`
	AllRegions   bool     `json:"all_regions"`
	Began        stamp    `json:"began"`
	Detected     stamp    `json:"detected"`
	Summary      string   `json:"summary"`
	To           []string `json:"to"`
	Role         string   `json:"role"`
	Step         int      `json:"step"`
	Due          stamp    `json:"due"`
	AckBy        stamp    `json:"acknowledge_by"`
	Acknowledged string   `json:"acknowledged_by"`
	Console      string   `json:"console"`
	WarRoom      string   `json:"war_room"`
	Runbook      string   `json:"runbook"`
	SigNoz       string   `json:"signoz"`
}

// mostNames bounds the lists of a notice, so that its body stays within the
// limit.
const mostNames = 20

// noticeBody renders the document of a call to people.
func (c *Channel) noticeBody(n templates.Notice) ([]byte, error) {
	doc := call{Type: "incident.notice", Timestamp: stamp(n.At), Data: callData{Notice: noticeJSON{
		Incident: n.ID, Number: n.Number, Kind: n.Kind, Private: n.Private, State: n.State, Severity: n.Severity,
		Title: clip(n.Title, wordsLimit), Component: clip(n.Component, wordsLimit), Regions: clipAll(n.Regions), AllRegions: n.AllRegions,
		Began: stamp(n.Began), Detected: stamp(n.Detected), Summary: clip(n.Summary, wordsLimit),
		To: clipAll(n.To), Role: clip(n.Role, wordsLimit), Step: n.Step,
		Due: stamp(n.Due), AckBy: stamp(n.AckBy), Acknowledged: clip(n.Acked, wordsLimit),
		Console: whole(n.Console), WarRoom: whole(n.WarRoom), Runbook: whole(n.Runbook), SigNoz: whole(n.SigNoz),
	}}}
	if c.Templates != nil {
		text, err := c.Templates.Notice(n)
		if err != nil {
			// A call without its text is still a call.
			c.Logger.Error("a notice could not be worded and goes out without its text", "channel", c.Config.Name, "incident", n.ID, "notice", n.Number, "err", err)
		}
		doc.Data.Text = clip(text, messageLimit)
	}
	b, err := marshal(doc)
	if err == nil && len(b) >= bodyLimit {
		doc.Data.Text = ""
		b, err = marshal(doc)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("write the notice: %w", err)
	case len(b) >= bodyLimit:
		return nil, fmt.Errorf("the notice has %d bytes, want less than %d: the addresses of the console, the war room and the runbook are too long: %w",
			len(b), bodyLimit, publisher.ErrPermanent)
	}
	return b, nil
}

// clipAll never gives nil: a list in the document is a list.
func clipAll(names []string) []string {
	out := []string{}
	for _, name := range names[:min(len(names), mostNames)] {
		out = append(out, clip(name, 100))
	}
	return out
}
