package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// A folder holds whole versions of the page, each complete before anybody can
// see it, and a link to the one that is shown:
//
//	versions/41-0f3c…/   kept for readers who have opened it
//	versions/42-9b1d…/
//	current → versions/42-9b1d…
//
// A version is written to the end under a name that nobody looks at, brought to
// the disk, read back, and given its name; then the link is switched by a rename.
// Whoever resolves the link once reads one version and no other. A crash leaves
// the old link or the new one, and rubbish under names that the next call sweeps.
const (
	currentLink  = "current"
	versionsName = "versions"
	lockName     = ".lock"
	linkBeside   = ".current.new"
	building     = versionsName + "/.new"
	leaving      = versionsName + "/.old-"
	oldMark      = "tocsin.json" // of a folder that a release before there were versions wrote
)

// Of older versions the newest ones are kept, and those that were current a
// moment ago: somebody may be reading them.
const (
	keptVersions = 3
	grace        = 2 * time.Minute
)

var (
	versionDir = regexp.MustCompile(`^([1-9][0-9]{0,17})-[0-9a-f]{16}$`)
	monthPage  = regexp.MustCompile(`^history/[0-9]{4}-[0-9]{2}\.html$`)
	oldPage    = regexp.MustCompile(`^incidents/INC-[0-9]{4}-[0-9]{4,9}\.html$`)
)

// permanent reports whether a page stays although nothing lists it any more: its
// address is for ever. What is about a component or a region goes with it.
func permanent(name string) bool {
	return strings.HasPrefix(name, "incidents/") || monthPage.MatchString(name)
}

// folder is where versions are kept.
type folder struct {
	path string
	// point is told of each step by its name: tests end the program there.
	point func(step string)
}

// publishing is one publication under way.
type publishing struct {
	folder
	root  *os.Root
	now   string   // name of the version that is current; "" if none is
	base  string   // name of the version that files are taken over from; "" if there is none
	has   Manifest // of base
	files map[string][]byte
	m     Manifest
}

// publish makes a version of files, if the current one is another, and makes it
// the current one. It gives the receipt.
func (f folder) publish(ctx context.Context, files map[string][]byte, m Manifest) (receiptOf string, err error) {
	for name := range files {
		if err := checkName(name); err != nil {
			return "", err
		}
	}
	p, unlock, err := f.open(ctx)
	if err != nil {
		return "", err
	}
	defer p.root.Close()
	defer unlock()
	p.point("locked")
	if err := p.lookAround(); err != nil {
		return "", err
	}
	p.files, p.m = maps.Clone(files), m
	if err := p.carryOver(); err != nil {
		return "", err
	}
	manifest, err := encode(p.m)
	if err != nil {
		return "", err
	}
	p.files[fileManifest] = manifest
	if p.now != "" && p.now == p.base && p.intact(p.now) {
		p.prune(time.Now(), keptVersions)
		return receipt(manifest), nil
	}
	err = p.makeVersion(ctx)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		p.prune(time.Time{}, 1) // readers of what is old come after readers of what is new
		err = p.makeVersion(ctx)
	}
	if err != nil {
		p.sweep() // what there is no room for is not to lie about
		return "", err
	}
	p.prune(time.Now(), keptVersions)
	p.point("pruned")
	return receipt(manifest), nil
}

// open takes hold of the folder, which is made if it is not there.
func (f folder) open(ctx context.Context) (p *publishing, unlock func(), err error) {
	if err := os.MkdirAll(f.path, 0o755); err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, nil, err
	}
	l, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, errors.Join(err, root.Close())
	}
	if err := lock(ctx, l); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("wait for another process that writes it: %w", err), l.Close(), root.Close())
	}
	if f.point == nil {
		f.point = func(string) {}
	}
	return &publishing{folder: f, root: root}, func() { _ = l.Close() }, nil
}

// lookAround finds out what is there, and removes what a crash left behind.
func (p *publishing) lookAround() (err error) {
	if err := p.root.MkdirAll(versionsName, 0o755); err != nil {
		return fmt.Errorf("%s: %w: it has to be a folder that nothing but Tocsin uses", path.Join(p.path, versionsName), err)
	}
	if p.now, err = shown(p.root); err != nil {
		return fmt.Errorf("%s: %w", path.Join(p.path, currentLink), err)
	}
	if err := p.sweep(); err != nil {
		return fmt.Errorf("remove what an earlier publication left: %w", err)
	}
	p.point("swept")
	all, err := p.versions()
	if err != nil {
		return err
	}
	slices.Reverse(all)
	for _, name := range append([]string{p.now}, all...) {
		b, err := p.root.ReadFile(path.Join(versionsName, name, fileManifest))
		if name == "" || err != nil {
			continue
		}
		if p.has, err = readManifest(b); err == nil {
			p.base = name
			return nil
		}
	}
	return nil
}

// Check says what is in the way of publishing into a folder besides who may write
// it: something there that is not ours. It changes nothing.
func Check(path string) error {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it will be made
	}
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := shown(root); err != nil {
		return fmt.Errorf("%s: %w", currentLink, err)
	}
	return nil
}

// shown gives the version that a folder's link leads to, "" if there is no link
// yet.
func shown(root *os.Root) (name string, err error) {
	info, err := root.Lstat(currentLink)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode().Type() != fs.ModeSymlink {
		return "", errors.New("this is none of our links, but a file or a folder of somebody else's: move it away, or name another folder for the page")
	}
	to, err := root.Readlink(currentLink)
	if err != nil {
		return "", err
	}
	name, ours := strings.CutPrefix(to, versionsName+"/")
	if !ours || !versionDir.MatchString(name) {
		return "", fmt.Errorf("the link leads to %s, which is none of our versions: remove the link, or name another folder for the page", to)
	}
	return name, nil
}

// versions lists the versions that are there, the oldest first.
func (p *publishing) versions() ([]string, error) {
	entries, err := fs.ReadDir(p.root.FS(), versionsName)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() && versionDir.MatchString(e.Name()) {
			all = append(all, e.Name())
		}
	}
	slices.SortFunc(all, func(a, b string) int { return int(number(a) - number(b)) })
	return all, nil
}

// number gives the number in a version's name.
func number(name string) int64 {
	m := versionDir.FindStringSubmatch(name)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // at most 18 digits
	return n
}

// sweep removes what is half made or half removed. Nobody reads it.
func (p *publishing) sweep() error {
	entries, err := fs.ReadDir(p.root.FS(), versionsName)
	if err != nil {
		return err
	}
	var wrong []error
	for _, e := range entries {
		name := path.Join(versionsName, e.Name())
		if name == building || strings.HasPrefix(name, leaving) {
			wrong = append(wrong, p.root.RemoveAll(name))
		}
	}
	if err := p.root.Remove(linkBeside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// carryOver adds the pages that stay although p.files has them no more. One that
// is not as it was published is left out: nobody can say whose words it holds.
func (p *publishing) carryOver() error {
	for name, e := range p.has.Files {
		if _, made := p.files[name]; made || !permanent(name) {
			continue
		}
		b, err := p.root.ReadFile(path.Join(versionsName, p.base, name))
		if err != nil || sum(b) != e.SHA256 {
			continue
		}
		p.files[name], p.m.Files[name] = b, e
	}
	if p.base == "" {
		p.takeOld()
	}
	p.m.Version = p.m.version()
	return nil
}

// takeOld adds the pages of incidents that a release before there were versions
// wrote into the folder itself.
func (p *publishing) takeOld() {
	entries, err := fs.ReadDir(p.root.FS(), "incidents")
	if err != nil {
		return // there are none
	}
	for _, e := range entries {
		name := "incidents/" + e.Name()
		if _, made := p.files[name]; made || !oldPage.MatchString(name) {
			continue
		}
		if b, err := p.root.ReadFile(name); err == nil {
			p.files[name] = b
			p.m.Files[name] = Entry{SHA256: sum(b), Size: len(b), Type: contentType(name)}
		}
	}
}

// removeOld removes what such a release wrote, once there is a version: a server
// that is still pointed at the folder itself says so at once, where it would show
// an old page for ever. Where its tocsin.json is not, the other files are those of
// a site that somebody has there.
func (p *publishing) removeOld() {
	if info, err := p.root.Lstat(oldMark); err != nil || !info.Mode().IsRegular() {
		return
	}
	names := []string{"index.html", "history/index.html", "history.atom", "summary.json"}
	if entries, err := fs.ReadDir(p.root.FS(), "incidents"); err == nil {
		for _, e := range entries {
			if name := "incidents/" + e.Name(); oldPage.MatchString(name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range append(names, "incidents", "history", oldMark) { // the folders if nothing else is in them
		if info, err := p.root.Lstat(name); err == nil && (info.Mode().IsRegular() || info.IsDir()) {
			_ = p.root.Remove(name)
		}
	}
}

// intact reports whether a version holds just p.files.
func (p *publishing) intact(name string) bool {
	v, err := p.root.OpenRoot(path.Join(versionsName, name))
	if err != nil {
		return false
	}
	defer v.Close()
	for name, want := range p.files {
		if got, err := v.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			return false
		}
	}
	return true
}

// makeVersion makes a version of p.files and has the link lead to it.
func (p *publishing) makeVersion(ctx context.Context) error {
	if err := p.build(ctx); err != nil {
		return err
	}
	all, err := p.versions()
	if err != nil {
		return err
	}
	next := int64(1)
	if len(all) > 0 {
		next = number(all[len(all)-1]) + 1
	}
	name := fmt.Sprintf("%d-%.16s", next, p.m.Version)
	if err := p.root.Rename(building, path.Join(versionsName, name)); err != nil {
		return err
	}
	if err := syncFile(p.root, versionsName); err != nil {
		return err
	}
	p.point("named")
	if err := p.root.Symlink(path.Join(versionsName, name), linkBeside); err != nil {
		return fmt.Errorf("%w: the disk has to know symbolic links", err)
	}
	p.point("linked")
	if err := p.root.Rename(linkBeside, currentLink); err != nil {
		return err
	}
	p.point("switched")
	if p.base == "" {
		p.removeOld()
	}
	p.now = name
	return syncFile(p.root, ".")
}

// build writes all of p.files under the name that nobody looks at, brings them to
// the disk and reads them back.
func (p *publishing) build(ctx context.Context) error {
	if err := p.root.RemoveAll(building); err != nil {
		return err
	}
	if err := p.root.Mkdir(building, 0o755); err != nil {
		return err
	}
	v, err := p.root.OpenRoot(building)
	if err != nil {
		return err
	}
	defer v.Close()
	dirs := map[string]bool{".": true}
	var written []string
	linked := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.point("file begun")
		for dir := path.Dir(name); !dirs[dir]; dir = path.Dir(dir) {
			if err := v.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			dirs[dir] = true
		}
		if linked[name], err = p.put(v, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !linked[name] {
			written = append(written, name)
		}
		p.point("file made")
	}
	p.point("files made")
	if err := syncAll(v, written); err != nil {
		return err
	}
	for dir := range dirs {
		if err := syncFile(v, dir); err != nil {
			return err
		}
	}
	p.point("synced")
	if err := p.compare(v, linked); err != nil {
		return err
	}
	p.point("compared")
	return nil
}

// put makes one file of the version v: a second name of the file of the version
// before where that has the same, and else a file of its own.
func (p *publishing) put(v *os.Root, name string) (linked bool, err error) {
	e, ok := p.has.Files[name]
	if !ok || e != p.m.Files[name] {
		return false, write(v, name, p.files[name])
	}
	before := path.Join(versionsName, p.base, name)
	if p.root.Link(before, path.Join(building, name)) == nil {
		return true, nil
	}
	// A disk that knows no second names gets a copy, of the same age.
	err = write(v, name, p.files[name])
	if info, missing := p.root.Stat(before); err == nil && missing == nil {
		err = v.Chtimes(name, info.ModTime(), info.ModTime())
	}
	return false, err
}

func write(v *os.Root, name string, content []byte) error {
	f, err := v.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// compare reads the version v and says what is not as it was meant. A file that
// was taken over may have been spoilt since it was published, and is made anew.
func (p *publishing) compare(v *os.Root, linked map[string]bool) error {
	for name, want := range p.files {
		got, err := v.ReadFile(name)
		if err == nil && bytes.Equal(got, want) {
			continue
		}
		if linked[name] {
			if err := errors.Join(v.Remove(name), write(v, name, want), syncFile(v, name)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			got, err = v.ReadFile(name)
		}
		if err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("read back: %s is not what was written: the disk of %s gives back something else", name, p.path)
		}
	}
	return nil
}

// prune removes old versions: all but the newest keep ones, the current one, and
// those that were current less than the grace before now. What cannot be removed
// stays for the next time.
func (p *publishing) prune(now time.Time, keep int) {
	all, err := p.versions()
	if err != nil {
		return
	}
	for n, name := range all {
		if name == p.now || len(all)-n <= keep {
			continue
		}
		if !now.IsZero() && n+1 < len(all) {
			// It was current until the next one came. A time that is far ahead
			// was told by a clock that was wrong.
			info, err := p.root.Stat(path.Join(versionsName, all[n+1]))
			if err != nil {
				continue
			}
			if age := now.Sub(info.ModTime()); age < grace && age > -grace {
				continue
			}
		}
		aside := leaving + name
		if p.root.Rename(path.Join(versionsName, name), aside) == nil { // what is half removed is no version
			_ = p.root.RemoveAll(aside)
		}
	}
}

// syncAll brings files to the disk, some at once: a disk takes them together.
func syncAll(v *os.Root, names []string) error {
	var g errgroup.Group
	g.SetLimit(8)
	for _, name := range names {
		g.Go(func() error {
			if err := syncFile(v, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// syncFile brings a file, or a folder's list of names, to the disk.
func syncFile(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
