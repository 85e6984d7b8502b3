// Package telemetry is what happened: minutes. Whatever the source, one minute
// of one series is a count of requests, a count of errors and a histogram of
// durations that adds and subtracts exactly.
//
// The folders below it are the sources. Nothing here does I/O.
package telemetry

import (
	"cmp"
	"time"
)

// Series says whose minutes they are.
type Series struct {
	Service string
	Region  string // a region's code, or the attribute's value where no region declares it
	Stream  string // which spans: rules.Stream.String; "" is every entry span
}

// Compare orders series by service, region and stream.
func (s Series) Compare(t Series) int {
	return cmp.Or(cmp.Compare(s.Service, t.Service), cmp.Compare(s.Region, t.Region), cmp.Compare(s.Stream, t.Stream))
}

// Other is the service under which a source counts what lies beyond its limit
// of series.
const Other = "other"

// Range is the time [From, To), both whole minutes.
type Range struct{ From, To time.Time }

// Minute is one minute of one series.
type Minute struct {
	Series    Series
	Start     time.Time // UTC, a whole minute
	Requests  uint64
	Errors    uint64
	Matches   uint64             // of the stream's codes; 0 if it asks for none
	Durations Histogram          // may count fewer than Requests: unusable durations are left out
	Gauges    map[string]float64 // what a probe found out besides: days until the certificate ends, …
}
