package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// progress is a bar on standard error, with the time that is left.
type progress struct {
	what  string
	total int
	done  int
	began time.Time
	drawn time.Time
	tty   bool
}

func newProgress(what string, total int) *progress {
	info, err := os.Stderr.Stat()
	return &progress{what: what, total: total, began: time.Now(), tty: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) add(n int) {
	p.done += n
	if p.tty && time.Since(p.drawn) > 100*time.Millisecond {
		p.draw()
	}
}

func (p *progress) draw() {
	p.drawn = time.Now()
	share := float64(p.done) / float64(max(p.total, 1))
	left := ""
	if spent := time.Since(p.began); p.done > 0 && spent > time.Second {
		left = fmt.Sprintf(", %s left", time.Duration(float64(spent)*(1/share-1)).Round(time.Second))
	}
	const width = 30
	full := int(share * width)
	fmt.Fprintf(os.Stderr, "\r%s [%s%s] %3.0f %%%s   ", p.what, strings.Repeat("#", full), strings.Repeat(".", width-full), share*100, left)
}

func (p *progress) end() {
	if p.tty {
		p.draw()
		fmt.Fprintln(os.Stderr)
	}
	fmt.Fprintf(os.Stderr, "%s took %s\n", p.what, time.Since(p.began).Round(100*time.Millisecond))
}
