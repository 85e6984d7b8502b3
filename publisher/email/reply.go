package email

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The steps of a session, in their order.
type step string

const (
	connecting step = "connect"
	greeting   step = "greet"
	securing   step = "begin TLS"
	signingIn  step = "sign in"
	fromWhom   step = "name the sender"
	toWhom     step = "name the reader"
	beginning  step = "begin the message"
	ending     step = "hand over the message"
)

// blame is whose fault it is that something was not taken.
type blame uint8

const (
	nobody     blame = iota // the time's: try again
	theChannel              // the server's or ours: try again, and somebody has to mend something
	theAddress              // the address's: it will never take mail
	theMessage              // the message's: it will never be taken
)

// refusal is why a mail did not go out.
type refusal struct {
	at       step
	server   string
	code     int    // 0: there was no answer
	enhanced string // "5.1.1" (RFC 3463); "" if none was given
	text     string
	blame    blame
	help     string // what to mend
	err      error
}

func (r *refusal) Error() string {
	s := fmt.Sprintf("%s at %s: %s", r.at, r.server, r.answer())
	if r.help != "" {
		s += ": " + r.help
	}
	return s
}

func (r *refusal) Unwrap() error { return r.err }

// answer is what the server said, or what happened instead.
func (r *refusal) answer() string {
	if r.code == 0 {
		return r.err.Error()
	}
	return shorten(strings.TrimSpace(fmt.Sprintf("%d %s %s", r.code, r.enhanced, r.text)), 300)
}

// broken reports whether the connection is of no more use.
func (r *refusal) broken() bool {
	return r.code == 0 || r.code == 421 || r.at == connecting || r.at == greeting || r.at == securing || r.at == signingIn
}

var (
	enhancedCode = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})\s+`)
	askedWait    = regexp.MustCompile(`(?i)(\d{1,5})\s*(s|sec|seconds?|m|min|minutes?)\b`)
	ourFault     = regexp.MustCompile(`(?i)relay|authenticat|sender|blocked|block ?list|black ?list|spam|policy|reputation`)
)

// newRefusal tells what an error at a step means.
func newRefusal(at step, server string, err error) *refusal {
	r := &refusal{at: at, server: server, err: err}
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		r.code, r.text = answer.Code, oneline(answer.Msg)
		if m := enhancedCode.FindStringSubmatch(r.text); m != nil {
			r.enhanced, r.text = m[1], r.text[len(m[0]):]
		}
	}
	r.blame, r.help = r.judge()
	return r
}

// judge says whose fault a refusal is, and what can be done.
func (r *refusal) judge() (blame, string) {
	never := r.code >= 500
	switch r.at {
	case connecting:
		if r.code == 0 {
			return theChannel, "is the server of the configuration right, and does it run?"
		}
		return theChannel, ""
	case greeting:
		return theChannel, ""
	case securing:
		if isCertificate(r.err) {
			return theChannel, "nothing was sent: give the server a certificate for this name from an authority that this machine believes (SSL_CERT_FILE names one of your own)"
		}
		return theChannel, "nothing was sent: tls wants starttls where the connection begins in the clear (port 587), and tls where it does not (port 465)"
	case signingIn:
		if never || r.code == 0 {
			return theChannel, "check user and password_file"
		}
		return nobody, ""
	case fromWhom:
		if never {
			return theChannel, "the server does not take mail from us: check from and bounces, and whether user may send as them"
		}
	case toWhom:
		if never {
			return r.judgeAddress()
		}
	case ending:
		if never {
			return theMessage, "a server that judges what is said would judge it the same again: read why, mend it, and have it sent again"
		}
	}
	return nobody, ""
}

// judgeAddress tells an address that is not there from a server that will not
// have us: if a setting of the server made every address look dead, nobody would
// hear of anything until all were forgotten.
func (r *refusal) judgeAddress() (blame, string) {
	const mend = "the server will not take it from us: may we send to others (relay) through it, are we signed in, do its lists or policies refuse us?"
	subject, detail, _ := strings.Cut(strings.TrimPrefix(r.enhanced, "5."), ".")
	switch {
	case r.code == 503 || r.code == 530 || r.code == 535 || r.code == 538:
		return theChannel, mend
	case subject == "7" || subject == "3" || subject == "5" || subject == "1" && (detail == "7" || detail == "8"):
		return theChannel, mend
	case r.enhanced == "" && ourFault.MatchString(r.text):
		return theChannel, mend
	default:
		return theAddress, ""
	}
}

// wait is how long the server asked us to wait; zero where it did not.
func (r *refusal) wait() time.Duration {
	if r.code < 400 || r.code >= 500 {
		return 0
	}
	m := askedWait.FindStringSubmatch(r.text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // the pattern lets only digits through
	unit := time.Second
	if m[2][0] == 'm' || m[2][0] == 'M' {
		unit = time.Minute
	}
	return min(time.Duration(n)*unit, time.Hour)
}

func isCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}
