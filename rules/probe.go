package rules

import "time"

// Probe asks, from outside, whether something answers. Each check is a request
// of the probe's series, which has the probe's ID as its service; a check that
// fails is an error.
type Probe struct {
	ID        string
	Type      string        // "http" or "tls"
	Targets   []Target      // one a region at the most, as written
	Every     time.Duration // 5s … 1m; 15s by default
	Timeout   time.Duration // 1s … 10s, at most Every; 5s by default
	Expect    Expect        // http
	Gauges    []ProbeGauge  // http: figures read out of a JSON body
	UserAgent string        // http; "Tocsin" by default
	CAFile    string        // PEM roots to trust besides the system's; "" for none
	Pos       Pos
}

// Target is where a probe asks for one region.
type Target struct {
	Region  string
	Address string // http: an http(s) URL; tls: host:port
	Pos     Pos
}

// Expect is what an answer must be to count as good.
type Expect struct {
	Status []Codes       // 200 … 399 by default
	Within time.Duration // 0: no limit but the timeout
	JSON   []JSONCheck
}

// JSONCheck is a value that a JSON body must hold.
type JSONCheck struct {
	Path string // as gjson has it: services.#(name=="Database").status
	Any  []string
}

// ProbeGauge is a figure read out of a JSON body.
type ProbeGauge struct {
	Name   string
	Path   string
	Values map[string]float64 // what a text stands for; nil: the value is a number
}

// The gauges that every https and tls check gives.
const (
	GaugeCertificateDays = "certificate_days" // until the first certificate of the chain ends; below zero once it has
	GaugeHandshake       = "handshake_ms"     // how long the TLS handshake took
)

var builtInGauges = []string{GaugeCertificateDays, GaugeHandshake}
