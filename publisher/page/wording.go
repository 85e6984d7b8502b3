package page

import (
	"maps"
	"reflect"
	"strings"
	"sync"

	"github.com/featuresignals/tocsin/templates"
)

// wording is what is said of an incident in words, for all files that say it.
type wording struct {
	bodies []string // of its updates, in their order: plain text
	entry  string   // all of them as HTML, for feeds
}

// wordings keeps what was made of resolved incidents: it does not change any
// more, and there may be hundreds of them.
type wordings struct {
	mu   sync.Mutex // guards kept
	kept map[string]keptWording
}

type keptWording struct {
	from any
	said wording
}

// wording words an incident, or gives what was made before from the same.
func (c *Channel) wording(p templates.Public, i templates.Incident) (wording, error) {
	// Made from these values alone, so that what is kept depends on nothing else.
	p = templates.Public{
		Organisation: p.Organisation, Title: p.Title, URL: p.URL, Support: p.Support, Regions: p.Regions, Brand: templates.Brand{Language: p.Brand.Language},
	}
	from := struct {
		Public   templates.Public
		Incident templates.Incident
	}{p, i}
	c.said.mu.Lock()
	k, ok := c.said.kept[i.ID]
	c.said.mu.Unlock()
	if ok && reflect.DeepEqual(k.from, from) {
		return k.said, nil
	}
	var said wording
	for _, u := range i.Updates {
		body, err := c.t.Body(p, i, u)
		if err != nil {
			return wording{}, err
		}
		said.bodies = append(said.bodies, strings.TrimSpace(body))
	}
	var err error
	if said.entry, err = c.t.FeedEntry(p, i); err != nil {
		return wording{}, err
	}
	c.said.mu.Lock()
	defer c.said.mu.Unlock()
	if c.said.kept == nil {
		c.said.kept = map[string]keptWording{}
	}
	c.said.kept[i.ID] = keptWording{from, said}
	return said, nil
}

// forget drops what is kept of incidents that are not listed any more.
func (w *wordings) forget(p templates.Public) {
	there := map[string]bool{}
	for _, i := range p.Incidents {
		there[i.ID] = true
	}
	for _, i := range p.Past {
		there[i.ID] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.kept, func(id string, _ keptWording) bool { return !there[id] })
}
