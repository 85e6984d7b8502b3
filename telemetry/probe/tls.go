package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"
)

// newTLS makes the check of whether a handshake with host:port succeeds.
func newTLS(address string, roots *x509.CertPool) (func(context.Context) outcome, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("%q is no host:port, as in example.com:443", address)
	}
	return func(ctx context.Context) outcome {
		began := time.Now()
		h := newHandshake(roots, began)
		h.asks(host)
		err := shake(ctx, address, host, h)
		o := outcome{latency: time.Since(began), answered: true, gauges: h.gauges()}
		if err != nil {
			o.failure = explain(ctx, err, h.doing(), timeoutOf(ctx, began))
			o.answered = timedOut(ctx, err)
		}
		return o
	}, nil
}

func shake(ctx context.Context, address, host string, h *handshake) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	config := h.config()
	config.ServerName = host
	h.starts()
	client := tls.Client(conn, config)
	err = client.HandshakeContext(ctx)
	h.ended(client.ConnectionState(), err)
	return err
}

// timeoutOf gives how long a check that began then was given.
func timeoutOf(ctx context.Context, began time.Time) time.Duration {
	deadline, _ := ctx.Deadline()
	return deadline.Sub(began).Round(10 * time.Millisecond)
}
