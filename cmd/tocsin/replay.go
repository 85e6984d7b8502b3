package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	replayed "github.com/featuresignals/tocsin/cmd/tocsin/report"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
)

// replayCmd tells what a configuration would have said of a time that is over.
type replayCmd struct {
	From       *string `placeholder:"TIME" help:"Beginning: 2026-11-20, \"2026-11-20 14:00\", RFC 3339, or how long ago, as in 30d or 12h; 7d by default."`
	To         *string `placeholder:"TIME" help:"End, written in the same ways; by default the newest minute that no late span will change."`
	Against    string  `placeholder:"FILE" help:"Another configuration, to compare with: the incidents that --config adds to it, takes away and changes."`
	Format     string  `enum:"auto,text,json,html" default:"auto" help:"text for people, json for programs, html to pass around; auto goes by the ending of --out, and is text without one."`
	Out        string  `short:"o" type:"path" placeholder:"FILE" help:"File to write instead of standard output."`
	Zone       string  `placeholder:"ZONE" help:"Time zone of what is written and read, and of the nights, as in Europe/Berlin; the configuration's by default."`
	FailOnDiff bool    `help:"End with 1 when --against shows that an incident would appear, vanish or change."`
}

// Help satisfies kong.
func (c *replayCmd) Help() string {
	return `Reads SigNoz's history and the state file, and changes neither.

A month, as a page to pass around:

  tocsin replay -c tocsin.yaml --from 30d --out report.html

A day, in the terminal; an afternoon by the clocks of another zone:

  tocsin replay -c tocsin.yaml --from 2026-11-20 --to 2026-11-21
  tocsin replay --from "2026-11-20 14:00" --to "2026-11-20 18:00" --zone Asia/Kolkata

What a change of rules would have changed, also for a pipeline:

  tocsin replay -c proposed.yaml --against tocsin.yaml --from 14d --fail-on-diff

For programs:

  tocsin replay --from 7d --format json | jq .summary

It ends with 0 when all went well, with 1 when something went wrong or --fail-on-diff found a difference, and with 2 when the command line makes no sense.`
}

// usualReplay is how long is replayed where nobody says.
const usualReplay = 7 * 24 * time.Hour

// Run satisfies kong.
func (c *replayCmd) Run(w *world) error {
	config, err := w.load()
	if err != nil {
		return w.mistakes(err)
	}
	other, err := c.against(w)
	if err != nil {
		return w.mistakes(err)
	}
	zone, err := c.zone(config)
	if err != nil {
		return err
	}
	settled := time.Now().Add(-config.SigNoz.Lag - config.SigNoz.Settle).UTC().Truncate(time.Minute)
	from, to, err := period(c.From, c.To, settled, zone)
	if err != nil {
		return err
	}
	if err := c.place(w, config, other); err != nil {
		return err
	}
	r := &replay{config: config, other: other, from: from, to: to, report: replayed.New(from, to, zone)}
	r.report.Made = time.Now().UTC().Truncate(time.Second)
	if other != nil {
		r.compare(c.Against)
	}
	if err := r.open(w); err != nil {
		return errors.Join(err, r.close())
	}
	err = r.run(w)
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	r.report.Rests(&r.seen.data)
	is, was := fileNames(cmp.Or(w.path(), "the built-in rules"), c.Against)
	r.report.Add(is, r.sides[0])
	if other != nil {
		r.report.Compare(was, r.sides[0], r.sides[1])
	}
	if err := c.write(w, r.report); err != nil {
		return err
	}
	if c.FailOnDiff && r.report.Against.Differs() {
		return errFound
	}
	return nil
}

// fileNames are what the two configurations are called: without their folders,
// unless those tell them apart.
func fileNames(is, was string) (string, string) {
	if a, b := filepath.Base(is), filepath.Base(was); a != b {
		return a, b
	}
	return is, was
}

// against reads the configuration to compare with; nil if there is none.
func (c *replayCmd) against(w *world) (*rules.Config, error) {
	if c.Against == "" {
		return nil, nil
	}
	o := *w
	o.config = c.Against
	return o.load()
}

func (c *replayCmd) zone(config *rules.Config) (*time.Location, error) {
	if c.Zone == "" {
		return cmp.Or(config.Zone, time.UTC), nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || zone == time.Local {
		return nil, fmt.Errorf("--zone: unknown time zone %q: write a name such as Europe/Berlin, Asia/Kolkata or UTC", c.Zone)
	}
	return zone, nil
}

// replay is what it takes to walk through a time.
type replay struct {
	config, other *rules.Config
	from, to      time.Time
	report        *replayed.Report

	db     *store.DB // nil: there is no state file
	seen   counted
	sides  []*replayed.Collector
	opened []io.Closer
}

// compare says where the two configurations do not read alike: minutes are read
// once, as the first one has it.
func (r *replay) compare(file string) {
	if was, is := r.other.SigNoz, r.config.SigNoz; was.DSN != is.DSN || !slices.Equal(was.Region, is.Region) || was.Lag != is.Lag {
		r.report.Note(fmt.Sprintf("%s has other sources; both sides are judged on the minutes of the first configuration.", file))
	}
	same := func(a, b rules.Region) bool { return a.Code == b.Code && slices.Equal(a.Aliases, b.Aliases) }
	if !slices.EqualFunc(r.other.Regions, r.config.Regions, same) {
		r.report.Note(fmt.Sprintf("%s has other regions; both sides are judged on the regions of the first configuration.", file))
	}
}

// open makes one source of all that both configurations look at, and a
// collector for each.
func (r *replay) open(w *world) error {
	union := *r.config
	if r.other != nil {
		union.Rules = slices.Concat(r.config.Rules, r.other.Rules)
	}
	var list []evaluator.Source
	reader, err := newSource(&union, slog.New(slog.NewTextHandler(w.errs, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	if reader != nil {
		r.opened = append(r.opened, reader)
		list = append(list, reader)
	}
	if err := r.openState(w, &union); err != nil {
		return err
	}
	if r.db != nil {
		list = append(list, r.db)
	}
	r.seen = counted{Source: evaluator.Join(list...)}

	words, err := openTemplates(r.config)
	if err != nil {
		return w.mistakes(err)
	}
	ledger, err := r.ledger(w)
	if err != nil {
		return err
	}
	r.sides = append(r.sides, replayed.NewCollector(r.config, words, ledger))
	if r.other != nil {
		r.sides = append(r.sides, replayed.NewCollector(r.other, words, nil))
	}
	return nil
}

// openState opens the state file, which has what probes saw and what was judged
// live. Without one, spans are replayed alone.
func (r *replay) openState(w *world, union *rules.Config) error {
	db, err := store.OpenToRead(w.ctx, r.config.Store.Path)
	switch probes := union.FedBy(rules.SourceProbes); {
	case err == nil:
		r.db = db
		r.opened = append(r.opened, db)
	case errors.Is(err, fs.ErrNotExist) && probes:
		r.report.Note(fmt.Sprintf("There is no state file at %s: what probes saw is not known, and the rules that look at them said nothing.", r.config.Store.Path))
	case errors.Is(err, fs.ErrNotExist):
	case probes:
		return err
	default:
		r.report.Note(fmt.Sprintf("The replay is not compared with what was judged live: %v.", err))
	}
	return nil
}

func (r *replay) close() error {
	var errs []error
	for _, c := range r.opened {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// run walks.
func (r *replay) run(w *world) error {
	rings := []*evaluator.Rings{evaluator.New(r.config)}
	if r.other != nil {
		rings = append(rings, evaluator.New(r.other))
	}
	begin := r.from
	var walkers []evaluator.Walker
	for n, x := range rings {
		walkers = append(walkers, evaluator.Walker{Rings: x, Sink: r.sides[n].Judge})
		if at := r.from.Add(-x.Reach()); at.Before(begin) {
			begin = at // what the rules look back on is read, too
		}
	}
	bar := newProgress(w.errs, begin, r.to)
	first := walkers[0].Sink
	walkers[0].Sink = func(ctx context.Context, round evaluator.Round) error {
		bar.reached(round.At)
		return first(ctx, round)
	}
	walk := evaluator.Walk{Source: &r.seen, From: r.from, To: r.to, Lag: r.config.SigNoz.Lag, Progress: bar.reached}
	err := walk.Run(w.ctx, walkers...)
	bar.end(err == nil)
	switch {
	case w.ctx.Err() != nil:
		return fmt.Errorf("stopped at %s, after %.0f %% of the way: nothing was written", bar.at.Format("2006-01-02 15:04 UTC"), bar.share()*100)
	case err != nil:
		return err
	case r.seen.minutes == 0:
		why := fmt.Sprintf("no rule saw a single request between %s and %s: was it before the oldest span that is kept, or do the rules look at other services? tocsin doctor shows what there is",
			r.from.Format(time.RFC3339), r.to.Format(time.RFC3339))
		return errors.New(strings.Join(append([]string{why}, r.report.Notes...), ". "))
	}
	return nil
}

// counted is a source that counts what it yields, and remembers when it had it.
type counted struct {
	evaluator.Source
	minutes int
	data    replayed.Data
}

// Minutes satisfies evaluator.Source.
func (c *counted) Minutes(ctx context.Context, from, to time.Time, except ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		for m, err := range c.Source.Minutes(ctx, from, to, except...) {
			if err == nil {
				c.minutes++
				c.data.Saw(m)
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// write writes the report, a file beside its place first.
func (c *replayCmd) write(w *world, r *replayed.Report) error {
	if c.Out == "" {
		return c.print(w.out, r)
	}
	f, err := beside(c.Out)
	if err != nil {
		return fmt.Errorf("write the report to %s: %w", c.Out, plain(err))
	}
	defer os.Remove(f.Name()) // nothing, once it has its name
	err = errors.Join(c.print(f, r), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), c.Out)
	}
	if err != nil {
		return fmt.Errorf("write the report to %s: %w", c.Out, plain(err))
	}
	fmt.Fprintf(w.errs, "wrote %s\n", c.Out)
	return nil
}

func (c *replayCmd) print(out io.Writer, r *replayed.Report) error {
	b := bufio.NewWriter(out)
	var err error
	switch c.format() {
	case "json":
		enc := json.NewEncoder(b)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	case "html":
		err = r.HTML(b)
	default:
		err = r.Text(b)
	}
	return errors.Join(err, b.Flush())
}
