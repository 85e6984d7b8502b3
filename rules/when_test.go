package rules

import (
	"strings"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	for _, test := range []struct{ zone, s, want string }{
		{"UTC", "2026-12-01 22:00", "2026-12-01T22:00:00Z"},
		{"UTC", "2026-12-01", "2026-12-01T00:00:00Z"},
		{"Europe/Berlin", "2026-12-01 22:00", "2026-12-01T21:00:00Z"},
		{"Europe/Berlin", "2026-07-01", "2026-06-30T22:00:00Z"},
		{"Asia/Kolkata", "2026-07-01 03:15", "2026-06-30T21:45:00Z"},
		{"Asia/Kolkata", "2028-02-29", "2028-02-28T18:30:00Z"},
		{"Europe/Berlin", "2026-12-01T22:00:00Z", "2026-12-01T22:00:00Z"},
		{"Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z"},
		{"Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"},
		{"Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-03-29 01:59", "2026-03-29T00:59:00Z"},
		{"Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z"},
		{"Etc/GMT+12", "2026-01-01", "2026-01-01T12:00:00Z"},
	} {
		got, why := parseTime(test.s, zone(t, test.zone))
		if why != "" || !got.Equal(moment(t, test.want)) || got.Location() != time.UTC {
			t.Errorf("%s in %s is %s (%s), want %s", test.s, test.zone, got, why, test.want)
		}
	}
	for _, test := range []struct{ zone, s, want string }{
		{"UTC", "tomorrow", `want a time, as in 2026-12-01 22:00, 2026-12-01 or 2026-12-01T22:00:00+01:00; found "tomorrow"`},
		{"UTC", "2026-02-29", "want a time"},
		{"UTC", "2026-12-01 24:00", "want a time"},
		{"UTC", "2026-12-01T22:00", "want a time"},
		{"UTC", "01.12.2026", "want a time"},
		{"UTC", "1999-12-31", "want a year from 2000 to 2199"},
		{"UTC", "2200-01-01", "want a year from 2000 to 2199"},
		{"UTC", "9999-12-31T23:59:59-23:59", "want a year from 2000 to 2199"},
		{"UTC", "2026-12-01T22:00:30Z", "want a whole minute"},
		{"Europe/Berlin", "2026-03-29 02:30", "2026-03-29 02:30 does not exist in Europe/Berlin, where the clock jumps from 02:00 to 03:00: write 2026-03-29 03:00"},
		{
			"Europe/Berlin", "2026-10-25 02:30",
			"2026-10-25 02:30 comes twice in Europe/Berlin, where the clock is put back: write 2026-10-25T02:30:00+02:00 for the first time or 2026-10-25T02:30:00+01:00 for the second",
		},
		{"America/New_York", "2026-03-08 02:00", "jumps from 02:00 to 03:00: write 2026-03-08 03:00"},
		{"America/New_York", "2026-11-01 01:59", "write 2026-11-01T01:59:00-04:00 for the first time or 2026-11-01T01:59:00-05:00"},
		{"Asia/Beirut", "2026-03-29", "2026-03-29 00:00 does not exist in Asia/Beirut, where the clock jumps from 00:00 to 01:00: write 2026-03-29 01:00"},
		{"Australia/Lord_Howe", "2026-10-04 02:15", "jumps from 02:00 to 02:30: write 2026-10-04 02:30"},
		{"Pacific/Apia", "2011-12-30 12:00", "write 2011-12-31 00:00"},
	} {
		if got, why := parseTime(test.s, zone(t, test.zone)); !strings.Contains(why, test.want) {
			t.Errorf("%s in %s is %s and gives %q, want %q", test.s, test.zone, got, why, test.want)
		}
	}
}

func TestClocks(t *testing.T) {
	for s, want := range map[string]int{"00:00": 0, "03:05": 185, "23:59": 1439} {
		if got, ok := parseClock(s); !ok || got != want {
			t.Errorf("parseClock(%q) = %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "3:00", "24:00", "03:60", "03", "03:0", "-1:00", "03:00:00", "003:00", "3 :00", "٠٣:٠٠"} {
		if got, ok := parseClock(s); ok {
			t.Errorf("parseClock(%q) = %d", s, got)
		}
	}
	for _, s := range []string{"", "Local", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "Europe", "CEST"} {
		if z, ok := parseZone(s); ok {
			t.Errorf("parseZone(%q) = %v", s, z)
		}
	}
}

// In any zone, a time reads back as itself or is a mistake that names times
// which do; and weekly work covers exactly what lies between its bounds.
func FuzzZone(f *testing.F) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "Asia/Beirut", "Africa/Casablanca", "Europe/Dublin"} {
		f.Add(name, int64(1_774_744_200), uint16(150), uint16(60), byte(1))
		f.Add(name, int64(1_792_891_800), uint16(1439), uint16(4320), byte(0b1000))
		f.Add(name, int64(1_325_239_200), uint16(0), uint16(1), byte(0b1111111))
	}
	f.Fuzz(func(t *testing.T, name string, unix int64, at, long uint16, days byte) {
		z, ok := parseZone(name)
		if !ok {
			return
		}
		now := time.Unix(unix, 0).UTC()
		if now.Year() <= firstYear || now.Year() >= lastYear {
			return
		}
		readsBack(t, now.Truncate(time.Minute), z)
		m := Maintenance{Weekly: Weekly{At: time.Duration(at%1440) * time.Minute, For: time.Duration(long%4320+1) * time.Minute, Zone: z}}
		for day := range 7 {
			if days&(1<<day) != 0 {
				m.Weekly.Days = append(m.Weekly.Days, time.Weekday(day))
			}
		}
		if len(m.Weekly.Days) > 0 {
			coversItself(t, m, now)
		}
	})
}

func readsBack(t *testing.T, at time.Time, z *time.Location) {
	t.Helper()
	s := at.In(z).Format(wallLayout)
	switch got, why := parseTime(s, z); {
	case why == "" && !got.Equal(at):
		t.Errorf("%s in %s reads as %s, want %s", s, z, got, at)
	case why != "" && !strings.Contains(why, "comes twice") && at.Year() > firstYear && at.Year() < lastYear:
		t.Errorf("%s, which clocks in %s show at %s: %s", s, z, at, why)
	case strings.Contains(why, "comes twice") && !strings.Contains(why, at.In(z).Format(time.RFC3339)):
		t.Errorf("%s does not offer %s", why, at.In(z).Format(time.RFC3339))
	}
	if got, why := parseTime(at.In(z).Format(time.RFC3339), z); why != "" || !got.Equal(at) {
		t.Errorf("%s reads as %s, %s", at.In(z).Format(time.RFC3339), got, why)
	}
}

func coversItself(t *testing.T, m Maintenance, now time.Time) {
	t.Helper()
	next, end, ok := m.Next(now)
	if !ok || end.Sub(next) != m.Weekly.For || !now.Before(end) || next.Sub(now) > 9*24*time.Hour {
		t.Fatalf("after %s comes %s … %s (%v) of %+v", now, next, end, ok, m.Weekly)
	}
	for _, at := range []time.Time{next, end.Add(-1)} {
		if from, to, ok := m.Span(at); !ok || at.Before(from) || !at.Before(to) {
			t.Errorf("%s lies in %s … %s (%v) of %+v", at, from, to, ok, m.Weekly)
		}
	}
	from, to, ok := m.Span(now)
	if ok != !now.Before(next) || ok && (from != next || to != end) {
		t.Errorf("%s lies in %s … %s (%v), and the next is %s … %s", now, from, to, ok, next, end)
	}
	if from := next.Add(-1); now.Before(next) {
		if s, _, ok := m.Span(from); ok {
			t.Errorf("%s, before the next at %s, lies in one from %s", from, next, s)
		}
	}
}
