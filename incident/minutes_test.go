package incident_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
)

// model is a set of minutes as anybody would write it.
type model map[int]bool

func (m model) set() (s incident.Minutes) {
	for n := range m {
		s = s.Or(incident.Between(n, n+1))
	}
	return s
}

func same(t *testing.T, what string, got incident.Minutes, want func(minute int) bool) {
	t.Helper()
	n := 0
	for minute := -70; minute < incident.PerDay+70; minute++ {
		in := minute >= 0 && minute < incident.PerDay && want(minute)
		if got.Has(minute) != in {
			t.Fatalf("%s: minute %d is in it: %v", what, minute, got.Has(minute))
		}
		if in {
			n++
		}
	}
	if got.Len() != n {
		t.Fatalf("%s has %d minutes, want %d", what, got.Len(), n)
	}
}

func TestASetOfMinutesIsASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1440))
	for range 300 {
		a, b := model{}, model{}
		for range r.IntN(1500) {
			a[r.IntN(incident.PerDay)], b[r.IntN(incident.PerDay)] = true, true
		}
		same(t, "a", a.set(), func(n int) bool { return a[n] })
		same(t, "a or b", a.set().Or(b.set()), func(n int) bool { return a[n] || b[n] })
		same(t, "a and b", a.set().And(b.set()), func(n int) bool { return a[n] && b[n] })
		same(t, "a less b", a.set().Less(b.set()), func(n int) bool { return a[n] && !b[n] })
		from, to := r.IntN(1700)-130, r.IntN(1700)-130
		same(t, "between", incident.Between(from, to), func(n int) bool { return n >= from && n < to })
		written := a.set()
		read, err := incident.ReadMinutes(written.Bytes())
		if err != nil || read != a.set() {
			t.Fatalf("%v: it is read otherwise than it was written", err)
		}
	}
	for _, edge := range [][2]int{{0, 0}, {0, 1}, {0, 64}, {63, 65}, {64, 128}, {1439, 1440}, {0, 1440}, {-5, 2000}, {1440, 1500}, {1440, 1441}, {-9, 0}, {-1, 0}, {700, 600}} {
		same(t, "between", incident.Between(edge[0], edge[1]), func(n int) bool { return n >= edge[0] && n < edge[1] })
	}
	if _, err := incident.ReadMinutes(make([]byte, 179)); err == nil {
		t.Error("half a set is read as one")
	}
}

func TestDaysAreUTCs(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{
		time.Date(2026, 3, 29, 2, 30, 0, 0, berlin), // does not exist
		time.Date(2026, 10, 25, 2, 30, 0, 0, berlin),
		time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC),
		time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		midnight := incident.Midnight(incident.DayOf(at))
		if want := at.UTC().Truncate(24 * time.Hour); !midnight.Equal(want) {
			t.Errorf("%s is of the day of %s, want %s", at, midnight, want)
		}
	}
	if a, b := incident.DayOf(time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC)), incident.DayOf(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)); b != a+1 {
		t.Errorf("the year ends with the day %d and begins with %d", a, b)
	}
}
