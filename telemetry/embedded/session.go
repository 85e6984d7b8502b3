package embedded

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// session is one connection to the engine, with settings and a current
// database of its own. It runs one statement at a time.
type session struct {
	lib  *library
	conn *uintptr
}

// close ends the session and what it may have left behind.
func (s *session) close() { s.lib.closeConn(s.conn) }

// settingName is what may stand in SET without quotes.
var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// set changes settings for the rest of the session.
func (s *session) set(settings map[string]string) error {
	if len(settings) == 0 {
		return nil
	}
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !settingName.MatchString(name) {
			return &Error{Code: codeUnknownSetting, Msg: fmt.Sprintf("Unknown setting '%s'.", name)}
		}
		changes = append(changes, name+" = "+quote(settings[name]))
	}
	_, err := s.query("SET "+strings.Join(changes, ", "), "Null", nil)
	return err
}

// use changes the current database for the rest of the session.
func (s *session) use(database string) error {
	if database == "" || database == "default" {
		return nil
	}
	escaped := strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(database)
	_, err := s.query("USE `"+escaped+"`", "Null", nil)
	return err
}

// statements counts the statements of a text without running them. A text that
// does not parse has none.
func (s *session) statements(sql string) int {
	out := analysis{size: uint32(unsafe.Sizeof(analysis{}))}
	text := []byte(sql)
	s.lib.classify(*s.conn, unsafe.SliceData(text), uintptr(len(text)), nil, 0, &out)
	runtime.KeepAlive(text)
	return int(out.statements)
}

// query runs a statement to its end and returns the whole answer.
func (s *session) query(sql, format string, params map[string]string) (Result, error) {
	var res Result
	err := s.run(sql, format, params, func(body []byte, figures Result) error {
		res = figures
		res.Body = append([]byte(nil), body...)
		return nil
	})
	return res, err
}

// run is query without a copy of the answer: body is libchdb's memory, and is
// given back to it when yield returns.
func (s *session) run(sql, format string, params map[string]string, yield func(body []byte, figures Result) error) error {
	result := s.call(sql, format, params)
	defer s.lib.destroy(result)
	if problem := s.lib.problem(result); problem != "" {
		return parseError(problem)
	}
	figures := s.figures(result)
	figures.Elapsed = time.Duration(s.lib.elapsed(result) * float64(time.Second))
	var body []byte
	if n := s.lib.length(result); n > 0 {
		body = unsafe.Slice((*byte)(s.lib.buffer(result)), n)
	}
	return yield(body, figures)
}

// insert runs an INSERT without its FORMAT clause, with rows in that format
// from r. As on a server, rows that were taken before a mistake stay.
func (s *session) insert(sql, format string, r io.Reader) (Result, error) {
	began := time.Now()
	text, form := []byte(sql), []byte(format)
	stream := s.lib.insert(*s.conn, unsafe.SliceData(text), uintptr(len(text)), unsafe.SliceData(form), uintptr(len(form)))
	runtime.KeepAlive(text)
	runtime.KeepAlive(form)
	defer s.lib.insertDestroy(stream)
	if problem := s.lib.insertError(stream); problem != "" {
		return Result{}, parseError(problem)
	}

	buf := make([]byte, 1<<20)
	for more := true; more; {
		n, err := fill(buf, r)
		if err != nil && !errors.Is(err, io.EOF) {
			return Result{}, fmt.Errorf("read the rows to insert: %w", err) // destroying the stream cancels it
		}
		more = err == nil
		if n > 0 && s.lib.insertAppend(stream, &buf[0], uintptr(n)) != 0 {
			break // what went wrong is said at the end
		}
	}

	result := s.lib.insertDone(stream)
	defer s.lib.destroy(result)
	if problem := s.lib.problem(result); problem != "" {
		return Result{}, parseError(problem)
	}
	res := s.figures(result)
	res.Elapsed = time.Since(began)
	return res, nil
}

// fill reads until buf is full or r ends. Unlike io.ReadFull it tells rows that
// have all come (io.EOF) from a client that broke off (io.ErrUnexpectedEOF).
func fill(buf []byte, r io.Reader) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// call passes a statement and its parameters to libchdb, which copies them.
func (s *session) call(sql, format string, params map[string]string) uintptr {
	text, form := []byte(sql), []byte(format)
	var names, values []*byte
	var nameLens, valueLens []uintptr
	for name, value := range params {
		// A NUL behind each: an empty value needs an address, too.
		names = append(names, unsafe.SliceData([]byte(name+"\x00")))
		values = append(values, unsafe.SliceData([]byte(value+"\x00")))
		nameLens = append(nameLens, uintptr(len(name)))
		valueLens = append(valueLens, uintptr(len(value)))
	}
	result := s.lib.query(*s.conn, unsafe.SliceData(text), uintptr(len(text)), unsafe.SliceData(form), uintptr(len(form)),
		unsafe.SliceData(names), unsafe.SliceData(nameLens), unsafe.SliceData(values), unsafe.SliceData(valueLens), uintptr(len(names)))
	for _, pinned := range []any{text, form, names, values, nameLens, valueLens} {
		runtime.KeepAlive(pinned)
	}
	return result
}

// figures is what a result says of itself, less its body and its time.
func (s *session) figures(result uintptr) Result {
	return Result{
		RowsRead:    s.lib.rowsRead(result),
		BytesRead:   s.lib.bytesRead(result),
		RowsWritten: s.lib.rowsWritten(result),
	}
}

// quote writes a string as a SQL literal.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
