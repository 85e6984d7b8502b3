package rules

import (
	"slices"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, ok := parseZone(name)
	if !ok {
		t.Fatalf("no zone %s", name)
	}
	return z
}

func moment(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func weekly(z *time.Location, at, long time.Duration, days ...time.Weekday) Maintenance {
	return Maintenance{Weekly: Weekly{Days: days, At: at, For: long, Zone: z}}
}

var everyDay = []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}

// Each case names the stretch that a moment lies in, "" for none.
func TestSpan(t *testing.T) {
	berlin, kolkata := zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")
	once := Maintenance{From: moment(t, "2026-12-01T21:00:00Z"), To: moment(t, "2026-12-02T01:00:00Z")}
	bounded := weekly(time.UTC, 23*time.Hour, 2*time.Hour, time.Saturday)
	bounded.From, bounded.To = moment(t, "2026-06-06T00:00:00Z"), moment(t, "2026-06-14T00:30:00Z") // Saturday; Sunday, eight days later
	for _, test := range []struct {
		name     string
		m        Maintenance
		at       string
		from, to string
	}{
		{"before work that comes once", once, "2026-12-01T20:59:59Z", "", ""},
		{"as it begins", once, "2026-12-01T21:00:00Z", "2026-12-01T21:00:00Z", "2026-12-02T01:00:00Z"},
		{"before it ends", once, "2026-12-02T00:59:59Z", "2026-12-01T21:00:00Z", "2026-12-02T01:00:00Z"},
		{"as it ends", once, "2026-12-02T01:00:00Z", "", ""},

		{"in winter, by the clock", weekly(berlin, 3*time.Hour, time.Hour, time.Sunday), "2026-01-04T02:30:00Z", "2026-01-04T02:00:00Z", "2026-01-04T03:00:00Z"},
		{"in summer, by the clock", weekly(berlin, 3*time.Hour, time.Hour, time.Sunday), "2026-07-05T01:30:00Z", "2026-07-05T01:00:00Z", "2026-07-05T02:00:00Z"},
		{"on another day", weekly(berlin, 3*time.Hour, time.Hour, time.Sunday), "2026-07-06T01:30:00Z", "", ""},
		{"at an hour that the clock jumps over", weekly(berlin, 150*time.Minute, time.Hour, time.Sunday), "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		{"the hour before that jump", weekly(berlin, 150*time.Minute, time.Hour, time.Sunday), "2026-03-29T00:59:59Z", "", ""},
		{"over an hour that the clock jumps over", weekly(berlin, 90*time.Minute, 2*time.Hour, time.Sunday), "2026-03-29T02:29:59Z", "2026-03-29T00:30:00Z", "2026-03-29T02:30:00Z"},
		{"at an hour that comes twice, the first time", weekly(berlin, 150*time.Minute, time.Hour, time.Sunday), "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		{"at an hour that comes twice, the second time", weekly(berlin, 150*time.Minute, time.Hour, time.Sunday), "2026-10-25T01:30:00Z", "", ""},
		{"over an hour that comes twice", weekly(berlin, 90*time.Minute, 2*time.Hour, time.Sunday), "2026-10-25T01:15:00Z", "2026-10-24T23:30:00Z", "2026-10-25T01:30:00Z"},

		{"in a zone of half an hour", weekly(kolkata, 3*time.Hour, time.Hour, time.Sunday), "2026-01-03T21:30:00Z", "2026-01-03T21:30:00Z", "2026-01-03T22:30:00Z"},
		{"a minute before, there", weekly(kolkata, 3*time.Hour, time.Hour, time.Sunday), "2026-01-03T21:29:59Z", "", ""},
		{"on that day in UTC, which is another there", weekly(kolkata, 3*time.Hour, time.Hour, time.Sunday), "2026-01-04T21:30:00Z", "", ""},

		{"after midnight", weekly(berlin, 23*time.Hour, 3*time.Hour, time.Wednesday), "2026-01-08T00:30:00Z", "2026-01-07T22:00:00Z", "2026-01-08T01:00:00Z"},
		{"after the week's end", weekly(time.UTC, 23*time.Hour, 3*time.Hour, time.Saturday), "2026-01-04T01:59:59Z", "2026-01-03T23:00:00Z", "2026-01-04T02:00:00Z"},
		{"days after it began", weekly(time.UTC, 23*time.Hour, 72*time.Hour, time.Friday), "2026-01-05T22:59:59Z", "2026-01-02T23:00:00Z", "2026-01-05T23:00:00Z"},
		{"at midnight", weekly(time.UTC, 0, time.Hour, time.Monday), "2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-05T01:00:00Z"},
		{"on the leap day", weekly(time.UTC, 12*time.Hour, time.Hour, time.Tuesday), "2028-02-29T12:30:00Z", "2028-02-29T12:00:00Z", "2028-02-29T13:00:00Z"},
		{"from the leap day into March", weekly(time.UTC, 23*time.Hour, 2*time.Hour, time.Tuesday), "2028-03-01T00:30:00Z", "2028-02-29T23:00:00Z", "2028-03-01T01:00:00Z"},
		{"from February into March of another year", weekly(time.UTC, 23*time.Hour, 2*time.Hour, time.Saturday), "2026-03-01T00:30:00Z", "2026-02-28T23:00:00Z", "2026-03-01T01:00:00Z"},
		{"on one of two days", weekly(time.UTC, 3*time.Hour, time.Hour, time.Tuesday, time.Thursday), "2026-01-08T03:00:00Z", "2026-01-08T03:00:00Z", "2026-01-08T04:00:00Z"},
		{"where midnight is jumped over", weekly(zone(t, "Asia/Beirut"), 30*time.Minute, time.Hour, time.Sunday), "2026-03-28T22:15:00Z", "2026-03-28T22:00:00Z", "2026-03-28T23:00:00Z"},

		{"before the first", bounded, "2026-05-30T23:30:00Z", "", ""},
		{"the first", bounded, "2026-06-07T00:30:00Z", "2026-06-06T23:00:00Z", "2026-06-07T01:00:00Z"},
		{"the last, which ends early", bounded, "2026-06-14T00:29:59Z", "2026-06-13T23:00:00Z", "2026-06-14T00:30:00Z"},
		{"after the early end", bounded, "2026-06-14T00:30:00Z", "", ""},
		{"after the last", bounded, "2026-06-20T23:30:00Z", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, to, ok := test.m.Span(moment(t, test.at))
			if test.from == "" {
				if ok {
					t.Errorf("%s lies in %s … %s, want none", test.at, from, to)
				}
				return
			}
			if !ok || !from.Equal(moment(t, test.from)) || !to.Equal(moment(t, test.to)) {
				t.Errorf("%s lies in %s … %s (%v), want %s … %s", test.at, from, to, ok, test.from, test.to)
			}
			if from.Location() != time.UTC || to.Location() != time.UTC {
				t.Errorf("%s … %s is not in UTC", from, to)
			}
		})
	}
}

func TestNextStretch(t *testing.T) {
	sunday := weekly(time.UTC, 3*time.Hour, time.Hour, time.Sunday)
	late := sunday
	late.From = moment(t, "2026-03-01T03:30:00Z") // a Sunday, as the work is going on
	ended := sunday
	ended.To = moment(t, "2026-02-01T00:00:00Z")
	once := Maintenance{From: moment(t, "2026-12-01T21:00:00Z"), To: moment(t, "2026-12-02T01:00:00Z")}
	for _, test := range []struct {
		name     string
		m        Maintenance
		at, from string
	}{
		{"work that comes once is next until it ends", once, "2026-01-01T00:00:00Z", "2026-12-01T21:00:00Z"},
		{"and is over afterwards", once, "2026-12-02T01:00:00Z", ""},
		{"what goes on is next", sunday, "2026-01-04T03:59:59Z", "2026-01-04T03:00:00Z"},
		{"what has just ended is a week away", sunday, "2026-01-04T04:00:00Z", "2026-01-11T03:00:00Z"},
		{"what began before the first bound does not count", late, "2026-01-01T00:00:00Z", "2026-03-08T03:00:00Z"},
		{"the last before the end", ended, "2026-01-24T00:00:00Z", "2026-01-25T03:00:00Z"},
		{"nothing comes after the end", ended, "2026-01-25T04:00:00Z", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, _, ok := test.m.Next(moment(t, test.at))
			if ok != (test.from != "") || ok && !from.Equal(moment(t, test.from)) {
				t.Errorf("after %s comes %s (%v), want %s", test.at, from, ok, test.from)
			}
		})
	}
}

// What clocks show minute by minute says the same as the calendar's arithmetic,
// in zones with every kind of jump.
func TestSpanAgreesWithTheClockOnTheWall(t *testing.T) {
	for _, test := range []struct{ zone, from, to string }{
		{"Europe/Berlin", "2026-03-27", "2026-03-31"},
		{"Europe/Berlin", "2026-10-23", "2026-10-27"},
		{"America/New_York", "2026-03-06", "2026-03-10"},
		{"Australia/Lord_Howe", "2026-04-03", "2026-04-07"}, // half an hour
		{"Antarctica/Troll", "2026-03-27", "2026-03-31"},    // two hours
		{"Pacific/Apia", "2011-12-28", "2012-01-02"},        // a day that never was
		{"Africa/Cairo", "2026-04-22", "2026-04-26"},        // at midnight
		{"Asia/Kolkata", "2028-02-27", "2028-03-02"},
	} {
		z := zone(t, test.zone)
		begin, end := moment(t, test.from+"T00:00:00Z"), moment(t, test.to+"T00:00:00Z")
		for _, at := range []int{0, 150, 1439} {
			for _, m := range []Maintenance{
				weekly(z, time.Duration(at)*time.Minute, 50*time.Minute, everyDay...),
				weekly(z, time.Duration(at)*time.Minute, 30*time.Hour, time.Sunday, time.Wednesday),
			} {
				var until time.Time
				for now := begin.Add(-m.Weekly.For); now.Before(end); now = now.Add(time.Minute) {
					if beginsAt(m, now) {
						until = now.Add(m.Weekly.For)
					}
					if _, _, got := m.Span(now); got != now.Before(until) && !now.Before(begin) {
						t.Errorf("%s, from %02d:%02d for %s: at %s it says %v", test.zone, at/60, at%60, m.Weekly.For, now.In(z), got)
					}
				}
			}
		}
	}
}

// beginsAt reports whether the clock comes to show that the work begins, or
// jumps over that.
func beginsAt(m Maintenance, t time.Time) bool {
	clock := func(t time.Time) time.Time { return shown(t.In(m.Weekly.Zone)) }
	now, before := clock(t), clock(t.Add(-time.Minute))
	for day := before.Truncate(24 * time.Hour); !day.After(now); day = day.AddDate(0, 0, 1) {
		begins := day.Add(m.Weekly.At)
		reached := now.Equal(begins) || before.Before(begins) && begins.Before(now)
		if reached && slices.Contains(m.Weekly.Days, day.Weekday()) && !shownBefore(clock, t, begins) {
			return true
		}
	}
	return false
}

// shownBefore reports whether the clock has been put back since it showed what
// it shows.
func shownBefore(clock func(time.Time) time.Time, t, begins time.Time) bool {
	for back := time.Minute; back <= 3*time.Hour; back += time.Minute {
		if clock(t.Add(-back)).Equal(begins) {
			return true
		}
	}
	return false
}

func TestMaintenanceCovers(t *testing.T) {
	at := moment(t, "2026-01-04T03:30:00Z")
	all := weekly(time.UTC, 3*time.Hour, time.Hour, time.Sunday)
	some := all
	some.Components, some.Regions = []string{"api"}, []string{"eu", "us"}
	for _, test := range []struct {
		name              string
		m                 Maintenance
		component, region string
		at                time.Time
		want              bool
	}{
		{"all components and regions", all, "web", "in", at, true},
		{"the one component", some, "api", "us", at, true},
		{"another component", some, "web", "eu", at, false},
		{"another region", some, "api", "in", at, false},
		{"another time", some, "api", "eu", at.Add(time.Hour), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.m.Covers(test.component, test.region, test.at); got != test.want {
				t.Errorf("covers %s/%s at %s: %v", test.component, test.region, test.at, got)
			}
		})
	}
}

func TestSilenceCovers(t *testing.T) {
	from, until := moment(t, "2026-01-01T00:00:00Z"), moment(t, "2026-02-01T00:00:00Z")
	s := Silence{Rules: Patterns{Any: []string{"api-*"}}, Services: Patterns{Not: []string{"web"}}, Regions: Patterns{Any: []string{"eu"}}, From: from, Until: until}
	for _, test := range []struct {
		name, rule, service, region string
		at                          time.Time
		want                        bool
	}{
		{"as it begins", "api-errors", "api", "eu", from, true},
		{"before it begins", "api-errors", "api", "eu", from.Add(-1), false},
		{"before it ends", "api-errors", "api", "eu", until.Add(-1), true},
		{"as it ends", "api-errors", "api", "eu", until, false},
		{"another rule", "web-errors", "api", "eu", from, false},
		{"a service that is left out", "api-errors", "web", "eu", from, false},
		{"another region", "api-errors", "api", "us", from, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := s.Covers(test.rule, test.service, test.region, test.at); got != test.want {
				t.Errorf("covers %v", got)
			}
		})
	}
	c := &Config{Silences: []Silence{{ID: "s", Rules: s.Rules, Until: until}}, Maintenance: []Maintenance{{ID: "m", Components: []string{"web"}, From: from, To: until}}}
	for _, test := range []struct {
		rule Rule
		want string
	}{
		{Rule{ID: "api-errors", Component: "api"}, "silence s"},
		{Rule{ID: "api-errors", Component: "web"}, "maintenance m"},
		{Rule{ID: "web-errors", Component: "api"}, ""},
	} {
		if got, _ := c.Muted(test.rule, "x", "eu", from); got != test.want {
			t.Errorf("%s of %s is muted by %q, want %q", test.rule.ID, test.rule.Component, got, test.want)
		}
	}
}
