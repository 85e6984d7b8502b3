package email

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/publisher"
)

func TestAPaceSpacesMessagesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := newPace(60), time.Now()
		for range 10 {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != 9*time.Second {
			t.Errorf("ten messages at sixty a minute took %v", d)
		}
		time.Sleep(time.Hour) // a pause is not made up for
		start = time.Now()
		for range 3 {
			_ = p.wait(t.Context())
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("after a pause, three messages took %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := p.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beyond its time: %v", err)
		}
	})
}

func TestATurnTooFarOffIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(3)
		_ = p.wait(t.Context())
		go func() { _ = p.wait(t.Context()) }()
		synctest.Wait()
		err := p.wait(t.Context())
		if later, ok := errors.AsType[*publisher.RetryAfter](err); !ok || later.Wait != 40*time.Second {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
	})
}
