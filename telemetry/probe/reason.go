package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// failure is why a check failed, for people: a cause in fixed words, which is
// what a change is told by, and what differs from one check to the next. It
// never holds anything of a body.
type failure struct{ cause, detail string }

func (f *failure) Error() string {
	if f.detail == "" {
		return f.cause
	}
	return f.cause + " (" + f.detail + ")"
}

// explain tells why nobody answered. stage is what was under way, as in
// "connecting to example.com".
func explain(ctx context.Context, err error, stage string, timeout time.Duration) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if timedOut(ctx, err) {
		return &failure{"no answer: timed out", fmt.Sprintf("%v were over while %s", timeout, stage)}
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return &failure{"no answer: name not found", e.Name}
		}
		return &failure{"no answer: name not looked up", e.Name + ": " + e.Err}
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || strings.Contains(err.Error(), "HTTP response to HTTPS client") {
		return &failure{"no TLS", "what came is not a TLS handshake"}
	}
	for _, known := range []struct {
		err   error
		cause string
	}{
		{syscall.ECONNREFUSED, "no answer: connection refused"},
		{syscall.EHOSTUNREACH, "no answer: no way there"},
		{syscall.ENETUNREACH, "no answer: no way there"},
		{syscall.ECONNRESET, "no answer: connection closed"},
		{syscall.EPIPE, "no answer: connection closed"},
		{io.EOF, "no answer: connection closed"},
		{io.ErrUnexpectedEOF, "no answer: connection closed"},
	} {
		if errors.Is(err, known.err) {
			return &failure{known.cause, "while " + stage}
		}
	}
	if said := innermost(err).Error(); strings.HasPrefix(said, "tls: ") {
		return &failure{"TLS refused", strings.TrimPrefix(said, "tls: ")}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return &failure{"no answer: " + e.Op, e.Err.Error()}
	}
	// Other errors quote what was sent, and that is not for logs.
	return &failure{"no answer: not understood", "while " + stage}
}

// timedOut reports whether a check ended because its time was over. What the
// network says then depends on what it was doing.
func timedOut(ctx context.Context, err error) bool {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
