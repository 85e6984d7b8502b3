package main

import (
	"net"
	"net/netip"
	"sync"
)

// bound is a listener that has room for so many connections and no more. Whoever
// opens many and lets them lie cannot keep others out: an address has its share,
// and where there is no room left, the oldest connection of whoever has most makes
// way for a newcomer. So a reader never waits for one who is slow, and a proxy in
// front, whose connections all come from one address, has all the room that nobody
// else wants.
type bound struct {
	net.Listener
	all, each int // connections at most; of one address

	mu    sync.Mutex // guards what follows
	count int
	of    map[netip.Prefix][]*boundConn // by address, the oldest first
}

// Bounds of the public listener. A connection that waits costs some 10 kB.
const (
	mostConnections = 2000
	mostOfAnAddress = 1000
)

func newBound(l net.Listener, all, each int) *bound {
	return &bound{Listener: l, all: all, each: each, of: map[netip.Prefix][]*boundConn{}}
}

// boundConn is a connection that is counted until it is closed.
type boundConn struct {
	net.Conn
	b    *bound
	from netip.Prefix
	once sync.Once
}

// Accept satisfies net.Listener.
func (b *bound) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &boundConn{Conn: conn, b: b, from: origin(conn.RemoteAddr())}
		out, ok := b.enter(c)
		if out != nil {
			_ = out.Close() // outside the lock, which Close takes
		}
		if ok {
			return c, nil
		}
		_ = conn.Close()
	}
}

// enter counts a connection, if there is room for it, and gives the one that makes
// way for it, if one has to.
func (b *bound) enter(c *boundConn) (out *boundConn, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.of[c.from]) >= b.each {
		return nil, false
	}
	if b.count >= b.all {
		var most netip.Prefix
		for from, list := range b.of {
			if len(list) > len(b.of[most]) {
				most = from
			}
		}
		if len(b.of[most]) <= len(b.of[c.from]) {
			return nil, false // nobody has more than the newcomer
		}
		out = b.of[most][0]
		b.leave(out)
	}
	b.of[c.from] = append(b.of[c.from], c)
	b.count++
	return out, true
}

// leave counts a connection no more, if it still was.
func (b *bound) leave(c *boundConn) {
	list := b.of[c.from]
	for n, other := range list {
		if other != c {
			continue
		}
		list = append(list[:n:n], list[n+1:]...)
		b.count--
		break
	}
	if b.of[c.from] = list; len(list) == 0 {
		delete(b.of, c.from)
	}
}

// Close satisfies net.Conn.
func (c *boundConn) Close() error {
	c.once.Do(func() {
		c.b.mu.Lock()
		defer c.b.mu.Unlock()
		c.b.leave(c)
	})
	return c.Conn.Close()
}

// origin is whom a connection is counted for: an address, or the network that a
// provider gives to one customer, who has all addresses of it.
func origin(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
