package sample

import "time"

// access is what a route asks of its caller.
type access uint8

const (
	open   access = iota // nothing, or a password
	apiKey               // a key that is looked up in the database
	jwt                  // a token that says who and which organisation
)

// route is one kind of request.
type route struct {
	pattern  string // http.route; "" where nothing matches
	method   string
	access   access
	weight   float64       // its share of requests, of the sum of weights
	median   time.Duration // of how long it takes
	database float64       // share of requests that ask the database
	refused  float64       // share of requests that answer 4xx
	refusal  int64         // with this code
	flags    int64         // evaluations: how many flags; 0 for other routes
}

// name is the span's name: the pattern without the method.
func (r route) name() string {
	if r.pattern == "" {
		return "/"
	}
	return r.pattern
}

var (
	routes = []route{
		{"/v1/evaluate", "POST", apiKey, 46, 4 * time.Millisecond, 0.03, 0.004, 401, 1},
		{"/v1/evaluate/bulk", "POST", apiKey, 8, 9 * time.Millisecond, 0.03, 0.004, 401, 12},
		{"/v1/client/{envKey}/flags", "GET", apiKey, 16, 6 * time.Millisecond, 0.05, 0.006, 401, 40},
		{"/v1/track", "POST", apiKey, 8, 3 * time.Millisecond, 0.02, 0.002, 429, 0},
		{"/v1/projects/{projectID}/flags", "GET", jwt, 9, 14 * time.Millisecond, 1, 0.01, 403, 0},
		{"/v1/projects/{projectID}/flags/{flagKey}", "PUT", jwt, 3, 22 * time.Millisecond, 1, 0.03, 422, 0},
		{"/v1/projects/{projectID}/environments", "GET", jwt, 3, 11 * time.Millisecond, 1, 0.01, 403, 0},
		{"/v1/projects/{projectID}/segments", "GET", jwt, 2, 12 * time.Millisecond, 1, 0.01, 404, 0},
		{"/v1/auth/login", "POST", open, 1.5, 95 * time.Millisecond, 1, 0.08, 401, 0},
		{"/v1/auth/refresh", "POST", open, 2, 8 * time.Millisecond, 1, 0.03, 401, 0},
		{"/v1/status", "GET", open, 0.5, 3 * time.Millisecond, 0, 0, 0, 0},
		{"", "GET", open, 1, 300 * time.Microsecond, 0, 1, 404, 0},
	}
	health  = route{pattern: "/health", method: "GET", median: 200 * time.Microsecond}
	stream  = route{pattern: "/v1/stream/{envKey}", method: "GET", access: apiKey}
	console = route{pattern: "/v1/console/live", method: "GET", access: jwt}
)

var sumOfWeights = func() float64 {
	sum := 0.0
	for _, r := range routes {
		sum += r.weight
	}
	return sum
}()

// pick gives the route at x, 0 … 1, on the line of all weights.
func pick(x float64) route {
	x *= sumOfWeights
	for _, r := range routes {
		if x -= r.weight; x < 0 {
			return r
		}
	}
	return routes[0]
}
