// Command tocsin-demo shows Tocsin at work on one machine: a real ClickHouse
// engine holding SigNoz's tables, the traffic of a feature-flag service in
// three regions with a few days of history, and an outage in Europe that is
// under way. It starts the same tocsin that people run, beside the engine.
//
// Its rules and its cadence are short, so that ten minutes are enough to see an
// incident investigated, spoken of again, watched and resolved.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/alecthomas/kong"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/sample"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

type cli struct {
	Days    float64 `default:"3" help:"Days of history to make."`
	Rate    float64 `default:"12" help:"Sampled requests a minute in each region; six times as many in the present."`
	Public  string  `default:"127.0.0.1:8080" help:"Where the page is served."`
	Private string  `default:"127.0.0.1:8081" help:"Where the console, health and metrics are served."`
	Dir     string  `type:"path" help:"Folder for the engine's data, the store and the page; a temporary one, removed at the end, by default."`
	Tocsin  string  `type:"path" help:"The tocsin to start; by default the one beside this program."`

	token string // that the console is signed in to with
}

// config is the file that tocsin is started with, for people to edit.
func (c *cli) config() string { return filepath.Join(c.Dir, "tocsin.yaml") }

// logName is the file in the demo's folder that tocsin's log goes to.
const logName = "tocsin.log"

func main() {
	var c cli
	kong.Parse(&c, kong.Name("tocsin-demo"), kong.Description(
		"Tocsin beside an embedded ClickHouse with sample traffic and an outage under way. Ends with Ctrl-C."),
		kong.Exit(func(code int) { os.Exit(min(code, 2)) })) // kong's 80 is tocsin's 2: a command line that makes no sense
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "tocsin-demo:", err)
		os.Exit(1)
	}
}

func (c *cli) run(ctx context.Context) error {
	if c.Tocsin == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		c.Tocsin = filepath.Join(filepath.Dir(self), "tocsin")
	}
	if _, err := os.Stat(c.Tocsin); err != nil {
		return fmt.Errorf("%w: run 'make build', or name it with --tocsin", err)
	}
	if err := free(ctx, c.Public, "--public"); err != nil {
		return err
	}
	if err := free(ctx, c.Private, "--private"); err != nil {
		return err
	}
	if c.Dir == "" {
		dir, err := os.MkdirTemp("", "tocsin-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.Dir = dir
	}

	say("starting a ClickHouse engine in %s", c.Dir)
	engine, err := embedded.Open(filepath.Join(c.Dir, "clickhouse"))
	if err != nil {
		return err
	}
	defer engine.Close()
	front, err := engine.Serve(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer front.Close()
	conn, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{front.Addr()}})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := signoz.Create(ctx, conn, signoz.Schema(true)); err != nil {
		return err
	}

	now := time.Now().UTC().Truncate(time.Minute)
	begin := now.Add(-time.Duration(c.Days * float64(24*time.Hour))).Truncate(time.Minute)
	past, present := story(c.Rate, now)
	feed := present.Feed(now.Add(-busyFor), arrival)
	writer := signoz.NewWriter(conn).Without("attributes")
	if err := writeHistory(ctx, writer, past.Feed(begin, arrival), begin, now.Add(-busyFor)); err != nil {
		return err
	}
	if err := writer.Write(ctx, feed.Until(time.Now()), time.Now()); err != nil {
		return err
	}
	child, err := c.start(ctx, front.URL(), begin)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	go c.announce(ctx)
	err = live(ctx, writer, feed, ended)
	if err != nil && ctx.Err() == nil {
		showEnd(filepath.Join(c.Dir, logName))
	}
	if ctx.Err() != nil {
		say("stopping")
		err = <-ended
	}
	return err
}

// free says whether an address can be listened on. Whoever has it would answer
// in the place of the demo's own tocsin, and be announced.
func free(ctx context.Context, addr, flag string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%w: choose another address with %s, or end what listens there", err, flag)
	}
	return l.Close()
}

// start writes the demo's configuration and starts tocsin on it, with its
// watermark at the beginning of the history: it catches up with all of it, as
// it would after a stop.
func (c *cli) start(ctx context.Context, dsn string, begin time.Time) (*exec.Cmd, error) {
	if err := c.prepare(ctx, filepath.Join(c.Dir, "tocsin.db"), begin); err != nil {
		return nil, err
	}
	file := c.config()
	if err := os.WriteFile(file, []byte(configuration(dsn, c)), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(c.Dir, logName))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.CommandContext(ctx, c.Tocsin, "serve", "--config", file)
	cmd.Stderr, cmd.Stdout = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	say("starting %s serve --config %s (its log: %s)", c.Tocsin, file, log.Name())
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start tocsin: %w", err)
	}
	return cmd, nil
}

// prepare makes the store: with the watermark at begin, and a token for whoever
// watches.
func (c *cli) prepare(ctx context.Context, path string, begin time.Time) error {
	db, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	err = db.SetWatermark(ctx, rules.SourceSpans, begin)
	if err == nil {
		c.token, _, err = db.MakeToken(ctx, "robin", "admin", time.Time{}, time.Now())
	}
	return errors.Join(err, db.Close())
}

// announce waits until the page is there and up to date, and says so.
func (c *cli) announce(ctx context.Context) {
	for ctx.Err() == nil {
		if ok(ctx, "http://"+c.Private+"/readyz") && ok(ctx, "http://"+c.Public+"/") {
			break
		}
		time.Sleep(300 * time.Millisecond)
	}
	if ctx.Err() != nil {
		return
	}
	fmt.Printf(`
  the public page    http://%[1]s/
  the console        http://%[2]s/    sign in with %[4]s
  health, metrics    http://%[2]s/readyz  and  /metrics

  Europe has an outage. The rules here are the demo's own: two-minute windows, an update every two minutes. Watch the page:
  it is being investigated now, gets an update within two minutes, goes over to monitoring in six or seven and is resolved
  in eight or nine. Others follow. Ctrl-C ends the demo.

  In the United States evaluations begin to fail. Within a minute or two the console shows it, with words for customers that wait for two
  minutes more: acknowledge it, let the words go at once, change them or keep them back. From another terminal:
    TOCSIN_TOKEN=%[4]s %[5]s --config %[3]s incident list

  Meanwhile edit its rules: %[3]s
  The P1 of api-errors begins above 10%%. Make that 90%%, or make it a P0, and watch the page: it follows within five seconds.

`, c.Public, c.Private, c.config(), c.token, c.Tocsin)
}

func ok(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// writeHistory stores everything that a feed hands out before end.
func writeHistory(ctx context.Context, w *signoz.Writer, feed *sample.Feed, begin, end time.Time) error {
	bar := newProgress("writing history", int(end.Sub(begin)/time.Minute))
	err := w.WriteAll(ctx, func(yield func(time.Time, traces) bool) {
		for at, tr := range feed.Through(end) {
			if ctx.Err() != nil || !yield(at, tr) {
				return
			}
			bar.add(1)
		}
	})
	bar.end()
	return err
}

// live stores what arrives, every second, until ctx ends or tocsin does.
func live(ctx context.Context, w *signoz.Writer, feed *sample.Feed, ended chan error) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return fmt.Errorf("tocsin ended by itself (%w): its log has the reason", err)
		case at := <-tick.C:
			tr := feed.Until(at)
			if tr.SpanCount() == 0 {
				continue
			}
			if err := w.Write(ctx, tr, at); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// showEnd prints the last lines of a log that is about to be removed.
func showEnd(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return
	}
	const most = 4000
	fmt.Fprintf(os.Stderr, "%s\n", b[max(0, len(b)-most):])
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
