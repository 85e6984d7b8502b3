package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress tells, on standard error, how far a walk through time has come: a
// bar where a person looks at a terminal, a line now and then elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	from, to time.Time
	at       time.Time
	began    time.Time
	drawn    time.Time
}

const (
	redraw   = 100 * time.Millisecond
	nextLine = 10 * time.Second
)

func newProgress(out io.Writer, from, to time.Time) *progress {
	p := &progress{out: out, from: from, to: to, at: from, began: time.Now()}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	p.drawn = p.began
	if p.terminal {
		p.draw()
	}
	return p
}

// reached says that everything before at is done.
func (p *progress) reached(at time.Time) {
	if at.After(p.at) {
		p.at = at
	}
	wait := nextLine
	if p.terminal {
		wait = redraw
	}
	if time.Since(p.drawn) >= wait {
		p.draw()
	}
}

func (p *progress) share() float64 {
	all := p.to.Sub(p.from)
	if all <= 0 {
		return 1
	}
	return float64(p.at.Sub(p.from)) / float64(all)
}

// left is about how much longer it takes; "" while that cannot be said.
func (p *progress) left() string {
	spent, share := time.Since(p.began), p.share()
	if share <= 0 || share >= 1 || spent < time.Second {
		return ""
	}
	return fmt.Sprintf(", %s left", time.Duration(float64(spent)*(1/share-1)).Round(time.Second))
}

func (p *progress) draw() {
	p.drawn = time.Now()
	share := p.share()
	where := p.at.Format("2006-01-02 15:04")
	if !p.terminal {
		fmt.Fprintf(p.out, "replayed up to %s UTC, %.0f %%%s\n", where, share*100, p.left())
		return
	}
	const width = 30
	full := min(int(share*width), width)
	fmt.Fprintf(p.out, "\r%s UTC [%s%s] %3.0f %%%s\x1b[K", where, strings.Repeat("#", full), strings.Repeat(".", width-full), share*100, p.left())
}

// end clears the bar away, and says how long it took if all went well.
func (p *progress) end(well bool) {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	if well {
		fmt.Fprintf(p.out, "replayed in %s\n", time.Since(p.began).Round(100*time.Millisecond))
	}
}
