package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/featuresignals/tocsin/rules"
)

// usual is the configuration that is read where none is named.
const usual = "tocsin.yaml"

// path is the configuration that the command line names, or the one that stands
// where it was started, or "" for none at all.
func (w *world) path() string {
	if w.config != "" {
		return w.config
	}
	if _, err := os.Stat(usual); err == nil {
		return usual
	}
	return ""
}

// load reads the configuration, or the defaults where there is none.
func (w *world) load() (*rules.Config, error) {
	path, config := w.path(), rules.Default()
	if path != "" {
		var err error
		if config, err = rules.Load(path); err != nil {
			return nil, err
		}
	}
	if w.dsn != "" {
		config.SigNoz.DSN = w.dsn
	}
	return config, nil
}

// whereabouts gives the configuration as far as it says where the running service
// is, also where it has mistakes, of which it warns: a service goes on by what it
// read before, and a mistake that somebody saves must not keep anybody from it.
func (w *world) whereabouts() (*rules.Config, error) {
	config, err := w.load()
	if err == nil {
		return config, nil
	}
	st, listen, unread := rules.Whereabouts(w.path())
	if unread != nil {
		return nil, err
	}
	fmt.Fprintf(w.errs, "warning: %s has mistakes (see tocsin check)\n", w.path())
	config = rules.Default()
	config.Store, config.Listen = st, listen
	return config, nil
}

// mistakes prints what is wrong with a configuration, a line each.
func (w *world) mistakes(err error) error {
	found := rules.Mistakes(err)
	if len(found) == 0 {
		return err
	}
	for _, m := range found {
		fmt.Fprintln(w.errs, m)
	}
	fmt.Fprintf(w.errs, "%d mistake%s\n", len(found), plural(len(found)))
	return errFound
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// password reads the ClickHouse password: the environment first, then the file.
func password(c rules.SigNoz) (string, error) {
	if p := os.Getenv("TOCSIN_CLICKHOUSE_PASSWORD"); p != "" {
		return p, nil
	}
	if c.PasswordFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(c.PasswordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("sources.signoz.password_file: %w: make the file, or set TOCSIN_CLICKHOUSE_PASSWORD", err)
	}
	if err != nil {
		return "", fmt.Errorf("sources.signoz.password_file: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// version is what the module system knows of this build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			v = s.Value
		}
	}
	return v
}
