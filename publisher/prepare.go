package publisher

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/featuresignals/tocsin/templates"
)

// Prepare makes the delivery that a row asks for out of what is public now.
// A row about an update whose incident is not public is a mistake of ours, and
// permanent.
func Prepare(r Row, p templates.Public) (Delivery, error) {
	d := Delivery{Channel: r.Channel, Key: r.Key, Seq: r.Seq, Attempt: r.Attempts + 1, At: p.Rendered, Public: p}
	if r.Key == "" {
		return d, nil
	}
	id, number, _ := strings.Cut(r.Key, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		return d, fmt.Errorf("the outbox has a key %q that names no update: %w", r.Key, ErrPermanent)
	}
	for _, list := range [][]templates.Incident{d.Public.Incidents, d.Public.Past} {
		for i := range list {
			if list[i].ID != id {
				continue
			}
			for u := range list[i].Updates {
				if list[i].Updates[u].Number == n {
					d.Incident, d.Update = &list[i], &list[i].Updates[u]
					return d, nil
				}
			}
		}
	}
	return d, fmt.Errorf("update %s is not public: %w", r.Key, ErrPermanent)
}
