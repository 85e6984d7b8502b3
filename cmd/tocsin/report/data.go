package report

import (
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Data remembers when there was anything to judge: history may begin later than
// what was asked for.
type Data struct {
	spans, probes time.Time      // beginning of the oldest minute of each; zero: none
	quarters      map[int64]bool // of an hour, since zones are whole quarters from UTC
	newest        int64          // the quarter that the newest minute lies in: minutes come in order, nearly
}

// Saw takes a minute that a source has.
func (d *Data) Saw(m telemetry.Minute) {
	oldest := &d.spans
	if m.Series.Stream == rules.ProbeStream {
		oldest = &d.probes
	}
	if oldest.IsZero() || m.Start.Before(*oldest) {
		*oldest = m.Start
	}
	if q := m.Start.Truncate(quarter).Unix(); q != d.newest {
		if d.quarters == nil {
			d.quarters = map[int64]bool{}
		}
		d.quarters[q], d.newest = true, q
	}
}

const quarter = 15 * time.Minute

// has reports whether there was anything in the quarter of an hour that at lies
// in. Without a Data, there was.
func (d *Data) has(at time.Time) bool { return d == nil || d.quarters[at.Truncate(quarter).Unix()] }

// oldest is the beginning of the oldest minute of all.
func (d *Data) oldest() time.Time {
	if d.spans.IsZero() || !d.probes.IsZero() && d.probes.Before(d.spans) {
		return d.probes
	}
	return d.spans
}

// Rests says what the report rests on, before anything is added to it: nights
// are counted where there was data, and a reader learns where it begins.
func (r *Report) Rests(d *Data) {
	r.data = d
	said := func(t time.Time) string { return t.In(r.zone).Format("2 Jan 15:04") }
	oldest := d.oldest()
	if oldest.After(r.From) {
		r.Oldest = oldest.UTC()
		r.Note(fmt.Sprintf("The oldest request is of %s; before it nothing was judged.", said(oldest)))
	}
	if d.spans.After(r.From) && d.spans.After(oldest) {
		r.Note(fmt.Sprintf("The oldest span is of %s; before it only what probes saw was judged.", said(d.spans)))
	}
	if d.probes.After(r.From) && d.probes.After(oldest) {
		r.Note(fmt.Sprintf("The oldest request of a probe is of %s; before it only spans were judged.", said(d.probes)))
	}
}
