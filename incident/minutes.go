package incident

import (
	"errors"
	"math/bits"
	"time"
)

// PerDay is how many minutes a day has. Days are UTC's: none is longer or shorter.
const PerDay = 24 * 60

// Minutes is a set of the minutes of one day. It is a value.
type Minutes [(PerDay + 63) / 64]uint64

// Between gives the set of the minutes from one to another, which is no part of it.
// What lies outside the day is left out.
func Between(from, to int) Minutes {
	var m Minutes
	from, to = max(from, 0), min(to, PerDay)
	for w := from / 64; w*64 < to; w++ {
		word := ^uint64(0)
		if low := from - w*64; low > 0 {
			word &= ^uint64(0) << low
		}
		if high := to - w*64; high < 64 {
			word &= 1<<high - 1
		}
		m[w] = word
	}
	return m
}

// Has reports whether a minute is in the set.
func (m *Minutes) Has(minute int) bool {
	return minute >= 0 && minute < PerDay && m[minute/64]&(1<<(minute%64)) != 0
}

// Len is how many minutes are in the set.
func (m *Minutes) Len() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// Or gives what is in either set.
func (m Minutes) Or(o Minutes) Minutes {
	for w := range m {
		m[w] |= o[w]
	}
	return m
}

// And gives what is in both sets.
func (m Minutes) And(o Minutes) Minutes {
	for w := range m {
		m[w] &= o[w]
	}
	return m
}

// Less gives what is in the set and not in the other.
func (m Minutes) Less(o Minutes) Minutes {
	for w := range m {
		m[w] &^= o[w]
	}
	return m
}

// bytesOfDay is how long a set is when it is written down.
const bytesOfDay = PerDay / 8

// Bytes writes the set down: a bit a minute, the lowest of a byte first.
func (m *Minutes) Bytes() []byte {
	b := make([]byte, bytesOfDay)
	for i := range b {
		b[i] = byte(m[i/8] >> (i % 8 * 8))
	}
	return b
}

// ReadMinutes reads what Bytes wrote.
func ReadMinutes(b []byte) (m Minutes, err error) {
	if len(b) != bytesOfDay {
		return m, errors.New("a set of a day's minutes is 180 bytes long")
	}
	for i, x := range b {
		m[i/8] |= uint64(x) << (i % 8 * 8)
	}
	return m, nil
}

// DayOf numbers days: how many there were from 1970-01-01 UTC to the one that
// holds a time.
func DayOf(at time.Time) int {
	n := at.Unix()
	if n < 0 {
		return int((n - 86399) / 86400)
	}
	return int(n / 86400)
}

// Midnight gives the beginning of a day by its number.
func Midnight(day int) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }
