package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// write brings the folder in line with files. Each file is written beside its
// place and renamed into it, so that a reader sees the old one or the new one,
// whole, whatever happens in between. Files that are right already are not
// touched; their modification time is when their content changed.
func write(ctx context.Context, folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()

	changed := map[string]bool{}
	for _, name := range order(files) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		old, err := root.ReadFile(name)
		if err == nil && bytes.Equal(old, files[name]) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if dir := path.Dir(name); dir != "." {
			if err := root.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if errors.Is(err, fs.ErrNotExist) {
				changed["."] = true
			}
		}
		if err := replace(root, name, files[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		changed[path.Dir(name)] = true
	}
	// A rename outlives a power cut once its folder has been synced.
	for dir := range changed {
		if err := syncDir(root, dir); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file beside its place, and then into it. The name beside is
// always the same, so that what a crash leaves behind is overwritten next time.
func replace(root *os.Root, name string, content []byte) (err error) {
	beside := path.Join(path.Dir(name), "."+path.Base(name)+".tmp")
	f, err := root.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(beside))
	}
	return root.Rename(beside, name)
}

func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
