package publisher_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/store"
)

// call is one delivery that a fake channel was asked for.
type call struct {
	key     string
	seq     uint64
	attempt int
	after   time.Duration // since the story began
}

// fake is a channel that notes what it is asked for and answers what it is
// told to.
type fake struct {
	name   string
	began  time.Time
	answer func(ctx context.Context, d publisher.Delivery) error // nil: all goes well

	mu    sync.Mutex
	calls []call
}

func (f *fake) Name() string { return f.name }

func (f *fake) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	f.mu.Lock()
	f.calls = append(f.calls, call{d.Key, d.Seq, d.Attempt, time.Since(f.began).Round(time.Millisecond)})
	f.mu.Unlock()
	if f.answer != nil {
		if err := f.answer(ctx, d); err != nil {
			return "", err
		}
	}
	return "receipt of " + d.Key, nil
}

func (f *fake) got() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// story is a loop over a real store, in a bubble.
type story struct {
	*testing.T
	db   *store.DB
	loop *publisher.Loop
	stop func() // ends the loop and waits for it

	mu     sync.Mutex
	counts map[string]int
}

// tell runs a story in virtual time.
func tell(t *testing.T, f func(s *story)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tocsin.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		f(&story{T: t, db: db, counts: map[string]int{}, stop: func() {}})
	})
}

// start runs a loop with the given channels. It ends with the story.
func (s *story) start(change func(*publisher.Loop), channels ...*fake) {
	s.Helper()
	s.loop = &publisher.Loop{
		Outbox: s.db,
		Prepare: func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
			return publisher.Delivery{Seq: r.Seq}, nil
		},
		Logger: slog.New(slog.NewTextHandler(s.Output(), nil)),
		Count: func(channel, result string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.counts[channel+" "+result]++
		},
	}
	for _, c := range channels {
		c.began = time.Now()
		s.loop.Channels = append(s.loop.Channels, c)
	}
	if change != nil {
		change(s.loop)
	}
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan error, 1)
	go func() { done <- s.loop.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.Error(err)
		}
	})
	s.Cleanup(s.stop)
	synctest.Wait()
}

// post appends one event with the given posts, which are due now.
func (s *story) post(posts ...incident.Post) {
	s.Helper()
	for i := range posts {
		if posts[i].Due.IsZero() {
			posts[i].Due = time.Now()
		}
	}
	_, err := s.db.Append(s.Context(), incident.Batch{Recorded: time.Now(), Events: []incident.Event{
		{Incident: "INC-2026-0001", Kind: incident.Updated, At: time.Now(), Posts: posts},
	}})
	if err != nil {
		s.Fatal(err)
	}
	if s.loop != nil { // else it has not begun
		s.loop.Wake() // as the desk does when it has stored a batch
	}
	synctest.Wait()
}

// queue gives how a channel stands.
func (s *story) queue(channel string) publisher.Queue {
	s.Helper()
	queues, err := s.db.Queues(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, q := range queues {
		if q.Channel == channel {
			return q
		}
	}
	return publisher.Queue{Channel: channel}
}

func (s *story) counted(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[what]
}

// about reports whether d is within a tenth of want, as jitter leaves it.
func about(d, want time.Duration) bool { return d >= want-want/10 && d <= want+want/10 }
