// Package page brings the public status page out as a folder of files: the
// page itself, a page for each incident, the history, a feed, and what programs
// read. Any host that serves files can serve it; Handler does so from here.
//
// The folder says the same whoever looks: Render makes every file from one
// templates.Public and nothing else, so that equal values give equal bytes.
// Publish writes only the files that differ, and so can be called as often as
// one likes. Files of incidents are never deleted: their addresses are for ever.
package page

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/templates"
)

// Names of the files. Besides them there is incidents/INC-YYYY-NNNN.html for
// each incident, and nothing else: no name is made from data.
const (
	fileIndex   = "index.html"
	fileHistory = "history/index.html"
	fileFeed    = "history.atom"
	fileSummary = "summary.json"
	fileTocsin  = "tocsin.json"
)

// Channel is the page as a target of deliveries.
type Channel struct {
	name   string
	folder string
	t      *templates.Set

	mu   sync.Mutex // guards over
	over map[string]finished
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

// Name gives the channel's name.
func (c *Channel) Name() string { return c.name }

// Manner says that the folder is read before it is written: what is there
// already is left as it is.
func (c *Channel) Manner() publisher.Manner {
	return publisher.Manner{Guarantee: publisher.ReadBack}
}

// Publish brings the folder in line with d.Public. The receipt is a hash over
// the names and the content of all files.
func (c *Channel) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	if d.Notice != nil {
		return "", fmt.Errorf("page %q: a call to people has no place on it: %w", c.name, publisher.ErrPermanent)
	}
	files, err := c.Render(d.Public)
	if err != nil {
		// The same value would fail in the same way for ever; the next event
		// or tick brings another one.
		return "", fmt.Errorf("render the page: %w: %w", publisher.ErrPermanent, err)
	}
	switch err := write(ctx, c.folder, files); {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "", fmt.Errorf("write the page: %w: %s and all in it must be writable for the user that Tocsin runs as", err, c.folder)
	case err != nil:
		return "", fmt.Errorf("write the page: %w", err)
	}
	return receipt(files), nil
}

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
	for _, i := range slices.Concat(p.Incidents, p.Past) {
		if !incidentID.MatchString(i.ID) {
			return nil, fmt.Errorf("incident %q: want an ID like INC-2026-0001", i.ID)
		}
		name := "incidents/" + i.ID + ".html"
		if _, twice := files[name]; twice {
			return nil, fmt.Errorf("incident %s is there twice", i.ID)
		}
		if len(i.Updates) == 0 {
			return nil, fmt.Errorf("incident %s has no update: there is nothing to say about it", i.ID)
		}
		b, err := c.incident(p, i)
		if err != nil {
			return nil, err
		}
		files[name] = b
	}
	c.forget(files)
	for name, make := range map[string]func(templates.Public) ([]byte, error){
		fileIndex:   c.t.Index,
		fileHistory: c.t.History,
		fileFeed:    c.feed,
		fileSummary: c.summary,
		fileTocsin:  facts,
	} {
		b, err := make(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = b
	}
	more, err := c.pages(p)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, more)
	return files, nil
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

// receipt is a hash over all files.
func receipt(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// order puts the pages that others point to first, and the first page last: a
// reader never follows a link to a file that is not there yet.
func order(files map[string][]byte) []string {
	names := slices.Sorted(maps.Keys(files))
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

func rank(name string) int {
	switch {
	case strings.HasPrefix(name, "incidents/"):
		return 0
	case name == fileIndex:
		return 2
	default:
		return 1
	}
}
