package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
)

// reply sends one answer as a ClickHouse server would.
type reply struct {
	w       http.ResponseWriter
	packing compress.Method // the zero value packs nothing
}

// send writes an answer and what it cost. A client that has gone is nobody to
// tell, so only a mistake of our own comes back.
func (r reply) send(body []byte, format string, cost Result) error {
	summary, err := json.Marshal(map[string]string{ // a server's numbers are strings, too
		"read_rows":    strconv.FormatUint(cost.RowsRead, 10),
		"read_bytes":   strconv.FormatUint(cost.BytesRead, 10),
		"written_rows": strconv.FormatUint(cost.RowsWritten, 10),
		"elapsed_ns":   strconv.FormatInt(cost.Elapsed.Nanoseconds(), 10),
	})
	if err != nil {
		return fmt.Errorf("summarise the answer: %w", err)
	}
	h := r.w.Header()
	h.Set("X-ClickHouse-Summary", string(summary))
	h.Set("X-ClickHouse-Format", format)
	h.Set("Content-Type", "application/octet-stream")
	if r.packing == 0 {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = r.w.Write(body)
		return nil
	}
	packer := compress.NewWriter(compress.LevelZero, r.packing)
	for piece := range slices.Chunk(body, 1<<20) { // a server's max_compress_block_size
		if err := packer.Compress(piece); err != nil {
			panic(fmt.Sprintf("compress a block of %d bytes: %v", len(piece), err)) // headers have gone; a block of this size always fits
		}
		if _, err := r.w.Write(packer.Data); err != nil {
			return nil
		}
	}
	return nil
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Code: codeUnknown, Msg: err.Error()}
	}
	status := http.StatusInternalServerError
	if errors.Is(err, ErrClosed) {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, e.wire()+"\n")
}

// helloQuery is how clickhouse-go greets a server over HTTP.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// hello answers the greeting of clickhouse-go by hand. The client reads this
// one answer as a block of revision 54460, and all others as of the revision
// that it is told: 0 is the plain Native format, which libchdb writes.
func (e *Engine) hello(sql, format string) ([]byte, bool) {
	if strings.TrimSpace(sql) != helloQuery || format != "Native" {
		return nil, false
	}
	text := func(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
	block := []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0} // block info
	block = append(block, 4, 1)                         // columns, rows
	for _, column := range []struct {
		name, kind string
		value      []byte
	}{
		{"displayName()", "String", text("embedded")},
		{"version()", "String", text(e.version)},
		{"revision()", "UInt32", binary.LittleEndian.AppendUint32(nil, 0)},
		{"timezone()", "String", text(e.zone)},
	} {
		block = append(block, text(column.name)...)
		block = append(block, text(column.kind)...)
		block = append(block, 0) // no custom serialisation
		block = append(block, column.value...)
	}
	return block, true
}
