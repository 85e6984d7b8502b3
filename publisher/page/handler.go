package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// Handler serves the page that is kept in folder to the public: only its own
// files, read only, no listing of folders. It greys a page that has outlived
// its time, so that readers are told even when nothing writes the folder any
// more. The folder need not be there yet.
func Handler(folder string) http.Handler {
	return &server{folder: folder, now: time.Now, cache: map[string]*answer{}}
}

type server struct {
	folder string
	now    func() time.Time

	mu    sync.Mutex // guards cache
	cache map[string]*answer
}

// answer is one file, ready to be sent.
type answer struct {
	size     int64
	modified time.Time // of the file
	until    time.Time // zero: it never expires
	stale    bool      // shown as expired

	shown       time.Time // Last-Modified; zero: none is sent
	plain       []byte
	zipped      []byte
	etag        string // without quotes
	contentType string
	policy      string
}

// cached bounds how many files are kept in memory.
const cached = 64

const htmlType = "text/html; charset=utf-8"

// route gives the file behind a path, and its type. Only names that we write
// have one. Some clients double a slash.
func route(asked string) (file, contentType string) {
	name := strings.TrimPrefix(path.Clean("/"+asked), "/")
	switch {
	case asked == "/":
		name = fileIndex
	case asked == "/history", asked == "/history/":
		name = fileHistory
	case strings.HasSuffix(asked, "/"), strings.Contains(asked, "/."):
		return "", ""
	}
	if id, ok := strings.CutPrefix(name, folderIncident+"/"); ok {
		if id = strings.TrimSuffix(id, ".html"); incidentID.MatchString(id) {
			return folderIncident + "/" + id + ".html", htmlType
		}
	}
	if name == fileIndex || name == fileHistory || isDocument(name) {
		return name, typeOf(name)
	}
	return "", ""
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	file, contentType := route(r.URL.Path)
	if file == "" {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	a, err := s.answer(file, contentType)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(file, "incidents/"):
		http.Error(w, "there is no such incident", http.StatusNotFound)
		return
	case err != nil:
		h.Set("Retry-After", "15")
		h.Set("Cache-Control", "no-store")
		http.Error(w, "this page has not been made yet: please try again in a moment", http.StatusServiceUnavailable)
		return
	}
	a.send(w, r)
}

// send answers with the file, or with 304 if the reader has it already.
func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "public, max-age=15, s-maxage=30, stale-while-revalidate=60, stale-if-error=86400")
	h.Set("Vary", "Accept-Encoding")
	if a.contentType != htmlType {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	if a.policy != "" {
		h.Set("Content-Security-Policy", a.policy+"; frame-ancestors 'none'")
	}
	body, etag := a.plain, a.etag
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body, etag = a.zipped, a.etag+"-gz"
	}
	h.Set("ETag", `"`+etag+`"`)
	// Parts of such small files are of no use, and a part of a compressed one
	// is a trap.
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	http.ServeContent(w, r, "", a.shown, bytes.NewReader(body))
}

// acceptsGzip reports whether a reader takes gzip.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, q, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(strings.ToLower(name)) != "gzip" {
			continue
		}
		q = strings.ReplaceAll(strings.ToLower(q), " ", "")
		return strings.Trim(strings.TrimPrefix(q, "q="), "0.") != "" || !strings.HasPrefix(q, "q=")
	}
	return false
}

// answer gives a file as it is to be sent now.
func (s *server) answer(file, contentType string) (*answer, error) {
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	now := s.now()

	s.mu.Lock()
	a := s.cache[file]
	s.mu.Unlock()
	if a != nil && a.size == info.Size() && a.modified.Equal(info.ModTime()) && a.stale == a.expiry(root, file).before(now) {
		return a, nil
	}

	content, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	a = &answer{size: info.Size(), modified: info.ModTime(), shown: info.ModTime(), contentType: contentType, until: templates.Expires(content)}
	if e := a.expiry(root, file); e.before(now) {
		a.stale = true
		content, a.shown = grey(file, content, e), e.until
	}
	if greys(file) && contentType != htmlType {
		a.shown = time.Time{} // it greys and recovers without a change of the file: only its hash tells
	}
	a.plain = content
	a.zipped, err = zip(content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	a.etag = hex.EncodeToString(sum[:16])
	if contentType == htmlType {
		a.policy = templates.Policy(content)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cache) >= cached {
		clear(s.cache)
	}
	s.cache[file] = a
	return a, nil
}

// expiry gives until when a file may be shown as it is. A page says so itself;
// the forms of the others have no place for it, and so the file beside them is
// asked.
func (a *answer) expiry(root *os.Root, file string) expiry {
	switch {
	case strings.HasSuffix(file, ".html"):
		return expiry{until: a.until}
	case !greys(file):
		return expiry{}
	}
	var d struct {
		ValidUntil time.Time `json:"valid_until"`
		CheckedAt  time.Time `json:"checked_at"`
	}
	b, err := root.ReadFile(fileFacts)
	if err != nil || json.Unmarshal(b, &d) != nil {
		return expiry{}
	}
	return expiry{d.ValidUntil, d.CheckedAt}
}

func zip(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
