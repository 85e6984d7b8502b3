package embedded

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

// Option changes how a Handler answers.
type Option func(*front)

// ReadOnly makes every client of the handler a user with this readonly level,
// as a settings profile would on a server. At 2 writes are refused with code
// 164 and settings may be changed; at 1 changing a setting is refused as well.
func ReadOnly(level int) Option {
	return func(f *front) { f.readOnly = level }
}

// Handler is ClickHouse's HTTP interface on the engine: POST / with a statement
// in the body or in the URL's query, GET /ping, settings and param_ values in
// the URL, compress and decompress, the X-ClickHouse- headers. Unlike a server
// it computes an answer whole before it sends the first byte, so the summary in
// the headers is final and every mistake has a status of its own. It knows no
// users, no sessions that last longer than a request, and no external tables.
func (e *Engine) Handler(options ...Option) http.Handler {
	f := &front{engine: e}
	for _, option := range options {
		option(f)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", ok)
	mux.HandleFunc("GET /{$}", f.root)
	mux.HandleFunc("POST /{$}", f.root)
	return mux
}

type front struct {
	engine   *Engine
	readOnly int
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Ok.\n") }

func (f *front) root(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.RawQuery == "" {
		ok(w, r)
		return
	}
	// A client that neither reads nor writes must not keep the engine from closing.
	control := http.NewResponseController(w)
	defer context.AfterFunc(f.engine.closing, func() {
		_ = control.SetReadDeadline(time.Now())
		_ = control.SetWriteDeadline(time.Now())
	})()

	req, err := f.read(r)
	if err == nil {
		err = f.run(r.Context(), req, reply{w: w, packing: req.packing})
	}
	if err != nil {
		// What the client still sends is read first: one that is cut off while
		// it sends does not see the answer.
		_, _ = io.Copy(io.Discard, r.Body)
		refuse(w, err)
	}
}

// request is what a client asked for.
type request struct {
	sql      string
	rows     io.Reader // what an INSERT brings along, nil for other statements
	rowsIn   string    // their format
	format   string    // of the answer
	database string
	params   map[string]string
	settings map[string]string
	packing  compress.Method // of the answer
}

// notSettings are the URL's values that steer the interface itself.
var notSettings = map[string]bool{
	"query": true, "query_id": true, "database": true, "default_format": true, "compress": true, "decompress": true,
	"client_protocol_version": true, "wait_end_of_query": true, "buffer_size": true, "quota_key": true,
	"user": true, "password": true, "role": true, "stacktrace": true, "session_check": true, "session_timeout": true, "close_session": true,
}

// read takes the URL and the body apart.
func (f *front) read(r *http.Request) (request, error) {
	req := request{params: map[string]string{}, settings: map[string]string{}, format: "TabSeparated"}
	values := r.URL.Query()
	for name := range values {
		value := values.Get(name)
		param, isParam := strings.CutPrefix(name, "param_")
		switch {
		case isParam:
			req.params[param] = value
		case name == "session_id":
			return req, &Error{Code: codeNotImplemented, Msg: "the embedded engine keeps no session_id: every request is a session of its own"}
		case !notSettings[name]:
			req.settings[name] = value
		}
	}
	req.database = values.Get("database")
	if format := values.Get("default_format"); format != "" {
		req.format = format
	}
	if format := r.Header.Get("X-ClickHouse-Format"); format != "" {
		req.format = format
	}
	if values.Get("compress") == "1" {
		req.packing = compress.LZ4
		if strings.EqualFold(values.Get("network_compression_method"), "ZSTD") {
			req.packing = compress.ZSTD
		}
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return req, &Error{Code: codeNotImplemented, Msg: "the embedded engine takes no external tables"}
	}
	if r.Method == http.MethodGet && f.readOnly == 0 {
		req.settings["readonly"] = "2" // as on a server: a GET changes nothing
	}

	body, err := plain(r, values)
	if err != nil {
		return req, err
	}
	return req, req.separate(values.Get("query"), body)
}

// plain undoes the compression of the request's body.
func plain(r *http.Request, values url.Values) (io.Reader, error) {
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip":
		unzip, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("unpack the request: %w", err)
		}
		body = unzip
	default:
		return nil, &Error{Code: codeNotImplemented, Msg: "the embedded engine does not unpack Content-Encoding " + encoding}
	}
	if values.Get("decompress") == "1" {
		body = compress.NewReader(body)
	}
	return body, nil
}

// insertHead is the beginning of an INSERT whose rows follow in a format of
// their own. VALUES and SELECT do not match: those are statements like any other.
var insertHead = regexp.MustCompile("(?is)^\\s*" +
	"(insert\\s+into\\s+(?:table\\s+)?" + identifier + "(?:\\." + identifier + ")?\\s*(?:\\((?:[^()]|\\([^()]*\\))*\\))?\\s*(?:settings\\s[^()]*?)?)\\s*" +
	"\\bformat\\s+(\\w+)[ \\t]*;?[ \\t]*(?:\\r?\\n|$)")

const identifier = "(?:`[^`]+`|\"[^\"]+\"|[\\w$]+)"

// separate tells the statement from the rows. Either the URL has the statement
// and the body the rows, or the body has both, one after the other.
func (req *request) separate(query string, body io.Reader) error {
	if m := insertHead.FindStringSubmatch(query); m != nil {
		req.sql, req.rowsIn = strings.TrimSpace(m[1]), m[2]
		req.rows = io.MultiReader(strings.NewReader(query[len(m[0]):]), body)
		return nil
	}
	rest, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if m := insertHead.FindSubmatch(rest); m != nil && query == "" {
		req.sql, req.rowsIn = string(bytes.TrimSpace(m[1])), string(m[2])
		req.rows = bytes.NewReader(rest[len(m[0]):])
		return nil
	}
	req.sql = query
	if len(rest) > 0 {
		req.sql = strings.TrimPrefix(query+"\n"+string(rest), "\n")
	}
	if strings.TrimSpace(req.sql) == "" {
		return &Error{Code: codeSyntax, Msg: "Empty query. (SYNTAX_ERROR)"}
	}
	return nil
}

// run carries the request out and sends the answer. A statement whose client
// goes away is killed, but an INSERT whose rows have come is finished.
func (f *front) run(ctx context.Context, req request, re reply) error {
	if hello, ok := f.engine.hello(req.sql, req.format); ok {
		return re.send(hello, req.format, Result{})
	}
	if req.rows != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return f.engine.with(ctx, func(s *session) error {
		if err := f.prepare(s, req); err != nil {
			return err
		}
		if req.rows != nil {
			cost, err := s.insert(req.sql, req.rowsIn, req.rows)
			if err != nil {
				return err
			}
			return re.send(nil, req.format, cost)
		}
		if s.statements(req.sql) > 1 {
			return &Error{Code: codeSyntax, Msg: "Syntax error (Multi-statements are not allowed): send one statement a request. (SYNTAX_ERROR)"}
		}
		return s.run(req.sql, req.format, req.params, func(body []byte, cost Result) error {
			return re.send(body, req.format, cost)
		})
	})
}

// prepare gives the session the request's database and settings. The readonly
// level comes first, so that it judges the settings as a profile would.
func (f *front) prepare(s *session, req request) error {
	if err := s.use(req.database); err != nil {
		return err
	}
	if f.readOnly > 0 {
		if err := s.set(map[string]string{"readonly": strconv.Itoa(f.readOnly)}); err != nil {
			return err
		}
	}
	return s.set(req.settings)
}
