package page

import (
	"fmt"
	"maps"

	"github.com/featuresignals/tocsin/templates"
)

// documents makes every file that is not a page for people to look at: the API,
// the feeds, the badges, the calendar.
func (c *Channel) documents(p templates.Public) (map[string][]byte, error) {
	files := map[string][]byte{fileCalendar: calendar(c.t.Words(p), p), fileRobots: robots()}
	for what, make := range map[string]func(templates.Public) (map[string][]byte, error){
		"the API":    c.api,
		"the facts":  c.facts,
		"the feeds":  c.feeds,
		"the badges": c.badges,
	} {
		made, err := make(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		maps.Copy(files, made)
	}
	c.said.forget(p)
	return files, nil
}
