package evaluator

// coarse is the step, in minutes, at which windows longer than an hour begin:
// so far back only every fifth running total is kept.
const coarse = 5

// exact is the longest window, in minutes, that begins at any minute.
const exact = 60

// track holds what was counted in the newest minutes as running totals: the sum
// over any window is the difference of two of them, however long it is. Totals
// wrap around; a difference is right as long as the window's own sum fits.
type track struct {
	n     int      // how many counters
	fine  []uint32 // totals at the end of the newest minutes, n for each
	wide  int      // how many counters long windows need; they are the first ones
	steps []uint32 // totals at the newest boundaries of coarse minutes, wide for each; none if no window needs them

	first, upto int64 // unix minutes of the oldest and the newest that were counted; 0: none
}

// newTrack makes room for so many minutes and, for the first wide counters, for
// boundaries as far back as reach minutes.
func newTrack(n, wide, minutes, reach int) track {
	t := track{n: n, wide: wide, fine: make([]uint32, n*(minutes+1))}
	if reach > minutes {
		t.steps = make([]uint32, wide*(reach/coarse+2))
	}
	return t
}

// boundaries is how many of them are kept.
func (t *track) boundaries() int64 { return int64(len(t.steps) / t.wide) }

func (t *track) minutes() int64 { return int64(len(t.fine) / t.n) }

// at gives the totals at the end of a minute that is in fine.
func (t *track) at(minute int64) []uint32 {
	i := int(minute%t.minutes()) * t.n
	return t.fine[i : i+t.n]
}

// step gives the totals at a boundary.
func (t *track) step(boundary int64) []uint32 {
	i := int(boundary%t.boundaries()) * t.wide
	return t.steps[i : i+t.wide]
}

// total gives one counter's total at the end of a minute: exactly where the
// minute is in fine or ends at a boundary, else at the nearest known before it.
func (t *track) total(minute int64, counter int) uint32 {
	minute = min(minute, t.upto)
	switch oldest := t.upto - t.minutes() + 1; {
	case t.first == 0 || minute < t.first:
		return 0
	case minute >= oldest:
		return t.at(minute)[counter]
	case counter >= t.wide || t.steps == nil:
		return t.at(max(oldest, t.first))[counter]
	}
	b := max((minute+1)/coarse, (t.upto+1)/coarse-t.boundaries()+1)
	if b*coarse-1 < t.first {
		return 0
	}
	return t.step(b)[counter]
}

// sum gives what one counter counted in the n minutes that end with last. A
// window longer than an hour begins at the boundary before its begin.
func (t *track) sum(last int64, n, counter int) uint64 {
	from := last - int64(n) + 1
	if n > exact {
		from -= from % coarse
	}
	return t.counted(from-1, last, counter)
}

// counted gives what one counter counted after one minute up to another: half a
// day at a time, since the totals of a busy series wrap around sooner than its
// longest window ends.
func (t *track) counted(after, last int64, counter int) (n uint64) {
	const most = 12 * 60
	to := t.total(last, counter)
	for last > after {
		last = max(last-most, after)
		from := t.total(last, counter)
		n += uint64(to - from)
		to = from
	}
	return n
}

// between gives what one counter counted from the boundary before from to the
// boundary before to, both unix minutes.
func (t *track) between(from, to int64, counter int) uint64 {
	return t.counted(from-from%coarse-1, to-to%coarse-1, counter)
}

// set makes a minute's counts what values say (nil: zero), whatever they were.
// A minute that lies too far back to tell what they were is left alone.
func (t *track) set(minute int64, values []uint32) {
	switch {
	case minute > t.upto && values == nil, minute < t.first && values == nil:
		return
	case t.first == 0:
		t.first, t.upto = minute, minute
		copy(t.at(minute), make([]uint32, t.n))
		t.mark(minute)
	case minute > t.upto:
		t.extend(minute)
	case minute <= t.upto-t.minutes()+1:
		return
	case minute < t.first:
		t.first = minute
	}
	was := make([]uint32, 0, 8)
	for c := range t.n {
		was = append(was, t.total(minute, c)-t.total(minute-1, c))
	}
	for m := minute; m <= t.upto; m++ {
		shift(t.at(m), values, was)
	}
	if t.steps == nil {
		return
	}
	for b := (minute + coarse) / coarse; b <= (t.upto+1)/coarse; b++ {
		shift(t.step(b), values, was)
	}
}

func shift(totals, values, was []uint32) {
	for c := range totals {
		if values != nil {
			totals[c] += values[c]
		}
		totals[c] -= was[c]
	}
}

// extend carries the totals on up to a minute.
func (t *track) extend(minute int64) {
	totals := append(make([]uint32, 0, 8), t.at(t.upto)...)
	before := t.upto
	t.upto = minute
	for m := max(before+1, minute-t.minutes()+1); m <= minute; m++ {
		copy(t.at(m), totals)
	}
	if t.steps == nil {
		return
	}
	newest := (minute + 1) / coarse
	for b := max((before+1)/coarse+1, newest-t.boundaries()+1); b <= newest; b++ {
		copy(t.step(b), totals)
	}
}

// mark notes the totals of the first minute if it ends at a boundary.
func (t *track) mark(minute int64) {
	if t.steps != nil && (minute+1)%coarse == 0 {
		copy(t.step((minute+1)/coarse), t.at(minute))
	}
}
