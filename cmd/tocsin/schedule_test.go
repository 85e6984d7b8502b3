package main

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The minute that closes while a tick is under way is not left for the next.
func TestAMinuteThatClosesDuringATickIsLookedAtAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.Sleep(45 * time.Second)
		var began []string
		done := make(chan error)
		go func() {
			done <- schedule(ctx, time.Minute, func() {
				began = append(began, time.Now().Format("15:04:05"))
				if len(began) == 1 {
					time.Sleep(29 * time.Second)
				}
			})
		}()
		time.Sleep(3 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if want := []string{"00:00:45", "00:01:14", "00:02:00", "00:03:00"}; !slices.Equal(began, want) {
			t.Errorf("ticks at %v, want %v", began, want)
		}
	})
}
