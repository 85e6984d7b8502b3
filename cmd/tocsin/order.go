package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// order has loops that tick at the same time hand their rounds on in the order
// in which they fell due, as they would have one by one. Catching up, a source
// that is read fast would else be judged hours ahead of one that is read slowly:
// incidents would be resolved by the one and reopened by the other, at times that
// run backwards; and after a start the first round would find that the other
// source knows nothing yet.
type order struct {
	names []string // who goes first of those that are due together

	mu    sync.Mutex
	moved *sync.Cond
	due   map[string]time.Time // when the next round of each loop in a tick falls due, at the earliest
	away  map[string]bool      // whose last tick ended with an error
}

func newOrder(names ...string) *order {
	o := &order{names: names, due: map[string]time.Time{}, away: map[string]bool{}}
	o.moved = sync.NewCond(&o.mu)
	return o
}

// begin notes that a loop is in a tick whose rounds fall due at due or later. One
// that could not be read the last time holds nobody until it has a round: a store
// that is away would else delay the others, too.
func (o *order) begin(name string, due time.Time) {
	o.change(func() {
		if !o.away[name] {
			o.due[name] = due
		}
	})
}

// end notes that a loop's tick is over, and how it went.
func (o *order) end(name string, err error) {
	o.change(func() {
		delete(o.due, name)
		o.away[name] = err != nil
	})
}

// passed notes that a round was taken, and when the next one falls due.
func (o *order) passed(name string, next time.Time) {
	o.change(func() { o.due[name] = next })
}

// wait comes back when no loop in a tick has a round that falls due earlier.
// There is always one that need not wait.
func (o *order) wait(ctx context.Context, name string, due time.Time) error {
	defer context.AfterFunc(ctx, func() { o.change(func() {}) })()
	o.passed(name, due)
	o.mu.Lock()
	defer o.mu.Unlock()
	for ctx.Err() == nil && o.held(name, due) {
		o.moved.Wait()
	}
	return ctx.Err()
}

func (o *order) held(name string, due time.Time) bool {
	for other, at := range o.due {
		if at.Before(due) || at.Equal(due) && slices.Index(o.names, other) < slices.Index(o.names, name) {
			return true
		}
	}
	return false
}

func (o *order) change(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
	o.moved.Broadcast()
}
