package page

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// fileManifest says of every other file what it is. It is the last one that is
// made, and the only one that is not listed in it.
const fileManifest = "manifest.json"

// Manifest is manifest.json: what a version of the page consists of. Whoever has
// it can tell whether all that a host or a cache gives is of that version.
type Manifest struct {
	Version     string           `json:"version"` // hash over the names, sizes and hashes of all files
	GeneratedAt time.Time        `json:"generated_at,omitzero"`
	CheckedAt   time.Time        `json:"checked_at,omitzero"`  // end of the newest minute that was judged
	ValidUntil  time.Time        `json:"valid_until,omitzero"` // past it the page is stale
	Stale       string           `json:"stale,omitempty"`      // then badges say so, at the time {0} of CheckedAt in UTC
	Files       map[string]Entry `json:"files"`
}

// Entry is what a manifest says of a file.
type Entry struct {
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
	Type   string `json:"type"`
}

// manifestOf makes the manifest of the files of a page.
func manifestOf(p templates.Public, files map[string][]byte) Manifest {
	second := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.UTC().Truncate(time.Second)
	}
	m := Manifest{GeneratedAt: second(p.Rendered), CheckedAt: second(p.Checked), ValidUntil: second(p.ValidUntil), Files: map[string]Entry{}}
	for name, content := range files {
		m.Files[name] = Entry{SHA256: sum(content), Size: len(content), Type: contentType(name)}
	}
	m.Version = m.version()
	return m
}

func (m Manifest) version() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		fmt.Fprintf(h, "%s %d %s\n", name, m.Files[name].Size, m.Files[name].SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// receipt identifies a published page: the hash of its manifest, which has those
// of all files.
func receipt(manifest []byte) string { return "sha256:" + sum(manifest) }

// readManifest takes a manifest apart, and refuses one that names what can be no
// file of a page, or that is not of one piece.
func readManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%s: %w", fileManifest, err)
	}
	for name := range m.Files {
		if err := checkName(name); err != nil {
			return m, fmt.Errorf("%s: %w", fileManifest, err)
		}
	}
	if m.Version != m.version() {
		return m, errors.New(fileManifest + ": its version is not that of the files it lists")
	}
	return m, nil
}

// checkName refuses what is no name of a file within the folder, or would be a
// hidden one.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || name == fileManifest || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.ContainsAny(name, "\\\x00\n") {
		return fmt.Errorf("%q cannot be the name of a file of the page", name)
	}
	return nil
}

func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:])
}

// contentType gives what a file is, also of those that only hosts read.
func contentType(name string) string { return cmp.Or(typeOf(name), types[".txt"]) }
