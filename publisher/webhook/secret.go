package webhook

import (
	"crypto/ed25519"
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
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
	secretMin     = 24 // bytes, by the standard
	secretMax     = 64
	secretHelp    = `make one with: printf 'whsec_%s\n' "$(openssl rand -base64 32)"`
	privateHelp   = `make one with: printf 'whsk_%s\n' "$(openssl genpkey -algorithm ed25519 -outform DER | tail -c 32 | base64)"`

	tokenHelp = "write the service's key into it"
)

// signer is what messages are signed with: bytes that the listener knows, too,
// or a private key that it does not.
type signer struct {
	shared  []byte
	private ed25519.PrivateKey // nil: shared counts
}

// readSecrets reads the file of a channel's secrets: one a line; of each kind
// one, or two during a rotation.
func readSecrets(file string) ([]signer, error) {
	if file == "" {
		return nil, errors.New("secret_file is missing: messages are always signed; " + secretHelp)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w; %s", err, secretHelp)
	}
	var secrets []signer
	shared := 0
	for line := range strings.FieldsSeq(string(b)) {
		s, err := parseSecret(line)
		if err != nil {
			return nil, fmt.Errorf("%s: secret %d: %w", file, len(secrets)+1, err)
		}
		secrets = append(secrets, s)
		if s.private == nil {
			shared++
		}
	}
	switch private := len(secrets) - shared; {
	case len(secrets) == 0:
		return nil, fmt.Errorf("%s is empty: %s", file, secretHelp)
	case max(shared, private) > 2:
		return nil, fmt.Errorf("%s holds %d secrets of one kind: want one, or two during a rotation, each on its own line", file, max(shared, private))
	default:
		return secrets, nil
	}
}

// parseSecret gives a whsec_… or whsk_… secret. Its errors never hold it.
func parseSecret(s string) (signer, error) {
	enc, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return parsePrivate(s)
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		return signer{}, fmt.Errorf("what follows %s is not base64; %s", secretPrefix, secretHelp)
	}
	if len(b) < secretMin || len(b) > secretMax {
		return signer{}, fmt.Errorf("it has %d bytes, want %d to %d; %s", len(b), secretMin, secretMax, secretHelp)
	}
	return signer{shared: b}, nil
}

// parsePrivate gives a private key: its seed alone, or with the public key after
// it, as libraries write it.
func parsePrivate(s string) (signer, error) {
	enc, ok := strings.CutPrefix(s, privatePrefix)
	if !ok {
		return signer{}, fmt.Errorf("it begins with neither %s nor %s; %s", secretPrefix, privatePrefix, secretHelp)
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		return signer{}, fmt.Errorf("what follows %s is not base64; %s", privatePrefix, privateHelp)
	}
	if len(b) != ed25519.SeedSize && len(b) != ed25519.PrivateKeySize {
		return signer{}, fmt.Errorf("it has %d bytes, want %d or %d; %s", len(b), ed25519.SeedSize, ed25519.PrivateKeySize, privateHelp)
	}
	key := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
	if len(b) == ed25519.PrivateKeySize && !key.Equal(ed25519.PrivateKey(b)) {
		return signer{}, fmt.Errorf("its second half is not the public key of the first; %s", privateHelp)
	}
	return signer{private: key}, nil
}

// public gives what listeners verify with, "" where that is the secret itself.
func (s signer) public() string {
	if s.private == nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(s.private.Public().(ed25519.PublicKey))
}

// signatures signs a message with every secret, so that a listener that knows
// either of two accepts it.
func signatures(secrets []signer, id string, at time.Time, body []byte) string {
	signed := append([]byte(id+"."+strconv.FormatInt(at.Unix(), 10)+"."), body...)
	var sigs []string
	for _, s := range secrets {
		version, sig := "v1", []byte(nil)
		if s.private != nil {
			version, sig = "v1a", ed25519.Sign(s.private, signed)
		} else {
			h := hmac.New(sha256.New, s.shared)
			h.Write(signed)
			sig = h.Sum(nil)
		}
		sigs = append(sigs, version+","+base64.StdEncoding.EncodeToString(sig))
	}
	return strings.Join(sigs, " ")
}
