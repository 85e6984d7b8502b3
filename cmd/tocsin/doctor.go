package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/probe"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// doctorCmd looks at what the service would find if it were started now.
type doctorCmd struct {
	Format string `enum:"text,json" default:"text" help:"text for people, json for programs."`
}

// diagnosis is what doctor found, and what of it is not as it should be.
type diagnosis struct {
	Rules   int            `json:"rules"`
	Streams int            `json:"streams"`
	Source  signoz.Report  `json:"source"`
	Probes  []probe.Status `json:"probes"`  // one check of each target, now
	Sampled []sampled      `json:"sampled"` // services whose spans stand for more requests than there are spans
	Wanting []string       `json:"wanting"`
	config  *rules.Config
	at      time.Time
}

// sampled is a service that the configuration says is sampled.
type sampled struct {
	Service string  `json:"service"`
	Rate    float64 `json:"rate"`
}

// freshFor is how old a service's newest span may be before doctor points at it.
const freshFor = 10 * time.Minute

// Run satisfies kong.
func (c *doctorCmd) Run(w *world) error {
	config, err := w.load()
	if err != nil {
		return w.mistakes(err)
	}
	d := diagnosis{Rules: len(config.Rules), Streams: len(evaluator.Streams(config.Rules)), config: config, at: time.Now().UTC()}
	d.look(w)
	if c.Format == "json" {
		enc := json.NewEncoder(w.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(d); err != nil {
			return err
		}
	} else {
		d.print(w.out)
	}
	if len(d.Wanting) > 0 {
		return errFound
	}
	return nil
}

func (d *diagnosis) want(format string, args ...any) {
	d.Wanting = append(d.Wanting, fmt.Sprintf(format, args...))
}

func (d *diagnosis) look(w *world) {
	d.spans(w.ctx)
	d.probes(w.ctx)
	if words, err := openTemplates(d.config); err != nil {
		d.want("templates: %v", err)
	} else {
		for _, c := range d.config.Channels {
			if _, err := openChannel(d.config, c, words, nil); err != nil {
				d.want("%v", err)
			}
		}
	}
	d.folders()
	d.certificate()
	if d.config.Organisation == "Service" {
		d.want("organisation: not set; customers would read \"Service\"")
	}
	if len(d.config.Regions) == 0 {
		d.want("regions: none declared; the page calls all of them \"All regions\"")
	}
	if d.config.Page.URL == "" {
		d.want("page.url: not set; feeds cannot link to the page")
	}
}

// spans looks at the store of spans, if any rule does.
func (d *diagnosis) spans(ctx context.Context) {
	reader, err := newSource(d.config, slog.New(slog.DiscardHandler))
	if err != nil {
		d.want("source: %v", err)
	}
	if reader == nil {
		return
	}
	defer reader.Close()
	if d.Source, err = reader.Report(ctx, d.at); err != nil {
		d.want("source: %v", err)
		return
	}
	d.freshness()
	if len(d.Source.Newest) == 0 {
		return // no rule finds anything, and that is not the rules' fault
	}
	dead, err := deadRules(ctx, reader, d.config, d.at)
	if err != nil {
		d.want("source: %v", err)
	}
	for _, e := range dead {
		d.want("%v", e)
	}
	d.sampling()
}

// freshness says what is wrong with what the store has.
func (d *diagnosis) freshness() {
	if len(d.Source.Newest) == 0 {
		d.want("source: no entry span (server or consumer) in the last %s: is the exporter pointed here?", d.Source.Span)
	}
	for _, n := range d.Source.Newest {
		if age := d.at.Sub(n.At); age > freshFor {
			d.want("service %q in region %q: the newest span is %s old", n.Service, n.Region, age.Round(time.Second))
		}
	}
	for _, r := range d.Source.Unlisted {
		if len(d.config.Regions) > 0 {
			d.want("region %q: spans name it and regions: does not; the page shows it under \"Other regions\" (add it, or an alias)", r)
		}
	}
	if lag := d.Source.Lag; lag > d.config.SigNoz.Lag {
		d.want("lag: one span in a hundred is stored later than %s after its end, and sources.signoz.lag is %s: minutes are judged before they are whole", lag.Round(time.Second), d.config.SigNoz.Lag)
	}
}

// sampling says which services' spans stand for more requests. Nothing in a span
// tells: only the configuration can. Rates of requests are wrong without it,
// shares of them are right and rest on less evidence.
func (d *diagnosis) sampling() {
	for _, n := range d.Source.Newest {
		rate := d.config.SampleRate(n.Service)
		if rate < 1 && !slices.ContainsFunc(d.Sampled, func(s sampled) bool { return s.Service == n.Service }) {
			d.Sampled = append(d.Sampled, sampled{n.Service, rate})
		}
	}
	for _, s := range d.config.Services {
		if !slices.ContainsFunc(d.Source.Newest, func(n signoz.Newest) bool { return s.Names.Match(n.Service) }) {
			d.want("services (%s): no service of the last %s has a name that it chooses", s.Pos, d.Source.Span)
		}
	}
}

// probes checks every target once.
func (d *diagnosis) probes(ctx context.Context) {
	prober, err := probe.New(d.config.Probes, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		d.want("%v", err)
		return
	}
	d.Probes = prober.Check(ctx)
	for _, s := range d.Probes {
		if !s.OK {
			d.want("probe %s in region %q: %s", s.Probe, s.Region, s.Reason)
		}
	}
}

// certificate loads what the public listener proves with who it is.
func (d *diagnosis) certificate() {
	c := certificateOf(d.config)
	if !c.given() {
		return
	}
	loaded, err := (&renewed{keyPair: c}).get(nil)
	if err != nil {
		d.want("%v", err)
		return
	}
	if left := loaded.Leaf.NotAfter.Sub(d.at); left < 7*24*time.Hour {
		d.want("listen.certificate_file: it ends at %s: write the renewed one there, and its key beside it; Tocsin takes them up by itself", loaded.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
}

// folders tries what has to be written.
func (d *diagnosis) folders() {
	dirs := []string{filepath.Dir(d.config.Store.Path)}
	for _, c := range d.config.Channels {
		if c.Folder != "" {
			dirs = append(dirs, c.Folder)
		}
		if c.Type == "page" {
			if err := page.Check(c.Folder); err != nil {
				d.want("folder %s: %v", c.Folder, err)
			}
		}
	}
	for _, dir := range dirs {
		if err := writable(dir); err != nil {
			d.want("folder %s: %v: make it writable for the user that Tocsin runs as (doctor tries as the one who started it), or name another", dir, err)
		}
	}
}

// writable tries to write into dir, or into the nearest folder above that is
// there; it leaves nothing behind.
func writable(dir string) error {
	for {
		f, err := os.CreateTemp(dir, ".tocsin-doctor-*")
		if errors.Is(err, os.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
}

func (d *diagnosis) print(out io.Writer) {
	s := d.Source
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("rules", "%d, over %d streams of spans", d.Rules, d.Streams)
	if s.Address != "" {
		line("address", "%s, %s protocol", s.Address, s.Protocol)
	}
	if s.Version != "" {
		line("ClickHouse", "%s", s.Version)
	}
	if s.Table != "" {
		line("tables", "%s, shape %s", s.Table, s.Shape)
		line("columns", "%s", strings.Join(s.Columns, ", "))
	}
	if s.Migration > 0 {
		line("migration", "%d", s.Migration)
	}
	for _, n := range s.Notes {
		line("note", "%s", n)
	}
	for _, k := range slices.Sorted(maps.Keys(s.Settings)) {
		line("setting", "%s = %s", k, s.Settings[k])
	}
	if len(s.LeftOut) > 0 {
		line("not sent", "%s", strings.Join(s.LeftOut, ", "))
	}
	if s.LagSpans > 0 {
		line("lag", "99 of 100 spans are stored within %s of their end (%d looked at); minutes are judged %s after they end",
			s.Lag.Round(time.Millisecond), s.LagSpans, d.config.SigNoz.Lag)
	}
	t.Flush()
	if len(s.Newest) > 0 {
		fmt.Fprintln(out)
		t = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "service\tregion\tas\tnewest span\tage\tspans in %s\n", s.Span)
		for _, n := range s.Newest {
			fmt.Fprintf(t, "%s\t%q\t%s\t%s\t%s\t%d\n", n.Service, n.Region, d.config.RegionOf(n.Region),
				n.At.UTC().Format(time.RFC3339), d.at.Sub(n.At).Round(time.Second), n.Spans)
		}
		t.Flush()
	}
	if len(d.Sampled) > 0 {
		fmt.Fprintln(out)
		for _, s := range d.Sampled {
			fmt.Fprintf(out, "service %s: a span stands for %s requests (sample_rate %s)\n", s.Service, number(1/s.Rate), number(100*s.Rate)+"%")
		}
	}
	if len(d.Probes) > 0 {
		fmt.Fprintln(out)
		t = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "probe\tregion\tnow\ttook\tcertificate\n")
		for _, p := range d.Probes {
			now, certificate := "good", ""
			if !p.OK {
				now = "failed"
			}
			if p.CertificateDays != nil {
				certificate = fmt.Sprintf("%.0f days", *p.CertificateDays)
			}
			fmt.Fprintf(t, "%s\t%q\t%s\t%s\t%s\n", p.Probe, p.Region, now, p.Latency.Round(time.Millisecond), certificate)
		}
		t.Flush()
	}
	fmt.Fprintln(out)
	for _, w := range d.Wanting {
		fmt.Fprintln(out, "!", w)
	}
	if len(d.Wanting) == 0 {
		fmt.Fprintln(out, "all is well")
	}
}

// number writes a number as short as it is.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
