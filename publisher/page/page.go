// Package page brings the public status page out as a folder of files: the
// page itself, a page for each incident, the history, a feed, and what programs
// read. Any host that serves files can serve it; Handler does so from here.
//
// The folder says the same whoever looks: Render makes every file from one
// templates.Public and nothing else, so that equal values give equal bytes.
// Publish makes whole versions of the folder and switches between them; where
// nothing differs it writes nothing, and so can be called as often as one likes.
// Pages of incidents and months are never deleted: their addresses are for ever.
package page

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// Names of the pages. Besides them there is incidents/INC-YYYY-NNNN.html for
// each incident, and what names.go lists.
const (
	fileIndex   = "index.html"
	fileHistory = "history/index.html"
	fileMissing = "404.html" // what is shown where there is no page
)

// Channel is the page as a target of deliveries.
type Channel struct {
	name   string
	folder string
	t      *templates.Set
	brand  *templates.Brand // nil: what a Public says of it
	tell   atomic.Pointer[func()]
	point  func(step string) // for tests; nil otherwise

	mu   sync.Mutex // guards over
	over map[string]finished

	said wordings
}

// finished is the page of a resolved incident and what it was made from. It
// does not change any more, and there may be hundreds of them.
type finished struct {
	from any
	page []byte
}

var (
	_ publisher.Channel  = (*Channel)(nil)
	_ publisher.Mannered = (*Channel)(nil)
)

// New makes a channel that keeps the page in folder.
func New(name, folder string, t *templates.Set) *Channel {
	return &Channel{name: name, folder: folder, t: t, over: map[string]finished{}}
}

// Branded gives the page the looks of b.
func (c *Channel) Branded(b templates.Brand) *Channel {
	c.brand = &b
	return c
}

// Brand gives the looks that the page has, nil for those that are handed in.
func (c *Channel) Brand() *templates.Brand { return c.brand }

// dress gives what is to be rendered the looks that the page has.
func (c *Channel) dress(p templates.Public) templates.Public {
	if c.brand != nil {
		p.Brand = *c.brand
	}
	return p
}

// Name gives the channel's name.
func (c *Channel) Name() string { return c.name }

// Manner says that the folder is read before it is written: what is there
// already is left as it is.
func (c *Channel) Manner() publisher.Manner {
	return publisher.Manner{Guarantee: publisher.ReadBack}
}

// Publish brings the folder in line with d.Public. The receipt is the hash of the
// manifest, and so of the names and the content of all files.
func (c *Channel) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	if d.Notice != nil {
		return "", fmt.Errorf("page %q: a call to people has no place on it: %w", c.name, publisher.ErrPermanent)
	}
	d.Public = c.dress(d.Public)
	files, err := c.Render(d.Public)
	if err != nil {
		// The same value would fail in the same way for ever; the next event
		// or tick brings another one.
		return "", fmt.Errorf("render the page: %w: %w", publisher.ErrPermanent, err)
	}
	receipt, err := folder{c.folder, c.point}.publish(ctx, files, c.manifest(d.Public, files))
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "", fmt.Errorf("write the page: %w: %s and all in it must be writable for the user that Tocsin runs as", err, c.folder)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "", fmt.Errorf("write the page: %w: make room on the disk of %s; readers see what was published last", err, c.folder)
	case errors.Is(err, syscall.ENOTDIR):
		return "", fmt.Errorf("write the page: %w: %s has to be a folder, and so do those above it", err, c.folder)
	case err != nil:
		return "", fmt.Errorf("write the page: %w", err)
	}
	if tell := c.tell.Load(); tell != nil {
		(*tell)()
	}
	return receipt, nil
}

// manifest gives the manifest of the files, with the words for the time when they
// are stale.
func (c *Channel) manifest(p templates.Public, files map[string][]byte) Manifest {
	m, said := manifestOf(p, files), c.t.Words(p)
	m.Stale = said.Say("stale.since", said.Say("time.clock", "{0}"))
	return m
}

// Tell has f called after each publication, by the one who published.
func (c *Channel) Tell(f func()) { c.tell.Store(&f) }

// incidentID is what the ID of an incident looks like. It is checked before it
// becomes a part of a file's name.
var incidentID = regexp.MustCompile(`^INC-[0-9]{4}-[0-9]{4,9}$`)

// Render makes every file of the page, by name. It does no I/O and gives equal
// bytes for equal values.
func (c *Channel) Render(p templates.Public) (map[string][]byte, error) {
	if err := p.Lint(); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, group := range []func(templates.Public, map[string][]byte) error{c.incidents, c.overview, c.places, c.programs, c.headers} {
		if err := group(p, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// incidents makes the page of each incident.
func (c *Channel) incidents(p templates.Public, files map[string][]byte) error {
	for _, i := range slices.Concat(p.Incidents, p.Past) {
		if !incidentID.MatchString(i.ID) {
			return fmt.Errorf("incident %q: want an ID like INC-2026-0001", i.ID)
		}
		name := "incidents/" + i.ID + ".html"
		if _, twice := files[name]; twice {
			return fmt.Errorf("incident %s is there twice", i.ID)
		}
		if len(i.Updates) == 0 {
			return fmt.Errorf("incident %s has no update: there is nothing to say about it", i.ID)
		}
		b, err := c.incident(p, i)
		if err != nil {
			return err
		}
		files[name] = b
	}
	c.forget(files)
	return nil
}

// overview makes the pages that are about all of it.
func (c *Channel) overview(p templates.Public, files map[string][]byte) error {
	return add(p, files, map[string]maker{fileIndex: c.t.Index, fileHistory: c.t.History})
}

// programs makes what programs read.
func (c *Channel) programs(p templates.Public, files map[string][]byte) error {
	documents, err := c.documents(p)
	maps.Copy(files, documents)
	return err
}

// places makes the pages of components, regions and months, and the rest that
// people look at.
func (c *Channel) places(p templates.Public, files map[string][]byte) error {
	pages, err := c.pages(p)
	maps.Copy(files, pages)
	return err
}

// maker makes one file.
type maker func(templates.Public) ([]byte, error)

// add makes files by their names.
func add(p templates.Public, files map[string][]byte, makers map[string]maker) error {
	for name, make := range makers {
		b, err := make(p)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files[name] = b
	}
	return nil
}

// incident gives the page of one incident: the one made before, if it was made
// from the same.
func (c *Channel) incident(p templates.Public, i templates.Incident) ([]byte, error) {
	if i.State != "resolved" {
		return c.t.IncidentPage(p, i)
	}
	from := struct {
		Organisation, Title, URL, Support string
		Regions                           []templates.Region
		Brand                             templates.Brand
		Incident                          templates.Incident
	}{p.Organisation, p.Title, p.URL, p.Support, p.Regions, p.Brand, i}
	c.mu.Lock()
	f, ok := c.over[i.ID]
	c.mu.Unlock()
	if ok && reflect.DeepEqual(f.from, from) {
		return f.page, nil
	}
	// Made from these values alone, so that nothing else can slip in.
	b, err := c.t.IncidentPage(templates.Public{Organisation: p.Organisation, Title: p.Title, URL: p.URL, Support: p.Support, Regions: p.Regions, Brand: p.Brand}, i)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over[i.ID] = finished{from, b}
	return b, nil
}

// forget drops the pages of incidents that are not listed any more.
func (c *Channel) forget(files map[string][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.over, func(id string, _ finished) bool { return files["incidents/"+id+".html"] == nil })
}
