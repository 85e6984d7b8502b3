package page

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Handler serves the page that is kept in folder to the public, from memory:
// always all of one version, only its own files, read only. It greys what has
// outlived its time, so that readers are told even when nothing writes the folder
// any more. The folder need not be there yet.
func Handler(folder string) *Server {
	return &Server{folder: folder, now: time.Now, began: time.Now()}
}

// Server is what Handler makes.
type Server struct {
	folder string
	now    func() time.Time
	began  time.Time

	snap   atomic.Pointer[snapshot] // nil until there is a page
	looked atomic.Int64             // when the link was looked at last, since began

	mu     sync.Mutex // held by the one who loads; guards what follows
	broken string     // a version that could not be loaded
	tried  time.Time  // when
}

// lookEvery is how often the link is looked at where nobody says that it moved.
const lookEvery = time.Second

// Refresh shows what the folder holds now. It is called by whoever knows that
// something was published; without it readers see that within a second.
func (s *Server) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
}

// ValidUntil gives until when what is shown holds; zero where nothing is shown, or
// nothing was judged yet. Past it readers are told that nobody knows.
func (s *Server) ValidUntil() time.Time {
	snap := s.current()
	if snap == nil {
		return time.Time{}
	}
	return snap.until
}

// refresh loads the version that the link leads to, if it is not the one that is
// shown. One that cannot be loaded changes nothing: readers go on with what they
// have, which says until when it holds.
func (s *Server) refresh() {
	s.looked.Store(int64(time.Since(s.began)))
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return
	}
	defer root.Close()
	for range 3 { // the link can move on, and what it led to be removed, meanwhile
		version, err := shown(root)
		before := s.snap.Load()
		if err != nil || version == "" || before != nil && before.version == version {
			return
		}
		if version == s.broken && time.Since(s.tried) < lookEvery {
			return // it would have to be read again for each reader
		}
		next, err := loadVersion(root, version, before, s.now())
		if err == nil {
			s.broken = ""
			s.snap.Store(next)
			return
		}
		s.broken, s.tried = version, time.Now()
	}
}

// current gives the version to show, nil if there is none yet.
func (s *Server) current() *snapshot {
	if snap := s.snap.Load(); snap != nil {
		if time.Since(s.began)-time.Duration(s.looked.Load()) >= lookEvery && s.mu.TryLock() {
			defer s.mu.Unlock()
			s.refresh()
			return s.snap.Load()
		}
		return snap
	}
	s.Refresh()
	return s.snap.Load()
}

// find gives the file behind a path, or the path, relative to that one, that it
// is found at.
func (s *snapshot) find(path string) (f *file, elsewhere string) {
	for strings.Contains(path, "//") { // some clients double the slash
		path = strings.ReplaceAll(path, "//", "/")
	}
	name, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, ""
	}
	if name == "" || strings.HasSuffix(name, "/") {
		if f := s.files[name+fileIndex]; f != nil {
			return f, ""
		}
	}
	if f := s.files[name]; f != nil {
		return f, ""
	}
	if id, ok := strings.CutPrefix(name, "incidents/"); ok {
		if f := s.files[name+".html"]; f != nil {
			return f, ""
		}
		if short := strings.TrimSuffix(id, "/"); incidentID.MatchString(short) && s.files["incidents/"+short+".html"] != nil {
			return nil, "../" + short + ".html"
		}
	}
	// A folder without its slash: the links on its page would lead astray.
	if s.files[name+"/"+fileIndex] != nil {
		return nil, name[strings.LastIndexByte(name, '/')+1:] + "/"
	}
	return nil, ""
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Referrer-Policy"] = []string{referrerPolicy}
	h["Permissions-Policy"] = []string{permissionsPolicy}
	h["Content-Security-Policy"] = []string{nothing}
	if r.TLS != nil {
		h["Strict-Transport-Security"] = []string{transportSecurity}
	}
	snap := s.current()
	if snap == nil {
		h.Set("Retry-After", "15")
		h.Set("Cache-Control", "no-store")
		http.Error(w, "this page has not been made yet: please try again in a moment", http.StatusServiceUnavailable)
		return
	}
	f, elsewhere := snap.find(r.URL.Path)
	switch {
	case r.Method == http.MethodOptions && f != nil && !isPage(f.name):
		allow(w)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
	case elsewhere != "":
		h.Set("Cache-Control", cacheControl)
		h.Set("Location", elsewhere)
		w.WriteHeader(http.StatusMovedPermanently)
	case f != nil:
		f.send(w, r, s.now(), http.StatusOK)
	case snap.files[fileMissing] != nil:
		snap.files[fileMissing].send(w, r, s.now(), http.StatusNotFound)
	default:
		h.Set("Cache-Control", cacheControl)
		http.Error(w, "there is no such page", http.StatusNotFound)
	}
}

// allow answers a browser that asks whether another site may ask.
func allow(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "If-None-Match, If-Modified-Since, Cache-Control")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// send answers with the file, or with 304 if the reader has it already. Parts are
// not sent: of such small files they are of no use, and a part of a compressed one
// is a trap.
func (f *file) send(w http.ResponseWriter, r *http.Request, now time.Time, status int) {
	c, since := f.at(now)
	how := accepted(r.Header.Get("Accept-Encoding"))
	etag := `"` + c.etag + how.suffix() + `"`
	h := w.Header()
	h["Cache-Control"] = []string{cacheControl}
	h["Content-Security-Policy"] = []string{c.policy}
	h["Vary"] = []string{"Accept-Encoding"}
	if isPage(f.name) {
		h["Cross-Origin-Opener-Policy"] = []string{"same-origin"}
		h["Cross-Origin-Resource-Policy"] = []string{"same-origin"}
	} else {
		if greys(f.name) {
			h["Cache-Control"] = []string{cacheControlOfNow}
		}
		h["Access-Control-Allow-Origin"] = []string{"*"}
		h["Access-Control-Expose-Headers"] = []string{"ETag"}
		h["Cross-Origin-Resource-Policy"] = []string{"cross-origin"}
	}
	if status == http.StatusOK {
		h["Etag"] = []string{etag}
		modified := ""
		if !since.After(now) { // else it is ahead of the clock, to differ from what was there in the same second
			modified = since.UTC().Format(http.TimeFormat)
			h["Last-Modified"] = []string{modified}
		}
		if has(r.Header, etag, since, modified != "") {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := c.as(how)
	if how != plain {
		h["Content-Encoding"] = []string{how.name()}
	}
	h["Content-Type"] = []string{f.mime}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // who is gone needs no answer
	}
}

// has reports whether a reader has what would be sent: by its tag, or, if it sent
// none, by its time.
func has(h http.Header, etag string, since time.Time, dated bool) bool {
	if tags := h["If-None-Match"]; len(tags) > 0 {
		for _, list := range tags {
			for tag := range strings.SplitSeq(list, ",") {
				tag = strings.TrimSpace(tag)
				if tag == "*" || strings.TrimPrefix(tag, "W/") == etag { // ours hold no comma
					return true
				}
			}
		}
		return false
	}
	at, err := http.ParseTime(h.Get("If-Modified-Since"))
	return err == nil && dated && !since.After(at)
}
