package page

import (
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// snapshot is one version of the page in memory, whole. It never changes.
type snapshot struct {
	version string    // its folder's name
	until   time.Time // by the manifest
	files   map[string]*file
}

// file is a file of a snapshot.
type file struct {
	name  string
	mime  string
	hash  string // by the manifest
	shown time.Time
	expiry
	fresh *content

	once  sync.Once
	stale *content // made when it is first wanted
}

// loadVersion reads a version. Every file is what the manifest says it is, or the
// version is none. What the snapshot before has already is not read again; what was
// grey of it by now is as new as if it had changed.
func loadVersion(root *os.Root, version string, before *snapshot, now time.Time) (*snapshot, error) {
	v, err := root.OpenRoot(path.Join(versionsName, version))
	if err != nil {
		return nil, err
	}
	defer v.Close()
	manifest, err := v.ReadFile(fileManifest)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(manifest)
	if err != nil {
		return nil, err
	}
	m.Files[fileManifest] = Entry{SHA256: sum(manifest), Size: len(manifest), Type: contentType(fileManifest)}
	s := &snapshot{version: version, until: m.ValidUntil, files: make(map[string]*file, len(m.Files))}
	for name, e := range m.Files {
		f := &file{name: name, mime: e.Type, hash: e.SHA256}
		var was *file
		if before != nil {
			was = before.files[name]
		}
		if was != nil && was.hash == e.SHA256 {
			f.fresh, f.shown = was.fresh, was.shown
			if least := was.until.Truncate(time.Second).Add(time.Second); was.before(now) && f.shown.Before(least) {
				f.shown = least
			}
		} else if err := f.read(v, was); err != nil {
			return nil, err
		}
		f.expiry = expires(name, f.fresh.plain, m)
		s.files[name] = f
	}
	return s, nil
}

// read reads a file that is new, or another than it was.
func (f *file) read(v *os.Root, was *file) error {
	info, err := v.Stat(f.name)
	if err != nil {
		return err
	}
	b, err := v.ReadFile(f.name)
	if err != nil {
		return err
	}
	if got := sum(b); got != f.hash {
		return fmt.Errorf("%s: its hash is %s, the manifest says %s", f.name, got, f.hash)
	}
	f.fresh = newContent(f.name, b)
	f.shown = info.ModTime().Truncate(time.Second)
	if was != nil {
		if least := was.shown.Add(time.Second); f.shown.Before(least) {
			f.shown = least // two contents never have one time
		}
		f.fresh.prepare(was.fresh)
	}
	return nil
}

func newContent(name string, b []byte) *content {
	c := &content{plain: b, etag: sum(b)[:32], policy: nothing}
	if isPage(name) {
		c.policy = framing
		if own := templates.Policy(b); own != "" {
			c.policy = own + "; " + framing
		}
	}
	return c
}

// expires gives until when a file is valid. A page says so itself, if it can grow
// stale at all; of the rest the manifest beside it does.
func expires(name string, content []byte, m Manifest) expiry {
	switch {
	case isPage(name):
		return expiry{templates.Expires(content), m.CheckedAt, m.Stale}
	case greys(name):
		return expiry{m.ValidUntil, m.CheckedAt, m.Stale}
	default:
		return expiry{}
	}
}

// at gives what a file says at a time, and since when.
func (f *file) at(now time.Time) (c *content, since time.Time) {
	if !f.before(now) {
		return f.fresh, f.shown
	}
	f.once.Do(func() {
		f.stale = newContent(f.name, grey(f.name, f.fresh.plain, f.expiry))
	})
	if f.stale.etag == f.fresh.etag {
		return f.fresh, f.shown // it has nothing that could be grey
	}
	return f.stale, f.until.Truncate(time.Second)
}
