package sample

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestFeedHandsOutEverySpanOnceAndWhenItIsDue(t *testing.T) {
	traffic := Traffic{Seed: 5, PerMinute: 100, Outages: []Outage{{Kind: Slow, Latency: 20 * time.Second, From: noon}}}
	const delay = 10 * time.Second
	want := map[string]bool{}
	for s := range spots(traffic.minutes(3)...) {
		want[s.span.TraceID().String()+s.span.SpanID().String()] = true
	}

	feed := traffic.Feed(noon, delay)
	last, streams := noon, 0
	for at := noon; at.Before(noon.Add(3 * time.Minute)); at = at.Add(7 * time.Second) {
		for s := range spots(feed.Until(at)) {
			due := s.span.EndTimestamp().AsTime().Add(delay)
			if due.After(at) || !due.After(last) && !last.Equal(noon) {
				t.Fatalf("a span that is due at %s came between %s and %s", due, last, at)
			}
			delete(want, s.span.TraceID().String()+s.span.SpanID().String())
		}
		last = at
	}
	if len(want) == 0 {
		t.Fatal("nothing is late: the test shows nothing")
	}
	for s := range spots(feed.Until(noon.Add(2 * time.Hour))) {
		id := s.span.TraceID().String() + s.span.SpanID().String()
		if want[id] && s.route() == stream.pattern {
			streams++
		}
		delete(want, id)
	}
	if len(want) > 0 || streams == 0 {
		t.Errorf("%d spans never came; %d late streams", len(want), streams)
	}
}

func TestArrivedKeepsResources(t *testing.T) {
	tr := Traffic{PerMinute: 200, Version: "v1"}.Minute(noon)
	n := tr.SpanCount()
	now, later := Arrived(tr, noon.Add(30*time.Second), 0)
	if now.SpanCount() == 0 || later.SpanCount() == 0 || now.SpanCount()+later.SpanCount() != n {
		t.Errorf("%d spans parted into %d and %d", n, now.SpanCount(), later.SpanCount())
	}
	for _, part := range []ptrace.Traces{now, later} {
		for s := range spots(part) {
			if text(s.resource, "service.version") != "v1" || s.region() == "" {
				t.Fatalf("a span lost its resource: %v", s.resource.AsRaw())
			}
		}
	}
}

func TestFeedOfHistoryGoesOnIntoThePresent(t *testing.T) {
	traffic := Traffic{Seed: 5, PerMinute: 100}
	whole, parted := traffic.Feed(noon, 0), traffic.Feed(noon, 0)
	end := noon.Add(5*time.Minute + 20*time.Second)
	want := whole.Until(end).SpanCount()
	got, last := 0, noon.Add(-time.Minute)
	for at, tr := range parted.Through(noon.Add(3*time.Minute + 10*time.Second)) {
		if !at.After(last) || at.Sub(last) > time.Minute {
			t.Errorf("after %s comes %s", last, at)
		}
		got, last = got+tr.SpanCount(), at
	}
	if got += parted.Until(end).SpanCount(); got != want {
		t.Errorf("%d spans in parts, %d at once", got, want)
	}
}
