package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
)

func TestADeliveryGoesOutAtOnce(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook"}
		s.start(nil, hook)
		time.Sleep(time.Hour) // asleep: nothing waits
		s.post(incident.Post{Channel: "hook", Key: "a"}, incident.Post{Channel: "hook", Key: "b"})
		s.post(incident.Post{Channel: "hook", Key: "c", Due: time.Now().Add(10 * time.Minute)})
		time.Sleep(20 * time.Minute)
		want := []call{{"a", 1, 1, time.Hour}, {"b", 1, 1, time.Hour}, {"c", 2, 1, time.Hour + 10*time.Minute}}
		if got := hook.got(); !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
		if q := s.queue("hook"); q.Waiting != 0 || q.Dead != 0 {
			s.Errorf("the queue is %+v", q)
		}
	})
}

func TestWhatWaitedBeforeTheStartGoesOut(t *testing.T) {
	tell(t, func(s *story) {
		for i := range 40 { // more than a batch
			s.post(incident.Post{Channel: "hook", Key: fmt.Sprint(i)})
		}
		time.Sleep(time.Hour)
		hook := &fake{name: "hook"}
		s.start(nil, hook)
		got := hook.got()
		if len(got) != 40 {
			s.Fatalf("%d deliveries, want 40", len(got))
		}
		for i, c := range got {
			if c.key != fmt.Sprint(i) || c.after != 0 {
				s.Fatalf("delivery %d is %v", i, c)
			}
		}
	})
}

func TestAFailedDeliveryIsTriedAgainWithGrowingWaits(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook"}
		hook.answer = func(context.Context, publisher.Delivery) error {
			if len(hook.got()) < 8 {
				return errors.New("no answer")
			}
			return nil
		}
		s.start(nil, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"})
		time.Sleep(5 * time.Hour)
		got := hook.got()
		waits := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, time.Hour}
		if len(got) != len(waits)+1 {
			s.Fatalf("tried %d times: %v", len(got), got)
		}
		for i, w := range waits {
			if d := got[i+1].after - got[i].after; !about(d, w) || got[i+1].attempt != i+2 || got[i+1].key != "a" {
				s.Errorf("attempt %d (%v) came %v after the one before, want about %v", i+2, got[i+1], d, w)
			}
		}
		if q := s.queue("hook"); q.Waiting != 0 || q.Dead != 0 {
			s.Errorf("the queue is %+v", q)
		}
		if sent, failed := s.counted("hook sent"), s.counted("hook failed"); sent != 1 || failed != 7 {
			s.Errorf("counted %d sent and %d failed", sent, failed)
		}
	})
}

func TestADeliveryThatNeverWorksDiesAfterADay(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook", answer: func(context.Context, publisher.Delivery) error { return errors.New("404 Not Found") }}
		s.start(nil, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"})
		time.Sleep(20 * time.Hour)
		if q := s.queue("hook"); q.Waiting != 1 {
			s.Errorf("after 20 hours the queue is %+v", q)
		}
		time.Sleep(8 * time.Hour)
		dead, err := s.db.DeadLetters(s.Context())
		if err != nil || len(dead) != 1 || dead[0].Key != "a" || dead[0].LastErr != "404 Not Found" || dead[0].Attempts != len(hook.got()) {
			s.Fatalf("dead letters: %+v (%v) after %d calls", dead, err, len(hook.got()))
		}
		n := len(hook.got())
		time.Sleep(100 * time.Hour)
		if len(hook.got()) != n {
			s.Error("a dead letter was tried again")
		}
		if s.counted("hook dead") != 1 {
			s.Error("it is not counted as dead")
		}
	})
}

func TestAPermanentFailureIsNotTriedAgain(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook", answer: func(_ context.Context, d publisher.Delivery) error {
			if d.Key == "a" {
				return fmt.Errorf("410 Gone: %w", publisher.ErrPermanent)
			}
			return nil
		}}
		s.start(nil, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"}, incident.Post{Channel: "hook", Key: "b"})
		time.Sleep(48 * time.Hour)
		if got := hook.got(); len(got) != 2 {
			s.Errorf("got %v, want one call each", got)
		}
		if q := s.queue("hook"); q.Dead != 1 || q.Waiting != 0 {
			s.Errorf("the queue is %+v", q)
		}
	})
}

func TestATargetSaysWhenToComeBack(t *testing.T) {
	tests := []struct {
		name     string
		says     time.Duration
		min, max time.Duration
	}{
		{"later than we would", 7 * time.Minute, 7 * time.Minute, 7 * time.Minute},
		{"sooner than we would", time.Second, 4500 * time.Millisecond, 5500 * time.Millisecond},
		{"in ten years", 10 * 365 * 24 * time.Hour, 24 * time.Hour, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				hook := &fake{name: "hook"}
				hook.answer = func(context.Context, publisher.Delivery) error {
					if len(hook.got()) == 1 {
						return fmt.Errorf("answer: %w", &publisher.RetryAfter{Wait: tt.says, Err: errors.New("429")})
					}
					return nil
				}
				s.start(nil, hook)
				s.post(incident.Post{Channel: "hook", Key: "a"})
				time.Sleep(48 * time.Hour)
				got := hook.got()
				if len(got) != 2 || got[1].after < tt.min || got[1].after > tt.max {
					s.Errorf("got %v, want the second call after %v … %v", got, tt.min, tt.max)
				}
			})
		})
	}
}

func TestAPageIsTriedSoonAndNeverGivenUp(t *testing.T) {
	tell(t, func(s *story) {
		var mended atomic.Bool
		page := &fake{name: "status"}
		page.answer = func(context.Context, publisher.Delivery) error {
			if !mended.Load() {
				return fmt.Errorf("read-only file system: %w", publisher.ErrPermanent)
			}
			return nil
		}
		s.start(nil, page)
		s.post(incident.Post{Channel: "status"})
		time.Sleep(time.Minute)
		if n := len(page.got()); n < 5 {
			s.Errorf("tried %d times in the first minute", n)
		}
		time.Sleep(3 * time.Hour)
		// A newer event does not wait for the next attempt.
		calls := len(page.got())
		s.post(incident.Post{Channel: "status"})
		if got := page.got(); len(got) != calls+1 || got[calls].seq != 2 {
			s.Errorf("after another event: %v", got[calls:])
		}
		mended.Store(true)
		time.Sleep(70 * time.Second)
		if q := s.queue("status"); q.Waiting != 0 || q.Dead != 0 {
			s.Errorf("mended, the queue is %+v", q)
		}
	})
}

func TestASlowChannelHoldsUpNoOther(t *testing.T) {
	tell(t, func(s *story) {
		slow := &fake{name: "slow", answer: func(ctx context.Context, _ publisher.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		quick := &fake{name: "quick"}
		s.start(nil, slow, quick)
		s.post(incident.Post{Channel: "slow", Key: "a"}, incident.Post{Channel: "quick", Key: "a"})
		s.post(incident.Post{Channel: "slow", Key: "b"}, incident.Post{Channel: "quick", Key: "b"})
		if got := quick.got(); len(got) != 2 || got[1].after != 0 {
			s.Errorf("the quick one got %v", got)
		}
		time.Sleep(59 * time.Second)
		got := slow.got()
		if len(got) != 2 || got[1] != (call{"b", 2, 1, 30 * time.Second}) {
			s.Errorf("the slow one got %v, want its second delivery when the first has had 30 s", got)
		}
		if s.counted("slow failed") != 1 {
			s.Error("a time-out is not counted as a failure")
		}
	})
}

func TestAPanicIsAFailureOfThatDelivery(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook", answer: func(_ context.Context, d publisher.Delivery) error {
			if d.Attempt == 1 && d.Key == "a" {
				panic("index out of range")
			}
			return nil
		}}
		s.start(nil, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"}, incident.Post{Channel: "hook", Key: "b"})
		time.Sleep(10 * time.Second)
		var keys []string
		for _, c := range hook.got() {
			keys = append(keys, c.key)
		}
		if want := []string{"a", "b", "a"}; !slices.Equal(keys, want) {
			s.Errorf("got %v, want %v", keys, want)
		}
	})
}

func TestPrepareThatFailsIsAFailureOfThatDelivery(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook"}
		tries := 0
		s.start(func(l *publisher.Loop) {
			l.Prepare = func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
				var err error
				if tries++; tries == 1 {
					err = errors.New("the template has a hole")
				}
				return publisher.Delivery{Seq: r.Seq}, err
			}
		}, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"})
		time.Sleep(10 * time.Second)
		if got := hook.got(); len(got) != 1 || got[0].attempt != 2 || !about(got[0].after, 5*time.Second) {
			s.Errorf("got %v", got)
		}
	})
}

func TestTheLoopTellsHowLongAttemptsAndDeliveriesTake(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook", answer: func(_ context.Context, d publisher.Delivery) error {
			time.Sleep(2 * time.Second)
			if d.Attempt == 1 {
				return errors.New("no answer")
			}
			return nil
		}}
		var took, delivered []time.Duration
		s.start(func(l *publisher.Loop) {
			l.Took = func(_ string, d time.Duration) { took = append(took, d) }
			l.Delivered = func(_ string, d time.Duration) { delivered = append(delivered, d) }
		}, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(took) != 2 || took[0] != 2*time.Second || took[1] != 2*time.Second {
			s.Errorf("two attempts of two seconds took %v", took)
		}
		if len(delivered) != 1 || !about(delivered[0], 9*time.Second) { // with the wait between them
			s.Errorf("it went out after %v", delivered)
		}
	})
}

func TestWhatIsMootIsDoneWithoutBeingSent(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook"}
		counted := ""
		s.start(func(l *publisher.Loop) {
			l.Prepare = func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
				return publisher.Delivery{Seq: r.Seq}, fmt.Errorf("%w: it is over", publisher.ErrMoot)
			}
			l.Count = func(_, result string) { counted += result + " " }
		}, hook)
		s.post(incident.Post{Channel: "hook", Key: "INC-2026-0001/notice/1"})
		synctest.Wait()
		if got := hook.got(); len(got) != 0 || counted != "moot " {
			s.Errorf("got %v, counted as %q", got, counted)
		}
		if q := s.queue("hook"); q.Waiting != 0 || q.Dead != 0 {
			s.Errorf("the queue is %+v", q)
		}
	})
}

// A pager hears of what begins and ends alone, and who unsubscribed of nothing.
func TestWhatAChannelNeedNotSendIsNotCountedAsSent(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook", answer: func(context.Context, publisher.Delivery) error {
			return fmt.Errorf("%w: it unsubscribed", publisher.ErrMoot)
		}}
		counted, delivered := "", 0
		s.start(func(l *publisher.Loop) {
			l.Count = func(_, result string) { counted += result + " " }
			l.Delivered = func(string, time.Duration) { delivered++ }
		}, hook)
		s.post(incident.Post{Channel: "hook", Key: "INC-2026-0001/1"})
		synctest.Wait()
		if got := hook.got(); len(got) != 1 || counted != "moot " || delivered != 0 {
			s.Errorf("got %v, counted as %q, %d delivered", got, counted, delivered)
		}
		if q := s.queue("hook"); q.Waiting != 0 || q.Dead != 0 {
			s.Errorf("the queue is %+v", q)
		}
	})
}

func TestARowWaitsForItsEventToBeApplied(t *testing.T) {
	tests := []struct {
		name    string
		channel string
		key     string
	}{{"a page", "status", ""}, {"a message", "hook", "a"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				c := &fake{name: tt.channel}
				var applied atomic.Uint64
				s.start(func(l *publisher.Loop) {
					l.Prepare = func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
						d := publisher.Delivery{Seq: applied.Load()}
						if d.Seq < r.Seq && r.Key != "" {
							// What Prepare says of an update that it does not find.
							return d, fmt.Errorf("update %s is not public: %w", r.Key, publisher.ErrPermanent)
						}
						return d, nil
					}
				}, c)
				s.post(incident.Post{Channel: tt.channel, Key: tt.key}, incident.Post{Channel: "nobody", Key: "a"})
				time.Sleep(time.Second)
				applied.Store(1)
				time.Sleep(time.Second)
				got := c.got()
				if len(got) != 1 || got[0].attempt != 1 || got[0].after > 1100*time.Millisecond {
					s.Errorf("got %v, want one call a moment after the event was applied", got)
				}
				// A board that lags behind the row is early, too.
				s.post(incident.Post{Channel: tt.channel, Key: tt.key + "2"})
				if n := len(c.got()); n != 1 {
					s.Error("it was published from a board without its event")
				}
				applied.Store(2)
				time.Sleep(time.Second)
				if got := c.got(); len(got) != 2 || got[1].seq != 2 {
					s.Errorf("got %v", got)
				}
			})
		})
	}
}

func TestAnEventThatIsNeverAppliedFailsInTheEnd(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook"}
		s.start(func(l *publisher.Loop) {
			l.Prepare = func(context.Context, publisher.Row) (publisher.Delivery, error) {
				return publisher.Delivery{}, nil
			}
		}, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"})
		time.Sleep(8 * time.Second)
		if n := s.counted("hook failed"); n != 1 {
			s.Errorf("counted %d failures", n)
		}
	})
}

func TestAPageMovesOnToTheNewestEvent(t *testing.T) {
	tell(t, func(s *story) {
		page := &fake{name: "status", answer: func(ctx context.Context, _ publisher.Delivery) error {
			time.Sleep(10 * time.Second)
			return nil
		}}
		s.start(nil, page)
		s.post(incident.Post{Channel: "status"})
		time.Sleep(time.Second)
		s.post(incident.Post{Channel: "status"}) // while the first is rendered
		s.post(incident.Post{Channel: "status"})
		time.Sleep(time.Minute)
		want := []call{{"", 1, 1, 0}, {"", 3, 1, 10 * time.Second}}
		if got := page.got(); !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestAPageIsRenewedWithoutAnEvent(t *testing.T) {
	tell(t, func(s *story) {
		page, hook := &fake{name: "status"}, &fake{name: "hook"}
		s.start(nil, page, hook)
		for range 3 {
			time.Sleep(time.Minute)
			s.loop.Renew("status")
			synctest.Wait()
		}
		want := []call{{"", 0, 1, time.Minute}, {"", 0, 1, 2 * time.Minute}, {"", 0, 1, 3 * time.Minute}}
		if got := page.got(); !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
		if len(hook.got()) != 0 || s.queue("status").Waiting != 0 {
			s.Error("renewing a page touched something else")
		}
	})
}

func TestACrashBetweenSendAndReceiptRepeatsTheSameKey(t *testing.T) {
	tests := []struct {
		point string
		calls int // in the first life
		again int // in the second
	}{
		{"before send", 0, 1},
		{"after send", 1, 1},
		{"after receipt", 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.point, func(t *testing.T) {
			tell(t, func(s *story) {
				crash := make(chan struct{})
				defer close(crash)
				first := &fake{name: "hook"}
				reached := false
				s.start(func(l *publisher.Loop) {
					l.Point = func(name string) {
						if name == tt.point {
							reached = true
							<-crash // as if the process were no more
						}
					}
				}, first)
				s.post(incident.Post{Channel: "hook", Key: "a"})
				if !reached || len(first.got()) != tt.calls {
					s.Fatalf("reached %v, calls %v", reached, first.got())
				}
				// The first loop hangs and does nothing any more.
				second := &fake{name: "hook"}
				s.start(nil, second)
				time.Sleep(time.Minute)
				got := second.got()
				if len(got) != tt.again || len(got) == 1 && (got[0].key != "a" || got[0].seq != 1) {
					s.Errorf("after the crash: %v, want %d calls", got, tt.again)
				}
			})
		})
	}
}

func TestAStopEndsWhatIsUnderWay(t *testing.T) {
	tests := []struct {
		name   string
		answer func(ctx context.Context) error
		within time.Duration
		left   int // rows that are due at the next start
	}{
		{"that is almost done", func(ctx context.Context) error { time.Sleep(2 * time.Second); return nil }, 2 * time.Second, 1},
		{"that heeds its context", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 3 * time.Second, 2},
		{"that heeds nothing", func(ctx context.Context) error { time.Sleep(time.Minute); return nil }, 4 * time.Second, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				hook := &fake{name: "hook", answer: func(ctx context.Context, _ publisher.Delivery) error { return tt.answer(ctx) }}
				s.start(nil, hook)
				s.post(incident.Post{Channel: "hook", Key: "a"}, incident.Post{Channel: "hook", Key: "b"})
				began := time.Now()
				s.stop()
				if d := time.Since(began); d > tt.within {
					s.Errorf("it took %v to stop", d)
				}
				rows, _, err := s.db.Due(s.Context(), publisher.Ask{Channel: "hook", Now: time.Now(), N: 10})
				if err != nil || len(rows) != tt.left || rows[len(rows)-1].Attempts != 0 {
					s.Errorf("%v are due (%v), want %d", rows, err, tt.left)
				}
				if len(hook.got()) != 1 {
					s.Error("another delivery was begun")
				}
				time.Sleep(time.Minute) // what was left behind ends, too
			})
		})
	}
}

// forgetful is an outbox that cannot write for a while, as when the disk is
// full.
type forgetful struct {
	*store.DB
	until time.Time
}

func (f *forgetful) Done(ctx context.Context, id int64, seq uint64, receipt string, at time.Time) error {
	if time.Now().Before(f.until) {
		return errors.New("the disk is full")
	}
	return f.DB.Done(ctx, id, seq, receipt, at)
}

func TestAReceiptThatCannotBeStoredIsNotSentTwice(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook"}
		s.start(func(l *publisher.Loop) { l.Outbox = &forgetful{s.db, time.Now().Add(time.Hour)} }, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"})
		time.Sleep(2 * time.Hour)
		if got := hook.got(); len(got) != 1 {
			s.Errorf("got %v, want one call", got)
		}
		if q := s.queue("hook"); q.Waiting != 0 {
			s.Errorf("the queue is %+v", q)
		}
	})
}

func TestTwoChannelsOfOneNameAreRefused(t *testing.T) {
	l := &publisher.Loop{Channels: []publisher.Channel{&fake{name: "hook"}, &fake{name: "hook"}}}
	if err := l.Run(t.Context()); err == nil {
		t.Error("it ran")
	}
}

// many is a channel that brings each delivery to several targets.
type many struct {
	fake
	manner  publisher.Manner
	targets []string

	told []string // "key target", in the order of coming
	high int      // how many were under way at once, at most
	now  int
}

func (m *many) Manner() publisher.Manner { return m.manner }

func (m *many) Targets(_ context.Context, d publisher.Delivery) ([]string, error) {
	return m.targets, nil
}

func (m *many) Publish(ctx context.Context, d publisher.Delivery) (string, error) {
	m.mu.Lock()
	m.now++
	m.high = max(m.high, m.now)
	m.mu.Unlock()
	defer func() { m.mu.Lock(); m.now--; m.mu.Unlock() }()
	receipt, err := m.fake.Publish(ctx, d)
	if err == nil {
		m.mu.Lock()
		m.told = append(m.told, d.Key+" "+d.Target)
		m.mu.Unlock()
	}
	return receipt, err
}

func (m *many) toldAll() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(slices.Values(m.told))
}

// all gives whom was told what, in the order of coming.
func (m *many) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.told)
}

func (m *many) toldOf(target string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for _, t := range m.told {
		if key, who, _ := strings.Cut(t, " "); who == target {
			keys = append(keys, key)
		}
	}
	return keys
}

func (s *story) startMany(m *many) {
	m.began = time.Now()
	s.start(func(l *publisher.Loop) { l.Channels = append(l.Channels, m) })
}

func TestADeliveryIsSpreadOverItsTargets(t *testing.T) {
	tell(t, func(s *story) {
		m := &many{fake: fake{name: "mail"}, targets: []string{"a", "b", "c", "b"}}
		m.answer = func(_ context.Context, d publisher.Delivery) error {
			if d.Target == "b" && d.Attempt < 3 {
				return errors.New("451 try again")
			}
			return nil
		}
		s.startMany(m)
		s.post(incident.Post{Channel: "mail", Key: "x"})
		if got := m.toldAll(); !slices.Equal(got, []string{"x a", "x c"}) {
			s.Errorf("at once %q were told", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := m.toldAll(); !slices.Equal(got, []string{"x a", "x b", "x c"}) {
			s.Errorf("in the end %q were told, want each once", got)
		}
		if q := s.queue("mail"); q.Waiting != 0 || q.Dead != 0 {
			s.Errorf("the queue is %+v", q)
		}
	})
}

func TestNobodyToTellIsNoFailure(t *testing.T) {
	tell(t, func(s *story) {
		m := &many{fake: fake{name: "mail"}}
		s.startMany(m)
		s.post(incident.Post{Channel: "mail", Key: "x"})
		if q := s.queue("mail"); q.Waiting != 0 || q.Dead != 0 || len(m.got()) != 0 {
			s.Errorf("the queue is %+v after %v", q, m.got())
		}
	})
}

func TestOrderIsKeptForEachTargetAndIncident(t *testing.T) {
	tell(t, func(s *story) {
		m := &many{fake: fake{name: "mail"}, targets: []string{"good", "bad"}, manner: publisher.Manner{Lanes: 3, Ordered: true}}
		m.answer = func(_ context.Context, d publisher.Delivery) error {
			time.Sleep(time.Second)
			if d.Target == "bad" && d.Key == "1" && d.Attempt < 4 {
				return errors.New("451 try again")
			}
			return nil
		}
		s.startMany(m)
		for _, key := range []string{"1", "2", "3"} {
			s.post(incident.Post{Channel: "mail", Key: key})
		}
		time.Sleep(4 * time.Second)
		if got := m.toldOf("good"); !slices.Equal(got, []string{"1", "2", "3"}) {
			s.Errorf("within 4 s, the one without trouble was told %q", got)
		}
		if got := m.toldOf("bad"); len(got) != 0 {
			s.Errorf("%q overtook what waits to be tried again", got)
		}
		time.Sleep(time.Hour)
		if got := m.toldOf("bad"); !slices.Equal(got, []string{"1", "2", "3"}) {
			s.Errorf("the other was told %q", got)
		}
	})
}

func TestTheWorstGoesOutFirst(t *testing.T) {
	tell(t, func(s *story) {
		event := func(id incident.ID, severity rules.Severity, key string) incident.Event {
			return incident.Event{
				Incident: id, Kind: incident.Updated, Severity: severity, At: time.Now(),
				Posts: []incident.Post{{Channel: "hook", Key: key, Due: time.Now()}},
			}
		}
		if _, err := s.db.Append(s.Context(), incident.Batch{Recorded: time.Now(), Events: []incident.Event{
			event("INC-2026-0001", rules.P3, "mild"), event("INC-2026-0002", rules.P1, "bad"),
			event("INC-2026-0003", rules.P0, "worst"), event("INC-2026-0003", rules.P0, "INC-2026-0003/notice/1"),
		}}); err != nil {
			s.Fatal(err)
		}
		hook := &fake{name: "hook"}
		s.start(nil, hook)
		var keys []string
		for _, c := range hook.got() {
			keys = append(keys, c.key)
		}
		if want := []string{"INC-2026-0003/notice/1", "worst", "bad", "mild"}; !slices.Equal(keys, want) {
			s.Errorf("got %q, want %q", keys, want)
		}
	})
}

func TestAsManyAsThereAreLanesAreUnderWay(t *testing.T) {
	tell(t, func(s *story) {
		m := &many{fake: fake{name: "mail"}, manner: publisher.Manner{Lanes: 4}}
		for i := range 40 {
			m.targets = append(m.targets, fmt.Sprint(i))
		}
		m.answer = func(ctx context.Context, d publisher.Delivery) error {
			if d.Target == "0" { // it takes a lane for half a minute, and no more than that one
				<-ctx.Done()
				return ctx.Err()
			}
			time.Sleep(time.Second)
			return nil
		}
		s.startMany(m)
		s.post(incident.Post{Channel: "mail", Key: "x"})
		time.Sleep(14 * time.Second)
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.high != 4 || len(m.told) != 39 {
			s.Errorf("%d were under way at once, and %d are told after 14 s: want 4 and 39", m.high, len(m.told))
		}
	})
}

func TestATargetThatWantsNoMoreIsLeftAlone(t *testing.T) {
	tell(t, func(s *story) {
		gone := true
		hook := &fake{name: "hook", answer: func(context.Context, publisher.Delivery) error {
			if gone {
				return fmt.Errorf("410: %w", publisher.ErrGone)
			}
			return nil
		}}
		s.start(nil, hook)
		s.post(incident.Post{Channel: "hook", Key: "a"}, incident.Post{Channel: "hook", Key: "b"})
		s.post(incident.Post{Channel: "hook", Key: "c"})
		time.Sleep(time.Hour)
		if got := hook.got(); len(got) != 1 {
			s.Errorf("got %v, want one call", got)
		}
		q := s.queue("hook")
		if q.Dead != 3 || q.Waiting != 0 || !strings.Contains(q.Halted, "410") {
			s.Errorf("the queue is %+v, want three dead letters and the reason", q)
		}
		gone = false
		if n, err := s.db.Retry(s.Context(), store.Pick{Channel: "hook"}, time.Now(), nil); n != 3 || err != nil {
			s.Errorf("%d are to go out again (%v), want 3", n, err)
		}
		s.loop.Wake()
		synctest.Wait()
		if q := s.queue("hook"); q.Dead != 0 || q.Waiting != 0 || q.Halted != "" || len(hook.got()) != 4 {
			s.Errorf("the queue is %+v after %v", q, hook.got())
		}
	})
}

func TestACallIsTriedSoonAndGivenUpAfterAnHour(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "hook", answer: func(context.Context, publisher.Delivery) error { return errors.New("503") }}
		s.start(nil, hook)
		s.post(incident.Post{Channel: "hook", Key: "INC-2026-0001/notice/1"})
		time.Sleep(time.Minute)
		if n := len(hook.got()); n < 4 {
			s.Errorf("tried %d times in the first minute", n)
		}
		time.Sleep(2 * time.Hour)
		if q := s.queue("hook"); q.Dead != 1 || hook.got()[len(hook.got())-1].after > 70*time.Minute {
			s.Errorf("the queue is %+v after %v", q, hook.got())
		}
	})
}
