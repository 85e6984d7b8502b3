// Package keyfile reads the files that hold what others know a channel by. No
// error and no line of the log holds what stands in them.
package keyfile

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// longest is more than any service gives out, in characters.
const longest = 2000

// Token gives the one word that stands in a file: it goes into a header or a
// document. help says how people come by one.
func Token(file, help string) (string, error) {
	if file == "" {
		return "", errors.New("token_file is missing: " + help)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w; %s", err, help)
	}
	token := strings.TrimSpace(string(b))
	odd := strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
	switch {
	case token == "":
		return "", fmt.Errorf("%s is empty: %s", file, help)
	case odd || len(token) > longest:
		return "", fmt.Errorf("%s holds more than a token: want it alone, one word of at most %d letters, digits and signs; %s", file, longest, help)
	}
	return token, nil
}

// WarnOf says of each file that everybody on this machine can read it, where it
// is so.
func WarnOf(logger *slog.Logger, channel string, files ...string) {
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
			logger.Warn("everybody on this machine can read what a channel is known by: chmod o-r it", "channel", channel, "file", file)
		}
	}
}
