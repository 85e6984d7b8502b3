package api

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// answers remembers what was answered to requests with an idempotency key, so
// that a program that heard nothing can ask again without acting again. It
// forgets after a day, at a restart, and where there are too many.
type answers struct {
	mu    sync.Mutex
	by    map[key]*given
	order []key // the oldest first
	size  int
}

const (
	rememberFor = 24 * time.Hour
	mostAnswers = 4096
	mostSize    = 16 << 20 // of all bodies
	mostKey     = 255
)

// key is a person's: nobody gets another's answers.
type key struct{ person, key string }

// given is an answer, once done is closed.
type given struct {
	asked  [sha256.Size]byte // what was asked
	at     time.Time
	done   chan struct{}
	answer answer
}

// keyOf gives the idempotency key of a request, "" if it has none.
func keyOf(r *http.Request) (string, error) {
	all := r.Header.Values("Idempotency-Key")
	switch {
	case len(all) == 0:
		return "", nil
	case len(all) > 1 || all[0] == "" || len(all[0]) > mostKey || strings.ContainsFunc(all[0], func(c rune) bool { return c < ' ' || c > '~' }):
		return "", bad(http.StatusBadRequest, "Idempotency-Key: want one of up to %d letters, digits and signs, as a UUID is", mostKey)
	}
	return all[0], nil
}

// once has act called for the first request of a key; the others get its answer.
func (a *answers) once(k key, asked [sha256.Size]byte, at time.Time, act func() answer, other func() answer) answer {
	a.mu.Lock()
	a.forget(at)
	if g, ok := a.by[k]; ok {
		a.mu.Unlock()
		if g.asked != asked {
			return other()
		}
		<-g.done
		again := g.answer
		again.again = true
		return again
	}
	g := &given{asked: asked, at: at, done: make(chan struct{})}
	if a.by == nil {
		a.by = map[key]*given{}
	}
	a.by[k] = g
	a.order = append(a.order, k)
	a.mu.Unlock()

	g.answer.passes = true // unless act comes back
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		close(g.done)
		if g.answer.passes {
			a.drop(k) // nothing was done, and another attempt is to do it
			return
		}
		a.size += len(g.answer.body)
		a.forget(at)
	}()
	g.answer = act()
	return g.answer
}

// forget drops what is too old, and the oldest where there is too much. What is
// being done stays.
func (a *answers) forget(at time.Time) {
	for len(a.order) > 0 {
		k := a.order[0]
		g := a.by[k]
		if !g.over() || at.Sub(g.at) < rememberFor && len(a.by) <= mostAnswers && a.size <= mostSize {
			return
		}
		a.size -= len(g.answer.body)
		a.drop(k)
	}
}

func (a *answers) drop(k key) {
	delete(a.by, k)
	if i := slices.Index(a.order, k); i >= 0 {
		a.order = slices.Delete(a.order, i, i+1)
	}
}

func (g *given) over() bool {
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}
