package page

import (
	"fmt"

	"github.com/featuresignals/tocsin/templates"
)

// pages makes the pages besides the first one and those of incidents: a page for
// each month, component and region, and those that there is one of.
func (c *Channel) pages(p templates.Public) (map[string][]byte, error) {
	files := map[string][]byte{}
	add := func(name string, b []byte, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, twice := files[name]; twice {
			return fmt.Errorf("%s is there twice: two IDs differ in nothing but capitals", name)
		}
		files[name] = b
		return nil
	}
	for name, make := range map[string]func(templates.Public) ([]byte, error){
		"uptime/index.html":      c.t.Uptime,
		"maintenance/index.html": c.t.Maintenance,
		"subscribe/index.html":   c.t.Subscribe,
		fileMissing:              c.t.NotFound,
	} {
		b, err := make(p)
		if err := add(name, b, err); err != nil {
			return nil, err
		}
	}
	for _, month := range templates.Months(p) {
		b, err := c.t.Month(p, month)
		if err := add(templates.MonthFile(month), b, err); err != nil {
			return nil, err
		}
	}
	for _, x := range p.Components {
		name := templates.FileName(x.ID)
		if name == "" {
			continue // nothing links to it either
		}
		b, err := c.t.Component(p, x.ID)
		if err := add("components/"+name+"/index.html", b, err); err != nil {
			return nil, err
		}
	}
	for _, r := range p.Regions {
		name := templates.FileName(r.Code)
		if name == "" {
			continue
		}
		b, err := c.t.Region(p, r.Code)
		if err := add("regions/"+name+"/index.html", b, err); err != nil {
			return nil, err
		}
	}
	return files, nil
}
