package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	secretPrefix = "whsec_"
	secretMin    = 24 // bytes, by the standard
	secretMax    = 64
	secretHelp   = `make one with: printf 'whsec_%s\n' "$(openssl rand -base64 32)"`
)

// readSecrets reads the file of a channel's secrets: one a line, one or two.
func readSecrets(file string) ([][]byte, error) {
	if file == "" {
		return nil, errors.New("secret_file is missing: messages are always signed; " + secretHelp)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w; %s", err, secretHelp)
	}
	var secrets [][]byte
	for line := range strings.FieldsSeq(string(b)) {
		s, err := parseSecret(line)
		if err != nil {
			return nil, fmt.Errorf("%s: secret %d: %w", file, len(secrets)+1, err)
		}
		secrets = append(secrets, s)
	}
	switch len(secrets) {
	case 0:
		return nil, fmt.Errorf("%s is empty: %s", file, secretHelp)
	case 1, 2:
		return secrets, nil
	default:
		return nil, fmt.Errorf("%s holds %d secrets: want one, or two during a rotation, each on its own line", file, len(secrets))
	}
}

// parseSecret gives the bytes of a whsec_… secret. Its errors never hold it.
func parseSecret(s string) ([]byte, error) {
	enc, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return nil, fmt.Errorf("it does not begin with %s; %s", secretPrefix, secretHelp)
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		return nil, fmt.Errorf("what follows %s is not base64; %s", secretPrefix, secretHelp)
	}
	if len(b) < secretMin || len(b) > secretMax {
		return nil, fmt.Errorf("it has %d bytes, want %d to %d; %s", len(b), secretMin, secretMax, secretHelp)
	}
	return b, nil
}

// readable reports whether everybody may read the file.
func readable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().Perm()&0o004 != 0
}

// signatures signs a message with every secret, so that a listener that knows
// either of two accepts it.
func signatures(secrets [][]byte, id string, at time.Time, body []byte) string {
	var sigs []string
	for _, s := range secrets {
		h := hmac.New(sha256.New, s)
		h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		h.Write(body)
		sigs = append(sigs, "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	return strings.Join(sigs, " ")
}
