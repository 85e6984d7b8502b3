package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// period reads --from and --to, nil where they are not given. settled is the
// newest minute that no late span will change any more; nothing is replayed
// beyond it.
func period(from, to *string, settled time.Time, zone *time.Location) (begin, end time.Time, err error) {
	end = settled
	if to != nil {
		if end, err = moment(*to, settled, zone); err != nil {
			return begin, end, fmt.Errorf("--to: %w", err)
		}
	}
	if end.After(settled) {
		return begin, end, fmt.Errorf("--to: %s is not over, or so new that late spans may change it: want %s or earlier, or leave it out",
			end.In(zone).Format(time.RFC3339), settled.In(zone).Format(time.RFC3339))
	}
	begin = end.Add(-usualReplay)
	if from != nil {
		if begin, err = moment(*from, settled, zone); err != nil {
			return begin, end, fmt.Errorf("--from: %w", err)
		}
	}
	if !begin.Before(end) {
		return begin, end, fmt.Errorf("--from: %s is not before the end, %s", begin.In(zone).Format(time.RFC3339), end.In(zone).Format(time.RFC3339))
	}
	return begin, end, nil
}

var ago = regexp.MustCompile(`^(\d{1,5})([wdhm])$`)

const wantMoment = `want a time such as 2026-11-20, "2026-11-20 14:00", 2026-11-20T14:00:00+01:00, or how long ago, as in 30d, 12h or 90m`

// moment reads a time as people write it, to the whole minute. Times without a
// zone of their own are as in the configuration: one that comes twice, or never,
// is a mistake.
func moment(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if m := ago.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1])
		t := now.UTC()
		switch m[2] {
		case "w":
			t = t.AddDate(0, 0, -7*n)
		case "d":
			t = t.AddDate(0, 0, -n)
		case "h":
			t = t.Add(-time.Duration(n) * time.Hour)
		case "m":
			t = t.Add(-time.Duration(n) * time.Minute)
		}
		if _, err := rules.ParseTime(t.Format(time.RFC3339), time.UTC); err != nil {
			return time.Time{}, fmt.Errorf("%s ago: %w", s, err)
		}
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return rules.ParseTime(t.Truncate(time.Minute).Format(time.RFC3339), zone)
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return rules.ParseTime(t.Format("2006-01-02 15:04"), zone)
		}
	}
	return time.Time{}, fmt.Errorf("%s; found %q", wantMoment, s)
}
