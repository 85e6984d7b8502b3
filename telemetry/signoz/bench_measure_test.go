package signoz

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/telemetry/embedded"
)

// Each measure is taken so many times, after some that do not count. They take
// turns, so that whatever else the machine does hits all alike.
const (
	benchWarmups = 2
	benchRounds  = 9
)

// asked is a statement with what is sent beside it.
type asked struct {
	sql              string
	params, settings map[string]string
}

// measure is one line of the table: what some statements cost together.
type measure struct {
	name    string
	queries []asked

	took, cpu []time.Duration // of each round that counts
	rows      uint64
	bytes     uint64
	out       int
}

// takeTurns runs all measures in turns. Each round begins with another of them.
func takeTurns(ctx context.Context, e *embedded.Engine, all []*measure) error {
	for round := range benchWarmups + benchRounds {
		for i := range all {
			m := all[(i+round)%len(all)]
			if err := m.once(ctx, e, round >= benchWarmups); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

func (m *measure) once(ctx context.Context, e *embedded.Engine, counts bool) error {
	m.rows, m.bytes, m.out = 0, 0, 0
	var took time.Duration
	before := cpuTime()
	for _, q := range m.queries {
		res, err := e.Query(ctx, q.sql, "Native", q.params, q.settings)
		if err != nil {
			return err
		}
		took += res.Elapsed
		m.rows += res.RowsRead
		m.bytes += res.BytesRead
		m.out += len(res.Body)
	}
	if counts {
		m.took = append(m.took, took)
		m.cpu = append(m.cpu, cpuTime()-before)
	}
	return nil
}

// cpuTime is what this process has used of all cores. Nothing else runs in it,
// and on a machine with other work it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (m *measure) String() string {
	return fmt.Sprintf("%-58s %9.1f %9.1f %9.1f %11d %9.1f %9.1f",
		m.name, ms(median(m.took)), ms(slices.Min(m.took)), ms(median(m.cpu)), m.rows, float64(m.bytes)/1e6, float64(m.out)/1e3)
}

const measureHead = "                                                              ClickHouse time, ms        CPU        rows      MB        kB\n" +
	"                                                              median   fastest     ms        read       read    answered"

func median[T cmp.Ordered](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// over gives how many times as much a measure took as another, in ClickHouse's
// time and in CPU time: the medians of the rounds' own ratios, since in one round
// the machine was in one state.
func (m *measure) over(other *measure) ratio {
	return ratio{time: quotient(m.took, other.took), cpu: quotient(m.cpu, other.cpu)}
}

type ratio struct{ time, cpu float64 }

func quotient(a, b []time.Duration) float64 {
	each := make([]float64, len(a))
	for i := range each {
		each[i] = float64(a[i]) / float64(b[i])
	}
	return median(each)
}

// goal is what DESIGN.md, section 6, asks of a ratio.
type goal struct {
	limit   float64
	atLeast bool
}

func (g goal) judge(ratio float64) string {
	met := ratio <= g.limit
	if g.atLeast {
		met = ratio >= g.limit
	}
	if met {
		return "met"
	}
	return "missed"
}

func (g goal) String() string {
	if g.atLeast {
		return fmt.Sprintf("at least %g", g.limit)
	}
	return fmt.Sprintf("at most %g", g.limit)
}

func TestGoalsAreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		goal  goal
		ratio float64
		want  string
	}{
		"below what is allowed": {goal{limit: 1.5}, 1.4, "met"},
		"at what is allowed":    {goal{limit: 1.5}, 1.5, "met"},
		"above it":              {goal{limit: 1.5}, 1.6, "missed"},
		"above what is asked":   {goal{100, true}, 130, "met"},
		"at what is asked":      {goal{100, true}, 100, "met"},
		"below it":              {goal{100, true}, 60, "missed"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.goal.judge(c.ratio); got != c.want {
				t.Errorf("%v, asked to be %v, is %s, want %s", c.ratio, c.goal, got, c.want)
			}
		})
	}
}
