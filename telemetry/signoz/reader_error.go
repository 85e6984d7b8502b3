package signoz

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Trouble says whose turn it is when the store cannot be read. No trouble ever
// means that all is well.
type Trouble uint8

const (
	Unwell Trouble = iota // the store is out of reach, overloaded or too slow: ask again later
	Refuse                // a person must change something first: the address, the user, the tables
	OurBug                // the store does not understand our SQL
)

func (t Trouble) String() string {
	return [...]string{"the source is unwell", "a person must mend it", "a bug of Tocsin"}[t]
}

// Error is why the store could not be read.
type Error struct {
	Trouble  Trouble
	Doing    string // "read minutes"
	Address  string // as it was tried, without user and password
	Protocol string // native or HTTP
	Code     int32  // ClickHouse's own code; 0 where it said none
	Hint     string // what to do, if we know
	Err      error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s (%s protocol): %v", e.Doing, e.Address, e.Protocol, e.Err)
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// Unwrap gives what the store or the network said.
func (e *Error) Unwrap() error { return e.Err }

// Codes of ClickHouse that we act on.
const (
	codeUnknownFunction   = 46
	codeUnknownIdentifier = 47
	codeUnknownTable      = 60
	codeSyntaxError       = 62
	codeUnknownDatabase   = 81
	codeUnknownSetting    = 115
	codeReadonly          = 164
)

// judged is what a code of ClickHouse means. A code that is not listed means
// that the store is unwell, which is the meaning that does no harm.
var judged = map[int32]struct {
	trouble Trouble
	hint    string
}{
	codeUnknownTable:    {Refuse, ""},
	codeUnknownDatabase: {Refuse, "the dsn names a database that is not there: leave it out"},
	codeReadonly:        {Refuse, "give the user a profile with readonly = 2 (readonly = 1 does not let a client say how long a query may take)"},
	codeUnknownSetting:  {Refuse, "the dsn carries a setting that this server does not know: take it out"},
	192:                 {Refuse, "the server does not know this user: name another one in the dsn (clickhouse://USER@host:9000)"},
	193:                 {Refuse, "the password is wrong: see password_file"},
	194:                 {Refuse, "the user needs a password: name its file in password_file"},
	291:                 {Refuse, "grant it: GRANT SELECT ON signoz_traces.* TO the user"},
	452:                 {Refuse, "the user's profile forbids a setting: take the constraint out of it"},
	497:                 {Refuse, "grant it: GRANT SELECT ON signoz_traces.* TO the user"},
	516:                 {Refuse, "the user or the password is wrong: see dsn and password_file"},

	codeUnknownFunction:   {OurBug, ""},
	codeUnknownIdentifier: {OurBug, ""},
	codeSyntaxError:       {OurBug, ""},
	43:                    {OurBug, ""}, // wrong type of argument
	53:                    {OurBug, ""}, // types that do not fit
	386:                   {OurBug, ""}, // no common type
	456:                   {OurBug, ""}, // a parameter without a value
	457:                   {OurBug, ""}, // a parameter that cannot be read

	159: {Unwell, "the query took longer than it may"},
	241: {Unwell, "the query needed more memory than it may"},
}

// wrap gives what went wrong its kind. Nil stays nil.
func (a address) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Doing: doing, Address: a.shown, Protocol: a.protocol(), Err: err}
	if x, ok := errors.AsType[*clickhouse.Exception](err); ok {
		e.Code = x.Code
		e.Trouble, e.Hint = judged[x.Code].trouble, judged[x.Code].hint
		return e
	}
	e.Hint = a.hint(err)
	return e
}

// hint says what to try when there was no answer that ClickHouse would give.
// Ports are the usual reason: 9000 and 9440 speak the native protocol, 8123 and
// 8443 HTTP.
func (a address) hint(err error) string {
	said := err.Error()
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case strings.Contains(said, "unexpected packet [72]"): // the H of HTTP/1.1
		return "that port speaks HTTP: write http:// before it"
	case strings.Contains(said, "is for clickhouse-client program"), strings.Contains(said, "malformed HTTP"):
		return "that port speaks the native protocol: write clickhouse:// before it"
	case strings.Contains(said, "first record does not look like a TLS handshake"), strings.Contains(said, "HTTP response to HTTPS client"):
		return "that port speaks without TLS: leave out secure=true, or write http:// instead of https://"
	case isA[*net.DNSError](err):
		return "no such host: see dsn"
	case strings.Contains(said, "connection refused"):
		return "nothing listens there: is the server up, and is it 9000 for clickhouse:// or 8123 for http://?"
	case strings.Contains(said, "EOF"), strings.Contains(said, "connection reset"):
		return "the connection broke: if it always does, the port may speak the other protocol, or want secure=true"
	case isTimeout(err) && !a.http && strings.Contains(said, "handshake"):
		return "the port does not answer in the native protocol: if it speaks HTTP, write http:// before it"
	case isTimeout(err):
		return "no answer in time"
	default:
		return ""
	}
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// outdated reports whether an error says that the tables or the server's settings
// are not those that were found, as after an upgrade.
func outdated(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && slices.Contains([]int32{codeUnknownIdentifier, codeUnknownTable, codeUnknownDatabase, codeUnknownSetting}, e.Code)
}
