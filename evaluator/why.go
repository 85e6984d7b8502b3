package evaluator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// why says in one sentence what a person can check in the store.
func (j *judge) why(f Finding, r *ring, c *condition, a answer) string {
	s := j.facts(f, r, c, a)
	if f.Held != rules.SeverityNone {
		s += fmt.Sprintf("; %s has held for %d min", f.Held, c.forMin)
		if len(c.confirm) > 0 {
			s += ", confirmed by " + strings.Join(c.confirm, " or ")
		}
	}
	return s
}

func (j *judge) facts(f Finding, r *ring, c *condition, a answer) string {
	t := c.any[0].long
	span := stretch(f.At, t.window)
	switch j.rule.Signal.Kind {
	case rules.KindGauge:
		if !a.seen {
			return fmt.Sprintf("no %s in %s", t.gauge, span)
		}
		return fmt.Sprintf("%s is %s at %s, against %s", t.gauge, number(a.value), f.At.Format("15:04 UTC"), number(t.limit))
	case rules.KindSilence:
		return j.silenceFacts(f, a, span)
	case rules.KindRequestRate:
		if !a.seen {
			return "nothing to compare in " + span
		}
		return fmt.Sprintf("%d requests in %s%s: %s a minute, against %s", a.k, span, sampled(a.k, r.scale), number(a.value), number(a.limit))
	}
	if a.n == 0 {
		return "no requests in " + span
	}
	return j.shareFacts(f, r, c, a)
}

// shareFacts tells of so many requests out of so many.
func (j *judge) shareFacts(f Finding, r *ring, c *condition, a answer) string {
	t := c.any[0].long
	span := stretch(f.At, t.window)
	what := "failed"
	switch j.rule.Signal.Kind {
	case rules.KindStatusShare:
		what = "were answered with " + codes(j.rule.Signal.Codes)
	case rules.KindQuantile:
		what = "took longer than " + time.Duration(c.limit).String()
	case rules.KindBurnRate:
		span = "the pair of windows that burns fastest"
		if d := j.rule.Signal.Slow; d > 0 {
			what = "took longer than " + d.String()
		}
	}
	s := fmt.Sprintf("%d of %d requests %s in %s%s: %s, at least %s with %s confidence, against %s",
		a.k, a.n, what, span, sampled(a.k, r.scale), percent(a.value), percent(Lower(a.k, a.n, j.z)), percent(j.rule.Confidence), percent(a.limit))
	if t.times > 0 && a.limit > t.limit {
		s += fmt.Sprintf(" (%s times the %s of the %s that ended %s before)", number(t.times), percent(a.limit/t.times),
			spell(t.span), spell(t.ago))
	}
	switch j.rule.Signal.Kind {
	case rules.KindQuantile:
		s += fmt.Sprintf("; %s is %s", j.rule.Signal, time.Duration(f.Value).Round(time.Millisecond))
	case rules.KindBurnRate:
		s += fmt.Sprintf("; the budget of %s burns %s times as fast as it may, against %s",
			percent(1-j.rule.Signal.Objective), number(f.Value), number(f.Limit))
	}
	return s
}

func (j *judge) silenceFacts(f Finding, a answer, span string) string {
	switch {
	case a.verdict == Bad:
		return fmt.Sprintf("no request for %s min up to %s, after %d in the hour before, while others go on",
			number(a.value), f.At.Format("15:04 UTC"), a.n)
	case a.verdict == Good:
		return fmt.Sprintf("%d requests in %s", a.n, span)
	case a.n > 0:
		return fmt.Sprintf("no requests in %s, which with %d in the hour before is no wonder yet", span, a.n)
	}
	return "nothing from anywhere in " + span
}

// sampled says how many real requests stored ones stand for, with the 95 %
// interval of a count of which a share s = 1/scale is kept:
// k/s ± 1.96·√(k(1−s))/s.
func sampled(k uint64, scale float64) string {
	if scale <= 1 {
		return ""
	}
	kf, share := float64(k), 1/scale
	return fmt.Sprintf(" (%s is sampled: about %s ± %s real ones)", percent(share), number(kf*scale), number(1.96*math.Sqrt(kf*(1-share))*scale))
}

func codes(cs []rules.Codes) string {
	var all []string
	for _, c := range cs {
		s := strconv.Itoa(int(c.From))
		if c.To != c.From {
			s += "–" + strconv.Itoa(int(c.To))
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// stretch writes the window that ends at at.
func stretch(at time.Time, window int) string {
	from := at.Add(-time.Duration(window) * time.Minute)
	if window >= 24*60 {
		return from.Format("2006-01-02 15:04") + "–" + at.Format("2006-01-02 15:04 UTC")
	}
	return from.Format("15:04") + "–" + at.Format("15:04 UTC")
}

func spell(minutes int) string {
	switch {
	case minutes%(24*60) == 0:
		return fmt.Sprintf("%d d", minutes/24/60)
	case minutes%60 == 0:
		return fmt.Sprintf("%d h", minutes/60)
	}
	return fmt.Sprintf("%d min", minutes)
}

// percent writes a ratio with three digits that count.
func percent(v float64) string { return number(v*100) + " %" }

// number writes a figure with three digits that count.
func number(v float64) string {
	digits := 2 - int(math.Floor(math.Log10(max(math.Abs(v), 1e-6))))
	scale := math.Pow(10, float64(min(max(digits, 0), 6)))
	return strconv.FormatFloat(math.Round(v*scale)/scale, 'f', -1, 64)
}
