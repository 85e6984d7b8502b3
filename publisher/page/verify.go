package page

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Verified is what Verify found of a published page.
type Verified struct {
	Manifest Manifest
	Wrong    []string // what differs, a line for each; nil: nothing
}

// most bounds what is read of one file: no page is nearly as large.
const most = 64 << 20

// Verify reads a published page back, from a folder or from a web address, and
// compares it with its manifest; now is held against the time until which it is
// valid. A page that is published anew meanwhile is read once more. The error says
// why nothing can be said.
func Verify(ctx context.Context, where string, now time.Time) (v Verified, err error) {
	at, err := open(ctx, where)
	if err != nil {
		return v, fmt.Errorf("verify the page: %w", err)
	}
	defer at.done()
	for range 3 {
		if v, err = verify(at, now); err != nil || len(v.Wrong) == 0 {
			break
		}
		b, err := at.get(fileManifest)
		if err != nil {
			break
		}
		if m, err := readManifest(b); err != nil || m.Version == v.Manifest.Version {
			break // what is wrong is not that there is another version by now
		}
	}
	if err != nil {
		return v, fmt.Errorf("verify the page: %w", err)
	}
	return v, nil
}

// place is where a published page is read back from.
type place struct {
	get  func(name string) ([]byte, error)
	list func() ([]string, error) // what is there; nil where nobody can say
	done func()
}

func verify(at place, now time.Time) (v Verified, err error) {
	b, err := at.get(fileManifest)
	if err != nil {
		return v, fmt.Errorf("%s: %w: is this where a page is published?", fileManifest, err)
	}
	if v.Manifest, err = readManifest(b); err != nil {
		return v, err
	}
	if until := v.Manifest.ValidUntil; !until.IsZero() && now.After(until) {
		v.Wrong = append(v.Wrong, fmt.Sprintf("it was valid until %s, and has had no fresh data for %s", until.Format(time.RFC3339), now.Sub(until).Round(time.Second)))
	}
	var mu sync.Mutex // guards v.Wrong
	var g errgroup.Group
	g.SetLimit(8)
	for _, name := range slices.Sorted(maps.Keys(v.Manifest.Files)) {
		g.Go(func() error {
			if wrong := differs(at.get, name, v.Manifest.Files[name]); wrong != "" {
				mu.Lock()
				defer mu.Unlock()
				v.Wrong = append(v.Wrong, name+": "+wrong)
			}
			return nil
		})
	}
	_ = g.Wait() // none fails
	if at.list != nil {
		there, err := at.list()
		if err != nil {
			return v, err
		}
		for _, name := range there {
			if _, listed := v.Manifest.Files[name]; !listed && checkName(name) == nil {
				v.Wrong = append(v.Wrong, name+": the manifest does not list it: remove it, or readers are told what is over")
			}
		}
	}
	slices.Sort(v.Wrong)
	return v, nil
}

// differs says how a file is not what its manifest says, "" if it is.
func differs(get func(string) ([]byte, error), name string, e Entry) string {
	b, err := get(name)
	switch {
	case errors.Is(err, errUnasked):
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "it is not there"
	case err != nil:
		return err.Error()
	case len(b) != e.Size:
		return fmt.Sprintf("it has %d bytes, the manifest says %d", len(b), e.Size)
	}
	if h := sha256.Sum256(b); hex.EncodeToString(h[:]) != e.SHA256 {
		return "its content is another than the manifest says"
	}
	return ""
}

// errUnasked says of a file that a web server is not expected to give it.
var errUnasked = errors.New("a file for the host, which need not serve it")

// open gives the place of a page that is published somewhere.
func open(ctx context.Context, where string) (place, error) {
	if u, err := url.Parse(where); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		client := &http.Client{Timeout: 30 * time.Second}
		get := func(name string) ([]byte, error) {
			if name == fileHeaders {
				return nil, errUnasked
			}
			return fetch(ctx, client, u.JoinPath(strings.Split(name, "/")...))
		}
		return place{get: get, done: client.CloseIdleConnections}, nil
	}
	// The link is resolved once, so that all is of one version.
	dir := where
	if _, err := os.Stat(filepath.Join(dir, fileManifest)); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, currentLink, fileManifest)); err == nil {
			dir = filepath.Join(dir, currentLink)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return place{}, fmt.Errorf("%w: name a folder, or an address that begins with https:// or http://", err)
	}
	get := func(name string) ([]byte, error) {
		f, err := root.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, most))
	}
	list := func() (names []string, err error) {
		err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				names = append(names, name)
			}
			return err
		})
		return names, err
	}
	return place{get, list, func() { _ = root.Close() }}, nil
}

func fetch(ctx context.Context, client *http.Client, u *url.URL) ([]byte, error) {
	if path.Base(u.Path) == fileIndex { // as readers ask for it, and as hosts keep it
		u = u.JoinPath("..")
		u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "tocsin page --verify")
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound && path.Base(u.Path) != fileMissing {
		return nil, fs.ErrNotExist
	}
	if resp.StatusCode != http.StatusOK && path.Base(u.Path) != fileMissing {
		return nil, fmt.Errorf("%s says %s", u.Redacted(), resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, most))
}
