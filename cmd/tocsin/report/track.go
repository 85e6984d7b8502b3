package report

import (
	"math"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// around is how much a chart shows before an incident began and after it ended.
const around = 30 * time.Minute

// A track keeps the last hour, or what the rule needs to look back to a
// beginning, of one rule and series. When it causes an incident, a recording
// begins with what is in it.
type track struct {
	key   seriesKey
	place int // among the findings of its newest round
	unit  plot.Unit
	under bool

	ring []sample
	next int

	judged, bad, unsure int

	recordings []*recording
	cell       *cell // of the ledger; nil if there is none
}

// seriesKey says which rule and which series.
type seriesKey struct{ rule, service, region string }

// sample is a finding, as a chart needs it.
type sample struct {
	minute  int32 // unix minute of its end; 0: none
	verdict evaluator.Verdict
	value   float32 // NaN: none
	limit   float32
}

// most is how long a track is, and how many samples a recording has; a longer
// one keeps only the worst of several minutes.
const (
	mostTracked  = 180
	mostRecorded = 960
)

func newTrack(key seriesKey, rule rules.Rule) *track {
	keep := around + rule.Window
	longest := time.Duration(0)
	for _, l := range rule.Levels {
		longest = max(longest, l.For)
	}
	n := int((keep + longest) / time.Minute)
	t := &track{key: key, unit: plot.UnitOf(rule.Signal), ring: make([]sample, min(max(n, 60), mostTracked))}
	t.under = len(rule.Levels) > 0 && rule.Levels[0].Under
	return t
}

// push takes the next minute's finding.
func (t *track) push(f *evaluator.Finding) {
	s := sample{minute: int32(f.At.Unix() / 60), verdict: f.Now, value: float32(f.Value), limit: float32(f.Limit)}
	if !f.Seen || math.IsInf(f.Value, 0) {
		s.value = float32(math.NaN())
	}
	t.judged++
	switch f.Now {
	case evaluator.Bad:
		t.bad++
	case evaluator.Unsure:
		t.unsure++
	case evaluator.Good:
	}
	t.ring[t.next] = s
	t.next = (t.next + 1) % len(t.ring)
	if len(t.recordings) > 0 {
		t.recordings = slices.DeleteFunc(t.recordings, func(r *recording) bool {
			if r.until > 0 && s.minute > r.until {
				r.running = false
				return true
			}
			r.add(s)
			return false
		})
	}
}

// recording is what a chart is made of: a track from around before the
// incident began until around after it ended.
type recording struct {
	track   *track
	samples []sample
	step    int32 // minutes a sample
	until   int32 // the last minute to be taken; 0: as long as the incident is open
	running bool
}

// record begins a recording, or goes on with an ended one.
func (t *track) record(r *recording, from time.Time) *recording {
	if r == nil {
		r = &recording{track: t, step: 1}
	}
	r.until = 0
	if r.running {
		return r
	}
	after := int32(from.Unix() / 60)
	if n := len(r.samples); n > 0 {
		after = r.samples[n-1].minute + r.step - 1
	}
	for i := range t.ring {
		if s := t.ring[(t.next+i)%len(t.ring)]; s.minute > after {
			r.add(s)
		}
	}
	r.running = true
	t.recordings = append(t.recordings, r)
	return r
}

func (r *recording) add(s sample) {
	s.minute -= s.minute % r.step
	if n := len(r.samples); n > 0 && r.samples[n-1].minute == s.minute {
		r.samples[n-1] = r.track.worse(r.samples[n-1], s)
		return
	}
	if r.samples = append(r.samples, s); len(r.samples) <= mostRecorded {
		return
	}
	all := r.samples
	r.samples, r.step = make([]sample, 0, mostRecorded), r.step*2
	for _, s := range all {
		r.add(s)
	}
}

// worse makes one sample of two: the worse verdict, the worse value.
func (t *track) worse(a, b sample) sample {
	rank := func(v evaluator.Verdict) int {
		return slices.Index([]evaluator.Verdict{evaluator.Unsure, evaluator.Good, evaluator.Bad}, v)
	}
	if rank(b.verdict) > rank(a.verdict) {
		a.verdict = b.verdict
	}
	x, y := float64(a.value), float64(b.value)
	if math.IsNaN(x) || !math.IsNaN(y) && (y > x) != t.under {
		a.value, a.limit = b.value, b.limit
	}
	return a
}

// signal makes the recording what a reader gets.
func (r *recording) signal(rule rules.Rule) Signal {
	own := rule.For(r.track.key.service, r.track.key.region)
	s := Signal{
		Rule: rule.ID, Service: r.track.key.service, Region: r.track.key.region, Signal: rule.Signal.String(), Unit: r.track.unit,
		Step: int(r.step), Levels: thresholds(own), Values: []*float32{},
	}
	s.moving = len(s.Levels) == 0 || slices.ContainsFunc(own.Levels, func(l rules.Level) bool { return l.Times != 0 })
	if len(s.Levels) > 0 {
		s.Recover = number(own.Recover.Limit)
	}
	if len(r.samples) == 0 {
		return s
	}
	first := r.samples[0].minute
	s.From = time.Unix(int64(first)*60, 0).UTC()
	verdicts := []byte{}
	for _, x := range r.samples {
		for at := first + int32(len(s.Values))*r.step; at < x.minute; at += r.step {
			s.Values, verdicts, s.limits = append(s.Values, nil), append(verdicts, '-'), append(s.limits, float32(math.NaN()))
		}
		var v *float32
		if x.value == x.value { // it is a number
			v = new(x.value)
		}
		s.Values, verdicts, s.limits = append(s.Values, v), append(verdicts, letter(x.verdict)), append(s.limits, x.limit)
	}
	s.Verdicts = string(verdicts)
	return s
}

// thresholds gives the levels that are fixed values.
func thresholds(rule rules.Rule) []Threshold {
	out := []Threshold{}
	if k := rule.Signal.Kind; k == rules.KindBurnRate || k == rules.KindSilence {
		return out
	}
	for _, l := range rule.Levels {
		if !math.IsInf(l.Limit, 0) && (l.Limit != 0 || l.Times == 0) {
			out = append(out, Threshold{l.Severity, l.Limit, l.Under})
		}
	}
	return out
}

// tally is an incident in the making.
type tally struct {
	id         incident.ID
	steps      []Step
	posts      []Post
	reopened   []time.Time
	internal   time.Time // since when it was known before it concerned customers
	explained  incident.ID
	worst      seriesKey // what first brought it to its peak
	peak       rules.Severity
	recordings map[seriesKey]*recording
}

// mostRecordings bounds the causes of one incident that are recorded; a worse
// one always is.
const mostRecordings = 16

// step notes a severity. An incident that demands nothing and is not over
// stands where it stood.
func (t *tally) step(at, told time.Time, s rules.Severity, over bool) {
	if s == rules.SeverityNone && !over {
		return
	}
	n := len(t.steps)
	if n > 0 && t.steps[n-1].At.Equal(at) { // several things in one minute are one step
		t.steps, n = t.steps[:n-1], n-1
	}
	if n > 0 && t.steps[n-1].Severity == s || n == 0 && s == rules.SeverityNone {
		return
	}
	t.steps = append(t.steps, Step{at, s, told})
}

// cause has a breach recorded from now on, unless enough are.
func (t *tally) cause(tr *track, s rules.Severity, began time.Time) {
	if tr == nil {
		return
	}
	if s > t.peak {
		t.worst, t.peak = tr.key, s
	} else if t.recordings[tr.key] == nil && len(t.recordings) >= mostRecordings {
		return
	}
	t.recordings[tr.key] = tr.record(t.recordings[tr.key], began.Add(-around))
}

// over lets the recordings run on for a while, those that will be shown.
func (t *tally) over(at time.Time) {
	for key, r := range t.recordings {
		if key.rule != t.worst.rule {
			r.until = 1 // ends with the next minute
			delete(t.recordings, key)
			continue
		}
		r.until = int32(at.Add(around).Unix() / 60)
	}
}

// again goes on with the recordings.
func (t *tally) again() {
	for _, r := range t.recordings {
		r.track.record(r, time.Time{})
	}
}
