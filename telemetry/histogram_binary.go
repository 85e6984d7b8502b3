package telemetry

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

var (
	_ encoding.BinaryMarshaler   = Histogram{}
	_ encoding.BinaryUnmarshaler = (*Histogram)(nil)
)

// histogramFormat is the first byte of what MarshalBinary writes. It is on
// people's disks: another layout gets another number.
const histogramFormat = 1

// MarshalBinary writes the histogram in two to four bytes a bucket, so that
// minutes can be kept for weeks: the distance from the bucket before, from one
// up, and the count, both as varints. An empty histogram is no bytes at all.
func (h Histogram) MarshalBinary() ([]byte, error) {
	if len(h.cells) == 0 {
		return []byte{}, nil
	}
	b := make([]byte, 1, 1+4*len(h.cells))
	b[0] = histogramFormat
	before := -1
	for _, c := range h.cells {
		b = binary.AppendUvarint(b, uint64(int(c.bucket)-before))
		b = binary.AppendUvarint(b, uint64(c.count))
		before = int(c.bucket)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote. Anything else is an error and
// leaves h as it was.
func (h *Histogram) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		h.cells = nil
		return nil
	}
	if b[0] != histogramFormat {
		return fmt.Errorf("a histogram of format %d, where this version knows format %d", b[0], histogramFormat)
	}
	b = b[1:]
	cells := make([]cell, 0, min(len(b)/2, math.MaxUint16+1)) // no cell takes less than two bytes
	for before := -1; len(b) > 0; {
		distance, n := binary.Uvarint(b)
		if n <= 0 || distance == 0 || distance > uint64(math.MaxUint16-before) {
			return errors.New("a histogram whose buckets do not rise")
		}
		count, m := binary.Uvarint(b[n:])
		if m <= 0 || count == 0 || count > math.MaxUint32 {
			return errors.New("a histogram with a count that cannot be")
		}
		before += int(distance)
		cells = append(cells, cell{uint16(before), uint32(count)})
		b = b[n+m:]
	}
	if len(cells) == 0 {
		return errors.New("a histogram that ends after its first byte")
	}
	h.cells = cells
	return nil
}
