package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/store"
)

// pageCmd publishes the public page once, from what the store holds, or reads one
// back that was published. It works beside a service that is running: the two take
// turns.
type pageCmd struct {
	Out    string  `short:"o" type:"path" xor:"what" placeholder:"DIR" help:"Folder to publish into; the configured page's by default."`
	Verify *string `xor:"what" placeholder:"DIR|URL" help:"Publish nothing: read a published page back, from a folder or a web address, and compare it with its manifest."`
}

// Help satisfies kong.
func (*pageCmd) Help() string {
	return `Whole versions of the page lie in DIR/versions, and the link DIR/current leads to the one that is
shown: that is what a web server serves, or what is copied to a bucket (docs/hosting.md).

  tocsin page --verify https://status.example.com
      whether all that customers get there is of one version, unchanged, and not past its time; else it ends
      with 1 and says what is wrong. A cache may hold older files for half a minute: try again then.

  tocsin page --verify /var/lib/tocsin/page
      the same of a folder`
}

// Run satisfies kong.
func (c *pageCmd) Run(w *world) error {
	if c.Verify != nil {
		return verifyPage(w, *c.Verify) // also of a variable that is empty: nobody wants to publish then
	}
	config, err := w.load()
	if err != nil {
		return w.mistakes(err)
	}
	folder := c.Out
	if folder == "" {
		folder = pageFolder(config)
	}
	db, err := store.OpenToRead(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	judged, err := watermarks(w.ctx, db)
	if err != nil {
		return err
	}
	board, err := incident.Fold(db.All(w.ctx))
	if err != nil {
		return err
	}
	history, err := db.History(w.ctx, newest(judged))
	if err != nil {
		return err
	}
	set, err := openTemplates(config)
	if err != nil {
		return w.mistakes(err)
	}
	brand, err := openBrand(config)
	if err != nil {
		return w.mistakes(err)
	}
	known := publisher.Known{Config: config, Board: board, History: history, Judged: incident.JudgedAll(config, judged)}
	p := known.Project(time.Now().UTC())
	receipt, err := page.New("status", folder, set).Branded(brand).Publish(w.ctx, publisher.Delivery{Channel: "status", Public: p})
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%s/current: %s, %d open, %d past; %s\n", folder, p.Description, len(p.Incidents), len(p.Past), receipt)
	return nil
}

// verifyPage says whether a published page is what its manifest says.
func verifyPage(w *world, where string) error {
	if where == "" {
		return errors.New("verify the page: there is no folder and no address: name one, as in tocsin page --verify https://status.example.com")
	}
	v, err := page.Verify(w.ctx, where, time.Now())
	if err != nil {
		return err
	}
	for _, wrong := range v.Wrong {
		fmt.Fprintln(w.out, "!", wrong)
	}
	if len(v.Wrong) > 0 {
		fmt.Fprintf(w.out, "%s: %d of %d files and times are not as the manifest of version %s says\n", where, len(v.Wrong), len(v.Manifest.Files)+1, short(v.Manifest.Version))
		return errFound
	}
	fmt.Fprintf(w.out, "%s: version %s, %d files, all as published", where, short(v.Manifest.Version), len(v.Manifest.Files))
	if !v.Manifest.ValidUntil.IsZero() {
		fmt.Fprintf(w.out, "; valid until %s", v.Manifest.ValidUntil.UTC().Format(time.RFC3339))
	}
	fmt.Fprintln(w.out)
	return nil
}
