package main

import (
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/store"
)

// pageCmd renders the public page once, from what the store holds. It only
// reads, so that it works beside a service that is running.
type pageCmd struct {
	Out string `short:"o" type:"path" placeholder:"DIR" help:"Folder to write; the configured page's by default."`
}

// Run satisfies kong.
func (c *pageCmd) Run(w *world) error {
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
	fmt.Fprintf(w.out, "%s: %s, %d open, %d past; %s\n", folder, p.Description, len(p.Incidents), len(p.Past), receipt)
	return nil
}
