package page

import (
	"fmt"

	"github.com/featuresignals/tocsin/publisher"
)

var _ publisher.Previewer = (*Channel)(nil)

// Preview gives the page of the incident that d is about, or the first page, with
// what programs read beside it.
func (c *Channel) Preview(d publisher.Delivery) (publisher.Preview, error) {
	switch {
	case d.Notice != nil:
		return publisher.Preview{}, fmt.Errorf("page %q: a call to people has no place on it", c.name)
	case d.Inside:
		return publisher.Preview{}, fmt.Errorf("page %q: customers do not read this update", c.name)
	}
	files, err := c.Render(c.dress(d.Public))
	if err != nil {
		return publisher.Preview{}, fmt.Errorf("render the page: %w", err)
	}
	p := publisher.Preview{HTML: string(files[fileIndex]), JSON: files[fileFacts]}
	if d.Incident != nil {
		p.HTML = string(files["incidents/"+d.Incident.ID+".html"])
	}
	return p, nil
}
