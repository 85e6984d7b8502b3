package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A test that needs a process of its own starts this test binary again as the
// program, with childEnv set. killEnv then names a point and how often it is
// passed until the process kills itself there ("after append:3"), or how long
// after the third append it does ("any moment:3:1.5ms").
const (
	childEnv = "TOCSIN_TEST_IS_THE_PROGRAM"
	killEnv  = "TOCSIN_TEST_KILL_AT"
)

// quick ends a program that the race detector watches at once: else it sleeps
// for a second before it does.
const quick = "GORACE=atexit_sleep_ms=0"

// program is this test binary as the program, in a process that ends with the
// test.
func program(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"=1", quick)
	return cmd
}

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, killer(os.Getenv(killEnv))))
}

// killer gives the function that ends the process at a named point.
func killer(at string) func(string) {
	if at == "" {
		return nil
	}
	f := strings.Split(at, ":")
	n, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		panic(err)
	}
	name, kill := f[0], func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // not one instruction more
	}
	if name == "any moment" {
		after, err := time.ParseDuration(f[2])
		if err != nil {
			panic(err)
		}
		name, kill = "before append", func() {
			time.AfterFunc(after, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
	}
	var left atomic.Int64
	left.Store(n)
	return func(point string) {
		if point == name && left.Add(-1) == 0 {
			kill()
		}
	}
}
