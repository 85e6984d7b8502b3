package signoz

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Times that a query may take. The server stops it first, so that it does not
// go on for nobody; we stop waiting a little later.
const (
	queryTime = 20 * time.Second
	waitTime  = queryTime + 10*time.Second
	dialTime  = 10 * time.Second
)

// address is where the store is.
type address struct {
	shown string // without user and password
	http  bool
}

func (a address) protocol() string {
	if a.http {
		return "HTTP"
	}
	return "native"
}

// parseDSN reads an address: clickhouse:// and tcp:// speak the native protocol,
// http:// and https:// HTTP. https implies secure=true.
func parseDSN(dsn, password string) (*clickhouse.Options, address, error) {
	scheme, rest, ok := strings.Cut(dsn, "://")
	switch {
	case dsn == "":
		return nil, address{}, errors.New("sources.signoz.dsn is empty: write the address of SigNoz's ClickHouse, such as clickhouse://tocsin@host:9000 or http://tocsin@host:8123")
	case !ok || !slices.Contains([]string{"clickhouse", "tcp", "http", "https"}, scheme):
		return nil, address{}, errors.New("sources.signoz.dsn is not an address: begin it with clickhouse:// for the native protocol, or with http:// or https://")
	case scheme == "https" && !strings.Contains(rest, "secure=") && strings.Contains(rest, "?"):
		dsn += "&secure=true"
	case scheme == "https" && !strings.Contains(rest, "secure="):
		dsn += "?secure=true"
	}
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, address{}, fmt.Errorf("sources.signoz.dsn: %w", err)
	}
	a := address{
		shown: (&url.URL{Scheme: scheme, Host: strings.Join(options.Addr, ",")}).String(),
		http:  options.Protocol == clickhouse.HTTP,
	}
	options.Auth.Password = cmp.Or(password, options.Auth.Password)
	options.DialTimeout = cmp.Or(options.DialTimeout, dialTime)
	options.ReadTimeout = cmp.Or(options.ReadTimeout, waitTime)
	options.MaxOpenConns = cmp.Or(options.MaxOpenConns, 4)
	options.MaxIdleConns = cmp.Or(options.MaxIdleConns, 2)
	options.ClientInfo.Products = append(options.ClientInfo.Products, struct{ Name, Version string }{"tocsin", "1"})
	if a.http {
		// No byte of an answer before the whole is there: what goes wrong on
		// the way is then a status, never an answer that ends early.
		options.Settings["wait_end_of_query"] = 1
	}
	return options, a, nil
}

// client asks the store, always with the settings that it knows.
type client struct {
	conn     driver.Conn
	address  address
	settings atomic.Pointer[settings]
}

func newClient(dsn, password string) (*client, string, error) {
	options, a, err := parseDSN(dsn, password)
	if err != nil {
		return nil, "", err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, "", fmt.Errorf("sources.signoz.dsn: %w", err)
	}
	c := &client{conn: conn, address: a}
	c.settings.Store(&settings{})
	return c, options.Auth.Database, nil
}

// errNoAnswer is the cause when we have waited longer than the server may take.
var errNoAnswer = fmt.Errorf("no answer within %s", waitTime)

// each runs a query and calls row for each row of the answer.
func (c *client) each(ctx context.Context, doing, sql string, params map[string]string, row func(driver.Rows) error) error {
	return c.eachWith(ctx, c.settings.Load(), doing, sql, params, row)
}

func (c *client) eachWith(ctx context.Context, s *settings, doing, sql string, params map[string]string, row func(driver.Rows) error) error {
	ctx, cancel := c.context(ctx, s.of(doing), params)
	defer cancel()
	err := c.run(ctx, sql, row)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // rather than how the connection took it
	}
	return c.address.wrap(doing, err)
}

func (c *client) run(ctx context.Context, sql string, row func(driver.Rows) error) error {
	rows, err := c.conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// one runs a query that has one row and puts it into dest. An empty answer is
// an error.
func (c *client) one(ctx context.Context, doing, sql string, params map[string]string, dest ...any) error {
	found := false
	err := c.each(ctx, doing, sql, params, func(r driver.Rows) error {
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		err = c.address.wrap(doing, errors.New("an answer without rows"))
	}
	return err
}

// context gives a query its settings and parameters. The caller's deadline
// becomes an end without a deadline: from a deadline clickhouse-go would make a
// max_execution_time of its own, which knows nothing of the server's limits.
func (c *client) context(ctx context.Context, s clickhouse.Settings, params map[string]string) (context.Context, context.CancelFunc) {
	bare, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	timer := time.AfterFunc(waitTime, func() { cancel(errNoAnswer) })
	bare = clickhouse.Context(bare, clickhouse.WithSettings(s), clickhouse.WithParameters(params))
	return bare, func() {
		unwatch()
		timer.Stop()
		cancel(nil)
	}
}
