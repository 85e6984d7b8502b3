// Command tocsin is the service and its tools: serve runs it, check reads the
// rules, doctor looks at what it can reach, page renders the public page once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes: 0 all is well, 1 something was found or went wrong, 2 the command
// line makes no sense. A command that mail servers run ends with 75, which they
// know: try again later.
const (
	exitGood  = 0
	exitFound = 1
	exitUsage = 2
	exitLater = 75
)

// cli is the command line.
type cli struct {
	Config     string `short:"c" placeholder:"FILE" help:"Configuration; tocsin.yaml where there is one, else the built-in defaults and starter rules."`
	ClickHouse string `name:"clickhouse" env:"TOCSIN_CLICKHOUSE_DSN" placeholder:"URL" help:"SigNoz's ClickHouse, over the configuration: clickhouse://host:9000 or http://host:8123. The password comes from TOCSIN_CLICKHOUSE_PASSWORD or a file."`

	Serve     serveCmd     `cmd:"" help:"Watch, run incidents, publish. Runs until it is told to stop."`
	Check     checkCmd     `cmd:"" help:"Read the configuration and the rules, and print every mistake at once, and what looks like one."`
	Doctor    doctorCmd    `cmd:"" help:"Look at what Tocsin can reach: the store, its tables, the newest span of each service and region, how late they are."`
	Page      pageCmd      `cmd:"" help:"Render the public page into a folder, once."`
	Test      testCmd      `cmd:"" help:"Play the rule tests: minutes in, findings and incidents out."`
	Replay    replayCmd    `cmd:"" help:"Tell what the rules would have said of a time that is over: incidents, posts, nights woken. Changes nothing."`
	Incident  incidentCmd  `cmd:"" help:"Work on incidents: list, acknowledge, say, resolve …, through the API of a running service."`
	Outbox    outboxCmd    `cmd:"" help:"See what waits to go out and what was given up, and have it go out again, through the API of a running service."`
	Email     emailCmd     `cmd:"" help:"Take in mail that came back, list the addresses that are left out of lists, and forget what is known of them."`
	Token     tokenCmd     `cmd:"" help:"Make, list and revoke the tokens that people and programs sign in with."`
	Templates templatesCmd `cmd:"" help:"Begin with templates of your own: list, show and copy the built-in ones."`
	Preview   previewCmd   `cmd:"" help:"Show what an incident looks like in any channel, or an example without any incident."`
	Schema    schemaCmd    `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`

	Version kong.VersionFlag `help:"Print the version."`
}

// world is what a command touches besides its flags.
type world struct {
	ctx    context.Context
	out    io.Writer
	errs   io.Writer
	config string
	dsn    string
	point  func(string) // crash tests kill the program here; nil outside of them
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, nil))
}

// errFound ends a command that has printed what it found.
var errFound = errors.New("found something")

// errLater ends a command that is to be run again with the same.
var errLater = errors.New("try again later")

// run is the program, with its exit code.
func run(ctx context.Context, args []string, out, errs io.Writer, point func(string)) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("tocsin"),
		kong.Description("The bell that warns the town: from SigNoz's telemetry to the words that customers read."),
		kong.Vars{"version": version()},
		kong.Writers(out, errs),
		kong.UsageOnError(),
		kong.Exit(func(n int) { code = n; panic(exited{}) }),
	)
	if err != nil {
		panic(err) // the command line's own definition is wrong
	}
	k, err := parse(parser, args)
	switch {
	case code >= 0:
		return code
	case err != nil:
		fmt.Fprintln(errs, "tocsin:", err)
		fmt.Fprintln(errs, "Run 'tocsin --help' for the commands.")
		return exitUsage
	}
	switch err := k.Run(&world{ctx: ctx, out: out, errs: errs, config: c.Config, dsn: c.ClickHouse, point: point}); {
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, errLater):
		fmt.Fprintln(errs, "tocsin:", err)
		return exitLater
	case err != nil:
		fmt.Fprintln(errs, "tocsin:", err)
		return exitFound
	default:
		return exitGood
	}
}

// exited carries kong's wish to end the process (after --help) up to run.
type exited struct{}

func parse(p *kong.Kong, args []string) (k *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exited); !ok {
				panic(r)
			}
		}
	}()
	return p.Parse(args)
}
