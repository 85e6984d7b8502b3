package rules

import (
	"testing"
	"time"
)

// office is business from Monday to Friday, 9 to 18 o'clock, in a zone.
func office(t *testing.T, name string, holidays ...string) Calendar {
	t.Helper()
	c := DefaultCalendar(zone(t, name))
	c.Holidays = holidays
	return c
}

// all is business on every day of the week.
var all = []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}

func TestBusinessHours(t *testing.T) {
	berlin, kolkata := office(t, "Europe/Berlin", "2026-12-25"), office(t, "Asia/Kolkata")
	for _, test := range []struct {
		name string
		c    Calendar
		at   string
		open bool
	}{
		{"before business", berlin, "2026-06-01T08:59:59+02:00", false},
		{"its first moment", berlin, "2026-06-01T09:00:00+02:00", true},
		{"its last moment", berlin, "2026-06-01T17:59:59+02:00", true},
		{"its end", berlin, "2026-06-01T18:00:00+02:00", false},
		{"a Saturday", berlin, "2026-06-06T12:00:00+02:00", false},
		{"a holiday", berlin, "2026-12-25T12:00:00+01:00", false},
		{"the day after it, in winter", berlin, "2026-12-28T08:30:00Z", true},
		{"the same time elsewhere", kolkata, "2026-06-01T16:00:00+02:00", false},
		{"a Monday that is a Sunday in UTC", office(t, "Pacific/Auckland"), "2026-06-07T22:00:00Z", true},
		{"no business at all", Calendar{}, "2026-06-01T12:00:00Z", false},
		{"the end of a whole day", Calendar{Zone: time.UTC, Days: all, To: 24 * time.Hour}, "2026-06-01T23:59:59Z", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.c.Open(moment(t, test.at)); got != test.open {
				t.Errorf("open is %v", got)
			}
		})
	}
}

func TestTimeOfBusiness(t *testing.T) {
	berlin, kolkata, utc := office(t, "Europe/Berlin", "2026-12-24", "2026-12-25"), office(t, "Asia/Kolkata"), office(t, "UTC")
	night := Calendar{Zone: zone(t, "Europe/Berlin"), Days: []time.Weekday{time.Sunday}, From: 2 * time.Hour, To: 3 * time.Hour}
	half := Calendar{Zone: zone(t, "Europe/Berlin"), Days: []time.Weekday{time.Sunday}, From: 150 * time.Minute, To: 3 * time.Hour}
	cairo := Calendar{Zone: zone(t, "Africa/Cairo"), Days: all, From: 9 * time.Hour, To: 18 * time.Hour}
	around := Calendar{Zone: zone(t, "Europe/Berlin"), Days: all, To: 24 * time.Hour}
	rare := Calendar{Zone: time.UTC, Days: []time.Weekday{time.Monday}, From: 9 * time.Hour, To: 10 * time.Hour}
	for _, test := range []struct {
		name string
		c    Calendar
		from string
		add  time.Duration
		want string
	}{
		{"within a day", utc, "2026-06-01T10:00:00Z", 4 * time.Hour, "2026-06-01T14:00:00Z"},
		{"to the end of business", utc, "2026-06-01T14:00:00Z", 4 * time.Hour, "2026-06-01T18:00:00Z"},
		{"over the night", utc, "2026-06-01T17:30:00Z", time.Hour, "2026-06-02T09:30:00Z"},
		{"over the weekend", utc, "2026-06-05T17:30:00Z", time.Hour, "2026-06-08T09:30:00Z"},
		{"from a weekend", utc, "2026-06-06T12:00:00Z", time.Hour, "2026-06-08T10:00:00Z"},
		{"from an evening", utc, "2026-06-01T22:00:00Z", time.Hour, "2026-06-02T10:00:00Z"},
		{"from early morning", utc, "2026-06-01T03:00:00Z", time.Hour, "2026-06-01T10:00:00Z"},
		{"from the end of business", utc, "2026-06-01T18:00:00Z", time.Minute, "2026-06-02T09:01:00Z"},
		{"nothing, in business", utc, "2026-06-01T10:00:00Z", 0, "2026-06-01T10:00:00Z"},
		{"nothing, at night", utc, "2026-06-01T22:00:00Z", 0, "2026-06-02T09:00:00Z"},
		{"over holidays and a weekend", berlin, "2026-12-23T17:00:00+01:00", 2 * time.Hour, "2026-12-28T10:00:00+01:00"},
		{"in another zone", kolkata, "2026-06-01T12:00:00Z", time.Hour, "2026-06-02T09:30:00+05:30"},
		{"over the change to summer time", berlin, "2026-03-27T17:00:00+01:00", 2 * time.Hour, "2026-03-30T10:00:00+02:00"},
		{"over the change to winter time", berlin, "2026-10-23T17:00:00+02:00", 2 * time.Hour, "2026-10-26T10:00:00+01:00"},
		{"a day of 23 hours", around, "2026-03-29T00:00:00+01:00", 24 * time.Hour, "2026-03-30T01:00:00+02:00"},
		{"a day of 25 hours", around, "2026-10-25T00:00:00+02:00", 25 * time.Hour, "2026-10-26T00:00:00+01:00"},
		{"business that the clock jumps over", night, "2026-03-28T12:00:00Z", 30 * time.Minute, "2026-04-05T02:30:00+02:00"},
		{"business of which it jumps over the begin", half, "2026-03-28T12:00:00Z", 10 * time.Minute, "2026-04-05T02:40:00+02:00"},
		{"a midnight that does not come", cairo, "2026-04-23T18:00:00+02:00", time.Hour, "2026-04-24T10:00:00+03:00"},
		{"more than a year of little business", rare, "2026-06-01T09:00:00Z", 60 * time.Hour, "2027-07-19T10:00:00Z"},
		{"without any business", Calendar{}, "2026-06-01T10:00:00Z", time.Hour, "2026-06-01T11:00:00Z"},
		{"without a day", Calendar{Zone: time.UTC, From: 9 * time.Hour, To: 18 * time.Hour}, "2026-06-01T10:00:00Z", time.Hour, "2026-06-01T11:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, want := test.c.Add(moment(t, test.from), test.add), moment(t, test.want); !got.Equal(want) {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

func TestDaysOfBusiness(t *testing.T) {
	berlin, utc := office(t, "Europe/Berlin", "2026-12-24", "2026-12-25"), office(t, "UTC")
	for _, test := range []struct {
		name string
		c    Calendar
		from string
		days int
		want string
	}{
		{"the next day at the same time", utc, "2026-06-01T10:15:30Z", 1, "2026-06-02T10:15:30Z"},
		{"over the weekend", utc, "2026-06-05T16:00:00Z", 1, "2026-06-08T16:00:00Z"},
		{"from a weekend", utc, "2026-06-06T11:00:00Z", 1, "2026-06-08T11:00:00Z"},
		{"from before business", utc, "2026-06-01T03:00:00Z", 1, "2026-06-02T09:00:00Z"},
		{"from an evening", utc, "2026-06-01T22:00:00Z", 1, "2026-06-02T18:00:00Z"},
		{"several", utc, "2026-06-01T10:00:00Z", 10, "2026-06-15T10:00:00Z"},
		{"over holidays", berlin, "2026-12-23T10:00:00+01:00", 1, "2026-12-28T10:00:00+01:00"},
		{"over the change to summer time", berlin, "2026-03-27T10:00:00+01:00", 1, "2026-03-30T10:00:00+02:00"},
		{"an evening in UTC that is the next day there", office(t, "Asia/Kolkata"), "2026-06-01T20:00:00Z", 1, "2026-06-03T09:00:00+05:30"},
		{"without any business", Calendar{}, "2026-06-05T16:00:00Z", 2, "2026-06-07T16:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, want := test.c.AddDays(moment(t, test.from), test.days), moment(t, test.want); !got.Equal(want) {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// A calendar in which every day is a holiday has no business, and nothing waits
// for it for ever.
func TestACalendarOfHolidays(t *testing.T) {
	c, from := office(t, "UTC"), moment(t, "2026-06-05T16:00:00Z")
	for i := range 2 * farthest {
		c.Holidays = append(c.Holidays, from.AddDate(0, 0, i).Format(time.DateOnly))
	}
	if got := c.Add(from, time.Hour); !got.Equal(from.Add(time.Hour)) {
		t.Errorf("an hour later it is %s", got)
	}
	if got := c.AddDays(from, 3); !got.Equal(from.AddDate(0, 0, 3)) {
		t.Errorf("three days later it is %s", got)
	}
}

func TestBy(t *testing.T) {
	c, friday := office(t, "UTC"), moment(t, "2026-06-05T17:30:00Z")
	for _, test := range []struct {
		name   string
		policy Policy
		w      Within
		want   string
	}{
		{"an hour", Policy{}, Within{Time: time.Hour}, "2026-06-05T18:30:00Z"},
		{"an hour of business", Policy{Business: true}, Within{Time: time.Hour}, "2026-06-08T09:30:00Z"},
		{"a business day", Policy{}, Within{Days: 1}, "2026-06-08T17:30:00Z"},
		{"a business day, in hours of business", Policy{Business: true}, Within{Days: 1}, "2026-06-08T17:30:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, want := test.policy.By(c, friday, test.w), moment(t, test.want); !got.Equal(want) {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
